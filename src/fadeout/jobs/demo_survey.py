"""A survey that never was, on strikes that may have been: the SIMULATED part of the demonstration.

Reads   places of real strike records, a seed
Gives   `Simulated`: evidence, searched ground, and the truth that no survey ever knows
Knows   continuous ground in metres; nothing of grids, priors or fits, so that the model is not judged by itself
Start   at `simulate`

Teams go where teams go: along roads, to villages, to what people report, and from each find to its neighbours.
Patterns are ellipses with rings and heavy tails; records are displaced or false, some strikes have none; the
chance to detect differs from item to item and from box to box, and is a little lower than the team believes.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, timedelta

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely import LineString, MultiPolygon, Point, Polygon, box

from fadeout.model.simulate import Ground, outside_model, search_boxes, strikes_near
from fadeout.records.kinds import EvidencePoint, Origin, SearchedArea

SIDE_M = 50.0
BOXES = 320  # that the season's teams can search
BEGIN = date(2025, 2, 3)
BOXES_A_DAY = 12
TRUE_DETECTION = {"technical_survey": 0.7, "clearance": 0.92}  # the profile believes a little more
GPS_ERROR_M = 4.0
MADE_UP = Origin("simulated", "", 0)

# What lies behind the records (assumed, for the demonstration alone).
RECORD_TRUE = 0.65
RECORD_ERROR_M = 160.0
UNRECORDED = 4
ITEMS = 60.0
SIGMA_MAJOR_M, SIGMA_MINOR_M = 95.0, 50.0

# The land: places as shares of the square's side from its south-west corner. No real road, no real village.
ROADS = (
    ((0.0, 0.30), (0.14, 0.24), (0.30, 0.17), (0.47, 0.21), (0.62, 0.14), (0.80, 0.10), (1.0, 0.13)),
    ((0.40, 0.19), (0.46, 0.34), (0.58, 0.50), (0.70, 0.66), (0.76, 0.82), (0.88, 1.0)),
)
VILLAGES = ((0.16, 0.21), (0.42, 0.22), (0.60, 0.17), (0.73, 0.72))
POND = ((0.425, 0.112), (0.448, 0.105), (0.457, 0.121), (0.433, 0.128))
AREA = (
    *((0.0, 0.03), (0.05, 0.0), (0.93, 0.0), (1.0, 0.05), (1.0, 0.92)),
    *((0.95, 1.0), (0.66, 1.0), (0.5, 0.62), (0.28, 0.52), (0.0, 0.62)),
)

Places = NDArray[np.float64]


@dataclass(frozen=True)
class Simulated:
    """A simulated survey and its truth."""

    area: Polygon
    evidence: tuple[EvidencePoint, ...]
    searched: tuple[SearchedArea, ...]
    ground: Ground
    left: Places  # (n, 2) x, y of items in the area that nobody found

    @property
    def strikes_in_area(self) -> int:
        """Strikes, recorded or not, whose centre lies in the area."""
        return sum(self.area.covers(Point(strike.x_m, strike.y_m)) for strike in self.ground.strikes)


@dataclass(frozen=True)
class Square:
    """The square that the demonstration lies in, metres; its corner on a multiple of the box side."""

    west: float
    south: float
    side_m: float

    def place(self, shares: Iterable[tuple[float, float]]) -> list[tuple[float, float]]:
        """Shares of the side to metres."""
        return [(self.west + u * self.side_m, self.south + v * self.side_m) for u, v in shares]


def simulate(square: Square, records: Places, seed: int) -> Simulated:
    """Make a survey on strikes that may lie behind the records at (x, y), shape (n, 2)."""
    seeds = np.random.SeedSequence(seed).generate_state(4)
    world = _World(square, _ground(square, records, int(seeds[0])), np.random.default_rng(int(seeds[1])))
    world.people_report()
    world.teams_search(records, int(seeds[2]))
    world.a_field_is_cleared(int(seeds[3]))
    inside = shapely.contains_xy(world.area, world.ground.x_m, world.ground.y_m)
    left = np.column_stack([world.ground.x_m, world.ground.y_m])[inside & ~world.found]
    return Simulated(world.area, tuple(world.evidence), tuple(world.searched), world.ground, left)


def _ground(square: Square, records: Places, seed: int) -> Ground:
    """Strikes behind the records, some that nobody recorded, and the items they left."""
    extent = (square.west, square.south, square.west + square.side_m, square.south + square.side_m)
    strikes = strikes_near(
        records[:, 0],
        records[:, 1],
        seed=seed,
        position_error_m=RECORD_ERROR_M,
        credibility=RECORD_TRUE,
        items=ITEMS,
        items_shape=1.2,
        sigma_major_m=SIGMA_MAJOR_M,
        sigma_minor_m=SIGMA_MINOR_M,
        unrecorded=UNRECORDED,
        extent=extent,
    )
    return outside_model(strikes, extent=extent, background_per_km2=0.3, unevenness=0.35, seed=seed + 1)


class _World:
    """The season as it goes on: what has been found, searched and written down."""

    def __init__(self, square: Square, ground: Ground, rng: np.random.Generator) -> None:
        self.square, self.ground, self.rng = square, ground, rng
        self.area = Polygon(square.place(AREA))
        self.roads = [LineString(square.place(road)) for road in ROADS]
        self.villages = [Point(place) for place in square.place(VILLAGES)]
        self.pond = Polygon(square.place(POND))
        self.found = np.zeros(len(ground.x_m), dtype=bool)
        self.evidence: list[EvidencePoint] = []
        self.searched: list[SearchedArea] = []

    # ---- people

    def people_report(self) -> None:
        """Residents show items near villages and roads, and tell of traces; before any team comes."""
        lived_in = shapely.union_all([*self.villages, *self.roads])
        places = shapely.points(self.ground.x_m, self.ground.y_m)
        near = np.exp(-((shapely.distance(places, lived_in) / 250.0) ** 2) / 2)
        shown = np.flatnonzero((self.rng.random(len(near)) < 0.05 * near) & shapely.covers(self.area, places))
        for item in shown:
            self._write_find(
                int(item), "opportunistic", BEGIN - timedelta(days=int(self.rng.integers(20, 400)))
            )
        kinds = ("fragment",) * 4 + ("report",) * 5 + ("accident",)
        about = self.rng.choice(len(near), size=len(kinds), p=near / near.sum())
        for kind, item in zip(kinds, about, strict=True):
            x, y = self._jittered(int(item), 90.0 if kind == "report" else 40.0)
            how = "opportunistic" if kind == "report" else "survey"
            told = BEGIN - timedelta(days=int(self.rng.integers(5, 900)))
            if self.area.covers(Point(x, y)):
                self._write(kind, how, x, y, told, 50.0)

    # ---- teams

    def teams_search(self, records: Places, seed: int) -> None:
        """Search boxes from reports, villages and roads outward: eight neighbours of each box with a find."""
        waiting = deque(self._first_boxes(records))
        queued = set(waiting)
        while waiting and len(self.searched) < BOXES:
            corner = waiting.popleft()
            if self._search_box(corner, seed):
                for dx in (-SIDE_M, 0.0, SIDE_M):
                    for dy in (-SIDE_M, 0.0, SIDE_M):
                        beside = (corner[0] + dx, corner[1] + dy)
                        if beside not in queued and self.area.covers(_square(beside)):
                            queued.add(beside)
                            waiting.append(beside)

    def _first_boxes(self, records: Places) -> list[tuple[float, float]]:
        """Boxes at what people told, then around villages, then beside the road where a record lies near."""
        told = [point.place for point in self.evidence]
        village = [
            Point(v.x + dx, v.y + dy)
            for v in self.villages
            for dx, dy in ((-150, 60), (130, -110), (40, 180))
        ]
        marks = shapely.multipoints(records)
        beside = [
            Point(p.x + self.rng.normal(0, 60), p.y + self.rng.normal(0, 60))
            for road in self.roads
            for p in (road.interpolate(d) for d in np.arange(60.0, road.length, 110.0))
            if p.distance(marks) < 550.0
        ]
        corners = [
            (float(np.floor(p.x / SIDE_M) * SIDE_M), float(np.floor(p.y / SIDE_M) * SIDE_M))
            for p in (*told, *village, *beside)
        ]
        return [c for c in dict.fromkeys(corners) if self.area.covers(_square(c))]

    def _search_box(self, corner: tuple[float, float], seed: int) -> bool:
        """Search one box and write it down; say whether it gave a find."""
        shape, number = _square(corner), len(self.searched)
        on = BEGIN + timedelta(days=number // BOXES_A_DAY)
        area = SearchedArea(
            id=f"SIM-B{number + 1:03d}",
            shape=shape,
            origin=MADE_UP,
            detection=0.0,  # the profile's, by the method
            method="technical_survey",
            searched_on=on,
            team=f"T{number // BOXES_A_DAY % 3 + 1}",
        )
        if shape.intersects(self.pond):
            self.searched.append(replace(area, outcome="not_searchable"))
            return False
        share = 1.0 if self.rng.random() > 0.07 else float(self.rng.choice([0.5, 0.6, 0.8]))
        gave = search_boxes(
            self.ground,
            [corner[0]],
            [corner[1]],
            SIDE_M,
            detection=TRUE_DETECTION["technical_survey"] * share,
            found=self.found,
            seed=seed,
        )
        self.found = gave.found
        for item in gave.item:
            self._write_find(int(item), "survey", on, area)
        if len(gave.item):
            self.searched.append(replace(area, outcome="stopped_at_find"))
        elif share < 1:
            self.searched.append(replace(area, outcome="partial", share_searched=share))
        else:
            self.searched.append(area)
        return bool(len(gave.item))

    def a_field_is_cleared(self, seed: int) -> None:
        """The field with most boxes that gave a find is cleared in full, at its method's depth."""
        red = [area.shape.centroid for area in self.searched if area.outcome == "stopped_at_find"]
        if not red:
            return
        near = [sum(p.distance(other) < 160.0 for other in red) for p in red]
        middle = red[int(np.argmax(near))]
        x, y = (np.round(v / SIDE_M) * SIDE_M for v in (middle.x, middle.y))
        field = shapely.intersection(box(x - 150, y - 100, x + 150, y + 150), self.area)
        on = BEGIN + timedelta(days=70)
        cleared = SearchedArea(
            id="SIM-CLEARED",
            shape=field,
            origin=MADE_UP,
            detection=0.0,
            method="clearance",
            searched_on=on,
            team="C1",
            kind="clearance",
            depth_cm=20.0,
        )
        self._search_all(cleared, on, "clearance")

    def _search_all(self, area: SearchedArea, on: date, how: str) -> None:
        """Search some ground to its end; every find is written down."""
        chance = TRUE_DETECTION[area.method] * self.ground.ease
        there = shapely.contains_xy(area.ground, self.ground.x_m, self.ground.y_m) & ~self.found
        for item in np.flatnonzero(there & (self.rng.random(len(chance)) < chance)):
            self._write_find(int(item), how, on, area)
        self.searched.append(area)

    # ---- what is written down

    def _write_find(self, item: int, how: str, on: date, area: SearchedArea | None = None) -> None:
        """Write a find where a handheld receiver puts it, inside the ground that its team searched."""
        self.found[item] = True
        x, y = self._jittered(item, GPS_ERROR_M)
        if area is not None and not area.ground.contains(Point(x, y)):
            x, y = float(self.ground.x_m[item]), float(self.ground.y_m[item])
        error = 25.0 if how == "opportunistic" else 5.0
        self._write("item", how, x, y, on, error, area.id if area else "")

    def _write(
        self, kind: str, how: str, x: float, y: float, on: date, error: float, searched_id: str = ""
    ) -> None:
        self.evidence.append(
            EvidencePoint(
                id=f"SIM-{kind[0].upper()}{len(self.evidence) + 1:03d}",
                place=Point(round(x, 1), round(y, 1)),
                origin=MADE_UP,
                kind=kind,
                how=how,
                found_on=on,
                position_error_m=error,
                searched_id=searched_id,
            )
        )

    def _jittered(self, item: int, error_m: float) -> tuple[float, float]:
        dx, dy = self.rng.normal(0.0, error_m, size=2)
        return float(self.ground.x_m[item] + dx), float(self.ground.y_m[item] + dy)


def _square(corner: tuple[float, float]) -> Polygon | MultiPolygon:
    return box(corner[0], corner[1], corner[0] + SIDE_M, corner[1] + SIDE_M)
