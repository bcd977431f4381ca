"""Simulated population: the inhabitants of each cluster, and a raster of all inhabitants."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from gclust.datasets.figures import read_table
from gclust.datasets.geometry import KM_PER_DEGREE, distances_km
from gclust.datasets.modelled import WORLD_TOTALS, published, rates

CELL_DEGREES = 1.0 / 60.0
_COLUMNS, _ROWS = 360 * 60, 180 * 60
_WITHIN_KM = 4.8  # of a site's centre, inside the footprint's discs of 5 km
_BLOCK = 256
# Totals in per cent of the world per million inhabitants, by rank of intensity, where nothing
# is published.
_CURVES = {
    2025: {6: 0.88, 12: 0.72, 45: 0.318, 85: 0.112, 100: 0.029},
    2023: {1: 1.02, 3: 0.70, 5: 0.62, 40: 0.20, 85: 0.09, 100: 0.02},
}
_BEHIND = 0.95  # of the third leader per head, at most, in all other clusters


def populations(targets: pd.DataFrame, inhabitants: np.ndarray, edition: int) -> np.ndarray:
    """Return each cluster's inhabitants, chosen to reproduce published numbers per inhabitant.

    These numbers are ranks of intensity, counts per million, and the leaders of each kind; where
    nothing is published, inhabitants are those of ``invented_clusters.csv`` or of a curve.

    Parameters
    ----------
    targets : pandas.DataFrame
        Clusters by rank, with ``cluster``, ``<kind>_share`` and ``total``.
    inhabitants : ndarray
        Inhabitants of each cluster's cities in the gazetteer, which order the
        clusters without a published rank.
    edition : int
        Edition of the published figures.
    """
    top = targets[:100].reset_index(drop=True)
    figures = published(edition).reindex(top["cluster"]).reset_index(drop=True)
    millions = _given_millions(top, figures, edition)
    given = figures["intensity_rank"].to_numpy()
    natural = top["total"].to_numpy() / inhabitants[:100] ** 0.9
    # Whoever has inhabitants but no rank is among the most intense.
    natural = np.where(np.isnan(millions), natural, 1e6 * top["total"] / millions)
    rank = np.where(np.isnan(given), 0, given).astype(np.int64)
    free = np.setdiff1d(np.arange(1, 101), rank)
    rest = np.flatnonzero(rank == 0)
    rank[rest[np.argsort(-natural[rest], kind="stable")]] = free
    anchors = dict(_CURVES[edition])
    known = ~np.isnan(millions) & ~np.isnan(given)
    anchors |= dict(zip(rank[known], (top["total"] / millions)[known], strict=True))
    at = sorted(anchors)
    intensity = np.exp(np.interp(rank, at, np.log([anchors[r] for r in at])))
    millions = np.where(np.isnan(millions), top["total"] / intensity, millions)
    millions = np.maximum(millions, _least_millions(top, figures, millions, edition))
    below = np.clip(targets["total"].to_numpy()[100:] / inhabitants[100:] * 1e6, 0.02, 0.5)
    return np.concatenate([millions, targets["total"].to_numpy()[100:] / below]) * 1e6


def _given_millions(top: pd.DataFrame, figures: pd.DataFrame, edition: int) -> np.ndarray:
    """Return inhabitants that follow from counts per million or are invented; NaN elsewhere."""
    world = WORLD_TOTALS[edition]
    millions = np.full(len(top), np.nan)
    if edition == 2025:
        table = read_table("invented_clusters.csv").set_index("cluster")
        millions = table["inhabitants"].reindex(top["cluster"]).to_numpy(dtype=np.float64).copy()
    for kind, total in world.items():
        rate = figures.get(f"{kind}_per_million", pd.Series(np.nan, index=figures.index))
        following = (top[f"{kind}_share"] * total / 100.0 / rate).to_numpy()
        millions = np.where(np.isnan(following), millions, following)
    # All kinds together say it best: each alone is rounded.
    both = rates(edition).sum(axis=1).reindex(top["cluster"]).to_numpy()
    return np.where(np.isnan(both), millions, top["total"] / both)


def _least_millions(
    top: pd.DataFrame, figures: pd.DataFrame, millions: np.ndarray, edition: int
) -> np.ndarray:
    """Return the least inhabitants that keep all other clusters behind the leaders per head."""
    least = np.zeros(len(top))
    for kind, total in WORLD_TOTALS[edition].items():
        if f"{kind}_per_million_rank" in figures:
            count = top[f"{kind}_share"].to_numpy() * total / 100.0
            leads = figures[f"{kind}_per_million_rank"].notna().to_numpy()
            third = (count / millions)[leads].min()
            least = np.maximum(least, np.where(leads, 0.0, count / (_BEHIND * third)))
    return least


def write_population(
    path: Path,
    of_clusters: tuple[np.ndarray, np.ndarray, np.ndarray],
    elsewhere: tuple[np.ndarray, np.ndarray, np.ndarray],
) -> None:
    """Write persons per cell of one minute of arc as a sparse GeoTIFF of the whole world.

    Parameters
    ----------
    path : Path
        File to write.
    of_clusters : (lat, lon, persons)
        Sites of clusters: their inhabitants are distributed evenly over the cells that lie
        wholly within 5 km of the centre.
    elsewhere : (lat, lon, persons)
        Places outside clusters: all inhabitants are in the cell of the centre.
    """
    cells, persons = _cells_about(*of_clusters)
    lat, lon, many = elsewhere
    row = np.floor((90.0 - lat) / CELL_DEGREES).astype(np.int64)
    column = np.floor((lon + 180.0) / CELL_DEGREES).astype(np.int64)
    _write(
        path,
        np.concatenate([cells, row * _COLUMNS + column]),
        np.concatenate([persons, many]),
    )


def _write(path: Path, cells: np.ndarray, persons: np.ndarray) -> None:
    """Write only blocks with inhabitants, because missing blocks are read as 0."""
    import rasterio
    from rasterio.transform import Affine
    from rasterio.windows import Window

    row, column = np.divmod(cells, _COLUMNS)
    block = (row // _BLOCK) * -(-_COLUMNS // _BLOCK) + column // _BLOCK
    order = np.argsort(block, kind="stable")
    starts = np.flatnonzero(np.diff(block[order], prepend=-1))
    corner = Affine(CELL_DEGREES, 0.0, -180.0, 0.0, -CELL_DEGREES, 90.0)
    profile = {
        "driver": "GTiff", "width": _COLUMNS, "height": _ROWS, "count": 1, "dtype": "float32",
        "crs": "EPSG:4326", "transform": corner,
        "tiled": True, "blockxsize": _BLOCK, "blockysize": _BLOCK, "compress": "deflate",
        "zlevel": 1, "sparse_ok": True,
    }  # fmt: skip
    with rasterio.open(path, "w", **profile) as raster:
        for these in np.split(order, starts[1:]):
            top, left = (int(at[these[0]]) // _BLOCK * _BLOCK for at in (row, column))
            shape = (min(_BLOCK, _ROWS - top), min(_BLOCK, _COLUMNS - left))
            values = np.zeros(shape, dtype=np.float64)
            np.add.at(values, (row[these] - top, column[these] - left), persons[these])
            window = Window(left, top, shape[1], shape[0])
            raster.write(values.astype(np.float32), 1, window=window)


def _cells_about(
    lat: np.ndarray, lon: np.ndarray, persons: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the cells wholly within reach of each centre, and the persons in each."""
    reach = int(np.ceil(_WITHIN_KM / KM_PER_DEGREE / CELL_DEGREES))
    cells, weights = [], []
    for here_lat, here_lon, many in zip(lat, lon, persons, strict=True):
        wide = int(np.ceil(reach / np.cos(np.radians(here_lat))))
        row = int(np.floor((90.0 - here_lat) / CELL_DEGREES)) + np.arange(-reach, reach + 1)
        column = int(np.floor((here_lon + 180.0) / CELL_DEGREES)) + np.arange(-wide, wide + 1)
        edges = np.meshgrid(
            90.0 - np.append(row, row[-1] + 1) * CELL_DEGREES,
            np.append(column, column[-1] + 1) * CELL_DEGREES - 180.0,
            indexing="ij",
        )
        start = np.array([here_lat]), np.array([here_lon])
        km = distances_km(*start, edges[0].ravel(), edges[1].ravel()).reshape(edges[0].shape)
        inside = km < _WITHIN_KM
        whole = inside[:-1, :-1] & inside[1:, :-1] & inside[:-1, 1:] & inside[1:, 1:]
        at = np.argwhere(whole)
        cells.append(row[at[:, 0]] * _COLUMNS + column[at[:, 1]] % _COLUMNS)
        weights.append(np.full(len(at), many / len(at)))
    return np.concatenate(cells), np.concatenate(weights)
