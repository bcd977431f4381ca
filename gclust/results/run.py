"""The result of a run, and functions that write and read its folder."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa

from gclust.errors import StudyError
from gclust.parallel import end_if_left, meanwhile
from gclust.peak_memory import stage_memory
from gclust.progress import Report, silent, stage
from gclust.report.map_inputs import NOISE_WEIGHT, fewer_locations, least_noise_weight
from gclust.report.map_process import MapProcess, running_map_process
from gclust.report.notebook import run_html, run_text
from gclust.results.crosswalks import AREAS, read_tables
from gclust.results.datapackage import write_data_package
from gclust.results.folders import Place
from gclust.results.geopackage import write_geopackage
from gclust.results.intensity import DETAIL, SPREAD, IntensitySpread, read_spread
from gclust.results.memberships import NAME, as_frame, read_memberships
from gclust.results.reader import ResultReader
from gclust.results.record import write_record
from gclust.results.short_names import short_names
from gclust.results.stata import write_stata
from gclust.results.writer import ResultWriter, write_result
from gclust.study.schema import Study

if TYPE_CHECKING:
    import geopandas as gpd
    from matplotlib.axes import Axes

    from gclust.report.map import MapOptions


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
    tables : mapping
        Name -> table of ``[outputs]`` and ``[places]``; see `panel` and the other methods.

    Examples
    --------
    >>> import gclust
    >>> run = gclust.run(gclust.datasets.example_study())
    >>> run.ranking[["rank", "name", "economies"]]
       rank      name economies
    0     1  Grenoble        FR
    1     2      Lyon        FR
    2     3    Geneva        CH
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
    tables: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    listed: pa.Table | None = field(default=None, repr=False)

    def memberships(self) -> pd.DataFrame:
        """Return the cluster of every listing, if ``[outputs] memberships`` is set.

        Returns
        -------
        DataFrame
            One row for each listing inside the years that weighs more than 0, by source, file and
            row: ``source`` (from 1, as in ``[[sources]]``), ``file``, ``row`` (from 1, without the
            header and rows of a wrong number of fields; missing for Spark DataFrames), ``kind,
            record, cluster_id`` (-1: in no cluster), ``fraction`` (of a record, which the listing
            adds to the count of its cluster), ``units`` (the same in fixed point), ``located``
            (False: its place cannot be used), ``location`` (row of `locations`, from 0; missing
            without a place) and ``weight`` (of the listing). Units of a cluster's listings of one
            kind add up to its count exactly.

        Raises
        ------
        StudyError
            If the run has none.
        """
        if self.listed is not None:
            return as_frame(self.listed)
        if self.path is not None and (wanted := self.study.outputs.membership_format):
            return read_memberships(self.path / f"{NAME}.{wanted}")
        raise self._without(NAME)

    def panel(self) -> pd.DataFrame:
        """Return the counts by cluster, year and kind, if ``[outputs] panel = true``.

        Returns
        -------
        DataFrame
            ``cluster_id, name, year`` (missing: unknown), ``kind, count`` (records), ``share``
            (per cent of the world's of that year and kind; missing where the study gives the
            kind's total), ``rank`` (by count, of a year and kind), ``world_count`` (of the
            sources), ``units`` (the count in fixed point), ``boundary_kinds`` and
            ``boundary_years`` (of the listings that formed the clusters, which are the same in all
            years). Clusters without records of a year have a row too.
        """
        return self._table("panel")

    def fields(self) -> pd.DataFrame:
        """Return the counts by cluster, kind and field, if ``[outputs] fields = true``.

        Returns
        -------
        DataFrame
            ``cluster_id, name, kind, field`` (missing: unknown), ``count`` (records), ``share``
            (per cent of the cluster's of that kind), ``world_count`` (of the field and kind in the
            world) and ``units`` (the count in fixed point).
        """
        return self._table("fields")

    def organisations(self) -> pd.DataFrame:
        """Return the counts by cluster, kind and organisation; see `fields` for the columns."""
        return self._table("organisations")

    def ties(self) -> pd.DataFrame:
        """Return the ties (records in common) of clusters, if ``[outputs] ties = true``.

        Returns
        -------
        DataFrame
            One row for each pair that has ties, a cluster with itself too: ``cluster_a, cluster_b``
            (-1 all noise, -2 listings without a place, where these count), ``name_a, name_b,
            records`` (with a tie), ``fractional`` (each record spreads one over its pairs of
            listings), ``pairs`` (of listings), ``expected`` (the fractional ties that clusters
            would have if partners were found at random in proportion to all their ties) and
            ``units`` (the fractional ties in fixed point).
        """
        return self._table("ties")

    def given_areas(self) -> gpd.GeoDataFrame:
        """Return the ranking of the areas of ``[places] given``, with their polygons.

        Returns
        -------
        GeoDataFrame
            As `ranking`, with ``area_id`` (from 0, by name) in place of ``cluster_id``, and
            ``area_code`` if ``[places] code`` names a column. Areas are counted, scored and ranked
            as clusters are, by the listings inside their polygons.
        """
        found: Any = self._table("given_areas")
        return found

    def given_overlaps(self) -> pd.DataFrame:
        """Return what clusters and given areas have in common.

        Returns
        -------
        DataFrame
            One row for each pair that shares records or ground: ``cluster_id`` (-1: the area's
            records in no cluster), ``cluster, area_id`` (-1: the cluster's records in no area),
            ``area, <kind>_count, total`` (sum of the shares of the world), ``share_of_cluster,
            share_of_area`` (per cent of the total of each) and ``overlap_km2``.
        """
        return self._table("given_overlaps")

    def to_stata(self, path: str | Path) -> None:
        """Write the ranking as a file of Stata (version 14 or later), with short names.

        The labels of the variables are the names that the columns have in Python. Texts longer
        than Stata's 2,045 bytes are stored as long texts.
        """
        write_stata(self.ranking, Path(path))

    def to_latex(self, columns: Sequence[str] | None = None, top: int | None = None) -> str:
        """Return the ranking as a floating table of LaTeX, with the rules of booktabs.

        Parameters
        ----------
        columns : sequence of str, optional
            Columns of the ranking; by default rank, name, economies, the shares and the score.
        top : int, optional
            Number of clusters; by default the study's.

        Raises
        ------
        StudyError
            If the ranking has no such column.
        """
        from gclust.results.latex import ranking_latex

        return ranking_latex(self, columns, top)

    def report(self, path: str | Path | None = None, **experiments: Any) -> Path:
        """Write the report of the run as an HTML file that needs no network.

        Parameters
        ----------
        path : path-like, optional
            The file; by default ``report.html`` in the folder of the run.
        **experiments
            ``uncertainty``, ``sweep`` and ``comparison``: results that it shows with the run.

        Returns
        -------
        Path
            The file.

        Raises
        ------
        StudyError
            If Bokeh is not installed, or the file cannot be written.
        """
        from gclust.results.web.page import page
        from gclust.results.web.write import write_page

        return write_page(self.path, page(self, **experiments), path)

    def normalised(self) -> pd.DataFrame:
        """Return the ranking with normalised counts and with plain ones (``_without``).

        Returns
        -------
        DataFrame
            ``cluster_id, name``, and ``rank, score, <kind>_count, <kind>_share``, each followed
            by that without normalisation, in the order of the ranking.

        Raises
        ------
        StudyError
            If the study has no ``normalise`` in ``[counting]``.
        """
        return self._table("normalised")

    def _table(self, name: str) -> pd.DataFrame:
        if name not in self.tables:
            raise self._without(name)
        return self.tables[name].copy()

    def _without(self, name: str) -> StudyError:
        key = "given in [places]" if name.startswith("given") else f"{name} = true in [outputs]"
        key = "normalise in [counting]" if name == "normalised" else key
        return StudyError(f"the run has no {name}; set {key} of its study, and run it again")

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
        from gclust.report.map import MapOptions

        return MapOptions(**_map_options(self) | options)

    def __repr__(self) -> str:
        return run_text(self)

    def _repr_html_(self) -> str:
        return run_html(self)


def write_run(run: Run, place: Place, progress: Report = silent) -> Run:
    """Write a run's folder; see `gclust.results.writer.write_result`."""
    info: dict[str, Any] = {}

    def fill(folder: ResultWriter) -> None:
        start = time.perf_counter()
        with stage_memory() as peak:
            _write_files(run, folder, progress)
        seconds = time.perf_counter() - start
        info.update(write_record(run.study, run.info, folder, seconds, peak))

    return replace(write_result(run, place, fill), info=info)


def _write_files(run: Run, folder: ResultWriter, progress: Report) -> None:
    """Write the tables and figures of a run, its study, and the dictionary of all columns."""
    folder.figures.mkdir()
    process = running_map_process()
    with meanwhile(lambda: _draw(run, folder.figures, process)) as wait:
        with stage(progress, "write tables"):
            _write_tables(run, folder)
        with stage(progress, "draw the map"):
            wait()
    if run.intensity is not None:
        with stage(progress, "draw the intensity"):
            from gclust.report.intensity import draw_intensity

            title = run.study.heading
            draw_intensity(run.intensity.detail, folder.figures, title=title)
    if run.study.outputs.report:
        with stage(progress, "write the report"):
            from gclust.results.web.page import page
            from gclust.results.web.write import NAME as REPORT

            (folder.folder / REPORT).write_bytes(page(run))
    columns = {name: run.ranking.columns for name in ("ranking", "clusters")}
    if (areas := run.tables.get(AREAS)) is not None:
        columns[AREAS] = areas.columns
    write_data_package(folder, "run", run.study, rankings=columns)


def _write_tables(run: Run, folder: ResultWriter) -> None:
    folder.csv_encoding = run.study.outputs.csv_encoding
    folder.csv("ranking", run.ranking.rename(columns=short_names(run.ranking)))
    for name in ("contributions", "merges"):
        folder.csv(name, getattr(run, name))
    exact = {name: getattr(run, name) for name in OPTIONAL_TABLES} | dict(run.tables)
    areas = exact.pop(AREAS, None)
    if areas is not None:
        folder.parquet(AREAS, areas)
        plain = pd.DataFrame(areas.drop(columns="geometry"))
        folder.csv(AREAS, plain.rename(columns=short_names(plain)))
    if run.intensity is not None:
        exact |= {SPREAD: run.intensity.table, DETAIL: run.intensity.detail}
    for name, table in exact.items():
        if table is not None:
            folder.csv(name, table, numbers=None)  # all digits: a run is read from these
    for name in ("locations", "rejects", "clusters"):
        folder.parquet(name, getattr(run, name))
    path = folder.folder / "clusters.gpkg"
    write_geopackage(run.clusters, run.locations, run.merges, path, areas)
    folder.study(run.study)


DRAWING = (
    "matplotlib",
    "matplotlib.text",
    "matplotlib.backend_bases",
    "matplotlib.axes",
    "matplotlib.projections",
    "matplotlib.figure",
    "gclust.report.map",
)
"""Modules that a map needs, which take long to import: one after the other, so that Ctrl-C does
not wait for all of them."""


def _draw(run: Run, figures: Path, process: MapProcess | None) -> None:
    locations = run.locations.rename(columns={"cluster_id": "label"})
    if process is not None:
        options = _map_options(run)
        few = fewer_locations(locations, options["noise_weight"])
        clusters = pd.DataFrame(run.clusters[["rank", "name", "score", "geometry"]])
        for ending, content in process.images(clusters, few, options).items():
            (figures / f"map.{ending}").write_bytes(content)
        return
    for name in DRAWING:
        end_if_left()
        import_module(name)
    from gclust.report.map import draw_map

    draw_map(run.clusters, locations, [figures / "map.png", figures / "map.pdf"], run.map_options())


def _map_options(run: Run) -> dict[str, Any]:
    """Return the options of `gclust.report.map.MapOptions` that a run has others of."""
    study = run.study
    least = min(1.0, study.clusters.least_weight / 4500) * NOISE_WEIGHT
    label, weight = (run.locations[name].to_numpy() for name in ("cluster_id", "weight"))
    own: dict[str, Any] = {
        "title": study.heading,
        "top": study.study.top,
        "note": study.study.note,
    }
    return own | {"noise_weight": least_noise_weight(label, weight, least)}


def read_run(path: str | Path) -> Run:
    """Read a run from its folder.

    Nothing is computed: columns of indicators are read as the run stored them, so their
    plug-ins need not be installed. They are only needed to run the study again, or to vary it
    where its indicators are computed.

    Raises
    ------
    StudyError
        If the folder does not hold a run, or a file of it is missing or broken.

    Examples
    --------
    >>> import gclust
    >>> done = gclust.run(gclust.datasets.example_study(), "my-run")
    >>> gclust.read_run("my-run").ranking["name"].tolist()
    ['Grenoble', 'Lyon', 'Geneva']
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
        tables=read_tables(folder),
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
