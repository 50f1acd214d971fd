"""Where records and model meet: geometry becomes arrays; units, CRS and "searched or not" are settled here.

Reads   a `Survey` in one metric CRS, a profile
Gives   `Gridded`: the grid, search, finds, stopped boxes, prior; "not searched" is kept apart from "found nothing"
Knows   cells, and what each kind of record is to the model; nothing of files
Start   at `to_grid`; how polygons cut cells stands in `overlay`, what was searched by which method in `searching`

Symbols: p detection, keep(x) = Σ over pieces of a cell (area share) · Π over searches of the piece (1 − p).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import polygamma

from fadeout.errors import AreaTooLarge, InputRefused, Problem
from fadeout.jobs import overlay, searching
from fadeout.jobs.intake_checks import SIGMAS, effective, position_error
from fadeout.model import Footprint, Grid, Prior, RecordedStrike, StoppedBox
from fadeout.model.effort import Searches
from fadeout.model.footprints import reach_cells
from fadeout.model.prior import Learning
from fadeout.records.kinds import EvidencePoint, StrikeRecord, Survey
from fadeout.records.profile import FIXED, FootprintShape, Profile

# What a fit holds at once: each template (a centre and a footprint shape) in about ten single-precision arrays, each
# cell in about twenty-five double-precision ones. Measured high rather than low.
BYTES_PER_TEMPLATE = 40
BYTES_PER_CELL = 200
BYTES_PER_LAYER = 8  # of each template, for each way of searching beyond the first: its exposure, twice
MOST_CELLS = 2**31 - 1
CELLS_PER_BOX_SIDE = 2  # by default
PLACES_REACH = 4.0  # position errors within which a recorded strike is looked for

Raster = NDArray[np.float64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Gridded:
    """A survey on a grid. Row 0 is the north edge; x = west + col · cell_m, y = north − row · cell_m at corners."""

    grid: Grid
    crs: str
    west: float
    north: float
    effort: Raster  # structured search, complete and partial, as believed before; stopped boxes are apart
    searched_share: Raster  # share of each cell under any structured search; 0 is NOT SEARCHED
    reporting: Raster | None  # opportunistic effort, as believed before
    searches: Searches | None  # both by method, where any detection is learned; None: the rasters say all
    excluded: Mask
    assessed: Mask  # cells whose centre lies in the area
    finds: NDArray[np.int64]  # (n, 2) row and column of each found item
    find_ids: tuple[str, ...]
    find_search: NDArray[np.int64]  # index in survey.searched, or -1
    find_error_m: NDArray[np.float64]  # standard deviation of each find's recorded place
    method_of: NDArray[np.int64]  # of each in survey.searched: index of its learned method, or -1
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
    searched = searching.search_ground(survey, profile, frame)
    excluded = _excluded(survey, frame)
    placed = _place_finds(survey, profile, frame, searched.covers, notes)
    freed = excluded[placed.cells[:, 0], placed.cells[:, 1]] if len(placed.cells) else np.zeros(0, dtype=bool)
    if freed.any():
        excluded[tuple(placed.cells[freed].T)] = False
        notes.append(f"{freed.sum()} finds lie in cells of excluded ground: these cells are not excluded")
    near = searching.people(survey, profile, frame)
    found = searching.searching(
        survey, profile, searched, near, placed.cells, placed.search, placed.points, ~excluded
    )
    if found.searches is not None:
        _check_memory(survey, profile, cell, footprints, max_bytes, len(found.searches.covered))
    notes += found.notes
    stopped, stopped_ids = _stopped(survey, frame, placed, searched)
    return Gridded(
        grid=grid,
        crs=survey.crs,
        west=west,
        north=north,
        effort=np.where(excluded, 0.0, searched.effort),
        searched_share=searched.share,
        reporting=found.reporting,
        searches=found.searches,
        excluded=excluded,
        assessed=_assessed(survey, frame),
        finds=placed.cells,
        find_ids=tuple(point.id for point in placed.points),
        find_search=placed.search,
        find_error_m=np.array([position_error(point, profile) for point in placed.points], dtype=np.float64),
        method_of=searched.method_of,
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


def memory_needed(
    rows: int, cols: int, footprints: Sequence[Footprint], cell_m: float, layers: int = 1
) -> int:
    """Give the bytes that a fit of this grid takes at most: templates × 40 + cells × 200, edges included.

    Each further layer of search takes 8 bytes a template, and 8 a cell.

    Examples
    --------
    >>> memory_needed(1000, 1000, [Footprint(80, 40)] * 14, 25.0) < 1.1e9
    True
    """
    margin = 2 * reach_cells(footprints, cell_m)
    cells = (rows + margin) * (cols + margin)
    more = BYTES_PER_LAYER * (max(layers, 1) - 1)
    return cells * (len(footprints) * (BYTES_PER_TEMPLATE + more) + BYTES_PER_CELL + more)


def _check_memory(
    survey: Survey,
    profile: Profile,
    cell: float,
    footprints: Sequence[Footprint],
    max_bytes: int | None,
    layers: int = 1,
) -> None:
    def needed(side: float) -> int:
        rows = math.ceil((survey.area.bounds[3] - survey.area.bounds[1]) / side) + 1
        cols = math.ceil((survey.area.bounds[2] - survey.area.bounds[0]) / side) + 1
        return memory_needed(rows, cols, footprints, side, layers) if rows * cols < MOST_CELLS else 2**63

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


def _stopped(
    survey: Survey, frame: overlay.Frame, placed: Placed, searched: searching.Searched
) -> tuple[tuple[StoppedBox, ...], tuple[str, ...]]:
    """Boxes left at their first find: the cells whose centre lies in the box, at least the find's own."""
    boxes, names = [], []
    left = [i for i, s in enumerate(survey.searched) if s.outcome == "stopped_at_find" and effective(s)]
    later = searching.later_finds(survey, searched, placed.search, placed.points, left)
    for i, missed in zip(left, later, strict=True):
        search = survey.searched[i]
        finds = np.flatnonzero(placed.search == i)
        if len(finds) != 1:
            message = f"'{search.id}' was stopped at its first find, but {len(finds)} finds belong to it"
            remedy = "name this search in the searched_id of exactly one find"
            origin = search.origin
            place = (origin.file, origin.layer, origin.row)
            raise InputRefused([Problem("gridding.stopped-finds", message, remedy, *place)])
        mask = overlay.centres_in(search.ground, frame)
        mask[tuple(placed.cells[finds[0]])] = True
        method = int(searched.method_of[i])
        known = None if method == searching.KNOWN else method
        boxes.append(StoppedBox(mask, search.detection, int(finds[0]), known, int(missed)))
        names.append(search.id)
    return tuple(boxes), tuple(names)


# --- finds -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Placed:
    """Each found item: its cell, its record, the index of its search (-1 if none)."""

    cells: NDArray[np.int64]
    points: tuple[EvidencePoint, ...]
    search: NDArray[np.int64]


def _place_finds(
    survey: Survey,
    profile: Profile,
    frame: overlay.Frame,
    covers: overlay.Coverage,
    notes: list[str],
) -> Placed:
    """Put every item into a cell; what survey found just outside its ground moves to the nearest cell of it."""
    by_id = {search.id: i for i, search in enumerate(survey.searched)}
    cells, points, searches, moved = [], [], [], []
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
        points += [point] * point.count
        searches += [search] * point.count
    if problems:
        raise InputRefused(problems)
    if moved:
        notes.append(f"{_some(moved)} lie just outside their searched ground: moved to its nearest cell")
    return Placed(
        np.array(cells, dtype=np.int64).reshape(-1, 2), tuple(points), np.array(searches, dtype=np.int64)
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
    return replace(prior_of(profile), recorded=tuple(_recorded(strike, profile, frame) for strike in near))


def prior_of(profile: Profile) -> Prior:
    """Give what a profile believes before the search, without any strike record."""
    return Prior(
        strikes_per_km2=profile.strikes_per_km2,
        items_per_strike=profile.items_per_strike * (1.0 - profile.removed_share),
        items_shape=profile.items_shape,
        background_per_km2=profile.background_per_km2,
        footprints=tuple(_footprint(shape) for shape in profile.footprints),
        learned=_learned(profile),
    )


def _learned(profile: Profile) -> Learning:
    """How unsure the profile is of each number; what was removed without a record widens the items per strike."""
    spread = profile.items_spread
    items = 0.0 if spread == FIXED else float(spread)
    items = math.hypot(items, _removed_spread(profile))
    return Learning(
        strikes=_number(profile.strikes_certainty),
        items=items if items > 0 else None,
        shape=_number(profile.items_shape_spread),
        background=_number(profile.background_certainty),
        footprints=_number(profile.footprints_certainty),
    )


def _number(unsure: float | str) -> float | None:
    return None if unsure == FIXED else float(unsure)


def _removed_spread(profile: Profile) -> float:
    """Standard deviation of log(1 − share), the share ~ Beta of mean `removed_share`; 0 where the share is known.

    1 − share ~ Beta(β, α), so its logarithm has variance ψ'(β) − ψ'(α + β).
    """
    sure = _number(profile.removed_certainty)
    if sure is None:
        return 0.0
    return math.sqrt(float(polygamma(1, (1.0 - profile.removed_share) * sure) - polygamma(1, sure)))


def _recorded(strike: StrikeRecord, profile: Profile, frame: overlay.Frame) -> RecordedStrike:
    items = profile.munition(strike.munition) if strike.munition else None
    kept, spread = 1.0 - profile.removed_share, math.exp(_removed_spread(profile) ** 2)
    return RecordedStrike(
        row=(frame.north - strike.place.y) / frame.cell_m - 0.5,
        col=(strike.place.x - frame.west) / frame.cell_m - 0.5,
        position_error_m=strike.position_error_m,
        credibility=strike.credibility,
        items_per_strike=None if items is None else items.items_per_carrier * strike.carriers * kept,
        # factors that vary independently: 1 + c² = Π (1 + c_i²), c² = 1 / shape
        items_shape=None if items is None else 1.0 / ((1.0 + 1.0 / items.items_shape) * spread - 1.0),
    )
