"""Weights of blocks: how well one strike explains a set of finds, and draws of its template.

Reads   `World`
Gives   log weights with the template summed out, draws of templates, tables of finds and records
Knows   nothing of partitions or moves
Start   at `log_block`

Symbols: k_j(x) kernel, e exposure, a, b Gamma prior of a strike's items, B = b + e, ρ_j strikes per template.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from fadeout.model.compiled import compiled, compiled_fast
from fadeout.model.exposing import exp_of, log_of
from fadeout.model.world import FREE, World

IMPOSSIBLE = -1e300  # a log weight that no draw takes; finite, since fast arithmetic knows no infinities
NEGLIGIBLE = 18.0  # log weights this far below the largest are left out: e^-18 = 1.5e-8


@compiled
def prior_of(world: World, record: int) -> tuple[float, float, float]:
    """Shape a and rate b of a strike's items, and the log weight that it has beyond its template's."""
    field, records = world.field, world.records
    if record == FREE:
        a, b = field.shape, field.rate
        extra = 0.0
    else:
        a, b = records.shape[record], records.rate[record]
        c = records.credibility[record]
        extra = math.log(c / (1.0 - c + c * records.unseen[record]))
    return a, b, extra


@compiled
def strike_rate(world: World, k: int) -> tuple[float, float]:
    """B = b + e of the strike in slot k, and its shape a."""
    field, records, state = world.field, world.records, world.state
    e = field.exposure[state.footprint[k], state.row[k], state.col[k]]
    if state.record[k] == FREE:
        return field.rate + e, field.shape
    return records.rate[state.record[k]] + e, records.shape[state.record[k]]


@compiled
def row_of_kernel(world: World, i: int, j: int, r: int, c0: int, side: int) -> int:
    """Where in the flat kernel tables the row starts that item i sees from centres (r, c0), (r, c0 + 1), …"""
    items = world.items
    reach = side // 2
    return int((j * side + r - items.row[i] + reach) * side + c0 - items.col[i] + reach)


@compiled
def window_of_members(world: World, member: Any, count: int) -> bool:
    """Note, by footprint, the centres in reach of all members; False if there are none."""
    field, items, window = world.field, world.items, world.scratch.window
    shapes, rows, cols = field.exposure.shape
    top, bottom = items.row[member[0]], items.row[member[0]]
    left, right = items.col[member[0]], items.col[member[0]]
    for m in range(1, count):
        i = member[m]
        top, bottom = min(top, items.row[i]), max(bottom, items.row[i])
        left, right = min(left, items.col[i]), max(right, items.col[i])
    r0, r1, c0, c1 = rows, -1, cols, -1
    for j in range(shapes):
        high, wide = field.extent[j, 0], field.extent[j, 1]
        line = window[j]
        line[0], line[1] = max(0, bottom - high), min(rows - 1, top + high)
        line[2], line[3] = max(0, right - wide), min(cols - 1, left + wide)
        if line[0] > line[1] or line[2] > line[3]:
            line[0], line[1], line[2], line[3] = 0, -1, 0, -1
        else:
            r0, r1 = min(r0, line[0]), max(r1, line[1])
            c0, c1 = min(c0, line[2]), max(c1, line[3])
    window[shapes, 0], window[shapes, 1], window[shapes, 2], window[shapes, 3] = r0, r1, c0, c1
    return bool(r0 <= r1)


@compiled_fast
def stack_likelihood(world: World, member: Any, count: int) -> bool:
    """Sum the members' log kernels over all centres in reach of all of them; False if there are none."""
    field, scratch = world.field, world.scratch
    if not window_of_members(world, member, count):
        return False
    side = field.kernel.shape[1]
    like, tables = (
        scratch.like.ravel(),
        field.log_kernel.ravel(),
    )  # flat views, so that the inner loops run as vectors
    for j in range(field.kernel.shape[0]):
        r0, r1, c0 = scratch.window[j, 0], scratch.window[j, 1], scratch.window[j, 2]
        width = scratch.window[j, 3] - c0 + 1
        for r in range(r0, r1 + 1):
            start = (j * side + r - r0) * side
            line = like[start : start + width]
            line[:] = 0.0
            m = 0
            while m + 1 < count:
                first = row_of_kernel(world, member[m], j, r, c0, side)
                second = row_of_kernel(world, member[m + 1], j, r, c0, side)
                one, two = tables[first : first + width], tables[second : second + width]
                for c in range(width):
                    line[c] += one[c] + two[c]
                m += 2
            if m < count:
                first = row_of_kernel(world, member[m], j, r, c0, side)
                one = tables[first : first + width]
                for c in range(width):
                    line[c] += one[c]
    return True


@compiled
def row_of_record(world: World, m: int, j: int, r: int, c0: int, c1: int) -> tuple[int, int, int]:
    """Where in record m's flat tables the row of centres (r, lo), … begins, for columns lo to hi − 1 of c0 to c1."""
    records = world.records
    rows, cols = records.height[m], records.width[m]
    t = r - records.top[m]
    lo, hi = max(c0, records.left[m]), min(c1 + 1, records.left[m] + cols)
    if t < 0 or t >= rows:
        return 0, lo, lo
    shapes = world.field.kernel.shape[0]
    return shapes * records.start[m] + (j * rows + t) * cols + lo - records.left[m], lo, hi


@compiled_fast
def log_block(world: World, record: int, count: int) -> float:
    """Log weight of the stacked members as one strike of this identity, its template summed out.

    Leaves the log weight of each template in `scratch.value` (−inf elsewhere) for `draw_template`.
    """
    field, records, scratch = world.field, world.records, world.scratch
    a, b, extra = prior_of(world, record)
    power = np.float32(a + count)
    best = np.float32(-1e30)
    shapes = field.kernel.shape[0]
    for j in range(shapes):
        r0, r1, c0, c1 = (
            scratch.window[j, 0],
            scratch.window[j, 1],
            scratch.window[j, 2],
            scratch.window[j, 3],
        )
        width = c1 - c0 + 1
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
                line[:] = -1e30
                start, lo, hi = row_of_record(world, record, j, r, c0, c1)
                if hi > lo:
                    base = np.float32(field.log_weight[j])
                    n = records.start[record] + (r - records.top[record]) * records.width[record]
                    n += lo - records.left[record]
                    place, log_rate = (
                        records.log_place[n : n + hi - lo],
                        records.log_rate[start : start + hi - lo],
                    )
                    part, near = line[lo - c0 : hi - c0], like[lo - c0 : hi - c0]
                    for c in range(hi - lo):
                        v = base + place[c] + near[c] - power * log_rate[c]
                        part[c] = v
                        best = max(best, v)
    if best < -1e29:
        return IMPOSSIBLE
    total = 0.0
    floor = best - np.float32(NEGLIGIBLE)
    for j in range(shapes):
        width = scratch.window[j, 3] - scratch.window[j, 2] + 1
        for r in range(scratch.window[j, 1] - scratch.window[j, 0] + 1):
            line = scratch.value[j, r, :width]
            for c in range(width):
                if line[c] > floor:
                    total += math.exp(line[c] - best)
    scratch.total[0], scratch.total[1] = best, total
    return extra + a * math.log(b) + math.lgamma(a + count) - math.lgamma(a) + float(best) + math.log(total)


@compiled
def draw_template(world: World, shapes: int, rng: Any) -> None:
    """Draw a template with the weights that `log_block` left in `scratch.value`."""
    scratch = world.scratch
    best = np.float32(scratch.total[0])
    floor = best - np.float32(NEGLIGIBLE)
    left = rng.random() * scratch.total[1]
    for j in range(shapes):
        r0, r1, c0, c1 = (
            scratch.window[j, 0],
            scratch.window[j, 1],
            scratch.window[j, 2],
            scratch.window[j, 3],
        )
        for r in range(r1 - r0 + 1):
            for c in range(c1 - c0 + 1):
                v = scratch.value[j, r, c]
                if v > floor:
                    scratch.template[0], scratch.template[1], scratch.template[2] = j, r + r0, c + c0
                    left -= math.exp(v - best)
                    if left <= 0:
                        return


@compiled
def draw_index(weight: Any, count: int, total: float, rng: Any) -> int:
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


@compiled
def draw_fresh(world: World, i: int, rng: Any) -> None:
    """Draw the template of a free strike known by item i alone."""
    field, items, scratch = world.field, world.items, world.scratch
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
    scratch.template[0], scratch.template[1] = j, r
    for c in range(c0, c1 + 1):
        w = field.kernel[j, o, c - items.col[i] + reach]
        if w > 0:
            scratch.template[2] = c
            left -= w * field.joined[j, r, c]
            if left <= 0:
                break


@compiled_fast
def dot(kernel: Any, joined: Any) -> float:
    """Sum of products of two rows, as vectors."""
    line = np.float32(0.0)
    for c in range(kernel.size):
        line += kernel[c] * joined[c]
    return float(line)


@compiled
def weight_of_row(world: World, row: int, col: int, j: int, o: int) -> float:
    """Weight of a first item at (row, col) of a free strike with footprint j and centre in row `row` + o − reach."""
    field = world.field
    reach, wide = field.kernel.shape[1] // 2, field.extent[j, 1]
    r, left = row + o - reach, col - reach
    if r < 0 or r >= field.exposure.shape[1]:
        return 0.0
    c0, c1 = max(0, col - wide), min(field.exposure.shape[2], col + wide + 1)
    return dot(field.kernel[j, o, c0 - left : c1 - left], field.joined[j, r, c0:c1])


@compiled
def tabulate_fresh(world: World, i: int) -> None:
    """Tabulate the weight of item i starting a new free strike, M(x_i), by footprint and centre row."""
    field, items = world.field, world.items
    total = 0.0
    reach = field.kernel.shape[1] // 2
    for j in range(field.kernel.shape[0]):
        for o in range(reach - field.extent[j, 0], reach + field.extent[j, 0] + 1):
            line = weight_of_row(world, items.row[i], items.col[i], j, o)
            items.fresh_rows[i, j, o] = line
            total += line
    items.fresh[i] = total


@compiled
def tabulate_records(world: World, i: int) -> None:
    """Tabulate the weight of item i joining each record in reach first, before the record's credibility."""
    field, items, records = world.field, world.items, world.records
    shapes, reach = field.kernel.shape[0], field.kernel.shape[1] // 2
    for n in range(records.first[i], records.first[i + 1]):
        m = records.entry_record[n]
        total = 0.0
        for j in range(shapes):
            high, left = field.extent[j, 0], items.col[i] - reach
            c0, c1 = items.col[i] - field.extent[j, 1], items.col[i] + field.extent[j, 1]
            for o in range(reach - high, reach + high + 1):
                start, lo, hi = row_of_record(world, m, j, items.row[i] + o - reach, c0, c1)
                if hi > lo:
                    total += dot(
                        field.kernel[j, o, lo - left : hi - left], records.joined[start : start + hi - lo]
                    )
        records.entry_weight[n] = total


@compiled
def tabulate_unseen(world: World, m: int) -> None:
    """Fill record m's tables, and w_r: probability that nothing was found of it, had it left items."""
    field, records = world.field, world.records
    a, b = records.shape[m], records.rate[m]
    rows, cols = records.height[m], records.width[m]
    total = records.outside[m]
    shapes = field.kernel.shape[0]
    room, line = np.empty(cols, np.float32), np.empty(cols, np.float32)
    for j in range(shapes):
        scale = field.log_weight[j] + a * math.log(b) + math.log(a)
        for t in range(rows):
            n = shapes * records.start[m] + (j * rows + t) * cols
            p = records.start[m] + t * cols
            exposure = field.exposure[j, records.top[m] + t, records.left[m] : records.left[m] + cols]
            log_rate, joined = records.log_rate[n : n + cols], records.joined[n : n + cols]
            total += tabulate_record_row(
                exposure, records.log_place[p : p + cols], scale, a, b, log_rate, joined, line, room
            )
    records.unseen[m] = total


@compiled_fast
def tabulate_record_row(
    exposure: Any,
    log_place: Any,
    scale: float,
    a: float,
    b: float,
    log_rate: Any,
    joined: Any,
    line: Any,
    room: Any,
) -> float:
    """Fill one row of a record's tables; give its part of w_r."""
    base, more, power = np.float32(b), np.float32(scale), np.float32(a + 1.0)
    for c in range(line.size):
        line[c] = base + exposure[c]
    log_of(line, log_rate, room)
    for c in range(line.size):
        line[c] = more + log_place[c] - power * log_rate[c]
    exp_of(line, joined, room)
    total = np.float32(0.0)
    for c in range(line.size):
        total += joined[c] * (base + exposure[c])
    return float(total) / a


@compiled
def rescale(world: World, strikes: Any, weights: Any) -> None:
    """Bring tables up to date after strikes per km² by footprint, and footprints' weights, grew by these factors (J,).

    The records' chances of nothing found, `records.unseen`, must be up to date before.
    """
    field, items, records = world.field, world.items, world.records
    shapes = field.kernel.shape[0]
    for j in range(shapes):
        factor = np.float32(strikes[j])
        for r in range(field.joined.shape[1]):
            line = field.joined[j, r]
            for c in range(line.size):
                line[c] *= factor
    for i in range(items.row.size):
        items.fresh[i] = 0.0
        for j in range(shapes):
            for o in range(items.fresh_rows.shape[2]):
                items.fresh_rows[i, j, o] *= strikes[j]
                items.fresh[i] += items.fresh_rows[i, j, o]
    for m in range(records.top.size):
        size = records.height[m] * records.width[m]
        for j in range(shapes):
            start = shapes * records.start[m] + j * size
            for n in range(start, start + size):
                records.joined[n] *= np.float32(weights[j])
    for i in range(items.row.size):
        tabulate_records(world, i)


@compiled
def list_members(world: World, k: int, into: Any) -> int:
    """List the items of slot k; give how many."""
    state = world.state
    count = 0
    for i in range(state.strike.size):
        if state.strike[i] == k:
            into[count] = i
            count += 1
    return count


@compiled
def in_reach_of(world: World, m: int) -> bool:
    """Say whether any centre in the window of the stacked members lies in record m's support."""
    records, window = world.records, world.scratch.window[world.field.kernel.shape[0]]
    return bool(
        records.top[m] <= window[1]
        and records.top[m] + records.height[m] > window[0]
        and records.left[m] <= window[3]
        and records.left[m] + records.width[m] > window[2]
    )


@compiled
def tabulate_all(world: World) -> None:
    """Fill the tables of all items and records, once the field's are filled."""
    for i in range(world.items.row.size):
        tabulate_fresh(world, i)
    for m in range(world.records.top.size):
        tabulate_unseen(world, m)
    for i in range(world.items.row.size):
        tabulate_records(world, i)
