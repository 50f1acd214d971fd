"""From checked rows to records: evidence points, searched areas, strike records.

Reads   `Table`s with their geometries in the metric CRS, the profile, today's date
Gives   records; every fault of a cell goes to the list of problems
Knows   what each column means and what it is when it is empty; nothing of files or axes
Start   at `evidence`, `searched`, `strikes`
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from datetime import date

from shapely.geometry.base import BaseGeometry

from fadeout.errors import Problem
from fadeout.jobs.intake_tables import HOWS, KINDS, OUTCOMES, SEARCH_KINDS, Row, Table
from fadeout.records.kinds import EvidencePoint, Origin, SearchedArea, StrikeRecord
from fadeout.records.profile import Profile

FAR = 1e5  # m; no position error or swath is larger
DEEP = 1e4  # cm

Shapes = Sequence[BaseGeometry | None]


def evidence(
    table: Table, shapes: Shapes, profile: Profile, today: date, problems: list[Problem]
) -> list[EvidencePoint]:
    """Give the evidence points of a table whose rows hold no fault."""
    records = []
    for row, shape in zip(table.rows(problems), shapes, strict=True):
        before = len(problems)
        record = EvidencePoint(
            id=row.id() if "id" in table.columns else "",
            place=shape,
            origin=_origin(row),
            kind=row.choice("kind", KINDS, "item"),
            how=row.choice("how", HOWS, "survey"),
            found_on=row.day("found_on", today),
            count=row.whole("count", 1),
            munition=row.text("munition"),
            position_error_m=row.real("position_error_m", 0, FAR, "metres"),
            searched_id=row.text("searched_id"),
        )
        if record.how == "opportunistic" and record.searched_id:
            message = f"how is opportunistic, but searched_id names the search '{record.searched_id}'"
            row.refuse("intake.contradiction", message, "write how = survey, or empty searched_id")
        if len(problems) == before and shape is not None:
            records.append(record)
    return records


def searched(
    table: Table, shapes: Shapes, profile: Profile, today: date, problems: list[Problem]
) -> list[SearchedArea]:
    """Give the searched areas of a table whose rows hold no fault."""
    records = []
    for row, shape in zip(table.rows(problems), shapes, strict=True):
        before = len(problems)
        method = row.text("method")
        outcome = row.choice("outcome", OUTCOMES, "complete")
        outcome, share = _share(row, outcome)
        known = profile.method(method)
        record = SearchedArea(
            id=row.id() if "id" in table.columns else "",
            shape=shape,
            origin=_origin(row),
            detection=_detection(row, method, outcome, profile),
            detection_stated=row.raw("detection") is not None,
            method=method,
            outcome=outcome,
            share_searched=share,
            searched_on=row.day("searched_on", today),
            team=row.text("team"),
            kind=row.choice("kind", SEARCH_KINDS, known.kind if known else "survey"),
            swath_m=_swath(row, shape),
            depth_cm=row.real("depth_cm", 0, DEEP, "centimetres"),
        )
        if len(problems) == before and shape is not None:
            records.append(record)
    return records


def strikes(
    table: Table, shapes: Shapes, profile: Profile, today: date, problems: list[Problem]
) -> list[StrikeRecord]:
    """Give the strike records of a table whose rows hold no fault."""
    records = []
    for row, shape in zip(table.rows(problems), shapes, strict=True):
        before = len(problems)
        error = row.real("position_error_m", 0, FAR, "metres")
        credibility = row.share("credibility")
        record = StrikeRecord(
            id=row.id() if "id" in table.columns else "",
            place=shape,
            origin=_origin(row),
            struck_on=row.day("struck_on", today),
            munition=row.text("munition"),
            carriers=row.whole("carriers", 1),
            position_error_m=profile.position_error_factor
            * (profile.default_position_error_m if error is None else error),
            credibility=profile.believed(credibility),
            source=row.text("source"),
            duplicate_of=row.text("duplicate_of"),
        )
        if len(problems) == before and shape is not None:
            records.append(record)
    return records


def _origin(row: Row) -> Origin:
    return Origin(row.table.layer.file, row.table.layer.name, row.number)


def _detection(row: Row, method: str, outcome: str, profile: Profile) -> float:
    """The detection that the row states, else its method's; 0 where nothing could be searched."""
    stated = row.share("detection")
    if stated is not None:
        return stated
    if outcome == "not_searchable" or row.raw("detection") is not None:
        return 0.0
    known = profile.method(method)
    if known is not None:
        return known.detection
    if "method" not in row.table.columns and "detection" not in row.table.columns:
        return 0.0  # told once for the whole table
    names = ", ".join(profile.methods) or "none"
    if not method:
        message = "the row names neither a method nor a detection"
        row.refuse("intake.missing-value", message, f"write a method of the profile ({names}) or a detection")
        return 0.0
    near = difflib.get_close_matches(method.lower(), profile.methods, 1, 0.6)
    hint = f"did you mean '{near[0]}'? " if near else ""
    remedy = f"{hint}the profile '{profile.name}' has {names}; add the method there, or write a detection"
    row.refuse("intake.unknown-method", f"method '{method}' is not in the profile", remedy)
    return 0.0


def _share(row: Row, outcome: str) -> tuple[str, float]:
    """Outcome and share searched: a partial search needs its share; a stopped one with a share is a partial one."""
    share = row.share("share_searched")
    if row.raw("share_searched") is not None and share is None:
        return outcome, 1.0  # told already
    if outcome == "partial" and share is None:
        remedy = "write share_searched from 0 to 1, as no map can tell it"
        row.refuse("intake.missing-value", "the outcome is partial, but share_searched is empty", remedy)
    if outcome == "complete" and share is not None and share < 1:
        message = f"the outcome is complete, but share_searched is {share:g}"
        row.refuse("intake.contradiction", message, "write outcome = partial, or share_searched = 1")
    if outcome == "stopped_at_find" and share is not None:
        return "partial", share  # how much was covered until the find is known: nothing is left to be drawn
    return outcome, 1.0 if share is None else share


def _swath(row: Row, shape: BaseGeometry | None) -> float | None:
    swath = row.real("swath_m", 0, FAR, "metres", above=True)
    line = shape is not None and shape.geom_type in ("LineString", "MultiLineString", "LinearRing")
    if line and swath is None and row.raw("swath_m") is None:
        message = "the ground is a line, and swath_m is empty"
        row.refuse("intake.no-swath", message, "write the width in metres that the searcher covered")
    return swath
