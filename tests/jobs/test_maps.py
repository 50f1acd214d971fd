"""The maps: what each shows, and that it can be read, cut out and copied without losing its meaning.

Reads   the small case of `report_case.py`
Gives   tests of `jobs/maps.py`, `jobs/map_marks.py`, `jobs/map_scene.py` and `jobs/sheet.py`
Knows   SVG as XML: every text that is drawn also stands in a comment beside its outlines
Start   at `pictures`
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from itertools import pairwise

import numpy as np
import pytest
from report_case import CELL, NORTH, STAMP, WEST, case, evidence, survey
from shapely import Polygon, box

from fadeout.jobs import ground, maps
from fadeout.jobs.map_marks import DENSITY_BREAKS, P_BREAKS, RAMP
from fadeout.jobs.map_scene import Part, extent_of, pooled, trace
from fadeout.jobs.sheet import free_spot, text_width_mm, wrap

KEYS = ["glance", "effort", "remaining", "chance", "area"]
SVG = "{http://www.w3.org/2000/svg}"


def draw(one):
    return maps.draw(
        one.assessment,
        [Part(id, polygon) for id, polygon in ground.hazard_parts(one.assessment)],
        tuple(one.summary["stamps"]),
    )


def texts(picture):
    """Everything written in a picture, in order."""
    return [text.strip() for text in re.findall(r"<!--(.*?)-->", picture.svg, flags=re.S)]


def written(picture):
    return " ".join(texts(picture))


@pytest.fixture(scope="module")
def pictures():
    return draw(case())


def test_there_are_five_maps_in_the_order_of_the_report(pictures):
    assert list(pictures) == KEYS


@pytest.mark.parametrize("key", KEYS)
def test_a_map_is_one_small_well_formed_svg(pictures, key):
    root = ET.fromstring(pictures[key].svg)
    assert root.tag == f"{SVG}svg"
    assert len(pictures[key].svg) < 400_000


@pytest.mark.parametrize("key", KEYS)
def test_a_map_loads_nothing_from_elsewhere(pictures, key):
    links = [v for e in ET.fromstring(pictures[key].svg).iter() for k, v in e.attrib.items() if "href" in k]
    assert links
    assert all(link.startswith(("#", "data:image/png;base64,")) for link in links)


def test_ids_are_unique_over_all_maps_so_that_one_page_can_hold_them(pictures):
    ids = [i for p in pictures.values() for i in re.findall(r'\bid="([^"]+)"', p.svg)]
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("key", KEYS)
def test_the_stamp_is_drawn_above_and_across_every_map(pictures, key):
    assert STAMP in written(pictures[key])
    assert "SIMULATED" in texts(pictures[key])


@pytest.mark.parametrize("key", KEYS)
def test_every_map_carries_scale_north_crs_date_sources_and_what_it_cannot_say(pictures, key):
    words = written(pictures[key])
    for needed in ("grid north", "200 m", "EPSG:32648", "UTM zone 48N", "20 Nov 2026", "test.gpkg"):
        assert needed in words
    assert "This map cannot say: " + pictures[key].cannot_say in words


@pytest.mark.parametrize("key", KEYS)
def test_no_map_calls_ground_free_of_danger(pictures, key):
    assert "safe" not in (written(pictures[key]) + pictures[key].alt).lower()


@pytest.mark.parametrize("key", KEYS)
def test_nothing_on_a_map_is_green(pictures, key):
    for colour in re.findall(r"#([0-9a-f]{6})\b", pictures[key].svg):
        red, green, blue = (int(colour[i : i + 2], 16) for i in (0, 2, 4))
        assert not (green > red + 8 and green > blue + 8), colour


def test_searched_ground_stopped_boxes_and_ground_never_searched_have_each_a_legend_entry(pictures):
    words = written(pictures["effort"])
    for entry in ("not searched", "stopped at a find", "could not be searched", "finds 50 to 80 % of items"):
        assert entry in words


def test_each_kind_of_evidence_has_a_shape_of_its_own(pictures):
    words = written(pictures["effort"])
    for entry in ("item found", "fragment", "accident", "report, no item seen", "strike record"):
        assert entry in words


def test_ground_never_searched_is_hatched_on_every_map_without_a_ramp(pictures):
    for key in ("glance", "effort", "area"):
        assert "<pattern" in pictures[key].svg
        assert "not searched" in written(pictures[key])


def test_class_breaks_are_fixed_and_written_in_the_legend(pictures):
    assert P_BREAKS == (0.0, 0.01, 0.05, 0.2, 0.5, 0.8)
    for key, breaks in (("chance", P_BREAKS), ("remaining", DENSITY_BREAKS)):
        assert {f"{b:g}" for b in breaks} <= set(texts(pictures[key]))


def test_the_ramp_darkens_with_every_class_so_that_a_grey_copy_keeps_the_order():
    grey = [sum(w * int(c[i : i + 2], 16) for w, i in ((0.3, 1), (0.59, 3), (0.11, 5))) for c in RAMP]
    assert all(light - dark > 15 for light, dark in pairwise(grey))


def test_the_hazardous_area_carries_its_letter_id_and_hectares(pictures):
    assert any(re.fullmatch(r"S\s+SHA-1\s+[\d.]+\sha", text) for text in texts(pictures["area"]))


def test_every_next_box_has_its_rank_on_the_map(pictures):
    assert {str(rank) for rank in range(1, 13)} <= set(texts(pictures["area"]))


def test_maps_side_by_side_have_one_width_and_one_scale(pictures):
    assert len({pictures[key].width_mm for key in KEYS[1:]}) == 1


def test_the_same_assessment_gives_the_same_bytes(pictures):
    assert draw(case())["glance"].svg == pictures["glance"].svg


@pytest.mark.parametrize("lacking", ["finds", "search", "strikes"])
def test_maps_are_drawn_when_something_is_lacking(lacking):
    drawn = draw(case(boxes=0, area=lacking != "finds", **{lacking: False}))
    assert list(drawn) == KEYS


def test_where_nothing_was_searched_the_map_says_so():
    drawn = draw(case(search=False))
    assert "nothing was searched" in written(drawn["chance"])


def test_a_failed_check_stands_in_every_picture():
    for picture in draw(case(checks=False)).values():
        assert "CHECKS FAILED" in written(picture)


def test_hostile_ids_and_file_names_are_drawn_as_text():
    hostile = "<script>alert('x')</script> $\\frac{1}{0}$ -->"
    one = case(title=hostile)
    one.summary["hazardous_area"]["parts"][0]["id"] = hostile
    changed = survey(evidence=evidence(hostile), stamp=hostile)
    one.assessment.survey = changed
    one.summary["stamp"] = hostile
    for picture in draw(one).values():
        ET.fromstring(picture.svg)
        assert "<script" not in picture.svg


def test_traced_cells_keep_area_and_holes():
    cells = np.ones((5, 5), bool)
    cells[2, 2] = False
    shape = trace(cells, WEST, NORTH, CELL)
    assert shape.area == 24 * CELL**2
    assert len(shape.interiors) == 1


def test_a_long_thin_area_still_gets_a_map_no_narrower_than_four_to_five():
    west, south, east, north = extent_of(box(0, 0, 1000, 50))
    assert (north - south) / (east - west) >= 0.79
    assert west <= 0
    assert east >= 1000


def test_pooling_keeps_the_highest_chance_and_the_outside():
    values = np.full((1000, 1000), np.nan)
    values[500:, :] = 0.1
    values[999, 999] = 0.9
    small = pooled(values, np.max)
    assert max(small.shape) <= 480
    assert np.nanmax(small) == 0.9
    assert np.isnan(small[0, 0])


def test_a_label_moves_until_it_covers_nothing():
    x, y = free_spot((10, 10), (4, 2), [(8, 9, 12, 11)], (0, 0, 20, 20))
    assert abs(x - 10) >= 4 or abs(y - 10) >= 2


def test_a_word_too_long_for_its_line_is_broken():
    lines = wrap("x" * 300, 40.0, 6.0)
    assert len(lines) > 1
    assert all(text_width_mm(line, 6.0) <= 41.0 for line in lines)


def test_an_area_with_a_hole_is_drawn_with_its_hole():
    ring = Polygon(
        box(WEST, NORTH - 900, WEST + 900, NORTH).exterior,
        [box(WEST + 300, NORTH - 600, WEST + 600, NORTH - 300).exterior],
    )
    one = case()
    one.assessment.survey = survey(area=ring)
    assert draw(one)["effort"].svg.startswith("<svg")
