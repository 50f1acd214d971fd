"""The hazardous area does what was asked, and says honestly what it did."""

from __future__ import annotations

from copy import copy

import numpy as np
import pytest

from fadeout.model import Footprint, Grid, Prior, StoppedBox, fit
from fadeout.model.hazard import area_of_size, close_holes, delineate, outlines
from fadeout.model.thinning import thinned

GRID = Grid(50, 60, 25.0)
PRIOR = Prior(
    strikes_per_km2=1.0,
    items_per_strike=30.0,
    items_shape=1.0,
    background_per_km2=0.2,
    footprints=[Footprint(80, 40, bearing) for bearing in (0, 60, 120)],
)


@pytest.fixture(scope="module")
def posterior():
    effort = np.zeros(GRID.shape)
    effort[20:24, 20:24] = 0.8
    effort[22:30, 26:34] = 0.6
    box = np.zeros(GRID.shape, dtype=bool)
    box[38:40, 48:50] = True
    finds = [[21, 21], [22, 23], [23, 20], [24, 28], [26, 30], [39, 48]]
    return fit(GRID, effort, finds, PRIOR, stopped=[StoppedBox(box, 0.8, 5)], seed=3)


@pytest.fixture(scope="module")
def nothing_found():
    return fit(GRID, np.zeros(GRID.shape), [], PRIOR)


def outside_by_draw(posterior, cells):
    """K_d outside and in all, by the posterior's own sums over all draws."""
    sums = posterior.known_by_label(np.where(cells, 0, 1), 2)
    return sums[:, 1], sums.sum(axis=1)


def thrown_by_draw(posterior, cells, seed=11):
    """Items outside and in all, thrown anew for each draw: strikes' expected items first, then the items."""
    rng = np.random.default_rng(seed)
    known = copy(posterior.known)
    known.mean = rng.gamma(known.power) / known.draws.rate
    sums = rng.poisson(known.by_label(np.where(cells, 0, 1), 2))
    return sums[:, 1], sums.sum(axis=1)


def standard_error(confidence, posterior):
    """Of a share of draws, theirs and ours; `delineate` uses evenly spaced draws, at least 1,000 here."""
    return np.sqrt(confidence * (1 - confidence) * (1 / 1000 + 1 / posterior.draws))


@pytest.mark.parametrize(("share", "confidence"), [(0.05, 0.9), (0.2, 0.5), (0.01, 0.99)])
def test_the_area_leaves_out_at_most_the_share_of_items_with_the_confidence_asked(
    posterior, share, confidence
):
    area = delineate(posterior, share_left_out=share, confidence=confidence)
    expected, whole = outside_by_draw(posterior, area.cells)
    assert area.met
    assert expected.mean() / whole.mean() <= share
    outside, total = thrown_by_draw(posterior, area.cells)
    assert np.mean(outside <= share * total) >= confidence - 4 * standard_error(confidence, posterior)


def test_stated_share_and_confidence_are_those_of_the_final_cells(posterior):
    area = delineate(posterior)
    expected, whole = outside_by_draw(posterior, area.cells)
    # the map of expected items comes from transforms in single precision, right to about 1e-6 of its largest value
    assert area.share_left_out == pytest.approx(expected.mean() / whole.mean(), rel=1e-5)
    outside, total = thrown_by_draw(posterior, area.cells)
    error = 4 * standard_error(area.confidence, posterior)
    assert area.confidence == pytest.approx(np.mean(outside <= 0.05 * total), abs=error)


def test_draws_are_thinned_without_changing_what_they_hold(posterior):
    fewer = thinned(posterior, work=posterior.known.kernels[0].size * 300)
    assert 200 <= fewer.draws.count < posterior.draws
    labels = np.zeros(GRID.shape, dtype=int)
    chosen = np.unique(np.linspace(0, posterior.draws - 1, fewer.draws.count).astype(int))
    assert np.allclose(fewer.by_label(labels, 1), posterior.known_by_label(labels, 1)[chosen])
    finds_of = np.bincount(fewer.draws.strike_of[fewer.draws.strike_of >= 0], minlength=len(fewer.draws.row))
    assert np.array_equal(finds_of, fewer.draws.finds)


def test_a_smaller_share_left_out_needs_more_ground(posterior):
    areas = [delineate(posterior, share_left_out=share).area_m2 for share in (0.3, 0.1, 0.03, 0.01)]
    assert areas == sorted(areas)
    assert areas[0] < areas[-1]


def test_more_confidence_needs_more_ground(posterior):
    areas = [delineate(posterior, confidence=confidence).area_m2 for confidence in (0.5, 0.9, 0.99)]
    assert areas == sorted(areas)
    assert areas[0] < areas[-1]


def test_the_area_is_hardly_larger_than_the_best_untidied_set_of_cells(posterior):
    area = delineate(posterior, share_left_out=0.05, confidence=0.0)
    known = np.sort(posterior.expected_known.ravel())[::-1]
    fewest = 1 + int(np.argmax(np.cumsum(known) >= 0.95 * known.sum()))
    # a level leaves out 3 % less than the one before: under 3 % of the cells; tidying closes 4 at a time
    assert area.cells.sum() <= 1.05 * fewest + 20


def test_inside_outside_and_unexplored_add_up_to_all_that_remains(posterior):
    area = delineate(posterior)
    parts = area.expected_inside + area.expected_outside + area.expected_unexplored
    assert parts == pytest.approx(posterior.expected_remaining.sum(), rel=1e-9)


def test_without_finds_there_is_no_area_and_no_word_of_clear_ground(nothing_found):
    area = delineate(nothing_found)
    assert not area.cells.any()
    assert (area.area_m2, area.fadeout_m, area.confidence, area.share_left_out) == (0.0, 0.0, 1.0, 0.0)
    assert area.expected_unexplored == pytest.approx(nothing_found.expected_remaining.sum())
    assert "says nothing about ground that was not searched" in area.words
    assert outlines(area.cells) == []


def test_small_holes_are_closed_and_larger_ones_stay_open(posterior):
    area = delineate(posterior)
    assert np.array_equal(close_holes(area.cells, 4), area.cells)  # 4 cells of 25 m are 2,500 m²


def test_a_hole_that_opens_to_the_outside_by_a_corner_is_not_closed():
    cells = np.ones((5, 5), dtype=bool)
    cells[2, 2] = False
    assert close_holes(cells, 1).all()
    cells[[1, 0], [1, 0]] = False  # a diagonal way out
    assert np.array_equal(close_holes(cells, 25), cells)


def test_excluded_ground_is_never_part_of_the_area(posterior):
    excluded = np.zeros(GRID.shape, dtype=bool)
    excluded[10:19, 18:24] = True
    effort = posterior.searched.structured * ~excluded
    with_water = fit(GRID, effort, [[21, 21], [22, 23], [23, 20]], PRIOR, excluded=excluded, seed=4)
    assert not (delineate(with_water).cells & excluded).any()


def test_the_fadeout_distance_would_meet_the_same_request(posterior):
    area = delineate(posterior)
    rows, cols = np.indices(GRID.shape)
    away = np.min([np.hypot(rows - r, cols - c) for r, c in posterior.finds], axis=0) * GRID.cell_m
    outside, total = outside_by_draw(posterior, away <= area.fadeout_m + 1e-6)
    assert outside.mean() / total.mean() <= 0.05
    near = away <= area.fadeout_m - 2 * GRID.cell_m
    nearer, _ = outside_by_draw(posterior, near)
    items, of = thrown_by_draw(posterior, near)
    sure = np.mean(items <= 0.05 * of)
    assert nearer.mean() / total.mean() > 0.05 or sure < 0.9 + 4 * standard_error(0.9, posterior)
    assert area.reach_m == pytest.approx(away[area.cells].max())


@pytest.mark.parametrize(("share", "confidence"), [(0.0, 0.9), (1.0, 0.9), (0.05, 1.2), (5.0, 0.9)])
def test_a_share_in_percent_is_refused(posterior, share, confidence):
    with pytest.raises(ValueError, match="must lie"):
        delineate(posterior, share_left_out=share, confidence=confidence)


def test_no_other_cells_of_the_same_size_hold_more_of_what_known_strikes_left(posterior):
    drawn = area_of_size(posterior, 100_000.0)
    assert drawn.cells.sum() == 160  # 100,000 m² in cells of 625 m²
    known = posterior.expected_known
    assert known[drawn.cells].min() == drawn.level >= known[~drawn.cells].max()


def test_an_area_larger_than_the_grid_is_the_grid_and_one_of_no_size_is_empty(posterior):
    assert area_of_size(posterior, 1e12).cells.all()
    nothing = area_of_size(posterior, 0.0)
    assert not nothing.cells.any()
    assert nothing.level == 0.0
    with pytest.raises(ValueError, match="area_m2"):
        area_of_size(posterior, -1.0)


def ring_area(ring):
    r, c = ring[:, 0], ring[:, 1]
    return abs(int((r[:-1] * c[1:] - r[1:] * c[:-1]).sum())) / 2


def test_the_outline_of_the_area_has_the_area(posterior):
    area = delineate(posterior)
    drawn = sum(
        ring_area(exterior) - sum(ring_area(hole) for hole in holes)
        for exterior, holes in outlines(area.cells)
    )
    assert drawn * GRID.cell_m**2 == area.area_m2


def test_cells_that_touch_at_a_corner_become_two_polygons():
    assert [len(exterior) for exterior, _ in outlines([[1, 0], [0, 1]])] == [5, 5]


def test_a_ring_of_cells_that_bites_its_own_corner_has_an_exterior_and_a_hole():
    cells = np.ones((4, 4), dtype=bool)
    cells[1:3, 1:3] = False
    cells[0, 0] = True
    cells[0, 3] = False  # joined around three sides, open to the hole by a corner only
    (exterior, holes), *others = outlines(cells)
    assert not others
    assert len(holes) == 1
    assert len({tuple(corner) for corner in exterior[:-1]}) == len(exterior) - 1


def test_an_empty_mask_has_no_outline():
    assert outlines(np.zeros((3, 3), dtype=bool)) == []
