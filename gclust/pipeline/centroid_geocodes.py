"""Centroid geocodes (addresses placed at a city's centre), and clusters that depend on them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import narwhals as nw
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gclust.cluster.fixed_point import to_units
from gclust.errors import StudyError, ignore_warning
from gclust.listings.engines.protocol import Engine
from gclust.listings.sums import sum_by
from gclust.pipeline.form import partition_locations
from gclust.pipeline.open_engine import open_engine
from gclust.pipeline.prepare import Prepared, prepare_listings
from gclust.pipeline.run_log import RunLog
from gclust.places.cities.centroid_geocodes import GeocodeCriteria, find_centroid_geocodes
from gclust.progress import Report, resolve, silent
from gclust.sphere import chord_of, unit_vectors
from gclust.study.schema import Study
from gclust.study.sections import CentroidGeocodes, Score
from gclust.threads import default_threads
from gclust.units import UNIT

LEAST_PART = 0.05
"""Default least weight of a centroid geocode, as a part of a cluster's: 225 of 4,500."""

CITY_SHARE = "city_share"
"""Column of a run's locations: the part of their weight whose addresses are known to the city
only. It exists if the study names the text of ``precision`` for such addresses."""

SHOWN = [
    "lat", "lon", "city", "country", "distance_km", "weight", "weight_around", "ratio", "excess",
    "cluster_id", "cluster", "share_of_cluster", "only_by_geocode", "only_by_geocodes",
]  # fmt: skip


def centroid_geocodes(
    run: Any,
    *,
    gazetteer: pd.DataFrame | None = None,
    n_jobs: int | None = None,
    progress: bool | Report | None = None,
    **options: Any,
) -> pd.DataFrame:
    """Find the centroid geocodes of a run, and the clusters that exist only because of them.

    Parameters
    ----------
    run : Run
        Of `gclust.run` or `gclust.read_run`. With ``precision`` its sources are read again,
        unless it was run with the same one.
    gazetteer : DataFrame, optional
        ``name, country, lat, lon`` of the points that the geocoder puts cities at; the
        package's by default.
    n_jobs : int, optional
        Threads.
    progress : bool or callable, optional
        See :mod:`gclust.progress`.
    **options
        ``precision, radius_km, near_km, least_ratio, least_weight`` as in a study's section
        ``[centroid_geocodes]``, by default the run's own. With ``precision=None`` the gazetteer
        says what is at a city's point.

    Returns
    -------
    DataFrame
        One row per centroid geocode, largest excess first: ``lat, lon, city, country,
        distance_km, weight`` (that forms clusters), ``weight_around, ratio, excess, cluster_id``
        (-1 for noise), ``cluster`` (its name), ``share_of_cluster``; ``only_by_geocode``:
        without the excess of this centroid geocode alone no location of its cluster is a core
        location; ``only_by_geocodes``: nor without those of all centroid geocodes.

    Raises
    ------
    ValueError
        For an option that cannot be used.
    StudyError
        If ``precision`` needs the sources, and these cannot be read, have no such column, or
        hold other listings than the run's.

    Notes
    -----
    ``only_by_geocodes`` is found by forming the clusters of all locations once more, with the
    excess of the centroid geocodes taken away. ``only_by_geocode`` is found likewise for each
    centroid geocode of such a cluster, from the locations that decide on its core locations.

    Examples
    --------
    >>> import gclust
    >>> run = gclust.run(gclust.datasets.example_study())
    >>> found = gclust.centroid_geocodes(run, least_weight=20)
    >>> found[["city", "weight", "only_by_geocode"]]
           city  weight  only_by_geocode
    0  Grenoble   144.0            False
    1      Lyon   124.0            False
    2    Geneva    93.0            False
    """
    chosen = replace(run.study.centroid_geocodes, on=True, **options)
    locations = run.locations.rename(columns={"cluster_id": "label"})
    locations = locations.assign(density=to_units(locations["density"].to_numpy()))
    names = run.ranking.set_index("cluster_id")["name"]
    report = resolve(progress)
    if chosen.precision is None:
        known = None
    elif CITY_SHARE in locations and chosen.precision == run.study.centroid_geocodes.precision:
        known = locations[CITY_SHARE].to_numpy()
    else:
        known = _read_city_share(
            replace(run.study, centroid_geocodes=chosen), locations, n_jobs, report
        )
    return centroid_geocode_table(
        run.study,
        chosen,
        locations,
        names,
        gazetteer=gazetteer,
        city_share=known,
        n_jobs=n_jobs,
        report=report,
    )


def _read_city_share(
    study: Study, locations: pd.DataFrame, n_jobs: int | None, report: Report
) -> NDArray[np.float64] | None:
    """Read a run's listings once more for the share of each location known to the city only."""
    # Only what the centroid geocodes need is read.
    study = replace(study, indicators=(), score=Score())
    with (
        default_threads(n_jobs, study.engine.threads),
        open_engine(study, n_jobs, report) as engine,
    ):
        # The run has already given these warnings.
        prepared = prepare_listings(
            study, engine, RunLog(report, strict=False, give=ignore_warning)
        )
        found = prepared.locations[["lat", "lon"]].assign(weight=prepared.locations["units"] / UNIT)
        if not found.equals(locations[["lat", "lon", "weight"]]):
            raise StudyError(
                "precision: the sources do not hold the listings of the run any more; restore"
                " the files, or set precision in [centroid_geocodes] and run the study again"
            )
        return city_share(study.centroid_geocodes, engine, prepared)


def centroid_geocode_table(
    study: Study,
    options: CentroidGeocodes,
    locations: pd.DataFrame,
    names: pd.Series,
    *,
    gazetteer: pd.DataFrame | None = None,
    city_share: NDArray[np.float64] | None = None,
    n_jobs: int | None = None,
    report: Report = silent,
) -> pd.DataFrame:
    """Find the centroid geocodes among locations; return the table of `centroid_geocodes`.

    ``locations`` have ``lat, lon, density`` (fixed-point weight) and ``label`` after merging;
    ``names`` are those of the clusters by id.
    """
    lat, lon = locations["lat"].to_numpy(), locations["lon"].to_numpy()
    units, label = locations["density"].to_numpy(), locations["label"].to_numpy()
    least = options.least_weight
    table = find_centroid_geocodes(
        lat,
        lon,
        units,
        GeocodeCriteria(
            least_weight=LEAST_PART * study.clusters.least_weight if least is None else least,
            radius_km=options.radius_km,
            near_km=options.near_km,
            least_ratio=options.least_ratio,
        ),
        gazetteer=gazetteer,
        city_share=city_share,
        n_jobs=n_jobs,
    )
    row = table["row"].to_numpy()
    of_row = label[row]
    table["cluster_id"] = of_row
    table["cluster"] = pd.Series(of_row).map(names).fillna("").to_numpy()
    whole = np.zeros(int(label.max(initial=-1)) + 2, dtype=np.int64)
    np.add.at(whole, label, units)  # noise falls into the last place
    share = units[row] / np.maximum(whole[of_row], 1)
    table["share_of_cluster"] = np.where(of_row >= 0, share, np.nan)
    excess = np.rint(table["excess"].to_numpy() * UNIT).astype(np.int64)
    lighter = units.copy()
    lighter[row] -= excess
    core = partition_locations(
        study.clusters, locations.assign(density=lighter), n_jobs=n_jobs, report=report
    ).core
    left = np.unique(label[core])
    table["only_by_geocodes"] = (of_row >= 0) & ~np.isin(of_row, left)
    table["only_by_geocode"] = table["only_by_geocodes"]
    counts = pd.Series(of_row[table["only_by_geocodes"]]).value_counts()
    vectors = unit_vectors(lat, lon) if (counts > 1).any() else np.empty((0, 3))
    for cluster in sorted(counts[counts > 1].index):
        some = np.flatnonzero(_within_reach(study, vectors, label == cluster))
        again = locations.iloc[some]
        for k in np.flatnonzero(of_row == cluster):
            single = units[some]
            single[np.searchsorted(some, row[k])] -= excess[k]
            without = again.assign(density=single)
            found = partition_locations(study.clusters, without, n_jobs=n_jobs, report=report).core
            table.loc[k, "only_by_geocode"] = not found[label[some] == cluster].any()
    return table[SHOWN]


def city_share(
    options: CentroidGeocodes, engine: Engine, prepared: Prepared
) -> NDArray[np.float64] | None:
    """Return the share of each location's weight from addresses known only to the city level.

    None where the study does not name the text of the column ``precision`` for such
    addresses. Listings without a precision do not count as such. The weights include listings
    of all kinds.
    """
    if options.precision is None:
        return None
    of_city = prepared.located.filter(nw.col("precision") == options.precision)
    found = engine.pandas(sum_by(of_city, "lat", "lon", city="units"), "find centroid geocodes")
    places = prepared.locations[["lat", "lon", "units"]]
    city = places.merge(found, on=["lat", "lon"], how="left")["city"].fillna(0).to_numpy()
    return city / np.maximum(places["units"].to_numpy(), 1)


def _within_reach(
    study: Study, vectors: NDArray[np.float64], inside: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Mark the locations that decide whether the locations of a cluster are core locations.

    With methods that have no `reach_km`, all locations do.
    """
    if study.clusters.reach_km is None:
        return np.ones(len(inside), dtype=bool)
    # A little farther than eps_km on either surface.
    reach = chord_of(1.01 * study.clusters.reach_km)
    here = vectors[inside]
    centre = here.mean(axis=0)
    around = float(np.linalg.norm(here - centre, axis=1).max()) + reach
    some = np.linalg.norm(vectors - centre, axis=1) <= around
    from scipy.spatial import cKDTree

    apart, _ = cKDTree(here).query(vectors[some], distance_upper_bound=1.001 * reach)
    some[some] = apart <= reach
    return some
