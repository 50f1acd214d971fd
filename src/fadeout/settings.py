"""What the machine and its environment give: read once, here; below this line values arrive as arguments.

Reads   /proc/meminfo, the memory limit of a container; FADEOUT_MEMORY_MB, FADEOUT_KEYS, FADEOUT_KEYS_SECRET and
        FADEOUT_FORM_TOKEN from the environment
Gives   `memory_available`, `person_keys`, `form_token`
Knows   nothing of jobs
Start   at `memory_available`
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TypedDict

MEMINFO = Path("/proc/meminfo")
CONTAINER_LIMITS = (
    (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory.current")),
    (
        Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
        Path("/sys/fs/cgroup/memory/memory.usage_in_bytes"),
    ),
)


def memory_available(environment: Mapping[str, str] = os.environ) -> int | None:
    """Bytes that a job may take: FADEOUT_MEMORY_MB, else what the machine has free; None if unknown.

    Examples
    --------
    >>> memory_available({"FADEOUT_MEMORY_MB": "512"})
    536870912
    """
    stated = environment.get("FADEOUT_MEMORY_MB", "")
    if stated.isdigit():
        return int(stated) * 2**20
    free = [*_of_machine(), *_of_container()]
    return min(free) if free else None


class PersonKeys(TypedDict):
    """Where the key file of persons lies, if not beside the store; the secret that encrypts it, if there is one."""

    keys: Path | None
    master: bytes | None


def person_keys(environment: Mapping[str, str] = os.environ) -> PersonKeys:
    """FADEOUT_KEYS, a file, and FADEOUT_KEYS_SECRET, at least 32 letters.

    Examples
    --------
    >>> person_keys({"FADEOUT_KEYS": "north.keys"})["keys"].name
    'north.keys'
    """
    path, secret = environment.get("FADEOUT_KEYS", ""), environment.get("FADEOUT_KEYS_SECRET", "")
    return {"keys": Path(path) if path else None, "master": secret.encode() if secret else None}


def form_token(environment: Mapping[str, str] = os.environ) -> str:
    """FADEOUT_FORM_TOKEN: what a form server knows us by."""
    return environment.get("FADEOUT_FORM_TOKEN", "")


def _of_machine() -> Iterator[int]:
    try:
        for line in MEMINFO.read_text().splitlines():
            if line.startswith("MemAvailable:"):
                yield int(line.split()[1]) * 1024
                return
    except OSError:
        pass
    try:
        yield os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):
        return


def _of_container() -> Iterator[int]:
    for limit, used in CONTAINER_LIMITS:
        try:
            most = limit.read_text().strip()
            if most.isdigit() and int(most) < 2**60:
                yield max(0, int(most) - int(used.read_text()))
        except OSError:
            continue
