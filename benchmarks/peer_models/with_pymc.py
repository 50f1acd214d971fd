"""PyMC on one data set, in a process of its own: `python with_pymc.py DATA OUT`.

A log-Gaussian Cox process with a Hilbert-space Gaussian process (Matérn 5/2), sampled by nutpie in four chains. The
number of basis functions is what PyMC's own rule asks for length scales of 0.1 to 0.3 km, the bulk of the prior.
"""

from __future__ import annotations

import os

os.environ |= dict.fromkeys(
    ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "NUMBA_NUM_THREADS"), "1"
)  # chains are side by side

import sys

import numpy as np
import nutpie
import pymc as pm
import sampled

LENGTHS_KM = [0.1, 0.3]


def build(given):
    """The model, and the basis at all boxes."""
    row, col = np.divmod(np.arange(given.rows * given.cols), given.cols)
    places = np.column_stack([col, -row]) * given.side_km
    half = float(np.ptp(places[:, 0])) / 2
    m, c = pm.gp.hsgp_approx.approx_hsgp_hyperparams([-half, half], LENGTHS_KM, "matern52")
    with pm.Model() as model:
        length = pm.LogNormal("length", np.log(sampled.LENGTH_KM), sampled.LENGTH_SPREAD)
        sd = pm.HalfNormal("sd", sampled.SD_SCALE)
        mean = pm.Normal("mean", given.middle, sampled.MEAN_SPREAD)
        process = pm.gp.HSGP(m=[m, m], c=c, cov_func=sd**2 * pm.gp.cov.Matern52(2, ls=length))
        basis, spread = process.prior_linearized(places)
        basis = basis.eval()
        weights = pm.Deterministic("weights", pm.Normal("white", size=basis.shape[1]) * spread)
        rate = given.detection * pm.math.exp(mean + pm.math.dot(basis[given.searched], weights))
        pm.Poisson("found", rate, observed=given.found)
    return model, basis, m


def main():
    """Sample, and write intensities and timings."""
    given, out = sampled.read(sys.argv[1]), sys.argv[2]
    begun = sampled.clock()
    model, basis, m = build(given)
    compiled = nutpie.compile_pymc_model(model, var_names=["length", "sd", "mean", "weights"])
    ready = sampled.clock()
    threads = min(os.cpu_count(), sampled.CHAINS)
    trace = nutpie.sample(compiled, draws=sampled.KEPT, tune=sampled.WARM_UP, chains=sampled.CHAINS, cores=threads,
                          seed=given.seed, progress_bar=False, save_warmup=False)  # fmt: skip
    posterior = trace.posterior
    rates = np.exp(posterior["weights"].values @ basis.T + posterior["mean"].values[:, :, None])
    fit = sampled.clock() - ready
    steps = float(trace.sample_stats["n_steps"].mean())
    sampled.report(
        out, given, rates, {name: posterior[name].values for name in ("length", "sd", "mean")},
        compile_s=float((ready - begun)[0]), fit=fit, divergent=int(trace.sample_stats["diverging"].sum()),
        threads=threads, version=f"pymc {pm.__version__}, nutpie {nutpie.__version__}",
        notes=f"{m}² basis functions, {steps:.0f} steps a draw",
    )  # fmt: skip


if __name__ == "__main__":
    main()
