"""Which strike each record of a strike may describe: sums over every way to match records to strikes.

Reads   densities of records at strikes
Gives   `matching_sums`, and `Places`, where the strike of a record may lie if its stated position error is scaled
Knows   nothing of draws
Start   at `matching_sums`
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fadeout.model.compiled import compiled
from fadeout.model.effort import Lattice
from fadeout.model.prior import RecordedStrike

Array = NDArray[np.float64]
Ints = NDArray[np.int64]

MOST_MATCHED = 10  # of the fewer of records and strikes; beyond, two records may describe one strike
PLACE_REACH = 4.0  # position errors within which the true place lies, as in `fit`


def matching_sums(weight: Array) -> Array:
    """Sum, over all ways to match m records to m strikes, the product of their weights.

    Parameters
    ----------
    weight : ndarray of float, shape (records, strikes, cases)
        Weight of each pair in each of several cases.

    Returns
    -------
    ndarray of float, shape (m + 1, cases)
        Row m has the sum over all matchings of m pairs; row 0 is 1. With more than ten of both records and strikes,
        two records may share a strike, which counts somewhat too much.

    Examples
    --------
    Two records, two strikes: one pair in four ways, both in two:

    >>> matching_sums(np.ones((2, 2, 1)))[:, 0].tolist()
    [1.0, 4.0, 2.0]
    """
    records, strikes, cases = weight.shape
    if min(records, strikes) > MOST_MATCHED:
        return _without_exclusion(weight.sum(axis=1))
    few = weight if records <= strikes else weight.transpose(1, 0, 2)
    count = few.shape[0]
    sums = np.zeros((1 << count, cases))
    sums[0] = 1.0
    _match(np.ascontiguousarray(few), sums)
    pairs = np.array([mask.bit_count() for mask in range(1 << count)])
    return np.stack([sums[pairs == m].sum(axis=0) for m in range(count + 1)])


@compiled
def _match(weight: Any, sums: Any) -> None:
    """Let each of the many take one of the few that is not taken: sums over sets of the few taken."""
    few, many, cases = weight.shape
    for k in range(many):
        for mask in range(sums.shape[0] - 1, 0, -1):
            for r in range(few):
                if mask >> r & 1:
                    before = sums[mask ^ (1 << r)]
                    for case in range(cases):
                        sums[mask, case] += before[case] * weight[r, k, case]


def _without_exclusion(weight: Array) -> Array:
    out = np.zeros((len(weight) + 1, weight.shape[1]))
    out[0] = 1.0
    for n, one in enumerate(weight):
        out[1 : n + 2] += out[: n + 1] * one
    return out


@dataclass(frozen=True, eq=False)
class Places:
    """Where the strikes of records may lie, for several scales of their stated errors.

    Density at lattice place (r, c) is north[n, s, r] · west[n, s, c], shares of 1 for each record and scale.
    """

    north: Array  # (records, scales, rows)
    west: Array  # (records, scales, cols)

    @property
    def outside(self) -> Array:
        """Share of places beyond the lattice, shape (records, scales)."""
        return np.asarray(np.maximum(1.0 - self.north.sum(axis=-1) * self.west.sum(axis=-1), 0.0))

    def at(self, row: Ints, col: Ints) -> Array:
        """Share at lattice places, shape (records, places, scales)."""
        return np.asarray((self.north[:, :, row] * self.west[:, :, col]).transpose(0, 2, 1))

    def mean(self, raster: Array) -> Array:
        """Mean of a raster over the places of each record, 1 beyond the lattice; shape (records, scales)."""
        inside = np.einsum("nsr,nsr->ns", self.north, np.matmul(self.west, raster.T))
        return np.asarray(inside + self.outside)


def places(records: Sequence[RecordedStrike], lattice: Lattice, scales: Array) -> Places:
    """Give the places of records on a lattice, their position errors multiplied by each of `scales`."""
    north = np.zeros((len(records), len(scales), lattice.shape[0]))
    west = np.zeros((len(records), len(scales), lattice.shape[1]))
    for n, record in enumerate(records):
        for s, scale in enumerate(scales):
            error = max(scale * record.position_error_m / lattice.grid.cell_m, 1e-3)
            north[n, s] = _line(record.row + lattice.margin, error, lattice.shape[0])
            west[n, s] = _line(record.col + lattice.margin, error, lattice.shape[1])
    return Places(north, west)


def _line(middle: float, error: float, length: int) -> Array:
    """Share of each cell of a line, as `fit` has it: the density at cell centres within four errors."""
    first, last = math.floor(middle - PLACE_REACH * error), math.ceil(middle + PLACE_REACH * error)
    cell = np.arange(first, last + 1)
    squared = ((cell - middle) / error) ** 2
    share = np.exp(-(squared - squared.min()) / 2)
    share /= share.sum()
    out = np.zeros(length)
    there = (cell >= 0) & (cell < length)
    out[cell[there]] = share[there]
    return out
