"""Victims: sealed in the store, read with a purpose, erased from the store, its history and its backups."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from fadeout.errors import InputRefused
from fadeout.jobs import backups, victims
from fadeout.jobs.storing import Request, take_in
from fadeout.records.access import Viewer
from fadeout.records.store import Store, create_store, now, open_store

HELPER = Viewer("A. Helper", "victim_assistance", "visit in May")
AT = datetime(2026, 11, 25, 7, tzinfo=UTC)
ROWS = "id,name,home,sex,age_group,consent,remark\n"
ROWS += "V-1,Somebody Unlucky,Under the hill,female,5_11,guardian,cousin of the chief\n"


@pytest.fixture
def store(tmp_path: Path) -> Store:
    made = create_store(tmp_path / "north.gpkg")
    path = tmp_path / "victims.csv"
    path.write_text(ROWS, encoding="utf-8")
    (review,) = take_in(made, Request((path,), "a"), today=date(2026, 11, 25))
    assert (review.problems, review.put.new) == ([], 1)
    return made


def test_a_rehearsal_makes_no_key_and_no_key_file(tmp_path: Path) -> None:
    made = create_store(tmp_path / "new.gpkg")
    path = tmp_path / "victims.csv"
    path.write_text(ROWS, encoding="utf-8")
    (review,) = take_in(made, Request((path,), "a", dry_run=True), today=date(2026, 11, 25))
    assert (review.problems, review.put.new) == ([], 1)
    assert not victims.key_file(made).exists()


def test_a_rehearsal_beside_persons_adds_no_key_and_tells_what_would_change(
    store: Store, tmp_path: Path
) -> None:
    (tmp_path / "later").mkdir()
    path = tmp_path / "later/victims.csv"
    path.write_text(ROWS + "V-2,Another Person,By the well,male,18_59,person,\n", encoding="utf-8")
    before = victims.keys_of(store).persons()
    (review,) = take_in(store, Request((path,), "a", dry_run=True), today=date(2026, 11, 25))
    assert (review.put.same, review.put.new) == (1, 1)
    assert victims.keys_of(store).persons() == before


def everything(folder: Path) -> bytes:
    return b"".join(
        path.read_bytes() for path in folder.rglob("*") if path.is_file() and path.suffix != ".csv"
    )


def test_no_name_stands_anywhere_in_the_store_and_the_same_file_again_changes_nothing(
    store: Store, tmp_path: Path
) -> None:
    (again,) = take_in(store, Request((tmp_path / "victims.csv",), "a"), today=date(2026, 11, 25))
    assert again.put.same == 1
    assert b"Unlucky" not in everything(tmp_path)
    assert b"chief" not in everything(tmp_path)


def test_a_reading_says_what_for_and_is_logged_before_anything_is_given(store: Store) -> None:
    keys = victims.keys_of(store)
    found = victims.show(store, keys, "V-1", HELPER, AT)
    assert found.values["name"] == "Somebody Unlucky"
    (line,) = victims.log(store, "V-1", 10)
    assert (line["who"], line["purpose"]) == ("A. Helper", "visit in May")
    with pytest.raises(InputRefused, match="what for"):
        victims.show(store, keys, "V-1", Viewer("A. Helper", "victim_assistance"), AT)


def test_looking_at_sealed_records_needs_a_purpose_and_is_logged_too(store: Store) -> None:
    with pytest.raises(InputRefused, match="what for"):
        store.page("victim", Viewer("A. Helper", "victim_assistance"))
    store.page("victim", HELPER)
    (line,) = victims.log(store, None, 10)
    assert (line["id"], line["who"], line["purpose"]) == ("*", "A. Helper", "visit in May")


def test_an_erased_person_is_gone_from_the_store_its_history_and_its_backups(
    store: Store, tmp_path: Path
) -> None:
    made = backups.backup(store, tmp_path / "backups", AT, None, None, lambda words, done: None)
    keys = victims.keys_of(store)
    told = victims.erase(store, keys, "V-1", who="a", why="asked by the person")
    assert told.not_reached == ()
    assert victims.show(store, keys, "V-1", HELPER, AT).values["name"] == "[erased]"
    again = backups.restore(
        made, str(tmp_path / "again.gpkg"), now, None, None, None, lambda words, done: None
    )
    back = victims.show(again, victims.keys_of(again), "V-1", HELPER, AT)
    assert back.values["name"] == "[erased]"
    assert store.verify().faults == ()


def test_a_backup_that_an_erasure_could_not_reach_is_held_to_it_when_it_comes_back(
    store: Store, tmp_path: Path
) -> None:
    made = backups.backup(store, tmp_path / "backups", AT, None, None, lambda words, done: None)
    away = tmp_path / "away"
    (tmp_path / "backups").rename(away)  # a disk in a drawer
    told = victims.erase(store, victims.keys_of(store), "V-1", who="a", why="asked by the person")
    assert len(told.not_reached) == 1
    present = victims.key_file(store)
    again = backups.restore(
        away / made.name, str(tmp_path / "again.gpkg"), now, None, None, present, lambda words, done: None
    )
    assert victims.show(again, victims.keys_of(again), "V-1", HELPER, AT).values["name"] == "[erased]"


def test_a_store_with_victims_does_not_open_with_another_key_file(store: Store, tmp_path: Path) -> None:
    other = create_store(tmp_path / "other.gpkg")
    victims.keys_of(other)
    with pytest.raises(InputRefused, match=r"keys.wrong-file"):
        victims.keys_of(open_store(tmp_path / "north.gpkg"), victims.key_file(other))


def test_counts_of_a_few_are_withheld(store: Store) -> None:
    rows, words = victims.table(store, ["sex"], HELPER)
    assert [row["victims"] for row in rows if row["sex"] == "female"] == [None]
    assert words
