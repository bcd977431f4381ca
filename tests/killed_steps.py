"""Work in a child process that is killed after a number of its steps."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterable
from typing import Any


def killed_after(step: int, calls: Iterable[tuple[Any, str]], work: Callable[[], object]) -> int:
    """Return the exit code of a child that is killed after ``step`` of the calls of its work.

    ``calls`` are modules or classes, and the names of functions in them.
    """
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    steps = iter(range(1000))

    def kill_after(call):
        def counted(*arguments, **options):
            done = call(*arguments, **options)
            if next(steps) == step:
                os.kill(os.getpid(), signal.SIGKILL)
            return done

        return counted

    for owner, name in calls:
        setattr(owner, name, kill_after(getattr(owner, name)))
    try:
        work()
    finally:
        os._exit(0)
