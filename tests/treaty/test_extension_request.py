"""A draft request for more time: what the records say to each of the contents, and what only a person can say."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fadeout.exchange.documents import Document, Section
from fadeout.records.ledger import Balance
from fadeout.treaty.extension_request import Basis, build, faults
from fadeout.treaty.obligations import Duty, Extension, Facts, Hostilities, Work, duties

KM2 = 1_000_000
NOW = "2024-01-10T00:00:00Z"
CLEARANCE = Work((Extension(date(2025, 8, 1)),))
LEDGERS = (  # 1,652.08 km² at first; 75.03 km² a year; 1,502.02 km² left, as Lao PDR told of 2024
    (2022, Balance(opening=1652_080_000, cleared=75_030_000, closing=1577_050_000)),
    (2023, Balance(opening=1577_050_000, cleared=75_030_000, closing=1502_020_000)),
)


def clearance(today: date = date(2024, 1, 10)) -> Duty:
    found = duties(Facts("LAO", "party", date(2009, 3, 18), clearance=CLEARANCE), today)
    return next(duty for duty in found if duty.key == "article4")


BASIS = Basis(
    state="Lao People's Democratic Republic",
    duty=clearance(),
    in_force=date(2010, 8, 1),
    ledgers=LEDGERS,
    months=60,
    filed_on=date(2023, 12, 10),
    meeting_on=date(2024, 9, 10),
)


def sections(document: Document) -> dict[str, Section]:
    return {section.key: section for section in document.sections}


def numbers(section: Section, column: int) -> int:
    return sum(int(row[column] or 0) for row in section.tables[0].rows)


def test_the_contents_are_a_to_i_in_the_order_of_article_4_6() -> None:
    keys = [section.key for section in build(BASIS, NOW).sections]
    assert keys == [*"abcdefghi", "checks"]


def test_the_duration_runs_from_the_deadline_in_force() -> None:
    (words,) = sections(build(BASIS, NOW))["a"].paragraphs
    assert words == "60 months, from 1 Aug 2025 to 1 Aug 2030."


def test_twenty_years_of_work_do_not_fit_five_and_that_is_said_beside_the_area_left() -> None:
    found = sections(build(BASIS, NOW))
    for key in ("f", "checks"):
        words = " ".join(found[key].paragraphs)
        assert "at about 75 km² a year are 20 years, against 5: the plan does not fit" in words, key
    assert "1,502,020,000 m²" in " ".join(found["f"].paragraphs)


def test_a_plan_that_fits_is_said_to_fit() -> None:
    small = replace(BASIS, ledgers=((2023, Balance(opening=40 * KM2, cleared=10 * KM2, closing=30 * KM2)),))
    assert "are 3 years, against 5: the plan fits" in " ".join(sections(build(small, NOW))["f"].paragraphs)


def test_reasons_means_obstacles_and_effects_are_questions_for_a_person() -> None:
    found = sections(build(BASIS, NOW))
    for key in "bcgh":
        assert len(found[key].gaps) == 1, key
        assert found[key].gaps[0].endswith("?")
        assert found[key].paragraphs == (), key  # nothing is written for the State


def test_without_records_every_area_is_said_to_be_missing_and_no_figure_is_made_up() -> None:
    found = sections(build(replace(BASIS, ledgers=()), NOW))
    for key in "def":
        assert found[key].paragraphs == ("No area is recorded.",), key
        assert found[key].tables == (), key


areas = st.integers(0, 10**9)


@given(areas, st.lists(st.tuples(*[areas] * 7), min_size=1, max_size=5))
def test_what_was_open_and_found_and_redrawn_less_what_was_released_is_what_is_left(
    opening: int, years: list[tuple[int, ...]]
) -> None:
    ledgers, left = [], opening
    for year, (found, reopened, up, cancelled, reduced, cleared, down) in enumerate(years, 2015):
        closing = left + found + reopened + up - cancelled - reduced - cleared - down
        released = {"cancelled": cancelled, "reduced": reduced, "cleared": cleared, "corrected_down": down}
        if closing < 0:  # more cannot be released than was open
            closing, released = left + found + reopened + up, {}
        line = Balance(left, found, reopened, up, closing=closing)
        ledgers.append((year, replace(line, **released)))
        left = closing
    told = sections(build(replace(BASIS, ledgers=ledgers), NOW))
    found_since, redrawn = numbers(told["d"], 1), numbers(told["d"], 2)
    assert opening + found_since + redrawn - numbers(told["e"], 4) == left
    assert f"{opening:,} m²" in told["d"].paragraphs[0]
    assert f"{left:,} m²" in told["f"].paragraphs[0]


def test_a_request_in_time_and_of_five_years_is_in_order() -> None:
    assert faults(BASIS) == ()


def test_a_day_too_late_for_the_meeting_is_told_though_the_deadline_is_far() -> None:
    (fault,) = faults(replace(BASIS, filed_on=date(2023, 12, 11)))
    assert "before the deadline but less than nine months" in fault
    assert fault in " ".join(
        sections(build(replace(BASIS, filed_on=date(2023, 12, 11)), NOW))["checks"].paragraphs
    )


def test_where_no_meeting_is_named_no_request_is_called_late_for_one() -> None:
    assert faults(replace(BASIS, meeting_on=None, filed_on=date(2025, 7, 1))) == ()
    (fault,) = faults(replace(BASIS, meeting_on=None, filed_on=date(2025, 8, 2)))
    assert "after the deadline" in fault


@pytest.mark.parametrize(("months", "right"), [(60, True), (61, False)])
def test_no_request_asks_for_more_than_five_years(months: int, right: bool) -> None:
    assert (faults(replace(BASIS, months=months)) == ()) == right


def test_a_deadline_that_has_not_begun_cannot_be_extended() -> None:
    at_war = Facts("LAO", "party", date(2009, 3, 18), hostilities=(Hostilities("the conflict"),))
    duty = next(one for one in duties(at_war, date(2024, 1, 10)) if one.key == "article4_new")
    basis = replace(BASIS, duty=duty)
    assert faults(basis) == ("no deadline is known that could be extended",)
    assert "an unknown day" in sections(build(basis, NOW))["a"].paragraphs[0]


def test_the_draft_is_stamped_and_keeps_the_stamps_of_its_records() -> None:
    assert build(replace(BASIS, stamps=("SIMULATED",)), NOW).stamps == ("DRAFT", "SIMULATED")
