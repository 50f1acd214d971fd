"""Land release on a store: the area ledger, the steps of an area, what areas stand on and whether it still holds.

Reads   a store, a national standard
Gives   a `Ledger`; a new version of an area where the rules allow it; flags, each with its reason
Knows   which records the rules and the ledger need, and where they stand in a store
Start   at `ledger`, `step`, `flags`
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import shapely

from fadeout.errors import InputRefused, Problem
from fadeout.records import ledger as ledgers
from fadeout.records import ledger_records, reading, rules
from fadeout.records.access import Viewer
from fadeout.records.changing import Change
from fadeout.records.record import Plain, Record
from fadeout.records.rules_case import Case
from fadeout.records.rules_needs import NEEDS
from fadeout.records.standard import Standard
from fadeout.records.store import Store

BEARING = ("evidence", "box", "searched", "strike", "accident", "public_report", "release", "document")
STANDS_ON = ("evidence", "accident", "strike")
OF_RELEASE = ("signature", "authority", "released-on", "method", "depth")  # asked of a release that is there
BY_ID = ("document",)  # belong to an area by its id, not by their place

Read = Callable[..., list[Record]]


def ledger(store: Store, start: date, end: date, who: str) -> ledgers.Ledger:
    """Make the area ledger of a period from every version of every hazardous area and all releases."""
    viewer = Viewer(who, "manager")
    history = ((version.record, version.action) for version in store.versions("hazardous_area", viewer))
    return ledgers.balance(
        start,
        end,
        ledger_records.area_versions(history),
        ledger_records.releases_of(store.all("release", viewer)),
    )


@dataclass(frozen=True)
class Step:
    """What a person wants of an area: its new state, what it stands on, and other fields."""

    area: str
    to: str
    stands_on: tuple[str, ...] = ()
    values: Mapping[str, Plain] | None = None


def step(store: Store, asked: Step, standard: Standard, *, who: str, why: str) -> Record:
    """Take a hazardous area a step, if the rules allow it.

    Raises
    ------
    InputRefused
        With everything that the rules find missing; the area stays as it is.
    """
    with store.change(who=who, why=why) as change:
        read = _reader(change, Viewer(who, "manager"))
        before = _area(read, asked.area)
        values = {**before.values, "state": asked.to, "profile": standard.label, **(asked.values or {})}
        if asked.stands_on:
            values["stands_on"] = list(asked.stands_on)
        after = replace(before, values=values)
        problems = rules.check(before, after, evidence_for(read, after), standard)
        if problems:
            raise InputRefused(problems)
        change.put([after])
    return after


def accept(store: Store, area: str, today: date, *, who: str, why: str) -> Record:
    """Note that a person looked again at what an area stands on, and lets it stand as it is."""
    with store.change(who=who, why=why) as change:
        before = _area(_reader(change, Viewer(who, "manager")), area)
        reviewed = {"reviewed_on": today.isoformat(), "reviewed_by": who}
        after = replace(before, values={**before.values, **reviewed})
        if not change.put([after]).changed:
            message = f"{area} was looked at today by {who} already"
            raise InputRefused([Problem("rules.reviewed", message, "nothing needs to be done")])
    return after


def checked_steps(
    change: Change, before: Mapping[str, Record], standard: Standard, who: str
) -> list[Problem]:
    """Hold areas that a change has altered to the rules: what was before, by id, against what stands now."""
    read = _reader(change, Viewer(who, "manager"))
    problems = []
    for id, was in before.items():
        now = _area(read, id)
        if was.values.get("state") != now.values.get("state"):
            problems += rules.check(was, now, evidence_for(read, now), standard)
    return problems


def checked(
    change: Change, before: Record | None, after: Record, standard: Standard, who: str
) -> list[Problem]:
    """Hold one area as a person means it to the rules, by what the store holds inside a change."""
    return rules.check(before, after, evidence_for(_reader(change, Viewer(who, "manager")), after), standard)


def evidence_in(change: Change, area: Record, who: str) -> list[str]:
    """The ids of evidence that lies in an area: what it stands on where nobody chose."""
    read = _reader(change, Viewer(who, "manager"))
    return [one.id for kind in STANDS_ON for one in _bearing(read, kind, area)]


@dataclass(frozen=True)
class Need:
    """One thing that a step needs: its name, what it asks, whether it is there, and what is missing."""

    name: str
    about: str
    met: bool
    missing: tuple[Problem, ...] = ()


@dataclass(frozen=True)
class Outlook:
    """A step that an area may take next: where to, by which clause, what it needs, on which evidence it would stand."""

    to: str
    clause: str
    needs: tuple[Need, ...]
    stands_on: tuple[str, ...]
    release: Record | None

    @property
    def ready(self) -> bool:
        """Whether nothing is missing."""
        return all(need.met for need in self.needs)


def outlook(store: Store, area: str, standard: Standard, who: str) -> tuple[Record, list[Outlook]]:
    """Give an area and the steps that it may take next, each with what is there for it and what is missing.

    Raises
    ------
    InputRefused
        If there is no such area.
    """
    with store.change(who=who, why="looking", keep=False) as change:
        read = _reader(change, Viewer(who, "manager"))
        before = _area(read, area)
        inside = evidence_in(change, before, who)
        was = str(before.values.get("state", ""))
        found = [_outlook(step, before, inside, read, standard) for step in rules.STEPS if step.before == was]
    return before, found


def _outlook(
    step: rules.Step, before: Record, inside: Sequence[str], read: Read, standard: Standard
) -> Outlook:
    stood = before.values.get("stands_on") or []
    ids = tuple(dict.fromkeys([*(stood if isinstance(stood, list) else [str(stood)]), *inside]))
    values = {**before.values, "state": step.after, "profile": standard.label, "stands_on": list(ids)}
    after = replace(before, values=values)
    case = Case(before, after, tuple(evidence_for(read, after)), standard)
    needs = []
    for name in step.needs:
        missing = tuple(NEEDS[name].faults(case))
        waits = name in OF_RELEASE and case.release is None
        needs.append(Need(name, NEEDS[name].about, not missing and not waits, missing))
    return Outlook(step.after, step.clause, tuple(needs), ids, case.release)


def flags(store: Store, who: str) -> list[dict[str, Any]]:
    """Tell what needs a person's look: areas whose evidence changed since, and areas with an open edge."""
    viewer = Viewer(who, "manager")
    found: list[dict[str, Any]] = []
    for area in store.all("hazardous_area", viewer):
        state = str(area.values.get("state"))
        if state not in rules.HAZARDOUS:
            continue
        stands_on = area.values.get("stands_on") or []
        ids = stands_on if isinstance(stands_on, list) else [str(stands_on)]
        for kind, id, action in store.changed_since("hazardous_area", area.id, ids):
            found.append(_flag(area, "evidence changed", f"{kind} {id} was {action}"))
        if "open" in str(area.values.get("edges", "")).split("; "):
            found.append(_flag(area, "edge not found", "part of its edge is open"))
        if state == "confirmed" and not ids:
            found.append(_flag(area, "stands on nothing", "a confirmed area lists no evidence"))
    return found


def evidence_for(read: Read, area: Record) -> list[Record]:
    """All that the rules look at for an area: what lies in it, what names it, and what it stands on."""
    found: dict[tuple[str, str], Record] = {}
    stands_on = area.values.get("stands_on") or []
    for kind in BEARING:
        for record in _bearing(read, kind, area):
            found[kind, record.id] = record
        for id in stands_on if isinstance(stands_on, list) else [str(stands_on)]:
            for record in read(kind, where={"id": id}):
                found[kind, record.id] = record
    return list(found.values())


def _bearing(read: Read, kind: str, area: Record) -> Iterator[Record]:
    if kind in BY_ID:
        yield from read(kind, where={"about_id": area.id})
        return
    if kind == "release":
        yield from read(kind, where={"hazard_id": area.id})
    if area.shape is None:
        return
    shapely.prepare(area.shape)
    for record in read(kind, bbox=area.shape.bounds):
        if record.shape is not None and area.shape.intersects(record.shape):
            yield record


def _reader(change: Change, viewer: Viewer) -> Read:
    """Reading inside a change: what was put already is seen."""

    def read(kind: str, **asked: Any) -> list[Record]:
        return list(reading.all_of(change.connection, change.layout, kind, viewer, **asked))

    return read


def _area(read: Read, id: str) -> Record:
    found = read("hazardous_area", where={"id": id})
    if not found:
        message = f"there is no hazardous area '{id}'"
        raise InputRefused([Problem("store.no-area", message, "see: fadeout records list hazardous_area")])
    return found[0]


def _flag(area: Record, flag: str, words: str) -> dict[str, Any]:
    return {"area": area.id, "state": area.values.get("state"), "flag": flag, "why": words}


def in_rows(found: ledgers.Ledger, by_area: bool) -> Sequence[dict[str, Any]]:
    """The ledger as rows: the total last, areas before it if asked."""
    rows = found.as_rows()
    return rows if by_area else rows[-1:]
