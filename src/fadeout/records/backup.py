"""Backups: a whole store in one file, made while others work in it, and proved by opening it again.

Reads   a store; or a backup and its manifest
Gives   a GeoPackage that is a store itself, with a manifest of its digest and last hash; a store made of one
Knows   how versions are copied from one database to another with their hashes unchanged
Start   at `backup`, `restore`

A backup of a store on PostgreSQL is the same kind of file, so that it can be opened and looked at without a server,
and restored to either.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import shapely
import sqlalchemy as sa

from fadeout.errors import InputRefused, Problem
from fadeout.records import audit
from fadeout.records.catalogue import KINDS
from fadeout.records.changing import WITHDRAWN, Change, columns_of, from_body
from fadeout.records.connecting import refuse, told
from fadeout.records.record import Record
from fadeout.records.schema import ACCESS_LOG, CHANGES, HISTORY, REMEMBERED
from fadeout.records.store import Clock, Store, create_store, open_store

AT_ONCE = 5_000
MADE = ("uuid", "version", "change", "recorded_at", "who")
Progress = audit.Progress


def backup(source: Store, folder: Path, at: datetime, say: Progress = lambda words, done: None) -> Path:
    """Write a backup into a folder, check it by opening it and walking its history, and give its file.

    Nothing is left behind that did not pass.

    Raises
    ------
    InputRefused
        If the store's own history does not fit, if the folder cannot be written, or the copy differs.
    """
    folder.mkdir(parents=True, exist_ok=True)
    name = f"{_plain_name(source)}-{at:%Y%m%dT%H%M%SZ}.gpkg"
    whole, part = folder / name, folder / f".{name}.part"
    if whole.exists():
        refuse("backup.exists", f"{name} exists already", "wait a second, or name another folder")
    try:
        say("copying", 0.0)
        if source.layout.name == "sqlite":
            _vacuum(source, part)
        else:
            copy(source, create_store(part, source.clock), say)
        found = _checked(part, source.clock, say)
        manifest = {
            "store": source.address,
            "made_at": f"{at:%Y-%m-%dT%H:%M:%SZ}",
            "sha256": _sha256(part),
            "head": found.head,
            "versions": found.rows,
            "changes": found.changes,
        }
        part.rename(whole)
        _manifest_of(whole).write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        reason = error.strerror or str(error)
        refuse("backup.not-written", f"{folder.name} cannot be written: {reason}", "name another folder")
    finally:
        for left in _family(part):
            left.unlink(missing_ok=True)
    return whole


def restore(file: Path, address: str | Path, clock: Clock, say: Progress = lambda words, done: None) -> Store:
    """Make a new store of a backup, and check it; what is there already is never touched.

    Raises
    ------
    InputRefused
        If the backup is missing or was changed since it was made, or if there is a store at the address.
    """
    if not file.exists():
        refuse("backup.missing", f"there is no backup {file.name}", "check the path")
    noted = _noted(file)
    if noted and noted["sha256"] != _sha256(file):
        message = f"{file.name} differs from what its manifest says: it was damaged or changed"
        refuse("backup.changed", message, "take another backup")
    if "://" in str(address):
        with tempfile.TemporaryDirectory() as folder:
            return _restore_copy(
                _looked_at(file, Path(folder) / "store.gpkg", clock, say), address, clock, say
            )
    path = Path(address)
    if path.exists():
        refuse("store.exists", f"{path.name} exists already", "name another file")
    part = path.with_name(f".{path.name}.part")
    try:
        _looked_at(file, part, clock, say).engine.dispose()
        part.rename(path)
    except OSError as error:
        refuse(
            "backup.not-restored", f"{path.name} cannot be written: {error.strerror or error}", "name another"
        )
    finally:
        for left in _family(part):
            left.unlink(missing_ok=True)
    return open_store(path, clock)


def _looked_at(file: Path, part: Path, clock: Clock, say: Progress) -> Store:
    """A copy of a backup whose whole history fits; the backup itself is only read."""
    shutil.copyfile(file, part)
    opened = open_store(part, clock)
    found = opened.verify(say)
    if found.faults:
        refuse("backup.faulty", f"{file.name}: {found.faults[0]}", "take another backup")
    return opened


def _restore_copy(source: Store, address: str | Path, clock: Clock, say: Progress) -> Store:
    target = create_store(address, clock)
    copy(source, target, say)
    again = target.verify(say)
    source.engine.dispose()
    if again.faults:
        refuse("backup.faulty", "the restored store differs from the backup", "empty the database; try again")
    return target


def _vacuum(source: Store, part: Path) -> None:
    """SQLite's own copy of one moment of a file, whatever others write meanwhile."""
    raw = source.engine.raw_connection()
    try:
        raw.cursor().execute("VACUUM INTO ?", (str(part),))
    except Exception as error:
        words = str(error)
        raise InputRefused(
            [Problem("backup.not-written", f"{source.address}: {words}", "make room")]
        ) from error
    finally:
        raw.close()


def copy(source: Store, target: Store, say: Progress = lambda words, done: None) -> None:
    """Copy all versions, with their hashes, into an empty store, and set up the present from them; all or nothing."""
    with (
        source.engine.connect() as reading,
        target.engine.begin() as writing,
        told(target.address),
    ):
        if source.layout.name == "postgresql":
            reading.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        target.layout.lock(writing)
        total = reading.execute(sa.select(sa.func.count()).select_from(HISTORY)).scalar_one() or 1
        done = 0
        for rows in _batches(reading, HISTORY, HISTORY.c.seq):
            target.layout.insert(
                writing, "history", (*audit.ROW, "hash"), [tuple(row.values()) for row in rows]
            )
            done += len(rows)
            say("copying", done / total)
        for rows in _batches(reading, CHANGES, CHANGES.c.change):
            writing.execute(CHANGES.insert(), rows)
        for row in reading.execute(sa.select(REMEMBERED)).mappings():
            writing.execute(REMEMBERED.insert().values(**row))
        for rows in _batches(reading, ACCESS_LOG, ACCESS_LOG.c.seq):
            writing.execute(ACCESS_LOG.insert(), rows)
        for kind in KINDS:
            _present(reading, target, writing, kind)
        target.layout.unlock(writing)


def _present(reading: sa.Connection, target: Store, writing: sa.Connection, kind: str) -> None:
    """Enter the last version of each record of a kind, unless it was withdrawn."""
    later = HISTORY.alias("later")
    overtaken = sa.exists().where(
        later.c.kind == HISTORY.c.kind, later.c.id == HISTORY.c.id, later.c.version > HISTORY.c.version
    )
    query = (
        sa.select(HISTORY, CHANGES.c.who)
        .join(CHANGES, CHANGES.c.change == HISTORY.c.change)
        .where(HISTORY.c.kind == kind, HISTORY.c.action != WITHDRAWN, ~overtaken)
        .order_by(HISTORY.c.id)
    )
    change = Change(writing, target.layout, 0, "", "", "", {}, audit.START, 1)
    last = ""
    while found := reading.execute(query.where(HISTORY.c.id > last).limit(AT_ONCE)).mappings().all():
        records = [from_body(kind, row["id"], row["body"]) for row in found]
        rows = [
            (one.id, *columns_of(kind, one.values), *(row[name] for name in MADE))
            for one, row in zip(records, found, strict=True)
        ]
        change.enter(kind, rows, _shapes(records))
        last = found[-1]["id"]


def _shapes(records: list[Record]) -> Any:
    return np.asarray(shapely.force_2d(np.array([*(one.shape for one in records), None], dtype=object)[:-1]))


def _batches(connection: sa.Connection, table: sa.Table, key: sa.Column[Any]) -> Any:
    last = 0
    while (
        rows := connection.execute(sa.select(table).where(key > last).order_by(key).limit(AT_ONCE))
        .mappings()
        .all()
    ):
        yield [dict(row) for row in rows]
        last = rows[-1][key.name]


def _checked(file: Path, clock: Clock, say: Progress) -> audit.Verified:
    opened = open_store(file, clock)
    found = opened.verify(say)
    opened.engine.dispose()
    if found.faults:
        message = f"the backup's history does not fit: {found.faults[0]}"
        refuse("backup.faulty", message, "run fadeout verify on the store itself")
    return found


def _noted(file: Path) -> dict[str, Any]:
    manifest = _manifest_of(file)
    if not manifest.exists():
        return {}
    try:
        return dict(json.loads(manifest.read_text(encoding="utf-8")))
    except ValueError:
        refuse("backup.changed", f"{manifest.name} is no manifest", "take another backup")
    return {}


def _manifest_of(file: Path) -> Path:
    return file.with_suffix(".json")


def _family(path: Path) -> list[Path]:
    return [path, *(path.with_name(path.name + end) for end in ("-wal", "-shm", "-journal"))]


def _plain_name(source: Store) -> str:
    return Path(source.engine.url.database or "store").stem


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
