"""Calendars keep the rules of RFC 5545, so that any calendar reads them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest

from fadeout.exchange.calendars import Entry, ics
from fadeout.treaty.dates import warnings

AT = datetime(2026, 11, 25, 9, 30, tzinfo=UTC)
DAY = date(2030, 8, 1)
WORDS = "1 Aug 2010 + 10 years = 1 Aug 2020; + 60 months, + 60 months = 1 Aug 2030. Unverified: extension, \\ “é” ລາວ."


def calendar(*entries: Entry, at: datetime = AT) -> Any:
    import icalendar

    return icalendar.Calendar.from_ical(ics(entries, at))


def test_lines_end_in_cr_lf_are_at_most_75_octets_and_hold_whole_characters() -> None:
    made = ics([Entry("LAO-article4", DAY, "ລາວ " * 40, WORDS * 5, warnings(DAY))], AT)
    assert made.endswith(b"END:VCALENDAR\r\n")
    assert made.count(b"\n") == made.count(b"\r") == made.count(b"\r\n")
    lines = made.split(b"\r\n")
    assert max(map(len, lines)) <= 75
    for line in lines:
        line.decode("utf-8")  # no character is cut in two


def test_a_calendar_says_what_it_needs_to_say_once() -> None:
    read = calendar(Entry("LAO-article4", DAY, "LAO", WORDS))
    assert (str(read["version"]), str(read["prodid"])) == ("2.0", "-//fadeout//deadlines//EN")
    (event,) = read.walk("VEVENT")
    for name in ("uid", "dtstamp", "dtstart", "summary", "description"):
        assert name in event


def test_how_a_day_was_worked_out_comes_back_with_its_commas_semicolons_and_letters() -> None:
    (event,) = calendar(Entry("LAO-article4", DAY, "LAO; Article 4, (1)", WORDS)).walk("VEVENT")
    assert str(event["description"]) == WORDS
    assert str(event["summary"]) == "LAO; Article 4, (1)"


def test_a_deadline_is_a_whole_day_and_blocks_nobodys_time() -> None:
    (event,) = calendar(Entry("LAO-article4", DAY, "LAO", WORDS)).walk("VEVENT")
    assert event["dtstart"].dt == DAY
    assert event["dtstart"].params["value"] == "DATE"
    assert event["dtend"].dt == DAY + timedelta(days=1)  # the day after, RFC 5545, 3.6.1
    assert str(event["transp"]) == "TRANSPARENT"


def test_reminders_ring_18_12_and_9_months_ahead() -> None:
    (event,) = calendar(Entry("LAO-article4", DAY, "LAO", WORDS, warnings(DAY))).walk("VEVENT")
    alarms = event.walk("VALARM")
    assert [str(alarm["action"]) for alarm in alarms] == ["DISPLAY"] * 3
    ring = [DAY + alarm["trigger"].dt for alarm in alarms]
    assert ring == [date(2029, 2, 1), date(2029, 8, 1), date(2029, 11, 1)]


def test_a_uid_stays_the_same_when_the_calendar_is_made_again_later() -> None:
    entry = Entry("LAO-article4", DAY, "LAO", WORDS)
    (first,) = calendar(entry).walk("VEVENT")
    (again,) = calendar(entry, at=AT + timedelta(days=30)).walk("VEVENT")
    assert first["uid"] == again["uid"]
    assert again["dtstamp"].dt - first["dtstamp"].dt == timedelta(days=30)


def test_the_stamp_is_told_in_utc_wherever_it_was_made() -> None:
    vientiane = AT.astimezone(timezone(timedelta(hours=7)))
    entry = Entry("LAO-article4", DAY, "LAO", WORDS)
    assert ics([entry], AT) == ics([entry], vientiane)
    assert b"DTSTAMP:20261125T093000Z" in ics([entry], vientiane)


def test_a_time_without_a_zone_is_refused_as_it_would_depend_on_the_machine() -> None:
    with pytest.raises(ValueError, match="zone"):
        ics([Entry("LAO-article4", DAY, "LAO", WORDS)], AT.replace(tzinfo=None))


def test_two_entries_under_one_key_are_refused_as_a_reader_would_keep_only_one() -> None:
    twice = [Entry("LAO-article4", DAY, "LAO", "a"), Entry("LAO-article4", DAY, "LAO", "b")]
    with pytest.raises(ValueError, match="LAO-article4"):
        ics(twice, AT)


def test_what_has_no_day_is_told_in_the_calendars_own_description() -> None:
    import icalendar

    about = "Without a day:\nLebanon, Article 4(1)(b); hostilities have not ended."
    made = ics([Entry("LAO-article4", DAY, "LAO", WORDS)], AT, "Deadlines, all", about)
    assert str(icalendar.Calendar.from_ical(made)["description"]) == about  # RFC 7986, 5.2
    escaped = rb"Without a day:\nLebanon\, Article 4(1)(b)\; hostilities"
    assert made.replace(b"\r\n ", b"").count(escaped) == 2  # X-WR-CALDESC too, for older readers
    assert rb"X-WR-CALNAME:Deadlines\, all" in made
