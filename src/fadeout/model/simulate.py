"""Strikes, searches and finds with known truth: exactly under the model, and outside it.

Reads   a grid, effort and a prior; or strikes as continuous ellipses in metres
Gives   `Truth` (from the model), `Ground` and `BoxSearch` (outside the model)
Knows   nothing of the sampler; shares with it only the grid, the prior and the kernels
Start   at `from_prior` (is the engine right?) and `outside_model` (does it help where it is wrong?)

All of it is simulated and must be labelled so wherever it is shown.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fadeout.model.effort import StoppedBox
from fadeout.model.footprints import kernels, reach_cells
from fadeout.model.grid import Grid
from fadeout.model.prior import Prior, RecordedStrike

Array = NDArray[np.float64]
Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]

PLACE_REACH = 4.0  # a record's true place lies within this many standard deviations of it, as `fit` assumes


@dataclass(frozen=True, eq=False)
class StrikesTruth:
    """The strikes that took place; rows and columns of their centres may lie outside the grid."""

    row: Ints
    col: Ints
    footprint: Ints
    items: Ints  # on the grid and on ground that can hold them
    found: Ints
    record: Ints  # index of the recorded strike, or -1


@dataclass(frozen=True, eq=False)
class Truth:
    """One simulated data set and its truth; rasters have shape (rows, cols)."""

    grid: Grid
    strikes: StrikesTruth
    items: Ints
    found: Ints
    finds: Ints  # (n, 2) row, col, in random order
    effort: Array  # to give to `fit`: boxes left at a find are not part of it, those without a find are
    stopped: tuple[StoppedBox, ...]  # to give to `fit`

    @property
    def remaining(self) -> Ints:
        """Items remaining in each cell."""
        return self.items - self.found

    def remaining_in(self, mask: ArrayLike) -> int:
        """Items remaining on a mask."""
        return int(self.remaining[np.asarray(mask, dtype=bool)].sum())


def from_prior(
    grid: Grid,
    effort: ArrayLike,
    prior: Prior,
    seed: int,
    *,
    pad: bool = True,
    stopped: Sequence[tuple[ArrayLike, float]] = (),
    reporting: ArrayLike | None = None,
    excluded: ArrayLike | None = None,
) -> Truth:
    """Simulate strikes, items and finds exactly as the model believes they come about.

    Parameters
    ----------
    grid : Grid
        Where.
    effort : array, shape (rows, cols)
        Probability that an item lying in the cell is detected by complete search, before any of `stopped`.
    prior : Prior
        Strikes, items, footprints, background and records.
    seed : int
        Same inputs and seed give the same truth.
    pad : bool
        Whether strikes may be centred outside the grid, within one footprint's reach; as in `fit`.
    stopped : sequence of (mask, detection)
        Boxes searched one after the other in random order of place until the first find. Those without a
        find are complete and become part of the truth's `effort`; the others become its `stopped`.
    reporting, excluded : arrays, optional
        As in `fit`.
    """
    rng = np.random.default_rng(seed)
    detected = 1.0 - (1.0 - np.asarray(effort, dtype=np.float64)) * (
        1.0 if reporting is None else 1.0 - np.asarray(reporting, dtype=np.float64)
    )
    strikes = _strikes(grid, prior, rng, pad)
    row, col, of = _items(grid, prior, strikes, rng, excluded)
    found = rng.random(len(row)) < detected[row, col]
    final = np.array(effort, dtype=np.float64)
    stops: list[tuple[Mask, float, int]] = []
    for mask, detection in stopped:
        box = np.asarray(mask, dtype=bool)
        first = _first_find(box[row, col] & ~found, detection, rng)
        if first < 0:
            final[box] = 1.0 - (1.0 - final[box]) * (1.0 - detection)
        else:
            found[first] = True
            stops.append((box, detection, first))
    order = rng.permutation(np.flatnonzero(found))
    place = {int(item): number for number, item in enumerate(order)}
    counts = [
        np.bincount(of[chosen] + 1, minlength=len(strikes.row) + 1)[1:] for chosen in (slice(None), found)
    ]
    return Truth(
        grid=grid,
        strikes=StrikesTruth(
            strikes.row, strikes.col, strikes.footprint, counts[0], counts[1], strikes.record
        ),
        items=_raster(grid, row, col),
        found=_raster(grid, row[found], col[found]),
        finds=np.column_stack([row[order], col[order]]),
        effort=final,
        stopped=tuple(StoppedBox(box, detection, place[first]) for box, detection, first in stops),
    )


def _raster(grid: Grid, row: Ints, col: Ints) -> Ints:
    return np.bincount(row * grid.cols + col, minlength=grid.rows * grid.cols).reshape(grid.shape)


def _first_find(inside: Mask, detection: float, rng: np.random.Generator) -> int:
    """Search items in random order until one is detected; give its index, or −1."""
    items = rng.permutation(np.flatnonzero(inside))
    seen = np.flatnonzero(rng.random(len(items)) < detection)
    return int(items[seen[0]]) if len(seen) else -1


@dataclass(frozen=True, eq=False)
class _Placed:
    """Strikes with the shape and rate of their items."""

    row: Ints
    col: Ints
    footprint: Ints
    record: Ints
    shape: Array
    rate: Array


def _strikes(grid: Grid, prior: Prior, rng: np.random.Generator, pad: bool) -> _Placed:
    """Throw unrecorded strikes evenly over the lattice, and true recorded ones about their records."""
    margin = reach_cells(prior.footprints, grid.cell_m) if pad else 0
    high, wide = grid.rows + 2 * margin, grid.cols + 2 * margin
    count = int(rng.poisson(prior.strikes_per_km2 * grid.cell_km2 * high * wide))
    row = rng.integers(0, high, count) - margin
    col = rng.integers(0, wide, count) - margin
    true = [number for number, record in enumerate(prior.recorded) if rng.random() < record.credibility]
    places = [_true_place(prior.recorded[number], grid.cell_m, rng) for number in true]
    inside = [
        k
        for k, (r, c) in enumerate(places)
        if -margin <= r < grid.rows + margin and -margin <= c < grid.cols + margin
    ]
    records = [prior.recorded[true[k]] for k in inside]
    shape = np.array([record.items_shape or prior.items_shape for record in records])
    mean = np.array([record.items_per_strike or prior.items_per_strike for record in records])
    weights = np.array([footprint.weight for footprint in prior.footprints], dtype=np.float64)
    return _Placed(
        row=np.concatenate([row, np.array([places[k][0] for k in inside], dtype=np.int64)]),
        col=np.concatenate([col, np.array([places[k][1] for k in inside], dtype=np.int64)]),
        footprint=rng.choice(len(weights), size=count + len(inside), p=weights / weights.sum()),
        record=np.concatenate([np.full(count, -1), np.array([true[k] for k in inside], dtype=np.int64)]),
        shape=np.concatenate([np.full(count, prior.items_shape), shape]),
        rate=np.concatenate([np.full(count, prior.items_rate), shape / mean])
        if len(inside)
        else np.full(count, prior.items_rate),
    )


def _true_place(record: RecordedStrike, cell_m: float, rng: np.random.Generator) -> tuple[int, int]:
    """Draw the cell of a recorded strike: density at cell centres, up to four standard deviations away."""
    error = max(record.position_error_m / cell_m, 1e-3)
    place = []
    for centre in (record.row, record.col):
        cells = np.arange(
            math.floor(centre - PLACE_REACH * error), math.ceil(centre + PLACE_REACH * error) + 1
        )
        squared = (cells - centre) ** 2
        weight = np.exp(-(squared - squared.min()) / (2 * error**2))
        place.append(int(rng.choice(cells, p=weight / weight.sum())))
    return place[0], place[1]


def _items(
    grid: Grid, prior: Prior, strikes: _Placed, rng: np.random.Generator, excluded: ArrayLike | None
) -> tuple[Ints, Ints, Ints]:
    """Throw items: row, col and strike (−1 background) of those on the grid, outside excluded ground."""
    tables = kernels(prior.footprints, grid.cell_m)
    side = tables.shape[1]
    count = rng.poisson(rng.gamma(strikes.shape) / strikes.rate)
    of = np.repeat(np.arange(len(count)), count)
    offset = np.zeros(len(of), dtype=np.int64)
    for j, table in enumerate(tables):
        mine = np.flatnonzero(strikes.footprint[of] == j)
        offset[mine] = rng.choice(table.size, size=len(mine), p=table.ravel())
    row = strikes.row[of] + offset // side - side // 2
    col = strikes.col[of] + offset % side - side // 2
    stray = rng.poisson(prior.background_per_km2 * grid.area_km2)
    row = np.concatenate([row, rng.integers(0, grid.rows, stray)])
    col = np.concatenate([col, rng.integers(0, grid.cols, stray)])
    of = np.concatenate([of, np.full(stray, -1)])
    there = (row >= 0) & (row < grid.rows) & (col >= 0) & (col < grid.cols)
    if excluded is not None:
        there[there] = ~np.asarray(excluded, dtype=bool)[row[there], col[there]]
    return row[there], col[there], of[there]


# ---- outside the model: continuous places in metres (x east, y north), rings, heavy tails, uneven detection


@dataclass(frozen=True)
class Ellipse:
    """One strike as it may really have fallen: a continuous pattern: hollow, in clumps, bent, with stragglers."""

    x_m: float
    y_m: float
    items: float  # mean number of items left
    sigma_major_m: float
    sigma_minor_m: float
    bearing_deg: float = 0.0
    ring: float = 0.0  # share of the items that lie on a ring at about 1.6 standard deviations
    tail: float = 0.1  # share that is spread by a Student t with 3 degrees of freedom, 1.5 times as wide
    # middles (along, across) of clumps a third as wide, in standard deviations; none for one whole pattern
    clumps: tuple[tuple[float, float], ...] = ()
    bend: float = 0.0  # by how far the long axis is bent: at 1, its ends lie one major deviation aside
    record: int = -1  # index of the record it gave rise to, or -1


@dataclass(frozen=True, eq=False)
class Ground:
    """Items as they lie: places in metres, the strike of each (−1 single), how easily each is detected."""

    strikes: tuple[Ellipse, ...]
    x_m: Array
    y_m: Array
    strike: Ints
    ease: Array  # factor on the detection of any search; mean 1


@dataclass(frozen=True, eq=False)
class BoxSearch:
    """What a search of boxes gave, in the order of the boxes."""

    item: Ints  # (n,) items found
    box: Ints  # (n,) the box in which each was found
    stopped: Mask  # (boxes,) left at a find
    share: Array  # (boxes,) share covered until then; 1 where complete. A team would not know it
    found: Mask  # (items,) found by now, earlier searches included


def strikes_near(
    x_m: ArrayLike,
    y_m: ArrayLike,
    *,
    seed: int,
    position_error_m: float,
    credibility: float,
    items: float,
    items_shape: float = 1.0,
    sigma_major_m: float,
    sigma_minor_m: float,
    unrecorded: int = 0,
    extent: tuple[float, float, float, float] | None = None,
) -> list[Ellipse]:
    """Give strikes that may lie behind records at (x, y), and `unrecorded` ones anywhere in the extent.

    A record is true with probability `credibility`; its strike lies about it with errors of a Student t
    with 4 degrees of freedom, scaled to `position_error_m`. Items ~ Gamma(items_shape) of mean `items`;
    sizes vary by a quarter, half of the patterns have a ring, bearings are even. extent is (west, south,
    east, north).
    """
    rng = np.random.default_rng(seed)
    places = np.column_stack([np.asarray(x_m, dtype=np.float64), np.asarray(y_m, dtype=np.float64)])
    record = np.flatnonzero(rng.random(len(places)) < credibility)
    error = (
        rng.standard_t(4, size=(len(record), 2)) * position_error_m / math.sqrt(2.0)
    )  # variance of t₄ is 2
    true = places[record] + error
    if unrecorded:
        if extent is None:
            raise ValueError("unrecorded strikes need an extent: west, south, east, north")
        west, south, east, north = extent
        true = np.concatenate([true, rng.uniform((west, south), (east, north), size=(unrecorded, 2))])
        record = np.concatenate([record, np.full(unrecorded, -1)])
    size = rng.lognormal(0.0, 0.25, size=len(true))
    return [
        Ellipse(
            x_m=float(x),
            y_m=float(y),
            items=float(rng.gamma(items_shape) / items_shape * items),
            sigma_major_m=float(sigma_major_m * scale),
            sigma_minor_m=float(sigma_minor_m * scale),
            bearing_deg=float(rng.uniform(0.0, 180.0)),
            ring=0.6 if rng.random() < 0.5 else 0.0,
            record=int(number),
        )
        for (x, y), scale, number in zip(true, size, record, strict=True)
    ]


def outside_model(
    strikes: Sequence[Ellipse],
    *,
    extent: tuple[float, float, float, float],
    background_per_km2: float = 0.0,
    unevenness: float = 0.3,
    patches: tuple[float, float] | None = None,
    seed: int,
) -> Ground:
    """Throw the items of strikes, and single ones, at continuous places: more than the model believes.

    Parameters
    ----------
    strikes : sequence of Ellipse
        For example from `strikes_near`.
    extent : (west, south, east, north)
        Metres; items outside are left out.
    background_per_km2 : float
        Single items.
    unevenness : float
        Standard deviation of the logarithm of how easily an item is detected (depth, plants); 0 is even.
    patches : (float, float), optional
        Ground that varies from place to place: the standard deviation of the logarithm of ease that items
        close together share, and the size of the patches in metres.
    seed : int
        Same inputs and seed give the same ground.
    """
    rng = np.random.default_rng(seed)
    west, south, east, north = extent
    places = [np.column_stack(_pattern(strike, int(rng.poisson(strike.items)), rng)) for strike in strikes]
    single = int(rng.poisson(background_per_km2 * (east - west) * (north - south) / 1e6))
    places.append(rng.uniform((west, south), (east, north), size=(single, 2)))
    of = np.repeat([*range(len(strikes)), -1], [len(place) for place in places])
    x, y = np.concatenate(places).T
    there = (x >= west) & (x < east) & (y >= south) & (y < north)
    ease = rng.lognormal(-(unevenness**2) / 2, unevenness, size=int(there.sum()))
    if patches is not None:
        ease *= _patchy(x[there], y[there], *patches, rng)
    return Ground(tuple(strikes), x[there], y[there], of[there].astype(np.int64), ease)


WAVES = 64  # of a patchy field: their sum is near enough to Gaussian


def _patchy(x: Array, y: Array, spread: float, size_m: float, rng: np.random.Generator) -> Array:
    """A factor of mean 1 that varies smoothly over the ground: the exponential of a sum of random waves."""
    wave = rng.normal(size=(WAVES, 2)) / size_m
    phase = rng.uniform(0.0, 2 * math.pi, size=WAVES)
    field = np.cos(np.column_stack([x, y]) @ wave.T + phase).sum(axis=1) * math.sqrt(2.0 / WAVES)
    return np.asarray(np.exp(spread * field - spread**2 / 2))


def _pattern(strike: Ellipse, count: int, rng: np.random.Generator) -> tuple[Array, Array]:
    """Throw the items of one strike: x, y in metres."""
    unit = rng.normal(size=(count, 2))
    kind = rng.random(count)
    ring = kind < strike.ring
    angle = rng.uniform(0.0, 2 * math.pi, size=count)
    radius = rng.normal(1.6, 0.25, size=count)
    unit[ring] = np.column_stack([radius * np.cos(angle), radius * np.sin(angle)])[ring]
    stray = kind > 1.0 - strike.tail
    chi = np.sqrt(rng.chisquare(3, size=count) / 3.0)
    unit[stray] *= (1.5 / np.maximum(chi, 0.05))[stray, None]
    if strike.clumps:
        middles = np.asarray(strike.clumps, dtype=np.float64)
        unit = unit / 3.0 + middles[rng.integers(0, len(middles), size=count)]
    along, across = unit[:, 0] * strike.sigma_major_m, unit[:, 1] * strike.sigma_minor_m
    if strike.bend:
        across = across + strike.bend * strike.sigma_major_m * (unit[:, 0] ** 2 - 1.0) / 3.0
    bearing = math.radians(strike.bearing_deg)
    x = strike.x_m + along * math.sin(bearing) + across * math.cos(bearing)
    y = strike.y_m + along * math.cos(bearing) - across * math.sin(bearing)
    return x, y


def search_boxes(
    ground: Ground,
    west_m: ArrayLike,
    south_m: ArrayLike,
    side_m: float,
    *,
    detection: float,
    stop_at_find: bool = True,
    unevenness: float = 0.2,
    found: ArrayLike | None = None,
    seed: int,
) -> BoxSearch:
    """Search square boxes one by one, each in random order of place, until its first find or to its end.

    An item is detected with probability detection × its ease × a factor of the box (lognormal, mean 1,
    `unevenness`), at most 1. What a box gives depends on the seed and its place, not on the boxes searched
    with it; items found before are gone. So one box at a time makes an oracle for `search.survey_rule`.
    """
    west, south = np.atleast_1d(np.asarray(west_m, float)), np.atleast_1d(np.asarray(south_m, float))
    gone = np.zeros(len(ground.x_m), dtype=bool) if found is None else np.array(found, dtype=bool)
    by_x = np.argsort(ground.x_m, kind="stable")
    first = np.searchsorted(ground.x_m[by_x], west)
    last = np.searchsorted(ground.x_m[by_x], west + side_m)
    items: list[int] = []
    boxes: list[int] = []
    share = np.ones(len(west))
    for number, (x, y) in enumerate(zip(west, south, strict=True)):
        rng = np.random.default_rng([seed, *(round(v) % 2**32 for v in (x, y))])
        factor = rng.lognormal(-(unevenness**2) / 2, unevenness)
        inside = by_x[first[number] : last[number]]
        inside = np.sort(inside[(ground.y_m[inside] >= y) & (ground.y_m[inside] < y + side_m)])
        when = rng.random(len(inside))
        seen = (rng.random(len(inside)) < detection * ground.ease[inside] * factor) & ~gone[inside]
        hits = np.flatnonzero(seen)
        if stop_at_find and len(hits):
            hits = hits[[np.argmin(when[hits])]]
            share[number] = when[hits[0]]
        gone[inside[hits]] = True
        items.extend(int(item) for item in inside[hits])
        boxes.extend([number] * len(hits))
    box = np.array(boxes, dtype=np.int64)
    stopped = np.zeros(len(west), dtype=bool)
    if stop_at_find:
        stopped[box] = True
    return BoxSearch(np.array(items, dtype=np.int64), box, stopped, share, gone)
