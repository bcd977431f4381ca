"""Comparison of a ranking with the published numbers of the GII."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd

from gclust.datasets.gii import gii

_FIRST = 100
"""Clusters among which the GII ranks intensity and counts per head."""
_OF_SIZE = r"\w+_(count|per_million)"
"""Figures that a world at a smaller scale has in proportion to its scale."""


def place(name: str) -> str:
    """Return a cluster's name without WIPO's state codes: ``San Diego`` for ``San Diego, CA``."""
    return re.sub(r", [A-Z]{2}(?=–|$)", "", name)


def compare_with_published(
    ranking: pd.DataFrame, edition: int, *, scale: float = 1.0
) -> pd.DataFrame:
    """Compare the numbers in a ranking with the numbers published in one edition of the GII.

    Parameters
    ----------
    ranking : DataFrame
        A ranking with the columns of ``ranking.csv``.
    edition : int
        Edition of the GII.
    scale : float
        Size of the ranked world relative to the real one.

    Returns
    -------
    DataFrame
        One row per published rank, share, total, count, count per million inhabitants or
        presence among the first hundred: ``cluster, figure, published, found`` (NaN where no
        cluster has the name), ``tolerance, agrees, source``. ``found`` is at the real size:
        counts are divided by ``scale``. ``tolerance`` is half a unit of the last digit that is
        published, or half a record of the world where that is more (below scale 1, for
        counts); 0 for ranks, which are whole.
    """
    table = _at_real_size(ranking, scale)
    figures = gii(edition)
    figures = figures[figures["figure"].isin(table.columns)]
    by_name = table.drop_duplicates("name").set_index("name")
    rows = []
    for row in figures.itertuples():
        name = place(row.cluster)
        found = by_name[row.figure].get(name)
        value = float("nan") if found is None or pd.isna(found) else float(found)
        tolerance = _tolerance(row.figure, row.unit)
        if scale < 1.0 and re.fullmatch(_OF_SIZE, row.figure):
            people = by_name["population"].get(name, np.nan)
            per = people / 1e6 if row.figure.endswith("_per_million") else 1.0
            tolerance = max(tolerance, 0.5 / scale / per)
        rows.append(
            {
                "cluster": name,
                "figure": row.figure,
                "published": float(row.value),
                "found": value,
                "tolerance": tolerance,
                "agrees": abs(value - float(row.value)) <= tolerance + 1e-9,
                "source": row.source,
            }
        )
    return pd.DataFrame(rows)


def published_marks(ranking: pd.DataFrame, edition: int, *, scale: float = 1.0) -> pd.DataFrame:
    """Return a table of bool: True for the ranking's cells that agree with published numbers.

    Counts are marked at the real size only, ``scale=1.0``.
    """
    marks = pd.DataFrame(False, index=ranking.index, columns=ranking.columns)
    compared = compare_with_published(ranking, edition, scale=scale)
    compared = compared[compared["agrees"] & compared["figure"].isin(ranking.columns)]
    if scale != 1.0:
        compared = compared[~compared["figure"].str.fullmatch(_OF_SIZE)]
    for row in compared.itertuples():
        at = ranking.index[ranking["name"] == row.cluster][:1]
        marks.loc[at, row.figure] = True
    return marks


def _tolerance(figure: str, unit: float) -> float:
    """Return half a unit of the last digit of a figure that is published; 0 of whole ones."""
    return 0.0 if re.fullmatch(r"(\w+_)?rank|in_first_100", figure) else 0.5 * unit


def _at_real_size(ranking: pd.DataFrame, scale: float) -> pd.DataFrame:
    """Return a ranking's figures at the real size, with ranks per head among the first 100."""
    figure = r"(\w+_)?(rank|share|total|population)"
    out = ranking[["name", *(each for each in ranking.columns if re.fullmatch(figure, each))]]
    first = ranking["rank"] <= _FIRST
    out = out.assign(in_first_100=first.astype(float))
    for name in ranking.columns:
        if re.fullmatch(_OF_SIZE, name):
            out[name] = ranking[name] / scale
        if name.endswith("_per_million"):
            among = ranking[name].where(first)
            out[f"{name}_rank"] = among.rank(ascending=False, method="min")
    return out
