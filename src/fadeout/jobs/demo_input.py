"""The demonstration's input as files that anybody can open: a GeoPackage and a profile, both marked SIMULATED.

Reads   the shipped strike records (demo_strikes.csv), a `Simulated` survey
Gives   DIR/simulated-survey.gpkg with the layers evidence, searched, strikes and area; DIR/demo-profile.toml
Knows   our own input format (docs/how-to/your-own-data.md), as any user would
Start   at `write`
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from shapely import Point
from shapely.geometry.base import BaseGeometry

from fadeout.errors import InputRefused
from fadeout.exchange import formats, geopackage
from fadeout.exchange.layers import Value
from fadeout.exchange.qgis import Fill, Marker, Rule, Style, Test
from fadeout.exchange.tables import locate
from fadeout.jobs.demo_survey import Simulated
from fadeout.records import places

CRS = "EPSG:32648"  # UTM zone 48 north
STAMP = "SIMULATED finds and searches; real strike records (THOR)"
SURVEY, PROFILE = "simulated-survey.gpkg", "demo-profile.toml"

PROFILE_TEXT = """\
# The demonstration's profile: the shipped one (`fadeout profile show`), with these values of its own.
based_on = "default"
name = "demonstration"
version = "1"

strikes_per_km2 = { value = 0.2, source = "assumed for the demonstration: most strikes here have a record" }
items_per_strike = { value = 50.0, source = "assumed for the demonstration: fifty years of finds and clearance since" }
"""
TENTH = (
    "a tenth of the shipped value, assumed for the demonstration: fifty years of finds and clearance since"
)
MUNITIONS = (  # items that one carrier leaves, names in the records
    ("cbu24", 9.8, ("CBU49",)),
    ("cbu58", 11.4, ("CBU71",)),
    ("rockeye", 4.0, ("Mk20", "CBU99", "CBU100")),
)

Columns = dict[str, tuple[Value, ...]]

ITEM, OTHER = Marker("diamond", 3.2, "#000000", "#ffffff", 0.2), Marker("diamond", 3.2, "#ffffff")
EVIDENCE = Style(
    (
        Rule("Item found", (ITEM,), (Test("kind", "=", "item"),)),
        Rule("Fragment", (OTHER,), (Test("kind", "=", "fragment"),)),
        Rule("Accident", (Marker("triangle", 3.6, "#000000"),), (Test("kind", "=", "accident"),)),
        Rule("Report, no item seen", (Marker("circle", 3.2),), (Test("kind", "=", "report"),)),
    )
)
SEARCHED = Style(
    (
        Rule("Complete", (Fill("#dbe4f1", 0.4, "#3f5a86"),), (Test("outcome", "=", "complete"),)),
        Rule("Partial", (Fill(None, 1.0, "#3f5a86"),), (Test("outcome", "=", "partial"),)),
        Rule(
            "Left at a find",
            (Fill("#ffffff", 0.4, "#3f5a86", 0.4, "dash"),),
            (Test("outcome", "=", "stopped_at_find"),),
        ),
        Rule(
            "Not searchable",
            (Fill(None, 1.0, "#000000", 0.3, "dot"),),
            (Test("outcome", "=", "not_searchable"),),
        ),
    )
)
STRIKES = Style((Rule("Strike record", (Marker("cross", 3.5, outline_mm=0.4),)),))
AREA = Style((Rule("Ground to assess", (Fill(None, 1.0, "#000000", 0.5),)),))


def strike_records() -> tuple[Columns, NDArray[np.float64]]:
    """Read the shipped records: columns as they stand, and places, shape (n, 2), metres in `CRS`."""
    with as_file(files("fadeout.jobs").joinpath("demo_strikes.csv")) as path:
        (layer,) = formats.read(path)
    located, problems = locate(layer)
    if problems or located.crs is None:
        raise InputRefused(problems)  # the shipped file is broken
    lonlat = np.array([(place.x, place.y) for place in located.geometries if isinstance(place, Point)])
    return layer.columns, places.move_xy(lonlat, located.crs, CRS)


def write(folder: Path, survey: Simulated) -> tuple[Path, Path]:
    """Write the survey and its profile; give their paths."""
    records, xy = strike_records()
    layers = [_evidence(survey), _strikes(records, xy), _searched(survey), _area(survey)]
    path = folder / SURVEY
    geopackage.write(path, layers, CRS, stamp=STAMP)
    munitions = [_munition(*one) for one in MUNITIONS]
    (folder / PROFILE).write_text("\n".join([PROFILE_TEXT, *munitions]), encoding="utf-8")
    return path, folder / PROFILE


def _munition(name: str, items: float, aliases: Sequence[str]) -> str:
    listed = ", ".join(f'"{alias}"' for alias in aliases)
    return (
        f"[items_by_munition.{name}]\nitems_per_carrier = {items}\nitems_shape = 0.7\n"
        f'source = "{TENTH}"\naliases = [{listed}]\n'
    )


def _evidence(survey: Simulated) -> geopackage.Layer:
    points = survey.evidence
    columns = {
        **_texts(points, "id", "kind", "how", "searched_id"),
        "found_on": _days([one.found_on for one in points]),
        "position_error_m": np.array([one.position_error_m for one in points], dtype=np.float64),
    }
    words = "Made-up finds, fragments, accidents and reports."
    return _layer("evidence", "Point", [one.place for one in points], columns, words, EVIDENCE)


def _searched(survey: Simulated) -> geopackage.Layer:
    areas = survey.searched
    columns = {
        **_texts(areas, "id", "method", "outcome", "team", "kind"),
        "searched_on": _days([one.searched_on for one in areas]),
        "share_searched": np.array(
            [one.share_searched if one.outcome == "partial" else np.nan for one in areas]
        ),
    }
    words = "Made-up searches. All other ground is NOT SEARCHED."
    return _layer("searched", "Polygon", [one.shape for one in areas], columns, words, SEARCHED)


def _strikes(records: Mapping[str, Sequence[Value]], xy: NDArray[np.float64]) -> geopackage.Layer:
    columns: dict[str, NDArray[Any]] = {
        name: _objects([str(value or "") for value in records[name]])
        for name in ("id", "munition", "source", "remark")
    }
    columns["struck_on"] = np.array(records["struck_on"], dtype="datetime64[D]")
    columns["carriers"] = np.array([int(str(value)) for value in records["carriers"]], dtype=np.int32)
    for name in ("position_error_m", "credibility"):
        columns[name] = np.array([float(str(value)) for value in records[name]])
    words = "Real records of THOR. A record is not yet a strike."
    return _layer("strikes", "Point", [Point(place) for place in xy], columns, words, STRIKES)


def _area(survey: Simulated) -> geopackage.Layer:
    columns = {"name": _objects(["Demonstration area"])}
    return _layer("area", "Polygon", [survey.area], columns, "The ground to assess.", AREA)


def _layer(
    name: str,
    geometry: str,
    shapes: Sequence[BaseGeometry],
    columns: Mapping[str, NDArray[Any]],
    words: str,
    style: Style,
) -> geopackage.Layer:
    return geopackage.Layer(name, geometry, _objects(shapes), columns, words, style)


def _texts(rows: Sequence[Any], *names: str) -> dict[str, NDArray[np.object_]]:
    return {name: _objects([getattr(row, name) or None for row in rows]) for name in names}


def _days(days: Sequence[date | None]) -> NDArray[np.datetime64]:
    return np.array([np.datetime64("NaT") if day is None else day for day in days], dtype="datetime64[D]")


def _objects(values: Sequence[Any]) -> NDArray[np.object_]:
    out = np.empty(len(values), dtype=object)
    out[:] = list(values)
    return out
