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

from fadeout.model.footprints import Footprint, extents, kernels, reach_cells
from fadeout.model.grid import Grid

WORKERS = 2  # threads of one transform


@dataclass(frozen=True, eq=False)
class StoppedBox:
    """A box whose search ended at its first find; the share of it covered until then is unknown.

    mask : ndarray of bool, shape (rows, cols), the cells of the box
    detection : probability that the search found an item in the part it covered
    find : index, in the finds given to `fit`, of the item at which it stopped
    method : index of its method where `Searches` are given; its detection then follows that of the method
    later : finds made in the box by later searches: what it covered of them, it missed
    """

    mask: NDArray[np.bool_]
    detection: float
    find: int
    method: int | None = None
    later: int = 0


@dataclass(frozen=True)
class Method:
    """A way of searching, and the chance that one pass of it detects an item lying there.

    `certainty` is α + β of the Beta prior of mean `detection`: as sure as after so many items laid out for it; None
    takes detection as known. `seeded` says how many of the items laid out for quality control were found: (19, 20).

    Examples
    --------
    >>> Method("detector", 0.75, certainty=8).beta
    (6.0, 2.0)
    """

    name: str
    detection: float
    certainty: float | None = None
    seeded: tuple[int, int] = (0, 0)

    def __post_init__(self) -> None:
        if not 0 < self.detection <= 1 or (self.certainty is not None and not self.detection < 1):
            raise ValueError(f"detection must lie between 0 and 1; {self.name} has {self.detection:g}")
        if self.certainty is not None and not self.certainty > 0:
            raise ValueError(f"certainty must be above 0, or None; {self.name} has {self.certainty:g}")
        if not 0 <= self.seeded[0] <= self.seeded[1]:
            raise ValueError(
                f"{self.name}: {self.seeded[0]} of {self.seeded[1]} laid-out items cannot be found"
            )

    @property
    def beta(self) -> tuple[float, float]:
        """α and β of its detection before any data."""
        assert self.certainty is not None
        return self.detection * self.certainty, (1.0 - self.detection) * self.certainty


@dataclass(frozen=True, eq=False)
class Coverage:
    """Ground that was searched in one way: the area share of each cell, and how often each method went over it."""

    share: NDArray[np.float64]  # (rows, cols)
    passes: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Searches:
    """All search by method, so that detection can be learned: P(x) = Σ share(x) · [1 − Π (1 − p_m)^passes].

    Where several passes meet, their combined detection is at most `most` (or that of the best single one, if larger):
    repeats are not quite independent, since what hides an item from one pass hides it from the next.

    found_by (n,) is the method that found each item (−1 where a stopped box or nobody known did); missed_by
    (n, methods) how often each method went over an item's place before it was found. `reports` is the method that
    stands for what residents report, if any: it is detection but no search.
    """

    methods: tuple[Method, ...]
    covered: tuple[Coverage, ...]
    found_by: NDArray[np.int64]
    missed_by: NDArray[np.int64] | NDArray[np.float64]
    reports: int | None = None
    most: float = 1.0

    @cached_property
    def passes(self) -> NDArray[np.int64]:
        """How often each method went over each coverage, shape (coverages, methods)."""
        return np.array([one.passes for one in self.covered], dtype=np.int64).reshape(-1, len(self.methods))

    @property
    def means(self) -> NDArray[np.float64]:
        """Detection of each method before any data, shape (methods,)."""
        return np.array([method.detection for method in self.methods])

    def strengths(self, detection: NDArray[np.float64]) -> NDArray[np.float64]:
        """Combined detection of each coverage, for detections of shape (…, methods); shape (…, coverages)."""
        p = np.asarray(detection, dtype=np.float64)[..., None, :]
        passes = self.passes
        together = 1.0 - ((1.0 - p) ** passes).prod(axis=-1)
        if self.most >= 1.0:
            return np.asarray(together)
        best = np.where(passes > 0, p, 0.0).max(axis=-1, initial=0.0)
        return np.asarray(
            np.where(passes.sum(axis=-1) > 1, np.maximum(best, np.minimum(together, self.most)), together)
        )

    def detected(self, *, reports: bool) -> NDArray[np.float64]:
        """P(x) at the detections believed before, with or without what residents report."""
        p = self.means
        if not reports and self.reports is not None:
            p[self.reports] = 0.0
        strengths = self.strengths(p)
        return np.asarray(sum(s * covered.share for s, covered in zip(strengths, self.covered, strict=True)))


@dataclass(frozen=True, eq=False)
class Effort:
    """All search effort on one grid, checked. `keep` is that of everything but the stopped boxes.

    Where detection is learned, `searches` has it by method, and all rasters here are at the detections believed before.
    """

    grid: Grid
    structured: NDArray[np.float64]
    reporting: NDArray[np.float64]
    excluded: NDArray[np.bool_]
    stopped: tuple[StoppedBox, ...]
    searches: Searches | None = None

    @cached_property
    def layers(self) -> list[NDArray[np.float64]]:
        """Rasters of which P(x) is the sum, each times its strength (1 where nothing is learned)."""
        if self.searches is None:
            return [self.detected]
        return [np.where(self.excluded, 0.0, covered.share) for covered in self.searches.covered]

    def strengths(self, detection: NDArray[np.float64]) -> NDArray[np.float64]:
        """Strength of each layer for detections of shape (…, methods)."""
        if self.searches is None:
            return np.ones((*np.shape(detection)[:-1], 1))
        return self.searches.strengths(detection)

    @property
    def methods(self) -> tuple[Method, ...]:
        """The methods whose detection may be learned."""
        return () if self.searches is None else self.searches.methods

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
    effort: ArrayLike | Searches,
    *,
    stopped: Sequence[StoppedBox] = (),
    reporting: ArrayLike | None = None,
    excluded: ArrayLike | None = None,
) -> Effort:
    """Check effort, reporting, stopped boxes and excluded ground against the grid; raise ValueError with the cell."""
    searches = None
    if isinstance(effort, Searches):
        searches = effort
        _check_searches(grid, searches, stopped)
        if reporting is not None:
            raise ValueError(
                "with Searches, give reports as one of the methods, not as a raster of reporting"
            )
        effort = searches.detected(reports=False)
        whole = searches.detected(reports=True)
        reporting = 1.0 - (1.0 - whole) / np.maximum(1.0 - effort, 1e-12)
        reporting = np.clip(reporting, 0.0, 1.0)
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
    return Effort(grid, structured, reported, mask, tuple(stopped), searches)


def _check_searches(grid: Grid, searches: Searches, stopped: Sequence[StoppedBox]) -> None:
    total = np.zeros(grid.shape)
    for number, covered in enumerate(searches.covered):
        total += _probabilities(grid, covered.share, f"coverage {number}: share")
        if len(covered.passes) != len(searches.methods):
            raise ValueError(
                f"coverage {number} has passes of {len(covered.passes)} methods, not {len(searches.methods)}"
            )
    if total.max(initial=0.0) > 1.0 + 1e-6:
        raise ValueError(
            f"the shares of all coverages of one cell sum to {total.max():g}; at most 1 can be covered"
        )
    for number, box in enumerate(stopped):
        if box.method is not None and not 0 <= box.method < len(searches.methods):
            raise ValueError(
                f"stopped box {number} names method {box.method}; there are {len(searches.methods)}"
            )


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
        self.extents = extents(self.kernels)
        # With a margin, circular wrap-around only touches centres or cells outside what is read; without, one reach more.
        extra = 0 if pad else self.reach
        self.fft_shape = tuple(
            int(sfft.next_fast_len(max(side + extra, 2 * self.reach + 1), real=True)) for side in self.shape
        )
        self._spectra: list[NDArray[np.float32]] | None = None

    def __len__(self) -> int:
        return len(self.footprints)

    @cached_property
    def log_kernels(self) -> NDArray[np.float32]:
        """Logarithms of the kernels, floored at −100."""
        with np.errstate(divide="ignore"):
            return np.maximum(np.log(self.kernels), -100.0).astype(np.float32)

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
        floor: bool = True,
    ) -> NDArray[np.float64]:
        """Give Σ_j Σ_c w_j(c) k_j(x − c) for each cell of the grid; `images(j)` gives w_j over centres.

        With `floor`, what rounding leaves below 0 is 0.
        """
        total: NDArray[np.complex64] | None = None
        for j, spectrum in enumerate(self.spectra):
            part = self.transform(images(j)) * spectrum
            total = part if total is None else np.add(total, part, out=total)
        assert total is not None
        sums = self.inverse(total)[self.inside].astype(np.float64)
        return np.maximum(sums, 0.0) if floor else sums
