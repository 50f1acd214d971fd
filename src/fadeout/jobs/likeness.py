"""Records that may tell of one thing, merged when a person says so; and signs of made-up data, only told.

Reads   a store
Gives   proposals, each with its reason; a merged record in place of two, which undoing the change takes back; signs
Knows   which records to hold against each other; the judgement is `records.duplicates` and `records.plausible`
Start   at `proposals`, `merge`, `signs`
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fadeout.errors import InputRefused, Problem
from fadeout.records import duplicates, plausible, reading
from fadeout.records import profile as profiles
from fadeout.records.access import Viewer
from fadeout.records.catalogue import KINDS
from fadeout.records.changing import Change
from fadeout.records.plausible import Sign
from fadeout.records.record import Record
from fadeout.records.store import Store

COMPARED = ("evidence", "strike", "accident")  # kinds of which several sources tell
MOST_COMPARED = 50_000  # records of a kind; beyond, an intake would wait for the comparison
DISTANCE_M = {"evidence": 15.0}  # assumed: a handheld receiver; others take the profile's distance


def proposals(
    store: Store, kind: str, who: str, distance_m: float, days: int, across_sources: bool
) -> list[dict[str, Any]]:
    """Give pairs of records of a kind that may be one, the nearest first."""
    return _pairs(list(store.all(kind, Viewer(who, "manager"))), distance_m, days, across_sources)


def _pairs(
    records: Sequence[Record], distance_m: float, days: int, across_sources: bool
) -> list[dict[str, Any]]:
    try:
        found = duplicates.pairs(records, distance_m, days, across_sources=across_sources)
    except ValueError as fault:
        raise InputRefused([Problem("merge.too-many", str(fault), "give a smaller --distance")]) from fault
    return [
        {
            "first": records[pair.first].id,
            "second": records[pair.second].id,
            "distance_m": round(pair.distance_m, 1),
            "days": pair.days,
            "why": pair.reason,
        }
        for pair in sorted(found, key=lambda pair: (pair.distance_m, pair.first, pair.second))
    ]


def of_new(change: Change, fresh: Mapping[str, set[str]], who: str) -> tuple[list[dict[str, Any]], list[str]]:
    """Of records new to the store, those that may tell what another record tells; notes on what was not compared."""
    found: list[dict[str, Any]] = []
    notes: list[str] = []
    profile = profiles.load(None)
    viewer = Viewer(who, "manager")
    for kind in COMPARED:
        ids = fresh.get(kind, set())
        if not ids:
            continue
        if reading.count(change.connection, change.layout, kind, viewer) > MOST_COMPARED:
            notes.append(f"{kind}: too many to compare at intake; see fadeout records duplicates {kind}")
            continue
        records = list(reading.all_of(change.connection, change.layout, kind, viewer))
        within = distance_of(kind, None, profile.duplicate_distance_m)
        rows = _pairs(records, within, profile.duplicate_days, across_sources=False)
        found += [{"kind": kind, **row} for row in rows if {row["first"], row["second"]} & ids]
    return found, notes


def merge(
    store: Store, kind: str, first: str, second: str, *, who: str, why: str, keep: bool = True
) -> dict[str, Any]:
    """Put one record in place of two: the better one takes what the other knows more, the other is withdrawn.

    With `keep=False` nothing is stored, and what would be is told.
    """
    viewer = Viewer(who, "manager")
    one, other = (_record(store, kind, id, viewer) for id in (first, second))
    found = duplicates.merged(one, other)
    gone = second if found.record.id == first else first
    earlier = [*_list(one), *_list(other)]
    values = {**found.record.values, "merged_from": list(dict.fromkeys([*earlier, gone]))}
    with store.change(
        who=who, why=why or f"{gone} tells of the same as {found.record.id}", keep=keep
    ) as change:
        change.put([replace(found.record, values=values)])
        change.withdraw(kind, [gone])
    return {
        "kept": found.record.id,
        "withdrawn": gone,
        "conflicts": [asdict(conflict) for conflict in found.conflicts],
        "change": change.number if keep else None,
    }


def signs(store: Store, who: str) -> list[dict[str, Any]]:
    """Look through all records that teams made for signs of made-up data. A sign is for a person to look at."""
    viewer = Viewer(who, "manager")
    found: list[tuple[str, Sign]] = []
    for kind in ("evidence", "searched", "accident", "public_report"):
        records = list(store.all(kind, viewer))
        if records:
            found += [(kind, sign) for look in LOOKS for sign in look(records)]
    return [
        {"kind": kind, "sign": sign.code, "records": "; ".join(sign.ids[:20]), "why": sign.words}
        for kind, sign in found
    ]


# ---- one look each -----------------------------------------------------------------------------------------------------


def _speed(records: Sequence[Record]) -> list[Sign]:
    lon, lat = _lonlat(records)
    return plausible.impossible_speed(
        _ids(records), _teams(records), _moments(records, "device_at"), lon, lat
    )


def _photos(records: Sequence[Record]) -> list[Sign]:
    digests = [str(one.values.get("photo_sha256") or "") for one in records]
    return plausible.copied_photos(_ids(records), digests)


def _round(records: Sequence[Record]) -> list[Sign]:
    points = [one for one in records if one.shape is not None and one.shape.geom_type == "Point"]
    return plausible.round_coordinates(_ids(points), *_lonlat(points)) if points else []


def _clock(records: Sequence[Record]) -> list[Sign]:
    stored = np.array([one.recorded_at.rstrip("Z")[:19] for one in records], dtype="datetime64[s]")
    return plausible.device_after_server(_ids(records), _moments(records, "device_at"), stored)


def _seconds(records: Sequence[Record]) -> list[Sign]:
    return plausible.same_second(_ids(records), _teams(records), _moments(records, "device_at"))


LOOKS: tuple[Callable[[Sequence[Record]], list[Sign]], ...] = (_speed, _photos, _round, _clock, _seconds)


def _ids(records: Sequence[Record]) -> list[str]:
    return [one.id for one in records]


def _teams(records: Sequence[Record]) -> list[str]:
    return [str(one.values.get("team") or one.values.get("source") or "") for one in records]


def _moments(records: Sequence[Record], name: str) -> NDArray[np.datetime64]:
    texts = [str(one.values.get(name) or "NaT").rstrip("Z") for one in records]
    return np.array(texts, dtype="datetime64[s]")


def _lonlat(records: Sequence[Record]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    places = [
        (one.shape.centroid.x, one.shape.centroid.y) if one.shape is not None else (np.nan, np.nan)
        for one in records
    ]
    xy = np.array(places, dtype=np.float64).reshape(-1, 2)
    return xy[:, 0], xy[:, 1]


def _record(store: Store, kind: str, id: str, viewer: Viewer) -> Record:
    found = store.get(kind, id, viewer)
    if found is None:
        message = f"there is no {kind} '{id}'"
        raise InputRefused([Problem("store.no-record", message, f"see: fadeout records list {kind}")])
    return found


def _list(record: Record) -> list[str]:
    value = record.values.get("merged_from") or []
    return value if isinstance(value, list) else [str(value)]


def distance_of(kind: str, asked: float | None, profile_m: float) -> float:
    """How near two records of a kind must lie to be proposed: what was asked, else what suits the kind."""
    if kind not in KINDS:
        raise InputRefused(
            [Problem("record.unknown-kind", f"there is no kind '{kind}'", f"write one of {', '.join(KINDS)}")]
        )
    return asked if asked is not None else DISTANCE_M.get(kind, profile_m)
