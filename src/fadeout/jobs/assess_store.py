"""The main job on a store: the records of one hazardous area, assessed, and the run kept as a record.

Reads   a store, the id of a hazardous area
Gives   `Outcome`, as `assess` does, with the records used beside it in DIR/input; a record of the run in the store
Knows   which records belong to an area, and which kinds of evidence an assessment reads
Start   at `assess_area`

The records are written as a survey that `fadeout assess` reads like any other, so that a run can be looked at, repeated
and updated without the store.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from fadeout.errors import InputRefused, Problem
from fadeout.exchange import geopackage
from fadeout.jobs import assess, demo_input, runs
from fadeout.jobs.assess import Outcome, Progress, Request
from fadeout.jobs.intake_tables import ROLES
from fadeout.records import places
from fadeout.records import profile as profiles
from fadeout.records.access import Viewer
from fadeout.records.catalogue import KINDS
from fadeout.records.record import Record
from fadeout.records.store import Store

SURVEY = "survey.gpkg"
AS_EVIDENCE = {  # what a class of evidence is to an assessment: only items are finds
    "item": "item",
    "destroyed": "item",
    "fragment": "fragment",
    "accident": "accident",
}
LAYERS = {"evidence": "evidence", "searched": "searched", "strikes": "strike"}  # of a survey, and their kinds
STYLES = {
    "evidence": demo_input.EVIDENCE,
    "searched": demo_input.SEARCHED,
    "strikes": demo_input.STRIKES,
    "area": demo_input.AREA,
}


@dataclass(frozen=True)
class Asked:
    """Which area of which store, as it stood when; how far around it the ground is assessed too."""

    store: Store
    area: str
    who: str
    as_of: str | None = None
    margin_m: float | None = None  # the profile's if not given


def assess_area(
    asked: Asked,
    request: Request,
    *,
    now: datetime,
    memory_bytes: int | None = None,
    progress: Progress | None = None,
) -> Outcome:
    """Assess a hazardous area of a store, and keep the run there as a record.

    Raises
    ------
    InputRefused
        If there is no such area, if it has no place, or with every faulty record; nothing is written.
    """
    profile = profiles.load(request.profile)
    with runs.folder(request.out) as folder:
        path = folder / "input" / SURVEY
        path.parent.mkdir()
        hazard, records = write_survey(asked, profile, path)
        filled = replace(
            request,
            inputs=(path,),
            title=request.title or f"Where remnants may remain: {asked.area}",
            command=_command(asked, request),
        )
        done = assess.walk(filled, folder, now=now, memory_bytes=memory_bytes, progress=progress)
    _keep(asked, done, hazard, records, now)
    return done


def write_survey(
    asked: Asked, profile: profiles.Profile, path: Path
) -> tuple[Record, dict[str, list[Record]]]:
    """Write the records of an area and its surroundings as a survey that `fadeout assess` reads; give area and records.

    Raises
    ------
    InputRefused
        If there is no such area, or if it has no place.
    """
    viewer = Viewer(asked.who, "manager")
    hazard = asked.store.get("hazardous_area", asked.area, viewer, asked.as_of)
    if hazard is None or hazard.shape is None:
        message = f"there is no hazardous area '{asked.area}' with a place in the store"
        remedy = "see: fadeout records list hazardous_area"
        raise InputRefused([Problem("store.no-area", message, remedy)])
    margin = profile.area_margin_m if asked.margin_m is None else asked.margin_m
    ground = _widened(hazard.shape, margin)
    records = _records(asked, viewer, ground)
    _write(path, records, ground, hazard)
    return hazard, records


def _widened(shape: BaseGeometry, margin_m: float) -> BaseGeometry:
    """The ground within a distance of a shape, both in longitude and latitude."""
    flat = places.metric_crs(*places.centre_lonlat([shape], places.WGS84))
    wide = places.move([shape], places.WGS84, flat)[0].buffer(margin_m)
    return places.move([wide], flat, places.WGS84)[0]


def _records(asked: Asked, viewer: Viewer, ground: BaseGeometry) -> dict[str, list[Record]]:
    """The records of each layer that lie in the ground, strike records also those around it."""
    shapely.prepare(ground)
    around = _widened(ground, 1_000.0)
    shapely.prepare(around)
    found = {}
    for layer, kind in LAYERS.items():
        reach = around if layer == "strikes" else ground
        rows = asked.store.all(kind, viewer, as_of=asked.as_of, bbox=reach.bounds)
        found[layer] = [one for one in rows if one.shape is not None and reach.intersects(one.shape)]
    found["evidence"] += _found_in(asked, viewer, found)
    return found


def _found_in(asked: Asked, viewer: Viewer, found: dict[str, list[Record]]) -> list[Record]:
    """Finds of searches that reach out of the ground: a box that was stopped needs its find, wherever in it that lies."""
    searches = {one.id for one in found["searched"]}
    known = {one.id for one in found["evidence"]}
    bounds = [one.shape.bounds for one in found["searched"] if one.shape is not None]
    if not bounds:
        return []
    west, south, east, north = zip(*bounds, strict=True)
    near = (min(west), min(south), max(east), max(north))
    rows = asked.store.all("evidence", viewer, as_of=asked.as_of, bbox=near)
    return [one for one in rows if one.id not in known and one.values.get("searched_id") in searches]


def _write(path: Path, records: dict[str, list[Record]], ground: BaseGeometry, hazard: Record) -> None:
    stamps = {str(one.values.get("stamp", "")) for some in records.values() for one in some}
    stamp = "; ".join(sorted((stamps | {str(hazard.values.get("stamp", ""))}) - {""}))
    layers = [_layer("area", "MultiPolygon", [Record("", hazard.id, {"name": hazard.id}, ground)], "id name")]
    for layer in LAYERS:
        columns = " ".join(ROLES[layer].columns)
        lines = [one for one in records[layer] if _is_line(one)]
        areas = [one for one in records[layer] if not _is_line(one)]
        layers.append(_layer(layer, "MultiPolygon" if layer == "searched" else "Point", areas, columns))
        if lines:
            layers.append(_layer("searched_tracks", "MultiLineString", lines, columns))
    geopackage.write(path, layers, places.WGS84, stamp=stamp)


def _layer(name: str, geometry: str, records: Sequence[Record], columns: str) -> geopackage.Layer:
    shapes = np.empty(len(records), dtype=object)
    shapes[:] = [_multi(one.shape, geometry) for one in records]
    about = KINDS["strike" if name == "strikes" else "searched" if "searched" in name else "evidence"].by_name
    filled = {
        column: _column(
            [_value(one, column, name) for one in records], about[column].type if column in about else "text"
        )
        for column in columns.split()
    }
    words = "Records of the store. Ground without a search is NOT SEARCHED."
    style = STYLES["searched" if "searched" in name else name]
    return geopackage.Layer(name, geometry, shapes, filled, words, style)


def _is_line(record: Record) -> bool:
    return record.shape is not None and "Line" in str(record.shape.geom_type)


def _multi(shape: Any, geometry: str) -> Any:
    if geometry == "MultiLineString" and shape.geom_type == "LineString":
        return shapely.MultiLineString([shape])
    return shape


def _value(record: Record, column: str, layer: str) -> Any:
    if column == "id":
        return record.id
    value = record.values.get(column)
    if layer == "evidence" and column == "kind" and value is not None:
        return AS_EVIDENCE.get(str(value), "report")
    return value


def _column(values: list[Any], type_: str) -> Any:
    if type_ in ("real", "share", "whole"):
        return np.array([np.nan if value is None else float(value) for value in values])
    if type_ == "date":
        return np.array([np.datetime64(value or "NaT") for value in values], dtype="datetime64[D]")
    out = np.empty(len(values), dtype=object)
    out[:] = values
    return out


def _command(asked: Asked, request: Request) -> str:
    words = assess.command(replace(request, inputs=(Path("STORE"),)))
    more = f"--store STORE --area {asked.area}" + (f" --as-of {asked.as_of}" if asked.as_of else "")
    return words.replace("fadeout assess STORE", f"fadeout assess {more}")


def _keep(
    asked: Asked, done: Outcome, hazard: Record, records: dict[str, list[Record]], now: datetime
) -> None:
    """Keep the run as a record: what went in, with versions; what came out; by which version of the program."""
    text = json.dumps(done.summary, sort_keys=True, ensure_ascii=False)
    used = {
        layer: hashlib.sha256("\n".join(f"{one.id} {one.version}" for one in some).encode()).hexdigest()
        for layer, some in records.items()
    }
    inputs = {
        "records": {layer: len(some) for layer, some in records.items()},
        "versions_sha256": used,
        "hazardous_area_version": hazard.version,
        "files": done.summary.get("inputs", []),
    }
    when = now.astimezone(UTC)
    info = done.assessment.info
    values: dict[str, Any] = {
        "ran_at": when.replace(tzinfo=None).isoformat(timespec="seconds") + "Z",
        "hazard_id": asked.area,
        "seed": info.seed,
        "made_by": f"fadeout {info.version}",
        "profile": f"{info.profile_name} {info.profile_digest[:12]}",
        "inputs": json.dumps(inputs, sort_keys=True, ensure_ascii=False),
        "summary": text,
        "summary_sha256": hashlib.sha256((done.folder / runs.SUMMARY).read_bytes()).hexdigest(),
        "verdict": done.assessment.verdict.words,
        "simulated": bool(done.assessment.survey.simulated),
    }
    if done.assessment.survey.stamp:
        values["stamp"] = done.assessment.survey.stamp
    run = Record("run", f"RUN-{asked.area}-{when:%Y%m%dT%H%M%SZ}", values, hazard.shape)
    with asked.store.change(who=asked.who, why=f"assessment of {asked.area}") as change:
        change.put([run])
