"""Keys of persons: private, durable, and gone for good when destroyed, from the file, its journal and its copies."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from fadeout.errors import InputRefused
from fadeout.records.key_copies import (
    copy_destroyed,
    copy_keys,
    forget_in,
    pending,
    reapply,
    restore_keys,
)
from fadeout.records.key_file import PERSON_KEY, Tombstone
from fadeout.records.keys import KeyStore, create_keys, open_keys, trace

MASTER = bytes(range(32))
AT = datetime(2026, 11, 25, 7, tzinfo=UTC)
V1, V2 = "victim|V-1", "victim|V-2"


def clock() -> datetime:
    return AT


@pytest.fixture(params=[None, MASTER], ids=["as they are", "wrapped"])
def keys(request: pytest.FixtureRequest, tmp_path: Path) -> KeyStore:
    return create_keys(tmp_path / "p.keys", request.param, clock)


def kept(keys: KeyStore) -> dict[str, bytes]:
    """The keys as they stand in the file."""
    with keys.reading() as connection:
        return {row.person: bytes(row.key) for row in connection.execute(sa.select(PERSON_KEY))}


def files(path: Path) -> bytes:
    """All bytes of the file and of whatever SQLite laid beside it."""
    return b"\0".join(one.read_bytes() for one in sorted(path.parent.glob(path.name + "*")))


def code(refused: pytest.ExceptionInfo[InputRefused]) -> str:
    return refused.value.problems[0].code


def test_a_person_keeps_one_key_however_often_it_is_asked_for(keys: KeyStore) -> None:
    first = keys.make([V1, V2, V1])
    assert first[V1] != first[V2]
    assert keys.make([V1, V2]) == first == keys.keys_of([V1, V2])


def test_a_key_file_opened_again_gives_the_same_keys(keys: KeyStore) -> None:
    made = keys.make([V1])
    again = open_keys(keys.path, MASTER if keys.master else None)
    assert again.keys_of([V1]) == made
    assert again.family == keys.family


def test_with_a_master_key_no_key_can_be_read_from_the_file(tmp_path: Path) -> None:
    keys = create_keys(tmp_path / "p.keys", MASTER)
    made = keys.make([V1])[V1]
    assert not trace(made, files(keys.path))
    assert not trace(MASTER, files(keys.path))


def test_a_destroyed_key_is_in_no_byte_of_the_file_or_its_journal(keys: KeyStore) -> None:
    keys.make([f"victim|V-{i}" for i in range(50)])
    key = keys.keys_of([V1])[V1]
    before = kept(keys)[V1]
    assert trace(before, files(keys.path))
    keys.erase(V1, "officer", "asked for it")
    assert not trace(before, files(keys.path))
    assert not trace(key, files(keys.path))
    assert keys.keys_of([V1, V2]).keys() == {V2}


def test_no_destroyed_key_comes_back_among_thousands_made_and_destroyed_in_any_order(
    tmp_path: Path,
) -> None:
    """Pages of the file split and merge: whatever SQLite copied about must be gone too."""
    keys = create_keys(tmp_path / "p.keys")
    chance, gone = random.Random(7), {}
    for round_ in range(6):
        keys.make([f"victim|{chance.random()}-{round_}" for _ in range(300)])
        held = kept(keys)
        for person in chance.sample(sorted(held), 5):
            gone[person] = held[person]
            keys.erase(person, "o", "w")
    image = files(keys.path)
    assert [person for person, key in gone.items() if trace(key, image)] == []
    assert all(trace(key, image) for key in kept(keys).values())


def test_many_destroyed_at_once_are_all_gone_from_the_journal_too(keys: KeyStore) -> None:
    """Their pages are many, so that what is written later covers only the first of them in the journal."""
    everybody = [f"victim|{i}" for i in range(3000)]
    keys.make(everybody)
    before = kept(keys)
    gone = everybody[::100]
    assert keys.apply([Tombstone(one, "2026-11-25T07:00:00Z", "o", "w") for one in gone]) == sorted(gone)
    image = files(keys.path)
    assert [one for one in gone if trace(before[one], image)] == []
    assert keys.persons() == sorted(set(everybody) - set(gone))


def test_erasing_says_who_when_and_why_and_a_second_time_says_that_it_was_done(keys: KeyStore) -> None:
    keys.make([V1])
    said, again = keys.erase(V1, " officer ", "asked for it")
    assert (said.person, said.erased_at, said.who, said.why, again) == (
        V1,
        "2026-11-25T07:00:00Z",
        "officer",
        "asked for it",
        False,
    )
    assert keys.erase(V1, "other", "other") == (said, True)


def test_an_erased_person_gets_no_new_key(keys: KeyStore) -> None:
    keys.make([V1])
    keys.erase(V1, "o", "w")
    with pytest.raises(InputRefused, match="V-1 was erased on 2026-11-25, for good") as refused:
        keys.make([V1, V2])
    assert code(refused) == "persons.erased"
    assert keys.keys_of([V2]) == {}


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM erased",
        "UPDATE erased SET person = 'victim|X'",
        "INSERT INTO person_key VALUES ('victim|V-1', x'00', '')",
    ],
)
def test_the_file_itself_lets_nobody_take_an_erasure_back(keys: KeyStore, statement: str) -> None:
    keys.make([V1])
    keys.erase(V1, "o", "w")
    with pytest.raises(InputRefused, match=r"taken back|was erased"), keys.writing() as connection:
        connection.exec_driver_sql(statement)


def test_erasing_somebody_unknown_is_refused_and_leaves_no_tombstone(keys: KeyStore) -> None:
    with pytest.raises(InputRefused) as refused:
        keys.erase(V1, "o", "w")
    assert code(refused) == "keys.no-person"
    assert keys.erased() == {}


@pytest.mark.parametrize(("who", "why"), [("", "w"), ("o", " ")])
def test_erasing_needs_a_name_and_a_reason(keys: KeyStore, who: str, why: str) -> None:
    keys.make([V1])
    with pytest.raises(InputRefused) as refused:
        keys.erase(V1, who, why)
    assert code(refused) == "keys.no-reason"
    assert V1 in keys.keys_of([V1])


def test_a_stop_between_deleting_a_key_and_cleaning_is_made_good_at_the_next_opening(
    keys: KeyStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys.make([V1, V2])
    before = kept(keys)[V1]
    with monkeypatch.context() as broken:
        broken.setattr(KeyStore, "wipe", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            keys.erase(V1, "o", "w")
    assert trace(before, files(keys.path))  # in the journal: without this the test would show nothing
    again = open_keys(keys.path, MASTER if keys.master else None)
    assert not trace(before, files(keys.path))
    assert again.erased().keys() == {V1}
    assert again.keys_of([V1, V2]).keys() == {V2}


def test_where_the_file_cannot_be_looked_at_it_is_packed_anew(
    keys: KeyStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    packed = []
    pack = KeyStore._pack
    monkeypatch.setattr(KeyStore, "_traces", lambda *_: None)
    monkeypatch.setattr(KeyStore, "_pack", lambda self: packed.append(1) or pack(self))
    keys.make([V1, V2])
    before = kept(keys)
    keys.erase(V1, "o", "w")
    assert packed == [1]
    assert not trace(before[V1], files(keys.path))
    assert keys.keys_of([V1, V2]).keys() == {V2}


def test_a_key_that_cannot_be_wiped_is_told_and_not_taken_for_gone(
    keys: KeyStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys.make([V1])
    monkeypatch.setattr(KeyStore, "_traces", lambda *_: [V1])
    with pytest.raises(InputRefused, match="still holds traces") as refused:
        keys.erase(V1, "o", "w")
    assert code(refused) == "keys.traces"


# ---- opening --------------------------------------------------------------------------------------------------------


@pytest.mark.skipif(os.name != "posix", reason="permissions are those of POSIX")
def test_only_the_owner_can_read_the_file_its_journal_and_its_copies(keys: KeyStore, tmp_path: Path) -> None:
    keys.make([V1])
    copy_keys(keys, tmp_path / "copy.keys")
    laid = [path for path in tmp_path.iterdir() if path.is_file()]
    assert {path.name for path in laid} >= {"p.keys", "p.keys-journal", "copy.keys"}
    assert {path.stat().st_mode & 0o777 for path in laid} == {0o600}


@pytest.mark.skipif(os.name != "posix", reason="permissions are those of POSIX")
def test_a_key_file_that_others_can_read_is_not_opened(keys: KeyStore) -> None:
    keys.path.chmod(0o640)
    with pytest.raises(InputRefused, match=r"chmod 600 p\.keys") as refused:
        open_keys(keys.path)
    assert code(refused) == "keys.open-to-others"


@pytest.mark.parametrize(
    ("made", "given", "expected"),
    [
        (MASTER, bytes(32), "keys.wrong-master"),
        (MASTER, None, "keys.needs-master"),
        (None, MASTER, "keys.no-master"),
    ],
)
def test_the_wrong_master_key_is_told_at_once(
    tmp_path: Path, made: bytes | None, given: bytes | None, expected: str
) -> None:
    create_keys(tmp_path / "p.keys", made)
    with pytest.raises(InputRefused) as refused:
        open_keys(tmp_path / "p.keys", given)
    assert code(refused) == expected


def test_a_short_master_key_is_refused_before_a_file_is_made(tmp_path: Path) -> None:
    with pytest.raises(InputRefused) as refused:
        create_keys(tmp_path / "p.keys", b"passphrase")
    assert code(refused) == "keys.short-master"
    assert not (tmp_path / "p.keys").exists()


def test_a_key_moved_to_another_person_in_the_file_does_not_open(tmp_path: Path) -> None:
    keys = create_keys(tmp_path / "p.keys", MASTER)
    keys.make([V1, V2])
    with keys.writing() as connection:
        connection.execute(PERSON_KEY.update().where(PERSON_KEY.c.person == V1).values(key=kept(keys)[V2]))
    with pytest.raises(InputRefused) as refused:
        keys.keys_of([V1])
    assert code(refused) == "keys.changed"


def test_what_is_no_key_file_is_told_so_and_left_alone(tmp_path: Path) -> None:
    other = tmp_path / "notes.keys"
    other.write_text("not a key file, but something of somebody's")
    other.chmod(0o600)
    for act in (open_keys, create_keys):
        with pytest.raises(InputRefused) as refused:
            act(other)
        assert code(refused) in ("keys.not-one", "keys.exists")
    assert other.read_text().startswith("not a key file")
    with pytest.raises(InputRefused) as refused:
        open_keys(tmp_path / "none.keys")
    assert code(refused) == "keys.missing"


def test_a_newer_key_file_is_not_touched(keys: KeyStore) -> None:
    with keys.writing() as connection:
        connection.exec_driver_sql("PRAGMA user_version = 99")
    with pytest.raises(InputRefused) as refused:
        open_keys(keys.path, MASTER if keys.master else None)
    assert code(refused) == "keys.newer"


MAKE = """
import sys
from pathlib import Path
from fadeout.records.keys import open_keys
keys = open_keys(Path(sys.argv[1]))
for i in range(40):
    print(i, keys.make([f"victim|V-{i}"])[f"victim|V-{i}"].hex())
"""


def test_two_processes_at_once_agree_on_every_key(tmp_path: Path) -> None:
    create_keys(tmp_path / "p.keys")
    command = [sys.executable, "-c", MAKE, str(tmp_path / "p.keys")]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    said = [process.communicate(timeout=120)[0] for process in both]
    assert said[0] == said[1]
    assert len(said[0].splitlines()) == 40


def test_of_two_who_make_a_key_file_at_once_one_is_refused(tmp_path: Path) -> None:
    first = create_keys(tmp_path / "p.keys")
    first.make([V1])
    with pytest.raises(InputRefused) as refused:
        create_keys(tmp_path / "p.keys")
    assert code(refused) == "keys.exists"
    assert V1 in first.keys_of([V1])


# ---- copies ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def copied(keys: KeyStore, tmp_path: Path) -> Callable[[], Path]:
    (tmp_path / "backups").mkdir()
    keys.make([V1, V2])
    return lambda: copy_keys(keys, tmp_path / "backups" / "monday.keys")


def test_an_erasure_reaches_the_copies_in_the_backups(keys: KeyStore, copied: Callable[[], Path]) -> None:
    copy = copied()
    before = kept(keys)[V1]
    assert trace(before, files(copy))
    keys.erase(V1, "o", "w")
    assert [(one.copy, one.persons) for one in pending(keys)] == [(str(copy), 1)]
    assert forget_in(keys) == []
    assert not trace(before, files(copy))
    assert trace(kept(keys)[V2], files(copy))
    assert pending(keys) == []


def test_a_copy_that_is_away_stays_pending_until_it_is_back(
    keys: KeyStore, copied: Callable[[], Path], tmp_path: Path
) -> None:
    copy = copied()
    away = copy.rename(tmp_path / "drawer")
    before = kept(keys)[V1]
    keys.erase(V1, "o", "w")
    [left] = forget_in(keys)
    assert str(left) == "monday.keys: it is not there; it may still hold the key of 1 erased person"
    assert [one.copy for one in pending(open_keys(keys.path, MASTER if keys.master else None))] == [str(copy)]
    away.rename(copy)
    assert forget_in(keys) == []
    assert not trace(before, files(copy))


def test_a_copy_made_by_hand_is_reached_when_its_folder_is_named(keys: KeyStore, tmp_path: Path) -> None:
    keys.make([V1])
    by_hand = tmp_path / "disk" / "2026" / "by-hand.keys"
    by_hand.parent.mkdir(parents=True)
    by_hand.write_bytes(keys.path.read_bytes())
    before = kept(keys)[V1]
    keys.erase(V1, "o", "w")
    assert forget_in(keys, [tmp_path / "disk"]) == []
    assert not trace(before, files(by_hand))


def test_the_key_file_of_another_programme_is_left_alone_though_ids_agree(
    keys: KeyStore, tmp_path: Path
) -> None:
    (tmp_path / "other").mkdir()
    other = create_keys(tmp_path / "other" / "o.keys")
    theirs = other.make([V1])
    keys.make([V1])
    keys.erase(V1, "o", "w")
    [told] = forget_in(keys, [other.path])
    assert told.why == "it is the key file of another store"
    assert other.keys_of([V1]) == theirs
    assert pending(keys) == []


def test_a_damaged_copy_is_told_with_its_reason(keys: KeyStore, copied: Callable[[], Path]) -> None:
    copy = copied()
    copy.write_bytes(b"damaged" * 999)
    keys.erase(V1, "o", "w")
    [left] = forget_in(keys)
    assert "not a database" in left.why


def test_a_person_erased_after_the_backup_stays_erased_when_it_is_restored(
    keys: KeyStore, copied: Callable[[], Path], tmp_path: Path
) -> None:
    copy = copied()
    old = tmp_path / "drawer.keys"
    old.write_bytes(copy.read_bytes())  # a copy nobody knows of
    before = kept(keys)[V1]
    keys.erase(V1, "o", "w")
    master = MASTER if keys.master else None
    restored = restore_keys(old, tmp_path / "new.keys", master, current=keys)
    assert restored.keys_of([V1, V2]).keys() == {V2}
    assert restored.erased() == keys.erased()
    assert [one.copy for one in pending(restored)] == [str(copy)]
    assert not trace(before, files(restored.path))
    assert trace(before, files(old))  # what it was restored from is only read
    assert not list(tmp_path.glob(".new.keys*"))


def test_applying_erasures_again_changes_nothing(
    keys: KeyStore, copied: Callable[[], Path], tmp_path: Path
) -> None:
    copied()
    restored = restore_keys(
        tmp_path / "backups" / "monday.keys", tmp_path / "r.keys", MASTER if keys.master else None
    )
    keys.erase(V1, "o", "w")
    assert reapply(keys, restored) == [V1]
    assert reapply(keys, restored) == []
    assert restored.erased() == keys.erased()


def test_the_wrong_master_key_restores_nothing(copied: Callable[[], Path], tmp_path: Path) -> None:
    copied()
    with pytest.raises(InputRefused):
        restore_keys(tmp_path / "backups" / "monday.keys", tmp_path / "r.keys", bytes(32))
    assert not list(tmp_path.glob("*r.keys*"))


def test_erasures_of_one_programme_are_never_applied_to_another(keys: KeyStore, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    other = create_keys(tmp_path / "other" / "o.keys")
    with pytest.raises(InputRefused) as refused:
        reapply(keys, other)
    assert code(refused) == "keys.not-kin"


def test_a_copy_is_noted_as_destroyed_only_when_it_is_gone(
    keys: KeyStore, copied: Callable[[], Path]
) -> None:
    copy = copied()
    keys.erase(V1, "o", "w")
    with pytest.raises(InputRefused) as refused:
        copy_destroyed(keys, copy)
    assert code(refused) == "keys.copy-exists"
    copy.unlink()
    copy_destroyed(keys, copy)
    assert forget_in(keys) == []
    with pytest.raises(InputRefused):
        copy_destroyed(keys, copy)
