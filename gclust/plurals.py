"""Counts in messages: "1 cluster", but "2 clusters"."""

from __future__ import annotations

from typing import SupportsInt


def counted(number: SupportsInt, one: str, many: str | None = None) -> str:
    """Return a count with what it counts.

    Parameters
    ----------
    number : int
    one, many : str
        Singular and plural, which by default has an s more; with the verb, if it follows.

    Examples
    --------
    >>> counted(1200, "cluster"), counted(1, "row has", "rows have")
    ('1,200 clusters', '1 row has')
    """
    return f"{int(number):,} {either(number, one, many)}"


def either(number: SupportsInt, one: str, many: str | None = None) -> str:
    """Return the singular for 1, otherwise the plural.

    Examples
    --------
    >>> f"Suggested by {either(1, 'this pair', 'these pairs')}"
    'Suggested by this pair'
    """
    if int(number) == 1:
        return one
    return f"{one}s" if many is None else many
