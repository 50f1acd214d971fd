"""Files in which every value carries its source: `box_side_m = { value = 50, source = "recalled, confirm" }`.

Reads   TOML files, the shipped ones among them
Gives   values and their sources apart, and every fault of such a file as a `Problem`
Knows   the notation; not which values there are
Start   at `part`; `profile` and `standard` are its callers
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

from fadeout.errors import InputRefused, Problem

Reader = Callable[[Any], Any]


def raw(path: Path | str, shipped: tuple[str, ...], folder: str) -> tuple[bytes, str]:
    """Read a file by its path, or by the name of a shipped one in a folder of this room; give its bytes and name."""
    name = str(path)
    if name in shipped:
        return files("fadeout.records").joinpath(f"{folder}/{name}.toml").read_bytes(), f"{name}.toml"
    try:
        return Path(name).read_bytes(), Path(name).name
    except OSError as error:
        message = f"the profile cannot be read: {error.strerror or error}"
        raise InputRefused(
            [Problem("profile.unreadable", message, "check the path", Path(name).name)]
        ) from error


def toml(given: bytes, name: str) -> dict[str, Any]:
    """Read TOML; refuse what is not."""
    try:
        return tomllib.loads(given.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        remedy = "mend the line, or begin again from a copy of the shipped profile"
        raise InputRefused(
            [Problem("profile.not-toml", f"this is not TOML: {error}", remedy, name)]
        ) from error


def part(
    given: Mapping[str, Any], name: str, tables: Mapping[str, Reader]
) -> tuple[dict[str, Any], list[Problem]]:
    """Part each `{ value, source }` into the value and its source.

    `tables` are the entries whose parts carry their own sources; each is read by the function beside its name. Sources
    come back under `value_sources`.

    Examples
    --------
    >>> part({"depth_cm": {"value": 20, "source": "assumed"}}, "mine.toml", {})
    ({'depth_cm': 20, 'value_sources': {'depth_cm': 'assumed'}}, [])
    """
    problems, sources = [], {}
    plain: dict[str, Any] = {}
    for key, entry in given.items():
        if key in ("name", "version"):
            plain[key] = str(entry)
        elif key in tables:
            plain[key] = tables[key](entry)
        elif isinstance(entry, dict) and "value" in entry and str(entry.get("source", "")).strip():
            plain[key] = entry["value"]
            sources[key] = str(entry["source"])
        else:
            remedy = (
                f'write {key} = {{ value = …, source = "…" }}, with the source "assumed" if there is none'
            )
            problems.append(Problem("profile.no-source", f"'{key}' has no value with a source", remedy, name))
    plain["value_sources"] = sources
    return plain, problems


def problem(fault: Any, name: str, base: str) -> Problem:
    """Say one fault that pydantic found in words; `base` is the shipped file that others may stand on."""
    place = ".".join(str(step) for step in fault["loc"]) or "profile"
    if fault["type"] == "value_error":
        said = str(fault["ctx"]["error"])
        return Problem(
            "profile.contradiction", f"'{place}': {said}", "see the comments of the shipped profile", name
        )
    if fault["type"] == "missing":
        remedy = f'copy it from the shipped profile, or write based_on = "{base}" at the top of the file'
        return Problem("profile.missing", f"'{place}' is missing", remedy, name)
    if fault["type"] == "extra_forbidden":
        remedy = "check the spelling, or take it out"
        return Problem("profile.unknown", f"'{place}' is not a value of a profile", remedy, name)
    got = fault.get("input")
    message = f"'{place}' is {got!r}: {fault['msg'][0].lower()}{fault['msg'][1:]}"
    return Problem("profile.bad-value", message, "see the comments of the shipped profile", name)
