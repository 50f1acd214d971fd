"""What was searched by which method, so that the fit can learn how much each method detects.

Reads   a `Survey` and its profile, polygons laid over the grid, where each item was put
Gives   `Searching`: `Searches` for the fit where any detection is learned, and the rasters that maps and layers show
Knows   the rules for repeats, partial searches and stated detections; nothing of priors
Start   at `search_ground`, then `searching`

A pass of known detection d over a share s of a cell is the same as a pass that finds all over the share s · d. So every
search whose detection is known (its row states it, or the profile fixes it) goes into one layer, `AS_STATED`, whatever
its number; the same is done with ways of searching that cover too little ground to be worth a layer of their own.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

import numpy as np
import shapely
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from fadeout.jobs import overlay
from fadeout.jobs.intake_checks import effective
from fadeout.model.effort import Coverage, Method, Searches
from fadeout.records.kinds import EvidencePoint, SearchedArea, Survey
from fadeout.records.profile import FIXED, Profile, method_key

AS_STATED = "as stated"
REPORTS = "reports of residents"
MOST_LAYERS = 10  # ways of searching that a fit holds apart; each costs one exposure of every template
KNOWN = -1  # kind of a search whose detection is known
REPORTING_REACH = 3.0  # reporting distances beyond which nothing is reported
HALF = 0.5

Raster = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Searched:
    """Searched ground on the grid: who covers what, the pieces that were searched alike, and by which methods."""

    covers: overlay.Coverage
    pieces: overlay.Pieces
    share: Raster  # of each cell under any search
    effort: Raster  # at the detections believed before
    methods: tuple[Method, ...]  # that are learned
    method_of: Ints  # of each search of the survey: index in `methods`, or KNOWN
    kinds: tuple[
        tuple[int, float], ...
    ]  # (method, share of its ground that was covered) of each kind of pass
    group_of: Ints  # of each search of the survey; repeats that count once share a number
    most: float


@dataclass(frozen=True, eq=False)
class Searching:
    """What the fit is given, and what is shown."""

    searches: Searches | None  # None where no detection is learned
    reporting: Raster | None  # chance that an item lying in a cell was reported, as believed before
    notes: tuple[str, ...] = ()


def search_ground(survey: Survey, profile: Profile, frame: overlay.Frame) -> Searched:
    """Lay all searches over the grid."""
    used = [i for i, search in enumerate(survey.searched) if effective(search)]
    cover = overlay.cover([survey.searched[i].ground for i in used], frame)
    methods, method_of = _methods(survey, profile)
    kinds = _kinds(survey, used, method_of)
    kind = np.array(
        [
            kinds.get((int(method_of[i]), survey.searched[i].share_searched), KNOWN)
            if survey.searched[i].outcome != "stopped_at_find"
            else KNOWN
            for i in used
        ],
        dtype=np.int64,
    )
    detection = np.array([_detection(survey.searched[i]) for i in used])
    groups = _groups(survey, profile, used)
    pieces = overlay.part(cover, detection, groups, kind, frame, profile.repeats_detect_at_most)
    index = np.full(len(survey.searched), -1, dtype=np.int64)
    index[used] = np.arange(len(used))
    group_of = np.full(len(survey.searched), -1, dtype=np.int64)
    group_of[used] = groups
    shape = (frame.rows, frame.cols)
    share = overlay.sums(pieces.cell, pieces.share, frame.rows * frame.cols).reshape(shape)
    searched = Searched(
        overlay.Coverage(cover, index, shape),
        pieces,
        np.clip(share, 0.0, 1.0),
        np.zeros(shape),
        methods,
        method_of,
        tuple(kinds),
        group_of,
        profile.repeats_detect_at_most,
    )
    return replace(searched, effort=_before(_ways(searched, shape), searched))


def _detection(search: SearchedArea) -> float:
    """Give p over the whole ground: a partial search covers it with p times the share; a stopped one is drawn later."""
    return 0.0 if search.outcome == "stopped_at_find" else search.detection * search.share_searched


def _methods(survey: Survey, profile: Profile) -> tuple[tuple[Method, ...], Ints]:
    """The methods whose detection the data may move, in the profile's order, and which of them each search used."""
    names: dict[str, list[int]] = {}
    for i, search in enumerate(survey.searched):
        known = profile.method(search.method)
        stated = search.detection_stated or known is None or search.detection != known.detection
        if effective(search) and not stated and known is not None and known.sureness is not None:
            names.setdefault(method_key(search.method), []).append(i)
    method_of = np.full(len(survey.searched), KNOWN, dtype=np.int64)
    methods: list[Method] = []
    for name in (name for name in profile.methods if name in names):
        method_of[names[name]] = len(methods)
        given = profile.methods[name]
        seeded = (given.seeded_found, given.seeded_laid)
        methods.append(Method(name.replace("_", " "), given.detection, given.sureness, seeded))
    return tuple(methods), method_of


def _kinds(survey: Survey, used: Sequence[int], method_of: Ints) -> dict[tuple[int, float], int]:
    """Number the kinds of passes, commonest first; the rarest beyond `overlay.MOST_KINDS` are taken as known."""
    counts: dict[tuple[int, float], int] = {}
    for i in used:
        if method_of[i] >= 0 and survey.searched[i].outcome != "stopped_at_find":
            pair = (int(method_of[i]), survey.searched[i].share_searched)
            counts[pair] = counts.get(pair, 0) + 1
    commonest = sorted(counts, key=lambda pair: (-counts[pair], pair))
    return {pair: n for n, pair in enumerate(commonest[: overlay.MOST_KINDS])}


def _groups(survey: Survey, profile: Profile, used: Sequence[int]) -> Ints:
    """Number searches so that repeats by one team with one method share a number, unless they are independent."""
    numbers: dict[object, int] = {}
    groups = []
    for i in used:
        search = survey.searched[i]
        method = profile.method(search.method)
        repeat = bool(search.team) and not (method is not None and method.independent_repeats)
        name: object = (search.team.lower(), method_key(search.method)) if repeat else i
        groups.append(numbers.setdefault(name, len(numbers)))
    return np.array(groups, dtype=np.int64)


# --- ways of searching -----------------------------------------------------------------------------------------------

Ways = dict[tuple[int, ...], Raster]  # passes of each learned method, and of the known: share of each cell


def _ways(searched: Searched, shape: tuple[int, int]) -> Ways:
    """Share of each cell by how often each learned method went over it; last stands what is as good as found."""
    pieces, count = searched.pieces, shape[0] * shape[1]
    ways: Ways = {}
    nobody = (0,) * len(searched.methods)
    keys, of = np.unique(pieces.key, return_inverse=True)
    passes = overlay.times(keys, len(searched.kinds))
    for n, each in enumerate(passes):
        here = of == n
        cell, share, known = pieces.cell[here], pieces.share[here], pieces.known[here]
        left = overlay.sums(cell, share * (1.0 - known), count).reshape(shape)
        sure = overlay.sums(cell, share * known, count).reshape(shape)
        _add(ways, (*nobody, 1), sure)
        for outcome, chance in _outcomes(each, searched).items():
            _add(ways, (*outcome, 0), left * chance)
    return ways


def _add(ways: Ways, passes: tuple[int, ...], share: Raster) -> None:
    if any(passes) and share.any():
        ways[passes] = ways[passes] + share if passes in ways else share


def _outcomes(each: Ints, searched: Searched) -> dict[tuple[int, ...], float]:
    """Passes of each method with their chances: a partial search went over a place with the share it covered."""
    outcomes = {(0,) * len(searched.methods): 1.0}
    for (method, covered), number in zip(searched.kinds, each, strict=True):
        for _ in range(int(number)):
            grown: dict[tuple[int, ...], float] = {}
            for passes, chance in outcomes.items():
                more = (*passes[:method], passes[method] + 1, *passes[method + 1 :])
                for to, weight in ((more, covered), (passes, 1.0 - covered)):
                    if weight > 0:
                        grown[to] = grown.get(to, 0.0) + chance * weight
            outcomes = grown
    return outcomes


def _before(ways: Ways, searched: Searched) -> Raster:
    """Detection in each cell at what is believed before."""
    means = np.array([*(method.detection for method in searched.methods), 1.0])
    out = np.zeros(searched.share.shape)
    for passes, share in ways.items():
        out += share * _strength(passes, means, searched.most)
    return np.clip(out, 0.0, 1.0)


def _strength(passes: Sequence[int], detection: Raster, most: float) -> float:
    """Combined detection of some passes, by the rule of `Searches.strengths`."""
    together = 1.0 - float(np.prod((1.0 - detection) ** np.array(passes)))
    best = float(np.where(np.array(passes) > 0, detection, 0.0).max())
    return max(best, min(together, most)) if sum(passes) > 1 else together


# --- what people report ----------------------------------------------------------------------------------------------


def people(survey: Survey, profile: Profile, frame: overlay.Frame) -> Raster | None:
    """How near people are, 0 to 1, as the places of reports tell it: it fades with the distance from them.

    None when nobody reported an item. Ground far from every report has 0: its silence says nothing.
    """
    told = [point for point in survey.evidence if point.how == "opportunistic"]
    if not any(point.kind == "item" for point in told):
        return None
    tree = cKDTree([(point.place.x, point.place.y) for point in told])
    reach = REPORTING_REACH * profile.reporting_distance_m
    y, x = np.meshgrid(frame.centres_y, frame.centres_x, indexing="ij")
    away, _ = tree.query(np.column_stack([x.ravel(), y.ravel()]), distance_upper_bound=reach, workers=-1)
    near = np.exp(-((away / profile.reporting_distance_m) ** 2) / 2)
    raster = np.where(np.isfinite(away), near, 0.0).reshape(frame.rows, frame.cols)
    for point in told:
        if point.kind == "item":  # a cell with a report has an effort, however far its centre lies
            cell = frame.cell_of(point.place.x, point.place.y)
            raster[cell] = max(raster[cell], math.exp(-0.5))
    return raster


# --- for the fit -----------------------------------------------------------------------------------------------------


def searching(
    survey: Survey,
    profile: Profile,
    searched: Searched,
    near: Raster | None,
    cells: Ints,
    finder: Ints,
    points: Sequence[EvidencePoint],
    kept: NDArray[np.bool_],
) -> Searching:
    """Give `Searches` where any detection is learned, else None, and the raster of what people report.

    `cells` (n, 2), `finder` (n,) and `points` are those of the finds, the finder a search of the survey or -1; `kept`
    is the ground that is not excluded.
    """
    reporting = None if near is None else near * profile.reporting_probability
    unsure = near is not None and profile.reporting_certainty != FIXED
    if not searched.methods and not unsure:
        return Searching(None, reporting)
    ways = _ways(searched, searched.share.shape)
    methods = [*searched.methods, Method(AS_STATED, 1.0)]
    reports = None
    if near is not None:
        reports = len(methods)
        certainty = profile.reporting_certainty
        sure = None if certainty == FIXED else float(certainty)
        methods.append(Method(REPORTS, profile.reporting_probability, sure))
        ways = _with_reports(ways, near, len(methods) - 1)
    means = np.array([method.detection for method in methods])
    ways = {passes: np.where(kept, np.clip(share, 0.0, 1.0), 0.0) for passes, share in ways.items()}
    ways, merged = _merged(ways, means, len(searched.methods), searched.most)
    found_by, missed_by = _finders(survey, searched, near, cells, finder, points, means, reports)
    told = _untold(ways, merged, cells)
    found_by[told] = -1
    missed_by[told] = 0.0
    notes: tuple[str, ...] = ()
    if merged is not None:
        notes = ("ways of searching that cover little ground are taken at the detection believed before",)
    searches = Searches(
        methods=tuple(methods),
        covered=tuple(Coverage(share, passes) for passes, share in ways.items()),
        found_by=found_by,
        missed_by=missed_by,
        reports=reports,
        most=searched.most,
    )
    return Searching(searches, reporting, notes)


def _with_reports(ways: Ways, near: Raster, methods: int) -> Ways:
    """Split each way (passes of so many methods) into ground where people are and ground where they are not."""
    split: Ways = {}
    rest = np.clip(1.0 - sum(ways.values(), start=np.zeros(near.shape)), 0.0, 1.0)
    nobody = (0,) * methods
    for passes, share in ((nobody, rest), *ways.items()):
        _add(split, (*passes, 1), share * near)
        _add(split, (*passes, 0), share * (1.0 - near))
    return split


def _merged(ways: Ways, means: Raster, known: int, most: float) -> tuple[Ways, Raster | None]:
    """Take the ways of least ground at the detection believed before, until few are left; and the share so taken."""
    certain = tuple(int(m == known) for m in range(len(means)))
    ways = {passes: share for passes, share in ways.items() if share.any()}
    order = sorted((passes for passes in ways if not passes[known]), key=lambda p: (-float(ways[p].sum()), p))
    rare = order[MOST_LAYERS - 1 :]
    sure = [passes for passes in ways if passes[known]]
    taken = None
    out: Ways = {passes: ways[passes] for passes in order[: MOST_LAYERS - 1]}
    for passes in (*sure, *rare):
        part = ways[passes] * _strength(passes, means, most)
        out[certain] = out[certain] + part if certain in out else part
        if passes in rare:
            taken = ways[passes] if taken is None else taken + ways[passes]
    return out, taken


def _untold(ways: Ways, merged: Raster | None, cells: Ints) -> NDArray[np.bool_]:
    """Finds in cells of which most was searched in ways taken as known: they teach nothing of a method."""
    if merged is None or not len(cells):
        return np.zeros(len(cells), dtype=bool)
    at = tuple(cells.T)
    rest = sum((share[at] for share in ways.values()), start=np.zeros(len(cells)))
    return np.asarray(merged[at] > HALF * (rest + merged[at]))


def _finders(
    survey: Survey,
    searched: Searched,
    near: Raster | None,
    cells: Ints,
    finder: Ints,
    points: Sequence[EvidencePoint],
    means: Raster,
    reports: int | None,
) -> tuple[Ints, Raster]:
    """Which method found each item (-1 for a stopped box's or a known one), and how often each missed it before.

    A partial search, and people near by, may or may not have been at the place: with chance f. That counts as the
    number of misses w that weighs the same at the detection believed before, (1 - p)^w = 1 - f p.
    """
    found_by = np.full(len(cells), -1, dtype=np.int64)
    missed_by = np.zeros((len(cells), len(means)))
    learned = [
        int(i)
        for i in np.flatnonzero(searched.method_of >= 0)
        if survey.searched[i].outcome != "stopped_at_find"
    ]
    before = _earlier(survey, searched, finder, points, learned)
    for n, search in enumerate(finder):
        if search < 0:
            found_by[n] = -1 if reports is None else reports
        elif survey.searched[search].outcome != "stopped_at_find":
            found_by[n] = searched.method_of[search]
        if search >= 0 and reports is not None and near is not None:
            missed_by[n, reports] = _misses(float(near[tuple(cells[n])]), float(means[reports]))
        for i in before[n]:
            method = int(searched.method_of[i])
            missed_by[n, method] += _misses(survey.searched[i].share_searched, float(means[method]))
    return found_by, missed_by


def _misses(chance: float, detection: float) -> float:
    """Give w with (1 − p)^w = 1 − f p.

    Examples
    --------
    >>> _misses(1.0, 0.8), _misses(0.0, 0.8), round(_misses(0.5, 0.8), 3)
    (1.0, 0.0, 0.317)
    """
    return math.log1p(-chance * detection) / math.log1p(-detection)


def later_finds(
    survey: Survey, searched: Searched, finder: Ints, points: Sequence[EvidencePoint], stopped: Sequence[int]
) -> Ints:
    """Count, for each search of `stopped`, the finds that others made on its ground after it."""
    before = _earlier(survey, searched, finder, points, stopped)
    counts = np.bincount([i for each in before for i in each], minlength=len(survey.searched))
    return np.asarray(counts[list(stopped)], dtype=np.int64)


def _earlier(
    survey: Survey, searched: Searched, finder: Ints, points: Sequence[EvidencePoint], among: Sequence[int]
) -> list[list[int]]:
    """For each find the searches, of those in `among`, that went over its place before the one that found it.

    By date where both have one, else in the order in which they stand. Of searches that count once (one team, one
    method), and of the finder's own, no more than one counts.
    """
    out: list[list[int]] = [[] for _ in points]
    if not len(among) or not len(points):
        return out
    tree = shapely.STRtree([survey.searched[i].ground for i in among])
    of, there = tree.query([point.place for point in points], predicate="intersects")
    for n, i in zip(of, np.asarray(among)[there], strict=True):
        search = int(finder[n])
        point = points[n]
        if search == i or (search >= 0 and searched.group_of[search] == searched.group_of[i]):
            continue
        if any(searched.group_of[k] == searched.group_of[i] for k in out[n]):
            continue
        if search >= 0:
            earlier = _before_in_time(survey.searched[i].searched_on, survey.searched[search].searched_on)
            earlier = i < search if earlier is None else earlier
        else:
            earlier = _before_in_time(survey.searched[i].searched_on, point.found_on) or False
        if earlier:
            out[n].append(int(i))
    return out


def _before_in_time(one: date | None, other: date | None) -> bool | None:
    """Whether one day is before another; None where nobody can tell."""
    if one is None or other is None or one == other:
        return None
    return one < other
