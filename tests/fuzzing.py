"""Files that were damaged at random, and what an intake may do with them; used by a test and by a benchmark.

An intake may take such a file in or refuse it with words. It may not end with any other error, hang, take memory
without bound, or leave part of a file in the store.
"""

from __future__ import annotations

import io
import json
import os
import random
import resource
import signal
import sys
import traceback
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import numpy as np
import openpyxl
import pyogrio
import shapely
from submissions import kobo

from fadeout.exchange.outgoing import outgoing
from fadeout.exchange.writing import write_records
from fadeout.jobs.storing import Request, take_in
from fadeout.records.access import Viewer
from fadeout.records.catalogue import KINDS
from fadeout.records.record import Record
from fadeout.records.store import Store, create_store

STAFF = Viewer("s", "staff")
TODAY = date(2026, 11, 25)
ROWS = 4
LONGEST_S = 20  # a file of some kilobytes that takes longer hangs
MOST_BYTES = 3 * 2**30  # of address space over what a worker has at its start
AT_ONCE = 500  # files that one worker takes before the next
NUMBERS = (b"0", b"-1", b"1e308", b"-1e308", b"nan", b"inf", b"99999999999999999999", b"1e-320")


def seeds(folder: Path) -> dict[str, Path]:
    """A small good file of each format that intake reads, by the format's name."""
    folder.mkdir(parents=True, exist_ok=True)
    made: dict[str, Path] = {}
    for name, suffix, driver in (
        ("GeoPackage", ".gpkg", "GPKG"),
        ("GeoJSON", ".geojson", "GeoJSON"),
        ("KML", ".kml", "LIBKML"),
        ("KMZ", ".kmz", "LIBKML"),
        ("FlatGeobuf", ".fgb", "FlatGeobuf"),
        ("Shapefile", ".shp", "ESRI Shapefile"),
    ):
        made[name] = folder / f"evidence{suffix}"
        _points(made[name], driver)
    made["ODS"] = folder / "evidence.ods"
    cells = {
        "id": np.array([f"EP-{i}" for i in range(ROWS)], dtype=object),
        "lat": np.arange(16.0, 16.0 + ROWS),
        "lon": np.full(ROWS, 107.5),
    }
    pyogrio.raw.write(
        str(made["ODS"]), None, list(cells.values()), fields=list(cells), driver="ODS", layer="evidence"
    )
    made |= _written(folder)
    made["KoboToolbox"] = folder / "kobo" / "submissions.json"
    made["KoboToolbox"].parent.mkdir(exist_ok=True)
    sent = [kobo(record, f"0000-{i}") for i, record in enumerate(_records())]
    answer = {"count": len(sent), "next": None, "previous": None, "results": sent}
    made["KoboToolbox"].write_text(json.dumps(answer), encoding="utf-8")
    made["GPX"] = folder / "evidence.gpx"
    waypoints = "".join(f'<wpt lat="{16 + i}" lon="107"><name>EP-{i}</name></wpt>' for i in range(ROWS))
    made["GPX"].write_text(
        f'<?xml version="1.0"?><gpx version="1.1" xmlns="http://www.topografix.com/GPX/1/1">{waypoints}</gpx>'
    )
    made["CSV"] = folder / "evidence.csv"
    rows = [f"EP-{i},{16 + i},107.5,2024-03-0{i + 1},item,{i + 1}" for i in range(ROWS)]
    made["CSV"].write_text("id,lat,lon,found_on,kind,count\n" + "\n".join(rows) + "\n")
    made["XLSX"] = folder / "evidence.xlsx"
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.title = "evidence"
    for row in ["id,lat,lon,found_on,kind,count", *rows]:
        sheet.append(row.split(","))
    book.save(made["XLSX"])
    return made


def _records() -> list[Record]:
    return [
        Record("evidence", f"EP-{i}", {"kind": "item", "count": i + 1}, shapely.Point(107, 16 + i))
        for i in range(ROWS)
    ]


def _written(folder: Path) -> dict[str, Path]:
    """Files as the program itself writes them."""
    rows = _records()
    about = {"fadeout": "0", "created_utc": "2026-11-25T07:00:00Z", "sensitivity": "exact"}
    made = {}
    for name, suffix in (
        ("File Geodatabase", ".gdb.zip"),
        ("zipped Shapefile", ".shp.zip"),
        ("GeoParquet", ".parquet"),
    ):
        made[name] = folder / f"evidence{suffix}"
        write_records(made[name], [outgoing(KINDS["evidence"], rows)], about=about)
    return made


def _points(path: Path, driver: str) -> None:
    wkb = shapely.to_wkb(np.array([shapely.Point(107 + i / 10, 16 + i / 10) for i in range(ROWS)]))
    fields = {
        "id": np.array([f"EP-{i}" for i in range(ROWS)], dtype=object),
        "kind": np.array(["item", "fragment", "report", "item"], dtype=object),
        "count": np.arange(1, ROWS + 1),
    }
    pyogrio.raw.write(
        str(path),
        wkb,
        list(fields.values()),
        fields=list(fields),
        driver=driver,
        geometry_type="Point",
        crs="EPSG:4326",
    )


def damaged(good: bytes, draw: random.Random) -> bytes:
    """The bytes of a file, damaged in one to four places; in archives often one member of it instead."""
    if good.startswith(b"PK") and draw.random() < 0.6:
        return _damaged_member(good, draw)
    data = bytearray(good)
    for _ in range(draw.randint(1, 4)):
        data = draw.choice(WAYS)(data, draw)
    return bytes(data)


def _damaged_member(good: bytes, draw: random.Random) -> bytes:
    out = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(good)) as before,
        zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as after,
    ):
        names = before.namelist()
        hit = draw.choice(names)
        for name in names:
            data = bytearray(before.read(name))
            if name == hit:
                for _ in range(draw.randint(1, 4)):
                    data = draw.choice(WAYS)(data, draw)
            after.writestr(name, bytes(data))
    return out.getvalue()


def _flip(data: bytearray, draw: random.Random) -> bytearray:
    if data:
        data[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
    return data


def _cut(data: bytearray, draw: random.Random) -> bytearray:
    return data[: draw.randrange(len(data) + 1)]


def _drop(data: bytearray, draw: random.Random) -> bytearray:
    at = draw.randrange(len(data) + 1)
    return data[:at] + data[at + draw.randint(1, 64) :]


def _repeat(data: bytearray, draw: random.Random) -> bytearray:
    at = draw.randrange(len(data) + 1)
    piece = data[at : at + draw.randint(1, 256)]
    return data[:at] + piece * draw.randint(2, 50) + data[at:]


def _noise(data: bytearray, draw: random.Random) -> bytearray:
    at = draw.randrange(len(data) + 1)
    return data[:at] + bytearray(draw.randbytes(draw.randint(1, 32))) + data[at:]


def _number(data: bytearray, draw: random.Random) -> bytearray:
    at = [i for i, byte in enumerate(data) if 48 <= byte <= 57]
    if not at:
        return data
    i = draw.choice(at)
    return data[:i] + draw.choice(NUMBERS) + data[i + 1 :]


def _extreme(data: bytearray, draw: random.Random) -> bytearray:
    at = draw.randrange(len(data) + 1)
    return data[:at] + draw.choice((b"\x00" * 8, b"\xff" * 8, b"\x7f\xff\xff\xff")) + data[at + 8 :]


WAYS: tuple[Callable[[bytearray, random.Random], bytearray], ...] = (
    *(_flip, _cut, _drop, _repeat, _noise, _number, _extreme),
)


@dataclass
class Found:
    """What came of many damaged files."""

    outcomes: Counter[str] = field(default_factory=Counter)  # taken, refused
    faults: list[str] = field(default_factory=list)


def fuzz(name: str, good: Path, times: int, seed: int, folder: Path) -> Found:
    """Damage a file of one format many times and take each in; workers that die or hang are told by their file."""
    found = Found()
    at = 0
    while at < times:
        many = min(AT_ONCE, times - at)
        done, outcomes, fault = _worker(name, good, range(at, at + many), seed, folder)
        found.outcomes += outcomes
        if fault:
            found.faults.append(fault)
        at += done
    return found


def _worker(name: str, good: Path, numbers: range, seed: int, folder: Path) -> tuple[int, Counter[str], str]:
    """Take some files in, in a process of its own; give how many were looked at, and the fault that ended it."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:  # pragma: no cover
        os.close(read)
        _limit()
        with os.fdopen(write, "w") as out:
            for line in _lines(name, good, numbers, seed, folder):
                out.write(line + "\n")
                out.flush()
        os._exit(0)
    os.close(write)
    with os.fdopen(read) as told:
        lines = told.read().splitlines()
    _, status = os.waitpid(child, 0)
    outcomes = Counter(line for line in lines if line in ("taken", "refused"))
    strange = [line for line in lines if line not in ("taken", "refused")]
    if strange:
        return len(lines), outcomes, strange[0]
    if os.WIFSIGNALED(status):
        number = numbers[len(lines)] if len(lines) < len(numbers) else numbers[-1]
        signal_name = signal.Signals(os.WTERMSIG(status)).name
        return len(lines) + 1, outcomes, f"{name} {number} (seed {seed}): ended by {signal_name}"
    return len(numbers), outcomes, ""


def _limit() -> None:
    with open("/proc/self/statm") as file:
        now = int(file.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    resource.setrlimit(resource.RLIMIT_AS, (now + MOST_BYTES, now + MOST_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    devnull = os.open(os.devnull, os.O_WRONLY)
    os.dup2(devnull, 2)


def _lines(name: str, good: Path, numbers: range, seed: int, folder: Path) -> Iterator[str]:
    """One word for each file: taken, refused, or what was wrong; the first fault ends it."""
    work = folder / f"{name}-{numbers.start}"
    work.mkdir(parents=True)
    for beside in good.parent.glob(f"{good.stem}.*"):
        if beside.suffix in (".shx", ".dbf", ".prj", ".cpg"):
            (work / beside.name).write_bytes(beside.read_bytes())
    store = create_store(work / "store.gpkg")
    source, count = good.read_bytes(), 0
    for number in numbers:
        path = work / good.name
        path.write_bytes(damaged(source, random.Random(f"{seed} {name} {number}")))
        word, count = _one(store, path, count)
        if word not in ("taken", "refused"):
            yield f"{name} {number} (seed {seed}): {word}"
            return
        yield word
    if store.verify().faults:
        yield f"{name} {numbers.start} to {numbers.stop}: history does not fit"


def _one(store: Store, path: Path, before: int) -> tuple[str, int]:
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.alarm(LONGEST_S)  # ends the worker: its file is told as hanging
    try:
        (review,) = take_in(store, Request((path,), "fuzz"), today=TODAY)
    except BaseException:
        return "ended with " + " | ".join(traceback.format_exc().splitlines()[-4:]), before
    finally:
        signal.alarm(0)
    after = store.count("evidence", STAFF)
    stored = review.put.new if review.change is not None else 0
    if after != before + stored:
        return f"{after - before} records were left by a file that stored {stored}", after
    return ("refused" if review.problems else "taken"), after


if sys.platform == "win32":
    raise ImportError("these workers fork")
