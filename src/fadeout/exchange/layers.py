"""What every reader of this room gives: a layer as it stands in the file, nothing interpreted.

Reads   nothing
Gives   `RawLayer`, and the names that columns go by whatever their case
Knows   nothing of what a layer means; `jobs.intake` does
Start   at `RawLayer`
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry
from shapely.geometry.polygon import orient

POLYGONS = (3, 6)  # shapely's numbers for polygons, of one part and of several
SEVERAL = (4, 5, 6)  # shapely's numbers for shapes of several points, lines, polygons
Value = str | int | float | bool | None


@dataclass(frozen=True, eq=False)
class RawLayer:
    """One layer of one file: columns, geometries, and the CRS if the file states one.

    `rows` are 1-based data rows, the header not counted. A `table` has its place in columns still
    (`tables.locate` makes geometries of them). `axes_named` says that the file itself tells longitude from
    latitude (KML, GPX, columns named lat and lon), so that no other order can be meant.
    """

    file: str
    name: str
    format: str
    columns: dict[str, tuple[Value, ...]]
    geometries: tuple[BaseGeometry | None, ...]
    crs: str | None
    rows: tuple[int, ...]
    table: bool = False
    axes_named: bool = False
    decimal_comma: bool = False
    alone: bool = True  # the only layer of its file
    notes: tuple[str, ...] = ()
    role: str = ""  # set by a column map, as are the next three
    order: str = ""
    dates: str = ""
    mapped: bool = False
    refused: frozenset[int] = frozenset()  # rows whose place was refused while it was read
    times: tuple[
        tuple[str | None, ...], ...
    ] = ()  # of each row's points, UTC, where the file has them (GPX tracks)

    def __len__(self) -> int:
        return len(self.rows)

    def column(self, name: str) -> str | None:
        """Find a column whatever the case of its name; None if the layer has none such."""
        wanted = key(name)
        return next((column for column in self.columns if key(column) == wanted), None)

    def kept(self, which: Sequence[int]) -> RawLayer:
        """The same layer with only these positions (0-based) left, row numbers as in the file."""
        return replace(
            self,
            columns={name: tuple(values[i] for i in which) for name, values in self.columns.items()},
            geometries=tuple(self.geometries[i] for i in which),
            rows=tuple(self.rows[i] for i in which),
            times=tuple(self.times[i] for i in which) if self.times else (),
        )


def key(name: str) -> str:
    """Write a layer's or column's name so that case, spaces and signs do not matter.

    Examples
    --------
    >>> key(" Position error (m) ")
    'position_error_m'
    """
    return re.sub(r"[^\w]+", "_", name.strip().lower()).strip("_")


def single(shapes: NDArray[np.object_]) -> NDArray[np.object_]:
    """Give shapes of several parts that have only one as that part: some formats hold nothing else, and it says the same.

    Examples
    --------
    >>> single(np.array([shapely.MultiPoint([(1, 2)]), shapely.Point(1, 2)]))
    array([<POINT (1 2)>, <POINT (1 2)>], dtype=object)
    """
    alone = np.isin(shapely.get_type_id(shapes), SEVERAL) & (shapely.get_num_geometries(shapes) == 1)
    return np.where(alone, shapely.get_geometry(shapes, 0), shapes)


def right_handed(shapes: NDArray[np.object_]) -> NDArray[np.object_]:
    """Let outer rings run counterclockwise and holes clockwise, as GeoJSON and KML ask (RFC 7946, 3.1.6).

    Examples
    --------
    >>> right_handed(np.array([shapely.Polygon([(0, 0), (0, 1), (1, 1)])]))
    array([<POLYGON ((0 0, 1 1, 0 1, 0 0))>], dtype=object)
    """
    turned = shapes.copy()
    for i in np.flatnonzero(np.isin(shapely.get_type_id(shapes), POLYGONS)):
        parts = [
            part if _runs_so(part) else orient(part) for part in getattr(shapes[i], "geoms", (shapes[i],))
        ]
        turned[i] = shapely.MultiPolygon(parts) if hasattr(shapes[i], "geoms") else parts[0]
    return turned


def _runs_so(polygon: shapely.Polygon) -> bool:
    return polygon.is_empty or (polygon.exterior.is_ccw and not any(r.is_ccw for r in polygon.interiors))


def plain(value: object) -> Value:
    """Give a value of a file as a plain Python one; None for what is empty."""
    if isinstance(value, np.datetime64):
        return None if np.isnat(value) else _date_text(value)
    if isinstance(value, np.ndarray | list | tuple):
        return "; ".join(str(plain(one)) for one in value) or None
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, bytes):
        value = value.decode("utf-8", errors="replace")
    if isinstance(value, str):
        return value.strip() or None
    if isinstance(value, float) and value != value:
        return None
    if value is None or isinstance(value, bool | int | float):
        return value
    return str(value)


def _date_text(value: np.datetime64) -> str:
    text = str(np.datetime_as_string(value, unit="s"))
    return text.removesuffix("T00:00:00")
