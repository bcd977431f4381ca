"""What one pair of eps_km and min_samples makes of the listings, whatever is merged after."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

from gclust.experiments.grid import Pair
from gclust.experiments.tune.location_grid import Patches, Places, runs
from gclust.kernels.cooccurrence import sum_values
from gclust.listings.record_arrays import Records
from gclust.pipeline.count_arrays import ties_of
from gclust.progress import Report, silent
from gclust.ranking.matching import overlap

Labels = NDArray[np.int32]
BYTES_OF_A_TIE = 250


@dataclass(frozen=True)
class PairPartition:
    """Labels of a pair, and all that is needed of them.

    Attributes
    ----------
    pair : (eps_km, min_samples)
    n_labels : int
    count : ndarray of int64, shape (kinds, n_labels)
        Units that the locations of each label count.
    of_open : ndarray of int32
        Label of each row of the records that are still to be counted.
    ties : dict
        (a, b) with a < b -> ties of the labels that have a gap; noise is -1.
    gaps : dict
        (a, b) with a < b -> km.
    base_label, label, weight : ndarray, shape (k,)
        The labels of the study itself beside those of the pair, noise included, and the weight
        that has both.
    core_weight : int
        Of all core locations.
    patches : Patches
        What clusters are named by.
    outlines : ndarray of shapely geometries, shape (n_labels,)
        In degrees.
    """

    pair: Pair
    n_labels: int
    count: NDArray[np.int64]
    of_open: Labels
    ties: dict[tuple[int, int], float]
    gaps: dict[tuple[int, int], float]
    base_label: NDArray[np.int64]
    label: NDArray[np.int64]
    weight: NDArray[np.int64]
    core_weight: int
    patches: Patches
    outlines: NDArray[np.object_]

    @property
    def n_bytes(self) -> int:
        """About how much memory it takes."""
        patches = self.patches
        arrays = (self.count, self.of_open, self.base_label, self.label, self.weight)
        held = (*arrays, patches.lat, patches.lon, patches.weight, patches.label)
        corners = int(shapely.get_num_coordinates(self.outlines).sum())
        return sum(each.nbytes for each in held) + 16 * corners + BYTES_OF_A_TIE * len(self.ties)


def form(
    pair: Pair,
    labels: Labels,
    core: NDArray[np.bool_],
    base: Labels,
    records: Records,
    places: Places,
    ties: str,
    threads: int,
    report: Report = silent,
) -> PairPartition:
    """Gather what the labels of a pair come to.

    Parameters
    ----------
    pair : (eps_km, min_samples)
    labels : ndarray of int32, shape (n,)
        Of the locations in the order of the cells; -1 for noise.
    core : ndarray of bool, shape (n,)
    base : ndarray of int32, shape (n,)
        Labels that the study itself gives.
    records : Records
    places : Places
    ties : {"fractional", "pairs"}
    threads : int
    report : callable
        Called with ``(fraction, stage)`` now and then; what it raises ends the work.
    """

    def step(share: float) -> None:
        report(share, "label listings")

    n_labels = int(labels.max(initial=-1)) + 1
    starts = runs(base, labels)
    then, now = base[starts], labels[starts]
    shared = overlap(then, now, np.add.reduceat(places.density, starts))
    step(0.3)
    gaps = places.gaps_km(labels)
    step(0.5)
    near = np.zeros(n_labels + 1, dtype=bool)
    near[[end + 1 for pair in gaps for end in pair]] = True
    strengths = ties_of(records, labels, near, ties, threads) if gaps else {}
    step(0.7)
    patches = places.patches(labels)
    step(0.8)
    return PairPartition(
        pair=pair,
        n_labels=n_labels,
        count=sum_values(labels, records.fixed, n_labels),
        of_open=labels[records.open_rows.place],
        ties=strengths,
        gaps=gaps,
        base_label=shared["a"].to_numpy(),
        label=shared["b"].to_numpy(),
        weight=shared["weight"].to_numpy(),
        core_weight=int(places.density[core].sum()),
        patches=patches,
        outlines=places.outlines(labels, core, n_labels),
    )
