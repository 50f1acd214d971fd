"""Drafts of the Article 7 report and of the request for more time: made, listed, read form by form, downloaded.

Reads   forms; folders of drafts
Gives   drafts in folders of the server; pages and files of them
Knows   what is asked of whoever drafts; `jobs.article7` and `jobs.extension_request` make the drafts
Start   at `article7`

A draft leaves out what a person must answer: that stands first on its page, and is counted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import FileResponse, RedirectResponse

from fadeout.errors import InputRefused, Problem
from fadeout.exchange.documents import PAPERS
from fadeout.jobs import article7 as article7_job
from fadeout.jobs import drafts, extension_request
from fadeout.jobs.drafts import Draft
from fadeout.records.claim_files import shipped
from fadeout.records.claims import Registry
from fadeout.treaty import registry as treaty
from fadeout.treaty.article7_found import LINES
from fadeout.treaty.phrases import LANGUAGES
from fadeout.web.desk import Desk
from fadeout.web.faults import Missing
from fadeout.web.permissions import Fields, Present, may
from fadeout.web.treaty_pages import day_of, whole

router = APIRouter(include_in_schema=False)
MOST_YEARS = 2200
MOST_ANSWERS = 200_000  # letters
MEDIA = {
    ".docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ".pdf": "application/pdf",
    ".json": "application/json",
}


@dataclass(frozen=True)
class Sort:
    """A sort of draft: its place in addresses and on disk, the name of its files, the pages of its list."""

    place: str
    name: str
    template: str


ARTICLE7 = Sort("article7", article7_job.NAME, "treaty_article7.html")
EXTENSION = Sort("extension", extension_request.NAME, "treaty_extension.html")
Make = Callable[[Desk, Present, Mapping[str, str]], Path]


# ---- Article 7 -------------------------------------------------------------------------------------------------------


@router.get("/treaty/article7")
def article7(request: Request, again: str = "", present: Present = may("look")) -> Response:
    """The drafts that were made, and a form for the next; `again` begins with the answers of an earlier one."""
    typed: dict[str, str] = {}
    if again and present.may("draft"):
        desk: Desk = request.app.state.desk
        before = drafts.find(desk.place(ARTICLE7.place), ARTICLE7.name, again)
        told = before.told
        typed = {"year": str(told["year"]), "state": str(told.get("state", "")), "lang": str(told["lang"])}
        typed["answers"] = before.answers
    return _list(request, present, ARTICLE7, typed)


@router.post("/treaty/article7")
def draft_article7(request: Request, fields: Fields, present: Present = may("draft")) -> Response:
    """Make a draft of the report on a calendar year."""
    return _drafted(request, present, ARTICLE7, fields, _article7)


def _article7(desk: Desk, present: Present, fields: Mapping[str, str]) -> Path:
    now = desk.clock()
    year = whole(fields.get("year", ""), "year", 2010, MOST_YEARS)
    root = desk.place(ARTICLE7.place)
    state = _state(desk, present, fields)
    made_at = f"{now:%Y-%m-%dT%H:%M:%SZ}"
    before = drafts.before(drafts.listed(root, ARTICLE7.name), year, state, made_at)
    answers = fields.get("answers", "").strip()
    if len(answers) > MOST_ANSWERS:
        message = f"the answers have {len(answers)} letters"
        raise InputRefused(
            [
                Problem(
                    "article7.answers", message, f"write no more than {MOST_ANSWERS}, or use fadeout article7"
                )
            ]
        )
    out = drafts.new_place(root, year, now)
    with TemporaryDirectory() as folder:
        given = Path(folder) / drafts.ANSWERS
        given.write_text(answers, encoding="utf-8")
        asked = article7_job.Request(
            year,
            out,
            present.name,
            state,
            given if answers else None,
            before.folder if before else None,
            fields.get("lang", "en"),
            _paper(fields),
        )
        article7_job.draft(desk.store, asked, now=now)
    if answers:
        (out / drafts.ANSWERS).write_text(answers, encoding="utf-8")
    return out


@router.get("/treaty/article7/{id}")
def article7_draft(request: Request, id: str, present: Present = may("look")) -> Response:
    """One draft: what is still to be answered, then form by form."""
    desk: Desk = request.app.state.desk
    root = desk.place(ARTICLE7.place)
    found = drafts.find(root, ARTICLE7.name, id)
    told = found.told
    before = drafts.before(
        drafts.listed(root, ARTICLE7.name),
        int(told["year"]),
        str(told.get("state", "")),
        str(told["made_at"]),
    )
    return _draft(request, present, ARTICLE7, found, before=before, lines=_compared(found, before))


def _compared(draft: Draft, before: Draft | None) -> list[tuple[str, int, int]]:
    """Lines of the area ledger of both years, m²: (line, the year before, this year)."""
    if before is None:
        return []
    old, new = before.told["figures"], draft.told["figures"]
    return [(name, int(old[name]), int(new[name])) for name in LINES]


@router.get("/treaty/article7/{id}/{name}")
def article7_file(request: Request, id: str, name: str, present: Present = may("look")) -> Response:
    """A file of a draft."""
    return _file(request, ARTICLE7, id, name)


# ---- the request for more time ---------------------------------------------------------------------------------------


@router.get("/treaty/extension")
def extension(request: Request, present: Present = may("look")) -> Response:
    """The requests that were drafted, and a form for the next."""
    return _list(request, present, EXTENSION, {})


@router.post("/treaty/extension")
def draft_extension(request: Request, fields: Fields, present: Present = may("draft")) -> Response:
    """Make a draft of a request for more time to clear."""
    return _drafted(request, present, EXTENSION, fields, _extension)


def _extension(desk: Desk, present: Present, fields: Mapping[str, str]) -> Path:
    now = desk.clock()
    months = whole(fields.get("months", ""), "months", 1, 600)
    first = fields.get("from_year", "").strip()
    out = drafts.new_place(desk.place(EXTENSION.place), months, now)
    asked = extension_request.Request(
        months,
        out,
        present.name,
        _state(desk, present, fields),
        whole(first, "first year", 2010, MOST_YEARS) if first else None,
        day_of(fields.get("meeting", "")),
        _paper(fields),
        fields.get("lang", "en"),
    )
    extension_request.draft(desk.store, asked, now=now)
    return out


@router.get("/treaty/extension/{id}")
def extension_draft(request: Request, id: str, present: Present = may("look")) -> Response:
    """One drafted request: what is still to be answered, then content by content."""
    desk: Desk = request.app.state.desk
    found = drafts.find(desk.place(EXTENSION.place), EXTENSION.name, id)
    return _draft(request, present, EXTENSION, found, before=None, lines=[])


@router.get("/treaty/extension/{id}/{name}")
def extension_file(request: Request, id: str, name: str, present: Present = may("look")) -> Response:
    """A file of a drafted request."""
    return _file(request, EXTENSION, id, name)


# ---- what they share -------------------------------------------------------------------------------------------------


def _drafted(request: Request, present: Present, sort: Sort, fields: dict[str, str], make: Make) -> Response:
    try:
        out = make(request.app.state.desk, present, fields)
    except InputRefused as refused:
        return _list(request, present, sort, fields, refused.problems)
    return RedirectResponse(f"/treaty/{sort.place}/{out.name}", 303)


def _list(
    request: Request,
    present: Present,
    sort: Sort,
    typed: Mapping[str, str],
    problems: tuple[Problem, ...] = (),
) -> Response:
    desk: Desk = request.app.state.desk
    today = desk.clock().date()
    programme = next(iter(desk.store.page("programme", present.viewer(), limit=1)), None)
    country = str(programme.values.get("country") or "") if programme else ""
    defaults = {"year": str(today.year - 1), "state": country, "lang": "en", "paper": "a4", "answers": ""}
    defaults |= {"months": "", "meeting": "", "from_year": ""}
    return desk.pages.page(
        request,
        sort.template,
        present,
        422 if problems else 200,
        drafts=drafts.listed(desk.place(sort.place), sort.name),
        typed={**defaults, **typed},
        states=treaty.states(_registry(), today),
        document_languages=LANGUAGES,
        papers=list(PAPERS),
        problems=problems,
        dated="",
    )


def _draft(request: Request, present: Present, sort: Sort, draft: Draft, **values: Any) -> Response:
    desk: Desk = request.app.state.desk
    return desk.pages.page(
        request,
        "treaty_draft.html",
        present,
        sort=sort,
        draft=draft,
        kinds=drafts.kinds_of(desk.store, draft.ids),
        dated="",
        **values,
    )


def _file(request: Request, sort: Sort, id: str, name: str) -> Response:
    desk: Desk = request.app.state.desk
    found = drafts.find(desk.place(sort.place), sort.name, id)
    if name not in found.files:
        raise Missing
    path = found.folder / name
    return FileResponse(path, media_type=MEDIA[path.suffix], filename=f"{sort.place}-{id}{path.suffix}")


def _registry() -> Registry:
    """States and their names, which the store's registry shares with the shipped one."""
    return shipped()


def _state(desk: Desk, present: Present, fields: Mapping[str, str]) -> str:
    """The State's name as the drafts write it, by what was typed, else by the programme's country.

    Raises
    ------
    InputRefused
        If what was typed is no state.
    """
    typed = fields.get("state", "").strip()
    if not typed:
        programme = next(iter(desk.store.page("programme", present.viewer(), limit=1)), None)
        typed = str(programme.values.get("country") or "") if programme else ""
    if not typed:
        return ""  # the job says what to do
    code = treaty.find(_registry(), typed)
    if code is None:
        raise InputRefused([treaty.unknown_state(_registry(), typed)])
    return _registry().subjects[code].name


def _paper(fields: Mapping[str, str]) -> str:
    paper = fields.get("paper", "a4")
    if paper not in PAPERS:
        raise InputRefused(
            [Problem("treaty.bad-paper", f"there is no paper '{paper[:20]}'", f"take {' or '.join(PAPERS)}")]
        )
    return paper
