"""Kernel density of weighted points on the cells of an equal-area raster of the sphere.

The raster is Lambert's cylindrical projection of the sphere: its ``n_rows`` rows are equally
high in the sine of latitude, from the north down, its ``n_cols`` columns equally wide in
longitude, from 180 degrees west on, so that all cells have the same area. Only *tiles* of 64 by
64 cells within reach of points are filled. Each is summed in blocks of four rows, always over
the same points in the same order, on any thread.

The density of a cell is its mean over the cell by the midpoint rule: cells longer or wider than
the kernel's ``step`` are divided into strips of equal height in latitude, weighted by their
areas, and each strip into midpoints equally far apart. Cells are tall near the poles, where
meridians are dense. A cell that needs no division has the density at its centre.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gclust.kernels._jit import allocating_helper, helper, kernel
from gclust.kernels.binary_search import lower_bound

TILE = 64
"""Number of cells on a side of a tile."""

BLOCK = 4
"""Number of rows that are summed from one list of points."""

GROUP = 16
"""Number of midpoints of a ring that are summed at once."""

SLACK = 1e-9
"""Margin in radians for searches of points, larger than any rounding error."""


class Raster(NamedTuple):
    """The numbers of rows and columns of a raster of the whole Earth."""

    n_rows: int
    n_cols: int


class RasterPoints(NamedTuple):
    """Arrays of ``n`` points, sorted by raster row and by longitude within each row."""

    x: NDArray[np.float64]  # (n,) as ``y`` and ``z``: vectors in Earth radii
    y: NDArray[np.float64]
    z: NDArray[np.float64]
    rho: NDArray[np.float64]  # (n,) distance from the axis of the Earth
    lon: NDArray[np.float64]  # (n,) in turns from 180 degrees west, below 1
    weight: NDArray[np.float64]  # (n,)
    start: NDArray[np.int64]  # (n_rows + 1,) first point of each row, and ``n``


class RadialKernel(NamedTuple):
    """A kernel as a function of the squared chord in Earth radii."""

    gaussian: bool  # ``exp(-scale * chord2)``, otherwise ``1 - scale * chord2``
    scale: float
    limit: float  # squared chord above which the kernel is zero
    angle: float  # the same as a central angle
    peak: float  # its value at distance zero, per km2
    step: float  # largest central angle between midpoints


class Inputs(NamedTuple):
    """The inputs of a density: points, raster and kernel."""

    points: RasterPoints
    raster: Raster
    radial: RadialKernel


class Block(NamedTuple):
    """A part of a raster tile: rows ``row .. end``, and ``width`` columns starting at ``col``."""

    tile: int
    row: int
    end: int
    col: int
    width: int


class RowCut(NamedTuple):
    """Division of a row of cells into rings (strips of the row) and midpoints; the row's edges."""

    down: int  # rings
    across: int  # midpoints of a cell in each ring
    upper: float  # as ``lower``: sine of latitude
    lower: float
    north: float  # as ``south``: latitude in radians
    south: float


class Ring(NamedTuple):
    """The positions of the midpoints of a ring, one strip of a row of cells."""

    z: float
    rho: float
    west: int  # number of the first midpoint around the whole circle
    n: int
    around: int  # midpoints around the whole circle


class Midpoints(NamedTuple):
    """Density sums and vectors of the midpoints of a ring, with a margin of ``GROUP`` entries."""

    sums: NDArray[np.float64]
    x: NDArray[np.float64]
    y: NDArray[np.float64]


@helper
def sine_at(edge, n_rows):
    """Return the sine of the latitude at the upper edge of a row."""
    return 1.0 - 2.0 * edge / n_rows


@helper
def row_at(lat, n_rows):
    """Return the raster row of a latitude in radians, which may be beyond a pole."""
    if lat >= 0.5 * math.pi:
        return np.int64(0)
    if lat <= -0.5 * math.pi:
        return np.int64(n_rows - 1)
    return min(np.int64((1.0 - math.sin(lat)) * 0.5 * n_rows), np.int64(n_rows - 1))


@helper
def rows_within(first, last, angle, n_rows):
    """Return the first and the last raster row within ``angle`` of the rows ``first .. last``."""
    north = math.asin(sine_at(first, n_rows)) + angle + SLACK
    south = math.asin(sine_at(last + 1, n_rows)) - angle - SLACK
    return row_at(north, n_rows), row_at(south, n_rows)


@helper
def half_width_of_row(row, angle, n_rows):
    """Return how far in longitude, in turns of 360 degrees, ``angle`` reaches from a raster row."""
    top = math.asin(sine_at(row, n_rows))
    bottom = math.asin(sine_at(row + 1, n_rows))
    lat = max(abs(top), abs(bottom))
    if lat + angle + SLACK >= 0.5 * math.pi:
        return 0.5
    return math.asin(math.sin(angle + SLACK) / math.cos(lat)) / (2.0 * math.pi) + SLACK


@helper
def mark(flags, row, west, east, n_cols):
    """Flag the tiles of one row of tiles that have any of the cell columns ``west .. east``."""
    if east - west + 1 >= n_cols:
        west, east = 0, n_cols - 1
    for wrap in range(-1, 2):
        first = max(west + wrap * n_cols, 0)
        last = min(east + wrap * n_cols, n_cols - 1)
        if first <= last:
            for tile in range(first // TILE, last // TILE + 1):
                flags[row, tile] = True


@kernel
def mark_tiles(points, raster, angle, flags):
    """Set the flags of the tiles within reach of points; ``flags`` (rows, columns) bool."""
    for row in range(raster.n_rows):
        if points.start[row] == points.start[row + 1]:
            continue
        north, south = rows_within(row, row, angle, raster.n_rows)
        half = half_width_of_row(row, angle, raster.n_rows)
        marked = np.int64(-raster.n_cols)
        for i in range(points.start[row], points.start[row + 1]):
            west = np.int64(math.floor((points.lon[i] - half) * raster.n_cols))
            east = np.int64(math.floor((points.lon[i] + half) * raster.n_cols))
            if west == marked:  # the east is marked too: all columns have the same width
                continue
            marked = west
            for tile_row in range(north // TILE, south // TILE + 1):
                mark(flags, tile_row, west, east + 1, raster.n_cols)


@helper
def points_near(points, row, west, east, half):
    """Return a row's points within ``half`` turns of a longitude range, as two index ranges."""
    low, high = points.start[row], points.start[row + 1]
    west -= half
    east += half
    if east - west >= 1.0:
        return low, high, high, high
    first = lower_bound(points.lon, low, high, west + (west < 0.0))
    last = lower_bound(points.lon, low, high, east - (east >= 1.0))
    if west < 0.0 or east >= 1.0:
        return first, high, low, last
    return first, last, high, high


@allocating_helper
def list_runs(inputs, block):
    """Return the index ranges of the points whose kernels may reach a block of cells.

    The result, int64 of shape (ranges, 2), has the first point and the last + 1 of each range.
    """
    points, angle = inputs.points, inputs.radial.angle
    n_rows, n_cols = inputs.raster.n_rows, inputs.raster.n_cols
    north, south = rows_within(block.row, block.end - 1, angle, n_rows)
    runs = np.empty((2 * (south - north + 1), 2), dtype=np.int64)
    filled = 0
    west, east = block.col / n_cols, (block.col + block.width) / n_cols
    for source in range(north, south + 1):
        if points.start[source] == points.start[source + 1]:
            continue
        half = half_width_of_row(source, angle, n_rows)
        a, b, c, d = points_near(points, source, west, east, half)
        for first, last in ((a, b), (c, d)):
            if first < last:
                runs[filled, 0] = first
                runs[filled, 1] = last
                filled += 1
    return runs[:filled]


@helper
def block_of(item, tiles, raster):
    """Return the `Block` with the number ``item``.

    ``tiles`` (n_tiles, 2) int64 are the row and the column of each tile.
    """
    tile, number = item // (TILE // BLOCK), item % (TILE // BLOCK)
    row = tiles[tile, 0] * TILE + number * BLOCK
    col = tiles[tile, 1] * TILE
    width = min(TILE, raster.n_cols - col)
    return Block(tile, row, min(row + BLOCK, raster.n_rows), col, width)


@kernel
def count_visits(inputs, tiles, visits, first, last):
    """Count, for each block of cells ``first .. last``, how often a point is added to a row.

    ``tiles`` as in `block_of`, ``visits`` (blocks,) int64.
    """
    for item in range(first, last):
        block = block_of(item, tiles, inputs.raster)
        visits[item] = 1
        if block.row < block.end:
            runs = list_runs(inputs, block)
            for run in range(len(runs)):
                visits[item] += (runs[run, 1] - runs[run, 0]) * (block.end - block.row)


@helper
def decay(t):
    """Return exp(-t) for t from 0 to 10.2, with a relative error of 2e-11 at most.

    Uses only multiplications and additions in a fixed order: they run four or eight at a time,
    and give the same bits on every processor.
    """
    s = t * (-1.0 / 64.0)
    e = 1.0 + s * (1 / 7 + s * (1 / 56))
    e = 1.0 + s * (1 / 5) * (1.0 + s * (1 / 6) * e)
    e = 1.0 + s * (1.0 + s * (1 / 2) * (1.0 + s * (1 / 3) * (1.0 + s * (1 / 4) * e)))
    e *= e
    e *= e
    e *= e
    e *= e
    e *= e
    return e * e


@helper
def add_point(midpoints, first, last, x, y, dz2, weight, radial):
    """Add a point's kernel to the density sums of the midpoints ``first .. last`` of a ring.

    Whole groups are summed, also beyond the kernel's end and in the margin of the arrays, where
    the kernel is zero: loops of fixed length make full use of the processor's vectors (1 ns per
    midpoint; 6 ns in a plain loop).
    """
    scale, limit = radial.scale, radial.limit
    for begin in range(first, last, GROUP):
        s = midpoints.sums[begin : begin + GROUP]
        u = midpoints.x[begin : begin + GROUP]
        v = midpoints.y[begin : begin + GROUP]
        for j in range(GROUP):
            dx = u[j] - x
            dy = v[j] - y
            chord2 = dx * dx + dy * dy + dz2
            value = decay(scale * chord2) if radial.gaussian else 1.0 - scale * chord2
            s[j] += weight * value if chord2 <= limit else 0.0


@helper
def add_run(midpoints, ring, points, first, last, radial):
    """Add the kernels of points ``first .. last`` to the density sums of a ring (strip of cells).

    Midpoints are limited to a range of longitudes slightly wider than the point's kernel.
    """
    around = ring.around
    for i in range(first, last):
        dz = ring.z - points.z[i]
        drho = ring.rho - points.rho[i]
        across2 = radial.limit - dz * dz - drho * drho
        if across2 < 0.0:
            continue
        # The squared sine of half the angle of longitude; its arc is at most the sine's
        # (1 + (pi/2 - 1) sine^2), as the arcsine's series has positive terms alone.
        sine2 = across2 / (4.0 * ring.rho * points.rho[i])
        half = math.sqrt(sine2) * (1.0 + 0.5708 * sine2) / math.pi * around + 1e-6
        x, y, weight = points.x[i], points.y[i], points.weight[i]
        if not half < 0.5 * around - GROUP:  # else no group of midpoints is summed twice
            add_point(midpoints, 0, ring.n, x, y, dz * dz, weight, radial)
            continue
        middle = points.lon[i] * around - ring.west - 0.5
        for wrap in range(-1, 2):
            centre = middle + wrap * around
            begin = max(np.int64(math.ceil(centre - half)), 0)
            stop = min(np.int64(math.floor(centre + half)) + 1, ring.n)
            if begin < stop:
                add_point(midpoints, begin, stop, x, y, dz * dz, weight, radial)


@helper
def subdivisions(length, step):
    """Return the number of equal parts, at most ``step`` long, into which to divide a length."""
    return max(np.int64(math.ceil(length / step - 1e-9)), 1)


@helper
def cut_row(row, raster, radial):
    """Return the `RowCut` of a row: the division of its cells."""
    upper, lower = sine_at(row, raster.n_rows), sine_at(row + 1, raster.n_rows)
    north, south = math.asin(upper), math.asin(lower)
    widest = 1.0 if north * south < 0.0 else max(math.cos(north), math.cos(south))
    across = subdivisions(widest * 2.0 * math.pi / raster.n_cols, radial.step)
    polar = max(north, -south) + radial.angle > 0.5 * math.pi  # a pole is within reach
    down = subdivisions(north - south, radial.step / (3.0 if polar else 1.0))
    return RowCut(down, across, upper, lower, north, south)


@helper
def ring_edges(k, cut):
    """Return the sines of the latitudes of the edges of ring ``k``, a strip of a row of cells."""
    height = (cut.north - cut.south) / cut.down
    top = cut.upper if k == 0 else math.sin(cut.north - k * height)
    base = cut.lower if k == cut.down - 1 else math.sin(cut.north - (k + 1) * height)
    return top, base


@helper
def ring_of(k, cut, block, n_cols):
    """Return the `Ring` with the number ``k``: a strip of a row of cells in a block."""
    top, base = ring_edges(k, cut)
    z = 0.5 * (top + base)
    if cut.down > 1:
        height = (cut.north - cut.south) / cut.down
        middle = cut.north - (k + 0.5) * height
        z = math.sin(middle - math.tan(middle) * height * height / 12.0)  # centre of mass
    rho = math.sqrt((1.0 - z) * (1.0 + z))
    return Ring(z, rho, block.col * cut.across, block.width * cut.across, n_cols * cut.across)


@helper
def add_ring(midpoints, ring, runs, begin, end, points, radial):
    """Add the kernels of points to the density sums of the midpoints of a ring (strip of cells).

    The points are numbers ``begin`` to ``end - 1`` of the concatenated ``runs``.
    """
    for j in range(ring.n):
        angle = 2.0 * math.pi * ((ring.west + j + 0.5) / ring.around - 0.5)
        midpoints.x[j] = ring.rho * math.cos(angle)
        midpoints.y[j] = ring.rho * math.sin(angle)
    before = 0
    for run in range(len(runs)):
        length = runs[run, 1] - runs[run, 0]
        first = runs[run, 0] + min(max(begin - before, 0), length)
        last = runs[run, 0] + min(max(end - before, 0), length)
        before += length
        add_run(midpoints, ring, points, first, last, radial)


@helper
def add_to_cells(out, sums, k, cut, width, peak):
    """Add the contribution of ring ``k``, a strip of a row of cells, to the cells' densities.

    ``out`` (TILE,) float64 are the densities, ``sums`` the density sums of the ring's midpoints.
    """
    top, base = ring_edges(k, cut)
    share = peak * (top - base) / (cut.upper - cut.lower) / cut.across
    for j in range(width * cut.across):
        out[j // cut.across] += share * sums[j]


@kernel
def fill_blocks(inputs, tiles, values, first, last):
    """Fill the densities of the cells of the blocks ``first .. last``.

    ``tiles`` as in `block_of`; ``values`` (n_tiles, TILE, TILE) float32 is filled with densities
    per km2. Cells beyond the edges of the raster are not written.
    """
    points, raster, radial = inputs
    most = TILE * subdivisions(2.0 * math.pi / raster.n_cols, radial.step)
    scratch = np.zeros((3, most + GROUP))
    midpoints = Midpoints(scratch[0], scratch[1], scratch[2])
    out = np.empty(TILE)
    for item in range(first, last):
        block = block_of(item, tiles, raster)
        if block.row >= block.end:
            continue
        runs = list_runs(inputs, block)
        n = (runs[:, 1] - runs[:, 0]).sum()
        if n == 0:
            continue
        for row in range(block.row, block.end):
            out[:] = 0.0
            cut = cut_row(row, raster, radial)
            for k in range(cut.down):
                midpoints.sums[:] = 0.0
                ring = ring_of(k, cut, block, raster.n_cols)
                add_ring(midpoints, ring, runs, 0, n, points, radial)
                add_to_cells(out, midpoints.sums, k, cut, block.width, radial.peak)
            for c in range(block.width):
                values[block.tile, row % TILE, c] = out[c]


@kernel
def sums_of_block(inputs, tiles, item):
    """Return an array of zeros for the density sums of a block's midpoints.

    It has shape (rows, rings, midpoints + group size).
    """
    block = block_of(item, tiles, inputs.raster)
    down, across = 1, 1
    for row in range(block.row, block.end):
        cut = cut_row(row, inputs.raster, inputs.radial)
        down, across = max(down, cut.down), max(across, cut.across)
    return np.zeros((max(block.end - block.row, 0), down, block.width * across + GROUP))


@kernel
def add_to_row(inputs, tiles, item, sums, number, begin, end):
    """Add the kernels of a range of points to the density sums of one row of a block of cells.

    For ``sums`` see `sums_of_block`. The points are numbers ``begin`` to ``end - 1`` in the order
    of `fill_blocks`, so that the result is bitwise identical.
    """
    points, raster, radial = inputs
    block = block_of(item, tiles, raster)
    runs = list_runs(inputs, block)
    scratch = np.zeros((2, sums.shape[2]))
    cut = cut_row(block.row + number, raster, radial)
    for k in range(cut.down):
        midpoints = Midpoints(sums[number, k], scratch[0], scratch[1])
        ring = ring_of(k, cut, block, raster.n_cols)
        add_ring(midpoints, ring, runs, begin, end, points, radial)


@kernel
def finish_block(inputs, tiles, item, sums, values):
    """Fill the densities of a block's cells from its midpoints' sums, as `fill_blocks` does."""
    block = block_of(item, tiles, inputs.raster)
    out = np.empty(TILE)
    for number in range(len(sums)):
        row = block.row + number
        out[:] = 0.0
        cut = cut_row(row, inputs.raster, inputs.radial)
        for k in range(cut.down):
            add_to_cells(out, sums[number, k], k, cut, block.width, inputs.radial.peak)
        for c in range(block.width):
            values[block.tile, row % TILE, c] = out[c]
