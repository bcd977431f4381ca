"""Automatic grid: values of eps_km and min_samples that the data suggest.

Radii come from the weighted k-distance (Ester, Kriegel, Sander and Xu 1996, section 4.2), and
thresholds from the densities at the middle radius. Nothing depends on the unit of the weights, on
the order of the locations, or on a first guess.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gclust.cluster.parameters import SURFACES
from gclust.errors import StudyError
from gclust.experiments.sweep.k_distance import sampled_distances
from gclust.kernels.dbscan.levels_by_radius import grow_tree, levels_by_radius
from gclust.kernels.sphere import reach_of
from gclust.parallel import unreported
from gclust.study.clustering_methods import LARGEST_WGS84_EPS_KM
from gclust.threads import count_threads
from gclust.units import UNIT

RADII, THRESHOLDS = 11, 11
"""Numbers of values."""

FEW, MANY = 0.75, 0.5
"""Powers of the number ``n`` of locations: neighbourhoods of a share of ``n ** -FEW`` of all weight
are small, those of ``n ** -MANY`` large."""

NEAR, FAR = 0.25, 0.9
"""Shares of the weight whose small neighbourhood lies within the least radius, and whose large one
within the largest."""

SPARSE, DENSE = 0.95, 0.05
"""Shares of the weight that reach the least and the largest threshold at the middle radius."""

LEAST_FACTORS = 4.0, 8.0
"""Least ratios of the largest to the least radius and threshold."""

LARGEST_KM = 5_000.0
"""Largest radius: an eighth of the way round the Earth."""

ROUNDING = 1e-9
"""Relative error of sums of weights, at most."""

FINE = 200
"""Number of weights among which thresholds are sought."""


class Grid(NamedTuple):
    """Values of both parameters, ascending."""

    eps_km: tuple[float, ...]
    min_samples: tuple[float, ...]


def automatic_grid(
    lat: NDArray[np.float64],
    lon: NDArray[np.float64],
    units: NDArray[np.int64],
    *,
    metric: str = "haversine",
    eps_km: Sequence[float] | None = None,
) -> Grid:
    """Choose a grid of parameters for locations.

    Parameters
    ----------
    lat, lon : ndarray of float64, shape (n,)
        Distinct locations in degrees.
    units : ndarray of int64, shape (n,)
        Their weights in units (see `gclust.units`), all above 0.
    metric : {"haversine", "wgs84"}
        As in `gclust.DBSCAN`.
    eps_km : sequence of float, optional
        Radii that are given, ascending; chosen too by default.

    Returns
    -------
    Grid
        ``RADII`` radii, equally spaced on a logarithmic scale and rounded to two digits, from the
        25 % quantile of the distance within which a location finds a share of ``n ** -0.75`` of all
        weight to the 90 % quantile of that for ``n ** -0.5``; and ``THRESHOLDS`` thresholds, from
        the weight that 95 % of the weight find within the middle radius to that which 5 % find.

    Raises
    ------
    StudyError
        If all weight lies at one location.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(1)
    >>> lat, lon = 45 + rng.normal(0, 0.1, 500), 5 + rng.normal(0, 0.1, 500)
    >>> grid = automatic_grid(lat, lon, np.full(500, UNIT))
    >>> grid.eps_km[0], grid.eps_km[-1], grid.min_samples[0], grid.min_samples[-1]
    (1.2, 7.9, 2.0, 30.0)
    """
    n, total = len(lat), int(units.sum())
    if n < 2:
        raise StudyError(
            "all weight lies at one location, so that no radius separates clusters; give [sweep]"
            " eps_km and min_samples"
        )
    if eps_km is None:
        eps_km = _radii(lat, lon, units, metric)
    middle = float(np.sqrt(eps_km[0] * eps_km[-1]))
    fine = np.unique(np.geomspace(total / n, total, FINE).astype(np.int64))
    shares = _core_shares(lat, lon, units, fine, middle, metric)
    least = fine[max(int((shares >= SPARSE).sum()) - 1, 0)] / UNIT
    most = fine[min(int((shares > DENSE).sum()), fine.size - 1)] / UNIT
    least = max(least, 2.0 * total / n / UNIT, 1.0)
    return Grid(tuple(eps_km), _spaced(least, max(most, LEAST_FACTORS[1] * least), THRESHOLDS))


def _radii(
    lat: NDArray[np.float64], lon: NDArray[np.float64], units: NDArray[np.int64], metric: str
) -> tuple[float, ...]:
    n, total = len(lat), float(units.sum())
    wanted = np.array([max(int(total * n**-power), 1) for power in (FEW, MANY)], dtype=np.int64)
    km, weight = sampled_distances(lat, lon, units, wanted)
    near = km[:, 0] > 0
    if not near.any():  # each location has that weight itself
        near = np.ones(len(km), dtype=bool)
        km[:, 0] = sampled_distances(lat, lon, units, units.max(keepdims=True) + 1).km[:, 0]
    largest = LARGEST_WGS84_EPS_KM if metric == "wgs84" else LARGEST_KM
    low = _quantile(km[near, 0], weight[near], NEAR)
    high = _quantile(km[:, 1], weight, FAR)
    low = min(low, largest / LEAST_FACTORS[0])
    return _spaced(low, min(max(high, LEAST_FACTORS[0] * low), largest), RADII)


def _quantile(values: NDArray[np.float64], weight: NDArray[np.float64], share: float) -> float:
    """Return the least value up to which at least a share of the weight lies."""
    order = np.argsort(values, kind="stable")
    reached = np.cumsum(weight[order])
    # Sums of equal parts are rounded: a share that is met exactly must not be missed.
    return float(values[order][np.searchsorted(reached, share * reached[-1] * (1 - ROUNDING))])


def _core_shares(
    lat: NDArray[np.float64],
    lon: NDArray[np.float64],
    units: NDArray[np.int64],
    thresholds: NDArray[np.int64],
    eps_km: float,
    metric: str,
) -> NDArray[np.float64]:
    """Return the share of the weight that is core at each threshold, shape (k,), for one radius."""
    threads = count_threads()
    balls = grow_tree(lat, lon, units, SURFACES[metric], threads, unreported)
    levels = levels_by_radius(*balls, [reach_of(eps_km)], thresholds, threads, unreported)[0]
    reached = np.bincount(levels, weights=units, minlength=thresholds.size + 1)
    return (reached[::-1].cumsum()[::-1] / reached.sum())[1:]


def _spaced(low: float, high: float, number: int) -> tuple[float, ...]:
    """Return values equally spaced on a logarithmic scale, to two digits, or three if two agree."""
    values = np.geomspace(low, high, number)
    for digits in (2, 3):
        rounded = [float(f"{each:.{digits}g}") for each in values]
        if len(set(rounded)) == number:
            return tuple(rounded)
    return tuple(values.tolist())
