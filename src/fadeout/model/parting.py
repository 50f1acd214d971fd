"""Finds parted into groups that share no strike and no record, and each state's particles of each group.

Reads   kept draws of a fit
Gives   `Parting`, and from it `Group`s over the `Ground` of a state
Knows   nothing of weights or of what is added later
Start   at `Parting.groups`
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from fadeout.model.chain import Draws
from fadeout.model.ground import Ground
from fadeout.model.groups import Group
from fadeout.model.particles import Swarm
from fadeout.model.world import FREE

Ints = NDArray[np.int64]

LINKED = (
    0.01  # two finds belong to one group if they share a strike, or a record, in this share of draws at least
)


class Parting:
    """Groups of finds by who shares strikes or records with whom in the draws of a fit."""

    def __init__(self, draws: Draws, places: Ints, records: int):
        self.draws, self.places = draws, places
        self.members: list[Ints] = []
        self.owned: list[list[int]] = []
        self.usable: list[NDArray[np.bool_]] = []
        if not len(places):
            return
        of = _records_of(draws)
        by_record = np.array([(of == m).mean(axis=0) for m in range(records)]).reshape(records, len(places))
        labels = _linked(draws.strike_of, by_record)
        owner = [int(labels[share.argmax()]) if share.any() else -1 for share in by_record]
        for label in range(labels.max() + 1):
            mine = np.flatnonzero(labels == label)
            owned = [m for m in range(records) if owner[m] == label]
            self.members.append(mine)
            self.owned.append(owned)
            self.usable.append(_apart(draws.strike_of, of, labels == label, owned))

    def groups(self, chosen: Ints, ground: Ground, count: int) -> list[Group]:
        """Groups with `count` particles each, taken evenly from the chosen draws."""
        out = []
        for mine, owned, usable in zip(self.members, self.owned, self.usable, strict=True):
            some = chosen[usable[chosen]]
            if not len(some):
                some = np.flatnonzero(usable)
            even = some[np.linspace(0, len(some) - 1, count).round().astype(int)]
            swarm = _swarm(self.draws, mine, even)
            out.append(Group(self.places[mine], swarm, np.zeros(count), ground, owned))
        return out


def _records_of(draws: Draws) -> Ints:
    """The record that each find belongs to, or FREE, shape (draws, finds)."""
    records = np.append(draws.record, FREE)
    return np.asarray(records[draws.strike_of])


def _linked(strike_of: Ints, by_record: NDArray[np.float64]) -> Ints:
    """Label finds by group: those that share a strike or a record in a share of the draws, and so on."""
    count = strike_of.shape[1]
    shared = np.zeros((count, count))
    for strikes in strike_of:
        shared += (strikes[:, None] == strikes[None, :]) & (strikes >= 0)[:, None]
    pairs = [np.argwhere(shared >= LINKED * len(strike_of))]
    for share in by_record:
        users = np.flatnonzero(share >= LINKED)
        pairs += [np.stack([users[:-1], users[1:]], axis=1)]
    edges = np.concatenate(pairs)
    graph = coo_matrix((np.ones(len(edges)), (edges[:, 0], edges[:, 1])), shape=(count, count))
    return np.asarray(connected_components(graph, directed=False)[1], dtype=np.int64)


def _apart(strike_of: Ints, of: Ints, mine: NDArray[np.bool_], owned: list[int]) -> NDArray[np.bool_]:
    """Draws in which a group shares no strike with others, has only its own records and no other has those."""
    out = np.ones(len(strike_of), dtype=bool)
    for d, strikes in enumerate(strike_of):
        own = strikes[mine]
        out[d] = not np.isin(own[own >= 0], strikes[~mine]).any()
    out &= np.isin(of[:, mine], [FREE, *owned]).all(axis=1)
    if owned:
        out &= ~np.isin(of[:, ~mine], owned).any(axis=1)
    return out


def _swarm(draws: Draws, mine: Ints, chosen: Ints) -> Swarm:
    count, finds = len(chosen), len(mine)
    columns = [np.zeros((count, finds + 1), np.int32) for _ in range(4)]
    columns.append(np.full((count, finds + 1), FREE, np.int32))
    strike, top = np.full((count, finds), -1, np.int32), np.zeros(count, np.int64)
    taken = (draws.footprint, draws.row, draws.col, draws.finds, draws.record)
    for p, d in enumerate(chosen):
        of = draws.strike_of[d, mine]
        used, slot = np.unique(of[of >= 0], return_inverse=True)
        strike[p, of >= 0] = slot
        top[p] = len(used)
        for column, values in zip(columns, taken, strict=True):
            column[p, : len(used)] = values[used]
    return Swarm._make([strike, *columns, top])
