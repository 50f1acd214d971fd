"""The draft of an Article 7 report from a store, for one calendar year.

Reads   a store; the State's answers and last year's draft, if given
Gives   a folder with article7.docx, .xlsx, .pdf and .json, whole or not at all
Knows   which records bear on which form; `treaty.article7` knows what the forms say
Start   at `draft`
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from fadeout.errors import InputRefused, Problem
from fadeout.exchange import document_files
from fadeout.jobs import land_release, runs
from fadeout.records import claim_files, ledger_records
from fadeout.records.access import Viewer
from fadeout.records.counts import Counts, counts
from fadeout.records.record import Record
from fadeout.records.store import Store
from fadeout.treaty import article7, article7_answers, registry
from fadeout.treaty.article7 import Report
from fadeout.treaty.article7_answers import Answers
from fadeout.treaty.article7_found import LINES, Area, Gathered, Session, coarse, year_of

NAME = "article7"
DOCUMENT = "document:"  # how an answer names a document of the store
PEOPLE = ("women", "men", "girls", "boys", "with_disability")
VICTIMS_BY = ("sex", "age_group")  # one table of people only: two could be held against each other


@dataclass(frozen=True)
class Request:
    """What is asked for."""

    year: int
    out: Path
    who: str
    state: str = ""  # the State's name; that of the programme's country if not given
    answers: Path | None = None
    last_year: Path | None = None
    lang: str = "en"
    paper: str = "a4"


def draft(store: Store, request: Request, *, now: datetime) -> Report:
    """Make the draft and write it.

    Raises
    ------
    InputRefused
        If the year is not over, the store names no country, or a file given cannot be used; nothing is written.
    """
    _refuse_year(request.year, now)
    answers = _answers(request.answers)
    before = _last_year(request.last_year, request.year - 1)
    made_at = now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    given = [path for path in (request.answers, request.last_year) if path is not None]
    with runs.folder(request.out, inputs=given) as folder:
        answers = _with_attachment(store, answers, request.who)
        report = article7.build(gather(store, request), answers, before, made_at, lang=request.lang)
        document_files.write(report.document, folder, NAME, paper=request.paper, more=report.kept)
        runs.seal(made_at, None, folder)
    return report


def _refuse_year(year: int, now: datetime) -> None:
    if year >= now.year:
        message = f"the calendar year {year} is not over"
        raise InputRefused([Problem("article7.year", message, f"report on {now.year - 1}, or wait")])
    if year < 2010:
        message = f"the Convention entered into force in 2010; {year} is before"
        raise InputRefused([Problem("article7.year", message, "give a calendar year from 2010 on")])


def _answers(path: Path | None) -> Answers:
    if path is None:
        return Answers()
    forms = article7.form_set().forms
    return article7_answers.read(_bytes(path), path.name, forms, LINES)


def _with_attachment(store: Store, answers: Answers, who: str) -> Answers:
    """Form C may name a document of the store: told are its file and digest, and who may see it; never its contents."""
    given = answers.of("C")
    if not given.filing.startswith(DOCUMENT):
        return answers
    id = given.filing.removeprefix(DOCUMENT).strip()
    found = store.get("document", id, Viewer(who, "manager"))
    if found is None:
        message = f"form C: there is no document '{id}' in the store"
        raise InputRefused([Problem("article7.answers", message, "record it, or give a link")])
    named = found.values.get("file") or found.values.get("title") or id
    words = f"{named}, SHA-256 {found.values.get('sha256')} ({found.values.get('sensitivity')})"
    return Answers({**answers.forms, "C": replace(given, filing=words)})


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        message = f"it cannot be read: {error.strerror or error}"
        raise InputRefused([Problem("article7.unreadable", message, "check the path", path.name)]) from error


def _last_year(path: Path | None, year: int) -> Mapping[str, Any] | None:
    """The values that last year's draft kept."""
    if path is None:
        return None
    file = path / f"{NAME}.json" if path.is_dir() else path
    try:
        told = json.loads(_bytes(file))
    except ValueError as error:
        message = "this is no JSON file"
        raise InputRefused(
            [Problem("article7.last-year", message, "give article7.json of last year's draft", file.name)]
        ) from error
    if not isinstance(told, dict) or told.get("schema") != article7.SCHEMA:
        message = "this is no Article 7 draft of fadeout"
        raise InputRefused(
            [Problem("article7.last-year", message, "give article7.json of last year's draft", file.name)]
        )
    if told["year"] != year:
        message = f"it is the draft on {told['year']}, not on {year}"
        raise InputRefused([Problem("article7.last-year", message, f"give the draft on {year}", file.name)])
    return told


# --- what the records say --------------------------------------------------------------------------------------------


def gather(store: Store, request: Request) -> Gathered:
    """Gather what the records of the year say, each figure with the ids behind it."""
    year, viewer = request.year, Viewer(request.who, "manager")
    start, end = date(year, 1, 1), date(year, 12, 31)
    programme = next(iter(store.page("programme", viewer, limit=1)), None)
    state = request.state or (str(programme.values.get("country", "")) if programme else "")
    if not state:
        message = "the store does not say of which State it is"
        raise InputRefused(
            [Problem("article7.no-state", message, "give --state, or record a programme with its country")]
        )
    code = registry.find(claim_files.shipped(), state)
    state = claim_files.shipped().subjects[code].name if code else state
    ledger = land_release.ledger(store, start, end, request.who)
    areas = list(store.all("hazardous_area", viewer))
    destroyed = [
        one for one in store.all("item_destroyed", viewer) if year_of(one.values.get("destroyed_on")) == year
    ]
    sessions = [
        one for one in store.all("eore_session", viewer) if year_of(one.values.get("held_on")) == year
    ]
    stamps = {str(stamp) for one in (*areas, *destroyed, *sessions) if (stamp := one.values.get("stamp"))}
    victims, unrecorded = _victims(store, request)
    return Gathered(
        state,
        str(programme.values.get("name", programme.id)) if programme else store.address,
        year,
        ledger,
        tuple(_areas(store, areas, ledger.by_area, end, viewer)),
        _by_type(destroyed),
        _by_place(sessions),
        victims,
        unrecorded,
        tuple(sorted(stamps)),
    )


def _areas(
    store: Store, areas: Iterable[Record], by_area: Mapping[str, Any], end: date, viewer: Viewer
) -> Iterable[Area]:
    """Areas that were open at the end of the year, with the state that they had then."""
    history = ((version.record, version.action) for version in store.versions("hazardous_area", viewer))
    states: dict[str, str] = {}
    for version in ledger_records.area_versions(history):
        if version.since is None or version.since <= end:
            states[version.id] = version.state
    for one in areas:
        line = by_area.get(one.id)
        if line is None or not line.closing:
            continue
        state = states.get(one.id, "suspected")
        middle = one.shape.centroid if one.shape is not None else None
        yield Area(
            one.id,
            state if state in ("suspected", "confirmed") else "suspected",
            coarse(middle.x, middle.y) if middle is not None else "",
            str(one.values.get("contamination", "")),
            str(one.values.get("opened_on", "")),
        )


def _by_type(records: Iterable[Record]) -> tuple[tuple[str, int, tuple[str, ...]], ...]:
    found: dict[str, list[Record]] = {}
    for one in records:
        found.setdefault(str(one.values.get("munition", "")).strip(), []).append(one)
    return tuple(
        (name, sum(_number(one, "count", 1) for one in some), tuple(one.id for one in some))
        for name, some in sorted(found.items(), key=lambda entry: (entry[0] == "", entry[0]))
    )


def _by_place(records: Iterable[Record]) -> tuple[Session, ...]:
    found: dict[tuple[str, str], list[Record]] = {}
    for one in records:
        place, language = (str(one.values.get(name, "")) for name in ("place_name", "language"))
        found.setdefault((place, language), []).append(one)
    return tuple(
        Session(
            place,
            language,
            tuple(sum(_number(one, name) for one in some) for name in PEOPLE),  # type: ignore[arg-type]
            tuple(one.id for one in some),
        )
        for (place, language), some in sorted(found.items())
    )


def _number(record: Record, name: str, otherwise: int = 0) -> int:
    value = record.values.get(name)
    return int(value) if isinstance(value, int | float) else otherwise


def _victims(store: Store, request: Request) -> tuple[Counts | None, bool]:
    """People hurt in accidents of the year, counted with small cells withheld, and whether accidents tell of others.

    The reading is logged.
    """
    viewer = Viewer(request.who, "victim_assistance", f"Article 7 report on {request.year}")
    accidents = {
        one.id: _number(one, "killed") + _number(one, "injured")
        for one in store.all("accident", viewer)
        if year_of(one.values.get("happened_on")) == request.year
    }
    if not accidents:
        return None, False
    people = [one for one in store.all("victim", viewer) if one.values.get("accident_id") in accidents]
    return counts(people, VICTIMS_BY) if people else None, sum(accidents.values()) > len(people)
