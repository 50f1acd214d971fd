"""The job of `fadeout calibrate`: finished areas in, a district's profile out.

Reads   finished areas by way of `intake`, a profile that says what is believed before them
Gives   `Calibrated`: the district's numbers beside what was believed, and the profile file, whole or not at all
Knows   the order of the steps; what areas are refused stands in `finished`, what is written in `district_profile`
Start   at `calibrate`
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from fadeout.errors import AreaTooLarge, InputRefused, Problem
from fadeout.jobs import district_numbers, district_profile, finished, gridding, phrasing
from fadeout.jobs.finished import Area
from fadeout.model import Diagnostics, district, pooling
from fadeout.model.convergence import EFFECTIVE_LEARNED, EFFECTIVE_STRIKES, R_HAT_LIMIT
from fadeout.records import profile as profiles
from fadeout.records.profile import FIXED, Profile

Progress = Callable[[str, float], None]

WIDE = "learning"  # the shipped profile that believes little
OPENED: Mapping[
    str, float
] = {  # how unsure is what the profile holds fixed; the comments of the shipped one say so
    "strikes_certainty": 1.0,
    "items_spread": 0.7,
    "items_shape_spread": 0.4,
    "background_certainty": 2.0,
    "footprints_certainty": 20.0,
}
FEW_DRAWS = 50.0  # effective draws below which a note says so (assumed)


@dataclass(frozen=True)
class Request:
    """What a person asks for; each of `areas` is one file or a folder of files."""

    areas: tuple[Path, ...]
    out: Path
    profile: str | None = None
    cell_m: float | None = None
    seed: int = 1
    column_map: Path | None = None
    crs: str | None = None
    order: str = "auto"
    metric_crs: str | None = None
    sweeps: int | None = None  # of the fit; chosen by it if None


@dataclass(frozen=True)
class Calibrated:
    """A finished calibration: every number, what to tell, and whether the fit's chains agreed."""

    summary: Mapping[str, Any]
    words: tuple[str, ...]
    agreed: bool


def calibrate(
    request: Request,
    *,
    now: datetime,
    memory_bytes: int | None = None,
    progress: Progress | None = None,
) -> Calibrated:
    """Learn a district's numbers from finished areas and write them as a profile.

    Parameters
    ----------
    request : Request
        What was asked.
    now : datetime
        The present: dates after it are refused.
    memory_bytes : int, optional
        Memory that the job may take.
    progress : callable (words, share done), optional
        May be called from other threads.

    Raises
    ------
    InputRefused
        With every problem of every area; nothing is written.
    """
    tell: Progress = progress or (lambda words, done: None)
    tell("reading the areas", 0.0)
    _check_out(request)
    base = profiles.load(request.profile or WIDE)
    profile = opened(base)
    areas, notes = finished.read(
        request.areas,
        profile,
        now.date(),
        column_map=request.column_map,
        crs=request.crs,
        order=request.order,
        metric_crs=request.metric_crs,
    )
    finished.check_new(areas, request.profile)

    tell("laying the areas side by side", 0.05)
    laid = _laid(areas, profile, request, memory_bytes)
    pooled = pooling.pool(
        laid,
        gridding.prior_of(profile),
        seed=request.seed,
        sweeps=request.sweeps,
        progress=lambda share, words: tell(f"fitting strikes to finds: {words}", 0.1 + 0.75 * share),
    )
    learned = district.learn(
        pooled,
        default_credibility=min(max(profile.default_credibility, 0.01), 0.99),
        progress=lambda share, words: tell(f"comparing the areas: {words}", 0.85 + 0.14 * share),
    )
    numbers = district_numbers.numbers(learned, profile, pooled)
    faults = _faults(pooled.posterior.diagnostics)
    notes += _notes(areas, learned, faults)
    summary = _summary(request, base, areas, learned, numbers, notes, pooled, not faults)
    tell("writing the profile", 0.99)
    _write(request.out, district_profile.text(profile, learned, summary))
    tell("done", 1.0)
    return Calibrated(summary, in_words(summary, request.out), not faults)


def opened(profile: Profile) -> Profile:
    """The profile with everything that areas can teach open to them; what it holds at 0 stays there."""
    if profile.strikes_per_km2 <= 0:
        message = f"the profile '{profile.name}' has strikes_per_km2 = 0: no area could move it"
        raise InputRefused([Problem("calibrate.no-strikes", message, "give a number above 0, such as 1.0")])
    changed: dict[str, float] = {}
    for name, unsure in OPENED.items():
        nought = name == "background_certainty" and profile.background_per_km2 == 0
        if getattr(profile, name) == FIXED and not nought:
            changed[name] = unsure
    return profile.model_copy(update=changed)


def _laid(
    areas: Sequence[Area], profile: Profile, request: Request, memory_bytes: int | None
) -> list[pooling.FinishedArea]:
    """Each area on a grid of its own; every refusal of every area in one run."""
    problems: list[Problem] = []
    out = []
    for area in areas:
        try:
            gridded = gridding.to_grid(area.survey, profile, request.cell_m, max_bytes=memory_bytes)
        except InputRefused as refused:
            problems += [finished.of_area(problem, area) for problem in refused.problems]
            continue
        by_method = gridded.searches is not None
        out.append(
            pooling.FinishedArea(
                grid=gridded.grid,
                effort=gridded.searches if gridded.searches is not None else gridded.effort,
                finds=gridded.finds,
                recorded=gridded.prior.recorded,
                stopped=gridded.stopped,
                reporting=None if by_method else gridded.reporting,
                excluded=gridded.excluded,
            )
        )
    if problems:
        raise InputRefused(list(dict.fromkeys(problems)))
    _check_memory(out, profile, memory_bytes)
    return out


def _check_memory(areas: Sequence[pooling.FinishedArea], profile: Profile, memory_bytes: int | None) -> None:
    footprints = gridding.prior_of(profile).footprints
    cell_m = areas[0].grid.cell_m
    rows, cols = pooling.size([area.grid.shape for area in areas], footprints, cell_m)
    needed = gridding.memory_needed(rows, cols, footprints, cell_m)
    if memory_bytes is not None and needed > memory_bytes:
        message = (
            f"the areas side by side need {needed / 1e9:.1f} GB of memory with cells of {cell_m:g} m, and "
            f"{memory_bytes / 1e9:.1f} GB can be had"
        )
        remedy = f"--cell {profile.box_side_m:g}, or fewer areas"
        raise AreaTooLarge([Problem("calibrate.too-large", message, remedy)])


# ---- what is told


def _faults(fit: Diagnostics) -> list[str]:
    """What keeps the fit's chains from agreeing on what is learned; the total remaining is not asked for here."""
    faults = []
    for name, r_hat, size, asked in (
        ("number of strikes", fit.r_hat_strikes, fit.ess_strikes, EFFECTIVE_STRIKES),
        ("numbers learned", fit.r_hat_learned, fit.ess_learned, EFFECTIVE_LEARNED),
    ):
        if not r_hat <= R_HAT_LIMIT:
            faults.append(f"R-hat of the {name} {r_hat:.2f}, at most {R_HAT_LIMIT:g} asked")
        if not size >= asked:
            faults.append(f"{size:.0f} independent draws of the {name}, {asked:.0f} asked")
    return faults


def _notes(areas: Sequence[Area], learned: district.District, faults: Sequence[str]) -> list[str]:
    notes = []
    if len(areas) < 2:
        notes.append(
            "one area says nothing of how areas differ: the variation between areas is what was assumed"
        )
    if faults:
        notes.append(f"the fit's chains did not agree, so do not rely on these numbers: {'; '.join(faults)}")
    if learned.effective < FEW_DRAWS:
        notes.append(
            f"the areas differ so much that the fit's draws are worth {learned.effective:.0f} only: "
            "the last digit of these numbers is uncertain"
        )
    if learned.records == 0:
        notes.append("no area has a strike record: what is believed of records is what was assumed")
    if any(area.survey.simulated for area in areas) and not all(area.survey.simulated for area in areas):
        notes.append(
            "some areas are SIMULATED and others are not: the profile is worth no more than a simulation"
        )
    return notes


def _summary(
    request: Request,
    base: Profile,
    areas: Sequence[Area],
    learned: district.District,
    numbers: Sequence[Mapping[str, Any]],
    notes: Sequence[str],
    pooled: pooling.Pooled,
    agreed: bool,
) -> dict[str, Any]:
    fitted = pooled.posterior.diagnostics
    return {
        "schema": "fadeout-calibrate/1",
        "stamps": finished.stamps(areas),
        "version": version("fadeout"),
        "seed": request.seed,
        "profile": {"name": base.name, "digest": base.digest},
        "areas": [
            {
                "name": area.name,
                "km2": round(area.ground_m2 / 1e6, 4),
                "searched_share": round(area.searched_share, 4),
                "finds": area.finds,
                "strikes": round(taught.strikes, 2),
                "records": len(laid.recorded),
                "files": [{"file": one.file, "sha256": one.sha256} for one in area.survey.sources],
                "notes": list(area.survey.notes),
            }
            for area, taught, laid in zip(areas, learned.areas, pooled.areas, strict=True)
        ],
        "numbers": list(numbers),
        "fit": {
            "agreed": agreed,
            "sweeps": fitted.sweeps,
            "r_hat_strikes": round(fitted.r_hat_strikes, 3),
            "r_hat_learned": round(fitted.r_hat_learned, 3),
            "draws_worth": round(learned.effective, 1),
        },
        "notes": list(notes),
    }


def in_words(summary: Mapping[str, Any], out: Path) -> tuple[str, ...]:
    """What a terminal shows: each number before and after, and where the profile lies."""
    areas = summary["areas"]
    km2, finds = sum(area["km2"] for area in areas), sum(area["finds"] for area in areas)
    lines = [
        *summary["stamps"],
        f"{len(areas)} finished areas, {phrasing.number(km2)} km², {finds} finds."
        if len(areas) > 1
        else f"1 finished area, {phrasing.number(km2)} km², {finds} finds.",
        "",
        *district_numbers.table(summary["numbers"]),
        "",
        *(f"Note: {note}." for note in summary["notes"]),
        f"Profile: {out}",
        f"Next: fadeout assess INPUT... --profile {out} --out DIR",
    ]
    return tuple(lines)


# ---- the file


def _check_out(request: Request) -> None:
    """Refuse, before anything is computed, a place where the profile may not go."""
    out = request.out.expanduser()
    problem = None
    if out.is_dir():
        problem = Problem("out.not-a-file", f"'{out.name}' is a folder", "name a file, such as district.toml")
    elif out.exists() and not district_profile.is_ours(out):
        message = f"'{out.name}' exists, and is no profile that fadeout calibrate wrote"
        problem = Problem("out.foreign-file", message, "name another file with --out")
    elif not out.parent.exists():
        message = f"the folder of '{out.name}' is not there"
        problem = Problem("out.no-folder", message, "make it first, or name a file elsewhere")
    if problem is not None:
        raise InputRefused([problem])


def _write(out: Path, text: str) -> None:
    """Write a file under a hidden name and give it its own at the end; Ctrl-C leaves what was there before."""
    target = out.expanduser().resolve()
    building = target.with_name(f".{target.name}.part-{secrets.token_hex(4)}")
    try:
        building.write_text(text, encoding="utf-8")
        os.replace(building, target)
    except OSError as error:
        message = f"'{target.name}' cannot be written: {error.strerror or error}"
        raise InputRefused(
            [Problem("out.not-writable", message, "name a file in a folder that you may write")]
        ) from error
    finally:
        with suppress(OSError):
            building.unlink(missing_ok=True)
