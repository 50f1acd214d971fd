"""From a form server into a store: fetch, review, store, and remember up to when.

Reads   a form server, a store
Gives   the `Review` of the intake; photos in a folder; the time of the newest submission, kept in the store
Knows   the order of the steps; asking is `exchange.collecting`'s, taking in is `storing`'s
Start   at `collect`
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

from fadeout.exchange import collecting
from fadeout.exchange.collecting import Service
from fadeout.jobs.storing import Progress, Request, Review, take_in
from fadeout.records.store import Store

TOPIC = "collected"  # what a store remembers: up to when a form was fetched


@dataclass(frozen=True)
class Asked:
    """What was asked: the form, since when ("" all, None what is new since the last time), and where photos go."""

    form: str
    since: str | None = None
    photos: Path | None = None


def collect(
    store: Store,
    service: Service,
    asked: Asked,
    request: Request,
    *,
    today: date,
    say: Progress = lambda words, done: None,
    pause: Callable[[float], None] = time.sleep,
) -> Review:
    """Fetch a form's submissions and take them into a store; `request` says who, why and how, its paths are not used.

    What was fetched twice changes nothing. The time of the newest submission is remembered once all is stored, so that
    submissions which were refused are fetched again.

    Raises
    ------
    InputRefused
        If the server cannot be asked or sends what cannot be read; a row that a store cannot hold is told in the review.
    """
    about = f"{service.kind} {service.url.rstrip('/')} {asked.form}"
    since = asked.since if asked.since is not None else store.remembered(TOPIC, about) or ""
    say(f"asking {service.url}" + (f" since {since}" if since else ""), 0.0)
    found = collecting.fetch(
        service, asked.form, since=since, role=request.kind, photos=asked.photos, pause=pause
    )
    file = f"{service.kind}-{asked.form.replace('/', '-')}.json"
    if not found.submissions:
        return Review(file, notes=[f"nothing new since {since}" if since else "the form has no submissions"])
    with TemporaryDirectory() as folder:
        path = found.save(Path(folder) / file)
        why = request.why or f"collected from {about}"
        (review,) = take_in(store, replace(request, paths=(path,), why=why), today=today, say=say)
    review.notes = [*found.notes, *review.notes]
    if not review.problems and not request.dry_run and found.newest:
        store.remember(TOPIC, about, found.newest, request.who)
    return review
