"""Shares of a cluster's records outside its footprint, and of other records inside it.

The two shares show whether the counts and the inhabitants of a cluster refer to the same area.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gclust.indicators.counts import counts, shares
from gclust.listings.counting import count_records
from gclust.listings.engines.protocol import Engine
from gclust.listings.label import label_records
from gclust.listings.normalise import given_units
from gclust.pipeline.count import MergedCounts
from gclust.pipeline.count_arrays import count_labels
from gclust.pipeline.prepare import Prepared
from gclust.pipeline.run_log import RunLog
from gclust.places.footprints.containment import containing_footprint
from gclust.plurals import counted, either
from gclust.study.schema import Study

if TYPE_CHECKING:
    import geopandas as gpd


TABLE = "footprint_labels"

LARGEST_OUTSIDE_SHARE = 5.0
"""Per cent of a cluster's records outside its footprint above which a warning is given."""

MOST_NAMED = 3


def add_footprint_counts(
    study: Study,
    engine: Engine,
    prepared: Prepared,
    labels: NDArray[np.int64],
    counted: MergedCounts,
    clusters: gpd.GeoDataFrame,
    run_log: RunLog,
) -> gpd.GeoDataFrame:
    """Add the shares of a cluster's records outside its footprint, and of other records inside it.

    Parameters
    ----------
    study : Study
    engine : Engine
    prepared : Prepared
    labels : ndarray of int64, shape (n,)
        Cluster of each location, -1 for noise.
    counted : MergedCounts
    clusters : GeoDataFrame
        Footprints, in the order of the rows of ``counted.count``.
    run_log : RunLog

    Returns
    -------
    GeoDataFrame
        With ``outside_share``, per cent of the cluster's records that lie outside its
        footprint, and ``foreign_share``, records inside that are not the cluster's, in per cent
        of its own. Kinds weigh by their shares of the world's totals, so that the units of the
        kinds do not matter. With ``[footprint] of = "cores"`` also ``<kind>_inside``: the
        cluster's records inside its footprint.
    """
    with run_log.timed("count inside footprints"):
        locations = prepared.locations
        lat, lon = locations["lat"].to_numpy(), locations["lon"].to_numpy()
        found = containing_footprint(lat, lon, labels, clusters.geometry.to_numpy())

        def count(chosen: NDArray[np.int64]) -> pd.DataFrame:
            return count_locations(study, engine, prepared, chosen, len(clusters))

        is_own = (labels >= 0) & (found == labels)
        if study.counting.method == "whole":
            inside = count(np.where(is_own, labels, -1))
            outside = counted.count[inside.columns] - inside
            foreign = count(found) - inside
        else:
            # Fractions of records add up, so that those of the few other locations suffice.
            outside = count(np.where(is_own, -1, labels))
            inside = counted.count[outside.columns] - outside
            foreign = count(np.where(is_own, -1, found))
    table, kinds = clusters.copy(), list(study.kinds)
    total = counted.share[kinds].sum(axis=1)
    for name, part in (("outside_share", outside), ("foreign_share", foreign)):
        part_of_world = shares(part[kinds], prepared.world_totals).sum(axis=1)
        table[name] = (100.0 * part_of_world / total.where(total > 0)).to_numpy()
    if study.population.raster is not None:
        _warn_of_outside(study, table, run_log)
    if study.footprint.of == "cores":
        for kind in kinds:
            table[f"{kind}_inside"] = inside[kind].to_numpy()
    return table


def count_locations(
    study: Study, engine: Engine, prepared: Prepared, labels: NDArray[np.int64], n_clusters: int
) -> pd.DataFrame:
    """Count the records of locations by label; those of label -1 are left out."""
    counted = count_labels(study, prepared, labels, n_clusters)
    if counted is not None:
        return counted
    kinds = prepared.staged.kinds
    chosen = labels >= 0
    if not chosen.any():
        return pd.DataFrame(np.zeros((n_clusters, len(kinds))), columns=list(kinds))
    at = prepared.locations.loc[chosen, ["lat", "lon"]].assign(
        label=labels[chosen].astype(np.int32)
    )
    labelled = label_records(
        given_units(prepared.located, study.count_method), engine.put(at, TABLE)
    )
    units = engine.pandas(
        count_records(labelled, prepared.totals, study.count_method), "count inside footprints"
    )
    engine.drop(TABLE)
    return counts(units, kinds, n_clusters)


def _warn_of_outside(study: Study, clusters: pd.DataFrame, run_log: RunLog) -> None:
    """Warn of clusters of whose records many lie outside the footprint of their inhabitants."""
    far = clusters[clusters["outside_share"] > LARGEST_OUTSIDE_SHARE]
    if far.empty:
        return
    far = far.sort_values(["outside_share", "cluster_id"], ascending=[False, True])
    named = "; ".join(
        f"{name} {share:.0f} %"
        for name, share in zip(far["name"], far["outside_share"].head(MOST_NAMED), strict=False)
    )
    effect = (
        "their intensity counts only the records inside"
        if study.footprint.of == "cores"
        else "their intensity divides records and inhabitants of different areas"
    )
    run_log.warn(
        f"{len(far):,} of {counted(len(clusters), 'cluster')} {either(len(far), 'has', 'have')}"
        " more"
        " than"
        f" {LARGEST_OUTSIDE_SHARE:g} % of {either(len(far), 'its', 'their')} records outside"
        f" {either(len(far), 'its', 'their')} footprint, so {effect}: {named}"
    )
