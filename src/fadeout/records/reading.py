"""Reading a store: pages, single records, what was known on a day, and history, each only as far as a viewer may see.

Reads   a connection, a `Viewer`
Gives   `Record`s
Knows   how roles become conditions of a query: what a viewer may not see never leaves the database
Start   at `page`
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import shapely
import sqlalchemy as sa
from shapely.geometry.base import BaseGeometry

from fadeout.errors import InputRefused, Problem
from fadeout.records.access import CELLS_PER_DEG, HIDDEN, Viewer
from fadeout.records.asking import Ask, condition, fits, names_of
from fadeout.records.catalogue import KINDS, Kind
from fadeout.records.changing import WITHDRAWN, from_body, values_of
from fadeout.records.layout import BBox, Layout
from fadeout.records.record import Record
from fadeout.records.schema import CHANGES, HISTORY, KIND_TABLES

PAGE = 1_000


@dataclass(frozen=True)
class Version:
    """One line of history: a version of a record, and who made it, when and why."""

    record: Record
    action: str
    change: int
    at: str
    who: str
    why: str


def kind_of(name: str) -> Kind:
    """The kind of that name, else InputRefused."""
    if name not in KINDS:
        message = f"there is no kind '{name}'"
        raise InputRefused([Problem("record.unknown-kind", message, f"write one of {', '.join(KINDS)}")])
    return KINDS[name]


def page(
    connection: sa.Connection,
    layout: Layout,
    kind: str,
    viewer: Viewer,
    *,
    after: str = "",
    limit: int = PAGE,
    as_of: str | None = None,
    bbox: BBox | None = None,
    where: Mapping[str, object] | None = None,
    ask: Ask | None = None,
) -> list[Record]:
    """Give the records of a kind in the order of their ids, the first `limit` behind the id `after`.

    `bbox` is west, south, east, north in degrees; `where` holds columns and the values asked for, `ask` what is asked
    beyond equality. `as_of` is a day, or a moment in UTC: records as they stood then.
    """
    kind_of(kind)
    _check_names(kind, viewer, [*(where or {}), *(names_of(ask) if ask else ())])
    if as_of is not None:
        return _page_as_of(connection, kind, viewer, moment(as_of), after, limit, bbox, where or {}, ask)
    table = KIND_TABLES[kind]
    query = _seen(kind, viewer).where(table.c.id > after).order_by(table.c.id)
    for name, value in (where or {}).items():
        query = query.where(table.c[name] == value)
    if ask is not None:
        query = query.where(condition(ask, table))
    if bbox is None:
        return _records(kind, layout, connection.execute(query.limit(limit)).mappings().all())
    return _in_box(connection, layout, kind, viewer, query, bbox, limit)


@dataclass(frozen=True)
class Order:
    """How a table is sorted: by a column, downwards or upwards; what is empty comes last. Ids part what is equal."""

    column: str = "id"
    down: bool = False


Key = tuple[Any, str]  # of a row: the value of the sorted column, and the id


def sorted_page(
    connection: sa.Connection,
    layout: Layout,
    kind: str,
    viewer: Viewer,
    order: Order,
    *,
    after: Key | None = None,
    before: Key | None = None,
    last: bool = False,
    limit: int = PAGE,
    ask: Ask | None = None,
) -> list[Record]:
    """Give the rows of a sorted table behind a key, before one, or at its end: no page costs more than the first."""
    kind_of(kind)
    _check_names(kind, viewer, [order.column, *(names_of(ask) if ask else ())])
    table = KIND_TABLES[kind]
    query, back = _seen(kind, viewer), last or before is not None
    if ask is not None:
        query = query.where(condition(ask, table))
    key = before if back else after
    if key is not None:
        query = query.where(_beyond(table, order, key, back))
    query = query.order_by(*_order(table, order, back)).limit(limit)
    found = _records(kind, layout, connection.execute(query).mappings().all())
    return found[::-1] if back else found


def _order(table: sa.Table, order: Order, back: bool) -> list[sa.ColumnElement[Any]]:
    def way(column: Any, down: bool) -> Any:
        return column.desc() if down != back else column.asc()

    if order.column == "id":
        return [way(table.c.id, order.down)]
    column = table.c[order.column]
    return [way(column.is_(None), False), way(column, order.down), way(table.c.id, order.down)]


def _beyond(table: sa.Table, order: Order, key: Key, back: bool) -> sa.ColumnElement[bool]:
    """Rows behind a key in the order asked, or before it."""
    value, id = key
    less = order.down != back
    ids = table.c.id < id if less else table.c.id > id
    if order.column == "id":
        return ids
    column = table.c[order.column]
    if value is None:
        same_empty = sa.and_(column.is_(None), ids)
        return sa.or_(column.is_not(None), same_empty) if back else same_empty
    further = column < value if less else column > value
    found = sa.or_(further, sa.and_(column == value, ids))
    return found if back else sa.or_(found, column.is_(None))


def all_of(
    connection: sa.Connection, layout: Layout, kind: str, viewer: Viewer, **asked: Any
) -> Iterator[Record]:
    """Give all records of a kind, page by page; `asked` as `page` takes it."""
    after = ""
    while True:
        found = page(connection, layout, kind, viewer, after=after, **asked)
        yield from found
        if len(found) < PAGE:
            return
        after = found[-1].id


def count(
    connection: sa.Connection,
    layout: Layout,
    kind: str,
    viewer: Viewer,
    ask: Ask | None = None,
    bbox: BBox | None = None,
) -> int:
    """How many records of a kind a viewer may see, of those that are asked for; `bbox` as `page` takes it."""
    table = KIND_TABLES[kind_of(kind).name]
    if ask is not None:
        _check_names(kind, viewer, list(names_of(ask)))
    query = sa.select(sa.func.count()).select_from(table)
    if set(viewer.precise + viewer.coarse) < {"public", "area", "exact", "restricted"}:
        query = query.where(table.c.sensitivity.in_(viewer.precise + viewer.coarse))
    if ask is not None:
        query = query.where(condition(ask, table))
    if bbox is not None:
        if not KINDS[kind].geometry:
            return 0
        query = query.where(_touching(layout, kind, viewer, bbox))
    return int(connection.execute(query).scalar_one())


def get(
    connection: sa.Connection, layout: Layout, kind: str, id: str, viewer: Viewer, as_of: str | None = None
) -> Record | None:
    """Give one record, None if there is none or the viewer may not see it."""
    kind_of(kind)
    if as_of is not None:
        found = _as_of(kind, viewer, moment(as_of)).where(HISTORY.c.id == id)
        rows = connection.execute(found).all()
        return _from_history(rows[0]) if rows else None
    query = _seen(kind, viewer).where(KIND_TABLES[kind].c.id == id)
    records = _records(kind, layout, connection.execute(query).mappings().all())
    return records[0] if records else None


def history(connection: sa.Connection, id: str, viewer: Viewer, kind: str | None = None) -> list[Version]:
    """Give every version of the records of an id that a viewer may see precisely, the oldest first."""
    kinds = [kind_of(kind).name] if kind else list(KINDS)
    query = _told(viewer).where(HISTORY.c.id == id, HISTORY.c.kind.in_(kinds))
    return [_version(row) for row in connection.execute(query)]


def versions(connection: sa.Connection, kind: str, viewer: Viewer) -> Iterator[Version]:
    """Give every version of every record of a kind that a viewer may see precisely, record by record."""
    query = _told(viewer).where(HISTORY.c.kind == kind_of(kind).name)
    for row in connection.execute(query.execution_options(yield_per=PAGE)):
        yield _version(row)


def _told(viewer: Viewer) -> sa.Select[Any]:
    return (
        sa.select(HISTORY, CHANGES.c.at, CHANGES.c.who, CHANGES.c.why)
        .join(CHANGES, CHANGES.c.change == HISTORY.c.change)
        .where(_allowed(HISTORY, viewer))
        .order_by(HISTORY.c.kind, HISTORY.c.id, HISTORY.c.version)
    )


def _version(row: Any) -> Version:
    return Version(_from_history(row, row.who), row.action, row.change, row.at, row.who, row.why)


def moment(text: str) -> str:
    """Write a day as its last moment, a moment as history writes them.

    Examples
    --------
    >>> moment("2026-11-25"), moment("2026-11-25T07:00:00Z")
    ('2026-11-25T23:59:59.999999Z', '2026-11-25T07:00:00.000000Z')
    """
    from datetime import UTC, datetime

    try:
        when = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError as error:
        message = f"'{text[:40]}' is no day and no moment"
        raise InputRefused([Problem("store.bad-date", message, "write 2026-11-25")]) from error
    if len(text) == 10:
        return f"{text}T23:59:59.999999Z"
    when = when.astimezone(UTC) if when.tzinfo else when
    return when.replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


# --- what a viewer may see -------------------------------------------------------------------------------------------


def _seen(kind: str, viewer: Viewer) -> sa.Select[Any]:
    """The columns of a kind as a viewer may see them, of the rows that he or she may see."""
    table = KIND_TABLES[kind]
    allowed = viewer.precise + viewer.coarse
    columns: list[Any] = []
    for column in table.c:
        if viewer.coarse and (column.name in HIDDEN or column.name == "geom"):
            clear = sa.case((table.c.sensitivity.in_(viewer.precise), column), else_=None)
            columns.append(sa.type_coerce(clear, column.type).label(column.name))
        else:
            columns.append(column)
    return sa.select(*columns).where(table.c.sensitivity.in_(allowed))


def _allowed(table: sa.Table | sa.Alias, viewer: Viewer) -> sa.ColumnElement[bool]:
    """Versions that a viewer may see precisely, if he or she may see the latest version of the record so too."""
    later = HISTORY.alias("later")
    raised = (
        sa.exists()
        .where(later.c.kind == table.c.kind, later.c.id == table.c.id, later.c.version > table.c.version)
        .where(later.c.sensitivity.not_in(viewer.precise))
    )
    return sa.and_(table.c.sensitivity.in_(viewer.precise), ~raised)


def _check_names(kind: str, viewer: Viewer, names: Sequence[str]) -> None:
    known = [c.name for c in KIND_TABLES[kind].c if c.name != "geom" and not c.name.startswith("cell_")]
    for name in names:
        if name not in known:
            message = f"'{name}' is no column of {kind}"
            raise InputRefused([Problem("store.no-column", message, f"write one of {', '.join(known)}")])
        if viewer.coarse and name in HIDDEN:
            message = f"the role '{viewer.role}' may not ask by '{name}'"
            raise InputRefused([Problem("store.may-not-see", message, "leave it out")])


# --- pages -------------------------------------------------------------------------------------------------------------


def _in_box(
    connection: sa.Connection,
    layout: Layout,
    kind: str,
    viewer: Viewer,
    query: sa.Select[Any],
    bbox: BBox,
    limit: int,
) -> list[Record]:
    if not KINDS[kind].geometry:
        return []
    found = query.where(_touching(layout, kind, viewer, bbox)).limit(limit)
    return _records(kind, layout, connection.execute(found).mappings().all())


def _touching(layout: Layout, kind: str, viewer: Viewer, bbox: BBox) -> sa.ColumnElement[bool]:
    """Records whose bounds touch a box; those seen coarsely by their cells, so that no box tells where in it they lie."""
    if not viewer.coarse:
        return layout.within(kind, bbox)
    table = KIND_TABLES[kind]
    cells = tuple(math.floor(side * CELLS_PER_DEG) for side in bbox)
    far = (cells[0], cells[1], cells[2] + 1, cells[3] + 1)
    wide = (far[0] / CELLS_PER_DEG, far[1] / CELLS_PER_DEG, far[2] / CELLS_PER_DEG, far[3] / CELLS_PER_DEG)
    touched = sa.and_(
        table.c.cell_w <= cells[2],
        table.c.cell_e >= cells[0],
        table.c.cell_s <= cells[3],
        table.c.cell_n >= cells[1],
    )
    precise = sa.and_(table.c.sensitivity.in_(viewer.precise), layout.within(kind, bbox))
    coarse = sa.and_(table.c.sensitivity.in_(viewer.coarse), touched, layout.within(kind, wide))
    return sa.or_(precise, coarse)


def _records(kind: str, layout: Layout, rows: Sequence[Any]) -> list[Record]:
    shapes: list[BaseGeometry | None] = [None] * len(rows)
    if KINDS[kind].geometry:
        shapes = layout.decode([row["geom"] for row in rows])
    return [
        Record(
            kind,
            row["id"],
            values_of(kind, row),
            shape if shape is not None or not KINDS[kind].geometry else _cell(row),
            row["uuid"],
            row["version"],
            row["recorded_at"],
            row["who"],
        )
        for row, shape in zip(rows, shapes, strict=True)
    ]


def _cell(row: Any) -> BaseGeometry | None:
    """The cells that a record lies in, where its place itself is not given."""
    if row["cell_w"] is None:
        return None
    return shapely.box(
        row["cell_w"] / CELLS_PER_DEG,
        row["cell_s"] / CELLS_PER_DEG,
        (row["cell_e"] + 1) / CELLS_PER_DEG,
        (row["cell_n"] + 1) / CELLS_PER_DEG,
    )


def changed_ids(connection: sa.Connection, kind: str, since: int, most: int) -> list[str]:
    """Ids of a kind that a change after the one numbered `since` touched, at most so many."""
    later = sa.select(sa.func.min(CHANGES.c.first_seq)).where(CHANGES.c.change > since).scalar_subquery()
    query = sa.select(HISTORY.c.id).where(HISTORY.c.seq >= later, HISTORY.c.kind == kind).distinct()
    return list(connection.execute(query.limit(most)).scalars())


def sides(
    connection: sa.Connection, kind: str, viewer: Viewer, ids: Sequence[str] | None = None
) -> tuple[BBox | None, tuple[str, ...]]:
    """The bounds of all places of a kind (or of some records), to their cells, and the stamps that they bear."""
    table = KIND_TABLES[kind]
    which = [table.c.sensitivity.in_(viewer.precise + viewer.coarse)]
    if ids is not None:
        which.append(table.c.id.in_(ids))
    query = sa.select(
        sa.func.min(table.c.cell_w),
        sa.func.min(table.c.cell_s),
        sa.func.max(table.c.cell_e),
        sa.func.max(table.c.cell_n),
    ).where(*which)
    w, s, e, n = connection.execute(query).one()
    stamps = connection.execute(sa.select(table.c.stamp).where(*which, table.c.stamp.is_not(None)).distinct())
    found = tuple(str(one) for one in stamps.scalars())
    if w is None:
        return None, found
    return (w / CELLS_PER_DEG, s / CELLS_PER_DEG, (e + 1) / CELLS_PER_DEG, (n + 1) / CELLS_PER_DEG), found


def drawn(
    connection: sa.Connection,
    layout: Layout,
    kind: str,
    viewer: Viewer,
    columns: Sequence[str],
    ids: Sequence[str] | None = None,
) -> tuple[list[str], list[Any], dict[str, list[Any]]]:
    """Give ids, shapes and a few columns of all records that a viewer may see precisely, or of some: for maps."""
    _check_names(kind, viewer, columns)
    table = KIND_TABLES[kind]
    query = sa.select(table.c.id, *(table.c[name] for name in columns), table.c.geom).where(
        table.c.sensitivity.in_(viewer.precise), table.c.geom.is_not(None)
    )
    rows: list[Any] = []
    if ids is None:
        rows = list(connection.execute(query).all())
    for some in _some(ids or ()):
        rows += connection.execute(query.where(table.c.id.in_(some))).all()
    shapes = layout.decode([row[-1] for row in rows])
    named = {name: [row[i + 1] for row in rows] for i, name in enumerate(columns)}
    return [row[0] for row in rows], list(shapes), named


def _some(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    for i in range(0, len(ids), PAGE):
        yield ids[i : i + PAGE]


# --- as of -------------------------------------------------------------------------------------------------------------


def _as_of(kind: str, viewer: Viewer, at: str) -> sa.Select[Any]:
    """The last version of each record at a moment, of those that a viewer may see precisely then and now."""
    later = HISTORY.alias("later_then")
    overtaken = sa.exists().where(
        later.c.kind == HISTORY.c.kind,
        later.c.id == HISTORY.c.id,
        later.c.version > HISTORY.c.version,
        later.c.recorded_at <= at,
    )
    return sa.select(HISTORY).where(
        HISTORY.c.kind == kind,
        HISTORY.c.recorded_at <= at,
        HISTORY.c.action != WITHDRAWN,
        ~overtaken,
        _allowed(HISTORY, viewer),
    )


def _page_as_of(
    connection: sa.Connection,
    kind: str,
    viewer: Viewer,
    at: str,
    after: str,
    limit: int,
    bbox: BBox | None,
    where: Mapping[str, object],
    ask: Ask | None,
) -> list[Record]:
    """Pages of history until enough records fit; a box and columns are compared here, as history has no index of them."""
    found: list[Record] = []
    while True:
        query = _as_of(kind, viewer, at).where(HISTORY.c.id > after).order_by(HISTORY.c.id).limit(limit)
        rows = connection.execute(query).all()
        for row in rows:
            record = _from_history(row)
            if _fits(record, bbox, where) and (ask is None or fits(ask, record)):
                found.append(record)
        if len(rows) < limit or len(found) >= limit:
            return found[:limit]
        after = rows[-1].id


def _fits(record: Record, bbox: BBox | None, where: Mapping[str, object]) -> bool:
    if any(record.values.get(name) != value for name, value in where.items()):
        return False
    if bbox is None:
        return True
    if record.shape is None:
        return False
    w, s, e, n = record.shape.bounds
    return bool(w <= bbox[2] and e >= bbox[0] and s <= bbox[3] and n >= bbox[1])


def _from_history(row: Any, who: str = "") -> Record:
    plain = Record(row.kind, row.id, uuid=row.uuid, version=row.version, recorded_at=row.recorded_at, who=who)
    return from_body(row.kind, row.id, row.body, like=plain)
