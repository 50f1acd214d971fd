"""A fit judges itself: it says so when it cannot be relied on, and is quiet when it can."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from fadeout.model import Footprint, Grid, Prior, fit
from fadeout.model.calibration import PRIOR as STUDY_PRIOR
from fadeout.model.calibration import calibration, randomised_rank
from fadeout.model.checks import sanity
from fadeout.model.hazard import delineate
from fadeout.model.simulate import from_prior

GRID = Grid(40, 40, 25.0)
PRIOR = Prior(
    strikes_per_km2=1.5,
    items_per_strike=40.0,
    items_shape=1.5,
    background_per_km2=0.2,
    footprints=[Footprint(70, 40, bearing) for bearing in (0, 60, 120)],
)


def blocks(seed):
    rng = np.random.default_rng(seed)
    return np.kron((rng.random((10, 10)) < 0.5) * 0.7, np.ones((4, 4)))


@pytest.fixture(scope="module")
def fitted():
    truth = from_prior(GRID, blocks(1), PRIOR, 1)
    assert len(truth.finds) > 20
    return fit(GRID, truth.effort, truth.finds, PRIOR, seed=5)


def named(verdict, name):
    return next(check for check in verdict.checks if check.name == name)


def test_a_fit_of_data_from_its_own_prior_passes(fitted):
    verdict = sanity(fitted, area=delineate(fitted))
    assert verdict.passed
    assert verdict.failed == ()
    assert verdict.words == f"All {len(verdict.checks)} checks passed."


def test_data_from_the_prior_seldom_fail_a_check():
    failed = 0
    for seed in range(6):
        truth = from_prior(GRID, blocks(seed), PRIOR, seed)
        posterior = fit(GRID, truth.effort, truth.finds, PRIOR, seed=seed)
        failed += not sanity(posterior, area=delineate(posterior)).passed
    assert failed == 0


def test_chains_that_disagree_fail_the_fit(fitted):
    broken = replace(
        fitted, diagnostics=replace(fitted.diagnostics, converged=False, words="Do not rely on this.")
    )
    verdict = sanity(broken)
    assert not verdict.passed
    assert verdict.words == "Checks failed: Do not rely on this."


def test_finds_far_from_any_strike_fail_the_fit():
    rng = np.random.default_rng(2)
    finds = np.stack([rng.integers(0, 40, 30), rng.integers(0, 40, 30)], axis=1)
    small = replace(PRIOR, footprints=[Footprint(15, 15)], strikes_per_km2=0.01, background_per_km2=20.0)
    posterior = fit(GRID, np.full(GRID.shape, 0.7), finds, small, seed=1)
    check = named(sanity(posterior), "strikes explain the finds")
    assert not check.passed
    assert "do not fit" in check.words


def test_footprints_too_small_for_the_finds_fail_the_fit():
    truth = from_prior(GRID, np.full(GRID.shape, 0.7), PRIOR, 4)
    assert len(truth.finds) > 20
    small = replace(
        PRIOR,
        footprints=[replace(shape.scaled(0.45), kind="heavy") for shape in PRIOR.footprints],
        strikes_per_km2=1e-5,
        background_per_km2=1e-6,
    )
    posterior = fit(GRID, truth.effort, truth.finds, small, seed=1)
    check = named(sanity(posterior), "finds lie as the footprints say")
    assert not check.passed
    assert "larger" in check.words


def test_footprints_that_fit_leave_a_middling_tail_probability(fitted):
    check = named(sanity(fitted), "finds lie as the footprints say")
    assert check.passed
    assert not check.note


def test_many_more_strikes_than_the_prior_expects_are_noted():
    truth = from_prior(GRID, blocks(3), replace(PRIOR, strikes_per_km2=8.0), 5)
    rare = replace(PRIOR, strikes_per_km2=0.05)
    verdict = sanity(fit(GRID, truth.effort, truth.finds, rare, seed=1))
    assert named(verdict, "strikes met as the prior expects").note
    assert "wrongly" in named(verdict, "strikes met as the prior expects").words


def test_many_more_finds_per_strike_than_the_prior_expects_are_noted():
    truth = from_prior(GRID, np.full(GRID.shape, 0.7), replace(PRIOR, items_per_strike=400.0), 5)
    few = replace(PRIOR, items_per_strike=5.0, items_shape=5.0)
    verdict = sanity(fit(GRID, truth.effort, truth.finds, few, seed=1, sweeps=200))
    assert named(verdict, "finds per strike as the prior expects").note


def test_nothing_found_passes_and_says_that_assumptions_speak():
    posterior = fit(GRID, np.zeros(GRID.shape), [], PRIOR)
    verdict = sanity(posterior, area=delineate(posterior))
    assert verdict.passed
    assert named(verdict, "share of the prior").note
    assert "assumptions" in named(verdict, "share of the prior").words


def test_an_area_at_the_edge_of_the_ground_prints_edge_not_found(fitted):
    area = delineate(fitted)
    whole, half = np.ones(GRID.shape, dtype=bool), np.zeros(GRID.shape, dtype=bool)
    half[:, : int(np.median(np.nonzero(area.cells)[1]))] = True
    assert "Edge not found" in named(sanity(fitted, area=area, assessed=half), "the area has an edge").words
    inside = np.zeros(GRID.shape, dtype=bool)
    inside[15:20, 15:20] = True
    assert not named(
        sanity(fitted, area=replace(area, cells=inside), assessed=whole), "the area has an edge"
    ).note


def test_an_area_that_does_not_do_what_was_asked_fails(fitted):
    assert not sanity(fitted, area=replace(delineate(fitted), met=False)).passed


def test_a_total_that_assumptions_double_is_noted(fitted):
    total = float(fitted.expected_remaining.sum())
    moved = sanity(
        fitted, sensitivity=[("items per strike halved", total / 2.5), ("sizes doubled", 1.2 * total)]
    )
    held = sanity(fitted, sensitivity=[("sizes doubled", 1.2 * total)])
    assert named(moved, "the total under other assumptions").note
    assert "items per strike halved" in named(moved, "the total under other assumptions").words
    assert not named(held, "the total under other assumptions").note


def test_figures_that_are_not_finite_fail_the_fit(fitted):
    broken = replace(fitted)
    raster = fitted.expected_remaining.copy()
    raster[3, 3] = np.nan
    broken.__dict__["expected_remaining"] = raster
    check = named(sanity(broken), "figures are finite")
    assert not check.passed
    assert "expected remaining" in check.words


# ---- calibration


def test_randomised_ranks_of_equal_counts_are_uniform():
    rng = np.random.default_rng(1)
    ranks = [randomised_rank(rng.poisson(0.3, 99), int(rng.poisson(0.3)), rng) for _ in range(2000)]
    share = np.histogram(ranks, bins=10, range=(0, 1))[0] / 2000
    assert share == pytest.approx(0.1, abs=4.5 * np.sqrt(0.09 / 2000))  # ten bins, 4.5 standard errors


def test_a_few_calibration_sets_run_and_hold():
    progress = []
    result = calibration(3, 3, progress=lambda done, words: progress.append((done, words)))
    assert result.passed  # 3 standard errors of 3 sets: it fails only where something is badly wrong
    assert progress[-1] == (1.0, "3 of 3 data sets")
    assert len(result.ranks) == 3


def test_the_study_covers_records_stopped_boxes_and_several_footprints():
    assert STUDY_PRIOR.recorded
    assert len(STUDY_PRIOR.footprints) > 1
