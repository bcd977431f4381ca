"""Parts of rank uncertainty: the draws of one shard, and the result that all parts give."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gclust.experiments.grid import Pair
from gclust.experiments.shards.part import Part, write_part
from gclust.experiments.uncertainty.draws import Replicates, empty_replicates
from gclust.experiments.uncertainty.result import OwnClusters, Uncertainty, rank_uncertainty
from gclust.experiments.uncertainty.sources_alone import MOST_DRAWS
from gclust.progress import Report, stage
from gclust.results.folders import Place
from gclust.results.reader import ResultReader
from gclust.results.writer import ResultWriter

DRAWS, CLUSTERS, MOVED = "draws.parquet", "clusters.parquet", "moved.parquet"
ALONE = "alone.parquet"
SHARED = (CLUSTERS, MOVED)


def write_draws_part(
    part: Part, place: Place, own: OwnClusters, found: Replicates, numbers: NDArray[np.int64]
) -> Part:
    """Write the draws of a shard, by number, and the study's own clusters."""

    def fill(folder: ResultWriter) -> None:
        folder.parquet(DRAWS.removesuffix(".parquet"), _rows(found, numbers))
        folder.parquet(CLUSTERS.removesuffix(".parquet"), own.to_table())
        if found.moved is not None:
            folder.parquet(MOVED.removesuffix(".parquet"), found.moved)
        if found.alone:
            folder.parquet(ALONE.removesuffix(".parquet"), _rows_alone(found, numbers))

    return write_part(part, place, fill, SHARED)


def _rows(found: Replicates, numbers: NDArray[np.int64]) -> pd.DataFrame:
    """Return a row for each draw and cluster; shares by the number of their kind."""
    _, n_clusters, n_kinds = found.shares.shape
    rows = pd.DataFrame(
        {
            "draw": np.repeat(numbers, n_clusters),
            "cluster_id": np.tile(np.arange(n_clusters), len(numbers)),
            "score": found.scores[numbers].ravel(),
            "rank": found.ranks[numbers].ravel(),
        }
    )
    for code in range(n_kinds):
        rows[f"share_{code}"] = found.shares[numbers, :, code].ravel()
        if found.in_own is not None:
            rows[f"in_own_{code}"] = found.in_own[numbers, :, code].ravel()
    return rows


def _rows_alone(found: Replicates, numbers: NDArray[np.int64]) -> pd.DataFrame:
    """Return a row for each source, draw of it alone, and cluster."""
    first = numbers[numbers < MOST_DRAWS]
    tables = [_rows(each, first).assign(source=name) for name, each in found.alone.items()]
    columns = ["source", "draw", "cluster_id", "score", "rank"]
    return pd.concat(tables, ignore_index=True)[columns]


def _fill_alone(alone: dict[str, Replicates], rows: pd.DataFrame) -> None:
    """Copy the draws of single sources of a part to their places."""
    for name, found in alone.items():
        mine = rows[rows["source"] == name]
        number, cluster = mine["draw"].to_numpy(), mine["cluster_id"].to_numpy()
        found.scores[number, cluster] = mine["score"]
        found.ranks[number, cluster] = mine["rank"]


def gather_uncertainty(parts: list[Part], report: Report) -> Uncertainty:
    """Assemble the rank uncertainty whose parts are given, one of each shard."""
    first = parts[0]
    study, reader = first.study, ResultReader(first.folder, "part")
    own = OwnClusters.from_table(reader.table(CLUSTERS), study)
    moved = reader.table(MOVED) if MOVED in first.files else None
    sources = dict.fromkeys(study.uncertainty.sources) if ALONE in first.files else {}
    alone = {name: empty_replicates(study, len(own.score)) for name in sources}
    found = replace(empty_replicates(study, len(own.score)), moved=moved, alone=alone)
    left = np.ones(study.uncertainty.draws, dtype=bool)
    for part in parts:
        reader = ResultReader(part.folder, "part")
        rows = reader.table(DRAWS)
        with reader.reading(DRAWS):
            left[_fill(found, rows)] = False
        if alone:
            rows = reader.table(ALONE)
            with reader.reading(ALONE):
                _fill_alone(alone, rows)
    with reader.reading(DRAWS):
        if left.any():
            raise ValueError(f"no part holds draw {np.flatnonzero(left)[0]}")
    pairs: list[Pair] = [(eps_km, least) for eps_km, least in first.common["draws"]["parameters"]]
    with stage(report, "compare clusters"):
        result = rank_uncertainty(study, own, found, pairs)
    return replace(result, warnings=first.warnings)


def _fill(found: Replicates, rows: pd.DataFrame) -> NDArray[np.int64]:
    """Copy the draws of a part to their places; return their numbers."""
    number, cluster = rows["draw"].to_numpy(), rows["cluster_id"].to_numpy()
    found.scores[number, cluster] = rows["score"]
    found.ranks[number, cluster] = rows["rank"]
    for code in range(found.shares.shape[2]):
        found.shares[number, cluster, code] = rows[f"share_{code}"]
        if found.in_own is not None:
            found.in_own[number, cluster, code] = rows[f"in_own_{code}"]
    return number
