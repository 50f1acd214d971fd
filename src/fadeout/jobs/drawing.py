"""Areas drawn from boxes with evidence under a national standard, and the boxes to search next, as proposals.

Reads   a store: evidence points, survey boxes, searched ground that is one box
Gives   proposed hazardous areas and spot tasks as records, each with what it stands on and how its edge is closed;
        boxes to search next, each with why
Knows   which records are boxes; the rule is the standard's, the geometry `records.hazardous`
Start   at `proposals`, `next_boxes`
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from fadeout.exchange.outgoing import content_sha256, outgoing
from fadeout.exchange.writing import write_records
from fadeout.records import boxes, hazardous, places
from fadeout.records.access import Viewer
from fadeout.records.boxes import BoxState, Cell, NextBox, Search, Seen
from fadeout.records.catalogue import KINDS
from fadeout.records.record import Record
from fadeout.records.standard import Standard
from fadeout.records.store import Store

BOX_ID = re.compile(r"\d{4,5}-[\d.]+-\d+-\d+")  # as `boxes.Cell.id` writes it
ONE_BOX = 0.25  # searched ground is one box if its area differs by no more than this share (assumed)


def proposals(store: Store, standard: Standard, who: str) -> list[Record]:
    """Draw areas around the boxes with evidence, zone by zone of UTM; nothing in the store changes."""
    return [one for states in _states(store, standard, who) for one in _drawn(states, standard)]


def next_boxes(store: Store, standard: Standard, who: str) -> list[tuple[NextBox, Record]]:
    """Boxes to search next by the standard's growth and outward stop, each as a record of a box not yet searched."""
    return [
        (one, _planned(one, standard))
        for states in _states(store, standard, who)
        for one in boxes.next_boxes(states, standard)
    ]


def _planned(one: NextBox, standard: Standard) -> Record:
    shape = places.move([one.box.square], one.box.crs, places.WGS84)[0]
    return Record("box", one.box.id, {"state": "not_yet", "remark": f"{one.why}; {standard.label}"}, shape)


def _states(store: Store, standard: Standard, who: str) -> Iterator[dict[Cell, BoxState]]:
    """The state of every box with a search or evidence, zone by zone of UTM."""
    viewer = Viewer(who, "manager")
    searches: dict[str, dict[Cell, list[Search]]] = defaultdict(lambda: defaultdict(list))
    for record in _one_box(store, viewer, standard):
        assert record.shape is not None
        if record.values.get("state") == "not_yet":
            continue  # planned, not searched
        centre = record.shape.centroid
        cell = boxes.cell_at(centre.x, centre.y, standard.box_side_m)
        searches[cell.crs][cell].append(Search.of(record))
    points: dict[str, list[Record]] = defaultdict(list)
    for record in store.all("evidence", viewer):
        if record.shape is not None:
            points[places.metric_crs(record.shape.centroid.x, record.shape.centroid.y)].append(record)
    for crs in sorted({*searches, *points}):
        seen = _flagged(boxes.by_cell(points.get(crs, ()), standard.box_side_m, crs), points.get(crs, ()))
        yield boxes.states_of(searches.get(crs, {}), seen, standard)


def write(drawn: Sequence[Record], path: Path, now: datetime) -> list[str]:
    """Write proposals into a file that an intake reads; give what the format loses."""
    kinds = dict.fromkeys(one.kind for one in drawn)
    layers = [outgoing(KINDS[kind], [one for one in drawn if one.kind == kind]) for kind in kinds]
    about = {
        "fadeout": version("fadeout"),
        "created_utc": now.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="seconds") + "Z",
        "sensitivity": "exact: proposals for staff, to be looked at",
        "content_sha256": content_sha256(drawn),
    }
    return write_records(path, layers, about=about)


def _one_box(store: Store, viewer: Viewer, standard: Standard) -> Iterable[Record]:
    yield from (one for one in store.all("box", viewer) if one.shape is not None)
    yield from (one for one in store.all("searched", viewer) if _is_one_box(one, standard.box_side_m))


def _is_one_box(record: Record, side_m: float) -> bool:
    if record.shape is None or record.shape.geom_type != "Polygon":
        return False
    return abs(places.geodesic_area_m2(record.shape, places.WGS84) / side_m**2 - 1) <= ONE_BOX


def _flagged(seen: dict[Cell, list[Seen]], points: Iterable[Record]) -> dict[Cell, list[Seen]]:
    """Mark what is another explosive item than a cluster munition."""
    others = {one.id for one in points if one.values.get("other_item")}
    return {cell: [Seen(one.id, one.kind, one.id in others) for one in some] for cell, some in seen.items()}


def _drawn(states: Mapping[Cell, BoxState], standard: Standard) -> list[Record]:
    clear = hazardous.clear_ground(states)
    made = []
    for area in hazardous.draw(states, standard):
        pieces = hazardous.edges(area.flat, clear)
        evidence = [one for one in area.stands_on if not BOX_ID.fullmatch(one)]
        first = next(one for one in area.stands_on if BOX_ID.fullmatch(one))
        if area.spot_task:
            values = {"kind": "spot", "state": "planned", "remark": f"{area.rule}; {', '.join(evidence)}"}
            made.append(Record("task", f"SPOT-{first}", dict(values), area.shape))
            continue
        made.append(
            Record(
                "hazardous_area",
                f"CHA-{first}",
                {
                    "state": "confirmed",
                    "class": "CHA",
                    "stands_on": evidence,
                    "edges": hazardous.edge_field(pieces),
                    "profile": standard.label,
                    "remark": f"{area.rule}; {hazardous.edge_words(pieces)}",
                },
                area.shape,
            )
        )
    return made
