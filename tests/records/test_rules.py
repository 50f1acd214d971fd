"""What may follow what for a hazardous area, and what each step needs."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from shapely import Point, Polygon, box
from shapely.geometry.base import BaseGeometry

from fadeout.records import standard as standards
from fadeout.records.catalogue import AREA_STATES, KINDS
from fadeout.records.record import Record
from fadeout.records.rules import BY_STATES, RELEASED, STEPS, as_markdown, check
from fadeout.records.rules_needs import NEEDS

STANDARD = standards.load()
GROUND = box(105.0, 16.0, 105.004, 16.004)
IN, OUT = Point(105.002, 16.002), Point(105.1, 16.1)
PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "land-release-rules.md"


def area(
    state: str, *stands_on: str, shape: BaseGeometry | None = GROUND, at: str = "", **more: Any
) -> Record:
    values = {"state": state, "stands_on": list(stands_on), "profile": STANDARD.label, **more}
    return Record("hazardous_area", "HA-1", values, shape, recorded_at=at)


def point(id: str, kind: str = "item", where: Point = IN, at: str = "", **more: Any) -> Record:
    return Record("evidence", id, {"kind": kind, **more}, where, recorded_at=at)


def search(id: str = "S-1", shape: BaseGeometry = GROUND, **more: Any) -> Record:
    values = {"outcome": "complete", "kind": "clearance", "depth_cm": 20.0, **more}
    return Record("searched", id, values, shape)


def release(action: str, at: str = "", **more: Any) -> Record:
    values = {
        **{"action": action, "hazard_id": "HA-1", "released_on": "2026-05-01", "released_by": "A. Officer"},
        **{"authority": "National authority", "method": "manual", "depth_cm": 20.0, **more},
    }
    return Record(
        "release",
        "R-1",
        {name: value for name, value in values.items() if value is not None},
        GROUND,
        recorded_at=at,
    )


PAPER = Record("document", "D-1", {"title": "Survey", "about_kind": "hazardous_area", "about_id": "HA-1"})
WHOLE = {  # what carries each release of an area that stands on a witness report
    "cancelled": [release("cancelled"), PAPER],
    "reduced": [release("reduced"), search(kind="survey", depth_cm=0.0)],
    "cleared": [release("cleared"), search()],
}
WITNESS = point("EP-0", "witness_nearby")


def codes(before: Record | None, after: Record, *records: Record) -> list[str]:
    return [problem.code for problem in check(before, after, records, STANDARD)]


# --- the table --------------------------------------------------------------------------------------------------------


def test_every_step_leads_between_states_that_there_are_and_needs_what_there_is() -> None:
    for step in STEPS:
        assert {step.before, step.after} <= {*AREA_STATES, ""}
        assert set(step.needs) <= set(NEEDS)
        assert step.needs


@pytest.mark.parametrize(
    ("was", "now"), sorted(set(product(["", *AREA_STATES], AREA_STATES)) - set(BY_STATES))
)
def test_a_step_that_the_table_does_not_name_is_refused(was: str, now: str) -> None:
    if was != now:
        before = area(was) if was else None
        assert codes(before, area(now), *WHOLE.get(now, [])) == ["rules.no-such-step"]


def test_the_reference_page_shows_the_table_as_it_is() -> None:
    assert as_markdown() in PAGE.read_text(encoding="utf-8")


def test_no_step_calls_land_safe() -> None:
    assert "safe" not in PAGE.read_text(encoding="utf-8").lower()


def test_every_code_of_the_rules_stands_in_a_need_or_on_the_page() -> None:
    source = "".join(
        path.read_text(encoding="utf-8") for path in (Path(standards.__file__).parent).glob("rules*.py")
    )
    page = PAGE.read_text(encoding="utf-8")
    used = {word.split('"')[0] for word in source.split('"rules.')[1:]}
    assert {code for code in used if f"`rules.{code}`" not in page} == set()


# --- suspected, confirmed ---------------------------------------------------------------------------------------------


def test_an_area_is_suspected_on_indirect_evidence() -> None:
    assert codes(None, area("suspected", "EP-0"), WITNESS) == []


def test_a_strike_record_alone_may_raise_suspicion_and_never_confirms() -> None:
    strike = Record("strike", "ST-1", {"struck_on": "1969-02-01"}, IN)
    assert codes(None, area("suspected", "ST-1"), strike) == []
    assert codes(None, area("confirmed", "ST-1"), strike) == ["rules.no-direct-evidence"]


def test_an_area_without_evidence_is_not_suspected() -> None:
    assert codes(None, area("suspected")) == ["rules.no-evidence"]


@pytest.mark.parametrize("kind", STANDARD.direct)
def test_direct_evidence_in_the_area_confirms_it(kind: str) -> None:
    assert codes(area("suspected"), area("confirmed", "EP-1"), point("EP-1", kind)) == []


@pytest.mark.parametrize("kind", ["witness_at_place", "witness_nearby", "strike_record", "report"])
def test_indirect_evidence_confirms_nothing(kind: str) -> None:
    assert codes(area("suspected"), area("confirmed", "EP-1"), point("EP-1", kind)) == [
        "rules.no-direct-evidence"
    ]


def test_what_is_direct_the_standard_says(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    direct = 'direct = { value = ["witness_at_place"], source = "a test" }'
    file.write_text(f'based_on = "south-east-asia"\nname = "mine"\nversion = "1"\n{direct}')
    after, seen = area("confirmed", "EP-1"), point("EP-1", "witness_at_place")
    assert check(area("suspected"), after, [seen], standards.load(file)) == []


def test_evidence_elsewhere_does_not_confirm() -> None:
    assert codes(area("suspected"), area("confirmed", "EP-1"), point("EP-1", where=OUT)) == [
        "rules.evidence-outside"
    ]


def test_evidence_that_was_not_found_again_does_not_confirm() -> None:
    gone = point("EP-1", state="not_found")
    assert codes(area("suspected"), area("confirmed", "EP-1"), gone) == ["rules.no-direct-evidence"]


def test_a_box_with_a_find_confirms() -> None:
    found = Record("box", "B-1", {"state": "found"}, box(105.001, 16.001, 105.0015, 16.0015))
    assert codes(area("suspected"), area("confirmed", "B-1"), found) == []


@pytest.mark.parametrize("direct", [("item",), ("item", "fragment")])
def test_a_box_with_a_trace_confirms_only_where_a_trace_is_direct_evidence(direct: tuple[str, ...]) -> None:
    mine = STANDARD.model_copy(update={"direct": direct})
    trace = Record("box", "B-1", {"state": "trace"}, box(105.001, 16.001, 105.0015, 16.0015))
    problems = check(area("suspected"), area("confirmed", "B-1"), [trace], mine)
    assert [problem.code for problem in problems] == (
        [] if "fragment" in direct else ["rules.no-direct-evidence"]
    )


def test_an_area_may_not_stand_on_a_record_that_does_not_exist() -> None:
    assert codes(area("suspected"), area("confirmed", "EP-1", "EP-2"), point("EP-1")) == [
        "rules.unknown-evidence"
    ]


# --- release ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("before", ["suspected", "confirmed"])
@pytest.mark.parametrize("state", RELEASED)
def test_a_release_with_all_that_it_needs_stands(before: str, state: str) -> None:
    assert codes(area(before, "EP-0"), area(state, "EP-0"), WITNESS, *WHOLE[state]) == []


@pytest.mark.parametrize("state", RELEASED)
@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("released_by", "rules.not-signed"),
        ("authority", "rules.no-authority"),
        ("released_on", "rules.no-date"),
        ("method", "rules.no-method"),
    ],
)
def test_a_release_needs_a_signature_an_authority_a_day_and_a_method(
    state: str, name: str, code: str
) -> None:
    paper = release(state, **{name: None})
    assert codes(area("suspected"), area(state), paper, *WHOLE[state][1:]) == [code]


@pytest.mark.parametrize(
    ("state", "code"),
    [
        ("cancelled", "rules.no-survey-document"),
        ("reduced", "rules.not-surveyed"),
        ("cleared", "rules.not-cleared"),
    ],
)
def test_a_signature_alone_releases_nothing(state: str, code: str) -> None:
    assert codes(area("suspected"), area(state), release(state)) == [code]


@pytest.mark.parametrize("state", RELEASED)
def test_no_ground_is_released_without_a_release_record(state: str) -> None:
    assert "rules.no-release" in codes(area("suspected"), area(state), *WHOLE[state][1:])


def test_a_release_of_another_area_does_not_carry_this_one() -> None:
    other = release("cleared", hazard_id="HA-2")
    assert "rules.no-release" in codes(area("suspected"), area("cleared"), other, search())


@pytest.mark.parametrize("state", ["cancelled", "reduced"])
@pytest.mark.parametrize("kind", STANDARD.direct)
def test_ground_with_direct_evidence_is_not_cancelled_or_reduced(state: str, kind: str) -> None:
    # not named by the area: what counts is that it lies there
    records = [*WHOLE[state], point("EP-9", kind, state="destroyed")]
    assert codes(area("suspected"), area(state), *records) == ["rules.direct-evidence-inside"]


def test_an_accident_in_the_ground_keeps_it_from_being_cancelled() -> None:
    accident = Record("accident", "AC-1", {"happened_on": "2020-01-01"}, IN)
    assert codes(area("suspected"), area("cancelled"), *WHOLE["cancelled"], accident) == [
        "rules.direct-evidence-inside"
    ]


@pytest.mark.parametrize("state", ["reduced", "cleared"])
@pytest.mark.parametrize(
    "changed",
    [
        {"shape": box(105.0, 16.0, 105.002, 16.004)},  # half of it
        {"shape": box(105.0, 16.0, 105.00397, 16.004)},  # a strip 3 m wide is left
        {"outcome": "partial"},
        {"outcome": "stopped_at_find"},
        {"share_searched": 0.4},
        {"outcome": "not_searchable"},
    ],
)
def test_ground_that_was_not_wholly_searched_is_not_released(state: str, changed: dict[str, Any]) -> None:
    found = codes(area("suspected"), area(state), release(state), search(**changed))
    assert found == ["rules.not-surveyed" if state == "reduced" else "rules.not-cleared"]


def test_a_gap_narrower_than_a_metre_is_the_drawing_and_not_the_search() -> None:
    narrow = search(shape=box(105.0, 16.0, 105.003995, 16.004))  # half a metre is left
    assert codes(area("suspected"), area("cleared"), release("cleared"), narrow) == []


def test_ground_once_recorded_as_not_searchable_is_not_released_over_that_record() -> None:
    grey = search("S-2", box(105.001, 16.001, 105.002, 16.002), outcome="not_searchable")
    assert codes(area("suspected"), area("cleared"), *WHOLE["cleared"], grey) == ["rules.not-cleared"]


def test_searches_side_by_side_cover_together() -> None:
    west, east = box(105.0, 16.0, 105.002, 16.004), box(105.002, 16.0, 105.004, 16.004)
    both = [search("S-1", west), search("S-2", east)]
    assert codes(area("suspected"), area("cleared"), release("cleared"), *both) == []


@pytest.mark.parametrize("changed", [{"depth_cm": 19.0}, {"depth_cm": None}, {"kind": "survey"}])
def test_survey_or_shallow_work_is_no_clearance(changed: dict[str, Any]) -> None:
    one = search(**changed)
    one = replace(one, values={name: value for name, value in one.values.items() if value is not None})
    assert codes(area("suspected"), area("cleared"), release("cleared"), one) == ["rules.not-cleared"]


@pytest.mark.parametrize(("depth", "code"), [(None, "rules.no-depth"), (10.0, "rules.too-shallow")])
def test_a_clearance_says_how_deep_it_went_and_that_is_deep_enough(depth: float | None, code: str) -> None:
    assert codes(area("suspected"), area("cleared"), release("cleared", depth_cm=depth), search()) == [code]


@pytest.mark.parametrize("state", [None, "in_place"])
def test_ground_with_an_item_that_nobody_took_away_is_not_cleared(state: str | None) -> None:
    item = point("EP-1", **({"state": state} if state else {}))
    assert codes(area("confirmed"), area("cleared"), *WHOLE["cleared"], item) == ["rules.item-in-place"]


def test_ground_whose_items_were_destroyed_is_cleared() -> None:
    item = point("EP-1", state="destroyed")
    assert codes(area("confirmed", "EP-1"), area("cleared", "EP-1"), *WHOLE["cleared"], item) == []


def test_every_fault_of_a_step_is_told_and_not_only_the_first() -> None:
    bare = Record("release", "R-1", {"action": "cleared", "hazard_id": "HA-1"}, GROUND)
    after = replace(area("cleared", opened_on="2026-02-01", closed_on="2026-01-01"), shape=GROUND)
    after.values.pop("profile")
    assert set(codes(area("confirmed"), after, bare, point("EP-1"))) == {
        *("rules.no-standard", "rules.closed-before-opened", "rules.not-signed", "rules.no-authority"),
        *("rules.no-date", "rules.no-method", "rules.no-depth", "rules.not-cleared", "rules.item-in-place"),
    }


# --- and back ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", RELEASED)
@pytest.mark.parametrize("after", ["suspected", "confirmed"])
def test_a_released_area_cannot_return_without_new_evidence(state: str, after: str) -> None:
    old = point("EP-1", found_on="2026-03-01")
    assert codes(area(state, "EP-1"), area(after, "EP-1"), old, *WHOLE[state]) == ["rules.no-new-evidence"]


@pytest.mark.parametrize("state", RELEASED)
@pytest.mark.parametrize("after", ["suspected", "confirmed"])
def test_a_released_area_returns_by_evidence_dated_after_the_release(state: str, after: str) -> None:
    new = point("EP-1", found_on="2026-05-02")
    assert codes(area(state), area(after, "EP-1"), new, *WHOLE[state]) == []


def test_a_released_area_returns_by_an_old_find_that_was_recorded_only_after_the_release() -> None:
    signed = release("cleared", at="2026-05-03T08:00:00Z")
    late = point("EP-1", at="2026-05-03T09:00:00Z", found_on="2026-04-01")
    early = point("EP-1", at="2026-05-03T07:00:00Z", found_on="2026-04-01")
    assert codes(area("cleared"), area("confirmed", "EP-1"), late, signed) == []
    assert codes(area("cleared"), area("confirmed", "EP-1"), early, signed) == ["rules.no-new-evidence"]


def test_evidence_of_the_day_of_release_is_not_newer_than_the_release() -> None:
    same = point("EP-1", found_on="2026-05-01")
    assert codes(area("cleared"), area("confirmed", "EP-1"), same, *WHOLE["cleared"]) == [
        "rules.no-new-evidence"
    ]


def test_evidence_that_the_released_area_stood_on_is_not_new() -> None:
    edited = point("EP-1", found_on="2026-06-01")
    assert codes(area("cleared", "EP-1"), area("confirmed", "EP-1"), edited, *WHOLE["cleared"]) == [
        "rules.no-new-evidence"
    ]


def test_new_hearsay_makes_a_cleared_area_suspected_again_and_not_confirmed() -> None:
    heard, old = (
        point("EP-2", "witness_at_place", found_on="2026-07-01"),
        point("EP-1", state="destroyed", found_on="2026-01-01"),
    )
    records = (heard, old, *WHOLE["cleared"])
    assert codes(area("cleared", "EP-1"), area("suspected", "EP-1", "EP-2"), *records) == []
    assert codes(area("cleared", "EP-1"), area("confirmed", "EP-1", "EP-2"), *records) == [
        "rules.no-new-evidence"
    ]


def test_an_area_whose_release_has_no_record_is_measured_by_the_day_it_was_closed() -> None:
    before = area("cancelled", closed_on="2026-05-01")
    assert codes(before, area("suspected", "EP-1"), point("EP-1", found_on="2026-04-30")) == [
        "rules.no-new-evidence"
    ]
    assert codes(before, area("suspected", "EP-1"), point("EP-1", found_on="2026-05-02")) == []


# --- the same state ---------------------------------------------------------------------------------------------------


def test_a_released_area_cannot_grow_over_ground_that_nobody_released() -> None:
    wider = area("cleared", shape=box(105.0, 16.0, 105.008, 16.004))
    assert codes(area("cleared"), wider, *WHOLE["cleared"]) == ["rules.not-cleared"]


def test_a_remark_on_an_area_needs_no_evidence_anew() -> None:
    assert codes(area("cleared"), area("cleared", remark="seen")) == []


def test_a_confirmed_area_cannot_lose_all_its_direct_evidence_and_stay_confirmed() -> None:
    assert codes(area("confirmed", "EP-1"), area("confirmed", "EP-0"), WITNESS, point("EP-1")) == [
        "rules.no-direct-evidence"
    ]


def test_a_bad_polygon_is_told_beside_the_other_faults_without_its_place() -> None:
    bow = Polygon([(105, 16), (105.004, 16.004), (105.004, 16), (105, 16.004)])
    problems = check(area("suspected"), area("confirmed", shape=bow), [], STANDARD)
    assert [problem.code for problem in problems] == ["rules.bad-shape", "rules.no-direct-evidence"]
    assert "105" not in problems[0].message


def test_the_states_of_the_rules_are_those_of_the_catalogue() -> None:
    assert (
        KINDS["hazardous_area"].by_name["state"].choices
        == AREA_STATES
        == ("suspected", "confirmed", *RELEASED)
    )
