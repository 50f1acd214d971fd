"""The registry as pages that need no server and no script: a page for each state and area, tables, charts, files.

Reads   a `Registry` and a day
Gives   a folder of HTML, with a JSON beside every table and the registry's own files, whole or not at all
Knows   which page shows what; `treaty` knows the rules, `exchange.registry_files` the formats
Start   at `publish`

Every claim stands with who reports it; what was recalled is called unverified in words; where sources differ, the first
by the stated rule is shown and the others stand one step away.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from fadeout.errors import InputRefused, Problem
from fadeout.exchange import countries, languages, registry_files
from fadeout.jobs import charts, registry_rows, runs
from fadeout.jobs.registry_rows import claim_row, standings
from fadeout.records.claims import Claim, Registry
from fadeout.treaty import registry as treaty
from fadeout.treaty.dates import say
from fadeout.treaty.obligations import Duty
from fadeout.treaty.registry import Counts
from fadeout.treaty.state_facts import all_duties, duties_of, pace

FILES = (
    ("registry.json", "application/json"),
    ("states.geojson", "application/geo+json"),
    ("registry.jsonld", "application/ld+json"),
    ("changes.atom", "application/atom+xml"),
    ("deadlines.ics", "text/calendar"),
)
STATUS_WORDS = {
    "party": "State Party",
    "signatory": "Signatory, not a party",
    "withdrawn": "Withdrawn",
    "non_signatory": "Neither signatory nor party",
}
INSIDE = {  # where contamination is claimed
    "party": "States Parties",
    "outside": "Signatories and states outside the Convention",
    "area": "Other areas",
}
MENU = (
    ("index.html", "States"),
    ("deadlines.html", "Deadlines"),
    ("transfers.html", "Transfers"),
    ("use.html", "Use"),
    ("contamination.html", "Contamination"),
    ("munitions.html", "Munition types"),
    ("about.html", "About"),
)


@dataclass(frozen=True)
class Published:
    """What was written: pages, and states that the map has no shape for."""

    pages: int
    without_shape: tuple[str, ...]
    mapped: bool


def publish(
    registry: Registry,
    out: Path,
    now: datetime,
    *,
    changed: Iterable[tuple[Claim, datetime, str]] = (),
    authority: str = "fadeout,2026",
    as_of: date | None = None,
) -> Published:
    """Write all pages and files into a folder.

    Raises
    ------
    InputRefused
        If the folder holds other files, or a library of the extra `treaty` is missing; nothing is written.
    """
    with runs.folder(out) as folder:
        site = _Site(registry, as_of or now.date(), now, folder)
        site.files(list(changed), authority)
        site.all_pages()
        runs.seal(registry_files.moment(now), None, folder)
    return Published(site.pages, tuple(site.without), site.mapped)


def calendar(registry: Registry, today: date, made_at: datetime, state: str = "") -> bytes:
    """Deadlines to come as a calendar, of one state or of all parties.

    Clearance and stockpiles whose day is unknown or past have no entry: the calendar's description names them, with why.
    What all parties owe on one day, the yearly report, is one entry.
    """
    from fadeout.exchange.calendars import Entry, ics

    owed = {state: duties_of(registry, state, today)} if state else all_duties(registry, today)
    entries: dict[str, Entry] = {}
    for code, duties in owed.items():
        for duty in duties:
            if duty.due is None or duty.due < today or duty.state != "open":
                continue
            everybody = duty.key == "article7_yearly" and not state
            year = (
                f"-{duty.due.year}" if duty.key == "article7_yearly" else ""
            )  # a deadline that moves stays one entry
            key = f"{'all' if everybody else code}-{duty.key}{year}"
            who = "All parties" if everybody else registry.subjects[code].name
            remark = "" if everybody else duty.remark
            words = (duty.rule, f"{duty.arithmetic}.", remark, unread(duty))
            text = " ".join(part for part in words if part)
            title = f"{who}: {duty.title} (Article {duty.article})"
            entries.setdefault(key, Entry(key, duty.due, title, text, duty.warnings))
    without = [
        f"{registry.subjects[code].name}: {duty.title} (Article {duty.article}), {duty.state}: {_why(duty)}."
        for code, duties in owed.items()
        for duty in duties
        if duty.state in ("unknown", "overdue") and duty.key.startswith(("article3", "article4"))
    ]
    about = (
        "\n".join(("Without an entry, as the day is past or cannot be known:", *without)) if without else ""
    )
    return ics(entries.values(), made_at, "Convention on Cluster Munitions: deadlines", about)


def world(where: Iterable[treaty.Standing], day: date) -> charts.Chart:
    """The map of states by where they stand on a day. Ask `countries.there` first."""
    statuses = {one.state: one.status for one in where}
    note = f"{countries.BORDERS} {countries.ATTRIBUTION}."
    return charts.states_map(statuses, countries.shapes() | countries.without_code(), day, note)


def parties(registry: Registry, day: date) -> charts.Chart | None:
    """Parties over time up to a day; None before there was one."""
    history = [(one.as_of, one.party, one.in_force) for one in treaty.history(registry, day) if one.party]
    return charts.parties(history) if history else None


def shipped_changes(registry: Registry, at: datetime) -> list[tuple[Claim, datetime, str]]:
    """The claims of a registry that no store keeps: all recorded at one time."""
    return [(claim, at, "recorded") for claim in registry.claims]


def _why(duty: Duty) -> str:
    return (duty.remark or duty.arithmetic).rstrip(".")


def unread(duty: Duty) -> str:
    """What a duty rests on that was not read at its source."""
    return f"Unverified: {', '.join(duty.unverified)}." if duty.unverified else ""


class _Site:
    """One folder of pages on its way."""

    def __init__(self, registry: Registry, day: date, now: datetime, folder: Path):
        from jinja2 import Environment, PackageLoader, StrictUndefined

        self.registry, self.day, self.now, self.folder = registry, day, now, folder
        self.standings = treaty.states(registry, day)
        self.counts: Counts = treaty.counts(registry, day)
        self.owed = all_duties(registry, day)
        self.pages, self.mapped = 0, countries.there()
        self.without: list[str] = []
        self.jinja = Environment(
            loader=PackageLoader("fadeout.jobs", "templates/registry"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )

    # --- files ---------------------------------------------------------------------------------------------------

    def files(self, changed: list[tuple[Claim, datetime, str]], authority: str) -> None:
        made, registry = self.now, self.registry
        release = version("fadeout")
        tables = registry_files.csv_tables(registry)
        (self.folder / "tables").mkdir()
        for name, content in tables.items():
            (self.folder / "tables" / name).write_bytes(content)
        shapes = countries.shapes() if self.mapped else {}
        geo, self.without = registry_files.geojson(standings(self.standings), self.day, shapes)
        listed = [*FILES, *((f"tables/{name}", "text/csv") for name in tables)]
        made_files = {
            "registry.json": registry_files.as_json(registry, made, release),
            "states.geojson": geo,
            "registry.jsonld": registry_files.json_ld(registry, made, release, listed),
            "changes.atom": registry_files.atom(registry, changed, made, authority),
            "deadlines.ics": calendar(registry, self.day, made),
        }
        for name, data in made_files.items():
            (self.folder / name).write_bytes(data)

    # --- pages ---------------------------------------------------------------------------------------------------

    def all_pages(self) -> None:
        (self.folder / "states").mkdir()
        self.index()
        self.deadlines()
        self.claims("transfers", "Transfers", treaty.transfers(self.registry))
        self.claims("use", "Use", treaty.uses(self.registry))
        self.contamination()
        self.munitions()
        self.page("about.html", "about.html.j2", "About this registry", sources=self.sources())
        for subject in self.registry.subjects.values():
            self.subject(subject.id)

    def index(self) -> None:
        over_time = parties(self.registry, self.day)
        pictures = [over_time] if over_time else []
        if self.mapped:
            pictures.insert(0, world(self.standings, self.day))
        rows = standings(self.standings)
        self.table("states", rows)
        self.page(
            "index.html",
            "index.html.j2",
            "States and the Convention on Cluster Munitions",
            rows=rows,
            charts=pictures,
            areas=[one for one in self.registry.subjects.values() if one.kind != treaty.STATE],
            words=STATUS_WORDS,
        )

    def deadlines(self) -> None:
        rows = registry_rows.work_deadlines(self.registry, self.owed)
        self.table("deadlines", rows)
        self.page("deadlines.html", "deadlines.html.j2", "Deadlines for stockpiles and clearance", rows=rows)

    def claims(self, key: str, title: str, claims: Iterable[Claim]) -> None:
        rows = [claim_row(self.registry, one) for one in claims]
        self.table(key, rows)
        self.page(f"{key}.html", "claims.html.j2", title, rows=rows, key=key)

    def contamination(self) -> None:
        """Inside the Convention, outside it, and in areas that are no states: on the day that the pages are of."""
        rows = registry_rows.contamination(self.registry, self.standings)
        self.table("contamination", rows)
        groups = {key: words for key, words in INSIDE.items() if any(row["stands"] == key for row in rows)}
        self.page(
            "contamination.html",
            "claims.html.j2",
            "Contamination",
            rows=rows,
            key="contamination",
            groups=groups,
        )

    def munitions(self) -> None:
        types = registry_rows.munitions(self.registry)
        self.table("munitions", types)
        self.page("munitions.html", "munitions.html.j2", "Munition types, by name", types=types)

    def subject(self, code: str) -> None:
        registry, about = self.registry, self.registry.subjects[code]
        is_state = about.kind == treaty.STATE
        where = treaty.standing(registry, code, self.day) if is_state else None
        duties = (self.owed.get(code) or duties_of(registry, code, self.day)) if is_state else ()
        first, others = registry_rows.on_subject(registry, code)
        told = {
            "id": code,
            "name": about.name,
            "as_of": self.day.isoformat(),
            "standing": standings([where])[0] if where else None,
            "claims": [*first, *others],
        }
        (self.folder / "states" / f"{code}.json").write_text(_json(told), encoding="utf-8")
        self.page(
            f"states/{code}.html",
            "state.html.j2",
            about.name,
            about=about,
            where=where,
            duties=duties,
            claims_first=first,
            claims_others=others,
            with_other=any(row["other"] for row in first),
            names=languages.names(code) if is_state else {},
            direction=languages.direction,
            own_name=languages.own_name,
            pace=pace(registry, code, self.day) if is_state else "",
            unread=unread,
        )

    # --- what they share -----------------------------------------------------------------------------------------

    def sources(self) -> list[dict[str, Any]]:
        number: dict[str, int] = {}
        for claim in self.registry.claims:
            number[claim.source_id] = number.get(claim.source_id, 0) + 1
        rows = [{**vars(one), "claims": number.get(one.id, 0)} for one in self.registry.sources.values()]
        rows.sort(key=lambda row: (row["who"], row["dated"]))
        self.table("sources", rows)
        return rows

    def table(self, name: str, rows: list[dict[str, Any]]) -> None:
        told = {"as_of": self.day.isoformat(), "note": registry_files.UNREAD, "rows": rows}
        (self.folder / f"{name}.json").write_text(_json(told), encoding="utf-8")

    def page(self, name: str, template: str, title: str, **values: Any) -> None:
        text = self.jinja.get_template(template).render(
            title=title,
            root="../" * name.count("/"),
            menu=MENU,
            here=name,
            counts=self.counts,
            day=say(self.day),
            say=say,
            made=registry_files.moment(self.now),
            told_later=self.day != self.now.date(),
            files=[name for name, _ in FILES],
            unverified=sum(not one.verified for one in self.registry.claims),
            **values,
        )
        (self.folder / name).write_text(text + "\n", encoding="utf-8")
        self.pages += 1


def _json(told: Mapping[str, Any]) -> str:
    return json.dumps(told, ensure_ascii=False, indent=1) + "\n"


def export(registry: Registry, out: Path, format: str, now: datetime, changed: Iterable[Any] = ()) -> None:
    """Write one file of the registry: csv (a folder of tables), json, jsonld, geojson or atom.

    Raises
    ------
    InputRefused
        If the format is unknown, or what it needs is missing.
    """
    release = version("fadeout")
    if format == "csv":
        with runs.folder(out) as folder:
            for name, content in registry_files.csv_tables(registry).items():
                (folder / name).write_bytes(content)
            runs.seal(registry_files.moment(now), None, folder)
        return
    made = {
        "json": lambda: registry_files.as_json(registry, now, release),
        "jsonld": lambda: registry_files.json_ld(registry, now, release, FILES),
        "geojson": lambda: registry_files.geojson(
            standings(treaty.states(registry, now.date())), now.date(), countries.shapes()
        )[0],
        "atom": lambda: registry_files.atom(registry, list(changed), now, "fadeout,2026"),
    }
    if format not in made:
        message = f"there is no format '{format}'"
        raise InputRefused([Problem("registry.format", message, f"take one of csv, {', '.join(made)}")])
    put_file(out, made[format]())


def put_file(path: Path, content: bytes) -> None:
    """Write a file whole or not at all."""
    beside = path.with_name(f".{path.name}.part")
    try:
        beside.write_bytes(content)
        beside.replace(path)
    except OSError as error:
        message = f"{path.name} cannot be written: {error.strerror or error}"
        raise InputRefused(
            [Problem("out.not-writable", message, "name a place that you may write")]
        ) from error
    finally:
        beside.unlink(missing_ok=True)
