"""Simulated truth is what the model believes, or knowingly is not."""

from __future__ import annotations

import numpy as np
import pytest

from fadeout.model import Footprint, Grid, Prior, RecordedStrike, fit
from fadeout.model.footprints import kernels
from fadeout.model.simulate import Ellipse, from_prior, outside_model, search_boxes, strikes_near

GRID = Grid(16, 20, 25.0)
PRIOR = Prior(
    strikes_per_km2=3.0,
    items_per_strike=12.0,
    items_shape=0.8,
    background_per_km2=4.0,
    footprints=[Footprint(60, 30, 30), Footprint(45, 45, weight=2.0, kind="heavy")],
    recorded=[RecordedStrike(8.4, 3.7, 60.0, 0.6, items_per_strike=20.0, items_shape=2.0)],
)
SETS = 1500


@pytest.fixture(scope="module")
def many():
    effort = np.zeros(GRID.shape)
    effort[4:10, 5:15] = 0.7
    excluded = np.zeros(GRID.shape, dtype=bool)
    excluded[:3, :8] = True
    return (
        effort,
        excluded,
        [from_prior(GRID, effort, PRIOR, seed, excluded=excluded) for seed in range(SETS)],
    )


def test_mean_items_per_cell_are_those_of_the_prior(many):
    _, excluded, truths = many
    prior = fit(GRID, np.zeros(GRID.shape), [], PRIOR, excluded=excluded)
    counts = np.array([truth.items.sum() for truth in truths])
    # 4 Monte Carlo standard errors
    assert counts.mean() == pytest.approx(
        prior.expected_remaining.sum(), abs=4 * counts.std() / np.sqrt(SETS)
    )
    columns = np.array([truth.items.sum(axis=0) for truth in truths])
    off = (columns.mean(axis=0) - prior.expected_remaining.sum(axis=0)) / (
        columns.std(axis=0) / np.sqrt(SETS)
    )
    assert np.abs(off).max() < 4.5  # 20 columns: two-sided tail of 4.5 is 7e-6


def test_chance_of_an_empty_grid_is_that_of_the_prior(many):
    _, excluded, truths = many
    prior = fit(GRID, np.zeros(GRID.shape), [], PRIOR, excluded=excluded)
    part = np.zeros(GRID.shape, dtype=bool)
    part[10:, 12:] = True
    for mask in (part, np.ones(GRID.shape, dtype=bool)):
        stated = prior.p_none_in(mask)
        empty = np.mean([truth.items[mask].sum() == 0 for truth in truths])
        assert empty == pytest.approx(stated, abs=4 * np.sqrt(stated * (1 - stated) / SETS))


def test_nothing_is_found_where_nobody_searched(many):
    effort, _, truths = many
    assert all(truth.found[effort == 0].sum() == 0 for truth in truths)


def test_the_share_found_is_the_detection(many):
    effort, _, truths = many
    items = sum(truth.items[effort > 0].sum() for truth in truths)
    found = sum(truth.found.sum() for truth in truths)
    assert found / items == pytest.approx(0.7, abs=4 * np.sqrt(0.7 * 0.3 / items))


def test_excluded_ground_holds_no_items(many):
    _, excluded, truths = many
    assert all(truth.items[excluded].sum() == 0 for truth in truths)


def test_a_record_is_true_as_often_as_credible(many):
    true = np.mean([(truth.strikes.record == 0).sum() for truth in many[2]])
    assert true == pytest.approx(0.6, abs=4 * np.sqrt(0.24 / SETS))


def test_places_of_a_true_record_scatter_by_its_error(many):
    rows = np.concatenate([truth.strikes.row[truth.strikes.record == 0] for truth in many[2]])
    # errors are cut at four standard deviations and rounded to cells: variance 60² m² + a twelfth of a cell
    assert rows.mean() == pytest.approx(8.4, abs=4 * rows.std() / np.sqrt(len(rows)))
    assert rows.std() == pytest.approx(60 / 25, rel=4 / np.sqrt(2 * len(rows)) + 0.02)


def test_counts_add_up(many):
    for truth in many[2][:200]:
        assert truth.found.sum() == len(truth.finds)
        assert (truth.remaining >= 0).all()
        assert truth.strikes.items.sum() <= truth.items.sum()
        assert np.array_equal(
            np.bincount(truth.finds[:, 0] * GRID.cols + truth.finds[:, 1], minlength=320), truth.found.ravel()
        )


def test_the_same_seed_gives_the_same_truth():
    one, two = (from_prior(GRID, np.full(GRID.shape, 0.5), PRIOR, 7) for _ in range(2))
    assert np.array_equal(one.items, two.items)
    assert np.array_equal(one.finds, two.finds)


def test_without_padding_no_strike_is_centred_outside():
    for seed in range(50):
        strikes = from_prior(GRID, np.zeros(GRID.shape), PRIOR, seed, pad=False).strikes
        assert (
            (strikes.row >= 0) & (strikes.row < GRID.rows) & (strikes.col >= 0) & (strikes.col < GRID.cols)
        ).all()


def stopped_truths(sets=600):
    box = np.zeros(GRID.shape, dtype=bool)
    box[6:10, 6:12] = True
    prior = Prior(20.0, 12.0, 1.0, 0.0, [Footprint(60, 30, 30)])
    return box, [from_prior(GRID, np.zeros(GRID.shape), prior, s, stopped=[(box, 0.6)]) for s in range(sets)]


def test_a_box_left_at_its_first_find_has_exactly_one():
    box, truths = stopped_truths()
    for truth in truths:
        assert truth.found[box].sum() == len(truth.finds) == len(truth.stopped) <= 1
        if truth.stopped:
            assert truth.stopped[0].find == 0
            assert (truth.effort == 0).all()
        else:
            assert np.array_equal(truth.effort, np.where(box, 0.6, 0.0))


def test_a_box_without_a_find_had_every_item_missed():
    box, truths = stopped_truths(3000)
    items = np.array([truth.items[box].sum() for truth in truths])
    missed = np.array([not truth.stopped for truth in truths])
    stated = 0.4 ** items.astype(float)  # each item is missed with probability 0.4
    assert missed.mean() == pytest.approx(
        stated.mean(), abs=4 * np.sqrt((stated * (1 - stated)).sum()) / 3000
    )


def test_stopped_boxes_can_be_given_to_fit():
    _, truths = stopped_truths(20)
    truth = next(truth for truth in truths if truth.stopped)
    prior = Prior(20.0, 12.0, 1.0, 0.0, [Footprint(60, 30, 30)])
    assert fit(GRID, truth.effort, truth.finds, prior, stopped=truth.stopped, sweeps=50).draws > 0


def test_items_scatter_about_a_strike_as_its_footprint_says():
    grid = Grid(41, 41, 25.0)
    shape = Footprint(80, 40, 30)
    record = RecordedStrike(20.0, 20.0, 0.0, 1.0, items_per_strike=200_000.0, items_shape=1e6)
    prior = Prior(0.0, 1.0, 1.0, 0.0, [shape], [record])
    items = from_prior(grid, np.zeros(grid.shape), prior, 1).items
    table = kernels([shape], 25.0)[0]
    reach = table.shape[0] // 2
    seen = items[20 - reach : 21 + reach, 20 - reach : 21 + reach]
    expected = table * items.sum()
    often = expected > 5
    squared = ((seen - expected)[often] ** 2 / expected[often]).sum()
    assert squared < often.sum() + 5 * np.sqrt(2 * often.sum())  # chi-squared, 5 standard deviations


# ---- outside the model

EXTENT = (1000.0, 2000.0, 4000.0, 5000.0)


def test_items_outside_the_model_stay_in_the_extent_and_know_their_strike():
    strikes = strikes_near(
        [1500, 3900], [2500, 4900], seed=1, position_error_m=100, credibility=1.0, items=200,
        sigma_major_m=90, sigma_minor_m=45, unrecorded=2, extent=EXTENT,
    )  # fmt: skip
    ground = outside_model(strikes, extent=EXTENT, background_per_km2=1.0, seed=2)
    assert [strike.record for strike in strikes] == [0, 1, -1, -1]
    assert ((ground.x_m >= 1000) & (ground.x_m < 4000) & (ground.y_m >= 2000) & (ground.y_m < 5000)).all()
    assert set(np.unique(ground.strike)) <= {-1, 0, 1, 2, 3}


def test_a_ring_leaves_its_middle_nearly_empty():
    ring = Ellipse(2500, 3500, 20_000, 100, 100, ring=1.0, tail=0.0)
    ground = outside_model([ring], extent=EXTENT, seed=3)
    away = np.hypot(ground.x_m - 2500, ground.y_m - 3500)
    assert np.mean(away < 60) < 0.01  # 4 standard deviations inside the ring of 160 ± 25 m
    assert away.mean() == pytest.approx(160, rel=0.02)


def test_heavy_tails_reach_farther_than_a_gaussian():
    far = []
    for tail in (0.0, 0.2):
        ground = outside_model([Ellipse(2500, 3500, 20_000, 80, 80, tail=tail)], extent=EXTENT, seed=3)
        far.append(np.mean(np.hypot(ground.x_m - 2500, ground.y_m - 3500) > 320))
    assert far[0] < 1e-3 < far[1]


def test_clumps_hold_the_items_and_the_ground_between_them_none():
    strike = Ellipse(2500, 3500, 20_000, 90, 90, tail=0.0, clumps=((-3.0, 0.0), (3.0, 0.0)), bearing_deg=90)
    ground = outside_model([strike], extent=EXTENT, seed=3)
    # clumps lie 270 m west and east, each 30 m wide: 5 standard deviations of one end 120 m from the middle
    assert (np.abs(ground.x_m - 2500) > 120).all()
    # Binomial(20,000, 1/2): 4 standard errors of the share are 0.014
    assert np.mean(ground.x_m > 2500) == pytest.approx(0.5, abs=0.015)


def test_the_ends_of_a_bent_pattern_lie_to_one_side_of_its_middle():
    def across(bend):
        strike = Ellipse(2500, 3500, 20_000, 120, 30, tail=0.0, bearing_deg=90, bend=bend)
        ground = outside_model([strike], extent=EXTENT, seed=3)
        ends = np.abs(ground.x_m - 2500) > 180
        return abs(ground.y_m[ends].mean() - ground.y_m[~ends].mean())

    assert across(0.0) < 5.0
    # at 1.5 deviations and beyond the axis lies at least 120 (1.5² - 1) / 3 = 50 m aside; the middle less than that
    assert across(1.0) > 50.0


def test_ease_of_detection_is_alike_close_by_and_one_on_average_where_ground_is_patchy():
    strikes = [Ellipse(2500, 3500, 20_000, 400, 400, tail=0.0)]
    ground = outside_model(strikes, extent=EXTENT, unevenness=0.0, patches=(0.5, 150.0), seed=3)
    log_ease = np.log(ground.ease)
    order = np.lexsort((ground.y_m // 20, ground.x_m // 20))
    near = np.corrcoef(log_ease[order][:-1], log_ease[order][1:])[0, 1]
    assert near > 0.9
    # some 20 independent patches of 300 m: mean 1 within 4 × 0.53 / sqrt(20), deviation of the logarithm near 0.5
    assert ground.ease.mean() == pytest.approx(1.0, abs=0.48)
    assert log_ease.std() == pytest.approx(0.5, abs=0.2)


def test_the_long_axis_lies_along_the_bearing():
    ground = outside_model(
        [Ellipse(2500, 3500, 5000, 150, 20, bearing_deg=90, tail=0.0)], extent=EXTENT, seed=3
    )
    assert ground.x_m.std() == pytest.approx(150, rel=0.05)  # bearing 90° is east
    assert ground.y_m.std() == pytest.approx(20, rel=0.05)


@pytest.fixture(scope="module")
def ground():
    return outside_model([Ellipse(2500, 3500, 3000, 120, 80, bearing_deg=20)], extent=EXTENT, seed=5)


def grid_boxes():
    x, y = np.meshgrid(np.arange(2200, 2800, 50.0), np.arange(3200, 3800, 50.0))
    return x.ravel(), y.ravel()


def test_complete_boxes_find_about_the_detection_share(ground):
    x, y = grid_boxes()
    result = search_boxes(ground, x, y, 50, detection=0.6, stop_at_find=False, unevenness=0.0, seed=1)
    inside = (ground.x_m >= 2200) & (ground.x_m < 2800) & (ground.y_m >= 3200) & (ground.y_m < 3800)
    # ease is uneven: the variance of one item is at most 1/4
    assert len(result.item) / inside.sum() == pytest.approx(0.6, abs=4 * 0.5 / np.sqrt(inside.sum()) + 0.01)
    assert not result.stopped.any()
    assert (result.share == 1.0).all()


def test_stopped_boxes_give_one_find_each_inside_themselves(ground):
    x, y = grid_boxes()
    result = search_boxes(ground, x, y, 50, detection=0.6, seed=1)
    assert len(set(result.box)) == len(result.box) == result.stopped.sum()
    assert (
        (ground.x_m[result.item] - x[result.box] >= 0) & (ground.x_m[result.item] - x[result.box] < 50)
    ).all()
    assert (
        (ground.y_m[result.item] - y[result.box] >= 0) & (ground.y_m[result.item] - y[result.box] < 50)
    ).all()
    assert (result.share[result.stopped] < 1.0).all()


def test_dense_boxes_are_left_earlier(ground):
    x, y = grid_boxes()
    result = search_boxes(ground, x, y, 50, detection=0.6, seed=1)
    near = np.hypot(x + 25 - 2500, y + 25 - 3500) < 80
    assert result.share[near & result.stopped].mean() < result.share[~near & result.stopped].mean()


def test_what_a_box_gives_does_not_depend_on_the_boxes_searched_with_it(ground):
    x, y = grid_boxes()
    together = search_boxes(ground, x, y, 50, detection=0.6, seed=1)
    alone = [search_boxes(ground, a, b, 50, detection=0.6, seed=1) for a, b in zip(x, y, strict=True)]
    assert [bool(one.stopped[0]) for one in alone] == together.stopped.tolist()


def test_an_item_found_is_not_found_again(ground):
    x, y = grid_boxes()
    first = search_boxes(ground, x, y, 50, detection=0.6, seed=1)
    second = search_boxes(ground, x, y, 50, detection=0.6, seed=2, found=first.found)
    assert not set(first.item) & set(second.item)
    assert second.found.sum() == len(first.item) + len(second.item)
