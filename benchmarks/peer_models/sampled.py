"""What the full-MCMC peers share: the data as they read them, chain lengths, clocks, and the report of a fit.

Reads   DATA of `peers.py`
Gives   `Given`; OUT with intensities, and OUT.json with timings and diagnostics
Knows   nothing of any model; runs in the peers' own environment
Start   at `read` and `report`
"""

from __future__ import annotations

import json
import resource
import time
from dataclasses import dataclass

import arviz
import numpy as np

WARM_UP, KEPT, CHAINS = 300, 250, 4
LENGTH_KM, LENGTH_SPREAD, SD_SCALE, MEAN_SPREAD = (
    0.17,
    0.35,
    3.0,
    3.0,
)  # priors, the same for all peers with a field
R_HAT_LIMIT = 1.05  # the bar fadeout holds its own chains to


@dataclass(frozen=True)
class Given:
    """One data set; boxes are counted row by row."""

    rows: int
    cols: int
    side_km: float
    searched: np.ndarray  # numbers of the searched boxes
    found: np.ndarray  # their finds
    detection: float
    seed: int

    @property
    def middle(self):
        """Middle of the prior of the mean log intensity: the even intensity that gives the finds."""
        return float(np.log(max(self.found.mean(), 1e-3) / self.detection))


def read(path):
    """Read one data set."""
    data = np.load(path)
    searched = np.flatnonzero(data["searched"])
    rows, cols = data["searched"].shape
    return Given(rows, cols, float(data["cell_m"]) / 1000, searched, data["found"].ravel()[searched],
                 float(data["detection"]), int(data["seed"]))  # fmt: skip


def clock():
    """Wall and processor seconds, of this process and the children that have ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return np.array([time.perf_counter(), sum(u.ru_utime + u.ru_stime for u in used)])


def report(out, given, rates, hyper, *, compile_s, fit, divergent, **told):
    """Write intensities, shape (chains, draws, boxes), and what the fit took; fit is (wall, processor) seconds.

    Chains are judged by the hyperparameters and by the total of the boxes nobody searched.
    """
    unseen = np.ones(rates.shape[2], dtype=bool)
    unseen[given.searched] = False
    traces = hyper | {"total": rates[:, :, unseen].sum(axis=2)}
    judged = arviz.convert_to_dataset(traces)
    r_hat, ess = arviz.rhat(judged), arviz.ess(judged)
    worst = max(float(r_hat[name]) for name in traces)
    meta = {
        "compile_s": compile_s, "fit_s": float(fit[0]), "fit_cpu_s": float(fit[1]), "r_hat": worst,
        "ess_total": float(ess["total"]), "ess_least": min(float(ess[name]) for name in traces),
        "divergent": divergent, "converged": worst <= R_HAT_LIMIT,
        "parameters": {name: float(value.mean()) for name, value in hyper.items()},
    }  # fmt: skip
    np.savez(out, intensity=rates.reshape(-1, rates.shape[2]).astype(np.float32))
    with open(out + ".json", "w", encoding="utf-8") as file:
        json.dump(meta | told, file)
