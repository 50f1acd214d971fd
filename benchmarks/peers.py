"""fadeout beside its peers on the same boxes and counts, in one run: `./run python benchmarks/peers.py`.

The peers are installed on first use: Python ones into `.venv-peers` from `peer_models/requirements.txt`, R ones from
Debian. Each method runs in a process of its own, one at a time; whatever is done is kept in the JSON file and not done
again. `--report` prints the table of what is there. All data are SIMULATED.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from peer_models import scoring, truths

HERE = Path(__file__).resolve().parent
MODELS = HERE / "peer_models"
VENV = HERE.parent / ".venv-peers"
DEBIAN = ("r-base-core", "r-cran-mgcv", "r-cran-spatstat.model", "r-cran-tmb")
DRAWS = 2000
PYTHON_PEERS = {"pymc": "with_pymc.py", "numpyro": "with_numpyro.py"}
R_PEERS = {"mgcv": "with_mgcv.R", "tmb": "with_tmb.R", "kppm": "with_kppm.R"}
METHODS = ("fadeout", "fadeout-learned", *R_PEERS, *PYTHON_PEERS)


def main():
    """Install, run what is missing, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=40, help="boxes along each side of the grid (40)")
    parser.add_argument("--replicates", type=int, default=5, help="data sets of each kind of truth (5)")
    parser.add_argument("--truths", nargs="+", choices=truths.KINDS, default=truths.KINDS)
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=METHODS)
    parser.add_argument(
        "--json", type=Path, default=Path("peers.json"), help="results, added to (peers.json)"
    )
    parser.add_argument("--limit-s", type=float, default=1800.0, help="end a method's run after this long")
    parser.add_argument("--report", action="store_true", help="only print the table of what is there")
    given = parser.parse_args()
    kept = json.loads(given.json.read_text("utf-8")) if given.json.exists() else {"runs": []}
    if not given.report:
        usable = [method for method in given.methods if method not in missing(given.methods)]
        kept["machine"] = machine()
        run_all(given, usable, kept)
    print(scoring.table(kept))


def missing(methods):
    """Install what the methods need; give those that cannot be had, and say so."""
    out = []
    if set(methods) & set(PYTHON_PEERS) and not install_python():
        out += PYTHON_PEERS
    if set(methods) & set(R_PEERS):
        lacking = [package for package in DEBIAN if not installed(package)]
        if lacking and shutil.which("apt-get"):
            subprocess.run(["apt-get", "update", "-q"], stdout=sys.stderr, check=False)
            command = ["apt-get", "install", "-q", "-y", "--no-install-recommends", *lacking]
            subprocess.run(command, stdout=sys.stderr, check=False)
        needs = {"mgcv": "r-cran-mgcv", "tmb": "r-cran-tmb", "kppm": "r-cran-spatstat.model"}
        out += [m for m, package in needs.items() if not (installed("r-base-core") and installed(package))]
    for method in out:
        if method in methods:
            print(f"{method}: not installed, left out", file=sys.stderr)
    return out


def installed(package):
    """Whether a Debian package is there."""
    if not shutil.which("dpkg-query"):
        return False
    asked = subprocess.run(["dpkg-query", "-W", "-f", "${Status}", package], capture_output=True, text=True)
    return asked.stdout == "install ok installed"


def install_python():
    """Bring the peers' own environment to what requirements.txt pins; say whether it is there."""
    wanted, mark = MODELS / "requirements.txt", VENV / "installed"
    if mark.exists() and mark.read_bytes() == wanted.read_bytes():
        return True
    python = VENV / "bin" / "python"
    uv = shutil.which("uv") or str(Path(sys.prefix) / "tools" / "bin" / "uv")
    steps = [[uv, "venv", "--quiet", "--allow-existing", "--python", sys.executable, str(VENV)],
             [uv, "pip", "install", "--quiet", "--python", str(VENV), "--requirement", str(wanted)]]  # fmt: skip
    if not Path(uv).exists():
        steps = [[sys.executable, "-m", "venv", str(VENV)],
                 [str(python), "-m", "pip", "install", "-q", "-r", str(wanted)]]  # fmt: skip
    for step in steps:
        if subprocess.run(step, check=False).returncode:
            return False
    mark.write_bytes(wanted.read_bytes())
    return True


def machine():
    """Processor, memory and Python, as told in the results."""
    model = "unknown"
    if Path("/proc/cpuinfo").exists():
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
        model = next(
            (line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), model
        )
    return {"processor": model, "cores": os.cpu_count(), "python": sys.version.split()[0]}


def run_all(given, methods, kept):
    """Run every method on every data set that it has not been run on, and write the results after each."""
    done = {(r["truth"], r["rows"], r["seed"], r["method"]) for r in kept["runs"]}
    for seed in range(1, given.replicates + 1):
        for kind in given.truths:
            ground = truths.ground(kind, given.rows, seed)
            for method in methods:
                if (kind, given.rows, seed, method) in done:
                    continue
                result = {"truth": kind, "rows": given.rows, "seed": seed, "method": method}
                result |= {"finds": len(ground.finds), "items": int(ground.items.sum())}
                result |= run(method, ground, seed, given.limit_s)
                kept["runs"].append(result)
                partial = given.json.with_suffix(".partial")
                partial.write_text(json.dumps(kept, indent=1), encoding="utf-8")
                partial.replace(given.json)
                print(scoring.line(result), file=sys.stderr, flush=True)


def run(method, ground, seed, limit_s):
    """Run one method in a process of its own; give its timings, memory and scores."""
    with tempfile.TemporaryDirectory() as folder:
        data, out = Path(folder) / "data.npz", Path(folder) / "out.npz"
        write(data, ground, seed)
        if method in R_PEERS:
            out = Path(folder) / "out.bin"
            command = ["Rscript", MODELS / R_PEERS[method], data.with_suffix(".csv"), out, DRAWS, seed]
        elif method in PYTHON_PEERS:
            command = [VENV / "bin" / "python", MODELS / PYTHON_PEERS[method], data, out]
        else:
            command = [sys.executable, MODELS / "with_fadeout.py", data, out]
            command += ["learned"] if method == "fadeout-learned" else []
        used = timed([str(part) for part in command], limit_s, Path(folder) / "words")
        told = Path(f"{out}.json")
        if used["exit"] or not told.exists():
            return used | {"failed": (Path(folder) / "words").read_text("utf-8", "replace")[-600:]}
        used |= json.loads(told.read_text("utf-8"))
        if not out.exists():
            return used
        if method in R_PEERS:
            drawn = np.fromfile(out).reshape(DRAWS, ground.items.size)
        else:
            drawn = np.load(out)["intensity"]
        return used | scoring.scores(drawn, ground)


def write(path, ground, seed):
    """Write what a method may know: boxes, which were searched, their counts. Not the items of the others."""
    rows, cols = ground.grid.shape
    np.savez(
        path, searched=ground.searched, found=ground.found, finds=ground.finds, cell_m=ground.grid.cell_m,
        detection=truths.DETECTION, seed=seed, draws=DRAWS,
    )  # fmt: skip
    row, col = np.divmod(np.arange(rows * cols), cols)
    side = ground.grid.cell_m / 1000
    columns = [row, col, (col + 0.5) * side, (rows - row - 0.5) * side, ground.searched.ravel()]
    columns += [ground.found.ravel(), np.full(rows * cols, truths.DETECTION)]
    header = "row,col,x,y,searched,count,detection"
    np.savetxt(path.with_suffix(".csv"), np.column_stack(columns), "%.6g", ",", header=header, comments="")


def timed(command, limit_s, words):
    """Run a command; give wall and processor seconds of the whole process, peak memory and exit code."""
    begun = time.perf_counter()
    with words.open("w", encoding="utf-8") as file:
        process = subprocess.Popen(command, stdout=file, stderr=subprocess.STDOUT)
        while True:
            pid, status, usage = os.wait4(process.pid, os.WNOHANG)
            if pid:
                break
            if time.perf_counter() - begun > limit_s:
                process.kill()
            time.sleep(0.02)
    process.returncode = os.waitstatus_to_exitcode(status)
    return {
        "process_s": time.perf_counter() - begun, "cpu_s": usage.ru_utime + usage.ru_stime,
        "peak_mb": usage.ru_maxrss / 1024, "exit": process.returncode,
    }  # fmt: skip


if __name__ == "__main__":
    main()
