"""Errors and warnings of gclust's own, for callers who want to catch them apart."""


class StudyError(ValueError):
    """A study, or the data it names, cannot be used as it stands.

    The message names the file, the key or the column, what was expected, and
    what to do. The command line ends with exit code 2 on it.
    """


class GclustWarning(UserWarning):
    """Something in the data or the study that deserves a look."""
