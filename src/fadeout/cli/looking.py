"""The commands that look at records: lists, one record, its history, what may be one, signs of made-up data.

Reads   the command line
Gives   tables on stdout (JSON with --json), an exit code
Knows   nothing of how records are kept; heavy imports stand inside the commands
Start   at `records_list`
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fadeout.cli.options import examples, person
from fadeout.cli.store_options import (
    Address,
    AsJson,
    DryRun,
    KindArgument,
    Purpose,
    Role,
    Who,
    Why,
    box_of,
    change_row,
    opened,
    pairs,
    print_json,
    print_table,
    viewer_as,
)

if TYPE_CHECKING:
    from fadeout.records.record import Record

app = typer.Typer()
records_app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Look at the records of a store, and merge two that are one.",
)
app.add_typer(records_app, name="records")


@records_app.command("list", epilog=examples("fadeout records list evidence --bbox 106.9,16.7,107.1,16.9"))
def records_list(
    kind: KindArgument,
    store: Address,
    after: Annotated[str, typer.Option("--after", metavar="ID", help="Begin behind this id.")] = "",
    limit: Annotated[int, typer.Option("--limit", min=1, help="At most so many.")] = 100,
    as_of: Annotated[
        str | None, typer.Option("--as-of", metavar="DATE", help="As it stood on a day.")
    ] = None,
    bbox: Annotated[
        str, typer.Option("--bbox", metavar="W,S,E,N", help="Only what touches this box, in degrees.")
    ] = "",
    where: Annotated[
        list[str] | None, typer.Option("--where", metavar="COLUMN=VALUE", help="Only rows with this value.")
    ] = None,
    role: Role = "staff",
    purpose: Purpose = "",
    as_json: AsJson = False,
) -> None:
    """List records of a kind in the order of their ids."""
    found = opened(store).page(
        kind,
        viewer_as(role, purpose),
        after=after,
        limit=limit,
        as_of=as_of,
        bbox=box_of(bbox),
        where=pairs(where or []),
    )
    if as_json:
        print_json([_record(one) for one in found])
        return
    print_table([_short(one) for one in found], f"There is no {kind} here that you may see.")
    if len(found) == limit:
        print(f"More may follow: --after '{found[-1].id}'", file=sys.stderr)


@records_app.command("show", epilog=examples("fadeout records show evidence EP-0142"))
def records_show(
    kind: KindArgument,
    id: Annotated[str, typer.Argument(metavar="ID", help="The record's own id.")],
    store: Address,
    as_of: Annotated[
        str | None, typer.Option("--as-of", metavar="DATE", help="As it stood on a day.")
    ] = None,
    role: Role = "staff",
    purpose: Purpose = "",
    as_json: AsJson = False,
) -> None:
    """Show one record with all its fields."""
    from fadeout.errors import InputRefused, Problem

    found = opened(store).get(kind, id, viewer_as(role, purpose), as_of)
    if found is None:
        remedy = f"look it up: fadeout records list {kind}"
        raise InputRefused(
            [Problem("store.no-record", f"there is no {kind} '{id}' that you may see", remedy)]
        )
    values = _record(found)
    if as_json:
        print_json(values)
        return
    for name, value in values.items():
        print(f"{name:20} {value}")


@records_app.command("changes", epilog=examples("fadeout records changes --limit 10"))
def records_changes(
    store: Address,
    limit: Annotated[int, typer.Option("--limit", min=1, help="At most so many.")] = 20,
    as_json: AsJson = False,
) -> None:
    """List the last changes of a store: who, when, why, and how many records."""
    found = opened(store).changes(limit)
    if as_json:
        print_json(found)
    else:
        print_table([change_row(change) for change in found], "Nothing was ever changed in this store.")


@records_app.command(
    "duplicates", epilog=examples("fadeout records duplicates strike --distance 300 --days 1")
)
def records_duplicates(
    kind: KindArgument,
    store: Address,
    distance: Annotated[
        float | None, typer.Option("--distance", metavar="M", min=0, help="How near; by kind if not given.")
    ] = None,
    days: Annotated[int | None, typer.Option("--days", min=0, help="How many days apart at most.")] = None,
    across: Annotated[
        bool, typer.Option("--across-sources", help="Only records of different sources.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Propose records that may tell of one thing: near each other, of one time and type. Nothing is merged."""
    from fadeout.jobs import likeness as job
    from fadeout.records import profile as profiles

    profile = profiles.load(None)
    within = job.distance_of(kind, distance, profile.duplicate_distance_m)
    apart = profile.duplicate_days if days is None else days
    found = job.proposals(opened(store), kind, person(), within, apart, across)
    if as_json:
        print_json(found)
    else:
        print_table(found, f"No two of {kind} look like one.")


@records_app.command("merge", epilog=examples("fadeout records merge strike S-17 MV-9 --dry-run"))
def records_merge(
    kind: KindArgument,
    first: Annotated[str, typer.Argument(metavar="ID", help="One record.")],
    second: Annotated[str, typer.Argument(metavar="ID", help="The other.")],
    store: Address,
    dry_run: DryRun = False,
    who: Who = "",
    why: Why = "",
    as_json: AsJson = False,
) -> None:
    """Put one record in place of two that tell of one thing. `fadeout undo` takes it back."""
    from fadeout.jobs import likeness as job

    done = job.merge(opened(store), kind, first, second, who=person(who), why=why, keep=not dry_run)
    if as_json:
        print_json(done)
        return
    print(
        f"{done['kept']} holds both; {done['withdrawn']} is withdrawn"
        + (" (nothing stored)." if dry_run else ".")
    )
    print_table(done["conflicts"], "They said nothing that differs.")


@records_app.command("signs", epilog=examples("fadeout records signs --store north.gpkg"))
def records_signs(store: Address, as_json: AsJson = False) -> None:
    """Look for signs of made-up data: impossible speeds, one photo twice, round places, clocks. Nothing is changed."""
    from fadeout.jobs import likeness as job

    found = job.signs(opened(store), person())
    if as_json:
        print_json(found)
    else:
        print_table(found, "No sign of made-up data was found; that proves nothing.")


@app.command(
    epilog=examples("fadeout history EP-0142 --store north.gpkg"),
    short_help="Tell every version of a record.",
)
def history(
    id: Annotated[str, typer.Argument(metavar="ID", help="The record's own id.")],
    store: Address,
    kind: Annotated[str | None, typer.Option("--kind", metavar="KIND", help="Only of this kind.")] = None,
    role: Role = "staff",
    purpose: Purpose = "",
    as_json: AsJson = False,
) -> None:
    """Tell every version of the records of an id: what changed, who did it, when and why."""
    from fadeout.errors import InputRefused, Problem
    from fadeout.jobs.storing import differences

    found = opened(store).history(id, viewer_as(role, purpose), kind)
    if not found:
        message = f"there is no record '{id}' whose history you may see"
        raise InputRefused([Problem("store.no-record", message, "check the id: fadeout records list KIND")])
    rows = differences(found)
    if as_json:
        print_json(rows)
    else:
        print_table([{**row, "changed": ", ".join(row["changed"])} for row in rows], "")


# ---- what is told


def _record(record: Record) -> dict[str, Any]:
    return {
        "kind": record.kind,
        "id": record.id,
        "version": record.version,
        "recorded_at": record.recorded_at,
        "who": record.who,
        "uuid": record.uuid,
        **record.values,
        "place": record.shape.wkt if record.shape is not None else None,
    }


def _short(record: Record) -> dict[str, Any]:
    """A record as one line: its id and the first fields of its kind that are filled."""
    from fadeout.records.catalogue import KINDS

    own = {about.name: record.values.get(about.name) for about in KINDS[record.kind].fields[:6]}
    return {"id": record.id, "version": record.version, **own, "source": record.values.get("source")}
