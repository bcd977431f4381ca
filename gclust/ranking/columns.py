"""Which columns of a ranking make its score, and what each weighs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

OF_KINDS = ("share", "count", "per_million")
"""Columns ``<kind>_<...>`` that every ranking has."""


def kind_columns(kinds: Iterable[str]) -> dict[str, str]:
    """Return the columns of the kinds that a score may be made of, each with its kind."""
    return {f"{kind}_{what}": kind for kind in kinds for what in OF_KINDS}


def scored(kinds: Sequence[str], of: Sequence[str] | None) -> tuple[str, ...]:
    """Return the columns that make the score; the shares of all kinds by default."""
    return tuple(f"{kind}_share" for kind in kinds) if of is None else tuple(of)


def column_weights(
    columns: Iterable[str], weights: Mapping[str, float], kinds: Iterable[str]
) -> dict[str, float]:
    """Return the weight of each column.

    Parameters
    ----------
    columns : iterable of str
    weights : mapping
        Column or kind -> weight. What is given for a kind holds for its share, count and
        count per million, if nothing is given for the column itself.
    kinds : iterable of str

    Returns
    -------
    dict
        Column -> weight; 1 where nothing is given.

    Examples
    --------
    >>> column_weights(["patent_share", "patent_growth"], {"patent": 2.0}, ["patent"])
    {'patent_share': 2.0, 'patent_growth': 1.0}
    """
    kind_of = kind_columns(kinds)
    return {
        column: float(weights.get(column, weights.get(kind_of.get(column, ""), 1.0)))
        for column in columns
    }
