"""The draft of a request to extend the deadline for clearance: contents (a) to (i) of Article 4(6).

Reads   `Basis`: the deadline, and the area ledger of each year since entry into force
Gives   a `Document`
Knows   what a request contains, and what only a person can say
Start   at `build`
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from fadeout.exchange.documents import Document, Picture, Section, Table
from fadeout.records.ledger import Balance
from fadeout.treaty import dates, obligations
from fadeout.treaty.obligations import Duty
from fadeout.treaty.plan_fit import Fit, plan_fit

M2_PER_KM2 = 1e6
RELEASED = ("cancelled", "reduced", "cleared")
CONTENTS = (  # Article 4(6), in our words
    ("a", "Duration of the extension", ""),
    (
        "b",
        "Reasons, and the means for the work in the extension",
        "Why was the deadline not met, and which money, teams and tools are there for each year asked for?",
    ),
    (
        "c",
        "Work done, and programmes for it",
        "How was the work organised: who, with which standards, under whose oversight?",
    ),
    ("d", "Area contaminated at entry into force, and found since", ""),
    ("e", "Area cleared since entry into force", ""),
    ("f", "Area still to be cleared in the extension", ""),
    (
        "g",
        "What stood and stands in the way",
        "Which circumstances hindered the work: access, conflict, money, weather, terrain?",
    ),
    (
        "h",
        "Human, social, economic and environmental effects",
        "Who is hurt or held back by these areas, and what will release change?",
    ),
    ("i", "Anything else", "What else should the meeting know?"),
)


@dataclass(frozen=True)
class Basis:
    """What a request stands on: ledgers by calendar year, the oldest first."""

    state: str
    duty: Duty  # clearance, with its deadline
    in_force: date
    ledgers: Sequence[tuple[int, Balance]]
    months: int
    filed_on: date
    meeting_on: date | None = None
    stamps: tuple[str, ...] = ()  # of the records, such as SIMULATED
    pictures: Mapping[str, tuple[Picture, ...]] = field(default_factory=dict)  # by section


def fit_of(basis: Basis) -> Fit:
    """Compare the area left with what was released in recent years, in km²."""
    outputs = [released(line) / M2_PER_KM2 for _, line in basis.ledgers]
    left = basis.ledgers[-1][1].closing / M2_PER_KM2 if basis.ledgers else 0.0
    return plan_fit(left, outputs, basis.months / 12)


def yearly_m2(basis: Basis) -> float:
    """The output that the years left are reckoned with, m²."""
    return fit_of(basis).output * M2_PER_KM2


def released(line: Balance) -> int:
    """Area released in a year in all ways, m².

    Examples
    --------
    >>> released(Balance(cancelled=1, reduced=2, cleared=4))
    7
    """
    return line.cancelled + line.reduced + line.cleared


def faults(basis: Basis) -> tuple[str, ...]:
    """What is wrong with the request itself: its length, the day it is filed."""
    if basis.duty.due is None:
        return ("no deadline is known that could be extended",)
    meeting = basis.meeting_on or basis.duty.due
    asked = obligations.request("4", basis.duty.due, basis.months, basis.filed_on, meeting)
    late_unknown = basis.meeting_on is None and "meeting" in " ".join(asked.faults)
    return tuple(one for one in asked.faults if not (late_unknown and "meeting" in one))


def build(basis: Basis, made_at: str) -> Document:
    """Make the draft."""
    sections = tuple(_section(basis, *content) for content in CONTENTS)
    wrong = faults(basis)
    checks = Section(
        "checks",
        "Checks",
        paragraphs=(
            f"Deadline: {basis.duty.arithmetic}.",
            fit_of(basis).in_words("km²"),
            *(f"NOT IN ORDER: {one}." for one in wrong),
            *(() if wrong else ("Length and day of filing are in order, as far as they are known here.",)),
        ),
    )
    return Document(
        f"Draft request to extend the deadline for clearance, {basis.state}",
        f"Article 4(5) to (8); filed on {dates.say(basis.filed_on)}",
        made_at,
        (*sections, checks),
        notes=(
            "A draft from records. A person completes, checks and signs it; nothing here is a statement of the State.",
            "The contents follow Article 4(6), in our own words.",
        ),
        stamps=("DRAFT", *basis.stamps),
    )


def _section(basis: Basis, key: str, title: str, question: str) -> Section:
    words, tables = _known(basis, key)
    gaps = (question,) if question else ()
    return Section(key, f"({key}) {title}", "", words, tables, gaps, tuple(basis.pictures.get(key, ())))


def _known(basis: Basis, key: str) -> tuple[tuple[str, ...], tuple[Table, ...]]:
    due = basis.duty.due
    if key == "a":
        until = dates.say(dates.months_later(due, basis.months)) if due else "an unknown day"
        return (f"{basis.months} months, from {dates.say(due)} to {until}.",), ()
    if not basis.ledgers:
        return ("No area is recorded.",) if key in "def" else (), ()
    if key == "d":
        first = basis.ledgers[0]
        found = [(str(year), line.found + line.reopened) for year, line in basis.ledgers]
        words = f"Open on 1 January {first[0]}, by these records: {first[1].opening:,} m² ({km2(first[1].opening)})."
        remark = (
            f"Entry into force was on {dates.say(basis.in_force)}; what these records do not reach back to is for a "
            "person to add."
        )
        return (words, remark), (Table("Found since, m²", ("Year", "Found"), tuple(found)),)
    if key == "e":
        rows = tuple(
            (str(year), *(getattr(line, name) for name in RELEASED), released(line))
            for year, line in basis.ledgers
        )
        columns = ("Year", "Cancelled", "Reduced", "Cleared", "Released in all")
        return (), (Table("Released since, m²", columns, rows),)
    if key == "f":
        year, last = basis.ledgers[-1]
        left = f"Open on 31 December {year}: {last.closing:,} m² ({km2(last.closing)})."
        return (left, fit_of(basis).in_words("km²")), ()
    return (), ()


def km2(m2: float) -> str:
    """An area in km², three digits.

    Examples
    --------
    >>> km2(1_502_080_000)
    '1500 km²'
    """
    return f"{float(f'{m2 / M2_PER_KM2:.3g}'):g} km²"
