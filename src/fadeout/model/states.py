"""A few states of what is learned and of stopped boxes' shares, which stand for all draws of a fit.

Reads   a `Posterior`
Gives   `State`s of equal weight: numbers, exposures, what search left, and the draws each stands for
Knows   nothing of what is added later
Start   at `states_of`

As in `nodes.py`, draws are halved at the median of the figure that varies most. A state takes its group's mean numbers,
and the shares of stopped boxes of one draw of the group. Strikes per km² and background, in which all that was not
found is linear, stay those of each draw (`scale`, `strays`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fadeout.model.keeping import factors
from fadeout.model.nodes import Node
from fadeout.model.posterior import Posterior
from fadeout.model.prior import Prior, RecordedStrike
from fadeout.model.recording import record_rate
from fadeout.model.vacant import Images

Array = NDArray[np.float64]
Ints = NDArray[np.int64]

WORK = 8_000_000  # templates × states, at most, but for LEAST
LEAST, MOST = 4, 16


@dataclass(frozen=True, eq=False)
class State:
    """One state, and what its draws differ in.

    `density` (J,) is strikes per template; `strays` and `scale` hold each draw's own background per cell and strikes per
    km², the latter as a factor of the state's; `shapes` and `rates` its own items per strike, which intervals follow.
    """

    draws: Ints
    density: Array
    weights: Array
    shape: float
    rate: float
    stray: float
    detection: Array  # (methods,)
    keep: Array  # (rows, cols)
    passed: Array  # the same, stopped boxes left out
    exposure: Images  # (J, rows, cols) of the lattice
    scale: Array
    strays: Array
    shapes: Array  # of items per strike, draw by draw
    rates: Array


def items_of_record(record: RecordedStrike, state: State, prior: Prior) -> tuple[float, float]:
    """Shape a and rate b of a record's items: its own, or those of all strikes."""
    if not (record.items_per_strike or record.items_shape):
        return state.shape, state.rate
    return float(record.items_shape or prior.items_shape), record_rate(record, prior)


def differ(posterior: Posterior) -> bool:
    """Whether draws differ in anything but which strikes they hold."""
    h = posterior.draws_taken.hyper
    columns = [h.strikes, h.shape[:, None], h.rate[:, None], h.background[:, None], h.detection]
    moved = any(np.ptp(column, axis=0).max(initial=0.0) > 1e-12 for column in columns)
    return moved or bool(posterior.draws_taken.box_keep.shape[1])


def affordable(posterior: Posterior) -> int:
    """How many states the size of the area lets one have."""
    templates = math.prod(posterior.lattice.shape) * len(posterior.lattice)
    return int(np.clip(WORK // templates, LEAST, MOST))


def states_of(posterior: Posterior, wanted: int) -> list[State]:
    """Part the draws into groups and give the state that stands for each; one state where draws do not differ."""
    draws = posterior.draws_taken
    if not differ(posterior):
        return [_state(posterior, np.arange(draws.count))]
    table = figures(posterior)
    groups = [np.arange(draws.count)]
    while len(groups) < wanted:
        groups.sort(key=len)
        group = groups.pop()
        if len(group) < 2:
            groups.append(group)
            break
        order = group[np.argsort(table[group, int(np.argmax(table[group].var(axis=0)))], kind="stable")]
        groups += [order[: len(order) // 2], order[len(order) // 2 :]]
    return [_state(posterior, group) for group in groups]


def figures(posterior: Posterior) -> Array:
    """What draws are told apart by: logarithms of items, shape and what stopped boxes left; logits of detections.

    Shape (draws, figures).
    """
    h, keep = posterior.draws_taken.hyper, posterior.draws_taken.box_keep
    p = np.clip(h.detection, 1e-9, 1 - 1e-9)
    figures = [np.log(h.shape / h.rate), np.log(h.shape), *np.log(p / (1 - p)).T]
    if keep.shape[1]:
        figures.append(np.log(np.maximum(keep.sum(axis=1), 1e-9)))
    return np.stack(figures, axis=1)


def _state(posterior: Posterior, group: Ints) -> State:
    draws, effort, lattice = posterior.draws_taken, posterior.searched, posterior.lattice
    h = draws.hyper.take(group)
    p = np.clip(h.detection, 1e-9, 1 - 1e-9)
    detection = 1.0 / (1.0 + np.exp(-np.log(p / (1 - p)).mean(axis=0))) if p.size else h.detection[0]
    shape = float(np.exp(np.log(h.shape).mean()))
    rate = shape / float(np.exp(np.log(h.shape / h.rate).mean()))
    per_km2 = h.strikes.mean(axis=0)
    total = float(per_km2.sum())
    weights = per_km2 / total if total > 0 else lattice.weights
    at_boxes = draws.box_keep[group]
    at_boxes = at_boxes[np.argsort(at_boxes.sum(axis=1), kind="stable")[len(group) // 2]]
    strengths = np.asarray(effort.strengths(detection))
    node = Node(group, 1.0, per_km2, weights, shape, rate, detection, strengths, at_boxes)
    exposure = posterior.exposed.images(node)
    factor = np.ones(1) if effort.searches is None else factors(effort.strengths)(detection)
    passed = np.where(effort.excluded, 0.0, 1.0)
    for strength, layer in zip(strengths, effort.layers, strict=True):
        passed = passed - strength * np.where(effort.excluded, 0.0, layer)
    cell = lattice.grid.cell_km2
    return State(
        draws=group,
        density=per_km2 * cell,
        weights=weights,
        shape=shape,
        rate=rate,
        stray=float(h.background.mean()) * cell,
        detection=np.asarray(detection, dtype=np.float64),
        keep=posterior.left.of(factor, at_boxes),
        passed=np.maximum(passed, 0.0),
        exposure=exposure.copy(),
        scale=h.strikes.sum(axis=1) / total if total > 0 else np.ones(len(group)),
        strays=h.background * cell,
        shapes=h.shape,
        rates=h.rate,
    )
