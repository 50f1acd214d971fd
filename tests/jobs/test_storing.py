"""Taking files into a store: what is proposed, what is refused, what is kept; again, nothing changes."""

from __future__ import annotations

import gzip
import shutil
from collections.abc import Mapping
from datetime import date
from pathlib import Path

import pytest
from shapely import Point, box

from fadeout.errors import InputRefused
from fadeout.jobs.storing import Request, Review, differences, take_in
from fadeout.records.access import Viewer
from fadeout.records.catalogue import KINDS
from fadeout.records.record import Record
from fadeout.records.store import Store, create_store

STAFF = Viewer("s", "staff")
TODAY = date(2026, 11, 25)
MAPS = Path(__file__).resolve().parents[2] / "docs/how-to/maps"
FINDS = """id,lat,lon,found_on,kind,count
EP-1,16.8025,107.05,2024-03-01,item,1
EP-2,16.8125,107.06,2024-03-02,Fragment,2
"""


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return create_store(tmp_path / "store.gpkg")


def file(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def intake(store: Store, *paths: Path, **asked: object) -> list[Review]:
    return take_in(store, Request(paths, "a", **asked), today=TODAY)  # type: ignore[arg-type]


def test_a_table_becomes_records_with_their_place_as_it_was_typed(store: Store, tmp_path: Path) -> None:
    (review,) = intake(store, file(tmp_path, "evidence.csv", FINDS))
    assert (review.put.new, review.problems, review.change) == (2, [], 1)
    found = store.get("evidence", "EP-2", STAFF)
    assert found is not None
    assert found.shape == Point(107.06, 16.8125)
    assert found.values["kind"] == "fragment"
    assert found.values["entered"] == "107.06, 16.8125"
    assert found.values["entered_crs"] == "lon, lat (EPSG:4326)"


def test_the_same_file_again_changes_nothing(store: Store, tmp_path: Path) -> None:
    path = file(tmp_path, "evidence.csv", FINDS)
    intake(store, path)
    (again,) = intake(store, path)
    assert (again.put.new, again.put.changed, again.put.same, again.change) == (0, 0, 2, None)
    assert len(store.changes()) == 1


def test_a_rehearsal_tells_all_and_stores_nothing(store: Store, tmp_path: Path) -> None:
    (review,) = intake(store, file(tmp_path, "evidence.csv", FINDS), dry_run=True)
    assert review.put.new == 2
    assert [one["id"] for one in review.details] == ["EP-1", "EP-2"]
    assert store.changes() == []


def test_a_column_that_a_file_has_not_leaves_its_field_and_an_empty_cell_empties_it(
    store: Store, tmp_path: Path
) -> None:
    intake(store, file(tmp_path, "evidence.csv", FINDS), constants={"source": "village head"})
    intake(store, file(tmp_path, "evidence.csv", "id,lat,lon,kind,count\nEP-1,16.8025,107.05,item,\n"))
    found = store.get("evidence", "EP-1", STAFF)
    assert found is not None
    assert (found.values["source"], found.values["found_on"]) == ("village head", "2024-03-01")
    assert "count" not in found.values


def test_how_a_place_was_entered_goes_with_the_place(store: Store, tmp_path: Path) -> None:
    intake(store, file(tmp_path, "evidence.csv", FINDS))
    place = '"geometry":{"type":"Point","coordinates":[107,16]}'
    moved = '{"type":"Feature","properties":{"id":"EP-1","kind":"item"},' + place + "}"
    intake(store, file(tmp_path, "evidence.geojson", moved))
    found = store.get("evidence", "EP-1", STAFF)
    assert found is not None
    assert found.shape == Point(107, 16)
    assert "entered" not in found.values


def test_a_review_tells_which_fields_would_change(store: Store, tmp_path: Path) -> None:
    intake(store, file(tmp_path, "evidence.csv", FINDS))
    changed = FINDS.replace("EP-1,16.8025,107.05,2024-03-01,item,1", "EP-1,16.9,107.05,2024-03-01,item,3")
    (review,) = intake(store, file(tmp_path, "evidence.csv", changed), dry_run=True)
    assert review.details == [
        {
            **{"kind": "evidence", "id": "EP-1", "action": "changed", "fields": ["count", "entered", "geom"]},
            **{"layer": "evidence", "row": 1},
        }
    ]


def test_every_faulty_row_is_told_and_nothing_of_the_file_is_stored(store: Store, tmp_path: Path) -> None:
    bad = "id,lat,lon,found_on,kind,count\n,16.8,107,2024-01-01,item,1\nEP-2,x,107,2024-01-01,item,1\n"
    bad += (
        "EP-3,16.8,107,2031-01-01,item,1\nEP-4,16.8,107,2024-01-01,itm,1\nEP-5,16.8,107,2024-01-01,item,0\n"
    )
    good = file(tmp_path, "evidence_good.csv", FINDS)
    reviews = intake(store, file(tmp_path, "evidence_bad.csv", bad), good)
    told = {(problem.code, problem.row) for problem in reviews[0].problems}
    assert told == {
        ("intake.missing-value", 1),
        ("intake.bad-place", 2),
        ("intake.future-date", 3),
        ("intake.bad-value", 4),
        ("intake.bad-count", 5),
    }
    assert reviews[1].put.new == 2
    assert store.count("evidence", STAFF) == 2


def test_an_id_that_stands_twice_is_refused_in_both_rows(store: Store, tmp_path: Path) -> None:
    (review,) = intake(store, file(tmp_path, "evidence.csv", FINDS.replace("EP-2", "EP-1")))
    assert [(p.code, p.row) for p in review.problems] == [
        ("intake.duplicate-id", 1),
        ("intake.duplicate-id", 2),
    ]


def test_swapped_axes_and_a_place_at_zero_are_refused(store: Store, tmp_path: Path) -> None:
    bad = "id,lat,lon,kind\nEP-1,107.05,16.8,item\nEP-2,0,0,item\n"
    (review,) = intake(store, file(tmp_path, "evidence.csv", bad))
    assert {problem.code for problem in review.problems} == {"intake.swapped-axes", "intake.null-island"}


def test_columns_that_nobody_knows_are_told_and_left_out(store: Store, tmp_path: Path) -> None:
    (review,) = intake(store, file(tmp_path, "evidence.csv", FINDS.replace("count", "colour_of_sky")))
    assert any("colour_of_sky" in note for note in review.notes)
    assert review.put.new == 2


def test_a_kind_and_values_for_every_row_may_be_named(store: Store, tmp_path: Path) -> None:
    path = file(tmp_path, "list7.csv", FINDS)
    (refused,) = intake(store, path)
    assert refused.problems[0].code == "intake.unknown-layer"
    constants: Mapping[str, str] = {"source": "village head", "sensitivity": "area"}
    intake(store, path, kind="evidence", constants=constants)
    found = store.get("evidence", "EP-1", STAFF)
    assert found is not None
    assert (found.values["source"], found.values["sensitivity"]) == ("village head", "area")


def test_a_column_map_is_remembered_for_its_source(store: Store, tmp_path: Path) -> None:
    foreign = "nr,breite,laenge,was\nA,16.8,107,Bombe\nB,16.9,107,Splitter\n"
    mapping = file(
        tmp_path,
        "ours.toml",
        '[[layer]]\nfile = "funde*"\nto = "evidence"\n'
        'columns = { id = "nr", lat = "breite", lon = "laenge", kind = "was" }\n'
        'values = { kind = { Bombe = "item", Splitter = "fragment" } }\n',
    )
    with pytest.raises(InputRefused, match="no column map is remembered"):
        intake(store, file(tmp_path, "funde1.csv", foreign), source="office")
    intake(store, file(tmp_path, "funde1.csv", foreign), column_map=mapping, source="office")
    (second,) = intake(store, file(tmp_path, "funde2.csv", foreign.replace("A,", "C,")), source="office")
    assert (second.put.new, second.put.same) == (1, 1)


def test_tracks_of_a_receiver_become_searched_ground_with_their_swath(store: Store, tmp_path: Path) -> None:
    points = "".join(f'<trkpt lat="{16.8 + i / 1000}" lon="107.05"/>' for i in range(3))
    gpx = (
        '<?xml version="1.0"?><gpx version="1.1" xmlns="http://www.topografix.com/GPX/1/1">'
        '<wpt lat="16.8" lon="107"><name>001</name></wpt>'
        "<trk><name>ACTIVE LOG</name><trkseg></trkseg></trk>"
        f"<trk><name>T-1</name><trkseg>{points}</trkseg></trk></gpx>"
    )
    constants = {"swath_m": "2", "method": "visual", "outcome": "complete"}
    (review,) = intake(store, file(tmp_path, "day.gpx", gpx), kind="searched", constants=constants)
    assert review.problems == []
    (found,) = store.page("searched", STAFF)
    assert (found.id, found.values["swath_m"]) == ("T-1", 2.0)
    assert found.shape is not None
    assert found.shape.geom_type == "LineString"


@pytest.mark.parametrize(
    ("columns", "cells"),
    [
        ("coordinates", '"16°48\'09""N 107°03\'00""E"'),
        ("mgrs", "48Q YD 18456 58773"),
        ("lat,lon", "16°48.15'N,107°03.0'E"),
    ],
)
def test_places_are_read_as_people_type_them(store: Store, tmp_path: Path, columns: str, cells: str) -> None:
    (review,) = intake(store, file(tmp_path, "evidence.csv", f"id,{columns}\nEP-1,{cells}\n"))
    assert review.problems == []
    found = store.get("evidence", "EP-1", STAFF)
    assert found is not None
    assert found.shape is not None
    assert found.shape.distance(Point(107.05, 16.8025)) < 0.001
    assert found.values["entered"]


BOW = "POLYGON ((107 16, 107.01 16.01, 107.01 16, 107 16.01, 107 16))"


def test_a_polygon_that_crosses_itself_is_mended_only_on_a_persons_word(store: Store, tmp_path: Path) -> None:
    path = file(tmp_path, "hazardous_area.csv", f'id,state,wkt\nSHA-1,suspected,"{BOW}"\n')
    (refused,) = intake(store, path, crs="EPSG:4326")
    assert [problem.code for problem in refused.problems] == ["gate.invalid"]
    (mended,) = intake(store, path, crs="EPSG:4326", repair=True)
    assert mended.problems == []
    area = store.get("hazardous_area", "SHA-1", STAFF)
    assert area is not None
    assert area.shape is not None
    assert area.shape.is_valid
    assert area.values["entered"] == BOW


def test_a_place_far_outside_the_programmes_ground_is_refused(tmp_path: Path) -> None:
    store = create_store(tmp_path / "north.gpkg")
    with store.change(who="a", why="b") as change:
        change.put([Record("programme", "P", {"name": "P"}, box(100, 13, 108, 23))])
    (review,) = intake(store, file(tmp_path, "evidence.csv", FINDS.replace("107.06", "17.06")))
    assert "gate.outside" in {problem.code for problem in review.problems}


def test_a_new_record_near_one_of_another_source_is_proposed_as_the_same_thing(
    store: Store, tmp_path: Path
) -> None:
    intake(store, file(tmp_path, "evidence.csv", FINDS))
    other = "id,lat,lon,found_on,kind,count\nX-1,16.80251,107.05,2024-03-01,item,1\nX-2,16.9,107.05,2024-03-01,item,1\n"
    (review,) = intake(store, file(tmp_path, "evidence_other.csv", other))
    assert [{pair["first"], pair["second"]} for pair in review.duplicates] == [{"EP-1", "X-1"}]
    assert review.put.new == 2  # proposed, and stored: a person merges


def test_overlaps_and_repeated_places_are_counted_and_taken_in(store: Store, tmp_path: Path) -> None:
    (review,) = intake(
        store, file(tmp_path, "evidence.csv", FINDS + "EP-3,16.8025,107.05,2024-03-01,item,1\n")
    )
    assert review.findings == {"gate.same-point": 2}
    assert review.put.new == 3


def test_what_is_simulated_stays_marked(store: Store, tmp_path: Path) -> None:
    intake(store, file(tmp_path, "simulated-evidence.csv", FINDS))
    found = store.get("evidence", "EP-1", STAFF)
    assert found is not None
    assert found.values["stamp"] == "SIMULATED"


def test_differences_name_the_fields_between_versions(store: Store, tmp_path: Path) -> None:
    intake(store, file(tmp_path, "evidence.csv", FINDS))
    intake(store, file(tmp_path, "evidence.csv", FINDS.replace("item,1", "item,4")))
    rows = differences(store.history("EP-1", STAFF))
    assert [(row["action"], row["changed"]) for row in rows] == [("new", []), ("changed", ["count"])]


@pytest.mark.shared
def test_records_of_western_bosnia_go_in_by_their_map_and_again_change_nothing(
    store: Store, shared: Path
) -> None:
    path = shared / "data/mine_action/bosnia_west_dev.gpkg"
    mapping = MAPS / "western-bosnia-records.toml"
    (first,) = intake(store, path, column_map=mapping)
    (again,) = intake(store, path, column_map=mapping)
    assert (first.problems, first.put.new) == ([], 4_486)
    assert (again.put.new, again.put.changed, again.put.same) == (0, 0, 4_486)


@pytest.mark.shared
def test_events_of_colombia_go_in_by_their_map_and_again_change_nothing(
    store: Store, shared: Path, tmp_path: Path
) -> None:
    path = tmp_path / "colombia_events.csv"
    with (
        gzip.open(shared / "data/mine_action/colombia_events_1990_2012.csv.gz") as packed,
        path.open("wb") as out,
    ):
        shutil.copyfileobj(packed, out)
    mapping = MAPS / "colombia-records.toml"
    (first,) = intake(store, path, column_map=mapping)
    (again,) = intake(store, path, column_map=mapping)
    assert (first.problems, first.put.new) == ([], 25_428)
    assert (again.put.new, again.put.changed, again.put.same) == (0, 0, 25_428)


def test_every_kind_has_a_name_of_its_own() -> None:
    names = [name for kind in KINDS.values() for name in (kind.name, *kind.other_names)]
    assert len(names) == len(set(names))
