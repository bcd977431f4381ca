"""Footprints, areas, names and inhabitants of clusters, and the log of their merges."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from gclust.cluster.merging import Merging, join_pairs
from gclust.errors import Warn
from gclust.pipeline.rasters import band_of, cells_raster, files_of
from gclust.pipeline.run_log import RunLog
from gclust.places.centres import weighted_centres
from gclust.places.cities.location_cells import ClusterCells
from gclust.places.cities.names import name_clusters
from gclust.places.geodesic import area_km2
from gclust.places.highest_density import highest_density_km2
from gclust.places.rasters.population import population
from gclust.progress import Report
from gclust.study.schema import Study
from gclust.study.sections import Footprint
from gclust.units import UNIT

if TYPE_CHECKING:
    import geopandas as gpd

    from gclust.places.footprints.outlines import FootprintOptions

CENTRES = ("lat_a", "lon_a", "lat_b", "lon_b")
"""Columns of the log of merges with the centres of both clusters before the round."""


def describe(
    study: Study,
    locations: pd.DataFrame,
    n_clusters: int,
    run_log: RunLog,
    contours: gpd.GeoSeries | None = None,
) -> gpd.GeoDataFrame:
    """Draw the footprints of clusters, measure and name them, and count their inhabitants.

    Parameters
    ----------
    study : Study
    locations : DataFrame
        ``lat, lon, density, label, core``.
    n_clusters : int
        Labels run from 0 to n_clusters - 1.
    run_log : RunLog
    contours : GeoSeries, optional
        Footprints of the clusters with ``[footprint] method = "contour"``.

    Returns
    -------
    GeoDataFrame
        One row per cluster: ``cluster_id, name, economies, lat, lon`` (weighted centre,
        degrees), ``area_km2, area_90`` (of the densest region,
        `gclust.places.highest_density`), ``population`` (missing without a raster) and, with a
        raster, ``uncovered_share``.
    """
    with run_log.timed("outline clusters"):
        outlines = outline(study, locations, n_clusters, run_log.report, contours)
    with run_log.timed("name clusters"):
        named = names_of(study, locations, locations["label"], n_clusters)
    lat, lon = centres(locations, locations["label"], n_clusters)
    with run_log.timed("measure densest regions"):
        densest = densest_km2(locations, n_clusters, (lat, lon))
    from geopandas import GeoDataFrame

    table = GeoDataFrame(
        {
            "cluster_id": np.arange(n_clusters, dtype=np.int64),
            "name": named["name"].to_numpy(),
            "economies": named["economies"].to_numpy(),
            "lat": lat,
            "lon": lon,
            "area_km2": area_km2(outlines),
            "area_90": densest,
        },
        geometry=outlines.to_numpy(),
        crs=4326,
    )
    table["population"] = np.nan
    if study.population.raster is not None:
        with run_log.timed("count inhabitants"):
            people = inhabitants(
                study, table.geometry, run_log.report, names=table["name"], warn=run_log.warn
            )
        table["population"] = people["population"].to_numpy()
        table["uncovered_share"] = people["uncovered_share"].to_numpy()
    return table


def dissolve(polygons: gpd.GeoSeries, cluster_ids: np.ndarray) -> gpd.GeoSeries:
    """Unite the polygons of the labels that were merged into each cluster.

    Equal shapes have equal bytes.
    """
    parts = polygons.groupby(cluster_ids).agg(lambda part: shapely.union_all(part.to_numpy()))
    shapes = shapely.orient_polygons(shapely.normalize(parts.to_numpy()))
    from geopandas import GeoSeries

    return GeoSeries(shapes, crs=4326, name="geometry")


def outline(
    study: Study,
    locations: pd.DataFrame,
    n_clusters: int,
    report: Report,
    contours: gpd.GeoSeries | None,
) -> gpd.GeoSeries:
    """Draw the footprints of clusters with the study's method; see `describe`."""
    if study.footprint.method == "contour":
        if contours is None:
            raise ValueError("[footprint] method = 'contour' needs contours; pass contours=...")
        return contours
    from gclust.places.footprints.outlines import footprints

    label = locations["label"].to_numpy()
    of_cores = study.footprint.of == "cores"
    chosen = locations["core"].to_numpy() if of_cores else members(study, locations)
    return footprints(
        locations["lat"].to_numpy(),
        locations["lon"].to_numpy(),
        chosen,
        label,
        footprint_options(study, study.footprint),
        n_clusters=n_clusters,
        progress=report,
    )


def members(study: Study, locations: pd.DataFrame) -> NDArray[np.bool_]:
    """Return the locations of clusters round which footprints are drawn.

    With frozen boundaries those are the locations that formed the clusters.
    """
    inside = locations["label"].to_numpy() >= 0
    if study.clusters.formed_on is not None:
        inside &= locations["density"].to_numpy() > 0
    return inside


def footprint_options(study: Study, footprint: Footprint) -> FootprintOptions:
    """Return the options of a study's footprint, with its lengths, metric and raster filled in."""
    from gclust.places.footprints.outlines import FootprintOptions

    return FootprintOptions(
        method=footprint.method,
        raster=cells_raster(study) if footprint.method == "raster" else None,
        metric=study.clusters.metric,
        **study.sizes(footprint),
    )


def inhabitants(
    study: Study,
    outlines: gpd.GeoSeries,
    report: Report,
    *,
    names: pd.Series | None = None,
    warn: Warn,
    warn_of_coarse: bool = True,
) -> pd.DataFrame:
    """Count the inhabitants of footprints with the study's raster.

    Returns
    -------
    DataFrame
        See `gclust.places.rasters.population.population`; ``population`` alone, missing, without a
        raster.
    """
    if study.population.raster is None:
        return pd.DataFrame({"population": np.full(len(outlines), np.nan)})
    return population(
        outlines,
        files_of(study, study.population),
        unit=study.population.unit,
        band=band_of(study.population),
        names=names,
        progress=report,
        warn=warn,
        warn_of_coarse=warn_of_coarse,
    )


def join_footprints(ranked: pd.DataFrame, clusters: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Add the footprints of the clusters to a ranking, in the ranking's order."""
    at = clusters.set_index("cluster_id").loc[ranked["cluster_id"]]
    from geopandas import GeoDataFrame

    return GeoDataFrame(ranked.copy(), geometry=at.geometry.to_numpy(), crs=4326)


def name_merges(
    study: Study, merging: Merging, locations: pd.DataFrame, cluster_ids: np.ndarray
) -> pd.DataFrame:
    """Add names and centres of both clusters, and the final cluster, to the log of merges.

    Parameters
    ----------
    study : Study
    merging : Merging
    locations : DataFrame
        ``lat, lon, density, part`` (the label before merging).
    cluster_ids : ndarray of int64, shape (n_labels,)
        The cluster of each label.
    """
    log = merging.log.copy()
    log[list(CENTRES)] = np.full((len(log), len(CENTRES)), np.nan)
    if log.empty:
        for column in ("cluster_id", "name_a", "name_b"):
            log[column] = pd.Series(dtype="Int64" if column == "cluster_id" else "string")
        return log
    log["cluster_id"] = cluster_ids[log["cluster_a"].to_numpy()]
    log["name_a"] = log["name_b"] = pd.Series("", index=log.index, dtype="string")
    cells = _cells_of(locations, locations["part"], cluster_ids.size)
    parts = locations["part"].to_numpy()
    cluster_of = np.arange(cluster_ids.size, dtype=np.int64)
    for _, rows in log.groupby("round"):
        # Names of the clusters before the round.
        ids, dense = np.unique(cluster_of, return_inverse=True)
        names = _named(study, cells.merged(dense, ids.size))["name"]
        called = dict(zip(ids.tolist(), names, strict=True))
        labels = pd.Series(np.where(parts >= 0, dense[parts], -1))
        lat, lon = centres(locations, labels, ids.size)
        for at, row in rows.iterrows():
            for side in ("a", "b"):
                number = np.searchsorted(ids, row[f"cluster_{side}"])
                log.loc[at, [f"lat_{side}", f"lon_{side}"]] = lat[number], lon[number]
                log.loc[at, f"name_{side}"] = called[row[f"cluster_{side}"]]
                runner_up = row[f"runner_up_{side}"]
                if runner_up.isdigit():
                    log.loc[at, f"runner_up_{side}"] = called[int(runner_up)]
        cluster_of = join_pairs(
            cluster_of, list(zip(rows["cluster_a"], rows["cluster_b"], strict=True))
        )
    return log


def centres(
    locations: pd.DataFrame, labels: pd.Series, n_labels: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the centres of labels by the weight that forms clusters: latitudes, longitudes."""
    lat, lon, weight = (locations[name].to_numpy() for name in ("lat", "lon", "density"))
    return weighted_centres(lat, lon, weight, labels.to_numpy(), n_labels)


def densest_km2(
    locations: pd.DataFrame,
    n_labels: int,
    centre: tuple[NDArray[np.float64], NDArray[np.float64]],
) -> NDArray[np.float64]:
    """Return the areas of the densest regions that hold 90 % of the weight of each label.

    ``centre`` are the latitudes and longitudes of the labels' centres.
    """
    lat, lon, weight, label = (
        locations[name].to_numpy() for name in ("lat", "lon", "density", "label")
    )
    return highest_density_km2(lat, lon, weight, label, n_labels, centre=centre)


def output_table(
    locations: pd.DataFrame, city_share: NDArray[np.float64] | None = None
) -> pd.DataFrame:
    """Return the table of locations for output, with weights (in listings) and cluster ids."""
    table = pd.DataFrame(
        {
            "lat": locations["lat"],
            "lon": locations["lon"],
            "weight": locations["units"] / UNIT,
            "density": locations["density"] / UNIT,
            "cluster_id": locations["label"],
            "core": locations["core"],
        }
    )
    return table if city_share is None else table.assign(city_share=city_share)


def names_of(
    study: Study, locations: pd.DataFrame, labels: pd.Series, n_labels: int
) -> pd.DataFrame:
    """Name clusters by the cities in them; see `gclust.places.cities.names.name_clusters`."""
    return _named(study, _cells_of(locations, labels, n_labels))


def _cells_of(locations: pd.DataFrame, labels: pd.Series, n_labels: int) -> ClusterCells:
    lat, lon, weight = (locations[name].to_numpy() for name in ("lat", "lon", "density"))
    country = locations.get("country")
    return ClusterCells.of(lat, lon, weight, labels.to_numpy(), n_labels, country)


def _named(study: Study, cells: ClusterCells) -> pd.DataFrame:
    return name_clusters(cells, most=study.names.most, least_share=study.names.least_share)
