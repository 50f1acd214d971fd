"""The field's page on a phone: a real browser, with and without a connection; and what phones may send."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator
from io import BytesIO
from typing import Any

import httpx
import pytest
from serving import PASSWORD, Server

from fadeout.records.access import Viewer

Image = pytest.importorskip("PIL.Image")
PlaywrightError = pytest.importorskip("playwright.sync_api").Error

DESK = Viewer("desk", "manager")
SENT = {
    "kind": "evidence",
    "id": "EP-7K3MX9Q2RT5VA",
    "values": {"kind": "item", "position_error_m": "6"},
    "place": {"type": "Point", "coordinates": [106.9312, 16.8745]},
    "device_at": "2026-11-25T07:00:00Z",
}


def photo(size: tuple[int, int] = (3000, 2000), noise: int = 25) -> bytes:
    """A photo as a camera writes it: with its place, its time and its maker."""
    exif = Image.Exif()
    exif[0x010F], exif[0x0112] = "A camera", 1
    place = exif.get_ifd(0x8825)
    place[1], place[2], place[3], place[4] = "N", (16.0, 52.0, 28.2), "E", (106.0, 55.0, 52.3)
    out = BytesIO()
    Image.effect_noise(size, noise).convert("RGB").save(out, "JPEG", quality=90, exif=exif.tobytes())
    return out.getvalue()


# ---- what phones may send -------------------------------------------------------------------------------------------


def test_record_sent_twice_is_one_record(server: Server) -> None:
    team = server.signed("team")
    assert [team.post("/field/records", json=SENT).status_code for _ in range(3)] == [201, 200, 200]
    assert server.store.count("evidence", DESK) == 1
    assert len(server.store.history(SENT["id"], DESK, "evidence")) == 1


def test_id_of_somebody_else_with_other_content_is_a_conflict(server: Server) -> None:
    server.signed("team").post("/field/records", json=SENT)
    other = {**SENT, "values": {"kind": "fragment"}}
    answer = server.signed("operations").post("/field/records", json=other)
    assert answer.status_code == 409
    assert answer.json()["problems"][0]["code"] == "field.taken"


def test_what_is_wrong_comes_back_as_problems(server: Server) -> None:
    answer = server.signed("team").post("/field/records", json={**SENT, "values": {"count": "many"}})
    assert answer.status_code == 422
    assert [one["code"] for one in answer.json()["problems"]] == ["edit.missing"]


def test_nobody_sends_without_a_session_a_role_and_a_token(server: Server) -> None:
    stranger = server.client()
    for answer in (stranger.get("/field/session"), stranger.post("/field/records", json=SENT)):
        assert answer.status_code == 401
        assert "www-authenticate" not in answer.headers  # a browser would ask with a window of its own
    assert stranger.get("/field").headers["location"] == "/enter?next=/field"
    viewer = server.signed("viewer")
    assert viewer.get("/field/session").status_code == 403
    assert viewer.post("/field/records", json=SENT).status_code == 403
    assert viewer.get("/field").status_code == 403
    team = server.signed("team")
    token = team.headers.pop("x-csrf-token")
    assert team.post("/field/records", json=SENT).status_code == 403
    digest = hashlib.sha256(b"x").hexdigest()
    assert team.patch(f"/field/photos/{digest}", content=b"x").status_code == 403
    team.headers["x-csrf-token"] = token
    assert server.store.count("evidence", DESK) == 0


def sent_photo(client: httpx.Client, raw: bytes) -> str:
    digest = hashlib.sha256(raw).hexdigest()
    for at in range(0, len(raw), 200_000):
        headers = {"upload-offset": str(at), "upload-length": str(len(raw))}
        answer = client.patch(f"/field/photos/{digest}", content=raw[at : at + 200_000], headers=headers)
        assert answer.status_code == 204, answer.text
    return digest


def test_photo_is_shown_to_those_alone_who_see_its_place(server: Server) -> None:
    team = server.signed("team")
    digest = sent_photo(team, photo((900, 600)))
    address = f"/field/photos/{digest}"
    assert team.get(address).status_code == 404  # no record speaks of it yet
    values = {**SENT["values"], "photo": f"{digest}.jpg"}
    assert team.post("/field/records", json={**SENT, "values": values}).status_code == 201
    found = server.signed("information_manager").get(address)
    assert found.headers["content-type"] == "image/jpeg"
    assert "no-store" in found.headers["cache-control"]
    assert server.signed("viewer").get(address).status_code == 404
    assert server.client().get(address).status_code == 401
    page = server.signed("information_manager").get(f"/records/evidence/{SENT['id']}").text
    assert f'src="{address}"' in page


def test_photo_tells_how_much_is_there_and_refuses_what_does_not_fit(server: Server) -> None:
    team, raw = server.signed("team"), photo((900, 600))
    address = f"/field/photos/{hashlib.sha256(raw).hexdigest()}"
    assert team.head(address).status_code == 404
    headers = {"upload-offset": "0", "upload-length": str(len(raw))}
    team.patch(address, content=raw[:1000], headers=headers)
    told = team.head(address).headers
    assert (told["upload-offset"], told["upload-complete"]) == ("1000", "0")
    again = team.patch(address, content=raw[:1000], headers=headers)
    assert (again.status_code, again.headers["upload-offset"]) == (409, "1000")
    long = team.patch(
        address, content=bytes(300_000), headers={"upload-offset": "1000", "upload-length": "400000"}
    )
    assert long.json()["problems"][0]["code"] == "photo.piece"
    assert team.patch(address, content=b"x").json()["problems"][0]["code"] == "photo.offset"


def test_page_that_a_phone_keeps_names_nobody(server: Server) -> None:
    team = server.signed("team")
    page = team.get("/field").text
    assert "Team" not in page.replace(">Team<", "").replace('"Team"', "")
    assert team.headers["x-csrf-token"] not in page
    worker = server.client().get("/field/worker.js")
    assert worker.headers["service-worker-allowed"] == "/field"
    files = json.loads(worker.text.split("FILES = ", 1)[1].split(";\n", 1)[0])
    assert all(server.client().get(one).status_code == 200 for one in files)
    manifest = server.client().get("/static/field.webmanifest")
    assert manifest.headers["content-type"].startswith("application/manifest+json")
    assert manifest.json()["start_url"] == "/field"


# ---- the page ---------------------------------------------------------------------------------------------------------


class Phone:
    """The page on a phone, with a position and taps that are counted."""

    def __init__(
        self, browser: Any, server: Server, lang: str = "en", accuracy: float = 6, **more: Any
    ) -> None:
        self.server = server
        self.context = browser.new_context(
            base_url=server.url,
            viewport={"width": 360, "height": 740},
            has_touch=True,
            is_mobile=True,
            device_scale_factor=2,
            permissions=["geolocation"],
            geolocation={"longitude": 106.9312, "latitude": 16.8745, "accuracy": accuracy},
            **more,
        )
        self.context.add_cookies([{"name": "fadeout_lang", "value": lang, "url": server.url}])
        self.page = self.context.new_page()
        self.faults: list[str] = []
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))
        self.taps = 0

    def enter(self, login: str = "team") -> None:
        self.page.goto("/enter?next=/field")
        self.page.fill("#login", login)
        self.page.fill("#password", PASSWORD)
        self.page.click("button.act")
        self.ready()

    def until(self, what: str, seconds: float = 20) -> None:
        """Wait; our pages allow no script from outside, so nothing may wait inside."""
        fault = ""
        for _ in range(int(seconds * 10)):
            try:
                if self.page.evaluate(what):
                    return
            except PlaywrightError as error:  # a page that only begins to load has no body yet
                fault = str(error).splitlines()[0]
            self.page.wait_for_timeout(100)
        raise AssertionError(f"{what}; {fault}; the page says: {self.page.inner_text('#state')}")

    def ready(self) -> None:
        self.until("document.body.dataset.field === 'ready'")

    def worker(self) -> None:
        """Wait until the phone keeps the page."""
        self.until("navigator.serviceWorker.ready.then((one) => one.active?.state === 'activated')")

    def tap(self, selector: str) -> None:
        self.taps += 1
        self.page.locator(f"form[data-form]:not([hidden]) {selector}, {selector}").first.tap()

    def counts(self) -> tuple[int, int]:
        return int(self.page.inner_text("#n-kept")), int(self.page.inner_text("#n-sent"))

    def point(self, kind: str = "item") -> None:
        """Record an evidence point."""
        kept, sent = self.counts()
        self.tap(f"label:has(input[name=kind][value={kind}])")
        self.until("document.querySelector('[data-form=evidence] .fix strong') !== null")
        self.tap("form[data-form=evidence] .act")
        self.until(
            "+document.querySelector('#n-kept').textContent + +document.querySelector('#n-sent').textContent"
            f" === {kept + sent + 1}"
        )

    def correct(self, id: str) -> None:
        """Open a kept record for correction."""
        self.tap(f"li[data-id='{id}'] button:first-child")
        self.until(f"document.querySelector('.correcting').textContent.includes('{id}')")

    def ids(self) -> list[str]:
        return self.page.evaluate("[...document.querySelectorAll('ul.kept li')].map((one) => one.dataset.id)")


@pytest.fixture
def phone(browser: Any, server: Server) -> Iterator[Phone]:
    server.account("team", "team")
    made = Phone(browser, server)
    made.enter()
    yield made
    made.context.close()
    assert made.faults == []


def all_sent(phone: Phone, number: int) -> None:
    phone.until(
        f"document.querySelector('#n-sent').textContent === '{number}'"
        " && document.querySelector('#n-kept').textContent === '0'",
        40,
    )


def test_evidence_with_a_photo_takes_less_than_a_minute(phone: Phone) -> None:
    begun = time.monotonic()
    phone.tap("label:has(input[name=kind][value=item])")
    phone.taps += 2  # the camera's own: its button, its shutter
    phone.page.set_input_files(
        "input[name=camera]", {"name": "a.jpg", "mimeType": "image/jpeg", "buffer": photo()}
    )
    phone.until("document.querySelector('img.photo').naturalWidth > 0")
    phone.tap("form[data-form=evidence] .act")
    all_sent(phone, 1)
    took = time.monotonic() - begun
    print(f"\nevidence with photo and position: {phone.taps} taps, {took:.1f} s until it was in the store")
    assert phone.taps <= 6
    assert took < 60
    (record,) = phone.server.store.page("evidence", DESK)
    assert record.id.startswith("EP-")
    assert record.values["position_error_m"] == 6.0
    assert record.shape.wkt == "POINT (106.9312 16.8745)"
    kept = phone.server.folder / "attachments" / str(record.values["photo"])
    assert hashlib.sha256(kept.read_bytes()).hexdigest() == record.values["photo_sha256"]
    with Image.open(kept) as found:
        assert max(found.size) == 2000
        assert dict(found.getexif()) == {}
    assert b"Exif" not in kept.read_bytes()


def test_three_records_with_and_without_a_connection_are_three_records(phone: Phone) -> None:
    phone.point()
    all_sent(phone, 1)
    phone.worker()
    phone.context.set_offline(True)
    phone.page.reload()
    phone.ready()
    phone.point("fragment")
    phone.point("witness_at_place")
    assert phone.counts() == (2, 1)
    phone.until("document.querySelector('#line').textContent.startsWith('No connection')")
    phone.page.reload()
    phone.ready()
    assert phone.counts() == (2, 1)
    ids = phone.ids()
    phone.context.set_offline(False)
    all_sent(phone, 3)
    found = phone.server.store.page("evidence", DESK)
    assert sorted(one.id for one in found) == sorted(ids)
    assert {one.version for one in found} == {1}


def test_answer_that_is_lost_makes_no_second_record(phone: Phone) -> None:
    lost = []

    def die(route: Any) -> None:
        if len(lost) < 2:
            lost.append(route.fetch().status)  # the server has stored it; the phone never hears
            route.abort()
        else:
            route.continue_()

    phone.page.route("**/field/records", die)
    phone.point()
    phone.until("document.querySelector('#line').textContent.includes('does not answer')")
    assert phone.server.store.count("evidence", DESK) == 1
    assert phone.counts() == (1, 0)
    phone.tap("#send")
    phone.until("document.body.dataset.field === 'ready'")
    phone.page.wait_for_timeout(500)
    phone.tap("#send")
    all_sent(phone, 1)
    assert lost == [201, 200]
    (record,) = phone.server.store.page("evidence", DESK)
    assert record.version == 1


def test_photo_that_was_cut_goes_on_where_it_was_cut(phone: Phone) -> None:
    offsets: list[int] = []

    def cut(route: Any) -> None:
        if route.request.method != "PATCH":
            route.continue_()
            return
        offsets.append(int(route.request.headers["upload-offset"]))
        if len(offsets) == 2:
            route.abort()
        else:
            route.continue_()

    phone.page.route("**/field/photos/*", cut)
    raw = photo(noise=120)
    phone.page.set_input_files(
        "input[name=camera]", {"name": "a.jpg", "mimeType": "image/jpeg", "buffer": raw}
    )
    phone.until("document.querySelector('img.photo').naturalWidth > 0")
    phone.point()
    phone.until("document.querySelector('#line').textContent.includes('does not answer')")
    phone.page.reload()  # what was cut is known to the server, not to the page
    all_sent(phone, 1)
    assert offsets[:3] == [0, 256_000, 256_000]
    assert len(set(offsets)) == len(offsets) - 1


def test_nothing_that_was_typed_is_lost_on_reload(phone: Phone) -> None:
    phone.tap("label:has(input[name=kind][value=accident])")
    phone.page.fill("#evidence-remark", "beside the old well")
    phone.page.set_input_files(
        "input[name=camera]", {"name": "a.jpg", "mimeType": "image/jpeg", "buffer": photo((800, 600))}
    )
    phone.until("document.querySelector('img.photo').naturalWidth > 0")
    phone.page.reload()
    phone.ready()
    assert phone.page.input_value("#evidence-remark") == "beside the old well"
    assert phone.page.is_checked("input[name=kind][value=accident]")
    phone.until("document.querySelector('img.photo').naturalWidth > 0")
    assert "± 6 m" in phone.page.inner_text("[data-form=evidence] .fix")


def test_what_was_not_sent_can_be_corrected_and_removed(phone: Phone) -> None:
    phone.worker()
    phone.context.set_offline(True)
    phone.point()
    phone.point("fragment")
    removed, corrected = phone.ids()
    phone.correct(corrected)
    phone.page.fill("#evidence-count", "٣")  # Arabic digits
    phone.context.set_offline(False)
    phone.until("document.querySelector('#n-sent').textContent === '1'")  # not the one under correction
    assert phone.server.store.get("evidence", corrected, DESK) is None
    phone.context.set_offline(True)
    phone.tap("form[data-form=evidence] .act")
    phone.until("document.querySelector('.correcting').hidden")
    phone.point("accident")
    third = phone.ids()[0]
    phone.page.on("dialog", lambda dialog: dialog.accept())
    phone.tap(f"li[data-id='{third}'] button:last-child")
    phone.until("document.querySelector('#n-kept').textContent === '1'")
    phone.context.set_offline(False)
    all_sent(phone, 2)
    record = phone.server.store.get("evidence", corrected, DESK)
    assert record is not None
    assert record.values["count"] == 3
    assert {one.id for one in phone.server.store.page("evidence", DESK)} == {removed, corrected}


def test_what_the_server_refuses_stays_with_its_reason_until_it_is_corrected(phone: Phone) -> None:
    phone.page.fill("#evidence-count", "0")
    phone.point()
    phone.until("document.querySelector('#kept-list .problems') !== null")
    assert "count is 0" in phone.page.inner_text("#kept-list .problems")
    assert "1 need a correction" in phone.page.inner_text("#line")
    phone.correct(phone.ids()[0])
    assert phone.page.input_value("#evidence-count") == "0"
    phone.page.fill("#evidence-count", "1")
    phone.tap("form[data-form=evidence] .act")
    all_sent(phone, 1)


def test_session_that_ended_loses_nothing(phone: Phone) -> None:
    phone.worker()
    token = phone.context.cookies()
    phone.context.clear_cookies(name="fadeout_session")
    phone.point()
    phone.until("!document.querySelector('#sign-in').hidden")
    assert phone.page.inner_text("#line") == "Sign in again to send. Nothing is lost."
    phone.page.reload()  # not sent away to the page to sign in: what is kept must be seen
    phone.ready()
    assert phone.counts() == (1, 0)
    phone.tap("#sign-in")
    phone.page.fill("#login", "team")
    phone.page.fill("#password", PASSWORD)
    phone.page.click("button.act")
    phone.ready()
    all_sent(phone, 1)
    assert token != phone.context.cookies()


def test_poor_position_is_warned_of_and_one_can_be_written(browser: Any, server: Server) -> None:
    server.account("team", "team")
    phone = Phone(browser, server, accuracy=45)
    phone.enter()
    phone.tap("label:has(input[name=kind][value=item])")
    phone.until("document.querySelector('[data-form=evidence] .fix-said').classList.contains('poor')")
    assert "Worse than 20 m" in phone.page.inner_text("[data-form=evidence] .fix-said")
    phone.context.set_geolocation({"longitude": 106.93121, "latitude": 16.87451, "accuracy": 7})
    phone.until(
        "document.querySelector('[data-form=evidence] .fix-said').textContent.startsWith('Better than 10 m')"
    )
    phone.tap("form[data-form=evidence] summary")
    phone.page.fill("#evidence-typed", "106.95 16.9")
    phone.page.fill("#evidence-error", "12")
    phone.tap("form[data-form=evidence] .act")
    all_sent(phone, 1)
    (record,) = server.store.page("evidence", DESK)
    assert record.shape.wkt == "POINT (106.95 16.9)"
    assert (record.values["entered"], record.values["position_error_m"]) == ("106.95 16.9", 12.0)
    phone.context.close()


def test_box_and_searched_ground_are_recorded(phone: Phone) -> None:
    phone.point()
    all_sent(phone, 1)
    (evidence,) = phone.ids()
    phone.tap(".kinds button[data-kind=box]")
    phone.tap("[data-form=box] label:has(input[value=found])")
    phone.tap("#near-evidence label")
    phone.page.select_option("[data-form=box] select[name=method]", "detector")
    phone.page.fill("#box-effort_min", "25")
    phone.page.fill("#box-share_percent", "80")
    phone.page.fill("#box-team", "Team 1")
    phone.until("document.querySelector('[data-form=box] .fix strong') !== null")
    phone.tap("form[data-form=box] .act")
    all_sent(phone, 2)
    (box,) = phone.server.store.page("box", DESK)
    assert (box.values["state"], box.values["share_searched"], box.values["effort_min"]) == (
        "found",
        0.8,
        25.0,
    )
    assert box.values["evidence_ids"] == [evidence]
    phone.tap(".kinds button[data-kind=searched]")
    phone.tap("[data-form=searched] label:has(input[value=complete])")
    for n, (lon, lat) in enumerate([(106.93, 16.87), (106.9304, 16.87), (106.9304, 16.8704)], 1):
        phone.context.set_geolocation({"longitude": lon, "latitude": lat, "accuracy": 5})
        phone.tap("[data-form=searched] .take")
        phone.until(f"document.querySelectorAll('#corners li').length === {n}")
    phone.tap("form[data-form=searched] .act")
    all_sent(phone, 3)
    (ground,) = phone.server.store.page("searched", DESK)
    assert ground.shape.geom_type == "Polygon"
    assert ground.values["outcome"] == "complete"


def test_draft_waits_while_another_record_is_corrected(phone: Phone) -> None:
    phone.worker()
    phone.context.set_offline(True)
    phone.point()
    phone.point("fragment")
    first, second = phone.ids()
    phone.page.fill("#evidence-remark", "half written")
    phone.correct(first)
    phone.page.fill("#evidence-remark", "corrected")
    phone.tap(f"li[data-id='{second}'] button:first-child")  # the one under correction stands
    phone.page.reload()
    phone.ready()
    assert phone.page.input_value("#evidence-remark") == "corrected"
    phone.tap("form[data-form=evidence] .act")
    phone.until("document.querySelector('.correcting').hidden")
    assert phone.page.input_value("#evidence-remark") == "half written"
    phone.context.set_offline(False)
    all_sent(phone, 2)
    record = phone.server.store.get("evidence", first, DESK)
    assert record is not None
    assert record.values["remark"] == "corrected"


def test_second_tap_keeps_nothing_twice(phone: Phone) -> None:
    phone.tap("label:has(input[name=kind][value=item])")
    phone.until("document.querySelector('[data-form=evidence] .fix strong') !== null")
    buffer = photo()
    phone.page.set_input_files(
        "input[name=camera]", {"name": "a.jpg", "mimeType": "image/jpeg", "buffer": buffer}
    )
    phone.page.evaluate(
        "for (let i = 0; i < 3; i++) document.querySelector('[data-form=evidence] .act').click()"
    )
    all_sent(phone, 1)
    (record,) = phone.server.store.page("evidence", DESK)
    assert record.values["photo_sha256"]  # kept at once, and still with its photo


def test_missing_answer_stands_beside_its_question_and_takes_the_focus(phone: Phone) -> None:
    phone.tap("form[data-form=evidence] .act")
    assert "Choose what is there." in phone.page.inner_text("[data-form=evidence] .problems")
    assert phone.page.evaluate("document.activeElement.name") == "kind"


def test_keyboard_alone_is_enough(phone: Phone) -> None:
    phone.page.focus("input[name=kind][value=item]")
    phone.page.keyboard.press("Space")
    phone.until("document.querySelector('[data-form=evidence] .fix strong') !== null")
    for _ in range(40):
        phone.page.keyboard.press("Tab")
        if phone.page.evaluate("document.activeElement.matches('[data-form=evidence] .act')"):
            break
    phone.page.keyboard.press("Enter")
    all_sent(phone, 1)


def test_phone_keeps_no_answers_with_data_of_people(phone: Phone) -> None:
    phone.point()
    all_sent(phone, 1)
    phone.worker()
    phone.page.reload()
    phone.ready()
    kept = phone.page.evaluate(
        """(async () => {
            const found = [];
            for (const name of await caches.keys())
                for (const one of await (await caches.open(name)).keys()) found.push(new URL(one.url).pathname);
            return found;
        })()"""
    )
    assert "/field" in kept
    assert [one for one in kept if one != "/field" and not one.startswith("/static/")] == []
    page = phone.page.evaluate("caches.match('/field').then((one) => one.text())")
    assert 'name="csrf" content=""' in page


@pytest.mark.parametrize("lang", ["en", "ar"])
@pytest.mark.parametrize("kind", ["evidence", "box", "searched"])
def test_page_is_open_to_all_and_has_targets_for_thumbs(
    browser: Any, server: Server, lang: str, kind: str
) -> None:
    server.account("team", "team")
    phone = Phone(browser, server, lang)
    phone.enter()
    phone.context.set_offline(True)
    phone.point()
    phone.tap(f".kinds button[data-kind={kind}]")
    phone.context.set_offline(False)
    all_sent(phone, 1)
    assert phone.page.get_attribute("html", "dir") == ("rtl" if lang == "ar" else "ltr")
    phone.page.add_script_tag(url="/static/parts/axe.min.js")
    found = phone.page.evaluate("(async () => (await axe.run(document)).violations)()")
    assert [f"{one['id']}: {one['nodes'][0]['html'][:200]}" for one in found] == []
    small = phone.page.evaluate(
        """['button', 'a', 'select', 'textarea', 'input', 'label.choice', 'summary']
        .flatMap((one) => [...document.querySelectorAll(`main ${one}`)])
        .filter((one) => one.offsetParent && !(one.matches('input') && one.closest('label')))
        .map((one) => [one.outerHTML.slice(0, 120), one.getBoundingClientRect().height])
        .filter(([, height]) => height < 48)"""
    )
    assert small == []
    assert phone.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert phone.faults == []
    phone.context.close()
