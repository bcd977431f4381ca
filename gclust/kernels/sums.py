"""Exact sums over locations."""

from __future__ import annotations

from gclust.kernels._jit import kernel


@kernel
def tally(level, node, units, rows, of_level, own_units, own_rows):
    """Add up rows by level, and units and rows by node."""
    for i in range(len(level)):
        of_level[level[i]] += rows[i]
        if node[i] >= 0:
            own_units[node[i]] += units[i]
            own_rows[node[i]] += rows[i]


@kernel
def count_rows(place, offset, out):
    """Count the rows at each location; ``place`` is counted from ``offset``."""
    for i in range(len(place)):
        out[offset + place[i]] += 1
