"""Base maps that a programme brings: MBTiles and PMTiles files in a folder, and the borders that are shipped.

Reads   a folder; files with suffix .mbtiles (SQLite) or .pmtiles
Gives   which there are, tiles of an MBTiles file, the borders of the world as GeoJSON
Knows   MBTiles 1.3; PMTiles 3 only by its first letters, as browsers read such files themselves, piece by piece
Start   at `found`
"""

from __future__ import annotations

import json
import re
import sqlite3
from contextlib import closing
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

import numpy as np
import shapely

from fadeout.errors import InputRefused, Problem
from fadeout.exchange import countries

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_. -]{0,80}\.(mbtiles|pmtiles)")
MAGIC = {".mbtiles": b"SQLite format 3\x00", ".pmtiles": b"PMTiles"}
IMAGES = {"png": "image/png", "jpg": "image/jpeg", "jpeg": "image/jpeg", "webp": "image/webp"}
SMALLEST_DEG = 0.01  # borders are drawn this finely at most


@dataclass(frozen=True)
class BaseMap:
    """One file: its name, its kind (mbtiles or pmtiles), what its tiles are, from which zoom to which."""

    name: str
    kind: str
    tiles: str = ""  # a media type; of PMTiles the browser finds out
    minzoom: int = 0
    maxzoom: int = 22
    attribution: str = ""

    def as_json(self) -> dict[str, object]:
        """As plain values."""
        return asdict(self)


def found(folder: Path) -> list[BaseMap]:
    """The base maps of a folder, by name; a file that cannot be read is left out."""
    maps = []
    for path in sorted(folder.iterdir()) if folder.is_dir() else []:
        if not NAME.fullmatch(path.name):
            continue
        try:
            maps.append(check(path))
        except InputRefused:
            continue
    return maps


def check(path: Path) -> BaseMap:
    """Look at a file as a base map.

    Raises
    ------
    InputRefused
        If it is none.
    """
    suffix = path.suffix.lower()
    if not NAME.fullmatch(path.name) or suffix not in MAGIC:
        raise _refused(
            path, "the name is no name of a base map", "name it like region.pmtiles or region.mbtiles"
        )
    with path.open("rb") as file:
        if not file.read(16).startswith(MAGIC[suffix]):
            raise _refused(path, f"this is no {suffix[1:]} file", "make it anew, or choose another file")
    if suffix == ".pmtiles":
        return BaseMap(path.name, "pmtiles")
    try:
        with closing(_open(path)) as connection:
            told = dict(connection.execute("SELECT name, value FROM metadata").fetchall())
            levels = connection.execute("SELECT min(zoom_level), max(zoom_level) FROM tiles").fetchone()
    except sqlite3.Error as error:
        raise _refused(path, "this is no MBTiles file", "it needs the tables metadata and tiles") from error
    tiles = IMAGES.get(str(told.get("format", "")))
    if tiles is None or levels[0] is None:
        raise _refused(
            path, "it holds no pictures", "give MBTiles of PNG, JPEG or WebP; vector maps as PMTiles"
        )
    return BaseMap(
        path.name, "mbtiles", tiles, int(levels[0]), int(levels[1]), str(told.get("attribution", ""))
    )


def tile(path: Path, z: int, x: int, y: int) -> bytes | None:
    """A tile of an MBTiles file, None where there is none."""
    with closing(_open(path)) as connection:
        row = connection.execute(
            "SELECT tile_data FROM tiles WHERE zoom_level=? AND tile_column=? AND tile_row=?",
            (z, x, 2**z - 1 - y),
        ).fetchone()
    return bytes(row[0]) if row else None


@cache
def borders() -> bytes:
    """The land of the world with its borders, as GeoJSON in longitude and latitude; empty where it was not brought."""
    if not countries.there():
        return b'{"type":"FeatureCollection","features":[]}'
    shapes = [*countries.shapes().values(), *countries.without_code().values()]
    drawn = shapely.set_precision(np.array(shapes, dtype=object), SMALLEST_DEG)
    features = [
        {"type": "Feature", "properties": {}, "geometry": json.loads(text)}
        for text in shapely.to_geojson(drawn)
    ]
    return json.dumps({"type": "FeatureCollection", "features": features}, separators=(",", ":")).encode()


def _open(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro&immutable=1", uri=True)


def _refused(path: Path, message: str, remedy: str) -> InputRefused:
    return InputRefused([Problem("map.bad-base-map", message, remedy, file=path.name)])
