"""Whether several chains agree: split R-hat, effective sample size, and the verdict in words.

Reads   traces of figures, one row per chain
Gives   `Diagnostics`
Knows   nothing of what the figures mean
Start   at `diagnose`
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

R_HAT_LIMIT = (
    1.05  # Vehtari et al. 2021 ask 1.01 for publication; 1.05 is this project's bar for field use (assumed)
)
EFFECTIVE_TOTAL = 400.0  # effective draws asked of the total remaining: Vehtari et al. 2021, section 4.1
EFFECTIVE_STRIKES = 100.0  # and of the number of strikes, which is shown to fewer digits (assumed)
EFFECTIVE_LEARNED = 100.0  # and of each number that is learned (assumed)


@dataclass(frozen=True)
class Diagnostics:
    """How well the chains agree on the total remaining and on the number of strikes with finds."""

    r_hat_total: float
    ess_total: float
    r_hat_strikes: float
    ess_strikes: float
    chains: int
    sweeps: int  # per chain, warm-up not counted
    converged: bool
    words: str
    r_hat_learned: float = 1.0  # the worst of the numbers that are learned
    ess_learned: float = float("inf")


def halves(traces: NDArray[np.float64]) -> NDArray[np.float64]:
    """Split each chain in two, so that a drifting chain disagrees with itself."""
    half = traces.shape[1] // 2
    return np.concatenate([traces[:, :half], traces[:, traces.shape[1] - half :]])


def split_r_hat(traces: NDArray[np.float64]) -> float:
    """Split R-hat of traces, shape (chains, sweeps); 1 where nothing varies (Gelman et al. 2013, section 11.4).

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> round(split_r_hat(rng.normal(size=(4, 1000))), 1)
    1.0
    >>> bool(split_r_hat(rng.normal(size=(4, 1000)) + np.arange(4)[:, None]) > 1.5)
    True
    """
    parts = halves(traces)
    length = parts.shape[1]
    if length < 2:
        return float("nan")
    within = parts.var(axis=1, ddof=1).mean()
    between = length * parts.mean(axis=1).var(ddof=1)
    if within <= 1e-12 * (1.0 + np.abs(parts).mean() ** 2):
        return 1.0 if between <= 1e-9 * (1.0 + np.abs(parts).mean() ** 2) else float("inf")
    return float(np.sqrt((length - 1) / length + between / (length * within)))


def effective_size(traces: NDArray[np.float64]) -> float:
    """Effective number of independent draws in traces, shape (chains, sweeps), by Geyer's initial positive sequence."""
    parts = halves(traces)
    chains, length = parts.shape
    if length < 4:
        return float(parts.size)
    centred = parts - parts.mean(axis=1, keepdims=True)
    size = 1 << (2 * length - 1).bit_length()
    spectrum = np.fft.rfft(centred, size, axis=1)
    covariance = np.fft.irfft(np.abs(spectrum) ** 2, size, axis=1)[:, :length].mean(axis=0) / length
    within = covariance[0] * length / (length - 1)
    total = within * (length - 1) / length + parts.mean(axis=1).var(ddof=1)
    if total <= 1e-12 * (1.0 + np.abs(parts).mean() ** 2):
        return float(parts.size)
    correlation = 1.0 - (within - covariance * length / (length - 1)) / total
    correlation[0] = 1.0
    pairs = correlation[: length // 2 * 2].reshape(-1, 2).sum(axis=1)
    stop = np.argmax(pairs <= 0) if np.any(pairs <= 0) else len(pairs)
    time = -1.0 + 2.0 * np.minimum.accumulate(pairs[:stop]).sum()
    return float(chains * length / max(time, 1.0 / np.log10(chains * length + 10.0)))


def diagnose(
    total: NDArray[np.float64], strikes: NDArray[np.float64], learned: NDArray[np.float64] | None = None
) -> Diagnostics:
    """Judge chains by the traces of the total remaining and of the number of strikes, each (chains, sweeps).

    learned (chains, sweeps, figures) are those of the numbers that are learned.
    """
    r_total, r_strikes = split_r_hat(total), split_r_hat(strikes)
    n_total, n_strikes = effective_size(total), effective_size(strikes)
    figures = [] if learned is None else [learned[:, :, n] for n in range(learned.shape[2])]
    r_learned = max((split_r_hat(figure) for figure in figures), default=1.0)
    n_learned = min((effective_size(figure) for figure in figures), default=float("inf"))
    faults = []
    for name, r_hat in (
        ("total remaining", r_total),
        ("number of strikes", r_strikes),
        ("prior's numbers", r_learned),
    ):
        if not r_hat <= R_HAT_LIMIT:
            faults.append(
                f"the chains disagree on the {name} (R-hat {r_hat:.2f}, at most {R_HAT_LIMIT} asked)"
            )
    for name, size, asked in (
        ("total remaining", n_total, EFFECTIVE_TOTAL),
        ("number of strikes", n_strikes, EFFECTIVE_STRIKES),
        ("prior's numbers", n_learned, EFFECTIVE_LEARNED),
    ):
        if not size >= asked:
            faults.append(f"too few independent draws of the {name} ({size:.0f}, {asked:.0f} asked)")
    words = (
        "Do not rely on this estimate: " + "; ".join(faults) + ". Run it longer."
        if faults
        else f"The {len(total)} chains agree (R-hat {r_total:.3f}, {n_total:.0f} independent draws of the total)."
    )
    return Diagnostics(
        r_total, n_total, r_strikes, n_strikes, total.shape[0], total.shape[1], not faults, words,
        r_learned, n_learned,
    )  # fmt: skip


def nothing_to_sample() -> Diagnostics:
    """Diagnostics where nothing was found: everything is in closed form."""
    words = "Nothing was found, so everything is in closed form and no sampling was needed."
    return Diagnostics(1.0, float("inf"), 1.0, float("inf"), 0, 0, True, words)
