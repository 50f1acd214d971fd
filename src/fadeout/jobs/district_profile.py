"""The district's profile as TOML that `assess --profile` takes as it is, and that a person can read.

Reads   the profile that was begun from, a `District`, the summary
Gives   `text`, the same for the same inputs; `is_ours`
Knows   the profile's format; nothing of how the numbers were learned
Start   at `text`

It stands alone: every value of the profile begun from is in it, learned or not.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fadeout.jobs.searching import REPORTS
from fadeout.model.district import District, Weighed
from fadeout.records import profile as profiles
from fadeout.records.profile import FIXED, FootprintShape, Method, Profile, method_key

MARK = "# Made by fadeout calibrate."
BEFORE = ("name", "version", "digest", "value_sources", "methods", "footprints", "items_by_munition")
SUREST = 10_000.0  # more than this is not written: no set of areas is that sure


def is_ours(path: Path) -> bool:
    """Whether a file is a profile that this job wrote."""
    try:
        with path.open(encoding="utf-8") as file:
            return file.readline().startswith(MARK)
    except (OSError, UnicodeDecodeError):
        return False


def text(profile: Profile, learned: District, summary: Mapping[str, Any]) -> str:
    """Write the profile: comments, plain values, methods, footprints, munitions of its own."""
    source = _source(summary)
    changed = _learned(profile, learned, _sizes(profile))
    lines = [*_head(summary), ""]
    name = f"district after {len(summary['areas'])} areas"
    lines += [f"name = {_quoted(_marked(name, summary))}", f"version = {_quoted(profile.version)}", ""]
    rows = {row["key"]: row for row in summary["numbers"]}
    for key in type(profile).model_fields:
        if key in BEFORE:
            continue
        if key in rows:
            lines.append(f"# {_told(rows[key])}")
        value = changed.get(key, getattr(profile, key))
        why = source if key in changed else profile.value_sources.get(key, "assumed")
        lines.append(f"{key} = {{ value = {_plain(value)}, source = {_quoted(why)} }}")
    for key, method in profile.methods.items():
        lines += ["", *_method(key, method, learned, source)]
    lines += _footprints(profile, learned, summary, source)
    shipped = profiles.load().items_by_munition
    for key, items in profile.items_by_munition.items():
        if shipped.get(key) != items:
            lines += ["", f"[items_by_munition.{_quoted(key)}]"]
            lines += [f"{name} = {_plain(value)}" for name, value in items.model_dump().items()]
    return "\n".join([*lines, ""])


def _head(summary: Mapping[str, Any]) -> Iterator[str]:
    yield f"{MARK} A profile: fadeout assess INPUT... --profile THIS --out DIR"
    for stamp in summary["stamps"]:
        yield f"# {_line(stamp)}"
    begun = _line(summary["profile"]["name"])
    yield f"# fadeout {summary['version']}, seed {summary['seed']}; begun from the profile {begun}."
    yield "# Learned from these finished areas, and no other:"
    for area in summary["areas"]:
        yield (
            f"#   {_line(area['name'])}: {area['km2']:.2f} km², {area['searched_share']:.0%} searched, {area['finds']} "
            f"finds, {area['strikes']:.1f} strikes, {area['records']} strike records"
        )
        for file in area["files"]:
            yield f"#     {_line(file['file'])} sha256 {file['sha256']}"
    still = [row["name"] for row in summary["numbers"] if not row["moved"]]
    yield f"# The areas did not move: {'; '.join(still) if still else 'nothing; all numbers below moved'}."
    yield "# Assumed alike in all areas: items per strike, footprints, single items, detection, records."
    for note in summary["notes"]:
        yield f"# Note: {_line(note)}."


def _told(row: Mapping[str, Any]) -> str:
    before = f"{row['prior_median']:.3g} ({row['prior_low']:.3g} to {row['prior_high']:.3g})"
    after = f"{row['median']:.3g} ({row['low']:.3g} to {row['high']:.3g})"
    return f"median (90 %): before {before}, district {after}; {row['words']}"


def _source(summary: Mapping[str, Any]) -> str:
    areas = summary["areas"]
    words = (
        f"fadeout calibrate: {len(areas)} finished areas, {sum(area['km2'] for area in areas):.2f} km², "
        f"{sum(area['finds'] for area in areas)} finds"
    )
    return _marked(words, summary)


def _marked(words: str, summary: Mapping[str, Any]) -> str:
    return f"{summary['stamps'][0]}: {words}" if summary["stamps"] else words


# ---- values


def _learned(profile: Profile, learned: District, sizes: NDArray[np.int64]) -> dict[str, float | str]:
    """The values that the areas taught, by the profile's names."""
    kept = 1.0 - profile.removed_share
    mean, shape = learned.strikes
    items, spread = _log_normal(learned.items)
    middle, shape_spread = _log_normal(learned.shape)
    out: dict[str, float | str] = {
        "strikes_per_km2": mean,
        "strikes_certainty": shape,
        "items_per_strike": math.exp(items + spread**2 / 2) / kept,
        "items_spread": spread,
        "items_shape": math.exp(middle),
        "items_shape_spread": shape_spread,
        "footprints_certainty": max(min(learned.sure_weights(sizes), SUREST), 1e-3),
    }
    if profile.removed_certainty != FIXED:
        out["removed_certainty"] = FIXED  # items are learned as they are left: its doubt is in their spread
    if profile.background_per_km2 > 0:
        out["background_per_km2"] = learned.background.mean
        out["background_certainty"] = _sure(learned.background.mean**2, learned.background.sd**2)
    if learned.credible is not None and learned.scale is not None:
        out["default_credibility"] = learned.credible.mean
        out["credibility_odds_factor"] = profile.credibility_odds_factor * _odds(
            learned.credible.mean, profile.default_credibility
        )
        out["position_error_factor"] = profile.position_error_factor * math.exp(_log_normal(learned.scale)[0])
    for name, after in learned.detection:
        if name == REPORTS:
            out["reporting_probability"] = after.mean
            out["reporting_certainty"] = _beta_sure(after)
    return out


def _sizes(profile: Profile) -> NDArray[np.int64]:
    """Which size and kind each shape has, bearings put together."""
    kinds = [(one.sigma_major_m, one.sigma_minor_m, one.kind) for one in profile.footprints]
    return np.array([sorted(set(kinds)).index(kind) for kind in kinds], dtype=np.int64)


def _odds(after: float, before: float) -> float:
    before = min(max(before, 0.01), 0.99)
    return after / (1 - after) / (before / (1 - before))


def _log_normal(after: Weighed) -> tuple[float, float]:
    logs = Weighed(np.log(np.maximum(after.values, 1e-300)), after.weights)
    return logs.mean, max(logs.sd, 1e-3)


def _sure(square: float, variance: float) -> float:
    return min(square / max(variance, 1e-12), SUREST)


def _beta_sure(after: Weighed) -> float:
    return max(_sure(after.mean * (1 - after.mean), after.sd**2) - 1.0, 1e-3)


def _method(key: str, method: Method, learned: District, source: str) -> Iterator[str]:
    """A method's table; a detection that was learned counts the laid-out items already."""
    after = {method_key(name): value for name, value in learned.detection}.get(key)
    yield f"[methods.{_quoted(key)}]"
    if after is None:
        values = {name: value for name, value in method.model_dump().items() if value not in (None, "")}
        if method.detection_alpha is not None:
            values.pop("detection")
        if not method.seeded_laid:
            values = {name: value for name, value in values.items() if not name.startswith("seeded")}
    else:
        values = {"detection": after.mean, "certainty": _beta_sure(after), "kind": method.kind}
        values |= {"independent_repeats": method.independent_repeats}
        values |= {} if method.depth_cm is None else {"depth_cm": method.depth_cm}
        values |= {"source": source}
    for name, value in values.items():
        yield f"{name} = {_plain(value)}"


def _footprints(
    profile: Profile, learned: District, summary: Mapping[str, Any], source: str
) -> Iterator[str]:
    """The shapes by size; a size's weight is spread over its bearings as it was: bearings are each area's own."""
    sizes: dict[tuple[float, float, str], list[int]] = {}
    for n, shape in enumerate(profile.footprints):
        sizes.setdefault((shape.sigma_major_m, shape.sigma_minor_m, shape.kind), []).append(n)
    rows = {row["key"]: row for row in summary["numbers"]}
    for (major, minor, kind), members in sizes.items():
        yield ""
        row = rows.get(f"footprints.{major:g}x{minor:g}.{kind}")
        if row is not None:
            yield f"# share of strikes, {_told(row)}"
        share = float(learned.weights[members].sum())
        total = sum(profile.footprints[n].weight for n in members)
        for n in members:
            shape = profile.footprints[n]
            part = shape.weight / total if total > 0 else 1 / len(members)
            yield from _footprint(shape, share * part, source)


def _footprint(shape: FootprintShape, weight: float, source: str) -> Iterator[str]:
    yield "[[footprints]]"
    yield f"sigma_major_m = {_plain(shape.sigma_major_m)}"
    yield f"sigma_minor_m = {_plain(shape.sigma_minor_m)}"
    yield f"bearing_deg = {_plain(shape.bearing_deg)}"
    yield f"weight = {_plain(weight)}"
    yield f"kind = {_quoted(shape.kind)}"
    yield f"source = {_quoted(source + '; shape: ' + shape.source)}"


# ---- TOML


def _plain(value: Any) -> str:
    """One value as TOML; numbers to four significant digits.

    Examples
    --------
    >>> _plain(0.123456), _plain(8), _plain("fixed"), _plain(True), _plain(("a",))
    ('0.1235', '8', '"fixed"', 'true', '["a"]')
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return _quoted(value)
    if isinstance(value, tuple | list):
        return f"[{', '.join(_plain(one) for one in value)}]"
    return str(value) if isinstance(value, int) else str(float(f"{value:.4g}"))


def _quoted(words: str) -> str:
    return json.dumps(words, ensure_ascii=False).replace("\x7f", "\\u007f")


def _line(words: str) -> str:
    """Words on one line of comment, whatever a file's name holds."""
    return "".join(letter if letter.isprintable() else "?" for letter in words)
