"""What search left in each cell, draw by draw: detection and the shares of stopped boxes may differ between draws.

Reads   `Effort`, kept draws
Gives   `Left`
Knows   nothing of strikes
Start   at `left_by_search`

keep_d(x) = Σ_p factor[d, p] · parts[p](x) outside the cells of stopped boxes; in those `at_boxes` has it cell by cell.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from fadeout.model.effort import Effort

Array = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Left:
    """Probability that an item lying in a cell has escaped all search and reporting; 0 in excluded ground."""

    parts: Array  # (parts, rows, cols), 0 in the cells of stopped boxes
    factor: Array  # (draws, parts)
    row: Ints  # cells of stopped boxes
    col: Ints
    at_boxes: Array  # (draws, cells)

    @cached_property
    def mean(self) -> Array:
        """Mean over draws, shape (rows, cols)."""
        return self.averaged(np.ones(len(self.factor)))

    def averaged(self, values: Array) -> Array:
        """Mean over draws of keep times a value of each draw."""
        out = np.tensordot((self.factor * values[:, None]).mean(axis=0), self.parts, axes=1)
        out[self.row, self.col] = (self.at_boxes * values[:, None]).mean(axis=0)
        return np.asarray(np.maximum(out, 0.0))

    def of(self, factor: Array, at_boxes: Array) -> Array:
        """One raster, from factors (parts,) and what is left at the stopped boxes' cells."""
        out = np.maximum(np.tensordot(factor, self.parts, axes=1), 0.0)
        out[self.row, self.col] = at_boxes
        return np.asarray(out)

    def sums(self, weights: Array) -> Array:
        """Σ over cells of weights × keep, per draw."""
        whole = np.array([float((part * weights).sum()) for part in self.parts])
        return np.asarray(self.factor @ whole + self.at_boxes @ weights[self.row, self.col])

    def take(self, chosen: Ints) -> Left:
        """Only the chosen draws."""
        return Left(self.parts, self.factor[chosen], self.row, self.col, self.at_boxes[chosen])


def left_by_search(effort: Effort, detection: Array, row: Ints, col: Ints, at_boxes: Array) -> Left:
    """What search left, for detections of shape (draws, methods)."""
    if effort.searches is None:
        parts = effort.keep[None].copy()
        factor = np.ones((len(at_boxes), 1))
    else:
        parts = np.stack([(~effort.excluded).astype(np.float64), *effort.layers])
        factor = factors(effort.strengths)(detection)
    parts[:, row, col] = 0.0
    return Left(parts, factor, row, col, at_boxes)


def factors(strengths: Callable[[Array], Array]) -> Callable[[Array], Array]:
    """Factors of the parts (all ground, then each layer) for detections of shape (…, methods)."""

    def given(detection: Array) -> Array:
        strength = strengths(detection)
        return np.concatenate([np.ones((*strength.shape[:-1], 1)), -strength], axis=-1)

    return given
