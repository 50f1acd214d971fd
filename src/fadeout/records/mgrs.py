"""Grid references that a team can read over the radio: UTM and MGRS of a place, and the place of a reference.

Reads   longitude and latitude, WGS 84, in degrees; or a reference as text
Gives   `mgrs` ("48Q YD 12345 67890") and `utm` ("48Q 712345 1867890"), both as text; `parse` and `from_utm` the way back
Knows   UTM zones with the exceptions of Norway and Svalbard; not the polar caps
Start   at `mgrs` and `parse`

Letters and digits follow NGA.STND.0037 (2014), "The Universal Grids and the Transverse Mercator and Polar
Stereographic Map Projections", appendix B (lettering of WGS 84). Digits are cut off, not rounded, so that a
reference names the square that the place lies in.
"""

from __future__ import annotations

import math
import re

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fadeout.records import places

BANDS = "CDEFGHJKLMNPQRSTUVWX"  # of 8° from 80° S; the last, X, has 12°
COLUMNS = ("ABCDEFGH", "JKLMNPQR", "STUVWXYZ")  # of 100 km, by zone
ROWS = "ABCDEFGHJKLMNPQRSTUV"  # of 100 km, again after 2,000 km
SQUARE_M = 100_000
EXAMPLE = "38S MB 44140 84706"
REFERENCE = re.compile(
    r"(\d{1,2})\s*([C-HJ-NP-X])\s*([A-HJ-NP-Z])\s*([A-HJ-NP-V])\s*((?:\d+\s+\d+|\d+)?)", re.ASCII
)
BEYOND_M = 100_000.0  # a team may go on in its own zone so far beyond the zone's edge; assumed
TOUCH_DEG = (
    0.05  # between the points where a square is held against its band; squares to choose from lie 18° apart
)
ROUNDING_M = 1e-4  # what projecting may lose: a place on a line belongs to the square north and east of it


def mgrs(lon: float, lat: float, digits: int = 5) -> str:
    """Give the MGRS reference of a place; 5 digits name a square of 1 m, 4 one of 10 m.

    Raises
    ------
    ValueError
        North of 84° N and south of 80° S, where UTM ends, and for digits outside 0 to 5.

    Examples
    --------
    >>> mgrs(44.4, 33.3), mgrs(44.4, 33.3, digits=2)  # the example of GeographicLib's GeoConvert
    ('38S MB 44140 84706', '38S MB 44 84')
    """
    if not 0 <= digits <= 5:
        raise ValueError(f"digits must lie in 0 to 5; got {digits}")
    zone, band = zone_and_band(lon, lat)
    east, north = _project(lon, lat, zone, band)
    column = COLUMNS[(zone - 1) % 3][int(east // SQUARE_M) - 1]
    row = ROWS[(int(north // SQUARE_M) + (5 if zone % 2 == 0 else 0)) % len(ROWS)]
    unit = 10 ** (5 - digits)
    cut = [f"{int(value % SQUARE_M) // unit:0{digits}d}" for value in (east, north)] if digits else []
    return " ".join([f"{zone}{band}", f"{column}{row}", *cut])


def utm(lon: float, lat: float) -> str:
    """Give zone with latitude band, easting and northing, whole metres cut off as in MGRS.

    Examples
    --------
    >>> utm(44.4, 33.3)
    '38S 444140 3684706'
    """
    zone, band = zone_and_band(lon, lat)
    east, north = _project(lon, lat, zone, band)
    return f"{zone}{band} {int(east)} {int(north)}"


def zone_and_band(lon: float, lat: float) -> tuple[int, str]:
    """Give the UTM zone, 1 to 60, and the letter of the latitude band; ValueError where UTM ends.

    Examples
    --------
    >>> zone_and_band(5.3, 60.4), zone_and_band(10.0, 78.2)  # Bergen and Svalbard, the two exceptions
    ((32, 'V'), (33, 'X'))
    """
    if not (math.isfinite(lon) and -80 <= lat <= 84):
        raise ValueError(f"UTM covers 80° S to 84° N; got longitude {lon:g}, latitude {lat:g}")
    lon = (lon + 180) % 360 - 180
    zone = int((lon + 180) // 6) + 1
    band = BANDS[min(int((lat + 80) // 8), len(BANDS) - 1)]
    if band == "V" and 3 <= lon < 12:
        zone = 32
    if band == "X" and 0 <= lon < 42:
        zone = 31 + 2 * int((lon + 3) // 12)
    return zone, band


def parse(reference: str) -> tuple[float, float, float]:
    """Give (lon, lat) of the centre of the square that an MGRS reference names, and half its side in metres.

    Spaces and case do not matter. None to five digits each for easting and northing.

    Raises
    ------
    ValueError
        In words, where the text is no reference, its letters name no square of its zone and band, or the square lies
        farther than `BEYOND_M` outside its zone.

    Examples
    --------
    >>> lon, lat, half = parse("38smb4414084706")
    >>> round(lon, 4), round(lat, 4), half
    (44.4, 33.3, 0.5)
    """
    found = REFERENCE.fullmatch(reference.strip().upper())
    if not found:
        raise ValueError(
            f"{reference[:40]!r} is no MGRS reference; one looks like '{EXAMPLE}', without the letters I and O"
        )
    zone, band, column, row = int(found[1]), found[2], found[3], found[4]
    if not 1 <= zone <= 60:
        raise ValueError(f"zone {zone} does not exist; zones go from 1 to 60, as in '{EXAMPLE}'")
    digits = _digits(found[5])
    side = 10.0 ** (5 - len(digits[0]))
    if column not in COLUMNS[(zone - 1) % 3]:
        raise ValueError(
            f"zone {zone} has no column {column}; its columns are {', '.join(COLUMNS[(zone - 1) % 3])}, "
            f"as the M in '{EXAMPLE}'"
        )
    east = (COLUMNS[(zone - 1) % 3].index(column) + 1) * SQUARE_M + int(digits[0] or 0) * side
    first = (ROWS.index(row) - (5 if zone % 2 == 0 else 0)) % len(ROWS) * SQUARE_M + int(
        digits[1] or 0
    ) * side
    north = _in_band(zone, band, east, first, side)
    if north is None:
        raise ValueError(
            f"no square {column}{row} of zone {zone} lies in band {band}; check the letters, as in '{EXAMPLE}'"
        )
    lon, lat = from_utm(zone, band >= "N", [east + side / 2], [north + side / 2])[0]
    if band_gap_m(zone, band, float(lon), float(lat)) > BEYOND_M + side:
        raise ValueError(
            f"square {column}{row} lies far outside zone {zone}; check zone and letters, as in '{EXAMPLE}'"
        )
    return float(lon), float(lat), side / 2


def from_utm(zone: int, northern: bool, east: ArrayLike, north: ArrayLike) -> NDArray[np.float64]:
    """Give longitudes and latitudes, shape (n, 2), of eastings and northings of one zone, in metres.

    Examples
    --------
    >>> from_utm(38, True, [444140.54], [3684706.35]).round(5).tolist()
    [[44.4, 33.3]]
    """
    xy = np.column_stack([np.asarray(east, dtype=float), np.asarray(north, dtype=float)])
    crs = f"EPSG:{(places.UTM_NORTH if northern else places.UTM_SOUTH) + zone}"
    return places.move_xy(xy, crs, places.WGS84)


def band_limits(band: str) -> tuple[float, float]:
    """Give the latitudes between which a band lies.

    Examples
    --------
    >>> band_limits("Q"), band_limits("X")
    ((16.0, 24.0), (72.0, 84.0))
    """
    south = -80.0 + 8.0 * BANDS.index(band)
    return south, (84.0 if band == "X" else south + 8.0)


def band_gap_m(zone: int, band: str, lon: float, lat: float) -> float:
    """Give how far, in metres along the parallel, a longitude lies outside a zone of that band; 0 inside."""
    west, east = _zone_limits(zone, band)
    middle, half = (west + east) / 2, (east - west) / 2
    away = abs((lon - middle + 180) % 360 - 180) - half
    return max(0.0, away) * 111_320 * math.cos(math.radians(lat))


def _zone_limits(zone: int, band: str) -> tuple[float, float]:
    west, east = zone * 6.0 - 186, zone * 6.0 - 180
    if band == "V":
        west, east = {31: (0.0, 3.0), 32: (3.0, 12.0)}.get(zone, (west, east))
    if band == "X":
        odd = {31: (0.0, 9.0), 33: (9.0, 21.0), 35: (21.0, 33.0), 37: (33.0, 42.0)}
        if zone in (32, 34, 36):
            raise ValueError(f"zone {zone} does not exist in band X (Svalbard); write 31X, 33X, 35X or 37X")
        west, east = odd.get(zone, (west, east))
    return west, east


def _digits(text: str) -> tuple[str, str]:
    """Easting and northing digits of a reference: two groups, or one that is cut in the middle."""
    groups = text.split()
    joined = "".join(groups)
    if len(joined) % 2 or len(joined) > 10 or (len(groups) == 2 and len(groups[0]) != len(groups[1])):
        raise ValueError(
            f"easting and northing need equally many digits, at most 5 each; got '{text.strip()}', not as in '{EXAMPLE}'"
        )
    half = len(joined) // 2
    return joined[:half], joined[half:]


def _in_band(zone: int, band: str, east: float, first: float, side: float) -> float | None:
    """Of the northings that one row letter stands for, 2,000 km apart, the one whose square touches the band."""
    steps = np.linspace(0, side, 5)
    norths = first + SQUARE_M * len(ROWS) * np.arange(6)
    x, y = (grid.ravel() for grid in np.meshgrid(east + steps, steps))
    every = np.column_stack([np.tile(x, 6), np.repeat(norths, 25) + np.tile(y, 6)])
    lat = from_utm(zone, band >= "N", every[:, 0], every[:, 1])[:, 1].reshape(6, 25)
    south, top = band_limits(band)
    touches = ((lat >= south - TOUCH_DEG) & (lat <= top + TOUCH_DEG)).any(axis=1)
    return float(norths[touches][0]) if touches.any() else None


def _project(lon: float, lat: float, zone: int, band: str) -> tuple[float, float]:
    """Easting and northing in one zone, in metres; the band says the hemisphere, also a hair south of the equator."""
    crs = f"EPSG:{(places.UTM_NORTH if band >= 'N' else places.UTM_SOUTH) + zone}"
    east, north = places.move_xy(np.array([[lon, lat]]), places.WGS84, crs)[0]
    return float(east) + ROUNDING_M, float(north) + ROUNDING_M
