"""From tables to records for a store, column by column, so that a million rows go through.

Reads   a `Table` whose geometries are made
Gives   `Record`s with the row each came from; every fault of a cell or place goes to the list of problems
Knows   the fields of each kind, and which kinds must have a place
Start   at `records_of`
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from fadeout.errors import Problem
from fadeout.exchange import tables
from fadeout.exchange.layers import RawLayer, Value
from fadeout.jobs import cells
from fadeout.jobs.intake_places import check_coordinates
from fadeout.jobs.intake_tables import Table
from fadeout.records import places
from fadeout.records.catalogue import KINDS, Field, fields_of
from fadeout.records.checking import SHAPES
from fadeout.records.record import Plain, Record

PLACED = ("evidence", "searched", "box", "strike", "hazardous_area", "release")  # of no use without a place

Shapes = list[BaseGeometry | None]


@dataclass(frozen=True, eq=False)
class Taken:
    """Records of one table, the row of the file that each came from, and the columns that the file has of them."""

    kind: str
    records: list[Record]
    rows: list[int]
    columns: frozenset[str] = frozenset()


def entered_of(layer: RawLayer) -> tuple[list[str], str]:
    """The places of a table as they were typed, and what they are called: "lat, lon", or the column's own name."""
    pair = tables.place_columns(layer.columns) if layer.table else None
    if pair is None:
        return [], ""
    columns = [layer.columns[name] for name in pair]
    texts = [", ".join(cells.text(value) for value in place) for place in zip(*columns, strict=True)]
    return texts, ", ".join(pair)


def records_of(
    table: Table, entered: Sequence[str], entered_as: str, today: date, problems: list[Problem]
) -> Taken:
    """Give the records of a table whose rows hold no fault."""
    before = len(problems)
    shapes = _placed(table, problems)
    columns = {about.name: _column(table, about, today, problems) for about in _fields(table)}
    ids = columns.pop("id", None) or [""] * len(table.layer)
    _enter(table, columns, entered, entered_as)
    names = list(columns)
    bad = _refused(table, problems[before:])
    taken = Taken(table.role, [], [], frozenset(names))
    for row, id, shape, values in zip(
        table.layer.rows,
        ids,
        shapes,
        zip(*columns.values(), strict=True) if names else [()] * len(ids),
        strict=True,
    ):
        if not id:
            remedy = "give every row an id of its own, or number_ids in a column map"
            problems.append(table.problem("intake.missing-value", "the row has no id", remedy, row))
        elif row not in bad:
            kept = {name: value for name, value in zip(names, values, strict=True) if value is not None}
            taken.records.append(Record(table.role, str(id), kept, shape))
            taken.rows.append(row)
    return taken


def _fields(table: Table) -> list[Field]:
    return [about for about in fields_of(KINDS[table.role]) if about.name in table.columns]


def _column(table: Table, about: Field, today: date, problems: list[Problem]) -> list[Plain]:
    """What each cell of a column says; what was read once is not read again."""
    layer = table.layer
    manner = cells.Manner(layer.decimal_comma, layer.dates, today)
    known: dict[tuple[type, Value], Plain] = {}
    found: list[Plain] = []
    for row, value in zip(layer.rows, layer.columns[table.columns[about.name]], strict=True):
        if value is None or value == "":
            found.append(None)
            continue
        mark = (type(value), value)
        if mark not in known:
            try:
                known[mark] = cells.parsed(about, value, manner)
            except cells.CellFault as fault:
                problems.append(table.problem(fault.code, fault.message, fault.remedy, row))
                found.append(None)
                continue
        found.append(known[mark])
    return found


def _enter(table: Table, columns: dict[str, list[Plain]], entered: Sequence[str], entered_as: str) -> None:
    """Keep the place as it was given beside the parsed one, where the two are not the same."""
    if "entered" in columns:
        return
    layer = table.layer
    if entered:
        columns["entered"] = [text or None for text in entered]
        crs = f"{entered_as} ({layer.crs})" if layer.crs else entered_as
        columns["entered_crs"] = [crs] * len(layer)
    elif layer.crs and layer.crs != places.WGS84 and any(shape is not None for shape in layer.geometries):
        shapes = np.array([*layer.geometries, None], dtype=object)[:-1]
        columns["entered"] = list(shapely.to_wkt(shapes, rounding_precision=-1))
        columns["entered_crs"] = [places.crs_name(layer.crs)] * len(layer)


def _placed(table: Table, problems: list[Problem]) -> Shapes:
    """The table's geometries in longitude and latitude; None where one was refused."""
    layer, kind = table.layer, KINDS[table.role]
    shapes = list(layer.geometries)
    if not kind.geometry:
        return [None] * len(shapes)
    wanted = SHAPES[kind.geometry]
    for i, shape in enumerate(shapes):
        if shape is None or shape.is_empty:
            shapes[i] = None
            if table.role in PLACED and layer.rows[i] not in layer.refused:
                _refuse(table, i, "the row has no place", wanted, problems)
        elif shape.geom_type not in wanted:
            shapes[i] = _as_wanted(shape, wanted)
            if shapes[i] is None:
                _refuse(table, i, f"the geometry is a {shape.geom_type}", wanted, problems)
    if layer.crs is None:
        return shapes
    check_coordinates(table, shapes, problems)
    return list(places.move(shapes, layer.crs, places.WGS84))


def _as_wanted(shape: BaseGeometry, wanted: tuple[str, ...]) -> BaseGeometry | None:
    """A collection of one part is that part; a ring is a line."""
    if hasattr(shape, "geoms") and len(shape.geoms) == 1 and shape.geoms[0].geom_type in wanted:
        return shape.geoms[0]
    if shape.geom_type == "LinearRing" and "LineString" in wanted:
        return shapely.LineString(shape.coords)
    return None


def _refuse(table: Table, i: int, words: str, wanted: tuple[str, ...], problems: list[Problem]) -> None:
    remedy = f"a {KINDS[table.role].title.lower()} has a {' or '.join(wanted)}; mend it or leave the row out"
    problems.append(table.problem("intake.bad-geometry", words, remedy, table.layer.rows[i]))


def _refused(table: Table, problems: Sequence[Problem]) -> set[int]:
    return {problem.row for problem in problems if problem.row is not None} | set(table.layer.refused)
