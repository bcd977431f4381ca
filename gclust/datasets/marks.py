"""Agreement of a ranking with published figures."""

from __future__ import annotations

import re

import pandas as pd

from gclust.datasets.gii import gii

# Shares and totals are printed with one decimal; ranks are whole.
TOLERANCE = {"share": 0.1, "total": 0.1, "rank": 0.0}


def place(name: str) -> str:
    """Return a cluster's name without WIPO's state codes, as in ``San Diego, CA``."""
    return re.sub(r", [A-Z]{2}(?=–|$)", "", name)


def compare_with_published(ranking: pd.DataFrame, edition: int) -> pd.DataFrame:
    """Compare a ranking with the published figures that do not depend on the scale.

    Parameters
    ----------
    ranking : DataFrame
        A ranking with the columns of ``ranking.csv``.
    edition : int
        Edition of the GII.

    Returns
    -------
    DataFrame
        One row per published rank, share or total: ``cluster, figure, published,
        found`` (missing where no cluster has the name), ``agrees`` (shares and
        totals within 0.1 points, ranks exactly), ``source``.
    """
    figures = gii(edition)
    figures = figures[figures["figure"].isin(ranking.columns)]
    figures = figures[figures["figure"].str.fullmatch(r"(\w+_)?(rank|share|total)")]
    by_name = ranking.drop_duplicates("name").set_index("name")
    rows = []
    for row in figures.itertuples():
        name = place(row.cluster)
        found = by_name[row.figure].get(name) if name in by_name.index else None
        value = float("nan") if found is None or pd.isna(found) else float(found)
        tolerance = TOLERANCE[row.figure.rsplit("_", 1)[-1]]
        rows.append(
            {
                "cluster": name,
                "figure": row.figure,
                "published": float(row.value),
                "found": value,
                "agrees": abs(value - float(row.value)) <= tolerance + 1e-9,
                "source": row.source,
            }
        )
    return pd.DataFrame(rows)


def published_marks(ranking: pd.DataFrame, edition: int) -> pd.DataFrame:
    """Return a table of bool that marks the ranking's cells that agree with published figures."""
    marks = pd.DataFrame(False, index=ranking.index, columns=ranking.columns)
    compared = compare_with_published(ranking, edition)
    for row in compared[compared["agrees"]].itertuples():
        at = ranking.index[ranking["name"] == row.cluster][:1]
        marks.loc[at, row.figure] = True
    return marks
