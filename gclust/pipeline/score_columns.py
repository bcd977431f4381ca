"""The columns that a study's score needs, computed for any clustering of its listings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gclust.errors import StudyError, Warn, ignore_warning, warn_user
from gclust.indicators.counts import per_million_inhabitants
from gclust.indicators.labelled_listings import LabelledListings
from gclust.indicators.protocol import OF_CLUSTERS
from gclust.pipeline.describe import inhabitants, names_of, outline
from gclust.pipeline.indicators import compute_indicator
from gclust.pipeline.intensity import check_rasters
from gclust.pipeline.rasters import warnings_of
from gclust.places.geodesic import area_km2
from gclust.progress import Report, silent
from gclust.ranking.columns import column_weights, kind_columns, scored
from gclust.ranking.score import score
from gclust.study.indicators import resolve_indicators
from gclust.study.schema import Study

if TYPE_CHECKING:
    import geopandas as gpd


OUTLINED = frozenset({"area_km2", "population"})


class ScoreColumns:
    """A calculator of the columns that a study's score uses, for any clusters.

    Sweeps, comparisons and bootstrap draws repeat this many times, so only the attributes of
    clusters that these columns need are computed.

    Parameters
    ----------
    study : Study

    Attributes
    ----------
    columns : tuple of str
    further : tuple of str
        The columns that are neither shares nor counts of kinds.
    headings : tuple of str
        The columns that are indicators.
    looks_at : frozenset of str
        The attributes among ``name, economies, area_km2, population`` that the columns need.
    """

    def __init__(self, study: Study) -> None:
        self._study = study
        self.columns = scored(study.kinds, study.score.of)
        self._asked = [
            a for a in resolve_indicators(study.indicators) if a.entry.heading in self.columns
        ]
        self._kind_of = kind_columns(study.kinds)
        per_head = [column for column in self.columns if column.endswith("_per_million")]
        self._per_head = [column for column in per_head if column in self._kind_of]
        self.headings = tuple(resolved.entry.heading for resolved in self._asked)
        self.further = (*self._per_head, *self.headings)
        looks_at = {
            column for resolved in self._asked for column in resolved.indicator.about.looks_at
        }
        self.looks_at = frozenset(looks_at | ({"population"} if self._per_head else set()))
        if self.looks_at & OUTLINED and study.footprint.of == "cores":
            raise StudyError(
                "[footprint] of = 'cores': the score has columns per inhabitant or area, which then"
                " count only the records inside footprints; sweep, compare, uncertainty and tune"
                " cannot count them; expected of = 'members', or a score without such columns"
            )

    def check(self, warn: Warn = warn_user) -> None:
        """Raise StudyError if a raster that the columns need cannot be used."""
        if "population" in self.looks_at:
            for message in warnings_of(check_rasters(self._study)):
                warn(message)

    @property
    def weights(self) -> dict[str, float]:
        """Return the weight of each column in the score."""
        return column_weights(self.columns, self._study.score.weights, self._study.kinds)

    def describe(
        self,
        locations: pd.DataFrame,
        clusters: NDArray[np.int64],
        core: NDArray[np.bool_],
        n_clusters: int,
        *,
        contours: gpd.GeoSeries | None = None,
        report: Report = silent,
    ) -> pd.DataFrame:
        """Compute the names, areas and populations of clusters, if the score's columns need them.

        Parameters
        ----------
        locations : DataFrame
            Of `gclust.pipeline.prepare.Prepared`.
        clusters : ndarray of int64, shape (n,)
            After merging; -1 for noise.
        core : ndarray of bool, shape (n,)
        n_clusters : int
        contours : GeoSeries, optional
            Contours of the clusters, if the method draws contours.
        report : callable
            Called with ``(fraction, stage)``.

        Returns
        -------
        DataFrame
            Index ``cluster_id``, columns those of `looks_at`, as a run has them.
        """
        study = self._study
        table = pd.DataFrame(index=pd.RangeIndex(n_clusters, name="cluster_id"))
        if not self.looks_at or not n_clusters:
            return table.reindex(columns=[name for name in OF_CLUSTERS if name in self.looks_at])
        at = locations.assign(label=clusters, core=core)
        if not self.looks_at <= OUTLINED:
            named = names_of(study, at, at["label"], n_clusters)
            for column in ("name", "economies"):
                table[column] = named[column].to_numpy()
        if self.looks_at & OUTLINED:
            outlines = outline(study, at, n_clusters, report, contours)
            table["area_km2"] = area_km2(outlines)
            if "population" in self.looks_at:
                # A run of the study gives these warnings once; here they would be repeated.
                people = inhabitants(
                    study, outlines, report, warn=ignore_warning, warn_of_coarse=False
                )
                table["population"] = people["population"].to_numpy()
        return table[[name for name in OF_CLUSTERS if name in self.looks_at]]

    def values(
        self,
        count: pd.DataFrame,
        share: pd.DataFrame,
        described: pd.DataFrame,
        listings: LabelledListings,
    ) -> pd.DataFrame:
        """Compute the columns of the score for each cluster.

        Parameters
        ----------
        count, share : DataFrame, shape (clusters, kinds)
            Records, and per cent of the world's; in the order of the rows of ``described``.
        described : DataFrame
            From `describe`.
        listings : LabelledListings

        Returns
        -------
        DataFrame, shape (clusters, columns)

        Raises
        ------
        StudyError
            If an indicator fails.
        """
        if not len(count):
            return pd.DataFrame({column: np.zeros(0) for column in self.columns})
        seen = described.copy()
        for kind in self._study.kinds:
            seen[f"{kind}_count"] = count[kind].to_numpy()
            seen[f"{kind}_share"] = share[kind].to_numpy()
        found = {column: seen[column] for column in self.columns if column in seen}
        for column in self._per_head:
            kind = self._kind_of[column]
            found[column] = per_million_inhabitants(seen[f"{kind}_count"], seen["population"])
        for resolved in self._asked:
            found[resolved.entry.heading] = compute_indicator(resolved, seen, listings)
        return pd.DataFrame({column: found[column] for column in self.columns}, index=seen.index)

    def score(self, values: pd.DataFrame, weights: Mapping[str, float] | None = None) -> pd.Series:
        """Score clusters by the study's rule, with the study's weights of columns or with others.

        Raises
        ------
        StudyError
            If a column cannot be combined with these weights.
        """
        options = self._study.score
        try:
            return score(
                values,
                combine=options.combine,
                weights=self.weights if weights is None else weights,
                lower_is_better=options.lower_is_better,
            )
        except ValueError as error:
            raise StudyError(f"[score] {error}") from error
