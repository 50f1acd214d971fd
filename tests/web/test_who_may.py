"""Each role at each address: let through exactly where the table says so, and never a fault of ours."""

from __future__ import annotations

from pathlib import Path

import pytest
from filling import fill
from serving import Server

from fadeout.records.accounts import ROLES
from fadeout.web.permissions import PERMISSIONS
from fadeout.web.who_may import addresses, as_markdown

FILLED = {"kind": "evidence", "id:path": "EP-1", "id": "EP-1", "z": "3", "x": "4", "y": "3", "code": "LAO"}
LEFT = ("/leave",)  # ends the session: last


def filled(path: str) -> str:
    for name, value in FILLED.items():
        path = path.replace("{" + name + "}", value)
    while "{" in path:
        name = path.split("{", 1)[1].split("}", 1)[0]
        path = path.replace("{" + name + "}", "nothing")
    return path


@pytest.mark.parametrize("role", list(ROLES))
def test_a_role_is_let_through_where_the_table_says_so(server: Server, role: str) -> None:
    fill(server.store)
    client = server.signed(role)
    wrong = []
    for path, method, permission in sorted(addresses(), key=lambda one: one[0] in LEFT):
        may = permission == "open" or role in PERMISSIONS[permission][1]
        answer = client.request(method, filled(path))
        stopped = answer.status_code == 403
        if stopped == may or answer.status_code >= 500:
            wrong.append((path, method, permission, answer.status_code))
    assert not wrong


def test_nobody_is_let_through_without_signing_in(server: Server) -> None:
    wrong = []
    with server.client() as client:
        for path, method, permission in addresses():
            answer = client.request(method, filled(path))
            sent_away = answer.status_code == 401 or answer.headers.get("location", "").startswith("/enter")
            if permission != "open" and not sent_away:
                wrong.append((path, method, permission, answer.status_code))
    assert not wrong


def test_the_page_of_the_table_is_current() -> None:
    page = Path(__file__).parents[2] / "docs" / "reference" / "who-may-what.md"
    assert page.read_text(encoding="utf-8") == as_markdown()
