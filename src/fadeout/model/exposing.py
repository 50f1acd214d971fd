"""Tables over templates, made row by row as vectors: exposures, log(b + e), first-item weights, sums over empty strikes.

Reads   arrays over centres, shape (J footprints, rows, cols), single precision
Gives   the same, filled; about a nanosecond a template
Knows   nothing of items, moves or draws
Start   at `tabulate_field`

Logarithm and exponential follow polynomials (relative error below 1e-6), so that the compiler makes vectors of them.
Symbols: e exposure, a, b Gamma prior of a strike's items, B = b + e, ρ_j strikes per template.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from fadeout.model.compiled import compiled, compiled_fast

BINS = 24 * 16 + 2  # from exposures below 2^-24, which find nothing, to 1
FIRST_BIN = (127 - 24) << 4


@compiled_fast
def log_of(values: Any, out: Any, room: Any) -> None:
    """Natural logarithm of a row of positive values: exponent apart, the rest by 2 artanh((m − 1)/(m + 1))."""
    one, two, ln2 = np.float32(1.0), np.float32(2.0), np.float32(math.log(2.0))
    t3, t5, t7, t9 = np.float32(1 / 3), np.float32(1 / 5), np.float32(1 / 7), np.float32(1 / 9)
    bits = out.view(np.int32)
    for c in range(values.size):
        out[c] = values[c]
    for c in range(values.size):
        exponent = (bits[c] - np.int32(0x3F3504F3)) >> np.int32(23)  # so that m lies in √½ to √2
        room[c] = np.float32(exponent)
        bits[c] -= exponent << np.int32(23)
    for c in range(values.size):
        z = (out[c] - one) / (out[c] + one)
        s = z * z
        out[c] = room[c] * ln2 + two * z * (one + s * (t3 + s * (t5 + s * (t7 + s * t9))))


@compiled_fast
def exp_of(values: Any, out: Any, room: Any) -> None:
    """Exponential of a row of values, those below −87 taken as −87: 2^n times a polynomial."""
    one, ln2, log2e = np.float32(1.0), np.float32(math.log(2.0)), np.float32(1.0 / math.log(2.0))
    t2, t3, t4 = np.float32(1 / 2), np.float32(1 / 6), np.float32(1 / 24)
    t5, t6 = np.float32(1 / 120), np.float32(1 / 720)
    bits = room.view(np.int32)
    for c in range(values.size):
        t = max(values[c], np.float32(-87.0)) * log2e
        n = np.int32(t + np.float32(128.5)) - np.int32(128)
        r = (t - np.float32(n)) * ln2
        out[c] = one + r * (one + r * (t2 + r * (t3 + r * (t4 + r * (t5 + r * t6)))))
        bits[c] = (n + np.int32(127)) << np.int32(23)
    for c in range(values.size):
        out[c] *= room[c]


@compiled_fast
def add_up(bases: Any, strengths: Any, out: Any) -> None:
    """Exposures: out = Σ_c strengths[c] · bases[c], arrays of shape (J, rows, cols)."""
    for j in range(out.shape[0]):
        for r in range(out.shape[1]):
            line = out[j, r]
            line[:] = 0.0
            for n in range(strengths.size):
                strength, base = np.float32(strengths[n]), bases[n, j, r]
                for c in range(line.size):
                    line[c] += strength * base[c]


@compiled_fast
def stamp_cells(kernels: Any, extent: Any, row: Any, col: Any, extra: Any, out: Any) -> None:
    """Add to exposures what `extra` detection in some cells adds: Σ_x k_j(x − c) extra(x).

    extent (J, 2): rows and columns from its centre that each kernel reaches.
    """
    reach = kernels.shape[1] // 2
    for x in range(row.size):
        more = np.float32(extra[x])
        for j in range(out.shape[0]):
            high, wide = extent[j, 0], extent[j, 1]
            c0, c1 = max(0, col[x] - wide), min(out.shape[2], col[x] + wide + 1)
            for r in range(max(0, row[x] - high), min(out.shape[1] - 1, row[x] + high) + 1):
                line = out[j, r, c0:c1]
                kernel = kernels[j, r - row[x] + reach, c0 - col[x] + reach : c1 - col[x] + reach]
                for c in range(line.size):
                    line[c] += more * kernel[c]


@compiled_fast
def tabulate_field(
    exposure: Any, log_density: Any, shape: float, rate: float, log_rate: Any, joined: Any
) -> None:
    """Fill log(b + e) and the weight of a first item of a free strike before its kernel, ρ_j (b/B)^a (a/B)."""
    room, line = np.empty(exposure.shape[2], np.float32), np.empty(exposure.shape[2], np.float32)
    b, power = np.float32(rate), np.float32(shape + 1.0)
    for j in range(exposure.shape[0]):
        scale = np.float32(log_density[j] + shape * math.log(rate) + math.log(shape))
        for r in range(exposure.shape[1]):
            for c in range(line.size):
                line[c] = b + exposure[j, r, c]
            log_of(line, log_rate[j, r], room)
            for c in range(line.size):
                line[c] = scale - power * log_rate[j, r, c]
            if log_density[j] > -1e3:
                exp_of(line, joined[j, r], room)
            else:
                joined[j, r] = 0.0  # no strikes of this footprint


@compiled_fast
def seen_sums(exposure: Any, active: Any, shape: float, rate: float, out: Any) -> None:
    """Add Σ over active centres of 1 − (b/(b + e))^a, the share of strikes of which something is found, to out (J,)."""
    room, line = np.empty(exposure.shape[2], np.float32), np.empty(exposure.shape[2], np.float32)
    logs, one = np.empty(exposure.shape[2], np.float32), np.float32(1.0)
    over, power = np.float32(1.0 / rate), np.float32(-shape)
    for j in range(exposure.shape[0]):
        for r in range(exposure.shape[1]):
            for c in range(line.size):
                line[c] = one + over * exposure[j, r, c]
            log_of(line, logs, room)
            for c in range(line.size):
                logs[c] = power * logs[c]
            exp_of(logs, line, room)
            total = np.float32(0.0)
            for c in range(line.size):
                total += active[r, c] * (one - line[c])
            out[j] += float(total)


@compiled
def bin_exposures(exposure: Any, active: Any, count: Any, total: Any) -> None:
    """Add active centres to bins of much the same exposure: count and total exposure, (J, BINS).

    The bin is the exponent and the first four bits of the exposure: 1/16 of an octave, 4 to 6 % wide.
    """
    for j in range(exposure.shape[0]):
        for r in range(exposure.shape[1]):
            bits = exposure[j, r].view(np.int32)
            for c in range(bits.size):
                if active[r, c] > 0:
                    n = min(max((bits[c] >> 19) - FIRST_BIN, 0), BINS - 1)
                    count[j, n] += 1.0
                    total[j, n] += exposure[j, r, c]


@compiled
def seen_sums_of_bins(footprint: Any, count: Any, exposure: Any, shape: float, rate: float, out: Any) -> None:
    """Add the same sums over bins of centres with much the same exposure."""
    for n in range(count.size):
        out[footprint[n]] -= count[n] * math.expm1(-shape * math.log1p(exposure[n] / rate))


@compiled_fast
def unseen_by_footprint(
    exposure: Any, log_place: Any, top: int, left: int, shape: float, rate: float, out: Any
) -> None:
    """Σ_c q(c) (b/(b + e_j(c)))^a over a record's support, for each footprint j, into out (J,)."""
    height, width = log_place.shape
    room, line = np.empty(width, np.float32), np.empty(width, np.float32)
    logs, one = np.empty(width, np.float32), np.float32(1.0)
    over, power = np.float32(1.0 / rate), np.float32(-shape)
    for j in range(exposure.shape[0]):
        out[j] = 0.0
        for t in range(height):
            start = exposure[j, top + t]
            for c in range(width):
                line[c] = one + over * start[left + c]
            log_of(line, logs, room)
            for c in range(width):
                logs[c] = power * logs[c] + log_place[t, c]
            exp_of(logs, line, room)
            total = np.float32(0.0)
            for c in range(width):
                total += line[c]
            out[j] += float(total)
