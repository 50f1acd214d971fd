"""What the records of one calendar year say, as an Article 7 report needs it.

Reads   nothing; `jobs.article7` gathers it
Gives   `Gathered` and its parts, lines of the area ledger, places as coarse as they may be told
Knows   how precisely a place may be told; nothing of forms or stores
Start   at `Gathered`
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from fadeout.records.counts import Counts
from fadeout.records.ledger import Balance, Ledger

LINES = (
    *("opening", "found", "reopened", "corrected_up"),
    *("cancelled", "reduced", "cleared", "corrected_down", "closing"),
)
MOVES = LINES[1:-1]


@dataclass(frozen=True)
class Area:
    """A hazardous area that was open at the end of the year; its place only to a tenth of a degree."""

    id: str
    state: str
    place: str
    types: str = ""
    since: str = ""


@dataclass(frozen=True)
class Session:
    """Risk education of a place and a language in the year: sessions and the people reached."""

    place: str
    language: str
    people: tuple[int, int, int, int, int]  # women, men, girls, boys, with a disability among them
    ids: tuple[str, ...]


@dataclass(frozen=True)
class Gathered:
    """What the records of one calendar year say."""

    state: str
    programme: str
    year: int
    ledger: Ledger
    areas: tuple[Area, ...] = ()
    destroyed: tuple[tuple[str, int, tuple[str, ...]], ...] = ()  # type ("" if not typed), number, records
    sessions: tuple[Session, ...] = ()
    victims: Counts | None = None  # by sex and age group, small cells withheld; None if nobody is recorded
    unrecorded: bool = False  # whether accidents tell of people hurt who are not recorded as persons
    stamps: tuple[str, ...] = ()  # of the records, such as SIMULATED


def moved(line: Balance) -> bool:
    """Whether anything changed in an area in the year."""
    return any(getattr(line, name) for name in MOVES)


def coarse(lon: float, lat: float) -> str:
    """A place to a tenth of a degree, about 11 km.

    Examples
    --------
    >>> coarse(107.0512, 16.8025), coarse(-70.04, -33.4)
    ('16.8° N, 107.1° E', '33.4° S, 70.0° W')
    """
    return f"{abs(lat):.1f}° {'N' if lat >= 0 else 'S'}, {abs(lon):.1f}° {'E' if lon >= 0 else 'W'}"


def year_of(text: object) -> int | None:
    """The year of a date as records hold it."""
    try:
        return date.fromisoformat(str(text)).year
    except ValueError:
        return None
