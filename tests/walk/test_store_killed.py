"""A store after the worst: killed in the middle of an intake, a full disk, a person who presses Ctrl-C."""

from __future__ import annotations

import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import killing
import pytest

from fadeout.records.store import create_store

KILLS = 5  # two hundred stand in benchmarks/kills.py


def test_what_was_told_as_stored_is_whole_after_a_kill_and_nothing_else_is_partly_there(
    tmp_path: Path,
) -> None:
    paths = killing.files(tmp_path)
    whole = killing.seconds_whole(tmp_path, str(tmp_path / "whole.gpkg"), paths)
    for n, moment in enumerate(killing.moments(KILLS, whole, seed=7)):
        _, fault = killing.kill_once(str(tmp_path / f"killed{n}.gpkg"), paths, moment)
        assert fault == "", f"killed after {moment:.3f} s"


@pytest.mark.skipif(sys.platform == "win32", reason="no limit on the size of files there")
def test_a_limit_on_the_size_of_files_is_told_in_words_and_nothing_is_lost(tmp_path: Path) -> None:
    paths = killing.files(tmp_path)
    where = tmp_path / "store.gpkg"
    create_store(where)
    subprocess.run(killing.command(str(where), paths[:1]), check=True, capture_output=True)
    most = where.stat().st_size + 300_000

    def limited() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))

    full = subprocess.run(
        killing.command(str(where), paths), preexec_fn=limited, capture_output=True, text=True, check=False
    )
    acknowledged = {paths[0].name, *killing.STORED.findall(full.stdout)}
    assert full.returncode == 2
    assert len(acknowledged) < killing.FILES
    assert "store.disk-failed" in full.stderr
    assert "nothing was stored" in full.stderr
    assert killing.faults(str(where), paths, acknowledged) == ""


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 6 MB, where one may be made."""
    disk = tmp_path / "disk"
    disk.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", str(disk)], capture_output=True, check=False
    )
    if made.returncode != 0:
        pytest.skip("no small disk can be made here: " + made.stderr.decode(errors="replace").strip())
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


@pytest.mark.skipif(sys.platform != "linux", reason="mounts a small disk")
def test_a_full_disk_is_told_in_words_and_nothing_is_lost(tmp_path: Path, small_disk: Path) -> None:
    paths = killing.files(tmp_path)
    create_store(small_disk / "store.gpkg")
    full = subprocess.run(
        killing.command(str(small_disk / "store.gpkg"), paths), capture_output=True, text=True, check=False
    )
    acknowledged = set(killing.STORED.findall(full.stdout))
    assert full.returncode == 2
    assert "store.disk-full" in full.stderr
    assert "nothing was stored" in full.stderr
    for left in small_disk.glob("store.gpkg*"):  # moved to where there is room, all is there
        shutil.copy(left, tmp_path / left.name)
    assert killing.faults(str(tmp_path / "store.gpkg"), paths, acknowledged) == ""


@pytest.mark.skipif(sys.platform == "win32", reason="signals are others there")
def test_ctrl_c_leaves_whole_files_and_nothing_half(tmp_path: Path) -> None:
    paths = killing.files(tmp_path)
    where = tmp_path / "store.gpkg"
    whole = killing.seconds_whole(tmp_path, str(tmp_path / "whole.gpkg"), paths)
    create_store(where)
    running = subprocess.Popen(
        killing.command(str(where), paths),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    assert running.stderr is not None
    running.stderr.readline()  # it reads its first file
    time.sleep(0.5 * whole)
    running.send_signal(signal.SIGINT)
    out, err = running.communicate(timeout=60)
    acknowledged = set(killing.STORED.findall(out))
    assert running.returncode == 130 or len(acknowledged) == killing.FILES, err
    assert killing.faults(str(where), paths, acknowledged) == ""
