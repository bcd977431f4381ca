"""The computation of a study's indicators, and checks of their results."""

from __future__ import annotations

import numpy as np
import pandas as pd

from gclust.errors import StudyError
from gclust.indicators.labelled_listings import LabelledListings
from gclust.pipeline.count import MergedCounts
from gclust.pipeline.run_log import RunLog
from gclust.plurals import counted
from gclust.study.indicators import ResolvedIndicator, resolve_indicators
from gclust.study.schema import Study

COLUMNS = ("name", "economies", "area_km2", "population")


def compute_indicators(
    study: Study,
    clusters: pd.DataFrame,
    counted: MergedCounts,
    listings: LabelledListings,
    run_log: RunLog,
) -> pd.DataFrame | None:
    """Compute all indicators of a study.

    Parameters
    ----------
    study : Study
    clusters : DataFrame
        ``cluster_id, name, economies, area_km2, population``, in the order of
        the rows of ``counted.count``.
    counted : MergedCounts
    listings : LabelledListings
    run_log : RunLog

    Returns
    -------
    DataFrame or None
        Index ``cluster_id``, one column per indicator; None if the study asks for none.

    Raises
    ------
    StudyError
        If an indicator fails, or returns no values of clusters.
    """
    if not study.indicators:
        return None
    seen = seen_clusters(clusters, counted)
    columns = {}
    with run_log.timed("compute indicators"):
        for resolved in resolve_indicators(study.indicators):
            columns[resolved.entry.heading] = compute_indicator(resolved, seen, listings)
    return pd.DataFrame(columns, index=seen.index)


def seen_clusters(clusters: pd.DataFrame, counted: MergedCounts) -> pd.DataFrame:
    """Return the table of clusters that is passed to indicators."""
    seen = pd.DataFrame(clusters)[["cluster_id", *COLUMNS]].set_index("cluster_id")
    for kind in counted.count.columns:
        if f"{kind}_inside" in clusters:
            seen[f"{kind}_inside"] = clusters[f"{kind}_inside"].to_numpy()
        seen[f"{kind}_count"] = counted.count[kind].to_numpy()
        seen[f"{kind}_share"] = counted.share[kind].to_numpy()
    return seen


def compute_indicator(
    resolved: ResolvedIndicator, clusters: pd.DataFrame, listings: LabelledListings
) -> pd.Series:
    """Compute one indicator for all clusters, and check its result.

    Returns
    -------
    Series
        In the order of ``clusters``; numbers, or texts of dtype string.

    Raises
    ------
    StudyError
        If it raises, or does not return one number or text for each cluster.
    """
    indicator = resolved.indicator
    named = f"indicator {indicator.name!r} of {indicator.origin}"
    try:
        # A copy, because an indicator may change its arguments.
        values = indicator.function(clusters.copy(), listings, **resolved.options)
    except Exception as error:
        raise StudyError(f"{named} failed: {type(error).__name__}: {error}") from error
    expected = "expected a pandas Series of one value for each cluster, with their index"
    if not isinstance(values, pd.Series):
        raise StudyError(f"{named} returned a {type(values).__name__}; {expected}")
    if len(values) != len(clusters):
        raise StudyError(
            f"{named} returned {counted(len(values), 'value')} for"
            f" {counted(len(clusters), 'cluster')}; {expected}"
        )
    if values.index.has_duplicates or not values.index.isin(clusters.index).all():
        raise StudyError(
            f"{named} returned values with the index {_first(values.index)} where clusters have"
            f" {_first(clusters.index)}; {expected}"
        )
    return _typed(values.reindex(clusters.index), named)


def _typed(values: pd.Series, named: str) -> pd.Series:
    """Return numbers as they are and texts as strings; refuse all other types."""
    if pd.api.types.is_bool_dtype(values) or pd.api.types.is_complex_dtype(values):
        raise StudyError(
            f"{named} returned values of type {values.dtype}; expected numbers or texts"
        )
    if pd.api.types.is_numeric_dtype(values):
        numbers = values.to_numpy(dtype=np.float64, na_value=np.nan)
        if np.isinf(numbers).any():
            at = values.index[np.isinf(numbers)][0]
            raise StudyError(
                f"{named} returned {numbers[np.isinf(numbers)][0]} for cluster_id {at}; expected"
                " finite numbers or missing values"
            )
        return values
    for at, value in values.items():
        if not (isinstance(value, str) or pd.isna(value)):
            raise StudyError(
                f"{named} returned {value!r} for cluster_id {at}; expected numbers or texts"
            )
    return values.astype("string")


def _first(index: pd.Index) -> str:
    shown = ", ".join(map(repr, index[:3].tolist()))
    return f"[{shown}{', ...' if len(index) > 3 else ''}]"
