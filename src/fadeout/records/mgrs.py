"""Grid references that a team can read over the radio: UTM and MGRS of a place.

Reads   longitude and latitude, WGS 84, in degrees
Gives   `mgrs` ("48Q YD 12345 67890") and `utm` ("48Q 712345 1867890"), both as text
Knows   UTM zones with the exceptions of Norway and Svalbard; not the polar caps
Start   at `mgrs`

Letters and digits follow NGA.STND.0037 (2014), "The Universal Grids and the Transverse Mercator and Polar
Stereographic Map Projections", appendix B (lettering of WGS 84). Digits are cut off, not rounded, so that a
reference names the square that the place lies in.
"""

from __future__ import annotations

import math

import numpy as np

from fadeout.records import places

BANDS = "CDEFGHJKLMNPQRSTUVWX"  # of 8° from 80° S; the last, X, has 12°
COLUMNS = ("ABCDEFGH", "JKLMNPQR", "STUVWXYZ")  # of 100 km, by zone
ROWS = "ABCDEFGHJKLMNPQRSTUV"  # of 100 km, again after 2,000 km
SQUARE_M = 100_000
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
    east, north = _project(lon, lat, zone)
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
    east, north = _project(lon, lat, zone)
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


def _project(lon: float, lat: float, zone: int) -> tuple[float, float]:
    """Easting and northing in one zone of the place's own hemisphere, in metres."""
    crs = f"EPSG:{(places.UTM_NORTH if lat >= 0 else places.UTM_SOUTH) + zone}"
    east, north = places.move_xy(np.array([[lon, lat]]), places.WGS84, crs)[0]
    return float(east) + ROUNDING_M, float(north) + ROUNDING_M
