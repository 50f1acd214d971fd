"""What the commands of a store share: its options, opening it, tables and JSON.

Reads   the command line
Gives   option types, `opened`, `print_table`, `print_json`
Knows   nothing of jobs
Start   at `opened`
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fadeout.cli.options import now, person

if TYPE_CHECKING:
    from fadeout.jobs.storing import Review
    from fadeout.records.access import Viewer
    from fadeout.records.store import Store

MOST_ALIKE = 20  # pairs of a file that are listed; --json gives all
WIDEST = 60  # letters of a cell; --json gives the whole

STORE_HELP = """\b
Exit codes:
  0    done
  2    wrong arguments, or input refused: every faulty row and its reason on stderr, nothing of that file stored
  130  stopped with Ctrl-C: files told as stored are whole, nothing else is there
"""
VERIFY_HELP = """\b
Exit codes:
  0    nothing was changed behind history's back
  2    the store cannot be read
  3    rows that do not fit, each named
"""

Address = Annotated[
    str,
    typer.Option(
        "--store",
        envvar="FADEOUT_STORE",
        metavar="STORE",
        help="A store: a .gpkg file, or the address of a PostgreSQL database.",
    ),
]
Who = Annotated[
    str,
    typer.Option(
        "--who", envvar="FADEOUT_USER", metavar="NAME", help="Who makes the change; you if not given."
    ),
]
Why = Annotated[str, typer.Option("--why", metavar="TEXT", help="Why the change is made.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print as JSON.")]
Role = Annotated[
    str,
    typer.Option(
        "--as",
        metavar="ROLE",
        help="See records as this role may: public, partner, staff, manager or victim_assistance.",
    ),
]
Standard = Annotated[
    str | None,
    typer.Option(
        "--standard",
        metavar="NAME",
        help="The national standard: south-east-asia, single-strike, or a TOML file; the first if not given.",
    ),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Tell what would be stored; store nothing.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Store without asking.")]
Purpose = Annotated[
    str,
    typer.Option("--purpose", metavar="TEXT", help="What for; needed for records of persons, and logged."),
]
KindArgument = Annotated[
    str, typer.Argument(metavar="KIND", help="A kind of record: evidence, searched, box ...")
]


def opened(store: str) -> Store:
    """The store at an address."""
    from fadeout.records.store import open_store

    return open_store(store, now)


def viewer_as(role: str, purpose: str = "") -> Viewer:
    """Who looks: the person at the terminal, in a role."""
    from fadeout.records.access import Viewer

    return Viewer(person(""), role, purpose)


def pairs(given: Sequence[str]) -> dict[str, str]:
    """COLUMN=VALUE words as a mapping."""
    bad = [one for one in given if "=" not in one]
    if bad:
        raise typer.BadParameter(f"'{bad[0]}' is not COLUMN=VALUE")
    return dict(one.split("=", 1) for one in given)


def box_of(text: str) -> tuple[float, float, float, float] | None:
    """A box of the command line, None where none was given."""
    if not text:
        return None
    try:
        west, south, east, north = (float(part) for part in text.split(","))
    except ValueError:
        raise typer.BadParameter(f"'{text}' is not W,S,E,N in degrees", param_hint="--bbox") from None
    return west, south, east, north


def print_json(value: object) -> None:
    """A value as JSON on stdout."""
    print(json.dumps(value, indent=2, ensure_ascii=False))


def print_table(rows: Sequence[dict[str, Any]], empty: str) -> None:
    """Rows as a plain table on stdout; words where there are none."""
    if not rows:
        if empty:
            print(empty)
        return
    names = list(rows[0])
    texts = [[_cell(row[name]) for name in names] for row in rows]
    widths = [max(len(name), *(len(line[i]) for line in texts)) for i, name in enumerate(names)]
    for line in [names, *texts]:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def _cell(value: object) -> str:
    text = "" if value is None else str(value)
    return text if len(text) <= WIDEST else text[: WIDEST - 1] + "…"


def no_word(review: Review) -> None:
    """Tell nothing yet: with --json all is told at the end."""


def tell_stored(review: Review) -> None:
    """Tell of a file at once: what is told here is stored, whatever happens after."""
    if review.change is not None:
        print(f"{review.file}: stored as change {review.change}.", flush=True)


def show_reviews(reviews: Sequence[Review]) -> None:
    """What is refused and noted on stderr; findings, records that look alike and counts as tables."""
    rows = []
    for review in reviews:
        for kind, put in review.counts.items():
            rows.append(
                {"file": review.file, "kind": kind, "new": put.new, "changed": put.changed, "same": put.same}
            )
        for problem in review.problems:
            print(problem, file=sys.stderr)
        if review.problems:
            print(f"{review.file}: refused, nothing of it was stored.", file=sys.stderr)
        for note in review.notes:
            print(f"Note: {note}.", file=sys.stderr)
    found = [
        {"file": review.file, "finding": code, "rows": number}
        for review in reviews
        for code, number in review.findings.items()
    ]
    print_table(found, "")
    alike = [
        {"file": review.file, **{name: row[name] for name in ("kind", "first", "second", "why")}}
        for review in reviews
        for row in review.duplicates[:MOST_ALIKE]
    ]
    print_table(alike, "")
    more = sum(len(review.duplicates) for review in reviews) - len(alike)
    if more > 0:
        print(
            f"{more} more pairs may be one: see --json, or fadeout records duplicates KIND.", file=sys.stderr
        )
    whole = [row for row in rows if not any(r.problems for r in reviews if r.file == row["file"])]
    print_table(whole, "")
    for review in reviews:
        if not review.problems and not (review.put.new or review.put.changed):
            print(f"{review.file}: nothing new, nothing changed.")


def change_row(change: dict[str, Any]) -> dict[str, Any]:
    """A change as one line of a table."""
    return {name: change[name] for name in ("change", "at", "who", "rows", "why")}
