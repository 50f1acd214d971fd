"""Tables: CSV as it comes out of spreadsheets, and places that stand in columns.

Reads   a text file; or a layer whose place stands in columns (lat and lon, x and y, WKT)
Gives   a `RawLayer`; `locate` makes geometries of its columns
Knows   delimiters, byte-order marks, decimal commas; nothing of what a layer means
Start   at `chunks` and `locate`
"""

from __future__ import annotations

import csv
import math
import re
from collections import Counter
from collections.abc import Generator, Iterable, Iterator
from dataclasses import replace
from itertools import chain, islice
from pathlib import Path
from typing import TextIO

import numpy as np
import shapely
from shapely import Point
from shapely.geometry.base import BaseGeometry

from fadeout.errors import InputRefused, Problem
from fadeout.exchange import bounds
from fadeout.exchange.guarding import unguarded
from fadeout.exchange.layers import RawLayer, Value, key, single
from fadeout.records import coordinates

WGS84 = "EPSG:4326"
LAT = ("lat", "latitude", "lat_dd", "lat_wgs84", "y_lat")
LON = ("lon", "long", "lng", "longitude", "lon_dd", "long_dd", "lon_wgs84", "x_lon")
X = ("x", "east", "easting", "eastings", "utm_e", "utm_x")
Y = ("y", "north", "northing", "northings", "utm_n", "utm_y")
WKT_WGS84 = "wkt_wgs84"  # as fadeout writes it: the CRS in the name, as with lat and lon
WKT = (WKT_WGS84, "wkt", "geometry", "geom", "the_geom", "shape_wkt")
TYPED = (  # one column that holds both coordinates as people type them: degrees, UTM, MGRS
    *(
        "coordinates",
        "coordinate",
        "coords",
        "mgrs",
        "utm",
        "grid_reference",
        "grid_ref",
        "position",
        "gps",
        "lat_lon",
    ),
)
DELIMITERS = ",;\t|"
DEGREES = re.compile(r"\d\s*[°'\"′″]|\d\s+\d|\d\s*[NSEW]\b|\b[NSEW]\s*\d", re.I)  # not a plain number
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
COMMA_NUMBER = re.compile(r"[+-]?\d+,\d+")
TOLD = 1_000  # faulty rows told one by one


def chunks(path: Path, format: str = "CSV", rows: int | None = None) -> Generator[RawLayer, None, None]:
    """Read a text table as it stands, at most some rows at a time: one layer, every value a text.

    Raises
    ------
    InputRefused
        If it is not UTF-8, has no header, two columns of one name, rows longer than the header, or a cell without end.
    """
    try:
        yield from _chunks(path, format, rows)
    except UnicodeDecodeError as error:
        raise InputRefused([_not_utf8(path)]) from error
    except csv.Error as error:
        message = f"the table cannot be read: {error}"
        remedy = "look for a quote that is never closed, or export it again"
        raise InputRefused([Problem("file.broken", message, remedy, path.name)]) from error


def _chunks(path: Path, format: str, rows: int | None) -> Iterator[RawLayer]:
    csv.field_size_limit(bounds.LIMITS.cell)
    with path.open(encoding=_encoding(path), newline="") as stream:
        delimiter = _delimiter(stream, path)
        stream.seek(0)
        table = csv.reader(_lines(stream, path), delimiter=delimiter, strict=True)
        header = [name.strip() for name in next(table)]
        bounds.check_columns(len(header), path)
        problems = _header_problems(header, path.name)
        if problems:
            raise InputRefused(problems + _ragged(enumerate(table, 1), header, path.name))
        empty = RawLayer(path.name, path.stem, format, {}, (), None, (), True, decimal_comma=delimiter != ",")
        numbered = enumerate(table, 1)
        first = True
        while True:
            piece = list(islice(_filled(numbered, header, path), rows))
            if piece or first:
                yield _layer(empty, header, piece)
            if rows is None or len(piece) < rows:
                return
            first = False


def _filled(
    numbered: Iterator[tuple[int, list[str]]], header: list[str], path: Path
) -> Iterator[tuple[int, list[str]]]:
    """Rows that hold something, as wide as the header; the first that is wider has the rest of the table looked at."""
    for n, row in numbered:
        if _too_long(row, header):
            raise InputRefused(_ragged(chain([(n, row)], numbered), header, path.name))
        if any(map(str.strip, row)):
            yield n, row + [""] * (len(header) - len(row))


def _layer(empty: RawLayer, header: list[str], piece: list[tuple[int, list[str]]]) -> RawLayer:
    return replace(
        empty,
        columns={name: tuple([_meant(row[i]) for _, row in piece]) for i, name in enumerate(header) if name},
        geometries=(None,) * len(piece),
        rows=tuple(n for n, _ in piece),
    )


def _meant(cell: str) -> str | None:
    """The text that a cell was meant to hold, without spaces around it; None if there is none."""
    return (unguarded(cell) if cell[:1] == "'" else cell).strip() or None


def number(value: Value, decimal_comma: bool = False) -> float | None:
    """Give the number a cell holds, None if it is empty; ValueError if it holds none.

    Examples
    --------
    >>> number(" 0.8 "), number("0,8", decimal_comma=True), number(None)
    (0.8, 0.8, None)
    """
    if value is None or isinstance(value, bool):
        if value is None:
            return None
        raise ValueError("not a number")
    if isinstance(value, int | float):
        if not math.isfinite(value):
            raise ValueError("not a finite number")
        return float(value)
    text = value.strip()
    if not text:
        return None
    if decimal_comma and COMMA_NUMBER.fullmatch(text):
        text = text.replace(",", ".")
    if not NUMBER.fullmatch(text) or not math.isfinite(float(text)):
        raise ValueError("not a number")
    return float(text)


def locate(layer: RawLayer) -> tuple[RawLayer, list[Problem]]:
    """Make geometries of a table's columns: WKT, lat and lon, or x and y, whichever it has.

    Columns named lat and lon are taken as WGS 84 when the layer has no CRS.
    """
    pair = place_columns(layer.columns)
    if pair is None:
        found = ", ".join(layer.columns) or "none"
        message = f"there are no columns for the place; the columns are {found}"
        remedy = "name them lat and lon, x and y, or wkt, or name them in a column map"
        lost = replace(layer, table=False, refused=frozenset(layer.rows))
        return lost, [Problem("intake.no-place", message, remedy, layer.file, layer.name)]
    points = _points(pair, layer)
    typed = points is None and _are_typed(pair, layer)
    shapes, problems = (points, []) if points is not None else _places(pair, layer, typed)
    named = key(pair[0]) in (*LON, WKT_WGS84) or typed
    words = "wkt_wgs84 is" if key(pair[0]) == WKT_WGS84 else "lat and lon are"
    located = replace(
        layer,
        columns={name: values for name, values in layer.columns.items() if name not in pair},
        geometries=tuple(shapes),
        crs=layer.crs or (WGS84 if named else None),
        axes_named=named,
        table=False,
        refused=frozenset(problem.row for problem in problems if problem.row is not None),
        notes=layer.notes + ((f"{layer.file}: {words} taken as WGS 84",) if named and not layer.crs else ()),
    )
    return located, problems


def place_columns(columns: Iterable[str]) -> list[str] | None:
    """The columns that hold the place: [wkt], [lon, lat], [x, y] or [mgrs] as they are named; None if there are none."""
    by_key = {key(name): name for name in columns}
    wkt = next((by_key[name] for name in WKT if name in by_key), None)
    if wkt is not None:
        return [wkt]
    for first, second in ((LON, LAT), (X, Y)):
        a = next((by_key[name] for name in first if name in by_key), None)
        b = next((by_key[name] for name in second if name in by_key), None)
        if a is not None and b is not None:
            return [a, b]
    typed = next((by_key[name] for name in TYPED if name in by_key), None)
    return None if typed is None else [typed]


def _points(pair: list[str], layer: RawLayer) -> list[BaseGeometry | None] | None:
    """All places at once, where both columns hold plain numbers as text in every row; None where they do not."""
    if len(pair) != 2 or not layer.rows:
        return None
    xy = []
    for name in pair:
        cells = layer.columns[name]
        if not all(type(cell) is str and NUMBER.fullmatch(cell) for cell in cells):
            return None
        xy.append(np.array(cells, dtype=float))
    return list(shapely.points(*xy)) if np.isfinite(xy).all() else None


def _places(pair: list[str], layer: RawLayer, typed: bool) -> tuple[list[BaseGeometry | None], list[Problem]]:
    """The places row by row, and every one that cannot be read."""
    shapes: list[BaseGeometry | None] = []
    problems: list[Problem] = []
    for i, row in enumerate(layer.rows):
        cells = [layer.columns[name][i] for name in pair]
        try:
            shapes.append(_typed(pair, cells) if typed else _place(cells, layer.decimal_comma))
        except ValueError as error:
            shapes.append(None)
            problems.append(_bad_place(pair, cells, str(error), layer, row))
    return shapes, problems


def _place(cells: list[Value], decimal_comma: bool) -> BaseGeometry | None:
    if len(cells) == 1:
        return _shape(cells[0])
    if all(cell is None for cell in cells):
        return None
    first, second = (number(cell, decimal_comma) for cell in cells)
    if first is None or second is None:
        raise ValueError("one of the two coordinates is missing")
    return Point(first, second)


def _are_typed(pair: list[str], layer: RawLayer) -> bool:
    """Whether places stand as people type them: both coordinates in one cell, or degrees that are no plain numbers."""
    if key(pair[0]) in TYPED:
        return True
    if key(pair[0]) not in LON:
        return False
    return any(
        not _is_number(cell, layer) for name in pair for cell in layer.columns[name] if cell is not None
    ) and any(DEGREES.search(str(cell)) for name in pair for cell in layer.columns[name] if cell is not None)


def _typed(pair: list[str], cells: list[Value]) -> BaseGeometry | None:
    """The place that one or two cells hold as text; two are longitude and latitude."""
    if all(cell is None for cell in cells):
        return None
    if any(cell is None for cell in cells):
        raise ValueError("one of the two coordinates is missing")
    place = coordinates.read(", ".join(str(cell) for cell in reversed(cells)))
    return Point(place.lon, place.lat)


def _shape(text: Value) -> BaseGeometry | None:
    if text is None:
        return None
    try:
        with np.errstate(invalid="ignore"):  # NaN in a coordinate: intake tells of it
            shape = shapely.force_2d(shapely.from_wkt(re.sub(r"^SRID=\d+;", "", str(text), flags=re.I)))
    except shapely.errors.ShapelyError as error:
        raise ValueError("this is not well-known text (WKT)") from error
    if shapely.get_num_coordinates(shape) > bounds.LIMITS.vertices:
        raise ValueError(f"the shape has more than {bounds.LIMITS.vertices} corners")
    return single(np.array([shape], dtype=object))[0]


def _bad_place(pair: list[str], cells: list[Value], fault: str, layer: RawLayer, row: int) -> Problem:
    """Tell which cell is wrong; good coordinates are not repeated, as messages may be passed on."""
    if len(pair) == 1:
        if key(pair[0]) in TYPED:
            remedy = "write degrees, UTM or MGRS, e.g. 16.8025, 107.05 or 48Q YD 12345 67890"
            return Problem("intake.bad-place", f"{pair[0]}: {fault}", remedy, layer.file, layer.name, row)
        kind = re.match(r"[A-Za-z ]*", str(cells[0]))
        got = f"{pair[0]} begins with '{kind.group().strip() if kind else ''}'"
        remedy = "write WKT such as POLYGON ((x y, …))"
    else:
        bad = [(name, cell) for name, cell in zip(pair, cells, strict=True) if not _is_number(cell, layer)]
        got = ", ".join(
            f"{name} is empty" if cell is None else f"{name} '{str(cell)[:20]}'" for name, cell in bad
        )
        remedy = "write plain numbers, e.g. 16.8025"
    return Problem("intake.bad-place", f"{got}: {fault}", remedy, layer.file, layer.name, row)


def _is_number(cell: Value, layer: RawLayer) -> bool:
    try:
        return number(cell, layer.decimal_comma) is not None
    except ValueError:
        return False


def _encoding(path: Path) -> str:
    with path.open("rb") as stream:
        return "utf-16" if stream.read(2) in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"


def _not_utf8(path: Path) -> Problem:
    """Tell the first line that is not UTF-8, and its byte."""
    message = "the text is not UTF-16"
    if _encoding(path) != "utf-16":
        with path.open("rb") as stream:
            for n, line in enumerate(stream, 1):
                try:
                    line.decode()
                except UnicodeDecodeError as error:
                    message = f"the text is not UTF-8: line {n} holds the byte 0x{line[error.start]:02x}"
                    break
    return Problem("file.encoding", message, "save it as 'CSV UTF-8'", path.name)


def _lines(stream: TextIO, path: Path) -> Iterator[str]:
    """The lines of a file, none of them longer than a cell may be."""
    longest = bounds.LIMITS.cell
    while line := stream.readline(longest + 1):
        if len(line) > longest:
            message = f"a line has more than {longest} letters"
            raise bounds.refuse("file.too-large", path, message, "look for a quote that is never closed")
        yield line


def _delimiter(stream: TextIO, path: Path) -> str:
    """The delimiter that stands most often in the header, outside quotes."""
    first = next((line for line in _lines(stream, path) if line.strip("\r\n")), "")
    header = re.sub(r'"[^"]*"', "", first)
    counts = Counter(sign for sign in header if sign in DELIMITERS)
    return counts.most_common(1)[0][0] if counts else ","


def _header_problems(header: list[str], file: str) -> list[Problem]:
    problems = []
    # Names that begin with _ are the exporting program's own: Kobo writes _id beside a form's id.
    for name, times in Counter("_" * name.startswith("_") + key(name) for name in header if name).items():
        if times > 1:
            message = f"{times} columns are named '{name}'"
            problems.append(Problem("file.duplicate-column", message, "give each column its own name", file))
    if not any(header):
        problems.append(
            Problem("file.empty", "the header is empty", "name the columns in the first line", file)
        )
    return problems


def _too_long(row: list[str], header: list[str]) -> bool:
    return len(row) > len(header) and any(cell.strip() for cell in row[len(header) :])


def _ragged(numbered: Iterable[tuple[int, list[str]]], header: list[str], file: str) -> list[Problem]:
    """Every row longer than the header; beyond `TOLD` they are not told one by one."""
    problems: list[Problem] = []
    for n, row in numbered:
        if _too_long(row, header):
            message = f"the row has {len(row)} cells, the header {len(header)}"
            remedy = "put texts that hold the delimiter into quotes"
            problems.append(Problem("file.ragged-row", message, remedy, file, row=n))
            if len(problems) == TOLD:
                break
    return problems
