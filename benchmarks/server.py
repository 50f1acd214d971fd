"""What the staff server takes: tiles of a hundred thousand features, pages of a million records, sixty people at once.

./run python benchmarks/server.py tiles [--features 100000] [--on sqlite postgresql] [--json FILE]
./run python benchmarks/server.py pages [--records 1000000] [--on ...]
./run python benchmarks/server.py load  [--minutes 5] [--readers 50] [--writers 10] [--think 2] [--on ...]

`tiles` asks each tile of a walk through the zooms once with an empty cache (cold) and again (cached), over HTTP; beside
PostgreSQL stands a bare ST_AsMVT of the same ground without rights, versions or generalisation (as pg_tileserv makes
it), as the least that it can take. `pages` asks for the first and the last page of a table, sorted by id and by day.
`load` lets readers and writers, each signed in, act one after another with pauses of `--think` seconds in the mean;
every write that was acknowledged is looked for in the store at the end. The server is `fadeout serve` in a process of
its own on the same machine. All records are made up (SIMULATED).
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

import httpx
import sqlalchemy as sa
from postgres import cluster
from shapely import Point, box

from fadeout.records import accounts
from fadeout.records.access import Viewer
from fadeout.records.record import Record
from fadeout.records.store import Store, create_store

STAFF = Viewer("benchmark", "manager")
PASSWORD = "four calm words here"
BATCH = 20_000
WEST, SOUTH, SIDE = 104.0, 14.0, 2.0  # degrees


def now() -> datetime:
    return datetime.now(UTC)


def points(n: int, seed: int = 1) -> Iterator[Record]:
    """Evidence points, most of them in clusters, as finds lie."""
    draw = random.Random(seed)
    middles = [(WEST + SIDE * draw.random(), SOUTH + SIDE * draw.random()) for _ in range(200)]
    for i in range(n):
        x, y = draw.choice(middles)
        values = {
            "found_on": f"2024-{draw.randrange(1, 13):02d}-{draw.randrange(1, 29):02d}",
            "kind": draw.choice(("item", "fragment", "report")),
            "how": "survey",
            "count": draw.randrange(1, 5),
            "stamp": "SIMULATED",
        }
        yield Record("evidence", f"EP-{i:08d}", values, Point(draw.gauss(x, 0.01), draw.gauss(y, 0.01)))


def boxes(n: int, seed: int = 2) -> Iterator[Record]:
    """Survey boxes of about 50 m."""
    draw = random.Random(seed)
    middles = [(WEST + SIDE * draw.random(), SOUTH + SIDE * draw.random()) for _ in range(200)]
    for i in range(n):
        x, y = draw.choice(middles)
        west, south = draw.gauss(x, 0.02), draw.gauss(y, 0.02)
        state = draw.choice(("found", "clear", "partly"))
        yield Record(
            "box",
            f"B-{i:08d}",
            {"state": state, "searched_on": "2024-05-01", "stamp": "SIMULATED"},
            box(west, south, west + 0.00045, south + 0.00045),
        )


def fill(store: Store, records: Iterator[Record]) -> None:
    with store.change(who="benchmark", why="fill") as change:
        change.put(records)


@contextmanager
def served(address: str, folder: Path, logins: list[str]) -> Iterator[str]:
    """Run the server over a store; give its address. Everybody of `logins` may do all that staff do."""
    from fadeout.records.store import open_store

    engine = open_store(address, now).engine
    for login in ["administrator", *logins]:
        roles = ("administrator",) if login == "administrator" else ("information_manager", "operations")
        accounts.invite(engine, login, login.title(), roles, by="benchmark", now=now())
        accounts.set_password(engine, login, PASSWORD, now=now())
    engine.dispose()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "fadeout", "serve", "--store", address, "--data", str(folder)]
    process = subprocess.Popen([*command, "--port", str(port)], stdout=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}"
    try:
        for _ in range(300):
            try:
                if httpx.get(f"{url}/healthz").status_code == 200:
                    break
            except httpx.TransportError:
                time.sleep(0.1)
        yield url
    finally:
        process.terminate()
        process.wait(30)


def entered(url: str, login: str) -> httpx.Client:
    client = httpx.Client(base_url=url, timeout=60)
    assert client.post("/enter", data={"login": login, "password": PASSWORD}).status_code == 303
    return client


def p95(times: list[float]) -> float:
    return sorted(times)[max(0, round(0.95 * len(times)) - 1)]


def in_ms(times: list[float]) -> dict[str, float]:
    return {
        "median": round(1000 * statistics.median(times), 1),
        "p95": round(1000 * p95(times), 1),
        "most": round(1000 * max(times), 1),
    }


# --- tiles ----------------------------------------------------------------------------------------------------------


def walk(seed: int = 3, per_zoom: int = 6) -> list[tuple[int, int, int]]:
    """Tiles as a person meets them: all of the ground, then deeper into some place, six at each zoom."""
    draw = random.Random(seed)
    found = []
    for z in range(0, 17, 2):
        for _ in range(1 if z < 4 else per_zoom):
            lon, lat = WEST + SIDE * draw.random(), SOUTH + SIDE * draw.random()
            n = 2**z
            import math

            x = int((lon + 180) / 360 * n)
            y = int((1 - math.asinh(math.tan(math.radians(lat))) / math.pi) / 2 * n)
            found.append((z, x, y))
    return list(dict.fromkeys(found))


def measure_tiles(address: str, features: int) -> dict[str, Any]:
    store = create_store(address, now)
    fill(store, points(features))
    fill(store, boxes(features))
    out: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder, served(address, Path(folder), ["ana"]) as url:
        client = entered(url, "ana")
        client.get("/map")
        for kind in ("evidence", "box"):
            cold, cached, sizes, most = [], [], [], 0
            for again in (cold, cached):
                for z, x, y in walk():
                    begun = time.perf_counter()
                    answer = client.get(f"/tiles/{kind}/{z}/{x}/{y}")
                    again.append(time.perf_counter() - begun)
                    assert answer.status_code in (200, 204)
                    sizes.append(len(answer.content))
                    if again is cold and answer.content:
                        import mapbox_vector_tile

                        decoded = mapbox_vector_tile.decode(answer.content)
                        most = max(most, len(decoded[kind]["features"]))
            out[kind] = {"cold": in_ms(cold), "cached": in_ms(cached)}
            out[kind] |= {"features_at_most": most, "kB_at_most": round(max(sizes) / 1000)}
        begun = time.perf_counter()
        client.get("/map")
        out["map_page_ms"] = round(1000 * (time.perf_counter() - begun), 1)
    if store.engine.dialect.name == "postgresql":
        out["bare_ST_AsMVT"] = {kind: in_ms(list(bare(store, kind))) for kind in ("evidence", "box")}
    store.engine.dispose()
    return out


def bare(store: Store, kind: str) -> Iterator[float]:
    """The time of ST_AsMVT alone, at most 10,000 features, as pg_tileserv does by default."""
    query = sa.text(
        f"""WITH edge AS (SELECT ST_TileEnvelope(:z, :x, :y) AS box), found AS (
        SELECT t.id, ST_AsMVTGeom(ST_Transform(t.geom, 3857), edge.box) AS geom FROM "{kind}" t, edge
        WHERE t.geom && ST_Transform(edge.box, 4326) LIMIT 10000)
        SELECT ST_AsMVT(found, '{kind}') FROM found"""
    )
    with store.engine.connect() as connection:
        for z, x, y in walk():
            begun = time.perf_counter()
            connection.execute(query, {"z": z, "x": x, "y": y}).scalar()
            yield time.perf_counter() - begun


# --- pages ----------------------------------------------------------------------------------------------------------


def measure_pages(address: str, n: int) -> dict[str, Any]:
    store = create_store(address, now)
    fill(store, points(n))
    out: dict[str, Any] = {"records": n}
    with tempfile.TemporaryDirectory() as folder, served(address, Path(folder), ["ana"]) as url:
        client = entered(url, "ana")
        for name, query in {
            "first by id": "",
            "last by id": "?last=1",
            "first by day": "?sort=found_on",
            "last by day": "?sort=found_on&last=1",
            "filtered": "?f.kind=item&f.id=EP-0000",
        }.items():
            times = []
            for _ in range(9):
                begun = time.perf_counter()
                assert client.get(f"/records/evidence{query}").status_code == 200
                times.append(time.perf_counter() - begun)
            out[name] = {"first_ask_ms": round(1000 * times[0], 1), **in_ms(times[1:])}
        for name, query in {"OGC first": "?f=json&limit=50"}.items():
            times = []
            for _ in range(5):
                begun = time.perf_counter()
                client.get(f"/ogc/collections/evidence/items{query}")
                times.append(time.perf_counter() - begun)
            out[name] = in_ms(times)
    store.engine.dispose()
    return out


# --- load -----------------------------------------------------------------------------------------------------------


@dataclass
class Seen:
    """What the people met: seconds by what they did, faults, writes that were acknowledged."""

    times: dict[str, list[float]] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    written: dict[str, int] = field(default_factory=dict)  # id: the count that was acknowledged last


async def person(url: str, login: str, seen: Seen, until: float, think: float, writes: bool) -> None:
    draw = random.Random(login)
    async with httpx.AsyncClient(base_url=url, timeout=60) as client:
        answer = await client.post("/enter", data={"login": login, "password": PASSWORD})
        assert answer.status_code == 303, answer.status_code
        page = (await client.get("/me")).text
        csrf = re.search(r'name="csrf" content="([^"]*)"', page).group(1)  # type: ignore[union-attr]
        await asyncio.sleep(draw.random() * think)
        n = 0
        while time.monotonic() < until:
            n += 1
            await (write if writes else read)(client, csrf, login, n, seen, draw)
            await asyncio.sleep(draw.expovariate(1 / think))


async def timed(
    client: httpx.AsyncClient, what: str, seen: Seen, method: str, path: str, **more: Any
) -> httpx.Response | None:
    begun = time.perf_counter()
    try:
        answer = await client.request(method, path, **more)
    except httpx.TransportError as error:
        seen.faults.append(f"{what}: {type(error).__name__}")
        return None
    seen.times.setdefault(what, []).append(time.perf_counter() - begun)
    if answer.status_code >= 400:
        seen.faults.append(f"{what}: {answer.status_code}")
    return answer


async def read(
    client: httpx.AsyncClient, csrf: str, login: str, n: int, seen: Seen, draw: random.Random
) -> None:
    choice = draw.random()
    if choice < 0.25:
        await timed(client, "map", seen, "GET", "/map")
        for z, x, y in draw.sample(walk(), 4):
            await timed(client, "tile", seen, "GET", f"/tiles/evidence/{z}/{x}/{y}")
    elif choice < 0.55:
        query = draw.choice(("", "?f.kind=item", "?sort=found_on:down", "?last=1"))
        await timed(client, "table", seen, "GET", f"/records/evidence{query}")
    elif choice < 0.9:
        await timed(client, "record", seen, "GET", f"/records/evidence/EP-{draw.randrange(10_000):08d}")
    else:
        await timed(client, "release", seen, "GET", "/release")


async def write(
    client: httpx.AsyncClient, csrf: str, login: str, n: int, seen: Seen, draw: random.Random
) -> None:
    headers = {"x-csrf-token": csrf}
    id = f"{login}-{(n + 1) // 2}"
    new = n % 2 == 1
    count = draw.randrange(1, 1000)
    data = {
        "id": id,
        "version": "0" if new else "1",
        "v.kind": "item",
        "v.count": str(count),
        "v.stamp": "SIMULATED",
    }
    if new:
        place = [WEST + SIDE * draw.random(), SOUTH + SIDE * draw.random()]
        data["place"] = json.dumps({"type": "Point", "coordinates": place})
    path = f"/records/evidence/{'new' if new else id}/edit"
    answer = await timed(client, "write", seen, "POST", path, data=data, headers=headers)
    if answer is not None and answer.status_code == 303:
        seen.written[id] = count


def measure_load(address: str, minutes: float, readers: int, writers: int, think: float) -> dict[str, Any]:
    store = create_store(address, now)
    fill(store, points(20_000))
    seen = Seen()
    names = [(f"reader{i}", False) for i in range(readers)] + [(f"writer{i}", True) for i in range(writers)]
    with (
        tempfile.TemporaryDirectory() as folder,
        served(address, Path(folder), [one for one, _ in names]) as url,
    ):

        async def all_of_them() -> None:
            until = time.monotonic() + 60 * minutes
            await asyncio.gather(*(person(url, one, seen, until, think, writes) for one, writes in names))

        asyncio.run(all_of_them())
    lost = []
    for id, count in seen.written.items():
        found = store.get("evidence", id, STAFF)
        if found is None or found.values.get("count") != count:
            lost.append(id)
    verified = store.verify()
    everything = [one for times in seen.times.values() for one in times]
    out = {
        "requests": len(everything),
        "per_second": round(len(everything) / 60 / minutes, 1),
        "all": in_ms(everything),
        **{what: {"n": len(times), **in_ms(times)} for what, times in sorted(seen.times.items())},
        "faults": len(seen.faults),
        "first_faults": seen.faults[:5],
        "writes": len(seen.times.get("write", ())),
        "lost": lost,
        "history_whole": not verified.faults,
    }
    store.engine.dispose()
    return out


def main() -> None:
    """Measure what was asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=("tiles", "pages", "load"))
    parser.add_argument("--on", nargs="+", default=["sqlite", "postgresql"])
    parser.add_argument("--features", type=int, default=100_000)
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--readers", type=int, default=50)
    parser.add_argument("--writers", type=int, default=10)
    parser.add_argument("--think", type=float, default=2.0)
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()

    def measure(address: str) -> dict[str, Any]:
        if asked.what == "tiles":
            return measure_tiles(address, asked.features)
        if asked.what == "pages":
            return measure_pages(address, asked.records)
        return measure_load(address, asked.minutes, asked.readers, asked.writers, asked.think)

    found: dict[str, Any] = {}
    if "sqlite" in asked.on:
        with tempfile.TemporaryDirectory() as folder:
            found["sqlite"] = measure(str(Path(folder) / "store.gpkg"))
    if "postgresql" in asked.on:
        with cluster() as running:
            found["postgresql"] = measure(running.database())
    text = json.dumps(found, indent=1)
    print(text)
    if asked.json:
        asked.json.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
