"""The map of a land release: the area, what was searched in it and what was not, and the evidence.

Reads   the `Case` of the area's last step, its searches and evidence
Gives   a `Picture` for documents
Knows   which mark stands for what; the paper around it is `jobs/sheet.py`
Start   at `picture`
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import shapely
from shapely.geometry.base import BaseGeometry

from fadeout.exchange.documents import Picture
from fadeout.jobs import phrasing
from fadeout.jobs.map_marks import EVIDENCE, STOPPED, UNSEARCHED, add, hatched, searched
from fadeout.jobs.map_scene import crs_name, extent_of
from fadeout.jobs.sheet import Entry, Sheet, Words
from fadeout.records.record import Record
from fadeout.records.rules_case import Case
from fadeout.records.rules_needs import searched_ground

AREA: dict[str, Any] = {
    "facecolor": "none",
    "edgecolor": "#1a1a1a",
    "linewidth": 1.3,
    "hatch": "//",
    "hatchcolor": "#8a8a8a",
}
DOTS = "....."
WIDTH_MM = 174.0  # of the page between its margins
MARKS = {"item": "item", "destroyed": "item", "fragment": "fragment", "accident": "accident"}  # else a report
SEARCHED_BOX = ("found", "trace", "other_item", "clear")
SLIVER_M = 0.05  # thinner ground comes of edges that bend as degrees become metres
CANNOT_SAY = "that nothing is left: what lies deeper than was searched, or was missed, is not on it."
SIMULATED = "SIMULATED"


@dataclass(frozen=True)
class Ground:
    """Ground of an area in metres: all of it, what was searched whole, in part, and not at all."""

    area: BaseGeometry
    whole: BaseGeometry
    part: BaseGeometry
    bare: BaseGeometry


def ground_of(case: Case) -> Ground:
    """Part the ground of an area by how it was searched; what reaches beyond the area counts nothing."""
    whole, part = [], []
    for one in (*case.of("searched"), *case.of("box")):
        if one.shape is None or one.values.get("outcome") == "not_searchable":
            continue
        shape = searched_ground(case, one)
        if one.values.get("outcome") == "complete" or one.values.get("state") in SEARCHED_BOX:
            whole.append(shape)
        elif one.values.get("outcome") or one.values.get("state") == "partly":
            part.append(shape)
    area = case.flat(case.ground)
    done = shapely.intersection(shapely.union_all(whole), area)
    some = shapely.difference(shapely.intersection(shapely.union_all(part), area), done)
    bare = shapely.difference(area, shapely.union_all([done, some]))
    return Ground(
        area, done, some, bare.buffer(-SLIVER_M, join_style="mitre").buffer(SLIVER_M, join_style="mitre")
    )


def picture(case: Case, evidence: Sequence[Record], today: date, stamps: tuple[str, ...]) -> Picture:
    """Draw the map.

    Parameters
    ----------
    case : Case
        The area as it stands, with the records that carry its last step.
    evidence : sequence of Record
        Evidence points and accidents to draw.
    today : date
        The day of the information.
    stamps : tuple of str
        Words that must stand on the picture, such as "SIMULATED ...".
    """
    ground = ground_of(case)
    state = str(case.after.values.get("state"))
    points = _points(case, evidence)
    legend = [Entry(f"{case.after.id}, {state}", "fill", hatched(AREA))]
    if not ground.whole.is_empty:
        legend.append(Entry("searched whole (dots)", "fill", searched(hatch=DOTS)))
    if not ground.part.is_empty:
        legend.append(Entry("searched in part, or stopped at a find", "fill", hatched(STOPPED)))
    legend.append(Entry("not searched (crosses)", "fill", hatched(UNSEARCHED)))
    legend += [Entry(words, "mark", style) for kind, (words, style) in EVIDENCE.items() if points[kind]]
    title = f"{case.after.id}: {phrasing.hectares(ground.area.area)} {state}"
    crs = f"{crs_name(case.crs)}, coordinates in metres"
    words = Words(title, CANNOT_SAY, crs, today.isoformat(), "records of the store", stamps)
    sheet = Sheet("completion", words, legend, extent_of(ground.area), width_mm=WIDTH_MM, legend_beside=True)
    add(sheet, ground.bare, zorder=1, **UNSEARCHED)
    add(sheet, ground.whole, zorder=1.2, **searched(hatch=DOTS))
    add(sheet, ground.part, zorder=1.4, **STOPPED)
    add(sheet, ground.area, zorder=2, **AREA)
    for kind, some in points.items():
        if some:
            sheet.ground.plot(*zip(*some, strict=True), linestyle="none", zorder=5, **EVIDENCE[kind][1])
    if any(SIMULATED in one for one in stamps):
        sheet.watermark(SIMULATED)
    counted = "; ".join(f"{len(some)} × {EVIDENCE[kind][0]}" for kind, some in points.items() if some)
    said = (
        f"{title}. Searched whole: {phrasing.hectares(ground.whole.area)}; in part: "
        f"{phrasing.hectares(ground.part.area)}; not searched: {phrasing.hectares(ground.bare.area)}. "
        f"Evidence: {counted or 'none'}."
    )
    alt = f"Map. {said} This map cannot say {CANNOT_SAY}"
    return Picture(sheet.svg(), sheet.png(), said, alt)


def _points(case: Case, evidence: Sequence[Record]) -> dict[str, list[tuple[float, float]]]:
    """Places in metres by the mark that stands for them."""
    found: dict[str, list[tuple[float, float]]] = {kind: [] for kind in EVIDENCE}
    for one in evidence:
        if one.shape is None or one.values.get("state") == "not_found":
            continue
        kind = "accident" if one.kind == "accident" else MARKS.get(str(one.values.get("kind")), "report")
        flat = case.flat(one.shape).centroid
        found[kind].append((flat.x, flat.y))
    return found
