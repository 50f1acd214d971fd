"""What may follow what for a hazardous area, and the evidence that each step needs.

Reads   an area before and after a step, and the records that are meant to carry it
Gives   `check`: every fault of the step; `STEPS`, the table it follows, and `as_markdown`, the same for readers
Knows   the table and the standard; nothing of who asks, nor of the store
Start   at `STEPS`, then `check`

suspected → confirmed → cancelled, reduced or cleared; back again only by evidence newer than the release. No state is
computed: a person proposes a step, and this says what is missing for it. Clauses: IMAS 07.11, of which we know the
edition (2, January 2026) and not yet the text; "[R]" marks what is recalled and not verified against it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from fadeout.errors import Problem
from fadeout.records.catalogue import KINDS
from fadeout.records.places import polygon_fault
from fadeout.records.record import Record
from fadeout.records.rules_case import Case
from fadeout.records.rules_needs import NEEDS
from fadeout.records.standard import Standard

NOTHING = ""  # before an area is recorded
HAZARDOUS = ("suspected", "confirmed")
RELEASED = ("cancelled", "reduced", "cleared")


@dataclass(frozen=True)
class Step:
    """One step that an area may take: what it needs (names of `NEEDS`), and by which clause."""

    before: str
    after: str
    needs: tuple[str, ...]
    clause: str


SIGNED = ("release", "signature", "authority", "released-on", "method")
NO_EVIDENCE = ("no-direct-evidence-inside",)
CANCELLED = (*SIGNED, "survey-document", *NO_EVIDENCE)
REDUCED = (*SIGNED, "technical-survey-of-all", *NO_EVIDENCE)
CLEARED = (*SIGNED, "clearance-of-all", "depth", "no-item-in-place")
NEW = ("evidence-since-release", "some-evidence")
RELEASES = {"cancelled": CANCELLED, "reduced": REDUCED, "cleared": CLEARED}

STEPS: tuple[Step, ...] = (
    Step(NOTHING, "suspected", ("some-evidence",), "IMAS 07.11 [R]: a suspicion rests on evidence"),
    Step(NOTHING, "confirmed", ("direct-evidence",), "IMAS 07.11 [R]: confirmed by direct evidence"),
    Step("suspected", "confirmed", ("direct-evidence",), "IMAS 07.11 [R]: confirmed by direct evidence"),
    *(
        Step(before, after, RELEASES[after], clause)
        for after, clause in (
            ("cancelled", "IMAS 07.11, 08.10 [R]: non-technical survey found no evidence"),
            ("reduced", "IMAS 07.11, 08.20 [R]: technical survey found none"),
            ("cleared", "IMAS 07.11, 09.11 [R]: searched whole, to the depth set"),
        )
        for before in HAZARDOUS
    ),
    *(
        Step(before, after, NEW, "assumed: a release stands until something new is known")
        for before in RELEASED
        for after in HAZARDOUS
    ),
)
BY_STATES = {(step.before, step.after): step for step in STEPS}


def check(
    before: Record | None, after: Record, evidence: Iterable[Record], standard: Standard
) -> list[Problem]:
    """Give every fault of a step, [] if it may be taken.

    Parameters
    ----------
    before : Record or None
        The hazardous area as it stands; None where it is new.
    after : Record
        The hazardous area as it is meant to stand.
    evidence : iterable of Record
        What carries the step: evidence points, boxes, strikes, searched ground, documents, releases. All that lies in
        the area belongs here, not only what speaks for the step.
    standard : Standard
        Which classes of evidence are direct, the depth, the share of ground that a search must cover.

    Notes
    -----
    An area that keeps its state is held to what brought it there if its polygon or what it stands on has changed: a
    released area cannot grow over ground that nobody released.

    Examples
    --------
    >>> from shapely import Point, box
    >>> from fadeout.records import standard
    >>> square = box(105, 16, 105.01, 16.01)
    >>> before = Record("hazardous_area", "SHA-1", {"state": "suspected", "profile": "x 1"}, square)
    >>> values = {"state": "confirmed", "stands_on": ["EP-1"], "profile": "x 1"}
    >>> after = Record("hazardous_area", "SHA-1", values, square)
    >>> find = Record("evidence", "EP-1", {"kind": "item", "found_on": "2026-03-01"}, Point(105.005, 16.005))
    >>> check(before, after, [find], standard.load())
    []
    >>> [problem.code for problem in check(before, after, [], standard.load())]
    ['rules.unknown-evidence', 'rules.no-direct-evidence']
    """
    was = NOTHING if before is None else str(before.values.get("state", NOTHING))
    now = str(after.values.get("state", NOTHING))
    case = Case(before, after, tuple(evidence), standard)
    problems = list(_faults_of_record(case))
    step = BY_STATES.get((was, now))
    if was == now and before is not None:
        if not _moved(before, after):
            return problems
        needs = _stays(now)
    elif step is None:
        return [*problems, _no_such_step(case.name, was, now)]
    else:
        needs = step.needs
    for need in needs:
        problems += NEEDS[need].faults(case)
    return list(dict.fromkeys(problems))  # two needs may meet one fault


def as_markdown() -> str:
    """Give the table of steps and what each need means, as docs/reference/land-release-rules.md shows them."""
    lines = ["| from | to | needs | clause |", "|---|---|---|---|"]
    for step in STEPS:
        needs = ", ".join(f"`{need}`" for need in step.needs)
        lines.append(f"| {step.before or '(new)'} | {step.after} | {needs} | {step.clause} |")
    lines += ["", "| need | what it asks | codes |", "|---|---|---|"]
    for name, need in NEEDS.items():
        codes = ", ".join(f"`{code}`" for code in need.codes)
        lines.append(f"| `{name}` | {need.about} | {codes} |")
    return "\n".join(lines) + "\n"


def _stays(state: str) -> tuple[str, ...]:
    return RELEASES.get(state, ("direct-evidence",) if state == "confirmed" else ("some-evidence",))


def _moved(before: Record, after: Record) -> bool:
    same = before.shape is after.shape or (
        before.shape is not None and after.shape is not None and before.shape.equals(after.shape)
    )
    return not same or set(_ids(before)) != set(_ids(after))


def _ids(area: Record) -> Sequence[str]:
    ids = area.values.get("stands_on") or []
    return ids if isinstance(ids, list) else [str(ids)]


def _faults_of_record(case: Case) -> Iterator[Problem]:
    """Faults of the area itself, whatever the step."""
    values = case.after.values
    states = KINDS["hazardous_area"].by_name["state"].choices
    if values.get("state") not in states:
        message = f"{case.name} is '{values.get('state', '')}'"
        yield Problem("rules.unknown-state", message, f"write one of {', '.join(states)}")
    if case.after.shape is None:
        yield Problem("rules.no-shape", f"{case.name} has no polygon", "draw it")
    elif fault := polygon_fault(case.after.shape):
        remedy = "mend the polygon, or let a person accept a repaired one"
        yield Problem("rules.bad-shape", f"{case.name}: {fault.split('[', 1)[0].strip()}", remedy)
    if not values.get("profile"):
        remedy = "write name and version of the national standard"
        yield Problem(
            "rules.no-standard", f"{case.name} does not say under which standard it was classed", remedy
        )
    opened, closed = str(values.get("opened_on") or ""), str(values.get("closed_on") or "")
    if opened and closed and closed < opened:
        message = f"{case.name} was closed on {closed}, before it was opened on {opened}"
        yield Problem("rules.closed-before-opened", message, "mend one of the dates")


def _no_such_step(name: str, was: str, now: str) -> Problem:
    nexts = [step.after for step in STEPS if step.before == was]
    message = f"{name} cannot go from {was or 'nothing'} to {now or 'nothing'}"
    remedy = f"from {was or 'nothing'} it may go to {', '.join(nexts)}" if nexts else "see land-release-rules"
    if was in RELEASED and now in RELEASED:
        remedy = "take the release back (undo), or open the area again by new evidence"
    return Problem("rules.no-such-step", message, remedy)
