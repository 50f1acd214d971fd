"""Connecting to what stands at an address: a file of SQLite or a PostgreSQL database, with faults told in words.

Reads   an address
Gives   an SQLAlchemy engine; names for messages that hold no password and no folder
Knows   how each database is set: durable, referential, transactions begun by us; nothing of records
Start   at `engine_of`
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import sqlalchemy as sa
from sqlalchemy.pool import NullPool, QueuePool

from fadeout.errors import InputRefused, Problem
from fadeout.records.layout import BUSY_S


def engine_of(address: str | Path, *, pooled: bool = False) -> sa.Engine:
    """Connect to what stands at an address, whatever it is."""
    text = str(address)
    try:
        if "://" in text:
            url = sa.make_url(text)
            if url.drivername in ("postgresql", "postgres"):
                url = url.set(drivername="postgresql+psycopg")
        else:
            url = sa.URL.create("sqlite", database=text)
        hidden = {"hide_parameters": True}  # no value of a record stands in a fault's words
        engine = sa.create_engine(url, **hidden, **_pool_of(url.get_backend_name(), pooled))
    except sa.exc.ArgumentError as error:
        raise InputRefused(
            [
                Problem(
                    "store.bad-address",
                    "this is no address of a store",
                    "give a file ending in .gpkg, or postgresql://…",
                )
            ]
        ) from error
    except ModuleNotFoundError as error:
        message = f"PostgreSQL needs a part that is not installed ({error.name})"
        raise InputRefused(
            [Problem("store.no-driver", message, "./run extras, or pip install fadeout[postgres]")]
        ) from error
    if engine.dialect.name == "sqlite":
        sa.event.listen(engine, "connect", _prepare_sqlite)
        sa.event.listen(engine, "begin", _begin_sqlite)
        if pooled:
            sa.event.listen(engine, "connect", _keep_sqlite)
    return engine


def _pool_of(backend: str, pooled: bool) -> dict[str, Any]:
    """How connections are kept: a server's are, as to open a file anew takes longer than most questions to it."""
    if backend == "sqlite" and not pooled:
        return {"poolclass": NullPool, "connect_args": {"timeout": BUSY_S}}
    kept = {"poolclass": QueuePool, "pool_size": 40, "max_overflow": 20, "pool_timeout": BUSY_S}
    if backend == "sqlite":
        return {**kept, "connect_args": {"timeout": BUSY_S, "check_same_thread": False}}
    return kept if pooled else {}


def _prepare_sqlite(connection: Any, _: Any) -> None:
    """Settings of each connection: durable, referential, and transactions begun by us."""
    connection.isolation_level = None
    for setting in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON", "cache_size = -65536"):
        connection.execute(f"PRAGMA {setting}")


def _keep_sqlite(connection: Any, _: Any) -> None:
    """Of many connections to one file each has a small memory of its own; they share what the system keeps of it."""
    for setting in ("cache_size = -4096", "mmap_size = 1073741824"):
        connection.execute(f"PRAGMA {setting}")


def _begin_sqlite(connection: sa.Connection) -> None:
    connection.exec_driver_sql("BEGIN")


def file_of(engine: sa.Engine) -> Path | None:
    """The file that a store on SQLite is, None for a database on a server."""
    return Path(engine.url.database or "") if engine.dialect.name == "sqlite" else None


def shown(engine: sa.Engine) -> str:
    """The store's name for messages: a file's name, or an address without its password."""
    path = file_of(engine)
    return path.name if path is not None else engine.url.render_as_string(hide_password=True)


def refuse(code: str, message: str, remedy: str) -> NoReturn:
    """Refuse with one problem."""
    raise InputRefused([Problem(code, message, remedy)])


@contextmanager
def told(address: str) -> Iterator[None]:
    """Tell faults of the database in words."""
    try:
        yield
    except sa.exc.OperationalError as error:
        words = str(error.orig).strip().splitlines()[0]
        code, remedy = "store.failed", "nothing was stored; mend the cause and do it again"
        if "full" in words or "No space" in words:
            code, words = "store.disk-full", "the disk is full"
            remedy = "make room; nothing was stored, and what was stored before is whole"
        elif "disk I/O" in words:
            code, words = (
                "store.disk-failed",
                "the disk did not take what was written: it is full, or a limit was reached",
            )
            remedy = (
                "look at its room and its health; nothing was stored, and what was stored before is whole"
            )
        elif "locked" in words:
            code, remedy = "store.busy", "another program is writing; try again when it has ended"
        raise InputRefused([Problem(code, f"{address}: {words}", remedy)]) from error
    except sa.exc.DatabaseError as error:
        words = str(error.orig).strip().splitlines()[0]
        raise InputRefused(
            [
                Problem(
                    "store.failed",
                    f"{address}: {words}",
                    "run fadeout verify; restore a backup if it is damaged",
                )
            ]
        ) from error
