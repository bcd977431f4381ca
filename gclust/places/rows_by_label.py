"""Locations in the order of their labels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def rows_by_label(
    label: NDArray[np.integer], chosen: NDArray[np.bool_], n_labels: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the chosen rows sorted by label, and where the rows of each label begin.

    Rows of one label keep their order; those with a label below 0 are left out. The second array
    has ``n_labels + 1`` entries.

    Examples
    --------
    >>> rows, starts = rows_by_label(np.array([1, 0, -1, 1]), np.ones(4, bool), 2)
    >>> rows.tolist(), starts.tolist()
    ([1, 0, 3], [0, 1, 3])
    """
    rows = np.flatnonzero(chosen & (label >= 0))
    # Two bytes are sorted by counting, in a fifth of the time.
    own = label[rows].astype(np.int16 if n_labels <= 1 << 15 else np.int64)
    order = np.argsort(own, kind="stable")
    return rows[order], np.searchsorted(own[order], np.arange(n_labels + 1))
