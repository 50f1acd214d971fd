"""What a programme knows: evidence points, searched areas and strike records.

Reads   values already checked by `jobs.intake`
Gives   frozen records in one metric CRS, gathered in a `Survey`
Knows   nothing of files, grids or mathematics
Start   at `Survey`
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from shapely import LineString, MultiLineString, MultiPolygon, Point, Polygon


@dataclass(frozen=True)
class Origin:
    """Where a record came from: file name (no folder), layer, 1-based data row."""

    file: str
    layer: str
    row: int


@dataclass(frozen=True)
class EvidencePoint:
    """Something seen or reported at a place; only `kind == "item"` is a find."""

    id: str
    place: Point
    origin: Origin
    kind: str = "item"  # item, fragment, accident, report
    how: str = "survey"  # survey, clearance, opportunistic
    found_on: date | None = None
    count: int = 1
    munition: str = ""
    position_error_m: float | None = None
    searched_id: str = ""  # the searched area this find belongs to


@dataclass(frozen=True)
class SearchedArea:
    """Ground that was searched, to a stated detection probability."""

    id: str
    shape: Polygon | MultiPolygon | LineString | MultiLineString
    origin: Origin
    detection: float  # probability that an item lying there was detected, from the method or stated
    method: str = ""
    outcome: str = "complete"  # complete, partial, stopped_at_find, not_searchable
    share_searched: float = 1.0
    searched_on: date | None = None
    team: str = ""
    kind: str = "survey"  # survey, clearance
    swath_m: float | None = None
    depth_cm: float | None = None
    detection_stated: bool = False  # by the record itself: then it is known, and not its method's

    @property
    def ground(self) -> Polygon | MultiPolygon:
        """The ground covered: the polygon itself, or a line widened to its swath."""
        if isinstance(self.shape, LineString | MultiLineString):
            return self.shape.buffer((self.swath_m or 0.0) / 2.0, cap_style="flat")
        return self.shape


@dataclass(frozen=True)
class StrikeRecord:
    """A past event said to have left remnants; a record is not yet a strike."""

    id: str
    place: Point
    origin: Origin
    struck_on: date | None = None
    munition: str = ""
    carriers: int = 1
    position_error_m: float = 300.0
    credibility: float = 0.5
    source: str = ""
    duplicate_of: str = ""  # id of the record this one seems to repeat; counted once


@dataclass(frozen=True)
class Source:
    """One input file and its SHA-256, as given."""

    file: str
    sha256: str
    layers: tuple[str, ...] = ()


@dataclass(frozen=True)
class Survey:
    """All records of one area in one metric CRS (x east, y north, metres)."""

    crs: str  # e.g. "EPSG:32648"
    area: Polygon | MultiPolygon  # the ground to assess
    evidence: tuple[EvidencePoint, ...] = ()
    searched: tuple[SearchedArea, ...] = ()
    strikes: tuple[StrikeRecord, ...] = ()
    excluded: Polygon | MultiPolygon | None = None  # ground that cannot hold items
    area_assumed: bool = False  # no `area` layer was given: the hull of the inputs with a margin stands in
    sources: tuple[Source, ...] = ()
    notes: tuple[str, ...] = ()  # what a reader must know: duplicates counted once, values assumed ...
    simulated: bool = False
    stamp: str = ""  # words that must stand on every product, e.g. "SIMULATED"
