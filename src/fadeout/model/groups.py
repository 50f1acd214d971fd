"""Groups of finds that share no strike with one another, each with weighted particles of its own, in one state.

Reads   kept draws, the `Ground` of the state, more search and more finds
Gives   `Group`: weights, moves, and what its strikes left in cells, boxes and regions
Knows   nothing of the whole map, of other states or of next boxes
Start   at `Group.reweigh`, which takes in search without a find, and `Group.take_in`, which takes in a find

The posterior is a product over strikes. So, given what is learned and that no strike has finds of two groups, groups
are independent, and each may be weighed, resampled and moved alone (resample-move, Gilks and Berzuini 2001; Chopin
2002). A record that finds of a group may belong to is that group's alone: it has it, or nothing was found of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from fadeout.model import particles
from fadeout.model.blocks import tabulate_all
from fadeout.model.exposing import tabulate_field
from fadeout.model.finding import make_items
from fadeout.model.ground import Ground, Sums
from fadeout.model.particles import Swarm
from fadeout.model.recording import LOG_ZERO, Support, make_records
from fadeout.model.tables import idle_scratch, idle_state
from fadeout.model.vacant import Change
from fadeout.model.world import FREE, Boxes, Field, World

Array = NDArray[np.float64]
Ints = NDArray[np.int64]
T = TypeVar("T")

BLOCKS = 4  # blocks of particles moved side by side, whatever the threads
HALF = 0.5  # effective share of the particles below which they are resampled
SWEEPS = 1  # after each resampling and each find
SUMMED = 8_000_000  # kernel cells that sums over a group's particles may touch, over all states; else fewer particles do


class Pool(Protocol):
    """Who does work: a pool of threads, or nobody else (`AtOnce`)."""

    def map(self, work: Callable[..., T], *values: Any) -> Iterator[T]:
        """Do work for each value."""
        ...


class AtOnce:
    """Does work where it is called, for states that run side by side already."""

    def map(self, work: Callable[..., T], *values: Any) -> Iterator[T]:
        """Do work for each value."""
        return map(work, *values)


class Group:
    """Finds (rows and columns of the grid), P particles of them, their log weights, and the records they may have."""

    def __init__(self, places: Ints, swarm: Swarm, log_weight: Array, ground: Ground, owned: Sequence[int]):
        self.places, self.swarm, self.log_weight, self.ground = places, swarm, log_weight, ground
        self.owned = list(owned)
        self.sums: Sums | None = None

    # ---- weights

    @property
    def weights(self) -> Array:
        """Weights of the particles, with sum 1."""
        weights = np.exp(self.log_weight - self.log_weight.max())
        return np.asarray(weights / weights.sum())

    @property
    def effective(self) -> float:
        """Effective share of the particles, 0 to 1: 1/(P Σ w²)."""
        return float(1.0 / (len(self.log_weight) * (self.weights**2).sum()))

    def unfound(self, swarm: Swarm | None = None) -> Array:
        """Whether nothing was found of each owned record, by particle, shape (P, owned)."""
        s = swarm or self.swarm
        used = np.where(s.finds > 0, s.record, FREE)
        return (
            np.stack([(used != m).all(axis=1) for m in self.owned], axis=1)
            if self.owned
            else np.ones((len(used), 0))
        )

    def chance_unfound(self) -> Array:
        """P(nothing was found of it), by owned record."""
        return np.asarray(self.weights @ self.unfound())

    def _weigh(self, change: Array) -> float:
        """Change log weights; give the log of the mean factor."""
        with np.errstate(divide="ignore"):
            mean = float(np.log(self.weights @ np.exp(change - change.max())) + change.max())
        self.log_weight = self.log_weight + change
        return mean

    def change_of_weight(self, change: Change, fell: Array) -> Array:
        """How search without a find changes log weights; `fell` is by how much log P(nothing found) of records did."""
        ground = self.ground
        out = particles.reweigh(
            self.swarm, change.before, change.after, change.top, change.left, ground.shapes, ground.rates
        )
        if self.owned and fell[self.owned].any():
            out = out + self.unfound() @ fell[self.owned]
        return np.asarray(out)

    def reweigh(self, change: Change, fell: Array) -> float | None:
        """Weigh particles by search without a find; give its log probability, None if nothing of theirs is in reach."""
        weight = self.change_of_weight(change, fell)
        return self._weigh(weight) if weight.any() else None

    def known_at(self, row: int, col: int) -> Array:
        """Rate of finds, per unit of detection, of each particle's known strikes in a grid cell."""
        ground, margin = self.ground, self.ground.lattice.margin
        return np.asarray(
            particles.weight_of_known(
                self.swarm,
                ground.kernels,
                ground.exposure,
                row + margin,
                col + margin,
                ground.shapes,
                ground.rates,
            )
        )

    def foretold(self, row: int, col: int) -> Array:
        """The same, with the records that nothing was found of yet in a particle."""
        weights = np.array([self.ground.weight_of_record(m, row, col) for m in self.owned])
        return self.known_at(row, col) + (self.unfound() @ weights if self.owned else 0.0)

    def near(self, row: int, col: int) -> bool:
        """Whether any find of this group may share a strike with an item in a cell."""
        if not len(self.places):
            return False
        away = np.abs(self.places - [row, col]).max(axis=1)
        return bool(away.min() <= 2 * self.ground.lattice.reach)

    # ---- resampling and moves

    def draw(self, rng: np.random.Generator, count: int) -> Ints:
        """Draw particles by their weights, as evenly as may be (systematic resampling)."""
        at = (rng.random() + np.arange(count)) / count
        return np.minimum(np.searchsorted(np.cumsum(self.weights), at), len(self.log_weight) - 1)

    def resample(self, rng: np.random.Generator) -> None:
        """Draw particles by their weights, in random order."""
        chosen = rng.permutation(self.draw(rng, len(self.log_weight)))
        self.swarm = taken(self.swarm, chosen)
        self.log_weight = np.zeros(len(chosen))

    def refresh(
        self, rng: np.random.Generator, pool: Pool, around: Ints | None, sweeps: int = SWEEPS
    ) -> None:
        """Resample if weights are uneven, then move the finds within a reach of some cells (n, 2), or all."""
        if self.effective < HALF:
            self.resample(rng)
        active = np.arange(len(self.places))
        if around is not None and len(around):
            away = np.abs(self.places[:, None] - around[None]).max(axis=2).min(axis=1)
            active = np.flatnonzero(away <= self.ground.lattice.reach)
        if not len(active):
            return
        local, names = self._names()
        self._in_blocks(
            rng,
            pool,
            lambda world, child, start, stop, top, left: particles.move_particles(
                world, child, self.swarm, start, stop, top, left, local, names, active, sweeps
            ),
        )

    def take_in(self, place: tuple[int, int], rng: np.random.Generator, pool: Pool) -> None:
        """Weigh particles by how well they foretold a find, and allocate it in each."""
        self._weigh(np.log(self.foretold(*place) + self.ground.weight_of_new(*place)))
        if self.effective < HALF:
            self.resample(rng)
        count = len(self.log_weight)
        self.places = np.concatenate([self.places, [place]])
        s = self.swarm
        one = np.zeros((count, 1), np.int32)
        more = [np.concatenate([column, one], axis=1) for column in s[1:5]]
        free = np.concatenate([s.record, one + np.int32(FREE)], axis=1)
        strike = np.concatenate([s.strike, one - np.int32(1)], axis=1)
        self.swarm = Swarm._make([strike, *more, free, s.top.copy()])
        local, names = self._names()
        self._in_blocks(
            rng,
            pool,
            lambda world, child, start, stop, top, left: particles.take_in(
                world, child, self.swarm, start, stop, top, left, local, names
            ),
        )

    def _names(self) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """The world's number of each record, and the record of each of the world's, FREE last in both."""
        local = np.full(len(self.ground.records) + 1, FREE, np.int32)
        local[self.owned] = np.arange(len(self.owned))
        return local, np.array([*self.owned, FREE], dtype=np.int32)

    def _in_blocks(
        self,
        rng: np.random.Generator,
        pool: Pool,
        work: Callable[[World, np.random.Generator, int, int, int, int], None],
    ) -> None:
        world, top, left = _world(self.places, self.ground, self.owned)
        cuts = np.linspace(0, len(self.log_weight), BLOCKS + 1).astype(int)

        def one(child: np.random.Generator, start: int, stop: int) -> None:
            work(_with_room(world), child, int(start), int(stop), top, left)

        list(pool.map(one, rng.spawn(BLOCKS), cuts[:-1], cuts[1:]))

    # ---- what is left

    def add_up(self, pool: Pool, rng: np.random.Generator, draws: int) -> Sums:
        """Sum what the group's strikes left, over its particles; draw what they left in regions `draws` times."""
        ground = self.ground
        grid, reach, side = ground.lattice.grid, ground.lattice.reach, ground.side
        low, high = self.places.min(axis=0) - 2 * reach, self.places.max(axis=0) + 2 * reach + 1
        t0, u0 = max(0, low[0] // side), max(0, low[1] // side)
        r0, c0 = int(t0 * side), int(u0 * side)
        r1, c1 = int(min(grid.rows, high[0])), int(min(grid.cols, high[1]))
        weights, swarm = self._fewer(rng)
        keep = ground.keep[r0:r1, c0:c1].astype(np.float32)
        blocks = -(-(r1 - r0) // side), -(-(c1 - c0) // side)
        regions = [g for g, left in enumerate(ground.left_in) if left[r0:r1, c0:c1].any()]
        left_in = np.ascontiguousarray(ground.left_in[regions])
        shares = np.zeros((*swarm.finds.shape, len(regions)))
        cuts = np.linspace(0, len(weights), 3).astype(int)

        def work(start: int, stop: int) -> tuple[Array, Array, Array]:
            mean, none, boxes = np.zeros(keep.shape), np.zeros(keep.shape), np.zeros(blocks)
            particles.sum_known(
                ground.kernels, ground.extent, swarm, start, stop, weights, ground.exposure, ground.lattice.margin, keep,
                ground.shapes, ground.rates, side, ground.detection, (r0, c0), mean, none, boxes,
            )  # fmt: skip
            if regions:
                particles.shares_in_regions(
                    ground.kernels, ground.extent, swarm, start, stop, ground.lattice.margin, left_in, shares
                )
            return mean, none, boxes

        halves = list(pool.map(work, cuts[:-1].tolist(), cuts[1:].tolist()))
        mean, none, boxes = (halves[0][n] + halves[1][n] for n in range(3))
        self._in_regions(weights, swarm, regions, shares, rng, draws)
        whole = (
            slice(0, min(blocks[0], grid.rows // side - t0)),
            slice(0, min(blocks[1], grid.cols // side - u0)),
        )
        self.sums = Sums(
            (slice(r0, r1), slice(c0, c1)),
            (slice(t0, t0 + whole[0].stop), slice(u0, u0 + whole[1].stop)),
            mean,
            np.log(np.maximum(1.0 + none, 1e-300)),
            np.log(np.maximum(1.0 + boxes[whole], 1e-300)),
        )
        return self.sums

    def _in_regions(
        self,
        weights: Array,
        swarm: Swarm,
        regions: Sequence[int],
        shares: Array,
        rng: np.random.Generator,
        draws: int,
    ) -> None:
        """Keep, by particle, log P(none left) in regions, and, drawn by their weights, expected items there."""
        ground, count = self.ground, len(self.ground.left_in)
        used = swarm.finds > 0
        rate = ground.rates[swarm.record] + ground.exposure[swarm.footprint, swarm.row, swarm.col]
        power = np.where(used, ground.shapes[swarm.record] + swarm.finds, 0.0)
        self.summed = weights, self.unfound(swarm), np.zeros((len(weights), count))
        self.summed[2][:, regions] = -(power[:, :, None] * np.log1p(shares / rate[:, :, None])).sum(axis=1)
        at = (rng.random() + np.arange(draws)) / draws
        chosen = rng.permutation(np.minimum(np.searchsorted(np.cumsum(weights), at), len(weights) - 1))
        items = rng.standard_gamma(power[chosen]) / rate[chosen]
        self.drawn = np.zeros((draws, count))
        self.drawn[:, regions] = np.einsum("dk,dkg->dg", items, shares[chosen])
        self.drawn_unfound = self.summed[1][chosen]

    def log_none_in(self, of_records: Array) -> Array:
        """Log P(none left) by region, with owned records that nothing was found of; `of_records` (records, regions)."""
        weights, unfound, known = self.summed
        whole = known + unfound @ of_records[self.owned] if self.owned else known
        return np.asarray(np.log(np.maximum(weights @ np.exp(whole), 1e-300)))

    def _fewer(self, rng: np.random.Generator) -> tuple[Array, Swarm]:
        """All particles with their weights, or evenly drawn ones where all of them would take too long."""
        work = int((self.swarm.finds > 0).sum()) * (2 * self.ground.lattice.reach + 1) ** 2
        most = SUMMED * self.ground.share
        if work <= most:
            return self.weights, self.swarm
        few = max(int(100 * self.ground.share), 30, int(len(self.log_weight) * most / work))
        return np.full(few, 1.0 / few), taken(self.swarm, self.draw(rng, few))

    def part(self, ground: Ground, chosen: Ints) -> Group:
        """Only the chosen particles, over another ground."""
        return Group(self.places, taken(self.swarm, chosen), self.log_weight[chosen], ground, self.owned)


def taken(swarm: Swarm, chosen: Ints) -> Swarm:
    """Only the chosen particles."""
    return Swarm(*(np.ascontiguousarray(column[chosen]) for column in swarm))


def joined(groups: Sequence[Group], rng: np.random.Generator) -> Group:
    """One group of several independent ones: particles paired at random, their weights multiplied."""
    ground = groups[0].ground
    places = np.concatenate([group.places for group in groups])
    count = len(groups[0].log_weight)
    finds = len(places)
    columns = [np.zeros((count, finds + 1), np.int32) for _ in range(4)]
    columns.append(np.full((count, finds + 1), FREE, np.int32))
    strike, log_weight = np.full((count, finds), -1, np.int32), np.zeros(count)
    filled = np.zeros(count, np.int64)
    start = 0
    for n, group in enumerate(groups):
        order = rng.permutation(count) if n else np.arange(count)
        s = taken(group.swarm, order)
        mine = s.strike.shape[1]
        log_weight += group.log_weight[order]
        strike[:, start : start + mine] = np.where(s.strike >= 0, s.strike + filled[:, None], -1)
        for k in range(int(s.top.max(initial=0))):
            some = np.flatnonzero(k < s.top)
            for column, values in zip(columns, s[1:6], strict=True):
                column[some, filled[some] + k] = values[some, k]
        filled += s.top
        start += mine
    owned = sorted({m for group in groups for m in group.owned})
    return Group(places, Swarm._make([strike, *columns, filled]), log_weight, ground, owned)


def alone(count: int, ground: Ground) -> Group:
    """A group of no finds yet."""
    columns = [np.zeros((count, 1), np.int32) for _ in range(4)]
    free = np.full((count, 1), FREE, np.int32)
    swarm = Swarm._make([np.zeros((count, 0), np.int32), *columns, free, np.zeros(count, np.int64)])
    return Group(np.empty((0, 2), dtype=np.int64), swarm, np.zeros(count), ground, [])


def _world(places: Ints, ground: Ground, owned: Sequence[int]) -> tuple[World, int, int]:
    """Tables of a group's finds and records on their window of the lattice, and its corner."""
    lattice = ground.lattice
    m, reach = lattice.margin, lattice.reach
    low = np.maximum(places.min(axis=0) + m - reach, 0)
    high = np.minimum(places.max(axis=0) + m + reach + 1, lattice.shape)
    for window in (ground.records[n].window for n in owned):
        low = np.minimum(low, [window.top, window.left])
        high = np.maximum(high, [window.top + window.high, window.left + window.wide])
    exposure = np.ascontiguousarray(ground.exposure[:, low[0] : high[0], low[1] : high[1]])
    with np.errstate(divide="ignore"):
        log_density = np.maximum(np.log(ground.state.density * ground.strikes), LOG_ZERO)
        log_weight = np.maximum(np.log(ground.state.weights), LOG_ZERO)
    log_rate, first = np.empty_like(exposure), np.empty_like(exposure)
    tabulate_field(exposure, log_density, float(ground.shape), float(ground.rate), log_rate, first)
    field = Field(
        ground.kernels, lattice.log_kernels, lattice.extents, exposure, exposure, log_rate, first,
        log_density, log_weight, float(ground.shape), float(ground.rate),
    )  # fmt: skip
    items = make_items(ground.prior, lattice, (places + m - low).astype(np.int32))
    items = items._replace(stray=float(ground.stray))
    supports = [
        Support(s.top - int(low[0]), s.left - int(low[1]), s.log_place, s.outside)
        for s in (ground.records[n].support for n in owned)
    ]
    records = make_records(
        items, ground.prior, lattice, supports, [ground.records[n].recorded for n in owned]
    )
    records = records._replace(
        shape=ground.shapes[list(owned)].astype(np.float64), rate=ground.rates[list(owned)]
    )
    room = idle_scratch(len(places), len(owned), ground.kernels.shape, 0, (0, 0))
    world = World(field, items, records, _no_boxes(), idle_state(0, 0), room)
    tabulate_all(world)
    return world, int(low[0]), int(low[1])


def _with_room(world: World) -> World:
    """The same tables with a state and room of its own."""
    count, records = world.items.row.size, world.records.top.size
    scratch = idle_scratch(count, records, world.field.kernel.shape, 0, (0, 0))
    return world._replace(state=idle_state(count, records), scratch=scratch)


def _no_boxes() -> Boxes:
    i32, i64, f64 = np.empty(0, np.int32), np.empty(0, np.int64), np.empty(0)
    one = np.zeros(1, np.int64)
    return Boxes(one, one, i32, i32, i32, f64, f64, f64, np.empty((0, 1)), f64, i64, f64)
