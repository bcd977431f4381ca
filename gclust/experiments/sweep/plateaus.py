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
AXES = ("eps_km", "min_samples")
COLUMNS = (
    *("plateau", "eps_km", "min_samples", "pairs", "least_eps_km", "most_eps_km"),
    *("least_min_samples", "most_min_samples", "least_clusters", "most_clusters", "least_ari"),
)


@dataclass(frozen=True)
class Suggestion:
    """Suggested pair of parameters, with the reason in one sentence."""

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
        centre: the pair with the least sum of squared steps to its other pairs), ``pairs``,
        ``least_eps_km, most_eps_km, least_min_samples, most_min_samples, least_clusters,
        most_clusters, least_ari`` (between neighbours within it); the largest first.
    names : Series of str
        The plateau of each row of ``table``, empty for none.
    """
    order = np.lexsort((table["min_samples"], table["eps_km"]))
    grid = table.iloc[order].reset_index(drop=True)
    axes = [np.unique(grid[name].to_numpy(float)) for name in AXES]
    if not pd.MultiIndex.from_frame(grid[list(AXES)]).equals(pd.MultiIndex.from_product(axes)):
        raise ValueError(
            "the table must have each pair of eps_km and min_samples once; expected one row for"
            " each combination of their values"
        )
    links, ari = _links(grid, (axes[0].size, axes[1].size), least_ari, most_change)
    graph = coo_array((np.ones(len(links)), links.T), shape=(len(grid), len(grid)))
    _, region = connected_components(graph, directed=False)
    rows = []
    names = np.full(len(grid), "", dtype=object)
    for label in np.flatnonzero(np.bincount(region) > 1):
        cells = np.flatnonzero(region == label)
        centre = grid.iloc[_centre(cells, axes[1].size)]
        row = {"plateau": named(*centre[list(AXES)]), **centre[list(AXES)], "pairs": cells.size}
        for name in (*AXES, "n_clusters"):
            values, what = grid[name].iloc[cells], name.removeprefix("n_")
            row |= {f"least_{what}": values.min(), f"most_{what}": values.max()}
        rows.append({**row, "least_ari": ari[np.isin(links[:, 0], cells)].min()})
        names[cells] = row["plateau"]
    plateaus = pd.DataFrame(rows, columns=COLUMNS).sort_values(
        ["pairs", *AXES], ascending=[False, True, True], ignore_index=True
    )
    in_order = np.empty(len(grid), dtype=object)
    in_order[order] = names
    return plateaus, pd.Series(in_order, index=table.index, name="plateau", dtype="string")


def _links(
    grid: pd.DataFrame, shape: tuple[int, int], least_ari: float, most_change: float
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return the pairs of linked cells, shape (n, 2), and the adjusted Rand index of each."""
    cells = np.arange(len(grid)).reshape(shape)
    down = cells[1:].ravel(), cells[:-1].ravel()
    right = cells[:, 1:].ravel(), cells[:, :-1].ravel()
    smaller_eps = grid["ari_to_smaller_eps"].to_numpy(float)[down[0]]
    smaller_min_samples = grid["ari_to_smaller_min_samples"].to_numpy(float)[right[0]]
    ari = np.concatenate((smaller_eps, smaller_min_samples))
    both = np.hstack((down, right))
    n, m = grid["n_clusters"].to_numpy(np.int64)[both]
    linked = (grid["diagnostics"] == "").to_numpy()[both].all(axis=0) & (ari >= least_ari)
    linked &= np.abs(n - m) <= most_change * np.maximum(n, m)
    return both.T[linked], ari[linked]


def _centre(cells: NDArray[np.int64], n_columns: int) -> int:
    """Return the plateau's cell with the least sum of squared steps to its other cells."""
    row, column = np.divmod(cells, n_columns)
    steps = (row[:, None] - row) ** 2 + (column[:, None] - column) ** 2
    return int(cells[np.argmin(steps.sum(axis=1))])


def suggest(
    table: pd.DataFrame, plateaus: pd.DataFrame, target_clusters: int | None
) -> tuple[Suggestion, ...]:
    """Return suggested pairs of parameters, with reasons.

    ``table`` and ``plateaus`` are those of `find_plateaus`, the table with a column ``plateau``. If
    a number of clusters is wanted, the pair whose number is nearest to it comes first; of several
    the one in the largest plateau, and there the nearest to its centre. Then comes the centre of
    the largest plateau, if there is one. Pairs with diagnostics are not suggested.
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
    """Return the name of a pair of parameters, such as ``15 km, 4500``."""
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
    steps = {name: {v: i for i, v in enumerate(sorted(sound[name].unique()))} for name in AXES}
    nearest["off_centre"] = sum(
        (nearest[name].map(steps[name]) - nearest["plateau"].map(known[name]).map(steps[name])) ** 2
        for name in steps
    )
    order, ascending = ["pairs", "off_centre", *AXES], [False, True, True, True]
    row = nearest.fillna({"off_centre": 0.0}).sort_values(order, ascending=ascending).iloc[0]
    reason = f"{row['n_clusters']} clusters, nearest to the {target} wanted"
    if row["n_clusters"] == target:
        reason = f"{target} clusters, as many as wanted"
    if row["plateau"]:
        reason += f", on the plateau of {row['pairs']:.0f} pairs about {row['plateau']}"
    else:
        reason += ", on no plateau: with its neighbours the clusters change"
    return Suggestion(float(row["eps_km"]), float(row["min_samples"]), reason)
