"""A district's numbers beside what was believed before: rows of plain values, and the table a terminal shows.

Reads   a `District` of the model, the profile it began from
Gives   `numbers`: a row for each number; `table`: the rows as lines
Knows   which value of a profile each number is; nothing of files
Start   at `numbers`
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from fadeout.jobs.phrasing import number
from fadeout.jobs.searching import REPORTS
from fadeout.model import Method
from fadeout.model.district import SCALE_SPREAD, District, Weighed
from fadeout.model.pooling import Pooled
from fadeout.records.profile import Profile

Array = NDArray[np.float64]
Quantiles = tuple[float, float, float]

LEVELS = (0.05, 0.5, 0.95)
SHARES = ("footprints.", "detection.", "reporting_", "default_")  # compared as they are; others by logarithms
AS_WIDE = 0.9  # a distribution at least so wide as a share of what it was taught nothing (assumed) ...
SHIFTED = 0.5  # ... unless its middle moved by this share of half the 90 % interval of before (assumed)


def numbers(learned: District, profile: Profile, pooled: Pooled) -> list[dict[str, Any]]:
    """Give a row for each number: 5, 50 and 95 % points before and after, and whether the areas moved it."""
    prior = pooled.posterior.prior
    kept = 1.0 - profile.removed_share
    strikes, items = prior.learned.strikes or 1.0, prior.learned.items or 1e-9
    mean, shape = learned.strikes
    rows = [
        _row(
            *("strikes_per_km2", "strikes without a record, in the next area", "per km²"),
            _of(stats.gamma(strikes, scale=prior.strikes_per_km2 / strikes)),
            _of(stats.gamma(shape, scale=mean / shape)),
        ),
        _row(
            *("items_per_strike", "items that a strike left, on average", "items"),
            _of(stats.lognorm(items, scale=prior.items_per_strike * math.exp(-(items**2) / 2)), 1 / kept),
            _points(learned.items, 1 / kept),
        ),
        _row(
            *("items_shape", "shape of items per strike", ""),
            _of(stats.lognorm(prior.learned.shape or 1e-9, scale=prior.items_shape)),
            _points(learned.shape),
        ),
    ]
    if prior.learned.background is not None:
        sure = prior.learned.background
        rows.append(
            _row(
                *("background_per_km2", "single items of no strike", "per km²"),
                _of(stats.gamma(sure, scale=prior.background_per_km2 / sure)),
                _points(learned.background),
            )
        )
    return [*rows, *_footprints(learned, pooled), *_detections(learned, pooled), *_records(learned, profile)]


def groups(pooled: Pooled) -> tuple[list[tuple[float, float, str]], NDArray[np.int64]]:
    """Give the sizes and kinds of footprints, and which of them each shape has; bearings are put together."""
    shapes = pooled.posterior.footprints
    kinds = [(one.sigma_major_m, one.sigma_minor_m, one.kind) for one in shapes]
    sizes = sorted(set(kinds))
    return sizes, np.array([sizes.index(kind) for kind in kinds], dtype=np.int64)


def _footprints(learned: District, pooled: Pooled) -> Iterator[dict[str, Any]]:
    sure = pooled.posterior.prior.learned.footprints
    sizes, group = groups(pooled)
    if sure is None or len(sizes) < 2:
        return
    base = pooled.posterior.lattice.weights
    for g, (major, minor, kind) in enumerate(sizes):
        share = float(base[group == g].sum())
        draws = Weighed(learned.weight_draws[:, group == g].sum(axis=1), learned.draw_weights)
        if 0 < share < 1:
            yield _row(
                f"footprints.{major:g}x{minor:g}.{kind}",
                f"share of strikes of {number(major)} × {number(minor)} m, {kind}",
                "",
                _of(stats.beta(sure * share, sure * (1 - share))),
                _points(draws),
            )


def _detections(learned: District, pooled: Pooled) -> Iterator[dict[str, Any]]:
    methods: Mapping[str, Method] = {one.name: one for one in pooled.posterior.searched.methods}
    for name, after in learned.detection:
        reports = name == REPORTS
        words = "chance that residents report an item near them" if reports else f"detection, {name}"
        key = "reporting_probability" if reports else f"detection.{name}"
        yield _row(key, words, "", _of(stats.beta(*methods[name].beta)), _points(after))


def _records(learned: District, profile: Profile) -> Iterator[dict[str, Any]]:
    if learned.credible is None or learned.scale is None:
        return
    yield _row(
        *("default_credibility", "chance that a strike record is true", ""),
        _of(stats.uniform()),
        _points(learned.credible),
    )
    factor = profile.position_error_factor
    yield _row(
        *("position_error_factor", "position errors of records, times as stated", ""),
        _of(stats.lognorm(SCALE_SPREAD, scale=factor)),
        _points(learned.scale, factor),
    )


def _of(believed: Any, factor: float = 1.0) -> Quantiles:
    low, middle, high = (factor * float(value) for value in believed.ppf(LEVELS))
    return low, middle, high


def _points(after: Weighed, factor: float = 1.0) -> Quantiles:
    low, middle, high = (factor * after.quantile(level) for level in LEVELS)
    return low, middle, high


def _row(key: str, name: str, unit: str, before: Quantiles, after: Quantiles) -> dict[str, Any]:
    share, shift = _moved(before, after) if key.startswith(SHARES) else _moved(_logs(before), _logs(after))
    moved = share < AS_WIDE or abs(shift) > SHIFTED
    digits: Callable[[float], float] = lambda value: float(f"{value:.4g}")  # noqa: E731
    names = ("prior_low", "prior_median", "prior_high", "low", "median", "high")
    return {
        "key": key,
        "name": name,
        "unit": unit,
        **dict(zip(names, map(digits, (*before, *after)), strict=True)),
        "width_share": digits(share),
        "moved": moved,
        "words": _words(share, shift, moved),
    }


def _logs(points: Quantiles) -> Quantiles:
    low, middle, high = (math.log(max(value, 1e-12)) for value in points)
    return low, middle, high


def _moved(before: Quantiles, after: Quantiles) -> tuple[float, float]:
    """Width as a share of what it was, and how far the middle moved in halves of the width before."""
    wide = max(before[2] - before[0], 1e-300)
    return (after[2] - after[0]) / wide, 2 * (after[1] - before[1]) / wide


def _words(share: float, shift: float, moved: bool) -> str:
    """Say what happened to one number.

    Examples
    --------
    >>> _words(0.95, 0.1, False), _words(0.5, 0.8, True)
    ('the areas did not move it: still what was assumed', 'moved up, narrower')
    """
    if not moved:
        return "the areas did not move it: still what was assumed"
    way = f"moved {'up' if shift > 0 else 'down'}" if abs(shift) > SHIFTED / 2 else "stayed"
    return f"{way}, {'narrower' if share < AS_WIDE else 'no surer' if share < 1 / AS_WIDE else 'wider'}"


def table(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Give the rows as lines of one width: name, before, after, what happened."""
    cells = [
        (
            f"{row['name']}{', ' + row['unit'] if row['unit'] else ''}",
            _range(row, "prior_"),
            _range(row, ""),
            row["words"],
        )
        for row in rows
    ]
    head = ("median (90 %)", "believed before", "district", "")
    wide = [max(len(row[n]) for row in (head, *cells)) for n in range(3)]
    return [
        "  ".join([*(text.ljust(width) for text, width in zip(row, wide, strict=False)), row[3]]).rstrip()
        for row in (head, *cells)
    ]


def _range(row: Mapping[str, Any], which: str) -> str:
    low, middle, high = (number(row[f"{which}{name}"], 2) for name in ("low", "median", "high"))
    return f"{middle} ({low} to {high})"
