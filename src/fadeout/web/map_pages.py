"""The map: its page, its tiles, base maps.

Reads   the store as far as who looks may see
Gives   a page, vector tiles, tiles and files of base maps
Knows   which layers a map has, in which order; how they look stands in static/map.js
Start   at `map_page`
"""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, File, Request, Response, UploadFile
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import FileResponse, RedirectResponse

from fadeout.errors import InputRefused
from fadeout.exchange import basemaps, tiles
from fadeout.jobs import run_views, tiling
from fadeout.records import queue
from fadeout.web.desk import Desk
from fadeout.web.faults import Missing
from fadeout.web.permissions import Present, may

router = APIRouter()
LARGEST_MAP = 64 * 2**30  # bytes of a base map (assumed)
TILE = "application/vnd.mapbox-vector-tile"
NAMES = {  # as the legend says
    "searched": "Searched ground",
    "box": "Survey boxes",
    "hazardous_area": "Hazardous areas (SHA, CHA)",
    "release": "Released ground",
    "task": "Tasks",
    "strike": "Strike records",
    "evidence": "Evidence points",
    "accident": "Accidents",
    "public_report": "Reports of the public",
}

WORDS = {
    "measured": "Measured",
    "also": "Also here",
    "cannot": "Cross-hatched ground was not searched. This map cannot say that any ground is free of remnants.",
}


@router.get("/map", include_in_schema=False)
def map_page(request: Request, present: Present = may("look")) -> Response:
    """All that is recorded, on a map."""
    desk: Desk = request.app.state.desk
    done = [
        one for one in queue.latest(desk.engine, 200) if one.state == queue.DONE and one.result.get("run")
    ]
    runs = [
        {"id": one.id, "area": one.asked["area"], "day": one.made_at[:16].replace("T", " ")}
        for one in done[:20]
    ]
    layers = [(name, words) for name, (words, _, _) in run_views.LAYERS.items()]
    say = desk.pages.say(request)
    words = {name: say(text) for name, text in WORDS.items()}
    names = {kind: say(name) for kind, name in NAMES.items()}
    values = map_values(desk, present, words={**words, "names": names})
    may_see = runs if present.may("assess") else []
    return desk.pages.page(request, "map.html", present, **values, runs=may_see, run_layers=layers)


def map_values(desk: Desk, present: Present, **more: Any) -> dict[str, Any]:
    """What a page with a map on it needs."""
    seen = desk.tiles.seen_by(present.viewer())
    config = {
        "kinds": list(tiling.SHOWN),
        "names": NAMES,
        "extent": seen.extent,
        "boxes": {state: look.model_dump() for state, look in desk.standard.states.items()},
        "basemaps": [one.as_json() for one in basemaps.found(desk.folder / "basemaps")],
        "rtl": "/static/parts/mapbox-gl-rtl-text.js",
        **more,
    }
    today = desk.clock().date()
    first = min(date.fromisoformat(seen.first_at[:10]), today) if seen.first_at else today
    return {
        "config": {**config, "first_day": first.isoformat()},
        "empty": seen.extent is None,
        "first_day": first.isoformat(),
        "days": (today - first).days,
        "today": today.isoformat(),
        "stamps": seen.stamps,
        "kinds": NAMES,
        "may_draw": present.may("edit"),
    }


@router.get(
    "/tiles/{kind}/{z}/{x}/{y}",
    responses={
        200: {"content": {TILE: {}}},
        204: {"description": "nothing there"},
        304: {"description": "as you have it"},
    },
    response_class=Response,
    include_in_schema=False,
)
def tile(
    request: Request, kind: str, z: int, x: int, y: int, as_of: str = "", present: Present = may("look")
) -> Response:
    """A tile of the records of a kind."""
    return tile_answer(request, kind, z, x, y, as_of, present)


def tile_answer(
    request: Request, kind: str, z: int, x: int, y: int, as_of: str, present: Present
) -> Response:
    """A tile, told by its mark whether the asker has it already."""
    desk: Desk = request.app.state.desk
    if kind not in tiling.SHOWN or not (0 <= z <= tiles.DEEPEST and 0 <= x < 2**z and 0 <= y < 2**z):
        raise Missing
    made, mark = desk.tiles.tile(kind, z, x, y, present.viewer(), as_of or None)
    etag = f'"{mark}-{present.viewer().role}-{as_of}"'
    headers = {"etag": etag, "cache-control": "private, no-cache", "vary": "cookie, authorization"}
    if request.headers.get("if-none-match") == etag:
        return Response(status_code=304, headers=headers)
    return Response(made, 200 if made else 204, headers, media_type=TILE)


@router.get("/base/borders.json", include_in_schema=False)
def borders(present: Present = may("look")) -> Response:
    """The land of the world with its borders."""
    headers = {"cache-control": "private, max-age=604800"}
    return Response(basemaps.borders(), headers=headers, media_type="application/geo+json")


@router.get("/base/file/{name}", include_in_schema=False)
def base_file(request: Request, name: str, present: Present = may("look")) -> Response:
    """A PMTiles file, piece by piece as the browser asks."""
    path = _base(request, name)
    if path.suffix != ".pmtiles":
        raise Missing
    return FileResponse(path, media_type="application/octet-stream")


@router.get("/base/tiles/{name}/{z}/{x}/{y}", include_in_schema=False)
def base_tile(
    request: Request, name: str, z: int, x: int, y: int, present: Present = may("look")
) -> Response:
    """A tile of an MBTiles file."""
    path = _base(request, name)
    if path.suffix != ".mbtiles" or not 0 <= z <= tiles.DEEPEST:
        raise Missing
    found = basemaps.tile(path, z, x, y)
    headers = {"cache-control": "private, max-age=86400"}
    return Response(found or b"", 200 if found else 204, headers, media_type=basemaps.check(path).tiles)


def _base(request: Request, name: str) -> Path:
    desk: Desk = request.app.state.desk
    path = desk.folder / "basemaps" / name
    if not basemaps.NAME.fullmatch(name) or not path.is_file():
        raise Missing
    return path


@router.get("/basemaps", include_in_schema=False)
def base_maps(request: Request, present: Present = may("intake")) -> Response:
    """Which base maps there are; bring one, take one away."""
    desk: Desk = request.app.state.desk
    return desk.pages.page(
        request, "basemaps.html", present, maps=basemaps.found(desk.folder / "basemaps"), problems=()
    )


@router.post("/basemaps", include_in_schema=False, max_body_size=LARGEST_MAP)
async def base_maps_change(
    request: Request, file: Annotated[UploadFile | None, File()] = None, present: Present = may("intake")
) -> Response:
    """Put a file on the map, or take one away."""
    desk: Desk = request.app.state.desk
    form = await request.form()
    folder = desk.place("basemaps")
    gone = str(form.get("drop", ""))
    if gone:
        _base(request, gone).unlink()
        return RedirectResponse("/basemaps", 303)
    try:
        await run_in_threadpool(_keep_base, folder, file)
    except InputRefused as refused:
        maps = basemaps.found(folder)
        return desk.pages.page(request, "basemaps.html", present, 422, maps=maps, problems=refused.problems)
    return RedirectResponse("/basemaps", 303)


def _keep_base(folder: Path, file: UploadFile | None) -> None:
    name = Path(file.filename or "").name if file else ""
    part = folder / f"{name}.part"
    if not basemaps.NAME.fullmatch(name) or file is None:
        basemaps.check(folder / (name or "a file without a name"))
        return
    try:
        with part.open("wb") as out:
            while piece := file.file.read(2**20):
                out.write(piece)
        final = part.rename(folder / name)
        try:
            basemaps.check(final)
        except InputRefused:
            final.unlink()
            raise
    finally:
        part.unlink(missing_ok=True)
