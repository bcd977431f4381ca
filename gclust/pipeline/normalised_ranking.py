"""The ranking of clusters with and without normalisation of counts, in one table."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gclust.indicators.counts import shares
from gclust.listings.counting import world_totals
from gclust.listings.engines.protocol import Engine
from gclust.pipeline.count import MergedCounts
from gclust.pipeline.footprint_counts import count_locations
from gclust.pipeline.indicators import compute_indicators
from gclust.pipeline.labelled_listings import labelled_listings
from gclust.pipeline.prepare import Prepared, checked_totals
from gclust.pipeline.rank_clusters import rank_clusters
from gclust.pipeline.run_log import RunLog
from gclust.places.footprints.containment import containing_footprint
from gclust.results.run import Run
from gclust.study.schema import Study


def unnormalised(study: Study) -> Study:
    """Return the study without normalisation of counts."""
    return replace(study, counting=replace(study.counting, normalise=None, weight="records"))


def normalised_table(
    study: Study,
    engine: Engine,
    prepared: Prepared,
    counted: MergedCounts,
    run: Run,
    run_log: RunLog,
) -> pd.DataFrame:
    """Rank the clusters of a run with plain counts too.

    Returns
    -------
    DataFrame
        ``cluster_id, name``, and ``rank, score`` and ``<kind>_count, <kind>_share`` of each kind,
        each followed by that without normalisation (``_without``), in the order of the ranking.
    """
    plain = unnormalised(study)
    with run_log.timed("rank without normalisation"):
        sums = engine.pandas(
            world_totals(
                prepared.staged.listings,
                unlocated=study.counting.unlocated,
                totals=prepared.totals,
            ),
            "add up totals",
        )
        units = dict(zip(sums["kind"].tolist(), sums["units"].tolist(), strict=True))
        world = checked_totals(plain, prepared.staged, units)
        before = replace(prepared, world_totals=world, records=None, numbered=None)
        labels = run.locations["cluster_id"].to_numpy(np.int64)
        count = count_locations(plain, engine, before, labels, len(counted.count))
        whole = replace(counted, count=count, share=shares(count, world))
        described = _described(plain, engine, before, labels, run)
    listings = labelled_listings(plain, engine, before, labels)
    indicators = compute_indicators(plain, described, whole, listings, run_log)
    return _joined(run.ranking, rank_clusters(plain, described, whole, indicators), study.kinds)


def _described(
    study: Study, engine: Engine, prepared: Prepared, labels: NDArray[np.int64], run: Run
) -> pd.DataFrame:
    """Return what a run knows of its clusters but for counts, by their number."""
    shapes = run.clusters.set_index("cluster_id").sort_index().geometry
    table = run.ranking.sort_values("cluster_id", ignore_index=True)
    columns = ["cluster_id", "name", "economies", "lat", "lon", "population", "area_km2"]
    described = table[columns].copy()
    if study.footprint.of == "cores":
        lat, lon = (prepared.locations[name].to_numpy() for name in ("lat", "lon"))
        found = containing_footprint(lat, lon, labels, shapes.to_numpy())
        own = np.where((labels >= 0) & (found == labels), labels, -1)
        inside = count_locations(study, engine, prepared, own, len(table))
        for kind in study.kinds:
            described[f"{kind}_inside"] = inside[kind].to_numpy()
    return described


def _joined(ranking: pd.DataFrame, plain: pd.DataFrame, kinds: tuple[str, ...]) -> pd.DataFrame:
    """Return the columns of both rankings side by side."""
    names = ["rank", "score"]
    names += [f"{kind}_{what}" for kind in kinds for what in ("count", "share")]
    other = plain.set_index("cluster_id").loc[ranking["cluster_id"]]
    table = ranking[["cluster_id", "name"]].copy()
    for name in names:
        table[name] = ranking[name].to_numpy()
        table[f"{name}_without"] = other[name].to_numpy()
    for name in ("rank", "rank_without"):
        table[name] = table[name].astype("Int64")
    return table
