"""Inhabitants of footprints, from a raster."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gclust.errors import GclustWarning, StudyError
from gclust.places.antimeridian import torn
from gclust.places.cells import Grid
from gclust.progress import Report, resolve, stage

if TYPE_CHECKING:
    import geopandas
    import rasterio

Floats = NDArray[np.float64]

UNITS = ("count", "per_km2")

# Less than this is not worth a warning: coasts and lakes have no data in many rasters.
UNCOVERED_TOLD = 0.01

# Straight in degrees and straight in a plane part by metres over this length.
LONGEST_SIDE_DEGREES = 0.1

# GDAL would keep what it has read up to a twentieth of the machine's memory.
CACHE_BYTES = 64 * 1024**2

# A warning names at most so many footprints.
_NAMED = 10


def population(
    footprints: geopandas.GeoSeries,
    raster: str | os.PathLike[str],
    *,
    unit: str = "count",
    names: Sequence[str] | None = None,
    progress: bool | Report | None = None,
) -> pd.DataFrame:
    """Count the inhabitants of footprints, cells on the edge by the share covered.

    Parameters
    ----------
    footprints : geopandas.GeoSeries
        Polygons with a CRS, such as those of :func:`gclust.places.footprints.footprints`;
        in degrees they are cut at 180.
    raster : path
        A raster that GDAL reads, with any CRS, turned or with the south above too; its
        first band is used, with its scale and offset if it has them.
    unit : {"count", "per_km2"}
        What a cell holds: its inhabitants, or inhabitants per square kilometre.
    names : sequence of str, optional
        What warnings call the footprints; their index by default.
    progress : bool or callable, optional
        See :mod:`gclust.progress`.

    Returns
    -------
    pandas.DataFrame
        Index of the footprints. ``population``: inhabitants of the covered part; NaN where
        nothing is covered, never a silent zero. ``uncovered_share``: share of the
        footprint's area, from 0 to 1, without data or outside of the raster.

    Raises
    ------
    gclust.errors.StudyError
        If the raster cannot be read, has no CRS or no place on the Earth, or holds
        negative values, which are a "no data" that the file does not declare.
    ValueError
        For an unknown unit or footprints without CRS.

    Warns
    -----
    gclust.errors.GclustWarning
        If more than 1 % of a footprint is uncovered, with its name and the share.

    Notes
    -----
    Cells are weighted with the exact share of their area that a footprint covers
    (exactextract). With ``"per_km2"`` a cell's density is multiplied by the covered part of
    its area on the WGS 84 ellipsoid, whatever the raster's projection.
    """
    import rasterio

    if unit not in UNITS:
        raise ValueError(f"unit must be one of {', '.join(UNITS)}, not {unit!r}")
    if footprints.crs is None:
        raise ValueError("footprints have no CRS; set it, such as EPSG:4326")
    labels = [str(name) for name in (footprints.index if names is None else names)]
    with (
        rasterio.Env(GDAL_CACHEMAX=CACHE_BYTES),
        opened(raster) as source,
        stage(resolve(progress), "population") as done,
    ):
        grid = Grid.of(source, str(raster))
        people = np.full(len(labels), np.nan)
        uncovered = np.ones(len(labels))
        if footprints.crs.is_geographic and not source.crs.is_geographic:
            footprints = _for_plane(footprints, grid.seam())
        for row, shape in enumerate(footprints.to_crs(source.crs)):
            people[row], uncovered[row] = _inhabitants(grid, shape, unit, labels[row])
            done((row + 1) / len(labels))
    table = pd.DataFrame(
        {"population": people, "uncovered_share": uncovered}, index=footprints.index
    )
    _tell_uncovered(uncovered, labels, os.path.basename(raster))
    return table


def opened(raster: str | os.PathLike[str]) -> rasterio.DatasetReader:
    """Open a raster; StudyError if it cannot be read."""
    import rasterio

    try:
        return rasterio.open(raster)
    except rasterio.errors.RasterioIOError as error:
        raise StudyError(f"{raster}: no raster that can be read ({error})") from error


def _for_plane(footprints: geopandas.GeoSeries, seam: float | None) -> geopandas.GeoSeries:
    """Cut sides short, and shapes where the plane is torn: sides on its rim are bent there."""
    if seam is not None:
        footprints = footprints.to_crs(4326).apply(torn, meridian=seam)
    return footprints.segmentize(LONGEST_SIDE_DEGREES)


def _inhabitants(grid: Grid, shape: Any, unit: str, name: str) -> tuple[float, float]:
    """Sum of one footprint (in the raster's CRS), and its uncovered share."""
    people, with_data_km2, all_km2 = 0.0, 0.0, 0.0
    for cells in grid.cells(shape, true_areas=unit == "per_km2"):
        values = cells.values[cells.has_data]
        if (values < 0.0).any():
            raise StudyError(
                f"{grid.path}: the footprint {name} meets cells with {values.min():g} "
                "inhabitants; declare the value that means no data, for example with "
                f"gdal_edit.py -a_nodata {values.min():g}"
            )
        covered_km2 = cells.coverage * cells.km2
        all_km2 += float(covered_km2.sum())
        with_data_km2 += float(covered_km2[cells.has_data].sum())
        factor = covered_km2 if unit == "per_km2" else cells.coverage
        people += float((values * factor[cells.has_data]).sum())
    if with_data_km2 == 0.0:
        return np.nan, 1.0
    return people, 1.0 - with_data_km2 / all_km2


def _tell_uncovered(share: Floats, labels: list[str], raster: str) -> None:
    told = np.flatnonzero(share > UNCOVERED_TOLD)
    if told.size == 0:
        return
    told = told[np.argsort(-share[told], kind="stable")]
    shown = ", ".join(f"{labels[row]} ({100 * share[row]:.1f} %)" for row in told[:_NAMED])
    rest = f" and {len(told) - _NAMED} more" if len(told) > _NAMED else ""
    warnings.warn(
        f"{raster} has no data for more than {100 * UNCOVERED_TOLD:.0f} % of "
        f"{len(told)} of {len(share)} footprints: {shown}{rest}; their population is that of "
        "the part with data, NaN where there is none",
        GclustWarning,
        stacklevel=3,
    )
