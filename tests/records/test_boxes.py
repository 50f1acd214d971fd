"""Survey boxes: the grid, what makes a box clear or not, which come next and where the search may stop."""

from __future__ import annotations

from pathlib import Path

import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely import Point
from shapely.geometry.base import BaseGeometry

from fadeout.errors import InputRefused
from fadeout.records import boxes, places
from fadeout.records import standard as standards
from fadeout.records.boxes import BoxState, Cell, Search, Seen, state_of
from fadeout.records.catalogue import EVIDENCE_CLASSES
from fadeout.records.record import Record

ASIA = standards.load()
ZONE = "EPSG:32648"
ENOUGH = Search("complete", share=ASIA.effort_share)
CLEAR = state_of([ENOUGH], [], ASIA)
FOUND = state_of([], [Seen("EP-1", "item")], ASIA)
GREY = state_of([Search("not_searchable")], [], ASIA)


def cell(column: int = 0, row: int = 0) -> Cell:
    return Cell(ZONE, 50.0, 10_000 + column, 37_000 + row)


def with_values(**values: object) -> standards.Standard:
    return ASIA.model_copy(update=values)


# --- the grid ---------------------------------------------------------------------------------------------------------


@st.composite
def polygons(draw: st.DrawFn) -> BaseGeometry:
    lon, lat = draw(st.floats(-179, 179)), draw(st.floats(-70, 70))
    size = draw(st.floats(0.0005, 0.01))
    shape: BaseGeometry = shapely.Point(lon, lat).buffer(size, quad_segs=draw(st.integers(1, 4)))
    if draw(st.booleans()):
        shape = shape.difference(shapely.Point(lon, lat).buffer(size / 2, quad_segs=2))
    return shape


@given(polygons(), st.sampled_from([25.0, 50.0, 100.0]))
@settings(max_examples=40, deadline=None)
def test_the_boxes_of_a_grid_cover_the_polygon_once_and_each_holds_ground_of_it(
    polygon: BaseGeometry, side: float
) -> None:
    laid = boxes.boxes_over(polygon, side)
    squares = [one.square for one, _ in laid]
    flat = places.move([polygon], places.WGS84, laid[0][0].crs)[0]
    union = shapely.union_all(squares)
    assert union.area == pytest.approx(len(squares) * side**2)  # none overlap
    assert (
        flat.difference(union).area <= boxes.TOUCH_M2 * len(squares) * 4
    )  # ground that is no more than touched
    assert all(flat.intersection(square).area > 0 for square in squares)
    assert len({one.id for one, _ in laid}) == len(laid)


@given(st.floats(-179, 179), st.floats(-79, 83), st.sampled_from([25.0, 50.0, 100.0]))
def test_a_place_lies_in_its_box(lon: float, lat: float, side: float) -> None:
    one = boxes.cell_at(lon, lat, side)
    place = Point(*places.move_xy(shapely.get_coordinates(Point(lon, lat)), places.WGS84, one.crs)[0])
    assert one.square.distance(place) < 1e-6  # a place on an edge: doubles at 1e7 m


@given(st.integers(-20_000, 20_000), st.integers(-20_000, 20_000), st.sampled_from([12.5, 25.0, 50.0]))
def test_a_box_is_known_again_by_its_id(column: int, row: int, side: float) -> None:
    one = Cell(ZONE, side, column, row)
    assert boxes.cell_of(one.id) == one


@pytest.mark.parametrize("id", ["", "BOX-7", "32648-50-1", "32648-x-1-2"])
def test_another_id_is_refused(id: str) -> None:
    with pytest.raises(InputRefused, match=r"boxes\.bad-id"):
        boxes.cell_of(id)


def test_outlines_are_given_in_longitude_and_latitude() -> None:
    polygon = shapely.box(107.0, 16.8, 107.002, 16.802)
    outlines = shapely.union_all([outline for _, outline in boxes.boxes_over(polygon, 50.0)])
    assert outlines.buffer(1e-9).contains(polygon)


def test_grids_of_two_polygons_fit_together() -> None:
    west, east = shapely.box(107.0, 16.8, 107.004, 16.804), shapely.box(107.002, 16.8, 107.006, 16.804)
    union = boxes.boxes_over(shapely.union_all([west, east]), 50.0)
    apart = {one for part in (west, east) for one, _ in boxes.boxes_over(part, 50.0)}
    assert {one for one, _ in union} == apart


def test_a_grid_of_too_many_boxes_is_refused_and_not_begun() -> None:
    with pytest.raises(InputRefused, match=r"boxes\.too-many"):
        boxes.boxes_over(shapely.box(100, 10, 108, 18), 50.0)


def test_a_polygon_that_is_not_valid_has_no_grid() -> None:
    bow = shapely.Polygon([(105, 16), (105.01, 16.01), (105.01, 16), (105, 16.01)])
    with pytest.raises(InputRefused, match=r"boxes\.bad-shape") as refused:
        boxes.boxes_over(bow, 50.0)
    assert "105" not in str(refused.value)


# --- the state of a box -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", EVIDENCE_CLASSES)
def test_only_the_classes_that_the_standard_names_turn_a_box(kind: str) -> None:
    wanted = {"item": "found", "destroyed": "found", "fragment": "trace"}.get(kind, "not_yet")
    assert state_of([], [Seen("EP-1", kind)], ASIA).state == wanted


def test_a_standard_may_count_a_fragment_as_a_find() -> None:
    mine = with_values(found_by=("item", "fragment"), trace_by=())
    assert state_of([], [Seen("EP-1", "fragment")], mine).state == "found"


def test_a_find_counts_before_a_trace_and_a_trace_before_another_item() -> None:
    other, trace, find = Seen("O", "item", other_item=True), Seen("T", "fragment"), Seen("F", "item")
    told = [state_of([ENOUGH], seen, ASIA) for seen in ([other], [other, trace], [other, trace, find])]
    assert [(one.state, one.evidence_ids) for one in told] == [
        ("other_item", ("O",)),
        ("trace", ("T",)),
        ("found", ("F",)),
    ]


def test_a_box_that_nobody_searched_is_not_yet() -> None:
    assert state_of([], [], ASIA).state == "not_yet"


@pytest.mark.parametrize(
    ("search", "state"),
    [
        (Search("complete", share=0.5), "clear"),
        (Search("complete", share=0.49), "partly"),
        (Search("complete"), "partly"),  # what was not recorded was not done
        (Search("complete", effort_min=600.0), "partly"),  # minutes are not what this standard asks
        (Search("partial", share=0.7), "clear"),
        (Search("", share=0.5), "clear"),
        (Search("stopped_at_find", share=0.9), "partly"),  # and no find is recorded in it
    ],
)
def test_a_box_is_clear_by_recorded_effort_alone(search: Search, state: str) -> None:
    assert state_of([search], [], ASIA).state == state


def test_a_standard_that_asks_for_minutes_counts_them_together() -> None:
    mine = with_values(effort_min=40.0, effort_share=0.0)
    searches = [Search("partial", effort_min=25.0), Search("partial", effort_min=15.0)]
    assert [state_of(some, [], mine).state for some in (searches[:1], searches)] == ["partly", "clear"]


def test_shares_of_two_searches_do_not_add_up_as_nobody_knows_that_they_lay_apart() -> None:
    assert state_of([Search("partial", share=0.3), Search("partial", share=0.3)], [], ASIA).state == "partly"


searches = st.builds(
    Search,
    st.sampled_from(["complete", "partial", "stopped_at_find", "not_searchable", ""]),
    st.none() | st.floats(0, 500),
    st.none() | st.floats(0, 1),
)
sightings = st.builds(Seen, st.text("ABC", min_size=1), st.sampled_from(EVIDENCE_CLASSES), st.booleans())


@given(st.lists(searches, max_size=5), st.lists(sightings, max_size=4), st.floats(0, 1), st.floats(0, 200))
def test_a_box_that_cannot_be_searched_never_becomes_clear_and_no_box_does_below_the_standard(
    done: list[Search], seen: list[Seen], share: float, minutes: float
) -> None:
    mine = with_values(effort_share=share, effort_min=minutes)
    told = state_of([*done, Search("not_searchable")], seen, mine)
    assert told.state in ("not_searchable", "found", "trace")
    assert not (told.is_quiet)
    state = state_of(done, seen, mine).state
    if state == "clear":
        assert done
        assert max((one.share or 0.0) for one in done) >= share
        assert sum((one.effort_min or 0.0) for one in done) >= minutes
        assert not any(one.kind in (*mine.found_by, *mine.trace_by) for one in seen)


@given(st.lists(searches, max_size=4), st.lists(sightings, min_size=1, max_size=3))
def test_evidence_in_a_box_never_makes_it_clear(done: list[Search], seen: list[Seen]) -> None:
    without, with_it = state_of(done, [], ASIA).state, state_of(done, seen, ASIA).state
    assert with_it != "clear" or without == "clear"


def test_a_box_record_is_read_as_the_search_that_it_tells_of() -> None:
    grey = Record("box", "B-1", {"state": "not_searchable"})
    told = Record("box", "B-2", {"state": "clear", "effort_min": 12, "share_searched": 0.8})
    assert Search.of(grey).outcome == "not_searchable"
    assert Search.of(told) == Search("", 12.0, 0.8)


# --- what comes next, and when to stop --------------------------------------------------------------------------------


@pytest.mark.parametrize("growth", [4, 8])
def test_the_search_grows_to_the_neighbours_that_the_standard_names(growth: int) -> None:
    near = boxes.next_boxes({cell(): FOUND}, with_values(growth=growth))
    assert {abs(one.box.column - 10_000) + abs(one.box.row - 37_000) for one in near} == (
        {1} if growth == 4 else {1, 2}
    )
    assert len(near) == growth


def test_a_clear_box_closes_its_direction_and_is_not_searched_again() -> None:
    states = {cell(): FOUND, cell(1, 0): CLEAR}
    (east,) = [walk for walk in boxes.outward(states, ASIA) if walk.direction == "east"]
    assert (east.state, cell(1, 0) in {one.box for one in boxes.next_boxes(states, ASIA)}) == (
        "closed",
        False,
    )


def test_two_clear_boxes_close_a_direction_where_the_standard_asks_for_two() -> None:
    two = with_values(outward_stop_boxes=2)
    states = {cell(): FOUND, cell(1, 0): CLEAR}
    assert cell(2, 0) in {one.box for one in boxes.next_boxes(states, two)}
    states[cell(2, 0)] = CLEAR
    (east,) = [walk for walk in boxes.outward(states, two) if walk.direction == "east"]
    assert east.state == "closed"


def test_a_box_that_cannot_be_searched_leaves_its_direction_open_and_is_not_sent_out() -> None:
    states = {cell(): FOUND, cell(1, 0): GREY}
    (east,) = [walk for walk in boxes.outward(states, ASIA) if walk.direction == "east"]
    assert (east.state, east.why) == ("open", "recorded as not searchable")
    assert cell(1, 0) not in {one.box for one in boxes.next_boxes(states, ASIA)}


def test_a_direction_goes_on_from_the_next_box_with_evidence() -> None:
    states = {cell(): FOUND, cell(1, 0): FOUND}
    walks = {(walk.box.column, walk.direction): walk.state for walk in boxes.outward(states, ASIA)}
    assert (walks[10_000, "east"], walks[10_001, "west"], walks[10_001, "east"]) == (
        "goes_on",
        "goes_on",
        "open",
    )


def test_boxes_beside_two_finds_come_before_boxes_beside_one() -> None:
    first = boxes.next_boxes({cell(): FOUND, cell(2, 0): FOUND}, ASIA)[:3]
    assert [one.led_by for one in first] == [2, 2, 2]


def test_a_box_searched_less_than_the_standard_is_sent_out_again() -> None:
    states = {cell(): FOUND, cell(1, 0): state_of([Search("partial", share=0.1)], [], ASIA)}
    (east,) = [one for one in boxes.next_boxes(states, ASIA) if one.box == cell(1, 0)]
    assert "less than the standard asks" in east.why


def test_another_explosive_item_closes_a_direction_only_where_its_box_was_searched_enough() -> None:
    seen = [Seen("O", "item", other_item=True)]
    for search, wanted in ((ENOUGH, "closed"), (Search("partial", share=0.1), "open")):
        states = {cell(): FOUND, cell(1, 0): state_of([search], seen, ASIA)}
        (east,) = [walk for walk in boxes.outward(states, ASIA) if walk.direction == "east"]
        assert east.state == wanted


def test_traces_lead_on_only_where_the_standard_says_so() -> None:
    trace = state_of([ENOUGH], [Seen("T", "fragment")], ASIA)
    assert len(boxes.next_boxes({cell(): trace}, ASIA)) == 8
    assert boxes.next_boxes({cell(): trace}, with_values(growth_from_trace=False)) == []


def test_boxes_where_nobody_may_go_are_not_sent_out_and_stay_open() -> None:
    allowed = [cell(1, 0)]
    assert [one.box for one in boxes.next_boxes({cell(): FOUND}, ASIA, within=allowed)] == allowed
    assert {walk.state for walk in boxes.outward({cell(): FOUND}, ASIA)} == {"open"}


states = st.dictionaries(
    st.builds(cell, st.integers(0, 5), st.integers(0, 5)),
    st.sampled_from([FOUND, CLEAR, CLEAR, GREY]),
    max_size=20,
)


@given(states, st.integers(1, 3), st.sampled_from([4, 8]))
def test_following_the_next_boxes_ends_with_every_direction_closed_or_gone_on_or_grey(
    known: dict[Cell, BoxState], stop: int, growth: int
) -> None:
    mine = with_values(outward_stop_boxes=stop, growth=growth)
    for _ in range(8):  # one box a round at least in each direction, and no new find
        for one in boxes.next_boxes(known, mine):
            known = {**known, one.box: CLEAR}
    assert boxes.next_boxes(known, mine) == []
    for walk in boxes.outward(known, mine):
        assert walk.state in ("closed", "goes_on") or known[walk.at].state == "not_searchable"


def test_evidence_points_fall_into_their_boxes_and_dismissed_ones_into_none() -> None:
    place = places.move([cell().square.centroid], ZONE, places.WGS84)[0]
    points = [
        Record("evidence", "EP-1", {"kind": "item"}, place),
        Record("evidence", "EP-2", {"kind": "item", "state": "not_found"}, place),
        Record("evidence", "EP-3", {"kind": "item"}),
    ]
    assert boxes.by_cell(points, 50.0, ZONE) == {cell(): [Seen("EP-1", "item")]}
    assert boxes.by_cell([], 50.0, ZONE) == {}


def test_states_of_many_boxes_are_those_of_each() -> None:
    told = boxes.states_of({cell(1, 0): [ENOUGH]}, {cell(): [Seen("EP-1", "item")]}, ASIA)
    assert {one: state.state for one, state in told.items()} == {cell(): "found", cell(1, 0): "clear"}


def test_the_states_are_those_that_the_standard_shows(tmp_path: Path) -> None:
    assert {FOUND.state, CLEAR.state, GREY.state, "trace", "other_item", "partly", "not_yet"} == set(
        ASIA.states
    )
