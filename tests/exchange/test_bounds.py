"""No file takes the machine's memory, disk or day: each is refused with its reason."""

from __future__ import annotations

import io
import json
import struct
import time
import tracemalloc
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import openpyxl
import pyogrio
import pytest
import shapely
import survey_files as files
from shapely import Polygon

from fadeout.errors import InputRefused
from fadeout.exchange import bounds, formats, writing
from fadeout.exchange.outgoing import outgoing
from fadeout.records.catalogue import KINDS
from fadeout.records.record import Record

ABOUT = {"fadeout": "0.1.0", "created_utc": "2026-11-25T04:00:00Z", "sensitivity": "exact"}
SECONDS = 20  # far above what a refusal takes (below 2 s here), far below what harm would take


@pytest.fixture(autouse=True)
def in_time() -> Iterator[None]:
    begun = time.monotonic()
    yield
    assert time.monotonic() - begun < SECONDS


def refused(path: Path) -> set[str]:
    with pytest.raises(InputRefused) as refusal:
        formats.read(path)
    assert str(path.parent) not in str(refusal.value)
    return {problem.code for problem in refusal.value.problems}


def less(monkeypatch: pytest.MonkeyPatch, **limits: int) -> None:
    monkeypatch.setattr(bounds, "LIMITS", replace(bounds.LIMITS, **limits))


# ---- archives -------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", ["zip", "gdb.zip", "kmz", "xlsx", "ods"])
def test_an_archive_that_unpacks_to_too_much_is_refused_unopened(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"evidence.{suffix}"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in ("a.shp", "a.gdb/a.gdbtable", "doc.kml", "xl/workbook.xml", "content.xml"):
            archive.writestr(name, "x")
        archive.writestr("bomb.xml", b"\0" * (bounds.LIMITS.ratio_from + 1))
    assert path.stat().st_size < 1e6
    assert refused(path) == {"file.too-large"}


def test_an_archive_that_says_less_than_it_holds_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "evidence.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.shp", b"\0" * 10_000_000)
    raw = path.read_bytes().replace(struct.pack("<L", 10_000_000), struct.pack("<L", 100))
    path.write_bytes(raw)
    assert refused(path) == {"file.broken"}


def test_an_archive_of_overlapping_members_is_bounded_by_their_sum(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    less(monkeypatch, unpacked=3_000_000)
    path = tmp_path / "evidence.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for n in range(4):
            archive.writestr(f"{n}.shp", b"\0" * 1_000_000)
    assert refused(path) == {"file.too-large"}


@pytest.mark.parametrize(
    "name", ["../a.shp", "/etc/a.shp", "a/../../b.shp", "..\\a.shp", "C:\\a.shp", "\\\\host\\a.shp"]
)
def test_a_member_that_leads_out_of_the_archive_is_refused(tmp_path: Path, name: str) -> None:
    path = tmp_path / "in" / "evidence.zip"
    path.parent.mkdir()
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(name, "x")
    assert refused(path) == {"file.unsafe-archive"}
    assert [one.name for one in tmp_path.rglob("*") if one.is_file()] == ["evidence.zip"]


def test_an_archive_of_too_many_members_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    less(monkeypatch, members=5)
    path = tmp_path / "evidence.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for n in range(6):
            archive.writestr(f"{n}.shp", "x")
    assert refused(path) == {"file.too-large"}


def test_an_encrypted_archive_is_refused_in_words(tmp_path: Path) -> None:
    path = tmp_path / "evidence.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.shp", "x" * 100)
    raw = bytearray(path.read_bytes())
    raw[6] |= 1  # the flag of encryption, in both headers
    raw[raw.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(raw)
    assert refused(path) == {"file.broken"}


def test_nothing_unpacked_is_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    path = zipped(tmp_path)
    formats.read(path)
    pieces = formats.chunks(path, 1)
    next(pieces)
    pieces.close()  # type: ignore[attr-defined]
    assert list((tmp_path / "temporary").iterdir()) == []


def zipped(folder: Path, *layers: files.Layer) -> Path:
    """An archive of Shapefiles, as a programme sends it."""
    for layer in layers or (files.EVIDENCE,):
        files.write(folder, "shp", layer)
    path = folder / "survey.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for one in sorted(folder.glob("*.*")):
            if one != path:
                archive.write(one, f"survey/{one.name}")
        archive.writestr("__MACOSX/survey/._evidence.shp", "x")
    return path


def test_an_archive_gives_each_of_its_shapefiles_under_its_own_name(tmp_path: Path) -> None:
    layers = formats.read(zipped(tmp_path, files.EVIDENCE, files.SEARCHED))
    assert [(layer.name, layer.file, len(layer), layer.alone) for layer in layers] == [
        ("evidence", "survey.zip", 4, False),
        ("searched", "survey.zip", 3, False),
    ]


def test_a_shapefile_in_an_archive_that_lacks_its_table_is_refused_by_the_archives_name(
    tmp_path: Path,
) -> None:
    path = tmp_path / "survey.zip"
    files.write(tmp_path, "shp", files.EVIDENCE)
    with zipfile.ZipFile(path, "w") as archive:
        archive.write(tmp_path / "evidence.shp", "evidence.shp")
    with pytest.raises(InputRefused, match=r"file\.incomplete-shapefile: survey\.zip"):
        formats.read(path)


def test_an_archive_of_a_geodatabase_asks_for_its_suffix(tmp_path: Path) -> None:
    rows = [Record("evidence", "E", {}, shapely.Point(1, 2))]
    writing.write_records(tmp_path / "e.gdb.zip", [outgoing(KINDS["evidence"], rows)], about=ABOUT)
    (tmp_path / "e.gdb.zip").rename(tmp_path / "e.zip")
    assert refused(tmp_path / "e.zip") == {"file.mismatch"}


# ---- shapes and cells -----------------------------------------------------------------------------


def test_a_polygon_of_ten_million_corners_is_refused_before_it_is_made(tmp_path: Path) -> None:
    angle = np.linspace(0, 2 * np.pi, 10_000_000, endpoint=False)
    ring = np.column_stack([np.cos(angle), np.sin(angle)])
    wkb = struct.pack("<BLLL", 1, 3, 1, len(ring) + 1) + np.vstack([ring, ring[:1]]).tobytes()
    path = tmp_path / "hazardous_area.gpkg"
    pyogrio.raw.write(
        path, np.array([wkb], dtype=object), [np.array(["A"], dtype=object)], ["id"],
        geometry_type="Polygon", crs="EPSG:4326", driver="GPKG",
    )  # fmt: skip
    assert refused(path) == {"file.too-many-corners"}


def test_a_polygon_of_a_hundred_thousand_corners_is_read_from_every_format(tmp_path: Path) -> None:
    angle = np.linspace(0, 2 * np.pi, 100_000, endpoint=False)
    shape = Polygon(np.column_stack([107 + np.cos(angle), 16 + np.sin(angle)]))
    for suffix in (".gpkg", ".geojson", ".kml", ".csv", ".parquet", ".gdb.zip", ".shp.zip"):
        path = tmp_path / f"hazardous_area{suffix}"
        rows = [Record("hazardous_area", "A", {"state": "suspected"}, shape)]
        writing.write_records(path, [outgoing(KINDS["hazardous_area"], rows)], about=ABOUT)
        (layer,) = formats.read(path)
        if layer.table:
            assert len(str(layer.columns["wkt_wgs84"][0])) > 1_000_000
        else:
            assert shapely.get_num_coordinates(layer.geometries[0]) == 100_001


@pytest.mark.parametrize(
    "content", ['id,remark\nA,"{}', "id,remark\nA,{}", "{}"], ids=["quoted", "bare", "header"]
)
def test_a_cell_without_end_is_refused_with_little_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str
) -> None:
    less(monkeypatch, cell=1_000_000)  # a cell of 1 GB meets the real limit in the same way, more slowly
    path = tmp_path / "evidence.csv"
    path.write_text(content.replace("{}", "x" * 50_000_000))
    tracemalloc.start()
    codes = refused(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert codes <= {"file.too-large", "file.broken"}
    assert peak < 20e6  # a few copies of the longest line allowed, at up to four bytes a letter


def test_a_quoted_cell_of_many_lines_without_end_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    less(monkeypatch, cell=1_000_000)
    path = tmp_path / "evidence.csv"
    path.write_text('id,remark\nA,"' + "x\n" * 2_000_000)
    assert refused(path) == {"file.broken"}


def test_a_large_csv_in_pieces_takes_the_memory_of_a_piece(tmp_path: Path) -> None:
    path = tmp_path / "evidence.csv"
    with path.open("w") as stream:
        stream.write("id,lat,lon,remark\n")
        stream.writelines(f"EP-{n},16.5,107.1,{'x' * 50}\n" for n in range(100_000))
    tracemalloc.start()
    rows = sum(len(piece) for piece in formats.chunks(path, 1_000))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert rows == 100_000
    assert (
        peak < path.stat().st_size / 2
    )  # 8 MB of text; a piece is a hundredth of it, its cells some ten times theirs


def test_every_ragged_row_of_a_csv_is_told_even_when_read_in_pieces(tmp_path: Path) -> None:
    path = tmp_path / "evidence.csv"
    path.write_text("id,lat,lon\n" + "A,1,2\n" * 10 + "B,1,2,3\n" + "A,1,2\n" * 10 + "B,1,2,3\n")
    with pytest.raises(InputRefused) as refusal:
        list(formats.chunks(path, 3))
    assert [problem.row for problem in refusal.value.problems] == [11, 22]


def test_a_byte_that_is_not_utf_8_is_told_with_its_line_far_into_the_file(tmp_path: Path) -> None:
    path = tmp_path / "evidence.csv"
    path.write_bytes(b"id,lat,lon\n" + b"A,1,2\n" * 50_000 + b"\xc9P,1,2\n")
    with pytest.raises(InputRefused, match="line 50002 holds the byte 0xc9"):
        list(formats.chunks(path, 100))


def test_a_table_of_too_many_columns_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "evidence.csv"
    path.write_text(",".join(f"c{n}" for n in range(3_000)) + "\n")
    assert refused(path) == {"file.too-large"}


# ---- XML, JSON, spreadsheets ----------------------------------------------------------------------

LAUGHS = "<!DOCTYPE x [<!ENTITY a0 'lol'>" + "".join(
    f"<!ENTITY a{n} '{f'&a{n - 1};' * 10}'>" for n in range(1, 12)
)  # fmt: skip
KML = '<kml xmlns="http://www.opengis.net/kml/2.2"><Document><Placemark><name>{}</name></Placemark></Document></kml>'
GPX = '<gpx version="1.1" creator="x"><wpt lat="1" lon="1"><name>{}</name></wpt></gpx>'


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
@pytest.mark.parametrize(("suffix", "text"), [("kml", KML), ("gpx", GPX)])
def test_entities_that_grow_without_end_are_refused(
    tmp_path: Path, suffix: str, text: str, encoding: str
) -> None:
    path = tmp_path / f"evidence.{suffix}"
    path.write_text(
        f"<?xml version='1.0' encoding='{encoding}'?>{LAUGHS}]>{text.format('&a11;')}", encoding=encoding
    )
    assert refused(path) <= {"file.entities", "file.mismatch"}


def test_entities_in_a_kmz_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "evidence.kmz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("doc.kml", f"<?xml version='1.0'?>{LAUGHS}]>{KML.format('&a11;')}")
    assert refused(path) == {"file.entities"}


def workbook(tmp_path: Path, change: str, into: str) -> Path:
    """An XLSX of one cell, with a word of its sheet changed."""
    book = openpyxl.Workbook()
    book.active.append(["id", "lat", "lon"])
    book.active.append(["A", 1, 2])
    held = io.BytesIO()
    book.save(held)
    path = tmp_path / "evidence.xlsx"
    with zipfile.ZipFile(held) as old, zipfile.ZipFile(path, "w") as new:
        for name in old.namelist():
            raw = old.read(name).decode()
            new.writestr(name, raw.replace(change, into) if "sheet1.xml" in name else raw)
    return path


def test_entities_in_an_xlsx_are_refused(tmp_path: Path) -> None:
    assert refused(workbook(tmp_path, "<worksheet", f"{LAUGHS}]><worksheet")) == {"file.entities"}


def test_a_sheet_that_says_it_has_a_million_columns_is_read_for_those_it_has(tmp_path: Path) -> None:
    (layer,) = formats.read(workbook(tmp_path, 'ref="A1:C2"', 'ref="A1:BDWGN1048576"'))
    assert list(layer.columns) == ["id", "lat", "lon"]


def test_a_cell_in_column_one_million_is_refused(tmp_path: Path) -> None:
    assert refused(workbook(tmp_path, 'r="C1"', 'r="BDWGN1"')) <= {"file.broken", "file.too-large"}


def test_a_cell_in_row_one_thousand_million_is_refused_or_read_in_time(tmp_path: Path) -> None:
    path = workbook(tmp_path, '<row r="2"', '<row r="1000000000"')
    told: set[str] = set()
    with suppress(InputRefused):
        told = {layer.name for layer in formats.read(path)}
    assert told <= {"Sheet"}


@pytest.mark.parametrize("inner", ["[" * 100_000 + "]" * 100_000, '{"a":' * 100_000 + "1" + "}" * 100_000])
def test_json_nested_too_deeply_is_refused(tmp_path: Path, inner: str) -> None:
    path = tmp_path / "evidence.geojson"
    path.write_text(
        '{"type":"FeatureCollection","features":[{"type":"Feature","geometry":null,"properties":{"a":'
        + inner
        + "}}]}"
    )
    assert refused(path) == {"file.broken"}


@pytest.mark.parametrize(
    ("name", "code", "text"),
    [
        (
            "e.gpx",
            "file.too-deep",
            GPX.replace("</wpt>", f"<extensions>{'<a>' * 99_999}{'</a>' * 99_999}</extensions></wpt>"),
        ),
        (
            "e.kml",
            "file.broken",
            f'<kml xmlns="http://www.opengis.net/kml/2.2">{"<Folder>" * 99_999}{"</Folder>" * 99_999}</kml>',
        ),
    ],
)
def test_xml_nested_too_deeply_is_refused(tmp_path: Path, name: str, code: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    assert refused(tmp_path / name) == {code}


def test_a_file_that_is_held_in_memory_and_too_large_for_it_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    less(monkeypatch, whole=100)
    path = tmp_path / "evidence.geojson"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": [], "x": "x" * 100}))
    assert refused(path) == {"file.too-large"}


# ---- GeoParquet -----------------------------------------------------------------------------------


def test_without_pyarrow_geoparquet_is_refused_with_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "evidence.parquet"
    path.write_bytes(b"PAR1 and more")
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    with pytest.raises(InputRefused, match=r"file\.needs-extra.*\./run extras"):
        formats.read(path)


def test_a_damaged_parquet_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "evidence.parquet"
    path.write_bytes(b"PAR1" + b"\0" * 100 + b"PAR1")
    assert refused(path) == {"file.broken"}
