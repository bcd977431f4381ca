"""Errors and warnings of gclust's own, for callers who want to catch them apart."""

from gclust.escapes import visible


class StudyError(ValueError):
    """A study, or the data it names, cannot be used as it stands.

    The message names the file, the key or the column, what was expected, and
    what to do; it is one line, whatever names it holds. The command line ends
    with exit code 2 on it.
    """

    def __init__(self, message: object = "") -> None:
        super().__init__(visible(message))


class GclustWarning(UserWarning):
    """Something in the data or the study that deserves a look; its message is one line."""

    def __init__(self, message: object = "") -> None:
        super().__init__(visible(message))
