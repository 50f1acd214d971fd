"""Servers and browsers for the tests of pages."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from serving import CHROMIUM, FLAGS, PASSWORD, Server, serving

from fadeout.web.pages import HERE


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """A server over an empty store in one file."""
    with serving(str(tmp_path / "store.gpkg"), tmp_path / "files") as running:
        yield running


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """A real browser."""
    if not CHROMIUM.exists():
        pytest.skip(f"{CHROMIUM} is not installed")
    if not (HERE / "static" / "parts" / "maplibre-gl.mjs").exists():
        pytest.skip("the set-up has not brought the parts of pages (npm)")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=str(CHROMIUM), args=list(FLAGS))
        yield running
        running.close()


class Screen:
    """A page in a browser, with all that went wrong in it."""

    def __init__(self, browser: Any, server: Server, size: tuple[int, int], lang: str) -> None:
        self.context = browser.new_context(
            base_url=server.url, viewport={"width": size[0], "height": size[1]}, locale=lang
        )
        self.page = self.context.new_page()
        self.faults: list[str] = []
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))
        self.page.on("console", lambda said: self.faults.append(said.text) if said.type == "error" else None)
        self.page.on("request", self._stays_here)
        self.server = server

    def _stays_here(self, request: Any) -> None:
        if not request.url.startswith((self.server.url, "blob:", "data:")):
            self.faults.append(f"a request left the machine: {request.url[:80]}")

    def enter(self, login: str) -> None:
        """Sign in."""
        self.page.goto("/enter")
        self.page.fill("#login", login)
        self.page.fill("#password", PASSWORD)
        self.page.click("button.act")

    def axe(self) -> list[str]:
        """What axe finds against WCAG 2.2 AA and its own rules of thumb."""
        self.page.add_script_tag(url="/static/parts/axe.min.js")
        found = self.page.evaluate("async () => (await axe.run(document)).violations")
        return [
            f"{one['id']}: {one['nodes'][0]['html'][:160]} {one['nodes'][0]['failureSummary'][:200]}"
            for one in found
        ]

    def map_ready(self, ms: int = 30_000) -> None:
        """Wait until the map of the page is drawn."""
        for _ in range(ms // 100):
            if self.page.evaluate("document.body.dataset.map === 'ready' && window.fadeoutMap.loaded()"):
                return
            self.page.wait_for_timeout(100)
        raise AssertionError("the map was not drawn")
