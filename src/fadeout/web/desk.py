"""What every handler shares: the open store, the folder beside it, the clock, what was translated, tiles kept.

Reads   a `Setting`
Gives   `Desk`, which stands in `app.state.desk`
Knows   where files of the server lie; nothing of requests
Start   at `open_desk`
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from typing import Any, Protocol

import sqlalchemy as sa
from fastapi import Request, Response

from fadeout.jobs.tiling import Tiles
from fadeout.records import standard
from fadeout.records.standard import Standard
from fadeout.records.store import Store, open_store

Clock = Callable[[], datetime]


def now() -> datetime:
    """The clock of a server that is given none."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class Setting:
    """How a server is set: its store, its folder, whether browsers reach it by https alone, keys of persons."""

    store: str
    folder: Path
    https: bool = False
    standard: str | None = None  # the national standard
    keys: Path | None = None
    master: bytes | None = field(default=None, repr=False)


class Filling(Protocol):
    """The templates, with their translations."""

    def page(
        self, request: Request, template: str, present: Any = None, status: int = 200, **values: Any
    ) -> Response:
        """Fill a template for a request."""

    def say(self, request: Request) -> Callable[..., str]:
        """What says an English text in the reader's language."""


class Rates:
    """How often somebody failed at a thing in a minute; kept in memory, so a restart forgives."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.seen: dict[tuple[str, str], list[float]] = {}
        self.lock = Lock()

    def spent(self, what: str, who: str, per_minute: int) -> bool:
        """Whether somebody failed so often in the last minute that he or she waits."""
        with self.lock:
            return len(self._recent(what, who)) >= per_minute

    def failed(self, what: str, who: str) -> None:
        """Note one failure."""
        with self.lock:
            if len(self.seen) > 10_000:
                self.seen.clear()
            self.seen[what, who] = [*self._recent(what, who), self.clock().timestamp()]

    def _recent(self, what: str, who: str) -> list[float]:
        since = self.clock().timestamp() - 60
        return [at for at in self.seen.get((what, who), ()) if at > since]


@dataclass(frozen=True)
class Desk:
    """All that handlers share."""

    setting: Setting
    store: Store
    tiles: Tiles
    clock: Clock
    rates: Rates
    standard: Standard  # the national one
    pages: Filling

    @property
    def engine(self) -> sa.Engine:
        """The store's database."""
        return self.store.engine

    @property
    def folder(self) -> Path:
        """Where files lie that are no records: runs, attachments, base maps, files on their way in."""
        return self.setting.folder

    def place(self, *names: str) -> Path:
        """A folder of the server's, made where it is missing."""
        path = self.folder.joinpath(*names)
        path.mkdir(parents=True, exist_ok=True)
        return path


def open_desk(setting: Setting, pages: Filling, clock: Clock = now) -> Desk:
    """Open the store and make the folder."""
    store = open_store(setting.store, clock, pooled=True)
    setting.folder.mkdir(parents=True, exist_ok=True)
    return Desk(setting, store, Tiles(store), clock, Rates(clock), standard.load(setting.standard), pages)
