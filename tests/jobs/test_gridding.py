"""Records become arrays: what was searched, what was found, what was never looked at."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np
import pytest
from grid_case import HERE, NORTH, PROFILE, WEST, at, find, gridded, ground, search
from shapely import LineString

from fadeout.errors import AreaTooLarge, InputRefused
from fadeout.jobs import gridding
from fadeout.jobs.gridding import to_grid
from fadeout.jobs.refits import fitted
from fadeout.records.kinds import StrikeRecord, Survey
from fadeout.records.profile import Method, Profile

# --- the grid --------------------------------------------------------------------------------------------------------


def test_the_default_cell_is_half_a_box() -> None:
    assert (gridded().grid.cell_m, gridded().side_cells) == (25.0, 2)


def test_the_grid_begins_on_multiples_of_the_box_side() -> None:
    grid = gridded(area=ground(13, 17, 900, 900))
    assert (grid.west % 50, grid.north % 50, grid.grid.rows % 2, grid.grid.cols % 2) == (0, 0, 0, 0)


def test_the_grid_holds_the_whole_area() -> None:
    grid = gridded(area=ground(13, 17, 900, 901))
    assert (grid.grid.rows * 25, grid.grid.cols * 25) == (950, 950)


def test_only_cells_whose_centre_lies_in_the_area_are_assessed() -> None:
    assert gridded(area=ground(0, 0, 110, 100)).assessed.sum(axis=1).tolist() == [4] * 4


def test_an_area_smaller_than_a_cell_is_still_assessed() -> None:
    assert gridded(area=ground(3, 3, 2, 2)).assessed.sum() == 1


def test_a_cell_that_does_not_divide_the_box_is_refused() -> None:
    with pytest.raises(InputRefused, match=r"gridding\.cell"):
        gridded(cell_m=30.0)


@pytest.mark.parametrize("cell_m", [0.0, -5.0, 100.0])
def test_a_cell_that_cannot_be_is_refused(cell_m: float) -> None:
    with pytest.raises(InputRefused, match=r"gridding\.cell"):
        gridded(cell_m=cell_m)


def test_an_area_larger_than_memory_names_the_cell_that_would_fit() -> None:
    survey = Survey("EPSG:32648", ground(0, 0, 20_000, 20_000))
    with pytest.raises(AreaTooLarge, match=r"--cell 25 would fit"):
        to_grid(survey, PROFILE, 5.0, max_bytes=10**9)


def test_the_cell_that_a_refusal_names_does_fit() -> None:
    survey = Survey("EPSG:32648", ground(0, 0, 20_000, 20_000))
    assert to_grid(survey, PROFILE, 25.0, max_bytes=10**9).grid.rows == 800


def test_an_area_that_no_cell_fits_is_to_be_parted() -> None:
    survey = Survey("EPSG:32648", ground(0, 0, 900_000, 900_000))
    with pytest.raises(AreaTooLarge, match="in parts"):
        to_grid(survey, PROFILE, max_bytes=10**9)


def test_more_memory_is_asked_for_smaller_cells() -> None:
    shapes = [gridding._footprint(shape) for shape in PROFILE.footprints]
    assert gridding.memory_needed(200, 200, shapes, 5.0) > gridding.memory_needed(40, 40, shapes, 25.0)


# --- searched ground -------------------------------------------------------------------------------------------------


def test_ground_outside_every_search_is_not_searched() -> None:
    grid = gridded(search("B", ground(100, 100)))
    assert (np.count_nonzero(grid.searched_share), np.count_nonzero(grid.effort)) == (4, 4)


def test_a_complete_box_has_its_methods_detection() -> None:
    assert gridded(search("B", ground(100, 100))).effort[4, 4] == pytest.approx(0.8)


def test_a_partial_box_has_its_share_of_it() -> None:
    grid = gridded(search("B", ground(100, 100), outcome="partial", share_searched=0.5))
    assert grid.effort[4, 4] == pytest.approx(0.4)


def test_ground_that_could_not_be_searched_is_not_searched() -> None:
    grid = gridded(search("B", ground(100, 100), outcome="not_searchable"))
    assert (grid.searched_share.sum(), grid.excluded.any()) == (0, False)


def test_a_track_is_as_wide_as_its_swath() -> None:
    line = LineString([(WEST, NORTH - 12.5), (WEST + 500, NORTH - 12.5)])
    grid = gridded(search("T", line, swath_m=10.0))
    assert grid.searched_share.sum() * 25**2 == pytest.approx(5000)


def test_the_same_team_and_method_twice_count_once() -> None:
    grid = gridded(*(search(n, ground(100, 100), team="A") for n in ("B", "C")))
    assert grid.effort[4, 4] == pytest.approx(0.8)


def test_two_teams_count_twice() -> None:
    grid = gridded(search("B", ground(100, 100), team="A"), search("C", ground(100, 100), team="B"))
    assert grid.effort[4, 4] == pytest.approx(0.96)


def test_the_same_team_with_another_method_counts_twice() -> None:
    grid = gridded(
        search("B", ground(100, 100), team="A"), search("C", ground(100, 100), 0.5, team="A", method="visual")
    )
    assert grid.effort[4, 4] == pytest.approx(0.9)


def test_repeats_count_twice_where_the_profile_says_so() -> None:
    method = Method(detection=0.8, source="a trial", independent_repeats=True)
    profile = PROFILE.model_copy(update={"methods": {"detector": method}})
    grid = gridded(*(search(n, ground(100, 100), team="A") for n in ("B", "C")), profile=profile)
    assert grid.effort[4, 4] == pytest.approx(0.96)


def test_one_sweep_cut_into_other_boxes_is_the_same_search() -> None:
    whole = gridded(search("B", ground(110, 110, 100, 100)))
    parts = [ground(110 + x, 110 + y, 33 if x == 0 else 67, 50) for x in (0, 33) for y in (0, 50)]
    cut = gridded(*(search(f"B{n}", part) for n, part in enumerate(parts)))
    np.testing.assert_allclose(cut.effort, whole.effort, atol=1e-5)  # overlay.TOLERANCE at some edges


def test_excluded_ground_has_no_effort() -> None:
    grid = gridded(search("B", ground(100, 100)), excluded=ground(100, 100))
    assert (grid.excluded.sum(), grid.effort.sum()) == (4, 0)


# --- finds -----------------------------------------------------------------------------------------------------------


def test_only_items_are_finds() -> None:
    others = [find(kind, 110, 110, kind=kind) for kind in ("fragment", "accident", "report")]
    assert gridded(search("B", ground(100, 100)), find("EP", 110, 110), *others).find_ids == ("EP",)


def test_a_find_that_counts_three_is_three_finds() -> None:
    grid = gridded(search("B", ground(100, 100)), find("EP", 110, 110, count=3))
    assert (grid.finds.tolist(), grid.find_ids) == ([[4, 4]] * 3, ("EP",) * 3)


def test_a_find_just_outside_its_box_moves_to_the_boxs_nearest_cell() -> None:
    grid = gridded(search("B", ground(100, 100)), find("EP", 155, 110, searched_id="B"))
    assert (grid.finds.tolist(), "EP" in grid.notes[0]) == ([[4, 5]], True)


def test_a_find_on_a_corner_of_four_cells_of_its_box_does_not_move() -> None:
    grid = gridded(search("B", ground(100, 100)), find("EP", 125, 125, searched_id="B"))
    assert (grid.finds.tolist(), grid.notes) == ([[5, 5]], ())


def test_a_find_knows_the_search_it_names() -> None:
    grid = gridded(
        search("B", ground(100, 100)), search("C", ground(100, 100)), find("EP", 110, 110, searched_id="C")
    )
    assert grid.find_search.tolist() == [1]


def test_a_find_that_names_no_search_belongs_to_the_one_it_lies_in() -> None:
    grid = gridded(search("B", ground(400, 400)), search("C", ground(100, 100)), find("EP", 110, 110))
    assert grid.find_search.tolist() == [1]


def test_a_finds_error_is_the_one_it_states_else_the_profiles() -> None:
    grid = gridded(
        search("B", ground(100, 100)), find("E", 110, 110, position_error_m=40.0), find("F", 120, 110)
    )
    assert grid.find_error_m.tolist() == [40.0, PROFILE.evidence_position_error_m]


def test_a_find_far_from_all_search_never_reaches_the_model() -> None:
    with pytest.raises(InputRefused, match=r"gridding\.find-not-searched"):
        gridded(search("B", ground(100, 100)), find("EP", 500, 500))


def test_every_find_lies_where_there_was_effort() -> None:
    grid = gridded(
        search("B", ground(100, 100)),
        search("S", ground(300, 300), outcome="stopped_at_find"),
        find("EP", 145, 152),
        find("S1", 310, 305, searched_id="S"),
        find("O", 900, 900, how="opportunistic"),
    )
    assert grid.reporting is not None
    effort = grid.effort + grid.reporting + sum(box.mask for box in grid.stopped)
    assert (effort[tuple(grid.finds.T)] > 0).all()


def test_an_item_in_a_cell_of_excluded_ground_frees_the_cell() -> None:
    grid = gridded(search("B", ground(100, 100)), find("EP", 102, 102), excluded=ground(80, 80, 40, 40))
    assert (grid.excluded[4, 4], grid.effort[4, 4] > 0) == (False, True)


# --- boxes left at their first find ----------------------------------------------------------------------------------


def test_a_stopped_box_is_no_part_of_the_effort_but_was_searched() -> None:
    grid = gridded(
        search("S", ground(100, 100), outcome="stopped_at_find"), find("EP", 110, 110, searched_id="S")
    )
    assert (grid.effort.sum(), grid.searched_share.sum()) == (0, 4)


def test_a_stopped_box_holds_its_cells_and_knows_its_find() -> None:
    grid = gridded(
        search("B", ground(300, 300)),
        search("S", ground(100, 100), outcome="stopped_at_find"),
        find("EP-1", 310, 310),
        find("EP-2", 110, 110, searched_id="S"),
    )
    (stopped,) = grid.stopped
    assert (stopped.mask.sum(), stopped.find, stopped.detection, grid.stopped_ids) == (4, 1, 0.8, ("S",))


def test_a_stopped_box_knows_how_many_finds_others_made_in_it_later() -> None:
    grid = gridded(
        search("B", ground(100, 100), outcome="stopped_at_find", searched_on=date(2024, 1, 1)),
        search("C", ground(100, 100), team="other", searched_on=date(2024, 3, 1)),
        search("D", ground(100, 100), team="third", searched_on=date(2023, 3, 1)),
        find("E", 110, 110, searched_id="B"),
        find("F", 120, 120, searched_id="C"),
        find("G", 130, 130, searched_id="D"),
    )
    assert [box.later for box in grid.stopped] == [1]


def test_a_stopped_box_without_its_find_is_refused() -> None:
    with pytest.raises(InputRefused, match=r"gridding\.stopped-finds"):
        gridded(search("S", ground(100, 100), outcome="stopped_at_find"))


def test_a_stopped_box_smaller_than_a_cell_holds_at_least_its_finds_cell() -> None:
    grid = gridded(
        search("S", ground(101, 101, 5, 5), outcome="stopped_at_find"), find("EP", 103, 103, searched_id="S")
    )
    assert np.argwhere(grid.stopped[0].mask).tolist() == [[4, 4]]


# --- what people report ----------------------------------------------------------------------------------------------


def test_without_reported_items_there_is_no_reporting() -> None:
    assert gridded(search("B", ground(100, 100)), find("EP", 110, 110)).reporting is None


def test_reporting_fades_with_distance_and_is_nought_far_away() -> None:
    grid = gridded(find("O", 12, 12, how="opportunistic"))
    assert grid.reporting is not None
    assert (
        grid.reporting[0, 0] > grid.reporting[0, 10] > grid.reporting[0, 20] > 0,
        grid.reporting[-1, -1],
    ) == (
        True,
        0,
    )


def test_ground_near_a_report_is_still_not_searched() -> None:
    grid = gridded(find("O", 12, 12, how="opportunistic"))
    assert (grid.effort.any(), grid.searched_share.any()) == (False, False)


def test_an_opportunistic_find_inside_a_box_is_still_none_of_its_finds() -> None:
    grid = gridded(search("B", ground(100, 100)), find("O", 110, 110, how="opportunistic"))
    assert grid.find_search.tolist() == [-1]


# --- the prior -------------------------------------------------------------------------------------------------------


def strike(name: str, x: float, y: float, **changes: Any) -> StrikeRecord:
    return StrikeRecord(name, at(x, y), HERE, **changes)


def test_a_record_at_a_cells_centre_has_whole_row_and_column() -> None:
    (record,) = gridded(strike("S", 112.5, 62.5)).prior.recorded
    assert (record.row, record.col) == (2.0, 4.0)


def test_a_records_items_come_from_its_munition_and_carriers() -> None:
    (record,) = gridded(strike("S", 100, 100, munition="CBU-24/29", carriers=2)).prior.recorded
    assert record.items_per_strike == 2 * PROFILE.items_by_munition["cbu24"].items_per_carrier


def test_a_record_of_an_unknown_munition_takes_the_priors_items() -> None:
    (record,) = gridded(strike("S", 100, 100, munition="CBU-2")).prior.recorded
    assert record.items_per_strike is None


def test_a_record_that_repeats_another_counts_once() -> None:
    grid = gridded(strike("S", 100, 100), strike("T", 120, 100, duplicate_of="S"))
    assert len(grid.prior.recorded) == 1


def test_a_record_too_far_away_is_left_out_and_told() -> None:
    grid = gridded(strike("S", 9000, 9000, position_error_m=100.0))
    assert (len(grid.prior.recorded), "too far" in grid.notes[0]) == (0, True)


def test_footprints_are_those_of_the_profile() -> None:
    shapes = gridded().prior.footprints
    assert (len(shapes), {shape.kind for shape in shapes}) == (14, {"far"})


def test_a_hollow_footprint_of_a_profile_reaches_the_model_hollow() -> None:
    shape = PROFILE.footprints[0].model_copy(update={"kind": "ring"})
    assert [f.kind for f in gridded(profile=with_values(footprints=(shape,))).prior.footprints] == ["ring"]


def with_values(**changes: Any) -> Profile:
    return PROFILE.model_copy(update=changes)


def test_the_prior_is_as_unsure_as_the_profile_says() -> None:
    learned = gridded().prior.learned
    assert (learned.strikes, learned.items, learned.background) == (1.0, 0.7, None)


def test_removed_items_leave_fewer_a_strike() -> None:
    prior = gridded(profile=with_values(removed_share=0.4)).prior
    assert prior.items_per_strike == pytest.approx(0.6 * PROFILE.items_per_strike)


def test_an_unsure_share_removed_makes_items_less_sure() -> None:
    profile = with_values(removed_share=0.4, removed_certainty=10.0, items_spread="fixed")
    spread = gridded(profile=profile).prior.learned.items
    drawn = np.log1p(-np.random.default_rng(1).beta(4.0, 6.0, 200_000))
    # 4 standard errors of a standard deviation, about σ √(kurtosis / n) / 2 with kurtosis below 6
    assert spread == pytest.approx(drawn.std(), abs=4 * drawn.std() * (6 / 200_000) ** 0.5)


def test_a_munitions_items_are_scaled_and_widened_by_what_was_removed() -> None:
    record = strike("S", 100, 100, munition="CBU-24")
    (before,) = gridded(record).prior.recorded
    (after,) = gridded(record, profile=with_values(removed_share=0.4, removed_certainty=10.0)).prior.recorded
    assert before.items_per_strike is not None
    assert after.items_per_strike is not None
    assert before.items_shape is not None
    assert after.items_shape is not None
    assert after.items_per_strike == pytest.approx(0.6 * before.items_per_strike)
    assert after.items_shape < before.items_shape


def test_each_layer_of_search_asks_for_more_memory() -> None:
    shapes = [gridding._footprint(shape) for shape in PROFILE.footprints]
    one, five = (gridding.memory_needed(100, 100, shapes, 25.0, layers) for layers in (1, 5))
    templates = (100 + 2 * 30) ** 2 * len(shapes)
    assert five - one > 4 * 4 * templates  # an exposure in single precision, for each further layer


# --- the whole way ---------------------------------------------------------------------------------------------------


def test_the_model_takes_what_gridding_gives() -> None:
    grid = gridded(
        search("B", ground(100, 100)),
        search("S", ground(300, 300), outcome="stopped_at_find"),
        find("EP", 110, 110),
        find("S1", 310, 305, searched_id="S"),
        find("O", 900, 900, how="opportunistic"),
        strike("K", 300, 300),
        excluded=ground(700, 700, 100, 100),
    )
    posterior = fitted(grid, 1, chains=2, sweeps=50)
    assert posterior.expected_remaining[grid.excluded].sum() == 0


def test_moving_everything_by_one_box_moves_the_arrays_and_nothing_else() -> None:
    records = [search("B", ground(110, 110, 70, 30)), find("EP", 120, 120)]
    moved = [search("B", ground(160, 110, 70, 30)), find("EP", 170, 120)]
    one, other = gridded(*records), gridded(*moved)
    np.testing.assert_allclose(np.roll(one.effort, 2, axis=1), other.effort, atol=1e-9)


def test_the_date_of_a_search_changes_nothing() -> None:
    box_b = search("B", ground(100, 100))
    later = replace(box_b, searched_on=date(2020, 1, 1))
    np.testing.assert_array_equal(gridded(box_b).effort, gridded(later).effort)
