"""Drafts that were made of reports and requests: where each lies, what it says, which one was made of the year before.

Reads   folders of drafts, which `article7` and `extension_request` fill
Gives   `Draft`s, a place for a new one, the kinds of the records behind figures
Knows   the files of a draft; nothing of what its forms ask
Start   at `listed`, `find`
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fadeout.errors import InputRefused, Problem
from fadeout.records.catalogue import KINDS, RESTRICTED
from fadeout.records.store import Store

ID = re.compile(r"[0-9]{1,4}-[0-9]{8}T[0-9]{6}Z(-[0-9]{1,3})?")
SUFFIXES = ("docx", "xlsx", "pdf", "json")
ANSWERS = "answers.toml"  # what was answered, kept beside the draft for the next one
APART = ("cover", "checks")  # sections that are no forms
BEHIND = ("hazardous_area", "release", "item_destroyed", "eore_session")  # what stands behind most figures


@dataclass(frozen=True)
class Draft:
    """One draft: its id, its folder, the values of its JSON."""

    id: str
    name: str
    folder: Path
    told: Mapping[str, Any]

    @property
    def forms(self) -> list[Mapping[str, Any]]:
        """Its sections that somebody fills, without cover and checks."""
        return [one for one in self.told["sections"] if one["key"] not in APART]

    @property
    def checks(self) -> Mapping[str, Any] | None:
        """The section that tells what was checked."""
        return next((one for one in self.told["sections"] if one["key"] == "checks"), None)

    @property
    def gaps(self) -> list[tuple[str, str]]:
        """What a person must still answer: the title of the form, the question."""
        return [(one["title"], gap) for one in self.forms for gap in one["gaps"]]

    @property
    def files(self) -> list[str]:
        """Names of its files."""
        names = (f"{self.name}.{suffix}" for suffix in SUFFIXES)
        return [name for name in names if (self.folder / name).is_file()]

    @property
    def answers(self) -> str:
        """What was answered when it was made, as TOML; "" for nothing."""
        path = self.folder / ANSWERS
        return path.read_text(encoding="utf-8") if path.is_file() else ""

    @property
    def ids(self) -> set[str]:
        """Ids of all records behind its figures."""
        return {
            id
            for one in self.told["sections"]
            for table in one["tables"]
            for some in table["records"]
            for id in some
        }


def new_place(root: Path, number: int, now: datetime) -> Path:
    """A folder that is not there yet: of a year (or of months) and the moment."""
    stem = f"{number}-{now.astimezone(UTC):%Y%m%dT%H%M%SZ}"
    names = (stem, *(f"{stem}-{n}" for n in range(2, 1000)))
    return next(root / name for name in names if not (root / name).exists())


def listed(root: Path, name: str) -> list[Draft]:
    """All drafts of a folder, the latest first."""
    found = (_read(path, name) for path in root.iterdir() if ID.fullmatch(path.name))
    return sorted((one for one in found if one), key=lambda one: (one.told["made_at"], one.id), reverse=True)


def find(root: Path, name: str, id: str) -> Draft:
    """Give one draft.

    Raises
    ------
    InputRefused
        If there is none of that id.
    """
    found = _read(root / id, name) if ID.fullmatch(id) else None
    if found is None:
        raise InputRefused([Problem("draft.missing", f"there is no draft '{id[:40]}'", "choose one listed")])
    return found


def before(drafts: Sequence[Draft], year: int, state: str, made_at: str) -> Draft | None:
    """The latest draft of the year before, of the same State, that was there at a time; as `listed` orders them."""
    found = (
        one
        for one in drafts
        if one.told.get("year") == year - 1
        and one.told.get("state", "") == state
        and one.told["made_at"] <= made_at
    )
    return next(found, None)


def kinds_of(store: Store, ids: set[str]) -> dict[str, str]:
    """The kind of the record behind each id, of those that are in the store now and are not of persons."""
    found: dict[str, str] = {}
    others = (name for name, kind in KINDS.items() if kind.sensitivity != RESTRICTED and name not in BEHIND)
    for kind in (*BEHIND, *others):
        left = ids - found.keys()
        if not left:
            break
        found |= dict.fromkeys(left.intersection(store.ids(kind)), kind)
    return found


def _read(folder: Path, name: str) -> Draft | None:
    try:
        told = json.loads((folder / f"{name}.json").read_bytes())
    except (OSError, ValueError):
        return None
    return Draft(folder.name, name, folder, told)
