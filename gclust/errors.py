"""gclust's own errors and warnings, so that callers can catch them separately from others."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable

from gclust.escapes import visible

Warn = Callable[[str], None]
"""What a function that may warn is given: it is called with the message."""


class StudyError(ValueError):
    """A study, or the data it names, cannot be used as it stands.

    The message names the file, the key or the column, what was expected, and
    what to do; it is one line, whatever names it holds. The command line ends
    with exit code 2 on it.
    """

    def __init__(self, message: object = "") -> None:
        super().__init__(visible(message))


def first_line(error: BaseException) -> str:
    """Return the first line of an error's message, the name of its type if it has none."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]


class GclustWarning(UserWarning):
    """Something in the data or the study that deserves a look; its message is one line."""

    def __init__(self, message: object = "") -> None:
        super().__init__(visible(message))


def warn_user(message: str) -> None:
    """Give a `GclustWarning` that points at the first line outside of gclust."""
    level, frame = 1, sys._getframe()
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith("gclust."):
        level, frame = level + 1, frame.f_back
    warnings.warn(message, GclustWarning, stacklevel=level)


def ignore_warning(message: str) -> None:
    """Give no warning: what looks wrong has been said before."""
