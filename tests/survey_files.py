"""A small survey of Quang Tri's shape, made up, and writers of it in every format fadeout reads."""

from __future__ import annotations

import csv
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyogrio
import shapely
from shapely import Point, box
from shapely.geometry.base import BaseGeometry

from fadeout.records import places

UTM = "EPSG:32648"
WEST, SOUTH = 712_000.0, 1_860_000.0  # a corner in zone 48N
DRIVERS = {
    "gpkg": "GPKG",
    "geojson": "GeoJSON",
    "kml": "LIBKML",
    "kmz": "LIBKML",
    "gpx": "GPX",
    "shp": "ESRI Shapefile",
    "fgb": "FlatGeobuf",
    "xlsx": "XLSX",
}
DEGREES = ("geojson", "kml", "kmz", "gpx")  # formats that know WGS 84 alone


@dataclass(frozen=True)
class Layer:
    """One of our layers: rows of (geometry in UTM, values by column)."""

    name: str
    rows: tuple[tuple[BaseGeometry, dict[str, Any]], ...] = field(default=())

    @property
    def columns(self) -> list[str]:
        return list(dict.fromkeys(name for _, values in self.rows for name in values))

    def but(self, row: int, shape: BaseGeometry | None = None, **changes: Any) -> Layer:
        """The same layer with one row (from 1) changed."""
        rows = list(self.rows)
        old_shape, old = rows[row - 1]
        rows[row - 1] = (old_shape if shape is None else shape, {**old, **changes})
        return Layer(self.name, tuple(rows))

    def plus(self, shape: BaseGeometry, **values: Any) -> Layer:
        """The same layer with one more row."""
        return Layer(self.name, (*self.rows, (shape, values)))


def at(x: float, y: float) -> Point:
    """A point, metres from the survey's south-west corner."""
    return Point(WEST + x, SOUTH + y)


def square(x: float, y: float, side: float = 50.0) -> BaseGeometry:
    """A box, metres from the survey's south-west corner."""
    return box(WEST + x, SOUTH + y, WEST + x + side, SOUTH + y + side)


EVIDENCE = Layer(
    "evidence",
    (
        (
            at(425, 425),
            {
                "id": "EP-1",
                "found_on": "2021-03-04",
                "kind": "item",
                "how": "survey",
                "count": 1,
                "munition": "BLU-26",
                "position_error_m": 5.0,
                "searched_id": "B-1",
            },
        ),
        (
            at(480, 430),
            {
                "id": "EP-2",
                "found_on": "2021-03-05",
                "kind": "item",
                "how": "survey",
                "count": 2,
                "munition": "BLU-26",
                "position_error_m": 5.0,
                "searched_id": "B-2",
            },
        ),
        (
            at(700, 200),
            {
                "id": "007",
                "found_on": "2019-11-30",
                "kind": "item",
                "how": "opportunistic",
                "count": 1,
                "munition": "ថ្នាំ",
                "position_error_m": 30.0,
                "searched_id": None,
            },
        ),
        (
            at(710, 210),
            {
                "id": "EP-4",
                "found_on": "2018-01-02",
                "kind": "accident",
                "how": "opportunistic",
                "count": 1,
                "munition": None,
                "position_error_m": 100.0,
                "searched_id": None,
            },
        ),
    ),
)
SEARCHED = Layer(
    "searched",
    (
        (
            square(400, 400),
            {
                "id": "B-1",
                "searched_on": "2021-03-04",
                "method": "detector",
                "outcome": "stopped_at_find",
                "team": "A",
                "kind": "survey",
                "share_searched": None,
                "depth_cm": 20.0,
            },
        ),
        (
            square(450, 400),
            {
                "id": "B-2",
                "searched_on": "2021-03-05",
                "method": "detector",
                "outcome": "complete",
                "team": "A",
                "kind": "survey",
                "share_searched": None,
                "depth_cm": 20.0,
            },
        ),
        (
            square(500, 400),
            {
                "id": "B-3",
                "searched_on": "2021-03-06",
                "method": "visual",
                "outcome": "partial",
                "team": "B",
                "kind": "survey",
                "share_searched": 0.5,
                "depth_cm": 0.0,
            },
        ),
    ),
)
STRIKES = Layer(
    "strikes",
    (
        (
            at(450, 450),
            {
                "id": "S-1",
                "struck_on": "1972-06-20",
                "munition": "CBU24 AN PR/MT (BLU26)",
                "carriers": 2,
                "position_error_m": 200.0,
                "credibility": 0.7,
                "source": "made up",
            },
        ),
    ),
)
AREA = Layer("area", ((square(0, 0, 1000), {"id": "A"}),))
SURVEY = (EVIDENCE, SEARCHED, STRIKES, AREA)


def write(folder: Path, suffix: str, *layers: Layer, crs: str | None = UTM, stem: str = "") -> list[Path]:
    """Write layers as files of a format, one file for each layer; GeoPackage and XLSX in one file if `stem` is given."""
    paths = []
    for layer in layers:
        path = folder / f"{stem or layer.name}.{suffix}"
        if suffix == "csv":
            write_csv(path, layer)
        else:
            _write_gdal(path, suffix, layer, crs, append=bool(stem) and path.exists())
        paths.append(path)
    return list(dict.fromkeys(paths))


def write_csv(
    path: Path,
    layer: Layer,
    delimiter: str = ",",
    decimal: str = ".",
    encoding: str = "utf-8",
    place: str = "wkt",
) -> None:
    """Write a CSV with its place as WKT, as x and y, or as lat and lon."""
    names = {"wkt": ["wkt"], "xy": ["x", "y"], "latlon": ["lat", "lon"]}[place]
    with path.open("w", newline="", encoding=encoding) as stream:
        writer = csv.writer(stream, delimiter=delimiter)
        writer.writerow([*layer.columns, *names])
        for shape, values in layer.rows:
            writer.writerow(
                [_cell(values.get(name), decimal) for name in layer.columns]
                + [_cell(cell, decimal) for cell in _place(shape, place)]
            )


def _place(shape: BaseGeometry, place: str) -> list[Any]:
    if place == "wkt":
        return [shapely.to_wkt(shape, rounding_precision=6)]
    if place == "xy":
        return [shape.x, shape.y]
    lonlat = places.move([shape], UTM, places.WGS84)[0]
    return [lonlat.y, lonlat.x]


def _cell(value: Any, decimal: str) -> str:
    text = "" if value is None else str(value)
    return text.replace(".", decimal) if isinstance(value, float) else text


def _write_gdal(path: Path, suffix: str, layer: Layer, crs: str | None, append: bool) -> None:
    shapes = np.array([shape for shape, _ in layer.rows], dtype=object)
    if suffix in DEGREES and crs is not None:
        shapes, crs = places.move(list(shapes), crs, places.WGS84), places.WGS84
    names = layer.columns
    data = [_array([values.get(name) for _, values in layer.rows], name) for name in names]
    options: dict[str, Any] = {}
    geometry: Any = shapely.to_wkb(shapes)
    kinds = {shape.geom_type for shape in shapes}
    options["geometry_type"] = kinds.pop() if len(kinds) == 1 else "Unknown"
    if suffix == "gpx":
        names = ["name" if name == "id" else name for name in names]
        options["GPX_USE_EXTENSIONS"] = "YES"
    if suffix == "xlsx":
        names, data = [*names, "wkt"], [*data, np.array([shape.wkt for shape in shapes], dtype=object)]
        geometry, crs = None, None
        options["geometry_type"] = None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pyogrio.raw.write(
            path, geometry, data, names, crs=crs, driver=DRIVERS[suffix], append=append,
            layer={"gpx": "waypoints"}.get(suffix, layer.name), **options,
        )  # fmt: skip


def _array(values: list[Any], name: str) -> Any:
    if name.endswith("_on"):
        return np.array([value or "NaT" for value in values], dtype="datetime64[D]")
    if any(isinstance(value, float) for value in values):
        return np.array([np.nan if value is None else value for value in values], dtype=float)
    if all(isinstance(value, int) for value in values):
        return np.array(values, dtype=np.int64)
    return np.array(values, dtype=object)
