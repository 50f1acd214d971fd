"""What may be said of ground where a search ended, and what may not."""

from __future__ import annotations

from fractions import Fraction
from math import comb

import numpy as np
import pytest

from fadeout.model import Footprint, Grid, Prior, fit
from fadeout.model.completion import accept_on_zero, advise, p_none_after_zero, prior_alone

GRID = Grid(24, 24, 25.0)
FOOTPRINTS = [Footprint(60, 40, bearing) for bearing in (0, 90)]
PRIOR = Prior(2.0, 20.0, 1.0, 0.2, FOOTPRINTS)
RARE = Prior(0.01, 20.0, 1.0, 0.0, FOOTPRINTS)
WHOLE = np.ones(GRID.shape, dtype=bool)


def searched_once(detection, prior=PRIOR):
    return fit(GRID, np.full(GRID.shape, detection), [], prior, pad=False)


@pytest.mark.parametrize(
    ("units", "share", "sure", "sample"),
    [(100, 0.95, 0.95, 39), (500, 0.99, 0.95, 196), (1000, 0.99, 0.95, 238)],
)
def test_the_printed_sample_sizes_come_out(units, share, sure, sample):
    assert accept_on_zero(units, share, sure) == sample


@pytest.mark.parametrize("units", [1, 2, 7, 20, 45])
@pytest.mark.parametrize("share", [0.5, 0.9, 0.95, 1.0])
@pytest.mark.parametrize("sure", [0.0, 0.5, 0.9, 0.95])
def test_the_sample_is_the_smallest_that_does(units, share, sure):
    bad = int(units * (1 - Fraction(str(share)))) + 1
    does = [n for n in range(units + 1) if comb(units - bad, n) <= (1 - Fraction(str(sure))) * comb(units, n)]
    assert accept_on_zero(units, share, sure) == does[0]


def test_figures_are_taken_as_written_not_as_floats():
    # 100 × (1 − 0.9) is 9.999… in floats and would give D = 10; as written it is 10, so D = 11
    assert accept_on_zero(100, 0.9, 0.95) == next(n for n in range(101) if comb(89, n) * 20 <= comb(100, n))


@pytest.mark.parametrize(
    ("units", "share", "sure"), [(0, 0.9, 0.9), (10, 95, 0.9), (10, 0.9, 1.0), (10, 0.0, 0.9)]
)
def test_impossible_sampling_requests_are_refused(units, share, sure):
    with pytest.raises(ValueError, match="must"):
        accept_on_zero(units, share, sure)


@pytest.mark.parametrize(
    ("case", "stated"),
    [((1, 1, 0.45), 0.725000), ((0.5, 0.1, 0.72), 0.863397), ((1, 0.02, 0.9025), 0.904412)],
)
def test_release_arithmetic_comes_out(case, stated):
    assert p_none_after_zero(*case) == pytest.approx(stated, abs=5e-7)


def test_release_arithmetic_is_the_chance_of_none_left_given_none_found():
    rng = np.random.default_rng(1)
    mean = rng.gamma(0.5, size=400_000) / 0.1
    found, left = rng.poisson(mean * 0.72), rng.poisson(mean * 0.28)
    nothing = found == 0
    p = p_none_after_zero(0.5, 0.1, 0.72)
    error = np.sqrt(p * (1 - p) / nothing.sum())
    assert np.mean(left[nothing] == 0) == pytest.approx(p, abs=4 * error)


def test_a_thorough_search_without_a_find_meets_the_requirement():
    advice = advise(searched_once(0.99), WHOLE, detection=0.8, searched_share=WHOLE)
    assert advice.met
    assert advice.passes_needed == 0
    assert advice.p_none >= 0.95 > advice.prior_p_none


def test_a_level_that_the_prior_alone_gives_is_never_called_met():
    advice = advise(searched_once(0.99, RARE), WHOLE, detection=0.8, searched_share=WHOLE)
    assert advice.p_none > advice.prior_p_none > 0.95
    assert not advice.met
    assert advice.passes_needed is None
    assert "assumptions alone" in advice.words


def test_ground_that_was_hardly_searched_is_not_called_complete():
    share = np.zeros(GRID.shape)
    share[:4] = 1.0
    advice = advise(searched_once(0.99), WHOLE, detection=0.8, searched_share=share)
    assert not advice.met
    assert "not searched is not clear" in advice.words


def test_further_passes_without_a_find_bring_the_level_as_closely_as_said():
    posterior = searched_once(0.5)
    advice = advise(posterior, WHOLE, detection=0.6, searched_share=WHOLE)
    twice = fit(GRID, np.full(GRID.shape, 1 - 0.5 * 0.4**2), [], PRIOR, pad=False)
    # both in closed form from float32 exposures: relative error about 1e-6 times a few hundred sums
    assert advice.p_none_after[1] == pytest.approx(twice.p_none_in(WHOLE), abs=1e-3)


def test_passes_needed_are_the_fewest_that_reach_the_requirement():
    advice = advise(searched_once(0.5), WHOLE, detection=0.6, searched_share=WHOLE)
    assert list(advice.p_none_after) == sorted(advice.p_none_after)
    enough = advice.passes_needed
    assert enough is not None
    assert advice.p_none_after[enough - 1] >= 0.95
    assert enough == 1 or advice.p_none_after[enough - 2] < 0.95


def test_the_prior_alone_knows_nothing_of_search_or_finds():
    effort = np.full(GRID.shape, 0.5)
    posterior = fit(GRID, effort, [[5, 5], [6, 6]], PRIOR, pad=False, sweeps=200)
    alone = prior_alone(posterior)
    assert alone.expected_remaining.sum() == pytest.approx(
        fit(GRID, np.zeros(GRID.shape), [], PRIOR, pad=False).expected_remaining.sum()
    )
    assert advise(posterior, WHOLE, detection=0.8, searched_share=effort).prior_p_none == alone.p_none_in(
        WHOLE
    )


def test_the_interval_holds_ninety_percent_of_the_draws_and_the_median():
    posterior = fit(GRID, np.full(GRID.shape, 0.5), [[5, 5], [6, 6]], PRIOR, pad=False, sweeps=400)
    advice = advise(posterior, WHOLE, detection=0.8, searched_share=WHOLE)
    totals = posterior.draw_totals(WHOLE, 2000, 2)
    low, high = advice.interval
    assert np.mean((totals >= low) & (totals <= high)) >= 0.9
    assert low <= advice.median <= high


def test_no_ground_gives_no_statement():
    advice = advise(searched_once(0.99), ~WHOLE, detection=0.8, searched_share=WHOLE)
    assert not advice.met
    assert "nothing can be said" in advice.words


@pytest.mark.parametrize(("required", "detection"), [(95, 0.8), (0.95, 80), (0.95, 0.0), (1.0, 0.8)])
def test_percentages_are_refused(required, detection):
    with pytest.raises(ValueError, match="must lie"):
        advise(searched_once(0.9), WHOLE, required=required, detection=detection, searched_share=WHOLE)


def test_no_statement_says_safe():
    for detection, prior in ((0.2, PRIOR), (0.99, PRIOR), (0.99, RARE)):
        words = advise(searched_once(detection, prior), WHOLE, detection=0.8, searched_share=WHOLE).words
        assert "safe" not in words.lower()
