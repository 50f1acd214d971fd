"""The file that keys stand in: its tables, its settings, and who may open it.

Reads   a path; optionally a master key
Gives   an engine for the file, its tables, and the refusal of a file that is not ours, or that others can read
Knows   SQLite and the master key; what is done with keys stands in `keys`
Start   at `engine_of`, `master_of`

With a master key each person's key is encrypted in the file (AES-256-GCM, the person's id authenticated with it) with a
key that HKDF derives from the master key and a salt of the file.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from sqlalchemy.pool import NullPool

from fadeout.errors import InputRefused, Problem
from fadeout.records.connecting import refuse

SUFFIX = ".keys"
APPLICATION_ID, FORMAT = 0x46414B59, 1  # "FAKY", and the version of the tables
KEY_BYTES, NONCE_BYTES = 32, 12  # AES-256; NIST SP 800-38D, 5.2.1.1
MASTER_BYTES = 32  # a master key is stretched by nothing: it must be random and long enough by itself
BUSY_S = 30.0
TO_WIPE = "to_wipe"  # a row of `about` from the deletion of a key until all traces are gone

METADATA = sa.MetaData()
ABOUT = sa.Table(
    "about",
    METADATA,
    sa.Column("name", sa.Text(), primary_key=True),  # family, salt, check
    sa.Column("value", sa.LargeBinary(), nullable=False),
)
PERSON_KEY = sa.Table(
    "person_key",
    METADATA,
    sa.Column("person", sa.Text(), primary_key=True),  # kind|id
    sa.Column("key", sa.LargeBinary(), nullable=False),  # as it is, or wrapped: nonce, ciphertext, tag
    sa.Column("made_at", sa.Text(), nullable=False),
)
ERASED = sa.Table(
    "erased",
    METADATA,
    sa.Column("person", sa.Text(), primary_key=True),
    sa.Column("erased_at", sa.Text(), nullable=False),
    sa.Column("who", sa.Text(), nullable=False),
    sa.Column("why", sa.Text(), nullable=False),
)
COPY = sa.Table(
    "copy",
    METADATA,
    sa.Column("path", sa.Text(), primary_key=True),
    sa.Column("made_at", sa.Text(), nullable=False),
)
PENDING = sa.Table(
    "pending",
    METADATA,
    sa.Column("copy", sa.Text(), primary_key=True),
    sa.Column("person", sa.Text(), primary_key=True),
)
TRIGGERS = (
    *(
        f"CREATE TRIGGER erased_no_{act} BEFORE {act} ON erased "
        "BEGIN SELECT RAISE(ABORT, 'an erasure is never taken back'); END"
        for act in ("UPDATE", "DELETE")
    ),
    "CREATE TRIGGER erased_no_key BEFORE INSERT ON person_key "
    "WHEN EXISTS (SELECT 1 FROM erased WHERE person = NEW.person) "
    "BEGIN SELECT RAISE(ABORT, 'this person was erased'); END",
)


@dataclass(frozen=True)
class Tombstone:
    """That a person's key was destroyed: whose (kind|id), when, by whom, why."""

    person: str
    erased_at: str
    who: str
    why: str


def private_file(path: Path) -> None:
    """Make an empty file that only its owner can read and write, before anything is in it."""
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    except FileExistsError:
        refuse("keys.exists", f"{path.name} exists already", "open it, or name another file")
    except OSError as error:
        refuse("keys.not-written", f"{path.name}: {error.strerror or error}", "name another folder")


def check_private(path: Path) -> None:
    """Refuse a key file that others on the machine can read."""
    if os.name == "posix" and stat.S_IMODE(path.stat().st_mode) & 0o077:
        message = f"{path.name} can be read by others on this machine"
        refuse("keys.open-to-others", message, f"chmod 600 {path.name}, on a disk that keeps permissions")


def check_ours(connection: sa.Connection, name: str) -> None:
    """Refuse a file that is no key file of ours, or of a newer fadeout."""
    ours = connection.exec_driver_sql("PRAGMA application_id").scalar()
    version = connection.exec_driver_sql("PRAGMA user_version").scalar_one()
    if ours != APPLICATION_ID:
        refuse("keys.not-one", f"{name} is no key file of fadeout", f"name the file that ends in {SUFFIX}")
    if version > FORMAT:
        refuse("keys.newer", f"{name} was written by a newer fadeout", "update fadeout; nothing was changed")


def check_master(wrapping: bytes | None) -> None:
    """Refuse a master key that is too short: HKDF does not stretch a passphrase."""
    if wrapping is not None and len(wrapping) < MASTER_BYTES:
        message = f"the master key has {len(wrapping)} bytes; it must have {MASTER_BYTES} at least"
        refuse("keys.short-master", message, "take random bytes: openssl rand -base64 32")


def master_of(name: str, about: dict[str, bytes], wrapping: bytes | None) -> bytes | None:
    """Give the key that a file's keys are encrypted with, None where they are not; refuse a wrong one."""
    if "check" not in about:
        if wrapping is not None:
            message = f"a master key was given, but the keys in {name} are not encrypted"
            refuse("keys.no-master", message, "leave it out")
        return None
    if wrapping is None:
        refuse("keys.needs-master", f"the keys in {name} are encrypted", "give the master key")
    master = derived(wrapping, about["salt"])
    kept = about["check"]
    try:
        AESGCM(master).decrypt(kept[:NONCE_BYTES], kept[NONCE_BYTES:], b"check")
    except InvalidTag as error:
        message = f"this is not the master key of {name}"
        raise InputRefused(
            [Problem("keys.wrong-master", message, "give the one it was made with")]
        ) from error
    return master


def derived(wrapping: bytes, salt: bytes) -> bytes:
    """Give the key that a master key and a file's salt make."""
    return HKDF(SHA256(), KEY_BYTES, salt, b"fadeout person keys 1").derive(wrapping)  # RFC 5869


def engine_of(path: Path) -> sa.Engine:
    """Connect to a key file; no value stands in a fault's words."""
    url = sa.URL.create("sqlite", database=str(path))
    engine = sa.create_engine(url, poolclass=NullPool, connect_args={"timeout": BUSY_S}, hide_parameters=True)
    sa.event.listen(engine, "connect", _prepare)
    sa.event.listen(engine, "begin", _begin)
    return engine


def _prepare(connection: Any, _: Any) -> None:
    """Settings of each connection: durable, deleted rows overwritten, no log and no temporary file that keeps keys."""
    connection.isolation_level = None
    for setting in (
        "journal_mode = PERSIST",
        "synchronous = FULL",
        "secure_delete = ON",
        "temp_store = MEMORY",
    ):
        connection.execute(f"PRAGMA {setting}")


def _begin(connection: sa.Connection) -> None:
    mode = connection.get_execution_options().get("begin", "DEFERRED")
    if mode is not None:
        connection.exec_driver_sql(f"BEGIN {mode}")


@contextmanager
def told(name: str) -> Iterator[None]:
    """Tell faults of the file in words, none of which holds a value."""
    try:
        yield
    except sa.exc.DatabaseError as error:
        words = str(error.orig).strip().splitlines()[0]
        code, remedy = "keys.failed", "nothing was changed; mend the cause and do it again"
        if "locked" in words:
            code, remedy = "keys.busy", "another program is writing; try again when it has ended"
        elif "not a database" in words or "malformed" in words:
            code, remedy = "keys.not-one", "name a key file of fadeout, or take a copy of it"
        raise InputRefused([Problem(code, f"{name}: {words}", remedy)]) from error
