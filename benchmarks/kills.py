"""An intake killed (kill -9) at random moments: what was told as stored is whole, nothing else is partly there.

./run python benchmarks/kills.py [--times 200] [--seed 1] [--on sqlite|postgresql]

After each kill the history must fit and the next intake must work. Exit code 1 if any promise was broken.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import Counter
from contextlib import nullcontext
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

import killing
from postgres import cluster


def main() -> int:
    """Kill, look, tell."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--times", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--on", choices=["sqlite", "postgresql"], default="sqlite")
    asked = parser.parse_args()
    stored: Counter[int] = Counter()
    broken = []
    with (
        tempfile.TemporaryDirectory() as name,
        cluster() if asked.on == "postgresql" else nullcontext() as server,
    ):
        folder = Path(name)
        paths = killing.files(folder)

        def address(n: int) -> str:
            return server.database() if server else str(folder / f"store{n}.gpkg")

        whole = killing.seconds_whole(folder, address(0), paths)
        for n, moment in enumerate(killing.moments(asked.times, whole, asked.seed), 1):
            where = address(n)
            told, fault = killing.kill_once(where, paths, moment)
            stored[told] += 1
            if fault:
                broken.append(f"{moment:.3f} s: {fault}")
            for left in folder.glob(f"store{n}.gpkg*"):
                left.unlink()
            print(f"\r{n} of {asked.times}, {len(broken)} broken", end="", file=sys.stderr)
    print(
        f"\nkilled {asked.times} times within {whole:.1f} s; files told as stored: {dict(sorted(stored.items()))}"
    )
    print("\n".join(broken) if broken else "every promise held")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
