"""GeoParquet 1.1: columns with types and places, read and written in pieces. Needs pyarrow, an extra.

Reads   a .parquet file, with or without places; or an `Outgoing` and the facts of the file
Gives   `RawLayer`s; one .parquet file whose metadata hold the facts
Knows   the metadata that GeoParquet asks for (https://geoparquet.org/releases/v1.1.0/); nothing of what a layer means
Start   at `chunks` and `write`
"""

from __future__ import annotations

import json
from collections.abc import Generator, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from pyproj import CRS
from pyproj.exceptions import CRSError

from fadeout.errors import InputRefused, Problem
from fadeout.exchange import bounds, vector
from fadeout.exchange.layers import RawLayer, Value, plain
from fadeout.exchange.losses import Lost
from fadeout.exchange.outgoing import Outgoing, column, shapes_of
from fadeout.records import places

VERSION = "1.1.0"
GEOMETRY = "geometry"
FAULTS = (
    OSError,
    ValueError,
    TypeError,
    KeyError,
    NotImplementedError,
    OverflowError,
    MemoryError,
    RecursionError,
)


def arrow(path: Path) -> tuple[Any, Any]:
    """The libraries pyarrow and pyarrow.parquet, or how to get them.

    Raises
    ------
    InputRefused
        If pyarrow is not installed.
    """
    try:
        import pyarrow  # type: ignore[import-untyped]
        import pyarrow.parquet  # type: ignore[import-untyped]
    except ImportError as error:
        message = "GeoParquet needs pyarrow, which is not installed"
        remedy = "run ./run extras once, or use GeoPackage"
        raise InputRefused([Problem("file.needs-extra", message, remedy, path.name)]) from error
    return pyarrow, pyarrow.parquet


def chunks(path: Path, format: str, rows: int | None) -> Generator[RawLayer, None, None]:
    """Read a file row group by row group.

    Raises
    ------
    InputRefused
        If it is broken, or its places are not written as WKB.
    """
    arrow(path)
    try:
        yield from _chunks(path, format, rows)
    except InputRefused:
        raise
    except (*FAULTS, shapely.errors.ShapelyError) as error:
        words = " ".join(str(error).replace(str(path), path.name).split())[:200]
        message = f"the file cannot be read as {format}: {words or type(error).__name__}"
        raise InputRefused([Problem("file.broken", message, "write it again", path.name)]) from error


def _chunks(path: Path, format: str, rows: int | None) -> Iterator[RawLayer]:
    _, parquet = arrow(path)
    with parquet.ParquetFile(path) as file:
        raw = file.metadata.metadata or {}
        meta = {name.decode(): raw[name].decode() for name in (b"geo", b"fadeout") if name in raw}
        geo = _geo(meta, path, format)
        about = json.loads(meta.get("fadeout", "{}"))
        name = str(about.get("layer") or path.stem) if isinstance(about, dict) else path.stem
        _check_width(file, path)
        first = 1
        for batch in file.iter_batches(batch_size=rows or max(file.metadata.num_rows, 1)):
            yield _layer(batch, path, name, format, geo, first)
            first += batch.num_rows
        if first == 1:
            empty = file.schema_arrow.empty_table().to_batches() or [file.schema_arrow.empty_table()]
            yield _layer(empty[0], path, name, format, geo, 1)


def _check_width(file: Any, path: Path) -> None:
    names = list(file.schema_arrow.names)
    bounds.check_columns(len(names), path)
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        message = f"{names.count(twice[0])} columns are named '{twice[0]}'"
        remedy = "give each column its own name"
        raise InputRefused([Problem("file.duplicate-column", message, remedy, path.name)])


def _geo(meta: Mapping[str, str], path: Path, format: str) -> dict[str, Any]:
    """What the metadata say of the main column of places: its name and its CRS; empty if the file has none."""
    if "geo" not in meta:
        return {}
    told = json.loads(meta["geo"])
    name = str(told["primary_column"])
    about = told["columns"][name]
    if about.get("encoding") != "WKB":
        message = f"its places are written as '{about.get('encoding')}'; only WKB is read"
        remedy = "export it with WKB geometry"
        raise InputRefused([Problem("file.unreadable-places", message, remedy, path.name)])
    return {"column": name, "crs": _crs(about.get("crs", "OGC:CRS84"))}


def _crs(stated: Any) -> str | None:
    """The CRS of the metadata: WGS 84 where they say nothing, unknown where they say null."""
    if stated is None:
        return None
    try:
        crs = CRS.from_user_input(stated)
    except CRSError:
        return None
    authority = crs.to_authority(min_confidence=70)
    if authority in (("OGC", "CRS84"), ("EPSG", "4326")):
        return places.WGS84
    return vector.crs_name(crs.to_wkt())


def _layer(batch: Any, path: Path, name: str, format: str, geo: Mapping[str, Any], first: int) -> RawLayer:
    place = geo.get("column", "")
    names = [one for one in batch.schema.names if one != place]
    count = batch.num_rows
    wkb = batch.column(place).to_pylist() if place else None
    if wkb is not None:
        bounds.check_vertices(wkb, path, first)
    return RawLayer(
        file=path.name,
        name=name,
        format=format,
        columns={one: tuple(_value(value) for value in batch.column(one).to_pylist()) for one in names},
        geometries=vector.geometries(wkb) if wkb is not None else (None,) * count,
        crs=geo.get("crs") if place else None,
        rows=tuple(range(first, first + count)),
        table=not place,
    )


def _value(value: Any) -> Value:
    if isinstance(value, datetime):
        moment = value.astimezone(UTC) if value.tzinfo else value
        return moment.replace(tzinfo=None).isoformat(timespec="seconds") + "Z"
    if isinstance(value, date):
        return value.isoformat()
    return plain(value)


def write(
    path: Path, layers: Sequence[Outgoing], about: Mapping[str, str], lost: Lost, crs: str = places.WGS84
) -> None:
    """Write the one layer, a row group for each piece; the bounds go to the metadata at the end.

    Raises
    ------
    InputRefused
        If pyarrow is not installed.
    """
    pyarrow, parquet = arrow(path)
    (layer,) = layers
    schema = _schema(pyarrow, layer)
    box, kinds = [np.inf, np.inf, -np.inf, -np.inf], set()
    with parquet.ParquetWriter(path, schema, compression="zstd") as writer:
        for records in layer.pieces():
            data = {
                name: [_arrow_value(v, type) for v in _cells(records, name, type, lost)]
                for name, type in layer.fields
            }
            if layer.geometry:
                shapes = shapes_of(records, lost, crs)
                data[GEOMETRY] = [None if one is None else shapely.to_wkb(one) for one in shapes]
                kinds |= {one.geom_type for one in shapes if one is not None}
                box = _widened(box, shapely.total_bounds(shapes).tolist())
            writer.write_table(pyarrow.Table.from_pydict(data, schema=schema))
        facts = {**about, "layer": layer.name, "title": layer.title}
        writer.add_key_value_metadata({"fadeout": json.dumps(facts, ensure_ascii=False)})
        if layer.geometry:
            writer.add_key_value_metadata({"geo": json.dumps(_geo_metadata(crs, box, kinds))})


def _cells(records: Sequence[Any], name: str, type: str, lost: Lost) -> list[Any]:
    return column(records, name, type, lost)


def _schema(pyarrow: Any, layer: Outgoing) -> Any:
    types = {
        "whole": pyarrow.int64(),
        "real": pyarrow.float64(),
        "share": pyarrow.float64(),
        "date": pyarrow.date32(),
        "moment": pyarrow.timestamp("ms", tz="UTC"),
        "flag": pyarrow.bool_(),
    }
    fields = [(name, types.get(type, pyarrow.string())) for name, type in layer.fields]
    return pyarrow.schema(fields + ([(GEOMETRY, pyarrow.binary())] if layer.geometry else []))


def _arrow_value(value: Any, type: str) -> Any:
    if value is None:
        return None
    if type == "date":
        return date.fromisoformat(value)
    return datetime.fromisoformat(value.replace("Z", "+00:00")) if type == "moment" else value


def _widened(box: list[float], other: list[float]) -> list[float]:
    if not np.isfinite(other).all():
        return box
    return [*map(min, box[:2], other[:2]), *map(max, box[2:], other[2:])]


def _geo_metadata(crs: str, box: list[float], kinds: set[str]) -> dict[str, Any]:
    about: dict[str, Any] = {
        "encoding": "WKB",
        "geometry_types": sorted(kinds),
        "crs": CRS.from_user_input(crs).to_json_dict(),
    }
    if np.isfinite(box).all():
        about["bbox"] = box
    return {"version": VERSION, "primary_column": GEOMETRY, "columns": {GEOMETRY: about}}
