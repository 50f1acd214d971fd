"""OGC API - Features and Tiles over the records: for QGIS, GDAL and other map programs, and as pages.

Reads   the store as far as who looks may see
Gives   GeoJSON, vector tiles, documents that tell of them; each also as a page but tiles
Knows   addresses, content negotiation; what is told stands in `ogc_documents`, what is asked in `ogc_asking`
Start   at `items`

Nothing is written here. What is met of which standard: `ogc_documents.CONFORMS`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import quote, urlencode

import numpy as np
import shapely
from fastapi import APIRouter, Request, Response
from numpy.typing import NDArray

from fadeout.errors import InputRefused
from fadeout.exchange import crs_uris
from fadeout.exchange.crs_uris import CRS84
from fadeout.exchange.layers import right_handed
from fadeout.jobs import tiling
from fadeout.records.catalogue import Kind
from fadeout.records.layout import BBox
from fadeout.records.record import Record
from fadeout.web import ogc_asking, ogc_documents, record_pages
from fadeout.web.desk import Desk
from fadeout.web.faults import Misasked, Missing
from fadeout.web.map_pages import TILE, tile_answer
from fadeout.web.ogc_definition import CRS_OF_PLACES, F, answers, definition
from fadeout.web.ogc_documents import GEOJSON, HTML, JSON, OPENAPI, QUAD, SCHEMA, Document, link
from fadeout.web.permissions import Present, may

router = APIRouter(prefix="/ogc", default_response_class=Response)
ONE = {"parameters": [F]}


@router.get("/", include_in_schema=False)
@router.get("", operation_id="landing", responses=answers(JSON, HTML), openapi_extra=ONE)
def landing(request: Request, present: Present = may("look")) -> Response:
    """The first page, with links to the rest."""
    ogc_asking.check(request.query_params)
    return _told(request, present, ogc_documents.landing(_root(request)))


@router.get(
    "/conformance",
    operation_id="conformance",
    responses=answers(JSON, HTML, schema={"type": "object", "required": ["conformsTo"]}),
    openapi_extra=ONE,
)
def conformance(request: Request, present: Present = may("look")) -> Response:
    """Which classes of the standards are met."""
    ogc_asking.check(request.query_params)
    document = {"conformsTo": list(ogc_documents.CONFORMS)}
    rows = [((one, ""),) for one in ogc_documents.CONFORMS]
    return _told(
        request, present, document, title="What is met of the standards", heads=("Class",), rows=rows
    )


@router.get(
    "/api",
    operation_id="api",
    responses=answers(OPENAPI, JSON, HTML, schema={"type": "object"}),
    openapi_extra=ONE,
)
def api(request: Request, present: Present = may("look")) -> Response:
    """The definition of this interface, OpenAPI 3.1."""
    ogc_asking.check(request.query_params)
    kinds, viewer = record_pages.shown_kinds(present), present.viewer()
    asked = {one.name: ogc_asking.columns_of(one, viewer) for one in kinds}
    made = definition(router.routes, asked, request.app.version, _root(request))
    rows = [
        ((path, ""), (operation["summary"], ""), (", ".join(operation["responses"]), ""))
        for path, operations in made["paths"].items()
        for operation in operations.values()
    ]
    heads = ("Address", "What it gives", "Answers")
    wish = request.headers.get(
        "accept", ""
    )  # GDAL takes OpenAPI 3.0 or plain JSON by their media types alone
    media = JSON if JSON in wish and "version=3.1" not in wish.replace(" ", "") else OPENAPI
    title = "Definition of this interface"
    return _told(request, present, made, media, title=title, heads=heads, rows=rows)


@router.get(
    "/collections", operation_id="describeCollections", responses=answers(JSON, HTML), openapi_extra=ONE
)
def collections(request: Request, present: Present = may("look")) -> Response:
    """The collections: one for each kind of record."""
    ogc_asking.check(request.query_params)
    root = _root(request)
    kinds = record_pages.shown_kinds(present)
    described = [_collection(request, kind, present) for kind in kinds]
    document = {"links": [], "crs": list(crs_uris.URIS), "collections": described}
    rows = [
        ((kind.title, f"{root}/collections/{kind.name}?f=html"), (kind.about, ""), (kind.name, ""))
        for kind in kinds
    ]
    heads = ("Kind", "What it is", "Name")
    return _told(request, present, document, title="Collections of records", heads=heads, rows=rows)


@router.get(
    "/collections/{kind}",
    operation_id="describeCollection",
    responses=answers(JSON, HTML, faults=(404,)),
    openapi_extra=ONE,
)
def collection(request: Request, kind: str, present: Present = may("look")) -> Response:
    """One collection: what it holds, where, and where to read it."""
    about = _kind(present, kind)
    ogc_asking.check(request.query_params)
    return _told(request, present, _collection(request, about, present))


@router.get(
    "/collections/{kind}/queryables",
    operation_id="queryables",
    responses=answers(SCHEMA, HTML, schema={"type": "object", "required": ["properties"]}, faults=(404,)),
    openapi_extra=ONE,
)
def queryables(request: Request, kind: str, present: Present = may("look")) -> Response:
    """What can be asked of a collection, as a JSON schema."""
    about = _kind(present, kind)
    ogc_asking.check(request.query_params)
    at = f"{_root(request)}/collections/{kind}/queryables"
    document = ogc_documents.queryables(at, about, present.viewer())
    rows = [
        ((name, ""), (one.get("type", one.get("format", "")), ""), (one["description"], ""))
        for name, one in document["properties"].items()
    ]
    heads = ("Column", "Type", "What it says")
    return _told(request, present, document, SCHEMA, heads=heads, rows=rows)


@router.get(
    "/collections/{kind}/items",
    operation_id="getFeatures",
    responses=answers(
        GEOJSON, HTML, schema={"type": "object", "required": ["type", "features"]}, faults=(404,), crs=True
    ),
)
def items(request: Request, kind: str, present: Present = may("look")) -> Response:
    """A page of the records of a collection, those that fit what is asked."""
    desk: Desk = request.app.state.desk
    about, viewer, query = _kind(present, kind), present.viewer(), request.query_params
    asked = ogc_asking.asked_of(about, viewer, query)
    page, more = ogc_asking.found(desk.store, viewer, asked)
    matched = ogc_asking.matched(desk.store, viewer, asked)
    at = f"{_root(request)}/collections/{kind}"
    links = [link(f"{at}?f=json", "collection", JSON, about.title)]
    if more:
        onward = {**query, "after": ogc_asking.token(page[-1].id)}
        media = HTML if _as_page(request) else GEOJSON
        links.append(link(f"{at}/items?{urlencode(onward)}", "next", media, "The next page"))
    head: Document = {
        "type": "FeatureCollection",
        **({} if matched is None else {"numberMatched": matched}),
        "numberReturned": len(page),
        "timeStamp": desk.clock().strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
    headers = {"content-crs": f"<{asked.crs}>"}
    if _as_page(request):
        columns = record_pages.columns_of(about, viewer)
        rows = [
            (
                (one.id, f"{at}/items/{quote(one.id, safe='')}?f=html"),
                *((_cell(one, name), "") for name in columns),
            )
            for one in page
        ]
        shown = {**head, "links": links}
        return _told(
            request, present, shown, title=about.title, heads=("id", *columns), rows=rows, headers=headers
        )
    try:
        features = list(_features(about, page, asked.crs))
    except InputRefused as refused:
        raise Misasked(refused.problems) from None
    head["links"] = _self(request, GEOJSON) + links
    body = f'{_json(head)[:-1]},"features":[{",".join(features)}]}}'
    return Response(body, headers=headers, media_type=GEOJSON)


@router.get(
    "/collections/{kind}/items/{id:path}",
    operation_id="getFeature",
    responses=answers(
        GEOJSON, HTML, schema={"type": "object", "required": ["type", "id"]}, faults=(404,), crs=True
    ),
    openapi_extra={"parameters": [F, CRS_OF_PLACES]},
)
def item(request: Request, kind: str, id: str, present: Present = may("look")) -> Response:
    """One record."""
    desk: Desk = request.app.state.desk
    about = _kind(present, kind)
    ogc_asking.check(request.query_params, ("f", "crs"))
    record = None if "\0" in id else desk.store.get(kind, id, present.viewer())
    if record is None:
        raise Missing
    try:
        crs = ogc_asking.crs_of(request.query_params.get("crs", CRS84))
        (feature,) = _features(about, [record], crs)
    except InputRefused as refused:
        raise Misasked(refused.problems) from None
    at = f"{_root(request)}/collections/{kind}"
    document = {**json.loads(feature), "links": [link(f"{at}?f=json", "collection", JSON, about.title)]}
    rows = [((name, ""), (_cell(record, name), "")) for name in record.values]
    headers = {"content-crs": f"<{crs}>"}
    heads = ("Column", "What it says")
    return _told(request, present, document, GEOJSON, title=id, heads=heads, rows=rows, headers=headers)


# ---- tiles -----------------------------------------------------------------------------------------------------------


@router.get(
    "/tileMatrixSets", operation_id="tileMatrixSets", responses=answers(JSON, HTML), openapi_extra=ONE
)
def tile_matrix_sets(request: Request, present: Present = may("look")) -> Response:
    """The tilings that there are."""
    ogc_asking.check(request.query_params)
    root = _root(request)
    rows = [((QUAD, f"{root}/tileMatrixSets/{QUAD}?f=html"), (ogc_documents.QUAD_TITLE, ""))]
    document = {**ogc_documents.tiling_schemes(root), "links": []}
    return _told(request, present, document, title="Tilings", heads=("Name", "What it is"), rows=rows)


@router.get(
    "/tileMatrixSets/{tileMatrixSet}",
    operation_id="tileMatrixSet",
    responses=answers(JSON, HTML, schema={"type": "object", "required": ["tileMatrices"]}, faults=(404,)),
    openapi_extra=ONE,
)
def tile_matrix_set(request: Request, tileMatrixSet: str, present: Present = may("look")) -> Response:
    """A tiling: its levels."""
    _quad(tileMatrixSet)
    ogc_asking.check(request.query_params)
    document = ogc_documents.tiling_scheme()
    rows = [
        tuple((str(level[name]), "") for name in ("id", "scaleDenominator", "cellSize", "matrixWidth"))
        for level in document["tileMatrices"]
    ]
    heads = ("Level", "Scale 1 to", "Metres of a pixel", "Tiles of a side")
    return _told(request, present, document, heads=heads, rows=rows)


@router.get(
    "/collections/{kind}/tiles",
    operation_id="tilesets",
    responses=answers(JSON, HTML, faults=(404,)),
    openapi_extra=ONE,
)
def tilesets(request: Request, kind: str, present: Present = may("look")) -> Response:
    """The tile sets of a collection."""
    about = _tiled(present, kind)
    ogc_asking.check(request.query_params)
    root = _root(request)
    document = {**ogc_documents.tilesets(root, about), "links": []}
    rows = [((one["title"], f"{one['links'][0]['href']}?f=html"), (QUAD, "")) for one in document["tilesets"]]
    return _told(request, present, document, title=about.title, heads=("Tiles", "Tiling"), rows=rows)


@router.get(
    "/collections/{kind}/tiles/{tileMatrixSet}",
    operation_id="tileset",
    responses=answers(JSON, HTML, faults=(404,)),
    openapi_extra=ONE,
)
def tileset(request: Request, kind: str, tileMatrixSet: str, present: Present = may("look")) -> Response:
    """A tile set: its layer, its levels, the address of its tiles."""
    about = _tiled(present, kind)
    _quad(tileMatrixSet)
    ogc_asking.check(request.query_params)
    extent = _extent(request, about, present)
    return _told(request, present, ogc_documents.tileset(_root(request), about, extent, TILE))


@router.get(
    "/collections/{kind}/tiles/{tileMatrixSet}/{tileMatrix}/{tileRow}/{tileCol}",
    operation_id="tile",
    responses={
        **answers(TILE, schema={"type": "string", "format": "binary"}, faults=(404,)),
        204: {"description": "nothing there"},
        304: {"description": "as you have it"},
    },
)
def tile(
    request: Request,
    kind: str,
    tileMatrixSet: str,
    tileMatrix: str,
    tileRow: str,
    tileCol: str,
    present: Present = may("look"),
) -> Response:
    """A tile: by level, row and column, that is z, y and x."""
    _tiled(present, kind)
    _quad(tileMatrixSet)
    ogc_asking.check(request.query_params, ())
    if not all(re.fullmatch("[0-9]{1,8}", one) for one in (tileMatrix, tileRow, tileCol)):
        raise Missing
    return tile_answer(request, kind, int(tileMatrix), int(tileCol), int(tileRow), "", present)


# ---- inside ----------------------------------------------------------------------------------------------------------


def _kind(present: Present, name: str) -> Kind:
    kind = next((one for one in record_pages.shown_kinds(present) if one.name == name), None)
    if kind is None:
        raise Missing
    return kind


def _tiled(present: Present, name: str) -> Kind:
    kind = _kind(present, name)
    if name not in tiling.SHOWN:
        raise Missing
    return kind


def _quad(name: str) -> None:
    if name != QUAD:
        raise Missing


def _root(request: Request) -> str:
    return f"{str(request.base_url).rstrip('/')}/ogc"


def _extent(request: Request, kind: Kind, present: Present) -> BBox | None:
    desk: Desk = request.app.state.desk
    return desk.tiles.sides_of(kind.name, present.viewer())[0] if kind.geometry else None


def _collection(request: Request, kind: Kind, present: Present) -> Document:
    return ogc_documents.collection(_root(request), kind, _extent(request, kind, present))


def _features(kind: Kind, records: Sequence[Record], crs: str) -> Iterator[str]:
    """Records as GeoJSON features, each a text."""
    places: NDArray[np.object_] = np.array([*(one.shape for one in records), None], dtype=object)[:-1]
    shapes = shapely.to_geojson(crs_uris.from_wgs84(right_handed(places), crs))
    names = ogc_documents.properties_of(kind)
    for record, shape in zip(records, shapes, strict=True):
        values = {name: _plain(record.values.get(name)) for name in names}
        values |= {"version": record.version, "recorded_at": record.recorded_at}
        yield (
            f'{{"type":"Feature","id":{_json(record.id)},"geometry":{shape or "null"},"properties":{_json(values)}}}'
        )


def _plain(value: Any) -> Any:
    return "; ".join(value) if isinstance(value, list) else value


def _cell(record: Record, name: str) -> str:
    value = _plain(record.values.get(name))
    return "" if value is None else str(value)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def _as_page(request: Request) -> bool:
    """Whether a page is wanted: by f, else by what Accept puts first; JSON where it has no wish."""
    if "f" in request.query_params:
        return request.query_params["f"] == "html"
    wishes = {}
    for part in request.headers.get("accept", "").split(","):
        media, *more = (one.strip().lower() for one in part.split(";"))
        weight = next((one[2:] for one in more if one.startswith("q=")), "1")
        wishes[media] = float(weight) if re.fullmatch(r"[01](\.\d{1,3})?", weight, re.ASCII) else 0.0
    html = max(wishes.get(HTML, 0.0), wishes.get("application/xhtml+xml", 0.0))
    other = max((weight for media, weight in wishes.items() if "json" in media), default=0.0)
    return html > max(other, wishes.get("*/*", 0.0) if HTML not in wishes else other)


def _self(request: Request, media: str) -> list[dict[str, Any]]:
    """The links of a document to itself and to its page."""

    def address(format: str) -> str:
        return f"{request.url.replace(query='')}?{urlencode({**request.query_params, 'f': format})}"

    return [
        link(address("json"), "self", media, "This document"),
        link(address("html"), "alternate", HTML, "This document as a page"),
    ]


def _told(
    request: Request,
    present: Present,
    document: Document,
    media: str = JSON,
    *,
    title: str = "",
    heads: Sequence[str] = (),
    rows: Sequence[Sequence[tuple[str, str]]] = (),
    headers: dict[str, str] | None = None,
) -> Response:
    """A document as JSON or as a page: its words, a table, its links."""
    own = _self(request, media)
    if not _as_page(request):
        if not {"$schema", "openapi", "conformsTo"} & set(document):
            document = {**document, "links": own + document.get("links", [])}
        return Response(_json(document), headers=headers, media_type=media)
    desk: Desk = request.app.state.desk
    own[0] = {**own[0], "title": "JSON"}
    page = desk.pages.page(
        request,
        "ogc_page.html",
        present,
        title=title or document.get("title", ""),
        about=document.get("description", ""),
        matched=document.get("numberMatched"),
        heads=heads,
        rows=rows,
        links=[one for one in (own[0], *document.get("links", [])) if not one.get("templated")],
        cannot=ogc_documents.CANNOT,
    )
    page.headers.update(headers or {})
    return page
