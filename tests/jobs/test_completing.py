"""The completion document says what was done on ground and what that rests on, and never more than that."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from shapely import Point, box

from fadeout.errors import InputRefused
from fadeout.exchange import document_files
from fadeout.exchange.documents import Document, Section, as_json
from fadeout.jobs import completing, completing_map, land_release
from fadeout.jobs.land_release import Step
from fadeout.records import standard as standards
from fadeout.records.record import Record
from fadeout.records.store import Store, create_store

STANDARD = standards.load()
NOW = datetime(2026, 11, 25, 9, tzinfo=UTC)
AREA = box(107.0, 16.0, 107.003, 16.002)
WEST, EAST = box(107.0, 16.0, 107.0016, 16.002), box(107.0014, 16.0, 107.003, 16.002)
STAMP = "SIMULATED data"
SUMMARY = {
    "sentences": {
        "we_know": "6.8 ha were searched, and 1 item found.",
        "we_do_not_know": "What a search missed.",
    },
    "completion": [
        {"ground": "all", "name": "All ground", "words": "The chance that nothing is left is 97 %."}
    ],
}


def search(id: str, shape: Any, **more: Any) -> Record:
    values = {
        "outcome": "complete",
        "kind": "clearance",
        "depth_cm": 20.0,
        "method": "detector",
        "team": "T1",
    }
    return Record("searched", id, {**values, "searched_on": "2026-02-01", **more}, shape)


RECORDS = (
    Record(
        "evidence",
        "EP-1",
        {"kind": "item", "found_on": "2025-12-01", "state": "destroyed", "munition": "BLU-26"},
        Point(107.001, 16.001),
    ),
    Record(
        "evidence", "EP-2", {"kind": "witness_at_place", "found_on": "2025-11-01"}, Point(107.002, 16.0005)
    ),
    search("S-1", WEST),
    search("S-2", EAST, searched_on="2026-03-01"),
    Record(
        "item_destroyed",
        "ID-1",
        {"munition": "BLU-26", "count": 1, "destroyed_on": "2026-02-02", "evidence_id": "EP-1"},
        Point(107.001, 16.001),
    ),
    Record(
        "document",
        "D-1",
        {
            "title": "Clearance report",
            "sha256": "0" * 64,
            "about_kind": "hazardous_area",
            "about_id": "SHA-1",
        },
    ),
    Record("qc_sample", "Q-1", {"release_id": "R-1", "result": "passed", "inspector": "I. Looker"}, WEST),
    Record(
        "release",
        "R-1",
        {
            "action": "cleared",
            "hazard_id": "SHA-1",
            "released_on": "2026-05-01",
            "released_by": "A. Officer",
            "authority": "National authority",
            "method": "manual",
            "depth_cm": 20.0,
            "evidence_ids": ["S-1", "S-2"],
        },
        AREA,
    ),
    Record(
        "run",
        "RUN-1",
        {
            "hazard_id": "SHA-1",
            "ran_at": "2026-01-02T12:00:00Z",
            "verdict": "fit",
            "summary": json.dumps(SUMMARY),
        },
        AREA,
    ),
)


def put(store: Store, *records: Record) -> None:
    with store.change(who="clerk", why="as reported") as change:
        change.put(records)


def suspected(path: Path) -> Store:
    days = iter(range(1000))
    clock: Callable[[], datetime] = lambda: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=next(days))  # noqa: E731
    made = create_store(path, clock)
    opened = {
        "state": "suspected",
        "stands_on": ["EP-2"],
        "opened_on": "2026-01-01",
        "profile": STANDARD.label,
    }
    put(made, *RECORDS, Record("hazardous_area", "SHA-1", opened, AREA))
    return made


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """An area that went by the rules from suspected over confirmed to cleared."""
    made = suspected(tmp_path_factory.mktemp("completing") / "store.gpkg")
    for to in ("confirmed", "cleared"):
        closed = {"closed_on": "2026-05-01"} if to == "cleared" else None
        asked = Step("SHA-1", to, ("EP-1",), closed)
        land_release.step(made, asked, STANDARD, who="B. Decider", why=f"taken to {to}")
    return made


def made(store: Store, **more: Any) -> Document:
    return completing.completion(store, "SHA-1", STANDARD, who="P. Reparer", now=NOW, **more)


@pytest.fixture(scope="module")
def document(store: Store) -> Document:
    return made(store)


def section(document: Document, key: str) -> Section:
    return next(one for one in document.sections if one.key == key)


def rows(document: Document, key: str, table: int = 0) -> list[tuple[Any, ...]]:
    return list(section(document, key).tables[table].rows)


def text(document: Document) -> str:
    return as_json(document).decode()


def test_states_stand_with_the_day_and_who_took_the_area_there(document: Document) -> None:
    told = [(row[0], row[2], row[3]) for row in rows(document, "area", 1)]
    assert told == [
        ("suspected", "clerk", "as reported"),
        ("confirmed", "B. Decider", "taken to confirmed"),
        ("cleared", "B. Decider", "taken to cleared"),
    ]


def test_the_ledger_line_is_that_of_the_area_ledger_and_balances(store: Store, document: Document) -> None:
    line = land_release.ledger(store, NOW.date().replace(month=1, day=1), NOW.date(), "x").by_area["SHA-1"]
    told = [row[1] for row in rows(document, "ledger")]
    assert told == [getattr(line, name) for name in completing.LINES]
    assert "The line balances." in section(document, "ledger").paragraphs[0]
    assert (line.found, line.closing) == (line.cleared, 0)


def test_the_release_stands_with_who_signed_its_depth_and_the_ground_it_released(document: Document) -> None:
    (row,) = rows(document, "releases")
    assert row[:7] == ("R-1", "cleared", "2026-05-01", "manual", 20, "A. Officer", "National authority")
    assert row[7] == pytest.approx(
        row[8], abs=1
    )  # the ledger parts ground on a grid of its own and rounds once
    assert section(document, "releases").tables[0].records == (("R-1", "S-1", "S-2"),)


def test_what_it_rests_on_is_named_by_the_ids_of_records(document: Document) -> None:
    ids = {id for table in section(document, "rests").tables for behind in table.records for id in behind}
    assert ids == {"S-1", "S-2", "EP-1", "EP-2", "ID-1", "D-1", "Q-1"}


def test_rules_stand_with_their_clauses_and_are_met(document: Document) -> None:
    steps = rows(document, "rules")
    assert [row[0] for row in steps] == ["(new) → suspected", "suspected → confirmed", "confirmed → cleared"]
    assert "09.11" in steps[-1][1]
    assert {row[1] for row in rows(document, "rules", 1)} == {"met"}
    assert section(document, "rules").gaps == ()


def test_a_rule_that_is_no_longer_met_is_a_question_for_a_person(tmp_path: Path) -> None:
    store = suspected(tmp_path / "store.gpkg")
    for to in ("confirmed", "cleared"):
        land_release.step(store, Step("SHA-1", to, ("EP-1",)), STANDARD, who="a", why="b")
    put(store, search("S-2", EAST, depth_cm=5.0))
    (gap,) = section(made(store), "rules").gaps
    assert "clearance to 20 cm is not recorded for 47 % of hazardous area SHA-1" in gap


def test_the_statement_is_that_of_the_latest_assessment_and_says_what_it_does_not_know(
    document: Document,
) -> None:
    statement = section(document, "statement")
    assert rows(document, "statement") == [("All ground", "The chance that nothing is left is 97 %.")]
    assert any("1 of the records here were recorded after it" in one for one in statement.paragraphs)
    assert "6.8 ha were searched, and 1 item found." in statement.paragraphs


def test_the_folder_of_a_run_stands_before_the_store(store: Store, tmp_path: Path) -> None:
    told = {**SUMMARY, "completion": [{"name": "Here", "words": "Another run."}]}
    (tmp_path / "summary.json").write_text(json.dumps(told), encoding="utf-8")
    assert rows(made(store, run_folder=tmp_path), "statement") == [("Here", "Another run.")]
    with pytest.raises(InputRefused, match=r"completion\.no-run"):
        made(store, run_folder=tmp_path / "nowhere")


def test_an_area_that_is_not_released_has_no_completion(tmp_path: Path) -> None:
    store = suspected(tmp_path / "store.gpkg")
    with pytest.raises(InputRefused, match=r"completion\.not-released"):
        made(store)
    with pytest.raises(InputRefused, match=r"store\.no-area"):
        completing.completion(store, "SHA-9", STANDARD, who="x", now=NOW)


def test_it_says_what_no_document_says_and_for_whom_it_is(document: Document) -> None:
    words = "No document says that ground is free of all remnants beyond the standard's depth."
    assert words in document.notes[0]
    assert words in section(document, "limits").paragraphs[0]
    assert document.stamps[0] == "For staff and the national authority; holds exact places"


def test_the_word_that_no_document_may_say_stands_nowhere(document: Document) -> None:
    drawn = section(document, "map").pictures[0]
    assert "safe" not in (text(document) + drawn.alt + drawn.caption).lower()


def test_names_are_there_to_be_signed_beside(document: Document) -> None:
    told = [row[:2] for row in rows(document, "signatures")]
    assert told == [
        ("Signed the release", "A. Officer"),
        ("National authority", "National authority"),
        ("Quality control", "I. Looker"),
        ("Prepared this document", "P. Reparer"),
        ("Received the land", ""),
    ]


def test_ground_of_the_map_is_parted_without_remainder_by_how_it_was_searched(store: Store) -> None:
    found = completing.gather(store, "SHA-1", STANDARD, "x", NOW.date())
    whole = completing_map.ground_of(found.case)
    # an edge with a vertex more bends by some centimetres as degrees become metres
    assert whole.whole.area == pytest.approx(whole.area.area, rel=1e-5)
    without = replace(found.case, records=tuple(one for one in found.case.records if one.id != "S-2"))
    half = completing_map.ground_of(without)
    parts = half.whole.area + half.part.area + half.bare.area
    assert parts == pytest.approx(half.area.area, rel=1e-5)
    assert whole.bare.is_empty
    # the eastern 14 of 30 parts were not searched; degrees are straight lines in UTM to 1e-4 at this size
    assert half.bare.area / half.area.area == pytest.approx(14 / 30, rel=1e-3)


def test_one_simulated_record_stamps_every_page_and_the_map(tmp_path: Path, document: Document) -> None:
    store = suspected(tmp_path / "store.gpkg")
    for to in ("confirmed", "cleared"):
        land_release.step(store, Step("SHA-1", to, ("EP-1",)), STANDARD, who="a", why="b")
    put(store, search("S-1", WEST, stamp=STAMP))
    stamped = made(store)
    assert STAMP in stamped.stamps
    assert section(stamped, "map").pictures[0].svg != section(document, "map").pictures[0].svg
    assert STAMP not in document.stamps


def test_the_same_records_and_time_make_the_same_pdf(store: Store, document: Document) -> None:
    assert document_files.pdf(made(store)) == document_files.pdf(document)


@pytest.mark.skipif(shutil.which("pdftotext") is None, reason="pdftotext is not here")
def test_the_pdf_holds_the_words_and_the_picture_and_all_formats_are_written(
    document: Document, tmp_path: Path
) -> None:
    written = document_files.write(document, tmp_path, completing.NAME)
    assert [one.suffix for one in written] == [".json", ".xlsx", ".docx", ".pdf"]
    path = tmp_path / "completion.pdf"
    told = subprocess.run(
        ["pdftotext", "-layout", path, "-"], capture_output=True, check=True, text=True
    ).stdout
    flat = " ".join(told.split())
    for words in (
        "Completion of SHA-1: cleared",
        "For staff and the national authority; holds exact places",
        "No document says that ground is free of all remnants",
        "A. Officer",
        "Names and signatures",
    ):
        assert words in flat
    assert "safe" not in flat.lower()
