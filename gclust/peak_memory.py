"""The largest memory that this process has taken: in all, and while one stage was computed."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

STATM = Path("/proc/self/statm")
"""Linux's file of this process's memory in pages; the second number is what is resident."""
SECONDS = 0.05
"""Time between two looks at the memory during a stage."""
MB = 1024**2


@dataclass
class Peak:
    """The largest resident memory of a stage in MB; None where the system does not say it."""

    mb: int | None = None


def peak_memory_mb() -> int | None:
    """Return the peak memory of the process in MB; None on Windows, which does not record it."""
    if sys.platform == "win32":
        return None
    import resource

    # Linux counts KiB, macOS bytes.
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak // (1024 if sys.platform != "darwin" else MB)


@contextmanager
def stage_memory() -> Iterator[Peak]:
    """Yield the peak memory of the block, which is known after it.

    The system records one peak for all of a process. It is the block's own if it has grown
    meanwhile; otherwise the block's is the largest of what was resident every `SECONDS`. Where
    that cannot be seen (not Linux), a block that has not raised the process's peak has None.

    Examples
    --------
    >>> with stage_memory() as peak:
    ...     block = bytearray(10_000_000)
    >>> peak.mb is None or peak.mb > 10
    True
    """
    found, before, seen = Peak(), peak_memory_mb(), [_resident_mb()]
    over = threading.Event()

    def look() -> None:
        while not over.wait(SECONDS):
            seen.append(max(seen.pop() or 0, _resident_mb() or 0))

    if seen[0] is not None:
        threading.Thread(target=look, name="gclust-memory", daemon=True).start()
    try:
        yield found
    finally:
        over.set()
        after, now = peak_memory_mb(), _resident_mb()
        if after is not None and before is not None and after > before:
            found.mb = after
        elif now is not None:
            found.mb = max([now, *(each for each in list(seen) if each is not None)])


def _resident_mb() -> int | None:
    try:
        pages = int(STATM.read_text(encoding="ascii").split()[1])
    except (OSError, ValueError, IndexError):
        return None
    return pages * os.sysconf("SC_PAGE_SIZE") // MB
