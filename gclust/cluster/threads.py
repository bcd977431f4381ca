"""How many threads ``n_jobs`` stands for."""

from __future__ import annotations

from numbers import Integral
from typing import Any

from gclust.kernels._pieces import available_threads


def count_threads(n_jobs: Any) -> int:
    """Return the number of threads, all for None and -1.

    Raises
    ------
    ValueError
        For anything else that is not a positive whole number.
    """
    if n_jobs is None or n_jobs == -1:
        return available_threads()
    if not isinstance(n_jobs, Integral) or n_jobs < 1:
        raise ValueError(f"n_jobs must be None, -1 or a positive number of threads, not {n_jobs!r}")
    return int(n_jobs)
