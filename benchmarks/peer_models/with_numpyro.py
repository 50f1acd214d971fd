"""NumPyro on one data set, in a process of its own: `python with_numpyro.py DATA OUT`.

A log-Gaussian Cox process with the exact Gaussian process on the grid: Matérn 5/2 by circulant embedding on a torus twice
as wide, whitened, with NUTS over the field, the mean and both hyperparameters. Four chains side by side.
"""

from __future__ import annotations

import os

os.environ["XLA_FLAGS"] = "--xla_force_host_platform_device_count=4"

import json
import sys
import time

import arviz
import jax
import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
from numpyro.infer import MCMC, NUTS

WARM_UP, KEPT, CHAINS = 300, 250, 4
compiling = [0.0]


def heed(event, seconds, **_):
    """Add up what JAX spends on tracing, lowering and compiling."""
    if event.startswith("/jax/core/compile"):
        compiling[0] += seconds


def model(distance, searched, detection, found, middle):
    """Finds of searched boxes ~ Poisson(detection · exp(mean + field)); distances in km on the torus."""
    length = numpyro.sample("length", dist.LogNormal(jnp.log(0.17), 0.35))
    sd = numpyro.sample("sd", dist.HalfNormal(3.0))
    mean = numpyro.sample("mean", dist.Normal(middle, 3.0))
    white = numpyro.sample("white", dist.Normal(0.0, 1.0).expand(distance.shape).to_event(2))
    scaled = distance * jnp.sqrt(5.0) / length
    covariance = (1 + scaled + scaled**2 / 3) * jnp.exp(-scaled)
    power = jnp.maximum(jnp.fft.rfft2(covariance).real, 1e-10)
    field = jnp.fft.irfft2(jnp.sqrt(power) * jnp.fft.rfft2(white), s=distance.shape)
    rows, cols = distance.shape[0] // 2, distance.shape[1] // 2
    log_rate = numpyro.deterministic("log_rate", mean + sd * field[:rows, :cols].ravel())
    numpyro.sample("found", dist.Poisson(detection * jnp.exp(log_rate[searched])), obs=found)


def main():
    """Sample, and write intensities and timings."""
    numpyro.enable_x64()
    jax.monitoring.register_event_duration_secs_listener(heed)
    data, out = np.load(sys.argv[1]), sys.argv[2]
    rows, cols = data["searched"].shape
    side = float(data["cell_m"]) / 1000
    across = np.minimum(np.arange(2 * cols), 2 * cols - np.arange(2 * cols)) * side
    down = np.minimum(np.arange(2 * rows), 2 * rows - np.arange(2 * rows)) * side
    searched = np.flatnonzero(data["searched"])
    found, detection = data["found"].ravel()[searched], float(data["detection"])
    middle = np.log(max(found.mean(), 1e-3) / detection)
    begun, cpu = time.perf_counter(), time.process_time()
    mcmc = MCMC(NUTS(model, target_accept_prob=0.85), num_warmup=WARM_UP, num_samples=KEPT, num_chains=CHAINS,
                chain_method="parallel", progress_bar=False)  # fmt: skip
    mcmc.run(jax.random.PRNGKey(int(data["seed"])), np.hypot(down[:, None], across), searched, detection, found, middle,
             extra_fields=("diverging", "num_steps"))  # fmt: skip
    samples = mcmc.get_samples(group_by_chain=True)
    rates = np.exp(np.asarray(samples["log_rate"]))
    fitted, fitted_cpu = time.perf_counter(), time.process_time()
    unseen = np.ones(rows * cols, dtype=bool)
    unseen[searched] = False
    traces = {name: np.asarray(samples[name]) for name in ("length", "sd", "mean")}
    traces["total"] = rates[:, :, unseen].sum(axis=2)
    judged = arviz.convert_to_dataset(traces)
    r_hat, ess = arviz.rhat(judged), arviz.ess(judged)
    extra = mcmc.get_extra_fields()
    meta = {
        "compile_s": compiling[0], "fit_s": fitted - begun - compiling[0], "fit_cpu_s": fitted_cpu - cpu - compiling[0],
        "r_hat": float(max(r_hat[name] for name in traces)), "ess_total": float(ess["total"]),
        "ess_least": float(min(ess[name] for name in traces)), "version": f"numpyro {numpyro.__version__}",
        "notes": f"{int(extra['diverging'].sum())} divergent, {float(extra['num_steps'].mean()):.0f} steps a draw",
        "parameters": {name: float(traces[name].mean()) for name in ("length", "sd", "mean")},
    }  # fmt: skip
    meta["converged"] = meta["r_hat"] <= 1.05
    np.savez(out, intensity=rates.reshape(-1, rows * cols).astype(np.float32))
    with open(out + ".json", "w", encoding="utf-8") as file:
        json.dump(meta, file)


if __name__ == "__main__":
    main()
