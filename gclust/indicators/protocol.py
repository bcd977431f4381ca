"""Interface of indicators: functions that compute one value per cluster."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar, runtime_checkable

import pandas as pd

from gclust.indicators.labelled_listings import LabelledListings
from gclust.listings.columns import FURTHER

NEEDS = ("record", *FURTHER)
"""Columns of the listings that an indicator may need."""
OF_CLUSTERS = ("name", "economies", "area_km2", "population")
"""Columns of the clusters that an indicator may use, in addition to counts and shares."""
ATTRIBUTE = "__gclust_indicator__"


@runtime_checkable
class Indicator(Protocol):
    """Function that computes one value per cluster from clusters and their listings.

    Its options are keyword-only parameters with annotations: ``str``, ``int``,
    ``float``, ``bool``, ``Literal`` of texts or numbers, ``tuple[str, ...]`` or
    ``list[str]`` (of numbers too), and any of these or None. A study sets
    them by name in ``[[indicators]]``. An option called ``kind`` is one of the
    study's kinds.

    Examples
    --------
    >>> from gclust.indicators import Indicator, indicator
    >>> @indicator(name="records", looks_at=())
    ... def records(clusters, listings, *, kind="patent"):
    ...     return clusters[f"{kind}_count"]
    >>> isinstance(records, Indicator)
    True
    """

    def __call__(
        self, clusters: pd.DataFrame, listings: LabelledListings, /, *args: Any, **options: Any
    ) -> pd.Series:
        """Compute the indicator.

        Parameters
        ----------
        clusters : DataFrame
            Index ``cluster_id`` (int64, from 0), columns ``name, economies,
            area_km2, population`` (missing without a raster), and for each kind
            ``<kind>_count`` (records) and ``<kind>_share`` (per cent of the
            world's).
        listings : LabelledListings
        **options
            The indicator's own.

        Returns
        -------
        Series
            One value for each row of ``clusters``, with its index: numbers or
            texts, missing where the indicator has no value.
        """
        ...


@dataclass(frozen=True)
class About:
    """Metadata of an indicator, such as its formula; see `indicator`."""

    name: str
    needs: tuple[str, ...] = ()
    source: str = ""
    formula: str = ""
    looks_at: tuple[str, ...] = OF_CLUSTERS


F = TypeVar("F", bound=Callable[..., Any])


def indicator(
    *,
    name: str | None = None,
    needs: Sequence[str] = (),
    source: str = "",
    formula: str = "",
    looks_at: Sequence[str] = OF_CLUSTERS,
) -> Callable[[F], F]:
    """Mark a function as an indicator and add its metadata; its behaviour does not change.

    Parameters
    ----------
    name : str, optional
        The name in studies; the function's name by default.
    needs : sequence of str
        The columns without which it cannot be computed, from ``record, year,
        organisation, field, country, precision``. ``"{by}"`` is the column that
        the option ``by`` names.
    source : str
        Citation, author and year first.
    formula : str
        In plain text.
    looks_at : sequence of str
        The columns of ``clusters`` that it uses in addition to counts and shares, from
        ``name, economies, area_km2, population``; all by default. Where a study is run many
        times (a sweep, a comparison), the others are neither computed nor passed to it.

    Raises
    ------
    ValueError
        If ``needs`` or ``looks_at`` names another column.

    Examples
    --------
    >>> @indicator(needs=("organisation",), source="Herfindahl 1950")
    ... def hhi(clusters, listings, *, kind: str): ...
    """
    needed = (needs,) if isinstance(needs, str) else tuple(needs)
    for column in needed:
        if column not in NEEDS and not (column.startswith("{") and column.endswith("}")):
            raise ValueError(
                f"needs has the unknown column {column!r}; known are {', '.join(NEEDS)}"
            )

    seen = (looks_at,) if isinstance(looks_at, str) else tuple(looks_at)
    for column in seen:
        if column not in OF_CLUSTERS:
            raise ValueError(
                f"looks_at has the unknown column {column!r}; known are {', '.join(OF_CLUSTERS)}"
            )

    def attach(function: F) -> F:
        called = name if name is not None else function.__name__
        setattr(function, ATTRIBUTE, About(called, needed, source, formula, seen))
        return function

    return attach
