"""Conversion of the ``n_jobs`` argument to a number of threads, for all of gclust."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from numbers import Integral
from typing import Any

LIMITS = ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS")
"""Environment variables that limit the threads of a process; joblib sets both in workers."""


_wanted: ContextVar[int | None] = ContextVar("threads", default=None)
"""``n_jobs`` of the enclosing `default_threads`."""


@contextmanager
def default_threads(*choices: int | None) -> Iterator[None]:
    """Within the block, let the first choice that is not None stand for ``n_jobs=None``.

    Examples
    --------
    >>> with default_threads(None, 3):
    ...     count_threads(), count_threads(1)
    (3, 1)
    """
    given = [choice for choice in choices if choice is not None]
    token = _wanted.set(given[0] if given else _wanted.get())
    try:
        yield
    finally:
        _wanted.reset(token)


def count_threads(n_jobs: Any = None) -> int:
    """Return the number of threads, at least 1, for a value of ``n_jobs``.

    A positive number is used unchanged. A negative number counts back from the number of
    processors that this process may use, as in scikit-learn: -1 is all, -2 all but one.
    None is the number set by `default_threads`, else all of them within the limits set by
    ``NUMBA_NUM_THREADS``, ``OMP_NUM_THREADS`` and ``joblib.parallel_config``. In a joblib
    worker, None is the number set by ``inner_max_num_threads``, or one if it is not set. Raises
    ValueError if ``n_jobs`` is 0 or not an integer.

    Notes
    -----
    The number of processors that a process may use is joblib's ``cpu_count``: those in its CPU
    affinity, but no more than the CPU quota of its control group (``cpu.max`` or
    ``cpu.cfs_quota_us``, used by containers), rounded up, and than ``LOKY_MAX_CPU_COUNT``.
    """
    n_jobs = _wanted.get() if n_jobs is None else n_jobs
    if n_jobs is None:
        return max(min([_processors(), *_limits()]), 1)
    if not isinstance(n_jobs, Integral) or isinstance(n_jobs, bool) or n_jobs == 0:
        raise ValueError(
            "n_jobs must be None, a positive number of threads, or a negative one "
            f"(-1: all processors, -2: all but one), not {n_jobs!r}"
        )
    threads = int(n_jobs)
    return threads if threads > 0 else max(_processors() + 1 + threads, 1)


def may_use_two(n_jobs: int | None = None) -> bool:
    """Return whether `count_threads` may be more than 1, at once and without its imports."""
    if n_jobs is not None:
        return n_jobs != 1
    if any(_first_number(name) == "1" for name in LIMITS):
        return False
    own = getattr(os, "sched_getaffinity", None)
    return (len(own(0)) if own is not None else os.cpu_count() or 1) > 1


def _processors() -> int:
    import joblib  # it takes 0.25 s, for which `import gclust` need not wait

    return joblib.cpu_count()


def _limits() -> list[int]:
    """Return the limits on the number of threads if ``n_jobs`` is None."""
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
    """Return a variable's first number: ``OMP_NUM_THREADS`` has one for each nesting level."""
    return os.environ.get(name, "").split(",")[0].strip()
