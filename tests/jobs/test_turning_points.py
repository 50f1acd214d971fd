"""Areas from a benchmark and turning points, with their closing error."""

from __future__ import annotations

from pathlib import Path

import pytest

from fadeout.errors import InputRefused
from fadeout.jobs.turning_points import Manner, laid_out
from fadeout.records.places import WGS84, geodesic_area_m2

HEAD = "area,benchmark,leg,bearing,distance_m\n"
SQUARE = 'SHA-1,"16.8025, 107.05",start,45,50\nSHA-1,,1,0,100\nSHA-1,,2,90,100\nSHA-1,,3,180,100\nSHA-1,,4,270,100\n'


def table(folder: Path, text: str) -> Path:
    path = folder / "legs.csv"
    path.write_text(HEAD + text, encoding="utf-8")
    return path


def test_a_square_of_100_m_has_10_000_square_metres_and_closes(tmp_path: Path) -> None:
    (area,) = laid_out(table(tmp_path, SQUARE), Manner())
    assert area.shape is not None
    assert geodesic_area_m2(area.shape, WGS84) == pytest.approx(
        10_000, rel=1e-4
    )  # bearings turn by 0.0003 degrees
    assert str(area.values["entered"]).startswith("16.8025, 107.05; start 45/50; leg 0/100")


def test_every_area_that_cannot_be_laid_out_is_told(tmp_path: Path) -> None:
    bad = (
        SQUARE + "SHA-2,nowhere,1,0,100\nSHA-2,,2,90,100\nSHA-2,,3,180,100\n" + 'SHA-3,"16.8, 107",1,x,100\n'
    )
    with pytest.raises(InputRefused) as refused:
        laid_out(table(tmp_path, bad), Manner())
    assert {problem.code for problem in refused.value.problems} == {"traverse.refused", "intake.bad-number"}


def test_a_table_without_bearings_is_told_which_column_is_missing(tmp_path: Path) -> None:
    path = tmp_path / "legs.csv"
    path.write_text("area,benchmark,leg,distance_m\nA,x,1,5\n", encoding="utf-8")
    with pytest.raises(InputRefused, match="no column 'bearing'"):
        laid_out(path, Manner())
