"""Priors to choose among for `decisions.py`, and the bounds that know the shapes of a site's strikes.

Reads   a site
Gives   `prior_of`: the prior by name; `Shape`, `Pattern`: footprints that the engine does not ship
Knows   nothing of how boxes are chosen
Start   at `prior_of`

*knows shapes* has the true pattern of each strike of the site, bearing and clumps too, but not where it lies, nor
which is which: no inference from the same boxes can do better on average. *knows family* has patterns thrown anew by
the same recipe: what could be known of the kind of truth beforehand.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from decision_sites import GRID, ITEMS, RECORDED, SHAPES, SIDE_M, STRIKES, Site, strikes_of

from fadeout.model import Footprint, Prior
from fadeout.model.simulate import Ellipse, outside_model

PATTERN_REACH = 12  # cells
THROWN = 20_000  # items by which a pattern is known
EVEN_SHARE = 0.01  # of a pattern, spread by a wide Gaussian where no item was thrown
FAMILY = 24  # patterns of a family
BEARINGS = (0, 60, 120)


@dataclass(frozen=True)
class Shape(Footprint):
    """A Gaussian with a tail of any share and scale, hollow to any power."""

    tail_share: float = 0.04
    tail_scale: float = 1.8
    hollow: float = 0.0

    @property
    def reach_m(self) -> float:
        """Two deviations of the tail or four of the body, at most 14 cells."""
        return min(PATTERN_REACH * SIDE_M, max(4.0, 1.5 * self.tail_scale) * self.sigma_major_m)

    def density(self, east: np.ndarray, north: np.ndarray) -> np.ndarray:
        """As `Footprint.density`."""
        bearing = np.radians(self.bearing_deg)
        along = (east * np.sin(bearing) + north * np.cos(bearing)) / self.sigma_major_m
        across = (east * np.cos(bearing) - north * np.sin(bearing)) / self.sigma_minor_m
        squared = along**2 + across**2
        body = np.exp(-squared / 2) * squared**self.hollow
        tail = np.exp(-squared / (2 * self.tail_scale**2))
        return (1 - self.tail_share) * body / body.sum() + self.tail_share * tail / tail.sum()


@dataclass(frozen=True, eq=False)
class Pattern(Footprint):
    """A thrown pattern as footprint."""

    table: np.ndarray | None = None

    @property
    def reach_m(self) -> float:
        """Of every pattern."""
        return PATTERN_REACH * SIDE_M

    def density(self, east: np.ndarray, north: np.ndarray) -> np.ndarray:
        """Look it up."""
        row = np.rint(-north / SIDE_M).astype(int) + PATTERN_REACH
        col = np.rint(east / SIDE_M).astype(int) + PATTERN_REACH
        return np.asarray(self.table)[row, col]


def pattern(strike: Ellipse, seed: int) -> Pattern:
    """Throw one strike's pattern many times about a cell; site rows run with y, so no flip of north is due."""
    side = (2 * PATTERN_REACH + 1) * SIDE_M
    middle = side / 2
    many = replace(strike, x_m=middle, y_m=middle, items=float(THROWN))
    thrown = outside_model([many], extent=(0.0, 0.0, side, side), unevenness=0.0, seed=seed)
    rng = np.random.default_rng(seed)
    cells = []
    for values in (thrown.x_m, thrown.y_m):
        moved = values + rng.uniform(
            -SIDE_M / 2, SIDE_M / 2, size=len(values)
        )  # a centre anywhere in its cell
        cells.append(np.clip((moved // SIDE_M).astype(int), 0, 2 * PATTERN_REACH))
    size = 2 * PATTERN_REACH + 1
    table = np.bincount(cells[1] * size + cells[0], minlength=size**2).reshape(size, size) / len(thrown.x_m)
    away = (np.arange(size) - PATTERN_REACH) * SIDE_M
    wide = np.exp(-(away[:, None] ** 2 + away[None, :] ** 2) / (2 * 250.0**2))
    table = (1 - EVEN_SHARE) * table + EVEN_SHARE * wide / wide.sum()
    return Pattern(100.0, 100.0, table=table)


def _tailed(share: float, scale: float) -> tuple[Footprint, ...]:
    return tuple(
        Shape(f.sigma_major_m, f.sigma_minor_m, f.bearing_deg, f.weight, "heavy", share, scale)
        for f in SHAPES
    )


def _mixed(*groups: tuple[tuple[Footprint, ...], float]) -> tuple[Footprint, ...]:
    """Groups of footprints with shares of the weight."""
    out = []
    for group, share in groups:
        whole = sum(f.weight for f in group)
        out += [replace(f, weight=share * f.weight / whole) for f in group]
    return tuple(out)


RING = (
    Footprint(65, 65, kind="ring"), Footprint(95, 95, kind="ring"),
    *(Footprint(85, 50, b, kind="ring") for b in BEARINGS),
)  # fmt: skip
SHARP = (
    *(Shape(s, s, 0.0, 1.0, "heavy", 0.1, 2.0, 3.0) for s in (45, 65)),
    *(Shape(60, 35, b, 1.0, "heavy", 0.1, 2.0, 3.0) for b in BEARINGS),
)
SMALL = tuple(Footprint(s, s, kind="heavy") for s in (25, 40))
FAR = _tailed(0.2, 3.0)
LONG = tuple(Footprint(150, 50, b, kind="heavy") for b in (0, 45, 90, 135))
BROAD = (*_mixed((SHAPES, 0.4), (_tailed(0.2, 3.0), 0.2), (RING, 0.2), (SMALL, 0.1), (LONG, 0.1)),)

FOOTPRINTS = {
    "plain": SHAPES,
    "rings": _mixed((SHAPES, 0.67), (RING, 0.33)),
    "sharp": _mixed((SHAPES, 0.67), (SHARP, 0.33)),
    "tail 10": _tailed(0.1, 2.5),
    "tail 20": FAR,
    "far": _mixed((SHAPES, 0.5), (FAR, 0.5)),
    "small": _mixed((SHAPES, 0.67), (SMALL, 0.33)),
    "broad": BROAD,
}


def prior_of(site: Site, name: str) -> Prior:
    """The prior of a name: footprints, and what else the name says."""
    prior = site.prior
    if name == "knows shapes":
        return replace(
            prior, footprints=tuple(pattern(s, site.seed + k) for k, s in enumerate(site.ground.strikes)),
            items_shape=1.5,
        )  # fmt: skip
    if name == "knows family":
        rng = np.random.default_rng(site.seed + 1)
        strikes: list = []
        while len(strikes) < FAMILY:
            strikes += strikes_of(site.kind, rng)
        shapes = tuple(pattern(s, site.seed + k) for k, s in enumerate(strikes[:FAMILY]))
        return replace(prior, footprints=shapes, items_shape=1.5)
    if name in FOOTPRINTS:
        return replace(prior, footprints=FOOTPRINTS[name])
    base, _, what = name.partition(", ")
    prior = replace(prior, footprints=FOOTPRINTS[base])
    if what.startswith("shape "):
        return replace(prior, items_shape=float(what.removeprefix("shape ")))
    if what.startswith("strikes "):  # so many times as many strikes, each with as much fewer items
        factor = float(what.removeprefix("strikes "))
        return replace(prior, strikes_per_km2=(1 - RECORDED) * STRIKES / GRID.area_km2 * factor,
                       items_per_strike=ITEMS / factor)  # fmt: skip
    raise ValueError(f"no prior is called {name!r}")
