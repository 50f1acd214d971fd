"""The field: a page that a phone keeps and opens without a connection, and what it sends.

Reads   records as JSON, photos in pieces
Gives   the page and its worker; answers that tell a phone what is stored and what is wrong
Knows   which words stand for what the field records; nothing of how records are kept
Start   at `field_page`

The page holds nothing of whoever opened it, as a phone keeps it: who is there and the token for sending come from
`/field/session`.
"""

from __future__ import annotations

import hashlib
import json
from functools import cache
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Body, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import FileResponse, JSONResponse

from fadeout.errors import InputRefused, Problem
from fadeout.jobs import fielding, photos
from fadeout.records import profile as profiles
from fadeout.records.catalogue import EXACT
from fadeout.web.desk import Desk
from fadeout.web.faults import Missing
from fadeout.web.pages import HERE
from fadeout.web.permissions import Present, may, open_to_all

router = APIRouter(include_in_schema=False)
EVIDENCE = {  # what a person in the field says of each class
    "item": "An item, seen",
    "fragment": "A fragment or part",
    "witness_at_place": "Somebody showed the place",
    "witness_nearby": "Somebody told of a place near by",
    "accident": "An accident happened here",
    "destroyed": "An item, destroyed",
    "report": "A written report",
}
OUTCOMES = {
    "complete": "All of it was searched",
    "partial": "A part was searched",
    "stopped_at_find": "Stopped at a find",
    "not_searchable": "It cannot be searched",
}
HOW = {"survey": "By survey", "clearance": "By clearance", "opportunistic": "By chance"}
STATES = {
    "in_place": "Still in place",
    "destroyed": "Destroyed",
    "removed": "Removed",
    "not_found": "Not found any more",
}
WHAT_FOR = {"survey": "Survey", "clearance": "Clearance"}
SHELL = (  # files that the page needs; the worker keeps them on the phone
    *("fadeout.css", "fadeout.js", "field.js", "mark.svg", "field.webmanifest"),
    *("parts/idb.js", "parts/htmx.min.js"),
    *(f"parts/noto-sans-{script}-{weight}.woff2" for script in ("latin", "arabic") for weight in (400, 600)),
    *(f"parts/noto-sans-cyrillic-{weight}.woff2" for weight in (400, 600)),
    "parts/noto-sans-latin-ext-400.woff2",
)


@cache
def version() -> str:
    """A digest of all that the page is made of: another one, and phones fetch it anew."""
    sums = hashlib.sha256()
    static = HERE / "static"
    templates = [*sorted((HERE / "templates").glob("field*.html")), HERE / "templates" / "base.html"]
    for path in (*(static / name for name in SHELL), static / "field-worker.js", *templates):
        sums.update(path.read_bytes() if path.exists() else b"")
    return sums.hexdigest()[:16]


@router.get("/field")
def field_page(request: Request, present: Present = may("field")) -> Response:
    """The page, the same for all who may record."""
    desk: Desk = request.app.state.desk
    return desk.pages.page(
        request,
        "field.html",
        None,
        version=version(),
        evidence=[(one, EVIDENCE[one]) for one in EVIDENCE if one in fielding.CLASSES],
        states=[(name, look) for name, look in desk.standard.states.items() if name != "not_yet"],
        outcomes=list(OUTCOMES.items()),
        how=list(HOW.items()),
        item_states=list(STATES.items()),
        what_for=list(WHAT_FOR.items()),
        side_m=desk.standard.box_side_m,
        methods=list(profiles.load().methods),
    )


@router.get("/field/worker.js")
@open_to_all
def worker() -> Response:
    """The script that keeps the page on the phone, with the list of its files. It names nobody."""
    files = [f"/static/{name}" for name in SHELL if (HERE / "static" / name).exists()]
    files = [f"{one}?v={version()}" if one.endswith("/field.js") else one for one in files]
    head = f"const VERSION = {json.dumps(version())}, FILES = {json.dumps(files)};\n"
    script = (HERE / "static" / "field-worker.js").read_text(encoding="utf-8")
    headers = {"service-worker-allowed": "/field", "cache-control": "no-cache"}
    return Response(head + script, headers=headers, media_type="text/javascript")


@router.get("/field/session")
def session(present: Present = may("field")) -> Response:
    """Who is there, and the token for what is sent."""
    return JSONResponse({"csrf": present.csrf, "name": present.name})


@router.post("/field/records")
def take(
    request: Request,
    kind: Annotated[str, Body()],
    id: Annotated[str, Body()],
    values: Annotated[dict[str, str], Body()],
    place: Annotated[dict[str, Any] | None, Body()] = None,
    device_at: Annotated[str, Body()] = "",
    recorded_by: Annotated[str, Body()] = "",
    present: Present = may("field"),
) -> Response:
    """Store what a phone sends: 201 the first time, 200 when it is there already."""
    desk: Desk = request.app.state.desk
    by = "" if recorded_by == present.name else recorded_by
    sent = fielding.Sent(kind, id, values, fielding.geojson(place), device_at, by)
    taken = fielding.take(desk.store, sent, desk.standard, _folder(desk), who=present.name, now=desk.clock())
    told = {
        "id": taken.record.id,
        "kind": taken.record.kind,
        "version": taken.record.version,
        "findings": [{"words": one.words, "remedy": one.remedy} for one in taken.findings],
    }
    return JSONResponse(told, 201 if taken.new else 200)


@router.head("/field/photos/{digest}")
def where_photo(request: Request, digest: str, present: Present = may("field")) -> Response:
    """How much of a photo is there of what this person sends."""
    found = photos.held(_folder(request.app.state.desk), digest, present.account.login)
    return Response(status_code=404) if found is None else _told(found)


@router.patch("/field/photos/{digest}")
async def add_piece(request: Request, digest: str, present: Present = may("field")) -> Response:
    """Take a piece of a photo. The header `upload-offset` says where it begins, `upload-length` how long the whole is."""
    folder, who = _folder(request.app.state.desk), present.account.login
    try:
        offset, total = (int(request.headers.get(name, "")) for name in ("upload-offset", "upload-length"))
    except ValueError:
        words = "upload-offset and upload-length are whole numbers"
        raise InputRefused([Problem("photo.offset", words, "send both as headers")]) from None
    piece = await _piece(request)
    try:
        found = await run_in_threadpool(
            photos.add, folder, digest, who, offset=offset, total=total, piece=piece
        )
    except InputRefused as refused:
        there = photos.held(folder, digest, who)
        if there is not None and refused.problems[0].code == "photo.offset":
            return _told(there, 409)
        raise
    return _told(found)


async def _piece(request: Request) -> bytes:
    """The body, as far as one piece may reach: what is longer is refused, not read to its end."""
    read = bytearray()
    async for some in request.stream():
        read += some
        if len(read) > photos.PIECE:
            break
    return bytes(read)


def _told(found: photos.Held, status: int = 204) -> Response:
    complete = "1" if found.complete else "0"
    return Response(
        status_code=status, headers={"upload-offset": str(found.offset), "upload-complete": complete}
    )


@router.get("/field/photos/{digest}")
def photo(request: Request, digest: str, present: Present = may("look")) -> Response:
    """A photo, for those who see the exact place of a record that it belongs to."""
    desk: Desk = request.app.state.desk
    path, viewer = photos.kept(_folder(desk), digest), present.viewer()
    if path is None or EXACT not in viewer.precise:
        raise Missing
    if not desk.store.page("evidence", viewer, where={"photo": path.name}, limit=1):
        raise Missing
    return FileResponse(path, media_type="image/jpeg", headers={"cache-control": "private, no-store"})


def _folder(desk: Desk) -> Path:
    return desk.place("attachments")
