"""The command that serves a programme's staff, and the one that does its background work.

Reads   the command line
Gives   a server until Ctrl-C; on the first start a store and one link for the first administrator
Knows   how processes are started and ended; nothing of pages
Start   at `serve`
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Annotated
from urllib.parse import quote

import typer

from fadeout import settings
from fadeout.cli.options import examples, now
from fadeout.cli.store_options import Standard

app = typer.Typer()
SERVING = "fadeout.web.app:serving"  # by name: an entry point does not know the other
FIRST = ("administrator", "information_manager", "operations")  # roles of whoever sets a programme up
SERVER_HELP = """\b
Exit codes:
  0    ended with Ctrl-C
  2    wrong arguments, or the store or the port cannot be opened
"""


@app.command(
    epilog=examples(
        "fadeout serve",
        "fadeout serve --store north.gpkg --data north-files --port 8200",
        "fadeout serve --store postgresql://fadeout@localhost/north --host 0.0.0.0 --https",
        codes=SERVER_HELP,
    )
)
def serve(
    store: Annotated[
        str,
        typer.Option(
            "--store",
            envvar="FADEOUT_STORE",
            metavar="STORE",
            help="A store: a .gpkg file, or the address of a PostgreSQL database. Made if there is none.",
        ),
    ] = "fadeout.gpkg",
    data: Annotated[
        Path | None,
        typer.Option(
            "--data",
            metavar="DIR",
            help="Where the server keeps files: assessments, photos, base maps. Beside the store if not given.",
        ),
    ] = None,
    host: Annotated[
        str, typer.Option("--host", metavar="HOST", help="Who may reach it: this machine alone if not given.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", metavar="PORT", min=1, max=65535, help="The port.")] = 8100,
    https: Annotated[
        bool,
        typer.Option(
            "--https", help="Browsers reach it by https, through a proxy: cookies are sent by it alone."
        ),
    ] = False,
    processes: Annotated[
        int, typer.Option("--processes", metavar="N", min=1, max=64, help="How many processes answer.")
    ] = 1,
    standard: Standard = None,
    demo: Annotated[
        bool,
        typer.Option(
            "--demo", help="On the first start, fill the store with a SIMULATED demonstration programme."
        ),
    ] = False,
    who: Annotated[
        str, typer.Option("--administrator", metavar="LOGIN", help="Login of the first administrator.")
    ] = "administrator",
) -> None:
    """Serve a store to a programme's staff in the browser: map, records, assessments, land release, the field.

    The first start makes the store and prints one link, with which the first administrator sets a password.
    """
    _parts_there()
    folder = data or _beside(store)
    fresh = _opened(store)
    if demo and fresh:
        _fill(store, folder, standard)
    link = _invitation(store, who)
    address = (
        f"http{'s' if https else ''}://{'localhost' if host in ('127.0.0.1', '0.0.0.0') else host}:{port}"
    )
    if link:
        print(f"Nobody can sign in yet. Open this link within 72 hours to set the password of '{who}':")
        print(f"  {address}/invited/{quote(link)}")
    print(f"Serving {store} at {address} - Ctrl-C ends it.", flush=True)
    said = {"store": store, "folder": str(folder), "https": https, "standard": standard}
    keys = settings.person_keys()["keys"]
    environment = {
        **os.environ,
        "FADEOUT_SERVER_SETTING": json.dumps({**said, "keys": str(keys) if keys else None}),
    }
    words = [sys.executable, "-m", "fadeout", "work", "--store", store, "--data", str(folder)]
    worker = subprocess.Popen(words, env=environment, start_new_session=True)  # Ctrl-C is heard here alone
    try:
        os.environ.update(environment)
        _run(host, port, processes, https)
    finally:
        worker.terminate()
        try:
            worker.wait(20)
        except subprocess.TimeoutExpired:
            worker.kill()


def _fill(store: str, folder: Path, standard: str | None) -> None:
    from fadeout.jobs import demo_programme
    from fadeout.records import standard as standards
    from fadeout.records.store import open_store

    print("Filling the store with a SIMULATED programme ...", file=sys.stderr)
    kept, rules = open_store(store, now), standards.load(standard)
    demo_programme.fill(kept, folder / "profiles", rules, now=now(), who="SIMULATED demonstration")


def _run(host: str, port: int, processes: int, https: bool) -> None:
    import uvicorn

    uvicorn.run(
        SERVING,
        factory=True,
        host=host,
        port=port,
        workers=processes if processes > 1 else None,
        log_level="warning",
        proxy_headers=https,
        server_header=False,
        timeout_keep_alive=75,  # longer than proxies and browsers keep a connection: none is closed under a question
        timeout_graceful_shutdown=10,
    )


@app.command(hidden=True)
def work(
    store: Annotated[str, typer.Option("--store", metavar="STORE", help="The store.")],
    data: Annotated[Path, typer.Option("--data", metavar="DIR", help="The server's files.")],
) -> None:
    """Do the background work of a store until ended. `fadeout serve` starts this."""
    from fadeout.jobs import working

    working.work(store, data, now, settings.memory_available(), parent=os.getppid())


def _parts_there() -> None:
    missing = []
    for name in ("fastapi", "uvicorn", "argon2", "jinja2", "babel", "mapbox_vector_tile"):
        try:
            __import__(name)
        except ImportError:
            missing.append(name)
    if missing:
        raise typer.BadParameter(f"the server's parts are not installed ({', '.join(missing)}): ./run extras")


def _beside(store: str) -> Path:
    return Path("fadeout-files") if "://" in store else Path(store).with_suffix(".files")


def _opened(store: str) -> bool:
    """Open the store, or make it; give whether it was made."""
    from fadeout.errors import InputRefused
    from fadeout.records.store import create_store, open_store

    if "://" not in store and not Path(store).exists():
        create_store(store, now)
        print(f"Made the store {store}.", file=sys.stderr)
        return True
    try:
        found = open_store(store, now)
    except InputRefused as refused:
        if any(one.code == "store.not-one" for one in refused.problems) and "://" in store:
            create_store(store, now)
            return True
        raise
    return not found.changes(1)


def _invitation(store: str, login: str) -> str:
    """The word of a link for the first administrator, "" where somebody can sign in already."""
    from fadeout.records import accounts
    from fadeout.records.store import open_store

    engine = open_store(store, now).engine
    if accounts.any_account(engine):
        return ""
    known = [one.login for one in accounts.all_accounts(engine)]
    if login in known:
        return accounts.invite_again(engine, login, by="first start", now=now())
    return accounts.invite(engine, login, "Administrator", FIRST, by="first start", now=now())
