"""Records out of a store, by kind, area, day and sensitivity, into any format that is written.

Reads   a store, a `Viewer`
Gives   files, each of which says what it is, whom it is for and from what it was made; what each format lost
Knows   which records belong to an area; how formats are written is `exchange.writing`
Start   at `export`

What a role may not see is not in the file: partners' files hold cells in place of exact places, as the store gives them.
Fields about persons go out sealed, as the store holds them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import shapely

from fadeout.errors import InputRefused, Problem
from fadeout.exchange import formats
from fadeout.exchange.outgoing import Outgoing, line_of, outgoing
from fadeout.exchange.writing import write_records
from fadeout.records import places
from fadeout.records.access import PRECISE, Viewer
from fadeout.records.asking import Ask
from fadeout.records.catalogue import KINDS
from fadeout.records.layout import BBox
from fadeout.records.record import Record
from fadeout.records.store import Store

APART = ("victim", "run")  # not among "all kinds": persons, and long texts that no map program wants
AGAIN = 3  # times to read anew if the store changed while a file was written


@dataclass(frozen=True)
class Asked:
    """What goes out: which kinds (none: all that hold records), of which area, as of when, changed since when."""

    out: Path
    kinds: tuple[str, ...] = ()
    area: str = ""
    as_of: str | None = None
    since: str = ""
    bbox: BBox | None = None
    crs: str = places.WGS84
    ask: Ask | None = None  # of one kind: which of its records


@dataclass(frozen=True)
class Written:
    """One file that was written: how many records of which kinds, and what the format lost."""

    file: Path
    records: dict[str, int]
    lost: tuple[str, ...]


def export(store: Store, asked: Asked, viewer: Viewer, now: datetime) -> list[Written]:
    """Write records into a file; a format that holds one layer gets a file for each kind.

    Raises
    ------
    InputRefused
        If the format, a kind or the area is not known, or nothing is there that the viewer may see.
    """
    form = formats.named(asked.out)
    kinds = _kinds(store, asked, viewer)
    single = form is not None and form.one_layer and len(kinds) > 1
    parts = [(kind,) for kind in kinds] if single else [kinds]
    written = []
    for part in parts:
        suffix = next(end for end in form.suffixes if asked.out.name.lower().endswith(end)) if form else ""
        stem = asked.out.name[: len(asked.out.name) - len(suffix)]
        path = asked.out.with_name(f"{stem}-{part[0]}{suffix}") if single else asked.out
        written.append(_write(store, asked, viewer, part, path, now))
    return written


def _kinds(store: Store, asked: Asked, viewer: Viewer) -> tuple[str, ...]:
    unknown = [kind for kind in asked.kinds if kind not in KINDS]
    if unknown:
        message = f"there is no kind '{unknown[0]}'"
        raise InputRefused([Problem("record.unknown-kind", message, f"write one of {', '.join(KINDS)}")])
    wanted = asked.kinds or tuple(kind for kind in KINDS if kind not in APART)
    filled = tuple(kind for kind in wanted if asked.kinds or store.count(kind, viewer))
    if not filled:
        message = "there is nothing in the store that this role may see"
        raise InputRefused([Problem("export.nothing", message, "look with fadeout store info")])
    return filled


def _write(
    store: Store, asked: Asked, viewer: Viewer, kinds: tuple[str, ...], path: Path, now: datetime
) -> Written:
    area = _area(store, asked, viewer)
    for _ in range(AGAIN):
        seen = _looked_through(store, asked, viewer, kinds, area)
        about = {
            "fadeout": version("fadeout"),
            "created_utc": now.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="seconds") + "Z",
            "sensitivity": f"for the role {viewer.role}: {', '.join(PRECISE[viewer.role])}",
            "content_sha256": seen.digest,
            "source": store.address,
            "as_of": asked.as_of or "",
            "area": asked.area,
            "stamp": "; ".join(sorted(seen.stamps)),
        }
        layers = [
            _layer(kind, _held(_chosen(store, asked, viewer, kind, area), seen.by_kind[kind]), viewer)
            for kind in kinds
        ]
        try:
            lost = write_records(path, layers, about={k: v for k, v in about.items() if v}, crs=asked.crs)
        except _Changed:
            continue
        return Written(path, seen.counts, tuple(lost))
    message = f"the store changed {AGAIN} times while {path.name} was written"
    raise InputRefused([Problem("export.changing", message, "name a day with --as-of")])


class _Changed(Exception):
    """The store changed between what a file says of its content and the content: nothing of it is kept."""


@dataclass
class _Seen:
    """What was looked through: how many records of each kind, digests of each and of all, and stamps."""

    counts: dict[str, int]
    by_kind: dict[str, bytes] = field(default_factory=dict)
    stamps: set[str] = field(default_factory=set)
    digest: str = ""


def _layer(kind: str, rows: Iterator[Record], viewer: Viewer) -> Outgoing:
    """A layer of a kind; where exact places stand as cells, it holds points and polygons."""
    layer = outgoing(KINDS[kind], rows)
    return replace(layer, geometry="any") if viewer.coarse and layer.geometry else layer


def _held(rows: Iterator[Record], digest: bytes) -> Iterator[Record]:
    """Pass records on, and hold them against what was looked through once all are passed."""
    now = hashlib.sha256()
    for record in rows:
        now.update(line_of(record))
        yield record
    if now.digest() != digest:
        raise _Changed


def _looked_through(
    store: Store, asked: Asked, viewer: Viewer, kinds: tuple[str, ...], area: Record | None
) -> _Seen:
    """Read all that is to go out once: a file states its digest and its stamps before its content."""
    seen = _Seen(dict.fromkeys(kinds, 0))
    whole = hashlib.sha256()
    for kind in kinds:
        digest = hashlib.sha256()
        for record in _chosen(store, asked, viewer, kind, area):
            line = line_of(record)
            digest.update(line)
            whole.update(line)
            seen.counts[kind] += 1
            if record.values.get("stamp"):
                seen.stamps.add(str(record.values["stamp"]))
        seen.by_kind[kind] = digest.digest()
    seen.digest = whole.hexdigest()
    return seen


def _area(store: Store, asked: Asked, viewer: Viewer) -> Record | None:
    if not asked.area:
        return None
    found = store.get("hazardous_area", asked.area, viewer, asked.as_of)
    if found is None or found.shape is None:
        message = f"there is no hazardous area '{asked.area}' with a place that you may see"
        raise InputRefused([Problem("store.no-area", message, "see: fadeout records list hazardous_area")])
    return found


def _chosen(store: Store, asked: Asked, viewer: Viewer, kind: str, area: Record | None) -> Iterator[Record]:
    """Records of a kind that were asked for."""
    where: Mapping[str, Any] = {}
    bbox = asked.bbox if KINDS[kind].geometry else None
    if area is not None and area.shape is not None and KINDS[kind].geometry:
        bbox = area.shape.bounds
        shapely.prepare(area.shape)
    for record in store.all(kind, viewer, as_of=asked.as_of, bbox=bbox, where=where, ask=asked.ask):
        if asked.since and record.recorded_at < asked.since:
            continue
        if area is None or _belongs(record, area):
            yield record


def _belongs(record: Record, area: Record) -> bool:
    if record.id == area.id or area.id in (record.values.get("hazard_id"), record.values.get("about_id")):
        return True
    return bool(record.shape is not None and area.shape is not None and area.shape.intersects(record.shape))
