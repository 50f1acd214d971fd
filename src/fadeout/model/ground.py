"""The ground under a running estimate: what search left, exposures, and strikes of which nothing was found.

Reads   a `Posterior` whose prior is known, regions, the side of the boxes that may be searched next
Gives   `Ground`, which takes more search in and brings up to date only what lies in reach of it
Knows   nothing of strikes with finds
Start   at `Ground.search`

Free strikes without finds have intensity U = ρ (b/B)^a and Gamma(a, B) items. Power sums
T_q(x) = Σ_j Σ_c U B^−q k^q(x − c) give their part of every cell (`unseen.py` has the series), so that more search adds
the transform of what changed in a window of two reaches about it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import fft as sfft

from fadeout.model import exposing
from fadeout.model.posterior import Posterior
from fadeout.model.unseen import series

Array = NDArray[np.float64]
Ints = NDArray[np.int64]
Images = NDArray[np.float32]
FEWEST_SIZES = 64  # transforms are made at multiples of this, so that kernels' transforms serve again
SIZES_KEPT = 3  # sizes of transforms whose kernels' transforms are kept


class Change(NamedTuple):
    """Exposures before and after, on a window of the lattice with corner (top, left)."""

    top: int
    left: int
    before: Images
    after: Images


class Ground:
    """What search left, and what strikes without finds left there."""

    def __init__(self, posterior: Posterior, regions: Sequence[Array], side: int, detection: float):
        prior, lattice = posterior.prior, posterior.lattice
        self.lattice, self.side, self.detection = lattice, side, detection
        self.shape, self.rate = prior.items_shape, prior.items_rate
        self.density = prior.strikes_per_km2 * lattice.grid.cell_km2 * lattice.weights  # ρ_j per centre
        self.stray = prior.background_per_km2 * lattice.grid.cell_km2
        self.keep = posterior.keep.copy()
        self.exposure: Images = posterior.tables.bases[0].copy()
        self.kernels: Images = np.ascontiguousarray(lattice.kernels, dtype=np.float32)
        block = _block_kernels(lattice.kernels, side)
        self.of_cells = series(self.shape, float(lattice.kernels.max()) / self.rate)
        self.of_boxes = series(self.shape, float(block.max()) * detection / self.rate)
        self._tables = [lattice.kernels ** (q + 1) for q in range(len(self.of_cells))]
        self._tables += [block ** (q + 1) for q in range(len(self.of_boxes))]
        self._spectra: dict[tuple[int, int], list[NDArray[np.complex64]]] = {}
        rows, cols = lattice.grid.shape
        self.sums = np.zeros((len(self.of_cells), rows, cols))
        self.box_sums = np.zeros((len(self.of_boxes), rows // side, cols // side))
        self._add_powers(0, 0, None, self.exposure)
        self._spectra.clear()
        self.regions = np.array(regions, dtype=np.float64).reshape(-1, rows, cols)
        self.left_in = (self.regions * self.keep).astype(np.float32)
        self.reached = [lattice.gather_all(mask * self.keep) for mask in self.regions]
        self.missed = np.array([self._missed(self.exposure, share) for share in self.reached])

    # ---- more search

    def search(self, row: Ints, col: Ints, extra: Array) -> Change:
        """Take in that `extra` more of the items in some cells would have been found: P(x) grows by it."""
        lattice, margin, reach = self.lattice, self.lattice.margin, self.lattice.reach
        top, left = max(0, int(row.min()) + margin - reach), max(0, int(col.min()) + margin - reach)
        bottom = min(lattice.shape[0], int(row.max()) + margin + reach + 1)
        right = min(lattice.shape[1], int(col.max()) + margin + reach + 1)
        window = slice(None), slice(top, bottom), slice(left, right)
        before = self.exposure[window].copy()
        places = (row + margin).astype(np.int32), (col + margin).astype(np.int32)
        touched = [
            g for g, mask in enumerate(self.regions) if self.reached[g][window].any() or mask[row, col].any()
        ]
        for g in touched:
            self.missed[g] -= self._missed(before, self.reached[g][window])
        exposing.stamp_cells(self.kernels, *places, extra, self.exposure)
        after = self.exposure[window].copy()
        self.keep[row, col] = np.maximum(self.keep[row, col] - extra, 0.0)
        for g in touched:
            less = -extra * self.regions[g][row, col]
            if less.any():
                exposing.stamp_cells(self.kernels, *places, less, self.reached[g])
                self.left_in[g, row, col] = self.regions[g][row, col] * self.keep[row, col]
            self.missed[g] += self._missed(after, self.reached[g][window])
        self._add_powers(top, left, before, after)
        return Change(top, left, before, after)

    def _missed(self, exposure: Images, share: Images) -> float:
        """Σ_j U_j [1 − (B/(B + r_j))^a] over a window of templates."""
        rate = np.float32(self.rate) + exposure
        empty = np.exp(np.float32(-self.shape) * np.log(rate / np.float32(self.rate)))
        some = -np.expm1(np.float32(-self.shape) * np.log1p(np.maximum(share, 0.0) / rate))
        return float(self.density @ (empty * some).sum(axis=(1, 2), dtype=np.float64))

    def _powers(self, exposure: Images, most: int) -> list[Images]:
        """U B^−q over a window, q = 1, 2, …"""
        rate = np.float32(self.rate) + exposure
        empty = np.exp(np.float32(-self.shape) * np.log(rate / np.float32(self.rate)))
        image = self.density.astype(np.float32)[:, None, None] * empty
        out = []
        for _ in range(most):
            image = image / rate
            out.append(image)
        return out

    def _add_powers(self, top: int, left: int, before: Images | None, after: Images) -> None:
        """Add to the power sums what a change of exposures in a window adds."""
        lattice, cells, boxes = self.lattice, len(self.of_cells), len(self.of_boxes)
        most = max(cells, boxes)
        images = self._powers(after, most)
        if before is not None:
            images = [new - old for new, old in zip(images, self._powers(before, most), strict=True)]
        wide = self._tables[-1].shape[1]
        size = tuple(_size(n + wide - 1) for n in after.shape[1:])
        spectra = self._spectra_of((size[0], size[1]))
        changed = [sfft.rfft2(image, s=size, workers=2) for image in images]
        products = [np.einsum("jrc,jrc->rc", changed[q], spectra[q]) for q in range(cells)]
        products += [np.einsum("jrc,jrc->rc", changed[q], spectra[cells + q]) for q in range(boxes)]
        found = sfft.irfft2(np.stack(products), s=size, workers=2)
        row, col = top - lattice.reach - lattice.margin, left - lattice.reach - lattice.margin
        high, across = after.shape[1] + 2 * lattice.reach, after.shape[2] + 2 * lattice.reach
        grid = lattice.grid
        r0, r1, c0, c1 = max(row, 0), min(row + high, grid.rows), max(col, 0), min(col + across, grid.cols)
        self.sums[:, r0:r1, c0:c1] += found[:cells, r0 - row : r1 - row, c0 - col : c1 - col]
        side = self.side
        row, col = row - side + 1, col - side + 1
        t0, u0 = max(-(-row // side), 0), max(-(-col // side), 0)
        t1 = min((row + high + side - 2) // side + 1, self.box_sums.shape[1])
        u1 = min((col + across + side - 2) // side + 1, self.box_sums.shape[2])
        if t1 > t0 and u1 > u0:
            down = slice(t0 * side - row, (t1 - 1) * side - row + 1, side)
            over = slice(u0 * side - col, (u1 - 1) * side - col + 1, side)
            self.box_sums[:, t0:t1, u0:u1] += found[cells:, down, over]

    def _spectra_of(self, size: tuple[int, int]) -> list[NDArray[np.complex64]]:
        if size not in self._spectra:
            while len(self._spectra) >= SIZES_KEPT:
                self._spectra.pop(next(iter(self._spectra)))
            self._spectra[size] = [
                sfft.rfft2(table.astype(np.float32), s=size, workers=2) for table in self._tables
            ]
        return self._spectra[size]

    # ---- what strikes without finds and single items left

    @property
    def expected(self) -> Array:
        """Expected remaining items per cell."""
        return np.asarray(self.keep * (self.shape * np.maximum(self.sums[0], 0.0) + self.stray))

    @property
    def log_none(self) -> Array:
        """Log P(none left) per cell."""
        whole = np.maximum(_polynomial(self.of_cells, self.keep, self.sums), 0.0)
        return np.asarray(-whole - self.stray * self.keep)

    @property
    def log_no_find(self) -> Array:
        """Log P(a complete search finds nothing) per box."""
        high, wide = self.box_sums.shape[1:]
        blocks = self.keep[: high * self.side, : wide * self.side].reshape(high, self.side, wide, self.side)
        keep = self.detection * blocks.mean(axis=(1, 3))
        whole = np.maximum(_polynomial(self.of_boxes, keep, self.box_sums), 0.0)
        return np.asarray(-whole - self.stray * self.side**2 * keep)

    @property
    def log_none_in(self) -> Array:
        """Log P(none left) per region."""
        singles = self.stray * self.left_in.sum(axis=(1, 2), dtype=np.float64)
        return np.asarray(-self.missed - singles)

    def weight_of_new(self, row: int, col: int) -> float:
        """M(x) + λ₀: rate of finds, per unit of detection, of strikes without finds and single items in a grid cell."""
        return float(self.shape * max(self.sums[0, row, col], 0.0) + self.stray)


def _polynomial(coefficients: Array, keep: Array, sums: Array) -> Array:
    total = np.zeros(keep.shape)
    for coefficient, part in zip(coefficients[::-1], sums[::-1], strict=True):
        total = (total + coefficient * part) * keep
    return total


def _size(least: int) -> int:
    return int(sfft.next_fast_len(-(-least // FEWEST_SIZES) * FEWEST_SIZES, real=True))


def _block_kernels(kernels: Array, side: int) -> Array:
    """Share of a strike in a block of side × side cells, by the offset of the block's corner from its centre."""
    padded = np.pad(kernels, ((0, 0), (side - 1, side - 1), (side - 1, side - 1)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (side, side), axis=(1, 2))
    return np.ascontiguousarray(windows.sum(axis=(3, 4)))
