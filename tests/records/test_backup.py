"""Backups hold everything, are proved before they count, and bring a store back on either database."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from shapely import Point, box

from fadeout.errors import InputRefused
from fadeout.records.access import Viewer
from fadeout.records.backup import backup, restore
from fadeout.records.record import Record
from fadeout.records.store import Store, create_store, now

STAFF = Viewer("s", "staff")
AT = datetime(2026, 11, 25, 7, tzinfo=UTC)


def filled(store: Store) -> Store:
    with store.change(who="a", why="first") as change:
        change.put(
            [Record("evidence", f"EP-{i}", {"count": i + 1}, Point(107, 16 + i / 10)) for i in range(5)]
        )
        change.put(
            [
                Record(
                    "hazardous_area",
                    "SHA-1",
                    {"state": "suspected", "stands_on": ["EP-1", "EP-2"]},
                    box(107, 16, 108, 17),
                )
            ]
        )
        change.put([Record("document", "D-1", {"title": "Order", "sha256": "ab"})])
    with store.change(who="b", why="second") as change:
        change.put([Record("evidence", "EP-1", {"count": 9}, Point(107, 16))])
        change.withdraw("evidence", ["EP-3"])
    store.remember("column_map", "ours", "title = 'x'", "a")
    return store


def told(store: Store) -> object:
    kinds = ("evidence", "hazardous_area", "document")
    present = [store.page(kind, STAFF) for kind in kinds]
    past = [store.page("evidence", STAFF, as_of=store.changes()[-1]["at"])]
    return (
        present,
        past,
        store.history("EP-1", STAFF),
        store.changes(),
        store.remembered("column_map", "ours"),
    )


def test_a_backup_is_a_store_that_tells_the_same(store: Store, tmp_path: Path) -> None:
    filled(store)
    made = backup(store, tmp_path / "backups", AT)
    again = restore(made, tmp_path / "again.gpkg", now)
    assert told(again) == told(store)
    assert again.verify().head == store.verify().head
    assert sorted(p.suffix for p in (tmp_path / "backups").iterdir()) == [".gpkg", ".json"]


def test_a_backup_comes_back_on_either_database(
    store: Store, address: Callable[[], str], tmp_path: Path
) -> None:
    filled(store)
    again = restore(backup(store, tmp_path, AT), address(), now)
    assert told(again) == told(store)
    assert again.verify().faults == ()
    with again.change(who="c", why="goes on") as change:
        change.put([Record("evidence", "EP-9", {}, Point(107, 16))])
    assert again.verify().faults == ()
    assert again.page("evidence", STAFF, bbox=(106, 15.9, 108, 16.05))[-1].id == "EP-9"


def test_a_backup_made_while_others_write_is_one_moment_of_the_store(store: Store, tmp_path: Path) -> None:
    filled(store)
    ended = threading.Event()

    def write() -> None:
        n = 0
        while not ended.is_set():
            n += 1
            with store.change(who="w", why="more") as change:
                change.put([Record("evidence", f"W-{n}-{i}", {"count": 1}, Point(107, 16)) for i in range(3)])

    writer = threading.Thread(target=write)
    writer.start()
    try:
        made = backup(store, tmp_path, AT)
    finally:
        ended.set()
        writer.join()
    again = restore(made, tmp_path / "again.gpkg", now)
    assert again.verify().faults == ()
    assert store.holds(again.verify().head)
    assert again.count("evidence", STAFF) % 3 == 4 % 3


def test_a_backup_that_was_changed_is_refused(store: Store, tmp_path: Path) -> None:
    made = backup(filled(store), tmp_path, AT)
    with made.open("r+b") as file:
        file.seek(-100, 2)
        file.write(b"x" * 10)
    with pytest.raises(InputRefused, match="damaged or changed"):
        restore(made, tmp_path / "again.gpkg", now)
    assert not (tmp_path / "again.gpkg").exists()


def test_a_restore_never_touches_a_store_that_is_there(store: Store, tmp_path: Path) -> None:
    made = backup(filled(store), tmp_path, AT)
    there = tmp_path / "there.gpkg"
    create_store(there)
    before = there.read_bytes()
    with pytest.raises(InputRefused, match="exists already"):
        restore(made, there, now)
    assert there.read_bytes() == before


def test_a_store_whose_history_was_changed_gives_no_backup(tmp_path: Path) -> None:
    store = filled(create_store(tmp_path / "north.gpkg"))
    with store.engine.begin() as connection:
        connection.exec_driver_sql("DROP TRIGGER history_no_UPDATE")
        connection.exec_driver_sql("UPDATE history SET body = '{}' WHERE seq = 2")
    with pytest.raises(InputRefused, match="does not fit"):
        backup(store, tmp_path / "backups", AT)
    assert list((tmp_path / "backups").iterdir()) == []
