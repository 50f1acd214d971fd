"""The main job as its users meet it: files in, a folder out, words and an exit code.

Reads   the small survey of `survey_files.py`, written to real files
Gives   tests of `cli/assessing.py` and `jobs/assess.py` from end to end, each in a process of its own
Start   at `run`
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from survey_files import AREA, EVIDENCE, SEARCHED, SURVEY, at, square, write

PRODUCTS = {
    *("hazard.gpkg", "hazard.tif", "next_boxes.gpx", "next_boxes.kml"),
    *("report.html", "report.pdf", "summary.json", "timings.json", "estimate.npz"),
}
UNEXPLAINED = """\
based_on = "default"
name = "everything single"
version = "1"
strikes_per_km2 = { value = 0.0001, source = "a test" }
background_per_km2 = { value = 500.0, source = "a test" }
strikes_certainty = { value = "fixed", source = "a test" }
"""


def run(*words: object, code: int = 0) -> subprocess.CompletedProcess[str]:
    """Run fadeout in a process of its own; its exit code must be `code`."""
    done = subprocess.run(
        [sys.executable, "-m", "fadeout", *map(str, words)], capture_output=True, text=True, timeout=300
    )
    assert done.returncode == code, done.stderr
    return done


def left_in(folder: Path) -> list[str]:
    """Names in a folder, hidden ones too."""
    return sorted(os.listdir(folder))


@pytest.fixture(scope="module")
def survey(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("input"), "gpkg", *SURVEY, stem="survey")[0]


@pytest.fixture(scope="module")
def first(survey: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str, str]:
    out = tmp_path_factory.mktemp("first") / "run"
    done = run("assess", survey, "--out", out, "--stamp", "SIMULATED for a test")
    return out, done.stdout, done.stderr


def test_one_command_writes_every_product_and_says_where(first: tuple[Path, str, str]) -> None:
    out, said, _ = first
    assert set(left_in(out)) == PRODUCTS
    assert left_in(out.parent) == ["run"]
    assert f"Report: {out / 'report.html'}" in said
    assert "Ground that was not searched is not clear" in said
    assert "SIMULATED for a test" in said


def test_progress_comes_as_plain_lines_when_piped(first: tuple[Path, str, str]) -> None:
    lines = first[2].splitlines()
    assert lines[0].endswith("reading the inputs")
    assert lines[-1] == "100 %  done"
    assert "\x1b" not in first[2]
    assert "\r" not in first[2]


def test_the_same_input_and_seed_give_the_same_bytes(
    survey: Path, first: tuple[Path, str, str], tmp_path: Path
) -> None:
    again = run("assess", survey, "--out", tmp_path / "run", "--stamp", "SIMULATED for a test", "--json")
    summary = (tmp_path / "run" / "summary.json").read_bytes()
    assert summary == (first[0] / "summary.json").read_bytes()
    assert json.loads(again.stdout) == json.loads(summary)


def test_the_stamp_stands_in_every_product(first: tuple[Path, str, str]) -> None:
    for name in ("next_boxes.gpx", "next_boxes.kml", "report.html", "summary.json"):
        assert "SIMULATED for a test" in (first[0] / name).read_text(encoding="utf-8"), name
    for name in ("hazard.gpkg", "hazard.tif"):
        assert b"SIMULATED for a test" in (first[0] / name).read_bytes(), name


def test_new_searches_go_into_a_run_without_a_refit(
    first: tuple[Path, str, str], survey: Path, tmp_path: Path
) -> None:
    added = SEARCHED.plus(
        square(550, 400), **{**SEARCHED.rows[1][1], "id": "B-4", "searched_on": "2021-04-01"}
    )
    grown = write(tmp_path, "gpkg", EVIDENCE, added, *SURVEY[2:], stem="grown")[0]
    done = run("update", first[0], grown, "--out", tmp_path / "today")
    assert "RUNNING ESTIMATE since the fit of" in done.stdout
    assert "Taken in: 1 searched areas and 0 finds." in done.stdout
    assert set(left_in(tmp_path / "today")) < PRODUCTS
    assert set(left_in(first[0])) == PRODUCTS


def test_an_earlier_run_is_replaced_and_a_persons_folder_is_not(survey: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear")
    done = run("assess", survey, "--out", tmp_path / "mine", code=2)
    assert "letter.txt" in done.stderr or "holds" in done.stderr
    assert left_in(tmp_path) == ["mine"]
    assert left_in(tmp_path / "mine") == ["letter.txt"]


def test_every_faulty_row_is_named_in_one_run_and_nothing_is_written(tmp_path: Path) -> None:
    faulty = EVIDENCE.but(1, found_on="2031-01-01").but(2, kind="grenade")
    searched = SEARCHED.but(1, detection=70.0)
    inputs = write(tmp_path, "geojson", faulty, searched)
    done = run("assess", *inputs, "--out", tmp_path / "out", code=2)
    for words in ("2031-01-01", "grenade", "70", "row 1", "row 2", "Nothing was written."):
        assert words in done.stderr, words
    assert not any("out" in name for name in left_in(tmp_path))


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    done = run("assess", tmp_path / "none.gpkg", "--out", tmp_path / "out", code=2)
    assert "none.gpkg" in done.stderr
    assert left_in(tmp_path) == []


def test_a_fit_that_fails_its_checks_ends_with_3_and_says_so_on_every_product(tmp_path: Path) -> None:
    (tmp_path / "profile.toml").write_text(UNEXPLAINED)
    scattered = EVIDENCE
    for n in range(12):  # far apart on ground searched whole: no strike explains them
        scattered = scattered.plus(
            at(80 * n + 30, 37 * n**2 % 950 + 20), id=f"X-{n}", kind="item", how="survey"
        )
    searched = SEARCHED.plus(square(0, 0, 1000), id="B-WHOLE", method="detector", outcome="complete")
    survey = write(tmp_path, "gpkg", scattered, searched, AREA, stem="survey")[0]
    done = run("assess", survey, "--profile", tmp_path / "profile.toml", "--out", tmp_path / "out", code=3)
    assert "CHECKS FAILED" in done.stdout
    assert done.stderr.strip().splitlines()[-1]
    for name in ("next_boxes.gpx", "next_boxes.kml", "report.html", "summary.json"):
        assert "CHECKS FAILED" in (tmp_path / "out" / name).read_text(encoding="utf-8"), name
    for name in ("hazard.gpkg", "hazard.tif"):
        assert b"CHECKS FAILED" in (tmp_path / "out" / name).read_bytes(), name


@pytest.mark.skipif(os.name != "posix", reason="sends a POSIX signal")
def test_ctrl_c_ends_with_130_and_leaves_nothing(survey: Path, tmp_path: Path) -> None:
    words = [sys.executable, "-m", "fadeout", "assess", str(survey), "--out", str(tmp_path / "run")]

    def heed() -> None:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # what a shell starts in the background ignores it

    with subprocess.Popen(words, stderr=subprocess.PIPE, text=True, preexec_fn=heed) as process:
        assert process.stderr is not None
        while "fitting" not in process.stderr.readline():
            assert process.poll() is None
        time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        said = process.stderr.read()
        assert process.wait(timeout=60) == 130
    assert "Stopped. Nothing was written." in said
    assert left_in(tmp_path) == []


def test_help_loads_nothing_heavy() -> None:
    code = "import sys, fadeout.cli\nprint(*sorted({m.split('.')[0] for m in sys.modules}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    heavy = {"numpy", "scipy", "numba", "shapely", "pyproj", "pyogrio", "rasterio", "matplotlib", "typst"}
    assert not heavy & set(done.stdout.split())
    assert "assess" in run("--help").stdout
