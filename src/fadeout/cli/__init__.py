"""All commands. Each parses its arguments, calls one job, and answers: results on stdout, the rest on stderr.

Reads   the command line
Gives   a command's exit code
Knows   which file holds which commands; `EXIT_CODES` is the one table from errors to exit codes
Start   at `main`
"""

from __future__ import annotations

import sys
from typing import Annotated, NoReturn

import typer

from fadeout.cli import (
    assessing,
    looking,
    people,
    registry,
    registry_publishing,
    releasing,
    reporting,
    serving,
    storing,
)
from fadeout.cli.options import STOPPED
from fadeout.errors import FadeoutError

EXIT_CODES: tuple[tuple[type[BaseException], int], ...] = (  # the first that fits
    (KeyboardInterrupt, STOPPED),
    (FadeoutError, 2),
    (BrokenPipeError, 0),  # the reader of our output left, as `head` does
)

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
app.add_typer(assessing.app)
app.add_typer(storing.app)
app.add_typer(looking.app)
app.add_typer(releasing.app)
app.add_typer(people.app)
app.add_typer(registry.app)
app.add_typer(registry_publishing.app)
app.add_typer(reporting.app)
app.add_typer(serving.app)


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
