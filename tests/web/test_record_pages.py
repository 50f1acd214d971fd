"""Tables, one record, changing it by hand, two people at one record, undo."""

from __future__ import annotations

import io
import json
import re

import openpyxl
import pytest
from filling import LAT, LON, SQUARE, fill
from serving import Server
from shapely import Point, to_geojson

from fadeout.records.access import Viewer
from fadeout.records.record import Record

STAFF = Viewer("test", "manager")


def rows(page: str) -> list[str]:
    """The ids of a table's rows."""
    return re.findall(r'<tr><td><a href="/records/[a-z_]+/[^"]+">([^<]+)</a>', page)


def test_a_table_is_filtered_sorted_and_paged(server: Server) -> None:
    many = [
        Record("evidence", f"M-{n:03d}", {"kind": "item", "count": n % 7 + 1}, Point(LON, LAT))
        for n in range(120)
    ]
    fill(server.store, *many)
    client = server.signed("operations")
    assert rows(client.get("/records/evidence?f.kind=fragment").text) == ["EP-0", "EP-2", "EP-4"]
    assert rows(client.get("/records/evidence", params={"f.found_on": ">2026-03-04"}).text) == [
        "EP-4",
        "EP-5",
    ]
    assert rows(client.get("/records/evidence", params={"f.id": "M-11"}).text) == [
        f"M-{n}" for n in range(110, 120)
    ]
    assert client.get("/records/evidence/count?f.kind=fragment").text.strip() == "3 records"
    assert "No record fits" in client.get("/records/evidence", params={"f.munition": "x"}).text
    assert client.get("/records/evidence", params={"f.count": "many"}).status_code == 422
    seen, address = [], "/records/evidence?sort=count:down"
    while address:
        page = client.get(address).text
        seen += rows(page)
        found = re.search(r'rel="next" href="([^"]+)"', page)
        address = found.group(1).replace("&amp;", "&") if found else ""
    assert len(seen) == len(set(seen)) == 126
    last = client.get("/records/evidence?sort=count:down&last=1").text
    assert rows(last) == seen[-50:]
    previous = re.search(r'rel="prev" href="([^"]+)"', last)
    assert previous is not None
    assert rows(client.get(previous.group(1).replace("&amp;", "&")).text) == seen[-100:-50]


def test_a_table_goes_out_as_a_workbook_with_its_filter(server: Server) -> None:
    fill(server.store)
    answer = server.signed("operations").get("/records/evidence?f.kind=item&format=xlsx")
    sheet = openpyxl.load_workbook(io.BytesIO(answer.content))["evidence"]
    header, *body = sheet.iter_rows(values_only=True)
    assert [row[header.index("id")] for row in body] == ["EP-1", "EP-3", "EP-5"]
    plain = server.signed("operations").get("/records/evidence?f.kind=item&format=json").json()
    assert [one["id"] for one in plain] == ["EP-1", "EP-3", "EP-5"]


def test_who_sees_coarsely_gets_no_exact_place_in_any_form(server: Server) -> None:
    fill(server.store)
    client = server.signed("viewer")
    exact = f"{LON + 0.0005}"
    for path in ("/records/evidence", "/records/evidence/EP-0", "/records/evidence/EP-0?part=1"):
        assert exact not in client.get(path).text
    for format in ("json", "csv", "geojson"):
        assert exact not in client.get(f"/records/evidence?format={format}").text
    assert client.get("/records/evidence/EP-0/edit").status_code == 403


def form(**values: str) -> dict[str, str]:
    return {f"v.{name}": text for name, text in values.items()}


def test_a_record_is_made_changed_told_in_history_and_taken_back(server: Server) -> None:
    fill(server.store)
    client = server.signed("operations")
    place = json.dumps({"type": "Point", "coordinates": [LON, LAT]})
    made = client.post(
        "/records/evidence/new/edit",
        data={
            "id": "EP-9",
            "version": "0",
            "place": place,
            "why": "seen today",
            **form(kind="item", count="2"),
        },
    )
    assert made.headers["location"].startswith("/records/evidence/EP-9?changed=")
    again = client.post(
        "/records/evidence/new/edit", data={"id": "EP-9", "version": "0", "place": place, **form(kind="item")}
    )
    assert (again.status_code, "edit.there-already" in again.text) == (422, True)
    changed = client.post(
        "/records/evidence/EP-9/edit",
        data={"version": "1", **form(kind="item", count="3", remark="by the well")},
    )
    assert changed.status_code == 303
    page = client.get("/records/evidence/EP-9").text
    assert "seen today" in page
    assert re.search(r"<td>Count</td><td><del>2</del></td><td><ins>3</ins></td>", page)
    number = changed.headers["location"].split("changed=")[1].split("&")[0]
    undone = client.post("/undo", data={"change": number, "next": "/records/evidence/EP-9"})
    assert undone.status_code == 303
    found = server.store.get("evidence", "EP-9", STAFF)
    assert found is not None
    assert (found.values["count"], found.version) == (2, 3)


def test_every_fault_is_told_and_what_was_typed_stays(server: Server) -> None:
    fill(server.store)
    answer = server.signed("operations").post(
        "/records/evidence/EP-1/edit",
        data={"version": "1", **form(kind="item", count="none", found_on="2031-01-01", remark="kept words")},
    )
    assert answer.status_code == 422
    for word in ("intake.bad-number", "intake.future-date", "kept words", 'value="2031-01-01"'):
        assert word in answer.text
    found = server.store.get("evidence", "EP-1", STAFF)
    assert found is not None
    assert found.version == 1


def test_two_people_at_one_record_the_second_is_told_and_shown_the_difference(server: Server) -> None:
    fill(server.store)
    ana, ben = server.signed("operations"), server.signed("information_manager")
    first = ana.post("/records/evidence/EP-1/edit", data={"version": "1", **form(kind="item", count="4")})
    assert first.status_code == 303
    second = ben.post("/records/evidence/EP-1/edit", data={"version": "1", **form(kind="item", count="6")})
    assert second.status_code == 409
    assert "Operations changed this record while you worked on it" in second.text
    assert re.search(r"<td>Count</td><td><del>4</del></td><td><ins>6</ins></td>", second.text)
    version = re.search(r'name="version" value="(\d+)"', second.text)
    assert version is not None
    third = ben.post(
        "/records/evidence/EP-1/edit", data={"version": version.group(1), **form(kind="item", count="6")}
    )
    assert third.status_code == 303
    who = [one.who for one in server.store.history("EP-1", STAFF, "evidence")]
    assert who == ["test", "Operations", "Information-Manager"]


def test_the_gate_answers_beside_the_drawing(server: Server) -> None:
    fill(server.store)
    client = server.signed("operations")
    bow = {"type": "Polygon", "coordinates": [[[10, 5], [10.01, 5.01], [10.01, 5], [10, 5.01], [10, 5]]]}
    assert (
        "not valid"
        in client.post("/records/hazardous_area/check", data={"place": json.dumps(bow), "id": "SHA-2"}).text
    )
    over = client.post(
        "/records/hazardous_area/check", data={"place": to_geojson(SQUARE), "id": "SHA-2"}
    ).text
    assert "Look at this:" in over
    fine = {
        "type": "Polygon",
        "coordinates": [[[10.1, 5], [10.11, 5], [10.11, 5.01], [10.1, 5.01], [10.1, 5]]],
    }
    assert (
        "nothing against"
        in client.post("/records/hazardous_area/check", data={"place": json.dumps(fine), "id": "SHA-2"}).text
    )
    point = {"type": "Point", "coordinates": [10, 5]}
    wrong = client.post("/records/hazardous_area/check", data={"place": json.dumps(point)}).text
    assert "Refused:" in wrong
    refused = client.post(
        "/records/hazardous_area/new/edit",
        data={"id": "SHA-2", "place": json.dumps(bow), **form(state="suspected")},
    )
    assert (refused.status_code, "gate.invalid" in refused.text) == (422, True)


def test_an_area_is_drawn_on_the_evidence_in_it_and_not_without(server: Server) -> None:
    fill(server.store)
    client = server.signed("operations")
    inside = client.post(
        "/records/hazardous_area/new/edit",
        data={"id": "SHA-2", "place": to_geojson(SQUARE.buffer(0.001)), **form(state="suspected")},
    )
    assert inside.status_code == 303
    found = server.store.get("hazardous_area", "SHA-2", STAFF)
    assert found is not None
    assert found.values["stands_on"] == [f"EP-{n}" for n in range(6)]
    nothing = {
        "type": "Polygon",
        "coordinates": [[[10.1, 5], [10.11, 5], [10.11, 5.01], [10.1, 5.01], [10.1, 5]]],
    }
    bare = client.post(
        "/records/hazardous_area/new/edit",
        data={"id": "SHA-3", "place": json.dumps(nothing), **form(state="suspected")},
    )
    assert (bare.status_code, "rules.no-evidence" in bare.text) == (422, True)


def test_a_polygon_is_split_along_a_line_and_the_parts_make_the_whole(server: Server) -> None:
    fill(server.store)
    client = server.signed("operations")
    line = {"type": "LineString", "coordinates": [[LON + 0.001, LAT - 1], [LON + 0.001, LAT + 1]]}
    done = client.post("/records/hazardous_area/SHA-1/split", data={"version": "1", "line": json.dumps(line)})
    assert done.status_code == 303
    kept, new = (server.store.get("hazardous_area", id, STAFF) for id in ("SHA-1", "SHA-1-2"))
    assert kept is not None and new is not None  # noqa: PT018
    assert kept.shape is not None and new.shape is not None  # noqa: PT018
    assert kept.shape.area + new.shape.area == pytest.approx(SQUARE.area)
    beside = {"type": "LineString", "coordinates": [[0, 0], [1, 1]]}
    missed = client.post(
        "/records/hazardous_area/SHA-1/split", data={"version": "2", "line": json.dumps(beside)}
    )
    assert (missed.status_code, "edit.no-split" in missed.text) == (422, True)


def test_a_record_is_withdrawn_with_a_reason_and_history_keeps_it(server: Server) -> None:
    fill(server.store)
    client = server.signed("operations")
    done = client.post("/records/evidence/EP-2/withdraw", data={"version": "1", "why": "a stone"})
    assert done.status_code == 303
    page = client.get("/records/evidence/EP-2").text
    assert "was withdrawn" in page
    assert "a stone" in page
    assert "EP-2" not in rows(client.get("/records/evidence").text)


def test_ids_with_slashes_and_signs_have_pages_too(server: Server) -> None:
    odd = "QT/12 & 3?"
    fill(server.store, Record("evidence", odd, {"kind": "item"}, Point(LON, LAT)))
    client = server.signed("operations")
    page = client.get("/records/evidence", params={"f.id": "QT/12"}).text
    address = re.search(r'<tr><td><a href="([^"]+)"', page)
    assert address is not None
    assert "QT/12 &amp; 3?" in client.get(address.group(1)).text
    assert client.get(address.group(1) + "/edit").status_code == 200


@pytest.mark.parametrize("kind", ["victim", "claim", "nothing"])
def test_persons_and_claims_have_no_table(server: Server, kind: str) -> None:
    assert server.signed("administrator", "information_manager").get(f"/records/{kind}").status_code == 404


def test_runs_are_not_changed_by_hand(server: Server) -> None:
    client = server.signed("operations")
    answer = client.post("/records/run/new/edit", data={"id": "R", "version": "0"})
    assert answer.status_code == 422
    assert "edit.not-by-hand" in answer.text
