"""The index of Ellison and Glaeser over given areas."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gclust.places.footprints.containment import containing_footprint

if TYPE_CHECKING:
    import geopandas as gpd

Floats = NDArray[np.float64]

LEAST_PLANTS = 2


def ellison_glaeser(
    plants: pd.DataFrame,
    areas: gpd.GeoDataFrame | None = None,
    *,
    by: str = "field",
    weight: str = "weight",
    draws: int = 999,
    seed: int = 1,
) -> pd.DataFrame:
    """Compute the index of Ellison and Glaeser of each kind or field.

    Parameters
    ----------
    plants : DataFrame
        One row per plant: an organisation, or what it has in one area. The column ``by``,
        ``weight`` (its size, such as records, above 0), and ``lat, lon`` (degrees) or ``area``
        (name or number of its area).
    areas : GeoDataFrame, optional
        Polygons that share no ground, in any CRS. Plants outside all are left out. Without it,
        ``plants`` have a column ``area``.
    by, weight : str
        Names of the columns of kinds or fields, and of sizes.
    draws : int
        Number of draws for the p value.
    seed : int

    Returns
    -------
    DataFrame
        One row per kind or field with two plants or more, by name: ``plants, weight, areas`` (those
        with plants of it), ``herfindahl`` (H, of plants' sizes), ``raw`` (G), ``raw_expected``
        and ``raw_sd`` (of G if plants choose areas at random), ``gamma`` (the index) and
        ``p_value`` (share of the draws, and of the data, with as large a G).

    Raises
    ------
    ValueError
        If a column is missing or has missing values, or if all plants lie in one area.

    Notes
    -----
    With the share s_i of a kind's weight and the share x_i of all weight in area i, and the
    share z_j of plant j in its kind: G = sum (s_i - x_i)^2, H = sum z_j^2 and gamma =
    (G / (1 - sum x_i^2) - H) / (1 - H). If each plant chose area i with probability x_i,
    gamma would have the expectation 0; the variance of G is that of the same paper (Ellison and
    Glaeser 1997, J. Polit. Econ. 105).

    Examples
    --------
    >>> import pandas as pd, gclust
    >>> plants = pd.DataFrame({
    ...     "field": ["a", "a", "b", "b"], "area": ["E", "E", "E", "W"], "weight": [1, 1, 1, 1]})
    >>> gclust.ellison_glaeser(plants)[["field", "herfindahl", "raw", "gamma"]].round(3)
      field  herfindahl    raw  gamma
    0     a         0.5  0.125 -0.333
    1     b         0.5  0.125 -0.333
    """
    table = _checked(plants, areas, by, weight)
    area, sizes = table["area"].to_numpy(), table[weight].to_numpy(float)
    n_areas = int(area.max()) + 1
    total = np.bincount(area, sizes, n_areas)
    x = total / total.sum()
    if np.count_nonzero(x) < 2:
        raise ValueError("all plants lie in one area; expected plants in two or more")
    rows = []
    for name, mine in table.groupby(by, sort=True):
        if len(mine) >= LEAST_PLANTS:
            z = mine[weight].to_numpy(float) / mine[weight].sum()
            raw = _raw(mine["area"].to_numpy(), z, x)
            row = {by: name, "plants": len(mine), "weight": float(mine[weight].sum())}
            row |= {"areas": int(mine["area"].nunique()), **_index(raw, z, x)}
            row["p_value"] = _p_value(raw, z, x, draws, seed)
            rows.append(row)
    return pd.DataFrame(rows)


def _checked(
    plants: pd.DataFrame, areas: gpd.GeoDataFrame | None, by: str, weight: str
) -> pd.DataFrame:
    """Return the plants within areas, with the number of their area, in a fixed order."""
    for name in (by, weight, *(("lat", "lon") if areas is not None else ("area",))):
        if name not in plants.columns:
            raise ValueError(
                f"plants have no column {name!r}; they have {', '.join(plants.columns)}"
            )
        if plants[name].isna().any():
            raise ValueError(f"the column {name!r} of plants has missing values; drop these rows")
    if not (plants[weight] > 0).all():
        raise ValueError(f"the column {weight!r} of plants must be above 0")
    if areas is None:
        number = np.unique(plants["area"].to_numpy(), return_inverse=True)[1]
    else:
        number = areas_of(plants, areas)
    table = plants.assign(area=number)[number >= 0]
    if table.empty:
        raise ValueError("no plant lies in any area; are the areas those of the plants?")
    return table[[by, "area", weight]].sort_values([by, "area", weight], ignore_index=True)


def areas_of(plants: pd.DataFrame, areas: gpd.GeoDataFrame) -> NDArray[np.int64]:
    """Return the row of the area in which each plant lies, -1 outside all."""
    shapes = areas.geometry.to_crs(4326).to_numpy()
    lat, lon = plants["lat"].to_numpy(float), plants["lon"].to_numpy(float)
    return containing_footprint(lat, lon, np.full(len(lat), -1, dtype=np.int64), shapes)


def _raw(area: NDArray[np.int64], z: Floats, x: Floats) -> float:
    """Return G: the squared distance of a kind's shares from those of all."""
    return float(((np.bincount(area, z, len(x)) - x) ** 2).sum())


def _index(raw: float, z: Floats, x: Floats) -> dict[str, float]:
    """Return the index, and the moments of G if plants choose areas at random."""
    h, fourth = float((z**2).sum()), float((z**4).sum())
    second, third = float((x**2).sum()), float((x**3).sum())
    free = 1.0 - second
    variance = h**2 * (second - 2 * third + second**2)
    variance -= fourth * (second - 4 * third + 3 * second**2)
    return {
        "herfindahl": h,
        "raw": raw,
        "raw_expected": free * h,
        "raw_sd": float(np.sqrt(max(2 * variance, 0.0))),
        "gamma": (raw / free - h) / (1.0 - h),
    }


def _p_value(raw: float, z: Floats, x: Floats, draws: int, seed: int) -> float:
    """Return the share of random maps, and of the map itself, with as large a G."""
    rng = np.random.default_rng(seed)
    below = np.cumsum(x)
    reached = 1
    for _ in range(draws):
        area = np.minimum(np.searchsorted(below, rng.random(len(z)), side="right"), len(x) - 1)
        reached += _raw(area, z, x) >= raw * (1.0 - 1e-12)
    return reached / (draws + 1)
