"""Backups with the keys of persons beside them, so that erasing a person reaches them too.

Reads   a store and its key file; or a backup
Gives   a backup with a copy of the key file; a store and its key file made of one
Knows   that keys go apart from the store; how the store itself is copied is `records.backup`
Start   at `backup`, `restore`
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from fadeout.jobs.victims import PERSONS, key_file, keys_of
from fadeout.records import backup as stores
from fadeout.records.audit import Progress
from fadeout.records.key_copies import copy_keys, restore_keys
from fadeout.records.keys import open_keys
from fadeout.records.store import Clock, Store


def backup(
    store: Store, folder: Path, at: datetime, named: Path | None, master: bytes | None, say: Progress
) -> Path:
    """Write a backup, and a copy of the key file beside it where the store holds persons."""
    made = stores.backup(store, folder, at, say)
    if any(store.ids(kind) for kind in PERSONS):
        copy_keys(keys_of(store, named, master), made.with_suffix(".keys"))
    return made


def restore(
    file: Path,
    address: str,
    clock: Clock,
    named: Path | None,
    master: bytes | None,
    present: Path | None,
    say: Progress,
) -> Store:
    """Make a store of a backup, and its key file; whoever was erased since, by the `present` key file, stays erased."""
    made = stores.restore(file, address, clock, say)
    copy = file.with_suffix(".keys")
    if copy.exists():
        now = open_keys(present, clock=clock, only_erase=True) if present is not None else None
        restore_keys(copy, key_file(made, named), master, now, clock)
    return made
