"""The sampler against exact answers: published cases, and a slow enumeration written apart from the engine."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import numpy as np
import pytest
from enumeration import Case, Enumeration

from fadeout.model import Footprint, Grid, Prior, RecordedStrike, StoppedBox, fit

CASES = json.loads((Path(__file__).parent / "exact_cases.json").read_text("utf-8"))
SHAPES = [Footprint(40, 40), Footprint(80, 40, 45, weight=2), Footprint(60, 30, 120, kind="heavy")]
FINDS = [(5, 5), (6, 6), (10, 11)]


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_exact_cases_are_met_within_the_stated_tolerances(case):
    grid = Grid(case["rows"], case["cols"], case["cell_m"])
    prior = Prior(**case["prior"], footprints=[Footprint(**shape) for shape in case["footprints"]])
    keep = np.ones(grid.shape)
    for box in case["searched"]:
        keep[rectangle(box)] *= 1 - box["detection"]
    posterior = fit(grid, 1 - keep, case["finds"], prior, pad=False, seed=1)
    strikes = case["exact"]["expected_strikes_with_finds"]
    assert posterior.expected_strikes_with_finds == pytest.approx(strikes, abs=0.03)
    for region in case["exact"]["regions"]:
        mask = np.zeros(grid.shape, dtype=bool)
        mask[rectangle(region)] = True
        expected = region["expected_remaining"]
        tolerance = 0.02 if expected >= 0.1 else 0.05
        assert posterior.expected_remaining_in(mask) == pytest.approx(expected, rel=tolerance)
        assert posterior.p_none_in(mask) == pytest.approx(region["p_none"], abs=0.01)


def rectangle(box):
    return slice(box["row"], box["row"] + box["rows"]), slice(box["col"], box["col"] + box["cols"])


RECORDS = (RecordedStrike(6.3, 5.2, 60.0, 0.7, 25.0, 0.8), RecordedStrike(11, 2, 40.0, 0.9))
BOX = np.zeros((14, 14), dtype=bool)
BOX[9:12, 9:13] = True


@pytest.mark.parametrize(
    ("records", "stopped"),
    [((), None), (RECORDS, None), ((), (BOX, 0.8, 2)), (RECORDS, (BOX, 0.8, 2))],
    ids=["strikes", "recorded strikes", "a stopped box", "recorded strikes and a stopped box"],
)
def test_sampler_agrees_with_the_enumeration_of_every_partition(records, stopped):
    grid, effort = Grid(14, 14, 25.0), np.zeros((14, 14))
    effort[4:8, 4:8], effort[0:3, 10:14] = 0.7, 0.6
    if stopped is None:
        effort[9:12, 9:13] = 0.5
    prior = Prior(5.0, 15.0, 1.3, 3.0, SHAPES, records)
    exact = Enumeration(Case(14, 14, 25.0, prior, effort, FINDS, stopped, shares=24))
    boxes = [StoppedBox(*stopped)] if stopped else []
    posterior = fit(grid, effort, FINDS, prior, stopped=boxes, pad=False, seed=3, sweeps=6000)
    # 4 chains × 6,000 sweeps give some 10,000 effective draws: the number of strikes has sd below 1, so 4 standard
    # errors are 0.04; totals have sd below their mean, so 4 standard errors are 4 %. Kept draws: 4,000 partitions,
    # so P(none) is within 4 × 0.5 / √4000 = 0.03 at worst, within 0.012 for these (their sd over draws is below 0.2).
    assert posterior.expected_strikes_with_finds == pytest.approx(exact.expected_strikes(), abs=0.04)
    for rows, cols in ((slice(None), slice(None)), (slice(8, 13), slice(8, 14)), (slice(0, 4), slice(0, 6))):
        mask = np.zeros(grid.shape, dtype=bool)
        mask[rows, cols] = True
        expected, none = exact.region(mask)
        assert posterior.expected_remaining_in(mask) == pytest.approx(expected, rel=0.04)
        assert posterior.p_none_in(mask) == pytest.approx(none, abs=0.012)
    one = np.zeros(grid.shape, dtype=bool)
    one[10, 11] = True
    assert posterior.p_any_remaining[10, 11] == pytest.approx(1 - exact.region(one)[1], rel=0.05)


def test_a_find_made_later_in_a_stopped_box_says_that_less_of_it_was_covered():
    grid, effort = Grid(14, 14, 25.0), np.zeros((14, 14))
    effort[4:8, 4:8], effort[10:12, 9:13] = 0.7, 0.5
    finds = [*FINDS, (11, 12)]
    prior = Prior(5.0, 15.0, 1.3, 3.0, SHAPES)
    exact = Enumeration(Case(14, 14, 25.0, prior, effort, finds, (BOX, 0.8, 2), shares=24, later=1))
    without = Enumeration(Case(14, 14, 25.0, prior, effort, finds, (BOX, 0.8, 2), shares=24))
    posterior = fit(
        grid, effort, finds, prior, stopped=[StoppedBox(BOX, 0.8, 2, later=1)], pad=False, seed=3, sweeps=6000
    )
    expected, none = exact.region(BOX)
    # the standard deviation of what is left in the box is below its mean: 4 standard errors of 10,000 draws are 4 %
    assert posterior.expected_remaining_in(BOX) == pytest.approx(expected, rel=0.04)
    assert posterior.p_none_in(BOX) == pytest.approx(none, abs=0.012)
    assert without.region(BOX)[0] < expected * 0.96


@pytest.mark.parametrize("records", [(), RECORDS], ids=["strikes", "recorded strikes"])
def test_a_find_whose_place_is_unsure_lies_where_enumeration_has_it(records):
    grid, effort = Grid(14, 14, 25.0), np.zeros((14, 14))
    effort[4:8, 4:8], effort[0:3, 10:14] = 0.7, 0.6
    effort[9:12, 9:13] = 0.5
    prior = Prior(5.0, 15.0, 1.3, 3.0, SHAPES, records)
    error_m = 60.0
    cells = [
        (r, c)
        for r, c in itertools.product(range(14), range(14))
        if effort[r, c] > 0 and max(abs(r - FINDS[0][0]), abs(c - FINDS[0][1])) <= 3 * error_m / 25 + 1
    ]
    weight, strikes, answers = [], [], []
    masks = np.zeros((2, *grid.shape), dtype=bool)
    masks[0], masks[1, 8:13, 8:14] = True, True
    for r, c in cells:
        away = (r - FINDS[0][0]) ** 2 + (c - FINDS[0][1]) ** 2
        exact = Enumeration(Case(14, 14, 25.0, prior, effort, [(r, c), *FINDS[1:]]))
        likelihood = sum(np.exp(part["log"]) for part in exact.parts)
        weight.append(likelihood * effort[r, c] * np.exp(-away / (2 * (error_m / 25) ** 2)))
        strikes.append(exact.expected_strikes())
        answers.append([exact.region(mask) for mask in masks])
    chance = np.array(weight) / sum(weight)
    posterior = fit(
        grid, effort, FINDS, prior, pad=False, seed=3, sweeps=6000, find_error_m=[error_m, 10.0, 0.0]
    )
    # as above; the place of one find adds little to the spread
    assert posterior.expected_strikes_with_finds == pytest.approx(chance @ np.array(strikes), abs=0.04)
    for mask, (expected, none) in zip(masks, np.tensordot(chance, np.array(answers), 1), strict=True):
        assert posterior.expected_remaining_in(mask) == pytest.approx(expected, rel=0.04)
        assert posterior.p_none_in(mask) == pytest.approx(none, abs=0.012)
    # and the error tells: were it none, another number would stand there, by more than the tolerance
    certain = fit(grid, effort, FINDS, prior, pad=False, seed=3, sweeps=6000)
    difference = posterior.expected_strikes_with_finds - certain.expected_strikes_with_finds
    assert abs(difference) > 0.04
