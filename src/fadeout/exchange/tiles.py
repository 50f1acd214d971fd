"""Vector tiles: points, squares and shapes of one layer, written as a Mapbox Vector Tile (2.1).

Reads   places in a tile's own grid (y downwards), with a few properties each
Gives   a tile's bounds; its bytes
Knows   the Web Mercator tiling (OGC WebMercatorQuad) and the commands of the format; nothing of records
Start   at `Writer`
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

MOST = 7_000
EXTENT = 4096
BUFFER = 64  # units of the grid beyond the edge
PIXEL = EXTENT // 512
CELLS = 64  # of a side, for points that are put together
DEEPEST = 22
MOVE, LINE, CLOSE = 1, 2, 7  # commands (4.3.1)
POINT, LINESTRING, POLYGON = 1, 2, 3  # types of geometry (4.3.4)

BBox = tuple[float, float, float, float]
Numbers = NDArray[np.int64]


def bounds(z: int, x: int, y: int, buffer: float = 0.0) -> BBox:
    """West, south, east, north of a tile in degrees, widened by a share of its side.

    Examples
    --------
    >>> [round(v, 3) for v in bounds(1, 1, 0)]
    [0.0, 0.0, 180.0, 85.051]
    """
    side = 2.0**-z
    west, east = max((x - buffer) * side, 0.0), min((x + 1 + buffer) * side, 1.0)
    north, south = max((y - buffer) * side, 0.0), min((y + 1 + buffer) * side, 1.0)
    return west * 360 - 180, _lat(south), east * 360 - 180, _lat(north)


def mercator(xy: NDArray[np.float64]) -> NDArray[np.float64]:
    """Longitude and latitude, shape (n, 2), as shares of the square that Web Mercator makes of the world, y downwards."""
    lat = np.radians(np.clip(xy[:, 1], -85.0511, 85.0511))
    down = (1 - np.log(np.tan(np.pi / 4 + lat / 2)) / np.pi) / 2
    return np.column_stack([xy[:, 0] / 360 + 0.5, down])


def local(shape: Any, z: int, x: int, y: int) -> Any:
    """Shapes in longitude and latitude in the grid of a tile."""

    def move(xy: NDArray[np.float64]) -> NDArray[np.float64]:
        return (mercator(xy) * 2.0**z - (x, y)) * EXTENT

    return shapely.transform(shape, move)


class Writer:
    """One layer of a tile, feature by feature.

    Examples
    --------
    >>> writer = Writer("evidence")
    >>> writer.point(2048, 2048, {"id": "EP-1"})
    >>> len(writer.bytes()) > 20
    True
    """

    def __init__(self, layer: str) -> None:
        from mapbox_vector_tile.Mapbox import vector_tile_pb2

        self.tile = vector_tile_pb2.tile()
        self.layer = self.tile.layers.add()
        self.layer.name, self.layer.version, self.layer.extent = layer, 2, EXTENT
        self.keys: dict[str, int] = {}
        self.values: dict[str | int, int] = {}

    def __len__(self) -> int:
        return len(self.layer.features)

    def point(self, x: int, y: int, told: Mapping[str, str | int]) -> None:
        """A point of the grid."""
        self._add(POINT, (_command(MOVE, 1), _zigzag(x), _zigzag(y)), told)

    def square(self, x: int, y: int, side: int, told: Mapping[str, str | int]) -> None:
        """A square by its corner nearest to 0/0."""
        step, back = _zigzag(side), _zigzag(-side)
        ring = (step, 0, 0, step, back, 0)
        commands = (_command(MOVE, 1), _zigzag(x), _zigzag(y), _command(LINE, 3), *ring, _command(CLOSE, 1))
        self._add(POLYGON, commands, told)

    def shape(self, shape: BaseGeometry, told: Mapping[str, str | int]) -> None:
        """A line or a polygon of the grid; what is nothing on the grid's whole numbers is left out."""
        commands: list[int] = []
        at = np.zeros(2, dtype=np.int64)
        parts = shapely.get_parts(shape)
        for part in parts:
            if part.geom_type == "Polygon":
                for n, ring in enumerate((part.exterior, *part.interiors)):
                    at = _ring(ring, n == 0, at, commands)
            elif part.geom_type == "LineString":
                at = _line(part, at, commands)
        if commands:
            self._add(POLYGON if "Polygon" in shape.geom_type else LINESTRING, commands, told)

    def bytes(self) -> bytes:
        """The tile; nothing where it has no feature."""
        if not self.layer.features:
            return b""
        self.layer.keys.extend(self.keys)
        for value in self.values:
            held = self.layer.values.add()
            if isinstance(value, int):
                held.int_value = value
            else:
                held.string_value = value
        return bytes(self.tile.SerializeToString())

    def _add(self, type: int, commands: Any, told: Mapping[str, str | int]) -> None:
        feature = self.layer.features.add()
        feature.type = type
        feature.geometry.extend(commands)
        for name, value in told.items():
            feature.tags.append(self.keys.setdefault(name, len(self.keys)))
            feature.tags.append(self.values.setdefault(value, len(self.values)))


def _ring(ring: Any, outer: bool, at: Numbers, commands: list[int]) -> Numbers:
    """The commands of a ring: outer ones run with a positive area on a grid whose y goes downwards (4.3.4.4)."""
    points = _whole(shapely.get_coordinates(ring))
    if len(points) > 1 and (points[0] == points[-1]).all():
        points = points[:-1]
    if len(points) < 3:
        return at
    x, y = points[:, 0], points[:, 1]
    area = int((x * np.roll(y, -1) - np.roll(x, -1) * y).sum())
    if area == 0:
        return at
    if (area > 0) != outer:
        points = points[::-1]
    return _draw(points, at, commands, closed=True)


def _line(line: Any, at: Numbers, commands: list[int]) -> Numbers:
    points = _whole(shapely.get_coordinates(line))
    return at if len(points) < 2 else _draw(points, at, commands, closed=False)


def _draw(points: Numbers, at: Numbers, commands: list[int], *, closed: bool) -> Numbers:
    steps: Numbers = points - np.vstack([at, points[:-1]])
    zigzag = ((steps << 1) ^ (steps >> 63)).ravel().tolist()
    commands += [_command(MOVE, 1), *zigzag[:2], _command(LINE, len(points) - 1), *zigzag[2:]]
    if closed:
        commands.append(_command(CLOSE, 1))
    last: Numbers = points[-1]
    return last


def _whole(xy: NDArray[np.float64]) -> Numbers:
    """Coordinates as whole numbers, none twice in a row."""
    points = np.round(xy).astype(np.int64)
    new = np.ones(len(points), dtype=bool)
    new[1:] = (points[1:] != points[:-1]).any(axis=1)
    kept: Numbers = points[new]
    return kept


def _command(id: int, count: int) -> int:
    return (count << 3) | id


def _zigzag(value: int) -> int:
    return (value << 1) ^ (value >> 63)


def _lat(share: float) -> float:
    return math.degrees(2 * math.atan(math.exp((1 - 2 * share) * math.pi)) - math.pi / 2)
