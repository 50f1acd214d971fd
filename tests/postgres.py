"""A throwaway PostgreSQL with PostGIS on a Unix socket, for the tests that need one.

It is found where Debian puts it, or on the PATH. Where there is none, tests skip with the reason; with CI=true they fail.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

PLACES = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)


class Cluster:
    """A running server; `database` makes an empty one with PostGIS and gives its address."""

    def __init__(self, binaries: Path, folder: Path) -> None:
        self.binaries, self.folder, self.made = binaries, folder, 0
        self.run("createdb", "-h", str(folder), "with_postgis")
        self.sql("with_postgis", "CREATE EXTENSION postgis")

    def run(self, program: str, *args: str) -> None:
        subprocess.run([*as_postgres(), str(self.binaries / program), *args], check=True, capture_output=True)

    def sql(self, database: str, text: str) -> None:
        self.run("psql", "-h", str(self.folder), "-d", database, "-qc", text)

    def database(self) -> str:
        self.made += 1
        name = f"store_{os.getpid()}_{self.made}"
        self.run("createdb", "-h", str(self.folder), "-T", "with_postgis", name)
        user = "postgres" if as_postgres() else ""
        return f"postgresql://{user + '@' if user else ''}/{name}?host={self.folder}"


def as_postgres() -> list[str]:
    """The server refuses to run as root: then it runs as its own user."""
    if os.name == "posix" and os.geteuid() == 0:
        return ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
    return []


def missing() -> str:
    """Why there is no server here, "" if there is one."""
    binaries = _binaries()
    if binaries is None:
        return "no PostgreSQL server is installed (Debian: postgresql postgresql-postgis)"
    share = binaries.parent.parent.parent / "share/postgresql" / binaries.parent.name / "extension"
    if share.is_dir() and not (share / "postgis.control").exists():
        return "PostgreSQL is here without PostGIS (Debian: postgresql-postgis)"
    return ""


def _binaries() -> Path | None:
    if PLACES:
        return PLACES[0]
    found = shutil.which("initdb")
    return Path(found).parent if found else None


@contextmanager
def cluster() -> Iterator[Cluster]:
    """Start a server in a new folder; end it and take the folder away afterwards."""
    why = missing()
    if why:
        if os.environ.get("CI") == "true":
            pytest.fail(why)
        pytest.skip(why)
    binaries = _binaries()
    assert binaries is not None
    folder = Path(tempfile.mkdtemp(prefix="fadeout-pg-", dir="/tmp"))  # a socket's path must be short
    try:
        if as_postgres():
            shutil.chown(folder, "postgres", "postgres")
        data, control = str(folder / "data"), str(binaries / "pg_ctl")
        initdb = [str(binaries / "initdb"), "-D", data, "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "-N"]
        subprocess.run([*as_postgres(), *initdb], check=True, capture_output=True)
        options = f"-k {folder} -c listen_addresses= -c fsync=off"
        start = [control, "-D", data, "-o", options, "-l", str(folder / "log"), "-w", "start"]
        subprocess.run([*as_postgres(), *start], check=True, stdout=subprocess.DEVNULL)
        try:
            yield Cluster(binaries, folder)
        finally:
            stop = [control, "-D", data, "-m", "immediate", "-w", "stop"]
            subprocess.run([*as_postgres(), *stop], check=False, capture_output=True)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
