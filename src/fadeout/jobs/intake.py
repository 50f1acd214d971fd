"""From files to one `Survey`, or to every reason why not.

Reads   files in any readable format, a column map, a profile, today's date
Gives   `Survey` in one metric CRS, or `InputRefused` with all problems of all files
Knows   the order in which things are checked; the checks themselves stand in the `intake_…` files beside this one
Start   at `read_survey`; docs/reference/input-errors.md lists every code
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import shapely
from shapely import MultiPolygon, Polygon
from shapely.geometry.base import BaseGeometry

from fadeout.errors import InputRefused, Problem
from fadeout.exchange import column_map as maps
from fadeout.exchange import formats
from fadeout.exchange.layers import RawLayer
from fadeout.jobs import intake_checks as checks
from fadeout.jobs import intake_places as ground
from fadeout.jobs import intake_records
from fadeout.jobs.intake_tables import Table, recognise
from fadeout.records import places
from fadeout.records.kinds import EvidencePoint, SearchedArea, Source, StrikeRecord, Survey
from fadeout.records.profile import Profile

SIMULATED = "SIMULATED"


def read_survey(
    paths: Sequence[Path | str],
    *,
    profile: Profile,
    today: date,
    column_map: Path | str | None = None,
    crs: str | None = None,
    order: str = "auto",
    metric_crs: str | None = None,
    stamp: str = "",
    simulated: bool = False,
) -> Survey:
    """Read files and give all their records in one metric CRS.

    Parameters
    ----------
    paths : sequence of Path
        Files, each with one or several of the layers evidence, searched, strikes, area, excluded.
    profile : Profile
        The programme's standard.
    today : date
        Nothing may be dated after it.
    column_map : Path, optional
        A TOML file that renames foreign layers, columns and values.
    crs : str, optional
        The CRS of inputs that state none.
    order : str
        "lat,lon" if the first of two coordinates is the latitude (KML, GPX and columns named lat and lon
        tell by themselves).
    metric_crs : str, optional
        The CRS to compute in; without it the UTM zone that all inputs share, else that of the place.
    stamp : str
        Words that stand on every product; beside them stand the column map's, and those that inputs carry
        in a column `stamp`.
    simulated : bool
        Whether the data are made up; the stamp then says so.

    Returns
    -------
    Survey

    Raises
    ------
    InputRefused
        With every problem found in one run: code, file, layer, row, remedy.
    """
    problems: list[Problem] = []
    notes: list[str] = []
    _check_arguments(paths, crs, order, metric_crs, problems)
    mapping = _load_map(column_map, problems)
    if problems:
        raise InputRefused(problems)
    layers, sources = _read_files(paths, problems, notes)
    layers = mapping.apply(layers, problems)
    located = ground.sliced(ground.located(layers, crs, order, problems), mapping.slice)
    notes += [note for layer in located for note in layer.notes]
    tables = recognise(located, problems, notes)
    ground.check_crs(tables, problems)
    settled = ground.settle(tables, metric_crs, mapping.slice, problems)
    survey = _survey(tables, settled, profile, today, problems, notes)
    if problems:
        raise InputRefused(_sorted(problems))
    stamps = list(dict.fromkeys(word for word in (stamp, mapping.stamp, *_carried(layers)) if word))
    made_up = simulated or mapping.simulated or any(word.upper().startswith(SIMULATED) for word in stamps)
    return replace(survey, sources=tuple(sources), simulated=made_up, stamp=_stamp(stamps, made_up))


def _survey(
    tables: Sequence[Table],
    settled: ground.Settled,
    profile: Profile,
    today: date,
    problems: list[Problem],
    notes: list[str],
) -> Survey:
    """Make records of every table, check them against each other, and gather them."""
    told = {(p.file, p.layer) for p in problems}
    whole = all(p.layer and p.code != "intake.unknown-layer" for p in problems)  # every file was read
    evidence: list[EvidencePoint] = []
    searched: list[SearchedArea] = []
    strikes: list[StrikeRecord] = []
    shapes: dict[str, list[BaseGeometry]] = {"area": [], "excluded": []}
    before = len(problems)
    for n, table in enumerate(tables):
        here = settled.shapes.get(n, [None] * len(table.layer))
        if table.role == "evidence":
            evidence += intake_records.evidence(table, here, profile, today, problems)
        elif table.role == "searched":
            searched += intake_records.searched(table, here, profile, today, problems)
        elif table.role == "strikes":
            strikes += intake_records.strikes(table, here, profile, today, problems)
        else:
            shapes[table.role] += [shape for shape in here if shape is not None]
    faulty = {(p.file, p.layer) for p in problems[before:]} | told
    sound = {
        role: whole and _sound(role, tables, faulty) for role in ("evidence", "searched", "strikes", "area")
    }
    checks.unique_ids(tables, problems)
    if sound["evidence"] and sound["searched"]:
        evidence = checks.link_finds(evidence, searched, profile, problems)
    if sound["searched"]:
        checks.finds_on_searched_ground(evidence, searched, profile, problems)
    strikes, doubles = checks.merge_duplicates(strikes, profile, problems)
    area, assumed = _area(shapes["area"], settled, (*evidence, *searched, *strikes), profile)
    if assumed and sound["area"]:
        checks.one_place((*evidence, *searched, *strikes), problems)
        notes.append(
            f"no area was given: the hull of the inputs with a margin of {profile.area_margin_m:g} m stands in"
        )
    elif sound["area"] and area is not None:
        checks.inside_area(area, evidence, searched, strikes, profile, problems)
    excluded = _union(shapes["excluded"])
    checks.not_on_excluded(evidence, excluded, profile, problems)
    if area is None and not problems:
        problems.append(_nothing())
    return Survey(
        crs=settled.crs,
        area=area if area is not None else Polygon(),
        evidence=tuple(evidence),
        searched=tuple(searched),
        strikes=tuple(strikes),
        excluded=excluded,
        area_assumed=assumed,
        notes=tuple(notes + doubles + checks.remarks(evidence, searched, strikes, profile)),
    )


def _area(
    drawn: Sequence[BaseGeometry],
    settled: ground.Settled,
    records: Sequence[EvidencePoint | SearchedArea | StrikeRecord],
    profile: Profile,
) -> tuple[Polygon | MultiPolygon | None, bool]:
    """The ground to assess, and whether it is assumed: the area given, the slice's box, or the inputs' hull."""
    if drawn:
        return _union(drawn), False
    if settled.slice_box is not None:
        return _union([settled.slice_box]), False
    shapes = [r.ground if isinstance(r, SearchedArea) else r.place for r in records]
    if not shapes:
        return None, True
    hull = shapely.convex_hull(shapely.union_all([shapely.convex_hull(shape) for shape in shapes]))
    return _union([hull.buffer(max(profile.area_margin_m, profile.box_side_m))]), True


def _union(shapes: Sequence[BaseGeometry]) -> Polygon | MultiPolygon | None:
    if not shapes:
        return None
    whole = shapely.union_all(shapely.make_valid(np.array(list(shapes), dtype=object)))
    polygons = [part for part in shapely.get_parts(whole) if part.geom_type == "Polygon" and part.area > 0]
    return polygons[0] if len(polygons) == 1 else MultiPolygon(polygons)


def _sound(role: str, tables: Sequence[Table], faulty: set[tuple[str, str]]) -> bool:
    """Whether no table of that role had a fault: only then may its absence be held against other rows."""
    return not any(table.role == role and table.place in faulty for table in tables)


def _read_files(
    paths: Sequence[Path | str], problems: list[Problem], notes: list[str]
) -> tuple[list[RawLayer], list[Source]]:
    layers: list[RawLayer] = []
    sources: list[Source] = []
    seen: set[Path] = set()
    for path in map(Path, paths):
        if path.resolve() in seen:
            notes.append(f"{path.name} was given twice and read once")
            continue
        seen.add(path.resolve())
        try:
            found = formats.read(path)
        except InputRefused as refused:
            problems += refused.problems
            continue
        layers += found
        names = tuple(layer.name for layer in found)
        sources += [Source(name, digest, names) for name, digest in formats.digests(path)]
    return layers, sources


def _check_arguments(
    paths: Sequence[Path | str], crs: str | None, order: str, metric: str | None, problems: list[Problem]
) -> None:
    if not paths:
        message = "no file was given"
        problems.append(Problem("intake.nothing", message, "name at least one file with a layer of evidence"))
    if order not in ground.ORDERS:
        remedy = f"write one of {', '.join(ground.ORDERS)}"
        problems.append(Problem("intake.bad-order", f"the order of axes is '{order}'", remedy))
    for text in (crs, metric):
        if text:
            _check_crs_text(text, "", problems)
    if metric and not problems and not places.is_metric(metric):
        message = f"{metric} is no flat CRS in metres"
        problems.append(Problem("intake.bad-crs", message, "name a UTM zone, e.g. EPSG:32648"))


def _check_crs_text(text: str, file: str, problems: list[Problem]) -> None:
    try:
        places.crs_of(text)
    except ValueError as error:
        problems.append(Problem("intake.bad-crs", str(error), "name it by its code, e.g. EPSG:32648", file))


def _load_map(path: Path | str | None, problems: list[Problem]) -> maps.ColumnMap:
    if path is None:
        return maps.ColumnMap()
    try:
        mapping = maps.load(path)
    except InputRefused as refused:
        problems += refused.problems
        return maps.ColumnMap()
    named = {mapping.crs, mapping.slice.crs if mapping.slice else "", *(entry.crs for entry in mapping.layer)}
    for text in sorted(named - {""}):
        _check_crs_text(text, mapping.file, problems)
    return mapping


def _carried(layers: Sequence[RawLayer]) -> list[str]:
    """Stamps that the inputs themselves carry, in a column `stamp`, as our own products do."""
    return [
        str(value)
        for layer in layers
        for value in layer.columns.get(layer.column("stamp") or "", ())
        if value
    ]


def _stamp(stamps: Sequence[str], simulated: bool) -> str:
    unsaid = simulated and not any(SIMULATED in word.upper() for word in stamps)
    return "; ".join([SIMULATED, *stamps] if unsaid else stamps)


def _nothing() -> Problem:
    message = "the inputs hold no evidence, no searched ground, no strike record and no area"
    return Problem("intake.nothing", message, "give at least one layer with rows")


def _sorted(problems: Sequence[Problem]) -> list[Problem]:
    """By file, layer and row; each once."""
    return sorted(dict.fromkeys(problems), key=lambda p: (p.file, p.layer, p.row or 0))
