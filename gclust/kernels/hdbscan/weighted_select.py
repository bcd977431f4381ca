"""Selection of the key at which weights add up to a given sum, as for a weighted median."""

from __future__ import annotations

import numpy as np

from gclust.kernels._jit import helper

SMALL = 24
"""Number of keys that are selected from without narrowing their range first."""

TRIES = 3
"""Number of guesses."""

MARGIN = 0.06
"""Share of the weight in a range by which two pivots lie on either side of the guess."""


@helper
def weights_up_to(keys, weights, n, first, second):
    """Return the weights of the keys up to ``first`` and up to ``second``; may be vectorised."""
    up_to_first, up_to_second = np.int64(0), np.int64(0)
    for t in range(np.uint64(n)):
        up_to_first += weights[t] if keys[t] <= first else np.int64(0)
        up_to_second += weights[t] if keys[t] <= second else np.int64(0)
    return up_to_first, up_to_second


@helper
def keep_between(keys, weights, n, least, most):
    """Move the keys above ``least`` and up to ``most`` to the front; return their number."""
    m = 0
    for t in range(n):
        key, weight = keys[t], weights[t]
        keys[m], weights[m] = key, weight
        m += (key > least) & (key <= most)
    return m


@helper
def select_weighted(keys, weights, n, need):
    """Return the least key up to which the weights add up to ``need``.

    Reorders ``keys`` and ``weights``. Uses Hoare's selection (Find, CACM 4, 1961) with weights and
    three-way partitions. The first ``n`` entries of ``keys`` float64 and ``weights`` int64 are in
    use.
    """
    low, high = 0, n
    while True:
        a, b, c = keys[low], keys[(low + high) >> 1], keys[high - 1]
        pivot = max(min(a, b), min(max(a, b), c))
        less, at, more = low, low, high
        below, equal = np.int64(0), np.int64(0)
        while at < more:
            key, weight = keys[at], weights[at]
            if key < pivot:
                keys[at], weights[at] = keys[less], weights[less]
                keys[less], weights[less] = key, weight
                below += weight
                less += 1
                at += 1
            elif key > pivot:
                more -= 1
                keys[at], weights[at] = keys[more], weights[more]
                keys[more], weights[more] = key, weight
            else:
                equal += weight
                at += 1
        if below >= need:
            high = less
        elif below + equal >= need:
            return pivot
        else:
            need -= below + equal
            low = more


@helper
def select_evenly(keys, weights, n, least, most, need):
    """Return what `select_weighted` does, in less time where keys are about evenly distributed.

    All keys are from ``least`` to ``most``. Their range is narrowed by the weights up to two
    pivots, which are guessed from the weights at its ends.
    """
    if n > SMALL:
        total, _ = weights_up_to(keys, weights, n, most, most)
        below = np.int64(0)
        bottom, top = -1.0, most
        for _ in range(TRIES):
            share = (need - below) / (total - below)
            first = least + (top - least) * (share - MARGIN)
            second = least + (top - least) * (share + MARGIN)
            to_first, to_second = weights_up_to(keys, weights, n, first, second)
            if need > to_second:
                if second > bottom:
                    least, bottom, below = second, second, to_second
                continue
            if need <= to_first:
                if first < top:
                    top, total = first, to_first
                continue
            if first > bottom:
                bottom, below = first, to_first
            top = min(top, second)
            break
        n = keep_between(keys, weights, n, bottom, top)
        need -= below
    return select_weighted(keys, weights, n, need)
