"""The commands of the store: make one, take files in, look at records and their history, check, undo.

Reads   the command line
Gives   tables on stdout (JSON with --json), an exit code
Knows   nothing of how records are kept; heavy imports stand inside the commands
Start   at `intake`
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fadeout import settings
from fadeout.cli.options import CHECK_FAILED, Crs, Order, examples, now, person, progress
from fadeout.cli.store_options import (
    STORE_HELP,
    VERIFY_HELP,
    Address,
    AsJson,
    DryRun,
    Purpose,
    Role,
    Standard,
    Who,
    Why,
    Yes,
    box_of,
    change_row,
    no_word,
    opened,
    pairs,
    print_json,
    print_table,
    show_reviews,
    tell_stored,
    viewer_as,
)

if TYPE_CHECKING:
    pass

app = typer.Typer()
store_app = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="Make a store, or tell what is in it."
)
records_app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Look at the records of a store.")
app.add_typer(store_app, name="store")


@store_app.command(
    "new", epilog=examples("fadeout store new north.gpkg --programme 'Northern survey' --country LAO")
)
def store_new(
    store: Annotated[
        str,
        typer.Argument(
            metavar="STORE", help="A file that does not exist yet, or an empty PostgreSQL database."
        ),
    ],
    programme: Annotated[
        str, typer.Option("--programme", metavar="NAME", help="Name of the programme.")
    ] = "",
    country: Annotated[str, typer.Option("--country", metavar="CODE", help="ISO 3166-1 alpha-3.")] = "",
    ground: Annotated[
        str,
        typer.Option(
            "--ground",
            metavar="W,S,E,N",
            help="The country's or programme's ground in degrees: records far outside it are refused.",
        ),
    ] = "",
    who: Who = "",
) -> None:
    """Make a store: one GeoPackage that QGIS opens as it is, or the same on PostgreSQL with PostGIS."""
    from fadeout.jobs import programmes
    from fadeout.records.store import create_store

    about = programmes.programme(programme, country, ground)
    made = create_store(store, now)
    if about is not None:
        with made.change(who=person(who), why="the store was made") as change:
            change.put([about])
    print(f"Made the store {made.address}. Next: fadeout intake FILE... --store {store}")


@store_app.command(
    "info", epilog=examples("fadeout store info --store north.gpkg", "fadeout store info --json")
)
def store_info(store: Address, role: Role = "manager", as_json: AsJson = False) -> None:
    """Tell how many records of each kind a store holds, and its last changes."""
    from fadeout.records.catalogue import KINDS

    kept, viewer = opened(store), viewer_as(role)
    counts = {kind: kept.count(kind, viewer) for kind in KINDS}
    changes = kept.changes(5)
    if as_json:
        print_json({"store": kept.address, "records": counts, "changes": changes})
        return
    filled = [{"kind": KINDS[kind].title, "records": n} for kind, n in counts.items() if n]
    print_table(filled, "The store is empty. Next: fadeout intake FILE... --store STORE")
    print_table([change_row(change) for change in changes], "")


@app.command(
    epilog=examples(
        "fadeout intake survey.gpkg --store north.gpkg --dry-run",
        "fadeout intake finds.csv boxes.geojson --store north.gpkg --yes",
        "fadeout intake export.xlsx --store north.gpkg --map imsma.toml --source imsma --yes",
        codes=STORE_HELP,
    ),
    short_help="Take files into a store: read, propose, review, store.",
)
def intake(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE", help="Files in any format of docs/reference/formats.md.")
    ],
    store: Address,
    dry_run: DryRun = False,
    yes: Yes = False,
    who: Who = "",
    why: Why = "",
    column_map: Annotated[
        str | None,
        typer.Option(
            "--map",
            metavar="TOML",
            help="Column map that renames foreign layers, columns and values; or the name of a shipped one.",
        ),
    ] = None,
    source: Annotated[
        str,
        typer.Option(
            "--source",
            metavar="NAME",
            help="Remember the column map under this name, or use the one remembered.",
        ),
    ] = "",
    kind: Annotated[
        str, typer.Option("--kind", metavar="KIND", help="What layers hold whose name does not say.")
    ] = "",
    constants: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="COLUMN=VALUE", help="A value for every row, such as swath_m=2."),
    ] = None,
    crs: Crs = None,
    order: Order = "auto",
    standard: Standard = None,
    repair: Annotated[
        bool,
        typer.Option("--repair", help="Mend polygons that cross themselves; the original is kept beside."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Take records out of FILEs into a store. Each file is taken whole or not at all.

    What is new, changed, the same or refused is listed before anything is stored; taking the same file in
    again changes nothing. What was stored can be taken back with `fadeout undo`.
    """
    from dataclasses import replace

    from fadeout.exchange.shipped_maps import path_of
    from fadeout.jobs import storing as job

    kept = opened(store)
    request = job.Request(
        paths=tuple(files),
        who=person(who),
        why=why,
        column_map=path_of(column_map) if column_map else None,
        source=source,
        kind=kind,
        constants=pairs(constants or []),
        crs=crs,
        order=order,
        standard=standard,
        repair=repair,
        dry_run=dry_run,
        **settings.person_keys(),
    )
    asks = not (yes or dry_run)
    if asks and not sys.stdin.isatty():
        raise typer.BadParameter(
            "nobody can be asked here: give --yes to store, or --dry-run to look", param_hint="--yes"
        )
    tell = no_word if as_json else tell_stored
    with progress() as say:
        reviews = job.take_in(
            kept, replace(request, dry_run=dry_run or asks), today=now().date(), say=say, tell=tell
        )
    if asks:
        show_reviews(reviews)
        if not any(review.put.new or review.put.changed for review in reviews):
            raise typer.Exit(2 if any(review.problems for review in reviews) else 0)
        if not typer.confirm("Store these?", err=True):
            print("Nothing was stored.", file=sys.stderr)
            return
        with progress() as say:
            reviews = job.take_in(kept, request, today=now().date(), say=say, tell=tell)
    if as_json:
        print_json([review.as_json() for review in reviews])
    else:
        show_reviews(reviews)
    if any(review.problems for review in reviews):
        raise typer.Exit(2)


@app.command(
    epilog=examples("fadeout undo 17 --store north.gpkg"), short_help="Take a change of a store back."
)
def undo(
    change: Annotated[int, typer.Argument(metavar="CHANGE", help="Its number: fadeout records changes.")],
    store: Address,
    who: Who = "",
    why: Why = "",
) -> None:
    """Take one change back by a new one: its records stand again as before it, and history keeps both."""
    put = opened(store).undo(change, who=person(who), why=why)
    print(f"Took change {change} back: {put.withdrawn} records withdrawn, {put.changed + put.new} as before.")


@app.command(
    epilog=examples("fadeout verify --store north.gpkg", codes=VERIFY_HELP),
    short_help="Check that nobody changed a store's history.",
)
def verify(
    store: Address,
    head: Annotated[
        str,
        typer.Option("--head", metavar="HASH", help="A hash noted earlier: history must still hold it."),
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Walk the whole history of a store and the present; name every row that was changed, lost or added.

    Note the last hash elsewhere: a history that was rewritten as a whole shows only against it.
    """
    kept = opened(store)
    with progress() as say:
        found = kept.verify(say)
    faults = [str(fault) for fault in found.faults]
    if head and not kept.holds(head):
        faults.append(f"history does not hold {head}: it was rewritten or cut after that was noted")
    told: dict[str, Any] = {
        "versions": found.rows,
        "changes": found.changes,
        "head": found.head,
        "faults": faults,
    }
    if as_json:
        print_json(told)
    else:
        print(f"{found.rows} versions in {found.changes} changes; last hash {found.head}")
        print("\n".join(faults) if faults else "Nothing was changed behind history's back.")
    sys.stdout.flush()
    if faults:
        raise typer.Exit(CHECK_FAILED)


@app.command(
    epilog=examples(
        "fadeout export areas.gpkg --kind hazardous_area --kind release",
        "fadeout export partners.xlsx --kind evidence --as partner --area SHA-0142",
        codes=STORE_HELP,
    ),
    short_help="Write records of a store into a file.",
)
def export(
    out: Annotated[Path, typer.Argument(metavar="FILE", help="The file; its suffix names the format.")],
    store: Address,
    kinds: Annotated[
        list[str] | None,
        typer.Option("--kind", metavar="KIND", help="Only this kind; all that are filled if not given."),
    ] = None,
    area: Annotated[
        str, typer.Option("--area", metavar="ID", help="Only what belongs to a hazardous area.")
    ] = "",
    as_of: Annotated[
        str | None, typer.Option("--as-of", metavar="DATE", help="As it stood on a day.")
    ] = None,
    since: Annotated[str, typer.Option("--since", metavar="DATE", help="Only what was recorded since.")] = "",
    bbox: Annotated[str, typer.Option("--bbox", metavar="W,S,E,N", help="Only what touches this box.")] = "",
    crs: Annotated[
        str, typer.Option("--crs", metavar="CRS", help="CRS of places, for formats that can hold another.")
    ] = "EPSG:4326",
    role: Role = "staff",
    purpose: Purpose = "",
    as_json: AsJson = False,
) -> None:
    """Write records into FILE: GeoPackage, GeoJSON, KML, GPX, CSV, XLSX, GeoParquet, File Geodatabase and more.

    Only what the role may see goes out, and the file says which role it was made for. A format that holds one
    layer gets a file for each kind. What a format loses is told; docs/reference/formats.md lists it.
    """
    from fadeout.jobs import export as job

    asked = job.Asked(out, tuple(kinds or ()), area, as_of, since, box_of(bbox), crs)
    written = job.export(opened(store), asked, viewer_as(role, purpose), now())
    told = [
        {"file": one.file.name, "records": sum(one.records.values()), "kinds": ", ".join(one.records)}
        for one in written
    ]
    if as_json:
        print_json([{**row, "lost": list(one.lost)} for row, one in zip(told, written, strict=True)])
        return
    print_table(told, "")
    for one in written:
        for words in one.lost:
            print(f"{one.file.name}: {words}", file=sys.stderr)


@app.command(
    epilog=examples("fadeout backup --store north.gpkg --out backups", codes=STORE_HELP),
    short_help="Back a store up while others work in it.",
)
def backup(
    store: Address,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="The folder to write the backup into.")],
    as_json: AsJson = False,
) -> None:
    """Write the whole store, with its history, into one file of DIR, and prove it by opening it again.

    The file is itself a store, whatever database the store stands on; beside it stands a manifest with its digest.
    """
    from fadeout.jobs import backups as job

    given = settings.person_keys()
    with progress() as say:
        made = job.backup(opened(store), out, now(), given["keys"], given["master"], say)
    if as_json:
        print_json(json.loads(made.with_suffix(".json").read_text(encoding="utf-8")) | {"file": made.name})
    else:
        print(f"Wrote {made}, opened it and checked its whole history.")


@app.command(
    epilog=examples(
        "fadeout restore backups/north-20261125T070000Z.gpkg --to north-again.gpkg", codes=STORE_HELP
    ),
    short_help="Make a store of a backup.",
)
def restore(
    backup: Annotated[Path, typer.Argument(metavar="BACKUP", help="A file that fadeout backup wrote.")],
    to: Annotated[
        str,
        typer.Option(
            "--to", metavar="STORE", help="A file that does not exist yet, or an empty PostgreSQL database."
        ),
    ],
    present: Annotated[
        Path | None,
        typer.Option(
            "--keys-now",
            metavar="FILE",
            help="The store's present key file: whoever was erased since the backup stays erased.",
        ),
    ] = None,
) -> None:
    """Make a new store of a backup, and check its whole history. What stands at STORE already is never touched."""
    from fadeout.jobs import backups as job

    given = settings.person_keys()
    with progress() as say:
        made = job.restore(backup, to, now, given["keys"], given["master"], present, say)
    print(f"Made the store {made.address}; its history is whole.")
