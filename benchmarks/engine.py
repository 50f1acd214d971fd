"""Time and memory of one fit, in one command: `./run python benchmarks/engine.py [CASE…] [--json FILE]`.

Cases, SIMULATED from the prior (14 footprints): *small*, 80 × 80 cells with 17 finds; *large*, 1000 × 1000 cells
with 1,240 finds; *stopped*, the same with 300 of the finds in boxes left at them; *huge*, 3163 × 3163 cells with 10,000
finds (not run unless named). Each runs in a process of its own, is fitted once to warm the compiled code, then timed; the
median of the repeats is quoted.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from fadeout.model import Footprint, Grid, Prior, StoppedBox, fit
from fadeout.model.simulate import from_prior

SIZES = ((40, 40, (90,)), (80, 80, (90,)), (80, 40, (90, 135, 0, 45)), (120, 60, (90, 135, 0, 45)))
SHAPES = [Footprint(a, b, t) for a, b, bearings in (*SIZES, (160, 80, (90, 135, 0, 45))) for t in bearings]


def searched(grid, boxes, side, detection, seed):
    """Square boxes of `side` cells at random, searched completely."""
    rng = np.random.default_rng(seed)
    effort = np.zeros(grid.shape)
    for _ in range(boxes):
        row, col = rng.integers(0, grid.rows - side), rng.integers(0, grid.cols - side)
        effort[row : row + side, col : col + side] = detection
    return effort


def near_finds(grid, finds, count, seed):
    """Boxes of 2 × 2 cells near finds, as a survey that follows evidence lays them: masks, one after the other."""
    rng = np.random.default_rng(seed)
    for row, col in finds[rng.integers(0, len(finds), count)]:
        top, left = np.clip(np.array([row, col]) + rng.integers(-10, 10, 2), 0, grid.rows - 2)
        mask = np.zeros(grid.shape, dtype=bool)
        mask[top : top + 2, left : left + 2] = True
        yield mask


def case(rows, finds, boxes, side, seed, stopped=0):
    """Simulate until enough is found, and keep some of the finds: all of stopped boxes, and others at random."""
    grid = Grid(rows, rows, 25.0)
    prior = Prior(1.0, 30.0, 1.0, 0.2, SHAPES)
    for attempt in range(100):
        effort = searched(grid, boxes, side, 0.8, seed + attempt)
        truth = from_prior(grid, effort, prior, seed + attempt)
        if stopped:
            near = ((mask, 0.8) for mask in near_finds(grid, truth.finds, 40 * stopped, seed))
            truth = from_prior(grid, effort, prior, seed + attempt, stopped=near)
        if len(truth.finds) >= finds and len(truth.stopped) >= stopped:
            left = truth.stopped[:stopped]
            own = np.array([box.find for box in left], dtype=int)
            others = np.flatnonzero(truth.effort[tuple(truth.finds.T)] > 0)
            others = np.random.default_rng(seed).permutation(np.setdiff1d(others, own))
            chosen = np.concatenate([own, others[: finds - stopped]])
            boxes_left = [StoppedBox(box.mask, box.detection, n) for n, box in enumerate(left)]
            return grid, truth.effort, truth.finds[chosen], prior, boxes_left
    raise SystemExit(
        f"no simulated set of {rows} × {rows} cells gave {finds} finds, {stopped} in stopped boxes"
    )


CASES = {  # rows, finds, boxes, side, stopped; repeats, bar in seconds
    "small": ((80, 17, 60, 4, 1, 0), 5, 0.5),
    "large": ((1000, 1240, 2400, 8, 1, 0), 2, 20.0),
    "stopped": ((1000, 1240, 2400, 8, 1, 300), 1, 90.0),
    "huge": ((3163, 10_000, 24_000, 8, 1, 0), 1, None),
}


def measure(name):
    """Fit one case several times after a warm-up."""
    given, repeats, bar_s = CASES[name]
    grid, effort, places, prior, boxes = case(*given)
    fit(grid, effort, places, prior, stopped=boxes, sweeps=20)
    seconds = []
    for seed in range(repeats):
        begun = time.perf_counter()
        posterior = fit(grid, effort, places, prior, stopped=boxes, seed=seed + 1)
        seconds.append(time.perf_counter() - begun)
    begun = time.perf_counter()
    _ = posterior.expected_remaining, posterior.p_any_remaining
    d = posterior.diagnostics
    unit = 1024 * 1024 if sys.platform == "darwin" else 1024
    return {
        "case": name, "cells": grid.rows * grid.cols, "finds": len(places), "stopped": len(boxes),
        "fit_s": round(statistics.median(seconds), 2), "bar_s": bar_s, "fit_s_all": [round(s, 2) for s in seconds],
        "maps_s": round(time.perf_counter() - begun, 2), "r_hat": round(d.r_hat_total, 3), "ess": round(d.ess_total),
        "r_hat_strikes": round(d.r_hat_strikes, 3), "sweeps": d.sweeps, "converged": d.converged,
        "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit),
    }  # fmt: skip


def main():
    """Run the cases, each in its own process, and print them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "cases", nargs="*", metavar="CASE", help=f"of {', '.join(CASES)}; all but huge if none"
    )
    parser.add_argument("--json", help="also write the figures to this file")
    given = parser.parse_args()
    names = given.cases or [name for name in CASES if name != "huge"]
    if unknown := set(names) - set(CASES):
        parser.error(f"no such case: {', '.join(sorted(unknown))}")
    rows = []
    for name in names:
        if len(names) == 1:
            rows.append(measure(name))
        else:  # in a process of its own, so that each has its own peak of memory
            with tempfile.NamedTemporaryFile(suffix=".json") as file:
                subprocess.run([sys.executable, __file__, name, "--json", file.name], check=True)
                rows += json.loads(Path(file.name).read_text(encoding="utf-8"))
            continue
        print("  ".join(f"{key} {value}" for key, value in rows[-1].items()))
    if given.json:
        with open(given.json, "w", encoding="utf-8") as file:
            json.dump(rows, file, indent=1)


if __name__ == "__main__":
    main()
