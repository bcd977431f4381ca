"""Sorting within consecutive segments of an array."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from gclust.kernels._jit import kernel
from gclust.kernels._pieces import cut_evenly, run_pieces

SHORT = 48
"""Segments up to this length are sorted by insertion, longer ones by NumPy, whose
vectorised sort outweighs the cost of its call from about here on."""

PIECE = 100_000


@kernel
def sort_short(values, starts, short, order, first, last):
    """Sort by insertion the segments ``first .. last`` that are short enough."""
    for s in range(first, last):
        begin = starts[s]
        end = starts[s + 1]
        if end - begin > short:
            continue
        for i in range(begin, end):
            value = values[i]
            j = i
            while j > begin and values[order[j - 1]] > value:
                order[j] = order[j - 1]
                j -= 1
            order[j] = i


def sort_segments(
    values: NDArray[np.float64],
    starts: NDArray[np.int64],
    threads: int,
    report: Callable[[float], None],
) -> NDArray[np.int64]:
    """Return the order that sorts every segment of ``values`` by itself.

    Parameters
    ----------
    values : ndarray of float64, shape (n,)
        Contiguous.
    starts : ndarray of int64, shape (n_segments + 1,)
        Where segments start; the last entry is n.
    threads : int
        Number of threads.
    report : callable
        Called with the share done.

    Returns
    -------
    ndarray of int64, shape (n,)
        ``values[order]`` is sorted within each segment; equal values come in any order.
    """
    order = np.empty(len(values), dtype=np.int64)
    lengths = np.diff(starts)

    def work(first: int, last: int) -> None:
        sort_short(values, starts, SHORT, order, first, last)
        for s in first + np.flatnonzero(lengths[first:last] > SHORT):
            begin, end = starts[s], starts[s + 1]
            np.add(np.argsort(values[begin:end]), begin, out=order[begin:end])

    run_pieces(work, cut_evenly(starts, PIECE), threads, report)
    return order
