"""Writes the pages of the reference that come from the program itself, so that they cannot differ from it.

Reads   `fadeout.cli`, `fadeout.exchange.formats`, `fadeout.web.who_may`
Gives   the pages beside this file; with --check, an error if one is out of date
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
from fadeout.exchange import formats
from fadeout.web import who_may

HERE = Path(__file__).parent
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
    """Write the pages, or compare them."""
    pages = {
        HERE / "commands.md": page(),
        HERE / "formats.md": formats.as_markdown(),
        HERE / "who-may-what.md": who_may.as_markdown(),
    }
    for path, new in pages.items():
        if "--check" not in sys.argv[1:]:
            path.write_text(new, encoding="utf-8")
        elif not path.exists() or path.read_text(encoding="utf-8") != new:
            sys.exit(f"docs/reference/{path.name} is out of date: ./run python docs/reference/make.py")


if __name__ == "__main__":
    main()
