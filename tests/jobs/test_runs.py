"""A run's folder is whole or not there; what a person put somewhere is never replaced."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from fadeout.errors import InputRefused
from fadeout.jobs import runs

SUMMARY = {"schema": "fadeout-summary/1", "seed": 7}
ASSESSMENT: Any = SimpleNamespace(info=SimpleNamespace(created_at="2026-11-24T09:30:00+00:00"))


def make(out: Path, words: str = "first", **extra: str) -> None:
    """A run with a few files."""
    with runs.folder(out) as folder:
        (folder / "summary.json").write_text(json.dumps(SUMMARY))
        (folder / "hazard.gpkg").write_text(words)
        for name, text in extra.items():
            (folder / name).write_text(text)
        runs.close(ASSESSMENT, SUMMARY, folder, {"fitting": 1.23456})


def fail(out: Path, error: type[BaseException]) -> None:
    """A run that ends halfway."""
    with runs.folder(out) as folder:
        (folder / "hazard.gpkg").write_text("half")
        raise error


def left_in(parent: Path) -> list[str]:
    return sorted(path.name for path in parent.iterdir())


def refused(out: Path, **given: Any) -> str:
    with pytest.raises(InputRefused) as error, runs.folder(out, **given):
        pass
    return str(error.value)


def test_nothing_has_the_name_until_all_is_written(tmp_path: Path) -> None:
    with runs.folder(tmp_path / "out") as folder:
        (folder / "a.txt").write_text("a")
        assert not (tmp_path / "out").exists()
    assert (tmp_path / "out" / "a.txt").read_text() == "a"
    assert left_in(tmp_path) == ["out"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_an_error_leaves_neither_the_run_nor_the_folders_made_for_it(
    tmp_path: Path, error: type[BaseException]
) -> None:
    with pytest.raises(error):
        fail(tmp_path / "new" / "deep" / "out", error)
    assert left_in(tmp_path) == []


def test_an_earlier_run_is_replaced_as_a_whole(tmp_path: Path) -> None:
    make(tmp_path / "out", "first", **{"report.pdf": "old"})
    make(tmp_path / "out", "second")
    assert left_in(tmp_path / "out") == ["hazard.gpkg", "summary.json", "timings.json"]
    assert (tmp_path / "out" / "hazard.gpkg").read_text() == "second"
    assert left_in(tmp_path) == ["out"]


def test_an_earlier_run_stays_whole_if_the_next_one_fails(tmp_path: Path) -> None:
    make(tmp_path / "out")
    with pytest.raises(KeyboardInterrupt):
        fail(tmp_path / "out", KeyboardInterrupt)
    assert (tmp_path / "out" / "hazard.gpkg").read_text() == "first"
    assert left_in(tmp_path) == ["out"]


def test_an_earlier_run_comes_back_if_the_new_one_cannot_take_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(tmp_path / "out")
    rename = Path.rename

    def stopped(path: Path, target: Path) -> Path:
        if ".part-" in path.name:
            raise KeyboardInterrupt
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", stopped)
    with pytest.raises(KeyboardInterrupt):
        make(tmp_path / "out", "second")
    assert (tmp_path / "out" / "hazard.gpkg").read_text() == "first"
    assert left_in(tmp_path) == ["out"]


CHILD = """
import sys, time
from pathlib import Path
from fadeout.jobs import runs
with runs.folder(Path(sys.argv[1])) as folder:
    (folder / "hazard.gpkg").write_text("half")
    print("ready", flush=True)
    time.sleep(60)
"""


@pytest.mark.parametrize("earlier", [False, True])
def test_ctrl_c_leaves_what_was_there_before(tmp_path: Path, earlier: bool) -> None:
    if earlier:
        make(tmp_path / "out")
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(tmp_path / "out")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(
            signal.SIGINT, signal.SIG_DFL
        ),  # a shell's background job ignores it
    )
    assert child.stdout is not None
    assert child.stdout.readline() == b"ready\n"
    os.kill(child.pid, signal.SIGINT)
    _, errors = child.communicate(timeout=30)
    assert b"KeyboardInterrupt" in errors
    assert left_in(tmp_path) == (["out"] if earlier else [])
    assert not earlier or (tmp_path / "out" / "hazard.gpkg").read_text() == "first"


def test_an_empty_folder_may_be_filled(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    make(tmp_path / "out")
    assert (tmp_path / "out" / "summary.json").exists()


def test_a_folder_with_a_persons_files_is_refused_and_kept(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "notes.txt").write_text("mine")
    assert "out.not-empty" in refused(tmp_path / "out")
    assert (tmp_path / "out" / "notes.txt").read_text() == "mine"


def test_somebody_elses_summary_json_does_not_make_a_folder_ours(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "summary.json").write_text('{"schema": "another/1"}')
    assert "out.not-empty" in refused(tmp_path / "out")


def test_an_earlier_run_with_files_that_a_person_added_is_refused_by_their_names(tmp_path: Path) -> None:
    make(tmp_path / "out")
    (tmp_path / "out" / "map.qgz").write_text("mine")
    words = refused(tmp_path / "out")
    assert "out.foreign-files" in words
    assert "map.qgz" in words


def test_what_a_map_program_leaves_beside_our_files_is_no_persons_file(tmp_path: Path) -> None:
    make(tmp_path / "out")
    for name in ("hazard.gpkg-wal", "hazard.gpkg-shm", "hazard.tif.aux.xml"):
        (tmp_path / "out" / name).write_text("")
    make(tmp_path / "out", "second")
    assert (tmp_path / "out" / "hazard.gpkg").read_text() == "second"


def test_a_run_never_replaces_the_folder_its_input_lies_in(tmp_path: Path) -> None:
    make(tmp_path / "out", **{"survey.gpkg": "input"})
    assert "out.holds-input" in refused(tmp_path / "out", inputs=[tmp_path / "out" / "survey.gpkg"])


def test_a_file_of_that_name_is_refused(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("mine")
    assert "out.not-a-folder" in refused(tmp_path / "out")


def test_the_working_folder_itself_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert "out.in-use" in refused(Path("."))


def test_a_place_where_nothing_can_be_written_is_refused_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert "out.not-writable" in refused(tmp_path / "file" / "out")


def test_timings_hold_the_time_and_the_digest_of_every_file(tmp_path: Path) -> None:
    make(tmp_path / "out")
    told = json.loads((tmp_path / "out" / "timings.json").read_text())
    assert (told["created_at"], told["seed"], told["seconds"]) == (
        "2026-11-24T09:30:00+00:00",
        7,
        {"fitting": 1.235},
    )
    assert sorted(told["files"]) == ["hazard.gpkg", "summary.json"]
    assert told["files"]["hazard.gpkg"] == "a7937b64b8caa58f03721bb6bacf5c78cb235febe0e70b1b84cd99541461a08e"


def test_the_folder_is_one_that_others_may_read(tmp_path: Path) -> None:
    make(tmp_path / "out")
    mask = os.umask(0)
    os.umask(mask)
    assert (tmp_path / "out").stat().st_mode & 0o777 == 0o777 & ~mask
