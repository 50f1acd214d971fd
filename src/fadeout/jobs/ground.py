"""Cells and boxes as ground: polygons, centres and grid references in the CRS of an assessment.

Reads   an `Assessment`, or the `Gridded` of one
Gives   polygons and points in CRS metres; the polygons of the hazardous area with their ids
Knows   where a cell lies; nothing of files or figures
Start   at `hazard_parts`
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely import Polygon

from fadeout.model.hazard import outlines
from fadeout.records import mgrs, places

if TYPE_CHECKING:
    from fadeout.jobs.assessment import Assessment
    from fadeout.jobs.gridding import Gridded
    from fadeout.model.search import NextBox

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Reference:
    """One place in every notation that a team may need; empty texts where UTM does not reach."""

    x: float
    y: float
    lon: float
    lat: float
    utm: str
    mgrs: str


def polygons(cells: Mask, gridded: Gridded) -> list[Polygon]:
    """The outline of a mask of cells: valid simple polygons along cell edges, the first cell's part first."""
    return [
        Polygon(_corners(exterior, gridded), [_corners(hole, gridded) for hole in holes])
        for exterior, holes in outlines(cells)
    ]


def _corners(ring: NDArray[np.int64], gridded: Gridded) -> NDArray[np.float64]:
    side = gridded.grid.cell_m
    return np.column_stack([gridded.west + ring[:, 1] * side, gridded.north - ring[:, 0] * side])


def hazard_parts(assessment: Assessment) -> tuple[tuple[str, Polygon], ...]:
    """The polygons of the hazardous area with the ids they have in every product.

    Largest first; of equal ones the northernmost, then the westernmost.
    """
    found = polygons(assessment.area.cells, assessment.gridded)
    bounds = [shape.bounds for shape in found]
    order = sorted(range(len(found)), key=lambda i: (-found[i].area, -bounds[i][3], bounds[i][0]))
    return tuple((f"SHA-{rank}", found[i]) for rank, i in enumerate(order, start=1))


def cell_boxes(rows: NDArray[np.int64], cols: NDArray[np.int64], gridded: Gridded) -> NDArray[np.object_]:
    """One square for each (row, col)."""
    side = gridded.grid.cell_m
    west, north = gridded.west + cols * side, gridded.north - rows * side
    return np.asarray(shapely.box(west, north - side, west + side, north), dtype=object)


def box_polygon(box: NextBox, gridded: Gridded) -> Polygon:
    """The ground of one box to search."""
    side = gridded.grid.cell_m
    west, north = gridded.west + box.col * side, gridded.north - box.row * side
    reach = box.side_cells * side
    return shapely.box(west, north - reach, west + reach, north)


def centre(row: float, col: float, gridded: Gridded) -> tuple[float, float]:
    """CRS metres of a place given in rows and columns, where a whole number is a cell's centre."""
    side = gridded.grid.cell_m
    return gridded.west + (col + 0.5) * side, gridded.north - (row + 0.5) * side


def references(xy: Sequence[tuple[float, float]], crs: str) -> list[Reference]:
    """Places of the CRS in longitude and latitude, UTM and MGRS."""
    if not xy:
        return []
    there: Any = np.array(xy, dtype=np.float64).reshape(-1, 2)
    lonlat = places.move_xy(there, crs, places.WGS84)
    out = []
    for (x, y), (lon, lat) in zip(there, lonlat, strict=True):
        utm = np.isfinite(lon) and -80 <= lat <= 84
        words = (mgrs.utm(lon, lat), mgrs.mgrs(lon, lat)) if utm else ("", "")
        out.append(Reference(float(x), float(y), float(lon), float(lat), *words))
    return out


def recorded_ids(assessment: Assessment) -> tuple[str, ...]:
    """The id of the strike record behind each recorded strike of the prior, in its order; "" if none is known.

    Records that repeat another, or lie too far away, are no recorded strikes; the others keep their order.
    """
    counted = [record for record in assessment.survey.strikes if not record.duplicate_of]
    following = iter(counted)
    names = []
    for recorded in assessment.gridded.prior.recorded:
        place = centre(recorded.row, recorded.col, assessment.gridded)
        names.append(next((one.id for one in following if _same(place, (one.place.x, one.place.y))), ""))
    return tuple(names)


def _same(one: tuple[float, float], other: tuple[float, float]) -> bool:
    return max(abs(one[0] - other[0]), abs(one[1] - other[1])) < 0.01
