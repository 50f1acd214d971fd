"""What goes out of fadeout: layers of records, the facts that every file must state, and cells as formats take them.

Reads   `Record`s, piece by piece, never all at once
Gives   `Outgoing`, one layer to write; `told`, the facts of a file; `column` and `shapes_of`, cells and places to write
Knows   the types of a catalogue's fields; nothing of any one format
Start   at `Outgoing`
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from fadeout.exchange.geopackage import printable
from fadeout.exchange.layers import right_handed
from fadeout.exchange.losses import Lost
from fadeout.records import places
from fadeout.records.catalogue import Kind, fields_of
from fadeout.records.record import Record, body

ROWS = 10_000  # records at once: what memory holds while a file is written
NEEDED = ("fadeout", "created_utc", "sensitivity")  # a file that does not say these is not written
POINTS, LINES = ("Point", "MultiPoint"), ("LineString", "MultiLineString", "LinearRing")
DEGREES = "degrees (longitude, latitude)"


@dataclass(frozen=True, eq=False)
class Outgoing:
    """One layer to write: its name, its columns as (name, type of the catalogue), its records.

    `rows` are read once, in order. `geometry` is that of a `Kind`: "" for a layer without places, "point" for places
    that stand in two columns of a table.
    """

    name: str
    fields: tuple[tuple[str, str], ...]
    rows: Iterable[Record]
    geometry: str = "any"
    title: str = ""

    def pieces(self, rows: int = ROWS) -> Iterator[list[Record]]:
        """The records, some thousand at a time."""
        stream = iter(self.rows)
        while piece := list(islice(stream, rows)):
            yield piece


def outgoing(kind: Kind, rows: Iterable[Record]) -> Outgoing:
    """All of a kind, with every field of it.

    Examples
    --------
    >>> from fadeout.records.catalogue import KINDS
    >>> layer = outgoing(KINDS["box"], [])
    >>> layer.name, layer.geometry, layer.fields[0]
    ('box', 'polygon', ('id', 'text'))
    """
    fields = tuple((about.name, about.type) for about in fields_of(kind))
    return Outgoing(kind.name, fields, rows, kind.geometry, kind.title)


def told(about: Mapping[str, Any], crs: str = places.WGS84) -> dict[str, str]:
    """Give the facts that every file states, each as a text: what made it, when, in which CRS and units, from what.

    Parameters
    ----------
    about : mapping
        `fadeout` (version), `created_utc`, `sensitivity`, and whatever else holds: `content_sha256`,
        `source_sha256`, `stamp`, `profile` ... CRS, units and times are added here.
    crs : str
        Of all places in the file.

    Raises
    ------
    ValueError
        If one of `NEEDED` is missing: no file goes out that does not say whom it is for.
    """
    missing = [name for name in NEEDED if not about.get(name)]
    if missing:
        raise ValueError(f"the facts of a file lack {', '.join(missing)}")
    lengths = (
        DEGREES if places.is_geographic(crs) else "metres" if places.is_metric(crs) else "as the CRS says"
    )
    facts = {
        "made_by": "fadeout",
        **{name: printable(str(value)) for name, value in about.items() if value not in (None, "")},
        "crs": places.crs_name(crs),
        "units": f"places: {lengths}; columns in _m metres, _cm centimetres, _min minutes; shares from 0 to 1",
        "times": "UTC, written as YYYY-MM-DDTHH:MM:SSZ; days as YYYY-MM-DD",
    }
    return {name: words for name, words in facts.items() if words}


def content_sha256(rows: Iterable[Record]) -> str:
    """Digest of what records say, whatever file they stand in: ids, values and shapes, in their order.

    Examples
    --------
    >>> content_sha256([])[:8]
    'e3b0c442'
    """
    digest = hashlib.sha256()
    for record in rows:
        digest.update(line_of(record))
    return digest.hexdigest()


def line_of(record: Record) -> bytes:
    """What a record says, as digests take it."""
    wkb = shapely.to_wkb(record.shape, hex=True) if record.shape is not None else None
    return f"{record.kind} {record.id} {body(record.values, wkb)}\n".encode()


def column(records: Sequence[Record], name: str, type: str, lost: Lost) -> list[Any]:
    """One column: texts that any file can hold (lists of ids as "A; B"), numbers, booleans; None where empty."""
    values = [record.id if name == "id" else record.values.get(name) for record in records]
    if type in ("whole", "real", "share", "flag"):
        return values
    return [None if value is None else clean(value, lost) for value in values]


def clean(value: Any, lost: Lost) -> str | None:
    """A text as files hold it; what is left out is counted.

    Examples
    --------
    >>> clean(["EP-1", "EP-2"], Lost())
    'EP-1; EP-2'
    """
    if isinstance(value, list):
        lost.add("separators", sum(";" in one or "," in one for one in value))
        value = "; ".join(value)
    text = str(value)
    if text.isascii() and text.isprintable():
        kept = text
    else:
        kept = printable(text)
        lost.add("controls", kept != text)
    if kept.strip() != kept:
        lost.add("spaces")
    return kept if kept.strip() else None


def shapes_of(records: Sequence[Record], lost: Lost, crs: str = places.WGS84) -> NDArray[np.object_]:
    """The places of records in a CRS, without heights; None where there is none."""
    shapes = [record.shape for record in records]
    for shape in shapes:
        if shape is not None:
            lost.add("no_shape", bool(shape.is_empty))
            lost.add("heights", bool(shape.has_z))
            lost.add("one_part", len(getattr(shape, "geoms", ())) == 1)
    kept = [None if shape is None or shape.is_empty else shape for shape in shapes]
    return places.move(kept, places.WGS84, crs)


def wkt(shape: BaseGeometry) -> str:
    """Well-known text that gives every coordinate back exactly; that of GEOS rounds very small ones.

    Examples
    --------
    >>> wkt(shapely.MultiPoint([(1, 2.5), (3, 4)]))
    'MULTIPOINT ((1.0 2.5), (3.0 4.0))'
    """
    return f"{shape.geom_type.upper()} {_wkt(shape)}"


def _wkt(shape: BaseGeometry) -> str:
    if hasattr(shape, "geoms"):
        return f"({', '.join(_wkt(part) for part in shape.geoms)})"
    if shape.geom_type == "Polygon":
        return f"({', '.join(_wkt(ring) for ring in (shape.exterior, *shape.interiors))})"
    return f"({', '.join(f'{x!r} {y!r}' for x, y, *_ in shape.coords)})"


def family(shape: BaseGeometry | None) -> str:
    """Tell "point", "line" or "polygon"; "" where there is no shape."""
    if shape is None:
        return ""
    if shape.geom_type in POINTS:
        return "point"
    return "line" if shape.geom_type in LINES else "polygon"


def turned(shapes: NDArray[np.object_], lost: Lost) -> NDArray[np.object_]:
    """Rings as GeoJSON and KML ask for them; those that ran otherwise are counted."""
    kept = right_handed(shapes)
    lost.add("rings", sum(a is not b and a != b for a, b in zip(kept, shapes, strict=True)))
    return kept
