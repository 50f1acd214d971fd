"""The published snapshot: all that the public may see, approved by a named person, in one folder.

Reads   a folder that `jobs/publish` wrote: `CURRENT` names the version, `versions/N/snapshot.json` holds it, `media/`
        its pictures, films and sounds by their digest
Gives   `Snapshot` and its parts; `read`, `current`
Knows   nothing of stores, records or how places were made coarse: it is the wall between them and the public
Start   at `Snapshot`

A text that people read is a `Said`: language code → text; English is always there.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, is_dataclass
from pathlib import Path
from types import UnionType
from typing import Any, get_args, get_origin, get_type_hints

from fadeout.errors import InputRefused, Problem

SCHEMA = "fadeout-snapshot/1"
CURRENT, VERSIONS, MEDIA, FILE = "CURRENT", "versions", "media", "snapshot.json"
DIGEST = re.compile(r"[0-9a-f]{64}")
KNOWN, SUSPECTED, SEARCHED = (
    "known",
    "suspected",
    "searched",
)  # of a cell; every other cell is not searched / unknown
STATES = (KNOWN, SUSPECTED, SEARCHED)

Said = Mapping[str, str]


@dataclass(frozen=True)
class Language:
    """A language of the portal: code, its own name, which way it runs, whether a speaker reviewed the words."""

    code: str
    name: str
    direction: str = "ltr"
    reviewed: bool = False


@dataclass(frozen=True)
class Hotline:
    """Where to call: a number, who answers, when, in which languages."""

    number: str
    name: Said
    hours: Said = field(default_factory=dict)
    languages: tuple[str, ...] = ()


@dataclass(frozen=True)
class Place:
    """A village or town that people look for; its middle to a hundredth of a degree, and what is known near it."""

    id: str
    name: Said
    lon: float
    lat: float
    state: str = (
        ""  # the worst of the cells within two kilometres: known, suspected, searched or "" (not searched)
    )


@dataclass(frozen=True)
class Cell:
    """A cell of the public map, one kilometre wide: its bounds in degrees and what is known of it.

    `confidence` is that of a search where the state is `searched`, and is told with `when`, `depth_cm` and `by`: the
    authority that signed. Nothing in a cell says how many items, or where.
    """

    west: float
    south: float
    east: float
    north: float
    state: str
    confidence: float | None = None
    when: str = ""
    depth_cm: float | None = None
    by: str = ""


@dataclass(frozen=True)
class Medium:
    """A picture, film or sound: file name in media/, type, what it shows for those who do not see it, caption, credit."""

    file: str
    media_type: str
    alt: Said
    caption: Said = field(default_factory=dict)
    credit: str = ""
    width: int = 0
    height: int = 0


@dataclass(frozen=True)
class Correction:
    """What was wrong in a post, and when that was said."""

    at: str
    words: Said


@dataclass(frozen=True)
class Post:
    """A piece of news. `at` is when it may be seen from (UTC); texts are plain, paragraphs parted by an empty line."""

    id: str
    at: str
    title: Said
    text: Said
    media: tuple[Medium, ...] = ()
    corrections: tuple[Correction, ...] = ()
    author: str = ""  # the name that stands under it


@dataclass(frozen=True)
class Message:
    """A card of risk education for an audience: what to do first stands first."""

    id: str
    audience: Said
    text: Said
    media: tuple[Medium, ...] = ()


@dataclass(frozen=True)
class Alert:
    """A public alert as people read it; its CAP message lies beside it as alerts/ID.xml."""

    id: str
    status: str  # Actual alone is shown as news
    kind: str  # Alert, Update, Cancel
    sent: str
    expires: str
    headline: Said
    description: Said
    instruction: Said
    areas: tuple[str, ...] = ()  # in words
    polygons: tuple[tuple[tuple[float, float], ...], ...] = ()  # (lon, lat), generalised, without holes
    references: tuple[str, ...] = ()


@dataclass(frozen=True)
class Snapshot:
    """All that the portal shows."""

    version: int
    published_at: str  # UTC
    approved_by: str
    information_date: str
    title: Said
    authority: str
    languages: tuple[Language, ...]
    hotlines: tuple[Hotline, ...]
    bounds: tuple[float, float, float, float]  # west, south, east, north of the ground that the map shows
    cells: tuple[Cell, ...] = ()
    places: tuple[Place, ...] = ()
    posts: tuple[Post, ...] = ()
    messages: tuple[Message, ...] = ()
    alerts: tuple[Alert, ...] = ()
    stamps: tuple[str, ...] = ()  # words that stand on everything, such as SIMULATED
    notes: tuple[Said, ...] = ()  # what a reader must know: delays, rules of coarsening
    delay_days: int = 0
    push_key: str = ""  # the public key of Web Push (VAPID), "" where there is none
    feeds: str = ""  # the address under which the portal is reached, for feeds; "" where unknown


def as_json(snapshot: Snapshot) -> bytes:
    """A snapshot as its file: keys in order, the same snapshot gives the same bytes.

    Examples
    --------
    >>> made = Snapshot(1, "2026-11-25T08:00:00Z", "Ana", "2026-11-24", {"en": "North"}, "NMAA",
    ...                 (Language("en", "English"),), (Hotline("123", {"en": "Hotline"}),), (10, 5, 11, 6))
    >>> from_json(as_json(made)) == made
    True
    """
    told = {"schema": SCHEMA, **asdict(snapshot)}
    return json.dumps(told, ensure_ascii=False, sort_keys=True, indent=1).encode() + b"\n"


def from_json(content: bytes) -> Snapshot:
    """A snapshot from its file.

    Raises
    ------
    InputRefused
        If it is none, or one of another version.
    """
    try:
        told = json.loads(content)
        if told.pop("schema", "") != SCHEMA:
            raise ValueError("another schema")
        made = _made(Snapshot, told)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise InputRefused(
            [Problem("snapshot.bad", f"this is no snapshot ({error})", "publish again")]
        ) from error
    assert isinstance(made, Snapshot)
    return made


def current(folder: Path) -> Snapshot | None:
    """The snapshot that is published now, None where nothing is."""
    try:
        version = (folder / CURRENT).read_text(encoding="ascii").strip()
    except OSError:
        return None
    return read(folder, int(version)) if version.isdigit() else None


def read(folder: Path, version: int) -> Snapshot:
    """One version."""
    try:
        return from_json((folder / VERSIONS / str(version) / FILE).read_bytes())
    except OSError as error:
        raise InputRefused(
            [Problem("snapshot.missing", f"version {version} is not there", "see the list")]
        ) from error


def _made(kind: Any, told: Any) -> Any:
    """A value of a declared type from what JSON holds."""
    origin = get_origin(kind)
    if is_dataclass(kind):
        hints = get_type_hints(kind)
        known = {one.name for one in fields(kind)}
        if set(told) - known:
            raise ValueError(f"unknown: {', '.join(sorted(set(told) - known))}")
        return kind(**{name: _made(hints[name], value) for name, value in told.items()})  # type: ignore[operator]
    if origin is tuple:
        inner = get_args(kind)
        if len(inner) == 2 and inner[1] is Ellipsis:
            return tuple(_made(inner[0], one) for one in told)
        return tuple(_made(one, value) for one, value in zip(inner, told, strict=True))
    if origin is UnionType or type(None) in get_args(kind):
        (some,) = [one for one in get_args(kind) if one is not type(None)]
        return None if told is None else _made(some, told)
    if origin is not None:  # a mapping of texts
        return {str(name): str(text) for name, text in told.items()}
    if kind is float:
        return float(told)
    if not isinstance(told, kind):
        raise ValueError(f"{told!r} is no {kind.__name__}")
    return told
