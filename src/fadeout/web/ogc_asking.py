"""What an address of OGC API asks: its parameters read, each fault of them told, and the features that fit.

Reads   the parameters of a request
Gives   `Asked`; `found`, a page of records, and `matched`, how many there are
Knows   limit, bbox, datetime, crs, filter and columns as parameters; nothing of answers
Start   at `asked_of`
"""

from __future__ import annotations

import base64
import binascii
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry
from starlette.datastructures import QueryParams

from fadeout.errors import InputRefused, Problem
from fadeout.exchange import cql, crs_uris
from fadeout.exchange.crs_uris import CRS84
from fadeout.records.access import HIDDEN, Viewer
from fadeout.records.asking import All, Ask, Compare, Empty, Not
from fadeout.records.catalogue import Field, Kind, fields_of
from fadeout.records.layout import BBox
from fadeout.records.record import Record, plain
from fadeout.records.store import Store
from fadeout.web.faults import Misasked

USUAL, MOST = 100, 10_000  # features of a page
COUNTED = 5_000  # features held against a shape one by one to tell how many match; beyond, that is not told
FORMATS = ("json", "html")
OWN = ("f", "limit", "after", "bbox", "bbox-crs", "crs", "datetime", "filter", "filter-lang", "filter-crs")


@dataclass(frozen=True)
class Asked:
    """A page of features: of a kind, those behind an id, as many as wanted, that fit, in a CRS."""

    kind: Kind
    limit: int
    after: str
    ask: Ask | None
    shapes: tuple[BaseGeometry, ...]  # a feature touches all of them
    crs: str

    @property
    def bbox(self) -> BBox | None:
        """The bounds of the smallest shape: what the store looks for first."""
        if not self.shapes:
            return None
        w, s, e, n = min((one.bounds for one in self.shapes), key=lambda b: (b[2] - b[0]) * (b[3] - b[1]))
        return w, s, e, n

    @property
    def by_bounds(self) -> bool:
        """Whether the store's own look at bounds says all: points in one upright box."""
        if not self.shapes:
            return True
        if self.kind.geometry != "point" or len(self.shapes) > 1:
            return False
        (one,) = self.shapes
        return bool(one.geom_type == "Polygon" and one.equals(shapely.box(*one.bounds)))


def columns_of(kind: Kind, viewer: Viewer) -> dict[str, Field]:
    """The columns that a viewer may ask by."""
    return {
        one.name: one
        for one in fields_of(kind)
        if not one.personal and not (viewer.coarse and one.name in HIDDEN)
    }


def main_day(kind: Kind) -> Field | None:
    """The day or moment that a kind's records speak of: its first.

    Examples
    --------
    >>> from fadeout.records.catalogue import KINDS
    >>> [main_day(KINDS[name]).name for name in ("evidence", "searched", "accident", "public_report")]
    ['found_on', 'searched_on', 'happened_on', 'reported_at']
    """
    return next((one for one in kind.fields if one.type in ("date", "moment")), None)


def check(query: QueryParams, known: Mapping[str, Any] | tuple[str, ...] = ("f",)) -> None:
    """Refuse parameters that there are not, or that stand twice, and formats that there are not."""
    problems = []
    for name in dict.fromkeys(query.keys()):
        if name not in known:
            remedy = f"one of {', '.join(known)}"
            problems.append(Problem("ogc.unknown-parameter", f"there is no parameter '{name[:60]}'", remedy))
        elif len(query.getlist(name)) > 1:
            problems.append(Problem("ogc.bad-parameter", f"'{name}' stands twice", "write it once"))
    if query.get("f", "json") not in FORMATS:
        problems.append(
            Problem("ogc.bad-parameter", "there is no such format", f"f={' or f='.join(FORMATS)}")
        )
    if problems:
        raise Misasked(problems)


def asked_of(kind: Kind, viewer: Viewer, query: QueryParams) -> Asked:
    """Read the parameters of a page of features; Misasked with every fault of them."""
    columns = columns_of(kind, viewer)
    check(query, (*OWN, *columns))
    problems: list[Problem] = []

    def read(reading: Any, *given: Any) -> Any:
        try:
            return reading(*given)
        except InputRefused as refused:
            problems.extend(refused.problems)
            return None

    parts = [read(_equal, columns[name], text) for name, text in query.items() if name in columns]
    shapes = []
    if "datetime" in query:
        parts.append(read(_time, kind, query["datetime"]))
    if "bbox" in query:
        shapes.append(read(_bbox, query["bbox"], query.get("bbox-crs", CRS84)))
    elif "bbox-crs" in query:
        read(crs_of, query["bbox-crs"], "bbox-crs")
    if "filter" in query:
        given = query["filter"], query.get("filter-lang", cql.TEXT), query.get("filter-crs", CRS84)
        filter = read(_filter, columns, *given)
        parts += [filter.ask] if filter else []
        shapes += filter.shapes if filter else ()
    else:
        read(_language, query.get("filter-lang", cql.TEXT))
        read(crs_of, query.get("filter-crs", CRS84), "filter-crs")
    limit = read(_limit, query.get("limit", str(USUAL)))
    after = read(_after, query.get("after", ""))
    crs = read(crs_of, query.get("crs", CRS84), "crs")
    if problems:
        raise Misasked(problems)
    return Asked(kind, limit, after, All(tuple(parts)) if parts else None, tuple(shapes), crs)


def token(id: str) -> str:
    """The mark of a page that begins behind an id."""
    return base64.urlsafe_b64encode(id.encode()).decode().rstrip("=")


def crs_of(uri: str, name: str = "crs") -> str:
    """A CRS that is spoken here."""
    if uri not in crs_uris.URIS:
        remedy = f"the collection lists them, such as {crs_uris.WGS84}"
        raise _bad(name, "no CRS of the list", remedy)
    return uri


def found(store: Store, viewer: Viewer, asked: Asked) -> tuple[list[Record], bool]:
    """The features of a page, and whether there are more."""
    wanted, after, fitting = asked.limit + 1, asked.after, []
    piece = wanted if asked.by_bounds else max(wanted, 1_000)
    while True:
        some = store.page(asked.kind.name, viewer, after=after, limit=piece, bbox=asked.bbox, ask=asked.ask)
        fitting += some if asked.by_bounds else touching(some, asked.shapes)
        if len(some) < piece or len(fitting) >= wanted:
            return fitting[: asked.limit], len(fitting) > asked.limit
        after = some[-1].id


def matched(store: Store, viewer: Viewer, asked: Asked) -> int | None:
    """How many features fit altogether; None where that would take long to tell."""
    count = store.count(asked.kind.name, viewer, asked.ask, asked.bbox)
    if asked.by_bounds or count == 0:
        return count
    if count > COUNTED:
        return None
    some = store.page(asked.kind.name, viewer, limit=COUNTED, bbox=asked.bbox, ask=asked.ask)
    return len(touching(some, asked.shapes))


def touching(records: list[Record], shapes: tuple[BaseGeometry, ...]) -> list[Record]:
    """Those whose place, as far as it is given, touches every shape."""
    places: NDArray[np.object_] = np.array([*(one.shape for one in records), None], dtype=object)[:-1]
    fits = np.ones(len(records), dtype=bool)
    for shape in shapes:
        shapely.prepare(shape)
        fits &= shapely.intersects(places, shape)
    return [record for record, fit in zip(records, fits, strict=True) if fit]


# ---- one parameter each ----------------------------------------------------------------------------------------------


def _bad(name: str, got: str, remedy: str) -> InputRefused:
    return InputRefused([Problem("ogc.bad-parameter", f"'{name}' is {got}", remedy)])


def _limit(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,12}", text) or int(text) < 1:
        raise _bad("limit", "no number of features", f"from 1 to {MOST}")
    return min(int(text), MOST)


def _after(text: str) -> str:
    try:
        id = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError):
        id = "\0"
    if "\0" in id:
        raise _bad("after", "no mark of a page", "follow the link 'next'")
    return id


def _bbox(text: str, uri: str) -> BaseGeometry:
    crs_of(uri, "bbox-crs")
    remedy = "four numbers: low, low, high, high in the order of the CRS's axes; or six, with heights"
    try:
        sides = [float(one) for one in text.split(",")]
    except ValueError:
        raise _bad("bbox", "no row of numbers", remedy) from None
    if len(sides) == 6:
        sides = [sides[0], sides[1], sides[3], sides[4]]
    if len(sides) != 4 or not all(map(math.isfinite, sides)):
        raise _bad("bbox", "no box", remedy)
    over = (
        (0,) if uri == CRS84 else (1,) if uri == crs_uris.WGS84 else ()
    )  # longitudes may go over 180 degrees
    if any(sides[axis] > sides[axis + 2] for axis in (0, 1) if axis not in over):
        raise _bad("bbox", "a box whose low side is above its high side", remedy)
    return crs_uris.box((sides[0], sides[1], sides[2], sides[3]), uri)


def _language(text: str) -> str:
    if text not in (cql.TEXT, cql.JSON):
        raise _bad("filter-lang", "no language of filters", f"{cql.TEXT} or {cql.JSON}")
    return text


def _filter(columns: Mapping[str, Field], text: str, language: str, uri: str) -> cql.Filter:
    read = cql.read(text, _language(language), {name: one.type for name, one in columns.items()})
    crs_of(uri, "filter-crs")
    return cql.Filter(read.ask, tuple(crs_uris.to_wgs84(one, uri) for one in read.shapes))


def _equal(field: Field, text: str) -> Ask:
    """A column as a parameter: equal to the text."""
    given: Any = text
    remedy = {"flag": "true or false", "date": "2026-01-31", "moment": "2026-01-31T12:00:00Z"}.get(
        field.type, ""
    )
    if field.type in cql.NUMBERS:
        remedy = "a number"
        if (
            not re.fullmatch(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,3})?", text[:40], re.ASCII)
            or len(text) > 40
        ):
            raise _bad(field.name, "no number", remedy)
        given = int(text) if re.fullmatch(r"[+-]?\d+", text) else float(text)
    elif field.type == "flag":
        given = {"true": True, "false": False}.get(text, text)
    if field.choices and text not in field.choices:
        raise _bad(field.name, "none of its choices", f"one of {', '.join(field.choices)}")
    try:
        value = cql.value_of(field.name, field.type, given)
    except InputRefused:
        raise _bad(field.name, "not what the column can hold", remedy or "a text of letters") from None
    if field.type == "whole" and isinstance(value, float):
        raise _bad(field.name, "no whole number", remedy)
    return Compare(field.name, "=", value)


def _time(kind: Kind, text: str) -> Ask:
    """Features whose day or moment lies in an interval, or is an instant (RFC 3339; .. or nothing is an open end)."""
    field = main_day(kind)
    if field is None:
        return All(())
    sides = text.split("/")
    if len(sides) > 2:
        raise _bad("datetime", "no time", TIMES)
    first, last = (sides[0], sides[0]) if len(sides) == 1 else (sides[0], sides[1])
    if len(sides) == 1 and first in ("", ".."):
        raise _bad("datetime", "no time", TIMES)
    low, high = _instant(first, field.type, False), _instant(last, field.type, True)
    if low and high and low > high:
        raise _bad("datetime", "an interval that ends before it starts", TIMES)
    parts: list[Ask] = [Not(Empty(field.name))]
    parts += [Compare(field.name, ">=", low)] if low else []
    parts += [Compare(field.name, "<=", high)] if high else []
    return All(tuple(parts))


TIMES = "2026-01-31, 2026-01-31T12:00:00Z, 2026-01-01/2026-01-31, 2026-01-01/.. or ../2026-01-31"


def _instant(text: str, type: str, end: bool) -> str:
    if text in ("", ".."):
        return ""
    try:
        if re.fullmatch(r"\d{4}-\d\d-\d\d", text, re.ASCII):
            day = date.fromisoformat(text)
            return day.isoformat() if type == "date" else f"{day}T{'23:59:59' if end else '00:00:00'}Z"
        if not re.fullmatch(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)", text, re.ASCII):
            raise ValueError
        whole = re.sub(r"\.\d+", "", text.upper()).replace("Z", "+00:00")
        moment = datetime.fromisoformat(whole).astimezone(UTC)
    except (ValueError, OverflowError):
        raise _bad("datetime", "no time", TIMES) from None
    return moment.date().isoformat() if type == "date" else str(plain(moment))
