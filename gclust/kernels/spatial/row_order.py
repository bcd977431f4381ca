"""Second pass of a sample sort: it sorts a bucket's rows by band, longitude, latitude and row.

Key and number of a row are packed into one int64, because NumPy sorts integers several
times as fast as it computes an argsort of floats. Rows with equal keys are then sorted by
their exact coordinates.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gclust.kernels._jit import allocating_helper, helper, kernel
from gclust.kernels.spatial.bucket_sort import KeyLayout, band_of, sort_key

SHORT = 24
"""Largest length of a range that is sorted by insertion."""


@kernel
def fill_keys(lat, lon, layout, keys):
    """Fill the ``keys`` (r,) int64 of a bucket's rows, with the row's number in the lowest bits."""
    for k in range(len(keys)):
        keys[k] = (sort_key(lat[k], lon[k], layout) << layout.row_bits) | k


@helper
def precedes(lat, lon, height, a, b):
    """Return whether row ``a`` comes before row ``b`` in the sort order."""
    band_a, band_b = band_of(lat[a], height), band_of(lat[b], height)
    if band_a != band_b:
        return band_a < band_b
    if lon[a] != lon[b]:
        return lon[a] < lon[b]
    if lat[a] != lat[b]:
        return lat[a] < lat[b]
    return a < b


@allocating_helper
def sort_rows(rows, first, last, lat, lon, height):
    """Sort ``rows[first:last]`` by quicksort, with insertion sort for short ranges."""
    stack = np.empty((64, 2), dtype=np.int64)
    stack[0, 0], stack[0, 1] = first, last
    depth = 1
    while depth > 0:
        depth -= 1
        low, high = stack[depth, 0], stack[depth, 1]
        while high - low > SHORT:
            pivot = rows[(low + high) >> 1]
            i, j = low, high - 1
            while i <= j:
                while precedes(lat, lon, height, rows[i], pivot):
                    i += 1
                while precedes(lat, lon, height, pivot, rows[j]):
                    j -= 1
                if i <= j:
                    rows[i], rows[j] = rows[j], rows[i]
                    i += 1
                    j -= 1
            if j + 1 - low < high - i:  # the longer range waits: the stack stays short
                stack[depth, 0], stack[depth, 1] = i, high
                high = j + 1
            else:
                stack[depth, 0], stack[depth, 1] = low, j + 1
                low = i
            depth += 1
        for i in range(low + 1, high):
            row = rows[i]
            j = i
            while j > low and precedes(lat, lon, height, row, rows[j - 1]):
                rows[j] = rows[j - 1]
                j -= 1
            rows[j] = row


@kernel
def number_locations(keys, lat, lon, layout, place):
    """Number the locations of a bucket in sort order; return how many there are.

    ``keys`` (r,) int64 ascend, and are replaced by the row numbers in sort order; ``place`` (r,)
    uint32 is filled with the location of each row, from 0.
    """
    mask = (1 << layout.row_bits) - 1
    count = 0
    i = np.int64(0)
    while i < len(keys):
        here = keys[i] >> layout.row_bits
        keys[i] &= mask
        at_lat, at_lon = lat[keys[i]], lon[keys[i]]
        alike = True
        j = i + 1
        while j < len(keys) and keys[j] >> layout.row_bits == here:
            keys[j] &= mask
            alike = alike and lat[keys[j]] == at_lat and lon[keys[j]] == at_lon
            j += 1
        if not alike:
            sort_rows(keys, i, j, lat, lon, layout.height)
            at_lat, at_lon = lat[keys[i]], lon[keys[i]]
        for k in range(i, j):
            row = keys[k]
            if lat[row] != at_lat or lon[row] != at_lon:
                at_lat, at_lon = lat[row], lon[row]
                count += 1
            place[row] = count
        count += 1
        i = j
    return count


def order_bucket(
    lat: NDArray[np.float64], lon: NDArray[np.float64], layout: KeyLayout, place: NDArray[np.uint32]
) -> int:
    """Sort a bucket's rows and number their locations; return how many locations there are.

    ``lat`` and ``lon`` (r,), r >= 1, in degrees; ``place`` (r,) takes the location of each row,
    from 0.
    """
    keys = np.empty(len(lat), dtype=np.int64)
    fill_keys(lat, lon, layout, keys)
    keys.sort()
    return int(number_locations(keys, lat, lon, layout, place))
