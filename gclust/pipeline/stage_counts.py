"""The counts of rows, weights, locations, clusters and records through the stages of a run."""

from __future__ import annotations

from typing import Any

import numpy as np

from gclust.errors import StudyError
from gclust.pipeline.count import MergedCounts
from gclust.pipeline.form import Partition
from gclust.pipeline.prepare import Prepared
from gclust.study.schema import Study
from gclust.units import UNIT

Counts = dict[str, dict[str, Any]]

ROUNDING = 1e-6
"""Part of a world total by which fractional counts may exceed it, for they are rounded."""


def stage_counts(
    study: Study, prepared: Prepared, partition: Partition, counted: MergedCounts
) -> Counts:
    """Count what each stage got and what it made of it, and check that nothing was lost.

    Returns
    -------
    dict
        ``rows`` (of all sources): ``read`` is the sum of ``outside_years``, ``rejected`` and
        ``used``. ``weight`` (of used rows): ``located`` is the sum of ``in_clusters`` and
        ``noise``; ``by_kind`` adds up to it. ``locations``: ``all`` is the sum of ``in_clusters``
        and ``noise``. ``clusters``: ``before_merging`` is the sum of ``merged`` and ``joined``.
        ``records`` by kind: ``world`` is the sum of ``in_clusters`` and ``elsewhere``, except
        where a record counts whole in each of its clusters.

    Raises
    ------
    StudyError
        If the counts do not add up, which is an error in gclust.
    """
    rows = {
        name: int(prepared.staged.sources[column].sum())
        for name, column in (
            ("read", "rows"),
            ("outside_years", "outside_years"),
            ("rejected", "rejected"),
            ("used", "used"),
        )
    }
    _check("rows", rows["read"], rows["outside_years"] + rows["rejected"] + rows["used"])
    return {
        "rows": rows,
        "weight": _weight(prepared, partition),
        "locations": _locations(partition),
        "clusters": _clusters(partition, counted),
        "records": _records(study, prepared, counted),
    }


def _weight(prepared: Prepared, partition: Partition) -> dict[str, Any]:
    units, staged = prepared.locations["units"].to_numpy(), prepared.staged
    inside = partition.labels >= 0
    clusters, noise = int(units[inside].sum()), int(units[~inside].sum())
    by_kind = {kind: staged.kind_units[code] for code, kind in enumerate(staged.kinds)}
    _check("weights of locations", sum(by_kind.values()), clusters + noise)
    return {
        "located": sum(by_kind.values()) / UNIT,
        "by_kind": {kind: each / UNIT for kind, each in by_kind.items()},
        "in_clusters": clusters / UNIT,
        "noise": noise / UNIT,
    }


def _locations(partition: Partition) -> dict[str, Any]:
    labels = partition.labels
    inside, noise = int((labels >= 0).sum()), int((labels == -1).sum())
    _check("locations", len(labels), inside + noise)
    return {"all": len(labels), "in_clusters": inside, "noise": noise}


def _clusters(partition: Partition, counted: MergedCounts) -> dict[str, Any]:
    found, merged = len(counted.cluster_ids), len(counted.count)
    _check("clusters", len(np.unique(partition.labels[partition.labels >= 0])), found)
    _check("merged clusters", len(np.unique(counted.cluster_ids)), merged)
    return {"before_merging": found, "joined": found - merged, "merged": merged}


def _records(study: Study, prepared: Prepared, counted: MergedCounts) -> dict[str, Any]:
    found = {}
    for kind in prepared.staged.kinds:
        world = float(prepared.world_totals[kind])
        inside = np.rint(counted.count[kind].to_numpy() * UNIT).astype(np.int64).sum() / UNIT
        counts = {"world": world, "in_clusters": float(inside)}
        if study.counting.method == "fractional":
            counts["elsewhere"] = world - float(inside)
            if counts["elsewhere"] < -ROUNDING * world:
                _check(f"records of kind {kind!r}", world, float(inside))
        found[kind] = counts
    return found


def _check(what: str, expected: float, found: float) -> None:
    if expected != found:
        raise StudyError(
            f"{what}: a stage was given {expected:,} and has {found:,}; this is an error in"
            " gclust: please report it with the study"
        )
