"""What is known after the search: expected remaining items, P(any left), totals, strikes.

Reads   what `fit` made: tables, kept draws, effort
Gives   `Posterior`; rasters have the grid's shape (rows, cols)
Knows   nothing of how the draws were made, nor of decisions (hazard, search, completion)
Start   at `Posterior`

Three parts add up everywhere: strikes with finds (sampled), strikes of which nothing was found (closed form; recorded
ones too), and the even background of single items (closed form).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fadeout.model.chain import Draws
from fadeout.model.convergence import Diagnostics
from fadeout.model.effort import Effort, Lattice
from fadeout.model.footprints import Footprint
from fadeout.model.grid import Grid
from fadeout.model.keeping import Left, left_by_search
from fadeout.model.known import KnownStrikes
from fadeout.model.nodes import nodes
from fadeout.model.prior import Prior
from fadeout.model.strikes import StrikeEstimate, estimate_strikes
from fadeout.model.tables import Tables
from fadeout.model.unseen import Exposed, UnseenStrikes
from fadeout.model.unseen_records import UnseenRecords

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Posterior:
    """The posterior of one fit. Rasters are computed when first asked for, then kept."""

    grid: Grid
    prior: Prior
    finds: NDArray[np.int64]
    find_search: NDArray[np.int64]
    searched: Effort
    lattice: Lattice
    tables: Tables
    draws_taken: Draws
    diagnostics: Diagnostics

    # ---- parts

    @property
    def draws(self) -> int:
        """Number of kept draws D over all chains."""
        return self.draws_taken.count

    @property
    def footprints(self) -> tuple[Footprint, ...]:
        """The footprint shapes that templates refer to."""
        return self.lattice.footprints

    @property
    def excluded(self) -> NDArray[np.bool_]:
        """Ground that cannot hold items."""
        return self.searched.excluded

    @cached_property
    def left(self) -> Left:
        """What search left in each cell, draw by draw."""
        taken, tables = self.draws_taken, self.tables
        return left_by_search(
            self.searched, taken.hyper.detection, tables.box_row, tables.box_col, taken.box_keep
        )

    @property
    def keep(self) -> Array:
        """Probability that an item lying in a cell has escaped all search and reporting; 0 in excluded ground."""
        return self.left.mean

    @cached_property
    def effort(self) -> Array:
        """Combined effort P(x) of all search, stopped boxes (posterior mean) and reporting."""
        return np.where(self.excluded, 0.0, 1.0 - self.keep)

    @cached_property
    def known(self) -> KnownStrikes:
        """The strikes with finds, draw by draw."""
        return KnownStrikes(self.draws_taken, self.lattice, self.left)

    @cached_property
    def exposed(self) -> Exposed:
        """Exposures in the few states that stand for all draws."""
        return Exposed(self.tables, self.draws_taken, self.left, nodes(self.tables, self.draws_taken))

    @cached_property
    def unseen(self) -> UnseenStrikes:
        """Free strikes of which nothing was found."""
        return UnseenStrikes(self.exposed)

    @cached_property
    def unseen_records(self) -> UnseenRecords:
        """Recorded strikes of which nothing was found."""
        return UnseenRecords(self.exposed)

    @cached_property
    def stray(self) -> Array:
        """Single items per cell before any search, per draw."""
        return self.draws_taken.hyper.background * self.grid.cell_km2

    # ---- per cell

    @cached_property
    def expected_known(self) -> Array:
        """Expected remaining items of strikes with finds."""
        return self.known.expected(self.lattice)

    @cached_property
    def expected_undetected(self) -> Array:
        """Expected remaining items of strikes of which nothing was found, recorded ones too."""
        out = self.unseen.expected
        return out + self.unseen_records.expected() if self.unseen_records.count else out

    @cached_property
    def expected_background(self) -> Array:
        """Expected remaining single items that belong to no strike."""
        return self.left.averaged(self.stray)

    @cached_property
    def expected_remaining(self) -> Array:
        """Expected remaining items: known, undetected and background together."""
        return self.expected_known + self.expected_undetected + self.expected_background

    @cached_property
    def p_any_undetected(self) -> Array:
        """P(at least one remaining item of a strike of which nothing was found)."""
        return -np.expm1(self.unseen.log_none() + self.unseen_records.log_none())

    @cached_property
    def p_any_remaining(self) -> Array:
        """P(at least one remaining item)."""
        background = np.exp(-self.expected_background)
        none = self.known.p_none() * (1.0 - self.p_any_undetected) * background
        return np.where(self.excluded, 0.0, np.clip(1.0 - none, 0.0, 1.0))

    # ---- regions

    def _weights(self, mask: ArrayLike) -> Array:
        weights = np.asarray(mask)
        if weights.shape != self.grid.shape:
            raise ValueError(f"the mask has shape {weights.shape}; the grid has {self.grid.shape}")
        return weights.astype(np.float64)

    def expected_remaining_in(self, mask: ArrayLike) -> float:
        """Expected remaining items on a mask (bool, or area share 0 to 1 per cell)."""
        return float((self.expected_remaining * self._weights(mask)).sum())

    def p_none_in(self, mask: ArrayLike, detection: float = 1.0) -> float:
        """P(no item is left on the mask).

        With `detection` p below 1: P(one more complete search of it with that detection would find nothing). So
        P(none left | such a search found nothing) = p_none_in(mask) / p_none_in(mask, p).
        """
        weights = self._weights(mask) * detection
        log_none = self.known.log_none(weights) + self.unseen_records.log_none_in(weights)
        log_none += self.unseen.log_none_in(weights) - self.stray * self.left.sums(weights)
        return float(np.exp(log_none).mean())

    def draw_totals(self, mask: ArrayLike, draws: int = 1000, seed: int = 2) -> NDArray[np.int64]:
        """Posterior predictive draws of the number of items left on a mask, shape (draws,)."""
        rng = np.random.default_rng(seed)
        weights = self._weights(mask)
        chosen = rng.permutation(np.arange(draws) % self.draws)
        taken = self.draws_taken
        share = self.known.shares(weights)
        sizes = np.diff(taken.first)[chosen]
        first = np.repeat(taken.first[chosen] - np.concatenate([[0], np.cumsum(sizes)[:-1]]), sizes)
        strike = first + np.arange(sizes.sum())
        mean = rng.gamma(taken.shape[strike] + taken.finds[strike]) / taken.rate[strike] * share[strike]
        known = np.bincount(np.repeat(np.arange(draws), sizes), weights=rng.poisson(mean), minlength=draws)
        background = rng.poisson((self.stray * self.left.sums(weights))[chosen])
        totals: NDArray[np.int64] = known.astype(np.int64) + background
        totals += self.unseen_records.draw_totals(weights, chosen, rng)
        totals += self.unseen.draw_totals(weights, chosen, rng)
        return totals

    def known_by_label(self, labels: ArrayLike, n: int) -> Array:
        """Per draw, expected remaining items of strikes with finds by label, shape (D, n); cells below 0 are ignored."""
        return self.known.by_label(np.asarray(labels), n)

    def p_find_in_boxes(self, side_cells: int, detection: float) -> Array:
        """Chance that a complete search finds at least one item, for boxes of side_cells tiling from cell (0, 0).

        Shape (rows // side_cells, cols // side_cells).
        """
        log_none = self.unseen.log_none(side_cells, detection) + self.unseen_records.log_none(
            side_cells, detection
        )
        blocks = self.expected_background[
            : self.grid.rows // side_cells * side_cells, : self.grid.cols // side_cells * side_cells
        ].reshape(self.grid.rows // side_cells, side_cells, -1, side_cells)
        none = self.known.p_none(side_cells, detection) * np.exp(
            log_none - detection * blocks.sum(axis=(1, 3))
        )
        return np.asarray(np.clip(1.0 - none, 0.0, 1.0))

    # ---- strikes

    @property
    def expected_strikes_with_finds(self) -> float:
        """Posterior mean number of strikes that have at least one find."""
        return self.draws_taken.strikes

    @property
    def recorded_probability(self) -> Array:
        """Posterior probability that each recorded strike took place and left items, shape (recorded,)."""
        return np.asarray(self.unseen_records.probability)

    def strikes(self) -> list[StrikeEstimate]:
        """The strikes with finds as one representative partition of the finds, each with its uncertainty."""
        return estimate_strikes(self.draws_taken, self.known, self.lattice, self.finds)
