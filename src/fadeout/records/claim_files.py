"""The registry's plain files: tables of claims, sources, states and munition types, as they are shipped.

Reads   CSV files of one folder; the shipped ones by default
Gives   rows, a whole `Registry`, or every fault of the files as `Problem`
Knows   which file holds what
Start   at `shipped`
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from dataclasses import fields
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from fadeout.errors import InputRefused, Problem
from fadeout.records import claim_checks
from fadeout.records.claim_checks import Row
from fadeout.records.claims import Claim, Munition, Registry, Source, Subject

THEMES = ("status", "obligations", "contamination", "transfers", "use", "munition_claims")
COLUMNS: dict[str, tuple[str, ...]] = {
    **{theme: tuple(f.name for f in fields(Claim)) for theme in THEMES},
    "sources": tuple(f.name for f in fields(Source)),
    "states": tuple(f.name for f in fields(Subject)),
    "munitions": tuple(f.name for f in fields(Munition)),
}

Folder = Traversable | Path


def folder() -> Folder:
    """The folder of the shipped files."""
    return files("fadeout.records").joinpath("registry")


@cache
def shipped() -> Registry:
    """The registry as shipped.

    Examples
    --------
    >>> len([one for one in shipped().subjects.values() if one.kind == "state"])
    197
    """
    return read(folder())


def read(where: Folder) -> Registry:
    """Read and check a folder of registry files.

    Raises
    ------
    InputRefused
        With every fault of every file.
    """
    tables, problems = raw(where)
    problems += claim_checks.problems(tables)
    if problems:
        raise InputRefused(problems)
    return registry_of(tables)


def raw(where: Folder, names: tuple[str, ...] = tuple(COLUMNS)) -> tuple[dict[str, list[Row]], list[Problem]]:
    """The rows of the files by name, and what is wrong with the files themselves."""
    tables: dict[str, list[Row]] = {}
    problems: list[Problem] = []
    for name in names:
        tables[name] = []
        file = where.joinpath(f"{name}.csv")
        if not file.is_file():
            remedy = "put the file there; the shipped ones lie in the package, in records/registry"
            problems.append(Problem("registry.no-file", f"there is no {name}.csv", remedy))
            continue
        try:
            tables[name] = _rows(name, file.read_text(encoding="utf-8-sig"), problems)
        except (UnicodeDecodeError, csv.Error) as error:
            problems.append(
                Problem(
                    "registry.unreadable", f"it cannot be read: {error}", "save it as CSV UTF-8", file.name
                )
            )
    return tables, problems


def _rows(name: str, text: str, problems: list[Problem]) -> list[Row]:
    table = csv.reader(io.StringIO(text, newline=""), strict=True)  # a cell may hold a line's end
    header = next(table, [])
    if tuple(header) != COLUMNS[name]:
        message = f"the columns are {','.join(header)[:200]}"
        problems.append(
            Problem("registry.columns", message, f"they must be {','.join(COLUMNS[name])}", f"{name}.csv")
        )
        return []
    rows = []
    for n, cells in enumerate(table, 1):  # as everywhere, the header is not counted
        if not cells:
            continue
        if len(cells) != len(header):
            message = f"the row has {len(cells)} cells, the header {len(header)}"
            problems.append(
                Problem("registry.columns", message, "quote a text with commas", f"{name}.csv", row=n)
            )
            continue
        rows.append(Row(f"{name}.csv", n, dict(zip(header, (cell.strip() for cell in cells), strict=True))))
    return rows


def registry_of(tables: Mapping[str, list[Row]]) -> Registry:
    """A registry of rows that were checked."""
    return Registry(
        tuple(Claim(**row.values) for theme in THEMES for row in tables.get(theme, [])),
        {row.values["id"]: Source(**row.values) for row in tables.get("sources", [])},
        {row.values["id"]: Subject(**row.values) for row in tables.get("states", [])},
        {row.values["id"]: munition_of(row.values) for row in tables.get("munitions", [])},
    )


def munition_of(values: Mapping[str, str]) -> Munition:
    """A munition type of its row; aliases stand in one cell, parted by semicolons."""
    aliases = tuple(one.strip() for one in values["aliases"].split(";") if one.strip())
    return Munition(values["id"], values["name"], aliases, values["submunition"], values["note"])
