"""`fadeout calibrate` as its users meet it: finished areas in, a profile out that `assess` takes.

Reads   small SIMULATED areas, written to real files
Gives   tests of `cli/assessing.py` and `jobs/calibrate.py` from end to end, each in a process of its own
Start   at `run`
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from shapely.affinity import translate
from survey_files import Layer, at, square, write

from fadeout.jobs import gridding, intake, refits
from fadeout.records import profile as profiles

SIDE = 300.0
SHORT = ("--sweeps", 60, "--cell", 50)  # these tests ask for files and words, not for agreement
SMALL = """\
based_on = "default"
name = "two sizes"
version = "1"
[[footprints]]
sigma_major_m = 40
sigma_minor_m = 40
source = "a test"
[[footprints]]
sigma_major_m = 80
sigma_minor_m = 40
source = "a test"
"""


def layers(east: float = 0.0, searched: float = SIDE, finds: int = 9) -> list[Layer]:
    """One area of 300 m a side, searched from the west up to `searched`; its finds lie about its middle."""
    rng = np.random.default_rng(round(east) + finds)
    spread = 30.0 * rng.standard_normal((finds, 2)) + min(searched, SIDE) / 2
    places = np.clip(spread, 5.0, min(searched, SIDE) - 5.0)
    steps = np.arange(0.0, searched, 50.0)
    evidence = [(at(x, y), {"id": f"F{n}", "kind": "item"}) for n, (x, y) in enumerate(places)]
    boxes = [
        (square(x, y), {"id": f"B{n}", "method": "clearance"})
        for n, (x, y) in enumerate((x, y) for x in steps for y in np.arange(0.0, SIDE, 50.0))
    ]
    told = [
        Layer("searched", tuple(boxes)),
        Layer("strikes", ((at(SIDE / 2 + 40, SIDE / 2), {"id": "R1"}),)),
        Layer("area", ((square(0, 0, SIDE), {"name": "finished"}),)),
    ]
    if finds:
        told.append(Layer("evidence", tuple(evidence)))
    return [
        replace(layer, rows=tuple((translate(shape, east, 0), row) for shape, row in layer.rows))
        for layer in told
    ]


def area(folder: Path, name: str, east: float = 0.0, but: tuple[str, ...] = (), **changed: float) -> Path:
    """Write one area as a GeoPackage; layers named in `but` are left out."""
    given = [layer for layer in layers(east, **changed) if layer.name not in but]  # type: ignore[arg-type]
    return write(folder, "gpkg", *given, stem=name)[0]


def run(*words: object, code: int = 0) -> subprocess.CompletedProcess[str]:
    """Run fadeout in a process of its own; its exit code must be `code`."""
    done = subprocess.run(
        [sys.executable, "-m", "fadeout", *map(str, words)], capture_output=True, text=True, timeout=300
    )
    assert done.returncode == code, done.stderr
    return done


def calibrated(*words: object) -> subprocess.CompletedProcess[str]:
    """Run `fadeout calibrate` shortly: its chains may not agree then, which is exit code 3."""
    done = subprocess.run(
        [sys.executable, "-m", "fadeout", "calibrate", *map(str, (*words, *SHORT))],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode in (0, 3), done.stderr
    return done


@pytest.fixture(scope="module")
def areas(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("areas")
    (folder / "small.toml").write_text(SMALL)
    return [
        area(folder, "simulated-one"),
        area(folder, "simulated-two", 2_000.0, finds=4),
        area(folder, "simulated-none", 4_000.0, finds=0),
    ]


@pytest.fixture(scope="module")
def first(areas: list[Path], tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str, str]:
    out = tmp_path_factory.mktemp("first") / "district.toml"
    done = calibrated(*areas, "--out", out, "--profile", areas[0].parent / "small.toml")
    return out, done.stdout, done.stderr


def test_finished_areas_become_one_profile_and_a_table(first: tuple[Path, str, str]) -> None:
    out, said, told = first
    assert os.listdir(out.parent) == ["district.toml"]
    assert "3 finished areas, 0.27 km², 13 finds." in said
    for words in ("believed before", "strikes without a record", "chance that a strike record is true"):
        assert words in said, words
    assert f"--profile {out}" in said
    assert told.splitlines()[-1].endswith("did not agree: see the notes.") or "done" in told.splitlines()[-1]


def test_simulated_areas_are_marked_so_in_words_and_profile(first: tuple[Path, str, str]) -> None:
    out, said, _ = first
    assert said.startswith("SIMULATED")
    profile = profiles.load(out)
    assert "SIMULATED" in profile.name
    assert "SIMULATED" in profile.value_sources["strikes_per_km2"]


def test_the_profile_says_which_areas_taught_it_and_what_they_did_not_move(
    first: tuple[Path, str, str],
) -> None:
    text = first[0].read_text(encoding="utf-8")
    for words in ("simulated-one.gpkg: 0.09 km², 100% searched, 9 finds", "The areas did not move:"):
        assert words in text, words


def test_every_learned_number_stands_with_its_certainty(first: tuple[Path, str, str]) -> None:
    profile = profiles.load(first[0])
    for name in (
        *("strikes_certainty", "items_spread", "items_shape_spread"),
        *("background_certainty", "footprints_certainty"),
    ):
        assert isinstance(getattr(profile, name), float), name
    assert profile.position_error_factor != 1.0
    assert profile.default_credibility != 0.5
    assert abs(sum(shape.weight for shape in profile.footprints) - 1.0) < 0.01


def test_the_same_areas_and_seed_give_the_same_bytes(
    areas: list[Path], first: tuple[Path, str, str], tmp_path: Path
) -> None:
    again = tmp_path / "district.toml"
    done = calibrated(*areas, "--out", again, "--profile", areas[0].parent / "small.toml", "--json")
    assert again.read_bytes() == first[0].read_bytes()
    summary = json.loads(done.stdout)
    assert summary["schema"] == "fadeout-calibrate/1"
    assert [one["finds"] for one in summary["areas"]] == [9, 4, 0]


def test_assess_takes_the_profile_as_it_is(areas: list[Path], first: tuple[Path, str, str]) -> None:
    """All of the walk of `assess` up to its fit; the rest of the walk does not look at the profile's origin."""
    profile = profiles.load(first[0])
    survey = intake.read_survey([areas[1]], profile=profile, today=date(2026, 1, 1))
    gridded = gridding.to_grid(survey, profile, 50.0)
    posterior = refits.fitted(gridded, 1, sweeps=40)
    believed = posterior.prior
    assert believed.learned.strikes == profile.strikes_certainty
    assert believed.recorded[0].position_error_m == 300.0 * profile.position_error_factor
    assert believed.recorded[0].credibility == profile.default_credibility


def test_every_area_that_cannot_teach_is_named_in_one_run_and_nothing_is_written(tmp_path: Path) -> None:
    half = area(tmp_path, "half", 2_000.0, searched=150.0)
    open_ended = area(tmp_path, "open-ended", 4_000.0, but=("area",))
    one = area(tmp_path, "one")
    twice = area(tmp_path, "twice", 50.0)
    (tmp_path / "empty").mkdir()
    out = tmp_path / "district.toml"
    done = run("calibrate", half, open_ended, one, twice, tmp_path / "empty", "--out", out, code=2)
    for words in (
        "calibrate.not-finished: half.gpkg",
        "50%",
        "calibrate.no-area: open-ended.gpkg",
        "calibrate.area-twice: twice.gpkg",
        "calibrate.empty-folder: empty",
        "Nothing was written.",
    ):
        assert words in done.stderr, words
    assert not out.exists()


def test_faulty_rows_of_an_area_are_named_with_the_area(tmp_path: Path) -> None:
    folder = tmp_path / "task-9"
    folder.mkdir()
    given = [layer.but(1, kind="grenade") if layer.name == "evidence" else layer for layer in layers()]
    write(folder, "geojson", *given)
    done = run("calibrate", folder, "--out", tmp_path / "district.toml", code=2)
    assert "task-9/evidence.geojson" in done.stderr
    assert "grenade" in done.stderr


def test_one_area_in_a_folder_is_taken_and_said_to_tell_no_variation(tmp_path: Path) -> None:
    folder = tmp_path / "simulated-task"
    folder.mkdir()
    write(folder, "geojson", *layers())
    (tmp_path / "small.toml").write_text(SMALL)
    done = calibrated(folder, "--out", tmp_path / "district.toml", "--profile", tmp_path / "small.toml")
    assert "one area says nothing of how areas differ" in done.stdout


def test_areas_that_taught_a_profile_do_not_teach_it_again(
    areas: list[Path], first: tuple[Path, str, str], tmp_path: Path
) -> None:
    done = run("calibrate", areas[0], "--profile", first[0], "--out", tmp_path / "new.toml", code=2)
    assert "calibrate.counted-before: simulated-one.gpkg" in done.stderr


def test_a_persons_own_file_is_not_replaced(areas: list[Path], tmp_path: Path) -> None:
    mine = tmp_path / "mine.toml"
    mine.write_text("name = 'mine'\n")
    done = run("calibrate", *areas, "--out", mine, code=2)
    assert "out.foreign-file" in done.stderr
    assert mine.read_text() == "name = 'mine'\n"


def test_ctrl_c_leaves_nothing(areas: list[Path], tmp_path: Path) -> None:
    out = tmp_path / "district.toml"
    started = subprocess.Popen(
        [sys.executable, "-m", "fadeout", "calibrate", *map(str, areas), "--out", str(out)],
        stderr=subprocess.PIPE,
        text=True,
        # what a shell starts in the background ignores Ctrl-C
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert started.stderr is not None
    for line in started.stderr:
        if "fitting" in line:
            break
    time.sleep(0.5)
    started.send_signal(signal.SIGINT)
    _, told = started.communicate(timeout=120)
    assert started.returncode == 130
    assert "Nothing was written" in told
    assert os.listdir(tmp_path) == []
