"""Binary and exponential search in sorted arrays."""

from __future__ import annotations

from gclust.kernels._jit import helper


@helper
def lower_bound(values, low, high, value):
    """Return the first index in ``low .. high`` of a value >= ``value``, or ``high`` if none.

    ``values`` (n,) are ascending from ``low`` to ``high``.
    """
    while low < high:
        middle = (low + high) >> 1
        if values[middle] < value:
            low = middle + 1
        else:
            high = middle
    return low


@helper
def lower_bound_near(values, low, high, value):
    """Return the same index as ``lower_bound``, found faster if it is near ``low``.

    Uses doubling steps, then bisection (Bentley and Yao 1976).
    """
    upper = low
    step = 1
    while upper < high and values[upper] < value:
        low = upper + 1
        upper = low + step
        step *= 2
    return lower_bound(values, low, min(upper, high), value)
