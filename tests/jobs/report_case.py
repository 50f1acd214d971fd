"""A small assessment for the tests of maps and report: real records, made-up estimates, ready summary.

The estimates are plain arrays, so that these tests are about what is drawn and written, not about the fit;
`tests/walk` runs the whole job.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from types import SimpleNamespace
from typing import Any

import numpy as np
from shapely import LineString, Point, box

from fadeout.jobs import ground, sentences
from fadeout.model import Grid
from fadeout.records.kinds import EvidencePoint, Origin, SearchedArea, Source, StrikeRecord, Survey

WEST, NORTH, CELL = 712_000.0, 1_862_000.0, 25.0
ROWS = COLS = 40
STAMP = "SIMULATED: made up for a test"
PLACE = Origin("test.gpkg", "layer", 1)


@dataclass(frozen=True)
class Case:
    """What `report.write` takes."""

    assessment: Any
    summary: dict[str, Any]


def searched_areas() -> tuple[SearchedArea, ...]:
    """Boxes of each outcome, and one track."""
    boxes = []
    for number, outcome in enumerate(["complete"] * 8 + ["partial", "stopped_at_find", "not_searchable"]):
        x, y = WEST + 200 + 50 * number, NORTH - 400
        detection = 0.9 if number % 2 else 0.55
        boxes.append(
            SearchedArea(f"B-{number}", box(x, y - 50, x + 50, y), PLACE, detection, "visual", outcome)
        )
    line = LineString([(WEST + 100, NORTH - 800), (WEST + 900, NORTH - 750)])
    return (*boxes, SearchedArea("T-1", line, PLACE, 0.6, "locator", swath_m=20.0))


def evidence(item_id: str = "EP-1") -> tuple[EvidencePoint, ...]:
    """One point of each kind, and a second item."""
    kinds = ("item", "item", "fragment", "accident", "report")
    return tuple(
        EvidencePoint(
            item_id if n == 0 else f"EP-{n + 1}", Point(WEST + 215 + 100 * n, NORTH - 420), PLACE, kind
        )
        for n, kind in enumerate(kinds)
    )


def survey(*, finds: bool = True, search: bool = True, strikes: bool = True, **changes: Any) -> Survey:
    """Records of the test area; each kind can be left out."""
    record = StrikeRecord("S-1", Point(WEST + 450, NORTH - 450), PLACE, date(1972, 5, 3), "CBU-24")
    given: dict[str, Any] = {
        "crs": "EPSG:32648",
        "area": box(WEST + 25, NORTH - 975, WEST + 975, NORTH - 25),
        "evidence": evidence() if finds else (),
        "searched": searched_areas() if search else (),
        "strikes": (record,) if strikes else (),
        "sources": (Source("test.gpkg", "ab" * 32, ("evidence", "searched")),),
        "simulated": True,
        "stamp": STAMP,
    }
    return Survey(**{**given, **changes})


def case(
    *, boxes: int = 12, area: bool = True, checks: bool = True, title: str = "Test area", **kinds: Any
) -> Case:
    """An assessment and its summary."""
    records = survey(**kinds)
    rows, cols = np.mgrid[:ROWS, :COLS]
    remaining = 0.3 * np.exp(-((rows - 17) ** 2 + (cols - 18) ** 2) / 40.0) + 1e-5
    share = np.zeros((ROWS, COLS))
    share[16:18, 8:26] = 1.0 if records.searched else 0.0
    cells = (remaining > 0.02) & area
    whole = np.ones((ROWS, COLS), bool)
    gridded = SimpleNamespace(
        grid=Grid(ROWS, COLS, CELL),
        crs=records.crs,
        west=WEST,
        north=NORTH,
        effort=share * 0.7,
        searched_share=share,
        excluded=~whole,
        assessed=whole,
        side_cells=2,
    )
    next_boxes = tuple(
        SimpleNamespace(rank=n + 1, row=2 * n, col=2 * n, side_cells=2, p_find=0.4, expected_remaining=0.5)
        for n in range(boxes)
    )
    assessment = SimpleNamespace(
        survey=records,
        gridded=gridded,
        posterior=SimpleNamespace(expected_remaining=remaining, p_any_remaining=1 - np.exp(-remaining)),
        area=SimpleNamespace(cells=cells),
        boxes=next_boxes,
        info=SimpleNamespace(
            created_at="2026-11-24T09:30:00Z", information_date="2026-11-20", python="3.11.2"
        ),
    )
    return Case(assessment, summary(assessment, checks, title))


def summary(assessment: Any, checks: bool, title: str) -> dict[str, Any]:
    """The figures of the report, with values that stand nowhere else; its keys are those of `figures.summary`."""
    records = assessment.survey
    several = ("items", "fragments", "accidents", "reports")
    counts = {key: sum(e.kind == key[:-1] for e in records.evidence) for key in several}
    stamps = (
        [records.stamp] if checks else [records.stamp, "CHECKS FAILED: chains agree. Do not decide on this."]
    )
    told: dict[str, Any] = {
        "title": title,
        "stamp": records.stamp,
        "stamps": stamps,
        "simulated": True,
        "version": "0.1.0",
        "python": "3.11.2",
        "seed": 7,
        "information_date": "2026-11-20",
        "checks": {
            "passed": checks,
            "words": "Chains agree.",
            "items": [{"name": "chains agree", "passed": checks, "note": False, "words": "R-hat 1.01"}],
        },
        "diagnostics": {
            "r_hat_total": 1.01,
            "ess_total": 612.0,
            "chains": 4,
            "sweeps": 400,
            "words": "agree",
        },
        "area": {
            "assessed_m2": 902_500.0,
            "searched_m2": 43_100.0 if records.searched else 0.0,
            "not_searched_m2": 859_400.0,
            "excluded_m2": 0.0,
            "assumed": False,
            "crs": records.crs,
            "crs_name": "WGS 84 / UTM zone 48N",
            "cell_m": CELL,
            "box_side_m": 50.0,
            "rows": ROWS,
            "cols": COLS,
        },
        "found": {
            **counts,
            "item_points": counts["items"],
            "strike_records": len(records.strikes),
            "duplicate_records": 0,
            "opportunistic": 0,
            "searched_areas": len(records.searched),
            "stopped_boxes": sum(area.outcome == "stopped_at_find" for area in records.searched),
        },
        "remaining": {
            **{"median": 47, "low": 31, "high": 78, "level": 0.9, "expected": 49.6, "unexplored": 12.7},
            **{"known": 35.1, "undetected": 12.7, "background": 1.8, "inside": 36.4, "outside": 13.2},
            "p_none": 0.0,
        },
        "hazardous_area": {
            "status": "SHA",
            "area_m2": float(assessment.area.cells.sum()) * CELL**2,
            "parts": [
                {"id": name, "area_m2": shape.area, "expected_remaining": 36.4}
                for name, shape in ground.hazard_parts(assessment)
            ],
            "share_left_out": 0.034,
            "confidence": 0.93,
            "asked_share": 0.05,
            "asked_confidence": 0.9,
            "met": True,
            "expected_inside": 36.4,
            "expected_outside": 1.1,
            "expected_unexplored": 12.7,
            "fadeout_m": 150.0,
            "reach_m": 180.0,
            "words": "By this estimate 3.4 % of the items lie outside.",
        },
        "next_boxes": [
            {
                "rank": found.rank,
                "utm": f"48Q {712_000 + 25 * found.col} 1861{900 - 25 * found.row}",
                "mgrs": f"48QYD12{found.rank:03d} 61900",
                "p_find": found.p_find,
                "expected_remaining": found.expected_remaining,
                "reason": "At the edge of the finds.",
                "side_m": 50.0,
            }
            for found in assessment.boxes
        ],
        "strikes": strikes_told() if records.evidence else [],
        "completion": [
            {
                "name": "Ground outside the hazardous area",
                "ground": "outside",
                "detection": 0.8,
                "searched": 0.05,
                "met": False,
                "p_none": 0.056,
                "prior_p_none": 0.013,
                "expected": 4.4,
                "low": 0,
                "median": 4,
                "high": 17,
                "required": 0.95,
                "passes_needed": None,
                "p_none_after": [0.31, 0.62],
                **{
                    "prior_odds": 75.9,
                    "bayes_factor": 0.222,
                    "posterior_odds": 16.9,
                    "prior_suffices": False,
                },
                "words": "Not complete.",
            }
        ],
        "depth": {"depth_cm": 20.0, "shallower_searches": 1},
        "taught": [
            {
                **{
                    "key": "items_per_strike",
                    "name": "items that a strike left, on average",
                    "unit": "items",
                },
                **{
                    "learned": True,
                    "prior_low": 9.1,
                    "prior_median": 23.4,
                    "prior_high": 61.3,
                    "moved": True,
                },
                **{"low": 14.2, "median": 19.7, "high": 27.9, "width_share": 0.29},
                "words": "stayed near what was assumed; its spread is 29 % of what it was",
            },
            {
                **{"key": "detection.visual", "name": "detection, visual", "unit": "", "learned": True},
                **{"prior_low": 0.23, "prior_median": 0.5, "prior_high": 0.77, "moved": False},
                **{"low": 0.24, "median": 0.51, "high": 0.77, "width_share": 0.98},
                "words": "the data did not move it: this is still what was assumed",
            },
        ],
        "accept_on_zero": {
            "ground": "outside",
            "boxes": 500,
            "sample": 196,
            "confidence": 0.95,
            "share": 0.99,
        },
        "sensitivity": [
            {
                "name": "items per strike halved",
                "expected": 33.3,
                "low": 22,
                "high": 51,
                "area_m2": 61_250.0,
                "p_none_outside": 0.07,
            }
        ],
        "prior": [{"name": "strikes per km²", "value": "0.2", "source": "assumed"}],
        "profile": {
            "name": "default",
            "version": "1",
            "digest": "cd" * 32,
            "rows": [{"name": "box side", "value": "50 m", "source": "assumed"}],
        },
        "sources": [
            {"file": one.file, "sha256": one.sha256, "layers": one.layers} for one in records.sources
        ],
        "versions": {"numpy": "2.4.6"},
        "command": "fadeout assess test.gpkg --out runs --seed 7",
        "notes": [],
        "truth": None,
    }
    told["sentences"] = {
        "we_know": sentences.what_we_know(told),
        "we_do_not_know": sentences.what_we_do_not_know(told),
        "next": sentences.what_to_do_next(told),
    }
    return told


def strikes_told() -> list[dict[str, Any]]:
    """One strike with finds, as the summary tells it."""
    return [
        {
            **{"id": "strike-1", "kind": "with finds", "record": None, "finds": 2, "probability": 0.97},
            **{"x": WEST + 450, "y": NORTH - 430, "mgrs": "48QYD 12450 61570", "utm": "48Q 712450 1861570"},
            **{"sd_x_m": 41.0, "sd_y_m": 22.0, "bearing_deg": 90.0, "expected_remaining": 35.1},
            **{"sigma_major_m": 120.0, "sigma_minor_m": 60.0},
        }
    ]
