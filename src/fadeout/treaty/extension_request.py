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
from fadeout.treaty import dates, requests
from fadeout.treaty.obligations import Duty
from fadeout.treaty.phrases import Phrases, labels, phrases
from fadeout.treaty.plan_fit import Fit, compared, number, plan_fit

M2_PER_KM2 = 1e6
RELEASED = ("cancelled", "reduced", "cleared")
CONTENTS = "abcdefghi"  # Article 4(6); what a person is asked stands beside the words as ask_b, ask_c ...


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
    asked = requests.request("4", basis.duty.due, basis.months, basis.filed_on, meeting)
    late_unknown = basis.meeting_on is None and "meeting" in " ".join(asked.faults)
    return tuple(one for one in asked.faults if not (late_unknown and "meeting" in one))


def build(basis: Basis, made_at: str, lang: str = "en") -> Document:
    """Make the draft, in a language of `phrases`; arithmetic and faults of the request are told in English."""
    say = phrases("extension_request", lang)
    wrong = faults(basis)
    verdict = [say("not_in_order", fault=one) for one in wrong] or [say("in_order")]
    checks = Section(
        "checks",
        say("checks"),
        paragraphs=(say("deadline", arithmetic=basis.duty.arithmetic), *_fit(basis, say), *verdict),
    )
    notes = (say("draft_note"), say("contents_note"), *(() if say.reviewed else (say("translation_note"),)))
    return Document(
        say("title", state=basis.state),
        say("subtitle", day=say.day(basis.filed_on)),
        made_at,
        (*(_section(basis, key, say) for key in CONTENTS), checks),
        notes=notes,
        stamps=("DRAFT", *basis.stamps),
        lang=lang,
        labels=labels(lang),
    )


def _section(basis: Basis, key: str, say: Phrases) -> Section:
    words, tables = _known(basis, key, say)
    gaps = (say(f"ask_{key}"),) if f"ask_{key}" in say.texts else ()
    return Section(key, f"({key}) {say(key)}", "", words, tables, gaps, tuple(basis.pictures.get(key, ())))


def _known(basis: Basis, key: str, say: Phrases) -> tuple[tuple[str, ...], tuple[Table, ...]]:
    """What the records say to one of the contents: words and tables."""
    if key == "a":
        due = basis.duty.due
        start = say.day(due) if due else say("unknown_day")
        until = say.day(dates.months_later(due, basis.months)) if due else say("unknown_day")
        return (say("duration", months=basis.months, start=start, until=until),), ()
    if not basis.ledgers:
        return (say("no_area"),) if key in "def" else (), ()
    if key == "d":
        return _found(basis, say)
    if key == "e":
        rows = tuple(
            (str(year), *(getattr(line, name) for name in RELEASED), released(line))
            for year, line in basis.ledgers
        )
        columns = tuple(say(f"col_{name}") for name in ("year", *RELEASED, "released"))
        return (), (Table(say("released_caption"), columns, rows),)
    if key == "f":
        year, last = basis.ledgers[-1]
        return (
            say("closed", year=year, m2=f"{last.closing:,}", km2=km2(last.closing)),
            *_fit(basis, say),
        ), ()
    return (), ()


def _found(basis: Basis, say: Phrases) -> tuple[tuple[str, ...], tuple[Table, ...]]:
    year, first = basis.ledgers[0]
    opened = say("opened", year=year, m2=f"{first.opening:,}", km2=km2(first.opening))
    rows = tuple(
        (str(year), line.found + line.reopened, line.corrected_up - line.corrected_down)
        for year, line in basis.ledgers
    )
    columns = (say("col_year"), say("col_found"), say("col_corrected"))
    table = Table(say("found_caption"), columns, rows)
    return (opened, say("reach", day=say.day(basis.in_force))), (table,)


def _fit(basis: Basis, say: Phrases) -> tuple[str, ...]:
    """Whether the plan fits, in one or two sentences."""
    fit = fit_of(basis)
    left = number(fit.left)
    if fit.left == 0:
        return (say("nothing_left"),)
    if fit.years is None and fit.quickest is not None:
        return (say("seldom_output", left=left, quickest=number(fit.quickest)),)
    if fit.years is None:
        return (say("no_output", left=left),)
    years, asked = compared(fit.years, fit.asked)
    told = {
        "left": left,
        "output": number(fit.output),
        "years": years,
        "asked": asked,
    }
    words = [say("fits" if fit.fits else "does_not_fit", **told)]
    if fit.quickest is not None and fit.slowest is not None and fit.least != fit.most:
        words.append(say("range", quickest=number(fit.quickest), slowest=number(fit.slowest)))
    return tuple(words)


def km2(m2: float) -> str:
    """An area in km², three digits.

    Examples
    --------
    >>> km2(1_502_080_000)
    '1500 km²'
    """
    return f"{float(f'{m2 / M2_PER_KM2:.3g}'):g} km²"
