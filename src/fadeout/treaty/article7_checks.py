"""What must agree in an Article 7 report: each check in words, and why it failed.

Reads   the sections as they will be printed, `Gathered`, `Answers`, last year's draft
Gives   `Check`s
Knows   which figures must be equal; it recomputes them from what is printed
Start   at `all_checks`
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fadeout.exchange.documents import Section
from fadeout.records.counts import LIMIT
from fadeout.records.ledger import Balance
from fadeout.treaty.article7_answers import Answers
from fadeout.treaty.article7_found import LINES, MOVES, Gathered
from fadeout.treaty.phrases import Phrases


@dataclass(frozen=True)
class Check:
    """One check: its name in words, and why it failed, if it did."""

    words: str
    why: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether nothing was found wrong."""
        return not self.why


def all_checks(
    found: Gathered,
    sections: Sequence[Section],
    answers: Answers,
    last_year: Mapping[str, Any] | None,
    say: Phrases,
) -> tuple[Check, ...]:
    by_key = {one.key: one for one in sections}
    checks = [
        Check(say("check_balance"), tuple(_unbalanced(found, by_key["F"], say))),
        Check(say("check_types"), tuple(_untyped(found, by_key["F"]))),
        Check(say("check_education"), tuple(_uneducated(found, by_key["G"], say))),
        Check(say("check_cells", limit=LIMIT), tuple(_small(by_key["H"], say))),
        Check(say("check_answers"), tuple(_answered_otherwise(found, answers, say))),
    ]
    if last_year is not None:
        before, now = int(last_year["figures"]["closing"]), found.ledger.total.opening
        why = (say("why_carried", before=before, now=now),) if before != now else ()
        checks.append(Check(say("check_carried", year=found.year - 1), why))
    return tuple(checks)


def _unbalanced(found: Gathered, form: Section, say: Phrases) -> list[str]:
    """Lines of the ledger that do not balance, each area's and the total as the form prints them."""
    why = [
        say("why_unbalanced", area=id, left=left)
        for id, line in found.ledger.by_area.items()
        if (left := line.off_by)
    ]
    if form.tables:
        printed = dict(zip(LINES, (row[1] for row in form.tables[0].rows), strict=True))
        left = Balance(**{name: int(value or 0) for name, value in printed.items()}).off_by
        if left:
            why.append(say("why_unbalanced", area=say("total"), left=left))
        of_areas = {
            name: sum(int(row[i] or 0) for row in form.tables[1].rows)
            for i, name in enumerate(LINES, 1)
            if name in MOVES
        }
        of_areas["closing"] = sum(int(row[-1] or 0) for row in form.tables[2].rows)
        for name, summed in of_areas.items():
            if rest := int(printed[name] or 0) - summed:
                why.append(say("why_unbalanced", area=say(f"line_{name}"), left=rest))
    return why


def _untyped(found: Gathered, form: Section) -> list[str]:
    """Rows of destroyed items without any type in the form: none, as what is not typed is called unknown."""
    if not form.tables:
        return []
    return [str(row) for row in form.tables[-1].rows if not str(row[0]).strip()]


def _uneducated(found: Gathered, form: Section, say: Phrases) -> list[str]:
    """Why the education form is empty though there is contamination."""
    open_m2 = max(found.ledger.total.opening, found.ledger.total.closing)
    told = bool(found.sessions) or len(form.paragraphs) > 1 or any(table.rows for table in form.tables)
    return [] if told or not open_m2 else [say("why_no_education", m2=open_m2)]


def _small(form: Section, say: Phrases) -> list[str]:
    small = [
        cell
        for table in form.tables
        if table.caption != say("answers_caption")
        for row in table.rows
        for cell in row
        if isinstance(cell, int) and cell < LIMIT
    ]
    return [say("why_small", count=len(small))] if small else []


def _answered_otherwise(found: Gathered, answers: Answers, say: Phrases) -> list[str]:
    """Figures of the ledger that the State gives otherwise."""
    given = {str(row["line"]): int(row["m2"]) for row in answers.of("F").rows}
    return [
        say("why_answer", line=say(f"line_{line}"), given=m2, found=getattr(found.ledger.total, line))
        for line, m2 in given.items()
        if m2 != getattr(found.ledger.total, line)
    ]
