"""Asking a form server over the network, so that nothing leaks and nothing hangs.

Reads   an address and a secret
Gives   the bytes of an answer, or `InputRefused` with what the server said, in words, and never with the secret
Knows   HTTP: tries again where that helps, follows redirects on the same server only, checks certificates, limits size
Start   at `Web`

Only https is spoken, but to this machine itself. The secret stands in a header of each request and in nothing else.
`./run extras` brings httpx.
"""

from __future__ import annotations

import ipaddress
import json
import time
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import Any
from urllib.parse import urljoin, urlsplit

from fadeout.errors import InputRefused, Problem

TRIES = 5
FIRST_WAIT_S, LONGEST_WAIT_S = 1.0, 120.0
CONNECT_S, ANSWER_S = 10.0, 60.0  # a page of 1,000 submissions takes a busy server tens of seconds
HOPS = 5
MOST_BYTES = 64 * 2**20
AGAIN = (429, 500, 502, 503, 504)
REDIRECTS = (301, 302, 303, 307, 308)


class Web:
    """One server, asked with one secret; use it in a `with`.

    `pause` waits between tries; tests give one that does not.
    """

    def __init__(self, url: str, pause: Callable[[float], None] = time.sleep):
        self.base = checked_url(url)
        self.host = urlsplit(self.base).netloc
        self.pause = pause
        self._authorization = ""
        httpx = _httpx()
        self._errors: type[Exception] = httpx.HTTPError
        self._bad_url: type[Exception] = httpx.InvalidURL
        self._client = httpx.Client(
            timeout=httpx.Timeout(ANSWER_S, connect=CONNECT_S),
            follow_redirects=False,
            headers={"Accept": "application/json, */*;q=0.5"},
            trust_env=not is_loopback(urlsplit(self.base).hostname or ""),
        )

    def __enter__(self) -> Web:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()

    def authorize(self, header: str) -> None:
        """Send this Authorization header with every request from now on."""
        self._authorization = header

    def get_json(self, url: str) -> Any:
        """Fetch an address of this server and read it as JSON."""
        return self._parsed(self.get(url))

    def post_json(self, url: str, body: dict[str, str]) -> Any:
        """Send a body and read the answer as JSON."""
        return self._parsed(self._asked("POST", url, MOST_BYTES, body))

    def get(self, url: str, most: int = MOST_BYTES) -> bytes:
        """Fetch an address of this server, at most so many bytes.

        Raises
        ------
        InputRefused
            If the server refuses, fails after several tries, sends too much, or points to another server.
        """
        return self._asked("GET", url, most)

    def on_this_server(self, url: str) -> str:
        """The address as one of this server, whose links behind a proxy may say http; InputRefused for another's."""
        own = urlsplit(self.base)
        try:
            parts = urlsplit(urljoin(self.base + "/", url))
            port = None if (parts.scheme, parts.port) in (("http", 80), ("https", 443)) else parts.port
        except ValueError:
            parts, port = urlsplit(""), None
        same_port = port == own.port or (parts.scheme != own.scheme and port is None)
        if parts.hostname != own.hostname or not same_port or parts.scheme not in ("http", "https"):
            message = "the server points to another server, which was not asked"
            remedy = "write the address at which the server itself answers"
            raise InputRefused([self._problem("collect.redirect", message, remedy)])
        return parts._replace(scheme=own.scheme, netloc=own.netloc).geturl()

    def _asked(self, method: str, url: str, most: int, body: dict[str, str] | None = None) -> bytes:
        address = self.on_this_server(url)
        for _ in range(HOPS + 1):
            status, headers, content = self._tried(method, address, most, body)
            if status in REDIRECTS and headers.get("location"):
                address = self.on_this_server(urljoin(address, headers["location"]))
                continue
            if status >= 300:
                raise InputRefused([self._told(status)])
            return content
        raise InputRefused(
            [self._problem("collect.redirect", "the server sends from one address to the next", "")]
        )

    def _tried(
        self, method: str, url: str, most: int, body: dict[str, str] | None
    ) -> tuple[int, dict[str, str], bytes]:
        """Ask until the server answers, waiting longer each time; the last answer counts."""
        for n in range(1, TRIES + 1):
            wait = FIRST_WAIT_S * 2 ** (n - 1)
            try:
                status, headers, content = self._once(method, url, most, body)
            except self._bad_url:
                message = "the server points to an address that is none"
                raise InputRefused([self._problem("collect.broken", message, "tell who runs it")]) from None
            except self._errors as error:
                if n == TRIES:
                    message = f"the server cannot be reached: {_reason(error)}"
                    remedy = "check the address and the network, and try again"
                    raise InputRefused([self._problem("collect.unreachable", message, remedy)]) from None
            else:
                if status not in AGAIN or n == TRIES:
                    return status, headers, content
                asked = retry_after(headers.get("retry-after", ""), datetime.now(UTC))
                if asked > LONGEST_WAIT_S:
                    message = f"the server asks to wait {asked:.0f} seconds"
                    raise InputRefused([self._problem("collect.busy", message, "try again later")])
                wait = max(asked, wait) if asked else wait
            self.pause(wait)
        raise AssertionError("not reached: the last try returns or raises")

    def _once(
        self, method: str, url: str, most: int, body: dict[str, str] | None
    ) -> tuple[int, dict[str, str], bytes]:
        headers = {"Authorization": self._authorization} if self._authorization else {}
        with self._client.stream(method, url, headers=headers, json=body) as answer:
            said = {name.lower(): value for name, value in answer.headers.items()}
            if answer.status_code >= 300:
                return answer.status_code, said, b""  # what else it says may repeat what was sent
            content = bytearray()
            for chunk in answer.iter_bytes():
                content += chunk
                if len(content) > most:
                    message = f"the answer is longer than {most / 2**20:.0f} MiB"
                    raise InputRefused([self._problem("collect.too-large", message, "ask for less at once")])
            return answer.status_code, said, bytes(content)

    def _parsed(self, content: bytes) -> Any:
        try:
            return json.loads(content)
        except (ValueError, RecursionError):
            message = "the server's answer is not JSON, or it ends too early"
            remedy = "check that the address is the server's own, and try again"
            raise InputRefused([self._problem("collect.broken", message, remedy)]) from None

    def _told(self, status: int) -> Problem:
        code, message, remedy = _STATUS.get(
            status, ("collect.server", f"the server answers with {status}", "try again, or ask who runs it")
        )
        return self._problem(code, message, remedy)

    def _problem(self, code: str, message: str, remedy: str) -> Problem:
        return Problem(code, message, remedy, self.host)


_STATUS = {
    401: (
        "collect.not-allowed",
        "the server does not know this token (401)",
        "make a new one there and set FADEOUT_FORM_TOKEN",
    ),
    403: (
        "collect.not-allowed",
        "the server knows the token, but it may not read this form (403)",
        "let its owner share the form with the right to view submissions",
    ),
    404: (
        "collect.not-found",
        "the server has no such form, or does not show it to this token (404)",
        "check the form's id",
    ),
    429: ("collect.busy", "the server is asked too often (429)", "try again later"),
}


def checked_url(url: str) -> str:
    """Give the address without a trailing slash; InputRefused unless it is https, or this machine itself.

    Examples
    --------
    >>> checked_url("https://kf.kobotoolbox.org/")
    'https://kf.kobotoolbox.org'
    """
    try:
        parts = urlsplit(url.strip())
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        parts, host = urlsplit(""), ""
    if not host or parts.scheme not in ("http", "https"):
        message = "this is no address of a server"
        raise InputRefused([Problem("collect.bad-url", message, "write it as https://server.example.org")])
    if parts.username or parts.password:
        message = "the address holds a user name or password"
        raise InputRefused(
            [Problem("collect.bad-url", message, "take it out; the token goes into FADEOUT_FORM_TOKEN")]
        )
    if parts.scheme != "https" and not is_loopback(host):
        message = f"{host} would be asked without encryption, and the token could be read on the way"
        raise InputRefused([Problem("collect.insecure", message, "write https://", host)])
    return f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}"


def is_loopback(host: str) -> bool:
    """Whether a host is this machine itself.

    Examples
    --------
    >>> is_loopback("127.0.0.1"), is_loopback("localhost"), is_loopback("example.org")
    (True, True, False)
    """
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def retry_after(text: str, now: datetime) -> float:
    """Seconds that a Retry-After header asks to wait, as number or date (RFC 9110, 10.2.3); 0 where it says nothing.

    Examples
    --------
    >>> retry_after("7", datetime.now(UTC)), retry_after("soon", datetime.now(UTC))
    (7.0, 0.0)
    """
    text = text.strip()
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        when = parsedate_to_datetime(text)
    except (ValueError, TypeError):
        return 0.0
    return max(0.0, (when.replace(tzinfo=when.tzinfo or UTC) - now).total_seconds())


def _reason(error: Exception) -> str:
    """What happened, without addresses: those may hold what a person typed."""
    names = {
        "ConnectError": "no connection, or its certificate is not valid",
        "ConnectTimeout": "it does not answer in time",
        "ReadTimeout": "it does not answer in time",
        "RemoteProtocolError": "it breaks off",
    }
    return names.get(type(error).__name__, type(error).__name__)


def _httpx() -> Any:
    try:
        import httpx
    except ImportError as error:
        message = "asking a form server needs a part that is not here"
        remedy = "run ./run extras, or export from the server and read the file"
        raise InputRefused([Problem("collect.no-httpx", message, remedy)]) from error
    return httpx
