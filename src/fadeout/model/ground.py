"""The ground under a running estimate, in one state: what search left, exposures, and strikes of which nothing was found.

Reads   a `State`, regions, and `Powers` shared by all states
Gives   `Ground`, which takes more search in and brings up to date only what lies in reach of it
Knows   nothing of strikes with finds
Start   at `Ground.search`
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fadeout.model import exposing
from fadeout.model.effort import Lattice
from fadeout.model.prior import Prior, RecordedStrike
from fadeout.model.recording import Support
from fadeout.model.states import State, items_of_record
from fadeout.model.vacant import Change, Images, Powers, Vacant, Window

Array = NDArray[np.float64]
Ints = NDArray[np.int64]
Region = tuple[slice, slice]


@dataclass(frozen=True, eq=False)
class Sums:
    """What some strikes left: rasters over a window of the grid and of the boxes."""

    cells: Region
    boxes: Region
    mean: Array
    log_none: Array
    log_no_find: Array


def _extent(kernels: Array) -> Ints:
    """How far each kernel reaches down and across, but for the last 1e-6 of it, shape (J, 2)."""
    reach = kernels.shape[1] // 2
    out = np.empty((len(kernels), 2), dtype=np.int64)
    for j, kernel in enumerate(kernels):
        for axis in range(2):
            line = kernel.sum(axis=1 - axis)
            beyond = [float(line[: reach - n].sum() + line[reach + n + 1 :].sum()) for n in range(reach + 1)]
            out[j, axis] = next(n for n in range(reach + 1) if beyond[n] <= 1e-6)
    return out


class RecordHere:
    """A recorded strike in one state: its places, credibility, and w, the chance that nothing was found of it."""

    def __init__(
        self,
        record: RecordedStrike,
        support: Support,
        items: tuple[float, float],
        weights: Array,
        powers: Powers,
        exposure: Images,
    ):
        high, wide = support.log_place.shape
        self.window = Window(support.top, support.left, high, wide)
        self.support, self.recorded, self.credibility = support, record, record.credibility
        place = np.exp(support.log_place)[None] * weights[:, None, None]
        here = exposure[:, support.top : support.top + high, support.left : support.left + wide]
        self.vacant = Vacant(powers, self.window, place, *items, here)
        self.unseen = support.outside + self.vacant.total(here)

    def copy(self) -> RecordHere:
        """The same, apart from this one."""
        other = copy.copy(self)
        other.vacant = self.vacant.copy()
        return other

    def log_unfound(self, lost: float = 0.0) -> float:
        """Log P(nothing found of it), 1 − c + c w, once w has fallen by `lost`."""
        return float(np.log(1.0 - self.credibility + self.credibility * max(self.unseen - lost, 0.0)))

    @property
    def factor(self) -> float:
        """C / (1 − c + c w): turns sums over its density into P(it exists there | nothing found of it) sums."""
        c = self.credibility
        return c / (1.0 - c + c * self.unseen)


class Ground:
    """What search left, and what strikes without finds left there."""

    def __init__(
        self,
        state: State,
        lattice: Lattice,
        prior: Prior,
        supports: Sequence[Support],
        regions: Array,
        powers: Powers,
    ):
        self.lattice, self.side, self.detection = lattice, powers.side, powers.detection
        self.state, self.prior, self.shape, self.rate = state, prior, state.shape, state.rate
        self.powers, self.regions = powers, regions
        self.share = 1.0  # of the work on all states that may go into this one
        self.strikes = 1.0  # factor of the state's strikes per km²
        self.stray = state.stray
        self.keep, self.passed = state.keep.copy(), state.passed.copy()
        self.exposure: Images = state.exposure
        self.kernels: Images = np.ascontiguousarray(lattice.kernels, dtype=np.float32)
        self.extent = _extent(lattice.kernels)
        whole = Window(0, 0, *lattice.shape)
        self.free = Vacant(
            powers, whole, state.density[:, None, None], state.shape, state.rate, self.exposure
        )
        own = [items_of_record(record, state, prior) for record in prior.recorded]
        self.records = [
            RecordHere(record, support, items, state.weights, powers, self.exposure)
            for record, support, items in zip(prior.recorded, supports, own, strict=True)
        ]
        self.shapes = np.array(
            [shape for shape, _ in own] + [state.shape]
        )  # by record; the last is free strikes'
        self.rates = np.array([rate for _, rate in own] + [state.rate])
        self.left_in = (regions * self.keep).astype(np.float32)
        self.singles_in = (regions * self.keep).sum(
            axis=(1, 2)
        )  # Σ keep: items left there of one in each cell
        self.reached = [lattice.gather_all(mask * self.keep) for mask in regions]
        for vacant in self.vacants:
            vacant.missed = vacant.missed_in(0, 0, self.exposure, self.reached)
        grid, side = lattice.grid, self.side
        boxes = grid.rows // side, grid.cols // side
        self.found = np.zeros(boxes)  # share of what lies in each box that a search of it would find
        self.mean, self.none, self.no_find = np.zeros(grid.shape), np.zeros(grid.shape), np.zeros(boxes)
        self._cache((slice(0, grid.rows), slice(0, grid.cols)), (slice(0, boxes[0]), slice(0, boxes[1])))

    def copy(self) -> Ground:
        """The same, apart from this one."""
        other = copy.copy(self)
        for name in (
            "keep",
            "passed",
            "exposure",
            "left_in",
            "singles_in",
            "mean",
            "none",
            "no_find",
            "found",
        ):
            setattr(other, name, getattr(self, name).copy())
        other.reached = [share.copy() for share in self.reached]
        other.free = self.free.copy()
        other.records = [record.copy() for record in self.records]
        return other

    @property
    def vacants(self) -> list[Vacant]:
        """Free strikes, then each record."""
        return [self.free, *(record.vacant for record in self.records)]

    # ---- more search

    def preview(self, row: Ints, col: Ints, extra: Array) -> Change:
        """What exposures would be, were `extra` more of the items in some cells found."""
        lattice, margin, reach = self.lattice, self.lattice.margin, self.lattice.reach
        top, left = max(0, int(row.min()) + margin - reach), max(0, int(col.min()) + margin - reach)
        bottom = min(lattice.shape[0], int(row.max()) + margin + reach + 1)
        right = min(lattice.shape[1], int(col.max()) + margin + reach + 1)
        before = self.exposure[:, top:bottom, left:right].copy()
        after = before.copy()
        places = (row + margin - top).astype(np.int32), (col + margin - left).astype(np.int32)
        exposing.stamp_cells(self.kernels, self.lattice.extents, *places, extra, after)
        return Change(top, left, before, after)

    def search(self, row: Ints, col: Ints, extra: Array) -> tuple[Change, float, Array]:
        """Take in that `extra` more of the items in some cells would have been found: P(x) grows by it.

        Gives the change of exposures, by how much the expected number of free strikes without finds fell, and by how
        much log P(nothing found) of each record did.
        """
        change = self.preview(row, col, extra)
        top, left, before, after = change
        window = (
            slice(None), slice(top, top + before.shape[1]), slice(left, left + before.shape[2])
        )  # fmt: skip
        touched = [
            g for g, mask in enumerate(self.regions) if self.reached[g][window].any() or mask[row, col].any()
        ]
        vacants = [vacant for vacant in self.vacants if vacant.meets(change)]
        shares = [self.reached[g][window] for g in touched]  # views: they follow what is lowered
        for vacant in vacants:
            vacant.missed[touched] -= vacant.missed_in(top, left, before, shares)
        self.exposure[window] = after
        self._lower(row, col, extra, touched)
        for vacant in vacants:
            vacant.missed[touched] += vacant.missed_in(top, left, after, shares)
        lost = self.free.update(change)
        fell = np.zeros(len(self.records))
        for n, record in enumerate(self.records):
            if not record.vacant.meets(change):
                continue
            was = record.log_unfound()
            record.unseen -= record.vacant.update(change)
            fell[n] = record.log_unfound() - was
        self._cache(*self._around(row, col))
        return change, lost, fell

    def _lower(self, row: Ints, col: Ints, extra: Array, touched: Sequence[int]) -> None:
        """Lower what is left in some cells, and what regions hold of it."""
        before = self.keep[row, col]
        self.keep[row, col] = np.maximum(before - extra, 0.0)
        self.passed[row, col] *= self.keep[row, col] / np.maximum(before, 1e-300)
        margin = self.lattice.margin
        places = (row + margin).astype(np.int32), (col + margin).astype(np.int32)
        for g in touched:
            less = -extra * self.regions[g][row, col]
            if less.any():
                exposing.stamp_cells(self.kernels, self.lattice.extents, *places, less, self.reached[g])
                self.left_in[g, row, col] = self.regions[g][row, col] * self.keep[row, col]
                self.singles_in[g] += less.sum()

    def _around(self, row: Ints, col: Ints) -> tuple[Region, Region]:
        """Cells and boxes within two reaches of some cells."""
        grid, side, away = self.lattice.grid, self.side, 2 * self.lattice.reach
        r0, r1 = max(int(row.min()) - away, 0), min(int(row.max()) + away + 1, grid.rows)
        c0, c1 = max(int(col.min()) - away, 0), min(int(col.max()) + away + 1, grid.cols)
        boxes = (
            slice(r0 // side, min(-(-r1 // side), grid.rows // side)),
            slice(c0 // side, min(-(-c1 // side), grid.cols // side)),
        )
        return (slice(r0, r1), slice(c0, c1)), boxes

    def _cache(self, cells: Region, boxes: Region) -> None:
        """Sum anew what free strikes left in some cells and boxes, at the state's strikes per km²."""
        self.mean[cells] = self.free.mean(self.keep[cells], cells)
        self.none[cells] = self.free.left_in_cells(self.keep[cells], cells)
        self.found[boxes] = self._found_in(boxes)
        self.no_find[boxes] = self.free.left_in_boxes(self.found[boxes], boxes)

    def _found_in(self, boxes: Region) -> Array:
        """Share of what lies in a box that a search of it would find, for some boxes."""
        side = self.side
        rows, cols = (slice(of.start * side, of.stop * side) for of in boxes)
        part = self.keep[rows, cols]
        high, wide = part.shape[0] // side, part.shape[1] // side
        means = part.reshape(high, side, wide, side).mean(axis=(1, 3))
        return np.asarray(self.detection * means)

    # ---- what strikes without finds and single items left

    @property
    def expected(self) -> Array:
        """Expected remaining items per cell of free strikes and single ones."""
        return np.asarray(self.strikes * self.mean + self.stray * self.keep)

    @property
    def log_none(self) -> Array:
        """Log P(none left) per cell."""
        return np.asarray(-self.strikes * self.none - self.stray * self.keep)

    @property
    def log_no_find(self) -> Array:
        """Log P(a complete search finds nothing) per box."""
        return np.asarray(-self.strikes * self.no_find - self.stray * self.side**2 * self.found)

    def record_sums(self, n: int, chance: float) -> Sums:
        """What record n left, if nothing was found of it, which has this chance."""
        record, vacant = self.records[n], self.records[n].vacant
        cells, boxes, share = vacant.cells, vacant.boxes, chance * record.factor
        keep = self.keep[cells]
        return Sums(
            cells,
            boxes,
            share * vacant.mean(keep, cells),
            np.log1p(-np.minimum(share * vacant.left_in_cells(keep, cells), 1.0 - 1e-9)),
            np.log1p(-np.minimum(share * vacant.left_in_boxes(self.found[boxes], boxes), 1.0 - 1e-9)),
        )

    def record_sums_in(self, n: int) -> Array:
        """Log P(none left) by region of record n, where nothing was found of it."""
        record = self.records[n]
        return np.log1p(-np.minimum(record.factor * np.maximum(record.vacant.missed, 0.0), 1.0 - 1e-9))

    def weight_of_new(self, row: int, col: int) -> float:
        """M(x) + λ₀: rate of finds, per unit of detection, of free strikes without finds and single items in a cell."""
        return float(self.strikes * self.free.first_at(row, col) + self.stray)

    def weight_of_record(self, n: int, row: int, col: int) -> float:
        """The same of a record nothing was found of."""
        return self.records[n].factor * self.records[n].vacant.first_at(row, col)
