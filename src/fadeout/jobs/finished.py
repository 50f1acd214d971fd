"""Finished areas, read and held against what "finished" means: searched out, each area once.

Reads   files of each area by way of `intake`
Gives   `Area`s, or every reason why one of them cannot teach
Knows   nothing of the model
Start   at `read`
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import shapely

from fadeout.errors import InputRefused, Problem
from fadeout.jobs import intake, phrasing
from fadeout.jobs.intake_checks import effective
from fadeout.records import places
from fadeout.records.kinds import Survey
from fadeout.records.profile import Profile

FINISHED = 0.95  # share of an area's ground that must have been searched (assumed)
SAME = 0.5  # share of the smaller area that two areas may have in common (assumed)
SOME = 0.01  # share in common that is told
SIMULATED = "SIMULATED"


@dataclass(frozen=True, eq=False)
class Area:
    """One finished area."""

    name: str
    survey: Survey
    ground_m2: float  # of the area, without ground that cannot hold items
    searched_share: float

    @property
    def finds(self) -> int:
        """Items found."""
        return sum(point.count for point in self.survey.evidence if point.kind == "item")


def read(
    paths: Sequence[Path], profile: Profile, today: date, **options: Any
) -> tuple[list[Area], list[str]]:
    """Read every area; give them and what a reader must know. `options` go to `intake.read_survey`.

    Raises
    ------
    InputRefused
        With every problem of every area: faulty rows, no area polygon, ground not searched, an area given twice.
    """
    problems: list[Problem] = []
    areas: list[Area] = []
    names = _names(paths)
    for path, name in zip(paths, names, strict=True):
        try:
            survey = _survey(path, profile, today, options)
        except InputRefused as refused:
            problems += [replace(one, file=_placed(one.file, path, name)) for one in refused.problems]
            continue
        area = _area(name, survey, profile)
        problems += _unfinished(area, profile)
        areas.append(area)
    notes = _overlaps(areas, problems)
    if problems:
        raise InputRefused(list(dict.fromkeys(problems)))
    return areas, notes


def _names(paths: Sequence[Path]) -> list[str]:
    """Names of areas: those of their files, numbered where two are the same; folders above are nobody's business."""
    plain = [path.name or path.resolve().name for path in paths]
    return [f"area {n}, {name}" if plain.count(name) > 1 else name for n, name in enumerate(plain, start=1)]


def _placed(file: str, path: Path, name: str) -> str:
    return f"{name}/{file}" if path.is_dir() and file else (name if file in ("", path.name) else file)


def _survey(path: Path, profile: Profile, today: date, options: Mapping[str, Any]) -> Survey:
    files = [path]
    if path.is_dir():
        files = sorted(one for one in path.iterdir() if one.is_file() and not one.name.startswith("."))
        if not files:
            remedy = "give the files of one finished area in it"
            raise InputRefused(
                [Problem("calibrate.empty-folder", "the folder holds no file", remedy, path.name)]
            )
        files = [one for one in files if one.suffix.lower() not in (".shx", ".dbf", ".prj", ".cpg", ".qpj")]
    return intake.read_survey(
        files,
        profile=profile,
        today=today,
        simulated=any("simulated" in one.name.lower() for one in (path, *files)),
        **options,
    )


def _area(name: str, survey: Survey, profile: Profile) -> Area:
    """Measure how much of the ground complete searches went over."""
    ground = survey.area if survey.excluded is None else survey.area.difference(survey.excluded)
    least = weakest(profile)
    whole = [
        one.ground
        for one in survey.searched
        if effective(one) and one.outcome == "complete" and one.detection >= least - 1e-9
    ]
    covered = shapely.union_all(whole).intersection(ground).area if whole else 0.0
    return Area(name, survey, ground.area, covered / ground.area if ground.area > 0 else 0.0)


def weakest(profile: Profile) -> float:
    """Detection of one pass of the profile's weakest method: what ground must have had to count as searched."""
    return min((method.detection for method in profile.methods.values()), default=0.0)


def _unfinished(area: Area, profile: Profile) -> list[Problem]:
    if area.survey.area_assumed:
        remedy = "add a layer `area` with the polygon that was searched out"
        return [Problem("calibrate.no-area", "no area polygon was given", remedy, area.name)]
    if area.searched_share >= FINISHED:
        return []
    message = (
        f"complete searches of detection {weakest(profile):g} or more went over {area.searched_share:.0%} of its "
        f"{phrasing.hectares(area.ground_m2)}; an area teaches when {FINISHED:.0%} was searched"
    )
    remedy = "leave this area out, draw `area` around what was searched, or give what cannot be searched as `excluded`"
    return [Problem("calibrate.not-finished", message, remedy, area.name)]


def _overlaps(areas: Sequence[Area], problems: list[Problem]) -> list[str]:
    """Refuse areas that lie on one another; say of those that share some ground that it counts twice."""
    notes = []
    for n, one in enumerate(areas):
        for other in areas[:n]:
            (moved,) = places.move([one.survey.area], one.survey.crs, other.survey.crs)
            smaller = min(one.survey.area.area, other.survey.area.area)
            if moved is None or smaller <= 0:
                continue
            share = shapely.make_valid(moved).intersection(other.survey.area).area / smaller
            if share > SAME:
                message = f"{share:.0%} of the smaller of this area and {other.name} is the same ground"
                problems.append(Problem("calibrate.area-twice", message, "give each area once", one.name))
            elif share > SOME:
                notes.append(f"{one.name} and {other.name} share {share:.0%} of the smaller: it counts twice")
    return notes


def check_new(areas: Sequence[Area], profile: str | None) -> None:
    """Refuse to begin from a district's profile that learned from one of these areas already."""
    if profile is None or not Path(profile).is_file():
        return
    told = Path(profile).read_text(encoding="utf-8", errors="replace")
    again = [area for area in areas if any(one.sha256 in told for one in area.survey.sources)]
    if again:
        message = f"the profile '{Path(profile).name}' has learned from this area already"
        remedy = "begin from the profile that stood before it, with all areas, or leave this area out"
        raise InputRefused([Problem("calibrate.counted-before", message, remedy, one.name) for one in again])


def of_area(problem: Problem, area: Area) -> Problem:
    """A problem of gridding, with the area it is of."""
    return problem if problem.file else replace(problem, file=area.name)


def stamps(areas: Sequence[Area]) -> list[str]:
    """Words that must stand on what is made of these areas, each once."""
    words = dict.fromkeys(area.survey.stamp for area in areas if area.survey.stamp)
    if any(area.survey.simulated for area in areas) and not any(SIMULATED in word.upper() for word in words):
        return [SIMULATED, *words]
    return list(words)
