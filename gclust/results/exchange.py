"""The atomic exchange of two folders, on systems that support it."""

from __future__ import annotations

import ctypes
import errno
import os
from functools import cache
from pathlib import Path
from typing import Any

AT_FDCWD = -100
RENAME_EXCHANGE = 2
CANNOT = {errno.ENOSYS, errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP}


def exchange(one: Path, two: Path) -> bool:
    """Exchange two paths in one step, so that both exist at every moment.

    Linux supports it on most file systems (``renameat2``). Returns False if the system does not;
    then nothing has changed. Raises OSError if these two paths cannot be exchanged.
    """
    call = _renameat2()
    if call is None:
        return False
    if call(AT_FDCWD, os.fsencode(one), AT_FDCWD, os.fsencode(two), RENAME_EXCHANGE) == 0:
        return True
    number = ctypes.get_errno()
    if number in CANNOT:
        return False
    raise OSError(number, os.strerror(number), str(one), None, str(two))


@cache
def _renameat2() -> Any:
    """Return ``renameat2`` of the C library, or None if it is missing."""
    if os.name == "nt":
        return None
    call = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if call is not None:
        path = ctypes.c_char_p
        call.argtypes = (ctypes.c_int, path, ctypes.c_int, path, ctypes.c_uint)
        call.restype = ctypes.c_int
    return call
