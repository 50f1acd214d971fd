"""Survey boxes: the grid, the state of each box under a standard, which come next, and where the search may stop.

Reads   a polygon; searches and evidence of boxes; a `Standard`
Gives   `boxes_over` (the grid), `state_of` (one box), `next_boxes`, `outward` (the stop, direction by direction)
Knows   the standard's rules of boxes; nothing of files, the store or hazardous areas
Start   at `state_of`

A box is clear by recorded effort alone: below the standard it is partly searched, and what was not written down was not
done. A box that cannot be searched stays grey, whatever was searched around it or claimed in it, until that record is
withdrawn; only a find turns it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from fadeout.errors import InputRefused, Problem
from fadeout.records import places
from fadeout.records.record import Record
from fadeout.records.standard import Standard

MOST_BOXES = 2_000_000  # in one grid: 5,000 km² of boxes of 50 m
ID = re.compile(r"(\d+)-(\d+(?:\.\d+)?)-(-?\d+)-(-?\d+)")
TOUCH_M2 = 1e-3  # ground of a polygon in a box that is no more than touching it

EIGHT = (
    *(("north", 0, 1), ("east", 1, 0), ("south", 0, -1), ("west", -1, 0)),
    *(("north-east", 1, 1), ("south-east", 1, -1), ("south-west", -1, -1), ("north-west", -1, 1)),
)


@dataclass(frozen=True, order=True)
class Cell:
    """Where a box lies in the grid of a CRS: its column and row, counted in sides from the CRS's origin.

    Examples
    --------
    >>> Cell("EPSG:32648", 50.0, 10_000, 37_000).id
    '32648-50-10000-37000'
    """

    crs: str
    side_m: float
    column: int
    row: int

    @property
    def id(self) -> str:
        """The id of the box: EPSG code of the zone, side in m, column, row."""
        return f"{self.crs.removeprefix('EPSG:')}-{self.side_m:g}-{self.column}-{self.row}"

    @property
    def square(self) -> BaseGeometry:
        """The box in its metric CRS."""
        west, south = self.column * self.side_m, self.row * self.side_m
        square: BaseGeometry = shapely.box(west, south, west + self.side_m, south + self.side_m)
        return square

    def beside(self, east: int, north: int) -> Cell:
        """The box so many boxes to the east and north."""
        return Cell(self.crs, self.side_m, self.column + east, self.row + north)


def cell_of(id: str) -> Cell:
    """Read a box's id.

    Examples
    --------
    >>> cell_of("32648-50-10000-37000").beside(1, 0).id
    '32648-50-10001-37000'
    """
    parts = ID.fullmatch(id)
    if parts is None:
        message = f"'{id}' is not the id of a box"
        remedy = "write zone-side-column-row, as 32648-50-10000-37000"
        raise InputRefused([Problem("boxes.bad-id", message, remedy)])
    code, side, column, row = parts.groups()
    return Cell(f"EPSG:{code}", float(side), int(column), int(row))


def cell_at(lon: float, lat: float, side_m: float, crs: str | None = None) -> Cell:
    """Give the box in which a place lies; its western and southern edge belong to it.

    Examples
    --------
    >>> cell_at(107.0, 16.8, 50.0).id
    '32648-50-14262-37170'
    """
    zone = crs or places.metric_crs(lon, lat)
    x, y = places.move_xy(np.array([[lon, lat]]), places.WGS84, zone)[0]
    return Cell(zone, side_m, math.floor(x / side_m), math.floor(y / side_m))


def boxes_over(
    polygon: BaseGeometry, side_m: float, crs: str | None = None
) -> list[tuple[Cell, BaseGeometry]]:
    """Give the boxes that hold ground of a polygon, each with its outline in longitude and latitude.

    Parameters
    ----------
    polygon : Polygon or MultiPolygon
        In longitude and latitude, WGS 84.
    side_m : float
        Side of a box.
    crs : str, optional
        Metric CRS along whose axes the boxes lie; None takes the UTM zone of the polygon's middle. A programme that
        works across the edge of a zone names one, else its grids would not fit together.

    Raises
    ------
    InputRefused
        If the polygon is not valid, or the boxes are too many.

    Examples
    --------
    >>> square = shapely.box(107.0, 16.8, 107.001, 16.801)
    >>> len(boxes_over(square, 50.0))
    12
    """
    fault = places.polygon_fault(polygon)
    if fault or polygon.geom_type not in ("Polygon", "MultiPolygon"):
        said = fault.split("[", 1)[0].strip() or f"it is a {polygon.geom_type}"
        raise InputRefused([Problem("boxes.bad-shape", f"no grid can be laid: {said}", "mend the polygon")])
    zone = crs or places.metric_crs(*places.centre_lonlat([polygon], places.WGS84))
    flat: BaseGeometry = places.move([polygon], places.WGS84, zone)[0]
    west, south, east, north = (value / side_m for value in shapely.bounds(flat))
    columns = np.arange(math.floor(west), math.ceil(east))
    rows = np.arange(math.floor(south), math.ceil(north))
    if len(columns) * len(rows) > MOST_BOXES:
        message = f"{len(columns):,} × {len(rows):,} boxes of {side_m:g} m are too many"
        raise InputRefused([Problem("boxes.too-many", message, "take larger boxes, or a smaller polygon")])
    column, row = (axis.ravel() for axis in np.meshgrid(columns, rows))
    squares = shapely.box(column * side_m, row * side_m, (column + 1) * side_m, (row + 1) * side_m)
    shapely.prepare(flat)
    near = np.flatnonzero(shapely.intersects(flat, squares))
    held = shapely.contains(flat, squares[near])
    held[~held] = shapely.area(shapely.intersection(flat, squares[near][~held])) > TOUCH_M2
    kept = near[held]
    outlines = places.move(squares[kept], zone, places.WGS84)
    cells = [Cell(zone, side_m, int(column[one]), int(row[one])) for one in kept]
    return list(zip(cells, outlines, strict=True))


@dataclass(frozen=True)
class Search:
    """A search of one box: minutes and share as recorded, None where they were not; outcome as in `searched`."""

    outcome: str = ""
    effort_min: float | None = None
    share: float | None = None

    @classmethod
    def of(cls, record: Record) -> Search:
        """Read a record of kind `box`, or one of kind `searched` whose ground is one box."""
        values = record.values
        minutes, share = values.get("effort_min"), values.get("share_searched")
        grey = "not_searchable" if values.get("state") == "not_searchable" else ""
        return cls(
            str(values.get("outcome") or grey),
            None if minutes is None else float(minutes),  # type: ignore[arg-type]
            None if share is None else float(share),  # type: ignore[arg-type]
        )


@dataclass(frozen=True)
class Seen:
    """Evidence in one box: its id, its class, and whether it is another explosive item than a cluster munition."""

    id: str
    kind: str
    other_item: bool = False


@dataclass(frozen=True)
class BoxState:
    """The state of a box, one of the catalogue's, and why.

    `searched_enough` is whether the recorded effort is that of the standard; a box with another explosive item may be
    searched enough and yet not be clear.
    """

    state: str
    why: str
    evidence_ids: tuple[str, ...] = ()
    searched_enough: bool = False

    @property
    def is_quiet(self) -> bool:
        """Whether the box counts towards the outward stop: searched enough, and no evidence of a cluster munition."""
        return self.state == "clear" or (self.state == "other_item" and self.searched_enough)


NOT_YET = BoxState("not_yet", "no search is recorded")


def state_of(searches: Sequence[Search], seen: Sequence[Seen], standard: Standard) -> BoxState:
    """Give the state of a box.

    Minutes of several searches add up; shares do not, as nobody recorded which part of the box each covered: the largest
    counts.

    Examples
    --------
    >>> from fadeout.records import standard
    >>> asia = standard.load()
    >>> state_of([Search("complete", share=0.6)], [], asia).state
    'clear'
    >>> state_of([Search("complete")], [], asia).why
    'no share of the box is recorded; the standard asks for 50 %'
    >>> state_of([], [Seen("EP-1", "item")], asia).state
    'found'
    """
    lacking = _lacking(searches, standard)
    enough = bool(searches) and not lacking
    ours = [one for one in seen if not one.other_item]
    for state, classes in (("found", standard.found_by), ("trace", standard.trace_by)):
        ids = tuple(one.id for one in ours if one.kind in classes)
        if ids:
            return BoxState(state, f"{len(ids)} of {', '.join(classes)}", ids, enough)
    others = tuple(one.id for one in seen if one.other_item)
    if any(search.outcome == "not_searchable" for search in searches):
        return BoxState("not_searchable", "recorded as not searchable", others)
    if others:
        return BoxState("other_item", f"{len(others)} other explosive item(s)", others, enough)
    if not searches:
        return NOT_YET
    if any(search.outcome == "stopped_at_find" for search in searches):
        return BoxState("partly", "a search stopped at a find, and no find is recorded in the box")
    if lacking:
        return BoxState("partly", "; ".join(lacking))
    return BoxState("clear", "searched as the standard asks, nothing found", searched_enough=True)


def _lacking(searches: Sequence[Search], standard: Standard) -> list[str]:
    """What the recorded effort lacks of the standard's, in words."""
    minutes = [search.effort_min for search in searches if search.effort_min is not None]
    shares = [search.share for search in searches if search.share is not None]
    lacking = []
    if sum(minutes) < standard.effort_min:
        told = f"{sum(minutes):g} minutes are recorded" if minutes else "no minutes are recorded"
        lacking.append(f"{told}; the standard asks for {standard.effort_min:g}")
    if max(shares, default=0.0) < standard.effort_share:
        told = f"{100 * max(shares):g} % is recorded" if shares else "no share of the box is recorded"
        lacking.append(f"{told}; the standard asks for {100 * standard.effort_share:g} %")
    return lacking


@dataclass(frozen=True)
class Outward:
    """The search outward from a box with evidence in one direction: closed by the stop, taken over by another box with
    evidence, or open, at the box where it is (`at`), whose state says why.
    """

    box: Cell
    direction: str
    state: str  # "closed", "goes_on" or "open"
    at: Cell
    why: str


@dataclass(frozen=True)
class NextBox:
    """A box to search next, how many boxes with evidence lead to it, and why in words."""

    box: Cell
    led_by: int
    why: str


def outward(states: Mapping[Cell, BoxState], standard: Standard) -> list[Outward]:
    """Say of every box with evidence and every direction whether the outward stop is reached.

    Parameters
    ----------
    states : mapping of Cell to BoxState
        What is known; a box that is not in it was not searched.
    standard : Standard
        How many neighbours a box has, and how many quiet boxes close a direction.

    Notes
    -----
    With N = `outward_stop_boxes`, a direction is closed by N quiet boxes one behind another. A box that cannot be
    searched leaves it open.
    """
    walks = []
    for cell in _growing(states, standard):
        for name, east, north in EIGHT[: standard.growth]:
            walks.append(_walk(cell, name, (east, north), states, standard))
    return walks


def next_boxes(
    states: Mapping[Cell, BoxState], standard: Standard, within: Collection[Cell] | None = None
) -> list[NextBox]:
    """Give the boxes to search next by the growth rule: where a direction is open and the box can be searched.

    Boxes that more boxes with evidence lead to come first, then by id. `within` leaves out boxes where nobody may go;
    directions that end there stay open.

    Examples
    --------
    >>> from fadeout.records import standard
    >>> found = Cell("EPSG:32648", 50.0, 100, 200)
    >>> boxes = next_boxes({found: BoxState("found", "an item")}, standard.load())
    >>> len(boxes), boxes[0].why
    (8, 'next to 1 box(es) with evidence')
    """
    led: dict[Cell, int] = {}
    partly: set[Cell] = set()
    for walk in outward(states, standard):
        state = states.get(walk.at, NOT_YET).state
        if walk.state == "open" and state != "not_searchable" and (within is None or walk.at in within):
            led[walk.at] = led.get(walk.at, 0) + 1
            if state != "not_yet":
                partly.add(walk.at)
    order = sorted(led, key=lambda cell: (-led[cell], cell))
    words = "outward from" if standard.outward_stop_boxes > 1 else "next to"
    return [
        NextBox(
            cell,
            led[cell],
            f"{words} {led[cell]} box(es) with evidence"
            + (", searched less than the standard asks" if cell in partly else ""),
        )
        for cell in order
    ]


def _growing(states: Mapping[Cell, BoxState], standard: Standard) -> Iterator[Cell]:
    grows = ("found", "trace") if standard.growth_from_trace else ("found",)
    return (cell for cell in sorted(states) if states[cell].state in grows)


def _walk(
    box: Cell, name: str, step: tuple[int, int], states: Mapping[Cell, BoxState], standard: Standard
) -> Outward:
    """Walk outward from a box until the direction is closed, goes on from another box, or is open."""
    for distance in range(1, standard.outward_stop_boxes + 1):
        at = box.beside(step[0] * distance, step[1] * distance)
        here = states.get(at, NOT_YET)
        if here.state == "found" or (here.state == "trace" and standard.growth_from_trace):
            return Outward(box, name, "goes_on", at, "from there")
        leads_nowhere = (
            here.state == "trace" and here.searched_enough
        )  # by a standard whose traces do not grow
        if not (here.is_quiet or leads_nowhere):
            return Outward(box, name, "open", at, here.why)
    return Outward(box, name, "closed", at, f"{standard.outward_stop_boxes} clear box(es)")


def states_of(
    searches: Mapping[Cell, Sequence[Search]], seen: Mapping[Cell, Sequence[Seen]], standard: Standard
) -> dict[Cell, BoxState]:
    """Give the state of every box that has a search or evidence."""
    return {
        cell: state_of(searches.get(cell, ()), seen.get(cell, ()), standard)
        for cell in sorted({*searches, *seen})
    }


def by_cell(points: Iterable[Record], side_m: float, crs: str) -> dict[Cell, list[Seen]]:
    """Part evidence points over the boxes in which they lie.

    A point without a place is in none; one that was not found again (`state` not_found) is no evidence.
    """
    placed = [
        record
        for record in points
        if record.shape is not None
        and not record.shape.is_empty
        and record.values.get("state") != "not_found"
    ]
    lonlat = shapely.get_coordinates(shapely.centroid([record.shape for record in placed]))
    xy = np.floor(places.move_xy(lonlat, places.WGS84, crs) / side_m)
    found: dict[Cell, list[Seen]] = {}
    for record, (column, row) in zip(placed, xy, strict=True):
        cell = Cell(crs, side_m, int(column), int(row))
        found.setdefault(cell, []).append(Seen(record.id, str(record.values.get("kind") or "")))
    return found
