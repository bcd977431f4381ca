"""Areas of the densest regions of clusters (`gclust.places.highest_density`)."""

import numpy as np
import pytest

import gclust
from gclust.places.geodesic import square_degree_km2
from gclust.places.highest_density import highest_density_km2

OF_NORMAL = 2.0 * np.pi * np.log(10.0)
"""Area of the disc that holds 90 % of a normal distribution of standard deviation one."""


def city(n, seed=0, lat=48.0, lon=9.0, sigma_km=6.0):
    """Places of a normal city, of a given standard deviation on the ellipsoid."""
    x, y = np.random.default_rng([n, seed]).normal(0.0, sigma_km, (2, n))
    north = 111.2
    east = float(square_degree_km2(lat)) / north
    return lat + y / north, lon + x / east


def area(lat, lon, weight=None, label=None, n_labels=1, share=0.9):
    weight = np.ones(len(lat), dtype=np.int64) if weight is None else np.asarray(weight)
    label = np.zeros(len(lat), dtype=np.int64) if label is None else np.asarray(label)
    return highest_density_km2(lat, lon, weight, label, n_labels, share=share)


def test_a_normal_city_has_the_same_area_from_a_thousand_to_a_hundred_thousand_points():
    true = OF_NORMAL * 6.0**2
    means = [
        np.mean([area(*city(n, seed))[0] for seed in range(seeds)])
        for n, seeds in ((1_000, 20), (10_000, 8), (100_000, 3))
    ]
    np.testing.assert_allclose(means, true, rtol=0.03)
    assert means[-1] == pytest.approx(true, rel=0.005)


def test_half_of_a_normal_city_lies_in_a_smaller_region():
    km2 = area(*city(50_000), share=0.5)[0]
    assert km2 == pytest.approx(2.0 * np.pi * np.log(2.0) * 36.0, rel=0.02)


def test_two_towns_of_which_one_is_larger():
    one, other = city(35_000, 1, sigma_km=3.0), city(15_000, 2, lon=9.6, sigma_km=3.0)
    lat, lon = (np.concatenate(both) for both in zip(one, other, strict=True))
    # Where the density is equal: 5 % of all lies outside of it in each town.
    true = 2.0 * np.pi * 9.0 * (np.log(0.7 / 0.05) + np.log(0.3 / 0.05))
    assert area(lat, lon)[0] == pytest.approx(true, rel=0.05)


def test_a_location_counts_by_its_weight():
    lat, lon = city(4_000)
    near = np.hypot(lat - 48.0, (lon - 9.0) * 0.67) < 0.05
    whole, centred = area(lat, lon)[0], area(lat, lon, np.where(near, 50, 1))[0]
    assert centred < 0.5 * whole
    np.testing.assert_allclose(area(lat, lon, np.full(4_000, 7)), whole, rtol=1e-12)


def test_there_is_none_where_one_location_holds_more_than_half():
    lat, lon = city(101)
    weight = np.ones(101, dtype=np.int64)
    weight[0] = 100
    assert area(lat, lon, weight)[0] > 0
    weight[0] = 101
    assert np.isnan(area(lat, lon, weight)[0])


def test_labels_are_measured_apart_and_one_without_weight_has_none():
    one, other = city(3_000, 1), city(3_000, 2, lat=-20.0, lon=179.99, sigma_km=3.0)
    lat, lon = (np.concatenate(both) for both in zip(one, other, strict=True))
    label = np.repeat([0, 2], 3_000)
    mixed = np.random.default_rng(1).permutation(6_000)
    mixed = mixed[np.lexsort((lon[mixed], lat[mixed]))]
    found = area(lat[mixed], (lon[mixed] + 180) % 360 - 180, None, label[mixed], 3)
    assert np.isnan(found[1])
    np.testing.assert_allclose(found[[0, 2]], OF_NORMAL * np.array([36.0, 9.0]), rtol=0.06)
    noise = np.full(6_000, -1)
    assert np.isnan(area(lat, lon, None, noise, 1)).all()


def test_a_city_at_a_pole_and_places_far_apart_have_an_area():
    at = np.linspace(0.0, 2.0 * np.pi, 500, endpoint=False)
    polar = area(np.full(500, 89.9), np.degrees(at) - 180.0)[0]
    assert 0 < polar < 3_000
    assert area(np.array([80.0, -10.0, 5.0]), np.array([0.0, 100.0, -100.0]))[0] > 0


def test_a_run_gives_it_for_every_cluster():
    ranking = gclust.run(gclust.datasets.example_study()).ranking
    assert ranking["area_90"].gt(0).all()
    assert ranking["area_90"].lt(ranking["area_km2"]).all()
