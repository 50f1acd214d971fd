"""Calibration over many simulated data sets: do stated chances come true as often as stated?

Reads   a seed
Gives   `Calibration`: ranks of the truth, intervals that held, P(none left) against how often none was left
Knows   nothing of where its figures are printed (benchmarks/calibration.py)
Start   at `calibration`

Data are simulated from the prior and fitted with the same prior, so a right engine gives ranks of the true
total, and of every number that is learned, that are uniform whatever was found (simulation-based calibration,
Talts et al. 2018). `LEARNED` has everything learned, two methods of search of which the second goes over part of the
ground of the first, and items laid out for one of them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from fadeout.model.effort import Coverage, Method, Searches, StoppedBox
from fadeout.model.fit import fit
from fadeout.model.footprints import Footprint
from fadeout.model.grid import Grid
from fadeout.model.posterior import Posterior
from fadeout.model.prior import Learning, Prior, RecordedStrike
from fadeout.model.simulate import Truth, from_prior

Array = NDArray[np.float64]

GRID = Grid(32, 32, 25.0)
PRIOR = Prior(
    strikes_per_km2=1.2,
    items_per_strike=20.0,
    items_shape=1.0,
    background_per_km2=0.5,
    footprints=(
        Footprint(80, 40, bearing_deg=45),
        Footprint(80, 40, bearing_deg=135),
        Footprint(55, 55, weight=0.5, kind="heavy"),
    ),
    recorded=(
        RecordedStrike(
            12.3, 20.6, position_error_m=100.0, credibility=0.5, items_per_strike=15.0, items_shape=2.0
        ),
    ),
)
LEARNED = replace(
    PRIOR,
    items_per_strike=15.0,
    learned=Learning(strikes=2.0, items=0.6, shape=0.4, background=2.0, footprints=4.0),
)
METHODS = (
    Method("detector", 0.7, certainty=10.0, seeded=(0, 12)),
    Method("visual", 0.4, certainty=8.0),
)
BLOCK = 4  # cells a side of the blocks that are searched or not
SEARCHED = 0.5  # chance that a block is searched
BOXES = 12  # boxes of 2 × 2 cells searched until the first find
DRAWS = 999
THINNED = (
    99  # draws among which a learned number is ranked, evenly spaced so that they are nearly independent
)
LEVELS = (0.5, 0.9)
STRAY = 3.0  # binomial standard errors that a share may lie off


@dataclass(frozen=True)
class Share:
    """How often something came true, against how often it was said to."""

    name: str
    stated: float
    seen: float
    error: float  # binomial standard error of `seen`, were the statements right

    @property
    def holds(self) -> bool:
        """Whether both agree within three standard errors."""
        return abs(self.seen - self.stated) <= STRAY * self.error + 1e-12


@dataclass(frozen=True, eq=False)
class Calibration:
    """What came of all data sets."""

    ranks: Array  # (sets,) randomised ranks of the true total remaining, in 0 to 1
    ks_p: float  # Kolmogorov–Smirnov p-value of their being uniform
    shares: tuple[Share, ...]  # intervals, P(none left) in three regions
    inclusive: tuple[
        Share, ...
    ]  # intervals of whole items, ends included: they may hold more often, not less
    learned: dict[str, Array]  # name: (sets,) ranks of the true value of a learned number
    finds: NDArray[np.int64]  # (sets,)
    remaining: NDArray[np.int64]  # (sets,) true totals
    unconverged: int

    @property
    def passed(self) -> bool:
        """Whether ranks stay in the band and every share holds."""
        every = [self.ranks, *self.learned.values()]
        return all(band_holds(ranks) for ranks in every) and all(share.holds for share in self.shares)


def band_holds(ranks: Array, sure: float = 0.99) -> bool:
    """Whether the distribution function of ranks lies in the band that all of it would lie in with probability `sure`.

    The band is that of Dvoretzky, Kiefer, Wolfowitz and Massart: |F_n − F| ≤ √(log(2/(1 − sure)) / 2n) everywhere.

    Examples
    --------
    >>> band_holds((np.arange(100) + 0.5) / 100), band_holds(np.full(100, 0.5))
    (True, False)
    """
    n = len(ranks)
    return bool(stats.kstest(ranks, "uniform").statistic <= math.sqrt(math.log(2 / (1 - sure)) / (2 * n)))


@dataclass(frozen=True, eq=False)
class _Case:
    """One simulated data set and how it is to be fitted."""

    truth: Truth
    prior: Prior
    effort: Searches | Array
    stopped: tuple[StoppedBox, ...]
    true: dict[str, float]  # numbers that are learned


@dataclass(frozen=True, eq=False)
class Outcome:
    """One data set, fitted: plain values, so that a study can be kept and gone on with."""

    rank: float
    held: tuple[bool, ...]  # per level of LEVELS
    p_none: tuple[float, ...]  # per region
    none: tuple[bool, ...]
    learned: dict[str, float]
    finds: int
    remaining: int
    converged: bool


def calibration(
    sets: int,
    seed: int,
    *,
    learned: bool = False,
    known: Sequence[Outcome] = (),
    keep: Callable[[Outcome], None] = lambda outcome: None,
    progress: Callable[[float, str], None] | None = None,
) -> Calibration:
    """Simulate and fit `sets` data sets, everything learned or nothing, and compare what was stated with what was true.

    `known` are the outcomes of the first sets, from an earlier call with the same seed; `keep` is told each new one.
    """
    report = progress or (lambda done, words: None)
    outcomes = list(known[:sets])
    for number in range(len(outcomes), sets):
        outcomes.append(_one(np.random.SeedSequence([seed, number]), learned))
        keep(outcomes[-1])
        report((number + 1) / sets, f"{number + 1} of {sets} data sets")
    return _gathered(outcomes)


def _gathered(outcomes: list[Outcome]) -> Calibration:
    ranks = np.array([outcome.rank for outcome in outcomes])
    held = np.array([outcome.held for outcome in outcomes])
    shares = [
        _interval(level, np.abs(ranks - 0.5) <= level / 2, "of the total, ends randomised")
        for level in LEVELS
    ]
    stated = np.array([outcome.p_none for outcome in outcomes])
    none = np.array([outcome.none for outcome in outcomes])
    shares += [
        _chances(f"P(none left), {name}", stated[:, k], none[:, k])
        for k, name in enumerate(("whole", "part", "small"))
    ]
    return Calibration(
        ranks=ranks,
        ks_p=float(stats.kstest(ranks, "uniform").pvalue),
        shares=tuple(shares),
        inclusive=tuple(
            _interval(level, held[:, k], "of the total, ends included") for k, level in enumerate(LEVELS)
        ),
        learned={
            name: np.array([outcome.learned[name] for outcome in outcomes]) for name in outcomes[0].learned
        },
        finds=np.array([outcome.finds for outcome in outcomes]),
        remaining=np.array([outcome.remaining for outcome in outcomes]),
        unconverged=sum(not outcome.converged for outcome in outcomes),
    )


def _interval(level: float, held: NDArray[np.bool_], words: str) -> Share:
    name = f"{100 * level:.0f} % interval {words}"
    return Share(name, level, float(held.mean()), math.sqrt(level * (1 - level) / len(held)))


def _chances(name: str, stated: Array, true: NDArray[np.bool_]) -> Share:
    """Compare the mean of stated chances with the share that came true, of variance Σ p(1 − p) / n²."""
    error = math.sqrt(float((stated * (1 - stated)).sum())) / len(stated)
    return Share(name, float(stated.mean()), float(true.mean()), error)


def drawn_prior(prior: Prior, rng: np.random.Generator) -> Prior:
    """A prior with known numbers, drawn from what `prior.learned` says of them.

    Examples
    --------
    >>> drawn_prior(PRIOR, np.random.default_rng(1)) == PRIOR
    True
    """
    learned = prior.learned
    strikes, background = prior.strikes_per_km2, prior.background_per_km2
    items, shape, footprints = prior.items_per_strike, prior.items_shape, tuple(prior.footprints)
    if learned.strikes is not None:
        strikes *= rng.gamma(learned.strikes) / learned.strikes
    if learned.background is not None:
        background *= rng.gamma(learned.background) / learned.background
    if learned.items is not None:
        items *= math.exp(learned.items * rng.normal() - learned.items**2 / 2)
    if learned.shape is not None:
        shape *= math.exp(learned.shape * rng.normal())
    if learned.footprints is not None:
        weights = np.array([footprint.weight for footprint in footprints])
        drawn = rng.dirichlet(learned.footprints * weights / weights.sum())
        footprints = tuple(replace(f, weight=float(w)) for f, w in zip(footprints, drawn, strict=True))
    return replace(
        prior,
        strikes_per_km2=strikes,
        background_per_km2=background,
        items_per_strike=items,
        items_shape=shape,
        footprints=footprints,
        learned=Learning(),
    )


def _blocks(rng: np.random.Generator) -> NDArray[np.bool_]:
    """Blocks of the grid searched at random, as a mask over cells."""
    high, wide = GRID.rows // BLOCK, GRID.cols // BLOCK
    return np.kron(rng.random((high, wide)) < SEARCHED, np.ones((BLOCK, BLOCK))).astype(bool)


def _boxes(rng: np.random.Generator) -> list[NDArray[np.bool_]]:
    boxes = []
    for k in rng.choice(GRID.rows * GRID.cols // 4, size=BOXES, replace=False):
        row, col = divmod(int(k), GRID.cols // 2)
        box = np.zeros(GRID.shape, dtype=bool)
        box[2 * row : 2 * row + 2, 2 * col : 2 * col + 2] = True
        boxes.append(box)
    return boxes


def data_set(seed: np.random.SeedSequence) -> Truth:
    """Simulate one data set: blocks searched at random, and boxes left at their first find."""
    rng = np.random.default_rng(seed)
    high, wide = GRID.rows // BLOCK, GRID.cols // BLOCK
    blocks = (rng.random((high, wide)) < SEARCHED) * rng.uniform(0.3, 0.95, (high, wide))
    effort = np.kron(blocks, np.ones((BLOCK, BLOCK)))
    stopped = [(box, 0.8) for box in _boxes(rng)]
    return from_prior(GRID, effort, PRIOR, int(rng.integers(2**32)), stopped=stopped)


def _fixed_case(seed: np.random.SeedSequence) -> _Case:
    truth = data_set(seed)
    return _Case(truth, PRIOR, truth.effort, truth.stopped, {})


def _learned_case(seed: np.random.SeedSequence) -> _Case:
    """Everything drawn from its prior: the first method's blocks, then the second's, then boxes of the first."""
    rng = np.random.default_rng(seed)
    prior = drawn_prior(LEARNED, rng)
    p = np.array([rng.beta(*method.beta) for method in METHODS])
    laid = METHODS[0].seeded[1]
    methods = (replace(METHODS[0], seeded=(int(rng.binomial(laid, p[0])), laid)), METHODS[1])
    passes = np.stack([_blocks(rng), _blocks(rng)], axis=-1).astype(np.int64)
    effort = 1.0 - ((1.0 - p) ** passes).prod(axis=-1)
    stopped = [(box, float(p[0])) for box in _boxes(rng)]
    truth = from_prior(GRID, effort, prior, int(rng.integers(2**32)), stopped=stopped)
    by_box = np.array([box.find for box in truth.stopped], dtype=np.int64)
    found_by, missed_by = _finders(truth, passes, p, by_box, rng)
    left = {id(box.mask) for box in truth.stopped}
    for box, _ in stopped:
        if id(box) not in left:
            passes[box, 0] += 1
    searches = Searches(methods, covered(passes), found_by, missed_by)
    true = {
        "strikes per km²": prior.strikes_per_km2,
        "items per strike": prior.items_per_strike,
        "shape of items per strike": prior.items_shape,
        "background per km²": prior.background_per_km2,
        "weight of the first footprint": prior.footprints[0].weight,
        "detection, detector": float(p[0]),
        "detection, visual": float(p[1]),
    }
    boxes = tuple(replace(box, method=0) for box in truth.stopped)
    return _Case(truth, LEARNED, searches, boxes, true)


def _finders(
    truth: Truth, passes: NDArray[np.int64], p: Array, by_box: NDArray[np.int64], rng: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Which method found each item (the first of those that would, −1 for a box's), and which missed it before."""
    here = passes[truth.finds[:, 0], truth.finds[:, 1]]
    found_by = np.full(len(here), -1)
    missed_by = np.zeros_like(here)
    missed_by[by_box] = here[by_box]
    others = np.setdiff1d(np.arange(len(here)), by_box)
    for n in others:
        together = 1.0 - float(((1.0 - p) ** here[n]).prod())
        first = bool(here[n, 0]) and rng.random() < p[0] / together
        found_by[n] = 0 if first else 1
        missed_by[n, 0] = 0 if first else here[n, 0]
    return found_by, missed_by


def covered(passes: NDArray[np.int64]) -> tuple[Coverage, ...]:
    """Cells by how often each method went over them, from passes of shape (rows, cols, methods)."""
    flat = passes.reshape(-1, passes.shape[-1])
    kinds, of = np.unique(flat, axis=0, return_inverse=True)
    shape = passes.shape[:-1]
    return tuple(
        Coverage((of.ravel() == n).reshape(shape).astype(np.float64), tuple(int(k) for k in kind))
        for n, kind in enumerate(kinds)
        if kind.any()
    )


def _one(seed: np.random.SeedSequence, learned: bool) -> Outcome:
    case = _learned_case(seed) if learned else _fixed_case(seed)
    truth, rng = case.truth, np.random.default_rng(seed.spawn(1)[0])
    posterior = fit(
        truth.grid, case.effort, truth.finds, case.prior, stopped=case.stopped, seed=int(rng.integers(2**32))
    )
    regions = _regions()
    draws = posterior.draw_totals(regions[0], DRAWS, int(rng.integers(2**32)))
    true = truth.remaining_in(regions[0])
    held = []
    for level in LEVELS:
        low, high = np.quantile(draws, [(1 - level) / 2, (1 + level) / 2], method="inverted_cdf")
        held.append(bool(low <= true <= high))
    return Outcome(
        rank=randomised_rank(draws, true, rng),
        held=tuple(held),
        p_none=tuple(posterior.p_none_in(region) for region in regions),
        none=tuple(truth.remaining_in(region) == 0 for region in regions),
        learned={
            name: randomised_rank(values, case.true[name], rng)
            for name, values in _learned_draws(posterior).items()
        }
        if learned
        else {},
        finds=len(truth.finds),
        remaining=true,
        converged=posterior.diagnostics.converged,
    )


def _learned_draws(posterior: Posterior) -> dict[str, Array]:
    """Evenly spaced draws of every number that is learned."""
    h = posterior.draws_taken.hyper.take(np.linspace(0, posterior.draws - 1, THINNED).astype(np.int64))
    strikes = h.strikes.sum(axis=1)
    return {
        "strikes per km²": strikes,
        "items per strike": h.shape / h.rate,
        "shape of items per strike": h.shape,
        "background per km²": h.background,
        "weight of the first footprint": h.strikes[:, 0] / strikes,
        "detection, detector": h.detection[:, 0],
        "detection, visual": h.detection[:, 1],
    }


def _regions() -> list[NDArray[np.bool_]]:
    """The whole grid, its north-west quarter, and a hectare in the middle."""
    whole = np.ones(GRID.shape, dtype=bool)
    part, small = ~whole, ~whole
    part[: GRID.rows // 2, : GRID.cols // 2] = True
    small[14:18, 14:18] = True
    return [whole, part, small]


def randomised_rank(draws: NDArray[Any], true: float, rng: np.random.Generator) -> float:
    """Rank of the truth among the draws, ties broken at random, in 0 to 1; uniform if both are alike.

    Examples
    --------
    >>> randomised_rank(np.array([1, 2, 3]), 9, np.random.default_rng(1)) > 0.75
    True
    """
    below, equal = int((draws < true).sum()), int((draws == true).sum())
    place = below + int(rng.integers(equal + 1))
    return float((place + rng.random()) / (len(draws) + 1))
