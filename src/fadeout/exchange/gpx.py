"""Records as GPX 1.1 for handheld receivers: points as waypoints, lines as tracks, columns as extensions.

Reads   one `Outgoing` and the facts of the file; or the extensions of a .gpx
Gives   one .gpx, written record by record; columns as they were written, 007 and not 7
Knows   GPX's order of elements; nothing of how records are chosen
Start   at `write`

GPX has no polygons and no records without a place: they are left out and counted.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TextIO
from xml.etree import ElementTree as ET
from xml.sax.saxutils import escape

import numpy as np
from shapely.geometry.base import BaseGeometry

from fadeout.exchange.losses import Lost
from fadeout.exchange.outgoing import Outgoing, column, family, shapes_of

GPX = "http://www.topografix.com/GPX/1/1"
OGR = "http://osgeo.org/gdal"  # the prefix under which GDAL writes and reads columns
SCHEMA = f"{GPX} http://www.topografix.com/GPX/1/1/gpx.xsd"
XSI = "http://www.w3.org/2001/XMLSchema-instance"


def write(path: Path, layers: Sequence[Outgoing], about: Mapping[str, str], lost: Lost) -> None:
    """Write the one layer; tracks are kept in a file beside it until all waypoints stand, as GPX wants them first."""
    (layer,) = layers
    stamp = about.get("stamp", "")
    tracks = path.with_name(path.name + ".tracks")
    with (
        path.open("w", encoding="utf-8", newline="\n") as stream,
        tracks.open("w+", encoding="utf-8", newline="\n") as later,
    ):
        stream.write(_head(layer, about))
        names = [name for name, _ in layer.fields]
        for records in layer.pieces():
            columns = [column(records, name, type, lost) for name, type in layer.fields]
            for shape, row in zip(shapes_of(records, lost), zip(*columns, strict=True), strict=True):
                values = {name: value for name, value in zip(names, row, strict=True) if value is not None}
                _record(stream, later, shape, values, layer, stamp, lost)
        later.seek(0)
        shutil.copyfileobj(later, stream)
        stream.write("</gpx>\n")
    tracks.unlink()


def _head(layer: Outgoing, about: Mapping[str, str]) -> str:
    title = layer.title or layer.name
    stamp = about.get("stamp", "")
    words = "; ".join(f"{name}: {value}" for name, value in about.items())
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<gpx version="1.1" creator="fadeout" xmlns="{GPX}" xmlns:ogr="{OGR}" xmlns:xsi="{XSI}" '
        f'xsi:schemaLocation="{SCHEMA}">\n'
        f"<metadata><name>{escape(f'{stamp}: {title}' if stamp else title)}</name>"
        f"<desc>{escape(words)}</desc></metadata>\n"
    )


def _record(
    points: TextIO,
    tracks: TextIO,
    shape: BaseGeometry | None,
    values: Mapping[str, Any],
    layer: Outgoing,
    stamp: str,
    lost: Lost,
) -> None:
    kind = family(shape)
    single = kind == "point" and not hasattr(shape, "geoms")
    if not single and kind != "line":
        lost.add("no_polygons")
        return
    assert shape is not None
    words = str(values.get("stamp") or stamp)
    facts = f"<name>{escape(str(values.get('id', '')))}</name>"
    facts += f"<desc>{escape(words)}</desc>" if words else ""
    facts += f"<type>{escape(layer.title or layer.name)}</type>"
    data = "".join(f"<ogr:{n}>{escape(_text(v))}</ogr:{n}>" for n, v in values.items())
    facts += f"<extensions>{data}</extensions>"
    if single:
        points.write(f'<wpt lat="{shape.y!r}" lon="{shape.x!r}">{facts}</wpt>\n')
    else:
        tracks.write(f"<trk>{facts}")
        tracks.writelines(_segments(shape))
        tracks.write("</trk>\n")


def _segments(shape: BaseGeometry) -> Iterator[str]:
    for part in getattr(shape, "geoms", (shape,)):
        places = "".join(f'<trkpt lat="{y!r}" lon="{x!r}"/>' for x, y, *_ in part.coords)
        yield f"<trkseg>{places}</trkseg>"


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return repr(value) if isinstance(value, float) else str(value)


LAYERS = {"waypoints": "wpt", "routes": "rte", "tracks": "trk"}


def as_written(path: Path, layer: str, fields: Sequence[str], data: Sequence[Any]) -> list[Any]:
    """Columns of our extensions as they stand; GDAL drops line ends, and the zeros of what it takes for numbers."""
    kept = list(data)
    wrong = {name: n for n, name in enumerate(fields) if name.startswith("ogr_")}
    if not wrong or layer not in LAYERS:
        return kept
    found: dict[str, list[str | None]] = {name: [] for name in wrong}
    for told in _extensions(path, LAYERS[layer]):
        for name, texts in found.items():
            texts.append(told.get(name.removeprefix("ogr_")))
    for name, texts in found.items():
        if len(texts) == len(kept[wrong[name]]):
            kept[wrong[name]] = np.array([*texts, None], dtype=object)[:-1]
    return kept


def _extensions(path: Path, tag: str) -> Iterator[dict[str, str | None]]:
    """The columns of each element of a kind, in order."""
    try:
        for _, element in ET.iterparse(path):
            name = element.tag.rpartition("}")[2]
            if name == tag:
                extensions = next((one for one in element if one.tag.endswith("extensions")), ())
                yield {one.tag.rpartition("}")[2]: one.text for one in extensions}
            if name in LAYERS.values():
                element.clear()
    except ET.ParseError:
        return
