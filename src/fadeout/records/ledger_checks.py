"""What goes into a ledger, and what of it cannot be.

Reads   versions of hazardous areas and releases
Gives   `AreaVersion`, `Release`, and `problems`: every fault of them
Knows   nothing of how the ledger is made
Start   at `problems`
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

import shapely
from shapely.geometry.base import BaseGeometry

from fadeout.errors import Problem
from fadeout.records.places import polygon_fault

OPEN = ("suspected", "confirmed")
ACTIONS = ("cleared", "reduced", "cancelled")  # on one day the more thorough work counts first
WITHDRAWN = "withdrawn"
STATES = (*OPEN, *ACTIONS, WITHDRAWN)


@dataclass(frozen=True)
class AreaVersion:
    """A hazardous area as it stood from a day on.

    `shape` is a polygon in longitude and latitude, WGS 84; a withdrawn area needs none. `since` None is before any
    period. `state` is one of `STATES`.
    """

    id: str
    shape: BaseGeometry | None
    state: str
    since: date | None = None


@dataclass(frozen=True)
class Release:
    """Ground that was released on a day: `action` is cancelled, reduced or cleared; `shape` as in `AreaVersion`."""

    id: str
    action: str
    shape: BaseGeometry | None
    on: date | None


def problems(
    start: date, end: date, areas: Sequence[AreaVersion], releases: Sequence[Release]
) -> list[Problem]:
    """Every fault of what goes into a ledger, by its id."""
    found = []
    if end < start:
        message = f"the period ends on {end}, before it begins on {start}"
        found.append(Problem("ledger.bad-period", message, "write the earlier day first"))
    found += _area_problems(areas)
    found += _release_problems(releases)
    return found


def _area_problems(areas: Sequence[AreaVersion]) -> Iterator[Problem]:
    last: dict[str, date] = {}
    for version in areas:
        name = f"hazardous area {version.id}"
        day = version.since or date.min
        if version.state not in STATES:
            message = f"{name} is '{version.state}'"
            yield Problem("ledger.unknown-state", message, f"write one of {', '.join(STATES)}")
        if day < last.get(version.id, date.min):
            message = f"{name} has a version of {day} after one of {last[version.id]}"
            yield Problem("ledger.out-of-order", message, "give versions in the order of their days")
        last[version.id] = max(day, last.get(version.id, date.min))
        if version.shape is not None or version.state != WITHDRAWN:
            yield from _shape_problems(name, version.shape)


def _release_problems(releases: Sequence[Release]) -> Iterator[Problem]:
    seen: set[str] = set()
    for release in releases:
        name = f"release {release.id}"
        if release.id in seen:
            yield Problem("ledger.duplicate-id", f"{name} stands twice", "give each an id of its own")
        seen.add(release.id)
        if release.action not in ACTIONS:
            message = f"{name} is '{release.action}'"
            yield Problem("ledger.unknown-action", message, f"write one of {', '.join(ACTIONS)}")
        if release.on is None:
            remedy = "write the day of release: without it no period is its own"
            yield Problem("ledger.no-date", f"{name} has no day", remedy)
        yield from _shape_problems(name, release.shape)


def _shape_problems(name: str, shape: BaseGeometry | None) -> Iterator[Problem]:
    remedy = "mend the polygon, or let a person accept a repaired one"
    if shape is None:
        yield Problem("ledger.bad-shape", f"{name} has no polygon", "draw it")
    elif shape.geom_type not in ("Polygon", "MultiPolygon"):
        yield Problem("ledger.bad-shape", f"{name} is a {shape.geom_type}", "draw it as a polygon")
    elif fault := polygon_fault(shape):
        yield Problem("ledger.bad-shape", f"{name}: {_without_place(fault)}", remedy)
    else:
        west, south, east, north = shapely.bounds(shape)
        if west < -180 or east > 180 or south < -86 or north > 86:
            said = "lies beyond longitude 180 or latitude 86"
            yield Problem(
                "ledger.bad-shape", f"{name} {said}", "give WGS 84 longitude and latitude in degrees"
            )


def _without_place(fault: str) -> str:
    """Leave the coordinates out that GEOS gives with its reason: an error names no exact place."""
    return fault.split("[", 1)[0].strip()
