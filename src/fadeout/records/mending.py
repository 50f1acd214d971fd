"""A valid polygon in place of one that is not, with what changed in words, for a person to accept or not.

Reads   one polygon in longitude and latitude
Gives   a `Repair`: the polygon, what changed, its area before and after
Knows   nothing of records; nothing is repaired unless somebody asks
Start   at `repair`
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely
from pyproj import Geod
from shapely.geometry.base import BaseGeometry

GEOD = Geod(ellps="WGS84")


@dataclass(frozen=True)
class Repair:
    """A repaired shape and what changed; areas on the ellipsoid.

    Before repair, a ring that crosses itself counts partly against itself: the two halves of a bow tie give about 0 m².
    """

    shape: BaseGeometry
    words: str
    before_m2: float
    after_m2: float


def repair(shape: BaseGeometry) -> Repair:
    """Give a valid polygon in place of one that is not, and say what changed. Use it only when a person says yes.

    Raises
    ------
    ValueError
        If nothing with an area is left, or the shape is no polygon.

    Examples
    --------
    >>> from shapely import Polygon
    >>> bow = Polygon([(107, 16.8), (107.001, 16.801), (107.001, 16.8), (107, 16.801)])
    >>> print(repair(bow).words)
    the ring crossed itself; the polygon has now 2 parts instead of 1; area 0 m² before, 5,898 m² after
    """
    if shape.geom_type not in ("Polygon", "MultiPolygon"):
        raise ValueError(f"a {shape.geom_type} is not repaired; draw it again as a polygon")
    flat = shapely.force_2d(shape)
    before = area_m2(flat)
    if flat.is_valid and not flat.is_empty:
        return Repair(flat, "nothing changed, the polygon is valid", before, before)
    if not np.isfinite(shapely.get_coordinates(flat)).all():
        raise ValueError("a vertex has no coordinates (NaN or infinite); draw the polygon again")
    reason = shapely.is_valid_reason(flat).partition("[")[0].strip()
    made = shapely.make_valid(flat, method="structure", keep_collapsed=False)
    # GEOS may leave parts that share a side, which is not valid; their union is
    solid = [part for part in shapely.get_parts(made) if part.geom_type == "Polygon" and part.is_valid]
    whole = shapely.union_all(solid)
    parts = shapely.get_parts(whole)
    if not whole.is_valid or any(part.geom_type != "Polygon" for part in parts):
        raise ValueError("the polygon cannot be repaired; walk or draw it again")
    after = area_m2(whole)
    if not after > 0:
        raise ValueError("no ground is left after repair; walk or draw the polygon again")
    was = len(shapely.get_parts(flat))
    changes = ["the ring crossed itself" if "ntersection" in reason else f"the fault was: {reason}"]
    if was != len(parts):
        changes.append(f"the polygon has now {len(parts)} parts instead of {was}")
    changes.append(f"area {before:,.0f} m² before, {after:,.0f} m² after")
    return Repair(whole, "; ".join(changes), before, after)


def area_m2(shape: BaseGeometry) -> float:
    """Give the area on the ellipsoid of a shape in longitude and latitude."""
    return abs(float(GEOD.geometry_area_perimeter(shape)[0]))
