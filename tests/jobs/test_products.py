"""What an assessment leaves in its folder says what the assessment says, and lies where it lies."""

from __future__ import annotations

import json
import re
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import product_case
import pyogrio
import pytest
import rasterio
import shapely
from pyproj import Transformer
from rio_cogeo import cog_validate

from fadeout.jobs import figures, ground, product_layers, products
from fadeout.jobs.assessment import Assessment
from fadeout.model.checks import Check, Verdict

LAYERS = {  # promised in docs/reference/outputs.md
    "inputs_evidence": "id kind how found_on count munition position_error_m searched_id file row",
    "strikes": "id kind finds expected_remaining probability error_m sd_x_m sd_y_m sigma_major_m sigma_minor_m "
    "bearing_deg mgrs",
    "next_boxes": "rank p_find reason aim record expected_remaining x y lon lat utm mgrs",
    "hazardous_area": "id status label area_m2 expected_remaining share_left_out confidence fadeout_m asked_share "
    "asked_confidence",
    "inputs_strikes": "id struck_on munition carriers position_error_m credibility source duplicate_of file row",
    "inputs_area": "kind assumed area_m2",
    "inputs_searched": "id searched_on method detection outcome counts share_searched team kind swath_m depth_cm "
    "file row",
    "cells": "expected_remaining p_any p_any_undetected searched effort cells area_m2",
}


@pytest.fixture(scope="module")
def case() -> Assessment:
    return product_case.assessment()


@pytest.fixture(scope="module")
def told(case: Assessment) -> dict[str, Any]:
    return products.summary(case)


@pytest.fixture(scope="module")
def folder(case: Assessment, told: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("run")
    products.write(case, told, path)
    return path


def layer(folder: Path, name: str) -> tuple[list[Any], dict[str, Any]]:
    info, _, shapes, data = pyogrio.raw.read(folder / "hazard.gpkg", layer=name)
    return list(shapely.from_wkb(shapes)), dict(zip(info["fields"], data, strict=True))


# ---- hazard.gpkg ------------------------------------------------------------------------------


def test_every_promised_file_is_written_and_no_other(folder: Path) -> None:
    assert sorted(path.name for path in folder.iterdir()) == sorted(products.FILES)


def test_the_geopackage_holds_every_promised_layer_and_column(folder: Path) -> None:
    found = {}
    for name, _ in pyogrio.list_layers(folder / "hazard.gpkg"):
        found[name] = " ".join(pyogrio.read_info(folder / "hazard.gpkg", layer=name)["fields"])
    assert found.pop("layer_styles").startswith("f_table_catalog")
    assert found == {name: f"{columns} stamp" for name, columns in LAYERS.items()}


def test_every_layer_is_in_the_crs_of_the_survey(folder: Path) -> None:
    crs = {pyogrio.read_info(folder / "hazard.gpkg", layer=name)["crs"] for name in LAYERS}
    assert crs == {product_case.CRS}


def test_every_layer_says_in_every_row_that_it_was_simulated(folder: Path) -> None:
    said = {name: set(layer(folder, name)[1]["stamp"]) for name in LAYERS}
    assert said == {name: {product_case.STAMP} for name in LAYERS}


def test_hazardous_area_is_valid_polygons_that_cover_exactly_its_cells(
    folder: Path, case: Assessment
) -> None:
    shapes, columns = layer(folder, "hazardous_area")
    assert all(shape.is_valid and shape.is_simple for shape in shapes)
    assert sum(shape.area for shape in shapes) == case.area.area_m2 == pytest.approx(columns["area_m2"].sum())
    rows, cols = np.nonzero(case.area.cells)
    cells = ground.cell_boxes(rows, cols, case.gridded)
    assert shapely.union_all(cells).symmetric_difference(shapely.union_all(shapes)).area < 1e-6


def test_parts_have_ids_from_the_largest_down(folder: Path) -> None:
    _, columns = layer(folder, "hazardous_area")
    assert list(columns["id"]) == [f"SHA-{n}" for n in range(1, len(columns["id"]) + 1)]
    assert list(columns["area_m2"]) == sorted(columns["area_m2"], reverse=True)


def test_items_of_the_parts_add_up_to_what_is_expected_inside(told: dict[str, Any]) -> None:
    area = told["hazardous_area"]
    assert sum(part["expected_remaining"] for part in area["parts"]) == pytest.approx(
        area["expected_inside"], rel=1e-4
    )


def test_cells_cover_the_assessed_ground_and_hold_every_expected_item(folder: Path, case: Assessment) -> None:
    shapes, columns = layer(folder, "cells")
    assert len(shapes) == case.gridded.assessed.sum()
    assert columns["expected_remaining"].sum() == pytest.approx(
        case.posterior.expected_remaining_in(case.gridded.assessed)
    )


def test_cells_lie_where_their_values_were_computed(folder: Path, case: Assessment) -> None:
    shapes, columns = layer(folder, "cells")
    most = int(np.argmax(columns["p_any"]))
    row, col = np.unravel_index(
        np.argmax(np.where(case.gridded.assessed, case.posterior.p_any_remaining, -1)), (38, 40)
    )
    assert shapes[most].centroid.coords[0] == ground.centre(float(row), float(col), case.gridded)


def test_ground_that_only_a_report_speaks_of_is_not_searched(folder: Path, case: Assessment) -> None:
    shapes, columns = layer(folder, "cells")
    at = next(i for i, shape in enumerate(shapes) if shape.contains(product_case.at(880, 720)))
    assert case.gridded.reporting is not None
    assert (columns["searched"][at], columns["effort"][at]) == (0.0, 0.0)


def test_searched_cells_have_the_effort_of_the_search(folder: Path) -> None:
    shapes, columns = layer(folder, "cells")
    at = next(i for i, shape in enumerate(shapes) if shape.contains(product_case.at(310, 410)))
    assert (columns["searched"][at], columns["effort"][at]) == (1.0, pytest.approx(0.8))


def test_many_cells_are_merged_by_class_without_losing_items_or_ground(case: Assessment) -> None:
    whole, merged = product_layers.cells(case), product_layers.cells(case, most=100)
    assert len(merged.shapes) < len(whole.shapes) / 4
    for name in ("expected_remaining", "area_m2", "cells"):
        assert merged.columns[name].sum() == pytest.approx(whole.columns[name].sum())
    assert all(shape.is_valid for shape in merged.shapes)
    assert [shape.area for shape in merged.shapes] == pytest.approx(list(merged.columns["area_m2"]))


def test_merged_cells_stay_in_their_class_and_searched_ground_stays_apart(case: Assessment) -> None:
    merged = product_layers.cells(case, most=100)
    values = {name: merged.columns[name] for name in ("p_any", "searched")}
    classes = np.searchsorted(product_layers.P_BREAKS, case.posterior.p_any_remaining, side="right")
    for shape, p_any, share in zip(merged.shapes, values["p_any"], values["searched"], strict=True):
        x, y = shapely.get_coordinates(shape.representative_point())[0]
        row = int((case.gridded.north - y) // case.gridded.grid.cell_m)
        col = int((x - case.gridded.west) // case.gridded.grid.cell_m)
        assert np.searchsorted(product_layers.P_BREAKS, p_any, side="right") == classes[row, col]
        assert (share > 0) == (case.gridded.searched_share[row, col] > 0)


def test_next_boxes_lie_on_their_cells_with_rank_and_reason(folder: Path, case: Assessment) -> None:
    shapes, columns = layer(folder, "next_boxes")
    assert list(columns["rank"]) == list(range(1, len(case.boxes) + 1))
    assert all(shape.area == 2500.0 for shape in shapes)
    assert all(
        shape.centroid.coords[0] == (x, y)
        for shape, x, y in zip(shapes, columns["x"], columns["y"], strict=True)
    )
    assert all(columns["reason"])


def test_a_box_at_a_record_names_the_record_as_the_inputs_do(case: Assessment) -> None:
    box = replace(
        case.boxes[0], record=1, aim="record", reason="Nobody has looked here yet, near strike record 2: a."
    )
    told = figures.next_boxes(replace(case, boxes=(box,)))
    assert (told[0]["record"], told[0]["reason"]) == (
        "R-2",
        "Nobody has looked here yet, near strike record R-2: a.",
    )


def test_strikes_and_records_are_points_with_their_probability(folder: Path, case: Assessment) -> None:
    points, columns = layer(folder, "strikes")
    assert list(columns["kind"]) == ["with finds"] * len(case.posterior.strikes()) + ["record", "record"]
    assert list(columns["id"][-2:]) == ["R-1", "R-2"]
    assert points[-1].equals(product_case.at(800, 780))
    assert ((columns["probability"] >= 0) & (columns["probability"] <= 1)).all()


def test_the_inputs_come_back_with_a_duplicate_record_marked(folder: Path) -> None:
    _, columns = layer(folder, "inputs_strikes")
    assert dict(zip(columns["id"], columns["duplicate_of"], strict=True)) == {
        "R-1": None,
        "R-1b": "R-1",
        "R-2": None,
    }


def test_a_track_stands_as_the_ground_it_covered(folder: Path) -> None:
    shapes, columns = layer(folder, "inputs_searched")
    at = list(columns["id"]).index("T-1")
    assert shapes[at].area == pytest.approx(20.0 * np.hypot(400, 50))
    assert set(columns["counts"]) == {"searched", "stopped", "nothing"}


def test_colours_and_class_breaks_are_those_of_every_fadeout_map(folder: Path) -> None:
    with closing(sqlite3.connect(folder / "hazard.gpkg")) as file:
        styles = dict(file.execute("SELECT f_table_name, styleQML FROM layer_styles"))
    assert set(styles) == set(LAYERS)
    assert all(colour in styles["hazardous_area"] for colour in ("244,167,24,128", "255,0,0,128"))
    breaks = re.findall(r'label="Chance that any item is left: ([\d.]+) to ([\d.]+)"', styles["cells"])
    assert [float(low) for low, _ in breaks] == [0, 0.01, 0.05, 0.2, 0.5, 0.8]
    assert "NOT SEARCHED" in styles["cells"]


# ---- hazard.tif -------------------------------------------------------------------------------


def test_the_raster_is_a_valid_cog_with_the_four_promised_bands(folder: Path) -> None:
    valid, errors, _ = cog_validate(folder / "hazard.tif", strict=True, quiet=True)
    assert (valid, errors) == (True, [])
    with rasterio.open(folder / "hazard.tif") as file:
        assert file.descriptions == ("expected_remaining", "p_any", "p_any_undetected", "effort")
        assert (file.crs.to_string(), file.tags()["stamp"]) == (product_case.CRS, product_case.STAMP)


def test_the_raster_says_nothing_outside_the_assessed_ground(folder: Path, case: Assessment) -> None:
    with rasterio.open(folder / "hazard.tif") as file:
        assert np.array_equal(np.isfinite(file.read(1)), case.gridded.assessed)


def test_raster_and_cells_agree_place_by_place(folder: Path) -> None:
    shapes, columns = layer(folder, "cells")
    with rasterio.open(folder / "hazard.tif") as file:
        sampled = np.array(list(file.sample([shape.centroid.coords[0] for shape in shapes])))
    for band, name in enumerate(("expected_remaining", "p_any", "p_any_undetected", "effort")):
        assert sampled[:, band] == pytest.approx(columns[name], rel=1e-6, abs=1e-9)


# ---- next_boxes.gpx and .kml ------------------------------------------------------------------


def test_waypoints_stand_at_the_centres_of_the_boxes(folder: Path) -> None:
    shapes, columns = layer(folder, "next_boxes")
    _, _, points, data = pyogrio.raw.read(
        folder / "next_boxes.gpx", layer="waypoints", columns=["name", "desc"]
    )
    back = Transformer.from_crs("EPSG:4326", product_case.CRS, always_xy=True)
    for shape, point, words in zip(shapes, shapely.from_wkb(points), data[1], strict=True):
        assert shape.centroid.distance(shapely.Point(back.transform(point.x, point.y))) < 0.02
        assert words.startswith(product_case.STAMP)
    assert list(data[0]) == [str(rank) for rank in columns["rank"]]


def test_kml_boxes_cover_the_boxes_of_the_geopackage(folder: Path) -> None:
    shapes, _ = layer(folder, "next_boxes")
    name = pyogrio.list_layers(folder / "next_boxes.kml")[0][0]
    _, _, found, _ = pyogrio.raw.read(folder / "next_boxes.kml", layer=name)
    back = Transformer.from_crs("EPSG:4326", product_case.CRS, always_xy=True)
    for shape, box in zip(shapes, shapely.from_wkb(found), strict=True):
        flat = shapely.transform(shapely.force_2d(box), lambda xy: np.column_stack(back.transform(*xy.T)))
        assert shape.symmetric_difference(flat).area < 5.0  # 1 cm along 200 m of edge, twice


# ---- summary.json -----------------------------------------------------------------------------


def test_summary_holds_json_values_only_and_reads_back_equal(folder: Path, told: dict[str, Any]) -> None:
    assert json.loads((folder / "summary.json").read_bytes()) == told


def test_same_assessment_gives_the_same_bytes_whenever_it_was_made(
    case: Assessment, folder: Path, tmp_path: Path
) -> None:
    later = replace(case, info=product_case.info(created_at="2031-01-01T00:00:00+00:00"))
    products.write(later, products.summary(later), tmp_path)
    for name in products.FILES:
        assert (tmp_path / name).read_bytes() == (folder / name).read_bytes(), name


def test_searched_not_searched_and_excluded_ground_make_up_the_assessed(told: dict[str, Any]) -> None:
    area = told["area"]
    parts = area["searched_m2"] + area["not_searched_m2"] + area["excluded_m2"]
    assert parts == pytest.approx(area["assessed_m2"], abs=0.1)


def test_known_undetected_and_single_items_make_up_what_remains(told: dict[str, Any]) -> None:
    left = told["remaining"]
    assert left["known"] + left["undetected"] + left["background"] == pytest.approx(
        left["expected"], rel=1e-4
    )
    assert left["inside"] + left["outside"] == pytest.approx(left["expected"], rel=1e-4)
    assert left["low"] <= left["median"] <= left["high"]


def test_evidence_is_counted_by_kind_and_a_duplicate_record_once(told: dict[str, Any]) -> None:
    found = told["found"]
    assert {
        key: found[key] for key in ("items", "opportunistic", "fragments", "reports", "strike_records")
    } == {
        "items": 8,
        "opportunistic": 1,
        "fragments": 1,
        "reports": 1,
        "strike_records": 2,
    }


def test_sampling_counts_the_boxes_outside_the_area(case: Assessment, told: dict[str, Any]) -> None:
    rule = told["accept_on_zero"]
    outside = case.gridded.assessed & ~case.area.cells & ~case.gridded.excluded
    assert rule["boxes"] == pytest.approx(outside.sum() / 4, rel=0.1)
    assert 0 < rule["sample"] < rule["boxes"]


def test_notes_of_the_survey_and_of_the_grid_stand_in_it(told: dict[str, Any]) -> None:
    assert "R-1b repeats R-1: counted once" in told["notes"]


def test_prior_and_profile_say_where_each_value_came_from(told: dict[str, Any]) -> None:
    assert all(row["source"] for row in (*told["prior"], *told["profile"]["rows"]))


def test_sentences_are_plain_words(told: dict[str, Any]) -> None:
    assert "were searched" in told["sentences"]["we_know"]
    assert "never searched" in told["sentences"]["we_do_not_know"]
    assert told["next_boxes"][0]["mgrs"] in told["sentences"]["next"]


def test_a_failed_check_stands_on_every_product(case: Assessment, tmp_path: Path) -> None:
    verdict = Verdict(False, (Check("chains agree", False, "They do not."),))
    failed = replace(case, verdict=verdict)
    told = products.summary(failed)
    products.write(failed, told, tmp_path)
    words = "CHECKS FAILED: chains agree"
    assert words in told["stamps"][1]
    assert words in layer(tmp_path, "hazardous_area")[1]["stamp"][0]
    assert all(
        words in (tmp_path / name).read_text()
        for name in ("next_boxes.gpx", "next_boxes.kml", "summary.json")
    )
    with rasterio.open(tmp_path / "hazard.tif") as file:
        assert words in file.tags()["stamp"]


def test_ground_without_any_find_gives_every_product_with_no_area(tmp_path: Path) -> None:
    bare = product_case.without_finds()
    told = products.summary(bare)
    products.write(bare, told, tmp_path)
    assert (told["hazardous_area"]["parts"], told["next_boxes"]) == ([], [])
    assert [one["ground"] for one in told["completion"]] == ["outside", "all"]
    assert layer(tmp_path, "hazardous_area")[0] == []
    assert set(layer(tmp_path, "strikes")[1]["kind"]) == {"record"}


def test_no_product_speaks_of_clear_ground_as_if_none_lay_there(folder: Path) -> None:
    texts = [
        (folder / name).read_text().lower() for name in ("next_boxes.gpx", "next_boxes.kml", "summary.json")
    ]
    assert not any(re.search(r"\bsafe\b", text) for text in texts)


def test_rounding_keeps_six_digits_or_a_centimetre_whichever_is_finer() -> None:
    given = {
        "p": 1 / 3,
        "x": 712345.678901,
        "tiny": 1.23456789e-7,
        "lat": 16.123456789,
        "n": np.int64(3),
        "no": np.inf,
    }
    assert figures.rounded(given) == {
        "p": 0.333333,
        "x": 712345.68,
        "tiny": 1.23457e-7,
        "lat": 16.1234568,
        "n": 3,
        "no": None,
    }
