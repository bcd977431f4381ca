"""Parameter grid: pairs of eps_km and min_samples, with one pair as the baseline."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

from gclust.cluster.fixed_point import threshold_units
from gclust.cluster.parameters import check_parameters
from gclust.cluster.surface import rising
from gclust.errors import StudyError
from gclust.kernels.dbscan.density_level import MOST_LEVELS
from gclust.study.schema import Study

EPS_FACTORS = (0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.25, 1.5, 1.75, 2.0)
MIN_SAMPLES_FACTORS = (0.25, 0.35, 0.5, 0.7, 1.0, 1.4, 2.0, 2.8, 4.0)
"""Multiples of a study's own parameters in the default grid: from half to twice the radius, and
from a quarter to four times the density."""

Pair = tuple[float, float]


@dataclass(frozen=True)
class Pairs:
    """All pairs of the given values of eps_km and min_samples, and the baseline pair.

    Attributes
    ----------
    eps_km, min_samples : tuple of float
        Values in ascending order.
    baseline : (float, float)
        One of the pairs.
    """

    eps_km: tuple[float, ...]
    min_samples: tuple[float, ...]
    baseline: Pair

    def __iter__(self) -> Iterator[Pair]:
        return product(self.eps_km, self.min_samples)

    def smaller(self, pair: Pair) -> tuple[Pair | None, Pair | None]:
        """Return two neighbours of a pair: next smaller eps_km, and next smaller min_samples.

        Either is None if the grid has no smaller value.
        """
        eps, least = self.eps_km.index(pair[0]), self.min_samples.index(pair[1])
        return (
            (self.eps_km[eps - 1], pair[1]) if eps else None,
            (pair[0], self.min_samples[least - 1]) if least else None,
        )


def choose_pairs(
    study: Study,
    eps_km: Iterable[float] | None,
    min_samples: Iterable[float] | None,
    baseline: Sequence[float] | None,
) -> Pairs:
    """Choose the parameter grid: the arguments, else ``[sweep]``, else values near the study's.

    Parameters
    ----------
    study : Study
    eps_km, min_samples : iterable of float, optional
        Values in any order, none twice.
    baseline : (eps_km, min_samples), optional
        By default the study's own parameters.

    Raises
    ------
    StudyError
        If a sequence is empty, holds a value twice or an invalid one, or if the baseline is not
        one of the pairs; the message names the value.
    """
    options = study.dbscan
    eps = _values("eps_km", eps_km, study.sweep.eps_km, options.eps_km, EPS_FACTORS)
    least = _values(
        "min_samples",
        min_samples,
        study.sweep.min_samples,
        options.min_samples,
        MIN_SAMPLES_FACTORS,
    )
    if len(least) > MOST_LEVELS:
        raise StudyError(
            f"min_samples has {len(least)} values; expected at most {MOST_LEVELS};"
            " give fewer values"
        )
    try:
        for each in eps:
            check_parameters(each, options.border, options.metric, None)
        for each in least:
            threshold_units(each)
    except ValueError as error:
        raise StudyError(str(error)) from None
    own = (options.eps_km, options.min_samples)
    return Pairs(eps, least, _baseline(own if baseline is None else baseline, eps, least))


def _values(
    name: str,
    given: Iterable[float] | None,
    of_study: tuple[float, ...] | None,
    own: float,
    factors: Sequence[float],
) -> tuple[float, ...]:
    if given is None:
        given = of_study
    if given is None:
        return _around(own, factors, whole=name == "min_samples" and own == int(own))
    try:
        return rising(name, given)
    except ValueError as error:
        raise StudyError(str(error)) from None


def _around(own: float, factors: Sequence[float], *, whole: bool) -> tuple[float, ...]:
    """Return multiples of a study's own value to 6 digits, or as whole numbers if ``whole``."""
    values = {float(round(own * f)) if whole else float(f"{own * f:.6g}") for f in factors}
    return tuple(sorted({value for value in values if not whole or value >= 1} | {own}))


def _baseline(given: Any, eps: tuple[float, ...], least: tuple[float, ...]) -> Pair:
    if isinstance(given, str | bytes) or not isinstance(given, Sequence) or len(given) != 2:
        raise StudyError(f"baseline must be a pair (eps_km, min_samples), not {given!r}")
    for name, value, known in zip(("eps_km", "min_samples"), given, (eps, least), strict=True):
        if value not in known:
            listed = ", ".join(f"{each:.12g}" for each in known)
            raise StudyError(
                f"the baseline's {name} = {value!r} is outside the surface, the grid of values"
                f" to try: {name} = {listed}; add this value, or choose another baseline"
            )
    return float(given[0]), float(given[1])
