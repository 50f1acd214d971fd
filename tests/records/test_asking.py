"""Asking beyond equality, and sorted pages: the same answers from both databases, from history, and by hand."""

from __future__ import annotations

import itertools
import random

import pytest
from shapely import Point

from fadeout.errors import InputRefused
from fadeout.records.access import Viewer
from fadeout.records.asking import All, Any_, Ask, Compare, Empty, Like, Not, OneOf, fits
from fadeout.records.reading import Order
from fadeout.records.record import Record
from fadeout.records.store import Store

STAFF, PARTNER = Viewer("Ana", "staff"), Viewer("Ben", "partner")
ASKS: tuple[Ask, ...] = (
    Compare("kind", "=", "item"),
    Compare("kind", "<>", "item"),
    Compare("count", ">", 3),
    Compare("count", "<=", 3),
    Like("munition", "%ock%"),
    Like("munition", "ROCK_YE"),
    Like("munition", r"a\%b"),
    OneOf("kind", ("item", "fragment")),
    Empty("munition"),
    Not(Empty("munition")),
    Not(Compare("munition", "=", "rockeye")),
    All((Compare("count", ">=", 2), Like("id", "E-1%"))),
    Any_((Compare("kind", "=", "accident"), Compare("found_on", "<", "2025-06-01"))),
    All(()),
    Any_(()),
)


@pytest.fixture
def filled(store: Store) -> list[Record]:
    draw = random.Random(1)
    records = [
        Record(
            "evidence",
            f"E-{n:03d}",
            {
                "kind": draw.choice(("item", "fragment", "accident")),
                "count": draw.randint(1, 6),
                "found_on": f"2025-{draw.randint(1, 12):02d}-01",
                **({"munition": draw.choice(("rockeye", "Rock 7", "a%b", "b58"))} if n % 3 else {}),
            },
            Point(107 + n / 1000, 16.8),
        )
        for n in range(130)
    ]
    with store.change(who="Ana", why="test") as change:
        change.put(records)
    return records


@pytest.mark.parametrize("ask", ASKS, ids=lambda ask: str(ask)[:60])
def test_the_database_and_history_answer_as_the_test_of_one_record_does(
    store: Store, filled: list[Record], ask: Ask
) -> None:
    expected = [one.id for one in filled if fits(ask, one)]
    assert [one.id for one in store.page("evidence", STAFF, ask=ask)] == expected
    assert store.count("evidence", STAFF, ask) == len(expected)
    day = store.changes(1)[0]["at"]
    assert [one.id for one in store.page("evidence", STAFF, as_of=day, ask=ask)] == expected


@pytest.mark.parametrize("column", ["id", "munition", "count", "found_on"])
@pytest.mark.parametrize("down", [False, True])
def test_sorted_pages_go_through_all_rows_in_both_directions(
    store: Store, filled: list[Record], column: str, down: bool
) -> None:
    def key(one: Record) -> tuple[object, str]:
        return (one.id if column == "id" else one.values.get(column), one.id)

    order, pages, after = Order(column, down), [], None
    for _ in itertools.count():
        page = store.sorted_page("evidence", STAFF, order, after=after, limit=17)
        if not page:
            break
        pages.append([one.id for one in page])
        after = key(page[-1])
    forward = [one for page in pages for one in page]
    assert sorted(forward) == [one.id for one in filled]
    values = [one for one in (key(r)[0] for r in filled) if one is not None]
    first = store.sorted_page("evidence", STAFF, order, limit=1)[0]
    assert key(first)[0] == (max(values) if down else min(values))
    last = store.sorted_page("evidence", STAFF, order, last=True, limit=17)
    back = [one.id for one in last]
    before = key(last[0])
    while page := store.sorted_page("evidence", STAFF, order, before=before, limit=17):
        back = [one.id for one in page] + back
        before = key(page[0])
    assert back == forward


def test_who_sees_coarsely_may_not_ask_by_what_is_hidden(store: Store, filled: list[Record]) -> None:
    with pytest.raises(InputRefused) as refused:
        store.page("evidence", PARTNER, ask=Like("remark", "%well%"))
    assert refused.value.problems[0].code == "store.may-not-see"
    with pytest.raises(InputRefused) as refused:
        store.sorted_page("evidence", STAFF, Order("nothing"))
    assert refused.value.problems[0].code == "store.no-column"
