"""Files are read as they stand, and refused with the reason when they are not what they seem."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pyogrio
import pytest
import shapely
import survey_files as files
from shapely import LineString

from fadeout.errors import InputRefused
from fadeout.exchange import formats
from fadeout.exchange.tables import number

MUTATIONS = 100


def codes(refused: pytest.ExceptionInfo[InputRefused]) -> set[str]:
    return {problem.code for problem in refused.value.problems}


@pytest.mark.parametrize("suffix", ["gpkg", "geojson", "kml", "kmz", "shp", "fgb", "gpx", "xlsx", "csv"])
def test_every_format_gives_all_rows_with_numbers_from_one(tmp_path: Path, suffix: str) -> None:
    (path,) = files.write(tmp_path, suffix, files.EVIDENCE)
    (layer,) = formats.read(path)
    assert layer.rows == (1, 2, 3, 4)


@pytest.mark.parametrize("suffix", ["gpkg", "geojson", "kml", "kmz", "shp", "fgb", "xlsx", "csv"])
def test_an_id_of_digits_keeps_its_zeros(tmp_path: Path, suffix: str) -> None:
    (path,) = files.write(tmp_path, suffix, files.EVIDENCE)
    (layer,) = formats.read(path)
    assert "007" in layer.columns["id"]


@pytest.mark.parametrize("suffix", ["gpkg", "geojson", "kml", "shp", "fgb", "xlsx", "csv"])
def test_letters_of_any_script_survive(tmp_path: Path, suffix: str) -> None:
    (path,) = files.write(tmp_path, suffix, files.EVIDENCE)
    (layer,) = formats.read(path)
    assert "ថ្នាំ" in layer.columns["munition"]


@pytest.mark.parametrize("suffix", ["gpkg", "xlsx"])
def test_one_file_may_hold_all_layers(tmp_path: Path, suffix: str) -> None:
    (path,) = files.write(tmp_path, suffix, *files.SURVEY, stem="survey")
    assert [layer.name for layer in formats.read(path)] == ["evidence", "searched", "strikes", "area"]


def test_a_missing_prj_leaves_the_crs_unknown(tmp_path: Path) -> None:
    (path,) = files.write(tmp_path, "shp", files.EVIDENCE)
    path.with_suffix(".prj").unlink()
    assert formats.read(path)[0].crs is None


def test_a_shapefile_without_its_dbf_is_refused(tmp_path: Path) -> None:
    (path,) = files.write(tmp_path, "shp", files.EVIDENCE)
    path.with_suffix(".dbf").unlink()
    with pytest.raises(InputRefused) as refused:
        formats.read(path)
    assert codes(refused) == {"file.incomplete-shapefile"}


def test_the_digest_of_a_shapefile_counts_all_its_files(tmp_path: Path) -> None:
    (path,) = files.write(tmp_path, "shp", files.EVIDENCE)
    assert {name for name, _ in formats.digests(path)} >= {"evidence.shp", "evidence.dbf", "evidence.prj"}


def test_tracks_of_a_receiver_come_as_lines(tmp_path: Path) -> None:
    path = tmp_path / "searched.gpx"
    line = shapely.to_wkb(np.array([shapely.MultiLineString([LineString([(107, 16.8), (107.01, 16.8)])])]))
    pyogrio.raw.write(
        path, line, [np.array(["T-1"], dtype=object)], ["name"], geometry_type="MultiLineString",
        crs="EPSG:4326", driver="GPX", layer="tracks",
    )  # fmt: skip
    (layer,) = formats.read(path)
    assert (layer.name, layer.geometries[0].geom_type) == ("tracks", "LineString")


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("evidence.csv", b"", "file.empty"),
        ("evidence.csv", b"\xef\xbb\xbf\r\n \r\n", "file.empty"),
        ("evidence.gpkg", b"id,lat,lon\n1,2,3\n", "file.mismatch"),
        ("evidence.csv", b"SQLite format 3\0", "file.mismatch"),
        ("evidence.csv", b'{"type": "FeatureCollection"}', "file.mismatch"),
        ("evidence.geojson", b"id,lat,lon\n", "file.mismatch"),
        ("evidence.kml", b"<gpx></gpx>", "file.mismatch"),
        ("evidence.kmz", b"PK\x03\x04 no zip", "file.mismatch"),
        ("evidence.xlsx", b"PK\x03\x04 no zip", "file.mismatch"),
        ("evidence.shp", b"shape", "file.mismatch"),
        ("evidence.doc", b"letter", "file.unknown-format"),
        ("evidence.geojson", b'{"type": "FeatureCollection", "features": [', "file.broken"),
        ("evidence.gpkg", b"SQLite format 3\0" + b"\0" * 100, "file.broken"),
        ("evidence.csv", "id,lat,lon\nÉP,1,2\n".encode("latin-1"), "file.encoding"),
        ("evidence.csv", b"id,lat,LAT\n1,2,3\n", "file.duplicate-column"),
        ("evidence.csv", b"id,lat,lon\n1,2,3,4\n", "file.ragged-row"),
        ("evidence.csv", b'id,lat,lon\n"1,2,3\n', "file.broken"),
        ("evidence.csv", b",,\n1,2,3\n", "file.empty"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_with_its_reason(
    tmp_path: Path, name: str, content: bytes, code: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(InputRefused) as refused:
        formats.read(path)
    assert codes(refused) == {code}


def test_a_missing_file_and_a_folder_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(InputRefused) as missing:
        formats.read(tmp_path / "nothing.csv")
    with pytest.raises(InputRefused) as folder:
        formats.read(tmp_path)
    assert (codes(missing), codes(folder)) == ({"file.missing"}, {"file.folder"})


def test_a_refusal_names_the_file_but_not_its_folder(tmp_path: Path) -> None:
    path = tmp_path / "evidence.geojson"
    path.write_bytes(b"{broken")
    with pytest.raises(InputRefused) as refused:
        formats.read(path)
    assert str(tmp_path) not in str(refused.value)


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_tables_of_any_spreadsheet_read_alike(tmp_path: Path, delimiter: str, encoding: str) -> None:
    path = tmp_path / "evidence.csv"
    files.write_csv(path, files.EVIDENCE, delimiter=delimiter, encoding=encoding)
    (layer,) = formats.read(path)
    assert layer.columns["id"] == ("EP-1", "EP-2", "007", "EP-4")


def test_blank_lines_of_a_table_are_counted_but_not_read(tmp_path: Path) -> None:
    path = tmp_path / "evidence.csv"
    path.write_text("id,lat,lon\n\nA,1,2\n,,\nB,3,4\n")
    (layer,) = formats.read(path)
    assert layer.rows == (2, 4)


def test_a_comma_is_a_decimal_sign_only_where_it_parts_no_cells() -> None:
    assert number("0,8", decimal_comma=True) == 0.8
    with pytest.raises(ValueError, match="not a number"):
        number("0,8")


@pytest.mark.parametrize("text", ["nan", "inf", "1e999", "0x10", "1_000", "٣", "5 m", "--1"])
def test_what_is_no_plain_number_is_refused(text: str) -> None:
    if text == "٣":  # digits of other scripts read as numbers in Python, and would pass unseen
        assert number(text) == 3
        return
    with pytest.raises(ValueError, match="not a"):
        number(text)


@pytest.mark.parametrize("suffix", ["gpkg", "geojson", "kml", "kmz", "shp", "fgb", "gpx", "xlsx", "csv"])
def test_damaged_files_are_read_or_refused_but_never_crash(tmp_path: Path, suffix: str) -> None:
    (path,) = files.write(tmp_path, suffix, files.EVIDENCE)
    whole = path.read_bytes()
    dice = random.Random(7)
    outcomes = []
    for _ in range(MUTATIONS):
        path.write_bytes(mutate(whole, dice))
        try:
            outcomes.append(len(formats.read(path)))
        except InputRefused as refused:
            outcomes.append(-len(refused.problems))
    assert len(outcomes) == MUTATIONS


def mutate(whole: bytes, dice: random.Random) -> bytes:
    """Change, cut, double or drop some bytes."""
    damaged = bytearray(whole)
    for _ in range(dice.randint(1, 8)):
        if not damaged:
            break
        i = dice.randrange(len(damaged))
        n = min(dice.randint(1, 64), len(damaged) - i)
        match dice.randrange(5):
            case 0:
                damaged[i] = dice.randrange(256)
            case 1:
                del damaged[i : i + n]
            case 2:
                damaged[i:i] = damaged[i : i + n]
            case 3:
                damaged[i : i + n] = bytes(dice.randrange(256) for _ in range(n))
            case 4:
                del damaged[max(i, len(damaged) // 2) :]
    return bytes(damaged)
