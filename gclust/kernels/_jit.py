"""Decorators that compile kernels and helpers, all with the same settings.

- ``nogil``: kernels run in chunks on ordinary Python threads (see ``gclust.parallel``).
  Numba's own parallel layers are not used: the portable one, workqueue, must not
  be entered by two threads at once, ``parallel=True`` takes several times as long
  to compile, and a running parallel loop cannot be interrupted.
- ``cache``: the machine code of kernels is saved in files (see ``_cache``); after a change in
  any of their source files, all kernels are compiled again.
- no ``fastmath``: results must not depend on the order of sums or on the processor.
- unsigned indices of inner loops (``np.uint64``): a signed one may count from the end;
  this is checked for each element and prevents vectorisation of the loop. Unsigned and signed
  numbers together become floats, so unsigned ones are used as indices only.
- ``error_model="numpy"``: a division by zero gives inf, which distances rely on.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numba import config

from gclust.kernels._cache import STORE, KernelCache, is_kept
from gclust.kernels._compiler import HelperDispatcher, KernelDispatcher

_KERNEL: dict[str, Any] = {
    "nopython": True,
    "nogil": True,
    "error_model": "numpy",
    "no_cfunc_wrapper": True,
}


def kernel(function: Callable[..., Any]) -> Any:
    """Return a kernel: ``function``, compiled by Numba when Python calls it for the first time."""
    if config.DISABLE_JIT:  # type: ignore[attr-defined]
        return function
    compiled = KernelDispatcher(function, targetoptions=_KERNEL)
    if is_kept(function):
        compiled._cache = KernelCache(function, STORE)  # in place of what enable_caching sets
    return compiled


# No wrappers for calls from C and Python: they take a tenth of the compile time.
_HELPER = {**_KERNEL, "no_cpython_wrapper": True}


def helper(function: Callable[..., Any]) -> Any:
    """Return a helper that is compiled into the kernels that call it; it allocates no arrays.

    Without Numba's runtime it does not count references: for arrays in a named tuple, this
    counting took half of the time of the inner loops.
    """
    return _compiled_within(function, {**_HELPER, "_nrt": False})


def allocating_helper(function: Callable[..., Any]) -> Any:
    """Return a helper that is compiled into the kernels that call it; it may allocate arrays."""
    return _compiled_within(function, _HELPER)


def inlined_helper(function: Callable[..., Any]) -> Any:
    """Return a helper that is inlined into the kernels that call it; it allocates no arrays.

    The compiler does not inline long helpers by itself, and passes the arrays of named tuples
    to them one by one: this took two fifths of the time of the border search over thresholds.
    """
    return _compiled_within(function, {**_HELPER, "_nrt": False, "forceinline": True})


def _compiled_within(function: Callable[..., Any], options: dict[str, Any]) -> Any:
    if config.DISABLE_JIT:  # type: ignore[attr-defined]
        return function
    return HelperDispatcher(function, targetoptions=options)
