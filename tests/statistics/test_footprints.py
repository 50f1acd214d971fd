"""Footprints of more than one kind, chosen by the data; and cells that must not matter. All finds are SIMULATED."""

import math
from dataclasses import replace

import numpy as np
import pytest

from fadeout.model import Footprint, Grid, Learning, Prior, fit
from fadeout.model.convergence import effective_size
from fadeout.model.footprints import kernels
from fadeout.model.simulate import from_prior

KINDS = (
    Footprint(75, 75, kind="heavy"),
    Footprint(75, 75, kind="ring"),
    Footprint(120, 30, bearing_deg=45),
)
PRIOR = Prior(2.0, 60.0, 4.0, 0.1, KINDS, learned=Learning(footprints=3.0))
GRID = Grid(60, 60, 25.0)


def test_a_ring_leaves_its_middle_empty_and_lies_mostly_at_its_own_distance():
    table = kernels([Footprint(60, 60, kind="ring")], 5.0)[0]
    middle = table.shape[0] // 2
    assert table[middle, middle] == 0.0
    along = table[middle, middle:]
    # k ∝ d² exp(−d²/2) is largest at √2 standard deviations, 84.9 m: within half a cell
    assert abs(along.argmax() * 5.0 - 60 * math.sqrt(2)) <= 2.5
    assert table.sum() == pytest.approx(1.0)


def test_a_far_tail_holds_a_tenth_spread_two_and_a_half_times_as_wide():
    table = kernels([Footprint(60, 60, kind="far")], 5.0)[0]
    away = (np.arange(len(table)) - len(table) // 2) * 5.0 / 60.0
    squared = away[:, None] ** 2 + away[None, :] ** 2
    body, tail = (np.exp(-squared / (2 * scale**2)) / scale**2 for scale in (1.0, 2.5))
    density = (0.9 * body + 0.1 * tail) * (squared <= 25.0)
    assert np.allclose(table, density / density.sum(), rtol=1e-12)
    near, far = (
        kernels([Footprint(60, 60, kind=kind)], 5.0)[0][squared > 9.0].sum() for kind in ("heavy", "far")
    )
    # beyond 3 deviations lie 0.96 e^(−9/2) + 0.04 e^(−9/6.48) = 2.1 % of a heavy one, and of a far one
    # 0.9 e^(−9/2) + 0.1 e^(−9/12.5) = 5.9 %, of which the window, ±4 deviations, cuts off at most
    # 0.1 × P(|x| or |y| > 4/2.5) = 2.1 %
    assert far > 1.7 * near


@pytest.mark.parametrize("kind", range(len(KINDS)))
def test_the_data_choose_the_kind_of_footprint_that_made_them(kind):
    only = tuple(replace(shape, weight=float(n == kind)) for n, shape in enumerate(KINDS))
    truth = from_prior(GRID, np.full(GRID.shape, 0.8), replace(PRIOR, footprints=only), 5 + kind)
    posterior = fit(GRID, truth.effort, truth.finds, PRIOR, seed=1, sweeps=400)
    weights = posterior.draws_taken.hyper.strikes
    weights = (weights / weights.sum(axis=1, keepdims=True)).mean(axis=0)
    assert len(truth.finds) > 60  # some strikes at least, each with many finds
    assert weights.argmax() == kind
    # before the data each kind has 1/3; Dirichlet of mass 3: two strikes of one kind alone would give (1 + 2) / 5
    assert weights[kind] > 0.5


def refined(raster, times=2):
    return np.kron(raster, np.ones((times, times)))


def test_halving_the_cells_moves_the_total_by_less_than_chance_and_two_percent():
    prior = Prior(1.5, 40.0, 1.0, 0.2, (Footprint(80, 80, kind="heavy"), Footprint(80, 40, bearing_deg=45)))
    grid, fine = Grid(40, 40, 25.0), Grid(80, 80, 12.5)
    rng = np.random.default_rng(3)
    effort = 0.8 * refined(rng.random((20, 20)) < 0.4)
    truth = from_prior(grid, effort, prior, 2)
    inside = rng.integers(0, 2, size=truth.finds.shape)  # where in its cell each find lies
    fits = [
        fit(grid, effort, truth.finds, prior, seed=1, sweeps=3000),
        fit(fine, refined(effort), 2 * truth.finds + inside, prior, seed=1, sweeps=3000),
    ]
    known = [f.known.over_draws(f.known.shares(np.ones(f.grid.shape)) * f.known.mean) for f in fits]
    totals = [float(f.expected_remaining.sum()) for f in fits]
    errors = [float(k.std() / math.sqrt(effective_size(k.reshape(4, -1)))) for k in known]
    assert len(truth.finds) > 20
    # four standard errors of the difference of two independent fits, and the 2 % that is asked
    assert abs(totals[0] - totals[1]) < 4 * math.hypot(*errors) + 0.02 * totals[0]
