"""Division of shared ground: each place belongs to the nearest location, and nothing twice."""

import numpy as np
import pytest
import shapely

from gclust.places.footprints import outlines
from gclust.places.footprints.containment import containing_footprint
from gclust.places.footprints.outlines import FootprintOptions, footprints
from gclust.places.geodesic import area_km2, conformal_sphere
from gclust.sphere import unit_vectors

N_CLUSTERS = 5
CENTRES = {"inland": (48.0, 8.0), "date line": (0.0, 180.0), "pole": (-89.95, 10.0)}
METHODS = ["discs", "convex", "concave", "alpha", "cells"]


def around(centre, seed, n=160):
    """Locations of clusters that lie among each other, and their clusters."""
    rng = np.random.default_rng(seed)
    label = rng.integers(0, N_CLUSTERS, n)
    label[:N_CLUSTERS] = np.arange(N_CLUSTERS)
    north, east = rng.normal(0, 0.2, (2, N_CLUSTERS))[:, label] + rng.normal(0, 0.1, (2, n))
    lat = CENTRES[centre][0] + north
    lon = CENTRES[centre][1] + east / max(np.cos(np.radians(CENTRES[centre][0])), 0.002)
    lon = np.where(lat < -90, lon + 180, lon)
    return np.where(lat < -90, -180 - lat, lat), (lon + 180) % 360 - 180, label


def undivided(monkeypatch, *arguments, **options):
    with monkeypatch.context() as patch:
        patch.setattr(outlines, "divide_overlaps", lambda shapes, *_: shapes)
        return footprints(*arguments, **options).to_numpy()


@pytest.mark.parametrize("metric", ["haversine", "wgs84"])
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("centre", CENTRES)
def test_each_place_belongs_to_the_nearest_location(centre, method, metric, monkeypatch):
    lat, lon, label = around(centre, seed=METHODS.index(method))
    options = FootprintOptions(method=method, metric=metric, radius_km=6)
    drawn = label >= 0
    raw = undivided(monkeypatch, lat, lon, drawn, label, options, n_clusters=N_CLUSTERS)
    shapes = footprints(lat, lon, drawn, label, options, n_clusters=N_CLUSTERS).to_numpy()
    united = shapely.union_all(raw)
    total, once = area_km2(shapes).sum(), area_km2([united])[0]
    assert area_km2(raw).sum() > 1.05 * once  # there is something to divide
    assert total == pytest.approx(once, rel=1e-5)
    assert all(shape.is_valid for shape in shapes)

    # Places drawn near locations, so that they fall into the footprints at the pole too.
    rng = np.random.default_rng(1)
    at = rng.integers(0, len(lat), 6000)
    points = unit_vectors(lat[at], lon[at]) + rng.normal(0, 1e-3, (len(at), 3))
    points /= np.linalg.norm(points, axis=1)[:, None]
    y, x = np.degrees(np.arcsin(points[:, 2])), np.degrees(np.arctan2(points[:, 1], points[:, 0]))
    before, after = (
        np.array([shapely.contains_xy(shape, x, y) for shape in group]) for group in (raw, shapes)
    )
    assert after.sum(axis=0).max() == 1
    place = unit_vectors(conformal_sphere(y, metric)[0], x)
    sites = unit_vectors(conformal_sphere(lat, metric)[0], lon)
    away = np.linalg.norm(place[:, None] - sites, axis=2)
    nearest = np.array([away[:, label == cluster].min(axis=1) for cluster in range(N_CLUSTERS)])
    nearest[~before] = np.inf
    with np.errstate(invalid="ignore"):
        clear = np.diff(np.sort(nearest, axis=0)[:2], axis=0)[0] > 2e-6  # 13 m
    covered = before.any(axis=0)
    assert after.any(axis=0)[clear & covered].all()
    assert (after.argmax(axis=0) == nearest.argmin(axis=0))[clear & covered].all()
    assert (covered & (before.sum(axis=0) > 1)).sum() > 50


def test_a_footprint_in_another_keeps_its_ground():
    """A town in the middle of a ring of locations has its own hole in the ring's hull."""
    turn = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    lat = np.append(48 + 0.3 * np.sin(turn), 48.0)
    lon = np.append(8 + 0.3 * np.cos(turn), 8.0)
    label = np.append(np.zeros(40, int), 1)
    options = FootprintOptions(method="convex", radius_km=3)
    ring, town = footprints(lat, lon, label >= 0, label, options, n_clusters=2)
    assert area_km2([town])[0] == pytest.approx(np.pi * 9, rel=5e-3)
    assert ring.intersection(town).area < 1e-12
    assert len(ring.interiors) == 1


def test_locations_lie_in_the_footprint_that_covers_them():
    lat, lon, label = around("date line", seed=3)
    label = np.where(np.arange(len(lat)) % 7 == 0, -1, label)
    options = FootprintOptions(method="concave", radius_km=4)
    shapes = footprints(lat, lon, label >= 0, label, options, n_clusters=N_CLUSTERS).to_numpy()
    found = containing_footprint(lat, lon, label, shapes)
    assert (found[label >= 0] == label[label >= 0]).all()
    covers = np.array([shapely.intersects_xy(shape, lon, lat) for shape in shapes])
    assert (found >= 0).tolist() == (covers.any(axis=0) | (label >= 0)).tolist()
    assert 0 < (found[label < 0] >= 0).sum() < (label < 0).sum()


def test_a_location_on_the_outline_lies_in_its_own_footprint():
    square = shapely.box(8, 47, 9, 48)
    lat, lon = np.array([47.5, 47.5, 47.5]), np.array([9.0, 9.0 + 1e-8, 9.0 + 1e-5])
    assert containing_footprint(lat, lon, np.zeros(3, int), [square]).tolist() == [0, 0, -1]
    assert containing_footprint(lat, lon, np.full(3, -1), [square]).tolist() == [0, -1, -1]
