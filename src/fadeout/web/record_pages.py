"""Records: tables, one record with its history, changing it by hand, undo.

Reads   the store as far as who looks may see; forms
Gives   pages; files of a table (XLSX, CSV, GeoJSON, JSON)
Knows   how a table is asked by its address; nothing of how records are kept
Start   at `table`
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import quote, urlencode

import shapely
from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse, RedirectResponse

from fadeout.errors import InputRefused, Problem
from fadeout.jobs import editing, export
from fadeout.jobs.storing import differences
from fadeout.records.access import HIDDEN, Viewer
from fadeout.records.asking import All, Ask, Compare, Empty, Like
from fadeout.records.catalogue import KINDS, RESTRICTED, Kind, fields_of
from fadeout.records.reading import Key, Order
from fadeout.records.record import Record
from fadeout.web.desk import Desk
from fadeout.web.faults import Missing
from fadeout.web.map_pages import map_values
from fadeout.web.permissions import Fields, Present, may

router = APIRouter(include_in_schema=False)
ROWS = 50
COLUMNS: Mapping[str, tuple[str, ...]] = {  # of a table; others show their first fields
    "evidence": ("kind", "found_on", "munition", "count", "state", "how", "source"),
    "searched": ("outcome", "searched_on", "method", "detection", "team", "kind"),
    "box": ("state", "searched_on", "method", "effort_min", "team"),
    "strike": ("struck_on", "munition", "carriers", "position_error_m", "credibility"),
    "hazardous_area": ("state", "class", "name", "opened_on", "closed_on", "contamination", "land_use"),
    "release": ("action", "hazard_id", "released_on", "method", "depth_cm", "released_by", "authority"),
    "run": ("hazard_id", "ran_at", "made_by", "seed", "verdict"),
}
FORMATS = {"xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "csv": "text/csv"}
FORMATS |= {"geojson": "application/geo+json", "gpkg": "application/geopackage+sqlite3"}


def shown_kinds(present: Present) -> list[Kind]:
    """The kinds that have a table for whoever is there: not those of persons, nor the registry's claims."""
    return [one for one in KINDS.values() if one.sensitivity != RESTRICTED and one.name not in editing.CLAIMS]


@router.get("/records")
def records(request: Request, present: Present = may("look")) -> Response:
    """How many records of each kind there are."""
    desk: Desk = request.app.state.desk
    viewer = present.viewer()
    counts = [(kind, desk.store.count(kind.name, viewer)) for kind in shown_kinds(present)]
    return desk.pages.page(request, "records.html", present, counts=counts)


def _kind(name: str) -> Kind:
    kind = KINDS.get(name)
    if kind is None or kind.sensitivity == RESTRICTED or name in editing.CLAIMS:
        raise Missing
    return kind


def columns_of(kind: Kind, viewer: Viewer) -> list[str]:
    """The columns of a kind's table, those that the viewer may not ask by left out."""
    names = COLUMNS.get(kind.name) or tuple(one.name for one in kind.fields if not one.personal)[:7]
    return [name for name in names if not (viewer.coarse and name in HIDDEN)]


def asked_of(kind: Kind, query: Mapping[str, str]) -> tuple[Ask | None, dict[str, str]]:
    """What the filters of a table ask: a text may stand anywhere in a cell, ">5" compares, "-" is empty."""
    known = {one.name: one for one in fields_of(kind)}
    parts: list[Ask] = []
    told = {}
    for key, text in query.items():
        name = key.removeprefix("f.")
        if not key.startswith("f.") or name not in known or not text.strip():
            continue
        told[name] = text.strip()
        parts.append(_part(name, known[name].type, text.strip()))
    return (All(tuple(parts)) if parts else None), told


def _part(name: str, type: str, text: str) -> Ask:
    if text == "-":
        return Empty(name)
    sign = next((one for one in ("<=", ">=", "<>", "<", ">", "=") if text.startswith(one)), "")
    rest = text.removeprefix(sign).strip()
    if type in ("whole", "real", "share"):
        try:
            return Compare(name, sign or "=", float(rest))  # type: ignore[arg-type]
        except ValueError:
            message = f"'{text[:40]}' is no number for {name}"
            raise InputRefused(
                [Problem("store.bad-filter", message, "write 5, >5, <=5 or - for empty")]
            ) from None
    if type == "flag":
        return Compare(name, "=", rest.lower() in ("true", "yes", "1"))
    if sign:
        return Compare(name, sign, rest)  # type: ignore[arg-type]
    if type == "choice":
        return Compare(name, "=", rest)
    escaped = rest.replace("\\", "\\\\").replace("%", r"\%").replace("_", r"\_")
    return Like(name, f"%{escaped}%")


def _order(kind: Kind, viewer: Viewer, text: str) -> Order:
    column, _, way = text.partition(":")
    names = {"id", "recorded_at", *(one.name for one in fields_of(kind))}
    if column not in names or (viewer.coarse and column in HIDDEN):
        return Order()
    return Order(column, way == "down")


@router.get("/records/{kind}")
def table(request: Request, kind: str, present: Present = may("look")) -> Response:
    """The records of a kind as a table: filtered, sorted, page by page."""
    desk: Desk = request.app.state.desk
    about, viewer, query = _kind(kind), present.viewer(), dict(request.query_params)
    ask, filters = asked_of(about, query)
    order = _order(about, viewer, query.get("sort", ""))
    if query.get("format"):
        return _file(desk, about, viewer, ask, query["format"])
    after, before, last = _key(query.get("after")), _key(query.get("before")), "last" in query
    rows = desk.store.sorted_page(
        kind, viewer, order, after=after, before=before, last=last, limit=ROWS + 1, ask=ask
    )
    more = len(rows) > ROWS
    rows = rows[-ROWS:] if (last or before) else rows[:ROWS]
    kept = {"sort": query.get("sort", ""), **{f"f.{name}": text for name, text in filters.items()}}

    def address(**more: str) -> str:
        words = {name: value for name, value in {**kept, **more}.items() if value}
        return f"/records/{kind}" + (f"?{urlencode(words)}" if words else "")

    earlier = bool(after) or ((last or before is not None) and more)
    later = (more and not last) if before is None else True
    links = {
        "first": address(),
        "previous": address(before=_as_text(order, rows[0])) if earlier and rows else "",
        "next": address(after=_as_text(order, rows[-1])) if later and not last and rows else "",
        "last": address(last="1"),
    }
    columns = columns_of(about, viewer)
    sorts = {
        name: address(sort=name + (":down" if order == Order(name) else "")) for name in ("id", *columns)
    }
    return desk.pages.page(
        request,
        "table.html",
        present,
        kind=about,
        rows=rows,
        columns=[(name, about.by_name.get(name)) for name in columns],
        filters=filters,
        order=order,
        sorts=sorts,
        links=links,
        counted=address().replace(f"/records/{kind}", f"/records/{kind}/count", 1),
        files={name: address(format=name) for name in ("xlsx", "csv", "geojson", "gpkg", "json")},
        may_add=present.may("edit") and editing.editable(kind),
    )


@router.get("/records/{kind}/count")
def count(request: Request, kind: str, present: Present = may("look")) -> Response:
    """How many records a table has: asked for after the table, as to count a million takes longer than to show fifty."""
    desk: Desk = request.app.state.desk
    ask, _ = asked_of(_kind(kind), dict(request.query_params))
    total = desk.store.count(kind, present.viewer(), ask)
    return desk.pages.page(request, "count.html", present, total=total)


def _key(text: str | None) -> Key | None:
    if not text:
        return None
    try:
        value, id = json.loads(text)
    except (ValueError, TypeError):
        return None
    return (value, str(id)) if value is None or isinstance(value, str | int | float | bool) else None


def _as_text(order: Order, row: Record) -> str:
    if order.column == "id":
        value: Any = row.id
    elif order.column == "recorded_at":
        value = row.recorded_at
    else:
        value = row.values.get(order.column)
    if isinstance(value, list):
        value = "; ".join(value)
    return json.dumps([value, row.id], ensure_ascii=False)


def _file(desk: Desk, kind: Kind, viewer: Viewer, ask: Ask | None, format: str) -> Response:
    """The rows of a table as a file, all pages of it."""
    if format == "json":
        rows = [_plain(one) for one in desk.store.page(kind.name, viewer, limit=1_000_000, ask=ask)]
        return JSONResponse(rows)
    if format not in FORMATS:
        raise Missing
    with TemporaryDirectory() as folder:
        out = Path(folder) / f"{kind.name}.{format}"
        asked = export.Asked(out, (kind.name,), ask=ask)
        export.export(desk.store, asked, viewer, desk.clock())
        content = out.read_bytes()
    headers = {"content-disposition": f'attachment; filename="{kind.name}.{format}"'}
    return Response(content, headers=headers, media_type=FORMATS[format])


def _plain(record: Record) -> dict[str, Any]:
    place = json.loads(shapely.to_geojson(record.shape)) if record.shape is not None else None
    about = {"id": record.id, "version": record.version, "recorded_at": record.recorded_at}
    return {**about, **record.values, "geometry": place}


@router.get("/records/{kind}/new")
def new(request: Request, kind: str, present: Present = may("edit")) -> Response:
    """A form for a new record."""
    _kind(kind)
    return _form(request, present, Record(kind, ""), {})


def _drawn(record: Record, kind: Kind) -> dict[str, Any]:
    """What the map beside a record or a form draws."""
    place = json.loads(shapely.to_geojson(record.shape)) if record.shape is not None else None
    bounds = list(record.shape.bounds) if record.shape is not None else None
    return {"place": place, "geometry": kind.geometry, **({"extent": bounds} if bounds else {})}


def _area(record: Record) -> float | None:
    from fadeout.records.mending import area_m2

    if record.shape is None or "Polygon" not in record.shape.geom_type:
        return None
    return area_m2(record.shape)


def _links(kind: Kind, record: Record) -> dict[str, str]:
    """Fields that hold the id of another record, with its address."""
    return {
        one.name: f"/records/{one.refers}/{quote(str(record.values[one.name]), safe='')}"
        for one in kind.fields
        if one.refers and one.type == "text" and record.values.get(one.name)
    }


@router.get("/records/{kind}/{id:path}/edit")
def edit_page(request: Request, kind: str, id: str, present: Present = may("edit")) -> Response:
    """A form to change a record."""
    desk: Desk = request.app.state.desk
    _kind(kind)
    found = desk.store.get(kind, id, present.viewer())
    if found is None:
        raise Missing
    return _form(request, present, found, {})


@router.get("/records/{kind}/{id:path}")
def record(request: Request, kind: str, id: str, part: str = "", present: Present = may("look")) -> Response:
    """One record with its history; `part` for the inspector beside a map."""
    desk: Desk = request.app.state.desk
    about, viewer = _kind(kind), present.viewer()
    found = desk.store.get(kind, id, viewer)
    versions = desk.store.history(id, viewer, kind)
    if found is None and not versions:
        raise Missing
    told = differences(versions)
    changed = [editing.differences(a.record, b.record) for a, b in pairwise(versions)]
    steps = list(zip(told, [[], *changed][: len(told)], strict=True))
    shown = found or versions[-1].record
    values = map_values(desk, present, **_drawn(shown, about)) if not part and shown.shape is not None else {}
    return desk.pages.page(
        request,
        "record_part.html" if part else "record.html",
        present,
        **{**values, "kind": about},
        record=shown,
        gone=found is None,
        steps=steps[::-1],
        fields=[one for one in fields_of(about) if one.name in shown.values],
        linked=_links(about, shown),
        area_m2=_area(shown),
        may_edit=present.may("edit") and editing.editable(kind) and found is not None,
    )


def _form(
    request: Request,
    present: Present,
    record: Record,
    typed: Mapping[str, str],
    status: int = 200,
    **more: Any,
) -> Response:
    desk: Desk = request.app.state.desk
    about = KINDS[record.kind]
    values = map_values(desk, present, **_drawn(record, about))
    told = {"problems": (), "conflict": None, "why": "", "place": "", **more}
    return desk.pages.page(
        request,
        "record_edit.html",
        present,
        status,
        **{**values, "kind": about},
        record=record,
        fields=editing.fields(record.kind),
        typed=typed,
        **told,
    )


@router.post("/records/{kind}/{id:path}/edit")
def edit(request: Request, kind: str, id: str, fields: Fields, present: Present = may("edit")) -> Response:
    """Store a record as it was left in the form; "new" stands for a record that is none yet."""
    desk: Desk = request.app.state.desk
    _kind(kind)
    version = int(fields.get("version", "0")) if fields.get("version", "0").isdigit() else 0
    name = id if version else fields.get("id", "").strip()
    typed = {key.removeprefix("v."): text for key, text in fields.items() if key.startswith("v.")}
    asked = editing.Edit(kind, name, typed, version, fields.get("place") or None, fields.get("why", ""))
    seen = Record(kind, name, version=version)
    try:
        saved = editing.save(desk.store, asked, desk.standard, who=present.name, today=desk.clock().date())
    except editing.Overtaken as overtaken:
        conflict = editing.differences(overtaken.now, overtaken.meant)
        return _form(
            request,
            present,
            overtaken.now,
            typed,
            409,
            conflict=conflict,
            why=asked.why,
            place=asked.place or "",
        )
    except InputRefused as refused:
        shown = (desk.store.get(kind, name, present.viewer()) if version else None) or seen
        return _form(
            request,
            present,
            shown,
            typed,
            422,
            problems=refused.problems,
            why=asked.why,
            place=asked.place or "",
        )
    return _stored(kind, name, saved.change, [one.words for one in saved.findings])


def _stored(kind: str, id: str, change: int | None, words: list[str]) -> Response:
    told = {"changed": str(change)} if change else {"said": "Nothing differed; nothing was stored."}
    if words:
        told["said"] = f"Stored. {words[0]}"[:400]
    return RedirectResponse(f"/records/{kind}/{quote(id, safe='')}?{urlencode(told)}", 303)


@router.post("/records/{kind}/{id:path}/split")
def split(request: Request, kind: str, id: str, fields: Fields, present: Present = may("edit")) -> Response:
    """Cut a polygon along a drawn line."""
    desk: Desk = request.app.state.desk
    _kind(kind)
    version = int(fields.get("version", "0") or 0)
    try:
        saved = editing.split(
            desk.store, kind, id, version, fields.get("line", ""), desk.standard, who=present.name
        )
    except InputRefused as refused:
        found = desk.store.get(kind, id, present.viewer())
        if found is None:
            raise
        return _form(request, present, found, {}, 422, problems=refused.problems)
    return _stored(kind, id, saved.change, [])


@router.post("/records/{kind}/{id:path}/withdraw")
def withdraw(
    request: Request, kind: str, id: str, fields: Fields, present: Present = may("edit")
) -> Response:
    """Take a record out of the present."""
    desk: Desk = request.app.state.desk
    _kind(kind)
    change = editing.withdraw(
        desk.store,
        kind,
        id,
        int(fields.get("version", "0") or 0),
        who=present.name,
        why=fields.get("why", ""),
    )
    return _stored(kind, id, change, [])


@router.post("/records/{kind}/check")
def check(request: Request, kind: str, fields: Fields, present: Present = may("edit")) -> Response:
    """What the geometry gate says of a place that is being drawn."""
    desk: Desk = request.app.state.desk
    _kind(kind)
    try:
        shape = editing.place_of(kind, fields.get("place", ""))
        found = editing.look(desk.store, kind, fields.get("id", "").strip() or "this", shape, present.name)
        told = [(one.words, one.remedy, one.refuses) for one in found]
        area = _area(Record(kind, "", shape=shape))
    except InputRefused as refused:
        told, area = [(one.message, one.remedy, True) for one in refused.problems], None
    return desk.pages.page(request, "gate.html", present, found=told, area_m2=area)


@router.post("/undo")
def undo(request: Request, fields: Fields, present: Present = may("edit")) -> Response:
    """Take a change back."""
    desk: Desk = request.app.state.desk
    number = fields.get("change", "")
    if not number.isdigit():
        raise Missing
    desk.store.undo(int(number), who=present.name)
    where = fields.get("next", "/records")
    where = where if where.startswith("/") and not where.startswith(("//", "/\\")) else "/records"
    return RedirectResponse(f"{where}?{urlencode({'said': f'Change {number} was taken back.'})}", 303)


def day_of(text: str) -> date | None:
    """A day as a form gives it, None where it gives none."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
