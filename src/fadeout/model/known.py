"""What remains of the strikes with finds, summed over kept draws: compiled loops over their footprints.

Reads   `Draws`, kernels, a raster of what search left
Gives   sums over cells, labels or regions, draw by draw
Knows   nothing of strikes without finds
Start   at `KnownStrikes`

Given a draw, a strike with n finds leaves Gamma(a + n, B) expected items of which the share r = Σ_x k(x) keep(x) still
lies in a region: mean r (a + n) / B, P(none) = (B / (B + r))^(a + n).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fadeout.model.chain import Draws
from fadeout.model.compiled import compiled
from fadeout.model.effort import Lattice

Array = NDArray[np.float64]
RENDERED = 60_000_000  # kernel cells that a picture over draws may touch: about a second


@compiled
def _shares(kernels: Any, footprint: Any, row: Any, col: Any, left: Any) -> Any:
    """Share of each strike that lies on a raster over centres."""
    reach = kernels.shape[1] // 2
    rows, cols = left.shape
    out = np.zeros(footprint.size)
    for s in range(footprint.size):
        total = 0.0
        for r in range(max(0, row[s] - reach), min(rows, row[s] + reach + 1)):
            for c in range(max(0, col[s] - reach), min(cols, col[s] + reach + 1)):
                if left[r, c] > 0:
                    total += left[r, c] * kernels[footprint[s], r - row[s] + reach, c - col[s] + reach]
        out[s] = total
    return out


@compiled
def _box_shares(
    kernels: Any, footprint: Any, row: Any, col: Any, draw: Any, box_row: Any, box_col: Any, extra: Any
) -> Any:
    """Share of each strike in the stopped boxes' cells; `extra` (draws, cells) is kept or masked per draw."""
    reach = kernels.shape[1] // 2
    out = np.zeros(footprint.size)
    for s in range(footprint.size):
        for x in range(box_row.size):
            dr, dc = box_row[x] - row[s], box_col[x] - col[s]
            if abs(dr) <= reach and abs(dc) <= reach:
                out[s] += extra[draw[s], x] * kernels[footprint[s], dr + reach, dc + reach]
    return out


@compiled
def _by_label(
    kernels: Any, footprint: Any, row: Any, col: Any, draw: Any, scale: Any, left: Any, labels: Any, out: Any
) -> None:
    """Add scale × kernel × left to out[draw, label]."""
    reach = kernels.shape[1] // 2
    rows, cols = left.shape
    for s in range(footprint.size):
        for r in range(max(0, row[s] - reach), min(rows, row[s] + reach + 1)):
            for c in range(max(0, col[s] - reach), min(cols, col[s] + reach + 1)):
                label = labels[r, c]
                if label >= 0:
                    k = kernels[footprint[s], r - row[s] + reach, c - col[s] + reach]
                    out[draw[s], label] += scale[s] * k * left[r, c]


@compiled
def _none_in_cells(
    kernels: Any,
    chosen: Any,
    first: Any,
    footprint: Any,
    row: Any,
    col: Any,
    rate: Any,
    power: Any,
    left: Any,
    side: int,
    out: Any,
) -> None:
    """Add over draws P(none) − 1 of each block of side × side cells; blocks tile the raster from (0, 0)."""
    reach = kernels.shape[1] // 2
    rows, cols = left.shape
    high, wide = out.shape
    log_none = np.zeros((high, wide))
    share = np.zeros((2 * reach // side + 2, 2 * reach // side + 2))
    for d in chosen:
        for s in range(first[d], first[d + 1]):
            r0, r1 = max(0, row[s] - reach), min(rows - 1, row[s] + reach)
            c0, c1 = max(0, col[s] - reach), min(cols - 1, col[s] + reach)
            top, leftmost = r0 // side, c0 // side
            share[:] = 0.0
            for r in range(r0, r1 + 1):
                for c in range(c0, c1 + 1):
                    k = kernels[footprint[s], r - row[s] + reach, c - col[s] + reach]
                    share[r // side - top, c // side - leftmost] += k * left[r, c]
            for t in range(top, min(high, r1 // side + 1)):
                for u in range(leftmost, min(wide, c1 // side + 1)):
                    v = share[t - top, u - leftmost]
                    if v > 0:
                        log_none[t, u] -= power[s] * math.log1p(v / rate[s])
        for s in range(first[d], first[d + 1]):
            r0, r1 = max(0, row[s] - reach), min(rows - 1, row[s] + reach)
            c0, c1 = max(0, col[s] - reach), min(cols - 1, col[s] + reach)
            for t in range(r0 // side, min(high, r1 // side + 1)):
                for u in range(c0 // side, min(wide, c1 // side + 1)):
                    if log_none[t, u] != 0.0:
                        out[t, u] += math.expm1(log_none[t, u])
                        log_none[t, u] = 0.0


class KnownStrikes:
    """The strikes with finds in every kept draw, on one grid.

    `keep` is the share that search left in each cell, over draws; in the cells of stopped boxes it differs from draw to
    draw and `draws.box_keep` says what it was.
    """

    def __init__(
        self, draws: Draws, lattice: Lattice, keep: Array, box_row: NDArray[Any], box_col: NDArray[Any]
    ):
        self.draws = draws
        self.kernels = lattice.kernels
        self.margin = lattice.margin
        self.keep = keep
        self.row, self.col = draws.row - lattice.margin, draws.col - lattice.margin
        self.box_row, self.box_col = (
            box_row.astype(np.int64) - lattice.margin,
            box_col.astype(np.int64) - lattice.margin,
        )
        self.draw = np.repeat(np.arange(draws.count), np.diff(draws.first))
        self.power = draws.shape + draws.finds
        self.mean = self.power / draws.rate

    def shares(self, mask: Array) -> Array:
        """Share of each strike that lies, undetected, on the weighted mask, shape (strikes of all draws,)."""
        left = mask * self.keep
        left[self.box_row, self.box_col] = 0.0
        out = _shares(self.kernels, self.draws.footprint, self.row, self.col, left)
        if self.box_row.size:
            extra = self.draws.box_keep * mask[self.box_row, self.box_col]
            if extra.any():
                out += _box_shares(
                    self.kernels,
                    self.draws.footprint,
                    self.row,
                    self.col,
                    self.draw,
                    self.box_row,
                    self.box_col,
                    extra,
                )
        return np.asarray(out)

    def over_draws(self, values: Array) -> Array:
        """Sum values per strike to values per draw."""
        return np.asarray(
            np.bincount(self.draw, weights=values, minlength=self.draws.count), dtype=np.float64
        )

    def log_none(self, mask: Array) -> Array:
        """Log P(none left on the weighted mask) of these strikes, per draw."""
        return self.over_draws(-self.power * np.log1p(self.shares(mask) / self.draws.rate))

    def by_label(self, labels: NDArray[Any], count: int) -> Array:
        """Expected remaining items per draw and label; cells labelled below 0 are left out."""
        out = np.zeros((self.draws.count, count))
        labels = np.asarray(labels, dtype=np.int64)
        left = self.keep.copy()
        left[self.box_row, self.box_col] = 0.0
        _by_label(
            self.kernels, self.draws.footprint, self.row, self.col, self.draw, self.mean, left, labels, out
        )  # fmt: skip
        for x, (r, c) in enumerate(zip(self.box_row, self.box_col, strict=True)):
            if labels[r, c] >= 0:
                out[:, labels[r, c]] += self._at_cell(r, c) * self.draws.box_keep[:, x]
        return out

    def _shares_of_cell(self, row: int, col: int) -> tuple[NDArray[np.int64], Array]:
        """The strikes in reach of one cell, and the share of each that falls in it."""
        reach = self.kernels.shape[1] // 2
        dr, dc = row - self.row, col - self.col
        near = np.flatnonzero((np.abs(dr) <= reach) & (np.abs(dc) <= reach))
        return near, self.kernels[self.draws.footprint[near], dr[near] + reach, dc[near] + reach]

    def _at_cell(self, row: int, col: int) -> Array:
        """Expected items, found or not by later search, of one cell per draw."""
        near, share = self._shares_of_cell(row, col)
        sums = np.bincount(self.draw[near], weights=share * self.mean[near], minlength=self.draws.count)
        return np.asarray(sums, dtype=np.float64)

    def _none_in_box_cell(self, x: int) -> float:
        """P(none) of one cell of a stopped box, where what search left differs from draw to draw."""
        near, share = self._shares_of_cell(self.box_row[x], self.box_col[x])
        left = share * self.draws.box_keep[self.draw[near], x]
        log_none = -self.power[near] * np.log1p(left / self.draws.rate[near])
        return float(
            np.exp(np.bincount(self.draw[near], weights=log_none, minlength=self.draws.count)).mean()
        )

    def expected(self, lattice: Lattice) -> Array:
        """Expected remaining items per cell, mean over draws."""
        draws = self.draws

        def weights(j: int) -> NDArray[np.float32]:
            image = np.zeros(lattice.shape)
            of = np.flatnonzero(draws.footprint == j)
            np.add.at(image, (draws.row[of], draws.col[of]), self.mean[of] / draws.count)
            return image.astype(np.float32)

        if not len(draws.row):
            return np.zeros(lattice.grid.shape)
        out = lattice.scatter(weights) * self.keep
        for x, (r, c) in enumerate(zip(self.box_row, self.box_col, strict=True)):
            out[r, c] = float((self._at_cell(r, c) * draws.box_keep[:, x]).mean())
        return out

    def p_none(self, side: int = 1, detection: float = 1.0) -> Array:
        """P(none) of each block of side × side cells; with `detection` below 1, P(a search of it finds none).

        Uses evenly spaced draws where all of them would take too long.
        """
        rows, cols = self.keep.shape
        out = np.zeros((rows // side, cols // side))
        draws = self.draws
        work = len(draws.row) * self.kernels[0].size
        step = max(1, math.ceil(work / RENDERED))
        chosen = np.arange(0, draws.count, step)
        _none_in_cells(
            self.kernels, chosen, draws.first, draws.footprint, self.row, self.col, draws.rate, self.power,
            self.keep * detection, side, out,
        )  # fmt: skip
        none = 1.0 + out / len(chosen)
        if side == 1 and detection == 1.0:
            for x, (r, c) in enumerate(zip(self.box_row, self.box_col, strict=True)):
                none[r, c] = self._none_in_box_cell(x)
        return none
