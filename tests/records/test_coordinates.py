"""A place is read as people write it, and a text that is none is refused in words."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyproj import Geod

from fadeout.records import mgrs
from fadeout.records.coordinates import DECIMAL, MGRS, MINUTES, SECONDS, UTM, read

GEOD = Geod(ellps="WGS84")
LON = st.floats(-180, 180, exclude_max=True)
LAT = st.floats(-79.99, 83.99)
GROUND = (
    1.5e-2  # m: rounding of 1e-4 m in `mgrs`, and what projecting there and back may lose near a zone's edge
)


def apart_m(lon: float, lat: float, other_lon: float, other_lat: float) -> float:
    return float(GEOD.inv(lon, lat, other_lon, other_lat)[2])


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("16.8025, 107.05", DECIMAL),
        ("16.8025 107.05", DECIMAL),
        ("(16.8025; 107.05)", DECIMAL),
        ("16.8025N 107.05E", DECIMAL),
        ("107.05E, 16.8025N", DECIMAL),
        ("N16.8025 E107.05", DECIMAL),
        ("16,8025; 107,05", DECIMAL),
        ("16,8025 107,05", DECIMAL),
        ("16,8025, 107,05", DECIMAL),
        ("16,8025N 107,05E", DECIMAL),
        ("16.8025° N / 107.05° E", DECIMAL),
        ("16.8025°, 107.05°", DECIMAL),
        ("lat 16.8025 lon 107.05", DECIMAL),
        ("N 16.8025, 107.05 E", DECIMAL),
        ("\u200f16.8025, 107.05\u200e", DECIMAL),
        ("Longitude: 107.05, Latitude: 16.8025", DECIMAL),
        ("16.8025 north 107.05 east", DECIMAL),
        ("+16.8025 +107.05", DECIMAL),
        ("១៦.៨០២៥, ១០៧.០៥", DECIMAL),
        ("١٦٫٨٠٢٥، ١٠٧٫٠٥", DECIMAL),
        ("16°48'09.0\"N 107°03'00\"E", SECONDS),
        ("16°48′09″N, 107°03′00″E", SECONDS),
        ("16º48'09''N 107º03'00''E", SECONDS),
        ("16°48'09,0\"N 107°03'00,0\"E", SECONDS),
        ("16°48'09,0\"N 107°03'00\"E", SECONDS),
        ("16 48 09 N, 107 03 00 E", SECONDS),
        ("16 48 09, 107 03 00", SECONDS),
        ("16 48 09 107 03 00", SECONDS),
        ("16°48'09\" 107°03'00\"", SECONDS),
        ("16 deg 48 min 9 sec N 107 deg 3 min 0 sec E", SECONDS),
        ("N16 48.15 E107 03.0", MINUTES),
        ("N16° 48.15' E107° 03.0'", MINUTES),
        ("16 48,15 N 107 03,0 E", MINUTES),
    ],
)
def test_one_place_is_read_from_every_way_to_write_it(text: str, form: str) -> None:
    got = read(text)
    assert (got.form, got.lon, got.lat) == (form, pytest.approx(107.05), pytest.approx(16.8025))


@pytest.mark.parametrize(
    ("text", "lat", "lon"),
    [
        ("16.5S 68.15W", -16.5, -68.15),
        ("-16.5, -68.15", -16.5, -68.15),
        ("−16.5 −68.15", -16.5, -68.15),
        ("-0 30 00, 10 00 00", -0.5, 10.0),
        ("0°30'S 0°15'W", -0.5, -0.25),
        ("S 16 30 W 68 9", -16.5, -68.15),
    ],
)
def test_south_and_west_are_read_from_letters_and_signs(text: str, lat: float, lon: float) -> None:
    got = read(text)
    assert (got.lat, got.lon) == (pytest.approx(lat), pytest.approx(lon))


def test_two_plain_numbers_are_longitude_first_only_when_told_or_when_nothing_else_can_be() -> None:
    assert (read("36.2, 44.0").lon, read("36.2, 44.0", order="lon,lat").lon) == (44.0, 36.2)
    turned = read("107.05, 16.8025")
    assert (turned.lon, "cannot be a latitude" in turned.note) == (107.05, True)


@pytest.mark.parametrize(
    ("text", "accuracy"),
    [
        ("16.80250, 107.05", 0.5e-5 * 111_700),
        ("16 48 09 N, 107 03 00 E", 0.5 / 3600 * 111_700),
        ("N16 48.15 E107 03.0", 0.005 / 60 * 111_700),
        ("17, 107", 0.5 * 111_700),
        ("48Q 712345 1867890", 1.0),
        ("48Q 712345.5 1867890.2", 0.1),
        ("48Q YD 12345 67890", 0.5),
        ("48Q YD 123 678", 50.0),
        ("48QYD1267", 500.0),
    ],
)
def test_the_accuracy_follows_from_the_digits(text: str, accuracy: float) -> None:
    assert read(text).accuracy_m == pytest.approx(accuracy)


@pytest.mark.parametrize(
    "text",
    [
        "48Q 712345 1867890",
        "48 Q 712345 1867890",
        "48q 712345mE 1867890mN",
        "48Q 712345E 1867890N",
        "48Q712345 1867890",
        "48Q 712345,1867890",
        "48Q, 712345, 1867890",
        "48Q 712345,0 1867890,0",
        "48Q 1867890N 712345E",
        "zone 48 north 712345 1867890",
        "48 north, 712345, 1867890",
        "UTM 48N 712345 1867890",
        "712345 1867890 48N",
        "712345E 1867890N zone 48 north",
    ],
)
def test_utm_is_read_from_every_way_to_write_it(text: str) -> None:
    got = read(text)
    assert (got.form, got.lon, got.lat) == (
        UTM,
        pytest.approx(106.99336, abs=1e-5),
        pytest.approx(16.88485, abs=1e-5),
    )


def test_s_after_a_zone_is_a_band_where_the_northing_lies_in_it_and_a_hemisphere_elsewhere() -> None:
    iraq, bolivia = read("38S 444140 3684706"), read("19S 600000 8200000")
    assert (round(iraq.lat, 1), round(bolivia.lat, 1)) == (33.3, -16.3)
    assert ("latitude band" in iraq.note, "hemisphere" in bolivia.note) == (True, True)
    assert read("21S 400000 4270000", letters="hemisphere").lat == pytest.approx(-51.7, abs=0.1)
    assert read("zone 21 south 400000 4270000").lat == read("21F 400000 4270000").lat


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "empty"),
        ("x" * 300, "300 letters"),
        ("16.8025", "does not part into two"),
        ("16.8 107.0 3", "does not part into two"),
        ("91.0N 107.0E", "latitude 91.0 N lies outside"),
        ("16.8N 190E", "longitude 190 E lies outside"),
        ("100, 120", "lies outside"),
        ("16.8N 107.0N", "gives lat twice"),
        ("16.8N 107.0", "only one coordinate"),
        ("-16.8S 107E", "a minus and S"),
        ("16 60 00 N 107 00 00 E", "minutes"),
        ("16 00 60 N 107 00 00 E", "seconds"),
        ("16.5 30 N 107 00 E", "fraction before its last"),
        ("16'48°N 107°03'E", "order"),
        ("16°48 09 N 107°03'00\"E", "a sign is missing"),
        ("16°48'-09\"N 107°03'00\"E", "sign in the middle"),
        ("16,80,107,05", "with a ;"),
        ("16.8 N 107.0 O", "for west write W"),
        ("near the school", "not understood"),
        ("48 712345 1867890", "no band and no hemisphere"),
        ("712345 1867890", "too large for degrees"),
        ("61N 712345 1867890", "zone 61 does not exist"),
        ("48R 712345 1867890", "not in band R"),
        ("48I 712345 1867890", "no latitude band"),
        ("48N 1867890 712345", "may be swapped"),
        ("48N 712345 11867890", "northing 11867890"),
        ("48N 712345 9867890", "no place of the north"),
        ("48N 712345E 1867890E", "both numbers are marked E"),
        ("48Q YD", "100 km"),
        ("48Q YD 1 6", "10 km"),
        ("48Q YD 123 67890", "equally many digits"),
        ("48Q YD 12345 6789", "equally many digits"),
        ("48Q AD 12345 67890", "no column A"),
        ("48R YA 12345 67890", "lies in band R"),
        ("61Q YD 12345 67890", "zone 61"),
        ("32X NF 12345 67890", "does not exist in band X"),
    ],
)
def test_what_is_no_place_is_refused_in_words_with_an_example(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=r"(?i)write|such as|as in|as the|e\.g\.") as told:
        read(text)
    assert words in str(told.value)


@given(st.text(alphabet="0123456789 .,;°'\"NSEWnsewlatonQYD+-/", max_size=40))
def test_whatever_is_typed_gives_a_place_on_earth_or_a_refusal(text: str) -> None:
    try:
        got = read(text)
    except ValueError as told:
        assert len(str(told)) > 20  # noqa: PT017
    else:
        assert -180 <= got.lon <= 180 and -90 <= got.lat <= 90 and got.accuracy_m > 0  # noqa: PT018


@given(LON, LAT, st.integers(0, 8))
def test_decimal_degrees_come_back_within_their_precision(lon: float, lat: float, digits: int) -> None:
    got = read(f"{lat:.{digits}f}, {lon:.{digits}f}")
    assert apart_m(lon, lat, got.lon, got.lat) <= math.sqrt(2) * got.accuracy_m + 1e-6


@given(LON, LAT, st.booleans())
def test_degrees_minutes_and_seconds_come_back_within_their_precision(
    lon: float, lat: float, comma: bool
) -> None:
    def written(value: float, letters: str) -> str:
        tenths = round(abs(value) * 36_000)
        text = f"{tenths // 36_000}°{tenths // 600 % 60:02d}'{tenths % 600 / 10:04.1f}\"{letters[value < 0]}"
        return text.replace(".", ",") if comma else text

    got = read(f"{written(lat, 'NS')} {written(lon, 'EW')}")
    assert apart_m(lon, lat, got.lon, got.lat) <= math.sqrt(2) * got.accuracy_m + 1e-6


@given(LON, LAT, st.integers(2, 5), st.booleans())
def test_an_mgrs_reference_comes_back_within_its_square(
    lon: float, lat: float, digits: int, spaced: bool
) -> None:
    written = mgrs.mgrs(lon, lat, digits)
    got = read(written if spaced else written.replace(" ", "").lower())
    assert got.form == MGRS
    # scale of UTM at most 1.0035 of the ground in the widest zones (Norway, Svalbard and 834 km easting)
    assert apart_m(lon, lat, got.lon, got.lat) <= math.sqrt(2) * got.accuracy_m * 1.01 + GROUND


@given(LON, LAT)
def test_utm_with_its_band_comes_back_within_its_precision(lon: float, lat: float) -> None:
    got = read(mgrs.utm(lon, lat))
    assert apart_m(lon, lat, got.lon, got.lat) <= math.sqrt(2) * got.accuracy_m * 1.01 + GROUND


@pytest.mark.parametrize("lat", [-79.9, -56.2, -0.001, 0.001, 55.9, 56.1, 63.9, 64.1, 71.9, 72.1, 83.9])
def test_every_zone_reads_what_it_writes_also_at_the_edges_of_zones_and_bands(lat: float) -> None:
    edges = np.arange(-180, 180, 3.0)
    for lon in np.concatenate([edges, edges + 1e-7, edges - 1e-7]):
        for text in (mgrs.mgrs(float(lon), lat), mgrs.utm(float(lon), lat)):
            got = read(text)
            # the square's half diagonal, 0.71 m; a cut unit of UTM in both axes, 1.42 m
            assert apart_m(float(lon), lat, got.lon, got.lat) <= 1.44, text


@given(LON, LAT, st.integers(0, 1))
def test_the_coarsest_squares_still_come_back(lon: float, lat: float, digits: int) -> None:
    got_lon, got_lat, half = mgrs.parse(mgrs.mgrs(lon, lat, digits))
    assert apart_m(lon, lat, got_lon, got_lat) <= math.sqrt(2) * half * 1.01


@pytest.mark.parametrize("lon", [179.9999999, -180.0, -179.9999999])
def test_a_place_at_the_date_line_stays_there(lon: float) -> None:
    got = read(mgrs.mgrs(lon, -16.5))
    assert apart_m(lon, -16.5, got.lon, got.lat) <= 0.72
