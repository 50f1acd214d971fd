"""The demonstration: real recorded strikes, a SIMULATED survey on them, and the assessment of it beside the truth.

Reads   the shipped strike records, a seed
Gives   `Outcome`, as `assess` does, with the input beside it in DIR/input and the simulated truth in the report
Knows   the place of the demonstration; the made-up season is `demo_survey`, its files are `demo_input`
Start   at `demo`
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from fadeout.jobs import assess, demo_input, demo_survey, phrasing, runs
from fadeout.jobs.assess import Outcome, Progress, Request

# The 6 × 6 km of the table that hold most records of bomblets; west and south in metres of `demo_input.CRS`.
SQUARE = demo_survey.Square(709_600.0, 1_857_400.0, 6_000.0)
TITLE = "SIMULATED demonstration, Quang Tri"


def demo(
    out: Path,
    *,
    seed: int,
    now: datetime,
    memory_bytes: int | None = None,
    progress: Progress | None = None,
) -> Outcome:
    """Make a survey up, write it as input, assess it, and tell the truth beside the estimate."""
    with runs.folder(out) as folder:
        _, places = demo_input.strike_records()
        survey = demo_survey.simulate(SQUARE, np.unique(places, axis=0), seed)
        (folder / "input").mkdir()
        path, profile = demo_input.write(folder / "input", survey)
        request = Request(
            inputs=(path,),
            out=out,
            profile=str(profile),
            seed=seed,
            stamp=demo_input.STAMP,
            title=TITLE,
            command=f"fadeout demo --seed {seed}",
        )
        done = assess.walk(
            request,
            folder,
            now=now,
            memory_bytes=memory_bytes,
            progress=progress,
            truth=lambda assessment: truth_of(survey, assessment),
        )
    return replace(done, words=in_words(done))


def truth_of(survey: demo_survey.Simulated, assessment: Any) -> dict[str, Any]:
    """What the generator knows and no survey ever does."""
    gridded, area = assessment.gridded, assessment.area
    west, north, cell_m = gridded.west, gridded.north, gridded.grid.cell_m
    col, row = np.floor((survey.left[:, 0] - west) / cell_m), np.floor((north - survey.left[:, 1]) / cell_m)
    inside = area.cells[row.astype(int), col.astype(int)]
    return {
        "items_remaining": len(survey.left),
        "items_remaining_in_hazardous_area": int(inside.sum()),
        "items_remaining_outside_it": int((~inside).sum()),
        "strikes_in_the_assessed_ground": survey.strikes_in_area,
    }


def in_words(done: Outcome) -> tuple[str, ...]:
    """What was found, what the model says remains, the simulated truth beside it, where the report lies."""
    found, left, truth = done.summary["found"], done.summary["remaining"], done.summary["truth"]
    inside = truth["items_remaining_in_hazardous_area"]
    return (
        *done.summary["stamps"],
        f"Found: {found['items']} items, on {phrasing.hectares(done.summary['area']['searched_m2'])} searched "
        f"of {phrasing.hectares(done.summary['area']['assessed_m2'])}; {found['strike_records']} strike records.",
        f"Remaining, by the model: {phrasing.number(left['median'])} items "
        f"({phrasing.number(left['low'])} to {phrasing.number(left['high'])} with a chance of 90 %).",
        f"Remaining, in the simulated truth: {truth['items_remaining']} items, {inside} of them in the hazardous "
        f"area of {phrasing.hectares(done.summary['hazardous_area']['area_m2'])}.",
        f"Checks: {done.summary['checks']['words']}",
        f"Report: {done.folder / 'report.html'}",
        f"The input, to open or change: {done.folder / 'input' / demo_input.SURVEY}",
    )
