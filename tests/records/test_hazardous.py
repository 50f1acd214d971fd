"""A hazardous area stands on its evidence, and says where its edge was not found."""

from __future__ import annotations

import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely import affinity
from shapely.geometry.base import BaseGeometry

from fadeout.errors import InputRefused
from fadeout.records import hazardous, places
from fadeout.records import standard as standards
from fadeout.records.boxes import NOT_YET, BoxState, Cell, Search, next_boxes, state_of
from fadeout.records.hazardous import Edge, draw, edges

ASIA = standards.load()
ZONE = "EPSG:32648"
CLEAR = state_of([Search("complete", share=1.0)], [], ASIA)
GREY = state_of([Search("not_searchable")], [], ASIA)
SQUARE = shapely.box(0, 0, 100, 100)
NOTHING: list[BaseGeometry] = []


def cell(column: int = 0, row: int = 0, side: float = 50.0) -> Cell:
    return Cell(ZONE, side, 10_000 + column, 37_000 + row)


def found(id: str, state: str = "found") -> BoxState:
    return BoxState(state, "", (id,))


def with_values(**values: object) -> standards.Standard:
    return ASIA.model_copy(update=values)


def lengths(pieces: list[Edge]) -> dict[str, int]:
    told: dict[str, float] = {}
    for piece in pieces:
        told[piece.kind] = told.get(piece.kind, 0.0) + piece.length_m
    return {kind: round(length) for kind, length in told.items()}


# --- drawing ----------------------------------------------------------------------------------------------------------


def test_an_area_names_all_evidence_and_boxes_that_it_stands_on() -> None:
    (area,) = draw({cell(): found("EP-1"), cell(1, 1): found("EP-2", "trace"), cell(0, 1): CLEAR}, ASIA)
    assert area.stands_on == ("EP-1", "EP-2", cell().id, cell(1, 1).id)


def test_boxes_without_evidence_draw_nothing() -> None:
    assert draw({cell(): CLEAR, cell(1, 0): GREY, cell(2, 0): NOT_YET}, ASIA) == []


def test_traces_belong_to_the_area_only_where_the_standard_says_so() -> None:
    states = {cell(): found("EP-1"), cell(9, 9): found("EP-2", "trace")}
    assert [len(draw(states, with_values(cha_with_trace=choice))) for choice in (True, False)] == [2, 1]


def test_a_lone_box_is_an_area_or_a_spot_task_as_the_standard_says() -> None:
    states = {cell(): found("EP-1"), cell(8, 8): found("EP-2"), cell(9, 8): found("EP-3")}
    assert [one.spot_task for one in draw(states, with_values(single_box="spot_task"))] == [True, False]
    assert [one.spot_task for one in draw(states, ASIA)] == [False, False]


def test_boxes_that_meet_at_a_corner_are_one_area_even_without_a_buffer() -> None:
    (area,) = draw({cell(): found("EP-1"), cell(1, 1): found("EP-2")}, with_values(buffer_m=0.0))
    assert area.flat.area == pytest.approx(2 * 50**2)


def test_a_hull_holds_the_ground_between_its_boxes_and_a_union_does_not() -> None:
    states = {
        cell(column, row): found(f"EP-{column}{row}")
        for column, row in ((0, 0), (2, 0), (1, 1), (0, 2), (2, 2))
    }
    sizes = [draw(states, with_values(cha_rule=rule, buffer_m=0.0)) for rule in ("hull", "union")]
    assert [sum(one.flat.area for one in some) for some in sizes] == [
        pytest.approx(150**2),
        pytest.approx(5 * 50**2),
    ]


def test_hulls_that_would_overlap_become_one() -> None:
    long = [(0, 0), (1, 1), (2, 2), (3, 3), (4, 4)]
    beside = [
        (4, 0),
        (3, 1),
    ]  # inside no box of the other, and outside its hull, until their own buffers meet
    states = {cell(*at): found(f"EP-{at}") for at in (*long, *beside)}
    areas = draw(states, with_values(cha_rule="hull", buffer_m=10.0))
    assert shapely.union_all([one.flat for one in areas]).area == pytest.approx(
        sum(one.flat.area for one in areas)
    )


def test_boxes_of_two_grids_are_not_drawn_together() -> None:
    with pytest.raises(InputRefused, match=r"hazardous\.mixed-grids"):
        draw({cell(): found("EP-1"), cell(side=25.0): found("EP-2")}, ASIA)


def test_an_area_is_given_in_longitude_and_latitude_too() -> None:
    (area,) = draw({cell(): found("EP-1")}, ASIA)
    back = places.move([area.shape], places.WGS84, ZONE)[0]
    assert back.symmetric_difference(area.flat).area < 1e-3  # m², a tenth of a micrometre along the edge


grids = st.dictionaries(
    st.builds(cell, st.integers(0, 9), st.integers(0, 9)),
    st.sampled_from([found("EP-1"), found("EP-2", "trace"), CLEAR, GREY]),
    max_size=25,
)


@given(grids, st.sampled_from(["union", "hull"]), st.sampled_from([0.0, 10.0, 50.0]), st.booleans())
@settings(max_examples=60, deadline=None)
def test_every_box_with_evidence_lies_with_its_buffer_in_just_one_area(
    states: dict[Cell, BoxState], rule: str, buffer: float, with_trace: bool
) -> None:
    mine = with_values(cha_rule=rule, buffer_m=buffer, cha_with_trace=with_trace)
    areas = draw(states, mine)
    wanted = ("found", "trace") if with_trace else ("found",)
    for one, state in states.items():
        holding = [area for area in areas if one.id in area.stands_on]
        assert len(holding) == (state.state in wanted)
        if holding:
            missing = one.square.buffer(buffer).difference(holding[0].flat)
            assert missing.area < 1e-6  # m²: rounding along some hundred metres
    for number, area in enumerate(areas):
        for other in areas[number + 1 :]:
            assert area.flat.intersection(other.flat).area < 1e-6


# --- edges ------------------------------------------------------------------------------------------------------------


def test_an_edge_that_nothing_closes_is_open() -> None:
    assert lengths(edges(SQUARE, NOTHING)) == {"open": 400}
    assert hazardous.edge_words(edges(SQUARE, NOTHING)) == "edge not found: 400 m of 400 m open"


def test_an_edge_closed_all_around_is_found() -> None:
    around = SQUARE.buffer(50, join_style="mitre").difference(SQUARE)
    assert hazardous.edge_words(edges(SQUARE, [around])) == "edge found: 400 m closed by search"


def test_search_closes_before_terrain_and_terrain_before_permission() -> None:
    east, south, all_around = shapely.box(100, 0, 150, 100), shapely.box(0, -50, 100, 0), SQUARE.buffer(9)
    pieces = edges(SQUARE, [east], [east, south], [all_around])
    # a ground counts as touching a quarter of a metre beyond its end, which shifts lengths by less than half a metre
    assert lengths(pieces) == {"closed_by_search": 100, "closed_by_terrain": 100, "closed_by_permission": 200}
    assert hazardous.edge_field(pieces) == "closed_by_search; closed_by_terrain; closed_by_permission"


def test_clear_ground_that_does_not_reach_the_edge_closes_nothing() -> None:
    assert lengths(edges(SQUARE, [shapely.box(101, 0, 150, 100)])) == {"open": 400}


def test_a_strip_narrower_than_a_metre_closes_nothing() -> None:
    assert lengths(edges(SQUARE, [shapely.box(100, 0, 100.9, 100)])) == {"open": 400}


def test_the_edge_of_a_hole_is_edge_too() -> None:
    hole = shapely.box(40, 40, 60, 60)
    assert lengths(edges(SQUARE.difference(hole), [hole])) == {"closed_by_search": 80, "open": 400}


def test_an_area_of_finished_survey_has_its_edge_closed_by_the_clear_boxes() -> None:
    states = {cell(): found("EP-1"), cell(1, 0): found("EP-2")}
    for one in next_boxes(states, ASIA):
        states[one.box] = CLEAR
    (area,) = draw(states, ASIA)
    assert {edge.kind for edge in edges(area.flat, hazardous.clear_ground(states))} == {"closed_by_search"}


def test_a_box_that_cannot_be_searched_keeps_the_edge_open() -> None:
    states = {cell(): found("EP-1")}
    for one in next_boxes(states, ASIA):
        states[one.box] = GREY if one.box == cell(1, 0) else CLEAR
    (area,) = draw(states, ASIA)
    pieces = edges(area.flat, hazardous.clear_ground(states))
    assert lengths(pieces)["open"] == pytest.approx(
        50, abs=1
    )  # the side of the box, less what touches at both ends
    assert hazardous.edge_words(pieces).startswith("edge not found")


@st.composite
def blots(draw_: st.DrawFn) -> BaseGeometry:
    x, y = draw_(st.floats(-80, 120)), draw_(st.floats(-80, 120))
    shape = shapely.box(x, y, x + draw_(st.floats(0.5, 90)), y + draw_(st.floats(0.5, 90)))
    return affinity.rotate(shape, draw_(st.floats(0, 90)))


some = st.lists(blots(), max_size=3)


@given(blots(), some, some, some)
@settings(max_examples=80, deadline=None)
def test_pieces_of_an_edge_add_up_to_the_perimeter(
    area: BaseGeometry, clear: list[BaseGeometry], terrain: list[BaseGeometry], permission: list[BaseGeometry]
) -> None:
    pieces = edges(area, clear, terrain, permission)
    assert sum(piece.length_m for piece in pieces) == pytest.approx(area.length, rel=1e-9)
    touching = shapely.union_all(clear).buffer(0.5)
    assert all(touching.covers(piece.line) for piece in pieces if piece.kind == "closed_by_search")
