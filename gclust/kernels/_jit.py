"""How every kernel is compiled, decided once.

- ``nogil``: kernels run in chunks on ordinary Python threads (see ``gclust.parallel``).
  Numba's own parallel layers are not used: the portable one, workqueue, must not
  be entered by two threads at once, ``parallel=True`` takes several times as long
  to compile, and a running parallel loop cannot be interrupted.
- ``cache``: the machine code of kernels is kept (see ``_cache``); a change in any of their
  files makes all of them be compiled again.
- no ``fastmath``: results must not depend on the order of sums or on the processor.
- unsigned indices of inner loops (``np.uint64``): a signed one may count from the end, which
  is checked for each element and keeps the loop from being vectorised. Mixed with signed
  numbers they become floats, so they are used as indices only.
- ``error_model="numpy"``: a division by zero gives inf, which distances rely on.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numba import config, njit
from numba.core.registry import CPUDispatcher

from gclust.kernels._cache import STORE, KernelCache, is_kept

_KERNEL: dict[str, Any] = {"nogil": True, "error_model": "numpy", "no_cfunc_wrapper": True}


def kernel(function: Callable[..., Any]) -> Any:
    """Compile ``function`` on its first call; it is called from Python."""
    compiled: Any = njit(function, **_KERNEL)
    if not config.DISABLE_JIT and is_kept(function):  # type: ignore[attr-defined]
        compiled._cache = KernelCache(function, STORE)  # in place of what enable_caching sets
    return compiled


_HELPER: dict[str, Any] = {
    "nopython": True,
    "nogil": True,
    "error_model": "numpy",
    # What would make them callable from C and Python: a tenth of the time to compile all.
    "no_cfunc_wrapper": True,
    "no_cpython_wrapper": True,
}


class _Helper(CPUDispatcher):
    """A function that kernels call compiled, and Python as it is written."""

    def __call__(self, *args: Any) -> Any:
        return self.py_func(*args)


def helper(function: Callable[..., Any]) -> Any:
    """Compile ``function``, which allocates no arrays, into the kernels that call it.

    Without Numba's runtime it does not count references: for arrays that come in a
    named tuple this counting was half of the time of the inner loops.
    """
    return _compiled_within(function, {**_HELPER, "_nrt": False})


def allocating_helper(function: Callable[..., Any]) -> Any:
    """Compile ``function``, which allocates arrays, into the kernels that call it."""
    return _compiled_within(function, _HELPER)


def inlined_helper(function: Callable[..., Any]) -> Any:
    """Compile ``function``, which allocates no arrays, inline where it is called.

    The compiler does not inline long helpers by itself, and passes them the arrays of named
    tuples one by one: this was two fifths of the time of the border search over thresholds.
    """
    return _compiled_within(function, {**_HELPER, "_nrt": False, "forceinline": True})


def _compiled_within(function: Callable[..., Any], options: dict[str, Any]) -> Any:
    if config.DISABLE_JIT:  # type: ignore[attr-defined]
        return function
    return _Helper(function, targetoptions=options)
