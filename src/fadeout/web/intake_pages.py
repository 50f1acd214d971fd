"""Taking files in: drop files, look through what they would change, decide row by row or all at once.

Reads   files that are sent
Gives   pages; changes of the store through `jobs.storing`
Knows   where a file waits until somebody decides; nothing of formats
Start   at `intake_page`
"""

from __future__ import annotations

import json
import re
import secrets
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, File, Request, Response, UploadFile
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import RedirectResponse

from fadeout.errors import InputRefused, Problem
from fadeout.exchange import formats, shipped_maps
from fadeout.jobs import storing
from fadeout.jobs.storing import Review
from fadeout.records.catalogue import KINDS
from fadeout.records.changing import Put
from fadeout.web.desk import Desk
from fadeout.web.faults import Missing
from fadeout.web.permissions import Present, may

router = APIRouter(include_in_schema=False)
WAITING = re.compile(r"[0-9]{8}T[0-9]{6}-[0-9a-f]{8}")
OPTIONS = ("kind", "crs", "order", "map", "source", "stamp")  # texts of the form that an intake reads
LARGEST = 2 * 2**30  # bytes of one file (assumed)
PASSES = 20  # that look for rows to leave out: each may show faults that others hid


@router.get("/intake")
def intake_page(request: Request, present: Present = may("intake")) -> Response:
    """Where files are dropped, and those that wait for a decision."""
    return _page(request, present, ())


def _page(request: Request, present: Present, problems: tuple[Problem, ...]) -> Response:
    desk: Desk = request.app.state.desk
    waiting = [json.loads((one / "about.json").read_text(encoding="utf-8")) for one in _waiting(desk)]
    return desk.pages.page(
        request,
        "intake.html",
        present,
        422 if problems else 200,
        waiting=waiting,
        maps=shipped_maps.names(),
        kinds=KINDS,
        suffixes=formats.suffixes(),
        problems=problems,
    )


def _waiting(desk: Desk) -> Iterator[Path]:
    folder = desk.folder / "intake"
    if folder.is_dir():
        yield from (one for one in sorted(folder.iterdir(), reverse=True) if (one / "about.json").is_file())


@router.post("/intake", max_body_size=2 * LARGEST)
async def bring(
    request: Request,
    files: Annotated[list[UploadFile] | None, File()] = None,
    present: Present = may("intake"),
) -> Response:
    """Keep what was dropped until somebody decides."""
    desk: Desk = request.app.state.desk
    form = await request.form()
    told = {name: str(form.get(name, "")).strip() for name in OPTIONS}
    told["repair"] = "yes" if form.get("repair") else ""
    try:
        token = await run_in_threadpool(_keep, desk, files or [], told, present.name)
    except InputRefused as refused:
        return _page(request, present, refused.problems)
    return RedirectResponse(f"/intake/{token}", 303)


def _keep(desk: Desk, sent: list[UploadFile], told: dict[str, str], who: str) -> str:
    """Write files into a folder of their own; give its name."""
    token = f"{desk.clock():%Y%m%dT%H%M%S}-{secrets.token_hex(4)}"
    folder = desk.place("intake") / f".{token}"
    folder.mkdir()
    try:
        names = [_write(one, folder) for one in sent if one.filename]
        readable = [name for name in names if formats.named(Path(name)) is not None]
        if not readable:
            what = ", ".join(names) or "nothing"
            problem = Problem(
                "intake.unknown-format", f"none of the files can be read ({what})", formats.suffixes()
            )
            raise InputRefused([problem])
        about = {
            "token": token,
            "files": readable,
            "who": who,
            "at": desk.clock().isoformat(),
            "leave": [],
            **told,
        }
        (folder / "about.json").write_text(json.dumps(about, ensure_ascii=False), encoding="utf-8")
        folder.rename(folder.with_name(token))
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return token


def _write(sent: UploadFile, folder: Path) -> str:
    name = re.sub(r"[^\w. ()+-]", "_", Path((sent.filename or "").replace("\\", "/")).name)[:150] or "file"
    size = 0
    with (folder / name).open("wb") as out:
        while piece := sent.file.read(2**20):
            size += len(piece)
            if size > LARGEST:
                remedy = "take it in with: fadeout intake FILE --store STORE"
                raise InputRefused(
                    [Problem("intake.too-large", "the file is larger than 2 GB", remedy, file=name)]
                )
            out.write(piece)
    return name


def _folder(desk: Desk, token: str) -> Path:
    folder = desk.folder / "intake" / token
    if not WAITING.fullmatch(token) or not (folder / "about.json").is_file():
        raise Missing
    return folder


@router.get("/intake/{token}")
def review_page(request: Request, token: str, present: Present = may("intake")) -> Response:
    """What a file would change: new, changed, alike, refused; a choice for each row."""
    desk: Desk = request.app.state.desk
    folder = _folder(desk, token)
    about = json.loads((folder / "about.json").read_text(encoding="utf-8"))
    reviews = _reviewed(desk, folder, about, present.name)
    return desk.pages.page(
        request,
        "review.html",
        present,
        about=about,
        token=token,
        reviews=reviews,
        left=len(about["leave"]),
        refused=[one for review in reviews for one in review.problems],
        storable=bool(reviews) and all(not review.problems for review in reviews),
        something=any(review.put.new or review.put.changed for review in reviews),
    )


def _asked(desk: Desk, folder: Path, about: dict[str, Any], who: str, dry_run: bool) -> storing.Request:
    keys = desk.setting.keys
    return storing.Request(
        tuple(folder / name for name in about["files"]),
        who,
        column_map=shipped_maps.path_of(about["map"]) if about.get("map") else None,
        source=about.get("source", "") if about.get("map") else "",
        kind=about.get("kind", ""),
        constants={"stamp": about["stamp"]} if about.get("stamp") else {},
        crs=about.get("crs") or None,
        order=about.get("order") or "auto",
        standard=desk.setting.standard,
        repair=bool(about.get("repair")),
        keys=keys,
        master=desk.setting.master,
        dry_run=dry_run,
        leave_out=frozenset((str(layer), int(row)) for layer, row in about["leave"]),
    )


def _reviewed(desk: Desk, folder: Path, about: dict[str, Any], who: str) -> list[Review]:
    asked = _asked(desk, folder, about, who, dry_run=True)
    return storing.take_in(desk.store, asked, today=desk.clock().date())


@router.post("/intake/{token}")
async def decide(request: Request, token: str, present: Present = may("intake")) -> Response:
    """Leave rows out, store the rest, or drop the file."""
    desk: Desk = request.app.state.desk
    folder = _folder(desk, token)
    form = await request.form()
    about = json.loads((folder / "about.json").read_text(encoding="utf-8"))
    do = str(form.get("do", "review"))
    if do == "drop":
        shutil.rmtree(folder)
        return RedirectResponse(
            f"/intake?{urlencode({'said': 'The file was dropped; nothing was stored.'})}", 303
        )
    if do == "all":
        about["leave"] = []
    chosen = [json.loads(str(one)) for one in form.getlist("leave")]
    about["leave"] = [*about["leave"], *chosen]
    about["repair"] = "yes" if form.get("repair") else about["repair"]
    if do == "refused":
        about["leave"] = await run_in_threadpool(_without_refused, desk, folder, about, present.name)
    _save(folder, about)
    if do == "store":
        return await run_in_threadpool(_store, desk, folder, about, present.name, token)
    return RedirectResponse(f"/intake/{token}", 303)


def _save(folder: Path, about: dict[str, Any]) -> None:
    about["leave"] = [
        list(one) for one in dict.fromkeys((str(layer), int(row)) for layer, row in about["leave"])
    ]
    part = folder / "about.part"
    part.write_text(json.dumps(about, ensure_ascii=False), encoding="utf-8")
    part.replace(folder / "about.json")


def _without_refused(desk: Desk, folder: Path, about: dict[str, Any], who: str) -> list[Any]:
    """Rows to leave out so that no row is refused; faults that are of no row stay."""
    for _ in range(PASSES):
        reviews = _reviewed(desk, folder, about, who)
        found = [[one.layer, one.row] for review in reviews for one in review.problems if one.row is not None]
        new = [one for one in found if one not in about["leave"]]
        if not new:
            break
        about = {**about, "leave": [*about["leave"], *new]}
    return list(about["leave"])


def _store(desk: Desk, folder: Path, about: dict[str, Any], who: str, token: str) -> Response:
    asked = _asked(desk, folder, about, who, dry_run=False)
    left = len(about["leave"])
    why = f"intake of {', '.join(about['files'])}" + (f", {left} rows left out by a person" if left else "")
    reviews = storing.take_in(desk.store, replace(asked, why=why), today=desk.clock().date())
    if any(review.problems for review in reviews):
        return RedirectResponse(f"/intake/{token}", 303)  # the review tells why
    shutil.rmtree(folder)
    put = sum((review.put for review in reviews), Put())
    said = f"Stored: {put.new} new, {put.changed} changed, {put.same} as they were."
    changes = [review.change for review in reviews if review.change is not None]
    told = {"said": said, **({"changed": str(changes[0])} if len(changes) == 1 else {})}
    return RedirectResponse(f"/intake?{urlencode(told)}", 303)
