"""What OGC API says of itself: conformance, collections, queryables, tile sets, each as a document.

Reads   kinds, what a viewer may ask
Gives   plain values, to be written as JSON or shown as a page
Knows   the standards' words and which classes of them are met; nothing of requests
Start   at `CONFORMS`, `collection`
"""

from __future__ import annotations

from typing import Any

from fadeout.exchange import crs_uris, tiles
from fadeout.exchange.cql import PLACE
from fadeout.jobs import tiling
from fadeout.records.access import Viewer
from fadeout.records.catalogue import Field, Kind, fields_of
from fadeout.records.layout import BBox
from fadeout.web.ogc_asking import columns_of, main_day

SPEC = "http://www.opengis.net/spec"
REL = "http://www.opengis.net/def/rel/ogc/1.0"
CONFORMS = (
    f"{SPEC}/ogcapi-features-1/1.0/conf/core",
    f"{SPEC}/ogcapi-features-1/1.0/conf/geojson",
    f"{SPEC}/ogcapi-features-1/1.0/conf/html",
    # 1.0 and OGC API - Common know OpenAPI 3.0 alone; this is the class of the draft 1.1 of Features (editor's draft)
    f"{SPEC}/ogcapi-features-1/1.1/conf/oas31",
    f"{SPEC}/ogcapi-features-2/1.0/conf/crs",
    f"{SPEC}/ogcapi-features-3/1.0/conf/queryables",
    f"{SPEC}/ogcapi-features-3/1.0/conf/queryables-query-parameters",
    f"{SPEC}/ogcapi-features-3/1.0/conf/filter",
    f"{SPEC}/ogcapi-features-3/1.0/conf/features-filter",
    f"{SPEC}/cql2/1.0/conf/cql2-text",
    f"{SPEC}/cql2/1.0/conf/cql2-json",
    f"{SPEC}/cql2/1.0/conf/basic-cql2",
    f"{SPEC}/cql2/1.0/conf/advanced-comparison-operators",
    f"{SPEC}/ogcapi-tiles-1/1.0/conf/core",
    f"{SPEC}/ogcapi-tiles-1/1.0/conf/tileset",
    f"{SPEC}/ogcapi-tiles-1/1.0/conf/tilesets-list",
    f"{SPEC}/ogcapi-tiles-1/1.0/conf/geodata-tilesets",
    f"{SPEC}/ogcapi-tiles-1/1.0/conf/mvt",
)
CANNOT = "What was not searched is not clear: these records cannot say that any ground is free of remnants."
SPATIAL = (
    "CQL2: S_INTERSECTS with one shape or box, alone or joined by AND with the rest; no other function. "
    "The parameter bbox does the same with a box."
)

JSON, GEOJSON, HTML = "application/json", "application/geo+json", "text/html"
SCHEMA = "application/schema+json"
OPENAPI = "application/vnd.oai.openapi+json;version=3.1"
TYPES: dict[str, dict[str, Any]] = {
    "text": {"type": "string"},
    "choice": {"type": "string"},
    "ids": {"type": "string"},
    "whole": {"type": "integer"},
    "real": {"type": "number"},
    "share": {"type": "number"},
    "flag": {"type": "boolean"},
    "date": {"type": "string", "format": "date"},
    "moment": {"type": "string", "format": "date-time"},
}
PLACES = {
    "point": "geometry-point",
    "polygon": "geometry-multipolygon",
    "ground": "geometry-any",
    "any": "geometry-any",
}

Link = dict[str, Any]
Document = dict[str, Any]


def link(href: str, rel: str, type: str, title: str, **more: Any) -> Link:
    """A link of a document."""
    return {"href": href, "rel": rel, "type": type, "title": title, **more}


def landing(root: str) -> Document:
    """The first page."""
    return {
        "title": "fadeout",
        "description": "Records of survey, clearance and land release, as far as your role may see them. "
        + CANNOT,
        "links": [
            link(
                f"{root}/api?f=json",
                "service-desc",
                OPENAPI,
                "The definition of this interface (OpenAPI 3.1)",
            ),
            link(f"{root}/api?f=html", "service-doc", HTML, "The definition of this interface as a page"),
            link(f"{root}/conformance", "conformance", JSON, "Which classes of the standards are met"),
            link(f"{root}/collections", "data", JSON, "The collections of records"),
            link(f"{root}/tileMatrixSets", f"{REL}/tiling-schemes", JSON, "The tilings"),
        ],
    }


def collection(root: str, kind: Kind, extent: BBox | None) -> Document:
    """A collection: what it holds, where, and where to read it."""
    at = f"{root}/collections/{kind.name}"
    links = [
        link(f"{at}/items?f=json", "items", GEOJSON, f"{kind.title}: the records as GeoJSON"),
        link(f"{at}/items?f=html", "items", HTML, f"{kind.title}: the records as a page"),
        link(f"{at}/queryables", f"{REL}/queryables", SCHEMA, f"{kind.title}: what can be asked"),
    ]
    if kind.name in tiling.SHOWN:
        links.append(link(f"{at}/tiles", f"{REL}/tilesets-vector", JSON, f"{kind.title}: vector tiles"))
    return {
        "id": kind.name,
        "title": kind.title,
        "description": f"{kind.about[:1].upper()}{kind.about[1:]}.",
        "itemType": "feature",
        **({"extent": {"spatial": {"bbox": [list(extent)], "crs": crs_uris.CRS84}}} if extent else {}),
        "crs": list(crs_uris.URIS),
        "storageCrs": crs_uris.CRS84,
        "links": links,
    }


def queryables(at: str, kind: Kind, viewer: Viewer) -> Document:
    """What can be asked of a collection, as a JSON schema."""
    properties: dict[str, Any] = {name: schema_of(one) for name, one in columns_of(kind, viewer).items()}
    properties["id"] = {**properties["id"], "x-ogc-role": "id"}
    day = main_day(kind)
    if day is not None and day.name in properties:
        properties[day.name] = {**properties[day.name], "x-ogc-role": "primary-instant"}
    if kind.geometry:
        properties[PLACE] = {
            "title": "place",
            "description": SPATIAL,
            "format": PLACES[kind.geometry],
            "x-ogc-role": "primary-geometry",
        }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": at,
        "type": "object",
        "title": kind.title,
        "description": f"What can be asked of {kind.title.lower()} records. {SPATIAL}",
        "properties": properties,
        "additionalProperties": False,
    }


def schema_of(field: Field) -> dict[str, Any]:
    """A column as a JSON schema."""
    made = {"title": field.name, "description": field.about, **TYPES[field.type]}
    if field.choices:
        made["enum"] = list(field.choices)
    if field.unit:
        made["x-ogc-unit"] = field.unit
    return made


def properties_of(kind: Kind) -> tuple[str, ...]:
    """The columns that stand in each feature, filled or not, so that programs see the same ones on every page."""
    return tuple(one.name for one in fields_of(kind) if one.name != "id" and not one.personal)


# ---- tiles -----------------------------------------------------------------------------------------------------------

QUAD = "WebMercatorQuad"
QUAD_URI = f"http://www.opengis.net/def/tilematrixset/OGC/1.0/{QUAD}"
LEVELS = 25  # of the standard's table (17-083r4, D.1)
SCALE, CELL = 559082264.028717, 156543.033928041  # of level 0 (17-083r4, D.1)
CORNER = 20037508.3427892


def tiling_schemes(root: str) -> Document:
    """The list of tilings: one."""
    self = link(f"{root}/tileMatrixSets/{QUAD}", "self", JSON, "Google Maps compatible for the world")
    return {"tileMatrixSets": [{"id": QUAD, "title": QUAD_TITLE, "uri": QUAD_URI, "links": [self]}]}


QUAD_TITLE = "Google Maps compatible for the world"


def tiling_scheme() -> Document:
    """WebMercatorQuad as the standard gives it."""
    return {
        "id": QUAD,
        "title": QUAD_TITLE,
        "uri": QUAD_URI,
        "crs": crs_uris.MERCATOR,
        "orderedAxes": ["X", "Y"],
        "wellKnownScaleSet": "http://www.opengis.net/def/wkss/OGC/1.0/GoogleMapsCompatible",
        "tileMatrices": [
            {
                "id": str(level),
                "scaleDenominator": SCALE / 2**level,
                "cellSize": CELL / 2**level,
                "cornerOfOrigin": "topLeft",
                "pointOfOrigin": [-CORNER, CORNER],
                "tileWidth": 256,
                "tileHeight": 256,
                "matrixWidth": 2**level,
                "matrixHeight": 2**level,
            }
            for level in range(LEVELS)
        ],
    }


def _tileset(root: str, kind: Kind) -> Document:
    return {
        "title": f"{kind.title}: vector tiles",
        "dataType": "vector",
        "crs": crs_uris.MERCATOR,
        "tileMatrixSetURI": QUAD_URI,
        "links": [link(f"{root}/tileMatrixSets/{QUAD}", f"{REL}/tiling-scheme", JSON, QUAD_TITLE)],
    }


def tilesets(root: str, kind: Kind) -> Document:
    """The tile sets of a collection: one."""
    made = _tileset(root, kind)
    at = f"{root}/collections/{kind.name}/tiles/{QUAD}"
    return {"tilesets": [{**made, "links": [link(at, "self", JSON, made["title"]), *made["links"]]}]}


def tileset(root: str, kind: Kind, extent: BBox | None, media: str) -> Document:
    """A tile set: its layer, its levels, the address of its tiles."""
    made = _tileset(root, kind)
    at = f"{root}/collections/{kind.name}/tiles/{QUAD}"
    template = at + "/{tileMatrix}/{tileRow}/{tileCol}"
    corners = (
        {"lowerLeft": list(extent[:2]), "upperRight": list(extent[2:]), "crs": crs_uris.CRS84}
        if extent
        else {}
    )
    columns = dict.fromkeys(tiling.SHOWN[kind.name], TYPES["text"])
    return {
        **made,
        "description": "Points in great number are put together and carry their number. " + CANNOT,
        **({"boundingBox": corners} if corners else {}),
        "layers": [
            {
                "id": kind.name,
                "title": kind.title,
                "dataType": "vector",
                "propertiesSchema": {"type": "object", "properties": columns},
            }
        ],
        "tileMatrixSetLimits": [
            {
                "tileMatrix": str(level),
                "minTileRow": 0,
                "maxTileRow": 2**level - 1,
                "minTileCol": 0,
                "maxTileCol": 2**level - 1,
            }
            for level in range(tiles.DEEPEST + 1)
        ],
        "links": [*made["links"], link(template, "item", media, "The tiles", templated=True)],
    }
