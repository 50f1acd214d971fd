"""The server: one application over one store, for browsers and map programs.

Reads   a `Setting`
Gives   `make_app`; `serving`, which an ASGI server calls
Knows   which rooms of pages there are, what every answer carries, which page tells of a fault
Start   at `make_app`
"""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from importlib.metadata import version
from pathlib import Path
from threading import Thread
from urllib.parse import quote

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, RedirectResponse
from fastapi.routing import APIRoute
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException

from fadeout.errors import FadeoutError
from fadeout.records.access import Viewer
from fadeout.web import (
    account_pages,
    assess_pages,
    draft_pages,
    entering,
    field_pages,
    intake_pages,
    map_pages,
    ogc,
    record_pages,
    release_pages,
    treaty_pages,
)
from fadeout.web.desk import Clock, Setting, now, open_desk
from fadeout.web.faults import TITLES, NotIn, problem_json, status_of
from fadeout.web.pages import HERE, Pages
from fadeout.web.permissions import OPEN_MARK, present_at

CSP = (
    "default-src 'self'; img-src 'self' data: blob:; worker-src 'self' blob:; connect-src 'self'; "
    "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'self'"
)
HEADERS = {
    "content-security-policy": CSP,
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "permissions-policy": "camera=(self), geolocation=(self), microphone=()",
    "cross-origin-opener-policy": "same-origin",
}
BY_PHONE = (
    "/field/session",
    "/field/records",
    "/field/photos",
)  # asked by a page, which asks its person itself
INTERFACES = ("/ogc", "/tiles", "/api", "/base", *BY_PHONE)  # answered in JSON also when they fail
ROOMS = (
    entering,
    map_pages,
    record_pages,
    intake_pages,
    assess_pages,
    release_pages,
    field_pages,
    treaty_pages,
    draft_pages,
    account_pages,
    ogc,
)
LARGEST_BODY = 64 * 2**20  # bytes, where a route does not say (assumed)
SETTING = "FADEOUT_SERVER_SETTING"


def make_app(setting: Setting, clock: Clock = now) -> FastAPI:
    """Make the application.

    Raises
    ------
    InputRefused
        If the store cannot be opened.
    """
    app = FastAPI(
        title="fadeout",
        version=version("fadeout"),
        description="Records of survey, clearance and land release, for staff and their map programs. "
        "What was not searched is not clear.",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        max_body_size=LARGEST_BODY,
        lifespan=_life,
        telemetry={
            "auto_configure": False,
            "tracing": False,
            "metrics": False,
            "logs": False,
        },  # nothing leaves
    )
    app.state.desk = open_desk(setting, Pages(), clock)
    app.mount("/static", StaticFiles(directory=HERE / "static"), name="static")
    for room in ROOMS:
        app.include_router(room.router)
    check_routes(app)
    warming = Thread(target=app.state.desk.tiles.warm, args=(Viewer("server", "manager"),), daemon=True)
    warming.start()  # so that nobody's first map waits for all records to be read
    app.middleware("http")(_with_headers)
    app.exception_handler(FadeoutError)(_fault)
    app.exception_handler(HTTPException)(_http_fault)
    app.exception_handler(RequestValidationError)(_asked_wrongly)
    app.exception_handler(Exception)(_our_fault)
    return app


@asynccontextmanager
async def _life(app: FastAPI) -> AsyncIterator[None]:
    yield
    app.state.desk.engine.dispose()


def serving() -> FastAPI:
    """The application as the environment says; for servers that start it by its name."""
    said = json.loads(os.environ[SETTING])
    keys = said.pop("keys", None)
    secret = os.environ.get("FADEOUT_KEYS_SECRET", "")
    return make_app(
        Setting(
            **{**said, "folder": Path(said["folder"])},
            keys=Path(keys) if keys else None,
            master=secret.encode() or None,
        )
    )


def permission_of(route: APIRoute) -> str | None:
    """The permission that a route asks for, "open" if it is open to all, None if nobody thought of it."""
    for dependant in route.dependant.dependencies:
        found = getattr(dependant.call, "permission", None)
        if found:
            return str(found)
    return "open" if getattr(route.endpoint, OPEN_MARK, False) else None


def check_routes(app: FastAPI) -> None:
    """Refuse to start where a route asks nobody for permission."""
    forgotten = [
        route.path
        for room in ROOMS
        for route in room.router.routes
        if isinstance(route, APIRoute) and permission_of(route) is None
    ]
    if forgotten:
        raise RuntimeError(f"routes without a permission: {', '.join(forgotten)}")


async def _with_headers(request: Request, call: Callable[[Request], Awaitable[Response]]) -> Response:
    answer = await call(request)
    for name, value in HEADERS.items():
        answer.headers.setdefault(name, value)
    if not request.url.path.startswith(("/static", "/tiles", "/base")):
        answer.headers.setdefault("cache-control", "no-store")
    return answer


async def _fault(request: Request, error: Exception) -> Response:
    assert isinstance(error, FadeoutError)
    return await _answer(request, status_of(error), error)


async def _http_fault(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    answer = await _answer(request, error.status_code, None)
    answer.headers.update(error.headers or {})  # such as Allow of a 405
    return answer


async def _our_fault(request: Request, error: Exception) -> Response:
    answer = await _answer(request, 500, None)  # the log of the server has the rest
    for name, value in HEADERS.items():
        answer.headers.setdefault(name, value)
    return answer


async def _asked_wrongly(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    words = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
    return await _answer(request, 422, None, words)


async def _answer(request: Request, status: int, error: FadeoutError | None, detail: str = "") -> Response:
    path = request.url.path
    if path.startswith(INTERFACES):
        asks = status == 401 and not path.startswith(BY_PHONE)
        headers = {"www-authenticate": 'Basic realm="fadeout"'} if asks else {}
        told = problem_json(status, error, detail)
        return JSONResponse(told, status, headers, media_type="application/problem+json")
    if isinstance(error, NotIn):
        where = "" if request.method != "GET" else f"?next={quote(path)}"
        if "hx-request" in request.headers:
            return Response(status_code=401, headers={"hx-redirect": f"/enter{where}"})
        return RedirectResponse(f"/enter{where}", 303)
    try:
        present = await present_at(request) if request.method == "GET" else None
    except FadeoutError:
        present = None
    pages: Pages = request.app.state.desk.pages
    problems = getattr(error, "problems", ())
    title = TITLES.get(status, TITLES[400])
    return pages.page(request, "fault.html", present, status, title=title, problems=problems, detail=detail)
