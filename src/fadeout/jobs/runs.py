"""A run's folder: whole or not at all.

Reads   the folder asked for; the clock as an argument
Gives   a folder to fill, which takes its name only when all is written; timings.json with digests of every file
Knows   how an earlier run is told from a person's own folder; nothing of what products mean
Start   at `folder`

summary.json holds no time; timings.json holds all that two equal runs do not share.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fadeout.errors import InputRefused, Problem
from fadeout.jobs.figures import SCHEMA

if TYPE_CHECKING:
    from fadeout.jobs.assessment import Assessment

SUMMARY, TIMINGS = "summary.json", "timings.json"
PRODUCTS = (
    *("hazard.gpkg", "hazard.tif", "next_boxes.gpx", "next_boxes.kml"),
    *("report.html", "report.pdf", SUMMARY, TIMINGS, "estimate.npz"),
)
PARTS = ("numpy", "scipy", "numba", "shapely", "pyproj", "pyogrio", "rasterio")
MARK = SCHEMA.partition("/")[0]  # any version of ours
TIMED = "fadeout-timings"


@contextmanager
def folder(out: Path, *, inputs: Iterable[Path] = ()) -> Iterator[Path]:
    """Give a new folder to fill; it takes the place of `out` at the end, or goes if anything fails.

    The folder is built beside `out` under a hidden name. An earlier run in `out` stays whole until the new
    one is, and is then replaced as a whole. Any exception, Ctrl-C too, leaves what was there before.

    Parameters
    ----------
    out : Path
        Where the run is to lie: a new name, an empty folder, or an earlier run.
    inputs : iterable of Path, optional
        Files that the run reads; an earlier run that holds one of them is not replaced.

    Raises
    ------
    InputRefused
        If `out` is a file, holds files that no run of fadeout wrote, or cannot be written.
    """
    target = out.expanduser().resolve()
    problem = _refusal(target, inputs)
    if problem:
        raise InputRefused([problem])
    made = _make_parents(target.parent, out)
    building = target.with_name(f".{target.name}.part-{secrets.token_hex(4)}")
    try:
        _make(building, out)
        yield building
        _put_in_place(building, target)
    except BaseException:
        _remove(building)
        for parent in made:
            with suppress(OSError):
                parent.rmdir()
        raise


def close(
    assessment: Assessment,
    summary: Mapping[str, Any],
    folder: Path,
    seconds: Mapping[str, float] | None = None,
) -> None:
    """Write timings.json: when the run was made, how long each part took, and the SHA-256 of every file.

    Parameters
    ----------
    assessment : Assessment
        Its `info.created_at` dates the run.
    summary : mapping
        Its versions and digests are of the same run; the schema and seed are repeated beside the time.
    folder : Path
        As `folder` gave it, with every product written.
    seconds : mapping, optional
        Seconds that each part of the job took, by name.
    """
    seal(assessment.info.created_at, summary["seed"], folder, seconds)


def seal(created_at: str, seed: int | None, folder: Path, seconds: Mapping[str, float] | None = None) -> None:
    """The same for a run that is no assessment; no seed where nothing was drawn."""
    told = {
        "schema": f"{TIMED}/1",
        "created_at": created_at,
        **({} if seed is None else {"seed": seed}),
        "seconds": {name: round(value, 3) for name, value in (seconds or {}).items()},
        "files": digests(folder),
    }
    text = json.dumps(told, indent=1, ensure_ascii=False)
    (folder / TIMINGS).write_text(f"{text}\n", encoding="utf-8")


def digests(folder: Path) -> dict[str, str]:
    """Give the SHA-256 of every file in a folder, by its name from there; timings.json is left out."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {
        path.relative_to(folder).as_posix(): _digest(path)
        for path in files
        if path.relative_to(folder).as_posix() != TIMINGS
    }


def versions(
    names: Sequence[str] = ("numpy", "scipy", "numba", "shapely", "pyproj", "pyogrio", "rasterio"),
) -> dict[str, str]:
    """Give the versions of the parts that decide figures and files; a part that is not there is left out.

    Examples
    --------
    >>> "numpy" in versions()
    True
    """
    found = {}
    for name in names:
        with suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


# ---- what may be replaced ---------------------------------------------------------------------


def _refusal(target: Path, inputs: Iterable[Path]) -> Problem | None:
    """Why a run may not be put there; None if it may."""
    name = target.name or str(target)
    if not target.exists():
        return None
    if not target.is_dir():
        return Problem("out.not-a-folder", f"'{name}' is a file", "name a folder with --out")
    if target == Path.cwd() or target in Path.cwd().parents or os.path.ismount(target):
        message = f"'{name}' is the folder you work in, holds it, or is a mount; it cannot be put in place as a whole"
        return Problem("out.in-use", message, "name a new folder inside it with --out")
    inside = [path.name for path in inputs if target in path.expanduser().resolve().parents]
    if inside:
        message = f"the input {', '.join(inside)} lies in '{name}', which this run would replace"
        return Problem("out.holds-input", message, "name another folder with --out")
    if not any(target.iterdir()):
        return None
    if not _is_run(target):
        message = f"the folder '{name}' holds files and is no earlier run of fadeout"
        return Problem("out.not-empty", message, "name a new or empty folder with --out")
    foreign = _foreign(target)
    if foreign:
        named = ", ".join(foreign[:5]) + (" ..." if len(foreign) > 5 else "")
        message = f"the earlier run in '{name}' also holds files that fadeout did not write: {named}"
        return Problem("out.foreign-files", message, "move them elsewhere, or name another folder with --out")
    return None


def _is_run(folder: Path) -> bool:
    """Whether summary.json or timings.json there is one of ours."""
    schemas = (str(_read(folder / name).get("schema", "")).partition("/")[0] for name in (SUMMARY, TIMINGS))
    return any(schema in (MARK, TIMED) for schema in schemas)


def _foreign(folder: Path) -> list[str]:
    """Files that no run wrote. What a map program leaves beside ours (hazard.gpkg-wal, hazard.tif.aux.xml) is ours."""
    listed = _read(folder / TIMINGS).get("files", {})
    ours = {*PRODUCTS, *(listed if isinstance(listed, dict) else ())}
    names = [path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir()]
    beside = tuple(f"{name}{sign}" for name in ours for sign in (".", "-"))
    return sorted(name for name in names if name not in ours and not name.startswith(beside))


def _read(path: Path) -> dict[str, Any]:
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return told if isinstance(told, dict) else {}


# ---- putting it in place ----------------------------------------------------------------------


def _make_parents(parent: Path, out: Path) -> list[Path]:
    """Make the folders above the run; give those made, the deepest first."""
    missing = [one for one in (parent, *parent.parents) if not one.exists()]
    for one in reversed(missing):
        _make(one, out)
    return missing


def _make(path: Path, out: Path) -> None:
    try:
        path.mkdir(exist_ok=False)
    except OSError as error:
        message = f"the folder '{out.name}' cannot be made: {error.strerror or error}"
        problem = Problem("out.not-writable", message, "name a folder that you may write with --out")
        raise InputRefused([problem]) from error


def _put_in_place(building: Path, target: Path) -> None:
    """Give the finished folder its name; an earlier run comes back if that fails."""
    if not target.exists():
        building.rename(target)
        return
    earlier = target.with_name(f".{target.name}.old-{secrets.token_hex(4)}")
    try:
        target.rename(earlier)
        building.rename(target)
    except BaseException:
        if earlier.exists() and not target.exists():
            earlier.rename(target)
        raise
    _remove(earlier)


def _remove(path: Path) -> None:
    """Remove a folder, even where Ctrl-C is pressed again meanwhile."""
    for _ in range(3):
        try:
            shutil.rmtree(path, ignore_errors=True)
        except KeyboardInterrupt:
            continue
        return


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
