"""What remains of the recorded strikes of which nothing was found: closed form, each on its own window of places.

Reads   `Exposed`: tables, kept draws and the `Node`s that stand for them
Gives   expected items, P(none) per cell, per box and per region, draws of totals
Knows   nothing of strikes without a record
Start   at `UnseenRecords`

A record exists, given that nothing was found of it, with probability c w / (1 − c + c w), w = Σ_j q(j) (b/B)^a.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from fadeout.model.nodes import Node
from fadeout.model.recording import Support, record_rate
from fadeout.model.unseen import Exposed, block_kernels, block_means, empty_share, series

Array = NDArray[np.float64]
Ints = NDArray[np.int64]
Image = NDArray[np.float32]


class UnseenRecords:
    """Recorded strikes of which nothing was found, each on its own window of places."""

    def __init__(self, exposed: Exposed):
        self.exposed, self.lattice, self.nodes = exposed, exposed.lattice, exposed.nodes
        tables, draws = exposed.tables, exposed.draws
        self.supports, self.recorded = tables.supports, tables.prior.recorded
        self.count = len(self.recorded)
        self.credibility = np.array([record.credibility for record in self.recorded])
        taken = np.zeros((draws.count, self.count), dtype=bool)
        draw = np.repeat(np.arange(draws.count), np.diff(draws.first))
        known = draws.record >= 0
        taken[draw[known], draws.record[known]] = True
        self.free = ~taken  # (draws, records): nothing was found of it in that draw

    def items(self, m: int, node: Node) -> tuple[float, float]:
        """Shape a and rate b of a record's items in one state."""
        record, prior = self.recorded[m], self.exposed.tables.prior
        if record.items_per_strike or record.items_shape:
            return float(record.items_shape or prior.items_shape), record_rate(record, prior)
        return node.shape, node.rate

    @cached_property
    def states(self) -> list[list[_Record]]:
        """Per state and record: its places given that it exists and nothing was found of it."""
        return [self._states(node) if self.count else [] for node in self.nodes]

    def _states(self, node: Node) -> list[_Record]:
        exposure = self.exposed.images(node)
        out = []
        for m, support in enumerate(self.supports):
            a, b = self.items(m, node)
            rate = b + exposure[(slice(None), *_window(support))].astype(np.float64)
            place = np.exp(support.log_place) * node.weights[:, None, None] * (b / rate) ** a
            unseen = float(place.sum()) + support.outside
            c = self.credibility[m]
            exists = c * unseen / (1.0 - c + c * unseen) if c > 0 else 0.0
            out.append(_Record(place / unseen if unseen > 0 else place, rate, a, unseen, exists))
        return out

    @cached_property
    def unseen(self) -> Array:
        """P(nothing found of it | it exists), mean over draws, per record."""
        return self._over_nodes(lambda record: record.unseen)

    @cached_property
    def probability(self) -> Array:
        """P(it took place and left items), per record."""
        if not self.count:
            return np.empty(0)
        total = np.zeros(self.count)
        for node, records in zip(self.nodes, self.states, strict=True):
            exists = np.array([record.exists for record in records])
            total += node.share * (1.0 - self.free[node.draws].mean(axis=0) * (1.0 - exists))
        return total

    def _over_nodes(self, figure: Callable[[_Record], float]) -> Array:
        table = [[figure(record) for record in records] for records in self.states]
        shares = np.array([node.share for node in self.nodes])
        return np.asarray(shares @ np.array(table)) if self.count else np.empty(0)

    def expected(self) -> Array:
        """Expected remaining items per cell."""
        lattice = self.lattice
        out = np.zeros(lattice.grid.shape)
        for node, records in zip(self.nodes, self.states, strict=True):
            images = np.zeros((len(lattice), *lattice.shape), dtype=np.float32)
            for m, record in enumerate(records):
                chance = node.share * self.free[node.draws, m].mean() * record.exists
                part = chance * record.place * record.shape / record.rate
                images[(slice(None), *_window(self.supports[m]))] += part.astype(np.float32)
            out += lattice.scatter(images.__getitem__) * self.exposed.keep(node)
        return out

    def log_none_in(self, mask: Array) -> Array:
        """Log P(none left on the weighted mask) of the records nothing was found of, per draw."""
        out = np.zeros(self.exposed.draws.count)
        for node, records in zip(self.nodes, self.states, strict=True):
            left = mask * self.exposed.keep(node)
            if not left.any():
                continue
            shares = self.lattice.gather_all(left)
            some = np.zeros(self.count)
            for m, record in enumerate(records):
                ratio = shares[(slice(None), *_window(self.supports[m]))] / record.rate
                some[m] = record.exists * float((record.place * empty_share(ratio, record.shape)).sum())
            out[node.draws] = self.free[node.draws] @ np.log1p(-np.minimum(some, 1.0 - 1e-12))
        return out

    def log_none(self, side: int = 1, detection: float = 1.0) -> Array:
        """Log P(none) of each block of cells, mean over draws of whether the record has finds."""
        high, wide = self.lattice.grid.rows // side, self.lattice.grid.cols // side
        total = np.zeros((high, wide))
        if not self.count:
            return total
        kernels = block_kernels(self.lattice.kernels, side)
        keep = block_means(self.exposed.left.mean, side) * detection
        middle = self.nodes[len(self.nodes) // 2]
        for m, record in enumerate(self.states[len(self.nodes) // 2]):
            chance = self.free[:, m].mean() * self._over_nodes(lambda r: r.exists)[m]
            if chance > 0 and record.place.size:
                self._subtract_record(m, record, self.items(m, middle)[1], chance, kernels, keep, side, total)
        return total

    def _subtract_record(
        self,
        m: int,
        record: _Record,
        base: float,
        chance: float,
        kernels: Array,
        keep: Array,
        side: int,
        total: Array,
    ) -> None:
        """Add log(1 − chance × P(something in the block)) of one record to the blocks that it reaches."""
        from scipy.signal import fftconvolve

        support, margin = self.supports[m], self.lattice.margin
        start = self.lattice.reach + side - 1
        r0, c0 = support.top - margin - start, support.left - margin - start
        skip_r, skip_c = (-r0) % side if r0 % side else 0, (-c0) % side if c0 % side else 0
        t0, u0 = (r0 + skip_r) // side, (c0 + skip_c) // side
        part: Array | None = None
        top = float(kernels.max()) * float(keep.max(initial=0.0)) / base
        for q, coefficient in enumerate(series(record.shape, top), start=1):
            image = fftconvolve(record.place / record.rate**q, kernels**q, mode="full", axes=(1, 2)).sum(
                axis=0
            )
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

    def draw_totals(self, mask: Array, chosen: Ints, rng: np.random.Generator) -> Ints:
        """Draw the items that such records left on the weighted mask, for the chosen draws."""
        totals = np.zeros(len(chosen), dtype=np.int64)
        node_of = self.exposed.node_of[chosen]
        for number, (node, records) in enumerate(zip(self.nodes, self.states, strict=True)):
            mine = np.flatnonzero(node_of == number)
            left = mask * self.exposed.keep(node)
            if not len(mine) or not left.any():
                continue
            shares = self.lattice.gather_all(left)
            for m, record in enumerate(records):
                there = mine[self.free[chosen[mine], m] & (rng.random(len(mine)) < record.exists)]
                if record.place.size and len(there):
                    window = shares[(slice(None), *_window(self.supports[m]))]
                    totals += record.draw(window, there, len(chosen), rng)
        return totals


@dataclass(frozen=True, eq=False)
class _Record:
    """A record in one state, given that nothing was found of it: arrays over footprints and its support."""

    place: Array
    rate: Array
    shape: float
    unseen: float
    exists: float

    def draw(self, shares: Image, there: Ints, count: int, rng: np.random.Generator) -> Ints:
        """Draw items for the draws `there`, from the share of each template that counts."""
        cumulative = np.cumsum(self.place.ravel())
        which = np.searchsorted(cumulative, rng.random(len(there)), side="right")
        inside = which < cumulative.size  # beyond: the strike lies outside the lattice
        which, there = which[inside], there[inside]
        mean = rng.gamma(self.shape, size=len(which)) / self.rate.ravel()[which] * shares.ravel()[which]
        return np.bincount(there, weights=rng.poisson(mean), minlength=count).astype(np.int64)


def _window(support: Support) -> tuple[slice, slice]:
    high, wide = support.log_place.shape
    return slice(support.top, support.top + high), slice(support.left, support.left + wide)
