"""Deadlines as a calendar file (iCalendar, RFC 5545).

Reads   `Entry`s
Gives   the bytes of an .ics: a day each, with reminders months ahead
Knows   the format, through icalendar, an extra; nothing of treaties
Start   at `ics`
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from fadeout.errors import InputRefused, Problem

PRODUCT = "-//fadeout//deadlines//EN"


@dataclass(frozen=True)
class Entry:
    """One day: a key that stays the same when the calendar is made again, its title, how it was worked out."""

    key: str
    day: date
    title: str
    text: str
    warnings: tuple[date, ...] = ()


def ics(entries: Iterable[Entry], made_at: datetime, name: str = "Deadlines", about: str = "") -> bytes:
    """Write a calendar; the same entries and time give the same bytes. `about` says what no entry can say.

    Raises
    ------
    InputRefused
        If icalendar is not installed.
    ValueError
        If the time has no zone, or two entries have one key: a reader would keep one of them.

    Examples
    --------
    >>> made = ics([Entry("LAO-article4", date(2030, 8, 1), "LAO", "why")], datetime(2026, 1, 1, tzinfo=UTC))
    >>> b"DTSTART;VALUE=DATE:20300801" in made
    True
    """
    ordered = sorted(entries, key=lambda one: (one.day, one.key))
    if made_at.tzinfo is None:
        raise ValueError("the time a calendar was made at needs a zone")
    if twice := sorted(key for key, n in Counter(one.key for one in ordered).items() if n > 1):
        raise ValueError(f"entries share a key: {', '.join(twice)}")
    library = _library()
    calendar: Any = library.Calendar()
    calendar.add("prodid", PRODUCT)
    calendar.add("version", "2.0")
    calendar.add("calscale", "GREGORIAN")
    calendar.add("x-wr-calname", library.vText(name))  # else the library leaves commas and lines as they are
    for field in ("description", "x-wr-caldesc") if about else ():  # RFC 7986, and what older readers know
        calendar.add(field, library.vText(about))
    for entry in ordered:
        calendar.add_component(_event(library, entry, made_at))
    made: bytes = calendar.to_ical()
    return made


def _event(library: Any, entry: Entry, made_at: datetime) -> Any:
    event = library.Event()
    event.add("uid", f"{entry.key}@fadeout")
    event.add("dtstamp", made_at.astimezone(UTC))
    event.add("dtstart", entry.day)
    event.add("dtend", entry.day + timedelta(days=1))
    event.add("summary", entry.title)
    event.add("description", entry.text)
    event.add("transp", "TRANSPARENT")
    for day in entry.warnings:
        alarm = library.Alarm()
        alarm.add("action", "DISPLAY")
        alarm.add("description", f"{entry.title}: on {entry.day.isoformat()}")
        alarm.add("trigger", day - entry.day)
        event.add_component(alarm)
    return event


def _library() -> Any:
    try:
        import icalendar
    except ImportError as error:
        raise InputRefused(
            [Problem("format.no-library", "icalendar is not installed", "./run extras")]
        ) from error
    return icalendar
