"""Tiles on both databases: every record is in one, none holds too many, nobody sees more than he or she may."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import mapbox_vector_tile
import pytest
from postgres import cluster
from shapely import Point, box

from fadeout.exchange import tiles
from fadeout.jobs.tiling import Tiles
from fadeout.records.access import Viewer
from fadeout.records.record import Record
from fadeout.records.store import Store, create_store

STAFF, PARTNER = Viewer("Ana", "staff"), Viewer("Ben", "partner")
LON, LAT = 10.0, 5.0
MANY = 9_000


def now() -> datetime:
    return datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    draw = random.Random(2)
    points = [
        Record(
            "evidence",
            f"E-{n:05d}",
            {"kind": draw.choice(("item", "fragment"))},
            Point(LON + draw.random(), LAT + draw.random()),
        )
        for n in range(MANY)
    ]
    areas = []
    for n in range(300):
        x, y = LON + draw.random(), LAT + draw.random()
        areas.append(Record("box", f"B-{n:05d}", {"state": "clear"}, box(x, y, x + 0.0005, y + 0.0005)))
    big = Record("hazardous_area", "A-1", {"state": "suspected"}, box(LON, LAT, LON + 1, LAT + 1))
    if request.param == "sqlite":
        made = create_store(str(tmp_path_factory.mktemp("tiles") / "s.gpkg"), now)
        fill(made, points, areas, big)
        yield made
        return
    with cluster() as running:
        made = create_store(running.database(), now)
        fill(made, points, areas, big)
        yield made


def fill(store: Store, points: list[Record], areas: list[Record], big: Record) -> None:
    with store.change(who="Ana", why="test") as change:
        change.put([*points, *areas, big])


def decoded(store: Store, kind: str, z: int, x: int, y: int, viewer: Viewer = STAFF) -> list[dict[str, Any]]:
    made, _ = Tiles(store).tile(kind, z, x, y, viewer)
    return mapbox_vector_tile.decode(made)[kind]["features"] if made else []  # type: ignore[no-any-return]


def at(z: int, lon: float, lat: float) -> tuple[int, int]:
    """The tile of a place."""
    for x in range(2**z):
        west, _, east, _ = tiles.bounds(z, x, 0)
        if west <= lon < east:
            break
    for y in range(2**z):
        _, south, _, north = tiles.bounds(z, x, y)
        if south < lat <= north:
            break
    return x, y


def test_points_beyond_the_most_are_put_together_and_none_is_lost(store: Store) -> None:
    x, y = at(4, LON, LAT)
    features = decoded(store, "evidence", 4, x, y)
    assert len(features) <= tiles.MOST
    assert sum(one["properties"].get("number", 1) for one in features) == MANY
    kinds = Counter[str]()
    for one in features:
        kinds[one["properties"]["kind"]] += one["properties"].get("number", 1)
    with store.connected():
        assert kinds["item"] + kinds["fragment"] == MANY


def test_areas_smaller_than_a_pixel_never_vanish(store: Store) -> None:
    x, y = at(4, LON, LAT)
    assert decoded(store, "box", 4, x, y)
    drawn = decoded(store, "hazardous_area", 4, x, y)
    told = [(one["properties"]["id"], one["geometry"]["type"]) for one in drawn]
    assert told == [("A-1", "Polygon"), ("A-1", "Point")]  # the area, and the place of its name


def test_deep_tiles_hold_each_record_once_in_the_right_place(store: Store) -> None:
    seen = Counter[str]()
    z = 12
    x0, y1 = at(z, LON, LAT)
    x1, y0 = at(z, LON + 1, LAT + 1)
    for x in range(x0, x1 + 1):
        for y in range(y0, y1 + 1):
            for one in decoded(store, "evidence", z, x, y):
                px, py = one["geometry"]["coordinates"]
                if 0 <= px < tiles.EXTENT and 0 <= py < tiles.EXTENT:
                    seen[one["properties"]["id"]] += 1
    assert (
        abs(len(seen) - MANY) <= MANY // 500
    )  # points right on an edge are rounded to one side or the other
    assert max(seen.values()) <= 2


def test_who_sees_coarsely_gets_cells_and_no_points(store: Store) -> None:
    x, y = at(12, LON + 0.5, LAT + 0.5)
    features = decoded(store, "evidence", 12, x, y, PARTNER)
    assert features
    assert {one["geometry"]["type"] for one in features} == {"Polygon"}


def test_a_tile_is_kept_until_its_kind_changes_and_is_not_given_to_others(store: Store) -> None:
    kept = Tiles(store)
    x, y = at(8, LON + 0.5, LAT + 0.5)
    first, mark = kept.tile("hazardous_area", 8, x, y, STAFF)
    again, same = kept.tile("hazardous_area", 8, x, y, STAFF)
    assert again is first
    assert same == mark
    with store.change(who="Ana", why="other") as change:
        change.put([Record("strike", "S-1", {}, Point(LON, LAT))])
    assert kept.mark("hazardous_area") == mark
    with store.change(who="Ana", why="area") as change:
        change.put([Record("hazardous_area", "A-2", {"state": "confirmed"}, box(LON, LAT, LON + 1, LAT + 1))])
    assert kept.mark("hazardous_area") != mark
    assert kept.tile("hazardous_area", 8, x, y, STAFF)[0] != first
    with store.change(who="Ana", why="back") as change:
        change.withdraw("hazardous_area", ["A-2"])


def test_a_day_gone_by_has_its_own_tiles(store: Store) -> None:
    x, y = at(4, LON, LAT)
    made, _ = Tiles(store).tile("evidence", 4, x, y, STAFF, "2020-01-01")
    assert made == b""
