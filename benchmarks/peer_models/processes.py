"""Run a command and say what it took: seconds, processor seconds, memory, threads.

Reads   a command and a limit
Gives   figures of that process and its children
Knows   nothing of what it does
Start   at `timed`
"""

from __future__ import annotations

import os
import re
import subprocess
import time
from pathlib import Path

LOOK_EVERY_S = 0.02


def timed(command, limit_s, words):
    """Run a command; give wall and processor seconds of the whole process, peak memory, threads and exit code.

    The kernel's own peak (ru_maxrss) starts at the peak of the process that began this one, so where /proc is, the
    high-water mark of the program's own memory is read from there while it runs.
    """
    begun = time.perf_counter()
    peak_kb = threads = 0
    with words.open("w", encoding="utf-8") as file:
        process = subprocess.Popen(command, stdout=file, stderr=subprocess.STDOUT)
        while True:
            pid, status, usage = os.wait4(process.pid, os.WNOHANG)
            if pid:
                break
            if time.perf_counter() - begun > limit_s:
                process.kill()
            peak, count = _now(process.pid)
            peak_kb, threads = max(peak_kb, peak), max(threads, count)
            time.sleep(LOOK_EVERY_S)
    process.returncode = os.waitstatus_to_exitcode(status)
    return {
        "process_s": time.perf_counter() - begun, "cpu_s": usage.ru_utime + usage.ru_stime,
        "peak_mb": (peak_kb or usage.ru_maxrss) / 1024, "most_threads": threads or None, "exit": process.returncode,
    }  # fmt: skip


def _now(pid):
    """High-water mark of memory, kB, and number of threads of a process; 0, 0 where that cannot be read."""
    try:
        text = Path(f"/proc/{pid}/status").read_text("utf-8")
    except OSError:
        return 0, 0
    found = [re.search(rf"^{name}:\s+(\d+)", text, re.MULTILINE) for name in ("VmHWM", "Threads")]
    return tuple(int(match[1]) if match else 0 for match in found)
