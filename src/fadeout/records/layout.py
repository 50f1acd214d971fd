"""What differs between the two databases: how a geometry is packed, indexed and found, and how writers keep order.

Reads   SQLAlchemy connections
Gives   `GeoPackageLayout` (SQLite) and `PostgisLayout`, with the same methods
Knows   the GeoPackage standard (OGC 12-128r19, version 1.3) and PostGIS; nothing of records
Start   at `layout_of`

A store on SQLite is a GeoPackage that QGIS and GDAL open as it is. Its R*Trees are kept by this file in the same
transaction as the rows, and not by the standard's triggers, as those need functions that only GDAL brings; other
programs are kept from writing by `store_guard` (docs/decisions/0005-store.md).
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from typing import Any, Protocol

import numpy as np
import shapely
import sqlalchemy as sa
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from fadeout.errors import InputRefused, Problem
from fadeout.records.catalogue import KINDS
from fadeout.records.schema import APPEND_ONLY, GEOMETRIES, GUARD, KIND_TABLES, SRID

Shapes = Sequence[BaseGeometry | None]
Bounds = NDArray[np.float64]
Rows = Sequence[tuple[Any, ...]]
BBox = tuple[float, float, float, float]

APPLICATION_ID, USER_VERSION = 0x47504B47, 10300  # "GPKG", version 1.3 (OGC 12-128r17, 1.1.1.1.1)
FLAGS = 0b0000_0011  # little-endian, an envelope of two dimensions (1.1.3.1.1, table 5)
HEADER = struct.Struct("<2sBBi4d")
POINT_HEADER = struct.Struct("<2sBBi")
WKT = (
    'GEOGCS["WGS 84",DATUM["WGS_1984",SPHEROID["WGS 84",6378137,298.257223563,AUTHORITY["EPSG","7030"]],'
    'AUTHORITY["EPSG","6326"]],PRIMEM["Greenwich",0],UNIT["degree",0.0174532925199433],AUTHORITY["EPSG","4326"]]'
)
BUSY_S = 30.0  # a second writer waits this long for the first
ADVISORY = 7_042_008  # key of the lock that writers of a PostgreSQL store take, any number of our own


class Layout(Protocol):
    """What the store asks of a database."""

    name: str

    def encode(self, shapes: Shapes, kind: str) -> list[Any]:
        """Pack geometries for a kind's table."""

    def decode(self, packed: Iterable[bytes | None]) -> list[BaseGeometry | None]:
        """Unpack geometries."""

    def make(self, connection: sa.Connection) -> None:
        """Make what stands beside the tables of history: triggers, the list of layers."""

    def add_kind(self, connection: sa.Connection, kind: tuple[str, str, str, str]) -> None:
        """Make what stands beside a kind's table, given its name, title, words and geometry type ("" for none)."""

    def lock(self, connection: sa.Connection) -> None:
        """Begin to write: one writer at a time."""

    def unlock(self, connection: sa.Connection) -> None:
        """End writing."""

    def insert(self, connection: sa.Connection, table: str, columns: Sequence[str], rows: Rows) -> None:
        """Enter many rows into a table, each a value for each column; geometries as `encode` packs them."""

    def index(self, connection: sa.Connection, kind: str, fids: Sequence[int], bounds: Bounds) -> None:
        """Enter rows into the spatial index."""

    def unindex(self, connection: sa.Connection, kind: str, fids: Sequence[int]) -> None:
        """Take rows out of the spatial index."""

    def tidy(self, connection: sa.Connection, tables: Sequence[str]) -> None:
        """After many rows, also in the middle of a change: let the planner look anew at how tables are filled."""

    def within(self, kind: str, bbox: BBox) -> sa.ColumnElement[bool]:
        """The condition that a row's bounds touch a box (west, south, east, north)."""


class GeoPackageLayout:
    """SQLite in GeoPackage layout."""

    name = "sqlite"

    def encode(self, shapes: Shapes, kind: str) -> list[Any]:
        filled = _normal(shapes, kind)
        wkb = shapely.to_wkb(filled, byte_order=1)
        if GEOMETRIES[KINDS[kind].geometry] == "POINT":  # a point is its own envelope: none is written
            head = POINT_HEADER.pack(b"GP", 0, 1, SRID)
            return [None if one is None else head + one for one in wkb]
        return [
            None if one is None else HEADER.pack(b"GP", 0, FLAGS, SRID, w, e, s, n) + one
            for one, (w, s, e, n) in zip(wkb, shapely.bounds(filled).tolist(), strict=True)
        ]

    def decode(self, packed: Iterable[bytes | None]) -> list[BaseGeometry | None]:
        return unpacked(packed)

    def make(self, connection: sa.Connection) -> None:
        for statement in (*_gpkg_tables(), *_append_only()):
            connection.exec_driver_sql(statement)
        connection.execute(GUARD.insert().values(writing=0))

    def add_kind(self, connection: sa.Connection, kind: tuple[str, str, str, str]) -> None:
        for statement in (*_gpkg_layer(*kind), *_guards(kind[0])):
            connection.exec_driver_sql(statement)

    def lock(self, connection: sa.Connection) -> None:
        connection.execute(GUARD.update().values(writing=1))

    def unlock(self, connection: sa.Connection) -> None:
        connection.execute(GUARD.update().values(writing=0))

    def insert(self, connection: sa.Connection, table: str, columns: Sequence[str], rows: Rows) -> None:
        marks = ", ".join("?" * len(columns))
        if rows:
            connection.exec_driver_sql(f"INSERT INTO {_named(table, columns)} VALUES ({marks})", list(rows))

    def index(self, connection: sa.Connection, kind: str, fids: Sequence[int], bounds: Bounds) -> None:
        if not len(fids):
            return
        w, s, e, n = bounds.T
        rows = list(zip(fids, w.tolist(), e.tolist(), s.tolist(), n.tolist(), strict=True))
        connection.exec_driver_sql(f'INSERT INTO "rtree_{kind}_geom" VALUES (?, ?, ?, ?, ?)', rows)
        extent = (float(w.min()), float(s.min()), float(e.max()), float(n.max()), kind)
        connection.exec_driver_sql(
            "UPDATE gpkg_contents SET min_x = min(coalesce(min_x, 1e9), ?), min_y = min(coalesce(min_y, 1e9), ?), "
            "max_x = max(coalesce(max_x, -1e9), ?), max_y = max(coalesce(max_y, -1e9), ?) WHERE table_name = ?",
            extent,
        )

    def unindex(self, connection: sa.Connection, kind: str, fids: Sequence[int]) -> None:
        if len(fids):
            connection.exec_driver_sql(
                f'DELETE FROM "rtree_{kind}_geom" WHERE id = ?', [(fid,) for fid in fids]
            )

    def tidy(self, connection: sa.Connection, tables: Sequence[str]) -> None:
        """SQLite goes by its indexes without being told."""

    def within(self, kind: str, bbox: BBox) -> sa.ColumnElement[bool]:
        tree = sa.table(f"rtree_{kind}_geom", *(sa.column(c) for c in ("id", "minx", "maxx", "miny", "maxy")))
        w, s, e, n = bbox
        hits = sa.select(tree.c.id).where(
            tree.c.maxx >= w, tree.c.minx <= e, tree.c.maxy >= s, tree.c.miny <= n
        )
        return KIND_TABLES[kind].c.fid.in_(hits)


class PostgisLayout:
    """PostgreSQL with PostGIS."""

    name = "postgresql"

    def encode(self, shapes: Shapes, kind: str) -> list[Any]:
        placed = shapely.set_srid(_normal(shapes, kind), SRID)
        return list(shapely.to_wkb(placed, hex=True, include_srid=True))

    def decode(self, packed: Iterable[bytes | None]) -> list[BaseGeometry | None]:
        wkb = np.array([*(None if one is None else bytes(one) for one in packed), None], dtype=object)[:-1]
        return list(_single(shapely.from_wkb(wkb)))

    def make(self, connection: sa.Connection) -> None:
        for statement in _postgres_triggers():
            connection.exec_driver_sql(statement)
        connection.execute(GUARD.insert().values(writing=0))

    def add_kind(self, connection: sa.Connection, kind: tuple[str, str, str, str]) -> None:
        name, _, about, geometry = kind
        if geometry:
            connection.exec_driver_sql(f'CREATE INDEX "{name}_geom" ON "{name}" USING gist (geom)')
        connection.exec_driver_sql(f"""COMMENT ON TABLE "{name}" IS '{about}'""")
        connection.exec_driver_sql(
            f'CREATE TRIGGER "guard_{name}" BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON "{name}" '
            "FOR EACH STATEMENT EXECUTE FUNCTION fadeout_guard()"
        )

    def lock(self, connection: sa.Connection) -> None:
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(ADVISORY)))
        connection.exec_driver_sql("SET LOCAL fadeout.writing = '1'")

    def unlock(self, connection: sa.Connection) -> None:
        connection.exec_driver_sql("SET LOCAL fadeout.writing = '0'")

    def insert(self, connection: sa.Connection, table: str, columns: Sequence[str], rows: Rows) -> None:
        driver: Any = connection.connection.driver_connection
        with driver.cursor() as cursor, cursor.copy(f"COPY {_named(table, columns)} FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)

    def index(self, connection: sa.Connection, kind: str, fids: Sequence[int], bounds: Bounds) -> None:
        """PostGIS keeps its own index."""

    def unindex(self, connection: sa.Connection, kind: str, fids: Sequence[int]) -> None:
        """PostGIS keeps its own index."""

    def tidy(self, connection: sa.Connection, tables: Sequence[str]) -> None:
        for table in tables:
            connection.exec_driver_sql(f'ANALYZE "{table}"')

    def within(self, kind: str, bbox: BBox) -> sa.ColumnElement[bool]:
        envelope = sa.func.ST_MakeEnvelope(*bbox, SRID, type_=sa.types.NullType())
        return sa.type_coerce(KIND_TABLES[kind].c.geom, sa.types.NullType()).op("&&", is_comparison=True)(
            envelope
        )


def layout_of(dialect: str) -> Layout:
    """Give the layout of a database by SQLAlchemy's name of it; InputRefused for one that cannot hold a store."""
    known: dict[str, Layout] = {"sqlite": GeoPackageLayout(), "postgresql": PostgisLayout()}
    if dialect not in known:
        message = f"a store cannot stand on {dialect}"
        remedy = "give a file ending in .gpkg, or an address that begins with postgresql://"
        raise InputRefused([Problem("store.bad-address", message, remedy)])
    return known[dialect]


def _named(table: str, columns: Sequence[str]) -> str:
    quoted = ", ".join(f'"{name}"' for name in columns)
    return f'"{table}" ({quoted})'


def unpacked(packed: Iterable[bytes | None]) -> list[BaseGeometry | None]:
    """Read blobs of a GeoPackage, whatever envelope stands in them (1.1.3.1.1)."""
    wkb = [None if one is None else bytes(one)[_header_length(one) :] for one in packed]
    return list(_single(shapely.from_wkb(np.array([*wkb, None], dtype=object)[:-1])))


def _header_length(blob: bytes) -> int:
    return 8 + (0, 32, 48, 48, 64)[(blob[3] >> 1) & 0b111]


def _normal(shapes: Shapes, kind: str) -> NDArray[np.object_]:
    """Shapes of two dimensions, polygons as multipolygons where the table holds those."""
    filled = shapely.force_2d(np.array([*shapes, None], dtype=object)[:-1])
    if GEOMETRIES[KINDS[kind].geometry] != "MULTIPOLYGON":
        return np.asarray(filled, dtype=object)
    out = np.empty(len(filled), dtype=object)
    out[:] = [
        shapely.MultiPolygon([one]) if one is not None and one.geom_type == "Polygon" else one
        for one in filled
    ]
    return out


def _single(shapes: NDArray[np.object_]) -> list[BaseGeometry | None]:
    """A multipolygon of one polygon is that polygon."""
    return [
        one.geoms[0] if one is not None and one.geom_type.startswith("Multi") and len(one.geoms) == 1 else one
        for one in shapes
    ]


# --- the tables and triggers of a GeoPackage (OGC 12-128r17) -----------------------------------------------------------


def _gpkg_tables() -> list[str]:
    return [
        f"PRAGMA application_id = {APPLICATION_ID}",
        f"PRAGMA user_version = {USER_VERSION}",
        "CREATE TABLE gpkg_spatial_ref_sys (srs_name TEXT NOT NULL, srs_id INTEGER PRIMARY KEY, organization TEXT NOT "
        "NULL, organization_coordsys_id INTEGER NOT NULL, definition TEXT NOT NULL, description TEXT)",
        "INSERT INTO gpkg_spatial_ref_sys VALUES ('Undefined cartesian SRS', -1, 'NONE', -1, 'undefined', ''), "
        "('Undefined geographic SRS', 0, 'NONE', 0, 'undefined', ''), "
        f"('WGS 84', {SRID}, 'EPSG', {SRID}, '{WKT}', 'longitude and latitude')",
        "CREATE TABLE gpkg_contents (table_name TEXT NOT NULL PRIMARY KEY, data_type TEXT NOT NULL, identifier TEXT "
        "UNIQUE, description TEXT DEFAULT '', last_change DATETIME NOT NULL DEFAULT "
        "(strftime('%Y-%m-%dT%H:%M:%fZ','now')), min_x DOUBLE, min_y DOUBLE, max_x DOUBLE, max_y DOUBLE, "
        "srs_id INTEGER REFERENCES gpkg_spatial_ref_sys(srs_id))",
        "CREATE TABLE gpkg_geometry_columns (table_name TEXT NOT NULL PRIMARY KEY REFERENCES gpkg_contents(table_name), "
        "column_name TEXT NOT NULL, geometry_type_name TEXT NOT NULL, srs_id INTEGER NOT NULL REFERENCES "
        "gpkg_spatial_ref_sys(srs_id), z TINYINT NOT NULL, m TINYINT NOT NULL)",
        "CREATE TABLE gpkg_extensions (table_name TEXT, column_name TEXT, extension_name TEXT NOT NULL, definition TEXT "
        "NOT NULL, scope TEXT NOT NULL, CONSTRAINT ge_tce UNIQUE (table_name, column_name, extension_name))",
    ]


def _gpkg_layer(name: str, title: str, about: str, geometry: str) -> list[str]:
    data, srs = ("features", str(SRID)) if geometry else ("attributes", "NULL")
    made = [
        "INSERT INTO gpkg_contents (table_name, data_type, identifier, description, srs_id) "
        f"VALUES ('{name}', '{data}', '{title}', '{about}', {srs})"
    ]
    if geometry:
        made += [
            f"INSERT INTO gpkg_geometry_columns VALUES ('{name}', 'geom', '{geometry}', {SRID}, 0, 0)",
            f"INSERT INTO gpkg_extensions VALUES ('{name}', 'geom', 'gpkg_rtree_index', "
            "'http://www.geopackage.org/spec120/#extension_rtree', 'write-only')",
            f'CREATE VIRTUAL TABLE "rtree_{name}_geom" USING rtree(id, minx, maxx, miny, maxy)',
        ]
    return made


def _guards(name: str) -> list[str]:
    words = "this store keeps history: change its records with fadeout"
    return [
        f'CREATE TRIGGER "guard_{name}_{act}" BEFORE {act} ON "{name}" WHEN (SELECT writing FROM store_guard) = 0 '
        f"BEGIN SELECT RAISE(ABORT, '{words}'); END"
        for act in ("INSERT", "UPDATE", "DELETE")
    ]


def _append_only() -> list[str]:
    return [
        f"CREATE TRIGGER {name}_no_{act} BEFORE {act} ON {name} "
        "BEGIN SELECT RAISE(ABORT, 'history is never changed'); END"
        for name in APPEND_ONLY
        for act in ("UPDATE", "DELETE")
    ] + [
        f"CREATE TRIGGER guard_{name}_INSERT BEFORE INSERT ON {name} WHEN (SELECT writing FROM store_guard) = 0 "
        "BEGIN SELECT RAISE(ABORT, 'history is written by fadeout alone'); END"
        for name in APPEND_ONLY
    ]


def _postgres_triggers() -> list[str]:
    made = [
        "CREATE FUNCTION fadeout_never() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'history is never changed'; END $$",
        "CREATE FUNCTION fadeout_guard() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        "IF coalesce(current_setting('fadeout.writing', true), '0') <> '1' THEN "
        "RAISE EXCEPTION 'this store keeps history: change its records with fadeout'; END IF; RETURN NULL; END $$",
    ]
    for name in APPEND_ONLY:
        made.append(
            f"CREATE TRIGGER {name}_no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON {name} "
            "FOR EACH STATEMENT EXECUTE FUNCTION fadeout_never()"
        )
        made.append(
            f"CREATE TRIGGER guard_{name} BEFORE INSERT ON {name} FOR EACH STATEMENT EXECUTE FUNCTION fadeout_guard()"
        )
    return made
