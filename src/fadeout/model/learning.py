"""What the data teach about the prior: strikes per km², items per strike, footprints, background, detection.

Reads   the parts of one chain
Gives   `Learner`, whose `move` draws these numbers anew, given the strikes that the chain has at present
Knows   nothing of how finds are allocated to strikes
Start   at `Learner.move`

Given the templates of the strikes with finds, everything else in closed form, the log density is

    Σ_free [log ρ_j + g(n, e)] + Σ_recorded [log w_j + g_r(n, e)] + Σ_records without finds log(1 − c + c w_r)
    − Σ_j ρ_j Σ_c [1 − (b/(b + e))^a] + n₀ log λ − λ D + Σ_m [F_m log p_m + M_m log(1 − p_m)]
    + Σ_b l_b log(1 − p u_b) + log prior,
    g(n, e) = a log b + log Γ(a + n) − log Γ(a) − (a + n) log(b + e),

with D the area times detection, n₀ single items, F_m finds and M_m misses of method m (laid-out items included),
l_b finds made later in stopped box b. A
step proposes items per strike (or one method's detection) by a random walk and, with it, the footprints' weights from
nearly their conditional distribution and strikes per km² from exactly theirs; all are taken or left together, so that
the strong tie between many small strikes and few large ones does not slow the chain. docs/explanation/model.md has
the algebra.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fadeout.model import blocks, exposing
from fadeout.model.hyper import Held, Hyper, Seen, log_items
from fadeout.model.recording import LOG_ZERO
from fadeout.model.tables import Part, Tables, box_keep, extra_detection, means, tabulate_world
from fadeout.model.world import BACKGROUND, FREE, World

Array = NDArray[np.float64]
Images = NDArray[np.float32]

STEP = 0.5  # first step of a random walk, in logarithms or logits
ACCEPTED = 0.35  # share of steps to be accepted, to which warm-up tunes their length (Gelman et al. 1996: 0.23 to 0.44)
LEAST_SHAPE = 0.02  # items_shape below this is not followed: nine strikes of ten would leave nothing
MOST_SHAPE = 50.0  # nor above this, where the numbers of items are as good as Poisson
LEAST_WEIGHT = 1e-12  # of a footprint: smaller weights come once in millions of draws
BINNED = 300_000  # templates of all parts from which sums over them are taken over bins of exposures
FAR = 1e3  # tables whose entries grow or shrink by more are made anew, not multiplied


class Learner:
    """Draws the numbers of one chain's prior and methods anew, and brings its tables up to date."""

    def __init__(self, tables: Tables, rng: np.random.Generator):
        self.tables, self.rng = tables, rng
        self.prior, self.effort = tables.prior, tables.effort
        self.methods = self.effort.methods
        self.open = [m for m, method in enumerate(self.methods) if method.certainty is not None]
        self.base = tables.lattice.weights
        self.used = self.base > 0
        self.cell_km2 = tables.lattice.grid.cell_km2
        self.steps: dict[str | int, float] = {"items": STEP, **dict.fromkeys(self.open, STEP)}
        self.tried = dict.fromkeys(self.steps, 0)
        self.records = [(p, m) for p, part in enumerate(tables.parts) for m in range(len(part.records))]
        self.credibility = np.array([tables.parts[p].recorded.credibility[m] for p, m in self.records])
        self.outside = np.array([tables.parts[p].recorded.outside[m] for p, m in self.records])
        self.own = np.array([tables.parts[p].recorded.own[m] for p, m in self.records], dtype=bool)
        self.own_shape = np.array([tables.parts[p].recorded.shape[m] for p, m in self.records])
        self.own_rate = np.array([tables.parts[p].recorded.rate[m] for p, m in self.records])
        self.layer_sums = np.array(
            [float(layer[~self.effort.box_cells].sum()) for layer in self.effort.layers]
        )
        self.found, self.missed = self._counts()
        self.stopped_by = [
            sum(box.method == m for box in self.effort.stopped) for m in range(len(self.methods))
        ]
        self.hyper = self._begin()
        self.tabulated: Hyper | None = None
        self.seen: Seen | None = None
        self.boxes = any(part.boxes.share.size for part in tables.parts)
        self.large = sum(part.field.exposure.size for part in tables.parts) > BINNED

    # ---- the beginning

    def _counts(self) -> tuple[Array, Array]:
        """Finds and misses of each method, items laid out for it included."""
        found, missed = np.zeros(len(self.methods)), np.zeros(len(self.methods))
        if self.effort.searches is None:
            return found, missed
        searches = self.effort.searches
        for m, method in enumerate(self.methods):
            found[m] = method.seeded[0] + (searches.found_by == m).sum()
            missed[m] = method.seeded[1] - method.seeded[0] + searches.missed_by[:, m].sum()
        for box in self.effort.stopped:
            if box.method is not None:
                found[box.method] += 1
        return found, missed

    def _begin(self) -> Hyper:
        """A state drawn from the prior, half as far from its middle as the prior is wide."""
        prior, learned, rng = self.prior, self.prior.learned, self.rng
        strikes = prior.strikes_per_km2 * self.base
        if learned.strikes is not None:
            strikes = strikes * math.exp(0.5 * rng.normal() / math.sqrt(max(learned.strikes, 0.5)))
        items, shape, background = prior.items_per_strike, prior.items_shape, prior.background_per_km2
        if learned.items is not None:
            items *= math.exp(0.5 * learned.items * rng.normal())
        if learned.shape is not None:
            shape = float(
                np.clip(shape * math.exp(0.5 * learned.shape * rng.normal()), LEAST_SHAPE, MOST_SHAPE)
            )
        if learned.background is not None:
            background *= math.exp(0.5 * rng.normal() / math.sqrt(max(learned.background, 0.5)))
        return Hyper(strikes, shape, shape / items, background, means(self.effort))

    # ---- the move

    def move(self, worlds: list[World], warming: bool) -> list[World]:
        """Draw all that is learned anew, given the strikes; give the worlds with their tables brought up to date."""
        held = self._held(worlds)
        seen = self.seen
        if seen is None or self.boxes:  # shares of stopped boxes were drawn since
            seen = self._look(self.hyper, worlds, [world.field.exposure for world in worlds])
        if self.prior.learned.items is not None or self.prior.learned.shape is not None:
            seen = self._step("items", self._items_proposed(), worlds, held, seen, warming)
        elif self.prior.learned.strikes is not None or self.prior.learned.footprints is not None:
            seen = self._step(None, self.hyper, worlds, held, seen, warming)
        for m in self.open:
            seen = self._step(m, self._detection_proposed(m), worlds, held, seen, warming)
            if self.stopped_by[m]:
                worlds, seen = self._carry(m, worlds, held, seen)
        if self.prior.learned.background is not None:
            shape = self.prior.learned.background
            drawn = self.rng.gamma(shape + held.single) / (
                shape / self.prior.background_per_km2 + seen.detected
            )
            self.hyper = replace(self.hyper, background=float(drawn))
        self.seen = seen
        before, self.tabulated = self.tabulated, self.hyper
        if before is not None and self._only_strikes_moved(before):
            return self._rescaled(before, worlds, seen)
        return [
            self.dressed(world, part, e)
            for world, part, e in zip(worlds, self.tables.parts, seen.exposures, strict=True)
        ]

    def _items_proposed(self) -> Hyper:
        learned, h = self.prior.learned, self.hyper
        step = self.steps["items"]
        items = h.items * (math.exp(step * self.rng.normal()) if learned.items is not None else 1.0)
        shape = h.shape * (math.exp(step * self.rng.normal()) if learned.shape is not None else 1.0)
        return replace(h, shape=shape, rate=shape / items)

    def _detection_proposed(self, m: int) -> Hyper:
        detection = self.hyper.detection.copy()
        logit = math.log(detection[m] / (1.0 - detection[m])) + self.steps[m] * self.rng.normal()
        detection[m] = min(max(1.0 / (1.0 + math.exp(-logit)), 1e-6), 1.0 - 1e-6)
        return replace(self.hyper, detection=detection)

    def _step(
        self,
        name: str | int | None,
        proposed: Hyper,
        worlds: Sequence[World],
        held: Held,
        seen: Seen,
        warming: bool,
        extra: float = 0.0,
    ) -> Seen:
        """Take or leave a proposal with the strikes per km² and weights that go with it; `extra` adds to its log gain."""
        if not LEAST_SHAPE <= proposed.shape <= MOST_SHAPE:
            return seen
        exposures, binned = seen.exposures, seen.binned
        if proposed.detection is not self.hyper.detection:
            exposures, binned = self._exposures(proposed.detection, worlds), None
        then = self._look(proposed, worlds, exposures, binned)
        proposed, forward = self._with_strikes(proposed, then, held)
        backward = self._log_strikes(self.hyper, seen, held)
        gain = self._log_density(proposed, then, held) - self._log_density(self.hyper, seen, held)
        gain += backward - forward + extra
        taken = math.log(1.0 - self.rng.random()) < gain
        if warming and name is not None:
            chance = math.exp(min(gain, 0.0)) if gain == gain else 0.0
            self.tried[name] += 1
            self.steps[name] *= math.exp((chance - ACCEPTED) * 2.0 / math.sqrt(self.tried[name] + 3.0))
        if taken:
            self.hyper = proposed
            return then
        return seen

    def _carry(self, m: int, worlds: list[World], held: Held, seen: Seen) -> tuple[list[World], Seen]:
        """Take or leave a detection of method m with the product p u of its stopped boxes carried along.

        What stopped boxes show is p u. With u held p could hardly move; with p u held, p is left to its prior, its other
        finds and misses, and u ≤ 1, as the boxes' finds and the measure of u cancel: p du = d(p u).
        """
        proposed = self._detection_proposed(m)
        ratio = float(self.hyper.detection[m] / proposed.detection[m])
        carried = [self._shares_times(world, m, ratio) for world in worlds]
        if any(world.boxes.share.max(initial=0.0) >= 1.0 for world in carried):
            return worlds, seen
        before = self.hyper
        taken = self._step(None, proposed, carried, held, seen, False, self.stopped_by[m] * math.log(ratio))
        return (worlds, seen) if self.hyper is before else (carried, taken)

    @staticmethod
    def _shares_times(world: World, m: int, ratio: float) -> World:
        boxes = world.boxes
        return world._replace(
            boxes=boxes._replace(share=np.where(boxes.method == m, boxes.share * ratio, boxes.share))
        )

    # ---- what a state means

    def strengths(self, detection: Array) -> Array:
        """Strength of each layer of search."""
        return np.asarray(self.effort.strengths(detection), dtype=np.float64)

    def _boxes(self, world: World, detection: Array) -> World:
        """The world with its stopped boxes' detections, and what they leave, as the methods have it."""
        boxes = world.boxes
        if not boxes.share.size:
            return world
        p = boxes.detection.copy()
        known = boxes.method >= 0
        p[known] = detection[boxes.method[known]]
        boxes = boxes._replace(detection=p)
        return world._replace(boxes=boxes._replace(keep=box_keep(boxes, self.strengths(detection))))

    def _exposures(self, detection: Array, worlds: Sequence[World]) -> list[Images]:
        """Exposures of each part at some detections."""
        strengths = self.strengths(detection)
        out = []
        for world, part in zip(worlds, self.tables.parts, strict=True):
            exposure = np.empty_like(part.field.exposure)
            exposing.add_up(part.bases, strengths, exposure)
            boxes = self._boxes(world, detection).boxes
            extra = extra_detection(boxes, strengths)
            exposing.stamp_cells(part.field.kernel, part.field.extent, boxes.row, boxes.col, extra, exposure)
            out.append(exposure)
        return out

    def _look(
        self, hyper: Hyper, worlds: Sequence[World], exposures: Sequence[Images], binned: Any = None
    ) -> Seen:
        """Sum what the density asks for over parts and rest; `binned` are the exposures in bins, if they are known."""
        strengths = self.strengths(hyper.detection)
        binned = self._binned(exposures) if binned is None else binned
        sums = self._sums(hyper, exposures, binned)
        rest = self.tables.rest
        exposing.seen_sums_of_bins(
            rest.footprint, rest.count, rest.exposure @ strengths, hyper.shape, hyper.rate, sums
        )
        unseen = np.zeros((len(self.records), len(self.base)))
        shape, rate = self._items_of_records(hyper)
        for n, (p, m) in enumerate(self.records):
            recorded = self.tables.parts[p].recorded
            high, wide = int(recorded.height[m]), int(recorded.width[m])
            place = recorded.log_place[recorded.start[m] : recorded.start[m] + high * wide].reshape(
                high, wide
            )
            exposing.unseen_by_footprint(
                exposures[p], place, int(recorded.top[m]), int(recorded.left[m]), shape[n], rate[n], unseen[n]
            )
        detected, missed = float(self.layer_sums @ strengths), 0.0
        for world in worlds:
            boxes = self._boxes(world, hyper.detection).boxes
            detected += float((boxes.open - boxes.keep).sum())
            missed += float(boxes.later @ np.log1p(-boxes.detection * boxes.share))
        return Seen(exposures, sums, unseen, detected * self.cell_km2, missed, binned)

    def _binned(self, exposures: Sequence[Images]) -> tuple[NDArray[np.int64], Array, Array] | None:
        """The parts' centres in bins of much the same exposure, where they are many: footprint, count, exposure."""
        if not self.large:
            return None
        count, total = np.zeros((2, len(self.base), exposing.BINS))
        for part, exposure in zip(self.tables.parts, exposures, strict=True):
            exposing.bin_exposures(exposure, part.active, count, total)
        some = np.nonzero(count)
        return some[0], count[some], total[some] / count[some]

    def _sums(self, hyper: Hyper, exposures: Sequence[Images], binned: Any) -> Array:
        """Σ over the parts' centres of 1 − (b/(b + e))^a, by footprint."""
        sums = np.zeros(len(self.base))
        if binned is not None:
            footprint, count, exposure = binned
            exposing.seen_sums_of_bins(footprint, count, exposure, hyper.shape, hyper.rate, sums)
            return sums
        for part, exposure in zip(self.tables.parts, exposures, strict=True):
            exposing.seen_sums(exposure, part.active, hyper.shape, hyper.rate, sums)
        return sums

    def _items_of_records(self, hyper: Hyper) -> tuple[Array, Array]:
        return (
            np.where(self.own, self.own_shape, hyper.shape),
            np.where(self.own, self.own_rate, hyper.rate),
        )

    def _held(self, worlds: Sequence[World]) -> Held:
        columns: list[list[NDArray[np.int64]]] = [[], [], [], [], [], []]
        single = 0
        for p, world in enumerate(worlds):
            s = world.state
            used = np.flatnonzero(s.finds[: s.top[0]] > 0)
            single += int((s.strike == BACKGROUND).sum())
            first = next((n for n, (q, _) in enumerate(self.records) if q == p), 0)
            record = np.where(s.record[used] == FREE, FREE, s.record[used] + first)
            of_part = np.full(len(used), p)
            for column, values in zip(
                columns,
                (of_part, s.footprint[used], s.row[used], s.col[used], s.finds[used], record),
                strict=True,
            ):
                column.append(values.astype(np.int64))
        none = np.empty(0, dtype=np.int64)
        part, footprint, row, col, finds, record = (np.concatenate([none, *column]) for column in columns)
        return Held(part, footprint, row, col, finds, record, single)

    # ---- densities

    def _log_density(self, hyper: Hyper, seen: Seen, held: Held) -> float:
        """Log density of a state up to a constant, in the coordinates of the steps."""
        exposure = held.exposure(seen.exposures)
        free = held.record == FREE
        with np.errstate(divide="ignore"):
            log_strikes = np.maximum(np.log(hyper.strikes), LOG_ZERO)
            log_weights = np.maximum(np.log(hyper.weights), LOG_ZERO)
        total = float(log_strikes[held.footprint[free]].sum())
        total += float(log_items(hyper.shape, hyper.rate, held.finds[free], exposure[free]).sum())
        total -= float(hyper.strikes @ seen.sums) * self.cell_km2
        if self.records:
            shape, rate = self._items_of_records(hyper)
            known = held.record[~free]
            total += float(log_weights[held.footprint[~free]].sum())
            total += float(log_items(shape[known], rate[known], held.finds[~free], exposure[~free]).sum())
            c = self.credibility
            unseen = 1.0 - c + c * (self.outside + seen.unseen @ hyper.weights)
            without = np.ones(len(c), dtype=bool)
            without[known] = False
            total += float(np.log(unseen[without]).sum())
        if self.prior.background_per_km2 > 0:
            total += held.single * math.log(hyper.background) - hyper.background * seen.detected
        return total + seen.missed + self._log_prior(hyper) + self._log_detection(hyper.detection)

    def _log_detection(self, detection: Array) -> float:
        """Likelihood and prior of detections, on the scale of logits."""
        total = 0.0
        for m in self.open:
            alpha, beta = self.methods[m].beta
            p = float(detection[m])
            total += (self.found[m] + alpha) * math.log(p) + (self.missed[m] + beta) * math.log1p(-p)
        return total

    def _log_prior(self, hyper: Hyper) -> float:
        """Prior of strikes and of weights, each in its own coordinates, and of items, on the scale of logarithms."""
        learned, prior, total = self.prior.learned, self.prior, 0.0
        strikes = float(hyper.strikes.sum())
        if learned.strikes is not None:
            shape = learned.strikes
            total += (shape - 1.0) * math.log(strikes) - shape / prior.strikes_per_km2 * strikes
        if learned.footprints is not None:
            weights = hyper.weights[self.used]
            powers = learned.footprints * self.base[self.used] - 1.0
            total += float((powers * np.log(np.maximum(weights, 1e-300))).sum())
        if learned.items is not None:
            middle = (
                math.log(prior.items_per_strike) - learned.items**2 / 2.0
            )  # so that the prior's number is the mean
            total -= ((math.log(hyper.items) - middle) / learned.items) ** 2 / 2.0
        if learned.shape is not None:
            total -= (math.log(hyper.shape / prior.items_shape) / learned.shape) ** 2 / 2.0
        return total

    # ---- strikes per km² and footprints, given all else

    def _weights_shape(self, held: Held) -> Array:
        """Shapes of the Dirichlet distribution that proposes weights: the prior's and strikes of each footprint."""
        every = np.bincount(held.footprint, minlength=len(self.base)).astype(np.float64)
        return np.asarray(((self.prior.learned.footprints or 0.0) * self.base + every)[self.used])

    def _strikes_gamma(self, weights: Array, seen: Seen, held: Held) -> tuple[float, float]:
        """Shape and rate of the Gamma distribution of strikes per km², given weights and all else: exact."""
        shape = self.prior.learned.strikes or 0.0
        rate = shape / self.prior.strikes_per_km2
        free = float((held.record == FREE).sum())
        return shape + free, rate + float(weights @ seen.sums) * self.cell_km2

    def _with_strikes(self, hyper: Hyper, seen: Seen, held: Held) -> tuple[Hyper, float]:
        """The state with weights, then strikes given them, drawn anew, and the log density of that draw.

        Weights are drawn as if Σ w_j Σ_c [1 − (b/(b + e))^a] were the same for all weights, which it nearly is.
        """
        learned, weights = self.prior.learned, hyper.weights
        if learned.footprints is not None:
            drawn = np.maximum(self.rng.gamma(self._weights_shape(held)), 1e-290)
            weights = np.zeros(len(self.base))
            weights[self.used] = np.maximum(drawn / drawn.sum(), LEAST_WEIGHT)
        strikes = float(hyper.strikes.sum())
        if learned.strikes is not None:
            shape, rate = self._strikes_gamma(weights, seen, held)
            strikes = max(float(self.rng.gamma(shape)), 1e-290) / rate
        hyper = replace(hyper, strikes=strikes * weights)
        return hyper, self._log_strikes(hyper, seen, held)

    def _log_strikes(self, hyper: Hyper, seen: Seen, held: Held) -> float:
        """Log density of that draw."""
        learned, weights, total = self.prior.learned, hyper.weights, 0.0
        if learned.footprints is not None:
            powers = self._weights_shape(held) - 1.0
            total += float((powers * np.log(np.maximum(weights[self.used], 1e-300))).sum())
        if learned.strikes is not None:
            shape, rate = self._strikes_gamma(weights, seen, held)
            strikes = max(float(hyper.strikes.sum()), 1e-300)
            total += shape * math.log(rate) + (shape - 1.0) * math.log(strikes) - rate * strikes
        return total

    # ---- tables

    def _only_strikes_moved(self, before: Hyper) -> bool:
        """Whether tables need only be multiplied: strikes and weights moved, and not too far."""
        now = self.hyper
        same = (before.shape, before.rate) == (now.shape, now.rate)
        if not same or not np.array_equal(before.detection, now.detection):
            return False
        with np.errstate(divide="ignore"):
            moved = np.abs(np.log(now.strikes[self.used] / before.strikes[self.used]))
            turned = np.abs(np.log(now.weights[self.used] / before.weights[self.used]))
        return bool(max(moved.max(), turned.max()) < math.log(FAR))

    def _rescaled(self, before: Hyper, worlds: Sequence[World], seen: Seen) -> list[World]:
        """The worlds with their tables multiplied by how strikes and weights moved."""
        now = self.hyper
        strikes, weights = np.ones((2, len(self.base)))
        strikes[self.used] = now.strikes[self.used] / before.strikes[self.used]
        weights[self.used] = now.weights[self.used] / before.weights[self.used]
        unseen = self.outside + seen.unseen @ now.weights
        out = []
        for p, world in enumerate(worlds):
            mine = [n for n, (q, _) in enumerate(self.records) if q == p]
            world.records.unseen[:] = unseen[mine]
            world = self._believing(world)
            blocks.rescale(world, strikes, weights)
            out.append(world)
        return out

    def _believing(self, world: World) -> World:
        """The world with this chain's present numbers, its tables left as they are."""
        h = self.hyper
        with np.errstate(divide="ignore"):
            log_density = np.maximum(np.log(h.strikes * self.cell_km2), LOG_ZERO)
            log_weight = np.maximum(np.log(h.weights), LOG_ZERO)
        field = world.field._replace(
            log_density=log_density, log_weight=log_weight, shape=h.shape, rate=h.rate
        )
        items = world.items._replace(stray=h.background * self.cell_km2)
        return world._replace(field=field, items=items)

    def dressed(self, world: World, part: Part, exposure: Images) -> World:
        """The world with this chain's present numbers in its tables."""
        h = self.hyper
        world = self._believing(world)
        world = world._replace(field=world.field._replace(exposure=exposure))
        world.records.shape[~part.recorded.own] = h.shape
        world.records.rate[~part.recorded.own] = h.rate
        world = self._boxes(world, h.detection)
        tabulate_world(world)
        return world
