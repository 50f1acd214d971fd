"""An estimate brought up to date with what was searched and found since a run, without a refit.

Reads   a run's folder with its kept estimate; the survey as it is now, old records and new ones together
Gives   a folder with maps, next boxes and figures of a running estimate
Knows   which records are new, and what an update leaves as it was; the estimate is the work of `model/running.py`
Start   at `update`

New are searches and finds whose id the run did not have. All others must be as they were, and so must the area and the
strike records: what changes them asks for an assessment.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from fadeout.errors import InputRefused, Problem
from fadeout.exchange import geopackage, rasters, waypoints
from fadeout.exchange.rasters import Band
from fadeout.exchange.waypoints import Place
from fadeout.jobs import gridding, ground, intake, kept, overlay, phrasing, products, runs, searching
from fadeout.jobs.gridding import Gridded
from fadeout.jobs.intake_checks import effective
from fadeout.jobs.kept import Kept
from fadeout.model.running import Estimate, Next, Running
from fadeout.records import places
from fadeout.records import profile as profiles
from fadeout.records.kinds import Survey
from fadeout.records.profile import Profile

SCHEMA = f"{runs.MARK}/update-1"
NOT_REDONE = (
    "The outline of the hazardous area, the sensitivity to other assumptions and the checks are those of the fit.",
    "Numbers that were learned follow the new data only by the weights of a few states.",
    "A repeat of a search counts as a pass of its own.",
)


@dataclass(frozen=True)
class Request:
    """What a person asks for."""

    run: Path
    inputs: tuple[Path, ...]
    out: Path
    profile: str | None = None
    column_map: Path | None = None
    crs: str | None = None
    order: str = "auto"
    stamp: str = ""
    seed: int = 1


@dataclass(frozen=True)
class Outcome:
    """The figures of an update, and what to tell."""

    summary: Mapping[str, Any]
    words: tuple[str, ...]


def update(request: Request, *, now: datetime) -> Outcome:
    """Take new searches and finds into a run's estimate; write maps, next boxes and figures.

    Raises
    ------
    InputRefused
        If the run kept no estimate, its records changed, or a new find has no searched ground; nothing is written.
    """
    with runs.folder(request.out, inputs=(*request.inputs, request.run / kept.FILE)) as folder:
        before = kept.read(request.run)
        profile = profiles.load(request.profile)
        survey = _survey(request, profile, before, now)
        gridded = gridding.to_grid(survey, profile, before.facts["cell_m"])
        _check_same(before, profile, survey, gridded)
        running = _begin(before, profile, request.seed)
        added = _take_in(running, before, profile, survey, gridded)
        estimate = running.estimate(profile.next_boxes)
        summary = _summary(before, survey, gridded, estimate, added, request, now)
        _write(before, gridded, running, estimate, summary, folder)
        runs.seal(summary["created_at"], request.seed, folder)
    return Outcome(summary, _in_words(summary, request.out))


def _survey(request: Request, profile: Profile, before: Kept, now: datetime) -> Survey:
    return intake.read_survey(
        request.inputs,
        profile=profile,
        today=now.date(),
        column_map=request.column_map,
        crs=request.crs,
        order=request.order,
        metric_crs=before.facts["crs"],
        stamp=request.stamp or before.facts["stamp"],
    )


# ---- what must be as it was


def _check_same(before: Kept, profile: Profile, survey: Survey, gridded: Gridded) -> None:
    """Refuse an update where anything but searches and finds was added."""
    facts = before.facts
    searched = {one.id: kept.fingerprint(one) for one in survey.searched}
    old = Counter(zip(facts["find_ids"], map(tuple, before.posterior.finds.tolist()), strict=True))
    now = Counter(zip(gridded.find_ids, map(tuple, gridded.finds.tolist()), strict=True))
    frame = (gridded.grid.shape, gridded.west, gridded.north)
    same = {
        "the profile": profile.digest == facts["profile_digest"],
        "the area": frame == (before.posterior.grid.shape, facts["west"], facts["north"])
        and np.array_equal(gridded.assessed, before.assessed)
        and np.array_equal(gridded.excluded, before.posterior.excluded),
        "the strike records": kept.prior_told(gridded.prior) == facts["prior"],
        "a searched area": all(searched.get(name) == told for name, told in facts["searched"].items()),
        "a find": not old - now,
    }
    changed = [name for name, unchanged in same.items() if not unchanged]
    if changed:
        message = f"not only searches and finds were added since the run: {' and '.join(changed)} changed"
        remedy = "give all records of the run as they were, with an area layer, or run `fadeout assess`"
        raise InputRefused([Problem("update.changed", message, remedy)])


# ---- taking in


def _begin(before: Kept, profile: Profile, seed: int) -> Running:
    inside = before.area & before.assessed
    regions = {"assessed": before.assessed, "outside": before.assessed & ~inside, "inside": inside}
    return Running.begin(
        before.posterior,
        regions={name: mask for name, mask in regions.items() if mask.any()},
        side_cells=before.facts["side_cells"],
        detection=before.facts["detection"],
        allowed=before.assessed,
        seed=seed,
    )


def _take_in(
    running: Running, before: Kept, profile: Profile, survey: Survey, gridded: Gridded
) -> dict[str, Any]:
    """Take in new searches in order of date, with their finds, then what was found elsewhere; say what was new."""
    facts = before.facts
    learned = [method["name"] for method in facts["methods"]]
    frame = overlay.Frame(
        gridded.west, gridded.north, gridded.grid.cell_m, gridded.grid.rows, gridded.grid.cols
    )
    known = Counter(facts["find_ids"])
    new: list[int] = []
    for n, name in enumerate(gridded.find_ids):
        known[name] -= 1
        new += [n] if known[name] < 0 else []
    fresh = [i for i, one in enumerate(survey.searched) if one.id not in facts["searched"] and effective(one)]
    fresh.sort(key=lambda i: (survey.searched[i].searched_on is None, survey.searched[i].searched_on, i))
    left = set(new)
    methods = gridded.searches.methods if gridded.searches is not None else ()
    for i in fresh:
        one = survey.searched[i]
        mine = [n for n in new if gridded.find_search[n] == i]
        stopped = one.outcome == "stopped_at_find"
        number = int(gridded.method_of[i])
        name = methods[number].name if number >= 0 else ""
        way: dict[str, Any] = (
            {"method": learned.index(name)} if name in learned else {"detection": one.detection}
        )
        if stopped:
            share = gridded.stopped[gridded.stopped_ids.index(one.id)].mask.astype(np.float64)
        else:
            share = searching.search_ground(replace(survey, searched=(one,)), profile, frame).share
            share = np.where(gridded.excluded, 0.0, share * one.share_searched)
        cells = [(int(row), int(col)) for row, col in gridded.finds[mine]]
        _try(lambda s=share, c=cells, w=way, p=stopped: running.add_box(s, finds=c, stopped=p, **w))
        left -= set(mine)
    for n in sorted(left):
        row, col = (int(v) for v in gridded.finds[n])
        _try(lambda r=row, c=col: running.add_find(r, c))
    return {"searches": [survey.searched[i].id for i in fresh], "finds": len(new)}


def _try(step: Any) -> None:
    try:
        step()
    except ValueError as error:
        raise InputRefused([Problem("update.refused", str(error), "run `fadeout assess`")]) from error


# ---- what is told


def _summary(
    before: Kept,
    survey: Survey,
    gridded: Gridded,
    estimate: Estimate,
    added: Mapping[str, Any],
    request: Request,
    now: datetime,
) -> dict[str, Any]:
    facts = before.facts
    since = f"RUNNING ESTIMATE since the fit of {facts['created_at'][:10]}"
    boxes = [_box(one, gridded) for one in estimate.next_boxes]
    return {
        "schema": SCHEMA,
        "title": facts["title"],
        "version": version("fadeout"),
        "created_at": now.astimezone(UTC).isoformat(timespec="seconds"),
        "fitted_at": facts["created_at"],
        "seed": request.seed,
        "stamps": [since, *([survey.stamp] if survey.stamp else [])],
        "added": dict(added),
        "not_redone": list(NOT_REDONE),
        "refit_due": estimate.stale,
        "remaining": {
            name: {
                "expected": stated.expected,
                "low": stated.interval[0],
                "high": stated.interval[1],
                "p_none": stated.p_none,
            }
            for name, stated in estimate.regions.items()
        },
        "next_boxes": boxes,
    }


def _box(one: Next, gridded: Gridded) -> dict[str, Any]:
    side = gridded.grid.cell_m
    half = (one.side_cells - 1) / 2
    (there,) = ground.references([ground.centre(one.row + half, one.col + half, gridded)], gridded.crs)
    return {
        "rank": one.rank,
        "p_find": one.p_find,
        "expected_remaining": one.expected_remaining,
        "side_m": one.side_cells * side,
        "row": one.row,
        "col": one.col,
        **{name: getattr(there, name) for name in ("x", "y", "lon", "lat", "utm", "mgrs")},
    }


def _write(
    before: Kept,
    gridded: Gridded,
    running: Running,
    estimate: Estimate,
    summary: Mapping[str, Any],
    folder: Path,
) -> None:
    """Write hazard.tif, next_boxes.gpx and .kml, and summary.json."""
    stamp, title = " | ".join(summary["stamps"]), summary["title"]

    def here(values: NDArray[Any]) -> NDArray[np.float64]:
        return np.where(before.assessed, values, np.nan)

    side = phrasing.number(gridded.grid.cell_m)
    rasters.write(
        folder / "hazard.tif",
        [
            Band(
                "expected_remaining",
                f"expected items left in a cell of {side} m",
                here(estimate.expected_remaining),
            ),
            Band(
                "p_any", "chance that at least one item is left in the cell", here(estimate.p_any_remaining)
            ),
            Band(
                "searched_since",
                "share of the cell visited since the fit, or where a box was left at its find",
                here(running.taken),
            ),
        ],
        crs=gridded.crs,
        west=gridded.west,
        north=gridded.north,
        cell_m=gridded.grid.cell_m,
        tags={
            "TIFFTAG_IMAGEDESCRIPTION": geopackage.printable(geopackage.stamped(title, stamp)),
            "stamp": geopackage.printable(stamp),
            "fadeout_version": summary["version"],
            "outside": "NaN outside the assessed ground: nothing is said there",
        },
    )
    boxes = [_place(told, gridded) for told in summary["next_boxes"]]
    words = f"Next boxes to search: {title}"
    waypoints.write_gpx(
        folder / "next_boxes.gpx", boxes, title=words, stamp=stamp, creator=f"fadeout {summary['version']}"
    )
    waypoints.write_kml(folder / "next_boxes.kml", boxes, title=words, stamp=stamp)
    (folder / runs.SUMMARY).write_bytes(products.as_json(summary))


def _place(told: Mapping[str, Any], gridded: Gridded) -> Place:
    half = told["side_m"] / 2
    shape = shapely.box(told["x"] - half, told["y"] - half, told["x"] + half, told["y"] + half)
    corners = places.move_xy(shapely.get_coordinates(shape)[:-1], gridded.crs, places.WGS84)
    facts = ("rank", "p_find", "expected_remaining", "utm", "mgrs")
    return Place(
        name=f"{told['rank']}",
        words=f"Chance of a find: {phrasing.chance(told['p_find'])}. Box of {phrasing.number(told['side_m'])} m. "
        f"MGRS {told['mgrs']}.",
        centre=(told["lon"], told["lat"]),
        corners=tuple((float(lon), float(lat)) for lon, lat in corners),
        facts=tuple((name, f"{told[name]}") for name in facts),
    )


def _in_words(summary: Mapping[str, Any], folder: Path) -> tuple[str, ...]:
    left = summary["remaining"]
    added = summary["added"]
    outside = left.get("outside", left["assessed"])
    lines = [
        *summary["stamps"],
        f"Taken in: {len(added['searches'])} searched areas and {added['finds']} finds.",
        f"Items remaining in the assessed ground: {phrasing.number(left['assessed']['low'])} to "
        f"{phrasing.number(left['assessed']['high'])} with a chance of 90 %, "
        f"{phrasing.number(left['assessed']['expected'])} expected.",
        f"Chance that nothing is left outside the hazardous area of the fit: {phrasing.chance(outside['p_none'])}. "
        "Ground that was not searched is not clear.",
        *summary["not_redone"],
        *([summary["refit_due"]] if summary["refit_due"] else []),
        f"Written: {folder}",
    ]
    return tuple(lines)
