"""Files dropped, looked through, decided row by row or all at once."""

from __future__ import annotations

import re

import httpx
from filling import fill
from serving import Server

from fadeout.records.access import Viewer

STAFF = Viewer("test", "manager")
GOOD = "id,lat,lon,found_on,kind,count\nN-1,5.001,10.001,2026-01-02,item,1\nN-2,5.002,10.002,2026-01-03,fragment,2\n"
BAD = (
    GOOD
    + "N-3,x,10.001,2026-01-02,item,1\nN-4,5.001,10.001,2031-01-02,item,1\nN-5,5.003,10.003,2026-02-01,item,1\n"
)


def bring(client: httpx.Client, text: str, name: str = "evidence_new.csv", **more: str) -> str:
    answer = client.post("/intake", files={"files": (name, text.encode())}, data=more)
    assert answer.status_code == 303, answer.text
    return str(answer.headers["location"])


def test_a_file_is_looked_through_and_stored_only_after_a_yes(server: Server) -> None:
    fill(server.store)
    client = server.signed("information_manager")
    page = bring(client, GOOD)
    assert server.store.get("evidence", "N-1", STAFF) is None
    assert "N-1" in client.get(page).text
    done = client.post(page, data={"do": "store"})
    assert "Stored%3A+2+new" in done.headers["location"]
    assert server.store.get("evidence", "N-1", STAFF) is not None
    again = client.get(bring(client, GOOD)).text
    assert "holds all of this already" in again
    assert 'value="store"' not in again
    number = re.search(r"changed=(\d+)", done.headers["location"])
    assert number is not None
    client.post("/undo", data={"change": number.group(1)})
    assert server.store.get("evidence", "N-1", STAFF) is None


def test_refused_rows_are_told_and_left_out_by_a_person(server: Server) -> None:
    fill(server.store)
    client = server.signed("information_manager")
    page = bring(client, BAD)
    told = client.get(page).text
    assert "intake.bad-place" in told
    assert "intake.future-date" in told
    assert 'value="store"' not in told
    forced = client.post(page, data={"do": "store"})
    assert forced.headers["location"] == page
    assert server.store.get("evidence", "N-1", STAFF) is None
    client.post(page, data={"do": "refused"})
    assert "2 rows are left out" in client.get(page).text
    row = re.search(r'value="([^"]+)" aria-label="Leave out N-5"', client.get(page).text)
    assert row is not None
    choice = row.group(1).replace("&#34;", '"').replace("&quot;", '"')
    done = client.post(page, data={"do": "store", "leave": choice})
    assert "Stored%3A+2+new" in done.headers["location"]
    assert [server.store.get("evidence", f"N-{n}", STAFF) is not None for n in range(1, 6)] == [
        *(True, True),
        *(False, False, False),
    ]
    assert "3 rows left out by a person" in server.store.changes(1)[0]["why"]


def test_a_file_that_nobody_wants_is_dropped_and_one_that_cannot_be_read_is_told(server: Server) -> None:
    client = server.signed("information_manager")
    page = bring(client, GOOD)
    assert client.post(page, data={"do": "drop"}).status_code == 303
    assert client.get(page).status_code == 404
    answer = client.post("/intake", files={"files": ("photo.exe", b"MZ")})
    assert answer.status_code == 422
    assert "intake.unknown-format" in answer.text
    assert not any(server.folder.glob("intake/*/*"))
    assert client.post("/intake", data={"kind": ""}).status_code == 422
    broken = client.get(bring(client, "\x00\x01", "broken.gpkg")).text
    assert "Refused" in broken


def test_a_name_cannot_leave_its_folder(server: Server) -> None:
    client = server.signed("information_manager")
    bring(client, GOOD, "../../evidence_up.csv")
    assert len(list(server.folder.glob("intake/*/evidence_up.csv"))) == 1
    for token in ("20260101T000000-00000000", "%2e%2e", "..%2f..%2fetc"):
        assert client.get(f"/intake/{token}").status_code == 404
