"""A running estimate in one state of what is learned, with the weight that later data give to that state.

Reads   the `Ground` of a state, its groups of finds; then what was searched and found since
Gives   `Strand`: maps, P(none left) and drawn totals given the state, and its log weight
Knows   nothing of other states or of next boxes
Start   at `Strand.search` and `Strand.take_in`; `model/running.py` mixes strands

Search without a find weighs the state, its draws of strikes per km² and background, and the particles of each group by
the probability of that; a find by how often it was to be expected there.
"""

from __future__ import annotations

import copy

import numpy as np
from numpy.typing import NDArray

from fadeout.model.ground import Ground, Sums
from fadeout.model.groups import HALF, AtOnce, Group, Pool, alone, joined
from fadeout.model.thrown import Thrown, thrown_of_record
from fadeout.model.vacant import Change

Array = NDArray[np.float64]
Ints = NDArray[np.int64]

MATTERS = 1e-3  # a group whose strikes foretell less than this share of a find is not joined with it
COVERED = 8  # shares at which a box stopped at its find is tried


class Strand:
    """One state, its groups of finds, and its draws."""

    def __init__(
        self, ground: Ground, groups: list[Group], draws: int, rng: np.random.Generator, particles: int
    ):
        self.ground, self.groups, self.rng, self.particles = ground, groups, rng, particles
        self.pool: Pool = AtOnce()
        self.log_weight = 0.0
        self.least_effective = 1.0
        self.thrown = Thrown(ground, rng, draws)
        self.draws = len(self.thrown.log_weight)
        self.thrown.believe(ground)
        grid, side = ground.lattice.grid, ground.side
        self._mean, self._log_none = np.zeros(grid.shape), np.zeros(grid.shape)
        self._log_no_find = np.zeros((grid.rows // side, grid.cols // side))
        self.owner: list[Group | None] = [None] * len(ground.records)
        self._record_sums: list[Sums | None] = [None] * len(ground.records)
        self._record_drawn: list[Array | None] = [None] * len(ground.records)

    def begin(self, sweeps: int) -> None:
        """Move particles on by some sweeps, since they were drawn under other numbers; then sum up."""
        for group in self.groups:
            for m in group.owned:
                self.owner[m] = group
            if sweeps:
                group.refresh(self.rng, self.pool, None, sweeps)
        self.sum_anew()

    def part(self, n: int, parts: int, rng: np.random.Generator) -> Strand:
        """The same state with one in so many of its particles, to be told from the others by what comes next.

        What it left must be summed anew (`sum_anew`).
        """
        other = copy.copy(self)
        chosen = np.arange(n, self.particles, parts)
        other.rng, other.ground, other.particles = rng, self.ground.copy(), len(chosen)
        other.groups = [group.part(other.ground, chosen) for group in self.groups]
        of = {id(group): mine for group, mine in zip(self.groups, other.groups, strict=True)}
        other.owner = [None if group is None else of[id(group)] for group in self.owner]
        other.thrown = self.thrown.copy()
        return other

    def sum_anew(self) -> None:
        """Sum up all groups and records."""
        self._mean, self._log_none = np.zeros_like(self._mean), np.zeros_like(self._log_none)
        self._log_no_find = np.zeros_like(self._log_no_find)
        self._record_sums = [None] * len(self.ground.records)
        self._record_drawn = [None] * len(self.ground.records)
        for group in self.groups:
            self._enter(group)
        for n in range(len(self.ground.records)):
            self._enter_record(n)

    # ---- more search

    def search(self, row: Ints, col: Ints, share: Array, detection: float) -> None:
        """Take in complete search without a find."""
        ground = self.ground
        extra = detection * share * ground.keep[row, col]
        if not extra.any():
            return
        within = self.thrown.within(ground.preview(row, col, extra))
        self.thrown.take_out(ground, within)
        change, lost, fell = ground.search(row, col, extra)
        self.thrown.put_back(ground, within)
        self.log_weight += self.thrown.weigh(-lost * self.thrown.scale - extra.sum() * self.thrown.strays)
        self.log_weight += float(sum(f for f, owner in zip(fell, self.owner, strict=True) if owner is None))
        self.thrown.believe(ground)
        cells = np.stack([row, col], axis=1)
        for group in self.groups:
            if not self._in_reach(group, change):
                continue
            gain = group.reweigh(change, fell)
            if gain is None:
                continue
            self.log_weight += gain
            self.least_effective = min(self.least_effective, group.effective)
            if group.effective < HALF:
                group.refresh(self.rng, self.pool, cells)
            self._leave(group)
            self._enter(group)
        for n, record in enumerate(ground.records):
            owner = self.owner[n]
            if _meets(record.vacant.cells, change, ground.lattice.margin):
                self._enter_record(n)
            elif owner is not None and self._in_reach(owner, change):
                self._enter_record(n, drawn=False)

    def _in_reach(self, group: Group, change: Change) -> bool:
        """Whether strikes or records of a group may lie in a window of the lattice."""
        margin, reach = self.ground.lattice.margin, self.ground.lattice.reach
        low = group.places.min(axis=0) + margin - reach
        high = group.places.max(axis=0) + margin + reach
        for w in (self.ground.records[m].window for m in group.owned):
            low, high = np.minimum(low, [w.top, w.left]), np.maximum(high, [w.top + w.high, w.left + w.wide])
        corner = np.array([change.top, change.left])
        return not ((corner > high).any() or (corner + change.after.shape[1:] <= low).any())

    # ---- a find

    def take_in(self, place: tuple[int, int]) -> None:
        """Take in a find in ground whose search is already part of the estimate."""
        ground, new = self.ground, self.ground.weight_of_new(*place)
        foretold = [self._expects(group, place) for group in self.groups]
        records = [
            ground.weight_of_record(n, *place) if owner is None else 0.0 for n, owner in enumerate(self.owner)
        ]
        whole = new + sum(foretold) + sum(records)
        if not whole > 0:
            raise ValueError(
                f"the find at row {place[0]}, col {place[1]} cannot be explained: the prior has no strikes, no "
                "background and no recorded strike in reach of it"
            )
        self.log_weight += float(np.log(whole))
        rest = whole - new
        self.thrown.weigh(
            np.log(self.thrown.scale * ground.free.first_at(*place) + self.thrown.strays + rest)
        )
        mine = [
            group for group, weight in zip(self.groups, foretold, strict=True) if weight > MATTERS * whole
        ]
        for group in mine:
            self.groups.remove(group)
            self._leave(group)
        group = joined(mine, self.rng) if mine else alone(self.particles, ground)
        group.owned += [n for n, weight in enumerate(records) if weight > MATTERS * whole]
        for m in group.owned:
            self.owner[m] = group
        group.take_in(place, self.rng, self.pool)
        self.least_effective = min(self.least_effective, group.effective)
        group.refresh(self.rng, self.pool, np.array([place]))
        self.groups.append(group)
        self._enter(group)
        for m in group.owned:
            self._enter_record(m, drawn=False)
        self.thrown.believe(ground)

    def _expects(self, group: Group, place: tuple[int, int]) -> float:
        """Rate of finds in a cell that a group's strikes and records give, per unit of detection."""
        near = group.near(*place)
        if not near and not any(self.ground.weight_of_record(m, *place) for m in group.owned):
            return 0.0
        return float(group.weights @ group.foretold(*place))

    # ---- a box stopped at its first find

    def cover(
        self, row: Ints, col: Ints, share: Array, detection: float, place: tuple[int, int], quantile: float
    ) -> None:
        """Take in a box that was searched until its first find: the share covered is drawn at a quantile.

        Its density is that of finding nothing in the share and then an item at `place`, tried at a few shares.
        """
        edges = np.linspace(0.0, 1.0, COVERED + 1)
        middles = (edges[1:] + edges[:-1]) / 2
        logs = np.array([self._try(row, col, share, detection * u, place) for u in middles])
        mean = float(np.log(np.exp(logs - logs.max()).mean()) + logs.max())
        cumulative = np.concatenate([[0.0], np.cumsum(np.exp(logs - logs.max()))])
        covered = float(np.interp(quantile, cumulative / cumulative[-1], edges))
        before = self.log_weight
        self.search(row, col, share, detection * covered)
        self.take_in(place)
        self.log_weight = before + mean

    def _try(self, row: Ints, col: Ints, share: Array, detection: float, place: tuple[int, int]) -> float:
        """Log probability that a search would find nothing, times the rate of finds at a place after it."""
        ground = self.ground
        extra = detection * share * ground.keep[row, col]
        change = ground.preview(row, col, extra)
        window = (
            slice(None),
            slice(change.top, change.top + change.after.shape[1]),
            slice(change.left, change.left + change.after.shape[2]),
        )
        lost = [record.vacant.lost(change) for record in ground.records]
        fell = np.array(
            [r.log_unfound(less) - r.log_unfound() for r, less in zip(ground.records, lost, strict=True)]
        )
        thrown = self.thrown
        weight = (
            np.log(thrown.weights) - ground.free.lost(change) * thrown.scale - extra.sum() * thrown.strays
        )
        first = thrown.scale * ground.free.first_item(*place, change) + thrown.strays
        log, rate = float(np.log(np.exp(weight).sum())), float(np.exp(weight) @ first / np.exp(weight).sum())
        weights = [
            r.credibility / np.exp(r.log_unfound(less)) * r.vacant.first_item(*place, change)
            for r, less in zip(ground.records, lost, strict=True)
        ]
        for owner, fall, joins in zip(self.owner, fell, weights, strict=True):
            if owner is None:
                log, rate = log + float(fall), rate + float(joins)
        ground.exposure[window] = change.after
        for group in self.groups:
            if self._in_reach(group, change):
                after = group.weights * np.exp(group.change_of_weight(change, fell))
                known = group.known_at(*place) + group.unfound() @ np.array(weights)[group.owned]
                log, rate = log + float(np.log(after.sum())), rate + float(after @ known / after.sum())
        ground.exposure[window] = change.before
        return log + float(np.log(max(rate, 1e-300)))

    # ---- sums

    def _enter(self, group: Group) -> None:
        """Sum up a group and add it to the maps."""
        self._add(group.add_up(self.pool, self.rng, self.draws), 1.0)

    def _leave(self, group: Group) -> None:
        assert group.sums is not None
        self._add(group.sums, -1.0)

    def _enter_record(self, n: int, drawn: bool = True) -> None:
        """Sum anew what a record left, if nothing was found of it; draw it anew too, if the ground there changed."""
        before, owner = self._record_sums[n], self.owner[n]
        if before is not None:
            self._add(before, -1.0)
        chance = 1.0 if owner is None else float(owner.chance_unfound()[owner.owned.index(n)])
        sums = self.ground.record_sums(n, chance)
        self._record_sums[n] = sums
        if drawn:
            self._record_drawn[n] = thrown_of_record(self.ground, n, self.rng, self.draws)
        self._add(sums, 1.0)

    def _add(self, sums: Sums, sign: float) -> None:
        self._mean[sums.cells] += sign * sums.mean
        self._log_none[sums.cells] += sign * sums.log_none
        self._log_no_find[sums.boxes] += sign * sums.log_no_find

    # ---- what is known in this state

    def maps(self) -> tuple[Array, NDArray[np.float32], NDArray[np.float32]]:
        """Expected remaining items and P(none left) by cell, P(a complete search finds nothing) by box."""
        ground = self.ground
        return (
            np.maximum(self._mean, 0.0) + ground.expected,
            _exp(self._log_none + ground.log_none),
            _exp(self._log_no_find + ground.log_no_find),
        )

    def none_in(self) -> Array:
        """P(none left) by region."""
        ground, thrown = self.ground, self.thrown
        exponent = -np.outer(thrown.scale, ground.free.missed) - np.outer(thrown.strays, ground.singles_in)
        none = thrown.weights @ np.exp(exponent)
        of_records = np.array([ground.record_sums_in(n) for n in range(len(ground.records))])
        log = np.zeros(len(ground.regions))
        for n, owner in enumerate(self.owner):
            if owner is None:
                log += of_records[n]
        for group in self.groups:
            log += group.log_none_in(of_records)
        return np.asarray(none * np.exp(log))

    def totals(self) -> tuple[Array, Array]:
        """Weights of this strand's draws, and the items left by region in each, shape (draws, regions)."""
        whole = self.thrown.intensities(self.ground)
        for group in self.groups:
            whole = whole + group.drawn
        for n, (drawn, owner) in enumerate(zip(self._record_drawn, self.owner, strict=True)):
            if drawn is not None:
                free = 1.0 if owner is None else owner.drawn_unfound[:, [owner.owned.index(n)]]
                whole = whole + free * drawn
        return self.thrown.weights, whole


def _exp(logs: Array) -> NDArray[np.float32]:
    """Probabilities from their logarithms, in single precision."""
    return np.exp(np.minimum(logs, 0.0).astype(np.float32))


def _meets(cells: tuple[slice, slice], change: Change, margin: int) -> bool:
    """Whether some cells of the grid meet a window of the lattice."""
    rows, cols = cells
    high, wide = change.after.shape[1:]
    return bool(
        rows.start + margin < change.top + high
        and rows.stop + margin > change.top
        and cols.start + margin < change.left + wide
        and cols.stop + margin > change.left
    )
