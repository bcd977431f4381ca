"""Tables of record counts and shares by cluster and kind, and values per inhabitant."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from gclust.units import UNIT


def counts(units: pd.DataFrame, kinds: Sequence[str], n_clusters: int) -> pd.DataFrame:
    """Return the number of records in each cluster by kind, counted fractionally or whole.

    The table has shape (n_clusters, kinds).
    ``units`` has ``kind`` (code), ``label`` and ``units``, as
    `gclust.listings.counting.count_records` gives them; label -1 is noise. ``kinds`` are the kinds
    by code. 0 where a cluster has none of a kind.
    """
    table = np.zeros((n_clusters, len(kinds)), dtype=np.int64)
    inside = units.loc[units["label"] >= 0]
    table[inside["label"].to_numpy(), inside["kind"].to_numpy()] = inside["units"]
    return pd.DataFrame(table / UNIT, columns=list(kinds))


def shares(count: pd.DataFrame, totals: Mapping[str, float]) -> pd.DataFrame:
    """Return counts in per cent of the world's total of the kind, noise included.

    ``totals`` is a mapping of kind -> the world's total; a kind of total 0 has shares of 0.
    """
    world = pd.Series({kind: float(totals[kind]) for kind in count.columns})
    return (100 * count / world.where(world > 0)).fillna(0.0)


def per_million_inhabitants(values: pd.Series, population: pd.Series) -> pd.Series:
    """Return values per million inhabitants; missing where the population is 0 or unknown."""
    return values / (population.where(population > 0) / 1e6)
