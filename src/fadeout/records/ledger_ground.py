"""Polygons on the ground parted into pieces that do not overlap, each with its area.

Reads   valid polygons in longitude and latitude, WGS 84
Gives   areas of the pieces in m², and which pieces each polygon covers
Knows   one plane; nothing of dates, areas or releases
Start   at `pieces`

Areas are those on the WGS 84 ellipsoid: an equal-area projection of it keeps them. The plane is the cylindrical one of
EPSG:6933, the same wherever and whenever, so that a polygon has the same area in this year's ledger and in the next.
Polygons are overlaid in that plane, edges straight between the corners there, and coordinates snapped to `SNAP_M`; so
the pieces of a polygon add up to it. Geodesic areas of long edges differ a little, as edges there run along geodesics.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from fadeout.records import places

PLANE = "EPSG:6933"
SNAP_M = 1e-4  # a tenth of a millimetre: 0.1 m² at most along a kilometre of boundary
METHOD = (
    "areas on the WGS 84 ellipsoid by the cylindrical equal-area projection EPSG:6933; overlaid in that plane, "
    "coordinates snapped to 0.1 mm; ground under several polygons counted once"
)


@dataclass(frozen=True)
class Ground:
    """Pieces without overlaps: `area_m2`, shape (pieces,), and for each polygon given the pieces that it covers."""

    area_m2: NDArray[np.float64]
    covered: tuple[NDArray[np.intp], ...]


def in_plane(shapes: Sequence[BaseGeometry]) -> NDArray[np.object_]:
    """Move polygons from longitude and latitude to the plane of equal areas, snapped, and valid there."""
    moved = places.move(shapes, places.WGS84, PLANE)
    return np.asarray(shapely.set_precision(moved, SNAP_M), dtype=object)


def pieces(shapes: Sequence[BaseGeometry]) -> Ground:
    """Part polygons into pieces: every piece lies wholly in or wholly outside each of them.

    Examples
    --------
    >>> ground = pieces([shapely.box(10, 45, 10.02, 45.01), shapely.box(10.01, 45, 10.03, 45.01)])
    >>> [len(covered) for covered in ground.covered], [round(float(area)) for area in ground.area_m2]
    ([2, 2], [876163, 876163, 876163])
    """
    if not len(shapes):
        return Ground(np.zeros(0), ())
    flat = in_plane(shapes)
    faces: list[BaseGeometry] = []
    for group in _touching(flat):
        if len(group) == 1:
            faces += shapely.get_parts(flat[group]).tolist()
        else:
            faces += _faces(flat[group])
    cells = np.array([*faces, None], dtype=object)[:-1]
    inside = shapely.point_on_surface(cells)
    polygon, piece = shapely.STRtree(inside).query(flat, predicate="contains")
    order = np.lexsort((piece, polygon))
    cuts = np.searchsorted(polygon[order], np.arange(1, len(flat)))
    return Ground(shapely.area(cells), tuple(np.split(piece[order], cuts)))


def _faces(flat: NDArray[np.object_]) -> list[BaseGeometry]:
    """Pieces of polygons that touch: their boundaries noded once, and every ring that these make.

    Rings inside no polygon (holes between polygons) come too; no polygon covers them, so they count nowhere.
    """
    lines = shapely.union_all(shapely.boundary(flat), grid_size=SNAP_M)
    return list(shapely.get_parts(shapely.polygonize(shapely.get_parts(lines))))


def _touching(flat: NDArray[np.object_]) -> list[NDArray[np.intp]]:
    """Part polygons into groups that do not touch one another: each is overlaid by itself, which is less work."""
    group = np.arange(len(flat))
    first, second = shapely.STRtree(flat).query(flat, predicate="intersects")

    def root(one: int) -> int:
        while group[one] != one:
            group[one] = group[group[one]]
            one = int(group[one])
        return one

    for one, other in zip(first.tolist(), second.tolist(), strict=True):
        if one < other:
            group[root(other)] = root(one)
    roots = np.array([root(one) for one in range(len(flat))])
    order = np.argsort(roots, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(roots[order])) + 1)
