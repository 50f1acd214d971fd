"""Areas surveyed as a benchmark and turning points: from a table of bearings and distances to polygons.

Reads   a table with the columns area, benchmark, leg, bearing, distance_m
Gives   hazardous areas as proposals, each with its closing error; every faulty area told
Knows   how such tables are written; the geometry is `records.traverse`
Start   at `laid_out`

The benchmark stands in an area's first row, as people type places. Legs named "start" lead from the benchmark to the
start point; the others go round the area in their order, the last back to the start.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from fadeout.errors import InputRefused, Problem
from fadeout.exchange import formats
from fadeout.exchange.layers import RawLayer
from fadeout.jobs import cells
from fadeout.records import coordinates, traverse
from fadeout.records.record import Record

COLUMNS = ("area", "benchmark", "leg", "bearing", "distance_m")
START = "start"
AS_MEASURED = "benchmark, bearings and distances"


@dataclass(frozen=True)
class Manner:
    """How bearings were measured, and whether the closing error is distributed: a person's word."""

    north: traverse.North = "true"
    declination: float = 0.0
    unit: str = "degrees"
    adjust: bool = False


@dataclass
class _Area:
    row: int
    benchmark: str = ""
    to_start: list[tuple[float, float]] = field(default_factory=list)
    legs: list[tuple[float, float]] = field(default_factory=list)


def laid_out(path: Path, manner: Manner) -> list[Record]:
    """Give the areas of a table as suspected hazardous areas.

    Raises
    ------
    InputRefused
        With every faulty cell, and every area that cannot be laid out.
    """
    layer = formats.read(path)[0]
    problems = [
        Problem(
            "traverse.no-column",
            f"there is no column '{name}'",
            f"name it so; needed are {', '.join(COLUMNS)}",
            path.name,
        )
        for name in COLUMNS
        if layer.column(name) is None
    ]
    if problems:
        raise InputRefused(problems)
    areas = _areas(layer, problems)
    records = [_record(id, area, manner, layer, problems) for id, area in areas.items()]
    if problems:
        raise InputRefused(problems)
    return [record for record in records if record is not None]


def _areas(layer: RawLayer, problems: list[Problem]) -> dict[str, _Area]:
    columns = {name: layer.columns[str(layer.column(name))] for name in COLUMNS}
    areas: dict[str, _Area] = {}
    for i, row in enumerate(layer.rows):
        area = areas.setdefault(cells.text(columns["area"][i]), _Area(row))
        area.benchmark = area.benchmark or cells.text(columns["benchmark"][i])
        try:
            bearing = cells.plain_number("bearing", columns["bearing"][i], layer.decimal_comma)
            distance = cells.plain_number("distance_m", columns["distance_m"][i], layer.decimal_comma)
        except cells.CellFault as fault:
            problems.append(Problem(fault.code, fault.message, fault.remedy, layer.file, layer.name, row))
            continue
        start = cells.text(columns["leg"][i]).lower() == START
        (area.to_start if start else area.legs).append((bearing, distance))
    return areas


def _record(id: str, area: _Area, manner: Manner, layer: RawLayer, problems: list[Problem]) -> Record | None:
    try:
        if not id:
            raise ValueError("the row names no area")
        place = coordinates.read(area.benchmark)
        found = traverse.traverse(
            (place.lon, place.lat),
            area.legs,
            to_start=area.to_start,
            north=manner.north,
            declination=manner.declination,
            unit=manner.unit,
            adjust=manner.adjust,
        )
    except ValueError as fault:
        remedy = "look at the form; a closing error above 1 % is measured again"
        problems.append(
            Problem("traverse.refused", f"{id}: {fault}", remedy, layer.file, layer.name, area.row)
        )
        return None
    values = {
        "state": "suspected",
        "class": "SHA",
        "entered": f"{area.benchmark}; {_written(area.to_start, START)}{_written(area.legs, 'leg')}".strip(
            "; "
        ),
        "entered_crs": f"{AS_MEASURED}, {manner.north} north, {manner.unit}",
        "remark": found.words,
    }
    return Record("hazardous_area", id, dict(values), found.shape)


def _written(legs: Sequence[tuple[float, float]], name: str) -> str:
    return "".join(f"{name} {bearing:g}/{distance:g}; " for bearing, distance in legs)
