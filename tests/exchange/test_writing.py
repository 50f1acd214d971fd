"""Whatever record goes out comes back equal, but for what the table of formats says is lost."""

from __future__ import annotations

import csv
import json
import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
import openpyxl
import pyogrio
import pytest
import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from shapely import LineString, MultiLineString, MultiPolygon, Point, Polygon, box
from shapely.geometry.base import BaseGeometry

from fadeout.errors import InputRefused
from fadeout.exchange import formats, tables, writing
from fadeout.exchange.guarding import guarded, unguarded
from fadeout.exchange.layers import RawLayer
from fadeout.exchange.losses import COMMON, LOSSES
from fadeout.exchange.outgoing import Outgoing, content_sha256, outgoing
from fadeout.records import places
from fadeout.records.catalogue import KINDS, Field, Kind, fields_of
from fadeout.records.record import Record

ABOUT = {
    "fadeout": "0.1.0",
    "created_utc": "2026-11-25T04:00:00Z",
    "sensitivity": "exact",
    "content_sha256": "0" * 64,
    "source_sha256": "1" * 64,
    "stamp": "SIMULATED",
}
SUFFIXES = writing.written()
ALL_LAYERS = [s for s in SUFFIXES if not formats.named(Path("x" + s)).one_layer]  # type: ignore[union-attr]
BIG = 2**63 - 1

# ---- records ------------------------------------------------------------------------------------

NASTY = st.sampled_from(
    [
        *("=1+1", "+41 22", "-5", "@SUM(A1)", "'=1", "''=1", "'quoted'", '"', 'a "b" c', "a,b;c|d\te", "007", "1e5"),
        *("line\nline", "win\r\ndows", " before", "after ", "\tstart", "true", "NULL", "nan", "2020-01-01"),
        *("2020/01/01", "2020-01-01T00:00:00Z", "12:30", "مرحبا بالعالم", "‏עברית‎", "😀🏳️‍🌈", "ថ្នាំ", "a\x00b", "a\x1fb", "<&>]]>"),
        *("{\"a\": [1]}", "[1, 2]", "POLYGON ((0 0, 1 1, 1 0, 0 0))", "\\N", "#N/A", "\u2028", "é", "_x0041_", "%s", "0x10"),
    ]
)  # fmt: skip
TEXTS = NASTY | st.text(st.characters(exclude_categories=("Cs",)), max_size=20)
IDS = st.text("ABCabc0129-_ é", min_size=1, max_size=8).map(str.strip).filter(bool)
LON, LAT = st.floats(-180, 180), st.floats(-89, 89)
STEP = st.floats(1e-4, 0.5)


@st.composite
def polygons(draw: st.DrawFn) -> Polygon:
    """A square, now and then with a hole, its ring running either way."""
    x, y, side = draw(LON), draw(LAT), draw(STEP)
    outer = [(x, y), (x + side, y), (x + side, y + side), (x, y + side)]
    inner = [(x + side * a, y + side * b) for a, b in ((0.25, 0.25), (0.25, 0.5), (0.5, 0.5), (0.5, 0.25))]
    holes = [inner if draw(st.booleans()) else inner[::-1]] if draw(st.booleans()) else []
    return Polygon(outer if draw(st.booleans()) else outer[::-1], holes)


POINTS = st.builds(Point, LON, LAT)
LINES = st.builds(lambda x, y, d: LineString([(x, y), (x + d, y), (x + d, y + d)]), LON, LAT, STEP)
SEVERAL = st.lists(polygons(), min_size=1, max_size=3).map(MultiPolygon)
ACROSS = st.just(MultiPolygon([box(179, -17, 180, -16), box(-180, -17, -179, -16)]))  # the antimeridian
FLAT = polygons() | SEVERAL | ACROSS
TRACKS = LINES | st.lists(LINES, min_size=1, max_size=3).map(MultiLineString)
SHAPES = {"point": POINTS, "polygon": FLAT, "ground": FLAT | TRACKS, "any": POINTS | FLAT | TRACKS}
DAYS = st.dates(min_value=__import__("datetime").date(1900, 1, 1)).map(str)
MOMENTS = st.datetimes(
    min_value=__import__("datetime").datetime(1900, 1, 1), max_value=__import__("datetime").datetime(2100, 1, 1)
).map(lambda m: m.isoformat(timespec="seconds") + "Z")  # fmt: skip


def values_of(about: Field) -> st.SearchStrategy[Any]:
    return {
        "text": TEXTS,
        "choice": st.sampled_from(about.choices or ("a",)),
        "whole": st.integers(-BIG - 1, BIG) | st.integers(0, 10),
        "real": st.floats(allow_nan=False, allow_infinity=False),
        "share": st.floats(0, 1),
        "date": DAYS,
        "moment": MOMENTS,
        "flag": st.booleans(),
        "ids": st.lists(IDS, min_size=1, max_size=3),
    }[about.type]


@st.composite
def records_of(draw: st.DrawFn, kind: Kind) -> list[Record]:
    ids = draw(st.lists(IDS, max_size=4, unique=True))
    made = []
    for id in ids:
        values = {
            about.name: draw(values_of(about))
            for about in fields_of(kind)
            if about.name != "id" and draw(st.booleans())
        }
        shape = draw(st.none() | SHAPES[kind.geometry]) if kind.geometry else None
        made.append(Record(kind.name, id, values, shape))
    return made


# ---- what comes back ----------------------------------------------------------------------------


def back(path: Path, kind: Kind, rows: int | None = None) -> dict[str, tuple[dict[str, Any], BaseGeometry | None]]:
    """Records by id as our reader gives them."""
    layers = formats.read(path) if rows is None else formats.chunks(path, rows)
    found = {}
    for layer in layers:
        assert layer.name.startswith(kind.name) or layer.format == "GPX", layer.name
        for id, values, shape in plain_rows(layer, kind):
            found[id] = values, shape
    return found


def plain_rows(layer: RawLayer, kind: Kind) -> Iterator[tuple[str, dict[str, Any], BaseGeometry | None]]:
    if layer.table and kind.geometry:
        layer, problems = tables.locate(layer)
        assert not problems
    named = {about.name: layer.column(about.name) or layer.column(about.name[:10]) for about in fields_of(kind)}
    for i in range(len(layer)):
        values = {}
        for about in fields_of(kind):
            column = named[about.name]
            value = layer.columns[column][i] if column else None
            if value is not None:
                values[about.name] = READ[about.type](value)
        yield values.pop("id"), values, layer.geometries[i]


def flag(value: Any) -> bool:
    assert value in (True, False, "true", "false", "1", "0")
    return value in (True, "true", "1")


def whole(value: Any) -> int:
    assert not isinstance(value, float) or value.is_integer()
    return int(value)


READ: dict[str, Callable[[Any], Any]] = {
    **dict.fromkeys(("text", "choice"), str),
    **dict.fromkeys(("real", "share"), float),
    "whole": whole,
    "date": lambda value: str(value).replace("/", "-"),
    "moment": lambda value: (f"{value}T00:00:00" if len(value) == 10 else value).removesuffix("Z") + "Z",
    "flag": flag,
    "ids": lambda value: [one.strip() for one in re.split("[;,]", value)],
}

# ---- what a loss changes: each takes a record as it went out and gives it as it may come back -----


def texts(change: Callable[[str], str]) -> Callable[[Record], Record]:
    def changed(record: Record) -> Record:
        values = {}
        for name, value in record.values.items():
            kept = change(value) if isinstance(value, str) else value
            if kept != "":
                values[name] = kept
        return Record(record.kind, record.id, values, record.shape)

    return changed


def shaped(change: Callable[[BaseGeometry], BaseGeometry | None]) -> Callable[[Record], Record]:
    return lambda record: Record(
        record.kind, record.id, record.values, None if record.shape is None else change(record.shape)
    )


def without_controls(text: str) -> str:
    return "".join(c for c in text if c in "\t\n" or (c >= " " and c not in "\x7f\ufffe\uffff"))


def one_part(shape: BaseGeometry) -> BaseGeometry:
    return shape.geoms[0] if len(getattr(shape, "geoms", ())) == 1 else shape


def numbers(type: str, change: Callable[[Any], Any]) -> Callable[[Record], Record]:
    def changed(record: Record) -> Record:
        kinds = {about.name: about.type for about in fields_of(KINDS[record.kind])}
        values = {n: change(v) if kinds[n] in type.split() else v for n, v in record.values.items()}
        return Record(record.kind, record.id, values, record.shape)

    return changed


APPLY: dict[str, Callable[[Record], Record]] = {
    "controls": texts(without_controls),
    "spaces": texts(str.strip),
    "separators": lambda record: record,  # ids in these tests hold none
    "heights": shaped(shapely.force_2d),
    "one_part": shaped(one_part),
    "no_shape": shaped(lambda shape: None if shape.is_empty else shape),
    "history": lambda record: record,
    "rings": lambda record: record,  # compared as equal: see `same`
    "grid": lambda record: record,
    "names": lambda record: record,
    "empty_columns": lambda record: record,
    "no_polygons": lambda record: record,
    "long_wholes": numbers("whole", lambda value: int(float(value))),
    "long_cells": lambda record: record,
    "short_texts": lambda record: record,
    "decimals": lambda record: record,
}


def expected(record: Record, losses: tuple[str, ...]) -> Record:
    for loss in (*COMMON, *losses):
        record = APPLY[loss](record)
    return record


def same_shape(got: BaseGeometry | None, sent: BaseGeometry | None, losses: tuple[str, ...]) -> bool:
    """Equal corner by corner; rings in any direction where the table says so, and on the grid where it says so."""
    if got is None or sent is None:
        return got is sent
    if "rings" in losses:
        got, sent = shapely.normalize(got), shapely.normalize(sent)
    if "grid" not in losses:
        return bool(got.equals_exact(sent, 0.0)) and got.geom_type == sent.geom_type
    # on a grid of 1e-12 degrees; doubles near 180 are 3e-14 apart, so that a corner moves by less than 1.1e-12
    return got.geom_type == sent.geom_type and shapely.hausdorff_distance(got, sent) < 1.1e-12


def same_value(got: Any, sent: Any, losses: tuple[str, ...]) -> bool:
    if "decimals" in losses and isinstance(sent, float):
        return got == pytest.approx(sent, rel=1e-12, abs=1e-14)
    return bool(got == sent)


def check(path: Path, kind: Kind, records: list[Record], rows: int | None = None) -> None:
    losses = formats.named(path).written_losses  # type: ignore[union-attr]
    if "no_polygons" in losses:
        lines = ("Point", "LineString", "MultiLineString")
        records = [r for r in records if r.shape is not None and r.shape.geom_type in lines]
    found = back(path, kind, rows)
    sent = {record.id: expected(record, losses) for record in records}
    assert found.keys() == sent.keys()
    for id, record in sent.items():
        values, shape = found[id]
        wrong = {
            name: (values.get(name), record.values.get(name))
            for name in values.keys() | record.values.keys()
            if not same_value(values.get(name), record.values.get(name), losses)
        }
        assert wrong == {}
        assert same_shape(shape, record.shape, losses), (shape, record.shape)


CASES = [
    (suffix, name)
    for suffix in SUFFIXES
    for name, kind in KINDS.items()
    if suffix != ".gpx" or kind.geometry not in ("", "polygon")
]


@pytest.mark.parametrize(("suffix", "name"), CASES)
@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_whatever_record_goes_out_comes_back_equal_but_for_the_losses_told(
    tmp_path_factory: pytest.TempPathFactory, suffix: str, name: str, data: st.DataObject
) -> None:
    kind = KINDS[name]
    records = data.draw(records_of(kind))
    path = tmp_path_factory.mktemp("out") / f"{name}{suffix}"
    told = writing.write_records(path, [outgoing(kind, iter(records))], about=ABOUT)
    check(path, kind, records)
    allowed = (*COMMON, *formats.named(path).written_losses)  # type: ignore[union-attr]
    assert all(any(words.startswith(LOSSES[loss]) for loss in allowed) for words in told)
