"""The columns of a ranking that enter its score, and their weights."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

OF_KINDS = ("share", "count", "per_million")
"""Endings of the columns that every ranking has for each kind, as in ``patent_share``."""


@dataclass(frozen=True, kw_only=True)
class ScoreOptions:
    """Options for combining columns of a ranking into a score.

    Parameters
    ----------
    combine : str
        See `gclust.ranking.score.score`.
    of : sequence of str, optional
        The columns combined; the shares of all kinds by default.
    weights : mapping
        See `column_weights`.
    lower_is_better : collection of str
        Those columns where less is better; see `gclust.ranking.score.score`.
    """

    combine: str = "sum"
    of: Sequence[str] | None = None
    weights: Mapping[str, float] = field(default_factory=dict)
    lower_is_better: Collection[str] = ()


def kind_columns(kinds: Iterable[str]) -> dict[str, str]:
    """Return the columns of the kinds that a score may combine: column -> kind."""
    return {f"{kind}_{what}": kind for kind in kinds for what in OF_KINDS}


def scored(kinds: Sequence[str], of: Sequence[str] | None) -> tuple[str, ...]:
    """Return the columns of the score; the shares of all kinds by default."""
    return tuple(f"{kind}_share" for kind in kinds) if of is None else tuple(of)


def column_weights(
    columns: Iterable[str], weights: Mapping[str, float], kinds: Iterable[str]
) -> dict[str, float]:
    """Return the weight of each column, 1 by default.

    ``weights`` is a mapping of column or kind -> weight. The weight of a kind applies to its share,
    count and count per million, unless the column has a weight of its own.

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
