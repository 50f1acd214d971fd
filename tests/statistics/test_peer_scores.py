"""The comparison with peers scores forecasts rightly, and knows which runs are done.

Reads   `benchmarks/peers.py`, `benchmarks/peer_models/scoring.py`, `tabling.py`
Gives   facts held against known answers
Knows   no method
Start   at the first test
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from fadeout.model import Grid

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))

import peers
from peer_models import scoring, tabling, truths

SIDE = 60


def ground(items):
    """Ground whose left half was searched, with the items given."""
    searched = np.zeros((SIDE, SIDE), dtype=bool)
    searched[:, : SIDE // 2] = True
    found = np.where(searched, items, 0)
    return truths.Ground(Grid(SIDE, SIDE, 50.0), searched, found, items, np.argwhere(found))


def test_the_log_score_is_that_of_the_mixture_of_poissons():
    items = np.random.default_rng(1).poisson(1.0, (SIDE, SIDE))
    rates = np.array([0.4, 1.7, 3.0])
    drawn = np.repeat(rates[:, None], SIDE * SIDE, axis=1)
    held = items[:, SIDE // 2 :].ravel()
    right = np.log(stats.poisson.pmf(held[:, None], rates).mean(axis=1)).sum()
    assert scoring.scores(drawn, ground(items))["log_score"] == pytest.approx(right, rel=1e-9)


@pytest.mark.parametrize(("factor", "calibrated"), [(1.0, True), (0.3, False)])
def test_ninety_percent_intervals_hold_ninety_percent_of_the_time_when_the_forecast_is_right(
    factor, calibrated
):
    rng = np.random.default_rng(2)
    items = rng.poisson(rng.gamma(0.5, 2.0, (SIDE, SIDE)))
    drawn = factor * rng.gamma(0.5, 2.0, (400, SIDE * SIDE))
    covered = scoring.scores(drawn, ground(items))["covered"]
    # 1800 boxes, each a share in 0 to 1 of mean 0.9: standard error at most sqrt(0.9 · 0.1 / 1800) = 0.007; four of them,
    # and 0.01 for the 400 draws that stand for the forecast
    assert (abs(covered - 0.9) < 4 * 0.007 + 0.01) == calibrated


def test_a_run_is_done_only_with_its_truth_replicate_method_and_settings_and_when_it_did_not_fail(tmp_path):
    file = tmp_path / "runs.jsonl"
    key = {"truth": "lgcp", "replicate": 1, "method": "mgcv", "settings": {"rows": 40, "files": "a"}}
    lines = [
        key | {"failed": "killed"},
        key | {"settings": {"rows": 30, "files": "a"}},
        key | {"replicate": 2},
    ]
    file.write_text("".join(json.dumps(line) + "\n" for line in lines), "utf-8")
    assert peers.attempts(file, key) == lines[:1]
    assert peers.attempts(file, key | {"replicate": 2}) == lines[2:]
    assert peers.attempts(file, key | {"truth": "strikes"}) == []


def test_settings_differ_by_size_and_by_the_files_of_the_method():
    told = {
        method: peers.settings(method, 40)["files"] for method in peers.METHODS if method not in peers.OURS
    }
    assert len(set(told.values())) == len(told)
    assert peers.settings("mgcv", 40) != peers.settings("mgcv", 30)


def test_a_goal_is_met_surely_only_when_the_whole_interval_meets_it():
    near = [run("fadeout", n, -90.0 - n) for n in range(4)] + [run("pymc", n, -100.0) for n in range(4)]
    said = tabling.tables(near)  # gains 10, 9, 8, 7: mean 8.5 ± 3.182 · 1.291 / 2
    assert "log score on strikes (better): pymc **met** (+8.5 ± 2.1, +8.5 %)" in said
    assert "**met**, 60 (60–60) × beside pymc of wall seconds" in said
    far = [run("fadeout", n, -108.0 + 5 * n) for n in range(4)] + near[4:]
    assert "pymc **met, not surely** (-0.5" not in tabling.tables(
        far
    )  # gains −8, −3, 2, 7: behind on average
    assert "pymc **missed** (-0.5" in tabling.tables(far)
    ahead = [run("fadeout", n, -107.0 + 5 * n) for n in range(4)] + near[4:]
    assert "pymc **met, not surely** (+0.5" in tabling.tables(ahead)


def run(method, number, score):
    """A run as `peers.py` writes it."""
    seconds = 1.0 if method == "fadeout" else 60.0
    return {
        "truth": "strikes", "replicate": number, "method": method, "settings": {"rows": 40, "files": method},
        "finds": 9, "attempt": 1, "load_before": 1.0, "fit_s": seconds, "fit_cpu_s": seconds, "process_s": seconds,
        "cpu_s": seconds, "peak_mb": 200.0, "r_hat": 1.01, "ess_total": 500.0, "divergent": 0, "converged": True,
        "threads": 2, "version": method, "log_score": score, "covered": 0.9, "covered_near": 0.9, "total": 50,
        "total_median": 45.0, "total_90": [30.0, 70.0], "total_held": True,
        "machine": {"processor": "one", "cores": 2, "python": "3.11", "nice": 15},
    }  # fmt: skip
