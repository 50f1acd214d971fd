"""What remains of the strikes with finds, summed over kept draws: compiled loops over their footprints.

Reads   `Draws`, kernels, what search `Left`
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
from fadeout.model.keeping import Left

Array = NDArray[np.float64]
RENDERED = 60_000_000  # kernel cells that a picture over draws may touch: about a second


@compiled
def _shares(kernels: Any, extent: Any, footprint: Any, row: Any, col: Any, left: Any) -> Any:
    """Share of each strike that lies on a raster over centres."""
    reach = kernels.shape[1] // 2
    rows, cols = left.shape
    out = np.zeros(footprint.size)
    for s in range(footprint.size):
        total = 0.0
        high, wide = extent[footprint[s], 0], extent[footprint[s], 1]
        for r in range(max(0, row[s] - high), min(rows, row[s] + high + 1)):
            for c in range(max(0, col[s] - wide), min(cols, col[s] + wide + 1)):
                if left[r, c] > 0:
                    total += left[r, c] * kernels[footprint[s], r - row[s] + reach, c - col[s] + reach]
        out[s] = total
    return out


@compiled
def box_shares(
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
    kernels: Any,
    extent: Any,
    footprint: Any,
    row: Any,
    col: Any,
    draw: Any,
    scale: Any,
    parts: Any,
    factor: Any,
    labels: Any,
    out: Any,
) -> None:
    """Add scale × kernel × keep to out[draw, label]."""
    reach = kernels.shape[1] // 2
    count, rows, cols = parts.shape
    for s in range(footprint.size):
        high, wide = extent[footprint[s], 0], extent[footprint[s], 1]
        for r in range(max(0, row[s] - high), min(rows, row[s] + high + 1)):
            for c in range(max(0, col[s] - wide), min(cols, col[s] + wide + 1)):
                label = labels[r, c]
                if label >= 0:
                    k = kernels[footprint[s], r - row[s] + reach, c - col[s] + reach]
                    keep = 0.0
                    for p in range(count):
                        keep += factor[draw[s], p] * parts[p, r, c]
                    out[draw[s], label] += scale[s] * k * keep


@compiled
def _none_in_cells(
    kernels: Any,
    extent: Any,
    chosen: Any,
    first: Any,
    footprint: Any,
    row: Any,
    col: Any,
    rate: Any,
    power: Any,
    parts: Any,
    factor: Any,
    at_boxes: Any,
    box_at: Any,
    detection: float,
    side: int,
    out: Any,
) -> None:
    """Add over draws P(none) − 1 of each block of side × side cells; blocks tile the raster from (0, 0)."""
    reach = kernels.shape[1] // 2
    count, rows, cols = parts.shape
    high, wide = out.shape
    log_none = np.zeros((high, wide))
    share = np.zeros((2 * reach // side + 2, 2 * reach // side + 2))
    for d in chosen:
        for s in range(first[d], first[d + 1]):
            high_s, wide_s = extent[footprint[s], 0], extent[footprint[s], 1]
            r0, r1 = max(0, row[s] - high_s), min(rows - 1, row[s] + high_s)
            c0, c1 = max(0, col[s] - wide_s), min(cols - 1, col[s] + wide_s)
            top, leftmost = r0 // side, c0 // side
            share[:] = 0.0
            for r in range(r0, r1 + 1):
                for c in range(c0, c1 + 1):
                    k = kernels[footprint[s], r - row[s] + reach, c - col[s] + reach]
                    keep = 0.0
                    for p in range(count):
                        keep += factor[d, p] * parts[p, r, c]
                    if box_at[r, c] >= 0:
                        keep = at_boxes[d, box_at[r, c]]
                    share[r // side - top, c // side - leftmost] += k * detection * keep
            for t in range(top, min(high, r1 // side + 1)):
                for u in range(leftmost, min(wide, c1 // side + 1)):
                    v = share[t - top, u - leftmost]
                    if v > 0:
                        log_none[t, u] -= power[s] * math.log1p(v / rate[s])
        for s in range(first[d], first[d + 1]):
            high_s, wide_s = extent[footprint[s], 0], extent[footprint[s], 1]
            r0, r1 = max(0, row[s] - high_s), min(rows - 1, row[s] + high_s)
            c0, c1 = max(0, col[s] - wide_s), min(cols - 1, col[s] + wide_s)
            for t in range(r0 // side, min(high, r1 // side + 1)):
                for u in range(c0 // side, min(wide, c1 // side + 1)):
                    if log_none[t, u] != 0.0:
                        out[t, u] += math.expm1(log_none[t, u])
                        log_none[t, u] = 0.0


class KnownStrikes:
    """The strikes with finds in every kept draw, on one grid; `left` says what search left, draw by draw."""

    def __init__(self, draws: Draws, lattice: Lattice, left: Left):
        self.draws = draws
        self.left = left
        self.kernels, self.extents = lattice.kernels, lattice.extents
        self.margin = lattice.margin
        self.row, self.col = draws.row - lattice.margin, draws.col - lattice.margin
        self.draw = np.repeat(np.arange(draws.count), np.diff(draws.first))
        self.power = draws.shape + draws.finds
        self.mean = self.power / draws.rate

    def shares(self, mask: Array) -> Array:
        """Share of each strike that lies, undetected, on the weighted mask, shape (strikes of all draws,)."""
        left, footprint = self.left, self.draws.footprint
        out = np.zeros(len(footprint))
        for part, factor in zip(left.parts, left.factor.T, strict=True):
            out += factor[self.draw] * _shares(
                self.kernels, self.extents, footprint, self.row, self.col, mask * part
            )
        if left.row.size:
            extra = left.at_boxes * mask[left.row, left.col]
            if extra.any():
                out += box_shares(
                    self.kernels, footprint, self.row, self.col, self.draw, left.row, left.col, extra
                )
        return np.maximum(out, 0.0)

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
        left = self.left
        _by_label(
            self.kernels, self.extents, self.draws.footprint, self.row, self.col, self.draw, self.mean,
            left.parts, left.factor, labels, out,
        )  # fmt: skip
        for x, (r, c) in enumerate(zip(left.row, left.col, strict=True)):
            if labels[r, c] >= 0:
                out[:, labels[r, c]] += self._at_cell(r, c) * left.at_boxes[:, x]
        return out

    def _at_cell(self, row: int, col: int) -> Array:
        """Expected items, found or not by later search, of one cell per draw."""
        reach = self.kernels.shape[1] // 2
        dr, dc = row - self.row, col - self.col
        near = np.flatnonzero((np.abs(dr) <= reach) & (np.abs(dc) <= reach))
        share = self.kernels[self.draws.footprint[near], dr[near] + reach, dc[near] + reach]
        sums = np.bincount(self.draw[near], weights=share * self.mean[near], minlength=self.draws.count)
        return np.asarray(sums, dtype=np.float64)

    def expected(self, lattice: Lattice) -> Array:
        """Expected remaining items per cell, mean over draws."""
        draws, left = self.draws, self.left
        out = np.zeros(lattice.grid.shape)
        if not len(draws.row):
            return out
        for part, factor in zip(left.parts, left.factor.T, strict=True):
            weight = self.mean * factor[self.draw] / draws.count

            def weights(j: int, weight: Array = weight) -> NDArray[np.float32]:
                image = np.zeros(lattice.shape)
                of = np.flatnonzero(draws.footprint == j)
                np.add.at(image, (draws.row[of], draws.col[of]), weight[of])
                return image.astype(np.float32)

            out += lattice.scatter(weights, floor=False) * part
        for x, (r, c) in enumerate(zip(left.row, left.col, strict=True)):
            out[r, c] = float((self._at_cell(r, c) * left.at_boxes[:, x]).mean())
        return np.maximum(out, 0.0)

    def p_none(self, side: int = 1, detection: float = 1.0) -> Array:
        """P(none) of each block of side × side cells; with `detection` below 1, P(a search of it finds none).

        Uses evenly spaced draws where all of them would take too long.
        """
        left = self.left
        rows, cols = left.parts.shape[1:]
        out = np.zeros((rows // side, cols // side))
        draws = self.draws
        work = len(draws.row) * self.kernels[0].size
        step = max(1, math.ceil(work / RENDERED))
        chosen = np.arange(0, draws.count, step)
        box_at = np.full((rows, cols), -1)
        box_at[left.row, left.col] = np.arange(len(left.row))
        _none_in_cells(
            self.kernels, self.extents, chosen, draws.first, draws.footprint, self.row, self.col, draws.rate, self.power,
            left.parts, left.factor, left.at_boxes, box_at, detection, side, out,
        )  # fmt: skip
        return 1.0 + out / len(chosen)
