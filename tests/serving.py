"""The staff server for tests: the real application under a real uvicorn in a thread, and people signed in to it.

The tests speak to it as browsers do, over a socket of this machine.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import uvicorn

from fadeout.records import accounts
from fadeout.records.store import Store, create_store, open_store
from fadeout.web.app import make_app
from fadeout.web.desk import Desk, Setting

PASSWORD = "four calm words here"
CHROMIUM = Path("/usr/bin/chromium")
FLAGS = (
    *("--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--ignore-gpu-blocklist"),
    *("--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update"),
    "--disable-sync",
)


@dataclass
class Clock:
    """The clock of the machine, which a test may put forward."""

    ahead: timedelta = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead


@dataclass
class Server:
    """A running server, its store, its folder."""

    url: str
    store: Store
    folder: Path
    clock: Clock
    desk: Desk
    people: dict[str, httpx.Client] = field(default_factory=dict)

    def account(self, login: str, *roles: str) -> None:
        """An account with a password."""
        accounts.invite(self.store.engine, login, login.title(), roles, by="test", now=self.clock())
        accounts.set_password(self.store.engine, login, PASSWORD, now=self.clock())

    def client(self) -> httpx.Client:
        """Somebody who is not signed in."""
        return httpx.Client(base_url=self.url, timeout=60)

    def signed(self, *roles: str) -> httpx.Client:
        """Somebody who is signed in with these roles; the same person each time."""
        login = "-".join(roles).replace("_", "-") or "nobody"
        if login not in self.people:
            self.account(login, *roles)
            client = self.client()
            answer = client.post("/enter", data={"login": login, "password": PASSWORD})
            assert answer.status_code == 303, answer.text
            client.headers["x-csrf-token"] = self.csrf(client)
            self.people[login] = client
        return self.people[login]

    def csrf(self, client: httpx.Client) -> str:
        """The token of forms, as a page carries it."""
        return client.get("/me").text.split('name="csrf" content="', 1)[1].split('"', 1)[0]


@contextmanager
def serving(address: str, folder: Path, **setting: object) -> Iterator[Server]:
    """Serve a store, made if there is none."""
    clock = Clock()
    if "://" in address or not Path(address).exists():
        create_store(address, clock)
    app = make_app(Setting(address, folder, **setting), clock)  # type: ignore[arg-type]
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    until = time.monotonic() + 30
    while not server.started and time.monotonic() < until:
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    made = Server(f"http://localhost:{port}", open_store(address, clock), folder, clock, app.state.desk)
    try:
        yield made
    finally:
        for client in made.people.values():
            client.close()
        server.should_exit = True
        thread.join(20)
        made.store.engine.dispose()


Sign = Callable[..., httpx.Client]
