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
from fadeout.records.catalogue import AREA, EXACT, KINDS, PUBLIC, RESTRICTED, fields_of

PRECISE: dict[str, tuple[str, ...]] = {
    "public": (PUBLIC,),
    "partner": (PUBLIC, AREA),
    "staff": (PUBLIC, AREA, EXACT),
    "manager": (PUBLIC, AREA, EXACT),
    "victim_assistance": (PUBLIC, AREA, EXACT, RESTRICTED),
}
COARSE: dict[str, tuple[str, ...]] = {"partner": (EXACT,)}
ROLES = tuple(PRECISE)

CELLS_PER_DEG = 100  # assumed: cells of about 1 km; a coarse place is the cell it lies in
SHOWN = (  # of texts and lists, those that tell neither the place nor a person of a record seen coarsely
    *(
        "id",
        "sensitivity",
        "stamp",
        "munition",
        "contamination",
        "method",
        "profile",
        "language",
        "country",
        "authority",
    ),
    *("hazard_id", "task_id", "made_by", "verdict"),
)
HIDDEN = frozenset(  # what is not named above is hidden, so that a new text is, too
    {
        about.name
        for kind in KINDS.values()
        for about in fields_of(kind)
        if about.type in ("text", "ids") and about.name not in SHOWN
    }
    | {"position_error_m"}  # of the exact place; beside a cell it would mislead
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
