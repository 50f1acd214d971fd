"""A GeoPackage written here is read back by GDAL with its layers, columns and styles."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
import pyogrio
import pytest
import shapely
from shapely import MultiPolygon, Point, box

from fadeout.exchange import geopackage
from fadeout.exchange.geopackage import Layer
from fadeout.exchange.qgis import Fill, Hatch, Label, Marker, Rule, Style, Test

CRS, STAMP = "EPSG:32648", "SIMULATED: a test"
GROUND = Style(
    (
        Rule(
            "Suspected", (Fill("#F4A718", 0.5, "#B87400"), Hatch("#B87400")), (Test("status", "=", "S'HA"),)
        ),
        Rule("Few", (Fill("#ffffff"),), (Test("p", ">=", 0.0), Test("p", "<", 0.01))),
    ),
    Label("name"),
)
MARKS = Style((Rule("A strike", (Marker("circle", radius_column="error_m"), Marker("cross", 4.0))),))


def objects(*values: Any) -> Any:
    out = np.empty(len(values), dtype=object)
    out[:] = values
    return out


def ground(**changes: Any) -> Layer:
    """Two polygons, one with two parts, with a column of every type and a gap in each."""
    layer = Layer(
        "ground",
        "MultiPolygon",
        objects(box(0, 0, 10, 10), MultiPolygon([box(20, 0, 30, 10), box(40, 0, 50, 10)])),
        {
            "name": objects("Đông Hà", None),
            "p": np.array([0.25, np.nan]),
            "count": np.ma.array([7, 0], mask=[False, True], dtype=np.int32),
            "found_on": np.array(["2026-11-20", "NaT"], dtype="datetime64[D]"),
            "met": np.array([True, False]),
        },
        "Some ground.",
        GROUND,
    )
    return replace(layer, **changes)


def points(count: int = 2) -> Layer:
    """Points, or none."""
    shapes = objects(*(Point(n, n) for n in range(count)))
    return Layer("strikes", "Point", shapes, {"error_m": np.full(count, 80.0)}, "Some strikes.", MARKS)


@pytest.fixture
def written(tmp_path: Path) -> Path:
    path = tmp_path / "hazard.gpkg"
    geopackage.write(path, [ground(), points()], CRS, stamp=STAMP, changed_on="2026-11-20")
    return path


def table(path: Path, query: str) -> list[dict[str, Any]]:
    with closing(sqlite3.connect(path)) as file:
        file.row_factory = sqlite3.Row
        return [dict(row) for row in file.execute(query)]


def columns(path: Path, layer: str) -> dict[str, Any]:
    info, _, _, data = pyogrio.raw.read(path, layer=layer)
    return dict(zip(info["fields"], data, strict=True))


def test_layers_stand_in_the_order_given_and_the_styles_table_after_them(written: Path) -> None:
    assert [name for name, _ in pyogrio.list_layers(written)] == ["ground", "strikes", "layer_styles"]


def test_geometry_type_and_crs_are_those_given(written: Path) -> None:
    info = pyogrio.read_info(written, layer="ground")
    assert (info["geometry_type"], info["crs"], info["features"]) == ("MultiPolygon", CRS, 2)


def test_values_come_back_and_gaps_are_null_not_zero(written: Path) -> None:
    raw = table(written, "SELECT name, p, count, found_on, met FROM ground")
    assert raw == [
        {"name": "Đông Hà", "p": 0.25, "count": 7, "found_on": "2026-11-20", "met": 1},
        {"name": None, "p": None, "count": None, "found_on": None, "met": 0},
    ]


def test_geometries_come_back_as_they_were(written: Path) -> None:
    _, _, shapes, _ = pyogrio.raw.read(written, layer="ground")
    assert [shape.area for shape in shapely.from_wkb(shapes)] == [100.0, 200.0]


def test_the_stamp_stands_in_every_row_name_and_description(written: Path) -> None:
    contents = table(written, "SELECT * FROM gpkg_contents WHERE data_type = 'features'")
    assert all(STAMP in row["identifier"] and row["description"].startswith(STAMP) for row in contents)
    assert set(columns(written, "ground")["stamp"]) | set(columns(written, "strikes")["stamp"]) == {STAMP}


def test_without_a_stamp_the_column_stays_and_is_empty(tmp_path: Path) -> None:
    geopackage.write(tmp_path / "a.gpkg", [points()], CRS)
    assert set(columns(tmp_path / "a.gpkg", "strikes")["stamp"]) == {""}
    named = table(tmp_path / "a.gpkg", "SELECT identifier FROM gpkg_contents WHERE data_type = 'features'")
    assert named == [{"identifier": "strikes"}]


def test_a_layer_without_rows_keeps_its_columns(tmp_path: Path) -> None:
    geopackage.write(tmp_path / "a.gpkg", [points(0)], CRS, stamp=STAMP)
    info = pyogrio.read_info(tmp_path / "a.gpkg", layer="strikes")
    assert (info["features"], list(info["fields"]), info["crs"]) == (0, ["error_m", "stamp"], CRS)


def test_each_layer_has_one_default_style_where_qgis_looks_for_it(written: Path) -> None:
    rows = table(written, "SELECT * FROM layer_styles")
    assert [row["f_table_name"] for row in rows] == ["ground", "strikes"]
    assert {
        (
            row["f_table_catalog"],
            row["f_table_schema"],
            row["f_geometry_column"],
            row["useAsDefault"],
            row["ui"],
        )
        for row in rows
    } == {("", "", "geom", 1, None)}


def test_the_styles_table_is_registered_as_attributes(written: Path) -> None:
    rows = table(written, "SELECT data_type FROM gpkg_contents WHERE table_name = 'layer_styles'")
    assert rows == [{"data_type": "attributes"}]


def test_no_clock_stands_in_the_file(written: Path) -> None:
    moments = table(written, "SELECT last_change AS at FROM gpkg_contents")
    moments += table(written, "SELECT update_time AS at FROM layer_styles")
    assert {row["at"] for row in moments} == {"2026-11-20T00:00:00.000Z"}


def test_the_clock_is_given_back_to_gdal(written: Path) -> None:
    assert pyogrio.get_gdal_config_option("OGR_CURRENT_DATE") is None


def test_same_layers_give_the_same_bytes(written: Path, tmp_path: Path) -> None:
    again = tmp_path / "again.gpkg"
    geopackage.write(again, [ground(), points()], CRS, stamp=STAMP, changed_on="2026-11-20")
    assert again.read_bytes() == written.read_bytes()


def test_an_older_file_of_that_name_is_replaced_whole(written: Path) -> None:
    geopackage.write(written, [points()], CRS)
    assert [name for name, _ in pyogrio.list_layers(written)] == ["strikes", "layer_styles"]


def test_columns_of_another_length_are_refused_by_name(tmp_path: Path) -> None:
    short = ground(columns={"p": np.zeros(3)})
    with pytest.raises(ValueError, match=r"layer ground has 2 shapes.*'p': 3"):
        geopackage.write(tmp_path / "a.gpkg", [short], CRS)


def test_control_characters_of_a_user_break_neither_table_nor_style(tmp_path: Path) -> None:
    odd = points()
    layer = replace(odd, columns={**odd.columns, "note": objects("a\x00b\x0c", "<&>")})
    geopackage.write(tmp_path / "a.gpkg", [layer], CRS, stamp="A <stamp> & \x01")
    assert list(columns(tmp_path / "a.gpkg", "strikes")["note"]) == ["ab", "<&>"]
    row = table(tmp_path / "a.gpkg", "SELECT styleQML, styleSLD FROM layer_styles")[0]
    assert all(ET.fromstring(text) is not None for text in row.values())


def style_of(path: Path, layer: str) -> tuple[ET.Element, ET.Element]:
    row = table(path, f"SELECT styleQML, styleSLD FROM layer_styles WHERE f_table_name = '{layer}'")[0]
    return ET.fromstring(row["styleQML"]), ET.fromstring(row["styleSLD"])


def options(element: ET.Element) -> dict[str, str]:
    return {one.get("name", ""): one.get("value", "") for one in element.iter("Option")}


def test_qml_rules_carry_labels_and_filters_in_order(written: Path) -> None:
    qml, _ = style_of(written, "ground")
    rules = [(rule.get("label"), rule.get("filter")) for rule in qml.iter("rule")]
    assert rules == [("Suspected", "\"status\" = 'S''HA'"), ("Few", '"p" >= 0 AND "p" < 0.01')]


def test_qml_fill_has_its_colour_at_half_opacity_and_an_opaque_outline(written: Path) -> None:
    qml, _ = style_of(written, "ground")
    fill = next(layer for layer in qml.iter("layer") if layer.get("class") == "SimpleFill")
    told = options(fill)
    assert (told["color"], told["outline_color"], told["style"]) == (
        "244,167,24,128",
        "184,116,0,255",
        "solid",
    )


def test_qml_hatch_is_lines_that_meet_from_polygon_to_polygon(written: Path) -> None:
    qml, _ = style_of(written, "ground")
    hatch = next(layer for layer in qml.iter("layer") if layer.get("class") == "LinePatternFill")
    told = options(hatch)
    assert (told["angle"], told["coordinate_reference"], told["line_color"]) == (
        "45",
        "viewport",
        "184,116,0,255",
    )


def test_qml_marker_takes_its_diameter_on_the_ground_from_twice_the_radius_column(written: Path) -> None:
    qml, _ = style_of(written, "strikes")
    told = options(next(layer for layer in qml.iter("layer") if layer.get("class") == "SimpleMarker"))
    assert (told["expression"], told["size_unit"]) == ('2 * "error_m"', "RenderMetersInMapUnits")


def test_qml_says_what_kind_of_geometry_it_is_for_and_whether_labels_show(written: Path) -> None:
    told = [
        (qml.findtext("layerGeometryType"), qml.get("labelsEnabled"))
        for qml, _ in (style_of(written, "ground"), style_of(written, "strikes"))
    ]
    assert told == [("2", "1"), ("0", "0")]


def test_sld_says_the_same_colours_and_conditions(written: Path) -> None:
    _, sld = style_of(written, "ground")
    words = ET.tostring(sld, encoding="unicode")
    assert all(
        part in words for part in ("#f4a718", "#b87400", "S'HA", "PropertyIsLessThan", "shape://slash")
    )
