"""The kernel density of weighted locations in the cells of an equal-area raster of the Earth."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gclust.cluster.fixed_point import UNIT
from gclust.kernels.kde import (
    BLOCK,
    TILE,
    Inputs,
    RadialKernel,
    Raster,
    RasterPoints,
    add_to_row,
    count_visits,
    fill_blocks,
    finish_block,
    mark_tiles,
    sums_of_block,
)
from gclust.kernels.spatial.fold import fold_rows, locations_of
from gclust.kernels.sphere import EARTH_RADIUS_KM
from gclust.parallel import balanced_chunks, even_chunks, parallel_for, unreported
from gclust.progress import Report, stage

STANDARD_PARALLEL = 30.0
"""Latitude at which cells are square, as in the EASE-Grid 2.0 (EPSG:6933); at 60 degrees they
are three times as tall as wide, at the equator three quarters."""

CRS = (
    f"+proj=cea +lat_ts={STANDARD_PARALLEL:g} +lon_0=0 +x_0=0 +y_0=0 "
    f"+R={EARTH_RADIUS_KM * 1000:.1f} +units=m +no_defs"
)
"""Lambert's cylindrical projection of the sphere on which distances are measured. On the
ellipsoid of EPSG:6933 a square kilometre is up to 0.9 % more or less of this sphere, and
densities would not add up to the weights."""

MOST_CELLS = 1_000_000_000
"""Most cells in memory: 4 GB."""

CUTOFF = 4.5
"""Standard deviations at which the Gaussian ends. The 4e-5 of its mass farther out are
distributed over the rest in proportion."""

_CHUNK_VISITS = 2_000_000  # a tenth of a second
_HEAVY_VISITS = 4_000_000  # of one block, which the points of a city of a million reach
_CHUNK_POINTS = 2_000_000  # for one row: a tenth of a second
_CHUNK_BLOCKS = 2048
_CHUNK_ROWS = 1 << 18


class RasterLocations(NamedTuple):
    """Arrays of ``n`` distinct locations, sorted by raster row, then longitude and latitude."""

    height: NDArray[np.float64]  # (n,) rows of the raster from the north, with fractions
    lon: NDArray[np.float64]  # (n,) degrees
    units: NDArray[np.int64]  # (n,) fixed-point weight
    cell: NDArray[np.int64]  # (n,) number of the cell of each location
    first: NDArray[np.int64]  # (n,) lowest row of X at each location
    of_row: NDArray[np.int32]  # (n_rows,) location of each row of X


def standard_deviation_km(kernel: str, bandwidth_km: float) -> float:
    """Return the standard deviation of a kernel along one axis, in kilometres.

    It is half the radius of a uniform disc of the same standard deviation.
    """
    return bandwidth_km if kernel == "gaussian" else bandwidth_km / math.sqrt(6.0)


def make_kernel(kernel: str, bandwidth_km: float) -> RadialKernel:
    """Return the named kernel, scaled so that its integral over the sphere is 1.

    Both are functions of the chord c, in radii R of the Earth: of the Gaussian with
    bandwidth s, ``exp(-c^2 / 2 s^2)``, which is Fisher's distribution, the part within
    4.5 s, over ``2 pi R^2 s^2 (1 - exp(-4.5^2 / 2))``; and of Epanechnikov's with the
    chord C of its radius, ``1 - c^2 / C^2``, over ``pi R^2 C^2 / 2``. An area element of
    the sphere is ``2 pi R^2 c dc``, hence the divisors.

    Midpoints are as far apart as keeps the error of the sum over all cells below 1e-3. For
    the Gaussian it is greatest where cells begin to be divided in two: ``(h / s)^2 / 132``
    for a distance h of 0.3 s, 7e-4 of a point that lies there. Epanechnikov's has an edge; a
    fourteenth of its radius gives an error of up to 4e-4.
    """
    angle = bandwidth_km / EARTH_RADIUS_KM
    sphere_km2 = 2.0 * math.pi * EARTH_RADIUS_KM**2
    if kernel == "gaussian":
        end, scale, step = CUTOFF * angle, 0.5 / angle**2, 0.3 * angle
        mass = sphere_km2 * angle**2 * -math.expm1(-0.5 * CUTOFF**2)
    else:
        end, step = 2.0 * math.sin(0.5 * angle), angle / 14.0
        scale = 1.0 / end**2
        mass = sphere_km2 * end**2 / 4.0
    reach = 2.0 * math.asin(0.5 * end)
    return RadialKernel(kernel == "gaussian", scale, end**2, reach, 1.0 / mass, step)


def make_raster(resolution_km: float) -> Raster:
    """Return the raster whose cells at 30 degrees are about squares of side ``resolution_km``."""
    parallel = math.cos(math.radians(STANDARD_PARALLEL))
    n_rows = max(round(2.0 * EARTH_RADIUS_KM / parallel / resolution_km), 1)
    n_cols = max(round(2.0 * math.pi * EARTH_RADIUS_KM * parallel / resolution_km), 1)
    return Raster(n_rows, n_cols)


def cell_km2(raster: Raster) -> float:
    """Return the area of a cell of the raster in km2."""
    return 4.0 * math.pi * EARTH_RADIUS_KM**2 / (raster.n_rows * raster.n_cols)


def latitude_of_height(height_km: float, raster: Raster) -> float:
    """Return the latitude, north or south, beyond which cells are taller than ``height_km``."""
    step_km = 2.0 * EARTH_RADIUS_KM / raster.n_rows  # along the axis of the Earth
    return math.degrees(math.acos(min(step_km / height_km, 1.0)))


def find_cells(
    lat: NDArray[np.float64], lon: NDArray[np.float64], raster: Raster
) -> NDArray[np.int64]:
    """Return the number of each point's cell: its row times ``n_cols``, plus its column."""
    return _cells(_heights(lat, raster), lon, raster)


def _heights(lat: NDArray[np.float64], raster: Raster) -> NDArray[np.float64]:
    """Return the number of rows, with fractions, north of each latitude; below ``n_rows``."""
    rows = (1.0 - np.sin(np.radians(lat))) * (0.5 * raster.n_rows)
    return np.minimum(rows, np.nextafter(raster.n_rows, 0.0))


def _cells(
    height: NDArray[np.float64], lon: NDArray[np.float64], raster: Raster
) -> NDArray[np.int64]:
    col = (_fraction_of_turn(lon) * raster.n_cols).astype(np.int64)
    return height.astype(np.int64) * raster.n_cols + np.minimum(col, raster.n_cols - 1)


def _fraction_of_turn(lon: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return each longitude as a fraction of the circle from 180 degrees west, below 1."""
    return np.minimum((lon + 180.0) / 360.0, np.nextafter(1.0, 0.0))


def fold_onto_raster(
    lat: NDArray[np.float64],
    lon: NDArray[np.float64],
    units: NDArray[np.int64] | None,
    raster: Raster,
    threads: int = 1,
    report: Callable[[float], None] = unreported,
) -> RasterLocations:
    """Sum the weights of data rows at each distinct location; without ``units`` each weight is 1.

    Latitudes are compared as heights on the raster: two locations of the same longitude within
    a micrometre of each other may become one.
    """
    height = np.empty(len(lat))

    def measure(first: int, last: int) -> None:
        height[first:last] = _heights(lat[first:last], raster)

    parallel_for(even_chunks(len(lat), _CHUNK_ROWS), threads, measure)
    given = np.zeros(0, dtype=np.int64) if units is None else units
    # Bands as high as rows of the raster, so that locations are sorted by row.
    folded = fold_rows(height, lon, given, 1.0, threads, lambda share: report(0.9 * share))
    return RasterLocations(
        height=folded.lat,
        lon=folded.lon,
        units=np.diff(folded.prefix) * (UNIT if units is None else 1),
        cell=_cells(folded.lat, folded.lon, raster),
        first=folded.first.astype(np.int64),
        of_row=locations_of(folded, threads, lambda share: report(0.9 + 0.1 * share)),
    )


@dataclass(frozen=True)
class Density:
    """Density (weight per km2) in the raster tiles within reach of a point; zero elsewhere."""

    raster: Raster
    tiles: NDArray[np.int64]  # (n_tiles, 2) row and column of each in the grid of tiles, sorted
    values: NDArray[np.float32]  # (n_tiles, 64, 64)

    def at(self, cell: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the density in the cells with the given numbers."""
        row, col = np.divmod(cell, self.raster.n_cols)
        across = -(-self.raster.n_cols // TILE)
        known = self.tiles[:, 0] * across + self.tiles[:, 1]
        wanted = row // TILE * across + col // TILE
        slot = np.minimum(np.searchsorted(known, wanted), len(known) - 1)
        found = self.values[slot, row % TILE, col % TILE].astype(np.float64)
        return np.where(known[slot] == wanted, found, 0.0)

    def runs_above(self, level: float) -> NDArray[np.int64]:
        """Return runs: ranges of adjacent cells of a raster row with a density >= ``level``.

        They are the numbers of their first and last cells, (n_runs, 2), sorted.
        """
        runs = [np.zeros((0, 2), dtype=np.int64)]
        n_cols = self.raster.n_cols
        bounds = np.flatnonzero(np.diff(self.tiles[:, 0], prepend=-1, append=-1))
        for first, last in pairwise(bounds):
            row, tile, col = np.nonzero(self.values[first:last].transpose(1, 0, 2) >= level)
            row += self.tiles[first, 0] * TILE
            col += self.tiles[first + tile, 1] * TILE
            cell = row * n_cols + col
            starts = np.ones(len(cell), dtype=np.bool_)
            starts[1:] = (np.diff(cell) > 1) | (col[1:] == 0)
            begin = np.flatnonzero(starts)
            end = np.append(begin[1:], len(cell))[: len(begin)] - 1
            runs.append(np.column_stack([cell[begin], cell[end]]))
        return np.concatenate(runs)

    def write(self, path: str | os.PathLike[str]) -> None:
        """Write the density as a GeoTIFF; see :meth:`gclust.DensityContour.write_density`."""
        import rasterio
        from rasterio.transform import Affine
        from rasterio.windows import Window

        raster = self.raster
        top, left = self.tiles.min(axis=0) * TILE
        bottom, right = (self.tiles.max(axis=0) + 1) * TILE
        bottom, right = min(bottom, raster.n_rows), min(right, raster.n_cols)
        metres = EARTH_RADIUS_KM * 1000
        parallel = math.cos(math.radians(STANDARD_PARALLEL))
        width, height = 2 * math.pi * metres * parallel, 2 * metres / parallel
        affine = (
            Affine.translation(-width / 2, height / 2)
            @ Affine.scale(width / raster.n_cols, -height / raster.n_rows)
            @ Affine.translation(float(left), float(top))
        )
        final = Path(path)
        draft = final.with_name(final.name + ".part")
        options: dict[str, Any] = {"driver": "GTiff", "dtype": "float32", "count": 1, "nodata": 0.0}
        options |= {"tiled": True, "blockxsize": TILE, "blockysize": TILE, "sparse_ok": True}
        options |= {"compress": "deflate", "predictor": 3, "bigtiff": "if_safer"}
        options |= {"crs": rasterio.crs.CRS.from_string(CRS), "transform": affine}
        options |= {"width": int(right - left), "height": int(bottom - top)}
        try:
            with rasterio.open(draft, "w", **options) as out:
                out.update_tags(1, unit="weight per km2")
                for (tile_row, tile_col), cells in zip(self.tiles, self.values, strict=True):
                    row, col = tile_row * TILE, tile_col * TILE
                    inside = cells[: raster.n_rows - row, : raster.n_cols - col]
                    window = Window(col - left, row - top, inside.shape[1], inside.shape[0])
                    out.write(inside, 1, window=window)
            os.replace(draft, final)
        finally:
            draft.unlink(missing_ok=True)


def estimate_density(
    locations: RasterLocations,
    raster: Raster,
    radial: RadialKernel,
    threads: int,
    progress: Report,
    heavy_visits: int = _HEAVY_VISITS,
) -> Density:
    """Compute the kernel density of locations, only in the raster tiles that kernels reach.

    Blocks with more visits of points than ``heavy_visits`` are summed in chunks of points; the
    result is the same, bit by bit. Raises ValueError if more cells are reached than fit into
    memory.
    """
    inputs = Inputs(_points(locations, raster), raster, radial)
    tiles = _find_tiles(inputs)
    n_cells = len(tiles) * TILE**2
    if n_cells > MOST_CELLS:
        km = math.sqrt(cell_km2(raster))
        least = math.ceil(1.05 * km * math.sqrt(n_cells / MOST_CELLS) * 100) / 100
        raise ValueError(
            f"at this resolution_km ({km:.3g} km) the density of these points fills "
            f"{n_cells:.3g} cells ({4 * n_cells / 1e9:.3g} GB), more than {MOST_CELLS:.3g}; "
            f"take a resolution_km of {least:g} or more, or a smaller bandwidth_km"
        )
    values = np.zeros((len(tiles), TILE, TILE), dtype=np.float32)
    visits = np.empty(len(tiles) * (TILE // BLOCK), dtype=np.int64)
    with stage(progress, "summing the density") as report:
        chunks = even_chunks(len(visits), _CHUNK_BLOCKS)
        parallel_for(chunks, threads, count_visits, inputs, tiles, visits)
        is_heavy = visits > heavy_visits
        heavy, light = np.flatnonzero(is_heavy), np.where(is_heavy, 0, visits)
        share_light = float(light.sum()) / max(float(visits.sum()), 1.0)

        def fill(first: int, last: int) -> None:
            if not is_heavy[first]:
                fill_blocks(inputs, tiles, values, first, last)

        chunks = balanced_chunks(np.append(0, np.cumsum(light)), _CHUNK_VISITS)
        # Each heavy block is a chunk of its own, which is left for later.
        chunks = np.unique(np.concatenate([chunks, heavy, heavy + 1]))
        parallel_for(chunks, threads, fill, report=lambda share: report(share_light * share))
        done = share_light
        together = -(-threads // BLOCK)
        for first in range(0, len(heavy), together):
            some = heavy[first : first + together]
            _fill_heavy(inputs, tiles, values, some, int(visits[some].max()), threads)
            done += float(visits[some].sum()) / float(visits.sum())
            report(done)
    return Density(raster, tiles, values)


def _fill_heavy(
    inputs: Inputs,
    tiles: NDArray[np.int64],
    values: NDArray[np.float32],
    blocks: NDArray[np.int64],
    visits: int,
    threads: int,
) -> None:
    """Compute the density in blocks that take so long that they must be interruptible.

    Their rows are summed in parallel, each over a chunk of the points at a time.
    """
    sums = [sums_of_block(inputs, tiles, item) for item in blocks]
    rows = [(at, number) for at, each in enumerate(sums) for number in range(len(each))]
    most = visits // min((len(each) for each in sums if len(each)), default=1)
    for begin in range(0, most, _CHUNK_POINTS):

        def add(first: int, last: int, begin: int = begin) -> None:
            for at, number in rows[first:last]:
                end = begin + _CHUNK_POINTS
                add_to_row(inputs, tiles, blocks[at], sums[at], number, begin, end)

        parallel_for(even_chunks(len(rows), 1), threads, add)
    for item, each in zip(blocks, sums, strict=True):
        finish_block(inputs, tiles, item, each, values)


def _points(locations: RasterLocations, raster: Raster) -> RasterPoints:
    # Of the heights, not of latitudes, which may differ where heights are equal.
    z = 1.0 - locations.height * (2.0 / raster.n_rows)
    lon = np.radians(locations.lon)
    rho = np.sqrt((1.0 - z) * (1.0 + z))
    row = locations.cell // raster.n_cols
    return RasterPoints(
        x=rho * np.cos(lon),
        y=rho * np.sin(lon),
        z=z,
        rho=rho,
        lon=_fraction_of_turn(locations.lon),
        weight=locations.units / UNIT,
        start=np.searchsorted(row, np.arange(raster.n_rows + 1)).astype(np.int64),
    )


def _find_tiles(inputs: Inputs) -> NDArray[np.int64]:
    raster = inputs.raster
    shape = -(-raster.n_rows // TILE), -(-raster.n_cols // TILE)
    flags = np.zeros(shape, dtype=np.bool_)
    mark_tiles(inputs.points, raster, inputs.radial.angle, flags)
    return np.ascontiguousarray(np.argwhere(flags), dtype=np.int64)
