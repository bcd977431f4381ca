"""Exact sums of whole numbers by key."""

from __future__ import annotations

from gclust.kernels._jit import kernel


@kernel
def add_by_key(keys, values, out):
    """Add each value to ``out`` at its key; a negative key stands for none."""
    for i in range(len(keys)):
        if keys[i] >= 0:
            out[keys[i]] += values[i]


@kernel
def count_rows(place, offset, out):
    """Count the rows at each location; ``place`` is counted from ``offset``."""
    for i in range(len(place)):
        out[offset + place[i]] += 1
