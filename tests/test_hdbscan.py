"""``HDBSCAN`` against the quadratic twin, against its peers, and against itself."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import time

import hdbscan
import matplotlib
import numpy as np
import pandas as pd
import pytest
import sklearn.cluster
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.utils.estimator_checks import parametrize_with_checks
from sklearn.utils.validation import check_is_fitted, validate_data

from gclust import HDBSCAN
from gclust.cluster.coordinates import degrees
from gclust.cluster.fixed_point import to_units
from gclust.cluster.hdbscan import hierarchical_labels
from gclust.kernels.hdbscan import core_distances, spanning_tree
from gclust.testing import EARTH_RADIUS_KM, assert_same_partition
from tests.hdbscan_twin import Twin, reachability
from tests.test_estimator_checks import EXPECTED_FAILURES, into_degrees

matplotlib.use("Agg")

KM = 1 / (EARTH_RADIUS_KM * np.pi / 180)
"""A kilometre in degrees."""


def towns(seed, n_towns=6, each=60, spread=0.3):
    """Towns and the country between them."""
    rng = np.random.default_rng(seed)
    centre = rng.uniform(-5, 5, (n_towns, 2))
    people = [at + rng.normal(0, spread, (each, 2)) for at in centre]
    return np.concatenate([*people, rng.uniform(-6, 6, (each, 2))])


@st.composite
def clouds(draw):
    """Points and whole weights: towns, a lattice, a line, round a pole, or everywhere."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n = draw(st.integers(1, 60))
    kind = draw(st.sampled_from(["towns", "lattice", "line", "pole", "everywhere"]))
    if kind == "towns":
        X = rng.uniform(-2, 2, (4, 2))[rng.integers(0, 4, n)] + rng.normal(0, 0.2, (n, 2))
        X += [40, 179.9]
    elif kind == "lattice":
        X = np.round(rng.uniform(-3, 3, (n, 2)))
    elif kind == "line":
        X = np.stack([np.zeros(n), 0.5 * rng.integers(0, 40, n)], axis=1)
    elif kind == "pole":
        X = np.stack([rng.uniform(-90, -89, n), rng.uniform(-180, 180, n)], axis=1)
    else:
        X = np.degrees([np.arcsin(rng.uniform(-1, 1, n)), rng.uniform(-np.pi, np.pi, n)]).T
    weight = rng.choice([1, 1, 1, 2, 5], n) if draw(st.booleans()) else np.ones(n, dtype=int)
    return X, weight


def expect_like_twin(X, weight, size, samples, metric="haversine"):
    copies = np.repeat(X, weight, axis=0)
    first = np.cumsum(weight) - weight
    samples = min(samples, len(copies))
    twin = Twin(reachability(copies[:, 0], copies[:, 1], samples, metric), size)
    near = 1e-6 if metric == "haversine" else 1e-5  # of which 5 mm in 60 km are 1e-7
    for method in ("eom", "leaf"):
        for epsilon_km in (0.0, 30.0, 150.0):
            model = HDBSCAN(
                size,
                samples,
                cluster_selection_method=method,
                cluster_selection_epsilon_km=epsilon_km,
                metric=metric,
            ).fit(X, sample_weight=weight)
            labels, probability = twin.select(method, epsilon_km)
            assert model.labels_.tolist() == labels[first].tolist()
            assert np.abs(model.probabilities_ - probability[first]).max() < near


@settings(max_examples=80)
@given(clouds(), st.integers(2, 8), st.integers(1, 10))
def test_flat_clusters_are_those_of_the_twin_on_copies(cloud, size, samples):
    expect_like_twin(*cloud, size, samples)


@settings(max_examples=12)
@given(st.integers(0, 2**32 - 1), st.integers(2, 8), st.integers(1, 10))
def test_on_the_ellipsoid_too(seed, size, samples):
    X = towns(seed, 3, 12, 0.1)
    expect_like_twin(X, np.ones(len(X), dtype=int), size, samples, "wgs84")


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("method", ["eom", "leaf"])
@pytest.mark.parametrize("samples", [1, 2])
def test_without_equal_edges_it_is_what_the_peers_find(samples, method, seed):
    X = towns(seed)
    model = HDBSCAN(10, samples, cluster_selection_method=method).fit(X)
    peers = [of_scikit_learn(X, 10, samples, method)]
    if samples > 1:  # hdbscan takes no 0
        peers.append(of_hdbscan(X, 10, samples, method))
    assert model.labels_.max() > 1
    for peer in peers:
        assert_same_partition(model.labels_, peer.labels_)
        assert np.abs(model.probabilities_ - peer.probabilities_).max() < 1e-9


def of_scikit_learn(X, size, samples, method):
    return sklearn.cluster.HDBSCAN(
        min_cluster_size=size,
        min_samples=samples,
        metric="haversine",
        cluster_selection_method=method,
        algorithm="brute",
        copy=True,
    ).fit(np.radians(X))


def of_hdbscan(X, size, samples, method):
    return hdbscan.HDBSCAN(
        min_cluster_size=size,
        min_samples=samples - 1,
        metric="haversine",
        cluster_selection_method=method,
        approx_min_span_tree=False,
    ).fit(np.radians(X))


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("method", ["eom", "leaf"])
@pytest.mark.parametrize("samples", [5, 15])
def test_where_the_peers_agree_it_agrees_with_them(samples, method, seed):
    """Core distances make equal edges, which the peers take in some order.

    A row that connects the parts of a cluster goes with one of them there, and falls off
    here: as soon as the parts are apart it has no core distance any more.
    """
    X = towns(seed)
    model = HDBSCAN(15, samples, cluster_selection_method=method).fit(X)
    one, other = of_scikit_learn(X, 15, samples, method), of_hdbscan(X, 15, samples, method)
    tree = model.condensed_tree_.to_numpy()
    clusters, rows = tree[tree["child"] >= len(X)], tree[tree["child"] < len(X)]
    split = dict(zip(clusters["parent"].tolist(), clusters["lambda_val"].tolist(), strict=True))
    lasts = [split.get(row["parent"]) != row["lambda_val"] for row in rows]
    assert sum(lasts) > 0.9 * len(X)
    try:
        assert_same_partition(one.labels_[lasts], other.labels_[lasts])
        assert_same_partition(model.labels_[lasts], one.labels_[lasts])
    except AssertionError:
        # There alone, one row more or less decides on a cluster of the least size.
        assert (samples, method) == (5, "leaf")


@pytest.mark.parametrize("n_jobs", [1, 3])
def test_order_of_rows_and_threads_do_not_matter(n_jobs, monkeypatch):
    rng = np.random.default_rng(7)
    X = np.round(towns(7, each=300) * 50) / 50  # equal places, equal distances
    weight = rng.choice([0, 0.5, 1, 1 / 3], len(X))
    model = HDBSCAN(20, 8, n_jobs=1).fit(X, sample_weight=weight)
    assert model.labels_.max() > 3
    monkeypatch.setattr(core_distances, "LEAVES_CHUNK", 3)
    monkeypatch.setattr(spanning_tree, "LEAVES_CHUNK", 3)
    monkeypatch.setattr(spanning_tree, "QUERY_LEVELS", 2)
    rows = rng.permutation(len(X))
    other = HDBSCAN(20, 8, n_jobs=n_jobs).fit(X[rows], sample_weight=weight[rows])
    assert_same_partition(other.labels_, model.labels_[rows])
    assert other.probabilities_.tobytes() == model.probabilities_[rows].tobytes()
    tree, moved = model.condensed_tree_.to_numpy(), other.condensed_tree_.to_numpy()
    of_rows = slice(len(tree) - len(X), None)
    assert tree[of_rows][rows][["parent", "lambda_val"]].tolist() == (
        moved[of_rows][["parent", "lambda_val"]].tolist()
    )
    assert tree[: of_rows.start].tolist() == moved[: of_rows.start].tolist()


def test_labels_are_numbered_by_first_member():
    X = towns(1)
    labels = HDBSCAN(15).fit_predict(X)
    for rows in (slice(None), slice(None, None, -1)):
        _, first = np.unique(HDBSCAN(15).fit_predict(X[rows]), return_index=True)
        assert (np.diff(first[1:]) > 0).all()
    assert labels.dtype == np.int64


PAIRS = np.array([[0, 0], [0, 1], [0, 3], [0, 4], [0, 6], [0, 7]]) * 100 * KM


def test_golden_lambdas():
    model = HDBSCAN(2, 1).fit(PAIRS)
    assert model.labels_.tolist() == [0, 0, 1, 1, 2, 2]
    tree = model.condensed_tree_.to_pandas()
    assert tree["parent"].tolist() == [6, 6, 6, 7, 7, 8, 8, 9, 9]
    assert tree["child"].tolist() == [7, 8, 9, 0, 1, 2, 3, 4, 5]
    assert tree["lambda_val"].tolist() == pytest.approx([1 / 200] * 3 + [1 / 100] * 6, rel=1e-9)
    assert tree["child_size"].tolist() == [2, 2, 2, 1, 1, 1, 1, 1, 1]


def test_least_size_is_inclusive_and_in_weight():
    weight = np.array([1, 1, 1, 0.5, 1, 1])
    assert HDBSCAN(2, 1).fit(PAIRS, sample_weight=weight).labels_.tolist() == [0, 0, -1, -1, 1, 1]
    weight[3] = 1.0
    assert HDBSCAN(2, 1).fit(PAIRS, sample_weight=weight).labels_.tolist() == [0, 0, 1, 1, 2, 2]


def test_epsilon_is_inclusive():
    # Twice two pairs: 300 km between the twos, 150 km between the pairs of one.
    X = np.array([[0, 0], [0, 1], [0, 2.5], [0, 3.5], [0, 6.5], [0, 7.5], [0, 9], [0, 10]])
    labels = {
        epsilon_km: HDBSCAN(
            2, 1, cluster_selection_method="leaf", cluster_selection_epsilon_km=epsilon_km
        )
        .fit_predict(X * 100 * KM)
        .tolist()
        for epsilon_km in (0, 149.999, 150.001, 299.999, 1e4)
    }
    assert labels[0] == labels[149.999] == [0, 0, 1, 1, 2, 2, 3, 3]
    assert labels[150.001] == labels[299.999] == labels[1e4] == [0, 0, 0, 0, 1, 1, 1, 1]


def test_copies_at_one_place_have_a_finite_lambda():
    X = np.repeat([[46.2, 6.1], [46.3, 6.1], [47.0, 6.1]], [5, 5, 1], axis=0)
    for model in (
        HDBSCAN(5).fit(X),
        HDBSCAN(5).fit(X[[0, 5, 10]], sample_weight=[5, 5, 1]),
    ):
        tree = model.condensed_tree_.to_pandas()
        assert model.labels_[[0, -1]].tolist() == [0, -1]
        assert model.labels_.max() == 1
        assert tree["lambda_val"].max() == 1000
        assert model.probabilities_.min() == 0
        assert model.probabilities_.max() == 1


def test_too_little_weight_for_any_radius_is_all_noise():
    model = HDBSCAN(3, 7).fit(PAIRS)
    assert model.labels_.tolist() == [-1] * 6
    assert model.probabilities_.tolist() == [0] * 6
    assert model.condensed_tree_.to_pandas()["lambda_val"].tolist() == [0] * 6


def test_one_place():
    assert HDBSCAN(2).fit_predict([[5, 5]]).tolist() == [-1]
    assert HDBSCAN(2).fit([[5, 5], [5, 365 - 360]]).labels_.tolist() == [-1, -1]


def test_locations_are_clustered_like_rows():
    lat, lon = degrees(towns(3))
    order = np.lexsort((lon, lat))
    lat, lon = lat[order], lon[order]
    weight = np.random.default_rng(3).integers(1, 4, len(lat)) / 2
    model = HDBSCAN(12, 5).fit(np.stack([lat, lon], axis=1), sample_weight=weight)
    labels, probability, _ = hierarchical_labels(lat, lon, to_units(weight), model)
    assert labels.tolist() == model.labels_.tolist()
    assert probability.tolist() == model.probabilities_.tolist()


def test_plots_of_hdbscan_work_on_weights_and_splits_in_three():
    import matplotlib.pyplot as plt

    weight = np.array([1.5, 1, 2.75, 0.25, 2, 2])
    tree = HDBSCAN(2.5, 1).fit(PAIRS, sample_weight=weight).condensed_tree_
    data = tree.get_plot_data()
    assert sorted(data["cluster_bounds"]) == [6, 7, 8, 9]
    assert sum(bounds[1] - bounds[0] for bounds in data["cluster_bounds"].values()) == 9.5 * 2
    for log_size in (False, True):
        axis = tree.plot(select_clusters=True, label_clusters=True, log_size=log_size)
        assert [text.get_text() for text in axis.texts] == ["0", "1", "2"]
        axis.figure.canvas.draw()
        plt.close()


def test_plot_data_are_those_of_hdbscan_for_rows_of_weight_one():
    model = HDBSCAN(10, 2).fit(towns(0))
    tree = model.condensed_tree_
    ours = tree.get_plot_data()
    rows = tree.to_numpy()
    theirs = hdbscan.plots.CondensedTree(rows, model.labels_).get_plot_data()
    assert sorted(ours["cluster_bounds"]) == sorted(theirs["cluster_bounds"])
    for cluster, bounds in ours["cluster_bounds"].items():
        assert bounds == pytest.approx(theirs["cluster_bounds"][cluster])
    assert np.allclose(ours["line_xs"], theirs["line_xs"])
    assert np.allclose(ours["line_ys"], theirs["line_ys"])
    largest = max(ours["cluster_bounds"].values(), key=lambda bounds: bounds[1] - bounds[0])
    assert max(ours["bar_widths"]) == largest[1] - largest[0]
    assert len(ours["bar_widths"]) <= 21 * len(ours["cluster_bounds"])


def test_clone_pickle_and_input():
    model = HDBSCAN(2, 1, cluster_selection_method="leaf", n_jobs=1)
    assert clone(model).get_params() == model.get_params()
    with pytest.raises(NotFittedError):
        _ = model.condensed_tree_
    held = PAIRS.copy()
    held.flags.writeable = False
    frame = pd.DataFrame(PAIRS, columns=["lat", "lon"])
    for points in (held, frame, PAIRS[:, ::-1].copy()[:, ::-1]):
        assert model.fit_predict(points).tolist() == [0, 0, 1, 1, 2, 2]
    again = pickle.loads(pickle.dumps(model))
    assert again.labels_.tolist() == model.labels_.tolist()
    assert again.condensed_tree_.to_numpy().tolist() == model.condensed_tree_.to_numpy().tolist()


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"min_cluster_size": 1}, "min_cluster_size must be a number from 2 on, not 1"),
        ({"min_cluster_size": np.nan}, "min_cluster_size .* not nan"),
        ({"min_cluster_size": "5"}, "min_cluster_size .* not '5'"),
        ({"min_samples": 0.5}, r"min_samples .* not 0\.5"),
        ({"cluster_selection_method": "best"}, "one of eom, leaf, not 'best'"),
        ({"cluster_selection_epsilon_km": -1}, "cluster_selection_epsilon_km .* not -1"),
        ({"cluster_selection_epsilon_km": np.inf}, "cluster_selection_epsilon_km .* not inf"),
        ({"metric": "euclidean"}, "metric must be one of haversine, wgs84, not 'euclidean'"),
        ({"n_jobs": 0}, "n_jobs must be .* not 0"),
    ],
)
def test_bad_parameters_are_named(parameters, message):
    with pytest.raises(ValueError, match=message):
        HDBSCAN(**parameters).fit(PAIRS)


@pytest.mark.parametrize(
    ("points", "weight", "message"),
    [
        (PAIRS, [1, 1, 1, 1, 1, -2], r"weight -2\.0 of row 5 is negative"),
        (PAIRS, [1, 1], "2 weights for the 6 rows"),
        (np.zeros((0, 2)), None, "X is empty"),
        ([[90.1, 0]], None, r"latitude 90\.1 of row 0"),
        ([[1, 2, 3]], None, "two columns"),
    ],
)
def test_bad_data_are_named(points, weight, message):
    with pytest.raises(ValueError, match=message):
        HDBSCAN().fit(points, sample_weight=weight)


def test_progress_names_the_stages_and_ends_each():
    told = {}
    HDBSCAN(5).fit(towns(0), progress=lambda share, name: told.setdefault(name, []).append(share))
    assert list(told)[-5:] == [
        "growing a tree",
        "measuring core distances",
        "connecting",
        "condensing",
        "selecting clusters",
    ]
    for shares in told.values():
        assert shares == sorted(shares)
        assert (shares[0], shares[-1]) == (0, 1)


CHILD = """
import signal
import numpy as np
from gclust import HDBSCAN

signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored under some shells
X = np.random.default_rng(3).normal(45, 3, (150_000, 2))
HDBSCAN(50).fit(X[:1000])
print("fitting", flush=True)
while True:
    HDBSCAN(300).fit(X)
"""


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT for one process")
def test_ctrl_c_ends_a_fit():
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        assert child.stdout.readline() == "fitting\n"
        time.sleep(1.0)
        assert child.poll() is None
        sent = time.monotonic()
        child.send_signal(signal.SIGINT)
        _, errors = child.communicate(timeout=60)
        took = time.monotonic() - sent
    finally:
        child.kill()
    assert errors.rstrip().endswith("KeyboardInterrupt"), errors
    assert took < 2.0


class MappedHDBSCAN(HDBSCAN):
    """Any finite ``X`` of any number of features, as the checks bring it."""

    def fit(self, X, y=None, sample_weight=None):
        X = validate_data(self, X)
        return super().fit(into_degrees(X.astype(float)), y, sample_weight)

    def predict(self, X):
        check_is_fitted(self)
        return super().predict(into_degrees(validate_data(self, X, reset=False).astype(float)))

    def _note_features(self, X, *, reset):
        """Those of the checks' own ``X`` are noted."""


ESTIMATORS = [
    MappedHDBSCAN(3),
    MappedHDBSCAN(4, 2.5, cluster_selection_method="leaf", metric="wgs84", n_jobs=2),
]


@parametrize_with_checks(ESTIMATORS, expected_failed_checks=lambda _: EXPECTED_FAILURES)
def test_scikit_learn_s_checks(estimator, check):
    check(estimator)
