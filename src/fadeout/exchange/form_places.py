"""Places as field devices send them: a point, a line or an outline, and how well it is known.

Reads   one answer: "lat lon altitude accuracy; lat lon …" as devices write it, WKT, or GeoJSON already parsed
Gives   a `Placed` in longitude and latitude, or ValueError with the reason in words
Knows   the geopoint, geotrace and geoshape of XForms, and what ODK Central and KoboToolbox make of them
Start   at `place_of`

XForms write latitude first (https://getodk.github.io/xforms-spec/#data-types); WKT and GeoJSON write longitude first.
Heights are left behind. A reason never repeats a coordinate, as it may be passed on.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import shapely
from shapely import LineString, Point, Polygon
from shapely.errors import ShapelyError
from shapely.geometry.base import BaseGeometry

WKT = re.compile(r"\s*(SRID=\d+;\s*)?(POINT|LINESTRING|POLYGON)\b", re.I)
DEVICE = re.compile(
    r"(-?\d+(\.\d+)?([eE]-?\d+)?\s+){3}-?\d+(\.\d+)?([eE]-?\d+)?"
)  # four numbers, as devices write
SHAPES = {"Point": "geopoint", "LineString": "geotrace", "Polygon": "geoshape"}
RING = 4  # corners of the smallest closed outline, the first repeated


@dataclass(frozen=True)
class Placed:
    """A place, and the accuracy in metres that the device told of its worst point; None where it told none."""

    shape: BaseGeometry
    accuracy_m: float | None = None


def is_place(answer: object) -> bool:
    """Whether an answer of an unknown question is a place; text counts only with four numbers a point.

    Examples
    --------
    >>> is_place("16.8 107.1 0 4.5"), is_place("3 4"), is_place({"type": "Point", "coordinates": [107.1, 16.8]})
    (True, False, True)
    """
    if isinstance(answer, dict):
        return answer.get("type") in SHAPES and "coordinates" in answer
    if not isinstance(answer, str) or not answer.strip():
        return False
    parts = [part for part in answer.split(";") if part.strip()]
    return bool(WKT.match(answer)) or all(DEVICE.fullmatch(part.strip()) for part in parts)


def place_of(answer: object, asked: str = "") -> Placed | None:
    """Give the place that an answer holds, None if it is empty.

    `asked` is the type of the question (geopoint, geotrace, geoshape); without it an outline is a line that closes.

    Raises
    ------
    ValueError
        With the reason, if the answer holds no place or not one of the type asked for.

    Examples
    --------
    >>> place_of("16.8 107.1 0 4.5")
    Placed(shape=<POINT (107.1 16.8)>, accuracy_m=4.5)
    """
    if answer is None or (isinstance(answer, str) and not answer.strip()):
        return None
    if isinstance(answer, dict):
        placed = _geojson(answer)
    elif isinstance(answer, str) and WKT.match(answer):
        placed = Placed(_wkt(answer))
    elif isinstance(answer, str):
        placed = _device(answer, asked)
    else:
        raise ValueError("it is no place")
    _check(placed.shape)
    got = SHAPES[placed.shape.geom_type]
    if asked and got != asked:
        raise ValueError(f"it is a {got}, but the question asks for a {asked}")
    return placed


def device_text(shape: BaseGeometry, accuracy_m: float = 0.0) -> str:
    """Write a place as a device does: what `place_of` reads.

    Examples
    --------
    >>> device_text(Point(107.1, 16.8), 4.5)
    '16.8 107.1 0.0 4.5'
    """
    coordinates = shapely.get_coordinates(shape)
    return "; ".join(f"{float(lat)!r} {float(lon)!r} 0.0 {float(accuracy_m)!r}" for lon, lat in coordinates)


def _device(text: str, asked: str) -> Placed:
    points = [_numbers(part) for part in text.split(";") if part.strip()]
    xy = [(lon, lat) for lat, lon, _ in points]
    accuracy = _worst([told for _, _, told in points])
    if len(xy) == 1 and asked in ("", "geopoint"):
        return Placed(Point(xy[0]), accuracy)
    if len(xy) < 2:
        raise ValueError("it has one point only")
    if asked == "geopoint":
        raise ValueError(f"it has {len(xy)} points, but the question asks for one")
    closed = xy[0] == xy[-1] and len(xy) >= RING
    if asked == "geoshape" or (closed and not asked):
        if len(set(xy)) < 3:
            raise ValueError("the outline has fewer than three corners")
        return Placed(Polygon(xy), accuracy)
    return Placed(LineString(xy), accuracy)


def _numbers(part: str) -> tuple[float, float, float | None]:
    """Latitude, longitude and accuracy of one point."""
    try:
        numbers = [float(word) for word in part.split()]
    except ValueError:
        raise ValueError("it holds something that is no number") from None
    if not 2 <= len(numbers) <= 4:
        raise ValueError(f"a point has {len(numbers)} numbers, where latitude and longitude belong")
    return numbers[0], numbers[1], numbers[3] if len(numbers) == 4 else None


def _worst(told: Sequence[float | None]) -> float | None:
    """The largest accuracy; devices write 0 for a point that was drawn on a map, which tells nothing."""
    known = [one for one in told if one is not None and math.isfinite(one) and one > 0]
    return max(known, default=None)


def _geojson(answer: dict[str, object]) -> Placed:
    if answer.get("type") not in SHAPES:
        raise ValueError(f"'{str(answer.get('type'))[:20]}' is no point, line or outline")
    try:
        shape = shapely.geometry.shape(answer)
    except (ShapelyError, ValueError, TypeError, IndexError, KeyError, AttributeError):
        raise ValueError("its coordinates cannot be read") from None
    told = answer.get("properties")
    properties = told if isinstance(told, dict) else {}
    each = properties.get("accuracies")
    accuracies = each if isinstance(each, list) else [properties.get("accuracy")]
    return Placed(
        shapely.force_2d(shape), _worst([one for one in accuracies if isinstance(one, int | float)])
    )


def _wkt(text: str) -> BaseGeometry:
    try:
        return shapely.force_2d(shapely.from_wkt(re.sub(r"^\s*SRID=\d+;\s*", "", text, flags=re.I)))
    except ShapelyError:
        raise ValueError("it is not well-known text (WKT)") from None


def _check(shape: BaseGeometry) -> None:
    """Refuse what cannot be on Earth; faults of an outline itself (crossing edges) are told by intake."""
    xy = shapely.get_coordinates(shape)
    if shape.geom_type not in SHAPES or not len(xy):
        raise ValueError("it is empty")
    if not np.isfinite(xy).all():
        raise ValueError("a coordinate is not a finite number")
    if (np.abs(xy[:, 1]) > 90).any():
        raise ValueError("a latitude is beyond 90 degrees")
    if (np.abs(xy[:, 0]) > 180).any():
        raise ValueError("a longitude is beyond 180 degrees")
