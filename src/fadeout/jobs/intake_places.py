"""Where things lie: each table's CRS, what can be wrong with coordinates, and the move to one metric CRS.

Reads   `Table`s whose geometries stand as in their files
Gives   the metric CRS, and each table's geometries in it (None where a row's geometry was refused)
Knows   axes, degrees and metres, 0/0, what geometry each layer holds; nothing of dates, methods or finds
Start   at `settle`
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely import box
from shapely.geometry.base import BaseGeometry

from fadeout.errors import Problem
from fadeout.exchange import column_map, tables
from fadeout.exchange.layers import RawLayer, key
from fadeout.jobs.intake_tables import ROLES, Table
from fadeout.records import places

ORDERS = ("auto", "lon,lat", "lat,lon")
NULL_ISLAND_DEG = 1e-4  # about 10 m
NULL_ISLAND_M = 1.0
NEAR_DEG = 2.0  # layers of one survey lie nearer to each other than this
FAR_M = 100_000.0  # without an area, nothing of one survey lies farther from the rest than this
DENSE = 21  # points along a side of the slice box when it moves to another CRS

Shapes = list[BaseGeometry | None]


@dataclass(frozen=True, eq=False)
class Settled:
    """Every table's geometries in one metric CRS; the box of a column map's slice, if any."""

    crs: str
    shapes: dict[int, Shapes]  # by position of the table
    slice_box: BaseGeometry | None


def located(
    layers: Sequence[RawLayer], crs: str | None, order: str, problems: list[Problem]
) -> list[RawLayer]:
    """Make geometries of columns, give a CRS to layers that state none, and put swapped axes right if told so."""
    ready = []
    for layer in layers:
        if layer.table:
            layer, faults = tables.locate(layer if layer.crs or not crs else _with_named_crs(layer, crs))
            problems += faults
        stated = layer.crs or crs
        wanted = layer.order or order
        if stated and wanted == "lat,lon" and not layer.axes_named and places.is_geographic(stated):
            flipped = tuple(None if s is None else _swapped(s) for s in layer.geometries)
            layer = replace(layer, geometries=flipped)
        ready.append(replace(layer, crs=stated))
    return ready


def _with_named_crs(layer: RawLayer, crs: str) -> RawLayer:
    """Columns named lat and lon are degrees whatever flat CRS was named for the other files."""
    pair = tables.place_columns(layer.columns) or []
    degrees = bool(pair) and key(pair[0]) in tables.LON
    return layer if degrees and not places.is_geographic(crs) else replace(layer, crs=crs)


def _swapped(shape: BaseGeometry) -> BaseGeometry:
    return shapely.transform(shape, lambda xy: xy[:, ::-1])


def sliced(layers: Sequence[RawLayer], cutter: column_map.Slice | None) -> list[RawLayer]:
    """Cut each layer at the slice's box, where one is given."""
    if cutter is None:
        return list(layers)
    ring = slice_ring(cutter)
    return [
        column_map.cut(layer, places.move([ring], cutter.crs, layer.crs)[0]) if layer.crs else layer
        for layer in layers
    ]


def slice_ring(cutter: column_map.Slice) -> BaseGeometry:
    """The slice's box with points along its sides, so that it stays in place in another CRS."""
    ring = box(*cutter.bbox)
    return ring.segmentize(max(ring.length / (4 * (DENSE - 1)), 1e-9))


def check_crs(given: Sequence[Table], problems: list[Problem]) -> None:
    """Tell of every table that has a place but no CRS."""
    for table in given:
        if table.layer.crs is None and any(shape is not None for shape in table.layer.geometries):
            message = "the file does not say in which CRS its coordinates are"
            remedy = "name it, e.g. --crs EPSG:4326 for longitude and latitude, or crs in a column map"
            problems.append(table.problem("intake.no-crs", message, remedy))


def settle(
    given: Sequence[Table], metric: str | None, cutter: column_map.Slice | None, problems: list[Problem]
) -> Settled:
    """Check every geometry and move all of them to one metric CRS ("" if nothing has a place).

    The metric CRS is the one named, else the UTM zone that all inputs share, else the UTM zone of the place.
    """
    good: dict[int, Shapes] = {}
    for n, table in enumerate(given):
        good[n] = _good_shapes(table, problems)
    _check_axes_between(given, good, problems)
    crs = metric or _choose(given, good)
    if crs is None:
        return Settled("", {}, None)
    shapes = {n: list(places.move(good[n], str(given[n].layer.crs), crs)) for n in good if given[n].layer.crs}
    cut = None if cutter is None else places.move([slice_ring(cutter)], cutter.crs, crs)[0]
    return Settled(crs, shapes, cut)


def _choose(given: Sequence[Table], good: dict[int, Shapes]) -> str | None:
    filled = [n for n in good if given[n].layer.crs and any(shape is not None for shape in good[n])]
    named = {str(given[n].layer.crs) for n in filled}
    if len(named) == 1 and places.is_utm(next(iter(named))):
        return named.pop()
    areas = [n for n in filled if given[n].role == "area"] or filled
    boxes = []
    for n in areas:
        lonlat = places.move(good[n], str(given[n].layer.crs), places.WGS84)
        boxes += [shape for shape in lonlat if shape is not None]
    return places.metric_crs(*places.centre_lonlat(boxes, places.WGS84)) if boxes else None


# --- one table -------------------------------------------------------------------------------------------------------


def _good_shapes(table: Table, problems: list[Problem]) -> Shapes:
    """The table's geometries, None where one was refused."""
    shapes: Shapes = []
    for row in table.rows(problems):
        if row.number in table.layer.refused:
            shapes.append(None)
            continue
        shape, fault = _as_wanted(table, row.shape)
        if fault:
            wanted = "a point" if ROLES[table.role].points else "a polygon"
            wanted += " or a line" if ROLES[table.role].lines else ""
            remedy = f"{table.role} needs {wanted}; mend it (QGIS: Fix geometries) or leave the row out"
            row.refuse("intake.bad-geometry", fault, remedy)
        shapes.append(shape if not fault else None)
    if table.layer.crs is not None:
        check_coordinates(table, shapes, problems)
    return shapes


def _as_wanted(table: Table, shape: BaseGeometry | None) -> tuple[BaseGeometry | None, str]:
    """The geometry as the layer needs it, and what is wrong with it in words."""
    about = ROLES[table.role]
    if shape is None:
        return None, "the row has no geometry"
    kind = shape.geom_type
    if about.points:
        if kind == "MultiPoint" and len(shape.geoms) == 1:
            shape = shape.geoms[0]
        if shape.geom_type != "Point":
            return None, f"the geometry is a {kind}, not one point"
        if shape.is_empty or not np.isfinite(shapely.get_coordinates(shape)).all():
            return None, "the point has no coordinates (empty, NaN or infinite)"
        return shape, ""
    if kind in ("Polygon", "MultiPolygon"):
        return shape, places.polygon_fault(shape)
    if about.lines and kind in ("LineString", "MultiLineString", "LinearRing"):
        return shape, places.line_fault(shape)
    return None, f"the geometry is a {kind}, not a polygon" + (" or a line" if about.lines else "")


def check_coordinates(table: Table, shapes: Shapes, problems: list[Problem]) -> None:
    """Refuse rows at 0/0, rows whose axes are swapped, and rows that cannot lie in the CRS; they become None."""
    crs = str(table.layer.crs)
    filled = [i for i, shape in enumerate(shapes) if shape is not None]
    if not filled:
        return
    xy, owner = shapely.get_coordinates(np.array([shapes[i] for i in filled]), return_index=True)
    rows = np.array(filled)[owner]
    limit = NULL_ISLAND_DEG if places.is_geographic(crs) else NULL_ISLAND_M
    zero = (np.abs(xy) < limit).all(axis=1)
    small = (np.abs(xy) <= 180).all(axis=1) & (not places.is_geographic(crs))  # nothing metric lies so near 0
    placed = zero | (places.belongs(xy, crs) & ~small)
    turned = ~placed & _turned(xy, crs)
    degrees = ~placed & ~turned & small
    lost = ~placed & ~turned & ~degrees
    for mark, code, words, remedy in (
        (zero, "intake.null-island", "lie at 0/0", "an empty coordinate became 0: correct or leave out"),
        (turned, "intake.swapped-axes", _SWAPPED.format(crs=crs), _SWAP_REMEDY),
        (degrees, "intake.degrees", f"are degrees, but the CRS is {crs}", "name the CRS EPSG:4326"),
        (lost, "intake.outside-crs", f"lie outside the ground of {crs}", "check the CRS and the numbers"),
    ):
        if mark.any():
            which = np.unique(rows[mark])
            first = xy[mark][0]
            problems.append(_many(table, which, len(shapes), code, words, remedy, _roughly(first)))
            for i in which:
                shapes[i] = None


_SWAPPED = "lie outside {crs}; they look like latitude and longitude in swapped order"
_SWAP_REMEDY = (
    "--order lat,lon, or order in a column map; where columns are named lat and lon, swap the names"
)


def _turned(xy: NDArray[np.float64], crs: str) -> NDArray[np.bool_]:
    """Whether the coordinates would be in place with their axes swapped, as they are or as degrees."""
    swapped = xy[:, ::-1]
    here = places.belongs(swapped, crs)
    small = (np.abs(xy) <= 180).all(axis=1)
    if places.is_geographic(crs):
        return here
    as_degrees = places.in_use(xy[:, 1], xy[:, 0], crs)
    return np.where(small, as_degrees, here)


# --- between tables --------------------------------------------------------------------------------------------------


def _check_axes_between(given: Sequence[Table], good: dict[int, Shapes], problems: list[Problem]) -> None:
    """Find rows far from the area (else from the searched ground) that would lie in it with axes swapped."""
    bounds = {n: _lonlat_centres(given[n], good[n]) for n in good}
    order = ["area", "searched", "strikes", "evidence"]
    ranked = sorted((n for n in good if len(bounds[n][0])), key=lambda n: order.index(_rank(given[n])))
    if len(ranked) < 2:
        return
    reference = bounds[ranked[0]][1]
    middle = np.median(reference, axis=0)
    half = np.ptp(reference, axis=0) / 2 + NEAR_DEG
    for n in ranked[1:]:
        index, lonlat = bounds[n]
        away = (np.abs(lonlat - middle) > half).any(axis=1)
        swapped = away & (np.abs(lonlat[:, ::-1] - middle) <= half).all(axis=1)
        if not swapped.any():
            continue
        table, other = given[n], given[ranked[0]]
        words = (
            f"lie far from {other.role} ({other.layer.file}) but near it with latitude and longitude swapped"
        )
        which = index[swapped]
        problems.append(
            _many(
                table,
                which,
                len(good[n]),
                "intake.swapped-axes",
                words,
                _SWAP_REMEDY,
                _roughly(lonlat[swapped][0]),
            )
        )
        for i in which:
            good[n][i] = None


def _rank(table: Table) -> str:
    return table.role if table.role != "excluded" else "area"


def _lonlat_centres(table: Table, shapes: Shapes) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    filled = np.array([i for i, shape in enumerate(shapes) if shape is not None], dtype=np.int64)
    if not len(filled) or table.layer.crs is None:
        return np.empty(0, dtype=np.int64), np.empty((0, 2))
    bounds = shapely.bounds(np.array([shapes[i] for i in filled]))
    centres = np.column_stack([bounds[:, [0, 2]].mean(axis=1), bounds[:, [1, 3]].mean(axis=1)])
    return filled, places.move_xy(centres, table.layer.crs, places.WGS84)


# --- words -----------------------------------------------------------------------------------------------------------


def row_words(rows: Sequence[int]) -> str:
    """Name rows shortly.

    Examples
    --------
    >>> row_words([7]), row_words([3, 4, 5, 9])
    ('row 7', 'rows 3-5, 9')
    """
    runs: list[list[int]] = []
    for row in sorted(rows):
        if runs and row == runs[-1][1] + 1:
            runs[-1][1] = row
        else:
            runs.append([row, row])
    words = ", ".join(f"{a}" if a == b else f"{a}-{b}" for a, b in runs)
    return f"row{'s' if len(rows) > 1 else ''} {words}"


def _many(
    table: Table, which: NDArray[np.int64], total: int, code: str, words: str, remedy: str, first: str
) -> Problem:
    """One problem for all rows of a table that share a fault; the row named is the first."""
    rows = [table.layer.rows[i] for i in which]
    message = f"{len(rows)} of {total} rows ({row_words(rows)}; the first at about {first}) {words}"
    return table.problem(code, message, remedy, rows[0])


def _roughly(xy: NDArray[np.float64]) -> str:
    """A place without its exactness: whole kilometres, or tenths of a degree, as messages may be passed on."""
    x, y = (f"{v:.1f}" if abs(v) <= 1000 else f"{round(v, -3):.0f}" for v in xy)
    return f"x={x}, y={y}"
