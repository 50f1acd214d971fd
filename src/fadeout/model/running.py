"""A running estimate: add a searched box or a find, and have new maps, next boxes and statement at once, without a refit.

Reads   a `Posterior`; then what was searched and found since
Gives   `Running`, and `Estimate` after each step; rasters have the grid's shape (rows, cols)
Knows   nothing of files, clocks or teams; no maps are drawn here
Start   at `Running.begin`, then `Running.add_box` and `Running.add_find`

A few states stand for what the fit learned and for the shares of its stopped boxes (`states.py`). In each, the kept
draws are weighted particles, group by group of finds (`groups.py`): search without a find weighs them by what their
strikes would have shown, ∏ ((b + e)/(b + e'))^(a + n), a find by how well they foretold it. States are weighed by the
same probabilities (`strand.py`). Where weights grow uneven, particles are resampled and moved by the sampler's own
moves. Strikes without finds, and all sums, are brought up to date in reach of the change alone (`ground.py`).

Within a state the numbers stay as they are: what is learned moves only by the states' weights, and strikes per km² and
background by those of each draw. `stale` says when that has gone too far.

A server holds one `Running` for each area: it begins it from the night's fit, calls `add_box` for each box that teams
report, shows the `Estimate` that comes back, and calls `refit` in the background when `stale` says why, or
each night. One `Running` is used by one thread at a time.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fadeout.model.ground import Ground
from fadeout.model.groups import AtOnce
from fadeout.model.parting import Parting
from fadeout.model.posterior import Posterior
from fadeout.model.refitting import Step, fit_again
from fadeout.model.states import affordable, figures, items_of_record, states_of
from fadeout.model.strand import Strand
from fadeout.model.vacant import Powers

Array = NDArray[np.float64]
Ints = NDArray[np.int64]
T = TypeVar("T")

PARTICLES = 1000
DRAWS = 1000  # of totals, over all states
SETTLE = 3  # sweeps that bring particles from their draws' numbers to those of their state
DEGENERATE = 0.05  # effective share of particles below which one step was too much for them (assumed)
SHIFTED = 0.5  # standard deviations of its fit by which a learned number may shift (assumed)
MOVED = (
    0.3  # effective share of the states or of their draws below which what is learned moved too far (assumed)
)
GROWN = 0.5  # finds added, as a share of those fitted, above which a refit is due (assumed)
FEW = 20  # finds that may be added whatever was fitted (assumed)
SPREAD = 2.0  # boxes within which a chosen next box makes others worth less


@dataclass(frozen=True)
class Next:
    """A box to search next: row and column of its first cell, chance of a find, expected items in it."""

    rank: int
    row: int
    col: int
    side_cells: int
    p_find: float
    expected_remaining: float


@dataclass(frozen=True)
class Stated:
    """What is stated of one region."""

    expected: float  # items remaining
    p_none: float  # P(no item left)
    interval: tuple[int, int]  # of the items remaining, 90 %


@dataclass(frozen=True, eq=False)
class Estimate:
    """What is known now."""

    expected_remaining: Array
    p_any_remaining: Array
    p_find: Array  # (rows // side, cols // side), chance that a complete search of a box finds something
    regions: dict[str, Stated]
    next_boxes: list[Next]
    stale: str  # why a refit is due, in words; empty if it is not


class Running:
    """The estimate of one area, kept up to date. Make it with `Running.begin`."""

    def __init__(
        self, posterior: Posterior, regions: dict[str, Array], side: int, detection: float, particles: int
    ):
        self.posterior, self.regions, self.particles = posterior, regions, particles
        self.side, self.detection = side, detection
        self.finds = posterior.finds.copy()
        self.allowed = ~posterior.excluded
        self.steps: list[Step] = []
        self.taken = posterior.searched.box_cells.astype(
            np.float64
        )  # share of each cell visited since, or stopped
        self.strands: list[Strand] = []
        self._figures = figures(posterior)
        self.workers = max(1, min(4, os.cpu_count() or 1))
        self._pool = ThreadPoolExecutor(self.workers)

    @classmethod
    def begin(
        cls,
        posterior: Posterior,
        *,
        regions: Mapping[str, ArrayLike] | None = None,
        side_cells: int = 2,
        detection: float = 0.8,
        particles: int = PARTICLES,
        states: int | None = None,
        allowed: ArrayLike | None = None,
        seed: int = 3,
    ) -> Running:
        """Begin from a fit.

        Parameters
        ----------
        posterior : Posterior
            Of one fit.
        regions : mapping of name to array, shape (rows, cols)
            Ground of which to state expected items, their interval and P(none left): bool, or area share of each cell.
        side_cells, detection : int, float
            Side of the boxes that may be searched next, and detection of one complete pass over them.
        particles : int
            Particles of each group of finds over all states, taken evenly from the kept draws.
        states : int, optional
            States that stand for what was learned and for stopped boxes' shares; by default 4 to 16, by the area's
            size. One does where draws do not differ in these, until a box stopped at its find is added.
        allowed : array of bool, shape (rows, cols), optional
            Ground where boxes may be searched next; all that is not excluded by default.
        seed : int
            Same posterior, same steps and same seed give the same estimates.

        Raises
        ------
        ValueError
            If a region has another shape than the grid, or a number is out of its range.

        Examples
        --------
        >>> from fadeout.model import Footprint, Grid, Prior, fit
        >>> prior = Prior(1.0, 30.0, 1.0, 0.2, [Footprint(60, 60)])
        >>> fitted = fit(Grid(40, 40, 25.0), np.zeros((40, 40)), np.empty((0, 2), int), prior)
        >>> box = np.zeros((40, 40), dtype=bool)
        >>> box[10:12, 10:12] = True
        >>> now = Running.begin(fitted, regions={"box": box}).add_box(box, 0.8)
        >>> now.regions["box"].p_none > fitted.p_none_in(box)
        True
        """
        if side_cells < 1 or not 0 < detection <= 1 or particles < 10:
            raise ValueError(
                "side_cells must be at least 1, detection in 0 to 1 and above 0, particles at least 10; got "
                f"{side_cells}, {detection:g}, {particles}"
            )
        masks = {name: np.asarray(mask, dtype=np.float64) for name, mask in (regions or {}).items()}
        for name, mask in masks.items():
            if mask.shape != posterior.grid.shape:
                raise ValueError(f"region {name} has shape {mask.shape}; the grid has {posterior.grid.shape}")
        running = cls(posterior, masks, side_cells, detection, particles)
        if allowed is not None:
            running.allowed &= np.asarray(allowed, dtype=bool)
        running._begin_states(states, np.random.default_rng(seed))
        return running

    def _begin_states(self, wanted: int | None, rng: np.random.Generator) -> None:
        posterior, prior, lattice = self.posterior, self.posterior.prior, self.posterior.lattice
        self.wanted = affordable(posterior) if wanted is None else wanted
        states = states_of(posterior, self.wanted)
        kinds = [(state.shape, state.rate) for state in states]
        kinds += [items_of_record(record, state, prior) for record in prior.recorded for state in states]
        powers = Powers(lattice, self.side, self.detection, kinds, few=len(states) > 1)
        masks = np.array(list(self.regions.values())).reshape(-1, *posterior.grid.shape)
        parting = Parting(posterior.draws_taken, posterior.finds, len(prior.recorded))
        count = max(self.particles // len(states), 10)
        for state, child in zip(states, rng.spawn(len(states)), strict=True):
            ground = Ground(state, lattice, prior, posterior.tables.supports, masks, powers)
            groups = parting.groups(state.draws, ground, count)
            self.strands.append(Strand(ground, groups, max(DRAWS // len(states), 1), child, count))
        powers.forget()
        self.rng = rng
        self._share_work()
        self._each(lambda strand, _: strand.begin(SETTLE if len(states) > 1 else 0))

    # ---- work on all states

    def _share_work(self) -> None:
        """Let the threads work on states side by side, or within the only one."""
        for strand in self.strands:
            strand.ground.share = 1.0 / len(self.strands)
            strand.pool = AtOnce() if len(self.strands) > 1 else self._pool

    def _each(self, work: Callable[[Strand, int], T]) -> list[T]:
        """Do work on each state; all are tried before a failure of one is raised."""
        if len(self.strands) == 1:
            return [work(self.strands[0], 0)]
        return list(self._pool.map(work, self.strands, range(len(self.strands))))

    @property
    def weights(self) -> Array:
        """Weights of the states, with sum 1."""
        logs = np.array([strand.log_weight for strand in self.strands])
        weights = np.exp(logs - logs.max())
        return np.asarray(weights / weights.sum())

    def _split(self, wanted: int) -> None:
        """Stand with several states where there were few, so that each may have a share covered of its own."""
        parts = -(-wanted // len(self.strands))
        if parts > 1:
            children = self.rng.spawn(len(self.strands) * parts)
            self.strands = [
                strand.part(n, parts, children[s * parts + n])
                for s, strand in enumerate(self.strands)
                for n in range(parts)
            ]
            self._share_work()
            self._each(lambda strand, _: strand.sum_anew())

    # ---- steps

    def add_box(
        self,
        share: ArrayLike,
        detection: float | None = None,
        finds: Iterable[tuple[int, int]] = (),
        *,
        method: int | None = None,
        stopped: bool = False,
        count: int = 10,
    ) -> Estimate:
        """Take in ground that was searched, completely or until its first find, with its finds, if any.

        Parameters
        ----------
        share : array, shape (rows, cols)
            Cells searched: bool, or area share.
        detection : float
            Probability that this search detected an item lying there.
        finds : iterable of (row, col)
            Cell of each item found there.
        method : int, optional
            Which of the fit's methods searched, in place of a detection: that which was learned is then used, and
            weighed by what is found.
        stopped : bool
            Whether the search ended at its one find, the share covered until then being unknown.
        count : int
            Next boxes asked for.

        Raises
        ------
        ValueError
            If arguments are out of their range, or a find lies where this search did not go.
        """
        covered = np.asarray(share, dtype=np.float64)
        places = [(int(r), int(c)) for r, c in finds]
        self._check_box(covered, detection, method, places, stopped)
        row, col = np.nonzero(covered)
        numbers = tuple(range(len(self.finds), len(self.finds) + len(places)))
        if len(row):
            self.steps.append(Step(covered, detection, method, numbers, stopped))
        if stopped:
            self._split(self.wanted)
        quantiles = (self.rng.permutation(len(self.strands)) + 0.5) / len(self.strands)

        def work(strand: Strand, n: int) -> None:
            p = detection if method is None else float(strand.ground.state.detection[method])
            assert p is not None
            if method is not None:
                strand.log_weight += sum(math.log(p * strand.ground.passed[place]) for place in places)
            if stopped:
                strand.cover(row, col, covered[row, col], p, places[0], float(quantiles[n]))
                return
            if len(row):
                strand.search(row, col, covered[row, col], p)
            for place in places:
                strand.take_in(place)

        self._each(work)
        self.taken[row, col] = np.maximum(self.taken[row, col], covered[row, col])
        self.finds = np.concatenate([self.finds, np.array(places, dtype=np.int64).reshape(-1, 2)])
        return self.estimate(count)

    def _check_box(
        self,
        covered: Array,
        detection: float | None,
        method: int | None,
        places: list[tuple[int, int]],
        stopped: bool,
    ) -> None:
        grid, methods = self.posterior.grid, self.posterior.searched.methods
        if covered.shape != grid.shape:
            raise ValueError(f"share has shape {covered.shape}; the grid has {grid.shape}")
        if not (covered.min() >= 0 and covered.max() <= 1):
            raise ValueError("share must lie in 0 to 1")
        if (detection is None) == (method is None):
            raise ValueError("give either a detection or one of the fit's methods")
        if detection is not None and not 0 < detection <= 1:
            raise ValueError(f"detection must lie in 0 to 1 and above 0; got {detection:g}")
        if method is not None and not 0 <= method < len(methods):
            raise ValueError(f"method {method} is none of the fit's; it has {len(methods)}")
        if stopped and len(places) != 1:
            raise ValueError(f"a search that stopped at its first find has one find; got {len(places)}")
        for place in places:
            self._check_place(place, covered)

    def add_find(self, row: int, col: int, *, count: int = 10) -> Estimate:
        """Take in one more find of ground whose search is already part of the estimate."""
        self._check_place((row, col), 1.0 - self.strands[0].ground.keep)
        self._each(lambda strand, _: strand.take_in((row, col)))
        self.finds = np.concatenate([self.finds, [(row, col)]])
        return self.estimate(count)

    def _check_place(self, place: tuple[int, int], detected: Array) -> None:
        rows, cols = self.posterior.grid.shape
        row, col = place
        if not (0 <= row < rows and 0 <= col < cols):
            raise ValueError(f"a find lies at row {row}, col {col}; the grid has {rows} × {cols} cells")
        if self.posterior.excluded[place] or not detected[place] > 0:
            raise ValueError(
                f"a find lies at row {row}, col {col}, which was not searched: give the search that found it"
            )

    # ---- what is known

    def estimate(self, count: int = 10) -> Estimate:
        """What is known now, with `count` next boxes."""
        weights = self.weights
        maps = self._each(lambda strand, n: [weights[n] * raster for raster in strand.maps()])
        expected, none, no_find = (sum(parts[1:], parts[0]) for parts in zip(*maps, strict=True))
        p_any = np.clip(1.0 - none, 0.0, 1.0)
        p_any[self.posterior.excluded] = 0.0
        p_find = np.clip(1.0 - no_find, 0.0, 1.0)
        regions = self._stated(expected)
        return Estimate(expected, p_any, p_find, regions, self._next(p_find, expected, count), self.stale)

    def _stated(self, expected: Array) -> dict[str, Stated]:
        if not self.regions:
            return {}
        weights = self.weights
        none = weights @ np.array([strand.none_in() for strand in self.strands])
        drawn = [strand.totals() for strand in self.strands]
        chance = np.concatenate([w * of for w, (of, _) in zip(weights, drawn, strict=True)])
        items = self.rng.poisson(np.maximum(np.concatenate([totals for _, totals in drawn]), 0.0))
        return {
            name: Stated(float((expected * mask).sum()), float(none[g]), _interval(items[:, g], chance))
            for g, (name, mask) in enumerate(self.regions.items())
        }

    def _next(self, p_find: Array, expected: Array, count: int) -> list[Next]:
        """Boxes of which less than half was searched, by the entropy of a find there, spread out."""
        side = self.side
        searched = np.maximum(self.taken, self.posterior.searched.structured > 0)
        free = (_sums(searched, side) < side**2 / 2) & (_sums(self.allowed, side) > side**2 / 2)
        p = np.clip(p_find, 1e-12, 1.0 - 1e-12)
        worth = np.where(free, -p * np.log(p) - (1.0 - p) * np.log1p(-p), 0.0)
        items = _sums(expected, side)
        out: list[Next] = []
        away = math.ceil(4 * SPREAD)
        for rank in range(1, count + 1):
            i, j = (int(k) for k in np.unravel_index(int(worth.argmax()), worth.shape))
            if not worth[i, j] > 0:
                break
            out.append(Next(rank, i * side, j * side, side, float(p_find[i, j]), float(items[i, j])))
            rows = slice(max(0, i - away), i + away + 1), slice(max(0, j - away), j + away + 1)
            squared = (np.arange(worth.shape[0])[rows[0]] - i)[:, None] ** 2
            squared = squared + (np.arange(worth.shape[1])[rows[1]] - j)[None, :] ** 2
            worth[rows] *= -np.expm1(-squared / (2.0 * SPREAD**2))
        return out

    @property
    def stale(self) -> str:
        """Why a refit is due, in words; empty if it is not."""
        added, fitted = len(self.finds) - len(self.posterior.finds), len(self.posterior.finds)
        least = min(strand.least_effective for strand in self.strands)
        if least < DEGENERATE:
            return (
                f"One step left only {100 * least:.1f} % of the draws with weight: what was found was "
                "not expected. Refit before relying on these figures."
            )
        shifted = self.shifted
        if shifted > SHIFTED:
            return (
                f"A number that the fit learned has shifted by {shifted:.1f} of its standard deviations, farther than a "
                "running estimate follows. Refit before relying on these figures."
            )
        moved = self.moved
        if moved < MOVED:
            return (
                f"What the fit learned agrees with the new data in only {100 * moved:.0f} % of its draws. Refit before "
                "relying on these figures."
            )
        if added > max(FEW, GROWN * fitted):
            return f"{added} finds were added to the {fitted} fitted. Refit when there is time."
        return ""

    @property
    def shifted(self) -> float:
        """By how many standard deviations of its fit the learned number has shifted that shifted most."""
        table, draws = self._figures, self.posterior.draws_taken.count
        if len(self.strands) == 1 or not table.size:
            return 0.0
        means = np.array([table[strand.ground.state.draws].mean(axis=0) for strand in self.strands])
        shares = np.array([len(strand.ground.state.draws) for strand in self.strands]) / draws
        shift = np.abs(self.weights @ means - shares / shares.sum() @ means)
        return float((shift / np.maximum(table.std(axis=0), 1e-9)).max())

    @property
    def moved(self) -> float:
        """Effective share of the states, times that of their draws of strikes per km² and background: 1 at first."""
        weights = self.weights
        of_draws = [strand.thrown.weights for strand in self.strands]
        every = [1.0 / (len(w) * float((w**2).sum())) for w in of_draws]
        return float(weights @ every / (len(weights) * (weights**2).sum()))

    def refit(self, *, seed: int = 1, **options: object) -> Running:
        """Fit all data anew and begin again from that; `options` go to `fit`."""
        return Running.begin(
            fit_again(self.posterior, self.steps, self.finds, seed=seed, **options),
            regions=self.regions,
            side_cells=self.side,
            detection=self.detection,
            particles=self.particles,
            allowed=self.allowed,
            seed=seed,
        )


def _interval(items: NDArray[np.int64], chance: Array) -> tuple[int, int]:
    """5 % and 95 % quantiles of weighted draws."""
    order = np.argsort(items, kind="stable")
    cumulative = np.cumsum(chance[order])
    at = np.searchsorted(cumulative / cumulative[-1], [0.05, 0.95])
    low, high = items[order[np.minimum(at, len(order) - 1)]]
    return int(low), int(high)


def _sums(raster: NDArray[np.generic], side: int) -> Array:
    """Sum a raster over boxes."""
    high, wide = raster.shape[0] // side, raster.shape[1] // side
    whole = raster[: high * side, : wide * side].reshape(high, side, wide, side)
    return np.asarray(whole.sum(axis=(1, 3)), dtype=np.float64)
