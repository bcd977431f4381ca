"""Lineage of clusters from one run to another: which continue, split, merge or vanish."""

from __future__ import annotations

import numpy as np
import pandas as pd

from gclust.ranking.matching import LEAST_SHARE, match, weights_of


def lineage(
    shared: pd.DataFrame, n_a: int, n_b: int, *, least_share: float = LEAST_SHARE
) -> pd.DataFrame:
    """Trace clusters from one run to another by the weight of common listings.

    Two clusters are related if they share at least ``least_share`` of the weight that the
    lighter one shares with all. A cluster with one relation, to a cluster that has no other, is
    kept if they match; a cluster related to several has split; several related to one have
    merged. A cluster without a relation is gone, or born. Matched clusters (see
    `gclust.ranking.matching.match`) continue, through splits and mergers too. ``shared`` is as
    there; ``n_a`` and ``n_b`` are the numbers of clusters.

    Returns
    -------
    DataFrame
        ``a, b`` (Int64; missing for those born, or gone), ``event`` (kept, split, merged, split
        and merged, born or gone), ``continues`` (bool), ``weight_of_a, weight_of_b`` (shared),
        ``share_of_a, share_of_b`` (of the weight that either cluster shares with all, noise
        included); one row per relation, sorted by ``a``, then ``b``, those born last.
    """
    one, two = weights_of(shared)
    weighed = shared[["a", "b"]].assign(weight_of_a=one, weight_of_b=two)
    both = weighed[(weighed["a"] >= 0) & (weighed["b"] >= 0)].copy()
    for side in ("a", "b"):
        total = weighed.groupby(side)[f"weight_of_{side}"].sum()
        both[f"share_of_{side}"] = (both[f"weight_of_{side}"] / both[side].map(total)).fillna(0.0)
    both = both[both[["share_of_a", "share_of_b"]].max(axis=1) >= least_share]
    matched = match(shared, least_share=least_share)
    pairs = pd.MultiIndex.from_frame(both[["a", "b"]])
    both["continues"] = pairs.isin(pd.MultiIndex.from_frame(matched[["a", "b"]]))
    both["event"] = _events(both)
    gone = np.setdiff1d(np.arange(n_a), both["a"])
    born = np.setdiff1d(np.arange(n_b), both["b"])
    alone = pd.DataFrame(
        {
            "a": pd.array([*gone, *[None] * len(born)], dtype="Int64"),
            "b": pd.array([*[None] * len(gone), *born], dtype="Int64"),
            "event": ["gone"] * len(gone) + ["born"] * len(born),
            "continues": False,
            "weight_of_a": np.int64(0),
            "weight_of_b": np.int64(0),
            "share_of_a": 0.0,
            "share_of_b": 0.0,
        }
    )
    table = pd.concat([both.astype({"a": "Int64", "b": "Int64"})[alone.columns], alone])
    table["event"] = table["event"].astype("string")
    return table.sort_values(["a", "b"], ignore_index=True, na_position="last")


def _events(related: pd.DataFrame) -> list[str]:
    """Return the event of each relation from the other relations of its two clusters."""
    several_b = related.groupby("a")["b"].transform("size") > 1
    several_a = related.groupby("b")["a"].transform("size") > 1
    # One relation only, but most of one cluster is scattered over clusters without a relation.
    scattered = ~related["continues"] & ~several_a & ~several_b
    split = several_b | (scattered & (related["share_of_a"] < related["share_of_b"]))
    merged = several_a | (scattered & ~split)
    names = {(False, False): "kept", (True, False): "split", (False, True): "merged"}
    return [names.get(each, "split and merged") for each in zip(split, merged, strict=True)]


def carried_ids(
    related: pd.DataFrame, ids_a: np.ndarray, n_b: int, first_free: int | None = None
) -> np.ndarray:
    """Return the id of each cluster: that of the cluster it continues, or a new one.

    ``related`` is from `lineage`, ``ids_a`` are the ids of the first run's clusters, and ``n_b`` is
    the number of the second's. New ids begin at ``first_free``, by default one more than the
    largest of ``ids_a``.
    """
    free = int(ids_a.max(initial=-1)) + 1 if first_free is None else first_free
    ids = np.full(n_b, -1, dtype=np.int64)
    on = related[related["continues"]]
    ids[on["b"].to_numpy(np.int64)] = ids_a[on["a"].to_numpy(np.int64)]
    new = ids < 0
    ids[new] = free + np.arange(new.sum())
    return ids
