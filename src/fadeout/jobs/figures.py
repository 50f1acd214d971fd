"""Every figure of an assessment as one dictionary of plain values: what summary.json holds and the report says.

Reads   an `Assessment`
Gives   `summary` and `rounded`; docs/reference/outputs.md lists the keys and what is promised of them
Knows   the names and units of figures; nothing of files, maps or pages
Start   at `summary`

Same inputs and same seed give the same dictionary: nothing here depends on the clock or on folders.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely
from numpy.typing import NDArray

from fadeout.jobs import ground, sentences
from fadeout.jobs.taught import prior, taught
from fadeout.model.completion import Completion, accept_on_zero
from fadeout.records import places

if TYPE_CHECKING:
    from fadeout.jobs.assessment import Assessment

SCHEMA = "fadeout-summary/1"
DIGITS = 6  # significant digits kept, but never fewer than DECIMALS decimals
DECIMALS = 2
DEGREE_DECIMALS = 7  # of lon and lat: about 1 cm
LEVEL = 0.9  # of every interval
CLEAR_SHARE = 0.99  # share of boxes that accept-on-zero sampling is to show clear (assumed)
GROUNDS = {
    "outside": "Ground outside the hazardous area",
    "all": "All assessed ground",
    "inside": "Ground inside the hazardous area",
}
Mask = NDArray[np.bool_]


def summary(assessment: Assessment) -> dict[str, Any]:
    """Give every figure of an assessment, rounded, under keys that stay.

    Parameters
    ----------
    assessment : Assessment
        Finished.

    Returns
    -------
    dict
        JSON values only; None where a figure does not exist or is not finite. Totals are medians with a
        90 % interval; "expected" names means, which may be added up. Areas are areas of the flat CRS.
    """
    info = assessment.info
    figures: dict[str, Any] = {
        "schema": SCHEMA,
        "title": info.title,
        "stamp": assessment.survey.stamp,
        "stamps": stamps(assessment),
        "simulated": assessment.survey.simulated,
        "information_date": info.information_date,
        "version": info.version,
        "seed": info.seed,
        "command": info.command,
        "python": info.python,
        "versions": dict(info.versions),
        "checks": checks(assessment),
        "diagnostics": diagnostics(assessment),
        "area": area(assessment),
        "found": found(assessment),
        "remaining": remaining(assessment),
        "hazardous_area": hazardous_area(assessment),
        "next_boxes": next_boxes(assessment),
        "completion": completion(assessment),
        "depth": depth(assessment),
        "accept_on_zero": sampling(assessment),
        "strikes": strikes(assessment),
        "sensitivity": sensitivity(assessment),
        "prior": prior(assessment),
        "taught": taught(assessment),
        "profile": profile(assessment),
        "sources": [
            {"file": one.file, "sha256": one.sha256, "layers": list(one.layers)}
            for one in assessment.survey.sources
        ],
        "notes": list(dict.fromkeys((*assessment.survey.notes, *assessment.gridded.notes))),
        "truth": None if assessment.truth is None else dict(assessment.truth),
    }
    plain: dict[str, Any] = rounded(figures)
    plain["sentences"] = {
        "we_know": sentences.what_we_know(plain),
        "we_do_not_know": sentences.what_we_do_not_know(plain),
        "next": sentences.what_to_do_next(plain),
    }
    return plain


def rounded(value: Any, key: str = "") -> Any:
    """Give plain JSON values: floats to six significant digits or 0.01, whichever is finer; NaN becomes None.

    Examples
    --------
    >>> rounded({"p": 0.123456789, "x": 712345.6789, "lon": 107.12345678, "n": (1, float("nan"))})
    {'p': 0.123457, 'x': 712345.68, 'lon': 107.1234568, 'n': [1, None]}
    """
    if isinstance(value, Mapping):
        return {str(name): rounded(one, str(name)) for name, one in value.items()}
    if isinstance(value, list | tuple | np.ndarray):
        return [rounded(one, key) for one in value]
    if isinstance(value, bool | np.bool_):
        return bool(value)
    if isinstance(value, int | np.integer):
        return int(value)
    if isinstance(value, float | np.floating):
        return _rounded_float(float(value), key)
    return value


def _rounded_float(value: float, key: str) -> float | None:
    if not math.isfinite(value):
        return None
    if key in ("lon", "lat"):
        return round(value, DEGREE_DECIMALS)
    if value == 0:
        return 0.0
    decimals = DIGITS - 1 - math.floor(math.log10(abs(value)))
    return round(value, max(decimals, DECIMALS)) + 0.0


# ---- what was checked, searched, found --------------------------------------------------------


def stamps(assessment: Assessment) -> list[str]:
    """The words that stand on every product: what was simulated or is a test, and checks that failed."""
    marks = [assessment.survey.stamp] if assessment.survey.stamp else []
    if not assessment.verdict.passed:
        failed = ", ".join(check.name for check in assessment.verdict.checks if not check.passed)
        marks.append(f"CHECKS FAILED: {failed or 'see the report'}. Do not decide on these figures.")
    return marks


def checks(assessment: Assessment) -> dict[str, Any]:
    """The verdict on the fit and each check in words."""
    items = [
        {"name": check.name, "passed": check.passed, "words": check.words, "note": check.note}
        for check in assessment.verdict.checks
    ]
    return {"passed": assessment.verdict.passed, "words": assessment.verdict.words, "items": items}


def diagnostics(assessment: Assessment) -> dict[str, Any]:
    """How well the chains agree."""
    told = assessment.posterior.diagnostics
    names = (
        "r_hat_total",
        "ess_total",
        "r_hat_strikes",
        "ess_strikes",
        "chains",
        "sweeps",
        "converged",
        "words",
    )
    return {name: getattr(told, name) for name in names}


def area(assessment: Assessment) -> dict[str, Any]:
    """The assessed ground: how much was searched, how much never was, and the grid laid over it."""
    survey, gridded = assessment.survey, assessment.gridded
    done = [one.ground for one in survey.searched if one.outcome != "not_searchable"]
    searched = shapely.intersection(shapely.union_all(done), survey.area)
    excluded = shapely.intersection(survey.excluded or shapely.Polygon(), survey.area)
    bare = shapely.difference(survey.area, shapely.union(searched, excluded))
    return {
        "assessed_m2": survey.area.area,
        "searched_m2": searched.area,
        "not_searched_m2": bare.area,
        "excluded_m2": excluded.area,
        "assumed": survey.area_assumed,
        "crs": survey.crs,
        "crs_name": places.crs_of(survey.crs).name,
        "cell_m": gridded.grid.cell_m,
        "box_side_m": gridded.side_cells * gridded.grid.cell_m,
        "rows": gridded.grid.rows,
        "cols": gridded.grid.cols,
        "west": gridded.west,
        "north": gridded.north,
    }


def found(assessment: Assessment) -> dict[str, int]:
    """Evidence by kind, and what was searched. Only items enter the estimate."""
    survey = assessment.survey

    def count(kind: str) -> int:
        return sum(point.kind == kind for point in survey.evidence)

    items = [point for point in survey.evidence if point.kind == "item"]
    return {
        "items": sum(point.count for point in items),
        "item_points": len(items),
        "opportunistic": sum(point.count for point in items if point.how == "opportunistic"),
        "fragments": count("fragment"),
        "accidents": count("accident"),
        "reports": count("report"),
        "strike_records": sum(not one.duplicate_of for one in survey.strikes),
        "duplicate_records": sum(bool(one.duplicate_of) for one in survey.strikes),
        "searched_areas": sum(one.outcome != "not_searchable" for one in survey.searched),
        "stopped_boxes": sum(one.outcome == "stopped_at_find" for one in survey.searched),
    }


# ---- what remains, and where ------------------------------------------------------------------


def remaining(assessment: Assessment) -> dict[str, Any]:
    """Items remaining in the assessed ground: median with interval, and the parts that add up to the mean."""
    posterior, here = assessment.posterior, assessment.gridded.assessed
    low, median, high = assessment.total_interval
    inside = here & assessment.area.cells
    unseen = posterior.expected_undetected + posterior.expected_background
    return {
        "median": median,
        "low": low,
        "high": high,
        "level": LEVEL,
        "expected": posterior.expected_remaining_in(here),
        "known": float(posterior.expected_known[here].sum()),
        "undetected": float(posterior.expected_undetected[here].sum()),
        "background": float(posterior.expected_background[here].sum()),
        "inside": posterior.expected_remaining_in(inside),
        "outside": posterior.expected_remaining_in(here & ~inside),
        "unexplored": float(unseen[here & ~inside].sum()),
        "p_none": assessment.completion_all.p_none,
    }


def hazardous_area(assessment: Assessment) -> dict[str, Any]:
    """The area as drawn, what it leaves out, and its parts with their ids."""
    drawn, posterior = assessment.area, assessment.posterior
    parts = [
        {
            "id": name,
            "area_m2": shape.area,
            "expected_remaining": float(posterior.expected_remaining[cells_of(shape, assessment)].sum()),
        }
        for name, shape in ground.hazard_parts(assessment)
    ]
    names = (
        *(
            "area_m2",
            "share_left_out",
            "confidence",
            "asked_share",
            "asked_confidence",
            "fadeout_m",
            "reach_m",
        ),
        *("expected_inside", "expected_outside", "expected_unexplored", "met", "words"),
    )
    return {"status": "SHA", "parts": parts, **{name: getattr(drawn, name) for name in names}}


def cells_of(shape: shapely.Polygon, assessment: Assessment) -> Mask:
    """The cells of the hazardous area that lie in one of its parts."""
    rows, cols = np.nonzero(assessment.area.cells)
    x, y = ground.centre(rows, cols, assessment.gridded)  # type: ignore[arg-type]
    held = shapely.contains_xy(shape, x, y)
    mask = np.zeros(assessment.area.cells.shape, dtype=bool)
    mask[rows[held], cols[held]] = True
    return mask


def next_boxes(assessment: Assessment) -> list[dict[str, Any]]:
    """The boxes to search, best first, with their centres in every notation."""
    gridded, names = assessment.gridded, ground.recorded_ids(assessment)
    half = (gridded.side_cells - 1) / 2
    centres = [ground.centre(box.row + half, box.col + half, gridded) for box in assessment.boxes]
    rows = []
    for box, place in zip(assessment.boxes, ground.references(centres, gridded.crs), strict=True):
        record = "" if box.record is None else names[box.record]
        reason = box.reason
        if record and box.record is not None:
            reason = reason.replace(f"strike record {box.record + 1}:", f"strike record {record}:")
        rows.append(
            {
                "rank": box.rank,
                **vars(place),
                "side_m": box.side_cells * gridded.grid.cell_m,
                "p_find": box.p_find,
                "expected_remaining": box.expected_remaining,
                "aim": box.aim,
                "reason": reason,
                "record": record or None,
            }
        )
    return rows


def strikes(assessment: Assessment) -> list[dict[str, Any]]:
    """Strikes with finds, then strike records: where, how sure, how many items are left."""
    gridded, posterior = assessment.gridded, assessment.posterior
    side = gridded.grid.cell_m
    estimates, recorded = posterior.strikes(), gridded.prior.recorded
    spots = [ground.centre(one.row, one.col, gridded) for one in estimates]
    spots += [ground.centre(one.row, one.col, gridded) for one in recorded]
    places_of = ground.references(spots, gridded.crs)
    rows: list[dict[str, Any]] = []
    for rank, (one, place) in enumerate(zip(estimates, places_of, strict=False), start=1):
        shape = posterior.footprints[one.footprint]
        rows.append(
            {
                "id": f"strike-{rank}",
                "kind": "with finds",
                **vars(place),
                "finds": one.finds,
                "expected_remaining": one.expected_remaining,
                "probability": one.probability,
                "sd_x_m": one.col_sd * side,
                "sd_y_m": one.row_sd * side,
                "sigma_major_m": shape.sigma_major_m,
                "sigma_minor_m": shape.sigma_minor_m,
                "bearing_deg": shape.bearing_deg,
            }
        )
    names, chances = ground.recorded_ids(assessment), posterior.recorded_probability
    for name, one_record, chance, place in zip(
        names, recorded, chances, places_of[len(estimates) :], strict=True
    ):
        rows.append(
            {
                "id": name,
                "kind": "record",
                **vars(place),
                "finds": None,
                "expected_remaining": None,
                "probability": float(chance),
                "sd_x_m": one_record.position_error_m,
                "sd_y_m": one_record.position_error_m,
                "sigma_major_m": None,
                "sigma_minor_m": None,
                "bearing_deg": None,
            }
        )
    return rows


# ---- when to stop -----------------------------------------------------------------------------


def completion(assessment: Assessment) -> list[dict[str, Any]]:
    """What is known of the ground outside the area, of all of it, and of the ground inside."""
    told: dict[str, Completion | None] = {
        "outside": assessment.completion,
        "all": assessment.completion_all,
        "inside": assessment.completion_inside,
    }
    names = (
        *("p_none", "prior_p_none", "expected", "median", "required", "met", "searched", "passes_needed"),
        *("p_none_after", "detection", "words"),
    )
    return [
        {
            "ground": key,
            "name": GROUNDS[key],
            "low": one.interval[0],
            "high": one.interval[1],
            **{name: getattr(one, name) for name in names},
            **odds(one.prior_p_none, one.p_none),
            "prior_suffices": one.prior_p_none >= one.required,
        }
        for key, one in told.items()
        if one is not None
    ]


def odds(before: float, after: float) -> dict[str, float]:
    """Odds that anything is there, before any search and now, and the Bayes factor between them; inf where certain.

    Examples
    --------
    >>> {name: round(value, 3) for name, value in odds(0.5, 0.8).items()}
    {'prior_odds': 1.0, 'bayes_factor': 0.25, 'posterior_odds': 0.25}
    """
    first, last = ((1.0 - p) / p if p > 0 else math.inf for p in (before, after))
    factor = last / first if 0 < first < math.inf else math.nan
    return {"prior_odds": first, "bayes_factor": factor, "posterior_odds": last}


def depth(assessment: Assessment) -> dict[str, Any]:
    """The depth down to which the estimate speaks, and how many searches are said not to have reached it."""
    asked, profile = assessment.profile.depth_cm, assessment.profile
    shallow = 0
    for one in assessment.survey.searched:
        method = profile.method(one.method)
        reached = one.depth_cm if one.depth_cm is not None else method.depth_cm if method else None
        shallow += one.outcome != "not_searchable" and reached is not None and reached < asked
    return {"depth_cm": asked, "shallower_searches": shallow}


def sampling(assessment: Assessment) -> dict[str, Any]:
    """Accept-on-zero sampling of the boxes outside the hazardous area, beside the estimate.

    A box counts if at least half of it is assessed ground outside the area.
    """
    gridded = assessment.gridded
    side = gridded.side_cells
    outside = gridded.assessed & ~assessment.area.cells & ~gridded.excluded
    high, wide = (length // side for length in outside.shape)
    blocks = outside[: high * side, : wide * side].reshape(high, side, wide, side).sum(axis=(1, 3))
    boxes = int((blocks * 2 >= side * side).sum())
    sure = assessment.profile.completion_required
    return {
        "ground": "outside",
        "boxes": boxes,
        "sample": accept_on_zero(boxes, CLEAR_SHARE, sure) if boxes else 0,
        "share": CLEAR_SHARE,
        "confidence": sure,
    }


# ---- what was believed ------------------------------------------------------------------------


def sensitivity(assessment: Assessment) -> list[dict[str, Any]]:
    """The same figures under other priors."""
    return [
        {
            "name": row.name,
            "expected": row.expected_remaining,
            "low": row.interval[0],
            "high": row.interval[1],
            "area_m2": row.area_m2,
            "p_none_outside": row.p_none_outside,
        }
        for row in assessment.sensitivity
    ]


def profile(assessment: Assessment) -> dict[str, Any]:
    """The profile: every value and where it came from; of munitions only those that a strike record names."""
    given = assessment.profile
    named = {id(given.munition(one.munition)) for one in assessment.survey.strikes if one.munition}
    used = {
        f"items_by_munition.{key}" for key, items in given.items_by_munition.items() if id(items) in named
    }
    rows = [
        {"name": name, "value": value, "source": words}
        for name, value, words in given.sources()
        if name in used or not name.startswith("items_by_munition.")
    ]
    return {"name": given.name, "version": given.version, "digest": given.digest, "rows": rows}
