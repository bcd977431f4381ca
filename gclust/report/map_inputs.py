"""What a map needs of the locations, without the modules that draw it."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

NOISE_WEIGHT = 5.0
"""Least weight of noise locations that are drawn: the GII's maps, where clusters weigh at least
4,500, draw those with at least five records."""

WEIGHT_STEPS = 1024.0
"""Steps of weights in one: sums of such multiples are exact, whatever the order of the rows."""

Floats = NDArray[np.float64]


def degree_cells(lat: Floats, lon: Floats, weight: Floats) -> tuple[Floats, Floats, Floats]:
    """Return the middles (lat, lon) of the cells of one degree with weight, and their weights."""
    row = np.clip(np.floor(lat + 90.0), 0, 179).astype(np.int64)
    column = np.floor((lon + 180.0) % 360.0).astype(np.int64) % 360
    sums = np.bincount(row * 360 + column, np.rint(weight * WEIGHT_STEPS), minlength=180 * 360)
    used = np.flatnonzero(sums > 0)
    middles = used // 360 - 89.5, used % 360 - 179.5
    lat, lon = (each.astype(np.float64) for each in middles)
    return lat, lon, sums[used] / WEIGHT_STEPS


def least_noise_weight(label: NDArray[np.integer], weight: Floats, least: float) -> float:
    """Return the least weight of noise locations that are drawn, as a legend writes it.

    Parameters
    ----------
    label, weight : ndarray, shape (n_locations,)
        Cluster of each location, -1 for noise, and its weight.
    least : float
        Noise of less weight is left out.

    Returns
    -------
    float
        0 if no noise is left out; the next whole number if all noise has whole weights;
        otherwise ``least``.
    """
    noise = weight[label < 0]
    if (noise >= least).all():
        return 0.0
    return float(np.ceil(least)) if (noise == np.rint(noise)).all() else least


def fewer_locations(locations: pd.DataFrame, noise_weight: float) -> pd.DataFrame:
    """Return fewer locations, with which a map has the same bytes.

    Noise that is drawn stays; all other locations are summed by cells of one degree, which is as
    much as the choice of the map's region looks at.
    """
    lat, lon, weight, label = (
        locations[name].to_numpy() for name in ("lat", "lon", "weight", "label")
    )
    drawn = (label < 0) & (weight >= noise_weight)
    cells = degree_cells(*(each[~drawn].astype(float) for each in (lat, lon, weight)))
    kept = [
        np.concatenate([each[drawn], cell])
        for each, cell in zip((lat, lon, weight), cells, strict=True)
    ]
    labels = np.where(np.arange(len(kept[0])) < drawn.sum(), -1, 0)
    return pd.DataFrame(dict(zip(("lat", "lon", "weight"), kept, strict=True)) | {"label": labels})
