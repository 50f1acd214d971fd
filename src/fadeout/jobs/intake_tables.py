"""Which layer is what, which column is what, and what a cell says.

Reads   `RawLayer`s
Gives   `Table`s: a layer with its role, its columns by our names, and `Row`s that give checked values
Knows   our layers and columns, their other names, and the codes of what can be wrong in a cell
Start   at `recognise`; `ROLES` is the table of layers and columns
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime

from shapely.geometry.base import BaseGeometry

from fadeout.errors import Problem
from fadeout.exchange.layers import RawLayer, Value, key
from fadeout.exchange.tables import number

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


ROLES = {
    "evidence": Role(
        ("evidence", "evidence_points", "evidence_point", "finds", "find", "items"),
        {
            "id": ("evidence_id", "find_id", "ep_id"),
            "found_on": ("date", "date_found", "found"),
            "kind": ("evidence_kind",),
            "how": ("found_by",),
            "count": ("number_of_items", "quantity"),
            "munition": ("munition_type",),
            "position_error_m": ("accuracy_m", "accuracy", "gps_accuracy_m"),
            "searched_id": ("box_id", "search_id"),
        },
        ("id",),
        points=True,
    ),
    "searched": Role(
        (
            *("searched", "searched_ground", "searched_areas", "searched_area", "searches", "search"),
            *("survey_boxes", "boxes", "search_tracks", "tracks"),
        ),
        {
            "id": ("searched_id", "box_id", "search_id"),
            "searched_on": ("date", "date_searched"),
            "method": ("search_method",),
            "detection": ("detection_probability", "p_detection"),
            "outcome": ("result",),
            "share_searched": ("share",),
            "team": (),
            "kind": ("search_kind",),
            "swath_m": ("swath", "swath_width_m"),
            "depth_cm": ("depth",),
        },
        ("id",),
        lines=True,
    ),
    "strikes": Role(
        ("strikes", "strike", "strike_records", "strike_record", "strike_data"),
        {
            "id": ("strike_id", "record_id"),
            "struck_on": ("date", "date_struck"),
            "munition": ("munition_type", "weapon_type", "weapon"),
            "carriers": ("n_weapons", "number_of_carriers"),
            "position_error_m": ("accuracy_m", "accuracy"),
            "credibility": (),
            "source": (),
            "duplicate_of": (),
        },
        ("id",),
        points=True,
    ),
    "area": Role(("area", "study_area", "assessed_area", "assessment_area", "aoi"), {"id": (), "name": ()}),
    "excluded": Role(
        ("excluded", "excluded_ground", "excluded_areas", "excluded_area"), {"id": (), "reason": ()}
    ),
}
# Columns that people and programs keep beside the facts; they are left out without a word.
HARMLESS = frozenset(
    {"name", "description", "desc", "remark", "remarks", "note", "notes", "comment", "comments"}
    | {"stamp"}  # words for every product; `intake` takes them along
    | {"photo", "photos", "fid", "ogc_fid", "objectid", "uuid", "globalid"}
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
        """The cell as text; 7.0 becomes "7", as spreadsheets make whole ids into fractions."""
        value = self.raw(name)
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        return "" if value is None else str(value).strip()

    def id(self) -> str:
        """The row's id."""
        name = self.text("id")
        if not name:
            self.refuse("intake.missing-value", "the row has no id", "give every row an id of its own")
        return name

    def choice(self, name: str, allowed: tuple[str, ...], default: str) -> str:
        """One of some words, whatever its case."""
        text = self.text(name)
        if not text:
            return default
        word = key(text)
        if word in allowed:
            return word
        near = difflib.get_close_matches(word, allowed, 1, 0.6)
        hint = f"did you mean '{near[0]}'? " if near else ""
        self.refuse(
            "intake.bad-value",
            f"{name} is '{text}'",
            f"{hint}write one of {', '.join(allowed)}, or translate the values in a column map",
        )
        return default

    def real(self, name: str, low: float, high: float, unit: str, above: bool = False) -> float | None:
        """A number from low to high (above low if `above`); None where the cell is empty."""
        value = self._number(name)
        if value is None:
            return None
        if low <= value <= high and not (above and value == low):
            return value
        span = f"above {low:g}" if above else f"of at least {low:g}"
        limit = f" and at most {high:g}" if high < 1e9 else ""
        self.refuse("intake.bad-value", f"{name} is {value:g}", f"write a number {span}{limit} ({unit})")
        return None

    def share(self, name: str) -> float | None:
        """A probability or share, 0 to 1; percentages are recognised and refused."""
        value = self.raw(name)
        percent = isinstance(value, str) and value.rstrip().endswith("%")
        found = self._number(name, str(value).rstrip().removesuffix("%")) if percent else self._number(name)
        if found is None:
            return None
        if percent or 1 < found <= 100:
            self.refuse(
                "intake.percent",
                f"{name} is {self.text(name)}, which looks like percent",
                f"write a share from 0 to 1 ({found / 100:g}), or name the column under percent in a column map",
            )
            return None
        if not 0 <= found <= 1:
            self.refuse("intake.bad-share", f"{name} is {found:g}", "write a share from 0 to 1")
            return None
        return found

    def whole(self, name: str, default: int) -> int:
        """A whole number of at least 1."""
        value = self._number(name)
        if value is None:
            return default
        if value < 1 or not value.is_integer() or value > 1e6:
            remedy = "write a whole number of at least 1, or leave the row out"
            self.refuse("intake.bad-count", f"{name} is {value:g}", remedy)
            return default
        return int(value)

    def day(self, name: str, today: date) -> date | None:
        """A date (YYYY-MM-DD, YYYY-MM or YYYY) that is not in the future."""
        text = self.text(name)
        if not text:
            return None
        try:
            found = parse_day(text, self.table.layer.dates)
        except ValueError:
            form = f"in the form {self.table.layer.dates}" if self.table.layer.dates else "as YYYY-MM-DD"
            remedy = f"write it {form}, or give its form under dates in a column map"
            self.refuse("intake.bad-date", f"{name} is '{text[:40]}'", remedy)
            return None
        if found > today:
            message = f"{name} is {found.isoformat()}, after today ({today.isoformat()})"
            self.refuse("intake.future-date", message, "correct the date; day and month may be swapped")
            return None
        return found

    def _number(self, name: str, value: Value = None) -> float | None:
        value = self.raw(name) if value is None else value
        try:
            return number(value, self.table.layer.decimal_comma)
        except ValueError:
            remedy = "write a plain number without unit, such as 0.8"
            self.refuse("intake.bad-number", f"{name} is '{str(value)[:40]}', which is no number", remedy)
            return None


def parse_day(text: str, form: str = "") -> date:
    """Give the date a text holds; ValueError if none, or one that can be read two ways.

    Examples
    --------
    >>> parse_day("2021/03/04 00:00:00"), parse_day("1972-06"), parse_day("4.3.2021", "%d.%m.%Y")
    (datetime.date(2021, 3, 4), datetime.date(1972, 6, 1), datetime.date(2021, 3, 4))
    """
    if form:
        found = datetime.strptime(text, form).date()
    else:
        match = re.fullmatch(r"(\d{4})(?:[-/](\d{1,2})(?:[-/](\d{1,2})(?:[T ].*)?)?)?", text)
        if match is None:
            raise ValueError(text)
        year, month, day = (int(part) if part else 1 for part in match.groups())
        found = date(year, month, day)
    if found.year < 1900:
        raise ValueError(text)
    return found


def role_of(layer: RawLayer) -> str | None:
    """Tell which of ours a layer is by its own name, else by its file's; None if neither says."""
    if layer.role:
        return layer.role
    stem = layer.file.rsplit(".", 1)[0]
    by_name = _role_named(layer.name)
    if by_name and not (layer.format == "GPX" and layer.name in ("tracks", "routes", "waypoints")):
        return by_name
    by_file = _role_named(stem)
    if by_file and layer.format == "GPX":
        return by_file if ROLES[by_file].points == (layer.name == "waypoints") else None
    return by_file if layer.alone else None


def _role_named(name: str) -> str | None:
    """The role that a name says: as a whole, else as one of the words in it, if only one role does."""
    whole = key(name)
    exact = [role for role, about in ROLES.items() if whole in about.names]
    if exact:
        return exact[0]
    words = f"_{whole}_"
    found = {role for role, about in ROLES.items() if any(f"_{other}_" in words for other in about.names)}
    found -= {"area"} if len(found) > 1 else set()  # my_searched_area is searched ground
    return found.pop() if len(found) == 1 else None


def recognise(layers: list[RawLayer], problems: list[Problem], notes: list[str]) -> list[Table]:
    """Give the layers a role and their columns our names; faults go to `problems`, remarks to `notes`."""
    tables, unknown = [], []
    for layer in layers:
        role = role_of(layer)
        if role is None:
            unknown.append(layer)
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
    about = ROLES[role]
    columns: dict[str, str] = {}
    unknown = []
    for theirs in layer.columns:
        ours = _our_name(theirs, about, layer)
        if ours is None:
            unknown.append(theirs)
        elif ours in columns:
            message = f"'{columns[ours]}' and '{theirs}' both stand for {ours}"
            remedy = "keep one of them, or name the right one in a column map"
            problems.append(Problem("intake.twice-column", message, remedy, *(layer.file, layer.name)))
        else:
            columns[ours] = theirs
    table = Table(role, layer, columns)
    _name_as_id(table, about)
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
    strange = [name for name in unknown if key(name) not in HARMLESS and not name.startswith("_")]
    hints = []
    for name in strange:
        near = difflib.get_close_matches(key(name), about.columns, 1, 0.75)
        hints.append(f"'{name}'" + (f" (did you mean {near[0]}?)" if near else ""))
    if strange:
        message = f"unknown column {', '.join(hints)}"
        remedy = f"rename it, take it out, begin its name with _, or give a column map; known are {known}"
        problems.append(table.problem("intake.unknown-column", message, remedy))
