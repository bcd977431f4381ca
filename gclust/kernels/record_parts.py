"""The part of its record that each listing adds to the count of its cluster."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gclust.kernels._jit import allocating_helper, helper, kernel
from gclust.kernels.record_folding import share_of
from gclust.kernels.record_rows import (
    PlacedUnits,
    RecordKeys,
    divide,
    divide_runs,
    gathered,
    sort_bucket,
    sort_range,
)
from gclust.parallel import parallel_for


@helper
def end_of_run(order, begin, keys, placed, in_cluster):
    """Return the end of the listings of one record, or of one record in one cluster."""
    head, end = order[begin], begin + 1
    while end < len(order):
        row = order[end]
        if keys.key[row] != keys.key[head] or keys.kind[row] != keys.kind[head]:
            break
        if in_cluster and placed.place[row] != placed.place[head]:
            break
        end += 1
    return end


@allocating_helper
def sort_runs(keys, placed):
    """Return the order of listings by cluster within their record, uint32.

    The listings of each record follow each other.
    """
    order = np.arange(len(keys.key)).astype(np.uint32)
    same = np.zeros(len(order), dtype=np.uint64)
    begin = 0
    while begin < len(order):
        end = end_of_run(order, begin, keys, placed, False)
        sort_range(order, begin, end, keys, placed, same)
        begin = end
    return order


@helper
def sum_run(order, begin, end, placed):
    """Return the sum of the weights of the listings ``order[begin:end]``."""
    total = np.int64(0)
    for i in range(begin, end):
        total += placed.units[order[i]]
    return total


@kernel
def part_bucket(all_keys, all_placed, rows, shift, bits, unit, whole, parts):
    """Fill the parts of the listings of a bucket, ``rows`` (r,) uint32."""
    keys, placed = gathered(all_keys, all_placed, rows)
    order = sort_bucket(keys, placed, shift, bits) if bits else sort_runs(keys, placed)
    start = 0
    while start < len(order):
        end = end_of_run(order, start, keys, placed, False)
        total = sum_run(order, start, end, placed)
        begin = start
        while begin < end:
            last = end_of_run(order, begin, keys, placed, True)
            of_cluster = sum_run(order, begin, last, placed)
            left = share_of(of_cluster, total, unit, whole)
            first = rows[order[begin]]
            for i in range(begin, last):
                row = rows[order[i]]
                units = placed.units[order[i]]
                parts[row] = share_of(units, of_cluster if whole else total, unit, False)
                left -= parts[row]
                first = min(first, row)
            parts[first] += left
            begin = last
        start = end


def parts_of_listings(
    keys: RecordKeys,
    clustered: PlacedUnits,
    n_records: int,
    *,
    unit: int,
    whole: bool,
    threads: int,
) -> NDArray[np.int64]:
    """Return the part of its record that each listing adds to its cluster's count, (n,).

    Parameters
    ----------
    keys : RecordKeys
    clustered : PlacedUnits
        ``place`` is the listing's cluster, -1 for noise. Weights are above 0.
    n_records : int
    unit : int
        Fixed-point weight of one.
    whole : bool
        Whether a record counts one in each cluster, not in fractions.
    threads : int

    Returns
    -------
    ndarray of int64, shape (n,)
        In fixed point. The parts of a record in a cluster add up to its count there: what rounding
        leaves goes to the first of its listings.
    """
    parts = np.empty(len(keys.key), dtype=np.int64)
    buckets = divide_runs(keys, n_records) or divide(keys, threads)

    def fill(first: int, last: int) -> None:
        rows = buckets.rows[first:last]
        part_bucket(keys, clustered, rows, buckets.shift, buckets.bits, unit, whole, parts)

    parallel_for(buckets.bounds, threads, fill)
    return parts
