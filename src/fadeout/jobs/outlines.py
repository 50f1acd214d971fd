"""Where all records of a kind lie, in arrays, so that a map of a hundred thousand of them is drawn at once.

Reads   a connection to a store
Gives   `Outlines`: bounds in Web Mercator, ids, a few columns as codes; brought up to date by what changed
Knows   nothing of tiles but where they lie
Start   at `outlines_of`
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import shapely
import sqlalchemy as sa
from numpy.typing import NDArray

from fadeout.exchange import tiles
from fadeout.records import reading
from fadeout.records.access import Viewer
from fadeout.records.layout import Layout

FEW = 5_000  # changed records that are put in one by one; beyond, all are read anew

Rows = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Outlines:
    """The records of a kind, n of them, as they stood at `mark`.

    `mercator` is (n, 4): west, north, east, south as shares of the world's square; `codes` is (columns, n), each the
    place of a value in `values` of its column, -1 where it is empty.
    """

    mark: str
    ids: NDArray[np.object_]
    mercator: NDArray[np.float64]
    is_point: NDArray[np.bool_]
    codes: NDArray[np.int32]
    values: Mapping[str, list[str]]
    alive: NDArray[np.bool_]
    shapes: NDArray[np.object_] | None = None
    places: dict[str, int] = field(default_factory=dict, repr=False)  # row by id

    @staticmethod
    def made(
        ids: Sequence[str],
        shapes: Sequence[Any],
        columns: Mapping[str, Sequence[Any]],
        mark: str,
        *,
        keep_shapes: bool = False,
    ) -> Outlines:
        """Outlines of shapes in longitude and latitude with their columns, each n values."""
        values: dict[str, list[str]] = {name: [] for name in columns}
        drawn = np.array([*shapes, None], dtype=object)[:-1]
        mercator, is_point = _outlined(drawn)
        codes = _coded(columns, values, len(ids))
        names = np.array([*ids, None], dtype=object)[:-1]
        alive = np.ones(len(ids), dtype=bool)
        places = {id: n for n, id in enumerate(ids)}
        kept = drawn if keep_shapes else None
        return Outlines(mark, names, mercator, is_point, codes, values, alive, kept, places)

    def within(self, place: tuple[int, int, int]) -> Rows:
        """The rows that touch a tile or its buffer."""
        z, x, y = place
        side, buffer = 2.0**-z, tiles.BUFFER / tiles.EXTENT
        west, east = (x - buffer) * side, (x + 1 + buffer) * side
        north, south = (y - buffer) * side, (y + 1 + buffer) * side
        m = self.mercator
        inside = (m[:, 0] <= east) & (m[:, 2] >= west) & (m[:, 1] <= south) & (m[:, 3] >= north)
        return np.flatnonzero(inside & self.alive)

    def told(self, row: int) -> dict[str, str | int]:
        """What a feature says of a row."""
        told: dict[str, str | int] = {"id": str(self.ids[row])}
        for n, (name, values) in enumerate(self.values.items()):
            code = int(self.codes[n, row])
            if code >= 0:
                told[name] = values[code]
        return told

    def changed(self, gone: Sequence[str], new: Outlines, mark: str) -> Outlines:
        """The same without some ids, and with other outlines behind."""
        alive = self.alive.copy()
        places = self.places
        for id in gone:
            row = places.pop(id, None)
            if row is not None:
                alive[row] = False
        first = len(self.ids)
        places.update({id: first + row for id, row in new.places.items()})
        values = {name: [*some] for name, some in self.values.items()}
        codes = _recoded(new, values)
        return Outlines(
            mark,
            np.concatenate([self.ids, new.ids]),
            np.concatenate([self.mercator, new.mercator]),
            np.concatenate([self.is_point, new.is_point]),
            np.concatenate([self.codes, codes], axis=1),
            values,
            np.concatenate([alive, new.alive]),
            None,
            places,
        )


def outlines_of(
    connection: sa.Connection,
    layout: Layout,
    kind: str,
    viewer: Viewer,
    columns: Sequence[str],
    before: Outlines | None,
    mark: str,
) -> Outlines:
    """Read all outlines of a kind, or put into those of before what changed since.

    Parameters
    ----------
    connection, layout
        Of the store.
    kind, columns
        Whose records, and which of their columns go along.
    viewer : Viewer
        Who sees precisely what is read.
    before : Outlines or None
        As they stood at their mark, the number of a change.
    mark : str
        The last change.
    """
    if before is not None:
        ids = reading.changed_ids(connection, kind, int(before.mark), FEW + 1)
        dead = int((~before.alive).sum())
        if len(ids) <= FEW and dead <= max(FEW, len(before.ids) // 4):
            found, shapes, named = reading.drawn(connection, layout, kind, viewer, columns, ids)
            return before.changed(ids, Outlines.made(found, shapes, named, mark), mark)
    found, shapes, named = reading.drawn(connection, layout, kind, viewer, columns)
    return Outlines.made(found, shapes, named, mark)


def _outlined(shapes: NDArray[np.object_]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    if not len(shapes):
        return np.empty((0, 4)), np.empty(0, dtype=bool)
    bounds = shapely.bounds(shapes)
    northwest = tiles.mercator(bounds[:, [0, 3]])
    southeast = tiles.mercator(bounds[:, [2, 1]])
    return np.hstack([northwest, southeast]), shapely.get_type_id(shapes) == 0


def _coded(columns: Mapping[str, Sequence[Any]], values: dict[str, list[str]], n: int) -> NDArray[np.int32]:
    codes = np.full((len(columns), n), -1, dtype=np.int32)
    for i, (name, said) in enumerate(columns.items()):
        known = {value: code for code, value in enumerate(values[name])}
        codes[i] = [-1 if one is None else known.setdefault(str(one), len(known)) for one in said]
        values[name] = list(known)
    return codes


def _recoded(new: Outlines, values: dict[str, list[str]]) -> NDArray[np.int32]:
    said = {
        name: [None if code < 0 else some[code] for code in new.codes[i].tolist()]
        for i, (name, some) in enumerate(new.values.items())
    }
    return _coded(said, values, len(new.ids))
