"""What the desk keeps beside records: posts, reports of the public, alerts, who waits for them; and who did what.

Reads   a store's engine
Gives   notes by topic and id, moved from state to state by one at a time; an append-only log of each
Knows   that two who take the same note at once must not both get it; nothing of what notes say
Start   at `put`
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from fadeout.records.schema import DESK, DESK_LOG


@dataclass(frozen=True)
class Note:
    """One note: what it is about, its state, when it last changed (UTC), what it says."""

    topic: str
    id: str
    state: str
    at: str
    body: Mapping[str, Any]


@dataclass(frozen=True)
class Line:
    """One line of a note's log."""

    at: str
    topic: str
    id: str
    who: str
    what: str
    why: str


def put(engine: sa.Engine, topic: str, id: str, state: str, body: Mapping[str, Any], now: datetime) -> None:
    """Keep a note, in the place of one of the same topic and id."""
    where = sa.and_(DESK.c.topic == topic, DESK.c.id == id)
    with engine.begin() as connection:
        connection.execute(DESK.delete().where(where))
        connection.execute(
            DESK.insert().values(topic=topic, id=id, state=state, at=_at(now), body=_text(body))
        )


def add(engine: sa.Engine, topic: str, id: str, state: str, body: Mapping[str, Any], now: datetime) -> bool:
    """Keep a note if there is none of the topic and id; give whether it was kept."""
    try:
        with engine.begin() as connection:
            row = {"topic": topic, "id": id, "state": state, "at": _at(now), "body": _text(body)}
            connection.execute(DESK.insert().values(**row))
    except sa.exc.IntegrityError:
        return False
    return True


def get(engine: sa.Engine, topic: str, id: str) -> Note | None:
    """One note, None if there is none."""
    query = sa.select(DESK).where(DESK.c.topic == topic, DESK.c.id == id)
    with engine.connect() as connection:
        row = connection.execute(query).first()
    return None if row is None else _note(row)


def all_of(
    engine: sa.Engine, topic: str, state: str | Sequence[str] | None = None, limit: int = 10_000
) -> list[Note]:
    """Notes of a topic, those that changed longest ago first; of one state or some, if named."""
    query = sa.select(DESK).where(DESK.c.topic == topic).order_by(DESK.c.at, DESK.c.id).limit(limit)
    if state is not None:
        query = query.where(DESK.c.state.in_([state] if isinstance(state, str) else list(state)))
    with engine.connect() as connection:
        return [_note(row) for row in connection.execute(query)]


def count(engine: sa.Engine, topic: str, state: str) -> int:
    """How many notes of a topic are in a state."""
    query = sa.select(sa.func.count()).where(DESK.c.topic == topic, DESK.c.state == state)
    with engine.connect() as connection:
        return int(connection.execute(query).scalar_one())


def move(
    engine: sa.Engine,
    topic: str,
    id: str,
    from_state: str | Sequence[str],
    to_state: str,
    now: datetime,
    **changes: Any,
) -> bool:
    """Move a note to another state and change values of its body; give False if it was not in the state named.

    Of two who move the same note out of one state, one alone gets True.
    """
    states = [from_state] if isinstance(from_state, str) else list(from_state)
    where = sa.and_(DESK.c.topic == topic, DESK.c.id == id, DESK.c.state.in_(states))
    with engine.begin() as connection:
        taken = connection.execute(DESK.update().where(where).values(state=to_state, at=_at(now))).rowcount
        if not taken:
            return False
        if changes:
            here = sa.and_(DESK.c.topic == topic, DESK.c.id == id)
            body = json.loads(connection.execute(sa.select(DESK.c.body).where(here)).scalar_one())
            connection.execute(DESK.update().where(here).values(body=_text({**body, **changes})))
    return True


def drop(engine: sa.Engine, topic: str, id: str) -> None:
    """Forget a note: what nobody may keep any longer, such as an address."""
    with engine.begin() as connection:
        connection.execute(DESK.delete().where(DESK.c.topic == topic, DESK.c.id == id))


def log(engine: sa.Engine, topic: str, id: str, who: str, what: str, why: str, now: datetime) -> None:
    """Write who did what with a note, and why."""
    row = {"at": _at(now), "topic": topic, "id": id, "who": who, "what": what, "why": why}
    with engine.begin() as connection:
        connection.execute(DESK_LOG.insert().values(**row))


def lines(engine: sa.Engine, topic: str, id: str | None = None, limit: int = 1_000) -> list[Line]:
    """What was done with a note, or with all of a topic, the newest first."""
    query = sa.select(DESK_LOG).where(DESK_LOG.c.topic == topic).order_by(DESK_LOG.c.seq.desc()).limit(limit)
    if id is not None:
        query = query.where(DESK_LOG.c.id == id)
    with engine.connect() as connection:
        return [Line(r.at, r.topic, r.id, r.who, r.what, r.why) for r in connection.execute(query)]


def _note(row: Any) -> Note:
    return Note(row.topic, row.id, row.state, row.at, json.loads(row.body))


def _text(body: Mapping[str, Any]) -> str:
    return json.dumps(body, ensure_ascii=False, sort_keys=True)


def _at(moment: datetime) -> str:
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"
