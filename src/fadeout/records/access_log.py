"""Who read which person's record, when and what for: a table of the store that can only grow.

Reads   a connection to a store
Gives   `define`, which adds the table; `TRIGGERS`, which keep it as written; `note`, `lines`
Knows   nothing of keys or of what was read
Start   at `note`

A line is stored for good before anything is given, whatever becomes of the reading: it may name a reading that failed,
and never misses one that did not. Whoever can write the database file itself can also change this table.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

NAME = "access_log"
COLUMNS = ("at", "who", "role", "kind", "id", "fields", "purpose")
WORDS = "the access log is never changed"
TRIGGERS: dict[
    str, tuple[str, ...]
] = {  # DDL by the name of SQLAlchemy's dialect, to be run once the table is there
    "sqlite": tuple(
        f"CREATE TRIGGER {NAME}_no_{act} BEFORE {act} ON {NAME} BEGIN SELECT RAISE(ABORT, '{WORDS}'); END"
        for act in ("UPDATE", "DELETE")
    ),
    "postgresql": (
        f"CREATE FUNCTION fadeout_{NAME}() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION '{WORDS}'; END $$",
        f"CREATE TRIGGER {NAME}_no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON {NAME} "
        f"FOR EACH STATEMENT EXECUTE FUNCTION fadeout_{NAME}()",
    ),
}


@dataclass(frozen=True)
class Line:
    """One reading: when, who in which role, whose record, the names of the fields that were given, and what for."""

    at: str
    who: str
    role: str
    kind: str
    id: str
    fields: str
    purpose: str


def define(metadata: sa.MetaData) -> sa.Table:
    """Add the table to a store's tables."""
    return sa.Table(
        NAME,
        metadata,
        sa.Column(
            "seq",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            primary_key=True,
            autoincrement=True,
        ),
        *(sa.Column(name, sa.Text(), nullable=False) for name in COLUMNS),
        sa.Index(f"{NAME}_record", "kind", "id"),
    )


_LOG = define(sa.MetaData())  # for queries; a store makes its own from `define`


def note(connection: sa.Connection, lines: Iterable[Line]) -> None:
    """Write lines in a transaction of their own, so that they stay even if the caller's is taken back.

    A caller that is writing to the same SQLite file waits for itself and is refused: read persons before a change.
    """
    rows: list[dict[str, Any]] = [vars(line) for line in lines]
    if rows:
        with connection.engine.begin() as own:
            own.execute(_LOG.insert(), rows)


def lines(
    connection: sa.Connection, kind: str | None = None, id: str | None = None, limit: int = 1_000
) -> list[Line]:
    """Give the last lines, the newest first: all, or those of one kind or one record. A person may ask for these."""
    query = sa.select(*(_LOG.c[name] for name in COLUMNS)).order_by(_LOG.c.seq.desc()).limit(limit)
    if kind is not None:
        query = query.where(_LOG.c.kind == kind)
    if id is not None:
        query = query.where(_LOG.c.id == id)
    return [Line(**row) for row in connection.execute(query).mappings()]
