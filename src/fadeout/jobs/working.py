"""Background work: a process that takes from the queue what was asked for, one after another, and tells how far it is.

Reads   the queue of a store
Gives   assessments in folders of the server, their records in the store; what came of each piece of work
Knows   which job does which kind of work; that whoever asked may stop it; that it ends with the server it belongs to
Start   at `work`
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from fadeout.errors import FadeoutError, InputRefused
from fadeout.records import queue
from fadeout.records.queue import Work
from fadeout.records.store import Store, open_store

Clock = Callable[[], datetime]
ASSESS, UPDATE = "assess", "update"
LOOK_EVERY_S = 0.5
BEAT_EVERY_S = 5.0
LOST_EVERY_S = 20.0


class Stopped(FadeoutError):
    """Whoever asked for the work stopped it, or the server ends."""


@dataclass
class Place:
    """Where work is done: the store, the server's files, the clock, the memory that may be taken."""

    store: Store
    folder: Path
    clock: Clock
    memory: int | None = None
    words: dict[str, Any] = field(default_factory=dict)


def work(
    address: str, folder: Path, clock: Clock, memory: int | None = None, *, parent: int | None = None
) -> None:
    """Do work until the process is ended, or the process that started it is gone."""
    signal.signal(
        signal.SIGTERM, lambda *_: sys.exit(0)
    )  # folders on their way are cleaned up, work is given back
    place = Place(open_store(address, clock), folder, clock, memory)
    looked = 0.0
    while parent is None or os.getppid() == parent:
        if time.monotonic() - looked > LOST_EVERY_S:
            queue.give_up_lost(place.store.engine, clock())
            looked = time.monotonic()
        if not once(place):
            time.sleep(LOOK_EVERY_S)


def once(place: Place) -> bool:
    """Do the oldest piece of work that waits; give whether there was one."""
    engine = place.store.engine
    taken = queue.take(engine, place.clock())
    if taken is None:
        return False
    with _Beating(place, taken) as beating:
        try:
            result = JOBS[taken.kind](place, taken, beating.say)
            state, words = queue.DONE, str(result.pop("words", "done"))
        except Stopped:
            state, words, result = queue.CANCELLED, "cancelled; nothing of it was stored", {}
        except InputRefused as refused:
            state, words = queue.FAILED, str(refused.problems[0].message)
            result = {"problems": [vars(one) for one in refused.problems]}
        except FadeoutError as error:
            state, words, result = queue.FAILED, str(error), {}
        except SystemExit:
            queue.give_back(engine, taken.id)
            raise
        except Exception as error:
            state, words, result = queue.FAILED, f"a fault of ours: {type(error).__name__}: {error}", {}
    queue.end(engine, taken.id, state, words[:500], result, place.clock())
    return True


class _Beating:
    """Tells the queue now and then that work goes on, and the work whether it shall."""

    def __init__(self, place: Place, taken: Work) -> None:
        self.place, self.id = place, taken.id
        self.share, self.words, self.on = 0.0, "begun", True
        self.told_at = 0.0
        self.over = threading.Event()
        self.lock = threading.Lock()
        self.thread = threading.Thread(target=self._beat_on, daemon=True)

    def __enter__(self) -> _Beating:
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        self.thread.join()

    def say(self, words: str, share: float) -> None:
        """How far the work is; raises `Stopped` where it shall not go on."""
        with self.lock:
            self.words, self.share = words, share
            if time.monotonic() - self.told_at > LOOK_EVERY_S:
                self._tell()
        if not self.on:
            raise Stopped

    def _beat_on(self) -> None:
        while not self.over.wait(BEAT_EVERY_S):
            with self.lock:
                self._tell()

    def _tell(self) -> None:
        self.told_at = time.monotonic()
        self.on = queue.beat(self.place.store.engine, self.id, self.share, self.words, self.place.clock())


def _assess(place: Place, taken: Work, say: Callable[[str, float], None]) -> dict[str, Any]:
    """Assess an area of the store; the run's folder bears the id of the work."""
    from fadeout.jobs import assess, assess_store

    asked: Mapping[str, Any] = taken.asked
    out = place.folder / "runs" / taken.id
    out.parent.mkdir(parents=True, exist_ok=True)
    request = assess.Request(
        inputs=(),
        out=out,
        profile=str(asked["profile"]) if asked.get("profile") else None,
        seed=int(asked.get("seed", 1)),
        cell_m=float(asked["cell_m"]) if asked.get("cell_m") else None,
    )
    done = assess_store.assess_area(
        assess_store.Asked(
            place.store, str(asked["area"]), taken.who, asked.get("as_of") or None, asked.get("margin_m")
        ),
        request,
        now=place.clock(),
        memory_bytes=place.memory,
        progress=say,
    )
    left = done.summary["remaining"]
    words = f"{left['median']:.3g} items remaining, {left['low']:.3g} to {left['high']:.3g} (90 %)"
    return {"words": words, "run": taken.id}


def _update(place: Place, taken: Work, say: Callable[[str, float], None]) -> dict[str, Any]:
    """Take searches and finds since a run into its estimate."""
    from fadeout.jobs import assess_store, update
    from fadeout.records import profile as profiles

    asked: Mapping[str, Any] = taken.asked
    profile = str(asked["profile"]) if asked.get("profile") else None
    say("gathering the records", 0.1)
    with TemporaryDirectory() as folder:
        path = Path(folder) / assess_store.SURVEY
        area = assess_store.Asked(place.store, str(asked["area"]), taken.who, margin_m=asked.get("margin_m"))
        assess_store.write_survey(area, profiles.load(profile), path)
        say("updating the estimate", 0.3)
        runs = place.folder / "runs"
        request = update.Request(runs / str(asked["run"]), (path,), runs / taken.id, profile)
        done = update.update(request, now=place.clock())
    left = done.summary["remaining"]["assessed"]
    words = f"{left['expected']:.3g} items expected, {left['low']:.3g} to {left['high']:.3g} (90 %)"
    return {"words": words, "run": taken.id}


JOBS: dict[str, Callable[[Place, Work, Callable[[str, float], None]], dict[str, Any]]] = {
    ASSESS: _assess,
    UPDATE: _update,
}
