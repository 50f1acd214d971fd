"""Records as KML 2.2 and KMZ: a folder for each layer, every column as data of its placemark.

Reads   `Outgoing`s and the facts of the file
Gives   one .kml or .kmz, written placemark by placemark
Knows   KML's order of elements and its colours; nothing of how records are chosen
Start   at `write_kml` and `write_kmz`

Coordinates are written in full; `waypoints` writes boxes for receivers, at 1 cm.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TextIO
from xml.sax.saxutils import escape, quoteattr

from shapely.geometry.base import BaseGeometry

from fadeout.exchange.losses import Lost
from fadeout.exchange.outgoing import Outgoing, column, family, shapes_of, turned

KML = "http://www.opengis.net/kml/2.2"
# KML writes alpha, blue, green, red. Colours of hazardous areas: GICHD technical note 07.11/01-2016 (CHA 255,0,0 at
# 50 %, SHA 244,167,24); lines and letters differ too, as colour alone is not enough.
STYLES = {
    "plain": ("ff000000", 2, "33ffffff"),
    "SHA": ("ff0000ff", 2, "8018a7f4"),
    "CHA": ("ff0000ff", 5, "800000ff"),
    "closed": ("ff008000", 3, "00ffffff"),
}
LETTERS = {"SHA": "S", "CHA": "C", "closed": "released"}


def write_kml(path: Path, layers: Sequence[Outgoing], about: Mapping[str, str], lost: Lost) -> None:
    """Write one .kml."""
    with path.open("w", encoding="utf-8", newline="\n") as stream:
        _document(stream, layers, about, lost)


def write_kmz(path: Path, layers: Sequence[Outgoing], about: Mapping[str, str], lost: Lost) -> None:
    """Write the same as doc.kml in an archive, as programs expect."""
    inner = path.with_name("doc.kml")
    write_kml(inner, layers, about, lost)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(inner, inner.name)
    inner.unlink()


def _document(stream: TextIO, layers: Sequence[Outgoing], about: Mapping[str, str], lost: Lost) -> None:
    title = ", ".join(layer.title or layer.name for layer in layers)
    stamp = about.get("stamp", "")
    words = "\n".join(f"{name}: {value}" for name, value in about.items())
    stream.write(f'<?xml version="1.0" encoding="UTF-8"?>\n<kml xmlns="{KML}">\n<Document>\n')
    stream.write(f"<name>{escape(f'{stamp}: {title}' if stamp else title)}</name>\n")
    stream.write(f"<description>{escape(words)}</description>\n")
    for name, (line, width, fill) in STYLES.items():
        stream.write(
            f'<Style id="{name}"><LineStyle><color>{line}</color><width>{width}</width></LineStyle>'
            f"<PolyStyle><color>{fill}</color></PolyStyle></Style>\n"
        )
    for layer in layers:
        _schema(stream, layer)
    stream.write("<ExtendedData>")
    for name, value in about.items():
        stream.write(f"<Data name={quoteattr(name)}><value>{escape(value)}</value></Data>")
    stream.write("</ExtendedData>\n")
    for layer in layers:
        _folder(stream, layer, stamp, lost)
    stream.write("</Document>\n</kml>\n")


def _schema(stream: TextIO, layer: Outgoing) -> None:
    """All columns are texts: KML has no dates, and its numbers would lose what an id of digits says."""
    name = quoteattr(layer.name)
    stream.write(f"<Schema name={name} id={name}>")
    for column_name, _ in layer.fields:
        stream.write(f'<SimpleField name={quoteattr(column_name)} type="string"/>')
    stream.write("</Schema>\n")


def _folder(stream: TextIO, layer: Outgoing, stamp: str, lost: Lost) -> None:
    stream.write(f"<Folder><name>{escape(layer.name)}</name>\n")
    names = [name for name, _ in layer.fields]
    for records in layer.pieces():
        columns = [column(records, name, type, lost) for name, type in layer.fields]
        for shape, row in zip(
            turned(shapes_of(records, lost), lost), zip(*columns, strict=True), strict=True
        ):
            values = {name: value for name, value in zip(names, row, strict=True) if value is not None}
            _placemark(stream, layer, values, shape, stamp)
    stream.write("</Folder>\n")


def _placemark(
    stream: TextIO,
    layer: Outgoing,
    values: Mapping[str, Any],
    shape: BaseGeometry | None,
    stamp: str,
) -> None:
    style = _style(layer.name, values)
    words = " ".join(part for part in (LETTERS.get(style, ""), str(values.get("id", ""))) if part)
    stream.write(f"<Placemark><name>{escape(words)}</name>")
    if stamp or values.get("stamp"):
        stream.write(f"<description>{escape(str(values.get('stamp') or stamp))}</description>")
    stream.write(f"<styleUrl>#{style}</styleUrl>")
    stream.write(f"<ExtendedData><SchemaData schemaUrl={quoteattr('#' + layer.name)}>")
    for name, value in values.items():
        stream.write(f"<SimpleData name={quoteattr(name)}>{escape(_text(value))}</SimpleData>")
    stream.write("</SchemaData></ExtendedData>")
    if shape is not None:
        stream.writelines(_geometry(shape))
    stream.write("</Placemark>\n")


def _style(kind: str, values: Mapping[str, Any]) -> str:
    """A hazardous area's style by where it stands; "plain" for all else."""
    if kind != "hazardous_area":
        return "plain"
    return {"suspected": "SHA", "confirmed": "CHA"}.get(str(values.get("state")), "closed")


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return repr(value) if isinstance(value, float) else str(value)


def _geometry(shape: BaseGeometry) -> Iterator[str]:
    if hasattr(shape, "geoms"):
        yield "<MultiGeometry>"
        for part in shape.geoms:
            yield from _geometry(part)
        yield "</MultiGeometry>"
    elif family(shape) == "polygon":
        yield "<Polygon>"
        for n, ring in enumerate((shape.exterior, *shape.interiors)):
            name = "innerBoundaryIs" if n else "outerBoundaryIs"
            yield f"<{name}><LinearRing>{_coordinates(ring)}</LinearRing></{name}>"
        yield "</Polygon>"
    else:
        name = "Point" if family(shape) == "point" else "LineString"
        yield f"<{name}>{_coordinates(shape)}</{name}>"


def _coordinates(shape: BaseGeometry) -> str:
    return f"<coordinates>{' '.join(f'{x!r},{y!r}' for x, y, *_ in shape.coords)}</coordinates>"
