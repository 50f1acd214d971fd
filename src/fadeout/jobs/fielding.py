"""Records as a phone sends them: taken once, however often they are sent.

Reads   kind, id, typed texts, a place and the phone's time; photos that arrived before
Gives   the record as it stands in the store, and whether it is new
Knows   what the field records, and that a connection may die between storing and answering
Start   at `take`

The phone makes the id, 65 random bits, so that sending again finds the same record. What is the same as any version of
it changes nothing, whatever the desk did to the record meanwhile. Who sent it may send it corrected, as long as nobody
else touched it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

import shapely
from shapely.geometry.base import BaseGeometry

from fadeout.errors import InputRefused, Problem
from fadeout.jobs import editing, photos
from fadeout.records import boxes, places
from fadeout.records.access import Viewer
from fadeout.records.catalogue import EVIDENCE_CLASSES, KINDS
from fadeout.records.gate import Finding
from fadeout.records.reading import Version
from fadeout.records.record import Plain, Record
from fadeout.records.standard import NEVER_DIRECT, Standard
from fadeout.records.store import Store


@dataclass(frozen=True)
class Asked:
    """What the field records of a kind: how its ids begin, which fields it may send, which it must."""

    prefix: str
    fields: tuple[str, ...]
    needed: tuple[str, ...]


FIELDED: Mapping[str, Asked] = {
    "evidence": Asked(
        "EP",
        (
            *("kind", "found_on", "how", "count", "munition", "state", "other_item", "position_error_m"),
            *("searched_id", "photo", "entered", "entered_crs", "source", "remark"),
        ),
        ("kind",),
    ),
    "box": Asked(
        "BX",
        (
            *("state", "searched_on", "method", "effort_min", "share_searched", "evidence_ids", "team"),
            *("task_id", "entered", "entered_crs", "remark"),
        ),
        ("state",),
    ),
    "searched": Asked(
        "SA",
        (
            *("outcome", "searched_on", "method", "effort_min", "share_searched", "team", "kind", "swath_m"),
            *("depth_cm", "task_id", "entered", "entered_crs", "remark"),
        ),
        ("outcome",),
    ),
}
ID = re.compile(r"(EP|BX|SA)-[0-9A-HJKMNP-TV-Z]{13,26}")  # 13 letters of Crockford's base 32: 65 bits
CLASSES = tuple(one for one in EVIDENCE_CLASSES if one not in NEVER_DIRECT)  # what one can see or be told of
LATEST_H = 14  # how far the easternmost clocks are ahead of UTC: today there is no day of the future


@dataclass(frozen=True)
class Sent:
    """What a phone sends. `place` is GeoJSON, "" for none; of a box it may be a point in it."""

    kind: str
    id: str
    values: Mapping[str, str] = field(default_factory=dict)
    place: str = ""
    device_at: str = ""
    recorded_by: str = ""


@dataclass(frozen=True)
class Taken:
    """The record as it stands, whether this made it, and what the gate says of it."""

    record: Record
    new: bool
    findings: tuple[Finding, ...] = ()


def take(store: Store, sent: Sent, standard: Standard, folder: Path, *, who: str, now: datetime) -> Taken:
    """Take a record of a phone into the store; once, however often it comes.

    Raises
    ------
    InputRefused
        With everything that is wrong with it; `field.taken` if another record has its id.
    """
    problems = _asked_rightly(sent)
    if problems:
        raise InputRefused(problems)
    edit = _edit(sent, standard, folder)
    today = (now + timedelta(hours=LATEST_H)).date()
    values = editing.typed_values(edit, today, problems)
    if problems:
        raise InputRefused(problems)
    shape = editing.place_of(sent.kind, edit.place or "")
    for _ in range(2):  # the second time if the same came twice at once
        versions = store.history(sent.id, Viewer(who, "manager"), sent.kind)
        if versions:
            return _again(store, edit, values, shape, versions, standard, who=who, now=now)
        try:
            saved = editing.save(store, edit, standard, who=who, today=today)
        except InputRefused as refused:
            if all(one.code == "edit.there-already" for one in refused.problems):
                continue
            raise
        return Taken(saved.record, True, saved.findings)
    raise _taken(sent.id)


def _asked_rightly(sent: Sent) -> list[Problem]:
    asked = FIELDED.get(sent.kind)
    if asked is None:
        told = ", ".join(FIELDED)
        return [
            Problem("field.kind", f"'{sent.kind[:40]}' is not recorded in the field", f"write one of {told}")
        ]
    problems = []
    if not ID.fullmatch(sent.id) or not sent.id.startswith(f"{asked.prefix}-"):
        remedy = f"write {asked.prefix}- and 13 letters or digits made at random"
        problems.append(Problem("field.bad-id", f"'{sent.id[:40]}' is no id that a phone makes", remedy))
    if unknown := [name for name in sent.values if name not in asked.fields]:
        told = ", ".join(name[:40] for name in unknown[:5])
        problems.append(
            Problem("field.unknown-value", f"{told}: not recorded in the field", "change it at the desk")
        )
    missing = [name for name in asked.needed if not sent.values.get(name, "").strip()]
    problems += [Problem("edit.missing", f"{name} is empty", "choose it") for name in missing]
    named = sent.kind == "box" and boxes.ID.fullmatch(sent.values.get("entered", "").strip())
    if not sent.place and not named:
        problems.append(
            Problem("field.no-place", "there is no place", "take the position, or write it: lon lat")
        )
    if sent.kind == "evidence" and sent.values.get("kind", "").strip() in NEVER_DIRECT:
        problems.append(
            Problem("field.kind", "a strike record is no evidence of the field", "record it at the desk")
        )
    return problems


def _edit(sent: Sent, standard: Standard, folder: Path) -> editing.Edit:
    """What the phone means, as an edit of one record by hand."""
    values = {name: text for name, text in sent.values.items() if text.strip()}
    if "device_at" in KINDS[sent.kind].by_name and sent.device_at:
        values["device_at"] = sent.device_at
    if values.get("photo"):
        values["photo_sha256"] = _photo(values["photo"], folder)
    place = sent.place
    if sent.kind == "box":
        place = _square(values, place, standard)
    why = f"from the field, on the phone at {sent.device_at[:30] or 'no time told'}"
    if sent.recorded_by.strip():
        why += f", recorded by {' '.join(sent.recorded_by.split())[:80]}"
    return editing.Edit(sent.kind, sent.id, values, 0, place or None, why)


def _photo(name: str, folder: Path) -> str:
    """The digest of a photo as it is kept; the record may not speak of one that is not there."""
    found = photos.kept(folder, name.removesuffix(".jpg")) if name.endswith(".jpg") else None
    if found is None:
        raise _refused("field.no-photo", f"the photo {name[:80]} is not here", "send the photo first")
    return photos.digest_of(found)


def _square(values: dict[str, str], place: str, standard: Standard) -> str:
    """The outline of a box: the one whose id was written, or the one in which the point lies."""
    written = values.get("entered", "").strip()
    if boxes.ID.fullmatch(written):
        cell = boxes.cell_of(written)
    else:
        point = editing.place_of("evidence", place) if '"Point"' in place else None
        if point is None:
            return place
        if not (abs(point.x) <= 180 and abs(point.y) <= 84):
            raise _refused("field.no-place", "there is no such place", "write it as lon lat")
        cell = boxes.cell_at(point.x, point.y, standard.box_side_m)
    if "entered" not in values or cell.id == written:
        values |= {"entered": cell.id, "entered_crs": "box of the grid"}
    return str(shapely.to_geojson(places.move([cell.square], cell.crs, places.WGS84)[0]))


def _again(
    store: Store,
    edit: editing.Edit,
    values: Mapping[str, Plain],
    shape: BaseGeometry,
    versions: list[Version],
    standard: Standard,
    *,
    who: str,
    now: datetime,
) -> Taken:
    """A record whose id is known: nothing to do if it was stored so before, else its own maker may correct it."""
    present = store.get(edit.kind, edit.id, Viewer(who, "manager"))
    if any(_same(one.record, values, shape, edit.kind) for one in versions):
        return Taken(present or versions[-1].record, False)
    if present is None or any(one.who != who for one in versions):
        raise _taken(edit.id)
    emptied = dict.fromkeys(_names(edit.kind), "")
    corrected = replace(edit, values={**emptied, **edit.values}, version=present.version)
    today = (now + timedelta(hours=LATEST_H)).date()
    saved = editing.save(store, corrected, standard, who=who, today=today)
    return Taken(saved.record, False, saved.findings)


def _names(kind: str) -> tuple[str, ...]:
    made = tuple(name for name in ("device_at", "photo_sha256") if name in KINDS[kind].by_name)
    return FIELDED[kind].fields + made


def _same(one: Record, values: Mapping[str, Plain], shape: BaseGeometry, kind: str) -> bool:
    """Whether a version says what the phone says; the store may have turned its outline."""
    if any(one.values.get(name) != values.get(name) for name in _names(kind)) or one.shape is None:
        return False
    return bool(shapely.equals_exact(shapely.normalize(one.shape), shapely.normalize(shape), 1e-9))


def _taken(id: str) -> InputRefused:
    words = f"there is a record {id} with other content, which you alone did not make"
    return _refused("field.taken", words, "correct it on the phone: it gets another id then")


def _refused(code: str, message: str, remedy: str) -> InputRefused:
    return InputRefused([Problem(code, message, remedy)])


def geojson(place: Mapping[str, object] | None) -> str:
    """A place as the job takes it.

    Examples
    --------
    >>> geojson({"type": "Point", "coordinates": [107.0, 16.8]}), geojson(None)
    ('{"type": "Point", "coordinates": [107.0, 16.8]}', '')
    """
    return json.dumps(place) if place else ""
