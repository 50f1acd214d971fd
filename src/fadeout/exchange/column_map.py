"""A column map: how the layers of somebody else's file become ours, written down once (TOML).

Reads   a map file, and `RawLayer`s as they stand in their files
Gives   `RawLayer`s that go by our names, with their role set
Knows   renaming, constants, values, filters, slices; nothing of what a value means
Start   at `load`, then `ColumnMap.apply`; docs/how-to/your-own-data.md shows maps
"""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import replace
from fnmatch import fnmatch
from pathlib import Path
from typing import Any, Literal

import numpy as np
import shapely
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from shapely.geometry.base import BaseGeometry

from fadeout.errors import InputRefused, Problem
from fadeout.exchange import tables
from fadeout.exchange.layers import RawLayer, Value
from fadeout.records.catalogue import KINDS

Scalar = str | int | float | bool
TARGETS = (
    "evidence",
    "searched",
    "strikes",
    "area",
    "excluded",
    *(k for k in KINDS if k not in ("evidence", "searched")),
)
OTHER = "*"  # in a table of values: whatever is not named


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Slice(_Part):
    """A box that cuts a piece out of large data; it is the area when no layer gives one."""

    bbox: tuple[float, float, float, float]  # west, south, east, north
    crs: str = "EPSG:4326"


class LayerMap(_Part):
    """One foreign layer and what it becomes. Columns are `{ ours = "theirs" }`."""

    to: str
    file: str = "*"
    layer: str = "*"
    crs: str = ""
    order: Literal["", "lon,lat", "lat,lon"] = ""
    columns: dict[str, str] = Field(default_factory=dict)
    constants: dict[str, Scalar] = Field(default_factory=dict)
    values: dict[str, dict[str, Scalar]] = Field(default_factory=dict)
    where: dict[str, tuple[Scalar, ...]] = Field(default_factory=dict)  # keep rows with one of these values
    unless: dict[str, tuple[Scalar, ...]] = Field(default_factory=dict)  # leave out rows with one of these
    percent: tuple[str, ...] = ()  # our columns that hold percent
    dates: str = ""  # e.g. "%d/%m/%Y"
    number_ids: str = ""  # ids are this and the row number
    geometry: Literal["", "centroid"] = ""

    @field_validator("to")
    @classmethod
    def _known(cls, to: str) -> str:
        if to not in TARGETS:
            raise ValueError(f"must be one of {', '.join(TARGETS)}")
        return to

    def matches(self, layer: RawLayer) -> bool:
        """Whether this entry speaks of that layer."""
        return fnmatch(layer.file.lower(), self.file.lower()) and fnmatch(
            layer.name.lower(), self.layer.lower()
        )


class ColumnMap(_Part):
    """A whole map file."""

    title: str = ""
    stamp: str = ""  # words on every product
    simulated: bool = False
    crs: str = ""  # of layers whose file states none
    slice: Slice | None = None
    layer: tuple[LayerMap, ...] = ()
    file: str = ""  # name of the map, for messages

    def apply(self, layers: Sequence[RawLayer], problems: list[Problem]) -> list[RawLayer]:
        """Rename, fill and filter the layers that the map names; others pass unless their file is in the map.

        A foreign layer may become several of ours. Faults are added to `problems`.
        """
        mapped: list[RawLayer] = []
        known = {layer.file for layer in layers if self.speaks_of(layer)}
        for layer in layers:
            mapped += self.become(layer, problems)
            if not self.speaks_of(layer) and layer.file not in known:
                mapped.append(layer if layer.crs or not self.crs else replace(layer, crs=self.crs))
        problems += self.unmatched(layers)
        return mapped

    def speaks_of(self, layer: RawLayer) -> bool:
        """Whether any entry speaks of that layer."""
        return any(entry.matches(layer) for entry in self.layer)

    def become(self, layer: RawLayer, problems: list[Problem]) -> list[RawLayer]:
        """What a foreign layer, or a part of it, becomes by each entry that speaks of it."""
        return [self._become(layer, entry, problems) for entry in self.layer if entry.matches(layer)]

    def unmatched(self, layers: Sequence[RawLayer]) -> list[Problem]:
        """A problem for each entry that speaks of none of these layers."""
        problems = []
        for n, entry in enumerate(self.layer, 1):
            if not any(entry.matches(layer) for layer in layers):
                message = (
                    f"entry {n} (file '{entry.file}', layer '{entry.layer}') matches no layer of the inputs"
                )
                remedy = "check the names; they may hold * for any letters"
                problems.append(Problem("map.no-layer", message, remedy, self.file))
        return problems

    def _become(self, layer: RawLayer, entry: LayerMap, problems: list[Problem]) -> RawLayer:
        kept = self._filtered(layer, entry, problems)
        columns: dict[str, tuple[Value, ...]] = {}
        for ours, theirs in entry.columns.items():
            name = kept.column(theirs)
            if name is None:
                problems.append(self._no_column(theirs, layer))
            else:
                columns[ours] = kept.columns[name]
        for ours, translation in entry.values.items():
            if ours in columns:
                columns[ours] = tuple(_translate(value, translation) for value in columns[ours])
        for ours in entry.percent:
            if ours in columns:
                columns[ours] = tuple(_from_percent(value) for value in columns[ours])
        if kept.table and tables.place_columns(columns) is None:
            columns |= {name: kept.columns[name] for name in tables.place_columns(kept.columns) or ()}
        columns |= {ours: (value,) * len(kept) for ours, value in entry.constants.items()}
        if entry.number_ids:
            columns["id"] = tuple(f"{entry.number_ids}{row}" for row in kept.rows)
        shapes = kept.geometries
        if entry.geometry == "centroid":
            shapes = tuple(None if shape is None else shape.centroid for shape in shapes)
        return replace(
            kept,
            columns=columns,
            geometries=shapes,
            crs=entry.crs or layer.crs or self.crs or None,
            role=entry.to,
            order=entry.order,
            dates=entry.dates,
            mapped=True,
        )

    def _filtered(self, layer: RawLayer, entry: LayerMap, problems: list[Problem]) -> RawLayer:
        keep = np.ones(len(layer), dtype=bool)
        for wanted, rules in ((True, entry.where), (False, entry.unless)):
            for theirs, allowed in rules.items():
                name = layer.column(theirs)
                if name is None:
                    problems.append(self._no_column(theirs, layer))
                    continue
                texts = {str(value) for value in allowed}
                holds = [str(value) in texts for value in layer.columns[name]]
                keep &= np.array(holds, dtype=bool) == wanted
        return layer.kept(np.flatnonzero(keep).tolist())

    def _no_column(self, theirs: str, layer: RawLayer) -> Problem:
        message = f"'{theirs}' is not a column of {layer.file}, layer {layer.name}"
        return Problem("map.no-column", message, f"its columns are {', '.join(layer.columns)}", self.file)


def load(path: Path | str) -> ColumnMap:
    """Read a column map from its file.

    Raises
    ------
    InputRefused
        With every entry that cannot be.
    """
    path = Path(path)
    try:
        return parse(path.read_bytes(), path.name)
    except OSError as error:
        message = f"the column map cannot be read: {error.strerror or error}"
        raise InputRefused([Problem("map.unreadable", message, "check the path", path.name)]) from error


def parse(text: bytes, name: str) -> ColumnMap:
    """Read a column map from its text; `name` stands in messages."""
    try:
        given = tomllib.loads(text.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        message = f"this is not TOML: {error}"
        remedy = "mend the line; docs/how-to/your-own-data.md shows maps"
        raise InputRefused([Problem("map.not-toml", message, remedy, name)]) from error
    try:
        return ColumnMap.model_validate({**given, "file": name})
    except ValidationError as error:
        raise InputRefused([_problem(fault, name) for fault in error.errors()]) from error


def cut(layer: RawLayer, box: BaseGeometry) -> RawLayer:
    """Leave out rows that do not touch a box (in the layer's CRS) and cut polygons and lines at it.

    A shape that is not valid stays whole where its bounds touch the box, so that intake can tell of it.
    """
    west, south, east, north = box.bounds
    which: list[int] = []
    shapes: list[BaseGeometry | None] = []
    for i, shape in enumerate(layer.geometries):
        if shape is None or shape.is_empty:
            which.append(i)
            shapes.append(shape)
            continue
        x0, y0, x1, y1 = shape.bounds
        if x0 > east or x1 < west or y0 > north or y1 < south:
            continue
        piece = _cut_one(shape, box) if shape.is_valid else shape
        if piece is not None:
            which.append(i)
            shapes.append(piece)
    return replace(layer.kept(which), geometries=tuple(shapes))


def _cut_one(shape: BaseGeometry, box: BaseGeometry) -> BaseGeometry | None:
    piece = shape.intersection(box)
    if piece.is_empty or shapely.get_dimensions(piece) < shapely.get_dimensions(shape):
        return None
    if piece.geom_type == "GeometryCollection":
        dimension = shapely.get_dimensions(shape)
        parts = [part for part in piece.geoms if shapely.get_dimensions(part) == dimension]
        piece = shapely.union_all(parts)
    return piece


def _translate(value: Value, translation: dict[str, Scalar]) -> Value:
    if value is None:
        return translation.get("")
    return translation.get(str(value), translation.get(OTHER, value))


def _from_percent(value: Value) -> Value:
    try:
        return float(str(value).strip().rstrip("%").replace(",", ".")) / 100 if value is not None else None
    except ValueError:
        return value


def _problem(fault: Any, file: str) -> Problem:
    place = ".".join(str(part + 1 if isinstance(part, int) else part) for part in fault["loc"])
    if fault["type"] == "extra_forbidden":
        message = f"'{place}' is nothing a column map may hold"
    else:
        message = f"'{place}' is {fault.get('input')!r}: {fault['msg'][0].lower()}{fault['msg'][1:]}"
    return Problem("map.bad-value", message[:400], "docs/how-to/your-own-data.md shows maps", file)
