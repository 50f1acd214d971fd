"""Boxes to search as files that phones and handheld receivers read: GPX and KML.

Reads   `Place`s: a name, words, a centre and the corners of a box, longitude and latitude (WGS 84)
Gives   one .gpx (waypoints, and the outline of each box as a track) and one .kml (boxes and centres, with labels)
Knows   GPX 1.1 and KML 2.2; nothing of how boxes are chosen
Start   at `write_gpx` and `write_kml`

Written with the standard library: GDAL's drivers write either waypoints or tracks, and no styles. Lost on the way:
coordinates are kept to 7 decimals (1 cm).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree as ET

from fadeout.exchange.geopackage import printable

GPX = "http://www.topografix.com/GPX/1/1"
GPX_SCHEMA = f"{GPX} http://www.topografix.com/GPX/1/1/gpx.xsd"
XSI = "http://www.w3.org/2001/XMLSchema-instance"
KML = "http://www.opengis.net/kml/2.2"
BLACK, WHITE = "ff000000", "ffffffff"  # KML writes alpha, blue, green, red


@dataclass(frozen=True)
class Place:
    """One box: what it is called, why it is searched, its centre and its corners as (lon, lat)."""

    name: str
    words: str
    centre: tuple[float, float]
    corners: tuple[tuple[float, float], ...]  # around, the first not repeated
    facts: tuple[tuple[str, str], ...] = ()  # further columns of the KML


def write_gpx(
    path: Path, places: Sequence[Place], *, title: str, stamp: str = "", creator: str = "fadeout"
) -> None:
    """Write waypoints and box outlines as GPX 1.1; the stamp stands in the file and in every name's words."""
    ET.register_namespace("", GPX)
    ET.register_namespace("xsi", XSI)
    root = ET.Element(
        _gpx("gpx"), {"version": "1.1", "creator": creator, f"{{{XSI}}}schemaLocation": GPX_SCHEMA}
    )
    about = ET.SubElement(root, _gpx("metadata"))
    _text(about, _gpx("name"), _stamped(title, stamp))
    if stamp:
        _text(about, _gpx("desc"), stamp)
    for place in places:
        lon, lat = place.centre
        point = ET.SubElement(root, _gpx("wpt"), lat=f"{lat:.7f}", lon=f"{lon:.7f}")
        _text(point, _gpx("name"), place.name)
        _text(point, _gpx("desc"), _stamped(place.words, stamp))
        _text(point, _gpx("sym"), "Flag, Blue")
        _text(point, _gpx("type"), "box to search")
    for place in places:
        track = ET.SubElement(root, _gpx("trk"))
        _text(track, _gpx("name"), place.name)
        _text(track, _gpx("desc"), _stamped(f"Outline of box {place.name}", stamp))
        segment = ET.SubElement(track, _gpx("trkseg"))
        for lon, lat in (*place.corners, place.corners[0]):
            ET.SubElement(segment, _gpx("trkpt"), lat=f"{lat:.7f}", lon=f"{lon:.7f}")
    _save(path, root)


def write_kml(path: Path, places: Sequence[Place], *, title: str, stamp: str = "") -> None:
    """Write each box as an outline and its centre with a label, in two folders, as KML 2.2."""
    ET.register_namespace("", KML)
    root = ET.Element(_kml("kml"))
    document = ET.SubElement(root, _kml("Document"))
    _text(document, _kml("name"), _stamped(title, stamp))
    if stamp:
        _text(document, _kml("description"), stamp)
    _kml_styles(document)
    boxes, centres = _folder(document, "boxes", stamp), _folder(document, "centres", stamp)
    for place in places:
        _kml_box(boxes, place, stamp)
    for place in places:
        point = _placemark(centres, place, "centre", stamp)
        _text(ET.SubElement(point, _kml("Point")), _kml("coordinates"), _lonlat(place.centre))
    _save(path, root)


def _kml_styles(document: ET.Element) -> None:
    """A black outline without fill for boxes; a small black dot with a white label for centres."""
    box = ET.SubElement(document, _kml("Style"), id="box")
    line = ET.SubElement(box, _kml("LineStyle"))
    _text(line, _kml("color"), BLACK)
    _text(line, _kml("width"), "3")
    _text(ET.SubElement(box, _kml("PolyStyle")), _kml("fill"), "0")
    centre = ET.SubElement(document, _kml("Style"), id="centre")
    icon = ET.SubElement(centre, _kml("IconStyle"))
    _text(icon, _kml("color"), BLACK)
    _text(icon, _kml("scale"), "0.6")
    label = ET.SubElement(centre, _kml("LabelStyle"))
    _text(label, _kml("color"), WHITE)
    _text(label, _kml("scale"), "1.1")


def _folder(document: ET.Element, name: str, stamp: str) -> ET.Element:
    folder = ET.SubElement(document, _kml("Folder"))
    _text(folder, _kml("name"), _stamped(name, stamp))
    return folder


def _placemark(folder: ET.Element, place: Place, style: str, stamp: str) -> ET.Element:
    mark = ET.SubElement(folder, _kml("Placemark"))
    _text(mark, _kml("name"), place.name)
    _text(mark, _kml("description"), _stamped(place.words, stamp))
    _text(mark, _kml("styleUrl"), f"#{style}")
    data = ET.SubElement(mark, _kml("ExtendedData"))
    for name, value in (*place.facts, ("stamp", stamp)):
        _text(ET.SubElement(data, _kml("Data"), name=name), _kml("value"), value)
    return mark


def _kml_box(folder: ET.Element, place: Place, stamp: str) -> None:
    mark = _placemark(folder, place, "box", stamp)
    polygon = ET.SubElement(mark, _kml("Polygon"))
    _text(polygon, _kml("tessellate"), "1")
    ring = ET.SubElement(ET.SubElement(polygon, _kml("outerBoundaryIs")), _kml("LinearRing"))
    around = (*place.corners, place.corners[0])
    _text(ring, _kml("coordinates"), " ".join(_lonlat(corner) for corner in around))


def _lonlat(place: tuple[float, float]) -> str:
    return f"{place[0]:.7f},{place[1]:.7f}"


def _gpx(name: str) -> str:
    return f"{{{GPX}}}{name}"


def _kml(name: str) -> str:
    return f"{{{KML}}}{name}"


def _stamped(words: str, stamp: str) -> str:
    return f"{stamp}: {words}" if stamp else words


def _text(parent: ET.Element, name: str, words: str) -> None:
    ET.SubElement(parent, name).text = printable(words)


def _save(path: Path, root: ET.Element) -> None:
    ET.indent(root, " ")
    path.write_bytes(ET.tostring(root, encoding="UTF-8", xml_declaration=True) + b"\n")
