"""Boxes for phones are read back by GDAL from GPX and KML, where they lie, with rank and reason."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pyogrio
import pytest
import shapely

from fadeout.exchange import waypoints
from fadeout.exchange.waypoints import GPX, KML, Place

STAMP = "SIMULATED <test> & more"


def places(count: int = 2) -> list[Place]:
    """Boxes of 0.001 degrees in a row."""
    return [
        Place(
            f"{n + 1}",
            f"Near EP-{n}: chance of a find 12 % & more\x07",
            (107.0005 + 0.01 * n, 16.8005),
            tuple(
                (107.0 + 0.01 * n + dx, 16.8 + dy)
                for dx, dy in ((0, 0), (0.001, 0), (0.001, 0.001), (0, 0.001))
            ),
            (("mgrs", f"48Q YD 0000{n} 00000"),),
        )
        for n in range(count)
    ]


@pytest.fixture
def gpx(tmp_path: Path) -> Path:
    path = tmp_path / "next_boxes.gpx"
    waypoints.write_gpx(path, places(), title="Next boxes", stamp=STAMP, creator="fadeout 0.1.0")
    return path


@pytest.fixture
def kml(tmp_path: Path) -> Path:
    path = tmp_path / "next_boxes.kml"
    waypoints.write_kml(path, places(), title="Next boxes", stamp=STAMP)
    return path


def layer(path: Path, name: str) -> tuple[list[Any], dict[str, Any]]:
    info, _, shapes, data = pyogrio.raw.read(path, layer=name)
    return list(shapely.from_wkb(shapes)), dict(zip(info["fields"], data, strict=True))


def test_gpx_waypoints_stand_at_the_centres_with_rank_and_reason(gpx: Path) -> None:
    points, told = layer(gpx, "waypoints")
    assert [(p.x, p.y) for p in points] == [pytest.approx(place.centre, abs=1e-7) for place in places()]
    assert list(told["name"]) == ["1", "2"]
    assert told["desc"][0] == f"{STAMP}: Near EP-0: chance of a find 12 % & more"


def test_gpx_tracks_run_around_the_boxes(gpx: Path) -> None:
    tracks, told = layer(gpx, "tracks")
    around = [shapely.Polygon(shapely.get_coordinates(track)).area for track in tracks]
    assert around == pytest.approx([1e-6, 1e-6])
    assert list(told["name"]) == ["1", "2"]


def test_gpx_is_version_1_1_with_its_children_in_the_schemas_order(gpx: Path) -> None:
    root = ET.parse(gpx).getroot()
    assert (root.tag, root.get("version"), root.get("creator")) == (f"{{{GPX}}}gpx", "1.1", "fadeout 0.1.0")
    assert [child.tag.removeprefix(f"{{{GPX}}}") for child in root] == [
        "metadata",
        "wpt",
        "wpt",
        "trk",
        "trk",
    ]
    point = root.find(f"{{{GPX}}}wpt")
    assert point is not None
    assert [child.tag.removeprefix(f"{{{GPX}}}") for child in point] == ["name", "desc", "sym", "type"]


def test_gpx_says_in_the_file_itself_what_was_simulated(gpx: Path) -> None:
    root = ET.parse(gpx).getroot()
    assert root.findtext(f"{{{GPX}}}metadata/{{{GPX}}}name") == f"{STAMP}: Next boxes"


def test_kml_boxes_and_centres_are_read_back_with_their_facts(kml: Path) -> None:
    names = [name for name, _ in pyogrio.list_layers(kml)]
    boxes, told = layer(kml, names[0])
    points, _ = layer(kml, names[1])
    assert [shape.geom_type for shape in boxes] == ["Polygon", "Polygon"]
    assert all(shape.is_valid and shape.contains(point) for shape, point in zip(boxes, points, strict=True))
    assert (told["Name"][1], told["mgrs"][1], told["stamp"][1]) == ("2", "48Q YD 00001 00000", STAMP)


def test_kml_styles_are_a_black_outline_and_a_label(kml: Path) -> None:
    root = ET.parse(kml).getroot()
    used = {one.text for one in root.iter(f"{{{KML}}}styleUrl")}
    styles = {f"#{one.get('id')}": one for one in root.iter(f"{{{KML}}}Style")}
    assert used == set(styles) == {"#box", "#centre"}
    assert styles["#box"].findtext(f"{{{KML}}}LineStyle/{{{KML}}}color") == "ff000000"
    assert styles["#box"].findtext(f"{{{KML}}}PolyStyle/{{{KML}}}fill") == "0"


def test_kml_carries_the_stamp_in_the_document_and_every_placemark(kml: Path) -> None:
    root = ET.parse(kml).getroot()
    said = [one.text or "" for one in root.iter(f"{{{KML}}}description")]
    assert len(said) == 5
    assert all(words.startswith(STAMP) for words in said)


@pytest.mark.parametrize("suffix", ["gpx", "kml"])
def test_no_boxes_give_a_file_that_is_valid_and_empty(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"next_boxes.{suffix}"
    {"gpx": waypoints.write_gpx, "kml": waypoints.write_kml}[suffix](path, [], title="Next boxes")
    assert sum(len(layer(path, str(name))[0]) for name, _ in pyogrio.list_layers(path)) == 0


@pytest.mark.parametrize("suffix", ["gpx", "kml"])
def test_same_boxes_give_the_same_bytes(tmp_path: Path, suffix: str) -> None:
    write = {"gpx": waypoints.write_gpx, "kml": waypoints.write_kml}[suffix]
    files = [tmp_path / f"{name}.{suffix}" for name in "ab"]
    for path in files:
        write(path, places(), title="Next boxes", stamp=STAMP)
    assert files[0].read_bytes() == files[1].read_bytes()
