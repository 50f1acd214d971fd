"""What each method searched, found and missed reaches the fit as it was, and maps show the same as before."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np
import pytest
from grid_case import NORTH, WEST, find, gridded, ground, search
from shapely import LineString

from fadeout.jobs import searching
from fadeout.jobs.gridding import Gridded
from fadeout.model.effort import Searches
from fadeout.records.profile import Method, Profile, load

PROFILE = load("learning")
FIXED = PROFILE.model_copy(
    update={
        "methods": {name: m.model_copy(update={"certainty": "fixed"}) for name, m in PROFILE.methods.items()},
        "reporting_certainty": "fixed",
    }
)
HERE = (4, 4)  # the cell of `ground(100, 100)`'s north-west corner


def searches_of(grid: Gridded) -> Searches:
    assert grid.searches is not None
    return grid.searches


def passes_at(grid: Gridded, cell: tuple[int, int] = HERE) -> dict[tuple[int, ...], float]:
    found = searches_of(grid)
    return {way.passes: float(way.share[cell]) for way in found.covered if way.share[cell] > 0}


def names(grid: Gridded) -> list[str]:
    return [method.name for method in searches_of(grid).methods]


def test_a_method_that_the_profile_is_unsure_of_is_learned() -> None:
    (method, *_) = searches_of(gridded(search("B", ground(100, 100)))).methods
    assert (method.name, method.detection, method.certainty) == ("detector", 0.8, 10)


def test_with_every_detection_fixed_the_fit_is_given_a_raster() -> None:
    grid = gridded(search("B", ground(100, 100)), profile=FIXED)
    assert (grid.searches, grid.effort[HERE]) == (None, pytest.approx(0.8))


def test_a_search_that_states_its_detection_is_not_learned_from() -> None:
    assert gridded(search("B", ground(100, 100), 0.7)).searches is None


def test_a_search_that_states_its_methods_own_number_is_known_too() -> None:
    assert gridded(search("B", ground(100, 100), 0.8, detection_stated=True)).searches is None


def test_a_method_that_the_profile_does_not_have_is_known() -> None:
    assert gridded(search("B", ground(100, 100), method="dog")).searches is None


def test_stated_detections_share_one_layer_whatever_their_numbers() -> None:
    grid = gridded(
        search("B", ground(100, 100)),
        search("C", ground(300, 300), 0.3),
        search("D", ground(500, 500), 0.6),
        search("E", ground(700, 700), 0.9),
    )
    assert (len(searches_of(grid).covered), grid.effort[20, 20]) == (2, pytest.approx(0.6))


def test_each_method_counts_its_own_passes() -> None:
    grid = gridded(search("B", ground(100, 100)), search("C", ground(100, 100), 0.5, method="visual"))
    assert (names(grid)[:2], passes_at(grid)) == (["visual", "detector"], {(1, 1, 0): pytest.approx(1.0)})


def test_two_passes_of_two_teams_are_two_of_the_method() -> None:
    grid = gridded(search("B", ground(100, 100), team="A"), search("C", ground(100, 100), team="B"))
    assert passes_at(grid) == {(2, 0): pytest.approx(1.0)}


def test_the_same_team_and_method_twice_are_one_pass() -> None:
    grid = gridded(*(search(n, ground(100, 100), team="A") for n in ("B", "C")))
    assert passes_at(grid) == {(1, 0): pytest.approx(1.0)}


def test_a_partial_search_went_over_a_place_with_the_share_it_covered() -> None:
    grid = gridded(search("B", ground(100, 100), outcome="partial", share_searched=0.25))
    assert (passes_at(grid), grid.effort[HERE]) == ({(1, 0): pytest.approx(0.25)}, pytest.approx(0.2))


def test_a_known_and_a_learned_search_of_one_place_detect_as_both() -> None:
    grid = gridded(search("B", ground(100, 100)), search("C", ground(100, 100), 0.3))
    assert grid.effort[HERE] == pytest.approx(1 - 0.2 * 0.7)
    assert passes_at(grid) == {(0, 1): pytest.approx(0.3), (1, 0): pytest.approx(0.7)}


def test_repeats_together_detect_no_more_than_the_profile_says() -> None:
    grid = gridded(*(search(n, ground(100, 100), team=n) for n in "ABCD"))  # 1 - 0.2^4 = 0.9984
    assert grid.effort[HERE] == pytest.approx(PROFILE.repeats_detect_at_most)


def test_repeats_of_known_detection_have_the_same_limit() -> None:
    grid = gridded(*(search(n, ground(100, 100), team=n) for n in "ABCD"), profile=FIXED)
    assert grid.effort[HERE] == pytest.approx(PROFILE.repeats_detect_at_most)


@pytest.mark.parametrize("seed", range(4))
def test_learned_and_fixed_methods_give_the_same_raster_before_the_data(seed: int) -> None:
    rng = np.random.default_rng(seed)
    records: list[Any] = []
    for n in range(14):
        x, y = rng.uniform(0, 800, 2)
        shape: Any = ground(x, y, *rng.uniform(20, 200, 2))
        method, p = [("detector", 0.8), ("visual", 0.5), ("clearance", 0.95)][n % 3]
        outcome = {"outcome": "partial", "share_searched": 0.5} if n % 5 == 0 else {}
        if n % 4 == 0:
            shape, outcome = LineString([(WEST + x, NORTH - y), (WEST + y, NORTH - x)]), {"swath_m": 9.0}
        records.append(search(f"B{n}", shape, p, method=method, team="AB"[n % 2], **outcome))
    free = PROFILE.model_copy(update={"repeats_detect_at_most": 1.0})
    fixed = FIXED.model_copy(update={"repeats_detect_at_most": 1.0})
    one, other = gridded(*records, profile=free), gridded(*records, profile=fixed)
    np.testing.assert_allclose(one.effort, other.effort, atol=1e-9)
    np.testing.assert_allclose(
        searches_of(one).detected(reports=False), one.effort, atol=1e-9
    )  # the engine reads the same


def test_rare_ways_of_searching_are_merged_without_moving_the_raster(monkeypatch: pytest.MonkeyPatch) -> None:
    records = [search(n, ground(100, 100 + 50 * i, 500, 60), team=n) for i, n in enumerate("ABCDEF")]
    free = gridded(*records)
    monkeypatch.setattr(searching, "MOST_LAYERS", 2)
    few = gridded(*records)
    assert len(searches_of(few).covered) == 2
    assert "little ground" in few.notes[-1]
    np.testing.assert_allclose(searches_of(few).detected(reports=False), free.effort, atol=1e-9)


def test_a_find_in_merged_ground_teaches_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(searching, "MOST_LAYERS", 2)
    grid = gridded(
        search("B", ground(100, 100, 400, 400), team="A"),
        search("C", ground(100, 100), team="B"),
        find("EP-1", 110, 110, searched_id="C"),
        find("EP-2", 310, 310, searched_id="B"),
    )
    assert searches_of(grid).found_by.tolist() == [-1, 0]


# --- who found, who missed -------------------------------------------------------------------------------------------


def test_a_find_belongs_to_the_method_of_its_search() -> None:
    grid = gridded(
        search("B", ground(100, 100)),
        search("C", ground(300, 300), 0.5, method="visual"),
        find("EP-1", 110, 110),
        find("EP-2", 310, 310),
    )
    assert [names(grid)[m] for m in searches_of(grid).found_by] == ["detector", "visual"]


def test_a_find_of_a_known_search_belongs_to_no_method() -> None:
    grid = gridded(search("B", ground(100, 100)), search("C", ground(300, 300), 0.3), find("EP", 310, 310))
    assert searches_of(grid).found_by.tolist() == [-1]


def misses(*records: Any, **changes: Any) -> dict[str, float]:
    grid = gridded(*records, **changes)
    (row,) = searches_of(grid).missed_by
    return {name: float(w) for name, w in zip(names(grid), row, strict=True) if w}


FIRST = search("B", ground(100, 100), 0.5, method="visual", searched_on=date(2024, 1, 1))
THEN = search("C", ground(100, 100), searched_on=date(2025, 1, 1))


def test_what_a_later_search_finds_the_earlier_one_missed() -> None:
    assert misses(FIRST, THEN, find("EP", 110, 110, searched_id="C")) == {"visual": 1.0}


def test_what_the_earlier_search_finds_the_later_one_did_not_miss() -> None:
    assert misses(FIRST, THEN, find("EP", 110, 110, searched_id="B")) == {}


def test_without_dates_searches_count_in_the_order_in_which_they_stand() -> None:
    records = (replace(THEN, searched_on=None), FIRST)
    assert misses(*records, find("EP", 110, 110, searched_id="B")) == {"detector": 1.0}


def test_a_search_elsewhere_misses_nothing() -> None:
    far = replace(FIRST, shape=ground(500, 500))
    assert misses(far, THEN, find("EP", 110, 110, searched_id="C")) == {}


def test_an_earlier_search_of_the_same_team_and_method_is_the_same_search() -> None:
    first = search("B", ground(100, 100), team="A", searched_on=date(2024, 1, 1))
    assert misses(first, replace(THEN, team="A"), find("EP", 110, 110, searched_id="C")) == {}


def test_a_partial_search_may_not_have_been_there() -> None:
    partial = replace(FIRST, outcome="partial", share_searched=0.5)
    told = misses(partial, THEN, find("EP", 110, 110, searched_id="C"))
    assert 0.5 ** told["visual"] == pytest.approx(1 - 0.5 * 0.5)  # (1 - p)^w = 1 - f p


def test_a_stopped_box_follows_its_method() -> None:
    box = search("S", ground(100, 100), outcome="stopped_at_find")
    grid = gridded(box, find("EP", 110, 110, searched_id="S"))
    assert (grid.stopped[0].method, searches_of(grid).found_by.tolist()) == (0, [-1])


def test_a_stopped_box_that_states_its_detection_keeps_it() -> None:
    grid = gridded(
        search("B", ground(300, 300)),
        search("S", ground(100, 100), 0.6, outcome="stopped_at_find"),
        find("EP", 110, 110, searched_id="S"),
    )
    assert (grid.stopped[0].method, grid.stopped[0].detection) == (None, 0.6)


# --- what people report ----------------------------------------------------------------------------------------------


def test_reports_are_a_method_of_their_own() -> None:
    grid = gridded(search("B", ground(100, 100)), find("O", 112, 112, how="opportunistic"))
    found = searches_of(grid)
    assert (names(grid)[-1], found.reports) == (searching.REPORTS, 2)
    assert found.found_by.tolist() == [2]


def test_reports_and_search_together_detect_as_the_two_rasters_say() -> None:
    grid = gridded(search("B", ground(100, 100)), find("O", 112, 112, how="opportunistic"))
    assert grid.reporting is not None
    both = 1 - (1 - grid.effort) * (1 - grid.reporting)
    np.testing.assert_allclose(searches_of(grid).detected(reports=True), both, atol=1e-9)


def test_an_item_that_survey_finds_near_people_was_not_reported() -> None:
    told = misses_of_first(
        search("B", ground(100, 100)), find("EP", 112, 112), find("O", 160, 112, how="opportunistic")
    )
    assert 0 < told[searching.REPORTS] < 1


def misses_of_first(*records: Any) -> dict[str, float]:
    grid = gridded(*records)
    return dict(zip(names(grid), searches_of(grid).missed_by[0].tolist(), strict=True))


def test_a_fixed_reporting_rate_without_learned_methods_stays_a_raster() -> None:
    grid = gridded(search("B", ground(100, 100)), find("O", 112, 112, how="opportunistic"), profile=FIXED)
    assert (grid.searches, grid.reporting is not None) == (None, True)


# --- laid-out items --------------------------------------------------------------------------------------------------


def test_items_laid_out_for_a_method_reach_the_fit() -> None:
    detector = Method(
        detection=0.8, certainty=10, source="assumed", seeded_found=19, seeded_laid=20, seeded_source="trial"
    )
    profile: Profile = PROFILE.model_copy(update={"methods": {**PROFILE.methods, "detector": detector}})
    grid = gridded(search("B", ground(100, 100)), profile=profile)
    assert searches_of(grid).methods[0].seeded == (19, 20)
