"""Vector files through GDAL: GeoPackage, GeoJSON, KML and KMZ, GPX, Shapefile, FlatGeobuf, and XLSX sheets.

Reads   a file whose format is known
Gives   `RawLayer`s
Knows   the habits of each driver: which columns are the format's own, which layers repeat others
Start   at `read`
"""

from __future__ import annotations

import re
import warnings
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
from fadeout.exchange.layers import RawLayer, Value, plain

FAULTS = (
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
)
OWN_COLUMNS = {  # columns that a format brings whether anybody filled them or not
    "KML": "description timestamp begin end altitudemode tessellate extrude visibility draworder icon snippet",
    "GPX": "ele time magvar geoidheight cmt desc src link1_href link1_text link1_type link2_href link2_text "
    "link2_type sym fix sat hdop vdop pdop ageofdgpsdata dgpsid number type",
    "Shapefile": "shape_leng shape_le_1 shape_area objectid fid",
    "GeoPackage": "shape_length shape_area objectid fid ogc_fid",
}
OWN_COLUMNS["KMZ"] = OWN_COLUMNS["KML"]
OWN_LAYERS = {"layer_styles", "qgis_projects", "route_points", "track_points"}
SHAPEFILE_NEEDS = (".shx", ".dbf")
SHAPEFILE_MAY = (".prj", ".cpg")


def read(path: Path, format: str, driver: str) -> tuple[RawLayer, ...]:
    """Read every layer of a file; layers without rows that a format brings by itself are left out.

    Raises
    ------
    InputRefused
        If the file is broken, or GDAL takes it for another format.
    """
    if driver == "ESRI Shapefile":
        _check_family(path)
    source = path.resolve()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            names = [str(name) for name, _ in pyogrio.list_layers(source)]
            layers = [_layer(source, name, format, driver) for name in names if name not in OWN_LAYERS]
    except InputRefused:
        raise
    except FAULTS as error:
        raise InputRefused([_broken(path, format, error)]) from error
    if format == "GPX":
        layers = [layer for layer in layers if len(layer)] or layers[:1]
    return tuple(_with_alone(layers))


def shapefile_family(path: Path) -> list[Path]:
    """List the files beside a .shp that belong to it and are there."""
    beside = {other.name.lower(): other for other in path.parent.iterdir()}
    wanted = [(path.stem + suffix).lower() for suffix in SHAPEFILE_NEEDS + SHAPEFILE_MAY]
    return [beside[name] for name in wanted if name in beside]


def _check_family(path: Path) -> None:
    there = {member.suffix.lower() for member in shapefile_family(path)}
    missing = [path.stem + suffix for suffix in SHAPEFILE_NEEDS if suffix not in there]
    if missing:
        message = f"a Shapefile is several files, and {' and '.join(missing)} is not beside it"
        remedy = "copy all files of that name, or export to GeoPackage"
        raise InputRefused([Problem("file.incomplete-shapefile", message, remedy, path.name)])


def _layer(path: Path, name: str, format: str, driver: str) -> RawLayer:
    if driver == "XLSX":  # the first row is the header, also when every cell of the sheet is text
        pyogrio.set_gdal_config_options({"OGR_XLSX_HEADERS": "FORCE"})
    found = pyogrio.read_info(path, layer=name)
    if found["driver"] not in (driver, "KML" if driver == "LIBKML" else driver):
        message = f"the suffix says {format}, but GDAL reads it as {found['driver']}"
        remedy = "give the file the suffix of its format"
        raise InputRefused([Problem("file.mismatch", message, remedy, path.name)])
    meta, _, wkb, data = pyogrio.raw.read(path, layer=name)
    columns = _columns(list(meta["fields"]), data, format)
    count = len(wkb) if wkb is not None else max((len(values) for values in data), default=0)
    geometries = _geometries(wkb) if wkb is not None else (None,) * count
    return RawLayer(
        file=path.name,
        name=name,
        format=format,
        columns=columns,
        geometries=geometries,
        crs=_crs(meta.get("crs")) if wkb is not None else None,
        rows=tuple(range(1, count + 1)),
        table=wkb is None,
        axes_named=format in ("KML", "KMZ", "GPX"),
    )


def _columns(names: list[str], data: Any, format: str) -> dict[str, tuple[Value, ...]]:
    own = set(OWN_COLUMNS.get(format, "").split())
    columns: dict[str, tuple[Value, ...]] = {}
    for name, values in zip(names, data, strict=True):
        if format == "GPX" and name.startswith("ogr_"):
            name = name.removeprefix("ogr_")
        elif name.lower() in own:
            continue
        columns[name] = tuple(plain(value) for value in values)
    return columns


def _geometries(wkb: Any) -> tuple[BaseGeometry | None, ...]:
    shapes = shapely.from_wkb(np.asarray(wkb, dtype=object), on_invalid="ignore")
    return tuple(shapely.force_2d(shapes))


def _crs(text: str | None) -> str | None:
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


def _with_alone(layers: list[RawLayer]) -> list[RawLayer]:
    return [replace(layer, alone=len(layers) == 1) for layer in layers]


def _broken(path: Path, format: str, error: Exception) -> Problem:
    words = re.sub(r"\S*[/\\]+\S*" + re.escape(path.name), path.name, " ".join(str(error).split()))[:200]
    message = f"the file cannot be read as {format}: {words or type(error).__name__}"
    return Problem("file.broken", message, f"open it in QGIS and export it again as {format}", path.name)
