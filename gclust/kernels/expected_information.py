"""Expected mutual information of random clusterings, pair by pair of cluster sizes."""

from __future__ import annotations

import math

from gclust.kernels._jit import helper, kernel


@helper
def larger_ratio(n, x, y, total):
    """Return the hypergeometric probability of n + 1 over that of n, 0 for the largest n."""
    return (x - n) * (y - n) / ((n + 1) * (total - x - y + n + 1))


@helper
def smaller_ratio(n, x, y, total):
    """Return the hypergeometric probability of n - 1 over that of n, 0 for the least n."""
    return n * (total - x - y + n) / ((x - n + 1) * (y - n + 1))


@kernel
def mean_shared_log(a, b, total, negligible, out, first, last):
    """Fill ``out[first:last]`` with the mean of n * log(N n / (a b)) for pairs of sizes.

    ``a`` and ``b`` (k,) float64 are sizes of clusters of a labelling each; n, the weight that the
    two have in common, is hypergeometric. Terms below the share ``negligible`` of the largest are
    left out.
    """
    for i in range(first, last):
        x, y = a[i], b[i]
        scale = total / (x * y)
        low, high = max(0.0, x + y - total), min(x, y)
        mode = min(max(math.floor((x + 1) * (y + 1) / (total + 2)), low), high)
        mass = 1.0
        mean = mode * math.log(max(mode, 1.0) * scale)
        weight, n = larger_ratio(mode, x, y, total), mode + 1
        while weight > negligible:
            mass += weight
            mean += weight * n * math.log(n * scale)
            weight *= larger_ratio(n, x, y, total)
            n += 1
        weight, n = smaller_ratio(mode, x, y, total), mode - 1
        while weight > negligible:
            mass += weight
            if n > 0:
                mean += weight * n * math.log(n * scale)
            weight *= smaller_ratio(n, x, y, total)
            n -= 1
        out[i] = mean / mass
