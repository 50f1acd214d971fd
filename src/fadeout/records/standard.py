"""A national standard for survey and release: what a box, an edge and a hazardous area need, each value with its source.

Reads   a TOML file (shipped ones stand in standards/; copy one, or base one on it)
Gives   `Standard`, frozen: name, version, digest of its content, and the values as plain attributes
Knows   nothing of boxes or areas themselves; `boxes`, `hazardous` and `rules` apply it
Start   at `load`

Values stand as in a profile: `{ value = 50.0, source = "recalled, confirm" }`. A citation, "assumed" or "recalled,
confirm" is a source; a value without one is refused. `based_on = "south-east-asia"`, or the path of another file beside
this one, takes from there what a file leaves out. The digest is that of values and sources after that, so that it
changes when the standard underneath does, and not when a comment does.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from fadeout.errors import InputRefused, Problem
from fadeout.records import sourced
from fadeout.records.catalogue import EVIDENCE_CLASSES, KINDS

SHIPPED = ("south-east-asia", "single-strike")  # what may be named in place of a file
DEFAULT = SHIPPED[0]
FOLDER = "standards"
BOX_STATES = KINDS["box"].by_name["state"].choices
NEVER_DIRECT = (
    "strike_record",
)  # a lead: no box and no confirmed area comes of it (docs/explanation/land-release.md)


class BoxLook(BaseModel):
    """How a map shows a state of a box: name, colour, and a hatch and letter for eyes and printers without colour."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(min_length=1)
    colour: str = Field(pattern="^#[0-9a-f]{6}$")
    hatch: str = ""
    letter: str = Field(min_length=1, max_length=1)
    source: str = Field(min_length=1)


class Standard(BaseModel):
    """A national standard under one version. Units stand in the names."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(min_length=1)
    version: str = Field(min_length=1)
    digest: str = ""  # SHA-256 of the content

    box_side_m: float = Field(gt=0, allow_inf_nan=False)
    growth: Literal[4, 8]  # neighbours of a box with evidence that are searched next
    growth_from_trace: bool  # whether boxes with a trace alone grow too
    outward_stop_boxes: int = Field(ge=1, le=20)  # clear boxes one behind another that close a direction
    stop_in_box: Literal["first_find", "whole_box"]
    effort_min: float = Field(ge=0, allow_inf_nan=False)  # least minutes in a box; 0 asks for none
    effort_share: float = Field(ge=0, le=1)  # least share of a box; 0 asks for none

    found_by: tuple[str, ...] = Field(min_length=1)  # classes of evidence that make a box "found"
    trace_by: tuple[str, ...]  # classes that make it "trace"
    direct: tuple[str, ...] = Field(min_length=1)  # classes that confirm an area

    cha_rule: Literal["union", "hull"]
    cha_with_trace: bool
    buffer_m: float = Field(ge=0, allow_inf_nan=False)
    single_box: Literal["cha", "spot_task"]
    fadeout_m: float = Field(ge=0, allow_inf_nan=False)
    depth_cm: float = Field(ge=0, allow_inf_nan=False)

    states: dict[str, BoxLook]
    value_sources: dict[str, str] = Field(default_factory=dict)

    @field_validator("found_by", "trace_by", "direct")
    @classmethod
    def _known_classes(cls, given: tuple[str, ...]) -> tuple[str, ...]:
        unknown = [name for name in given if name not in EVIDENCE_CLASSES]
        if unknown:
            raise ValueError(f"{', '.join(unknown)}: write {', '.join(EVIDENCE_CLASSES)}")
        if leads := [name for name in given if name in NEVER_DIRECT]:
            raise ValueError(
                f"{', '.join(leads)} is a lead for survey, and never evidence of a box or an area"
            )
        return given

    @field_validator("states")
    @classmethod
    def _every_state(cls, given: dict[str, BoxLook]) -> dict[str, BoxLook]:
        missing = [name for name in BOX_STATES if name not in given]
        unknown = [name for name in given if name not in BOX_STATES]
        if missing or unknown:
            told = [f"no {name}" for name in missing] + [f"{name} is no state" for name in unknown]
            raise ValueError(f"{'; '.join(told)}; the states are {', '.join(BOX_STATES)}")
        for what in ("colour", "letter"):
            looks = [getattr(look, what) for look in given.values()]
            if len(set(looks)) < len(looks):
                raise ValueError(f"two states have one {what}: a map could not tell them apart")
        return given

    @model_validator(mode="after")
    def _hold_together(self) -> Self:
        if self.effort_min == 0 and self.effort_share == 0:
            raise ValueError(
                "effort_min and effort_share are both 0: a box would be clear without any search"
            )
        if both := set(self.found_by) & set(self.trace_by):
            raise ValueError(f"{', '.join(sorted(both))} stands in found_by and in trace_by")
        return self

    @property
    def label(self) -> str:
        """Name, version and the start of the digest: what a record says it was classified under."""
        return f"{self.name} {self.version} ({self.digest[:8]})"

    def sources(self) -> tuple[tuple[str, str, str], ...]:
        """Give (name, value, source) of every value, for the report."""
        return tuple(self._rows())

    def _rows(self) -> Iterator[tuple[str, str, str]]:
        for name, source in self.value_sources.items():
            value = getattr(self, name)
            yield name, ", ".join(value) if isinstance(value, tuple) else f"{value}", source
        for name, look in self.states.items():
            yield f"states.{name}", f"{look.name}, {look.colour}, {look.letter}", look.source


def load(path: Path | str | None = None) -> Standard:
    """Read a standard by its file or by the name of a shipped one; None reads south-east-asia.

    Raises
    ------
    InputRefused
        With every value that is missing, has no source, or cannot be.

    Examples
    --------
    >>> standard = load()
    >>> standard.box_side_m, standard.value_sources["box_side_m"]
    (50.0, 'recalled, confirm: usual in South-East Asian survey; 25 and 100 m elsewhere')
    >>> load("single-strike").growth
    8
    """
    given, name = _with_base(DEFAULT if path is None else path, ())
    plain, problems = sourced.part(given, name, {"states": lambda entries: entries})
    if problems:
        raise InputRefused(problems)
    try:
        standard = Standard.model_validate(plain)
    except ValidationError as error:
        raise InputRefused([sourced.problem(fault, name, DEFAULT) for fault in error.errors()]) from error
    return standard.model_copy(update={"digest": digest(standard)})


def digest(standard: Standard) -> str:
    """SHA-256 of a standard's name, version, values and sources, whatever the order they were written in."""
    content = standard.model_dump(mode="json", exclude={"digest"})
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def shipped_text(name: str = DEFAULT) -> str:
    """Give the text of a shipped standard, for a programme to copy and change.

    Examples
    --------
    >>> 'name = "single-strike"' in shipped_text("single-strike")
    True
    """
    if name not in SHIPPED:
        message = f"no standard '{name}' is shipped"
        raise InputRefused([Problem("profile.unreadable", message, f"write {' or '.join(SHIPPED)}")])
    return sourced.raw(name, SHIPPED, FOLDER)[0].decode("utf-8")


def _with_base(path: Path | str, above: tuple[str, ...]) -> tuple[dict[str, Any], str]:
    """Read a file over the one it is based on; single states replace those of the same name."""
    key = str(path) if str(path) in SHIPPED else str(Path(path).resolve())
    content, name = sourced.raw(path, SHIPPED, FOLDER)
    if key in above:
        message = f"it is based on itself, through {len(above)} file(s)"
        raise InputRefused([Problem("profile.contradiction", message, "take out one based_on", name)])
    given = sourced.toml(content, name)
    base = given.pop("based_on", None)
    if base is None:
        return given, name
    under = base if base in SHIPPED else Path(path).parent / str(base)
    below, _ = _with_base(under, (*above, key))
    merged = {**below, **given}
    if isinstance(given.get("states"), dict):
        merged["states"] = {**below.get("states", {}), **given["states"]}
    return merged, name
