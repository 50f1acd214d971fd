"""Vector tiles: shapes of one layer, generalised to a tile's own grid and written as a Mapbox Vector Tile (2.1).

Reads   shapes in longitude and latitude, with a few properties each
Gives   a tile's bounds; its bytes
Knows   the Web Mercator tiling (OGC WebMercatorQuad); nothing of records or who may see them
Start   at `encode`

At most `MOST` features stand in a tile. Points beyond are put together by the cell of a grid that they share with
equals, with their number; areas smaller than a pixel become a pixel, and never vanish.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

MOST = 7_000
EXTENT = 4096
BUFFER = 64  # units of the grid beyond the edge
PIXEL = EXTENT // 512
CELLS = 64  # of a side, for points that are put together
RADIUS_M = 6378137.0 * math.pi
DEEPEST = 22

BBox = tuple[float, float, float, float]


def bounds(z: int, x: int, y: int, buffer: float = 0.0) -> BBox:
    """West, south, east, north of a tile in degrees, widened by a share of its side.

    Examples
    --------
    >>> [round(v, 3) for v in bounds(1, 1, 0)]
    [0.0, 0.0, 180.0, 85.051]
    """
    side = 2 * RADIUS_M / 2**z
    west, north = -RADIUS_M + (x - buffer) * side, RADIUS_M - (y - buffer) * side
    west_m, east_m = max(west, -RADIUS_M), min(west + side * (1 + 2 * buffer), RADIUS_M)
    north_m, south_m = min(north, RADIUS_M), max(north - side * (1 + 2 * buffer), -RADIUS_M)
    return _lon(west_m), _lat(south_m), _lon(east_m), _lat(north_m)


def encode(
    layer: str, z: int, x: int, y: int, shapes: Sequence[Any], properties: Mapping[str, Sequence[Any]]
) -> bytes:
    """Write shapes, n, with their properties (each n values) as one tile; empty bytes where nothing falls in it."""
    if not len(shapes):
        return b""
    local = _local(np.asarray(shapes, dtype=object), z, x, y)
    names = list(properties)
    rows = list(zip(*properties.values(), strict=True)) if names else [()] * len(local)
    points = shapely.get_type_id(local) == 0
    features = _points(local[points], [rows[i] for i in np.flatnonzero(points)], names)
    rest = np.flatnonzero(~points)
    features += _areas(local[rest], [rows[i] for i in rest], names)
    if not features:
        return b""
    import mapbox_vector_tile

    made: bytes = mapbox_vector_tile.encode(
        [{"name": layer, "features": features}],
        default_options={"y_coord_down": True, "extents": EXTENT},
    )
    return made


def _local(shapes: NDArray[np.object_], z: int, x: int, y: int) -> NDArray[np.object_]:
    scale = EXTENT * 2**z / (2 * RADIUS_M)

    def move(xy: NDArray[np.float64]) -> NDArray[np.float64]:
        lat = np.clip(xy[:, 1], -85.06, 85.06)
        east = xy[:, 0] / 180 * RADIUS_M
        north = np.log(np.tan(np.pi / 4 + np.radians(lat) / 2)) / np.pi * RADIUS_M
        return np.column_stack(
            [(east + RADIUS_M) * scale - x * EXTENT, (RADIUS_M - north) * scale - y * EXTENT]
        )

    moved: NDArray[np.object_] = shapely.transform(shapes, move)
    return moved


def _points(
    shapes: NDArray[np.object_], rows: list[tuple[Any, ...]], names: list[str]
) -> list[dict[str, Any]]:
    xy = np.round(shapely.get_coordinates(shapes)).astype(int)
    inside = ((xy >= -BUFFER) & (xy <= EXTENT + BUFFER)).all(axis=1)
    kept = np.flatnonzero(inside)
    if len(kept) <= MOST:
        return [
            _feature({"type": "Point", "coordinates": xy[i].tolist()}, names, rows[i]) for i in kept.tolist()
        ]
    groups: dict[tuple[Any, ...], list[int]] = {}
    cells = xy[kept] * CELLS // EXTENT
    shared = [n for n, name in enumerate(names) if name != "id"]
    for i, cell in zip(kept.tolist(), cells.tolist(), strict=True):
        groups.setdefault((*cell, *(rows[i][n] for n in shared)), []).append(i)
    made = []
    for key, members in list(groups.items())[:MOST]:
        middle = np.round(xy[members].mean(axis=0)).astype(int).tolist()
        told = {names[n]: value for n, value in zip(shared, key[2:], strict=True) if value is not None}
        more = {"number": len(members)} if len(members) > 1 else {"id": rows[members[0]][names.index("id")]}
        made.append({"geometry": {"type": "Point", "coordinates": middle}, "properties": {**told, **more}})
    return made


def _areas(
    shapes: NDArray[np.object_], rows: list[tuple[Any, ...]], names: list[str]
) -> list[dict[str, Any]]:
    if not len(shapes):
        return []
    low, high = -BUFFER, EXTENT + BUFFER
    b = shapely.bounds(shapes)
    small = np.maximum(b[:, 2] - b[:, 0], b[:, 3] - b[:, 1]) < PIXEL
    made, seen = [], set()
    drawn = shapely.simplify(shapes, PIXEL / 4, preserve_topology=False)
    inside = shapely.box(low, low, high, high)
    whole = (b[:, 0] >= low) & (b[:, 1] >= low) & (b[:, 2] <= high) & (b[:, 3] <= high)
    cut: NDArray[np.object_] = np.array(drawn, dtype=object)
    cut[~whole] = shapely.intersection(shapely.make_valid(drawn[~whole]), inside)
    for i in range(len(shapes)):
        if small[i]:
            cell = (*(b[i, :2] // PIXEL).astype(int).tolist(), *rows[i][1:])
            if cell in seen:
                continue
            seen.add(cell)
            shape: Any = shapely.box(*(v * PIXEL for v in (cell[0], cell[1], cell[0] + 1, cell[1] + 1)))
            if not (low <= b[i, 0] <= high and low <= b[i, 1] <= high):
                continue
        else:
            shape = cut[i] if not shapely.is_empty(cut[i]) else shapes[i] if whole[i] else cut[i]
            if shape.is_empty:
                continue
        made.append(_feature(shape, names, rows[i]))
        if len(made) >= MOST:
            break
    return made


def _feature(geometry: Any, names: list[str], row: tuple[Any, ...]) -> dict[str, Any]:
    told = {name: value for name, value in zip(names, row, strict=True) if value is not None}
    return {"geometry": geometry, "properties": told}


def _lon(east_m: float) -> float:
    return east_m / RADIUS_M * 180


def _lat(north_m: float) -> float:
    return math.degrees(2 * math.atan(math.exp(north_m / RADIUS_M * math.pi)) - math.pi / 2)
