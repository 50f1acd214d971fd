"""Footprint shapes and their kernels: where the items of one strike lie around its centre.

Reads   standard deviations in metres, a bearing, a kind
Gives   `Footprint`, and `kernels`: one square table per footprint, each summing to 1
Knows   nothing of strikes, effort or data
Start   at `kernels`

Symbols: k_j(x) share of a strike's items that falls in the cell at offset x from its centre; R reach in cells.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

KINDS = ("gaussian", "heavy", "far", "ring")
TAILS = {  # share of the items in the tail, and how many times as wide it is: docs/explanation/model.md, "Footprints"
    "heavy": (0.04, 1.8),
    "far": (0.1, 2.5),  # on sites that the model does not assume: docs/decisions/0004-next-boxes.md
}
END = 5.0  # standard deviations, in its own directions, where a footprint ends: at most 1.4 % of its items lie beyond


@dataclass(frozen=True)
class Footprint:
    """One footprint shape: a Gaussian (`kind="gaussian"`), one with a tail ("heavy", "far"), or a hollow one ("ring").

    `bearing_deg` is the direction of the long axis, clockwise from north; `weight` its prior weight among the
    shapes (weights are normalised over the shapes of a prior).
    """

    sigma_major_m: float
    sigma_minor_m: float
    bearing_deg: float = 0.0
    weight: float = 1.0
    kind: str = "gaussian"

    def __post_init__(self) -> None:
        if not (self.sigma_major_m > 0 and self.sigma_minor_m > 0 and self.weight >= 0):
            raise ValueError(f"a footprint needs sigmas above 0 and a weight of at least 0; got {self}")
        if self.kind not in KINDS:
            raise ValueError(f"footprint kind must be one of {', '.join(KINDS)}; got {self.kind!r}")

    @property
    def reach_m(self) -> float:
        """Distance beyond which no item is expected: 3 of the largest standard deviation, 4 of other kinds."""
        return (3.0 if self.kind == "gaussian" else 4.0) * max(self.sigma_major_m, self.sigma_minor_m)

    def density(self, east: NDArray[Any], north: NDArray[Any]) -> NDArray[np.float64]:
        """Give how densely items lie at offsets in metres from the centre, to a constant factor."""
        squared = self.squared(east, north)
        density = np.exp(-squared / 2)
        if self.kind in TAILS:
            share, scale = TAILS[self.kind]
            tail = np.exp(-squared / (2 * scale**2)) / scale**2
            density = (1 - share) * density + share * tail
        if self.kind == "ring":  # nothing at the centre, most at √2 standard deviations
            density *= squared
        return np.asarray(density)

    def squared(self, east: NDArray[Any], north: NDArray[Any]) -> NDArray[np.float64]:
        """Give the square of the distance from the centre in standard deviations of its own directions."""
        bearing = math.radians(self.bearing_deg)
        along = (east * math.sin(bearing) + north * math.cos(bearing)) / self.sigma_major_m
        across = (east * math.cos(bearing) - north * math.sin(bearing)) / self.sigma_minor_m
        return np.asarray(along**2 + across**2)

    def scaled(self, factor: float) -> Footprint:
        """The same shape `factor` times as large."""
        return Footprint(
            self.sigma_major_m * factor, self.sigma_minor_m * factor, self.bearing_deg, self.weight, self.kind
        )


def reach_cells(footprints: Sequence[Footprint], cell_m: float) -> int:
    """Half side R, in cells, of the window that holds every footprint."""
    return math.ceil(max(footprint.reach_m for footprint in footprints) / cell_m - 1e-9)


def kernels(footprints: Sequence[Footprint], cell_m: float) -> NDArray[np.float64]:
    """Give one table per footprint: the share of a strike's items in each cell around its centre.

    Parameters
    ----------
    footprints : sequence of Footprint
        The shapes, in the order of the tables.
    cell_m : float
        Cell side in metres.

    Returns
    -------
    ndarray of float, shape (footprints, 2R + 1, 2R + 1)
        Density at the offset between cell centres, 0 beyond the footprint's own end (`END`), normalised to sum to 1
        over the window of ±R cells. Rows run from north to south.

    Examples
    --------
    >>> k = kernels([Footprint(80, 40, bearing_deg=45)], 25.0)
    >>> k.shape, round(float(k.sum()), 9)
    ((1, 21, 21), 1.0)
    """
    reach = reach_cells(footprints, cell_m)
    offsets = np.arange(-reach, reach + 1) * cell_m
    north, east = -offsets[:, None], offsets[None, :]
    tables = np.empty((len(footprints), offsets.size, offsets.size))
    for table, footprint in zip(tables, footprints, strict=True):
        density = footprint.density(east, north)
        density[footprint.squared(east, north) > END**2] = 0.0
        table[:] = density / density.sum()
    return tables


def extents(tables: NDArray[np.float64]) -> NDArray[np.int32]:
    """Give how many rows and columns from its centre each footprint's table reaches, shape (footprints, 2).

    Examples
    --------
    >>> extents(kernels([Footprint(20, 20), Footprint(60, 60)], 25.0)).tolist()
    [[4, 4], [8, 8]]
    """
    middle = tables.shape[1] // 2
    away = np.abs(np.arange(tables.shape[1]) - middle)
    return np.stack(
        [np.where((tables > 0).any(axis=3 - axis), away, 0).max(axis=1) for axis in (1, 2)], axis=1
    ).astype(np.int32)
