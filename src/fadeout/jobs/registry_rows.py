"""Rows of the registry's pages and of the JSON beside them, with values as one reads them.

Reads   standings, and claims of a `Registry`
Gives   dictionaries of texts
Knows   units and the words of bounds; nothing of pages
Start   at `claim_row`
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date
from typing import Any

from fadeout.records.claims import MUNITION, PROPERTIES, Claim, Registry
from fadeout.treaty import registry as treaty
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
