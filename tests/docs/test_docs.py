"""The documents: links that lead somewhere, commands that exist, no path of anybody's machine."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted(
    path
    for path in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]
    if not any(part.startswith(".") for part in path.relative_to(ROOT).parts)
)
COMMANDS = (ROOT / "docs" / "reference" / "commands.md").read_text(encoding="utf-8")
PLACE = re.compile(r"(?<![\w.])(?:/(?:home|Users|root|work)/|[A-Z]:\\)")


def names(paths: list[Path]) -> list[str]:
    return [str(path.relative_to(ROOT)) for path in paths]


@pytest.mark.parametrize("page", PAGES, ids=names(PAGES))
def test_every_link_leads_to_a_file(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
        if not re.match(r"[a-z]+:", target):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


@pytest.mark.parametrize("page", PAGES, ids=names(PAGES))
def test_every_option_shown_exists(page: Path) -> None:
    for line in re.findall(r"fadeout (?:assess|demo|profile)[^`\n]*", page.read_text(encoding="utf-8")):
        for option in re.findall(r"(?<!\S)--[a-z][a-z-]*", line):
            assert option in COMMANDS, f"{page.name}: {line}"


@pytest.mark.parametrize("page", PAGES, ids=names(PAGES))
def test_no_page_names_a_place_on_somebodys_machine(page: Path) -> None:
    assert PLACE.search(page.read_text(encoding="utf-8")) is None


def test_a_place_on_somebodys_machine_is_known_when_seen() -> None:
    assert PLACE.search("see " + "/".join(("", "home", "someone", "project")))
    assert PLACE.search("in `" + "\\".join(("D:", "Users", "someone")))
    assert not PLACE.search("the folder docs/home/page.md")
