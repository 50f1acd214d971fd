"""A few states that stand for all draws where something must be summed over the whole lattice.

Reads   kept draws of what is learned
Gives   `Node`s: each stands for a group of draws that are much alike
Knows   nothing of what is summed
Start   at `nodes`

What strikes without finds left is in closed form given what is learned, but at the price of a pass over all templates.
So draws are halved, group by group, at the median of the figure that varies most in the group, and each group is
represented by its mean; within a group sums follow the draws' own strikes per km², in which they are linear. Shares of
stopped boxes are nearly independent of one another: each box has in each group another quantile of its share, at random
which (a Latin hypercube), so that over the groups each box has all of its distribution.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fadeout.model.chain import Draws
from fadeout.model.tables import Tables

Array = NDArray[np.float64]
Ints = NDArray[np.int64]

MOST = 16  # groups of draws
WORK = 12_000_000  # templates × groups, at most, but for LEAST
LEAST = 4
FEWER = 4  # so many times as much work counts a group where only the shares of stopped boxes differ
SEED = 11  # of the quantiles' order


@dataclass(frozen=True, eq=False)
class Node:
    """One group of draws, and the state that stands for it."""

    draws: Ints
    share: float  # of all draws
    strikes: Array  # (J,) per km² by footprint, the group's mean
    weights: Array  # (J,)
    shape: float
    rate: float
    detection: Array  # (methods,)
    strengths: Array  # (layers,)
    at_boxes: Array  # what search left in the cells of stopped boxes


def nodes(tables: Tables, draws: Draws) -> list[Node]:
    """Part the draws into groups and give the state that stands for each."""
    h = draws.hyper
    figures = [np.log(h.shape / h.rate), np.log(h.shape)]
    p = np.clip(h.detection, 1e-9, 1 - 1e-9)
    figures += list(np.log(p / (1 - p)).T)
    table = np.stack(figures, axis=1)
    if not len(draws.box_keep[0]) and np.ptp(table, axis=0).max(initial=0.0) < 1e-12:
        return [_node(tables, draws, np.arange(draws.count), draws.box_keep[0])]
    work = math.prod(tables.lattice.shape) * len(tables.lattice)
    if np.ptp(table, axis=0).max(initial=0.0) < 1e-12:  # only the shares of stopped boxes differ: fewer do
        work *= FEWER
    most = int(np.clip(WORK // work, LEAST, MOST))
    groups = [np.arange(draws.count)]
    while len(groups) < most:
        groups.sort(key=len)
        group = groups.pop()
        if len(group) < 2:
            groups.append(group)
            break
        figure = table[group, int(np.argmax(table[group].var(axis=0)))]
        order = group[np.argsort(figure, kind="stable")]
        groups += [order[: len(order) // 2], order[len(order) // 2 :]]
    at_boxes = _at_boxes(tables, draws, groups)
    return [_node(tables, draws, group, keep) for group, keep in zip(groups, at_boxes, strict=True)]


def _at_boxes(tables: Tables, draws: Draws, groups: list[Ints]) -> Array:
    """What search left in the cells of stopped boxes, (groups, cells): each box at one quantile of each group."""
    keep = np.stack([draws.box_keep[group[len(group) // 2]] for group in groups])
    rng, before = np.random.default_rng(SEED), 0
    for boxes in (part.boxes for part in tables.parts):
        for b in range(boxes.share.size):
            cells = before + boxes.cell[boxes.first[b] : boxes.first[b + 1]]
            if not len(cells):
                continue
            for n, (group, rank) in enumerate(zip(groups, rng.permutation(len(groups)), strict=True)):
                order = group[np.argsort(draws.box_keep[group, cells[0]], kind="stable")]
                keep[n, cells] = draws.box_keep[order[int((rank + 0.5) / len(groups) * len(order))], cells]
        before += len(boxes.row)
    return keep


def _node(tables: Tables, draws: Draws, group: Ints, at_boxes: Array) -> Node:
    h = draws.hyper.take(group)
    p = np.clip(h.detection, 1e-9, 1 - 1e-9)
    detection = 1.0 / (1.0 + np.exp(-np.log(p / (1 - p)).mean(axis=0))) if p.size else h.detection[0]
    shape = float(np.exp(np.log(h.shape).mean()))
    items = float(np.exp(np.log(h.shape / h.rate).mean()))
    strikes = h.strikes.mean(axis=0)
    total = float(strikes.sum())
    return Node(
        draws=group,
        share=len(group) / draws.count,
        strikes=strikes,
        weights=strikes / total if total > 0 else tables.lattice.weights,
        shape=shape,
        rate=shape / items,
        detection=detection,
        strengths=np.asarray(tables.effort.strengths(detection)),
        at_boxes=at_boxes,
    )
