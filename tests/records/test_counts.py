"""Counts give nobody away: no number that is withheld can be worked out from those that are printed."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.optimize import Bounds, LinearConstraint, milp

from fadeout.errors import InputRefused
from fadeout.records.counts import LIMIT, TOTAL, counts, with_totals, withheld
from fadeout.records.record import Record

TINY = [(1,), (2,), (3,), (1, 2), (2, 2)]  # every table can be tried
LARGER = [
    (4,),
    (2, 3),
    (4, 3),
    (2, 2, 2),
    (3, 2, 3),
]  # an integer programme finds the least and the greatest value
SPARE = LIMIT + 1  # what a reader who is not told a total may think was added to it


def people(**numbers: int) -> list[Record]:
    values = [sex for sex, number in numbers.items() for _ in range(number)]
    return [Record("victim", f"V-{i}", {"sex": sex}) for i, sex in enumerate(values)]


def tables(true: NDArray[np.int64], hidden: NDArray[np.bool_], most: int) -> Iterator[NDArray[np.int64]]:
    """Every table that a reader must think possible: whole numbers of 0 or more whose printed entries are those.

    Cells are tried one after another, near the truth first (which saves time and leaves nothing out); a way is left
    when a printed total is passed or, with its last cell, missed.
    """
    shape, printed, places = true.shape, with_totals(true), list(np.ndindex(*true.shape))
    sums: list[tuple[int, list[int]]] = []
    for entry in np.ndindex(*hidden.shape):
        if not hidden[entry]:
            part = [
                i
                for i, p in enumerate(places)
                if all(e in (x, s) for e, x, s in zip(entry, p, shape, strict=True))
            ]
            sums.append((int(printed[entry]), part))
    order = [sorted(range(most + 1), key=lambda v, t=int(true[p]): abs(v - t)) for p in places]
    cells = [0] * len(places)

    def fits(i: int) -> bool:
        for number, part in sums:
            if i in part:
                said = sum(cells[j] for j in part if j <= i)
                if said > number or (i == part[-1] and said != number):
                    return False
        return True

    def go(i: int) -> Iterator[NDArray[np.int64]]:
        if i == len(places):
            yield np.array(cells).reshape(shape)
            return
        for value in order[i]:
            cells[i] = value
            if fits(i):
                yield from go(i + 1)

    yield from go(0)


def possible(table: NDArray[np.int64]) -> dict[tuple[int, ...], set[int]]:
    """What each withheld number could be, for a reader of the printed ones; five values of each are enough."""
    hidden = withheld(table)
    wanted = [tuple(p) for p in np.argwhere(hidden).tolist()]
    found: dict[tuple[int, ...], set[int]] = {p: set() for p in wanted}
    if wanted:
        most = int(table.max()) + SPARE if hidden.flat[-1] else int(table.sum())
        for other in tables(table, hidden, most):
            sums = with_totals(other)
            for p in wanted:
                found[p].add(int(sums[p]))
            if all(len(values) >= LIMIT for values in found.values()):
                break
    return found


def range_of(table: NDArray[np.int64], hidden: NDArray[np.bool_], entry: tuple[int, ...]) -> float:
    """How far apart the least and the greatest value of a number are, for a reader of the printed ones."""
    cells = np.eye(table.size, dtype=np.int64).reshape(*table.shape, table.size)
    sums = np.stack(
        [with_totals(cells[..., i]) for i in range(table.size)], axis=-1
    )  # each entry's sum of cells
    whole = with_totals(table)
    printed = LinearConstraint(sums[~hidden], whole[~hidden], whole[~hidden]) if not hidden.all() else ()
    bounds = Bounds(0, table.sum() + 2 * LIMIT)
    least, greatest = (
        milp(sign * sums[entry], constraints=printed, integrality=np.ones(table.size), bounds=bounds).fun
        for sign in (1, -1)
    )
    return float(-greatest - least)


def drawn(data: st.DataObject, shapes: list[tuple[int, ...]]) -> NDArray[np.int64]:
    shape = data.draw(st.sampled_from(shapes))
    number = int(np.prod(shape))
    cells = st.lists(st.sampled_from([0, 0, 1, 2, 3, 4, 5, 6, 9]), min_size=number, max_size=number)
    return np.array(data.draw(cells)).reshape(shape)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_each_withheld_number_could_have_five_values_or_more_for_whoever_tries_all_tables(
    data: st.DataObject,
) -> None:
    found = possible(drawn(data, TINY))
    assert all(len(values) >= LIMIT for values in found.values()), found


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_in_larger_tables_no_withheld_number_can_be_narrowed_down_below_five_values(
    data: st.DataObject,
) -> None:
    table = drawn(data, LARGER)
    hidden = withheld(table)
    for entry in map(tuple, np.argwhere(hidden).tolist()):
        assert range_of(table, hidden, entry) >= LIMIT - 1 - 1e-6, entry  # 1e-6: the solver's own tolerance


@settings(max_examples=300, deadline=None)
@given(
    st.integers(1, 3).flatmap(lambda n: st.tuples(*[st.integers(1, 5)] * n)),
    st.integers(0, 2**32 - 1),
    st.sampled_from([1, 4, 20]),
)
def test_no_printed_number_is_small_and_no_line_withholds_one_alone(
    shape: tuple[int, ...], seed: int, mean: int
) -> None:
    table = np.random.default_rng(seed).poisson(mean, shape)
    hidden, whole = withheld(table), with_totals(table)
    assert not (~hidden & (whole < LIMIT)).any()
    for axis in range(hidden.ndim):
        assert not (hidden.sum(axis=axis) == 1).any()


def test_the_brute_force_reader_works_out_a_cell_that_stands_alone() -> None:
    """The check itself can fail: with one cell withheld and its totals printed there is only one table."""
    table = np.array([[2, 7], [8, 9]])
    alone = with_totals(table) < LIMIT
    assert alone.sum() == 1
    assert [t.tolist() for t in tables(table, alone, 30)] == [table.tolist()]
    assert range_of(table, alone, (0, 0)) == 0


def test_a_small_count_takes_the_next_smallest_with_it_and_leaves_the_total() -> None:
    told = counts(people(female=3, male=20, other=8), ["sex"])
    assert told.cells == {("female",): None, ("male",): 20, ("other",): None, (TOTAL,): 31}
    assert told.words.startswith("2 of 4 numbers are withheld")


def test_two_small_counts_whose_sum_is_small_do_not_protect_each_other() -> None:
    """1 + 2 = 3 could be worked out, and would say nearly as much."""
    told = counts(people(female=1, other=2, male=20), ["sex"])
    assert list(told.cells.values()).count(None) == 3
    assert told.cells[TOTAL,] == 23


def test_of_few_persons_not_even_the_number_is_told() -> None:
    assert set(counts(people(female=2, male=1), ["sex"]).cells.values()) == {None}


def test_a_table_without_small_numbers_is_printed_whole() -> None:
    told = counts(people(female=5, male=6), ["sex"])
    assert told.cells == {("female",): 5, ("male",): 6, (TOTAL,): 11}
    assert told.words == "Every count and total is 5 or more."


def test_what_is_not_known_is_counted_as_unknown() -> None:
    records = [Record("victim", f"V-{i}", {}) for i in range(7)]
    assert counts(records, ["sex", "outcome"]).cells["unknown", "unknown"] == 7


def test_no_records_give_a_table_that_tells_nothing() -> None:
    assert counts([], ["sex"]).cells == {(TOTAL,): None}


@pytest.mark.parametrize("by", [["name"], ["consented_on"], ["accident_id"], ["remark"], [], ["sex", "sex"]])
def test_counting_by_what_could_give_a_person_away_is_refused(by: list[str]) -> None:
    with pytest.raises(InputRefused) as refused:
        counts(people(female=9), by)
    assert refused.value.problems[0].code == "counts.fields"


def test_three_fields_of_a_whole_country_are_counted_in_time() -> None:
    rng = np.random.default_rng(1)
    table = rng.poisson(rng.gamma(0.5, 12, (4, 7, 4)))
    hidden = withheld(table)
    assert 0 < hidden.sum() < hidden.size
    assert not hidden.flat[-1]


def test_orders_of_the_fields_give_the_same_numbers_printed_small_or_not() -> None:
    table = np.random.default_rng(3).poisson(6, (3, 4))
    one, other = withheld(table), withheld(table.T)
    assert all((with_totals(table)[~h] >= LIMIT).all() for h in (one, other.T))
    assert one.shape == other.T.shape


def test_all_pairs_of_fields_of_victims_can_be_counted() -> None:
    fields = ("sex", "age_group", "outcome", "consent")
    for by in itertools.combinations(fields, 2):
        assert counts(people(female=12, male=30), by).by == by
