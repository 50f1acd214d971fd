"""Next boxes are worth a team's day, and the standard rule is followed to the letter."""

from __future__ import annotations

import numpy as np
import pytest

from fadeout.model import Footprint, Grid, Prior, RecordedStrike, fit
from fadeout.model.hazard import area_of_size, delineate
from fadeout.model.search import next_boxes, record_lattice, survey_rule

GRID = Grid(60, 72, 25.0)
SIDE = 2
PRIOR = Prior(
    strikes_per_km2=1.0,
    items_per_strike=30.0,
    items_shape=1.0,
    background_per_km2=0.2,
    footprints=[Footprint(80, 40, bearing) for bearing in (0, 60, 120)],
    recorded=[RecordedStrike(16.0, 56.0, 100.0, 0.7), RecordedStrike(41.0, 21.0, 100.0, 0.7)],
)


@pytest.fixture(scope="module")
def searched():
    share = np.zeros(GRID.shape)
    share[38:44, 18:26] = 1.0
    share[4:6, ::6] = 1.0
    share[4:6, 1::6] = 1.0
    return share


@pytest.fixture(scope="module")
def posterior(searched):
    return fit(GRID, 0.7 * searched, [[40, 20], [41, 23], [42, 22], [43, 24]], PRIOR, seed=2)


@pytest.fixture(scope="module")
def area(posterior):
    return delineate(posterior)


def batch(posterior, area, searched, count=20, allowed=None):
    may = np.ones(GRID.shape, dtype=bool) if allowed is None else allowed
    return next_boxes(
        posterior, area, side_cells=SIDE, searched_share=searched, allowed=may, detection=0.7, count=count
    )


@pytest.fixture(scope="module")
def boxes(posterior, area, searched):
    return batch(posterior, area, searched)


def test_ranks_count_up_from_one_and_boxes_tile_the_grid(boxes):
    assert [box.rank for box in boxes] == list(range(1, 21))
    assert all(box.row % SIDE == 0 and box.col % SIDE == 0 for box in boxes)
    assert len({(box.row, box.col) for box in boxes}) == 20


def test_no_searched_box_is_chosen_again(boxes, searched):
    assert all(searched[box.row : box.row + SIDE, box.col : box.col + SIDE].mean() < 0.5 for box in boxes)


def test_no_box_lies_where_a_team_may_not_go(posterior, area, searched):
    allowed = np.zeros(GRID.shape, dtype=bool)
    allowed[:, 30:] = True
    chosen = batch(posterior, area, searched, allowed=allowed)
    assert chosen
    assert all(box.col >= 30 for box in chosen)


def test_all_three_aims_share_a_batch(boxes):
    aims = [box.aim for box in boxes]
    assert aims.count("record") == 8  # 40 % of twenty
    assert aims.count("edge") == 8
    assert aims.count("explore") == 4


def test_a_record_without_finds_is_looked_at_and_one_with_finds_is_not(boxes):
    assert {box.record for box in boxes if box.aim == "record"} == {0}
    assert all(box.record is None for box in boxes if box.aim != "record")


def test_the_first_look_at_a_record_is_a_sparse_lattice_around_it(boxes):
    places = {(box.row // SIDE, box.col // SIDE) for box in boxes if box.aim == "record"}
    assert places <= set(record_lattice(GRID, 16.0, 56.0, SIDE))


def test_a_record_that_was_looked_at_gets_no_lattice(posterior, area, searched):
    looked = searched.copy()
    looked[4:30, 44:70] = 1.0
    assert not [box for box in batch(posterior, area, looked) if box.aim == "record"]


def test_edge_boxes_are_those_of_which_the_draws_disagree(boxes, posterior, area):
    labels = np.full(GRID.shape, -1)
    edge = [box for box in boxes if box.aim == "edge"]
    for number, box in enumerate(edge):
        labels[box.row : box.row + SIDE, box.col : box.col + SIDE] = number
    above = (posterior.known_by_label(labels, len(edge)) > area.level * SIDE**2).mean(axis=0)
    assert 0.2 < np.median(above) < 0.8  # spreading the batch also takes boxes farther from the level
    assert above.min() > 0.02
    assert above.max() < 0.98


def test_boxes_of_a_batch_are_spread_out(boxes):
    for aim in ("edge", "explore"):
        places = np.array([(box.row, box.col) for box in boxes if box.aim == aim]) / SIDE
        apart = np.hypot(*(places[:, None] - places[None, :]).transpose(2, 0, 1))
        assert apart[np.triu_indices(len(places), 1)].min() > 1.5  # no two share an edge or a corner


def test_stated_chances_are_those_of_the_posterior(boxes, posterior):
    chances = posterior.p_find_in_boxes(SIDE, 0.7)
    for box in boxes:
        inside = np.zeros(GRID.shape, dtype=bool)
        inside[box.row : box.row + SIDE, box.col : box.col + SIDE] = True
        assert box.p_find == chances[box.row // SIDE, box.col // SIDE]
        assert box.expected_remaining == pytest.approx(posterior.expected_remaining_in(inside))


def test_every_box_says_why_in_plain_words(boxes):
    for box in boxes:
        assert "chance of a find" in box.reason
        assert "safe" not in box.reason.lower()
    assert "strike record 1" in next(box for box in boxes if box.aim == "record").reason


def test_the_same_question_gives_the_same_boxes(boxes, posterior, area, searched):
    assert batch(posterior, area, searched) == boxes


def test_with_nothing_left_to_search_there_are_no_boxes(posterior, area):
    assert batch(posterior, area, np.ones(GRID.shape)) == []


def test_fewer_free_boxes_than_asked_are_all_given(posterior, area):
    searched = np.ones(GRID.shape)
    searched[10:14, 10:16] = 0.0
    assert len(batch(posterior, area, searched)) == 6


def test_on_unknown_ground_exploring_boxes_lie_far_apart():
    prior = Prior(1.0, 30.0, 1.0, 0.2, [Footprint(80, 40)])
    blank = fit(GRID, np.zeros(GRID.shape), [], prior)
    chosen = batch(blank, delineate(blank), np.zeros(GRID.shape), count=8)
    assert {box.aim for box in chosen} == {"explore"}
    places = np.array([(box.row, box.col) for box in chosen]) / SIDE
    apart = np.hypot(*(places[:, None] - places[None, :]).transpose(2, 0, 1))
    assert apart[np.triu_indices(8, 1)].min() >= 4


def test_excluded_ground_is_not_searched():
    excluded = np.zeros(GRID.shape, dtype=bool)
    excluded[:, 36:] = True
    prior = Prior(1.0, 30.0, 1.0, 0.2, [Footprint(80, 40)])
    blank = fit(GRID, np.zeros(GRID.shape), [], prior, excluded=excluded)
    assert all(box.col < 36 for box in batch(blank, delineate(blank), np.zeros(GRID.shape)))


@pytest.mark.parametrize(
    "wrong", [{"side_cells": 0}, {"detection": 70}, {"searched_share": np.zeros((2, 2))}]
)
def test_impossible_requests_are_refused(posterior, area, searched, wrong):
    good = {"side_cells": 2, "searched_share": searched, "allowed": searched == 0, "detection": 0.7}
    with pytest.raises(ValueError, match=r"got|shapes"):
        next_boxes(posterior, area, **(good | wrong))


def test_a_lattice_at_the_rim_keeps_only_boxes_on_the_grid():
    lattice = record_lattice(GRID, 0.0, 0.0, SIDE)
    assert lattice[0] == (0, 0)
    assert len(lattice) == 4


def test_sweeping_boxes_lie_outside_the_area_best_chance_of_a_find_first(posterior, area, searched):
    chosen = next_boxes(
        posterior, area, side_cells=SIDE, searched_share=searched, allowed=np.ones(GRID.shape, bool),
        detection=0.7, count=6, shares={"sweep": 1.0},
    )  # fmt: skip
    assert {box.aim for box in chosen} == {"sweep"}
    inside = [area.cells[box.row : box.row + SIDE, box.col : box.col + SIDE].mean() for box in chosen]
    assert max(inside) < 0.5
    free = batch(posterior, area, searched, count=10_000)
    outside = [b for b in free if area.cells[b.row : b.row + SIDE, b.col : b.col + SIDE].mean() < 0.5]
    known = {
        (b.row, b.col): posterior.expected_known[b.row : b.row + SIDE, b.col : b.col + SIDE].sum()
        for b in outside
    }
    first = posterior.expected_known[
        chosen[0].row : chosen[0].row + SIDE, chosen[0].col : chosen[0].col + SIDE
    ]
    # the chance of a find is concave in the expected items: the best box is among the fullest few
    assert sum(value > first.sum() for value in known.values()) <= 3


def left_outside(expected, size):
    """Items outside the `size` boxes that are expected to hold most."""
    return expected.sum() - np.sort(expected)[::-1][:size].sum()


def test_the_reducing_box_is_the_one_after_which_the_redrawn_area_leaves_out_least(posterior, searched):
    area = area_of_size(posterior, 50_000.0)
    in_boxes = area.cells.reshape(GRID.rows // SIDE, SIDE, GRID.cols // SIDE, SIDE).sum(axis=(1, 3))
    size = int((in_boxes >= SIDE * SIDE / 2).sum())
    chosen = next_boxes(
        posterior, area, side_cells=SIDE, searched_share=searched, allowed=np.ones(GRID.shape, bool),
        detection=0.7, count=1, shares={"reduce": 1.0},
    )  # fmt: skip
    high, wide = GRID.rows // SIDE, GRID.cols // SIDE
    labels = np.kron(np.arange(high * wide).reshape(high, wide), np.ones((SIDE, SIDE), dtype=int))
    items = posterior.known_by_label(labels, high * wide)
    free = [b for b in batch(posterior, area, searched, count=10_000) if b.expected_remaining > 0.05]
    at = np.array([box.row // SIDE * wide + box.col // SIDE for box in free])
    # n items in the box, Poisson given a draw, each detected with 0.7; a find ends the search and takes one away.
    # Sums over n: E[0.3^n] = exp(-0.7 m), E[n 0.3^n] = 0.3 m exp(-0.7 m), m expected items
    mean = items[:, at]
    missed = np.exp(-0.7 * mean)
    left_if_missed = 0.3 * mean * missed
    cases = ((missed, left_if_missed), (1 - missed, mean - 1 - left_if_missed + missed))
    after = np.zeros(len(free))
    for weights, in_box in cases:
        then = weights.T @ items / len(items)
        then[np.arange(len(free)), at] = in_box.mean(axis=0)
        after += [left_outside(row, size) for row in then]
    now = left_outside(items.mean(axis=0), size)
    gains = {(box.row, box.col): now - one for box, one in zip(free, after, strict=True)}
    best = max(gains.values())
    assert best > 0
    # `next_boxes` looks at 1,000 evenly spaced draws or more. Over draws, items outside after a search have a standard
    # deviation of about 1 (some 20 items are left), so a gain one of 0.03: four of them
    assert gains[chosen[0].row, chosen[0].col] >= best - 0.12


def test_an_area_of_given_size_moves_the_edge(posterior, searched):
    levels = []
    for area_m2 in (50_000.0, 200_000.0):
        bounded = area_of_size(posterior, area_m2)
        chosen = next_boxes(
            posterior, bounded, side_cells=SIDE, searched_share=searched, allowed=np.ones(GRID.shape, bool),
            detection=0.7, count=10, shares={"edge": 1.0},
        )  # fmt: skip
        levels.append(np.mean([box.expected_remaining for box in chosen]))
    assert levels[0] > levels[1]


def test_a_wider_lattice_goes_round_a_record_when_asked(posterior, area, searched):
    wide = next_boxes(
        posterior, area, side_cells=SIDE, searched_share=searched, allowed=np.ones(GRID.shape, bool),
        detection=0.7, count=25, shares={"record": 1.0}, around_record=5,
    )  # fmt: skip
    lattice = set(record_lattice(GRID, 16.0, 56.0, SIDE, per_side=5))
    assert 9 < len(wide) <= 25
    assert {(box.row // SIDE, box.col // SIDE) for box in wide} <= lattice


@pytest.mark.parametrize("shares", [{}, {"luck": 1.0}, {"edge": -1.0}])
def test_shares_of_unknown_aims_are_refused(posterior, area, searched, shares):
    with pytest.raises(ValueError, match="of the aims"):
        next_boxes(
            posterior, area, side_cells=SIDE, searched_share=searched, allowed=searched == 0, detection=0.7,
            shares=shares,
        )  # fmt: skip


# ---- the standard rule


def evidence_oracle(mask, asked):
    def oracle(i, j):
        asked.append((i, j))
        return bool(mask[i, j])

    return oracle


def test_the_rule_searches_all_neighbours_of_evidence_until_none_gives_a_find():
    hidden = np.zeros((12, 12), dtype=bool)
    hidden[4:7, 4:8] = True
    asked = []
    done = survey_rule(hidden.shape, [(5, 5)], evidence_oracle(hidden, asked))
    assert np.array_equal(done.evidence, hidden)
    around = np.zeros_like(hidden)
    around[3:8, 3:9] = True
    assert np.array_equal(done.area, around)
    around[5, 5] = True
    assert set(asked) == {
        (int(i), int(j)) for i, j in np.argwhere(around)
    }  # (5, 5) too: a neighbour of its neighbours
    assert len(asked) == len(set(asked)) == len(done.order)


def test_four_neighbours_do_not_cross_corners():
    hidden = np.eye(6, dtype=bool)
    four = survey_rule(hidden.shape, [(0, 0)], evidence_oracle(hidden, []), neighbours=4)
    eight = survey_rule(hidden.shape, [(0, 0)], evidence_oracle(hidden, []))
    assert four.evidence.sum() == 1
    assert eight.evidence.sum() == 6


def test_stride_two_skips_a_box():
    asked = []
    survey_rule((9, 9), [(4, 4)], evidence_oracle(np.zeros((9, 9), dtype=bool), asked), stride=2)
    assert set(asked) == {(i, j) for i in (2, 4, 6) for j in (2, 4, 6)} - {(4, 4)}


def test_the_rule_stays_on_allowed_ground_and_within_its_boxes():
    hidden = np.ones((9, 9), dtype=bool)
    allowed = np.zeros((9, 9), dtype=bool)
    allowed[:, :5] = True
    done = survey_rule((9, 9), [(4, 4)], evidence_oracle(hidden, []), allowed=allowed, most=7)
    assert len(done.order) == 7
    assert (done.order[:, 1] < 5).all()


def test_the_rule_looks_at_records_first_and_not_twice():
    hidden = np.zeros((9, 9), dtype=bool)
    hidden[2, 2] = True
    searched = np.zeros((9, 9), dtype=bool)
    searched[1, 1] = True
    asked = []
    done = survey_rule((9, 9), [], evidence_oracle(hidden, asked), first=[(2, 2), (7, 7)], searched=searched)
    assert asked[:2] == [(2, 2), (7, 7)]
    assert (1, 1) not in asked
    assert len(asked) == 2 + 7
    assert done.evidence.sum() == 1
