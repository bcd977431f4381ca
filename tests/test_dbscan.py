"""``DBSCAN`` against the quadratic twin, against scikit-learn, and against itself."""

from __future__ import annotations

import numpy as np
import pytest
import sklearn.cluster
from hypothesis import given, settings
from hypothesis import strategies as st

from gclust import DBSCAN
from gclust.cluster.dbscan_steps import CoreLocations
from gclust.cluster.fixed_point import UNIT
from gclust.cluster.locations import assign_locations, cluster_locations
from gclust.kernels.dbscan import border_labels as assign
from gclust.kernels.dbscan import core_components as link
from gclust.kernels.dbscan import core_levels as levels
from gclust.kernels.dbscan import point_counts as weigh
from gclust.kernels.spatial import bands
from gclust.kernels.spatial import bucket_sort as grid
from gclust.kernels.spatial import nearby_cells as around
from gclust.testing import (
    EARTH_RADIUS_KM,
    TOLERANCE_KM,
    assert_same_partition,
    dbscan_oracle,
    great_circle_km,
    wrapped,
)

DEGREE_KM = EARTH_RADIUS_KM * np.pi / 180
CENTRES = [(0.0, 0.0), (48.2, 7.8), (-12.0, 180.0), (65.0, -179.99), (90.0, 0.0), (-90.0, 0.0)]


def expect_like_oracle(X, weight, eps_km, min_samples, metric="haversine", borders=None):
    for border in borders or ("nearest", "first", "noise"):
        ways = {"eps_km": eps_km, "min_samples": min_samples, "border": border, "metric": metric}
        model = DBSCAN(**ways).fit(X, sample_weight=weight)
        labels, core = dbscan_oracle(X[:, 0], X[:, 1], weight, **ways)
        assert model.core_sample_mask_.tolist() == core.tolist()
        assert model.labels_.tolist() == labels.tolist()
        assert model.core_sample_indices_.tolist() == np.flatnonzero(core).tolist()
        assert model.predict(X).tolist() == labels.tolist()


@st.composite
def clouds(draw):
    """Points, some repeated, round a centre; their spread in units of eps."""
    seed = draw(st.integers(0, 2**32 - 1))
    n = draw(st.integers(1, 70))
    centre_lat, centre_lon = draw(st.sampled_from(CENTRES))
    eps_km = draw(st.sampled_from([0.01, 1.0, 15.0, 400.0, 3000.0]))
    spread = draw(st.sampled_from([0.3, 1.0, 3.0])) * eps_km / DEGREE_KM
    rng = np.random.default_rng(seed)
    at = rng.normal(0, spread, (n, 2))
    if abs(centre_lat) == 90:  # round a pole: distance from it, and any longitude
        lat = np.sign(centre_lat) * (90 - np.minimum(np.abs(at[:, 0]), 90))
        lon = rng.uniform(-180, 180, n)
    else:
        lat = np.clip(centre_lat + at[:, 0], -90, 90)
        lon = centre_lon + at[:, 1] / np.cos(np.radians(centre_lat))
        lon = (lon + 180) % 360 - 180
    if draw(st.booleans()):  # one half of the rows repeat others
        pick = rng.integers(0, max(n // 2, 1), n)
        lat, lon = lat[pick], lon[pick]
    return np.stack([lat, lon], axis=1), eps_km


@settings(max_examples=75)
@given(clouds(), st.integers(1, 12), st.booleans())
def test_clouds_are_clustered_like_the_twin(cloud, min_samples, weighted):
    X, eps_km = cloud
    weight = np.random.default_rng(len(X)).integers(0, 4, len(X)) / 2 if weighted else None
    expect_like_oracle(X, weight, eps_km, min_samples)


@settings(max_examples=40)
@given(
    st.integers(0, 2**32 - 1),
    st.sampled_from([2000.0, 7000.0, 10007.5, 13000.0, 19500.0, 20015.0, 20015.2, 1e6]),
    st.floats(0.01, 1.0),
)
def test_large_radii_are_exact(seed, eps_km, share):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(2, 60))
    lat = np.degrees(np.arcsin(rng.uniform(-1, 1, n)))
    lon = rng.uniform(-180, 180, n)
    lat[: n // 4], lon[: n // 4] = -lat[-(n // 4) :][: n // 4], lon[-(n // 4) :][: n // 4]
    lon = (lon + 180 * (np.arange(n) < n // 4) + 180) % 360 - 180  # a quarter are antipodes
    expect_like_oracle(np.stack([lat, lon], axis=1), None, eps_km, max(1, int(share * n)))


@settings(max_examples=60)
@given(
    st.lists(st.tuples(st.integers(-6, 6), st.integers(-6, 6)), min_size=1, max_size=60),
    st.sampled_from([1, 2, 5]),
    st.sampled_from([0.0, 180.0, -60.0]),
    st.integers(1, 8),
)
def test_lattices_at_exactly_eps(nodes, steps, centre_lon, min_samples):
    """Neighbours are at exactly eps along meridians, where rounding alone would decide."""
    eps_km = 15.0
    step = np.degrees(eps_km / EARTH_RADIUS_KM) / steps
    lat, lon = np.array(nodes, dtype=float).T * step
    X = np.stack([lat, (lon + centre_lon + 180) % 360 - 180], axis=1)
    expect_like_oracle(X, None, eps_km, min_samples)


@settings(max_examples=40)
@given(
    st.sampled_from(["equator", "meridian", "parallel", "over the pole"]),
    st.integers(0, 2**32 - 1),
    st.integers(1, 6),
)
def test_collinear_points(line, seed, min_samples):
    rng = np.random.default_rng(seed)
    along = rng.uniform(-1, 1, 50)
    lat, lon = {
        "equator": (np.zeros(50), along * 3 - 179.5),
        "meridian": (along * 3, np.full(50, 7.5)),
        "parallel": (np.full(50, 52.5), along * 5),
        "over the pole": (90 - 3 * np.abs(along), np.where(along < 0, -170.0, 10.0)),
    }[line]
    expect_like_oracle(np.stack([lat, (lon + 180) % 360 - 180], axis=1), None, 12.0, min_samples)


@settings(max_examples=25)
@given(st.integers(0, 2**32 - 1), st.integers(1, 8), st.sampled_from([5.0, 40.0, 500.0]))
def test_wgs84_is_clustered_like_geodesics(seed, min_samples, eps_km):
    rng = np.random.default_rng(seed)
    centre_lat = rng.choice([0.0, 45.0, -70.0, 89.5])
    lat = np.clip(centre_lat + rng.normal(0, eps_km / DEGREE_KM, 60), -90, 90)
    spread = eps_km / DEGREE_KM / np.cos(np.radians(centre_lat))
    lon = (179 + rng.normal(0, spread, 60) + 180) % 360 - 180
    expect_like_oracle(np.stack([lat, lon], axis=1), None, eps_km, min_samples, "wgs84")


def test_wgs84_differs_from_the_sphere():
    X = np.array([[0.0, 0.0], [0.0, 0.1348]])  # 14.989 km on the sphere, 15.006 km on WGS84
    assert DBSCAN(15, 2).fit_predict(X).tolist() == [0, 0]
    assert DBSCAN(15, 2, metric="wgs84").fit_predict(X).tolist() == [-1, -1]


def by_sklearn(X, weight, eps_km, min_samples, algorithm="brute"):
    model = sklearn.cluster.DBSCAN(
        eps=(eps_km + TOLERANCE_KM) / EARTH_RADIUS_KM,
        min_samples=min_samples,
        metric="haversine",
        algorithm=algorithm,
    ).fit(np.radians(X), sample_weight=weight)
    return model.labels_, model.core_sample_indices_


@settings(max_examples=100)
@given(clouds(), st.integers(1, 12), st.booleans())
def test_labels_are_those_of_sklearn(cloud, min_samples, weighted):
    """Of weights above 0: there, rows of weight 0 may be core points."""
    X, eps_km = cloud
    weight = np.random.default_rng(len(X)).integers(1, 4, len(X)) if weighted else None
    labels, core = by_sklearn(X, weight, eps_km, min_samples)
    model = DBSCAN(eps_km, min_samples, border="first").fit(X, sample_weight=weight)
    assert model.labels_.tolist() == labels.tolist()
    assert model.core_sample_indices_.tolist() == core.tolist()


@settings(max_examples=50)
@given(clouds(), st.integers(1, 20), st.sampled_from(["nearest", "first", "noise"]))
def test_weight_k_is_k_copies(cloud, min_samples, border):
    X, eps_km = cloud
    weight = np.random.default_rng(len(X)).integers(1, 4, len(X))
    model = DBSCAN(eps_km, min_samples, border=border)
    labels = model.fit_predict(X, sample_weight=weight)
    copies = model.fit_predict(np.repeat(X, weight, axis=0))
    assert copies.tolist() == np.repeat(labels, weight).tolist()


def test_shares_of_a_record_add_up_to_one():
    for parts in range(2, 23):
        X, share = np.zeros((parts, 2)), np.full(parts, 1 / parts)
        assert DBSCAN(1, 1).fit(X, sample_weight=share).core_sample_mask_.all()
        assert not DBSCAN(1, 1).fit(X[1:], sample_weight=share[1:]).core_sample_mask_.any()


@settings(max_examples=50)
@given(clouds(), st.integers(1, 8), st.randoms(use_true_random=False))
def test_the_partition_does_not_depend_on_the_order_of_rows(cloud, min_samples, random):
    X, eps_km = cloud
    rows = list(range(len(X)))
    random.shuffle(rows)
    model = DBSCAN(eps_km, min_samples)
    labels, core = model.fit_predict(X), model.core_sample_mask_
    assert_same_partition(model.fit_predict(X[rows]), labels[rows])
    assert (model.core_sample_mask_ == core[rows]).all()


@settings(max_examples=40)
@given(st.integers(0, 2**32 - 1), st.integers(1, 8))
def test_the_partition_does_not_depend_on_where_the_poles_are(seed, min_samples):
    rng = np.random.default_rng(seed)
    points = rng.normal(0, 0.004, (80, 3)) + rng.permutation(np.eye(3))[rng.integers(0, 3, 80)]
    turned = points @ np.linalg.qr(rng.normal(size=(3, 3)))[0]
    partitions = []
    for x, y, z in (points.T, turned.T):
        X = np.degrees(np.stack([np.arctan2(z, np.hypot(x, y)), np.arctan2(y, x)], axis=1))
        partitions.append(DBSCAN(15, min_samples).fit_predict(X))
    assert_same_partition(*partitions)


@pytest.fixture
def tiny_chunks(monkeypatch):
    for module in (around, assign, bands, grid, levels, link, weigh):
        for name in ("CHUNK", "BANDS_CHUNK", "CELLS_CHUNK", "POINTS_CHUNK", "BUCKET"):
            if hasattr(module, name):
                monkeypatch.setattr(module, name, 7)
    monkeypatch.setattr(levels, "MOST_CANDIDATES", 25)  # some cells go down the tree


@pytest.mark.parametrize("border", ["nearest", "first", "noise"])
@pytest.mark.parametrize("metric", ["haversine", "wgs84"])
def test_two_threads_and_small_chunks_change_nothing(tiny_chunks, border, metric):
    rng = np.random.default_rng(2)
    X = np.stack([rng.normal(50, 1, 1500), (rng.normal(180, 1.5, 1500) + 180) % 360 - 180], 1)
    for eps_km, min_samples in ((15, 14), (6, 3)):
        ways = {"eps_km": eps_km, "min_samples": min_samples, "border": border, "metric": metric}
        one, two = (DBSCAN(**ways, n_jobs=jobs).fit(X) for jobs in (1, 2))
        assert one.labels_.tobytes() == two.labels_.tobytes()
        assert one.core_sample_mask_.tobytes() == two.core_sample_mask_.tobytes()
        assert one.predict(X[::3]).tobytes() == two.predict(X[::3]).tobytes()
        labels, core = dbscan_oracle(X[:, 0], X[:, 1], **ways)
        assert one.labels_.tolist() == labels.tolist()
        assert one.core_sample_mask_.tolist() == core.tolist()
        assert labels.max() > 2


@settings(max_examples=40)
@given(clouds(), clouds(), st.integers(1, 6), st.sampled_from(["nearest", "first"]))
def test_new_points_are_predicted_like_borders(cloud, other, min_samples, border):
    X, eps_km = cloud
    new = np.concatenate([other[0], X[:5] * 0.999999, X[:3]])
    model = DBSCAN(eps_km, min_samples, border=border).fit(X)
    cores = np.flatnonzero(model.core_sample_mask_)
    cores = cores[np.lexsort((wrapped(*X[cores].T), X[cores, 0]))]
    expected = np.full(len(new), -1)
    if len(cores):
        distance = great_circle_km(new[:, :1], new[:, 1:], *X[cores].T)
        for row in np.flatnonzero((distance <= eps_km + TOLERANCE_KM).any(axis=1)):
            near = (
                distance[row]
                <= {
                    "first": eps_km + TOLERANCE_KM,
                    "nearest": distance[row].min() + TOLERANCE_KM,
                }[border]
            )
            labels = model.labels_[cores[near]]
            expected[row] = labels[0] if border == "nearest" else labels.min()
    assert model.predict(new).tolist() == expected.tolist()


def test_with_borders_as_noise_only_core_places_are_predicted():
    X = np.array([[10.0, 20.0], [10.0, 20.01], [10.0, 20.03]])
    model = DBSCAN(1.5, 2, border="noise").fit(X)
    assert model.labels_.tolist() == [0, 0, -1]
    assert model.predict([[10, 20], [10, 380 - 360], [10, 20.005], [10, 20.03]]).tolist() == [
        0,
        0,
        -1,
        -1,
    ]


@pytest.mark.parametrize("border", ["nearest", "first"])
def test_a_radius_set_after_fitting_is_the_one_that_predicts(border):
    rng = np.random.default_rng(4)
    X = rng.normal((48, 8), 0.3, (400, 2))
    model = DBSCAN(6.0, 5, border=border).fit(X)
    core = model.core_sample_mask_
    order = np.lexsort((X[core, 1], X[core, 0]))
    core_lat, core_lon = X[core][order].T
    new = X[np.lexsort((X[:, 1], X[:, 0]))] + 1e-3
    cores = CoreLocations(core_lat, core_lon, model.labels_[core][order])
    expected = assign_locations(*new.T, cores, DBSCAN(2.5, border=border))
    assert model.set_params(eps_km=2.5).predict(new).tolist() == expected.tolist()
    assert len(set(expected.tolist())) > 2


def test_locations_give_what_rows_give():
    rng = np.random.default_rng(8)
    towns = rng.uniform([46, 7], [48, 10], (12, 2))
    X = np.round(towns[rng.integers(0, 12, 600)] + rng.normal(0, 0.05, (600, 2)), 2)
    places, location, counts = np.unique(X, axis=0, return_inverse=True, return_counts=True)
    lat, lon = places.T
    model = DBSCAN(4.0, 9, n_jobs=2)
    seen: list[tuple[float, str]] = []
    labels, core = cluster_locations(
        lat,
        lon,
        counts * UNIT,
        model,
        progress=lambda share, stage: seen.append((share, stage)),
    )
    model.fit(X)
    assert labels.max() > 3
    assert_same_partition(labels[location.ravel()], model.labels_)
    assert (core[location.ravel()] == model.core_sample_mask_).all()
    first = [int(np.argmax(core & (labels == k))) for k in range(labels.max() + 1)]
    assert first == sorted(first)
    cores = CoreLocations(lat[core], lon[core], labels[core])
    again = assign_locations(lat, lon, cores, model)
    assert again.tolist() == labels.tolist()
    assert {stage for share, stage in seen if share == 1.0} >= {
        "folding onto locations",
        "making bands",
        "finding core locations",
        "linking",
        "assigning borders",
    }


def test_no_locations_and_no_cores():
    none = np.zeros(0)
    model = DBSCAN(1.0, 1 + 1 / UNIT)
    labels, core = cluster_locations(none, none, none, model)
    assert labels.tolist() == core.tolist() == []
    one = np.zeros(1)
    assert assign_locations(one, one, CoreLocations(none, none, none), model).tolist() == [-1]
    assert assign_locations(none, none, CoreLocations(one, one, one), model).tolist() == []
    assert cluster_locations(one, one, [UNIT], model)[0].tolist() == [-1]
    assert cluster_locations(one, one, [UNIT + 1], model)[0].tolist() == [0]


def test_100_000_postal_codes_are_clustered_as_by_sklearn(shared_data):
    import pandas as pd

    codes = pd.read_csv(
        shared_data / "postal_codes" / "geonames_postal_codes.csv.gz", usecols=["lat", "lng"]
    ).dropna()
    rng = np.random.default_rng(100)
    X = codes.to_numpy()[rng.permutation(len(codes))[:100_000]]
    places, first, location, counts = np.unique(
        X, axis=0, return_index=True, return_inverse=True, return_counts=True
    )
    order = np.argsort(first)  # scikit-learn gets the places as X brings them
    folded, core = by_sklearn(places[order], counts[order], 15, 40, "ball_tree")
    rank = np.argsort(order)
    expected = folded[rank][location.ravel()]
    model = DBSCAN(15, 40, border="first").fit(X)
    assert model.labels_.tolist() == expected.tolist()
    assert np.unique(rank[location.ravel()][model.core_sample_mask_]).tolist() == sorted(
        core.tolist()
    )
    assert model.labels_.max() > 100
    assert (model.predict(X) == model.labels_).all()
