"""The folder of a run: written as a whole or not at all, and read back."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd
import pyogrio

from gclust.escapes import cell, escaped
from gclust.progress import Report, silent, stage
from gclust.report.intensity import draw_intensity
from gclust.report.map import draw_map
from gclust.results.folders import Place
from gclust.results.intensity import DETAIL_FILE, SPREAD_FILE, IntensitySpread, read_spread
from gclust.results.readback import read_info, reading, with_columns
from gclust.study.schema import Study, read_study
from gclust.study.write_toml import study_toml

FIXED_DATE = "2000-01-01T00:00:00.000Z"
CSV_NUMBERS = "%.12g"
OF_CLUSTERS = ("rank", "cluster_id", "name", "economies", "total", "score", "geometry")
OF_LOCATIONS = ("lat", "lon", "weight", "density", "cluster_id", "core")
"""Columns that are read back of every run."""
OPTIONAL_TABLES = ("members", "member_ties", "centroid_geocodes")
NOISE_WEIGHT = 5.0
"""Least weight of a noise location on the map, where clusters weigh at least 4,500: the
GII's maps draw noise locations with at least five records."""


@dataclass(frozen=True)
class Run:
    """One execution of a study.

    Attributes
    ----------
    study : Study
    ranking : DataFrame
        One row per cluster, best first; see `gclust.ranking.table.ranking`.
    clusters : GeoDataFrame
        The ranking with the footprints (EPSG:4326).
    locations : DataFrame
        ``lat, lon`` (degrees), ``weight`` (of all listings), ``density``
        (weight that counts for the density), ``cluster_id`` (-1 for noise),
        ``core`` (what footprints are drawn about: DBSCAN's core locations, else
        all that form a cluster) and, if the study has a ``[centroid_geocodes] precision``,
        ``city_share`` (part of the weight that is known to the city only, from 0 to 1).
    contributions : DataFrame
        What each column contributes to the scores; see
        `gclust.ranking.table.contribution_table`.
    merges : DataFrame
        One row per join of clusters.
    rejects : DataFrame
        One row per rejected row of input.
    info : dict
        What ``run.json`` tells.
    path : Path, optional
        The run's folder, if it was written.
    intensity : IntensitySpread, optional
        The intensity under the footprints and rasters of ``[intensity]``.
    members : DataFrame, optional
        What each city brings to its cluster, if ``[members] on = true``; see
        `gclust.indicators.members.member_counts`.
    member_ties : DataFrame, optional
        Ties between the cities of a cluster; see `gclust.indicators.members.member_ties`.
    centroid geocodes : DataFrame, optional
        Locations of city-level addresses, if ``[centroid_geocodes] on = true``; see `gclust.centroid_geocodes`.
    """

    study: Study
    ranking: pd.DataFrame
    clusters: gpd.GeoDataFrame
    contributions: pd.DataFrame
    locations: pd.DataFrame
    merges: pd.DataFrame
    rejects: pd.DataFrame
    info: dict[str, Any]
    path: Path | None = None
    intensity: IntensitySpread | None = None
    members: pd.DataFrame | None = None
    member_ties: pd.DataFrame | None = None
    centroid_geocodes: pd.DataFrame | None = None


def write(run: Run, place: Place, progress: Report = silent) -> Run:
    """Write a run's folder: beside its place first, then moved there in one step.

    Raises
    ------
    FileExistsError, StudyError
        See `gclust.results.folders.Place`.

    Returns
    -------
    Run
        The same run, knowing its path.
    """

    def fill(folder: Path) -> None:
        with stage(progress, "write tables"):
            _write_tables(run, folder, place.path)
        with stage(progress, "draw the map"):
            _draw(run, folder / "figures")
        if run.intensity is not None:
            with stage(progress, "draw the intensity"):
                title = run.study.study.title or run.study.study.name
                draw_intensity(run.intensity.detail, folder / "figures", title=title)

    return replace(run, path=place.write(fill))


def _write_tables(run: Run, folder: Path, home: Path) -> None:
    write_csv(run.ranking, folder / "ranking.csv")
    write_csv(run.contributions, folder / "contributions.csv")
    write_csv(run.merges, folder / "merges.csv")
    if run.intensity is not None:
        # All digits, for a run is read back from them.
        write_csv(run.intensity.table, folder / SPREAD_FILE, numbers=None)
        write_csv(run.intensity.detail, folder / DETAIL_FILE, numbers=None)
    for name in OPTIONAL_TABLES:
        if (table := getattr(run, name)) is not None:
            write_csv(table, folder / f"{name}.csv", numbers=None)
    run.locations.to_parquet(folder / "locations.parquet", index=False, compression="zstd")
    run.rejects.to_parquet(folder / "rejects.parquet", index=False, compression="zstd")
    run.clusters.to_parquet(folder / "clusters.parquet", index=False, compression="zstd")
    _geopackage(run.clusters, folder / "clusters.gpkg")
    (folder / "study.toml").write_text(study_toml(run.study, home), encoding="utf-8")
    text = json.dumps(run.info, indent=2, ensure_ascii=False, sort_keys=True)
    (folder / "run.json").write_text(escaped(text) + "\n", encoding="utf-8")


def _draw(run: Run, figures: Path) -> None:
    figures.mkdir()
    draw_map(
        run.clusters,
        run.locations.rename(columns={"cluster_id": "label"}),
        [figures / "map.png", figures / "map.pdf"],
        title=run.study.study.title or run.study.study.name,
        top=run.study.study.top,
        note=run.study.study.note,
        noise_weight=min(1.0, run.study.clusters.least_weight / 4500) * NOISE_WEIGHT,
    )


def write_csv(table: pd.DataFrame, path: Path, *, numbers: str | None = CSV_NUMBERS) -> None:
    """Write a CSV file in which no text is a formula, breaks a line or acts on a terminal.

    Parameters
    ----------
    table : DataFrame
    path : Path
    numbers : str, optional
        How floats are written; None for all digits, so that they are the same when read.
    """
    safe = table.copy()
    for column in safe.columns:
        if not pd.api.types.is_numeric_dtype(safe[column]):
            safe[column] = [_harmless(value) for value in safe[column]]
    safe.columns = [_harmless(column) for column in safe.columns]
    safe.to_csv(path, index=False, encoding="utf-8", float_format=numbers, lineterminator="\n")


def _harmless(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    text = cell(value)
    return "'" + text if text[:1] in ("=", "+", "-", "@") else text


def _geopackage(clusters: gpd.GeoDataFrame, path: Path) -> None:
    """Write the clusters as a GeoPackage with a fixed date inside."""
    before = pyogrio.get_gdal_config_option("OGR_CURRENT_DATE")
    pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": FIXED_DATE})
    try:
        clusters.to_file(
            path, driver="GPKG", layer="clusters", engine="pyogrio", promote_to_multi=True
        )
    finally:
        pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": before})


def read_run(path: str | Path) -> Run:
    """Read a run's folder back.

    Nothing is computed: columns of indicators are read as the run stored them, so the
    plug-ins that they came from need not be installed any more. Only to run the study again,
    or to vary it where its indicators are computed, they must be.

    Raises
    ------
    StudyError
        If the folder does not hold a run, or a file of it is missing or broken.
    """
    folder = Path(path)
    info = read_info(folder, "run")
    info.pop("files", None)

    def read(name: str, how: Callable[[Path], Any]) -> Any:
        with reading(folder / name, "run"):
            return how(folder / name)

    texts = {"runner_up_a": str, "runner_up_b": str}
    clusters = read(
        "clusters.parquet", lambda path: with_columns(gpd.read_parquet(path), OF_CLUSTERS)
    )
    return Run(
        study=read_study(folder / "study.toml"),
        ranking=pd.DataFrame(clusters.drop(columns="geometry")),
        clusters=clusters,
        contributions=read("contributions.csv", pd.read_csv),
        locations=read(
            "locations.parquet", lambda path: with_columns(pd.read_parquet(path), OF_LOCATIONS)
        ),
        merges=read("merges.csv", lambda path: pd.read_csv(path, dtype=texts)),
        rejects=read("rejects.parquet", pd.read_parquet),
        info=info,
        path=folder.resolve(),
        intensity=read(DETAIL_FILE, lambda _: read_spread(folder)),
        **{name: read(f"{name}.csv", _optional_table) for name in OPTIONAL_TABLES},
    )


def _optional_table(path: Path) -> pd.DataFrame | None:
    """Read a table of members or centroid geocodes, if the run has it; NA is Namibia, not missing."""
    if not path.is_file():
        return None
    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    texts = ("name", "city", "country", "city_a", "city_b", "cluster")
    flags = [column for column in table.columns if column.startswith("only_by_")]
    table[flags] = table[flags] == "True"
    numbers = [column for column in table.columns if column not in (*texts, *flags)]
    table[numbers] = table[numbers].apply(pd.to_numeric)
    return table
