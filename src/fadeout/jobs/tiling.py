"""Tiles of the records, kept until a record of their kind changes.

Reads   a store, a `Viewer`
Gives   `Tiles.tile`: bytes, and a mark that changes when they may
Knows   which columns a map shows, and that a tile of one viewer is never given to another who may see less
Start   at `Tiles`
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from threading import Lock

import sqlalchemy as sa

from fadeout.exchange import tiles
from fadeout.records import postgis_tiles, reading
from fadeout.records.access import Viewer
from fadeout.records.catalogue import KINDS
from fadeout.records.layout import BBox
from fadeout.records.schema import CHANGES, HISTORY
from fadeout.records.store import Store

SHOWN: dict[str, tuple[str, ...]] = {  # the kinds on a map, and what of them a style asks for
    "searched": ("id", "outcome", "searched_on"),
    "box": ("id", "state"),
    "hazardous_area": ("id", "state", "class"),
    "release": ("id", "action"),
    "task": ("id", "kind", "state"),
    "strike": ("id", "munition"),
    "evidence": ("id", "kind", "state"),
    "accident": ("id",),
    "public_report": ("id", "state"),
}
MOST_BYTES = 128 * 2**20  # of tiles kept


@dataclass(frozen=True)
class Seen:
    """What a map shows altogether: its bounds to a hundredth of a degree, stamps, the moment of the first change."""

    extent: BBox | None
    stamps: tuple[str, ...]
    first_at: str


class Tiles:
    """Tiles of one store."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.lock = Lock()
        self.kept: OrderedDict[tuple[object, ...], bytes] = OrderedDict()
        self.bytes = 0
        self.seen = 0  # the last change that was looked at
        self.version: dict[str, int] = {}  # by kind, its last change since
        self.sides: dict[tuple[object, ...], tuple[BBox | None, tuple[str, ...]]] = {}

    def mark(self, kind: str) -> str:
        """Changes when a record of the kind does, or the server starts anew."""
        with self.store.connected() as connection:
            last = connection.execute(sa.select(sa.func.max(CHANGES.c.change))).scalar() or 0
            with self.lock:
                seen = self.seen
            if last != seen:
                first = sa.select(CHANGES.c.first_seq).where(CHANGES.c.change == seen + 1).scalar_subquery()
                query = sa.select(HISTORY.c.kind).where(HISTORY.c.seq >= first).distinct()
                changed = list(connection.execute(query).scalars()) if seen else list(KINDS)
                with self.lock:
                    self.version.update(dict.fromkeys(changed, last))
                    self.seen = max(self.seen, last)
        return str(self.version.get(kind, 0))

    def tile(
        self, kind: str, z: int, x: int, y: int, viewer: Viewer, as_of: str | None = None
    ) -> tuple[bytes, str]:
        """A tile of a kind as far as a viewer may see it, with its mark."""
        mark = self.mark(kind)
        key = (kind, z, x, y, viewer.precise, viewer.coarse, as_of, mark)
        with self.lock:
            if key in self.kept:
                self.kept.move_to_end(key)
                return self.kept[key], mark
        made = self._make(kind, z, x, y, viewer, as_of)
        with self.lock:
            if key not in self.kept:
                self.kept[key] = made
                self.bytes += len(made)
            while self.bytes > MOST_BYTES:
                self.bytes -= len(self.kept.popitem(last=False)[1])
        return made, mark

    def seen_by(self, viewer: Viewer) -> Seen:
        """What all tiles together show a viewer; of each kind looked up only after it changed."""
        found = [self._sides(kind, viewer) for kind in SHOWN]
        sides = [one for one, _ in found if one is not None]
        extent = None
        if sides:
            west, south, east, north = zip(*sides, strict=True)
            extent = min(west), min(south), max(east), max(north)
        stamps = tuple(sorted({stamp for _, some in found for stamp in some}))
        with self.store.connected() as connection:
            first = connection.execute(sa.select(CHANGES.c.at).order_by(CHANGES.c.change).limit(1)).scalar()
        return Seen(extent, stamps, first or "")

    def _sides(self, kind: str, viewer: Viewer) -> tuple[BBox | None, tuple[str, ...]]:
        key = (kind, self.mark(kind), viewer.precise, viewer.coarse)
        if key not in self.sides:
            with self.store.connected() as connection:
                self.sides[key] = reading.sides(connection, kind, viewer)
        return self.sides[key]

    def _make(self, kind: str, z: int, x: int, y: int, viewer: Viewer, as_of: str | None) -> bytes:
        bbox = tiles.bounds(z, x, y, tiles.BUFFER / tiles.EXTENT)
        names = SHOWN[kind]
        with self.store.connected() as connection:
            if self.store.engine.dialect.name == "postgresql" and as_of is None and not viewer.coarse:
                return postgis_tiles.tile(
                    connection,
                    kind,
                    (z, x, y),
                    bbox,
                    names,
                    viewer.precise,
                    most=tiles.MOST,
                    extent=tiles.EXTENT,
                    buffer=tiles.BUFFER,
                    cells=tiles.CELLS,
                )
            if as_of is None:
                shapes, properties = reading.drawn(connection, self.store.layout, kind, viewer, bbox, names)
            else:
                found = reading.page(
                    connection, self.store.layout, kind, viewer, as_of=as_of, bbox=bbox, limit=1_000_000
                )
                shapes = [one.shape for one in found]
                properties = {n: [one.id if n == "id" else one.values.get(n) for one in found] for n in names}
        plain = {n: [v if v is None else str(v) for v in values] for n, values in properties.items()}
        return tiles.encode(kind, z, x, y, shapes, plain)
