"""Kernel densities on the raster, against direct sums over great circles and closed forms."""

from __future__ import annotations

import math

import numpy as np
import pytest

from gclust.cluster import contour_density
from gclust.cluster.contour_density import (
    Density,
    cell_km2,
    estimate_density,
    fold_onto_raster,
    make_kernel,
    make_raster,
    standard_deviation_km,
)
from gclust.kernels.kde import TILE, decay
from gclust.progress import silent
from gclust.testing import EARTH_RADIUS_KM, great_circle_km
from gclust.units import UNIT

KERNELS = ["gaussian", "epanechnikov"]


def density_of(lat, lon, kernel, bandwidth_km, resolution_km, units=None, threads=1, **options):
    raster = make_raster(resolution_km)
    locations = fold_onto_raster(np.asarray(lat, float), np.asarray(lon, float), units, raster)
    radial = make_kernel(kernel, bandwidth_km)
    return estimate_density(locations, raster, radial, threads, silent, **options)


def whole_earth(density: Density):
    raster = density.raster
    up = [-(-n // TILE) for n in raster]
    out = np.zeros((up[0], up[1], TILE, TILE))
    out[density.tiles[:, 0], density.tiles[:, 1]] = density.values
    out = out.transpose(0, 2, 1, 3).reshape(up[0] * TILE, up[1] * TILE)
    assert (out[raster.n_rows :] == 0).all()
    assert (out[:, raster.n_cols :] == 0).all()
    return out[: raster.n_rows, : raster.n_cols]


def centres(raster):
    """Latitudes of the rows' and longitudes of the columns' centres, in degrees."""
    sine = 1 - (2 * np.arange(raster.n_rows) + 1) / raster.n_rows
    return np.degrees(np.arcsin(sine)), (np.arange(raster.n_cols) + 0.5) * 360 / raster.n_cols - 180


def kernel_at(distance_km, kernel, bandwidth_km):
    """The kernels as published, as functions of the distance in a plane."""
    if kernel == "gaussian":
        within = distance_km <= 4.5 * bandwidth_km
        value = np.exp(-0.5 * (distance_km / bandwidth_km) ** 2)
        return within * value / (2 * np.pi * bandwidth_km**2)
    value = np.maximum(1 - (distance_km / bandwidth_km) ** 2, 0)
    return 2 * value / (np.pi * bandwidth_km**2)


def direct_sum(lat, lon, weight, kernel, bandwidth_km, raster):
    """Means over all cells of the Earth of the kernels, by midpoints on the sphere."""
    sigma = bandwidth_km / EARTH_RADIUS_KM
    spacing = sigma * (0.3 if kernel == "gaussian" else 1 / 14)
    chord2 = (4.5 * sigma) ** 2 if kernel == "gaussian" else (2 * math.sin(sigma / 2)) ** 2
    reach = 2 * math.asin(math.sqrt(chord2) / 2)
    out = np.zeros(raster)
    for row in range(raster.n_rows):
        ends = [math.asin(1 - 2 * (row + k) / raster.n_rows) for k in (0, 1)]
        widest = 0.0 if ends[0] * ends[1] < 0 else min(map(abs, ends))
        across = math.ceil(2 * math.pi / raster.n_cols * math.cos(widest) / spacing)
        polar = max(map(abs, ends)) + reach > math.pi / 2
        down = math.ceil((ends[0] - ends[1]) / spacing * (3 if polar else 1))
        edges = np.linspace(ends[0], ends[1], down + 1)
        # About the mean latitude of each strip's area.
        middle = (edges[:-1] + edges[1:]) / 2
        middle -= np.tan(middle) * (edges[0] - edges[1]) ** 2 / 12
        if down == 1:
            middle = np.array([math.asin(1 - (2 * row + 1) / raster.n_rows)])
        lons = (np.arange(raster.n_cols * across) + 0.5) * 360 / (raster.n_cols * across) - 180
        for strip in range(down):
            share = np.diff(np.sin(edges))[strip] / np.diff(np.sin(edges)).sum() / across
            if np.abs(np.degrees(middle[strip]) - lat).min() > np.degrees(reach) + 1:
                continue
            d = great_circle_km(np.degrees(middle[strip]), lons[:, None], lat, lon)
            c2 = (2 * np.sin(d / (2 * EARTH_RADIUS_KM))) ** 2
            if kernel == "gaussian":
                value = np.exp(-c2 / (2 * sigma**2)) * (c2 <= chord2)
                value /= 2 * np.pi * bandwidth_km**2 * (1 - math.exp(-(4.5**2) / 2))
            else:
                value = np.maximum(1 - c2 / chord2, 0)
                value /= np.pi * EARTH_RADIUS_KM**2 * chord2 / 2
            sums = (value * weight).sum(axis=1)
            out[row] += share * sums.reshape(raster.n_cols, across).sum(axis=1)
    return out


def test_decay_is_the_exponential():
    t = np.linspace(0, 10.2, 1001)
    found = np.array([decay(value) for value in t])
    assert np.abs(found / np.exp(-t) - 1).max() < 2e-11


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize(("bandwidth_km", "resolution_km"), [(400.0, 200.0), (900.0, 800.0)])
def test_all_cells_of_the_earth_against_a_direct_sum(kernel, bandwidth_km, resolution_km):
    rng = np.random.default_rng(4)
    lat = np.array([0.0, 50.1, 50.1, 59.0, 71.0, 84.0, 88.0, 90.0, -90.0, -47.0, 3.0])
    lon = np.array([179.99, 8.0, 8.5, -179.9, 25.0, 11.0, 100.0, 0.0, 0.0, -180.0, -0.1])
    weight = rng.integers(1, 5, len(lat))
    density = density_of(lat, lon, kernel, bandwidth_km, resolution_km, weight * UNIT)
    expected = direct_sum(lat, lon, weight, kernel, bandwidth_km, density.raster)
    found = whole_earth(density)
    assert np.abs(found - expected).max() < 1e-7 * expected.max()  # as float32 has digits
    assert ((found > 0) == (expected > 0)).all()


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize(("bandwidth_km", "resolution_km"), [(900.0, 800.0), (60.0, 12.0)])
def test_blocks_in_chunks_have_the_same_bits(monkeypatch, kernel, bandwidth_km, resolution_km):
    monkeypatch.setattr(contour_density, "_CHUNK_POINTS", 7)
    rng = np.random.default_rng(5)
    near = rng.normal(0, 0.6, (2, 60))
    lat = np.concatenate([near[0] - 17, [90.0, 89.5, -90.0, 70.0, 0.0, -0.1]])
    lon = np.concatenate([(near[1] + 360) % 360 - 180, [0.0, 100.0, 0.0, -179.99, 5.0, 6.0]])
    raster = make_raster(resolution_km)
    locations = fold_onto_raster(lat, lon, None, raster)
    radial = make_kernel(kernel, bandwidth_km)
    whole = estimate_density(locations, raster, radial, 1, silent)
    for heavy, threads in ((0, 1), (0, 2), (40, 2)):
        found = estimate_density(locations, raster, radial, threads, silent, heavy_visits=heavy)
        assert (found.values == whole.values).all()
    assert whole.values.max() > 0


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("lat", [0.01, -33.9, 45.0, 60.2, 70.0, 80.0])
@pytest.mark.parametrize("lon", [8.55, 179.999])
def test_centres_of_small_cells_have_the_kernel_s_value(kernel, lat, lon):
    """At 80 degrees too the density is that of the plane, across 180 degrees as elsewhere."""
    bandwidth_km = 7.5 if kernel == "gaussian" else 18.0
    density = density_of([lat], [lon], kernel, bandwidth_km, bandwidth_km / 80)
    lats, lons = centres(density.raster)
    step = slice(None, None, 7)
    for (tile_row, tile_col), cells in zip(density.tiles, density.values, strict=True):
        at = lats[tile_row * TILE :][:TILE][step], lons[tile_col * TILE :][:TILE][step]
        distance = great_circle_km(at[0][:, None], at[1], lat, lon)
        expected = kernel_at(distance, kernel, bandwidth_km)
        peak = kernel_at(0.0, kernel, bandwidth_km)
        found = cells[: len(lats) - tile_row * TILE, : len(lons) - tile_col * TILE][step, step]
        # Its end cuts 4e-5 off the Gaussian; arcs are chords within 2e-5.
        assert np.abs(found - expected).max() < 5e-5 * peak
    assert density.values.max() == pytest.approx(peak, rel=1e-3)


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("lat", [0, 45, 54.7, 60, 70, 80, 85.5, 89, -89.9, 90])
def test_densities_add_up_to_the_weight(kernel, lat):
    bandwidth_km = 7.5 if kernel == "gaussian" else 18.0
    spread_km = standard_deviation_km(kernel, bandwidth_km)
    rng = np.random.default_rng(abs(int(lat)))
    for resolution_km in (spread_km / 5, bandwidth_km):
        for _ in range(2):
            at = np.clip(lat + rng.uniform(-0.03, 0.03), -90, 90), rng.uniform(179.95, 180.05)
            lon = at[1] if at[1] < 180 else at[1] - 360
            density = density_of([at[0]], [lon], kernel, bandwidth_km, resolution_km)
            total = density.values.sum(dtype=np.float64) * cell_km2(density.raster)
            assert abs(total - 1) < 1e-3


def test_cells_divide_the_earth():
    for resolution_km in (0.1, 1.5, 700.0):
        raster = make_raster(resolution_km)
        assert cell_km2(raster) * raster.n_rows * raster.n_cols == pytest.approx(
            4 * np.pi * EARTH_RADIUS_KM**2, rel=1e-12
        )
        assert cell_km2(raster) == pytest.approx(resolution_km**2, rel=0.05)


@pytest.mark.parametrize("kernel", KERNELS)
def test_same_bits_for_any_threads_order_and_copies(kernel):
    rng = np.random.default_rng(5)
    n = 3000
    lat, lon = 52 + rng.normal(0, 0.5, n).round(2), 179.8 + rng.normal(0, 0.7, n).round(2)
    lon = (lon + 180) % 360 - 180
    times = rng.integers(0, 4, n)
    times[:2] = 1
    expected = density_of(lat, lon, kernel, 9.0, 2.0, times * UNIT)
    rows = rng.permutation(np.repeat(np.arange(n), times))
    found = density_of(lat[rows], lon[rows], kernel, 9.0, 2.0, None, threads=3)
    keep = expected.values.any(axis=(1, 2))  # tiles of rows that weigh nothing
    assert len(found.tiles) > 4
    there = (expected.tiles[:, None] == found.tiles).all(axis=2).any(axis=1)
    assert there[keep].all()
    assert expected.values[there].tobytes() == found.values.tobytes()


def test_only_tiles_that_points_reach_are_in_memory():
    density = density_of([48.0, -20.0], [11.0, 179.9], "gaussian", 5.0, 1.0)
    assert len(density.tiles) <= 8
    assert density.at(np.array([0])) == 0


def test_a_raster_too_fine_for_memory_is_refused(monkeypatch):
    monkeypatch.setattr(contour_density, "MOST_CELLS", 40_000)
    with pytest.raises(
        ValueError, match=r"0\.5 km.*cells.*take a resolution_km of (\S+) or"
    ) as bad:
        density_of([48.0], [11.0], "gaussian", 30.0, 0.5)
    enough = float(str(bad.value).split("resolution_km of ")[1].split()[0])
    density_of([48.0], [11.0], "gaussian", 30.0, 2 * enough)


def reach_every_line():
    """Run every line of the kernels, also without compilation, in a second or two."""
    lat, lon = [90.0, -90.0, 0.0, 0.1, 0.1], [0.0, 0.0, 179.9, -179.0, -179.1]
    density_of(lat, lon, "gaussian", 220.0, 220.0)
    density_of([10.0], [10.0], "gaussian", 220.0, 220.0, heavy_visits=0)
