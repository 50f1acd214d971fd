"""Simulated ground for the comparison with peers: what every method is given, and what it must tell.

Reads   a kind of truth, a size and a seed
Gives   `Ground`: searched boxes with their counts of finds, and the items that lie in each box
Knows   nothing of any method
Start   at `ground`

One cell is one box of 50 m. Three in ten boxes are searched completely with detection 0.8; the items of the others,
which nobody searched, are what the methods must tell. Everything here is SIMULATED.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from fadeout.model import Footprint, Grid, Prior
from fadeout.model.simulate import from_prior, outside_model, search_boxes, strikes_near

CELL_M = 50.0
DETECTION = 0.8
SEARCHED = 0.3
KINDS = ("strikes", "outside", "lgcp")
WORDS = {
    "strikes": "strikes of the model's kind, other numbers",
    "outside": "strikes outside the model: rings, clumps, heavy tails, uneven detection",
    "lgcp": "log-Gaussian Cox process",
}
SHAPES = (  # none of the shipped profile's sizes
    Footprint(55, 55, weight=1, kind="heavy"),
    Footprint(100, 100, weight=1, kind="heavy"),
    *(Footprint(105, 50, bearing, weight=0.5, kind="heavy") for bearing in (20, 65, 110, 155)),
)
# strike-like truth; the shipped profile believes 1 strike per km², 30 items, shape 1, 0.2 single items per km²
STRIKES_PER_KM2 = 2.0
ITEMS, ITEMS_SHAPE = 22.0, 2.0
SINGLE_PER_KM2 = 1.0
CLUMPED = 0.4  # share of strikes outside the model that lie in three to five clumps
PATCHES = (0.4, 200.0)  # ease of detection varies over the ground: spread of its logarithm, m

# log-Gaussian truth: Matérn 5/2, the covariance that the two full-MCMC peers assume
FIELD_SD = 1.5
FIELD_LENGTH_M = 150.0
FIELD_MEAN = 0.15  # items per box


@dataclass(frozen=True)
class Ground:
    """One data set; rasters have shape (rows, cols)."""

    grid: Grid
    searched: np.ndarray  # bool
    found: np.ndarray  # finds in each searched box
    items: np.ndarray  # items that lay in each box
    finds: np.ndarray  # (n, 2) row, col


def ground(kind, rows, seed):
    """Simulate one data set of rows × rows boxes."""
    grid = Grid(rows, rows, CELL_M)
    rng = np.random.default_rng([seed, KINDS.index(kind)])
    searched = np.zeros(rows * rows, dtype=bool)
    searched[rng.permutation(rows * rows)[: round(SEARCHED * rows * rows)]] = True
    searched = searched.reshape(grid.shape)
    items, found = {"strikes": _strikes, "outside": _outside, "lgcp": _lgcp}[kind](grid, searched, seed, rng)
    found = np.where(searched, found, 0)
    finds = np.repeat(np.argwhere(found), found[found > 0], axis=0)
    return Ground(grid, searched, found, items, finds)


def _strikes(grid, searched, seed, rng):
    """Strikes exactly as fadeout believes they come about, with numbers and sizes it is not told."""
    prior = Prior(STRIKES_PER_KM2, ITEMS, ITEMS_SHAPE, SINGLE_PER_KM2, SHAPES)
    truth = from_prior(grid, DETECTION * searched, prior, seed)
    return truth.items, truth.found


def _outside(grid, searched, seed, rng):
    """Strikes as fadeout does not believe: rings, clumps, heavy tails, continuous places, detection that varies."""
    side = grid.rows * CELL_M
    extent = (-200.0, -200.0, side + 200.0, side + 200.0)
    strikes = strikes_near(
        [], [], seed=seed, position_error_m=0.0, credibility=1.0, items=30.0, sigma_major_m=100.0,
        sigma_minor_m=60.0, unrecorded=int(rng.poisson(STRIKES_PER_KM2 * (side + 400) ** 2 / 1e6)), extent=extent,
    )  # fmt: skip
    strikes = [_clumped(strike, rng) if rng.random() < CLUMPED else strike for strike in strikes]
    lain = outside_model(
        strikes, extent=(0, 0, side, side), background_per_km2=SINGLE_PER_KM2, patches=PATCHES, seed=seed
    )
    row = (grid.rows - 1 - lain.y_m // CELL_M).astype(int)
    col = (lain.x_m // CELL_M).astype(int)
    where = np.argwhere(searched)
    search = search_boxes(
        lain, where[:, 1] * CELL_M, (grid.rows - 1 - where[:, 0]) * CELL_M, CELL_M,
        detection=DETECTION, stop_at_find=False, seed=seed,
    )  # fmt: skip
    return _raster(grid, row, col), _raster(grid, row[search.item], col[search.item])


def _clumped(strike, rng):
    """The same strike in three to five clumps instead of a ring."""
    return replace(strike, ring=0.0, clumps=tuple(map(tuple, rng.normal(size=(rng.integers(3, 6), 2)))))


def _raster(grid, row, col):
    return np.bincount(row * grid.cols + col, minlength=grid.rows * grid.cols).reshape(grid.shape)


def _lgcp(grid, searched, seed, rng):
    """Items of a log-Gaussian Cox process: the peers' own model."""
    side = 2 * grid.rows
    away = np.minimum(np.arange(side), side - np.arange(side)) * CELL_M
    distance = np.hypot(away[:, None], away[None, :]) * np.sqrt(5.0) / FIELD_LENGTH_M
    covariance = FIELD_SD**2 * (1 + distance + distance**2 / 3) * np.exp(-distance)
    power = np.maximum(np.fft.fft2(covariance).real, 0.0)
    field = np.fft.ifft2(np.sqrt(power) * np.fft.fft2(rng.normal(size=(side, side)))).real
    mean = FIELD_MEAN * np.exp(field[: grid.rows, : grid.cols] - FIELD_SD**2 / 2)
    items = rng.poisson(mean)
    return items, rng.binomial(items, DETECTION * searched)
