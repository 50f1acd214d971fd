"""One finished assessment: every value of the walk, named, as products and report read it.

Reads   nothing
Gives   `Assessment`, `RunInfo`, `SensitivityRow`
Knows   nothing of how any of it was computed or will be shown
Start   at `Assessment`
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fadeout.jobs.gridding import Gridded
from fadeout.model import Posterior
from fadeout.model.checks import Verdict
from fadeout.model.completion import Completion
from fadeout.model.hazard import HazardousArea
from fadeout.model.search import NextBox
from fadeout.records.kinds import Source, Survey
from fadeout.records.profile import Profile


@dataclass(frozen=True)
class RunInfo:
    """What made this assessment, so that anybody can make it again."""

    title: str
    seed: int
    version: str  # of fadeout
    created_at: str  # UTC, ISO 8601; the only value here that two equal runs do not share
    information_date: str | None  # latest date of a find or a search among the inputs
    command: str  # file names only, no folders
    versions: Mapping[str, str]  # of the libraries that decide the figures
    python: str
    profile_name: str
    profile_digest: str
    sources: tuple[Source, ...]


@dataclass(frozen=True)
class SensitivityRow:
    """The figures under another prior; nothing else changed."""

    name: str  # "items per strike halved" ...
    expected_remaining: float  # on the assessed ground
    interval: tuple[float, float]  # 90 %, items remaining on the assessed ground
    area_m2: float  # of the hazardous area that this prior would draw
    p_none_outside: float  # P(none left) outside the hazardous area as assessed, under this prior


@dataclass(frozen=True, eq=False)
class Assessment:
    """Every value of one assessment. Rasters are on `gridded.grid`, row 0 north."""

    survey: Survey
    profile: Profile
    gridded: Gridded
    posterior: Posterior
    verdict: Verdict
    area: HazardousArea
    boxes: tuple[NextBox, ...]
    completion: Completion  # of the assessed ground outside the hazardous area
    completion_all: Completion  # of all assessed ground
    completion_inside: Completion | None  # of the assessed ground inside it; None where there is no area
    sensitivity: tuple[SensitivityRow, ...]
    total_interval: tuple[
        float, float, float
    ]  # 5 %, 50 %, 95 % of the items remaining on the assessed ground
    info: RunInfo
    truth: Mapping[str, Any] | None = None  # the demonstration's simulated truth
