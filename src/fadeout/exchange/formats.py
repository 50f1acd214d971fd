"""The formats fadeout reads and writes: suffixes, how a file shows that it is one, and what is lost on the way.

Reads   a path
Gives   `RawLayer`s, whole or in pieces, or `InputRefused` with every fault of the file; the page of all formats
Knows   which reader and which writer serve which format; nothing of what layers mean
Start   at `chunks`; the table is `FORMATS`
"""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

from fadeout.errors import InputRefused, Problem
from fadeout.exchange import bounds, forms, parquet, tables, vector
from fadeout.exchange.layers import RawLayer
from fadeout.exchange.losses import COMMON, LOSSES

HEAD = 8192  # bytes looked at to tell what a file is
Pieces = Generator[RawLayer, None, None]
CSV, PARQUET, ZIPPED = "CSV", "Parquet", "zip"  # drivers of our own, beside GDAL's


@dataclass(frozen=True)
class Format:
    """One format: its suffixes, its driver, what is read and what is lost by that; what is written and what by that.

    `written_losses` are names of `losses.LOSSES`; those of `losses.COMMON` hold for every format.
    """

    name: str
    suffixes: tuple[str, ...]
    driver: str
    shows: Callable[[bytes, Path], bool]  # whether the first bytes (and the file) are of this format
    reads: str
    losses: str = ""
    writes: str = ""  # "" if it is not written
    written_losses: tuple[str, ...] = ()
    one_layer: bool = True  # of those that are written
    any_crs: bool = False


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


def _zip_with(head: bytes, path: Path, *endings: str) -> bool:
    return head.startswith(b"PK\x03\x04") and _zip_holds(path, *endings)


FORMATS = (
    Format(
        "GeoPackage",
        (".gpkg",),
        "GPKG",
        lambda head, path: head.startswith(b"SQLite format 3\0"),
        "all layers, also tables with coordinates in columns",
        writes="all layers, styled for QGIS; lines and points of kinds that have polygons as layers of their own; "
        "a table `about`",
        one_layer=False,
        any_crs=True,
    ),
    Format(
        "GeoJSON",
        (".geojson", ".json"),
        "GeoJSON",
        lambda head, path: head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{"),
        "one layer, named by its `name` or by the file; WGS 84 unless the file says otherwise",
        "the order of columns; dates are texts",
        writes="one layer (RFC 7946); the facts of the file as its member `about`",
        written_losses=("rings", "empty_columns"),
    ),
    Format(
        "KML",
        (".kml",),
        "LIBKML",
        lambda head, path: _xml_root(head, b"kml"),
        "folders as layers; ExtendedData as columns; the name is the id if no id is given",
        "styles, pictures, network links, any CRS but WGS 84",
        writes="layers as folders, every column as ExtendedData; the facts in the document's description",
        written_losses=("rings", "empty_columns"),
        one_layer=False,
    ),
    Format(
        "KMZ",
        (".kmz",),
        "LIBKML",
        lambda head, path: _zip_with(head, path, ".kml"),
        "as KML",
        "styles, pictures, network links, any CRS but WGS 84",
        writes="as KML",
        written_losses=("rings", "empty_columns"),
        one_layer=False,
    ),
    Format(
        "GPX",
        (".gpx",),
        "GPX",
        lambda head, path: _xml_root(head, b"gpx"),
        "waypoints as points, tracks and routes as lines, with the times of a track's points; extensions as columns; "
        "the name is the id",
        "polygons do not exist in GPX; heights; times are kept while a file is read, and not stored",
        writes="one layer: points as waypoints, lines as tracks, columns as extensions; the facts in its description",
        written_losses=("no_polygons", "empty_columns"),
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
        "GeoParquet",
        (".parquet", ".geoparquet"),
        PARQUET,
        lambda head, path: head.startswith(b"PAR1"),
        "one layer, places as WKB; needs pyarrow (`./run extras`)",
        "columns within columns become texts",
        writes="one layer (GeoParquet 1.1) with types, CRS and bounds; the facts in the metadata under `fadeout`",
        any_crs=True,
    ),
    Format(
        "File Geodatabase",
        (".gdb.zip", ".gdb"),
        "OpenFileGDB",
        lambda head, path: path.is_dir() or _zip_with(head, path, ".gdbtable"),
        "all layers of the folder, or of the folder in an archive",
        "subtypes, domains, relations, curves (made straight)",
        writes="all layers, as GeoPackage does, without styles; a table `about`",
        written_losses=("grid", "long_wholes", "rings"),
        one_layer=False,
        any_crs=True,
    ),
    Format(
        "zipped Shapefile",
        (".shp.zip", ".zip"),
        ZIPPED,
        lambda head, path: _zip_with(head, path, ".shp", ".dbf"),
        "every Shapefile in the archive as a layer, and every .dbf without one as a table",
        "column names are cut after ten letters (they are recognised so)",
        writes="a Shapefile for each layer; the facts in about.json within the archive",
        written_losses=("names", "short_texts", "long_wholes", "decimals", "rings"),
        one_layer=False,
        any_crs=True,
    ),
    Format(
        "XLSX",
        (".xlsx",),
        "XLSX",
        lambda head, path: _zip_with(head, path, "xl/workbook.xml"),
        "sheets as layers, the first row as header; lat and lon, x and y, or WKT columns; the quote that holds a "
        "formula back is taken off",
        "colours, formulas (their last value is read), any CRS that is not told beside the file",
        writes="layers as sheets, cells with types, lon and lat or wkt_wgs84; the facts as a sheet `about`",
        written_losses=("long_cells",),
        one_layer=False,
    ),
    Format(
        "ODS",
        (".ods",),
        "ODS",
        lambda head, path: _zip_with(head, path, "content.xml"),
        "as XLSX",
        "as XLSX",
    ),
    Format(
        "CSV",
        (".csv", ".tsv", ".txt"),
        CSV,
        _is_text,
        "one layer, named by the file; lat and lon, x and y, or WKT columns; comma, semicolon, tab or bar; the quote "
        "that holds a formula back is taken off",
        "any CRS that is not told beside the file",
        writes="one layer, UTF-8 with its mark, lon and lat or wkt_wgs84; the facts in NAME.csv.about.json beside it",
    ),
)


def suffixes() -> str:
    """All suffixes that can be read, for messages."""
    return ", ".join(suffix for form in FORMATS for suffix in form.suffixes)


def named(path: Path) -> Format | None:
    """The format that a file's name says; None if none does.

    Examples
    --------
    >>> named(Path("sites.gdb.zip")).name, named(Path("sites.zip")).name
    ('File Geodatabase', 'zipped Shapefile')
    """
    return next((form for form in FORMATS if path.name.lower().endswith(form.suffixes)), None)


def read(path: Path) -> tuple[RawLayer, ...]:
    """Read every layer of a file as it stands; what a form server exported comes by our names.

    Raises
    ------
    InputRefused
        If the file is missing, a folder, empty, of an unknown suffix, too large, not what its suffix says, or broken.
    """
    return tuple(_pieces(path, None))


def chunks(path: Path, rows: int) -> Pieces:
    """Read a file layer by layer, in pieces of at most some rows, whose row numbers go on.

    Memory holds one piece of CSV, GeoPackage, File Geodatabase, Shapefile, FlatGeobuf and GeoParquet; other formats are
    read as a whole, up to the sizes of `bounds.LIMITS`.
    """
    return _pieces(path, rows)


def _pieces(path: Path, rows: int | None) -> Pieces:
    form = _checked(path)
    some = False
    with closing(_told(path, form, rows)) as pieces:
        for piece in pieces:
            some = True
            yield piece
    if not some:
        raise InputRefused([_problem("file.empty", path, "the file holds no layer", "export it again")])


def _told(path: Path, form: Format, rows: int | None) -> Pieces:
    """Layers as they stand, but what a form server exported by our names; such a table is looked at as a whole."""
    if form.name == "GeoJSON":
        bounds.check_size(path)
        if forms.is_answer(path):
            for layer in forms.read(path):
                yield from vector.cut(layer, rows)
            return
    if form.name not in ("CSV", "XLSX"):
        yield from _opened(path, form, rows)
        return
    whole = form.name == "XLSX" or _is_export(path, form)
    for layer in _opened(path, form, None if whole else rows):
        for one in forms.recognised(layer) if whole else (layer,):
            yield from vector.cut(one, rows)


def _is_export(path: Path, form: Format) -> bool:
    """Whether a text table is an export of a form server, by its header and first row."""
    with closing(_opened(path, form, 1)) as pieces:
        return forms.is_submissions(next(pieces))


def _opened(path: Path, form: Format, rows: int | None) -> Pieces:
    """Go to the reader of a format, past the bounds of its kind."""
    if form.driver == CSV:
        return tables.chunks(path, form.name, rows)
    if form.driver == PARQUET:
        return parquet.chunks(path, form.name, rows)
    if form.driver == ZIPPED or (form.driver == "OpenFileGDB" and not path.is_dir()):
        return _zipped(path, form, rows)
    if form.name in ("XLSX", "ODS", "KMZ"):
        bounds.check_archive(path, bounds.LIMITS.unpacked_whole)
        bounds.check_archived_xml(path)
    if form.name == "KMZ":
        return _kmz(path, form, rows)
    if form.name in ("KML", "GPX"):
        bounds.check_xml(path, deep=form.name == "GPX")
    if form.driver not in vector.STREAMED:
        bounds.check_size(path)
    return vector.chunks(path, form.name, form.driver, rows)


def _zipped(path: Path, form: Format, rows: int | None) -> Pieces:
    """Layers of the Shapefiles, or of the geodatabase, in an archive."""
    with bounds.unpacked(path) as folder:
        geodatabase = form.driver == "OpenFileGDB"
        name, driver = (form.name, form.driver) if geodatabase else ("Shapefile", "ESRI Shapefile")
        found = {one.parent for one in folder.rglob("*.gdbtable")} if geodatabase else _shapefiles(folder)
        for one in sorted(found):
            for piece in vector.chunks(one, name, driver, rows, shown=path.name):
                yield replace(piece, alone=piece.alone and len(found) == 1)


def _kmz(path: Path, form: Format, rows: int | None) -> Pieces:
    """Layers of a KMZ; GDAL overlooks the columns of its only document unless that lies unpacked."""
    with bounds.unpacked(path) as folder:
        documents = [one for one in folder.rglob("*") if one.suffix.lower() == ".kml" and one.is_file()]
        inner = documents[0] if len(documents) == 1 else path
        yield from vector.chunks(inner, form.name, form.driver, rows, shown=path.name)


def _shapefiles(folder: Path) -> set[Path]:
    """The Shapefiles in a folder, and tables that have none; what macOS puts beside them (._NAME) is neither."""
    found = {
        one
        for one in folder.rglob("*")
        if one.is_file() and not one.name.startswith("._") and one.suffix.lower() in (".shp", ".dbf")
    }
    return {one for one in found if one.suffix.lower() == ".shp" or not (_shapes_of(one) & found)}


def _shapes_of(table: Path) -> set[Path]:
    return {table.with_suffix(".shp"), table.with_suffix(".SHP")}


def digests(path: Path) -> tuple[tuple[str, str], ...]:
    """Give (file name, SHA-256) of a file, of those beside a Shapefile that belong to it, or of all in a geodatabase."""
    family = sorted(one for one in path.iterdir() if one.is_file()) if path.is_dir() else [path]
    if path.suffix.lower() == ".shp":
        family += vector.shapefile_family(path)
    return tuple((member.name, _sha256(member)) for member in family)


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _checked(path: Path) -> Format:
    """Tell the format by suffix, and refuse a file that is not there or not of it."""
    form = named(path)
    if path.is_dir() and (form is None or form.name != "File Geodatabase"):
        remedy = "name the files in it one by one"
        raise InputRefused([_problem("file.folder", path, "this is a folder, not a file", remedy)])
    if not path.exists():
        remedy = "check the path and the spelling"
        raise InputRefused([_problem("file.missing", path, "there is no such file", remedy)])
    if form is None:
        message = f"files ending in '{path.suffix}' are not read"
        remedy = f"export the layer to one of {suffixes()}"
        raise InputRefused([_problem("file.unknown-format", path, message, remedy)])
    if path.is_dir():
        return form
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


def as_markdown() -> str:
    """The page of all formats: what each reads, writes and loses.

    Examples
    --------
    >>> as_markdown().splitlines()[0]
    '# Formats'
    """
    lines = [PAGE]
    for form in FORMATS:
        lines.append(f"## {form.name} ({', '.join(f'`{suffix}`' for suffix in form.suffixes)})\n")
        lines.append(f"- **Reads** {form.reads}.")
        if form.losses:
            lines.append(f"- **Lost in reading**: {form.losses}.")
        if not form.writes:
            lines.append("- **Not written.**\n")
            continue
        crs = "any CRS" if form.any_crs else "WGS 84 alone"
        lines.append(f"- **Writes** {form.writes}; {crs}.")
        own = "; ".join(LOSSES[loss] for loss in form.written_losses)
        lines.append(f"- **Lost in writing**, beside what every format loses: {own or 'nothing'}.\n")
    limits = bounds.LIMITS
    lines.append(LOST.format(losses="\n".join(f"- {LOSSES[loss]}" for loss in COMMON)))
    lines.append(
        TOO_LARGE.format(
            **{name: f"{getattr(limits, name):,}" for name in ("vertices", "columns", "cell", "members")},
            **{name: f"{getattr(limits, name):,}" for name in ("ratio", "depth", "track_points")},
            **{name: getattr(limits, name) // 2**30 for name in ("unpacked", "unpacked_whole", "whole")},
            ratio_from=limits.ratio_from // 2**20,
        )
    )
    return "\n".join(lines)


PAGE = """# Formats

Made from the table in `exchange/formats.py`; do not edit. A file is known by its suffix, and must be what that says.
Every file that is written states its CRS, its units, that times are UTC, the version of fadeout, when it was made, how
sensitive it is, and digests of what it holds, each in the way of its format. It is written under another name and takes
its own when it is whole.
"""
LOST = """## What every format loses

{losses}

Texts go out as they are; reading takes off spaces at both ends. In CSV and XLSX a text that a spreadsheet would calculate
(one that begins with `=`, `+`, `-`, `@`, a tab or a carriage return, with or without single quotes before it) gets one
more single quote before it; reading takes one off. A foreign file's `'=x` is therefore read as `=x`.
"""
TOO_LARGE = """## What is too large

All limits are assumed. A file beyond one is refused with its reason ([codes](input-errors.md)).

- a shape of more than {vertices} corners; a layer of more than {columns} columns; a cell of a text table of more than
  {cell} letters; tracks of more than {track_points} points in one file;
- an archive of more than {members} members, of more than {unpacked} GB unpacked ({unpacked_whole} GB for XLSX, ODS and
  KMZ), or, beyond {ratio_from} MB, more than {ratio} times as large unpacked as packed; a member whose name leads out of
  the archive;
- a GeoJSON, KML or GPX of more than {whole} GB, as these are read as a whole; XML that defines entities; a GPX whose
  elements stand more than {depth} deep in each other.
"""


def _problem(code: str, path: Path, message: str, remedy: str) -> Problem:
    return Problem(code, message, remedy, path.name)
