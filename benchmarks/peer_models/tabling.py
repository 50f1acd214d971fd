"""All runs as Markdown: what each method took, how well it told the boxes nobody searched, and whether the goals are met.

Reads   runs as `peers.py` writes them
Gives   two tables, verdicts, failed and unconverged runs
Knows   nothing of models
Start   at `tables`

Intervals are 95 % over data sets, by Student's t: of the ratio of seconds through its logarithm.
"""

from __future__ import annotations

from collections import defaultdict

import numpy as np
from scipy import stats

from .truths import WORDS

FULL_MCMC = ("numpyro", "pymc")
OTHERS_TOLD = ("tmb", "mgcv")
OURS = ("fadeout", "fadeout-learning")
ORDER = (*OURS, *FULL_MCMC, *OTHERS_TOLD, "kppm")
FASTER = 50.0
HOLDS = (0.85, 0.95)
BEHIND = 0.05
TAKEN = ("truth", "method", "sets", "converged", "divergent", "fit alone, s", "× fadeout's (95 %)", "processor of fit, s",
         "× fadeout's", "independent draws", "whole process, s", "its processor", "threads", "MB")  # fmt: skip
TOLD = ("truth", "method", "sets", "log score", "minus fadeout's (95 %)", "90 % interval holds, all", "near finds",
        "total in 90 % interval", "error of total, median", "minus fadeout's (95 %)")  # fmt: skip


def tables(runs):
    """Everything of one file: the newest settings of each method, so that results of old ones are not mixed in."""
    kept, failed, old = _sorted(runs)
    by = defaultdict(dict)
    for run in kept:
        per_draw = {"second_a_draw": run["fit_cpu_s"] / run["ess_total"]} if run.get("ess_total") else {}
        by[run["truth"], run["method"]][run["replicate"]] = run | per_draw
    groups = [(t, m) for t in WORDS for m in ORDER if by.get((t, m))]
    first = kept[0]
    loads = [run["load_before"] for run in kept]
    out = [
        f"SIMULATED. {first['settings']['rows']} × {first['settings']['rows']} boxes; {first['machine']['processor']}, "
        f"{first['machine']['cores']} cores, Python {first['machine']['python']}, nice {first['machine']['nice']}; load "
        f"before a run: median {np.median(loads):.1f}, most {max(loads):.1f}.", "",
        *(f"- {name}: {words}" for name, words in WORDS.items()), "",
        *_markdown(TAKEN, [_taken(by, t, m) for t, m in groups]), "",
        *_markdown(TOLD, [_told(by, t, m) for t, m in groups if m != "kppm"]), "",
        *_verdicts(by), "", *_versions(kept), "",
        *(f"- did not converge: {line(run)}" for run in kept if not run["converged"]),
        *(f"- {line(run)}" for run in failed),
    ]  # fmt: skip
    if old:
        out.append(f"- {old} runs of earlier settings are left out")
    return "\n".join(out)


def line(run):
    """One run in one line."""
    words = f"{run['truth']} {run['replicate']} {run['method']}, {run['finds']} finds:"
    if "failed" in run:
        words += f" FAILED after {run['process_s']:.0f} s, attempt {run['attempt']}, exit {run['exit']}"
        return f"{words}: {run['failed'][-300:]!r}"
    words += (
        f" fit {run['fit_s']:.2f} s (processor {run['fit_cpu_s']:.2f}), process {run['process_s']:.1f} s,"
    )
    words += f" {run['peak_mb']:.0f} MB"
    if run["r_hat"] is not None:
        words += f", R-hat {run['r_hat']:.3f}, {run['ess_total']:.0f} independent draws of the total"
    if run["divergent"]:
        words += f", {run['divergent']} divergent"
    if "log_score" in run:
        words += (
            f", log score {run['log_score']:.1f}, holds {run['covered']:.3f}, near {run['covered_near']:.3f}"
        )
        words += f", total {run['total']} ({run['total_90'][0]:.0f}–{run['total_90'][1]:.0f})"
    return f"{words}; {run.get('notes', '')}"


def _sorted(runs):
    """Runs to be counted, the failed ones, and how many runs have settings that a later line has replaced."""
    newest = {run["method"]: run["settings"] for run in runs}
    mine = [run for run in runs if run["settings"] == newest[run["method"]]]
    kept = [run for run in mine if "failed" not in run]
    return kept, [run for run in mine if "failed" in run], len(runs) - len(mine)


def _markdown(head, rows):
    lines = [head, ["---"] * len(head), *rows]
    return ["| " + " | ".join(str(cell) for cell in cells) + " |" for cells in lines]


def _interval(values):
    """Mean and half width of its 95 % interval; no width for fewer than two."""
    values = np.asarray(values, dtype=np.float64)
    if len(values) < 2:
        return float(values.mean()), float("nan")
    half = stats.t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values))
    return float(values.mean()), float(half)


def _spread(values, digits, sign="", factor=1.0):
    """Mean ± half width in words."""
    middle, half = (factor * value for value in _interval(values))
    width = "" if np.isnan(half) else f" ± {half:.{digits}f}"
    return f"{middle:{sign}.{digits}f}{width}"


def _pairs(by, truth, method, other):
    """Runs of two methods on the same data sets."""
    mine, theirs = by.get((truth, method), {}), by.get((truth, other), {})
    return [(mine[n], theirs[n]) for n in sorted(mine.keys() & theirs.keys())]


def _ratio(pairs, name):
    """Geometric mean of a ratio and its 95 % interval."""
    middle, half = _interval([np.log(a[name] / b[name]) for a, b in pairs])
    return tuple(float(np.exp(v)) for v in (middle, middle - half, middle + half))


def _times(middle, low, high):
    return f"{middle:.3g}" + ("" if np.isnan(low) else f" ({low:.3g}–{high:.3g})")


def _taken(by, truth, method):
    mine = list(by[truth, method].values())
    pairs = _pairs(by, truth, method, "fadeout")
    wall, cpu = _ratio(pairs, "fit_s"), _ratio(pairs, "fit_cpu_s")
    chains = mine[0]["r_hat"] is not None
    middle = {
        n: np.median([r[n] for r in mine]) for n in ("fit_s", "fit_cpu_s", "process_s", "cpu_s", "peak_mb")
    }
    return (
        truth, method, len(mine), f"{sum(r['converged'] for r in mine)}",
        sum(r["divergent"] for r in mine) if method in FULL_MCMC else "–",
        f"{middle['fit_s']:.2f}", "1" if method == "fadeout" else _times(*wall),
        f"{middle['fit_cpu_s']:.2f}", "1" if method == "fadeout" else f"{cpu[0]:.3g}",
        f"{np.median([r['ess_total'] for r in mine]):.0f}" if chains else "–",
        f"{middle['process_s']:.1f}", f"{middle['cpu_s']:.1f}", mine[0]["threads"], f"{middle['peak_mb']:.0f}",
    )  # fmt: skip


def error(run):
    """Share by which the median of the total misses the truth."""
    return abs(run["total_median"] - run["total"]) / max(run["total"], 1)


def _told(by, truth, method):
    mine = list(by[truth, method].values())
    pairs = _pairs(by, truth, method, "fadeout")
    own = method == "fadeout"
    return (
        truth, method, len(mine), f"{np.mean([r['log_score'] for r in mine]):.1f}",
        "–" if own else _spread([a["log_score"] - b["log_score"] for a, b in pairs], 1, "+"),
        _spread([r["covered"] for r in mine], 3), _spread([r["covered_near"] for r in mine], 3),
        f"{sum(r['total_held'] for r in mine)} of {len(mine)}",
        f"{100 * np.median([error(r) for r in mine]):.0f} %",
        "–" if own else _spread([error(a) - error(b) for a, b in pairs], 0, "+", 100) + " %",
    )  # fmt: skip


def _verdicts(by):
    """What the goals ask, and whether they are met, for each entry of fadeout."""
    out = ["Goals:", ""]
    for ours in OURS:
        if any((truth, ours) in by for truth in WORDS):
            out += [_speed(by, ours), *(_score(by, ours, truth) for truth in WORDS)]
    return out


def _speed(by, ours):
    holds = {}
    for peer in FULL_MCMC:
        runs = [run for truth in WORDS for run in by.get((truth, peer), {}).values()]
        if runs:
            holds[peer] = (np.mean([r["covered"] for r in runs]), np.mean([r["covered_near"] for r in runs]))
    able = [peer for peer, shares in holds.items() if all(HOLDS[0] <= share <= HOLDS[1] for share in shares)]
    words = ", ".join(f"{peer} {all_:.3f} (near finds {near:.3f})" for peer, (all_, near) in holds.items())
    out = f"- {ours}, ≥ {FASTER:.0f} × faster than the fastest full-MCMC peer whose 90 % intervals hold 85–95 % "
    out += f"({words}): "
    pairs = {
        p: [pair for truth in WORDS for pair in _pairs(by, truth, p, ours)]
        for p in (*FULL_MCMC, *OTHERS_TOLD)
    }
    pairs = {peer: both for peer, both in pairs.items() if both}
    able = [peer for peer in able if peer in pairs]
    if not able:
        return out + "no such peer ran"
    fastest = min(able, key=lambda peer: _ratio(pairs[peer], "fit_cpu_s")[0])
    for name, words in (("fit_s", "of wall seconds"), ("fit_cpu_s", "of processor seconds")):
        ratio = _ratio(pairs[fastest], name)
        out += f"**{_verdict(ratio[0] >= FASTER, ratio[1] >= FASTER)}**, {_times(*ratio)} × beside {fastest} {words}; "
    out += (
        f"{_times(*_ratio(pairs[fastest], 'second_a_draw'))} × of processor seconds for each independent draw"
    )
    rest = "; ".join(
        f"{peer} {_times(*_ratio(both, 'fit_cpu_s'))} ×" for peer, both in pairs.items() if peer != fastest
    )
    by_truth = ", ".join(
        f"{truth} {_times(*_ratio(_pairs(by, truth, fastest, ours), 'fit_cpu_s'))}"
        for truth in WORDS
        if (truth, fastest) in by
    )
    return f"{out}. Others, of processor seconds: {rest}. {fastest} by truth: {by_truth}"


def _verdict(met, surely):
    return "met" if surely else "met, not surely" if met else "missed"


def _score(by, ours, truth):
    """The log score of fadeout beside each full-MCMC peer, and beside the best of all peers."""
    asked = f"at most {BEHIND:.0%} behind" if truth == "lgcp" else "better"
    parts = []
    for peer in (*FULL_MCMC, *OTHERS_TOLD):
        pairs = _pairs(by, truth, ours, peer)
        if not pairs:
            continue
        gains = [a["log_score"] - b["log_score"] for a, b in pairs]
        gain, half = _interval(gains)
        slack = BEHIND * abs(np.mean([b["log_score"] for _, b in pairs])) if truth == "lgcp" else 0.0
        share = gain / abs(np.mean([b["log_score"] for _, b in pairs]))
        met = _verdict(gain + slack > 0, gain - half + slack > 0)
        parts.append(f"{peer} **{met}** ({_spread(gains, 1, '+')}, {100 * share:+.1f} %)")
    return f"- {ours}, log score on {truth} ({asked}): {'; '.join(parts)}"


def _versions(runs):
    seen = {run["method"]: run.get("version", "") for run in runs}
    return ["Versions: " + "; ".join(sorted(set(seen.values()))) + "."]
