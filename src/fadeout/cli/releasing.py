"""The commands of land release: the area ledger, steps of hazardous areas, flags, national standards.

Reads   the command line
Gives   tables on stdout (JSON with --json), an exit code
Knows   nothing of rules; heavy imports stand inside the commands
Start   at `ledger`
"""

from __future__ import annotations

import sys
from datetime import date
from pathlib import Path
from typing import Annotated

import typer

from fadeout.cli.options import examples, now, person
from fadeout.cli.store_options import (
    STORE_HELP,
    Address,
    AsJson,
    Standard,
    Who,
    Why,
    opened,
    print_json,
    print_table,
)

app = typer.Typer()
areas_app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Take hazardous areas a step, and see what needs a look.",
)
standard_app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Show a national standard.")
app.add_typer(areas_app, name="areas")
app.add_typer(standard_app, name="standard")

AreaArgument = Annotated[str, typer.Argument(metavar="ID", help="The hazardous area.")]


@app.command(
    epilog=examples("fadeout ledger --from 2026-01-01 --to 2026-12-31 --store north.gpkg", codes=STORE_HELP),
    short_help="Balance found and released ground of a period, to the square metre.",
)
def ledger(
    store: Address,
    start: Annotated[str, typer.Option("--from", metavar="DATE", help="First day of the period.")],
    end: Annotated[str, typer.Option("--to", metavar="DATE", help="Last day of the period.")],
    by_area: Annotated[bool, typer.Option("--by-area", help="A row for each area, too.")] = False,
    as_json: AsJson = False,
) -> None:
    """Tell how much hazardous ground there was, what was found, cancelled, reduced and cleared, and what is left.

    Ground counts once, whatever number of polygons cover it. All figures are whole square metres, and balance.
    """
    from fadeout.jobs import land_release as job

    found = job.ledger(opened(store), _day(start, "--from"), _day(end, "--to"), person())
    rows = job.in_rows(found, by_area)
    not_open = [row for row in found.release_rows() if row["not_open_m2"] and row["release"] != "total"]
    if as_json:
        print_json({"method": found.method, "rows": rows, "releases": found.release_rows()})
        return
    print_table(rows, "")
    print(found.method, file=sys.stderr)
    if not_open:
        total = sum(int(row["not_open_m2"]) for row in not_open)
        words = f"{len(not_open)} releases hold {total} m² that were in no open area, and count nothing: see --json."
        print(words, file=sys.stderr)


@areas_app.command("flags", epilog=examples("fadeout areas flags --store north.gpkg"))
def areas_flags(store: Address, as_json: AsJson = False) -> None:
    """List hazardous areas that need a person's look: evidence that changed since, open edges, no evidence."""
    from fadeout.jobs import land_release as job

    found = job.flags(opened(store), person())
    if as_json:
        print_json(found)
    else:
        print_table(found, "No hazardous area needs a look.")


@areas_app.command(
    "step",
    epilog=examples(
        "fadeout areas step SHA-0142 --to confirmed --stands-on EP-17,EP-18 --why 'two items seen'",
        codes=STORE_HELP,
    ),
)
def areas_step(
    id: AreaArgument,
    store: Address,
    to: Annotated[
        str,
        typer.Option("--to", metavar="STATE", help="suspected, confirmed, cancelled, reduced or cleared."),
    ],
    why: Annotated[str, typer.Option("--why", metavar="TEXT", help="Why the step is taken.")],
    stands_on: Annotated[
        str, typer.Option("--stands-on", metavar="IDS", help="Evidence and boxes it rests on, with commas.")
    ] = "",
    standard: Standard = None,
    who: Who = "",
) -> None:
    """Take a hazardous area a step. What the rules of land release ask and is not there is told, every fault of it."""
    from fadeout.jobs import land_release as job
    from fadeout.records import standard as standards

    ids = tuple(one.strip() for one in stands_on.split(",") if one.strip())
    after = job.step(opened(store), job.Step(id, to, ids), standards.load(standard), who=person(who), why=why)
    print(f"{after.id} is {to}.")


@areas_app.command(
    "accept", epilog=examples("fadeout areas accept CHA-0017 --why 'the find was re-dated only'")
)
def areas_accept(id: AreaArgument, store: Address, who: Who = "", why: Why = "") -> None:
    """Let an area stand as it is after its evidence changed: the flag goes, and history says who looked."""
    from fadeout.jobs import land_release as job

    after = job.accept(opened(store), id, now().date(), who=person(who), why=why or f"looked again at {id}")
    print(f"{after.id} stands as it is; looked at by {after.values['reviewed_by']}.")


@areas_app.command(
    "boxes",
    epilog=examples(
        "fadeout areas boxes --standard south-east-asia",
        "fadeout areas boxes next.gpkg --standard single-strike",
        codes=STORE_HELP,
    ),
)
def areas_boxes(
    store: Address,
    out: Annotated[
        Path | None, typer.Argument(metavar="[FILE]", help="Also write them: .gpkg, .geojson and others.")
    ] = None,
    standard: Standard = None,
    as_json: AsJson = False,
) -> None:
    """List the boxes to search next under a national standard: outward from evidence, until the outward stop.

    A box with a find grows to its neighbours until enough boxes behind one another were searched as the standard asks.
    """
    from fadeout.jobs import drawing as job
    from fadeout.records import standard as standards

    found = job.next_boxes(opened(store), standards.load(standard), person())
    rows = []
    for n, (box, record) in enumerate(found, 1):
        assert record.shape is not None
        middle = record.shape.centroid
        place = {"lat": round(middle.y, 6), "lon": round(middle.x, 6)}
        rows.append({"rank": n, "box": record.id, **place, "led_by": box.led_by, "why": box.why})
    if as_json:
        print_json(rows)
    else:
        print_table(
            rows, "No box is to be searched next: there is no evidence, or every direction is closed."
        )
    if out is not None and found:
        for lost in job.write([record for _, record in found], out, now()):
            print(f"Note: {lost}.", file=sys.stderr)
        print(f"Written to {out}.", file=sys.stderr)


@areas_app.command(
    "draw", epilog=examples("fadeout areas draw proposals.gpkg --standard south-east-asia", codes=STORE_HELP)
)
def areas_draw(
    out: Annotated[
        Path, typer.Argument(metavar="FILE", help="The file to write: .gpkg, .geojson and others.")
    ],
    store: Address,
    standard: Standard = None,
    as_json: AsJson = False,
) -> None:
    """Draw hazardous areas around the boxes with evidence, as proposals in FILE; nothing in the store changes.

    Look at FILE, change it in a map program, then: fadeout intake FILE
    """
    from fadeout.jobs import drawing as job
    from fadeout.records import standard as standards

    drawn = job.proposals(opened(store), standards.load(standard), person())
    rows = [
        {
            "id": one.id,
            "kind": one.kind,
            "stands_on": one.values.get("stands_on"),
            "why": one.values.get("remark"),
        }
        for one in drawn
    ]
    if drawn:
        job.write(drawn, out, now())
    if as_json:
        print_json(rows)
    else:
        print_table(rows, "There is no box with evidence: nothing was drawn.")


@areas_app.command(
    "traverse",
    epilog=examples("fadeout areas traverse legs.csv areas.gpkg --north magnetic --declination -0.6"),
)
def areas_traverse(
    legs: Annotated[
        Path, typer.Argument(metavar="FILE", help="A table: area, benchmark, leg, bearing, distance_m.")
    ],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="The file of areas to write.")],
    north: Annotated[str, typer.Option("--north", metavar="NORTH", help="true, magnetic or grid.")] = "true",
    declination: Annotated[
        float, typer.Option("--declination", metavar="DEG", help="Magnetic declination, east positive.")
    ] = 0.0,
    unit: Annotated[str, typer.Option("--unit", metavar="UNIT", help="degrees, grads or mils.")] = "degrees",
    adjust: Annotated[
        bool, typer.Option("--adjust", help="Distribute the closing error by the compass rule.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Lay out areas from a benchmark and turning points, and tell each closing error.

    OUT holds the areas, the legs as they were measured beside each. Look at it, then: fadeout intake OUT
    """
    from fadeout.jobs import drawing
    from fadeout.jobs import turning_points as job

    if north not in ("true", "magnetic", "grid"):
        raise typer.BadParameter(f"'{north}' is not true, magnetic or grid", param_hint="--north")
    found = job.laid_out(legs, job.Manner(north, declination, unit, adjust))  # type: ignore[arg-type]
    drawing.write(found, out, now())
    rows = [{"area": one.id, "closing": one.values["remark"]} for one in found]
    if as_json:
        print_json(rows)
    else:
        print_table(rows, "The table holds no area.")


@standard_app.command("show", epilog=examples("fadeout standard show single-strike"))
def standard_show(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="south-east-asia or single-strike.")
    ] = "south-east-asia",
) -> None:
    """Print a shipped national standard, every value with its source; save it to make one of your own."""
    from fadeout.records import standard as standards

    sys.stdout.write(standards.shipped_text(name))


def _day(text: str, option: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"'{text}' is no date such as 2026-01-31", param_hint=option) from None
