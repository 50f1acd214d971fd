"""Draws of what strikes without finds and single items left in regions, in one state, kept up to date.

Reads   the `Ground` of a state
Gives   `Thrown`: by draw its strikes per km², background and weight, and expected items left in each region
Knows   nothing of strikes with finds
Start   at `Thrown.intensities`

Strikes are thrown once as the prior has them; each was missed by the search with chance (b/B)^a, by a number drawn with
it, so that more search only drops some, and draws before and after a step are the same but for what it changed.
"""

from __future__ import annotations

import copy

import numpy as np
from numpy.typing import NDArray

from fadeout.model.ground import Ground
from fadeout.model.vacant import Change

Array = NDArray[np.float64]
Ints = NDArray[np.int64]

MOST = 1_000_000  # strikes thrown in one state, at most
FEWEST = 40  # draws, whatever that costs


class Thrown:
    """Draws of one state; all arrays begin with the draws."""

    def __init__(self, ground: Ground, rng: np.random.Generator, count: int):
        state = ground.state
        places = [
            np.flatnonzero(np.max([share[j] for share in ground.reached], axis=0, initial=0.0) > 1e-9)
            for j in range(len(state.density))
        ]
        each = float(sum(d * len(of) for d, of in zip(state.density, places, strict=True)))
        count = max(min(count, int(MOST / max(each, 1e-9))), min(FEWEST, count))
        even = np.linspace(0, len(state.scale) - 1, count).round().astype(int)
        self.scale, self.strays = state.scale[even], state.strays[even]
        self.shapes, self.rates = state.shapes[even], state.rates[even]
        self.log_weight = np.zeros(count)
        columns: list[list[Ints]] = [[], [], []]
        for j, of in enumerate(places):
            strikes = rng.poisson(state.density[j] * len(of) * self.scale)
            draw = np.repeat(np.arange(count), strikes)
            flat = of[rng.integers(0, len(of), len(draw))] if len(of) else np.empty(0, dtype=np.int64)
            for column, values in zip(columns, (draw, np.full(len(draw), j), flat), strict=True):
                column.append(values)
        self.draw, self.footprint, flat = (np.concatenate(column) for column in columns)
        self.row, self.col = np.divmod(flat, ground.lattice.shape[1])
        self.chance = rng.random(len(self.draw))
        self.items = rng.standard_gamma(self.shapes[self.draw])
        self.totals = np.zeros((count, len(ground.regions)))
        self._add(ground, np.arange(len(self.draw)), 1.0)

    @property
    def weights(self) -> Array:
        """Weights of the draws, with sum 1."""
        weights = np.exp(self.log_weight - self.log_weight.max())
        return np.asarray(weights / weights.sum())

    def weigh(self, change: Array) -> float:
        """Change log weights; give the log of the mean factor."""
        mean = float(np.log(self.weights @ np.exp(change - change.max())) + change.max())
        self.log_weight = self.log_weight + change
        return mean

    def believe(self, ground: Ground) -> None:
        """Let the ground have the mean strikes per km² and background of these draws."""
        weights = self.weights
        ground.strikes, ground.stray = float(weights @ self.scale), float(weights @ self.strays)

    def within(self, change: Change) -> Ints:
        """Which strikes were thrown into a window."""
        high, wide = change.after.shape[1:]
        rows = (self.row >= change.top) & (self.row < change.top + high)
        return np.flatnonzero(rows & (self.col >= change.left) & (self.col < change.left + wide))

    def _add(self, ground: Ground, which: Ints, sign: float) -> None:
        """Add what some strikes left in each region to the draws' totals, or take it out."""
        at = self.footprint[which], self.row[which], self.col[which]
        draw = self.draw[which]
        rate = self.rates[draw] + ground.exposure[at]
        missed = self.chance[which] < (self.rates[draw] / rate) ** self.shapes[draw]
        items = np.where(missed, sign * self.items[which] / rate, 0.0)
        for g, share in enumerate(ground.reached):
            left = items * np.maximum(share[at], 0.0)
            self.totals[:, g] += np.bincount(draw, weights=left, minlength=len(self.totals))

    def take_out(self, ground: Ground, which: Ints) -> None:
        """Take out what some strikes left, before the ground changes."""
        self._add(ground, which, -1.0)

    def put_back(self, ground: Ground, which: Ints) -> None:
        """Put back what they leave, after it has."""
        self._add(ground, which, 1.0)

    def intensities(self, ground: Ground) -> Array:
        """Expected items left by region of strikes without finds and single items, shape (draws, regions)."""
        return np.asarray(np.maximum(self.totals, 0.0) + self.strays[:, None] * ground.singles_in)

    def copy(self) -> Thrown:
        """The same, apart from this one."""
        other = copy.copy(self)
        other.totals, other.log_weight = self.totals.copy(), self.log_weight.copy()
        return other


def thrown_of_record(ground: Ground, n: int, rng: np.random.Generator, count: int) -> Array:
    """Draw what record n left, as expected items by region, where nothing was found of it, shape (count, regions)."""
    record, vacant = ground.records[n], ground.records[n].vacant
    w = record.window
    place = (slice(None), slice(w.top, w.top + w.high), slice(w.left, w.left + w.wide))
    exposure = ground.exposure[place]
    cumulative = record.factor * np.cumsum(vacant.intensity(exposure), dtype=np.float64)
    which = np.searchsorted(cumulative, rng.random(count), side="right")
    there = np.flatnonzero(which < cumulative.size)  # beyond: it left nothing, or lies outside the lattice
    out = np.zeros((count, len(ground.regions)))
    items = rng.standard_gamma(vacant.shape, len(there)) / (vacant.rate + exposure.ravel()[which[there]])
    for g, share in enumerate(ground.reached):
        out[there, g] = items * np.maximum(share[place].ravel()[which[there]], 0.0)
    return out
