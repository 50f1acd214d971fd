"""The paths of staff in a real browser: desk and phone, English and Arabic, mouse and keys; axe on each page."""

from __future__ import annotations

import shutil
import subprocess
from typing import Any

import pytest
from conftest import Screen
from filling import LAT, LON, area, fill
from serving import Server
from shapely import Point, box

from fadeout.jobs import working
from fadeout.records.access import Viewer
from fadeout.records.record import Record

STAFF = Viewer("test", "manager")
DESK, PHONE = (1280, 800), (360, 740)
PAGES = (
    "/map",
    "/records",
    "/records/evidence",
    "/records/evidence/EP-1",
    "/records/evidence/EP-1/edit",
    "/records/hazardous_area/SHA-1",
    "/records/hazardous_area/new",
    "/intake",
    "/assess",
    "/release",
    "/release/SHA-1",
    "/log",
    "/accounts",
    "/me",
    "/basemaps",
    "/nothing",
)
ROLES = ("administrator", "information_manager", "operations")


def screen(browser: Any, server: Server, size: tuple[int, int] = DESK, lang: str = "en") -> Screen:
    fill(server.store, Record("strike", "ST-1", {"struck_on": "1970-01-01"}, Point(LON + 0.001, LAT + 0.003)))
    server.account("ana", *ROLES)
    made = Screen(browser, server, size, lang)
    made.enter("ana")
    return made


@pytest.mark.parametrize(("size", "lang"), [(DESK, "en"), (PHONE, "en"), (DESK, "ar"), (PHONE, "ar")])
def test_every_page_is_whole_for_everybody(
    browser: Any, server: Server, size: tuple[int, int], lang: str
) -> None:
    """Axe finds nothing, nothing runs out of the screen, nothing leaves the machine, nothing fails in the page."""
    seen = screen(browser, server, size, lang)
    wrong: list[str] = []
    for path in PAGES:
        seen.page.goto(path)
        if path in ("/map", "/records/evidence/EP-1/edit"):
            seen.map_ready()
        wrong += [f"{path}: {one}" for one in seen.axe()]
        assert seen.page.evaluate("document.documentElement.lang") == lang
        wide = seen.page.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        if wide > 1:
            wrong.append(f"{path}: {wide} px wider than the screen")
    faults = [one for one in seen.faults if "404" not in one]  # of /nothing
    assert not wrong + faults, "\n".join(wrong + faults)


def test_the_map_opens_what_is_clicked_and_goes_back_in_time(browser: Any, server: Server) -> None:
    seen = screen(browser, server)
    page = seen.page
    seen.map_ready()
    spot = page.evaluate(f"window.fadeoutMap.project([{LON + 0.0005}, {LAT + 0.002}])")
    holder = page.locator("#map").bounding_box()
    page.mouse.click(holder["x"] + spot["x"], holder["y"] + spot["y"])
    page.wait_for_selector("#inspector h2")
    assert "EP-0" in page.inner_text("#inspector")
    page.uncheck("input[data-kind=evidence]")
    assert page.evaluate("window.fadeoutMap.getLayoutProperty('evidence:item', 'visibility')") == "none"
    page.click("#measure")
    for dx in (0, 60):
        page.mouse.click(holder["x"] + spot["x"] + dx, holder["y"] + spot["y"])
    assert " m" in page.inner_text("#map-said")
    patterned = page.evaluate("window.fadeoutMap.getPaintProperty('not-searched', 'background-pattern')")
    assert patterned == "not-searched"
    assert not seen.faults


def test_an_area_is_drawn_with_the_mouse_and_stored(browser: Any, server: Server) -> None:
    seen = screen(browser, server)
    page = seen.page
    page.goto("/records/hazardous_area/new")
    seen.map_ready()
    page.fill("#id", "SHA-7")
    page.select_option("[name='v.state']", "suspected")
    page.click("[data-mode=polygon]")
    holder = page.locator("#map").bounding_box()
    corners = [
        (LON - 0.0002, LAT + 0.0005),
        (LON + 0.0045, LAT + 0.0005),
        (LON + 0.0045, LAT + 0.0032),
        (LON - 0.0002, LAT + 0.0032),
    ]
    spots = [page.evaluate(f"window.fadeoutMap.project([{x}, {y}])") for x, y in corners]
    for spot in [*spots, spots[-1]]:
        page.mouse.click(holder["x"] + spot["x"], holder["y"] + spot["y"])
        page.wait_for_timeout(150)
    page.wait_for_selector("#gate p, #gate ul")
    assert "ha" in page.inner_text("#gate")
    page.fill("#why", "drawn around the finds")
    page.click("#record-form .act")
    page.wait_for_selector(".toast")
    found = server.store.get("hazardous_area", "SHA-7", STAFF)
    assert found is not None and found.shape is not None  # noqa: PT018
    assert found.shape.contains(Point(LON + 0.002, LAT + 0.002))
    page.click(".toast button")
    page.wait_for_selector(".toast")
    assert server.store.get("hazardous_area", "SHA-7", STAFF) is None
    assert not seen.faults


def test_a_place_is_written_instead_of_drawn_by_key_alone(browser: Any, server: Server) -> None:
    seen = screen(browser, server)
    page = seen.page
    page.goto("/records/evidence/new")
    seen.map_ready()
    page.focus("#id")
    page.keyboard.type("EP-77")
    page.focus("#typed-place")
    page.keyboard.type(f"{LON + 0.001} {LAT + 0.001}")
    page.focus("#use-typed")
    page.keyboard.press("Enter")
    page.wait_for_selector("#gate p")
    page.focus("[name='v.kind']")
    page.keyboard.type("Item")
    page.focus("#record-form .act")
    page.keyboard.press("Enter")
    page.wait_for_selector(".toast")
    found = server.store.get("evidence", "EP-77", STAFF)
    assert found is not None
    assert found.values["kind"] == "item"


def test_a_file_is_dropped_reviewed_stored_and_taken_back(
    browser: Any, server: Server, tmp_path: Any
) -> None:
    seen = screen(browser, server)
    page = seen.page
    path = tmp_path / "evidence_day.csv"
    path.write_text(
        f"id,lat,lon,found_on,kind,count\nD-1,{LAT},{LON},2026-01-02,item,1\nD-2,x,{LON},2026-01-02,item,1\n"
    )
    page.goto("/intake")
    page.set_input_files("#files", str(path))
    page.click("form[enctype] .act")
    page.wait_for_selector("button[value=refused]")
    page.click("button[value=refused]")
    page.wait_for_selector("button[value=store]")
    page.click("button[value=store]")
    page.wait_for_selector(".toast")
    assert server.store.get("evidence", "D-1", STAFF) is not None
    page.click(".toast button")
    page.wait_for_selector(".toast")
    assert server.store.get("evidence", "D-1", STAFF) is None
    assert not seen.faults


def test_two_people_at_one_record_in_two_browsers(browser: Any, server: Server) -> None:
    first = screen(browser, server)
    server.account("ben", "operations")
    second = Screen(browser, server, PHONE, "en")
    second.enter("ben")
    for one in (first, second):
        one.page.goto("/records/evidence/EP-1/edit")
    for one, count in ((first, "4"), (second, "6")):
        one.page.fill("[name='v.count']", count)
        one.page.click("#record-form .act")
        one.page.wait_for_load_state()
    told = second.page.inner_text("#conflict")
    assert "Ana changed this record while you worked on it" in told
    assert "4" in told
    assert "6" in told
    second.page.click("#record-form .act")
    second.page.wait_for_selector(".toast")
    found = server.store.get("evidence", "EP-1", STAFF)
    assert found is not None
    assert (found.values["count"], found.version) == (6, 3)


def test_the_first_page_of_an_empty_store_says_what_to_do(browser: Any, server: Server) -> None:
    server.account("ana", *ROLES)
    seen = Screen(browser, server, DESK, "en")
    seen.enter("ana")
    seen.map_ready()
    assert "Take in a first file" in seen.page.inner_text("#inspector")
    for path, words in (
        ("/records/evidence", "None yet"),
        ("/assess", "No hazardous area"),
        ("/release", "No suspected area"),
    ):
        seen.page.goto(path)
        assert words in seen.page.inner_text("main")


def test_an_area_is_assessed_looked_at_and_accepted(browser: Any, server: Server) -> None:
    """The page follows the work by itself, shows its maps, and gives the area its outline on a person's word."""
    seen = screen(browser, server)
    side = 0.00045
    told = {"method": "visual", "outcome": "complete", "searched_on": "2026-05-01", "stamp": "SIMULATED"}
    boxes = [
        Record("searched", f"B-{i}", dict(told), box(LON + i * side, LAT, LON + (i + 1) * side, LAT + side))
        for i in range(3)
    ]
    small = area("SHA-9", box(LON, LAT, LON + 0.002, LAT + 0.0025), stamp="SIMULATED")
    with server.store.change(who="test", why="a small area") as change:
        change.put([*boxes, small])
    page = seen.page
    page.goto("/assess?area=SHA-9")
    page.click("summary >> text=More")
    page.fill("#cell_m", "10")
    page.fill("#margin_m", "10")
    page.click("form.stacked .act")
    page.wait_for_selector("#going >> text=queued")
    assert working.once(working.Place(server.store, server.folder, server.clock))
    page.wait_for_selector("#done", timeout=15_000)
    page.reload()
    seen.map_ready()
    assert page.evaluate("window.fadeoutMap.getLayoutProperty('any', 'visibility')") == "visible"
    page.check("input[name=shown][value=expected]")
    assert page.evaluate("window.fadeoutMap.getLayoutProperty('expected', 'visibility')") == "visible"
    assert page.evaluate("window.fadeoutMap.queryRenderedFeatures({layers: ['run-boxes']}).length") > 0
    assert "SIMULATED" in page.inner_text(".map-stamp")
    assert seen.axe() == []
    page.fill("#why", "as the estimate draws it")
    page.click("form[action$=accept] .act")
    page.wait_for_selector(".toast")
    found = server.store.get("hazardous_area", "SHA-9", STAFF)
    assert found is not None
    assert found.version == 2
    page.goto("/map")
    seen.map_ready()
    page.click("summary >> text=Assessments")
    page.check("input[data-layer=any]")
    seen.map_ready()
    page.wait_for_timeout(300)
    assert (
        page.evaluate("window.fadeoutMap.getStyle().layers.filter((one) => one.id.startsWith('run:')).length")
        == 4
    )
    assert not seen.faults


def test_the_path_of_land_release_is_walked_a_step(browser: Any, server: Server) -> None:
    seen = screen(browser, server, PHONE, "ar")
    page = seen.page
    page.goto("/release/SHA-1")
    page.fill("#why-confirmed", "items lie in it")
    page.click("form:has(#why-confirmed) button")
    page.wait_for_selector(".toast")
    found = server.store.get("hazardous_area", "SHA-1", STAFF)
    assert found is not None
    assert found.values["state"] == "confirmed"
    assert page.locator(".steps [aria-current=step]").inner_text().startswith("2")
    page.click(".toast button")
    page.wait_for_selector(".toast")
    found = server.store.get("hazardous_area", "SHA-1", STAFF)
    assert found is not None
    assert found.values["state"] == "suspected"


@pytest.mark.skipif(not shutil.which("pdftotext"), reason="pdftotext is not installed")
def test_what_is_shown_is_printed_with_its_legend(browser: Any, server: Server, tmp_path: Any) -> None:
    seen = screen(browser, server)
    seen.map_ready()
    path = tmp_path / "map.pdf"
    seen.page.pdf(path=str(path), print_background=True)
    text = text_of(path)
    for words in ("Not searched", "Confirmed hazardous area (CHA)", "cannot say"):
        assert words in text


def text_of(path: Any) -> str:
    return subprocess.run(
        ["pdftotext", "-layout", str(path), "-"], capture_output=True, text=True, check=True
    ).stdout
