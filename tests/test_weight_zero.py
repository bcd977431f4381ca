"""Rows of weight 0 are no copies: they change nothing, and get the label of a prediction."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gclust
from gclust import DBSCAN, HDBSCAN, DensityContour
from gclust.cluster.dbscan_steps import CoreLocations
from gclust.cluster.fixed_point import UNIT
from gclust.cluster.locations import assign_locations, cluster_locations
from gclust.cluster.surface import surface_of_locations

pytestmark = pytest.mark.filterwarnings("ignore::gclust.errors.GclustWarning")


@st.composite
def clouds(draw):
    """Places that repeat, on a lattice or scattered, many of them of weight 0."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n = draw(st.integers(2, 60))
    X = rng.normal(0, draw(st.sampled_from([0.1, 0.3, 1.0])), (n, 2))
    if draw(st.booleans()):
        X = np.round(X * 15) / 15  # about eps apart, and many at one place
    X += draw(st.sampled_from([(0.0, 0.0), (50.0, 179.9), (-89.5, 0.0)]))
    X[:, 0] = np.clip(X[:, 0], -90, 90)
    X[:, 1] = (X[:, 1] + 180) % 360 - 180
    weight = rng.choice([0, 1, 2, 0.5], n, p=[0.4, 0.3, 0.2, 0.1])
    weight[rng.integers(n)] = 1.0
    return X, weight


def expect_no_copies(model, X, weight):
    """Compare fitting all rows with fitting those that weigh anything."""
    some = weight > 0
    without = model.fit(X[some], sample_weight=weight[some])
    labels, predicted = without.labels_, without.predict(X)
    assert predicted[some].tolist() == labels.tolist()
    core = getattr(without, "core_sample_mask_", None)
    components = getattr(without, "components_", None)
    whole = model.fit(X, sample_weight=weight)
    assert whole.labels_[some].tolist() == labels.tolist()
    assert whole.labels_.tolist() == predicted.tolist()
    assert whole.predict(X).tolist() == predicted.tolist()
    if core is not None:
        assert whole.core_sample_mask_[some].tolist() == core.tolist()
        assert not whole.core_sample_mask_[~some].any()
        assert whole.components_.tolist() == components.tolist()
    return whole


BORDERS = st.sampled_from(["nearest", "first", "noise"])
METRICS = st.sampled_from(["haversine", "haversine", "wgs84"])


@settings(max_examples=100)
@given(clouds(), st.sampled_from([1.0, 8.0, 30.0]), st.integers(1, 6), BORDERS, METRICS)
def test_in_dbscan(cloud, eps_km, least, border, metric):
    X, weight = cloud
    expect_no_copies(DBSCAN(eps_km, least, border=border, metric=metric), X, weight)


@settings(max_examples=100)
@given(
    clouds(), st.integers(2, 6), st.integers(1, 6), st.sampled_from(["eom", "leaf"]), st.booleans()
)
def test_in_hdbscan(cloud, size, samples, method, single):
    X, weight = cloud
    model = HDBSCAN(size, samples, cluster_selection_method=method, allow_single_cluster=single)
    some = weight > 0
    probability = model.fit(X[some], sample_weight=weight[some]).probabilities_
    whole = expect_no_copies(model, X, weight)
    assert whole.probabilities_[some].tolist() == probability.tolist()
    assert ((whole.probabilities_ > 0) == (whole.labels_ >= 0)).all()
    tree = whole.condensed_tree_.to_numpy()
    rows = tree[tree["child"] < len(X)]
    assert (rows["child_size"] == weight).all()


@settings(max_examples=10)
@given(clouds(), st.sampled_from([2.0, 6.0]), st.sampled_from([None, 0.8]))
def test_in_contours(cloud, threshold, share):
    X, weight = cloud
    expect_no_copies(DensityContour(5.0, threshold, share=share), X, weight)


EPS, LEAST = [1.0, 8.0, 30.0], [1, 2.5, 5]


@settings(max_examples=60)
@given(clouds(), BORDERS)
def test_in_a_surface(cloud, border):
    X, weight = cloud
    some = weight > 0
    ways = {"eps_km": EPS, "min_samples": LEAST, "border": border}
    surface = gclust.parameter_surface(X, sample_weight=weight, **ways)
    without = gclust.parameter_surface(X[some], sample_weight=weight[some], **ways)
    same = ["n_clusters", "n_core", "clustered_weight", "largest_weight"]
    assert surface.table[same].equals(without.table[same])
    for row in surface.table.itertuples():
        pair = row.eps_km, row.min_samples
        model = DBSCAN(*pair, border=border).fit(X, sample_weight=weight)
        assert surface.labels(*pair).tolist() == model.labels_.tolist()
        assert surface.core_sample_mask(*pair).tolist() == model.core_sample_mask_.tolist()
        assert row.n_noise == (model.labels_ < 0).sum()
        assert row.n_core == model.core_sample_mask_.sum()


@settings(max_examples=40)
@given(clouds(), BORDERS)
def test_in_folded_locations(cloud, border):
    X, weight = cloud
    X[:, 1] = np.where(np.abs(X[:, 0]) == 90, 0.0, X[:, 1])
    places, at = np.unique(X, axis=0, return_inverse=True)
    units = np.zeros(len(places), dtype=np.int64)
    np.add.at(units, at.ravel(), (weight * UNIT).astype(np.int64))
    lat, lon = places.T
    some = units > 0
    model = DBSCAN(8.0, 2, border=border)
    labels, core = cluster_locations(lat, lon, units, model)
    found, core_found = cluster_locations(lat[some], lon[some], units[some], model)
    assert labels[some].tolist() == found.tolist()
    assert core[some].tolist() == core_found.tolist()
    assert not core[~some].any()
    cores = CoreLocations(lat[core], lon[core], labels[core])
    assigned = assign_locations(lat, lon, cores, model)
    assert labels[~some].tolist() == assigned[~some].tolist()
    grid = [8.0], [2 * UNIT]
    surface = surface_of_locations(lat, lon, units, grid, border=border, metric="haversine")
    again, core_again = surface.cluster(8.0, 2 * UNIT)
    assert again.tolist() == labels.tolist()
    assert core_again.tolist() == core.tolist()


@pytest.mark.parametrize("model", [DBSCAN(5, 2), HDBSCAN(2), DensityContour(5, 2)])
def test_all_weights_zero_are_all_noise(model):
    labels = model.fit([[1, 2], [1, 2.01]], sample_weight=[0, 0]).labels_
    assert labels.tolist() == [-1, -1]
    assert model.predict([[1, 2]]).tolist() == [-1]


@pytest.mark.parametrize("beside", [0.0, 0.001])
def test_a_row_without_weight_does_not_number_the_clusters(beside):
    X = np.array([[20.0, beside], [10.0, 0.0], [10.0, 0.0], [20.0, 0.0]])
    weight = [0, 1, 1, 2]
    for model in (DBSCAN(1, 2), HDBSCAN(2, 1), DensityContour(5, 2)):
        assert model.fit(X, sample_weight=weight).labels_.tolist() == [1, 0, 0, 1]
    surface = gclust.parameter_surface(X, eps_km=[1], min_samples=[2], sample_weight=weight)
    assert surface.labels(1, 2).tolist() == [1, 0, 0, 1]
