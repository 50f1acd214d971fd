"""Coming in: passwords, invitations, sessions, tokens of forms, the second factor, what every answer carries."""

from __future__ import annotations

from datetime import timedelta

import pyotp
import pytest
from serving import PASSWORD, Server

from fadeout.records import access_log, accounts


def enter(server: Server, login: str, password: str = PASSWORD, code: str = "") -> int:
    with server.client() as client:
        return client.post("/enter", data={"login": login, "password": password, "code": code}).status_code


def test_an_invitation_sets_a_password_once(server: Server) -> None:
    word = accounts.invite(
        server.store.engine, "ana", "Ana", ("administrator",), by="first start", now=server.clock()
    )
    with server.client() as client:
        assert client.get(f"/invited/{word}").status_code == 200
        short = client.post(f"/invited/{word}", data={"password": "short", "again": "short"})
        assert (short.status_code, "12" in short.text.split("problems")[1]) == (422, True)
        differ = client.post(f"/invited/{word}", data={"password": PASSWORD, "again": PASSWORD + "x"})
        assert differ.status_code == 422
        done = client.post(f"/invited/{word}", data={"password": PASSWORD, "again": PASSWORD})
        assert (done.status_code, done.headers["location"]) == (303, "/map")
        assert client.get("/accounts").status_code == 200
        assert client.get(f"/invited/{word}").status_code == 404
    assert enter(server, "ana") == 303


def test_an_invitation_ends(server: Server) -> None:
    word = accounts.invite(server.store.engine, "ana", "Ana", ("viewer",), by="x", now=server.clock())
    server.clock.ahead = timedelta(hours=accounts.INVITED_H, minutes=1)
    with server.client() as client:
        assert client.get(f"/invited/{word}").status_code == 404


def test_wrong_passwords_lock_an_account_for_a_while(server: Server) -> None:
    server.account("ben", "viewer")
    assert [enter(server, "ben", "wrong wrong wrong") for _ in range(accounts.ATTEMPTS)] == [401] * 5
    assert enter(server, "ben") == 401
    server.clock.ahead = timedelta(minutes=accounts.LOCKED_MIN + 1)
    assert enter(server, "ben") == 303


def test_an_address_that_tries_too_often_waits(server: Server) -> None:
    codes = [enter(server, f"nobody{n}", "x") for n in range(35)]
    assert codes[0] == 401
    assert codes[-1] == 429


def test_a_session_ends_when_unused_and_when_left(server: Server) -> None:
    client = server.signed("viewer")
    assert client.get("/records").status_code == 200
    server.clock.ahead = timedelta(hours=accounts.IDLE_H, minutes=2)
    assert client.get("/records").headers["location"] == "/enter?next=/records"
    server.clock.ahead = timedelta()
    other = server.signed("team")
    assert other.post("/leave").status_code == 303
    assert other.get("/records").status_code == 303


def test_a_form_without_its_token_or_from_elsewhere_is_refused(server: Server) -> None:
    client = server.signed("operations")
    token = client.headers.pop("x-csrf-token")
    assert client.post("/undo", data={"change": "1"}).status_code == 403
    assert client.post("/undo", data={"change": "1", "csrf": "x" * 43}).status_code == 403
    cross = client.post(
        "/undo", data={"change": "1", "csrf": token}, headers={"sec-fetch-site": "cross-site"}
    )
    assert cross.status_code == 403
    assert client.post("/undo", data={"change": "1", "csrf": token}).status_code == 404


def test_the_second_factor_is_asked_for(server: Server) -> None:
    client = server.signed("moderator")
    page = client.post("/me", data={"do": "factor"}).text
    secret = page.split('name="secret" value="')[1].split('"')[0]
    wrong = client.post("/me", data={"do": "confirm", "secret": secret, "code": "000000"})
    assert wrong.status_code == 422
    code = pyotp.TOTP(secret).now()
    assert client.post("/me", data={"do": "confirm", "secret": secret, "code": code}).status_code == 303
    assert enter(server, "moderator") == 401
    assert enter(server, "moderator", code=pyotp.TOTP(secret).now()) == 303


def test_a_token_reads_for_a_map_program_and_never_writes(server: Server) -> None:
    client = server.signed("operations")
    page = client.post("/me", data={"do": "token", "label": "QGIS"}).text
    token = page.split('id="token">')[1].split("<")[0]
    with server.client() as program:
        program.auth = ("operations", token)
        assert program.get("/records").status_code == 200
        assert program.post("/undo", data={"change": "1"}).status_code == 403
        program.auth = ("operations", PASSWORD)
        assert program.get("/tiles/evidence/0/0/0").status_code == 401
    assert client.post("/me", data={"do": "drop", "label": "QGIS"}).status_code == 303
    with server.client() as program:
        program.auth = ("operations", token)
        assert program.get("/tiles/evidence/0/0/0").status_code == 401


def test_one_administrator_always_stays_and_roles_change_at_once(server: Server) -> None:
    client = server.signed("administrator")
    last = client.post("/accounts", data={"do": "close", "login": "administrator", "role": "administrator"})
    assert last.status_code == 422
    other = server.signed("viewer")
    assert other.get("/log").status_code == 403
    changed = client.post("/accounts", data={"do": "roles", "login": "viewer", "role": "information_manager"})
    assert changed.status_code == 303
    assert other.get("/log").status_code in (200, 303)  # sessions of before may have ended
    closed = client.post("/accounts", data={"do": "close", "login": "viewer", "role": "viewer"})
    assert closed.status_code == 303
    assert enter(server, "viewer") == 401


def test_what_happens_to_accounts_stands_in_the_log(server: Server) -> None:
    client = server.signed("administrator")
    client.post("/accounts", data={"do": "invite", "login": "cle", "name": "Cle", "role": "team"})
    with server.store.connected() as connection:
        told = [(one.kind, one.id) for one in access_log.lines(connection)]
    assert ("account", "cle") in told
    assert "cle" in client.get("/log").text


@pytest.mark.parametrize(
    "path", ["/enter", "/map", "/records", "/nothing", "/healthz", "/static/fadeout.css"]
)
def test_every_answer_carries_a_strict_policy(server: Server, path: str) -> None:
    answer = server.signed("operations").get(path)
    policy = answer.headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "unsafe" not in policy
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_a_page_asked_without_signing_in_comes_back_to_itself(server: Server) -> None:
    with server.client() as client:
        assert client.get("/records/evidence").headers["location"] == "/enter?next=/records/evidence"
        assert client.get("/tiles/evidence/0/0/0").status_code == 401
        server.account("eve", "viewer")
        data = {"login": "eve", "password": PASSWORD, "next": "//elsewhere.example/"}
        assert client.post("/enter", data=data).headers["location"] == "/map"


def test_a_language_is_chosen_and_kept(server: Server) -> None:
    client = server.signed("viewer")
    assert client.post("/language", data={"lang": "ar", "next": "/records"}).headers["location"] == "/records"
    page = client.get("/records").text
    assert 'lang="ar" dir="rtl"' in page
    assert "not yet reviewed" in page
