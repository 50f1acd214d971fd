"""The draft of a request for more time to clear, from a store.

Reads   a store and the registry
Gives   a folder with extension_request.docx, .xlsx, .pdf and .json, whole or not at all
Knows   where the area ledger of each year comes from; `treaty.extension_request` knows what a request contains
Start   at `draft`
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path

from fadeout.errors import InputRefused, Problem
from fadeout.exchange import document_files
from fadeout.exchange.documents import Picture
from fadeout.jobs import charts, land_release, runs
from fadeout.jobs.registry import registry_of
from fadeout.records.access import Viewer
from fadeout.records.ledger import Balance
from fadeout.records.store import Store
from fadeout.treaty import extension_request
from fadeout.treaty.extension_request import Basis
from fadeout.treaty.plan_fit import Fit
from fadeout.treaty.registry import find, standing, unknown_state
from fadeout.treaty.state_facts import duties_of

NAME = "extension_request"


@dataclass(frozen=True)
class Request:
    """What is asked for. `from_year` is the first year of the ledger; that of entry into force if not given."""

    months: int
    out: Path
    who: str
    state: str = ""
    from_year: int | None = None
    meeting_on: date | None = None
    paper: str = "a4"
    lang: str = "en"


@dataclass(frozen=True)
class Drafted:
    """What came of it: how the plan fits, and what is wrong with the request."""

    fit: Fit
    faults: tuple[str, ...]


def draft(store: Store, request: Request, *, now: datetime) -> Drafted:
    """Make the draft and write it.

    Raises
    ------
    InputRefused
        If the store or the command names no State Party, or the months are none.
    """
    if request.months < 1:
        message = f"{request.months} months are asked for"
        raise InputRefused([Problem("extension.months", message, "give --months, 1 to 60")])
    basis = gather(store, request, now.date())
    basis = replace(basis, pictures=_pictures(basis))
    made_at = now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    with runs.folder(request.out) as folder:
        document = extension_request.build(basis, made_at, request.lang)
        document_files.write(document, folder, NAME, paper=request.paper)
        runs.seal(made_at, None, folder)
    return Drafted(extension_request.fit_of(basis), extension_request.faults(basis))


def gather(store: Store, request: Request, today: date) -> Basis:
    """Gather the deadline from the registry and a ledger for each calendar year that is over."""
    viewer = Viewer(request.who, "manager")
    programme = next(iter(store.page("programme", viewer, limit=1)), None)
    asked = request.state or (str(programme.values.get("country", "")) if programme else "")
    registry = registry_of(None, viewer)
    code = find(registry, asked) if asked else None
    if code is None:
        raise InputRefused([unknown_state(registry, asked or "not given")])
    where = standing(registry, code, today)
    duty = next((one for one in duties_of(registry, code, today) if one.key == "article4"), None)
    if duty is None or where.in_force is None:
        message = f"{where.name} is no State Party on {today}: it has no deadline to extend"
        raise InputRefused([Problem("extension.no-party", message, "give --state of a State Party")])
    stamps = {str(stamp) for one in store.all("hazardous_area", viewer) if (stamp := one.values.get("stamp"))}
    years = range(request.from_year or where.in_force.year, today.year)
    ledgers = [(year, _ledger(store, year, request.who)) for year in years]
    return Basis(
        where.name,
        duty,
        where.in_force,
        ledgers,
        request.months,
        today,
        request.meeting_on,
        tuple(sorted(stamps)),
    )


def _ledger(store: Store, year: int, who: str) -> Balance:
    return land_release.ledger(store, date(year, 1, 1), date(year, 12, 31), who).total


def _pictures(basis: Basis) -> dict[str, tuple[Picture, ...]]:
    """What was released by year, and what is left against the deadline."""
    if not basis.ledgers or not any(line.opening or line.closing for _, line in basis.ledgers):
        return {}
    by_year = [(year, line.cancelled, line.reduced, line.cleared) for year, line in basis.ledgers]
    closings = [(year, line.closing) for year, line in basis.ledgers]
    left = charts.remaining(closings, basis.duty.due, extension_request.yearly_m2(basis))
    return {"e": (_picture(charts.releases(by_year)),), "f": (_picture(left),)}


def _picture(chart: charts.Chart) -> Picture:
    return Picture(chart.svg, chart.png, chart.title, chart.alt)
