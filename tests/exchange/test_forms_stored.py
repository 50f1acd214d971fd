"""A surveyor's submission, exported and taken in, is the record a store gives back; a second time changes nothing."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest
import submissions as made
from shapely import LineString, Point, Polygon

from fadeout.jobs.intake import read_survey
from fadeout.jobs.storing import Request, take_in
from fadeout.records.access import Viewer
from fadeout.records.profile import load
from fadeout.records.record import Record
from fadeout.records.store import Store, create_store

TODAY = date(2026, 12, 1)
STAFF = Viewer("test", "staff")
CORNERS = [(107.0, 16.0), (107.01, 16.0), (107.01, 16.01), (107.0, 16.01), (107.0, 16.0)]
RECORDS = [
    Record(
        "evidence",
        "EP-1",
        {"found_on": "2026-11-20", "kind": "item", "how": "survey", "count": 2, "position_error_m": 4.5},
        Point(107.005, 16.005),
    ),
    Record(
        "searched",
        "B-1",
        {"searched_on": "2026-11-20", "method": "visual", "kind": "survey", "outcome": "stopped_at_find"},
        Polygon(CORNERS),
    ),
    Record(
        "searched",
        "L-1",
        {
            "searched_on": "2026-11-20",
            "method": "detector",
            "kind": "survey",
            "outcome": "complete",
            "swath_m": 3,
        },
        LineString(CORNERS[:3]),
    ),
    Record(
        "hazardous_area",
        "CHA-1",
        {"opened_on": "2026-11-20", "state": "confirmed", "stands_on": ["EP-1", "EP-2"], "edges": "open"},
        Polygon(CORNERS),
    ),
    Record(
        "accident",
        "A-1",
        {"happened_on": "2026-11-01", "activity": "farming", "killed": 0, "injured": 1},
        Point(107, 16),
    ),
]


def export(record: Record, server: str, tmp_path: Path) -> Path:
    """The record as somebody answered it, in an export of that server."""
    ids = {name: "; ".join(value) for name, value in record.values.items() if isinstance(value, list)}
    answered = Record(record.kind, record.id, {**record.values, **ids}, record.shape)
    path = tmp_path / f"{server}.{'json' if 'json' in server else 'csv'}"
    text = {
        "kobo": lambda: made.kobo_csv([made.kobo(answered, "a1")]),
        "kobo-json": lambda: json.dumps({"count": 1, "next": None, "results": [made.kobo(answered, "a1")]}),
        "odk": lambda: made.odk_csv(answered, "a1", group="site"),
        "odk-json": lambda: json.dumps({"value": [made.odk(answered, "a1", group="site")]}),
    }[server]()
    path.write_text(text, encoding="utf-8")
    return path


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return create_store(tmp_path / "store.gpkg")


@pytest.mark.parametrize("server", ["kobo", "kobo-json", "odk", "odk-json"])
@pytest.mark.parametrize("record", RECORDS, ids=[one.id for one in RECORDS])
def test_a_submission_is_stored_as_it_was_answered(
    store: Store, tmp_path: Path, record: Record, server: str
) -> None:
    path = export(record, server, tmp_path)
    (review,) = take_in(store, Request((path,), who="test"), today=TODAY)
    assert review.problems == []
    held = store.get(record.kind, record.id, STAFF)
    assert held is not None
    assert held.shape == record.shape
    assert {name: held.values.get(name) for name in record.values} == record.values
    (again,) = take_in(store, Request((path,), who="test"), today=TODAY)
    assert (again.put.new, again.put.changed) == (0, 0)


def test_what_was_kept_aside_is_told_in_the_review(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "data.json"
    path.write_text(json.dumps({"results": [made.kobo(RECORDS[0], "a1") | {"soil": "clay"}]}))
    (review,) = take_in(store, Request((path,), who="test"), today=TODAY)
    assert any("keeps soil" in note for note in review.notes)


def test_a_form_of_somebody_else_is_taken_in_by_its_kind(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "village.json"
    row = {"_uuid": "a1", "_submission_time": made.SENT, "g/what": "a bomb", "g/gps": "16.5 107.5 0 8"}
    path.write_text(json.dumps({"results": [row]}))
    (review,) = take_in(store, Request((path,), who="test", kind="public_report"), today=TODAY)
    assert review.problems == []
    held = store.get("public_report", "uuid:a1", STAFF)
    assert held is not None
    assert (held.values["what"], held.values["position_error_m"]) == ("a bomb", 8)


def test_a_submission_whose_device_lives_in_the_future_is_refused(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "data.json"
    path.write_text(json.dumps({"results": [made.kobo(RECORDS[0], "a1") | {"found_on": "2027-01-01"}]}))
    (review,) = take_in(store, Request((path,), who="test"), today=TODAY)
    assert [one.code for one in review.problems] == ["intake.future-date"]


def test_an_assessment_reads_exports_of_forms_as_they_are(tmp_path: Path) -> None:
    """Device times and ids of other records stand in them too, which no estimate reads."""
    paths = []
    for record in RECORDS[:2]:
        row = made.kobo(record, "a1", 4.5) | {"hazard_id": "SHA-1", "remark": "by the path"}
        row |= {"count": "1"} if record.kind == "evidence" else {}  # a search stops at one item
        paths.append(tmp_path / f"{record.kind}.csv")
        paths[-1].write_text(made.kobo_csv([row]), encoding="utf-8")
    survey = read_survey(paths, profile=load(), today=TODAY)
    assert [(one.id, one.count, one.position_error_m) for one in survey.evidence] == [("EP-1", 1, 4.5)]
    assert [(one.id, one.outcome, one.method) for one in survey.searched] == [
        ("B-1", "stopped_at_find", "visual")
    ]


@pytest.mark.parametrize("header", ["_id,id", "id,_id"])
def test_a_column_of_the_exporting_program_never_stands_for_ours(
    store: Store, tmp_path: Path, header: str
) -> None:
    path = tmp_path / "evidence.csv"
    ids = "7,EP-1" if header.startswith("_") else "EP-1,7"
    path.write_text(f"{header},lat,lon,kind\n{ids},16,107,item\n", encoding="utf-8")
    (review,) = take_in(store, Request((path,), who="test"), today=TODAY)
    assert review.problems == []
    assert [one.id for one in store.page("evidence", STAFF)] == ["EP-1"]
