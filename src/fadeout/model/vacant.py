"""Strikes of which nothing was found, in one state of what is learned: power sums kept up to date in reach of a change.

Reads   a density over templates on a window of the lattice, exposures there, shape and rate of their items
Gives   `Vacant`: what they left in cells, boxes and regions; what search without a find says about them
Knows   nothing of strikes with finds, of draws, or of whether they are free strikes or one record
Start   at `Vacant.update`

With density ρ_j, U = ρ (b/B)^a and Gamma(a, B) items each. Power sums T_q(x) = Σ_j Σ_c U B^−q k^q(x − c) give their part
of every cell (`unseen.py` has the series), so that more search adds the transform of what changed in a window of two
reaches about it.
"""

from __future__ import annotations

import copy
import threading
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.polynomial import Chebyshev, Polynomial
from numpy.typing import NDArray
from scipy import fft as sfft

from fadeout.model.effort import Lattice
from fadeout.model.unseen import empty_share, series

Array = NDArray[np.float64]
Images = NDArray[np.float32]
FEWEST_SIZES = 32  # transforms are made at multiples of this, so that kernels' transforms serve again
SIZES_KEPT = 12  # sizes of transforms whose kernels' transforms are kept
DEGREES = (
    2,
    3,
)  # of the series by cell and by box where several states are summed: right to 2 % and 3.5 % of log P(none)


class Window(NamedTuple):
    """Centres of the lattice: first row and column, rows and columns."""

    top: int
    left: int
    high: int
    wide: int


class Change(NamedTuple):
    """Exposures before and after, on a window of the lattice with corner (top, left)."""

    top: int
    left: int
    before: Images
    after: Images


class Powers:
    """Powers of kernels, by cell and by box of side × side cells, and their transforms, which all states share."""

    def __init__(
        self, lattice: Lattice, side: int, detection: float, most: list[tuple[float, float]], few: bool
    ):
        """`most` lists shape and rate of the items of all kinds of strikes that will be summed; `few` asks for speed."""
        self.lattice, self.side, self.detection, self.few = lattice, side, detection, few
        block = _block_kernels(lattice.kernels, side)
        self.top_cells, self.top_boxes = float(lattice.kernels.max()), float(block.max()) * detection
        degrees = [self.coefficients(shape, rate) for shape, rate in most]
        self.cells, self.boxes = (max(len(degree[n]) for degree in degrees) for n in range(2))
        self._tables = [lattice.kernels ** (q + 1) for q in range(self.cells)]
        self._tables += [block ** (q + 1) for q in range(self.boxes)]
        self._spectra: dict[tuple[int, int], list[NDArray[np.complex64]]] = {}
        self._lock = threading.Lock()

    def coefficients(self, shape: float, rate: float) -> tuple[Array, Array]:
        """Coefficients of the series by cell and by box."""
        cells, boxes = self.top_cells / rate, self.top_boxes / rate
        if self.few:
            return _short(shape, cells, DEGREES[0]), _short(shape, boxes, DEGREES[1])
        return series(shape, cells), series(shape, boxes)

    def spectra(self, high: int, wide: int) -> tuple[tuple[int, int], list[NDArray[np.complex64]]]:
        """A size that holds a window of high × wide centres and its reach, and the kernels' transforms at it."""
        more = self._tables[-1].shape[1] - 1
        size = _size(high + more), _size(wide + more)
        with self._lock:
            if size not in self._spectra:
                while len(self._spectra) >= SIZES_KEPT:
                    self._spectra.pop(next(iter(self._spectra)))
                self._spectra[size] = [sfft.rfft2(t.astype(np.float32), s=size) for t in self._tables]
            return size, self._spectra[size]

    def forget(self) -> None:
        """Drop the transforms, which are large where whole maps were summed."""
        self._spectra.clear()


class Vacant:
    """Strikes without finds of one kind: free ones over the whole lattice, or one record over its places.

    `density` (J, rows, cols) or (J, 1, 1) over the window's centres; `exposure` (J, rows, cols) likewise.
    """

    def __init__(
        self, powers: Powers, window: Window, density: Array, shape: float, rate: float, exposure: Images
    ):
        self.powers, self.window, self.shape, self.rate = powers, window, shape, rate
        self.density = density.astype(np.float32)
        self.of_cells, self.of_boxes = powers.coefficients(shape, rate)
        lattice, side = powers.lattice, powers.side
        away, grid = lattice.reach + lattice.margin, lattice.grid
        inside = lattice.reach - lattice.margin
        self.row, self.col = max(0, window.top - away), max(0, window.left - away)
        r1 = min(grid.rows, window.top + window.high + inside)
        c1 = min(grid.cols, window.left + window.wide + inside)
        self.box_row, self.box_col = self.row // side, self.col // side
        t1, u1 = min(grid.rows // side, -(-r1 // side)), min(grid.cols // side, -(-c1 // side))
        self.sums = np.zeros((len(self.of_cells), max(r1 - self.row, 0), max(c1 - self.col, 0)))
        self.box_sums = np.zeros((len(self.of_boxes), max(t1 - self.box_row, 0), max(u1 - self.box_col, 0)))
        self.missed = np.zeros(0)
        self._add_powers(window.top, window.left, self.density, None, exposure)

    def copy(self) -> Vacant:
        """The same, apart from this one."""
        other = copy.copy(self)
        other.sums, other.box_sums, other.missed = self.sums.copy(), self.box_sums.copy(), self.missed.copy()
        return other

    @property
    def cells(self) -> tuple[slice, slice]:
        """The cells of the grid that these strikes reach."""
        high, wide = self.sums.shape[1:]
        return slice(self.row, self.row + high), slice(self.col, self.col + wide)

    @property
    def boxes(self) -> tuple[slice, slice]:
        """The boxes that they reach."""
        high, wide = self.box_sums.shape[1:]
        return slice(self.box_row, self.box_row + high), slice(self.box_col, self.box_col + wide)

    # ---- change

    def meets(self, change: Change) -> bool:
        """Whether any of these centres lies in a change's window."""
        w, (high, wide) = self.window, change.after.shape[1:]
        rows = change.top < w.top + w.high and w.top < change.top + high
        return rows and change.left < w.left + w.wide and w.left < change.left + wide

    def _cut(self, top: int, left: int, images: Images) -> tuple[int, int, Images, Images] | None:
        """What of some images over a window lies in this one: corner, images and density there."""
        w, (high, wide) = self.window, images.shape[1:]
        r0, r1 = max(top, w.top), min(top + high, w.top + w.high)
        c0, c1 = max(left, w.left), min(left + wide, w.left + w.wide)
        if r0 >= r1 or c0 >= c1:
            return None
        density = self.density
        if density.shape[1:] != (1, 1):
            density = density[:, r0 - w.top : r1 - w.top, c0 - w.left : c1 - w.left]
        return r0, c0, images[:, r0 - top : r1 - top, c0 - left : c1 - left], density

    def intensity(self, exposure: Images) -> Images:
        """U over the whole window, from exposures there."""
        return np.asarray(self.density * self._empty(exposure))

    def _empty(self, exposure: Images) -> Images:
        """(b/B)^a."""
        logs = np.log1p(exposure * np.float32(1.0 / self.rate))
        return np.asarray(np.exp(np.float32(-self.shape) * logs))

    def total(self, exposure: Images) -> float:
        """Σ U over the whole window, from exposures there."""
        return float(self.intensity(exposure).sum(dtype=np.float64))

    def lost(self, change: Change) -> float:
        """By how much Σ U falls with a change."""
        before = self._cut(change.top, change.left, change.before)
        after = self._cut(change.top, change.left, change.after)
        if before is None or after is None:
            return 0.0
        fall = self._empty(before[2]) - self._empty(after[2])
        return float((before[3] * fall).sum(dtype=np.float64))

    def update(self, change: Change) -> float:
        """Bring the power sums up to date; give by how much Σ U fell."""
        before = self._cut(change.top, change.left, change.before)
        after = self._cut(change.top, change.left, change.after)
        if before is None or after is None:
            return 0.0
        return self._add_powers(before[0], before[1], before[3], before[2], after[2])

    def missed_in(self, top: int, left: int, exposure: Images, shares: Sequence[Images]) -> Array:
        """Σ_j U_j [1 − (B/(B + r_j))^a] over the part of a window of templates that lies here, for each share r."""
        out = np.zeros(len(shares))
        cut = self._cut(top, left, exposure)
        parts = [self._cut(top, left, share) for share in shares]
        some = [g for g, part in enumerate(parts) if part is not None and part[2].any()]
        if cut is None or not some:
            return out
        density = cut[3] * self._empty(cut[2])
        over = np.float32(1.0) / (np.float32(self.rate) + cut[2])
        for g in some:
            part = parts[g]
            assert part is not None
            left_some = -np.expm1(np.float32(-self.shape) * np.log1p(np.maximum(part[2], 0.0) * over))
            out[g] = float((density * left_some).sum(dtype=np.float64))
        return out

    def first_item(self, row: int, col: int, change: Change) -> float:
        """Σ_j U_j (a/B) k_j(x): weight of a first item in a grid cell whose whole reach lies in a change's window."""
        reach, margin = self.powers.lattice.reach, self.powers.lattice.margin
        cut = self._cut(change.top, change.left, change.after)
        if cut is None:
            return 0.0
        top, left, exposure, density = cut
        r0, c0 = max(row + margin - reach, top), max(col + margin - reach, left)
        r1 = min(row + margin + reach + 1, top + exposure.shape[1])
        c1 = min(col + margin + reach + 1, left + exposure.shape[2])
        if r0 >= r1 or c0 >= c1:
            return 0.0
        part = slice(None), slice(r0 - top, r1 - top), slice(c0 - left, c1 - left)
        exposure = exposure[part]
        density = density if density.shape[1:] == (1, 1) else density[part]
        kernel = self.powers.lattice.kernels[:, ::-1, ::-1]  # by place of the centre
        r, c = r0 - row - margin + reach, c0 - col - margin + reach
        kernel = kernel[:, r : r + r1 - r0, c : c + c1 - c0]
        weight = density * self._empty(exposure) * self.shape / (self.rate + exposure)
        return float((weight * kernel).sum())

    def _powers(self, density: Images, exposure: Images, most: int) -> tuple[list[Images], float]:
        """U B^−q over a window, q = 1, 2, …, and Σ U."""
        rate = np.float32(1.0) / (np.float32(self.rate) + exposure)
        image = density * self._empty(exposure)
        total = float(image.sum(dtype=np.float64))
        out = []
        for _ in range(most):
            image = image * rate
            out.append(image)
        return out, total

    def _add_powers(
        self, top: int, left: int, density: Images, before: Images | None, after: Images
    ) -> float:
        """Add to the power sums what a change of exposures in a window adds; give by how much Σ U fell."""
        powers, reach, margin = self.powers, self.powers.lattice.reach, self.powers.lattice.margin
        cells, boxes = len(self.of_cells), len(self.of_boxes)
        images, total = self._powers(density, after, max(cells, boxes))
        fall = -total
        if before is not None:
            old, total = self._powers(density, before, max(cells, boxes))
            images, fall = [new - was for new, was in zip(images, old, strict=True)], fall + total
        high, wide = after.shape[1:]
        size, spectra = powers.spectra(high, wide)
        changed = [sfft.rfft2(image, s=size) for image in images]
        products = [np.einsum("jrc,jrc->rc", changed[q], spectra[q]) for q in range(cells)]
        products += [np.einsum("jrc,jrc->rc", changed[q], spectra[powers.cells + q]) for q in range(boxes)]
        found = sfft.irfft2(np.stack(products), s=size)
        row, col = top - reach - margin, left - reach - margin
        high, wide = high + 2 * reach, wide + 2 * reach
        rows, cols = self.sums.shape[1:]
        r0, r1 = max(row, self.row), min(row + high, self.row + rows)
        c0, c1 = max(col, self.col), min(col + wide, self.col + cols)
        if r1 > r0 and c1 > c0:
            into = slice(None), slice(r0 - self.row, r1 - self.row), slice(c0 - self.col, c1 - self.col)
            self.sums[into] += found[:cells, r0 - row : r1 - row, c0 - col : c1 - col]
        self._add_boxes(found[cells:], row, col, high, wide)
        return fall

    def _add_boxes(self, found: Images, row: int, col: int, high: int, wide: int) -> None:
        side = self.powers.side
        row, col = row - side + 1, col - side + 1
        rows, cols = self.box_sums.shape[1:]
        t0, u0 = max(-(-row // side), self.box_row), max(-(-col // side), self.box_col)
        t1 = min((row + high + side - 2) // side + 1, self.box_row + rows)
        u1 = min((col + wide + side - 2) // side + 1, self.box_col + cols)
        if t1 > t0 and u1 > u0:
            down = slice(t0 * side - row, (t1 - 1) * side - row + 1, side)
            over = slice(u0 * side - col, (u1 - 1) * side - col + 1, side)
            into = slice(t0 - self.box_row, t1 - self.box_row), slice(u0 - self.box_col, u1 - self.box_col)
            self.box_sums[(slice(None), *into)] += found[:, down, over]

    # ---- what they left

    def first_at(self, row: int, col: int) -> float:
        """Σ_j U_j (a/B) k_j(x) in a grid cell."""
        r, c = row - self.row, col - self.col
        if not (0 <= r < self.sums.shape[1] and 0 <= c < self.sums.shape[2]):
            return 0.0
        return float(self.shape * max(self.sums[0, r, c], 0.0))

    def mean(self, keep: Array, cells: tuple[slice, slice]) -> Array:
        """Expected remaining items in some cells of those reached, given what search left there."""
        sums = self.sums[0][self._own(cells, self.row, self.col)]
        return np.asarray(keep * self.shape * np.maximum(sums, 0.0))

    def left_in_cells(self, keep: Array, cells: tuple[slice, slice]) -> Array:
        """Σ U [1 − (B/(B + r))^a] in some cells."""
        return _polynomial(
            self.of_cells, keep, self.sums[(slice(None), *self._own(cells, self.row, self.col))]
        )

    def left_in_boxes(self, keep: Array, boxes: tuple[slice, slice]) -> Array:
        """The same in some boxes, with what a search of them would find of r; `keep` is that share."""
        own = self._own(boxes, self.box_row, self.box_col)
        return _polynomial(self.of_boxes, keep, self.box_sums[(slice(None), *own)])

    @staticmethod
    def _own(cells: tuple[slice, slice], row: int, col: int) -> tuple[slice, slice]:
        rows, cols = cells
        return slice(rows.start - row, rows.stop - row), slice(cols.start - col, cols.stop - col)


def _polynomial(coefficients: Array, keep: Array, sums: Array) -> Array:
    total = np.zeros(keep.shape)
    for coefficient, part in zip(coefficients[::-1], sums[::-1], strict=True):
        total = (total + coefficient * part) * keep
    return np.maximum(total, 0.0)


def _short(shape: float, top: float, degree: int) -> Array:
    """Coefficients as of `series`, but of a fixed degree."""
    top = max(top, 1e-6)

    def quotient(t: Array) -> Array:
        t = np.maximum(t, 1e-12)
        return empty_share(t, shape) / t

    fitted = Chebyshev.interpolate(quotient, degree, domain=[0.0, top]).convert(kind=Polynomial)
    return np.asarray(fitted.coef)


def _size(least: int) -> int:
    return int(sfft.next_fast_len(-(-least // FEWEST_SIZES) * FEWEST_SIZES, real=True))


def _block_kernels(kernels: Array, side: int) -> Array:
    """Share of a strike in a block of side × side cells, by the offset of the block's corner from its centre."""
    padded = np.pad(kernels, ((0, 0), (side - 1, side - 1), (side - 1, side - 1)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (side, side), axis=(1, 2))
    return np.ascontiguousarray(windows.sum(axis=(3, 4)))
