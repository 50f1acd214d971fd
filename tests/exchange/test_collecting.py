"""Submissions are fetched from a form server whole or not at all, and the secret goes to that server alone."""

from __future__ import annotations

import hashlib
import logging
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import collect_stand_in as stand_in
import pytest
import submissions as made
from collect_stand_in import StandIn
from shapely import Point

from fadeout.errors import InputRefused
from fadeout.exchange import collecting, web
from fadeout.exchange.collecting import Collected, Service, fetch
from fadeout.records.record import Record

pytest.importorskip("httpx", reason="httpx is not here; ./run extras brings it")

JPEG = b"\xff\xd8\xff\xe0 a photo"
ODK_FORM = "5/fadeout_evidence"


def find(n: int, **values: Any) -> Record:
    return Record(
        "evidence", f"EP-{n}", {"kind": "item", "how": "survey", **values}, Point(107 + n / 100, 16.5)
    )


@pytest.fixture
def kobo() -> Iterator[StandIn]:
    with stand_in.running() as server:
        server.rows = [made.kobo(find(n), f"a{n}") for n in range(1, 6)]
        yield server


@pytest.fixture
def odk() -> Iterator[StandIn]:
    with stand_in.running() as server:
        server.rows = [made.odk(find(n), f"a{n}") for n in range(1, 6)]
        yield server


def from_kobo(server: StandIn, form: str = "aForm1", **options: Any) -> Collected:
    waits: list[float] = options.pop("waits", [])
    return fetch(Service("kobo", server.url, stand_in.TOKEN), form, pause=waits.append, **options)


def from_odk(server: StandIn, form: str = ODK_FORM, secret: str = "", **options: Any) -> Collected:
    secret = secret or f"{stand_in.EMAIL}:{stand_in.PASSWORD}"
    return fetch(Service("odk", server.url, secret), form, pause=lambda seconds: None, **options)


def ids(collected: Collected) -> tuple[object, ...]:
    (layer,) = collected.layers
    return layer.columns["id"]


# --- pages and logging in ----------------------------------------------------------------------------------------------


def test_every_page_of_kobo_is_fetched(kobo: StandIn) -> None:
    collected = from_kobo(kobo)
    assert ids(collected) == ("EP-1", "EP-2", "EP-3", "EP-4", "EP-5")
    assert (collected.submissions, len(kobo.asked)) == (5, 3)
    assert "limit=1000" in kobo.asked[0]  # the most that the server gives at once, since March 2026


def test_every_page_of_odk_is_fetched_after_logging_in(odk: StandIn) -> None:
    collected = from_odk(odk)
    assert ids(collected) == ("EP-1", "EP-2", "EP-3", "EP-4", "EP-5")
    assert [one.split("?")[0] for one in odk.asked] == [
        "POST /v1/sessions",
        *["GET /v1/projects/5/forms/fadeout_evidence.svc/Submissions"] * 3,
    ]


def test_an_odk_server_without_links_is_asked_until_a_page_is_not_full(
    odk: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collecting, "ODK_PAGE", 2)
    odk.links = False
    assert len(ids(from_odk(odk))) == 5


def test_a_token_is_used_as_it_is(odk: StandIn) -> None:
    assert len(ids(from_odk(odk, secret=stand_in.SESSION))) == 5
    assert not any("sessions" in one for one in odk.asked)


def test_only_what_came_since_is_asked_for(kobo: StandIn, odk: StandIn) -> None:
    kobo.rows[4]["_submission_time"] = "2026-11-27T03:00:00"
    odk.rows[4]["__system"]["submissionDate"] = "2026-11-27T03:00:00.000Z"
    for collected in (from_kobo(kobo, since="2026-11-26"), from_odk(odk, since="2026-11-26T00:00:00Z")):
        assert ids(collected) == ("EP-5",)
        assert collected.newest == "2026-11-27T03:00:00Z"
    assert '"$gte": "2026-11-26T00:00:00"' in kobo.asked[0].replace("+", " ")
    assert "submissionDate ge 2026-11-26T00:00:00.000Z" in odk.asked[1].replace("+", " ")


def test_a_moment_with_an_offset_is_asked_for_in_utc(kobo: StandIn) -> None:
    from_kobo(kobo, since="2026-11-25T07:00:00+07:00")
    assert '"2026-11-25T00:00:00"' in kobo.asked[0].replace("+", " ")


def test_links_that_say_http_behind_a_proxy_are_followed_on_the_server_itself() -> None:
    with web.Web("https://kobo.example.org") as asked:
        assert asked.on_this_server("http://kobo.example.org/api?x=1") == "https://kobo.example.org/api?x=1"


def test_a_form_without_submissions_gives_none(kobo: StandIn) -> None:
    kobo.rows = []
    assert from_kobo(kobo) == Collected((), 0)


# --- trying again ------------------------------------------------------------------------------------------------------


def test_a_busy_server_is_asked_again_after_the_time_it_asks_for(kobo: StandIn) -> None:
    kobo.before = [(429, {"Retry-After": "7"}, b""), (503, {}, b"")]
    waits: list[float] = []
    assert len(ids(from_kobo(kobo, waits=waits))) == 5
    assert waits == [7.0, 2.0]  # as asked; then our own wait, twice the first


def test_a_server_that_stays_broken_is_told_after_five_tries(kobo: StandIn) -> None:
    kobo.before = [(502, {}, b"")] * 9
    waits: list[float] = []
    with pytest.raises(InputRefused, match=r"collect\.server.*502"):
        from_kobo(kobo, waits=waits)
    assert waits == [1.0, 2.0, 4.0, 8.0]


def test_a_server_that_wants_an_hour_is_not_waited_for(kobo: StandIn) -> None:
    kobo.before = [(429, {"Retry-After": "3600"}, b"")]
    with pytest.raises(InputRefused, match=r"collect\.busy.*3600 seconds"):
        from_kobo(kobo)


def test_a_time_to_wait_may_be_a_date() -> None:
    now = datetime(2026, 11, 25, 8, 0, tzinfo=UTC)
    assert web.retry_after("Wed, 25 Nov 2026 08:01:30 GMT", now) == 90
    assert web.retry_after("Wed, 25 Nov 2026 07:00:00 GMT", now) == 0


def test_a_server_that_is_not_there_is_told() -> None:
    with stand_in.running() as server:
        pass
    with pytest.raises(InputRefused, match=r"collect\.unreachable"):
        from_kobo(server)


# --- refusals ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "code"),
    [(401, "not-allowed"), (403, "not-allowed"), (404, "not-found"), (400, "server"), (204, "broken")],
)
def test_a_refusal_is_told_in_words_and_not_tried_again(kobo: StandIn, status: int, code: str) -> None:
    kobo.before = [(status, {}, b"")]
    with pytest.raises(InputRefused, match=rf"collect\.{code}"):
        from_kobo(kobo)
    assert len(kobo.asked) == 1


def test_a_wrong_password_is_told(odk: StandIn) -> None:
    with pytest.raises(InputRefused, match=r"collect\.not-allowed"):
        from_odk(odk, secret=f"{stand_in.EMAIL}:wrong")


def test_a_form_that_is_not_there_is_told(kobo: StandIn, odk: StandIn) -> None:
    with pytest.raises(InputRefused, match=r"collect\.not-found"):
        from_kobo(kobo, "aOther")
    with pytest.raises(InputRefused, match=r"collect\.not-found"):
        from_odk(odk, "5/other")


@pytest.mark.parametrize(
    "page", [b'{"results": [{"_uuid"', b"<html>log in</html>", b"[]", b'{"results": [1]}']
)
def test_a_broken_page_gives_nothing_of_the_pages_before(kobo: StandIn, page: bytes) -> None:
    kobo.instead = {2: page}
    with pytest.raises(InputRefused, match=r"collect\.broken"):
        from_kobo(kobo)


def test_pages_that_go_round_are_refused(kobo: StandIn) -> None:
    round_and_round = f'{{"next": "{kobo.url}/api/v2/assets/aForm1/data.json?start=0", "results": []}}'
    kobo.before = [(200, {}, round_and_round.encode())] * 9
    with pytest.raises(InputRefused, match=r"collect\.broken.*do not end"):
        from_kobo(kobo)


@pytest.mark.parametrize("link", ["http://[", "http://127.0.0.1:99999/", "mailto:", "ftp://127.0.0.1/"])
def test_a_link_that_is_no_address_is_refused(kobo: StandIn, link: str) -> None:
    kobo.next_host = link
    with pytest.raises(InputRefused, match=r"collect\.(redirect|broken|not-found)"):
        from_kobo(kobo)


def test_an_answer_that_is_too_long_is_refused(kobo: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    with web.Web(kobo.url) as asked:
        asked.authorize(f"Token {stand_in.TOKEN}")
        with pytest.raises(InputRefused, match=r"collect\.too-large"):
            asked.get(f"{kobo.url}/api/v2/assets/aForm1/data.json", most=100)


@pytest.mark.parametrize("where", ["redirect", "next"])
def test_the_secret_never_goes_to_another_server(kobo: StandIn, where: str) -> None:
    with stand_in.running() as other:
        other.rows = kobo.rows
        if where == "redirect":
            kobo.before = [(302, {"Location": f"{other.url}/api/v2/assets/aForm1/data.json"}, b"")]
        else:
            kobo.next_host = other.url
        with pytest.raises(InputRefused, match=r"collect\.redirect"):
            from_kobo(kobo)
        assert other.asked == []


def test_a_redirect_on_the_same_server_is_followed_but_not_for_ever(kobo: StandIn) -> None:
    kobo.before = [(301, {"Location": "/api/v2/assets/aForm1/data.json"}, b"")]
    assert len(ids(from_kobo(kobo))) == 5
    kobo.before = [(307, {"Location": f"/again/{n}"}, b"") for n in range(20)]
    with pytest.raises(InputRefused, match=r"collect\.redirect"):
        from_kobo(kobo)


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("http://kobo.example.org", "insecure"),
        ("http://10.0.0.7:8080", "insecure"),
        ("ftp://kobo.example.org", "bad-url"),
        ("kobo.example.org", "bad-url"),
        ("https://user:word@kobo.example.org", "bad-url"),
        ("https://[", "bad-url"),
        ("", "bad-url"),
    ],
)
def test_only_encrypted_addresses_are_asked(url: str, code: str) -> None:
    with pytest.raises(InputRefused, match=rf"collect\.{code}"):
        fetch(Service("kobo", url, "t"), "aForm1")


@pytest.mark.parametrize(
    ("service", "form", "options", "code"),
    [
        ("kobo", "../x", {}, "bad-form"),
        ("odk", "fadeout_evidence", {}, "bad-form"),
        ("ona", "aForm1", {}, "unknown-service"),
        ("kobo", "aForm1", {"since": "last week"}, "bad-since"),
    ],
)
def test_what_cannot_be_asked_is_told_before_anything_is_sent(
    kobo: StandIn, service: str, form: str, options: dict[str, str], code: str
) -> None:
    with pytest.raises(InputRefused, match=rf"collect\.{code}"):
        fetch(Service(service, kobo.url, "t"), form, **options)  # type: ignore[arg-type]
    assert kobo.asked == []


def test_a_missing_token_names_the_variable(kobo: StandIn) -> None:
    with pytest.raises(InputRefused, match=r"collect\.no-token.*FADEOUT_FORM_TOKEN"):
        fetch(Service("kobo", kobo.url, " "), "aForm1")


def test_without_httpx_the_remedy_is_a_command(kobo: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "httpx", None)
    with pytest.raises(InputRefused, match=r"collect\.no-httpx.*\./run extras"):
        from_kobo(kobo)


def test_no_message_or_log_holds_the_secret(
    kobo: StandIn, odk: StandIn, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    told = [repr(Service("kobo", kobo.url, stand_in.TOKEN))]
    from_kobo(kobo)
    from_odk(odk)
    for status in (400, 401, 403, 404):
        kobo.before = [(status, {}, stand_in.TOKEN.encode())]
        odk.before = [(status, {}, stand_in.PASSWORD.encode())]
        for ask in (lambda: from_kobo(kobo), lambda: from_odk(odk)):
            with pytest.raises(InputRefused) as refused:
                ask()
            told.append(str(refused.value))
    for secret in (stand_in.TOKEN, stand_in.PASSWORD, stand_in.SESSION):
        assert not [one for one in (*told, caplog.text, *kobo.asked, *odk.asked) if secret in one]


# --- photos ------------------------------------------------------------------------------------------------------------


def with_photo(server: StandIn, name: str, held: str) -> None:
    server.rows[0] |= {
        "photo": name,
        "_attachments": [
            {
                "download_url": f"{server.url}/api/v2/assets/aForm1/data/7/attachments/{held}",
                "mimetype": "image/jpeg",
                "media_file_basename": held,
                "filename": f"surveyor/attachments/f0/a1/{held}",
                "question_xpath": "photo",
                "uid": "att1",
            }
        ],
    }
    server.files[held] = JPEG


def test_a_photo_of_kobo_is_kept_under_its_digest(kobo: StandIn, tmp_path: Path) -> None:
    with_photo(kobo, "my photo (1).jpg", "my_photo_1.jpg")
    collected = from_kobo(kobo, photos=tmp_path / "photos")
    (photo,) = collected.photos
    digest = hashlib.sha256(JPEG).hexdigest()
    assert (photo.sha256, photo.path.name, photo.name) == (digest, f"{digest}.jpg", "my photo (1).jpg")
    assert photo.path.read_bytes() == JPEG
    (layer,) = collected.layers
    assert layer.columns["photo_sha256"][0] == digest
    assert layer.columns["photo"][0] == "my photo (1).jpg"


def test_a_photo_of_odk_is_kept_under_its_digest(odk: StandIn, tmp_path: Path) -> None:
    odk.rows[0] = made.odk(find(1), "a1", group="site")
    odk.rows[0]["site"]["photo"] = "17 00.jpg"
    odk.files["17 00.jpg"] = JPEG
    collected = from_odk(odk, photos=tmp_path)
    assert collected.photos[0].path.read_bytes() == JPEG
    assert collected.layers[0].columns["photo_sha256"][0] == hashlib.sha256(JPEG).hexdigest()
    wanted = "GET /v1/projects/5/forms/fadeout_evidence/submissions/uuid:a1/attachments/17 00.jpg"
    assert odk.asked[-1] == wanted


def test_a_photo_that_is_not_there_is_told_and_the_rest_comes(kobo: StandIn, tmp_path: Path) -> None:
    with_photo(kobo, "a.jpg", "a.jpg")
    kobo.files.clear()
    kobo.rows[1] |= {"photo": "b.jpg", "_attachments": []}
    collected = from_kobo(kobo, photos=tmp_path)
    assert len(ids(collected)) == 5
    assert [("a.jpg" in one, "b.jpg" in one) for one in collected.notes] == [(True, False), (False, True)]
    assert collected.photos == ()


def test_a_photo_that_lies_on_another_server_is_told_and_not_fetched(kobo: StandIn, tmp_path: Path) -> None:
    with_photo(kobo, "a.jpg", "a.jpg")
    with stand_in.running() as other:
        kobo.rows[0]["_attachments"][0]["download_url"] = f"{other.url}/media/a.jpg"
        collected = from_kobo(kobo, photos=tmp_path)
        assert other.asked == []
    assert "collect.redirect" in collected.notes[0]


@pytest.mark.parametrize(
    "name", ["../../evil.sh", "/etc/evil.sh", "..", "a.jpg/../../evil", ".sh", "evil.s/h"]
)
def test_the_name_of_a_photo_cannot_lead_out_of_the_folder(kobo: StandIn, tmp_path: Path, name: str) -> None:
    with_photo(kobo, name, name)
    kobo.rows[0]["_attachments"][0]["media_file_basename"] = name.rsplit("/", 1)[-1]
    kobo.rows[0]["_attachments"][0]["download_url"] = f"{kobo.url}/x/attachments/a"
    kobo.rows[0]["photo"] = name.rsplit("/", 1)[-1]
    kobo.files["a"] = JPEG
    collected = from_kobo(kobo, photos=tmp_path / "photos")
    digest = hashlib.sha256(JPEG).hexdigest()
    assert [path.parent for path in tmp_path.rglob("*") if path.is_file()] == [tmp_path / "photos"]
    assert collected.photos[0].path.stem == digest


def test_photos_are_left_where_they_are_unless_a_folder_is_given(kobo: StandIn) -> None:
    with_photo(kobo, "a.jpg", "a.jpg")
    assert from_kobo(kobo).photos == ()
    assert not any("attachments" in one for one in kobo.asked)


# --- certificates ------------------------------------------------------------------------------------------------------


def self_signed(tmp_path: Path) -> Path:
    """A certificate and key for this machine that nobody vouches for, in one file."""
    from datetime import timedelta

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    path = tmp_path / "self-signed.pem"
    path.write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + certificate.public_bytes(pem)
    )
    return path


def test_a_certificate_that_nobody_vouches_for_is_refused_before_the_secret_is_sent(tmp_path: Path) -> None:
    with stand_in.running(certificate=self_signed(tmp_path)) as server:
        server.rows = [made.kobo(find(1), "a1")]
        with pytest.raises(InputRefused, match=r"collect\.unreachable.*certificate"):
            from_kobo(server)
        assert server.asked == []
