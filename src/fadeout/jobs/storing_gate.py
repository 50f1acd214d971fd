"""The geometry gate of an intake: what of a table's places is refused, mended on a person's word, or only told.

Reads   records of one table, the programme's ground
Gives   the records to go on with; findings counted by code; a problem for what refuses
Knows   how `records.gate` speaks and how rows of a file are named; nothing of what is checked
Start   at `gated`
"""

from __future__ import annotations

from dataclasses import replace

import shapely
from shapely.geometry.base import BaseGeometry

from fadeout.errors import Problem
from fadeout.jobs.intake_tables import Table
from fadeout.jobs.storing_rows import Taken
from fadeout.records import gate, mending, places, reading
from fadeout.records.access import Viewer
from fadeout.records.catalogue import KINDS
from fadeout.records.changing import Change
from fadeout.records.record import Record

OWN_CHECK = "gate.same-id"  # an intake tells of ids that stand twice itself, over the whole file
MENDED = "gate.invalid"


def ground_of(change: Change, who: str) -> BaseGeometry | None:
    """Where the store's programmes work, None where none says."""
    found = reading.page(change.connection, change.layout, "programme", Viewer(who, "manager"))
    shapes = [one.shape for one in found if one.shape is not None]
    return shapely.union_all(shapes) if shapes else None


def gated(
    taken: Taken,
    table: Table,
    ground: BaseGeometry | None,
    repair: bool,
    problems: list[Problem],
    findings: dict[str, int],
    notes: list[str],
) -> Taken:
    """Hold the places of a table against the gate; findings are counted, and what refuses is told.

    With `repair`, polygons that cross themselves are mended, and what they were is kept as the entered place.
    """
    if not KINDS[taken.kind].geometry or not taken.records:
        return taken
    records = list(taken.records)
    found = gate.check(taken.kind, [one.id for one in records], [one.shape for one in records], ground)
    for finding in found:
        if finding.code == OWN_CHECK:
            continue
        findings[finding.code] = findings.get(finding.code, 0) + len(finding.rows)
        if finding.code == MENDED and repair:
            for i in finding.rows:
                records[i] = _mended(records[i], table, taken.rows[i], problems, notes)
        elif finding.refuses:
            remedy = finding.remedy + (
                "; --repair mends it and keeps the original" if finding.code == MENDED else ""
            )
            problems.append(table.problem(finding.code, finding.words, remedy, taken.rows[finding.rows[0]]))
        else:
            words = f"{table.layer.file}, layer {table.layer.name}: {finding.words} ({finding.code})"
            notes.append(words)
    return replace(taken, records=records)


def _mended(record: Record, table: Table, row: int, problems: list[Problem], notes: list[str]) -> Record:
    assert record.shape is not None
    try:
        mended = mending.repair(record.shape)
    except ValueError as fault:
        problems.append(table.problem(MENDED, f"{record.id}: {fault}", "draw it again", row))
        return record
    notes.append(f"{record.id} was mended: {mended.words}")
    before = {
        "entered": record.values.get("entered") or shapely.to_wkt(record.shape, rounding_precision=-1),
        "entered_crs": record.values.get("entered_crs") or f"{places.WGS84}, before it was mended",
    }
    return replace(record, shape=mended.shape, values={**record.values, **before})
