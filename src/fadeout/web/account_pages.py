"""Accounts, one's own page, the log of changes and of who read what.

Reads   forms
Gives   pages
Knows   `records.accounts` and the log
Start   at `accounts_page`
"""

from __future__ import annotations

from urllib.parse import quote

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from fadeout.errors import InputRefused, Problem
from fadeout.records import access_log, accounts
from fadeout.web.desk import Desk
from fadeout.web.permissions import Fields, Present, may

router = APIRouter(include_in_schema=False)


def _page(request: Request, present: Present, link: str = "", problems: tuple[Problem, ...] = ()) -> Response:
    desk: Desk = request.app.state.desk
    return desk.pages.page(
        request,
        "accounts.html",
        present,
        422 if problems else 200,
        accounts=accounts.all_accounts(desk.engine),
        roles=accounts.ROLES,
        link=link,
        problems=problems,
    )


@router.get("/accounts")
def accounts_page(request: Request, present: Present = may("accounts")) -> Response:
    """Every account, and a form for a new one."""
    return _page(request, present)


@router.post("/accounts")
async def accounts_change(request: Request, present: Present = may("accounts")) -> Response:
    """Invite somebody, invite again, change roles, close."""
    desk: Desk = request.app.state.desk
    form = await request.form()
    login, name = str(form.get("login", "")).strip().lower(), str(form.get("name", ""))
    roles = tuple(str(one) for one in form.getlist("role"))
    asked, now = str(form.get("do", "invite")), desk.clock()
    try:
        if asked == "invite":
            word = accounts.invite(desk.engine, login, name, roles, by=present.account.login, now=now)
        elif asked == "again":
            word = accounts.invite_again(desk.engine, login, by=present.account.login, now=now)
        else:
            active = asked != "close"
            accounts.change(desk.engine, login, roles=roles, active=active, by=present.account.login, now=now)
            return RedirectResponse("/accounts", 303)
    except InputRefused as refused:
        return _page(request, present, problems=refused.problems)
    return _page(request, present, link=f"{request.base_url}invited/{quote(word)}")


@router.get("/me")
def me(request: Request, present: Present = may("own")) -> Response:
    """One's own account: password, second factor, tokens for map programs."""
    return _me(request, present)


def _me(request: Request, present: Present, **more: object) -> Response:
    desk: Desk = request.app.state.desk
    told = {"shown": "", "secret": "", "address": "", "problem": None, **more}
    return desk.pages.page(
        request,
        "me.html",
        present,
        422 if told["problem"] else 200,
        tokens=accounts.tokens(desk.engine, present.account.login),
        base=str(request.base_url),
        **told,
    )


@router.post("/me")
def me_change(request: Request, fields: Fields, present: Present = may("own")) -> Response:
    """Make or end a token; begin, confirm or end the second factor."""
    import pyotp

    desk: Desk = request.app.state.desk
    login, now, asked = present.account.login, desk.clock(), fields.get("do", "")
    if asked == "token":
        return _me(
            request, present, shown=accounts.make_token(desk.engine, login, fields.get("label", ""), now)
        )
    if asked == "drop":
        accounts.drop_token(desk.engine, login, fields.get("label", ""), now)
    elif asked == "factor":
        secret = pyotp.random_base32()
        address = pyotp.TOTP(secret).provisioning_uri(name=login, issuer_name="fadeout")
        return _me(request, present, secret=secret, address=address)
    elif asked == "confirm":
        secret = fields.get("secret", "")
        if not pyotp.TOTP(secret).verify(fields.get("code", ""), for_time=now, valid_window=1):
            problem = Problem("account.wrong-code", "the code does not fit", "check the clock of the phone")
            return _me(request, present, problem=problem, secret=secret)
        accounts.set_second_factor(desk.engine, login, secret, now=now)
    elif asked == "no-factor":
        accounts.set_second_factor(desk.engine, login, None, now=now)
    return RedirectResponse("/me", 303)


@router.get("/log")
def log(request: Request, present: Present = may("log")) -> Response:
    """The last changes, and the last readings of records of persons."""
    desk: Desk = request.app.state.desk
    with desk.store.connected() as connection:
        lines = access_log.lines(connection, limit=200)
    return desk.pages.page(request, "log.html", present, changes=desk.store.changes(200), lines=lines)
