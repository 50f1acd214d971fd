"""A polygon from a paper form: a benchmark, a start point, and turning points by bearing and distance.

Reads   a place, legs of bearing and distance, which north the bearings are from
Gives   a `Traverse`: the polygon in longitude and latitude, its closing error, and what was done about it
Knows   the ellipsoid, the convergence of meridians, the compass rule; nothing of files or records
Start   at `traverse`

Every leg is laid on the WGS 84 ellipsoid as a geodesic with its true bearing. A magnetic bearing becomes a true one by
the declination, a grid bearing by the convergence of meridians at the point where it was taken. Distances are those
along the ground; the scale of a grid does not enter.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pyproj import Geod, Proj
from shapely import Polygon

from fadeout.records import places

North = Literal["true", "magnetic", "grid"]
TURN = {"degrees": 360.0, "grads": 400.0, "mils": 6400.0}  # mils as the NATO mil, 6,400 to a turn
CLOSING_LIMIT = 0.01  # closing error as a share of the perimeter; assumed
FARTHEST_M = 100_000.0  # a leg measured on foot is never so long; assumed
LARGEST_DECLINATION = 90.0  # degrees; beyond it a compass shows nothing of use
GEOD = Geod(ellps="WGS84")

LonLat = tuple[float, float]
Leg = tuple[float, float]  # bearing, distance in m


@dataclass(frozen=True, eq=False)
class Traverse:
    """What a traverse gives.

    `points` (n, 2) are the start and the turning points in longitude and latitude, in order; `closing_m` is NaN where no
    leg leads back to the start, and so nothing says how well it was measured. `words` say it for the person who asked.
    """

    shape: Polygon
    points: NDArray[np.float64]
    perimeter_m: float
    closing_m: float
    closing_share: float
    within_limit: bool
    adjusted: bool
    words: str


def traverse(
    benchmark: LonLat,
    legs: Sequence[Leg],
    *,
    to_start: Sequence[Leg] = (),
    north: North = "true",
    declination: float = 0.0,
    unit: str = "degrees",
    grid: str = "",
    closed: bool = True,
    limit: float = CLOSING_LIMIT,
    adjust: bool = False,
) -> Traverse:
    """Lay out a polygon from a benchmark by bearings and distances.

    Parameters
    ----------
    benchmark : (lon, lat)
        The known place, in degrees, WGS 84.
    legs : sequence of (bearing, distance)
        From the start point round the polygon, distances in m; the last leads back to the start where `closed`.
    to_start : sequence of (bearing, distance)
        From the benchmark to the start point, where it lies apart from it.
    north : "true", "magnetic" or "grid"
        What bearings are measured from.
    declination : float
        Magnetic declination in degrees, east positive; for magnetic bearings only.
    unit : "degrees", "grads" or "mils"
        Of bearings.
    grid : str
        CRS of a grid bearing; empty for the UTM zone of the benchmark.
    closed : bool
        Whether the last leg leads back to the start; only then is there a closing error.
    limit : float
        Closing error that is accepted, as a share of the perimeter.
    adjust : bool
        Whether to distribute the closing error by the compass (Bowditch) rule: each point moves by the error times its
        share of the way. Only when a person asks for it.

    Raises
    ------
    ValueError
        In words, for all faulty legs at once; for fewer than three corners; for a closing error above the limit that is
        to be distributed, since one wrong leg would then move every corner.

    Examples
    --------
    >>> square = traverse((107.0, 16.8), [(0, 100), (90, 100), (180, 100), (270, 100)])
    >>> round(square.perimeter_m), round(square.closing_m, 2), square.within_limit, len(square.points)
    (400, 0.0, True, 4)
    """
    _check(benchmark, [*to_start, *legs], north, declination, unit)
    turn = _Turn(north, declination, grid or places.metric_crs(*benchmark))
    start = _walk(benchmark, to_start, turn, unit)[-1]
    reached = _walk((float(start[0]), float(start[1])), legs, turn, unit)
    lengths = np.array([distance for _, distance in legs])
    points = reached[:-1] if closed else reached
    if len(points) < 3:
        raise ValueError(
            f"the traverse has {len(points)} corners, a polygon needs 3; give the legs between them"
        )
    if adjust and not closed:
        raise ValueError(
            "no leg leads back to the start, so there is no closing error to distribute; give that leg"
        )
    if not closed:
        return _open(points, lengths)
    closing = float(GEOD.inv(*reached[-1], *reached[0])[2])
    share = closing / float(lengths.sum())
    within = share <= limit
    if adjust and not within:
        raise ValueError(
            f"the closing error is {closing:.1f} m, {share:.2%} of the perimeter, above the limit of {limit:.2%}; look "
            "for the wrong leg instead of distributing it"
        )
    if adjust:
        points = compass_rule(reached, lengths)[:-1]
    words = _words(closing, share, limit, within, adjust)
    return Traverse(Polygon(points), points, float(lengths.sum()), closing, share, within, adjust, words)


def compass_rule(reached: NDArray[np.float64], lengths: NDArray[np.float64]) -> NDArray[np.float64]:
    """Distribute a closing error: each point moves by it in proportion to the way walked until there.

    Parameters
    ----------
    reached : ndarray, shape (n + 1, 2)
        Longitudes and latitudes of the start and of the end of every leg; the last should be the start.
    lengths : ndarray, shape (n,)
        Lengths of the legs.

    Returns
    -------
    ndarray, shape (n + 1, 2)
        The points moved; the last is the start.

    References
    ----------
    Bowditch, N. (1808), in The Analyst; Ghilani and Wolf, Elementary Surveying, "compass rule".
    """
    lon, lat = (float(v) for v in reached[0])
    flat = f"+proj=aeqd +lon_0={lon!r} +lat_0={lat!r} +datum=WGS84"
    xy = places.move_xy(reached, places.WGS84, flat)
    walked = np.concatenate([[0.0], np.cumsum(lengths)]) / lengths.sum()
    moved = xy - walked[:, None] * (xy[-1] - xy[0])
    return places.move_xy(moved, flat, places.WGS84)


def convergence(lon: float, lat: float, crs: str) -> float:
    """Give the angle in degrees from true north to grid north at a place, east positive.

    Examples
    --------
    >>> round(convergence(107.0, 16.8, "EPSG:32648"), 3)  # east of the zone's middle, north of the equator
    0.578
    """
    return float(_proj(crs).get_factors(lon, lat).meridian_convergence)


def _proj(crs: str) -> Any:
    if places.is_geographic(crs):
        raise ValueError(f"{crs} has no grid north; name a metric CRS, e.g. EPSG:32648")
    return Proj(places.crs_of(crs))


class _Turn:
    """What to add to a bearing taken at a place, in degrees, for a true one."""

    def __init__(self, north: North, declination: float, crs: str):
        self.fixed = declination if north == "magnetic" else 0.0
        self.proj = _proj(crs) if north == "grid" else None

    def at(self, lon: float, lat: float) -> float:
        if self.proj is None:
            return self.fixed
        return float(self.proj.get_factors(lon, lat).meridian_convergence)


def _walk(start: LonLat, legs: Sequence[Leg], turn: _Turn, unit: str) -> NDArray[np.float64]:
    """The start and the end of every leg, shape (n + 1, 2)."""
    points = [start]
    for bearing, distance in legs:
        lon, lat = points[-1]
        azimuth = bearing * 360.0 / TURN[unit] + turn.at(lon, lat)
        there = GEOD.fwd(lon, lat, azimuth, distance)
        points.append((float(there[0]), float(there[1])))
    return np.array(points)


def _open(points: NDArray[np.float64], lengths: NDArray[np.float64]) -> Traverse:
    last = float(GEOD.inv(*points[-1], *points[0])[2])
    words = f"no leg leads back to the start, so the closing error is unknown; the last side, {last:.1f} m, is drawn"
    return Traverse(
        Polygon(points), points, float(lengths.sum()) + last, math.nan, math.nan, False, False, words
    )


def _words(closing: float, share: float, limit: float, within: bool, adjusted: bool) -> str:
    told = f"closing error {closing:.2f} m, {share:.2%} of the perimeter"
    if not within:
        return f"{told}: above the limit of {limit:.2%}; measure again"
    return told + (", distributed by the compass rule" if adjusted else f", within the limit of {limit:.2%}")


def _check(benchmark: LonLat, legs: Sequence[Leg], north: str, declination: float, unit: str) -> None:
    faults = []
    lon, lat = benchmark
    if not (-180 <= lon <= 180 and -90 < lat < 90):
        faults.append("the benchmark is no longitude and latitude in degrees, such as 107.05, 16.80")
    if north not in ("true", "magnetic", "grid"):
        faults.append(f"north is '{north}'; write true, magnetic or grid")
    if unit not in TURN:
        faults.append(f"the unit of bearings is '{unit}'; write {', '.join(TURN)}")
    if not abs(declination) <= LARGEST_DECLINATION:
        faults.append(f"the declination is {declination}; write degrees, east positive, such as -1.5")
    if declination and north != "magnetic":
        faults.append(
            f"a declination is given, but bearings are from {north} north; say magnetic, or leave it out"
        )
    turn = TURN.get(unit, 360.0)
    for number, (bearing, distance) in enumerate(legs, start=1):
        if not 0 <= bearing <= turn:
            faults.append(f"leg {number}: bearing {bearing:g} lies outside 0 to {turn:g} {unit}, such as 90")
        if not 0 < distance <= FARTHEST_M:
            faults.append(
                f"leg {number}: distance {distance:g} m lies outside 0 to {FARTHEST_M:g} m, such as 85.5"
            )
    if faults:
        raise ValueError("; ".join(faults))
