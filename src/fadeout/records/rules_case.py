"""One step of a hazardous area as the rules look at it: before, after, and what was given to carry it.

Reads   the area before and after, records, the standard
Gives   `Case`: what lies in the area, what it stands on, its release, which evidence is direct
Knows   the catalogue's fields; nothing of which step needs what
Start   at `Case`
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import shapely
from shapely.geometry.base import BaseGeometry

from fadeout.records import places
from fadeout.records.record import Record
from fadeout.records.standard import Standard


@dataclass(frozen=True)
class Case:
    """One step: the area before and after it, the records given for it, and the standard."""

    before: Record | None
    after: Record
    records: tuple[Record, ...]
    standard: Standard

    @property
    def name(self) -> str:
        """The area, as messages name it."""
        return f"hazardous area {self.after.id}"

    def of(self, kind: str) -> list[Record]:
        """Records of a kind."""
        return [record for record in self.records if record.kind == kind]

    @property
    def stands_on(self) -> list[str]:
        """Ids that the area stands on."""
        ids = self.after.values.get("stands_on") or []
        return ids if isinstance(ids, list) else [str(ids)]

    @cached_property
    def ground(self) -> BaseGeometry:
        """The area's polygon; one that is not valid is mended for the other checks alone, and refused by itself."""
        shape = self.after.shape
        return shapely.Polygon() if shape is None else shapely.make_valid(shape)

    @cached_property
    def crs(self) -> str:
        """The metric CRS of the area."""
        return places.metric_crs(*places.centre_lonlat([self.ground], places.WGS84))

    def flat(self, shape: BaseGeometry) -> BaseGeometry:
        """A shape in the metric CRS of the area."""
        moved: BaseGeometry = places.move([shapely.make_valid(shape)], places.WGS84, self.crs)[0]
        return moved

    @cached_property
    def release(self) -> Record | None:
        """The release that carries the step: the last one of this action for this area."""
        mine = [
            one
            for one in self.of("release")
            if one.values.get("hazard_id") == self.after.id
            and one.values.get("action") == self.after.values.get("state")
        ]
        return max(mine, key=lambda one: (str(one.values.get("released_on") or ""), one.id), default=None)

    def inside(self, record: Record) -> bool:
        """Whether a record lies in the area, its edge included."""
        return record.shape is not None and bool(shapely.intersects(record.shape, self.ground))

    def is_direct(self, record: Record) -> bool:
        """Whether a record is direct evidence under the standard: a point of such a class, a box with such a find."""
        if record.kind == "box":
            classes = {"found": self.standard.found_by, "trace": self.standard.trace_by}
            return bool({*classes.get(str(record.values.get("state")), ())} & {*self.standard.direct})
        kind = "accident" if record.kind == "accident" else record.values.get("kind")
        return kind in self.standard.direct and record.values.get("state") != "not_found"
