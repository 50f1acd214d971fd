"""The commands of the estimate: assess, update, demo, calibrate, profile.

Reads   the command line
Gives   files by way of the jobs, words, and an exit code
Knows   nothing of how an assessment is made; heavy imports stand inside the commands, so that --help is quick
Start   at `assess`
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fadeout.cli.options import (
    CHECK_FAILED,
    EXIT_HELP,
    UPDATE_HELP,
    CellSide,
    ColumnMap,
    Crs,
    Json,
    MetricCrs,
    Order,
    Seed,
    examples,
    memory,
    now,
    person,
    progress,
)

if TYPE_CHECKING:
    from fadeout.jobs.assess import Outcome, Progress, Request

app = typer.Typer()
profile_app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Show or copy the shipped profile, a programme's standard.",
)
app.add_typer(profile_app, name="profile")


@app.command(
    epilog=examples(
        "fadeout assess survey.gpkg --out runs/north",
        "fadeout assess finds.csv boxes.geojson --crs EPSG:4326 --out runs/north --json",
        "fadeout assess --store north.gpkg --area SHA-0142 --out runs/sha-0142",
        codes=EXIT_HELP,
    ),
    short_help="Estimate what is left and where to search next.",
)
def assess(
    out: Annotated[
        Path, typer.Option("--out", metavar="DIR", help="The folder to write; an earlier run is replaced.")
    ],
    inputs: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="INPUT",
            help="One GeoPackage with the layers evidence, searched, strikes and area, or one file for "
            "each layer (GeoPackage, GeoJSON, CSV, KML, GPX, XLSX, Shapefile).",
        ),
    ] = None,
    store: Annotated[
        str, typer.Option("--store", metavar="STORE", help="Assess records of a store instead; needs --area.")
    ] = "",
    area: Annotated[
        str, typer.Option("--area", metavar="ID", help="The hazardous area of the store to assess.")
    ] = "",
    as_of: Annotated[
        str | None,
        typer.Option("--as-of", metavar="DATE", help="Records of the store as they stood on a day."),
    ] = None,
    margin: Annotated[
        float | None,
        typer.Option(
            "--margin",
            metavar="M",
            min=0,
            help="Ground around the area to assess too; the profile's if not given.",
        ),
    ] = None,
    profile: Annotated[
        str | None,
        typer.Option(
            "--profile",
            metavar="TOML",
            help="The programme's profile, or 'learning'; the shipped one if not given.",
        ),
    ] = None,
    cell: CellSide = None,
    confidence: Annotated[
        float | None,
        typer.Option(
            "--confidence",
            min=0.01,
            max=0.999,
            help="Confidence asked of the hazardous area; the profile's if not given.",
        ),
    ] = None,
    seed: Seed = 1,
    as_json: Json = False,
    column_map: ColumnMap = None,
    crs: Crs = None,
    order: Order = "auto",
    metric_crs: MetricCrs = None,
    stamp: Annotated[
        str,
        typer.Option(
            "--stamp", metavar="TEXT", help="Words to stand on every product, such as a test's purpose."
        ),
    ] = "",
    title: Annotated[str, typer.Option("--title", metavar="TEXT", help="Title of the report.")] = "",
) -> None:
    """Estimate what is left in the ground of INPUT, where the hazardous area ends, and where to search next.

    Writes hazard.gpkg (opens styled in QGIS), hazard.tif, next_boxes.gpx and .kml, report.html,
    report.pdf and summary.json into DIR, whole or not at all. The inputs are not changed. Ground that was
    not searched is never taken as searched.
    """
    from fadeout.jobs import assess as job

    if bool(inputs) == bool(store) or bool(store) != bool(area):
        raise typer.BadParameter("give INPUT files, or --store with --area", param_hint="INPUT")
    request = job.Request(
        inputs=tuple(inputs or ()),
        out=out,
        profile=profile,
        cell_m=cell,
        confidence=confidence,
        seed=seed,
        column_map=column_map,
        crs=crs,
        order=order,
        metric_crs=metric_crs,
        stamp=stamp,
        title=title,
    )
    with progress() as say:
        if store:
            outcome = _assess_store(store, area, as_of, margin, request, say)
        else:
            outcome = job.assess(request, now=now(), memory_bytes=memory(), progress=say)
    _answer(outcome, as_json)


def _assess_store(
    store: str, area: str, as_of: str | None, margin: float | None, request: Request, say: Progress
) -> Outcome:
    from fadeout.jobs import assess_store as job
    from fadeout.records.store import open_store

    asked = job.Asked(open_store(store, now), area, person(), as_of, margin)
    return job.assess_area(asked, request, now=now(), memory_bytes=memory(), progress=say)


@app.command(
    epilog=examples(
        "fadeout update runs/north survey.gpkg --out runs/north-today",
        "fadeout update runs/north survey.gpkg boxes_of_today.geojson --out runs/north-today --json",
        codes=UPDATE_HELP,
    ),
    short_help="Take new searches and finds into a run's estimate, without a refit.",
)
def update(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="The folder of a finished `fadeout assess`.")],
    inputs: Annotated[
        list[Path],
        typer.Argument(
            metavar="INPUT", help="The survey as it is now: all records of the run, and the new ones."
        ),
    ],
    out: Annotated[
        Path, typer.Option("--out", metavar="DIR", help="The folder to write; an earlier update is replaced.")
    ],
    profile: Annotated[
        str | None, typer.Option("--profile", metavar="TOML", help="The profile of the run.")
    ] = None,
    seed: Seed = 1,
    as_json: Json = False,
    column_map: Annotated[
        Path | None, typer.Option("--map", metavar="TOML", help="The column map of the run.")
    ] = None,
    crs: Crs = None,
    order: Order = "auto",
    stamp: Annotated[
        str, typer.Option("--stamp", metavar="TEXT", help="Words to stand on every product; the run's else.")
    ] = "",
) -> None:
    """Take searches and finds made since RUN into its estimate: new maps, next boxes and figures at once.

    New are records whose id RUN did not have; all others must be as they were. Writes hazard.tif,
    next_boxes.gpx and .kml and summary.json into DIR. The hazardous area's outline, the checks and the
    sensitivity stay those of the fit: `fadeout assess` makes them anew. RUN and the inputs are not changed.
    """
    from fadeout.jobs import update as job

    request = job.Request(
        run=run,
        inputs=tuple(inputs),
        out=out,
        profile=profile,
        column_map=column_map,
        crs=crs,
        order=order,
        stamp=stamp,
        seed=seed,
    )
    done = job.update(request, now=now())
    print(json.dumps(done.summary, indent=2, ensure_ascii=False) if as_json else "\n".join(done.words))


@app.command(
    epilog=examples("fadeout demo", "fadeout demo --out runs/demo --seed 7", codes=EXIT_HELP),
    short_help="Assess a demonstration, with SIMULATED finds.",
)
def demo(
    out: Annotated[
        Path, typer.Option("--out", metavar="DIR", help="The folder to write; an earlier run is replaced.")
    ] = Path("fadeout-demo"),
    seed: Seed = 1,
    as_json: Json = False,
) -> None:
    """Assess a demonstration: real recorded strikes, with SIMULATED finds and searches on them.

    The strike records are facts of Quang Tri province, Viet Nam. Everything found or searched is made up
    by a generator that the model does not assume, and labelled so on every page, map and layer. The input
    stands in DIR/input: it can be opened, changed and given to `fadeout assess`.
    """
    from fadeout.jobs import demo as job

    with progress() as say:
        outcome = job.demo(out, seed=seed, now=now(), memory_bytes=memory(), progress=say)
    _answer(outcome, as_json)


@app.command(
    epilog=examples(
        "fadeout calibrate task-07.gpkg task-11.gpkg task-12.gpkg --out district.toml",
        "fadeout assess survey.gpkg --profile district.toml --out runs/north",
        codes=EXIT_HELP,
    ),
    short_help="Learn a district's profile from finished areas.",
)
def calibrate(
    areas: Annotated[
        list[Path],
        typer.Argument(
            metavar="AREA",
            help="One finished area: a GeoPackage with the layers evidence, searched, strikes and area, or a "
            "folder of files.",
        ),
    ],
    out: Annotated[
        Path,
        typer.Option("--out", metavar="TOML", help="The profile to write; an earlier one is replaced."),
    ],
    profile: Annotated[
        str | None,
        typer.Option(
            "--profile", metavar="TOML", help="What is believed before the areas; 'learning' if not given."
        ),
    ] = None,
    cell: CellSide = None,
    sweeps: Annotated[
        int | None,
        typer.Option("--sweeps", min=50, help="Sweeps of each chain; until the chains agree if not given."),
    ] = None,
    seed: Seed = 1,
    as_json: Json = False,
    column_map: ColumnMap = None,
    crs: Crs = None,
    order: Order = "auto",
    metric_crs: MetricCrs = None,
) -> None:
    """Learn from finished areas what to believe of the next ones, and write it as a profile.

    A finished area was searched out (95 % of its ground or more) and all its finds are given. Learned are
    strikes per km², items per strike, footprint sizes, single items, detection, and how far strike records
    can be trusted, each with how sure it is. The inputs are not changed.
    """
    from fadeout.jobs import calibrate as job

    request = job.Request(
        areas=tuple(areas),
        out=out,
        profile=profile,
        cell_m=cell,
        seed=seed,
        column_map=column_map,
        crs=crs,
        order=order,
        metric_crs=metric_crs,
        sweeps=sweeps,
    )
    with progress() as say:
        done = job.calibrate(request, now=now(), memory_bytes=memory(), progress=say)
    print(json.dumps(done.summary, indent=2, ensure_ascii=False) if as_json else "\n".join(done.words))
    sys.stdout.flush()
    if not done.agreed:
        print("The fit's chains did not agree: see the notes.", file=sys.stderr)
        raise typer.Exit(CHECK_FAILED)


@profile_app.command("show", epilog=examples("fadeout profile show"))
def profile_show() -> None:
    """Print the shipped profile."""
    sys.stdout.write(_shipped_profile())


@profile_app.command("copy", epilog=examples("fadeout profile copy our-standard.toml"))
def profile_copy(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The file to write; it must not exist yet.")],
) -> None:
    """Copy the shipped profile to FILE, to be changed and given to `fadeout assess --profile FILE`."""
    from fadeout.errors import InputRefused, Problem

    try:
        with file.open("x", encoding="utf-8") as copy:
            copy.write(_shipped_profile())
    except OSError as error:
        reason = "it exists already" if isinstance(error, FileExistsError) else str(error.strerror)
        problem = Problem(
            "profile.not-written", f"cannot write this file: {reason}", "name another", str(file)
        )
        raise InputRefused([problem]) from error
    print(f"Wrote {file}. Change it, then: fadeout assess INPUT... --profile {file} --out DIR")


def _shipped_profile() -> str:
    from importlib.resources import files

    return files("fadeout.records").joinpath("profiles/default.toml").read_text(encoding="utf-8")


def _answer(outcome: Outcome, as_json: bool) -> None:
    """Print the figures on stdout; say a failed check on stderr and with the exit code."""
    print(json.dumps(outcome.summary, indent=2, ensure_ascii=False) if as_json else "\n".join(outcome.words))
    sys.stdout.flush()
    if not outcome.assessment.verdict.passed:
        print(outcome.assessment.verdict.words, file=sys.stderr)
        raise typer.Exit(CHECK_FAILED)
