"""Conversion of array-likes to arrays of real numbers."""

from __future__ import annotations

from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray


def numbers(values: Any, kinds: str = "iuf") -> NDArray[Any]:
    """Convert values to an array of numbers; missing and masked values become NaN.

    ``kinds`` are NumPy's codes of the types that count as numbers. The array is of float64, or of
    the type of ``values``, whose memory it may share. Raises TypeError, ValueError or OverflowError
    if values are not real numbers, for example dates, complex numbers or texts of digits.

    Examples
    --------
    >>> numbers([1, None])
    array([ 1., nan])
    """
    if isinstance(values, np.ma.MaskedArray):
        return np.ma.filled(np.ma.asarray(values, dtype=np.float64), np.nan)
    array = np.asarray(values)
    if array.dtype.kind in kinds:
        return array
    if array.dtype.kind != "O":
        raise TypeError(f"numbers expected, got {array.dtype}")
    if any(isinstance(value, str | bytes) for value in array.flat):
        raise TypeError("numbers expected, got text")
    return np.asarray(values, dtype=np.float64)  # which reads the missing values of each library


def is_real(value: Any) -> bool:
    """Return whether a value is a real number; True and False are not."""
    return isinstance(value, Real) and not isinstance(value, bool | np.bool_)
