"""Photos on their way in, piece by piece, so that a cut connection costs one piece and not the photo.

Reads   pieces of a file, each with where it begins; the folder in which the server keeps photos
Gives   `SHA256.jpg` in that folder once all pieces are there, their digest fits and it is a picture
Knows   that a photo is named by the SHA-256 of what was sent; nothing of requests
Start   at `add`

A part belongs to who sends it: nobody can spoil another's. What is kept is written anew by `exchange.media`, so its
own digest is another one, which `digest_of` gives and a record holds.
"""

from __future__ import annotations

import hashlib
import os
import re
import time
from dataclasses import dataclass
from pathlib import Path

from fadeout.errors import InputRefused, Problem
from fadeout.exchange import media

PIECE = 256_000  # bytes of a piece at most: some seconds on a slow mobile network (assumed)
KEPT_DAYS = 30  # that a part waits for its rest (assumed)
DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Held:
    """How much of a photo is there, and whether it is kept."""

    offset: int
    complete: bool


def kept(folder: Path, digest: str) -> Path | None:
    """The file of a photo that arrived whole, None if there is none."""
    path = folder / f"{digest}.jpg"
    return path if DIGEST.fullmatch(digest) and path.is_file() else None


def digest_of(path: Path) -> str:
    """SHA-256 of a kept photo as it lies there."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def held(folder: Path, digest: str, who: str) -> Held | None:
    """How much of a photo is there of what somebody sends; None if nothing."""
    found = kept(folder, digest)
    if found is not None:
        return Held(found.stat().st_size, True)
    part = _part(folder, digest, who)
    return Held(part.stat().st_size, False) if part.is_file() else None


def add(folder: Path, digest: str, who: str, *, offset: int, total: int, piece: bytes) -> Held:
    """Add a piece; after the last one check the whole and keep it.

    Raises
    ------
    InputRefused
        `photo.offset` if the piece does not begin where the last one ended; `photo.digest`, `photo.too-large` or
        `photo.no-picture` if the whole is not what was announced. What was sent is dropped then.
    """
    if not DIGEST.fullmatch(digest):
        raise _refused("photo.digest", "a photo is named by its SHA-256", "write 64 hexadecimal digits")
    if total > media.MOST_BYTES:
        raise _refused(
            "photo.too-large", f"the photo has {total:,} bytes", f"send at most {media.MOST_BYTES:,}"
        )
    if len(piece) > PIECE:
        raise _refused("photo.piece", f"a piece has {len(piece):,} bytes", f"send at most {PIECE:,} at once")
    there = held(folder, digest, who) or Held(0, False)
    if there.complete:
        return there
    if offset != there.offset or not piece or offset + len(piece) > total:
        words = f"{there.offset:,} bytes of {total:,} are there; a piece of {len(piece):,} from {offset:,} does not fit"
        raise _refused("photo.offset", words, f"go on from {there.offset:,}")
    part = _part(folder, digest, who)
    if not offset:
        _tidy(part.parent)
    # Two that send the same piece at once write the same bytes to the same place.
    with part.open("r+b" if part.exists() else "wb") as file:
        file.seek(offset)
        file.write(piece)
    if offset + len(piece) < total:
        return Held(offset + len(piece), False)
    return _keep(folder, digest, part)


def _keep(folder: Path, digest: str, part: Path) -> Held:
    raw = part.read_bytes()
    try:
        if hashlib.sha256(raw).hexdigest() != digest:
            raise _refused("photo.digest", "what arrived is not what was announced", "send it again")
        clean = media.cleaned(raw)
        fresh = part.with_suffix(".fresh")
        with fresh.open("wb") as file:
            file.write(clean)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(folder / f"{digest}.jpg")
    finally:
        part.unlink(missing_ok=True)
    return Held(len(clean), True)


def _part(folder: Path, digest: str, who: str) -> Path:
    parts = folder / "parts"
    parts.mkdir(parents=True, exist_ok=True)
    return parts / f"{digest}-{hashlib.sha256(who.encode()).hexdigest()[:16]}.part"


def _tidy(parts: Path) -> None:
    """Drop parts whose rest never came."""
    for one in parts.iterdir():
        if one.stat().st_mtime < time.time() - KEPT_DAYS * 86_400:
            one.unlink(missing_ok=True)


def _refused(code: str, message: str, remedy: str) -> InputRefused:
    return InputRefused([Problem(code, message, remedy)])
