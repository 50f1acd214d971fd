"""The strikes with finds as a reader can hold them: one representative partition, each strike with its uncertainty.

Reads   kept draws
Gives   `StrikeEstimate`s
Knows   nothing of rasters
Start   at `estimate_strikes`
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from fadeout.model.chain import Draws
from fadeout.model.effort import Lattice
from fadeout.model.known import KnownStrikes

COMPARED = 200  # draws among which the representative one is sought
PAIRS = 100_000  # pairs of near finds by which draws are compared


@dataclass(frozen=True)
class StrikeEstimate:
    """One strike with finds, in grid rows and columns; sd in cells."""

    row: float
    col: float
    row_sd: float
    col_sd: float
    footprint: int  # index of its most frequent footprint shape
    finds: int
    expected_remaining: float
    probability: (
        float  # that its finds belong to one strike; for a single find, that it belongs to a strike at all
    )
    members: tuple[int, ...]  # its finds


def estimate_strikes(
    draws: Draws, known: KnownStrikes, lattice: Lattice, finds: NDArray[np.int64]
) -> list[StrikeEstimate]:
    """Take the kept draw closest to the mean co-clustering (Dahl 2006) and describe its strikes over all draws."""
    if draws.strike_of.shape[1] == 0:
        return []
    remaining = known.shares(np.ones(lattice.grid.shape)) * known.mean
    chosen = np.unique(np.linspace(0, draws.count - 1, COMPARED).astype(int))
    partition = draws.strike_of[chosen]
    best = partition[_most_central(partition, *_near_pairs(finds, 2 * lattice.reach))]
    found = []
    for strike in np.unique(best[best >= 0]):
        members = np.flatnonzero(best == strike)
        found.append(_describe(draws, members, partition[:, members], remaining, lattice))
    return sorted(found, key=lambda estimate: -estimate.expected_remaining)


def _near_pairs(finds: NDArray[np.int64], distance: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Pairs of finds that may share a strike."""
    if len(finds) < 2:
        return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
    pairs = cKDTree(finds).query_pairs(distance, p=np.inf, output_type="ndarray")
    one, two = pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))].T
    step = max(1, len(one) // PAIRS)
    return one[::step].astype(np.int64), two[::step].astype(np.int64)


def _most_central(partition: NDArray[np.int64], one: NDArray[np.int64], two: NDArray[np.int64]) -> int:
    together = (partition[:, one] == partition[:, two]) & (partition[:, one] >= 0)
    alone = partition < 0
    loss = ((together - together.mean(axis=0)) ** 2).sum(axis=1) + ((alone - alone.mean(axis=0)) ** 2).sum(
        axis=1
    )
    return int(np.argmin(loss))


def _describe(
    draws: Draws,
    members: NDArray[np.int64],
    strikes: NDArray[np.int64],
    remaining: NDArray[np.float64],
    lattice: Lattice,
) -> StrikeEstimate:
    """Describe the strike that holds `members`; `strikes` (draws, members) says which strike each is in, draw by draw."""
    of = strikes[strikes >= 0]
    row, col = draws.row[of] - lattice.margin, draws.col[of] - lattice.margin
    same = [
        np.bincount(line[line >= 0] - line[line >= 0].min()) if (line >= 0).any() else [0] for line in strikes
    ]
    if len(members) == 1:
        probability = float((strikes >= 0).mean())
    else:
        pairs = len(members) * (len(members) - 1)
        probability = float(np.mean([sum(int(n) * (int(n) - 1) for n in counts) / pairs for counts in same]))
    return StrikeEstimate(
        row=float(row.mean()),
        col=float(col.mean()),
        row_sd=float(row.std()),
        col_sd=float(col.std()),
        footprint=int(np.bincount(draws.footprint[of]).argmax()),
        finds=len(members),
        expected_remaining=float((remaining[of] / draws.finds[of]).sum() / len(strikes)),
        probability=probability,
        members=tuple(int(m) for m in members),
    )
