"""Boxes stopped at their first find: drawing the share that was covered.

Reads   `World`
Gives   new shares, with exposures, records and tables brought up to date
Knows   nothing of allocation
Start   at `cover_boxes`

With u the share covered, the box has effort p u. Items per strike of the occupied strikes are drawn first; then u has
density ∝ exp(−p u Λ − Σ_j ρ_j [1 − (b / (b + e_j(u)))^a]) · Π_unseen records (1 − c + c w(u)),
Λ what they leave in the box.
"""

from __future__ import annotations

import math
from typing import Any

from fadeout.model.blocks import (
    log_change,
    power_change,
    power_of,
    row_of_record,
    strike_rate,
    tabulate_fresh,
    tabulate_records,
)
from fadeout.model.compiled import compiled
from fadeout.model.world import World


@compiled
def reach_of_box(world: World, b: int) -> tuple[int, int, int, int]:
    """Fill `scratch.box` with the share of each template in box b that other searches left; give its corner and size."""
    field, boxes, scratch = world.field, world.boxes, world.scratch
    shapes, reach = field.kernel.shape[0], field.kernel.shape[1] // 2
    past = 1.0 - boxes.detection[b] * boxes.share[b]
    r0, r1, c0, c1 = field.exposure.shape[1], -1, field.exposure.shape[2], -1
    for n in range(boxes.first[b], boxes.first[b + 1]):
        x = boxes.cell[n]
        r0, r1 = min(r0, boxes.row[x] - reach), max(r1, boxes.row[x] + reach)
        c0, c1 = min(c0, boxes.col[x] - reach), max(c1, boxes.col[x] + reach)
    r0, c0 = max(0, r0), max(0, c0)
    r1, c1 = min(field.exposure.shape[1] - 1, r1), min(field.exposure.shape[2] - 1, c1)
    scratch.box[:, : r1 - r0 + 1, : c1 - c0 + 1] = 0.0
    for n in range(boxes.first[b], boxes.first[b + 1]):
        x = boxes.cell[n]
        left = boxes.keep[x] / past
        lo, hi = max(c0, boxes.col[x] - reach), min(c1, boxes.col[x] + reach)
        for j in range(shapes):
            for r in range(max(r0, boxes.row[x] - reach), min(r1, boxes.row[x] + reach) + 1):
                for c in range(lo, hi + 1):
                    scratch.box[j, r - r0, c - c0] += (
                        left * field.kernel[j, r - boxes.row[x] + reach, c - boxes.col[x] + reach]
                    )
    return r0, r1, c0, c1


@compiled
def unseen_change(world: World, m: int, window: Any, step: float) -> float:
    """Change of w_r of recorded strike m when a box's exposure grows by step × scratch.box."""
    field, records, scratch = world.field, world.records, world.scratch
    r0, r1, c0, c1 = window
    a, b = records.shape[m], records.rate[m]
    change = 0.0
    for j in range(field.kernel.shape[0]):
        for r in range(r0, r1 + 1):
            start, lo, hi = row_of_record(world, m, j, r, c0, c1)
            for c in range(lo, hi):
                s = scratch.box[j, r - r0, c - c0]
                if s > 0:
                    rate = b + field.exposure[j, r, c]
                    change += records.joined[start + c - lo] * rate / a * power_change(step * s / rate, a)
    return change


@compiled
def update_record(world: World, m: int, window: Any, step: float) -> None:
    """Bring record m's tables up to date when a box's exposure grows by step × scratch.box; before `take_share`."""
    field, records, scratch = world.field, world.records, world.scratch
    r0, r1, c0, c1 = window
    for j in range(field.kernel.shape[0]):
        for r in range(r0, r1 + 1):
            start, lo, hi = row_of_record(world, m, j, r, c0, c1)
            for c in range(lo, hi):
                s = scratch.box[j, r - r0, c - c0]
                if s > 0:
                    t = step * s / (records.rate[m] + field.exposure[j, r, c])
                    records.log_rate[start + c - lo] += log_change(t)
                    records.joined[start + c - lo] *= 1.0 + power_change(t, records.shape[m] + 1.0)


@compiled
def take_share(world: World, b: int, new: float, window: Any) -> None:
    """Carry an accepted share into exposures, kept shares, records, and the list of items to tabulate anew."""
    field, items, records, boxes, scratch = (
        world.field,
        world.items,
        world.records,
        world.boxes,
        world.scratch,
    )
    r0, r1, c0, c1 = window
    p, old = boxes.detection[b], boxes.share[b]
    for m in range(records.top.size):
        if scratch.weight[m] != 0.0:
            update_record(world, m, window, p * (new - old))
            records.unseen[m] += scratch.weight[m]
    for j in range(field.kernel.shape[0]):
        for r in range(r0, r1 + 1):
            for c in range(c0, c1 + 1):
                s = scratch.box[j, r - r0, c - c0]
                if s > 0:
                    e = field.exposure[j, r, c]
                    step = p * (new - old) * s
                    field.exposure[j, r, c] = max(0.0, e + step)
                    field.log_rate[j, r, c] += log_change(step / (field.rate + e))
    for n in range(boxes.first[b], boxes.first[b + 1]):
        boxes.keep[boxes.cell[n]] *= (1.0 - p * new) / (1.0 - p * old)
    boxes.share[b] = new
    reach = field.kernel.shape[1] // 2
    for i in range(items.row.size):
        if r0 - reach <= items.row[i] <= r1 + reach and c0 - reach <= items.col[i] <= c1 + reach:
            scratch.stale[i] = 1


@compiled
def cover_box(world: World, rng: Any, b: int) -> None:
    """Draw the share u of one stopped box that was covered before its find.

    Items per strike of the occupied strikes are drawn first; the proposal is exact for them and for the background,
    and the acceptance carries the empty strikes and the records nothing was found of.
    """
    field, items, records, boxes, state, scratch = (
        world.field,
        world.items,
        world.records,
        world.boxes,
        world.state,
        world.scratch,
    )
    window = reach_of_box(world, b)
    r0, r1, c0, c1 = window
    p, old = boxes.detection[b], boxes.share[b]
    within = 0.0
    for n in range(boxes.first[b], boxes.first[b + 1]):
        within += items.stray * boxes.keep[boxes.cell[n]] / (1.0 - p * old)
    for k in range(state.top[0]):
        if state.finds[k] > 0 and r0 <= state.row[k] <= r1 and c0 <= state.col[k] <= c1:
            rate, a = strike_rate(world, k)
            mean = rng.standard_gamma(a + state.finds[k]) / rate
            within += mean * scratch.box[state.footprint[k], state.row[k] - r0, state.col[k] - c0]
    decay = p * within
    v = rng.random()
    new = v if decay < 1e-9 else -math.log1p(v * math.expm1(-decay)) / decay
    new = min(max(new, 1e-9), 1.0 - 1e-9)
    step = p * (new - old)
    log_ratio = 0.0
    a, b_rate = field.shape, field.rate
    for j in range(field.kernel.shape[0]):
        change = 0.0
        for r in range(r0, r1 + 1):
            for c in range(c0, c1 + 1):
                s = scratch.box[j, r - r0, c - c0]
                if s > 0:
                    rate = b_rate + field.exposure[j, r, c]
                    change += power_of(b_rate / rate, a) * power_change(step * s / rate, a)
        log_ratio += math.exp(field.log_density[j]) * change
    for m in range(records.top.size):
        scratch.weight[m] = unseen_change(world, m, window, step)
        if state.slot[m] < 0 and scratch.weight[m] != 0.0:
            chance = records.credibility[m]
            before = 1.0 - chance + chance * records.unseen[m]
            log_ratio += math.log((before + chance * scratch.weight[m]) / before)
    if math.log(1.0 - rng.random()) < log_ratio:
        take_share(world, b, new, window)


@compiled
def cover_boxes(world: World, rng: Any, start: int, count: int) -> None:
    """Draw the shares of `count` stopped boxes from number `start` on, in turn; bring the items' tables up to date."""
    items, boxes, scratch = world.items, world.boxes, world.scratch
    total = boxes.share.size
    for n in range(count):
        cover_box(world, rng, (start + n) % total)
    for i in range(items.row.size):
        if scratch.stale[i]:
            scratch.stale[i] = 0
            tabulate_fresh(world, i)
            tabulate_records(world, i)


@compiled
def add_snapshot(world: World, density: Any, weight: Any, box_weight: Any) -> None:
    """Add the strikes nothing was found of, as they stand now, to running sums.

    density: intensity of such strikes per template; weight: the same times their expected items; box_weight: expected
    remaining items of such strikes in each cell of a stopped box.
    """
    field, boxes = world.field, world.boxes
    shapes, reach = field.kernel.shape[0], field.kernel.shape[1] // 2
    rows, cols = field.exposure.shape[1], field.exposure.shape[2]
    for j in range(shapes):
        scale = math.exp(field.log_density[j])
        for r in range(rows):
            for c in range(cols):
                rate = field.rate + field.exposure[j, r, c]
                u = scale * power_of(field.rate / rate, field.shape)
                density[j, r, c] += u
                weight[j, r, c] += u * field.shape / rate
    for x in range(boxes.row.size):
        total = 0.0
        for j in range(shapes):
            scale = math.exp(field.log_density[j]) * field.shape
            for r in range(max(0, boxes.row[x] - reach), min(rows, boxes.row[x] + reach + 1)):
                for c in range(max(0, boxes.col[x] - reach), min(cols, boxes.col[x] + reach + 1)):
                    rate = field.rate + field.exposure[j, r, c]
                    u = scale * power_of(field.rate / rate, field.shape) / rate
                    total += u * field.kernel[j, r - boxes.row[x] + reach, c - boxes.col[x] + reach]
        box_weight[x] += total * boxes.keep[x]
