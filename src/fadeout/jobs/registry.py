"""The registry at work: shipped, or kept in a store where its claims are edited as versions.

Reads   the shipped tables, a folder of such tables, or a store
Gives   a `Registry`; claims put into a store, all of them or none
Knows   that a store's registry is checked as a whole before anything of it changes
Start   at `load`
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from datetime import datetime
from pathlib import Path

from fadeout.errors import InputRefused, Problem
from fadeout.records import claim_checks, claim_files
from fadeout.records.access import Viewer
from fadeout.records.changing import Change, Put
from fadeout.records.claim_checks import Row
from fadeout.records.claim_files import THEMES
from fadeout.records.claims import Claim, Registry, Source
from fadeout.records.record import Record
from fadeout.records.store import Store

CLAIM, SOURCE = "claim", "claim_source"
RENAMED = {
    CLAIM: {"note": "remark"},
    SOURCE: {"who": "who_says", "note": "remark"},
}  # column of a file → field


def registry_of(store: Store | None, viewer: Viewer, as_of: str | None = None) -> Registry:
    """Give the registry that a store keeps, the shipped one where there is no store.

    Raises
    ------
    InputRefused
        If the store keeps no claims yet.
    """
    if store is None:
        return claim_files.shipped()
    claims = [_claim(one) for one in store.all(CLAIM, viewer, as_of=as_of)]
    if not claims:
        message = "the store keeps no claims" + (f" as of {as_of}" if as_of else " yet")
        raise InputRefused(
            [Problem("registry.empty", message, "put the shipped ones in: fadeout registry load")]
        )
    sources = {one.id: _source(one) for one in store.all(SOURCE, viewer, as_of=as_of)}
    known = claim_files.shipped()
    return Registry(tuple(claims), sources, known.subjects, known.munitions)


def changes_of(store: Store, viewer: Viewer) -> list[tuple[Claim, datetime, str]]:
    """Every version of every claim that a store keeps: the claim, when it was recorded, and what happened."""
    return [
        (_claim(one.record), datetime.fromisoformat(one.at), one.action)
        for one in store.versions(CLAIM, viewer)
    ]


def check(folder: Path | None) -> Registry:
    """Check a folder of registry tables, the shipped ones if none is given; refused with every fault."""
    return claim_files.shipped() if folder is None else claim_files.read(folder)


def load(
    store: Store, paths: Sequence[Path], viewer: Viewer, *, why: str = "", dry_run: bool = False
) -> dict[str, Put]:
    """Put claims and sources of tables into a store as one change: all of them, or nothing.

    Without paths the shipped tables are put. A folder is read whole; a file by its name: sources.csv or a table of
    claims. What the store holds and the tables do not name stays. The whole that would result is checked first.

    Raises
    ------
    InputRefused
        With every fault of every row; nothing is stored.
    """
    tables, problems = _tables(paths)
    with store.change(
        who=viewer.name, why=why or "load the registry", context={"files": sorted(tables)}, keep=not dry_run
    ) as change:
        problems += claim_checks.problems(_together(store, tables, viewer))
        if problems:
            raise InputRefused(problems)
        return _put(change, tables)


def _tables(paths: Sequence[Path]) -> tuple[dict[str, list[Row]], list[Problem]]:
    if not paths:
        return claim_files.raw(claim_files.folder())
    tables: dict[str, list[Row]] = {}
    problems: list[Problem] = []
    for path in paths:
        names = _names(path)
        if not names:
            message = f"{path.name} is no table of the registry"
            remedy = f"name it as one of {', '.join(f'{name}.csv' for name in (*THEMES, 'sources'))}, or give a folder"
            problems.append(Problem("registry.no-file", message, remedy))
            continue
        found, faults = claim_files.raw(path if path.is_dir() else path.parent, names)
        problems += faults
        for name, rows in found.items():
            tables[name] = tables.get(name, []) + rows
    return tables, problems


def _names(path: Path) -> tuple[str, ...]:
    """The tables that a path holds: those present in a folder, or the one that a file's name says."""
    known = (*THEMES, "sources")
    if path.is_dir():
        return tuple(name for name in known if path.joinpath(f"{name}.csv").is_file())
    return (path.stem,) if path.suffix == ".csv" and path.stem in known else ()


def _together(store: Store, tables: dict[str, list[Row]], viewer: Viewer) -> dict[str, list[Row]]:
    """What the store would hold: its own rows where the tables name no other of their id, and states as shipped."""
    shipped, _ = claim_files.raw(claim_files.folder(), ("states", "munitions"))
    new = {name: {row.values["id"] for row in rows} for name, rows in tables.items()}
    named = set().union(*(ids for name, ids in new.items() if name != "sources"))
    kept = [_row(CLAIM, one) for one in store.all(CLAIM, viewer) if one.id not in named]
    sources = [
        _row(SOURCE, one) for one in store.all(SOURCE, viewer) if one.id not in new.get("sources", set())
    ]
    return {
        **shipped,
        **tables,
        "kept": kept,
        "sources": [*tables.get("sources", []), *sources],
        "states": shipped["states"],
        "munitions": shipped["munitions"],
    }


def _put(change: Change, tables: dict[str, list[Row]]) -> dict[str, Put]:
    put = {}
    sources = [_record(SOURCE, row) for row in tables.get("sources", [])]
    claims = [_record(CLAIM, row) for name in THEMES for row in tables.get(name, [])]
    for kind, records in ((SOURCE, sources), (CLAIM, claims)):
        put[kind] = change.put(records) if records else Put()
    return put


def _record(kind: str, row: Row) -> Record:
    values = {
        RENAMED[kind].get(name, name): value for name, value in row.values.items() if name != "id" and value
    }
    return Record(kind, row.values["id"], {**values, "sensitivity": "public"})


def _row(kind: str, record: Record) -> Row:
    return Row("the store", None, _cells(kind, record))


def _cells(kind: str, record: Record) -> dict[str, str]:
    """A record's values under the columns of the files."""
    names = (one.name for one in fields(Claim if kind == CLAIM else Source))
    renamed = RENAMED[kind]
    return {
        name: record.id if name == "id" else str(record.values.get(renamed.get(name, name), "") or "")
        for name in names
    }


def _claim(record: Record) -> Claim:
    return Claim(**_cells(CLAIM, record))


def _source(record: Record) -> Source:
    return Source(**_cells(SOURCE, record))
