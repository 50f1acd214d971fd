"""The compiled moves of one chain: allocate, relocate, split and merge, cover stopped boxes.

Reads   `World`
Gives   the same, moved on by sweeps
Knows   nothing of how tables are made, of convergence or of output
Start   at `sweep`; every move leaves the posterior of docs/explanation/model.md unchanged

State: which strike (or the background) each found item belongs to, and each strike's template: footprint, centre,
and whether it is a recorded strike. Number of items per strike and all strikes without finds are integrated out.
What the data teach about the prior is moved between sweeps, by `learning`.
"""

from __future__ import annotations

import math
from typing import Any

from fadeout.model.blocks import (
    draw_fresh,
    draw_index,
    draw_template,
    in_reach_of,
    list_members,
    log_block,
    prior_of,
    stack_likelihood,
    strike_rate,
    tabulate_fresh,
    tabulate_records,
)
from fadeout.model.compiled import compiled
from fadeout.model.covering import cover_boxes
from fadeout.model.slots import join_strike, leave_strike, place_strike, take_slot
from fadeout.model.splitting import split_or_merge
from fadeout.model.world import BACKGROUND, FREE, World

SHIFT_EVERY = 4  # sweeps between two draws of the place of an item whose record has an error


@compiled
def found_strike(world: World, rng: Any, i: int, record: int) -> None:
    """Begin a strike with item i alone."""
    field, scratch = world.field, world.scratch
    k = take_slot(world)
    if record == FREE:
        draw_fresh(world, i, rng)
    else:
        scratch.other[0] = i
        stack_likelihood(world, scratch.other, 1)
        log_block(world, record, 1)
        draw_template(world, field.kernel.shape[0], rng)
    place_strike(world, k, record)
    join_strike(world, i, k)


@compiled
def allocate(world: World, rng: Any, i: int) -> None:
    """Gibbs step of one item: an existing strike, a record nothing was found of yet, a new strike, or background."""
    field, items, records, state, scratch = (
        world.field,
        world.items,
        world.records,
        world.state,
        world.scratch,
    )
    reach = field.kernel.shape[1] // 2
    leave_strike(world, i)
    weight, choice = scratch.weight, scratch.choice
    count, total = 0, 0.0
    for k in range(state.top[0]):
        if state.finds[k] == 0:
            continue
        dr, dc = items.row[i] - state.row[k], items.col[i] - state.col[k]
        if abs(dr) > reach or abs(dc) > reach:
            continue
        rate, a = strike_rate(world, k)
        w = field.kernel[state.footprint[k], dr + reach, dc + reach] * (a + state.finds[k]) / rate
        weight[count], choice[count] = w, k
        count += 1
        total += w
    known = count
    for n in range(records.first[i], records.first[i + 1]):
        m = records.entry_record[n]
        if state.slot[m] >= 0:
            continue
        c = records.credibility[m]
        w = c * records.entry_weight[n] / (1.0 - c + c * records.unseen[m])
        weight[count], choice[count] = w, m
        count += 1
        total += w
    weight[count], weight[count + 1] = items.fresh[i], items.stray
    total += items.fresh[i] + items.stray
    n = draw_index(weight, count + 2, total, rng)
    if n < known:
        join_strike(world, i, choice[n])
    elif n < count:
        found_strike(world, rng, i, choice[n])
    elif n == count:
        found_strike(world, rng, i, FREE)


@compiled
def relocate(world: World, rng: Any, k: int) -> None:
    """Draw a strike's identity (free or a record) and template anew given its items."""
    field, records, state, scratch = world.field, world.records, world.state, world.scratch
    count = list_members(world, k, scratch.member)
    if count == 1 and records.top.size == 0:
        draw_fresh(world, scratch.member[0], rng)
        place_strike(world, k, FREE)
        return
    stack_likelihood(world, scratch.member, count)
    weight, choice = scratch.weight, scratch.choice
    weight[0], choice[0] = log_block(world, FREE, count), FREE
    options = 1
    for m in range(records.top.size):
        if (state.slot[m] == -1 or state.slot[m] == k) and in_reach_of(world, m):
            weight[options], choice[options] = log_block(world, m, count), m
            options += 1
    record = FREE
    if options > 1:
        best = -math.inf
        for n in range(options):
            best = max(best, weight[n])
        total = 0.0
        for n in range(options):
            weight[n] = math.exp(weight[n] - best)
            total += weight[n]
        record = choice[draw_index(weight, options, total, rng)]
        log_block(world, record, count)
    draw_template(world, field.kernel.shape[0], rng)
    place_strike(world, k, record)


@compiled
def slide(world: World, rng: Any, k: int) -> None:
    """Draw a strike's footprint anew given its centre: a cheap part of `relocate`."""
    field, items, state, scratch = world.field, world.items, world.state, world.scratch
    count = list_members(world, k, scratch.member)
    reach = field.kernel.shape[1] // 2
    r, c, record = state.row[k], state.col[k], state.record[k]
    a, b, _ = prior_of(world, record)
    best = -math.inf
    for j in range(field.kernel.shape[0]):
        v = field.log_weight[j] - (a + count) * math.log(b + field.exposure[j, r, c])
        for m in range(count):
            i = scratch.member[m]
            v += field.log_kernel[j, r - items.row[i] + reach, c - items.col[i] + reach]
        scratch.weight[j] = v
        best = max(best, v)
    total = 0.0
    for j in range(field.kernel.shape[0]):
        scratch.weight[j] = math.exp(scratch.weight[j] - best)
        total += scratch.weight[j]
    state.footprint[k] = draw_index(scratch.weight, field.kernel.shape[0], total, rng)


@compiled
def shift(world: World, rng: Any, i: int) -> None:
    """Draw the cell where item i lies anew, given its strike and the place that was recorded with an error."""
    field, items, state = world.field, world.items, world.state
    first, last = items.place_first[i], items.place_first[i + 1]
    if last - first < 2:
        return
    k, reach = state.strike[i], field.kernel.shape[1] // 2
    total, left, chosen = 0.0, 0.0, first
    for again in range(2):  # once for the total, once to draw
        left = rng.random() * total
        for n in range(first, last):
            w = items.place_weight[n]
            if k != BACKGROUND:
                dr, dc = items.place_row[n] - state.row[k], items.place_col[n] - state.col[k]
                near = abs(dr) <= reach and abs(dc) <= reach
                w *= field.kernel[state.footprint[k], dr + reach, dc + reach] if near else 0.0
            if again:
                left -= w
                if w > 0:
                    chosen = n
                if left <= 0:
                    break
            else:
                total += w
        if total <= 0:
            return
    if items.row[i] != items.place_row[chosen] or items.col[i] != items.place_col[chosen]:
        items.row[i], items.col[i] = items.place_row[chosen], items.place_col[chosen]
        tabulate_fresh(world, i)
        tabulate_records(world, i)


@compiled
def known_total(world: World) -> tuple[float, int]:
    """Expected remaining items of the strikes with finds, given the state; and how many strikes there are."""
    field, state = world.field, world.state
    total, strikes = 0.0, 0
    for k in range(state.top[0]):
        if state.finds[k] > 0:
            rate, a = strike_rate(world, k)
            j, r, c = state.footprint[k], state.row[k], state.col[k]
            left = max(0.0, field.ground[j, r, c] - field.exposure[j, r, c])
            total += left * (a + state.finds[k]) / rate
            strikes += 1
    return total, strikes


@compiled
def sweep(
    world: World, rng: Any, sweeps: int, proposals: float, swept: int, cover_every: int, trace: Any
) -> None:
    """Move one part of a chain on after `swept` sweeps; add to trace what known strikes left, and their number."""
    state = world.state
    for s in range(sweeps):
        for i in range(state.strike.size):
            allocate(world, rng, i)
            if (swept + s + i) % SHIFT_EVERY == 0:
                shift(world, rng, i)
        for k in range(state.top[0]):
            if state.finds[k] > 0:
                if rng.random() < 0.5:
                    relocate(world, rng, k)
                else:
                    slide(world, rng, k)
        whole = int(proposals)
        for _ in range(whole + (1 if rng.random() < proposals - whole else 0)):
            split_or_merge(world, rng)
        if (swept + s) % cover_every == 0:
            cover_boxes(world, rng)
        left, strikes = known_total(world)
        trace[s, 0] += left
        trace[s, 1] += strikes


@compiled
def redraw_templates(world: World, rng: Any, slots: Any, out: Any) -> None:
    """Draw templates of the strikes in `slots` anew, given the partition: out (times, slots, 3)."""
    field, state, scratch = world.field, world.state, world.scratch
    for s in range(slots.size):
        k = slots[s]
        count = list_members(world, k, scratch.member)
        record = state.record[k]
        alone = count == 1 and record == FREE
        if not alone:
            stack_likelihood(world, scratch.member, count)
            log_block(world, record, count)
        for t in range(out.shape[0]):
            if alone:
                draw_fresh(world, scratch.member[0], rng)
            else:
                draw_template(world, field.kernel.shape[0], rng)
            out[t, s] = scratch.template
