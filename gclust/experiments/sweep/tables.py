"""Tables of a sweep, assembled from its grid points."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gclust.experiments.grid import Pairs
from gclust.experiments.sweep.density_validity import density_validity
from gclust.experiments.sweep.diagnostics import diagnose, mean_agreement
from gclust.experiments.sweep.grid_point import GridPoint, Labels
from gclust.experiments.sweep.k_distance import k_distance
from gclust.experiments.sweep.plateaus import RULES, find_plateaus, suggest
from gclust.experiments.sweep.result import Sweep
from gclust.pipeline.describe import names_of
from gclust.pipeline.prepare import Prepared
from gclust.study.schema import Study


class BaselineTables(NamedTuple):
    """Tables of a sweep that depend on the listings and the baseline, not on other grid points."""

    clusters: pd.DataFrame
    """See `gclust.experiments.sweep.result.Sweep`."""
    k_distance: pd.DataFrame
    """See `gclust.experiments.sweep.k_distance.k_distance`."""
    sample: pd.DataFrame
    """Coordinates ``lat, lon`` of the sampled locations whose clusters the grid points hold."""


def baseline_tables(
    study: Study,
    pairs: Pairs,
    prepared: Prepared,
    baseline: tuple[GridPoint, Labels],
    sample: NDArray[np.integer],
) -> BaselineTables:
    """Return the tables of the baseline, which comes with the cluster of each location.

    ``sample`` are the positions of the sampled locations.
    """
    clustered = prepared.locations[prepared.locations["density"] > 0]
    lat, lon, units = (clustered[name].to_numpy() for name in ("lat", "lon", "density"))
    return BaselineTables(
        clusters=_clusters(study, prepared, *baseline),
        k_distance=k_distance(lat, lon, units, pairs.min_samples),
        sample=prepared.locations.loc[sample, ["lat", "lon"]].reset_index(drop=True),
    )


def assemble_sweep(
    study: Study,
    pairs: Pairs,
    points: list[GridPoint],
    tables: BaselineTables,
    warnings: Sequence[str],
) -> Sweep:
    """Assemble the result of a sweep; ``points`` are in the order of ``pairs``."""
    table = pd.DataFrame(
        [
            {
                "eps_km": point.eps_km,
                "min_samples": point.min_samples,
                **point.statistics,
                "diagnostics": diagnose(point.statistics),
            }
            for point in points
        ]
    ).astype({"diagnostics": "string"})
    table["mean_ari"] = mean_agreement(table)
    of_rules = [find_plateaus(table, by) for by in RULES]
    for _, names in of_rules:
        table[names.name] = names
    plateaus = pd.concat([found for found, _ in of_rules if len(found)] or [of_rules[0][0]])
    plateaus = plateaus.reset_index(drop=True)
    suggestions = suggest(table, plateaus, study.sweep.target_clusters, pairs.baseline)
    shown = {pairs.baseline, *((each.eps_km, each.min_samples) for each in suggestions)}
    lat, lon = (tables.sample[name].to_numpy() for name in ("lat", "lon"))
    table["dbcv"] = [
        density_validity(lat, lon, np.array(point.sample, dtype=np.int64))
        if (point.eps_km, point.min_samples) in shown
        else np.nan
        for point in points
    ]
    return Sweep(
        study=study,
        baseline=pairs.baseline,
        table=table,
        clusters=tables.clusters,
        ranks=_ranks(points),
        plateaus=plateaus,
        suggestions=suggestions,
        k_distance=tables.k_distance,
        warnings=tuple(warnings),
    )


def _clusters(
    study: Study, prepared: Prepared, baseline: GridPoint, clusters: Labels
) -> pd.DataFrame:
    """Return the baseline's clusters with their names, in the order of ranks."""
    n_clusters = len(baseline.score)
    names = names_of(study, prepared.locations, pd.Series(clusters), n_clusters)
    return pd.DataFrame(
        {
            "rank": baseline.ranks,
            "cluster_id": np.arange(n_clusters, dtype=np.int64),
            "name": names["name"].to_numpy(),
            "economies": names["economies"].to_numpy(),
            "score": baseline.score,
            "share": baseline.share,
        }
    ).sort_values(["rank", "cluster_id"], ignore_index=True)


def _ranks(points: list[GridPoint]) -> pd.DataFrame:
    """Return the ranks, scores and shares of clusters, one row per cluster and pair."""
    tables = []
    for point in points:
        table = pd.DataFrame(
            {
                "cluster_id": np.arange(len(point.score), dtype=np.int64),
                "baseline_id": pd.array(point.baseline_id, dtype="Int64"),
                "rank": point.ranks,
                "score": np.array(point.score, dtype=np.float64),
                "share": np.array(point.share, dtype=np.float64),
            }
        )
        table.insert(0, "eps_km", point.eps_km)
        table.insert(1, "min_samples", point.min_samples)
        tables.append(table)
    ranks = pd.concat(tables, ignore_index=True)
    ranks["baseline_id"] = ranks["baseline_id"].mask(ranks["baseline_id"] < 0)
    return ranks
