"""The compiled moves of one chain: allocate, relocate, split and merge, cover stopped boxes.

Reads   tables made by `fit`: kernels, exposures, finds, records, stopped boxes
Gives   one chain's state moved on by one sweep (`sweep`)
Knows   nothing of how tables are made, of convergence or of output
Start   at `sweep`; every move leaves the posterior of docs/explanation/model.md unchanged

State: which strike (or the background) each found item belongs to, and each strike's template: footprint, centre,
and whether it is a recorded strike. Number of items per strike and all strikes without finds are integrated out.
Learning the prior from the data adds one move here, after `cover_boxes`, that changes the scalars of `Field`.

Symbols: k_j(x) kernel, e exposure, a, b Gamma prior of a strike's items, B = b + e, ρ_j strikes per template.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numba import njit

FREE = -1  # a strike that no record describes
BACKGROUND = -1  # an item that belongs to no strike
IMPOSSIBLE = -1e300  # a log weight that no draw takes; finite, since fast arithmetic knows no infinities
NEGLIGIBLE = 18.0  # log weights this far below the largest are left out: e^-18 = 1.5e-8


class Field(NamedTuple):
    """Templates: kernels (J, W, W) and their logs, exposures and log(b + e) over centres, prior of free strikes."""

    kernel: Any  # float32 (J, W, W)
    log_kernel: Any  # float32 (J, W, W)
    exposure: Any  # float32 (J, rows, cols) over centres
    ground: Any  # float32 (J, rows, cols), share of the template on ground of the grid that can hold items
    log_rate: Any  # float32 (J, rows, cols), log(b + e)
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


class Records(NamedTuple):
    """Recorded strikes: support windows of their places, priors, and the weight of items joining them first."""

    top: Any  # int32 (m,), first lattice row of the support
    left: Any  # int32 (m,)
    height: Any  # int32 (m,)
    width: Any  # int32 (m,)
    start: Any  # int64 (m,), where its window begins in log_place
    log_place: Any  # float32, log of the place's prior over the support, flattened
    outside: Any  # float64 (m,), prior mass of places beyond the lattice
    credibility: Any  # float64 (m,)
    shape: Any  # float64 (m,)
    rate: Any  # float64 (m,)
    unseen: Any  # float64 (m,), w_r = Σ_j q_r(j) (b/(b+e))^a
    first: Any  # int64 (n + 1,), item i's entries in entry_* lie between first[i] and first[i + 1]
    entry_record: Any  # int32
    entry_weight: Any  # float64, Σ_j q_r(j) (b/B)^a (a/B) k_j(x_i)


class Boxes(NamedTuple):
    """Boxes stopped at their first find: their cells in lattice places, detection and the share covered."""

    first: Any  # int64 (boxes + 1,)
    cell: Any  # int32, index of the cell among all cells of stopped boxes
    row: Any  # int32 per cell of stopped boxes
    col: Any  # int32
    keep: Any  # float64 per cell of stopped boxes, with all searches
    detection: Any  # float64 (boxes,)
    share: Any  # float64 (boxes,), u


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
    total: Any  # float64 (2,): largest log weight and sum relative to it, left by `log_block`
    window: Any  # int32 (4,): rows and columns of centres in reach of all members
    box: Any  # float32 (J, rows, cols) around one stopped box; empty without such boxes
    stale: Any  # uint8 (n,)


@njit(nogil=True, cache=True, error_model="numpy")
def prior_of(field, records, record):
    """Shape a and rate b of a strike's items, and the log weight that it has beyond its template's."""
    if record == FREE:
        a, b = field.shape, field.rate
        extra = 0.0
    else:
        a, b = records.shape[record], records.rate[record]
        c = records.credibility[record]
        extra = math.log(c / (1.0 - c + c * records.unseen[record]))
    return a, b, extra


@njit(nogil=True, cache=True, error_model="numpy")
def strike_rate(field, records, state, k):
    """B = b + e of the strike in slot k, and its shape a."""
    e = field.exposure[state.footprint[k], state.row[k], state.col[k]]
    if state.record[k] == FREE:
        return field.rate + e, field.shape
    return records.rate[state.record[k]] + e, records.shape[state.record[k]]


@njit(nogil=True, cache=True, error_model="numpy")
def row_of_kernel(items, i, j, r, c0, side):
    """Where in the flat kernel tables the row starts that item i sees from centres (r, c0), (r, c0 + 1), …"""
    reach = side // 2
    return (j * side + r - items.row[i] + reach) * side + c0 - items.col[i] + reach


@njit(nogil=True, cache=True, error_model="numpy", fastmath=True)
def stack_likelihood(field, items, member, count, scratch):
    """Sum the members' log kernels over all centres in reach of all of them; False if there are none."""
    reach = field.kernel.shape[1] // 2
    r0, r1 = 0, field.exposure.shape[1] - 1
    c0, c1 = 0, field.exposure.shape[2] - 1
    for m in range(count):
        i = member[m]
        r0, r1 = max(r0, items.row[i] - reach), min(r1, items.row[i] + reach)
        c0, c1 = max(c0, items.col[i] - reach), min(c1, items.col[i] + reach)
    scratch.window[0], scratch.window[1], scratch.window[2], scratch.window[3] = r0, r1, c0, c1
    if r0 > r1 or c0 > c1:
        return False
    width, side = c1 - c0 + 1, field.kernel.shape[1]
    like, tables = scratch.like.ravel(), field.log_kernel.ravel()  # flat views, so that the inner loops run as vectors
    for j in range(field.kernel.shape[0]):
        for r in range(r0, r1 + 1):
            start = (j * side + r - r0) * side
            line = like[start : start + width]
            line[:] = 0.0
            m = 0
            while m + 1 < count:
                first = row_of_kernel(items, member[m], j, r, c0, side)
                second = row_of_kernel(items, member[m + 1], j, r, c0, side)
                one, two = tables[first : first + width], tables[second : second + width]
                for c in range(width):
                    line[c] += one[c] + two[c]
                m += 2
            if m < count:
                first = row_of_kernel(items, member[m], j, r, c0, side)
                one = tables[first : first + width]
                for c in range(width):
                    line[c] += one[c]
    return True


@njit(nogil=True, cache=True, error_model="numpy", fastmath=True)
def log_block(field, records, record, count, scratch):
    """Log weight of the stacked members as one strike of this identity, its template summed out.

    Leaves the log weight of each template in `scratch.value` (−inf elsewhere) for `draw_template`.
    """
    a, b, extra = prior_of(field, records, record)
    power = np.float32(a + count)
    r0, r1, c0, c1 = scratch.window[0], scratch.window[1], scratch.window[2], scratch.window[3]
    best = np.float32(-1e30)
    shapes, width = field.kernel.shape[0], c1 - c0 + 1
    for j in range(shapes):
        for r in range(r0, r1 + 1):
            line, like = scratch.value[j, r - r0, :width], scratch.like[j, r - r0, :width]
            if record == FREE:
                base = np.float32(field.log_density[j])
                log_rate = field.log_rate[j, r, c0 : c1 + 1]
                for c in range(width):
                    v = base + like[c] - power * log_rate[c]
                    line[c] = v
                    best = max(best, v)
            else:
                base = np.float32(field.log_weight[j])
                t, left = r - records.top[record], records.left[record]
                rows, cols = records.height[record], records.width[record]
                for c in range(c0, c1 + 1):
                    v = np.float32(-1e30)
                    if 0 <= t < rows and 0 <= c - left < cols:
                        place = records.log_place[records.start[record] + t * cols + c - left]
                        v = base + place + like[c - c0] - power * np.float32(math.log(b + field.exposure[j, r, c]))
                    line[c - c0] = v
                    best = max(best, v)
    if best < -1e29:
        return IMPOSSIBLE
    total = 0.0
    floor = best - np.float32(NEGLIGIBLE)
    for j in range(shapes):
        for r in range(r1 - r0 + 1):
            line = scratch.value[j, r, :width]
            for c in range(width):
                if line[c] > floor:
                    total += math.exp(line[c] - best)
    scratch.total[0], scratch.total[1] = best, total
    return extra + a * math.log(b) + math.lgamma(a + count) - math.lgamma(a) + best + math.log(total)


@njit(nogil=True, cache=True, error_model="numpy")
def draw_template(scratch, shapes, rng):
    """Draw a template with the weights that `log_block` left in `scratch.value`."""
    r0, r1, c0, c1 = scratch.window[0], scratch.window[1], scratch.window[2], scratch.window[3]
    best = np.float32(scratch.total[0])
    floor = best - np.float32(NEGLIGIBLE)
    left = rng.random() * scratch.total[1]
    for j in range(shapes):
        for r in range(r1 - r0 + 1):
            for c in range(c1 - c0 + 1):
                v = scratch.value[j, r, c]
                if v > floor:
                    scratch.template[0], scratch.template[1], scratch.template[2] = j, r + r0, c + c0
                    left -= math.exp(v - best)
                    if left <= 0:
                        return


@njit(nogil=True, cache=True, error_model="numpy")
def place_strike(state, k, record, scratch):
    """Give slot k the template just drawn."""
    state.footprint[k], state.row[k], state.col[k] = scratch.template[0], scratch.template[1], scratch.template[2]
    if state.record[k] != FREE and state.record[k] != record:
        state.slot[state.record[k]] = -1
    state.record[k] = record
    if record != FREE:
        state.slot[record] = k


@njit(nogil=True, cache=True, error_model="numpy")
def take_slot(state):
    """Give the lowest free slot, marked as a free strike."""
    k = 0
    while state.finds[k] > 0:
        k += 1
    state.record[k] = FREE
    state.top[0] = max(state.top[0], k + 1)
    return k


@njit(nogil=True, cache=True, error_model="numpy")
def leave_strike(state, i):
    """Take item i out of its strike; a strike without finds is no longer followed."""
    k = state.strike[i]
    state.strike[i] = BACKGROUND
    if k == BACKGROUND:
        return
    state.finds[k] -= 1
    if state.finds[k] == 0:
        if state.record[k] != FREE:
            state.slot[state.record[k]] = -1
            state.record[k] = FREE
        while state.top[0] > 0 and state.finds[state.top[0] - 1] == 0:
            state.top[0] -= 1


@njit(nogil=True, cache=True, error_model="numpy")
def join_strike(state, i, k):
    """Put item i into the strike in slot k."""
    state.strike[i] = k
    state.finds[k] += 1


@njit(nogil=True, cache=True, error_model="numpy")
def draw_index(weight, count, total, rng):
    """Draw an index with probability weight / total."""
    left = rng.random() * total
    for n in range(count):
        left -= weight[n]
        if left <= 0:
            return n
    n = count - 1
    while n > 0 and weight[n] == 0:
        n -= 1
    return n


@njit(nogil=True, cache=True, error_model="numpy")
def draw_fresh(field, items, i, scratch, rng):
    """Draw the template of a free strike known by item i alone."""
    shapes, side = field.kernel.shape[0], field.kernel.shape[1]
    reach = side // 2
    left = rng.random() * items.fresh[i]
    j, o = 0, 0
    for jj in range(shapes):
        for oo in range(side):
            w = items.fresh_rows[i, jj, oo]
            if w > 0:
                j, o = jj, oo
                left -= w
                if left <= 0:
                    break
        if left <= 0:
            break
    r = items.row[i] + o - reach
    c0, c1 = max(0, items.col[i] - reach), min(field.exposure.shape[2] - 1, items.col[i] + reach)
    left = rng.random() * items.fresh_rows[i, j, o]
    scale = math.exp(field.log_density[j] + field.shape * math.log(field.rate)) * field.shape
    scratch.template[0], scratch.template[1] = j, r
    for c in range(c0, c1 + 1):
        w = field.kernel[j, o, c - items.col[i] + reach]
        if w > 0:
            scratch.template[2] = c
            left -= scale * w * math.exp(-(field.shape + 1.0) * field.log_rate[j, r, c])
            if left <= 0:
                break


@njit(nogil=True, cache=True, error_model="numpy")
def tabulate_fresh(field, items, i):
    """Tabulate the weight of item i starting a new free strike, M(x_i), by footprint and centre row."""
    shapes, side = field.kernel.shape[0], field.kernel.shape[1]
    reach = side // 2
    c0, c1 = max(0, items.col[i] - reach), min(field.exposure.shape[2] - 1, items.col[i] + reach)
    total = 0.0
    power = field.shape + 1.0
    for j in range(shapes):
        scale = math.exp(field.log_density[j] + field.shape * math.log(field.rate)) * field.shape
        for o in range(side):
            r = items.row[i] + o - reach
            line = 0.0
            if 0 <= r < field.exposure.shape[1]:
                for c in range(c0, c1 + 1):
                    k = field.kernel[j, o, c - items.col[i] + reach]
                    if power == 2.0:
                        rate = field.rate + field.exposure[j, r, c]
                        line += k / (rate * rate)
                    else:
                        line += k * math.exp(-power * field.log_rate[j, r, c])
            items.fresh_rows[i, j, o] = scale * line
            total += scale * line
    items.fresh[i] = total


@njit(nogil=True, cache=True, error_model="numpy")
def tabulate_records(field, items, records, i):
    """Tabulate the weight of item i joining each record in reach first, before the record's credibility."""
    shapes, reach = field.kernel.shape[0], field.kernel.shape[1] // 2
    for n in range(records.first[i], records.first[i + 1]):
        m = records.entry_record[n]
        a, b = records.shape[m], records.rate[m]
        rows, cols = records.height[m], records.width[m]
        total = 0.0
        for r in range(max(records.top[m], items.row[i] - reach), min(records.top[m] + rows, items.row[i] + reach + 1)):
            lo, hi = max(records.left[m], items.col[i] - reach), min(records.left[m] + cols, items.col[i] + reach + 1)
            for c in range(lo, hi):
                log_place = records.log_place[records.start[m] + (r - records.top[m]) * cols + c - records.left[m]]
                if log_place < -NEGLIGIBLE - 15.0:
                    continue
                place = math.exp(log_place)
                for j in range(shapes):
                    k = field.kernel[j, r - items.row[i] + reach, c - items.col[i] + reach]
                    rate = b + field.exposure[j, r, c]
                    total += math.exp(field.log_weight[j]) * place * k * a / rate * (b / rate) ** a
        records.entry_weight[n] = total


@njit(nogil=True, cache=True, error_model="numpy")
def tabulate_unseen(field, records, m):
    """Tabulate w_r: probability that nothing was found of recorded strike m, had it left items."""
    a, b = records.shape[m], records.rate[m]
    rows, cols = records.height[m], records.width[m]
    total = records.outside[m]
    for t in range(rows):
        for s in range(cols):
            log_place = records.log_place[records.start[m] + t * cols + s]
            if log_place < -NEGLIGIBLE - 15.0:
                continue
            place = math.exp(log_place)
            for j in range(field.kernel.shape[0]):
                e = field.exposure[j, records.top[m] + t, records.left[m] + s]
                if e > 0:
                    total += math.exp(field.log_weight[j]) * place * (b / (b + e)) ** a
                else:
                    total += math.exp(field.log_weight[j]) * place
    records.unseen[m] = total


@njit(nogil=True, cache=True, error_model="numpy")
def allocate(field, items, records, state, scratch, rng, i):
    """Gibbs step of one item: an existing strike, a record nothing was found of yet, a new strike, or background."""
    reach = field.kernel.shape[1] // 2
    leave_strike(state, i)
    weight, choice = scratch.weight, scratch.choice
    count, total = 0, 0.0
    for k in range(state.top[0]):
        if state.finds[k] == 0:
            continue
        dr, dc = items.row[i] - state.row[k], items.col[i] - state.col[k]
        if abs(dr) > reach or abs(dc) > reach:
            continue
        rate, a = strike_rate(field, records, state, k)
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
        join_strike(state, i, choice[n])
    elif n < count:
        found_strike(field, items, records, state, scratch, rng, i, choice[n])
    elif n == count:
        found_strike(field, items, records, state, scratch, rng, i, FREE)


@njit(nogil=True, cache=True, error_model="numpy")
def found_strike(field, items, records, state, scratch, rng, i, record):
    """Begin a strike with item i alone."""
    k = take_slot(state)
    if record == FREE:
        draw_fresh(field, items, i, scratch, rng)
    else:
        scratch.other[0] = i
        stack_likelihood(field, items, scratch.other, 1, scratch)
        log_block(field, records, record, 1, scratch)
        draw_template(scratch, field.kernel.shape[0], rng)
    place_strike(state, k, record, scratch)
    join_strike(state, i, k)


@njit(nogil=True, cache=True, error_model="numpy")
def list_members(state, k, into):
    """List the items of slot k; give how many."""
    count = 0
    for i in range(state.strike.size):
        if state.strike[i] == k:
            into[count] = i
            count += 1
    return count


@njit(nogil=True, cache=True, error_model="numpy")
def in_reach_of(records, scratch, m):
    """Say whether any centre in the window of the stacked members lies in record m's support."""
    return (
        records.top[m] <= scratch.window[1]
        and records.top[m] + records.height[m] > scratch.window[0]
        and records.left[m] <= scratch.window[3]
        and records.left[m] + records.width[m] > scratch.window[2]
    )


@njit(nogil=True, cache=True, error_model="numpy")
def relocate(field, items, records, state, scratch, rng, k):
    """Draw a strike's identity (free or a record) and template anew given its items."""
    count = list_members(state, k, scratch.member)
    if count == 1 and records.top.size == 0:
        draw_fresh(field, items, scratch.member[0], scratch, rng)
        place_strike(state, k, FREE, scratch)
        return
    stack_likelihood(field, items, scratch.member, count, scratch)
    weight, choice = scratch.weight, scratch.choice
    weight[0], choice[0] = log_block(field, records, FREE, count, scratch), FREE
    options = 1
    for m in range(records.top.size):
        if (state.slot[m] == -1 or state.slot[m] == k) and in_reach_of(records, scratch, m):
            weight[options], choice[options] = log_block(field, records, m, count, scratch), m
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
        log_block(field, records, record, count, scratch)
    draw_template(scratch, field.kernel.shape[0], rng)
    place_strike(state, k, record, scratch)


@njit(nogil=True, cache=True, error_model="numpy")
def slide(field, items, records, state, scratch, rng, k):
    """Draw a strike's footprint anew given its centre: a cheap part of `relocate`."""
    count = list_members(state, k, scratch.member)
    reach = field.kernel.shape[1] // 2
    r, c, record = state.row[k], state.col[k], state.record[k]
    a, b, _ = prior_of(field, records, record)
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


@njit(nogil=True, cache=True, error_model="numpy")
def spread_members(field, items, scratch, count, i, other, first, second, rng):
    """Weigh each member for the first or second launch template; give the log probability of the sides taken.

    With `rng` in use the sides are drawn into `scratch.final`; `first` and `second` are (footprint, row, col, weight).
    """
    reach = field.kernel.shape[1] // 2
    log_q = 0.0
    for m in range(count):
        n = scratch.member[m]
        if n == i or n == other:
            scratch.final[m] = 0 if n == i else 1
            continue
        p0 = first[3] * kernel_at(field, reach, first, items.row[n], items.col[n]) + 1e-12
        p1 = second[3] * kernel_at(field, reach, second, items.row[n], items.col[n]) + 1e-12
        share = p1 / (p0 + p1)
        if rng is not None:
            scratch.final[m] = 1 if rng.random() < share else 0
        log_q += math.log(share if scratch.final[m] == 1 else 1.0 - share)
    return log_q


@njit(nogil=True, cache=True, error_model="numpy")
def kernel_at(field, reach, template, row, col):
    """Kernel of a launch template at a cell; 0 out of reach."""
    dr, dc = row - int(template[1]), col - int(template[2])
    if abs(dr) > reach or abs(dc) > reach:
        return 0.0
    return field.kernel[int(template[0]), dr + reach, dc + reach]


@njit(nogil=True, cache=True, error_model="numpy")
def list_side(scratch, count, side):
    """List the members of one side (2: both) in `scratch.other`; give how many there are."""
    chosen = 0
    for m in range(count):
        if scratch.final[m] == side or side == 2:
            scratch.other[chosen] = scratch.member[m]
            chosen += 1
    return chosen


@njit(nogil=True, cache=True, error_model="numpy")
def block_of_side(field, items, records, scratch, count, side, record):
    """Log weight of one side (2: both) as one strike."""
    chosen = list_side(scratch, count, side)
    if chosen == 1 and record == FREE:
        return math.log(items.fresh[scratch.other[0]] + 1e-300)
    if not stack_likelihood(field, items, scratch.other, chosen, scratch):
        return IMPOSSIBLE
    return log_block(field, records, record, chosen, scratch)


@njit(nogil=True, cache=True, error_model="numpy")
def draw_for_side(field, items, records, scratch, rng, count, side, record):
    """Draw a template for one side (2: both) as one strike."""
    chosen = list_side(scratch, count, side)
    if chosen == 1 and record == FREE:
        draw_fresh(field, items, scratch.other[0], scratch, rng)
    else:
        stack_likelihood(field, items, scratch.other, chosen, scratch)
        log_block(field, records, record, chosen, scratch)
        draw_template(scratch, field.kernel.shape[0], rng)


@njit(nogil=True, cache=True, error_model="numpy")
def launch(field, items, records, scratch, rng, count, i, other):
    """Two templates to spread the members over: from the two seeds alone, then once from those they attract."""
    found = (np.zeros(4), np.zeros(4))
    for side in range(2):
        draw_fresh(field, items, i if side == 0 else other, scratch, rng)
        found[side][:3] = scratch.template
        found[side][3] = 1.0
    spread_members(field, items, scratch, count, i, other, found[0], found[1], rng)
    for side in range(2):
        chosen = list_side(scratch, count, side)
        if chosen > 1 and stack_likelihood(field, items, scratch.other, chosen, scratch):
            log_block(field, records, FREE, chosen, scratch)
            draw_template(scratch, field.kernel.shape[0], rng)
            found[side][:3] = scratch.template
            found[side][3] = chosen
    return found


@njit(nogil=True, cache=True, error_model="numpy")
def split_or_merge(field, items, records, state, scratch, rng):
    """Propose to split the strike of two near items, or to merge their two strikes (Jain and Neal 2004).

    Templates are summed out of the ratio and drawn anew when accepted. The first item's part keeps the identity;
    the second part is a free strike, so a merge asks for that.
    """
    n = state.strike.size
    i = int(rng.random() * n)
    degree = items.near_first[i + 1] - items.near_first[i]
    if degree == 0:
        return
    other = items.near[items.near_first[i] + int(rng.random() * degree)]
    k, l = state.strike[i], state.strike[other]
    if k == BACKGROUND or l == BACKGROUND:
        return
    apart = k != l
    if apart and state.record[l] != FREE:
        return
    record = state.record[k]
    count = 0
    for m in range(n):
        if state.strike[m] == k or state.strike[m] == l:
            scratch.member[count] = m
            count += 1
    whole = block_of_side(field, items, records, scratch, count, 2, record)
    if apart and whole <= IMPOSSIBLE:
        return
    first, second = launch(field, items, records, scratch, rng, count, i, other)
    if apart:
        for m in range(count):
            scratch.final[m] = 0 if state.strike[scratch.member[m]] == k else 1
        log_q = spread_members(field, items, scratch, count, i, other, first, second, None)
    else:
        log_q = spread_members(field, items, scratch, count, i, other, first, second, rng)
    parts = block_of_side(field, items, records, scratch, count, 0, record)
    if parts > IMPOSSIBLE:
        parts += block_of_side(field, items, records, scratch, count, 1, FREE)
    gain = parts - whole - log_q
    if math.log(1.0 - rng.random()) < (-gain if apart else gain):
        if apart:
            merge_into(field, items, records, state, scratch, rng, count, k, record)
        else:
            split_off(field, items, records, state, scratch, rng, count, k, record)


@njit(nogil=True, cache=True, error_model="numpy")
def merge_into(field, items, records, state, scratch, rng, count, k, record):
    """Put all members into slot k and draw its template."""
    draw_for_side(field, items, records, scratch, rng, count, 2, record)
    for m in range(count):
        if state.strike[scratch.member[m]] != k:
            leave_strike(state, scratch.member[m])
            join_strike(state, scratch.member[m], k)
    place_strike(state, k, record, scratch)


@njit(nogil=True, cache=True, error_model="numpy")
def split_off(field, items, records, state, scratch, rng, count, k, record):
    """Move the second side's members to a free strike of their own and draw both templates."""
    fresh = take_slot(state)
    for m in range(count):
        if scratch.final[m] == 1:
            leave_strike(state, scratch.member[m])
            join_strike(state, scratch.member[m], fresh)
    state.top[0] = max(state.top[0], fresh + 1)
    for side in range(2):
        identity = record if side == 0 else FREE
        draw_for_side(field, items, records, scratch, rng, count, side, identity)
        place_strike(state, k if side == 0 else fresh, identity, scratch)


@njit(nogil=True, cache=True, error_model="numpy")
def reach_of_box(field, boxes, b, scratch):
    """Fill `scratch.box` with the share of each template in box b that other searches left; give its corner and size."""
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
                    scratch.box[j, r - r0, c - c0] += left * field.kernel[j, r - boxes.row[x] + reach, c - boxes.col[x] + reach]
    return r0, r1, c0, c1


@njit(nogil=True, cache=True, error_model="numpy")
def power_of(value, power):
    """value ** power, quick where the power is 1."""
    return value if power == 1.0 else value**power


@njit(nogil=True, cache=True, error_model="numpy")
def unseen_change(field, records, m, scratch, window, step):
    """Change of w_r of recorded strike m when a box's exposure grows by step × scratch.box."""
    r0, r1, c0, c1 = window
    a, b = records.shape[m], records.rate[m]
    change = 0.0
    for r in range(max(r0, records.top[m]), min(r1, records.top[m] + records.height[m] - 1) + 1):
        for c in range(max(c0, records.left[m]), min(c1, records.left[m] + records.width[m] - 1) + 1):
            n = records.start[m] + (r - records.top[m]) * records.width[m] + c - records.left[m]
            place = math.exp(records.log_place[n])
            for j in range(field.kernel.shape[0]):
                e = field.exposure[j, r, c]
                grown = max(0.0, e + step * scratch.box[j, r - r0, c - c0])
                change += (
                    math.exp(field.log_weight[j]) * place * (power_of(b / (b + grown), a) - power_of(b / (b + e), a))
                )
    return change


@njit(nogil=True, cache=True, error_model="numpy")
def cover_box(field, items, records, boxes, state, scratch, rng, b):
    """Draw the share u of one stopped box that was covered before its find.

    Items per strike of the occupied strikes are drawn first; the proposal is exact for them and for the background,
    and the acceptance carries the empty strikes and the records nothing was found of.
    """
    window = reach_of_box(field, boxes, b, scratch)
    r0, r1, c0, c1 = window
    p, old = boxes.detection[b], boxes.share[b]
    within = 0.0
    for n in range(boxes.first[b], boxes.first[b + 1]):
        within += items.stray * boxes.keep[boxes.cell[n]] / (1.0 - p * old)
    for k in range(state.top[0]):
        if state.finds[k] > 0 and r0 <= state.row[k] <= r1 and c0 <= state.col[k] <= c1:
            rate, a = strike_rate(field, records, state, k)
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
                    e = field.exposure[j, r, c]
                    change += power_of(b_rate / (b_rate + max(0.0, e + step * s)), a) - power_of(b_rate / (b_rate + e), a)
        log_ratio += math.exp(field.log_density[j]) * change
    for m in range(records.top.size):
        scratch.weight[m] = unseen_change(field, records, m, scratch, window, step)
        if state.slot[m] < 0 and scratch.weight[m] != 0.0:
            chance = records.credibility[m]
            before = 1.0 - chance + chance * records.unseen[m]
            log_ratio += math.log((before + chance * scratch.weight[m]) / before)
    if math.log(1.0 - rng.random()) < log_ratio:
        take_share(field, items, records, boxes, scratch, b, new, window)


@njit(nogil=True, cache=True, error_model="numpy")
def take_share(field, items, records, boxes, scratch, b, new, window):
    """Carry an accepted share into exposures, kept shares, records, and the list of items to tabulate anew."""
    r0, r1, c0, c1 = window
    p, old = boxes.detection[b], boxes.share[b]
    for j in range(field.kernel.shape[0]):
        for r in range(r0, r1 + 1):
            for c in range(c0, c1 + 1):
                s = scratch.box[j, r - r0, c - c0]
                if s > 0:
                    e = max(0.0, field.exposure[j, r, c] + p * (new - old) * s)
                    field.exposure[j, r, c] = e
                    field.log_rate[j, r, c] = math.log(field.rate + e)
    for n in range(boxes.first[b], boxes.first[b + 1]):
        boxes.keep[boxes.cell[n]] *= (1.0 - p * new) / (1.0 - p * old)
    for m in range(records.top.size):
        records.unseen[m] += scratch.weight[m]
    boxes.share[b] = new
    reach = field.kernel.shape[1] // 2
    for i in range(items.row.size):
        if r0 - reach <= items.row[i] <= r1 + reach and c0 - reach <= items.col[i] <= c1 + reach:
            scratch.stale[i] = 1


@njit(nogil=True, cache=True, error_model="numpy")
def cover_boxes(field, items, records, boxes, state, scratch, rng, start, count):
    """Draw the shares of `count` stopped boxes from number `start` on, in turn; bring the items' tables up to date."""
    total = boxes.share.size
    for n in range(count):
        cover_box(field, items, records, boxes, state, scratch, rng, (start + n) % total)
    for i in range(items.row.size):
        if scratch.stale[i]:
            scratch.stale[i] = 0
            tabulate_fresh(field, items, i)
            tabulate_records(field, items, records, i)


@njit(nogil=True, cache=True, error_model="numpy")
def known_total(field, records, state):
    """Expected remaining items of the strikes with finds, given the state; and how many strikes there are."""
    total, strikes = 0.0, 0
    for k in range(state.top[0]):
        if state.finds[k] > 0:
            rate, a = strike_rate(field, records, state, k)
            j, r, c = state.footprint[k], state.row[k], state.col[k]
            left = max(0.0, field.ground[j, r, c] - field.exposure[j, r, c])
            total += left * (a + state.finds[k]) / rate
            strikes += 1
    return total, strikes


@njit(nogil=True, cache=True, error_model="numpy")
def sweep(field, items, records, boxes, state, scratch, rng, sweeps, proposals, covered, start, trace):
    """Move one chain on by some sweeps; trace (sweeps, 2) takes the known strikes' remaining items and their number."""
    for s in range(sweeps):
        for i in range(state.strike.size):
            allocate(field, items, records, state, scratch, rng, i)
        for k in range(state.top[0]):
            if state.finds[k] > 0:
                if rng.random() < 0.5:
                    relocate(field, items, records, state, scratch, rng, k)
                else:
                    slide(field, items, records, state, scratch, rng, k)
        whole = int(proposals)
        for _ in range(whole + (1 if rng.random() < proposals - whole else 0)):
            split_or_merge(field, items, records, state, scratch, rng)
        if covered > 0:
            cover_boxes(field, items, records, boxes, state, scratch, rng, start + s * covered, covered)
        trace[s, 0], trace[s, 1] = known_total(field, records, state)


@njit(nogil=True, cache=True, error_model="numpy")
def redraw_templates(field, items, records, state, scratch, rng, slots, out):
    """Draw templates of the strikes in `slots` anew, given the partition: out (times, slots, 3)."""
    for s in range(slots.size):
        k = slots[s]
        count = list_members(state, k, scratch.member)
        record = state.record[k]
        alone = count == 1 and record == FREE
        if not alone:
            stack_likelihood(field, items, scratch.member, count, scratch)
            log_block(field, records, record, count, scratch)
        for t in range(out.shape[0]):
            if alone:
                draw_fresh(field, items, scratch.member[0], scratch, rng)
            else:
                draw_template(scratch, field.kernel.shape[0], rng)
            out[t, s] = scratch.template


@njit(nogil=True, cache=True, error_model="numpy")
def add_snapshot(field, boxes, density, weight, box_weight):
    """Add the strikes nothing was found of, as they stand now, to running sums.

    density: intensity of such strikes per template; weight: the same times their expected items; box_weight: expected
    remaining items of such strikes in each cell of a stopped box.
    """
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
