"""Who may see what: roles, and the sensitivity up to which each sees a record precisely.

Reads   nothing
Gives   `Viewer`, which every reading of a store takes
Knows   roles and sensitivities; `reading` turns them into conditions of its queries
Start   at `Viewer`

A record's sensitivity says who may see it precisely: `public` all, `area` partners, `exact` staff, `restricted` the few
who help victims. Partners see records of staff as a cell of 0.01 degrees (about 1 km), without what could give the
place away; the public sees nothing but what a named person made public. The levels are our own reading of sector
practice (assumed).
"""

from __future__ import annotations

from dataclasses import dataclass

from fadeout.errors import InputRefused, Problem
from fadeout.records.catalogue import AREA, EXACT, PUBLIC, RESTRICTED

PRECISE: dict[str, tuple[str, ...]] = {
    "public": (PUBLIC,),
    "partner": (PUBLIC, AREA),
    "staff": (PUBLIC, AREA, EXACT),
    "manager": (PUBLIC, AREA, EXACT),
    "victim_assistance": (PUBLIC, AREA, EXACT, RESTRICTED),
}
COARSE: dict[str, tuple[str, ...]] = {"partner": (EXACT,)}
WRITERS = ("staff", "manager", "victim_assistance")
ROLES = tuple(PRECISE)

CELLS_PER_DEG = 100  # assumed: cells of about 1 km; a coarse place is the cell it lies in
HIDDEN = (  # columns that could tell the place, or a person, of a record seen coarsely
    *("entered", "entered_crs", "remark", "source", "photo", "photo_sha256", "what", "place_name", "name"),
    *(
        "stands_on",
        "evidence_ids",
        "searched_id",
        "evidence_id",
        "links",
        "edges",
        "released_by",
        "inspector",
    ),
    *("inputs", "summary", "summary_sha256"),
    "position_error_m",  # of the exact place; beside a cell it would mislead
)


@dataclass(frozen=True)
class Viewer:
    """A person with a role. `purpose` is why; reading what is restricted needs one, and is logged.

    Examples
    --------
    >>> Viewer("A. Officer", "partner").precise
    ('public', 'area')
    """

    name: str
    role: str = "public"
    purpose: str = ""

    def __post_init__(self) -> None:
        if self.role not in PRECISE:
            message = f"there is no role '{self.role}'"
            raise InputRefused([Problem("store.unknown-role", message, f"write one of {', '.join(ROLES)}")])

    @property
    def precise(self) -> tuple[str, ...]:
        """Sensitivities that this viewer sees as they stand."""
        return PRECISE[self.role]

    @property
    def coarse(self) -> tuple[str, ...]:
        """Sensitivities that this viewer sees by their cell alone."""
        return COARSE.get(self.role, ())

    def must_write(self) -> None:
        """Refuse if this role changes nothing."""
        if self.role not in WRITERS:
            message = f"the role '{self.role}' may not change records"
            raise InputRefused([Problem("store.may-not-write", message, f"ask one of {', '.join(WRITERS)}")])
