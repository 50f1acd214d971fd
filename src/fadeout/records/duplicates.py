"""Records that may tell of one thing twice: which pairs, why, and what a merged record would hold.

Reads   `Record`s of one kind, from whatever sources
Gives   `Pair`s with distance, days and a reason; groups of records that hang together; `Merged`
Knows   distance on the ellipsoid and what "the same type" is; merges nothing by itself, a person decides
Start   at `pairs`, then `merged`

jobs/intake_checks.py counts near-duplicate strike records once in one assessment; here any kind is held against itself in
the store, and what comes out is a list for a person.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import Geod
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from fadeout.records.catalogue import KINDS, SENSITIVITIES
from fadeout.records.record import Plain, Record

ERRORS = 2.0  # standard errors of the distance within which two records may be one place; assumed
TYPES = ("munition", "kind")  # fields that must agree where both records have them
UNSAID = ("", "unknown", "none")  # a type that says nothing agrees with all
PLACED = ("position_error_m", "entered", "entered_crs")  # go with the shape, from one record
PHOTO = ("photo", "photo_sha256")  # go together
JOINED = ("source", "remark", "stamp")  # texts of both are kept
MOST = 5_000_000  # records near each record, summed, that are still listed: about 1 GB of memory; assumed
EARTH_M = 6_378_137.0  # WGS 84, half of the longer axis
GEOD = Geod(ellps="WGS84")

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Pair:
    """Two records that may be one: their positions in what was given (first < second), and why."""

    first: int
    second: int
    distance_m: float
    days: int | None  # None where one of them has no date
    reason: str


@dataclass(frozen=True)
class Conflict:
    """A field in which both records say something else, with what is kept and what is left."""

    field: str
    kept: Plain
    left: Plain


@dataclass(frozen=True)
class Merged:
    """What one record in place of two would hold.

    `record` has the id of the better one, and no uuid or version, which are the store's to give. `merged_from` names both
    ("EP-1 version 3"), the better one first; `parts` are the two as they were, so that nothing is lost: undoing a merge
    is putting them back.
    """

    record: Record
    conflicts: tuple[Conflict, ...]
    merged_from: tuple[str, str]
    parts: tuple[Record, Record]


def pairs(
    records: Sequence[Record], distance_m: float, days: int, *, across_sources: bool = False
) -> list[Pair]:
    """Give the pairs of records that may tell of one thing.

    Two records are a pair where their places are within `distance_m`, or within twice the standard error of the distance
    if that is more (position errors in quadrature); where their dates, if both have one, are at most `days` apart; and
    where munition and kind agree, if both say them. The place of a polygon or a line is its middle.

    Parameters
    ----------
    records : sequence of Record
        Of one kind; those without a place take no part.
    distance_m : float
        In metres; the profile's `duplicate_distance_m`.
    days : int
        The profile's `duplicate_days`.
    across_sources : bool
        Whether only records of different `source` are held against each other.

    Returns
    -------
    list of Pair
        Each pair once, in order of position; whatever the order given, the same records pair.

    Raises
    ------
    ValueError
        For records of several kinds, a negative distance, and where more than `MOST` records lie near each other.

    Examples
    --------
    >>> from shapely import Point
    >>> one = Record("strike", "S-1", {"struck_on": "1968-03-01"}, Point(107.0, 16.8))
    >>> other = Record("strike", "MV-9", {"struck_on": "1968-03-02"}, Point(107.001, 16.8))
    >>> pairs([one, other], 300, 1)[0].reason
    'S-1 and MV-9: 107 m apart (limit 300 m), 1 day apart'
    """
    if len({record.kind for record in records}) > 1:
        raise ValueError("records of several kinds were given; hold each kind against itself")
    if not (distance_m >= 0 and days >= 0):
        raise ValueError(f"distance and days are 0 or more; got {distance_m} m and {days} days")
    placed = np.array(
        [i for i, r in enumerate(records) if r.shape is not None and not r.shape.is_empty], dtype=int
    )
    if len(placed) < 2:
        return []
    lonlat = _middles([records[i] for i in placed])
    errors = np.array([_error(records[i]) for i in placed])
    a, b = _near(lonlat, errors, distance_m)
    gaps = GEOD.inv(lonlat[a, 0], lonlat[a, 1], lonlat[b, 0], lonlat[b, 1])[2] if len(a) else np.zeros(0)
    limits = np.maximum(distance_m, ERRORS * np.hypot(errors[a], errors[b]))
    apart = _days([records[i] for i in placed], a, b)
    keep = (gaps <= limits) & ~(apart > days) & _same_types([records[i] for i in placed], a, b)
    if across_sources:
        sources = _codes([records[i].values.get("source") for i in placed])
        keep &= sources[a] != sources[b]
    found = []
    for i in np.flatnonzero(keep):
        first, second = int(placed[a[i]]), int(placed[b[i]])
        between = None if math.isnan(apart[i]) else int(apart[i])
        words = _reason(records[first], records[second], gaps[i], limits[i], between)
        found.append(Pair(first, second, float(gaps[i]), between, words))
    return found


def groups(count: int, found: Sequence[Pair]) -> list[tuple[int, ...]]:
    """Give the records that hang together by pairs, of `count` records: chains, each in order of position.

    Examples
    --------
    >>> chain = [Pair(0, 3, 10.0, None, ""), Pair(3, 4, 10.0, None, "")]
    >>> groups(6, chain)
    [(0, 3, 4)]
    """
    if not found:
        return []
    a, b = np.array([(pair.first, pair.second) for pair in found]).T
    links = coo_array((np.ones(len(a), dtype=bool), (a, b)), shape=(count, count))
    _, labels = connected_components(links, directed=False)
    members: dict[int, list[int]] = {}
    for row in sorted({*a.tolist(), *b.tolist()}):
        members.setdefault(int(labels[row]), []).append(row)
    return [tuple(rows) for rows in members.values()]


# --- pairs ------------------------------------------------------------------------------------------------------------


def _middles(records: Sequence[Record]) -> Floats:
    shapes = np.array([record.shape for record in records])
    return np.asarray(shapely.get_coordinates(shapely.centroid(shapes)))


def _error(record: Record) -> float:
    value = record.values.get("position_error_m")
    return float(value) if isinstance(value, int | float) else 0.0


def _near(lonlat: Floats, errors: Floats, distance_m: float) -> tuple[Ints, Ints]:
    """Pairs (a < b) that may be near enough, each once.

    Places stand in space, on a sphere, where no projection bends distances and 180° is no edge. Of a pair, the record
    with the larger error e sees the other: the limit is at most 2 √2 e. The sphere's radius is the longer one of the
    ellipsoid, and 1 % is added: a chord on it is never longer than the geodesic by more (the ellipsoid's curvature
    differs from the sphere's by at most 0.7 %).
    """
    lon, lat = np.radians(lonlat).T
    space = EARTH_M * np.column_stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)])
    reach = 1.01 * np.maximum(distance_m, ERRORS * math.sqrt(2) * errors) + 1e-3
    tree = cKDTree(space)
    many = int(tree.query_ball_point(space, reach, return_length=True).sum()) - len(space)
    if many > MOST:
        raise ValueError(
            f"{many / 2:,.0f} pairs lie within reach of each other, more than anybody can look at; give a smaller "
            "distance, or look at fewer records at once"
        )
    seen = tree.query_ball_point(space, reach, return_sorted=False)
    a = np.repeat(np.arange(len(seen)), [len(others) for others in seen])
    b = np.concatenate([np.asarray(others, dtype=np.int64) for others in seen])
    low, high = np.minimum(a, b), np.maximum(a, b)
    once = np.unique(low[low < high] * len(seen) + high[low < high])
    return once // len(seen), once % len(seen)


def _days(records: Sequence[Record], a: Ints, b: Ints) -> Floats:
    """Days between the dates of pairs, NaN where one has none."""
    own = next((f.name for f in KINDS[records[0].kind].fields if f.type == "date"), "")
    days = np.full(len(records), math.nan)
    for i, record in enumerate(records):
        text = record.values.get(own) or record.values.get("informed_on")
        if isinstance(text, str):
            days[i] = date.fromisoformat(text[:10]).toordinal()
    return np.asarray(np.abs(days[a] - days[b]))


def _same_types(records: Sequence[Record], a: Ints, b: Ints) -> NDArray[np.bool_]:
    same = np.ones(len(a), dtype=bool)
    for name in TYPES:
        codes = _codes([record.values.get(name) for record in records])
        same &= (codes[a] == codes[b]) | (codes[a] == 0) | (codes[b] == 0)
    return same


def _codes(values: Sequence[Plain]) -> Ints:
    """A number for each different text, spaces and case left aside; 0 for what says nothing."""
    numbers = dict.fromkeys(UNSAID, 0)
    texts = [" ".join(str(value or "").split()).casefold() for value in values]
    return np.array([numbers.setdefault(text, len(numbers)) for text in texts], dtype=np.int64)


def _reason(one: Record, other: Record, gap: float, limit: float, days: int | None) -> str:
    when = "a date is missing" if days is None else f"{days} day{'' if days == 1 else 's'} apart"
    named = one.values.get("munition"), other.values.get("munition")
    kind = f", both {named[0]}" if all(named) else ""
    return f"{one.id} and {other.id}: {gap:.0f} m apart (limit {limit:.0f} m), {when}{kind}"


# --- merging ----------------------------------------------------------------------------------------------------------


def merged(one: Record, other: Record) -> Merged:
    """Say what one record in place of two would hold, and where they disagree.

    The better record gives its values, the other one fills what is empty. Better is the one with a place, then the
    smaller position error, then more values, then the first by id. The place goes with its error and its entered form;
    lists of ids, sources and remarks are joined; the stricter sensitivity and every stamp stay.

    Examples
    --------
    >>> from shapely import Point
    >>> near = Record("evidence", "EP-1", {"position_error_m": 5.0, "count": 2}, Point(107.0, 16.8))
    >>> far = Record("evidence", "EP-9", {"position_error_m": 50.0, "count": 3, "munition": "X"}, Point(107.001, 16.8))
    >>> both = merged(far, near)
    >>> both.record.id, both.record.values["munition"], both.conflicts[0]
    ('EP-1', 'X', Conflict(field='count', kept=2, left=3))
    """
    if one.kind != other.kind:
        raise ValueError(f"{one.id} is a {one.kind} and {other.id} a {other.kind}; only one kind is merged")
    better, worse = sorted((one, other), key=_rank)
    values: dict[str, Plain] = {}
    conflicts: list[Conflict] = []
    for name in sorted({*better.values, *worse.values}):
        if name in PLACED or name in PHOTO:
            continue
        value, left = _choose(name, better.values.get(name), worse.values.get(name))
        values[name] = value
        if left is not None:
            conflicts.append(Conflict(name, value, left))
    for bundle in (PLACED, PHOTO):
        from_one = _bundle(bundle, better, worse)
        values.update({name: from_one.values[name] for name in bundle if name in from_one.values})
        other_one = worse if from_one is better else better
        conflicts += [
            Conflict(name, values.get(name), other_one.values[name])
            for name in bundle
            if name in other_one.values and other_one.values[name] != values.get(name)
        ]
    shape = better.shape if better.shape is not None else worse.shape
    record = replace(better, values=values, shape=shape, uuid="", version=0, recorded_at="", who="")
    return Merged(record, tuple(conflicts), (_named(better), _named(worse)), (better, worse))


def _rank(record: Record) -> tuple[bool, float, int, str, str, str]:
    error = record.values.get("position_error_m")
    known = float(error) if isinstance(error, int | float) else math.inf
    return (
        record.shape is None,
        known,
        -len(record.values),
        record.id,
        record.uuid,
        str(sorted(record.values.items())),
    )


def _named(record: Record) -> str:
    return f"{record.id} version {record.version}" if record.version else record.id


def _bundle(names: Sequence[str], better: Record, worse: Record) -> Record:
    """The record whose values stand for fields that go together."""
    if names is PLACED:
        return better if better.shape is not None or worse.shape is None else worse
    return better if any(name in better.values for name in names) else worse


def _choose(name: str, value: Plain, other: Plain) -> tuple[Plain, Plain]:
    """What a merged record holds in a field, and what is left out in conflict with it (None: nothing)."""
    if value is None or other is None or value == other:
        return (other if value is None else value), None
    if name == "sensitivity":
        return max(value, other, key=lambda one: SENSITIVITIES.index(str(one))), None
    if isinstance(value, list) and isinstance(other, list):
        return value + [one for one in other if one not in value], None
    if name in JOINED:
        return "; ".join(dict.fromkeys([*str(value).split("; "), *str(other).split("; ")])), None
    return value, other
