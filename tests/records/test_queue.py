"""Background work in the store: one worker takes a piece, silence gives it back, a stop is heard."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from fadeout.errors import InputRefused
from fadeout.records import queue
from fadeout.records.store import Store

NOW = datetime(2026, 11, 25, 8, tzinfo=UTC)
LATER = NOW + timedelta(seconds=queue.SILENT_S + 1)


def ask(store: Store, n: int = 1) -> list[str]:
    return [
        queue.ask(store.engine, "assess", {"area": f"A-{i}"}, "Ana", NOW + timedelta(seconds=i))
        for i in range(n)
    ]


def test_the_oldest_is_taken_first_and_ends_with_what_came_of_it(store: Store) -> None:
    first, second = ask(store, 2)
    taken = queue.take(store.engine, NOW)
    assert taken is not None
    assert (taken.id, taken.asked["area"], taken.state) == (first, "A-0", queue.RUNNING)
    assert queue.beat(store.engine, first, 0.5, "half", NOW)
    queue.end(store.engine, first, queue.DONE, "done", {"run": "x"}, NOW)
    found = queue.find(store.engine, first)
    assert (found.state, found.share, found.result) == (queue.DONE, 1.0, {"run": "x"})
    assert [one.id for one in queue.latest(store.engine)] == [second, first]


def test_no_two_workers_take_the_same(store: Store) -> None:
    wanted = ask(store, 12)
    with ThreadPoolExecutor(6) as pool:
        taken = list(pool.map(lambda _: queue.take(store.engine, NOW), range(12)))
    ids = [one.id for one in taken if one is not None]
    while (more := queue.take(store.engine, NOW)) is not None:  # a worker that met a lock may have gone empty
        ids.append(more.id)
    assert sorted(ids) == sorted(wanted)


def test_a_stop_is_heard_at_the_next_word_and_at_once_where_it_waits(store: Store) -> None:
    running, waiting = ask(store, 2)
    queue.take(store.engine, NOW)
    for one in (running, waiting):
        queue.cancel(store.engine, one, NOW)
    assert not queue.beat(store.engine, running, 0.1, "on", NOW)
    assert queue.find(store.engine, waiting).state == queue.CANCELLED
    assert queue.take(store.engine, NOW) is None


def test_work_of_a_silent_worker_begins_anew_once_and_then_fails_plainly(store: Store) -> None:
    (one,) = ask(store)
    queue.take(store.engine, NOW)
    assert queue.give_up_lost(store.engine, NOW) == 0
    assert queue.give_up_lost(store.engine, LATER) == 1
    again = queue.take(store.engine, LATER)
    assert again is not None
    assert (again.id, again.tries) == (one, 2)
    much_later = LATER + timedelta(seconds=queue.SILENT_S + 1)
    assert queue.give_up_lost(store.engine, much_later) == 1
    found = queue.find(store.engine, one)
    assert found.state == queue.FAILED
    assert "stopped twice" in found.words
    queue.end(store.engine, one, queue.DONE, "late", {}, much_later)  # the silent worker was not dead
    assert queue.find(store.engine, one).state == queue.FAILED


def test_work_of_a_server_that_is_ended_is_given_back_and_the_try_does_not_count(store: Store) -> None:
    (one,) = ask(store)
    for _ in range(queue.TRIES + 1):
        taken = queue.take(store.engine, NOW)
        assert taken is not None
        assert taken.tries == 1
        queue.give_back(store.engine, one)
    assert queue.find(store.engine, one).state == queue.QUEUED


def test_what_is_not_there_is_told(store: Store) -> None:
    with pytest.raises(InputRefused) as refused:
        queue.find(store.engine, "nothing")
    assert refused.value.problems[0].code == "work.missing"
