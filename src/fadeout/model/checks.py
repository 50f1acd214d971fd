"""Whether a fit can be relied on: named checks in plain words.

Reads   a `Posterior`, and the area drawn from it
Gives   `Verdict`
Knows   nothing of reports; a failed check is printed on every product by those who write them
Start   at `sanity`; the calibration of many fits is in `calibration.py`

A check fails where the estimate itself cannot be relied on. What a reader should know beside it (the prior
speaks loudest, the area reaches the edge) passes, marked as a note.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special, stats

from fadeout.model.compiled import compiled
from fadeout.model.footprints import Footprint
from fadeout.model.hazard import HazardousArea
from fadeout.model.known import KnownStrikes
from fadeout.model.posterior import Posterior
from fadeout.model.predictive import Comparison, Figure, compare
from fadeout.model.recording import record_rate
from fadeout.model.thinning import thinned

Array = NDArray[np.float64]
Ints = NDArray[np.int64]

FEW = 5  # finds below which nothing is said about how they lie
UNEXPLAINED = 0.5  # share of finds of no strike from which the fit fails; from 0.2 it is noted (assumed)
TOO_FAR = 0.001  # tail probability from which finds contradict the footprints; from 0.02 noted (assumed)
UNLIKELY = 0.02  # two-sided tail probability from which a pattern unlike that of repeated searches is noted (assumed)
MUCH_UNLIKE = 1.5  # and the factor from which, below TOO_FAR, the fit fails (assumed)
MUCH_FARTHER = 1.5  # and the factor on squared distances; a smaller one hardly moves the area (assumed)
SURPRISE = 0.005  # tail probability from which data and prior are said to disagree (assumed)
DOMINANT = 0.5  # share of the total that comes from ground without finds from which it is noted (assumed)
SENSITIVE = 2.0  # ratio of totals under other assumptions from which it is noted (assumed)


@dataclass(frozen=True)
class Check:
    """One check: its name, whether it passed, and what that means. A note passes, but should be read."""

    name: str
    passed: bool
    words: str
    note: bool = False


@dataclass(frozen=True)
class Verdict:
    """All checks of one fit."""

    passed: bool
    checks: tuple[Check, ...]

    @property
    def failed(self) -> tuple[Check, ...]:
        """Checks that failed."""
        return tuple(check for check in self.checks if not check.passed)

    @property
    def notes(self) -> tuple[Check, ...]:
        """Checks that passed with something to know."""
        return tuple(check for check in self.checks if check.passed and check.note)

    @property
    def words(self) -> str:
        """The verdict in one sentence or two."""
        if not self.passed:
            return "Checks failed: " + " ".join(check.words for check in self.failed)
        return f"All {len(self.checks)} checks passed."


def sanity(
    posterior: Posterior,
    *,
    area: HazardousArea | None = None,
    assessed: ArrayLike | None = None,
    sensitivity: Sequence[tuple[str, float]] = (),
) -> Verdict:
    """Check one fit.

    Parameters
    ----------
    posterior : Posterior
        Of one fit.
    area : HazardousArea, optional
        Drawn from it; it is then checked too.
    assessed : array of bool, shape (rows, cols), optional
        The ground that the assessment speaks of; all of the grid if not given.
    sensitivity : sequence of (name, expected remaining), optional
        The total under other assumptions.
    """
    ground = (
        np.ones(posterior.grid.shape, dtype=bool) if assessed is None else np.asarray(assessed, dtype=bool)
    )
    known = thinned(posterior)
    checks = [_converged(posterior), _finite(posterior), _explained(posterior), _distances(posterior, known)]
    checks += _repeated(compare(posterior))
    checks += [_strikes(posterior), _finds_per_strike(posterior, known), _prior_share(posterior, ground)]
    if area is not None:
        checks += [_area(area), _edge(area, ground)]
    if sensitivity:
        checks.append(_sensitive(posterior, ground, sensitivity))
    return Verdict(all(check.passed for check in checks), tuple(checks))


def _converged(posterior: Posterior) -> Check:
    return Check("chains agree", posterior.diagnostics.converged, posterior.diagnostics.words)


def _finite(posterior: Posterior) -> Check:
    rasters = {
        "expected remaining": posterior.expected_remaining,
        "P(any remaining)": posterior.p_any_remaining,
        "effort": posterior.effort,
    }
    bad = [name for name, raster in rasters.items() if not (np.isfinite(raster).all() and raster.min() >= 0)]
    words = (
        f"Not all figures are finite and at least 0: {', '.join(bad)}." if bad else "All figures are finite."
    )
    return Check("figures are finite", not bad, words)


def _explained(posterior: Posterior) -> Check:
    """Whether strikes explain the finds."""
    name, count = "strikes explain the finds", len(posterior.finds)
    if count == 0:
        return Check(name, True, "Nothing was found.")
    single = float((posterior.draws_taken.strike_of < 0).mean())
    words = f"{_percent(single)} of the {count} finds are taken for single items of no strike."
    if count >= FEW and single > UNEXPLAINED:
        return Check(name, False, f"{words} The footprints or the strikes per km² do not fit this ground.")
    return Check(name, True, words, note=count >= FEW and single > 0.2)


def _distances(posterior: Posterior, known: KnownStrikes) -> Check:
    """Whether finds lie as far from their strikes' centres as the footprints and the search say.

    In each draw the sum over finds of the squared distance, in standard deviations of the footprint, is
    compared with its mean and variance under k_j(x) P(x); the tail probability is averaged over draws
    (Gelman, Meng and Stern 1996).
    """
    name = "finds lie as the footprints say"
    if len(posterior.finds) < FEW:
        return Check(name, True, "Too few finds to judge how they lie.")
    excess, expected, variance = _excess(posterior, known)
    some = variance > 0
    if not some.any():
        return Check(name, True, "Too few finds of strikes to judge how they lie.")
    far = float(special.ndtr(-excess[some] / np.sqrt(variance[some])).mean())
    if far < TOO_FAR and excess.mean() > (MUCH_FARTHER - 1.0) * expected.mean():
        return Check(
            name, False, "Finds of one strike lie farther apart than any footprint allows: give larger ones."
        )
    if far > 1 - TOO_FAR:
        words = "Finds of one strike lie closer together than the footprints say: the area may be too large."
        return Check(name, True, words, note=True)
    words = f"Finds lie about their strikes as the footprints say (tail probability {far:.2f})."
    return Check(name, True, words, note=not 0.02 < far < 0.98)


def _excess(posterior: Posterior, known: KnownStrikes) -> tuple[Array, Array, Array]:
    """Per draw: the finds' sum of squared standardised distances less its mean, its mean, its variance."""
    draws, lattice, side = known.draws, posterior.lattice, 2 * posterior.lattice.reach + 1
    squared = np.stack([_squared(shape, posterior.grid.cell_m, side) for shape in lattice.footprints])
    effort = np.ascontiguousarray(posterior.effort)
    mean, variance = _moments(lattice.kernels, squared, draws.footprint, known.row, known.col, effort)
    total, spread = known.over_draws(draws.finds * mean), known.over_draws(draws.finds * variance)
    d, find = np.nonzero(draws.strike_of >= 0)
    strike = draws.strike_of[d, find]
    down = np.clip(posterior.finds[find, 0] - known.row[strike] + lattice.reach, 0, side - 1)
    right = np.clip(posterior.finds[find, 1] - known.col[strike] + lattice.reach, 0, side - 1)
    seen = np.bincount(d, weights=squared[draws.footprint[strike], down, right], minlength=draws.count)
    return np.asarray(seen - total, dtype=np.float64), total, spread


def _squared(footprint: Footprint, cell_m: float, side: int) -> Array:
    """Squared distance from the centre in standard deviations of the footprint, over its window."""
    offset = (np.arange(side) - side // 2) * cell_m
    north, east = -offset[:, None], offset[None, :]
    bearing = np.radians(footprint.bearing_deg)
    along = (east * np.sin(bearing) + north * np.cos(bearing)) / footprint.sigma_major_m
    across = (east * np.cos(bearing) - north * np.sin(bearing)) / footprint.sigma_minor_m
    return np.asarray(along**2 + across**2)


@compiled
def _moments(
    kernels: Array, squared: Array, footprint: Ints, row: Ints, col: Ints, effort: Array
) -> tuple[Array, Array]:
    """Mean and variance of `squared` over a strike's finds, thrown by k_j(x) P(x)."""
    reach = kernels.shape[1] // 2
    rows, cols = effort.shape
    mean, variance = np.zeros(footprint.size), np.zeros(footprint.size)
    for s in range(footprint.size):
        weight, first, second = 0.0, 0.0, 0.0
        for r in range(max(0, row[s] - reach), min(rows, row[s] + reach + 1)):
            for c in range(max(0, col[s] - reach), min(cols, col[s] + reach + 1)):
                if effort[r, c] > 0:
                    at = squared[footprint[s], r - row[s] + reach, c - col[s] + reach]
                    w = effort[r, c] * kernels[footprint[s], r - row[s] + reach, c - col[s] + reach]
                    weight += w
                    first += w * at
                    second += w * at * at
        if weight > 0:
            mean[s] = first / weight
            variance[s] = max(0.0, second / weight - mean[s] * mean[s])
    return mean, variance


def _repeated(found: Comparison | None) -> list[Check]:
    """Whether finds lie among each other as they would if the search were repeated on the fitted strikes."""
    per_box, apart = "finds per box as strikes leave them", "distances between finds as strikes leave them"
    if found is None:
        words = "Too few finds, or too many at stopped boxes, to judge how they lie among each other."
        return [Check(per_box, True, words), Check(apart, True, words)]
    spread, most, near = found.dispersion, found.largest, found.nearest_m
    said = (
        f"Finds in boxes of 2 × 2 cells have a variance of {_short(spread.observed)} times their mean, at most "
        f"{most.observed:.0f} in one; {_usual(spread)} and {_usual(most)} when the search is repeated on the estimate."
    )
    distance = (
        f"Half of the finds have another within {_short(near.observed)} m; {_usual(near)} m when the search is "
        "repeated on the estimate."
    )
    return [
        _pattern(per_box, said, spread, even=spread.ratio < 1, fullest=most),
        _pattern(apart, distance, near, even=near.ratio > 1),
    ]


def _pattern(name: str, said: str, figure: Figure, *, even: bool, fullest: Figure | None = None) -> Check:
    """Judge a figure whose finds lie `even` or clustered; the fullest box beside it can only be noted."""
    unlikely = UNLIKELY if fullest is None else UNLIKELY / 2  # two figures, each with half the chance
    far = max(figure.ratio, 1.0 / max(figure.ratio, 1e-9)) > MUCH_UNLIKE
    if figure.tail < unlikely:
        words = f"Finds lie {'more evenly' if even else 'more closely together'} than strikes leave them"
        if figure.tail < TOO_FAR and far:
            return Check(name, False, f"{words}: the strike picture does not fit this ground. {said}")
        return Check(name, True, f"{words}. {said}", note=True)
    if fullest is not None and fullest.tail < unlikely:
        words = f"The fullest box holds {'more' if fullest.ratio > 1 else 'fewer'} finds than strikes leave in one"
        return Check(name, True, f"{words}. {said}", note=True)
    return Check(name, True, said)


def _usual(figure: Figure) -> str:
    low, high = np.quantile(figure.repeated, (0.05, 0.95))
    return f"{_short(low)} to {_short(high)}"


def _short(value: float) -> str:
    return f"{value:.2g}" if value < 10 else f"{value:.0f}"


def _strikes(posterior: Posterior) -> Check:
    """Whether the search met as many strikes as the prior expects: the Poisson tail at the posterior mean."""
    expected, met = _prior_strikes(posterior), posterior.expected_strikes_with_finds
    count = round(met)
    tail = min(float(stats.poisson.sf(count - 1, expected)), float(stats.poisson.cdf(count, expected)))
    words = f"The prior expects this search to meet {expected:.2g} strikes; it met {met:.2g}."
    if tail < SURPRISE:
        words += (
            " Strikes per km² may be set wrongly, and with them what is expected where nothing was found."
        )
    return Check("strikes met as the prior expects", True, words, note=tail < SURPRISE)


def _prior_strikes(posterior: Posterior) -> float:
    """Expected strikes with a find under prior and effort: Σ ρ_j [1 − (b/(b+e_j))^a], and records'."""
    unseen, records = posterior.unseen, posterior.unseen_records
    strikes = posterior.draws_taken.hyper.strikes.mean(axis=0) * posterior.grid.cell_km2
    centres = float(np.prod(posterior.lattice.shape))
    free = sum(
        float(strikes[j]) * centres - float(unseen.density(j).sum(dtype=np.float64))
        for j in range(len(posterior.lattice))
    )
    return max(0.0, free) + float((records.credibility * (1.0 - records.unseen)).sum())


def _finds_per_strike(posterior: Posterior, known: KnownStrikes) -> Check:
    """Whether strikes gave as many finds as the prior expects: negative binomial, given at least one."""
    name, draws = "finds per strike as the prior expects", known.draws
    if len(posterior.finds) < FEW or not len(draws.row):
        return Check(name, True, "Too few finds to judge how many a strike gives.")
    base = draws.hyper.rate[known.draw].copy()
    for number, record in enumerate(posterior.prior.recorded):
        if record.items_per_strike or record.items_shape:
            base[draws.record == number] = record_rate(record, posterior.prior)
    ratio = np.maximum(draws.rate / base - 1.0, 1e-9)  # e / b
    mean = draws.shape * ratio
    some = -np.expm1(-draws.shape * np.log1p(ratio))
    expected = mean / some
    variance = (mean * (1.0 + ratio) + mean**2) / some - expected**2
    surplus = known.over_draws(draws.finds - expected) / np.sqrt(
        np.maximum(known.over_draws(variance), 1e-12)
    )
    tail = float(special.ndtr(-np.abs(surplus.mean())))
    given, asked = draws.finds.mean(), expected.mean()
    words = f"Strikes gave {given:.2g} finds each; the prior expects {asked:.2g} of such strikes and search."
    if tail < SURPRISE:
        words += " Items per strike may be set wrongly: look at the sensitivity."
    return Check(name, True, words, note=tail < SURPRISE)


def _prior_share(posterior: Posterior, ground: NDArray[np.bool_]) -> Check:
    """How much of the total no find speaks for."""
    total = float(posterior.expected_remaining[ground].sum())
    known = float(posterior.expected_known[ground].sum())
    share = 1.0 - known / total if total > 0 else 0.0
    words = (
        f"{_percent(share)} of what is expected to remain are single items and strikes that nobody has met"
    )
    if share > DOMINANT:
        return Check(
            "share of the prior", True, f"{words}: there the assumptions speak, not finds.", note=True
        )
    return Check("share of the prior", True, f"{words}.")


def _area(area: HazardousArea) -> Check:
    words = (
        f"The area leaves out {_percent(area.share_left_out)} of the known strikes' items, and at most "
        f"{_percent(area.asked_share)} in {_percent(area.confidence)} of the draws."
    )
    if not area.cells.any():
        words = "There is no strike with evidence, so no area is drawn."
    return Check("the area does what was asked", area.met, words)


def _edge(area: HazardousArea, ground: NDArray[np.bool_]) -> Check:
    """Whether the area touches the edge of the ground assessed."""
    inner = np.pad(ground, 1)
    rim = ground & ~(inner[:-2, 1:-1] & inner[2:, 1:-1] & inner[1:-1, :-2] & inner[1:-1, 2:])
    touched = bool((area.cells & (rim | ~ground)).any())
    words = (
        "Edge not found: the area reaches the edge of the ground assessed and may go on outside."
        if touched
        else "The area ends inside the ground assessed."
    )
    return Check("the area has an edge", True, words, note=touched)


def _sensitive(posterior: Posterior, ground: NDArray[np.bool_], totals: Sequence[tuple[str, float]]) -> Check:
    """Whether the total holds under other assumptions."""
    base = max(float(posterior.expected_remaining[ground].sum()), 1e-12)
    name, other = max(totals, key=lambda row: abs(np.log(max(row[1], 1e-12) / base)))
    ratio = other / base
    words = (
        f"Of the other assumptions tried, '{name}' moves the total most: to {ratio:.2g} times as many items."
    )
    moved = ratio > SENSITIVE or ratio < 1.0 / SENSITIVE
    return Check("the total under other assumptions", True, words, note=moved)


def _percent(share: float) -> str:
    return f"{100 * share:.2g} %" if share < 0.995 else f"{100 * share:.3g} %"
