"""A plan fits, or it does not, by plain division."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fadeout.treaty.plan_fit import compared, plan_fit

AREAS = st.floats(0.001, 1e6)


def test_lao_pdr_needs_twenty_years_against_five() -> None:
    fit = plan_fit(1502.08, [75.03], 5)
    assert round(fit.years or 0) == 20
    assert not fit.fits
    assert fit.in_words("km²").endswith("20 years, against 5: the plan does not fit.")


def test_where_nothing_was_released_no_time_is_told() -> None:
    fit = plan_fit(3, [0, 0], 5)
    assert fit.years is None
    assert not fit.fits
    assert "no time can be told" in fit.in_words("km²")


def test_where_something_was_released_in_few_years_it_is_not_said_that_nothing_was() -> None:
    words = plan_fit(10, [0, 0, 0, 5, 5], 5).in_words("km²")
    assert "In most recent years nothing was released" in words
    assert "2 years" in words


@pytest.mark.parametrize(
    ("left", "said"), [(10.1, "are 5.05 years, against 5"), (10.04, "are 5.02 years, against 5")]
)
def test_a_plan_that_misses_by_little_shows_by_how_much(left: float, said: str) -> None:
    assert said in plan_fit(left, [2], 5).in_words("km²")


@given(AREAS, AREAS)
def test_figures_that_differ_look_different(one: float, other: float) -> None:
    first, second = compared(one, other)
    assert (first == second) == (one == other)
    assert (float(first.replace(",", "")) < float(second.replace(",", ""))) == (one < other)


def test_where_nothing_is_left_every_plan_fits() -> None:
    assert plan_fit(0, [], 0).fits


def test_only_recent_years_count() -> None:
    assert plan_fit(10, [1000, 1, 1, 1, 1, 1], 5).output == 1


@given(AREAS, st.lists(AREAS, min_size=1, max_size=9), st.floats(0, 100))
def test_the_quickest_is_no_slower_than_the_slowest_and_the_verdict_is_the_division(
    left: float, outputs: list[float], asked: float
) -> None:
    fit = plan_fit(left, outputs, asked)
    assert fit.quickest is not None
    assert fit.slowest is not None
    assert fit.quickest <= (fit.years or 0) <= fit.slowest
    assert fit.fits == (left / fit.output <= asked)


@pytest.mark.parametrize("given", [(-1, [1], 1), (1, [-1], 1), (1, [1], -1)])
def test_less_than_nothing_is_refused(given: tuple[float, list[float], float]) -> None:
    with pytest.raises(ValueError, match="0 or more"):
        plan_fit(*given)
