"""Districts with known truth: do the intervals that finished areas give hold it as often as stated, and do they help?

Reads   a seed
Gives   `simulated`: a made-up district and its areas; `study`: one district learned, and its next area estimated
Knows   nothing of where its figures are printed (benchmarks/district.py)
Start   at `study`

A district is drawn from what is believed before, so right intervals hold the truth as often as stated whatever the
district (simulation-based calibration, Talts et al. 2018). All of it is SIMULATED.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from fadeout.model.district import (
    ALIKE,
    ALIKE_SPREAD,
    SCALE_SPREAD,
    SCALES,
    District,
    learn,
)
from fadeout.model.fit import fit
from fadeout.model.footprints import Footprint
from fadeout.model.grid import Grid
from fadeout.model.pooling import FinishedArea, pool
from fadeout.model.prior import Learning, Prior, RecordedStrike
from fadeout.model.simulate import Truth, from_prior

Array = NDArray[np.float64]

GRID = Grid(20, 20, 50.0)
DETECTION = 0.95  # of the finished areas
ERROR_M = 200.0  # stated for each record
WIDE = {"strikes": 2.0, "items": 0.6, "shape": 0.4, "background": 2.0, "footprints": 6.0}
PRIOR = Prior(
    strikes_per_km2=2.0,
    items_per_strike=20.0,
    items_shape=1.0,
    background_per_km2=0.5,
    footprints=(Footprint(60, 60), Footprint(120, 60), Footprint(120, 60, bearing_deg=90)),
    learned=Learning(**WIDE),
)
NEXT_SEARCHED = 0.25  # share of the next area's boxes (of 2 × 2 cells) that were searched, at NEXT_DETECTION
NEXT_DETECTION = 0.8
DRAWS = 2000
BANDWIDTH = 1.06  # Silverman's rule for the density of totals


@dataclass(frozen=True)
class TrueDistrict:
    """The numbers of a made-up district."""

    mean_strikes: float
    alike: float
    prior: Prior  # items, shape, background, footprints; strikes per km² are each area's own
    credible: float
    scale: float


@dataclass(frozen=True)
class Studied:
    """One district: quantile at which each truth lies, and log scores of the next area's total under two priors."""

    quantile: dict[str, float]
    held: dict[str, bool]  # whether the 90 % interval holds the truth
    score_district: float
    score_wide: float
    finds: int
    agreed: bool
    effective: float


def simulated(seed: int, areas: int, records: int = 3) -> tuple[TrueDistrict, list[FinishedArea]]:
    """Draw a district from what is believed before, and its finished areas."""
    rng = np.random.default_rng(seed)
    weights = rng.dirichlet(WIDE["footprints"] * np.full(len(PRIOR.footprints), 1 / len(PRIOR.footprints)))
    believed = replace(
        PRIOR,
        items_per_strike=PRIOR.items_per_strike
        * float(rng.lognormal(-(WIDE["items"] ** 2) / 2, WIDE["items"])),
        items_shape=PRIOR.items_shape * float(rng.lognormal(0.0, WIDE["shape"])),
        background_per_km2=PRIOR.background_per_km2
        * float(rng.gamma(WIDE["background"]) / WIDE["background"]),
        footprints=tuple(replace(f, weight=float(w)) for f, w in zip(PRIOR.footprints, weights, strict=True)),
    )
    true = TrueDistrict(
        mean_strikes=PRIOR.strikes_per_km2 * float(rng.gamma(WIDE["strikes"]) / WIDE["strikes"]),
        alike=float(np.clip(rng.lognormal(math.log(ALIKE), ALIKE_SPREAD), 0.2, 50.0)),
        prior=believed,
        credible=float(rng.random()),
        scale=float(np.clip(rng.lognormal(0.0, SCALE_SPREAD), SCALES[0], SCALES[-1])),
    )
    effort = np.full(GRID.shape, DETECTION)
    out = []
    for _ in range(areas):
        stated, truth = _area(true, effort, records, rng)
        out.append(FinishedArea(GRID, effort, truth.finds, stated))
    return true, out


def _area(
    true: TrueDistrict, effort: Array, records: int, rng: np.random.Generator
) -> tuple[tuple[RecordedStrike, ...], Truth]:
    """One area of a district: its records as they are stated, and what happened."""
    strikes = true.mean_strikes * float(rng.gamma(true.alike) / true.alike)
    places = rng.uniform(0, GRID.rows, size=(records, 2))
    stated = tuple(RecordedStrike(float(row), float(col), ERROR_M, 0.5) for row, col in places)
    real = tuple(
        replace(one, position_error_m=ERROR_M * true.scale, credibility=true.credible) for one in stated
    )
    prior = replace(true.prior, strikes_per_km2=max(strikes, 1e-6), recorded=real)
    return stated, from_prior(GRID, effort, prior, int(rng.integers(2**31)))


def study(
    seed: int, areas: int, *, sweeps: int = 400, next_area: bool = True, threads: int | None = None
) -> Studied:
    """Learn one made-up district, see where the truth lies, and estimate its next area under both priors."""
    true, finished = simulated(seed, areas)
    pooled = pool(finished, PRIOR, seed=seed, sweeps=sweeps, threads=threads)
    learned = learn(pooled)
    assert learned.credible is not None
    assert learned.scale is not None
    pairs = {
        "strikes": (learned.mean_strikes, true.mean_strikes),
        "items": (learned.items, true.prior.items_per_strike),
        "shape": (learned.shape, true.prior.items_shape),
        "background": (learned.background, true.prior.background_per_km2),
        "credible": (learned.credible, true.credible),
        "scale": (learned.scale, true.scale),
    }
    quantile = {
        name: float(known.weights[known.values <= value].sum()) for name, (known, value) in pairs.items()
    }
    held = {
        name: known.quantile(0.05) <= value <= known.quantile(0.95) for name, (known, value) in pairs.items()
    }
    scores = _scores(true, learned, seed, sweeps, threads) if next_area else (math.nan, math.nan)
    return Studied(
        quantile,
        held,
        *scores,
        finds=sum(len(area.finds) for area in finished),
        agreed=pooled.posterior.diagnostics.r_hat_learned <= 1.1,
        effective=learned.effective,
    )


def prior_of(learned: District, credibility: float = 0.5) -> Prior:
    """The next area's prior, as a district's profile would give it."""
    mean, shape = learned.strikes
    logs = np.log(learned.items.values)
    middle = float(learned.draw_weights @ logs)
    spread = math.sqrt(float(learned.draw_weights @ (logs - middle) ** 2))
    shapes = np.log(learned.shape.values)
    half = float(learned.draw_weights @ shapes)
    wide = math.sqrt(float(learned.draw_weights @ (shapes - half) ** 2))
    return replace(
        PRIOR,
        strikes_per_km2=mean,
        items_per_strike=math.exp(middle + spread**2 / 2),
        items_shape=math.exp(half),
        background_per_km2=learned.background.mean,
        footprints=tuple(
            replace(f, weight=float(w)) for f, w in zip(PRIOR.footprints, learned.weights, strict=True)
        ),
        learned=Learning(
            strikes=shape,
            items=max(spread, 1e-3),
            shape=max(wide, 1e-3),
            background=learned.background.mean**2 / max(learned.background.sd**2, 1e-9),
            footprints=max(learned.sure_weights(np.arange(len(PRIOR.footprints))), 0.1),
        ),
    )


def _scores(
    true: TrueDistrict, learned: District, seed: int, sweeps: int, threads: int | None
) -> tuple[float, float]:
    """Log score of the next area's items remaining, under the district's prior and under the wide one."""
    rng = np.random.default_rng([seed, 1])
    boxes = rng.random((GRID.rows // 2, GRID.cols // 2)) < NEXT_SEARCHED
    effort = np.asarray(NEXT_DETECTION * np.kron(boxes, np.ones((2, 2))), dtype=np.float64)
    stated, truth = _area(true, effort, 3, rng)
    assert learned.credible is not None
    assert learned.scale is not None
    told = tuple(
        replace(one, credibility=learned.credible.mean, position_error_m=ERROR_M * _middle(learned))
        for one in stated
    )
    ground = np.ones(GRID.shape, dtype=bool)
    remaining = truth.remaining_in(ground)
    out = []
    for prior in (replace(prior_of(learned), recorded=told), replace(PRIOR, recorded=stated)):
        posterior = fit(GRID, truth.effort, truth.finds, prior, seed=seed, sweeps=sweeps, threads=threads)
        out.append(log_score(posterior.draw_totals(ground, draws=DRAWS, seed=seed), remaining))
    return out[0], out[1]


def _middle(learned: District) -> float:
    assert learned.scale is not None
    return math.exp(float(learned.scale.weights @ np.log(learned.scale.values)))


def log_score(totals: Sequence[int] | NDArray[np.int64], truth: int) -> float:
    """Log density of a true total among draws, smoothed on the scale log(1 + total) (Silverman's rule).

    Examples
    --------
    >>> draws = np.arange(100)
    >>> log_score(draws, 50) > log_score(draws, 500)
    True
    """
    logs = np.log1p(np.asarray(totals, dtype=np.float64))
    width = max(BANDWIDTH * float(logs.std()) * len(logs) ** -0.2, 0.05)
    kernel = np.exp(-(((logs - math.log1p(truth)) / width) ** 2) / 2) / (width * math.sqrt(2 * math.pi))
    return math.log(max(float(kernel.mean()) / (1.0 + truth), 1e-12))
