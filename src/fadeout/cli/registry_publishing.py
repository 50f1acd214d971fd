"""The commands that check, keep and publish the registry: check, load, publish, export, calendar.

Reads   the command line
Gives   files, words on stdout (JSON with --json), an exit code
Knows   nothing of formats; heavy imports stand inside the commands
Start   at `publish`
"""

from __future__ import annotations

import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fadeout.cli.options import examples, now, person
from fadeout.cli.registry_options import AsOf, Kept, code_of, day_of, registry_app, registry_of
from fadeout.cli.store_options import AsJson, DryRun, Who, Why, opened, print_json, print_table

if TYPE_CHECKING:
    from fadeout.records.claims import Claim, Registry

app = typer.Typer()  # its commands stand under `registry`


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

    registry, now_ = registry_of(store), now()
    made = job.publish(
        registry, out, now_, changed=_changes(registry, store, now_), authority=authority, as_of=day_of(as_of)
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

    registry, now_ = registry_of(store), now()
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

    registry = registry_of(store)
    made = job.calendar(registry, day_of(as_of), now(), code_of(registry, state) if state else "")
    job.put_file(out, made)
    print(f"{made.count(b'BEGIN:VEVENT')} deadlines in {out}.")


def _changes(registry: Registry, store: str, at: datetime) -> list[tuple[Claim, datetime, str]]:
    """The changes that a feed tells: of a store, every version; of the shipped registry, that it was recorded."""
    from fadeout.jobs import registry as job
    from fadeout.jobs import registry_pages
    from fadeout.records.access import Viewer

    if store:
        return job.changes_of(opened(store), Viewer(person(), "public"))
    return registry_pages.shipped_changes(registry, at)
