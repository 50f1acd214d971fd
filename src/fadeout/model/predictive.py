"""Whether finds lie as the fitted strikes would leave them: the search is repeated on draws, and the patterns compared.

Reads   a `Posterior`
Gives   `Comparison`: finds per box and distances between finds, observed and repeated
Knows   nothing of verdicts; `checks.py` puts them in words
Start   at `compare`

One repeat takes one draw: each strike with n finds keeps its template and leaves Poisson(γ) items, γ ~ Gamma(a + n, B);
strikes of which nothing was found are thrown anew and left as search left them, γ ~ Gamma(a, B) with the chance
(b/B)^a; single items are Poisson(λ0). An item in cell x is then found with the draw's P(x). Recorded strikes of which
nothing was found are left out: they would give few finds, or something would have been found of them.

Places within a cell are unknown. They are thrown evenly, for the finds as for their repeats.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy import special
from scipy.spatial import cKDTree

from fadeout.model.grid import Grid
from fadeout.model.posterior import Posterior

Array = NDArray[np.float64]
Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]

REPEATS, FEWEST_REPEATS = 200, 60
WORK = 200_000  # finds in all repeats together: about a quarter of a second
TOGETHER = 1_000_000  # strikes thrown at once, for memory
BOX = 2  # cells along the side of the boxes in which finds are counted
STOPPED = 0.1  # share of finds at stopped boxes up to which other ground is judged all the same (assumed)


@dataclass(frozen=True, eq=False)
class Figure:
    """One figure of the finds, and of each repeat."""

    observed: float
    repeated: Array

    @property
    def ratio(self) -> float:
        """Observed over the middle of the repeats."""
        middle = float(np.median(self.repeated))
        return self.observed / middle if middle > 0 else 1.0

    @property
    def tail(self) -> float:
        """Two-sided tail probability; beyond every repeat that of a normal distribution of the logarithm."""
        less = float((self.repeated < self.observed).mean())
        more = float((self.repeated > self.observed).mean())
        equal = 1.0 - less - more
        counted = min(1.0, 2.0 * (min(less, more) + equal / 2))
        if counted > 0:
            return counted
        floor = 1e-3 * max(float(np.median(self.repeated)), 1e-12)
        logs = np.log(np.maximum(self.repeated, floor))
        away = abs(float(np.log(max(self.observed, floor)) - logs.mean())) / max(float(logs.std()), 1e-9)
        return min(1.0 / len(self.repeated), float(2.0 * special.ndtr(-away)))


@dataclass(frozen=True, eq=False)
class Comparison:
    """Finds on the ground judged, against repeats of the search."""

    finds: int
    dispersion: Figure  # variance over mean of the finds in boxes of 2 × 2 cells
    largest: Figure  # finds in the fullest box
    nearest_m: Figure  # median distance of a find from the nearest other one


def judged_ground(posterior: Posterior) -> Mask:
    """Give the cells in which finds and repeats are compared, shape (rows, cols).

    A box left at its first find holds one find whatever lies there, and boxes searched by the same rule are complete
    just because nothing was found. Cells of stopped boxes are left out, and with them all ground searched by their
    methods. Where their methods are not known, nothing is judged, but where hardly a find is theirs.
    """
    effort = posterior.searched
    ground: Mask = (posterior.effort > 1e-9) & ~effort.box_cells
    unknown = [box for box in effort.stopped if box.method is None or effort.searches is None]
    if len(unknown) > STOPPED * len(posterior.finds):
        return np.zeros_like(ground)
    if effort.searches is not None:
        methods = [box.method for box in effort.stopped if box.method is not None]
        for covered in effort.searches.covered:
            if any(covered.passes[method] for method in methods):
                ground &= ~(covered.share > 0)
    return ground


def compare(posterior: Posterior, *, fewest: int = 10, seed: int = 11) -> Comparison | None:
    """Repeat the search on evenly spaced draws and compare; None where fewer than `fewest` finds can be judged.

    Parameters
    ----------
    posterior : Posterior
        Of one fit.
    fewest : int
        Finds on the ground judged from which there is a pattern to compare.
    seed : int
        Same posterior and seed give the same figures.

    Examples
    --------
    >>> from fadeout.model import Footprint, Grid, Prior, fit
    >>> prior = Prior(1.0, 30.0, 1.0, 0.2, [Footprint(80, 40)])
    >>> compare(fit(Grid(20, 20, 25.0), np.zeros((20, 20)), [], prior)) is None  # nothing was found
    True
    """
    ground = judged_ground(posterior)
    row, col = posterior.finds.T
    here = ground[row, col]
    count = int(here.sum())
    if count < max(2, fewest):
        return None
    rng = np.random.default_rng(seed)
    grid, boxes = posterior.grid, len(np.unique(_box(posterior.grid, *np.nonzero(ground))))
    observed = _pattern(grid, boxes, row[here], col[here], rng)
    number = int(np.clip(WORK // count, FEWEST_REPEATS, REPEATS))
    repeated = np.array([_pattern(grid, boxes, *places, rng) for places in repeats(posterior, number, rng)])
    return Comparison(count, *(Figure(float(o), r) for o, r in zip(observed, repeated.T, strict=True)))


def repeats(posterior: Posterior, number: int, rng: np.random.Generator) -> Iterator[tuple[Ints, Ints]]:
    """Repeat the search on `number` evenly spaced draws: rows and columns of what it finds on the ground judged."""
    ground = judged_ground(posterior)
    strays = np.argwhere(ground)
    sums = np.cumsum(posterior.lattice.kernels.reshape(len(posterior.lattice), -1), axis=1)
    chosen = np.linspace(0, posterior.draws - 1, number).astype(np.int64)
    thrown = posterior.draws_taken.hyper.strikes.sum(axis=1).max() * posterior.grid.cell_km2
    step = max(1, int(TOGETHER / max(1.0, thrown * float(np.prod(posterior.lattice.shape)))))
    for start in range(0, number, step):
        some = chosen[start : start + step]
        for draw, fresh in zip(some, _fresh(posterior, some, rng), strict=True):
            yield _repeat(posterior, ground, int(draw), fresh, sums, strays, rng)


@dataclass(frozen=True, eq=False)
class _Strikes:
    """Strikes of one draw: templates in lattice cells, and the Gamma distribution of each one's expected items."""

    footprint: Ints
    row: Ints
    col: Ints
    shape: Array
    rate: Array

    def take(self, some: slice) -> _Strikes:
        """Only some of them."""
        return _Strikes(
            self.footprint[some], self.row[some], self.col[some], self.shape[some], self.rate[some]
        )


def _fresh(posterior: Posterior, chosen: Ints, rng: np.random.Generator) -> list[_Strikes]:
    """Throw the free strikes of which nothing was found, one set for each chosen draw."""
    lattice, hyper = posterior.lattice, posterior.draws_taken.hyper
    mean = hyper.strikes[chosen] * posterior.grid.cell_km2 * float(np.prod(lattice.shape))
    counts = rng.poisson(mean)  # (chosen, J)
    of = np.repeat(np.arange(len(chosen)), counts.sum(axis=1))
    footprint = np.repeat(np.tile(np.arange(counts.shape[1]), len(chosen)), counts.ravel())
    row, col = (rng.integers(0, side, len(of)) for side in lattice.shape)
    draw = chosen[of]
    exposure = posterior.exposed.at(footprint, row, col, draw)
    shape, base = hyper.shape[draw], hyper.rate[draw]
    rate = base + exposure
    # float32 transforms leave noise of 1e-7 where nothing was searched: such strikes give no finds
    kept = (rng.random(len(of)) < (base / rate) ** shape) & (exposure > 1e-6)
    ends = np.searchsorted(of[kept], np.arange(len(chosen) + 1))
    every = _Strikes(footprint[kept], row[kept], col[kept], shape[kept], rate[kept])
    return [every.take(slice(a, b)) for a, b in pairwise(ends)]


def _repeat(
    posterior: Posterior,
    ground: Mask,
    draw: int,
    fresh: _Strikes,
    sums: Array,
    strays: Ints,
    rng: np.random.Generator,
) -> tuple[Ints, Ints]:
    """Repeat the search once: rows and columns of finds on the ground judged."""
    taken, lattice = posterior.draws_taken, posterior.lattice
    mine = slice(taken.first[draw], taken.first[draw + 1])
    power = np.concatenate([taken.shape[mine] + taken.finds[mine], fresh.shape])
    rate = np.concatenate([taken.rate[mine], fresh.rate])
    items = rng.poisson(rng.gamma(power) / rate)
    footprint, row, col = (
        np.repeat(np.concatenate([known[mine], new]), items)
        for known, new in (
            (taken.footprint, fresh.footprint),
            (taken.row, fresh.row),
            (taken.col, fresh.col),
        )
    )
    side = 2 * lattice.reach + 1
    offset = _offsets(sums, footprint, rng)
    row = row - lattice.margin + offset // side - lattice.reach
    col = col - lattice.margin + offset % side - lattice.reach
    single = rng.integers(0, len(strays), rng.poisson(float(posterior.stray[draw]) * len(strays)))
    row = np.concatenate([row, strays[single, 0]])
    col = np.concatenate([col, strays[single, 1]])
    there = (row >= 0) & (row < posterior.grid.rows) & (col >= 0) & (col < posterior.grid.cols)
    row, col = row[there], col[there]
    there = ground[row, col]
    row, col = row[there], col[there]
    left = posterior.left
    found = rng.random(len(row)) >= left.factor[draw] @ left.parts[:, row, col]
    return row[found], col[found]


def _offsets(sums: Array, footprint: Ints, rng: np.random.Generator) -> Ints:
    """Throw each item about its centre: the flat index in its footprint's window; `sums` are cumulated kernels."""
    offset = np.empty(len(footprint), dtype=np.int64)
    for j, line in enumerate(sums):
        mine = np.flatnonzero(footprint == j)
        offset[mine] = np.searchsorted(line, rng.random(len(mine)) * line[-1], side="right")
    return np.asarray(np.minimum(offset, sums.shape[1] - 1), dtype=np.int64)


def _box(grid: Grid, row: Ints, col: Ints) -> Ints:
    return np.asarray(row // BOX * (grid.cols // BOX + 1) + col // BOX)


def _pattern(
    grid: Grid, boxes: int, row: Ints, col: Ints, rng: np.random.Generator
) -> tuple[float, float, float]:
    """Figures of one set of finds: variance over mean per box, the fullest box, the median distance to the nearest."""
    if len(row) < 2:
        return 1.0, float(len(row)), float(np.hypot(*grid.shape)) * grid.cell_m
    counts = np.unique(_box(grid, row, col), return_counts=True)[1]
    mean = len(row) / boxes
    dispersion = (float((counts**2).sum()) / boxes - mean**2) / mean
    places = (np.column_stack([row, col]) + rng.random((len(row), 2))) * grid.cell_m
    near = cKDTree(places, balanced_tree=False, compact_nodes=False).query(places, k=2)[0][:, 1]
    return dispersion, float(counts.max()), float(np.median(near))
