"""Records as layers of a GeoPackage, a File Geodatabase or a zipped Shapefile, through GDAL, piece by piece.

Reads   `Outgoing`s and the facts of the file
Gives   one .gpkg (styled for QGIS), a .gdb folder or its .gdb.zip, a .zip of Shapefiles
Knows   GDAL's drivers and their limits; nothing of how records are chosen
Start   at `write_geopackage`, `write_geodatabase`, `write_shapefiles`

These formats hold one kind of geometry in a layer. A kind whose records are polygons and lines becomes two layers,
`searched` and `searched_lines`; both are read as searched ground. The facts stand in a table `about`.
"""

from __future__ import annotations

import json
import warnings
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from fadeout.exchange import geopackage
from fadeout.exchange.losses import Lost
from fadeout.exchange.outgoing import Outgoing, column, family, shapes_of
from fadeout.exchange.record_styles import style_of
from fadeout.records import places
from fadeout.records.record import Record

NONE, POINT, LINE, POLYGON = None, "Point", "MultiLineString", "MultiPolygon"
MAIN = {"": NONE, "point": POINT, "polygon": POLYGON, "ground": POLYGON, "any": POLYGON}
FAMILIES = {"point": POINT, "line": LINE, "polygon": POLYGON}
ENDINGS = {POINT: "_points", LINE: "_lines", POLYGON: "_polygons", "MultiPoint": "_multipoints"}
EXACT_WHOLE = 2**53
DBF_BYTES = 254
DBF_LARGEST = 1e18
UTC_FLAG = 100  # GDAL's number for UTC
# A File Geodatabase keeps coordinates as whole numbers: origin and scale for degrees, and for metres.
GRID_DEGREES = {"XORIGIN": "-400", "YORIGIN": "-400", "XYSCALE": "1000000000000"}
GRID_METRES = {"XORIGIN": "-100000000", "YORIGIN": "-100000000", "XYSCALE": "10000000"}


@dataclass(frozen=True)
class _Part:
    """Some records of a layer that have one kind of geometry, and the layer they go to."""

    layer: Outgoing
    name: str
    geometry: str | None
    records: list[Record]
    shapes: NDArray[np.object_]


def write_geopackage(
    path: Path, layers: Sequence[Outgoing], about: Mapping[str, str], lost: Lost, crs: str = places.WGS84
) -> None:
    """Write a GeoPackage with a style for each layer, as QGIS finds it, and a table `about`."""
    moment = _moment(about)
    written: dict[str, tuple[Outgoing, str | None]] = {}
    with geopackage.dated(moment):
        for part in _parts(layers, lost, crs):
            new = part.name not in written
            written[part.name] = part.layer, part.geometry
            options = {
                "FID": _fid(part.layer),
                "GEOMETRY_NAME": "geom",
                **_described(part, about),
            }
            _write(path, part, "GPKG", crs, lost, options if new else {}, {"VERSION": geopackage.VERSION})
        _write_about(path, about, "GPKG")
        styled = [
            geopackage.Layer(name, geometry, np.empty(0, object), {}, layer.title or layer.name, style)
            for name, (layer, geometry) in written.items()
            if geometry is not None and (style := style_of(layer.name, geometry)) is not None
        ]
        geopackage.write_styles(path, styled, about.get("stamp", ""), moment)


def write_geodatabase(
    path: Path, layers: Sequence[Outgoing], about: Mapping[str, str], lost: Lost, crs: str = places.WGS84
) -> None:
    """Write a File Geodatabase: a folder NAME.gdb, or that folder in an archive where the path ends in .zip."""
    folder = path.with_suffix("") if path.suffix == ".zip" else path
    grid = GRID_DEGREES if places.is_geographic(crs) else GRID_METRES
    for part in _parts(layers, lost, crs):
        lost.add("grid", int((part.shapes != None).sum()))  # noqa: E711 - an array, element by element
        _write(folder, part, "OpenFileGDB", crs, lost, grid if part.geometry else {}, {})
    _write_about(folder, about, "OpenFileGDB")
    if folder != path:
        _zip(path, [(f"{folder.name}/{one.name}", one) for one in sorted(folder.iterdir())], {})


def write_shapefiles(
    path: Path, layers: Sequence[Outgoing], about: Mapping[str, str], lost: Lost, crs: str = places.WGS84
) -> None:
    """Write an archive of Shapefiles, one for each layer, with about.json."""
    folder = path.with_name(f"{path.name}.shapes")
    folder.mkdir()
    for part in _parts(layers, lost, crs):
        _write(folder / f"{part.name}.shp", part, "ESRI Shapefile", crs, lost, {"ENCODING": "UTF-8"}, {})
    facts = json.dumps(dict(about), ensure_ascii=False, indent=1) + "\n"
    members = [(one.name, one) for one in sorted(folder.iterdir())]
    _zip(path, members, {"about.json": facts})


def _zip(path: Path, members: Sequence[tuple[str, Path]], texts: Mapping[str, str]) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, one in members:
            archive.write(one, name)
        for name, words in texts.items():
            archive.writestr(name, words)


def _parts(layers: Sequence[Outgoing], lost: Lost, crs: str) -> Iterator[_Part]:
    """Pieces of each layer by kind of geometry; a layer without records gives one piece without rows."""
    for layer in layers:
        main = MAIN[layer.geometry]
        for n, records in enumerate(_at_least_one(layer)):
            shapes = shapes_of(records, lost, crs)
            kinds: dict[str | None, list[int]] = {main: []} if n == 0 else {}
            for i, shape in enumerate(shapes):
                kinds.setdefault(_geometry(shape, main), []).append(i)
            for geometry, which in kinds.items():
                name = layer.name if geometry == main else layer.name + ENDINGS[str(geometry)]
                yield _Part(layer, name, geometry, [records[i] for i in which], shapes[which])


def _at_least_one(layer: Outgoing) -> Iterator[list[Record]]:
    some = False
    for piece in layer.pieces():
        some = True
        yield piece
    if not some:
        yield []


def _geometry(shape: Any, main: str | None) -> str | None:
    if shape is None or main is None:
        return main
    if shape.geom_type == "MultiPoint":
        return "MultiPoint"
    return FAMILIES[family(shape)]


def _write(
    path: Path,
    part: _Part,
    driver: str,
    crs: str,
    lost: Lost,
    layer_options: Mapping[str, str],
    dataset_options: Mapping[str, str],
) -> None:
    from pyogrio import raw

    data, masks, zones = [], [], {}
    for name, type in part.layer.fields:
        values = column(part.records, name, type, lost)
        array, mask = ARRAYS[type](values, driver, lost)
        data.append(array)
        masks.append(mask)
        if array.dtype.kind == "M" and type == "moment":
            zones[name] = np.full(len(values), UTC_FLAG)
    placed = part.geometry is not None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what is lost is told by `lost`
        raw.write(
            str(path),
            shapely.to_wkb(_promoted(part)) if placed else None,
            data,
            [name for name, _ in part.layer.fields],
            field_mask=masks,
            layer=part.name,
            driver=driver,
            geometry_type=part.geometry,
            crs=crs if placed else None,
            append=path.exists(),
            dataset_options=dict(dataset_options) if not path.exists() else {},
            layer_options=dict(layer_options),
            gdal_tz_offsets=zones,
        )


def _promoted(part: _Part) -> NDArray[np.object_]:
    """Single lines and polygons as shapes of one part, since a layer holds one type; reading undoes it."""
    if part.geometry not in (LINE, POLYGON):
        return part.shapes
    make = shapely.MultiLineString if part.geometry == LINE else shapely.MultiPolygon
    promoted = [one if one is None or hasattr(one, "geoms") else make([one]) for one in part.shapes]
    return np.array([*promoted, None], dtype=object)[:-1]


Array = tuple[NDArray[Any], NDArray[np.bool_] | None]


def _texts(values: list[Any], driver: str, lost: Lost) -> Array:
    if driver == "ESRI Shapefile":
        values = [None if value is None else _short(value, lost) for value in values]
    return np.array([*values, None], dtype=object)[:-1], None


def _short(text: str, lost: Lost) -> str:
    raw = text.encode()
    if len(raw) <= DBF_BYTES:
        return text
    lost.add("short_texts")
    return raw[:DBF_BYTES].decode(errors="ignore")


def _wholes(values: list[Any], driver: str, lost: Lost) -> Array:
    if driver != "GPKG":  # a File Geodatabase's whole numbers of 64 bits are read by new programs alone
        lost.add("long_wholes", sum(value is not None and abs(value) > EXACT_WHOLE for value in values))
        return np.array([np.nan if value is None else value for value in values], dtype=np.float64), None
    mask = np.array([value is None for value in values], dtype=bool)
    return np.array([value or 0 for value in values], dtype=np.int64), mask


def _reals(values: list[Any], driver: str, lost: Lost) -> Array:
    if driver == "ESRI Shapefile":
        lost.add("decimals", sum(value is not None and value != round(value, 15) for value in values))
        values = [None if value is None or abs(value) > DBF_LARGEST else value for value in values]
    return np.array([np.nan if value is None else value for value in values], dtype=np.float64), None


def _flags(values: list[Any], driver: str, lost: Lost) -> Array:
    mask = np.array([value is None for value in values], dtype=bool)
    return np.array([bool(value) for value in values], dtype=bool), mask


def _days(values: list[Any], driver: str, lost: Lost) -> Array:
    return np.array(["NaT" if value is None else value for value in values], dtype="datetime64[D]"), None


def _moments(values: list[Any], driver: str, lost: Lost) -> Array:
    if driver == "ESRI Shapefile":  # it has days but no hours
        return _texts(values, driver, lost)
    plain = ["NaT" if value is None else value.removesuffix("Z") for value in values]
    return np.array(plain, dtype="datetime64[ms]"), None


ARRAYS: dict[str, Callable[[list[Any], str, Lost], Array]] = {
    **dict.fromkeys(("text", "choice", "ids"), _texts),
    **dict.fromkeys(("real", "share"), _reals),
    "whole": _wholes,
    "flag": _flags,
    "date": _days,
    "moment": _moments,
}


def _write_about(path: Path, about: Mapping[str, str], driver: str) -> None:
    from pyogrio import raw

    data = [np.array(list(about), dtype=object), np.array(list(about.values()), dtype=object)]
    raw.write(
        str(path), None, data, ["name", "value"], layer="about", driver=driver, geometry_type=None, append=True
    )  # fmt: skip


def _described(part: _Part, about: Mapping[str, str]) -> dict[str, str]:
    stamp = about.get("stamp", "")
    words = f"{part.layer.title or part.layer.name}; made by fadeout {about['fadeout']}; for {about['sensitivity']}"
    return {
        "IDENTIFIER": f"{part.name} ({stamp})" if stamp else part.name,
        "DESCRIPTION": geopackage.stamped(words, stamp),
    }


def _fid(layer: Outgoing) -> str:
    """A name for the row number that no column has."""
    taken = {name.lower() for name, _ in layer.fields}
    return next(name for name in ("fid", "ogc_fid", "fid_row") if name not in taken)


def _moment(about: Mapping[str, str]) -> str:
    """The file's own moment of making, so that no clock is asked."""
    return about["created_utc"].removesuffix("Z").split(".")[0] + ".000Z"
