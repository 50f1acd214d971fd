"""Records that may tell of one thing are proposed, merged on a person's word, and taken apart again."""

from __future__ import annotations

from pathlib import Path

import pytest
from shapely import Point

from fadeout.jobs import likeness
from fadeout.records.access import Viewer
from fadeout.records.record import Record
from fadeout.records.store import Store, create_store

STAFF = Viewer("s", "staff")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    made = create_store(tmp_path / "store.gpkg")
    with made.change(who="a", why="b") as change:
        change.put(
            [
                Record(
                    "strike",
                    "S-1",
                    {"struck_on": "1968-03-01", "source": "A", "carriers": 2},
                    Point(107.0, 16.8),
                ),
                Record(
                    "strike",
                    "MV-9",
                    {"struck_on": "1968-03-02", "source": "B", "munition": "X"},
                    Point(107.001, 16.8),
                ),
                Record("strike", "S-2", {"struck_on": "1970-01-01", "source": "A"}, Point(107.0, 16.8)),
                Record("evidence", "EP-1", {"photo_sha256": "ff"}, Point(107.0123, 16.8123)),
                Record("evidence", "EP-2", {"photo_sha256": "ff"}, Point(107.2345, 16.9876)),
            ]
        )
    return made


def test_near_records_of_one_time_are_proposed_with_the_reason(store: Store) -> None:
    (pair,) = likeness.proposals(store, "strike", "a", 300, 1, across_sources=True)
    assert {pair["first"], pair["second"]} == {"S-1", "MV-9"}
    assert pair["distance_m"] == pytest.approx(107, abs=1)


def test_a_merge_keeps_what_both_knew_and_undo_takes_it_apart(store: Store) -> None:
    before = {one.id: one.values for one in store.page("strike", STAFF)}
    done = likeness.merge(store, "strike", "S-1", "MV-9", who="a", why="one event")
    kept = store.get("strike", done["kept"], STAFF)
    assert kept is not None
    assert (kept.values["munition"], kept.values["carriers"]) == ("X", 2)
    assert kept.values["merged_from"] == [done["withdrawn"]]
    assert store.get("strike", done["withdrawn"], STAFF) is None
    assert [conflict["field"] for conflict in done["conflicts"]] == ["struck_on"]
    store.undo(done["change"], who="a")
    assert {one.id: one.values for one in store.page("strike", STAFF)} == before


def test_a_merge_that_is_only_tried_stores_nothing(store: Store) -> None:
    likeness.merge(store, "strike", "S-1", "MV-9", who="a", why="", keep=False)
    assert len(store.changes()) == 1


def test_one_photo_on_two_records_is_a_sign(store: Store) -> None:
    assert "sign.copied-photo" in {sign["sign"] for sign in likeness.signs(store, "a")}
