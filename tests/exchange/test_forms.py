"""Submissions come back as the records that were answered, whichever server kept them and however it exported them."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import submissions as made
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from shapely import LineString, Point, Polygon
from shapely.geometry.base import BaseGeometry

from fadeout.errors import InputRefused
from fadeout.exchange import forms, xlsforms
from fadeout.exchange.form_places import device_text, place_of
from fadeout.exchange.formats import read as read_any
from fadeout.exchange.layers import RawLayer
from fadeout.jobs.intake_tables import KEPT_ROLES, matched
from fadeout.jobs.storing_rows import records_of
from fadeout.records.catalogue import KINDS, fields_of
from fadeout.records.record import Record

TODAY = date(2026, 12, 1)
FIND = Record(
    "evidence",
    "EP-1",
    {"found_on": "2026-11-20", "kind": "item", "how": "survey", "count": 2, "munition": "BLU-26"},
    Point(107.123456, 16.654321),
)
AREA = Record(
    "hazardous_area",
    "CHA-1",
    {"opened_on": "2026-11-20", "state": "suspected", "edges": "closed_by_search; open", "name": "Ban Na"},
    Polygon([(107.0, 16.0), (107.01, 16.0), (107.01, 16.01), (107.0, 16.0)]),
)


def records(layer: RawLayer) -> list[Record]:
    """The records that an intake makes of a layer."""
    problems: list[Any] = []
    table, _ = matched(layer, layer.role, KEPT_ROLES[layer.role], problems)
    taken = records_of(table, [], "", TODAY, problems)
    assert problems == []
    return taken.records


def only(layers: tuple[RawLayer, ...]) -> Record:
    (layer,) = layers
    (record,) = records(layer)
    return record


def told(record: Record) -> Record:
    """The record without what the device and server add."""
    return Record(
        record.kind, record.id, {k: v for k, v in record.values.items() if k != "device_at"}, record.shape
    )


def codes(payload: object) -> set[str]:
    """What an answer is refused for, nothing if it is read."""
    try:
        forms.from_json(payload, "data.json")
    except InputRefused as refused:
        return {one.code for one in refused.problems}
    return set()


def from_csv(tmp_path: Path, text: str, name: str = "export.csv") -> tuple[RawLayer, ...]:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return forms.read(path)


# --- round trip -----------------------------------------------------------------------------------------------------

# Not at 0/0, which intake refuses as an empty place.
degrees = {"lon": st.floats(1, 179.9) | st.floats(-179.9, -1), "lat": st.floats(-89.9, 89.9)}
places = st.builds(lambda lon, lat: Point(lon, lat), **degrees)
# Corners around a middle at rising angles make an outline that does not cross itself.
outlines = st.builds(
    lambda lon, lat, sizes: Polygon(
        [
            (lon + size * x, lat + size * y)
            for size, (x, y) in zip(sizes, [(1, 0), (0, 1), (-1, 0), (0, -1)], strict=True)
        ]
    ),
    st.floats(1, 170) | st.floats(-170, -1),
    st.floats(-80, 80),
    st.lists(st.floats(0.001, 0.1), min_size=4, max_size=4),
)
lines = st.lists(st.tuples(degrees["lon"], degrees["lat"]), min_size=2, max_size=6, unique=True).map(
    LineString
)
words = st.text(st.characters(codec="utf-8", categories=("L", "N", "P")), min_size=1, max_size=20).map(
    lambda text: f"x{text}"  # what reads as a number, a place or nothing is not at issue here
)


def answered(kind: str, name: str) -> st.SearchStrategy[Any]:
    """Any answer that the shipped form allows to a question."""
    question = xlsforms.load(kind).question(name)
    assert question is not None
    if question.type == "date":
        return st.dates(date(1960, 1, 1), TODAY).map(date.isoformat)
    if question.type == "select_one":
        return st.sampled_from(sorted(question.choices))
    if question.type == "select_multiple":
        chosen = st.lists(st.sampled_from(list(question.choices)), min_size=1, unique=True)
        return chosen.map(lambda few: "; ".join(one for one in question.choices if one in few))
    if question.type == "integer":
        return st.integers(1, 10_000)
    if question.type == "decimal":
        return st.floats(0.01, 1.0) if name.startswith("share") else st.floats(0.1, 999.0)
    return words


@st.composite
def any_record(draw: st.DrawFn) -> Record:
    kind = draw(st.sampled_from(xlsforms.FORMS))
    form = xlsforms.load(kind)
    typed = {about.name: about for about in fields_of(KINDS[kind])}
    asked = [one for one in form.questions if one.answers and one.name not in form.geometries]
    values: dict[str, Any] = {}
    for question in asked:
        if question.name == "id" or not (question.plain.get("required") or draw(st.booleans())):
            continue
        value = draw(answered(kind, question.name))
        values[question.name] = [value] if typed[question.name].type == "ids" else value
    for name in ("stands_on",):
        if name in values:
            values[name] = ["EP-1", "EP-2"]
    shape: st.SearchStrategy[BaseGeometry] = {
        "point": places,
        "polygon": outlines,
        "ground": outlines | lines,
    }[KINDS[kind].geometry]
    return Record(kind, draw(st.from_regex(r"[A-Z]{2}-[0-9]{1,4}", fullmatch=True)), values, draw(shape))


def as_answers(record: Record) -> Record:
    """Lists of ids as the form asks for them: a text."""
    return Record(
        record.kind,
        record.id,
        {k: "; ".join(v) if isinstance(v, list) else v for k, v in record.values.items()},
        record.shape,
    )


@settings(max_examples=60, deadline=None)
@given(any_record(), st.sampled_from(["", "site"]))
def test_what_was_answered_comes_back_from_kobo_json(record: Record, group: str) -> None:
    row = made.kobo(as_answers(record), "a1", group=group)
    assert told(only(forms.from_json({"count": 1, "next": None, "results": [row]}, "data.json"))) == record


@settings(max_examples=60, deadline=None)
@given(any_record(), st.sampled_from(["", "site"]), st.booleans())
def test_what_was_answered_comes_back_from_odk_json(record: Record, group: str, wkt: bool) -> None:
    row = made.odk(as_answers(record), "a1", group=group, wkt=wkt)
    found = told(only(forms.from_json({"@odata.context": "c", "value": [row]}, "Submissions.json")))
    if (
        wkt and record.shape is not None
    ):  # shapely writes WKT with 16 digits: a few units in the last place at most
        assert found.shape is not None
        assert found.shape.equals_exact(record.shape, 1e-12)
        record = Record(record.kind, record.id, record.values, found.shape)
    assert found == record


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(any_record(), st.sampled_from(["", "site"]), st.sampled_from([";", ","]))
def test_what_was_answered_comes_back_from_kobo_csv(
    tmp_path: Path, record: Record, group: str, delimiter: str
) -> None:
    text = made.kobo_csv([made.kobo(as_answers(record), "a1", group=group)], delimiter)
    assert told(only(from_csv(tmp_path, text))) == record


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(any_record(), st.sampled_from(["", "site"]))
def test_what_was_answered_comes_back_from_odk_csv(tmp_path: Path, record: Record, group: str) -> None:
    assert told(only(from_csv(tmp_path, made.odk_csv(as_answers(record), "a1", group=group)))) == record


@given(places | lines | outlines, st.floats(0.1, 1e4))
def test_a_place_is_read_as_the_device_wrote_it(shape: BaseGeometry, accuracy: float) -> None:
    asked = {"Point": "geopoint", "LineString": "geotrace", "Polygon": "geoshape"}[shape.geom_type]
    placed = place_of(device_text(shape, accuracy), asked)
    assert placed is not None
    assert (placed.shape, placed.accuracy_m) == (shape, accuracy)


@given(st.text(max_size=60) | st.dictionaries(st.text(max_size=12), st.integers() | st.text(max_size=5)))
def test_whatever_stands_where_a_place_belongs_is_read_or_refused_in_words(answer: object) -> None:
    row = {"_uuid": "a1", "record_kind": "evidence", "place": answer}
    assert codes({"results": [row]}) <= {"forms.bad-place"}


json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=12,
)


@settings(max_examples=150)
@given(json_values)
def test_any_json_is_read_or_refused_in_words(payload: object) -> None:
    for whole in (payload, {"results": [payload]}, {"value": payload}):
        assert all(code.startswith("forms.") for code in codes(whole))


# --- what the device and the server add -----------------------------------------------------------------------------


def test_the_accuracy_of_the_device_becomes_the_position_error() -> None:
    assert only(forms.from_json([made.kobo(FIND, "a1", 4.5)], "d.json")).values["position_error_m"] == 4.5


def test_an_accuracy_of_nought_is_a_place_drawn_on_a_map_and_tells_nothing() -> None:
    assert "position_error_m" not in only(forms.from_json([made.kobo(FIND, "a1", 0)], "d.json")).values


def test_a_stated_error_goes_before_the_accuracy_of_the_device() -> None:
    record = Record("evidence", "EP-1", {**FIND.values, "position_error_m": 30}, FIND.shape)
    assert only(forms.from_json([made.kobo(record, "a1", 4.5)], "d.json")).values["position_error_m"] == 30


def test_the_worst_point_of_a_line_tells_how_well_odk_knows_it() -> None:
    placed = place_of(
        {
            "type": "LineString",
            "coordinates": [[1, 2, 0], [3, 4, 0]],
            "properties": {"accuracies": [3.5, None]},
        }
    )
    assert placed is not None
    assert (placed.accuracy_m, placed.shape.has_z) == (3.5, False)


@pytest.mark.parametrize("row", [made.kobo(FIND, "a1"), made.odk(FIND, "a1")], ids=["kobo", "odk"])
def test_device_time_and_submission_time_stand_in_utc(row: dict[str, Any]) -> None:
    (layer,) = forms.from_json([row], "d.json")
    assert layer.columns["device_at"] == ("2026-11-25T07:00:00Z",)  # 14:00 at UTC+7
    assert layer.columns["submitted_at"] == ("2026-11-25T08:00:00Z",)


def test_a_submission_without_an_id_of_its_own_takes_the_instance_id() -> None:
    nameless = Record("evidence", "", FIND.values, FIND.shape)
    assert only(forms.from_json([made.kobo(nameless, "a1")], "d.json")).id == "uuid:a1"


def test_an_edit_on_the_server_keeps_the_id() -> None:
    nameless = Record("evidence", "", FIND.values, FIND.shape)
    edited = made.kobo(nameless, "b2") | {"meta/rootUuid": "uuid:a1"}
    assert only(forms.from_json([edited], "d.json")).id == "uuid:a1"
    assert only(forms.from_json([made.odk(nameless, "a1")], "d.json")).id == "uuid:a1"


def test_a_photo_is_known_by_its_file_name() -> None:
    row = made.kobo(FIND, "a1") | {"photo": "1700-12_3_4.jpg"}
    assert only(forms.from_json([row], "d.json")).values["photo"] == "1700-12_3_4.jpg"


def test_nothing_that_names_a_person_or_device_is_taken_along() -> None:
    row = made.kobo(FIND, "a1") | {"username": "somebody", "phonenumber": "0205", "deviceid": "ee.x:1"}
    (layer,) = forms.from_json([row], "d.json")
    held = [str(value) for values in layer.columns.values() for value in values]
    assert not {"somebody", "0205", "ee.x:1", "surveyor"} & set(held)
    assert any("username, phonenumber, deviceid" in note for note in layer.notes)


def test_what_a_reviewer_rejected_is_told() -> None:
    row = made.odk(FIND, "a1")
    row["__system"]["reviewState"] = "rejected"
    (layer,) = forms.from_json([row, made.odk(FIND, "b2")], "d.json")
    assert layer.columns["_review_state"] == ("rejected", None)
    assert any("1 submissions were rejected" in note for note in layer.notes)


# --- questions ------------------------------------------------------------------------------------------------------


def test_a_question_that_no_field_keeps_is_kept_aside_and_told() -> None:
    (layer,) = forms.from_json([made.kobo(FIND, "a1") | {"site/soil": "clay"}], "d.json")
    assert layer.columns["_soil"] == ("clay",)
    assert any("no field of evidence keeps soil" in note for note in layer.notes)
    assert records(layer)  # and nothing of it reaches the record


def test_another_name_of_a_field_is_the_field() -> None:
    row = made.kobo(FIND, "a1")
    row["date_found"] = row.pop("found_on")
    assert only(forms.from_json([row], "d.json")).values["found_on"] == "2026-11-20"


@pytest.mark.parametrize("first", [True, False])
def test_the_field_s_own_name_goes_before_another_and_loses_nothing(first: bool) -> None:
    row = made.kobo(FIND, "a1")
    other = {"date": "2026-01-01"}
    (layer,) = forms.from_json([{**other, **row} if first else {**row, **other}], "d.json")
    assert (layer.columns["found_on"], layer.columns["_date"]) == (("2026-11-20",), ("2026-01-01",))


def test_two_answers_for_one_field_are_refused() -> None:
    row = made.kobo(FIND, "a1") | {"other/count": "9"}
    with pytest.raises(InputRefused, match=r"forms\.twice.*count"):
        forms.from_json([row], "d.json")


def test_a_table_with_labels_for_names_is_read_in_either_language(tmp_path: Path) -> None:
    form = xlsforms.load("evidence")
    for language in xlsforms.LANGUAGES:
        row = made.kobo(FIND, "a1")
        renamed = {q.name: q.words["label"][language] for q in form.questions}
        renamed |= {f"_place_{part}": f"_{renamed['place']}_{part}" for part in ("latitude", "longitude")}
        for question in form.questions:
            if question.choices and question.name in row:
                row[question.name] = question.choices[row[question.name]][language]
        text = made.kobo_csv([row], ";", renamed)
        assert told(only(from_csv(tmp_path, text))) == FIND


def test_choices_in_a_column_each_become_one_answer(tmp_path: Path) -> None:
    row = made.kobo(AREA, "a1")
    both = made.kobo_csv([row], split="edges")
    alone = made.kobo_csv([row], split="edges", renamed={"edges": "_edges_summary"})
    for text in (both, alone):
        record = only(from_csv(tmp_path, text))
        assert record.values["edges"] == "closed_by_search; open"


def test_choices_with_labels_in_a_column_each_become_their_names(tmp_path: Path) -> None:
    edges = xlsforms.load("hazardous_area").question("edges")
    assert edges is not None
    label = edges.words["label"]["fr"]
    renamed = {f"edges/{name}": f"{label}/{words['fr']}" for name, words in edges.choices.items()}
    row = made.kobo(AREA, "a1")
    text = made.kobo_csv([row], split="edges", renamed=renamed | {"edges": label})
    assert only(from_csv(tmp_path, text)).values["edges"] == "closed_by_search; open"


def test_a_repeated_group_gives_a_record_each_with_the_answers_around_it() -> None:
    row = made.kobo(Record("evidence", "EP-1", {"found_on": "2026-11-20", "kind": "item"}), "a1")
    row["items"] = [
        {"items/count": "1", "items/place": "16 107 0 5"},
        {"items/count": "2", "items/place": "17 107 0 5"},
    ]
    (layer,) = forms.from_json([row], "d.json")
    first, second = records(layer)
    assert (first.id, second.id) == ("EP-1-1", "EP-1-2")
    assert (first.values["count"], second.values["count"]) == (1, 2)
    assert first.values["found_on"] == second.values["found_on"] == "2026-11-20"
    assert second.shape == Point(107, 17)


def test_a_repeated_group_of_odk_is_read_where_it_was_expanded() -> None:
    row = made.odk(Record("evidence", "", {"found_on": "2026-11-20", "kind": "item"}), "a1")
    row["items@odata.navigationLink"] = "Submissions('uuid:a1')/items"
    row["items"] = [
        {
            "__id": "h1",
            "id": "EP-7",
            "place": {"type": "Point", "coordinates": [107, 16], "properties": {"accuracy": 5}},
        },
        {"__id": "h2", "id": None, "place": {"type": "Point", "coordinates": [107, 17]}},
    ]
    (layer,) = forms.from_json({"value": [row]}, "d.json")
    assert [one.id for one in records(layer)] == ["EP-7", "uuid:a1-2"]
    assert layer.notes == ()


def test_a_second_repeated_group_is_told_and_not_read() -> None:
    row = made.kobo(FIND, "a1")
    row |= {"items": [{"items/remark": "x"}], "people": [{"people/age": "3"}]}
    (layer,) = forms.from_json([row], "d.json")
    assert any("not read are people" in note for note in layer.notes)


def test_an_outline_goes_before_a_line_and_the_line_is_kept_aside() -> None:
    record = Record("searched", "B-1", {"method": "visual"}, AREA.shape)
    row = made.kobo(record, "a1") | {"track": "16 107 0 0; 17 107 0 0"}
    (layer,) = forms.from_json([row], "d.json")
    assert (layer.geometries[0], layer.columns["_track"]) == (AREA.shape, ("LINESTRING (107 16, 107 17)",))


def test_a_form_of_somebody_else_keeps_its_names_and_gets_its_place() -> None:
    row = {"_uuid": "a1", "_submission_time": made.SENT, "grp/what": "bomb", "grp/gps": "16.5 107.5 0 8"}
    (layer,) = forms.from_json([row], "village.json")
    assert (layer.role, layer.name) == ("", "village")
    assert (layer.columns["what"], layer.geometries) == (("bomb",), (Point(107.5, 16.5),))
    (layer,) = forms.from_json([row], "village.json", "public_report")
    assert (layer.role, layer.columns["what"]) == ("public_report", ("bomb",))


def test_forms_that_stand_in_one_file_make_a_layer_each() -> None:
    layers = forms.from_json([made.kobo(FIND, "a1"), made.kobo(AREA, "b2")], "d.json")
    assert [(one.role, one.rows, one.alone) for one in layers] == [
        ("evidence", (1,), False),
        ("hazardous_area", (2,), False),
    ]


def test_numbers_that_a_spreadsheet_wrote_with_commas_are_a_place(tmp_path: Path) -> None:
    text = made.kobo_csv([made.kobo(Record("evidence", "E", {"kind": "item"}, Point(107.5, 16.5)), "a1")])
    assert only(from_csv(tmp_path, text.replace("107.5", "107,5").replace("16.5", "16,5"))).shape == Point(
        107.5, 16.5
    )


# --- refusals -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("place", "words"),
    [
        ("91 107 0 5", "latitude is beyond 90"),
        ("16 181 0 5", "longitude is beyond 180"),
        ("16", "1 numbers"),
        ("here", "no number"),
        ("nan nan 0 0", "not a finite number"),
        ("16 107 0 5; 16 108 0 5", "2 points, but the question asks for one"),
        ({"type": "Point", "coordinates": ["x", "y"]}, "cannot be read"),
        ({"type": "Point", "coordinates": []}, "empty"),
        ("POINT EMPTY", "empty"),
        (17, "no place"),
    ],
)
def test_a_place_that_is_none_is_refused_with_the_reason(place: object, words: str) -> None:
    row = made.kobo(FIND, "a1") | {"place": place}
    with pytest.raises(InputRefused, match=rf"forms\.bad-place.*row 1.*place: .*{words}"):
        forms.from_json([row], "d.json")


def test_a_refusal_never_repeats_a_coordinate() -> None:
    row = made.kobo(FIND, "a1") | {"place": "16.654321 207.123456 0 5"}
    with pytest.raises(InputRefused) as refused:
        forms.from_json([row], "d.json")
    assert "16.6" not in str(refused.value)
    assert "207" not in str(refused.value)


def test_every_faulty_submission_is_told_in_one_run() -> None:
    rows = [
        made.kobo(FIND, "a1") | {"place": "91 0 0 0"},
        made.kobo(FIND, "b2"),
        made.kobo(FIND, "c3") | {"record_kind": "treasure"},
        {"record_kind": "evidence", "count": "1"},
    ]
    with pytest.raises(InputRefused) as refused:
        forms.from_json(rows, "d.json")
    assert {(one.code, one.row) for one in refused.value.problems} == {
        ("forms.bad-place", 1),
        ("forms.unknown-kind", 3),
        ("forms.no-id", 4),
    }


def test_an_encrypted_submission_is_told(tmp_path: Path) -> None:
    row = {
        "__id": "uuid:a1",
        "__system": {"submissionDate": "2026-11-25T08:00:00Z", "status": "notDecrypted"},
    }
    with pytest.raises(InputRefused, match=r"forms\.encrypted"):
        forms.from_json({"value": [row]}, "d.json", "evidence")
    with pytest.raises(InputRefused, match=r"forms\.encrypted"):
        from_csv(tmp_path, "SubmissionDate,KEY,Status\n2026-11-25T08:00:00Z,uuid:a1,not decrypted\n")


@pytest.mark.parametrize("payload", [{"detail": "Not found."}, {"results": "x"}, {"results": [1]}, 3, None])
def test_an_answer_without_submissions_is_refused(payload: object) -> None:
    with pytest.raises(InputRefused, match=r"forms\.not-submissions"):
        forms.from_json(payload, "d.json")


def test_a_broken_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "data.json"
    path.write_text('{"results": [{"_uuid": ')
    with pytest.raises(InputRefused, match=r"forms\.not-json"):
        forms.read(path)
    with pytest.raises(InputRefused, match=r"forms\.not-submissions"):
        from_csv(tmp_path, "id;lat;lon\n1;2;3\n")


# --- the way in -----------------------------------------------------------------------------------------------------


def test_an_export_is_known_when_any_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "export.csv"
    path.write_text(made.kobo_csv([made.kobo(FIND, "a1")]))
    (layer,) = read_any(path)
    assert (layer.role, layer.geometries) == ("evidence", (FIND.shape,))
    path = tmp_path / "data.json"
    path.write_text(json.dumps({"count": 1, "results": [made.kobo(FIND, "a1")]}))
    assert read_any(path)[0].role == "evidence"


def test_geojson_and_plain_tables_stay_what_they_are(tmp_path: Path) -> None:
    path = tmp_path / "evidence.json"
    point = {
        "type": "Feature",
        "properties": {"id": "E"},
        "geometry": {"type": "Point", "coordinates": [1, 2]},
    }
    path.write_text(json.dumps({"type": "FeatureCollection", "features": [point]}))
    assert read_any(path)[0].format == "GeoJSON"
    path = tmp_path / "evidence.csv"
    path.write_text("id,lat,lon\nE,2,1\n")
    assert read_any(path)[0].format == "CSV"


def test_the_repeated_group_of_an_odk_export_says_that_it_stands_alone(tmp_path: Path) -> None:
    text = (
        "count,place-Latitude,place-Longitude,place-Altitude,place-Accuracy,PARENT_KEY,KEY\n"
        "2,16,107,0,4,uuid:a1,uuid:a1/items[1]\n"
    )
    (layer,) = from_csv(tmp_path, text)
    assert layer.columns["id"] == ("uuid:a1/items[1]",)
    assert layer.geometries == (Point(107, 16),)
    assert any("stand in another file" in note for note in layer.notes)
