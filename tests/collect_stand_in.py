"""A form server of our own on this machine, which answers as the published interfaces of the real ones say.

KoboToolbox   GET /api/v2/assets/{uid}/data.json?limit=&start=&query=&sort=, "Authorization: Token …"; the answer holds
              count, next, previous, results (https://support.kobotoolbox.org/api.html; limits
              https://community.kobotoolbox.org/t/important-changes-to-api-v2-assets-uid-asset-data-result-limits/74610)
ODK Central   POST /v1/sessions {email, password} gives {token, expiresAt}; "Authorization: Bearer …"
              (https://docs.getodk.org/central-api-authentication/); GET /v1/projects/{p}/forms/{f}.svc/Submissions with
              $top, $skiptoken, $filter gives value and @odata.nextLink (https://docs.getodk.org/central-api-odata-endpoints/);
              GET …/submissions/{instance}/attachments/{file} (https://docs.getodk.org/central-api-submission-management/)
"""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlencode, urlsplit

TOKEN = "kobo-token-2f9c1d"
EMAIL, PASSWORD = "manager@example.org", "a: pass word"
SESSION = "session-token-77aa"

Answer = tuple[int, dict[str, str], bytes]


@dataclass
class StandIn:
    """What the server holds, and how it misbehaves."""

    url: str = ""
    rows: list[dict[str, Any]] = field(default_factory=list)
    files: dict[str, bytes] = field(default_factory=dict)
    page: int = 2  # the server's own limit of a page, below what is asked for
    links: bool = True  # ODK: whether it knows @odata.nextLink
    before: list[Answer] = field(default_factory=list)  # answers to give first, whatever is asked
    instead: dict[int, bytes] = field(default_factory=dict)  # page number → a broken one
    next_host: str = ""  # Kobo: host in the links to the next page
    asked: list[str] = field(default_factory=list)  # every path and query
    headers: list[dict[str, str]] = field(default_factory=list)

    def answer(self, method: str, target: str, headers: dict[str, str], body: bytes) -> Answer:
        """Answer as the server would."""
        self.asked.append(f"{method} {unquote(target)}")
        self.headers.append(headers)
        if self.before:
            return self.before.pop(0)
        parts = urlsplit(target)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        if method == "POST" and parts.path == "/v1/sessions":
            return _session(json.loads(body))
        odk = parts.path.startswith("/v1/")
        if headers.get("Authorization") != (f"Bearer {SESSION}" if odk else f"Token {TOKEN}"):
            return _json(401, {"detail": "Invalid token.", "sent": headers.get("Authorization")})
        if "/attachments/" in parts.path:
            name = unquote(parts.path.rstrip("/").rsplit("/", 1)[-1])
            return (200, {}, self.files[name]) if name in self.files else _json(404, {"code": 404.1})
        if parts.path == "/api/v2/assets/aForm1/data.json":
            return self._kobo(query)
        if parts.path == "/v1/projects/5/forms/fadeout_evidence.svc/Submissions":
            return self._odk(query)
        return _json(404, {"detail": "Not found."})

    def _kobo(self, query: dict[str, str]) -> Answer:
        start, limit = int(query.get("start", 0)), min(int(query.get("limit", 100)), self.page)
        rows = self.rows
        if "query" in query:
            least = json.loads(query["query"])["_submission_time"]["$gte"]
            rows = [row for row in rows if row["_submission_time"] >= least]
        more = start + limit < len(rows)
        following = urlencode({**query, "limit": limit, "start": start + limit})
        host = self.next_host or self.url
        body = {
            "count": len(rows),
            "next": f"{host}/api/v2/assets/aForm1/data.json?{following}" if more else None,
            "previous": None,
            "results": rows[start : start + limit],
        }
        broken = self.instead.get(start // limit + 1)
        return (200, {"Content-Type": "application/json"}, broken) if broken is not None else _json(200, body)

    def _odk(self, query: dict[str, str]) -> Answer:
        start = int(query.get("$skiptoken", query.get("$skip", 0)))
        limit = min(int(query["$top"]), self.page) if self.links else int(query["$top"])
        rows = self.rows
        if "$filter" in query:
            least = query["$filter"].split(" or ")[0].removeprefix("__system/submissionDate ge ")
            rows = [row for row in rows if row["__system"]["submissionDate"] >= least]
        body: dict[str, Any] = {
            "@odata.context": f"{self.url}/v1/projects/5/forms/fadeout_evidence.svc/$metadata#Submissions",
            "value": rows[start : start + limit],
        }
        if self.links and start + limit < len(rows):
            following = urlencode({**query, "$skiptoken": start + limit})
            body["@odata.nextLink"] = (
                f"{self.url}/v1/projects/5/forms/fadeout_evidence.svc/Submissions?{following}"
            )
        return _json(200, body)


def _session(given: dict[str, str]) -> Answer:
    if (given.get("email"), given.get("password")) != (EMAIL, PASSWORD):
        return _json(401, {"code": 401.2, "message": f"Could not authenticate {given}"})
    return _json(200, {"token": SESSION, "csrf": "c", "expiresAt": "2026-11-26T08:00:00.000Z"})


def _json(status: int, body: object) -> Answer:
    return status, {"Content-Type": "application/json"}, json.dumps(body).encode()


@contextmanager
def running(certificate: Path | None = None) -> Iterator[StandIn]:
    """A stand-in that answers on this machine until the block ends; over TLS if it has a certificate."""
    state = StandIn()

    class Handler(BaseHTTPRequestHandler):
        def _reply(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, headers, content = state.answer(self.command, self.path, dict(self.headers), body)
            self.send_response(status)
            for name, value in {"Content-Length": str(len(content)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = _reply

        def log_message(self, format: str, *args: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        def handle_error(self, request: object, client_address: object) -> None:
            pass  # a client that breaks off is what some tests are about

    server = Server(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    state.url = f"http://127.0.0.1:{server.server_port}"
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        state.url = f"https://localhost:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
