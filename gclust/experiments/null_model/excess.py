"""Excess of weight over a baseline at the places of a grid, and its distribution by chance.

The weight near a place is a sum of independent units, each near it with the share of its
stratum's baseline that is near. Its expectation and variance follow exactly, so that no draws
are spent on them, and those of the observed map and of the draws are the same constants.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gclust.experiments.null_model.baseline import Baseline
from gclust.experiments.null_model.units import Units
from gclust.kernels.resampling.placing import (
    MeasuredPlaces,
    PlacedUnits,
    PlacesNear,
    alias_table,
    draw_largest,
)
from gclust.kernels.spatial.grid_cells_near import CellsNear, cells_near
from gclust.places.numbered_cells import NumberedCells
from gclust.progress import Report, stage

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


class Places(NamedTuple):
    """The places of a null model: cells of a grid with baseline within the radius of their centre.

    ``near`` are those within the radius of each location of the baseline; ``outside`` is the
    observed weight that is near none of them.
    """

    grid: NumberedCells
    cell: Ints
    near: PlacesNear
    tested: MeasuredPlaces
    outside: int

    def numbers(self, cell: Ints) -> Ints:
        """Return the places of cells, -1 of cells without baseline."""
        at = np.minimum(np.searchsorted(self.cell, cell), len(self.cell) - 1)
        return np.where(self.cell[at] == cell, at, -1)

    @property
    def excess(self) -> Floats:
        """Standardised excess of the observed weight at each place."""
        tested = self.tested
        found: Floats = (tested.observed - tested.expected) / tested.scale
        return found


class ByChance(NamedTuple):
    """What the draws gave: the largest excess of each, and how often places were exceeded."""

    largest: Floats
    exceeded: Ints

    def family_p(self, excess: Floats) -> Floats:
        """Return the share of the draws, and of the map itself, whose largest is as large."""
        ordered = np.sort(self.largest)
        reached = len(ordered) - np.searchsorted(ordered, excess, side="left")
        p: Floats = (1 + reached) / (len(ordered) + 1)
        return p

    @property
    def pointwise_p(self) -> Floats:
        """The same of each place alone."""
        p: Floats = (1 + self.exceeded) / (len(self.largest) + 1)
        return p

    def critical(self, level: float) -> float:
        """Return the largest excess of the draws that is just not significant."""
        ordered = np.sort(self.largest)
        least = int(np.floor(level * (len(ordered) + 1) + 1e-9))  # draws that may reach it, and one
        return float(ordered[len(ordered) - least]) if least else np.inf


def measure(
    locations: pd.DataFrame, baseline: Baseline, units: Units, radius_km: float, threads: int
) -> Places:
    """Find the places, the weight near each, and its expectation and standard deviation.

    ``locations`` have ``lat, lon`` and ``weight`` (int64, fixed point) of the units.
    """
    grid = NumberedCells.of(radius_km)
    table = baseline.table
    near = cells_near(
        table["lat"].to_numpy(), table["lon"].to_numpy(), grid.centres, radius_km, threads
    )
    cell, place = np.unique(near.cell, return_inverse=True)
    places = PlacesNear(near.start, place.astype(np.int32))
    here = locations[locations["weight"].to_numpy() > 0]
    of_map = cells_near(
        here["lat"].to_numpy(), here["lon"].to_numpy(), grid.centres, radius_km, threads
    )
    observed, outside = _observed(of_map, here["weight"].to_numpy(), cell)
    expected, scale = moments(baseline, units, places, len(cell))
    return Places(grid, cell, places, MeasuredPlaces(observed, expected, scale), outside)


def _observed(near: CellsNear, weight: Ints, cell: Ints) -> tuple[Ints, int]:
    """Return the weight near each place, and the weight near none."""
    at = np.minimum(np.searchsorted(cell, near.cell), len(cell) - 1)
    known = cell[at] == near.cell
    row = np.repeat(np.arange(len(weight)), np.diff(near.start))
    observed = np.zeros(len(cell), dtype=np.int64)
    np.add.at(observed, at[known], weight[row[known]])
    inside = np.zeros(len(weight), dtype=bool)
    inside[row[known]] = True
    return observed, int(weight[~inside].sum())


def moments(
    baseline: Baseline, units: Units, near: PlacesNear, n_places: int
) -> tuple[Floats, Floats]:
    """Return expectation and standard deviation of the weight near each place.

    The standard deviation is at least the mean weight of a unit, weighed by weight: where less
    than one unit is expected, a ratio to the tiny standard deviation would be large wherever any
    unit happens to lie, and the largest of all would only say which place is the emptiest.
    """
    weight, used = units.weights().astype(float), baseline.stratum >= 0
    n = len(baseline.strata)
    total = np.bincount(baseline.stratum[used], weight[used], n)
    squares = np.bincount(baseline.stratum[used], weight[used] ** 2, n)
    stratum = baseline.table["stratum"].to_numpy()
    whole = np.bincount(stratum, baseline.table["weight"], n)
    share = baseline.table["weight"].to_numpy() / whole[stratum]
    of_entry = np.repeat(np.arange(len(share)), np.diff(near.start))
    key = stratum[of_entry] * n_places + near.place
    pair, at = np.unique(key, return_inverse=True)
    p = np.minimum(np.bincount(at, share[of_entry], len(pair)), 1.0)
    of_pair, place = np.divmod(pair, n_places)
    expected = np.bincount(place, total[of_pair] * p, n_places)
    variance = np.bincount(place, squares[of_pair] * p * (1.0 - p), n_places)
    least = squares.sum() / total.sum()
    return expected.astype(np.float64), np.maximum(np.sqrt(variance), least)


def draw_by_chance(
    places: Places,
    baseline: Baseline,
    units: Units,
    *,
    draws: int,
    seed: int,
    threads: int,
    report: Report,
) -> ByChance:
    """Place the units at random, again and again; see `ByChance`."""
    used = np.flatnonzero(baseline.stratum >= 0)
    placed = PlacedUnits(units.weights()[used], baseline.stratum[used].astype(np.int32))
    table = alias_table(baseline.table["weight"].to_numpy(), baseline.begin)
    with stage(report, f"place {units.what}") as done:
        largest, exceeded = draw_largest(
            placed,
            table,
            places.near,
            places.tested,
            seed=seed,
            draws=np.arange(draws),
            threads=threads,
            report=done,
        )
    return ByChance(largest, exceeded)


def peaks(
    places: Places, locations: pd.DataFrame, clusters: Ints, n_clusters: int
) -> tuple[Ints, Ints]:
    """Return the place of each cluster with the largest excess, and the cluster of each place.

    A place belongs to the cluster with the most weight in its cell. A cluster with the most
    weight in no cell has all cells in which it lies. -1: no such place, no such cluster.
    """
    number = places.numbers(
        places.grid.number(locations["lat"].to_numpy(), locations["lon"].to_numpy())
    )
    rows = np.flatnonzero((clusters >= 0) & (number >= 0) & (locations["weight"].to_numpy() > 0))
    found = pd.DataFrame(
        {
            "cluster": clusters[rows],
            "place": number[rows],
            "weight": locations["weight"].to_numpy()[rows],
        }
    )
    found = found.groupby(["place", "cluster"], as_index=False, sort=True)["weight"].sum()
    order = found.sort_values(["place", "weight"], ascending=[True, False], kind="stable")
    owners = order.drop_duplicates("place")
    of_place = np.full(len(places.cell), -1, dtype=np.int64)
    of_place[owners["place"]] = owners["cluster"]
    others = found[~found["cluster"].isin(owners["cluster"])]
    candidates = pd.concat([owners, others], ignore_index=True)
    candidates["excess"] = places.excess[candidates["place"]]
    best = candidates.sort_values(
        ["cluster", "excess", "place"], ascending=[True, False, True], kind="stable"
    ).drop_duplicates("cluster")
    peak = np.full(n_clusters, -1, dtype=np.int64)
    peak[best["cluster"]] = best["place"]
    return peak, of_place
