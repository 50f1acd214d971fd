"""What a store keeps of persons: sealed, readable to the few who say what for, and gone when they are erased."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fadeout.errors import InputRefused
from fadeout.records import access_log, persons
from fadeout.records.access import Viewer
from fadeout.records.access_log import Line, lines
from fadeout.records.checking import UNPRINTABLE, checked
from fadeout.records.key_copies import copy_keys
from fadeout.records.keys import KeyStore, create_keys, open_keys
from fadeout.records.persons import (
    due_for_review,
    erase,
    personal_fields,
    read_person,
    read_persons,
    seal,
    seal_all,
    unseal,
    unused,
    without_key,
)
from fadeout.records.record import Record
from fadeout.records.store import Store, create_store

Address = Callable[[], str]
AT = datetime(2026, 11, 25, 7, tzinfo=UTC)
HELPER = Viewer("B. Helper", "victim_assistance", "call about a prosthesis")
SAID = {
    "name": "A. Person",
    "home": "by the well",
    "health": "left leg",
    "sex": "female",
    "remark": "the aunt knows",
}


def victim(id: str = "V-1", **values: str) -> Record:
    return Record("victim", id, {"consent": "person", **SAID, **values})


@pytest.fixture
def keys(tmp_path: Path) -> KeyStore:
    return create_keys(tmp_path / "p.keys", clock=lambda: AT)


def codes(refused: pytest.ExceptionInfo[InputRefused]) -> list[str]:
    return [problem.code for problem in refused.value.problems]


# ---- sealing --------------------------------------------------------------------------------------------------------


def test_a_sealed_record_shows_nothing_personal_and_the_store_takes_it(keys: KeyStore) -> None:
    sealed = seal(keys, victim())
    values, faults = checked(sealed)
    assert faults == []
    assert all(str(values[name]).startswith("enc1:") for name in ("name", "home", "health", "remark"))
    assert values["sex"] == "female"  # what counts are made by stays open
    assert not any(word in str(sealed) for word in ("Person", "well", "leg", "aunt"))


def test_unsealing_gives_back_what_was_sealed(keys: KeyStore) -> None:
    assert unseal(keys, seal(keys, victim())) == victim()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.dictionaries(
        st.sampled_from(personal_fields("victim")),
        st.text(max_size=300).filter(
            lambda text: not UNPRINTABLE.search(text) and not text.startswith("enc1:")
        ),
    )
)
def test_any_text_comes_back_as_it_was_and_seals_the_same_each_time(
    keys: KeyStore, values: dict[str, str]
) -> None:
    record = Record("victim", "V-1", dict(values))
    sealed = seal(keys, record)
    assert unseal(keys, sealed) == record
    assert seal(keys, record) == sealed == seal(keys, sealed)


def test_importing_twice_changes_nothing(keys: KeyStore) -> None:
    assert seal_all(keys, [victim(), victim("V-2")]) == seal_all(keys, [victim(), victim("V-2")])


def test_a_changed_field_changes_its_token_alone(keys: KeyStore) -> None:
    before, after = seal(keys, victim()).values, seal(keys, victim(home="by the mill")).values
    assert {name for name in before if before[name] != after[name]} == {"home"}


def test_the_same_name_of_two_persons_or_in_two_fields_cannot_be_seen_to_be_the_same(keys: KeyStore) -> None:
    one, other = seal(keys, victim(contact="A. Person")), seal(keys, victim("V-2"))
    assert len({one.values["name"], one.values["contact"], other.values["name"]}) == 3


def test_the_length_of_a_token_does_not_tell_the_length_of_a_name(keys: KeyStore) -> None:
    short, long = (
        seal(keys, victim(name="Li")),
        seal(keys, victim("V-2", name="Maria Magdalena of the Upper Valley")),
    )
    assert len(str(short.values["name"])) == len(str(long.values["name"]))


def test_records_that_speak_of_no_person_pass_as_they_are_and_get_no_key(keys: KeyStore) -> None:
    find = Record("evidence", "EP-1", {"remark": "under a tree"})
    assert seal(keys, find) == find == unseal(keys, find)
    assert keys.persons() == []


def test_a_person_of_whom_nothing_personal_is_kept_gets_no_key(keys: KeyStore) -> None:
    record = Record("victim", "V-1", {"sex": "male", "name": ""})
    assert seal(keys, record) == record
    assert keys.persons() == []


@pytest.mark.parametrize("field", ["home", "name"])
def test_a_value_moved_to_another_person_or_field_is_refused(keys: KeyStore, field: str) -> None:
    one, other = seal_all(keys, [victim(), victim("V-2")])
    moved = replace(
        other, values={**other.values, field: one.values["name"] if field == "name" else other.values["name"]}
    )
    for act in (unseal, seal):
        with pytest.raises(
            InputRefused, match=f"victim V-2: the encrypted {field} was changed, or moved"
        ) as refused:
            act(keys, moved)
        assert codes(refused) == ["persons.wrong-token"]


@pytest.mark.parametrize(
    "token", ["enc1:", "enc1:AAAA", "enc1:no base64!", "enc1:A. Person", "enc1:" + "A" * 128]
)
def test_what_only_looks_sealed_does_not_pass(keys: KeyStore, token: str) -> None:
    keys.make(["victim|V-1"])
    for act in (unseal, seal):
        with pytest.raises(InputRefused) as refused:
            act(keys, victim(name=token))
        assert codes(refused) == ["persons.wrong-token"]
        assert "A. Person" not in str(refused.value)


def test_one_changed_letter_of_any_token_is_seen(keys: KeyStore) -> None:
    token = str(seal(keys, victim()).values["name"])
    for i in range(len("enc1:"), len(token)):
        other = token[:i] + chr(ord(token[i]) ^ 1) + token[i + 1 :]
        with pytest.raises(InputRefused):
            unseal(keys, victim(name=other))


def test_the_wrong_key_file_is_told_and_not_taken_for_an_erasure(keys: KeyStore, tmp_path: Path) -> None:
    sealed = seal(keys, victim())
    other = create_keys(tmp_path / "other.keys")
    for act in (unseal, seal):
        with pytest.raises(InputRefused, match="holds no key of victim V-1") as refused:
            act(other, sealed)
        assert set(codes(refused)) == {"persons.no-key"}
    assert other.persons() == []
    assert without_key(other, ["victim|V-1"]) == ["victim|V-1"]
    assert without_key(keys, ["victim|V-1"]) == []


def test_every_fault_of_every_record_is_told_at_once_and_no_value_with_it(keys: KeyStore) -> None:
    batch = [
        victim("V-1", name="bad\x00"),
        victim("V-2", consent="none"),
        victim("V-3"),
        victim("V-4", home="x" * 600_000),
    ]
    with pytest.raises(InputRefused) as refused:
        seal_all(keys, batch)
    assert codes(refused) == ["persons.bad-value", "persons.no-consent", "persons.bad-value"]
    assert keys.persons() == []
    assert not any(word in str(refused.value) for word in ("Person", "well", "xxx", "bad\x00"))


def test_what_nobody_agreed_to_is_kept_without_the_person(keys: KeyStore) -> None:
    record = Record("victim", "V-1", {"consent": "none", "sex": "male"})
    assert seal(keys, record) == record


def test_a_stop_before_the_record_is_stored_leaves_a_key_that_is_used_the_next_time(keys: KeyStore) -> None:
    lost = seal(keys, victim())
    assert unused(keys, ["victim|V-2"]) == ["victim|V-1"]
    assert seal(keys, victim()) == lost
    assert unused(keys, ["victim|V-1"]) == []


# ---- erasing --------------------------------------------------------------------------------------------------------


def test_an_erased_person_reads_as_erased_and_cannot_be_read_by_anyone_again(keys: KeyStore) -> None:
    sealed = seal_all(keys, [victim(), victim("V-2")])
    done = erase(keys, "victim|V-1", "officer", "asked for it")
    one, other = (unseal(keys, record) for record in sealed)
    assert {one.values[name] for name in ("name", "home", "health", "remark")} == {"[erased]"}
    assert one.values["sex"] == "female"
    assert other == victim("V-2")
    assert "cannot be undone" in done.words
    assert "Papers, exports and pictures" in done.words


def test_an_erased_person_does_not_come_back_with_the_next_import(keys: KeyStore) -> None:
    sealed = seal(keys, victim())
    erase(keys, "victim|V-1", "officer", "asked for it")
    with pytest.raises(InputRefused, match="give it a new id") as refused:
        seal(keys, victim())
    assert codes(refused) == ["persons.erased"]
    assert seal(keys, sealed) == sealed  # what nobody can read any more passes: undoing a change needs it


def test_an_erased_record_that_is_exported_and_imported_brings_nothing_back(keys: KeyStore) -> None:
    sealed = seal(keys, victim())
    erase(keys, "victim|V-1", "officer", "asked for it")
    again = seal(keys, unseal(keys, sealed))
    assert again.values == {"consent": "person", "sex": "female"}
    assert keys.persons() == []


def test_erasing_twice_says_when_it_was_done(keys: KeyStore) -> None:
    seal(keys, victim())
    erase(keys, "victim|V-1", "officer", "asked for it")
    again = erase(keys, "victim|V-1", "other", "again")
    assert again.again
    assert again.words.startswith("victim V-1 was erased already, on 2026-11-25 by officer: asked for it.")


def test_erasing_reaches_the_copies_and_tells_those_it_did_not(keys: KeyStore, tmp_path: Path) -> None:
    sealed = seal_all(keys, [victim(), victim("V-2")])
    near, far = copy_keys(keys, tmp_path / "near.keys"), copy_keys(keys, tmp_path / "far.keys")
    far.rename(tmp_path / "away")
    done = erase(keys, "victim|V-1", "officer", "asked for it")
    assert [Path(one.copy).name for one in done.not_reached] == ["far.keys"]
    assert "Not reached yet: far.keys" in done.words
    backup = open_keys(near)
    assert unseal(backup, sealed[0]).values["name"] == "[erased]"
    assert unseal(backup, sealed[1]).values["name"] == "A. Person"


def test_erasing_leaves_the_store_whole_and_no_version_of_it_tells_the_person(
    store: Store, keys: KeyStore
) -> None:
    for home in ("by the well", "by the mill"):
        with store.change(who="h", why="visit") as change:
            change.put(seal_all(keys, [victim(home=home), victim("V-2")]))
    erase(keys, "victim|V-1", "officer", "asked for it")
    assert store.verify().faults == ()
    versions = [unseal(keys, one.record) for one in store.history("V-1", HELPER, "victim")]
    assert [(one.values["name"], one.values["home"]) for one in versions] == [("[erased]", "[erased]")] * 2
    now = store.get("victim", "V-2", HELPER)
    assert now is not None
    assert unseal(keys, now).values["name"] == "A. Person"


def test_importing_sealed_records_twice_makes_no_new_version(store: Store, keys: KeyStore) -> None:
    with store.change(who="h", why="visit") as change:
        change.put(seal_all(keys, [victim(), victim("V-2")]))
    with store.change(who="h", why="the same file again") as change:
        put = change.put(seal_all(keys, [victim(), victim("V-2")]))
    assert (put.new, put.changed, put.same) == (0, 0, 2)


def test_no_file_of_a_store_holds_what_was_said_of_a_person(tmp_path: Path, keys: KeyStore) -> None:
    kept = create_store(tmp_path / "s.gpkg")
    with kept.change(who="h", why="visit") as change:
        change.put(seal_all(keys, [victim()]))
    laid = b"".join(path.read_bytes() for path in tmp_path.glob("s.gpkg*"))
    assert b"enc1:" in laid
    assert not any(word in laid for word in (b"A. Person", b"by the well", b"left leg", b"the aunt"))


# ---- the access log -------------------------------------------------------------------------------------------------


@pytest.fixture
def engine(address: Address) -> sa.Engine:
    """A database with the access log, on SQLite and on PostgreSQL."""
    text = address()
    url = sa.make_url(text).set(drivername="postgresql+psycopg") if "://" in text else f"sqlite:///{text}"
    made = sa.create_engine(url)
    metadata = sa.MetaData()
    access_log.define(metadata)
    with made.begin() as connection:
        metadata.create_all(connection)
        for statement in access_log.TRIGGERS[made.dialect.name]:
            connection.exec_driver_sql(statement)
    return made


def test_whoever_reads_a_person_is_written_down_first(engine: sa.Engine, keys: KeyStore) -> None:
    sealed = seal(keys, victim())
    with engine.connect() as connection:
        assert read_person(connection, keys, HELPER, sealed, AT) == victim()
    with engine.connect() as connection:
        assert lines(connection) == [
            Line(
                "2026-11-25T07:00:00Z",
                "B. Helper",
                "victim_assistance",
                "victim",
                "V-1",
                "name; home; health; remark",
                "call about a prosthesis",
            )
        ]


def test_a_reading_that_is_taken_back_stays_in_the_log(engine: sa.Engine, keys: KeyStore) -> None:
    sealed = seal(keys, victim())
    with engine.connect() as connection:
        connection.execute(sa.text("SELECT 1"))
        read_person(connection, keys, HELPER, sealed, AT)
        connection.rollback()
    with engine.connect() as connection:
        assert len(lines(connection, "victim", "V-1")) == 1


def test_nothing_is_given_if_the_line_cannot_be_written(
    engine: sa.Engine, keys: KeyStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    sealed = seal(keys, victim())
    monkeypatch.setattr(persons, "unseal_all", lambda *_: pytest.fail("unsealed without a line"))
    with engine.begin() as connection:
        connection.exec_driver_sql("DROP TABLE access_log")
    with pytest.raises(sa.exc.DatabaseError), engine.connect() as connection:
        read_person(connection, keys, HELPER, sealed, AT)


def test_a_reading_that_fails_is_in_the_log_all_the_same(engine: sa.Engine, keys: KeyStore) -> None:
    one, other = seal_all(keys, [victim(), victim("V-2")])
    moved = replace(other, values={**other.values, "name": one.values["name"]})
    with engine.connect() as connection:
        with pytest.raises(InputRefused):
            read_persons(connection, keys, HELPER, [one, moved], AT)
        assert [line.id for line in lines(connection)] == ["V-2", "V-1"]


@pytest.mark.parametrize(
    ("viewer", "expected"),
    [
        (Viewer("B. Helper", "victim_assistance"), "persons.no-purpose"),
        (Viewer("B. Helper", "victim_assistance", "  "), "persons.no-purpose"),
        (Viewer(" ", "victim_assistance", "a call"), "persons.no-purpose"),
        *(
            (Viewer("n", role, "a call"), "persons.may-not-see")
            for role in ("public", "partner", "staff", "manager")
        ),
    ],
)
def test_without_a_purpose_a_name_or_the_role_nothing_is_read_and_nothing_logged(
    engine: sa.Engine, keys: KeyStore, viewer: Viewer, expected: str
) -> None:
    with engine.connect() as connection:
        with pytest.raises(InputRefused) as refused:
            read_person(connection, keys, viewer, seal(keys, victim()), AT)
        assert codes(refused) == [expected]
        assert lines(connection) == []


@pytest.mark.parametrize("statement", ["DELETE FROM access_log", "UPDATE access_log SET who = 'nobody'"])
def test_nobody_changes_the_access_log(engine: sa.Engine, keys: KeyStore, statement: str) -> None:
    with engine.connect() as connection:
        read_person(connection, keys, HELPER, seal(keys, victim()), AT)
    with pytest.raises(sa.exc.DatabaseError, match="never changed"), engine.begin() as connection:
        connection.exec_driver_sql(statement)
    with engine.connect() as connection:
        assert len(lines(connection)) == 1


# ---- review ---------------------------------------------------------------------------------------------------------


def test_records_without_consent_or_with_an_old_one_come_up_for_review() -> None:
    today = date(2026, 11, 25)
    records = [
        victim("V-1", consented_on="2024-02-29"),
        victim("V-2", consented_on="2021-11-25"),
        victim("V-3", consented_on="2021-11-24"),
        victim("V-4"),
        victim("V-5", consent="none"),
        victim("V-6", consented_on="2020-02-29"),
    ]
    assert [id for id, _ in due_for_review(records, today)] == ["V-3", "V-4", "V-5", "V-6"]
