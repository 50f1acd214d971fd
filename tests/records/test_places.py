"""Places keep their meaning when they change their CRS."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from shapely import LineString, Point, Polygon, box

from fadeout.records import places


@given(st.floats(-179.9, 179.9), st.floats(-79, 83))
def test_a_place_lies_in_the_utm_zone_chosen_for_it(lon: float, lat: float) -> None:
    crs = places.metric_crs(lon, lat)
    xy = places.move_xy(np.array([[lon, lat]]), places.WGS84, crs)
    assert (places.is_utm(crs), places.is_metric(crs), places.belongs(xy, crs).all()) == (True, True, True)


@given(st.floats(-179, 179), st.floats(-79, 83))
def test_a_place_comes_back_from_its_metric_crs(lon: float, lat: float) -> None:
    crs = places.metric_crs(lon, lat)
    there = places.move([Point(lon, lat)], places.WGS84, crs)
    back = places.move(list(there), crs, places.WGS84)[0]
    assert (back.x, back.y) == pytest.approx((lon, lat), abs=1e-7)


@pytest.mark.parametrize(("lat", "crs"), [(88.0, places.POLAR_NORTH), (-85.0, places.POLAR_SOUTH)])
def test_near_the_poles_where_utm_ends_there_is_still_a_metric_crs(lat: float, crs: str) -> None:
    assert (places.metric_crs(10.0, lat), places.is_metric(crs)) == (crs, True)


def test_a_missing_geometry_stays_missing() -> None:
    assert places.move([None, Point(107, 16)], places.WGS84, "EPSG:32648")[0] is None


def test_coordinates_are_longitude_first_whatever_the_authority_prints() -> None:
    moved = places.move([Point(4.9, 52.37)], places.WGS84, "EPSG:28992")[0]
    assert moved.distance(Point(121_700, 486_800)) < 2_000


@pytest.mark.parametrize(
    ("x", "y", "crs", "good"),
    [
        (107.0, 16.8, "EPSG:4326", True),
        (16.8, 107.0, "EPSG:4326", False),
        (712_000, 1_860_000, "EPSG:32648", True),
        (1_860_000, 712_000, "EPSG:32648", False),
        (np.nan, 1.0, "EPSG:4326", False),
        (np.inf, 1.0, "EPSG:32648", False),
        (122_000, 489_000, "EPSG:28992", True),
        (489_000, 122_000, "EPSG:28992", False),
    ],
)
def test_a_place_that_cannot_be_in_a_crs_is_seen(x: float, y: float, crs: str, good: bool) -> None:
    assert places.belongs(np.array([[x, y]]), crs).tolist() == [good]


@pytest.mark.parametrize(
    ("shape", "words"),
    [
        (box(0, 0, 1, 1), ""),
        (Polygon(), "empty"),
        (Polygon([(0, 0), (1, 1), (1, 0), (0, 1)]), "Self-intersection"),
        (Polygon([(0, 0), (1, 0), (2, 0)]), "not valid"),
        (Polygon([(0, 0), (1, 0), (np.inf, 1)]), "no coordinates"),
    ],
)
def test_a_faulty_polygon_is_described(shape: Polygon, words: str) -> None:
    assert words in places.polygon_fault(shape) and bool(words) == bool(places.polygon_fault(shape))  # noqa: PT018


@pytest.mark.parametrize(
    ("shape", "words"),
    [(LineString([(0, 0), (1, 0)]), ""), (LineString(), "empty"), (LineString([(1, 1), (1, 1)]), "length")],
)
def test_a_faulty_line_is_described(shape: LineString, words: str) -> None:
    assert words in places.line_fault(shape)


def test_the_area_on_the_ellipsoid_is_near_that_on_the_plane() -> None:
    square = box(700_000, 1_860_000, 701_000, 1_861_000)
    # at 200 km from the zone's middle the scale is 1.00009: 0.02 % of an area
    assert places.geodesic_area_m2(square, "EPSG:32648") == pytest.approx(1e6, rel=1e-3)


@pytest.mark.parametrize("text", ["EPSG:999999", "", "WGS something"])
def test_what_is_no_crs_is_told(text: str) -> None:
    with pytest.raises(ValueError, match="not a CRS"):
        places.crs_of(text)
