"""Coordinate reference systems as OGC API names them: by URI, with the axis order that their authority gives them.

Reads   URIs, shapes
Gives   `URIS`, those that are spoken; shapes from and to longitude and latitude
Knows   that EPSG:4326 is latitude before longitude, and CRS84 the other way; nothing of requests
Start   at `from_wgs84`, `to_wgs84`
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import Transformer
from shapely.geometry.base import BaseGeometry

from fadeout.errors import InputRefused, Problem

EPSG = "http://www.opengis.net/def/crs/EPSG/0/"
CRS84 = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"
WGS84, MERCATOR = f"{EPSG}4326", f"{EPSG}3857"
UTM = tuple(f"{EPSG}{first + zone}" for first in (32600, 32700) for zone in range(1, 61))
URIS = (CRS84, WGS84, MERCATOR, *UTM)
PIECES = 32  # of a side of a box on the way to degrees, as straight lines do not stay straight
FARTHEST_M, SHORTEST_M = (
    1e8,
    1.0,
)  # of an axis: twice the way around the earth; what is shorter stays straight

Shapes = NDArray[np.object_]


def from_wgs84(shapes: Shapes, uri: str) -> Shapes:
    """Shapes in longitude and latitude, n, in another CRS; None stays None.

    Raises
    ------
    InputRefused
        If one lies where the CRS has no coordinates.

    Examples
    --------
    >>> from_wgs84(np.array([shapely.Point(107, 16)]), WGS84)[0]
    <POINT (16 107)>
    """
    if uri == CRS84:
        return shapes
    if uri == WGS84:
        return _turned(shapes)
    return _moved(shapes, uri, "FORWARD")


def to_wgs84(shape: BaseGeometry, uri: str) -> BaseGeometry:
    """A shape in a CRS as longitude and latitude; InputRefused where there is no such place."""
    if uri == CRS84:
        return shape
    one: Shapes = np.array([shape, None], dtype=object)[:1]
    if uri == WGS84:
        return _turned(one)[0]
    bounds = shape.bounds
    if max(map(abs, bounds)) > FARTHEST_M:
        raise _far(uri)
    longest = max(bounds[2] - bounds[0], bounds[3] - bounds[1])
    if longest > SHORTEST_M:
        one = shapely.segmentize(one, longest / PIECES)
    return _moved(one, uri, "INVERSE")[0]


def box(sides: tuple[float, float, float, float], uri: str) -> BaseGeometry:
    """A box of a CRS, in the order of its axes (low, low, high, high), as a shape in longitude and latitude.

    In degrees a box whose west is east of its east goes over 180 degrees, and is two.

    Examples
    --------
    >>> box((-10, 170, 10, -170), WGS84).bounds
    (-180.0, -10.0, 180.0, 10.0)
    """
    if not all(map(math.isfinite, sides)):
        raise _far(uri)
    if uri not in (CRS84, WGS84):
        return to_wgs84(_rectangle(*sides), uri)
    w, s, e, n = sides if uri == CRS84 else (sides[1], sides[0], sides[3], sides[2])
    s, n = (min(max(side, -90.0), 90.0) for side in (s, n))
    w, e = (min(max(side, -180.0), 180.0) for side in (w, e))
    if w <= e:
        return _rectangle(w, s, e, n)
    return shapely.union_all([_rectangle(w, s, 180.0, n), _rectangle(-180.0, s, e, n)])


def _rectangle(w: float, s: float, e: float, n: float) -> BaseGeometry:
    if w == e and s == n:
        return shapely.Point(w, s)
    if w == e or s == n:
        return shapely.LineString([(w, s), (e, n)])
    return shapely.box(w, s, e, n)


def _turned(shapes: Shapes) -> Shapes:
    turned: Shapes = shapely.transform(shapes, lambda xy: xy[:, ::-1])
    return turned


def _moved(shapes: Shapes, uri: str, way: Any) -> Shapes:
    def move(xy: NDArray[np.float64]) -> NDArray[np.float64]:
        moved = np.column_stack(_transformer(uri).transform(xy[:, 0], xy[:, 1], direction=way))
        if not np.isfinite(moved).all():
            raise _far(uri)
        return moved

    moved: Shapes = shapely.transform(shapes, move)
    return moved


def _far(uri: str) -> InputRefused:
    message = f"a place cannot be told in {uri.removeprefix(EPSG)}"
    return InputRefused([Problem("crs.too-far", message, "ask in another CRS, or for another place")])


@lru_cache(maxsize=130)
def _transformer(uri: str) -> Transformer:
    code = f"EPSG:{uri.removeprefix(EPSG)}"
    return Transformer.from_crs("OGC:CRS84", code, always_xy=True)
