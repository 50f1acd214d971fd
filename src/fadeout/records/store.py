"""The store: the memory of a programme, on one file that map programs open, or on PostgreSQL with PostGIS.

Reads   a path or an address
Gives   `Store`: change, page, get, as_of, history, undo, verify
Knows   how a store is made, opened and kept current; what stands in it is `catalogue`, how it is read `reading`
Start   at `open_store`

Nothing is overwritten: every change is a version with who, when and why (`changing`), in a history chained by hashes
(`audit`). Writers take turns; readers are not held up by them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from fadeout.errors import InputRefused, Problem
from fadeout.records import audit, reading
from fadeout.records.access import Viewer
from fadeout.records.access_log import Line, note
from fadeout.records.asking import Ask
from fadeout.records.catalogue import KINDS, RESTRICTED
from fadeout.records.changing import NEW, RESTORED, WITHDRAWN, Change, Put, from_body, values_of
from fadeout.records.connecting import engine_of, file_of, refuse, shown, told
from fadeout.records.layout import BBox, Layout, layout_of
from fadeout.records.migrating import HEAD, revision_of, upgrade
from fadeout.records.record import Record, body, plain
from fadeout.records.schema import CHANGES, HISTORY, KIND_TABLES, REMEMBERED

EVERY = "*"  # in the access log: all records of a kind

Clock = Callable[[], datetime]


@dataclass(frozen=True)
class Store:
    """An open store. Every reading takes the `Viewer` for whom it is done."""

    engine: sa.Engine
    layout: Layout
    address: str
    clock: Clock

    @property
    def file(self) -> Path | None:
        """The file that the store is, None on a server."""
        return file_of(self.engine)

    # ---- change ------------------------------------------------------------------------------------------------------

    @contextmanager
    def change(
        self,
        *,
        who: str,
        why: str,
        context: Mapping[str, Any] | None = None,
        keep: bool = True,
        undoes: int | None = None,
    ) -> Iterator[Change]:
        """Open a change: all that is put through it is stored when the block ends, nothing of it if it raises.

        With `keep=False` nothing is stored in any case: a rehearsal. A change that changed nothing leaves no trace.
        """
        if not who.strip() or not why.strip():
            message = "a change says who makes it and why"
            raise InputRefused([Problem("store.no-reason", message, "give --who and --why")])
        with self.engine.connect() as connection, told(self.address):
            transaction = connection.begin()
            try:
                self.layout.lock(connection)
                change = self._open(connection, who.strip(), why.strip(), dict(context or {}), undoes)
                yield change
                if keep and change.rows:
                    change.close()
                    self.layout.unlock(connection)
                    transaction.commit()
                else:
                    transaction.rollback()
            except BaseException:
                transaction.rollback()
                raise

    def _open(
        self, connection: sa.Connection, who: str, why: str, context: dict[str, Any], undoes: int | None
    ) -> Change:
        last = connection.execute(sa.select(CHANGES).order_by(CHANGES.c.change.desc()).limit(1)).first()
        now = self.clock().astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"
        number, head, first, at = 1, audit.START, 1, now
        if last is not None:
            number, head, first = last.change + 1, bytes(last.hash), last.first_seq + last.rows
            at = max(now, _just_after(last.at))  # history stays in order whatever the clock says
        return Change(connection, self.layout, number, at, who, why, context, head, first, undoes)

    @contextmanager
    def connected(self) -> Iterator[sa.Connection]:
        """A connection to read with; what the database cannot do is told in words."""
        with self.engine.connect() as connection, told(self.address):
            yield connection

    def undo(self, number: int, *, who: str, why: str = "") -> Put:
        """Take back one change by a new one: its records stand again as before it.

        Raises
        ------
        InputRefused
            If there is no such change, or one of its records was changed again since; then that change comes first.
        """
        with self.change(who=who, why=why or f"undo change {number}", undoes=number) as change:
            rows = change.connection.execute(
                sa.select(HISTORY).where(HISTORY.c.change == number).order_by(HISTORY.c.seq)
            ).all()
            if not rows:
                message = f"there is no change {number}"
                raise InputRefused([Problem("store.no-change", message, "see: fadeout records changes")])
            self._refuse_overtaken(change, number)
            for kind in dict.fromkeys(row.kind for row in rows):
                self._undo_kind(change, kind, [row for row in rows if row.kind == kind])
            return change.done

    def _refuse_overtaken(self, change: Change, number: int) -> None:
        later = HISTORY.alias("later")
        query = (
            sa.select(HISTORY.c.kind, HISTORY.c.id, later.c.change)
            .join(
                later,
                sa.and_(
                    later.c.kind == HISTORY.c.kind,
                    later.c.id == HISTORY.c.id,
                    later.c.version > HISTORY.c.version,
                ),
            )
            .where(HISTORY.c.change == number)
            .order_by(later.c.change.desc())
        )
        found = change.connection.execute(query).first()
        if found is not None:
            message = f"{found.kind} {found.id} was changed again by change {found.change}"
            raise InputRefused([Problem("store.overtaken", message, f"undo change {found.change} first")])

    def _undo_kind(self, change: Change, kind: str, rows: Sequence[Any]) -> None:
        fresh = [row.id for row in rows if row.action in (NEW, RESTORED)]
        if fresh:
            change.withdraw(kind, fresh)
        for some in _parts([row for row in rows if row.action not in (NEW, RESTORED)]):
            wanted = sa.tuple_(HISTORY.c.id, HISTORY.c.version).in_(
                [(row.id, row.version - 1) for row in some]
            )
            before = change.connection.execute(sa.select(HISTORY).where(HISTORY.c.kind == kind, wanted)).all()
            change.put([from_body(kind, row.id, row.body) for row in before if row.action != WITHDRAWN])

    def _noted(self, kind: str, viewer: Viewer, id: str = EVERY) -> None:
        """Write into the access log that somebody reads records of persons, before any is read; a purpose is needed."""
        about = KINDS.get(kind)
        if about is None or about.sensitivity != RESTRICTED or RESTRICTED not in viewer.precise:
            return
        if not viewer.name.strip() or not viewer.purpose.strip():
            message = f"whoever reads {kind} records says who they are and what for"
            raise InputRefused([Problem("persons.no-purpose", message, "give --who and --purpose")])
        at = str(plain(self.clock()))
        line = Line(at, viewer.name.strip(), viewer.role, kind, id, "sealed", viewer.purpose.strip())
        with self.connected() as connection:
            note(connection, [line])

    # ---- read --------------------------------------------------------------------------------------------------------

    def page(
        self,
        kind: str,
        viewer: Viewer,
        *,
        after: str = "",
        limit: int = reading.PAGE,
        as_of: str | None = None,
        bbox: BBox | None = None,
        where: Mapping[str, object] | None = None,
        ask: Ask | None = None,
    ) -> list[Record]:
        """Give the first `limit` records of a kind behind the id `after`; see `reading.page`."""
        self._noted(kind, viewer)
        with self.connected() as connection:
            return reading.page(
                connection,
                self.layout,
                kind,
                viewer,
                after=after,
                limit=limit,
                as_of=as_of,
                bbox=bbox,
                where=where,
                ask=ask,
            )

    def sorted_page(self, kind: str, viewer: Viewer, order: reading.Order, **asked: Any) -> list[Record]:
        """Give one page of a sorted table; see `reading.sorted_page`."""
        self._noted(kind, viewer)
        with self.connected() as connection:
            return reading.sorted_page(connection, self.layout, kind, viewer, order, **asked)

    def all(
        self,
        kind: str,
        viewer: Viewer,
        *,
        as_of: str | None = None,
        bbox: BBox | None = None,
        where: Mapping[str, object] | None = None,
        ask: Ask | None = None,
    ) -> Iterator[Record]:
        """Give all records of a kind, page by page, as they stood when the first page was read."""
        self._noted(kind, viewer)
        with self.connected() as connection:
            yield from reading.all_of(
                connection, self.layout, kind, viewer, as_of=as_of, bbox=bbox, where=where, ask=ask
            )

    def get(self, kind: str, id: str, viewer: Viewer, as_of: str | None = None) -> Record | None:
        """Give one record, None if there is none that the viewer may see."""
        self._noted(kind, viewer, id)
        with self.connected() as connection:
            return reading.get(connection, self.layout, kind, id, viewer, as_of)

    def ids(self, kind: str) -> list[str]:
        """The ids of a kind, whoever asks: for checks of the program's own."""
        table = KIND_TABLES[kind]
        with self.connected() as connection:
            return list(connection.execute(sa.select(table.c.id).order_by(table.c.id)).scalars())

    def count(self, kind: str, viewer: Viewer, ask: Ask | None = None, bbox: BBox | None = None) -> int:
        """How many records of a kind the viewer may see, of those that are asked for."""
        with self.connected() as connection:
            return reading.count(connection, self.layout, kind, viewer, ask, bbox)

    def history(self, id: str, viewer: Viewer, kind: str | None = None) -> list[reading.Version]:
        """Give every version of the records of an id; of persons only where their kind is named."""
        if kind is None:
            kinds = [k for k in KINDS if KINDS[k].sensitivity != RESTRICTED]
            with self.connected() as connection:
                return [one for k in kinds for one in reading.history(connection, id, viewer, k)]
        self._noted(kind, viewer, id)
        with self.connected() as connection:
            return reading.history(connection, id, viewer, kind)

    def versions(self, kind: str, viewer: Viewer) -> Iterator[reading.Version]:
        """Give every version of every record of a kind, record by record, the oldest first."""
        self._noted(kind, viewer)
        with self.connected() as connection:
            yield from reading.versions(connection, kind, viewer)

    def changes(self, limit: int = 50) -> list[dict[str, Any]]:
        """Give the last changes, the newest first: who, when, why, how many versions."""
        names = ("change", "at", "who", "why", "rows", "undoes", "context")
        query = sa.select(*(CHANGES.c[n] for n in names)).order_by(CHANGES.c.change.desc()).limit(limit)
        with self.connected() as connection:
            found = [dict(row) for row in connection.execute(query).mappings()]
        return [{**row, "context": json.loads(row["context"])} for row in found]

    def changed_since(self, kind: str, id: str, ids: Sequence[str]) -> list[tuple[str, str, str]]:
        """Of records that one stands on, those changed, withdrawn or never recorded: (kind, id, what happened)."""
        newest = sa.select(sa.func.max(HISTORY.c.change)).where(HISTORY.c.kind == kind, HISTORY.c.id == id)
        query = (
            sa.select(HISTORY.c.kind, HISTORY.c.id, HISTORY.c.action)
            .where(HISTORY.c.id.in_(list(ids)), HISTORY.c.change > newest.scalar_subquery())
            .order_by(HISTORY.c.seq)
        )
        with self.connected() as connection:
            found = {(row.kind, row.id): row.action for row in connection.execute(query)}
            known = sa.select(HISTORY.c.id).where(HISTORY.c.id.in_(list(ids))).distinct()
            unknown = sorted(set(ids) - set(connection.execute(known).scalars()))
        told = [(kind, one, f"{action} since") for (kind, one), action in found.items()]
        return told + [("record", one, "never recorded") for one in unknown]

    # ---- remembered choices ------------------------------------------------------------------------------------------

    def remember(self, topic: str, name: str, value: str, who: str) -> None:
        """Keep a choice for next time, such as the column map of a source."""
        row = {"value": value, "at": self.clock().isoformat(timespec="seconds"), "who": who}
        with self.engine.begin() as connection, told(self.address):
            where = sa.and_(REMEMBERED.c.topic == topic, REMEMBERED.c.name == name)
            connection.execute(REMEMBERED.delete().where(where))
            connection.execute(REMEMBERED.insert().values(topic=topic, name=name, **row))

    def remembered(self, topic: str, name: str) -> str | None:
        """Give a choice that was kept, None if none was."""
        query = sa.select(REMEMBERED.c.value).where(REMEMBERED.c.topic == topic, REMEMBERED.c.name == name)
        with self.connected() as connection:
            return connection.execute(query).scalar()

    # ---- check -------------------------------------------------------------------------------------------------------

    def verify(self, say: audit.Progress = lambda words, done: None) -> audit.Verified:
        """Check the whole history, and that the present holds what it last says; name every row that does not fit."""
        with self.connected() as connection:
            found = audit.verify(connection, say)
            faults = [fault for kind in KINDS for fault in self._present_faults(connection, kind)]
        return audit.Verified(found.rows, found.changes, found.head, found.faults + tuple(faults))

    def holds(self, head: str) -> bool:
        """Whether history holds a hash that was noted earlier."""
        try:
            noted = bytes.fromhex(head.strip())
        except ValueError:
            return False
        query = sa.select(sa.func.count()).select_from(CHANGES).where(CHANGES.c.hash == noted)
        with self.connected() as connection:
            return bool(connection.execute(query).scalar_one())

    def _present_faults(self, connection: sa.Connection, kind: str) -> Iterator[audit.Fault]:
        """Rows of a kind's table that differ from the last version in history, are missing, or are too many."""
        import shapely

        table, after = KIND_TABLES[kind], ""
        while True:
            rows = (
                connection.execute(
                    sa.select(table).where(table.c.id > after).order_by(table.c.id).limit(5000)
                )
                .mappings()
                .all()
            )
            last = _last_versions(connection, kind, after, rows[-1]["id"] if len(rows) == 5000 else None)
            shapes: list[Any] = [None] * len(rows)
            if KINDS[kind].geometry:
                shapes = self.layout.decode([row["geom"] for row in rows])
            for row, shape in zip(rows, shapes, strict=True):
                text = body(values_of(kind, row), shapely.to_wkb(shape, hex=True, byte_order=1))
                version, said = last.pop(row["id"], (0, ""))
                if (row["version"], text) != (version, said):
                    words = "the present differs from its last version in history"
                    yield audit.Fault(kind, row["fid"], f"{kind} {row['id']}", words)
            for id in last:
                yield audit.Fault(kind, 0, f"{kind} {id}", "it is missing in the present, but not withdrawn")
            if len(rows) < 5000:
                return
            after = rows[-1]["id"]


def _last_versions(
    connection: sa.Connection, kind: str, after: str, upto: str | None
) -> dict[str, tuple[int, str]]:
    query = (
        sa.select(HISTORY.c.id, HISTORY.c.version, HISTORY.c.action, HISTORY.c.body)
        .where(HISTORY.c.kind == kind, HISTORY.c.id > after)
        .order_by(HISTORY.c.id, HISTORY.c.version)
    )
    if upto is not None:
        query = query.where(HISTORY.c.id <= upto)
    found: dict[str, tuple[int, str]] = {}
    for row in connection.execute(query):
        if row.action == WITHDRAWN:
            found.pop(row.id, None)
        else:
            found[row.id] = (row.version, row.body)
    return found


# ---- make and open --------------------------------------------------------------------------------------------------


def now() -> datetime:
    """The clock of a store that is given none."""
    return datetime.now(UTC)


def create_store(address: str | Path, clock: Clock = now) -> Store:
    """Make a new store in a file that does not exist yet, or in an empty database.

    Raises
    ------
    InputRefused
        If there is something already.
    """
    engine = engine_of(address)
    store = Store(engine, layout_of(engine.dialect.name), shown(engine), clock)
    with told(store.address):
        path = file_of(engine)
        if path is not None and path.exists():
            refuse("store.exists", f"{path.name} exists already", "open it with --store, or name another")
        if path is not None and not path.parent.is_dir():
            refuse("store.no-folder", f"there is no folder {path.parent.name}", "make it first")
        if path is None and revision_of(engine) is not None:
            refuse("store.exists", "the database holds a store already", "open it with --store")
        try:
            upgrade(engine)
        except BaseException:
            if path is not None:
                for left in (
                    path,
                    *(path.with_name(path.name + end) for end in ("-wal", "-shm", "-journal")),
                ):
                    left.unlink(missing_ok=True)
            raise
    return store


def open_store(address: str | Path, clock: Clock = now, *, pooled: bool = False) -> Store:
    """Open a store; one of an older version is brought up to date first. A server keeps its connections (`pooled`).

    Raises
    ------
    InputRefused
        If there is none, if it is something else, or of a newer version of fadeout.
    """
    engine = engine_of(address, pooled=pooled)
    path = file_of(engine)
    store = Store(engine, layout_of(engine.dialect.name), shown(engine), clock)
    if path is not None and not path.exists():
        refuse("store.missing", f"there is no store {path.name}", f"make it: fadeout store new {path.name}")
    with told(store.address):
        found = revision_of(engine)
        if found is None:
            refuse(
                "store.not-one",
                f"{store.address} is no store of fadeout",
                "make one: fadeout store new NAME.gpkg",
            )
        elif found > HEAD:
            message = f"{store.address} was written by a newer fadeout (store format {found}; this one knows {HEAD})"
            refuse("store.newer", message, "update fadeout; nothing in the store was changed")
        elif found < HEAD:
            upgrade(engine)
    return store


def _just_after(at: str) -> str:
    """The next microsecond: two changes never have one time."""
    from datetime import timedelta

    return (datetime.fromisoformat(at[:-1]) + timedelta(microseconds=1)).isoformat(
        timespec="microseconds"
    ) + "Z"


def _parts(rows: Sequence[Any]) -> Iterator[Sequence[Any]]:
    for i in range(0, len(rows), 5_000):
        yield rows[i : i + 5_000]
