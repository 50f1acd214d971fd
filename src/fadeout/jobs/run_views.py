"""Finished assessments as maps and pages show them: their figures, pictures of their rasters, next boxes, two compared.

Reads   folders of runs, which `assess` and `update` fill
Gives   `Run`s, layers in longitude and latitude, PNGs, rows that compare
Knows   the files of a run; nothing of who looks
Start   at `find`
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from fadeout.errors import InputRefused, Problem
from fadeout.exchange import formats, rasters
from fadeout.jobs import runs
from fadeout.jobs.product_layers import P_BREAKS, RAMP
from fadeout.records import places

ID = re.compile(r"[0-9a-zA-Z-]{8,64}")
LAYERS: Mapping[
    str, tuple[str, str, Callable[[Any], Any] | None]
] = {  # name: words, band, what is drawn of it
    "expected": ("Expected remaining", "expected_remaining", None),
    "any": ("Chance that any is left", "p_any", None),
    "uncertain": ("Where it is uncertain", "p_any", lambda p: 4 * p * (1 - p)),
}
FILES = (
    "report.html",
    "report.pdf",
    "hazard.gpkg",
    "hazard.tif",
    "next_boxes.gpx",
    "next_boxes.kml",
    runs.SUMMARY,
)


@dataclass(frozen=True)
class Run:
    """One finished run: its id, its folder, its figures."""

    id: str
    folder: Path
    summary: Mapping[str, Any]

    @property
    def stamps(self) -> list[str]:
        """Words that stand on every picture of it."""
        return [str(one) for one in self.summary.get("stamps", ())]

    @property
    def has_area(self) -> bool:
        """Whether it drew a hazardous area; an update draws none anew."""
        return bool(self.summary.get("hazardous_area"))


def find(folder: Path, id: str) -> Run:
    """The run of an id in the folder of all runs.

    Raises
    ------
    InputRefused
        If there is none.
    """
    place = folder / id
    if not ID.fullmatch(id) or not (place / runs.SUMMARY).is_file():
        raise InputRefused([Problem("work.missing", f"there is no assessment '{id[:60]}'", "see the list")])
    return Run(id, place, json.loads((place / runs.SUMMARY).read_text(encoding="utf-8")))


@lru_cache(maxsize=64)
def picture(run: Path, layer: str) -> tuple[bytes, tuple[float, float, float, float]]:
    """A raster of a run as PNG, with its bounds in degrees."""
    _, band, change = LAYERS[layer]
    return rasters.picture(run / "hazard.tif", band, P_BREAKS[1:], RAMP, change)


def boxes(run: Run) -> list[dict[str, Any]]:
    """The next boxes as GeoJSON features, best first."""
    drawn = _features(run.folder / "hazard.gpkg", "next_boxes")
    return drawn or [_square(one) for one in run.summary.get("next_boxes", ())]


def _square(box: Mapping[str, Any]) -> dict[str, Any]:
    """A box of an update, which writes no layers: the square around its middle."""
    crs = places.metric_crs(box["lon"], box["lat"])
    ((x, y),) = places.move_xy(np.array([[box["lon"], box["lat"]]]), places.WGS84, crs)
    half = box["side_m"] / 2
    (shape,) = places.move([shapely.box(x - half, y - half, x + half, y + half)], crs, places.WGS84)
    return {"type": "Feature", "properties": dict(box), "geometry": json.loads(shapely.to_geojson(shape))}


def area(run: Run) -> BaseGeometry | None:
    """The hazardous area that the run drew, in longitude and latitude; None where it drew none."""
    shapes = [
        shapely.from_geojson(json.dumps(one["geometry"]))
        for one in _features(run.folder / "hazard.gpkg", "hazardous_area")
    ]
    return shapely.union_all(shapes) if shapes else None


@lru_cache(maxsize=64)
def not_searched(run: Path, fitted: Path | None = None) -> BaseGeometry:
    """The assessed ground that nobody searched; of an update, the run that it began at is given too."""
    if fitted is None:
        return rasters.empty_ground(run / "hazard.tif", ("effort",))
    since = rasters.empty_ground(run / "hazard.tif", ("searched_since",))
    return shapely.intersection(rasters.empty_ground(fitted / "hazard.tif", ("effort",)), since)


@lru_cache(maxsize=64)
def _read(path: Path, layer: str) -> tuple[dict[str, Any], ...]:
    if not path.is_file():
        return ()
    found = [one for one in formats.read(path) if one.name == layer]
    if not found:
        return ()
    raw = found[0]
    shapes = places.move(list(raw.geometries), raw.crs or places.WGS84, places.WGS84)
    return tuple(
        {
            "type": "Feature",
            "properties": {name: values[i] for name, values in raw.columns.items()},
            "geometry": json.loads(shapely.to_geojson(shape)),
        }
        for i, shape in enumerate(shapes)
        if shape is not None
    )


def _features(path: Path, layer: str) -> list[dict[str, Any]]:
    return list(_read(path, layer))


def compared(one: Run, other: Run) -> list[tuple[str, str, str]]:
    """Figures of two runs side by side: what, the first, the second."""
    return [(words, _said(one.summary, path), _said(other.summary, path)) for words, path in FIGURES.items()]


FIGURES: Mapping[str, tuple[str, ...]] = {
    "Items remaining, median": ("remaining", "median"),
    "Items remaining, low (90 %)": ("remaining", "low"),
    "Items remaining, high (90 %)": ("remaining", "high"),
    "Hazardous area (m²)": ("hazardous_area", "area_m2"),
    "Chance that none is left outside it": ("completion", "outside", "p_none"),
    "Items found": ("found", "items"),
    "Searched areas": ("found", "searched_areas"),
    "Assessed ground (m²)": ("area", "assessed_m2"),
    "Not searched (m²)": ("area", "not_searched_m2"),
    "Cell (m)": ("area", "cell_m"),
    "Profile": ("profile", "name"),
    "Seed": ("seed",),
    "Checks": ("checks", "words"),
}


def _said(summary: Mapping[str, Any], path: tuple[str, ...]) -> str:
    value: Any = summary
    for name in path:
        if isinstance(value, list):
            value = {one["ground"]: one for one in value}
        value = value.get(name) if isinstance(value, Mapping) else None
    if value is None:
        return ""
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def same_ground(one: Run, other: Run) -> bool:
    """Whether two runs have one grid, so that their maps show the same cells."""
    names = ("crs", "cell_m", "rows", "cols", "west", "north")
    a, b = one.summary.get("area", {}), other.summary.get("area", {})
    return all(a.get(name) == b.get(name) for name in names) and bool(np.isfinite(a.get("cell_m", np.nan)))
