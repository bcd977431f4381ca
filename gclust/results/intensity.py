"""The intensity of clusters under several footprints and rasters, and its files in a run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

SPREAD_FILE, DETAIL_FILE = "intensity.csv", "intensity_detail.csv"


@dataclass(frozen=True)
class IntensitySpread:
    """The intensity under each combination of a footprint and a raster.

    Attributes
    ----------
    table : DataFrame
        One row per cluster, best first: the rank by intensity under each combination, the
        least and largest of them; see `gclust.ranking.spread.intensity_spread`.
    detail : DataFrame
        One row per cluster and combination, the study's own combination first: ``rank,
        cluster_id, name, economies, score, combination, footprint, raster, area_km2,
        population, uncovered_share`` (of the footprint, from 0 to 1), ``shared_share`` (of
        the footprint, that belongs to those of other clusters too, where inhabitants count
        for each), ``intensity`` (score per million inhabitants), ``intensity_rank``.
    """

    table: pd.DataFrame
    detail: pd.DataFrame


def read_spread(folder: Path) -> IntensitySpread | None:
    """Read what `gclust.run` wrote of it into a folder, if it did."""
    if not (folder / SPREAD_FILE).is_file():
        return None
    table, detail = (pd.read_csv(folder / name) for name in (SPREAD_FILE, DETAIL_FILE))
    named = detail["combination"].unique()
    for frame in (table, detail):
        for column in frame.columns:
            if column in named or column == "rank" or str(column).endswith("intensity_rank"):
                frame[column] = frame[column].astype("Int64")
    table["intensity_rank_range"] = table["intensity_rank_range"].astype("Int64")
    return IntensitySpread(table, detail)
