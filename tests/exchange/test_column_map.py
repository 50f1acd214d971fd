"""A column map makes somebody else's layers ours without a hand laid on the file."""

from __future__ import annotations

from pathlib import Path

import pytest
from shapely import Point, box

from fadeout.errors import InputRefused, Problem
from fadeout.exchange import column_map
from fadeout.exchange.layers import RawLayer


def layer(**changes: object) -> RawLayer:
    given: dict[str, object] = {
        "file": "points.gpkg",
        "name": "vondsten",
        "format": "GeoPackage",
        "columns": {
            "Kenmerk": ("A", "B", "C"),
            "Soort": ("bom", "granaat", None),
            "Kans": ("80", "90 %", "?"),
        },
        "geometries": (Point(0, 0), Point(10, 10), Point(20, 20)),
        "crs": "EPSG:28992",
        "rows": (1, 2, 3),
    }
    return RawLayer(**{**given, **changes})  # type: ignore[arg-type]


def applied(tmp_path: Path, text: str, *layers: RawLayer) -> tuple[list[RawLayer], list[Problem]]:
    path = tmp_path / "map.toml"
    path.write_text(text)
    problems: list[Problem] = []
    return column_map.load(path).apply(layers or (layer(),), problems), problems


def test_columns_are_renamed_whatever_their_case(tmp_path: Path) -> None:
    (mapped,), _ = applied(tmp_path, '[[layer]]\nto = "evidence"\ncolumns = { id = "kenmerk" }')
    assert (mapped.role, mapped.columns) == ("evidence", {"id": ("A", "B", "C")})


def test_values_are_translated_and_the_rest_takes_the_star(tmp_path: Path) -> None:
    text = '[[layer]]\nto = "evidence"\ncolumns = { kind = "Soort" }\nvalues.kind = { bom = "item", "*" = "report" }'
    (mapped,), _ = applied(tmp_path, text)
    assert mapped.columns["kind"] == ("item", "report", None)


def test_constants_stand_in_every_row(tmp_path: Path) -> None:
    (mapped,), _ = applied(tmp_path, '[[layer]]\nto = "evidence"\nconstants = { how = "opportunistic" }')
    assert mapped.columns["how"] == ("opportunistic",) * 3


def test_percent_becomes_a_share_and_what_is_no_number_stays_to_be_refused(tmp_path: Path) -> None:
    text = '[[layer]]\nto = "searched"\ncolumns = { detection = "Kans" }\npercent = ["detection"]'
    (mapped,), _ = applied(tmp_path, text)
    assert mapped.columns["detection"] == (0.8, 0.9, "?")


def test_filters_keep_the_row_numbers_of_the_file(tmp_path: Path) -> None:
    text = '[[layer]]\nto = "evidence"\nunless = { Soort = ["bom"] }\nnumber_ids = "X-"'
    (mapped,), _ = applied(tmp_path, text)
    assert (mapped.rows, mapped.columns["id"]) == ((2, 3), ("X-2", "X-3"))


def test_only_rows_with_the_wanted_value_are_kept(tmp_path: Path) -> None:
    text = '[[layer]]\nto = "evidence"\nwhere = { Soort = ["granaat"] }'
    (mapped,), _ = applied(tmp_path, text)
    assert mapped.rows == (2,)


def test_one_foreign_layer_may_become_two_of_ours(tmp_path: Path) -> None:
    mapped, _ = applied(tmp_path, '[[layer]]\nto = "evidence"\n[[layer]]\nto = "strikes"')
    assert [one.role for one in mapped] == ["evidence", "strikes"]


def test_other_layers_of_a_mapped_file_are_left_out_and_other_files_pass(tmp_path: Path) -> None:
    text = '[[layer]]\nto = "evidence"\nfile = "points*"\nlayer = "vondsten"'
    others = (layer(), layer(name="rest"), layer(file="area.gpkg", name="area"))
    mapped, _ = applied(tmp_path, text, *others)
    assert [one.name for one in mapped] == ["vondsten", "area"]


def test_an_entry_that_speaks_of_no_layer_is_a_problem(tmp_path: Path) -> None:
    _, problems = applied(tmp_path, '[[layer]]\nto = "evidence"\nlayer = "finds"')
    assert [problem.code for problem in problems] == ["map.no-layer"]


def test_a_column_that_is_not_there_is_a_problem_that_names_those_that_are(tmp_path: Path) -> None:
    _, (problem,) = applied(tmp_path, '[[layer]]\nto = "evidence"\ncolumns = { id = "Nummer" }')
    assert (problem.code, "Kenmerk" in problem.remedy) == ("map.no-column", True)


def test_the_map_may_name_the_crs_that_the_file_does_not(tmp_path: Path) -> None:
    (mapped,), _ = applied(tmp_path, 'crs = "EPSG:32631"\n[[layer]]\nto = "area"', layer(crs=None))
    assert mapped.crs == "EPSG:32631"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("[[layer]]\nto = ", "map.not-toml"),
        ('[[layer]]\nto = "finds"', "map.bad-value"),
        ('[[layer]]\nto = "evidence"\ncolumn = { id = "x" }', "map.bad-value"),
        ("slice = { bbox = [1, 2, 3] }", "map.bad-value"),
    ],
)
def test_a_map_that_cannot_be_read_says_why(tmp_path: Path, text: str, code: str) -> None:
    with pytest.raises(InputRefused) as refused:
        applied(tmp_path, text)
    assert refused.value.problems[0].code == code


def test_a_map_that_is_not_there_says_so(tmp_path: Path) -> None:
    with pytest.raises(InputRefused, match=r"map\.unreadable"):
        column_map.load(tmp_path / "none.toml")


def test_a_slice_leaves_out_what_lies_outside_and_cuts_what_crosses_its_edge() -> None:
    shapes = (box(-5, -5, 5, 5), box(50, 50, 60, 60), Point(3, 3))
    cut = column_map.cut(layer(geometries=shapes), box(0, 0, 10, 10))
    assert (cut.rows, cut.geometries[0].area) == ((1, 3), 25.0)
