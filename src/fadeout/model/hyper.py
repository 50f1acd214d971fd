"""One state of what is learned, what it means for the templates, and the weight of a strike's finds under it.

Reads   numbers and arrays
Gives   `Hyper`, `Seen`, `Held`, `log_items`
Knows   nothing of how these are moved
Start   at `Hyper`
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

Array = NDArray[np.float64]
Images = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Hyper:
    """One state of what is learned. `strikes` (J,) per km² by footprint; items per strike ~ Gamma(shape, rate)."""

    strikes: Array
    shape: float
    rate: float
    background: float  # per km²
    detection: Array  # (methods,)

    @property
    def items(self) -> float:
        """Mean number of items a strike left."""
        return self.shape / self.rate

    @property
    def weights(self) -> Array:
        """The footprints' weights."""
        total = float(self.strikes.sum())
        return self.strikes / total if total > 0 else np.full(len(self.strikes), 1.0 / len(self.strikes))


@dataclass(frozen=True, eq=False)
class Seen:
    """What a state means for the templates: exposures by part, and the sums that the density asks for."""

    exposures: Sequence[Images]
    sums: Array  # (J,), Σ_c [1 − (b/(b + e))^a]
    unseen: Array  # (records, J), P(nothing found of it) by footprint, without the part outside the lattice
    detected: float  # D, km²
    missed: float  # Σ log(1 − p u) over finds made later in stopped boxes
    binned: Any = None  # the parts' exposures in bins, where they are many


@dataclass(frozen=True, eq=False)
class Held:
    """The strikes with finds: footprint, finds and place of each by part; and those of records."""

    part: NDArray[np.int64]
    footprint: NDArray[np.int64]
    row: NDArray[np.int64]
    col: NDArray[np.int64]
    finds: NDArray[np.int64]
    record: NDArray[np.int64]  # index among all records, or FREE
    single: int  # finds of no strike

    def exposure(self, exposures: Sequence[Images]) -> Array:
        """Exposure of each of these strikes."""
        values = np.empty(len(self.part))
        for p in np.unique(self.part):
            of = self.part == p
            values[of] = exposures[p][self.footprint[of], self.row[of], self.col[of]]
        return values


def log_items(shape: Array | float, rate: Array | float, finds: NDArray[np.int64], exposure: Array) -> Array:
    """Log weight of n finds of one strike with exposure e: a log b + log Γ(a + n)/Γ(a) − (a + n) log(b + e).

    Examples
    --------
    >>> round(float(log_items(1.0, 1.0, np.array([0]), np.array([1.0]))[0]), 6)  # −log 2
    -0.693147
    """
    a, b = np.asarray(shape), np.asarray(rate)
    return np.asarray(a * np.log(b) + gammaln(a + finds) - gammaln(a) - (a + finds) * np.log(b + exposure))
