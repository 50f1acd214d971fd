"""Time of one step of a running estimate, and its agreement with a refit: `./run python benchmarks/running.py`.

320 × 320 cells of 25 m, 14 footprints, about 120 finds, all SIMULATED from the model's own prior. Boxes of 2 × 2 cells
are added, half beside known finds, half next boxes, with a find as often as the estimate expects one. Each step gives
maps of expected items and P(any left), chances of a find in all boxes, twenty next boxes, and what is stated of four
regions.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time

import numpy as np
from engine import SHAPES, searched

from fadeout.model import Grid, Prior, fit
from fadeout.model.running import Running
from fadeout.model.simulate import from_prior

DETECTION = 0.8


def case(rows, finds, seed):
    """Simulate until about as many are found as asked."""
    grid, prior = Grid(rows, rows, 25.0), Prior(1.0, 30.0, 1.0, 0.2, SHAPES)
    for attempt in range(200):
        effort = searched(grid, 240, 6, DETECTION, seed + attempt)
        places = from_prior(grid, effort, prior, seed + attempt).finds
        if abs(len(places) - finds) <= 12:
            return grid, effort, places, prior
    raise SystemExit(f"no simulated set gave about {finds} finds")


def regions(grid):
    """Four regions: everything, two squares, and the surroundings of the middle."""
    out = {name: np.zeros(grid.shape, dtype=bool) for name in ("all", "north-west", "middle", "south")}
    n = grid.rows
    out["all"][:], out["north-west"][: n // 4, : n // 4] = True, True
    out["middle"][n // 3 : n // 2, n // 3 : n // 2], out["south"][-n // 5 :] = True, True
    return out


def steps(running, rng, count):
    """Yield boxes and their finds: half beside known finds, half next boxes; a find as often as the estimate expects."""
    grid = running.posterior.grid
    for n in range(count):
        now = running.estimate(20)
        if n % 2:
            row, col = running.finds[rng.integers(len(running.finds))] + rng.integers(-8, 9, 2)
        else:
            box = now.next_boxes[rng.integers(len(now.next_boxes))]
            row, col = box.row, box.col
        row, col = (int(np.clip(v, 0, grid.rows - 2)) // 2 * 2 for v in (row, col))
        mask = np.zeros(grid.shape, dtype=bool)
        mask[row : row + 2, col : col + 2] = True
        found = rng.random() < now.p_find[row // 2, col // 2]
        yield mask, [(row + int(rng.integers(2)), col + int(rng.integers(2)))] if found else []


def clocked(step):
    """Seconds of one step: by the clock, and of all processors."""
    clock, processors = time.perf_counter(), time.process_time()
    step()
    return time.perf_counter() - clock, time.process_time() - processors


def figures(values):
    """Median and largest of steps, in milliseconds."""
    if not values:
        return {"steps": 0}
    clock, processors = zip(*values, strict=True)
    return {
        "steps": len(values),
        "median_ms": round(1000 * statistics.median(clock), 1), "max_ms": round(1000 * max(clock), 1),
        "median_processor_ms": round(1000 * statistics.median(processors), 1),
    }  # fmt: skip


def main():
    """Fit, step, refit, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", help="also write the figures to this file")
    parser.add_argument("--rows", type=int, default=320)
    parser.add_argument("--finds", type=int, default=120)
    parser.add_argument("--steps", type=int, default=120)
    parser.add_argument("--finds-alone", type=int, default=60, help="finds added without a box of their own")
    parser.add_argument(
        "--sweeps", type=int, help="sweeps of each fit's four chains; by default until they agree"
    )
    parser.add_argument("--particles", type=int, default=1000)
    given = parser.parse_args()
    grid, effort, places, prior = case(given.rows, given.finds, 1)
    print(f"SIMULATED: {len(places)} finds; fitting ...", flush=True)
    fitted = fit(grid, effort, places, prior, seed=1, sweeps=given.sweeps)
    print(f"{fitted.draws} draws kept", flush=True)
    begun = time.perf_counter()
    running = Running.begin(fitted, regions=regions(grid), particles=given.particles)
    begin_s = time.perf_counter() - begun
    sizes = sorted(len(group.places) for group in running.groups)
    print(f"begun in {begin_s:.1f} s; finds by group {sizes}", flush=True)
    rng = np.random.default_rng(7)
    warm = Running.begin(fitted, regions=regions(grid), particles=50)
    for mask, _ in steps(warm, np.random.default_rng(9), 6):
        warm.add_box(mask, DETECTION)
        warm.add_find(*warm.finds[0])
    timed = {"negative box": [], "box with a find": [], "find alone": []}
    for n, (mask, found) in enumerate(steps(running, rng, given.steps)):
        kind = "box with a find" if found else "negative box"
        timed[kind].append(clocked(lambda m=mask, f=found: running.add_box(m, DETECTION, f, count=20)))
        if n % 2 == 0 and len(timed["find alone"]) < given.finds_alone:
            row, col = running.finds[rng.integers(len(running.finds))]
            timed["find alone"].append(
                clocked(lambda r=int(row), c=int(col): running.add_find(r, c, count=20))
            )
    for name, values in timed.items():
        print(name, figures(values), flush=True)
    now = running.estimate(20)
    began = time.perf_counter()
    again = fit(grid, running.structured, running.finds, prior, seed=2, sweeps=given.sweeps)
    refit_s = time.perf_counter() - began
    out = {
        "cells": grid.rows * grid.cols, "finds": len(places), "draws": fitted.draws, "particles": given.particles,
        "groups": len(running.groups), "largest_group": max(len(g.places) for g in running.groups),
        "begin_s": round(begin_s, 2), "refit_s": round(refit_s, 2), "stale": running.stale,
    }  # fmt: skip
    out.update({name: figures(values) for name, values in timed.items()})
    for name, mask in regions(grid).items():
        sd = float(again.known_by_label(np.where(mask, 0, -1), 1)[:, 0].std())
        there, refitted = now.regions[name].expected, again.expected_remaining_in(mask)
        out[f"region {name}"] = {
            "expected": [round(there, 2), round(refitted, 2)],
            "difference_in_sd": round((there - refitted) / max(sd, 1e-9), 2),
            "p_none": [round(now.regions[name].p_none, 4), round(again.p_none_in(mask), 4)],
        }  # fmt: skip
    out["largest_difference_of_p_any"] = round(
        float(np.abs(now.p_any_remaining - again.p_any_remaining).max()), 3
    )
    for key, value in out.items():
        print(key, value)
    if given.json:
        with open(given.json, "w", encoding="utf-8") as file:
            json.dump(out, file, indent=1)


if __name__ == "__main__":
    main()
