"""The hazardous area: the smallest one that leaves out at most a stated share of known strikes' items.

Reads   a `Posterior`
Gives   `HazardousArea`, and its `outlines`
Knows   nothing of coordinates, files, or what a programme does with the area
Start   at `delineate`

*Known strikes* are strikes with evidence, that is with at least one find. What is expected of strikes that
nobody has seen a trace of is no part of the share: it would fill the map. It is mapped and totalled apart
(`expected_unexplored`).

Symbols: α the share that may be left out; K_d(A) expected remaining items of known strikes in A, given
posterior draw d; N_d the number of items they left in it.
"""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, special

from fadeout.model.known import KnownStrikes
from fadeout.model.outlines import outlines
from fadeout.model.posterior import Posterior
from fadeout.model.thinning import thinned

__all__ = ["AreaOfSize", "HazardousArea", "area_of_size", "core_area", "delineate", "outlines"]

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

TIDY_M2 = 2_500.0  # holes and islands of at most this size, one box of 50 m, are closed or dropped (assumed)
LEVELS = 280  # steps by which the area may grow; each leaves out about 3 % less than the one before
TAIL_LEVELS = 20  # further steps for the last 1/FINEST of the share
FINEST = 500.0
SEARCHED_LEVELS = (
    16  # levels below the first that does, and a quarter as many above, tried once the shape is tidy
)
THROWN_SEED = 3
RINGS = 300  # distances from the finds that are compared


@dataclass(frozen=True, eq=False)
class HazardousArea:
    """Cells to treat as hazardous on present evidence, and what they leave out.

    expected_inside + expected_outside + expected_unexplored is all that is expected to remain on the grid.
    """

    cells: Mask  # (rows, cols)
    area_m2: float
    share_left_out: float  # expected share of the known strikes' remaining items that lies outside
    confidence: float  # probability that at most asked_share of the known strikes' items truly lie outside
    asked_share: float
    asked_confidence: float
    fadeout_m: float  # radius around every find that would meet the same request; 0 where there is no area
    reach_m: float  # from the cell of the area farthest from any find to the nearest find
    level: float  # expected items per cell of known strikes at which the area ends
    expected_inside: float  # all remaining items expected inside, of whatever origin
    expected_outside: float  # remaining items of known strikes expected outside
    expected_unexplored: float  # outside: items of strikes nobody has seen a trace of, and single items
    met: bool  # share and confidence are what was asked; also where there is nothing to draw
    words: str


def delineate(
    posterior: Posterior, *, share_left_out: float = 0.05, confidence: float = 0.9
) -> HazardousArea:
    """Draw the smallest area that leaves out at most a share of the known strikes' remaining items.

    Cells enter in the order of their expected remaining items of known strikes, until both the expected
    share outside is at most `share_left_out` and, with probability `confidence`, so is the share of the items
    that truly lie outside. Then holes of at most 2,500 m² are closed (larger ones, as a rule searched ground, stay
    open) and islands of at most 2,500 m² without a find are dropped if the request still holds. Share and
    confidence are computed anew for the cells that remain, from all draws or, where those would take long,
    from evenly spaced ones.

    Parameters
    ----------
    posterior : Posterior
        Of one fit.
    share_left_out : float
        α, above 0 and below 1.
    confidence : float
        Probability asked, 0 to 1.

    Returns
    -------
    HazardousArea
        Empty, and `met`, where there are no finds or no strike explains any: there is nothing to draw
        around, which says nothing about ground that was not searched.

    Notes
    -----
    Both the doubt about strikes and the chance by which their few items fall are in `confidence`. In a draw the
    strikes' expected items are thrown (Gamma), and the number N_d left (Poisson); given both, the items outside
    are Binomial(N_d, K_d outside / K_d), and the draw counts by the probability that they are at most α N_d.
    With few items left that asks for more ground than 5 % on average: of 20, one may lie outside, of 19 none.

    References
    ----------
    Bolin, D., Lindgren, F. (2015). Excursion and contour uncertainty regions. J. R. Statist. Soc. B 77,
    85–106.
    """
    if not 0 < share_left_out < 1:
        raise ValueError(f"share_left_out must lie between 0 and 1; got {share_left_out:g}")
    if not 0 <= confidence <= 1:
        raise ValueError(f"confidence must lie in 0 to 1; got {confidence:g}")
    known = posterior.expected_known
    if len(posterior.finds) == 0 or not known.sum() > 0:
        return _nothing(posterior, share_left_out, confidence)
    request = _Request(posterior, share_left_out, confidence)
    levels, count = _levels(known, share_left_out)
    chosen = request.first_enough(levels, count)
    cells, outside, level = _tidied(request, levels, chosen)
    return _described(request, cells, outside, float(known[(levels <= level) & (known > 0)].min()))


@dataclass(frozen=True, eq=False)
class AreaOfSize:
    """Cells that leave out as little as an area of their size can; `level` as in `HazardousArea`."""

    cells: Mask
    level: float


def area_of_size(posterior: Posterior, area_m2: float) -> AreaOfSize:
    """Draw an area of a given size that leaves out as little as it can of what known strikes left.

    Cells enter as in `delineate`, without tidying, and where known strikes end, by all that is expected to remain.
    It is for a programme whose means are given, and for comparison at equal area.

    Examples
    --------
    >>> from fadeout.model import Footprint, Grid, Prior, fit
    >>> prior = Prior(1.0, 30.0, 1.0, 0.2, [Footprint(80, 40)])
    >>> posterior = fit(Grid(20, 20, 25.0), np.full((20, 20), 0.5), [[9, 9]], prior, sweeps=20)
    >>> int(area_of_size(posterior, 10_000.0).cells.sum())
    16
    """
    if not area_m2 >= 0:
        raise ValueError(f"area_m2 must be at least 0; got {area_m2:g}")
    free = ~posterior.excluded.ravel()
    count = min(int(area_m2 / posterior.grid.cell_m**2 + 1e-9), int(free.sum()))
    known = posterior.expected_known.ravel()
    order = np.lexsort((posterior.expected_remaining.ravel(), known, free))[::-1]
    return _first_cells(posterior, order, count)


def core_area(posterior: Posterior, share_left_out: float) -> AreaOfSize:
    """Draw the fewest cells that leave out at most a share of what known strikes are *expected* to have left.

    It asks no confidence and is not tidied: where a search begins to be outside, not what to hand over.

    Examples
    --------
    >>> from fadeout.model import Footprint, Grid, Prior, fit
    >>> prior = Prior(1.0, 30.0, 1.0, 0.2, [Footprint(80, 40)])
    >>> posterior = fit(Grid(20, 20, 25.0), np.full((20, 20), 0.5), [[9, 9]], prior, sweeps=20)
    >>> bool(core_area(posterior, 0.3).cells.sum() < core_area(posterior, 0.1).cells.sum())
    True
    """
    if not 0 < share_left_out < 1:
        raise ValueError(f"share_left_out must lie between 0 and 1; got {share_left_out:g}")
    known = posterior.expected_known.ravel()
    order = np.argsort(-known, kind="stable")
    sums = np.cumsum(known[order])
    enough = int(np.searchsorted(sums, (1.0 - share_left_out) * sums[-1])) + 1
    return _first_cells(posterior, order, enough if sums[-1] > 0 else 0)


def _first_cells(posterior: Posterior, order: NDArray[np.int64], count: int) -> AreaOfSize:
    cells = np.zeros(posterior.grid.shape, dtype=bool)
    cells.ravel()[order[:count]] = True
    return AreaOfSize(cells, float(posterior.expected_known.ravel()[order[count - 1]]) if count else 0.0)


@dataclass(frozen=True, eq=False)
class _Request:
    """What was asked of whom, and how well a set of cells answers it."""

    posterior: Posterior
    share: float
    sure: float

    @cached_property
    def known(self) -> KnownStrikes:
        """Known strikes of fewer draws, with their expected items thrown."""
        known = copy(thinned(self.posterior))
        rng = np.random.default_rng(THROWN_SEED)
        known.mean = rng.gamma(known.power) / known.draws.rate
        return known

    @cached_property
    def totals(self) -> Array:
        """K_d of the whole grid."""
        return self.known.by_label(np.zeros(self.posterior.grid.shape, dtype=np.int64), 1)[:, 0]

    def outside(self, cells: Mask) -> tuple[float, Array]:
        """Expected share outside the cells, and K_d outside them as thrown."""
        known = self.posterior.expected_known
        share = float(known[~cells].sum() / known.sum()) if known.any() else 0.0
        return share, self.known.by_label(np.where(cells, -1, 0), 1)[:, 0]

    @cached_property
    def items(self) -> Array:
        """N_d, items left by known strikes in each draw."""
        return np.random.default_rng(THROWN_SEED + 1).poisson(self.totals).astype(np.float64)

    def sureness(self, outside: Array) -> float:
        """Probability that at most α of the items lie outside, from K_d outside as thrown."""
        if not self.totals.any():
            return 1.0
        chance = np.clip(outside / np.maximum(self.totals, 1e-300), 0.0, 1.0)
        most = np.floor(self.share * self.items * (1 + 1e-9))
        return float(special.bdtr(most, self.items.astype(np.int64), chance).mean())

    def holds(self, share: float, outside: Array) -> bool:
        """Whether a set of cells does what was asked."""
        return share <= self.share * (1 + 1e-9) and self.sureness(outside) >= self.sure - 1e-12

    def first_enough(self, steps: NDArray[np.int64], count: int) -> int:
        """The first step up to which the cells do what was asked; every cell has one, so the last does."""
        expected = np.bincount(steps.ravel(), weights=self.posterior.expected_known.ravel(), minlength=count)
        shares = 1.0 - np.cumsum(expected) / expected.sum()
        beyond = self.totals[:, None] - np.cumsum(self.known.by_label(steps, count), axis=1)
        low, high = 0, count - 1
        while low < high:  # each further step leaves out less in every draw
            middle = (low + high) // 2
            if self.holds(float(shares[middle]), beyond[:, middle]):
                high = middle
            else:
                low = middle + 1
        return low


def _levels(known: Array, share: float) -> tuple[NDArray[np.int64], int]:
    """Give each cell the step at which it enters, by its expected items, and the number of steps.

    Steps are even in the logarithm of the share still outside, down to a 500th of α; the rest has steps of
    equal count.
    """
    flat = known.ravel()
    order = np.argsort(-flat, kind="stable")
    order = order[: np.count_nonzero(flat > 0)]
    cumulative = np.cumsum(flat[order])
    before = 1.0 - np.concatenate([[0.0], cumulative[:-1]]) / cumulative[-1]  # share outside
    finest = max(share, 1e-3) / FINEST
    bounds = np.geomspace(1.0, finest, LEVELS + 1)[1:]
    step = np.searchsorted(-bounds, -before, side="right")
    tail = np.flatnonzero(step == LEVELS)
    step[tail] += np.arange(len(tail)) * TAIL_LEVELS // max(len(tail), 1)
    count = LEVELS + TAIL_LEVELS
    levels = np.full(flat.size, count - 1, dtype=np.int64)
    levels[order] = step
    return levels.reshape(known.shape), count


def _tidied(
    request: _Request, levels: NDArray[np.int64], chosen: int
) -> tuple[Mask, tuple[float, Array], int]:
    """Close small holes and drop small islands; give the cells, K_d outside them, and their level.

    Closing lets a smaller level do, dropping may ask for a larger one: the smallest that does is sought
    near the first. Where none does, nothing is dropped.
    """
    posterior = request.posterior
    most = TIDY_M2 / posterior.grid.cell_m**2 + 1e-9
    low, high = max(0, chosen - SEARCHED_LEVELS), chosen + SEARCHED_LEVELS // 4
    best: tuple[Mask, tuple[float, Array], int] | None = None
    while low <= high:
        level = (low + high) // 2
        closed = close_holes((levels <= level) & (posterior.expected_known > 0), most) & ~posterior.excluded
        cells = closed & ~_islands(closed, most, posterior.finds)
        outside = request.outside(cells)
        if request.holds(*outside):
            best, high = (cells, outside, level), level - 1
        else:
            low = level + 1
    if best is not None:
        return best
    closed = close_holes((levels <= chosen) & (posterior.expected_known > 0), most) & ~posterior.excluded
    return closed, request.outside(closed), chosen


def close_holes(cells: Mask, most: float) -> Mask:
    """Fill holes of at most `most` cells; what reaches the outside, even by a corner, is no hole."""
    gaps, count = ndimage.label(~np.pad(cells, 1), structure=np.ones((3, 3)))
    sizes = np.bincount(gaps.ravel(), minlength=count + 1)
    small = sizes <= most
    small[[0, gaps[0, 0]]] = False  # the cells themselves, and the outside
    return np.asarray(cells | small[gaps][1:-1, 1:-1])


def _islands(cells: Mask, most: float, finds: NDArray[np.int64]) -> Mask:
    """Parts of at most `most` cells that hold no find."""
    parts, count = ndimage.label(cells)
    small = np.bincount(parts.ravel(), minlength=count + 1) <= most
    small[0] = False
    small[parts[finds[:, 0], finds[:, 1]]] = False
    return np.asarray(small[parts])


def _described(request: _Request, cells: Mask, outside: tuple[float, Array], level: float) -> HazardousArea:
    posterior = request.posterior
    share, thrown = outside
    sure = request.sureness(thrown)
    away = _from_finds(posterior)
    fadeout_m = _same_by_distance(request, away)
    area_m2 = float(cells.sum()) * posterior.grid.cell_m**2
    reach_m = float(away[cells].max(initial=0.0)) * posterior.grid.cell_m
    other = posterior.expected_undetected + posterior.expected_background
    words = (
        f"By this estimate {_percent(share)} of the items left by strikes with evidence lie outside this "
        f"area of {area_m2 / 1e4:.3g} ha; the chance that at most {_percent(request.share)} do is "
        f"{_percent(sure)}. "
        f"A fixed distance of {fadeout_m:.3g} m around every find would do the same. "
        "Strikes of which nothing was found yet are not part of it."
    )
    return HazardousArea(
        cells=cells,
        area_m2=area_m2,
        share_left_out=share,
        confidence=sure,
        asked_share=request.share,
        asked_confidence=request.sure,
        fadeout_m=fadeout_m,
        reach_m=reach_m,
        level=level,
        expected_inside=float((posterior.expected_known + other)[cells].sum()),
        expected_outside=float(posterior.expected_known[~cells].sum()),
        expected_unexplored=float(other[~cells].sum()),
        met=request.holds(share, thrown),
        words=words,
    )


def _from_finds(posterior: Posterior) -> Array:
    """Distance of each cell's centre from the centre of the nearest cell with a find, in cells."""
    away = np.ones(posterior.grid.shape, dtype=bool)
    away[posterior.finds[:, 0], posterior.finds[:, 1]] = False
    return np.asarray(ndimage.distance_transform_edt(away))


def _same_by_distance(request: _Request, away: Array) -> float:
    """Smallest distance around every find, in metres, that meets the request; to a cell's width."""
    posterior = request.posterior
    reached = posterior.expected_known > 0
    step = max(1.0, float(away[reached].max()) / RINGS)
    rings = np.ceil(away / step - 1e-9).astype(np.int64)
    count = int(rings[reached].max()) + 1
    ring = request.first_enough(np.minimum(rings, count - 1), count)
    return max(ring * step, 0.5) * posterior.grid.cell_m


def _nothing(posterior: Posterior, share: float, sure: float) -> HazardousArea:
    """Nothing was found, or no strike explains what was: no area."""
    return HazardousArea(
        cells=np.zeros(posterior.grid.shape, dtype=bool),
        area_m2=0.0,
        share_left_out=0.0,
        confidence=1.0,
        asked_share=share,
        asked_confidence=sure,
        fadeout_m=0.0,
        reach_m=0.0,
        level=0.0,
        expected_inside=0.0,
        expected_outside=0.0,
        expected_unexplored=float(posterior.expected_remaining.sum()),
        met=True,
        words="There is no strike with evidence, so there is no area to draw. This says nothing about ground "
        "that was not searched.",
    )


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %"
