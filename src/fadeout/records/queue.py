"""Work that goes on in the background: asked for, taken by one worker, told how far it is, ended one way or another.

Reads   a store's engine
Gives   `Work`; `ask`, `take`, `beat`, `end`, `cancel`, `give_up_lost`
Knows   how one row is taken by one worker on either database; nothing of what the work is
Start   at `ask` and `take`

A worker tells that it lives every few seconds. Work whose worker is silent goes back into the queue once, and after a
second silence is called failed, in words: nothing runs forever unseen.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from fadeout.errors import InputRefused, Problem
from fadeout.records.schema import WORK

QUEUED, RUNNING, DONE, FAILED, CANCELLED = "queued", "running", "done", "failed", "cancelled"
OPEN = (QUEUED, RUNNING)
SILENT_S = 60  # of a worker that tells every few seconds (assumed)
TRIES = 2


@dataclass(frozen=True)
class Work:
    """One piece of work: what was asked, by whom, where it stands, what came of it."""

    id: str
    kind: str
    asked: Mapping[str, Any]
    who: str
    state: str
    made_at: str
    began_at: str
    ended_at: str
    share: float
    words: str
    result: Mapping[str, Any]
    tries: int
    cancel: bool


def ask(engine: sa.Engine, kind: str, asked: Mapping[str, Any], who: str, now: datetime) -> str:
    """Put work into the queue; give its id."""
    id = f"{now.astimezone(UTC):%Y%m%dT%H%M%S}-{secrets.token_hex(4)}"
    row = {
        "id": id,
        "kind": kind,
        "asked": json.dumps(asked, sort_keys=True, ensure_ascii=False),
        "who": who,
        "state": QUEUED,
        "made_at": _at(now),
        "share": 0.0,
        "words": "",
        "result": "{}",
        "tries": 0,
        "cancel": False,
    }
    with engine.begin() as connection:
        connection.execute(WORK.insert().values(**row))
    return id


def take(engine: sa.Engine, now: datetime) -> Work | None:
    """Take the oldest work that waits; no other worker gets it."""
    query = sa.select(WORK).where(WORK.c.state == QUEUED).order_by(WORK.c.made_at, WORK.c.id).limit(1)
    with engine.connect() as connection:
        if connection.execute(query).first() is None:  # looked at without a lock, as mostly nothing waits
            return None
    with engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            _write_lock(connection)
        row = connection.execute(query.with_for_update(skip_locked=True)).first()
        if row is None:
            connection.rollback()
            return None
        values = {"state": RUNNING, "began_at": _at(now), "beat_at": _at(now), "tries": row.tries + 1}
        connection.execute(WORK.update().where(WORK.c.id == row.id).values(**values))
        connection.commit()
    return find(engine, row.id)


def _write_lock(connection: sa.Connection) -> None:
    """On SQLite: be the one writer before reading (BEGIN IMMEDIATE; a deferred one could fail at its first write)."""
    connection.execute(WORK.update().where(sa.false()).values(share=0.0))


def beat(engine: sa.Engine, id: str, share: float, words: str, now: datetime) -> bool:
    """Tell that work goes on and how far it is; give whether it shall go on."""
    values = {"share": share, "words": words[:500], "beat_at": _at(now)}
    with engine.begin() as connection:
        connection.execute(WORK.update().where(WORK.c.id == id, WORK.c.state == RUNNING).values(**values))
        row = connection.execute(sa.select(WORK.c.cancel, WORK.c.state).where(WORK.c.id == id)).first()
    return row is not None and row.state == RUNNING and not row.cancel


def end(engine: sa.Engine, id: str, state: str, words: str, result: Mapping[str, Any], now: datetime) -> None:
    """Write what came of work."""
    values = {
        "state": state,
        "words": words,
        "result": json.dumps(result, ensure_ascii=False),
        "ended_at": _at(now),
        **({"share": 1.0} if state == DONE else {}),
    }
    with engine.begin() as connection:
        connection.execute(WORK.update().where(WORK.c.id == id, WORK.c.state == RUNNING).values(**values))


def cancel(engine: sa.Engine, id: str, now: datetime) -> None:
    """Stop work: what waits at once, what runs at its worker's next word."""
    with engine.begin() as connection:
        waits = sa.and_(WORK.c.id == id, WORK.c.state == QUEUED)
        ended = {"state": CANCELLED, "ended_at": _at(now), "words": "cancelled before it began"}
        connection.execute(WORK.update().where(waits).values(**ended))
        connection.execute(WORK.update().where(WORK.c.id == id, WORK.c.state == RUNNING).values(cancel=True))


def give_back(engine: sa.Engine, id: str) -> None:
    """Put running work back into the queue, as its worker is being ended; the try does not count."""
    again = {
        "state": QUEUED,
        "share": 0.0,
        "words": "the server was ended; this begins anew at its next start",
    }
    with engine.begin() as connection:
        running = sa.and_(WORK.c.id == id, WORK.c.state == RUNNING)
        connection.execute(WORK.update().where(running).values(**again, tries=WORK.c.tries - 1))


def give_up_lost(engine: sa.Engine, now: datetime) -> int:
    """Put work of silent workers back into the queue, or call it failed; give how many were met."""
    late = _at(now - timedelta(seconds=SILENT_S))
    silent = sa.and_(WORK.c.state == RUNNING, WORK.c.beat_at < late)
    with engine.begin() as connection:
        asked_to_stop = {"state": CANCELLED, "ended_at": _at(now), "words": "cancelled"}
        done = connection.execute(WORK.update().where(silent, WORK.c.cancel).values(**asked_to_stop)).rowcount
        words = "the program stopped twice while this ran; nothing of it was stored"
        failed = {"state": FAILED, "ended_at": _at(now), "words": words}
        done += connection.execute(
            WORK.update().where(silent, WORK.c.tries >= TRIES).values(**failed)
        ).rowcount
        again = {"state": QUEUED, "share": 0.0, "words": "the program stopped while this ran; it begins anew"}
        return done + int(connection.execute(WORK.update().where(silent).values(**again)).rowcount)


def find(engine: sa.Engine, id: str) -> Work:
    """One piece of work.

    Raises
    ------
    InputRefused
        If there is none.
    """
    with engine.connect() as connection:
        row = connection.execute(sa.select(WORK).where(WORK.c.id == id)).first()
    if row is None:
        raise InputRefused([Problem("work.missing", f"there is no work '{id[:60]}'", "see the list")])
    return _work(row)


def latest(engine: sa.Engine, limit: int = 50, kind: str = "") -> list[Work]:
    """The last asked for, the newest first."""
    query = sa.select(WORK).order_by(WORK.c.made_at.desc(), WORK.c.id.desc()).limit(limit)
    with engine.connect() as connection:
        rows = connection.execute(query.where(WORK.c.kind == kind) if kind else query).all()
    return [_work(row) for row in rows]


def _work(row: Any) -> Work:
    return Work(
        row.id,
        row.kind,
        json.loads(row.asked),
        row.who,
        row.state,
        row.made_at,
        row.began_at or "",
        row.ended_at or "",
        float(row.share),
        row.words,
        json.loads(row.result),
        int(row.tries),
        bool(row.cancel),
    )


def _at(moment: datetime) -> str:
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="seconds") + "Z"
