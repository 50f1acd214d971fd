"""Who may do what: one table from permissions to roles, and the question that every handler asks.

Reads   a request
Gives   `may`, a dependency that gives the `Present` person or refuses; `PERMISSIONS`
Knows   sessions by cookie, map programs by token, forms by their CSRF token
Start   at `may`

The server does not start with a route that has neither `may` nor `@open_to_all` (`app.check_routes`).
"""

from __future__ import annotations

import base64
import binascii
import hmac
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Request
from fastapi.concurrency import run_in_threadpool

from fadeout.records import accounts
from fadeout.records.access import Viewer
from fadeout.records.accounts import ROLES, Account
from fadeout.web.desk import Desk
from fadeout.web.faults import Denied, NotIn, Often

COOKIE = "fadeout_session"
OPEN_MARK = "open_to_all"
ALL = tuple(ROLES)
DESK = ("information_manager", "operations")
PERMISSIONS: dict[str, tuple[str, tuple[str, ...]]] = {  # what it is in words, and the roles that may
    "own": ("look after one's own account", ALL),
    "look": ("see the map, records as far as the role may, and the registry", ALL),
    "field": ("record evidence and searches in the field", ("team", *DESK)),
    "edit": ("draw and change records, undo changes", DESK),
    "intake": ("take files in, put base maps on the map", ("information_manager",)),
    "assess": ("run assessments and compare them", DESK),
    "decide": ("accept hazardous areas, take areas a step, complete releases", ("operations",)),
    "draft": ("make Article 7 drafts and extension requests", (*DESK, "registry_editor", "publisher")),
    "moderate": ("look through what the public reports, answer, accept it", ("moderator", *DESK)),
    "write": ("write posts, messages and alerts as drafts", ("publisher", "information_manager")),
    "approve": ("approve what becomes public, send alerts", ("publisher",)),
    "persons": ("read records of persons, for a purpose", ("victim_assistance",)),
    "log": ("read the log of changes and of who read what", ("administrator", "information_manager")),
    "accounts": ("keep accounts", ("administrator",)),
}
SAFE = ("GET", "HEAD", "OPTIONS")
TRIES_A_MINUTE = 30  # of one address, for passwords and tokens (assumed)


@dataclass(frozen=True)
class Present:
    """Who is there: the account, and the token that its forms carry."""

    account: Account
    csrf: str

    @property
    def name(self) -> str:
        """The name that history shows."""
        return self.account.name

    def may(self, permission: str) -> bool:
        """Whether one of the account's roles gives a permission."""
        return bool(set(self.account.roles) & set(PERMISSIONS[permission][1]))

    def viewer(self, purpose: str = "") -> Viewer:
        """Who looks, for readings of the store. Records of persons are for a purpose alone."""
        role = self.account.reads_as
        if role == "victim_assistance" and not purpose:
            role = "staff"
        return Viewer(self.account.name, role, purpose)


def may(permission: str) -> Any:
    """A parameter of a handler that is filled by who is there and may do this.

    Raises
    ------
    NotIn
        If nobody is there (401, or the page to come in).
    Denied
        If whoever is there may not (403), or a form's token is missing.
    """
    if permission not in PERMISSIONS:
        raise ValueError(f"there is no permission '{permission}'")

    async def check(request: Request) -> Present:
        present = await present_at(request)
        if not present.may(permission):
            raise Denied(permission)
        return present

    check.permission = permission  # type: ignore[attr-defined]
    return Depends(check)


def open_to_all(handler: Any) -> Any:
    """Mark a handler as open to whoever comes."""
    setattr(handler, OPEN_MARK, True)
    return handler


async def present_at(request: Request) -> Present:
    """Who sends a request; NotIn if nobody known."""
    desk: Desk = request.app.state.desk
    header = request.headers.get("authorization", "")
    if header.lower().startswith("basic "):
        return await _by_token(desk, request, header[6:])
    token = request.cookies.get(COOKIE, "")
    entry = await run_in_threadpool(accounts.of_session, desk.engine, token, desk.clock()) if token else None
    if entry is None:
        raise NotIn
    if request.method not in SAFE:
        await _check_form(request, entry.csrf)
    return Present(entry.account, entry.csrf)


async def _by_token(desk: Desk, request: Request, encoded: str) -> Present:
    """A map program: login and token in the place of a password. It reads; nothing is written so."""
    if request.method not in SAFE:
        raise Denied("look")
    try:
        login, _, token = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        raise NotIn from None
    if desk.rates.spent("token", address_of(request), TRIES_A_MINUTE):
        raise Often
    account = await run_in_threadpool(accounts.of_token, desk.engine, login, token)
    if account is None:
        desk.rates.failed("token", address_of(request))
        raise NotIn
    return Present(account, "")


async def _check_form(request: Request, csrf: str) -> None:
    """Whether what is sent comes from a page of ours: its token, and where the browser says it comes from."""
    if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        raise Denied("own")
    given = request.headers.get("x-csrf-token", "")
    kind = request.headers.get("content-type", "")
    if not given and kind.startswith(("application/x-www-form-urlencoded", "multipart/form-data")):
        form = await request.form()
        given = str(form.get("csrf", ""))
    if not hmac.compare_digest(given.encode(), csrf.encode()):
        raise Denied("own")


def address_of(request: Request) -> str:
    """The address a request comes from."""
    return request.client.host if request.client else ""


async def _fields(request: Request) -> dict[str, str]:
    form = await request.form()
    return {name: value for name, value in form.items() if isinstance(value, str)}


Fields = Annotated[dict[str, str], Depends(_fields)]  # the texts of a form
