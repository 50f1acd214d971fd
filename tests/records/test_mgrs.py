"""Grid references agree with published ones, and name the square that a place lies in."""

from __future__ import annotations

import pytest
from pyproj import Geod

from fadeout.records.mgrs import mgrs, parse, utm, zone_and_band

PUBLISHED = (
    ("38S MB 44140 84706", 44.4, 33.3),  # GeographicLib, manual of GeoConvert
    ("15T WG 00000 49776", -93.0, 42.0),  # PyPI mgrs (NGA GEOTRANS), readme
    ("31U DQ 48251 11932", 2.2944939, 48.8581984),  # Eiffel Tower; centre of that metre
    ("18S UJ 23487 06483", -77.0351913258, 38.8895042212),  # Washington Monument, FGDC-STD-011-2001
    ("4Q FJ 12345 67890", -157.9160763175, 21.4098011578),  # NGA's example of the format
    ("56H LH 34786 52080", 151.2140283575, -33.8586594875),  # Sydney, south of the equator
    ("32V KM 76979 58157", 4.9999920517, 60.0000024344),  # Norway: zone 32 reaches further west
    ("33X XG 15914 63320", 20.000000029, 78.0000026844),  # Svalbard: zone 33 takes in half of 34
)


@pytest.mark.parametrize(("reference", "lon", "lat"), PUBLISHED)
def test_references_are_those_published(reference: str, lon: float, lat: float) -> None:
    assert mgrs(lon, lat) == reference


@pytest.mark.parametrize(("reference", "lon", "lat"), PUBLISHED)
def test_published_references_lead_to_the_places_published(reference: str, lon: float, lat: float) -> None:
    got_lon, got_lat, half = parse(reference)
    apart = Geod(ellps="WGS84").inv(lon, lat, got_lon, got_lat)[2]
    assert (half, apart < 0.72) == (0.5, True)  # half the diagonal of a square metre is 0.71 m


def test_a_square_far_outside_its_zone_is_refused_and_one_just_beyond_its_edge_is_read() -> None:
    # zone 48 begins at 102° E, 164 km west of its middle there; the places lie 5, 205 and 305 km west of the middle
    inside = mgrs(104.9, 60.5)
    beyond, far = inside.replace("V V", "V T"), inside.replace("V V", "V S")
    assert 101 < parse(beyond)[0] < 102
    with pytest.raises(ValueError, match="far outside zone 48"):
        parse(far)


def test_a_place_a_hair_south_of_the_equator_has_a_band_and_a_northing_of_one_hemisphere() -> None:
    assert utm(0.0, -1e-80) == utm(0.0, 0.0)


def test_fewer_digits_name_the_larger_square_that_holds_the_place() -> None:
    assert [mgrs(44.4, 33.3, digits) for digits in (4, 2, 0)] == [
        "38S MB 4414 8470",
        "38S MB 44 84",
        "38S MB",
    ]


def test_utm_gives_the_metres_that_mgrs_cuts() -> None:
    assert utm(151.2140283575, -33.8586594875) == "56H 334786 6252080"


def test_the_equator_and_the_antimeridian_have_references() -> None:
    assert [zone_and_band(*place) for place in ((0.0, 0.0), (180.0, -0.1), (-180.0, 83.9))] == [
        (31, "N"),
        (1, "M"),
        (1, "X"),
    ]


@pytest.mark.parametrize("lat", [84.1, -80.1, float("nan")])
def test_where_utm_ends_no_reference_is_given(lat: float) -> None:
    with pytest.raises(ValueError, match="UTM covers"):
        mgrs(10.0, lat)
