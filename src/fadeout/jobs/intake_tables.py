"""Which layer is what, which column is what, and what a cell says.

Reads   `RawLayer`s
Gives   `Table`s: a layer with its role, its columns by our names, and `Row`s that give checked values
Knows   our layers and columns, their other names, and the codes of what can be wrong in a cell
Start   at `recognise`; `ROLES` is the table of layers and columns
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import TypeVar

from shapely.geometry.base import BaseGeometry

from fadeout.errors import Problem
from fadeout.exchange.layers import RawLayer, Value, key
from fadeout.jobs import cells
from fadeout.records.catalogue import KINDS as KINDS_KEPT
from fadeout.records.catalogue import fields_of

T = TypeVar("T")
KINDS = ("item", "fragment", "accident", "report")
HOWS = ("survey", "clearance", "opportunistic")
OUTCOMES = ("complete", "partial", "stopped_at_find", "not_searchable")
SEARCH_KINDS = ("survey", "clearance")


@dataclass(frozen=True)
class Role:
    """One of our layers: its other names, its columns with their other names, those that every row needs."""

    names: tuple[str, ...]
    columns: dict[str, tuple[str, ...]]
    required: tuple[str, ...] = ()
    lines: bool = False
    points: bool = False


def _role(kind: str, columns: str, required: tuple[str, ...] = ("id",)) -> Role:
    """A layer that holds records of a kind, of whose columns an assessment reads these."""
    about = KINDS_KEPT[kind]
    names = {f.name: f.other_names for f in fields_of(about)} | {"id": about.id_names}
    return Role(
        (kind, *about.other_names),
        {column: names[column] for column in columns.split()},
        required,
        lines=about.geometry == "ground",
        points=about.geometry == "point",
    )


ROLES = {
    "evidence": _role("evidence", "id found_on kind how count munition position_error_m searched_id"),
    "searched": _role(
        "searched", "id searched_on method detection outcome share_searched team kind swath_m depth_cm"
    ),
    "strikes": _role(
        "strike", "id struck_on munition carriers position_error_m credibility source duplicate_of"
    ),
    "area": Role(("area", "study_area", "assessed_area", "assessment_area", "aoi"), {"id": (), "name": ()}),
    "excluded": Role(
        ("excluded", "excluded_ground", "excluded_areas", "excluded_area"), {"id": (), "reason": ()}
    ),
}
# What a store takes in: every kind, with all its fields.
KEPT_ROLES = {
    name: _role(name, " ".join(f.name for f in fields_of(about))) for name, about in KINDS_KEPT.items()
}
NAMED = {**KEPT_ROLES, "area": ROLES["area"], "excluded": ROLES["excluded"]}  # all names that mean something
# Columns that people and programs keep beside the facts; they are left out without a word.
HARMLESS = frozenset(
    {"name", "description", "desc", "remark", "remarks", "note", "notes", "comment", "comments"}
    | {"stamp"}  # words for every product; `intake` takes them along
    | {"photo", "photos", "fid", "ogc_fid", "objectid", "uuid", "globalid"}
    | {"submitted_at"}  # when a form server had it
)
SHAPEFILE_NAME = 10  # letters of a column name in a .dbf


@dataclass(frozen=True, eq=False)
class Table:
    """A layer of which we know what it is: `columns` gives our name → the layer's own."""

    role: str
    layer: RawLayer
    columns: dict[str, str]

    @property
    def place(self) -> tuple[str, str]:
        """File and layer, for messages."""
        return self.layer.file, self.layer.name

    def problem(self, code: str, message: str, remedy: str, row: int | None = None) -> Problem:
        """A problem at this table, or at one of its rows."""
        return Problem(code, message, remedy, self.layer.file, self.layer.name, row)

    def rows(self, problems: list[Problem]) -> Iterator[Row]:
        """Each row with its checked cells; faults go to `problems`."""
        for i in range(len(self.layer)):
            yield Row(self, i, problems)


@dataclass(frozen=True, eq=False)
class Row:
    """One row: each method gives a checked value, or tells the fault and gives None (or the default)."""

    table: Table
    index: int
    problems: list[Problem]

    @property
    def number(self) -> int:
        """1-based data row in the file."""
        return self.table.layer.rows[self.index]

    @property
    def shape(self) -> BaseGeometry | None:
        """The geometry as it stands in the layer."""
        return self.table.layer.geometries[self.index]

    def refuse(self, code: str, message: str, remedy: str) -> None:
        """Tell a fault of this row."""
        self.problems.append(self.table.problem(code, message, remedy, self.number))

    def raw(self, name: str) -> Value:
        """The cell as it stands, None where it is empty or the column is not there."""
        column = self.table.columns.get(name)
        return None if column is None else self.table.layer.columns[column][self.index]

    def text(self, name: str) -> str:
        """The cell as text."""
        return cells.text(self.raw(name))

    def id(self) -> str:
        """The row's id."""
        name = self.text("id")
        if not name:
            self.refuse("intake.missing-value", "the row has no id", "give every row an id of its own")
        return name

    def choice(self, name: str, allowed: tuple[str, ...], default: str) -> str:
        """One of some words, whatever its case."""
        text = self.text(name)
        return (self._told(lambda: cells.choice(name, text, allowed)) or default) if text else default

    def real(self, name: str, low: float, high: float, unit: str, above: bool = False) -> float | None:
        """A number from low to high (above low if `above`); None where the cell is empty."""
        value, comma = self.raw(name), self.table.layer.decimal_comma
        if cells.text(value) == "":
            return None
        return self._told(lambda: cells.real(name, value, low, high, unit, comma, above))

    def share(self, name: str) -> float | None:
        """A probability or share, 0 to 1; percentages are recognised and refused."""
        value, comma = self.raw(name), self.table.layer.decimal_comma
        return None if cells.text(value) == "" else self._told(lambda: cells.share(name, value, comma))

    def whole(self, name: str, default: int) -> int:
        """A whole number of at least 1."""
        value, comma = self.raw(name), self.table.layer.decimal_comma
        if cells.text(value) == "":
            return default
        return self._told(lambda: cells.whole(name, value, comma)) or default

    def day(self, name: str, today: date) -> date | None:
        """A date (YYYY-MM-DD, YYYY-MM or YYYY) that is not in the future."""
        text = self.text(name)
        manner = cells.Manner(dates=self.table.layer.dates, today=today)
        return self._told(lambda: cells.day(name, text, manner)) if text else None

    def _told(self, read: Callable[[], T]) -> T | None:
        """What a cell says; None, and the fault told, where it says nothing that can be used."""
        try:
            return read()
        except cells.CellFault as fault:
            self.refuse(fault.code, fault.message, fault.remedy)
            return None


def role_of(layer: RawLayer, roles: Mapping[str, Role] = ROLES) -> str | None:
    """Tell which of ours a layer is by its own name, else by its file's; None if neither says."""
    if layer.role:
        return layer.role
    stem = layer.file.rsplit(".", 1)[0]
    by_name = _role_named(layer.name, roles)
    if by_name and not (layer.format == "GPX" and layer.name in ("tracks", "routes", "waypoints")):
        return by_name
    by_file = _role_named(stem, roles)
    if by_file and layer.format == "GPX":
        return by_file if roles[by_file].points == (layer.name == "waypoints") else None
    return by_file if layer.alone else None


def _role_named(name: str, roles: Mapping[str, Role]) -> str | None:
    """The role that a name says: as a whole, else as one of the words in it, if only one role does."""
    whole = key(name)
    exact = [role for role, about in roles.items() if whole in about.names]
    if exact:
        return exact[0]
    words = f"_{whole}_"
    found = {role for role, about in roles.items() if any(f"_{other}_" in words for other in about.names)}
    found -= {"area"} if len(found) > 1 else set()  # my_searched_area is searched ground
    return found.pop() if len(found) == 1 else None


def recognise(layers: list[RawLayer], problems: list[Problem], notes: list[str]) -> list[Table]:
    """Give the layers a role and their columns our names; faults go to `problems`, remarks to `notes`."""
    tables, unknown = [], []
    for layer in layers:
        role = role_of(layer)
        if role is None:
            unknown.append(layer)
        elif role not in ROLES:
            notes.append(f"{layer.file}, layer {layer.name}: no assessment reads {role} records, left out")
        else:
            tables.append(_table(layer, role, problems, notes))
    files = {table.layer.file for table in tables}
    for layer in unknown:
        near = difflib.get_close_matches(
            key(layer.name), [n for r in ROLES.values() for n in r.names], 1, 0.8
        )
        if near or layer.file not in files:
            _refuse_layer(layer, near, problems)
        else:
            notes.append(f"{layer.file}, layer {layer.name}: not one of ours, left out")
    return tables


def _refuse_layer(layer: RawLayer, near: list[str], problems: list[Problem]) -> None:
    hint = f"did you mean '{near[0]}'? " if near else ""
    message = f"neither the layer's name '{layer.name}' nor the file's says what it holds"
    remedy = f"{hint}name it {', '.join(ROLES)}, or give a column map"
    problems.append(Problem("intake.unknown-layer", message, remedy, layer.file, layer.name))


def _table(layer: RawLayer, role: str, problems: list[Problem], notes: list[str]) -> Table:
    """Match the columns of a layer to ours, and tell of those that are missing or that nobody knows."""
    table, unknown = matched(layer, role, ROLES[role], problems)
    if len(layer) == 0:
        message = "the layer holds no rows"
        if role == "area":
            problems.append(
                table.problem("intake.empty-layer", message, "draw the area, or leave the layer out")
            )
        else:
            notes.append(f"{layer.file}, layer {layer.name}: no rows")
    _check_columns(table, unknown, problems)
    return table


def matched(layer: RawLayer, role: str, about: Role, problems: list[Problem]) -> tuple[Table, list[str]]:
    """Match the columns of a layer to ours; give the table, and the columns that nobody knows."""
    columns: dict[str, str] = {}
    unknown = []
    for theirs in layer.columns:
        ours = _our_name(theirs, about, layer)
        if ours is None or (ours in columns and theirs.startswith("_")):
            unknown.append(theirs)
        elif ours in columns and columns[ours].startswith("_"):
            unknown.append(columns[ours])
            columns[ours] = theirs
        elif ours in columns:
            message = f"'{columns[ours]}' and '{theirs}' both stand for {ours}"
            remedy = "keep one of them, or name the right one in a column map"
            problems.append(Problem("intake.twice-column", message, remedy, *(layer.file, layer.name)))
        else:
            columns[ours] = theirs
    table = Table(role, layer, columns)
    _name_as_id(table, about)
    return table, unknown


def _our_name(theirs: str, about: Role, layer: RawLayer) -> str | None:
    word = key(theirs)
    if word in about.columns:
        return word
    for ours, others in about.columns.items():
        if word in others:
            return ours
    if layer.format == "Shapefile" and len(word) == SHAPEFILE_NAME:
        cut = [ours for ours in about.columns if ours[:SHAPEFILE_NAME] == word]
        return cut[0] if len(cut) == 1 else None
    return None


def _name_as_id(table: Table, about: Role) -> None:
    """KML and GPX know names, not ids: where no id is given, the name is it."""
    if "id" not in about.required or table.layer.format not in ("KML", "KMZ", "GPX"):
        return
    has_id = "id" in table.columns and any(v is not None for v in table.layer.columns[table.columns["id"]])
    name = table.layer.column("name")
    if not has_id and name is not None:
        table.columns["id"] = name


def _check_columns(table: Table, unknown: list[str], problems: list[Problem]) -> None:
    about = ROLES[table.role]
    known = ", ".join(about.columns)
    missing = [name for name in about.required if name not in table.columns]
    if table.role == "searched" and not {"method", "detection"} & set(table.columns):
        missing.append("method (or detection)")
    if missing and len(table.layer):
        found = ", ".join(table.layer.columns) or "none"
        message = f"missing column {', '.join(missing)}; the columns are {found}"
        problems.append(
            table.problem("intake.missing-column", message, "add it, or name the column in a column map")
        )
    if table.role in ("area", "excluded"):
        return  # only their ground matters
    kept = KEPT_ROLES[
        "strike" if table.role == "strikes" else table.role
    ].columns  # what a store and a form keep
    passed = HARMLESS | kept.keys()
    strange = [name for name in unknown if key(name) not in passed and not name.startswith("_")]
    hints = []
    for name in strange:
        near = difflib.get_close_matches(key(name), about.columns, 1, 0.75)
        hints.append(f"'{name}'" + (f" (did you mean {near[0]}?)" if near else ""))
    if strange:
        message = f"unknown column {', '.join(hints)}"
        remedy = f"rename it, take it out, begin its name with _, or give a column map; known are {known}"
        problems.append(table.problem("intake.unknown-column", message, remedy))
