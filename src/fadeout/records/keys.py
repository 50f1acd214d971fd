"""The keys of persons: one key for each, in a file of its own, apart from the store and from its backups.

Reads   a key file; optionally a master key
Gives   `KeyStore`: keys made, given, destroyed for good, and the list of what was destroyed
Knows   how a key leaves no trace in the file, whose tables stand in `key_file`; what keys lock: `persons`
Start   at `create_keys`, `open_keys`

A destroyed key must not come back from the file, from SQLite's journal beside it, or from a copy:

- deleted rows are overwritten (`secure_delete`), and the image of the file is then searched for the key;
- there is no write-ahead log; the journal is kept (`PERSIST`), always on the same blocks, and filled with zeros;
- what was destroyed stays on a list with the person's id in the clear. A digest would hide nothing, as ids are short
  codes that are soon tried out, and whoever restores a copy must know whose keys to destroy again. The id is the
  programme's own code, no name.

What a disk keeps of overwritten blocks (flash memory, snapshots) is out of reach: encrypt the disk.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from fadeout.errors import InputRefused, Problem
from fadeout.records.connecting import refuse
from fadeout.records.key_file import (
    ABOUT,
    APPLICATION_ID,
    COPY,
    ERASED,
    FORMAT,
    KEY_BYTES,
    METADATA,
    NONCE_BYTES,
    PENDING,
    PERSON_KEY,
    TO_WIPE,
    TRIGGERS,
    Tombstone,
    check_master,
    check_ours,
    check_private,
    derived,
    engine_of,
    master_of,
    private_file,
    told,
)
from fadeout.records.record import plain

Clock = Callable[[], datetime]
AT_ONCE = 500
WINDOW = 16  # bytes of a key of which no run may stay: the rest of it would still be 128 bits to guess


@dataclass(frozen=True)
class KeyStore:
    """An open key file. Keys are read from it each time, so that a destroyed one is gone at once."""

    engine: sa.Engine
    path: Path
    clock: Clock
    family: bytes  # of the file and all its copies; another programme's file has another
    master: bytes | None = field(default=None, repr=False)  # what wraps keys, derived from the master key

    # ---- keys --------------------------------------------------------------------------------------------------------

    def keys_of(self, persons: Sequence[str]) -> dict[str, bytes]:
        """Give the keys of those persons that have one."""
        with self.reading() as connection:
            return self._keys(connection, persons)

    def make(self, persons: Sequence[str]) -> dict[str, bytes]:
        """Give the keys of persons, made where there was none yet; stored before they are given.

        Raises
        ------
        InputRefused
            If one of them was erased: an erased person gets no new key.
        """
        with self.writing() as connection:
            gone = _tombstones(connection, persons)
            if gone:
                raise InputRefused([was_erased(one) for one in gone.values()])
            found = self._keys(connection, persons)
            at = str(plain(self.clock()))
            fresh = {one: os.urandom(KEY_BYTES) for one in dict.fromkeys(persons) if one not in found}
            rows = [
                {"person": one, "key": self._wrapped(one, key), "made_at": at} for one, key in fresh.items()
            ]
            if rows:
                connection.execute(PERSON_KEY.insert(), rows)
        return found | fresh

    def persons(self) -> list[str]:
        """Everybody who has a key, as kind|id."""
        with self.reading() as connection:
            return list(
                connection.execute(sa.select(PERSON_KEY.c.person).order_by(PERSON_KEY.c.person)).scalars()
            )

    def erased(self, persons: Sequence[str] | None = None) -> dict[str, Tombstone]:
        """Give what was erased: of all, or of these persons."""
        with self.reading() as connection:
            return _tombstones(connection, persons)

    def _keys(self, connection: sa.Connection, persons: Sequence[str]) -> dict[str, bytes]:
        found: dict[str, bytes] = {}
        for some in _parts(persons):
            query = sa.select(PERSON_KEY.c.person, PERSON_KEY.c.key).where(PERSON_KEY.c.person.in_(some))
            for person, kept in connection.execute(query):
                found[person] = self._unwrapped(person, bytes(kept))
        return found

    def _wrapped(self, person: str, key: bytes) -> bytes:
        if self.master is None:
            return key
        nonce = os.urandom(NONCE_BYTES)
        return nonce + AESGCM(self.master).encrypt(nonce, key, person.encode())

    def _unwrapped(self, person: str, kept: bytes) -> bytes:
        if self.master is None:
            return kept
        try:
            return AESGCM(self.master).decrypt(kept[:NONCE_BYTES], kept[NONCE_BYTES:], person.encode())
        except InvalidTag as error:
            message = f"{self.path.name}: the key of {shown(person)} was changed, or is another person's"
            raise InputRefused(
                [Problem("keys.changed", message, "take a copy from before it was changed")]
            ) from error

    # ---- erasing -----------------------------------------------------------------------------------------------------

    def erase(self, person: str, who: str, why: str) -> tuple[Tombstone, bool]:
        """Destroy a person's key for good; give what the list says of it, and whether that was so before.

        Raises
        ------
        InputRefused
            If there is no such key, if nobody or no reason is named, or if a trace of the key stayed in the file.
        """
        if not who.strip() or not why.strip():
            refuse("keys.no-reason", "erasing a person says who does it and why", "give --who and --why")
        with self.writing() as connection:
            known = _tombstones(connection, [person])
            if known:
                return known[person], True
            kept = _kept(connection, [person])
            if not kept:
                message = f"{self.path.name} holds no key of {shown(person)}: there is nothing to erase"
                refuse("keys.no-person", message, "check the id; or open the key file of that store")
            said = Tombstone(person, str(plain(self.clock())), who.strip(), why.strip())
            _bury(connection, [said])
            copies = connection.execute(sa.select(COPY.c.path)).scalars().all()
            if copies:
                connection.execute(PENDING.insert(), [{"copy": one, "person": person} for one in copies])
        self.wipe(kept)
        return said, False

    def apply(self, tombstones: Iterable[Tombstone]) -> list[str]:
        """Erase here whoever was erased elsewhere; give the persons whose key was still here."""
        with self.writing() as connection:
            known = _tombstones(connection, None)
            fresh = [one for one in tombstones if one.person not in known]
            kept = _kept(connection, [one.person for one in fresh])
            _bury(connection, fresh)
        if fresh:
            self.wipe(kept)
        return sorted(kept)

    def wipe(self, destroyed: Mapping[str, bytes]) -> None:
        """Leave no trace of destroyed keys: look for them in the file, pack it anew if one stayed, empty the journal."""
        seen = self._traces(destroyed)
        if seen or seen is None:
            self._pack()
        self._empty_journal()
        left = self._traces(destroyed)
        if left:
            message = f"{self.path.name} still holds traces of {len(left)} destroyed keys"
            refuse("keys.traces", message, "copy the file with fadeout, and destroy this one")
        with self.writing() as connection:
            connection.execute(ABOUT.delete().where(ABOUT.c.name == TO_WIPE))

    def finish(self) -> None:
        """Do what an erasure could not end because the machine stopped between the deletion and the cleaning."""
        with self.reading() as connection:
            left = connection.execute(sa.select(ABOUT.c.name).where(ABOUT.c.name == TO_WIPE)).first()
        if left:
            self._pack()
            self.wipe({})  # the destroyed key is known no more, so there is nothing to look for

    def _pack(self) -> None:
        """Write the file anew: what lay in unused bytes of it is left behind."""
        with self.raw() as connection:
            connection.exec_driver_sql("VACUUM")

    def _traces(self, destroyed: Mapping[str, bytes]) -> list[str] | None:
        """Whose keys can still be seen in the image of the file; None where this SQLite (before 3.36) gives no image."""
        if not destroyed:
            return []
        with self.raw() as connection:
            driver: Any = connection.connection.dbapi_connection
            if not hasattr(driver, "serialize"):
                return None
            image: bytes = driver.serialize()  # through SQLite: opening the file here would end its locks
        return [person for person, kept in destroyed.items() if trace(kept, image)]

    def _empty_journal(self) -> None:
        """Fill the journal with zeros while nobody else can write. SQLite takes such a journal as ended."""
        journal = self.path.with_name(self.path.name + "-journal")
        if not journal.exists():
            return
        with self._begun("EXCLUSIVE"), journal.open("r+b") as stream:
            left = stream.seek(0, os.SEEK_END)
            stream.seek(0)
            while left > 0:
                left -= stream.write(bytes(min(left, 1 << 20)))
            stream.flush()
            os.fsync(stream.fileno())

    # ---- connections -------------------------------------------------------------------------------------------------

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """A connection that reads one moment of the file."""
        with self._begun("DEFERRED") as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[sa.Connection]:
        """A connection that writes, one at a time; whole or not at all."""
        with self._begun("IMMEDIATE") as connection:
            yield connection

    @contextmanager
    def _begun(self, mode: str) -> Iterator[sa.Connection]:
        with told(self.path.name), self.engine.execution_options(begin=mode).begin() as connection:
            yield connection

    @contextmanager
    def raw(self) -> Iterator[sa.Connection]:
        """A connection outside any transaction, as VACUUM needs it."""
        with told(self.path.name), self.engine.execution_options(begin=None).connect() as connection:
            yield connection


def trace(kept: bytes, image: bytes) -> bool:
    """Whether a run of WINDOW bytes of a key can be seen in the bytes of a file.

    Examples
    --------
    >>> trace(bytes(range(32)), b"..." + bytes(range(8, 24)) + b"..."), trace(bytes(range(32)), b"nothing")
    (True, False)
    """
    return any(kept[i : i + WINDOW] in image for i in range(len(kept) - WINDOW + 1))


def was_erased(said: Tombstone) -> Problem:
    """The refusal to keep anything of a person who was erased."""
    message = f"{shown(said.person)} was erased on {said.erased_at[:10]}, for good"
    remedy = "take the row out; if the person agrees to a new record, give it a new id"
    return Problem("persons.erased", message, remedy)


def shown(person: str) -> str:
    """A person for messages: kind and id.

    Examples
    --------
    >>> shown("victim|V-17")
    'victim V-17'
    """
    return person.replace("|", " ", 1)


# ---- make and open --------------------------------------------------------------------------------------------------


def now() -> datetime:
    """The clock of a key file that is given none."""
    return datetime.now(UTC)


def create_keys(path: Path, wrapping: bytes | None = None, clock: Clock = now) -> KeyStore:
    """Make a key file that only its owner can read; with `wrapping`, a master key, keys are encrypted in it.

    Raises
    ------
    InputRefused
        If there is a file already, if it cannot be made, or if the master key is too short.
    """
    check_master(wrapping)
    private_file(path)
    store = KeyStore(engine_of(path), path, clock, os.urandom(16))
    with store._begun("EXCLUSIVE") as connection:
        METADATA.create_all(connection)
        for statement in TRIGGERS:
            connection.exec_driver_sql(statement)
        connection.exec_driver_sql(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.exec_driver_sql(f"PRAGMA user_version = {FORMAT}")
        about = {"family": store.family}
        if wrapping is not None:
            about["salt"] = os.urandom(32)
            nonce = os.urandom(NONCE_BYTES)
            about["check"] = nonce + AESGCM(derived(wrapping, about["salt"])).encrypt(nonce, b"", b"check")
        connection.execute(ABOUT.insert(), [{"name": n, "value": v} for n, v in about.items()])
    return open_keys(path, wrapping, clock)


def open_keys(
    path: Path, wrapping: bytes | None = None, clock: Clock = now, *, only_erase: bool = False
) -> KeyStore:
    """Open a key file. With `only_erase` no master key is needed: keys can be destroyed but not read.

    Raises
    ------
    InputRefused
        If there is none, if it is something else, if others can read it, or if the master key is not the right one.
    """
    if not path.is_file():
        refuse("keys.missing", f"there is no key file {path.name}", "bring it, or a copy of it")
    if not only_erase:
        check_private(path)
    store = KeyStore(engine_of(path), path, clock, b"")
    with store.reading() as connection:
        check_ours(connection, path.name)
        about = {name: bytes(value) for name, value in connection.execute(sa.select(ABOUT))}
    master = None if only_erase else master_of(path.name, about, wrapping)
    opened = KeyStore(store.engine, path, clock, about["family"], master)
    if not only_erase:
        opened.finish()
    return opened


# ---- small things ---------------------------------------------------------------------------------------------------


def _tombstones(connection: sa.Connection, persons: Sequence[str] | None) -> dict[str, Tombstone]:
    query = sa.select(ERASED).order_by(ERASED.c.person)
    queries = [query] if persons is None else [query.where(ERASED.c.person.in_(p)) for p in _parts(persons)]
    rows = [row for one in queries for row in connection.execute(one).mappings()]
    return {row["person"]: Tombstone(**row) for row in rows}


def _kept(connection: sa.Connection, persons: Sequence[str]) -> dict[str, bytes]:
    """The keys as they stand in the file, wrapped or not."""
    found: dict[str, bytes] = {}
    for some in _parts(persons):
        query = sa.select(PERSON_KEY.c.person, PERSON_KEY.c.key).where(PERSON_KEY.c.person.in_(some))
        found |= {person: bytes(kept) for person, kept in connection.execute(query)}
    return found


def _bury(connection: sa.Connection, tombstones: Sequence[Tombstone]) -> None:
    """Delete keys and note that, and that cleaning is due, in the transaction that is open."""
    for some in _parts([one.person for one in tombstones]):
        connection.execute(PERSON_KEY.delete().where(PERSON_KEY.c.person.in_(some)))
    if tombstones:
        connection.execute(ERASED.insert(), [vars(one) for one in tombstones])
        connection.execute(ABOUT.insert().prefix_with("OR IGNORE"), {"name": TO_WIPE, "value": b"1"})


def _parts(persons: Sequence[str]) -> Iterator[Sequence[str]]:
    for i in range(0, len(persons), AT_ONCE):
        yield persons[i : i + AT_ONCE]
