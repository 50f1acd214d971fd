"""The running estimate against the exact posterior of all the data, and against a refit, within Monte Carlo error."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from enumeration import Case, Enumeration

from fadeout.model import (
    Coverage,
    Footprint,
    Grid,
    Learning,
    Method,
    Prior,
    RecordedStrike,
    Searches,
    StoppedBox,
    fit,
)
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


RECORDS = (RecordedStrike(6.3, 5.2, 60.0, 0.7, 25.0, 0.8), RecordedStrike(11, 2, 40.0, 0.9))


@pytest.mark.parametrize(
    ("records", "left_at"),
    [(RECORDS, None), (RECORDS, "before the fit"), (RECORDS, "after it"), ((), "after it")],
    ids=["records", "records and a stopped box", "records and a box stopped since", "a box stopped since"],
)
def test_records_and_boxes_left_at_a_find_agree_with_the_enumeration_of_all_the_data(records, left_at):
    grid, effort = Grid(14, 14, 25.0), np.zeros((14, 14))
    effort[4:8, 4:8], effort[0:3, 10:14] = 0.7, 0.6
    whole, middle, west, first, second, box = masks(
        grid,
        (slice(None), slice(None)),
        (slice(8, 13), slice(8, 14)),
        (slice(8, 14), slice(0, 5)),
        (slice(8, 11), slice(2, 6)),
        (slice(7, 12), slice(7, 13)),
        (slice(9, 12), slice(9, 13)),
    )
    prior, finds, stopped = Prior(5.0, 15.0, 1.3, 3.0, SHAPES, records), [(5, 5), (6, 6)], None
    if left_at == "before the fit":
        finds, stopped = [*finds, (10, 11)], (box, 0.8, 2)
    boxes = [StoppedBox(*stopped)] if stopped else []
    fitted = fit(grid, effort, finds, prior, stopped=boxes, pad=False, seed=3, sweeps=6000)
    regions = {"whole": whole, "middle": middle, "west": west}
    running = Running.begin(fitted, regions=regions, particles=4000)
    running.add_box(first, 0.5)
    total = 1 - (1 - effort) * (1 - 0.5 * first)
    if left_at == "after it":
        running.add_box(box, 0.8, [(10, 11)], stopped=True)
        finds, stopped = [*finds, (10, 11)], (box, 0.8, 2)
    else:
        running.add_box(second, 0.6, [(8, 8)])
        finds, total = [*finds, (8, 8)], 1 - (1 - total) * (1 - 0.6 * second)
    if left_at != "before the fit":  # which has a find more already, and enumeration grows fast
        running.add_find(6, 5)
        finds = [*finds, (6, 5)]
    now = running.estimate()
    exact = Enumeration(Case(14, 14, 25.0, prior, total, finds, stopped, shares=12))
    # As above 4 standard errors are 8 % and 0.025. Shares covered stand at the middles of 16 quantiles; what is left in a
    # box is convex in its share, and its mean over the middles is up to 3 % too low (found over seeds).
    for name, mask in regions.items():
        expected, none = exact.region(mask)
        assert now.regions[name].expected == pytest.approx(expected, rel=0.11 if stopped else 0.08)
        assert now.regions[name].p_none == pytest.approx(none, abs=0.025)


def test_with_everything_learned_a_running_estimate_agrees_with_a_refit():
    grid = Grid(50, 50, 25.0)
    learned = Learning(strikes=2.0, items=0.5, shape=0.3, background=1.0, footprints=10.0)
    shapes = [Footprint(60, 60), Footprint(80, 40, 45), Footprint(80, 40, 135)]
    prior = Prior(4.0, 25.0, 1.0, 0.5, shapes, [RecordedStrike(15, 30, 100.0, 0.6)], learned)
    rng = np.random.default_rng(3)
    boxes = masks(
        grid, *((slice(5 * i, 5 * i + 5), slice(5 * j, 5 * j + 5)) for i, j in rng.integers(0, 10, (40, 2)))
    )
    searched = np.any(boxes, axis=0)
    finds = from_prior(grid, 0.8 * searched, prior, 5).finds
    later = masks(grid, (slice(5, 15), slice(0, 10)), (slice(20, 30), slice(30, 45)))
    searches = Searches(
        (Method("team", 0.8, certainty=12.0),),
        (Coverage((searched & ~np.any(later, axis=0)).astype(float), (1,)),),
        np.zeros(len(finds), dtype=int),
        np.zeros((len(finds), 1), dtype=int),
    )
    early = ~np.any(later, axis=0)[finds[:, 0], finds[:, 1]]
    before = replace(searches, found_by=searches.found_by[early], missed_by=searches.missed_by[early])
    fitted = fit(grid, before, finds[early], prior, seed=1)
    everything = masks(grid, (slice(None), slice(None)), (slice(10, 35), slice(20, 45)))
    running = Running.begin(fitted, regions=dict(zip("ab", everything, strict=True)))
    for mask in later:
        new = mask & searched
        now = running.add_box(new, finds=[tuple(f) for f in finds[~early] if new[tuple(f)]], method=0)
    again = running.refit(seed=9)
    assert len(running.finds) == len(finds)
    for name, mask in zip("ab", everything, strict=True):
        totals = again.posterior.draw_totals(mask, 4000)
        # The fits' effective sizes are 400 at least, so the difference of two has a standard error of √(2/400) = 0.07 sd
        # over draws; 4 of them are 0.28. Numbers within a state stay as fitted, which adds what is not Monte Carlo.
        assert now.regions[name].expected == pytest.approx(
            again.posterior.expected_remaining_in(mask), abs=0.28 * totals.std()
        )
        assert now.regions[name].p_none == pytest.approx(again.posterior.p_none_in(mask), abs=0.05)
        low, high = now.regions[name].interval
        assert 0.82 <= np.mean((totals >= low) & (totals <= high)) <= 0.98


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
