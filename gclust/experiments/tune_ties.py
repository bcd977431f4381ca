"""Ties between labels and counts of open records, in arrays."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gclust.errors import StudyError
from gclust.experiments.tune_listings import Folded, Rows, Units, share_of
from gclust.units import LARGEST_TOTAL, UNIT


def ties_between(
    folded: Folded, labels: NDArray[np.integer], near: NDArray[np.bool_], method: str
) -> dict[tuple[int, int], float]:
    """Ties of labels that may merge, to the bit those of `gclust.listings.attribute.ties`.

    Parameters
    ----------
    folded : Folded
    labels : ndarray of int, shape (n,)
        Of the locations; -1 for noise.
    near : ndarray of bool, shape (n_labels + 1,)
        Which labels have another within the largest gap; the last stands for noise. Merging asks
        for the ties of these alone.
    method : {"fractional", "pairs"}

    Returns
    -------
    dict
        (a, b) with a < b -> ties, in records (or pairs), of which one at least is near; noise
        is -1.

    Raises
    ------
    StudyError
        If products of weights are too large to count.
    """
    if not near.any():
        return {}
    n_labels = len(near) - 1
    touching = np.zeros(len(folded.starts), dtype=bool)
    touching[folded.record_of[near[labels][folded.at]]] = True
    kept = np.flatnonzero(touching[folded.record_of])
    record, label, units = _by_label(
        folded.record_of[kept], labels[folded.at[kept]], folded.units[kept], n_labels
    )
    n = folded.located_units / UNIT
    # A weight below two has no full pair: it is spread as if n - 1 were one.
    spread_over = n * np.where(n < 2, 1.0, n - 1)
    pair_parts, tie_parts, step = [np.zeros(0, dtype=np.int64)], [np.zeros(0)], 1
    left = np.arange(len(record))
    while True:
        left = left[left + step < len(record)]
        left = left[record[left] == record[left + step]]
        if not len(left):
            break
        right = left + step
        strength = (units[left] / UNIT) * (units[right] / UNIT)
        if method == "fractional":
            strength = strength * 2 / spread_over[record[left]]
        pair_parts.append((label[left] + 1).astype(np.int64) * (n_labels + 1) + label[right] + 1)
        tie_parts.append(np.floor(strength * UNIT + 0.5))
        step += 1
    if sum(part.sum() for part in tie_parts) > LARGEST_TOTAL * UNIT:
        raise StudyError(
            f"[merge] ties = {method!r}: the products of weights in one record are too large to"
            ' count; expected ties = "fractional" with such weights'
        )
    pairs, ties = _sum_by(np.concatenate(pair_parts), np.concatenate(tie_parts).astype(np.int64))
    a, b = np.divmod(pairs, n_labels + 1)
    asked = near[a - 1] | near[b - 1]
    listed = (column[asked].tolist() for column in (a - 1, b - 1, ties / UNIT))
    return {(a, b): strength for a, b, strength in zip(*listed, strict=True)}


def count_open(
    folded: Folded, clusters: NDArray[np.integer], n_clusters: int, method: str
) -> NDArray[np.int64]:
    """Count the records that no sum over locations counts.

    Parameters
    ----------
    folded : Folded
    clusters : ndarray of int
        Cluster of each row of `open_rows`; -1 for noise.
    n_clusters : int
    method : {"fractional", "whole"}

    Returns
    -------
    ndarray of int64, shape (kinds, n_clusters)
    """
    out = np.zeros((len(folded.fixed), n_clusters), dtype=np.int64)
    rows = open_rows(folded)
    record, cluster, units = _by_label(
        folded.record_of[rows], clusters, folded.units[rows], n_clusters
    )
    inside = cluster >= 0
    record, cluster, units = record[inside], cluster[inside], units[inside]
    share = (
        np.full(len(units), UNIT)
        if method == "whole"
        else share_of(units, folded.record_units[record])
    )
    np.add.at(out, (folded.kind_of[record], cluster), share)
    return out


def open_rows(folded: Folded) -> Rows:
    """Rows of the open records."""
    return np.flatnonzero(folded.opened[folded.record_of])


def _by_label(record: Rows, label: Rows, units: Units, n_labels: int) -> tuple[Rows, Rows, Units]:
    """Sum the units of each record by label; records keep their order, labels rise."""
    key, summed = _sum_by(record.astype(np.int64) * (n_labels + 1) + label + 1, units)
    record, label = np.divmod(key, n_labels + 1)
    return record, label - 1, summed


def _sum_by(key: NDArray[np.int64], values: Units) -> tuple[NDArray[np.int64], Units]:
    """Sum values by key, in the order of keys."""
    if not len(key):
        return key, values
    order = np.argsort(key)  # sums of whole numbers are the same in any order
    key = key[order]
    starts = np.flatnonzero(np.diff(key, prepend=key[0] - 1))
    return key[starts], np.add.reduceat(values[order], starts)
