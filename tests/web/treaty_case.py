"""A real server over a real store for tests of the treaty desk, and somebody who is signed in."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import httpx
import uvicorn
from shapely import Point, box

from fadeout.jobs.registry import load
from fadeout.records import accounts
from fadeout.records.access import Viewer
from fadeout.records.record import Record
from fadeout.records.store import Store, create_store
from fadeout.web.app import make_app
from fadeout.web.desk import Setting

NOW = datetime(2026, 11, 25, 9, tzinfo=UTC)
PASSWORD = "four plain words together"


@dataclass(frozen=True)
class Served:
    """A server: its address, its store, its folder."""

    address: str
    store: Store
    folder: Path


def store_of(path: Path) -> Store:
    """A store with a programme, two areas, a release and an item destroyed in 2025, and the shipped registry."""
    made = create_store(path, lambda: datetime(2026, 1, 5, tzinfo=UTC))
    records = [
        Record("programme", "P", {"name": "Northern survey", "country": "LAO"}),
        Record(
            "hazardous_area",
            "CHA-1",
            {"state": "confirmed", "opened_on": "2024-03-01", "contamination": "BLU-26"},
            box(107.0, 16.0, 107.01, 16.01),
        ),
        Record(
            "hazardous_area",
            "SHA-2",
            {"state": "suspected", "opened_on": "2025-06-01"},
            box(107.02, 16.0, 107.03, 16.01),
        ),
        Record(
            "release",
            "R-1",
            {"action": "cleared", "hazard_id": "CHA-1", "released_on": "2025-08-01"},
            box(107.0, 16.0, 107.005, 16.01),
        ),
        Record(
            "item_destroyed",
            "ID-1",
            {"munition": "BLU-26", "count": 3, "destroyed_on": "2025-08-01"},
            Point(107.001, 16.001),
        ),
    ]
    with made.change(who="test", why="a case") as change:
        change.put(records)
    load(made, (), Viewer("test", "manager"))
    return made


def account(store: Store, login: str, *roles: str) -> None:
    """Give somebody an account with a password."""
    accounts.invite(store.engine, login, login.title(), roles, by="test", now=NOW)
    accounts.set_password(store.engine, login, PASSWORD, now=NOW)


@contextmanager
def serving(store: Store, folder: Path) -> Iterator[Served]:
    """Serve a store on a free port of this machine."""
    app = make_app(Setting(store=str(store.file), folder=folder), lambda: NOW)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="warning"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.02)
    try:
        yield Served(f"http://127.0.0.1:{port}", store, folder)
    finally:
        server.should_exit = True
        thread.join(10)


@contextmanager
def signed_in(served: Served, login: str) -> Iterator[httpx.Client]:
    """A client that came in as somebody, with the token of its forms in its headers."""
    with httpx.Client(base_url=served.address, follow_redirects=True, timeout=60) as client:
        answer = client.post("/enter", data={"login": login, "password": PASSWORD})
        assert answer.status_code == 200, answer.text[:500]
        page = client.get("/me").text
        client.headers["x-csrf-token"] = page.split('name="csrf" content="')[1].split('"')[0]
        yield client
