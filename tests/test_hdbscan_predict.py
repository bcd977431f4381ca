"""``HDBSCAN``: one cluster, greatest clusters and predictions, against the twin and the library."""

from __future__ import annotations

import warnings

import hdbscan
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gclust import HDBSCAN
from gclust.cluster.fixed_point import UNIT
from gclust.errors import GclustWarning
from gclust.testing import assert_same_partition
from tests.hdbscan_twin import Twin, predict_by_twin, reachability
from tests.test_hdbscan import KM, PAIRS, clouds, towns

pytestmark = pytest.mark.filterwarnings("ignore::gclust.errors.GclustWarning")

METHODS = st.sampled_from(["eom", "leaf"])
EPSILON = st.sampled_from([0.0, 30.0, 150.0])
MOST = st.sampled_from([None, 8, 12, 20])


@settings(max_examples=120)
@given(clouds(), st.integers(2, 8), st.integers(1, 10), METHODS, EPSILON, MOST, st.booleans())
def test_flat_clusters_are_those_of_the_twin(cloud, size, samples, method, epsilon, most, single):
    X, weight = cloud
    copies = np.repeat(X, weight, axis=0)
    samples = min(samples, len(copies))
    twin = Twin(reachability(*copies.T, samples), size)
    labels, probability = twin.select(method, epsilon, np.inf if most is None else most, single)
    model = HDBSCAN(
        size,
        samples,
        cluster_selection_method=method,
        cluster_selection_epsilon_km=epsilon,
        max_cluster_size=most,
        allow_single_cluster=single,
    )
    for rows in (model.fit(X, sample_weight=weight), model.fit(X, sample_weight=weight / 1.0)):
        first = np.cumsum(weight) - weight
        assert rows.labels_.tolist() == labels[first].tolist()
        assert np.abs(rows.probabilities_ - probability[first]).max() < 1e-6
    assert model.fit(copies).labels_.tolist() == labels.tolist()


def of_library(X, size, samples, **options):
    return hdbscan.HDBSCAN(
        min_cluster_size=size,
        min_samples=samples - 1,  # which does not count the point itself there
        metric="haversine",
        approx_min_span_tree=False,
        **options,
    ).fit(np.radians(X))


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("n_towns", [1, 2, 5])
@pytest.mark.parametrize(
    "options",
    [
        {"allow_single_cluster": True},
        {"max_cluster_size": 60},
        {"max_cluster_size": 25},
        {"allow_single_cluster": True, "cluster_selection_epsilon": 40.0},
        {"allow_single_cluster": True, "cluster_selection_epsilon": 4e3},
        {
            "allow_single_cluster": True,
            "cluster_selection_method": "leaf",
            "cluster_selection_epsilon": 4e3,
        },
    ],
    ids=str,
)
def test_flat_clusters_are_those_of_the_library(seed, n_towns, options):
    """Where no two edges are equal, as with ``min_samples=2`` of points at random."""
    X = towns(seed, n_towns)
    ours = {name.replace("epsilon", "epsilon_km"): value for name, value in options.items()}
    theirs = dict(options)
    if "cluster_selection_epsilon" in options:
        theirs["cluster_selection_epsilon"] = float(
            np.radians(options["cluster_selection_epsilon"] * KM)
        )
    model = HDBSCAN(10, 2, **ours).fit(X)
    peer = of_library(X, 10, 2, **theirs)
    assert_same_partition(model.labels_, peer.labels_)
    assert np.abs(model.probabilities_ - peer.probabilities_).max() < 1e-6


def test_one_cluster_is_found_only_if_it_is_allowed():
    X = np.random.default_rng(0).normal([48, 8], 0.02, (60, 2))
    with pytest.warns(GclustWarning, match="no cluster was found.*allow_single_cluster"):
        assert HDBSCAN(30).fit(X).labels_.max() == -1
    for method in ("eom", "leaf"):
        model = HDBSCAN(30, allow_single_cluster=True, cluster_selection_method=method).fit(X)
        assert set(model.labels_.tolist()) == {-1, 0}
        assert (model.labels_ == 0).sum() >= 30
        whole = model.set_params(cluster_selection_epsilon_km=1e4).fit(X)
        assert (whole.labels_ == 0).all()
        assert whole.predict([[48, 8], [-48, 8]]).tolist() == [0, -1]


def test_greatest_size_is_inclusive_and_in_weight():
    """Twice two pairs, of which the twos last longer than the pairs."""
    at = np.array([0, 0.9, 1.9, 2.8, 9, 9.9, 10.9, 11.8])
    X = np.stack([0 * at, at], axis=1) * 100 * KM
    weight = np.array([1, 1, 1, 1, 1, 1, 1, 1.5])

    def n_clusters(most, weight=None, **options):
        model = HDBSCAN(2, 1, max_cluster_size=most, **options)
        return model.fit(X, sample_weight=weight).labels_.max() + 1

    assert n_clusters(None) == n_clusters(4) == 2
    assert n_clusters(3.9) == n_clusters(2) == 4
    assert n_clusters(4, weight) == 3
    assert n_clusters(4.5, weight) == 2
    # What is put together again may be heavier.
    assert n_clusters(2, cluster_selection_epsilon_km=100.001) == 2


@settings(max_examples=100)
@given(
    clouds(),
    st.integers(2, 8),
    st.integers(1, 10),
    METHODS,
    EPSILON,
    st.booleans(),
    st.sampled_from(["haversine", "haversine", "wgs84"]),
)
def test_predictions_are_those_of_the_twin(cloud, size, samples, method, epsilon, single, metric):
    X, weight = cloud
    rng = np.random.default_rng(len(X))
    new = np.concatenate([X[:4] + rng.normal(0, 0.2, X[:4].shape), [[0, 0], [40.5, 179.5]]])
    new = np.stack([np.clip(new[:, 0], -90, 90), (new[:, 1] + 180) % 360 - 180], axis=1)
    model = HDBSCAN(
        size,
        samples,
        cluster_selection_method=method,
        cluster_selection_epsilon_km=epsilon,
        allow_single_cluster=single,
        metric=metric,
        n_jobs=1,
    ).fit(X, sample_weight=weight)
    expected = predict_by_twin(model, X, weight, new, size, samples)
    assert model.predict(new).tolist() == expected.tolist()
    assert model.predict(X).tolist() == model.labels_.tolist()


def births(model):
    tree = model.condensed_tree_.to_numpy()
    return np.sort(tree["lambda_val"][tree["child"] >= tree["parent"].min()]).tolist()


@pytest.mark.parametrize("method", ["eom", "leaf"])
def test_a_prediction_is_what_a_row_of_next_to_no_weight_gets(method):
    """Where it connects nothing: where clusters are split at the radii at which they were."""
    X = towns(5)
    model = HDBSCAN(15, 5, cluster_selection_method=method).fit(X)
    splits = births(model)
    new = np.random.default_rng(5).uniform(-6, 6, (300, 2))
    new = np.concatenate([new, X[:100] + 0.01])
    predicted, compared = model.predict(new), 0
    weight = np.append(np.ones(len(X)), 1 / UNIT)
    for point, label in zip(new, predicted.tolist(), strict=True):
        with_it = HDBSCAN(15, 5, cluster_selection_method=method)
        with_it.fit(np.concatenate([X, [point]]), sample_weight=weight)
        if births(with_it) == splits:
            assert with_it.labels_[:-1].tolist() == model.labels_.tolist()
            assert with_it.labels_[-1] == label
            compared += 1
    assert compared > 200
    assert 50 < (predicted >= 0).sum() < 350


def test_predictions_agree_with_the_library_s_where_it_is_sure():
    """It finds noise where the point that the new one would be connected with first is noise."""
    X = towns(2, 4, 80, 0.15)
    model = HDBSCAN(15, 2).fit(X)
    peer = of_library(X, 15, 2, prediction_data=True)
    assert_same_partition(model.labels_, peer.labels_)
    rng = np.random.default_rng(2)
    new = X[rng.integers(0, len(X), 400)] + rng.normal(0, 0.1, (400, 2))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs, _ = hdbscan.approximate_predict(peer, np.radians(new))
    ours = model.predict(new)
    name = {int(b): int(a) for a, b in zip(model.labels_, peer.labels_, strict=True)}
    found = theirs >= 0
    assert ours[found].tolist() == [name[int(label)] for label in theirs[found]]
    assert found.sum() > 150
    assert (ours[~found] >= 0).mean() < 0.2


def test_predictions_do_not_depend_on_order_threads_or_company():
    X, weight = np.round(towns(7, each=300) * 50) / 50, None
    weight = np.random.default_rng(7).choice([0, 0.5, 1, 1 / 3], len(X))
    rows = np.random.default_rng(8).permutation(len(X))
    new = np.round(towns(8, each=100) * 50) / 50
    model = HDBSCAN(20, 8, n_jobs=1).fit(X, sample_weight=weight)
    other = HDBSCAN(20, 8, n_jobs=2).fit(X[rows], sample_weight=weight[rows])
    found, again = model.predict(new), other.predict(new[::-1])[::-1]
    assert found.max() > 2
    assert_same_partition(again, found)
    assert [int(model.predict(each[None])[0]) for each in new[::50]] == found[::50].tolist()


def test_parameters_set_after_fitting_do_not_change_predictions():
    X = towns(3)
    model = HDBSCAN(15, 5).fit(X)
    new = X + 0.01
    before = model.predict(new).tolist()
    assert (
        model.set_params(min_samples=30, metric="wgs84", n_jobs=2).predict(new).tolist() == before
    )


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        (
            {"max_cluster_size": 1},
            r"max_cluster_size must be None or a number no less .* \(2\), not 1",
        ),
        ({"max_cluster_size": "5"}, "max_cluster_size .* not '5'"),
        ({"max_cluster_size": np.nan}, "max_cluster_size .* not nan"),
        ({"allow_single_cluster": 1}, "allow_single_cluster must be True or False, not 1"),
    ],
)
def test_bad_parameters_are_named(parameters, message):
    with pytest.raises(ValueError, match=message):
        HDBSCAN(2, **parameters).fit(PAIRS)
