"""Finds that do not lie as strikes leave them are named in words; finds of strikes seldom are."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from fadeout.model import Footprint, Grid, Prior, fit
from fadeout.model.checks import sanity
from fadeout.model.effort import Coverage, Method, Searches, StoppedBox
from fadeout.model.predictive import Figure, compare, judged_ground, repeats
from fadeout.model.prior import Learning
from fadeout.model.simulate import from_prior

GRID = Grid(40, 40, 25.0)
PRIOR = Prior(
    strikes_per_km2=1.5,
    items_per_strike=40.0,
    items_shape=1.5,
    background_per_km2=0.2,
    footprints=[Footprint(70, 40, bearing) for bearing in (0, 60, 120)],
)
SEARCHED = np.full(GRID.shape, 0.9)
BOX, APART = "finds per box as strikes leave them", "distances between finds as strikes leave them"


def short_fit(effort, finds, prior=PRIOR, **more):
    return fit(GRID, effort, finds, prior, seed=1, chains=2, sweeps=100, **more)


def blocks(seed):
    rng = np.random.default_rng(seed)
    return np.kron((rng.random((10, 10)) < 0.5) * 0.7, np.ones((4, 4)))


def named(verdict, name):
    return next(check for check in verdict.checks if check.name == name)


def heaps(seed):
    """Four strikes whose items lie in ten heaps of four each, every heap within one cell."""
    rng = np.random.default_rng(seed)
    centres = rng.integers(8, 32, (4, 1, 2))
    places = (centres + np.round(rng.normal(0, 3, (4, 10, 2)))).astype(int).reshape(-1, 2)
    return np.clip(np.repeat(places, 4, axis=0), 0, 39)


@pytest.fixture(scope="module")
def fitted():
    truth = from_prior(GRID, blocks(1), PRIOR, 1)
    assert len(truth.finds) > 20
    return short_fit(truth.effort, truth.finds)


@pytest.fixture(scope="module")
def fits_of_the_prior():
    truths = [from_prior(GRID, blocks(seed), PRIOR, seed) for seed in range(40)]
    return [short_fit(truth.effort, truth.finds) for truth in truths]


def test_finds_of_strikes_from_the_prior_are_seldom_noted(fits_of_the_prior):
    # Two figures at 0.02 and, of them, one shared between spread and fullest box: 40 fits note 1.6 on average at most,
    # more than 5 with a chance of 0.6 % (Poisson); repeats of a fit's own finds lie nearer to them than that.
    found = [compare(posterior) for posterior in fits_of_the_prior]
    judged = [posterior for posterior, one in zip(fits_of_the_prior, found, strict=True) if one is not None]
    assert len(judged) >= 15
    verdicts = [sanity(posterior) for posterior in judged]
    assert sum(named(v, BOX).note or named(v, APART).note for v in verdicts) <= 5
    assert all(named(v, BOX).passed and named(v, APART).passed for v in verdicts)


def test_repeats_find_as_many_items_as_were_found(fits_of_the_prior):
    # Over data from the prior, finds and repeats are equally many on average; 4 standard errors of the paired means
    rng = np.random.default_rng(3)
    surplus = np.array(
        [
            np.mean([len(row) for row, _ in repeats(posterior, 100, rng)]) - len(posterior.finds)
            for posterior in fits_of_the_prior
        ]
    )
    assert abs(surplus.mean()) < 4 * surplus.std(ddof=1) / np.sqrt(len(surplus))
    assert surplus.std() < 5  # so that the bound above is one


@pytest.mark.parametrize(
    "prior", [PRIOR, replace(PRIOR, learned=Learning(strikes=1.0, items=1.0, background=1.0))]
)
def test_a_regular_grid_of_finds_is_called_too_even(prior):
    even = np.stack(np.meshgrid(np.arange(0, 40, 2), np.arange(0, 40, 2)), axis=-1).reshape(-1, 2)
    verdict = sanity(short_fit(SEARCHED, even, prior))
    for name in (BOX, APART):
        check = named(verdict, name)
        assert not check.passed
        assert "more evenly" in check.words
        assert "does not fit this ground" in check.words


def test_finds_in_heaps_within_strikes_are_called_too_close():
    verdict = sanity(short_fit(SEARCHED, heaps(2)))
    for name in (BOX, APART):
        check = named(verdict, name)
        assert not check.passed
        assert "more closely together" in check.words


def test_finds_of_strikes_pass_with_their_figures_in_words(fitted):
    verdict = sanity(fitted)
    for name in (BOX, APART):
        assert named(verdict, name).passed
        assert "repeated" in named(verdict, name).words


def test_the_same_seed_gives_the_same_comparison(fitted):
    one, same, other = compare(fitted), compare(fitted), compare(fitted, seed=12)
    assert np.array_equal(one.nearest_m.repeated, same.nearest_m.repeated)
    assert not np.array_equal(one.nearest_m.repeated, other.nearest_m.repeated)


def test_few_finds_are_not_judged():
    posterior = short_fit(SEARCHED, [[20, 20], [21, 20], [20, 22]])
    assert compare(posterior) is None
    assert "Too few finds" in named(sanity(posterior), APART).words


def test_ground_searched_by_a_rule_that_stops_at_the_first_find_is_not_judged():
    mask = np.zeros(GRID.shape, dtype=bool)
    mask[20:22, 20:22] = True
    half = np.zeros(GRID.shape)
    half[:, :20] = 1.0
    finds = np.array([[20, 21], *([5, c] for c in range(12))])
    searches = Searches(
        (Method("survey", 0.7), Method("clearance", 0.9)),
        (Coverage((1 - half) * ~mask, (1, 0)), Coverage(half, (0, 1))),
        np.array([-1] + [1] * 12),
        np.zeros((13, 2), dtype=np.int64),
    )
    known = short_fit(searches, finds, stopped=[StoppedBox(mask, 0.7, 0, method=0)])
    assert np.array_equal(judged_ground(known), half > 0)
    unknown = short_fit(0.7 * ~mask, finds[:6], stopped=[StoppedBox(mask, 0.7, 0)])
    assert not judged_ground(unknown).any()


@pytest.mark.parametrize(("observed", "low", "high"), [(0.0, 0.6, 1.0), (1.96, 0.03, 0.08), (9.0, 0.0, 1e-9)])
def test_tails_are_those_of_a_normal_sample(observed, low, high):
    # 200 draws: a tail of 0.05 has a standard error of 2 √(0.025 · 0.975 / 200) = 0.022; quantiles leave none of it
    sample = np.exp(stats.norm.ppf((np.arange(200) + 0.5) / 200))
    assert low <= Figure(float(np.exp(observed)), sample).tail <= high
