"""The geometry gate stops what is broken, tells of what looks wrong, and leaves sound shapes alone."""

from __future__ import annotations

import math
import re
import time
from pathlib import Path

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from shapely import LineString, MultiPolygon, Point, Polygon, box
from shapely.affinity import translate
from shapely.geometry.base import BaseGeometry

from fadeout.records import places
from fadeout.records.gate import Finding, check
from fadeout.records.mending import repair

BOX = box(107.0, 16.8, 107.001, 16.801)
BOW = Polygon([(107, 16.8), (107.001, 16.801), (107.001, 16.8), (107, 16.801)])
GROUND = box(106.5, 16.3, 107.5, 17.3)
NONE: list[BaseGeometry | None] = [None]


def codes(found: list[Finding]) -> set[tuple[str, tuple[int, ...], bool]]:
    return {(one.code.removeprefix("gate."), one.rows, one.refuses) for one in found}


def of(*shapes: BaseGeometry | None, kind: str = "hazardous_area", ground: BaseGeometry | None = None) -> set:
    return codes(check(kind, [f"A-{n}" for n in range(len(shapes))], shapes, ground))


def test_sound_shapes_pass() -> None:
    assert (
        of(BOX, translate(BOX, 0.002), None, Point(107, 16.8), LineString([(107, 16.8), (107, 16.81)]))
        == set()
    )


def test_nothing_given_gives_nothing() -> None:
    assert check("hazardous_area", [], [], GROUND) == []


def test_ids_and_shapes_come_in_pairs() -> None:
    with pytest.raises(ValueError, match="2 ids and 1 shapes"):
        check("box", ["A", "B"], NONE)


def test_a_polygon_that_crosses_itself_is_refused_without_telling_where() -> None:
    found = check("hazardous_area", ["A-1", "A-2"], [BOX, BOW])
    assert codes(found) == {("invalid", (1,), True)}
    assert ("Self-intersection" in found[0].words, "107" in found[0].words) == (True, False)


@pytest.mark.parametrize(
    "shape",
    [
        Polygon([(107, 16.8), (107.1, 16.8), (107, 16.8)]),
        Polygon([(107, 16.8), (107.01, 16.81), (107, 16.8), (107.01, 16.81)]),
        Polygon([(107, 16.8)] * 4),
        LineString([(107, 16.8), (107, 16.8)]),
    ],
)
def test_fewer_than_three_different_corners_or_two_of_a_line_are_refused(shape: BaseGeometry) -> None:
    assert of(shape) == {("few-vertices", (0,), True)}


@pytest.mark.parametrize(
    "shape", [Polygon(), Point(), Point(107, math.nan), Polygon([(107, 16), (108, 16), (108, math.inf)])]
)
def test_a_shape_without_numbers_is_refused(shape: BaseGeometry) -> None:
    assert of(shape) == {("no-coordinates", (0,), True)}


@pytest.mark.parametrize(
    "shape", [Point(0, 0), Point(0.00005, -0.00005), Polygon([(0, 0), (107, 16.8), (107, 16.9)])]
)
def test_a_vertex_at_zero_zero_is_refused(shape: BaseGeometry) -> None:
    assert of(shape, ground=GROUND) == {("null-island", (0,), True)}


def test_a_place_whose_axes_are_swapped_is_told_apart_from_one_that_is_far_away() -> None:
    shapes = (Point(16.8, 107.0), Point(107.0, 16.8), Point(30.0, 50.0), Point(16.8, 17.0))
    assert of(*shapes, ground=GROUND) == {("swapped-axes", (0,), True), ("outside", (2, 3), True)}


def test_without_a_ground_only_what_is_off_the_earth_is_refused() -> None:
    shapes = (Point(16.8, 107.0), Point(107.0, 16.8), Point(30.0, 50.0), Point(200, 100))
    assert of(*shapes) == {("swapped-axes", (0,), True), ("outside", (3,), True)}


@pytest.mark.parametrize(("km", "refused"), [(49.0, False), (51.0, True)])
@pytest.mark.parametrize("north", [True, False])
def test_places_may_lie_fifty_kilometres_beyond_the_ground(km: float, refused: bool, north: bool) -> None:
    degrees = km * 1000 / 110_657  # metres to a degree of latitude at 17.5°
    place = Point(107.0, 17.3 + degrees) if north else Point(107.5 + km * 1000 / 106_600, 16.8)
    assert bool(of(place, ground=GROUND)) is refused


def test_one_vertex_far_away_refuses_its_polygon() -> None:
    assert ("outside", (0,), True) in of(Polygon([(107, 16.8), (107.1, 16.8), (117.1, 16.9)]), ground=GROUND)


def test_ground_on_both_sides_of_the_date_line_holds_what_lies_there() -> None:
    ground = MultiPolygon([box(179, -17, 180, -16), box(-180, -17, -179, -16)])
    assert of(Point(179.9, -16.5), Point(-179.9, -16.5), Point(-170, -16.5), ground=ground) == {
        ("outside", (2,), True)
    }


def test_an_id_that_stands_twice_is_refused_and_one_that_differs_in_case_is_told() -> None:
    found = check("box", ["A-1", " A-1", "a-1", "B-1", "b-1", "C-1", "", ""], [None] * 8)
    assert codes(found) == {("same-id", (0, 1), True), ("alike-id", (0, 1, 2, 3, 4), False)}
    assert found[0].refuses


@given(st.integers(0, 4), st.booleans())
def test_the_same_ring_is_known_wherever_it_begins_and_whichever_way_it_goes(
    start: int, turned: bool
) -> None:
    corners = [(107.0, 16.8), (107.002, 16.8), (107.003, 16.802), (107.001, 16.803), (107.0, 16.802)]
    again = corners[start:] + corners[:start]
    assert of(Polygon(corners), Polygon(again[::-1] if turned else again)) == {
        ("same-polygon", (0, 1), False)
    }


def test_a_repeated_vertex_or_a_tenth_of_a_millimetre_does_not_make_another_polygon() -> None:
    corners = list(BOX.exterior.coords)[:-1]
    assert of(BOX, Polygon([corners[0], *corners])) == {("same-polygon", (0, 1), False)}
    assert of(BOX, translate(BOX, 1e-11)) == {("same-polygon", (0, 1), False)}


def test_a_polygon_with_a_hole_is_not_the_one_without() -> None:
    holed = BOX.difference(box(107.0004, 16.8004, 107.0005, 16.8005))
    assert of(BOX, holed, kind="searched") == set()


def test_points_with_exactly_the_same_coordinates_are_told() -> None:
    near = Point(107.0 + 1e-9, 16.8)
    assert of(Point(107, 16.8), near, Point(107, 16.8), kind="evidence") == {("same-point", (0, 2), False)}


@pytest.mark.parametrize(("metres", "told"), [(4_990.0, False), (5_010.0, True)])
def test_vertices_more_than_five_kilometres_apart_are_told(metres: float, told: bool) -> None:
    north = metres / 110_644  # metres to a degree of latitude at 16.8°
    assert bool(of(LineString([(107, 16.8), (107, 16.8 + north)]), kind="searched")) is told
    ring = of(Polygon([(107, 16.8), (107.001, 16.8), (107, 16.8 + north)]))
    assert (("far-vertices", (0,), False) in ring) is (told or metres > 4_999)


def test_parts_of_a_multipolygon_may_lie_far_apart() -> None:
    assert of(MultiPolygon([BOX, translate(BOX, 0.5)])) == set()


def test_vertices_on_both_sides_of_the_date_line_are_near_each_other() -> None:
    assert of(LineString([(179.9999, -16.5), (-179.9999, -16.5)]), kind="searched") == set()


def test_an_overlap_is_told_with_its_area_on_the_ellipsoid() -> None:
    found = check("hazardous_area", ["A", "B", "C"], [BOX, translate(BOX, 0.0005), translate(BOX, 0.01)])
    half = places.geodesic_area_m2(BOX, places.WGS84) / 2
    assert codes(found) == {("overlap", (0, 1), False)}
    assert found[0].pairs == ((0, 1, pytest.approx(half, rel=1e-6)),)


def test_one_polygon_inside_another_overlaps_it() -> None:
    inner = box(107.0002, 16.8002, 107.0004, 16.8004)
    assert of(BOX, inner) == {("overlap", (0, 1), False)}


def test_neighbours_that_touch_and_slivers_are_not_told() -> None:
    sliver = box(107.001 - 5e-9, 16.8, 107.002, 16.801)  # 0.5 mm wide, 110 m long: 0.06 m²
    assert of(BOX, translate(BOX, 0.001), kind="box") == set()
    assert of(BOX, sliver) == set()


def test_ground_that_is_searched_again_is_no_overlap() -> None:
    assert of(BOX, translate(BOX, 0.0005), kind="searched") == set()


def test_all_faults_of_one_run_are_told_at_once_and_refusals_first() -> None:
    found = check("hazardous_area", ["A", "A", "B", "C"], [BOW, BOX, translate(BOX, 0.0005), Point(0, 0)])
    assert [one.refuses for one in found] == sorted((one.refuses for one in found), reverse=True)
    assert {one.code for one in found} == {"gate.invalid", "gate.same-id", "gate.null-island", "gate.overlap"}


def test_the_page_on_the_gate_names_every_code_and_whether_it_refuses() -> None:
    root = Path(__file__).resolve().parents[2]
    source = (root / "src" / "fadeout" / "records" / "gate.py").read_text(encoding="utf-8")
    page = (root / "docs" / "explanation" / "gate.md").read_text(encoding="utf-8")
    told = re.findall(r'self\.tell\(\s*"(gate\.[a-z-]+)".*?refuses=(True|False)', source, re.DOTALL)
    rows = re.findall(r"^\| `(gate\.[a-z-]+)` \|.*\| (refuses|notes) \|$", page, re.MULTILINE)
    assert {(code, word == "refuses") for code, word in rows} == {
        (code, flag == "True") for code, flag in told
    }
    assert len(rows) == 12


def test_words_name_some_ids_and_count_the_rest() -> None:
    found = check("evidence", [f"EP-{n}" for n in range(8)], [Point(0, 0)] * 8)
    assert found[0].words.startswith("8 of 8 rows (EP-0, EP-1, EP-2, EP-3, EP-4 and 3 more):")


def test_a_bow_tie_becomes_two_triangles_with_the_ground_it_drew() -> None:
    made = repair(BOW)
    box_area = places.geodesic_area_m2(BOX, places.WGS84)
    assert (made.shape.is_valid, len(made.shape.geoms)) == (True, 2)
    # two triangles of a quarter of the box; along the sphere the halves differ by less than 1e-4
    assert made.after_m2 == pytest.approx(box_area / 2, rel=1e-4)
    assert ("crossed itself" in made.words, "2 parts instead of 1" in made.words) == (True, True)


def test_parts_that_overlap_are_joined_by_repair() -> None:
    made = repair(MultiPolygon([BOX, translate(BOX, 0.0005)]))
    assert made.after_m2 == pytest.approx(1.5 * places.geodesic_area_m2(BOX, places.WGS84), rel=1e-6)


def test_a_valid_polygon_is_left_as_it_is() -> None:
    made = repair(BOX)
    assert (made.shape, made.before_m2, "nothing changed" in made.words) == (BOX, made.after_m2, True)


@pytest.mark.parametrize(
    ("shape", "words"),
    [
        (Polygon([(107, 16.8), (107.1, 16.8), (107, 16.8)]), "no ground is left"),
        (Point(107, 16.8), "Point is not repaired"),
        (Polygon([(107, 16.8), (107.1, 16.8), (107, math.inf)]), "no coordinates"),
    ],
)
def test_what_holds_no_ground_is_not_repaired(shape: BaseGeometry, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        repair(shape)


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(0, 20)), min_size=4, max_size=12))
def test_a_repaired_polygon_passes_the_gate(corners: list[tuple[int, int]]) -> None:
    shape = Polygon([(107 + x / 1e4, 16.8 + y / 1e4) for x, y in corners])
    try:
        made = repair(shape).shape
    except ValueError:
        return
    assert of(made) == set()


def test_a_hundred_thousand_points_and_five_thousand_polygons_take_seconds() -> None:
    rng = np.random.default_rng(5)
    points = shapely.points(106.5 + rng.random(100_000), 16.3 + rng.random(100_000))
    angles = np.linspace(0, 2 * np.pi, 60, endpoint=False)
    middles = np.column_stack([106.5 + rng.random(5_000), 16.3 + rng.random(5_000)])
    rings = middles[:, None, :] + 0.006 * np.stack([np.cos(angles), np.sin(angles)], axis=-1)
    begun = time.process_time()
    check("evidence", [f"EP-{n}" for n in range(100_000)], points, GROUND)
    check("hazardous_area", [f"A-{n}" for n in range(5_000)], shapely.polygons(rings), GROUND)
    assert (
        time.process_time() - begun < 15
    )  # measured: under 2 s together on one core; room for slow machines
