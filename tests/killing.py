"""An intake that is killed at a random moment, and what must hold afterwards; used by a test and by a benchmark."""

from __future__ import annotations

import random
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import IO

from fadeout.records.access import Viewer
from fadeout.records.store import create_store, open_store

STAFF = Viewer("s", "staff")
STORED = re.compile(r"^(\S+): stored as change \d+\.$", re.MULTILINE)
FILES, ROWS = 5, 4_000


def files(folder: Path) -> list[Path]:
    """Files of evidence, each with ids of its own."""
    made = []
    for n in range(FILES):
        path = folder / f"finds{n}.csv"
        rows = [f"F{n}-{i:05d},{16 + i / 1e4:.4f},{107 + n / 10:.1f},2024-03-01,item" for i in range(ROWS)]
        path.write_text("id,lat,lon,found_on,kind\n" + "\n".join(rows) + "\n", encoding="utf-8")
        made.append(path)
    return made


def command(store: str, paths: list[Path]) -> list[str]:
    """Take the files in, as a user would."""
    words = ["intake", *map(str, paths), "--store", store, "--kind", "evidence", "--yes"]
    return [sys.executable, "-m", "fadeout", *words]


def begun(address: str, paths: list[Path], out: IO[bytes]) -> subprocess.Popen[bytes]:
    """Begin an intake, and wait until it reads its first file."""
    running = subprocess.Popen(command(address, paths), stdout=out, stderr=subprocess.PIPE)
    assert running.stderr is not None
    running.stderr.readline()
    return running


def seconds_whole(folder: Path, address: str, paths: list[Path]) -> float:
    """How long an intake takes that nobody disturbs, from its first file to its end."""
    create_store(address)
    with (folder / "whole.told").open("wb") as out:
        running = begun(address, paths, out)
        start = time.perf_counter()
        running.communicate()
    return time.perf_counter() - start


def kill_once(address: str, paths: list[Path], after_s: float) -> tuple[int, str]:
    """Kill an intake into a new store after some seconds; give how many files were told as stored, and what is wrong."""
    create_store(address)
    told = Path(str(paths[0]) + ".told")
    with told.open("wb") as out:
        running = begun(address, paths, out)
        time.sleep(after_s)
        running.kill()
        running.communicate()
    acknowledged = set(STORED.findall(told.read_text(encoding="utf-8")))
    return len(acknowledged), faults(address, paths, acknowledged)


def faults(address: str, paths: list[Path], acknowledged: set[str]) -> str:
    """What is wrong in a store after a kill: "" if every promise holds."""
    store = open_store(address)
    there = [record.id for record in store.all("evidence", STAFF)]
    for n, path in enumerate(paths):
        count = sum(id.startswith(f"F{n}-") for id in there)
        if count not in (0, ROWS):
            return f"{path.name} is partly there: {count} of {ROWS}"
        if path.name in acknowledged and count != ROWS:
            return f"{path.name} was told as stored and is not there"
    if store.verify().faults:
        return f"history does not fit: {store.verify().faults[0]}"
    again = subprocess.run(command(address, paths), capture_output=True, text=True, check=False)
    if again.returncode != 0 or store.count("evidence", STAFF) != FILES * ROWS:
        return f"the next intake failed: {again.stderr[-300:]}"
    store.engine.dispose()
    return ""


def moments(n: int, whole_s: float, seed: int) -> list[float]:
    """Random moments of an intake, from its first file to just past its last."""
    draw = random.Random(seed)
    return [draw.uniform(0.0, 1.02) * whole_s for _ in range(n)]
