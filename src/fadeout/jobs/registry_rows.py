"""Rows of the registry's pages and of the JSON beside them, with values as one reads them.

Reads   standings, duties and claims of a `Registry`
Gives   dictionaries of texts
Knows   units, the words of bounds, and which rows a table holds; nothing of pages
Start   at `claim_row`

The public pages, the staff server and the commands show these rows, so that all say the same.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any

from fadeout.records.claims import MUNITION, PROPERTIES, Claim, Registry
from fadeout.treaty import registry as treaty
from fadeout.treaty.obligations import Duty
from fadeout.treaty.registry import Standing

NUMERIC = re.compile(r"[<>]?\d[\d.]*")  # as `claim_checks` lets numbers, ranges and bounds pass
UNITS = {"area_km2": " km²", "share": "", "count": ""}


def standings(where: Iterable[Standing]) -> list[dict[str, Any]]:
    """Standings as rows."""
    return [
        {
            "state": one.state,
            "name": one.name,
            "status": one.status,
            "signature": iso(one.signature),
            "deposit": iso(one.deposit),
            "in_force": iso(one.in_force),
            "left_on": iso(one.left_on),
            "unverified": ", ".join(one.unverified),
        }
        for one in where
    ]


def iso(day: date | None) -> str:
    """A day as ISO 8601 has it, "" for none."""
    return day.isoformat() if day else ""


def claim_row(registry: Registry, claim: Claim) -> dict[str, Any]:
    """A claim with who says it, and the names of whom it speaks."""
    (row,) = treaty.in_rows(registry, [claim])
    names = {one.id: one.name for one in registry.subjects.values()}
    munition = registry.munitions.get(claim.subject.removeprefix(MUNITION))
    return {
        **row,
        "what": PROPERTIES[claim.property].about,
        "said": _said(claim),
        "subject_name": munition.name if munition else names.get(claim.subject, "origin not known"),
        "subject_page": f"states/{claim.subject}.html" if claim.subject in names else "",
        "other_name": names.get(claim.other, claim.other),
        "time": _time(claim),
    }


def _said(claim: Claim) -> str:
    """A value as one reads it: bounds in words, and a unit where it is an area.

    Examples
    --------
    >>> [_said(Claim("a", "LAO", "contamination", one)) for one in ("<100", "30..65", "contaminated")]
    ['less than 100 km²', '30 to 65 km²', 'contaminated']
    """
    unit = UNITS.get(PROPERTIES[claim.property].form)
    if unit is None or not NUMERIC.fullmatch(claim.value):
        return claim.value
    words = claim.value.replace("..", " to ").replace("<", "less than ").replace(">", "more than ")
    return words + unit


def _time(claim: Claim) -> str:
    if claim.ends in ("", claim.starts):
        return claim.starts
    return f"{claim.starts} to {claim.ends}" if claim.starts else f"until {claim.ends}"


def on_subject(registry: Registry, code: str) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Claims on a subject: those that stand first, and those that differ from them."""
    first: list[dict[str, Any]] = []
    others: list[dict[str, Any]] = []
    for name, about in PROPERTIES.items():
        said = registry.of(code, name)
        for claim in said:
            differs = about.single and claim.value != said[0].value
            (others if differs else first).append(claim_row(registry, claim))
    received = [one for one in treaty.transfers(registry) if one.other == code and one.subject != code]
    return first + [claim_row(registry, one) for one in received], others


def contamination(registry: Registry, standings: Iterable[Standing]) -> list[dict[str, Any]]:
    """Claims on contamination: `stands` says whether inside the Convention, outside it, or in an area of no state."""
    where = {one.state: "party" if one.status == treaty.PARTY else "outside" for one in standings}
    return [
        {**claim_row(registry, one), "stands": where.get(code, "area")}
        for code, said in treaty.contamination(registry).items()
        for one in said
    ]


def munitions(registry: Registry) -> list[dict[str, Any]]:
    """Munition types by name, each with its claims."""
    return [
        {
            "id": key,
            "name": registry.munitions[key].name,
            "aliases": ", ".join(registry.munitions[key].aliases),
            "submunition": registry.munitions[key].submunition,
            "claims": [claim_row(registry, one) for one in claims],
        }
        for key, claims in treaty.munitions(registry).items()
    ]


def work_deadlines(registry: Registry, owed: Mapping[str, tuple[Duty, ...]]) -> list[dict[str, Any]]:
    """Deadlines for stockpiles and clearance that are neither done nor empty, those without a day last."""
    rows = [
        _duty_row(registry, code, duty)
        for code, duties in owed.items()
        for duty in duties
        if duty.key.startswith(("article3", "article4")) and duty.state not in ("done", "none")
    ]
    return sorted(rows, key=lambda row: (row["day"] or "9999", row["name"]))


def due_rows(registry: Registry, due: Sequence[tuple[str, Duty]], each: bool = False) -> list[dict[str, Any]]:
    """Duties that fall due; what all parties owe on one day, the yearly report, is one row unless `each` is asked."""
    rows: list[dict[str, Any]] = []
    shown: set[date] = set()
    for code, duty in due:
        row = _duty_row(registry, code, duty)
        if duty.key == "article7_yearly" and not each and duty.due is not None:
            if duty.due in shown:
                continue
            shown.add(duty.due)
            number = sum(one.key == duty.key and one.due == duty.due for _, one in due)
            row |= {"state": "", "name": f"{number} parties", "unverified": ""}
        rows.append(row)
    return rows


def unknown_rows(registry: Registry, apart: Iterable[tuple[str, Duty]]) -> list[dict[str, Any]]:
    """Duties whose day is past or cannot be known, each with why."""
    return [
        {**_duty_row(registry, code, duty), "why": duty.remark or duty.arithmetic} for code, duty in apart
    ]


def _duty_row(registry: Registry, code: str, duty: Duty) -> dict[str, Any]:
    return {
        "state": code,
        "name": registry.subjects[code].name,
        "duty": duty.title,
        "article": duty.article,
        "day": iso(duty.due),
        "stands": duty.state,
        "how": duty.arithmetic,
        "remark": duty.remark,
        "unverified": ", ".join(duty.unverified),
    }
