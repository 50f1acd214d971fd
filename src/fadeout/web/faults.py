"""What can go wrong in a request, and the one table from faults to statuses.

Reads   exceptions
Gives   `NotIn`, `Denied`, `Missing`; `status_of`; problems as JSON (RFC 9457)
Knows   which codes mean that something is not there, or was changed meanwhile
Start   at `status_of`
"""

from __future__ import annotations

from typing import Any

from fadeout.errors import FadeoutError, InputRefused


class NotIn(FadeoutError):
    """Nobody known sent this."""


class Denied(FadeoutError):
    """Whoever sent this may not do it, or the page it comes from is not ours."""

    def __init__(self, permission: str) -> None:
        super().__init__(permission)
        self.permission = permission


class Missing(FadeoutError):
    """There is no such page or thing."""


class Often(FadeoutError):
    """Too often in a minute."""


class Misasked(InputRefused):
    """An address of an interface asks what nobody understands: OGC API wants 400 for it, not 422."""


STATUSES: tuple[tuple[type[FadeoutError], int], ...] = (
    (NotIn, 401),
    (Denied, 403),
    (Missing, 404),
    (Often, 429),
    (Misasked, 400),
    (InputRefused, 422),
)
BY_CODE = {
    "store.no-record": 404,
    "store.no-area": 404,
    "store.no-change": 404,
    "work.missing": 404,
    "draft.missing": 404,
    "registry.unknown-state": 404,
    "record.unknown-kind": 404,
    "store.overtaken": 409,
    "edit.overtaken": 409,
    "field.taken": 409,
    "photo.offset": 409,
    "store.busy": 503,
    "store.may-not-see": 403,
    "persons.no-purpose": 403,
}
TITLES = {
    400: "This was not understood",
    401: "Please sign in",
    403: "Your role does not allow this",
    404: "There is nothing here",
    405: "This cannot be done here",
    409: "Somebody changed this meanwhile",
    422: "This cannot be taken as it is",
    429: "Too often in a minute",
    500: "Something of ours went wrong",
    503: "Another program is writing",
}


def status_of(error: FadeoutError) -> int:
    """The HTTP status of a fault.

    Examples
    --------
    >>> from fadeout.errors import Problem
    >>> status_of(Missing()), status_of(InputRefused([Problem("store.no-record", "there is none")]))
    (404, 404)
    """
    if isinstance(error, InputRefused) and not isinstance(error, Misasked):
        for problem in error.problems:
            if problem.code in BY_CODE:
                return BY_CODE[problem.code]
    return next(status for kind, status in STATUSES if isinstance(error, kind))


def problem_json(status: int, error: Exception | None = None, detail: str = "") -> dict[str, Any]:
    """A fault as problem details (RFC 9457), every problem of it listed."""
    problems = error.problems if isinstance(error, InputRefused) else ()
    return {
        "type": "about:blank",
        "title": TITLES.get(status, "Error"),
        "status": status,
        "detail": detail or " ".join(f"{one.message}." for one in problems),
        "problems": [
            {"code": one.code, "message": one.message, "remedy": one.remedy, "row": one.row}
            for one in problems
        ],
    }
