"""The treaty desk: where states stand, what falls due, what is claimed of transfers, use, contamination, munitions.

Reads   the registry of the store, else the shipped one
Gives   pages; each table as JSON and CSV; the map of states; deadlines as a calendar
Knows   which page shows which rows; `jobs.registry_rows` makes them, `treaty` knows the rules
Start   at `states`
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from threading import Lock
from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter, Request, Response

from fadeout.errors import InputRefused, Problem
from fadeout.exchange import countries, languages, registry_files
from fadeout.jobs import registry_pages, registry_rows
from fadeout.jobs.registry import CLAIM, registry_of
from fadeout.records.claims import Registry
from fadeout.treaty import obligations
from fadeout.treaty import registry as treaty
from fadeout.treaty.registry import Standing
from fadeout.treaty.state_facts import all_duties, duties_of, pace
from fadeout.web.desk import Desk
from fadeout.web.faults import Missing
from fadeout.web.permissions import Present, may

router = APIRouter(include_in_schema=False)
MONTHS, MOST_MONTHS = 24, 240  # ahead, that deadlines are shown
PICTURE = {  # an SVG has its styles in it, and nothing from elsewhere
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'",
    "cache-control": "private, max-age=3600",
}
DRAWING = Lock()  # a map takes seconds: two that ask at once wait for one


@dataclass(frozen=True)
class Asked:
    """The registry that is asked, the day it is asked of, and whether the store keeps it."""

    registry: Registry
    day: date
    today: date
    kept: bool

    @property
    def query(self) -> dict[str, str]:
        """What of the day goes into addresses: nothing for today."""
        return {} if self.day == self.today else {"as_of": self.day.isoformat()}


def asked_of(request: Request, present: Present, as_of: str = "") -> Asked:
    """The registry of the store, else the shipped one; and the day of an address, else today."""
    desk: Desk = request.app.state.desk
    viewer, today = present.viewer(), desk.clock().date()
    kept = desk.store.count(CLAIM, viewer) > 0
    day = day_of(as_of) or today
    return Asked(registry_of(desk.store if kept else None, viewer), day, today, kept)


def day_of(text: str) -> date | None:
    """A day of an address or a form, None where none is given.

    Raises
    ------
    InputRefused
        If it is no day.
    """
    if not text.strip():
        return None
    try:
        return date.fromisoformat(text.strip())
    except ValueError:
        message = f"'{text[:20]}' is no day"
        raise InputRefused([Problem("store.bad-date", message, "write it as 2026-11-25")]) from None


def whole(text: str, name: str, low: int, high: int) -> int:
    """A whole number of a form or an address.

    Raises
    ------
    InputRefused
        If it is none, or out of bounds.
    """
    if text.strip().isdecimal() and low <= int(text) <= high:
        return int(text)
    message = f"{name} is '{text[:20]}'"
    raise InputRefused([Problem("treaty.bad-number", message, f"write a whole number from {low} to {high}")])


def _page(request: Request, present: Present, template: str, asked: Asked, **values: Any) -> Response:
    desk: Desk = request.app.state.desk
    return desk.pages.page(
        request,
        template,
        present,
        asked=asked,
        day=asked.day.isoformat(),
        dated=f"?{urlencode(asked.query)}" if asked.query else "",
        files=_files(request),
        **values,
    )


def _files(request: Request) -> dict[str, str]:
    """The addresses of the table that is shown, as files."""
    query = {name: value for name, value in request.query_params.items() if name != "format"}
    return {
        format: f"{request.url.path}?{urlencode({**query, 'format': format})}" for format in ("json", "csv")
    }


def _file(format: str, name: str, day: date, rows: Sequence[Mapping[str, Any]], told: Any = None) -> Response:
    """A table as JSON (as the public pages have it) or CSV; `told` are rows of the JSON where they are others."""
    if format == "json":
        whole_ = {
            "as_of": day.isoformat(),
            "note": registry_files.UNREAD,
            "rows": rows if told is None else told,
        }
        content, media = json.dumps(whole_, ensure_ascii=False, indent=1).encode(), "application/json"
    elif format == "csv":
        content, media = registry_files.csv_rows(rows), "text/csv"
    else:
        raise Missing
    headers = {"content-disposition": f'attachment; filename="{name}.{format}"'}
    return Response(content, headers=headers, media_type=media)


def _fits(sought: str, *texts: str) -> bool:
    word = sought.strip().casefold()
    return not word or any(word in text.casefold() for text in texts)


# ---- states ----------------------------------------------------------------------------------------------------------


@router.get("/treaty")
def states(
    request: Request,
    as_of: str = "",
    status: str = "",
    q: str = "",
    format: str = "",
    present: Present = may("look"),
) -> Response:
    """All states by where they stand on a day, with counts and a map."""
    asked = asked_of(request, present, as_of)
    found = treaty.states(asked.registry, asked.day, status or None)
    rows = registry_rows.standings(one for one in found if _fits(q, one.name, one.state))
    if format:
        return _file(format, "states", asked.day, rows)
    return _page(
        request,
        present,
        "treaty.html",
        asked,
        rows=rows,
        chosen=status,
        q=q,
        counts=treaty.counts(asked.registry, asked.day),
        words=registry_pages.STATUS_WORDS,
        areas=[one for one in asked.registry.subjects.values() if one.kind != treaty.STATE],
        mapped=countries.there(),
        borders=f"{countries.BORDERS} {countries.ATTRIBUTION}.",
    )


@lru_cache(maxsize=8)
def _world(where: tuple[Standing, ...], day: date) -> str:
    return registry_pages.world(where, day).svg


@router.get("/treaty/states.svg")
def world(request: Request, as_of: str = "", present: Present = may("look")) -> Response:
    """The map of states by status on a day."""
    if not countries.there():
        raise Missing
    asked = asked_of(request, present, as_of)
    with DRAWING:
        drawn = _world(treaty.states(asked.registry, asked.day), asked.day)
    return Response(drawn, headers=PICTURE, media_type="image/svg+xml")


@router.get("/treaty/parties.svg")
def parties(request: Request, as_of: str = "", present: Present = may("look")) -> Response:
    """Parties over time, up to a day."""
    asked = asked_of(request, present, as_of)
    with DRAWING:
        drawn = registry_pages.parties(asked.registry, asked.day)
    if drawn is None:
        raise Missing
    return Response(drawn.svg, headers=PICTURE, media_type="image/svg+xml")


@router.get("/treaty/states/{code}")
def state(
    request: Request, code: str, as_of: str = "", format: str = "", present: Present = may("look")
) -> Response:
    """One state or area: where it stands, its duties, its pace, every claim with who says so."""
    asked = asked_of(request, present, as_of)
    registry, day = asked.registry, asked.day
    id = treaty.find(registry, code)
    if id is None:
        raise InputRefused([treaty.unknown_state(registry, code)])
    about = registry.subjects[id]
    is_state = about.kind == treaty.STATE
    first, others = registry_rows.on_subject(registry, id)
    if format:
        return _file(format, id, day, [*first, *others])
    return _page(
        request,
        present,
        "treaty_state.html",
        asked,
        about=about,
        where=treaty.standing(registry, id, day) if is_state else None,
        duties=duties_of(registry, id, day) if is_state else (),
        pace=pace(registry, id, day) if is_state else "",
        first=first,
        others=others,
        sources=_sources([*first, *others]),
        own_names=languages.names(id) if is_state else {},
        direction_of=languages.direction,
        unread=registry_pages.unread,
    )


def _sources(rows: Iterable[Mapping[str, Any]]) -> list[tuple[str, ...]]:
    """Who is named in rows, with title, place and date; each once."""
    names = ("reported_by", "title", "place", "dated")
    return sorted({tuple(str(row[name]) for name in names) for row in rows})


# ---- deadlines -------------------------------------------------------------------------------------------------------


@router.get("/treaty/deadlines")
def deadlines(
    request: Request,
    as_of: str = "",
    months: str = str(MONTHS),
    format: str = "",
    present: Present = may("look"),
) -> Response:
    """What falls due within some months, and what is overdue or cannot be known."""
    asked = asked_of(request, present, as_of)
    within = whole(months, "months", 1, MOST_MONTHS)
    due, apart = obligations.within(all_duties(asked.registry, asked.day), asked.day, within)
    if format:
        rows = registry_rows.due_rows(asked.registry, due, each=True)
        unknown = registry_rows.unknown_rows(asked.registry, apart)
        flat = [{**row, "why": ""} for row in rows] + unknown
        return _file(format, "deadlines", asked.day, flat, {"due": rows, "passed_or_unknown": unknown})
    return _page(
        request,
        present,
        "treaty_deadlines.html",
        asked,
        months=within,
        most=MOST_MONTHS,
        due=registry_rows.due_rows(asked.registry, due),
        apart=registry_rows.unknown_rows(asked.registry, apart),
    )


@router.get("/treaty/deadlines.ics")
def calendar(request: Request, as_of: str = "", state: str = "", present: Present = may("look")) -> Response:
    """Deadlines to come as a calendar, of one state or of all parties."""
    desk: Desk = request.app.state.desk
    asked = asked_of(request, present, as_of)
    code = treaty.find(asked.registry, state) if state else ""
    if code is None:
        raise InputRefused([treaty.unknown_state(asked.registry, state)])
    made = registry_pages.calendar(asked.registry, asked.day, desk.clock(), code)
    headers = {"content-disposition": f'attachment; filename="{code or "deadlines"}.ics"'}
    return Response(made, headers=headers, media_type="text/calendar")


# ---- what is said ----------------------------------------------------------------------------------------------------


def _claims(
    request: Request, present: Present, asked: Asked, key: str, rows: list[dict[str, Any]], q: str
) -> Response:
    """A table of claims."""
    shown = [row for row in rows if _fits(q, row["subject_name"], row["other_name"], row["said"])]
    format = request.query_params.get("format", "")
    if format:
        return _file(format, key, asked.day, shown)
    groups = {name: [row for row in shown if row.get("stands") == name] for name in registry_pages.INSIDE}
    return _page(
        request,
        present,
        "treaty_claims.html",
        asked,
        key=key,
        rows=shown,
        q=q,
        groups={registry_pages.INSIDE[name]: some for name, some in groups.items() if some},
    )


@router.get("/treaty/transfers")
def transfers(request: Request, q: str = "", present: Present = may("look")) -> Response:
    """Documented and alleged transfers."""
    asked = asked_of(request, present)
    rows = [registry_rows.claim_row(asked.registry, one) for one in treaty.transfers(asked.registry)]
    return _claims(request, present, asked, "transfers", rows, q)


@router.get("/treaty/use")
def use(request: Request, q: str = "", present: Present = may("look")) -> Response:
    """Documented and alleged use."""
    asked = asked_of(request, present)
    rows = [registry_rows.claim_row(asked.registry, one) for one in treaty.uses(asked.registry)]
    return _claims(request, present, asked, "use", rows, q)


@router.get("/treaty/contamination")
def contamination(request: Request, as_of: str = "", q: str = "", present: Present = may("look")) -> Response:
    """What is said of contamination: inside the Convention, outside it, in other areas."""
    asked = asked_of(request, present, as_of)
    rows = registry_rows.contamination(asked.registry, treaty.states(asked.registry, asked.day))
    return _claims(request, present, asked, "contamination", rows, q)


@router.get("/treaty/munitions")
def munitions(request: Request, q: str = "", format: str = "", present: Present = may("look")) -> Response:
    """Munition types by name, with what is claimed of each; nothing is ranked."""
    asked = asked_of(request, present)
    every = registry_rows.munitions(asked.registry)
    types = [one for one in every if _fits(q, one["name"], one["aliases"], one["submunition"])]
    if format:
        rows = [{"type": one["name"], **claim} for one in types for claim in one["claims"]]
        return _file(format, "munitions", asked.day, rows, types)
    return _page(request, present, "treaty_munitions.html", asked, types=types, q=q)
