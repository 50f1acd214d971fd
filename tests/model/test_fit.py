"""The engine's limits and refusals: facts that hold whatever the data."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from fadeout.model import Footprint, Grid, Prior, RecordedStrike, StoppedBox, fit, tables

GRID = Grid(20, 24, 25.0)
SHAPES = [Footprint(60, 60), Footprint(80, 40, 45.0, weight=2.0), Footprint(50, 30, 120.0, kind="heavy")]
PRIOR = Prior(4.0, 20.0, 1.0, 1.0, SHAPES)
NONE = np.empty((0, 2), dtype=int)
EVERYWHERE = np.ones(GRID.shape, dtype=bool)


def searched(detection=0.7):
    effort = np.zeros(GRID.shape)
    effort[6:12, 6:14] = detection
    return effort


def test_no_search_gives_the_prior_back():
    posterior = fit(GRID, np.zeros(GRID.shape), NONE, PRIOR)
    # strikes within one reach outside leave what they would lose inside, so the mean is the prior's density × area
    assert posterior.expected_remaining_in(EVERYWHERE) == pytest.approx(0.3 * (4 * 20 + 1), rel=1e-4)
    assert posterior.expected_strikes_with_finds == 0
    assert posterior.diagnostics.converged


def test_perfect_search_everywhere_leaves_nothing():
    finds = [(3, 3), (4, 5), (12, 15)]
    posterior = fit(GRID, np.ones(GRID.shape), finds, PRIOR, sweeps=100)
    assert posterior.expected_remaining_in(EVERYWHERE) == pytest.approx(0, abs=1e-9)
    assert posterior.p_none_in(EVERYWHERE) == pytest.approx(1)
    assert posterior.p_any_remaining.max() == pytest.approx(0, abs=1e-9)
    assert not posterior.draw_totals(EVERYWHERE).any()


def test_empty_handed_effort_anywhere_never_raises_p_any():
    less = fit(GRID, searched(0.4), NONE, PRIOR)
    more = fit(GRID, searched(0.9), NONE, PRIOR)
    assert np.all(more.p_any_remaining <= less.p_any_remaining + 1e-6)
    assert more.p_none_in(EVERYWHERE) > less.p_none_in(EVERYWHERE)


def test_same_seed_gives_the_same_posterior_whatever_the_threads():
    finds = [(7, 8), (8, 9), (10, 12)]
    one = fit(GRID, searched(), finds, PRIOR, sweeps=80, seed=5, threads=1)
    two = fit(GRID, searched(), finds, PRIOR, sweeps=80, seed=5, threads=4)
    assert np.array_equal(one.expected_remaining, two.expected_remaining)
    assert np.array_equal(one.draw_totals(EVERYWHERE, 50), two.draw_totals(EVERYWHERE, 50))


def test_excluded_ground_holds_nothing():
    water = np.zeros(GRID.shape, dtype=bool)
    water[:, 16:] = True
    posterior = fit(GRID, searched(), [(7, 8)], PRIOR, excluded=water, sweeps=200)
    assert posterior.expected_remaining[water].max() == 0
    assert posterior.p_any_remaining[water].max() == 0


def test_reporting_lowers_what_remains_but_is_its_own_effort():
    reporting = np.full(GRID.shape, 0.5)
    without = fit(GRID, searched(), NONE, PRIOR)
    with_reports = fit(GRID, searched(), NONE, PRIOR, reporting=reporting)
    assert with_reports.expected_remaining_in(EVERYWHERE) < without.expected_remaining_in(EVERYWHERE)
    assert np.array_equal(with_reports.searched.structured, searched())


def test_parts_add_up_cell_by_cell_and_region_by_region():
    record = RecordedStrike(15.5, 4.0, 80.0, 0.6)
    prior = Prior(4.0, 20.0, 1.0, 1.0, SHAPES, [record])
    posterior = fit(GRID, searched(), [(7, 8), (8, 9)], prior, sweeps=400)
    parts = posterior.expected_known + posterior.expected_undetected + posterior.expected_background
    assert np.allclose(parts, posterior.expected_remaining)
    labels = np.where(np.arange(GRID.cols) < 12, 0, 1)[None, :] * np.ones((GRID.rows, 1), int)
    by_label = posterior.known_by_label(labels, 2).mean(axis=0)
    halves = [posterior.expected_known[:, :12].sum(), posterior.expected_known[:, 12:].sum()]
    assert np.allclose(by_label, halves, rtol=1e-3)
    assert posterior.known_by_label(labels, 2).shape == (posterior.draws, 2)


def test_one_cell_says_the_same_as_a_region_of_one_cell():
    posterior = fit(GRID, searched(), [(7, 8), (8, 9)], PRIOR, sweeps=400)
    for row, col in ((7, 8), (12, 14), (0, 0)):
        mask = np.zeros(GRID.shape, dtype=bool)
        mask[row, col] = True
        # the cell's undetected part is a series with relative error up to 0.5 %
        assert 1 - posterior.p_none_in(mask) == pytest.approx(posterior.p_any_remaining[row, col], rel=0.02)


def test_draws_of_the_total_have_the_stated_mean_and_p_none():
    posterior = fit(GRID, searched(), [(7, 8)], PRIOR, sweeps=2000)
    mask = np.zeros(GRID.shape, dtype=bool)
    mask[4:9, 5:10] = True
    totals = posterior.draw_totals(mask, draws=8000)
    error = totals.std() / np.sqrt(len(totals))
    assert totals.mean() == pytest.approx(posterior.expected_remaining_in(mask), abs=5 * error)
    none = posterior.p_none_in(mask)
    assert (totals == 0).mean() == pytest.approx(none, abs=5 * np.sqrt(none * (1 - none) / len(totals)))


def test_a_box_search_is_expected_to_find_no_more_often_than_something_is_left():
    posterior = fit(GRID, searched(), [(7, 8)], PRIOR, sweeps=400)
    sure = posterior.p_find_in_boxes(2, 1.0)
    assert np.all(posterior.p_find_in_boxes(2, 0.6) <= sure + 1e-6)
    mask = np.zeros(GRID.shape, dtype=bool)
    mask[8:10, 8:10] = True
    assert sure[4, 4] == pytest.approx(1 - posterior.p_none_in(mask), rel=0.03)
    assert sure.shape == (10, 12)


def test_a_stopped_box_keeps_more_items_than_a_complete_one():
    box = np.zeros(GRID.shape, dtype=bool)
    box[6:8, 8:10] = True
    stopped = fit(GRID, np.zeros(GRID.shape), [(7, 8)], PRIOR, stopped=[StoppedBox(box, 0.8, 0)], sweeps=1500)
    complete = fit(GRID, np.where(box, 0.8, 0.0), [(7, 8)], PRIOR, sweeps=1500)
    assert stopped.expected_remaining_in(box) > complete.expected_remaining_in(box) * 1.2
    assert 0 < stopped.effort[7, 8] < 0.8


def test_a_record_of_which_nothing_was_found_loses_credit_by_search():
    record = RecordedStrike(9.0, 10.0, 25.0, 0.9)
    prior = Prior(0.5, 20.0, 2.0, 0.1, SHAPES, [record])
    before = fit(GRID, np.zeros(GRID.shape), NONE, prior).recorded_probability[0]
    after = fit(GRID, searched(0.9), NONE, prior).recorded_probability[0]
    assert before == pytest.approx(0.9, abs=1e-6)
    assert after < 0.6


def test_strikes_share_out_all_finds_and_all_known_items():
    finds = [(6, 7), (7, 8), (7, 9), (11, 13)]
    posterior = fit(GRID, searched(), finds, PRIOR, sweeps=1500)
    strikes = posterior.strikes()
    members = [member for strike in strikes for member in strike.members]
    assert len(members) == len(set(members)) <= len(finds)
    # strikes are described by 200 of the draws: the error of their mean is that of so many, four standard errors
    spread = posterior.known.over_draws(
        posterior.known.shares(np.ones(GRID.shape)) * posterior.known.mean
    ).std()
    most = posterior.expected_known.sum() + 4 * spread / np.sqrt(200)
    assert sum(strike.expected_remaining for strike in strikes) <= most
    assert all(0 <= strike.probability <= 1 for strike in strikes)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"finds": [(0, 0)]}, "effort is 0"),
        ({"finds": [(6, 99)]}, "the grid has 20 × 24"),
        ({"effort": np.zeros((3, 3))}, "shape"),
        ({"effort": searched() * 100}, "percentages"),
        ({"stopped": [StoppedBox(np.zeros(GRID.shape, bool), 0.5, 0)]}, "covers no cell"),
        ({"finds": [(6.5, 7)]}, "whole rows"),
        ({"finds": [1, 2, 3]}, "shape"),
        ({"prior": Prior(0.0, 20.0, 1.0, 0.0, SHAPES), "finds": [(7, 8)]}, "cannot be explained"),
        ({"sweeps": 1, "finds": [(7, 8)]}, "at least"),
        ({"find_search": [1, 2], "finds": [(7, 8)]}, "find_search"),
    ],
)
def test_impossible_input_is_refused_with_the_reason(change, words):
    given = {"grid": GRID, "effort": searched(), "finds": NONE, "prior": PRIOR, **change}
    with pytest.raises(ValueError, match=words):
        fit(**given)


def test_progress_runs_from_nothing_to_done():
    seen = []
    fit(GRID, searched(), [(7, 8)], PRIOR, sweeps=100, progress=lambda done, words: seen.append(done))
    assert seen[0] == 0
    assert seen[-1] == 1
    assert seen == sorted(seen)


def test_a_short_run_says_that_it_did_not_converge():
    finds = [(6, 7), (7, 8), (7, 9), (11, 13), (10, 12), (6, 13)]
    diagnostics = fit(GRID, searched(), finds, PRIOR, sweeps=8, chains=2).diagnostics
    assert not diagnostics.converged
    assert "Do not rely" in diagnostics.words


def test_stopped_boxes_drawn_together_give_what_they_give_one_by_one(monkeypatch):
    prior = replace(PRIOR, strikes_per_km2=12.0, items_per_strike=20.0, background_per_km2=1.0)
    grid = Grid(20, 20, 25.0)
    effort = np.zeros(grid.shape)
    effort[10:, :6] = 0.7
    finds = [(4, 4), (5, 7), (6, 11), (9, 9), (12, 12), (14, 13)]
    boxes = []
    for number, (row, col) in enumerate(finds):
        mask = np.zeros(grid.shape, bool)
        mask[row // 2 * 2 : row // 2 * 2 + 2, col // 2 * 2 : col // 2 * 2 + 2] = True
        boxes.append(StoppedBox(mask, 0.8, number))
    means = []
    for most, batches in ((1, 6), (64, 1)):
        monkeypatch.setattr(tables, "BOXES_A_BATCH", most)
        fits = [
            fit(grid, effort, finds, prior, stopped=boxes, pad=False, seed=seed, sweeps=2000)
            for seed in range(3)
        ]
        assert len(fits[0].tables.parts[0].boxes.batch) == batches + 1
        means.append(
            [np.mean([f.expected_remaining.sum() for f in fits]), np.mean([f.effort[4, 4] for f in fits])]
        )
    (total_one, share_one), (total_all, share_all) = means
    # Six runs of 4,000 sweeps had standard deviations of 0.5 % in the total and of 1.2 % in the effort of one box; of
    # 2,000 sweeps 1.41 times that. A difference of two means of three has a standard error of 0.58 % and 1.4 %: 4 of it.
    assert total_all == pytest.approx(total_one, rel=0.023)
    assert share_all == pytest.approx(share_one, rel=0.056)
