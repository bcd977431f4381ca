"""Published numbers of the Global Innovation Index's (GII) cluster rankings.

All of them were printed by WIPO or reported by the press, and each has its
source; no number is from memory, guessed or from an uncertain translation.
"""

from __future__ import annotations

from importlib.resources import files
from io import StringIO

import pandas as pd

EDITIONS = (2017, 2018, 2020, 2022, 2023, 2024, 2025)

INVENTED = "(invented)"
"""End of every name of an organisation or field that no source gives for a simulated record."""


def published_figures(year: int) -> pd.DataFrame:
    """Return the published numbers of each cluster in one edition; see `gclust.datasets.gii`."""
    return _edition("gii_clusters.csv", year)


def gii_world(year: int) -> pd.DataFrame:
    """Return the published numbers of one edition that are not about a single cluster.

    Parameters
    ----------
    year : int
        The edition, as in :func:`gclust.datasets.gii`.

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

    Examples
    --------
    >>> import gclust
    >>> world = gclust.datasets.gii_world(2025)
    >>> world.loc[world["figure"] == "clusters", "value"].tolist()
    [237.0]
    """
    return _edition("gii_world.csv", year)


def _edition(name: str, year: int) -> pd.DataFrame:
    if year not in EDITIONS:
        known = ", ".join(str(edition) for edition in EDITIONS)
        raise ValueError(f"no published GII figures for {year}; choose an edition of {known}")
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
