"""What every command shares: its options, the clock, the machine, progress, examples in the help.

Reads   the clock, the terminal and (through `settings`) the machine
Gives   option types, `progress`, `now`, `memory`, `examples`
Knows   nothing of jobs
Start   at `progress`
"""

from __future__ import annotations

import getpass
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from fadeout.jobs.assess import Progress

CHECK_FAILED, STOPPED = 3, 130

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


def examples(*commands: str, codes: str = "") -> str:
    """Help that keeps its lines: commands that work, and exit codes."""
    return "\n".join(["\b\nExamples:", *(f"  {command}" for command in commands), "", codes])


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


def now() -> Any:
    """The clock."""
    from datetime import UTC, datetime

    return datetime.now(UTC)


def memory() -> int | None:
    """Bytes that a job may take."""
    from fadeout import settings

    return settings.memory_available()


def person(who: str = "") -> str:
    """The name given, else that under which the person is logged in."""
    if who:
        return who
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "unknown"


@contextmanager
def progress() -> Iterator[Progress]:
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
