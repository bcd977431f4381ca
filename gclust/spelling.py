"""Suggestions for misspelt names: the most similar known name."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

LIKENESS = 0.5
"""Least similarity of a suggested name, from 0 to 1, as `difflib` measures it."""


def nearest(word: object, known: Iterable[object], likeness: float = LIKENESS) -> str | None:
    """Return the known name most similar to a word, or None if none is similar enough."""
    near = difflib.get_close_matches(str(word), map(str, known), n=1, cutoff=likeness)
    return near[0] if near else None


def did_you_mean(word: object, known: Iterable[object], otherwise: str = "") -> str:
    """Return the end of an error message, which proposes the known name most similar to a word.

    Without a name that is similar enough it is ``otherwise``. Numbers are compared as texts.

    Examples
    --------
    >>> print("no colour 'gren'" + did_you_mean("gren", ["red", "green"]))
    no colour 'gren'; did you mean 'green'?
    """
    near = nearest(word, known)
    return otherwise if near is None else f"; did you mean {near!r}?"
