"""Calibration of the engine on data simulated from the prior, printed as a table.

./run python benchmarks/calibration.py --sets 200 --seed 1 [--learned] [--keep FILE] [--json FILE]

--learned has everything learned (strikes per km², items per strike and their shape, background, footprints' weights,
the detection of two methods). --keep writes each data set to a file as it is done, and goes on from there.
Exit code 0 where every line holds, 1 where one does not. All data are SIMULATED.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import asdict
from pathlib import Path

from fadeout.model.calibration import Calibration, Outcome, band_holds, calibration


def main() -> int:
    """Run the study, print its table, and give the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sets", type=int, default=200, help="simulated data sets (200)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--learned", action="store_true", help="everything is learned")
    parser.add_argument("--keep", type=Path, help="go on from this file, and add each data set to it")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    args = parser.parse_args()
    start = time.monotonic()
    result = calibration(
        args.sets,
        args.seed,
        learned=args.learned,
        known=kept(args.keep),
        keep=lambda outcome: add(args.keep, outcome),
        progress=lambda done, words: show(done, words, start),
    )
    seconds = time.monotonic() - start
    print(table(result))
    print(f"{args.sets} data sets, seed {args.seed}, {seconds:.0f} s")
    if args.json:
        args.json.write_text(json.dumps(figures(result, args.sets, args.seed), indent=2) + "\n")
    return 0 if result.passed else 1


def kept(file: Path | None) -> list[Outcome]:
    """Data sets that an earlier run kept."""
    if file is None or not file.exists():
        return []
    return [Outcome(**json.loads(line)) for line in file.read_text().splitlines()]


def add(file: Path | None, outcome: Outcome) -> None:
    """Keep one data set."""
    if file is not None:
        with file.open("a", encoding="utf-8") as out:
            out.write(json.dumps(asdict(outcome)) + "\n")


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
    for name, ranks in result.learned.items():
        verdict = "yes" if band_holds(ranks) else "NO"
        rows.append(f"{'ranks of ' + name:<44} {'in band':>8} {ranks.mean():8.3f} {'':9}  {verdict}")
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
        "learned_in_99_band": {name: band_holds(ranks) for name, ranks in result.learned.items()},
        "ranks": [round(float(rank), 6) for rank in result.ranks],
    }


if __name__ == "__main__":
    sys.exit(main())
