"""OGC API as map programs use it: pages, boxes, times, filters, CRSs, tiles; GDAL and QGIS read every collection."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import shapely
from pyproj import Transformer
from serving import PASSWORD, Server, serving

from fadeout.records import accounts
from fadeout.records.catalogue import KINDS
from fadeout.records.record import Record
from fadeout.web import ogc_documents

QGIS_PYTHON = Path("/usr/bin/python3")
MANAGER, PARTNER = "information_manager", "viewer"
CRS = "http://www.opengis.net/def/crs"
POINTS = 250
WEST, SOUTH = 107.0, 16.0  # points lie in a row to the east, 0.001 degrees apart
TRIANGLE = shapely.Polygon(
    [(107, 16), (107.1, 16), (107, 16.1)]
)  # its box holds places that it does not touch


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server over a store with points, areas, a claim and a person."""
    folder = tmp_path_factory.mktemp("ogc")
    with serving(str(folder / "store.gpkg"), folder / "files") as running:
        with running.store.change(who="test", why="for map programs") as change:
            change.put([_point(i) for i in range(POINTS)])
            change.put(
                [
                    _area("HA-1", TRIANGLE, opened_on="2026-01-10", name="Ahal"),
                    _area("HA-2", shapely.box(107.2, 16, 107.3, 16.1), opened_on="2026-03-10"),
                    _area("HA/3 ?", None, name="without a place"),
                ]
            )
            change.put(
                [Record("document", "D-1", {"title": "Handover", "sha256": "00", "sensitivity": "area"})]
            )
            change.put(
                [
                    Record(
                        "public_report",
                        "R-1",
                        {"sensitivity": "exact", "reported_at": "2026-02-01T10:00:00Z"},
                    )
                ]
            )
        yield running


def _point(i: int) -> Record:
    values: dict[str, Any] = {
        "kind": "item" if i % 2 else "fragment",
        "found_on": f"2026-{i % 12 + 1:02d}-15",
        "source": "team 'A'",
        "count": i + 1,
        "sensitivity": "exact",
        "stamp": "SIMULATED",
    }
    return Record("evidence", f"EP-{i:04d}", values, shapely.Point(WEST + i / 1000 + 0.0004, SOUTH))


def _area(id: str, shape: Any, **values: Any) -> Record:
    return Record("hazardous_area", id, {"state": "suspected", "sensitivity": "exact", **values}, shape)


@pytest.fixture(scope="module")
def manager(server: Server) -> httpx.Client:
    return server.signed(MANAGER)


@pytest.fixture(scope="module")
def partner(server: Server) -> httpx.Client:
    return server.signed(PARTNER)


def read(client: httpx.Client, path: str, **asked: Any) -> Any:
    answer = client.get(f"/ogc{path}", params=asked)
    assert answer.status_code == 200, answer.text
    return answer.json()


def items(client: httpx.Client, of: str = "evidence", /, **asked: Any) -> Any:
    return read(client, f"/collections/{of}/items", **asked)


def ids(found: Any) -> list[str]:
    return [one["id"] for one in found["features"]]


# ---- who may come in -------------------------------------------------------------------------------------------------


def test_nobody_unknown_reads_and_a_map_program_is_asked_for_its_token(server: Server) -> None:
    with server.client() as client:
        for path in ("", "/api", "/collections", "/collections/evidence/items", "/tileMatrixSets"):
            answer = client.get(f"/ogc{path}")
            assert answer.status_code == 401
            assert answer.headers["www-authenticate"].startswith("Basic")
            assert answer.headers["content-type"] == "application/problem+json"


def test_a_token_reads_and_writes_nothing(server: Server, manager: httpx.Client) -> None:
    with server.client() as client:
        client.auth = login_of(server)
        assert items(client)["numberMatched"] == POINTS
        for method in ("POST", "PUT", "PATCH", "DELETE"):
            answer = client.request(method, "/ogc/collections/evidence/items")
            assert (answer.status_code, answer.headers["allow"]) == (405, "GET")
        client.auth = ("information-manager", "wrong")
        assert client.get("/ogc").status_code == 401


def login_of(server: Server) -> tuple[str, str]:
    server.signed(MANAGER)
    login = MANAGER.replace("_", "-")
    return login, accounts.make_token(server.store.engine, login, "test", server.clock())


# ---- documents -------------------------------------------------------------------------------------------------------


def test_every_kind_but_persons_and_claims_is_a_collection(manager: httpx.Client) -> None:
    named = {one["id"] for one in read(manager, "/collections")["collections"]}
    assert named == set(KINDS) - {"victim", "claim", "claim_source"}
    for hidden in ("victim", "claim", "claim_source", "nothing"):
        assert manager.get(f"/ogc/collections/{hidden}/items").status_code == 404


def test_every_link_of_every_document_leads_somewhere(manager: httpx.Client) -> None:
    waiting, seen = [str(manager.base_url.join("/ogc"))], set()
    while waiting:
        address = waiting.pop()
        if address in seen:
            continue
        seen.add(address)
        answer = manager.get(address)
        assert answer.status_code == 200, address
        if "json" in answer.headers["content-type"]:
            waiting += [one["href"] for one in _links(answer.json()) if not one.get("templated")]
    assert any(one.endswith("/evidence/queryables") for one in seen)


def _links(document: Any) -> Iterator[Any]:
    if isinstance(document, dict):
        links = document.get("links")
        yield from links if isinstance(links, list) else ()  # a column has that name, too
        for value in document.values():
            yield from _links(value)
    elif isinstance(document, list):
        for one in document:
            yield from _links(one)


@pytest.mark.parametrize(
    ("accept", "asked", "media"),
    [
        ("*/*", "", "application/geo+json"),
        ("text/html,application/xhtml+xml,*/*;q=0.8", "", "text/html"),
        ("application/geo+json, application/json", "", "application/geo+json"),
        ("text/html;q=0.5, application/geo+json", "", "application/geo+json"),
        ("text/html", "?f=json", "application/geo+json"),
        ("application/json", "?f=html", "text/html"),
    ],
)
def test_the_format_is_what_f_says_else_what_is_accepted(
    manager: httpx.Client, accept: str, asked: str, media: str
) -> None:
    answer = manager.get(f"/ogc/collections/evidence/items{asked}", headers={"accept": accept})
    assert answer.headers["content-type"].startswith(media)


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/conformance",
        "/api",
        "/collections",
        "/collections/evidence",
        "/collections/evidence/queryables",
        "/collections/evidence/items",
        "/collections/evidence/items/EP-0001",
        "/tileMatrixSets",
        "/tileMatrixSets/WebMercatorQuad",
        "/collections/evidence/tiles",
        "/collections/evidence/tiles/WebMercatorQuad",
    ],
)
def test_every_document_is_a_page_too_that_says_what_it_cannot(manager: httpx.Client, path: str) -> None:
    page = manager.get(f"/ogc{path}", params={"f": "html"})
    assert page.status_code == 200
    assert "What was not searched is not clear" in page.text
    assert "<h1></h1>" not in page.text
    refused = manager.get(f"/ogc{path}", params={"nothing": "1"})
    assert (refused.status_code, refused.json()["problems"][0]["code"]) == (400, "ogc.unknown-parameter")


def test_pages_can_be_read_by_everybody(server: Server, browser: Any) -> None:
    server.account("reader", PARTNER)
    context = browser.new_context(base_url=server.url)
    page = context.new_page()
    faults: list[str] = []
    page.on("console", lambda said: faults.append(said.text) if said.type == "error" else None)
    page.goto("/enter")
    page.fill("#login", "reader")
    page.fill("#password", PASSWORD)
    page.click("button.act")
    for path in (
        "",
        "/api",
        "/collections",
        "/collections/evidence/items",
        "/collections/evidence/queryables",
    ):
        page.goto(f"/ogc{path}?f=html")
        page.add_script_tag(url="/static/parts/axe.min.js")
        found = page.evaluate("async () => (await axe.run(document)).violations")
        assert [(one["id"], one["nodes"][0]["html"][:120]) for one in found] == [], path
    context.close()
    assert not faults


def test_the_definition_is_openapi_31_and_names_each_collection(manager: httpx.Client) -> None:
    answer = manager.get("/ogc/api")
    assert answer.headers["content-type"] == "application/vnd.oai.openapi+json;version=3.1"
    made = answer.json()
    assert made["openapi"].startswith("3.1")
    assert "/collections/evidence/items" in made["paths"]
    for path, operations in made["paths"].items():
        for operation in operations.values():
            assert {"200", "400", "401", "403"} <= set(operation["responses"]), path
            assert "422" not in operation["responses"], path
    old = manager.get(
        "/ogc/api", headers={"accept": "application/vnd.oai.openapi+json;version=3.0, application/json"}
    )
    assert old.headers["content-type"] == "application/json"


def test_conformance_names_no_class_that_is_not_met(manager: httpx.Client) -> None:
    named = read(manager, "/conformance")["conformsTo"]
    assert named == list(ogc_documents.CONFORMS)
    assert not [one for one in named if "oas30" in one or "spatial-functions" in one]


def test_queryables_are_a_schema_of_the_columns(manager: httpx.Client) -> None:
    made = read(manager, "/collections/hazardous_area/queryables")
    assert made["$id"].endswith("/ogc/collections/hazardous_area/queryables")
    assert made["properties"]["state"]["enum"] == list(KINDS["hazardous_area"].by_name["state"].choices)
    assert made["properties"]["opened_on"]["format"] == "date"
    assert made["properties"]["geom"]["format"] == "geometry-multipolygon"
    assert made["additionalProperties"] is False


# ---- pages -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("limit", [1, 7, 100, 249, 250, 251, 10_000, 10_001])
def test_pages_together_hold_every_feature_once(manager: httpx.Client, limit: int) -> None:
    if limit == 1:
        page = items(manager, "hazardous_area", limit=1)
        total, kind = 3, "hazardous_area"
    else:
        page, total, kind = items(manager, limit=limit), POINTS, "evidence"
    seen: list[str] = []
    while True:
        assert page["numberMatched"] == total
        assert page["numberReturned"] == len(page["features"]) <= min(limit, 10_000)
        seen += ids(page)
        onward = [one for one in page["links"] if one["rel"] == "next"]
        if not onward:
            break
        page = manager.get(onward[0]["href"]).json()
    assert seen == sorted(set(seen))
    assert len(seen) == total, kind


def test_a_feature_holds_the_same_columns_whether_filled_or_not_and_keeps_its_stamp(
    manager: httpx.Client,
) -> None:
    first, *rest = items(manager)["features"]
    assert all(set(one["properties"]) == set(first["properties"]) for one in rest)
    assert {"photo", "stamp", "version", "recorded_at"} <= set(first["properties"])
    assert first["properties"]["stamp"] == "SIMULATED"
    assert first["geometry"] == {"type": "Point", "coordinates": [WEST + 0.0004, SOUTH]}


def test_records_without_a_place_are_features_without_geometry(manager: httpx.Client) -> None:
    (document,) = items(manager, "document")["features"]
    assert (document["geometry"], document["properties"]["title"]) == (None, "Handover")
    odd = manager.get("/ogc/collections/hazardous_area/items/HA%2F3%20%3F").json()
    assert (odd["id"], odd["geometry"]) == ("HA/3 ?", None)
    assert items(manager, "document", bbox="-180,-90,180,90")["numberMatched"] == 0
    assert manager.get("/ogc/collections/evidence/items/nothing").status_code == 404
    assert manager.get("/ogc/collections/evidence/items/%00").status_code == 404


# ---- boxes, times, columns, filters ----------------------------------------------------------------------------------


def test_a_box_finds_what_it_touches_however_it_is_written(manager: httpx.Client) -> None:
    box = (WEST, SOUTH - 0.01, WEST + 0.01, SOUTH + 0.01)
    wanted = [f"EP-{i:04d}" for i in range(10)]
    move = Transformer.from_crs("OGC:CRS84", "EPSG:32648", always_xy=True).transform_bounds(*box)
    for text, crs in (
        (box, "OGC/1.3/CRS84"),
        ((*box[:2], -50, *box[2:], 50), "OGC/1.3/CRS84"),
        ((box[1], box[0], box[3], box[2]), "EPSG/0/4326"),
        (move, "EPSG/0/32648"),
    ):
        found = items(manager, bbox=",".join(map(str, text)), **{"bbox-crs": f"{CRS}/{crs}"})
        assert ids(found) == wanted, crs
        assert found["numberMatched"] == 10
    assert ids(items(manager, bbox=f"170,-10,{WEST + 0.001},20")) == ["EP-0000"]  # over the line of dates
    assert ids(items(manager, bbox=",".join(map(str, [WEST + 0.0004, SOUTH] * 2)))) == ["EP-0000"]


def test_a_box_within_the_bounds_of_an_area_but_not_on_it_finds_nothing(manager: httpx.Client) -> None:
    assert items(manager, "hazardous_area", bbox="107.08,16.08,107.09,16.09")["numberMatched"] == 0
    assert ids(items(manager, "hazardous_area", bbox="107.01,16.01,107.02,16.02")) == ["HA-1"]
    both = items(manager, "hazardous_area", bbox="106,15,108,17", limit=1)
    assert (both["numberMatched"], [one["rel"] for one in both["links"]].count("next")) == (2, 1)


@pytest.mark.parametrize(
    ("time", "wanted"),
    [
        ("2026-01-10", ["HA-1"]),
        ("2026-01-10T23:00:00Z", ["HA-1"]),
        ("2026-01-11T00:30:00+01:00", ["HA-1"]),
        ("2026-01-01/2026-02-01", ["HA-1"]),
        ("2026-01-10T00:00:00Z/2026-03-10T12:00:00Z", ["HA-1", "HA-2"]),
        ("../2026-02-01", ["HA-1"]),
        ("/2026-02-01", ["HA-1"]),
        ("2026-02-01/..", ["HA-2"]),
        ("2026-02-01/", ["HA-2"]),
        ("../..", ["HA-1", "HA-2"]),
        ("2027-01-01", []),
    ],
)
def test_datetime_asks_by_the_main_day(manager: httpx.Client, time: str, wanted: list[str]) -> None:
    assert ids(items(manager, "hazardous_area", datetime=time)) == wanted


def test_datetime_asks_by_a_moment_where_there_is_one(manager: httpx.Client) -> None:
    for time, wanted in (
        ("2026-02-01", ["R-1"]),
        ("2026-02-01T10:00:00Z", ["R-1"]),
        ("2026-02-01T10:00:01Z", []),
        ("2026-02-01T12:00:00+02:00/..", ["R-1"]),
    ):
        found = items(manager, "public_report", datetime=time)
        assert ids(found) == wanted, time


def test_columns_are_parameters(manager: httpx.Client) -> None:
    assert items(manager, kind="item")["numberMatched"] == POINTS // 2
    assert ids(items(manager, count=3)) == ["EP-0002"]
    assert ids(items(manager, count=3, kind="item")) == []
    assert items(manager, found_on="2026-01-15", source="team 'A'")["numberMatched"] == 21
    assert ids(items(manager, id="EP-0007")) == ["EP-0007"]


def test_filters_in_both_languages_go_with_the_other_parameters(manager: httpx.Client) -> None:
    text = "kind = 'item' AND count BETWEEN 5 AND 8"
    assert ids(items(manager, filter=text)) == ["EP-0005", "EP-0007"]
    said = {"op": "in", "args": [{"property": "count"}, [5, 6]]}
    both = {"filter": json.dumps(said), "filter-lang": "cql2-json"}
    assert ids(items(manager, **both)) == ["EP-0004", "EP-0005"]
    assert ids(items(manager, **both, kind="item")) == ["EP-0005"]
    assert ids(items(manager, **both, bbox=f"{WEST},15,{WEST + 0.005},17")) == ["EP-0004"]
    page = items(manager, filter="kind = 'item'", limit=3)
    onward = next(one["href"] for one in page["links"] if one["rel"] == "next")
    assert ids(manager.get(onward).json()) == ["EP-0007", "EP-0009", "EP-0011"]


def test_a_filter_by_a_shape_finds_what_touches_it_in_the_crs_it_is_in(manager: httpx.Client) -> None:
    half = "S_INTERSECTS(geom, POLYGON((107 15.9, 107.01 15.9, 107 16.1, 107 15.9)))"
    found = items(manager, filter=half)
    assert ids(found) == [f"EP-{i:04d}" for i in range(5)]
    assert found["numberMatched"] == 5
    turned = "S_INTERSECTS(geom, POLYGON((15.9 107, 15.9 107.01, 16.1 107, 15.9 107)))"
    assert ids(items(manager, filter=turned, **{"filter-crs": f"{CRS}/EPSG/0/4326"})) == ids(found)
    assert ids(items(manager, filter=f"{half} AND kind = 'item'", limit=1)) == ["EP-0001"]


# ---- CRS -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "code", ["EPSG/0/4326", "EPSG/0/3857", "EPSG/0/32648", "EPSG/0/32748", "OGC/1.3/CRS84"]
)
def test_places_come_in_the_crs_asked_for_with_the_axes_of_its_authority(
    manager: httpx.Client, code: str
) -> None:
    answer = manager.get("/ogc/collections/evidence/items", params={"crs": f"{CRS}/{code}", "limit": 1})
    assert answer.headers["content-crs"] == f"<{CRS}/{code}>"
    name = "OGC:CRS84" if "CRS84" in code else code.replace("/0/", ":")
    # pyproj's own axis order is the authority's where it is not told otherwise
    wanted = Transformer.from_crs("OGC:CRS84", name).transform(WEST + 0.0004, SOUTH)
    assert answer.json()["features"][0]["geometry"]["coordinates"] == pytest.approx(list(wanted), abs=1e-6)
    one = manager.get("/ogc/collections/evidence/items/EP-0000", params={"crs": f"{CRS}/{code}"})
    assert one.json()["geometry"] == answer.json()["features"][0]["geometry"]
    assert one.headers["content-crs"] == f"<{CRS}/{code}>"


def test_collections_list_the_crs_that_are_spoken(manager: httpx.Client) -> None:
    about = read(manager, "/collections/evidence")
    assert about["storageCrs"] == f"{CRS}/OGC/1.3/CRS84"
    assert len(about["crs"]) == 3 + 120
    assert f"{CRS}/EPSG/0/32660" in about["crs"]
    (box,) = about["extent"]["spatial"]["bbox"]
    assert box == pytest.approx([107.0, 16.0, 107.25, 16.01])


# ---- what cannot be asked --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "asked",
    [
        {"limit": "0"},
        {"limit": "-1"},
        {"limit": "many"},
        {"limit": "٣"},
        {"after": "!"},
        {"after": "gA"},
        {"bbox": "1,2,3"},
        {"bbox": "1,2,3,nan"},
        {"bbox": "1,2,3,1e999"},
        {"bbox": "1,5,3,4"},
        {"bbox": "a,b,c,d"},
        {"bbox": "1,2,3,4,5"},
        {"bbox": "1,2,3,4", "bbox-crs": "EPSG:4326"},
        {"bbox": "0,0,1e300,1e300", "bbox-crs": f"{CRS}/EPSG/0/32648"},
        {"bbox": "5,2,3,4", "bbox-crs": f"{CRS}/EPSG/0/3857"},
        {"bbox-crs": "nothing"},
        {"crs": f"{CRS}/EPSG/0/28992"},
        {"datetime": "yesterday"},
        {"datetime": ""},
        {"datetime": "2026-13-01"},
        {"datetime": "2026-02-01/2026-01-01"},
        {"datetime": "2026-01-01/2026-02-01/2026-03-01"},
        {"filter": "count ="},
        {"filter": "count = 1", "filter-lang": "sql"},
        {"filter-lang": "sql"},
        {"filter": "count = 1", "filter-crs": "nothing"},
        {"filter-crs": "nothing"},
        {"filter": "S_INTERSECTS(geom, POINT(1e300 2))", "filter-crs": f"{CRS}/EPSG/0/32648"},
        {"kind": "nothing"},
        {"count": "1.5"},
        {"count": "one"},
        {"count": "9" * 30},
        {"found_on": "today"},
        {"other_item": "perhaps"},
        {"source": "\0"},
        {"f": "xml"},
        {"geom": "POINT(1 2)"},
        {"Limit": "1"},
    ],
)
def test_what_is_misunderstood_is_told_with_status_400(manager: httpx.Client, asked: dict[str, str]) -> None:
    answer = manager.get("/ogc/collections/evidence/items", params=asked)
    assert answer.status_code == 400, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["problems"][0]["message"]


def test_all_faults_of_an_address_are_told_at_once(manager: httpx.Client) -> None:
    answer = manager.get("/ogc/collections/evidence/items?limit=0&bbox=1&crs=x&datetime=z&filter=1&count=a")
    assert len(answer.json()["problems"]) == 6
    assert manager.get("/ogc/collections/evidence/items?limit=1&limit=2").status_code == 400


# ---- what a role may see ---------------------------------------------------------------------------------------------


def test_whoever_sees_cells_alone_is_given_cells_however_the_question_is_put(partner: httpx.Client) -> None:
    first = items(partner, limit=1)["features"][0]
    assert first["geometry"]["type"] == "Polygon"
    assert shapely.from_geojson(json.dumps(first["geometry"])).area == pytest.approx(1e-4)
    assert first["properties"]["source"] is None
    assert "source" not in read(partner, "/collections/evidence/queryables")["properties"]
    for asked in ({"source": "x"}, {"filter": "source = 'x'"}, {"filter": "source IS NULL"}):
        assert partner.get("/ogc/collections/evidence/items", params=asked).status_code == 400
    # a box about one point finds all of its cell, and none tells where in the cell it lies
    for west in (WEST + 0.0003, WEST + 0.0047):
        found = items(partner, bbox=f"{west},{SOUTH},{west + 0.0002},{SOUTH + 0.0001}")
        assert ids(found) == [f"EP-{i:04d}" for i in range(10)]
        shape = f"S_INTERSECTS(geom, POLYGON(({west} 16, {west + 0.0002} 16, {west} 16.0001, {west} 16)))"
        assert set(ids(items(partner, filter=shape))) == set(ids(found))


def test_the_definition_shows_no_column_that_the_role_may_not_ask_by(partner: httpx.Client) -> None:
    operation = partner.get("/ogc/api").json()["paths"]["/collections/evidence/items"]["get"]
    names = {one.get("name") for one in operation["parameters"]}
    assert "found_on" in names
    assert "source" not in names


# ---- tiles -----------------------------------------------------------------------------------------------------------


def test_a_tile_is_found_by_level_row_and_column(manager: httpx.Client) -> None:
    import mapbox_vector_tile

    about = read(manager, "/collections/evidence/tiles/WebMercatorQuad")
    template = next(one["href"] for one in about["links"] if one["rel"] == "item")
    address = template.format(tileMatrix=8, tileRow=116, tileCol=204)  # y and x of (107, 16)
    answer = manager.get(address)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/vnd.mapbox-vector-tile"
    layer = mapbox_vector_tile.decode(answer.content)["evidence"]
    assert {one["properties"]["kind"] for one in layer["features"]} == {"item", "fragment"}
    known = manager.get(address, headers={"if-none-match": answer.headers["etag"]})
    assert known.status_code == 304
    assert manager.get(template.format(tileMatrix=8, tileRow=0, tileCol=0)).status_code == 204


@pytest.mark.parametrize(
    "path",
    [
        "evidence/tiles/WebMercatorQuad/1/2/0",
        "evidence/tiles/WebMercatorQuad/99/0/0",
        "evidence/tiles/WebMercatorQuad/x/0/0",
        "evidence/tiles/WebMercatorQuad/0/0/-1",
        "evidence/tiles/WorldCRS84Quad/0/0/0",
        "evidence/tiles/WorldCRS84Quad",
        "document/tiles",
        "document/tiles/WebMercatorQuad/0/0/0",
    ],
)
def test_there_is_no_tile_beyond_the_tiling(manager: httpx.Client, path: str) -> None:
    assert manager.get(f"/ogc/collections/{path}").status_code == 404


def test_the_tiling_is_the_one_of_the_standard(manager: httpx.Client) -> None:
    morecantile = pytest.importorskip("morecantile", reason="morecantile, which carries the standard's table")
    wanted = json.loads(morecantile.tms.get("WebMercatorQuad").model_dump_json(exclude_none=True))[
        "tileMatrices"
    ]
    made = read(manager, "/tileMatrixSets/WebMercatorQuad")["tileMatrices"]
    assert len(made) == len(wanted)
    for ours, theirs in zip(made, wanted, strict=True):
        assert (ours["id"], ours["matrixWidth"]) == (theirs["id"], theirs["matrixWidth"])
        assert ours["pointOfOrigin"] == pytest.approx(theirs["pointOfOrigin"], rel=1e-12)
        for name in ("scaleDenominator", "cellSize"):
            assert ours[name] == pytest.approx(theirs[name], rel=1e-11)


# ---- real programs ---------------------------------------------------------------------------------------------------


GDAL = """
    import json, sys
    import pyogrio
    url, login, token = sys.argv[1:]
    pyogrio.set_gdal_config_options({"GDAL_HTTP_USERPWD": f"{login}:{token}"})
    address = f"OAPIF:{url}/ogc"

    def count(name, **asked):
        _, _, places, columns = pyogrio.raw.read(address, layer=name, PAGE_SIZE=40, **asked)
        return len(columns[0]) if len(columns) else len(places)

    told = {}
    if "OAPIF" in pyogrio.list_drivers():
        told = {str(name): count(str(name)) for name, _ in pyogrio.list_layers(address)}
        told["in_box"] = count("evidence", bbox=(107, 15.9, 107.1, 16.1))
        told["filter"] = count("evidence", where="kind = 'item'")
        told["both"] = count("evidence", where="kind = 'item' AND count > 200", bbox=(107, 15, 107.22, 17))
    print("TOLD " + json.dumps(told))
"""


def told_by(python: str | Path, script: str, folder: Path, *words: str) -> Any:
    """What a program says that runs beside the server: within its process it would hold the server up."""
    (folder / "read.py").write_text(textwrap.dedent(script))
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    done = subprocess.run(
        [python, folder / "read.py", *words],
        capture_output=True,
        text=True,
        timeout=120,
        env={**kept, "QT_QPA_PLATFORM": "offscreen", "HOME": str(folder), "XDG_RUNTIME_DIR": str(folder)},
    )
    assert "TOLD " in done.stdout, done.stderr
    return json.loads(done.stdout.split("TOLD ", 1)[1])


def test_gdal_opens_every_collection_pages_and_filters(server: Server, tmp_path: Path) -> None:
    told = told_by(sys.executable, GDAL, tmp_path, server.url, *login_of(server))
    if not told:
        pytest.skip("this GDAL has no driver for OGC API - Features")
    assert set(told) - {"in_box", "filter", "both"} == set(KINDS) - {"victim", "claim", "claim_source"}
    assert (told["evidence"], told["hazardous_area"], told["document"]) == (POINTS, 3, 1)
    assert (told["in_box"], told["filter"], told["both"]) == (100, POINTS // 2, 10)


QGIS = """
    import json, sys
    from qgis.core import QgsApplication, QgsFeatureRequest, QgsRectangle, QgsVectorLayer
    app = QgsApplication([], False)
    app.initQgis()
    url, login, token, *names = sys.argv[1:]
    told = {}
    for name in names:
        words = f"url='{url}' typename='{name}' username='{login}' password='{token}' pagingEnabled='true' pageSize='40'"
        layer = QgsVectorLayer(words, name, "OAPIF")
        told[name] = [layer.isValid(), layer.featureCount(), len(list(layer.getFeatures()))]
        if name == "evidence":
            box = QgsFeatureRequest().setFilterRect(QgsRectangle(107, 15.9, 107.01, 16.1))
            told["in_box"] = len(list(layer.getFeatures(box)))
            item = QgsFeatureRequest().setFilterExpression("kind = 'item'")
            told["filter"] = len(list(layer.getFeatures(item)))
    print("TOLD " + json.dumps(told))
    app.exitQgis()
"""


def test_qgis_opens_every_collection_and_counts_across_pages(server: Server, tmp_path: Path) -> None:
    try:
        subprocess.run([QGIS_PYTHON, "-c", "import qgis.core"], check=True, capture_output=True, timeout=60)
    except (OSError, subprocess.SubprocessError):
        pytest.skip(f"{QGIS_PYTHON} has no qgis.core (Debian: python3-qgis)")
    names = sorted(set(KINDS) - {"victim", "claim", "claim_source"})
    told = told_by(QGIS_PYTHON, QGIS, tmp_path, f"{server.url}/ogc", *login_of(server), *names)
    assert all(told[name][0] for name in names), told
    assert told["evidence"] == [True, POINTS, POINTS]
    assert told["hazardous_area"] == [True, 3, 3]
    assert told["document"] == [True, 1, 1]
    assert (told["in_box"], told["filter"]) == (10, POINTS // 2)
