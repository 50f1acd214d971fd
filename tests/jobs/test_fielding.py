"""What phones send: stored once, corrected by its maker alone, refused in words; photos in pieces."""

from __future__ import annotations

import hashlib
import itertools
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path

import pytest

from fadeout.errors import InputRefused
from fadeout.jobs import editing, fielding, photos
from fadeout.jobs.fielding import Sent
from fadeout.records import standard as standards
from fadeout.records.access import Viewer
from fadeout.records.store import Store, create_store

Image = pytest.importorskip("PIL.Image")

STANDARD = standards.load()
NOW = datetime(2026, 11, 25, 23, 30, tzinfo=UTC)
POINT = '{"type": "Point", "coordinates": [106.9312, 16.8745]}'
MANAGER = Viewer("desk", "manager")
FOUND = Sent(
    "evidence",
    "EP-7K3MX9Q2RT5VA",
    {"kind": "item", "found_on": "2026-11-25", "count": "2", "position_error_m": "6"},
    POINT,
    "2026-11-25T23:12:05Z",
)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    moments = (NOW + timedelta(minutes=n) for n in itertools.count())
    return create_store(str(tmp_path / "store.gpkg"), lambda: next(moments))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "attachments"
    made.mkdir()
    return made


def taken(store: Store, folder: Path, sent: Sent = FOUND, who: str = "Team 1") -> fielding.Taken:
    return fielding.take(store, sent, STANDARD, folder, who=who, now=NOW)


def codes(refused: pytest.ExceptionInfo[InputRefused]) -> list[str]:
    return [one.code for one in refused.value.problems]


def picture(size: tuple[int, int] = (600, 400), **more: object) -> bytes:
    out = BytesIO()
    Image.effect_noise(size, 80).convert("RGB").save(out, "JPEG", **more)
    return out.getvalue()


def sent_whole(folder: Path, raw: bytes, who: str = "team1") -> str:
    digest = hashlib.sha256(raw).hexdigest()
    for at in range(0, len(raw), photos.PIECE):
        photos.add(folder, digest, who, offset=at, total=len(raw), piece=raw[at : at + photos.PIECE])
    return digest


def test_record_of_a_phone_stands_in_the_store_as_it_was_sent(store: Store, folder: Path) -> None:
    found = taken(store, folder)
    assert found.new
    record = store.get("evidence", FOUND.id, MANAGER)
    assert record is not None
    assert record.shape.wkt == "POINT (106.9312 16.8745)"  # type: ignore[union-attr]
    assert record.values["device_at"] == "2026-11-25T23:12:05Z"
    assert (record.values["count"], record.values["position_error_m"]) == (2, 6.0)
    assert record.who == "Team 1"


def test_sending_again_changes_nothing(store: Store, folder: Path) -> None:
    taken(store, folder)
    again = taken(store, folder)
    assert not again.new
    assert len(store.history(FOUND.id, MANAGER, "evidence")) == 1


def test_two_at_once_make_one_record(store: Store, folder: Path) -> None:
    with ThreadPoolExecutor(2) as threads:
        both = list(threads.map(lambda _: taken(store, folder).new, range(2)))
    assert sorted(both) == [False, True]
    assert len(store.history(FOUND.id, MANAGER, "evidence")) == 1


def test_sending_again_does_not_undo_what_the_desk_did(store: Store, folder: Path) -> None:
    taken(store, folder)
    edit = editing.Edit("evidence", FOUND.id, {"count": "5"}, 1)
    editing.save(store, edit, STANDARD, who="desk", today=NOW.date())
    assert taken(store, folder).record.values["count"] == 5
    assert len(store.history(FOUND.id, MANAGER, "evidence")) == 2


def test_sending_again_does_not_bring_back_what_was_withdrawn(store: Store, folder: Path) -> None:
    taken(store, folder)
    editing.withdraw(store, "evidence", FOUND.id, 1, who="desk", why="twice")
    assert not taken(store, folder).new
    assert store.get("evidence", FOUND.id, MANAGER) is None


def test_same_person_may_send_it_corrected_as_a_new_version(store: Store, folder: Path) -> None:
    taken(store, folder)
    corrected = replace(FOUND, values={"kind": "fragment", "found_on": "2026-11-25"})
    found = taken(store, folder, corrected)
    assert not found.new
    assert found.record.values["kind"] == "fragment"
    assert "count" not in found.record.values
    assert found.record.version == 2


@pytest.mark.parametrize("who", ["Team 2", "Team 1"])
def test_other_content_is_refused_once_somebody_else_made_or_changed_it(
    store: Store, folder: Path, who: str
) -> None:
    taken(store, folder)
    if who == "Team 1":
        edit = editing.Edit("evidence", FOUND.id, {"count": "5"}, 1)
        editing.save(store, edit, STANDARD, who="desk", today=NOW.date())
    with pytest.raises(InputRefused) as refused:
        taken(store, folder, replace(FOUND, values={**FOUND.values, "count": "9"}), who)
    assert codes(refused) == ["field.taken"]


def test_record_that_nobody_of_the_field_may_see_is_not_written_over(store: Store, folder: Path) -> None:
    taken(store, folder)
    edit = editing.Edit("evidence", FOUND.id, {"sensitivity": "restricted"}, 1)
    editing.save(store, edit, STANDARD, who="desk", today=NOW.date())
    with pytest.raises(InputRefused) as refused:
        taken(store, folder, replace(FOUND, values={**FOUND.values, "count": "9"}))
    assert codes(refused) == ["field.taken"]


def test_morning_east_of_greenwich_is_not_the_future(store: Store, folder: Path) -> None:
    # 06:30 on the 26th in Vientiane is 23:30 on the 25th in UTC
    assert taken(store, folder, replace(FOUND, values={**FOUND.values, "found_on": "2026-11-26"})).new


def test_day_that_is_nowhere_yet_is_refused(store: Store, folder: Path) -> None:
    with pytest.raises(InputRefused) as refused:
        taken(store, folder, replace(FOUND, values={**FOUND.values, "found_on": "2026-11-27"}))
    assert codes(refused) == ["intake.future-date"]


def test_all_that_is_wrong_is_told_at_once(store: Store, folder: Path) -> None:
    with pytest.raises(InputRefused) as refused:
        taken(store, folder, Sent("evidence", "EP-1", {"count": "2", "sensitivity": "public"}))
    assert codes(refused) == ["field.bad-id", "field.unknown-value", "edit.missing", "field.no-place"]
    assert store.count("evidence", MANAGER) == 0


@pytest.mark.parametrize(
    ("kind", "id"),
    [("victim", "EP-7K3MX9Q2RT5VA"), ("box", "EP-7K3MX9Q2RT5VA"), ("evidence", "ep-7k3mx9q2rt5va")],
)
def test_only_what_the_field_records_under_ids_of_its_own(
    store: Store, folder: Path, kind: str, id: str
) -> None:
    with pytest.raises(InputRefused) as refused:
        taken(store, folder, replace(FOUND, kind=kind, id=id))
    assert codes(refused)[0] in ("field.kind", "field.bad-id")


def test_box_is_the_one_of_the_grid_in_which_the_phone_stood(store: Store, folder: Path) -> None:
    values = {"state": "clear", "method": "detector", "effort_min": "25", "share_searched": "0.8"}
    values |= {"searched_on": "2026-11-25", "team": "Team 1", "evidence_ids": "EP-7K3MX9Q2RT5VA"}
    sent = Sent("box", "BX-7K3MX9Q2RT5VA", values, POINT, "2026-11-25T23:12:05Z")
    record = taken(store, folder, sent).record
    assert record.shape is not None
    assert record.shape.geom_type == "Polygon"
    assert record.shape.contains(editing.place_of("evidence", POINT))
    assert str(record.values["entered"]).startswith("32648-50-")
    assert record.values["evidence_ids"] == ["EP-7K3MX9Q2RT5VA"]
    assert not taken(store, folder, sent).new


def test_box_named_by_its_id_needs_no_position(store: Store, folder: Path) -> None:
    values = {"state": "partly", "entered": "32648-50-14262-37170", "entered_crs": "box of the grid"}
    sent = Sent("box", "BX-7K3MX9Q2RT5VA", values)
    by_id = taken(store, folder, sent).record
    inside = by_id.shape.centroid  # type: ignore[union-attr]
    point = f'{{"type": "Point", "coordinates": [{inside.x}, {inside.y}]}}'
    by_place = taken(store, folder, Sent("box", "BX-8K3MX9Q2RT5VA", {"state": "partly"}, point)).record
    assert by_place.shape.equals_exact(by_id.shape, 1e-9)  # type: ignore[union-attr]


def test_ground_and_lines_that_were_searched(store: Store, folder: Path) -> None:
    corners = "[[107.0, 16.8], [107.001, 16.8], [107.001, 16.801], [107.0, 16.8]]"
    ground = f'{{"type": "Polygon", "coordinates": [{corners}]}}'
    walked = '{"type": "LineString", "coordinates": [[107.0, 16.8], [107.001, 16.8]]}'
    for id, place in (("SA-7K3MX9Q2RT5VA", ground), ("SA-8K3MX9Q2RT5VA", walked)):
        sent = Sent("searched", id, {"outcome": "complete", "swath_m": "2"}, place)
        assert taken(store, folder, sent).new
        assert not taken(store, folder, sent).new


def test_record_holds_the_digest_of_the_photo_as_it_is_kept(store: Store, folder: Path) -> None:
    digest = sent_whole(folder, picture())
    sent = replace(FOUND, values={**FOUND.values, "photo": f"{digest}.jpg"})
    values = taken(store, folder, sent).record.values
    assert values["photo"] == f"{digest}.jpg"
    kept = (folder / f"{digest}.jpg").read_bytes()
    assert values["photo_sha256"] == hashlib.sha256(kept).hexdigest()
    assert not taken(store, folder, sent).new


@pytest.mark.parametrize("name", ["../../etc/passwd", f"{'a' * 64}.jpg", "a.jpg"])
def test_record_cannot_speak_of_a_photo_that_is_not_here(store: Store, folder: Path, name: str) -> None:
    with pytest.raises(InputRefused) as refused:
        taken(store, folder, replace(FOUND, values={**FOUND.values, "photo": name}))
    assert codes(refused) == ["field.no-photo"]


def test_kept_photo_tells_nothing_but_the_picture(folder: Path) -> None:
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "A camera"  # turned by a quarter; the maker
    exif.get_ifd(0x8825)[2] = (16.0, 52.0, 28.2)  # GPSLatitude
    raw = picture((600, 400), exif=exif.tobytes(), comment=b"at the well")
    kept = folder / f"{sent_whole(folder, raw)}.jpg"
    with Image.open(kept) as found:
        assert dict(found.getexif()) == {}
        assert "comment" not in found.info
        assert found.size == (400, 600)
    assert b"A camera" not in kept.read_bytes()
    assert b"at the well" not in kept.read_bytes()


def test_photo_goes_on_where_it_was_cut(folder: Path) -> None:
    raw = picture((1200, 900), quality=95)
    assert len(raw) > photos.PIECE
    digest = hashlib.sha256(raw).hexdigest()
    assert photos.held(folder, digest, "team1") is None
    photos.add(folder, digest, "team1", offset=0, total=len(raw), piece=raw[:100_000])
    assert photos.held(folder, digest, "team1") == photos.Held(100_000, False)
    assert photos.held(folder, digest, "team2") is None  # nobody spoils another's
    with pytest.raises(InputRefused) as refused:
        photos.add(folder, digest, "team1", offset=0, total=len(raw), piece=raw[:100_000])
    assert codes(refused) == ["photo.offset"]
    for at in range(100_000, len(raw), photos.PIECE):
        end = min(at + photos.PIECE, len(raw))
        told = photos.add(folder, digest, "team1", offset=at, total=len(raw), piece=raw[at:end])
    assert told.complete
    assert list((folder / "parts").iterdir()) == []
    assert photos.add(folder, digest, "team1", offset=0, total=len(raw), piece=raw[:10]).complete


def test_what_is_no_picture_is_refused_and_dropped(folder: Path) -> None:
    whole = picture()
    for raw in (b"<svg onload=alert(1)>" * 50, whole[: len(whole) // 2], b"GIF89a" + bytes(40)):
        with pytest.raises(InputRefused) as refused:
            sent_whole(folder, raw)
        assert codes(refused) == ["photo.no-picture"]
    assert [one.name for one in folder.rglob("*") if one.is_file()] == []


def test_photo_that_is_not_the_one_announced_is_refused(folder: Path) -> None:
    raw = picture()
    with pytest.raises(InputRefused) as refused:
        photos.add(folder, "0" * 64, "team1", offset=0, total=len(raw), piece=raw)
    assert codes(refused) == ["photo.digest"]


def test_photo_too_large_to_open_is_refused_before_it_is_opened(folder: Path) -> None:
    out = BytesIO()
    Image.new("1", (8_000, 5_001)).save(out, "PNG")  # a few kB, 40,008,000 pixels
    with pytest.raises(InputRefused) as refused:
        sent_whole(folder, out.getvalue())
    assert codes(refused) == ["photo.too-large"]
    with pytest.raises(InputRefused) as refused:
        photos.add(folder, "0" * 64, "team1", offset=0, total=12_000_001, piece=b"x")
    assert codes(refused) == ["photo.too-large"]
