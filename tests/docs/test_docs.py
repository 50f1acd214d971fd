"""The documents: links that lead somewhere, commands that exist, no path of anybody's machine."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted(
    path
    for path in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]
    if not any(part.startswith(".") for part in path.relative_to(ROOT).parts)
)
COMMANDS = (ROOT / "docs" / "reference" / "commands.md").read_text(encoding="utf-8")


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


def test_no_page_names_a_place_on_somebodys_machine() -> None:
    told = subprocess.run(
        ["git", "-C", ROOT, "grep", "-nE", r"(/home/|/Users/|/work/main|C:\\\\Users)", "--", "*.md"],
        capture_output=True,
        text=True,
    )
    assert told.stdout == ""
