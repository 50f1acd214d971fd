"""Vector tiles that PostGIS makes itself, generalised as `exchange/tiles.py` does where the database cannot.

Reads   a connection to a PostgreSQL store
Gives   the bytes of one tile
Knows   ST_AsMVT and its kin; nothing of who may see what: sensitivities are given
Start   at `tile`

Points beyond the most that a tile holds are put together by the cell of a grid that they share with equals, with their
number; areas smaller than a pixel become a pixel, one for each pixel and kind of area.
"""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from fadeout.records.catalogue import KINDS
from fadeout.records.layout import BBox

NO_SMALLER = 15  # beyond this zoom no area is smaller than a pixel (0.3 m)
FEW = """
WITH edge AS (SELECT ST_TileEnvelope(:z, :x, :y) AS box),
found AS (
    SELECT {columns}, ST_AsMVTGeom(ST_Transform(t.geom, 3857), edge.box, :extent, :buffer, true) AS geom
    FROM {table} t, edge
    WHERE t.geom && ST_MakeEnvelope(:w, :s, :e, :n, 4326) AND t.sensitivity = ANY(:allowed)
    LIMIT :most
)
SELECT ST_AsMVT(found, :layer, :extent, 'geom') FROM found WHERE geom IS NOT NULL
"""
MANY_POINTS = """
WITH edge AS (SELECT ST_TileEnvelope(:z, :x, :y) AS box),
grouped AS (
    SELECT count(*) AS number, avg(ST_X(t.geom)) AS lon, avg(ST_Y(t.geom)) AS lat, min(t.id) AS one{shared}
    FROM {table} t
    WHERE t.geom && ST_MakeEnvelope(:w, :s, :e, :n, 4326) AND t.sensitivity = ANY(:allowed)
    GROUP BY floor(ST_X(t.geom) / :wide), floor(ST_Y(t.geom) / :high){shared}
    LIMIT :most
),
found AS (
    SELECT nullif(number, 1) AS number, CASE WHEN number = 1 THEN one END AS id{shared},
        ST_AsMVTGeom(
            ST_Transform(ST_SetSRID(ST_MakePoint(lon, lat), 4326), 3857), edge.box, :extent, :buffer, true
        ) AS geom
    FROM grouped, edge
)
SELECT ST_AsMVT(found, :layer, :extent, 'geom') FROM found WHERE geom IS NOT NULL
"""
MANY_AREAS = """
WITH edge AS (SELECT ST_TileEnvelope(:z, :x, :y) AS box),
seen AS (
    SELECT {columns}, t.geom,
        ST_XMax(t.geom) - ST_XMin(t.geom) < :pixel_w AND ST_YMax(t.geom) - ST_YMin(t.geom) < :pixel_h AS small,
        floor(ST_XMin(t.geom) / :pixel_w) AS px, floor(ST_YMin(t.geom) / :pixel_h) AS py
    FROM {table} t
    WHERE t.geom && ST_MakeEnvelope(:w, :s, :e, :n, 4326) AND t.sensitivity = ANY(:allowed)
),
pixels AS (
    SELECT DISTINCT ON (px, py{shared}) {plain},
        ST_MakeEnvelope(px * :pixel_w, py * :pixel_h, (px + 1) * :pixel_w, (py + 1) * :pixel_h, 4326) AS geom
    FROM seen WHERE small
),
kept AS (
    (SELECT {plain}, ST_Simplify(geom, :pixel_w / 4, true) AS geom FROM seen WHERE NOT small LIMIT :most)
    UNION ALL
    SELECT {plain}, geom FROM pixels
    LIMIT :most
),
found AS (
    SELECT {plain}, ST_AsMVTGeom(ST_Transform(geom, 3857), edge.box, :extent, :buffer, true) AS geom
    FROM kept, edge
)
SELECT ST_AsMVT(found, :layer, :extent, 'geom') FROM found WHERE geom IS NOT NULL
"""
COUNT = """
SELECT count(*) FROM (
    SELECT 1 FROM {table} t
    WHERE t.geom && ST_MakeEnvelope(:w, :s, :e, :n, 4326) AND t.sensitivity = ANY(:allowed) LIMIT :limit
) AS counted
"""


def tile(
    connection: sa.Connection,
    kind: str,
    place: tuple[int, int, int],
    bbox: BBox,
    columns: Sequence[str],
    allowed: Sequence[str],
    *,
    most: int,
    extent: int,
    buffer: int,
    cells: int,
) -> bytes:
    """Make a tile.

    Parameters
    ----------
    connection : connection
        To a PostgreSQL store.
    kind, columns
        Whose records, and which of their columns stand in the tile; `id` is one of them.
    place : tuple of int
        z, x, y of the tile in the Web Mercator tiling.
    bbox : tuple of float
        West, south, east, north of the tile with its buffer, in degrees.
    allowed : sequence of str
        Sensitivities that are shown.
    most, extent, buffer, cells : int
        Features of a tile; units of its side, units around it, cells of a side for points that are put together.
    """
    z, x, y = place
    w, s, e, n = bbox
    inner = extent / (extent + 2 * buffer)
    wide, high = (e - w) * inner, (n - s) * inner  # of the tile itself, in degrees
    values = {
        **{"z": z, "x": x, "y": y, "w": w, "s": s, "e": e, "n": n, "layer": kind, "allowed": list(allowed)},
        **{"most": most, "extent": extent, "buffer": buffer},
        **{"wide": wide / cells, "high": high / cells, "pixel_w": wide / 512, "pixel_h": high / 512},
    }
    quoted = [f'"{name}"' for name in columns]
    names = {
        "table": f'"{kind}"',
        "columns": ", ".join(f"t.{name}" for name in quoted),
        "plain": ", ".join(quoted),
        "shared": "".join(f", {name}" for name in quoted if name != '"id"'),
    }
    count = connection.execute(sa.text(COUNT.format(**names)), {**values, "limit": most + 1}).scalar_one()
    if not count:
        return b""
    if KINDS[kind].geometry == "point":
        query = FEW if count <= most else MANY_POINTS
    else:
        query = FEW if z > NO_SMALLER and count <= most else MANY_AREAS
    found = connection.execute(sa.text(query.format(**names)), values).scalar()
    return bytes(found or b"")
