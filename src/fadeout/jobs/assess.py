"""The main job, as one walk from input files to a run folder.

Reads   input files by way of `intake`, a profile; the clock, the seed and the memory as arguments
Gives   `Outcome`: the `Assessment`, its summary, and the folder with every product
Knows   the order of the steps; each step is another file's work
Start   at `assess`

Every step takes the values above it and returns a new value; no step reaches back.
"""

from __future__ import annotations

import platform
import shlex
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from fadeout.jobs import gridding, intake, kept, phrasing, products, report, runs
from fadeout.jobs.assessment import Assessment, RunInfo, SensitivityRow
from fadeout.jobs.gridding import Gridded
from fadeout.jobs.refits import DRAWS, fitted, sensitivity, total
from fadeout.model import Posterior, checks, completion, hazard, search
from fadeout.records import profile as profiles
from fadeout.records.kinds import Survey
from fadeout.records.profile import Profile

__all__ = ["Assessment", "Outcome", "Progress", "Request", "RunInfo", "SensitivityRow", "assess"]

Progress = Callable[
    [str, float], None
]  # words ("part" or "part: detail"), share of the whole job done, 0 to 1

PARTS: Mapping[str, float] = {  # share of the time that each part takes, roughly, for the time left
    "reading the inputs": 0.06,
    "laying the grid": 0.04,
    "fitting strikes to finds": 0.25,
    "drawing the hazardous area": 0.05,
    "asking when to stop": 0.08,
    "trying other assumptions": 0.25,
    "checking the fit": 0.02,
    "writing layers and rasters": 0.08,
    "writing the report": 0.17,
}
SIMULATED = "simulated"  # in a file's name: its products say so, whoever assesses it
LIBRARIES = ("numpy", "numba", "scipy", "shapely", "pyproj", "pyogrio", "rasterio")  # that decide figures


@dataclass(frozen=True)
class Request:
    """What a person asks for; everything else comes from the inputs and the profile."""

    inputs: tuple[Path, ...]
    out: Path
    profile: str | None = None
    cell_m: float | None = None
    confidence: float | None = None
    seed: int = 1
    column_map: Path | None = None
    crs: str | None = None
    order: str = "auto"
    metric_crs: str | None = None
    stamp: str = ""
    title: str = ""
    command: str = ""  # that makes the run again; made from the request if empty


@dataclass(frozen=True)
class Outcome:
    """A finished run: what was estimated, every figure of the report, where it lies, and what to tell."""

    assessment: Assessment
    summary: Mapping[str, Any]
    folder: Path
    words: tuple[str, ...]


def assess(
    request: Request,
    *,
    now: datetime,
    memory_bytes: int | None = None,
    progress: Progress | None = None,
) -> Outcome:
    """Estimate what is left, where the hazardous area ends and where to search next; write every product.

    Parameters
    ----------
    request : Request
        What was asked.
    now : datetime
        The present, with its time zone: dates after it are refused, and the run is dated by it.
    memory_bytes : int, optional
        Memory that the job may take; an area that needs more is refused with the cell size that would fit.
    progress : callable (words, share done), optional
        May be called from other threads.

    Raises
    ------
    InputRefused
        With every faulty row of every input; nothing is written.
    """
    with runs.folder(request.out, inputs=request.inputs) as folder:
        return walk(request, folder, now=now, memory_bytes=memory_bytes, progress=progress)


def walk(
    request: Request,
    folder: Path,
    *,
    now: datetime,
    memory_bytes: int | None = None,
    progress: Progress | None = None,
    truth: Callable[[Assessment], Mapping[str, Any]] | None = None,
) -> Outcome:
    """Do the job of `assess` into a folder that is there; `truth` tells a demonstration's simulated truth."""
    parts = _Parts(progress)
    parts.begin("reading the inputs")
    profile = _profile(request)
    survey = _survey(request, profile, now)

    parts.begin("laying the grid")
    gridded = gridding.to_grid(survey, profile, request.cell_m, max_bytes=memory_bytes)

    posterior = fitted(gridded, request.seed, parts.begin("fitting strikes to finds"))

    parts.begin("drawing the hazardous area")
    area = hazard.delineate(
        posterior, share_left_out=profile.hazard_share, confidence=profile.hazard_confidence
    )
    detection = next_pass(gridded, posterior, survey, profile)
    boxes = _next_boxes(posterior, area, gridded, profile, detection)

    parts.begin("asking when to stop")
    advice = _advice(posterior, area, gridded, profile, detection, request.seed)

    others = sensitivity(area, gridded, profile, request.seed, parts.begin("trying other assumptions"))

    parts.begin("checking the fit")
    totals = [(row.name, row.expected_remaining) for row in others]
    verdict = checks.sanity(posterior, area=area, assessed=gridded.assessed, sensitivity=totals)

    parts.begin("writing layers and rasters")
    assessment = Assessment(
        survey=survey,
        profile=profile,
        gridded=gridded,
        posterior=posterior,
        verdict=verdict,
        area=area,
        boxes=boxes,
        completion=advice["outside"],
        completion_all=advice["all"],
        completion_inside=advice.get("inside"),
        sensitivity=others,
        total_interval=total(posterior, gridded.assessed, request.seed),
        info=_run_info(request, survey, profile, now),
    )
    if truth is not None:
        assessment = replace(assessment, truth=truth(assessment))
    summary = products.summary(assessment)
    products.write(assessment, summary, folder)

    parts.begin("writing the report")
    report.write(assessment, summary, folder)
    kept.write(
        folder, survey, profile, gridded, posterior, area.cells, detection=detection, title=assessment.info.title,
        seed=request.seed, created_at=assessment.info.created_at,
    )  # fmt: skip
    runs.close(assessment, summary, folder, parts.end())
    return Outcome(assessment, summary, request.out, in_words(summary, request.out))


# ---- the steps, each a call to the file that does the work


def _profile(request: Request) -> Profile:
    profile = profiles.load(request.profile)
    if request.confidence is None:
        return profile
    sources = {**profile.value_sources, "hazard_confidence": "asked on the command line"}
    return profile.model_copy(update={"hazard_confidence": request.confidence, "value_sources": sources})


def _survey(request: Request, profile: Profile, now: datetime) -> Survey:
    made_up = any(SIMULATED in path.name.lower() for path in request.inputs)
    return intake.read_survey(
        request.inputs,
        profile=profile,
        today=now.date(),
        column_map=request.column_map,
        crs=request.crs,
        order=request.order,
        metric_crs=request.metric_crs,
        stamp=request.stamp,
        simulated=made_up,
    )


def _next_boxes(
    posterior: Posterior, area: hazard.HazardousArea, gridded: Gridded, profile: Profile, detection: float
) -> tuple[search.NextBox, ...]:
    return tuple(
        search.next_boxes(
            posterior,
            area,
            side_cells=gridded.side_cells,
            searched_share=gridded.searched_share,
            allowed=gridded.assessed & ~gridded.excluded,
            detection=detection,
            count=profile.next_boxes,
        )
    )


def _advice(
    posterior: Posterior,
    area: hazard.HazardousArea,
    gridded: Gridded,
    profile: Profile,
    detection: float,
    seed: int,
) -> dict[str, completion.Completion]:
    """Advice on the ground outside the hazardous area, on all of it, and inside where there is an area."""
    grounds = {"outside": gridded.assessed & ~area.cells, "all": gridded.assessed}
    if area.cells.any():
        grounds["inside"] = gridded.assessed & area.cells
    alone = completion.prior_alone(posterior)
    return {
        name: completion.advise(
            posterior,
            ground,
            required=profile.completion_required,
            detection=detection,
            searched_share=gridded.searched_share,
            prior_posterior=alone,
            draws=DRAWS,
            seed=seed,
        )
        for name, ground in grounds.items()
    }


def next_pass(gridded: Gridded, posterior: Posterior, survey: Survey, profile: Profile) -> float:
    """Detection of one further pass: of the commonest way of searching, as learned; else the first method's."""
    ways = [
        (int(method), one.detection)
        for one, method in zip(survey.searched, gridded.method_of, strict=True)
        if one.outcome != "not_searchable" and one.detection > 0
    ]
    if not ways:
        return next(iter(profile.methods.values())).detection
    counts = Counter(ways)
    method, detection = max(counts, key=lambda way: (counts[way], way))
    if method < 0 or gridded.searches is None:
        return detection
    return float(posterior.draws_taken.hyper.detection[:, method].mean())


# ---- what is told


def _run_info(request: Request, survey: Survey, profile: Profile, now: datetime) -> RunInfo:
    found = [one.found_on for one in survey.evidence]
    searched = [one.searched_on for one in survey.searched]
    dates = [day for day in (*found, *searched) if day is not None]
    return RunInfo(
        title=request.title or f"Where remnants may remain: {request.inputs[0].stem}",
        seed=request.seed,
        version=version("fadeout"),
        created_at=now.astimezone(UTC).isoformat(timespec="seconds"),
        information_date=max(dates).isoformat() if dates else None,
        command=request.command or command(request),
        versions={name: version(name) for name in LIBRARIES},
        python=platform.python_version(),
        profile_name=profile.name,
        profile_digest=profile.digest,
        sources=survey.sources,
    )


def command(request: Request) -> str:
    """The command that makes the run again, with file names only: folders are nobody's business.

    Examples
    --------
    >>> command(Request((Path("field/survey.gpkg"),), Path("runs"), cell_m=10.0, seed=3))
    'fadeout assess survey.gpkg --cell 10 --seed 3 --out DIR'
    """
    given = {
        "--profile": Path(request.profile).name if request.profile else None,
        "--cell": f"{request.cell_m:g}" if request.cell_m else None,
        "--confidence": f"{request.confidence:g}" if request.confidence else None,
        "--map": request.column_map.name if request.column_map else None,
        "--crs": request.crs,
        "--order": None if request.order == "auto" else request.order,
        "--metric-crs": request.metric_crs,
        "--stamp": request.stamp or None,
        "--title": request.title or None,
        "--seed": f"{request.seed}",
    }
    words = ["fadeout", "assess", *(path.name for path in request.inputs)]
    for option, value in given.items():
        words += [] if value is None else [option, value]
    return f"{shlex.join(words)} --out DIR"


def in_words(summary: Mapping[str, Any], folder: Path) -> tuple[str, ...]:
    """What a terminal shows at the end: the figures, the checks, and where the report lies."""
    left, area, outside = summary["remaining"], summary["hazardous_area"], summary["completion"][0]
    lines = [
        *summary["stamps"],
        f"Items remaining in the assessed ground: {phrasing.number(left['median'])} "
        f"({phrasing.number(left['low'])} to {phrasing.number(left['high'])} with a chance of 90 %).",
        f"Hazardous area: {phrasing.hectares(area['area_m2'])}; chance that nothing is left outside it: "
        f"{phrasing.chance(outside['p_none'])}. Ground that was not searched is not clear.",
        f"Next: {summary['sentences']['next']}",
        f"Checks: {summary['checks']['words']}",
        f"Report: {folder / 'report.html'}",
    ]
    return tuple(lines)


class _Parts:
    """Tells how far the walk is by the share of the time that each part takes, and times the parts."""

    def __init__(self, progress: Progress | None) -> None:
        self.tell: Progress = progress or (lambda words, done: None)
        self.began: dict[str, float] = {}

    def begin(self, part: str) -> Callable[[float, str], None]:
        """Say that a part begins; give the callback for what goes on inside it."""
        names = list(PARTS)
        before = sum(PARTS[name] for name in names[: names.index(part)])
        self.began[part] = time.perf_counter()
        self.tell(part, before)
        return lambda share, words: self.tell(f"{part}: {words}", before + PARTS[part] * share)

    def end(self) -> dict[str, float]:
        """Say that all is done; give the seconds of each part."""
        self.tell("done", 1.0)
        moments = [*self.began.values(), time.perf_counter()]
        return {
            part: after - moment
            for part, moment, after in zip(self.began, moments, moments[1:], strict=False)
        }
