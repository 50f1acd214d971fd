"""A small programme for the tests of pages: made up, near nothing real."""

from __future__ import annotations

from shapely import Point, Polygon, box

from fadeout.records import standard
from fadeout.records.record import Record
from fadeout.records.store import Store

LON, LAT = 10.0, 5.0
SQUARE = box(LON, LAT, LON + 0.004, LAT + 0.004)  # about 440 m
STANDARD = standard.load()


def finds(n: int = 6) -> list[Record]:
    """Evidence points in the square."""
    return [
        Record(
            "evidence",
            f"EP-{i}",
            {
                "kind": "item" if i % 2 else "fragment",
                "how": "opportunistic",
                "count": 1 + i % 3,
                "found_on": f"2026-03-{i + 1:02d}",
            },
            Point(LON + 0.0005 + i * 0.0005, LAT + 0.002),
        )
        for i in range(n)
    ]


def area(id: str = "SHA-1", shape: Polygon = SQUARE, **values: str) -> Record:
    """A suspected area that stands on the finds."""
    told = {"state": "suspected", "class": "SHA", "opened_on": "2026-04-01", "profile": STANDARD.label}
    return Record("hazardous_area", id, {**told, "stands_on": ["EP-0", "EP-1"], **values}, shape)


def searches() -> list[Record]:
    """Two searched boxes."""
    told = {"method": "visual", "outcome": "complete", "searched_on": "2026-05-01", "kind": "survey"}
    side = 0.0005
    return [
        Record("searched", f"S-{i}", dict(told), box(LON + i * side, LAT, LON + (i + 1) * side, LAT + side))
        for i in range(2)
    ]


def fill(store: Store, *more: Record) -> None:
    """Put the programme into a store."""
    programme = Record("programme", "P", {"name": "Test"}, box(LON - 0.5, LAT - 0.5, LON + 0.5, LAT + 0.5))
    with store.change(who="test", why="a programme") as change:
        change.put([programme, *finds(), *searches(), area(), *more])
