"""Records that may be one are told once, for a reason; a merged record loses nothing."""

from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from shapely import Point, box

from fadeout.records.duplicates import Pair, groups, merged, pairs
from fadeout.records.record import Plain, Record

DEGREE_M = 106_588.0  # metres to a degree of longitude at 16.8°


def strike(name: str, east_m: float, **values: Plain) -> Record:
    return Record("strike", name, values, Point(107.0 + east_m / DEGREE_M, 16.8))


def named(records: list[Record], *args: float, **options: bool) -> set[frozenset[str]]:
    found = pairs(records, *args, **options)  # type: ignore[arg-type]
    return {frozenset((records[pair.first].id, records[pair.second].id)) for pair in found}


@pytest.mark.parametrize(("metres", "expected"), [(299.0, 1), (301.0, 0)])
def test_records_within_the_distance_are_a_pair(metres: float, expected: int) -> None:
    assert len(pairs([strike("A", 0), strike("B", metres)], 300, 1)) == expected


@pytest.mark.parametrize(("metres", "expected"), [(999.0, 1), (1001.0, 0)])
def test_poor_positions_widen_the_distance_to_twice_their_error(metres: float, expected: int) -> None:
    # 2 * hypot(300, 400) = 1000 m
    records = [strike("A", 0, position_error_m=300.0), strike("B", metres, position_error_m=400.0)]
    assert len(pairs(records, 300, 1)) == expected


def test_good_positions_do_not_narrow_the_distance() -> None:
    assert pairs([strike("A", 0, position_error_m=1.0), strike("B", 299, position_error_m=1.0)], 300, 1)


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("1968-03-01", "1968-03-02", True),
        ("1968-03-01", "1968-03-03", False),
        ("1968-12-31", "1969-01-01", True),
        ("1968-03-01", None, True),
        (None, None, True),
    ],
)
def test_dates_apart_part_records_and_missing_dates_do_not(
    one: str | None, other: str | None, expected: bool
) -> None:
    records = [strike("A", 0, struck_on=one), strike("B", 50, struck_on=other)]
    found = pairs(records, 300, 1)
    assert bool(found) is expected
    assert all((pair.days is None) == (other is None) for pair in found)


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("CBU-24", " cbu-24", True),
        ("CBU-24", "CBU-58", False),
        ("CBU-24", None, True),
        ("CBU-24", "unknown", True),
    ],
)
def test_another_munition_parts_records_and_an_unknown_one_does_not(
    one: str, other: str | None, expected: bool
) -> None:
    assert bool(pairs([strike("A", 0, munition=one), strike("B", 50, munition=other)], 300, 1)) is expected


def test_only_other_sources_are_compared_when_asked() -> None:
    records = [
        strike("A", 0, source="THOR"),
        strike("B", 10, source="THOR"),
        strike("C", 20, source="village"),
    ]
    assert named(records, 300, 1, across_sources=True) == {frozenset("AC"), frozenset("BC")}


def test_records_without_a_place_and_single_records_have_no_pair() -> None:
    assert pairs([strike("A", 0), Record("strike", "B", {})], 300, 1) == []
    assert pairs([], 300, 1) == []


def test_two_kinds_are_not_held_against_each_other() -> None:
    with pytest.raises(ValueError, match="several kinds"):
        pairs([strike("A", 0), Record("evidence", "B", {}, Point(107, 16.8))], 300, 1)


def test_polygons_are_compared_by_their_middles() -> None:
    near = [
        Record("hazardous_area", n, {}, box(107 + d, 16.8, 107.01 + d, 16.81))
        for n, d in (("A", 0), ("B", 1e-4))
    ]
    assert (len(pairs(near, 20, 0)), len(pairs(near, 5, 0))) == (1, 0)


def test_neighbours_across_the_date_line_are_a_pair() -> None:
    records = [Record("strike", n, {}, Point(lon, -16.5)) for n, lon in (("A", 179.9999), ("B", -179.9999))]
    assert pairs(records, 300, 1)[0].distance_m == pytest.approx(21.35, abs=0.05)


def test_the_reason_says_distance_limit_days_and_type() -> None:
    records = [
        strike("A", 0, struck_on="1968-03-01", munition="X"),
        strike("B", 50, struck_on="1968-03-01", munition="X"),
    ]
    assert pairs(records, 300, 1)[0].reason == "A and B: 50 m apart (limit 300 m), 0 days apart, both X"


SOME = st.lists(
    st.tuples(st.floats(0, 2000), st.sampled_from([None, 10.0, 200.0, 500.0])), min_size=2, max_size=12
)


@given(SOME, st.randoms(use_true_random=False))
def test_pairs_do_not_depend_on_the_order_and_come_once(
    places: list[tuple[float, float | None]], order: object
) -> None:
    records = [strike(f"S-{n}", east, position_error_m=error) for n, (east, error) in enumerate(places)]
    shuffled = list(records)
    order.shuffle(shuffled)  # type: ignore[attr-defined]
    found = pairs(records, 300, 1)
    assert named(records, 300, 1) == named(shuffled, 300, 1)
    assert len({(pair.first, pair.second) for pair in found}) == len(found)
    assert all(pair.first < pair.second for pair in found)


@given(SOME)
def test_pairs_are_those_of_a_slow_comparison_of_all_with_all(
    places: list[tuple[float, float | None]],
) -> None:
    records = [strike(f"S-{n}", east, position_error_m=error) for n, (east, error) in enumerate(places)]
    found = {(pair.first, pair.second) for pair in pairs(records, 300, 1)}
    for i, (here, e) in enumerate(places):
        for j in range(i + 1, len(places)):
            there, f = places[j]
            limit = max(300.0, 2 * np.hypot(e or 0, f or 0))
            if (
                abs(abs(here - there) - limit) > 0.01 * limit
            ):  # DEGREE_M is good to 1e-4; the edge itself is not asked
                assert ((i, j) in found) == (abs(here - there) < limit)


def test_chains_hang_together() -> None:
    records = [
        strike(n, d) for n, d in (("A", 0), ("B", 200), ("C", 400), ("D", 2000), ("E", 2100), ("F", 9000))
    ]
    assert groups(len(records), pairs(records, 300, 1)) == [(0, 1, 2), (3, 4)]
    assert groups(3, []) == []
    assert groups(3, [Pair(0, 2, 1.0, None, "")]) == [(0, 2)]


GOOD = Record(
    "evidence",
    "EP-1",
    {
        "position_error_m": 5.0,
        "count": 2,
        "source": "team 4",
        "sensitivity": "exact",
        "entered": "48Q YD 1 1",
        "photo": "a.jpg",
    },
    Point(107.0, 16.8),
    uuid="u1",
    version=3,
)
POOR = Record(
    "evidence",
    "EP-9",
    {
        "position_error_m": 80.0,
        "count": 3,
        "munition": "X",
        "source": "village",
        "sensitivity": "restricted",
        "entered_crs": "MGRS",
        "photo_sha256": "ff",
        "stamp": "SIMULATED",
    },
    Point(107.001, 16.8),
    uuid="u2",
    version=1,
)


def test_the_better_place_stands_and_the_other_record_fills_what_is_empty() -> None:
    record = merged(POOR, GOOD).record
    assert (record.id, record.shape, record.values["munition"]) == ("EP-1", GOOD.shape, "X")
    assert (record.uuid, record.version) == ("", 0)


def test_a_place_keeps_its_own_error_and_form_and_a_photo_its_own_digest() -> None:
    values = merged(GOOD, POOR).record.values
    assert (values["position_error_m"], values["entered"], "entered_crs" in values) == (
        5.0,
        "48Q YD 1 1",
        False,
    )
    assert (values["photo"], "photo_sha256" in values) == ("a.jpg", False)


def test_what_the_records_disagree_in_is_listed() -> None:
    told = {(one.field, one.kept, one.left) for one in merged(GOOD, POOR).conflicts}
    assert told == {
        ("count", 2, 3),
        ("position_error_m", 5.0, 80.0),
        ("entered_crs", None, "MGRS"),
        ("photo_sha256", None, "ff"),
    }


def test_the_stricter_sensitivity_all_sources_and_every_stamp_stay() -> None:
    values = merged(GOOD, POOR).record.values
    assert [values[name] for name in ("sensitivity", "source", "stamp")] == [
        "restricted",
        "team 4; village",
        "SIMULATED",
    ]


def test_lists_of_ids_are_joined() -> None:
    areas = [
        Record("hazardous_area", n, {"state": "suspected", "stands_on": ids})
        for n, ids in (("A", ["1", "2"]), ("B", ["2", "3"]))
    ]
    assert merged(*areas).record.values["stands_on"] == ["1", "2", "3"]


def test_a_merge_names_what_it_merged_and_holds_both_as_they_were() -> None:
    got = merged(GOOD, POOR)
    assert (got.merged_from, got.parts) == (("EP-1 version 3", "EP-9 version 1"), (GOOD, POOR))


def test_merging_does_not_depend_on_the_order() -> None:
    assert merged(GOOD, POOR) == merged(POOR, GOOD)


def test_a_place_goes_before_none() -> None:
    placeless = Record("evidence", "EP-0", {"count": 1, "munition": "X", "state": "in_place"})
    assert merged(placeless, GOOD).record.shape == GOOD.shape


def test_two_kinds_are_not_merged() -> None:
    with pytest.raises(ValueError, match="only one kind"):
        merged(GOOD, strike("S", 0))


def test_a_crowd_in_which_all_are_near_each_other_is_refused_before_memory_ends() -> None:
    with pytest.raises(ValueError, match="smaller distance"):
        pairs([strike(str(n), 0.01 * n) for n in range(2_400)], 300, 1)


def test_fifty_thousand_records_are_compared_in_seconds() -> None:
    rng = np.random.default_rng(3)
    places = np.column_stack([105 + 3 * rng.random(50_000), 15 + 3 * rng.random(50_000)])
    records = [Record("strike", str(n), {"struck_on": "1968-03-01"}, Point(p)) for n, p in enumerate(places)]
    begun = time.process_time()
    found = pairs(records, 300, 1)
    # about half of n² times π 300² over the ground, 333 km by 320 km: 3,300 pairs; measured 1 s, room for slow machines
    assert (2_900 < len(found) < 3_800, time.process_time() - begun < 15) == (True, True)
