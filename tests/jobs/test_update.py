"""`fadeout update`: new searches and finds go into a kept estimate; anything else asks for an assessment."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from survey_files import AREA, EVIDENCE, SEARCHED, STRIKES, SURVEY, at, square, write

from fadeout.errors import InputRefused
from fadeout.jobs import gridding, intake, kept, update
from fadeout.jobs.refits import fitted
from fadeout.model import Posterior, hazard
from fadeout.records import profile as profiles
from fadeout.records.kinds import Survey

NOW = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)
MORE = SEARCHED.plus(
    square(550, 400), id="B-4", searched_on="2021-04-01", method="detector", outcome="complete", team="A",
    kind="survey", share_searched=None, depth_cm=20.0,
).plus(
    square(400, 450), id="B-5", searched_on="2021-04-02", method="detector", outcome="stopped_at_find", team="A",
    kind="survey", share_searched=None, depth_cm=20.0,
)  # fmt: skip
FOUND = EVIDENCE.plus(
    at(430, 470), id="EP-5", found_on="2021-04-02", kind="item", how="survey", count=1, munition="BLU-26",
    position_error_m=5.0, searched_id="B-5",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Run:
    """What `assess` had when it kept its estimate."""

    folder: Path
    gridded: gridding.Gridded
    posterior: Posterior


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("first")
    survey, gridded = read(write(folder, "gpkg", *SURVEY, stem="survey"))
    posterior = fitted(gridded, 1, sweeps=1500)
    area = hazard.delineate(posterior, share_left_out=0.05, confidence=0.9)
    kept.write(
        folder, survey, profiles.load(None), gridded, posterior, area.cells, detection=0.8, title="A test", seed=1,
        created_at="2026-11-24T09:30:00+00:00",
    )  # fmt: skip
    return Run(folder, gridded, posterior)


def read(paths: list[Path]) -> tuple[Survey, gridding.Gridded]:
    profile = profiles.load(None)
    survey = intake.read_survey(paths, profile=profile, today=NOW.date(), stamp="SIMULATED for a test")
    return survey, gridding.to_grid(survey, profile)


def updated(first: Run, folder: Path, *layers: object, out: str = "out") -> update.Outcome:
    (folder / "survey.gpkg").unlink(missing_ok=True)
    inputs = tuple(write(folder, "gpkg", *layers, stem="survey"))  # type: ignore[arg-type]
    return update.update(update.Request(first.folder, inputs, folder / out), now=NOW)


@pytest.fixture(scope="module")
def done(first: Run, tmp_path_factory: pytest.TempPathFactory) -> tuple[update.Outcome, Path]:
    folder = tmp_path_factory.mktemp("later")
    return updated(first, folder, FOUND, MORE, STRIKES, AREA), folder


def test_a_kept_estimate_gives_the_same_figures_again(first: Run) -> None:
    before, again = first.posterior, kept.read(first.folder).posterior
    assert np.array_equal(before.expected_remaining, again.expected_remaining)
    mask = first.gridded.assessed
    assert before.p_none_in(mask) == again.p_none_in(mask)
    assert kept.prior_told(again.prior) == kept.prior_told(before.prior)


def test_an_update_agrees_with_a_fit_of_all_the_data(done: tuple[update.Outcome, Path]) -> None:
    summary, folder = done[0].summary, done[1]
    assert summary["added"] == {"searches": ["B-4", "B-5"], "finds": 1}
    gridded = read([folder / "survey.gpkg"])[1]
    again = fitted(gridded, 5, sweeps=1500)
    left = summary["remaining"]["assessed"]
    totals = again.draw_totals(gridded.assessed, 4000)
    # effective sizes of 400 at least: 4 standard errors of a difference are 4 √(2/400) = 0.28 sd of the total
    assert left["expected"] == pytest.approx(
        again.expected_remaining_in(gridded.assessed), abs=0.28 * totals.std()
    )
    assert 0.8 <= np.mean((totals >= left["low"]) & (totals <= left["high"])) <= 0.99


def test_an_update_says_on_every_product_what_it_is(done: tuple[update.Outcome, Path]) -> None:
    outcome, folder = done
    words = "RUNNING ESTIMATE since the fit of 2026-11-24"
    names = ["hazard.tif", "next_boxes.gpx", "next_boxes.kml", "summary.json", "timings.json"]
    assert sorted(path.name for path in (folder / "out").iterdir()) == names
    for name in names[:-1]:
        told = (folder / "out" / name).read_bytes()
        assert words.encode() in told, name
        assert b"SIMULATED for a test" in told, name
    assert outcome.words[0] == words
    assert any("hazardous area" in line and "those of the fit" in line for line in outcome.words)
    assert json.loads((folder / "out" / "summary.json").read_text())["next_boxes"]


def test_an_earlier_update_is_replaced_and_the_run_is_not(first: Run, tmp_path: Path) -> None:
    for _ in range(2):
        updated(first, tmp_path, *SURVEY)
    assert (first.folder / kept.FILE).exists()
    with pytest.raises(InputRefused, match="which this run would replace"):
        update.update(update.Request(first.folder, (tmp_path / "survey.gpkg",), first.folder), now=NOW)


@pytest.mark.parametrize(
    ("layers", "words"),
    [
        ((EVIDENCE, MORE, STRIKES.but(1, credibility=0.2), AREA), "the strike records changed"),
        ((EVIDENCE, MORE.but(2, outcome="partial", share_searched=0.9), STRIKES, AREA), "a searched area changed"),
        ((EVIDENCE.but(2, count=1), MORE, STRIKES, AREA), "a find changed"),
    ],
    ids=["record", "search", "find"],
)  # fmt: skip
def test_what_is_not_new_must_be_as_it_was(
    first: Run, tmp_path: Path, layers: tuple[object, ...], words: str
) -> None:
    evidence, searched, strikes, area = layers
    # B-5 was left at a find, which these surveys do not have
    plain = type(SEARCHED)("searched", tuple(r for r in searched.rows if r[1]["id"] != "B-5"))  # type: ignore[attr-defined]
    with pytest.raises(InputRefused, match=words):
        updated(first, tmp_path, evidence, plain, strikes, area)
    assert not (tmp_path / "out").exists()


def test_a_folder_without_an_estimate_is_refused(first: Run, tmp_path: Path) -> None:
    inputs = tuple(write(tmp_path, "gpkg", *SURVEY, stem="survey"))
    with pytest.raises(InputRefused, match="holds no kept estimate"):
        update.update(update.Request(tmp_path, inputs, tmp_path / "out"), now=NOW)


def test_an_estimate_of_another_version_is_refused(first: Run, tmp_path: Path) -> None:
    from fadeout.exchange import estimates

    facts, arrays = estimates.read(first.folder / kept.FILE)
    estimates.write(tmp_path / kept.FILE, {**facts, "version": "0"}, arrays)
    with pytest.raises(InputRefused, match="kept by fadeout 0"):
        kept.read(tmp_path)
