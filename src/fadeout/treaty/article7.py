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
from datetime import date
from importlib.resources import files
from typing import Any

from fadeout.exchange.documents import Cell, Document, Section, Table
from fadeout.records.counts import LIMIT, Counts
from fadeout.records.ledger import Balance, Ledger
from fadeout.treaty import dates
from fadeout.treaty.article7_answers import Answers
from fadeout.treaty.phrases import Phrases, labels, phrases

SCHEMA = "fadeout-article7/1"
FORM_SETS = ("2010",)
LINES = (
    *("opening", "found", "reopened", "corrected_up"),
    *("cancelled", "reduced", "cleared", "corrected_down", "closing"),
)
MOVES = LINES[1:-1]
SIMULATED = "SIMULATED"


@dataclass(frozen=True)
class Area:
    """A hazardous area that was open at the end of the year; its place only to a tenth of a degree."""

    id: str
    state: str
    place: str
    types: str = ""
    since: str = ""


@dataclass(frozen=True)
class Session:
    """Risk education of a place and a language in the year: sessions and the people reached."""

    place: str
    language: str
    people: tuple[int, int, int, int, int]  # women, men, girls, boys, with a disability among them
    ids: tuple[str, ...]


@dataclass(frozen=True)
class Gathered:
    """What the records of one calendar year say."""

    state: str
    programme: str
    year: int
    ledger: Ledger
    areas: tuple[Area, ...] = ()
    destroyed: tuple[tuple[str, int, tuple[str, ...]], ...] = ()  # type ("" if not typed), number, records
    sessions: tuple[Session, ...] = ()
    victims: Counts | None = None  # by sex and age group, small cells withheld; None if nobody is recorded
    unrecorded: bool = False  # whether accidents tell of people hurt who are not recorded as persons
    stamps: tuple[str, ...] = ()  # of the records, such as SIMULATED


@dataclass(frozen=True)
class Check:
    """One check: its name in words, and why it failed, if it did."""

    words: str
    why: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether nothing was found wrong."""
        return not self.why


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
    parts = [_Form(form, found, answers, say).section() for form in forms.forms]
    original = [_Form(form, found, answers, phrases("article7")).section() for form in forms.forms]
    states = [_status(part, answers, last_year, found.year) for part in original]
    sections = [_with_status(part, state, say) for part, state in zip(parts, states, strict=True)]
    checks = _checks(found, sections, answers, last_year, say)
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


# --- the forms -------------------------------------------------------------------------------------------------------


@dataclass
class _Form:
    """One form on its way: its words, what the records say, what the State answers."""

    form: Mapping[str, Any]
    found: Gathered
    answers: Answers
    say: Phrases

    def section(self) -> Section:
        key = self.form["key"]
        tables: list[Table] = []
        words: list[str] = []
        gaps: list[str] = []
        make = {"C": self.filing, "F": self.areas, "G": self.education, "H": self.victims}.get(key)
        given = self.answers.of(key)
        if make is not None:
            make(tables, words, gaps)
        elif not given.text and not given.rows:
            gaps.append(self.say("answer_gap", key=key))
        if given.rows and key != "F":
            columns = tuple(self.form["columns"])
            rows = tuple(tuple(row.get(name, "") for name in columns) for row in given.rows)
            tables.append(Table(self.say("answers_caption"), columns, rows))
        if given.text:
            words.append(given.text)
            gaps = []
        asks = self.form["asks"][self.say.lang]
        if self.form["letters"]:
            asks = self.say("cell_asks", letters=self.form["letters"], asks=asks)
        elif "article" in self.form:
            asks = f"{self.form['article'][self.say.lang]}: {asks}"
        if given.not_applicable:
            tables, words, gaps = [], [], []
        return Section(key, self.form["title"][self.say.lang], "", (asks, *words), tuple(tables), tuple(gaps))

    def filing(self, tables: list[Table], words: list[str], gaps: list[str]) -> None:
        words.append(self.say("filing_note"))
        filing = self.answers.of("C").filing
        if filing:
            words.append(self.say("filing", filing=filing))
        else:
            gaps.append(self.say("filing_gap"))

    def areas(self, tables: list[Table], words: list[str], gaps: list[str]) -> None:
        say, found = self.say, self.found
        if not found.ledger.by_area:
            gaps.append(say("no_area"))
            return
        words.append(say("ledger_method", method=_sentence(found.ledger.method)))
        tables.append(ledger_table(found, say))
        columns = (say("col_area"), *(say(f"short_{name}") for name in LINES))
        by_area = sorted(entry for entry in found.ledger.by_area.items() if moved(entry[1]))
        tables.append(
            Table(
                say("areas_by_caption"),
                columns,
                tuple((id, *(getattr(line, name) for name in LINES)) for id, line in by_area),
                tuple((id,) for id, _ in by_area),
            )
        )
        names = ("col_area", "col_kind", "col_place", "col_types", "col_since")
        tables.append(
            Table(
                say("areas_caption", year=found.year),
                (*(say(name) for name in names), say("col_m2")),
                tuple(
                    (
                        one.id,
                        say(one.state),
                        one.place,
                        one.types or say("unknown"),
                        one.since,
                        found.ledger.by_area[one.id].closing,
                    )
                    for one in found.areas
                ),
                tuple((one.id,) for one in found.areas),
            )
        )
        total = sum(number for _, number, _ in found.destroyed)
        rows: list[tuple[Cell, ...]] = [
            (type_ or say("unknown"), number) for type_, number, _ in found.destroyed
        ]
        if rows:
            rows.append((say("total"), total))
        tables.append(
            Table(
                say("destroyed_caption", year=found.year),
                (say("col_type"), say("col_count")),
                tuple(rows),
                tuple(ids for _, _, ids in found.destroyed),
            )
        )
        gaps += [say("use_gap"), say("plan_gap")]

    def education(self, tables: list[Table], words: list[str], gaps: list[str]) -> None:
        say = self.say
        names = ("place", "language", "sessions", "women", "men", "girls", "boys", "disability")
        tables.append(
            Table(
                say("sessions_caption", year=self.found.year),
                tuple(say(f"col_{name}") for name in names),
                tuple((one.place, one.language, len(one.ids), *one.people) for one in self.found.sessions),
                tuple(one.ids for one in self.found.sessions),
            )
        )
        gaps.append(say("warning_gap"))

    def victims(self, tables: list[Table], words: list[str], gaps: list[str]) -> None:
        say, counted = self.say, self.found.victims
        if counted is None:
            words.append(say("victims_none"))
        elif all(number is None for number in counted.cells.values()):
            words.append(say("victims_withheld", limit=LIMIT))
        else:
            rows = tuple((*cell, number) for cell, number in counted.cells.items())
            columns = (say("col_sex"), say("col_age"), say("col_count"))
            tables.append(Table(say("victims_caption", year=self.found.year), columns, rows))
            words.append(counted.words)
        gaps += [say("answer_gap", key="H"), say("disability_gap")]
        if self.found.unrecorded:
            gaps.append(say("victims_unrecorded"))


def ledger_table(found: Gathered, say: Phrases) -> Table:
    """The area ledger of the year, a row a line, with the areas and releases behind it."""
    total = found.ledger.total
    rows = tuple((say(f"line_{name}"), getattr(total, name)) for name in LINES)
    behind = []
    for name in LINES:
        areas = [id for id, line in found.ledger.by_area.items() if getattr(line, name)]
        releases = [row.id for row in found.ledger.releases if row.action == name]
        behind.append(tuple(sorted(areas) + sorted(releases)))
    caption = say("ledger_caption", year=found.year)
    return Table(caption, (say("col_line"), say("col_m2")), rows, tuple(behind))


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


# --- checks ----------------------------------------------------------------------------------------------------------


def _checks(
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


def moved(line: Balance) -> bool:
    """Whether anything changed in an area in the year."""
    return any(getattr(line, name) for name in MOVES)


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


def _checked(checks: Sequence[Check], say: Phrases) -> Section:
    rows = tuple(
        (one.words, say("passed") if one.passed else say("failed", why="; ".join(one.why))) for one in checks
    )
    columns = (say("col_check"), say("col_result"))
    return Section("checks", say("checks"), tables=(Table(say("checks_caption"), columns, rows),))


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


def coarse(lon: float, lat: float) -> str:
    """A place to a tenth of a degree, about 11 km.

    Examples
    --------
    >>> coarse(107.0512, 16.8025), coarse(-70.04, -33.4)
    ('16.8° N, 107.1° E', '33.4° S, 70.0° W')
    """
    return f"{abs(lat):.1f}° {'N' if lat >= 0 else 'S'}, {abs(lon):.1f}° {'E' if lon >= 0 else 'W'}"


def year_of(text: object) -> int | None:
    """The year of a date as records hold it."""
    try:
        return date.fromisoformat(str(text)).year
    except ValueError:
        return None
