"""Does `fadeout calibrate` state its certainty rightly, and does a district's prior beat the wide one?

Reads   the number of districts, of areas each, a seed; an earlier run's lines, to go on from there
Gives   a table: how often 90 % intervals held the truth, log scores of the next area's remaining items
Start   `./run python benchmarks/district.py [OUT.jsonl] [--districts 40] [--areas 6] [--seed 1]`

All of it is SIMULATED, under the model (`fadeout.model.district_study`).
"""

from __future__ import annotations

import argparse
import json
import math
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from fadeout.model.district_study import study


def main() -> None:
    """Run what is missing, then print the table."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("out", type=Path, nargs="?", default=Path("district.jsonl"))
    asked.add_argument("--districts", type=int, default=40)
    asked.add_argument("--areas", type=int, default=6)
    asked.add_argument("--seed", type=int, default=1)
    asked.add_argument("--threads", type=int, default=None)
    given = asked.parse_args()
    lines = given.out.read_text().splitlines() if given.out.exists() else []
    rows = [json.loads(line) for line in lines]
    with given.out.open("a") as file:
        for n in range(len(rows), given.districts):
            began = time.perf_counter()
            studied = study(given.seed * 100_000 + n, given.areas, threads=given.threads)
            rows.append({**asdict(studied), "seconds": round(time.perf_counter() - began, 1)})
            file.write(json.dumps(rows[-1]) + "\n")
            file.flush()
    print("\n".join(table(rows)))


def table(rows: list[dict[str, Any]]) -> list[str]:
    """Give the lines of the table."""
    count = len(rows)
    error = math.sqrt(0.9 * 0.1 / count)
    lines = [f"SIMULATED: {count} districts; 90 % intervals hold, ± {error:.2f} (binomial)", ""]
    lines += [
        "| number | 90 % interval holds | mean quantile (0.5) | sd of quantiles (0.289) |",
        "|---|---|---|---|",
    ]
    for name in rows[0]["held"]:
        held = np.mean([row["held"][name] for row in rows])
        quantile = np.array([row["quantile"][name] for row in rows])
        lines.append(f"| {name} | {held:.2f} | {quantile.mean():.2f} | {quantile.std():.2f} |")
    gain = np.array([row["score_district"] - row["score_wide"] for row in rows])
    wide = 1.96 * gain.std(ddof=1) / math.sqrt(count)
    lines += [
        "",
        f"Log score of the next area's remaining items, district − wide: {gain.mean():.3f} ± {wide:.3f} (95 %), "
        f"better in {int((gain > 0).sum())} of {count}",
        f"Finds a district: {np.mean([row['finds'] for row in rows]):.0f}; chains agreed (R-hat 1.1) in "
        f"{sum(row['agreed'] for row in rows)}; draws worth "
        f"{np.median([row['effective'] for row in rows]):.0f} (median); "
        f"{np.median([row['seconds'] for row in rows]):.0f} s each (median)",
    ]
    return lines


if __name__ == "__main__":
    main()
