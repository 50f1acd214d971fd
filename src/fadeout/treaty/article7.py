"""The draft of a yearly report under Article 7: forms A to J, filled as far as records go.

Reads   `Gathered`: what the records of one year say; the State's own `Answers`; last year's report
Gives   a `Document`, what was checked, and the values that next year's report is compared with
Knows   which form asks what (`article7_forms/`), what changed, and which figures must agree; nothing of stores
Start   at `build`

What the records do not hold is a gap: a question for a person, never a guess. Form C is not written here: technical
characteristics are the State's own filing. Places are told to a tenth of a degree, and no number of people below the
limit of small cells is printed.
"""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any

from fadeout.exchange.documents import Document, Section, Table
from fadeout.treaty import dates
from fadeout.treaty.article7_answers import Answers
from fadeout.treaty.article7_checks import Check, all_checks
from fadeout.treaty.article7_found import LINES, Gathered
from fadeout.treaty.article7_parts import Form
from fadeout.treaty.phrases import Phrases, labels, phrases

SCHEMA = "fadeout-article7/1"
FORM_SETS = ("2010",)
SIMULATED = "SIMULATED"


@dataclass(frozen=True)
class Report:
    """A draft: the document, the checks, and what next year's draft reads."""

    document: Document
    checks: tuple[Check, ...]
    kept: Mapping[str, Any] = field(default_factory=dict)

    @property
    def passed(self) -> bool:
        """Whether every check passed."""
        return all(one.passed for one in self.checks)


@dataclass(frozen=True)
class FormSet:
    """The forms of one version."""

    version: str
    note: Mapping[str, str]
    forms: tuple[Mapping[str, Any], ...]


def form_set(version: str = FORM_SETS[-1]) -> FormSet:
    """Give the forms of a version.

    Examples
    --------
    >>> "".join(form["key"] for form in form_set().forms)
    'ABCDEFGHIJ'
    """
    folder = files("fadeout.treaty").joinpath("article7_forms")
    table = tomllib.loads(folder.joinpath(f"{version}.toml").read_text(encoding="utf-8"))
    return FormSet(table["version"], table["note"], tuple(table["form"]))


def build(
    found: Gathered,
    answers: Answers,
    last_year: Mapping[str, Any] | None,
    made_at: str,
    *,
    lang: str = "en",
) -> Report:
    """Make the draft.

    Parameters
    ----------
    found : Gathered
        From the records.
    answers : Answers
        What the State says itself.
    last_year : mapping or None
        The `kept` part of last year's draft.
    made_at : str
        The only time in the document, ISO 8601 in UTC.
    lang : str
        A language of `phrases`.
    """
    say = phrases("article7", lang)
    forms = form_set()
    parts = [Form(form, found, answers, say).section() for form in forms.forms]
    original = [Form(form, found, answers, phrases("article7")).section() for form in forms.forms]
    states = [_status(part, answers, last_year, found.year) for part in original]
    sections = [_with_status(part, state, say) for part, state in zip(parts, states, strict=True)]
    checks = all_checks(found, sections, answers, last_year, say)
    document = Document(
        title=say("title", state=found.state),
        subtitle=say("year", year=found.year),
        made_at=made_at,
        sections=(_cover(sections, say), *sections, _checked(checks, say)),
        notes=_notes(found, forms, say),
        stamps=("DRAFT", *found.stamps),
        lang=lang,
        labels=labels(lang),
    )
    kept = {
        "schema": SCHEMA,
        "state": found.state,
        "year": found.year,
        "form_set": forms.version,
        "figures": {name: getattr(found.ledger.total, name) for name in LINES},
        "forms": {
            part.key: {"digest": digest(part), "state": state[0], "since": state[1]}
            for part, state in zip(original, states, strict=True)
        },
        "checks": [{"check": one.words, "passed": one.passed, "why": list(one.why)} for one in checks],
    }
    return Report(document, checks, kept)


# --- changed or not --------------------------------------------------------------------------------------------------


def digest(part: Section) -> str:
    """What a form says in English, as one value: its rows, words and answers; not its captions, which name the year."""
    told = [list(part.paragraphs[1:]), [list(table.rows) for table in part.tables]]
    return hashlib.sha256(json.dumps(told, ensure_ascii=False).encode()).hexdigest()


def _status(
    part: Section, answers: Answers, last_year: Mapping[str, Any] | None, year: int
) -> tuple[str, int]:
    """Not applicable, unchanged since a year, changed since last year, or the first of its kind; and since when."""
    if answers.of(part.key).not_applicable:
        return "not_applicable", year
    if last_year is None:
        return "first", year
    before = last_year["forms"].get(part.key, {})
    if before.get("digest") == digest(part) and before.get("state") != "not_applicable":
        return "unchanged", int(before["since"])
    return "changed", year


def _with_status(part: Section, status: tuple[str, int], say: Phrases) -> Section:
    state, since = status
    year = since - 1 if state == "changed" else since
    words = say(f"status_{state}", year=year)
    return Section(part.key, part.title, words, part.paragraphs, part.tables, part.gaps)


def _cover(sections: Sequence[Section], say: Phrases) -> Section:
    rows = tuple((one.title, one.status, len(one.gaps)) for one in sections)
    columns = (say("col_form"), say("col_state"), say("col_gaps"))
    return Section("cover", say("cover"), tables=(Table(say("cover_caption"), columns, rows),))


def _notes(found: Gathered, forms: FormSet, say: Phrases) -> tuple[str, ...]:
    notes = [
        say("draft_note", programme=found.programme),
        say("form_note", version=forms.version, note=forms.note[say.lang]),
        say("due_note", due=say.day(dates.yearly_report(found.year))),
    ]
    if not say.reviewed:
        notes.append(say("translation_note"))
    if any(SIMULATED in one for one in found.stamps):
        notes.append(say("simulated_note"))
    return tuple(notes)


def _checked(checks: Sequence[Check], say: Phrases) -> Section:
    rows = tuple(
        (one.words, say("passed") if one.passed else say("failed", why="; ".join(one.why))) for one in checks
    )
    columns = (say("col_check"), say("col_result"))
    return Section("checks", say("checks"), tables=(Table(say("checks_caption"), columns, rows),))
