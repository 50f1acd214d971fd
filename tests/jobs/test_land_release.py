"""Land release on a store: steps that the rules allow, flags when evidence changes, a ledger that balances."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from shapely import Point, box

from fadeout.errors import InputRefused
from fadeout.jobs import land_release
from fadeout.jobs.land_release import Step
from fadeout.jobs.storing import Request, take_in
from fadeout.records import standard as standards
from fadeout.records.access import Viewer
from fadeout.records.record import Record
from fadeout.records.store import Store, create_store

STANDARD = standards.load()
MANAGER = Viewer("m", "manager")
AREA = box(107.0, 16.0, 107.01, 16.01)
MAPS = Path(__file__).resolve().parents[2] / "docs/how-to/maps"


@pytest.fixture
def store(tmp_path: Path) -> Store:
    days = iter(range(1000))
    clock: Callable[[], datetime] = lambda: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=next(days))  # noqa: E731
    made = create_store(tmp_path / "store.gpkg", clock)
    put(
        made,
        Record("evidence", "EP-1", {"kind": "item", "found_on": "2025-12-01"}, Point(107.005, 16.005)),
        Record("evidence", "EP-2", {"kind": "report"}, Point(107.006, 16.006)),
        Record(
            "hazardous_area",
            "SHA-1",
            {"state": "suspected", "stands_on": ["EP-2"], "opened_on": "2026-01-01"},
            AREA,
        ),
    )
    return made


def put(store: Store, *records: Record) -> None:
    with store.change(who="a", why="b") as change:
        change.put(records)


def step(store: Store, to: str, *stands_on: str) -> None:
    land_release.step(store, Step("SHA-1", to, stands_on), STANDARD, who="a", why="b")


def state(store: Store) -> object:
    area = store.get("hazardous_area", "SHA-1", MANAGER)
    assert area is not None
    return area.values["state"]


def test_an_area_is_confirmed_by_an_item_that_was_seen_and_says_under_which_standard(store: Store) -> None:
    step(store, "confirmed", "EP-1")
    area = store.get("hazardous_area", "SHA-1", MANAGER)
    assert area is not None
    assert area.values["state"] == "confirmed"
    assert area.values["profile"] == STANDARD.label


def test_a_report_alone_confirms_nothing(store: Store) -> None:
    with pytest.raises(InputRefused, match=r"rules.no-direct-evidence"):
        step(store, "confirmed", "EP-2")
    assert state(store) == "suspected"


def test_an_area_with_an_item_in_it_is_not_cancelled_and_all_that_is_missing_is_told(store: Store) -> None:
    with pytest.raises(InputRefused) as refused:
        step(store, "cancelled")
    codes = {problem.code for problem in refused.value.problems}
    assert codes >= {"rules.no-release", "rules.no-survey-document", "rules.direct-evidence-inside"}


def test_an_intake_cannot_take_an_area_a_step_that_the_rules_forbid(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "hazardous_area.csv"
    path.write_text(f'id,state,wkt\nSHA-1,cleared,"{AREA.wkt}"\n', encoding="utf-8")
    (review,) = take_in(store, Request((path,), "a", crs="EPSG:4326"), today=date(2026, 11, 25))
    assert "rules.no-release" in {problem.code for problem in review.problems}
    assert state(store) == "suspected"


def test_an_area_is_flagged_when_its_evidence_changes_until_somebody_looks(store: Store) -> None:
    step(store, "confirmed", "EP-1")
    assert land_release.flags(store, "a") == []
    put(store, Record("evidence", "EP-1", {"kind": "fragment"}, Point(107.005, 16.005)))
    (flag,) = land_release.flags(store, "a")
    assert (flag["area"], flag["why"]) == ("SHA-1", "evidence EP-1 was changed since")
    land_release.accept(store, "SHA-1", date(2026, 6, 1), who="b", why="looked")
    assert land_release.flags(store, "a") == []
    with store.change(who="a", why="b") as change:
        change.withdraw("evidence", ["EP-1"])
    (flag,) = land_release.flags(store, "a")
    assert flag["why"] == "evidence EP-1 was withdrawn since"


def test_other_records_flag_no_area_and_an_id_without_a_record_does(store: Store) -> None:
    step(store, "confirmed", "EP-1")
    put(store, Record("evidence", "EP-2", {"kind": "fragment"}, Point(107.006, 16.006)))
    assert land_release.flags(store, "a") == []
    put(store, Record("hazardous_area", "SHA-4", {"state": "suspected", "stands_on": ["EP-99"]}, AREA))
    assert [flag["why"] for flag in land_release.flags(store, "a")] == ["record EP-99 was never recorded"]


def test_an_area_with_an_open_edge_says_that_its_edge_was_not_found(store: Store) -> None:
    put(
        store,
        Record("hazardous_area", "SHA-2", {"state": "suspected", "edges": "closed_by_search; open"}, AREA),
    )
    assert [(flag["area"], flag["flag"]) for flag in land_release.flags(store, "a")] == [
        ("SHA-2", "edge not found")
    ]


def test_the_ledger_of_a_year_balances_and_counts_overlaps_once(store: Store) -> None:
    east = box(107.005, 16.0, 107.02, 16.01)
    put(store, Record("hazardous_area", "SHA-3", {"state": "suspected", "opened_on": "2026-02-01"}, east))
    put(
        store,
        Record(
            "release", "R-1", {"action": "cleared", "hazard_id": "SHA-1", "released_on": "2026-05-01"}, AREA
        ),
    )
    total = land_release.ledger(store, date(2026, 1, 1), date(2026, 12, 31), "a").total
    assert total.off_by == 0
    assert total.found == pytest.approx(2 * total.cleared, rel=1e-4)  # half of SHA-3 lies in SHA-1
    assert total.closing == total.found - total.cleared


@pytest.mark.shared
def test_the_ledger_of_western_bosnia_balances(shared: Path, tmp_path: Path) -> None:
    store = create_store(tmp_path / "bosnia.gpkg", lambda: datetime(2026, 1, 1, tzinfo=UTC))
    path = tmp_path / "bosnia_west_dev.gpkg"
    shutil.copyfile(shared / "data/mine_action/bosnia_west_dev.gpkg", path)
    mapping = MAPS / "western-bosnia-records.toml"
    take_in(store, Request((path,), "a", column_map=mapping), today=date(2026, 11, 25))
    total = land_release.ledger(store, date(2026, 1, 1), date(2026, 12, 31), "a").total
    assert total.off_by == 0
    assert total.found > total.cleared > 0
    assert total.closing == total.found - total.cleared
