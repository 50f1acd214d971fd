"""The running estimate against the exact posterior of all the data, and against a refit, within Monte Carlo error."""

from __future__ import annotations

import numpy as np
import pytest
from enumeration import Case, Enumeration

from fadeout.model import Footprint, Grid, Prior, fit
from fadeout.model.running import Running
from fadeout.model.simulate import from_prior

SHAPES = [Footprint(40, 40), Footprint(80, 40, 45, weight=2), Footprint(60, 30, 120, kind="heavy")]


def masks(grid, *places):
    out = []
    for rows, cols in places:
        mask = np.zeros(grid.shape, dtype=bool)
        mask[rows, cols] = True
        out.append(mask)
    return out


def test_boxes_and_finds_added_step_by_step_agree_with_the_enumeration_of_all_the_data():
    grid, effort = Grid(14, 14, 25.0), np.zeros((14, 14))
    effort[4:8, 4:8], effort[0:3, 10:14] = 0.7, 0.6
    prior = Prior(5.0, 15.0, 1.3, 3.0, SHAPES)
    whole, middle, corner, first, second = masks(
        grid,
        (slice(None), slice(None)),
        (slice(8, 13), slice(8, 14)),
        (slice(0, 4), slice(0, 6)),
        (slice(8, 11), slice(2, 6)),
        (slice(7, 12), slice(7, 13)),
    )
    fitted = fit(grid, effort, [(5, 5), (6, 6)], prior, pad=False, seed=3, sweeps=6000)
    regions = {"whole": whole, "middle": middle, "corner": corner}
    running = Running.begin(fitted, regions=regions, particles=4000)
    running.add_box(first, 0.5)
    running.add_box(second, 0.6, [(8, 8)])
    now = running.add_find(6, 5)
    total = 1 - (1 - effort) * (1 - 0.5 * first) * (1 - 0.6 * second)
    exact = Enumeration(Case(14, 14, 25.0, prior, total, [(5, 5), (6, 6), (8, 8), (6, 5)]))
    # 4,000 particles, resampled twice at most, are worth 1,000 independent draws at least: the sd over draws of a
    # region's expected items is below 0.6 of its mean, of P(none) below 0.2, so 4 standard errors are 8 % and 0.025.
    for name, mask in regions.items():
        expected, none = exact.region(mask)
        assert now.regions[name].expected == pytest.approx(expected, rel=0.08)
        assert now.regions[name].p_none == pytest.approx(none, abs=0.025)
    one = np.zeros(grid.shape, dtype=bool)
    one[10, 11] = True
    assert now.p_any_remaining[10, 11] == pytest.approx(1 - exact.region(one)[1], rel=0.1)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_running_estimate_agrees_with_a_refit_of_the_same_data(seed):
    grid = Grid(60, 60, 25.0)
    prior = Prior(3.0, 30.0, 1.0, 0.5, [Footprint(60, 60), Footprint(80, 40, 45), Footprint(80, 40, 135)])
    rng = np.random.default_rng(seed)
    boxes = masks(
        grid, *((slice(4 * i, 4 * i + 4), slice(4 * j, 4 * j + 4)) for i, j in rng.integers(0, 15, (70, 2)))
    )
    passed = np.ones(grid.shape)
    for mask in boxes:
        passed[mask] *= 0.3
    finds = from_prior(grid, 1 - passed, prior, seed).finds
    at, before = np.ones(grid.shape), np.zeros(grid.shape, dtype=bool)
    for mask in boxes[:40]:
        at[mask] *= 0.3
        before |= mask
    early = before[finds[:, 0], finds[:, 1]]
    fitted = fit(grid, 1 - at, finds[early], prior, seed=seed)
    regions = dict(
        zip("ab", masks(grid, (slice(None), slice(None)), (slice(10, 40), slice(10, 40))), strict=True)
    )
    running = Running.begin(fitted, regions=regions)
    seen = before
    for mask in boxes[40:]:
        new = mask & ~seen
        there = [tuple(f) for f in finds if new[tuple(f)]]
        seen = seen | mask
        now = running.add_box(mask, 0.7, there)
    again = fit(grid, 1 - passed, running.finds, prior, seed=seed + 10)
    assert len(running.finds) == len(finds)
    for name, mask in regions.items():
        totals = again.known_by_label(np.where(mask, 0, -1), 1)[:, 0]
        # 1,000 particles and some 1,000 kept draws, each worth 150 independent ones at least: 4 standard errors of the
        # difference are 4 √(2/150) = 0.46 sd over draws; and the closed forms' series is right to 5e-3.
        expected = again.expected_remaining_in(mask)
        assert now.regions[name].expected == pytest.approx(
            expected, abs=0.46 * totals.std() + 5e-3 * expected
        )
