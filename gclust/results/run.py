"""The result of a run, and functions that write and read its folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from gclust.parallel import meanwhile
from gclust.progress import Report, silent, stage
from gclust.report.notebook import run_html, run_text
from gclust.results.folders import Place
from gclust.results.intensity import DETAIL, SPREAD, IntensitySpread, read_spread
from gclust.results.reader import ResultReader
from gclust.results.writer import ResultWriter, write_result
from gclust.study.schema import Study

if TYPE_CHECKING:
    import geopandas as gpd
    from matplotlib.axes import Axes

    from gclust.report.map import MapOptions


FIXED_DATE = "2000-01-01T00:00:00.000Z"
OF_CLUSTERS = ("rank", "cluster_id", "name", "economies", "total", "score", "geometry")
OF_LOCATIONS = ("lat", "lon", "weight", "density", "cluster_id", "core")
"""Columns that the files of every run must have."""
OPTIONAL_TABLES = ("members", "member_ties", "centroid_geocodes")


@dataclass(frozen=True, repr=False)
class Run:
    """The result of one execution of a study.

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
        ``core`` (locations that footprints are drawn from: DBSCAN's core
        locations, else all that form a cluster) and, with ``[centroid_geocodes]
        precision``, ``city_share`` (part of the weight that is known to the city
        only, from 0 to 1).
    contributions : DataFrame
        The contribution of each column to the scores; see
        `gclust.ranking.table.contribution_table`.
    merges : DataFrame
        One row per join of clusters.
    rejects : DataFrame
        One row per rejected row of input.
    info : dict
        The content of ``run.json``.
    path : Path, optional
        The run's folder, if it was written.
    intensity : IntensitySpread, optional
        The intensity under the footprints and rasters of ``[intensity]``.
    members : DataFrame, optional
        The share of each city in its cluster, if ``[members] on = true``; see
        `gclust.indicators.members.member_counts`.
    member_ties : DataFrame, optional
        Ties between the cities of a cluster; see `gclust.indicators.members.member_ties`.
    centroid_geocodes : DataFrame, optional
        Locations of city-level addresses, if ``[centroid_geocodes] on = true``; see
        `gclust.centroid_geocodes`.
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

    def plot(self, ax: Axes | None = None, **options: Any) -> Axes:
        """Draw the map; options are those of `gclust.plot.map`."""
        from gclust import plot

        return plot.map(self, ax, **options)

    def explore(self, **options: Any) -> Any:
        """Show the footprints on a map that can be moved, in a notebook.

        It is `geopandas.GeoDataFrame.explore`, whose options may be given; it needs ``folium``
        and ``mapclassify``, and its background comes from the network.

        Returns
        -------
        folium.Map

        Raises
        ------
        ImportError
            If folium or mapclassify is not installed.
        """
        from gclust.report.explore import explore

        return explore(self.clusters, **options)

    def map_options(self, **options: Any) -> MapOptions:
        """Return the options of this run's map; those that are given replace them."""
        from gclust.report.map import NOISE_WEIGHT, MapOptions

        study = self.study
        least = min(1.0, study.clusters.least_weight / 4500) * NOISE_WEIGHT
        own: dict[str, Any] = {
            "title": study.heading,
            "top": study.study.top,
            "note": study.study.note,
        }
        return MapOptions(**own | {"noise_weight": least} | options)

    def __repr__(self) -> str:
        return run_text(self)

    def _repr_html_(self) -> str:
        return run_html(self)


def write_run(run: Run, place: Place, progress: Report = silent) -> Run:
    """Write a run's folder; see `gclust.results.writer.write_result`."""

    def fill(folder: ResultWriter) -> None:
        folder.figures.mkdir()
        with meanwhile(lambda: _draw(run, folder.figures)) as wait:
            with stage(progress, "write tables"):
                _write_tables(run, folder)
            with stage(progress, "draw the map"):
                wait()
        if run.intensity is not None:
            with stage(progress, "draw the intensity"):
                from gclust.report.intensity import draw_intensity

                title = run.study.heading
                draw_intensity(run.intensity.detail, folder.figures, title=title)

    return write_result(run, place, fill)


def _write_tables(run: Run, folder: ResultWriter) -> None:
    for name in ("ranking", "contributions", "merges"):
        folder.csv(name, getattr(run, name))
    exact = {name: getattr(run, name) for name in OPTIONAL_TABLES}
    if run.intensity is not None:
        exact |= {SPREAD: run.intensity.table, DETAIL: run.intensity.detail}
    for name, table in exact.items():
        if table is not None:
            folder.csv(name, table, numbers=None)  # all digits: a run is read from these
    for name in ("locations", "rejects", "clusters"):
        folder.parquet(name, getattr(run, name))
    _geopackage(run.clusters, folder.folder / "clusters.gpkg")
    folder.study(run.study)
    folder.json("run", run.info)


def _draw(run: Run, figures: Path) -> None:
    from gclust.report.map import draw_map

    draw_map(
        run.clusters,
        run.locations.rename(columns={"cluster_id": "label"}),
        [figures / "map.png", figures / "map.pdf"],
        run.map_options(),
    )


def _geopackage(clusters: gpd.GeoDataFrame, path: Path) -> None:
    """Write the clusters as a GeoPackage with a fixed date inside."""
    import pyogrio

    before = pyogrio.get_gdal_config_option("OGR_CURRENT_DATE")
    pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": FIXED_DATE})
    try:
        clusters.to_file(
            path, driver="GPKG", layer="clusters", engine="pyogrio", promote_to_multi=True
        )
    finally:
        pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": before})


def read_run(path: str | Path) -> Run:
    """Read a run from its folder.

    Nothing is computed: columns of indicators are read as the run stored them, so their
    plug-ins need not be installed. They are only needed to run the study again, or to vary it
    where its indicators are computed.

    Raises
    ------
    StudyError
        If the folder does not hold a run, or a file of it is missing or broken.
    """
    from geopandas import read_parquet

    folder = ResultReader(path, "run")
    clusters = folder.table("clusters.parquet", OF_CLUSTERS, read_parquet)
    runner_up = {"runner_up_a": str, "runner_up_b": str}
    return Run(
        study=folder.study(),
        ranking=pd.DataFrame(clusters.drop(columns="geometry")),
        clusters=clusters,
        contributions=folder.table("contributions.csv", read=pd.read_csv),
        locations=folder.table("locations.parquet", OF_LOCATIONS),
        merges=folder.table("merges.csv", read=lambda path: pd.read_csv(path, dtype=runner_up)),
        rejects=folder.table("rejects.parquet"),
        info=folder.info,
        path=folder.path,
        intensity=read_spread(folder),
        **{
            name: folder.table(f"{name}.csv", read=_optional_table)
            for name in OPTIONAL_TABLES
            if f"{name}.csv" in folder.files
        },
    )


def _optional_table(path: Path) -> pd.DataFrame:
    """Read a table of members or centroid geocodes if it exists; NA is Namibia, not missing."""
    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    texts = ("name", "city", "country", "city_a", "city_b", "cluster")
    flags = [column for column in table.columns if column.startswith("only_by_")]
    table[flags] = table[flags] == "True"
    numbers = [column for column in table.columns if column not in (*texts, *flags)]
    table[numbers] = table[numbers].apply(pd.to_numeric)
    return table
