"""fadeout beside its peers on the same boxes and counts: `./run python benchmarks/peers.py run OUT.jsonl`.

    peers.py install              bring the peers here: Python ones into .venv-peers, R ones from Debian, and build TMB's
    peers.py run OUT.jsonl        run what is not in the file yet, one process at a time; a failed run is tried again
    peers.py table OUT.jsonl      write tables and verdicts in Markdown

A run is told by truth, replicate, method and settings; the settings hold a digest of the files that decide it, so that a
changed model is run again. All data are SIMULATED.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from peer_models import installing, processes, scoring, tabling, truths

HERE = Path(__file__).resolve().parent
MODELS = HERE / "peer_models"
ENGINE = HERE.parent / "src" / "fadeout" / "model"
DRAWS = 2000
OURS = {"fadeout": "default", "fadeout-learning": "learning"}  # method, shipped profile
PYTHON_PEERS = {"numpyro": "with_numpyro.py", "pymc": "with_pymc.py"}
R_PEERS = {"mgcv": "with_mgcv.R", "tmb": "with_tmb.R", "kppm": "with_kppm.R"}
METHODS = (*OURS, *R_PEERS, *PYTHON_PEERS)


def main():
    """Install, run or tabulate."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ("install", "run"):
        command = commands.add_parser(name)
        command.add_argument("--methods", nargs="+", choices=METHODS, default=METHODS)
    command.add_argument("out", type=Path, help="results, one JSON object a line; added to")
    command.add_argument("--rows", type=int, default=40, help="boxes along each side of the grid (40)")
    command.add_argument("--replicates", type=int, default=5, help="data sets of each truth (5)")
    command.add_argument("--truths", nargs="+", choices=truths.KINDS, default=truths.KINDS)
    command.add_argument("--limit-s", type=float, default=1800.0, help="end a run after this long (1800)")
    command.add_argument("--until", type=float, default=None, help="begin no run after so many minutes")
    table = commands.add_parser("table")
    table.add_argument("out", type=Path)
    given = parser.parse_args()
    if given.command == "table":
        print(tabling.tables([json.loads(line) for line in given.out.read_text("utf-8").splitlines()]))
        return
    lacking = installing.install(given.methods, set(PYTHON_PEERS), set(R_PEERS))
    for method, why in lacking.items():
        print(f"{method}: left out, {why}", file=sys.stderr)
    if given.command == "run":
        run_all(given, [method for method in given.methods if method not in lacking])


def run_all(given, methods):
    """Run every method on every data set it has not been run on with these settings; add a line for each run."""
    warm(set(methods) & set(OURS), given.limit_s)
    begun = time.monotonic()
    for number in range(1, given.replicates + 1):
        for truth in given.truths:
            ground = truths.ground(truth, given.rows, number)
            for method in methods:
                key = {
                    "truth": truth,
                    "replicate": number,
                    "method": method,
                    "settings": settings(method, given.rows),
                }
                earlier = attempts(given.out, key)
                if any("failed" not in result for result in earlier):
                    continue
                if given.until is not None and time.monotonic() - begun > given.until * 60:
                    return
                result = key | {"attempt": len(earlier) + 1, "finds": len(ground.finds)}
                result |= {"machine": machine(), "load_before": os.getloadavg()[0]}
                result |= run(method, ground, number, given.limit_s)
                with given.out.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(result) + "\n")
                print(tabling.line(result), file=sys.stderr, flush=True)


def attempts(path, key):
    """Earlier runs of just this kind in the file, failed ones among them."""
    if not path.exists():
        return []
    runs = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    return [run for run in runs if all(run[name] == value for name, value in key.items())]


def settings(method, rows):
    """What decides a run besides truth and replicate: size, draws, and a digest of the files that take part."""
    script = MODELS / (PYTHON_PEERS | R_PEERS | dict.fromkeys(OURS, "with_fadeout.py"))[method]
    files = [script, MODELS / "truths.py", MODELS / "scoring.py"]
    if method in PYTHON_PEERS:
        files += [MODELS / "sampled.py", MODELS / "requirements.txt"]
    if method == "tmb":
        files += [MODELS / "lgcp.cpp"]
    if method in OURS:
        files += [
            *sorted(ENGINE.glob("*.py")),
            *sorted((ENGINE.parent / "records" / "profiles").glob("*.toml")),
        ]
    digest = hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:12]
    return {"rows": rows, "draws": DRAWS, "files": digest}


def machine():
    """Processor, cores and Python, as told in the results."""
    model, info = "unknown", Path("/proc/cpuinfo")
    if info.exists():
        lines = info.read_text("utf-8").splitlines()
        model = next(
            (line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), model
        )
    return {"processor": model, "cores": os.cpu_count(), "python": sys.version.split()[0], "nice": os.nice(0)}


def warm(ours, limit_s):
    """Run fadeout once on a small set so that the compiled engine lies in its cache, as TMB's and R's code does."""
    for method in ours:
        result = run(method, truths.ground("strikes", 20, 1), 1, limit_s)
        if "failed" in result:
            raise SystemExit(f"{method} failed: {result['failed']}")


def run(method, ground, number, limit_s):
    """Run one method in a process of its own; give its timings, memory and scores."""
    with tempfile.TemporaryDirectory() as folder:
        data, out, words = (Path(folder) / name for name in ("data.npz", "out.npz", "words"))
        write(data, ground, number)
        if method in R_PEERS:
            out = Path(folder) / "out.bin"
            command = [
                "Rscript",
                MODELS / R_PEERS[method],
                data.with_suffix(".csv"),
                out,
                DRAWS,
                number,
                installing.BUILT,
            ]
        elif method in PYTHON_PEERS:
            command = [installing.PYTHON, MODELS / PYTHON_PEERS[method], data, out]
        else:
            command = [sys.executable, MODELS / "with_fadeout.py", data, out, OURS[method]]
        used = processes.timed([str(part) for part in command], limit_s, words)
        told = Path(f"{out}.json")
        if used["exit"] or not told.exists():
            return used | {"failed": words.read_text("utf-8", "replace")[-600:] or "no words"}
        used |= json.loads(told.read_text("utf-8"))
        if not out.exists():  # parameters only
            return used
        drawn = np.fromfile(out).reshape(DRAWS, -1) if method in R_PEERS else np.load(out)["intensity"]
        if not np.all(np.isfinite(drawn)):
            return used | {"failed": f"{int((~np.isfinite(drawn)).sum())} intensities are not finite"}
        return used | scoring.scores(drawn, ground)


def write(path, ground, number):
    """Write what a method may know: boxes, which were searched, their counts. Not the items of the others."""
    rows, cols = ground.grid.shape
    np.savez(
        path, searched=ground.searched, found=ground.found, finds=ground.finds, cell_m=ground.grid.cell_m,
        detection=truths.DETECTION, seed=number, draws=DRAWS,
    )  # fmt: skip
    row, col = np.divmod(np.arange(rows * cols), cols)
    side = ground.grid.cell_m / 1000
    columns = [row, col, (col + 0.5) * side, (rows - row - 0.5) * side, ground.searched.ravel()]
    columns += [ground.found.ravel(), np.full(rows * cols, truths.DETECTION)]
    header = "row,col,x,y,searched,count,detection"
    np.savetxt(path.with_suffix(".csv"), np.column_stack(columns), "%.6g", ",", header=header, comments="")


if __name__ == "__main__":
    main()
