"""Kernel density of weighted points in the cells of an equal-area raster on the sphere.

The raster is Lambert's cylindrical projection of the sphere: its ``n_rows`` rows are
equally high in the sine of latitude, from the north down, its ``n_cols`` columns equally
wide in longitude, from 180 degrees west on, so that all cells have one area. Only *tiles*
of 64 by 64 cells that points reach are filled; each is summed in blocks of four rows,
always over the same points in the same order, whichever thread does it.

A cell's density is its mean over the cell by the midpoint rule: cells that are longer or
wider than the kernel's ``step`` are cut into rows of equal height in latitude, weighted
by their areas, and columns of equal width. Cells are tall near the poles, where
longitudes are dense; a cell that needs no cutting has the density at its centre.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from gclust.kernels._jit import allocating_helper, helper, kernel
from gclust.kernels.binary_search import lower_bound

TILE = 64
"""Cells on a side of a tile."""

BLOCK = 4
"""Rows that are summed from one list of points."""

GROUP = 16
"""Places of a row that are summed at once."""

SLACK = 1e-9
"""Radians by which searches for points reach farther, above all rounding."""


class Raster(NamedTuple):
    """A raster of the whole Earth."""

    n_rows: int
    n_cols: int


class Points(NamedTuple):
    """Points sorted by row of the raster and by longitude within it."""

    x: np.ndarray
    y: np.ndarray
    z: np.ndarray
    rho: np.ndarray  # distance from the axis
    turn: np.ndarray  # longitude from 180 degrees west as a share of the circle, below 1
    weight: np.ndarray
    start: np.ndarray  # first point of each row, and the number of points


class Bump(NamedTuple):
    """A kernel, as a function of the squared chord in Earth radii."""

    gaussian: bool  # exp(-scale * chord2), or else 1 - scale * chord2
    scale: float
    limit: float  # squared chord beyond which it is zero
    angle: float  # the same as a central angle
    peak: float  # its value at distance zero, per km2
    step: float  # central angle that points of the midpoint rule lie apart at most


@helper
def sine_at(edge, n_rows):
    """Return the sine of the latitude at the upper edge of a row."""
    return 1.0 - 2.0 * edge / n_rows


@helper
def row_at(lat, n_rows):
    """Return the row of a latitude in radians, which may lie beyond a pole."""
    if lat >= 0.5 * math.pi:
        return np.int64(0)
    if lat <= -0.5 * math.pi:
        return np.int64(n_rows - 1)
    return min(np.int64((1.0 - math.sin(lat)) * 0.5 * n_rows), np.int64(n_rows - 1))


@helper
def rows_within(first, last, angle, n_rows):
    """Return the rows, first and last, that points within ``angle`` of other rows lie in."""
    north = math.asin(sine_at(first, n_rows)) + angle + SLACK
    south = math.asin(sine_at(last + 1, n_rows)) - angle - SLACK
    return row_at(north, n_rows), row_at(south, n_rows)


@helper
def turn_within(lat, angle):
    """Return the share of the circle by which longitudes differ at most within ``angle``."""
    far = abs(lat) + angle + SLACK
    if far >= 0.5 * math.pi:
        return 0.5
    return math.asin(math.sin(angle + SLACK) / math.cos(lat)) / (2.0 * math.pi) + SLACK


@helper
def mark(flags, row, west, east, n_cols):
    """Set the flags of the tiles of a row of tiles between two columns, which may wrap."""
    if east - west + 1 >= n_cols:
        west, east = 0, n_cols - 1
    for turn in range(-1, 2):
        first = max(west + turn * n_cols, 0)
        last = min(east + turn * n_cols, n_cols - 1)
        if first <= last:
            for tile in range(first // TILE, last // TILE + 1):
                flags[row, tile] = True


@kernel
def mark_tiles(points, raster, angle, flags):
    """Set the flags of the tiles, by rows and columns of tiles, that points reach."""
    for row in range(raster.n_rows):
        if points.start[row] == points.start[row + 1]:
            continue
        north, south = rows_within(row, row, angle, raster.n_rows)
        top = math.asin(sine_at(row, raster.n_rows))
        bottom = math.asin(sine_at(row + 1, raster.n_rows))
        turn = turn_within(max(abs(top), abs(bottom)), angle)
        marked = np.int64(-raster.n_cols)
        for i in range(points.start[row], points.start[row + 1]):
            west = np.int64(math.floor((points.turn[i] - turn) * raster.n_cols))
            east = np.int64(math.floor((points.turn[i] + turn) * raster.n_cols))
            if west == marked:  # and so was the east: the columns have one width
                continue
            marked = west
            for tile_row in range(north // TILE, south // TILE + 1):
                mark(flags, tile_row, west, east + 1, raster.n_cols)


@helper
def points_near(points, row, west, east, turn):
    """Return two runs of a row's points: those within ``turn`` of two longitudes."""
    low, high = points.start[row], points.start[row + 1]
    west -= turn
    east += turn
    if east - west >= 1.0:
        return low, high, high, high
    first = lower_bound(points.turn, low, high, west + (west < 0.0))
    last = lower_bound(points.turn, low, high, east - (east >= 1.0))
    if west < 0.0 or east >= 1.0:
        return first, high, low, last
    return first, last, high, high


@allocating_helper
def list_runs(points, raster, angle, row, end, col, width):
    """List the runs of points that may reach a block of cells."""
    north, south = rows_within(row, end - 1, angle, raster.n_rows)
    runs = np.empty((2 * (south - north + 1), 2), dtype=np.int64)
    filled = 0
    for source in range(north, south + 1):
        if points.start[source] == points.start[source + 1]:
            continue
        top = math.asin(sine_at(source, raster.n_rows))
        bottom = math.asin(sine_at(source + 1, raster.n_rows))
        turn = turn_within(max(abs(top), abs(bottom)), angle)
        west, east = col / raster.n_cols, (col + width) / raster.n_cols
        a, b, c, d = points_near(points, source, west, east, turn)
        for first, last in ((a, b), (c, d)):
            if first < last:
                runs[filled, 0] = first
                runs[filled, 1] = last
                filled += 1
    return runs[:filled]


@helper
def block_of(item, tiles, raster):
    """Return a block's tile, first row, end of rows, first column and width."""
    tile, block = item // (TILE // BLOCK), item % (TILE // BLOCK)
    row = tiles[tile, 0] * TILE + block * BLOCK
    col = tiles[tile, 1] * TILE
    return tile, row, min(row + BLOCK, raster.n_rows), col, min(TILE, raster.n_cols - col)


@kernel
def count_visits(points, raster, bump, tiles, visits, first, last):
    """Count for the blocks ``first .. last`` how often a point is looked at."""
    for item in range(first, last):
        _, row, end, col, width = block_of(item, tiles, raster)
        visits[item] = 1
        if row < end:
            runs = list_runs(points, raster, bump.angle, row, end, col, width)
            for run in range(len(runs)):
                visits[item] += (runs[run, 1] - runs[run, 0]) * (end - row)


@helper
def decay(t):
    """Return exp(-t) for t from 0 to 10.2, by a share of 2e-11 off at most.

    Multiplications alone, in an order of their own: they run four or eight at a time, and
    give the same bits on every processor.
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
def add_point(sums, xs, ys, first, last, x, y, dz2, weight, bump):
    """Add a point's kernel to the sums of places ``first .. last`` of one row.

    Whole groups of places are summed, those beyond the kernel's end and in the margin of
    the arrays included, where it is zero: loops of a fixed length use the processor's
    vectors to the end (1 ns a place; 6 ns in a plain loop).
    """
    scale, limit = bump.scale, bump.limit
    for begin in range(first, last, GROUP):
        s = sums[begin : begin + GROUP]
        u = xs[begin : begin + GROUP]
        v = ys[begin : begin + GROUP]
        for j in range(GROUP):
            dx = u[j] - x
            dy = v[j] - y
            chord2 = dx * dx + dy * dy + dz2
            value = decay(scale * chord2) if bump.gaussian else 1.0 - scale * chord2
            s[j] += weight * value if chord2 <= limit else 0.0


@helper
def add_run(sums, xs, ys, z, rho, west, n_places, around, points, first, last, bump):
    """Add a run of points to the sums of the places of one row.

    The ``n_places`` places begin at the place ``west`` of the ``around`` of the circle.
    Longitudes are narrowed to a range that holds the point's kernel, not to its very end.
    """
    for i in range(first, last):
        dz = z - points.z[i]
        aside = rho - points.rho[i]
        room = bump.limit - dz * dz - aside * aside
        if room < 0.0:
            continue
        # The squared sine of half the angle of longitude; its arc is at most the sine's
        # (1 + (pi/2 - 1) sine^2), as the arcsine's series has positive terms alone.
        share = room / (4.0 * rho * points.rho[i])
        half = math.sqrt(share) * (1.0 + 0.5708 * share) / math.pi * around + 1e-6
        x, y, weight = points.x[i], points.y[i], points.weight[i]
        if not half < 0.5 * around - GROUP:  # else no group of places is summed twice
            add_point(sums, xs, ys, 0, n_places, x, y, dz * dz, weight, bump)
            continue
        middle = points.turn[i] * around - west - 0.5
        for turn in range(-1, 2):
            centre = middle + turn * around
            begin = max(np.int64(math.ceil(centre - half)), 0)
            stop = min(np.int64(math.floor(centre + half)) + 1, n_places)
            if begin < stop:
                add_point(sums, xs, ys, begin, stop, x, y, dz * dz, weight, bump)


@helper
def pieces_of(length, step):
    """Return how many pieces of at most ``step`` a length is cut into."""
    return max(np.int64(math.ceil(length / step - 1e-9)), 1)


@helper
def cut_row(row, raster, bump):
    """Return how a row's cells are cut: rings down, places across, and the row's edges.

    Edges are the sines and the latitudes (radians) of its north and its south.
    """
    upper, lower = sine_at(row, raster.n_rows), sine_at(row + 1, raster.n_rows)
    north, south = math.asin(upper), math.asin(lower)
    widest = 1.0 if north * south < 0.0 else max(math.cos(north), math.cos(south))
    across = pieces_of(widest * 2.0 * math.pi / raster.n_cols, bump.step)
    rings = max(north, -south) + bump.angle > 0.5 * math.pi  # about a pole within reach
    down = pieces_of(north - south, bump.step / (3.0 if rings else 1.0))
    return down, across, upper, lower, north, south


@helper
def ring_between(k, down, upper, lower, north, south):
    """Return the sines of the edges of ring ``k`` of a row."""
    height = (north - south) / down
    top = upper if k == 0 else math.sin(north - k * height)
    base = lower if k == down - 1 else math.sin(north - (k + 1) * height)
    return top, base


@helper
def add_ring(sums, xs, ys, k, row, col, width, runs, begin, end, points, raster, bump):
    """Add points to the sums of the places of one ring of a row.

    The places are those of ``width`` cells from column ``col`` on, the points those of the
    runs, laid end to end, from number ``begin`` to before ``end``.
    """
    down, across, upper, lower, north, south = cut_row(row, raster, bump)
    top, base = ring_between(k, down, upper, lower, north, south)
    z = 0.5 * (top + base)
    if down > 1:
        height = (north - south) / down
        middle = north - (k + 0.5) * height
        z = math.sin(middle - math.tan(middle) * height * height / 12.0)  # of mass
    rho = math.sqrt((1.0 - z) * (1.0 + z))
    around = raster.n_cols * across
    n_places = width * across
    for j in range(n_places):
        angle = 2.0 * math.pi * ((col * across + j + 0.5) / around - 0.5)
        xs[j] = rho * math.cos(angle)
        ys[j] = rho * math.sin(angle)
    before = 0
    for run in range(len(runs)):
        length = runs[run, 1] - runs[run, 0]
        first = runs[run, 0] + min(max(begin - before, 0), length)
        last = runs[run, 0] + min(max(end - before, 0), length)
        before += length
        add_run(sums, xs, ys, z, rho, col * across, n_places, around, points, first, last, bump)


@helper
def share_out(out, sums, k, row, width, raster, bump):
    """Add the part of the cells' densities that the sums of ring ``k`` make."""
    down, across, upper, lower, north, south = cut_row(row, raster, bump)
    top, base = ring_between(k, down, upper, lower, north, south)
    share = bump.peak * (top - base) / (upper - lower) / across
    for j in range(width * across):
        out[j // across] += share * sums[j]


@kernel
def fill_blocks(points, raster, bump, tiles, values, first, last):
    """Write the densities of the cells of the blocks ``first .. last``.

    ``tiles`` holds the row and column of each tile among tiles, ``values`` (n_tiles, TILE,
    TILE) its cells, per km2; those beyond the edges of the raster stay as they are.
    """
    across = pieces_of(2.0 * math.pi / raster.n_cols, bump.step)
    scratch = np.zeros((3, TILE * across + GROUP))
    sums, xs, ys = scratch[0], scratch[1], scratch[2]
    out = np.empty(TILE)
    for item in range(first, last):
        tile, row, end, col, width = block_of(item, tiles, raster)
        if row >= end:
            continue
        runs = list_runs(points, raster, bump.angle, row, end, col, width)
        n = (runs[:, 1] - runs[:, 0]).sum()
        if n == 0:
            continue
        for r in range(row, end):
            out[:] = 0.0
            for k in range(cut_row(r, raster, bump)[0]):
                sums[:] = 0.0
                add_ring(sums, xs, ys, k, r, col, width, runs, 0, n, points, raster, bump)
                share_out(out, sums, k, r, width, raster, bump)
            for c in range(width):
                values[tile, r % TILE, c] = out[c]


@kernel
def sums_of_block(raster, bump, tiles, item):
    """Return zeros for the places of a block, of the shape (rows, rings, places and a group)."""
    _, row, end, _, width = block_of(item, tiles, raster)
    down, across = 1, 1
    for r in range(row, end):
        cut = cut_row(r, raster, bump)
        down, across = max(down, cut[0]), max(across, cut[1])
    return np.zeros((max(end - row, 0), down, width * across + GROUP))


@kernel
def add_to_row(points, raster, bump, tiles, item, sums, number, begin, end):
    """Add some of a block's points to the sums of its row ``number``.

    The points are those numbered from ``begin`` to before ``end`` in the order in which
    `fill_blocks` adds them, so that the bits are the same.
    """
    _, row, stop, col, width = block_of(item, tiles, raster)
    runs = list_runs(points, raster, bump.angle, row, stop, col, width)
    scratch = np.zeros((2, sums.shape[2]))
    xs, ys, r = scratch[0], scratch[1], row + number
    for k in range(cut_row(r, raster, bump)[0]):
        add_ring(sums[number, k], xs, ys, k, r, col, width, runs, begin, end, points, raster, bump)


@kernel
def finish_block(raster, bump, tiles, item, sums, values):
    """Write the densities of the cells of a block from the sums of its places."""
    tile, row, _, _, width = block_of(item, tiles, raster)
    out = np.empty(TILE)
    for number in range(len(sums)):
        r = row + number
        out[:] = 0.0
        for k in range(cut_row(r, raster, bump)[0]):
            share_out(out, sums[number, k], k, r, width, raster, bump)
        for c in range(width):
            values[tile, r % TILE, c] = out[c]
