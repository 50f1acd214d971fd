"""Records go out as far as a role may see, and come back the same."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from shapely import Point, box, from_wkt

from fadeout.errors import InputRefused
from fadeout.exchange import formats
from fadeout.jobs import export as job
from fadeout.jobs.export import Asked, export
from fadeout.jobs.storing import Request, take_in
from fadeout.records.access import Viewer
from fadeout.records.record import Record
from fadeout.records.store import Store, create_store

NOW = datetime(2026, 11, 25, 7, tzinfo=UTC)
STAFF, PARTNER, PUBLIC = Viewer("s", "staff"), Viewer("p", "partner"), Viewer("q", "public")
PLACE, AREA = Point(107.055, 16.805), box(107, 16.8, 107.1, 16.9)
WHOLE = (".gpkg", ".geojson", ".kml", ".csv", ".xlsx", ".parquet", ".gdb.zip")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    made = create_store(tmp_path / "store.gpkg")
    with made.change(who="a", why="b") as change:
        change.put(
            [
                Record(
                    "evidence",
                    "EP-1",
                    {"count": 2, "kind": "item", "source": "=HYPERLINK(1)"},
                    Point(107.055, 16.805),
                ),
                Record(
                    "evidence", "EP-2", {"found_on": "2024-03-01", "stamp": "SIMULATED"}, Point(107.5, 16.9)
                ),
                Record(
                    "hazardous_area",
                    "SHA-1",
                    {"state": "suspected", "stands_on": ["EP-1"]},
                    box(107, 16.8, 107.1, 16.9),
                ),
            ]
        )
    return made


@pytest.mark.parametrize("suffix", WHOLE)
def test_what_goes_out_comes_back_without_a_change(store: Store, tmp_path: Path, suffix: str) -> None:
    (written,) = export(store, Asked(tmp_path / f"evidence{suffix}", ("evidence",)), STAFF, NOW)
    assert written.records == {"evidence": 2}
    request = Request((written.file,), "a", kind="evidence")
    (review,) = take_in(store, request, today=date(2026, 11, 25))
    assert review.problems == []
    changed = {name for one in review.details for name in one["fields"]}
    lost = (
        {"geom"} if suffix == ".gdb.zip" else set()
    )  # a geodatabase rounds places to its grid (docs/reference/formats.md)
    assert changed <= {"entered", "entered_crs"} | lost  # a table's place is kept as it was typed, too
    assert review.put.new == 0


def test_a_file_for_partners_holds_cells_and_says_so(store: Store, tmp_path: Path) -> None:
    (written,) = export(store, Asked(tmp_path / "evidence.csv", ("evidence",)), PARTNER, NOW)
    text = written.file.read_text(encoding="utf-8-sig")
    assert "107.055" not in text
    assert "16.805" not in text
    (layer,) = formats.read(written.file)
    wkt = str(layer.columns["wkt_wgs84"][0])
    assert from_wkt(wkt).equals(box(107.05, 16.80, 107.06, 16.81))
    about = json.loads((tmp_path / "evidence.csv.about.json").read_text(encoding="utf-8"))
    assert about["sensitivity"].startswith("for the role partner")
    assert about["stamp"] == "SIMULATED"


def test_the_public_gets_nothing_of_it(store: Store, tmp_path: Path) -> None:
    with pytest.raises(InputRefused, match="nothing in the store that this role may see"):
        export(store, Asked(tmp_path / "all.gpkg"), PUBLIC, NOW)
    assert not (tmp_path / "all.gpkg").exists()


def test_an_area_takes_along_what_lies_in_it(store: Store, tmp_path: Path) -> None:
    (written,) = export(store, Asked(tmp_path / "area.gpkg", area="SHA-1"), STAFF, NOW)
    assert written.records == {"evidence": 1, "hazardous_area": 1}


def test_a_format_of_one_layer_gets_a_file_for_each_kind(store: Store, tmp_path: Path) -> None:
    written = export(store, Asked(tmp_path / "all.geojson"), STAFF, NOW)
    assert [one.file.name for one in written] == ["all-evidence.geojson", "all-hazardous_area.geojson"]


def test_a_store_that_changes_while_a_file_is_written_gives_one_moment_of_it(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = job.write_records
    times = []

    def disturbed(*given: Any, **named: Any) -> list[str]:
        times.append(1)
        if len(times) == 1:  # somebody stores a record after the digest was taken
            with store.change(who="b", why="more") as change:
                change.put([Record("evidence", "EP-3", {}, PLACE)])
        return written(*given, **named)

    monkeypatch.setattr(job, "write_records", disturbed)
    (one,) = export(store, Asked(tmp_path / "evidence.geojson", ("evidence",)), STAFF, NOW)
    assert (len(times), one.records) == (2, {"evidence": 3})
    (layer,) = formats.read(one.file)
    assert len(layer) == 3
