"""The Convention's arithmetic of days.

Reads   days
Gives   days
Knows   Articles 3, 4, 7, 8, 17 and 20; nothing of states
Start   at `in_force`

A deadline is the anniversary day itself: in force on 1 Aug 2010, ten years end on 1 Aug 2020, as deadlines are printed.
Extensions are counted in whole months from the deadline that they move.
"""

from __future__ import annotations

from datetime import date, timedelta

OPENED = date(2008, 12, 3)  # opened for signature (Article 15)
THIRTIETH = date(2010, 2, 16)  # deposit of the thirtieth instrument (Article 17(1))
FIRST_WAVE = date(2010, 8, 1)  # first day of the sixth month after the month of that deposit
ARTICLE_3_YEARS, ARTICLE_4_YEARS = 8, 10  # Articles 3(2) and 4(1)
ARTICLE_3_MOST_MONTHS, ARTICLE_4_MOST_MONTHS = 48, 60  # Articles 3(3) and 4(5): of one extension
REQUEST_MONTHS = 9  # before the meeting that decides (Articles 3(3) and 4(5))
FIRST_REPORT_DAYS = 180  # Article 7(1)
ANSWER_DAYS = 28  # Article 8(2)
WITHDRAWAL_MONTHS = 6  # Article 20(3)
WARNINGS_MONTHS = (18, 12, 9)


def in_force(deposit: date) -> date:
    """Give the day of entry into force of a deposit.

    The first thirty: the first day of the sixth month after the month of the thirtieth deposit (Article 17(1)). Later
    ones: the first day of the sixth month after the date of deposit (17(2)), by practice month + 6, also where the
    deposit falls on a first.

    Examples
    --------
    >>> str(in_force(date(2009, 3, 18))), str(in_force(date(2012, 7, 17))), str(in_force(date(2012, 2, 1)))
    ('2010-08-01', '2013-01-01', '2012-08-01')
    """
    if deposit <= THIRTIETH:
        return FIRST_WAVE
    return months_later(deposit.replace(day=1), 6)


def months_later(day: date, months: int) -> date:
    """Give the same day some months later, the month's last day where it has no such day.

    Examples
    --------
    >>> str(months_later(date(2021, 3, 1), 18)), str(months_later(date(2023, 8, 31), -6))
    ('2022-09-01', '2023-02-28')
    """
    index = day.year * 12 + day.month - 1 + months
    year, month = divmod(index, 12)
    for last in (day.day, 30, 29, 28):
        if last <= day.day:
            try:
                return date(year, month + 1, last)
            except ValueError:
                continue
    raise AssertionError("every month has 28 days")


def years_later(day: date, years: int) -> date:
    """Give the anniversary some years later; 28 February for 29 February where there is none."""
    return months_later(day, 12 * years)


def article_3(in_force: date) -> date:
    """Give the deadline for stockpiles: eight years after entry into force (Article 3(2))."""
    return years_later(in_force, ARTICLE_3_YEARS)


def article_4(begins: date) -> date:
    """Give the deadline for clearance: ten years after entry into force, or after hostilities ended (Article 4(1))."""
    return years_later(begins, ARTICLE_4_YEARS)


def first_report(in_force: date) -> date:
    """Give the last day for the first report: 180 days after entry into force (Article 7(1)).

    Examples
    --------
    >>> str(first_report(date(2024, 2, 1)))
    '2024-07-30'
    """
    return in_force + timedelta(days=FIRST_REPORT_DAYS)


def yearly_report(year: int) -> date:
    """Give the last day for the report on a calendar year: 30 April of the next (Article 7(2))."""
    return date(year + 1, 4, 30)


def withdrawal(notice: date) -> date:
    """Give the day a withdrawal takes effect in peace: six months after the depositary received it (Article 20(3))."""
    return months_later(notice, WITHDRAWAL_MONTHS)


def warnings(due: date) -> tuple[date, ...]:
    """Give the days on which a deadline is warned of: 18, 12 and 9 months ahead."""
    return tuple(months_later(due, -months) for months in WARNINGS_MONTHS)


def say(day: date | None) -> str:
    """A day in words.

    Examples
    --------
    >>> say(date(2026, 11, 4)), say(None)
    ('4 Nov 2026', 'day unknown')
    """
    return f"{day.day} {MONTHS[day.month - 1]} {day.year}" if day else "day unknown"


MONTHS = (
    "Jan",
    "Feb",
    "Mar",
    "Apr",
    "May",
    "Jun",
    "Jul",
    "Aug",
    "Sep",
    "Oct",
    "Nov",
    "Dec",
)  # whatever the locale
