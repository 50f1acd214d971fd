"""What finished areas teach about the next ones: a district's strikes per km², items, footprints, and its records.

Reads   `Pooled`: one fit of all finished areas with everything learned
Gives   `District`: each number with its certainty, as the next area's prior takes it
Knows   nothing of files or profiles
Start   at `learn`

Strikes per km² of area i ~ Gamma(κ, κ/μ): μ is the district's mean, κ says how alike its areas are. Records are true
with chance c (the stated odds times one factor), their position errors are the stated ones times s. A draw of the fit
gives strikes with finds in area i; given them, summed over every matching of m of the records to m of the K strikes,

    Π_r (1 − c_r + c_r w_r) Σ_m T_m Γ(κ + K − m)/Γ(κ) (κ/μ)^κ (κ/μ + A)^−(κ + K − m),
    T_m = Σ_matchings Π_pairs c_r/(1 − c_r + c_r w_r) · q_r(strike; s) g_r/g,

with A = Σ_j w_j Σ_c [1 − (b/(b + e))^a] km² the ground on which a strike would have been found, w_r the chance that
nothing was found of a true record's strike, q_r its density per km², and g as in `learning`. The fit took one strike
density for all areas and no records; each draw is weighed by the ratio of the two, exactly.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln, logsumexp

from fadeout.model.effort import Lattice
from fadeout.model.hyper import log_items
from fadeout.model.matching import Places, matching_sums, places
from fadeout.model.pooling import FinishedArea, Pooled
from fadeout.model.prior import Prior

Array = NDArray[np.float64]
Ints = NDArray[np.int64]
Progress = Callable[[float, str], None]

DRAWS = 1000  # of the fit that are looked at, evenly spaced
LEVELS = 1024  # of exposure, at which 1 − (b/(b + e))^a is tabulated
ALIKE = 2.0  # κ before any data: median (assumed) ...
ALIKE_SPREAD = 1.0  # ... and standard deviation of its logarithm (assumed)
ALIKE_GRID = np.geomspace(0.2, 50.0, 12)
MEAN_POINTS = 48
CREDIBLE = (np.arange(20) + 0.5) / 20  # chance that a record is true; all equally likely before (Beta(1, 1))
SCALES = np.geomspace(0.25, 4.0, 9)  # of stated position errors
FINE = 10  # places within a point's bin, over which its weight is spread where quantiles are asked for
SCALE_SPREAD = 0.7  # standard deviation of its logarithm before any data (assumed): 90 % within 0.3 and 3.2


@dataclass(frozen=True, eq=False)
class Weighed:
    """Values and their weights (sum 1): draws, or points of a grid."""

    values: Array
    weights: Array

    @property
    def mean(self) -> float:
        """Weighted mean."""
        return float(self.weights @ self.values)

    @property
    def sd(self) -> float:
        """Weighted standard deviation."""
        return math.sqrt(max(float(self.weights @ (self.values - self.mean) ** 2), 0.0))

    def quantile(self, level: float) -> float:
        """Value below which the share `level` lies, a line between the middles of neighbours.

        Examples
        --------
        >>> Weighed(np.array([1.0, 2.0, 3.0]), np.full(3, 1 / 3)).quantile(0.5)
        2.0
        """
        order = np.argsort(self.values, kind="stable")
        weight = self.weights[order]
        return float(np.interp(level, np.cumsum(weight) - weight / 2, self.values[order]))


@dataclass(frozen=True, eq=False)
class AreaTaught:
    """What one area gave: mean number of strikes with finds that no record describes, and ground, over draws."""

    strikes: float  # with finds, recorded ones too
    ground_km2: float  # A: the ground on which a strike would have been found


@dataclass(frozen=True, eq=False)
class District:
    """The district's numbers after all finished areas, each over weighed draws or points."""

    mean_strikes: Weighed  # μ per km²
    alike: Weighed  # κ
    strikes: tuple[
        float, float
    ]  # of the next area, per km²: mean, and shape of the Gamma with the same variance
    items: Weighed  # mean items per strike
    shape: Weighed
    background: Weighed  # per km²
    weights: Array  # (J,) mean weights of the footprints
    weight_draws: Array  # (draws, J)
    detection: tuple[tuple[str, Weighed], ...]  # of each method that is learned
    credible: Weighed | None  # chance that a record which states none is true; None without records
    scale: Weighed | None  # factor on stated position errors
    records: int
    areas: tuple[AreaTaught, ...]
    draw_weights: Array
    effective: float  # draws that the weighed ones are worth

    def sure_weights(self, groups: Ints) -> float:
        """Give how sure the footprints' weights are: as after so many strikes, by the variances of groups of shapes."""
        if len(np.unique(groups)) < 2:
            return float("inf")
        draws = np.stack([self.weight_draws[:, groups == g].sum(axis=1) for g in np.unique(groups)])
        mean = draws @ self.draw_weights
        variance = ((draws - mean[:, None]) ** 2) @ self.draw_weights
        return float((mean * (1 - mean)).sum() / max(float(variance.sum()), 1e-12) - 1.0)


def learn(pooled: Pooled, *, default_credibility: float = 0.5, progress: Progress | None = None) -> District:
    """Weigh the draws of a pooled fit by what they say of the district, and give its numbers.

    Parameters
    ----------
    pooled : Pooled
        From `pooling.pool`, under a prior with `learned.strikes`.
    default_credibility : float
        Of a record that states none; `District.credible` is about it. Stated ones move by the same factor of odds.
    progress : callable, optional
        Called with the share done, 0 to 1, and words.

    Raises
    ------
    ValueError
        If the prior's strikes per km² were not learned.
    """
    if pooled.posterior.prior.learned.strikes is None:
        raise ValueError("a district is learned from a fit that learns strikes per km²")
    report = progress or (lambda share, words: None)
    drawn = _Drawn(pooled)
    mean_grid, log_prior = _grid(drawn, pooled.posterior.prior)
    odds = CREDIBLE / (1 - CREDIBLE) / (default_credibility / (1 - default_credibility))
    cases = [_records_of(area, drawn.lattice[n], odds) for n, area in enumerate(pooled.areas)]
    some = any(case is not None for case in cases)
    log_records = _log_records() if some else np.zeros(1)
    prior = np.exp(log_records[:, None] + log_prior[None, :])
    first: list[Array] = []
    second: list[Array] = []
    log_weight = np.empty(len(drawn.chosen))
    for d in range(len(drawn.chosen)):
        density, whole = prior.copy(), 0.0
        for n, case in enumerate(cases):
            likely, log_scale = _area(drawn, d, n, case, mean_grid)
            density *= likely
            top = float(density.max())
            density /= top  # so that many areas do not fall below what numbers can hold
            whole += log_scale + math.log(top)
        total = float(density.sum())
        first.append(density.sum(axis=0) / total)
        second.append(density.sum(axis=1) / total)
        whole += math.log(total)
        log_weight[d] = whole - drawn.log_proposal(d)
        report((d + 1) / len(drawn.chosen), "strikes of each area")
    weight = _truncated(log_weight)
    return _district(pooled, drawn, mean_grid, weight, np.array(first), np.array(second), some)


def _truncated(log_weight: Array) -> Array:
    """Weights of draws, none above √draws times their mean (Ionides 2008), summing to 1."""
    weight = np.exp(log_weight - log_weight.max())
    weight = np.minimum(weight, weight.mean() * math.sqrt(len(weight)))
    return np.asarray(weight / weight.sum())


# ---- what a draw says


class _Drawn:
    """Chosen draws: strikes with finds of each area, and how much of its ground each strike would show on."""

    def __init__(self, pooled: Pooled):
        posterior = pooled.posterior
        self.taken, self.prior = posterior.draws_taken, posterior.prior
        count = self.taken.count
        self.chosen = np.unique(np.linspace(0, count - 1, min(DRAWS, count)).round().astype(np.int64))
        self.hyper = self.taken.hyper.take(self.chosen)
        self.areas, self.first_col = pooled.areas, pooled.first_col
        self.lattice = [Lattice(area.grid, posterior.footprints, True) for area in pooled.areas]
        self.bases = [self._exposures(pooled, n) for n in range(len(pooled.areas))]
        self.strengths = np.append(
            posterior.searched.strengths(self.hyper.detection), np.ones((len(self.chosen), 1)), axis=1
        )
        self.known = self.strengths.std(axis=0).max() == 0
        self.levels: list[NDArray[np.int32] | None] = [None] * len(pooled.areas)
        strikes = self.hyper.strikes.sum(axis=1)
        self.weights = self.hyper.strikes / np.maximum(strikes, 1e-300)[:, None]
        self.ground = np.zeros((len(self.chosen), len(pooled.areas)))
        self.strikes = np.zeros((len(self.chosen), len(pooled.areas)), dtype=np.int64)
        for d in range(len(self.chosen)):
            for n in range(len(pooled.areas)):
                self.ground[d, n] = self._ground(d, n)
                self.strikes[d, n] = len(self.of(d, n))

    def _exposures(self, pooled: Pooled, n: int) -> list[NDArray[np.float32]]:
        """Exposures of an area by layer of search, and by its stopped boxes as they are on average."""
        searched, first = pooled.posterior.searched, pooled.first_col[n]
        rows, cols = pooled.areas[n].grid.shape
        here = (slice(0, rows), slice(first, first + cols))
        boxes = searched.box_cells[here]
        layers = [np.where(boxes, 0.0, layer[here]) for layer in searched.layers]
        layers.append(
            np.where(boxes, pooled.posterior.effort[here], 0.0) if boxes.any() else np.zeros((rows, cols))
        )
        return [self.lattice[n].gather_all(layer) for layer in layers]

    def exposure(self, d: int, n: int) -> NDArray[np.int32]:
        """Exposure of each template of an area, (J, rows, cols), as a level of `LEVELS`."""
        known = self.levels[n]
        if known is not None:
            return known
        total = sum(s * base for s, base in zip(self.strengths[d], self.bases[n], strict=True) if s > 0)
        level: NDArray[np.int32] = np.clip(np.rint(np.asarray(total) * LEVELS), 0, LEVELS).astype(np.int32)
        if self.known:
            self.levels[n] = level
        return level

    def missed(self, d: int, n: int, shape: float, rate: float) -> Array:
        """Chance that nothing is found of a strike at each place, (rows, cols), mean over footprints."""
        table = (1.0 + np.arange(LEVELS + 1) / (LEVELS * rate)) ** -shape
        level = self.exposure(d, n)
        out = np.zeros(level.shape[1:])
        for weight, image in zip(self.weights[d], level, strict=True):
            if weight > 0:
                out += weight * table[image]
        return out

    def _ground(self, d: int, n: int) -> float:
        missed = self.missed(d, n, float(self.hyper.shape[d]), float(self.hyper.rate[d]))
        return float((1.0 - missed).sum()) * self.lattice[n].grid.cell_km2

    def of(self, d: int, n: int) -> Ints:
        """Strikes with finds of a draw that lie in an area's lattice."""
        taken, draw = self.taken, int(self.chosen[d])
        mine = np.arange(taken.first[draw], taken.first[draw + 1])
        left = self.first_col[n]
        col = taken.col[mine]
        return mine[(col >= left) & (col < left + self.lattice[n].shape[1])]

    def log_proposal(self, d: int) -> float:
        """Log density of the draw's numbers of strikes in the fit, strikes per km² integrated out."""
        shape = float(self.prior.learned.strikes or 0.0)
        count, ground = float(self.strikes[d].sum()), float(self.ground[d].sum())
        return float(
            gammaln(shape + count) - (shape + count) * math.log(shape / self.prior.strikes_per_km2 + ground)
        )


@dataclass(frozen=True, eq=False)
class _Records:
    """Records of one area: places by scale, and credibility by case; cases are credibilities × scales, flattened."""

    area: FinishedArea
    places: Places
    credible: Array  # (records, credibilities)


def _records_of(area: FinishedArea, lattice: Lattice, odds: Array) -> _Records | None:
    if not area.recorded:
        return None
    stated = np.array([min(max(record.credibility, 1e-6), 1 - 1e-6) for record in area.recorded])
    scaled = (stated / (1 - stated))[:, None] * odds
    return _Records(area, places(area.recorded, lattice, SCALES), scaled / (1 + scaled))


def _area(drawn: _Drawn, d: int, n: int, case: _Records | None, mean_grid: Array) -> tuple[Array, float]:
    """Density of one area's strikes in a draw, (cases or 1, points), without a factor whose logarithm is given too."""
    strikes = drawn.of(d, n)
    ground = float(drawn.ground[d, n])
    log_none, sums = np.zeros(1), np.ones((1, 1))
    if case is not None:
        log_none, sums = _log_matched(drawn, d, n, strikes, case)
    logs = _log_counts(len(strikes) - np.arange(len(sums)), ground, mean_grid)
    top, most = float(logs.max()), float(log_none.max())
    return (sums.T * np.exp(log_none - most)[:, None]) @ np.exp(logs - top), top + most


def _log_counts(counts: Ints, ground: float, mean_grid: Array) -> Array:
    """Log of ∫ ρ^n e^(−ρ A) Gamma(ρ; κ, κ/μ) dρ for each number of strikes and point (κ, μ)."""
    alike, mean = mean_grid
    n = counts[:, None]
    rate = alike / mean
    return np.asarray(
        gammaln(alike + n) - gammaln(alike) + alike * np.log(rate) - (alike + n) * np.log(rate + ground)
    )


def _log_matched(drawn: _Drawn, d: int, n: int, strikes: Ints, case: _Records) -> tuple[Array, Array]:
    """Log chance that no record has a strike with finds, (cases,), and sums over matchings, (m + 1, cases)."""
    taken, lattice = drawn.taken, drawn.lattice[n]
    shape, rate = float(drawn.hyper.shape[d]), float(drawn.hyper.rate[d])
    row, col = taken.row[strikes], taken.col[strikes] - drawn.first_col[n]
    foot, finds = taken.footprint[strikes], taken.finds[strikes]
    exposure = drawn.exposure(d, n)[foot, row, col] / LEVELS
    density = case.places.at(row, col) / lattice.grid.cell_km2
    free = case.places.mean(drawn.missed(d, n, shape, rate))
    for r, record in enumerate(case.area.recorded):
        if record.items_per_strike is None and record.items_shape is None:
            continue
        a = record.items_shape or shape
        b = a / (record.items_per_strike or shape / rate)
        free[r] = case.places.mean(drawn.missed(d, n, a, b))[r]
        own = log_items(a, b, finds, exposure) - log_items(shape, rate, finds, exposure)
        density[r] *= np.exp(np.clip(own, -100.0, 100.0))[:, None]
    c = case.credible[:, :, None]
    unseen = 1.0 - c + c * free[:, None, :]
    odds = c / unseen
    weight = density[:, :, None, :] * odds[:, None, :, :]
    flat = weight.reshape(*weight.shape[:2], unseen[0].size)
    return np.log(unseen).sum(axis=0).ravel(), matching_sums(flat)


# ---- grids


def _grid(drawn: _Drawn, prior: Prior) -> tuple[Array, Array]:
    """Points (κ, μ), shape (2, points), around what the areas say, and their log prior."""
    shape, mean = float(prior.learned.strikes or 1.0), prior.strikes_per_km2
    count, ground = float(drawn.strikes.sum(axis=1).mean()), float(drawn.ground.sum(axis=1).mean())
    areas = len(drawn.lattice)
    middle = math.log((count + shape) / (ground + shape / mean))
    spread = math.sqrt(1.0 / (count + shape) + 1.0 / (0.5 * areas + shape))
    log_mean = np.linspace(middle - 5 * spread, middle + 4 * spread, MEAN_POINTS)
    alike, log_mean = (axis.ravel() for axis in np.meshgrid(ALIKE_GRID, log_mean, indexing="ij"))
    logs = (
        shape * log_mean - shape * np.exp(log_mean) / mean
    )  # Gamma density of μ times μ, as points are even in log μ
    logs = logs - ((np.log(alike / ALIKE)) / ALIKE_SPREAD) ** 2 / 2
    return np.stack([alike, np.exp(log_mean)]), logs - logsumexp(logs)


def _log_records() -> Array:
    """Log prior of credibility × scale, flattened."""
    scale = -((np.log(SCALES) / SCALE_SPREAD) ** 2) / 2
    logs = np.broadcast_to(scale, (len(CREDIBLE), len(SCALES))).ravel()
    return np.asarray(logs - logsumexp(logs))


# ---- the district


def _spread(points: Array, weight: Array) -> Weighed:
    """Even points as bins, each weight spread over its bin, so that quantiles reach the bins' ends."""
    within = ((np.arange(FINE) + 0.5) / FINE - 0.5) * (points[1] - points[0])
    return Weighed((points[:, None] + within).ravel(), np.repeat(weight / FINE, FINE))


def _even_in_logs(points: Array, weight: Array) -> Weighed:
    fine = _spread(np.log(points), weight)
    return Weighed(np.exp(fine.values), fine.weights)


def _district(
    pooled: Pooled, drawn: _Drawn, mean_grid: Array, weight: Array, first: Array, second: Array, some: bool
) -> District:
    alike, mean = mean_grid
    points = weight @ first
    expected = float(points @ mean)
    square = float(points @ (mean**2 * (1.0 + 1.0 / alike)))
    cases = (weight @ second).reshape(len(CREDIBLE), len(SCALES)) if some else None
    h = drawn.hyper
    methods = pooled.posterior.searched.methods
    return District(
        mean_strikes=Weighed(mean, points),
        alike=Weighed(alike, points),
        strikes=(expected, expected**2 / max(square - expected**2, 1e-12)),
        items=Weighed(h.shape / h.rate, weight),
        shape=Weighed(h.shape, weight),
        background=Weighed(h.background, weight),
        weights=weight @ drawn.weights,
        weight_draws=drawn.weights,
        detection=tuple(
            (method.name, Weighed(h.detection[:, m], weight))
            for m, method in enumerate(methods)
            if method.certainty is not None
        ),
        credible=None if cases is None else _spread(CREDIBLE, cases.sum(axis=1)),
        scale=None if cases is None else _even_in_logs(SCALES, cases.sum(axis=0)),
        records=sum(len(area.recorded) for area in pooled.areas),
        areas=tuple(
            AreaTaught(float(weight @ drawn.strikes[:, n]), float(weight @ drawn.ground[:, n]))
            for n in range(len(pooled.areas))
        ),
        draw_weights=weight,
        effective=float(1.0 / (weight**2).sum()),
    )
