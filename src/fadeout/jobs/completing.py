"""The completion document of a land release: what the area was, what was done, what that rests on, who signs.

Reads   a store, the national standard; the folder of an assessment, if one is given
Gives   a `Document`, which `exchange.document_files` writes
Knows   which records bear on it, and what no document can say; rules and ledger are asked, not made again
Start   at `completion`

It holds exact places: it is for staff and the national authority. What is missing is listed as a question for a person.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

from fadeout.errors import InputRefused, Problem
from fadeout.exchange.documents import Cell, Document, Picture, Section, Table
from fadeout.jobs import completing_map, land_release, runs
from fadeout.records import rules
from fadeout.records.access import Viewer
from fadeout.records.catalogue import fields_of
from fadeout.records.ledger import Ledger
from fadeout.records.mending import area_m2
from fadeout.records.reading import Version, kind_of
from fadeout.records.record import Record
from fadeout.records.rules_case import Case
from fadeout.records.rules_needs import NEEDS
from fadeout.records.standard import Standard
from fadeout.records.store import Store
from fadeout.treaty.article7_found import LINES
from fadeout.treaty.phrases import phrases

NAME = "completion"
FOR_WHOM = "For staff and the national authority; holds exact places"
DIGEST = 12  # letters of a digest that a table shows; the record holds it whole
SIGN_HERE = "______________________"
FACTS = ("class", "name", "state", "opened_on", "closed_on", "contamination", "land_use", "edges", "profile")
SEARCH = ("searched_on", "method", "kind", "outcome", "depth_cm", "team")
BOX = ("searched_on", "method", "state", "effort_min", "team")
EVIDENCE = ("found_on", "kind", "munition", "count", "state")
DESTROYED = ("destroyed_on", "munition", "count", "evidence_id")
DOCUMENT = ("title", "purpose", "dated_on", "file", "sha256")
STRIKE = ("struck_on", "munition", "carriers")
QUALITY = ("sampled_on", "result", "seeded_found", "missed_items", "inspector")
RELEASE = ("action", "released_on", "method", "depth_cm", "released_by", "authority")


@dataclass(frozen=True)
class Gathered:
    """What the store holds of one area's release."""

    area: Record
    versions: tuple[Version, ...]  # those in which the state changed, the oldest first
    case: Case  # of the last step
    releases: tuple[Record, ...]
    destroyed: tuple[Record, ...]
    quality: tuple[Record, ...]
    ledger: Ledger
    run: Record | None
    summary: Mapping[str, Any] | None

    @property
    def everything(self) -> tuple[Record, ...]:
        """All records that it stands on."""
        return (self.area, *self.case.records, *self.destroyed, *self.quality)

    @property
    def stamps(self) -> tuple[str, ...]:
        """Words that any of the records bears, such as SIMULATED."""
        found = {str(one.values["stamp"]) for one in self.everything if one.values.get("stamp")}
        if self.run is not None and self.run.values.get("stamp"):
            found.add(str(self.run.values["stamp"]))
        found |= {str(one) for one in (self.summary or {}).get("stamps", ())}
        return tuple(sorted(found))


def completion(
    store: Store,
    area_id: str,
    standard: Standard,
    *,
    who: str,
    now: datetime,
    run_folder: Path | None = None,
) -> Document:
    """Make the document.

    Parameters
    ----------
    store : Store
        Where the area is; nothing of it changes.
    area_id : str
        A hazardous area that is cancelled, reduced or cleared.
    standard : Standard
        What its rules are asked under.
    who : str
        Who prepares it; stands in the signature block.
    now : datetime
        The only time of the document, and the end of the ledger.
    run_folder : Path, optional
        An assessment whose statement is told; the latest of the area in the store if not given.

    Raises
    ------
    InputRefused
        If there is no such area, it is not released, or the folder holds no assessment.
    """
    found = gather(store, area_id, standard, who, now.date(), run_folder)
    drawn = _map(found, now.date())
    said = limits(standard)
    return Document(
        title=f"Completion of {found.area.id}: {found.area.values['state']}",
        subtitle=f"{FOR_WHOM}. Information to {now.date().isoformat()}.",
        made_at=now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        sections=(
            _area(found),
            *([_picture(drawn)] if drawn else []),
            _releases(found),
            _ledger(found),
            _rests(found),
            _rules(found, standard),
            _statement(found),
            Section("limits", "What this document does not say", paragraphs=(said,)),
            _signatures(found, who),
        ),
        notes=(said,),
        stamps=(FOR_WHOM, *found.stamps),
    )


def limits(standard: Standard) -> str:
    """What no document says of ground, whatever was done on it."""
    return (
        "No document says that ground is free of all remnants beyond the standard's depth. "
        f"{standard.label} asks for {standard.depth_cm:g} cm: what lies deeper, and what a search did not detect, "
        "may remain. What was not searched is not known."
    )


# ---- gathering -------------------------------------------------------------------------------------------------------


def gather(
    store: Store, area_id: str, standard: Standard, who: str, today: date, run_folder: Path | None = None
) -> Gathered:
    """Gather all that bears on the release of an area."""
    viewer = Viewer(who, "manager")

    def read(kind: str, **asked: Any) -> list[Record]:
        return list(store.all(kind, viewer, **asked))

    area = store.get("hazardous_area", area_id, viewer)
    if area is None:
        message = f"there is no hazardous area '{area_id[:60]}'"
        raise InputRefused([Problem("store.no-area", message, "see: fadeout records list hazardous_area")])
    state = str(area.values.get("state"))
    if state not in rules.RELEASED:
        message = f"{area.id} is {state or 'without a state'}, not released"
        raise InputRefused(
            [
                Problem(
                    "completion.not-released",
                    message,
                    f"take it the step to {', '.join(rules.RELEASED)} first",
                )
            ]
        )
    history = store.history(area_id, viewer, "hazardous_area")
    steps = tuple(
        one
        for before, one in pairwise([None, *history])
        if one is not None
        and (before is None or before.record.values.get("state") != one.record.values.get("state"))
    )
    bearing = land_release.evidence_for(read, area)
    case = Case(steps[-2].record if len(steps) > 1 else None, area, tuple(bearing), standard)
    releases = tuple(sorted(case.of("release"), key=lambda one: (str(one.values.get("released_on")), one.id)))
    mine = tuple(one for one in releases if one.values.get("hazard_id") == area.id)
    near = read("item_destroyed", bbox=area.shape.bounds) if area.shape is not None else []
    items = {one.id: one for one in near if case.inside(one)}
    for point in case.of("evidence"):
        items |= {one.id: one for one in read("item_destroyed", where={"evidence_id": point.id})}
    named = {one.id for one in mine}
    quality = tuple(
        one for one in read("qc_sample") if one.values.get("release_id") in named or case.inside(one)
    )
    run, summary = _run(read, area_id, run_folder)
    first = min([*_days(history, area), today])
    ledger = land_release.ledger(store, first, today, who)
    return Gathered(area, steps, case, mine, tuple(items.values()), quality, ledger, run, summary)


def _days(history: Sequence[Version], area: Record) -> list[date]:
    """Days on which the area may have begun."""
    told = [str(area.values.get("opened_on") or ""), *(one.at[:10] for one in history)]
    return [date.fromisoformat(one[:10]) for one in told if len(one) >= 10]


def _run(read: land_release.Read, area_id: str, folder: Path | None) -> tuple[Record | None, Any]:
    """The latest assessment of the area, and its summary; that of a folder where one is given."""
    made = sorted(read("run", where={"hazard_id": area_id}), key=lambda one: str(one.values.get("ran_at")))
    if folder is not None:
        try:
            summary = json.loads((folder / runs.SUMMARY).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            message = f"{folder.name} holds no assessment"
            raise InputRefused(
                [Problem("completion.no-run", message, "name the folder of a finished assessment")]
            ) from error
        return None, summary
    if not made:
        return None, None
    text = str(made[-1].values.get("summary") or "")
    return made[-1], json.loads(text) if text else None


# ---- sections --------------------------------------------------------------------------------------------------------


def _area(found: Gathered) -> Section:
    area = found.area
    about = {one.name: one.about for one in fields_of(kind_of("hazardous_area"))}
    rows: list[tuple[Cell, ...]] = [("id", area.id)]
    rows += [(about[name], str(area.values[name])) for name in FACTS if area.values.get(name)]
    if area.shape is not None:
        rows.append(("ground of its polygon, m²", f"{round(area_m2(area.shape)):,}".replace(",", "\u202f")))
    steps = tuple(
        (str(one.record.values.get("state")), one.at[:10], one.who, one.why, one.record.version)
        for one in found.versions
    )
    columns = ("State", "Recorded on", "By", "Why", "Version")
    return Section(
        "area",
        "What the area is",
        tables=(
            Table(
                "The area as it is recorded",
                ("What", "Recorded"),
                tuple(rows),
                ((area.id, *_ids(area.values.get("stands_on"))),),
            ),
            Table("States that it went through", columns, steps),
        ),
    )


def _map(found: Gathered, today: date) -> Picture | None:
    if found.area.shape is None:
        return None
    shown = [one for kind in ("evidence", "accident") for one in found.case.of(kind)]
    return completing_map.picture(found.case, shown, today, found.stamps)


def _picture(drawn: Picture) -> Section:
    return Section("map", "Where it is, and what was searched", pictures=(drawn,))


def _releases(found: Gathered) -> Section:
    by_ledger = {row.id: row for row in found.ledger.releases}
    rows: list[tuple[Cell, ...]] = []
    behind: list[tuple[str, ...]] = []
    for one in found.releases:
        ground: Cell = round(area_m2(one.shape)) if one.shape is not None else "not drawn"
        line = by_ledger.get(one.id)
        rows.append((one.id, *_cells(one, RELEASE), ground, line.released_m2 if line else 0))
        behind.append((one.id, *_ids(one.values.get("evidence_ids"))))
    for row in found.ledger.releases:
        if row.id == f"area {found.area.id}":  # what the area's own state released, with or without a release
            ground = row.released_m2 + row.not_open_m2
            rows.append((row.id, row.action, row.on.isoformat(), "", "", "", "", ground, row.released_m2))
            behind.append((found.area.id,))
    names = (*(_heading(name) for name in RELEASE), "Polygon (m²)", "Released (m²)")
    missing = "No record of the release itself is in the store: who signed it, and when?"
    return Section(
        "releases",
        "The release",
        paragraphs=("Released is ground that was open until then, by the area ledger.",),
        tables=(Table("Releases of this area", ("Id", *names), tuple(rows), tuple(behind)),),
        gaps=() if found.releases else (missing,),
    )


def _ledger(found: Gathered) -> Section:
    line, ledger = found.ledger.by_area.get(found.area.id), found.ledger
    say = phrases("article7")
    period = f"from {ledger.start.isoformat()} to {ledger.end.isoformat()}"
    if line is None:
        gap = "The area ledger has no line for this area: has it a polygon and a day?"
        return Section("ledger", "Area ledger", gaps=(gap,))
    words = {name: say(f"line_{name}") for name in LINES}
    words |= {  # the period is no calendar year here
        "opening": f"Open before {ledger.start.isoformat()}",
        "closing": f"Open at the end of {ledger.end.isoformat()}",
    }
    rows = tuple((words[name], getattr(line, name)) for name in LINES)
    behind = tuple(
        tuple(row.id for row in ledger.releases if row.action == name and row.id in _named(found))
        for name in LINES
    )
    balance = "The line balances." if not line.off_by else f"The line is out by {line.off_by} m²."
    gaps = (f"{line.closing:,} m² of it are still open: what becomes of them?",) if line.closing else ()
    return Section(
        "ledger",
        "Area ledger",
        paragraphs=(f"{ledger.method[:1].upper()}{ledger.method[1:]}. {balance}",),
        tables=(Table(f"Ground of {found.area.id} {period}", ("Line", "m²"), rows, behind),),
        gaps=gaps,
    )


def _named(found: Gathered) -> set[str]:
    """What the ledger calls releases of this area: their ids, and the area's own state."""
    return {*(one.id for one in found.releases), found.area.id, f"area {found.area.id}"}


def _rests(found: Gathered) -> Section:
    case = found.case
    tables = (
        _table("Searches", case.of("searched"), SEARCH, ground=True),
        _table("Survey boxes", case.of("box"), BOX, ground=True),
        _table("Evidence in the area", [*case.of("evidence"), *case.of("accident")], EVIDENCE),
        _table("Strike records", case.of("strike"), STRIKE),
        _table("Items destroyed", found.destroyed, DESTROYED),
        _table("Documents", case.of("document"), DOCUMENT),
        _table("Quality control", found.quality, QUALITY),
    )
    gaps = (
        () if found.quality else ("No quality-control sample of this ground is recorded: who looked again?",)
    )
    return Section("rests", "What it rests on", tables=tables, gaps=gaps)


def _table(caption: str, records: Sequence[Record], names: Sequence[str], ground: bool = False) -> Table:
    """Records as rows, each with its own id behind it, and the ids that it names."""
    shown = sorted(records, key=lambda one: (str(one.values.get(names[0]) or ""), one.id))
    columns = ("Id", *(_heading(name) for name in names), *(("m²",) if ground else ()))
    rows = tuple((one.id, *_cells(one, names), *((_square(one),) if ground else ())) for one in shown)
    behind = tuple(
        (one.id, *_ids(one.values.get("evidence_ids")), *_ids(one.values.get("evidence_id"))) for one in shown
    )
    return Table(caption, columns, rows, behind)


def _heading(name: str) -> str:
    for unit in ("cm", "min"):
        name = f"{name.removesuffix(f'_{unit}')} ({unit})" if name.endswith(f"_{unit}") else name
    return name.replace("_", " ").capitalize()


def _square(record: Record) -> Cell:
    if record.shape is None or "Polygon" not in record.shape.geom_type:
        return ""
    return round(area_m2(record.shape))


def _cells(record: Record, names: Sequence[str]) -> tuple[Cell, ...]:
    return tuple(_cell(name, record.values.get(name)) for name in names)


def _cell(name: str, value: Any) -> Cell:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return int(value) if value == int(value) else f"{value:g}"
    if name == "sha256" and value:
        return f"{str(value)[:DIGEST]}…"
    return "" if value is None else str(value)


def _ids(value: Any) -> tuple[str, ...]:
    if isinstance(value, list):
        return tuple(str(one) for one in value)
    return (str(value),) if value else ()


def _rules(found: Gathered, standard: Standard) -> Section:
    """Every step that the area took with its clause; the needs of the last one, asked again today."""
    states = [rules.NOTHING, *(str(one.record.values.get("state")) for one in found.versions)]
    taken = [rules.BY_STATES.get(pair) for pair in pairwise(states)]
    rows = tuple(
        (
            f"{before or '(new)'} → {after}",
            step.clause if step else "not a step of the rules",
            version.at[:10],
        )
        for (before, after), step, version in zip(pairwise(states), taken, found.versions, strict=True)
    )
    last = taken[-1]
    asked, gaps = [], []
    for name in last.needs if last else ():
        missing = [one.message for one in NEEDS[name].faults(found.case)]
        asked.append((NEEDS[name].about.replace("`", ""), "; ".join(missing) or "met"))
        gaps += [f"A rule is not met as the records stand today: {one}." for one in missing]
    if last is None:
        gaps.append(
            f"No rule leads from {states[-2] or 'nothing'} to {states[-1]}: who decided this, and why?"
        )
    paragraphs = [
        f"Rules of {standard.label}. [R] marks clauses that were recalled and not read in the standard's text."
    ]
    classed = str(found.area.values.get("profile") or "")
    if classed != standard.label:
        paragraphs.append(f"The area was classed under {classed or 'no standard that is named'}.")
    return Section(
        "rules",
        "Rules, and how they are met",
        paragraphs=tuple(paragraphs),
        tables=(
            Table("Steps that the area took", ("Step", "Clause", "Recorded on"), rows),
            Table("What the last step needs, asked of the records today", ("Need", "Result"), tuple(asked)),
        ),
        gaps=tuple(dict.fromkeys(gaps)),
    )


def _statement(found: Gathered) -> Section:
    title, summary, run = "Completion statement of the assessment", found.summary, found.run
    if summary is None:
        return Section(
            "statement",
            title,
            paragraphs=("No assessment of this area is in the store; the rules ask for none.",),
        )
    ran = str((run.values.get("ran_at") if run else None) or summary.get("made_at") or "")
    words = [
        f"Assessment {run.id}, {ran}: {run.values.get('verdict', '')}" if run else f"Assessment {ran}".strip()
    ]
    if ran:
        later = [one.id for one in found.everything if one.recorded_at and one.recorded_at[:19] > ran[:19]]
        if later:
            words.append(
                f"{len(later)} of the records here were recorded after it, and it does not know them."
            )
    said = summary.get("sentences") or {}
    words += [str(said[key]) for key in ("we_know", "we_do_not_know") if said.get(key)]
    rows = tuple((str(one["name"]), str(one["words"])) for one in summary.get("completion") or ())
    behind = tuple((run.id,) for _ in rows) if run else ()
    words.append("An estimate advises; a person decides.")
    return Section(
        "statement",
        title,
        paragraphs=tuple(words),
        tables=(Table("Statements by ground", ("Ground", "Statement"), rows, behind),) if rows else (),
    )


def _signatures(found: Gathered, who: str) -> Section:
    last = found.case.release
    values = last.values if last is not None else {}
    inspectors = sorted(
        {str(one.values["inspector"]) for one in found.quality if one.values.get("inspector")}
    )
    rows = [
        ("Signed the release", str(values.get("released_by") or ""), str(values.get("released_on") or "")),
        ("National authority", str(values.get("authority") or ""), ""),
        *(("Quality control", name, "") for name in inspectors),
        ("Prepared this document", who, ""),
        ("Received the land", "", ""),
    ]
    columns = ("Role", "Name", "Day", "Signature")
    table = Table("Names and signatures", columns, tuple((*row, SIGN_HERE) for row in rows))
    return Section("signatures", "Names and signatures", tables=(table,))
