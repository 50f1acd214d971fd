"""The geometry gate: what must not enter a store as it is, and what a person should look at first.

Reads   ids and shapes of one kind, in longitude and latitude, and the ground of the programme where it is known
Gives   `Finding`s: which rows, what is wrong in words, what to do, and whether it refuses them
Knows   the faults that databases of the field have (after GICHD's geocheck); nothing of files, CRS or other kinds
Start   at `check`

Faults of a CRS, and axes swapped between the files of one intake, are found in jobs/intake_places.py, before shapes are
in longitude and latitude; here they are held against each other and against the programme's ground. Nothing is repaired
here: mending.py does that once a person said yes. Words carry ids and no coordinates, as they may be passed on.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import Geod
from shapely.geometry.base import BaseGeometry

from fadeout.records import places
from fadeout.records.mending import area_m2

FARTHEST_M = 5_000.0  # between consecutive vertices: GICHD geocheck
SLIVER_M2 = 1.0  # overlaps smaller than this come from rounding; assumed
MARGIN_KM = 50.0  # beyond the programme's ground; assumed
NULL_ISLAND_DEG = 1e-4  # about 10 m around 0/0, as in jobs/intake_places.py
SAME_DEG = 1e-9  # 0.1 mm: vertices nearer than this are the same
WORKED_AGAIN = ("searched", "run", "task", "qc_sample")  # kinds whose ground may rightly be gone over again
NAMED = 5  # ids that words name
GEOD = Geod(ellps="WGS84")

Shapes = NDArray[np.object_]
Rows = NDArray[np.int64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong with some rows.

    `rows` are positions in what was given, from 0. Rows of a finding that `refuses` must not enter as they are; others
    are told to a person. `pairs` are (row, row, overlap in m²) where two rows are at fault together.
    """

    code: str
    rows: tuple[int, ...]
    words: str
    remedy: str
    refuses: bool
    pairs: tuple[tuple[int, int, float], ...] = ()


def check(
    kind: str,
    ids: Sequence[str],
    shapes: Sequence[BaseGeometry | None],
    ground: BaseGeometry | None = None,
    *,
    margin_km: float = MARGIN_KM,
    farthest_m: float = FARTHEST_M,
    sliver_m2: float = SLIVER_M2,
) -> list[Finding]:
    """Hold ids and shapes of one kind against what is known to go wrong.

    Parameters
    ----------
    kind : str
        A kind of the catalogue; of some, the same ground may come twice.
    ids : sequence of str, n
        The rows' ids as they were given.
    shapes : sequence of shapely geometries, n
        In longitude and latitude, WGS 84; None where a row has no place, which is no fault here.
    ground : polygon, optional
        Where the programme works, in longitude and latitude.
    margin_km, farthest_m, sliver_m2 : float
        How far beyond the ground a shape may lie; how far apart vertices may be; how small an overlap is not told.

    Returns
    -------
    list of Finding
        At most one of each code; those that refuse come first.

    Examples
    --------
    >>> from shapely import Point, Polygon
    >>> bow = Polygon([(107, 16.8), (107.001, 16.801), (107.001, 16.8), (107, 16.801)])
    >>> [(f.code, f.rows, f.refuses) for f in check("hazardous_area", ["A-1", "A-1 "], [bow, None])]
    [('gate.invalid', (0,), True), ('gate.same-id', (0, 1), True)]
    >>> print(check("hazardous_area", ["A-1"], [bow])[0].words)
    1 of 1 rows (A-1): the polygon is not valid (Self-intersection)
    """
    if len(ids) != len(shapes):
        raise ValueError(f"there are {len(ids)} ids and {len(shapes)} shapes; give one of each for every row")
    looked = _Looked(kind, list(ids), shapely.force_2d(np.array([*shapes, None], dtype=object)[:-1]))
    looked.coordinates()
    looked.placed(ground, margin_km)
    looked.polygons()
    looked.lines()
    looked.same_ids()
    looked.same_points()
    looked.same_polygons()
    looked.far_vertices(farthest_m)
    looked.overlaps(sliver_m2)
    return sorted(looked.findings, key=lambda finding: not finding.refuses)


class _Looked:
    """Rows as they go from check to check: a row without usable numbers takes no part in later ones."""

    def __init__(self, kind: str, ids: list[str], shapes: Shapes):
        self.kind = kind
        self.ids = ids
        self.shapes = shapes
        self.findings: list[Finding] = []
        self.usable: Mask = ~shapely.is_missing(shapes)
        types = shapely.get_type_id(shapes)  # -1 where there is none
        self.point: Mask = types == 0
        self.line: Mask = np.isin(types, (1, 2, 5))
        self.polygon: Mask = np.isin(types, (3, 6))
        self.valid: Mask = np.zeros(len(shapes), dtype=bool)  # polygons that are valid

    def tell(
        self,
        code: str,
        rows: Iterable[int] | Rows,
        words: str,
        remedy: str,
        *,
        refuses: bool,
        pairs: Sequence[tuple[int, int, float]] = (),
    ) -> None:
        which = tuple(sorted({int(row) for row in rows}))
        if not which:
            return
        named = ", ".join(self.ids[row] or f"row {row + 1}" for row in which[:NAMED])
        more = f" and {len(which) - NAMED} more" if len(which) > NAMED else ""
        text = f"{len(which)} of {len(self.ids)} rows ({named}{more}): {words}"
        self.findings.append(Finding(code, which, text, remedy, refuses, tuple(pairs)))

    # --- numbers --------------------------------------------------------------------------------------------------

    def coordinates(self) -> None:
        """Empty shapes, NaN, and 0/0."""
        empty = self.usable & shapely.is_empty(self.shapes)
        xy, owner = shapely.get_coordinates(self.shapes, return_index=True)
        broken = empty.copy()
        broken[owner[~np.isfinite(xy).all(axis=1)]] = True
        self.tell(
            "gate.no-coordinates",
            np.flatnonzero(broken),
            "the shape is empty or a vertex has no coordinates",
            "draw the place again, or leave it out",
            refuses=True,
        )
        zero = np.zeros(len(self.shapes), dtype=bool)
        zero[owner[(np.abs(xy) < NULL_ISLAND_DEG).all(axis=1)]] = True
        self.tell(
            "gate.null-island",
            np.flatnonzero(zero),
            "a vertex lies at 0/0",
            "an empty coordinate became 0: correct it, or leave the place out",
            refuses=True,
        )
        self.usable &= ~broken & ~zero

    def placed(self, ground: BaseGeometry | None, margin_km: float) -> None:
        """Swapped axes, and places far from the programme's ground or off the Earth."""
        rows = np.flatnonzero(self.usable)
        xy, owner = shapely.get_coordinates(self.shapes[rows], return_index=True)
        near = _Near(ground, margin_km)
        outside, turned_outside = np.zeros(len(rows), dtype=bool), np.zeros(len(rows), dtype=bool)
        away = ~near.holds(xy)
        outside[owner[away]] = True
        suspect = outside[owner]  # only these are tried with their axes swapped
        turned_outside[owner[suspect][~near.holds(xy[suspect][:, ::-1])]] = True
        swapped = outside & ~turned_outside
        where = f"farther than {margin_km:g} km from the programme's ground" if ground else "off the Earth"
        self.tell(
            "gate.swapped-axes",
            rows[swapped],
            f"the place lies {where}, but not with latitude and longitude swapped",
            "swap the two, if that is what happened",
            refuses=True,
        )
        self.tell(
            "gate.outside",
            rows[outside & turned_outside],
            f"a vertex lies {where}",
            "check the numbers, the hemisphere and the UTM zone; or enlarge the programme's ground",
            refuses=True,
        )
        self.usable[rows[outside]] = False

    # --- one shape ------------------------------------------------------------------------------------------------

    def polygons(self) -> None:
        """Polygons that are not valid; among them those with fewer than three corners."""
        rows = np.flatnonzero(self.polygon & self.usable)
        good = shapely.is_valid(self.shapes[rows])
        self.valid[rows[good]] = True
        faulty = rows[~good]  # a valid polygon has three corners or more
        few = np.array([_few_corners(shape) for shape in self.shapes[faulty]], dtype=bool)
        self.tell(
            "gate.few-vertices",
            faulty[few],
            "a ring has fewer than three different vertices",
            "walk or draw the polygon again",
            refuses=True,
        )
        self.usable[faulty[few]] = False
        # a reason ends with the place of the fault, which is not told
        reasons = {
            str(why).partition("[")[0].strip() for why in shapely.is_valid_reason(self.shapes[faulty[~few]])
        }
        self.tell(
            "gate.invalid",
            faulty[~few],
            f"the polygon is not valid ({', '.join(sorted(reasons))})",
            "look at the offered repair and accept it, or draw the polygon again",
            refuses=True,
        )

    def lines(self) -> None:
        rows = np.flatnonzero(self.line & self.usable)
        self.tell(
            "gate.few-vertices",
            rows[shapely.length(self.shapes[rows]) == 0],
            "the line has fewer than two different vertices",
            "walk or draw the line again",
            refuses=True,
        )

    def far_vertices(self, farthest_m: float) -> None:
        """Consecutive vertices of a ring or a line that lie far apart: often one of them is wrong."""
        rows = np.flatnonzero((self.polygon | self.line) & self.usable)
        parts, part_of = shapely.get_parts(self.shapes[rows], return_index=True)
        rings, ring_of = _rings(parts)
        xy, owner = shapely.get_coordinates(rings, return_index=True)
        same = owner[1:] == owner[:-1]
        a, b = xy[:-1][same], xy[1:][same]
        owners = rows[part_of[ring_of[owner[:-1][same]]]]
        length = np.zeros(len(a))
        maybe = _at_most_m(a, b) > farthest_m  # the ellipsoid is asked only where it can matter
        length[maybe] = GEOD.inv(a[maybe, 0], a[maybe, 1], b[maybe, 0], b[maybe, 1])[2]
        far = length > farthest_m
        longest = length.max(initial=0) / 1000
        self.tell(
            "gate.far-vertices",
            owners[far],
            f"two vertices in a row lie more than {farthest_m / 1000:g} km apart (at most {longest:.1f} km)",
            "check that no vertex is wrong or missing",
            refuses=False,
        )

    # --- between rows ---------------------------------------------------------------------------------------------

    def same_ids(self) -> None:
        """Ids that are the same once spaces around them are gone; ids that differ only in case."""
        if len({one.strip().casefold() for one in self.ids}) == len(self.ids):
            return  # no two are alike, by far the most often
        exact, folded = defaultdict(list), defaultdict(list)
        for row, one in enumerate(self.ids):
            if one.strip():
                exact[one.strip()].append(row)
                folded[one.strip().casefold()].append(one.strip())
        self.tell(
            "gate.same-id",
            [row for rows in exact.values() if len(rows) > 1 for row in rows],
            "the id stands on several rows (spaces around it do not count)",
            "give each record an id of its own, or keep one of the rows",
            refuses=True,
        )
        alike = {key for key, names in folded.items() if len(set(names)) > 1}
        self.tell(
            "gate.alike-id",
            [row for one, rows in exact.items() if one.casefold() in alike for row in rows],
            "ids differ only in capital and small letters",
            "check whether they mean one record",
            refuses=False,
        )

    def same_points(self) -> None:
        rows = np.flatnonzero(self.point & self.usable)
        xy = shapely.get_coordinates(self.shapes[rows])
        self.tell(
            "gate.same-point",
            rows[_repeated(xy)],
            "points have exactly the same coordinates",
            "check whether a record was entered twice, or a place was copied to several",
            refuses=False,
        )

    def same_polygons(self) -> None:
        """Polygons with the same rings, wherever those begin and whichever way they go."""
        rows = np.flatnonzero(self.polygon & self.usable)
        self.same_as = np.full(len(self.shapes), -1, dtype=np.int64)  # a number for each different polygon
        groups = defaultdict(list)
        for row, key in zip(rows, _keys(self.shapes[rows]), strict=True):
            groups[key].append(int(row))
        for number, members in enumerate(groups.values()):
            self.same_as[members] = number
        self.tell(
            "gate.same-polygon",
            [row for members in groups.values() if len(members) > 1 for row in members],
            "polygons have the same coordinates",
            "check whether a record was entered twice"
            + (" or the ground was worked again" if self.kind in WORKED_AGAIN else ""),
            refuses=False,
        )

    def overlaps(self, sliver_m2: float) -> None:
        """Polygons that share ground; those that are the same are told of elsewhere."""
        if self.kind in WORKED_AGAIN:
            return
        rows = np.flatnonzero(self.valid & self.usable)
        polygons = self.shapes[rows]
        a, b = shapely.STRtree(polygons).query(polygons, predicate="intersects")
        wanted = (a < b) & (self.same_as[rows[a]] != self.same_as[rows[b]])
        a, b = a[wanted], b[wanted]
        a, b = (side[~shapely.touches(polygons[a], polygons[b])] for side in (a, b))
        shared = shapely.intersection(polygons[a], polygons[b])
        may_matter = np.flatnonzero(_at_most_m2(shared) >= sliver_m2)
        areas = np.array([area_m2(shape) for shape in shared[may_matter]])
        told = may_matter[areas >= sliver_m2]
        pairs = [
            (int(rows[a[i]]), int(rows[b[i]]), float(area))
            for i, area in zip(told, areas[areas >= sliver_m2], strict=True)
        ]
        largest = max((area for _, _, area in pairs), default=0.0)
        self.tell(
            "gate.overlap",
            [row for pair in pairs for row in pair[:2]],
            f"polygons overlap: {len(pairs)} pairs, the largest by {largest:,.0f} m²",
            "check which of the two holds the ground; totals of area count it twice",
            refuses=False,
            pairs=pairs,
        )


# --- measures ---------------------------------------------------------------------------------------------------------


class _Near:
    """Whether places lie on the ground or within a margin of it; without a ground, whether they are on Earth."""

    def __init__(self, ground: BaseGeometry | None, margin_km: float):
        self.ring: BaseGeometry | None = None
        if ground is None or ground.is_empty:
            return
        lon, lat = _middle(shapely.get_coordinates(ground))
        self.flat = f"+proj=aeqd +lon_0={lon!r} +lat_0={lat!r} +datum=WGS84"  # true distances from the middle
        margin = 1000.0 * margin_km
        moved = places.move([shapely.make_valid(ground)], places.WGS84, self.flat)[0]
        self.ring = shapely.make_valid(moved).simplify(margin / 100).buffer(margin)
        shapely.prepare(self.ring)

    def holds(self, xy: NDArray[np.float64]) -> Mask:
        on_earth: Mask = (np.abs(xy[:, 0]) <= 180) & (np.abs(xy[:, 1]) <= 90)
        if self.ring is None:
            return on_earth
        flat = places.move_xy(np.where(on_earth[:, None], xy, 0.0), places.WGS84, self.flat)
        return np.asarray(on_earth & shapely.contains_xy(self.ring, flat[:, 0], flat[:, 1]))


def _middle(lonlat: NDArray[np.float64]) -> tuple[float, float]:
    """The middle of places on the sphere, so that ground on both sides of 180° has its middle there."""
    lon, lat = np.radians(lonlat).T
    x, y, z = (
        np.cos(lat) * np.cos(lon),
        np.cos(lat) * np.sin(lon),
        np.sin(lat),
    )
    mean = x.mean(), y.mean(), z.mean()
    return math.degrees(math.atan2(mean[1], mean[0])), math.degrees(
        math.atan2(mean[2], math.hypot(mean[0], mean[1]))
    )


def _few_corners(shape: BaseGeometry) -> bool:
    rings = shapely.get_rings(shape)
    if not len(rings):
        return True
    return any(len(np.unique(shapely.get_coordinates(ring), axis=0)) < 3 for ring in rings)


def _rings(parts: Shapes) -> tuple[Shapes, Rows]:
    """Rings of polygons and lines as they are, with the part that each belongs to."""
    solid = shapely.get_type_id(parts) == 3
    rings, of = shapely.get_rings(parts[solid], return_index=True)
    return (
        np.concatenate([rings, parts[~solid]]),
        np.concatenate([np.flatnonzero(solid)[of], np.flatnonzero(~solid)]),
    )


def _repeated(xy: NDArray[np.float64]) -> Mask:
    """Say of each row of xy, shape (n, 2), whether another one equals it."""
    if not len(xy):
        return np.zeros(0, dtype=bool)
    joined = np.ascontiguousarray(xy + 0.0).view(np.complex128).ravel()  # + 0.0 makes -0.0 into 0.0
    _, back, counts = np.unique(joined, return_inverse=True, return_counts=True)
    return np.asarray(counts[back.ravel()] > 1)


def _keys(polygons: Shapes) -> list[bytes]:
    """One text for each polygon, wherever its rings begin, whichever way they go, with or without repeated vertices."""
    if not len(polygons):
        return []
    rounded = shapely.transform(polygons, lambda xy: np.round(xy / SAME_DEG) * SAME_DEG + 0.0)
    plain = shapely.normalize(shapely.remove_repeated_points(rounded))
    return list(shapely.to_wkb(plain))


def _at_most_m(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    """An upper bound, within some percent, of the distance between places, the short way round the Earth."""
    lon = np.abs((b[:, 0] - a[:, 0] + 180) % 360 - 180)
    wide = np.cos(np.radians(np.minimum(np.abs(a[:, 1]), np.abs(b[:, 1]))))
    return np.asarray(111_700.0 * np.hypot(lon * wide, b[:, 1] - a[:, 1]))


def _at_most_m2(shapes: Shapes) -> NDArray[np.float64]:
    """An upper bound of the area of small shapes in longitude and latitude."""
    bounds = np.nan_to_num(shapely.bounds(shapes))
    low = np.where(bounds[:, 1] * bounds[:, 3] < 0, 0.0, np.abs(bounds[:, [1, 3]]).min(axis=1))
    return np.asarray(shapely.area(shapes) * 111_700.0**2 * np.cos(np.radians(low)))
