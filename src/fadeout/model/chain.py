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

import numpy as np
from numpy.typing import NDArray

from fadeout.model import covering, sampler
from fadeout.model.tables import Tables, idle_scratch, idle_state
from fadeout.model.world import FREE, World

Array = NDArray[np.float64]
Ints = NDArray[np.int64]

KEPT = 250  # partitions kept per chain and block, at least: enough for 90 % intervals over four chains
KEPT_SMALL = 4_000  # finds × partitions kept per chain and block, where that is more (at most 2,000)
REDRAWN = 64  # finds × templates drawn anew for each kept partition, where that is more than one (at most 8)
SNAPSHOT_EVERY = 32  # kept states between two additions to the running means of what nothing was found of
PROPOSALS = 1 / 80  # split or merge proposals a sweep and find
COVER_EVERY = 4  # sweeps between two draws of all stopped boxes' shares


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
    strikes: float  # mean number of strikes with finds, over all sweeps
    density: Array | None = None  # mean intensity of strikes without finds; only with stopped boxes
    weight: Array | None = None  # the same times their expected items
    box_weight: Array | None = None  # mean expected remaining of such strikes in the stopped boxes' cells

    @property
    def count(self) -> int:
        """Number of kept states; 1 where nothing was found."""
        return len(self.first) - 1


@dataclass(eq=False)
class Chain:
    """One running chain."""

    tables: Tables
    rng: np.random.Generator
    number: int
    traces: list[Array] = field(default_factory=list)
    kept: list[tuple[NDArray[np.int32], ...]] = field(default_factory=list)
    snapshots: int = 0

    def __post_init__(self) -> None:
        t = self.tables
        scratch = idle_scratch(
            t.count, t.records.top.size, t.field.kernel.shape, t.boxes.share.size, self._widest_batch()
        )
        state = idle_state(t.count, t.records.top.size)
        self.world = World(t.field, t.items, t.records, t.boxes, state, scratch)
        if t.boxes.share.size:
            self._copy_tables()
        self.swept = 0
        self._begin()

    def _copy_tables(self) -> None:
        """Copy all that the stopped boxes' shares change, and make room for running means."""
        t = self.tables
        self.world = self.world._replace(
            field=t.field._replace(
                exposure=t.field.exposure.copy(),
                log_rate=t.field.log_rate.copy(),
                joined=t.field.joined.copy(),
            ),
            items=t.items._replace(fresh_rows=t.items.fresh_rows.copy(), fresh=t.items.fresh.copy()),
            records=t.records._replace(
                log_rate=t.records.log_rate.copy(),
                joined=t.records.joined.copy(),
                unseen=t.records.unseen.copy(),
                entry_weight=t.records.entry_weight.copy(),
            ),
            boxes=t.boxes._replace(keep=t.boxes.keep.copy(), share=t.boxes.share.copy()),
        )
        self.density = np.zeros_like(t.field.exposure)
        self.weight = np.zeros_like(t.field.exposure)
        self.box_weight = np.zeros(t.boxes.row.size)

    def _widest_batch(self) -> tuple[int, int]:
        boxes, reach = self.tables.boxes, self.tables.field.kernel.shape[1] // 2
        height = width = 0
        for n in range(boxes.batch.size - 1):
            cells = boxes.cell[boxes.first[boxes.batch[n]] : boxes.first[boxes.batch[n + 1]]]
            height = max(height, int(np.ptp(boxes.row[cells])) + 1 + 2 * reach)
            width = max(width, int(np.ptp(boxes.col[cells])) + 1 + 2 * reach)
        return height, width

    def _begin(self) -> None:
        """Begin far apart: even chains let the finds join one another, odd ones give each find a strike of its own."""
        for i in range(self.tables.count):
            if self.number % 2 and self.world.items.fresh[i] > 0:
                sampler.found_strike(self.world, self.rng, i, FREE)
            else:
                sampler.allocate(self.world, self.rng, i)

    def advance(
        self, sweeps: int, keep: bool, stop: threading.Event, moved: Callable[[int], None] = lambda n: None
    ) -> None:
        """Move on by `sweeps`; keep traces and evenly spaced states if asked; leave early when `stop` is set."""
        count = self.tables.count
        step = max(1, sweeps // min(max(KEPT, KEPT_SMALL // count), 2000))
        proposals = count * PROPOSALS
        for done in range(0, sweeps, step):
            if stop.is_set():
                return
            trace = np.zeros((min(step, sweeps - done), 2))
            sampler.sweep(self.world, self.rng, len(trace), proposals, self.swept, COVER_EVERY, trace)
            self.swept += len(trace)
            moved(len(trace))
            if keep:
                self.traces.append(trace)
                self._keep(done // step)

    def _keep(self, number: int) -> None:
        s = self.world.state
        used = np.flatnonzero(s.finds[: s.top[0]] > 0)
        place = np.full(s.finds.size + 1, -1, np.int32)
        place[used] = np.arange(len(used))
        times = min(max(REDRAWN // self.tables.count, 1), 8)
        templates = np.stack([s.footprint[used], s.row[used], s.col[used]], axis=1)[None]
        if times > 1:
            templates = np.empty((times, len(used), 3), np.int32)
            sampler.redraw_templates(self.world, self.rng, used, templates)
        finds, record, strikes, keep = (
            s.finds[used],
            s.record[used],
            place[s.strike],
            self.world.boxes.keep.copy(),
        )
        for template in templates:
            footprint, row, col = template.T
            exposure = self.world.field.exposure[footprint, row, col]
            self.kept.append((footprint, row, col, finds, record, exposure, strikes, keep))
        if self.world.boxes.share.size and number % SNAPSHOT_EVERY == 0:
            covering.add_snapshot(self.world, self.density, self.weight, self.box_weight)
            self.snapshots += 1

    def trace(self) -> Array:
        """All kept figures, shape (sweeps, 2): known strikes' remaining items, and their number."""
        return np.concatenate(self.traces)


def gather_draws(tables: Tables, runs: Sequence[Chain]) -> Draws:
    """Gather the kept states of all chains."""
    kept = [state for run in runs for state in run.kept]
    sizes = np.array([len(state[0]) for state in kept])
    first = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    columns = [np.concatenate([state[n] for state in kept]) for n in range(6)]
    strike_of = np.stack([state[6] for state in kept]).astype(np.int64)
    strike_of = np.where(strike_of >= 0, strike_of + first[:-1, None], -1)
    footprint, row, col, finds, record = (column.astype(np.int64) for column in columns[:5])
    shape, rate = _gamma(tables, record)
    sums = {}
    if tables.boxes.share.size:
        snapshots = sum(run.snapshots for run in runs)
        for name in ("density", "weight", "box_weight"):
            total = getattr(runs[0], name)
            for run in runs[1:]:
                total += getattr(run, name)
            sums[name] = np.divide(total, snapshots, out=total)
    return Draws(
        first, footprint, row, col, finds, record, rate + columns[5].astype(np.float64), shape, strike_of,
        np.stack([state[7] for state in kept]), float(np.mean([run.trace()[:, 1].mean() for run in runs])), **sums,
    )  # fmt: skip


def _gamma(tables: Tables, record: Ints) -> tuple[Array, Array]:
    """Shape a and rate b of each strike by its identity."""
    shape = np.full(record.shape, tables.prior.items_shape, dtype=np.float64)
    rate = np.full(record.shape, tables.prior.items_rate, dtype=np.float64)
    known = record >= 0
    shape[known], rate[known] = tables.records.shape[record[known]], tables.records.rate[record[known]]
    return shape, rate


def no_draws(tables: Tables) -> Draws:
    """Give one empty draw: nothing was found, so no strike has finds."""
    none = np.empty(0, dtype=np.int64)
    return Draws(
        np.zeros(2, dtype=np.int64), none, none, none, none, none, np.empty(0), np.empty(0),
        np.empty((1, 0), dtype=np.int64), np.empty((1, 0)), 0.0,
    )  # fmt: skip
