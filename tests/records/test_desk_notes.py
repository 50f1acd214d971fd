"""Notes of the desk: kept, moved by one alone, logged; on both databases."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

from fadeout.records import desk_notes
from fadeout.records.store import Store

NOW = datetime(2026, 11, 25, 8, tzinfo=UTC)


def test_a_note_is_kept_once_changed_and_forgotten(store: Store) -> None:
    assert desk_notes.add(store.engine, "post", "P-1", "draft", {"title": "Ä"}, NOW)
    assert not desk_notes.add(store.engine, "post", "P-1", "draft", {"title": "other"}, NOW)
    assert desk_notes.move(store.engine, "post", "P-1", "draft", "approved", NOW, by="Ana")
    found = desk_notes.get(store.engine, "post", "P-1")
    assert found is not None
    assert (found.state, dict(found.body)) == ("approved", {"title": "Ä", "by": "Ana"})
    assert not desk_notes.move(store.engine, "post", "P-1", "draft", "approved", NOW)
    assert [one.id for one in desk_notes.all_of(store.engine, "post", ("draft", "approved"))] == ["P-1"]
    desk_notes.drop(store.engine, "post", "P-1")
    assert desk_notes.get(store.engine, "post", "P-1") is None


def test_of_many_who_take_one_note_one_gets_it(store: Store) -> None:
    desk_notes.add(store.engine, "outbox", "M-1", "waiting", {}, NOW)
    with ThreadPoolExecutor(8) as pool:
        got = list(
            pool.map(
                lambda _: desk_notes.move(store.engine, "outbox", "M-1", "waiting", "sending", NOW), range(8)
            )
        )
    assert got.count(True) == 1


def test_who_did_what_is_written_behind_the_others(store: Store) -> None:
    for what in ("made", "approved"):
        desk_notes.log(store.engine, "post", "P-1", "Ana", what, "because", NOW)
    assert [one.what for one in desk_notes.lines(store.engine, "post", "P-1")] == ["approved", "made"]
