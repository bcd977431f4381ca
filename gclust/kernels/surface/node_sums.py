"""Exact sums over locations."""

from __future__ import annotations

from gclust.kernels._jit import kernel


@kernel
def tally(level, node, units, rows, weighing, of_level, own_units, own_rows):
    """Add up the rows that weigh anything by level, and units and all rows by node."""
    for i in range(len(level)):
        of_level[level[i]] += weighing[i]
        if node[i] >= 0:
            own_units[node[i]] += units[i]
            own_rows[node[i]] += rows[i]


@kernel
def count_rows(place, offset, rows, units, out, weighing):
    """Count the rows at each location, and those that weigh anything.

    ``place`` is counted from ``offset``; ``rows`` are the rows in its order.
    """
    for i in range(len(place)):
        out[offset + place[i]] += 1
        weighing[offset + place[i]] += units[rows[i]] > 0
