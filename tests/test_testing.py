"""The slow twins are checked by hand-made cases: they are what all else is compared with."""

from __future__ import annotations

import numpy as np
import pytest

from gclust.testing import (
    assert_same_partition,
    dbscan_oracle,
    distances_km,
    geodesic_km,
    great_circle_km,
    wrapped,
)

DEGREE_KM = 6371.0088 * np.pi / 180


def test_great_circles_along_the_equator_and_across_a_pole():
    assert great_circle_km(0, 0, 0, 1) == pytest.approx(DEGREE_KM, rel=1e-15)
    assert great_circle_km(0, 0, 0, 180) == pytest.approx(180 * DEGREE_KM, rel=1e-15)
    assert great_circle_km(89, 0, 89, 180) == pytest.approx(2 * DEGREE_KM, rel=1e-13)
    assert great_circle_km(10, 20, -10, -160.0) == pytest.approx(180 * DEGREE_KM, rel=1e-15)


def test_geodesics_against_a_published_length():
    # Quarter meridian of WGS84: 10 001.965 729 km (Rapp, Geometric Geodesy I, 1991).
    assert geodesic_km(0, 0, 90, 0) == pytest.approx(10_001.965_729, abs=1e-6)


def test_matrix_of_distances():
    matrix = distances_km([0, 0, 1], [0, 1, 0])
    assert matrix.shape == (3, 3)
    assert matrix[0].tolist() == pytest.approx([0, DEGREE_KM, DEGREE_KM])
    assert distances_km([0, 0], [0, 1], "wgs84")[0, 1] == pytest.approx(111.319491, abs=1e-6)


# Seven points on the equator, one degree apart but for a gap of two degrees after the
# fifth; with eps of one degree and three points: cores 1, 2, 3; borders 0 and 4.
LINE = np.array([0.0, 1, 2, 3, 4, 6, 7])


def test_oracle_on_a_line():
    labels, core = dbscan_oracle(np.zeros(7), LINE, eps_km=DEGREE_KM, min_samples=3)
    assert labels.tolist() == [0, 0, 0, 0, 0, -1, -1]
    assert core.tolist() == [False, True, True, True, False, False, False]


def test_oracle_takes_weights_and_borders_as_noise():
    weight = [1, 1, 1, 1, 1, 2, 0.5]
    labels, core = dbscan_oracle(
        np.zeros(7), LINE, weight, eps_km=DEGREE_KM, min_samples=2.5, border="noise"
    )
    assert core.tolist() == [False, True, True, True, False, True, True]
    assert labels.tolist() == [-1, 0, 0, 0, -1, 1, 1]


def test_oracle_joins_two_cores_only_through_a_core():
    lon = np.array([3.0, 2.0, 1.0])  # the outer two are two degrees apart
    ways = {"eps_km": DEGREE_KM, "min_samples": 6}
    labels, core = dbscan_oracle(np.zeros(3), lon, [5, 1, 5], **ways)
    assert core.all()
    assert labels.tolist() == [0, 0, 0]
    ways["min_samples"] = 11
    labels, core = dbscan_oracle(np.zeros(3), lon, [5, 1, 5], **ways)
    assert core.tolist() == [False, True, False]
    assert labels.tolist() == [0, 0, 0]
    ways["min_samples"] = 12
    assert dbscan_oracle(np.zeros(3), lon, [5, 1, 5], **ways)[0].tolist() == [-1, -1, -1]
    # Weight 0 is no copy: it joins nothing, and goes with the core nearest to it.
    ways["min_samples"] = 5
    labels, core = dbscan_oracle(np.zeros(3), lon, [5, 0, 5], **ways)
    assert core.tolist() == [True, False, True]
    assert labels.tolist() == [0, 1, 1]


def test_oracle_breaks_ties_by_place():
    # Two cores a degree east and west of a light point; each has a heavy companion.
    lat = np.array([0.0, 0.0, 0.0, 0.5, 0.5])
    lon = np.array([1.0, 0.0, -1.0, 1.0, -1.0])
    weight = [1, 1, 1, 9, 9]
    ways = {"eps_km": DEGREE_KM, "min_samples": 11}
    labels, core = dbscan_oracle(lat, lon, weight, **ways)
    assert core.tolist() == [True, False, True, False, False]
    assert labels.tolist() == [0, 1, 1, 0, 1]
    assert dbscan_oracle(lat, lon, weight, **ways, border="first")[0].tolist() == [0, 0, 1, 0, 1]
    turned = dbscan_oracle(lat[::-1], lon[::-1], weight[::-1], **ways)[0]
    assert turned.tolist() == [0, 1, 0, 0, 1]


def test_wrapped():
    assert wrapped([0, 0, 90, 1], [180, 359, 77, -180]).tolist() == [-180, -1, 0, -180]


def test_same_partition():
    assert_same_partition([1, 1, 0, -1], [5, 5, 2, -1])
    for wrong in ([1, 1, 1, -1], [1, 2, 0, -1], [1, 1, -1, -1], [1, 1, 0, 3]):
        with pytest.raises(AssertionError, match="row"):
            assert_same_partition(wrong, [5, 5, 2, -1])
    with pytest.raises(AssertionError, match="labels"):
        assert_same_partition([0], [0, 0])
