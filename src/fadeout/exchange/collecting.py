"""Submissions straight from KoboToolbox or ODK Central, with their photos.

Reads   a form server over https
Gives   `Collected`: layers by our names, photos with their digests, and the time from which to ask next
Knows   the two servers' addresses, pages and ways to log in; how to ask without harm is `web`'s
Start   at `fetch`

KoboToolbox   https://support.kobotoolbox.org/api.html; a page is at most 1,000 submissions
              (https://community.kobotoolbox.org/t/important-changes-to-api-v2-assets-uid-asset-data-result-limits/74610)
ODK Central   https://docs.getodk.org/central-api-odata-endpoints/#data-document ($filter, $top, @odata.nextLink),
              https://docs.getodk.org/central-api-authentication/ (sessions),
              https://docs.getodk.org/central-api-submission-management/ (attachments)
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from fadeout.errors import InputRefused, Problem
from fadeout.exchange import forms
from fadeout.exchange.form_answers import utc
from fadeout.exchange.layers import RawLayer, plain
from fadeout.exchange.web import Web

SERVICES = ("kobo", "odk")
TOKEN_VARIABLE = "FADEOUT_FORM_TOKEN"
KOBO_PAGE, ODK_PAGE = 1_000, 250
MOST_PAGES = 10_000
MOST_PHOTO_BYTES = 25 * 2**20
KOBO_FORM = re.compile(r"[A-Za-z0-9]+")
ODK_FORM = re.compile(r"(\d+)/(.+)")

Row = dict[str, Any]


@dataclass(frozen=True)
class Service:
    """A form server: "kobo" or "odk", its address, and the secret to ask it with.

    The secret is a token; for ODK Central it may also be "email:password" of a web user, for which a session is opened.
    """

    kind: str
    url: str
    secret: str = field(repr=False)


@dataclass(frozen=True)
class Photo:
    """A photo as it was stored: under its digest, so that no name of a telephone decides where."""

    submission: str
    name: str  # as the submission names it
    sha256: str
    path: Path


@dataclass(frozen=True)
class Collected:
    """What was fetched. `newest` is the latest time of submission: ask `since` it the next time."""

    layers: tuple[RawLayer, ...]
    submissions: int
    photos: tuple[Photo, ...] = ()
    notes: tuple[str, ...] = ()
    newest: str = ""
    rows: tuple[Row, ...] = field(
        default=(), repr=False
    )  # the submissions as they were sent, with the photos' digests

    def save(self, path: Path) -> Path:
        """Write the submissions as a file that `formats.read` reads: the same as an export, with the same layers.

        Only the owner may read it: it holds whatever was answered, also what no record keeps.
        """
        content = json.dumps({"results": self.rows}, ensure_ascii=False).encode()
        try:
            with open(path, "wb", opener=lambda name, flags: os.open(name, flags, 0o600)) as stream:
                stream.write(content)
        except OSError as error:
            message = f"the submissions cannot be written: {error.strerror or error}"
            raise InputRefused(
                [Problem("collect.unwritable", message, "check the folder", path.name)]
            ) from error
        return path


def fetch(
    service: Service,
    form: str,
    *,
    since: str = "",
    role: str = "",
    photos: Path | None = None,
    pause: Callable[[float], None] = time.sleep,
) -> Collected:
    """Fetch the submissions of a form, all or those sent `since` a day or moment (UTC), with photos if a folder is given.

    `form` is the project's id on KoboToolbox ("aBc12…"), project and form on ODK Central ("5/fadeout_evidence"). `role`
    is the kind of record where submissions do not say. A photo that cannot be fetched is told in the notes.

    Raises
    ------
    InputRefused
        If the server cannot be asked, refuses, or sends what cannot be read.
    """
    asker = _asker(service, form)
    moment = _moment(since)
    if not service.secret.strip():
        message = "there is no token to ask the server with"
        raise InputRefused([Problem("collect.no-token", message, f"set {TOKEN_VARIABLE}", service.kind)])
    with Web(service.url, pause) as web:
        web.authorize(asker.authorization(web, service.secret.strip()))
        rows = list(asker.rows(web, moment))
        kept, notes = _photos(asker, web, rows, photos) if photos else ([], [])
    layers = forms.from_json(rows, f"{service.kind} {form}", role)
    return Collected(layers, len(rows), tuple(kept), tuple(notes), _newest(rows), tuple(rows))


# --- the two servers ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Kobo:
    form: str

    def authorization(self, web: Web, secret: str) -> str:
        return f"Token {secret}"

    def rows(self, web: Web, since: datetime | None) -> Iterator[Row]:
        asked = {"limit": str(KOBO_PAGE), "sort": '{"_id":1}'}
        if since:
            asked["query"] = json.dumps({"_submission_time": {"$gte": since.strftime("%Y-%m-%dT%H:%M:%S")}})
        first = f"{web.base}/api/v2/assets/{self.form}/data.json?{urlencode(asked)}"
        yield from _pages(web, first, "results", lambda answer, seen: _link(answer, "next"))

    def instance(self, row: Row) -> str:
        return str(row.get("_uuid", ""))

    def photo_url(self, web: Web, row: Row, name: str) -> str | None:
        """The attachment whose file name the answer gives; the server writes some signs of it differently."""
        attachments = [one for one in row.get("_attachments") or [] if isinstance(one, dict)]
        for one in attachments:
            held = str(one.get("media_file_basename") or one.get("filename") or "").rsplit("/", 1)[-1]
            if _file_word(held) == _file_word(name):
                return str(one.get("download_url") or "") or None
        return None


@dataclass(frozen=True)
class _Odk:
    project: str
    form: str

    def authorization(self, web: Web, secret: str) -> str:
        """Open a session for "email:password" (POST /v1/sessions); anything else is a token already."""
        email, colon, password = secret.partition(":")
        if not colon or "@" not in email:
            return f"Bearer {secret}"
        answer = web.post_json(f"{web.base}/v1/sessions", {"email": email, "password": password})
        token = answer.get("token") if isinstance(answer, dict) else None
        if not isinstance(token, str):
            message = "the server opened no session"
            raise InputRefused([Problem("collect.broken", message, "check that it is ODK Central", web.host)])
        return f"Bearer {token}"

    @property
    def path(self) -> str:
        return f"/v1/projects/{self.project}/forms/{quote(self.form, safe='')}"

    def rows(self, web: Web, since: datetime | None) -> Iterator[Row]:
        asked = {"$top": str(ODK_PAGE), "$expand": "*"}
        if since:
            # Edits keep the day of submission, and are wanted too. It is ge, not gte (getodk/central-backend#358).
            when = since.strftime("%Y-%m-%dT%H:%M:%S.000Z")
            asked["$filter"] = f"__system/submissionDate ge {when} or __system/updatedAt ge {when}"
        first = f"{web.base}{self.path}.svc/Submissions?{urlencode(asked)}"

        def following(answer: Row, seen: int) -> str | None:
            """Older servers give no link; a full page is then followed by the next."""
            link = _link(answer, "@odata.nextLink")
            full = len(answer["value"]) == ODK_PAGE
            return link or (f"{first}&{urlencode({'$skip': str(seen)})}" if full else None)

        yield from _pages(web, first, "value", following)

    def instance(self, row: Row) -> str:
        return str(row.get("__id", ""))

    def photo_url(self, web: Web, row: Row, name: str) -> str | None:
        file = quote(name, safe="")
        return f"{web.base}{self.path}/submissions/{quote(self.instance(row), safe='')}/attachments/{file}"


def _asker(service: Service, form: str) -> _Kobo | _Odk:
    if service.kind not in SERVICES:
        message = f"there is no service '{service.kind[:20]}'"
        raise InputRefused(
            [Problem("collect.unknown-service", message, f"write one of {', '.join(SERVICES)}")]
        )
    if service.kind == "kobo":
        if KOBO_FORM.fullmatch(form):
            return _Kobo(form)
        remedy = "write the id of the project, the part that begins with a in its address (#/forms/a…)"
        raise InputRefused([Problem("collect.bad-form", "this is no id of a KoboToolbox project", remedy)])
    found = ODK_FORM.fullmatch(form)
    if found is None:
        message = "this names no project and form of ODK Central"
        raise InputRefused(
            [Problem("collect.bad-form", message, "write PROJECT/FORM, as 5/fadeout_evidence")]
        )
    return _Odk(*found.groups())


def _link(answer: Row, name: str) -> str | None:
    link = answer.get(name)
    return link if isinstance(link, str) and link else None


def _pages(web: Web, first: str, held: str, following: Callable[[Row, int], str | None]) -> Iterator[Row]:
    """Every row of every page; a server that sends the same page again would never end, and is refused."""
    url: str | None = first
    asked: set[str] = set()
    seen = 0
    while url:
        url = web.on_this_server(url)
        if url in asked or len(asked) >= MOST_PAGES:
            message = f"the server's pages do not end (after {len(asked)})"
            raise InputRefused(
                [Problem("collect.broken", message, "ask for less, with a later --since", web.host)]
            )
        asked.add(url)
        answer = web.get_json(url)
        rows = answer.get(held) if isinstance(answer, dict) else None
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            message = f"page {len(asked)} holds no list of submissions"
            remedy = "check that the address and the form's id are right"
            raise InputRefused([Problem("collect.broken", message, remedy, web.host)])
        seen += len(rows)
        yield from rows
        url = following(answer, seen)


# --- photos ---------------------------------------------------------------------------------------------------------


def _photos(asker: _Kobo | _Odk, web: Web, rows: list[Row], folder: Path) -> tuple[list[Photo], list[str]]:
    """Fetch each photo, keep it under its digest, and write the digest beside the answer that names it."""
    kept: list[Photo] = []
    notes: list[str] = []
    for row in rows:
        for holder, path in list(_photo_answers(row)):
            name = str(holder[path])
            url = asker.photo_url(web, row, name)
            if url is None:
                notes.append(f"{asker.instance(row)}: the server does not hold the photo {name}")
                continue
            try:
                content = web.get(url, MOST_PHOTO_BYTES)
            except InputRefused as refused:
                notes.append(f"{asker.instance(row)}: the photo {name} was not fetched: {refused}")
                continue
            photo = _keep(content, name, asker.instance(row), folder)
            holder[f"{path}_sha256"] = photo.sha256
            kept.append(photo)
    return kept, notes


def _photo_answers(row: Row, depth: int = 0) -> Iterator[tuple[Row, str]]:
    """Each answer to `photo`, in groups and repeated groups too, with what holds it."""
    for path, value in row.items():
        if path.rsplit("/", 1)[-1] == "photo" and isinstance(value, str) and value:
            yield row, path
        elif isinstance(value, dict | list) and path != "_attachments" and depth < forms.DEEPEST:
            for one in value if isinstance(value, list) else [value]:
                if isinstance(one, dict):
                    yield from _photo_answers(one, depth + 1)


def _keep(content: bytes, name: str, instance: str, folder: Path) -> Photo:
    digest = hashlib.sha256(content).hexdigest()
    ending = re.search(r"\.([A-Za-z0-9]{1,5})$", name)
    path = folder / f"{digest}{'.' + ending.group(1).lower() if ending else ''}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            part = path.with_suffix(".part")
            part.write_bytes(content)
            part.replace(path)  # whole or not at all
    except OSError as error:
        message = f"a photo cannot be kept: {error.strerror or error}"
        raise InputRefused(
            [Problem("collect.unwritable", message, "check the folder", folder.name)]
        ) from error
    return Photo(instance, name, digest, path)


def _file_word(name: str) -> str:
    """A file name as Django servers write it: spaces as _, other signs left out."""
    return re.sub(r"[^-\w.]", "", name.strip().replace(" ", "_"))


# --- times ----------------------------------------------------------------------------------------------------------


def _moment(text: str) -> datetime | None:
    """The moment that a day or moment says, in UTC."""
    if not text:
        return None
    try:
        found = datetime.fromisoformat(text)
        return (found.astimezone(UTC) if found.tzinfo else found).replace(tzinfo=UTC)
    except (ValueError, OverflowError) as error:
        message = f"'{text[:40]}' is no day and no moment"
        raise InputRefused([Problem("collect.bad-since", message, "write 2026-11-25")]) from error


def _newest(rows: list[Row]) -> str:
    """The latest time of submission, in UTC; "" where none is told."""
    system = [row["__system"] if isinstance(row.get("__system"), dict) else {} for row in rows]
    times = [
        row.get("_submission_time") or own.get("submissionDate")
        for row, own in zip(rows, system, strict=True)
    ]
    return max((str(utc(plain(one))) for one in times if one), default="")
