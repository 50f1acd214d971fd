"""fadeout on one data set, in a process of its own: `python with_fadeout.py DATA OUT PROFILE`.

The prior is that of the shipped profile named, whatever the truth; the stopping rule is the shipped one. Detection is
given, as to all peers. A first fit of a few sweeps reads the compiled engine from its cache and is told apart. The
fit's seconds hold the sampling and the drawn intensities of all boxes, as they do for the peers.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from importlib.metadata import version

import numpy as np
from numba import njit

from fadeout.model import Footprint, Grid, fit
from fadeout.model.prior import Learning, Prior
from fadeout.records import profile

FIXED = "fixed"


def prior_of(name):
    """The prior of a shipped profile, before any record."""
    given = profile.load(name)
    shapes = tuple(
        Footprint(s.sigma_major_m, s.sigma_minor_m, s.bearing_deg, s.weight, kind=s.kind)
        for s in given.footprints
    )
    unsure = {
        "strikes": given.strikes_certainty, "items": given.items_spread, "shape": given.items_shape_spread,
        "background": given.background_certainty, "footprints": given.footprints_certainty,
    }  # fmt: skip
    learned = Learning(**{key: None if value == FIXED else float(value) for key, value in unsure.items()})
    return Prior(
        given.strikes_per_km2,
        given.items_per_strike,
        given.items_shape,
        given.background_per_km2,
        shapes,
        learned=learned,
    )


def intensities(posterior, count, rng):
    """Draw items per cell before any search, shape (count, rows, cols): strikes found, not found, and single items."""
    taken, lattice, grid = posterior.draws_taken, posterior.lattice, posterior.grid
    hyper, kernels = taken.hyper, lattice.kernels
    chosen = rng.permutation(np.arange(count) % taken.count)
    out = np.zeros((count, *grid.shape), dtype=np.float32)
    first, size = taken.first[chosen], taken.first[chosen + 1] - taken.first[chosen]
    mine = np.repeat(first - np.cumsum(size) + size, size) + np.arange(size.sum())
    items = rng.gamma(taken.shape[mine] + taken.finds[mine]) / taken.rate[mine]
    origin = lattice.margin + kernels.shape[1] // 2
    spread(out, np.repeat(np.arange(count), size), items, taken.footprint[mine], taken.row[mine], taken.col[mine],
           kernels, origin)  # fmt: skip
    high, wide = lattice.shape
    strikes = rng.poisson(hyper.strikes[chosen] * grid.cell_km2 * high * wide)
    place, shape = (np.repeat(index.ravel(), strikes.ravel()) for index in np.indices(strikes.shape))
    draw = chosen[place]
    row, col = rng.integers(0, high, len(shape)), rng.integers(0, wide, len(shape))
    rate = hyper.rate[draw] + posterior.exposed.at(shape, row, col, draw)
    empty = rng.random(len(shape)) < (hyper.rate[draw] / rate) ** hyper.shape[draw]
    unseen = rng.gamma(hyper.shape[draw]) / rate
    spread(out, place[empty], unseen[empty], shape[empty], row[empty], col[empty], kernels, origin)
    return out + posterior.stray[chosen].astype(np.float32)[:, None, None]


@njit(cache=True)
def spread(out, place, items, shape, row, col, kernels, origin):
    """Add the items of each strike to the cells of its draw; a strike at (row, col) begins `origin` cells before."""
    across = kernels.shape[1]
    for n in range(len(place)):
        for r in range(across):
            y = row[n] + r - origin
            if 0 <= y < out.shape[1]:
                for c in range(across):
                    x = col[n] + c - origin
                    if 0 <= x < out.shape[2]:
                        out[place[n], y, x] += items[n] * kernels[shape[n], r, c]


def clock():
    """Wall and processor seconds of this process."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return np.array([time.perf_counter(), used.ru_utime + used.ru_stime])


def main():
    """Fit, draw, and write intensities and timings."""
    data, out = np.load(sys.argv[1]), sys.argv[2]
    rows, cols = data["searched"].shape
    grid, effort = Grid(rows, cols, float(data["cell_m"])), float(data["detection"]) * data["searched"]
    prior = prior_of(sys.argv[3])
    begun = clock()
    intensities(fit(grid, effort, data["finds"][:3], prior, sweeps=8), 2, np.random.default_rng(1))
    ready = clock()
    posterior = fit(grid, effort, data["finds"], prior, seed=int(data["seed"]))
    sampled = clock()
    drawn = intensities(posterior, int(data["draws"]), np.random.default_rng(int(data["seed"])))
    done = clock()
    d, hyper = posterior.diagnostics, posterior.draws_taken.hyper
    np.savez(out, intensity=drawn.reshape(len(drawn), -1))
    wall, processor = done - ready
    meta = {
        "compile_s": float((ready - begun)[0]), "fit_s": float(wall), "sampling_s": float((sampled - ready)[0]),
        "fit_cpu_s": float(processor), "r_hat": max(d.r_hat_total, d.r_hat_strikes, d.r_hat_learned),
        "ess_total": d.ess_total, "ess_least": min(d.ess_total, d.ess_strikes, d.ess_learned), "divergent": None,
        "converged": bool(d.converged), "threads": min(os.cpu_count(), d.chains),
        "version": f"fadeout {version('fadeout')}",
        "notes": f"{d.sweeps} sweeps" + ("" if d.converged else f"; {d.words}"),
        "parameters": {
            "strikes_per_km2": float(hyper.strikes.sum(axis=1).mean()),
            "items_per_strike": float(np.median(hyper.shape / hyper.rate)),
        },
    }  # fmt: skip
    with open(out + ".json", "w", encoding="utf-8") as file:
        json.dump(meta, file)


if __name__ == "__main__":
    main()
