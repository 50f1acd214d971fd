"""Damaged files of every format: taken in or refused with words, never a crash, a hang or a partial store."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

if sys.platform == "win32":
    pytest.skip("the workers fork", allow_module_level=True)

import fuzzing

TIMES = 100  # twenty thousand stand in benchmarks/fuzz.py
FORMATS = (
    *("GeoPackage", "GeoJSON", "KML", "KMZ", "FlatGeobuf", "Shapefile", "GPX", "CSV", "XLSX"),
    *("ODS", "File Geodatabase", "zipped Shapefile", "GeoParquet", "KoboToolbox"),
)


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return fuzzing.seeds(tmp_path_factory.mktemp("good"))


@pytest.mark.parametrize("name", FORMATS)
def test_a_damaged_file_is_taken_in_or_refused_and_never_half_stored(
    name: str, good: dict[str, Path], tmp_path: Path
) -> None:
    found = fuzzing.fuzz(name, good[name], TIMES, seed=1, folder=tmp_path)
    assert found.faults == []
    assert sum(found.outcomes.values()) == TIMES
    assert found.outcomes["refused"] > 0  # the damage is real


def test_every_format_that_is_read_has_a_file_to_damage(good: dict[str, Path]) -> None:
    from fadeout.exchange import formats

    assert {*(form.name for form in formats.FORMATS), "KoboToolbox"} == set(good) == set(FORMATS)
