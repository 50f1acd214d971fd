"""Boxes stopped at their first find: drawing the share that was covered.

Reads   `World`
Gives   new shares, with exposures, records and tables brought up to date
Knows   nothing of allocation
Start   at `cover_boxes`

With u the share covered, a box has effort p u. Items per strike of the occupied strikes are drawn first; then the u of
boxes that share no cell have density ∝ exp(−Σ_b p_b u_b Λ_b − Σ_j ρ_j [1 − (b / (b + e_j(u)))^a]) · Π_unseen records
(1 − c + c w(u)) · Π_b (1 − p_b u_b)^l_b, with Λ_b what the known strikes and the background leave in box b, and l_b the
finds made in it later. The first part parts into boxes and is drawn exactly; the rest couples boxes that lie near one
another, and decides on a batch of them at once.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from fadeout.model.blocks import (
    row_of_record,
    strike_rate,
    tabulate_fresh,
    tabulate_records,
)
from fadeout.model.compiled import compiled, compiled_fast
from fadeout.model.world import World

SMALL = 0.1  # below this share of growth, less where a > 1, powers and logarithms follow their series to 1e-5


@compiled_fast
def most_growth(growth: Any, exposure: Any, rate: Any) -> Any:
    """Largest |growth| / (rate + exposure) in a row; single precision, as everything here, so that more fits a vector."""
    most = np.float32(0.0)
    for c in range(growth.size):
        most = max(most, abs(growth[c]) / (rate + exposure[c]))
    return most


@compiled_fast
def change_in_row(joined: Any, growth: Any, exposure: Any, rate: float, a: float) -> float:
    """Change of Σ (b/B)^a, weighted as `joined` = weight · (b/B)^a (a/B), when exposures of a row grow."""
    one, b = np.float32(1.0), np.float32(rate)
    most, change = most_growth(growth, exposure, b), np.float32(0.0)
    if most == 0.0:
        return 0.0
    if most * max(a + 1.0, 2.0) > 2.0 * SMALL:
        for c in range(growth.size):
            before = rate + exposure[c]
            change += np.float32(joined[c] * before / a * ((1.0 + growth[c] / before) ** -a - 1.0))
        return float(change)
    f1, f2 = np.float32((a + 1.0) / 2.0), np.float32((a + 2.0) / 3.0)
    f3, f4 = np.float32((a + 3.0) / 4.0), np.float32((a + 4.0) / 5.0)
    for c in range(growth.size):
        t = growth[c] / (b + exposure[c])
        change -= joined[c] * growth[c] * (one - f1 * t * (one - f2 * t * (one - f3 * t * (one - f4 * t))))
    return float(change)


@compiled_fast
def grow_row(log_rate: Any, joined: Any, growth: Any, exposure: Any, rate: float, a: float) -> None:
    """Bring a row's log(b + e) and first-item weights up to date, before its exposures grow."""
    one, b, p = np.float32(1.0), np.float32(rate), np.float32(a + 1.0)
    most = most_growth(growth, exposure, b)
    if most * max(a + 1.0, 2.0) > 2.0 * SMALL:
        for c in range(growth.size):
            larger = 1.0 + growth[c] / (rate + exposure[c])
            log_rate[c] += np.float32(math.log(larger))
            joined[c] *= np.float32(larger ** -(a + 1.0))
    elif most > 0.0:
        f1, f2 = np.float32((a + 2.0) / 2.0), np.float32((a + 3.0) / 3.0)
        f3, f4 = np.float32((a + 4.0) / 4.0), np.float32((a + 5.0) / 5.0)
        g1, g2, g3, g4 = np.float32(1 / 2), np.float32(2 / 3), np.float32(3 / 4), np.float32(4 / 5)
        for c in range(growth.size):
            t = growth[c] / (b + exposure[c])
            log_rate[c] += t * (one - g1 * t * (one - g2 * t * (one - g3 * t * (one - g4 * t))))
            joined[c] *= one - p * t * (one - f1 * t * (one - f2 * t * (one - f3 * t * (one - f4 * t))))


@compiled
def reach_of_batch(world: World, first: int, last: int) -> Any:
    """Rows and columns of the centres whose strikes reach into boxes first to last − 1, (J + 1, 4).

    By footprint; last, of any footprint. Clears `scratch.growth` there.
    """
    field, boxes = world.field, world.boxes
    shapes, rows, cols = field.exposure.shape
    top, bottom, left, right = rows, 0, cols, 0
    for n in range(boxes.first[first], boxes.first[last]):
        x = boxes.cell[n]
        top, bottom = min(top, boxes.row[x]), max(bottom, boxes.row[x])
        left, right = min(left, boxes.col[x]), max(right, boxes.col[x])
    window = np.empty((shapes + 1, 4), np.int64)
    for j in range(shapes + 1):
        high = wide = field.kernel.shape[1] // 2
        if j < shapes:
            high, wide = field.extent[j, 0], field.extent[j, 1]
        window[j, 0], window[j, 1] = max(0, top - high), min(rows - 1, bottom + high)
        window[j, 2], window[j, 3] = max(0, left - wide), min(cols - 1, right + wide)
    high, wide = window[shapes, 1] - window[shapes, 0] + 1, window[shapes, 3] - window[shapes, 2] + 1
    world.scratch.growth[:, :high, :wide] = 0.0
    return window


@compiled
def draw_means(world: World, rng: Any, window: Any) -> None:
    """Draw items per strike, into `scratch.mean`, of the occupied strikes with a centre in the window; 0 elsewhere."""
    state = world.state
    r0, r1, c0, c1 = window[-1]
    for k in range(state.top[0]):
        world.scratch.mean[k] = 0.0
        if state.finds[k] > 0 and r0 <= state.row[k] <= r1 and c0 <= state.col[k] <= c1:
            rate, a = strike_rate(world, k)
            world.scratch.mean[k] = rng.standard_gamma(a + state.finds[k]) / rate


@compiled
def left_in_box(world: World, b: int) -> float:
    """Items that known strikes and background leave in box b, were box b not searched."""
    field, items, boxes, state = world.field, world.items, world.boxes, world.state
    reach = field.kernel.shape[1] // 2
    total = 0.0
    for n in range(boxes.first[b], boxes.first[b + 1]):
        x = boxes.cell[n]
        there = items.stray
        for k in range(state.top[0]):
            if world.scratch.mean[k] > 0:
                dr, dc = boxes.row[x] - state.row[k], boxes.col[x] - state.col[k]
                if abs(dr) <= reach and abs(dc) <= reach:
                    there += world.scratch.mean[k] * field.kernel[state.footprint[k], dr + reach, dc + reach]
        total += boxes.keep[x] * there
    return float(total / (1.0 - boxes.detection[b] * boxes.share[b]))


@compiled_fast
def add_growth(world: World, b: int, step: float, window: Any) -> None:
    """Add to `scratch.growth` what box b adds to exposures when its effort grows by `step`."""
    field, boxes = world.field, world.boxes
    reach = field.kernel.shape[1] // 2
    r0, c0 = window[-1, 0], window[-1, 2]
    for n in range(boxes.first[b], boxes.first[b + 1]):
        x = boxes.cell[n]
        top, left = boxes.row[x] - reach, boxes.col[x] - reach
        scale = np.float32(step * boxes.keep[x] / (1.0 - boxes.detection[b] * boxes.share[b]))
        for j in range(field.kernel.shape[0]):
            high, wide = field.extent[j, 0], field.extent[j, 1]
            lo, hi = max(window[j, 2], boxes.col[x] - wide), min(window[j, 3], boxes.col[x] + wide) + 1
            first, last = max(window[j, 0], boxes.row[x] - high), min(window[j, 1], boxes.row[x] + high)
            for r in range(first, last + 1):
                growth = world.scratch.growth[j, r - r0, lo - c0 : hi - c0]
                kernel = field.kernel[j, r - top, lo - left : hi - left]
                for c in range(hi - lo):
                    growth[c] += scale * kernel[c]


@compiled
def unseen_change(world: World, m: int, window: Any) -> float:
    """Change of w_r of recorded strike m when exposures grow by `scratch.growth`."""
    field, records = world.field, world.records
    r0, c0 = window[-1, 0], window[-1, 2]
    change = 0.0
    for j in range(field.kernel.shape[0]):
        for r in range(window[j, 0], window[j, 1] + 1):
            start, lo, hi = row_of_record(world, m, j, r, window[j, 2], window[j, 3])
            if hi > lo:
                change += change_in_row(
                    records.joined[start : start + hi - lo],
                    world.scratch.growth[j, r - r0, lo - c0 : hi - c0],
                    field.exposure[j, r, lo:hi],
                    records.rate[m],
                    records.shape[m],
                )
    return change


@compiled
def log_acceptance(world: World, window: Any) -> float:
    """Log ratio that the empty strikes and the records nothing was found of give to `scratch.growth`."""
    field, records, state, scratch = world.field, world.records, world.state, world.scratch
    r0, c0 = window[-1, 0], window[-1, 2]
    log_ratio = 0.0
    for j in range(field.kernel.shape[0]):
        lo, hi = window[j, 2], window[j, 3] + 1
        for r in range(window[j, 0], window[j, 1] + 1):
            log_ratio += change_in_row(
                field.joined[j, r, lo:hi],
                scratch.growth[j, r - r0, lo - c0 : hi - c0],
                field.exposure[j, r, lo:hi],
                field.rate,
                field.shape,
            )
    for m in range(records.top.size):
        scratch.change[m] = unseen_change(world, m, window)
        if state.slot[m] < 0 and scratch.change[m] != 0.0:
            chance = records.credibility[m]
            before = 1.0 - chance + chance * records.unseen[m]
            log_ratio += math.log((before + chance * scratch.change[m]) / before)
    return log_ratio


@compiled
def take_growth(world: World, window: Any) -> None:
    """Carry accepted growth into exposures, tables, records, and the list of items to tabulate anew."""
    field, items, records, scratch = world.field, world.items, world.records, world.scratch
    r0, r1, c0, c1 = window[-1]
    for j in range(field.kernel.shape[0]):
        left, right = window[j, 2], window[j, 3] + 1
        for r in range(window[j, 0], window[j, 1] + 1):
            for m in range(records.top.size):
                start, lo, hi = row_of_record(world, m, j, r, left, right - 1)
                if scratch.change[m] != 0.0 and hi > lo:
                    grow_row(
                        records.log_rate[start : start + hi - lo],
                        records.joined[start : start + hi - lo],
                        scratch.growth[j, r - r0, lo - c0 : hi - c0],
                        field.exposure[j, r, lo:hi],
                        records.rate[m],
                        records.shape[m],
                    )
            growth, exposure = (
                scratch.growth[j, r - r0, left - c0 : right - c0],
                field.exposure[j, r, left:right],
            )
            grow_row(
                field.log_rate[j, r, left:right],
                field.joined[j, r, left:right],
                growth,
                exposure,
                field.rate,
                field.shape,
            )
            for c in range(exposure.size):
                exposure[c] = max(exposure[c] + growth[c], 0.0)
    for m in range(records.top.size):
        records.unseen[m] += scratch.change[m]
    reach = field.kernel.shape[1] // 2
    for i in range(items.row.size):
        if r0 - reach <= items.row[i] <= r1 + reach and c0 - reach <= items.col[i] <= c1 + reach:
            scratch.stale[i] = 1


@compiled
def draw_share(rng: Any, decay: float, detection: float, later: float) -> float:
    """Draw u in (0, 1) with density ∝ exp(−decay u) (1 − p u)^later."""
    if later == 0.0:
        v = rng.random()
        new = v if decay < 1e-9 else -math.log1p(v * math.expm1(-decay)) / decay
    else:  # by the second factor alone, as often as it takes until the first agrees
        power = later + 1.0
        least = (1.0 - detection) ** power
        new = 0.0
        while True:
            new = (1.0 - (least + rng.random() * (1.0 - least)) ** (1.0 / power)) / detection
            if rng.random() < math.exp(-decay * new):
                break
    return min(max(new, 1e-9), 1.0 - 1e-9)


@compiled
def cover_batch(world: World, rng: Any, first: int, last: int) -> bool:
    """Draw the shares of the stopped boxes first to last − 1, which share no cell; say whether they were taken."""
    boxes, scratch = world.boxes, world.scratch
    window = reach_of_batch(world, first, last)
    draw_means(world, rng, window)
    for b in range(first, last):
        decay = boxes.detection[b] * left_in_box(world, b)
        scratch.share[b] = draw_share(rng, decay, boxes.detection[b], boxes.later[b])
        add_growth(world, b, boxes.detection[b] * (scratch.share[b] - boxes.share[b]), window)
    if math.log(1.0 - rng.random()) >= log_acceptance(world, window):
        return False
    take_growth(world, window)
    for b in range(first, last):
        p = boxes.detection[b]
        for n in range(boxes.first[b], boxes.first[b + 1]):
            boxes.keep[boxes.cell[n]] *= (1.0 - p * scratch.share[b]) / (1.0 - p * boxes.share[b])
        boxes.share[b] = scratch.share[b]
    return True


@compiled
def cover_boxes(world: World, rng: Any) -> int:
    """Draw the shares of all stopped boxes, batch by batch; bring the items' tables up to date; count batches taken."""
    boxes, scratch = world.boxes, world.scratch
    taken = 0
    for n in range(boxes.batch.size - 1):
        taken += cover_batch(world, rng, boxes.batch[n], boxes.batch[n + 1])
    for i in range(world.items.row.size):
        if scratch.stale[i]:
            scratch.stale[i] = 0
            tabulate_fresh(world, i)
            tabulate_records(world, i)
    return taken
