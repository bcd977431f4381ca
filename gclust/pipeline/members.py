"""The member cities of a run's clusters: their shares of the counts, and ties between cities."""

from __future__ import annotations

import pandas as pd

from gclust.indicators.labelled_listings import LabelledListings
from gclust.indicators.members import member_counts, member_ties
from gclust.listings.engines.protocol import Engine
from gclust.pipeline.run_log import RunLog
from gclust.places.cities.location_cells import ClusterCells
from gclust.places.cities.member_cities import member_cities
from gclust.study.schema import Study

PLACES = "member_places"


def divide_clusters(
    study: Study,
    engine: Engine,
    listings: LabelledListings,
    clusters: pd.DataFrame,
    locations: pd.DataFrame,
    run_log: RunLog,
) -> tuple[pd.DataFrame | None, pd.DataFrame | None]:
    """Divide the counts of each cluster among its cities, if ``[members] on = true``.

    Parameters
    ----------
    study : Study
        Its section ``[members]``.
    engine : Engine
        Holds the listings.
    listings : LabelledListings
    clusters : DataFrame
        Index ``cluster_id``, from 0; ``name``.
    locations : DataFrame
        ``lat, lon`` (degrees), ``density`` (fixed-point weight) and ``label`` (cluster, -1 for
        noise).
    run_log : RunLog

    Returns
    -------
    members : DataFrame or None
        See `gclust.indicators.members.member_counts`.
    ties : DataFrame or None
        See `gclust.indicators.members.member_ties`.
    """
    if not study.members.on:
        return None, None
    with run_log.timed("divide clusters among cities"):
        lat, lon, weight, labels = (
            locations[name].to_numpy() for name in ("lat", "lon", "density", "label")
        )
        cells = ClusterCells.of(lat, lon, weight, labels, len(clusters), numbered=True)
        members, member = member_cities(cells, least_share=study.members.least_share)
        inside = locations[["lat", "lon"]].assign(member=member)[member >= 0]
        places = engine.put(inside, PLACES)
        counted = member_counts(clusters, listings, members, places)
        ties = member_ties(listings, members, places)
        engine.drop(PLACES)
    return counted, ties
