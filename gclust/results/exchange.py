"""An atomic exchange of two folders, where the system can do it."""

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
    """Exchange two paths in one step: at no moment is one of them missing.

    Linux can do it (``renameat2``), on most file systems.

    Returns
    -------
    bool
        False where the system cannot do it; then nothing has changed.

    Raises
    ------
    OSError
        If it cannot be done with these two.
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
    """The call of the C library, None where it has none."""
    if os.name == "nt":
        return None
    call = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if call is not None:
        path = ctypes.c_char_p
        call.argtypes = (ctypes.c_int, path, ctypes.c_int, path, ctypes.c_uint)
        call.restype = ctypes.c_int
    return call
