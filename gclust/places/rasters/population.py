"""Count of the inhabitants within footprints, from a population raster."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gclust.errors import Warn, warn_user
from gclust.places.antimeridian import split_at_meridian
from gclust.places.rasters.coarse import Coarseness
from gclust.places.rasters.covered_cells import CellPlane, Cells
from gclust.places.rasters.files import RasterFiles, RasterPath
from gclust.places.rasters.plausible import Plausibility
from gclust.places.rasters.tiles import opened
from gclust.plurals import counted
from gclust.progress import Report, resolve, stage

if TYPE_CHECKING:
    import geopandas

Floats = NDArray[np.float64]

UNITS = ("count", "per_km2")

LEAST_UNCOVERED = 0.01
"""Least uncovered share for a warning: many rasters have no data for coasts and lakes."""

# Over this length, straight lines in degrees and in a plane differ by metres.
LONGEST_SIDE_DEGREES = 0.1

TOGETHER = 64
"""Footprints whose cells are looked for at a time."""

_NAMED = 10
"""Largest number of footprints that a warning names."""


def population(
    footprints: geopandas.GeoSeries,
    raster: RasterPath | Sequence[RasterPath] | RasterFiles,
    *,
    unit: str = "count",
    band: int | None = None,
    names: Sequence[str] | None = None,
    progress: bool | Report | None = None,
    warn: Warn = warn_user,
    warn_of_coarse: bool = True,
) -> pd.DataFrame:
    """Count the inhabitants of footprints; cells on the edge count by their covered share.

    Parameters
    ----------
    footprints : geopandas.GeoSeries
        Polygons with a CRS, such as those of :func:`gclust.places.footprints.outlines.footprints`;
        in degrees they are cut at 180.
    raster : path, sequence of paths or RasterFiles
        A raster that GDAL reads, in any CRS, also rotated or with the south on top; or several
        tiles of one grid, by a folder, a pattern such as ``tiles/*.tif`` or a list. Scale and
        offset are applied. Where tiles overlap, the data of any of them count.
    unit : {"count", "per_km2"}
        What a cell holds: its inhabitants, or inhabitants per square kilometre.
    band : int, optional
        The band to use, from 1 on; the first by default.
    names : sequence of str, optional
        Names of the footprints in warnings; their index by default.
    progress : bool or callable, optional
        See :mod:`gclust.progress`.
    warn : callable, optional
        Called with each warning.
    warn_of_coarse : bool
        Whether to warn of cells that are too large for the footprints.

    Returns
    -------
    pandas.DataFrame
        Index of the footprints. ``population``: inhabitants of the covered part; NaN where
        nothing is covered, never a silent zero. ``uncovered_share``: share of the
        footprint's area, from 0 to 1, without data or outside of the raster.

    Raises
    ------
    gclust.errors.StudyError
        If the raster cannot be read, has no CRS, no place on the Earth or no such band; if
        tiles do not lie on one grid, or say different things of one cell; if a footprint meets
        a cell that cannot be inhabitants but is a "no data" that the file does not declare: see
        :mod:`gclust.places.rasters.plausible`.
    ValueError
        For an unknown unit or footprints without CRS.

    Warns
    -----
    gclust.errors.GclustWarning
        If more than 1 % of a footprint is uncovered, with its name and the share; if a
        footprint covers fewer than 20 cells, or lies by more than a tenth in cells that are
        partly sea (Natural Earth, 1:50 million); if the raster has several bands and none was
        chosen.

    Notes
    -----
    Cells are weighted with the exact share of their area that a footprint covers
    (exactextract). With ``"per_km2"`` a cell's density is multiplied by the covered part of
    its area on the WGS 84 ellipsoid, whatever the raster's projection.
    """
    if unit not in UNITS:
        raise ValueError(f"unit must be one of {', '.join(UNITS)}, not {unit!r}")
    if footprints.crs is None:
        raise ValueError("footprints have no CRS; set it, for example to EPSG:4326")
    labels = [str(name) for name in (footprints.index if names is None else names)]
    files = RasterFiles.of(raster)
    with opened(files, band) as source, stage(resolve(progress), "population") as done:
        grid = CellPlane(source)
        judge = Plausibility(grid, unit)
        coarseness = Coarseness(grid) if warn_of_coarse else None
        people = np.full(len(labels), np.nan)
        uncovered = np.ones(len(labels))
        if footprints.crs.is_geographic and not source.crs.is_geographic:
            footprints = _for_plane(footprints, grid.seam())
        shapes = footprints.to_crs(source.crs).to_numpy()
        for first in range(0, len(labels), TOGETHER):
            some = grid.cells(shapes[first : first + TOGETHER], true_areas=unit == "per_km2")
            for row, cells in enumerate(some, start=first):
                people[row], uncovered[row] = _inhabitants(judge, coarseness, cells, labels[row])
                done((row + 1) / len(labels))
    table = pd.DataFrame(
        {"population": people, "uncovered_share": uncovered}, index=footprints.index
    )
    _warn_of_uncovered(uncovered, labels, files.name, warn)
    if coarseness is not None:
        coarseness.warn(labels, files.name, warn)
    return table


def _for_plane(footprints: geopandas.GeoSeries, seam: float | None) -> geopandas.GeoSeries:
    """Split shapes where the projection cuts the Earth, and add vertices to long sides."""
    if seam is not None:
        footprints = footprints.to_crs(4326).apply(split_at_meridian, meridian=seam)
    return footprints.segmentize(LONGEST_SIDE_DEGREES)


def _inhabitants(
    judge: Plausibility, coarseness: Coarseness | None, covered: Iterable[Cells], name: str
) -> tuple[float, float]:
    """Return the inhabitants of one footprint, from its cells, and its uncovered share."""
    people, with_data_km2, all_km2 = 0.0, 0.0, 0.0
    is_density = judge.unit == "per_km2"
    for cells in covered:
        values = judge.checked_values(cells, name)[cells.has_data]
        if coarseness is not None:
            coarseness.add(cells)
        covered_km2 = cells.coverage * cells.km2
        all_km2 += float(covered_km2.sum())
        with_data_km2 += float(covered_km2[cells.has_data].sum())
        factor = covered_km2 if is_density else cells.coverage
        people += float((values * factor[cells.has_data]).sum())
    if coarseness is not None:
        coarseness.end()
    if with_data_km2 == 0.0:
        return np.nan, 1.0
    return people, 1.0 - with_data_km2 / all_km2


def _warn_of_uncovered(share: Floats, labels: list[str], raster: str, warn: Warn) -> None:
    rows = np.flatnonzero(share > LEAST_UNCOVERED)
    if rows.size == 0:
        return
    rows = rows[np.argsort(-share[rows], kind="stable")]
    shown = ", ".join(f"{labels[row]} ({100 * share[row]:.1f} %)" for row in rows[:_NAMED])
    rest = f" and {len(rows) - _NAMED} more" if len(rows) > _NAMED else ""
    warn(
        f"{raster} has no data for more than {100 * LEAST_UNCOVERED:.0f} % of "
        f"{len(rows):,} of {counted(len(share), 'footprint')}: {shown}{rest}; their population is"
        " that of "
        "the part with data, NaN where there is none"
    )
