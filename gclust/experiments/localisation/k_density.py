"""K-densities of Duranton and Overman: distances between the sites of a kind or field."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gclust.escapes import visible
from gclust.experiments.localisation.bands import Bands, confidence_bands
from gclust.kernels.spatial.pair_distances import (
    DistanceBins,
    chosen_points,
    distance_bins,
    pair_counts,
    smooth,
    vectors_of,
)
from gclust.parallel import parallel_for
from gclust.plurals import counted
from gclust.progress import Report, silent, stage
from gclust.sphere import EARTH_RADIUS_KM, arc_km
from gclust.threads import count_threads

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

N_DISTANCES = 201
"""Number of distances at which K-densities are computed."""
BINS_OF_RANGE = 1024
"""Bins of the range of distances; there are eight times as many in all."""
MOST_SITES = 5000
"""Largest number of sites whose pairs are counted; of more, so many are chosen at random."""
MEDIAN_OF = 3000
"""Number of sites, chosen at random if there are more, whose pairs give the median distance."""
LEAST_SITES = 10
WEIGHT_BITS = 30
"""Weights are whole numbers with a sum below 2 to this power, so that products can be summed."""
FIRST_SAMPLE, MEDIAN_SAMPLE = -1, -2
"""Numbers of the draws that choose sites of large kinds, and those of the median distance."""
HEAD = 8


@dataclass(frozen=True, repr=False)
class KDensity:
    """K-densities by kind or field, with confidence bands.

    The columns of a table are those of its file. What they mean, with unit and formula, is in
    ``datapackage.json`` of the folder, and in the reference.

    Attributes
    ----------
    table : DataFrame
        One row per kind or field: ``k_density.csv`` of ``gclust localise``.
    curves : DataFrame
        One row per kind or field and distance: ``k_density_curves.csv`` of ``gclust localise``.
    by : str
        Name of the column of kinds or fields.
    most_km : float
        Largest distance: the median distance between all pairs of sites, if not given.
    level : float
        Part of chance between the bands.
    draws : int
    n_sites : int
        Number of all sites.

    Examples
    --------
    >>> import gclust
    >>> import numpy as np, pandas as pd, gclust
    >>> rng = np.random.default_rng(1)
    >>> sites = pd.DataFrame({"lat": rng.uniform(45, 49, 90), "lon": rng.uniform(5, 9, 90)})
    >>> sites["field"] = ["optics"] * 30 + ["others"] * 60
    >>> found = gclust.k_density(sites, draws=19)
    >>> found.table[["field", "sites", "localised"]]
        field  sites  localised
    0  optics     30      False
    1  others     60      False
    """

    table: pd.DataFrame
    curves: pd.DataFrame
    by: str
    most_km: float
    level: float
    draws: int
    n_sites: int

    def plot(self, of: str | None = None, ax: Axes | None = None, **options: Any) -> Axes:
        """Draw the K-density of one kind or field; options are those of `gclust.plot.k_density`."""
        from gclust import plot

        return plot.k_density(self, of, ax, **options)

    @property
    def in_words(self) -> str:
        """The numbers of sites, draws and distances in one line."""
        return (
            f"{counted(self.n_sites, 'site')}, distances up to {self.most_km:,.1f} km;"
            f" {counted(self.draws, 'draw')} of sites among all, bands of {100 * self.level:g} %"
        )

    def __repr__(self) -> str:
        names = [self.by, "sites", "localisation", "dispersion", "p_localised", "p_dispersed"]
        text = self.table[names].head(HEAD).round(4).to_string(index=False).split("\n")
        return "\n  ".join(["K-density", self.in_words, *(visible(line) for line in text)])


class Options(NamedTuple):
    """The options of `k_density`, without those of threads."""

    by: str
    weight: str | None = None
    most_km: float | None = None
    draws: int = 1000
    level: float = 0.9
    seed: int = 1


class _Sites(NamedTuple):
    """All sites, and the bins of their distances."""

    vectors: Floats
    bins: DistanceBins
    middle: Floats
    at: Floats


def k_density(
    sites: pd.DataFrame,
    by: str = "field",
    *,
    weight: str | None = None,
    most_km: float | None = None,
    draws: int = 1000,
    level: float = 0.9,
    seed: int = 1,
    n_jobs: int | None = None,
) -> KDensity:
    """Compute the K-density of each kind or field, and test it against random sites.

    The K-density is the density of the great-circle distances between the sites of a kind. It is
    compared with those of as many sites that are drawn without replacement from the sites of all
    kinds, so that what all have in common is no localisation (Duranton and Overman 2005).

    Parameters
    ----------
    sites : DataFrame
        ``lat, lon`` (degrees) and the column ``by``; a row for each site and kind. A site of
        several kinds has the same value in a column ``site`` in its rows; without this column
        each row is a site of its own.
    by : str
        Name of the column of kinds or fields.
    weight : str, optional
        Name of a column of weights, such as records. Then each pair counts with the product of its
        weights; draws assign a kind's own weights to random sites.
    most_km : float, optional
        Largest distance; by default the median distance between all pairs of sites (of 3,000
        chosen at random, if there are more).
    draws : int
        Number of draws.
    level : float
        Part of chance between the bands: 0.9 leaves 5 % on either side.
    seed : int
    n_jobs : int, optional
        Number of threads; results do not depend on it.

    Returns
    -------
    KDensity
        Of the kinds with at least 10 sites, by name.

    Raises
    ------
    ValueError
        If a column is missing or has missing values, or if no kind has 10 sites.

    Notes
    -----
    For distances d_ij of the n (n - 1) / 2 pairs the estimate at d is the mean of
    f((d - d_ij) / h) / h + f((d + d_ij) / h) / h with the standard normal density f: a Gaussian
    kernel with reflection at zero, which integrates to one over all positive distances. The
    bandwidth h is 0.9 A m^(-1/5) with m pairs and A the lesser of the standard deviation and the
    interquartile range / 1.34 (Silverman 1986, eq. 3.31). Each draw has its own. Distances are
    counted in bins of 1/1024 of ``most_km``.

    Examples
    --------
    >>> import numpy as np, pandas as pd, gclust
    >>> rng = np.random.default_rng(1)
    >>> sites = pd.DataFrame({"lat": rng.uniform(45, 49, 300), "lon": rng.uniform(5, 9, 300)})
    >>> sites["field"] = np.where(np.arange(300) < 40, "optics", "others")
    >>> sites.loc[:19, ["lat", "lon"]] = rng.normal([47, 7], 0.05, (20, 2))
    >>> found = gclust.k_density(sites, draws=99)
    >>> found.table[["field", "sites", "localised"]]
        field  sites  localised
    0  optics     40       True
    1  others    260      False
    """
    how = Options(by, weight, most_km, draws, level, seed)
    return k_densities(sites, how, count_threads(n_jobs), silent)


def k_densities(sites: pd.DataFrame, how: Options, threads: int, report: Report) -> KDensity:
    """Compute K-densities; see `k_density`."""
    by, level = how.by, how.level
    _check(sites, how)
    table, members = _members(sites, by, how.weight)
    vectors = vectors_of(table["lat"].to_numpy(float), table["lon"].to_numpy(float))
    most = _median_km(vectors, how.seed) if how.most_km is None else how.most_km
    if not most > 0:
        raise ValueError("the median distance between sites is 0 km; give most_km")
    n_bins = min(8 * BINS_OF_RANGE, int(np.pi * EARTH_RADIUS_KM / most * BINS_OF_RANGE) + 2)
    bins = distance_bins(most / BINS_OF_RANGE, n_bins)
    middle = (np.arange(n_bins, dtype=np.float64) + 0.5) * bins.width_km
    every = _Sites(vectors, bins, middle, np.linspace(0.0, most, N_DISTANCES))
    rows, curves = [], []
    with stage(report, "draw sites") as done:
        for at, (name, (chosen, weights)) in enumerate(members.items()):
            row, curve = _measure(every, chosen, weights, how, threads)
            rows.append({by: name, **row})
            curves.append(curve.assign(**{by: name}))
            done((at + 1) / len(members))
    long = pd.concat(curves, ignore_index=True)
    long = long[[by, *(column for column in long.columns if column != by)]]
    return KDensity(pd.DataFrame(rows), long, by, most, level, how.draws, len(table))


def _check(sites: pd.DataFrame, how: Options) -> None:
    by, weight, level, draws = how.by, how.weight, how.level, how.draws
    for name in ("lat", "lon", by, *([] if weight is None else [weight])):
        if name not in sites.columns:
            raise ValueError(f"sites have no column {name!r}; they have {', '.join(sites.columns)}")
        if sites[name].isna().any():
            raise ValueError(f"the column {name!r} of sites has missing values; drop these rows")
    if not sites["lat"].between(-90, 90).all() or not sites["lon"].between(-180, 180).all():
        raise ValueError("expected latitudes from -90 to 90 and longitudes from -180 to 180")
    if weight is not None and not (sites[weight] > 0).all():
        raise ValueError(f"the column {weight!r} of sites must be above 0")
    if not 0 < level < 1:
        raise ValueError(f"level must be between 0 and 1, not {level:g}")
    least = math.ceil(2 / (1 - level) - 1e-9) - 1
    if draws < least:
        raise ValueError(f"draws = {draws}; expected {least} or more at level = {level:g}")


def _members(
    sites: pd.DataFrame, by: str, weight: str | None
) -> tuple[pd.DataFrame, dict[str, tuple[Ints, Ints]]]:
    """Number the sites in an order that does not depend on that of the rows, and list each kind's.

    Returns the sites, and of each kind its sites and their weights as whole numbers.
    """
    rows = sites.assign(_weight=1.0 if weight is None else sites[weight].astype(float))
    keys = ["lat", "lon", *(["site"] if "site" in sites.columns else [])]
    rows = rows.sort_values([*keys, by, "_weight"], kind="stable", ignore_index=True)
    if "site" in sites.columns:
        table = rows.drop_duplicates("site").reset_index(drop=True)
        number = pd.Series(np.arange(len(table)), index=table["site"])
        rows["_number"] = number.loc[rows["site"]].to_numpy()
    else:
        table, rows["_number"] = rows, np.arange(len(rows))
    members = {}
    for name, mine in rows.groupby(by, sort=True):
        summed = mine.groupby("_number", sort=True)["_weight"].sum()
        if len(summed) >= LEAST_SITES:
            share = summed.to_numpy() / summed.sum()
            whole = np.maximum(np.rint(share * 2 ** (WEIGHT_BITS - 1)), 1).astype(np.int64)
            weights = np.ones(len(summed), dtype=np.int64) if weight is None else whole
            members[str(name)] = (summed.index.to_numpy(dtype=np.int64), weights)
    if not members:
        raise ValueError(f"no {by} has {LEAST_SITES} sites or more")
    return table, members


def _median_km(vectors: Floats, seed: int) -> float:
    """Return the median distance between pairs of sites."""
    if len(vectors) > MEDIAN_OF:
        vectors = vectors[chosen_points(len(vectors), MEDIAN_OF, seed, MEDIAN_SAMPLE)]
    one, other = np.triu_indices(len(vectors), 1)
    squared = np.zeros(len(one))
    for axis in range(3):
        squared += (vectors[one, axis] - vectors[other, axis]) ** 2
    return float(np.median(arc_km(np.sqrt(squared))))


def _measure(
    every: _Sites, own: Ints, weights: Ints, how: Options, threads: int
) -> tuple[dict[str, Any], pd.DataFrame]:
    """Return the row of a kind, and its curve with bands."""
    draws, seed = how.draws, how.seed
    n_sites, n_all = len(own), len(every.vectors)
    if n_sites > MOST_SITES:
        kept = np.sort(chosen_points(n_sites, MOST_SITES, seed, FIRST_SAMPLE))
        own, weights = own[kept], weights[kept]
    counts = pair_counts(every.vectors, own, weights, every.bins, threads)
    curve, bandwidth = _curve(every, counts)
    drawn = np.empty((draws, len(every.at)))

    def work(first: int, last: int) -> None:
        for draw in range(first, last):
            chosen = chosen_points(n_all, len(own), seed, draw)
            counts = pair_counts(every.vectors, chosen, weights, every.bins, 1)
            drawn[draw] = _curve(every, counts)[0]

    parallel_for(np.arange(draws + 1), threads, work)
    bands = confidence_bands(curve, drawn, how.level)
    row = {"sites": n_sites, "sites_used": len(own), "bandwidth_km": bandwidth}
    table = pd.DataFrame(
        {
            "distance_km": every.at,
            "k_density": curve,
            "local_low": bands.local_low,
            "local_high": bands.local_high,
            "global_low": bands.global_low,
            "global_high": bands.global_high,
        }
    )
    return {**row, **_verdict(every.at, curve, bands)}, table


def _curve(every: _Sites, counts: Ints) -> tuple[Floats, float]:
    """Return the K-density from the counts of pairs, and its bandwidth in km."""
    bandwidth = silverman_km(counts[0], every.middle, every.bins.width_km)
    found = np.empty(len(every.at))
    smooth(counts[1], every.middle, bandwidth, every.at, found)
    return found / counts[1].sum(), bandwidth


def silverman_km(counts: Ints, middle: Floats, least: float) -> float:
    """Return the bandwidth of Silverman's rule (1986, eq. 3.31) for binned distances.

    It is at least ``least``, the width of a bin, where most sites lie at one point.
    """
    m = float(counts.sum())
    mean = float(counts @ middle) / m
    deviation = np.sqrt(float(counts @ (middle - mean) ** 2) / max(m - 1, 1))
    below = np.cumsum(counts)
    quartiles = middle[np.searchsorted(below, [0.25 * m, 0.75 * m])]
    between = (quartiles[1] - quartiles[0]) / 1.34
    spread = min(deviation, between) if between > 0 else deviation
    return float(max(0.9 * spread * m**-0.2, least))


def _verdict(at: Floats, curve: Floats, bands: Bands) -> dict[str, Any]:
    """Return the indices of localisation and dispersion, and the p values."""
    step = at[1] - at[0]
    above = np.maximum(curve - bands.global_high, 0.0)
    localised = bool((above > 0).any())
    below = np.maximum(bands.global_low - curve, 0.0) * (not localised)
    return {
        "localisation": float(above.sum() * step),
        "dispersion": float(below.sum() * step),
        "localised": localised,
        "dispersed": bool((below > 0).any()),
        "p_localised": bands.p_above,
        "p_dispersed": bands.p_below,
        "most_localised_km": float(at[above.argmax()]) if localised else np.nan,
    }
