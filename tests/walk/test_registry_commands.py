"""The registry's commands as a user meets them: words, exit codes, JSON; claims edited as versions in a store."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from fadeout.records import claim_files

COLUMNS = ",".join(claim_files.COLUMNS["status"])
SOUND = "NEW-1,LAO,cleared,80,,2025,2025,cmm-2025,monitor,confirmed,verified,"


def fadeout(*words: str, folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "fadeout", *words]
    return subprocess.run(
        command, cwd=folder, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL
    )


def told(*words: str, folder: Path) -> Any:
    done = fadeout(*words, "--json", folder=folder)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_a_state_is_told_with_its_duties_and_sources(tmp_path: Path) -> None:
    done = fadeout("registry", "state", "LAO", "--as-of", "2026-11-25", folder=tmp_path)
    assert done.returncode == 0
    assert "State Party (deposit 18 Mar 2009; in force since 1 Aug 2010)" in done.stdout
    assert "1 Aug 2010 + 10 years = 1 Aug 2020; + 60 months" in done.stdout
    assert "against 3.7: the plan does not fit" in done.stdout
    rows = told("registry", "state", "LAO", folder=tmp_path)
    assert all(row["reported_by"] for row in rows["claims"])
    assert {"differs", "checked", "confidence", "kind"} <= set(rows["claims"][0])


def test_states_and_counts_are_as_of_a_day(tmp_path: Path) -> None:
    found = told("registry", "states", "--as-of", "2024-06-01", "--status", "party", folder=tmp_path)
    assert len(found["states"]) == found["counts"]["party"] == 112
    assert found["counts"]["as_of"] == "2024-06-01"
    assert "LTU" in {one["state"] for one in found["states"]}


def test_deadlines_are_sorted_and_what_cannot_be_known_stands_apart(tmp_path: Path) -> None:
    found = told("registry", "deadlines", "--within", "5y", "--as-of", "2026-11-25", folder=tmp_path)
    days = [one["due"] for one in found["due"]]
    assert days == sorted(days)
    assert ("LAO", "article4") in {(one["state_of"], one["key"]) for one in found["due"]}
    assert {one["state"] for one in found["passed_or_unknown"]} == {"unknown"}
    table = fadeout("registry", "deadlines", "--as-of", "2026-11-25", folder=tmp_path).stdout
    assert "112 parties" in table


@pytest.mark.parametrize("what", ["transfers", "use", "contamination", "munitions", "check"])
def test_every_table_has_its_json(what: str, tmp_path: Path) -> None:
    assert told("registry", what, folder=tmp_path)
    assert fadeout("registry", what, folder=tmp_path).returncode == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("state", "Atlantis"), "there is no state 'Atlantis'"),
        (("states", "--status", "friend"), "there is no status 'friend'"),
        (("states", "--as-of", "June"), "no day"),
        (("deadlines", "--within", "soon"), "no time"),
        (("check", "nowhere"), "there is no status.csv"),
    ],
)
def test_what_cannot_be_asked_is_refused_in_words(words: tuple[str, ...], said: str, tmp_path: Path) -> None:
    done = fadeout("registry", *words, folder=tmp_path)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr


# --- in a store -------------------------------------------------------------------------------------------------------


@pytest.fixture
def store(tmp_path: Path) -> list[str]:
    assert fadeout("store", "new", "north.gpkg", folder=tmp_path).returncode == 0
    return ["--store", "north.gpkg"]


def test_the_registry_goes_into_a_store_once_and_is_edited_as_versions(
    store: list[str], tmp_path: Path
) -> None:
    (first, again) = (
        told("registry", "load", *store, "--who", "An Officer", folder=tmp_path) for _ in range(2)
    )
    assert first[1]["new"] == len(claim_files.shipped().claims)
    assert (again[1]["new"], again[1]["changed"]) == (0, 0)
    (tmp_path / "contamination.csv").write_text(f"{COLUMNS}\n{SOUND}\n", encoding="utf-8")
    assert told("registry", "load", "contamination.csv", *store, folder=tmp_path)[1]["new"] == 1
    claims = told("registry", "state", "LAO", *store, folder=tmp_path)["claims"]
    assert "NEW-1" in {one["id"] for one in claims}
    assert "NEW-1" not in {one["id"] for one in told("registry", "state", "LAO", folder=tmp_path)["claims"]}
    (tmp_path / "contamination.csv").write_text(
        f"{COLUMNS}\n{SOUND.replace(',80,', ',81,')}\n", encoding="utf-8"
    )
    told("registry", "load", "contamination.csv", *store, "--why", "a later page", folder=tmp_path)
    history = told("history", "NEW-1", *store, folder=tmp_path)
    assert [one["action"] for one in history] == ["new", "changed"]
    assert history[-1]["why"] == "a later page"
    assert fadeout("verify", *store, folder=tmp_path).returncode == 0


BAD = (
    ("unknown state", SOUND.replace("LAO", "ATL"), "there is no state 'ATL'"),
    (
        "too early",
        "NEW-1,KEN,signature,2008-12-02,,,,cmm,press,confirmed,verified,",
        "before the Convention opened",
    ),
    ("deposit first", "NEW-1,UGA,deposit,2008-12-02,,,,cmm,press,confirmed,verified,", "before signature"),
    (
        "one id twice",
        f"{SOUND}\n{SOUND.replace(',80,', ',90,')}",
        "the id stands in contamination.csv, row 1, too",
    ),
    ("no source", SOUND.replace("cmm-2025", ""), "it has no source"),
)


@pytest.mark.parametrize(("name", "rows", "words"), BAD, ids=[name for name, _, _ in BAD])
def test_a_claim_that_cannot_be_is_refused_and_nothing_is_stored(
    name: str, rows: str, words: str, store: list[str], tmp_path: Path
) -> None:
    told("registry", "load", *store, folder=tmp_path)
    before = told("records", "changes", *store, folder=tmp_path)
    (tmp_path / "contamination.csv").write_text(f"{COLUMNS}\n{rows}\n", encoding="utf-8")
    done = fadeout("registry", "load", "contamination.csv", *store, folder=tmp_path)
    assert done.returncode == 2
    assert words in done.stderr
    assert "contamination.csv" in done.stderr
    assert told("records", "changes", *store, folder=tmp_path) == before


def test_a_rehearsal_stores_nothing(store: list[str], tmp_path: Path) -> None:
    assert told("registry", "load", *store, "--dry-run", folder=tmp_path)[1]["new"] > 700
    done = fadeout("registry", "states", *store, folder=tmp_path)
    assert done.returncode == 2
    assert "the store keeps no claims yet" in done.stderr


def test_claims_do_not_go_in_by_an_intake_that_would_not_check_them_as_a_whole(
    store: list[str], tmp_path: Path
) -> None:
    (tmp_path / "claims.csv").write_text("id,subject,property\nX,LAO,deposit\n", encoding="utf-8")
    done = fadeout("intake", "claims.csv", *store, "--yes", folder=tmp_path)
    assert done.returncode == 2
    assert "fadeout registry load" in done.stderr


def test_a_folder_is_read_whole_and_another_file_is_refused(store: list[str], tmp_path: Path) -> None:
    shutil.copytree(Path(str(claim_files.folder())), tmp_path / "mine")
    assert told("registry", "load", "mine", *store, folder=tmp_path)[1]["new"] > 700
    (tmp_path / "other.csv").write_text("a\n", encoding="utf-8")
    done = fadeout("registry", "load", "other.csv", *store, folder=tmp_path)
    assert done.returncode == 2
    assert "no table of the registry" in done.stderr


def test_an_article_7_draft_from_the_command_line(store: list[str], tmp_path: Path) -> None:
    done = fadeout("article7", "2025", *store, "--state", "LAO", "--out", "report", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "questions are left for a person" in done.stderr
    assert (tmp_path / "report/article7.docx").is_file()
    done = fadeout("article7", "2026", *store, "--state", "LAO", "--out", "later", folder=tmp_path)
    assert done.returncode == 2
    assert not (tmp_path / "later").exists()
    done = fadeout(
        "extension-request", "--months", "12", *store, "--state", "LAO", "--out", "ask", folder=tmp_path
    )
    assert done.returncode == 0, done.stderr
    assert "Nothing is left" in done.stdout
