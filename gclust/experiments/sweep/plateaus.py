"""Plateaus: connected regions of the parameter grid where the clusters hardly change.

They are compared by their area on logarithmic scales, so that neither the number of values that a
grid has nor the unit of the weights decides.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from gclust.plurals import counted

LEAST_ARI = 0.95
AXES = ("eps_km", "min_samples")
AGREEMENT, NUMBER = RULES = ("agreement", "number")
NAMES = {AGREEMENT: "plateau", NUMBER: "plateau_by_number"}
"""Column of a sweep's table that names the plateau of a pair, by rule."""

CLEAR = 1.5
"""Least area of a clear plateau, such as that of radii and thresholds which may each vary by a
factor of 3.4. In simulated worlds with known clusters the true plateau has at least 2.8, and in the
demo of the United States the largest has 0.9."""

LEAST = 0.5
"""Least area of a plateau that is suggested at all, then as a weak one."""

LEAST_CLUSTERS = 2
"""Least number of clusters on a plateau: one cluster, or none, is the same for many parameters."""

COLUMNS = (
    *("by", "plateau", "eps_km", "min_samples", "pairs", "area", "least_eps_km", "most_eps_km"),
    *("least_min_samples", "most_min_samples", "least_clusters", "most_clusters", "least_ari"),
)


WIDEST_KM = 100.0
"""Radius in km from which on a suggestion says that it is none of metropolitan areas. The labour
markets of the largest reach about as far from their centres."""


@dataclass(frozen=True)
class Suggestion:
    """Suggested pair of parameters, with the reason in one sentence.

    ``weak`` says that the plateau is small: other parameters give other clusters.
    """

    eps_km: float
    min_samples: float
    reason: str
    weak: bool = False


def find_plateaus(
    table: pd.DataFrame, by: str = AGREEMENT, *, least_ari: float = LEAST_ARI
) -> tuple[pd.DataFrame, pd.Series]:
    """Find the plateaus of a parameter grid.

    Two neighbouring pairs (next to each other in eps_km or in min_samples) that both have two or
    more clusters are linked if these have an adjusted Rand index of at least ``least_ari``, or, by
    number, if there are equally many. A plateau is two or more pairs connected by links. Small
    changes may add up across a plateau, as ``least_clusters`` and ``most_clusters`` show.

    Parameters
    ----------
    table : DataFrame
        One row per pair, all of them: ``eps_km, min_samples, n_clusters, ari_to_smaller_eps,
        ari_to_smaller_min_samples`` (adjusted Rand index with the neighbour).
    by : {"agreement", "number"}
    least_ari : float
        From 0 to 1.

    Returns
    -------
    plateaus : DataFrame
        ``by, plateau`` (named by its centre, such as ``15 km, 4500``), ``eps_km, min_samples`` (its
        centre: the pair nearest to the mean of its pairs, weighted by area), ``pairs, area`` (of
        the plateau on natural logarithmic scales of both parameters; each pair reaches half-way to
        its neighbours), ``least_eps_km, most_eps_km, least_min_samples, most_min_samples,
        least_clusters, most_clusters, least_ari`` (between linked neighbours); largest area first.
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
    links, ari = _links(grid, (axes[0].size, axes[1].size), by, least_ari)
    graph = coo_array((np.ones(len(links)), links.T), shape=(len(grid), len(grid)))
    _, region = connected_components(graph, directed=False)
    area = np.outer(*(_widths(values) for values in axes)).ravel()
    rows = []
    names = np.full(len(grid), "", dtype=object)
    for label in np.flatnonzero(np.bincount(region) > 1):
        cells = np.flatnonzero(region == label)
        centre = grid.iloc[_centre(grid, cells, area)]
        row = {"by": by, "plateau": named(*centre[list(AXES)]), **centre[list(AXES)]}
        row |= {"pairs": cells.size, "area": float(area[cells].sum())}
        for name in (*AXES, "n_clusters"):
            values, what = grid[name].iloc[cells], name.removeprefix("n_")
            row |= {f"least_{what}": values.min(), f"most_{what}": values.max()}
        rows.append({**row, "least_ari": ari[np.isin(links[:, 0], cells)].min()})
        names[cells] = row["plateau"]
    plateaus = pd.DataFrame(rows, columns=COLUMNS).sort_values(
        ["area", *AXES], ascending=[False, True, True], ignore_index=True
    )
    in_order = np.empty(len(grid), dtype=object)
    in_order[order] = names
    return plateaus, pd.Series(in_order, index=table.index, name=NAMES[by], dtype="string")


def _links(
    grid: pd.DataFrame, shape: tuple[int, int], by: str, least_ari: float
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
    alike = ari >= least_ari if by == AGREEMENT else n == m
    linked = alike & (np.minimum(n, m) >= LEAST_CLUSTERS)
    return both.T[linked], ari[linked]


def _widths(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how far each value reaches on a logarithmic scale: half-way to its neighbours.

    The first and the last reach as far outwards as inwards; a value alone has the width 1. What
    lies in wide gaps is not known: steps count up to twice the median step.
    """
    if values.size == 1:
        return np.ones(1)
    steps = np.diff(np.log(values))
    steps = np.minimum(steps, 2 * np.median(steps))
    return (np.append(steps[0], steps) + np.append(steps, steps[-1])) / 2


def _centre(grid: pd.DataFrame, cells: NDArray[np.int64], area: NDArray[np.float64]) -> int:
    """Return the cell that is nearest to the mean of some cells, on logarithmic scales."""
    logs = np.log(grid[list(AXES)].to_numpy(float)[cells])
    mean = np.average(logs, axis=0, weights=area[cells])
    return int(cells[np.argmin(((logs - mean) ** 2).sum(axis=1).round(9))])


def suggest(
    table: pd.DataFrame,
    plateaus: pd.DataFrame,
    target_clusters: int | None,
    baseline: tuple[float, float] | None = None,
) -> tuple[Suggestion, ...]:
    """Return suggested pairs of parameters, with reasons.

    If a number of clusters is wanted, the pair whose number is nearest to it comes first; of
    several the one in the largest plateau, and there the nearest to its centre. Then comes the
    centre of the largest plateau, and a runner-up if there is one: the largest by the other rule
    if the two have no pair in common, or another clear plateau. Where plateaus of both rules
    overlap, the centre is that of their common pairs.

    Parameters
    ----------
    table : DataFrame
        That of `find_plateaus`, with the names of the plateaus by both rules.
    plateaus : DataFrame
        Those of both rules.
    target_clusters : int, optional
    baseline : (float, float), optional
        The sweep's baseline; its suggestion says that it is that.
    """
    found = []
    if target_clusters is not None and table["n_clusters"].any():
        of_agreement = plateaus[plateaus["by"] == AGREEMENT]
        found.append(_calibrated(table[table["n_clusters"] > 0], of_agreement, target_clusters))
    for number, candidate in enumerate(_candidates(table, plateaus)):
        how = "centre of the largest plateau" if number == 0 else "centre of another plateau"
        how += ", a weak one" if candidate.weak else ""
        where = table.loc[candidate.centre]
        reason = f"{how}: {_described(candidate.plateau, len(table))}{_cautions(where)}"
        pair = float(where["eps_km"]), float(where["min_samples"])
        found.append(Suggestion(*pair, reason, candidate.weak))
    return tuple(
        replace(each, reason=f"the baseline itself; {each.reason}")
        if (each.eps_km, each.min_samples) == baseline
        else each
        for each in found
    )


def without_small(table: pd.DataFrame, plateaus: pd.DataFrame) -> pd.DataFrame:
    """Return a sweep's table without the names of plateaus that are too small to be suggested."""
    large = plateaus[plateaus["area"] >= LEAST]
    kept = {
        column: table[column].where(table[column].isin(large.loc[large["by"] == by, "plateau"]), "")
        for by, column in NAMES.items()
    }
    return table.assign(**kept)


def no_plateau(plateaus: pd.DataFrame) -> str:
    """Return why nothing is suggested, in a sentence."""
    if plateaus.empty:
        return "No clear plateau: no two neighbouring pairs with clusters agree"
    largest = plateaus.loc[plateaus["area"].idxmax()]
    return (
        f"No clear plateau: the largest has an area of {largest['area']:.2f} (natural logarithms of"
        f" both parameters), less than {LEAST:g}; the clusters depend on the parameters"
    )


@dataclass(frozen=True)
class _Candidate:
    """A plateau to be suggested, and the row of the table that is its centre."""

    plateau: pd.Series
    centre: int
    weak: bool


def _candidates(table: pd.DataFrame, plateaus: pd.DataFrame) -> list[_Candidate]:
    """Return the largest plateau, and the runner-up if there is one."""
    ranked = plateaus[plateaus["area"] >= LEAST].sort_values("area", ascending=False, kind="stable")
    area = _areas(table)
    groups: list[tuple[pd.Series, NDArray[np.int64]]] = []
    taken: list[tuple[str, int]] = []
    for number, plateau in ranked.iterrows():
        cells = np.flatnonzero((table[NAMES[plateau["by"]]] == plateau["plateau"]).to_numpy(bool))
        largest = number == plateaus.index[plateaus["by"] == plateau["by"]][0]
        for k, (first, known) in enumerate(groups):
            common = np.intersect1d(cells, known)
            if common.size:
                if first["by"] != plateau["by"] and (plateau["by"], k) not in taken:
                    groups[k] = first, common
                    taken.append((plateau["by"], k))
                break
        else:
            if not groups or largest or plateau["area"] >= CLEAR:
                groups.append((plateau, cells))
    return [
        _Candidate(plateau, int(table.index[_centre(table, cells, area)]), plateau["area"] < CLEAR)
        for plateau, cells in groups[:2]
    ]


def _areas(table: pd.DataFrame) -> NDArray[np.float64]:
    """Return the area of each pair of a table, in the order of its rows."""
    found = np.ones(len(table))
    for name in AXES:
        values, at = np.unique(table[name].to_numpy(float), return_inverse=True)
        found *= _widths(values)[at]
    return found


def named(eps_km: float, min_samples: float) -> str:
    """Return the name of a pair of parameters, such as ``15 km, 4500``."""
    return f"{eps_km:.12g} km, {min_samples:.12g}"


def _described(plateau: pd.Series, n_pairs: int) -> str:
    def span(name: str, form: str = ".12g") -> str:
        low, high = (format(plateau[f"{end}_{name}"], form) for end in ("least", "most"))
        return low if low == high else f"{low} to {high}"

    alike = (
        "neighbours agree with an adjusted Rand index of at least"
        f" {np.floor(1000 * plateau['least_ari']) / 1000:.3f}"
    )
    if plateau["by"] == NUMBER:
        alike = "neighbours have as many"
    return (
        f"{plateau['pairs']:,} of {counted(n_pairs, 'pair')}, {span('eps_km')} km and"
        f" {span('min_samples')},"
        f" have {span('clusters', 'd')} clusters, and {alike}; area {plateau['area']:.2f}"
        f" (clear from {CLEAR:g})"
    )


def _cautions(row: pd.Series) -> str:
    """Return what to know of a suggested pair: its diagnostics, and that its radius is wide."""
    found = [str(row["diagnostics"])] if row.get("diagnostics") else []
    if row["eps_km"] >= WIDEST_KM:
        found.append(
            "such a radius joins regions or continents; for clusters of the size of metropolitan"
            " areas restrict eps_km in [sweep]"
        )
    return f"; but: {'; '.join(found)}" if found else ""


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
    reason = f"{counted(row['n_clusters'], 'cluster')}, nearest to the {target} wanted"
    if row["n_clusters"] == target:
        reason = f"{counted(target, 'cluster')}, as many as wanted"
    if row["plateau"]:
        reason += f", on the plateau of {counted(row['pairs'], 'pair')} about {row['plateau']}"
    else:
        reason += ", on no plateau: with its neighbours the clusters change"
    return Suggestion(float(row["eps_km"]), float(row["min_samples"]), reason + _cautions(row))
