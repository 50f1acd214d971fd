"""fadeout on one data set, in a process of its own: `python with_fadeout.py DATA OUT [learned]`.

The prior is the shipped profile's, whatever the truth; with `learned` its numbers are the middles of the distributions
that calibration starts from, and the data move them. Intensities of boxes are drawn from the posterior, as many as asked.
"""

from __future__ import annotations

import json
import sys
import time
from dataclasses import replace

import numpy as np

from fadeout.model import Footprint, Grid, fit
from fadeout.model.prior import Learning, Prior

SIZES = ((40, 40, (0,)), (80, 80, (0,)), (80, 40, (0, 45, 90, 135)), (120, 60, (0, 45, 90, 135)))
SHAPES = tuple(
    Footprint(a, b, t, 1.0 / len(bearings), kind="heavy")
    for a, b, bearings in (*SIZES, (160, 80, (0, 45, 90, 135)))
    for t in bearings
)
SHIPPED = Prior(1.0, 30.0, 1.0, 0.2, SHAPES)  # records/profiles/default.toml
LEARNED = replace(
    SHIPPED, learned=Learning(strikes=2.0, items=0.6, shape=0.4, background=2.0, footprints=4.0)
)


def intensities(posterior, count, rng):
    """Draw items per cell before any search, shape (count, rows, cols): strikes found, not found, and single items."""
    taken, lattice, grid = posterior.draws_taken, posterior.lattice, posterior.grid
    hyper, kernels = taken.hyper, lattice.kernels
    reach, high, wide = kernels.shape[1] // 2, *lattice.shape
    chosen = rng.permutation(np.arange(count) % taken.count)
    out = np.zeros((count, high + 2 * reach, wide + 2 * reach), dtype=np.float32)
    for number, draw in enumerate(chosen):
        mine = slice(taken.first[draw], taken.first[draw + 1])
        known = rng.gamma(taken.shape[mine] + taken.finds[mine]) / taken.rate[mine]
        strikes = rng.poisson(hyper.strikes[draw] * grid.cell_km2 * high * wide)
        shape = np.repeat(np.arange(len(kernels)), strikes)
        row, col = rng.integers(0, high, len(shape)), rng.integers(0, wide, len(shape))
        rate = hyper.rate[draw] + posterior.exposed.at(shape, row, col, np.full(len(shape), draw))
        empty = rng.random(len(shape)) < (hyper.rate[draw] / rate) ** hyper.shape[draw]
        unseen = rng.gamma(hyper.shape[draw], size=len(shape)) / rate
        parts = (
            zip(known, taken.footprint[mine], taken.row[mine], taken.col[mine], strict=True),
            zip(unseen[empty], shape[empty], row[empty], col[empty], strict=True),
        )
        for part in parts:
            for items, j, r, c in part:
                out[number, r : r + 2 * reach + 1, c : c + 2 * reach + 1] += items * kernels[j]
    m = lattice.margin + reach
    inside = out[:, m : m + grid.rows, m : m + grid.cols]
    return inside + posterior.stray[chosen].astype(np.float32)[:, None, None]


def main():
    """Fit, draw, and write intensities and timings."""
    data, out = np.load(sys.argv[1]), sys.argv[2]
    rows, cols = data["searched"].shape
    grid, effort = Grid(rows, cols, float(data["cell_m"])), float(data["detection"]) * data["searched"]
    prior = LEARNED if "learned" in sys.argv else SHIPPED
    begun = time.perf_counter()
    few = data["finds"][:3]
    warm = fit(grid, effort, few, prior, sweeps=8)
    intensities(warm, 2, np.random.default_rng(1))
    compiled, cpu = time.perf_counter(), time.process_time()
    posterior = fit(grid, effort, data["finds"], prior, seed=int(data["seed"]))
    fitted = time.perf_counter()
    drawn = intensities(posterior, int(data["draws"]), np.random.default_rng(int(data["seed"])))
    done, done_cpu = time.perf_counter(), time.process_time()
    d = posterior.diagnostics
    np.savez(out, intensity=drawn.reshape(len(drawn), -1))
    meta = {
        "compile_s": compiled - begun, "fit_s": done - compiled, "sampling_s": fitted - compiled,
        "fit_cpu_s": done_cpu - cpu,
        "r_hat": max(d.r_hat_total, d.r_hat_strikes, d.r_hat_learned), "ess_total": d.ess_total,
        "converged": bool(d.converged), "notes": d.words,
        "parameters": {
            "strikes_per_km2": float(posterior.draws_taken.hyper.strikes.sum(axis=1).mean()),
            "items_per_strike": float(np.median(posterior.draws_taken.hyper.shape / posterior.draws_taken.hyper.rate)),
        },
    }  # fmt: skip
    with open(out + ".json", "w", encoding="utf-8") as file:
        json.dump(meta, file)


if __name__ == "__main__":
    main()
