"""Stable sort of whole numbers, digit by digit (LSD radix sort).

After Knuth (1998, The Art of Computer Programming 3, section 5.2.5). Numbers and their positions
are copied at each digit, so that they are read in order.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gclust.kernels._jit import kernel
from gclust.parallel import even_chunks, parallel_for

BITS = 11
"""Bits of a digit: so many places are written to that they fit into a second-level cache."""

CHUNK = 1 << 21
"""Number of values in a chunk of work."""


@kernel
def count_digits(keys, shift, count, first, last):
    """Add to ``count``, (2**BITS,) int64, how often each digit occurs in ``keys[first:last]``."""
    for t in range(first, last):
        count[(keys[t] >> shift) & (len(count) - 1)] += 1


@kernel
def place_digits(keys, order, shift, place, to_keys, to_order, first, last):
    """Copy ``keys[first:last]``, int64, and their ``order``, int32, to the places of their digits.

    ``place``, (2**BITS,) int64, is the next place of each digit; it is moved on.
    """
    for t in range(first, last):
        digit = (keys[t] >> shift) & (len(place) - 1)
        to = place[digit]
        place[digit] = to + 1
        to_keys[to] = keys[t]
        to_order[to] = order[t]


def radix_order(keys: NDArray[np.int64]) -> NDArray[np.int32]:
    """Return the stable order that sorts ``keys``, (n,), none negative, n < 2 ** 31.

    Examples
    --------
    >>> radix_order(np.array([5, 3, 5, 0]))
    array([3, 1, 0, 2], dtype=int32)
    """
    n = len(keys)
    order = np.arange(n, dtype=np.int32)
    chunks = even_chunks(n, CHUNK)
    keys, spare = keys.copy(), (np.empty_like(keys), np.empty_like(order))
    for shift in range(0, int(keys.max(initial=0)).bit_length(), BITS):
        count = np.zeros(1 << BITS, dtype=np.int64)
        parallel_for(chunks, 1, count_digits, keys, shift, count)
        if count.max() == n:  # all have the same digit
            continue
        place = np.cumsum(count) - count
        parallel_for(chunks, 1, place_digits, keys, order, shift, place, *spare)
        (keys, order), spare = spare, (keys, order)
    return order
