"""Files become one survey, or every reason why not, in one run."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import shapely
import survey_files as files
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely import LineString, Polygon
from survey_files import AREA, EVIDENCE, SEARCHED, STRIKES, Layer, at, square

from fadeout.errors import InputRefused, Problem
from fadeout.exchange.layers import RawLayer, key
from fadeout.jobs import intake
from fadeout.jobs.cells import parse_day
from fadeout.jobs.intake_tables import role_of
from fadeout.records import places
from fadeout.records.kinds import Survey
from fadeout.records.profile import Profile, load

TODAY = date(2026, 1, 15)
MAPS = Path(__file__).resolve().parents[2] / "docs" / "how-to" / "maps"


@pytest.fixture(scope="module")
def profile() -> Profile:
    return load()


@pytest.fixture
def read(tmp_path: Path, profile: Profile) -> Callable[..., Survey]:
    """Write layers (GeoPackage unless said otherwise) and read them back."""

    def reader(*layers: Layer, suffix: str = "gpkg", **options: Any) -> Survey:
        paths = files.write(tmp_path, suffix, *layers)
        return intake.read_survey(paths, **{"profile": profile, "today": TODAY, **options})

    return reader


def problems_of(call: Callable[[], object]) -> list[Problem]:
    with pytest.raises(InputRefused) as refused:
        call()
    return list(refused.value.problems)


def codes_of(call: Callable[[], object]) -> set[str]:
    return {problem.code for problem in problems_of(call)}


def facts(survey: Survey) -> dict[str, Any]:
    """What a survey says, without where it stood; coordinates to the decimetre, order by id."""

    def record(one: Any) -> tuple[Any, ...]:
        shape = getattr(one, "place", None) or one.shape
        rest = {name: value for name, value in vars(one).items() if name not in ("place", "shape", "origin")}
        ring = shapely.get_coordinates(shapely.normalize(shapely.set_precision(shape, 0.1)))
        return (one.id, [(round(x, 1), round(y, 1)) for x, y in ring.tolist()], rest)

    by_id = {
        name: sorted((record(one) for one in getattr(survey, name)), key=lambda found: found[0])
        for name in ("evidence", "searched", "strikes")
    }
    return {**by_id, "crs": survey.crs, "area": round(survey.area.area, -2), "notes": set(survey.notes)}


# --- what can be read ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", ["geojson", "kml", "kmz", "shp", "fgb", "xlsx", "csv"])
def test_the_same_survey_in_any_format_is_the_same_survey(
    tmp_path: Path, profile: Profile, read: Callable[..., Survey], suffix: str
) -> None:
    paths = files.write(tmp_path, suffix, *files.SURVEY)
    crs = files.UTM if suffix in ("xlsx", "csv") else None
    metric = files.UTM if suffix in files.DEGREES else None
    other = intake.read_survey(paths, profile=profile, today=TODAY, crs=crs, metric_crs=metric)
    assert facts(other) == facts(read(*files.SURVEY))


@pytest.mark.parametrize("suffix", ["gpkg", "xlsx"])
def test_layers_in_one_file_are_the_same_as_in_files_of_their_own(
    tmp_path: Path, profile: Profile, read: Callable[..., Survey], suffix: str
) -> None:
    paths = files.write(tmp_path, suffix, *files.SURVEY, stem="everything")
    together = intake.read_survey(paths, profile=profile, today=TODAY, crs=files.UTM)
    assert facts(together) == facts(read(*files.SURVEY))


def test_points_of_a_receiver_are_evidence(
    tmp_path: Path, profile: Profile, read: Callable[..., Survey]
) -> None:
    paths = files.write(tmp_path, "gpx", EVIDENCE) + files.write(tmp_path, "gpkg", SEARCHED, STRIKES, AREA)
    assert facts(intake.read_survey(paths, profile=profile, today=TODAY)) == facts(read(*files.SURVEY))


@pytest.mark.parametrize("place", ["xy", "latlon", "wkt"])
@pytest.mark.parametrize("decimal", [".", ","])
def test_a_place_may_stand_in_columns_with_either_decimal_sign(
    tmp_path: Path, profile: Profile, place: str, decimal: str
) -> None:
    path = tmp_path / "evidence.csv"
    decimal = "." if place == "wkt" else decimal
    files.write_csv(path, EVIDENCE, delimiter=";", decimal=decimal, place=place)
    others = files.write(tmp_path, "gpkg", SEARCHED, STRIKES, AREA)
    survey = intake.read_survey([path, *others], profile=profile, today=TODAY, crs=files.UTM)
    assert survey.evidence[0].place.distance(at(425, 425)) < 0.01


def test_latitude_first_is_read_when_told(tmp_path: Path, profile: Profile) -> None:
    path = tmp_path / "evidence.csv"
    path.write_text("id,x,y,how\nA,16.8,107.0,opportunistic\n")
    survey = intake.read_survey([path], profile=profile, today=TODAY, crs="EPSG:4326", order="lat,lon")
    assert survey.crs == "EPSG:32648"


@pytest.mark.parametrize(
    ("file", "layer", "role"),
    [
        ("evidence.csv", "evidence", "evidence"),
        ("MY_Searched.GeoJSON", "MY_Searched", "searched"),
        ("survey 2021 strikes.kml", "doc", "strikes"),
        ("searched_area.gpkg", "searched_area", "searched"),
        ("q.gpkg", "Evidence Points", "evidence"),
        ("study-area.kml", "x", "area"),
        ("notes.csv", "notes", None),
    ],
)
def test_a_layer_is_known_by_its_name_or_its_files(file: str, layer: str, role: str | None) -> None:
    assert role_of(RawLayer(file, layer, "CSV", {}, (), None, ())) == role


def test_without_an_area_the_hull_of_the_inputs_stands_in_and_says_so(read: Callable[..., Survey]) -> None:
    survey = read(EVIDENCE, SEARCHED, STRIKES)
    assert (survey.area_assumed, any("no area was given" in note for note in survey.notes)) == (True, True)


def test_the_utm_zone_of_the_inputs_is_kept(read: Callable[..., Survey]) -> None:
    assert read(*files.SURVEY).crs == files.UTM


def test_the_user_may_name_the_metric_crs(read: Callable[..., Survey]) -> None:
    assert read(*files.SURVEY, metric_crs="EPSG:32647").crs == "EPSG:32647"


def test_every_input_file_has_its_digest(read: Callable[..., Survey]) -> None:
    assert [len(source.sha256) for source in read(*files.SURVEY).sources] == [64] * 4


def test_made_up_data_are_stamped_so(read: Callable[..., Survey]) -> None:
    assert read(*files.SURVEY, simulated=True).stamp == "SIMULATED"


def test_a_strike_without_error_and_credibility_takes_the_profiles(
    read: Callable[..., Survey], profile: Profile
) -> None:
    strikes = Layer("strikes", ((at(450, 450), {"id": "S-1", "munition": "unknown"}),))
    (strike,) = read(AREA, strikes).strikes
    assert (strike.position_error_m, strike.credibility) == (
        profile.default_position_error_m,
        profile.default_credibility,
    )


def test_two_records_of_one_event_count_once_until_a_person_decides(read: Callable[..., Survey]) -> None:
    twin = STRIKES.plus(at(500, 450), id="S-2", struck_on="1972-06-20", munition="CBU24 AN PR/MT (BLU26)")
    survey = read(AREA, twin)
    assert ([s.duplicate_of for s in survey.strikes], "S-2" in " ".join(survey.notes)) == (["", "S-1"], True)


def test_a_person_may_keep_two_near_records_apart(read: Callable[..., Survey]) -> None:
    twin = STRIKES.plus(
        at(500, 450), id="S-2", struck_on="1972-06-20", munition="CBU24 AN PR/MT (BLU26)", duplicate_of="none"
    )
    assert [s.duplicate_of for s in read(AREA, twin).strikes] == ["", ""]


def test_records_of_different_years_are_different_events(read: Callable[..., Survey]) -> None:
    other = STRIKES.plus(at(460, 450), id="S-2", struck_on="1969-06-20", munition="CBU24 AN PR/MT (BLU26)")
    assert [s.duplicate_of for s in read(AREA, other).strikes] == ["", ""]


def test_a_stopped_box_takes_the_only_nameless_find_in_it(read: Callable[..., Survey]) -> None:
    nameless = EVIDENCE.but(1, searched_id=None)
    assert read(nameless, SEARCHED, AREA).evidence[0].searched_id == "B-1"


def test_a_stopped_box_whose_covered_share_is_known_is_a_partial_one(read: Callable[..., Survey]) -> None:
    known = SEARCHED.but(1, share_searched=0.4)
    (box_1, *_) = read(EVIDENCE, known, AREA).searched
    assert (box_1.outcome, box_1.share_searched) == ("partial", 0.4)


def test_a_stated_detection_goes_before_the_methods(read: Callable[..., Survey]) -> None:
    stated = SEARCHED.but(2, detection=0.33)
    assert read(EVIDENCE, stated, AREA).searched[1].detection == 0.33


def test_fragments_accidents_and_reports_are_kept_without_weight(read: Callable[..., Survey]) -> None:
    survey = read(*files.SURVEY)
    assert (survey.evidence[3].kind, any("no weight" in note for note in survey.notes)) == ("accident", True)


# --- what is refused -------------------------------------------------------------------------------------------------

TRACK = LineString([(files.WEST + 400, files.SOUTH + 300), (files.WEST + 600, files.SOUTH + 300)])
BOW = Polygon([(712000, 1860000), (712100, 1860100), (712100, 1860000), (712000, 1860100)])
E, S, K, A = EVIDENCE, SEARCHED, STRIKES, AREA

REFUSED: dict[str, tuple[tuple[Layer, ...], set[str]]] = {
    "an evidence point without id": ((E.but(3, id=None), S, A), {"intake.missing-value"}),
    "two evidence points of one id": ((E.but(3, id="EP-1"), S, A), {"intake.duplicate-id"}),
    "a date in the future": ((E.but(3, found_on="2031-01-01"), S, A), {"intake.future-date"}),
    "an unknown kind": ((E.but(3, kind="bomb"), S, A), {"intake.bad-value"}),
    "an unknown way of finding": ((E.but(3, how="luck"), S, A), {"intake.bad-value"}),
    "a count below one": ((E.but(3, count=0), S, A), {"intake.bad-count"}),
    "a negative position error": ((E.but(3, position_error_m=-1.0), S, A), {"intake.bad-value"}),
    "an unknown search": ((E.but(2, searched_id="B-9"), S, A), {"intake.unknown-search"}),
    "a search that an opportunistic find names": (
        (E.but(3, searched_id="B-2"), S, A),
        {"intake.contradiction"},
    ),
    "a find of a search that was not possible": (
        (E, S.but(2, outcome="not_searchable"), A),
        {"intake.contradiction"},
    ),
    "a find far from the search it names": ((E.but(2, at(900, 900)), S, A), {"intake.outside-searched"}),
    "a survey find on no searched ground": (
        (E.but(2, at(900, 900), searched_id=None), S, A),
        {"intake.outside-searched"},
    ),
    "survey finds without any searched ground": (
        (Layer("evidence", ((at(5, 5), {"id": "X"}),)), A),
        {"intake.outside-searched"},
    ),
    "a stopped box without a find": (
        (E.but(1, at(480, 420), searched_id="B-2"), S, A),
        {"intake.stopped-finds"},
    ),
    "a stopped box with two finds": (
        (E.but(2, at(430, 430), searched_id="B-1"), S, A),
        {"intake.stopped-finds"},
    ),
    "a stopped box whose find counts two": ((E.but(1, count=2), S, A), {"intake.stopped-finds"}),
    "an unknown method": ((E, S.but(2, method="detektor"), A), {"intake.unknown-method"}),
    "neither method nor detection": ((E, S.but(2, method=None), A), {"intake.missing-value"}),
    "detection in percent": ((E, S.but(2, detection=80.0), A), {"intake.percent"}),
    "detection above one hundred": ((E, S.but(2, detection=180.0), A), {"intake.bad-share"}),
    "detection below zero": ((E, S.but(2, detection=-0.2), A), {"intake.bad-share"}),
    "an unknown outcome": ((E, S.but(2, outcome="done"), A), {"intake.bad-value"}),
    "a partial search without share": ((E, S.but(3, share_searched=None), A), {"intake.missing-value"}),
    "a complete search with a share": ((E, S.but(2, share_searched=0.5), A), {"intake.contradiction"}),
    "a line without swath": ((E, S.plus(TRACK, id="T", method="visual"), A), {"intake.no-swath"}),
    "a line with swath zero": (
        (E, S.plus(TRACK, id="T", method="visual", swath_m=0.0), A),
        {"intake.bad-value"},
    ),
    "a polygon that crosses itself": ((E, S.plus(BOW, id="T", method="visual"), A), {"intake.bad-geometry"}),
    "an empty polygon": ((E, S.plus(Polygon(), id="T", method="visual"), A), {"intake.bad-geometry"}),
    "a point as searched ground": (
        (E, S.plus(at(1, 1), id="T", method="visual"), A),
        {"intake.bad-geometry"},
    ),
    "a polygon as evidence": ((E.plus(square(1, 1), id="P"), S, A), {"intake.bad-geometry"}),
    "evidence at 0/0": ((E.but(3, shapely.Point(0, 0)), S, A), {"intake.null-island"}),
    "evidence outside the area": ((E.but(3, at(3000, 0)), S, A), {"intake.outside-area"}),
    "a search in another country": ((E, S.but(3, square(300_000, 0)), A), {"intake.outside-area"}),
    "a record in another country": ((E, S, K.but(1, at(300_000, 0)), A), {"intake.outside-area"}),
    "a place off the map": ((E.but(3, shapely.Point(9e9, 9e9)), S, A), {"intake.outside-crs"}),
    "inputs far from each other and no area": ((E.but(3, at(200_000, 0)), S), {"intake.far-away"}),
    "credibility in percent": ((K.but(1, credibility=70.0), A), {"intake.percent"}),
    "a repeated record that is none": ((K.but(1, duplicate_of="S-9"), A), {"intake.unknown-strike"}),
    "an area that crosses itself": ((Layer("area", ((BOW, {"id": "A"}),)), E, S), {"intake.bad-geometry"}),
    "an item on excluded ground": (
        (E, S, A, Layer("excluded", ((square(300, 300, 300), {"id": "W"}),))),
        {"intake.on-excluded"},
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_refused(read: Callable[..., Survey], what: str) -> None:
    layers, codes = REFUSED[what]
    assert codes_of(lambda: read(*layers)) == codes


def test_every_faulty_row_of_every_file_is_told_in_one_run(read: Callable[..., Survey]) -> None:
    evidence = EVIDENCE.but(1, count=0).but(3, kind="bomb").but(4, found_on="2031-01-01")
    found = problems_of(lambda: read(evidence, SEARCHED.but(2, detection=80.0), STRIKES, AREA))
    assert [(p.file, p.row) for p in found] == [
        ("evidence.gpkg", 1),
        ("evidence.gpkg", 3),
        ("evidence.gpkg", 4),
        ("searched.gpkg", 2),
    ]


def test_a_file_that_cannot_be_read_does_not_hide_the_faults_of_others(
    tmp_path: Path, read: Callable[..., Survey], profile: Profile
) -> None:
    (tmp_path / "searched.kml").write_text("no kml")
    paths = [*files.write(tmp_path, "gpkg", EVIDENCE.but(3, kind="bomb"), AREA), tmp_path / "searched.kml"]
    codes = codes_of(lambda: intake.read_survey(paths, profile=profile, today=TODAY))
    assert codes == {"file.mismatch", "intake.bad-value"}


def test_every_problem_says_what_to_do(read: Callable[..., Survey]) -> None:
    evidence = EVIDENCE.but(1, count=0).but(3, kind="bomb", id=None)
    assert all(problem.remedy for problem in problems_of(lambda: read(evidence, SEARCHED, AREA)))


def table(tmp_path: Path, text: str, name: str = "evidence.csv") -> Path:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        ("name,lat,lon,how\nA,16.8,107,opportunistic\n", {"intake.missing-column"}),
        ("id,lat,lon,how,cuont\nA,16.8,107,opportunistic,2\n", {"intake.unknown-column"}),
        ("id,x,y,how\nA,712000,1860000,opportunistic\n", {"intake.no-crs"}),
        ("id,how\nA,opportunistic\n", {"intake.no-place"}),
        ("id,lat,lon,how\nA,107,16.8,opportunistic\n", {"intake.swapped-axes"}),
        ("id,lat,lon,how\nA,0,0,opportunistic\n", {"intake.null-island"}),
        ("id,lat,lon,how\nA,nan,107,opportunistic\n", {"intake.bad-place"}),
        ("id,lat,lon,how\nA,,107,opportunistic\n", {"intake.bad-place"}),
        ("id,lat,lon,how\nA,16°78',107,opportunistic\n", {"intake.bad-place"}),
        ("id,lat,lon,how\nA,,,opportunistic\n", {"intake.bad-geometry"}),
        ("id,wkt,how\nA,POINT(107),opportunistic\n", {"intake.bad-place"}),
        ("id,lat,lon,how,found_on\nA,16.8,107,opportunistic,04/03/2021\n", {"intake.bad-date"}),
        ("id,lat,lon,how,found_on\nA,16.8,107,opportunistic,2021-02-30\n", {"intake.bad-date"}),
        ("id,lat,lon,how,count\nA,16.8,107,opportunistic,two\n", {"intake.bad-number"}),
        ("id,ID_,lat,lon,how\nA,B,16.8,107,opportunistic\n", {"file.duplicate-column"}),
        ("id,evidence_id,lat,lon,how\nA,B,16.8,107,opportunistic\n", {"intake.twice-column"}),
        ("id,lat,lon\n", {"intake.nothing"}),
    ],
)
def test_a_table_is_refused(tmp_path: Path, profile: Profile, text: str, codes: set[str]) -> None:
    path = table(tmp_path, text)
    assert codes_of(lambda: intake.read_survey([path], profile=profile, today=TODAY)) == codes


def test_a_misspelt_column_is_met_with_the_right_word(tmp_path: Path, profile: Profile) -> None:
    path = table(tmp_path, "id,lat,lon,how,serched_id\nA,16.8,107,opportunistic,\n")
    (problem,) = problems_of(lambda: intake.read_survey([path], profile=profile, today=TODAY))
    assert "did you mean searched_id?" in problem.message


def test_degrees_in_a_metric_crs_are_recognised(tmp_path: Path, profile: Profile) -> None:
    path = table(tmp_path, "id,x,y,how\nA,107.1,16.9,opportunistic\n")
    call = lambda: intake.read_survey([path], profile=profile, today=TODAY, crs="EPSG:32648")  # noqa: E731
    assert codes_of(call) == {"intake.degrees"}


def test_swapped_degrees_in_a_metric_crs_are_recognised(tmp_path: Path, profile: Profile) -> None:
    path = table(tmp_path, "id,x,y,how\nA,16.9,107.1,opportunistic\n")
    call = lambda: intake.read_survey([path], profile=profile, today=TODAY, crs="EPSG:32648")  # noqa: E731
    assert codes_of(call) == {"intake.swapped-axes"}


def test_swapped_axes_are_seen_beside_the_other_layers(tmp_path: Path, profile: Profile) -> None:
    # Both 44.2 N 17.5 E and 17.5 N 44.2 E are places on land; only the area tells which is meant.
    evidence = table(tmp_path, "id,lat,lon,how\nA,17.5,44.2,opportunistic\n")
    area = table(tmp_path, 'id,wkt\nA,"POLYGON((17 44,18 44,18 45,17 45,17 44))"\n', "area.csv")
    call = lambda: intake.read_survey(  # noqa: E731
        [evidence, area], profile=profile, today=TODAY, crs="EPSG:4326"
    )
    assert codes_of(call) == {"intake.swapped-axes"}


def test_no_exact_place_of_an_accident_stands_in_a_message(read: Callable[..., Survey]) -> None:
    far = EVIDENCE.but(4, shapely.Point(712_345.6, 9_123_456.7))
    text = "\n".join(map(str, problems_of(lambda: read(far, SEARCHED, AREA))))
    assert "712345" not in text and "9123456" not in text  # noqa: PT018


def test_a_bad_coordinate_is_told_without_the_good_one_beside_it(tmp_path: Path, profile: Profile) -> None:
    path = table(tmp_path, "id,lat,lon,how,kind\nA,16.8x,107.123456,opportunistic,accident\n")
    (problem,) = problems_of(lambda: intake.read_survey([path], profile=profile, today=TODAY))
    assert ("16.8x" in problem.message, "107.123456" in problem.message) == (True, False)


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"crs": "EPSG:999999"}, "intake.bad-crs"),
        ({"metric_crs": "EPSG:4326"}, "intake.bad-crs"),
        ({"order": "y,x"}, "intake.bad-order"),
    ],
)
def test_an_argument_that_cannot_be_is_refused(
    read: Callable[..., Survey], options: dict[str, str], code: str
) -> None:
    assert codes_of(lambda: read(*files.SURVEY, **options)) == {code}


def test_no_file_at_all_is_refused(profile: Profile) -> None:
    assert codes_of(lambda: intake.read_survey([], profile=profile, today=TODAY)) == {"intake.nothing"}


def test_a_layer_nobody_knows_is_refused_with_a_hint(tmp_path: Path, profile: Profile) -> None:
    path = table(tmp_path, "id,lat,lon\nA,16.8,107\n", "evidense.csv")
    (problem,) = problems_of(lambda: intake.read_survey([path], profile=profile, today=TODAY))
    assert (problem.code, "did you mean 'evidence'?" in problem.remedy) == ("intake.unknown-layer", True)


# --- any values ------------------------------------------------------------------------------------------------------


@given(st.dates(min_value=date(1900, 1, 1), max_value=date(2100, 1, 1)))
def test_a_date_written_by_the_standard_is_read_back(day: date) -> None:
    assert {parse_day(day.isoformat()), parse_day(f"{day.isoformat()}T10:00:00Z")} == {day}


@given(st.text(max_size=12))
def test_any_text_as_a_date_is_a_date_or_a_value_error(text: str) -> None:
    with contextlib.suppress(ValueError):
        assert isinstance(parse_day(text), date)


@given(st.text(max_size=30))
def test_a_name_written_as_a_key_stays_so(text: str) -> None:
    assert key(key(text)) == key(text)


@settings(max_examples=60, deadline=None)
@given(
    cells=st.lists(
        st.tuples(*[st.one_of(st.none(), st.text("0123456789.,-eEnaif% ABé\"';", max_size=8))] * 6),
        min_size=1,
        max_size=5,
    )
)
def test_any_cells_make_a_survey_or_a_refusal(
    tmp_path_factory: pytest.TempPathFactory, cells: list[Any]
) -> None:
    rows = tuple(
        (
            at(400, 400),
            dict(zip(("id", "found_on", "kind", "count", "position_error_m", "how"), row, strict=True)),
        )
        for row in cells
    )
    path = tmp_path_factory.mktemp("cells") / "evidence.csv"
    files.write_csv(path, Layer("evidence", rows))
    with contextlib.suppress(InputRefused):
        assert intake.read_survey([path], profile=load(), today=TODAY, crs=files.UTM).area.area > 0


@pytest.mark.parametrize("suffix", ["geojson", "csv", "kml"])
def test_damaged_files_make_a_survey_or_a_refusal(tmp_path: Path, profile: Profile, suffix: str) -> None:
    paths = files.write(tmp_path, suffix, *files.SURVEY)
    whole = paths[1].read_bytes()
    dice = random.Random(11)
    outcomes = []
    for _ in range(100):
        damaged = bytearray(whole)
        for _ in range(dice.randint(1, 4)):
            i = dice.randrange(len(damaged))
            damaged[i : i + dice.randint(0, 3)] = bytes(dice.choice(b'0123456789.,-xN"') for _ in range(2))
        paths[1].write_bytes(bytes(damaged))
        try:
            outcomes.append(bool(intake.read_survey(paths, profile=profile, today=TODAY, crs=files.UTM)))
        except InputRefused as refused:
            outcomes.append(bool(refused.problems))
    assert outcomes == [True] * 100


# --- real files ------------------------------------------------------------------------------------------------------


@pytest.mark.shared
def test_the_register_of_amsterdam_is_read_through_its_column_map(shared: Path, profile: Profile) -> None:
    survey = intake.read_survey(
        [shared / "data/mine_action/amsterdam_uxo_ww2.gpkg"],
        profile=profile,
        today=TODAY,
        column_map=MAPS / "amsterdam.toml",
    )
    assert (len(survey.evidence), len(survey.searched), len(survey.strikes)) == (27, 19, 4)


@pytest.mark.shared
def test_places_of_amsterdam_stay_where_they_are(shared: Path, profile: Profile) -> None:
    survey = intake.read_survey(
        [shared / "data/mine_action/amsterdam_uxo_ww2.gpkg"],
        profile=profile,
        today=TODAY,
        column_map=MAPS / "amsterdam.toml",
        metric_crs="EPSG:28992",
    )
    first = survey.evidence[0].place
    back = places.move([first], "EPSG:28992", "EPSG:4326")[0]
    assert (121_959 < first.x < 122_927, 52.3 < back.y < 52.5) == (True, True)


@pytest.mark.shared
def test_a_slice_of_western_bosnia_is_read_through_its_column_map(shared: Path, profile: Profile) -> None:
    survey = intake.read_survey(
        [shared / "data/mine_action/bosnia_west_dev.gpkg"],
        profile=profile,
        today=TODAY,
        column_map=MAPS / "western-bosnia.toml",
    )
    inside = all(survey.area.buffer(1).covers(search.shape) for search in survey.searched)
    assert (len(survey.searched), inside, survey.area_assumed) == (95, True, False)


@pytest.mark.shared
@pytest.mark.parametrize(
    ("file", "map_file"),
    [("amsterdam_uxo_ww2", "amsterdam.toml"), ("bosnia_west_dev", "western-bosnia.toml")],
)
def test_what_is_no_cluster_munition_is_stamped_so(
    shared: Path, profile: Profile, file: str, map_file: str
) -> None:
    path = shared / f"data/mine_action/{file}.gpkg"
    survey = intake.read_survey([path], profile=profile, today=TODAY, column_map=MAPS / map_file)
    assert survey.stamp == "not cluster munition remnants: no conclusion about hazard"
