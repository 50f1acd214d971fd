"""Land release: where an area stands, what its next step needs and what of it is missing, the step, the document.

Reads   the store, the national standard, forms
Gives   pages; releases, documents and steps of areas; the completion document
Knows   that rules say what is missing and a person decides; nothing of the rules themselves
Start   at `release_page`
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote, urlencode

from fastapi import APIRouter, File, Request, Response, UploadFile
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import FileResponse, RedirectResponse

from fadeout.errors import InputRefused, Problem
from fadeout.exchange import document_files
from fadeout.jobs import completing, editing, land_release
from fadeout.jobs.storing import differences
from fadeout.records.access import Viewer
from fadeout.records.asking import Compare, OneOf
from fadeout.records.catalogue import KINDS
from fadeout.records.record import Record
from fadeout.web.desk import Desk
from fadeout.web.faults import Missing
from fadeout.web.permissions import Fields, Present, may

router = APIRouter(include_in_schema=False)
PATH = ("suspected", "confirmed", "released")
RELEASED = ("cancelled", "reduced", "cleared")
LARGEST = 50 * 2**20  # bytes of a document (assumed)
OF_RELEASE = (
    "released_on",
    "method",
    "depth_cm",
    "released_by",
    "authority",
    "items_destroyed",
    "evidence_ids",
)
LISTED = 1_000


@router.get("/release")
def release_page(request: Request, present: Present = may("look")) -> Response:
    """Every hazardous area by where it stands, and what needs a person's look."""
    desk: Desk = request.app.state.desk
    viewer = present.viewer()
    groups = {
        state: desk.store.page("hazardous_area", viewer, limit=LISTED, ask=Compare("state", "=", state))
        for state in ("suspected", "confirmed")
    }
    groups["released"] = desk.store.page("hazardous_area", viewer, limit=LISTED, ask=OneOf("state", RELEASED))
    flags = land_release.flags(desk.store, present.name) if not viewer.coarse else []
    return desk.pages.page(request, "release.html", present, groups=groups, flags=flags)


@router.get("/release/{id:path}/completion.pdf")
def completion(request: Request, id: str, present: Present = may("look")) -> Response:
    """The completion document of an area."""
    desk: Desk = request.app.state.desk
    if present.viewer().coarse or desk.store.get("hazardous_area", id, present.viewer()) is None:
        raise Missing
    document = completing.completion(desk.store, id, desk.standard, who=present.name, now=desk.clock())
    headers = {"content-disposition": f'inline; filename="completion-{quote(id, safe="")}.pdf"'}
    return Response(document_files.pdf(document), headers=headers, media_type="application/pdf")


@router.get("/release/{id:path}")
def area_page(request: Request, id: str, present: Present = may("look")) -> Response:
    """The path of one area: where it stands, what the next steps need, what is missing."""
    return _area_page(request, id, present)


def _area_page(
    request: Request, id: str, present: Present, problems: tuple[Problem, ...] = (), typed: Any = None
) -> Response:
    desk: Desk = request.app.state.desk
    viewer = present.viewer()
    if viewer.coarse or desk.store.get("hazardous_area", id, viewer) is None:
        raise Missing
    area, steps = land_release.outlook(desk.store, id, desk.standard, present.name)
    state = str(area.values.get("state", ""))
    versions = desk.store.history(id, viewer, "hazardous_area")
    return desk.pages.page(
        request,
        "release_area.html",
        present,
        422 if problems else 200,
        area=area,
        state=state,
        place_on_path=PATH.index(state) if state in PATH else 2,
        path=PATH,
        steps=steps,
        releases=desk.store.page("release", viewer, ask=Compare("hazard_id", "=", id)),
        documents=desk.store.page("document", viewer, ask=Compare("about_id", "=", id)),
        runs=desk.store.page("run", viewer, ask=Compare("hazard_id", "=", id)),
        history=differences(versions)[::-1],
        standard=desk.standard,
        purposes=KINDS["document"].by_name["purpose"].choices,
        release_fields=[KINDS["release"].by_name[name] for name in OF_RELEASE],
        suggested=_suggested(desk, area, viewer),
        today=desk.clock().date().isoformat(),
        problems=problems,
        typed=typed or {},
    )


def _suggested(desk: Desk, area: Record, viewer: Viewer) -> str:
    """Searches in the area, which a release most often rests on."""
    if area.shape is None:
        return ""
    found = desk.store.page("searched", viewer, bbox=area.shape.bounds, limit=LISTED)
    return "; ".join(one.id for one in found if one.shape is not None and area.shape.intersects(one.shape))


@router.post("/release/{id:path}/record")
def record_release(request: Request, id: str, fields: Fields, present: Present = may("decide")) -> Response:
    """Record that the ground of an area was cancelled, reduced or cleared, by whom and on what."""
    desk: Desk = request.app.state.desk
    area = desk.store.get("hazardous_area", id, present.viewer())
    if area is None:
        raise Missing
    values = {name: fields.get(name, "") for name in OF_RELEASE} | {
        "action": fields.get("action", ""),
        "hazard_id": id,
    }
    if area.values.get("stamp"):
        values["stamp"] = str(area.values["stamp"])
    number = desk.store.count("release", present.viewer(), Compare("hazard_id", "=", id)) + 1
    edit = editing.Edit(
        "release", f"R-{id}-{number}", values, 0, editing.as_drawn(area.shape), f"release of {id}"
    )
    try:
        saved = editing.save(desk.store, edit, desk.standard, who=present.name, today=desk.clock().date())
    except InputRefused as refused:
        return _area_page(request, id, present, refused.problems, fields)
    return _back(id, saved.change, f"Release R-{id}-{number} is recorded.")


@router.post("/release/{id:path}/step")
def step(request: Request, id: str, fields: Fields, present: Present = may("decide")) -> Response:
    """Take an area a step."""
    desk: Desk = request.app.state.desk
    to, why = fields.get("to", ""), fields.get("why", "").strip()
    closed = {"closed_on": desk.clock().date().isoformat()} if to in RELEASED else {}
    try:
        if not why:
            raise InputRefused(
                [Problem("edit.no-reason", "there is no reason", "write why this step is taken")]
            )
        _, steps = land_release.outlook(desk.store, id, desk.standard, present.name)
        chosen = next((one for one in steps if one.to == to), None)
        if chosen is None:
            nexts = ", ".join(one.to for one in steps)
            message = f"{id} cannot go to '{to[:40]}'"
            raise InputRefused([Problem("rules.no-such-step", message, f"it may go to {nexts}")])
        asked = land_release.Step(id, to, chosen.stands_on, closed)
        land_release.step(desk.store, asked, desk.standard, who=present.name, why=f"{to}: {why}")
    except InputRefused as refused:
        return _area_page(request, id, present, refused.problems, fields)
    change = desk.store.history(id, present.viewer(), "hazardous_area")[-1].change
    return _back(id, change, f"{id} is now {to}.")


@router.post("/release/{id:path}/document")
async def document(
    request: Request,
    id: str,
    file: Annotated[UploadFile | None, File()] = None,
    present: Present = may("edit"),
) -> Response:
    """Keep a paper that speaks of an area, with its digest."""
    desk: Desk = request.app.state.desk
    form = await request.form()
    fields = {name: str(value) for name, value in form.items() if isinstance(value, str)}
    try:
        change = await run_in_threadpool(_keep_document, desk, id, file, fields, present.name)
    except InputRefused as refused:
        return await run_in_threadpool(_area_page, request, id, present, refused.problems, fields)
    return _back(id, change, "The document is kept.")


def _keep_document(
    desk: Desk, id: str, file: UploadFile | None, fields: dict[str, str], who: str
) -> int | None:
    if file is None or not file.filename:
        raise InputRefused([Problem("edit.no-file", "there is no file", "choose the paper as a file")])
    content = file.file.read(LARGEST + 1)
    if len(content) > LARGEST or not content:
        raise InputRefused(
            [Problem("edit.file-size", "the file is empty or larger than 50 MB", "give another")]
        )
    digest = hashlib.sha256(content).hexdigest()
    path = desk.place("attachments") / digest
    part = path.with_suffix(".part")
    part.write_bytes(content)
    part.replace(path)
    name = Path(file.filename.replace("\\", "/")).name
    values = {
        "title": fields.get("title", "") or name,
        "file": name,
        "sha256": digest,
        "media_type": file.content_type or "",
        "bytes": str(len(content)),
        "dated_on": fields.get("dated_on", ""),
        "purpose": fields.get("purpose", ""),
        "about_kind": "hazardous_area",
        "about_id": id,
    }
    edit = editing.Edit("document", f"DOC-{digest[:12]}", values, 0, None, f"document of {id}")
    return editing.save(desk.store, edit, desk.standard, who=who, today=desk.clock().date()).change


@router.get("/documents/{sha256}")
def document_file(request: Request, sha256: str, present: Present = may("look")) -> Response:
    """A paper that is kept."""
    desk: Desk = request.app.state.desk
    path = desk.folder / "attachments" / sha256
    if present.viewer().coarse or not sha256.isalnum() or not path.is_file():
        raise Missing
    found = desk.store.page("document", present.viewer(), limit=1, ask=Compare("sha256", "=", sha256))
    if not found:
        raise Missing
    name = str(found[0].values.get("file") or sha256)
    return FileResponse(path, filename=name, media_type="application/octet-stream")


def _back(id: str, change: int | None, said: str) -> Response:
    told = {"said": said, **({"changed": str(change)} if change else {})}
    return RedirectResponse(f"/release/{quote(id, safe='')}?{urlencode(told)}", 303)
