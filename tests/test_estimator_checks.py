"""scikit-learn's own checks of estimators, on data mapped into degrees."""

from __future__ import annotations

from copy import copy

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.utils import estimator_checks
from sklearn.utils.estimator_checks import parametrize_with_checks
from sklearn.utils.validation import check_is_fitted, validate_data

from gclust import DBSCAN
from gclust.testing import assert_same_partition


def into_degrees(values):
    """Map rows of any numbers into places, near rows to near places.

    Features turn by the golden angle into the plane; the arctangent bounds them without
    folding any two places onto one. Distances of standardised data become some hundred
    kilometres. They are rounded, because products of matrices may differ in their last bits with
    the position of a row, depending on the processor.
    """
    turn = np.arange(values.shape[1]) * np.pi * (3 - np.sqrt(5))
    plane = values @ np.stack([np.cos(turn), np.sin(turn)], axis=1)
    return np.round(np.degrees(np.arctan(plane / 4)) * [0.9, 1.9], 10)


class MappedDBSCAN(DBSCAN):
    """Any finite ``X`` of any number of features, as the checks bring it."""

    def fit(self, X, y=None, sample_weight=None):
        values = validate_data(self, X)
        super().fit(into_degrees(values.astype(float)), y, sample_weight)
        validate_data(self, X)  # notes the features of the checks' own X
        return self

    def predict(self, X):
        check_is_fitted(self)
        values = validate_data(self, X, reset=False)
        of_degrees = copy(self)
        of_degrees.n_features_in_ = 2
        vars(of_degrees).pop("feature_names_in_", None)
        return DBSCAN.predict(of_degrees, into_degrees(values.astype(float)))


ESTIMATORS = [
    MappedDBSCAN(eps_km=600.0, min_samples=3),
    MappedDBSCAN(eps_km=600.0, min_samples=3, border="first", metric="wgs84", n_jobs=2),
    MappedDBSCAN(eps_km=600.0, min_samples=2.5, border="noise", n_jobs=1),
]
EXPECTED_FAILURES = {
    "check_all_zero_sample_weights_error": (
        "rows without weight are no fault: a period without listings is all noise"
    ),
    "check_sample_weight_equivalence_on_dense_data": (
        "compares numbers of clusters, which follow the first core row, after shuffling the rows"
    ),
}


@parametrize_with_checks(ESTIMATORS, expected_failed_checks=lambda estimator: EXPECTED_FAILURES)
def test_scikit_learn_s_checks(estimator, check):
    check(estimator)


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=lambda estimator: estimator.border)
@pytest.mark.parametrize("name", EXPECTED_FAILURES)
def test_expected_failures_are_failures(name, estimator):
    """A reason that has gone goes from the list."""
    assert len(EXPECTED_FAILURES) <= 3
    with pytest.raises(AssertionError):
        getattr(estimator_checks, name)("MappedDBSCAN", clone(estimator))


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=lambda estimator: estimator.border)
def test_weights_are_copies_apart_from_numbering(estimator):
    """What the check that fails is after, on its own data."""
    rng = np.random.RandomState(42)
    X, weight = rng.rand(15, 30), rng.randint(1, 5, 15)
    copied = clone(estimator).fit(np.repeat(X, weight, axis=0)).predict(X)
    rows = rng.permutation(15)
    weighted = clone(estimator).fit(X[rows], sample_weight=weight[rows]).predict(X)
    assert copied.max() > 1
    if estimator.border != "first":
        assert_same_partition(weighted, copied)
    in_order = clone(estimator).fit(X, sample_weight=weight).predict(X)
    assert in_order.tolist() == copied.tolist()


@pytest.mark.parametrize("n_features", [1, 2, 3, 10])
def test_mapping_is_into_degrees_and_injective(n_features):
    X = np.random.default_rng(n_features).normal(0, 100, (500, n_features))
    places = into_degrees(X)
    assert len(np.unique(places, axis=0)) == 500
    assert (np.abs(places) < [90, 180]).all()
