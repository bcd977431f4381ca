"""Entry point of the command ``gclust``, which is also ``python -m gclust``."""

from __future__ import annotations

import atexit
import os
import sys


def main() -> None:
    """Run the command, and end the process as soon as everything is written.

    Python would give back the memory of every object first, for half a second after a long run;
    the system takes all of it at once.
    """
    codes: list[int] = []
    # Registered first, it is called last, when what others registered has run.
    atexit.register(_end, codes)
    from gclust.cli import main as run

    try:
        run()
    except SystemExit as end:
        if isinstance(end.code, int):
            codes.append(end.code)
        raise


def _end(codes: list[int]) -> None:
    """End the process with its exit code, unless its output cannot be written, as Python says."""
    if not codes:
        return
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except (OSError, ValueError, AttributeError):  # full, closed, or none at all
        return
    os._exit(codes[0])


if __name__ == "__main__":
    main()
