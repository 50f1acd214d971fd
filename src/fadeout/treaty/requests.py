"""Requests: for more time, with its length and the day to file it; for clarification, with the day to answer it.

Reads   days and months
Gives   `Request`: faults in words, and by when it is filed
Knows   Articles 3, 4 and 8; nothing of states
Start   at `request`
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from fadeout.treaty import dates
from fadeout.treaty.dates import say


@dataclass(frozen=True)
class Request:
    """What is wrong with a request for an extension, and by when it is filed."""

    file_by: date
    faults: tuple[str, ...]
    late: bool
    until: date


def request(article: str, deadline: date, months: int, filed_on: date, meeting_on: date) -> Request:
    """Look at a request for an extension: its length, and whether it is filed in time.

    A request is filed before the deadline ends, and at least nine months before the meeting that decides (Articles 3(3)
    and 4(5)): filed before the deadline but later than that, it is late.

    Examples
    --------
    >>> asked = request("4", date(2025, 8, 1), 60, date(2024, 1, 10), date(2024, 9, 10))
    >>> asked.late, str(asked.file_by), str(asked.until)
    (True, '2023-12-10', '2030-08-01')
    """
    most = dates.ARTICLE_3_MOST_MONTHS if article.startswith("3") else dates.ARTICLE_4_MOST_MONTHS
    by_meeting = dates.months_later(meeting_on, -dates.REQUEST_MONTHS)
    file_by = min(by_meeting, deadline)
    faults = []
    if months <= 0:
        faults.append("an extension has at least one month")
    if months > most:
        faults.append(
            f"{months} months are asked for; one request may ask for {most} at most (Article {article}), "
            "and may be followed by another"
        )
    if filed_on > deadline:
        faults.append(f"it is filed on {say(filed_on)}, after the deadline of {say(deadline)}")
    elif filed_on > by_meeting:
        faults.append(
            f"it is filed on {say(filed_on)}, before the deadline but less than nine months before the meeting of "
            f"{say(meeting_on)}: it was due by {say(by_meeting)}"
        )
    return Request(file_by, tuple(faults), filed_on > file_by, dates.months_later(deadline, months))


def answer_by(received_on: date) -> date:
    """Give the last day to answer a Request for Clarification: 28 days after it came (Article 8(2))."""
    return received_on + timedelta(days=dates.ANSWER_DAYS)
