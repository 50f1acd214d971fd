"""What a store of a million records takes: import with history and index, pages, boxes, days; on both databases.

./run python benchmarks/store.py [--records 1000000] [--on sqlite postgresql] [--json FILE]

Evidence points made up at random (SIMULATED) are put in batches, as an intake does; then a page, a later page, a small
box and a page as of a day are read a hundred times each. Beside them stands raw insertion of the same points into a
table with an R*Tree, without history, as the least that SQLite can take. PostgreSQL is a throwaway cluster of
tests/postgres.py. Figures are medians.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from postgres import cluster
from shapely import Point

from fadeout.records.access import Viewer
from fadeout.records.record import Record
from fadeout.records.store import Store, create_store

STAFF = Viewer("benchmark", "staff")
BATCH = 20_000
TIMES = 100


def points(n: int, seed: int = 1) -> Iterator[Record]:
    """Evidence points on 10 × 10 degrees."""
    draw = random.Random(seed)
    for i in range(n):
        values = {
            "found_on": f"2024-{draw.randrange(1, 13):02d}-{draw.randrange(1, 29):02d}",
            "kind": draw.choice(("item", "fragment", "report")),
            "how": "survey",
            "count": draw.randrange(1, 5),
            "munition": "unknown",
            "position_error_m": 5.0,
            "source": f"team {draw.randrange(20)}",
            "stamp": "SIMULATED",
        }
        yield Record(
            "evidence", f"EP-{i:08d}", values, Point(100 + 10 * draw.random(), 10 + 10 * draw.random())
        )


def measure(address: str, n: int) -> dict[str, Any]:
    """Import and read; give the figures."""
    before = _peak_mb()
    store = create_store(address, lambda: datetime.now(UTC))
    half = _peak_mb()
    begun = time.perf_counter()
    with store.change(who="benchmark", why="import") as change:
        stream = points(n)
        for i in range(0, n, BATCH):
            change.put(one for _, one in zip(range(min(BATCH, n - i)), stream, strict=False))
            half = _peak_mb() if i < n // 2 else half
    took = time.perf_counter() - begun
    begun = time.perf_counter()
    made = sum(1 for _ in points(n))
    making = time.perf_counter() - begun
    return {
        "records": made,
        "put_per_s": round(n / (took - making)),
        "peak_mb_before_half_end": [round(before), round(half), round(_peak_mb())],
        **_reads(store, n),
    }


def _reads(store: Store, n: int) -> dict[str, float]:
    draw = random.Random(2)

    def box() -> tuple[float, float, float, float]:
        x, y = 100 + 9.9 * draw.random(), 10 + 9.9 * draw.random()
        return x, y, x + 0.05, y + 0.05  # about 25 of a million points

    def later() -> str:
        return f"EP-{draw.randrange(n):08d}"

    ways: dict[str, Callable[[], object]] = {
        "first_page_ms": lambda: store.page("evidence", STAFF),
        "later_page_ms": lambda: store.page("evidence", STAFF, after=later()),
        "box_ms": lambda: store.page("evidence", STAFF, bbox=box()),
        "as_of_page_ms": lambda: store.page("evidence", STAFF, after=later(), as_of="2100-01-01"),
        "one_ms": lambda: store.get("evidence", later(), STAFF),
    }
    return {name: _median_ms(way) for name, way in ways.items()}


def _median_ms(way: Callable[[], object]) -> float:
    way()
    seconds = []
    for _ in range(TIMES):
        begun = time.perf_counter()
        way()
        seconds.append(time.perf_counter() - begun)
    return round(1000 * statistics.median(seconds), 1)


def raw(folder: Path, n: int) -> dict[str, Any]:
    """The same points into a bare table with an R*Tree: no history, no checks."""
    import sqlite3

    rows = [
        (i, r.id, r.values["found_on"], r.values["source"], r.shape.x, r.shape.y)
        for i, r in enumerate(points(n))
    ]  # type: ignore[union-attr]
    file = sqlite3.connect(folder / "raw.db")
    file.executescript(
        "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; CREATE TABLE e (fid INTEGER PRIMARY KEY, id TEXT, d TEXT, "
        "s TEXT, x REAL, y REAL); CREATE VIRTUAL TABLE t USING rtree(id, a, b, c, d);"
    )
    begun = time.perf_counter()
    with file:
        file.executemany("INSERT INTO e VALUES (?, ?, ?, ?, ?, ?)", rows)
        file.executemany(
            "INSERT INTO t VALUES (?, ?, ?, ?, ?)", ((r[0], r[4], r[4], r[5], r[5]) for r in rows)
        )
    return {"records": n, "put_per_s": round(n / (time.perf_counter() - begun))}


def _peak_mb() -> float:
    unit = 1024 * 1024 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def main() -> None:
    """Measure each database and print its figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument(
        "--on", nargs="+", default=["sqlite", "postgresql"], choices=["sqlite", "postgresql", "raw"]
    )
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    asked = parser.parse_args()
    figures = {}
    with tempfile.TemporaryDirectory() as folder:
        for name in asked.on:
            if name == "sqlite":
                figures[name] = measure(str(Path(folder) / "store.gpkg"), asked.records)
                figures[name]["file_mb"] = round((Path(folder) / "store.gpkg").stat().st_size / 2**20)
            elif name == "raw":
                figures[name] = raw(Path(folder), asked.records)
            else:
                with cluster() as running:
                    figures[name] = measure(running.database(), asked.records)
            print(name, json.dumps(figures[name]), flush=True)
    if asked.json:
        asked.json.write_text(json.dumps(figures, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
