"""Whatever record goes out comes back equal, but for what the table of formats says is lost."""

from __future__ import annotations

import csv
import json
import re
import sqlite3
import zipfile
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import date, datetime
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import openpyxl
import pyogrio
import pytest
import shapely
from hypothesis import HealthCheck, Phase, given, settings
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
BIG = 2**62  # near 2^63, and far below 0, the GeoJSON reader of GDAL takes whole numbers for reals
PHASES = (Phase.explicit, Phase.generate)

# ---- records ------------------------------------------------------------------------------------

NASTY = st.sampled_from(
    [
        *("=1+1", "+41 22", "-5", "@SUM(A1)", "'=1", "''=1", "'quoted'", '"', 'a "b" c', "a,b;c|d\te"),
        *("007", "1e5", "0x10", "true", "NULL", "nan", "%s", "\\N", "#N/A", "_x0041_", "<&>]]>"),
        *("line\nline", "win\r\ndows", " before", "after ", "\tstart", "a\x00b", "a\x1fb", "\u2028"),
        *("2020-01-01", "2020/01/01", "2020-01-01T00:00:00Z", "12:30"),
        *("مرحبا بالعالم", "\u200fעברית\u200e", "😀🏳️\u200d🌈", "ថ្នាំ", "é"),
        *('{"a": [1]}', "[1, 2]", "POLYGON ((0 0, 1 1, 1 0, 0 0))"),
    ]
)
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
DAYS = st.dates(min_value=date(1900, 1, 1)).map(str)
MOMENTS = st.datetimes(datetime(1900, 1, 1), datetime(2100, 1, 1)).map(
    lambda moment: moment.isoformat(timespec="seconds") + "Z"
)


def values_of(about: Field) -> st.SearchStrategy[Any]:
    return {
        "text": TEXTS,
        "choice": st.sampled_from(about.choices or ("a",)),
        "whole": st.integers(-(2**53), BIG) | st.integers(0, 10),
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


def back(
    path: Path, kind: Kind, rows: int | None = None
) -> dict[str, tuple[dict[str, Any], BaseGeometry | None]]:
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
    named = {
        about.name: layer.column(about.name) or layer.column(about.name[:10]) for about in fields_of(kind)
    }
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
        values = {n: v for n, v in values.items() if v != ""}
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
    "decimals": numbers("real", lambda value: value if abs(value) <= 1e18 else ""),
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
        return got == pytest.approx(sent, rel=1e-14, abs=1e-15)  # 15 decimals, or all that a double has
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
@settings(max_examples=4, deadline=None, phases=PHASES, suppress_health_check=list(HealthCheck))
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


# ---- what cannot go wrong by chance alone ---------------------------------------------------------


def few(kind: str = "evidence") -> list[Record]:
    return [
        Record(kind, "EP-1", {"munition": "=1+1", "count": 2, "found_on": "1969-07-20"}, Point(107.1, 16.5)),
        Record(kind, "007", {"device_at": "1965-01-02T03:04:05Z", "position_error_m": 0.1}, Point(-0.1, -1e-7)),
    ]  # fmt: skip


def write(path: Path, *layers: Outgoing, **about: str) -> list[str]:
    return writing.write_records(path, layers, about={**ABOUT, **about})


EVIDENCE = KINDS["evidence"]
HAZARD = KINDS["hazardous_area"]


@pytest.mark.parametrize(
    "text", ["=1+1", "'=1", "''+1", "@x", "-5", "\tx", "\rx", "'x", "", "it's", "'", "''"]
)
def test_a_quote_put_before_a_formula_is_taken_off_and_no_other(text: str) -> None:
    assert unguarded(guarded(text)) == text


def test_no_cell_of_a_csv_begins_as_a_formula_does(tmp_path: Path) -> None:
    write(tmp_path / "evidence.csv", outgoing(EVIDENCE, few()))
    with (tmp_path / "evidence.csv").open(encoding="utf-8-sig", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert rows[0]["munition"] == "'=1+1"
    assert not [
        cell
        for name in rows[0]
        if name not in ("lon", "lat")
        for cell in [rows[0][name]]
        if cell[:1] in "=+-@" and cell
    ]


def test_no_cell_of_an_xlsx_is_a_formula(tmp_path: Path) -> None:
    write(tmp_path / "e.xlsx", outgoing(EVIDENCE, few()), stamp="=HYPERLINK(1)")
    book = openpyxl.load_workbook(tmp_path / "e.xlsx")
    kinds = {cell.data_type for sheet in book for row in sheet.iter_rows() for cell in row}
    assert "f" not in kinds
    assert {"n", "d"} <= kinds


def test_a_csv_begins_with_the_mark_of_utf_8(tmp_path: Path) -> None:
    write(tmp_path / "evidence.csv", outgoing(EVIDENCE, few()))
    assert (tmp_path / "evidence.csv").read_bytes().startswith(b"\xef\xbb\xbf")


def facts_of(path: Path) -> str:
    """What a file says of itself, wherever its format has room for that."""
    match path.suffixes:
        case [".gpkg"]:
            with closing(sqlite3.connect(path)) as file:
                return str(file.execute("SELECT name, value FROM about").fetchall())
        case [".geojson"]:
            return str(json.loads(path.read_text(encoding="utf-8"))["about"])
        case [".csv"]:
            return path.with_name(path.name + ".about.json").read_text(encoding="utf-8")
        case [".kml"]:
            return " ".join(ET.parse(path).getroot().itertext())
        case [".gpx"]:
            return " ".join(ET.parse(path).getroot()[0].itertext())
        case [".kmz"]:
            return " ".join(ET.fromstring(unzipped(path, "doc.kml")).itertext())
        case [".parquet"]:
            import pyarrow.parquet

            return str(pyarrow.parquet.ParquetFile(path).metadata.metadata[b"fadeout"])
        case [".xlsx"]:
            return str(list(openpyxl.load_workbook(path)["about"].values))
        case [".shp", ".zip"]:
            return unzipped(path, "about.json").decode()
        case [".gdb", ".zip"]:
            return str(pyogrio.raw.read(path, layer="about")[3])
    raise AssertionError(path)


def unzipped(path: Path, name: str) -> bytes:
    with zipfile.ZipFile(path) as archive:
        return archive.read(name)


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize(
    "words",
    [
        "EPSG:4326",
        "degrees",
        "UTC",
        "0.1.0",
        "0" * 64,
        "1" * 64,
        "exact",
        "SIMULATED",
        "2026-11-25T04:00:00Z",
    ],
)
def test_every_file_says_crs_units_times_version_digests_sensitivity_and_stamp(
    tmp_path: Path, suffix: str, words: str
) -> None:
    path = tmp_path / f"evidence{suffix}"
    write(path, outgoing(EVIDENCE, few()))
    assert words in facts_of(path)


def test_a_file_that_does_not_say_for_whom_it_is_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="sensitivity"):
        write(tmp_path / "e.gpkg", outgoing(EVIDENCE, []), sensitivity="")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_an_interrupted_write_leaves_what_was_there_and_nothing_else(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"evidence{suffix}"
    path.write_bytes(b"earlier")

    def broken() -> Iterator[Record]:
        yield few()[0]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write(path, Outgoing("evidence", outgoing(EVIDENCE, []).fields, broken(), "point"))
    assert [(one.name, one.read_bytes()) for one in tmp_path.iterdir()] == [(path.name, b"earlier")]


@pytest.mark.parametrize("suffix", ALL_LAYERS)
def test_one_file_may_hold_all_kinds_each_under_its_name(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"all{suffix}"
    write(path, *(outgoing(kind, []) for kind in KINDS.values()))
    assert {layer.name for layer in formats.read(path)} == set(KINDS)


@pytest.mark.parametrize("suffix", [s for s in SUFFIXES if s not in ALL_LAYERS])
def test_a_format_of_one_layer_refuses_two(tmp_path: Path, suffix: str) -> None:
    with pytest.raises(InputRefused, match=r"write\.layers"):
        write(tmp_path / f"all{suffix}", outgoing(EVIDENCE, []), outgoing(KINDS["strike"], []))


def test_gpx_refuses_polygons_and_tells_of_those_it_left_out(tmp_path: Path) -> None:
    with pytest.raises(InputRefused, match=r"write\.no-polygons"):
        write(tmp_path / "h.gpx", outgoing(HAZARD, []))
    rows = [
        Record("searched", "A", {}, box(0, 0, 1, 1)),
        Record("searched", "B", {}, LineString([(0, 0), (1, 1)])),
    ]
    told = write(tmp_path / "searched.gpx", outgoing(KINDS["searched"], rows))
    assert told == [f"{LOSSES['no_polygons']} (1 times)"]


def test_a_suffix_that_is_not_written_is_refused_with_those_that_are(tmp_path: Path) -> None:
    with pytest.raises(InputRefused, match=r"write\.unknown-format.*\.gpkg"):
        write(tmp_path / "e.fgb", outgoing(EVIDENCE, []))


@pytest.mark.parametrize("suffix", [".gpkg", ".gdb", ".gdb.zip", ".parquet", ".shp.zip"])
def test_formats_that_know_other_crs_write_in_metres_and_come_back_to_the_place(
    tmp_path: Path, suffix: str
) -> None:
    path = tmp_path / f"evidence{suffix}"
    writing.write_records(path, [outgoing(EVIDENCE, few()[:1])], about=ABOUT, crs="EPSG:32648")
    (layer,) = formats.read(path)
    there = places.move(layer.geometries, str(layer.crs), places.WGS84)[0]
    assert layer.crs == "EPSG:32648"
    # 1e-9 degrees is 0.1 mm: a File Geodatabase keeps 1e-7 m here, and a projection goes forth and back to 1e-9 m
    assert there.equals_exact(few()[0].shape, 1e-9)


def test_csv_refuses_any_crs_but_wgs_84(tmp_path: Path) -> None:
    with pytest.raises(InputRefused, match=r"write\.crs"):
        writing.write_records(tmp_path / "e.csv", [outgoing(EVIDENCE, [])], about=ABOUT, crs="EPSG:32648")


@pytest.mark.parametrize("name", ["e.gpkg", "e.kml", "e.gdb", "e.gdb.zip"])
def test_gdal_sees_layers_and_crs(tmp_path: Path, name: str) -> None:
    write(
        tmp_path / name,
        outgoing(EVIDENCE, few()),
        outgoing(HAZARD, [Record("hazardous_area", "H", {}, box(0, 0, 1, 1))]),
    )
    seen = {layer for layer, _ in pyogrio.list_layers(tmp_path / name)}
    assert {"evidence", "hazardous_area"} <= seen
    assert {
        pyogrio.read_info(tmp_path / name, layer=layer)["crs"] for layer in ("evidence", "hazardous_area")
    } == {"EPSG:4326"}


def test_a_geodatabase_folder_is_replaced_by_a_new_one_and_another_folder_is_not(tmp_path: Path) -> None:
    path = tmp_path / "e.gdb"
    write(path, outgoing(EVIDENCE, few()))
    write(path, outgoing(EVIDENCE, few()[:1]))
    assert [len(layer) for layer in formats.read(path)] == [1]
    (tmp_path / "mine.gdb").mkdir()
    with pytest.raises(InputRefused, match=r"write\.place"):
        write(tmp_path / "mine.gdb", outgoing(EVIDENCE, few()))


def test_suspected_and_confirmed_ground_differ_in_colour_hatch_and_letter(tmp_path: Path) -> None:
    path = tmp_path / "h.gpkg"
    write(
        path,
        outgoing(
            HAZARD, [Record("hazardous_area", "H", {"state": "confirmed", "class": "CHA"}, box(0, 0, 1, 1))]
        ),
    )
    with closing(sqlite3.connect(path)) as file:
        ((qml,),) = file.execute("SELECT styleQML FROM layer_styles").fetchall()
    assert "244,167,24" in qml
    assert "255,0,0,128" in qml  # 50 %
    assert qml.count("LinePatternFill") == 1 + 2 + 1 + 1 + 2  # each state has its own hatch
    assert 'fieldName="class"' in qml


def test_geojson_is_right_handed_and_holds_wgs_84_alone(tmp_path: Path) -> None:
    clockwise = Polygon([(0, 0), (0, 1), (1, 1), (1, 0)])
    told = write(tmp_path / "h.geojson", outgoing(HAZARD, [Record("hazardous_area", "H", {}, clockwise)]))
    written = json.loads((tmp_path / "h.geojson").read_text(encoding="utf-8"))
    ring = Polygon(written["features"][0]["geometry"]["coordinates"][0])
    assert ring.exterior.is_ccw
    assert told == [f"{LOSSES['rings']} (1 times)"]
    assert "crs" not in written


def test_geoparquet_metadata_say_version_encoding_crs_and_bounds(tmp_path: Path) -> None:
    import pyarrow.parquet

    write(tmp_path / "e.parquet", outgoing(EVIDENCE, few()))
    geo = json.loads(pyarrow.parquet.ParquetFile(tmp_path / "e.parquet").metadata.metadata[b"geo"])
    column = geo["columns"][geo["primary_column"]]
    assert (geo["version"], column["encoding"], column["crs"]["id"]) == (
        "1.1.0",
        "WKB",
        {"authority": "EPSG", "code": 4326},
    )
    assert column["bbox"] == [-0.1, -1e-7, 107.1, 16.5]


def test_a_cell_longer_than_excel_holds_is_cut_and_told(tmp_path: Path) -> None:
    far = Polygon([(n / 1e5, (n % 2) / 7) for n in range(3_000)] + [(0, -1)])
    rows = [Record("hazardous_area", "H", {"remark": "a" * 40_000}, far)]
    told = write(tmp_path / "h.xlsx", outgoing(HAZARD, rows))
    assert told == [f"{LOSSES['long_cells']} (2 times)"]
    (layer,) = formats.read(tmp_path / "h.xlsx")
    assert len(str(layer.columns["remark"][0])) == 32_767


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_pieces_of_a_file_are_the_whole_with_row_numbers_going_on(tmp_path: Path, suffix: str) -> None:
    rows = [Record("evidence", f"EP-{n}", {"count": n, "remark": "é" * n}, Point(n, n)) for n in range(1, 12)]
    path = tmp_path / f"evidence{suffix}"
    write(path, outgoing(EVIDENCE, rows))
    (whole,) = formats.read(path)
    pieces = list(formats.chunks(path, 4))
    assert [len(piece) for piece in pieces] == [4, 4, 3]
    assert sum((piece.rows for piece in pieces), ()) == whole.rows == tuple(range(1, 12))
    assert sum((piece.geometries for piece in pieces), ()) == whole.geometries
    assert {n: sum((piece.columns[n] for piece in pieces), ()) for n in whole.columns} == whole.columns
    told = [(piece.name, piece.file, piece.crs, piece.alone, piece.table) for piece in pieces]
    assert set(told) == {(whole.name, whole.file, whole.crs, whole.alone, whole.table)}


def test_records_of_many_pieces_all_go_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Outgoing.pieces, "__defaults__", (3,))
    rows = [
        Record("searched", f"S-{n}", {}, box(n, 0, n + 1, 1) if n % 2 else LineString([(n, 0), (n, 1)]))
        for n in range(20)
    ]
    for suffix in SUFFIXES:
        path = tmp_path / f"searched{suffix}"
        write(path, outgoing(KINDS["searched"], rows))
        check(path, KINDS["searched"], rows)


def test_the_digest_of_content_does_not_depend_on_the_order_of_values() -> None:
    one, other = few()[0], Record("evidence", "EP-1", dict(reversed(few()[0].values.items())), few()[0].shape)
    assert content_sha256([one]) == content_sha256([other]) != content_sha256([few()[1]])


def test_a_track_keeps_the_times_of_its_points(tmp_path: Path) -> None:
    path = tmp_path / "searched.gpx"
    path.write_text(
        '<gpx version="1.1" creator="r" xmlns="http://www.topografix.com/GPX/1/1"><trk><name>T</name><trkseg>'
        '<trkpt lat="16.8" lon="107"><time>2026-11-25T07:00:00Z</time></trkpt>'
        '<trkpt lat="16.9" lon="107"/></trkseg></trk></gpx>'
    )
    (layer,) = formats.read(path)
    assert layer.times == (("2026-11-25T07:00:00Z", None),)


def test_every_format_and_every_loss_stands_on_the_page() -> None:
    page = formats.as_markdown()
    assert [form.name for form in formats.FORMATS if f"## {form.name}" not in page] == []
    used = {loss for form in formats.FORMATS for loss in form.written_losses} | set(COMMON)
    assert used == LOSSES.keys()
    assert [loss for loss in used if LOSSES[loss] not in page] == []
