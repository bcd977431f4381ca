"""Plateaus: connected regions of the parameter grid where the clusters hardly change."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

LEAST_ARI = 0.95
MOST_CHANGE = 0.05


@dataclass(frozen=True)
class Suggestion:
    """A suggested pair of parameters.

    Attributes
    ----------
    eps_km, min_samples : float
    reason : str
        A sentence.
    """

    eps_km: float
    min_samples: float
    reason: str


def find_plateaus(
    table: pd.DataFrame, *, least_ari: float = LEAST_ARI, most_change: float = MOST_CHANGE
) -> tuple[pd.DataFrame, pd.Series]:
    """Find the plateaus of a parameter grid.

    Two neighbouring pairs (next to each other in eps_km or in min_samples) are linked if neither
    has diagnostics, their clusters have an adjusted Rand index of at least ``least_ari``, and
    their numbers of clusters differ by at most ``most_change`` of the larger. A plateau is two or
    more pairs connected by links. Small changes may add up across a plateau, as
    ``least_clusters`` and ``most_clusters`` show.

    Parameters
    ----------
    table : DataFrame
        One row per pair, all of them: ``eps_km, min_samples, n_clusters, ari_to_smaller_eps,
        ari_to_smaller_min_samples`` (adjusted Rand index with the neighbour) and ``diagnostics``.
    least_ari, most_change : float
        From 0 to 1.

    Returns
    -------
    plateaus : DataFrame
        ``plateau`` (named by its centre, such as ``15 km, 4500``), ``eps_km, min_samples`` (its
        centre: the pair with the least sum of squared steps to all others), ``pairs``,
        ``least_eps_km, most_eps_km, least_min_samples, most_min_samples, least_clusters,
        most_clusters, least_ari`` (between neighbours within it); the largest first.
    names : Series of str
        The plateau of each row of ``table``, empty for none.
    """
    grid = _Grid.of(table)
    links, ari = grid.links(least_ari, most_change)
    number = grid.n_eps * grid.n_min
    ones = np.ones(len(links), dtype=np.int8)
    graph = coo_array((ones, (links[:, 0], links[:, 1])), shape=(number, number))
    _, region = connected_components(graph, directed=False)
    rows = []
    names = np.full(number, "", dtype=object)
    for label in np.flatnonzero(np.bincount(region) > 1):
        cells = np.flatnonzero(region == label)
        centre = grid.centre(cells)
        name = named(grid.eps_km[centre], grid.min_samples[centre])
        names[cells] = name
        clusters = grid.n_clusters[cells]
        rows.append(
            {
                "plateau": name,
                "eps_km": grid.eps_km[centre],
                "min_samples": grid.min_samples[centre],
                "pairs": cells.size,
                "least_eps_km": grid.eps_km[cells].min(),
                "most_eps_km": grid.eps_km[cells].max(),
                "least_min_samples": grid.min_samples[cells].min(),
                "most_min_samples": grid.min_samples[cells].max(),
                "least_clusters": clusters.min(),
                "most_clusters": clusters.max(),
                "least_ari": ari[np.isin(links[:, 0], cells)].min(),
            }
        )
    columns = [
        *("plateau", "eps_km", "min_samples", "pairs", "least_eps_km", "most_eps_km"),
        *("least_min_samples", "most_min_samples", "least_clusters", "most_clusters", "least_ari"),
    ]
    plateaus = pd.DataFrame(rows, columns=columns).sort_values(
        ["pairs", "eps_km", "min_samples"], ascending=[False, True, True], ignore_index=True
    )
    in_order = pd.Series(names[grid.place], index=table.index, name="plateau", dtype="string")
    return plateaus, in_order


def suggest(
    table: pd.DataFrame, plateaus: pd.DataFrame, target_clusters: int | None
) -> tuple[Suggestion, ...]:
    """Suggest parameters, with the reason.

    Parameters
    ----------
    table : DataFrame
        As in `find_plateaus`, and ``plateau``.
    plateaus : DataFrame
        From `find_plateaus`.
    target_clusters : int, optional
        The number of clusters wanted.

    Returns
    -------
    tuple of Suggestion
        With a target, first the pair whose number of clusters is nearest to it; of several the
        one in the largest plateau, and there the nearest to its centre. Then the centre of the
        largest plateau, if there is one. Pairs with diagnostics are not suggested.
    """
    found = []
    sound = table[table["diagnostics"] == ""]
    if target_clusters is not None and len(sound):
        found.append(_calibrated(sound, plateaus, target_clusters))
    if len(plateaus):
        largest = plateaus.iloc[0]
        reason = f"centre of the largest plateau: {_described(largest, len(table))}"
        centre = float(largest["eps_km"]), float(largest["min_samples"])
        found.append(Suggestion(*centre, reason))
    return tuple(found)


def named(eps_km: float, min_samples: float) -> str:
    """Return the name of a pair of parameters."""
    return f"{eps_km:.12g} km, {min_samples:.12g}"


def _described(plateau: pd.Series, n_pairs: int) -> str:
    def span(name: str, form: str = ".12g") -> str:
        low, high = (format(plateau[f"{end}_{name}"], form) for end in ("least", "most"))
        return low if low == high else f"{low} to {high}"

    return (
        f"{plateau['pairs']} of {n_pairs} pairs, {span('eps_km')} km and {span('min_samples')},"
        f" have {span('clusters', 'd')} clusters, and neighbours agree with an adjusted Rand index"
        f" of at least {np.floor(1000 * plateau['least_ari']) / 1000:.3f}"
    )


def _calibrated(sound: pd.DataFrame, plateaus: pd.DataFrame, target: int) -> Suggestion:
    off = (sound["n_clusters"] - target).abs()
    nearest = sound[off == off.min()].copy()
    known = plateaus.set_index("plateau")
    nearest["pairs"] = nearest["plateau"].map(known["pairs"]).fillna(1)
    steps = {
        name: {value: i for i, value in enumerate(sorted(sound[name].unique()))}
        for name in ("eps_km", "min_samples")
    }
    nearest["off_centre"] = sum(
        (nearest[name].map(steps[name]) - nearest["plateau"].map(known[name]).map(steps[name])) ** 2
        for name in steps
    )
    best = nearest.fillna({"off_centre": 0.0}).sort_values(
        ["pairs", "off_centre", "eps_km", "min_samples"], ascending=[False, True, True, True]
    )
    row = best.iloc[0]
    reason = f"{row['n_clusters']} clusters, nearest to the {target} wanted"
    if row["n_clusters"] == target:
        reason = f"{target} clusters, as many as wanted"
    if row["plateau"]:
        reason += f", on the plateau of {row['pairs']:.0f} pairs about {row['plateau']}"
    else:
        reason += ", on no plateau: with its neighbours the clusters change"
    return Suggestion(float(row["eps_km"]), float(row["min_samples"]), reason)


@dataclass(frozen=True)
class _Grid:
    """Columns of the table in the order of the grid, rows of equal eps_km one after another."""

    n_eps: int
    n_min: int
    place: NDArray[np.int64]
    eps_km: NDArray[np.float64]
    min_samples: NDArray[np.float64]
    n_clusters: NDArray[np.int64]
    ari_eps: NDArray[np.float64]
    ari_min: NDArray[np.float64]
    sound: NDArray[np.bool_]

    @classmethod
    def of(cls, table: pd.DataFrame) -> _Grid:
        eps, row = np.unique(table["eps_km"].to_numpy(float), return_inverse=True)
        least, column = np.unique(table["min_samples"].to_numpy(float), return_inverse=True)
        place = row * least.size + column
        order = np.argsort(place, kind="stable")
        if not np.array_equal(place[order], np.arange(eps.size * least.size)):
            raise ValueError("the table must have each pair of eps_km and min_samples once")
        ordered = table.iloc[order]
        return cls(
            n_eps=eps.size,
            n_min=least.size,
            place=place,
            eps_km=ordered["eps_km"].to_numpy(float),
            min_samples=ordered["min_samples"].to_numpy(float),
            n_clusters=ordered["n_clusters"].to_numpy(np.int64),
            ari_eps=ordered["ari_to_smaller_eps"].to_numpy(float),
            ari_min=ordered["ari_to_smaller_min_samples"].to_numpy(float),
            sound=(ordered["diagnostics"] == "").to_numpy(),
        )

    def links(
        self, least_ari: float, most_change: float
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Return the linked neighbours, and their adjusted Rand index."""
        cells = np.arange(self.n_eps * self.n_min).reshape(self.n_eps, self.n_min)
        joined = np.vstack(
            (
                np.column_stack((cells[1:].ravel(), cells[:-1].ravel())),
                np.column_stack((cells[:, 1:].ravel(), cells[:, :-1].ravel())),
            )
        )
        ari = np.concatenate((self.ari_eps[cells[1:].ravel()], self.ari_min[cells[:, 1:].ravel()]))
        n, m = self.n_clusters[joined[:, 0]], self.n_clusters[joined[:, 1]]
        same = self.sound[joined].all(axis=1) & (ari >= least_ari)
        same &= np.abs(n - m) <= most_change * np.maximum(n, m)
        return joined[same], ari[same]

    def centre(self, cells: NDArray[np.int64]) -> int:
        """Return the cell with the least sum of squared steps to all others."""
        row, column = cells // self.n_min, cells % self.n_min
        steps = (row[:, None] - row) ** 2 + (column[:, None] - column) ** 2
        return int(cells[np.argmin(steps.sum(axis=1))])
