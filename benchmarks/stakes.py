"""Stakes that eight searchers looked for: each one's detection and the number missed, beside the truth.

./run python benchmarks/stakes.py ../shared/data/detection/stake77.csv [--sizes 2,3,8] [--seed 1] [--json FILE]

Only stakes found by one of the searchers taken are used; that there were 150 is used to judge alone. Every choice of
searchers of each size is estimated. --sets N adds N SIMULATED searches drawn from the prior. Exit code 0 where the
interval of all searchers, and the share of intervals of the simulated ones, hold.
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
import time
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

from fadeout.model.observers import WEAK, Observers, ObserversPrior, imagined, observers

REACH_M = 20.0  # half the width of the strip in which the stakes stood


def main() -> int:
    """Estimate, print the tables, and give the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", type=Path, help="stake77.csv")
    parser.add_argument("--sizes", default="2,3,8", help="how many searchers are taken at a time (2,3,8)")
    parser.add_argument("--sets", type=int, default=0, help="SIMULATED searches (0)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    args = parser.parse_args()
    start = time.monotonic()
    found, distance = read(args.file)
    whole = observers(found, distance, reach_m=REACH_M, seed=args.seed)
    print(each(whole, found))
    figures: dict[str, Any] = {"truth": len(found), "seed": args.seed, "all": of(whole, len(found))}
    figures["searchers"] = [
        {"found": int(count), "detection": middle, "low": low, "high": high}
        for count, middle, (low, high) in zip(
            whole.found_by, np.median(whole.detection, axis=0), whole.detection_interval, strict=True
        )
    ]
    figures["other assumptions"] = assumptions(found, distance, args.seed)
    figures["choices"] = [
        choices(found, distance, size, args.seed) for size in map(int, args.sizes.split(","))
    ]
    held = figures["all"]["holds"]
    if args.sets:
        figures["SIMULATED"] = simulated(args.sets, args.seed)
        held = held and figures["SIMULATED"]["holds"]
    print(f"seed {args.seed}, {time.monotonic() - start:.0f} s")
    if args.json:
        args.json.write_text(json.dumps(figures, indent=2) + "\n")
    return 0 if held else 1


def read(file: Path) -> tuple[np.ndarray, np.ndarray]:
    """Who found which stake, and each stake's distance in metres."""
    with file.open(newline="", encoding="utf-8") as rows:
        stakes = list(csv.DictReader(rows))
    names = sorted(name for name in stakes[0] if name.startswith("Obs"))
    found = np.array([[stake[name] == "1" for name in names] for stake in stakes])
    return found, np.array([float(stake["PD"]) for stake in stakes])


def of(estimate: Observers, truth: int) -> dict[str, Any]:
    """Figures of one estimate beside the truth."""
    low, high = estimate.total_interval
    return {
        "found": estimate.found,
        "total": estimate.found + estimate.missed_median,
        "low": low,
        "high": high,
        "holds": low <= truth <= high,
        "effective_draws": round(estimate.effective),
    }


def each(whole: Observers, found: np.ndarray) -> str:
    """A table of the searchers: what was stated from finds alone, and the share of all that each found."""
    rows = [f"{'searcher':<10} {'found':>6} {'detection':>10} {'90 % interval':>15} {'of all':>8}"]
    middle, ends = np.median(whole.detection, axis=0), whole.detection_interval
    for k, count in enumerate(whole.found_by):
        rows.append(
            f"{k + 1:<10} {count:6} {middle[k]:10.3f} {ends[k, 0]:8.3f}-{ends[k, 1]:.3f} "
            f"{count / len(found):8.3f}"
        )
    return "\n".join(rows)


def assumptions(found: np.ndarray, distance: np.ndarray, seed: int) -> dict[str, dict[str, Any]]:
    """All searchers under other assumptions."""
    truth, out = len(found), {}
    print(f"\n{'all searchers':<34} {'found':>6} {'total':>6} {'90 % interval':>15}  holds {truth}")
    for name, prior, by_distance in (
        ("weak prior", WEAK, True),
        ("spread of items half as wide", ObserversPrior(spread=1.0), True),
        ("spread of items twice as wide", ObserversPrior(spread=4.0), True),
        ("searchers twice as far apart", ObserversPrior(level_sd=4.0, own_sd=2.0), True),
        ("distance not used", WEAK, False),
        ("all items alike", ObserversPrior(spread=1e-3), True),
        ("all items alike, no distance", ObserversPrior(spread=1e-3), False),
    ):
        if by_distance:
            estimate = observers(found, distance, reach_m=REACH_M, seed=seed, prior=prior)
        else:
            estimate = observers(found, seed=seed, prior=prior)
        out[name] = row = of(estimate, truth)
        print(
            f"{name:<34} {row['found']:6} {row['total']:6} {row['low']:8}-{row['high']:<6}  "
            f"{'yes' if row['holds'] else 'NO'}"
        )
    return out


def choices(found: np.ndarray, distance: np.ndarray, size: int, seed: int) -> dict[str, Any]:
    """Every choice of so many searchers: how often the interval holds the truth."""
    rows = []
    for chosen in combinations(range(found.shape[1]), size):
        estimate = observers(found[:, chosen], distance, reach_m=REACH_M, seed=seed)
        rows.append({"searchers": [k + 1 for k in chosen], **of(estimate, len(found))})
    held = sum(row["holds"] for row in rows)
    below = sum(row["high"] < len(found) for row in rows)
    print(
        f"{size} searchers: {held} of {len(rows)} intervals hold {len(found)} ({below} below it, "
        f"{len(rows) - held - below} above); total, middle {median(rows, 'total'):.0f}, "
        f"interval, middle {median(rows, 'low'):.0f}-{median(rows, 'high'):.0f}; "
        f"fewest draws that count {min(row['effective_draws'] for row in rows)}"
    )
    return {"size": size, "held": held, "below": below, "of": len(rows), "each": rows}


def median(rows: Sequence[dict[str, Any]], name: str) -> float:
    """The middle of one figure."""
    return float(np.median([row[name] for row in rows]))


def simulated(sets: int, seed: int) -> dict[str, Any]:
    """SIMULATED searches by 3 to 8 searchers: how often intervals hold the truth."""
    rng = np.random.default_rng(seed)
    missed, detection, few = [], [], 0
    for number in range(sets):
        items = int(np.exp(rng.uniform(np.log(40), np.log(400))))
        search = imagined(items, 3 + number % 6, seed=int(rng.integers(2**31)))
        if not search.found.any():
            continue
        estimate = observers(search.found, search.distance_m, reach_m=search.reach_m, seed=number)
        low, high = estimate.missed_interval
        missed.append(low <= search.missed <= high)
        ends = estimate.detection_interval[0]
        detection.append(ends[0] <= search.detection[0] <= ends[1])
        few += not estimate.reliable
    error = 3.0 * float(np.sqrt(0.09 / len(missed)))
    shares = {"missed": float(np.mean(missed)), "detection": float(np.mean(detection))}
    holds = shares["missed"] >= 0.9 - error and abs(shares["detection"] - 0.9) <= error
    print(
        f"SIMULATED, {len(missed)} searches: 90 % intervals hold the number missed in {shares['missed']:.3f}, "
        f"the first searcher's detection in {shares['detection']:.3f} (3 errors {error:.3f}); "
        f"{few} with too few draws that count"
    )
    return {"sets": len(missed), **shares, "three_errors": error, "too_few_draws": few, "holds": bool(holds)}


if __name__ == "__main__":
    sys.exit(main())
