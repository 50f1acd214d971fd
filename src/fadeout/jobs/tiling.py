"""Tiles of the records, kept until a record of their kind changes.

Reads   a store, a `Viewer`
Gives   `Tiles.tile`: bytes, and a mark that changes when they may; `Tiles.seen_by`: what all tiles together show
Knows   which columns a map shows, and that a tile of one viewer is never given to another who may see less
Start   at `Tiles`

At most `tiles.MOST` features stand in a tile. Points beyond are put together by the cell of a grid that they share with
equals, with their number; areas smaller than a pixel become a pixel, one for each pixel and kind of area, and never
vanish. Who sees coarsely, and days gone by, are read from the store page by page.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Any

import numpy as np
import shapely
import sqlalchemy as sa
from numpy.typing import NDArray

from fadeout.exchange import tiles
from fadeout.jobs.outlines import Outlines, Rows, outlines_of
from fadeout.records import reading
from fadeout.records.access import Viewer
from fadeout.records.catalogue import KINDS
from fadeout.records.layout import BBox
from fadeout.records.schema import CHANGES, HISTORY
from fadeout.records.store import Store

SHOWN: dict[str, tuple[str, ...]] = {  # the kinds on a map, and what of them a style asks for beside the id
    "searched": ("outcome", "searched_on"),
    "box": ("state",),
    "hazardous_area": ("state", "class"),
    "release": ("action",),
    "task": ("kind", "state"),
    "strike": ("munition",),
    "evidence": ("kind", "state"),
    "accident": (),
    "public_report": ("state",),
}
MOST_BYTES = 128 * 2**20  # of tiles kept

LABELLED = ("hazardous_area", "task")  # have a point for their name, once on the whole map
FEW = 500  # changed records that are looked at one by one

Place = tuple[int, int, int]  # z, x, y
Sides = tuple[BBox | None, tuple[str, ...]]  # bounds, stamps


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
        self.sides: dict[tuple[object, ...], tuple[int, Sides]] = {}
        self.first_at = ""
        self.outlines: dict[tuple[object, ...], Outlines] = {}
        self.building = {kind: Lock() for kind in SHOWN}

    def mark(self, kind: str) -> str:
        """Changes when a record of the kind does, or the server starts anew."""
        with self.store.connected() as connection:
            self._look(connection)
        return str(self.version.get(kind, 0))

    def _look(self, connection: sa.Connection) -> None:
        """Note which kinds changed since the last look."""
        last = connection.execute(sa.select(sa.func.max(CHANGES.c.change))).scalar() or 0
        with self.lock:
            seen = self.seen
        if last == seen:
            return
        first = sa.select(CHANGES.c.first_seq).where(CHANGES.c.change == seen + 1).scalar_subquery()
        query = sa.select(HISTORY.c.kind).where(HISTORY.c.seq >= first).distinct()
        changed = list(connection.execute(query).scalars()) if seen else list(KINDS)
        with self.lock:
            self.version.update(dict.fromkeys(changed, last))
            self.seen = max(self.seen, last)

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
        made = self._make(kind, (z, x, y), viewer, as_of)
        with self.lock:
            if key not in self.kept:
                self.kept[key] = made
                self.bytes += len(made)
            while self.bytes > MOST_BYTES:
                self.bytes -= len(self.kept.popitem(last=False)[1])
        return made, mark

    def seen_by(self, viewer: Viewer) -> Seen:
        """What all tiles together show a viewer; of each kind looked up only after it changed."""
        with self.store.connected() as connection:
            self._look(connection)
            found = [self._sides(connection, kind, viewer) for kind in SHOWN]
            if not self.first_at:
                first = sa.select(CHANGES.c.at).order_by(CHANGES.c.change).limit(1)
                self.first_at = connection.execute(first).scalar() or ""
        sides = [one for one, _ in found if one is not None]
        extent = None
        if sides:
            west, south, east, north = zip(*sides, strict=True)
            extent = min(west), min(south), max(east), max(north)
        stamps = tuple(sorted({stamp for _, some in found for stamp in some}))
        return Seen(extent, stamps, self.first_at)

    def warm(self, viewer: Viewer) -> None:
        """Look at every kind before somebody asks."""
        for kind in SHOWN:
            self._outlines(kind, viewer)
        self.seen_by(viewer)

    def sides_of(self, kind: str, viewer: Viewer) -> Sides:
        """Bounds and stamps of any one kind, looked up as `seen_by` does."""
        with self.store.connected() as connection:
            self._look(connection)
            return self._sides(connection, kind, viewer)

    def _sides(self, connection: sa.Connection, kind: str, viewer: Viewer) -> Sides:
        """Bounds and stamps of a kind; after a change only what it touched is looked at, so they grow alone."""
        key, mark = (kind, viewer.precise, viewer.coarse), self.version.get(kind, 0)
        kept = self.sides.get(key)
        if kept is None or kept[0] != mark:
            ids = reading.changed_ids(connection, kind, kept[0], FEW + 1) if kept else []
            if kept is None or len(ids) > FEW:
                kept = (mark, reading.sides(connection, kind, viewer))
            else:
                kept = (mark, _together(kept[1], reading.sides(connection, kind, viewer, ids)))
            self.sides[key] = kept
        return kept[1]

    def _make(self, kind: str, place: Place, viewer: Viewer, as_of: str | None) -> bytes:
        if viewer.coarse or as_of is not None:
            outlines = self._read(kind, place, viewer, as_of)
        else:
            outlines = self._outlines(kind, viewer)
        return _drawn(kind, place, outlines, lambda rows: self._shapes(kind, outlines, rows, viewer))

    def _outlines(self, kind: str, viewer: Viewer) -> Outlines:
        """The outlines of all records of a kind, brought up to the last change."""
        key = (kind, viewer.precise)
        with self.building[kind]:
            mark = self.mark(kind)
            kept = self.outlines.get(key)
            if kept is None or kept.mark != mark:
                with self.store.connected() as connection:
                    kept = outlines_of(connection, self.store.layout, kind, viewer, SHOWN[kind], kept, mark)
                self.outlines[key] = kept
        return kept

    def _read(self, kind: str, place: Place, viewer: Viewer, as_of: str | None) -> Outlines:
        """The same of one tile alone, as it stood on a day or as it is seen coarsely."""
        bbox = tiles.bounds(*place, tiles.BUFFER / tiles.EXTENT)
        with self.store.connected() as connection:
            found = reading.page(
                connection, self.store.layout, kind, viewer, as_of=as_of, bbox=bbox, limit=1_000_000
            )
        placed = [one for one in found if one.shape is not None]
        columns = {name: [one.values.get(name) for one in placed] for name in SHOWN[kind]}
        shapes = [one.shape for one in placed]
        return Outlines.made([one.id for one in placed], shapes, columns, "", keep_shapes=True)

    def _shapes(self, kind: str, outlines: Outlines, rows: Rows, viewer: Viewer) -> dict[int, Any]:
        if outlines.shapes is not None:
            return {int(row): outlines.shapes[row] for row in rows}
        ids = {str(outlines.ids[row]): int(row) for row in rows}
        with self.store.connected() as connection:
            found, shapes, _ = reading.drawn(connection, self.store.layout, kind, viewer, (), list(ids))
        return {ids[id]: shape for id, shape in zip(found, shapes, strict=True)}


def _together(one: Sides, other: Sides) -> Sides:
    (a, some), (b, more) = one, other
    box = b if a is None else a
    if a is not None and b is not None:
        box = min(a[0], b[0]), min(a[1], b[1]), max(a[2], b[2]), max(a[3], b[3])
    return box, tuple(sorted({*some, *more}))


def _drawn(kind: str, place: Place, outlines: Outlines, shapes_of: Any) -> bytes:
    """Write what of the outlines falls into a tile."""
    z, x, y = place
    rows = outlines.within(place)
    writer = tiles.Writer(kind)
    if not len(rows):
        return b""
    corners = (outlines.mercator[rows] * 2.0**z - (x, y, x, y)) * tiles.EXTENT
    is_point = outlines.is_point[rows]
    for xy, told in _points(outlines, rows[is_point], corners[is_point][:, :2]):
        writer.point(int(xy[0]), int(xy[1]), told)
    areas, sides = rows[~is_point], corners[~is_point]
    small = (sides[:, 2:] - sides[:, :2]).max(axis=1, initial=0) < tiles.PIXEL if len(areas) else is_point[:0]
    large = areas[~small][: tiles.MOST - len(writer)]
    _write_shapes(writer, place, outlines, large, shapes_of(large) if len(large) else {})
    for xy, told in _pixels(outlines, areas[small], sides[small][:, :2], tiles.MOST - len(writer)):
        writer.square(int(xy[0]), int(xy[1]), tiles.PIXEL, told)
    return writer.bytes()


def _points(
    outlines: Outlines, rows: Rows, xy: NDArray[np.float64]
) -> Iterator[tuple[Sequence[int], dict[str, str | int]]]:
    whole = np.round(xy).astype(np.int64)
    if len(rows) <= tiles.MOST:
        for row, at in zip(rows.tolist(), whole.tolist(), strict=True):
            yield at, outlines.told(row)
        return
    cells = np.floor(xy * tiles.CELLS / tiles.EXTENT).astype(np.int64)
    keys: Rows = np.vstack([cells.T, outlines.codes[:, rows]])
    _, first, group, count = np.unique(
        keys, axis=1, return_index=True, return_inverse=True, return_counts=True
    )
    middle = np.column_stack([np.bincount(group.ravel(), whole[:, i]) for i in (0, 1)]) / count[:, None]
    most = np.argsort(-count, kind="stable")[: tiles.MOST]
    for n in most.tolist():
        row, number = int(rows[first[n]]), int(count[n])
        told = outlines.told(row)
        if number > 1:
            del told["id"]
            told["number"] = number
        yield np.round(middle[n]).astype(np.int64).tolist(), told


def _pixels(
    outlines: Outlines, rows: Rows, xy: NDArray[np.float64], most: int
) -> Iterator[tuple[Sequence[int], dict[str, str | int]]]:
    """Areas smaller than a pixel, one for each pixel and kind of area."""
    if not len(rows):
        return
    pixel = np.floor(xy / tiles.PIXEL).astype(np.int64)
    keys: Rows = np.vstack([pixel.T, outlines.codes[:, rows]])
    _, first, count = np.unique(keys, axis=1, return_index=True, return_counts=True)
    for n, number in zip(first.tolist()[:most], count.tolist(), strict=False):
        told = outlines.told(int(rows[n]))
        if number > 1:
            del told["id"]
            told["number"] = number
        yield (pixel[n] * tiles.PIXEL).tolist(), told


def _write_shapes(
    writer: tiles.Writer, place: Place, outlines: Outlines, rows: Rows, found: dict[int, Any]
) -> None:
    kept = [row for row in rows.tolist() if row in found]
    if not kept:
        return
    shapes = np.array([found[row] for row in kept], dtype=object)
    drawn = shapely.simplify(tiles.local(shapes, *place), tiles.PIXEL / 8, preserve_topology=False)
    low, high = -tiles.BUFFER, tiles.EXTENT + tiles.BUFFER
    bounds = shapely.bounds(drawn)
    out = ~((bounds[:, :2] >= low) & (bounds[:, 2:] <= high)).all(axis=1)
    drawn[out] = shapely.intersection(shapely.make_valid(drawn[out]), shapely.box(low, low, high, high))
    for row, shape in zip(kept, drawn, strict=True):
        if shape is not None and not shape.is_empty:
            writer.shape(shape, outlines.told(row))
    if writer.layer.name in LABELLED:
        middles = tiles.local(shapely.point_on_surface(shapes), *place)
        for row, (x, y) in zip(kept, shapely.get_coordinates(middles).tolist(), strict=True):
            if 0 <= x < tiles.EXTENT and 0 <= y < tiles.EXTENT:  # of all tiles that show a part, in one
                writer.point(round(x), round(y), {**outlines.told(row), "label": 1})
