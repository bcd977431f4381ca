"""How the records of a draw vary beyond record by record: by organisation or by cluster."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gclust.experiments.uncertainty.dispersion import Excess
from gclust.experiments.uncertainty.organisations import Organisations
from gclust.kernels.resampling.amounts import draw_multipliers
from gclust.kernels.resampling.volumes import (
    ALONE,
    CELL,
    MULTIPLIED,
    ORGANISATION,
    PLAIN,
    WHOLE,
    Law,
    draw_copies_of_means,
    draw_volumes,
)
from gclust.study.schema import Study
from gclust.units import UNIT

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Variation:
    """How the records of each kind vary, and the organisations and excesses that this needs."""

    organisations: Organisations = field(default_factory=Organisations)
    ways: NDArray[np.int8] = field(default_factory=lambda: np.zeros(0, dtype=np.int8))
    """Way in which the records of each kind are drawn (of `gclust.kernels.resampling.volumes`),
    shape (kinds,)."""
    cv: float = 0.0
    """Coefficient of variation of the volumes of organisations."""
    excess: Floats = field(default_factory=lambda: np.zeros(0))
    """Variance of the volumes of clusters, by kind, 0 where they do not vary, shape (kinds,)."""

    def __bool__(self) -> bool:
        return bool(self.ways.any() or self.excess.any())

    def with_excess(self, kinds: Sequence[str], excess: Mapping[str, Excess]) -> Variation:
        """Return the variation with the excess variances of some kinds."""
        found = [excess[kind].k if kind in excess else 0.0 for kind in kinds]
        return replace(self, excess=np.array(found))

    def law(self, n_clusters: int) -> Law:
        """Return the law of organisations, and of as many clusters."""
        return Law(self.organisations.n, self.cv, np.tile(np.sqrt(self.excess), n_clusters))


def variation_of(study: Study, kinds: tuple[str, ...], organisations: Organisations) -> Variation:
    """Return how a study's records vary, before the excess of clusters is known."""
    varies = study.variation
    ways = np.full(len(kinds), PLAIN, dtype=np.int8)
    for named, way in ((varies.resample, WHOLE), (varies.multiplier, MULTIPLIED)):
        ways[np.isin(kinds, named)] = way
    given = study.uncertainty.multiplier
    cv = 0.0 if given is None else given.cv
    return Variation(organisations, ways, cv, np.zeros(len(kinds)))


class DrawnVolumes:
    """Volumes and copies of organisations and clusters in the draws of a `Bootstrap`.

    Parameters
    ----------
    variation : Variation
    items : ndarray of int64, shape (r,)
        Organisation of each record, -1 for none.
    kind : ndarray of int64, shape (r,)
        Kind of each record.
    clusters : ndarray of int64, shape (n,)
        The study's own cluster of each place, -1 for noise.
    seed, threads : int
    """

    def __init__(
        self,
        variation: Variation,
        items: Ints,
        kind: Ints,
        clusters: Ints,
        *,
        seed: int,
        threads: int,
    ) -> None:
        self._variation, self._items, self._kind = variation, items, kind
        self._clusters, self._seed, self._threads = clusters, seed, threads
        n_clusters = int(clusters.max(initial=-1)) + 1
        self._law, self._n_kinds = variation.law(n_clusters), len(variation.ways)
        self._way = variation.ways[kind]
        varies = (self._way == MULTIPLIED) | (variation.excess[kind] > 0)
        self._varied = np.flatnonzero(varies)
        self._whole = np.flatnonzero((self._way == WHOLE) & (items >= 0))
        self._alone = np.where((self._way == MULTIPLIED) & (items < 0), variation.cv, 0.0)
        self._owned = np.flatnonzero((self._way == MULTIPLIED) & (items >= 0))
        self._at = self._cell = np.zeros(0, dtype=np.int64)
        self._part = np.zeros(0)

    def place_records(self, rows: dict[str, Ints], *, whole: bool) -> None:
        """Find the part of each record in each of the study's clusters.

        ``rows`` are those of `gclust.experiments.uncertainty.record_arrays.ListingArrays`.
        """
        cluster = self._clusters[rows["place"]]
        mine = (rows["number"] >= 0) & (cluster >= 0) & (self._variation.excess[rows["kind"]] > 0)
        number, cluster = rows["number"][mine], cluster[mine]
        part = rows["units"][mine] / rows["record_units"][mine]
        if whole:
            n_clusters = max(int(cluster.max(initial=-1)) + 1, 1)
            number, cluster = np.divmod(np.unique(number * n_clusters + cluster), n_clusters)
            part = 1 / np.bincount(number)[number]
        self._at, self._part = number, part
        self._cell = cluster * self._n_kinds + self._kind[number]

    def copies(self, draw: int, copies: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return the number of copies of each record, (r,), from those drawn one by one."""
        found = copies.copy()
        if len(self._whole):
            found[self._whole] = self._copies(draw)[self._items[self._whole]]
        if not len(self._varied):
            return found
        mean = draw_volumes(self._alone, self._seed, ALONE, draw, self._threads)
        mean[self._owned] = self._volumes(draw)[self._items[self._owned]]
        added = self._part * (self._cells(draw)[self._cell] - 1)
        mean *= 1 + np.bincount(self._at, added, minlength=len(mean))
        varied = draw_copies_of_means(mean, self._seed, draw, self._threads)
        found[self._varied] = varied[self._varied]
        return found

    def weight(self, draw: int, kind: Ints, item: Ints, place: Ints) -> tuple[Floats, Ints]:
        """Return by what the expected weight without records is multiplied, and its copies.

        Arguments have the shape (m,); ``place`` is -1 for none. Copies are those of weight that
        is drawn with its organisation, -1 for all others.
        """
        way = self._variation.ways[kind]
        times, number = np.ones(len(kind)), np.full(len(kind), -1, dtype=np.int64)
        known = item >= 0
        whole, owned = known & (way == WHOLE), known & (way == MULTIPLIED)
        if whole.any():
            number[whole] = self._copies(draw)[item[whole]]
        if owned.any():
            times[owned] = self._volumes(draw)[item[owned]]
        cluster = np.append(self._clusters, -1)[place]
        inside = (cluster >= 0) & (self._variation.excess[kind] > 0)
        if inside.any():
            cells = self._cells(draw)
            times[inside] *= cells[cluster[inside] * self._n_kinds + kind[inside]]
        return times, number

    def _copies(self, draw: int) -> Floats:
        return draw_multipliers(np.zeros(self._law.n_items), self._seed, draw, self._threads)

    def _volumes(self, draw: int) -> Floats:
        cv = np.full(self._law.n_items, self._law.cv)
        return draw_volumes(cv, self._seed, ORGANISATION, draw, self._threads)

    def _cells(self, draw: int) -> Floats:
        return draw_volumes(self._law.cell_cv, self._seed, CELL, draw, self._threads)


def whole_weight(units: Ints, number: Ints) -> Ints:
    """Return the weight that is drawn with its organisation; 0 where it is not (-1)."""
    return units * np.maximum(number, 0)


def in_records(table: pd.DataFrame) -> Floats:
    """Return weights of a table (``units``) as numbers of records."""
    return table["units"].to_numpy() / UNIT
