"""Exact sums of weights and counts of rows, by location and by tree node."""

from __future__ import annotations

from gclust.kernels._jit import kernel


@kernel
def sum_by_node(level, node, units, rows, weighing, of_level, own_units, own_rows):
    """Count rows with weight by density level; sum weights and count all rows by tree node.

    ``level`` (n,) uint8, ``node`` (n,) int32 with -1 for none, ``units``, ``rows`` and
    ``weighing`` (n,) int64; ``of_level`` (levels,), ``own_units`` and ``own_rows`` (nodes,)
    int64 are added to.
    """
    for i in range(len(level)):
        of_level[level[i]] += weighing[i]
        if node[i] >= 0:
            own_units[node[i]] += units[i]
            own_rows[node[i]] += rows[i]


@kernel
def count_rows(place, offset, rows, units, out, weighing):
    """Count data rows by location: all rows in ``out``, rows with weight in ``weighing``.

    ``out`` and ``weighing`` are int64. ``place`` (m,) uint32 is counted from ``offset``; ``rows``
    (m,) uint32 are the rows in its order, ``units`` (n_rows,) int64 their fixed-point weights.
    """
    for i in range(len(place)):
        out[offset + place[i]] += 1
        weighing[offset + place[i]] += units[rows[i]] > 0
