"""What a store gave out in any format changes nothing when it is taken in again."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from shapely import LineString, MultiPolygon, Point, Polygon, box

from fadeout.exchange import formats, writing
from fadeout.exchange.outgoing import outgoing
from fadeout.jobs.storing import Request, take_in
from fadeout.records.access import Viewer
from fadeout.records.catalogue import KINDS
from fadeout.records.record import Record
from fadeout.records.store import create_store

STAFF = Viewer("s", "staff")
ABOUT = {"fadeout": "0.1.0", "created_utc": "2026-11-25T04:00:00Z", "sensitivity": "exact"}
# Corners on a grid of 1/1024 degree, which every format holds exactly; rings run as GeoJSON and KML want them.
HOLED = Polygon(
    [(107, 16), (107.5, 16), (107.5, 16.5), (107, 16.5)],
    [[(107.125, 16.125), (107.125, 16.25), (107.25, 16.25), (107.25, 16.125)]],
)
TWO = MultiPolygon([box(107, 16, 107.25, 16.25, ccw=True), box(107.5, 16, 107.75, 16.25, ccw=True)])
RECORDS = {
    "evidence": [
        Record("evidence", "007", {"munition": "=BLU-26", "count": 2, "found_on": "1965-03-04"}, Point(107.5, 16.5)),
        Record(
            "evidence",
            "EP-2",
            {"device_at": "2024-11-25T07:00:00Z", "position_error_m": 5.5, "remark": "a\nb"},
            Point(-107.5, -16.5),
        ),
    ],
    "hazardous_area": [
        Record("hazardous_area", "H-1", {"state": "suspected", "class": "SHA", "stands_on": ["007", "EP-2"]}, HOLED),
        Record("hazardous_area", "H-2", {"state": "confirmed", "class": "CHA", "beneficiaries": 120}, TWO),
    ],
    "searched": [
        Record("searched", "S-1", {"share_searched": 1.0, "swath_m": 2.5}, LineString([(107, 16), (107.5, 16.5)])),
        Record("searched", "S-2", {"outcome": "partial", "share_searched": 0.25}, HOLED),
    ],
}  # fmt: skip


@pytest.mark.parametrize("kind", RECORDS)
@pytest.mark.parametrize("suffix", writing.written())
def test_records_given_out_and_taken_in_again_are_the_same(tmp_path: Path, suffix: str, kind: str) -> None:
    form = formats.named(Path(f"x{suffix}"))
    assert form is not None
    if form.name == "GPX" and kind == "hazardous_area":
        pytest.skip("GPX holds no polygons")
    records = RECORDS[kind]
    store = create_store(tmp_path / "store.gpkg")
    with store.change(who="a", why="as a start") as change:
        change.put(records)
    kept = [one for record in records if (one := store.get(kind, record.id, STAFF)) is not None]
    path = tmp_path / f"{kind}{suffix}"
    writing.write_records(path, [outgoing(KINDS[kind], kept)], about=ABOUT)
    (review,) = take_in(store, Request((path,), "a"), today=date(2026, 11, 25))
    held = 1 if form.name == "GPX" and kind == "searched" else 2
    assert (review.problems, review.put.new, review.put.changed, review.put.same) == ([], 0, 0, held), (
        review.details
    )
