"""Polygons over a grid: cells cut by edges are parted exactly."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely import LineString, MultiPolygon, Point, Polygon, box
from shapely.affinity import rotate
from shapely.geometry.base import BaseGeometry

from fadeout.jobs import overlay

FRAME = overlay.Frame(west=1000.0, north=2000.0, cell_m=25.0, rows=12, cols=16)
EXACT = 1e-5  # overlay.TOLERANCE of a cell's area may be lost at each of some edges


def combined(
    polygons: list[BaseGeometry], detection: list[float], group: list[int] | None = None
) -> tuple[np.ndarray, np.ndarray]:
    groups = np.arange(len(polygons)) if group is None else np.array(group)
    return overlay.combine(overlay.cover(polygons, FRAME), np.array(detection), groups, FRAME)


def slowly(
    polygons: list[BaseGeometry], detection: list[float], group: list[int], row: int, col: int
) -> float:
    """Give keep of one cell by splitting it into every combination of polygons, one after the other."""
    pieces = [(FRAME.squares(np.array([row]), np.array([col]))[0], frozenset())]
    for i, polygon in enumerate(polygons):
        split = []
        for piece, under in pieces:
            split += [(piece & polygon, under | {i}), (piece - polygon, under)]
        pieces = [(piece, under) for piece, under in split if piece.area > 0]
    total = 0.0
    for piece, under in pieces:
        best = {g: max(detection[i] for i in under if group[i] == g) for g in {group[i] for i in under}}
        total += piece.area * float(np.prod([1 - p for p in best.values()]))
    return total / FRAME.cell_m**2


def test_a_box_on_cell_borders_cuts_no_cell() -> None:
    covered = overlay.cover([box(1050, 1900, 1100, 1950)], FRAME)
    assert len(covered.cut_of) == 0


def test_a_box_whose_edges_are_off_by_rounding_cuts_no_cell() -> None:
    covered = overlay.cover([box(1050 - 1e-9, 1900 + 1e-9, 1100 + 1e-9, 1950)], FRAME)
    assert len(covered.cut_of) == 0


def test_two_boxes_of_one_sweep_that_halve_a_cell_search_it_once() -> None:
    left, right = box(1025, 1950, 1062.5, 1975), box(1062.5, 1950, 1100, 1975)
    keep, _ = combined([left, right], [0.8, 0.8])
    assert keep[1, 2] == pytest.approx(0.2, abs=EXACT)  # and not (1 - 0.4)² = 0.36


def test_half_a_cell_searched_keeps_the_mean_of_both_halves() -> None:
    keep, share = combined([box(1000, 1975, 1012.5, 2000)], [0.8])
    assert (keep[0, 0], share[0, 0]) == pytest.approx((0.6, 0.5), abs=EXACT)


def test_two_searches_of_one_place_combine() -> None:
    ground = box(1000, 1900, 1100, 2000)
    keep, _ = combined([ground, ground], [0.5, 0.8])
    assert keep[1, 1] == pytest.approx(0.1)


def test_searches_of_one_group_count_once_with_the_better_chance() -> None:
    ground = box(1000, 1900, 1110, 2000)
    keep, _ = combined([ground, ground], [0.5, 0.8], [0, 0])
    assert (keep[1, 1], keep[1, 4]) == pytest.approx((0.2, 1 - 0.8 * 0.4), abs=EXACT)


def test_a_perfect_search_leaves_nothing_where_it_went() -> None:
    keep, _ = combined([box(1000, 1900, 1110, 2000)], [1.0])
    assert (keep[0, 0], keep[0, 4], keep[0, 5]) == pytest.approx((0.0, 0.6, 1.0), abs=EXACT)


def test_ground_outside_the_grid_is_left_out() -> None:
    _, share = combined([box(0, 0, 900, 900), box(900, 1900, 1050, 2100)], [0.5, 0.5])
    assert share.sum() == pytest.approx(2 * 4, abs=EXACT)


def test_a_search_of_many_parts_is_searched_in_each() -> None:
    both = MultiPolygon([box(1000, 1975, 1025, 2000), box(1100, 1900, 1112.5, 1925)])
    _, share = combined([both], [0.5])
    assert (share[0, 0], share[3, 4], share.sum()) == pytest.approx((1.0, 0.5, 1.5), abs=EXACT)


def test_a_hole_in_searched_ground_is_not_searched() -> None:
    ground = Polygon(box(1000, 1900, 1100, 2000).exterior, [box(1025, 1925, 1050, 1950).exterior])
    _, share = combined([ground], [0.5])
    assert share[2, 1] == 0


def test_the_area_under_search_is_that_of_the_union() -> None:
    shapes = [
        Point(1200, 1850).buffer(70),
        rotate(box(1180, 1800, 1300, 1900), 30),
        Point(1250, 1800).buffer(40),
    ]
    _, share = combined(shapes, [0.5, 0.6, 0.7])
    inside = shapely.union_all(shapes) & box(1000, 1700, 1400, 2000)
    assert share.sum() * 25**2 == pytest.approx(inside.area, rel=1e-5)


def test_a_cell_crossed_by_very_many_tracks_is_sampled_nearly_right() -> None:
    tracks = [LineString([(1000, 1975 + 2 * k), (1025, 1976 + 2 * k)]).buffer(0.4) for k in range(12)]
    tracks += [LineString([(1001 + 2 * k, 1975), (1001 + 2 * k, 2000)]).buffer(0.4) for k in range(12)]
    keep, _ = combined(tracks, [0.5] * 24)
    # each set of tracks covers about 38 % of the cell; 576 sample points err by some 2 %
    assert keep[0, 0] == pytest.approx(slowly(tracks, [0.5] * 24, list(range(24)), 0, 0), abs=0.05)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_any_polygons_combine_as_their_pieces_do(seed: int) -> None:
    dice = np.random.default_rng(seed)
    shapes = []
    for _ in range(int(dice.integers(1, 7))):
        x, y, w, h = dice.uniform(990, 1350), dice.uniform(1710, 1980), *dice.uniform(10, 150, 2)
        shapes.append(rotate(box(x, y, x + w, y + h), dice.uniform(0, 90)))
    detection = dice.uniform(0.1, 1.0, len(shapes)).tolist()
    group = dice.integers(0, 4, len(shapes)).tolist()
    keep, _ = combined(shapes, detection, group)
    row, col = int(dice.integers(12)), int(dice.integers(16))
    assert keep[row, col] == pytest.approx(slowly(shapes, detection, group, row, col), abs=EXACT)


@settings(max_examples=25, deadline=None)
@given(st.floats(990, 1410), st.floats(1690, 2010), st.floats(5, 200))
def test_centres_are_in_a_circle_as_their_distance_says(x: float, y: float, radius: float) -> None:
    inside = overlay.centres_in(Point(x, y).buffer(radius, quad_segs=64), FRAME)
    away = np.hypot(FRAME.centres_x[None, :] - x, FRAME.centres_y[:, None] - y)
    clear = np.abs(away - radius) > 0.01 * radius + 0.01  # a circle of 256 corners is that near to round
    np.testing.assert_array_equal(inside[clear], (away <= radius)[clear])


def test_whoever_covers_a_cell_is_named() -> None:
    covered = overlay.cover([box(1000, 1900, 1110, 2000), box(1100, 1900, 1200, 2000)], FRAME)
    who = overlay.Coverage(covered, np.array([-1, 0, -1, 1]), (12, 16))
    assert (who.searches_at((0, 0)), who.searches_at((0, 4)), who.searches_at((9, 9))) == ([1], [1, 3], [])


def test_the_cells_of_a_search_stay_on_the_grid() -> None:
    covered = overlay.cover([box(0, 0, 5000, 5000)], FRAME)
    who = overlay.Coverage(covered, np.array([0]), (12, 16))
    assert sorted(map(tuple, who.cells_of(0).tolist())) == [(r, c) for r in range(12) for c in range(16)]
