"""Vector files through GDAL: GeoPackage, GeoJSON, KML and KMZ, GPX, Shapefile, FlatGeobuf, File Geodatabase, XLSX, ODS.

Reads   a file whose format is known
Gives   `RawLayer`s, in pieces where the format can go on in the middle
Knows   the habits of each driver: which columns are the format's own, which layers repeat others
Start   at `chunks`
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyogrio
import shapely
from pyogrio import errors as gdal
from pyproj import CRS
from pyproj.exceptions import CRSError
from shapely.geometry.base import BaseGeometry

from fadeout.errors import InputRefused, Problem
from fadeout.exchange import bounds, gpx
from fadeout.exchange.guarding import unguarded
from fadeout.exchange.layers import RawLayer, Value, key, plain, right_handed, single

FAULTS = (
    NameError,  # of pyogrio itself: a CRS that GDAL gives up on leaves its own name unset
    gdal.DataSourceError,
    gdal.DataLayerError,
    gdal.FeatureError,
    gdal.FieldError,
    gdal.GeometryError,
    gdal.CRSError,
    shapely.errors.ShapelyError,
    UnicodeError,
    ValueError,
    TypeError,
    RuntimeError,
    OSError,
    OverflowError,
    MemoryError,
)
OWN_COLUMNS = {  # columns that a format brings whether anybody filled them or not
    "KML": "description timestamp begin end altitudemode tessellate extrude visibility draworder icon snippet",
    "GPX": "ele time magvar geoidheight cmt desc src link1_href link1_text link1_type link2_href link2_text "
    "link2_type sym fix sat hdop vdop pdop ageofdgpsdata dgpsid number type",
    "Shapefile": "shape_leng shape_le_1 shape_area objectid fid",
    "GeoPackage": "shape_length shape_area objectid fid ogc_fid",
    "File Geodatabase": "shape_length shape_area objectid fid",
}
OWN_COLUMNS["KMZ"] = OWN_COLUMNS["KML"]
OWN_LAYERS = {"layer_styles", "qgis_projects", "route_points", "track_points"}
ABOUT = {"name", "value"}  # the columns of the table `about` that fadeout writes
CLOCKWISE = ("ESRI Shapefile", "OpenFileGDB")  # outer rings run so in these formats, whatever was written
STREAMED = ("GPKG", "OpenFileGDB", "ESRI Shapefile", "FlatGeobuf")  # GDAL goes on at any row of these, fast
# KML's own id and name stand apart, so that columns of these names keep what they say.
KML_ID, KML_NAME = "kml_own_id", "kml_own_name"
SETTINGS = {
    "OGR_XLSX_HEADERS": "FORCE",  # the first row is the header, also when every cell of the sheet is text
    "OGR_ODS_HEADERS": "FORCE",
    "LIBKML_ID_FIELD": KML_ID,
    "LIBKML_NAME_FIELD": KML_NAME,
}
OPENING = {"GeoJSON": {"DATE_AS_STRING": "YES"}}  # a text that looks like a date stays as it was written
EXACT_FLOAT = 2**53
SHAPEFILE_NEEDS = (".shx", ".dbf")
SHAPEFILE_MAY = (".prj", ".cpg")


def chunks(
    path: Path, format: str, driver: str, rows: int | None = None, shown: str = ""
) -> Generator[RawLayer, None, None]:
    """Read every layer, at most some rows at a time; layers without rows that a format brings by itself are left out.

    `shown` is the name of the archive that the file came in.

    Formats of `STREAMED` are read piece by piece, others as a whole and then cut.

    Raises
    ------
    InputRefused
        If the file is broken, too large, or GDAL takes it for another format.
    """
    file = Path(shown or path.name)  # as messages name it
    if driver == "ESRI Shapefile" and path.suffix.lower() == ".shp":
        _check_family(path, file)
    source = path.resolve()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            infos = _infos(source, format, driver, file)
            alone = len(infos) == 1
            streamed = rows if driver in STREAMED else None
            for info in infos:
                for layer in _pieces(source, info, format, driver, streamed):
                    yield from cut(replace(layer, file=file.name, alone=alone), rows)
    except InputRefused:
        raise
    except FAULTS as error:
        raise InputRefused([_broken(path, file, format, error)]) from error


def cut(layer: RawLayer, rows: int | None) -> Iterator[RawLayer]:
    """A layer in pieces of at most some rows; a layer without rows is one piece."""
    if rows is None or len(layer) <= rows:
        yield layer
        return
    for first in range(0, len(layer), rows):
        yield layer.kept(range(first, min(first + rows, len(layer))))


@contextmanager
def _set() -> Iterator[None]:
    """Our settings of GDAL while it reads, and no longer."""
    before = {name: pyogrio.get_gdal_config_option(name) for name in SETTINGS}
    pyogrio.set_gdal_config_options(SETTINGS)
    try:
        yield
    finally:
        pyogrio.set_gdal_config_options(before)


@_set()
def _infos(path: Path, format: str, driver: str, file: Path) -> list[dict[str, Any]]:
    """What GDAL says of each layer that is the user's."""
    names = [str(name) for name, _ in pyogrio.list_layers(path)]
    infos = []
    for name in names:
        if name in OWN_LAYERS:
            continue
        info = pyogrio.read_info(path, layer=name, force_feature_count=True)
        if info["driver"] not in (driver, "KML" if driver == "LIBKML" else driver):
            message = f"the suffix says {format}, but GDAL reads it as {info['driver']}"
            remedy = "give the file the suffix of its format"
            raise InputRefused([Problem("file.mismatch", message, remedy, file.name)])
        bounds.check_columns(len(info["fields"]), file)
        if name == "about" and {key(one) for one in info["fields"]} == ABOUT:
            continue
        infos.append({**info, "name": name})
    if format == "GPX":
        infos = [info for info in infos if info["features"]] or infos[:1]
    return infos


def _pieces(
    path: Path, info: Mapping[str, Any], format: str, driver: str, rows: int | None
) -> Iterator[RawLayer]:
    if rows is None:
        yield _layer(path, info, format, driver, 0, None)
        return
    first = 0
    while True:
        layer = _layer(path, info, format, driver, first, rows)
        if first == 0 or len(layer):
            yield layer
        if len(layer) < rows:
            return
        first += rows


def shapefile_family(path: Path) -> list[Path]:
    """List the files beside a .shp that belong to it and are there."""
    beside = {other.name.lower(): other for other in path.parent.iterdir()}
    wanted = [(path.stem + suffix).lower() for suffix in SHAPEFILE_NEEDS + SHAPEFILE_MAY]
    return [beside[name] for name in wanted if name in beside]


def _check_family(path: Path, file: Path) -> None:
    there = {member.suffix.lower() for member in shapefile_family(path)}
    missing = [path.stem + suffix for suffix in SHAPEFILE_NEEDS if suffix not in there]
    if missing:
        message = f"a Shapefile is several files, and {' and '.join(missing)} is not beside it"
        remedy = "copy all files of that name, or export to GeoPackage"
        raise InputRefused([Problem("file.incomplete-shapefile", message, remedy, file.name)])


@_set()
def _layer(
    path: Path, info: Mapping[str, Any], format: str, driver: str, first: int, rows: int | None
) -> RawLayer:
    """Some rows of a layer, from a 0-based one on; all where `rows` is None."""
    name = str(info["name"])
    part = {"skip_features": first, "max_features": rows} if rows else {}
    meta, fids, wkb, data = pyogrio.raw.read(
        path, layer=name, return_fids=True, **part, **OPENING.get(driver, {})
    )
    fields, data = list(meta["fields"]), _exact(path, name, meta, fids, data)
    if format == "GPX":
        data = gpx.as_written(path, name, fields, data)
    if format in ("XLSX", "ODS") and _header_alone(fields, len(fids)):
        fields, data, fids = [str(values[0]) for values in data], [values[:0] for values in data], fids[:0]
    columns = _columns(fields, data, format)
    count = len(fids)
    if wkb is not None:
        bounds.check_vertices(wkb, path, first + 1)
    return RawLayer(
        file=path.name,
        name=name,
        format=format,
        columns=columns,
        geometries=geometries(wkb, driver in CLOCKWISE) if wkb is not None else (None,) * count,
        crs=crs_name(meta.get("crs")) if wkb is not None else None,
        rows=tuple(range(first + 1, first + count + 1)),
        table=wkb is None,
        axes_named=format in ("KML", "KMZ", "GPX"),
        times=_times(path, count) if format == "GPX" and name == "tracks" else (),
    )


def _header_alone(fields: list[str], count: int) -> bool:
    """Whether GDAL took the header of a sheet without rows for its only row."""
    return count == 1 and fields == [f"Field{n}" for n in range(1, len(fields) + 1)]


def _exact(path: Path, layer: str, meta: Mapping[str, Any], fids: Any, data: Any) -> list[Any]:
    """Columns with their large whole numbers exact: pyogrio makes fractions of a column that has an empty cell."""
    exact = list(data)
    for n, (name, type) in enumerate(zip(meta["fields"], meta["dtypes"], strict=True)):
        values = exact[n]
        if type != "int64" or values.dtype.kind != "f" or not (np.abs(values) >= EXACT_FLOAT).any():
            continue
        quoted = '"' + str(name).replace('"', '""') + '"'
        where = f"{quoted} >= {EXACT_FLOAT} OR {quoted} <= -{EXACT_FLOAT}"
        _, large, _, (wholes,) = pyogrio.raw.read(
            path, layer=layer, columns=[name], read_geometry=False, return_fids=True, where=where
        )
        by_fid = dict(zip(large.tolist(), wholes.tolist(), strict=True))
        exact[n] = np.array(
            [by_fid.get(fid, value) for fid, value in zip(fids.tolist(), values.tolist(), strict=True)],
            dtype=object,
        )
    return exact


def _times(path: Path, tracks: int) -> tuple[tuple[str | None, ...], ...]:
    """The times of each track's points, UTC; empty if no point has one."""
    meta, _, _, data = pyogrio.raw.read(
        path, layer="track_points", columns=["track_fid", "time"], read_geometry=False
    )
    columns = dict(zip(meta["fields"], data, strict=True))
    times, track = columns["time"], columns["track_fid"]
    bounds.check_track_points(len(times), path)
    if times.dtype.kind == "M" and np.isnat(times).all():
        return ()
    told: list[list[str | None]] = [[] for _ in range(tracks)]
    texts = np.datetime_as_string(times, unit="s") if times.dtype.kind == "M" else times
    for number, text in zip(track.tolist(), texts.tolist(), strict=True):
        if 0 <= number < tracks:
            told[number].append(None if text in (None, "NaT") else f"{text}Z")
    return tuple(tuple(one) for one in told)


def _columns(names: list[str], data: Any, format: str) -> dict[str, tuple[Value, ...]]:
    own = set(OWN_COLUMNS.get(format, "").split())
    columns: dict[str, tuple[Value, ...]] = {}
    for name, values in zip(names, data, strict=True):
        if format == "GPX" and name.startswith("ogr_"):
            name = name.removeprefix("ogr_")
        elif name.lower() in own:
            continue
        columns[name] = tuple(plain(value) for value in _meant(values, format))
    return _kml_columns(columns) if format in ("KML", "KMZ") else columns


def _meant(values: Any, format: str) -> Any:
    """Texts of a spreadsheet without the quote that holds a formula back."""
    if format not in ("XLSX", "ODS") or values.dtype.kind != "O":
        return values
    return [unguarded(value) if isinstance(value, str) else value for value in values]


def _kml_columns(columns: dict[str, tuple[Value, ...]]) -> dict[str, tuple[Value, ...]]:
    """KML's own name and id as columns `Name` and `id`, unless the file has such columns itself."""
    own = {new: columns.pop(old, None) for new, old in (("Name", KML_NAME), ("id", KML_ID))}
    taken = {name.lower() for name in columns}
    brought = {name: values for name, values in own.items() if values and name.lower() not in taken}
    return {**brought, **columns}


def geometries(wkb: Any, turn: bool = False) -> tuple[BaseGeometry | None, ...]:
    """Shapes of WKB, flat; a shape of several parts that has only one is that part; rings right-handed if `turn`."""
    raw = np.array([*wkb, None], dtype=object)[:-1]
    shapes = single(shapely.force_2d(shapely.from_wkb(raw, on_invalid="ignore")))
    return tuple(right_handed(shapes) if turn else shapes)


def crs_name(text: str | None) -> str | None:
    """The CRS that a file states; None if it states none or says that it does not know."""
    if not text:
        return None
    try:
        crs = CRS.from_user_input(text)
    except CRSError:
        return None
    if crs.is_engineering or not (crs.is_geographic or crs.is_projected):
        return None
    authority = crs.to_authority(min_confidence=70)
    return ":".join(authority) if authority else text


def _broken(path: Path, file: Path, format: str, error: Exception) -> Problem:
    words = re.sub(r"\S*[/\\]+\S*" + re.escape(path.name), file.name, " ".join(str(error).split()))[:200]
    message = f"the file cannot be read as {format}: {words or type(error).__name__}"
    return Problem("file.broken", message, f"open it in QGIS and export it again as {format}", file.name)
