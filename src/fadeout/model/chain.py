"""One chain of the sampler: its tables, its state, and the draws it keeps.

Reads   checked effort, a lattice, a prior and finds
Gives   `Tables` (shared by all chains), `Chain`, and `Draws` (kept states of all chains)
Knows   nothing of convergence or of what is made of the draws
Start   at `tabulate`, then `Chain.advance`
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from fadeout.model import sampler
from fadeout.model.effort import Effort, Lattice
from fadeout.model.prior import Prior, RecordedStrike

Array = NDArray[np.float64]
Ints = NDArray[np.int64]

KEPT = 250  # partitions kept per chain and block, at least: enough for 90 % intervals over four chains
KEPT_SMALL = 4_000  # finds × partitions kept per chain and block, where that is more (at most all)
REDRAWN = 64  # finds × templates drawn anew for each kept partition, where that is more than one (at most 8)
START_SHARE = 0.5  # share of a stopped box covered, where the chains begin
BOXES_A_SWEEP = 16  # stopped boxes whose share is drawn in one sweep
PLACE_REACH = 4.0  # a record's place is followed to this many standard deviations
LOG_ZERO = -1e4  # log density of strikes that the prior rules out


@dataclass(frozen=True, eq=False)
class Tables:
    """What every chain starts from; with stopped boxes each chain moves a copy of its own."""

    prior: Prior
    field: sampler.Field
    items: sampler.Items
    records: sampler.Records
    boxes: sampler.Boxes

    @property
    def count(self) -> int:
        """Number of found items."""
        return int(self.items.row.size)


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


def tabulate(effort: Effort, lattice: Lattice, prior: Prior, finds: Ints) -> Tables:
    """Make the tables: exposures, kernels, the weight of each find starting a strike, records' supports."""
    boxes = _boxes(effort, lattice)
    detected = effort.detected.copy()
    rows, cols = boxes.row - lattice.margin, boxes.col - lattice.margin
    detected[rows, cols] = 1.0 - boxes.keep
    exposure = lattice.gather_all(detected)
    ground = lattice.gather_all((~effort.excluded).astype(np.float64))
    per_centre = prior.strikes_per_km2 * lattice.grid.cell_km2 * lattice.weights
    with np.errstate(divide="ignore"):
        log_density = np.maximum(np.log(per_centre), LOG_ZERO)
        log_weight = np.maximum(np.log(lattice.weights), LOG_ZERO)
        log_kernel = np.maximum(np.log(lattice.kernels), -100.0).astype(np.float32)
    table = sampler.Field(
        lattice.kernels.astype(np.float32),
        log_kernel,
        exposure,
        ground,
        np.log(exposure + np.float32(prior.items_rate)),
        log_density,
        log_weight,
        float(prior.items_shape),
        float(prior.items_rate),
    )
    places = (finds + lattice.margin).astype(np.int32)
    items = _items(table, prior, lattice, places)
    records = _records(table, items, prior, lattice)
    _check_explained(items, records, finds)
    return Tables(prior, table, items, records, boxes)


def _boxes(effort: Effort, lattice: Lattice) -> sampler.Boxes:
    cells = np.argwhere(effort.box_cells)
    index = np.full(effort.grid.shape, -1)
    index[effort.box_cells] = np.arange(len(cells))
    lists = [index[box.mask & ~effort.excluded] for box in effort.stopped]
    keep = effort.keep[effort.box_cells].copy()
    for box, members in zip(effort.stopped, lists, strict=True):
        keep[members] *= 1.0 - box.detection * START_SHARE
    return sampler.Boxes(
        np.concatenate([[0], np.cumsum([len(members) for members in lists])]).astype(np.int64),
        np.concatenate([*lists, np.empty(0, dtype=int)]).astype(np.int32),
        (cells[:, 0] + lattice.margin).astype(np.int32),
        (cells[:, 1] + lattice.margin).astype(np.int32),
        keep,
        np.array([box.detection for box in effort.stopped], dtype=np.float64),
        np.full(len(lists), START_SHARE),
    )


def _items(table: sampler.Field, prior: Prior, lattice: Lattice, places: NDArray[np.int32]) -> sampler.Items:
    count, side = len(places), 2 * lattice.reach + 1
    near_first, near = _near(places, 2 * lattice.reach)
    items = sampler.Items(
        np.ascontiguousarray(places[:, 0]),
        np.ascontiguousarray(places[:, 1]),
        np.zeros((count, len(lattice), side)),
        np.zeros(count),
        near_first,
        near,
        prior.background_per_km2 * lattice.grid.cell_km2,
    )
    for i in range(count):
        sampler.tabulate_fresh(table, items, i)
    return items


def _near(places: NDArray[np.int32], distance: int) -> tuple[Ints, NDArray[np.int32]]:
    """List, for each item, the others within a square of `distance` cells: those that may share a strike with it."""
    if len(places) < 2:
        return np.zeros(len(places) + 1, dtype=np.int64), np.empty(0, dtype=np.int32)
    pairs = cKDTree(places).query_pairs(distance, p=np.inf, output_type="ndarray")
    both = np.concatenate([pairs, pairs[:, ::-1]])
    order = np.lexsort((both[:, 1], both[:, 0]))
    degree = np.bincount(both[:, 0], minlength=len(places))
    return np.concatenate([[0], np.cumsum(degree)]).astype(np.int64), both[order, 1].astype(np.int32)


def _records(table: sampler.Field, items: sampler.Items, prior: Prior, lattice: Lattice) -> sampler.Records:
    supports = [_support(record, lattice) for record in prior.recorded]
    sizes = [log_place.size for _, _, log_place, _ in supports]
    first, entries = _record_entries(supports, items, lattice.reach)
    records = sampler.Records(
        np.array([top for top, *_ in supports], dtype=np.int32),
        np.array([left for _, left, *_ in supports], dtype=np.int32),
        np.array([log_place.shape[0] for _, _, log_place, _ in supports], dtype=np.int32),
        np.array([log_place.shape[1] for _, _, log_place, _ in supports], dtype=np.int32),
        np.concatenate([[0], np.cumsum(sizes)])[: len(supports)].astype(np.int64),
        np.concatenate([*(log_place.ravel() for _, _, log_place, _ in supports), np.empty(0)]).astype(np.float32),
        np.array([outside for *_, outside in supports], dtype=np.float64),
        np.array([record.credibility for record in prior.recorded], dtype=np.float64),
        np.array([record.items_shape or prior.items_shape for record in prior.recorded], dtype=np.float64),
        np.array([_record_rate(record, prior) for record in prior.recorded], dtype=np.float64),
        np.ones(len(supports)),
        first,
        entries,
        np.zeros(len(entries)),
    )
    for m in range(len(supports)):
        sampler.tabulate_unseen(table, records, m)
    for i in range(items.row.size):
        sampler.tabulate_records(table, items, records, i)
    return records


def _record_rate(record: RecordedStrike, prior: Prior) -> float:
    return (record.items_shape or prior.items_shape) / (record.items_per_strike or prior.items_per_strike)


def _support(record: RecordedStrike, lattice: Lattice) -> tuple[int, int, Array, float]:
    """Window of places of a record that lie in the lattice: top, left, log prior over it, and the prior mass outside."""
    row, col = record.row + lattice.margin, record.col + lattice.margin
    error = max(record.position_error_m / lattice.grid.cell_m, 1e-3)
    reach = PLACE_REACH * error
    r = np.arange(math.floor(row - reach), math.ceil(row + reach) + 1)
    c = np.arange(math.floor(col - reach), math.ceil(col + reach) + 1)
    squared = ((r[:, None] - row) ** 2 + (c[None, :] - col) ** 2) / error**2
    place = np.exp(-(squared - squared.min()) / 2)
    place /= place.sum()
    keep_r = (r >= 0) & (r < lattice.shape[0])
    keep_c = (c >= 0) & (c < lattice.shape[1])
    if not (keep_r.any() and keep_c.any()):
        return 0, 0, np.empty((0, 0)), 1.0
    inside = place[np.ix_(keep_r, keep_c)]
    with np.errstate(divide="ignore"):
        log_place = np.maximum(np.log(inside), LOG_ZERO)
    return int(r[keep_r][0]), int(c[keep_c][0]), log_place, float(max(0.0, 1.0 - inside.sum()))


def _record_entries(
    supports: Sequence[tuple[int, int, Array, float]], items: sampler.Items, reach: int
) -> tuple[Ints, NDArray[np.int32]]:
    """List the records that each item may belong to: those whose support is within one reach of it."""
    lists = []
    for row, col in zip(items.row, items.col, strict=True):
        lists.append(
            [
                m
                for m, (top, left, place, _) in enumerate(supports)
                if place.size
                and top - reach <= row < top + place.shape[0] + reach
                and left - reach <= col < left + place.shape[1] + reach
            ]
        )
    first = np.concatenate([[0], np.cumsum([len(entry) for entry in lists])]).astype(np.int64)
    return first, np.array([m for entry in lists for m in entry], dtype=np.int32)


def _check_explained(items: sampler.Items, records: sampler.Records, finds: Ints) -> None:
    for i in range(len(finds)):
        joined = records.entry_weight[records.first[i] : records.first[i + 1]]
        chances = records.credibility[records.entry_record[records.first[i] : records.first[i + 1]]]
        if not items.fresh[i] + items.stray + float((joined * chances).sum()) > 1e-300:
            raise ValueError(
                f"find {i} at row {finds[i, 0]}, col {finds[i, 1]} cannot be explained: the prior has no strikes, no "
                "background and no recorded strike in reach of it"
            )


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
        self._copy_tables()
        count, slots = self.tables.count, self.tables.count + 1
        self.state = sampler.State(
            np.full(count, -1, np.int32),
            *(np.zeros(slots, np.int32) for _ in range(4)),
            np.full(slots, -1, np.int32),
            np.full(self.records.top.size, -1, np.int32),
            np.zeros(1, np.int64),
        )
        shapes, side = self.field.kernel.shape[:2]
        room = slots + self.records.top.size + shapes + 2
        self.scratch = sampler.Scratch(
            np.zeros((shapes, side, side), np.float32),
            np.zeros((shapes, side, side), np.float32),
            np.zeros(room),
            np.zeros(room, np.int32),
            np.zeros(count, np.int32),
            np.zeros(count, np.int32),
            np.zeros(count, np.int8),
            np.zeros(count, np.int8),
            np.zeros(3, np.int32),
            np.zeros(2),
            np.zeros(4, np.int32),
            np.zeros((shapes, *self._widest_box()), np.float32),
            np.zeros(count, np.uint8),
        )
        self.covered = min(BOXES_A_SWEEP, self.boxes.share.size)
        self.swept = 0
        self._begin()

    def _copy_tables(self) -> None:
        """Take the shared tables; with stopped boxes copies of all that their shares change."""
        t = self.tables
        self.field, self.items, self.records, self.boxes = t.field, t.items, t.records, t.boxes
        if t.boxes.share.size == 0:
            return
        self.field = t.field._replace(exposure=t.field.exposure.copy(), log_rate=t.field.log_rate.copy())
        self.items = t.items._replace(fresh_rows=t.items.fresh_rows.copy(), fresh=t.items.fresh.copy())
        self.records = t.records._replace(
            unseen=t.records.unseen.copy(), entry_weight=t.records.entry_weight.copy()
        )
        self.boxes = t.boxes._replace(keep=t.boxes.keep.copy(), share=t.boxes.share.copy())
        self.density = np.zeros_like(t.field.exposure)
        self.weight = np.zeros_like(t.field.exposure)
        self.box_weight = np.zeros(t.boxes.row.size)

    def _widest_box(self) -> tuple[int, int]:
        height = width = 0
        reach = self.field.kernel.shape[1] // 2
        for b in range(self.boxes.share.size):
            cells = self.boxes.cell[self.boxes.first[b] : self.boxes.first[b + 1]]
            height = max(height, int(np.ptp(self.boxes.row[cells])) + 1 + 2 * reach)
            width = max(width, int(np.ptp(self.boxes.col[cells])) + 1 + 2 * reach)
        return height, width

    def _begin(self) -> None:
        """Begin far apart: even chains let the finds join one another, odd ones give each find a strike of its own."""
        for i in range(self.tables.count):
            if self.number % 2 and self.items.fresh[i] > 0:
                sampler.found_strike(
                    self.field, self.items, self.records, self.state, self.scratch, self.rng, i, sampler.FREE
                )
            else:
                sampler.allocate(self.field, self.items, self.records, self.state, self.scratch, self.rng, i)

    def advance(
        self, sweeps: int, keep: bool, stop: threading.Event, moved: Callable[[int], None] = lambda n: None
    ) -> None:
        """Move on by `sweeps`; keep traces and evenly spaced states if asked; leave early when `stop` is set."""
        count = self.tables.count
        step = max(1, sweeps // min(max(KEPT, KEPT_SMALL // count), 4000))
        proposals = count / 80.0
        for done in range(0, sweeps, step):
            if stop.is_set():
                return
            trace = np.zeros((min(step, sweeps - done), 2))
            sampler.sweep(
                self.field, self.items, self.records, self.boxes, self.state, self.scratch, self.rng,
                len(trace), proposals, self.covered, self.swept * self.covered, trace,
            )  # fmt: skip
            self.swept += len(trace)
            moved(len(trace))
            if keep:
                self.traces.append(trace)
                self._keep(done // step)

    def _keep(self, number: int) -> None:
        s = self.state
        used = np.flatnonzero(s.finds[: s.top[0]] > 0)
        place = np.full(s.finds.size + 1, -1, np.int32)
        place[used] = np.arange(len(used))
        times = min(max(REDRAWN // self.tables.count, 1), 8)
        templates = np.stack([s.footprint[used], s.row[used], s.col[used]], axis=1)[None]
        if times > 1:
            templates = np.empty((times, len(used), 3), np.int32)
            sampler.redraw_templates(
                self.field, self.items, self.records, s, self.scratch, self.rng, used, templates
            )
        finds, record, strikes, keep = s.finds[used], s.record[used], place[s.strike], self.boxes.keep.copy()
        for template in templates:
            footprint, row, col = template.T
            exposure = self.field.exposure[footprint, row, col]
            self.kept.append((footprint, row, col, finds, record, exposure, strikes, keep))
        if self.covered and number % 8 == 0:
            sampler.add_snapshot(self.field, self.boxes, self.density, self.weight, self.box_weight)
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
