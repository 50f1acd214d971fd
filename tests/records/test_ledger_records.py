"""Which day each version of a record counts from in the ledger."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import shapely

from fadeout.records.access import Viewer
from fadeout.records.ledger import balance
from fadeout.records.ledger_records import area_versions, releases_of
from fadeout.records.record import Record
from fadeout.records.store import create_store

SQUARE, HALF = shapely.box(105, 16, 105.02, 16.01), shapely.box(105, 16, 105.01, 16.01)


def version(state: str, at: str = "", shape: Any = SQUARE, name: str = "A", **values: Any) -> Record:
    return Record(
        "hazardous_area", name, {"state": state, **values}, shape, recorded_at=at and f"{at}T08:00:00Z"
    )


def told(*versions: Record, last: str = "changed") -> list[tuple[str, str]]:
    actions = ["new", *["changed"] * (len(versions) - 2), last]
    return [(one.state, str(one.since)) for one in area_versions(zip(versions, actions, strict=False))]


def test_a_field_date_counts_before_the_day_of_recording() -> None:
    first = version("suspected", "2026-06-01", opened_on="2019-03-01")
    assert told(first) == [("suspected", "2019-03-01")]


def test_without_a_field_date_the_day_of_recording_counts() -> None:
    versions = [version("suspected", "2026-06-01"), version("suspected", "2026-07-01", HALF)]
    assert told(*versions) == [("suspected", "2026-06-01"), ("suspected", "2026-07-01")]


def test_an_edit_that_moves_no_ground_is_no_version_for_the_ledger() -> None:
    versions = [version("suspected", "2026-06-01"), version("suspected", "2026-07-01", remark="fence down")]
    assert told(*versions) == [("suspected", "2026-06-01")]


def test_a_date_that_was_mended_counts_as_mended() -> None:
    versions = [
        version("suspected", "2026-06-01", opened_on="2062-05-01"),
        version("cleared", "2026-07-01", opened_on="2026-05-01", closed_on="2026-06-02"),
        version("cleared", "2026-08-01", opened_on="2026-05-01", closed_on="2026-06-20"),
    ]
    assert told(*versions) == [("suspected", "2026-05-01"), ("cleared", "2026-06-20")]


def test_an_area_first_recorded_as_released_was_open_before() -> None:
    assert told(version("cleared", "2026-06-01", closed_on="2012-03-01")) == [
        ("suspected", "None"),
        ("cleared", "2012-03-01"),
    ]


def test_an_area_opened_again_counts_from_its_new_information() -> None:
    versions = [
        version("suspected", "2026-01-01", informed_on="2025-12-01"),
        version("cancelled", "2026-03-01", informed_on="2025-12-01", closed_on="2026-02-20"),
        version("suspected", "2026-09-01", informed_on="2026-08-15"),
    ]
    assert told(*versions)[1:] == [("cancelled", "2026-02-20"), ("suspected", "2026-08-15")]


def test_old_information_does_not_open_an_area_before_it_was_released() -> None:
    versions = [
        version("suspected", "2026-01-01"),
        version("cancelled", "2026-03-01", closed_on="2026-02-20"),
        version("suspected", "2026-09-01", informed_on="2020-01-01"),
    ]
    assert told(*versions)[2] == ("suspected", "2026-09-01")


def test_a_withdrawn_area_counts_from_the_day_it_was_withdrawn() -> None:
    gone = version("suspected", "2026-07-01", informed_on="2020-01-01")
    assert told(version("suspected", "2026-06-01"), gone, last="withdrawn")[1] == ("withdrawn", "2026-07-01")


def test_areas_one_after_another_are_told_apart() -> None:
    versions = [version("suspected", "2026-06-01"), version("suspected", "2026-05-01", name="B")]
    assert [one.id for one in area_versions([(one, "new") for one in versions])] == ["A", "B"]


def test_a_release_counts_from_its_own_day_and_not_from_that_of_its_record() -> None:
    values = {"action": "cleared", "released_on": "2026-02-01"}
    (one,) = releases_of([Record("release", "R-1", values, SQUARE, recorded_at="2026-09-01T08:00:00Z")])
    assert (one.action, str(one.on), one.shape) == ("cleared", "2026-02-01", SQUARE)


def test_the_history_of_a_store_makes_a_ledger(tmp_path: Path) -> None:
    store = create_store(tmp_path / "store.gpkg")
    with store.change(who="A. Officer", why="survey") as change:
        change.put(
            [
                version("suspected", opened_on="2025-05-01"),
                version("suspected", name="B", opened_on="2026-03-01"),
            ]
        )
        done = {"action": "cleared", "released_on": "2026-06-01", "hazard_id": "A"}
        change.put([Record("release", "R-1", done, HALF)])
    with store.change(who="A. Officer", why="drawn twice") as change:
        change.withdraw("hazardous_area", ["B"])
    viewer = Viewer("A. Officer", "manager")
    history = [(one.record, one.action) for id in "AB" for one in store.history(id, viewer, "hazardous_area")]
    areas = area_versions(history)
    total = balance(
        date(2026, 1, 1), date(2026, 12, 31), areas, releases_of(store.all("release", viewer))
    ).total
    assert [(one.id, one.state) for one in areas] == [
        ("A", "suspected"),
        ("B", "suspected"),
        ("B", "withdrawn"),
    ]
    assert (total.off_by, total.opening - total.cleared - total.closing) == (0, 0)
