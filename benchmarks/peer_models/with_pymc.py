"""PyMC on one data set, in a process of its own: `python with_pymc.py DATA OUT`.

A log-Gaussian Cox process with a Hilbert-space Gaussian process (Matérn 5/2), sampled by nutpie in four chains. The
number of basis functions is what PyMC's own rule asks for length scales of 0.1 to 0.3 km, the bulk of the prior.
"""

from __future__ import annotations

import json
import os
import sys
import time

import arviz
import numpy as np
import nutpie
import pymc as pm

WARM_UP, KEPT, CHAINS = 300, 250, 4
LENGTHS_KM = [0.1, 0.3]


def build(places, searched, found, detection):
    """The model, and the basis at all boxes."""
    half = float(np.ptp(places[:, 0])) / 2
    m, c = pm.gp.hsgp_approx.approx_hsgp_hyperparams([-half, half], LENGTHS_KM, "matern52")
    with pm.Model() as model:
        length = pm.LogNormal("length", np.log(0.17), 0.35)
        sd = pm.HalfNormal("sd", 3.0)
        mean = pm.Normal("mean", np.log(max(found.mean(), 1e-3) / detection), 3.0)
        process = pm.gp.HSGP(m=[m, m], c=c, cov_func=sd**2 * pm.gp.cov.Matern52(2, ls=length))
        basis, spread = process.prior_linearized(places)
        basis = basis.eval()
        weights = pm.Deterministic("weights", pm.Normal("white", size=basis.shape[1]) * spread)
        rate = detection * pm.math.exp(mean + pm.math.dot(basis[searched], weights))
        pm.Poisson("found", rate, observed=found)
    return model, basis, m


def main():
    """Sample, and write intensities and timings."""
    data, out = np.load(sys.argv[1]), sys.argv[2]
    rows, cols = data["searched"].shape
    side = float(data["cell_m"]) / 1000
    row, col = np.divmod(np.arange(rows * cols), cols)
    places = np.column_stack([col * side, -row * side])
    searched = np.flatnonzero(data["searched"])
    found = data["found"].ravel()[searched]
    begun = time.perf_counter()
    model, basis, m = build(places, searched, found, float(data["detection"]))
    compiled = nutpie.compile_pymc_model(model, var_names=["length", "sd", "mean", "weights"])
    ready, cpu = time.perf_counter(), time.process_time()
    trace = nutpie.sample(compiled, draws=KEPT, tune=WARM_UP, chains=CHAINS, cores=os.cpu_count(),
                          seed=int(data["seed"]), progress_bar=False, save_warmup=False)  # fmt: skip
    posterior = trace.posterior
    log_rate = posterior["weights"].values @ basis.T + posterior["mean"].values[:, :, None]
    rates = np.exp(log_rate)
    fitted, fitted_cpu = time.perf_counter(), time.process_time()
    unseen = np.ones(rows * cols, dtype=bool)
    unseen[searched] = False
    traces = {name: posterior[name].values for name in ("length", "sd", "mean")}
    traces["total"] = rates[:, :, unseen].sum(axis=2)
    judged = arviz.convert_to_dataset(traces)
    r_hat, ess = arviz.rhat(judged), arviz.ess(judged)
    steps = float(trace.sample_stats["n_steps"].mean())
    divergent = int(trace.sample_stats["diverging"].sum())
    meta = {
        "compile_s": ready - begun, "fit_s": fitted - ready, "fit_cpu_s": fitted_cpu - cpu,
        "r_hat": float(max(r_hat[name] for name in traces)), "ess_total": float(ess["total"]),
        "ess_least": float(min(ess[name] for name in traces)),
        "version": f"pymc {pm.__version__}, nutpie {nutpie.__version__}",
        "notes": f"{m}² basis functions, {divergent} divergent, {steps:.0f} steps a draw",
        "parameters": {name: float(traces[name].mean()) for name in ("length", "sd", "mean")},
    }  # fmt: skip
    meta["converged"] = meta["r_hat"] <= 1.05
    np.savez(out, intensity=rates.reshape(-1, rows * cols).astype(np.float32))
    with open(out + ".json", "w", encoding="utf-8") as file:
        json.dump(meta, file)


if __name__ == "__main__":
    main()
