"""Twenty thousand damaged files for each importer: no crash, no hang, no partial store, memory bounded.

./run python benchmarks/fuzz.py [--times 20000] [--seed 1] [--formats CSV KML ...]

Exit code 1 if any file did what it may not; each is told by format, number and seed, from which it can be made again.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

import fuzzing


def main() -> int:
    """Damage, take in, tell."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--times", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--formats", nargs="*", help="only these")
    asked = parser.parse_args()
    broken = 0
    with tempfile.TemporaryDirectory() as name:
        seeds = fuzzing.seeds(Path(name) / "good")
        if strange := set(asked.formats or ()) - seeds.keys():
            parser.error(f"there is no format {', '.join(sorted(strange))}; take of {', '.join(seeds)}")
        for form, good in seeds.items():
            if asked.formats and form not in asked.formats:
                continue
            begun = time.perf_counter()
            found = fuzzing.fuzz(form, good, asked.times, asked.seed, Path(name) / form)
            broken += len(found.faults)
            took = time.perf_counter() - begun
            print(f"{form:12} {dict(found.outcomes)}  {len(found.faults)} faults  {took:.0f} s", flush=True)
            for fault in found.faults[:20]:
                print(f"  {fault}", flush=True)
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
