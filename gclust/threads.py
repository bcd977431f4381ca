"""The number of threads that ``n_jobs`` stands for, decided once for all of gclust."""

from __future__ import annotations

import os
from numbers import Integral
from typing import Any

LIMITS = ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS")
"""Environment variables that bound the threads of a process; joblib sets both in its workers."""


def count_threads(n_jobs: Any = None) -> int:
    """Return the number of threads that ``n_jobs`` stands for.

    Parameters
    ----------
    n_jobs : int, optional
        A positive number is taken as it is. Negative ones count from the processors that
        this process may use, as in scikit-learn: -1 is all of them, -2 all but one.
        None is all of them within the limits that are set: ``NUMBA_NUM_THREADS``,
        ``OMP_NUM_THREADS`` and those of ``joblib.parallel_config``. In a worker of joblib
        it is what the worker is given (``inner_max_num_threads``), one if nothing says.

    Returns
    -------
    int
        At least 1.

    Raises
    ------
    ValueError
        For 0 and for anything that is no whole number.

    Notes
    -----
    Which processors a process may use is joblib's ``cpu_count``: those of its CPU affinity,
    no more than the CPU quota of its control group (``cpu.max`` or ``cpu.cfs_quota_us``, as
    containers have it) rounded up, nor than ``LOKY_MAX_CPU_COUNT``.
    """
    if n_jobs is None:
        return max(min([_processors(), *_limits()]), 1)
    if not isinstance(n_jobs, Integral) or isinstance(n_jobs, bool) or n_jobs == 0:
        raise ValueError(
            "n_jobs must be None, a positive number of threads, or a negative one "
            f"(-1: all processors, -2: all but one), not {n_jobs!r}"
        )
    threads = int(n_jobs)
    return threads if threads > 0 else max(_processors() + 1 + threads, 1)


def _processors() -> int:
    import joblib  # a quarter of a second, which `import gclust` need not wait for

    return joblib.cpu_count()


def _limits() -> list[int]:
    """Return what bounds the threads of work that does not say how many it wants."""
    import joblib
    from joblib.parallel import get_active_backend

    limits = [int(text) for text in map(_first_number, LIMITS) if text.isdecimal()]
    backend, configured = get_active_backend()
    if configured is not None:
        limits.append(joblib.effective_n_jobs(None))
    elif not limits and getattr(backend, "nesting_level", None):
        limits.append(1)
    return [limit for limit in limits if limit > 0]


def _first_number(name: str) -> str:
    """Return a variable's first number: ``OMP_NUM_THREADS`` has one for each level of nesting."""
    return os.environ.get(name, "").split(",")[0].strip()
