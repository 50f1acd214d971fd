"""Groups of finds that share no strike with one another, each with weighted particles of its own.

Reads   kept draws, the `Ground`, more search and more finds
Gives   `Group`: weights, moves, and what its strikes left in cells, boxes and regions
Knows   nothing of the whole map or of next boxes
Start   at `groups_of`; `Group.reweigh` takes in search without a find, `Group.take_in` a find

The posterior is a product over strikes. So, given that no strike has finds of two groups, groups are independent, and
each may be weighed, resampled and moved alone (resample-move, Gilks and Berzuini 2001; Chopin 2002).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from fadeout.model import particles
from fadeout.model.blocks import tabulate_all
from fadeout.model.chain import Draws
from fadeout.model.exposing import tabulate_field
from fadeout.model.ground import Change, Ground
from fadeout.model.particles import Swarm
from fadeout.model.tables import LOG_ZERO, idle_scratch, idle_state
from fadeout.model.world import Boxes, Field, Items, Records, World

Array = NDArray[np.float64]
Ints = NDArray[np.int64]

LINKED = 0.01  # two finds belong to one group if they share a strike in this share of the draws, at least
BLOCKS = 4  # blocks of particles moved side by side, whatever the threads
HALF = 0.5  # effective share of the particles below which they are resampled
SWEEPS = 1  # after each resampling and each find
SUMMED = (
    8_000_000  # kernel cells that one sum over a group's particles may touch; else evenly drawn particles do
)


@dataclass(frozen=True, eq=False)
class Sums:
    """What a group's known strikes left: rasters over a window of the grid and of the boxes, and by region."""

    cells: tuple[slice, slice]
    boxes: tuple[slice, slice]
    mean: Array
    log_none: Array
    log_no_find: Array
    log_none_in: Array  # (regions,)


Work = Callable[[World, np.random.Generator, int, int, int, int], None]


class Group:
    """Finds (rows and columns of the grid), P particles of them, and their log weights."""

    def __init__(self, places: Ints, swarm: Swarm, log_weight: Array, ground: Ground):
        self.places, self.swarm, self.log_weight, self.ground = places, swarm, log_weight, ground
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

    def reweigh(self, change: Change) -> bool:
        """Weigh particles by search without a find; say whether any strike of theirs is in reach of it."""
        ground = self.ground
        change_of_weight = particles.reweigh(
            self.swarm, change.before, change.after, change.top, change.left, ground.shape, ground.rate
        )
        self.log_weight = self.log_weight + change_of_weight
        return bool(change_of_weight.any())

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
                ground.shape,
                ground.rate,
            )
        )

    def near(self, row: int, col: int) -> bool:
        """Whether any find of this group may share a strike with an item in a cell."""
        away = np.abs(self.places - [row, col]).max(axis=1)
        return bool(away.min() <= 2 * self.ground.lattice.reach)

    # ---- resampling and moves

    def resample(self, rng: np.random.Generator) -> None:
        """Draw particles by their weights, as evenly as may be (systematic resampling), in random order."""
        count = len(self.log_weight)
        at = (rng.random() + np.arange(count)) / count
        chosen = np.minimum(np.searchsorted(np.cumsum(self.weights), at), count - 1)
        chosen = rng.permutation(chosen)
        self.swarm = Swarm(*(np.ascontiguousarray(column[chosen]) for column in self.swarm))
        self.log_weight = np.zeros(count)

    def refresh(self, rng: np.random.Generator, pool: ThreadPoolExecutor, around: Ints | None) -> None:
        """Resample if weights are uneven, then move the finds within a reach of some cells (n, 2), or all."""
        if self.effective < HALF:
            self.resample(rng)
        active = np.arange(len(self.places))
        if around is not None and len(around):
            away = np.abs(self.places[:, None] - around[None]).max(axis=2).min(axis=1)
            active = np.flatnonzero(away <= self.ground.lattice.reach)
        if not len(active):
            return
        self._in_blocks(
            rng,
            pool,
            lambda world, child, start, stop, top, left: particles.move_particles(
                world, child, self.swarm, start, stop, top, left, active, SWEEPS
            ),
        )

    def take_in(self, place: tuple[int, int], rng: np.random.Generator, pool: ThreadPoolExecutor) -> None:
        """Weigh particles by how well they foretold a find, and allocate it in each."""
        ground = self.ground
        foretold = self.known_at(*place) + ground.weight_of_new(*place)
        self.log_weight = self.log_weight + np.log(foretold)
        if self.effective < HALF:
            self.resample(rng)
        count = len(self.log_weight)
        self.places = np.concatenate([self.places, [place]])
        s = self.swarm
        one = np.zeros((count, 1), np.int32)
        more = [np.concatenate([column, one], axis=1) for column in s[1:5]]
        self.swarm = Swarm._make([np.concatenate([s.strike, one - np.int32(1)], axis=1), *more, s.top.copy()])
        self._in_blocks(
            rng,
            pool,
            lambda world, child, start, stop, top, left: particles.take_in(
                world, child, self.swarm, start, stop, top, left
            ),
        )

    def _in_blocks(self, rng: np.random.Generator, pool: ThreadPoolExecutor, work: Work) -> None:
        world, top, left = _world(self.places, self.ground)
        count = len(self.log_weight)
        cuts = np.linspace(0, count, BLOCKS + 1).astype(int)
        jobs = []
        for child, start, stop in zip(rng.spawn(BLOCKS), cuts[:-1], cuts[1:], strict=True):
            own = _with_room(world)
            jobs.append(pool.submit(work, own, child, int(start), int(stop), top, left))
        for job in jobs:
            job.result()

    # ---- what is left

    def add_up(self, pool: ThreadPoolExecutor, rng: np.random.Generator) -> Sums:
        """Sum what the group's strikes left, over its particles."""
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
        log_none = np.zeros((len(weights), len(regions)))
        cuts = np.linspace(0, len(weights), 3).astype(int)

        def work(start: int, stop: int) -> tuple[Array, Array, Array]:
            mean, none, boxes = np.zeros(keep.shape), np.zeros(keep.shape), np.zeros(blocks)
            particles.sum_known(
                ground.kernels, swarm, start, stop, weights, ground.exposure, ground.lattice.margin, keep,
                ground.shape, ground.rate, side, ground.detection, r0, c0, mean, none, boxes,
            )  # fmt: skip
            if regions:
                particles.none_in_regions(
                    ground.kernels, swarm, start, stop, ground.exposure, ground.lattice.margin, left_in,
                    ground.shape, ground.rate, log_none,
                )  # fmt: skip
            return mean, none, boxes

        halves = list(pool.map(work, cuts[:-1].tolist(), cuts[1:].tolist()))
        mean, none, boxes = (halves[0][n] + halves[1][n] for n in range(3))
        in_regions = np.zeros(len(ground.left_in))
        in_regions[regions] = np.log(np.maximum(weights @ np.exp(log_none), 1e-300))
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
            in_regions,
        )
        return self.sums

    def _fewer(self, rng: np.random.Generator) -> tuple[Array, Swarm]:
        """All particles with their weights, or evenly drawn ones where all of them would take too long."""
        work = int((self.swarm.finds > 0).sum()) * (2 * self.ground.lattice.reach + 1) ** 2
        count = len(self.log_weight)
        if work <= SUMMED:
            return self.weights, self.swarm
        few = max(100, int(count * SUMMED / work))
        at = (rng.random() + np.arange(few)) / few
        chosen = np.minimum(np.searchsorted(np.cumsum(self.weights), at), count - 1)
        return np.full(few, 1.0 / few), Swarm(
            *(np.ascontiguousarray(column[chosen]) for column in self.swarm)
        )


# ---- making groups


def groups_of(
    draws: Draws, places: Ints, ground: Ground, count: int, rng: np.random.Generator
) -> list[Group]:
    """Part finds into groups by who shares strikes with whom in the draws, each with `count` particles."""
    if not len(places):
        return []
    labels = _linked(draws.strike_of)
    out = []
    for label in range(labels.max() + 1):
        mine, others = np.flatnonzero(labels == label), np.flatnonzero(labels != label)
        apart = np.array([not np.isin(s[mine][s[mine] >= 0], s[others]).any() for s in draws.strike_of])
        usable = np.flatnonzero(apart)
        chosen = usable[np.linspace(0, len(usable) - 1, count).round().astype(int)]
        swarm = _swarm(draws, mine, chosen)
        out.append(Group(places[mine], swarm, np.zeros(count), ground))
    return out


def _linked(strike_of: Ints) -> Ints:
    """Label finds by group: those that share a strike in a share of the draws, and so on from one to another."""
    count = strike_of.shape[1]
    shared = np.zeros((count, count))
    for strikes in strike_of:
        shared += (strikes[:, None] == strikes[None, :]) & (strikes >= 0)[:, None]
    pairs = np.argwhere(shared >= LINKED * len(strike_of))
    graph = coo_matrix((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(count, count))
    return np.asarray(connected_components(graph, directed=False)[1], dtype=np.int64)


def _swarm(draws: Draws, mine: Ints, chosen: Ints) -> Swarm:
    count, finds = len(chosen), len(mine)
    columns = [np.zeros((count, finds + 1), np.int32) for _ in range(4)]
    strike, top = np.full((count, finds), -1, np.int32), np.zeros(count, np.int64)
    for p, d in enumerate(chosen):
        of = draws.strike_of[d, mine]
        used, slot = np.unique(of[of >= 0], return_inverse=True)
        strike[p, of >= 0] = slot
        top[p] = len(used)
        for column, values in zip(columns, (draws.footprint, draws.row, draws.col, draws.finds), strict=True):
            column[p, : len(used)] = values[used]
    return Swarm._make([strike, *columns, top])


def joined(groups: Sequence[Group], rng: np.random.Generator) -> Group:
    """One group of several independent ones: particles paired at random, their weights multiplied."""
    ground = groups[0].ground
    places = np.concatenate([group.places for group in groups])
    count = len(groups[0].log_weight)
    finds = len(places)
    columns = [np.zeros((count, finds + 1), np.int32) for _ in range(4)]
    strike, log_weight = np.full((count, finds), -1, np.int32), np.zeros(count)
    filled = np.zeros(count, np.int64)
    start = 0
    for n, group in enumerate(groups):
        order = rng.permutation(count) if n else np.arange(count)
        s = Swarm(*(column[order] for column in group.swarm))
        mine = s.strike.shape[1]
        log_weight += group.log_weight[order]
        strike[:, start : start + mine] = np.where(s.strike >= 0, s.strike + filled[:, None], -1)
        for k in range(int(s.top.max(initial=0))):
            some = np.flatnonzero(k < s.top)
            for column, values in zip(columns, s[1:5], strict=True):
                column[some, filled[some] + k] = values[some, k]
        filled += s.top
        start += mine
    return Group(places, Swarm._make([strike, *columns, filled]), log_weight, ground)


def alone(count: int, ground: Ground) -> Group:
    """A group of no finds yet."""
    column = np.zeros((count, 1), np.int32)
    columns = [column.copy() for _ in range(4)]
    swarm = Swarm._make([np.zeros((count, 0), np.int32), *columns, np.zeros(count, np.int64)])
    return Group(np.empty((0, 2), dtype=np.int64), swarm, np.zeros(count), ground)


def _world(places: Ints, ground: Ground) -> tuple[World, int, int]:
    """Tables of a group's finds on their window of the lattice, and its corner."""
    lattice = ground.lattice
    m, reach = lattice.margin, lattice.reach
    low = np.maximum(places.min(axis=0) + m - reach, 0)
    high = np.minimum(places.max(axis=0) + m + reach + 1, lattice.shape)
    exposure = np.ascontiguousarray(ground.exposure[:, low[0] : high[0], low[1] : high[1]])
    with np.errstate(divide="ignore"):
        log_density = np.maximum(np.log(ground.density), LOG_ZERO)
        log_weight = np.maximum(np.log(lattice.weights), LOG_ZERO)
    log_rate, first = np.empty_like(exposure), np.empty_like(exposure)
    tabulate_field(exposure, log_density, float(ground.shape), float(ground.rate), log_rate, first)
    field = Field(
        ground.kernels, lattice.log_kernels, lattice.extents, exposure, exposure, log_rate, first,
        log_density, log_weight, float(ground.shape), float(ground.rate),
    )  # fmt: skip
    relative = (places + m - low).astype(np.int32)
    room = idle_scratch(len(places), 0, ground.kernels.shape, 0, (0, 0))
    items, records = _items(relative, ground), _no_records(len(places))
    world = World(field, items, records, _no_boxes(), idle_state(0, 0), room)
    tabulate_all(world)
    return world, int(low[0]), int(low[1])


def _items(places: NDArray[np.int32], ground: Ground) -> Items:
    count, reach = len(places), ground.lattice.reach
    away = np.abs(places[:, None] - places[None]).max(axis=2)
    close = (away <= 2 * reach) & ~np.eye(count, dtype=bool)
    return Items(
        np.ascontiguousarray(places[:, 0]),
        np.ascontiguousarray(places[:, 1]),
        np.zeros((count, len(ground.density), 2 * reach + 1)),
        np.zeros(count),
        np.concatenate([[0], np.cumsum(close.sum(axis=1))]).astype(np.int64),
        np.nonzero(close)[1].astype(np.int32),
        float(ground.stray),
        np.zeros(count + 1, np.int64),
        np.empty(0, np.int32),
        np.empty(0, np.int32),
        np.empty(0),
    )


def _with_room(world: World) -> World:
    """The same tables with a state and room of its own."""
    count = world.items.row.size
    scratch = idle_scratch(count, 0, world.field.kernel.shape, 0, (0, 0))
    return world._replace(state=idle_state(count, 0), scratch=scratch)


def _no_records(finds: int) -> Records:
    i32, f32, f64 = np.empty(0, np.int32), np.empty(0, np.float32), np.empty(0)
    i64 = np.empty(0, np.int64)
    return Records(
        i32, i32, i32, i32, i64, f32, f32, f32, f64, f64, f64, f64, f64, np.empty(0, bool),
        np.zeros(finds + 1, np.int64), i32, f64,
    )  # fmt: skip


def _no_boxes() -> Boxes:
    i32, i64, f64 = np.empty(0, np.int32), np.empty(0, np.int64), np.empty(0)
    one = np.zeros(1, np.int64)
    return Boxes(one, one, i32, i32, i32, f64, f64, f64, np.empty((0, 1)), f64, i64, f64)
