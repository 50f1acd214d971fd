"""The server killed in the middle of writes: nothing that was acknowledged is lost, nothing is half there."""

from __future__ import annotations

import json
import random
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from postgres import cluster
from serving import PASSWORD

from fadeout.records import accounts
from fadeout.records.access import Viewer
from fadeout.records.store import create_store, open_store

STAFF = Viewer("test", "manager")
WRITERS, KILLS = 3, 2


def now() -> datetime:
    return datetime.now(UTC)


def started(address: str, folder: Path) -> tuple[subprocess.Popen[bytes], str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = ["serve", "--store", address, "--data", str(folder), "--port", str(port)]
    running = subprocess.Popen([sys.executable, "-m", "fadeout", *words], stdout=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}"
    for _ in range(600):
        try:
            if httpx.get(f"{url}/healthz").status_code == 200:
                return running, url
        except httpx.TransportError:
            time.sleep(0.05)
    raise AssertionError("the server did not come up")


def write_on(url: str, n: int, acknowledged: dict[str, int], over: threading.Event) -> None:
    """Write records until the server is gone; note each that it said it had stored."""
    with httpx.Client(base_url=url, timeout=20) as client:
        try:
            client.post("/enter", data={"login": "ana", "password": PASSWORD})
            token = re.search(r'name="csrf" content="([^"]*)"', client.get("/me").text)
            assert token is not None
            client.headers["x-csrf-token"] = token.group(1)
            for i in range(10_000):
                if over.is_set():
                    return
                id, count = f"K-{n}-{time.time_ns()}", i + 1
                place = json.dumps({"type": "Point", "coordinates": [10 + n, 5 + i / 1000]})
                data = {"id": id, "version": "0", "place": place, "v.kind": "item", "v.count": str(count)}
                answer = client.post("/records/evidence/new/edit", data=data)
                if answer.status_code == 303:
                    acknowledged[id] = count
        except httpx.TransportError:
            return


def killed(address: str, folder: Path, seed: int) -> None:
    create_store(address, now)
    engine = open_store(address, now).engine
    accounts.invite(engine, "ana", "Ana", ("operations",), by="test", now=now())
    accounts.set_password(engine, "ana", PASSWORD, now=now())
    engine.dispose()
    acknowledged: dict[str, int] = {}
    draw = random.Random(seed)
    for _ in range(KILLS):
        running, url = started(address, folder)
        over = threading.Event()
        threads = [
            threading.Thread(target=write_on, args=(url, n, acknowledged, over)) for n in range(WRITERS)
        ]
        for thread in threads:
            thread.start()
        before = len(acknowledged)
        until = time.monotonic() + 30
        while len(acknowledged) < before + 12 and time.monotonic() < until:
            time.sleep(0.01)
        time.sleep(draw.random() * 0.2)
        running.kill()
        running.wait()
        over.set()
        for thread in threads:
            thread.join(30)
    assert len(acknowledged) >= 12 * KILLS
    store = open_store(address, now)
    lost = [
        id
        for id, count in acknowledged.items()
        if (found := store.get("evidence", id, STAFF)) is None or found.values.get("count") != count
    ]
    assert lost == []
    assert store.verify().faults == ()
    store.engine.dispose()


def test_a_killed_server_on_a_file_keeps_what_it_acknowledged(tmp_path: Path) -> None:
    killed(str(tmp_path / "store.gpkg"), tmp_path / "files", 1)


def test_a_killed_server_on_postgresql_keeps_what_it_acknowledged(tmp_path: Path) -> None:
    with cluster() as running:
        database: Callable[[], str] = running.database
        killed(database(), tmp_path / "files", 2)


@pytest.mark.parametrize("signal", ["terminate"])
def test_a_server_that_is_ended_takes_its_worker_with_it(tmp_path: Path, signal: str) -> None:
    address = str(tmp_path / "store.gpkg")
    create_store(address, now)
    running, _ = started(address, tmp_path / "files")
    children = Path(f"/proc/{running.pid}/task/{running.pid}/children")
    if not children.exists():
        pytest.skip("this system does not list children of a process")
    found = children.read_text().split()
    assert found
    getattr(running, signal)()
    running.wait(30)
    until = time.monotonic() + 20
    while any(Path(f"/proc/{one}").exists() for one in found) and time.monotonic() < until:
        time.sleep(0.1)
    assert not any(Path(f"/proc/{one}").exists() for one in found)
