"""Weights and thresholds as fixed-point numbers: whole numbers of units (``gclust.units``)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gclust.cluster.numbers import is_real, numbers
from gclust.plurals import counted
from gclust.units import LARGEST_TOTAL, UNIT

__all__ = ["UNIT", "nearest_units", "row_units", "threshold_units", "to_units"]


def to_units(weights: Any) -> NDArray[np.int64]:
    """Return weights as whole numbers of units, shape (n,), rounded to the nearest.

    Whole numbers and fractions with denominators up to 22 are kept exactly. Raises ValueError if a
    weight is no number, negative, NaN or infinite, or if they add up to more than 3.9e10.

    Examples
    --------
    >>> to_units([1, 0.5, 1 / 3])
    array([232792560, 116396280,  77597520])
    """
    try:
        values = numbers(weights, "biuf").astype(np.float64, copy=False)
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueError(f"weights must be numbers: {error}") from error
    if values.ndim != 1:
        raise ValueError(
            f"weights must be one number per row, not an array of shape {values.shape}"
        )
    for wrong, name in ((~np.isfinite(values), "not finite"), (values < 0, "negative")):
        if wrong.any():
            row = int(np.argmax(wrong))
            raise ValueError(
                f"weight {values[row]} of row {row} is {name}; expected a finite number, 0 or more"
            )
    total = float(values.sum())
    if total > LARGEST_TOTAL:
        raise ValueError(
            f"weights add up to {total:.6g}, more than {LARGEST_TOTAL:.6g}, which is the most "
            "that exact sums can hold; divide weights and min_samples by a common factor"
        )
    whole = np.floor(values)  # apart, because UNIT * weight has more digits than a float
    units = whole.astype(np.int64) * UNIT
    units += np.rint((values - whole) * UNIT).astype(np.int64)
    return units


def row_units(sample_weight: Any, n_rows: int) -> NDArray[np.int64]:
    """Return the fixed-point weights of the rows of ``X``; see `to_units`.

    Raises ValueError if the weights are invalid, or not one for each row.
    """
    units = to_units(sample_weight)
    if len(units) != n_rows:
        raise ValueError(
            f"sample_weight has {counted(len(units), 'weight')} for the {counted(n_rows, 'row')} of"
            " X;"
            " expected one each"
        )
    return units


def threshold_units(min_samples: Any) -> int:
    """Return ``min_samples``, a number from 1 to 3.9e10, as a fixed-point weight, else ValueError.

    Examples
    --------
    >>> threshold_units(2)
    465585120
    """
    if not is_real(min_samples) or not 1 <= min_samples <= LARGEST_TOTAL:
        raise ValueError(
            f"min_samples must be a number from 1 to {LARGEST_TOTAL:.6g}, not {min_samples!r}"
        )
    return nearest_units(min_samples)


def nearest_units(weight: Any) -> int:
    """Return the fixed-point weight nearest to a real number of at least 0."""
    whole = math.floor(weight)
    return whole * UNIT + round((float(weight) - whole) * UNIT)
