"""The tables that every chain starts from: exposures, kernels, finds, records, stopped boxes, part by part.

Reads   checked effort, a lattice, a prior and finds
Gives   `Tables`, whose `Part`s may be sampled apart
Knows   nothing of moves or draws
Start   at `tabulate`

Finds farther apart than two reaches of a footprint cannot share a strike. So the lattice falls into parts: the centres
in reach of any find or stopped box and the places of records, where these touch; and the rest, where nothing is to be
sampled and only sums over centres are needed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from fadeout.model import blocks, exposing
from fadeout.model.effort import Effort, Lattice, StoppedBox
from fadeout.model.finding import Places, make_items, places_of
from fadeout.model.prior import Prior
from fadeout.model.recording import LOG_ZERO, Support, make_records, support_of
from fadeout.model.world import Boxes, Field, Items, Records, Scratch, State, World

Array = NDArray[np.float64]
Ints = NDArray[np.int64]
Images = NDArray[np.float32]

START_SHARE = 0.5  # share of a stopped box covered, where the chains begin
BOXES_A_BATCH = 64  # stopped boxes whose shares are accepted or not together, at most
BINS_AN_OCTAVE = (
    16  # of the exposures of the rest: a bin is 6 % wide, and its mean is kept, so that sums over
)
# 1 − (b/(b + e))^a are right to half the variance within bins times the curvature, below 2e-4 of themselves
MOST_PARTS = 16  # parts; more are gathered by where they lie, since each costs time of its own in every sweep
MIXES = 8  # levels by which bins tell apart how much each layer of search gives to an exposure


@dataclass(frozen=True, eq=False)
class Part:
    """Finds that may share strikes, with the records and stopped boxes in their reach, on a window of the lattice.

    Places in `field` … `boxes` are relative to the window. `bases` (layers, J, rows, cols) are exposures by layer of
    search; `active` (rows, cols) is 1 at the centres that belong to this part and 0 elsewhere.
    """

    top: int
    left: int
    finds: Ints  # which finds
    records: Ints  # which records
    stopped: Ints  # which stopped boxes
    field: Field
    items: Items
    recorded: Records
    boxes: Boxes
    bases: Images
    active: NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Rest:
    """Centres of no part, in bins of much the same exposure: footprint, count, mean exposure by layer."""

    footprint: Ints
    count: Array
    exposure: Array  # (bins, layers)


@dataclass(frozen=True, eq=False)
class Tables:
    """What every chain starts from. `bases` (layers) of (J, rows, cols) over all centres leave out stopped boxes."""

    prior: Prior
    effort: Effort
    lattice: Lattice
    bases: tuple[Images, ...]
    supports: tuple[Support, ...]
    parts: tuple[Part, ...]
    rest: Rest
    finds: Ints  # (n, 2) on the grid
    box_row: Ints  # cells of stopped boxes on the grid, part after part
    box_col: Ints

    @property
    def count(self) -> int:
        """Number of found items."""
        return len(self.finds)

    @property
    def learns(self) -> bool:
        """Whether the data may move anything of the prior or of the methods."""
        return self.prior.learned.any or any(m.certainty is not None for m in self.effort.methods)


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
        total=np.zeros(4),
        window=np.zeros((kernels[0] + 1, 4), np.int32),
        growth=np.zeros((kernels[0], *batch), np.float32),
        share=np.zeros(boxes),
        mean=np.zeros(finds + 1),
        change=np.zeros(records),
        stale=np.zeros(finds, np.uint8),
    )


def tabulate(
    effort: Effort, lattice: Lattice, prior: Prior, finds: Ints, errors: Array | None = None
) -> Tables:
    """Make the tables: exposures by layer, and for each part kernels, first-item weights, records, boxes.

    errors (n,) are the standard deviations, in metres, of the finds' places.
    """
    bases = tuple(lattice.gather_all(layer) for layer in effort.layers)
    supports = tuple(support_of(record, lattice) for record in prior.recorded)
    places = places_of(effort, finds, errors)
    labels, count = _labels(effort, lattice, supports, finds, places)
    strengths = effort.strengths(means(effort))
    maker = _Maker(
        effort, lattice, prior, finds, places, bases, supports, strengths, _ground(effort, lattice)
    )
    windows = ndimage.find_objects(labels)
    parts = tuple(maker.part(labels, number, windows[number - 1]) for number in range(1, count + 1))
    for part in parts:
        _check_explained(part, finds)
    cells = [part.boxes.row + part.top - lattice.margin for part in parts]
    across = [part.boxes.col + part.left - lattice.margin for part in parts]
    none = np.empty(0, dtype=np.int64)
    return Tables(
        prior=prior,
        effort=effort,
        lattice=lattice,
        bases=bases,
        supports=supports,
        parts=parts,
        rest=_rest(bases, labels, strengths)
        if needs_sums(effort, prior)
        else Rest(none, np.empty(0), np.empty((0, 1))),
        finds=finds,
        box_row=np.concatenate([none, *cells]).astype(np.int64),
        box_col=np.concatenate([none, *across]).astype(np.int64),
    )


def needs_sums(effort: Effort, prior: Prior) -> bool:
    """Whether sums over the rest of the lattice are ever asked for."""
    return prior.learned.any or any(method.certainty is not None for method in effort.methods)


def means(effort: Effort) -> Array:
    """Detection of each method before any data."""
    return np.array([method.detection for method in effort.methods])


def _ground(effort: Effort, lattice: Lattice) -> Images:
    """Share of each template that lies on ground of the grid that can hold items."""
    return lattice.gather_all((~effort.excluded).astype(np.float64))


def _labels(
    effort: Effort,
    lattice: Lattice,
    supports: Sequence[Support],
    finds: Ints,
    places: Sequence[Places],
) -> tuple[NDArray[np.int32], int]:
    """Number the parts over the lattice, 0 where there is none."""
    seen = np.zeros(lattice.shape, dtype=bool)
    m = lattice.margin
    seen[finds[:, 0] + m, finds[:, 1] + m] = True
    for place in places:
        seen[place.row + m, place.col + m] = True
    rows, cols = np.nonzero(effort.box_cells)
    seen[rows + m, cols + m] = True
    side = 2 * lattice.reach + 1
    reached = ndimage.maximum_filter(seen.view(np.uint8), size=side, mode="constant").astype(bool)
    for box in effort.stopped:  # with all between its cells, so that it lies in one part
        rows, cols = np.nonzero(box.mask)
        reached[rows.min() + m : rows.max() + m + 1, cols.min() + m : cols.max() + m + 1] = True
    for support in supports:
        high, wide = support.log_place.shape
        reached[support.top : support.top + high, support.left : support.left + wide] = True
    labels, count = ndimage.label(reached, structure=np.ones((3, 3)), output=np.int32)
    return _gathered(labels, int(count))


def _gathered(labels: NDArray[np.int32], count: int) -> tuple[NDArray[np.int32], int]:
    """Gather parts that begin in the same of a few tiles of the lattice, where there are many."""
    if count <= MOST_PARTS:
        return labels, count
    tiles = math.isqrt(MOST_PARTS)
    high, wide = labels.shape
    corners = [(w[0].start + w[0].stop, w[1].start + w[1].stop) for w in ndimage.find_objects(labels)]
    tile = [r * tiles // (2 * high) * tiles + c * tiles // (2 * wide) for r, c in corners]
    names, of = np.unique(tile, return_inverse=True)
    return np.concatenate([[0], of + 1]).astype(np.int32)[labels], len(names)


def _rest(bases: Sequence[Images], labels: NDArray[np.int32], strengths: Array) -> Rest:
    """Bin the centres of no part by exposure and by how much each layer gives to it."""
    outside = labels == 0
    footprint, counts, exposures = [], [], []
    for j in range(bases[0].shape[0]):
        layers = np.stack([base[j][outside] for base in bases], axis=1)
        whole = layers @ strengths.astype(np.float32)
        some = whole > 1e-7
        layers, whole = layers[some], whole[some]
        key = np.floor(np.log2(whole) * BINS_AN_OCTAVE).astype(np.int64)
        for n in range(1, layers.shape[1]):
            mix = np.rint(layers[:, n] * np.float32(strengths[n]) / whole * MIXES).astype(np.int64)
            key = key * (MIXES + 1) + np.clip(mix, 0, MIXES)
        _, of, count = np.unique(key, return_inverse=True, return_counts=True)
        sums = [np.bincount(of, weights=layers[:, n], minlength=len(count)) for n in range(layers.shape[1])]
        footprint.append(np.full(len(count), j))
        counts.append(count.astype(np.float64))
        exposures.append(np.stack(sums, axis=1) / np.maximum(count, 1)[:, None])
    return Rest(np.concatenate(footprint), np.concatenate(counts), np.concatenate(exposures))


@dataclass(frozen=True, eq=False)
class _Maker:
    """What the parts are cut from."""

    effort: Effort
    lattice: Lattice
    prior: Prior
    finds: Ints
    places: Sequence[Places]
    bases: Sequence[Images]
    supports: Sequence[Support]
    strengths: Array
    ground: Images

    def part(self, labels: NDArray[np.int32], number: int, window: tuple[slice, slice]) -> Part:
        """Cut one part out of the lattice."""
        lattice, prior = self.lattice, self.prior
        top, left = window[0].start, window[1].start
        m = lattice.margin
        mine = np.flatnonzero(labels[self.finds[:, 0] + m, self.finds[:, 1] + m] == number)
        records = np.array(
            [n for n, s in enumerate(self.supports) if s.log_place.size and labels[s.top, s.left] == number],
            dtype=np.int64,
        )
        bases = np.stack([base[(slice(None), *window)] for base in self.bases])
        stopped, boxes = _boxes(self.effort, lattice, labels, number, (top, left), self.strengths)
        exposure = np.zeros(bases.shape[1:], dtype=np.float32)
        exposing.add_up(bases, self.strengths, exposure)
        kernel = lattice.kernels.astype(np.float32)
        extra = extra_detection(boxes, self.strengths)
        exposing.stamp_cells(kernel, lattice.extents, boxes.row, boxes.col, extra, exposure)
        field = self._field(kernel, exposure, np.ascontiguousarray(self.ground[(slice(None), *window)]))
        cells = (self.finds[mine] + m - (top, left)).astype(np.int32)
        items = make_items(prior, lattice, cells, [self.places[int(n)] for n in mine], (m - top, m - left))
        supports = [
            Support(s.top - top, s.left - left, s.log_place, s.outside)
            for s in (self.supports[n] for n in records)
        ]
        recorded = make_records(items, prior, lattice, supports, [prior.recorded[n] for n in records])
        world = World(field, items, recorded, boxes, idle_state(0, 0), _no_scratch())
        tabulate_world(world)
        active = (labels[window] == number).astype(np.float32)
        return Part(top, left, mine, records, stopped, field, items, recorded, boxes, bases, active)

    def _field(self, kernel: Images, exposure: Images, ground: Images) -> Field:
        lattice, prior = self.lattice, self.prior
        per_centre = prior.strikes_per_km2 * lattice.grid.cell_km2 * lattice.weights
        with np.errstate(divide="ignore"):
            log_density = np.maximum(np.log(per_centre), LOG_ZERO)
            log_weight = np.maximum(np.log(lattice.weights), LOG_ZERO)
        log_kernel = lattice.log_kernels
        log_rate, joined = np.empty_like(exposure), np.empty_like(exposure)
        return Field(
            kernel,
            log_kernel,
            lattice.extents,
            exposure,
            ground,
            log_rate,
            joined,
            log_density,
            log_weight,
            float(prior.items_shape),
            float(prior.items_rate),
        )


def _no_scratch() -> Scratch:
    return idle_scratch(0, 0, (0, 0, 0), 0, (0, 0))


def tabulate_world(world: World) -> None:
    """Fill all that follows from exposures and from what is believed of strikes, records and background."""
    field = world.field
    exposing.tabulate_field(
        field.exposure, field.log_density, field.shape, field.rate, field.log_rate, field.joined
    )
    blocks.tabulate_all(world)


def extra_detection(boxes: Boxes, strengths: Array) -> Array:
    """What stopped boxes detect, in their cells, beyond the layers of other search: keep without them less keep."""
    return np.asarray(boxes.open * (1.0 - boxes.layers @ strengths) - boxes.keep)


def box_keep(boxes: Boxes, strengths: Array) -> Array:
    """What all search leaves in the stopped boxes' cells, at their present detections and shares."""
    keep = boxes.open * np.maximum(1.0 - boxes.layers @ strengths, 0.0)
    for b in range(boxes.share.size):
        keep[boxes.cell[boxes.first[b] : boxes.first[b + 1]]] *= 1.0 - boxes.detection[b] * boxes.share[b]
    return np.asarray(keep)


def _boxes(
    effort: Effort,
    lattice: Lattice,
    labels: NDArray[np.int32],
    number: int,
    corner: tuple[int, int],
    strengths: Array,
) -> tuple[Ints, Boxes]:
    """The stopped boxes of one part, and which they are."""
    m = lattice.margin
    inside = labels[lattice.inside] == number
    all_cells = effort.box_cells & inside
    cells = np.argwhere(all_cells)
    index = np.full(effort.grid.shape, -1)
    index[all_cells] = np.arange(len(cells))
    side = 2 * lattice.reach + 1
    mine = [
        b
        for b, box in enumerate(effort.stopped)
        if inside[np.unravel_index(np.argmax(box.mask), inside.shape)]
    ]
    mine.sort(key=lambda b: _square(effort.stopped[b], side))
    stopped = [effort.stopped[b] for b in mine]
    lists = [index[box.mask & ~effort.excluded] for box in stopped]
    layers = [layer[cells[:, 0], cells[:, 1]] for layer in effort.layers]
    boxes = Boxes(
        np.concatenate([[0], np.cumsum([len(members) for members in lists])]).astype(np.int64),
        _batches(lists, [_square(box, side) for box in stopped]),
        np.concatenate([*lists, np.empty(0, dtype=int)]).astype(np.int32),
        (cells[:, 0] + m - corner[0]).astype(np.int32),
        (cells[:, 1] + m - corner[1]).astype(np.int32),
        np.ones(len(cells)),
        np.array([_detection(effort, box) for box in stopped], dtype=np.float64),
        np.full(len(lists), START_SHARE),
        np.stack(layers, axis=1),
        (~effort.excluded[cells[:, 0], cells[:, 1]]).astype(np.float64),
        np.array([-1 if box.method is None else box.method for box in stopped], dtype=np.int64),
        np.array([box.later for box in stopped], dtype=np.float64),
    )
    boxes.keep[:] = box_keep(boxes, strengths)
    return np.array(mine, dtype=np.int64), boxes


def _detection(effort: Effort, box: StoppedBox) -> float:
    return box.detection if box.method is None else effort.methods[box.method].detection


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


def _check_explained(part: Part, finds: Ints) -> None:
    items, records = part.items, part.recorded
    for i, find in enumerate(part.finds):
        joined = records.entry_weight[records.first[i] : records.first[i + 1]]
        chances = records.credibility[records.entry_record[records.first[i] : records.first[i + 1]]]
        if not items.fresh[i] + items.stray + float((joined * chances).sum()) > 1e-300:
            raise ValueError(
                f"find {find} at row {finds[find, 0]}, col {finds[find, 1]} cannot be explained: the prior has no "
                "strikes, no background and no recorded strike in reach of it"
            )
