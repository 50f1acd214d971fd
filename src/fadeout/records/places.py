"""Geometry with its CRS: make it, check it, move it to a metric CRS, measure it.

Reads   shapely geometries, the name or WKT of a CRS
Gives   the metric CRS of a place (UTM), geometries in it, faults of a geometry in words, areas on the ellipsoid
Knows   nothing of files, columns or grids
Start   at `metric_crs`

Coordinates are (x, y) = (east, north) or (lon, lat), whatever axis order a CRS's authority prints.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import CRS, Geod, Transformer
from pyproj.exceptions import CRSError, ProjError
from shapely.geometry.base import BaseGeometry

WGS84 = "EPSG:4326"
UTM_NORTH, UTM_SOUTH = 32600, 32700  # EPSG codes of the WGS 84 zones, less the zone
POLAR_NORTH, POLAR_SOUTH = "EPSG:5041", "EPSG:5042"  # UPS, where UTM ends

Geometries = NDArray[np.object_]


@lru_cache(maxsize=64)
def crs_of(text: str) -> CRS:
    """Give the CRS that a name ("EPSG:32648") or WKT stands for; ValueError with the reason if there is none.

    Examples
    --------
    >>> crs_of("EPSG:28992").name
    'Amersfoort / RD New'
    """
    try:
        return CRS.from_user_input(text)
    except CRSError as error:
        raise ValueError(f"{text[:60]!r} is not a CRS that PROJ knows") from error


def crs_name(text: str) -> str:
    """Give the short name of a CRS: its authority and code where it has one, else its own name."""
    crs = crs_of(text)
    authority = crs.to_authority(min_confidence=70)
    return ":".join(authority) if authority else crs.name


def is_geographic(text: str) -> bool:
    """Whether coordinates in this CRS are degrees."""
    return bool(crs_of(text).is_geographic)


def is_metric(text: str) -> bool:
    """Whether this CRS is flat and its unit is the metre."""
    crs = crs_of(text)
    return bool(crs.is_projected and all(axis.unit_name == "metre" for axis in crs.axis_info[:2]))


def is_utm(text: str) -> bool:
    """Whether this is a UTM zone of WGS 84."""
    authority = crs_of(text).to_authority(min_confidence=70)
    return bool(
        authority
        and authority[0] == "EPSG"
        and (1 <= int(authority[1]) - UTM_NORTH <= 60 or 1 <= int(authority[1]) - UTM_SOUTH <= 60)
    )


def metric_crs(lon: float, lat: float) -> str:
    """Give the UTM zone (WGS 84) of a place, as "EPSG:…"; the polar stereographic ones where UTM ends.

    Examples
    --------
    >>> metric_crs(107.0, 16.8), metric_crs(-68.1, -16.5)
    ('EPSG:32648', 'EPSG:32719')
    """
    if lat > 84:
        return POLAR_NORTH
    if lat < -80:
        return POLAR_SOUTH
    zone = int((lon + 180) // 6) % 60 + 1
    return f"EPSG:{(UTM_NORTH if lat >= 0 else UTM_SOUTH) + zone}"


@lru_cache(maxsize=64)
def _transformer(source: str, target: str) -> Transformer:
    return Transformer.from_crs(crs_of(source), crs_of(target), always_xy=True)


def move_xy(xy: NDArray[np.float64], source: str, target: str) -> NDArray[np.float64]:
    """Move coordinates, shape (n, 2), from one CRS to another; inf where a place has none in the target."""
    if source == target or not len(xy):
        return xy
    try:
        x, y = _transformer(source, target).transform(xy[:, 0], xy[:, 1])
    except ProjError:
        return np.full_like(xy, np.inf)
    return np.column_stack([x, y])


def move(shapes: Sequence[BaseGeometry | None], source: str, target: str) -> Geometries:
    """Move geometries to another CRS, coordinate by coordinate, heights left behind."""
    flat = shapely.force_2d(np.array([*shapes, None], dtype=object)[:-1])
    if source == target:
        return np.asarray(flat, dtype=object)
    return np.asarray(shapely.transform(flat, lambda xy: move_xy(xy, source, target)), dtype=object)


def area_of_use(text: str) -> tuple[float, float, float, float] | None:
    """Give (west, south, east, north) in degrees of the ground a CRS is meant for, None where it does not say."""
    use = crs_of(text).area_of_use
    return (use.west, use.south, use.east, use.north) if use else None


def belongs(xy: NDArray[np.float64], crs: str) -> NDArray[np.bool_]:
    """Say of each (x, y) whether it can be a place in this CRS: on Earth, and near the ground the CRS is meant for."""
    finite: NDArray[np.bool_] = np.asarray(np.isfinite(xy).all(axis=1))
    lonlat = xy if is_geographic(crs) else move_xy(np.where(finite[:, None], xy, 0.0), crs, WGS84)
    lon, lat = lonlat[:, 0], lonlat[:, 1]
    with np.errstate(invalid="ignore"):
        good = finite & np.isfinite(lonlat).all(axis=1) & (np.abs(lat) <= 90) & (np.abs(lon) <= 360)
        return np.asarray(good if is_geographic(crs) else good & in_use(lon, lat, crs))


def in_use(lon: NDArray[np.float64], lat: NDArray[np.float64], crs: str) -> NDArray[np.bool_]:
    """Say of each place whether it lies on the ground a CRS is meant for, or not far beyond its edge.

    Surveys at the edge of a zone go on in it: a quarter of the zone's width is allowed, and at most 3 degrees.
    """
    use = area_of_use(crs)
    if use is None:
        return np.ones(len(lon), dtype=bool)
    west, south, east, north = use
    beyond = _beyond(north - south)
    good = (lat >= south - beyond) & (lat <= north + beyond)
    if west <= east < west + 300:
        beyond = _beyond(east - west)
        good &= (lon >= west - beyond) & (lon <= east + beyond)
    return np.asarray(good)


def _beyond(width_deg: float) -> float:
    return min(0.5 + width_deg / 4, 3.0)


def polygon_fault(shape: BaseGeometry) -> str:
    """Say in words what is wrong with a polygon, "" if nothing is."""
    if shape.is_empty:
        return "the polygon is empty"
    if not np.isfinite(shapely.get_coordinates(shape)).all():
        return "a corner has no coordinates (NaN or infinite)"
    if not shape.is_valid:
        return f"the polygon is not valid: {shapely.is_valid_reason(shape)}"
    if not shape.area > 0:
        return "the polygon has no area"
    return ""


def line_fault(shape: BaseGeometry) -> str:
    """Say in words what is wrong with a line, "" if nothing is."""
    if shape.is_empty:
        return "the line is empty"
    if not np.isfinite(shapely.get_coordinates(shape)).all():
        return "a point of the line has no coordinates (NaN or infinite)"
    if not shape.length > 0:
        return "the line has no length"
    return ""


def geodesic_area_m2(shape: BaseGeometry, crs: str) -> float:
    """Give the area on the WGS 84 ellipsoid, in m²; areas in a flat CRS differ from it by up to about 0.1 %.

    Examples
    --------
    >>> from shapely import box
    >>> round(geodesic_area_m2(box(500_000, 1_860_000, 501_000, 1_861_000), "EPSG:32648"))
    1000800
    """
    lonlat: Any = move([shape], crs, WGS84)[0]
    area, _ = Geod(ellps="WGS84").geometry_area_perimeter(lonlat)
    return abs(float(area))


def centre_lonlat(shapes: Sequence[BaseGeometry], crs: str) -> tuple[float, float]:
    """Give (lon, lat) of the middle of the bounds of some geometries."""
    west, south, east, north = shapely.total_bounds(np.array(list(shapes), dtype=object))
    middle = np.array([[(west + east) / 2, (south + north) / 2]])
    lon, lat = move_xy(middle, crs, WGS84)[0]
    if not (math.isfinite(lon) and math.isfinite(lat)):
        raise ValueError(f"the middle of the ground has no longitude and latitude in {crs}")
    return float(lon), float(lat)
