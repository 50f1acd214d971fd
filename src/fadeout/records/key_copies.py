"""Copies of a key file: made with backups, followed by every erasure, and brought up to date when restored.

Reads   an open `KeyStore`, files and folders in which copies of it lie
Gives   a copy; a key file made of one; the copies that an erasure could not reach
Knows   which copies were made and what each still has to forget; nothing of stores and their backups
Start   at `copy_keys`, then `forget_in`

A copy on a disk that lies in a drawer keeps its keys until somebody connects it: what is still to be done is kept as
pending and told each time. A copy that nobody told fadeout of is never reached.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from fadeout.errors import FadeoutError, InputRefused, Problem
from fadeout.records.key_file import COPY, PENDING, SUFFIX, private_file
from fadeout.records.keys import Clock, KeyStore, now, open_keys
from fadeout.records.record import plain

STRANGE = "it is the key file of another store"


@dataclass(frozen=True)
class NotReached:
    """A copy that still holds keys of erased persons, as far as we know: where, why, and how many."""

    copy: str
    why: str
    persons: int

    def __str__(self) -> str:
        many = (
            "the key of 1 erased person"
            if self.persons == 1
            else f"the keys of {self.persons} erased persons"
        )
        holds = f"; it may still hold {many}" if self.persons else ""
        return f"{Path(self.copy).name}: {self.why}{holds}"


def copy_keys(keys: KeyStore, path: Path) -> Path:
    """Write a copy of the key file as it is at one moment, and note where it lies.

    Raises
    ------
    InputRefused
        If there is a file already, or it cannot be written.
    """
    private_file(path)
    try:
        with keys.raw() as connection:
            connection.exec_driver_sql("VACUUM INTO ?", (str(path),))
        _settle(path)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    with keys.writing() as connection:
        _note_copy(connection, _place(path), str(plain(keys.clock())))
        connection.execute(PENDING.delete().where(PENDING.c.copy == _place(path)))
    return path


def restore_keys(
    copy: Path,
    path: Path,
    wrapping: bytes | None = None,
    current: KeyStore | None = None,
    clock: Clock = now,
) -> KeyStore:
    """Make a key file of a copy; whoever was erased since, as `current` knows, is erased in it before it stands there.

    Raises
    ------
    InputRefused
        If there is a file already, if the copy is none, or is one of another key file.
    """
    if path.exists():
        raise InputRefused([Problem("keys.exists", f"{path.name} exists already", "name another file")])
    source = open_keys(copy, clock=clock, only_erase=True)
    part = path.with_name(f".{path.name}.part")
    part.unlink(missing_ok=True)
    private_file(part)
    try:
        with source.raw() as connection:
            connection.exec_driver_sql("VACUUM INTO ?", (str(part),))
        _settle(part)
        if current is not None:
            reapply(current, open_keys(part, clock=clock, only_erase=True))
        open_keys(part, wrapping, clock)
        part.rename(path)
    finally:
        part.unlink(missing_ok=True)
        part.with_name(part.name + "-journal").unlink(missing_ok=True)
    return open_keys(path, wrapping, clock)


def reapply(current: KeyStore, restored: KeyStore) -> list[str]:
    """Erase in a restored key file whoever the current one knows as erased; give those whose key was still in it.

    Copies and what they still have to forget are taken over too, so that the restored file can stand in for the
    current one.
    """
    _must_be_kin(current, restored)
    gone = restored.apply(current.erased().values())
    with current.reading() as connection:
        copies = connection.execute(sa.select(COPY.c.path, COPY.c.made_at)).all()
        due = [(row.copy, row.person) for row in connection.execute(sa.select(PENDING))]
    with restored.writing() as connection:
        for path, made_at in copies:
            _note_copy(connection, path, made_at)
        _note_pending(connection, due)
    return gone


def forget_in(keys: KeyStore, paths: Iterable[Path] = ()) -> list[NotReached]:
    """Erase in every copy whoever was erased here: in the copies that are known, and in those files and folders.

    Gives the copies that could not be reached. They stay pending, and the next call tries them again. The key file of
    another store is told, and left alone: its persons may have the same ids.
    """
    tombstones = keys.erased()
    with keys.reading() as connection:
        known = list(connection.execute(sa.select(COPY.c.path)).scalars())
        known += list(connection.execute(sa.select(PENDING.c.copy).distinct()).scalars())
    found = [_place(path) for path in _files(paths)]
    strange = []
    for place in dict.fromkeys([*known, *found]):
        if place == _place(keys.path):
            continue
        why = _forget(keys, Path(place))
        if why == STRANGE and place not in known:
            strange.append(NotReached(place, why, 0))
            continue
        with keys.writing() as connection:
            if why:
                _note_pending(
                    connection, [(place, person) for person in tombstones] if place in found else []
                )
            else:
                _note_copy(connection, place, str(plain(keys.clock())))
                connection.execute(PENDING.delete().where(PENDING.c.copy == place))
    return pending(keys) + strange


def pending(keys: KeyStore) -> list[NotReached]:
    """Copies that an erasure has not reached yet."""
    query = sa.select(PENDING.c.copy, sa.func.count()).group_by(PENDING.c.copy).order_by(PENDING.c.copy)
    with keys.reading() as connection:
        rows = connection.execute(query).all()
    return [NotReached(copy, _why_not(keys, Path(copy)) or "not tried yet", number) for copy, number in rows]


def copy_destroyed(keys: KeyStore, path: Path) -> None:
    """Note that a copy is no more, so that nothing is pending in it; refused as long as the file is there.

    Raises
    ------
    InputRefused
        If the file is still there, or no such copy is known.
    """
    place = _place(path)
    if path.exists():
        message = f"{path.name} is still there"
        raise InputRefused([Problem("keys.copy-exists", message, "destroy it first, or forget in it")])
    with keys.writing() as connection:
        known = connection.execute(COPY.delete().where(COPY.c.path == place)).rowcount
        known += connection.execute(PENDING.delete().where(PENDING.c.copy == place)).rowcount
    if not known:
        message = f"no copy {path.name} is known at that place"
        raise InputRefused([Problem("keys.no-copy", message, "give its whole path as it was")])


def _forget(keys: KeyStore, path: Path) -> str:
    """Erase in one copy; "" or why it could not be."""
    why = _why_not(keys, path)
    if why:
        return why
    try:
        open_keys(path, clock=keys.clock, only_erase=True).apply(keys.erased().values())
    except (FadeoutError, OSError) as error:
        return _words(error)
    return ""


def _why_not(keys: KeyStore, path: Path) -> str:
    """Why a copy cannot be reached, "" if it can."""
    try:
        if not path.exists():
            return "it is not there"
        other = open_keys(path, clock=keys.clock, only_erase=True)
        return "" if other.family == keys.family else STRANGE
    except (FadeoutError, OSError) as error:
        return _words(error)


def _words(error: Exception) -> str:
    if isinstance(error, InputRefused):
        return error.problems[0].message
    return str(getattr(error, "strerror", None) or error)


def _must_be_kin(keys: KeyStore, other: KeyStore) -> None:
    if keys.family != other.family:
        message = f"{other.path.name} is no copy of {keys.path.name}: it holds the keys of other persons"
        raise InputRefused([Problem("keys.not-kin", message, "name a copy of this key file")])


def _files(paths: Iterable[Path]) -> list[Path]:
    """The files named, and the key files in the folders named."""
    found: list[Path] = []
    for path in paths:
        found += sorted(path.rglob(f"*{SUFFIX}")) if path.is_dir() else [path]
    return found


def _place(path: Path) -> str:
    return str(path.resolve())


def _settle(path: Path) -> None:
    """Bring a file to the disk."""
    handle = os.open(path, os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _note_copy(connection: sa.Connection, place: str, at: str) -> None:
    if not connection.execute(sa.select(COPY.c.path).where(COPY.c.path == place)).first():
        connection.execute(COPY.insert().values(path=place, made_at=at))


def _note_pending(connection: sa.Connection, rows: Iterable[tuple[str, str]]) -> None:
    known = {(row.copy, row.person) for row in connection.execute(sa.select(PENDING))}
    fresh = [{"copy": copy, "person": person} for copy, person in rows if (copy, person) not in known]
    if fresh:
        connection.execute(PENDING.insert(), fresh)
