"""Assessments in the background: asked for, done by a real worker, looked at, stopped, accepted, updated, compared."""

from __future__ import annotations

import re
import threading
import time
from datetime import timedelta
from pathlib import Path

import pytest
from filling import LAT, LON, area, fill
from serving import Server
from shapely import Point, box

from fadeout.jobs import working
from fadeout.records import queue
from fadeout.records.access import Viewer
from fadeout.records.record import Record

STAFF = Viewer("test", "manager")
SMALL = box(LON, LAT, LON + 0.002, LAT + 0.002)


def programme(server: Server) -> None:
    side = 0.00045  # about 50 m
    boxes = [
        Record(
            "searched",
            f"B-{i}-{j}",
            {"method": "visual", "outcome": "complete", "searched_on": "2026-05-01", "kind": "survey"},
            box(LON + i * side, LAT + j * side, LON + (i + 1) * side, LAT + (j + 1) * side),
        )
        for i in range(2)
        for j in range(2)
    ]
    finds = [
        Record(
            "evidence",
            f"F-{n}",
            {
                "kind": "item",
                "found_on": "2026-05-01",
                "how": "survey",
                "searched_id": "B-0-0",
                "stamp": "SIMULATED",
            },
            Point(LON + 0.0001 + n * 0.00005, LAT + 0.0002),
        )
        for n in range(4)
    ]
    fill(server.store, area("SHA-9", SMALL, stamp="SIMULATED"), *boxes, *finds)


def place(server: Server) -> working.Place:
    return working.Place(server.store, server.folder, server.clock)


def ask(server: Server, **more: str) -> str:
    data = {"area": "SHA-9", "margin_m": "20", "cell_m": "10", **more}
    answer = server.signed("operations").post("/assess", data=data)
    assert answer.status_code == 303, answer.text
    return str(answer.headers["location"])


def test_an_assessment_runs_in_the_background_and_is_looked_at_updated_compared_and_accepted(
    server: Server,
) -> None:
    programme(server)
    client = server.signed("operations")
    run = ask(server)
    assert "queued" in client.get(run).text
    assert "queued" in client.get("/assess").text
    queue.take(server.store.engine, server.clock())  # by a worker that dies: the work begins anew
    server.clock.ahead = timedelta(seconds=queue.SILENT_S + 5)
    assert queue.give_up_lost(server.store.engine, server.clock()) == 1
    assert working.once(place(server))
    page = client.get(run).text
    assert "SIMULATED" in page, page
    assert "Next boxes" in page
    assert client.get(f"{run}/any.png").content.startswith(b"\x89PNG")
    told = client.get(f"{run}/map").json()
    assert told["boxes"]["features"]
    assert told["stamps"]
    west, south, east, north = told["bounds"]
    assert west < LON + 0.001 < east
    assert south < LAT + 0.001 < north
    report = client.get(f"{run}/files/report.html")
    assert "script" not in report.headers["content-security-policy"]
    assert client.get(f"{run}/files/../../store.gpkg").status_code == 404
    assert server.store.page("run", STAFF)[0].values["hazard_id"] == "SHA-9"

    rank = re.search(r'<select id="rank" name="rank"><option>(\d+)</option>', page)
    assert rank is not None
    box_done = client.post(
        f"{run}/box",
        data={"rank": rank.group(1), "outcome": "complete", "method": "visual", "searched_on": "2026-06-01"},
    )
    assert box_done.status_code == 303, box_done.text
    assert working.once(place(server))
    updated = box_done.headers["location"]
    after = client.get(updated).text
    assert "RUNNING ESTIMATE" in after
    one, other = run.rsplit("/", 1)[1], updated.rsplit("/", 1)[1]
    assert "Two assessments" in client.get(f"/compare?one={one}&other={other}").text

    silent = client.post(f"{run}/accept", data={"why": ""})
    assert (silent.status_code, "edit.no-reason" in silent.text) == (422, True)
    before = server.store.get("hazardous_area", "SHA-9", STAFF)
    accepted = client.post(f"{run}/accept", data={"why": "as the estimate draws it"})
    assert accepted.status_code == 303, re.findall("<li>.*?<code>[a-z.-]+", accepted.text)
    now = server.store.get("hazardous_area", "SHA-9", STAFF)
    assert before is not None and now is not None  # noqa: PT018
    assert now.version == before.version + 1
    assert now.shape is not None
    assert not now.shape.equals(before.shape)
    why = server.store.history("SHA-9", STAFF, "hazardous_area")[-1].why
    assert "accepted by Operations" in why
    assert server.signed("information_manager").post(f"{run}/accept", data={"why": "x"}).status_code == 403


def test_a_stop_is_heard_and_nothing_is_stored(server: Server) -> None:
    programme(server)
    client = server.signed("operations")
    run = ask(server)
    worker = threading.Thread(target=working.once, args=(place(server),))
    worker.start()
    until = time.monotonic() + 60
    while (
        queue.find(server.store.engine, run.rsplit("/", 1)[1]).state != queue.RUNNING
        and time.monotonic() < until
    ):
        time.sleep(0.02)
    assert client.post(f"{run}/cancel").status_code == 303
    worker.join(120)
    assert queue.find(server.store.engine, run.rsplit("/", 1)[1]).state == queue.CANCELLED
    assert not server.store.page("run", STAFF)
    assert list((server.folder / "runs").iterdir()) == []
    assert "cancelled" in client.get(run).text


def test_what_cannot_be_assessed_fails_in_words(server: Server) -> None:
    programme(server)
    client = server.signed("operations")
    bad = client.post("/assess", data={"area": "NONE", "cell_m": "many"})
    assert bad.status_code == 422
    assert "store.no-area" in bad.text
    assert "work.bad-number" in bad.text
    stopped = Record(
        "searched",
        "B-STOP",
        {"method": "visual", "outcome": "stopped_at_find", "searched_on": "2026-05-01"},
        box(LON + 0.001, LAT + 0.001, LON + 0.0014, LAT + 0.0014),
    )
    with server.store.change(who="test", why="a stopped box without its find") as change:
        change.put([stopped])
    run = ask(server)
    working.once(place(server))
    page = client.get(run).text
    assert "failed" in page
    assert "intake.stopped-finds" in page


@pytest.mark.parametrize("id", ["x", "../../etc", "20260101T000000-00000000"])
def test_runs_that_are_not_there(server: Server, id: str) -> None:
    client = server.signed("operations")
    for path in (f"/runs/{id}", f"/runs/{id}/map", f"/runs/{id}/any.png", f"/compare?one={id}&other={id}"):
        assert client.get(path).status_code == 404, path
    assert not Path(server.folder / "runs").exists()
