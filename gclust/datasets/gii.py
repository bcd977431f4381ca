"""Numbers of one edition of the Global Innovation Index's (GII) cluster ranking."""

from __future__ import annotations

import pandas as pd

from gclust.datasets.figures import published_figures
from gclust.datasets.modelled import invented_figures


def gii(year: int, *, invented: bool = False) -> pd.DataFrame:
    """Return ranks, shares and other numbers of one edition of the GII, one row per number.

    Parameters
    ----------
    year : int
        The edition: 2017, 2018, 2020, 2022, 2023, 2024 or 2025.
    invented : bool
        Whether to add figures that were not published and that the simulated worlds of 2023
        and 2025 invent: ranks, totals and shares of 237 clusters.

    Returns
    -------
    pandas.DataFrame
        Columns ``edition, cluster, economy, figure, value, unit, mark, by, source``.
        ``unit`` is that of the last printed digit (0.1 of a share of 9.0), NaN of an invented
        figure. ``figure`` is ``rank``, ``<kind>_count``, ``<kind>_share`` (per cent of the
        world), ``<kind>_rank``, ``<kind>_per_million``, ``<kind>_per_million_rank``,
        ``total``, ``intensity_rank``, ``previous_rank``, ``rank_2024`` or
        ``in_first_100``. ``mark`` is ``published`` or ``invented``; ``by`` says of
        published figures whether they were ``printed`` in WIPO's own publications or
        ``reported`` by the press.

    Raises
    ------
    ValueError
        For an edition without published figures, or without invented ones if these
        are asked for.

    Examples
    --------
    >>> figures = gii(2023)
    >>> rank = figures[figures["figure"] == "rank"].sort_values("value")
    >>> rank["cluster"].iloc[0]
    'Tokyo–Yokohama'
    """
    figures = published_figures(year)
    if not invented:
        return figures
    return pd.concat([figures, invented_figures(year, figures)], ignore_index=True)
