"""A small assessment, fitted for real, for the tests of what it leaves in its folder."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from functools import lru_cache
from typing import Any

from shapely import LineString, Point, box

from fadeout.jobs import gridding
from fadeout.jobs.assessment import Assessment, RunInfo, SensitivityRow
from fadeout.jobs.refits import fitted, total
from fadeout.model import checks, completion, hazard, search
from fadeout.records import profile as profiles
from fadeout.records.kinds import EvidencePoint, Origin, SearchedArea, Source, StrikeRecord, Survey

CRS, WEST, SOUTH, SIDE = "EPSG:32648", 712_000.0, 1_860_000.0, 1_000.0
STAMP = "SIMULATED: made up for a test"
HERE = Origin("survey.gpkg", "made up", 1)

FIXED = {"strikes_certainty": "fixed", "items_spread": "fixed"}  # so that 500 sweeps are enough


def at(x: float, y: float) -> Point:
    """A point, metres from the south-west corner."""
    return Point(WEST + x, SOUTH + y)


def square(x: float, y: float, side: float = 50.0) -> Any:
    """A box, metres from the south-west corner."""
    return box(WEST + x, SOUTH + y, WEST + x + side, SOUTH + y + side)


def survey(**changes: Any) -> Survey:
    """Records of every kind on one square kilometre."""
    day = date(2026, 11, 20)
    finds = [(325, 430), (345, 455), (372, 420), (410, 470), (355, 480), (460, 520)]
    points = [
        EvidencePoint(f"EP-{n}", at(x, y), HERE, found_on=day, munition="BLU-26", position_error_m=5.0)
        for n, (x, y) in enumerate(finds, start=1)
    ]
    points += [
        EvidencePoint("EP-S", at(710, 210), HERE, found_on=day, searched_id="B-S"),
        EvidencePoint("EP-O", at(880, 720), HERE, how="opportunistic"),
        EvidencePoint("EP-F", at(500, 600), HERE, kind="fragment"),
        EvidencePoint("EP-R", at(150, 700), HERE, kind="report", how="opportunistic"),
    ]
    boxes = [
        SearchedArea(f"B-{x}-{y}", square(x, y), HERE, 0.8, "detector", searched_on=day, team="A")
        for x in range(250, 600, 50)
        for y in range(350, 600, 50)
    ]
    boxes += [
        SearchedArea("B-S", square(700, 200), HERE, 0.8, "detector", "stopped_at_find", team="B"),
        SearchedArea("B-N", square(100, 100, 100), HERE, 0.0, "detector", "not_searchable"),
        SearchedArea("T-1", LineString([at(50, 850), at(450, 900)]), HERE, 0.5, "visual", swath_m=20.0),
    ]
    records = (
        StrikeRecord("R-1", at(380, 460), HERE, date(1972, 6, 20), "CBU-24", 1, 150.0, 0.7, "made up"),
        StrikeRecord("R-1b", at(390, 465), HERE, date(1972, 6, 20), "CBU-24", duplicate_of="R-1"),
        StrikeRecord("R-2", at(800, 780), HERE, position_error_m=150.0, credibility=0.5),
    )
    given: dict[str, Any] = {
        "crs": CRS,
        "area": box(WEST, SOUTH, WEST + SIDE, SOUTH + SIDE - 60).difference(square(0, 0, 110)),
        "evidence": tuple(points),
        "searched": tuple(boxes),
        "strikes": records,
        "excluded": square(900, 50, 80),
        "sources": (Source("survey.gpkg", "ab" * 32, ("evidence", "searched")),),
        "notes": ("R-1b repeats R-1: counted once",),
        "simulated": True,
        "stamp": STAMP,
    }
    return Survey(**{**given, **changes})


@lru_cache
def assessment() -> Assessment:
    """The walk of the main job on that ground, with small footprints so that it is quick."""
    records, given = survey(), profiles.load()
    profile = given.model_copy(update={"footprints": given.footprints[:4], "next_boxes": 8, **FIXED})
    gridded = gridding.to_grid(records, profile)
    posterior = fitted(gridded, seed=3, sweeps=500)
    area = hazard.delineate(posterior, share_left_out=0.05, confidence=0.9)
    common = {"detection": 0.8, "searched_share": gridded.searched_share}
    boxes = search.next_boxes(
        posterior,
        area,
        side_cells=gridded.side_cells,
        allowed=gridded.assessed & ~gridded.excluded,
        count=profile.next_boxes,
        **common,
    )
    outside, inside = gridded.assessed & ~area.cells, gridded.assessed & area.cells
    told = [completion.advise(posterior, one, **common) for one in (outside, gridded.assessed, inside)]
    return Assessment(
        survey=records,
        profile=profile,
        gridded=gridded,
        posterior=posterior,
        verdict=checks.sanity(posterior, area=area, assessed=gridded.assessed),
        area=area,
        boxes=tuple(boxes),
        completion=told[0],
        completion_all=told[1],
        completion_inside=told[2],
        sensitivity=(SensitivityRow("items per strike halved", 20.0, (11.0, 34.0), 40_000.0, 0.01),),
        total_interval=total(posterior, gridded.assessed, seed=3),
        info=info(),
        truth={"items remaining": 30, "strikes": (1, 2)},
    )


def info(created_at: str = "2026-11-24T09:30:00+00:00") -> RunInfo:
    """What made the assessment."""
    return RunInfo(
        title="Where remnants may remain: a test",
        seed=3,
        version="0.1.0",
        created_at=created_at,
        information_date="2026-11-20",
        command="fadeout assess survey.gpkg --seed 3 --out DIR",
        versions={"numpy": "2.4.6"},
        python="3.11.2",
        profile_name="default",
        profile_digest="cd" * 32,
        sources=survey().sources,
    )


def without_finds() -> Assessment:
    """The same ground before anybody searched it: no area, no strikes with finds."""
    whole = assessment()
    records = survey(evidence=(), searched=())
    gridded = gridding.to_grid(records, whole.profile)
    posterior = fitted(gridded, seed=3)
    return replace(
        whole,
        survey=records,
        gridded=gridded,
        posterior=posterior,
        area=hazard.delineate(posterior),
        boxes=(),
        completion_inside=None,
        verdict=checks.sanity(posterior),
        truth=None,
    )
