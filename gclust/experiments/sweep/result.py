"""Result of a parameter sweep."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from gclust.experiments.grid import Pair
from gclust.experiments.sweep.plateaus import Suggestion, without_small
from gclust.report.notebook import sweep_html, sweep_text
from gclust.spelling import did_you_mean
from gclust.study.schema import Study

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True, repr=False)
class Sweep:
    """Results of a study for each pair of eps_km and min_samples.

    The columns of a table are those of its file. What they mean, with unit and formula, is in
    ``datapackage.json`` of the folder, and in the reference.

    Attributes
    ----------
    study : Study
    baseline : (eps_km, min_samples)
        The pair with which all others are compared.
    table : DataFrame
        One row per pair: ``sweep.csv`` of ``gclust sweep``.
    clusters : DataFrame
        The clusters of the baseline: ``clusters.csv`` of ``gclust sweep``.
    ranks : DataFrame
        One row per cluster and pair: ``ranks.parquet`` of ``gclust sweep``.
    plateaus : DataFrame
        Regions of pairs whose clusters hardly differ: ``plateaus.csv`` of ``gclust sweep``.
    suggestions : tuple of Suggestion
        Suggested parameters, each with its reason, the first choice first.
    k_distance : DataFrame
        For each min_samples: ``k_distance.parquet`` of ``gclust sweep``.
    warnings : tuple of str
        Warnings about the data.
    path : Path, optional
        The sweep's folder, if it was written.

    Examples
    --------
    >>> import gclust
    >>> study = gclust.datasets.example_study()
    >>> sweep = gclust.sweep(study, eps_km=[4, 5], min_samples=[100])
    >>> sweep.table[["eps_km", "min_samples", "n_clusters"]]
       eps_km  min_samples  n_clusters
    0     4.0        100.0           3
    1     5.0        100.0           3
    """

    study: Study
    baseline: Pair
    table: pd.DataFrame
    clusters: pd.DataFrame
    ranks: pd.DataFrame
    plateaus: pd.DataFrame
    suggestions: tuple[Suggestion, ...]
    k_distance: pd.DataFrame
    warnings: tuple[str, ...] = ()
    path: Path | None = None

    @property
    def table_drawn(self) -> pd.DataFrame:
        """`table` with the names of those plateaus alone that are large enough to be suggested."""
        return without_small(self.table, self.plateaus)

    def plot(self, quantity: str = "n_clusters", ax: Axes | None = None, **options: Any) -> Axes:
        """Draw a quantity at every pair of parameters.

        Parameters
        ----------
        quantity : str
            ``n_clusters``, ``clustered_share``, ``largest_share``, ``ari``, ``ami``, ``jaccard``
            or ``tau_b``; see `Sweep`.
        ax : matplotlib Axes, optional
            A new figure is made without it.
        **options
            ``legend`` (bool) and ``width`` (of a new figure), as of `gclust.plot.heat_map`.

        Returns
        -------
        matplotlib Axes

        Raises
        ------
        ValueError
            If there is no such quantity.
        """
        from gclust import plot

        return plot.heat_map(self, quantity, ax, **options)

    def __repr__(self) -> str:
        return sweep_text(self)

    def _repr_html_(self) -> str:
        return sweep_html(self)

    def rank_of(self, name: str | int) -> pd.DataFrame:
        """Return the rank of a cluster of the baseline at every pair of parameters.

        Parameters
        ----------
        name : str or int
            The cluster's name or its ``cluster_id`` in the baseline.

        Returns
        -------
        DataFrame of Int64
            Rows ``eps_km``, columns ``min_samples``; missing where no cluster matches, because
            the cluster has vanished or is the smaller part of a larger one.

        Raises
        ------
        ValueError
            If the baseline has no such cluster, or several of that name.
        """
        return self._surface(name, "rank").astype("Int64")

    def score_of(self, name: str | int) -> pd.DataFrame:
        """Return the score of a baseline cluster at every pair of parameters; see `rank_of`."""
        return self._surface(name, "score")

    def _surface(self, name: str | int, column: str) -> pd.DataFrame:
        mine = self.ranks[self.ranks["baseline_id"] == self._find(name)]
        return mine.pivot_table(
            index="eps_km", columns="min_samples", values=column, aggfunc="first"
        ).reindex(
            index=pd.Index(self.table["eps_km"].unique(), name="eps_km"),
            columns=pd.Index(self.table["min_samples"].unique(), name="min_samples"),
        )

    def _find(self, name: str | int) -> int:
        key = "name" if isinstance(name, str) else "cluster_id"
        found = self.clusters.loc[self.clusters[key] == name, "cluster_id"].tolist()
        if len(found) == 1:
            return int(found[0])
        if found:
            listed = ", ".join(map(str, found))
            raise ValueError(
                f"{len(found)} clusters of the baseline are named {name!r}; give a cluster_id:"
                f" {listed}"
            )
        hint = did_you_mean(name, self.clusters["name"])
        raise ValueError(f"no cluster of the baseline has the {key} {name!r}{hint}")
