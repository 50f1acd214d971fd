"""Split and merge: moves that change many finds at once (Jain and Neal 2004).

Reads   `World`
Gives   one accepted or refused proposal
Knows   nothing of single-item moves
Start   at `split_or_merge`
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from fadeout.model.blocks import (
    IMPOSSIBLE,
    draw_fresh,
    draw_index,
    draw_template,
    in_reach_of,
    log_block,
    stack_likelihood,
)
from fadeout.model.compiled import compiled
from fadeout.model.slots import join_strike, leave_strike, place_strike, take_slot
from fadeout.model.world import BACKGROUND, FREE, World


@compiled
def kernel_at(world: World, reach: int, template: Any, row: int, col: int) -> float:
    """Kernel of a launch template at a cell; 0 out of reach."""
    field = world.field
    dr, dc = row - int(template[1]), col - int(template[2])
    if abs(dr) > reach or abs(dc) > reach:
        return 0.0
    return float(field.kernel[int(template[0]), dr + reach, dc + reach])


@compiled
def spread_members(world: World, count: int, i: int, other: int, first: Any, second: Any, rng: Any) -> float:
    """Weigh each member for the first or second launch template; give the log probability of the sides taken.

    With `rng` in use the sides are drawn into `scratch.final`; `first` and `second` are (footprint, row, col, weight).
    """
    field, items, scratch = world.field, world.items, world.scratch
    reach = field.kernel.shape[1] // 2
    log_q = 0.0
    for m in range(count):
        n = scratch.member[m]
        if n == i:
            scratch.final[m] = 0
            continue
        if n == other:
            scratch.final[m] = 1
            continue
        p0 = first[3] * kernel_at(world, reach, first, items.row[n], items.col[n]) + 1e-12
        p1 = second[3] * kernel_at(world, reach, second, items.row[n], items.col[n]) + 1e-12
        share = p1 / (p0 + p1)
        if rng is not None:
            scratch.final[m] = 1 if rng.random() < share else 0
        log_q += math.log(share if scratch.final[m] == 1 else 1.0 - share)
    return log_q


@compiled
def list_side(world: World, count: int, side: int) -> int:
    """List the members of one side (2: both) in `scratch.other`; give how many there are."""
    scratch = world.scratch
    chosen = 0
    for m in range(count):
        if scratch.final[m] == side or side == 2:
            scratch.other[chosen] = scratch.member[m]
            chosen += 1
    return chosen


@compiled
def block_of_side(world: World, count: int, side: int, record: int) -> float:
    """Log weight of one side (2: both) as one strike."""
    items, scratch = world.items, world.scratch
    chosen = list_side(world, count, side)
    if chosen == 1 and record == FREE:
        return math.log(items.fresh[scratch.other[0]] + 1e-300)
    if not stack_likelihood(world, scratch.other, chosen):
        return IMPOSSIBLE
    return log_block(world, record, chosen)


@compiled
def block_of_second(world: World, count: int, own: int) -> float:
    """Log weight of the second side as one strike, its identity summed out: free, or a record without finds.

    `own` is the record that it is at present, or FREE. Leaves the identities and their weights relative to the largest
    in `scratch.choice` and `scratch.weight`, their number in `scratch.total[2]`, for `draw_second`.
    """
    records, state, scratch = world.records, world.state, world.scratch
    scratch.weight[0], scratch.choice[0] = block_of_side(world, count, 1, FREE), FREE
    options = 1
    if records.top.size:
        chosen = list_side(world, count, 1)
        if stack_likelihood(world, scratch.other, chosen):
            for m in range(records.top.size):
                if (state.slot[m] == -1 or m == own) and in_reach_of(world, m):
                    scratch.weight[options], scratch.choice[options] = log_block(world, m, chosen), m
                    options += 1
    best = IMPOSSIBLE
    for n in range(options):
        best = max(best, scratch.weight[n])
    if best <= IMPOSSIBLE:
        return IMPOSSIBLE
    total = 0.0
    for n in range(options):
        scratch.weight[n] = math.exp(scratch.weight[n] - best)
        total += scratch.weight[n]
    scratch.total[2], scratch.total[3] = options, total
    return best + math.log(total)


@compiled
def draw_second(world: World, rng: Any) -> int:
    """Draw the identity of the second side with the weights that `block_of_second` left."""
    scratch = world.scratch
    return int(scratch.choice[draw_index(scratch.weight, int(scratch.total[2]), scratch.total[3], rng)])


@compiled
def draw_for_side(world: World, rng: Any, count: int, side: int, record: int) -> None:
    """Draw a template for one side (2: both) as one strike."""
    field, scratch = world.field, world.scratch
    chosen = list_side(world, count, side)
    if chosen == 1 and record == FREE:
        draw_fresh(world, scratch.other[0], rng)
    else:
        stack_likelihood(world, scratch.other, chosen)
        log_block(world, record, chosen)
        draw_template(world, field.kernel.shape[0], rng)


@compiled
def launch(world: World, rng: Any, count: int, i: int, other: int) -> tuple[Any, Any]:
    """Two templates to spread the members over: from the two seeds alone, then once from those they attract."""
    field, scratch = world.field, world.scratch
    found = (np.zeros(4), np.zeros(4))
    for side in range(2):
        draw_fresh(world, i if side == 0 else other, rng)
        found[side][:3] = scratch.template
        found[side][3] = 1.0
    spread_members(world, count, i, other, found[0], found[1], rng)
    for side in range(2):
        chosen = list_side(world, count, side)
        if chosen > 1 and stack_likelihood(world, scratch.other, chosen):
            log_block(world, FREE, chosen)
            draw_template(world, field.kernel.shape[0], rng)
            found[side][:3] = scratch.template
            found[side][3] = chosen
    return found


@compiled
def merge_into(world: World, rng: Any, count: int, k: int, record: int) -> None:
    """Put all members into slot k and draw its template."""
    state, scratch = world.state, world.scratch
    draw_for_side(world, rng, count, 2, record)
    for m in range(count):
        if state.strike[scratch.member[m]] != k:
            leave_strike(world, scratch.member[m])
            join_strike(world, scratch.member[m], k)
    place_strike(world, k, record)


@compiled
def split_off(world: World, rng: Any, count: int, k: int, record: int) -> None:
    """Move the second side's members to a strike of their own and draw its identity and both templates."""
    state, scratch = world.state, world.scratch
    other = draw_second(world, rng)
    fresh = take_slot(world)
    for m in range(count):
        if scratch.final[m] == 1:
            leave_strike(world, scratch.member[m])
            join_strike(world, scratch.member[m], fresh)
    state.top[0] = max(state.top[0], fresh + 1)
    for side in range(2):
        identity = record if side == 0 else other
        draw_for_side(world, rng, count, side, identity)
        place_strike(world, k if side == 0 else fresh, identity)


@compiled
def split_or_merge(world: World, rng: Any) -> None:
    """Propose to split the strike of two near items, or to merge their two strikes (Jain and Neal 2004).

    Templates are summed out of the ratio and drawn anew when accepted. The first item's part keeps the identity; that of
    the second part is summed out too.
    """
    items, state, scratch = world.items, world.state, world.scratch
    n = state.strike.size
    i = int(rng.random() * n)
    degree = items.near_first[i + 1] - items.near_first[i]
    if degree == 0:
        return
    other = items.near[items.near_first[i] + int(rng.random() * degree)]
    k, second = state.strike[i], state.strike[other]
    if k == BACKGROUND or second == BACKGROUND:
        return
    apart = k != second
    record = state.record[k]
    count = 0
    for m in range(n):
        if state.strike[m] == k or state.strike[m] == second:
            scratch.member[count] = m
            count += 1
    whole = block_of_side(world, count, 2, record)
    if apart and whole <= IMPOSSIBLE:
        return
    one, two = launch(world, rng, count, i, other)
    if apart:
        for m in range(count):
            scratch.final[m] = 0 if state.strike[scratch.member[m]] == k else 1
        log_q = spread_members(world, count, i, other, one, two, None)
    else:
        log_q = spread_members(world, count, i, other, one, two, rng)
    parts = block_of_side(world, count, 0, record)
    if parts > IMPOSSIBLE:
        parts += block_of_second(world, count, state.record[second] if apart else FREE)
    gain = parts - whole - log_q
    if math.log(1.0 - rng.random()) < (-gain if apart else gain):
        if apart:
            merge_into(world, rng, count, k, record)
        else:
            split_off(world, rng, count, k, record)
