"""Calibration over many simulated data sets: do stated chances come true as often as stated?

Reads   a seed
Gives   `Calibration`: ranks of the truth, intervals that held, P(none left) against how often none was left
Knows   nothing of where its figures are printed (benchmarks/calibration.py)
Start   at `calibration`

Data are simulated from the prior and fitted with the same prior, so a right engine gives ranks of the true
total that are uniform whatever was found (simulation-based calibration, Talts et al. 2018).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from fadeout.model.fit import fit
from fadeout.model.footprints import Footprint
from fadeout.model.grid import Grid
from fadeout.model.posterior import Posterior
from fadeout.model.prior import Prior, RecordedStrike
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
BLOCK = 4  # cells a side of the blocks that are searched or not
SEARCHED = 0.5  # chance that a block is searched
BOXES = 12  # boxes of 2 × 2 cells searched until the first find
DRAWS = 999
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
    finds: NDArray[np.int64]  # (sets,)
    remaining: NDArray[np.int64]  # (sets,) true totals
    unconverged: int

    @property
    def passed(self) -> bool:
        """Whether ranks are uniform (p > 0.01) and every share holds."""
        return self.ks_p > 0.01 and all(share.holds for share in self.shares)


@dataclass(frozen=True, eq=False)
class _Outcome:
    """One data set, fitted."""

    rank: float
    held: tuple[bool, ...]  # per level of LEVELS
    p_none: tuple[float, ...]  # per region
    none: tuple[bool, ...]
    finds: int
    remaining: int
    converged: bool


def calibration(sets: int, seed: int, *, progress: Callable[[float, str], None] | None = None) -> Calibration:
    """Simulate and fit `sets` data sets and compare what was stated with what was true."""
    report = progress or (lambda done, words: None)
    outcomes = []
    for number in range(sets):
        outcomes.append(_one(np.random.SeedSequence([seed, number])))
        report((number + 1) / sets, f"{number + 1} of {sets} data sets")
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


def data_set(seed: np.random.SeedSequence) -> Truth:
    """Simulate one data set: blocks searched at random, and boxes left at their first find."""
    rng = np.random.default_rng(seed)
    high, wide = GRID.rows // BLOCK, GRID.cols // BLOCK
    blocks = (rng.random((high, wide)) < SEARCHED) * rng.uniform(0.3, 0.95, (high, wide))
    effort = np.kron(blocks, np.ones((BLOCK, BLOCK)))
    stopped = []
    for k in rng.choice(GRID.rows * GRID.cols // 4, size=BOXES, replace=False):
        row, col = divmod(int(k), GRID.cols // 2)
        box = np.zeros(GRID.shape, dtype=bool)
        box[2 * row : 2 * row + 2, 2 * col : 2 * col + 2] = True
        stopped.append((box, 0.8))
    return from_prior(GRID, effort, PRIOR, int(rng.integers(2**32)), stopped=stopped)


def _one(seed: np.random.SeedSequence) -> _Outcome:
    truth = data_set(seed)
    rng = np.random.default_rng(seed.spawn(1)[0])
    posterior = fit(
        truth.grid, truth.effort, truth.finds, PRIOR, stopped=truth.stopped, seed=int(rng.integers(2**32))
    )
    regions = _regions()
    draws = posterior.draw_totals(regions[0], DRAWS, int(rng.integers(2**32)))
    true = truth.remaining_in(regions[0])
    held = []
    for level in LEVELS:
        low, high = np.quantile(draws, [(1 - level) / 2, (1 + level) / 2], method="inverted_cdf")
        held.append(bool(low <= true <= high))
    return _Outcome(
        rank=randomised_rank(draws, true, rng),
        held=tuple(held),
        p_none=tuple(_p_none(posterior, region) for region in regions),
        none=tuple(truth.remaining_in(region) == 0 for region in regions),
        finds=len(truth.finds),
        remaining=true,
        converged=posterior.diagnostics.converged,
    )


def _p_none(posterior: Posterior, region: NDArray[np.bool_]) -> float:
    return posterior.p_none_in(region)


def _regions() -> list[NDArray[np.bool_]]:
    """The whole grid, its north-west quarter, and a hectare in the middle."""
    whole = np.ones(GRID.shape, dtype=bool)
    part, small = ~whole, ~whole
    part[: GRID.rows // 2, : GRID.cols // 2] = True
    small[14:18, 14:18] = True
    return [whole, part, small]


def randomised_rank(draws: NDArray[np.int64], true: int, rng: np.random.Generator) -> float:
    """Rank of the truth among the draws, ties broken at random, in 0 to 1; uniform if both are alike.

    Examples
    --------
    >>> randomised_rank(np.array([1, 2, 3]), 9, np.random.default_rng(1)) > 0.75
    True
    """
    below, equal = int((draws < true).sum()), int((draws == true).sum())
    place = below + int(rng.integers(equal + 1))
    return float((place + rng.random()) / (len(draws) + 1))
