"""CQL2 as map programs write it: what it finds in a real store, and what is refused in words."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from postgres import cluster

from fadeout.errors import InputRefused
from fadeout.exchange import cql
from fadeout.records.access import Viewer
from fadeout.records.asking import fits
from fadeout.records.catalogue import KINDS, fields_of
from fadeout.records.record import Record
from fadeout.records.store import Store, create_store

COLUMNS = {one.name: one.type for one in fields_of(KINDS["evidence"])}
STAFF = Viewer("S. Officer", "staff")
ROWS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("A", {"kind": "item", "munition": "BLU-26", "count": 1, "found_on": "2026-01-05", "other_item": True}),
    (
        "B",
        {"kind": "item", "munition": "blu-26", "count": 3, "found_on": "2026-02-05", "position_error_m": 2.5},
    ),
    ("C", {"kind": "fragment", "munition": "50%_off", "count": 7, "device_at": "2026-02-06T10:00:00Z"}),
    ("D", {"kind": "report", "remark": "it's here\nor there"}),
    ("E", {"kind": "fragment", "munition": "5000 [off]", "count": 12, "other_item": False}),
)


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """Five evidence points, in either database."""
    if request.param == "sqlite":
        yield _filled(create_store(tmp_path_factory.mktemp("cql") / "store.gpkg"))
        return
    with cluster() as running:
        yield _filled(create_store(running.database()))


def _filled(store: Store) -> Store:
    with store.change(who="test", why="for filters") as change:
        place = shapely.Point(107, 16)
        change.put([Record("evidence", id, {"sensitivity": "exact", **values}, place) for id, values in ROWS])
    return store


FOUND = {
    "kind = 'item'": "AB",
    "'item' = kind": "AB",
    "kind <> 'item'": "CDE",
    "kind = 'report' OR kind = 'item' AND count > 1": "BD",
    "(kind = 'report' OR kind = 'item') AND count > 1": "B",
    "NOT kind = 'item' AND NOT (count > 7 OR count IS NULL)": "C",
    "NOT (munition = 'BLU-26')": "BCE",
    "count BETWEEN 3 AND 7": "BC",
    "count NOT BETWEEN 3 AND 7": "AE",
    "count < 3.5": "AB",
    "count >= 3.5": "CE",
    "count = 3.5": "",
    "3 < count": "CE",
    "count IN (1, 12)": "AE",
    "count NOT IN (1, 12)": "BC",
    "munition IS NULL": "D",
    "munition IS NOT NULL": "ABCE",
    "munition LIKE 'BLU%'": "A",
    "munition LIKE 'BLU-2_'": "A",
    "munition NOT LIKE 'BLU%'": "BCE",
    r"munition LIKE '50\%\_off'": "C",
    "munition LIKE '50%off%'": "CE",
    "munition LIKE '%[off]'": "E",
    "CASEI(munition) LIKE CASEI('Blu%')": "AB",
    "casei(munition) = casei('Blu-26')": "AB",
    "CASEI(munition) IN (CASEI('BLU-26'), CASEI('x'))": "AB",
    "found_on >= DATE('2026-01-31')": "B",
    "found_on BETWEEN DATE('2026-01-01') AND DATE('2026-01-31')": "A",
    "device_at > TIMESTAMP('2026-02-06T09:00:00Z')": "C",
    "device_at > TIMESTAMP('2026-02-06T12:00:00+03:00')": "C",
    "other_item": "A",
    "other_item = FALSE": "E",
    "position_error_m = 2.5": "B",
    "position_error_m > -1e3": "B",
    r"remark LIKE 'it''s here\nor%'": "D",
    r"remark LIKE 'it\'s%'": "D",
    '"count" = 1': "A",
    "TRUE": "ABCDE",
    "FALSE": "",
    "  count\n=\t1 ": "A",
}


@pytest.mark.parametrize("filter", FOUND)
def test_a_filter_finds_the_same_in_every_database_and_in_memory(store: Store, filter: str) -> None:
    ask = cql.read(filter, cql.TEXT, COLUMNS).ask
    assert "".join(one.id for one in store.page("evidence", STAFF, ask=ask)) == FOUND[filter]
    records = store.page("evidence", STAFF)
    assert "".join(one.id for one in records if fits(ask, one)) == FOUND[filter]


def op(name: str, *arguments: Any) -> dict[str, Any]:
    return {"op": name, "args": list(arguments)}


COUNT, KIND, MUNITION = ({"property": name} for name in ("count", "kind", "munition"))
IN_JSON: tuple[tuple[dict[str, Any], str], ...] = (
    (op("=", KIND, "item"), "kind = 'item'"),
    (op("and", op("=", KIND, "item"), op(">", COUNT, 1)), "kind = 'item' AND count > 1"),
    (op("or", op("<=", COUNT, 1), op("<>", KIND, "item")), "count <= 1 OR kind <> 'item'"),
    (op("not", op("isNull", MUNITION)), "NOT munition IS NULL"),
    (op("between", COUNT, 3, 7), "count BETWEEN 3 AND 7"),
    (op("in", COUNT, [1, 12]), "count IN (1, 12)"),
    (op("like", MUNITION, r"50\%%"), r"munition LIKE '50\%%'"),
    (
        op("like", op("casei", MUNITION), op("casei", "blu%")),
        "CASEI(munition) LIKE CASEI('blu%')",
    ),
    (op(">=", {"property": "found_on"}, {"date": "2026-01-31"}), "found_on >= DATE('2026-01-31')"),
    (
        op("<", {"property": "device_at"}, {"timestamp": "2026-02-06T09:00:00Z"}),
        "device_at < TIMESTAMP('2026-02-06T09:00:00Z')",
    ),
)


@pytest.mark.parametrize(("said", "text"), IN_JSON)
def test_json_and_text_ask_the_same(said: dict[str, Any], text: str) -> None:
    assert cql.read(json.dumps(said), cql.JSON, COLUMNS) == cql.read(text, cql.TEXT, COLUMNS)


@pytest.mark.parametrize(
    ("filter", "language"),
    [
        ("S_INTERSECTS(geom, POLYGON((0 0, 2 0, 2 1, 0 1, 0 0))) AND count > 1", cql.TEXT),
        ("count > 1 AND S_INTERSECTS(geom, BBOX(0, 0, 2, 1))", cql.TEXT),
        ("count > 1 AND S_INTERSECTS(geom, BBOX(0, 0, -5, 2, 1, 5))", cql.TEXT),
        (
            json.dumps(
                op("and", op(">", COUNT, 1), op("s_intersects", {"property": "geom"}, {"bbox": [0, 0, 2, 1]}))
            ),
            cql.JSON,
        ),
    ],
)
def test_places_are_asked_beside_columns(filter: str, language: str) -> None:
    read = cql.read(filter, language, COLUMNS)
    (shape,) = read.shapes
    assert shape.equals(shapely.box(0, 0, 2, 1))
    assert read.ask == cql.read("count > 1", cql.TEXT, COLUMNS).ask


def test_a_box_over_the_line_of_dates_is_two() -> None:
    (shape,) = cql.read("S_INTERSECTS(geom, BBOX(170, -10, -170, 10))", cql.TEXT, COLUMNS).shapes
    assert shape.intersects(shapely.Point(175, 0))
    assert shape.intersects(shapely.Point(-175, 0))
    assert not shape.intersects(shapely.Point(0, 0))


REFUSED = {
    "count =": "cql.unreadable",
    "": "cql.unreadable",
    "count = 1 count = 2": "cql.unreadable",
    "'item'": "cql.unreadable",
    "count": "cql.unreadable",
    "nothing": "cql.unknown-name",
    "count + 1 = 2": "cql.unreadable",
    "nothing = 1": "cql.unknown-name",
    "id = 'A' AND geom = 'x'": "cql.unknown-name",
    "count = 'one'": "cql.bad-value",
    "count = 99999999999999999999": "cql.bad-value",
    "count = 1e999": "cql.bad-value",
    "munition = 5": "cql.bad-value",
    "munition = kind": "cql.bad-value",
    "found_on > '2026-02-30'": "cql.bad-value",
    "found_on > TIMESTAMP('2026-02-03T00:00:00Z')": "cql.bad-value",
    "found_on > DATE('2026-13-01')": "cql.bad-value",
    "munition = '\0'": "cql.bad-value",
    "munition LIKE 'x\\\\\\'": "cql.unreadable",
    "count LIKE '1%'": "cql.unsupported",
    "T_AFTER(found_on, DATE('2026-01-01'))": "cql.unsupported",
    "S_WITHIN(geom, POINT(1 2))": "cql.unsupported",
    "NOT S_INTERSECTS(geom, POINT(1 2))": "cql.unsupported",
    "count = 1 OR S_INTERSECTS(geom, POINT(1 2))": "cql.unsupported",
    "S_INTERSECTS(munition, POINT(1 2))": "cql.unknown-name",
    "S_INTERSECTS(geom, POLYGON((0 0, 1 1, 1 0, 0 1, 0 0)))": "cql.bad-shape",
    "S_INTERSECTS(geom, POLYGON((0 0, 1 1)))": "cql.bad-shape",
    "S_INTERSECTS(geom, BBOX(0, 5, 1, 4))": "cql.bad-shape",
    "S_INTERSECTS(geom, BBOX(0, 5, 1))": "cql.bad-shape",
    "NOT " * 80 + "TRUE": "cql.too-deep",
    " OR ".join(["count = 1"] * 600): "cql.too-long",
    "count = 1" + " " * 20_000: "cql.too-long",
}


@pytest.mark.parametrize("filter", REFUSED)
def test_what_cannot_be_asked_is_refused_with_its_reason(filter: str) -> None:
    with pytest.raises(InputRefused) as refused:
        cql.read(filter, cql.TEXT, COLUMNS)
    (problem,) = refused.value.problems
    assert problem.code == REFUSED[filter]
    assert problem.remedy


REFUSED_JSON = {
    "": "cql.unreadable",
    "{": "cql.unreadable",
    "null": "cql.unreadable",
    "[]": "cql.unreadable",
    '{"op": "="}': "cql.unreadable",
    '{"op": "=", "args": [1]}': "cql.unreadable",
    '{"op": "no", "args": [1, 2]}': "cql.unreadable",
    '{"op": "=", "args": [{"property": "count"}, NaN]}': "cql.unreadable",
    '{"op": "=", "args": [{"property": ["count"]}, 1]}': "cql.unknown-name",
    '{"op": "=", "args": [{"property": "munition"}, "\\ud800"]}': "cql.bad-value",
    '{"op": "=", "args": [{"property": "count"}, true]}': "cql.bad-value",
    '{"op": "in", "args": [{"property": "count"}, 5]}': "cql.unreadable",
    '{"op": "s_intersects", "args": [{"property": "geom"}, {"type": "Polygon", "coordinates": 5}]}': "cql.bad-shape",
    '{"op": "t_after", "args": [{"property": "found_on"}, {"date": "2026-01-01"}]}': "cql.unsupported",
    '{"op": "=", "args": [{"op": "+", "args": [{"property": "count"}, 1]}, 2]}': "cql.unsupported",
    "[" * 10_000: "cql.too-deep",
    '{"op": "not", "args": [' * 700 + "true" + "]}" * 700: "cql.too-deep",
}


@pytest.mark.parametrize("filter", REFUSED_JSON)
def test_json_that_cannot_be_asked_is_refused_with_its_reason(filter: str) -> None:
    with pytest.raises(InputRefused) as refused:
        cql.read(filter, cql.JSON, COLUMNS)
    assert [one.code for one in refused.value.problems] == [REFUSED_JSON[filter]]


LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=3)
    | st.sampled_from(
        ["and", "or", "not", "=", "like", "in", "between", "isNull", "casei", "s_intersects", "count"]
    )
)
NAMES = st.sampled_from(
    ["op", "args", "property", "date", "bbox", "type", "coordinates", "interval", "filter"]
)
ANY_JSON = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(NAMES, inner, max_size=3)
        | st.builds(lambda name, some: {"op": name, "args": some}, LEAVES, st.lists(inner, max_size=3))
    ),
    max_leaves=12,
)


@settings(max_examples=400, deadline=None)
@given(ANY_JSON)
def test_no_json_does_more_than_be_refused(said: object) -> None:
    with suppress(InputRefused):
        cql.read(json.dumps(said), cql.JSON, COLUMNS)


WORDS = (
    *(
        "count",
        "kind",
        "geom",
        "nothing",
        "AND",
        "OR",
        "NOT",
        "(",
        ")",
        ",",
        "=",
        "<",
        "LIKE",
        "IN",
        "BETWEEN",
    ),
    *(
        "IS",
        "NULL",
        "TRUE",
        "'a'",
        "1",
        "-2.5e3",
        '"id"',
        "S_INTERSECTS",
        "BBOX",
        "POLYGON",
        "POINT",
        "CASEI",
    ),
    *("DATE", "TIMESTAMP", "'2026-01-01'", "\\", "'", "é"),
)


@settings(max_examples=400, deadline=None)
@given(st.lists(st.sampled_from(WORDS), max_size=14))
def test_no_text_does_more_than_be_refused(words: list[str]) -> None:
    with suppress(InputRefused):
        cql.read(" ".join(words), cql.TEXT, COLUMNS)


def test_what_is_personal_or_hidden_cannot_be_asked_as_it_is_no_column() -> None:
    columns = {name: type for name, type in COLUMNS.items() if name != "remark"}
    with pytest.raises(InputRefused, match=r"cql\.unknown-name"):
        cql.read("remark LIKE '%'", cql.TEXT, columns)


def test_the_grammar_lies_beside_its_reader() -> None:
    assert Path(cql.__file__).with_name("cql2.lark").is_file()
