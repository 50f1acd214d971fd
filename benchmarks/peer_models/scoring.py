"""How well drawn intensities tell the items of boxes nobody searched, the same way for every method.

Reads   draws of the intensity of every box, shape (draws, boxes), and the simulated ground
Gives   log score, coverage of 90 % intervals, error of the total; the table of all runs
Knows   nothing of how the draws were made
Start   at `scores`

The predictive distribution of a box is the mixture over draws of Poisson(intensity). Items are whole numbers, so an
interval's coverage is that of the randomised probability integral transform, averaged over its randomness: the share of
[F(y − 1), F(y)] that lies in [0.05, 0.95]. It is 0.90 on average for a calibrated forecast, be boxes empty or not.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage
from scipy.special import gammaln, pdtr

NEAR_BOXES = 2  # a box is near a find if one was found at most so many boxes away


def scores(drawn, ground):
    """Score the draws of one run on the boxes that were not searched."""
    held = ~ground.searched.ravel()
    y = ground.items.ravel()[held]
    rates = np.maximum(drawn[:, held].astype(np.float64), 1e-12)
    log_p = (y * np.log(rates) - rates - gammaln(y + 1)).astype(np.float64)
    top = log_p.max(axis=0)
    log_score = top + np.log(np.exp(log_p - top).mean(axis=0))
    upper = pdtr(y, rates).mean(axis=0)
    lower = np.where(y > 0, pdtr(np.maximum(y - 1, 0), rates).mean(axis=0), 0.0)
    inside = np.clip(
        (np.minimum(upper, 0.95) - np.maximum(lower, 0.05)) / np.maximum(upper - lower, 1e-12), 0, 1
    )
    window = np.ones((2 * NEAR_BOXES + 1, 2 * NEAR_BOXES + 1))
    near = ndimage.binary_dilation(ground.found > 0, window).ravel()[held]
    totals = np.random.default_rng(1).poisson(np.minimum(rates.sum(axis=1), 1e15))
    low, middle, high = np.quantile(totals, [0.05, 0.5, 0.95])
    true = int(y.sum())
    return {
        "log_score": float(log_score.sum()), "boxes": int(held.sum()),
        "covered": float(inside.mean()), "covered_near": float(inside[near].mean()), "near": int(near.sum()),
        "total": true, "total_median": float(middle), "total_mean": float(rates.sum(axis=1).mean()),
        "total_90": [float(low), float(high)], "total_held": bool(low <= true <= high),
    }  # fmt: skip


def line(run):
    """One run in one line."""
    words = f"{run['truth']:<8} {run['rows']} seed {run['seed']} {run['method']:<15} finds {run['finds']:>4}"
    if "failed" in run:
        return f"{words}  FAILED after {run['process_s']:.0f} s, exit {run['exit']}: {run['failed'][-200:]!r}"
    words += f"  fit {run['fit_s']:.2f} s (processor {run['fit_cpu_s']:.2f})"
    words += f"  process {run['process_s']:.1f} s  {run['peak_mb']:.0f} MB"
    if run.get("r_hat"):
        words += f"  R-hat {run['r_hat']:.3f}  ESS {run['ess_total']:.0f}"
    if "log_score" in run:
        words += f"  log score {run['log_score']:.1f}"
        words += f"  covered {run['covered']:.3f} near {run['covered_near']:.3f}"
        words += f"  total {run['total']} ({run['total_90'][0]:.0f}–{run['total_90'][1]:.0f})"
    return words + f"  {run.get('notes', '')}"


HEAD = (
    "| truth | method | sets | fit, s | of processor, s | whole process, s | MB | R-hat ≤ 1.05 | log score "
    "| beside fadeout | covered | near finds | total held | error of total |"
)


def table(kept):
    """All runs, SIMULATED, as a table by size, truth and method; medians for times and memory, means for scores."""
    runs = [run for run in kept["runs"] if "log_score" in run]
    by_set = {(r["truth"], r["rows"], r["seed"]): r for r in runs if r["method"] == "fadeout"}
    out = [f"SIMULATED; {kept.get('machine', {})}", HEAD, "|" + "---|" * (HEAD.count("|") - 1)]
    groups = sorted({(r["rows"], r["truth"], r["method"]) for r in runs})
    for rows, truth, method in groups:
        mine = [r for r in runs if (r["rows"], r["truth"], r["method"]) == (rows, truth, method)]
        out.append(row(mine, [by_set.get((truth, rows, r["seed"])) for r in mine]))
    others = [run for run in kept["runs"] if "log_score" not in run]
    return "\n".join(out + [""] + [line(run) for run in others])


def row(mine, fadeout):
    """One row of the table: the runs of one method on one kind of truth, and fadeout's on the same data sets."""

    def middle(name):
        return float(np.median([r[name] for r in mine]))

    def mean(name):
        return float(np.mean([r[name] for r in mine]))

    first = mine[0]
    behind = [r["log_score"] - f["log_score"] for r, f in zip(mine, fadeout, strict=True) if f is not None]
    beside = f"{np.mean(behind):+.1f}" if behind else "–"
    if len(behind) > 1:
        beside += f" ± {np.std(behind, ddof=1) / np.sqrt(len(behind)):.1f}"
    converged = (
        "–" if first.get("r_hat") is None else f"{sum(r['r_hat'] <= 1.05 for r in mine)} of {len(mine)}"
    )
    error = np.mean([abs(r["total_median"] - r["total"]) / max(r["total"], 1) for r in mine])
    cells = (
        f"{first['truth']} {first['rows']}²", first["method"], len(mine), f"{middle('fit_s'):.2f}",
        f"{middle('fit_cpu_s'):.2f}", f"{middle('process_s'):.1f}", f"{middle('peak_mb'):.0f}", converged,
        f"{mean('log_score'):.1f}", beside, f"{mean('covered'):.3f}", f"{mean('covered_near'):.3f}",
        f"{sum(r['total_held'] for r in mine)} of {len(mine)}", f"{100 * error:.0f} %",
    )  # fmt: skip
    return "| " + " | ".join(str(cell) for cell in cells) + " |"
