"""What remains of the strikes of which nothing was found: closed form, no sampling.

Reads   `Tables`, kept draws of what is learned and the `Node`s that stand for them
Gives   expected items, P(none) per cell, per box and per region, draws of totals
Knows   nothing of strikes with finds
Start   at `UnseenStrikes`; `unseen_records` has those that are recorded

Free strikes without finds are a Poisson process over templates with intensity U_j = ρ_j (b/B)^a and Gamma(a, B)
expected items each, B = b + e. Their part of P(none in A) is exp(−Σ_j U_j [1 − (B/(B + r_j))^a]), r_j = Σ_A k_j keep.

Over many cells at once the bracket is a polynomial in r/B, so that each power is one sum over footprints by Fourier
transform; its relative error is below `SERIES_ERROR` by the choice of degree.
"""

from __future__ import annotations

import math
from functools import cached_property
from typing import Any

import numpy as np
from numpy.polynomial import Chebyshev, Polynomial
from numpy.typing import NDArray

from fadeout.model import exposing
from fadeout.model.chain import Draws
from fadeout.model.compiled import compiled_fast
from fadeout.model.effort import Lattice
from fadeout.model.exposing import exp_of, log_of
from fadeout.model.keeping import Left
from fadeout.model.known import box_shares
from fadeout.model.nodes import Node
from fadeout.model.tables import Tables

Array = NDArray[np.float64]
Ints = NDArray[np.int64]
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


@compiled_fast
def _tabulate_unseen(
    exposure: Any, shape: float, rate: float, scale: float, density: Any, weight: Any
) -> None:
    """Add scale · (b/B)^a to density and scale · (b/B)^a a/B to weight, arrays over centres of one footprint."""
    width = exposure.shape[1]
    room, line, logs = np.empty(width, np.float32), np.empty(width, np.float32), np.empty(width, np.float32)
    one, over, power = np.float32(1.0), np.float32(1.0 / rate), np.float32(-shape)
    times, items = np.float32(scale), np.float32(shape / rate)
    for r in range(exposure.shape[0]):
        for c in range(width):
            line[c] = one + over * exposure[r, c]
        log_of(line, logs, room)
        for c in range(width):
            logs[c] = power * logs[c]
        ratio = weight[r]
        seen = density[r]
        empty = np.empty(width, np.float32)
        exp_of(logs, empty, room)
        for c in range(width):
            seen[c] += times * empty[c]
            ratio[c] += times * items * empty[c] / line[c]


@compiled_fast
def _missed(exposure: Any, share: Any, shape: float, rate: float) -> float:
    """Σ (b/B)^a [1 − (B/(B + r))^a] over the templates of one footprint."""
    width = exposure.shape[1]
    room, line, logs = np.empty(width, np.float32), np.empty(width, np.float32), np.empty(width, np.float32)
    empty, left = np.empty(width, np.float32), np.empty(width, np.float32)
    one, over, power = np.float32(1.0), np.float32(1.0 / rate), np.float32(-shape)
    b, total = np.float32(rate), 0.0
    for r in range(exposure.shape[0]):
        most = np.float32(0.0)
        for c in range(width):
            most = max(most, share[r, c])
        if most <= np.float32(0.0):
            continue
        for c in range(width):
            line[c] = one + over * exposure[r, c]
        log_of(line, logs, room)
        for c in range(width):
            logs[c] = power * logs[c]
        exp_of(logs, empty, room)
        for c in range(width):
            line[c] = one + max(share[r, c], np.float32(0.0)) / (b + exposure[r, c])
        log_of(line, logs, room)
        for c in range(width):
            logs[c] = power * logs[c]
        exp_of(logs, left, room)
        part = np.float32(0.0)
        for c in range(width):
            part += empty[c] * (one - left[c])
        total += float(part)
    return total


class Exposed:
    """Exposures of all templates in the states that stand for all draws."""

    def __init__(self, tables: Tables, draws: Draws, left: Left, nodes: list[Node]):
        self.tables, self.draws, self.left, self.nodes = tables, draws, left, nodes
        self.lattice = tables.lattice
        self.kernels = self.lattice.kernels.astype(np.float32)
        self.layers_at_boxes = np.stack([layer[left.row, left.col] for layer in tables.effort.layers], axis=1)
        self.open_ground = (~tables.effort.excluded).astype(np.float64)
        self.open = self.open_ground[left.row, left.col]
        self.node_of = np.zeros(draws.count, dtype=np.int64)
        for number, node in enumerate(nodes):
            self.node_of[node.draws] = number

    def extra(self, strengths: Array, at_boxes: Array) -> Array:
        """What stopped boxes detect beyond the layers of other search; shapes (…, layers) and (…, cells)."""
        return np.asarray(self.open * (1.0 - strengths @ self.layers_at_boxes.T) - at_boxes)

    def images(self, node: Node) -> Image:
        """Exposures in one state, shape (J, rows, cols)."""
        bases = self.tables.bases
        if len(bases) == 1 and node.strengths[0] == 1.0:
            exposure = bases[0]
            if not self.left.row.size:
                return exposure
            exposure = exposure.copy()
        else:
            exposure = bases[0] * np.float32(node.strengths[0])
            for base, strength in zip(bases[1:], node.strengths[1:], strict=True):
                exposure += base * np.float32(strength)
        if self.left.row.size:
            m = self.lattice.margin
            extra = self.extra(node.strengths, node.at_boxes)
            exposing.stamp_cells(
                self.kernels, self.lattice.extents, self.left.row + m, self.left.col + m, extra, exposure
            )
        return exposure

    def keep(self, node: Node) -> Array:
        """What search left in one state, shape (rows, cols)."""
        factor = self.left.factor[node.draws].mean(axis=0)
        return self.left.of(factor, node.at_boxes)

    def at(self, footprint: Any, row: Any, col: Any, draw: Any) -> Array:
        """Exposures of some templates (places in the lattice), each in a draw of its own."""
        strengths = self.tables.effort.strengths(self.draws.hyper.detection)
        out = np.zeros(len(footprint))
        for n, base in enumerate(self.tables.bases):
            out += strengths[draw, n] * base[footprint, row, col]
        if self.left.row.size:
            m = self.lattice.margin
            extra = self.extra(strengths, self.draws.box_keep)
            out += box_shares(
                self.kernels, footprint, row, col, draw, self.left.row + m, self.left.col + m, extra
            )
        return np.maximum(out, 0.0)


class UnseenStrikes:
    """Free strikes of which nothing was found."""

    def __init__(self, exposed: Exposed):
        self.exposed, self.lattice, self.nodes = exposed, exposed.lattice, exposed.nodes
        self.draws, self.left = exposed.draws, exposed.left
        self.cell_km2 = self.lattice.grid.cell_km2
        self.shape = float(sum(node.share * node.shape for node in self.nodes))
        self.base = float(sum(node.share * node.rate for node in self.nodes))

    @cached_property
    def sums(self) -> tuple[Image, Image, Array]:
        """Over all draws: U_j and U_j a/B over centres, and expected remaining items per cell."""
        lattice = self.lattice
        density = np.zeros((len(lattice), *lattice.shape), np.float32)
        weight = np.zeros_like(density)
        expected = np.zeros(lattice.grid.shape)
        for node in self.nodes:
            exposure = self.exposed.images(node)
            mine = weight if len(self.nodes) == 1 else np.zeros_like(density)
            for j in range(len(lattice)):
                scale = float(node.share * node.strikes[j] * self.cell_km2)
                _tabulate_unseen(exposure[j], node.shape, node.rate, scale, density[j], mine[j])
            expected += lattice.scatter(mine.__getitem__) * self.exposed.keep(node)
            if mine is not weight:
                weight += mine
        return density, weight, expected

    def density(self, j: int) -> Image:
        """U_j over centres, mean over draws."""
        image: Image = self.sums[0][j]
        return image

    def rate(self, j: int) -> Image:
        """B over centres: the rate that keeps the mean of the expected items."""
        return np.asarray(
            np.float32(self.shape) * self.sums[0][j] / np.maximum(self.sums[1][j], np.float32(1e-30))
        )

    @property
    def expected(self) -> Array:
        """Expected remaining items per cell."""
        return self.sums[2]

    def log_none_in(self, mask: Array) -> Array:
        """Log P(none of these strikes' items is left on the weighted mask), per draw."""
        out = np.empty(self.draws.count)
        for node in self.nodes:
            exposure = self.exposed.images(node)
            missed = np.array(
                [
                    _missed(exposure[j], share, node.shape, node.rate)
                    for j, share in enumerate(self.lattice.gather(mask * self.exposed.keep(node)))
                ]
            )
            out[node.draws] = -self.cell_km2 * (self.draws.hyper.strikes[node.draws] @ missed)
        return out

    def log_none(self, side: int = 1, detection: float = 1.0) -> Array:
        """Log P(none) of each block of side × side cells, shape (rows // side, cols // side), at the means over draws."""
        lattice = self.lattice
        kernels = block_kernels(lattice.kernels, side)
        keep = block_means(self.left.mean, side) * detection
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

    def draw_totals(self, mask: Array, chosen: Ints, rng: np.random.Generator) -> Ints:
        """Draw the items that such strikes left, undetected, on the weighted mask, for the chosen draws.

        Strikes are thrown as the prior has them, each in the state of its draw, and those of which something was found
        are dropped: 1 − (b/B)^a of them.
        """
        totals = np.zeros(len(chosen), dtype=np.int64)
        left, hyper, lattice = self.left, self.draws.hyper, self.lattice
        outside = np.array(mask)
        outside[left.row, left.col] = 0.0
        at_boxes = left.at_boxes * mask[left.row, left.col]
        layers = [lattice.gather_all(outside * part) for part in left.parts]
        reached = [np.flatnonzero(lattice_share.ravel() > 1e-9) for lattice_share in self._reach(mask)]
        for j, places in enumerate(reached):
            intensity = hyper.strikes[chosen, j] * self.cell_km2 * len(places)
            strikes = rng.poisson(intensity)
            if not strikes.sum():
                continue
            of = np.repeat(np.arange(len(chosen)), strikes)
            flat = places[rng.integers(0, len(places), len(of))]
            row, col = np.divmod(flat, lattice.shape[1])
            footprint, draw = np.full(len(of), j), chosen[of]
            a, b = hyper.shape[draw], hyper.rate[draw]
            rate = b + self.exposed.at(footprint, row, col, draw)
            empty = rng.random(len(of)) < (b / rate) ** a
            of, row, col, footprint, draw = (values[empty] for values in (of, row, col, footprint, draw))
            a, rate = a[empty], rate[empty]
            share = sum(
                left.factor[draw, p] * layer[j, row, col] for p, layer in enumerate(layers)
            ) + np.zeros(len(of))
            if left.row.size:
                m = lattice.margin
                share += box_shares(
                    self.exposed.kernels, footprint, row, col, draw, left.row + m, left.col + m, at_boxes
                )
            items = rng.poisson(rng.gamma(a) / rate * np.maximum(share, 0.0))
            totals += np.bincount(of, weights=items, minlength=len(chosen)).astype(np.int64)
        return totals

    def _reach(self, mask: Array) -> Image:
        """Share of each template that lies on the weighted mask, searched or not."""
        return self.lattice.gather_all(np.asarray(mask > 0, dtype=np.float64) * self.exposed.open_ground)


def block_kernels(kernels: Array, side: int) -> Array:
    """Share of a strike in a block of side × side cells, by the offset of the block's corner from its centre."""
    if side == 1:
        return kernels
    padded = np.pad(kernels, ((0, 0), (side - 1, side - 1), (side - 1, side - 1)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (side, side), axis=(1, 2))
    return np.ascontiguousarray(windows.sum(axis=(3, 4)))


def block_means(raster: Array, side: int) -> Array:
    """Mean of each block of side × side cells, shape (rows // side, cols // side)."""
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
