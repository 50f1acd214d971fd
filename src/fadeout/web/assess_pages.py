"""Assessments: asked for, run in the background, looked at, compared, their hazardous area accepted.

Reads   the queue, folders of runs, the store
Gives   pages, pictures and layers of runs, new versions of areas
Knows   that an estimate advises and a person decides, with a name and a reason
Start   at `assess_page`
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import shapely
from fastapi import APIRouter, Request, Response
from fastapi.responses import FileResponse, JSONResponse, RedirectResponse

from fadeout.errors import InputRefused, Problem
from fadeout.jobs import editing, run_views, working
from fadeout.records import profile as profiles
from fadeout.records import queue
from fadeout.records.queue import Work
from fadeout.web.desk import Desk
from fadeout.web.faults import Missing
from fadeout.web.map_pages import map_values
from fadeout.web.permissions import Fields, Present, may

router = APIRouter(include_in_schema=False)
AREAS = 500  # that a list offers
SIDE = 720  # of a map beside others, in pixels


@router.get("/assess")
def assess_page(request: Request, area: str = "", present: Present = may("assess")) -> Response:
    """What was asked for and what came of it; a form for the next."""
    return _page(request, present, area)


def _page(request: Request, present: Present, area: str, problems: tuple[Problem, ...] = ()) -> Response:
    desk: Desk = request.app.state.desk
    areas = [one.id for one in desk.store.page("hazardous_area", present.viewer(), limit=AREAS)]
    work = _listed(desk)
    return desk.pages.page(
        request,
        "assess.html",
        present,
        422 if problems else 200,
        area=area,
        areas=areas,
        profiles=_profiles(desk),
        work=work,
        busy=any(one.state in queue.OPEN for one in work),
        done=[one for one in work if one.state == queue.DONE],
        problems=problems,
    )


def _listed(desk: Desk) -> list[Work]:
    return [one for one in queue.latest(desk.engine, 60) if one.kind in (working.ASSESS, working.UPDATE)]


def _profiles(desk: Desk) -> list[str]:
    """The shipped profile, and those in the server's folder."""
    folder = desk.folder / "profiles"
    own = sorted(path.stem for path in folder.glob("*.toml")) if folder.is_dir() else []
    return ["default", *own]


def _profile(desk: Desk, name: str) -> str | None:
    """The file of a profile, None for the shipped one."""
    if name in ("", "default"):
        return None
    if name not in _profiles(desk):
        raise InputRefused(
            [Problem("profile.unknown", f"there is no profile '{name[:40]}'", "choose one of the list")]
        )
    return str(desk.folder / "profiles" / f"{name}.toml")


@router.post("/assess")
def ask(request: Request, fields: Fields, present: Present = may("assess")) -> Response:
    """Put an assessment into the queue."""
    desk: Desk = request.app.state.desk
    area = fields.get("area", "")
    try:
        asked = _asked(desk, present, fields)
    except InputRefused as refused:
        return _page(request, present, area, refused.problems)
    id = queue.ask(desk.engine, working.ASSESS, asked, present.name, desk.clock())
    return RedirectResponse(f"/runs/{id}", 303)


def _asked(desk: Desk, present: Present, fields: dict[str, str]) -> dict[str, Any]:
    problems: list[Problem] = []
    area = fields.get("area", "").strip()
    if desk.store.get("hazardous_area", area, present.viewer()) is None:
        problems.append(
            Problem("store.no-area", f"there is no hazardous area '{area[:60]}'", "choose one, or draw it")
        )
    profile = _profile(desk, fields.get("profile", ""))
    profiles.load(profile)
    asked: dict[str, Any] = {"area": area, "profile": profile}
    for name, low, high in (("seed", 0, 2**31), ("cell_m", 0.5, 1000), ("margin_m", 0, 5000)):
        text = fields.get(name, "").strip()
        if not text:
            continue
        try:
            value = float(text)
        except ValueError:
            value = float("nan")
        if not low <= value <= high:
            problems.append(
                Problem(
                    "work.bad-number", f"{name} is '{text[:20]}'", f"write a number from {low:g} to {high:g}"
                )
            )
        asked[name] = int(value) if name == "seed" and value == value else value
    if problems:
        raise InputRefused(problems)
    return asked


@router.get("/assess/work")
def work_rows(request: Request, present: Present = may("assess")) -> Response:
    """The rows of the queue, which a page asks for again and again while something runs."""
    desk: Desk = request.app.state.desk
    work = _listed(desk)
    busy = any(one.state in queue.OPEN for one in work)
    return desk.pages.page(request, "work_rows.html", present, work=work, busy=busy)


@router.post("/runs/{id}/cancel")
def cancel(request: Request, id: str, present: Present = may("assess")) -> Response:
    """Stop what waits or runs."""
    desk: Desk = request.app.state.desk
    queue.find(desk.engine, id)
    queue.cancel(desk.engine, id, desk.clock())
    return RedirectResponse(f"/runs/{id}", 303)


def _run(desk: Desk, id: str) -> run_views.Run:
    return run_views.find(desk.folder / "runs", id)


@router.get("/runs/{id}")
def run_page(request: Request, id: str, present: Present = may("assess")) -> Response:
    """One assessment: how far it is, or what it says."""
    return _run_page(request, id, present)


def _run_page(
    request: Request, id: str, present: Present, problems: tuple[Problem, ...] = (), status: int = 200
) -> Response:
    desk: Desk = request.app.state.desk
    work = queue.find(desk.engine, id)
    if work.state != queue.DONE:
        return desk.pages.page(request, "run_going.html", present, work=work)
    run = _run(desk, id)
    area = str(work.asked["area"])
    hazard = desk.store.get("hazardous_area", area, present.viewer())
    values = map_values(desk, present)
    west, south, east, north = run_views.picture(run.folder, "any")[1]
    others = [
        one for one in _listed(desk) if one.state == queue.DONE and one.id != id and one.asked["area"] == area
    ]
    values["config"] |= {"extent": [west, south, east, north], "run": id, "layers": list(run_views.LAYERS)}
    return desk.pages.page(
        request,
        "run.html",
        present,
        status,
        **{**values, "stamps": run.stamps},
        work=work,
        run=run,
        figures=run.summary,
        boxes=run.summary.get("next_boxes", ()),
        hazard=hazard,
        layers={name: words for name, (words, _, _) in run_views.LAYERS.items()},
        files=[name for name in run_views.FILES if (run.folder / name).is_file()],
        others=others,
        methods=_methods(work),
        problems=problems,
    )


def _methods(work: Work) -> list[str]:
    found = profiles.load(work.asked.get("profile"))
    return sorted(found.methods)


@router.get("/runs/{id}/map")
def run_map(request: Request, id: str, present: Present = may("assess")) -> Response:
    """What of a run a map draws beside its picture."""
    desk: Desk = request.app.state.desk
    work, run = queue.find(desk.engine, id), _run(desk, id)
    area = run_views.area(run)
    fitted = _run(desk, str(work.asked["run"])).folder if work.kind == working.UPDATE else None
    bare = run_views.not_searched(run.folder, fitted)
    nothing: dict[str, Any] = {"type": "FeatureCollection", "features": []}
    return JSONResponse(
        {
            "bounds": run_views.picture(run.folder, "any")[1],
            "boxes": {"type": "FeatureCollection", "features": run_views.boxes(run)},
            "area": json.loads(shapely.to_geojson(area)) if area is not None else nothing,
            "not_searched": json.loads(shapely.to_geojson(bare)),
            "stamps": run.stamps,
        }
    )


@router.get("/runs/{id}/{layer}.png")
def run_picture(request: Request, id: str, layer: str, present: Present = may("assess")) -> Response:
    """A raster of a run."""
    desk: Desk = request.app.state.desk
    if layer not in run_views.LAYERS:
        raise Missing
    made, _ = run_views.picture(_run(desk, id).folder, layer)
    return Response(made, headers={"cache-control": "private, max-age=3600"}, media_type="image/png")


@router.get("/runs/{id}/files/{name}")
def run_file(request: Request, id: str, name: str, present: Present = may("assess")) -> Response:
    """A product of a run."""
    desk: Desk = request.app.state.desk
    run = _run(desk, id)
    if name not in run_views.FILES or not (run.folder / name).is_file():
        raise Missing
    return _product(run.folder / name)


def _product(path: Path) -> Response:
    if path.suffix == ".html":  # a page of its own, with its styles in it: no script, nothing from elsewhere
        csp = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:"
        return FileResponse(path, media_type="text/html", headers={"content-security-policy": csp})
    return FileResponse(
        path, filename=path.name, content_disposition_type="inline" if path.suffix == ".pdf" else "attachment"
    )


@router.get("/compare")
def compare(request: Request, one: str, other: str, present: Present = may("assess")) -> Response:
    """Two runs side by side."""
    desk: Desk = request.app.state.desk
    a, b = _run(desk, one), _run(desk, other)
    return desk.pages.page(
        request,
        "compare.html",
        present,
        one=a,
        other=b,
        rows=run_views.compared(a, b),
        same=run_views.same_ground(a, b),
        layers={name: words for name, (words, _, _) in run_views.LAYERS.items()},
    )


@router.post("/runs/{id}/accept")
def accept(request: Request, id: str, fields: Fields, present: Present = may("decide")) -> Response:
    """Let the run's hazardous area become the area's polygon, by name and reason."""
    desk: Desk = request.app.state.desk
    work, run = queue.find(desk.engine, id), _run(desk, id)
    area, drawn = str(work.asked["area"]), run_views.area(run)
    why = fields.get("why", "").strip()
    try:
        if not why:
            raise InputRefused(
                [Problem("edit.no-reason", "there is no reason", "write why this area is accepted")]
            )
        if drawn is None:
            raise InputRefused([Problem("work.no-area", "this run drew no hazardous area", "assess anew")])
        before = desk.store.get("hazardous_area", area, present.viewer())
        version = before.version if before is not None else 0
        edit = editing.Edit(
            "hazardous_area",
            area,
            {},
            version,
            shapely.to_geojson(drawn),
            f"{why} (assessment {id}, accepted by {present.name})",
        )
        saved = editing.save(desk.store, edit, desk.standard, who=present.name, today=desk.clock().date())
    except InputRefused as refused:
        return _run_page(request, id, present, refused.problems, 422)
    told = {"changed": str(saved.change or ""), "said": f"{area} now has the outline of this assessment."}
    return RedirectResponse(f"/records/hazardous_area/{quote(area, safe='')}?{urlencode(told)}", 303)


@router.post("/runs/{id}/box")
def add_box(request: Request, id: str, fields: Fields, present: Present = may("assess")) -> Response:
    """Record a next box as searched, with what was found in it, and let the estimate take it in."""
    desk: Desk = request.app.state.desk
    work, run = queue.find(desk.engine, id), _run(desk, id)
    try:
        rank, values, place = _searched_box(run, fields)
        reason = f"box {rank} of assessment {id}"
        edit = editing.Edit("searched", f"S-{id[-8:]}-{rank}", values, 0, json.dumps(place), reason)
        editing.save(desk.store, edit, desk.standard, who=present.name, today=desk.clock().date())
    except InputRefused as refused:
        return _run_page(request, id, present, refused.problems, 422)
    asked = {
        **work.asked,
        "run": str(work.asked.get("run", id)),
    }  # an update begins at the run that was fitted
    new = queue.ask(desk.engine, working.UPDATE, asked, present.name, desk.clock())
    return RedirectResponse(f"/runs/{new}", 303)


def _searched_box(run: run_views.Run, fields: dict[str, str]) -> tuple[str, dict[str, str], dict[str, Any]]:
    """Rank, values and place of a next box that was searched without a find."""
    rank = fields.get("rank", "")
    found = [one for one in run_views.boxes(run) if str(one["properties"].get("rank")) == rank]
    if not found:
        raise InputRefused(
            [Problem("work.no-box", f"there is no box of rank '{rank[:10]}'", "choose one of the list")]
        )
    values = {
        name: fields.get(name, "") for name in ("outcome", "method", "searched_on", "team", "share_searched")
    }
    if values["outcome"] not in ("complete", "partial"):
        raise InputRefused(
            [
                Problem(
                    "work.box-with-find",
                    "a box with finds is recorded with them",
                    "record it on the field page, then assess anew",
                )
            ]
        )
    stamp = "; ".join(run.stamps)
    if run.summary.get("simulated") and stamp:
        values["stamp"] = stamp
    return rank, values, found[0]["geometry"]
