"""What finished areas teach, held against integration with every partition enumerated, and against simulated truth.

The enumeration (`enumeration.py`) shares no code with the engine, nor with the weighing of its draws.
"""

import math
from dataclasses import replace

import numpy as np
import pytest
from enumeration import Case, Enumeration
from scipy import stats

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
)
from fadeout.model import district as districts
from fadeout.model.district import ALIKE, ALIKE_GRID, ALIKE_SPREAD, CREDIBLE, SCALE_SPREAD, SCALES
from fadeout.model.district_study import study
from fadeout.model.matching import matching_sums
from fadeout.model.pooling import FinishedArea, pool, side_by_side

GRID = Grid(5, 5, 30.0)
SHAPES = (Footprint(30, 30),)
EDGE = (
    3  # cells of one reach: strikes may be centred outside, where nobody searched; the enumeration is told so
)
DETECTION = 0.9
BELIEVED = Prior(8.0, 12.0, 1.0, 1.0, SHAPES, learned=Learning(strikes=2.0))
AREAS = (  # finds, the place of the area's one record, and the record's own items
    ([(1, 1), (2, 1), (4, 4)], (1.0, 2.0), (None, None)),
    ([(2, 2)], (4.0, 0.0), (30.0, 2.0)),
)
RATES = np.geomspace(0.05, 400.0, 20)  # strikes per km², for the integration


def finished(finds, place, own=(None, None)):
    record = RecordedStrike(*place, 60.0, 0.5, *own)
    return FinishedArea(
        GRID, np.full(GRID.shape, DETECTION), np.array(finds, dtype=np.int64).reshape(-1, 2), (record,)
    )


class Shared(Enumeration):
    """Every enumeration on this grid uses the same kernels."""


def likelihood(finds, place, own):
    """Likelihood of one area by strikes per km², scale of position errors and credibility, (rates, scales, 2).

    It is linear in the credibility of its one record, so that credibilities 0 and 1 say all.
    """
    effort = np.pad(np.full(GRID.shape, DETECTION), EDGE)
    found = [(row + EDGE, col + EDGE) for row, col in finds]
    out = np.empty((len(RATES), len(SCALES), 2))
    for r, rate in enumerate(RATES):
        for s, scale in enumerate(SCALES):
            for n, credibility in enumerate((1e-9, 1.0 - 1e-9)):
                error = 60.0 * float(scale)
                record = RecordedStrike(place[0] + EDGE, place[1] + EDGE, error, credibility, *own)
                prior = replace(BELIEVED, strikes_per_km2=float(rate), recorded=(record,), learned=Learning())
                exact = Shared(Case(*effort.shape, GRID.cell_m, prior, effort, found))
                Shared._all, Shared._places = exact._templates(), exact._places
                out[r, s, n] = np.exp([part["log"] for part in exact.parts]).sum()
    return out


@pytest.fixture(scope="module")
def exact():
    """Posterior means of log μ, c and log s by integration over a grid."""
    log_mean = np.linspace(math.log(0.05), math.log(200.0), 60)
    rows = []
    areas = [likelihood(*area) for area in AREAS]
    prior_mean = stats.gamma(2.0, scale=4.0).logpdf(np.exp(log_mean)) + log_mean
    prior_scale = -((np.log(SCALES) / SCALE_SPREAD) ** 2) / 2
    for alike in ALIKE_GRID:
        for m, middle in enumerate(log_mean):
            share = stats.gamma(alike, scale=math.exp(middle) / alike).pdf(RATES) * RATES
            given = [
                np.tensordot(share, area, axes=1) for area in areas
            ]  # ∫ over rates, even in their logarithm
            both = math.exp(prior_mean[m]) * math.exp(-((math.log(alike / ALIKE) / ALIKE_SPREAD) ** 2) / 2)
            for c in CREDIBLE:
                one = [(1 - c) * each[:, 0] + c * each[:, 1] for each in given]
                weight = both * np.exp(prior_scale) * one[0] * one[1]
                rows += [(w, middle, c, math.log(s)) for w, s in zip(weight, SCALES, strict=True)]
    table = np.array(rows)
    return (table[:, :1] * table[:, 1:]).sum(axis=0) / table[:, 0].sum()


def test_a_district_agrees_with_integration_over_every_partition_of_the_finds(exact):
    pooled = pool([finished(*area) for area in AREAS], BELIEVED, seed=3, sweeps=1000)
    learned = districts.learn(pooled)
    logs = float(learned.mean_strikes.weights @ np.log(learned.mean_strikes.values))
    scale = float(learned.scale.weights @ np.log(learned.scale.values))
    # At least 100 draws' worth. A draw's own means vary less than the posterior: by at most 0.5, 0.1 and 0.3 about
    # these (standard deviations of log μ, c, log s); four standard errors of the mean of 100 draws.
    assert learned.effective > 100
    assert abs(logs - exact[0]) < 4 * 0.5 / 10
    assert abs(learned.credible.mean - exact[1]) < 4 * 0.1 / 10
    assert abs(scale - exact[2]) < 4 * 0.3 / 10


def test_intervals_of_a_district_hold_simulated_truth_about_as_often_as_stated():
    done = [study(7_000 + n, 2, sweeps=200, next_area=False) for n in range(4)]
    held = [value for one in done for value in one.held.values()]
    # 24 intervals of 90 %: were each to hold with 0.9, fewer than 16 would with a chance of 0.0004 if independent, and
    # of 0.03 if the six of one district counted as two.
    assert sum(held) >= 16


def test_areas_side_by_side_touch_no_common_ground():
    areas = [finished(*area) for area in AREAS]
    laid = side_by_side(areas, SHAPES)
    gap = laid.first_col[1] - GRID.cols
    assert gap * GRID.cell_m >= 2 * SHAPES[0].reach_m
    assert laid.excluded[:, GRID.cols : laid.first_col[1]].all()
    assert not laid.excluded[:, : GRID.cols].any()
    assert laid.finds.tolist()[-1] == [2, 2 + laid.first_col[1]]


def test_methods_that_two_areas_share_are_one_method_of_the_fit():
    visual, detector = Method("visual", 0.5, 8.0), Method("detector", 0.8, 10.0)
    share = np.full(GRID.shape, 1.0)

    def by(methods, finds):
        search = Searches(
            methods, (Coverage(share, (1,)),), np.zeros(len(finds), np.int64), np.zeros((len(finds), 1))
        )
        return FinishedArea(GRID, search, np.array(finds, dtype=np.int64).reshape(-1, 2))

    areas = [by((visual,), [(1, 1)]), by((detector,), [(2, 2)]), by((visual,), []), finished([], (3.0, 3.0))]
    laid = side_by_side(areas, SHAPES)
    assert [method.name for method in laid.effort.methods] == ["visual", "detector", "as stated"]
    assert laid.effort.found_by.tolist() == [0, 1]
    assert len(laid.effort.covered) == 3
    middle = laid.effort.detected(reports=True)[3, [3 + col for col in laid.first_col]]
    assert np.allclose(middle, [0.5, 0.8, 0.5, DETECTION])


def test_a_box_left_at_its_find_counts_as_ground_searched_in_part():
    box = np.zeros(GRID.shape, dtype=bool)
    box[1:4, 1:4] = True
    finds = np.array([(2, 2)])
    none, whole = np.where(box, 0.0, DETECTION), np.full(GRID.shape, DETECTION)
    areas = [
        FinishedArea(GRID, none, finds[:0]),
        FinishedArea(GRID, none, finds, stopped=(StoppedBox(box, DETECTION, 0),)),
        FinishedArea(GRID, whole, finds),
    ]
    taught = districts.learn(pool(areas, BELIEVED, seed=1, sweeps=100)).areas
    assert taught[0].ground_km2 < taught[1].ground_km2 < taught[2].ground_km2


def test_an_area_without_finds_lowers_strikes_per_km2():
    few = districts.learn(pool([finished([(3, 3), (3, 4)], (3.0, 3.0))], BELIEVED, seed=1, sweeps=200))
    empty = [finished([], (3.0, 3.0))] * 3
    more = districts.learn(
        pool([finished([(3, 3), (3, 4)], (3.0, 3.0)), *empty], BELIEVED, seed=1, sweeps=200)
    )
    assert more.strikes[0] < few.strikes[0]
    assert more.credible.mean < few.credible.mean


def test_matchings_are_those_that_counting_gives():
    weight = np.random.default_rng(1).random((3, 2, 1))
    w = weight[:, :, 0]
    both = sum(w[i, 0] * w[j, 1] for i in range(3) for j in range(3) if i != j)
    assert np.allclose(matching_sums(weight)[:, 0], [1.0, w.sum(), both])
    assert np.allclose(matching_sums(weight.transpose(1, 0, 2))[:, 0], [1.0, w.sum(), both])


def test_many_records_and_many_strikes_count_single_matches_rightly_and_pairs_at_least():
    weight = np.full((11, 12, 1), 0.1)
    sums = matching_sums(weight)[:, 0]
    pairs = math.comb(11, 2) * 12 * 11 * 0.01
    assert np.isclose(sums[1], 13.2)
    assert pairs <= sums[2] <= pairs * 12 / 11 + 1e-9
