"""Exact sums over locations in the order of bands."""

from __future__ import annotations

from gclust.kernels._jit import kernel


@kernel
def tally(order, level, node, units, rows, of_level, own_units, own_rows):
    """Add up rows by level, and units and rows by node.

    ``units`` and ``rows`` are those of ``order[i]`` for the level and the node of ``i``.
    """
    for i in range(len(order)):
        of_level[level[i]] += rows[order[i]]
        if node[i] >= 0:
            own_units[node[i]] += units[order[i]]
            own_rows[node[i]] += rows[order[i]]


@kernel
def count_rows(place, offset, out):
    """Count the rows at each location; ``place`` is counted from ``offset``."""
    for i in range(len(place)):
        out[offset + place[i]] += 1
