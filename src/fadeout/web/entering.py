"""Coming in and going: sign in, set a password by a link, choose a language; the first page.

Reads   forms
Gives   sessions as cookies
Knows   `records.accounts`; nothing of records
Start   at `enter`
"""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse, RedirectResponse

from fadeout.errors import InputRefused
from fadeout.records import accounts
from fadeout.web.desk import Desk
from fadeout.web.faults import Missing, Often
from fadeout.web.pages import COOKIE as LANG_COOKIE
from fadeout.web.pages import LANGUAGES
from fadeout.web.permissions import COOKIE, TRIES_A_MINUTE, Fields, Present, address_of, may, open_to_all

router = APIRouter(include_in_schema=False)


@router.get("/")
def first(present: Present = may("look")) -> Response:
    """The map is the first page."""
    return RedirectResponse("/map", 303)


@router.get("/healthz")
@open_to_all
def healthz(request: Request) -> Response:
    """Whether the server and its store answer."""
    desk: Desk = request.app.state.desk
    with desk.store.connected() as connection:
        connection.exec_driver_sql("SELECT 1")
    return JSONResponse({"status": "ok"})


@router.get("/enter")
@open_to_all
def enter_page(request: Request, next: str = "/map") -> Response:
    """The page to sign in."""
    desk: Desk = request.app.state.desk
    return desk.pages.page(
        request, "enter.html", next=next, problem=None, first=not accounts.any_account(desk.engine)
    )


@router.post("/enter")
@open_to_all
def enter(request: Request, fields: Fields) -> Response:
    """Sign in."""
    desk: Desk = request.app.state.desk
    _same_site(request)
    if desk.rates.spent("enter", address_of(request), TRIES_A_MINUTE):
        raise Often
    where = fields.get("next", "/map")
    if not where.startswith("/") or where.startswith(("//", "/\\")):
        where = "/map"
    try:
        token, _ = accounts.enter(
            desk.engine,
            fields.get("login", ""),
            fields.get("password", ""),
            fields.get("code", ""),
            desk.clock(),
        )
    except InputRefused as refused:
        desk.rates.failed("enter", address_of(request))
        return desk.pages.page(
            request, "enter.html", None, 401, next=where, problem=refused.problems[0], first=False
        )
    return _in(desk, RedirectResponse(where, 303), token)


def _in(desk: Desk, answer: Response, token: str) -> Response:
    answer.set_cookie(COOKIE, token, httponly=True, samesite="lax", secure=desk.setting.https, path="/")
    return answer


def _same_site(request: Request) -> None:
    if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        raise Missing


@router.post("/leave")
def leave(request: Request, present: Present = may("own")) -> Response:
    """Sign out."""
    desk: Desk = request.app.state.desk
    accounts.leave(desk.engine, request.cookies.get(COOKIE, ""))
    answer = RedirectResponse("/enter", 303)
    answer.delete_cookie(COOKIE, path="/")
    return answer


@router.get("/invited/{word}")
@open_to_all
def invited_page(request: Request, word: str) -> Response:
    """The page behind an invitation's link: set a password."""
    desk: Desk = request.app.state.desk
    account = accounts.invited(desk.engine, word, desk.clock())
    if account is None:
        raise Missing
    return desk.pages.page(request, "invited.html", account=account, word=word, problem=None)


@router.post("/invited/{word}")
@open_to_all
def invited(request: Request, word: str, fields: Fields) -> Response:
    """Set a password, and come in."""
    desk: Desk = request.app.state.desk
    account = accounts.invited(desk.engine, word, desk.clock())
    if account is None:
        raise Missing
    password = fields.get("password", "")
    try:
        if password != fields.get("again", ""):
            raise accounts.refused("account.differ", "the two passwords differ", "write the same twice")
        accounts.set_password(desk.engine, account.login, password, now=desk.clock())
    except InputRefused as refused:
        return desk.pages.page(
            request, "invited.html", None, 422, account=account, word=word, problem=refused.problems[0]
        )
    token, _ = accounts.enter(desk.engine, account.login, password, "", desk.clock())
    return _in(desk, RedirectResponse("/map", 303), token)


@router.post("/language")
@open_to_all
def language(fields: Fields) -> Response:
    """Choose a language."""
    where = fields.get("next", "/")
    answer = RedirectResponse(where if where.startswith("/") and not where.startswith("//") else "/", 303)
    if fields.get("lang") in LANGUAGES:
        answer.set_cookie(LANG_COOKIE, fields["lang"], max_age=31_536_000, samesite="lax", path="/")
    return answer
