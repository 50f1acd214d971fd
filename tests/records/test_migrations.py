"""Each step from one format of the store to the next, tested on data that the older one wrote."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import shapely
import sqlalchemy as sa
from shapely import Point

from fadeout.records.access import Viewer
from fadeout.records.connecting import engine_of
from fadeout.records.layout import layout_of
from fadeout.records.migrating import HEAD, revision_of, upgrade
from fadeout.records.record import Record
from fadeout.records.schema import METADATA
from fadeout.records.store import create_store, open_store

OLD = Path(__file__).with_name("old_stores")
STAFF = Viewer("s", "staff")


def old_store(address: str, revision: str) -> None:
    """A store as an older version left it: its tables by the steps up to then, its rows from a file."""
    engine = engine_of(address)
    upgrade(engine, revision)
    layout = layout_of(engine.dialect.name)
    kept = json.loads((OLD / f"{revision}.json").read_text(encoding="utf-8"))
    with engine.begin() as connection:
        layout.lock(connection)
        for table in ("history", "changes"):
            rows = [{**row, "hash": bytes.fromhex(row["hash"])} for row in kept[table]]
            layout.insert(connection, table, tuple(rows[0]), [tuple(row.values()) for row in rows])
        bodies = {
            (row["kind"], row["id"], row["version"]): json.loads(row["body"]) for row in kept["history"]
        }
        for kind, rows in kept["present"].items():
            _enter(connection, layout, kind, rows, bodies)
        layout.unlock(connection)
    engine.dispose()


def _enter(
    connection: sa.Connection, layout: Any, kind: str, rows: list[dict[str, Any]], bodies: Any
) -> None:
    places = [bodies[kind, row["id"], row["version"]].get("geom") for row in rows]
    shapes = [shapely.from_wkb(place) if place else None for place in places]
    names = tuple(rows[0])
    if any(places):
        packed = layout.encode(shapes, kind)
        rows = [{**row, "geom": geom} for row, geom in zip(rows, packed, strict=True)]
        names = (*names, "geom")
        layout.index(connection, kind, [row["fid"] for row in rows], shapely.bounds(shapes))
    layout.insert(connection, kind, names, [tuple(row[name] for name in names) for row in rows])


@pytest.mark.parametrize("revision", [path.stem for path in sorted(OLD.glob("*.json"))])
def test_a_store_of_every_older_format_is_brought_up_to_date_with_all_it_holds(
    address: Callable[[], str], revision: str
) -> None:
    where = address()
    old_store(where, revision)
    store = open_store(where)
    assert revision_of(store.engine) == HEAD
    assert store.verify().faults == ()
    assert [(r.id, r.values["count"], r.shape) for r in store.page("evidence", STAFF)] == [
        ("EP-1", 2, Point(107, 16))
    ]
    assert [v.action for v in store.history("EP-2", STAFF)] == ["new", "withdrawn"]
    with store.change(who="c", why="goes on") as change:
        change.put([Record("evidence", "EP-3", {"stamp": "SIMULATED"}, Point(107, 16))])
    assert store.verify().faults == ()


def test_every_older_format_has_old_data_here() -> None:
    assert [path.stem for path in sorted(OLD.glob("*.json"))] == [f"{n:04d}" for n in range(1, int(HEAD))]


def test_the_steps_make_just_the_tables_that_the_program_reads(address: Callable[[], str]) -> None:
    store = create_store(address())
    found = sa.inspect(store.engine)
    for table in METADATA.sorted_tables:
        made = {column["name"]: column["nullable"] for column in found.get_columns(table.name)}
        wanted = {column.name: bool(column.nullable) for column in table.columns}
        assert made == wanted, table.name
        assert {index["name"] for index in found.get_indexes(table.name)} >= {
            index.name for index in table.indexes
        }
