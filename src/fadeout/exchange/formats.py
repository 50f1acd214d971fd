"""The formats fadeout reads: suffixes, how a file shows that it is one, and what is lost on the way.

Reads   a path
Gives   `RawLayer`s, or `InputRefused` with every fault of the file
Knows   which reader opens which format; nothing of what layers mean
Start   at `read`; the table is `FORMATS`
"""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from fadeout.errors import InputRefused, Problem
from fadeout.exchange import forms, tables, vector
from fadeout.exchange.layers import RawLayer

HEAD = 8192  # bytes looked at to tell what a file is


@dataclass(frozen=True)
class Format:
    """One format: its suffixes, the GDAL driver (none for CSV), what is read, what is lost."""

    name: str
    suffixes: tuple[str, ...]
    driver: str
    shows: Callable[[bytes, Path], bool]  # whether the first bytes (and the file) are of this format
    reads: str
    losses: str = ""


def _zip_holds(path: Path, *endings: str) -> bool:
    try:
        with zipfile.ZipFile(path) as archive:
            return any(name.lower().endswith(endings) for name in archive.namelist())
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        return False


def _xml_root(head: bytes, root: bytes) -> bool:
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    return text.startswith(b"<") and (b"<" + root in text or b":" + root in text)


def _is_text(head: bytes, path: Path) -> bool:
    utf16 = head.startswith((b"\xff\xfe", b"\xfe\xff"))
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    return (utf16 or b"\0" not in head) and not text.startswith(
        (b"{", b"<", b"PK\x03\x04", b"SQLite format 3")
    )


FORMATS = (
    Format(
        "GeoPackage",
        (".gpkg",),
        "GPKG",
        lambda head, path: head.startswith(b"SQLite format 3\0"),
        "all layers, also tables with coordinates in columns",
    ),
    Format(
        "GeoJSON",
        (".geojson", ".json"),
        "GeoJSON",
        lambda head, path: head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{"),
        "one layer, named by the file; WGS 84 unless the file says otherwise",
        "the order of columns; dates are texts",
    ),
    Format(
        "KML",
        (".kml",),
        "LIBKML",
        lambda head, path: _xml_root(head, b"kml"),
        "folders as layers; ExtendedData as columns; the name is the id if no id is given",
        "styles, pictures, network links, any CRS but WGS 84",
    ),
    Format(
        "KMZ",
        (".kmz",),
        "LIBKML",
        lambda head, path: head.startswith(b"PK\x03\x04") and _zip_holds(path, ".kml"),
        "as KML",
        "styles, pictures, network links, any CRS but WGS 84",
    ),
    Format(
        "GPX",
        (".gpx",),
        "GPX",
        lambda head, path: _xml_root(head, b"gpx"),
        "waypoints as points, tracks and routes as lines; extensions as columns; the name is the id",
        "polygons do not exist in GPX; times of single track points are not kept",
    ),
    Format(
        "Shapefile",
        (".shp",),
        "ESRI Shapefile",
        lambda head, path: head.startswith(b"\x00\x00\x27\x0a"),
        "one layer, named by the file; .shx and .dbf must lie beside it, .prj tells the CRS",
        "column names are cut after ten letters (they are recognised so)",
    ),
    Format(
        "FlatGeobuf",
        (".fgb",),
        "FlatGeobuf",
        lambda head, path: head.startswith(b"fgb\x03fgb"),
        "one layer",
        "the order of rows: row numbers are those of the file as stored",
    ),
    Format(
        "XLSX",
        (".xlsx",),
        "XLSX",
        lambda head, path: head.startswith(b"PK\x03\x04") and _zip_holds(path, "xl/workbook.xml"),
        "sheets as layers, the first row as header; lat and lon, x and y, or WKT columns",
        "colours, formulas (their last value is read), any CRS that is not told beside the file",
    ),
    Format(
        "CSV",
        (".csv", ".tsv", ".txt"),
        "",
        _is_text,
        "one layer, named by the file; lat and lon, x and y, or WKT columns; comma, semicolon, tab or bar",
        "any CRS that is not told beside the file",
    ),
)


def suffixes() -> str:
    """All suffixes that can be read, for messages."""
    return ", ".join(suffix for form in FORMATS for suffix in form.suffixes)


def read(path: Path) -> tuple[RawLayer, ...]:
    """Read every layer of a file as it stands; what a form server exported comes by our names.

    Raises
    ------
    InputRefused
        If the file is missing, a folder, empty, of an unknown suffix, not what its suffix says, or broken.
    """
    form = _checked(path)
    if form.name == "GeoJSON" and forms.is_answer(path):
        return forms.read(path)
    layers = vector.read(path, form.name, form.driver) if form.driver else tables.read_csv(path, form.name)
    if not layers:
        raise InputRefused([_problem("file.empty", path, "the file holds no layer", "export it again")])
    if form.name in ("CSV", "XLSX"):
        return tuple(one for layer in layers for one in forms.recognised(layer))
    return layers


def chunks(path: Path, rows: int) -> Iterator[RawLayer]:
    """Read a file layer by layer, in pieces of at most some rows."""
    for layer in read(path):
        for first in range(0, max(len(layer), 1), rows):
            yield layer.kept(range(first, min(first + rows, len(layer))))


def digests(path: Path) -> tuple[tuple[str, str], ...]:
    """Give (file name, SHA-256) of a file, and of those that lie beside a Shapefile and belong to it."""
    family = [path]
    if path.suffix.lower() == ".shp":
        family += vector.shapefile_family(path)
    return tuple((member.name, _sha256(member)) for member in family)


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _checked(path: Path) -> Format:
    """Tell the format by suffix, and refuse a file that is not there or not of it."""
    if path.is_dir():
        remedy = "name the files in it one by one"
        raise InputRefused([_problem("file.folder", path, "this is a folder, not a file", remedy)])
    if not path.exists():
        remedy = "check the path and the spelling"
        raise InputRefused([_problem("file.missing", path, "there is no such file", remedy)])
    form = next((form for form in FORMATS if path.name.lower().endswith(form.suffixes)), None)
    if form is None:
        message = f"files ending in '{path.suffix}' are not read"
        remedy = f"export the layer to one of {suffixes()}"
        raise InputRefused([_problem("file.unknown-format", path, message, remedy)])
    try:
        with path.open("rb") as stream:
            head = stream.read(HEAD)
    except OSError as error:
        message = f"the file cannot be opened: {error.strerror or error}"
        raise InputRefused([_problem("file.unreadable", path, message, "check who may read it")]) from error
    if not head.strip(b"\xef\xbb\xbf \t\r\n"):
        raise InputRefused([_problem("file.empty", path, "the file is empty", "export it again")])
    if not form.shows(head, path):
        _refuse_mismatch(path, form, head)
    return form


def _refuse_mismatch(path: Path, form: Format, head: bytes) -> None:
    other = next((other.name for other in FORMATS if other.name != "CSV" and other.shows(head, path)), "")
    message = f"the suffix says {form.name}, but the content is {other or 'something else'}"
    remedy = "give the file the suffix of its format" if other else f"export it again as {form.name}"
    raise InputRefused([_problem("file.mismatch", path, message, remedy)])


def _problem(code: str, path: Path, message: str, remedy: str) -> Problem:
    return Problem(code, message, remedy, path.name)
