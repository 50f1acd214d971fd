"""Calibration of the engine on data simulated from the prior, printed as a table.

./run python benchmarks/calibration.py --sets 200 --seed 1 [--json FILE]

Exit code 0 where every line holds, 1 where one does not. All data are SIMULATED.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

from fadeout.model.calibration import Calibration, calibration


def main() -> int:
    """Run the study, print its table, and give the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sets", type=int, default=200, help="simulated data sets (200)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    args = parser.parse_args()
    start = time.monotonic()
    result = calibration(args.sets, args.seed, progress=lambda done, words: show(done, words, start))
    seconds = time.monotonic() - start
    print(table(result))
    print(f"{args.sets} data sets, seed {args.seed}, {seconds:.0f} s")
    if args.json:
        args.json.write_text(json.dumps(figures(result, args.sets, args.seed), indent=2) + "\n")
    return 0 if result.passed else 1


def show(done: float, words: str, start: float) -> None:
    """Progress with time left on a terminal, a line at each tenth elsewhere."""
    left = (time.monotonic() - start) * (1 - done) / done
    line = f"{words}, {left:.0f} s left"
    if sys.stderr.isatty():
        print(f"\r{line:<60}", end="" if done < 1 else "\n", file=sys.stderr, flush=True)
    elif int(done * 10) > int((done - 1 / int(words.split(" of ")[1].split()[0])) * 10 + 1e-9):
        print(line, file=sys.stderr, flush=True)


def table(result: Calibration) -> str:
    """The result as a table of what was stated beside what was seen."""
    rows = [f"{'SIMULATED DATA':<44} {'stated':>8} {'seen':>8} {'3 errors':>9}  holds"]
    for share in result.shares:
        verdict = "yes" if share.holds else "NO"
        rows.append(
            f"{share.name:<44} {share.stated:8.3f} {share.seen:8.3f} {3 * share.error:9.3f}  {verdict}"
        )
    for share in result.inclusive:
        rows.append(f"{share.name:<44} {share.stated:8.3f} {share.seen:8.3f}            at least as often")
    verdict = "yes" if result.ks_p > 0.01 else "NO"
    rows.append(
        f"{'ranks of the true total uniform, KS p':<44} {'> 0.01':>8} {result.ks_p:8.3f} {'':9}  {verdict}"
    )
    middle = sorted(result.finds)[len(result.finds) // 2]
    rows.append(
        f"finds per data set: median {middle}, most {result.finds.max()}; "
        f"{(result.finds == 0).sum()} without; not converged: {result.unconverged}"
    )
    return "\n".join(rows)


def figures(result: Calibration, sets: int, seed: int) -> dict[str, object]:
    """The result as plain values for JSON."""
    shares = [
        {"name": s.name, "stated": s.stated, "seen": s.seen, "standard_error": s.error, "holds": s.holds}
        for s in result.shares
    ]
    return {
        "label": "SIMULATED",
        "sets": sets,
        "seed": seed,
        "passed": result.passed,
        "ks_p": result.ks_p,
        "shares": shares,
        "intervals_ends_included": [
            {"name": s.name, "stated": s.stated, "seen": s.seen} for s in result.inclusive
        ],
        "unconverged": result.unconverged,
        "ranks": [round(float(rank), 6) for rank in result.ranks],
    }


if __name__ == "__main__":
    sys.exit(main())
