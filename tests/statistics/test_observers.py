"""Searchers of one strip: intervals held against simulated truth, against exact sums, and against 150 stakes."""

from __future__ import annotations

import csv
from itertools import combinations
from math import comb

import numpy as np
import pytest
from scipy import integrate, special, stats

from fadeout.model.observers import ObserversPrior, imagined, observers

SETS = 40


@pytest.fixture(scope="module")
def simulated():
    """SIMULATED searches by 3 to 8 searchers drawn from the prior, and what is estimated of each.

    The number of items is drawn as the estimate believes it, log-uniform (but for the ends, 40 and 200), so that
    an exact estimate holds the truth as often as stated.
    """
    rng = np.random.default_rng(20)
    pairs = []
    for number in range(SETS):
        items = int(np.exp(rng.uniform(np.log(40), np.log(200))))
        search = imagined(items, 3 + number % 6, seed=number)
        if search.found.any():
            estimate = observers(
                search.found, search.distance_m, reach_m=search.reach_m, seed=number, draws=400
            )
            pairs.append((search, estimate))
    return pairs


def three_errors(stated: float, count: int) -> float:
    return 3.0 * float(np.sqrt(stated * (1.0 - stated) / count))


def test_ninety_percent_intervals_of_the_missed_hold_nine_times_in_ten(simulated):
    held = [
        estimate.missed_interval[0] <= search.missed <= estimate.missed_interval[1]
        for search, estimate in simulated
    ]
    # three binomial standard errors; above, whole numbers at the ends hold more often than stated
    assert np.mean(held) >= 0.9 - three_errors(0.9, len(held))


def test_the_middle_of_the_missed_is_passed_by_truth_half_the_time(simulated):
    rng = np.random.default_rng(0)
    ranks = [
        np.mean(estimate.missed < search.missed) + rng.random() * np.mean(estimate.missed == search.missed)
        for search, estimate in simulated
    ]
    # ranks of truth are uniform (ties broken at random): mean 1/2, variance 1/12; three standard errors
    assert abs(np.mean(ranks) - 0.5) <= 3.0 / np.sqrt(12 * len(ranks))
    assert stats.kstest(ranks, "uniform").pvalue > 0.001


def test_intervals_of_detection_hold_nine_times_in_ten(simulated):
    # searchers of one search share its fate, so one of each is counted
    held = [
        estimate.detection_interval[0, 0] <= search.detection[0] <= estimate.detection_interval[0, 1]
        for search, estimate in simulated
    ]
    assert abs(np.mean(held) - 0.9) <= three_errors(0.9, len(held))


def test_two_searchers_alike_everywhere_agree_with_exact_sums():
    """No spread, no distance, one chance p for both: the number missed by sums over N and an integral over p."""
    both, one = 30, 20
    found = np.array([[1, 1]] * both + [[1, 0]] * (one // 2) + [[0, 1]] * (one // 2), dtype=bool)
    tight = ObserversPrior(level_sd=1.5, own_sd=0.01, spread=0.01)
    estimate = observers(found, seed=4, prior=tight, draws=4000)
    count, finds = both + one, 2 * both + one

    def chance(missed: int) -> float:
        def of(logit: float) -> float:
            p, q = special.expit(logit), special.expit(-logit)
            return float(p**finds * q ** (one + 2 * missed) * stats.norm.pdf(logit, 0, 1.5))

        items = count + missed
        return comb(items, count) / items * integrate.quad(of, -4, 6, epsabs=0)[0] * 1e20

    exact = np.array([chance(missed) for missed in range(60)])
    exact /= exact.sum()
    mean = float(exact @ np.arange(60))
    sd = float(np.sqrt(exact @ np.arange(60) ** 2 - mean**2))
    # four Monte Carlo standard errors at the draws that count, and 1 % of sd for the prior's width 0.01
    bound = sd * (4.0 / np.sqrt(min(estimate.effective, 4000)) + 0.01)
    assert abs(estimate.missed.mean() - mean) < bound


def test_finds_of_the_same_items_are_read_as_items_that_differ():
    """Each searcher found as many in both; in one, a third of the finds are of the same items."""
    alike = ObserversPrior(level_sd=0.01, own_sd=0.01, spread=0.01, fall_sd=0.01)
    apart = imagined(300, 4, seed=1, prior=alike).found
    together = apart.copy()
    together[200:] = np.sort(apart[200:], axis=0)
    lone, shared = (observers(found, seed=1, draws=500) for found in (apart, together))
    # the low end of one 90 % interval lies above the high end of the other
    assert np.quantile(shared.spread, 0.05) > np.quantile(lone.spread, 0.95)


def test_rows_that_nobody_found_change_nothing():
    search = imagined(80, 3, seed=5)
    some = search.found.any(axis=1)
    whole = observers(search.found, search.distance_m, reach_m=20, seed=2, draws=200)
    seen = observers(search.found[some], search.distance_m[some], reach_m=20, seed=2, draws=200)
    assert np.array_equal(whole.missed, seen.missed)


def test_the_same_seed_gives_the_same_draws():
    found = imagined(80, 3, seed=5).found
    first, again = (observers(found, seed=2, draws=200) for _ in range(2))
    assert np.array_equal(first.detection, again.detection)


@pytest.mark.parametrize(
    ("found", "distance", "reach", "said"),
    [
        ([[1], [1]], None, None, "two searchers"),
        ([[0, 0]], None, None, "nobody found anything"),
        ([[1, 2]], None, None, "item 0, searcher 1"),
        ([[1, 0]], [3.0], None, "reach_m"),
        ([[1, 0], [1, 1]], [3.0, 21.0], 20.0, "item 1"),
        ([[1, 0]], [3.0, 4.0], 20.0, "one value for each"),
    ],
)
def test_what_cannot_be_used_is_refused_in_words(found, distance, reach, said):
    with pytest.raises(ValueError, match=said):
        observers(found, distance, reach_m=reach, seed=1)


def stakes(shared):
    with (shared / "data/detection/stake77.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    found = np.array([[row[f"Obs{k}"] == "1" for k in range(1, 9)] for row in rows])
    return found, np.array([float(row["PD"]) for row in rows])


@pytest.mark.shared
def test_of_150_stakes_the_number_missed_by_all_eight_lies_in_the_interval(shared):
    found, distance = stakes(shared)
    estimate = observers(found, distance, reach_m=20, seed=1, draws=1000)
    low, high = estimate.total_interval
    assert low <= len(found) == 150 <= high


@pytest.mark.shared
def test_of_150_stakes_most_pairs_of_searchers_state_an_interval_that_holds_the_truth(shared):
    found, distance = stakes(shared)
    held = []
    for pair in combinations(range(8), 2):
        low, high = observers(found[:, pair], distance, reach_m=20, seed=1, draws=500).total_interval
        held.append(low <= 150 <= high)
    # The pairs share their stakes and are no independent trials: of 8 searchers 4 pairs are, and three
    # binomial standard errors of 4 at 0.9 leave 0.45.
    assert np.mean(held) >= 0.45
