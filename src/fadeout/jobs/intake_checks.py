"""Checks that need several records: ids, finds and their searches, ground, and records of one event.

Reads   records in one metric CRS
Gives   problems, and records mended where only one reading is possible
Knows   the profile's tolerances; nothing of files or columns
Start   at the functions in the order in which `intake.read_survey` calls them
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import shapely
from scipy.spatial import cKDTree
from shapely import STRtree
from shapely.geometry.base import BaseGeometry

from fadeout.errors import Problem
from fadeout.jobs.intake_places import FAR_M, row_words
from fadeout.jobs.intake_tables import Table
from fadeout.records.kinds import EvidencePoint, Origin, SearchedArea, StrikeRecord
from fadeout.records.profile import Profile, method_key

OUTSIDE_FAR_M = 50_000.0  # a search or strike record farther than this from the area is taken for a mistake
OWN_EVENT = "none"  # in duplicate_of: a person has said that this record is an event of its own
SIGMAS = 2.0  # a find may lie this many position errors outside the ground it was found on


def problem(code: str, message: str, remedy: str, origin: Origin) -> Problem:
    """A problem at the row a record came from."""
    return Problem(code, message, remedy, origin.file, origin.layer, origin.row)


def unique_ids(tables: Sequence[Table], problems: list[Problem]) -> None:
    """Tell of ids that stand in several rows of one role, in whichever files."""
    seen: dict[tuple[str, str], Origin] = {}
    for table in tables:
        if "id" not in table.columns or table.role in ("area", "excluded"):
            continue
        for row in table.rows(problems):
            name, here = row.text("id"), Origin(*table.place, row.number)
            first = seen.setdefault((table.role, name), here)
            if name and first != here:
                other = first.file + ", " if first.file != here.file else ""
                message = f"id '{name}' stands also in {other}layer {first.layer}, row {first.row}"
                remedy = "give every row an id of its own"
                problems.append(problem("intake.duplicate-id", message, remedy, here))


def position_error(point: EvidencePoint, profile: Profile) -> float:
    """The position error of an evidence point, the profile's where it states none."""
    return profile.evidence_position_error_m if point.position_error_m is None else point.position_error_m


def effective(search: SearchedArea) -> bool:
    """Whether a search could find anything: not if it was not possible, or nothing was covered."""
    return search.outcome != "not_searchable" and search.detection * search.share_searched > 0


def link_finds(
    evidence: Sequence[EvidencePoint],
    searched: Sequence[SearchedArea],
    profile: Profile,
    problems: list[Problem],
) -> list[EvidencePoint]:
    """Give each item the search it was found by where it names none, and check those it names.

    A box stopped at its find takes the only nameless survey item in it; a stopped box without exactly one find
    is refused, as how much of it was covered hangs on that find.
    """
    by_id = {search.id: search for search in searched}
    points = list(evidence)
    for point in points:
        if point.searched_id:
            _check_named(point, by_id, profile, problems)
    finds: dict[str, list[int]] = defaultdict(list)
    for i, point in enumerate(points):
        if point.kind == "item" and point.searched_id:
            finds[point.searched_id].append(i)
    for search in searched:
        if search.outcome == "stopped_at_find":
            _settle_stopped(search, points, finds, problems)
    return points


def _check_named(
    point: EvidencePoint, by_id: dict[str, SearchedArea], profile: Profile, problems: list[Problem]
) -> None:
    search = by_id.get(point.searched_id)
    name = point.searched_id
    if search is None:
        remedy = "correct searched_id, or add that search to the searched layer"
        message = f"searched_id '{name}' is not the id of any searched ground"
        problems.append(problem("intake.unknown-search", message, remedy, point.origin))
        return
    if not effective(search):
        message = f"searched_id '{name}' names ground that was not searched ({search.outcome})"
        remedy = "correct the outcome of that search, or searched_id"
        problems.append(problem("intake.contradiction", message, remedy, point.origin))
        return
    away = search.ground.distance(point.place)
    if away > SIGMAS * position_error(point, profile):
        message = f"the find lies {away:.0f} m outside the ground of search '{name}' that it names"
        remedy = "correct the place or searched_id, or give the position error"
        problems.append(problem("intake.outside-searched", message, remedy, point.origin))


def _settle_stopped(
    search: SearchedArea, points: list[EvidencePoint], finds: dict[str, list[int]], problems: list[Problem]
) -> None:
    named = finds[search.id]
    if not named:
        inside = shapely.intersects(search.ground, np.array([point.place for point in points], dtype=object))
        named = [
            i
            for i in np.flatnonzero(inside).tolist()
            if points[i].kind == "item" and points[i].how != "opportunistic" and not points[i].searched_id
        ]
        if len(named) == 1:
            points[named[0]] = replace(points[named[0]], searched_id=search.id)
            finds[search.id] = named
    remedy = "name this search in the searched_id of exactly one find, or correct the outcome"
    if len(named) != 1:
        rows = row_words([points[i].origin.row for i in named]) if named else "none"
        message = f"'{search.id}' was stopped at its first find, but {len(named)} finds belong to it ({rows})"
        problems.append(problem("intake.stopped-finds", message, remedy, search.origin))
    elif points[named[0]].count != 1:
        point = points[named[0]]
        message = f"'{search.id}' was stopped at its first find, but the find counts {point.count} items"
        problems.append(problem("intake.stopped-finds", message, remedy, point.origin))


def finds_on_searched_ground(
    evidence: Sequence[EvidencePoint],
    searched: Sequence[SearchedArea],
    profile: Profile,
    problems: list[Problem],
) -> None:
    """Refuse what is said to come from survey or clearance, yet lies outside all searched ground."""
    grounds = [search.ground for search in searched if effective(search)]
    tree = STRtree(grounds) if grounds else None
    for point in evidence:
        if point.how == "opportunistic" or point.kind not in ("item", "fragment") or point.searched_id:
            continue
        away = math.inf
        if tree is not None:
            away = float(tree.query_nearest(point.place, return_distance=True, all_matches=False)[1][0])
        tolerance = SIGMAS * position_error(point, profile)
        if away > tolerance:
            where = "there is no searched ground" if math.isinf(away) else f"the nearest is {away:.0f} m away"
            message = f"{point.kind} marked how = {point.how} lies outside all searched ground ({where})"
            remedy = (
                "add the search that found it to the searched layer, write how = opportunistic if a resident "
                "showed it, or give its position error"
            )
            problems.append(problem("intake.outside-searched", message, remedy, point.origin))


def inside_area(
    area: BaseGeometry,
    evidence: Sequence[EvidencePoint],
    searched: Sequence[SearchedArea],
    strikes: Sequence[StrikeRecord],
    profile: Profile,
    problems: list[Problem],
) -> None:
    """Refuse evidence outside the area, and searches and strike records so far away that they must be mistaken."""
    for point in evidence:
        away = area.distance(point.place)
        if away > SIGMAS * position_error(point, profile):
            message = f"the {point.kind} lies {_far(away)} outside the area"
            remedy = "correct its place, widen the area, or leave it out"
            problems.append(problem("intake.outside-area", message, remedy, point.origin))
    records: list[SearchedArea | StrikeRecord] = [*searched, *strikes]
    for record in records:
        shape = record.place if isinstance(record, StrikeRecord) else record.shape
        away = area.distance(shape)
        if away > OUTSIDE_FAR_M:
            what = "strike record" if isinstance(record, StrikeRecord) else "search"
            message = f"the {what} lies {_far(away)} outside the area"
            remedy = "correct its place, or cut the data with a slice in a column map"
            problems.append(problem("intake.outside-area", message, remedy, record.origin))


def one_place(
    records: Sequence[EvidencePoint | SearchedArea | StrikeRecord], problems: list[Problem]
) -> None:
    """Without an area: refuse records that lie far from all the others."""
    if not records:
        return
    shapes = [r.shape if isinstance(r, SearchedArea) else r.place for r in records]
    bounds = shapely.bounds(np.array(shapes, dtype=object))
    centres = np.column_stack([bounds[:, [0, 2]].mean(axis=1), bounds[:, [1, 3]].mean(axis=1)])
    away = np.hypot(*(centres - np.median(centres, axis=0)).T)
    for record, distance in zip(records, away, strict=True):
        if distance > FAR_M:
            message = (
                f"the row lies {_far(distance)} from the middle of the inputs, and no area says how far to go"
            )
            remedy = "correct its place, give an area layer, or cut the data with a slice in a column map"
            problems.append(problem("intake.far-away", message, remedy, record.origin))


def _far(metres: float) -> str:
    return f"{metres / 1000:.0f} km" if metres > 2000 else f"{metres:.0f} m"


def merge_duplicates(
    strikes: Sequence[StrikeRecord], profile: Profile, problems: list[Problem]
) -> tuple[list[StrikeRecord], list[str]]:
    """Mark strike records that may describe one event, so that it counts once; a person decides.

    Two records are near-duplicates when their places are within the profile's distance, their dates (if both
    state one) within its days, and their munitions (if both state one) alike. What a person wrote in
    `duplicate_of` stands: an id, or "none" for an event of its own.
    """
    ids = {record.id for record in strikes}
    kept = []
    for record in strikes:
        said = record.duplicate_of
        if said and said.lower() != OWN_EVENT and (said not in ids or said == record.id):
            message = f"duplicate_of '{said}' is not the id of another strike record"
            remedy = f"name the record it repeats, or write {OWN_EVENT} if it is an event of its own"
            problems.append(problem("intake.unknown-strike", message, remedy, record.origin))
        kept.append(replace(record, duplicate_of="" if said.lower() == OWN_EVENT else said))
    open_to = [i for i, record in enumerate(strikes) if not record.duplicate_of]
    notes = []
    if len(open_to) > 1 and profile.duplicate_distance_m > 0:
        xy = np.array([(strikes[i].place.x, strikes[i].place.y) for i in open_to])
        pairs = cKDTree(xy).query_pairs(profile.duplicate_distance_m, output_type="ndarray")
        for a, b in sorted((open_to[min(pair)], open_to[max(pair)]) for pair in pairs.tolist()):
            if kept[b].duplicate_of or kept[a].duplicate_of or not _alike(strikes[a], strikes[b], profile):
                continue
            kept[b] = replace(kept[b], duplicate_of=strikes[a].id)
            notes.append(
                f"strike record '{strikes[b].id}' may repeat '{strikes[a].id}' "
                f"({strikes[a].place.distance(strikes[b].place):.0f} m apart): counted once until a person decides "
                f"(column duplicate_of)"
            )
    return kept, notes


def _alike(one: StrikeRecord, other: StrikeRecord, profile: Profile) -> bool:
    if one.munition and other.munition and method_key(one.munition) != method_key(other.munition):
        return False
    if one.struck_on and other.struck_on:
        return abs((one.struck_on - other.struck_on).days) <= profile.duplicate_days
    return True


def not_on_excluded(
    evidence: Sequence[EvidencePoint],
    excluded: BaseGeometry | None,
    profile: Profile,
    problems: list[Problem],
) -> None:
    """Refuse items that lie well inside ground said to hold none."""
    if excluded is None:
        return
    for point in evidence:
        if point.kind == "item" and excluded.contains(point.place):
            depth = excluded.boundary.distance(point.place)
            if depth > SIGMAS * position_error(point, profile):
                message = f"an item was found {depth:.0f} m inside excluded ground, which cannot hold any"
                remedy = "mend the excluded layer, or the find's place"
                problems.append(problem("intake.on-excluded", message, remedy, point.origin))


def remarks(
    evidence: Sequence[EvidencePoint],
    searched: Sequence[SearchedArea],
    strikes: Sequence[StrikeRecord],
    profile: Profile,
) -> list[str]:
    """Say what a reader must know about how these records are used."""
    notes = []
    mute = sum(point.kind != "item" for point in evidence)
    if mute:
        notes.append(f"{mute} fragments, accidents and reports are mapped and listed; they carry no weight")
    idle = [search.id for search in searched if not effective(search)]
    if idle:
        notes.append(f"{len(idle)} searched areas could not be searched and count as not searched")
    unknown = sorted({s.munition for s in strikes if s.munition and profile.munition(s.munition) is None})
    if unknown:
        notes.append(
            f"the profile has no items per carrier for {'; '.join(unknown)}: the general "
            f"{profile.items_per_strike:g} items per strike stand in"
        )
    twins: dict[tuple[float, float], list[str]] = defaultdict(list)
    for point in evidence:
        if point.kind == "item":
            twins[round(point.place.x, 1), round(point.place.y, 1)].append(point.id)
    for ids in twins.values():
        if len(ids) > 1:
            notes.append(
                f"finds {', '.join(ids)} lie at one place: each is counted; merge them if they are one"
            )
    return notes
