"""What the machine gives: read once, here; below this line values arrive as arguments.

Reads   /proc/meminfo, the memory limit of a container, FADEOUT_MEMORY_MB from the environment
Gives   `memory_available`
Knows   nothing of jobs
Start   at `memory_available`
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

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
