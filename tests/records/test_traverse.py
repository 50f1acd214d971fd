"""A polygon laid out by bearing and distance lies where it was walked, and says how well it closes."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyproj import Geod

from fadeout.records import places
from fadeout.records.traverse import compass_rule, convergence, traverse

GEOD = Geod(ellps="WGS84")
PLACE = (107.0, 16.8)
SQUARE = [(0.0, 100.0), (90.0, 100.0), (180.0, 100.0), (270.0, 100.0)]


def test_a_square_of_100_m_has_a_hectare_and_closes() -> None:
    got = traverse(PLACE, SQUARE)
    # the two sides along the parallel differ by d² tan(lat) / R = 0.5 mm, so the square misses by that; 0.05 m² of area
    assert (got.closing_m, got.shape.exterior.is_ccw) == (pytest.approx(0, abs=1e-3), False)
    assert places.geodesic_area_m2(got.shape, places.WGS84) == pytest.approx(10_000, abs=0.06)


def test_corners_lie_where_their_legs_lead() -> None:
    got = traverse(PLACE, SQUARE)
    azimuth, _, distance = GEOD.inv(*PLACE, *got.points[2])
    assert (azimuth, distance) == (pytest.approx(45, abs=1e-3), pytest.approx(100 * math.sqrt(2), abs=1e-3))


def test_the_start_may_lie_apart_from_the_benchmark() -> None:
    got = traverse(PLACE, SQUARE, to_start=[(90, 300), (0, 400)])
    assert GEOD.inv(*PLACE, *got.points[0])[2] == pytest.approx(500, abs=0.01)


def test_a_known_error_of_one_leg_is_the_closing_error() -> None:
    got = traverse(PLACE, [*SQUARE[:3], (270.0, 96.0)])
    assert (got.closing_m, got.closing_share) == (
        pytest.approx(4, abs=1e-3),
        pytest.approx(4 / 396, abs=1e-5),
    )
    assert (got.within_limit, "measure again" in got.words, got.adjusted) == (False, True, False)


def test_the_closing_error_is_left_alone_unless_asked() -> None:
    legs = [*SQUARE[:3], (270.0, 98.0)]
    left, spread = traverse(PLACE, legs), traverse(PLACE, legs, adjust=True)
    assert left.points[1:] == pytest.approx(traverse(PLACE, SQUARE).points[1:], abs=1e-12)
    assert (left.adjusted, spread.adjusted, spread.closing_m) == (False, True, left.closing_m)


def test_the_compass_rule_moves_each_corner_by_its_share_of_the_way() -> None:
    # ends 2 m east of the start after 398 m: corners move west by 2 * 100/398, 2 * 200/398, 2 * 300/398
    legs = [*SQUARE[:3], (270.0, 98.0)]
    left, spread = traverse(PLACE, legs).points, traverse(PLACE, legs, adjust=True).points
    flat = f"+proj=aeqd +lon_0={PLACE[0]} +lat_0={PLACE[1]} +datum=WGS84"
    moved = places.move_xy(spread, places.WGS84, flat) - places.move_xy(left, places.WGS84, flat)
    assert moved[:, 0] == pytest.approx([0, -200 / 398, -400 / 398, -600 / 398], abs=1e-3)
    assert moved[:, 1] == pytest.approx(np.zeros(4), abs=1e-3)


def test_after_the_compass_rule_the_last_leg_ends_at_the_start() -> None:
    reached = np.array([PLACE, (107.001, 16.8), (107.001, 16.801), (107.00001, 16.80001)])
    assert compass_rule(reached, np.array([100.0, 110.0, 150.0]))[-1] == pytest.approx(PLACE, abs=1e-12)


def test_an_error_above_the_limit_is_not_distributed() -> None:
    with pytest.raises(ValueError, match="wrong leg"):
        traverse(PLACE, [*SQUARE[:3], (270.0, 90.0)], adjust=True)
    assert traverse(PLACE, [*SQUARE[:3], (270.0, 90.0)], adjust=True, limit=0.05).adjusted


def test_a_magnetic_bearing_is_turned_by_the_declination() -> None:
    turned = [(2.5, 100.0), (92.5, 100.0), (182.5, 100.0), (272.5, 100.0)]
    got = traverse(PLACE, turned, north="magnetic", declination=-2.5)
    assert got.points == pytest.approx(traverse(PLACE, SQUARE).points, abs=1e-12)


@given(st.sampled_from([(107.9, 16.8), (102.2, 16.8), (-68.1, -16.5), (5.9, 60.4), (179.9, -16.5)]))
def test_a_leg_along_grid_north_goes_along_the_grid(place: tuple[float, float]) -> None:
    crs = places.metric_crs(*place)
    got = traverse(place, [(0, 500), (90, 500), (180, 500), (270, 500)], north="grid")
    step = np.diff(places.move_xy(got.points, places.WGS84, crs)[:2], axis=0)[0]
    # over 500 m the arc leaves its chord on the grid by less than half an arc second: 1.2 mm
    assert (step[0], step[1]) == (pytest.approx(0, abs=2e-3), pytest.approx(500, rel=1e-3))


def test_convergence_is_the_angle_from_true_to_grid_north() -> None:
    crs, place = "EPSG:32648", np.array([[107.9, 16.8]])
    here = places.move_xy(place, places.WGS84, crs)
    there = places.move_xy(here + np.array([[0, 100]]), crs, places.WGS84)
    azimuth = GEOD.inv(*place[0], *there[0])[0]
    assert convergence(107.9, 16.8, crs) == pytest.approx(azimuth, abs=1e-3)


@pytest.mark.parametrize(("unit", "right"), [("degrees", 90.0), ("grads", 100.0), ("mils", 1600.0)])
def test_bearings_come_in_degrees_grads_and_mils(unit: str, right: float) -> None:
    legs = [(right * n, 100.0) for n in range(4)]
    assert traverse(PLACE, legs, unit=unit).points == pytest.approx(traverse(PLACE, SQUARE).points, abs=1e-12)


def test_without_a_last_leg_the_closing_error_is_unknown() -> None:
    got = traverse(PLACE, SQUARE[:3], closed=False)
    assert (math.isnan(got.closing_m), got.within_limit, len(got.points)) == (True, False, 4)
    assert got.perimeter_m == pytest.approx(400, abs=1e-3)


def test_without_a_last_leg_there_is_nothing_to_distribute() -> None:
    with pytest.raises(ValueError, match="no closing error"):
        traverse(PLACE, SQUARE[:3], closed=False, adjust=True)


def test_every_faulty_leg_is_named_at_once() -> None:
    with pytest.raises(ValueError, match=r"leg 1: bearing 370.*leg 2: distance -5") as told:
        traverse(PLACE, [(370, 100), (90, -5), (180, 100), (float("nan"), 100)])
    assert "leg 4" in str(told.value)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"north": "up"}, "true, magnetic or grid"),
        ({"unit": "points"}, "unit of bearings"),
        ({"declination": 2.0}, "say magnetic"),
        ({"north": "magnetic", "declination": 120.0}, "declination"),
        ({"north": "grid", "grid": "EPSG:4326"}, "no grid north"),
    ],
)
def test_what_cannot_be_meant_is_refused(change: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        traverse(PLACE, SQUARE, **change)  # type: ignore[arg-type]


def test_two_corners_are_no_polygon() -> None:
    with pytest.raises(ValueError, match="2 corners"):
        traverse(PLACE, SQUARE[:2])
