"""One change of a store: records put or withdrawn in one transaction, each with its version and line of history.

Reads   `Record`s; the present versions in the store
Gives   new versions, and how many were new, changed or the same
Knows   the order of a change: lock, look, check, write history, write the present, close the chain
Start   at `Change.put`
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any

import numpy as np
import shapely
import sqlalchemy as sa

from fadeout.errors import InputRefused, Problem
from fadeout.records import audit
from fadeout.records.access import CELLS_PER_DEG
from fadeout.records.catalogue import KINDS, fields_of
from fadeout.records.checking import checked, outside
from fadeout.records.layout import Layout
from fadeout.records.record import Plain, Record, body
from fadeout.records.schema import CHANGES, HISTORY, KIND_TABLES

Tell = Callable[[str, str, str, str | None, str], None]

AT_ONCE = 5_000
NEW, CHANGED, WITHDRAWN, RESTORED = "new", "changed", "withdrawn", "restored"


@dataclass(frozen=True)
class Before:
    """What history last says of a record."""

    version: int
    uuid: str
    action: str
    body: str


@dataclass
class Put:
    """What putting records did: how many were new, changed, the same; the ids of the first two."""

    new: int = 0
    changed: int = 0
    same: int = 0
    withdrawn: int = 0

    def __add__(self, other: Put) -> Put:
        return Put(
            self.new + other.new,
            self.changed + other.changed,
            self.same + other.same,
            self.withdrawn + other.withdrawn,
        )


@dataclass
class Change:
    """An open change. Whatever is done through it is stored whole when it closes, or not at all."""

    connection: sa.Connection
    layout: Layout
    number: int
    at: str
    who: str
    why: str
    context: dict[str, Any]
    head: bytes
    first_seq: int
    undoes: int | None = None
    tell: Tell | None = None  # is told of each new version: kind, id, action, the body before and after
    seq: int = field(init=False)
    fids: dict[str, int] = field(default_factory=dict)
    done: Put = field(default_factory=Put)
    tidy_at: int = 10_000  # versions after which the database looks anew at its tables

    def __post_init__(self) -> None:
        self.seq = self.first_seq

    @property
    def rows(self) -> int:
        """Versions written so far."""
        return self.seq - self.first_seq

    def put(self, records: Iterable[Record]) -> Put:
        """Store records: those whose id is new as their first version, those that differ as a new one.

        Raises
        ------
        InputRefused
            With every fault of every record of the batch in which the first was found.
        """
        total = Put()
        stream = iter(records)
        while batch := list(islice(stream, AT_ONCE)):
            for kind, some in _by_kind(batch).items():
                total += self._put(kind, some)
                if self.rows >= self.tidy_at:
                    self.layout.tidy(self.connection, ("history", kind))
                    self.tidy_at = 4 * self.rows
        self.done += total
        return total

    def withdraw(self, kind: str, ids: Sequence[str]) -> Put:
        """Take records out of the present; history keeps them. Ids that are not there are refused."""
        before = self.before(kind, ids)
        gone = [one for one in ids if one not in before or before[one].action == WITHDRAWN]
        if gone:
            message = f"there is no {kind} '{gone[0]}'" + (f", nor {len(gone) - 1} more" if gone[1:] else "")
            raise InputRefused([Problem("store.no-record", message, "check the id: fadeout records list")])
        if not ids:
            return Put()
        rows = []
        for one in ids:
            last = before[one]
            sensitivity = str(json.loads(last.body).get("sensitivity", KINDS[kind].sensitivity))
            rows.append(
                self._history(kind, one, last.uuid, last.version + 1, WITHDRAWN, sensitivity, last.body)
            )
        self.layout.insert(self.connection, "history", (*audit.ROW, "hash"), rows)
        self._drop(kind, ids)
        put = Put(withdrawn=len(rows))
        self.done += put
        return put

    def knows(self, kind: str) -> bool:
        """Whether history holds anything of a kind."""
        query = sa.select(HISTORY.c.seq).where(HISTORY.c.kind == kind).limit(1)
        return self.connection.execute(query).first() is not None

    def before(self, kind: str, ids: Sequence[str]) -> dict[str, Before]:
        """What history last says of these ids."""
        found: dict[str, Before] = {}
        for some in _parts(ids):
            query = (
                sa.select(HISTORY.c.id, HISTORY.c.version, HISTORY.c.uuid, HISTORY.c.action, HISTORY.c.body)
                .where(HISTORY.c.kind == kind, HISTORY.c.id.in_(some))
                .order_by(HISTORY.c.version)
            )
            for row in self.connection.execute(query):
                found[row.id] = Before(row.version, row.uuid, row.action, row.body)
        return found

    def _put(self, kind: str, records: Sequence[Record]) -> Put:
        shapes = _in_one_form(np.array([*(record.shape for record in records), None], dtype=object)[:-1])
        values = _settled(kind, records, shapes)
        before = self.before(kind, [record.id for record in records])
        hexes = shapely.to_wkb(shapes, hex=True, byte_order=1)
        put, keep, history, rows, old = Put(), [], [], [], []
        for i, (record, said, wkb) in enumerate(zip(records, values, hexes, strict=True)):
            text = body(said, wkb)
            last = before.get(record.id)
            if last is None:
                action, version, uuid = NEW, 1, new_uuid()
                put.new += 1
            elif last.action != WITHDRAWN and last.body == text:
                put.same += 1
                continue
            else:
                action = RESTORED if last.action == WITHDRAWN else CHANGED
                version, uuid = last.version + 1, last.uuid
                put.changed += 1
                if action == CHANGED:
                    old.append(record.id)
            if self.tell is not None:
                self.tell(kind, record.id, action, last.body if last else None, text)
            history.append(
                self._history(kind, record.id, uuid, version, action, str(said["sensitivity"]), text)
            )
            rows.append((record.id, *columns_of(kind, said), uuid, version, self.number, self.at, self.who))
            keep.append(i)
        if rows:
            self._drop(kind, old)
            self.layout.insert(self.connection, "history", (*audit.ROW, "hash"), history)
            self.enter(kind, rows, shapes[keep])
        return put

    def _history(
        self, kind: str, id: str, uuid: str, version: int, action: str, sensitivity: str, text: str
    ) -> tuple[Any, ...]:
        values = (self.seq, self.number, kind, id, uuid, version, action, sensitivity, self.at, text)
        self.head = audit.chain(self.head, values)
        self.seq += 1
        return (*values, self.head)

    def enter(self, kind: str, rows: Sequence[tuple[Any, ...]], shapes: Any) -> None:
        """Write the present versions, with their places and the spatial index.

        Each row is the id, the fields in the catalogue's order (`columns_of`), UUID, version, change, time and person.
        """
        if kind not in self.fids:
            newest = sa.select(sa.func.max(KIND_TABLES[kind].c.fid))
            self.fids[kind] = self.connection.execute(newest).scalar() or 0
        first = self.fids[kind] + 1
        self.fids[kind] += len(rows)
        names = ("fid", "id", *FIELD_NAMES[kind], "uuid", "version", "change", "recorded_at", "who")
        if not KINDS[kind].geometry:
            numbered = [(first + n, *row) for n, row in enumerate(rows)]
            self.layout.insert(self.connection, kind, names, numbered)
            return
        bounds = shapely.bounds(shapes)
        filled = ~np.isnan(bounds[:, 0])
        cells = np.floor(np.where(filled[:, None], bounds, 0) * CELLS_PER_DEG).astype(np.int64).tolist()
        packed = self.layout.encode(shapes, kind)
        placed = [
            (first + n, *row, geom, *(cell if geom is not None else _NO_CELLS))
            for n, (row, geom, cell) in enumerate(zip(rows, packed, cells, strict=True))
        ]
        self.layout.insert(self.connection, kind, (*names, "geom", *_CELLS), placed)
        self.layout.index(self.connection, kind, (first + np.flatnonzero(filled)).tolist(), bounds[filled])

    def _drop(self, kind: str, ids: Sequence[str]) -> None:
        table = KIND_TABLES[kind]
        for some in _parts(ids):
            if KINDS[kind].geometry:
                fids = (
                    self.connection.execute(sa.select(table.c.fid).where(table.c.id.in_(some)))
                    .scalars()
                    .all()
                )
                self.layout.unindex(self.connection, kind, fids)
            self.connection.execute(table.delete().where(table.c.id.in_(some)))

    def close(self) -> None:
        """Write who, when and why, and close the chain."""
        values = (
            self.number,
            self.at,
            self.who,
            self.why,
            json.dumps(self.context, sort_keys=True, ensure_ascii=False),
            self.undoes,
            self.first_seq,
            self.rows,
        )
        self.head = audit.chain(self.head, values)
        row = dict(zip(audit.CHANGE, values, strict=True))
        self.connection.execute(CHANGES.insert().values(**row, hash=self.head))


def _settled(kind: str, records: Sequence[Record], shapes: Any) -> list[dict[str, Plain]]:
    """The records' values in their one form; every fault of every record is told, two with one id too."""
    values, problems = [], []
    seen: set[str] = set()
    for record in records:
        said, faults = checked(record)
        problems += faults
        if record.id in seen:
            problems.append(Problem("record.twice", f"the id '{record.id}' of a {kind} stands twice"))
        seen.add(record.id)
        values.append(said)
    for i in np.flatnonzero(outside(shapely.bounds(shapes))).tolist():
        words = "the geometry does not lie in longitude -180 to 180 and latitude -90 to 90"
        problems.append(Problem("record.bad-value", f"{records[i].id}: {words}"))
    if problems:
        raise InputRefused(problems)
    return values


def _by_kind(records: Sequence[Record]) -> dict[str, list[Record]]:
    kinds: dict[str, list[Record]] = {}
    for record in records:
        kinds.setdefault(record.kind, []).append(record)
    return kinds


def _parts(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    for i in range(0, len(ids), AT_ONCE):
        yield ids[i : i + AT_ONCE]


def _in_one_form(shapes: Any) -> Any:
    """Shapes without heights or measures, one polygon as one; which way a ring runs is a format's habit, not a change."""
    if (shapely.get_coordinate_dimension(shapes) > 2).any():
        shapes = shapely.force_2d(shapes)
    if (shapely.get_type_id(shapes) <= POINT).all():
        return shapes
    return shapely.orient_polygons(np.array([*map(_single, shapes), None], dtype=object)[:-1])


def _single(shape: Any) -> Any:
    """A multipolygon of one polygon is that polygon, so that all formats give the same."""
    if shape is not None and shape.geom_type.startswith("Multi") and len(shape.geoms) == 1:
        return shape.geoms[0]
    return shape


def new_uuid() -> str:
    """A UUID of version 7 (RFC 9562): it begins with the time, so that indexes grow at their end.

    Examples
    --------
    >>> new_uuid()[14]
    '7'
    """
    tail = int.from_bytes(os.urandom(10), "big")
    number = (
        (time.time_ns() // 1_000_000) << 80
        | 0x7 << 76
        | (tail >> 68) << 64
        | 0b10 << 62
        | tail & (1 << 62) - 1
    )
    text = f"{number:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def columns_of(kind: str, values: dict[str, Plain]) -> list[Any]:
    """A record's values in the order of its kind's columns, lists as texts."""
    return [
        "; ".join(value) if type(value) is list else value for value in map(values.get, FIELD_NAMES[kind])
    ]


def values_of(kind: str, row: Any) -> dict[str, Plain]:
    """A record's values from its row of the kind's table: lists from texts, empty cells left out."""
    from fadeout.records.record import plain

    values: dict[str, Plain] = {}
    for name in FIELD_NAMES[kind]:
        value = row.get(name)
        if value is not None:
            values[name] = value.split("; ") if name in _LISTS[kind] else plain(value)
    return values


def from_body(kind: str, id: str, text: str, like: Record | None = None) -> Record:
    """A record from what history says of it."""
    values = json.loads(text)
    wkb = values.pop("geom", None)
    shape = shapely.from_wkb(wkb) if wkb else None
    record = Record(kind, id, values, shape)
    return record if like is None else replace(like, values=values, shape=shape)


POINT = int(shapely.GeometryType.POINT)  # MISSING is less
_CELLS = ("cell_w", "cell_s", "cell_e", "cell_n")
_NO_CELLS = (None,) * 4
FIELD_NAMES = {name: tuple(f.name for f in fields_of(kind) if f.name != "id") for name, kind in KINDS.items()}
_LISTS = {name: tuple(f.name for f in fields_of(kind) if f.type == "ids") for name, kind in KINDS.items()}
