"""gclust's own error and warning classes, which callers can catch separately from others."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable

from gclust.escapes import visible

Warn = Callable[[str], None]
"""The type of a function that gives a warning; it is called with the message."""


class StudyError(ValueError):
    """Error in a study or in its data that the user can correct.

    The message names the file, the key or the column, says what was expected and
    what to do, and is always one line. The command line ends with exit code 2 on
    this error.
    """

    def __init__(self, message: object = "") -> None:
        super().__init__(visible(message))


def first_line(error: BaseException) -> str:
    """Return the first line of an error's message; without a message, the error type's name."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]


class GclustWarning(UserWarning):
    """Warning about the data or the study that the user should check; its message is one line."""

    def __init__(self, message: object = "") -> None:
        super().__init__(visible(message))


def warn_user(message: str) -> None:
    """Give a `GclustWarning` that points at the user's line of code that called gclust."""
    level, frame = 1, sys._getframe()
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith("gclust."):
        level, frame = level + 1, frame.f_back
    warnings.warn(message, GclustWarning, stacklevel=level)


def ignore_warning(message: str) -> None:
    """Ignore a warning, because the user has already been warned."""
