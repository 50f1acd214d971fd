"""NumPyro on one data set, in a process of its own: `python with_numpyro.py DATA OUT`.

A log-Gaussian Cox process with the exact Gaussian process on the grid: Matérn 5/2 by circulant embedding on a torus twice
as wide, whitened, with NUTS over the field, the mean and both hyperparameters. Four chains side by side.
"""

from __future__ import annotations

import os

os.environ["XLA_FLAGS"] = "--xla_force_host_platform_device_count=4"

import sys

import jax
import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
import sampled
from numpyro.infer import MCMC, NUTS

compiling = [0.0]


def heed(event, seconds, **_):
    """Add up what JAX spends on tracing, lowering and compiling."""
    if event.startswith("/jax/core/compile"):
        compiling[0] += seconds


def model(distance, searched, detection, found, middle):
    """Finds of searched boxes ~ Poisson(detection · exp(mean + field)); distances in km on the torus."""
    length = numpyro.sample("length", dist.LogNormal(jnp.log(sampled.LENGTH_KM), sampled.LENGTH_SPREAD))
    sd = numpyro.sample("sd", dist.HalfNormal(sampled.SD_SCALE))
    mean = numpyro.sample("mean", dist.Normal(middle, sampled.MEAN_SPREAD))
    white = numpyro.sample("white", dist.Normal(0.0, 1.0).expand(distance.shape).to_event(2))
    scaled = distance * jnp.sqrt(5.0) / length
    covariance = (1 + scaled + scaled**2 / 3) * jnp.exp(-scaled)
    power = jnp.maximum(jnp.fft.rfft2(covariance).real, 1e-10)
    field = jnp.fft.irfft2(jnp.sqrt(power) * jnp.fft.rfft2(white), s=distance.shape)
    rows, cols = distance.shape[0] // 2, distance.shape[1] // 2
    log_rate = numpyro.deterministic("log_rate", mean + sd * field[:rows, :cols].ravel())
    numpyro.sample("found", dist.Poisson(detection * jnp.exp(log_rate[searched])), obs=found)


def main():
    """Sample, and write intensities and timings; compiling counts as one processor and is taken off the fit."""
    numpyro.enable_x64()
    jax.monitoring.register_event_duration_secs_listener(heed)
    given, out = sampled.read(sys.argv[1]), sys.argv[2]
    across, down = (
        np.minimum(np.arange(2 * n), 2 * n - np.arange(2 * n)) * given.side_km
        for n in (given.cols, given.rows)
    )
    begun = sampled.clock()
    mcmc = MCMC(NUTS(model, target_accept_prob=0.85), num_warmup=sampled.WARM_UP, num_samples=sampled.KEPT,
                num_chains=sampled.CHAINS, chain_method="parallel", progress_bar=False)  # fmt: skip
    mcmc.run(jax.random.PRNGKey(given.seed), np.hypot(down[:, None], across), given.searched, given.detection,
             given.found, given.middle, extra_fields=("diverging", "num_steps"))  # fmt: skip
    samples = mcmc.get_samples(group_by_chain=True)
    rates = np.exp(np.asarray(samples["log_rate"]))
    fit = sampled.clock() - begun - compiling[0]
    extra = mcmc.get_extra_fields()
    sampled.report(
        out, given, rates, {name: np.asarray(samples[name]) for name in ("length", "sd", "mean")},
        compile_s=compiling[0], fit=fit, divergent=int(extra["diverging"].sum()), threads=jax.device_count(),
        version=f"numpyro {numpyro.__version__}, jax {jax.__version__}",
        notes=f"{float(extra['num_steps'].mean()):.0f} steps a draw",
    )  # fmt: skip


if __name__ == "__main__":
    main()
