"""What a store promises, on both databases: nothing is overwritten, whatever goes in comes out, nobody sees too much."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pyogrio
import pytest
import shapely
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from shapely import LineString, MultiPolygon, Point, box

from fadeout.errors import InputRefused
from fadeout.records.access import Viewer
from fadeout.records.catalogue import KINDS, SENSITIVITIES, Field, fields_of, least_allowed
from fadeout.records.checking import FREE_TEXT
from fadeout.records.record import Record
from fadeout.records.schema import CHANGES, HISTORY, KIND_TABLES
from fadeout.records.store import Store, create_store, open_store

STAFF, PARTNER, PUBLIC = Viewer("s", "staff"), Viewer("p", "partner"), Viewer("q", "public")
HELPER = Viewer("v", "victim_assistance", "care")
SLOW = settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))


def put(store: Store, *records: Record, why: str = "test") -> None:
    with store.change(who="a", why=why) as change:
        change.put(records)


def find(id: str, x: float = 107.055, y: float = 16.805, **values: object) -> Record:
    return Record("evidence", id, {"kind": "item", **values}, Point(x, y))  # type: ignore[arg-type]


# ---- whatever goes in comes out ---------------------------------------------------------------------------------------

LETTERS = st.text(
    st.characters(blacklist_categories=("Cs", "Cc"), blacklist_characters="\ufffe\uffff"),
    min_size=1,
    max_size=40,
)
COORDS = st.tuples(st.floats(-179, 178), st.floats(-89, 88))
BOXES = COORDS.map(lambda xy: box(xy[0], xy[1], xy[0] + 0.5, xy[1] + 0.5))
SHAPES = {
    "point": COORDS.map(Point),
    "polygon": st.one_of(
        BOXES,
        COORDS.map(
            lambda xy: MultiPolygon(
                [box(*xy, xy[0] + 0.1, xy[1] + 0.1), box(xy[0] + 0.2, xy[1], xy[0] + 0.3, xy[1] + 0.1)]
            )
        ),
    ),
    "ground": st.one_of(BOXES, COORDS.map(lambda xy: LineString([xy, (xy[0] + 0.1, xy[1] + 0.2)]))),
}
SHAPES["any"] = st.one_of(*SHAPES.values())


def value(about: Field) -> st.SearchStrategy[object]:
    if about.personal:
        return st.just("enc1:AAAA")
    by_type: dict[str, st.SearchStrategy[object]] = {
        "text": LETTERS,
        "choice": st.sampled_from(about.choices or ("x",)),
        "whole": st.integers(int(about.low or 0), int(about.high or 10**9)),
        "real": st.floats(about.low or 0, about.high or 1e12),
        "share": st.floats(0, 1),
        "date": st.dates().map(lambda day: day.isoformat()),
        "moment": st.datetimes().map(lambda when: when.isoformat(timespec="seconds") + "Z"),
        "flag": st.booleans(),
        "ids": st.lists(st.from_regex(r"[A-Z]{2}-[0-9]{1,4}", fullmatch=True), min_size=1, max_size=4),
    }
    return by_type[about.type]


@st.composite
def records(draw: st.DrawFn, kind: str) -> Record:
    about = KINDS[kind]
    values = {}
    for f in fields_of(about):
        if f.name in ("id", "sensitivity"):
            continue
        if f.required or draw(st.booleans()):
            sealed = kind == "victim" and f.name in FREE_TEXT
            values[f.name] = "enc1:AAAA" if sealed else draw(value(f))
    values["sensitivity"] = draw(st.sampled_from([s for s in SENSITIVITIES if least_allowed(about, s)]))
    shape = draw(SHAPES[about.geometry]) if about.geometry else None
    return Record(kind, draw(st.from_regex(r"[A-Z]{2}-[0-9]{1,6}", fullmatch=True)), values, shape)


@pytest.mark.parametrize("kind", KINDS)
@SLOW
@given(data=st.data())
def test_whatever_goes_in_comes_out(store: Store, kind: str, data: st.DataObject) -> None:
    record = data.draw(records(kind))
    put(store, record)
    out = store.get(kind, record.id, HELPER)
    assert out is not None
    assert out.values == record.values
    assert (out.shape is None and record.shape is None) or shapely.equals_exact(out.shape, record.shape)
    assert store.history(record.id, HELPER, kind)[-1].record.values == record.values
    assert store.verify().faults == ()


# ---- nothing is overwritten -------------------------------------------------------------------------------------------


def test_a_change_is_a_new_version_and_the_old_one_stays(store: Store) -> None:
    put(store, find("EP-1", count=1))
    put(store, find("EP-1", count=2), why="counted again")
    versions = store.history("EP-1", STAFF)
    assert [(v.action, v.record.values["count"], v.why) for v in versions] == [
        ("new", 1, "test"),
        ("changed", 2, "counted again"),
    ]


def test_putting_the_same_again_leaves_no_trace(store: Store) -> None:
    put(store, find("EP-1"))
    put(store, find("EP-1"))
    assert len(store.changes()) == 1
    assert len(store.history("EP-1", STAFF)) == 1


def test_as_of_shows_each_day_what_was_known_then(store: Store) -> None:
    put(store, find("EP-1", count=1))  # 1 January
    put(store, find("EP-1", count=2), find("EP-2"))  # 2 January
    with store.change(who="a", why="a stone") as change:  # 3 January
        change.withdraw("evidence", ["EP-1"])
    shown = {
        day: {r.id: r.values.get("count") for r in store.page("evidence", STAFF, as_of=day)}
        for day in ("2025-12-31", "2026-01-01", "2026-01-02", "2026-01-03")
    }
    assert shown == {
        "2025-12-31": {},
        "2026-01-01": {"EP-1": 1},
        "2026-01-02": {"EP-1": 2, "EP-2": None},
        "2026-01-03": {"EP-2": None},
    }
    assert [r.id for r in store.page("evidence", STAFF)] == ["EP-2"]


def test_undo_puts_back_what_stood_before_as_a_new_version(store: Store) -> None:
    put(store, find("EP-1", count=1), find("EP-3"))
    with store.change(who="a", why="b") as change:
        change.put([find("EP-1", count=5), find("EP-2")])
        change.withdraw("evidence", ["EP-3"])
    store.undo(2, who="b")
    assert {r.id: r.values.get("count") for r in store.page("evidence", STAFF)} == {"EP-1": 1, "EP-3": None}
    assert [v.action for v in store.history("EP-3", STAFF)] == ["new", "withdrawn", "restored"]
    store.undo(3, who="b")
    assert {r.id: r.values.get("count") for r in store.page("evidence", STAFF)} == {"EP-1": 5, "EP-2": None}
    assert store.verify().faults == ()


def test_undo_of_what_was_changed_again_names_the_later_change(store: Store) -> None:
    put(store, find("EP-1", count=1))
    put(store, find("EP-1", count=2))
    with pytest.raises(InputRefused, match="changed again by change 2"):
        store.undo(1, who="b")


def test_a_change_that_fails_stores_nothing(store: Store) -> None:
    def half_done() -> None:
        with store.change(who="a", why="b") as change:
            change.put([find("EP-1")])
            raise RuntimeError("something else failed")

    with pytest.raises(RuntimeError, match="something else"):
        half_done()
    assert store.page("evidence", STAFF) == []
    assert store.changes() == []


def test_a_rehearsal_stores_nothing(store: Store) -> None:
    with store.change(who="a", why="b", keep=False) as change:
        assert change.put([find("EP-1")]).new == 1
    assert store.page("evidence", STAFF) == []


def test_a_change_needs_a_person_and_a_reason(store: Store) -> None:
    with pytest.raises(InputRefused, match="who makes it and why"), store.change(who=" ", why="x"):
        pass


def test_every_faulty_record_is_told_at_once(store: Store) -> None:
    bad = [find("EP-1", count=0), find("EP-2", colour="red"), find("EP-3", sensitivity="public")]
    with pytest.raises(InputRefused) as refused:
        put(store, *bad)
    told = str(refused.value)
    assert "EP-1: count is 0" in told
    assert "'colour' is no field of evidence" in told
    assert "EP-3: sensitivity is public" in told


def test_two_changes_at_one_moment_keep_their_order(address: Callable[[], str]) -> None:
    store = create_store(address(), lambda: datetime(2026, 1, 1).astimezone())
    put(store, find("EP-1", count=1))
    put(store, find("EP-1", count=2))
    first, second = reversed(store.changes())
    assert first["at"] < second["at"]


# ---- history shows any change -----------------------------------------------------------------------------------------


def tampered(store: Store, *statements: str) -> list[str]:
    """Do what only somebody with the whole file or database in hand could do, and give what verify says."""
    with store.engine.begin() as connection:
        if store.layout.name == "sqlite":
            for (name,) in connection.exec_driver_sql(
                "SELECT name FROM sqlite_master WHERE type = 'trigger'"
            ).all():
                connection.exec_driver_sql(f'DROP TRIGGER "{name}"')
        else:
            connection.exec_driver_sql("SET session_replication_role = replica")
        for statement in statements:
            connection.exec_driver_sql(statement)
    return [str(fault) for fault in store.verify().faults]


@pytest.mark.parametrize(
    ("column", "new"),
    [
        ("body", "'{}'"),
        ("id", "'EP-9'"),
        ("recorded_at", "'2020'"),
        ("action", "'x'"),
        ("sensitivity", "'public'"),
        ("uuid", "'0'"),
    ],
)
def test_a_byte_changed_in_history_is_found_and_its_row_named(store: Store, column: str, new: str) -> None:
    put(store, *(find(f"EP-{i}") for i in range(1, 6)))
    faults = tampered(store, f"UPDATE history SET {column} = {new} WHERE seq = 3")
    assert [fault for fault in faults if fault.startswith("history row 3")]
    assert not [fault for fault in faults if fault.startswith(("history row 2", "history row 4"))]


def test_a_changed_reason_a_lost_row_and_a_changed_present_are_found(store: Store) -> None:
    put(store, *(find(f"EP-{i}") for i in range(1, 6)))
    put(store, find("EP-6"))
    faults = tampered(
        store,
        "UPDATE changes SET who = 'x' WHERE change = 1",
        "DELETE FROM history WHERE seq = 6",
        "UPDATE evidence SET munition = 'other' WHERE id = 'EP-2'",
        "DELETE FROM evidence WHERE id = 'EP-3'",
    )
    text = "\n".join(faults)
    assert "changes row 1" in text
    assert "1 of its rows in history are missing" in text
    assert "evidence EP-2): the present differs" in text
    assert "evidence EP-3): it is missing in the present" in text


def test_no_program_can_write_past_history(store: Store) -> None:
    put(store, find("EP-1"))
    for statement in (
        sa.update(HISTORY).values(body="x"),
        sa.delete(HISTORY),
        sa.delete(CHANGES),
        sa.update(KIND_TABLES["evidence"]).values(munition="x"),
        sa.delete(KIND_TABLES["evidence"]),
    ):
        with pytest.raises(sa.exc.DBAPIError, match="history"), store.engine.begin() as connection:
            connection.execute(statement)


def test_a_noted_hash_is_found_again_and_a_strange_one_is_not(store: Store) -> None:
    put(store, find("EP-1"))
    head = store.verify().head
    put(store, find("EP-2"))
    assert store.holds(head)
    assert not store.holds("00" * 32)


# ---- nobody sees too much ---------------------------------------------------------------------------------------------


def test_the_public_sees_no_evidence_point_and_partners_see_a_cell(store: Store) -> None:
    put(
        store,
        find("EP-1", source="village head", entered="16.805, 107.055"),
        find("EP-2", sensitivity="area"),
    )
    assert store.page("evidence", PUBLIC) == []
    assert store.get("evidence", "EP-1", PUBLIC) is None
    seen = {r.id: r for r in store.page("evidence", PARTNER)}
    assert seen["EP-2"].shape == Point(107.055, 16.805)
    coarse = seen["EP-1"]
    assert shapely.equals(coarse.shape, box(107.05, 16.80, 107.06, 16.81))
    assert "source" not in coarse.values
    assert "entered" not in coarse.values
    assert "position_error_m" not in coarse.values


def test_a_partner_cannot_find_a_place_by_asking_with_smaller_and_smaller_boxes(store: Store) -> None:
    put(store, find("EP-1", x=107.055, y=16.805))
    here, there = (107.0549, 16.8049, 107.0551, 16.8051), (107.0571, 16.8071, 107.0572, 16.8072)
    assert [len(store.page("evidence", PARTNER, bbox=where)) for where in (here, there)] == [1, 1]
    assert [len(store.page("evidence", STAFF, bbox=where)) for where in (here, there)] == [1, 0]


def test_a_partner_may_not_ask_by_a_hidden_column(store: Store) -> None:
    put(store, find("EP-1", source="village head"))
    with pytest.raises(InputRefused, match="may not ask by 'source'"):
        store.page("evidence", PARTNER, where={"source": "village head"})


def test_what_was_public_once_is_hidden_once_it_is_raised(store: Store) -> None:
    area = Record("eore_session", "S-1", {"sensitivity": "public", "women": 5}, Point(107, 16))
    put(store, area)
    put(store, Record("eore_session", "S-1", {"sensitivity": "exact", "women": 5}, Point(107, 16)))
    assert store.page("eore_session", PUBLIC, as_of="2026-01-01") == []
    assert store.history("S-1", PUBLIC) == []
    assert len(store.history("S-1", STAFF)) == 2


def test_only_those_who_help_victims_see_that_there_are_any(store: Store) -> None:
    put(store, Record("victim", "V-1", {"name": "enc1:AAAA", "sex": "female"}))
    assert store.page("victim", STAFF) == []
    assert store.count("victim", STAFF) == 0
    assert len(store.page("victim", HELPER)) == 1


def test_a_name_that_is_not_encrypted_is_not_stored(store: Store) -> None:
    with pytest.raises(InputRefused, match="encrypted only") as refused:
        put(store, Record("victim", "V-1", {"name": "Somebody"}))
    assert "Somebody" not in str(refused.value)


# ---- pages and boxes --------------------------------------------------------------------------------------------------


def test_pages_give_every_record_once_in_the_order_of_ids(store: Store) -> None:
    put(store, *(find(f"EP-{i:03d}") for i in range(25)))
    ids, after = [], ""
    while some := store.page("evidence", STAFF, after=after, limit=10):
        ids += [r.id for r in some]
        after = some[-1].id
    assert ids == [f"EP-{i:03d}" for i in range(25)]
    assert [r.id for r in store.all("evidence", STAFF)] == ids


@SLOW
@given(
    points=st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)), min_size=1, max_size=30),
    at=st.tuples(st.integers(0, 40), st.integers(0, 40), st.integers(0, 10), st.integers(0, 10)),
)
def test_a_box_gives_just_the_points_in_it(
    store: Store, points: list[tuple[int, int]], at: tuple[int, int, int, int]
) -> None:
    with store.change(who="a", why="clear") as change:
        change.withdraw("evidence", [r.id for r in store.page("evidence", STAFF)])
    put(store, *(find(f"EP-{i:03d}", x, y) for i, (x, y) in enumerate(points)))
    w, s, e, n = at[0] - 0.5, at[1] - 0.5, at[0] + at[2] + 0.5, at[1] + at[3] + 0.5
    expected = {f"EP-{i:03d}" for i, (x, y) in enumerate(points) if w <= x <= e and s <= y <= n}
    assert {r.id for r in store.page("evidence", STAFF, bbox=(w, s, e, n))} == expected


# ---- making and opening -----------------------------------------------------------------------------------------------


def test_a_store_from_a_newer_version_is_refused_with_words(address: Callable[[], str]) -> None:
    where = address()
    store = create_store(where)
    with store.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9001'")
    with pytest.raises(InputRefused, match="written by a newer fadeout"):
        open_store(where)


def test_a_second_store_in_one_place_is_refused(address: Callable[[], str]) -> None:
    where = address()
    create_store(where)
    with pytest.raises(InputRefused, match="already"):
        create_store(where)


def test_what_is_no_store_is_told_in_words(tmp_path: Path) -> None:
    strange = tmp_path / "strange.gpkg"
    strange.write_bytes(b"hello" * 1000)
    for where, words in (("absent.gpkg", "there is no store"), ("strange.gpkg", "not a database")):
        with pytest.raises(InputRefused, match=words):
            open_store(tmp_path / where)
    with pytest.raises(InputRefused, match=r"cannot stand on mysql|no address|not installed"):
        open_store("mysql://localhost/x")


def test_map_programs_open_the_file_as_it_is(tmp_path: Path) -> None:
    store = create_store(tmp_path / "north.gpkg")
    put(store, find("EP-1", count=2, found_on="2024-03-01"), find("EP-2", x=108))
    put(store, Record("hazardous_area", "SHA-1", {"state": "suspected"}, box(107, 16, 107.1, 16.1)))
    layers = dict(pyogrio.list_layers(tmp_path / "north.gpkg"))
    assert layers["evidence"] == "Point"
    assert layers["hazardous_area"] == "MultiPolygon"
    info = pyogrio.read_info(tmp_path / "north.gpkg", layer="evidence", force_total_bounds=True)
    assert (info["crs"], info["features"]) == ("EPSG:4326", 2)
    assert info["total_bounds"] == pytest.approx((107.055, 16.805, 108, 16.805))
    meta, _, wkb, data = pyogrio.raw.read(
        tmp_path / "north.gpkg", layer="evidence", bbox=(107, 16, 107.5, 17)
    )
    assert list(data[list(meta["fields"]).index("id")]) == ["EP-1"]
    assert shapely.from_wkb(wkb[0]) == Point(107.055, 16.805)
