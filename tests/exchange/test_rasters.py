"""A raster written here is a valid Cloud-Optimised GeoTIFF that says what it holds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rasterio
from rio_cogeo import cog_validate

from fadeout.exchange import rasters
from fadeout.exchange.rasters import Band

CRS, WEST, NORTH, CELL = "EPSG:32648", 712_000.0, 1_862_000.0, 25.0


def bands(rows: int = 300, cols: int = 200) -> list[Band]:
    """Two bands with a slope, nothing said in the north-west quarter."""
    values = np.add.outer(np.arange(rows) * 0.001, np.arange(cols) * 0.1)
    values[: rows // 2, : cols // 2] = np.nan
    return [Band("expected_remaining", "items in a cell", values), Band("p_any", "a chance", values / 100)]


@pytest.fixture
def written(tmp_path: Path) -> Path:
    path = tmp_path / "hazard.tif"
    tags = {"stamp": "SIMULATED", "TIFFTAG_IMAGEDESCRIPTION": "SIMULATED. A test"}
    rasters.write(path, bands(), crs=CRS, west=WEST, north=NORTH, cell_m=CELL, tags=tags)
    return path


@pytest.mark.parametrize("shape", [(40, 30), (300, 200), (1100, 600)])
def test_small_and_large_rasters_are_valid_cogs(tmp_path: Path, shape: tuple[int, int]) -> None:
    path = tmp_path / "hazard.tif"
    rasters.write(path, bands(*shape), crs=CRS, west=WEST, north=NORTH, cell_m=CELL)
    valid, errors, warnings = cog_validate(path, strict=True, quiet=True)
    assert (valid, errors, warnings) == (True, [], [])


def test_a_raster_of_a_few_hundred_cells_has_overviews_already(written: Path) -> None:
    with rasterio.open(written) as file:
        assert file.overviews(1) == [2, 4]


def test_rows_run_south_from_the_corner_given(written: Path) -> None:
    with rasterio.open(written) as file:
        assert (file.crs.to_string(), file.bounds.left, file.bounds.top, file.res) == (
            CRS,
            WEST,
            NORTH,
            (CELL, CELL),
        )
        assert file.bounds.bottom == NORTH - 300 * CELL


def test_values_come_back_in_single_precision_and_nan_is_nodata(written: Path) -> None:
    with rasterio.open(written) as file:
        assert np.array_equal(file.read(1), bands()[0].values.astype(np.float32), equal_nan=True)
        assert np.isnan(file.nodata)
        assert file.dataset_mask()[0, 0] == 0


def test_an_overview_is_the_mean_of_the_cells_that_say_something(written: Path) -> None:
    with rasterio.open(written, overview_level=0) as file:
        whole = bands()[0].values[200:202, 100:102].mean()
        assert file.read(1)[100, 50] == pytest.approx(whole, rel=1e-6)
        assert np.isnan(file.read(1)[0, 0])


def test_bands_and_file_carry_their_names_and_words(written: Path) -> None:
    with rasterio.open(written) as file:
        assert file.descriptions == ("expected_remaining", "p_any")
        assert file.tags(1)["meaning"] == "items in a cell"
        assert (file.tags()["stamp"], file.tags()["TIFFTAG_IMAGEDESCRIPTION"]) == (
            "SIMULATED",
            "SIMULATED. A test",
        )


def test_same_bands_give_the_same_bytes_without_a_clock(written: Path, tmp_path: Path) -> None:
    again = tmp_path / "again.tif"
    tags = {"stamp": "SIMULATED", "TIFFTAG_IMAGEDESCRIPTION": "SIMULATED. A test"}
    rasters.write(again, bands(), crs=CRS, west=WEST, north=NORTH, cell_m=CELL, tags=tags)
    assert again.read_bytes() == written.read_bytes()
