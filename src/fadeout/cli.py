"""All commands. Each parses its arguments, calls one job, and answers: results on stdout, the rest on stderr.

Reads   the command line, the clock and (through `settings`) the machine
Gives   files by way of the jobs, words, and an exit code
Knows   nothing of how an assessment is made; heavy imports stand inside the commands, so that --help is quick
Start   at `main`; `EXIT_CODES` is the one table from errors to exit codes
"""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from fadeout.errors import FadeoutError

if TYPE_CHECKING:
    from fadeout.jobs.assess import Outcome, Progress

CHECK_FAILED, STOPPED = 3, 130
EXIT_CODES: tuple[tuple[type[BaseException], int], ...] = (  # the first that fits
    (KeyboardInterrupt, STOPPED),
    (FadeoutError, 2),
    (BrokenPipeError, 0),  # the reader of our output left, as `head` does
)

EXIT_HELP = """\b
Exit codes:
  0    done; the fit passed its checks
  2    wrong arguments, or input refused: every faulty row and its reason on stderr, nothing written
  3    fitted and written, but a check failed: every product says so
  130  stopped with Ctrl-C, nothing written
"""

UPDATE_HELP = """\b
Exit codes:
  0    done
  2    wrong arguments, or input refused: the reason on stderr, nothing written
  130  stopped with Ctrl-C, nothing written
"""


def _examples(*commands: str, codes: str = "") -> str:
    """Help that keeps its lines: commands that work, and exit codes."""
    return "\n".join(["\b\nExamples:", *(f"  {command}" for command in commands), "", codes])


app = typer.Typer(
    name="fadeout",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    rich_markup_mode=None,
    add_completion=False,
    help="Estimate where cluster munition remnants may still lie, and how sure that is. Advice for survey "
    "and clearance staff; a person decides. Start with `fadeout demo`.",
)
profile_app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Show or copy the shipped profile, a programme's standard.",
)
app.add_typer(profile_app, name="profile")


def main() -> NoReturn:
    """Run a command and end the process with its exit code."""
    try:
        code = app(standalone_mode=False)
        if code == STOPPED:  # typer answers Ctrl-C itself, without a word
            _say_and_code(KeyboardInterrupt())
    except tuple(error for error, _ in EXIT_CODES) as error:
        code = _say_and_code(error)
    except typer.Exit as error:
        code = error.exit_code
    except Exception as error:
        if not hasattr(error, "format_message"):  # not a fault of the arguments: ours, so show where
            raise
        error.show()  # type: ignore[attr-defined]
        code = 2
    sys.exit(code or 0)


def _say_and_code(error: BaseException) -> int:
    if isinstance(error, KeyboardInterrupt):
        print("Stopped. Nothing was written.", file=sys.stderr)
    elif isinstance(error, FadeoutError):
        print(error, file=sys.stderr)
        print("Nothing was written.", file=sys.stderr)
    return next(code for kind, code in EXIT_CODES if isinstance(error, kind))


def _version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        print(f"fadeout {version('fadeout')}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and end.")
    ] = False,
) -> None:
    pass


Seed = Annotated[int, typer.Option("--seed", min=0, help="Same inputs and seed give the same figures.")]
Json = Annotated[bool, typer.Option("--json", help="Print the summary as JSON instead of words.")]
ColumnMap = Annotated[
    Path | None,
    typer.Option("--map", metavar="TOML", help="Column map that renames foreign layers, columns and values."),
]
Crs = Annotated[
    str | None,
    typer.Option("--crs", metavar="CRS", help="CRS of inputs that state none, such as EPSG:4326."),
]
Order = Annotated[
    str,
    typer.Option("--order", metavar="ORDER", help="lat,lon where a file's first coordinate is the latitude."),
]
MetricCrs = Annotated[
    str | None,
    typer.Option("--metric-crs", metavar="CRS", help="CRS in metres to compute in; UTM if not given."),
]
CellSide = Annotated[
    float | None,
    typer.Option("--cell", metavar="M", min=0.5, help="Side of a grid cell in metres; chosen if not given."),
]


@app.command(
    epilog=_examples(
        "fadeout assess survey.gpkg --out runs/north",
        "fadeout assess finds.csv boxes.geojson --crs EPSG:4326 --out runs/north --json",
        codes=EXIT_HELP,
    ),
    short_help="Estimate what is left and where to search next.",
)
def assess(
    inputs: Annotated[
        list[Path],
        typer.Argument(
            metavar="INPUT",
            help="One GeoPackage with the layers evidence, searched, strikes and area, or one file for "
            "each layer (GeoPackage, GeoJSON, CSV, KML, GPX, XLSX, Shapefile).",
        ),
    ],
    out: Annotated[
        Path, typer.Option("--out", metavar="DIR", help="The folder to write; an earlier run is replaced.")
    ],
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

    request = job.Request(
        inputs=tuple(inputs),
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
    with _progress() as progress:
        outcome = job.assess(request, now=_now(), memory_bytes=_memory(), progress=progress)
    _answer(outcome, as_json)


@app.command(
    epilog=_examples(
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
    done = job.update(request, now=_now())
    print(json.dumps(done.summary, indent=2, ensure_ascii=False) if as_json else "\n".join(done.words))


@app.command(
    epilog=_examples("fadeout demo", "fadeout demo --out runs/demo --seed 7", codes=EXIT_HELP),
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

    with _progress() as progress:
        outcome = job.demo(out, seed=seed, now=_now(), memory_bytes=_memory(), progress=progress)
    _answer(outcome, as_json)


@app.command(
    epilog=_examples(
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
    with _progress() as progress:
        done = job.calibrate(request, now=_now(), memory_bytes=_memory(), progress=progress)
    print(json.dumps(done.summary, indent=2, ensure_ascii=False) if as_json else "\n".join(done.words))
    sys.stdout.flush()
    if not done.agreed:
        print("The fit's chains did not agree: see the notes.", file=sys.stderr)
        raise typer.Exit(CHECK_FAILED)


@profile_app.command("show", epilog=_examples("fadeout profile show"))
def profile_show() -> None:
    """Print the shipped profile."""
    sys.stdout.write(_shipped_profile())


@profile_app.command("copy", epilog=_examples("fadeout profile copy our-standard.toml"))
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


# ---- what stands around a job: the clock, the machine, progress, the answer


def _now() -> Any:
    from datetime import UTC, datetime

    return datetime.now(UTC)


def _memory() -> int | None:
    from fadeout import settings

    return settings.memory_available()


def _answer(outcome: Outcome, as_json: bool) -> None:
    """Print the figures on stdout; say a failed check on stderr and with the exit code."""
    print(json.dumps(outcome.summary, indent=2, ensure_ascii=False) if as_json else "\n".join(outcome.words))
    sys.stdout.flush()
    if not outcome.assessment.verdict.passed:
        print(outcome.assessment.verdict.words, file=sys.stderr)
        raise typer.Exit(CHECK_FAILED)


@contextmanager
def _progress() -> Iterator[Progress]:
    """Show progress on stderr: a bar with the time left on a terminal, a line for each part when piped."""
    if not sys.stderr.isatty():
        yield _PlainLines()
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("starting", total=1.0)
        yield lambda words, done: bar.update(task, description=words, completed=done)


class _PlainLines:
    """One line for each part of the job, as it begins."""

    def __init__(self) -> None:
        self.part = ""
        self.lock = threading.Lock()

    def __call__(self, words: str, done: float) -> None:
        with self.lock:
            part = words.partition(":")[0]
            if part != self.part:
                self.part = part
                print(f"{round(100 * done):3d} %  {part}", file=sys.stderr, flush=True)
