"""One record changed by hand: its values as they were typed, its place as it was drawn, its ground split.

Reads   texts by field name, a drawn place as GeoJSON, the version that the person saw
Gives   the record as stored and the number of its change; what the geometry gate says of a place
Knows   that nobody's change may be overwritten unseen, and that steps of areas follow the rules of land release
Start   at `save`
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

import shapely
import shapely.ops
from shapely.geometry.base import BaseGeometry

from fadeout.errors import InputRefused, Problem
from fadeout.jobs import cells, land_release
from fadeout.records import gate, reading
from fadeout.records.access import Viewer
from fadeout.records.catalogue import KINDS, RESTRICTED, Field, fields_of
from fadeout.records.changing import WITHDRAWN, Change
from fadeout.records.gate import Finding
from fadeout.records.record import Plain, Record
from fadeout.records.standard import Standard
from fadeout.records.store import Store

CLAIMS = ("claim", "claim_source")  # of the registry: they have tables and checks of their own
MADE = ("run",)  # written by the program alone
DRAWN = {
    "point": ("Point",),
    "polygon": ("Polygon", "MultiPolygon"),
    "ground": ("Polygon", "MultiPolygon", "LineString", "MultiLineString"),
    "any": ("Point", "Polygon", "MultiPolygon", "LineString", "MultiLineString"),
}


class Overtaken(InputRefused):
    """Somebody else changed the record since the person saw it; carries what stands now and what was meant."""

    def __init__(self, now: Record, meant: Record) -> None:
        words = f"{now.id} was changed by {now.who} meanwhile, to version {now.version}"
        super().__init__([Problem("edit.overtaken", words, "look at the difference, then save again")])
        self.now, self.meant = now, meant


@dataclass(frozen=True)
class Edit:
    """What a person wants: `version` is the one seen, 0 for a new record; `place` is GeoJSON, None to leave it."""

    kind: str
    id: str
    values: Mapping[str, str] = field(default_factory=dict)
    version: int = 0
    place: str | None = None
    why: str = ""


@dataclass(frozen=True)
class Saved:
    """The record as it stands, and the change that made it (None where nothing differed)."""

    record: Record
    change: int | None
    findings: tuple[Finding, ...] = ()


def editable(kind: str) -> bool:
    """Whether records of a kind are changed by hand in a form. Persons are not: their fields are sealed."""
    about = KINDS.get(kind)
    return about is not None and about.sensitivity != RESTRICTED and kind not in CLAIMS + MADE


def fields(kind: str) -> list[Field]:
    """The fields of a form, the kind's own first."""
    own, common = KINDS[kind].fields, [one for one in fields_of(KINDS[kind]) if one not in KINDS[kind].fields]
    return [one for one in (*own, *common) if one.name != "id" and not one.personal]


def place_of(kind: str, text: str) -> BaseGeometry:
    """The place that a GeoJSON geometry draws, if the kind has such.

    Raises
    ------
    InputRefused
        If it is no geometry, or of another sort.

    Examples
    --------
    >>> place_of("evidence", '{"type": "Point", "coordinates": [107.0, 16.8]}').wkt
    'POINT (107 16.8)'
    """
    try:
        shape = shapely.force_2d(shapely.from_geojson(text))
    except (shapely.errors.GEOSException, TypeError, ValueError) as error:
        raise _refused("edit.bad-place", "the drawn place cannot be read", "draw it again") from error
    allowed = DRAWN.get(KINDS[kind].geometry, ())
    if shape is None or shape.geom_type not in allowed:
        drawn = shape.geom_type if shape is not None else "nothing"
        words = f"{KINDS[kind].title} is drawn as {' or '.join(allowed) or 'no place'}, not as {drawn}"
        raise _refused("edit.bad-place", words, "draw it again")
    return shape


def look(store: Store, kind: str, id: str, shape: BaseGeometry, who: str) -> list[Finding]:
    """What the gate says of a place before it is stored, its neighbours of the same kind beside it."""
    viewer = Viewer(who, "manager")
    with store.connected() as connection:
        return _look(connection, store.layout, kind, id, shape, viewer)


def _look(
    connection: Any, layout: Any, kind: str, id: str, shape: BaseGeometry, viewer: Viewer
) -> list[Finding]:
    grounds = [one.shape for one in reading.page(connection, layout, "programme", viewer) if one.shape]
    near: list[Record] = []
    if not shape.is_empty:
        near = reading.page(connection, layout, kind, viewer, bbox=shape.bounds, limit=200)
    others = [one for one in near if one.id != id]
    found = gate.check(
        kind,
        [id, *(one.id for one in others)],
        [shape, *(one.shape for one in others)],
        shapely.union_all(grounds) if grounds else None,
    )
    return [one for one in found if 0 in one.rows]


def save(store: Store, edit: Edit, standard: Standard, *, who: str, today: date) -> Saved:
    """Store a record as a person left it.

    Raises
    ------
    Overtaken
        If somebody else changed it since `edit.version`.
    InputRefused
        With everything wrong with values, place or step; nothing is stored.
    """
    _check_kind(edit.kind)
    problems: list[Problem] = []
    values = typed_values(edit, today, problems)
    shape = place_of(edit.kind, edit.place) if edit.place else None
    if not edit.id.strip():
        problems.append(Problem("edit.no-id", "there is no id", "write the programme's own id"))
    if problems:
        raise InputRefused(problems)
    why = edit.why.strip() or f"{'new' if not edit.version else 'changed'}: {edit.id.strip()}"
    with store.change(who=who, why=why) as change:
        before = _before(change, edit, who)
        meant = _meant(edit, before, values, shape)
        if before is not None and before.version != edit.version:
            raise Overtaken(before, meant)
        meant = _area_settled(change, meant, standard, who)
        findings = _checked(change, meant, before, standard, who)
        change.put([meant])
        number = change.number if change.rows else None
    found = store.get(edit.kind, meant.id, Viewer(who, "manager"))
    return Saved(found or meant, number, findings)


def split(
    store: Store, kind: str, id: str, version: int, line: str, standard: Standard, *, who: str, why: str = ""
) -> Saved:
    """Cut a polygon along a line: the record keeps the largest part, the others become records with ids of their own."""
    _check_kind(kind)
    try:
        cut = shapely.from_geojson(line)
    except (shapely.errors.GEOSException, TypeError, ValueError) as error:
        raise _refused("edit.bad-place", "the line cannot be read", "draw it again") from error
    with store.change(who=who, why=why or f"split {id}") as change:
        before = _before(change, Edit(kind, id, version=version), who)
        if before is None or before.shape is None:
            raise _refused("store.no-record", f"there is no {kind} '{id}' with a place", "see the list")
        if before.version != version:
            raise Overtaken(before, before)
        if cut is None or "Line" not in cut.geom_type or "Polygon" not in before.shape.geom_type:
            raise _refused("edit.no-split", "a polygon is split by a line", "draw a line right across it")
        pieces = sorted(shapely.ops.split(before.shape, cut).geoms, key=lambda one: -one.area)
        if len(pieces) < 2:
            raise _refused(
                "edit.no-split",
                "the line does not cut the polygon",
                "draw it right across, from outside to outside",
            )
        parts = [replace(before, shape=pieces[0])]
        known = change.before(kind, [f"{id}-{n}" for n in range(2, 200)])
        free = (f"{id}-{n}" for n in range(2, 1000) if f"{id}-{n}" not in known)
        parts += [Record(kind, next(free), dict(before.values), piece) for piece in pieces[1:]]
        change.put(parts)
        number = change.number
    found = store.get(kind, id, Viewer(who, "manager"))
    return Saved(found or parts[0], number)


def withdraw(store: Store, kind: str, id: str, version: int, *, who: str, why: str) -> int:
    """Take a record out of the present; history keeps it. Give the change."""
    _check_kind(kind)
    with store.change(who=who, why=why or f"withdrawn: {id}") as change:
        before = _before(change, Edit(kind, id, version=version), who)
        if before is not None and before.version != version:
            raise Overtaken(before, before)
        change.withdraw(kind, [id])
        return change.number


def differences(one: Record, other: Record) -> list[tuple[str, Plain, Plain]]:
    """Fields in which two records differ, with both values; a place counts as one."""
    names = dict.fromkeys((*one.values, *other.values))
    found: list[tuple[str, Plain, Plain]] = [
        (name, one.values.get(name), other.values.get(name))
        for name in names
        if one.values.get(name) != other.values.get(name)
    ]
    if not _same_place(one.shape, other.shape):
        found.append(("place", _told(one.shape), _told(other.shape)))
    return found


def _same_place(one: BaseGeometry | None, other: BaseGeometry | None) -> bool:
    return one is other or (
        one is not None and other is not None and bool(shapely.equals_exact(one, other, 1e-9))
    )


def _told(shape: BaseGeometry | None) -> str:
    return "" if shape is None else shapely.to_wkt(shape, rounding_precision=6)


def typed_values(edit: Edit, today: date, problems: list[Problem]) -> dict[str, Plain]:
    """The typed texts as values; an empty text is no value, and what is wrong is added to `problems`."""
    by_name = {one.name: one for one in fields(edit.kind)}
    values: dict[str, Plain] = {}
    for name, text in edit.values.items():
        if name not in by_name or not text.strip():
            continue
        try:
            values[name] = cells.parsed(by_name[name], text.strip(), cells.Manner(today=today))
        except cells.CellFault as fault:
            problems.append(Problem(fault.code, fault.message, fault.remedy))
    asked = [
        one.name for one in by_name.values() if one.required and (not edit.version or one.name in edit.values)
    ]
    missing = [name for name in asked if name not in values]
    problems += [Problem("edit.missing", f"{name} is empty", "write it") for name in missing]
    return values


def _meant(edit: Edit, before: Record | None, values: dict[str, Plain], shape: BaseGeometry | None) -> Record:
    if before is None:
        return Record(edit.kind, edit.id.strip(), values, shape)
    kept = {name: value for name, value in before.values.items() if name not in edit.values}
    return replace(before, values={**kept, **values}, shape=before.shape if shape is None else shape)


def _before(change: Change, edit: Edit, who: str) -> Record | None:
    found = reading.get(change.connection, change.layout, edit.kind, edit.id.strip(), Viewer(who, "manager"))
    if found is None and edit.version:
        raise _refused("store.no-record", f"there is no {edit.kind} '{edit.id}' any more", "see its history")
    if found is not None and not edit.version:
        raise _refused(
            "edit.there-already", f"there is a {edit.kind} '{found.id}' already", "take another id"
        )
    if found is None:  # one that this person may not see must not be written over
        last = change.before(edit.kind, [edit.id.strip()]).get(edit.id.strip())
        if last is not None and last.action != WITHDRAWN:
            raise _refused("edit.there-already", f"the id '{edit.id.strip()}' is taken", "take another id")
    return found


def _area_settled(change: Change, meant: Record, standard: Standard, who: str) -> Record:
    """An area says under which standard it stands, and on what: all evidence in it where nothing was chosen."""
    if meant.kind != "hazardous_area":
        return meant
    values = {"profile": standard.label, **meant.values}
    if not values.get("stands_on"):
        values["stands_on"] = list(land_release.evidence_in(change, meant, who))
    return replace(meant, values={name: value for name, value in values.items() if value != []})


def _checked(
    change: Change, meant: Record, before: Record | None, standard: Standard, who: str
) -> tuple[Finding, ...]:
    """Hold a record to the gate and, if it is an area, to the rules."""
    findings: list[Finding] = []
    moved = before is None or not _same_place(before.shape, meant.shape)
    if meant.shape is not None and moved:
        viewer = Viewer(who, "manager")
        findings = _look(change.connection, change.layout, meant.kind, meant.id, meant.shape, viewer)
    problems = [Problem(one.code, one.words, one.remedy) for one in findings if one.refuses]
    if meant.kind == "hazardous_area":
        problems += land_release.checked(change, before, meant, standard, who)
    if problems:
        raise InputRefused(problems)
    return tuple(findings)


def _check_kind(kind: str) -> None:
    reading.kind_of(kind)
    if not editable(kind):
        remedy = "use the pages or commands that are made for it"
        raise _refused("edit.not-by-hand", f"{KINDS[kind].title} records are not changed by hand", remedy)


def _refused(code: str, message: str, remedy: str) -> InputRefused:
    return InputRefused([Problem(code, message, remedy)])


def as_drawn(shape: BaseGeometry | None) -> str | None:
    """A place as a form sends it: GeoJSON, None where there is none."""
    return None if shape is None else str(shapely.to_geojson(shape))
