"""What a step of a hazardous area may need, one check a need.

Reads   a `Case`: the area before and after, the records that carry the step, the standard
Gives   `NEEDS`: each need with what it asks, its codes, and the function that gives its faults
Knows   nothing of which step needs what; that is `rules.STEPS`
Start   at `NEEDS`
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import shapely
from shapely.geometry.base import BaseGeometry

from fadeout.errors import Problem
from fadeout.records.record import Record
from fadeout.records.rules_case import Case

GAP_M = 0.5  # ground left out counts where it is wider than twice this: outlines are not drawn more finely (assumed)
SHOWN = 5  # ids that a message names
GONE = ("destroyed", "removed")  # what became of an item that no longer lies there

Faults = Callable[[Case], Iterator[Problem]]


@dataclass(frozen=True)
class Need:
    """One need: what it asks in words, the codes of its faults, and the check."""

    about: str
    codes: tuple[str, ...]
    faults: Faults


EVIDENCE_KINDS = ("evidence", "box", "accident", "strike", "public_report")


DISMISSED = ("not_found", "not_relevant")


def _named(case: Case) -> list[Record]:
    """Evidence that the area stands on, without what turned out to be none."""
    return [
        one
        for one in case.records
        if one.id in case.stands_on
        and one.kind in EVIDENCE_KINDS
        and one.values.get("state") not in DISMISSED
    ]


def _unknown(case: Case) -> Iterator[Problem]:
    known = {record.id for record in case.records}
    unknown = [id for id in case.stands_on if id not in known]
    if unknown:
        message = f"{case.name} stands on {_ids(unknown)}, of which there is no record"
        yield Problem("rules.unknown-evidence", message, "record it, or take the id out of stands_on")


def some_evidence(case: Case) -> Iterator[Problem]:
    """Something, direct or indirect, that is recorded."""
    yield from _unknown(case)
    if not _named(case):
        remedy = "name evidence points, reports or strike records in stands_on"
        yield Problem("rules.no-evidence", f"{case.name} stands on no evidence", remedy)


def direct_evidence(case: Case) -> Iterator[Problem]:
    """Direct evidence, named and lying in the area."""
    yield from _unknown(case)
    direct = [one for one in _named(case) if case.is_direct(one)]
    classes = ", ".join(case.standard.direct)
    if not direct:
        message = f"{case.name} stands on no direct evidence; direct is {classes} under {case.standard.label}"
        yield Problem(
            "rules.no-direct-evidence", message, "name it in stands_on, or leave the area suspected"
        )
    elif not any(case.inside(one) for one in direct):
        message = f"the direct evidence of {case.name}, {_ids([one.id for one in direct])}, lies outside it"
        yield Problem("rules.evidence-outside", message, "mend the polygon or the place of the evidence")


def release(case: Case) -> Iterator[Problem]:
    """A record of the release itself."""
    if case.release is None:
        state = case.after.values.get("state")
        message = f"there is no release of {case.name} with action '{state}'"
        yield Problem("rules.no-release", message, "record the release, with hazard_id and action")


def _field(name: str, code: str, words: str, remedy: str) -> Faults:
    def faults(case: Case) -> Iterator[Problem]:
        if case.release is not None and not str(case.release.values.get(name) or "").strip():
            yield Problem(code, f"release {case.release.id} of {case.name} {words}", remedy)

    return faults


def depth(case: Case) -> Iterator[Problem]:
    """Cleared to the standard's depth, by the release and by the searches."""
    if case.release is None:
        return
    asked = case.standard.depth_cm
    reached = case.release.values.get("depth_cm")
    name = f"release {case.release.id} of {case.name}"
    if reached is None:
        yield Problem("rules.no-depth", f"{name} does not say how deep", "write depth_cm")
    elif float(_number(reached)) < asked:
        message = (
            f"{name} went {float(_number(reached)):g} cm deep; {case.standard.label} asks for {asked:g} cm"
        )
        yield Problem("rules.too-shallow", message, "clear to the depth asked, or leave the area open")


def survey_document(case: Case) -> Iterator[Problem]:
    """A document of the non-technical survey."""
    rests_on = case.release.values.get("evidence_ids") if case.release is not None else None
    named = set(rests_on) if isinstance(rests_on, list) else set()
    papers = [
        one
        for one in case.of("document")
        if one.id in named
        or (one.values.get("about_kind") == "hazardous_area" and one.values.get("about_id") == case.after.id)
    ]
    if not papers:
        message = f"no document of the non-technical survey of {case.name} is recorded"
        remedy = "record it, and name it in evidence_ids of the release"
        yield Problem("rules.no-survey-document", message, remedy)


def no_direct_evidence_inside(case: Case) -> Iterator[Problem]:
    """Nothing direct in the ground that is released without clearance."""
    inside = [
        one.id
        for one in case.records
        if one.kind in EVIDENCE_KINDS and case.is_direct(one) and case.inside(one)
    ]
    if inside:
        message = f"direct evidence lies in {case.name}: {_ids(inside)}"
        remedy = "clear the ground, or cut it out of what is released"
        yield Problem("rules.direct-evidence-inside", message, remedy)


def no_item_in_place(case: Case) -> Iterator[Problem]:
    """No item recorded in the ground of which nobody says that it is gone."""
    left = [
        one.id
        for one in case.of("evidence")
        if one.values.get("kind") == "item"
        and one.values.get("state") not in (*GONE, "not_found")
        and case.inside(one)
    ]
    if left:
        message = f"of items in {case.name} no record says that they are gone: {_ids(left)}"
        yield Problem("rules.item-in-place", message, "write what became of each (state)")


def technical_survey_of_all(case: Case) -> Iterator[Problem]:
    """Searches of survey or clearance over the whole ground."""
    yield from _covered(case, _enough(case), "rules.not-surveyed", "technical survey")


def clearance_of_all(case: Case) -> Iterator[Problem]:
    """Clearance to the depth over the whole ground."""
    deep = [
        one
        for one in _enough(case, whole=True)
        if one.values.get("kind") == "clearance"
        and float(_number(one.values.get("depth_cm", -1))) >= case.standard.depth_cm
    ]
    words = f"clearance to {case.standard.depth_cm:g} cm"
    yield from _covered(case, deep, "rules.not-cleared", words)


def evidence_since_release(case: Case) -> Iterator[Problem]:
    """Evidence that was not there when the ground was released; direct evidence where it is to be confirmed."""
    before = case.before
    confirmed = case.after.values.get("state") == "confirmed"
    assert before is not None
    on, recorded = _released(case, before)
    old = before.values.get("stands_on") or []
    new = [
        one
        for one in _named(case)
        if one.id not in (old if isinstance(old, list) else [])
        and _is_newer(one, on, recorded)
        and (case.is_direct(one) or not confirmed)
    ]
    if not new:
        when = on or recorded or "an unknown day"
        kind = "direct evidence" if confirmed else "evidence"
        message = (
            f"{case.name} was {before.values.get('state')} on {when}; it stands on no {kind} newer than that"
        )
        remedy = "name new evidence in stands_on; a released area does not return without it"
        yield Problem("rules.no-new-evidence", message, remedy)
    elif not any(case.inside(one) for one in new):
        message = f"the new evidence of {case.name}, {_ids([one.id for one in new])}, lies outside it"
        yield Problem("rules.evidence-outside", message, "mend the polygon or the place of the evidence")


def _released(case: Case, before: Record) -> tuple[str, str]:
    """Day of the release that stands, and when that was recorded: of the release record, else of the area."""
    mine = [
        one
        for one in case.of("release")
        if one.values.get("hazard_id") == before.id and one.values.get("action") == before.values.get("state")
    ]
    last = max(mine, key=lambda one: str(one.values.get("released_on") or ""), default=None)
    on = str((last.values.get("released_on") if last else None) or before.values.get("closed_on") or "")
    moments = [moment for moment in (before.recorded_at, last.recorded_at if last else "") if moment]
    return on, min(moments, default="")


def _is_newer(evidence: Record, released_on: str, recorded_at: str) -> bool:
    """Whether evidence is dated after the day of release, or was recorded after the release was."""
    values = evidence.values
    dates = [str(values[name])[:10] for name in DATED if values.get(name)]
    dated = bool(released_on) and bool(dates) and max(dates) > released_on
    return dated or (bool(recorded_at) and evidence.recorded_at > recorded_at)


DATED = (
    "found_on",
    "happened_on",
    "searched_on",
    "reported_at",
    "informed_on",
)  # not struck_on: an old event


def _enough(case: Case, whole: bool = False) -> list[Record]:
    """Searches that were completed over the share of their ground that is asked."""
    least = 1.0 if whole else case.standard.effort_share

    def enough(record: Record) -> bool:
        share = record.values.get("share_searched")
        return record.values.get("outcome") == "complete" and (
            share is None or float(_number(share)) >= least
        )

    return [one for one in case.of("searched") if enough(one)]


def _covered(case: Case, searches: Sequence[Record], code: str, words: str) -> Iterator[Problem]:
    """Fault if ground wider than 2 `GAP_M` was not covered, or if any of it could not be searched."""
    if case.ground.is_empty:
        return
    ground = case.flat(case.ground)
    left = ground.difference(shapely.union_all([searched_ground(case, one) for one in searches]))
    closed = [
        searched_ground(case, one)
        for one in case.of("searched")
        if one.values.get("outcome") == "not_searchable"
    ]
    grey = ground.intersection(shapely.union_all(closed)) if closed else shapely.Polygon()
    missing = shapely.union_all([left, grey])
    if not missing.buffer(-GAP_M).is_empty:
        share = missing.area / ground.area
        message = f"{words} is not recorded for {_share(share)} of {case.name}, about {missing.area:,.0f} m²"
        if grey.area > 0:
            message += ", some of it recorded as not searchable"
        yield Problem(code, message, "search it and record that, or release only what was searched")


def searched_ground(case: Case, search: Record) -> BaseGeometry:
    """Ground of a search in metres: a polygon, or a line with half its swath on either side."""
    if search.shape is None:
        return shapely.Polygon()
    flat = case.flat(search.shape)
    if flat.area > 0:
        return flat
    swath = search.values.get("swath_m")
    return flat.buffer(float(_number(swath)) / 2, cap_style="flat") if swath else shapely.Polygon()


def _share(share: float) -> str:
    return "less than 1 %" if share < 0.01 else f"{100 * share:.0f} %"


def _number(value: Any) -> float:
    return float(value)


def _ids(ids: Sequence[str]) -> str:
    told = ", ".join(ids[:SHOWN])
    return f"{told} and {len(ids) - SHOWN} more" if len(ids) > SHOWN else told


NEEDS: dict[str, Need] = {
    "some-evidence": Need(
        "`stands_on` names recorded evidence, direct or indirect",
        ("rules.unknown-evidence", "rules.no-evidence"),
        some_evidence,
    ),
    "direct-evidence": Need(
        "`stands_on` names recorded evidence that the standard calls direct (`direct`), in the area",
        ("rules.unknown-evidence", "rules.no-direct-evidence", "rules.evidence-outside"),
        direct_evidence,
    ),
    "release": Need("a release of the area with this action", ("rules.no-release",), release),
    "signature": Need(
        "the release says who signed it",
        ("rules.not-signed",),
        _field("released_by", "rules.not-signed", "is signed by nobody", "write who signed it (released_by)"),
    ),
    "authority": Need(
        "the release says which authority accepted it",
        ("rules.no-authority",),
        _field("authority", "rules.no-authority", "names no authority", "write which authority accepted it"),
    ),
    "released-on": Need(
        "the release has its day",
        ("rules.no-date",),
        _field("released_on", "rules.no-date", "has no day", "write released_on"),
    ),
    "method": Need(
        "the release says how",
        ("rules.no-method",),
        _field("method", "rules.no-method", "does not say how", "write method"),
    ),
    "survey-document": Need(
        "a document about the area, or named in `evidence_ids` of the release: the non-technical survey",
        ("rules.no-survey-document",),
        survey_document,
    ),
    "no-direct-evidence-inside": Need(
        "no direct evidence and no box with a find or trace in the area",
        ("rules.direct-evidence-inside",),
        no_direct_evidence_inside,
    ),
    "technical-survey-of-all": Need(
        "completed searches over the whole ground, each over the standard's `effort_share`; gaps up to 1 m wide pass",
        ("rules.not-surveyed",),
        technical_survey_of_all,
    ),
    "clearance-of-all": Need(
        "completed clearance of the whole ground to the standard's `depth_cm`; gaps up to 1 m wide pass",
        ("rules.not-cleared",),
        clearance_of_all,
    ),
    "depth": Need(
        "the release says how deep, and that is the standard's `depth_cm` or more",
        ("rules.no-depth", "rules.too-shallow"),
        depth,
    ),
    "no-item-in-place": Need(
        "of every item in the area a record says that it was destroyed or removed",
        ("rules.item-in-place",),
        no_item_in_place,
    ),
    "evidence-since-release": Need(
        "`stands_on` names evidence in the area that the released area did not stand on, dated after the day of release "
        "or recorded after the release was; direct evidence where the area is to be confirmed",
        ("rules.no-new-evidence", "rules.evidence-outside"),
        evidence_since_release,
    ),
}
