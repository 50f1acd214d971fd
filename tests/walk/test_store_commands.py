"""The store's commands as a user meets them: words, exit codes, JSON."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

FINDS = (
    "id,lat,lon,found_on,kind\nEP-1,16.8025,107.05,2024-03-01,item\nEP-2,16.8125,107.06,2024-03-02,fragment\n"
)


def fadeout(*words: str, folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "fadeout", *words]
    return subprocess.run(
        command, cwd=folder, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL
    )


def made(folder: Path) -> list[str]:
    assert (
        fadeout(
            "store", "new", "north.gpkg", "--programme", "North", "--country", "lao", folder=folder
        ).returncode
        == 0
    )
    (folder / "evidence.csv").write_text(FINDS, encoding="utf-8")
    return ["--store", "north.gpkg"]


def test_a_first_day_with_a_store(tmp_path: Path) -> None:
    store = made(tmp_path)
    looked = fadeout("intake", "evidence.csv", *store, "--dry-run", folder=tmp_path)
    assert "evidence.csv  evidence  2    0        0" in looked.stdout
    assert (
        json.loads(fadeout("store", "info", *store, "--json", folder=tmp_path).stdout)["records"]["evidence"]
        == 0
    )
    stored = fadeout("intake", "evidence.csv", *store, "--yes", "--who", "An Officer", folder=tmp_path)
    assert "evidence.csv: stored as change 2." in stored.stdout
    again = fadeout("intake", "evidence.csv", *store, "--yes", folder=tmp_path)
    assert "nothing new, nothing changed" in again.stdout
    told = json.loads(fadeout("history", "EP-1", *store, "--json", folder=tmp_path).stdout)
    assert [(row["action"], row["who"], row["why"]) for row in told] == [
        ("new", "An Officer", "intake of evidence.csv")
    ]
    listed = json.loads(fadeout("records", "list", "evidence", *store, "--json", folder=tmp_path).stdout)
    assert [one["id"] for one in listed] == ["EP-1", "EP-2"]
    assert fadeout("undo", "2", *store, folder=tmp_path).returncode == 0
    assert (
        "There is no evidence here" in fadeout("records", "list", "evidence", *store, folder=tmp_path).stdout
    )
    checked = fadeout("verify", *store, "--json", folder=tmp_path)
    assert (checked.returncode, json.loads(checked.stdout)["faults"]) == (0, [])


def test_nobody_can_be_asked_where_there_is_no_terminal(tmp_path: Path) -> None:
    store = made(tmp_path)
    refused = fadeout("intake", "evidence.csv", *store, folder=tmp_path)
    assert refused.returncode == 2
    assert "--yes" in refused.stderr


def test_a_bad_file_ends_with_exit_code_2_and_its_rows(tmp_path: Path) -> None:
    store = made(tmp_path)
    (tmp_path / "evidence.csv").write_text(FINDS.replace("16.8125", "north"), encoding="utf-8")
    refused = fadeout("intake", "evidence.csv", *store, "--yes", folder=tmp_path)
    assert refused.returncode == 2
    assert "row 2" in refused.stderr
    assert "refused, nothing of it was stored" in refused.stderr


def test_a_changed_history_ends_verify_with_exit_code_3(tmp_path: Path) -> None:
    import sqlite3

    store = made(tmp_path)
    fadeout("intake", "evidence.csv", *store, "--yes", folder=tmp_path)
    with sqlite3.connect(tmp_path / "north.gpkg") as file:
        file.execute("DROP TRIGGER history_no_UPDATE")
        file.execute("UPDATE history SET body = replace(body, 'item', 'report') WHERE id = 'EP-1'")
    checked = fadeout("verify", *store, folder=tmp_path)
    assert checked.returncode == 3
    assert "history row 2 (evidence EP-1, version 1): it was changed after it was written" in checked.stdout


def test_a_backup_comes_back(tmp_path: Path) -> None:
    store = made(tmp_path)
    fadeout("intake", "evidence.csv", *store, "--yes", folder=tmp_path)
    assert fadeout("backup", *store, "--out", "backups", folder=tmp_path).returncode == 0
    (backup,) = (tmp_path / "backups").glob("*.gpkg")
    back = fadeout("restore", str(backup), "--to", "again.gpkg", folder=tmp_path)
    assert back.returncode == 0, back.stderr
    listed = json.loads(
        fadeout("records", "list", "evidence", "--store", "again.gpkg", "--json", folder=tmp_path).stdout
    )
    assert [one["id"] for one in listed] == ["EP-1", "EP-2"]


def test_a_store_that_is_not_there_is_told_in_words(tmp_path: Path) -> None:
    refused = fadeout("records", "list", "evidence", "--store", "absent.gpkg", folder=tmp_path)
    assert refused.returncode == 2
    assert "there is no store absent.gpkg" in refused.stderr
