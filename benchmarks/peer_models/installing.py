"""Bring the peers here: Python ones into `.venv-peers` (ignored by git), R ones from Debian, TMB's template compiled.

Reads   `requirements.txt`, the Debian packages that are there
Gives   the methods that cannot be run, each with the reason
Knows   nothing of models
Start   at `install`
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

MODELS = Path(__file__).resolve().parent
VENV = MODELS.parents[1] / ".venv-peers"
PYTHON = VENV / "bin" / "python"
BUILT = VENV / "tmb"
DEBIAN = {"mgcv": "r-cran-mgcv", "kppm": "r-cran-spatstat.model", "tmb": "r-cran-tmb"}
BUILD_TMB = 'TMB::compile("lgcp.cpp", flags = "-O2 -w", framework = "TMBad")'


def install(methods, python_peers, r_peers):
    """Install what the methods need and is not there; give those that cannot be had, with the reason."""
    lacking = {}
    wanted = [method for method in methods if method in python_peers]
    if wanted and not _python():
        lacking |= dict.fromkeys(wanted, "its Python packages could not be installed")
    wanted = [method for method in methods if method in r_peers]
    absent = [p for p in ("r-base-core", *(DEBIAN[m] for m in wanted)) if not _is_there(p)] if wanted else []
    if absent and shutil.which("apt-get"):
        _run(["apt-get", "update", "-q"])
        _run(["apt-get", "install", "-q", "-y", "--no-install-recommends", *absent])
    for method in wanted:
        if not (_is_there("r-base-core") and _is_there(DEBIAN[method])):
            lacking[method] = f"{DEBIAN[method]} is not installed"
    if "tmb" in wanted and "tmb" not in lacking and not _template():
        lacking["tmb"] = "its template could not be compiled"
    return lacking


def _python():
    """Bring the peers' own environment to what requirements.txt pins; say whether it is there."""
    wanted, mark = MODELS / "requirements.txt", VENV / "installed"
    if mark.exists() and mark.read_bytes() == wanted.read_bytes():
        return True
    uv = shutil.which("uv") or str(Path(sys.prefix) / "tools" / "bin" / "uv")
    steps = [[uv, "venv", "--quiet", "--allow-existing", "--python", sys.executable, str(VENV)],
             [uv, "pip", "install", "--quiet", "--python", str(VENV), "--requirement", str(wanted)]]  # fmt: skip
    if not Path(uv).exists():
        steps = [[sys.executable, "-m", "venv", str(VENV)],
                 [str(PYTHON), "-m", "pip", "install", "-q", "-r", str(wanted)]]  # fmt: skip
    if not all(_run(step) for step in steps):
        return False
    mark.write_bytes(wanted.read_bytes())
    return True


def _template():
    """Compile TMB's template once for each state of it, which takes a minute; say whether it is there."""
    source, copy = MODELS / "lgcp.cpp", BUILT / "lgcp.cpp"
    if copy.exists() and copy.read_bytes() == source.read_bytes() and (BUILT / "lgcp.so").exists():
        return True
    shutil.rmtree(BUILT, ignore_errors=True)
    BUILT.mkdir(parents=True)
    shutil.copy(source, copy)
    return _run(["Rscript", "-e", BUILD_TMB], BUILT)


def _is_there(package):
    """Whether a Debian package is installed."""
    if not shutil.which("dpkg-query"):
        return False
    asked = subprocess.run(["dpkg-query", "-W", "-f", "${Status}", package], capture_output=True, text=True)
    return asked.stdout == "install ok installed"


def _run(command, folder=None):
    print(" ".join(command), file=sys.stderr, flush=True)
    return subprocess.run(command, stdout=sys.stderr, check=False, cwd=folder).returncode == 0
