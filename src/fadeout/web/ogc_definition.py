"""The definition of OGC API as OpenAPI: what each address takes and every answer that it gives.

Reads   routes
Gives   `PARAMETERS`, `answers`, which routes carry; `definition`, the whole document
Knows   OpenAPI 3.1; which faults there can be
Start   at `definition`
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fastapi.openapi.utils import get_openapi
from starlette.routing import BaseRoute

from fadeout.exchange import cql, crs_uris
from fadeout.records.catalogue import Field
from fadeout.web.ogc_asking import FORMATS, MOST, USUAL
from fadeout.web.ogc_documents import HTML, QUAD, schema_of

PROBLEM = "application/problem+json"
TEXT = {"type": "string"}
FAULT = {
    "type": "object",
    "required": ["type", "title", "status"],
    "properties": {"type": TEXT, "title": TEXT, "status": {"type": "integer"}, "detail": TEXT},
}
LINKED = {
    "type": "object",
    "required": ["links"],
    "properties": {
        "links": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["href", "rel"],
                "properties": {"href": TEXT, "rel": TEXT},
            },
        }
    },
}
WORDS = {
    400: "a parameter that there is not, or that cannot be read",
    401: "nobody known asked: sign in, or send login and token (HTTP Basic)",
    403: "the role does not allow this, or too many wrong tokens came from this address",
    404: "there is no such thing, or your role may not see it",
}


def _parameter(name: str, words: str, schema: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"name": name, "in": "query", "required": False, "description": words, "schema": schema, **more}


CRS = {"type": "string", "format": "uri", "enum": list(crs_uris.URIS), "default": crs_uris.CRS84}
F = _parameter(
    "f", "the format, before what the header Accept says", {"type": "string", "enum": list(FORMATS)}
)
CRS_OF_PLACES = _parameter("crs", "the CRS of the places given", CRS)
PARAMETERS: tuple[dict[str, Any], ...] = (
    F,
    _parameter(
        "limit",
        f"features of a page; more than {MOST:,} is taken as {MOST:,}",
        {"type": "integer", "minimum": 1, "maximum": MOST, "default": USUAL},
    ),
    _parameter("after", "the mark of a page, from the link 'next'", TEXT),
    _parameter(
        "bbox",
        "a box that features touch: four numbers, or six with heights, in the order of the CRS's axes",
        {
            "type": "array",
            "items": {"type": "number"},
            "oneOf": [{"minItems": 4, "maxItems": 4}, {"minItems": 6, "maxItems": 6}],
        },
        style="form",
        explode=False,
    ),
    _parameter("bbox-crs", "the CRS of bbox", CRS),
    CRS_OF_PLACES,
    _parameter(
        "datetime",
        "a day, a moment, or an interval as 2026-01-01/2026-01-31, with .. for an open end (RFC 3339)",
        {**TEXT, "pattern": "^[0-9TtZz:.+/-]+$", "examples": ["2026-01-01/2026-01-31"]},
    ),
    _parameter("filter", "a filter in CQL2; the queryables say what can be asked", {**TEXT, "minLength": 1}),
    _parameter(
        "filter-lang",
        "the language of filter",
        {"type": "string", "enum": [cql.TEXT, cql.JSON], "default": cql.TEXT},
    ),
    _parameter("filter-crs", "the CRS of shapes in filter", CRS),
)


def answers(
    *media: str, schema: dict[str, Any] = LINKED, faults: Sequence[int] = (), crs: bool = False
) -> Any:
    """What a route answers: 200 in some media types, and the faults that there can be."""
    content: dict[str, Any] = {one: {"schema": TEXT if one == HTML else schema} for one in media}
    good: dict[str, Any] = {"description": "as asked", "content": content}
    if crs:
        words = "the CRS of the places given, in angle brackets"
        good["headers"] = {"Content-Crs": {"description": words, "schema": TEXT}}
    return {200: good, **{status: fault(status) for status in (400, 401, 403, *faults)}}


def fault(status: int) -> dict[str, Any]:
    """A fault as problem details (RFC 9457)."""
    return {"description": WORDS[status], "content": {PROBLEM: {"schema": FAULT}}}


def definition(
    routes: Sequence[BaseRoute], asked: Mapping[str, Mapping[str, Field]], version: str, root: str
) -> dict[str, Any]:
    """The whole document. `asked` gives the collections with the columns that may be asked.

    The features of each collection have an address of their own in it, with the columns of that collection as its
    parameters: GDAL lets the server filter by those that it finds so, and the standard wants their schemas.
    """
    made = get_openapi(
        title="fadeout: OGC API",
        version=version,
        openapi_version="3.1.0",
        description="Records of survey, clearance and land release as OGC API Features and Tiles, read only. "
        "What was not searched is not clear.",
        routes=routes,
        servers=[{"url": root}],
    )
    paths = {path.removeprefix("/ogc") or "/": operations for path, operations in made["paths"].items()}
    for operations in paths.values():
        for operation in operations.values():
            operation["responses"].pop("422", None)  # whatever is misunderstood is told by 400
            for one in operation.get("parameters", ()):
                if one["in"] == "path" and one["name"] in PATHS:
                    one["schema"] = {**one["schema"], **PATHS[one["name"]]}
                if one["name"] == "kind":
                    one["schema"] = {"type": "string", "enum": list(asked)}
    any_items = paths.pop(ITEMS)["get"]
    shared = {one["name"]: one for one in PARAMETERS}
    made["paths"] = paths
    for name, columns in asked.items():
        own = [_parameter(column, one.about, schema_of(one)) for column, one in columns.items()]
        references = [{"$ref": f"#/components/parameters/{one}"} for one in shared]
        operation = {"operationId": f"getFeatures_{name}", "parameters": references + own}
        paths[ITEMS.format(kind=name)] = {"get": {**any_items, **operation}}
    made["components"] = {
        "parameters": shared,
        "securitySchemes": {
            "token": {
                "type": "http",
                "scheme": "basic",
                "description": "login, and a token of the account's page",
            },
            "session": {"type": "apiKey", "in": "cookie", "name": "fadeout_session"},
        },
    }
    made["security"] = [{"token": []}, {"session": []}]
    return made


ITEMS = "/collections/{kind}/items"
PATHS: dict[str, dict[str, Any]] = {
    "tileMatrix": {"pattern": "^[0-9]{1,2}$", "example": "0"},
    "tileRow": {"pattern": "^[0-9]{1,8}$", "example": "0"},
    "tileCol": {"pattern": "^[0-9]{1,8}$", "example": "0"},
    "tileMatrixSet": {"enum": [QUAD]},
}
