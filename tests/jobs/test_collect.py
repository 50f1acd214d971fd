"""What surveyors sent comes from the form server into the store, once, and nothing of it is lost on the way."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import collect_stand_in as stand_in
import pytest
import submissions as made
from collect_stand_in import StandIn
from shapely import Point

from fadeout.exchange.collecting import Service
from fadeout.jobs.collect import Asked, collect
from fadeout.jobs.storing import Request, Review
from fadeout.records.access import Viewer
from fadeout.records.record import Record
from fadeout.records.store import Store, create_store

pytest.importorskip("httpx", reason="httpx is not here; ./run extras brings it")

STAFF = Viewer("test", "staff")


def sent(n: int, day: int = 20, **values: Any) -> dict[str, Any]:
    record = Record(
        "evidence", f"EP-{n}", {"kind": "item", "how": "survey", **values}, Point(107 + n / 100, 16)
    )
    return made.kobo(record, f"a{n}", 5.0) | {"_submission_time": f"2026-11-{day}T08:00:00"}


@pytest.fixture
def kobo() -> Iterator[StandIn]:
    with stand_in.running() as server:
        server.rows = [sent(n) for n in range(1, 4)]
        yield server


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return create_store(tmp_path / "store.gpkg")


def collected(store: Store, server: StandIn, dry_run: bool = False, **asked: Any) -> Review:
    return collect(
        store,
        Service("kobo", server.url, stand_in.TOKEN),
        Asked("aForm1", **asked),
        Request((), who="test", dry_run=dry_run),
        today=date(2026, 12, 1),
        pause=lambda seconds: None,
    )


def held(store: Store) -> list[str]:
    return [one.id for one in store.page("evidence", STAFF)]


def test_submissions_are_stored_and_the_next_time_only_new_ones_are_asked_for(
    kobo: StandIn, store: Store
) -> None:
    assert collected(store, kobo).put.new == 3
    kobo.rows.append(sent(4, day=21))
    kobo.asked.clear()
    review = collected(store, kobo)
    assert (review.put.new, held(store)) == (1, ["EP-1", "EP-2", "EP-3", "EP-4"])
    assert '"$gte": "2026-11-20T08:00:00"' in kobo.asked[0].replace("+", " ")


def test_asking_for_all_again_changes_nothing(kobo: StandIn, store: Store) -> None:
    collected(store, kobo)
    review = collected(store, kobo, since="")
    assert (review.put.new, review.put.changed, review.change) == (0, 0, None)


def test_what_was_refused_is_fetched_again_once_it_is_mended(kobo: StandIn, store: Store) -> None:
    kobo.rows[1]["found_on"] = "2027-01-01"
    review = collected(store, kobo)
    assert [one.code for one in review.problems] == ["intake.future-date"]
    assert held(store) == []
    kobo.rows[1]["found_on"] = "2026-11-19"
    assert collected(store, kobo).put.new == 3


def test_a_trial_stores_and_remembers_nothing(kobo: StandIn, store: Store) -> None:
    assert collected(store, kobo, dry_run=True).put.new == 3
    assert held(store) == []
    assert collected(store, kobo).put.new == 3


def test_the_digest_of_a_photo_is_in_the_record(kobo: StandIn, store: Store, tmp_path: Path) -> None:
    photo = b"\xff\xd8 a photo"
    kobo.rows[0] |= {
        "photo": "a.jpg",
        "_attachments": [{"download_url": f"{kobo.url}/x/attachments/a.jpg", "media_file_basename": "a.jpg"}],
    }
    kobo.files["a.jpg"] = photo
    collected(store, kobo, photos=tmp_path / "photos")
    record = store.get("evidence", "EP-1", STAFF)
    assert record is not None
    digest = hashlib.sha256(photo).hexdigest()
    assert record.values["photo_sha256"] == digest
    assert (tmp_path / "photos" / f"{digest}.jpg").read_bytes() == photo


def test_a_form_without_submissions_is_told(kobo: StandIn, store: Store) -> None:
    kobo.rows = []
    assert collected(store, kobo).notes == ["the form has no submissions"]


def test_the_history_says_where_it_came_from_and_not_the_secret(
    kobo: StandIn, store: Store, tmp_path: Path
) -> None:
    collected(store, kobo)
    (version,) = store.history("EP-1", STAFF)
    assert version.why == f"collected from kobo {kobo.url} aForm1"
    assert stand_in.TOKEN.encode() not in (tmp_path / "store.gpkg").read_bytes()
