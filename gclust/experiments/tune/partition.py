"""Partition: clusters of one pair of eps_km and min_samples before they are merged."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import shapely
from numpy.typing import NDArray

from gclust.experiments.tune.location_grid import LocationGrid, Patches, runs
from gclust.pipeline.count_arrays import LabelTotals, RecordCounter
from gclust.pipeline.listed_merges import ListedMerges
from gclust.progress import Report, silent
from gclust.ranking.matching import overlap

Labels = NDArray[np.int32]
BYTES_OF_A_TIE = 24


@dataclass(frozen=True)
class PairPartition:
    """Clusters at one eps_km and min_samples before merging, with data to merge and name them."""

    totals: LabelTotals
    base_label: NDArray[np.int64]
    """The study's own label, noise included, shape (k,)."""
    label: NDArray[np.int64]
    """The pair's label, noise included, shape (k,)."""
    weight: NDArray[np.int64]
    """Weight that has both labels, shape (k,)."""
    core_weight: int
    patches: Patches
    outlines: NDArray[np.object_]
    """Outline of each label as polygons in degrees, shape (n_labels,)."""

    @property
    def n_labels(self) -> int:
        """Number of clusters before merging."""
        return len(self.outlines)

    @property
    def n_bytes(self) -> int:
        """Approximate memory of the partition in bytes."""
        patches, totals = self.patches, self.totals
        kept = (
            *(totals.units, totals.open_labels, self.base_label, self.label, self.weight),
            *(patches.lat, patches.lon, patches.weight, patches.label),
        )
        corners = int(shapely.get_num_coordinates(self.outlines).sum())
        of_ties = BYTES_OF_A_TIE * len(totals.ties.a)
        return sum(each.nbytes for each in kept) + 16 * corners + of_ties


class PairMerging(NamedTuple):
    """What merges the clusters of a partition: ties, or a list of places."""

    ties: str
    """What counts as a tie; see `gclust.study.sections.Merge`."""
    listed: ListedMerges | None = None
    """Places whose clusters merge, with ``rule = "list"``."""


def partition_pair(
    labels: Labels,
    core: NDArray[np.bool_],
    base: Labels,
    grid: LocationGrid,
    counter: RecordCounter,
    merging: PairMerging,
    report: Report = silent,
) -> PairPartition:
    """Build the partition of a pair of parameters from the labels of the locations.

    ``labels``, ``core`` and ``base`` (the study's own labels), of shape (n,), are in the order of
    the grid's locations, and so are the counter's records. An exception that ``report`` raises
    ends the work.
    """
    name = "label listings"
    starts = runs(base, labels)
    shared = overlap(base[starts], labels[starts], np.add.reduceat(grid.density, starts))
    report(0.3, name)
    gaps_km = grid.gaps_km(labels) if merging.listed is None else merging.listed.gaps_km(labels)
    report(0.5, name)
    totals = counter.totals(labels, gaps_km, merging.ties)
    report(0.7, name)
    patches = grid.patches(labels)
    report(0.8, name)
    return PairPartition(
        totals=totals,
        base_label=shared["a"].to_numpy(),
        label=shared["b"].to_numpy(),
        weight=shared["weight"].to_numpy(),
        core_weight=int(grid.density.sum(where=core)),
        patches=patches,
        outlines=grid.outlines(labels, core, totals.units.shape[1]),
    )
