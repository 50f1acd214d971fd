"""The inbox: what the public sends, as the portal writes it and the desk takes it out.

Reads   a folder that the portal alone writes into, and the desk's process reads and empties
Gives   `Report`, `Subscription`; the names of files; receipt codes
Knows   nothing of stores or records; that no address of a sender is ever written
Start   at `Report`

    reports/ID/report.json      one report, written whole or not at all (renamed into place, flushed to the disk)
    reports/ID/media/NAME.bin   its media as they came, with media/NAME.json beside (digest, declared type, size)
    answers/CODE.json           the desk's answer to a receipt code, which the portal shows
    subscriptions/ID.json       asked for, confirmed or ended; the desk keeps who was sent what
    taken/                      ids of reports that the desk has taken out, so that a repeated send is known
"""

from __future__ import annotations

import json
import re
import secrets
from dataclasses import asdict, dataclass, field
from pathlib import Path

SCHEMA = "fadeout-report/1"
REPORTS, ANSWERS, SUBSCRIPTIONS, TAKEN = "reports", "answers", "subscriptions", "taken"
ID = re.compile(r"[0-9a-f]{32}")  # made by the phone: a repeated send is the same report
ALPHABET = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"  # without letters that are mistaken for others
CODE = re.compile(rf"[{ALPHABET}]{{4}}-[{ALPHABET}]{{4}}-[{ALPHABET}]{{4}}")
MOST_MEDIA, MOST_BYTES = 5, 60 * 2**20  # of one report; bytes of one medium (assumed)
DIRECTIONS = ("", "n", "ne", "e", "se", "s", "sw", "w", "nw")


@dataclass(frozen=True)
class SentMedium:
    """One medium as it came: its name in the report's folder, SHA-256, size, the type that the sender declared."""

    name: str
    sha256: str
    bytes: int
    declared_type: str = ""


@dataclass(frozen=True)
class Report:
    """What somebody reports. `lon`, `lat` are where the person stood or pointed; the item lies off it.

    It lies `distance_m` in the `direction`, as far as that is said.

    `contact` is there only if the person wished it. No address of the sender, no header of the browser.
    """

    id: str
    code: str
    received_at: str  # UTC, to the minute
    lang: str
    what: str
    place: str = ""  # in words
    lon: float | None = None
    lat: float | None = None
    accuracy_m: float | None = None
    direction: str = ""
    distance_m: float | None = None
    seen_on: str = ""
    people_near: bool | None = None
    contact: str = ""
    media: tuple[SentMedium, ...] = ()


@dataclass(frozen=True)
class Answer:
    """The desk's answer to a receipt code: a state, and words if there are any."""

    code: str
    state: str  # received, looked at, visited, closed
    words: str = ""
    at: str = ""


@dataclass(frozen=True)
class Subscription:
    """Somebody who wants alerts or the digest: by which way, for which places and in which language."""

    id: str
    way: str  # mail, push
    to: str  # the address, or the push subscription as JSON
    lang: str
    places: tuple[str, ...] = ()  # ids of snapshot places; none: all
    what: tuple[str, ...] = ("alerts",)  # alerts, digest
    state: str = "asked"  # asked, confirmed, ended
    token: str = field(default="", repr=False)  # of the link that confirms or ends it
    asked_at: str = ""


def new_code() -> str:
    """A receipt code: 60 random bits, in letters that can be read out on the telephone."""
    letters = [secrets.choice(ALPHABET) for _ in range(12)]
    return "-".join("".join(letters[i : i + 4]) for i in (0, 4, 8))


def report_json(report: Report) -> bytes:
    """A report as its file."""
    return json.dumps({"schema": SCHEMA, **asdict(report)}, ensure_ascii=False, sort_keys=True).encode()


def report_of(content: bytes) -> Report:
    """A report from its file; ValueError if it is none."""
    told = json.loads(content)
    if not isinstance(told, dict) or told.pop("schema", "") != SCHEMA:
        raise ValueError("no report")
    told["media"] = tuple(SentMedium(**one) for one in told.get("media", ()))
    return Report(**told)


def waiting(folder: Path) -> list[str]:
    """Ids of reports that nobody took out yet, the oldest first."""
    root = folder / REPORTS
    found = [one for one in root.iterdir() if ID.fullmatch(one.name)] if root.is_dir() else []
    whole = [one for one in found if (one / "report.json").is_file()]
    return [one.name for one in sorted(whole, key=lambda one: one.stat().st_mtime_ns)]
