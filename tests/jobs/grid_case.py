"""Records placed in metres from one corner, and the grid made of them, for the tests of gridding and searching."""

from __future__ import annotations

from typing import Any

from shapely import Point, box

from fadeout.jobs.gridding import Gridded, to_grid
from fadeout.records.kinds import EvidencePoint, Origin, SearchedArea, StrikeRecord, Survey
from fadeout.records.profile import Profile, load

HERE = Origin("test.gpkg", "layer", 1)
WEST, NORTH = 712_000.0, 1_861_000.0
PROFILE = load("learning")


def at(x: float, y: float) -> Point:
    """Metres east and south of the north-west corner."""
    return Point(WEST + x, NORTH - y)


def ground(x: float, y: float, width: float = 50.0, height: float = 50.0) -> Any:
    return box(WEST + x, NORTH - y - height, WEST + x + width, NORTH - y)


def search(name: str, shape: Any, p: float = 0.8, **changes: Any) -> SearchedArea:
    return SearchedArea(name, shape, HERE, p, **{"method": "detector", **changes})


def find(name: str, x: float, y: float, **changes: Any) -> EvidencePoint:
    return EvidencePoint(name, at(x, y), HERE, **changes)


def gridded(
    *records: Any, profile: Profile = PROFILE, cell_m: float | None = None, **changes: Any
) -> Gridded:
    given = {
        "evidence": tuple(r for r in records if isinstance(r, EvidencePoint)),
        "searched": tuple(r for r in records if isinstance(r, SearchedArea)),
        "strikes": tuple(r for r in records if isinstance(r, StrikeRecord)),
    }
    survey = Survey("EPSG:32648", changes.pop("area", ground(0, 0, 1000, 1000)), **{**given, **changes})
    return to_grid(survey, profile, cell_m)
