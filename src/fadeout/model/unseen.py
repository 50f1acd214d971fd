"""What remains of the strikes of which nothing was found: closed form, no sampling.

Reads   `Tables` and, with stopped boxes, the chains' running means
Gives   expected items, P(none) per cell, per box and per region, draws of totals
Knows   nothing of strikes with finds
Start   at `UnseenStrikes` (free strikes) and `UnseenRecords` (recorded strikes)

Free strikes without finds are a Poisson process over templates with intensity U_j = ρ_j (b/B)^a and Gamma(a, B)
expected items each, B = b + e. Their part of P(none in A) is exp(−Σ_j U_j [1 − (B/(B + r_j))^a]), r_j = Σ_A k_j keep.

Over many cells at once the bracket is a polynomial in r/B, so that each power is one sum over footprints by Fourier
transform; its relative error is below `SERIES_ERROR` by the choice of degree.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np
from numpy.polynomial import Chebyshev, Polynomial
from numpy.typing import NDArray

from fadeout.model.chain import Draws
from fadeout.model.compiled import compiled
from fadeout.model.effort import Lattice
from fadeout.model.tables import Tables

Array = NDArray[np.float64]
Image = NDArray[np.float32]

SERIES_ERROR = 5e-3
SERIES_MOST = 9


def empty_share(ratio: Array, shape: float) -> Array:
    """1 − (1 + t)^−a: the probability that a strike of Gamma(a, B) expected items left something where r = t B."""
    return -np.expm1(-shape * np.log1p(ratio))


def series(shape: float, top: float) -> Array:
    """Coefficients d_q of 1 − (1 + t)^−a ≈ Σ_q d_q t^q, q = 1, 2, …, for 0 ≤ t ≤ top.

    The quotient by t has its only singularity at t = −1, so Chebyshev interpolation on (0, top) converges like ρ^−n with
    ρ = z + √(z² − 1), z = 1 + 2/top (Trefethen 2013, theorem 8.2).

    Examples
    --------
    >>> d = series(1.0, 2.0)
    >>> t = np.linspace(0.01, 2, 5)
    >>> bool(np.all(abs(sum(c * t ** (q + 1) for q, c in enumerate(d)) / (t / (1 + t)) - 1) < 0.01))
    True
    """
    top = max(top, 1e-6)
    z = 1.0 + 2.0 / top
    rho = z + math.sqrt(z * z - 1.0)
    degree = int(np.clip(math.ceil(-math.log(SERIES_ERROR) / math.log(rho)), 1, SERIES_MOST))

    def quotient(t: Array) -> Array:
        t = np.maximum(t, 1e-12)
        return empty_share(t, shape) / t

    fitted = Chebyshev.interpolate(quotient, degree, domain=[0.0, top]).convert(kind=Polynomial)
    return np.asarray(fitted.coef)


@compiled
def _missed(density: Any, rate: Any, share: Any, shape: float) -> float:
    """Σ U [1 − (B/(B + r))^a] over the templates of one footprint."""
    total = 0.0
    for r in range(density.shape[0]):
        for c in range(density.shape[1]):
            if share[r, c] > 0:
                t = share[r, c] / rate[r, c]
                part = t / (1.0 + t) if shape == 1.0 else -math.expm1(-shape * math.log1p(t))
                total += density[r, c] * part
    return total


class UnseenStrikes:
    """Free strikes of which nothing was found."""

    def __init__(self, tables: Tables, draws: Draws, lattice: Lattice, keep: Array):
        self.tables, self.draws, self.lattice, self.keep = tables, draws, lattice, keep
        self.shape, self.base = tables.field.shape, tables.field.rate

    def density(self, j: int) -> Image:
        """U_j over centres."""
        if self.draws.density is not None:
            return np.asarray(self.draws.density[j])
        field = self.tables.field
        scale = field.log_density[j] + self.shape * math.log(self.base)
        image: Image = np.exp(np.float32(scale) - np.float32(self.shape) * field.log_rate[j])
        return image

    def rate(self, j: int) -> Image:
        """B over centres; with stopped boxes the rate that keeps the mean of the expected items."""
        if self.draws.density is not None and self.draws.weight is not None:
            weight = np.maximum(self.draws.weight[j], np.float32(1e-30))
            return np.asarray(np.float32(self.shape) * self.draws.density[j] / weight)
        return np.asarray(self.tables.field.exposure[j] + np.float32(self.base))

    def weight(self, j: int) -> Image:
        """U_j a / B: the intensity of their expected items over centres."""
        return np.asarray(self.density(j) * np.float32(self.shape) / self.rate(j))

    def log_none_in(self, mask: Array) -> float:
        """Log P(none of these strikes' items is left on the weighted mask)."""
        shares = self.lattice.gather(mask * self.keep)
        return -sum(
            _missed(self.density(j), self.rate(j), share, self.shape) for j, share in enumerate(shares)
        )

    def log_none(self, side: int = 1, detection: float = 1.0) -> Array:
        """Log P(none) of each block of side × side cells, shape (rows // side, cols // side)."""
        lattice = self.lattice
        kernels = _block_kernels(lattice.kernels, side)
        keep = _block_means(self.keep, side) * detection
        top = float(kernels.max()) * float(keep.max(initial=0.0)) / self.base
        total = np.zeros(keep.shape)
        for q, coefficient in enumerate(series(self.shape, top), start=1):
            sums = self._power_sums(kernels, q, side)
            total += coefficient * keep**q * sums
        return -np.maximum(total, 0.0)

    def _power_sums(self, kernels: Array, q: int, side: int) -> Array:
        """Σ_j Σ_c U_j(c) B_j(c)^−q K_j(x − c)^q for the blocks' corners x, K the share of a block."""
        lattice = self.lattice
        total: NDArray[np.complex64] | None = None
        for j in range(len(lattice)):
            image = self.density(j) * self.rate(j) ** np.float32(-q)
            part = lattice.transform(image) * _offset_spectrum(lattice, kernels[j] ** q, side)
            total = part if total is None else np.add(total, part, out=total)
        assert total is not None
        inside = lattice.inverse(total)[lattice.inside]
        high, wide = lattice.grid.rows // side, lattice.grid.cols // side
        return inside[: high * side : side, : wide * side : side].astype(np.float64)

    def draw_totals(self, mask: Array, count: int, rng: np.random.Generator) -> NDArray[np.int64]:
        """Draw the items that such strikes left, undetected, on the weighted mask."""
        totals = np.zeros(count, dtype=np.int64)
        for j, share in enumerate(self.lattice.gather(mask * self.keep)):
            reached = np.flatnonzero(share.ravel() > 1e-9)
            intensity = self.density(j).ravel()[reached].astype(np.float64)
            if not intensity.sum() > 0:
                continue
            strikes = rng.poisson(intensity.sum(), size=count)
            cumulative = np.cumsum(intensity)
            which = reached[
                np.searchsorted(cumulative, rng.random(strikes.sum()) * cumulative[-1], side="right").clip(
                    max=len(reached) - 1
                )
            ]
            mean = rng.gamma(self.shape, size=len(which)) / self.rate(j).ravel()[which] * share.ravel()[which]
            items = rng.poisson(mean)
            totals += np.bincount(
                np.repeat(np.arange(count), strikes), weights=items, minlength=count
            ).astype(np.int64)
        return totals


def _block_kernels(kernels: Array, side: int) -> Array:
    """Share of a strike in a block of side × side cells, by the offset of the block's corner from its centre."""
    if side == 1:
        return kernels
    padded = np.pad(kernels, ((0, 0), (side - 1, side - 1), (side - 1, side - 1)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (side, side), axis=(1, 2))
    return np.ascontiguousarray(windows.sum(axis=(3, 4)))


def _block_means(raster: Array, side: int) -> Array:
    high, wide = raster.shape[0] // side, raster.shape[1] // side
    blocks = raster[: high * side, : wide * side].reshape(high, side, wide, side)
    return np.asarray(blocks.mean(axis=(1, 3)))


def _offset_spectrum(lattice: Lattice, kernel: Array, side: int) -> NDArray[np.complex64]:
    """Transform of a block kernel whose table begins at offset −(reach + side − 1)."""
    window = np.zeros(lattice.fft_shape, dtype=np.float32)
    start = lattice.reach + side - 1
    size = kernel.shape[0]
    index = (np.arange(size) - start)[:, None], (np.arange(size) - start)[None, :]
    np.add.at(window, (index[0] % window.shape[0], index[1] % window.shape[1]), kernel.astype(np.float32))
    return lattice.transform(window)


class UnseenRecords:
    """Recorded strikes of which nothing was found, each on its own window of places."""

    def __init__(self, tables: Tables, draws: Draws, lattice: Lattice, keep: Array):
        self.tables, self.lattice, self.keep = tables, lattice, keep
        records = tables.records
        self.count = records.top.size
        taken = np.zeros((draws.count, self.count), dtype=bool)
        draw = np.repeat(np.arange(draws.count), np.diff(draws.first))
        known = draws.record >= 0
        taken[draw[known], draws.record[known]] = True
        self.free = ~taken  # (draws, records): nothing was found of it in that draw
        c, w = records.credibility, records.unseen
        with np.errstate(invalid="ignore", divide="ignore"):
            self.exists = np.nan_to_num(c * w / (1.0 - c + c * w))  # given that nothing was found of it
        self.probability = 1.0 - self.free.mean(axis=0) * (1.0 - self.exists)

    @cached_property
    def places(self) -> list[Array]:
        """Per record: posterior of its template given that it exists and nothing was found of it, (J, height, width)."""
        out = []
        records, field = self.tables.records, self.tables.field
        for m in range(self.count):
            prior = np.exp(self._log_place(m)) * np.exp(field.log_weight)[:, None, None]
            b, a = records.rate[m], records.shape[m]
            out.append(prior * (b / self._rate(m)) ** a / records.unseen[m])
        return out

    def _window(self, m: int) -> tuple[slice, slice]:
        r = self.tables.records
        return slice(r.top[m], r.top[m] + r.height[m]), slice(r.left[m], r.left[m] + r.width[m])

    def _log_place(self, m: int) -> Array:
        r = self.tables.records
        flat = r.log_place[r.start[m] : r.start[m] + int(r.height[m]) * int(r.width[m])]
        return np.asarray(flat, dtype=np.float64).reshape(r.height[m], r.width[m])

    def _rate(self, m: int) -> Array:
        exposure = self.tables.field.exposure[(slice(None), *self._window(m))]
        return np.asarray(self.tables.records.rate[m] + exposure, dtype=np.float64)

    def weights(self) -> Callable[[int], Image]:
        """Give, per footprint, the intensity of these strikes' expected items over centres."""
        images = np.zeros((len(self.lattice), *self.lattice.shape), dtype=np.float32) if self.count else None

        for m in range(self.count):
            assert images is not None
            chance = self.free[:, m].mean() * self.exists[m]
            part = chance * self.places[m] * self.tables.records.shape[m] / self._rate(m)
            images[(slice(None), *self._window(m))] += part.astype(np.float32)

        def image(j: int) -> Image:
            assert images is not None
            return np.asarray(images[j])

        return image

    def some_in(self, mask: Array) -> Array:
        """P(a record left something on the weighted mask | nothing was found of it), per record."""
        out = np.zeros(self.count)
        left = mask * self.keep
        if not self.count or not left.any():
            return out
        shares = self.lattice.gather_all(left)
        for m in range(self.count):
            ratio = shares[(slice(None), *self._window(m))] / self._rate(m)
            out[m] = self.exists[m] * float(
                (self.places[m] * empty_share(ratio, self.tables.records.shape[m])).sum()
            )
        return out

    def log_none_in(self, mask: Array) -> Array:
        """Log P(none left on the weighted mask) of the records nothing was found of, per draw."""
        return np.asarray(self.free @ np.log1p(-np.minimum(self.some_in(mask), 1.0 - 1e-12)))

    def log_none(self, side: int = 1, detection: float = 1.0) -> Array:
        """Log P(none) of each block of cells, mean over draws of whether the record has finds."""
        high, wide = self.lattice.grid.rows // side, self.lattice.grid.cols // side
        total = np.zeros((high, wide))
        kernels = _block_kernels(self.lattice.kernels, side)
        keep = _block_means(self.keep, side) * detection
        for m in range(self.count):
            chance = self.free[:, m].mean() * self.exists[m]
            if chance > 0 and self.places[m].size:
                self._subtract_record(m, chance, kernels, keep, side, total)
        return total

    def _subtract_record(
        self, m: int, chance: float, kernels: Array, keep: Array, side: int, total: Array
    ) -> None:
        """Add log(1 − chance × P(something in the block)) of one record to the blocks that it reaches."""
        from scipy.signal import fftconvolve

        records, margin = self.tables.records, self.lattice.margin
        start = self.lattice.reach + side - 1
        r0, c0 = int(records.top[m]) - margin - start, int(records.left[m]) - margin - start
        rate, place = self._rate(m), self.places[m]
        skip_r, skip_c = (-r0) % side if r0 % side else 0, (-c0) % side if c0 % side else 0
        t0, u0 = (r0 + skip_r) // side, (c0 + skip_c) // side
        part: Array | None = None
        top = float(kernels.max()) * float(keep.max(initial=0.0)) / float(records.rate[m])
        for q, coefficient in enumerate(series(float(records.shape[m]), top), start=1):
            image = fftconvolve(place / rate**q, kernels**q, mode="full", axes=(1, 2)).sum(axis=0)
            blocks = image[skip_r::side, skip_c::side]
            if part is None:
                part = np.zeros_like(blocks)
            t1, u1 = t0 + blocks.shape[0], u0 + blocks.shape[1]
            rows, cols = (
                slice(max(t0, 0), min(t1, total.shape[0])),
                slice(max(u0, 0), min(u1, total.shape[1])),
            )
            if rows.start >= rows.stop or cols.start >= cols.stop:
                return
            inner = slice(rows.start - t0, rows.stop - t0), slice(cols.start - u0, cols.stop - u0)
            part[inner] += coefficient * keep[rows, cols] ** q * np.maximum(blocks[inner], 0.0)
        assert part is not None
        total[rows, cols] += np.log1p(-np.clip(chance * part[inner], 0.0, 1.0 - 1e-9))

    def draw_totals(
        self, mask: Array, chosen: NDArray[np.int64], rng: np.random.Generator
    ) -> NDArray[np.int64]:
        """Draw the items that such records left on the weighted mask, for the chosen draws."""
        totals = np.zeros(len(chosen), dtype=np.int64)
        left = mask * self.keep
        if not self.count or not left.any():
            return totals
        shares = self.lattice.gather_all(left)
        for m in range(self.count):
            there = np.flatnonzero(self.free[chosen, m] & (rng.random(len(chosen)) < self.exists[m]))
            place = self.places[m].ravel()
            if not place.size or not len(there):
                continue
            cumulative = np.cumsum(place)
            which = np.searchsorted(cumulative, rng.random(len(there)), side="right")
            inside = which < len(place)  # beyond: the strike lies outside the lattice
            which, there = which[inside], there[inside]
            share = shares[(slice(None), *self._window(m))].ravel()[which]
            mean = (
                rng.gamma(self.tables.records.shape[m], size=len(which))
                / self._rate(m).ravel()[which]
                * share
            )
            totals[there] += rng.poisson(mean)
        return totals
