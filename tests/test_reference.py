"""``DBSCAN`` against its steps in plain Python, on small worlds with borders, ties and poles."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gclust import DBSCAN
from gclust.kernels.dbscan.reference import reference_dbscan

EPS_KM = 15.0
DEGREE = 111.195
CENTRES = [(48.0, 8.0), (0.0, -180.0), (-33.0, 179.98), (90.0, 0.0), (-89.99, 40.0)]


@st.composite
def worlds(draw):
    """Places in clumps of a few radii: on a lattice, so that many borders tie, or scattered."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n = draw(st.integers(1, 60))
    north, east = rng.normal(0, draw(st.sampled_from([0.05, 0.15, 0.4])), (2, n))
    if draw(st.booleans()):
        north, east = np.round(north * 16) / 16, np.round(east * 16) / 16
    lat, lon = np.array([draw(st.sampled_from(CENTRES)) for _ in range(2)])[rng.integers(0, 2, n)].T
    lat = np.clip(lat + north, -90, 90)
    lon = np.where(np.abs(lat) == 90, 0.0, (lon + east + 180) % 360 - 180)
    places = list(dict.fromkeys(zip(lat.tolist(), lon.tolist(), strict=True)))
    return places, rng.integers(0, 4, len(places)).tolist()


@settings(max_examples=150)
@given(
    worlds(),
    st.integers(1, 12),
    st.sampled_from([EPS_KM, 2.0, 900.0, 19_990.0]),
    st.sampled_from(["nearest", "first", "noise"]),
)
@pytest.mark.filterwarnings("ignore::gclust.errors.GclustWarning")
def test_kernels_agree_with_plain_python(world, min_units, eps_km, border):
    places, units = world
    if sum(units) == 0:
        units[0] = 1
    labels, core = reference_dbscan(places, units, eps_km, min_units, border)
    model = DBSCAN(eps_km, min_units, border=border).fit(places, sample_weight=units)
    assert model.labels_.tolist() == labels
    assert model.core_sample_mask_.tolist() == core


@pytest.mark.parametrize(("east_km", "label"), [(14.9, 0), (15.1, 1), (15.0, 0)])
def test_borders_and_their_ties(east_km, label):
    """Between core points 30 km apart: the nearer one, or the western one of two that tie."""
    km, weight = (-10.0, 0.0, 30.0, 40.0, east_km), [100, 1, 1, 100, 1]
    places = [(0.0, each / DEGREE) for each in km]
    labels, core = reference_dbscan(places, weight, 15.2, 50)
    model = DBSCAN(15.2, 50).fit(places, sample_weight=weight)
    assert labels == model.labels_.tolist() == [0, 0, 1, 1, label]
    assert core == model.core_sample_mask_.tolist() == [True] * 4 + [False]
