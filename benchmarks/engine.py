"""Time and memory of one fit, in one command: `./run python benchmarks/engine.py [--json FILE]`.

Two cases, simulated from the model's own prior (14 footprints): 80 × 80 cells with 17 finds, and 1000 × 1000 cells with
1,240 finds. Each is fitted once to warm the compiled code, then timed; the median of the repeats is quoted.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import sys
import time

import numpy as np

from fadeout.model import Footprint, Grid, Prior, fit
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


def case(rows, finds, boxes, side, seed):
    """Simulate until enough is found, and keep the first finds."""
    grid = Grid(rows, rows, 25.0)
    prior = Prior(1.0, 30.0, 1.0, 0.2, SHAPES)
    for attempt in range(100):
        effort = searched(grid, boxes, side, 0.8, seed + attempt)
        found = from_prior(grid, effort, prior, seed + attempt).finds
        if len(found) >= finds:
            chosen = np.random.default_rng(seed).permutation(len(found))[:finds]
            return grid, effort, found[np.sort(chosen)], prior
    raise SystemExit(f"no simulated set of {rows} × {rows} cells gave {finds} finds")


def measure(name, rows, finds, boxes, side, repeats, bar_s):
    """Fit one case `repeats` times after a warm-up."""
    grid, effort, places, prior = case(rows, finds, boxes, side, 1)
    fit(grid, effort, places, prior, sweeps=20)
    seconds = []
    for seed in range(repeats):
        begun = time.perf_counter()
        posterior = fit(grid, effort, places, prior, seed=seed + 1)
        seconds.append(time.perf_counter() - begun)
    begun = time.perf_counter()
    _ = posterior.expected_remaining, posterior.p_any_remaining
    d = posterior.diagnostics
    return {
        "case": name, "finds": len(places), "fit_s": round(statistics.median(seconds), 2), "bar_s": bar_s,
        "fit_s_all": [round(s, 2) for s in seconds], "maps_s": round(time.perf_counter() - begun, 2),
        "r_hat": round(d.r_hat_total, 3), "ess": round(d.ess_total), "sweeps": d.sweeps, "converged": d.converged,
        "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1 if sys.platform == "darwin" else 1024)
                         / (1024 * 1024 if sys.platform == "darwin" else 1)),
    }  # fmt: skip


def main():
    """Run both cases and print them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", help="also write the figures to this file")
    parser.add_argument("--repeats", type=int, default=5)
    given = parser.parse_args()
    rows = [
        measure("80 x 80", 80, 17, 60, 4, given.repeats, 0.5),
        measure("1000 x 1000", 1000, 1240, 2400, 8, max(1, given.repeats // 2), 20.0),
    ]
    for row in rows:
        print("  ".join(f"{key} {value}" for key, value in row.items()))
    if given.json:
        with open(given.json, "w", encoding="utf-8") as file:
            json.dump(rows, file, indent=1)


if __name__ == "__main__":
    main()
