"""The treaty desk: what the pages say is what the registry says, drafts show first what is missing, all may read them."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator
from datetime import date
from html import unescape
from pathlib import Path
from typing import Any

import httpx
import pytest
from treaty_case import NOW, PASSWORD, Served, account, serving, signed_in, store_of

from fadeout.jobs import registry_pages, registry_rows
from fadeout.records.claim_files import shipped
from fadeout.records.store import create_store
from fadeout.treaty import registry as treaty
from fadeout.web.pages import HERE

TODAY = NOW.date()
PAGES = ("", "/states/LAO", "/deadlines", "/transfers", "/use", "/munitions", "/contamination", "/article7")
TABLES = ("", "/states/LAO", "/deadlines", "/transfers", "/use", "/munitions", "/contamination")
AXE = HERE / "static/parts/axe.min.js"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("treaty")
    store = store_of(folder / "north.gpkg")
    account(store, "drafter", "information_manager")
    account(store, "viewer", "viewer")
    with serving(store, folder / "files") as made:
        yield made


@pytest.fixture(scope="module")
def drafter(served: Served) -> Iterator[httpx.Client]:
    with signed_in(served, "drafter") as client:
        yield client


@pytest.fixture(scope="module")
def viewer(served: Served) -> Iterator[httpx.Client]:
    with signed_in(served, "viewer") as client:
        yield client


def form(client: httpx.Client, path: str, **fields: str) -> httpx.Response:
    return client.post(path, data=fields)


@pytest.fixture(scope="module")
def drafts(drafter: httpx.Client) -> dict[str, httpx.Response]:
    """The pages of drafts on two years and of a request; made once, as each takes seconds."""
    answers = '[A]\ntext = "Law 12 of 2013"\n'
    return {
        "2024": form(drafter, "/treaty/article7", year="2024"),
        "2025": form(drafter, "/treaty/article7", year="2025", answers=answers),
        "request": form(drafter, "/treaty/extension", months="24", meeting="2029-09-10", from_year="2024"),
    }


# ---- the registry ----------------------------------------------------------------------------------------------------


def test_counts_of_the_page_are_those_of_the_registry_on_that_day(viewer: httpx.Client) -> None:
    for day in (date(2025, 3, 6), TODAY):
        counts = treaty.counts(shipped(), day)
        page = viewer.get("/treaty", params={"as_of": day.isoformat()}).text
        assert [int(n) for n in re.findall(r'class="number">(\d+)<', page)] == [
            counts.party,
            counts.in_force,
            counts.signatory,
            counts.withdrawn,
            counts.non_signatory,
        ]


def test_states_are_filtered_by_standing_and_by_name(viewer: httpx.Client) -> None:
    rows = viewer.get("/treaty", params={"status": "withdrawn", "format": "json"}).json()["rows"]
    assert [row["state"] for row in rows] == ["LTU"]
    rows = viewer.get("/treaty", params={"q": "viet", "format": "json"}).json()["rows"]
    assert [row["state"] for row in rows] == ["VNM"]
    assert "No state fits the filter" in viewer.get("/treaty", params={"q": "Atlantis"}).text


@pytest.mark.parametrize("path", TABLES)
def test_json_and_csv_of_a_table_hold_the_same_number_of_rows(viewer: httpx.Client, path: str) -> None:
    told = viewer.get(f"/treaty{path}", params={"format": "json"}).json()
    answer = viewer.get(f"/treaty{path}", params={"format": "csv"})
    assert answer.headers["content-type"].startswith("text/csv")
    lines = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))
    rows = told["rows"]
    if path == "/deadlines":
        number = len(rows["due"]) + len(rows["passed_or_unknown"])
    elif path == "/munitions":
        number = sum(len(one["claims"]) for one in rows)
    else:
        number = len(rows)
    assert len(lines) == number > 0
    assert told["as_of"] == TODAY.isoformat()


def test_a_state_has_its_duties_with_their_arithmetic_and_its_claims_with_who_says_so(
    viewer: httpx.Client,
) -> None:
    page = viewer.get("/treaty/states/LAO").text
    assert "State Party (deposit 18 Mar 2009; in force since 1 Aug 2010)" in page
    assert "2030-08-01" in page
    assert "1 Aug 2010 + 10 years = 1 Aug 2020" in page
    assert "km² a year" in page  # the pace
    first, _ = registry_rows.on_subject(shipped(), "LAO")
    text = unescape(page)
    assert all(f"{row['reported_by']}, {row['title']}" in text for row in first if row["title"])
    assert page.count(", not read at its source<") == sum(row["checked"] != "verified" for row in first)


def test_claims_that_differ_stand_apart_from_those_that_stand_first(viewer: httpx.Client) -> None:
    code = next(one for one in shipped().subjects if registry_rows.on_subject(shipped(), one)[1])
    assert "Where sources differ" in viewer.get(f"/treaty/states/{code}").text


def test_sources_are_texts_and_no_page_of_the_desk_links_off_the_machine(
    viewer: httpx.Client, drafts: Any
) -> None:
    for path in PAGES:
        page = viewer.get(f"/treaty{path}").text
        assert not re.findall(r'(?:href|src|action)="(?:https?:)?//[^"]*"', page), path


def test_an_area_is_told_as_an_area_and_an_unknown_name_is_not_there(viewer: httpx.Client) -> None:
    area = next(one for one in shipped().subjects.values() if one.kind != treaty.STATE)
    assert "An area, not a state" in viewer.get(f"/treaty/states/{area.id}").text
    assert viewer.get("/treaty/states/Atlantis").status_code == 404


def test_a_day_that_is_none_and_months_that_are_none_are_refused_with_a_remedy(viewer: httpx.Client) -> None:
    answer = viewer.get("/treaty", params={"as_of": "yesterday"})
    assert (answer.status_code, "write it as 2026-11-25" in answer.text) == (422, True)
    answer = viewer.get("/treaty/deadlines", params={"months": "-3"})
    assert (answer.status_code, "treaty.bad-number" in answer.text) == (422, True)


def test_a_deadline_whose_outcome_was_not_read_is_unknown_and_nobody_is_called_overdue_on_it(
    viewer: httpx.Client,
) -> None:
    rows = viewer.get("/treaty/deadlines", params={"format": "json"}).json()["rows"]
    stands = {row["state"]: row["stands"] for row in rows["passed_or_unknown"]}
    assert stands["AFG"] == "unknown"
    assert all(
        not (row["stands"] == "overdue" and row["unverified"].count("extension"))
        for row in rows["passed_or_unknown"]
    )


def test_yearly_reports_of_all_parties_are_one_row_of_the_page(viewer: httpx.Client) -> None:
    page = viewer.get("/treaty/deadlines").text
    assert page.count(f"{treaty.counts(shipped(), TODAY).party} parties") == 1
    within = viewer.get("/treaty/deadlines", params={"months": "1"}).text
    assert "Nothing falls due in this time" in within


def test_the_calendar_is_that_of_the_public_pages(viewer: httpx.Client) -> None:
    answer = viewer.get("/treaty/deadlines.ics")
    assert answer.headers["content-type"].startswith("text/calendar")
    assert answer.content == registry_pages.calendar(shipped(), TODAY, NOW)
    one = viewer.get("/treaty/deadlines.ics", params={"state": "LAO"}).content
    assert one == registry_pages.calendar(shipped(), TODAY, NOW, "LAO")


def test_the_map_is_a_picture_without_script_that_needs_nothing_from_elsewhere(viewer: httpx.Client) -> None:
    answer = viewer.get("/treaty/states.svg")
    if answer.status_code == 404:
        pytest.skip("shapes of countries are not here")
    assert answer.headers["content-type"] == "image/svg+xml"
    assert answer.headers["content-security-policy"] == "default-src 'none'; style-src 'unsafe-inline'"
    assert "<script" not in answer.text
    assert viewer.get("/treaty/parties.svg").status_code == 200


def test_a_store_without_claims_shows_the_registry_that_came_with_fadeout(tmp_path: Path) -> None:
    store = create_store(tmp_path / "empty.gpkg", lambda: NOW)
    account(store, "viewer", "viewer")
    with serving(store, tmp_path / "files") as made, signed_in(made, "viewer") as client:
        assert "this store keeps none of its own" in client.get("/treaty").text
        assert "None yet." in client.get("/treaty/article7").text


# ---- drafts ----------------------------------------------------------------------------------------------------------


def test_a_draft_shows_first_what_a_person_must_answer_and_counts_it(
    drafts: dict[str, httpx.Response],
) -> None:
    page = drafts["2025"].text
    told = json.loads((_folder(drafts["2025"]) / "article7.json").read_text(encoding="utf-8"))
    gaps = [gap for part in told["sections"] for gap in part["gaps"]]
    assert f"To be answered by a person: {len(gaps)}" in page
    assert page.index('id="gaps"') < page.index('id="form-A"')
    assert all(page.count(f'id="form-{key}"') == 1 for key in "ABCDEFGHIJ")
    assert "Law 12 of 2013" in page


FOLDER: list[Path] = []


@pytest.fixture(autouse=True, scope="module")
def _remember(served: Served) -> None:
    FOLDER[:] = [served.folder]


def _folder(page: httpx.Response) -> Path:
    return FOLDER[0].joinpath(*page.url.path.split("/")[2:])


def test_figures_lead_to_the_records_behind_them(
    drafts: dict[str, httpx.Response], viewer: httpx.Client
) -> None:
    page = drafts["2025"].text
    for address in ("/records/hazardous_area/CHA-1", "/records/release/R-1", "/records/item_destroyed/ID-1"):
        assert f'href="{address}"' in page
        assert viewer.get(address).status_code == 200


def test_a_draft_is_compared_with_that_of_the_year_before(drafts: dict[str, httpx.Response]) -> None:
    assert "No draft on 2023 is here to compare with" in drafts["2024"].text
    before = drafts["2024"].url.path.rsplit("/", 1)[1]
    assert f'href="/treaty/article7/{before}"' in drafts["2025"].text
    told = [
        json.loads((_folder(drafts[year]) / "article7.json").read_text(encoding="utf-8"))
        for year in ("2024", "2025")
    ]
    assert told[0]["figures"]["closing"] == told[1]["figures"]["opening"] > 0
    assert told[1]["forms"]["B"]["state"] == "unchanged"
    assert told[1]["forms"]["A"]["state"] == "changed"


def test_the_four_files_of_a_draft_are_those_in_its_folder(
    drafts: dict[str, httpx.Response], viewer: httpx.Client
) -> None:
    for key, name in (("2025", "article7"), ("request", "extension_request")):
        for suffix in ("docx", "xlsx", "pdf", "json"):
            answer = viewer.get(f"{drafts[key].url.path}/{name}.{suffix}")
            assert answer.content == (_folder(drafts[key]) / f"{name}.{suffix}").read_bytes()
        assert viewer.get(f"{drafts[key].url.path}/timings.json").status_code == 404


def test_answers_stand_in_the_form_again_for_whoever_drafts_alone(
    drafts: dict[str, httpx.Response], drafter: httpx.Client, viewer: httpx.Client
) -> None:
    query = {"again": drafts["2025"].url.path.rsplit("/", 1)[1]}
    assert "Law 12 of 2013" in drafter.get("/treaty/article7", params=query).text
    assert "Law 12 of 2013" not in viewer.get("/treaty/article7", params=query).text


def test_a_request_for_more_time_tells_contents_a_to_i_and_whether_the_plan_fits(
    drafts: dict[str, httpx.Response],
) -> None:
    page = drafts["request"].text
    assert all(f'id="form-{key}"' in page for key in "abcdefghi")
    assert "km²" in page[page.index("<h2>Checks</h2>") :]


def test_what_is_refused_keeps_what_was_typed_and_leaves_no_folder(
    drafter: httpx.Client, served: Served, drafts: Any
) -> None:
    before = sorted(served.folder.joinpath("article7").iterdir())
    answer = form(drafter, "/treaty/article7", year="2026", answers='[A]\ntext = "Law 12"')
    assert answer.status_code == 422
    assert "article7.year" in answer.text
    assert "Law 12" in answer.text
    answer = form(drafter, "/treaty/article7", year="2025", state="Atlantis")
    assert (answer.status_code, "registry.unknown-state" in answer.text) == (422, True)
    answer = form(drafter, "/treaty/extension", months="24", state="VNM")
    assert (answer.status_code, "extension.no-party" in answer.text) == (422, True)
    assert sorted(served.folder.joinpath("article7").iterdir()) == before


def test_who_may_only_look_reads_drafts_and_makes_none(
    drafts: dict[str, httpx.Response], viewer: httpx.Client
) -> None:
    assert viewer.get(drafts["2025"].url.path).status_code == 200
    assert "Make a draft" not in viewer.get("/treaty/article7").text
    assert form(viewer, "/treaty/article7", year="2025").status_code == 403
    assert form(viewer, "/treaty/extension", months="24").status_code == 403


@pytest.mark.parametrize("id", ["..", "2025-20261125T090000Z-x", "%2e%2e%2f2025", "2025"])
def test_no_address_leads_out_of_the_folder_of_drafts(viewer: httpx.Client, id: str) -> None:
    assert viewer.get(f"/treaty/article7/{id}/article7.json").status_code == 404


def test_nobody_reads_the_desk_without_coming_in(served: Served) -> None:
    with httpx.Client(base_url=served.address, follow_redirects=False) as nobody:
        for path in (*PAGES, "/extension", "/deadlines.ics", "/states.svg"):
            assert nobody.get(f"/treaty{path}").status_code == 303


# ---- in a browser ----------------------------------------------------------------------------------------------------


def test_pages_pass_axe_and_fit_a_phone_in_every_direction(
    browser: Any, served: Served, drafts: dict[str, httpx.Response]
) -> None:
    paths = [f"/treaty{path}" for path in PAGES] + ["/treaty/extension"]
    paths += [drafts[key].url.path for key in ("2025", "request")]
    faults: dict[str, Any] = {}
    for locale in ("en", "ar"):
        context = browser.new_context(locale=locale, viewport={"width": 390, "height": 800}, bypass_csp=False)
        page = context.new_page()
        page.goto(f"{served.address}/enter")
        page.fill("#login", "drafter")
        page.fill("#password", PASSWORD)
        page.press("#password", "Enter")
        page.wait_for_url("**/map")
        for path in paths:
            page.goto(served.address + path)
            assert page.get_attribute("html", "dir") == ("rtl" if locale == "ar" else "ltr")
            page.evaluate(AXE.read_text(encoding="utf-8"))
            found = page.evaluate("axe.run(document)")["violations"]
            wide = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
            told = [(one["id"], [node["html"][:200] for node in one["nodes"][:3]]) for one in found]
            if told or wide > 0:
                faults[f"{locale} {path}"] = (told, wide)
        context.close()
    assert not faults
