"""What is learned, held against integration over a grid of numbers with every partition enumerated at each.

The enumeration (`enumeration.py`) shares no code with the engine: its total weight is the likelihood of the numbers.
"""

import itertools
import math

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
    fit,
)
from fadeout.model.convergence import effective_size

GRID = Grid(7, 7, 30.0)
FINDS = [(2, 2), (3, 2), (5, 5)]
POINTS = 17  # a side of the grid of numbers: halving its step moves no figure by a tenth of the tolerance
SHAPES = (Footprint(45, 45), Footprint(70, 30, bearing_deg=45))


def searched():
    mask = np.ones(GRID.shape, dtype=bool)
    mask[:, 4] = False
    return mask


def middles(distribution):
    """Equally likely values of a distribution, so that a plain mean integrates over it."""
    return distribution.ppf((np.arange(POINTS) + 0.5) / POINTS)


def prior(strikes=8.0, items=12.0, learned=None):
    records = (RecordedStrike(4.0, 4.0, 40.0, 0.5),)
    return Prior(strikes, items, 1.0, 1.0, SHAPES, records, learned or Learning())


class Shared(Enumeration):
    """Every enumeration on this grid uses the same kernels."""


def box():
    mask = np.zeros(GRID.shape, dtype=bool)
    mask[1:4, 1:4] = True
    return mask


def weigh(believed, detection, stopped=False):
    """Likelihood of one set of numbers, and the expected remaining items given them.

    If `stopped`, the search of `box` was left at the first find, by the same method.
    """
    effort = (searched() & ~box() if stopped else searched()) * detection
    case = Case(GRID.rows, GRID.cols, GRID.cell_m, believed, effort, FINDS[1:] if stopped else FINDS)
    if stopped:
        case.stopped, case.shares = (box(), detection, 0), 24
    exact = Shared(case)
    Shared._all, Shared._places = exact._templates(), exact._places
    logs = np.array([part["log"] for part in exact.parts])
    likelihood = float(np.exp(logs).sum()) * detection ** len(case.finds)
    return likelihood, exact.region(np.ones(GRID.shape))[0]


def integrate(axes, make):
    """Posterior means of the logarithm of each number, and of the expected remaining items."""
    rows = []
    for values in itertools.product(*axes):
        likelihood, left = weigh(*make(*values))
        rows.append([likelihood, left, *np.log(values)])
    table = np.array(rows)
    weight = table[:, 0] / table[:, 0].sum()
    means = weight @ table[:, 1:]
    spread = np.sqrt(weight @ (table[:, 1:] - means) ** 2)
    return means, spread


def fitted(believed, effort, finds=FINDS, **boxes):
    return fit(GRID, effort, finds, believed, pad=False, seed=4, sweeps=6000, **boxes)


def agree(name, draws, mean, spread):
    """Four standard errors of as many independent draws as the chains gave, and 2 % of the spread for the grid."""
    size = effective_size(draws.reshape(4, -1))
    assert size > 200
    error = 4.0 * spread / math.sqrt(size) + 0.02 * spread
    assert draws.mean() == pytest.approx(mean, abs=error), name


def test_strikes_and_items_per_strike_are_learned_as_integration_has_them():
    learned = Learning(strikes=1.5, items=0.8)
    axes = (
        middles(stats.gamma(1.5, scale=8.0 / 1.5)),
        middles(stats.lognorm(0.8, scale=12.0 * math.exp(-(0.8**2) / 2))),
    )
    means, spread = integrate(axes, lambda strikes, items: (prior(strikes, items), 0.7))
    posterior = fitted(prior(learned=learned), searched() * 0.7)
    hyper = posterior.draws_taken.hyper
    agree("strikes", np.log(hyper.strikes.sum(axis=1)), means[1], spread[1])
    agree("items", np.log(hyper.shape / hyper.rate), means[2], spread[2])
    # the expected total is sampled through the numbers: its error is that of their spread over 200 draws at least
    assert posterior.expected_remaining.sum() == pytest.approx(means[0], abs=4 * spread[0] / math.sqrt(200))


def test_detection_is_learned_as_integration_has_it_from_finds_misses_and_seeded_items():
    method = Method("detector", 0.6, certainty=5.0, seeded=(3, 5))
    alpha, beta = method.beta
    axes = (
        middles(stats.beta(alpha + 3, beta + 2)),
        middles(stats.lognorm(0.8, scale=12.0 * math.exp(-(0.8**2) / 2))),
    )
    means, spread = integrate(axes, lambda p, items: (prior(items=items), p))
    searches = Searches(
        (method,),
        (Coverage(searched().astype(float), (1,)),),
        np.zeros(len(FINDS), dtype=np.int64),
        np.zeros((len(FINDS), 1), dtype=np.int64),
    )
    posterior = fitted(prior(learned=Learning(items=0.8)), searches)
    hyper = posterior.draws_taken.hyper
    agree("detection", np.log(hyper.detection[:, 0]), means[1], spread[1])
    agree("items", np.log(hyper.shape / hyper.rate), means[2], spread[2])


def test_detection_is_learned_as_integration_has_it_from_a_box_left_at_its_first_find():
    method = Method("detector", 0.6, certainty=3.0)
    axes = (
        middles(stats.beta(*method.beta)),
        middles(stats.lognorm(0.8, scale=12.0 * math.exp(-(0.8**2) / 2))),
    )
    means, spread = integrate(axes, lambda p, items: (prior(items=items), p, True))
    searches = Searches(
        (method,),
        (Coverage((searched() & ~box()).astype(float), (1,)),),
        np.array([-1, 0]),  # the box's own find counts with the box
        np.zeros((2, 1), dtype=np.int64),
    )
    posterior = fitted(
        prior(learned=Learning(items=0.8)), searches, FINDS[1:], stopped=[StoppedBox(box(), 0.6, 0, method=0)]
    )
    hyper = posterior.draws_taken.hyper
    agree("detection", np.log(hyper.detection[:, 0]), means[1], spread[1])
    agree("items", np.log(hyper.shape / hyper.rate), means[2], spread[2])


def test_nothing_is_learned_that_was_said_to_be_known():
    posterior = fitted(prior(learned=Learning(strikes=1.0)), searched() * 0.7)
    hyper = posterior.draws_taken.hyper
    assert np.ptp(hyper.shape / hyper.rate) == 0.0
    assert np.ptp(np.log(hyper.strikes.sum(axis=1))) > 0.5


def test_with_nothing_searched_what_is_learned_is_the_prior():
    # nothing was searched, so the draws are the prior's: mean of a Gamma and quantiles of a lognormal, four errors
    learned = Learning(strikes=2.0, items=0.5)
    nothing = fit(GRID, np.zeros(GRID.shape), [], prior(learned=learned), pad=False, seed=2, sweeps=6000)
    hyper = nothing.draws_taken.hyper
    strikes, items = hyper.strikes.sum(axis=1), np.log(hyper.shape / hyper.rate)
    agree("strikes", strikes, 8.0, 8.0 / math.sqrt(2.0))
    agree("items", items, math.log(12.0) - 0.125, 0.5)
