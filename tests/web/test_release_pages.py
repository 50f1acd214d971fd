"""The path of land release: what each step needs, what is missing, the step, papers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from filling import LAT, LON, SQUARE, area, fill
from serving import Server
from shapely import Point

from fadeout.records.access import Viewer
from fadeout.records.record import Record

STAFF = Viewer("test", "manager")


def cleared_ground(server: Server) -> None:
    """What a clearance leaves: a whole search to the depth asked, every item destroyed."""
    depth = server.desk.standard.depth_cm
    search = {
        "method": "full_clearance",
        "outcome": "complete",
        "searched_on": "2026-06-01",
        "kind": "clearance",
    }
    whole = Record("searched", "C-1", {**search, "depth_cm": depth, "share_searched": 1.0}, SQUARE)
    with server.store.change(who="test", why="clearance") as change:
        change.put([whole])
        for n in range(6):
            found = server.store.get("evidence", f"EP-{n}", STAFF)
            assert found is not None
            change.put([replace(found, values={**found.values, "state": "destroyed"})])


def test_the_path_tells_what_is_there_and_what_is_missing(server: Server) -> None:
    fill(server.store)
    client = server.signed("operations")
    page = client.get("/release/SHA-1").text
    assert "SHA-1: Suspected" in page
    assert client.get("/release/SHA-1/completion.pdf").status_code == 422  # of what is not released
    assert "nothing is missing" in page  # to confirmed: items lie in it
    for code in ("rules.no-release", "rules.not-cleared", "rules.direct-evidence-inside"):
        assert code in page
    assert "SHA-1" in client.get("/release").text


def test_an_area_goes_from_suspected_to_cleared_and_every_step_has_name_and_reason(server: Server) -> None:
    fill(server.store)
    client = server.signed("operations")
    silent = client.post("/release/SHA-1/step", data={"to": "confirmed", "why": " "})
    assert (silent.status_code, "edit.no-reason" in silent.text) == (422, True)
    step = client.post("/release/SHA-1/step", data={"to": "confirmed", "why": "items in it"})
    assert step.status_code == 303
    early = client.post("/release/SHA-1/step", data={"to": "cleared", "why": "want to"})
    assert (early.status_code, "rules.no-release" in early.text) == (422, True)
    cleared_ground(server)
    release = {
        "action": "cleared",
        "released_on": "2026-06-30",
        "method": "full clearance",
        "depth_cm": f"{server.desk.standard.depth_cm:g}",
        "released_by": "Ana",
        "authority": "Test Mine Action Authority",
        "evidence_ids": "C-1",
    }
    assert client.post("/release/SHA-1/record", data=release).status_code == 303
    done = client.post("/release/SHA-1/step", data={"to": "cleared", "why": "searched whole"})
    assert done.status_code == 303, done.text
    found = server.store.get("hazardous_area", "SHA-1", STAFF)
    assert found is not None
    assert found.values["state"] == "cleared"
    paper = client.get("/release/SHA-1/completion.pdf")
    assert paper.content.startswith(b"%PDF")
    assert server.signed("viewer").get("/release/SHA-1/completion.pdf").status_code == 404
    whys = [(one.who, one.why) for one in server.store.history("SHA-1", STAFF, "hazardous_area")]
    assert whys[1:] == [("Operations", "confirmed: items in it"), ("Operations", "cleared: searched whole")]


def test_a_step_that_the_rules_do_not_know_is_refused(server: Server) -> None:
    fill(server.store)
    client = server.signed("operations")
    for to in ("suspected", "safe", ""):
        answer = client.post("/release/SHA-1/step", data={"to": to, "why": "x"})
        assert answer.status_code == 422, to


def test_a_paper_is_kept_with_its_digest_and_given_back(server: Server) -> None:
    fill(server.store)
    client = server.signed("operations")
    data: dict[str, Any] = {"title": "NTS report", "purpose": "nts_report", "dated_on": "2026-05-02"}
    kept = client.post("/release/SHA-1/document", data=data, files={"file": ("nts.pdf", b"%PDF-1.7 test")})
    assert kept.status_code == 303
    page = client.get("/release/SHA-1").text
    address = page.split('href="/documents/')[1].split('"')[0]
    paper = client.get(f"/documents/{address}")
    assert paper.content == b"%PDF-1.7 test"
    assert "attachment" in paper.headers["content-disposition"]
    assert server.signed("viewer").get(f"/documents/{address}").status_code == 404
    assert client.post("/release/SHA-1/document", data=data).status_code == 422


def test_who_may_not_decide_sees_the_path_without_its_buttons(server: Server) -> None:
    fill(server.store, Record("evidence", "EP-X", {"kind": "item"}, Point(LON + 0.002, LAT + 0.001)))
    team = server.signed("team")
    assert "Operations decide this step" in team.get("/release/SHA-1").text
    assert team.post("/release/SHA-1/step", data={"to": "confirmed", "why": "x"}).status_code == 403
    assert server.signed("viewer").get("/release/SHA-1").status_code == 404


def test_areas_that_need_a_look_stand_first(server: Server) -> None:
    fill(server.store, area("SHA-2", edges="open"))
    page = server.signed("operations").get("/release").text
    assert page.index("Needs a look") < page.index("Suspected (SHA)")
    assert "part of its edge is open" in page
