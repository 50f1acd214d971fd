"""Particles of one group of finds: compiled loops that weigh them, move them and sum what their strikes left.

Reads   `Swarm` (which strike each find belongs to, and each strike's template and record, particle by particle), `World`
Gives   log weights, moved particles, sums over footprints
Knows   nothing of maps of the whole grid, of strikes without finds, or of when to resample
Start   at `move_particles`; `model/groups.py` is the only caller

Shapes and rates of items are given by record, those of free strikes last, so that FREE, which is −1, finds them.
Symbols: a, b Gamma prior of a strike's items, e exposure, B = b + e, n finds of a strike, k_j(x) footprint.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from fadeout.model.compiled import compiled, compiled_fast
from fadeout.model.exposing import exp_of, log_of
from fadeout.model.sampler import allocate, relocate, slide
from fadeout.model.splitting import split_or_merge
from fadeout.model.world import FREE, World


class Swarm(NamedTuple):
    """P particles of n finds; slots of strikes with finds == 0 are free. Centres are lattice rows and columns."""

    strike: Any  # int32 (P, n), slot or BACKGROUND
    footprint: Any  # int32 (P, n + 1)
    row: Any  # int32 (P, n + 1)
    col: Any  # int32 (P, n + 1)
    finds: Any  # int32 (P, n + 1)
    record: Any  # int32 (P, n + 1), the recorded strike, or FREE
    top: Any  # int64 (P,), one past the highest slot in use


@compiled
def load(world: World, swarm: Swarm, p: int, top: int, left: int, local: Any) -> None:
    """Lay particle p into the world's state, whose places are relative to (top, left).

    `local` gives the world's number of each record, FREE last.
    """
    state = world.state
    state.slot[:] = FREE
    state.strike[:] = swarm.strike[p]
    state.top[0] = swarm.top[p]
    for k in range(state.finds.size):
        state.finds[k] = swarm.finds[p, k]
        state.footprint[k] = swarm.footprint[p, k]
        state.row[k], state.col[k] = swarm.row[p, k] - top, swarm.col[p, k] - left
        state.record[k] = local[swarm.record[p, k]] if swarm.finds[p, k] > 0 else FREE
        if state.record[k] != FREE:
            state.slot[state.record[k]] = k


@compiled
def store(world: World, swarm: Swarm, p: int, top: int, left: int, records: Any) -> None:
    """Write the world's state back to particle p; `records` names the world's records, FREE last."""
    state = world.state
    swarm.strike[p] = state.strike
    swarm.top[p] = state.top[0]
    for k in range(state.finds.size):
        swarm.finds[p, k] = state.finds[k]
        swarm.footprint[p, k] = state.footprint[k]
        swarm.record[p, k] = records[state.record[k]] if state.finds[k] > 0 else FREE
        swarm.row[p, k], swarm.col[p, k] = state.row[k] + top, state.col[k] + left


@compiled
def reweigh(swarm: Swarm, before: Any, after: Any, top: int, left: int, shapes: Any, rates: Any) -> Any:
    """Change of log weight, −Σ_k (a + n_k) log(B'/B), when exposures in a window with corner (top, left) grew."""
    out = np.zeros(swarm.top.size)
    high, wide = before.shape[1], before.shape[2]
    for p in range(swarm.top.size):
        for k in range(swarm.top[p]):
            r, c = swarm.row[p, k] - top, swarm.col[p, k] - left
            if swarm.finds[p, k] > 0 and 0 <= r < high and 0 <= c < wide:
                j, m = swarm.footprint[p, k], swarm.record[p, k]
                grown = math.log((rates[m] + after[j, r, c]) / (rates[m] + before[j, r, c]))
                out[p] -= (shapes[m] + swarm.finds[p, k]) * grown
    return out


@compiled
def weight_of_known(
    swarm: Swarm, kernels: Any, exposure: Any, row: int, col: int, shapes: Any, rates: Any
) -> Any:
    """Σ_k k_j(x) (a + n_k)/B of each particle: rate of finds, per unit of detection, in the cell at a lattice place."""
    out = np.zeros(swarm.top.size)
    reach = kernels.shape[1] // 2
    for p in range(swarm.top.size):
        for k in range(swarm.top[p]):
            dr, dc = row - swarm.row[p, k], col - swarm.col[p, k]
            if swarm.finds[p, k] > 0 and abs(dr) <= reach and abs(dc) <= reach:
                j, m = swarm.footprint[p, k], swarm.record[p, k]
                rate = rates[m] + exposure[j, swarm.row[p, k], swarm.col[p, k]]
                out[p] += kernels[j, dr + reach, dc + reach] * (shapes[m] + swarm.finds[p, k]) / rate
    return out


@compiled
def take_in(
    world: World, rng: Any, swarm: Swarm, start: int, stop: int, top: int, left: int, local: Any, records: Any
) -> None:
    """Allocate the last find, new to these particles, by its weights given the others."""
    i = world.items.row.size - 1
    for p in range(start, stop):
        load(world, swarm, p, top, left, local)
        allocate(world, rng, i)
        store(world, swarm, p, top, left, records)


@compiled
def move_particles(
    world: World,
    rng: Any,
    swarm: Swarm,
    start: int,
    stop: int,
    top: int,
    left: int,
    local: Any,
    records: Any,
    active: Any,
    sweeps: int,
) -> None:
    """Move particles on by sweeps over the finds in `active`, each leaving the posterior as it is."""
    state = world.state
    seen = np.zeros(state.finds.size, np.bool_)
    for p in range(start, stop):
        load(world, swarm, p, top, left, local)
        for _ in range(sweeps):
            for n in range(active.size):
                allocate(world, rng, active[n])
            seen[:] = False
            for n in range(active.size):
                k = state.strike[active[n]]
                if k >= 0 and not seen[k]:
                    seen[k] = True
                    if rng.random() < 0.5:
                        relocate(world, rng, k)
                    else:
                        slide(world, rng, k)
            if rng.random() < active.size / 40.0:
                split_or_merge(world, rng)
        store(world, swarm, p, top, left, records)


@compiled_fast
def sum_known(
    kernels: Any,
    extent: Any,
    swarm: Swarm,
    start: int,
    stop: int,
    weight: Any,
    exposure: Any,
    margin: int,
    keep: Any,
    shapes: Any,
    rates: Any,
    side: int,
    detection: float,
    corner: Any,
    mean: Any,
    none: Any,
    boxes: Any,
) -> None:
    """Add weighted sums over particles: expected items left, P(none) − 1 by cell, and P(no find) − 1 by block of cells.

    `mean` and `none` begin at the grid cell `corner`, which is the corner of a block of side × side cells; `extent`
    (J, 2) is how far each kernel reaches down and across.
    """
    high, wide = mean.shape
    log_none, log_boxes = np.zeros((high, wide), np.float32), np.zeros(boxes.shape, np.float32)
    share, lines = np.zeros(boxes.shape[1], np.float64), np.empty((4, wide), np.float32)
    begun, ended = np.full(high, wide), np.zeros(high, np.int64)  # columns touched, by row
    for p in range(start, stop):
        if weight[p] <= 0.0:
            continue
        low, last = high, -1
        for k in range(swarm.top[p]):
            if swarm.finds[p, k] == 0:
                continue
            j, row, col = swarm.footprint[p, k], swarm.row[p, k], swarm.col[p, k]
            b = rates[swarm.record[p, k]] + exposure[j, row, col]
            power = shapes[swarm.record[p, k]] + swarm.finds[p, k]
            row, col = row - margin - corner[0], col - margin - corner[1]
            r0, r1 = max(0, row - extent[j, 0]), min(high, row + extent[j, 0] + 1)
            c0, c1 = max(0, col - extent[j, 1]), min(wide, col + extent[j, 1] + 1)
            if c1 <= c0 or r1 <= r0:
                continue
            for r in range(r0, r1):
                begun[r], ended[r] = min(begun[r], c0), max(ended[r], c1)
            low, last = min(low, r0), max(last, r1 - 1)
            add_strike(
                kernels[j], (r0, r1, c0, c1), row, col, power, b, weight[p], keep, side, detection, mean,
                log_none, log_boxes, share, lines,
            )  # fmt: skip
        close_cells(weight[p], low, last, begun, ended, log_none, none, lines)
        close_boxes(weight[p], low, last, side, log_boxes, boxes)


@compiled_fast
def add_strike(
    kernel: Any,
    window: Any,
    row: int,
    col: int,
    power: float,
    b: float,
    weight: float,
    keep: Any,
    side: int,
    detection: float,
    mean: Any,
    log_none: Any,
    log_boxes: Any,
    share: Any,
    lines: Any,
) -> None:
    """Add what one strike left to `mean`, and its log P(none) to the particle's own, by cell and by block."""
    reach = kernel.shape[0] // 2
    r0, r1, c0, c1 = window
    n, one, many, over = c1 - c0, np.float32(1.0), np.float32(power), np.float32(1.0 / b)
    left, line, logs, room = lines[0, :n], lines[1, :n], lines[2, :n], lines[3, :n]
    scale = weight * power / b
    share[:] = 0.0
    for r in range(r0, r1):
        near = kernel[r - row + reach, c0 - col + reach : c1 - col + reach]
        kept, out = keep[r, c0:c1], mean[r, c0:c1]
        for c in range(n):
            left[c] = near[c] * kept[c]
            line[c] = one + over * left[c]
        for c in range(n):
            out[c] += scale * left[c]
        log_of(line, logs, room)
        into = log_none[r, c0:c1]
        for c in range(n):
            into[c] -= many * logs[c]
        for c in range(n):
            share[(c + c0) // side] += left[c]
        if (r + 1) % side == 0 or r == r1 - 1:
            for u in range(c0 // side, (c1 - 1) // side + 1):
                log_boxes[r // side, u] -= many * math.log1p(detection * share[u] * over)
                share[u] = 0.0


@compiled_fast
def close_cells(
    weight: float, low: int, last: int, begun: Any, ended: Any, log_none: Any, none: Any, lines: Any
) -> None:
    """Add one particle's P(none) − 1 by cell, rows low to last, and clear what it was made of."""
    one = np.float32(1.0)
    for r in range(low, last + 1):
        c0, c1 = begun[r], ended[r]
        if c1 <= c0:
            continue
        logs, line, out = log_none[r, c0:c1], lines[0, : c1 - c0], none[r, c0:c1]
        exp_of(logs, line, lines[1, : c1 - c0])
        for c in range(line.size):
            out[c] += weight * (line[c] - one)
        logs[:] = 0.0
        begun[r], ended[r] = none.shape[1], 0


@compiled_fast
def close_boxes(weight: float, low: int, last: int, side: int, log_boxes: Any, boxes: Any) -> None:
    """The same by block."""
    if last < 0:
        return
    for t in range(low // side, last // side + 1):
        for u in range(boxes.shape[1]):
            if log_boxes[t, u] != 0.0:
                boxes[t, u] += weight * math.expm1(log_boxes[t, u])
                log_boxes[t, u] = 0.0


@compiled_fast
def shares_in_regions(
    kernels: Any, extent: Any, swarm: Swarm, start: int, stop: int, margin: int, left: Any, out: Any
) -> None:
    """Fill out (P, slots, regions) with the share of each strike that lies undetected in each region.

    `left` (regions, rows, cols) is the region times what search left.
    """
    reach = kernels.shape[1] // 2
    regions, rows, cols = left.shape
    for p in range(start, stop):
        for k in range(swarm.top[p]):
            if swarm.finds[p, k] == 0:
                continue
            j, row, col = swarm.footprint[p, k], swarm.row[p, k] - margin, swarm.col[p, k] - margin
            c0, c1 = max(0, col - extent[j, 1]), min(cols, col + extent[j, 1] + 1)
            if c1 <= c0:
                continue
            for g in range(regions):
                total = 0.0
                for r in range(max(0, row - extent[j, 0]), min(rows, row + extent[j, 0] + 1)):
                    kernel = kernels[j, r - row + reach, c0 - col + reach : c1 - col + reach]
                    kept, part = left[g, r, c0:c1], np.float32(0.0)
                    for c in range(kernel.size):
                        part += kernel[c] * kept[c]
                    total += float(part)
                out[p, k, g] = total
