"""The commands of the public registry: states, deadlines, transfers, use, munition types, its check and its calendar.

Reads   the command line
Gives   tables on stdout (JSON with --json), files, an exit code
Knows   nothing of rules; heavy imports stand inside the commands
Start   at `state`
"""

from __future__ import annotations

import re
import sys
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fadeout.cli.options import examples, now, person
from fadeout.cli.store_options import AsJson, DryRun, Who, Why, opened, print_json, print_table

if TYPE_CHECKING:
    from fadeout.records.claims import Claim, Registry
    from fadeout.treaty.obligations import Duty

app = typer.Typer()
registry_app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="The public registry of the Convention on Cluster Munitions: every statement a claim with its source.",
)
app.add_typer(registry_app, name="registry")

Kept = Annotated[
    str,
    typer.Option(
        "--store",
        envvar="FADEOUT_STORE",
        metavar="STORE",
        help="Ask the registry that a store keeps; the shipped one if not given.",
    ),
]
AsOf = Annotated[
    str | None, typer.Option("--as-of", metavar="DATE", help="As it stood on a day; today if not given.")
]
State = Annotated[str, typer.Argument(metavar="STATE", help="A state: its code, such as LAO, or its name.")]
WORDS = {
    "party": "State Party",
    "signatory": "signatory",
    "withdrawn": "withdrawn",
    "non_signatory": "non-signatory",
}
UNREAD = "Rows marked unverified rest on what was recalled, not read at a source."


@registry_app.command(
    "state",
    epilog=examples("fadeout registry state LAO", "fadeout registry state 'Viet Nam' --json"),
    short_help="What is claimed of one state, and what the Convention asks of it.",
)
def state(name: State, as_of: AsOf = None, store: Kept = "", as_json: AsJson = False) -> None:
    """Tell where a state stands, what the Convention asks of it and by when, and every claim with its source.

    Where sources differ, the first by the stated rule stands first and the others below it, marked "differs".
    """
    from fadeout.errors import InputRefused
    from fadeout.treaty import registry as treaty
    from fadeout.treaty.dates import say
    from fadeout.treaty.state_facts import duties_of, pace

    registry, day = _registry(store), _day(as_of)
    code = treaty.find(registry, name)
    if code is None:
        raise InputRefused([treaty.unknown_state(registry, name)])
    subject = registry.subjects[code]
    claims = _claims_on(registry, code)
    if subject.kind != "state":
        if as_json:
            print_json({"area": code, "name": subject.name, "note": subject.note, "claims": claims})
        else:
            print(f"{subject.name}: an area, not a state. {subject.note}")
            print_table(_short_claims(claims), "Nothing is claimed of it.")
        return
    where = treaty.standing(registry, code, day)
    duties = duties_of(registry, code, day)
    if as_json:
        standing = {**{k: _plain(v) for k, v in vars(where).items()}, "bound": where.bound}
        told = {"standing": standing, "duties": [_duty(code, one) for one in duties]}
        print_json({**told, "pace": pace(registry, code, day), "claims": claims})
        return
    print(f"{where.name}, as of {say(day)}: {where.in_words}.\n")
    for one in duties:
        due = say(one.due) if one.due else "no day"
        print(f"{one.title} (Article {one.article}): {one.state}, {due}")
        for line in (one.rule, one.arithmetic, one.remark, _warned(one, day), _unread(one)):
            if line:
                print(f"    {line}")
    print(f"{said}\n" if (said := pace(registry, code, day)) else "")
    print_table(_short_claims(claims), "Nothing is claimed of it.")


@registry_app.command(
    "states",
    epilog=examples("fadeout registry states --as-of 2024-06-01 --status party"),
    short_help="List states by where they stand on a day.",
)
def states(
    as_of: AsOf = None,
    status: Annotated[
        str | None,
        typer.Option("--status", metavar="STATUS", help="party, signatory, withdrawn or non_signatory."),
    ] = None,
    store: Kept = "",
    as_json: AsJson = False,
) -> None:
    """List states, and count them: by deposit, those in force apart. A count is always as of a day."""
    from fadeout.treaty import registry as treaty
    from fadeout.treaty.dates import say

    registry, day = _registry(store), _day(as_of)
    found = treaty.states(registry, day, status)
    count = treaty.counts(registry, day)
    rows = [
        {
            "state": one.state,
            "name": one.name,
            "status": one.status,
            "signature": _plain(one.signature),
            "deposit": _plain(one.deposit),
            "in_force": _plain(one.in_force),
            "left_on": _plain(one.left_on),
            "unverified": ", ".join(one.unverified),
        }
        for one in found
    ]
    if as_json:
        print_json({"counts": {k: _plain(v) for k, v in vars(count).items()}, "states": rows})
        return
    print_table(rows, "No state stands so on that day.")
    print(
        f"As of {say(day)}, by deposit: {count.party} parties ({count.in_force} of them in force), "
        f"{count.signatory} signatories that are not parties, {count.withdrawn} withdrawn, "
        f"{count.non_signatory} neither.",
        file=sys.stderr,
    )


@registry_app.command(
    "deadlines",
    epilog=examples(
        "fadeout registry deadlines --within 18m", "fadeout registry deadlines --state LAO --json"
    ),
    short_help="Deadlines that fall due, and those whose day nobody can know.",
)
def deadlines(
    within: Annotated[
        str, typer.Option("--within", metavar="TIME", help="How far ahead: 18m, or 2y.")
    ] = "18m",
    state: Annotated[str, typer.Option("--state", metavar="STATE", help="Of one state alone.")] = "",
    as_of: AsOf = None,
    store: Kept = "",
    as_json: AsJson = False,
) -> None:
    """List what falls due, in order of days; without --state or --json, yearly reports of all parties are one row.

    Deadlines that have passed or cannot be known are listed apart, with why.
    """
    from fadeout.treaty import obligations
    from fadeout.treaty.dates import say

    registry, day = _registry(store), _day(as_of)
    due, apart = obligations.within(_duties(registry, state, day), day, _months(within))
    if as_json:
        told = {"due": [_duty(s, d) for s, d in due], "passed_or_unknown": [_duty(s, d) for s, d in apart]}
        print_json({"as_of": day.isoformat(), **told})
        return
    print_table(_gathered(registry, due, bool(state)), f"Nothing falls due within {within} of {say(day)}.")
    rows = [
        {
            "state": s,
            "duty": d.title,
            "article": d.article,
            "day": _plain(d.due),
            "stands": d.state,
            "why": d.remark or d.arithmetic,
        }
        for s, d in apart
    ]
    if rows:
        print("\nPassed, or the day cannot be known:")
        print_table(rows, "")


@registry_app.command("transfers", epilog=examples("fadeout registry transfers --json"))
def transfers(store: Kept = "", as_json: AsJson = False) -> None:
    """List documented and alleged transfers, each as reported by whom."""
    from fadeout.treaty import registry as treaty

    registry = _registry(store)
    _print_claims(
        registry, treaty.transfers(registry), {"subject": "from", "other": "to", "value": "what"}, as_json
    )


@registry_app.command("use", epilog=examples("fadeout registry use --state UKR"))
def use(
    state: Annotated[
        str, typer.Option("--state", metavar="STATE", help="On the territory of one alone.")
    ] = "",
    store: Kept = "",
    as_json: AsJson = False,
) -> None:
    """List documented and alleged use, each as reported by whom, with how sure that is."""
    from fadeout.treaty import registry as treaty

    registry = _registry(store)
    place = _code(registry, state) if state else ""
    names = {"subject": "where", "other": "reported_of", "value": "what"}
    _print_claims(registry, treaty.uses(registry, place), names, as_json)


@registry_app.command("contamination", epilog=examples("fadeout registry contamination"))
def contamination(store: Kept = "", as_json: AsJson = False) -> None:
    """List what is said of contaminated states and areas, inside and outside the Convention."""
    from fadeout.treaty import registry as treaty

    registry = _registry(store)
    claims = tuple(one for said in treaty.contamination(registry).values() for one in said)
    _print_claims(registry, claims, {"subject": "where", "value": "km2_or_words"}, as_json)


@registry_app.command("munitions", epilog=examples("fadeout registry munitions --json"))
def munitions(store: Kept = "", as_json: AsJson = False) -> None:
    """List munition types by name, with published counts and failures as claims; nothing is ranked.

    The last column says what the engine makes of them: a wide range of items that one carrier may leave.
    """
    from fadeout.records.munition_items import items_of, types_of
    from fadeout.treaty import registry as treaty

    registry = _registry(store)
    types = types_of(registry)
    if as_json:
        rows = [
            {
                "id": key,
                "name": types[key].name,
                "aliases": types[key].aliases,
                "submunition": types[key].submunition,
                "items_of_one_carrier": vars(items) if (items := items_of(types[key])) else None,
                "failure_range_used": types[key].rate,
                "claims": list(treaty.in_rows(registry, claims)),
            }
            for key, claims in treaty.munitions(registry).items()
        ]
        print_json(rows)
        return
    rows = [
        {
            "id": key,
            "name": types[key].name,
            "carried": ""
            if (count := types[key].carried) is None
            else f"{count[0]}"
            if count[0] == count[1]
            else f"{count[0]} to {count[1]}",
            "published failures": "; ".join(
                f"{one.value} ({one.kind}{'' if one.verified else ', unverified'})"
                for one in claims
                if one.property == "failure_rate"
            ),
            "used by the estimate": types[key].in_words,
        }
        for key, claims in treaty.munitions(registry).items()
    ]
    print_table(rows, "The registry holds no munition types.")
    print(f"Shares of submunitions, by kind of claim. {UNREAD}", file=sys.stderr)


@registry_app.command(
    "check", epilog=examples("fadeout registry check", "fadeout registry check my-registry/")
)
def check(
    folder: Annotated[
        Path | None, typer.Argument(metavar="FOLDER", help="Registry tables; the shipped ones if not given.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Check the tables of a registry: every fault of every row, with the file and the row."""
    from fadeout.jobs import registry as job

    found = job.check(folder)
    unread = sum(not one.verified for one in found.claims)
    if as_json:
        print_json({"claims": len(found.claims), "unverified": unread, "sources": len(found.sources)})
        return
    print(
        f"{len(found.claims)} claims of {len(found.sources)} sources on {len(found.subjects)} states and areas and "
        f"{len(found.munitions)} munition types: all sound. {unread} of the claims are unverified."
    )


@registry_app.command(
    "load",
    epilog=examples(
        "fadeout registry load --store north.gpkg", "fadeout registry load my-claims/ --store north.gpkg"
    ),
    short_help="Put the registry into a store, where claims are edited as versions.",
)
def load(
    store: Annotated[
        str,
        typer.Option("--store", envvar="FADEOUT_STORE", metavar="STORE", help="The store to put it into."),
    ],
    paths: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[PATH]...", help="Folders or tables; the shipped ones if not given."),
    ] = None,
    who: Who = "",
    why: Why = "",
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Put claims and their sources into a store as one change, all of them or none; run again, nothing changes.

    What the store holds and the tables do not name stays as it is. Then use --store with the other commands, and
    history, undo and records show with the kinds claim and claim_source.
    """
    from fadeout.jobs import registry as job
    from fadeout.records.access import Viewer

    put = job.load(opened(store), paths or (), Viewer(person(who), "manager"), why=why, dry_run=dry_run)
    rows = [
        {"kind": kind, "new": one.new, "changed": one.changed, "same": one.same} for kind, one in put.items()
    ]
    if as_json:
        print_json(rows)
        return
    print_table(rows, "")
    if dry_run:
        print("Nothing was stored: --dry-run.", file=sys.stderr)


@registry_app.command(
    "publish",
    epilog=examples(
        "fadeout registry publish --out registry-site",
        "fadeout registry publish --store north.gpkg --out site",
    ),
    short_help="Write the registry as pages that need no server: a page for each state, maps, files, a feed.",
)
def publish(
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder for the pages.")],
    as_of: AsOf = None,
    authority: Annotated[
        str,
        typer.Option(
            "--authority",
            metavar="NAME,YEAR",
            help="Begins the ids of the feed: a name that you own, and since when.",
        ),
    ] = "fadeout,2026",
    store: Kept = "",
    as_json: AsJson = False,
) -> None:
    """Write pages and files that work offline: open index.html. Needs ./run extras; without npm there is no map."""
    from fadeout.jobs import registry_pages as job

    registry, now_ = _registry(store), now()
    made = job.publish(
        registry, out, now_, changed=_changes(registry, store, now_), authority=authority, as_of=_day(as_of)
    )
    if as_json:
        print_json({"pages": made.pages, "without_shape": made.without_shape, "mapped": made.mapped})
        return
    print(f"{made.pages} pages in {out}: open {out / 'index.html'}.")
    if not made.mapped:
        print(
            "There is no map: shapes of countries are not installed (./run extras, with npm).",
            file=sys.stderr,
        )
    elif made.without_shape:
        print(f"Without a shape at this scale: {', '.join(made.without_shape)}.", file=sys.stderr)


@registry_app.command(
    "export",
    epilog=examples("fadeout registry export registry.json", "fadeout registry export tables --format csv"),
)
def export(
    out: Annotated[Path, typer.Argument(metavar="FILE", help="File to write; a folder for csv.")],
    format: Annotated[
        str,
        typer.Option(
            "--format", metavar="FORMAT", help="csv, json, jsonld, geojson or atom; by the name if not given."
        ),
    ] = "",
    store: Kept = "",
) -> None:
    """Write the registry as CSV tables, JSON, JSON-LD (schema.org), GeoJSON with country shapes, or an Atom feed."""
    from fadeout.jobs import registry_pages as job

    registry, now_ = _registry(store), now()
    job.export(
        registry, out, format or out.suffix.lstrip(".") or "csv", now_, _changes(registry, store, now_)
    )
    print(f"{len(registry.claims)} claims in {out}.")


@registry_app.command(
    "calendar",
    epilog=examples(
        "fadeout registry calendar deadlines.ics", "fadeout registry calendar lao.ics --state LAO"
    ),
)
def calendar(
    out: Annotated[Path, typer.Argument(metavar="FILE", help="The .ics file to write.")],
    state: Annotated[str, typer.Option("--state", metavar="STATE", help="Of one state alone.")] = "",
    as_of: AsOf = None,
    store: Kept = "",
) -> None:
    """Write deadlines to come as a calendar (ICS): how each is worked out, and reminders 18, 12 and 9 months ahead."""
    from fadeout.jobs import registry_pages as job

    registry = _registry(store)
    made = job.calendar(registry, _day(as_of), now(), _code(registry, state) if state else "")
    job.put_file(out, made)
    print(f"{made.count(b'BEGIN:VEVENT')} deadlines in {out}.")


# --- what they share -------------------------------------------------------------------------------------------------


def _registry(store: str) -> Registry:
    from fadeout.jobs import registry as job
    from fadeout.records.access import Viewer

    return job.registry_of(opened(store) if store else None, Viewer(person(), "public"))


def _changes(registry: Registry, store: str, at: datetime) -> list[tuple[Claim, datetime, str]]:
    """The changes that a feed tells: of a store, every version; of the shipped registry, that it was recorded."""
    from fadeout.jobs import registry as job
    from fadeout.jobs import registry_pages
    from fadeout.records.access import Viewer

    if store:
        return job.changes_of(opened(store), Viewer(person(), "public"))
    return registry_pages.shipped_changes(registry, at)


def _day(text: str | None) -> date:
    if not text:
        return now().date()  # type: ignore[no-any-return]
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"'{text}' is no day such as 2024-06-01", param_hint="--as-of") from None


def _months(text: str) -> int:
    found = re.fullmatch(r"(\d{1,3})\s*([my])", text.strip().lower())
    if found is None:
        raise typer.BadParameter(f"'{text}' is no time such as 18m or 2y", param_hint="--within")
    return int(found[1]) * (12 if found[2] == "y" else 1)


def _code(registry: Registry, name: str) -> str:
    from fadeout.errors import InputRefused
    from fadeout.treaty import registry as treaty

    code = treaty.find(registry, name)
    if code is None:
        raise InputRefused([treaty.unknown_state(registry, name)])
    return code


def _duties(registry: Registry, state: str, day: date) -> dict[str, tuple[Duty, ...]]:
    from fadeout.treaty.state_facts import all_duties, duties_of

    if not state:
        return all_duties(registry, day)
    code = _code(registry, state)
    return {code: duties_of(registry, code, day)}


def _gathered(registry: Registry, due: list[tuple[str, Duty]], each: bool) -> list[dict[str, Any]]:
    """Rows of deadlines; what all parties owe on one day is one row."""
    rows: list[dict[str, Any]] = []
    yearly = [(state, duty) for state, duty in due if duty.key == "article7_yearly"]
    shown: set[date] = set()
    for state, duty in due:
        where = f"{state} {registry.subjects[state].name}"
        if duty.key == "article7_yearly" and not each and duty.due is not None:
            if duty.due in shown:
                continue
            shown.add(duty.due)
            where = f"{sum(one.due == duty.due for _, one in yearly)} parties"
        rows.append(
            {
                "day": _plain(duty.due),
                "state": where,
                "duty": duty.title,
                "article": duty.article,
                "how": duty.arithmetic,
                "unverified": ", ".join(duty.unverified),
            }
        )
    return rows


def _claims_on(registry: Registry, subject: str) -> list[dict[str, Any]]:
    """All claims on a subject, and those in which it is the other party; dissent marked."""
    from fadeout.records.claims import PROPERTIES
    from fadeout.treaty import registry as treaty

    found: list[dict[str, Any]] = []
    for name, about in PROPERTIES.items():
        said = registry.of(subject, name)
        for n, row in enumerate(treaty.in_rows(registry, said)):
            row["differs"] = bool(about.single and n and said[n].value != said[0].value)
            found.append(row)
    received = [one for one in treaty.transfers(registry) if one.other == subject]
    return found + [{**row, "differs": False} for row in treaty.in_rows(registry, received)]


def _short_claims(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        {
            "what": row["property"] + (" (differs)" if row["differs"] else ""),
            "value": row["value"],
            "of": row["other"] if row["property"] != "transfer" else f"{row['subject']} to {row['other']}",
            "time": _time(row),
            "reported by": row["reported_by"],
            "kind": row["kind"],
            "level": row["confidence"],
            "checked": row["checked"],
        }
        for row in rows
    ]


def _print_claims(
    registry: Registry, claims: tuple[Claim, ...], names: dict[str, str], as_json: bool
) -> None:
    from fadeout.treaty import registry as treaty

    rows = list(treaty.in_rows(registry, claims))
    if as_json:
        print_json(rows)
        return
    told = [
        {
            "time": _time(row),
            **{new: row[old] for old, new in names.items()},
            "reported by": row["reported_by"],
            "level": row["confidence"],
            "checked": row["checked"],
        }
        for row in rows
    ]
    print_table(told, "The registry holds none.")
    print(f"What stands here is what is reported, not what is known. {UNREAD}", file=sys.stderr)


def _time(row: dict[str, Any]) -> str:
    starts, ends = row["starts"], row["ends"]
    if ends in ("", starts):
        return str(starts)
    return f"{starts} to {ends}" if starts else f"until {ends}" if ends[:1].isdigit() else str(ends)


def _duty(state: str, duty: Duty) -> dict[str, Any]:
    values = {name: _plain(value) for name, value in vars(duty).items()}
    return {
        "state_of": state,
        **values,
        "warnings": [day.isoformat() for day in duty.warnings],
        "inputs": dict(duty.inputs),
    }


def _warned(duty: Duty, today: date) -> str:
    from fadeout.treaty.dates import say

    ahead = [say(day) for day in duty.warnings if day >= today]
    return f"Warnings: {', '.join(ahead)}." if ahead and duty.state == "open" else ""


def _unread(duty: Duty) -> str:
    return f"Unverified: {', '.join(duty.unverified)}." if duty.unverified else ""


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date) else value
