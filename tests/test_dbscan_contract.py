"""The estimator's contract: parameters, attributes, inputs, and errors that name the value."""

from __future__ import annotations

import pickle
import warnings

import geopandas as gpd
import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from gclust import DBSCAN, HDBSCAN, DensityContour
from gclust.cluster.dbscan_steps import CoreLocations
from gclust.cluster.locations import assign_locations, cluster_locations
from gclust.errors import GclustWarning

X = np.array([[46.20, 6.14], [46.21, 6.15], [46.52, 6.63], [46.53, 6.62], [0.0, 0.0]])


def test_parameters_are_stored_as_given_and_survive_cloning():
    model = DBSCAN(7, 3, border="first", metric="wgs84", n_jobs=2)
    expected = {"eps_km": 7, "min_samples": 3, "border": "first", "metric": "wgs84", "n_jobs": 2}
    assert model.get_params() == expected
    assert clone(model).get_params() == expected
    assert DBSCAN().get_params() == {
        "eps_km": 15.0,
        "min_samples": 4500,
        "border": "nearest",
        "metric": "haversine",
        "n_jobs": None,
    }
    assert not [name for name in vars(model) if name.endswith("_")]


def test_attributes_and_their_types():
    model = DBSCAN(5, 2)
    assert model.fit(X) is model
    assert model.labels_.dtype == np.int64
    assert model.labels_.tolist() == [0, 0, 1, 1, -1]
    assert model.core_sample_mask_.dtype == np.bool_
    assert model.core_sample_indices_.tolist() == [0, 1, 2, 3]
    assert model.n_features_in_ == 2
    assert model.fit_predict(X[::-1]).tolist() == [-1, 0, 0, 1, 1]
    assert pickle.loads(pickle.dumps(model)).predict(X).tolist() == [1, 1, 0, 0, -1]


def test_input_is_not_changed_and_may_be_read_only():
    frame = pd.DataFrame(X, columns=["lat", "lon"])
    weight = pd.Series([1, 1, 1, 1, 9.0])
    held = X.copy()
    held.flags.writeable = False
    for points in (frame, held, X[:, ::-1].copy()[:, ::-1], X.astype(np.float32)):
        assert DBSCAN(5, 2).fit_predict(points, sample_weight=weight).tolist() == [0, 0, 1, 1, 2]
    assert (frame.to_numpy() == X).all()
    assert weight.tolist() == [1, 1, 1, 1, 9]


def test_zero_weight_is_no_density_and_never_core():
    model = DBSCAN(5, 2).fit(X[:2], sample_weight=[0, 2])
    assert model.labels_.tolist() == [0, 0]
    assert model.core_sample_mask_.tolist() == [False, True]
    # Not even where it lies on a core point.
    model = DBSCAN(5, 2).fit(X[[0, 0, 1]], sample_weight=[0, 2, 2])
    assert model.core_sample_mask_.tolist() == [False, True, True]
    assert model.core_sample_indices_.tolist() == [1, 2]


def test_one_point():
    assert DBSCAN(1, 1).fit_predict([[5, 5]]).tolist() == [0]
    assert DBSCAN(1, 1.5).fit_predict([[5, 5]]).tolist() == [-1]


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"eps_km": 0}, "eps_km must be a positive number of kilometres, not 0"),
        ({"eps_km": -1.5}, r"eps_km .* not -1\.5"),
        ({"eps_km": np.nan}, "eps_km .* not nan"),
        ({"eps_km": np.inf}, "eps_km .* not inf"),
        ({"eps_km": "15"}, "eps_km .* not '15'"),
        ({"min_samples": 0.5}, r"min_samples .* not 0\.5"),
        ({"min_samples": None}, "min_samples .* not None"),
        ({"border": "core"}, "border must be one of nearest, first, noise, not 'core'"),
        ({"metric": "euclidean"}, "metric must be one of haversine, wgs84, not 'euclidean'"),
        ({"metric": "wgs84", "eps_km": 1001}, "eps_km is 1001, .* up to 1000 km"),
        ({"n_jobs": 0}, "n_jobs must be .* not 0"),
        ({"n_jobs": 1.5}, r"n_jobs must be .* not 1\.5"),
    ],
)
def test_bad_parameters_are_named(parameters, message):
    with pytest.raises(ValueError, match=message):
        DBSCAN(**parameters).fit(X)


@pytest.mark.parametrize(
    ("points", "weight", "message"),
    [
        (X, [1, 1, 1, 1, -2], r"weight -2\.0 of row 4 is negative"),
        (X, [1, np.nan, 1, 1, 1], "weight nan of row 1"),
        (X, [1, 1], "2 weights for the 5 rows"),
        (X, [1e10] * 5, "add up to 5e\\+10"),
        (np.zeros((0, 2)), None, "X is empty"),
        ([[90.1, 0]], None, r"latitude 90\.1 of row 0"),
        ([[0, 400]], None, r"longitude 400\.0 of row 0"),
        ([[np.nan, 0]], None, "latitude nan of row 0"),
        ([[1, 2, 3]], None, "two columns"),
    ],
)
def test_bad_data_are_named(points, weight, message):
    with pytest.raises(ValueError, match=message):
        DBSCAN().fit(points, sample_weight=weight)


def test_predict_before_fit():
    with pytest.raises(NotFittedError):
        DBSCAN().predict(X)


def test_bad_locations_are_named():
    model = DBSCAN(1.0, 1)
    lat, lon, units = np.array([1.0, 2]), np.array([5.0, 5]), np.array([1, 1])
    for wrong, message in (
        ((lat[::-1], lon, units), "location 1 is not"),
        ((lat * 0, lon, units), "distinct and sorted"),
        ((lat, lon + 175, units), r"longitudes in \[-180, 180\)"),
        ((lat, lon * np.nan, units), r"longitudes in \[-180, 180\)"),
        ((lat, lon[:1], units), "of one length"),
        ((lat, lon, units[:1]), "one whole number per location"),
        ((lat, lon, -units), "none negative"),
    ):
        with pytest.raises(ValueError, match=message):
            cluster_locations(*wrong, model)
    with pytest.raises(ValueError, match="min_samples must be a number from 1"):
        cluster_locations(lat, lon, units, DBSCAN(1.0, 0))
    with pytest.raises(ValueError, match="cores have labels"):
        assign_locations(lat, lon, CoreLocations(lat, lon, units[:1]), model)
    with pytest.raises(ValueError, match="border"):
        assign_locations(lat, lon, CoreLocations(lat, lon, units), DBSCAN(border="all"))


def test_predict_after_eps_was_changed_without_any_core():
    model = DBSCAN(5, 10).fit([[46.2, 6.1], [46.3, 6.2]])
    model.set_params(eps_km=50)
    assert model.predict([[46.2, 6.1]]).tolist() == [-1]


ESTIMATORS = {
    "DBSCAN": DBSCAN(5, 2),
    "HDBSCAN": HDBSCAN(2),
    "DensityContour": DensityContour(5, 2),
}


@pytest.fixture(params=ESTIMATORS)
def estimator(request):
    return clone(ESTIMATORS[request.param])


def test_names_of_columns_are_kept_and_compared(estimator):
    frame = pd.DataFrame(X, columns=["lat", "lon"])
    model = estimator.fit(frame)
    assert model.feature_names_in_.tolist() == ["lat", "lon"]
    assert model.predict(frame).tolist() == model.labels_.tolist()
    with pytest.raises(ValueError, match="feature names should match"):
        model.predict(frame.rename(columns={"lat": "latitude"}))
    with pytest.warns(UserWarning, match="does not have valid feature names"):
        model.predict(X)
    points = gpd.GeoSeries.from_xy(X[:, 1], X[:, 0], crs="EPSG:4326")
    assert model.predict(points).tolist() == model.labels_.tolist()
    for other in (X, X.tolist(), points, points.to_frame("geometry"), pl.DataFrame(X).to_numpy()):
        assert not hasattr(model.fit(other), "feature_names_in_")
        assert model.n_features_in_ == 2
    assert model.fit(pl.from_pandas(frame)).feature_names_in_.tolist() == ["lat", "lon"]


def test_all_noise_is_warned_of(estimator):
    """By default of points that are far too few, which is what a first try looks like."""
    many = np.random.default_rng(0).normal([48, 8], 1, (200, 2))
    usual = type(estimator)()
    with pytest.warns(GclustWarning, match="all .*noise.* together weigh 200.*; lower") as told:
        usual.fit(many)
    assert len(told) == 1
    with pytest.warns(GclustWarning, match="together weigh 100"):
        usual.fit(many, sample_weight=np.full(200, 0.5))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert estimator.fit(X).labels_.max() == 1


def test_components_are_the_places_of_core_points():
    rows = np.array([3, 0, 4, 1, 2, 0])
    points = X[rows].copy()
    points[1, 1] += 0.0
    model = DBSCAN(5, 2)
    assert not hasattr(model, "components_")
    model.fit(points, sample_weight=[1, 1, 1, 1, 1, 0])
    assert model.core_sample_indices_.tolist() == [0, 1, 3, 4]
    assert model.components_.tolist() == points[[0, 1, 3, 4]].tolist()
    again = pickle.loads(pickle.dumps(model))
    assert again.components_.tolist() == model.components_.tolist()
    east = DBSCAN(5, 1).fit([[1.0, 350.0], [90.0, 12.0], [0.0, -0.0]])
    assert east.components_.tolist() == [[1.0, -10.0], [90.0, 0.0], [0.0, 0.0]]
    rng = np.random.default_rng(1)
    many = np.round(rng.normal([48, 8], 0.5, (3000, 2)), 2)
    model = DBSCAN(6, 20).fit(many)
    assert 0 < len(model.components_) < 3000
    assert model.components_.tolist() == many[model.core_sample_indices_].tolist()
    assert DBSCAN(5, 9).fit(X).components_.shape == (0, 2)


def test_docstrings_say_what_min_samples_counts():
    dbscan, hdbscan = (" ".join(model.__doc__.split()) for model in (DBSCAN, HDBSCAN))
    assert "one more than in the ``hdbscan`` library" in dbscan
    assert "weigh less where points that its core" in dbscan
    assert "``min_samples=5`` here is ``min_samples=4`` there" in hdbscan
    assert "It is not a least weight of clusters" in hdbscan
