"""A running estimate: add a searched box or a find, and have new maps, next boxes and statement at once, without a refit.

Reads   a `Posterior`; then what was searched and found since
Gives   `Running`, and `Estimate` after each step; rasters have the grid's shape (rows, cols)
Knows   nothing of files, clocks or teams; no maps are drawn here
Start   at `Running.begin`, then `Running.add_box` and `Running.add_find`

The kept draws become weighted particles, group by group of finds (`groups.py`). Search without a find weighs them by
what their strikes would have shown, ∏ ((b + e)/(b + e'))^(a + n); a find by how well they foretold it. Where weights grow
uneven, particles are resampled and moved by the sampler's own moves. Strikes without finds, and all sums, are brought up
to date in reach of the change alone (`ground.py`).

A server holds one `Running` for each area: it begins it from the night's fit, calls `add_box` for each box that teams
report, shows the `Estimate` that comes back, and calls `refit` in the background when `stale` says why, or
each night. One `Running` is used by one thread at a time.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fadeout.model.fit import fit
from fadeout.model.ground import Ground
from fadeout.model.groups import HALF, Group, alone, groups_of, joined
from fadeout.model.posterior import Posterior

Array = NDArray[np.float64]
Ints = NDArray[np.int64]

PARTICLES = 1000
MATTERS = 1e-3  # a group whose strikes foretell less than this share of a find is not joined with it
DEGENERATE = 0.05  # effective share of particles below which one step was too much for them (assumed)
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
        self,
        posterior: Posterior,
        ground: Ground,
        names: list[str],
        groups: list[Group],
        rng: np.random.Generator,
    ):
        self.posterior, self.ground, self.names, self.groups, self.rng = posterior, ground, names, groups, rng
        self.finds = posterior.finds.copy()
        self.structured = posterior.searched.structured.copy()
        self.taken = np.zeros(posterior.grid.shape)  # share of each cell searched since
        self.least_effective = 1.0
        grid, side = posterior.grid, ground.side
        self._mean, self._log_none = np.zeros(grid.shape), np.zeros(grid.shape)
        self._log_no_find = np.zeros((grid.rows // side, grid.cols // side))
        self._pool = ThreadPoolExecutor(max(1, min(4, os.cpu_count() or 1)))
        for group in groups:
            self._enter(group)

    @classmethod
    def begin(
        cls,
        posterior: Posterior,
        *,
        regions: Mapping[str, ArrayLike] | None = None,
        side_cells: int = 2,
        detection: float = 0.8,
        particles: int = PARTICLES,
        seed: int = 3,
    ) -> Running:
        """Begin from a fit.

        Parameters
        ----------
        posterior : Posterior
            Of one fit with a known prior, without recorded strikes, stopped boxes and learned detection.
        regions : mapping of name to array, shape (rows, cols)
            Ground of which to state expected items and P(none left): bool, or area share of each cell.
        side_cells, detection : int, float
            Side of the boxes that may be searched next, and detection of one complete pass over them.
        particles : int
            Particles of each group of finds, taken evenly from the kept draws.
        seed : int
            Same posterior, same steps and same seed give the same estimates.

        Raises
        ------
        ValueError
            If the fit is of a kind that cannot be carried on yet, or a region has another shape than the grid.

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
        _check_kind(posterior)
        if side_cells < 1 or not 0 < detection <= 1 or particles < 10:
            raise ValueError(
                "side_cells must be at least 1, detection in 0 to 1 and above 0, particles at least 10; got "
                f"{side_cells}, {detection:g}, {particles}"
            )
        masks = {name: np.asarray(mask, dtype=np.float64) for name, mask in (regions or {}).items()}
        for name, mask in masks.items():
            if mask.shape != posterior.grid.shape:
                raise ValueError(f"region {name} has shape {mask.shape}; the grid has {posterior.grid.shape}")
        ground = Ground(posterior, list(masks.values()), side_cells, detection)
        rng = np.random.default_rng(seed)
        groups = groups_of(posterior.draws_taken, posterior.finds, ground, particles, rng)
        running = cls(posterior, ground, list(masks), groups, rng)
        running.particles = particles
        return running

    particles: int = PARTICLES

    # ---- steps

    def add_box(
        self, share: ArrayLike, detection: float, finds: Iterable[tuple[int, int]] = (), *, count: int = 10
    ) -> Estimate:
        """Take in ground that was searched completely, with its finds, if any.

        Parameters
        ----------
        share : array, shape (rows, cols)
            Cells searched: bool, or area share.
        detection : float
            Probability that this search detected an item lying there.
        finds : iterable of (row, col)
            Cell of each item found there.
        count : int
            Next boxes asked for.
        """
        covered = np.asarray(share, dtype=np.float64)
        if covered.shape != self.posterior.grid.shape:
            raise ValueError(f"share has shape {covered.shape}; the grid has {self.posterior.grid.shape}")
        if not (covered.min() >= 0 and covered.max() <= 1 and 0 < detection <= 1):
            raise ValueError("share must lie in 0 to 1 and detection in 0 to 1 and above 0")
        row, col = np.nonzero(covered)
        places = [(int(r), int(c)) for r, c in finds]
        for place in places:
            self._check_place(place, covered)
        if len(row):
            self._search(row, col, covered[row, col], detection)
        for place in places:
            self._take_in(place)
        return self.estimate(count)

    def add_find(self, row: int, col: int, *, count: int = 10) -> Estimate:
        """Take in one more find of ground whose search is already part of the estimate."""
        self._check_place((row, col), 1.0 - self.ground.keep)
        self._take_in((row, col))
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

    def _search(self, row: Ints, col: Ints, share: Array, detection: float) -> None:
        extra = detection * share * self.ground.keep[row, col]
        change = self.ground.search(row, col, extra)
        self.structured[row, col] = 1.0 - (1.0 - self.structured[row, col]) * (1.0 - detection * share)
        self.taken[row, col] = np.maximum(self.taken[row, col], share)
        cells = np.stack([row, col], axis=1)
        for group in self.groups:
            reach = 2 * self.ground.lattice.reach
            low, high = group.places.min(axis=0) - reach, group.places.max(axis=0) + reach
            if (cells.max(axis=0) < low).any() or (cells.min(axis=0) > high).any():
                continue
            if not group.reweigh(change):
                continue
            self.least_effective = min(self.least_effective, group.effective)
            if group.effective < HALF:
                group.refresh(self.rng, self._pool, cells)
            self._leave(group)
            self._enter(group)

    def _take_in(self, place: tuple[int, int]) -> None:
        new = self.ground.weight_of_new(*place)
        near = [group for group in self.groups if group.near(*place)]
        foretold = [float(group.weights @ group.known_at(*place)) for group in near]
        whole = new + sum(foretold)
        if not whole > 0:
            raise ValueError(
                f"the find at row {place[0]}, col {place[1]} cannot be explained: the prior has no strikes and no "
                "background in reach of it"
            )
        mine = [group for group, weight in zip(near, foretold, strict=True) if weight > MATTERS * whole]
        for group in mine:
            self.groups.remove(group)
            self._leave(group)
        group = joined(mine, self.rng) if mine else alone(self.particles, self.ground)
        group.take_in(place, self.rng, self._pool)
        self.least_effective = min(self.least_effective, group.effective)
        group.refresh(self.rng, self._pool, np.array([place]))
        self.groups.append(group)
        self.finds = np.concatenate([self.finds, [place]])
        self._enter(group)

    def _enter(self, group: Group) -> None:
        """Sum up a group and add it to the maps."""
        sums = group.add_up(self._pool, self.rng)
        self._mean[sums.cells] += sums.mean
        self._log_none[sums.cells] += sums.log_none
        self._log_no_find[sums.boxes] += sums.log_no_find

    def _leave(self, group: Group) -> None:
        sums = group.sums
        assert sums is not None
        self._mean[sums.cells] -= sums.mean
        self._log_none[sums.cells] -= sums.log_none
        self._log_no_find[sums.boxes] -= sums.log_no_find

    # ---- what is known

    def estimate(self, count: int = 10) -> Estimate:
        """What is known now, with `count` next boxes."""
        ground = self.ground
        expected = np.maximum(self._mean, 0.0) + ground.expected
        p_any = np.clip(-np.expm1(self._log_none + ground.log_none), 0.0, 1.0)
        p_any[self.posterior.excluded] = 0.0
        p_find = np.clip(-np.expm1(self._log_no_find + ground.log_no_find), 0.0, 1.0)
        log_none = ground.log_none_in + sum(
            (group.sums.log_none_in for group in self.groups if group.sums is not None),
            np.zeros(len(self.names)),
        )
        regions = {
            name: Stated(float((expected * mask).sum()), float(np.exp(log)))
            for name, mask, log in zip(self.names, ground.regions, log_none, strict=True)
        }
        return Estimate(expected, p_any, p_find, regions, self._next(p_find, expected, count), self.stale)

    def _next(self, p_find: Array, expected: Array, count: int) -> list[Next]:
        """Boxes of which less than half was searched, by the entropy of a find there, spread out."""
        side = self.ground.side
        searched = np.maximum(self.taken, self.posterior.searched.structured > 0)
        free = (_sums(searched, side) < side**2 / 2) & (_sums(self.posterior.excluded, side) < side**2 / 2)
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
        if self.least_effective < DEGENERATE:
            return (
                f"One step left only {100 * self.least_effective:.1f} % of the draws with weight: what was found was "
                "not expected. Refit before relying on these figures."
            )
        if added > max(FEW, GROWN * fitted):
            return f"{added} finds were added to the {fitted} fitted. Refit when there is time."
        return ""

    def refit(self, *, seed: int = 1, **options: object) -> Running:
        """Fit all data anew and begin again from that; `options` go to `fit`."""
        searched = self.posterior.searched
        fitted = fit(
            self.posterior.grid, self.structured, self.finds, self.posterior.prior,
            reporting=searched.reporting, excluded=searched.excluded,
            pad=self.posterior.lattice.margin > 0, seed=seed, **options,  # type: ignore[arg-type]
        )  # fmt: skip
        return Running.begin(
            fitted,
            regions=dict(zip(self.names, self.ground.regions, strict=True)),
            side_cells=self.ground.side,
            detection=self.ground.detection,
            particles=self.particles,
            seed=seed,
        )


def _sums(raster: NDArray[np.generic], side: int) -> Array:
    """Sum a raster over boxes."""
    high, wide = raster.shape[0] // side, raster.shape[1] // side
    whole = raster[: high * side, : wide * side].reshape(high, side, wide, side)
    return np.asarray(whole.sum(axis=(1, 3)), dtype=np.float64)


def _check_kind(posterior: Posterior) -> None:
    """Refuse fits that cannot be carried on yet."""
    reasons = {
        "recorded strikes": bool(posterior.prior.recorded),
        "boxes stopped at their first find": bool(posterior.searched.stopped),
        "a prior that the data move": posterior.prior.learned.any,
        "detection by method": posterior.searched.searches is not None,
    }
    found = [name for name, there in reasons.items() if there]
    if found:
        raise ValueError(
            f"a fit with {' and '.join(found)} cannot be carried on step by step: refit it instead"
        )
