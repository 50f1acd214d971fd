"""Styles as QGIS and other map programs read them: QML and SLD from one description.

Reads   a `Style`: rules with their marks, and a label
Gives   `qml` (QGIS) and `sld` (OGC Styled Layer Descriptor 1.1) as XML text
Knows   nothing of files, nor of what a layer means
Start   at `Style`

Lengths of marks are millimetres on the map; colours are "#RRGGBB".
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from xml.etree import ElementTree as ET

QGIS = "3.22.0"  # the oldest release whose QML this is
GEOMETRY = {"Point": 0, "Polygon": 2, "MultiPolygon": 2}  # numbers of QGIS
SE, OGC = "http://www.opengis.net/se", "http://www.opengis.net/ogc"
SLD, XLINK = "http://www.opengis.net/sld", "http://www.w3.org/1999/xlink"
METRE = "http://www.opengeospatial.org/se/units/metre"
PIXELS_PER_MM = 1 / 0.28  # SLD's standard pixel
for _prefix, _uri in (("se", SE), ("ogc", OGC), ("sld", SLD), ("xlink", XLINK)):
    ET.register_namespace(_prefix, _uri)


@dataclass(frozen=True)
class Fill:
    """A polygon's colour and outline; None leaves it out."""

    colour: str | None = None
    opacity: float = 1.0
    outline: str | None = None
    outline_mm: float = 0.3
    dash: str = "solid"  # or "dash", "dot"


@dataclass(frozen=True)
class Hatch:
    """Parallel lines over a polygon, continuous from one polygon to the next; two angles make a cross-hatch."""

    colour: str
    angles: tuple[float, ...] = (45.0,)
    spacing_mm: float = 2.0
    width_mm: float = 0.2


@dataclass(frozen=True)
class Marker:
    """A point's mark; `radius_column` names a column that holds its radius in metres on the ground."""

    shape: str  # "diamond", "triangle", "circle", "cross" (a plus sign)
    size_mm: float = 3.0
    colour: str | None = None
    outline: str = "#000000"
    outline_mm: float = 0.3
    radius_column: str = ""


Mark = Fill | Hatch | Marker


@dataclass(frozen=True)
class Test:
    """A condition on one column: =, >= or < a value."""

    column: str
    sign: str
    value: str | float

    __test__ = False  # no test of pytest's


@dataclass(frozen=True)
class Rule:
    """What is drawn where all conditions hold; the label stands in the legend."""

    label: str
    marks: tuple[Mark, ...]
    where: tuple[Test, ...] = ()


@dataclass(frozen=True)
class Label:
    """A column written on each feature, with a white halo."""

    column: str
    size_pt: float = 9.0
    colour: str = "#000000"


@dataclass(frozen=True)
class Style:
    """How one layer is drawn: every rule that holds is drawn, in order."""

    rules: tuple[Rule, ...]
    label: Label | None = None


# ---- QML ------------------------------------------------------------------------------------


def qml(style: Style, geometry: str) -> str:
    """Write a style as QGIS keeps it.

    Parameters
    ----------
    style : Style
        What to draw.
    geometry : {"Point", "Polygon", "MultiPolygon"}
        Of the layer.
    """
    shown = "1" if style.label else "0"
    root = ET.Element("qgis", version=QGIS, styleCategories="Symbology|Labeling", labelsEnabled=shown)
    renderer = ET.SubElement(root, "renderer-v2", type="RuleRenderer", symbollevels="0", forceraster="0")
    rules = ET.SubElement(renderer, "rules", key=_key("rules"))
    symbols = ET.SubElement(renderer, "symbols")
    for number, rule in enumerate(style.rules):
        given = {"key": _key(f"{number} {rule.label}"), "symbol": str(number), "label": rule.label}
        if rule.where:
            given["filter"] = " AND ".join(_expression(test) for test in rule.where)
        ET.SubElement(rules, "rule", given)
        symbols.append(_symbol(str(number), "marker" if geometry == "Point" else "fill", rule.marks))
    if style.label:
        root.append(_labelling(style.label, geometry))
    for name, value in (("blendMode", "0"), ("featureBlendMode", "0"), ("layerOpacity", "1")):
        ET.SubElement(root, name).text = value
    ET.SubElement(root, "layerGeometryType").text = str(GEOMETRY[geometry])
    ET.indent(root, " ")
    doctype = "<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>\n"
    return doctype + ET.tostring(root, encoding="unicode")


def _key(text: str) -> str:
    """A key as QGIS makes them, but the same every time."""
    return "{" + str(uuid.uuid5(uuid.NAMESPACE_URL, "fadeout " + text)) + "}"


def _expression(test: Test) -> str:
    value = "'" + test.value.replace("'", "''") + "'" if isinstance(test.value, str) else f"{test.value:g}"
    column = test.column.replace('"', '""')
    return f'"{column}" {test.sign} {value}'


def _symbol(name: str, kind: str, marks: tuple[Mark, ...]) -> ET.Element:
    symbol = ET.Element("symbol", name=name, type=kind, alpha="1", clip_to_extent="1", force_rhr="0")
    for class_name, values, mark in _qml_layers(marks):
        number = len(symbol)
        layer = ET.SubElement(
            symbol, "layer", {"class": class_name, "enabled": "1", "pass": "0", "locked": "0"}
        )
        layer.append(_options(values))
        if isinstance(mark, Marker) and mark.radius_column:
            layer.append(_data_defined("size", f'2 * "{mark.radius_column}"'))
        if isinstance(mark, Hatch):
            line = ET.SubElement(
                layer, "symbol", name=f"@{name}@{number}", type="line", alpha="1", clip_to_extent="1"
            )
            drawn = ET.SubElement(
                line, "layer", {"class": "SimpleLine", "enabled": "1", "pass": "0", "locked": "0"}
            )
            drawn.append(_options(_line(mark.colour, mark.width_mm)))
    return symbol


def _qml_layers(marks: tuple[Mark, ...]) -> Iterator[tuple[str, dict[str, str], Mark]]:
    """Each symbol layer: its class and values, and the mark it comes from."""
    for mark in marks:
        if isinstance(mark, Fill):
            yield "SimpleFill", _fill(mark), mark
        elif isinstance(mark, Marker):
            yield "SimpleMarker", _marker(mark), mark
        else:
            for angle in mark.angles:
                yield "LinePatternFill", _hatch(mark, angle), mark


def _fill(mark: Fill) -> dict[str, str]:
    return {
        "color": rgba(mark.colour or "#FFFFFF", mark.opacity if mark.colour else 0.0),
        "style": "solid" if mark.colour else "no",
        "outline_color": rgba(mark.outline or "#000000", 1.0 if mark.outline else 0.0),
        "outline_style": mark.dash if mark.outline else "no",
        "outline_width": f"{mark.outline_mm:g}",
        "outline_width_unit": "MM",
        "joinstyle": "miter",
    }


def _hatch(mark: Hatch, angle: float) -> dict[str, str]:
    return {
        "angle": f"{angle:g}",
        "color": rgba(mark.colour),
        "distance": f"{mark.spacing_mm:g}",
        "distance_unit": "MM",
        "line_width": f"{mark.width_mm:g}",
        "line_width_unit": "MM",
        "offset": "0",
        "offset_unit": "MM",
        "coordinate_reference": "viewport",  # so that the lines of neighbouring cells meet
    }


def _line(colour: str, width_mm: float) -> dict[str, str]:
    return {
        "line_color": rgba(colour),
        "line_style": "solid",
        "line_width": f"{width_mm:g}",
        "line_width_unit": "MM",
        "capstyle": "square",
        "joinstyle": "bevel",
    }


def _marker(mark: Marker) -> dict[str, str]:
    on_ground = bool(mark.radius_column)
    return {
        "name": mark.shape,
        "size": "100" if on_ground else f"{mark.size_mm:g}",
        "size_unit": "RenderMetersInMapUnits" if on_ground else "MM",
        "scale_method": "diameter",
        "color": rgba(mark.colour or "#FFFFFF", 1.0 if mark.colour else 0.0),
        "outline_color": rgba(mark.outline),
        "outline_style": "solid",
        "outline_width": f"{mark.outline_mm:g}",
        "outline_width_unit": "MM",
        "angle": "0",
    }


def rgba(colour: str, opacity: float = 1.0) -> str:
    """Write a colour as QGIS does: red,green,blue,alpha from 0 to 255.

    Examples
    --------
    >>> rgba("#F4A718", 0.5)
    '244,167,24,128'
    """
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return f"{red},{green},{blue},{int(opacity * 255 + 0.5)}"


def _options(values: dict[str, str]) -> ET.Element:
    options = ET.Element("Option", type="Map")
    for name, value in values.items():
        ET.SubElement(options, "Option", name=name, value=value, type="QString")
    return options


def _data_defined(name: str, expression: str) -> ET.Element:
    """A value of a symbol that each feature decides by an expression."""
    element = ET.Element("data_defined_properties")
    options = ET.SubElement(element, "Option", type="Map")
    ET.SubElement(options, "Option", name="name", value="", type="QString")
    properties = ET.SubElement(options, "Option", name="properties", type="Map")
    one = ET.SubElement(properties, "Option", name=name, type="Map")
    ET.SubElement(one, "Option", name="active", value="true", type="bool")
    ET.SubElement(one, "Option", name="expression", value=expression, type="QString")
    ET.SubElement(one, "Option", name="type", value="3", type="int")
    ET.SubElement(options, "Option", name="type", value="collection", type="QString")
    return element


def _labelling(label: Label, geometry: str) -> ET.Element:
    labelling = ET.Element("labeling", type="simple")
    settings = ET.SubElement(labelling, "settings", calloutType="simple")
    text = ET.SubElement(
        settings,
        "text-style",
        fieldName=label.column,
        isExpression="0",
        fontFamily="Noto Sans",
        fontSize=f"{label.size_pt:g}",
        fontSizeUnit="Point",
        fontWeight="75",
        namedStyle="Bold",
        textColor=rgba(label.colour),
        textOpacity="1",
        multilineHeight="1",
    )
    ET.SubElement(
        text,
        "text-buffer",
        bufferDraw="1",
        bufferSize="0.8",
        bufferSizeUnits="MM",
        bufferColor=rgba("#FFFFFF"),
        bufferOpacity="1",
    )
    place = "0" if geometry == "Point" else "1"  # around the point; over the polygon
    ET.SubElement(settings, "placement", placement=place, dist="1", distUnits="MM", priority="8")
    ET.SubElement(settings, "rendering", drawLabels="1", obstacle="1", displayAll="1", scaleVisibility="0")
    return labelling


# ---- SLD ------------------------------------------------------------------------------------


def sld(style: Style, layer: str) -> str:
    """Write a style for programs that read the OGC's Styled Layer Descriptor; hatches are repeated marks there."""
    root = ET.Element(f"{{{SLD}}}StyledLayerDescriptor", version="1.1.0")
    named = ET.SubElement(root, f"{{{SLD}}}NamedLayer")
    ET.SubElement(named, f"{{{SE}}}Name").text = layer
    user = ET.SubElement(named, f"{{{SLD}}}UserStyle")
    ET.SubElement(user, f"{{{SE}}}Name").text = layer
    kind = ET.SubElement(user, f"{{{SE}}}FeatureTypeStyle")
    for rule in style.rules:
        kind.append(_sld_rule(rule))
    if style.label:
        drawn = ET.SubElement(kind, f"{{{SE}}}Rule")
        drawn.append(_sld_text(style.label))
    ET.indent(root, " ")
    return ET.tostring(root, encoding="unicode")


def _sld_rule(rule: Rule) -> ET.Element:
    element = ET.Element(f"{{{SE}}}Rule")
    ET.SubElement(element, f"{{{SE}}}Name").text = rule.label
    if rule.where:
        held = ET.SubElement(element, f"{{{OGC}}}Filter")
        if len(rule.where) > 1:
            held = ET.SubElement(held, f"{{{OGC}}}And")
        for test in rule.where:
            held.append(_sld_test(test))
    for mark in rule.marks:
        element.append(_sld_point(mark) if isinstance(mark, Marker) else _sld_polygon(mark))
    return element


def _sld_test(test: Test) -> ET.Element:
    names = {
        "=": "PropertyIsEqualTo",
        ">=": "PropertyIsGreaterThanOrEqualTo",
        "<": "PropertyIsLessThan",
    }
    element = ET.Element(f"{{{OGC}}}{names[test.sign]}")
    ET.SubElement(element, f"{{{OGC}}}PropertyName").text = test.column
    literal = test.value if isinstance(test.value, str) else f"{test.value:g}"
    ET.SubElement(element, f"{{{OGC}}}Literal").text = literal
    return element


def _sld_polygon(mark: Fill | Hatch) -> ET.Element:
    element = ET.Element(f"{{{SE}}}PolygonSymbolizer")
    if isinstance(mark, Fill):
        if mark.colour:
            fill = ET.SubElement(element, f"{{{SE}}}Fill")
            _parameters(fill, {"fill": mark.colour.lower(), "fill-opacity": f"{mark.opacity:g}"})
        if mark.outline:
            _stroke(element, mark.outline, mark.outline_mm, mark.dash)
        return element
    fill = ET.SubElement(element, f"{{{SE}}}Fill")
    graphic = ET.SubElement(ET.SubElement(fill, f"{{{SE}}}GraphicFill"), f"{{{SE}}}Graphic")
    drawn = ET.SubElement(graphic, f"{{{SE}}}Mark")
    shape = "shape://times" if len(mark.angles) > 1 else "shape://slash"
    ET.SubElement(drawn, f"{{{SE}}}WellKnownName").text = shape
    _stroke(drawn, mark.colour, mark.width_mm)
    ET.SubElement(graphic, f"{{{SE}}}Size").text = f"{mark.spacing_mm * PIXELS_PER_MM:.1f}"
    return element


def _sld_point(mark: Marker) -> ET.Element:
    element = ET.Element(f"{{{SE}}}PointSymbolizer", {"uom": METRE} if mark.radius_column else {})
    graphic = ET.SubElement(element, f"{{{SE}}}Graphic")
    drawn = ET.SubElement(graphic, f"{{{SE}}}Mark")
    turned = mark.shape == "diamond"  # SLD knows no diamond: a square on its corner
    ET.SubElement(drawn, f"{{{SE}}}WellKnownName").text = "square" if turned else mark.shape
    if mark.colour:
        _parameters(ET.SubElement(drawn, f"{{{SE}}}Fill"), {"fill": mark.colour.lower()})
    _stroke(drawn, mark.outline, mark.outline_mm)
    size = ET.SubElement(graphic, f"{{{SE}}}Size")
    if mark.radius_column:
        twice = ET.SubElement(size, f"{{{OGC}}}Mul")
        ET.SubElement(twice, f"{{{OGC}}}PropertyName").text = mark.radius_column
        ET.SubElement(twice, f"{{{OGC}}}Literal").text = "2"
    else:
        size.text = f"{mark.size_mm * PIXELS_PER_MM:.1f}"
    if turned:
        ET.SubElement(graphic, f"{{{SE}}}Rotation").text = "45"
    return element


def _stroke(parent: ET.Element, colour: str, width_mm: float, dash: str = "solid") -> None:
    values = {"stroke": colour.lower(), "stroke-width": f"{width_mm * PIXELS_PER_MM:.1f}"}
    if dash != "solid":
        values["stroke-dasharray"] = "4 2" if dash == "dash" else "1 2"
    _parameters(ET.SubElement(parent, f"{{{SE}}}Stroke"), values)


def _parameters(parent: ET.Element, values: dict[str, str]) -> None:
    for name, value in values.items():
        ET.SubElement(parent, f"{{{SE}}}SvgParameter", name=name).text = value


def _sld_text(label: Label) -> ET.Element:
    element = ET.Element(f"{{{SE}}}TextSymbolizer")
    words = ET.SubElement(element, f"{{{SE}}}Label")
    ET.SubElement(words, f"{{{OGC}}}PropertyName").text = label.column
    font = ET.SubElement(element, f"{{{SE}}}Font")
    _parameters(font, {"font-family": "Noto Sans", "font-size": f"{label.size_pt:g}", "font-weight": "bold"})
    halo = ET.SubElement(element, f"{{{SE}}}Halo")
    ET.SubElement(halo, f"{{{SE}}}Radius").text = "2"
    _parameters(ET.SubElement(halo, f"{{{SE}}}Fill"), {"fill": "#ffffff"})
    _parameters(ET.SubElement(element, f"{{{SE}}}Fill"), {"fill": label.colour.lower()})
    return element
