"""Where records and model meet: geometry becomes arrays; units, CRS and "searched or not" are settled here.

Reads   a `Survey` in one metric CRS, a profile
Gives   `Gridded`: the grid, effort, finds, stopped boxes, prior; "not searched" is kept apart from "found nothing"
Knows   cells, and what each kind of record is to the model; nothing of files
Start   at `to_grid`; how polygons cut cells stands in `overlay`

Symbols: p detection, keep(x) = Σ over pieces of a cell (area share) · Π over searches of the piece (1 − p).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from shapely.geometry.base import BaseGeometry

from fadeout.errors import AreaTooLarge, InputRefused, Problem
from fadeout.jobs import overlay
from fadeout.jobs.intake_checks import SIGMAS, effective, position_error
from fadeout.model import Footprint, Grid, Prior, RecordedStrike, StoppedBox
from fadeout.model.footprints import reach_cells
from fadeout.records.kinds import EvidencePoint, SearchedArea, StrikeRecord, Survey
from fadeout.records.profile import FootprintShape, Profile, method_key

# What a fit holds at once: each template (a centre and a footprint shape) in about ten single-precision arrays, each
# cell in about twenty-five double-precision ones. Measured high rather than low.
BYTES_PER_TEMPLATE = 40
BYTES_PER_CELL = 200
MOST_CELLS = 2**31 - 1
CELLS_PER_BOX_SIDE = 2  # by default
PLACES_REACH = 4.0  # position errors within which a recorded strike is looked for
REPORTING_REACH = 3.0  # reporting distances beyond which nothing is reported

Raster = NDArray[np.float64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Gridded:
    """A survey on a grid. Row 0 is the north edge; x = west + col · cell_m, y = north − row · cell_m at corners."""

    grid: Grid
    crs: str
    west: float
    north: float
    effort: Raster  # structured search, complete and partial; stopped boxes are apart
    searched_share: Raster  # share of each cell under any structured search; 0 is NOT SEARCHED
    reporting: Raster | None  # opportunistic effort
    excluded: Mask
    assessed: Mask  # cells whose centre lies in the area
    finds: NDArray[np.int64]  # (n, 2) row and column of each found item
    find_ids: tuple[str, ...]
    find_search: NDArray[np.int64]  # index in survey.searched, or -1
    stopped: tuple[StoppedBox, ...]
    stopped_ids: tuple[str, ...]
    prior: Prior
    side_cells: int  # cells along a survey box
    notes: tuple[str, ...]


def to_grid(
    survey: Survey, profile: Profile, cell_m: float | None = None, max_bytes: int | None = None
) -> Gridded:
    """Give the arrays that the model works on.

    Parameters
    ----------
    survey : Survey
        All records, in one metric CRS.
    profile : Profile
        The programme's standard.
    cell_m : float, optional
        Cell side in metres; the survey box side must be a whole multiple of it. By default half the box side.
    max_bytes : int, optional
        Memory that a fit may take. Without it only an impossible size is refused.

    Raises
    ------
    InputRefused
        If the cell side does not divide the box side, or a find lies where nothing was searched.
    AreaTooLarge
        If the fit would not fit into `max_bytes`; the message names the cell side that would.
    """
    cell = _cell_side(profile, cell_m)
    footprints = [_footprint(shape) for shape in profile.footprints]
    grid, west, north = _frame(survey, profile, cell)
    _check_memory(survey, profile, cell, footprints, max_bytes)
    frame = overlay.Frame(west, north, cell, grid.rows, grid.cols)
    notes: list[str] = []
    effort, share, covers = _search_rasters(survey, profile, frame)
    excluded = _excluded(survey, frame)
    reporting = _reporting(survey, profile, frame)
    placed = _place_finds(survey, profile, frame, effort, covers, notes)
    freed = excluded[placed.cells[:, 0], placed.cells[:, 1]] if len(placed.cells) else np.zeros(0, dtype=bool)
    if freed.any():
        excluded[tuple(placed.cells[freed].T)] = False
        notes.append(f"{freed.sum()} finds lie in cells of excluded ground: these cells are not excluded")
    effort[excluded] = 0.0
    stopped, stopped_ids = _stopped(survey, frame, placed, covers)
    return Gridded(
        grid=grid,
        crs=survey.crs,
        west=west,
        north=north,
        effort=effort,
        searched_share=share,
        reporting=reporting,
        excluded=excluded,
        assessed=_assessed(survey, frame),
        finds=placed.cells,
        find_ids=placed.ids,
        find_search=placed.search,
        stopped=stopped,
        stopped_ids=stopped_ids,
        prior=_prior(survey, profile, frame, footprints, notes),
        side_cells=round(profile.box_side_m / cell),
        notes=tuple(notes),
    )


# --- the frame -------------------------------------------------------------------------------------------------------


def _cell_side(profile: Profile, cell_m: float | None) -> float:
    side = profile.box_side_m
    cell = side / CELLS_PER_BOX_SIDE if cell_m is None else float(cell_m)
    parts = side / cell if cell > 0 else 0.0
    if not (cell > 0 and parts >= 1 - 1e-9 and abs(parts - round(parts)) < 1e-6):
        choices = ", ".join(f"{side / n:g}" for n in (1, 2, 4, 5, 10))
        message = f"the cell side of {cell:g} m does not divide the box side of {side:g} m"
        raise InputRefused([Problem("gridding.cell", message, f"take {choices} m, or change box_side_m")])
    return side / round(parts)


def _frame(survey: Survey, profile: Profile, cell: float) -> tuple[Grid, float, float]:
    """The grid over the area's bounds, its edges on multiples of the box side in the CRS."""
    side = profile.box_side_m
    x0, y0, x1, y1 = survey.area.bounds
    west, south = math.floor(x0 / side + 1e-9) * side, math.floor(y0 / side + 1e-9) * side
    east, north = math.ceil(x1 / side - 1e-9) * side, math.ceil(y1 / side - 1e-9) * side
    rows, cols = round((north - south) / cell), round((east - west) / cell)
    return Grid(max(rows, 1), max(cols, 1), cell), west, north


def memory_needed(rows: int, cols: int, footprints: Sequence[Footprint], cell_m: float) -> int:
    """Give the bytes that a fit of this grid takes at most: templates × 40 + cells × 200, edges included.

    Examples
    --------
    >>> memory_needed(1000, 1000, [Footprint(80, 40)] * 14, 25.0) < 1.1e9
    True
    """
    margin = 2 * reach_cells(footprints, cell_m)
    cells = (rows + margin) * (cols + margin)
    return cells * (len(footprints) * BYTES_PER_TEMPLATE + BYTES_PER_CELL)


def _check_memory(
    survey: Survey, profile: Profile, cell: float, footprints: Sequence[Footprint], max_bytes: int | None
) -> None:
    def needed(side: float) -> int:
        rows = math.ceil((survey.area.bounds[3] - survey.area.bounds[1]) / side) + 1
        cols = math.ceil((survey.area.bounds[2] - survey.area.bounds[0]) / side) + 1
        return memory_needed(rows, cols, footprints, side) if rows * cols < MOST_CELLS else 2**63

    limit = max_bytes if max_bytes is not None else 2**62
    if needed(cell) <= limit:
        return
    parts = round(profile.box_side_m / cell)
    fits = [profile.box_side_m / n for n in range(1, parts) if needed(profile.box_side_m / n) <= limit]
    best = min(fits, default=None)
    x0, y0, x1, y1 = survey.area.bounds
    message = (
        f"the area spans {(x1 - x0) / 1000:.0f} × {(y1 - y0) / 1000:.0f} km; with cells of {cell:g} m it needs "
        f"{_gigabytes(needed(cell))} of memory, and {_gigabytes(limit)} can be had"
    )
    if best is not None:
        remedy = f"--cell {best:g} would fit, or assess a part of the area"
    else:
        remedy = f"no cell up to the box side of {profile.box_side_m:g} m fits: assess the area in parts"
    raise AreaTooLarge([Problem("gridding.too-large", message, remedy)])


def _gigabytes(count: int) -> str:
    return f"{count / 1e9:.1f} GB" if count < 1e15 else "far more than any"


def _assessed(survey: Survey, frame: overlay.Frame) -> Mask:
    inside = overlay.centres_in(survey.area, frame)
    if not inside.any():  # an area smaller than a cell
        point = survey.area.representative_point()
        inside[frame.cell_of(point.x, point.y)] = True
    return inside


def _excluded(survey: Survey, frame: overlay.Frame) -> Mask:
    if survey.excluded is None:
        return np.zeros((frame.rows, frame.cols), dtype=bool)
    return overlay.centres_in(survey.excluded, frame)


# --- search ----------------------------------------------------------------------------------------------------------


def _search_rasters(
    survey: Survey, profile: Profile, frame: overlay.Frame
) -> tuple[Raster, Raster, overlay.Coverage]:
    """Effort of complete and partial searches, the share of each cell under any search, and who covers what."""
    searches = [i for i, search in enumerate(survey.searched) if effective(search)]
    grounds: list[BaseGeometry] = [survey.searched[i].ground for i in searches]
    cover = overlay.cover(grounds, frame)
    detection = np.array([_detection(survey.searched[i]) for i in searches])
    keep, share = overlay.combine(cover, detection, _groups(survey, profile, searches), frame)
    index = np.full(len(survey.searched), -1, dtype=np.int64)
    index[searches] = np.arange(len(searches))
    return 1.0 - keep, share, overlay.Coverage(cover, index, (frame.rows, frame.cols))


def _detection(search: SearchedArea) -> float:
    """Give p over the whole ground: a partial search covers it with p times the share; a stopped one is drawn later."""
    return 0.0 if search.outcome == "stopped_at_find" else search.detection * search.share_searched


def _groups(survey: Survey, profile: Profile, searches: Sequence[int]) -> NDArray[np.int64]:
    """Number searches so that repeats by one team with one method share a number, unless they are independent."""
    numbers: dict[object, int] = {}
    groups = []
    for i in searches:
        search = survey.searched[i]
        method = profile.method(search.method)
        repeat = bool(search.team) and not (method is not None and method.independent_repeats)
        name: object = (search.team.lower(), method_key(search.method)) if repeat else i
        groups.append(numbers.setdefault(name, len(numbers)))
    return np.array(groups, dtype=np.int64)


def _stopped(
    survey: Survey, frame: overlay.Frame, placed: Placed, covers: overlay.Coverage
) -> tuple[tuple[StoppedBox, ...], tuple[str, ...]]:
    """Boxes left at their first find: the cells whose centre lies in the box, at least the find's own."""
    boxes, names = [], []
    for i, search in enumerate(survey.searched):
        if search.outcome != "stopped_at_find" or not effective(search):
            continue
        finds = np.flatnonzero(placed.search == i)
        if len(finds) != 1:
            message = f"'{search.id}' was stopped at its first find, but {len(finds)} finds belong to it"
            remedy = "name this search in the searched_id of exactly one find"
            origin = search.origin
            place = (origin.file, origin.layer, origin.row)
            raise InputRefused([Problem("gridding.stopped-finds", message, remedy, *place)])
        mask = overlay.centres_in(search.ground, frame)
        mask[tuple(placed.cells[finds[0]])] = True
        boxes.append(StoppedBox(mask, search.detection, int(finds[0])))
        names.append(search.id)
    return tuple(boxes), tuple(names)


# --- finds -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Placed:
    """Each found item: its cell, its id, the index of its search (-1 if none)."""

    cells: NDArray[np.int64]
    ids: tuple[str, ...]
    search: NDArray[np.int64]


def _place_finds(
    survey: Survey,
    profile: Profile,
    frame: overlay.Frame,
    effort: Raster,
    covers: overlay.Coverage,
    notes: list[str],
) -> Placed:
    """Put every item into a cell; what survey found just outside its ground moves to the nearest cell of it."""
    by_id = {search.id: i for i, search in enumerate(survey.searched)}
    cells, ids, searches, moved = [], [], [], []
    problems: list[Problem] = []
    for point in (point for point in survey.evidence if point.kind == "item"):
        search = by_id.get(point.searched_id, -1) if point.how != "opportunistic" else -1
        cell = frame.cell_of(point.place.x, point.place.y)
        if point.how != "opportunistic":
            found = _searched_cell(point, search, cell, frame, survey, covers)
            away = frame.distance(found[0], point.place.x, point.place.y) if found else math.inf
            if found is None or away > SIGMAS * position_error(point, profile) + frame.cell_m:
                problems.append(_not_searched(point))
                continue
            moved += [point.id] if found[0] != cell else []
            cell, search = found
        cells += [cell] * point.count
        ids += [point.id] * point.count
        searches += [search] * point.count
    if problems:
        raise InputRefused(problems)
    if moved:
        notes.append(f"{_some(moved)} lie just outside their searched ground: moved to its nearest cell")
    return Placed(
        np.array(cells, dtype=np.int64).reshape(-1, 2), tuple(ids), np.array(searches, dtype=np.int64)
    )


def _some(ids: Sequence[str], most: int = 5) -> str:
    named = ", ".join(ids[:most])
    return f"finds {named}" if len(ids) <= most else f"{len(ids)} finds ({named} ...)"


def _searched_cell(
    point: EvidencePoint,
    search: int,
    cell: tuple[int, int],
    frame: overlay.Frame,
    survey: Survey,
    covers: overlay.Coverage,
) -> tuple[tuple[int, int], int] | None:
    """The cell where this find counts, nearest to its place among those its search covers, and the search."""
    where = (point.place.x, point.place.y)
    if search < 0:
        search = _finder(point, cell, survey, covers)
    if search >= 0:
        there = covers.cells_of(search)
        if (there == cell).all(axis=1).any():
            return cell, search
        return (frame.nearest(there, *where), search) if len(there) else None
    return None


def _finder(point: EvidencePoint, cell: tuple[int, int], survey: Survey, covers: overlay.Coverage) -> int:
    """Which search found an item that names none: one that covers its cell and is no stopped box, else the nearest."""
    here = [i for i in covers.searches_at(cell) if survey.searched[i].outcome != "stopped_at_find"]
    if here:
        return min(here, key=lambda i: (survey.searched[i].ground.distance(point.place), i))
    open_ones = [
        i
        for i, search in enumerate(survey.searched)
        if effective(search) and search.outcome != "stopped_at_find" and len(covers.cells_of(i))
    ]
    return min(open_ones, key=lambda i: survey.searched[i].ground.distance(point.place), default=-1)


def _not_searched(point: EvidencePoint) -> Problem:
    message = "the find lies in no cell that was searched"
    remedy = "add the search that found it, name it in searched_id, or write how = opportunistic"
    origin = point.origin
    return Problem("gridding.find-not-searched", message, remedy, origin.file, origin.layer, origin.row)


def _reporting(survey: Survey, profile: Profile, frame: overlay.Frame) -> Raster | None:
    """The chance that an item lying in a cell was reported: it fades with the distance from places of reports.

    None when nobody reported an item. Ground far from every report has 0: its silence says nothing.
    """
    told = [point for point in survey.evidence if point.how == "opportunistic"]
    if not any(point.kind == "item" for point in told):
        return None
    tree = cKDTree([(point.place.x, point.place.y) for point in told])
    reach = REPORTING_REACH * profile.reporting_distance_m
    y, x = np.meshgrid(frame.centres_y, frame.centres_x, indexing="ij")
    away, _ = tree.query(np.column_stack([x.ravel(), y.ravel()]), distance_upper_bound=reach, workers=-1)
    chance = profile.reporting_probability * np.exp(-((away / profile.reporting_distance_m) ** 2) / 2)
    raster = np.where(np.isfinite(away), chance, 0.0).reshape(frame.rows, frame.cols)
    for point in told:
        if point.kind == "item":  # a cell with a report has an effort, however far its centre lies
            cell = frame.cell_of(point.place.x, point.place.y)
            raster[cell] = max(raster[cell], profile.reporting_probability * math.exp(-0.5))
    return raster


# --- prior -----------------------------------------------------------------------------------------------------------


def _footprint(shape: FootprintShape) -> Footprint:
    return Footprint(
        sigma_major_m=shape.sigma_major_m,
        sigma_minor_m=shape.sigma_minor_m,
        bearing_deg=shape.bearing_deg,
        weight=shape.weight,
        kind=shape.kind,
    )


def _prior(
    survey: Survey, profile: Profile, frame: overlay.Frame, footprints: list[Footprint], notes: list[str]
) -> Prior:
    """The profile's prior, with every strike record that counts and can reach the grid."""
    counted = [strike for strike in survey.strikes if not strike.duplicate_of]
    reach = max(shape.reach_m for shape in footprints)
    near = [
        s for s in counted if frame.outside(s.place.x, s.place.y) <= reach + PLACES_REACH * s.position_error_m
    ]
    if len(near) < len(counted):
        notes.append(
            f"{len(counted) - len(near)} strike records lie too far from the area to have left items in it"
        )
    return Prior(
        strikes_per_km2=profile.strikes_per_km2,
        items_per_strike=profile.items_per_strike,
        items_shape=profile.items_shape,
        background_per_km2=profile.background_per_km2,
        footprints=tuple(footprints),
        recorded=tuple(_recorded(strike, profile, frame) for strike in near),
    )


def _recorded(strike: StrikeRecord, profile: Profile, frame: overlay.Frame) -> RecordedStrike:
    items = profile.munition(strike.munition) if strike.munition else None
    return RecordedStrike(
        row=(frame.north - strike.place.y) / frame.cell_m - 0.5,
        col=(strike.place.x - frame.west) / frame.cell_m - 0.5,
        position_error_m=strike.position_error_m,
        credibility=strike.credibility,
        items_per_strike=None if items is None else items.items_per_carrier * strike.carriers,
        items_shape=None if items is None else items.items_shape,
    )
