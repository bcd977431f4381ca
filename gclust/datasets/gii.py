"""The published figures of the Global Innovation Index's cluster rankings.

Only what WIPO printed or the press reported is here, each figure with its
source; nothing remembered, guessed or of an uncertain translation.
"""

from __future__ import annotations

from importlib.resources import files
from io import StringIO

import pandas as pd

EDITIONS = (2017, 2018, 2020, 2023, 2024, 2025)


def gii(year: int, *, modelled: bool = False) -> pd.DataFrame:
    """Return the figures of one edition, one row per cluster and figure.

    Parameters
    ----------
    year : int
        The edition: 2017, 2018, 2020, 2023, 2024 or 2025.
    modelled : bool
        Whether to add what was not published, as the simulated worlds of 2023 and 2025
        model it: ranks, totals and shares of 237 clusters.

    Returns
    -------
    pandas.DataFrame
        Columns ``edition, cluster, economy, figure, value, mark, by, source``.
        ``figure`` is ``rank``, ``<kind>_count``, ``<kind>_share`` (per cent of
        the world), ``<kind>_rank``, ``<kind>_per_million``, ``total``,
        ``intensity_rank``, ``previous_rank``, ``rank_2024`` or
        ``in_first_100``. ``mark`` is ``published`` or ``modelled``; ``by`` says of
        published figures whether they were ``printed`` in WIPO's own publications or
        ``reported`` by the press.

    Raises
    ------
    ValueError
        For an edition without published figures, or without modelled ones if these
        are asked for.

    Examples
    --------
    >>> figures = gii(2023)
    >>> rank = figures[figures["figure"] == "rank"].sort_values("value")
    >>> rank["cluster"].iloc[0]
    'Tokyo–Yokohama'
    """
    figures = _edition("gii_clusters.csv", year)
    if not modelled:
        return figures
    # Modelled figures follow from the published ones, which that module reads here.
    from gclust.datasets.modelled import modelled_figures

    return pd.concat([figures, modelled_figures(year, figures)], ignore_index=True)


def gii_world(year: int) -> pd.DataFrame:
    """Return the published figures of one edition that are about no single cluster.

    Parameters
    ----------
    year : int
        As in :func:`gii`.

    Returns
    -------
    pandas.DataFrame
        Columns ``edition, figure, economy, value, about, mark, by, source``;
        ``about`` says how the value is meant: ``no`` (exact), ``yes``
        (rounded by the source), ``at least`` or ``at most``.

    Raises
    ------
    ValueError
        For an edition without published figures.
    """
    return _edition("gii_world.csv", year)


def _edition(name: str, year: int) -> pd.DataFrame:
    if year not in EDITIONS:
        known = ", ".join(str(edition) for edition in EDITIONS)
        raise ValueError(f"no published GII figures for {year}: the editions are {known}")
    table = read_table(name)
    table = table[table["edition"] == year].reset_index(drop=True)
    by = table["source"].str.startswith("WIPO:").map({True: "printed", False: "reported"})
    table.insert(table.columns.get_loc("source"), "mark", "published")
    table.insert(table.columns.get_loc("source"), "by", by)
    return table


def read_table(name: str) -> pd.DataFrame:
    """Read one of the package's CSV tables; empty cells of text columns become ``""``."""
    text = files("gclust.datasets").joinpath("data", name).read_text(encoding="utf-8")
    table = pd.read_csv(StringIO(text))
    for column in table.columns:
        if not pd.api.types.is_numeric_dtype(table[column]):
            table[column] = table[column].fillna("")
    return table
