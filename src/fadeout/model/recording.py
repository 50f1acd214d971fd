"""Tables of recorded strikes: where each may have been, its prior, and which finds may be its own.

Reads   records, lattice, the finds' `Items`
Gives   `Support` of a record's places, and `Records`, not yet filled
Knows   nothing of moves
Start   at `make_records`
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fadeout.model.effort import Lattice
from fadeout.model.prior import Prior, RecordedStrike
from fadeout.model.world import Items, Records

Array = NDArray[np.float64]
Ints = NDArray[np.int64]

PLACE_REACH = 4.0  # a record's place is followed to this many standard deviations
LOG_ZERO = -1e4  # log density of strikes that the prior rules out


class Support(NamedTuple):
    """Places of a record in the lattice: first row and column, log prior over them, prior mass outside."""

    top: int
    left: int
    log_place: Array
    outside: float


def make_records(
    items: Items,
    prior: Prior,
    lattice: Lattice,
    supports: Sequence[Support],
    recorded: Sequence[RecordedStrike],
) -> Records:
    """Tables of recorded strikes on the same window, not yet filled."""
    sizes = [support.log_place.size for support in supports]
    first, entries = _record_entries(supports, items, lattice.reach)
    places = [support.log_place.ravel() for support in supports]
    return Records(
        np.array([support.top for support in supports], dtype=np.int32),
        np.array([support.left for support in supports], dtype=np.int32),
        np.array([support.log_place.shape[0] for support in supports], dtype=np.int32),
        np.array([support.log_place.shape[1] for support in supports], dtype=np.int32),
        np.concatenate([[0], np.cumsum(sizes)])[: len(supports)].astype(np.int64),
        np.concatenate([*places, np.empty(0)]).astype(np.float32),
        np.zeros(len(lattice) * sum(sizes), np.float32),
        np.zeros(len(lattice) * sum(sizes), np.float32),
        np.array([support.outside for support in supports], dtype=np.float64),
        np.array([record.credibility for record in recorded], dtype=np.float64),
        np.array([record.items_shape or prior.items_shape for record in recorded], dtype=np.float64),
        np.array([record_rate(record, prior) for record in recorded], dtype=np.float64),
        np.ones(len(supports)),
        np.array([bool(record.items_per_strike or record.items_shape) for record in recorded], dtype=bool),
        first,
        entries,
        np.zeros(len(entries)),
    )


def record_rate(record: RecordedStrike, prior: Prior) -> float:
    """Rate b of a record's Gamma distribution of expected items."""
    return (record.items_shape or prior.items_shape) / (record.items_per_strike or prior.items_per_strike)


def support_of(record: RecordedStrike, lattice: Lattice) -> Support:
    """Window of places of a record that lie in the lattice."""
    row, col = record.row + lattice.margin, record.col + lattice.margin
    error = max(record.position_error_m / lattice.grid.cell_m, 1e-3)
    reach = PLACE_REACH * error
    r = np.arange(math.floor(row - reach), math.ceil(row + reach) + 1)
    c = np.arange(math.floor(col - reach), math.ceil(col + reach) + 1)
    squared = ((r[:, None] - row) ** 2 + (c[None, :] - col) ** 2) / error**2
    place = np.exp(-(squared - squared.min()) / 2)
    place /= place.sum()
    keep_r = (r >= 0) & (r < lattice.shape[0])
    keep_c = (c >= 0) & (c < lattice.shape[1])
    if not (keep_r.any() and keep_c.any()):
        return Support(0, 0, np.empty((0, 0)), 1.0)
    inside = place[np.ix_(keep_r, keep_c)]
    with np.errstate(divide="ignore"):
        log_place = np.maximum(np.log(inside), LOG_ZERO)
    return Support(int(r[keep_r][0]), int(c[keep_c][0]), log_place, float(max(0.0, 1.0 - inside.sum())))


def _record_entries(supports: Sequence[Support], items: Items, reach: int) -> tuple[Ints, NDArray[np.int32]]:
    """List the records that each item may belong to: those whose support is within one reach of it."""
    lists = []
    for i in range(items.row.size):
        mine = slice(items.place_first[i], items.place_first[i + 1])
        rows, cols = (
            np.append(items.place_row[mine], items.row[i]),
            np.append(items.place_col[mine], items.col[i]),
        )
        lists.append(
            [
                m
                for m, (top, left, place, _) in enumerate(supports)
                if top - reach <= rows.max()
                and rows.min() < top + place.shape[0] + reach
                and left - reach <= cols.max()
                and cols.min() < left + place.shape[1] + reach
            ]
        )
    first = np.concatenate([[0], np.cumsum([len(entry) for entry in lists])]).astype(np.int64)
    return first, np.array([m for entry in lists for m in entry], dtype=np.int32)
