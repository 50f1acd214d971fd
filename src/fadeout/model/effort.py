"""Detection effort on the grid, and the lattice of templates that it exposes.

Reads   detection probabilities per cell, boxes stopped at their first find, a mask of excluded ground
Gives   `Effort` (checked, combined) and `Lattice`, which sums over footprints by fast Fourier transform
Knows   nothing of strikes' items, priors or draws
Start   at `Lattice.gather`; `fit` is its main caller

Symbols: P(x) effort, keep(x) = 1 − P(x), k_j(x) footprint, c a centre, e_j(c) = Σ_x k_j(x − c) P(x) exposure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import fft as sfft

from fadeout.model.footprints import Footprint, kernels, reach_cells
from fadeout.model.grid import Grid

WORKERS = 2  # threads of one transform


@dataclass(frozen=True, eq=False)
class StoppedBox:
    """A box whose search ended at its first find; the share of it covered until then is unknown.

    mask : ndarray of bool, shape (rows, cols), the cells of the box
    detection : probability that the search found an item in the part it covered
    find : index, in the finds given to `fit`, of the item at which it stopped
    """

    mask: NDArray[np.bool_]
    detection: float
    find: int


@dataclass(frozen=True, eq=False)
class Effort:
    """All search effort on one grid, checked. `keep` is that of everything but the stopped boxes."""

    grid: Grid
    structured: NDArray[np.float64]
    reporting: NDArray[np.float64]
    excluded: NDArray[np.bool_]
    stopped: tuple[StoppedBox, ...]

    @cached_property
    def keep(self) -> NDArray[np.float64]:
        """Probability that an item lying in a cell escaped all complete search and reporting; 0 in excluded ground."""
        keep = (1.0 - self.structured) * (1.0 - self.reporting)
        keep[self.excluded] = 0.0
        return keep

    @cached_property
    def detected(self) -> NDArray[np.float64]:
        """P(x) of everything but the stopped boxes; 0 in excluded ground, where nothing lies to be found."""
        detected = 1.0 - (1.0 - self.structured) * (1.0 - self.reporting)
        detected[self.excluded] = 0.0
        return detected

    @cached_property
    def box_cells(self) -> NDArray[np.bool_]:
        """Cells that lie in any stopped box."""
        cells = np.zeros(self.grid.shape, dtype=bool)
        for box in self.stopped:
            cells |= box.mask
        return cells & ~self.excluded


def check_effort(
    grid: Grid,
    effort: ArrayLike,
    *,
    stopped: Sequence[StoppedBox] = (),
    reporting: ArrayLike | None = None,
    excluded: ArrayLike | None = None,
) -> Effort:
    """Check effort, reporting, stopped boxes and excluded ground against the grid; raise ValueError with the cell."""
    structured = _probabilities(grid, effort, "effort")
    reported = np.zeros(grid.shape) if reporting is None else _probabilities(grid, reporting, "reporting")
    mask = np.zeros(grid.shape, dtype=bool) if excluded is None else np.asarray(excluded, dtype=bool)
    if mask.shape != grid.shape:
        raise ValueError(f"excluded has shape {mask.shape}; the grid has {grid.shape}")
    for number, box in enumerate(stopped):
        if np.shape(box.mask) != grid.shape:
            raise ValueError(
                f"stopped box {number}: mask has shape {np.shape(box.mask)}; the grid has {grid.shape}"
            )
        if not np.any(box.mask):
            raise ValueError(f"stopped box {number} covers no cell")
        if not 0 < box.detection <= 1:
            raise ValueError(
                f"stopped box {number}: detection must lie in 0 to 1 and above 0; got {box.detection:g}"
            )
    return Effort(grid, structured, reported, mask, tuple(stopped))


def _probabilities(grid: Grid, values: ArrayLike, name: str) -> NDArray[np.float64]:
    array = np.array(values, dtype=np.float64)
    if array.shape != grid.shape:
        raise ValueError(f"{name} has shape {array.shape}; the grid has {grid.shape}")
    bad = np.argwhere(~((array >= 0) & (array <= 1)))
    if len(bad):
        row, col = bad[0]
        raise ValueError(
            f"{name} must lie in 0 to 1; cell (row {row}, col {col}) has {array[row, col]:g} "
            f"({len(bad)} such cells). If these are percentages, divide by 100."
        )
    return array


class Lattice:
    """Centres × footprint shapes: every template a strike may have, and sums over them.

    The centres are the grid's cells and, when `pad`, those within one reach outside it. Cell (row, col) has its
    centre at lattice (row + margin, col + margin). Arrays over templates have shape (footprints, *lattice.shape).
    """

    def __init__(self, grid: Grid, footprints: Sequence[Footprint], pad: bool):
        self.grid = grid
        self.footprints = tuple(footprints)
        self.reach = reach_cells(footprints, grid.cell_m)
        self.margin = self.reach if pad else 0
        self.shape = (grid.rows + 2 * self.margin, grid.cols + 2 * self.margin)
        weights = np.array([footprint.weight for footprint in footprints], dtype=np.float64)
        self.weights = weights / weights.sum()
        self.kernels = kernels(footprints, grid.cell_m)
        # With a margin, circular wrap-around only touches centres or cells outside what is read; without, one reach more.
        extra = 0 if pad else self.reach
        self.fft_shape = tuple(
            int(sfft.next_fast_len(max(side + extra, 2 * self.reach + 1), real=True)) for side in self.shape
        )
        self._spectra: list[NDArray[np.float32]] | None = None

    def __len__(self) -> int:
        return len(self.footprints)

    @property
    def inside(self) -> tuple[slice, slice]:
        """Where the grid's cells lie in the lattice."""
        m = self.margin
        return slice(m, m + self.grid.rows), slice(m, m + self.grid.cols)

    def spectrum(self, kernel: NDArray[np.float64]) -> NDArray[np.float32]:
        """Real transform of a kernel that is the same seen from either side, centred at the origin."""
        side = 2 * self.reach + 1
        window = np.zeros(self.fft_shape, dtype=np.float32)
        window[:side, :side] = kernel
        window = np.roll(window, (-self.reach, -self.reach), axis=(0, 1))
        transformed: NDArray[np.float32] = np.ascontiguousarray(sfft.rfft2(window, workers=WORKERS).real)
        return transformed

    @property
    def spectra(self) -> list[NDArray[np.float32]]:
        """Transforms of all footprints' kernels."""
        if self._spectra is None:
            self._spectra = [self.spectrum(kernel) for kernel in self.kernels]
        return self._spectra

    def embed(self, raster: NDArray[np.float64]) -> NDArray[np.float32]:
        """Lay a raster of the grid's cells into an array over centres, 0 outside."""
        image = np.zeros(self.shape, dtype=np.float32)
        image[self.inside] = raster
        return image

    def transform(self, image: NDArray[np.float32]) -> NDArray[np.complex64]:
        """Transform an array over centres."""
        transformed: NDArray[np.complex64] = sfft.rfft2(image, s=self.fft_shape, workers=WORKERS)
        return transformed

    def inverse(self, transformed: NDArray[np.complex64]) -> NDArray[np.float32]:
        """Back to an array over centres."""
        image: NDArray[np.float32] = sfft.irfft2(transformed, s=self.fft_shape, workers=WORKERS)
        return image[: self.shape[0], : self.shape[1]]

    def gather(self, raster: NDArray[np.float64]) -> Iterator[NDArray[np.float32]]:
        """For each footprint, the share of a strike that falls on the raster: Σ_x k_j(x − c) raster(x)."""
        transformed = self.transform(self.embed(raster))
        for spectrum in self.spectra:
            yield np.maximum(self.inverse(transformed * spectrum), 0.0)

    def gather_all(self, raster: NDArray[np.float64]) -> NDArray[np.float32]:
        """All of `gather` in one array, shape (footprints, *lattice.shape)."""
        if not raster.any():
            return np.zeros((len(self), *self.shape), dtype=np.float32)
        out = np.empty((len(self), *self.shape), dtype=np.float32)
        for j, image in enumerate(self.gather(raster)):
            out[j] = image
        return out

    def scatter(
        self,
        images: Callable[[int], NDArray[np.float32]],
        spectra: Sequence[NDArray[np.float32]] | None = None,
    ) -> NDArray[np.float64]:
        """Give Σ_j Σ_c w_j(c) k_j(x − c) for each cell of the grid; `images(j)` gives w_j over centres."""
        total: NDArray[np.complex64] | None = None
        for j, spectrum in enumerate(self.spectra if spectra is None else spectra):
            part = self.transform(images(j)) * spectrum
            total = part if total is None else np.add(total, part, out=total)
        assert total is not None
        return np.maximum(self.inverse(total)[self.inside].astype(np.float64), 0.0)
