"""How every kernel is compiled, decided once.

- ``nogil``: kernels run in pieces on ordinary Python threads (see ``_pieces``).
  Numba's own parallel layers are not used: the portable one, workqueue, must not
  be entered by two threads at once, ``parallel=True`` takes several times as long
  to compile, and a running parallel loop cannot be interrupted.
- ``cache``: the machine code is kept in the package's ``__pycache__``, or in the
  user's cache directory where that is not writable, or in ``NUMBA_CACHE_DIR``.
  Numba looks only at the file of the kernel that is called, not at those of the
  kernels it calls: whoever edits one deletes ``gclust/kernels/__pycache__``.
- no ``fastmath``: results must not depend on the order of sums or on the processor.
- ``error_model="numpy"``: a division by zero gives inf, which distances rely on.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numba import njit


def kernel(function: Callable[..., Any]) -> Any:
    """Compile ``function`` on its first call; it is called from Python."""
    return njit(function, nogil=True, cache=True, error_model="numpy")


def part(function: Callable[..., Any]) -> Any:
    """Compile ``function`` into the kernels that call it; nothing else calls it."""
    return njit(function, nogil=True, error_model="numpy")
