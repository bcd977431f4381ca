"""The intensity of clusters under several footprints and rasters, and its files."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from gclust.results.reader import ResultReader

SPREAD, DETAIL = "intensity", "intensity_detail"
"""Names of the files in a run's folder."""


@dataclass(frozen=True)
class IntensitySpread:
    """The intensity of clusters under each combination of a footprint and a raster.

    Attributes
    ----------
    table : DataFrame
        One row per cluster, best first: the rank by intensity under each combination, the
        least and largest of them; see `gclust.ranking.spread.intensity_spread`.
    detail : DataFrame
        One row per cluster and combination, the study's own combination first: ``rank,
        cluster_id, name, economies, score, combination, footprint, raster, area_km2,
        population, uncovered_share`` (of the footprint, from 0 to 1), ``intensity`` (as in the
        ranking), ``intensity_rank``.
    """

    table: pd.DataFrame
    detail: pd.DataFrame


def read_spread(folder: ResultReader) -> IntensitySpread | None:
    """Read a run's intensity under several footprints and rasters; None if it has none."""
    if f"{SPREAD}.csv" not in folder.files:
        return None
    table = folder.table(f"{SPREAD}.csv", ("intensity_rank_range",), pd.read_csv)
    detail = folder.table(f"{DETAIL}.csv", ("combination",), pd.read_csv)
    named = detail["combination"].unique()
    for name, frame in ((SPREAD, table), (DETAIL, detail)):
        with folder.reading(f"{name}.csv"):
            for column in frame.columns:
                of_ranks = ("intensity_rank", "intensity_rank_range")
                if column in named or column == "rank" or str(column).endswith(of_ranks):
                    frame[column] = frame[column].astype("Int64")
    return IntensitySpread(table, detail)
