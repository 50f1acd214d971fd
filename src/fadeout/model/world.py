"""The tables and the state that the compiled moves of one chain read and write.

Reads   nothing
Gives   named tuples of arrays (compiled code takes them as they are), gathered in `World`
Knows   nothing of how tables are made or what moves do
Start   at `World`

Arrays over templates have shape (J footprints, rows, cols) over the lattice's centres.
Symbols: k_j(x) kernel, e exposure, a, b Gamma prior of a strike's items, B = b + e, ρ_j strikes per template.
"""

from __future__ import annotations

from typing import Any, NamedTuple

FREE = -1  # a strike that no record describes
BACKGROUND = -1  # an item that belongs to no strike


class Field(NamedTuple):
    """Templates: kernels (J, W, W) and their logs, exposures and log(b + e) over centres, prior of free strikes."""

    kernel: Any  # float32 (J, W, W)
    log_kernel: Any  # float32 (J, W, W)
    extent: Any  # int32 (J, 2), rows and columns from its centre that each kernel reaches
    exposure: Any  # float32 (J, rows, cols) over centres
    ground: Any  # float32 (J, rows, cols), share of the template on ground of the grid that can hold items
    log_rate: Any  # float32 (J, rows, cols), log(b + e)
    joined: Any  # float32 (J, rows, cols), ρ_j (b/B)^a (a/B): the weight of a first item before its kernel
    log_density: Any  # float64 (J,), log ρ_j per centre
    log_weight: Any  # float64 (J,), log of the footprints' prior weights
    shape: float  # a
    rate: float  # b


class Items(NamedTuple):
    """Found items in lattice rows and columns, and the weight of each starting a new free strike."""

    row: Any  # int32 (n,)
    col: Any  # int32 (n,)
    fresh_rows: Any  # float64 (n, J, W): by footprint and centre row
    fresh: Any  # float64 (n,)
    near_first: Any  # int64 (n + 1,), the items within two reaches of item i lie in near[near_first[i]:near_first[i + 1]]
    near: Any  # int32
    stray: float  # background items per cell
    place_first: (
        Any  # int64 (n + 1,), the cells where item i may lie are place_*[place_first[i]:place_first[i + 1]]
    )
    place_row: Any  # int32; an item whose place is certain has none
    place_col: Any  # int32
    place_weight: Any  # float64, chance of its place as recorded, were it there


class Records(NamedTuple):
    """Recorded strikes: support windows of their places, priors, and the weight of items joining them first."""

    top: Any  # int32 (m,), first lattice row of the support
    left: Any  # int32 (m,)
    height: Any  # int32 (m,)
    width: Any  # int32 (m,)
    start: Any  # int64 (m,), where its window begins in log_place
    log_place: Any  # float32, log of the place's prior over the support, flattened
    log_rate: (
        Any  # float32, log(b + e) of each record's templates: J × its support, flattened one after the other
    )
    joined: Any  # float32, the same for q(j) (b/B)^a (a/B): the weight of a first item before its kernel
    outside: Any  # float64 (m,), prior mass of places beyond the lattice
    credibility: Any  # float64 (m,)
    shape: Any  # float64 (m,)
    rate: Any  # float64 (m,)
    unseen: Any  # float64 (m,), w_r = Σ_j q_r(j) (b/(b+e))^a
    own: Any  # bool (m,), whether items per strike are the record's own; else they are those of all strikes
    first: Any  # int64 (n + 1,), item i's entries in entry_* lie between first[i] and first[i + 1]
    entry_record: Any  # int32
    entry_weight: Any  # float64, Σ_j q_r(j) (b/B)^a (a/B) k_j(x_i)


class Boxes(NamedTuple):
    """Boxes stopped at their first find: their cells in lattice places, detection and the share covered."""

    first: Any  # int64 (boxes + 1,)
    batch: (
        Any  # int64 (batches + 1,), boxes whose shares are drawn together: they lie near, and share no cell
    )
    cell: Any  # int32, index of the cell among all cells of stopped boxes
    row: Any  # int32 per cell of stopped boxes
    col: Any  # int32
    keep: Any  # float64 per cell of stopped boxes, with all searches
    detection: Any  # float64 (boxes,)
    share: Any  # float64 (boxes,), u
    layers: Any  # float64 (cells, layers), the area share of each layer of other search in the cells
    open: Any  # float64 (cells,), 1, or 0 in excluded ground
    method: Any  # int64 (boxes,), method whose detection is the box's, or -1
    later: Any  # float64 (boxes,), finds made there later, each missed with chance 1 − p u


class State(NamedTuple):
    """One chain. Slots of strikes with finds == 0 are free; `top[0]` is one past the highest slot in use."""

    strike: Any  # int32 (n,), slot of each item or BACKGROUND
    footprint: Any  # int32 (slots,)
    row: Any  # int32 (slots,), lattice row of the centre
    col: Any  # int32 (slots,)
    finds: Any  # int32 (slots,)
    record: Any  # int32 (slots,), FREE or the record
    slot: Any  # int32 (records,), slot of each record or -1
    top: Any  # int64 (1,)


class Scratch(NamedTuple):
    """Room to work in, one per chain."""

    like: Any  # float32 (J, W, W), Σ_i log k over the members
    value: Any  # float32 (J, W, W)
    weight: Any  # float64 (slots + records + 2,)
    choice: Any  # int32, same length
    member: Any  # int32 (n,)
    other: Any  # int32 (n,)
    side: Any  # int8 (n,)
    final: Any  # int8 (n,)
    template: Any  # int32 (3,): footprint, row, col drawn by `draw_template`
    total: Any  # float64 (4,): largest log weight and sum relative to it, left by `log_block`; options and their sum
    window: Any  # int32 (J + 1, 4): rows and columns of centres in reach of all members, by footprint; last, of any
    growth: (
        Any  # float32 (J, rows, cols), change of exposure around a batch of stopped boxes; empty without any
    )
    share: Any  # float64 (boxes,), proposed shares of a batch
    mean: Any  # float64 (slots,), items per strike drawn for a batch
    change: Any  # float64 (records,), change of w_r
    stale: Any  # uint8 (n,)


class World(NamedTuple):
    """All that a move reads and writes."""

    field: Field
    items: Items
    records: Records
    boxes: Boxes
    state: State
    scratch: Scratch
