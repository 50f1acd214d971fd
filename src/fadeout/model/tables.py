"""The tables that every chain starts from: exposures, kernels, finds, records, stopped boxes.

Reads   checked effort, a lattice, a prior and finds
Gives   `Tables`
Knows   nothing of moves or draws
Start   at `tabulate`
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from fadeout.model import blocks
from fadeout.model.effort import Effort, Lattice, StoppedBox
from fadeout.model.prior import Prior, RecordedStrike
from fadeout.model.world import Boxes, Field, Items, Records, Scratch, State, World

Array = NDArray[np.float64]
Ints = NDArray[np.int64]

START_SHARE = 0.5  # share of a stopped box covered, where the chains begin
BOXES_A_BATCH = 64  # stopped boxes whose shares are accepted or not together, at most
PLACE_REACH = 4.0  # a record's place is followed to this many standard deviations
LOG_ZERO = -1e4  # log density of strikes that the prior rules out


@dataclass(frozen=True, eq=False)
class Tables:
    """What every chain starts from; with stopped boxes each chain moves a copy of its own."""

    prior: Prior
    field: Field
    items: Items
    records: Records
    boxes: Boxes

    @property
    def count(self) -> int:
        """Number of found items."""
        return int(self.items.row.size)


def idle_state(finds: int, records: int) -> State:
    """Give the state in which no find belongs to a strike yet."""
    slots = finds + 1

    def column() -> NDArray[np.int32]:
        return np.zeros(slots, np.int32)

    nothing = np.full(slots, -1, np.int32)
    return State(
        strike=np.full(finds, -1, np.int32),
        footprint=column(),
        row=column(),
        col=column(),
        finds=column(),
        record=nothing,
        slot=np.full(records, -1, np.int32),
        top=np.zeros(1, np.int64),
    )


def idle_scratch(
    finds: int, records: int, kernels: tuple[int, int, int], boxes: int, batch: tuple[int, int]
) -> Scratch:
    """Give room for the moves: for kernels of shape (J, W, W) and a window around the widest batch of stopped boxes."""
    room = finds + records + kernels[0] + 3
    return Scratch(
        like=np.zeros(kernels, np.float32),
        value=np.zeros(kernels, np.float32),
        weight=np.zeros(room),
        choice=np.zeros(room, np.int32),
        member=np.zeros(finds, np.int32),
        other=np.zeros(finds, np.int32),
        side=np.zeros(finds, np.int8),
        final=np.zeros(finds, np.int8),
        template=np.zeros(3, np.int32),
        total=np.zeros(2),
        window=np.zeros(4, np.int32),
        growth=np.zeros((kernels[0], *batch), np.float32),
        share=np.zeros(boxes),
        mean=np.zeros(finds + 1),
        change=np.zeros(records),
        stale=np.zeros(finds, np.uint8),
    )


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
    log_rate = np.log(exposure + np.float32(prior.items_rate))
    table = Field(
        lattice.kernels.astype(np.float32),
        log_kernel,
        exposure,
        ground,
        log_rate,
        _joined(log_rate, log_density, prior),
        log_density,
        log_weight,
        float(prior.items_shape),
        float(prior.items_rate),
    )
    places = (finds + lattice.margin).astype(np.int32)
    items = _items(prior, lattice, places)
    records = _records(items, prior, lattice)
    world = World(table, items, records, boxes, idle_state(0, 0), idle_scratch(0, 0, (0, 0, 0), 0, (0, 0)))
    for i in range(len(places)):
        blocks.tabulate_fresh(world, i)
    for m in range(records.top.size):
        blocks.tabulate_unseen(world, m)
    for i in range(len(places)):
        blocks.tabulate_records(world, i)
    _check_explained(items, records, finds)
    return Tables(prior, table, items, records, boxes)


def _joined(log_rate: NDArray[np.float32], log_density: Array, prior: Prior) -> NDArray[np.float32]:
    """Weight of a first item of a free strike, before its kernel: ρ_j (b/B)^a (a/B), for each template."""
    shape, rate = prior.items_shape, prior.items_rate
    scale = (log_density + shape * math.log(rate) + math.log(shape)).astype(np.float32)[:, None, None]
    joined = log_rate * np.float32(-(shape + 1.0))
    joined += scale
    np.exp(joined, out=joined)
    return joined


def _boxes(effort: Effort, lattice: Lattice) -> Boxes:
    cells = np.argwhere(effort.box_cells)
    index = np.full(effort.grid.shape, -1)
    index[effort.box_cells] = np.arange(len(cells))
    side = 2 * lattice.reach + 1
    stopped = sorted(effort.stopped, key=lambda box: _square(box, side))
    lists = [index[box.mask & ~effort.excluded] for box in stopped]
    keep = effort.keep[effort.box_cells].copy()
    for box, members in zip(stopped, lists, strict=True):
        keep[members] *= 1.0 - box.detection * START_SHARE
    return Boxes(
        np.concatenate([[0], np.cumsum([len(members) for members in lists])]).astype(np.int64),
        _batches(lists, [_square(box, side) for box in stopped]),
        np.concatenate([*lists, np.empty(0, dtype=int)]).astype(np.int32),
        (cells[:, 0] + lattice.margin).astype(np.int32),
        (cells[:, 1] + lattice.margin).astype(np.int32),
        keep,
        np.array([box.detection for box in stopped], dtype=np.float64),
        np.full(len(lists), START_SHARE),
    )


def _square(box: StoppedBox, side: int) -> tuple[int, int]:
    """Which square of `side` cells the first cell of a box lies in."""
    row, col = np.unravel_index(int(np.argmax(box.mask)), box.mask.shape)
    return int(row) // side, int(col) // side


def _batches(boxes: Sequence[Ints], squares: Sequence[tuple[int, int]]) -> Ints:
    """Part sorted boxes where the next lies in another square, shares a cell with its batch, or is one too many."""
    first, used = [0], set[int]()
    for number, cells in enumerate(boxes):
        elsewhere = number and squares[number] != squares[number - 1]
        full = number - first[-1] >= BOXES_A_BATCH
        if number > first[-1] and (elsewhere or full or used.intersection(cells.tolist())):
            first.append(number)
            used = set()
        used.update(cells.tolist())
    return np.array([*first, len(boxes)] if boxes else [0], dtype=np.int64)


def _items(prior: Prior, lattice: Lattice, places: NDArray[np.int32]) -> Items:
    count, side = len(places), 2 * lattice.reach + 1
    near_first, near = _near(places, 2 * lattice.reach)
    return Items(
        np.ascontiguousarray(places[:, 0]),
        np.ascontiguousarray(places[:, 1]),
        np.zeros((count, len(lattice), side)),
        np.zeros(count),
        near_first,
        near,
        prior.background_per_km2 * lattice.grid.cell_km2,
    )


def _near(places: NDArray[np.int32], distance: int) -> tuple[Ints, NDArray[np.int32]]:
    """List, for each item, the others within a square of `distance` cells: those that may share a strike with it."""
    if len(places) < 2:
        return np.zeros(len(places) + 1, dtype=np.int64), np.empty(0, dtype=np.int32)
    pairs = cKDTree(places).query_pairs(distance, p=np.inf, output_type="ndarray")
    both = np.concatenate([pairs, pairs[:, ::-1]])
    order = np.lexsort((both[:, 1], both[:, 0]))
    degree = np.bincount(both[:, 0], minlength=len(places))
    return np.concatenate([[0], np.cumsum(degree)]).astype(np.int64), both[order, 1].astype(np.int32)


def _records(items: Items, prior: Prior, lattice: Lattice) -> Records:
    supports = [_support(record, lattice) for record in prior.recorded]
    sizes = [log_place.size for _, _, log_place, _ in supports]
    first, entries = _record_entries(supports, items, lattice.reach)
    return Records(
        np.array([top for top, *_ in supports], dtype=np.int32),
        np.array([left for _, left, *_ in supports], dtype=np.int32),
        np.array([log_place.shape[0] for _, _, log_place, _ in supports], dtype=np.int32),
        np.array([log_place.shape[1] for _, _, log_place, _ in supports], dtype=np.int32),
        np.concatenate([[0], np.cumsum(sizes)])[: len(supports)].astype(np.int64),
        np.concatenate([*(log_place.ravel() for _, _, log_place, _ in supports), np.empty(0)]).astype(
            np.float32
        ),
        np.zeros(len(lattice) * sum(sizes), np.float32),
        np.zeros(len(lattice) * sum(sizes), np.float32),
        np.array([outside for *_, outside in supports], dtype=np.float64),
        np.array([record.credibility for record in prior.recorded], dtype=np.float64),
        np.array([record.items_shape or prior.items_shape for record in prior.recorded], dtype=np.float64),
        np.array([_record_rate(record, prior) for record in prior.recorded], dtype=np.float64),
        np.ones(len(supports)),
        first,
        entries,
        np.zeros(len(entries)),
    )


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
    supports: Sequence[tuple[int, int, Array, float]], items: Items, reach: int
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


def _check_explained(items: Items, records: Records, finds: Ints) -> None:
    for i in range(len(finds)):
        joined = records.entry_weight[records.first[i] : records.first[i + 1]]
        chances = records.credibility[records.entry_record[records.first[i] : records.first[i + 1]]]
        if not items.fresh[i] + items.stray + float((joined * chances).sum()) > 1e-300:
            raise ValueError(
                f"find {i} at row {finds[i, 0]}, col {finds[i, 1]} cannot be explained: the prior has no strikes, no "
                "background and no recorded strike in reach of it"
            )
