"""The tables of a store, from the catalogue: one for each kind, and those that keep history.

Reads   the catalogue
Gives   SQLAlchemy tables, the same on SQLite and on PostgreSQL
Knows   which column holds what; how they are made stands in `migrations`, what differs between databases in `layout`
Start   at `KIND_TABLES`, `HISTORY`, `CHANGES`

A kind's table holds the present version of each record, with typed columns that any map program reads. `history` holds
every version whole, as text, each row chained to the one before by its hash; `changes` says who, when and why.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.types import UserDefinedType

from fadeout.records import access_log
from fadeout.records.catalogue import KINDS, Field, Kind, fields_of

SRID = 4326


class _PackedGeometry(UserDefinedType[bytes]):
    """The blob of a GeoPackage: `layout` packs and unpacks it."""

    cache_ok = True

    def __init__(self, kind: str) -> None:
        self.kind = kind

    def get_col_spec(self, **_: Any) -> str:
        return self.kind


class _PostgisGeometry(UserDefinedType[bytes]):
    """A geometry of PostGIS: read as well-known binary, written by `layout` as hexadecimal text."""

    cache_ok = True

    def __init__(self, kind: str) -> None:
        self.kind = kind

    def get_col_spec(self, **_: Any) -> str:
        return f"geometry({self.kind},{SRID})"

    def column_expression(self, colexpr: Any) -> Any:
        return sa.func.ST_AsBinary(colexpr)


class _Declared(UserDefinedType[str]):
    """A text of SQLite whose declared type says what it holds, as GeoPackage wants it: DATE or DATETIME."""

    cache_ok = True

    def __init__(self, kind: str) -> None:
        self.kind = kind

    def get_col_spec(self, **_: Any) -> str:
        return self.kind


GEOMETRIES = {"point": "POINT", "polygon": "MULTIPOLYGON", "ground": "GEOMETRY", "any": "GEOMETRY"}


def geometry_type(kind: str) -> Any:
    """The type of a geometry column, "POINT", "MULTIPOLYGON" or "GEOMETRY", on either database."""
    return _PackedGeometry(kind).with_variant(_PostgisGeometry(kind), "postgresql")


TYPES: dict[str, Any] = {
    "text": sa.Text(),
    "choice": sa.Text(),
    "ids": sa.Text(),
    "whole": sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
    "real": sa.Double(),
    "share": sa.Double(),
    "flag": sa.Boolean(),
    "date": _Declared("DATE").with_variant(sa.Date(), "postgresql"),
    "moment": _Declared("DATETIME").with_variant(sa.TIMESTAMP(timezone=True), "postgresql"),
}
BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")  # a whole number that may be SQLite's row id

METADATA = sa.MetaData()


def _column(field: Field) -> sa.Column[Any]:
    return sa.Column(field.name, TYPES[field.type], nullable=field.name not in ("id", "sensitivity"))


def _kind_table(kind: Kind) -> sa.Table:
    own: list[sa.Column[Any]] = [sa.Column("fid", BIG, primary_key=True, autoincrement=False)]
    if kind.geometry:
        own.append(sa.Column("geom", geometry_type(GEOMETRIES[kind.geometry])))
    kept: list[sa.Column[Any]] = [
        sa.Column("uuid", sa.Text(), nullable=False),
        sa.Column("version", BIG, nullable=False),
        sa.Column("change", BIG, nullable=False),
        sa.Column("recorded_at", sa.Text(), nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
    ]
    cells: list[sa.Column[Any]] = (
        [sa.Column(f"cell_{side}", BIG) for side in ("w", "s", "e", "n")] if kind.geometry else []
    )
    items: list[sa.schema.SchemaItem] = [*own, *(_column(field) for field in fields_of(kind)), *kept, *cells]
    items += [sa.Index(f"{kind.name}_id", "id", unique=True), sa.Index(f"{kind.name}_uuid", "uuid")]
    return sa.Table(kind.name, METADATA, *items)


KIND_TABLES: dict[str, sa.Table] = {name: _kind_table(kind) for name, kind in KINDS.items()}

CHANGES = sa.Table(
    "changes",
    METADATA,
    sa.Column("change", BIG, primary_key=True, autoincrement=False),
    sa.Column("at", sa.Text(), nullable=False),
    sa.Column("who", sa.Text(), nullable=False),
    sa.Column("why", sa.Text(), nullable=False),
    sa.Column("context", sa.Text(), nullable=False),  # JSON: files and their digests, version of fadeout ...
    sa.Column("undoes", BIG),
    sa.Column("first_seq", BIG, nullable=False),
    sa.Column("rows", BIG, nullable=False),
    sa.Column("hash", sa.LargeBinary(), nullable=False),
)

HISTORY = sa.Table(
    "history",
    METADATA,
    sa.Column("seq", BIG, primary_key=True, autoincrement=False),
    sa.Column(
        "change",
        BIG,
        sa.ForeignKey("changes.change", deferrable=True, initially="DEFERRED", name="history_change"),
        nullable=False,
    ),
    sa.Column("kind", sa.Text(), nullable=False),
    sa.Column("id", sa.Text(), nullable=False),
    sa.Column("uuid", sa.Text(), nullable=False),
    sa.Column("version", BIG, nullable=False),
    sa.Column("action", sa.Text(), nullable=False),  # new, changed, withdrawn, restored
    sa.Column("sensitivity", sa.Text(), nullable=False),
    sa.Column("recorded_at", sa.Text(), nullable=False),
    sa.Column("body", sa.Text(), nullable=False),
    sa.Column("hash", sa.LargeBinary(), nullable=False),
    sa.Index("history_record", "kind", "id", "version", unique=True),
)

# Sources that a column map, a service or a decision was remembered for.
REMEMBERED = sa.Table(
    "remembered",
    METADATA,
    sa.Column("topic", sa.Text(), primary_key=True),
    sa.Column("name", sa.Text(), primary_key=True),
    sa.Column("value", sa.Text(), nullable=False),
    sa.Column("at", sa.Text(), nullable=False),
    sa.Column("who", sa.Text(), nullable=False),
)

ACCESS_LOG = access_log.define(METADATA)

# Who may come in, and by what (`accounts`); what goes on in the background (`queue`).
ACCOUNTS = sa.Table(
    "account",
    METADATA,
    sa.Column("login", sa.Text(), primary_key=True),
    sa.Column("name", sa.Text(), nullable=False),
    sa.Column("roles", sa.Text(), nullable=False),  # with spaces between
    sa.Column("active", sa.Boolean(), nullable=False),
    sa.Column("password", sa.Text()),  # Argon2id; empty until an invitation was taken up
    sa.Column("totp", sa.Text()),
    sa.Column("totp_used", sa.Text()),
    sa.Column("failed", BIG, nullable=False),
    sa.Column("locked_until", sa.Text()),
    sa.Column("invite_hash", sa.Text()),
    sa.Column("invite_until", sa.Text()),
    sa.Column("made_at", sa.Text(), nullable=False),
)
SESSIONS = sa.Table(
    "web_session",
    METADATA,
    sa.Column("token_hash", sa.Text(), primary_key=True),
    *(sa.Column(n, sa.Text(), nullable=False) for n in ("login", "csrf", "made_at", "seen_at", "ends_at")),
)
TOKENS = sa.Table(
    "access_token",
    METADATA,
    sa.Column("token_hash", sa.Text(), primary_key=True),
    *(sa.Column(n, sa.Text(), nullable=False) for n in ("login", "label", "made_at")),
)
WORK = sa.Table(
    "work",
    METADATA,
    sa.Column("id", sa.Text(), primary_key=True),
    sa.Column("kind", sa.Text(), nullable=False),
    sa.Column("asked", sa.Text(), nullable=False),  # JSON, as is `result`
    sa.Column("who", sa.Text(), nullable=False),
    sa.Column("state", sa.Text(), nullable=False),
    sa.Column("made_at", sa.Text(), nullable=False),
    sa.Column("began_at", sa.Text()),
    sa.Column("beat_at", sa.Text()),
    sa.Column("ended_at", sa.Text()),
    sa.Column("share", sa.Double(), nullable=False),
    sa.Column("words", sa.Text(), nullable=False),
    sa.Column("result", sa.Text(), nullable=False),
    sa.Column("tries", BIG, nullable=False),
    sa.Column("cancel", sa.Boolean(), nullable=False),
    sa.Index("work_state", "state"),
)

# Posts, reports, alerts and their like (`desk_notes`): no records of the field, so without versions; a log beside.
DESK = sa.Table(
    "desk_note",
    METADATA,
    sa.Column("topic", sa.Text(), primary_key=True),
    sa.Column("id", sa.Text(), primary_key=True),
    sa.Column("state", sa.Text(), nullable=False),
    sa.Column("at", sa.Text(), nullable=False),
    sa.Column("body", sa.Text(), nullable=False),  # JSON
    sa.Index("desk_note_state", "topic", "state", "at"),
)
DESK_LOG = sa.Table(
    "desk_log",
    METADATA,
    sa.Column("seq", BIG, primary_key=True),
    *(sa.Column(name, sa.Text(), nullable=False) for name in ("at", "topic", "id", "who", "what", "why")),
    sa.Index("desk_log_id", "topic", "id"),
)

# One row; `writing` is 1 inside a change of ours and nowhere else, so that a map program cannot pass history by.
GUARD = sa.Table("store_guard", METADATA, sa.Column("writing", BIG, nullable=False))
APPEND_ONLY = ("history", "changes")
