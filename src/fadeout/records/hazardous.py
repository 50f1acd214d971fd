"""A confirmed hazardous area as evidence draws it: its polygon, what it stands on, and where its edge was found.

Reads   boxes with their states, a `Standard`; clear ground, terrain and permissions as polygons in metres
Gives   `draw`: areas and spot tasks, proposed; `edges`: the boundary in pieces, each closed by something or open
Knows   the standard's rule for areas; nothing of files, the store or releases
Start   at `draw`

What is drawn is a proposal: only a person makes an area of it. Strike records draw nothing. An area with an open edge
says "edge not found", since nobody knows how far its ground goes on there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from fadeout.errors import InputRefused, Problem
from fadeout.records import places
from fadeout.records.boxes import BoxState, Cell
from fadeout.records.catalogue import EDGES
from fadeout.records.standard import Standard

BY_SEARCH, BY_TERRAIN, BY_PERMISSION, OPEN = EDGES
NEAR_M = 0.25  # ground this near the edge touches it: outlines are not drawn more finely (assumed)
WIDTH_M = 1.0  # ground narrower than this closes no edge (assumed)
ABOUT_M = 5.0  # more than WIDTH_M and NEAR_M together: ground farther off cannot matter
TOUCHING_M = 0.01  # boxes that meet at a corner belong together
IN_WORDS = {
    BY_SEARCH: "closed by search",
    BY_TERRAIN: "closed by terrain",
    BY_PERMISSION: "closed by a boundary or permission",
    OPEN: "open",
}


@dataclass(frozen=True)
class Drawn:
    """An area, or a spot task, that boxes with evidence make.

    `shape` is in longitude and latitude, WGS 84; `flat` the same in the metric `crs`. `stands_on` are the ids of the
    evidence and then of the boxes.
    """

    shape: BaseGeometry
    flat: BaseGeometry
    crs: str
    stands_on: tuple[str, ...]
    spot_task: bool
    rule: str


def draw(states: Mapping[Cell, BoxState], standard: Standard) -> list[Drawn]:
    """Draw areas around the boxes with evidence, by the standard's rule, in the order of their first box.

    Boxes whose areas would touch make one area. A box that is alone is a spot task where the standard says so.

    Raises
    ------
    InputRefused
        If the boxes belong to grids of different zones or sides.

    Examples
    --------
    >>> from fadeout.records import standard
    >>> found = BoxState("found", "1 of item", ("EP-1",))
    >>> (area,) = draw({Cell("EPSG:32648", 50.0, 10_000, 37_000): found}, standard.load())
    >>> area.stands_on, area.flat.area, area.spot_task
    (('EP-1', '32648-50-10000-37000'), 22500.0, False)
    """
    wanted = ("found", "trace") if standard.cha_with_trace else ("found",)
    cells = sorted(cell for cell in states if states[cell].state in wanted)
    grids = sorted({(cell.crs, cell.side_m) for cell in cells})
    if len(grids) > 1:
        told = ", ".join(f"{crs} with {side:g} m" for crs, side in grids)
        message = f"boxes with evidence belong to {len(grids)} grids: {told}"
        raise InputRefused([Problem("hazardous.mixed-grids", message, "draw areas for one grid at a time")])
    squares = np.array([*(cell.square for cell in cells), None], dtype=object)[:-1]
    drawn = []
    for group in _groups(squares, standard):
        ours = [cells[one] for one in group]
        flat = _around(squares[group], standard)
        evidence = dict.fromkeys(id for cell in ours for id in states[cell].evidence_ids)
        drawn.append(
            Drawn(
                places.move([flat], ours[0].crs, places.WGS84)[0],
                flat,
                ours[0].crs,
                (*evidence, *(cell.id for cell in ours)),
                len(ours) == 1 and standard.single_box == "spot_task",
                f"{standard.cha_rule} of {len(ours)} box(es) and {standard.buffer_m:g} m, {standard.label}",
            )
        )
    return drawn


def _around(squares: places.Geometries, standard: Standard) -> BaseGeometry:
    """The area around some boxes. Corners are mitred: they hold all ground within the buffer, and few turning points."""
    union = shapely.union_all(squares)
    core = shapely.convex_hull(union) if standard.cha_rule == "hull" else union
    around: BaseGeometry = core.buffer(standard.buffer_m, join_style="mitre") if standard.buffer_m else core
    return around


def _groups(squares: places.Geometries, standard: Standard) -> list[list[int]]:
    """Part boxes into those of one area: areas that touch become one, until none does."""
    groups = [[one] for one in range(len(squares))]
    while True:
        shapes = [
            _around(squares[group], standard).buffer(TOUCHING_M, join_style="mitre") for group in groups
        ]
        parts = shapely.get_parts(shapely.union_all(shapes))
        if len(parts) == len(groups):
            return groups
        _, at = shapely.STRtree(parts).query(shapely.point_on_surface(shapes), predicate="intersects")
        merged: dict[int, list[int]] = {}
        for group, part in zip(groups, at.tolist(), strict=True):
            merged.setdefault(part, []).extend(group)
        groups = sorted(sorted(group) for group in merged.values())


@dataclass(frozen=True)
class Edge:
    """A piece of a boundary in metres: one of `EDGES`, its length, its line."""

    kind: str
    length_m: float
    line: BaseGeometry


def clear_ground(states: Mapping[Cell, BoxState]) -> list[BaseGeometry]:
    """Give the boxes that were searched enough and hold no evidence, as squares in their metric CRS."""
    return [cell.square for cell, state in sorted(states.items()) if state.is_quiet]


def edges(
    area: BaseGeometry,
    clear: Sequence[BaseGeometry],
    terrain: Sequence[BaseGeometry] = (),
    permission: Sequence[BaseGeometry] = (),
) -> list[Edge]:
    """Part an area's boundary into pieces, and say of each by what it is closed, or that it is open.

    Parameters
    ----------
    area : Polygon or MultiPolygon
        In a metric CRS, as everything here.
    clear
        Ground searched to the standard in which nothing was found: `clear_ground`, or ground of searches. Ground with
        evidence, or that cannot be searched, does not belong here. It may lie on either side of the edge, as a buffer
        often ends where the clear boxes do.
    terrain, permission
        Ground on which items cannot lie or that ends the survey; ground that nobody may enter.

    Returns
    -------
    list of Edge
        Pieces whose lengths add up to the perimeter: search comes before terrain and terrain before permission.

    Examples
    --------
    >>> square, east = shapely.box(0, 0, 100, 100), shapely.box(100, 0, 150, 100)
    >>> [(edge.kind, round(edge.length_m)) for edge in edges(square, [east])]
    [('closed_by_search', 100), ('open', 300)]
    """
    left: BaseGeometry = shapely.boundary(area)
    pieces = []
    for kind, grounds in ((BY_SEARCH, clear), (BY_TERRAIN, terrain), (BY_PERMISSION, permission)):
        zone = _closing(grounds, area)
        pieces += _pieces(kind, shapely.intersection(left, zone))
        left = shapely.difference(left, zone)
    return pieces + _pieces(OPEN, left)


def _closing(grounds: Sequence[BaseGeometry], area: BaseGeometry) -> BaseGeometry:
    """Ground that closes what it touches: without slivers, and as far as counts as touching.

    Only ground about the area is looked at, so that a district's boxes cost no more than those that are near.
    """
    around = shapely.box(*shapely.bounds(area)).buffer(ABOUT_M, join_style="mitre")
    given = np.array([*grounds, None], dtype=object)[:-1]
    near = given[shapely.intersects(shapely.envelope(given), around)]
    union = shapely.union_all(shapely.intersection(near, around))
    half = WIDTH_M / 2
    wide: BaseGeometry = union.buffer(-half, join_style="mitre").buffer(half, join_style="mitre")
    zone: BaseGeometry = wide.buffer(NEAR_M, join_style="mitre", mitre_limit=2.0)
    return zone


def _pieces(kind: str, line: BaseGeometry) -> list[Edge]:
    lines = [part for part in shapely.get_parts(line) if part.length > 0]
    if not lines:
        return []
    merged = shapely.line_merge(shapely.union_all(lines))
    return [Edge(kind, float(part.length), part) for part in shapely.get_parts(merged)]


def edge_words(pieces: Sequence[Edge]) -> str:
    """Say in words how the edge stands; an open one begins with "edge not found".

    Examples
    --------
    >>> edge_words(edges(shapely.box(0, 0, 100, 100), [shapely.box(100, 0, 150, 100)]))
    'edge not found: 300 m of 400 m open; 100 m closed by search'
    """
    lengths = {kind: sum(piece.length_m for piece in pieces if piece.kind == kind) for kind in EDGES}
    told = [
        f"{length:,.0f} m {IN_WORDS[kind]}" for kind, length in lengths.items() if length and kind != OPEN
    ]
    if lengths[OPEN]:
        whole = sum(lengths.values())
        return "; ".join([f"edge not found: {lengths[OPEN]:,.0f} m of {whole:,.0f} m open", *told])
    return "edge found: " + "; ".join(told)


def edge_field(pieces: Sequence[Edge]) -> str:
    """Write the kinds of edge as the record of an area holds them.

    Examples
    --------
    >>> edge_field(edges(shapely.box(0, 0, 100, 100), [shapely.box(100, 0, 150, 100)]))
    'closed_by_search; open'
    """
    kinds = {piece.kind for piece in pieces}
    return "; ".join(kind for kind in EDGES if kind in kinds)
