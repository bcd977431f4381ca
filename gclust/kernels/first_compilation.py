"""Word that kernels are compiled, which takes seconds: users would take it for a hang.

A method whose kernels take long compiles them in a stage of their own (`warm_up`). Others
are compiled where they are first called, within the stage that needs them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from gclust.progress import Report, note

COMPILING = "compiling kernels of this stage, once on this machine; may take a minute"

_listeners: list[Callable[[], None]] = []


def begin() -> None:
    """Call whoever listens last that a kernel is compiled now."""
    for listener in _listeners[-1:]:
        listener()


@contextmanager
def listening(listener: Callable[[], None]) -> Iterator[None]:
    """Call ``listener`` before each kernel that is compiled in a block, on any thread."""
    _listeners.append(listener)
    try:
        yield
    finally:
        _listeners.remove(listener)


@contextmanager
def noted(progress: Report) -> Iterator[None]:
    """Note with a progress report the first time that a kernel is compiled in a block."""
    is_noted: list[bool] = []

    def listener() -> None:
        if not is_noted:
            is_noted.append(True)
            note(progress, COMPILING)

    with listening(listener):
        yield
