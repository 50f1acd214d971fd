"""What was believed, and what the data taught: numbers of the prior and of the methods, before and after.

Reads   an `Assessment`
Gives   `prior` and `taught`: rows of plain values; docs/reference/outputs.md lists the keys
Knows   the distributions that `Learning` and `Method` stand for; nothing of pages
Start   at `taught`
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from scipy.special import polygamma

from fadeout.jobs.phrasing import number, percent

if TYPE_CHECKING:
    from fadeout.jobs.assessment import Assessment

Array = NDArray[np.float64]

LEVELS = (0.05, 0.5, 0.95)
AS_WIDE = 0.9  # a posterior at least so wide as a share of its prior taught nothing (assumed) ...
SHIFTED = 0.5  # ... unless its middle moved by so many standard deviations of the prior (assumed)


@dataclass(frozen=True, eq=False)
class _Number:
    """One number: its prior's 5, 50 and 95 % points, the prior's standard deviation, and draws after the data.

    `log`: whether widths are compared on the scale of logarithms.
    """

    key: str
    name: str
    unit: str
    before: tuple[float, float, float]
    width: float
    draws: Array
    log: bool
    note: str = ""


def taught(assessment: Assessment) -> list[dict[str, Any]]:
    """Give a row for each number: median and 90 % interval before and after, and whether the data moved it."""
    return [_row(one) for one in _learned(assessment)] + list(_fixed(assessment))


def _row(one: _Number) -> dict[str, Any]:
    low, middle, high = (float(value) for value in np.quantile(one.draws, LEVELS))
    values = np.log(np.maximum(one.draws, 1e-300)) if one.log else one.draws
    share = float(values.std()) / one.width
    before, after = one.before[1], middle
    shift = abs(math.log(max(after, 1e-300) / before) if one.log else after - before) / one.width
    moved = share < AS_WIDE or shift > SHIFTED
    return {
        "key": one.key,
        "name": one.name,
        "unit": one.unit,
        "learned": True,
        "prior_low": one.before[0],
        "prior_median": before,
        "prior_high": one.before[2],
        "low": low,
        "median": after,
        "high": high,
        "width_share": share,
        "moved": moved,
        "words": _words(share, shift, after > before, moved) + one.note,
    }


def _words(share: float, shift: float, up: bool, moved: bool) -> str:
    """Say what happened to one number.

    Examples
    --------
    >>> _words(0.95, 0.1, True, False)
    'the data did not move it: this is still what was assumed'
    """
    if not moved:
        return "the data did not move it: this is still what was assumed"
    way = f"moved {'up' if up else 'down'}" if shift > SHIFTED else "stayed near what was assumed"
    surer = f"its spread is {percent(share)} of what it was" if share < AS_WIDE else "no surer than before"
    return f"{way}; {surer}"


def _learned(assessment: Assessment) -> Iterator[_Number]:
    prior, learned = assessment.gridded.prior, assessment.gridded.prior.learned
    drawn = assessment.posterior.draws_taken.hyper
    strikes = drawn.strikes.sum(axis=1)
    if learned.strikes is not None:
        yield _gamma(
            "strikes_per_km2",
            "strikes without a record",
            learned.strikes,
            prior.strikes_per_km2,
            strikes,
        )
    if learned.items is not None:
        middle = prior.items_per_strike * math.exp(-(learned.items**2) / 2)
        yield _log_normal(
            "items_per_strike",
            "items that a strike left, on average",
            "items",
            learned.items,
            middle,
            drawn.shape / drawn.rate,
        )
    if learned.shape is not None:
        yield _log_normal(
            "items_shape", "shape of items per strike", "", learned.shape, prior.items_shape, drawn.shape
        )
    if learned.background is not None:
        yield _gamma(
            "background_per_km2",
            "single items",
            learned.background,
            prior.background_per_km2,
            drawn.background,
        )
    if learned.footprints is not None:
        yield from _weights(assessment, learned.footprints, drawn.strikes / strikes[:, None])
    searches = assessment.gridded.searches
    for m, method in enumerate(() if searches is None else searches.methods):
        if method.certainty is None:
            continue
        found, laid = method.seeded
        note = f"; {found} of {laid} laid-out items found" if laid else ""
        reports = searches is not None and m == searches.reports
        name = "chance that residents report an item near them" if reports else f"detection, {method.name}"
        key = "reporting_probability" if reports else f"detection.{method.name}"
        yield _beta(key, name, *method.beta, drawn.detection[:, m], note)


def _gamma(key: str, name: str, shape: float, mean: float, draws: Array) -> _Number:
    low, middle, high = (
        float(value) for value in stats.gamma(shape, scale=mean / shape).ppf(np.array(LEVELS))
    )
    return _Number(
        key, name, "per km²", (low, middle, high), math.sqrt(float(polygamma(1, shape))), draws, True
    )


def _log_normal(key: str, name: str, unit: str, spread: float, middle: float, draws: Array) -> _Number:
    low, half, high = (middle * math.exp(spread * float(stats.norm.ppf(level))) for level in LEVELS)
    return _Number(key, name, unit, (low, half, high), spread, draws, True)


def _beta(key: str, name: str, alpha: float, beta: float, draws: Array, note: str = "") -> _Number:
    believed = stats.beta(alpha, beta)
    low, middle, high = (float(value) for value in believed.ppf(np.array(LEVELS)))
    return _Number(key, name, "", (low, middle, high), float(believed.std()), draws, False, note)


def _weights(assessment: Assessment, sure: float, weights: Array) -> Iterator[_Number]:
    """Weights by size of footprint; sums of a Dirichlet's shares are Beta."""
    shapes = assessment.posterior.footprints
    base = np.array([shape.weight for shape in shapes])
    base = base / base.sum()
    sizes = [(shape.sigma_major_m, shape.sigma_minor_m) for shape in shapes]
    for size in sorted(set(sizes)):
        of = np.array([one == size for one in sizes])
        share = float(base[of].sum())
        if 0 < share < 1:
            words = f"share of strikes of {number(size[0])} × {number(size[1])} m"
            key = f"footprints.{size[0]:g}x{size[1]:g}"
            yield _beta(key, words, sure * share, sure * (1 - share), weights[:, of].sum(axis=1))


def _fixed(assessment: Assessment) -> Iterator[dict[str, Any]]:
    """Numbers that the profile holds fixed."""
    prior, learned = assessment.gridded.prior, assessment.gridded.prior.learned
    given: Mapping[str, tuple[float | None, str, str, float]] = {
        "strikes_per_km2": (
            learned.strikes,
            "strikes without a record",
            "per km²",
            prior.strikes_per_km2,
        ),
        "items_per_strike": (
            learned.items,
            "items that a strike left, on average",
            "items",
            prior.items_per_strike,
        ),
        "items_shape": (learned.shape, "shape of items per strike", "", prior.items_shape),
        "background_per_km2": (learned.background, "single items", "per km²", prior.background_per_km2),
    }
    for key, (unsure, name, unit, value) in given.items():
        if unsure is None:
            yield {
                **{"key": key, "name": name, "unit": unit, "learned": False, "moved": False},
                **{"prior_low": value, "prior_median": value, "prior_high": value, "width_share": None},
                **{"low": value, "median": value, "high": value},
                "words": "fixed by the profile",
            }


def prior(assessment: Assessment) -> list[dict[str, str]]:
    """The beliefs that the fit began with, in words, each with the profile's source."""
    believed, given = assessment.gridded.prior, assessment.profile
    source = given.value_sources
    sizes = sorted({(one.sigma_major_m, one.sigma_minor_m) for one in believed.footprints})
    shapes = ", ".join(f"{number(major)} × {number(minor)} m" for major, minor in sizes)
    rows = [
        (
            "strikes without a record",
            f"{number(believed.strikes_per_km2)} per km²",
            source.get("strikes_per_km2"),
        ),
        (
            "items that a strike left",
            f"{number(believed.items_per_strike)} on average",
            source.get("items_per_strike"),
        ),
        ("shape of items per strike", number(believed.items_shape), source.get("items_shape")),
        ("single items", f"{number(believed.background_per_km2)} per km²", source.get("background_per_km2")),
        (
            "footprints (standard deviations)",
            f"{len(believed.footprints)} shapes: {shapes}",
            "; ".join(dict.fromkeys(shape.source for shape in given.footprints)),
        ),
    ]
    if given.removed_share:
        words = f"{percent(given.removed_share)} of each strike's items, already taken off the numbers above"
        rows.append(("items removed without a record", words, source.get("removed_share")))
    if believed.recorded:
        errors = _range([one.position_error_m for one in believed.recorded])
        credible = _range([one.credibility for one in believed.recorded])
        words = f"{len(believed.recorded)}, place known to {errors} m, credibility {credible}"
        rows.append(("strike records", words, "the inputs, and the profile where they say nothing"))
    return [{"name": name, "value": value, "source": words or "assumed"} for name, value, words in rows]


def _range(values: list[float]) -> str:
    low, high = min(values), max(values)
    return number(low) if low == high else f"{number(low)} to {number(high)}"
