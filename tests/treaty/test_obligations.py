"""What the Convention asks, held against dates that were printed, and against its own rules for any deposit."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fadeout.treaty import dates
from fadeout.treaty.obligations import (
    Duty,
    Extension,
    Facts,
    Hostilities,
    Work,
    duties,
    months_between,
    within,
)
from fadeout.treaty.requests import answer_by, request

TODAY = date(2026, 11, 25)
DEPOSITS = st.dates(date(2008, 12, 3), date(2040, 12, 31))

# deposit, in force, Article 3, Article 4, first report; most of the days in force, and some deadlines, were printed by
# the depositary, the Implementation Support Unit or the Monitor
PRINTED = """
Vanuatu 2025-09-05 2026-03-01 2034-03-01 2036-03-01 2026-08-28
Niue 2020-08-06 2021-02-01 2029-02-01 2031-02-01 2021-07-31
Nigeria 2023-02-28 2023-08-01 2031-08-01 2033-08-01 2024-01-28
South-Sudan 2023-08-03 2024-02-01 2032-02-01 2034-02-01 2024-07-30
Switzerland 2012-07-17 2013-01-01 2021-01-01 2023-01-01 2013-06-30
Mauritania 2012-02-01 2012-08-01 2020-08-01 2022-08-01 2013-01-28
Afghanistan 2011-09-08 2012-03-01 2020-03-01 2022-03-01 2012-08-28
Andorra 2013-04-09 2013-10-01 2021-10-01 2023-10-01 2014-03-30
Antigua-and-Barbuda 2010-08-23 2011-02-01 2019-02-01 2021-02-01 2011-07-31
Australia 2012-10-08 2013-04-01 2021-04-01 2023-04-01 2013-09-28
Iraq 2013-05-14 2013-11-01 2021-11-01 2023-11-01 2014-04-30
Lebanon 2010-11-05 2011-05-01 2019-05-01 2021-05-01 2011-10-28
Bosnia-and-Herzegovina 2010-09-07 2011-03-01 2019-03-01 2021-03-01 2011-08-28
Bulgaria 2011-04-06 2011-10-01 2019-10-01 2021-10-01 2012-03-29
Guinea-Bissau 2010-11-29 2011-05-01 2019-05-01 2021-05-01 2011-10-28
Lao-PDR 2009-03-18 2010-08-01 2018-08-01 2020-08-01 2011-01-28
Burkina-Faso 2010-02-16 2010-08-01 2018-08-01 2020-08-01 2011-01-28
Namibia 2018-08-31 2019-02-01 2027-02-01 2029-02-01 2019-07-31
Saint-Lucia 2020-09-15 2021-03-01 2029-03-01 2031-03-01 2021-08-28
Palau 2016-04-19 2016-10-01 2024-10-01 2026-10-01 2017-03-30
Samoa 2010-04-28 2010-10-01 2018-10-01 2020-10-01 2011-03-30
Iceland 2015-08-31 2016-02-01 2024-02-01 2026-02-01 2016-07-30
Lithuania 2011-03-24 2011-09-01 2019-09-01 2021-09-01 2012-02-28
"""
VECTORS = PRINTED.strip().splitlines()


def by_key(facts: Facts, today: date = TODAY) -> dict[str, Duty]:
    return {duty.key: duty for duty in duties(facts, today)}


def party(deposit: date, **more: object) -> Facts:
    return Facts("XXX", "party", deposit, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("row", VECTORS, ids=lambda row: row.split()[0])
def test_dates_of_states_are_those_printed(row: str) -> None:
    _, *days = row.split()
    deposit, *wanted = map(date.fromisoformat, days)
    found = by_key(party(deposit))
    assert [found[k].due for k in ("in_force", "article3", "article4", "article7_first")] == wanted


@pytest.mark.shared
def test_the_table_of_vectors_is_the_one_that_was_read(shared: object) -> None:
    import csv
    from pathlib import Path

    with (Path(str(shared)) / "registry" / "date_vectors.csv").open(encoding="utf-8") as stream:
        read = [list(row.values())[:6] for row in csv.DictReader(stream)]
    assert [[row[0].replace(" ", "-"), *row[1:]] for row in read] == [row.split() for row in VECTORS]


# --- any deposit ------------------------------------------------------------------------------------------------------


@given(DEPOSITS)
def test_the_convention_enters_into_force_on_a_first_five_to_six_months_after_a_later_deposit(
    deposit: date,
) -> None:
    begins = dates.in_force(deposit)
    assert begins.day == 1
    if deposit > dates.THIRTIETH:
        assert dates.months_later(deposit.replace(day=1), 6) == begins
        assert (
            timedelta(days=150) <= begins - deposit <= timedelta(days=184)
        )  # five months and a day to six months
    else:
        assert begins == date(2010, 8, 1)


@given(DEPOSITS, DEPOSITS)
def test_who_deposits_later_is_bound_no_earlier(one: date, other: date) -> None:
    first, second = sorted((one, other))
    assert dates.in_force(first) <= dates.in_force(second)


@given(DEPOSITS)
def test_clearance_has_two_years_more_than_stockpiles_and_the_first_report_180_days(deposit: date) -> None:
    found = by_key(party(deposit))
    begins = found["in_force"].due
    assert begins is not None
    assert found["article4"].due == dates.years_later(begins, 10)
    assert found["article3"].due == dates.years_later(found["article4"].due, -2)
    assert found["article7_first"].due == begins + timedelta(days=180)


@given(DEPOSITS, st.dates(date(2010, 1, 1), date(2045, 1, 1)))
def test_warnings_come_before_the_day_and_in_order_and_every_duty_explains_itself(
    deposit: date, today: date
) -> None:
    for duty in duties(party(deposit), today):
        assert duty.rule
        assert duty.article
        assert duty.arithmetic
        assert list(duty.warnings) == sorted(duty.warnings)
        assert all(duty.due is not None and day < duty.due for day in duty.warnings)


@given(DEPOSITS, st.lists(st.integers(1, 60), max_size=4), st.dates(date(2010, 1, 1), date(2060, 1, 1)))
def test_extensions_add_up_in_whole_months(deposit: date, months: list[int], today: date) -> None:
    day, granted = dates.article_4(dates.in_force(deposit)), []
    for n in months:
        day = dates.months_later(day, n)
        granted.append(Extension(day))
    duty = by_key(party(deposit, clearance=Work(tuple(granted))), today)["article4"]
    assert duty.due == day
    assert [f"+ {n} months" in duty.arithmetic for n in months] == [True] * len(months)
    assert duty.state == ("overdue" if day < today else "open")


@given(st.dates(date(2000, 1, 1), date(2040, 1, 1)), st.integers(-600, 600))
def test_months_between_undoes_months_later_on_firsts(day: date, months: int) -> None:
    first = day.replace(day=1)
    assert months_between(first, dates.months_later(first, months)) == months


# --- edges ------------------------------------------------------------------------------------------------------------


def test_a_first_report_may_fall_on_30_april_itself() -> None:
    assert by_key(party(date(2013, 5, 14)))["article7_first"].due == date(2014, 4, 30)


def test_eighteen_months_from_1_march_2021_end_on_1_september_2022() -> None:
    work = Work((Extension(date(2022, 9, 1)),))
    duty = by_key(party(date(2010, 9, 7), clearance=work), date(2022, 8, 1))["article4"]
    assert duty.arithmetic == "1 Mar 2011 + 10 years = 1 Mar 2021; + 18 months (extension) = 1 Sep 2022"


def test_two_extensions_in_a_row_move_the_deadline_twice() -> None:
    work = Work((Extension(date(2025, 8, 1)), Extension(date(2030, 8, 1))))
    assert by_key(party(date(2009, 3, 18), clearance=work))["article4"].due == date(2030, 8, 1)


def test_while_hostilities_go_on_the_deadline_is_unknown_and_never_overdue() -> None:
    facts = party(date(2010, 11, 5), hostilities=(Hostilities("the conflict"),))
    for today in (date(2012, 1, 1), date(2060, 1, 1)):
        duty = by_key(facts, today)["article4_new"]
        assert (duty.state, duty.due, duty.warnings) == ("unknown", None, ())
        assert "have not ended" in duty.arithmetic


def test_ten_years_run_from_the_end_of_hostilities() -> None:
    facts = party(date(2010, 11, 5), hostilities=(Hostilities("the conflict", date(2024, 11, 27)),))
    assert by_key(facts)["article4_new"].due == date(2034, 11, 27)


def test_a_state_that_left_owes_nothing_more_and_that_is_said() -> None:
    (duty,) = duties(Facts("LTU", "withdrawn", date(2011, 3, 24), left_on=date(2025, 3, 6)), TODAY)
    assert (duty.state, duty.due) == ("none", None)
    assert "6 Mar 2025" in duty.arithmetic


def test_a_notice_takes_effect_after_six_months_and_not_while_a_conflict_goes_on() -> None:
    facts = party(date(2011, 3, 24), notice=date(2024, 9, 6))
    assert by_key(facts, date(2024, 10, 1))["withdrawal"].due == date(2025, 3, 6)
    at_war = party(date(2011, 3, 24), notice=date(2024, 9, 6), in_conflict=True)
    assert by_key(at_war, date(2025, 3, 6))["withdrawal"].state == "unknown"


@pytest.mark.parametrize("status", ["signatory", "non_signatory"])
def test_who_has_not_joined_owes_nothing_and_that_is_said(status: str) -> None:
    (duty,) = duties(Facts("XXX", status), TODAY)
    assert duty.state == "none"
    assert duty.rule


def test_a_request_eight_months_before_the_meeting_is_late_though_before_expiry() -> None:
    found = request("4", date(2025, 8, 1), 60, filed_on=date(2024, 1, 10), meeting_on=date(2024, 9, 10))
    assert found.late
    assert found.file_by == date(2023, 12, 10)
    assert len(found.faults) == 1
    assert "before the deadline but less than nine months" in found.faults[0]


def test_a_request_in_time_has_no_fault() -> None:
    found = request("4", date(2025, 8, 1), 60, filed_on=date(2023, 12, 10), meeting_on=date(2024, 9, 10))
    assert (found.faults, found.late, found.until) == ((), False, date(2030, 8, 1))


@pytest.mark.parametrize(("article", "most"), [("3", 48), ("4", 60)])
def test_more_than_one_extension_may_give_is_refused(article: str, most: int) -> None:
    def asked(months: int) -> tuple[str, ...]:
        return request(article, date(2025, 8, 1), months, date(2023, 1, 1), date(2024, 9, 10)).faults

    assert asked(most) == ()
    assert f"{most} at most" in asked(most + 1)[0]


def test_a_request_after_the_deadline_says_so() -> None:
    assert (
        "after the deadline"
        in request("4", date(2025, 8, 1), 12, date(2025, 9, 1), date(2026, 9, 10)).faults[0]
    )


def test_what_was_declared_done_stands_again_when_more_is_found() -> None:
    done = Work(done_on=date(2014, 9, 1))
    again = Work(done_on=date(2014, 9, 1), found_again_on=date(2021, 6, 1))
    deposit = date(2012, 2, 1)
    assert by_key(party(deposit, clearance=done))["article4"].state == "done"
    assert by_key(party(deposit, clearance=again), date(2020, 1, 1))["article4"].state == "done"
    assert by_key(party(deposit, clearance=again), date(2021, 7, 1))["article4"].state == "open"
    assert by_key(party(deposit, clearance=again), date(2023, 1, 1))["article4"].state == "overdue"


def test_nobody_is_called_overdue_on_an_extension_that_was_not_verified() -> None:
    unread = Work((Extension(date(2026, 10, 1), verified=False),))
    assert by_key(party(date(2013, 3, 26), clearance=unread))["article4"].state == "unknown"
    read = Work((Extension(date(2026, 10, 1)),))
    assert by_key(party(date(2013, 3, 26), clearance=read))["article4"].state == "overdue"


@pytest.mark.parametrize("recalled", ["deposit", "in_force"])
def test_nobody_is_called_overdue_on_a_deposit_or_entry_into_force_that_was_not_read(recalled: str) -> None:
    war = (Hostilities("the war", date(2014, 1, 1)),)
    reported = frozenset({2012})
    read = by_key(party(date(2010, 11, 5), hostilities=war, reported=reported))
    told = by_key(party(date(2010, 11, 5), hostilities=war, reported=reported, unverified=(recalled,)))
    for key in ("article3", "article4", "article4_new", "article7_first", "article7_missed"):
        assert (read[key].state, told[key].state) == ("overdue", "unknown"), key
    assert "unverified" in told["article4"].remark
    assert "unverified" in told["article4_new"].remark


def test_an_unread_signature_takes_nothing_from_a_deadline_that_passed() -> None:
    assert by_key(party(date(2010, 11, 5), unverified=("signature",)))["article4"].state == "overdue"


def test_hostilities_that_ended_before_entry_into_force_left_old_remnants() -> None:
    before = party(date(2010, 11, 5), hostilities=(Hostilities("the war", date(2006, 8, 14)),))
    duty = by_key(before)["article4_new"]
    assert (duty.state, duty.due, duty.warnings) == ("none", None, ())
    assert "4(1)(a)" in duty.remark
    on_the_day = party(date(2010, 11, 5), hostilities=(Hostilities("the war", date(2011, 5, 1)),))
    assert by_key(on_the_day)["article4_new"].due == date(2021, 5, 1)


def test_each_of_two_hostilities_has_a_duty_under_a_key_of_its_own() -> None:
    both = (Hostilities("the first", date(2024, 1, 1)), Hostilities("the second"))
    found = by_key(party(date(2010, 11, 5), hostilities=both))
    assert (found["article4_new"].due, found["article4_new"].state) == (date(2034, 1, 1), "open")
    assert (found["article4_new_2"].due, found["article4_new_2"].state) == (None, "unknown")


def test_a_party_whose_deposit_is_not_known_is_not_said_to_owe_nothing() -> None:
    (duty,) = duties(Facts("XXX", "party"), TODAY)
    assert (duty.state, duty.due) == ("unknown", None)
    assert "not known here" in duty.arithmetic


def test_a_state_that_left_on_an_unknown_day_is_not_said_never_to_have_joined() -> None:
    (duty,) = duties(Facts("XXX", "withdrawn", date(2011, 3, 24)), TODAY)
    assert duty.state == "none"
    assert duty.arithmetic.startswith("It left on a day not known here")


def test_what_falls_after_a_withdrawal_takes_effect_is_not_owed_unless_a_conflict_may_hold_it() -> None:
    leaving = {"notice": date(2024, 9, 6), "first_yearly": 2012}
    today = date(2025, 1, 1)
    out = by_key(party(date(2011, 3, 24), **leaving), today)
    assert out["article7_yearly"].due == date(2025, 4, 30)
    assert out["article7_yearly"].state == "none"
    assert "6 Mar 2025" in out["article7_yearly"].remark
    assert out["article4"].state == "overdue"  # 1 Sep 2021: what was owed before stays told
    at_war = by_key(party(date(2011, 3, 24), in_conflict=True, **leaving), today)
    assert at_war["article7_yearly"].state == "open"
    assert "not before it ends" in at_war["withdrawal"].arithmetic


def test_years_without_a_report_are_named_where_reports_are_held() -> None:
    held = frozenset({0, 2014, 2015, 2017, 2018})
    duty = by_key(party(date(2013, 5, 14), reported=held), date(2020, 5, 1))["article7_missed"]
    assert (duty.state, duty.due) == ("overdue", date(2017, 4, 30))
    assert duty.inputs == {"years not reported on": "2016, 2019"}
    assert "article7_missed" not in by_key(
        party(date(2013, 5, 14), reported=held | {2016}), date(2020, 4, 30)
    )
    assert "article7_missed" not in by_key(party(date(2013, 5, 14)), date(2020, 5, 1))


def test_an_extension_that_moves_nothing_is_said_to_and_no_deadline_goes_back() -> None:
    work = Work((Extension(date(2020, 1, 1)),))
    duty = by_key(party(date(2010, 11, 5), clearance=work))["article4"]
    assert duty.due == date(2021, 5, 1)
    assert duty.arithmetic.endswith("an extension to 1 Jan 2020 moves nothing, as that is no later")


def test_an_extension_to_the_middle_of_a_month_is_not_called_whole_months() -> None:
    work = Work((Extension(date(2021, 5, 20)),))
    duty = by_key(party(date(2010, 11, 5), clearance=work))["article4"]
    assert duty.due == date(2021, 5, 20)
    assert duty.arithmetic.endswith("; extension to 20 May 2021, no whole number of months")


def test_reports_are_open_until_30_april_and_overdue_only_where_reports_are_known() -> None:
    deposit = date(2013, 5, 14)
    assert by_key(party(deposit), date(2026, 4, 30))["article7_yearly"].due == date(2026, 4, 30)
    assert by_key(party(deposit), date(2026, 5, 1))["article7_yearly"].due == date(2027, 4, 30)
    assert by_key(party(deposit), date(2026, 5, 1))["article7_first"].state == "unknown"
    assert by_key(party(deposit, reported=frozenset({0})), date(2026, 5, 1))["article7_first"].state == "done"
    assert (
        by_key(party(deposit, reported=frozenset({2020})), date(2026, 5, 1))["article7_first"].state
        == "overdue"
    )


def test_the_first_yearly_report_is_a_setting() -> None:
    deposit = date(2025, 9, 5)  # in force 1 Mar 2026, first report due 28 Aug 2026
    assert by_key(party(deposit), date(2026, 4, 1))["article7_yearly"].due == date(2027, 4, 30)
    early = party(deposit, first_yearly=2025)
    assert by_key(early, date(2026, 4, 1))["article7_yearly"].due == date(2026, 4, 30)


def test_a_request_for_clarification_is_answered_within_28_days() -> None:
    assert answer_by(date(2026, 2, 1)) == date(2026, 3, 1)


def test_deadlines_ahead_come_in_order_and_those_without_a_day_apart() -> None:
    facts = {
        "AAA": party(date(2017, 3, 1)),  # in force 1 Sep 2017: clearance until 1 Sep 2027
        "BBB": party(date(2010, 11, 5), hostilities=(Hostilities("it"),), clearance=Work(concerned=False)),
    }
    owed = {state: duties(one, TODAY) for state, one in facts.items()}
    due, apart = within(owed, TODAY, 18)
    assert [(s, d.key) for s, d in due] == [
        ("AAA", "article7_yearly"),
        ("BBB", "article7_yearly"),
        ("AAA", "article4"),
    ]
    assert {(s, d.key) for s, d in apart} == {
        ("AAA", "article3"),
        ("BBB", "article3"),
        ("BBB", "article4_new"),
    }
