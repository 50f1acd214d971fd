"""The running estimate: facts that hold whatever the data."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from fadeout.model import (
    Coverage,
    Footprint,
    Grid,
    Learning,
    Method,
    Prior,
    RecordedStrike,
    Searches,
    fit,
)
from fadeout.model.running import Running

GRID = Grid(24, 26, 25.0)
PRIOR = Prior(4.0, 20.0, 1.0, 1.0, [Footprint(60, 60), Footprint(80, 40, 45.0, weight=2.0)])
RECORDS = (RecordedStrike(13.3, 9.2, 60.0, 0.7, 25.0, 0.8), RecordedStrike(16, 14, 40.0, 0.9))
RECORDED = Prior(4.0, 20.0, 1.0, 1.0, PRIOR.footprints, recorded=RECORDS)
NONE = np.empty((0, 2), dtype=int)
FINDS = [(7, 8), (8, 9), (10, 12)]
REGIONS = {"all": np.ones(GRID.shape, dtype=bool), "corner": np.add.outer(np.arange(24), np.arange(26)) < 16}


def box(rows, cols):
    mask = np.zeros(GRID.shape, dtype=bool)
    mask[rows, cols] = True
    return mask


FIRST = box(slice(6, 12), slice(6, 14))
SECOND = box(slice(12, 14), slice(10, 13))


@pytest.fixture(scope="module")
def posterior():
    return fit(GRID, 0.7 * FIRST, FINDS, PRIOR, seed=2)


def test_before_any_step_the_running_estimate_is_the_fit():
    posterior = fit(
        GRID, 0.7 * FIRST, FINDS, PRIOR, seed=2, sweeps=200
    )  # few enough draws for all to be summed
    now = Running.begin(posterior, regions=REGIONS, particles=posterior.draws).estimate()
    # same draws: only the series (5e-3 of the unseen part) and single precision lie between them
    assert np.allclose(now.expected_remaining, posterior.expected_remaining, rtol=6e-3, atol=1e-6)
    assert np.allclose(now.p_find, posterior.p_find_in_boxes(2, 0.8), rtol=6e-3, atol=2e-3)
    assert np.allclose(now.p_any_remaining, posterior.p_any_remaining, rtol=6e-3, atol=2e-3)
    for name, mask in REGIONS.items():
        assert now.regions[name].p_none == pytest.approx(posterior.p_none_in(mask), rel=0.02, abs=1e-4)


def test_empty_handed_search_of_ground_without_finds_is_exact():
    begun = Running.begin(fit(GRID, 0.7 * FIRST, NONE, PRIOR), regions=REGIONS)
    now = begun.add_box(SECOND, 0.6)
    again = fit(GRID, 1 - (1 - 0.7 * FIRST) * (1 - 0.6 * SECOND), NONE, PRIOR)
    assert np.allclose(now.expected_remaining, again.expected_remaining, rtol=6e-3, atol=1e-6)
    assert np.allclose(now.p_any_remaining, again.p_any_remaining, rtol=6e-3, atol=1e-6)
    assert np.allclose(now.p_find, again.p_find_in_boxes(2, 0.8), rtol=6e-3, atol=1e-6)
    for name, mask in REGIONS.items():
        assert now.regions[name].p_none == pytest.approx(again.p_none_in(mask), rel=1e-4)


def test_same_seed_and_steps_give_the_same_estimates(posterior):
    def walked():
        running = Running.begin(posterior, regions=REGIONS, particles=100, seed=4)
        running.add_box(SECOND, 0.8, [(13, 12)])
        return running.add_find(9, 9)

    one, two = walked(), walked()
    assert np.array_equal(one.expected_remaining, two.expected_remaining)
    assert one.next_boxes == two.next_boxes


def test_a_searched_box_is_not_a_next_box(posterior):
    running = Running.begin(posterior, side_cells=2)
    first = running.estimate().next_boxes[0]
    mask = box(slice(first.row, first.row + 2), slice(first.col, first.col + 2))
    after = running.add_box(mask, 0.8).next_boxes
    assert (first.row, first.col) not in [(b.row, b.col) for b in after]


def test_a_find_where_nobody_searched_is_refused(posterior):
    running = Running.begin(posterior)
    with pytest.raises(ValueError, match="row 20, col 20, which was not searched"):
        running.add_find(20, 20)
    with pytest.raises(ValueError, match="row 20, col 20, which was not searched"):
        running.add_box(SECOND, 0.8, [(20, 20)])


def test_empty_handed_search_brings_recorded_strikes_up_to_date_exactly():
    begun = Running.begin(fit(GRID, 0.7 * FIRST, NONE, RECORDED), regions=REGIONS)
    now = begun.add_box(SECOND, 0.6)
    again = fit(GRID, 1 - (1 - 0.7 * FIRST) * (1 - 0.6 * SECOND), NONE, RECORDED)
    # nothing is sampled: the series (5e-3 of its part) and single precision lie between them
    assert np.allclose(now.expected_remaining, again.expected_remaining, rtol=6e-3, atol=1e-6)
    assert np.allclose(now.p_any_remaining, again.p_any_remaining, rtol=6e-3, atol=1e-5)
    assert np.allclose(now.p_find, again.p_find_in_boxes(2, 0.8), rtol=1e-2, atol=1e-5)
    for name, mask in REGIONS.items():
        assert now.regions[name].p_none == pytest.approx(again.p_none_in(mask), rel=1e-3)


def test_a_find_at_a_record_makes_it_likely_that_the_record_is_true():
    record = RecordedStrike(13.0, 11.0, 30.0, 0.3, 30.0)
    prior = Prior(0.01, 20.0, 1.0, 0.001, PRIOR.footprints, recorded=[record])
    running = Running.begin(fit(GRID, 0.7 * FIRST, NONE, prior), regions=REGIONS)
    before = running.estimate().regions["all"].expected
    after = running.add_box(SECOND, 0.6, [(13, 11)]).regions["all"].expected
    # but for 1 in 100 the find is the record's, which then left Gamma(2, 1/30 + e) items, e < 0.7: more than 2 × 0.3/0.73
    # of them still lie there; before it was 0.3 × 30 at most, and here nearly all its items are at stake
    assert before < 9.5
    assert after > before


def test_intervals_of_totals_are_those_of_the_fit(posterior):
    now = Running.begin(posterior, regions=REGIONS, particles=2000).estimate()
    for name, mask in REGIONS.items():
        totals = posterior.draw_totals(mask, 8000)
        # the 5 and 95 % quantiles of 1,000 draws lie between the 3 to 7.2 % and 92.8 to 97 % ones of many: 3 standard
        # errors of √(0.05 · 0.95 / 1000) = 0.7 %; counts are whole, so one more
        low, high = np.quantile(totals, [0.03, 0.072]), np.quantile(totals, [0.928, 0.97])
        assert low[0] - 1 <= now.regions[name].interval[0] <= low[1] + 1
        assert high[0] - 1 <= now.regions[name].interval[1] <= high[1] + 1


def test_a_method_whose_second_pass_finds_nothing_more_is_believed_to_detect_more():
    searches = Searches(
        (Method("team", 0.7, certainty=6.0),),
        (Coverage(FIRST.astype(float), (1,)),),
        np.zeros(3, dtype=int),
        np.zeros((3, 1), dtype=int),
    )
    fitted = fit(GRID, searches, FINDS, PRIOR, seed=2)
    running = Running.begin(fitted, regions=REGIONS)
    detection = np.array([strand.ground.state.detection[0] for strand in running.strands])
    before = running.weights @ detection
    running.add_box(
        FIRST, method=0
    )  # the same ground again, and nothing: what there was had been found, then
    running.add_box(FIRST, method=0)
    assert running.weights @ detection > before
    again = running.refit(sweeps=40)
    assert again.posterior.searched.searches.covered[0].passes == (3,)


def test_a_search_that_stopped_has_one_find_and_a_box_one_way_of_searching(posterior):
    running = Running.begin(posterior)
    with pytest.raises(ValueError, match="stopped at its first find has one find; got 0"):
        running.add_box(SECOND, 0.8, stopped=True)
    with pytest.raises(ValueError, match="either a detection or one of the fit's methods"):
        running.add_box(SECOND)
    with pytest.raises(ValueError, match="method 0 is none of the fit's"):
        running.add_box(SECOND, method=0)


def test_many_finds_since_the_fit_make_it_stale_and_a_refit_does_not(posterior):
    running = Running.begin(posterior, particles=50)
    assert running.estimate().stale == ""
    for n in range(21):
        running.add_find(6 + n % 6, 6 + n % 8)
    assert "21 finds were added to the 3 fitted" in running.stale or "weight" in running.stale
    again = running.refit(sweeps=40)
    assert again.stale == ""
    assert len(again.posterior.finds) == 24


def test_finds_far_beyond_what_was_learned_make_the_estimate_stale():
    learned = replace(PRIOR, learned=Learning(items=0.7))
    running = Running.begin(fit(GRID, 0.7 * FIRST, FINDS, learned, seed=2), regions=REGIONS)
    assert running.estimate().stale == ""
    for n in range(12):  # four times as many finds as the fit had, in the same ground
        running.add_find(6 + n % 6, 7 + n % 5)
    assert running.shifted > 0.5
    assert "has shifted by" in running.stale or "left only" in running.stale
