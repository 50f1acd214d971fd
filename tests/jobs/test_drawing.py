"""Areas are drawn around boxes with evidence, as proposals: what they stand on, and where their edge is open."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from shapely.geometry.base import BaseGeometry

from fadeout.jobs.drawing import next_boxes, proposals, write
from fadeout.jobs.storing import Request, take_in
from fadeout.records import boxes, places
from fadeout.records import standard as standards
from fadeout.records.record import Record
from fadeout.records.store import Store, create_store

STANDARD = standards.load("south-east-asia")
SIDE = STANDARD.box_side_m


def outline(cell: boxes.Cell) -> BaseGeometry:
    return places.move([cell.square], cell.crs, places.WGS84)[0]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    made = create_store(tmp_path / "store.gpkg")
    middle = boxes.cell_at(107.0, 16.8, SIDE)
    grid = {
        (i, j): boxes.Cell(middle.crs, SIDE, middle.column + i, middle.row + j)
        for i in range(-2, 3)
        for j in range(-2, 3)
    }
    records = []
    for (i, j), cell in grid.items():
        if (i, j) == (2, 2):
            continue  # one corner was never searched
        values = {"effort_min": 600.0, "share_searched": 1.0, "method": "detector"}
        records.append(Record("box", f"B{i + 2}{j + 2}", dict(values), outline(cell)))
    for n, (i, j) in enumerate([(0, 0), (1, 0)]):
        place = outline(grid[i, j]).centroid
        records.append(Record("evidence", f"EP-{n}", {"kind": "item", "found_on": "2026-01-01"}, place))
    with made.change(who="a", why="b") as change:
        change.put(records)
    return made


def test_boxes_with_items_make_one_area_that_stands_on_them(store: Store) -> None:
    areas = [one for one in proposals(store, STANDARD, "a") if one.kind == "hazardous_area"]
    (area,) = areas
    assert area.values["stands_on"] == ["EP-0", "EP-1"]
    assert area.values["profile"] == STANDARD.label
    assert "open" in str(area.values["edges"]) or "closed_by_search" in str(area.values["edges"])


def test_proposals_are_a_file_that_an_intake_takes_in(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "proposals.gpkg"
    write(proposals(store, STANDARD, "a"), path, datetime(2026, 11, 25, tzinfo=UTC))
    (review,) = take_in(store, Request((path,), "a"), today=date(2026, 11, 25))
    assert (review.problems, review.counts["hazardous_area"].new) == ([], 1)


def test_nothing_in_the_store_changes_by_drawing(store: Store) -> None:
    proposals(store, STANDARD, "a")
    assert len(store.changes()) == 1


def test_without_evidence_nothing_is_drawn(tmp_path: Path) -> None:
    assert proposals(create_store(tmp_path / "empty.gpkg"), STANDARD, "a") == []


def test_boxes_to_search_next_lie_where_the_search_outward_is_open(store: Store) -> None:
    """Two boxes of finds, all around them searched but one corner: nothing within one box of a find is open."""
    middle = boxes.cell_at(107.0, 16.8, SIDE)
    found = {one.box for one, _ in next_boxes(store, STANDARD, "a")}
    searched = {
        boxes.Cell(middle.crs, SIDE, middle.column + i, middle.row + j)
        for i in range(-2, 3)
        for j in range(-2, 3)
    }
    corner = boxes.Cell(middle.crs, SIDE, middle.column + 2, middle.row + 2)
    assert not found & (searched - {corner})
    for one, record in next_boxes(store, STANDARD, "a"):
        assert "evidence" in one.why
        assert record.values["state"] == "not_yet"


def test_a_box_that_was_only_planned_is_not_taken_for_searched(store: Store, tmp_path: Path) -> None:
    far = boxes.cell_at(107.2, 16.8, SIDE)
    with store.change(who="a", why="b") as change:
        change.put([Record("evidence", "EP-9", {"kind": "item"}, outline(far).centroid)])
    before = next_boxes(store, STANDARD, "a")
    assert len(before) >= 8
    path = tmp_path / "next.gpkg"
    write([record for _, record in before], path, datetime(2026, 11, 25, tzinfo=UTC))
    (review,) = take_in(store, Request((path,), "a"), today=date(2026, 11, 25))
    assert not review.problems
    assert [one for one, _ in next_boxes(store, STANDARD, "a")] == [one for one, _ in before]
