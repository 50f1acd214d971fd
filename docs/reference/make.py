"""Writes docs/reference/commands.md from the command line's own help, so that the two cannot differ.

Reads   `fadeout.cli`
Gives   commands.md beside this file; with --check, an error if it is out of date
Start   at `main`: `./run python docs/reference/make.py`
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

os.environ["COLUMNS"] = "100"  # the width of the help, whatever the terminal

import typer
from typer.testing import CliRunner

from fadeout.cli import app

PAGE = Path(__file__).with_name("commands.md")
HEAD = """# Commands

Made by `./run python docs/reference/make.py` from `fadeout --help`; do not edit.
In the project's folder write `./run fadeout …`.
"""


def commands(command: object, words: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Every command and group of commands, depth first."""
    yield words
    for name, child in sorted(getattr(command, "commands", {}).items()):
        yield from commands(child, (*words, name))


def page() -> str:
    """The whole page."""
    parts = [HEAD]
    for words in commands(typer.main.get_command(app)):
        told = CliRunner().invoke(app, [*words, "--help"], prog_name="fadeout")
        help_text = "\n".join(line.rstrip() for line in told.stdout.strip("\n").splitlines())
        parts.append(f"## {' '.join(('fadeout', *words))}\n\n```text\n{help_text}\n```\n")
    return "\n".join(parts)


def main() -> None:
    """Write the page, or compare it."""
    new = page()
    if "--check" in sys.argv[1:]:
        if not PAGE.exists() or PAGE.read_text(encoding="utf-8") != new:
            sys.exit("docs/reference/commands.md is out of date: ./run python docs/reference/make.py")
        return
    PAGE.write_text(new, encoding="utf-8")


if __name__ == "__main__":
    main()
