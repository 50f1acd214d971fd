"""Tables of the finds of one part: where each may lie, which others may share its strike, room for its weights.

Reads   finds, their errors, effort
Gives   `Places` and `Items`, not yet filled
Knows   nothing of strikes or records
Start   at `make_items`
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from fadeout.model.effort import Effort, Lattice
from fadeout.model.prior import Prior
from fadeout.model.world import Items

Array = NDArray[np.float64]
Ints = NDArray[np.int64]

LEAST_ERROR = 0.5  # standard deviations of finds' places, in cells, up to which they lie in the cell recorded
ERROR_REACH = 3.0  # and how many of them a find may lie away from there


class Places(NamedTuple):
    """Cells of the grid where one find may lie, (cells,) each, and the chance of its place as recorded, were it there."""

    row: Ints
    col: Ints
    weight: Array


CERTAIN = Places(np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64), np.empty(0))


def places_of(effort: Effort, finds: Ints, errors: Array | None) -> list[Places]:
    """Where each find may lie: none but its own cell where its place is certain to half a cell.

    It lies where it could be found: in its own box if the search of that stopped at it, else where the effort is above 0,
    the likelier the higher the effort.
    """
    if errors is None:
        return [CERTAIN] * len(finds)
    own = {box.find: box.mask for box in effort.stopped}
    rows, cols = effort.grid.shape
    out = []
    for n, ((row, col), error) in enumerate(zip(finds, errors / effort.grid.cell_m, strict=True)):
        if error <= LEAST_ERROR:
            out.append(CERTAIN)
            continue
        reach = math.ceil(ERROR_REACH * error)
        r = np.arange(max(0, row - reach), min(rows, row + reach + 1))
        c = np.arange(max(0, col - reach), min(cols, col + reach + 1))
        window = np.ix_(r, c)
        weight = np.exp(-((r[:, None] - row) ** 2 + (c[None, :] - col) ** 2) / (2 * error**2))
        there = own[n][window] if n in own else effort.detected[window]
        weight = weight * there * ~effort.excluded[window]
        at = np.nonzero(weight > 0)
        out.append(Places(r[at[0]], c[at[1]], weight[at]))
    return out


def make_items(
    prior: Prior,
    lattice: Lattice,
    places: NDArray[np.int32],
    likely: Sequence[Places] = (),
    shift: tuple[int, int] = (0, 0),
) -> Items:
    """Tables of finds at places (n, 2) of a window of the lattice, not yet filled; `likely` cells by grid row and col."""
    count, side = len(places), 2 * lattice.reach + 1
    likely = likely or [CERTAIN] * count
    near_first, others = neighbours(places, 2 * lattice.reach)
    return Items(
        np.ascontiguousarray(places[:, 0]),
        np.ascontiguousarray(places[:, 1]),
        np.zeros((count, len(lattice), side)),
        np.zeros(count),
        near_first,
        others,
        prior.background_per_km2 * lattice.grid.cell_km2,
        np.concatenate([[0], np.cumsum([len(p.row) for p in likely])]).astype(np.int64),
        np.concatenate([*(p.row + shift[0] for p in likely), np.empty(0)]).astype(np.int32),
        np.concatenate([*(p.col + shift[1] for p in likely), np.empty(0)]).astype(np.int32),
        np.concatenate([*(p.weight for p in likely), np.empty(0)]),
    )


def neighbours(places: NDArray[np.int32], distance: int) -> tuple[Ints, NDArray[np.int32]]:
    """List, for each item, the others within a square of `distance` cells: those that may share a strike with it."""
    if len(places) < 2:
        return np.zeros(len(places) + 1, dtype=np.int64), np.empty(0, dtype=np.int32)
    pairs = cKDTree(places).query_pairs(distance, p=np.inf, output_type="ndarray")
    both = np.concatenate([pairs, pairs[:, ::-1]])
    order = np.lexsort((both[:, 1], both[:, 0]))
    degree = np.bincount(both[:, 0], minlength=len(places))
    return np.concatenate([[0], np.cumsum(degree)]).astype(np.int64), both[order, 1].astype(np.int32)
