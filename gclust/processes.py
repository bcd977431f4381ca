"""Whether a process that left something behind still runs."""

from __future__ import annotations

import os


def is_alive(pid: int) -> bool:
    """Whether a process of this number runs; taken for granted on Windows."""
    if os.name == "nt":
        return True  # there, os.kill would end the process instead of asking
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
