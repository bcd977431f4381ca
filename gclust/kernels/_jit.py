"""How every kernel is compiled, decided once.

- ``nogil``: kernels run in chunks on ordinary Python threads (see ``gclust.parallel``).
  Numba's own parallel layers are not used: the portable one, workqueue, must not
  be entered by two threads at once, ``parallel=True`` takes several times as long
  to compile, and a running parallel loop cannot be interrupted.
- ``cache``: the machine code of kernels is kept (see ``_cache``); a change in any of their
  files has all of them compiled anew.
- no ``fastmath``: results must not depend on the order of sums or on the processor.
- indices of inner loops have no sign (``np.uint64``): one that might be negative counts from
  the end, which is looked at for each element, and keeps processors from doing several at a
  time. Mixed with signed numbers they become floats, so that they are nothing but indices.
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
    """Compile ``function``, which makes no arrays, into the kernels that call it.

    Without Numba's runtime it does not count references: for arrays that come in a
    named tuple these counts were half of the time of the inner loops.
    """
    return _compiled_within(function, {**_HELPER, "_nrt": False})


def allocating_helper(function: Callable[..., Any]) -> Any:
    """Compile ``function``, which makes arrays, into the kernels that call it."""
    return _compiled_within(function, _HELPER)


def inlined_helper(function: Callable[..., Any]) -> Any:
    """Compile ``function``, which makes no arrays, into the very places where it is called.

    A compiler leaves long helpers apart, and hands them the arrays of all named tuples one by
    one: this was two fifths of the time of finding summits.
    """
    return _compiled_within(function, {**_HELPER, "_nrt": False, "forceinline": True})


def _compiled_within(function: Callable[..., Any], options: dict[str, Any]) -> Any:
    if config.DISABLE_JIT:  # type: ignore[attr-defined]
        return function
    return _Helper(function, targetoptions=options)
