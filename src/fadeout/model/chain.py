"""One chain of the sampler: its state, and the draws it keeps.

Reads   `Tables`
Gives   `Chain`, and `Draws` (kept states of all chains)
Knows   nothing of convergence or of what is made of the draws
Start   at `Chain.advance`
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fadeout.model import sampler
from fadeout.model.hyper import Hyper
from fadeout.model.learning import Learner
from fadeout.model.tables import Part, Tables, idle_scratch, idle_state
from fadeout.model.world import FREE, World

Array = NDArray[np.float64]
Ints = NDArray[np.int64]

KEPT = 250  # partitions kept per chain and block, at least: enough for 90 % intervals over four chains
KEPT_SMALL = 4_000  # finds × partitions kept per chain and block, where that is more (at most 2,000)
REDRAWN = 64  # finds × templates drawn anew for each kept partition, where that is more than one (at most 8)
PROPOSALS = 1 / 60  # split or merge proposals a sweep and find
PROPOSALS_RECORDS = 1 / 15  # the same where records are in reach: which finds are theirs mixes slowest
COVER_EVERY = 3  # sweeps between two draws of all stopped boxes' shares
COVER_FEW, FEW_BOXES = 2, 16  # the same of a part with so few that a draw takes no longer than a sweep
LEARN_EVERY = 1  # sweeps between two draws of what is learned
LEARN_LARGE = 3  # the same where there are so many templates that a draw takes longer than a sweep


@dataclass(frozen=True, eq=False)
class Draws:
    """Kept states. Draw d holds strikes first[d]:first[d + 1] of the flat arrays; all places in lattice cells."""

    first: Ints  # (draws + 1,)
    footprint: Ints
    row: Ints
    col: Ints
    finds: Ints
    record: Ints  # the recorded strike, or -1
    rate: Array  # B = b + e when the state was kept
    shape: Array  # a
    strike_of: Ints  # (draws, finds), index into the flat arrays, or -1 for the background
    box_keep: Array  # (draws, cells of stopped boxes)
    hyper: HyperDraws
    strikes: float  # mean number of strikes with finds, over all sweeps

    @property
    def count(self) -> int:
        """Number of kept states; 1 where nothing was found and nothing is learned."""
        return len(self.first) - 1


@dataclass(frozen=True, eq=False)
class HyperDraws:
    """What is learned, draw by draw; the same in all draws where nothing is."""

    strikes: Array  # (draws, J) per km² by footprint
    shape: Array  # (draws,)
    rate: Array  # (draws,)
    background: Array  # (draws,) per km²
    detection: Array  # (draws, methods)

    def take(self, chosen: Ints) -> HyperDraws:
        """Only the chosen draws."""
        return HyperDraws(
            self.strikes[chosen],
            self.shape[chosen],
            self.rate[chosen],
            self.background[chosen],
            self.detection[chosen],
        )


class _Kept(NamedTuple):
    """One kept state."""

    footprint: NDArray[np.int32]
    row: NDArray[np.int32]
    col: NDArray[np.int32]
    finds: NDArray[np.int32]
    record: NDArray[np.int32]
    exposure: NDArray[np.float32]
    strike_of: NDArray[np.int32]
    box_keep: Array
    hyper: Hyper


@dataclass(eq=False)
class Chain:
    """One running chain."""

    tables: Tables
    rng: np.random.Generator
    number: int
    traces: list[Array] = field(default_factory=list)
    kept: list[_Kept] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.learner = Learner(self.tables, self.rng)
        self.worlds = [_world(part, self.tables.learns) for part in self.tables.parts]
        self.swept = 0
        self.learn_every = LEARN_LARGE if self.learner.large else LEARN_EVERY
        if self.tables.learns:
            self.worlds = [
                self.learner.dressed(world, part, world.field.exposure)
                for world, part in zip(self.worlds, self.tables.parts, strict=True)
            ]
        for world in self.worlds:
            self._begin(world)

    def _begin(self, world: World) -> None:
        """Begin far apart: even chains let the finds join one another, odd ones give each find a strike of its own."""
        for i in range(world.items.row.size):
            if self.number % 2 and world.items.fresh[i] > 0:
                sampler.found_strike(world, self.rng, i, FREE)
            else:
                sampler.allocate(world, self.rng, i)

    def advance(
        self, sweeps: int, keep: bool, stop: threading.Event, moved: Callable[[int], None] = lambda n: None
    ) -> None:
        """Move on by `sweeps`; keep traces and evenly spaced states if asked; leave early when `stop` is set."""
        step = max(1, round(sweeps / min(max(KEPT, KEPT_SMALL // max(self.tables.count, 1)), 2000)))
        at_once = self.learn_every if self.tables.learns else max(sweeps, 1)
        done = 0
        while done < sweeps and not stop.is_set():
            length = min(step, sweeps - done)
            trace = np.zeros((length, 2 + self.learned_figures().size))
            for start in range(0, length, at_once):
                self._sweep(trace[start : start + at_once], warming=not keep)
            moved(length)
            if keep:
                self.traces.append(trace)
                self._keep()
            done += length

    def _sweep(self, trace: Array, warming: bool) -> None:
        """Some sweeps of every part, then one draw of what is learned."""
        found = np.zeros((len(trace), 2))
        for world in self.worlds:
            rate = PROPOSALS_RECORDS if world.records.top.size else PROPOSALS
            proposals = world.items.row.size * rate
            every = COVER_EVERY if world.boxes.share.size > FEW_BOXES else COVER_FEW
            sampler.sweep(world, self.rng, len(trace), proposals, self.swept, every, found)
        before = self.swept // self.learn_every
        self.swept += len(trace)
        if self.tables.learns and self.swept // self.learn_every > before:
            self.worlds = self.learner.move(self.worlds, warming)
        trace[:, :2] = found
        trace[:, 2:] = self.learned_figures()

    def learned_figures(self) -> Array:
        """What is learned, as figures whose convergence is judged: logarithms, and logits of detections."""
        learned, h = self.tables.prior.learned, self.learner.hyper
        figures = []
        if learned.strikes is not None:
            figures.append(float(np.log(max(h.strikes.sum(), 1e-300))))
        if learned.items is not None:
            figures.append(float(np.log(h.items)))
        p = h.detection[self.learner.open]
        return np.array([*figures, *np.log(p / (1.0 - p))])

    def _keep(self) -> None:
        times = min(max(REDRAWN // max(self.tables.count, 1), 1), 8) if self.tables.count else 1
        states = [_templates(world, self.rng, times) for world in self.worlds]
        strike_of = np.full(self.tables.count, -1, np.int32)
        count = 0
        for world, part, (used, _) in zip(self.worlds, self.tables.parts, states, strict=True):
            place = np.full(world.state.finds.size + 1, -1, np.int32)
            place[used] = np.arange(count, count + len(used))
            strike_of[part.finds] = place[world.state.strike]
            count += len(used)
        keep = _joined([world.boxes.keep for world in self.worlds], np.float64)
        finds = _joined(
            [w.state.finds[used] for w, (used, _) in zip(self.worlds, states, strict=True)], np.int32
        )
        record = _joined(
            [
                _records(w, p, used)
                for w, p, (used, _) in zip(self.worlds, self.tables.parts, states, strict=True)
            ],
            np.int32,
        )
        for t in range(times):
            columns: list[list[NDArray[np.int32]]] = [[], [], []]
            exposure = []
            for world, part, (_, templates) in zip(self.worlds, self.tables.parts, states, strict=True):
                footprint, row, col = templates[t].T
                exposure.append(world.field.exposure[footprint, row, col])
                for column, values in zip(columns, (footprint, row + part.top, col + part.left), strict=True):
                    column.append(values)
            self.kept.append(
                _Kept(
                    _joined(columns[0], np.int32),
                    _joined(columns[1], np.int32),
                    _joined(columns[2], np.int32),
                    finds,
                    record,
                    _joined(exposure, np.float32),
                    strike_of,
                    keep,
                    self.learner.hyper,
                )
            )

    def trace(self) -> Array:
        """All kept figures, (sweeps, 2 + learned): known strikes' remaining items, their number, what is learned."""
        return np.concatenate(self.traces)


def _world(part: Part, learns: bool) -> World:
    """A world of its own; what stopped boxes, learning or unsure places change is copied."""
    count, records = part.items.row.size, part.recorded.top.size
    scratch = idle_scratch(
        count, records, part.field.kernel.shape, part.boxes.share.size, _widest_batch(part)
    )
    world = World(part.field, part.items, part.recorded, part.boxes, idle_state(count, records), scratch)
    if not (part.boxes.share.size or learns or part.items.place_row.size):
        return world
    f, i, r, b = part.field, part.items, part.recorded, part.boxes
    return world._replace(
        field=f._replace(exposure=f.exposure.copy(), log_rate=f.log_rate.copy(), joined=f.joined.copy()),
        items=i._replace(
            row=i.row.copy(), col=i.col.copy(), fresh_rows=i.fresh_rows.copy(), fresh=i.fresh.copy()
        ),
        records=r._replace(
            log_rate=r.log_rate.copy(),
            joined=r.joined.copy(),
            unseen=r.unseen.copy(),
            entry_weight=r.entry_weight.copy(),
            shape=r.shape.copy(),
            rate=r.rate.copy(),
        ),
        boxes=b._replace(keep=b.keep.copy(), share=b.share.copy()),
    )


def _widest_batch(part: Part) -> tuple[int, int]:
    boxes, reach = part.boxes, part.field.kernel.shape[1] // 2
    height = width = 0
    for n in range(boxes.batch.size - 1):
        cells = boxes.cell[boxes.first[boxes.batch[n]] : boxes.first[boxes.batch[n + 1]]]
        height = max(height, int(np.ptp(boxes.row[cells])) + 1 + 2 * reach)
        width = max(width, int(np.ptp(boxes.col[cells])) + 1 + 2 * reach)
    return height, width


def _templates(
    world: World, rng: np.random.Generator, times: int
) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """Slots of the strikes with finds, and templates of theirs (times, strikes, 3)."""
    s = world.state
    used = np.flatnonzero(s.finds[: s.top[0]] > 0)
    templates = np.stack([s.footprint[used], s.row[used], s.col[used]], axis=1)[None]
    if times > 1 and len(used):
        templates = np.empty((times, len(used), 3), np.int32)
        sampler.redraw_templates(world, rng, used, templates)
    return used, np.broadcast_to(templates, (times, len(used), 3))


def _records(world: World, part: Part, used: NDArray[np.int64]) -> NDArray[np.int32]:
    """Index of the record of each strike in use, or FREE."""
    mine = world.state.record[used]
    return np.where(mine == FREE, FREE, np.append(part.records, FREE)[mine]).astype(np.int32)


def _joined(parts: Sequence[NDArray[Any]], kind: type) -> NDArray[Any]:
    return np.concatenate([np.empty(0, dtype=kind), *parts])


def gather_draws(tables: Tables, runs: Sequence[Chain]) -> Draws:
    """Gather the kept states of all chains."""
    kept = [state for run in runs for state in run.kept]
    sizes = np.array([len(state.footprint) for state in kept])
    first = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    footprint, row, col, finds, record = (
        np.concatenate([state[n] for state in kept]).astype(np.int64) for n in range(5)
    )
    exposure = np.concatenate([state.exposure for state in kept]).astype(np.float64)
    strike_of = np.stack([state.strike_of for state in kept]).astype(np.int64)
    strike_of = np.where(strike_of >= 0, strike_of + first[:-1, None], -1)
    hyper = _gathered([state.hyper for state in kept])
    of = np.repeat(np.arange(len(kept)), sizes)
    shape, rate = _gamma(tables, record, hyper.shape[of], hyper.rate[of])
    return Draws(
        first, footprint, row, col, finds, record, rate + exposure, shape, strike_of,
        np.stack([state.box_keep for state in kept]), hyper,
        float(np.mean([run.trace()[:, 1].mean() for run in runs])),
    )  # fmt: skip


def _gathered(states: Sequence[Hyper]) -> HyperDraws:
    return HyperDraws(
        np.stack([state.strikes for state in states]),
        np.array([state.shape for state in states]),
        np.array([state.rate for state in states]),
        np.array([state.background for state in states]),
        np.stack([state.detection for state in states]),
    )


def _gamma(tables: Tables, record: Ints, shape: Array, rate: Array) -> tuple[Array, Array]:
    """Shape a and rate b of each strike by its identity, given those of free strikes."""
    shape, rate = shape.copy(), rate.copy()
    for part in tables.parts:
        for m, n in enumerate(part.records):
            if part.recorded.own[m]:
                mine = record == n
                shape[mine], rate[mine] = part.recorded.shape[m], part.recorded.rate[m]
    return shape, rate


def no_draws(tables: Tables) -> Draws:
    """Give one empty draw: nothing was found and nothing is learned, so all is in closed form."""
    none = np.empty(0, dtype=np.int64)
    hyper = _gathered([Learner(tables, np.random.default_rng(0)).hyper])
    return Draws(
        np.zeros(2, dtype=np.int64), none, none, none, none, none, np.empty(0), np.empty(0),
        np.empty((1, 0), dtype=np.int64), np.empty((1, 0)), hyper, 0.0,
    )  # fmt: skip
