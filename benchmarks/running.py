"""Time of one step of a running estimate, and its agreement with refits: `./run python benchmarks/running.py [--real]`.

320 × 320 cells of 25 m, 14 footprints, about 120 finds, all SIMULATED from the model's own prior. Boxes of 2 × 2 cells
are added, half beside known finds, half next boxes, with a find as often as the estimate expects one. Each step gives
maps of expected items and P(any left), chances of a find in all boxes, twenty next boxes, and what is stated of four
regions. With `--real`, the fit has what assessments have: 12 recorded strikes, 80 boxes of which those with a find were
left at it, and everything learned, detection too; of the boxes added, every other one with a find is left at it.

Differences to a refit stand beside those of a second refit to it, both as shares of the standard deviation of the
region's items in the posterior.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time

import numpy as np
from engine import SHAPES, searched

from fadeout.model import Coverage, Grid, Learning, Method, Prior, RecordedStrike, Searches, fit
from fadeout.model.refitting import fit_again
from fadeout.model.running import Running
from fadeout.model.simulate import from_prior

DETECTION = 0.8


def case(rows, finds, seed, real):
    """Simulate until about as many are found as asked: what `fit` takes."""
    grid, prior, rng = Grid(rows, rows, 25.0), Prior(1.0, 30.0, 1.0, 0.2, SHAPES), np.random.default_rng(seed)
    boxes = 240 * rows**2 // 320**2
    if real:
        records = [RecordedStrike(*rng.uniform(0, rows, 2), 250.0, 0.6) for _ in range(boxes // 20)]
        learned = Learning(strikes=2.0, items=0.5, shape=0.3, background=1.0, footprints=10.0)
        prior = Prior(1.0, 30.0, 1.0, 0.2, SHAPES, records, learned)
    for attempt in range(400):
        effort = searched(grid, boxes, 6, DETECTION, seed + attempt)
        stops = []
        for _ in range(boxes // 3 if real else 0):
            row, col = rng.integers(0, rows // 2, 2) * 2
            stops.append((np.zeros(grid.shape, dtype=bool), DETECTION))
            stops[-1][0][row : row + 2, col : col + 2] = True
        truth = from_prior(grid, effort, prior, seed + attempt, stopped=stops)
        if abs(len(truth.finds) - finds) <= 12:
            return grid, prior, _by_method(truth) if real else truth.effort, truth
    raise SystemExit(f"no simulated set gave about {finds} finds")


def _by_method(truth):
    """The truth's search as one method whose detection is to be learned."""
    passes = np.rint(np.log1p(-truth.effort) / np.log1p(-DETECTION)).astype(int)
    left_at = {box.find for box in truth.stopped}
    missed = [0 if n in left_at else passes[tuple(f)] - 1 for n, f in enumerate(truth.finds)]
    return Searches(
        (Method("team", DETECTION, certainty=20.0),),
        tuple(Coverage((passes == n).astype(float), (n,)) for n in range(1, passes.max() + 1)),
        np.array([-1 if n in left_at else 0 for n in range(len(truth.finds))]),
        np.maximum(missed, 0)[:, None],
    )


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


def walk(running, steps_taken, finds_alone, method):
    """Take the steps, each clocked by its kind."""
    rng = np.random.default_rng(7)
    search = {"method": 0} if method else {"detection": DETECTION}
    timed = {name: [] for name in ("negative box", "box with a find", "box left at its find", "find alone")}
    for n, (mask, found) in enumerate(steps(running, rng, steps_taken)):
        stopped = (
            bool(found) and method and len(timed["box with a find"]) > len(timed["box left at its find"])
        )
        kind = "negative box" if not found else "box left at its find" if stopped else "box with a find"
        timed[kind].append(
            clocked(
                lambda m=mask, f=found, s=stopped: running.add_box(m, finds=f, stopped=s, count=20, **search)
            )
        )
        if n % 2 == 0 and len(timed["find alone"]) < finds_alone:
            row, col = running.finds[rng.integers(len(running.finds))]
            timed["find alone"].append(
                clocked(lambda r=int(row), c=int(col): running.add_find(r, c, count=20))
            )
    return timed


def compare(now, again, second, grid):
    """What the running estimate, a refit and another say of each region."""
    out = {}
    for name, mask in regions(grid).items():
        sd = float(again.draw_totals(mask, 4000).std())
        there, refitted, other = (
            now.regions[name].expected, again.expected_remaining_in(mask), second.expected_remaining_in(mask)
        )  # fmt: skip
        out[f"region {name}"] = {
            "expected": [round(v, 2) for v in (there, refitted, other)],
            "difference_in_sd": round((there - refitted) / max(sd, 1e-9), 3),
            "refits_difference_in_sd": round((other - refitted) / max(sd, 1e-9), 3),
            "p_none": [round(v, 4) for v in (now.regions[name].p_none, again.p_none_in(mask), second.p_none_in(mask))],
            "interval": [now.regions[name].interval, *(
                tuple(int(v) for v in np.quantile(one.draw_totals(mask, 4000), [0.05, 0.95])) for one in (again, second)
            )],
        }  # fmt: skip
    for name, one in (
        ("largest_difference_of_p_any", now.p_any_remaining),
        ("refits", second.p_any_remaining),
    ):
        difference = np.abs(one - again.p_any_remaining)
        out[name] = [round(float(difference.max()), 3), round(float(np.quantile(difference, 0.999)), 4)]
    return out


def main():
    """Fit, step, refit, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", help="also write the figures to this file")
    parser.add_argument("--rows", type=int, default=320)
    parser.add_argument("--finds", type=int, default=120)
    parser.add_argument("--real", action="store_true", help="records, stopped boxes and everything learned")
    parser.add_argument("--steps", type=int, default=120)
    parser.add_argument("--finds-alone", type=int, default=60, help="finds timed without a box of their own")
    parser.add_argument(
        "--sweeps", type=int, help="sweeps of each fit's four chains; by default until they agree"
    )
    parser.add_argument("--particles", type=int, default=1000)
    parser.add_argument("--states", type=int, help="states that stand for what is learned")
    given = parser.parse_args()
    grid, prior, effort, truth = case(given.rows, given.finds, 1, given.real)
    places = truth.finds
    print(f"SIMULATED: {len(places)} finds, {len(truth.stopped)} boxes left at one; fitting ...", flush=True)
    fitted = fit(grid, effort, places, prior, stopped=truth.stopped, seed=1, sweeps=given.sweeps)
    print(f"{fitted.draws} draws kept", flush=True)
    options = {"regions": regions(grid), "states": given.states}
    begun = time.perf_counter()
    running = Running.begin(fitted, particles=given.particles, **options)
    begin_s = time.perf_counter() - begun
    sizes = sorted(len(group.places) for group in running.strands[0].groups)
    print(f"begun in {begin_s:.1f} s; {len(running.strands)} states; finds by group {sizes}", flush=True)
    walk(Running.begin(fitted, particles=50, **options), 6, 2, given.real)
    timed = walk(running, given.steps, 0, given.real)
    aside = Running.begin(fitted, particles=given.particles, **options)
    alone = walk(aside, 2 * given.finds_alone, given.finds_alone, given.real)
    timed["find alone"] = alone["find alone"]  # at random, so not for the comparison with refits
    for name, values in timed.items():
        print(name, figures(values), flush=True)
    now = running.estimate(20)
    began = time.perf_counter()
    again = fit_again(fitted, running.steps, running.finds, seed=2, sweeps=given.sweeps)
    refit_s = time.perf_counter() - began
    second = fit_again(fitted, running.steps, running.finds, seed=3, sweeps=given.sweeps)
    out = {
        "cells": grid.rows * grid.cols, "finds": len(places), "draws": fitted.draws, "particles": given.particles,
        "states": len(running.strands), "effective_share_of_states": round(running.moved, 3),
        "shifted_in_sd": round(running.shifted, 2), "stale": running.stale,
        "begin_s": round(begin_s, 2), "refit_s": round(refit_s, 2),
    }  # fmt: skip
    out.update({name: figures(values) for name, values in timed.items()})
    out.update(compare(now, again, second, grid))
    for key, value in out.items():
        print(key, value)
    if given.json:
        with open(given.json, "w", encoding="utf-8") as file:
            json.dump(out, file, indent=1)


if __name__ == "__main__":
    main()
