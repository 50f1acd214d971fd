"""Tables for spreadsheets: CSV and XLSX, which calculate nothing that a user wrote.

Reads   `Outgoing`s and the facts of the file
Gives   a .csv (UTF-8 with its mark) with NAME.csv.about.json beside it; an .xlsx with a sheet `about`
Knows   how spreadsheets take texts, dates and numbers; nothing of what a layer means
Start   at `write_csv` and `write_xlsx`

Places stand in columns: lon and lat for kinds of points, WKT for others. `guarding` says how formulas are held back.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import shapely
from shapely.geometry.base import BaseGeometry

from fadeout.exchange.guarding import guarded
from fadeout.exchange.losses import Lost
from fadeout.exchange.outgoing import Outgoing, column, shapes_of, wkt
from fadeout.exchange.tables import WKT_WGS84

LONGEST = 32_767  # letters in a cell of XLSX (ECMA-376 part 1, 18.3.1.4 and Excel's own limit)
EXACT = 10**15  # beyond, Excel shows and keeps 15 digits only: such numbers are written as texts
FIRST_DAY = "1900-03-01"  # before, Excel and the calendar differ by a day: such dates are written as texts
SHEET_NAME = 31  # letters
ABOUT = ".about.json"  # ends the name of the file beside a CSV


def write_csv(path: Path, layers: Sequence[Outgoing], about: Mapping[str, str], lost: Lost) -> None:
    """Write the one layer, and beside it what a table cannot say."""
    (layer,) = layers
    facts = {**about, "layer": layer.name, "title": layer.title, "columns": dict(layer.fields)}
    beside = path.with_name(path.name + ABOUT)
    beside.write_text(json.dumps(facts, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    with path.open("w", encoding="utf-8-sig", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(header(layer))
        for row in _rows(layer, lost):
            writer.writerow([_csv_cell(value) for value in row])


def header(layer: Outgoing) -> list[str]:
    """The columns, those of the place last."""
    place = {"": [], "point": ["lon", "lat"]}.get(layer.geometry, [WKT_WGS84])
    return [name for name, _ in layer.fields] + place


def _rows(layer: Outgoing, lost: Lost) -> Iterator[tuple[Any, ...]]:
    """Rows of plain values and the place; texts of a user are guarded, numbers and places need no guard."""
    for records in layer.pieces():
        columns = [
            [guarded(v) if isinstance(v, str) else v for v in column(records, name, type, lost)]
            for name, type in layer.fields
        ]
        if layer.geometry:
            columns += _places(layer, list(shapes_of(records, lost)))
        yield from zip(*columns, strict=True)


def _places(layer: Outgoing, shapes: list[BaseGeometry | None]) -> list[list[Any]]:
    if layer.geometry == "point":
        at = [None if shape is None else shapely.get_coordinates(shape)[0].tolist() for shape in shapes]
        return [[None if one is None else one[axis] for one in at] for axis in (0, 1)]
    return [[None if shape is None else wkt(shape) for shape in shapes]]


def _csv_cell(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value


def write_xlsx(path: Path, layers: Sequence[Outgoing], about: Mapping[str, str], lost: Lost) -> None:
    """Write each layer as a sheet with its header frozen, and the facts as a sheet `about`."""
    from openpyxl import Workbook  # type: ignore[import-untyped]

    book = Workbook(write_only=True)
    for layer in layers:
        sheet = book.create_sheet(_sheet_name(layer.name))
        sheet.freeze_panes = "A2"
        sheet.append(header(layer))
        days = {n for n, (_, type) in enumerate(layer.fields) if type == "date"}
        for row in _rows(layer, lost):
            sheet.append([_xlsx_cell(sheet, value, n in days, lost) for n, value in enumerate(row)])
    facts = book.create_sheet("about")
    facts.append(["name", "value"])
    for name, words in about.items():
        facts.append([_text(facts, name), _text(facts, guarded(words))])
    book.save(path)


def _sheet_name(name: str) -> str:
    return re.sub(r"[\[\]:*?/\\]", "_", name)[:SHEET_NAME]


def _xlsx_cell(sheet: Any, value: Any, day: bool, lost: Lost) -> Any:
    """A typed cell: a date as a date, a text as a text whatever it looks like."""
    from openpyxl.cell import WriteOnlyCell  # type: ignore[import-untyped]

    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > EXACT:
        return _text(sheet, str(value))
    if isinstance(value, float):  # openpyxl itself would write 16 digits
        return _cell(sheet, repr(value), "n")
    if not isinstance(value, str):
        return value
    if day and value >= FIRST_DAY:
        cell = WriteOnlyCell(sheet, date.fromisoformat(value))
        cell.number_format = "yyyy-mm-dd"
        return cell
    if len(value) > LONGEST:
        lost.add("long_cells")
        value = "" if re.match(r"(MULTI)?(POLYGON|LINESTRING|POINT) ?\(", value) else value[:LONGEST]
    return _text(sheet, value)


def _text(sheet: Any, words: str) -> Any:
    return _cell(sheet, words, "s")  # openpyxl would take "=…" for a formula


def _cell(sheet: Any, words: str, type: str) -> Any:
    from openpyxl.cell import WriteOnlyCell

    cell = WriteOnlyCell(sheet, words)
    cell.data_type = type
    return cell
