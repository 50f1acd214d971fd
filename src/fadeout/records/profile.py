"""A programme's standard: every number that the programme, not the data, decides, each with its source.

Reads   a TOML file (the shipped one is profiles/default.toml; copy it and change it)
Gives   `Profile`, frozen, its values as plain attributes; `Profile.sources()` tells where each came from
Knows   nothing of grids, fits or files other than this one
Start   at `load`

In the file each value stands as `{ value = 50, source = "recalled, confirm" }` or in a table with its own
`source`. A value without a source is refused; write "assumed" where there is none.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from fadeout.errors import InputRefused
from fadeout.records import munition_items, sourced

DEFAULT = "default"
SHIPPED = (DEFAULT, "learning")  # what may be named in place of a file
Positive = Field(gt=0, allow_inf_nan=False)
NotNegative = Field(ge=0, allow_inf_nan=False)
Share = Field(ge=0, le=1)
FIXED: Literal["fixed"] = "fixed"
Unsure = Annotated[float, Field(gt=0, allow_inf_nan=False)] | Literal["fixed"]  # how unsure a number is


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Method(_Part):
    """One way to search: the chance that one pass detects an item, how sure that is, and what a repeat is worth.

    `detection` is a number, or the mean of a Beta prior when `detection_alpha` and `detection_beta` are given. The data
    may move it if these or `certainty` (α + β: as sure as after so many items laid out) are given; else it is known.
    `seeded_found` of `seeded_laid` items laid out for quality control were found, by `seeded_source`.
    `independent_repeats` false: the same team and method twice in one place count once.
    """

    detection: float = Field(gt=0, le=1)
    source: str = Field(min_length=1)
    kind: Literal["survey", "clearance"] = "survey"
    independent_repeats: bool = False
    detection_alpha: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    detection_beta: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    certainty: Unsure | None = None
    seeded_found: int = Field(default=0, ge=0)
    seeded_laid: int = Field(default=0, ge=0)
    seeded_source: str = ""
    depth_cm: float | None = Field(default=None, ge=0)

    @model_validator(mode="before")
    @classmethod
    def _mean_of_beta(cls, given: Any) -> Any:
        if not isinstance(given, Mapping):
            return given
        alpha, beta = given.get("detection_alpha"), given.get("detection_beta")
        if (alpha is None) != (beta is None):
            raise ValueError("detection_alpha and detection_beta belong together")
        if alpha is not None and ("detection" in given or "certainty" in given):
            raise ValueError("give detection_alpha and detection_beta, or detection and certainty, not both")
        if isinstance(alpha, int | float) and isinstance(beta, int | float) and alpha > 0 and beta > 0:
            return {**given, "detection": alpha / (alpha + beta)}
        return given

    @model_validator(mode="after")
    def _seeded(self) -> Self:
        if self.seeded_found > self.seeded_laid:
            raise ValueError(f"{self.seeded_found} of {self.seeded_laid} laid-out items cannot be found")
        if self.seeded_laid and self.sureness is None:
            raise ValueError("laid-out items teach nothing about a fixed detection: give its certainty")
        if self.seeded_laid and not self.seeded_source.strip():
            raise ValueError("seeded_laid needs seeded_source: who laid the items out, and when")
        if self.sureness is not None and not self.detection < 1:
            raise ValueError('a detection of 1 leaves nothing to learn: give less, or certainty = "fixed"')
        return self

    @property
    def sureness(self) -> float | None:
        """α + β of the Beta prior of detection; None where detection is known."""
        if self.detection_alpha is not None and self.detection_beta is not None:
            return self.detection_alpha + self.detection_beta
        return None if self.certainty in (None, FIXED) else float(self.certainty)

    @property
    def in_words(self) -> str:
        """Its numbers in words."""
        sure = "fixed" if self.sureness is None else f"as sure as after {self.sureness:g} items"
        laid = f"; {self.seeded_found} of {self.seeded_laid} laid-out items found" if self.seeded_laid else ""
        return f"detection {self.detection:g}, {sure}{laid}"


class FootprintShape(_Part):
    """One footprint shape: standard deviations along and across, the long axis' bearing, prior weight, kind."""

    sigma_major_m: float = Positive
    sigma_minor_m: float = Positive
    bearing_deg: float = Field(default=0.0, ge=0, lt=360)
    weight: float = Field(default=1.0, ge=0, allow_inf_nan=False)
    kind: Literal["gaussian", "heavy", "far", "ring"] = "gaussian"
    source: str = Field(min_length=1)


class MunitionItems(_Part):
    """Items that one carrier of a munition leaves: submunitions carried × share that failed, and how sure that is."""

    items_per_carrier: float = Positive
    items_shape: float = Positive
    source: str = Field(min_length=1)
    aliases: tuple[str, ...] = ()


class Profile(_Part):
    """A programme's standard. Units stand in the names."""

    name: str = Field(min_length=1)
    version: str = Field(min_length=1)
    digest: str = ""  # SHA-256 of the file

    box_side_m: float = Positive
    growth: Literal[4, 8]
    fadeout_m: float = NotNegative
    depth_cm: float = NotNegative

    evidence_position_error_m: float = NotNegative  # of a find or report that states none
    default_position_error_m: float = NotNegative  # of a strike record that states none
    default_credibility: float = Share  # of a strike record that states none
    # what `fadeout calibrate` learns of strike records; profiles that do not say take records as they stand
    position_error_factor: float = Field(
        default=1.0, gt=0, allow_inf_nan=False
    )  # times stated and default errors
    credibility_odds_factor: float = Field(
        default=1.0, gt=0, allow_inf_nan=False
    )  # times odds of stated ones
    duplicate_distance_m: float = NotNegative  # strike records this near ...
    duplicate_days: int = Field(ge=0)  # ... and this close in time may be one event
    area_margin_m: float = NotNegative  # around the hull of the inputs, when no area is given

    methods: dict[str, Method]
    footprints: tuple[FootprintShape, ...] = Field(min_length=1)
    strikes_per_km2: float = NotNegative
    items_per_strike: float = Positive
    items_shape: float = Positive
    items_by_munition: dict[str, MunitionItems] = Field(default_factory=dict)
    background_per_km2: float = NotNegative

    strikes_certainty: Unsure  # Gamma shape of strikes per km²: 1 is an exponential distribution
    items_spread: Unsure  # standard deviation of the logarithm of mean items per strike
    items_shape_spread: Unsure  # the same of items_shape
    background_certainty: Unsure  # Gamma shape of background per km²
    footprints_certainty: Unsure  # weights as sure as after so many strikes
    repeats_detect_at_most: float = Field(gt=0, le=1)  # all passes together, unless one alone detects more
    removed_share: float = Field(ge=0, lt=1)  # of the items a strike left, gone without a record
    removed_certainty: Unsure  # α + β of its Beta distribution

    reporting_probability: float = Field(
        gt=0, lt=1
    )  # that an item where people report would have been reported
    reporting_certainty: Unsure  # α + β of its Beta distribution
    reporting_distance_m: float = Positive  # how far from a report that chance fades

    hazard_share: float = Field(gt=0, lt=1)
    hazard_confidence: float = Field(gt=0, lt=1)
    completion_required: float = Field(gt=0, lt=1)
    next_boxes: int = Field(ge=1)

    value_sources: dict[str, str] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _learnable(self) -> Self:
        """What is nought cannot be learned: its distribution about a mean of nought is a point."""
        for name, unsure in (
            ("strikes_per_km2", self.strikes_certainty),
            ("background_per_km2", self.background_certainty),
            ("removed_share", self.removed_certainty),
        ):
            if getattr(self, name) == 0 and unsure != FIXED:
                raise ValueError(f'{name} is 0, so its certainty must be "fixed"')
        return self

    def believed(self, credibility: float | None) -> float:
        """Chance that a strike record is true: the stated one's odds times `credibility_odds_factor`, or the default."""
        if credibility is None:
            return self.default_credibility
        odds = self.credibility_odds_factor * credibility
        return odds / (1.0 - credibility + odds)

    def method(self, name: str) -> Method | None:
        """Find a method by name, without regard to case, spaces and hyphens; None if the profile has none such."""
        return self.methods.get(method_key(name))

    def munition(self, text: str) -> MunitionItems | None:
        """Find the munition that a record's text begins with ("CBU24 AN PR/MT" → cbu24); the longest name wins."""
        best, length = None, 0
        for key, items in self.items_by_munition.items():
            for name in (key, *items.aliases):
                if len(name) > length and _munition_pattern(name).match(text.strip()):
                    best, length = items, len(name)
        return best

    def sources(self) -> tuple[tuple[str, str, str], ...]:
        """Give (name, value, source) of every value, for the report."""
        return tuple(self._rows())

    def _rows(self) -> Iterator[tuple[str, str, str]]:
        for name, source in self.value_sources.items():
            yield name, f"{getattr(self, name)}", source
        for name, method in self.methods.items():
            yield (
                f"methods.{name}",
                method.in_words,
                "; ".join(filter(None, (method.source, method.seeded_source))),
            )
        for shape in self.footprints:
            size = (
                f"{shape.sigma_major_m:g} × {shape.sigma_minor_m:g} m, {shape.bearing_deg:g}°, {shape.kind}"
            )
            yield "footprints", f"{size}, weight {shape.weight:g}", shape.source
        for name, items in self.items_by_munition.items():
            value = f"{items.items_per_carrier:g} items per carrier, shape {items.items_shape:g}"
            yield f"items_by_munition.{name}", value, items.source


def load(path: Path | str | None = None) -> Profile:
    """Read a profile by its file or by the name of a shipped one; None reads the shipped default.

    A file that says `based_on = "default"` takes from the shipped one what it leaves out.

    Raises
    ------
    InputRefused
        With every value that is missing, has no source, or cannot be.

    Examples
    --------
    >>> profile = load()
    >>> profile.box_side_m, profile.methods["visual"].source
    (50.0, 'assumed')
    """
    raw, name = sourced.raw(DEFAULT if path is None else path, SHIPPED, "profiles")
    given = sourced.toml(raw, name)
    if given.pop("based_on", None) == DEFAULT:
        given = _over(sourced.toml(sourced.raw(DEFAULT, SHIPPED, "profiles")[0], DEFAULT), given)
    plain, problems = sourced.part(given, name, TABLES)
    mine = plain.get("items_by_munition", {})
    if isinstance(mine, dict):
        plain["items_by_munition"] = {**_shipped_munitions(), **mine}
    if problems:
        raise InputRefused(problems)
    try:
        return Profile.model_validate({**plain, "digest": hashlib.sha256(raw).hexdigest()})
    except ValidationError as error:
        raise InputRefused([sourced.problem(fault, name, DEFAULT) for fault in error.errors()]) from error


def _shipped_munitions() -> dict[str, dict[str, Any]]:
    """Items by munition of the shipped table, for every profile; its own entries replace those of the same name."""
    rows: dict[str, dict[str, Any]] = {}
    for key, kind in munition_items.shipped().items():
        items = munition_items.items_of(kind)
        if items is None or kind.carried is None:
            continue
        least, most = kind.carried
        count = f"{least}" if least == most else f"{least} to {most}"
        rows[key] = {
            "items_per_carrier": float(f"{items.mean:.3g}"),
            "items_shape": float(f"{items.shape:.2g}"),
            "aliases": kind.aliases,
            "source": f"{count} carried, {kind.in_words}; {kind.source} (checked: {kind.checked})",
        }
    return rows


def method_key(name: str) -> str:
    """Write a method's name as the profile does: lower case, words joined by underscores."""
    return re.sub(r"[\s\-]+", "_", name.strip().lower())


def _over(base: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    """Lay a profile over the shipped one: single methods and munitions replace those of the same name."""
    merged = {**base, **given}
    for table in ("methods", "items_by_munition"):
        if isinstance(given.get(table), dict):
            merged[table] = {**base.get(table, {}), **given[table]}
    return merged


def _methods(entries: Any) -> Any:
    if not isinstance(entries, dict):
        return entries
    return {method_key(method): table for method, table in entries.items()}


def _as_it_stands(entries: Any) -> Any:
    return entries


def _spread(entries: Any) -> Any:
    """Turn `bearings_deg = [0, 45, …]` into one shape for each bearing."""
    if not isinstance(entries, list):
        return entries
    shapes: list[Any] = []
    for entry in entries:
        if not isinstance(entry, dict) or not isinstance(entry.get("bearings_deg"), list):
            shapes.append(entry)
            continue
        shared = {key: value for key, value in entry.items() if key != "bearings_deg"}
        shapes += [{**shared, "bearing_deg": bearing} for bearing in entry["bearings_deg"]]
    return shapes


TABLES: dict[str, sourced.Reader] = {
    "methods": _methods,
    "items_by_munition": _as_it_stands,
    "footprints": _spread,
}


def _munition_pattern(name: str) -> re.Pattern[str]:
    """Match a name at the start of a text whatever separates letters from digits: cbu24 = CBU-24 = "CBU 24/B"."""
    parts = re.findall(r"[a-z]+|\d+", name.lower())
    return re.compile(r"[\W_]*".join(re.escape(part) for part in parts) + r"(?!\d)", re.I)
