"""Victims: their records sealed when they come in, read with a purpose, counted without giving anyone away, erased.

Reads   a store, its key file
Gives   sealed records for an intake; a record unsealed after it was logged; counts; what an erasure reached
Knows   where the key file of a store lies
Start   at `keys_of`, `sealed`

The key file lies beside a store that is a file ("north.gpkg" has "north.keys"), else where FADEOUT_KEYS says.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from fadeout.errors import InputRefused, Problem
from fadeout.records import access_log, persons, reading
from fadeout.records.access import Viewer
from fadeout.records.catalogue import KINDS, RESTRICTED
from fadeout.records.counts import counts
from fadeout.records.key_rehearsal import Rehearsal, Sealing
from fadeout.records.keys import KeyStore, create_keys, open_keys
from fadeout.records.record import Record
from fadeout.records.store import Store

PERSONS = tuple(name for name, kind in KINDS.items() if kind.sensitivity == RESTRICTED)


def key_file(store: Store, named: Path | None = None) -> Path:
    """Where the key file of a store lies.

    Raises
    ------
    InputRefused
        If the store is a database and nobody said where.
    """
    if named is not None:
        return named
    path = store.file
    if path is None:
        message = "the keys of persons are not kept in a database"
        raise InputRefused([Problem("keys.no-place", message, "name a file of your own in FADEOUT_KEYS")])
    return path.with_suffix(".keys")


def keys_of(store: Store, named: Path | None = None, master: bytes | None = None) -> KeyStore:
    """Open the key file of a store; the first person makes it."""
    path = key_file(store, named)
    ids = [f"{kind}|{id}" for kind in PERSONS for id in store.ids(kind)]
    if not path.exists() and not ids:
        return create_keys(path, master, store.clock)
    keys = open_keys(path, master, store.clock)
    strange = persons.without_key(keys, ids)
    if strange:
        message = f"the key file {path.name} holds no key of {len(strange)} persons in {store.address}"
        raise InputRefused(
            [Problem("keys.wrong-file", message, "name the key file of this store in FADEOUT_KEYS")]
        )
    return keys


def rehearsal_keys(store: Store, named: Path | None = None, master: bytes | None = None) -> Rehearsal:
    """The keys that a rehearsal of an intake seals with: no key file is made, and no key is written into one."""
    there = key_file(store, named).exists() or any(store.ids(kind) for kind in PERSONS)
    return Rehearsal(keys_of(store, named, master) if there else None)


def sealed(keys: Sealing, records: Sequence[Record]) -> list[Record]:
    """Records of persons with all that is personal encrypted."""
    return persons.seal_all(keys, records)


def show(store: Store, keys: KeyStore, id: str, viewer: Viewer, at: datetime) -> Record:
    """Give the record of a victim in the open, after the access log says who reads it and why."""
    with store.connected() as connection:
        record = reading.get(connection, store.layout, "victim", id, viewer)
        if record is None:
            message = f"there is no victim '{id}' that you may see"
            raise InputRefused([Problem("store.no-record", message, "check the id and the role")])
        return persons.read_person(connection, keys, viewer, record, at)


def log(store: Store, id: str | None, limit: int) -> list[dict[str, Any]]:
    """Who read which victim's record, when and what for, the newest first."""
    with store.connected() as connection:
        return [vars(line) for line in access_log.lines(connection, "victim", id, limit)]


def table(store: Store, by: Sequence[str], viewer: Viewer) -> tuple[list[dict[str, Any]], str]:
    """Count victims by some choices; small numbers, and those that would give them away, are withheld."""
    found = counts(store.all("victim", viewer), by)
    rows = [{**_names(by, cell), "victims": number} for cell, number in found.cells.items()]
    return rows, found.words


def _names(by: Sequence[str], cell: tuple[str, ...]) -> dict[str, str]:
    return {name: (cell[i] if i < len(cell) else "total") for i, name in enumerate(by)}


def erase(store: Store, keys: KeyStore, id: str, *, who: str, why: str) -> persons.Erasure:
    """Destroy the key of a victim, here and in every copy that can be reached; there is no way back."""
    viewer = Viewer(who, "victim_assistance", why)
    if not store.history(id, viewer, "victim"):
        message = f"there is no victim '{id}' in the store"
        raise InputRefused([Problem("store.no-record", message, "check the id")])
    return persons.erase(keys, f"victim|{id}", who, why)
