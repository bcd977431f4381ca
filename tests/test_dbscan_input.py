"""Every kind of input to ``DBSCAN`` works, or raises an error that names the fault."""

from __future__ import annotations

import pickle
from decimal import Decimal
from fractions import Fraction

import duckdb
import geopandas
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import scipy.sparse
import sklearn
from shapely.geometry import Point
from sklearn.base import clone
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from gclust import DBSCAN

PLACES = [[46.25, 6.125], [46.25, 6.25], [47.5, 8.5], [47.5, 8.625], [0.0, 0.0]]
X = np.array(PLACES)
FRAME = pd.DataFrame(PLACES, columns=["lat", "lon"])
POINTS = geopandas.GeoSeries([Point(lon, lat) for lat, lon in PLACES], crs=4326)
WEIGHT = [1, 1, 1, 1, 9]
EXPECTED = [0, 0, 1, 1, 2]


def every_other(values):
    wide = np.full((2 * len(values), *values.shape[1:]), 99, dtype=values.dtype)
    wide[::2] = values
    return wide[::2]


def read_only(values):
    values = values.copy()
    values.flags.writeable = False
    return values


def snapshot(values):
    """The bytes of an input, whatever it is."""
    return pickle.dumps(values)


INPUTS = {
    "lists": PLACES,
    "tuples": tuple(map(tuple, PLACES)),
    "fractions": [[Fraction(v) for v in place] for place in PLACES],
    "float64": X,
    "float32": X.astype(np.float32),
    "float16": (X * 8).astype(np.float16) / np.float16(8),
    "longdouble": X.astype(np.longdouble),
    "big-endian": X.astype(">f8"),
    "Fortran order": np.asfortranarray(X),
    "not contiguous": every_other(X),
    "reversed twice": X[::-1].copy()[::-1],
    "read-only": read_only(X),
    "objects": X.astype(object),
    "matrix": np.asmatrix(X),
    "nothing masked": np.ma.array(X),
    "memoryview": memoryview(X),
    "pandas": FRAME,
    "pandas without names": pd.DataFrame(PLACES),
    "pandas with two levels of names": FRAME.set_axis(
        pd.MultiIndex.from_tuples([("place", "lat"), ("place", "lon")]), axis=1
    ),
    "pandas, index of its own": FRAME.set_axis([9, 9, 3, 1, 0]),
    "pandas, nullable": FRAME.convert_dtypes(),
    "pandas on pyarrow": FRAME.convert_dtypes(dtype_backend="pyarrow"),
    "pandas, float32": FRAME.astype(np.float32),
    "Polars": pl.DataFrame(FRAME.to_dict("list")),
    "Polars, float32": pl.DataFrame(FRAME.to_dict("list")).cast(pl.Float32),
    "Polars, decimals": pl.DataFrame(FRAME.to_dict("list")).cast(pl.Decimal(9, 3)),
    "pyarrow table": pa.table(FRAME.to_dict("list")),
    "pyarrow, in chunks": pa.concat_tables(
        [pa.table(FRAME[:2].to_dict("list")), pa.table(FRAME[2:].to_dict("list"))]
    ),
    "pyarrow batch": pa.record_batch(FRAME.to_dict("list")),
    "GeoSeries": POINTS,
    "GeoSeries, Lambert": POINTS.to_crs(3035),
    "GeoSeries, Web Mercator": POINTS.to_crs(3857),
    "GeoDataFrame, two columns beside": geopandas.GeoDataFrame(FRAME, geometry=POINTS),
    "GeoDataFrame, geometry of another name": geopandas.GeoDataFrame(
        {"n": range(5), "place": POINTS.to_crs(3035)}, geometry="place"
    ),
}


@pytest.mark.parametrize("points", INPUTS.values(), ids=INPUTS)
def test_every_kind_of_points_works_and_stays_as_it_is(points):
    before = points.tobytes() if isinstance(points, memoryview) else snapshot(points)
    model = DBSCAN(11, 2).fit(points, sample_weight=WEIGHT)
    assert model.labels_.tolist() == EXPECTED
    assert model.predict(points).tolist() == EXPECTED
    assert (points.tobytes() if isinstance(points, memoryview) else snapshot(points)) == before


INTEGERS = np.array([[46, 6], [46, 7], [10, 8], [11, 8], [0, 120]])


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int16", "uint64", "int64", ">i4"])
def test_whole_degrees(dtype):
    assert DBSCAN(120, 2).fit_predict(INTEGERS.astype(dtype)).tolist() == [0, 0, 1, 1, -1]


def test_one_point_of_every_kind():
    one = [[46.25, 6.125]]
    for points in (one, np.array(one), FRAME[:1], POINTS[:1]):
        model = DBSCAN(1, 1).fit(points)
        assert model.labels_.tolist() == model.predict(points).tolist() == [0]
        assert DBSCAN(1, 2).fit_predict(points).tolist() == [-1]


BAD_INPUTS = {
    "NaN": ([[46.0, 6.0], [np.nan, 6.0]], "latitude nan of row 1 is not a finite number"),
    "infinite": ([[46.0, -np.inf]], "longitude -inf of row 0 is not a finite number"),
    "float32 NaN": (np.full((2, 2), np.nan, np.float32), r"latitude nan of row 0.*\(2 such rows"),
    "None": ([[46.0, None]], "longitude nan of row 0"),
    "masked": (np.ma.array(X, mask=X == 47.5), "latitude nan of row 2"),
    "pandas NA": (FRAME.convert_dtypes().mask(FRAME == 47.5), "latitude nan of row 2"),
    "pyarrow NA": (
        FRAME.convert_dtypes(dtype_backend="pyarrow").mask(FRAME == 47.5),
        "latitude nan of row 2",
    ),
    "Polars null": (pl.DataFrame({"lat": [1.0], "lon": [None]}), "column 'lon' of X|longitude nan"),
    "empty array": (np.zeros((0, 2)), "X is empty"),
    "empty frame": (FRAME[:0], "X is empty"),
    "empty Polars": (pl.DataFrame({"lat": [], "lon": []}, schema_overrides={}), "X"),
    "empty GeoSeries": (POINTS[:0], "X is empty"),
    "one row not in rows": (X[0], "two columns"),
    "three dimensions": (X[None], "two columns"),
    "three columns": (np.zeros((4, 3)), "two columns"),
    "one column of a frame": (FRAME["lat"], "two columns"),
    "two columns of one name": (FRAME.set_axis(["a", "a"], axis=1), "unique column names"),
    "booleans": (X > 3, "X must hold degrees.*bool"),
    "complex": (X * 1j, "X must hold degrees.*complex"),
    "dates": (X.astype("M8[D]"), "X must hold degrees.*datetime64"),
    "text": ([["46", "6"]], "X must hold degrees"),
    "text among objects": (np.array([["46", 6]], dtype=object), "X must hold degrees.*text"),
    "beyond floats": ([[10**400, 0]], "X must hold degrees.*too large"),
    "categories": (FRAME.astype("category"), "column 'lat' of X must hold degrees"),
    "sparse": (scipy.sparse.csr_array(X), "X must hold degrees"),
    "lazy Polars": (pl.LazyFrame({"lat": [1.0], "lon": [2.0]}), "not computed yet.*LazyFrame"),
    "generator": ((place for place in PLACES), "X must hold degrees.*generator"),
    "no reference system": (geopandas.GeoSeries(POINTS.to_list()), "no coordinate reference"),
}


@pytest.mark.parametrize(("points", "message"), BAD_INPUTS.values(), ids=BAD_INPUTS)
def test_points_that_cannot_be_used_are_named(points, message):
    with pytest.raises(ValueError, match=message):
        DBSCAN().fit(points)
    model = DBSCAN(11, 1).fit(X)
    if "generator" not in message:  # the first call has used it up
        with pytest.raises(ValueError, match=message):
            model.predict(points)
    assert model.labels_.tolist() == [0, 0, 1, 1, 2]


def test_a_query_is_not_computed_for_the_user():
    with pytest.raises(ValueError, match="not computed yet.*DuckDB"):
        DBSCAN().fit(duckdb.sql("select 1.0 lat, 2.0 lon"))


WEIGHTS = {
    "list": WEIGHT,
    "tuple": tuple(WEIGHT),
    "decimals": [Decimal(w) for w in WEIGHT],
    "fractions": [Fraction(w) for w in WEIGHT],
    "float32": np.array(WEIGHT, np.float32),
    "uint64": np.array(WEIGHT, np.uint64),
    "not contiguous": every_other(np.array(WEIGHT)),
    "read-only": read_only(np.array(WEIGHT, float)),
    "Series, index of its own": pd.Series(WEIGHT, index=[4, 3, 2, 1, 0]),
    "Series, nullable": pd.Series(WEIGHT, dtype="Int64"),
    "Series on pyarrow": pd.Series(WEIGHT, dtype="double[pyarrow]"),
    "Polars": pl.Series(WEIGHT),
    "pyarrow": pa.array(WEIGHT),
    "pyarrow, in chunks": pa.chunked_array([WEIGHT[:1], WEIGHT[1:]]),
}


@pytest.mark.parametrize("weight", WEIGHTS.values(), ids=WEIGHTS)
def test_every_kind_of_weights_works_and_stays_as_it_is(weight):
    before = list(weight)
    assert DBSCAN(11, 2).fit_predict(X, sample_weight=weight).tolist() == EXPECTED
    assert list(weight) == before


BAD_WEIGHTS = {
    "NaN": ([1, 1, np.nan, 1, 1], "weight nan of row 2 is not finite"),
    "infinite": ([1, 1, 1, 1, np.inf], "weight inf of row 4 is not finite"),
    "negative": ([1, 1, 1, 1, -0.5], r"weight -0\.5 of row 4 is negative"),
    "None": ([1, None, 1, 1, 1], "weight nan of row 1"),
    "pandas NA": (pd.Series([1, None, 1, 1, 1], dtype="Int64"), "weight nan of row 1"),
    "pyarrow null": (pa.array([1, None, 1, 1, 1]), "weight nan of row 1"),
    "Polars null": (pl.Series([1, None, 1, 1, 1]), "weight nan of row 1"),
    "masked": (np.ma.array(WEIGHT, mask=[1, 0, 0, 0, 0]), "weight nan of row 0"),
    "a column": ([[1]] * 5, r"one number per row.*\(5, 1\)"),
    "one number": (3, "one number per row"),
    "too few": ([1, 1], "2 weights for the 5 rows"),
    "text": (["1"] * 5, "weights must be numbers"),
    "complex": ([1j] * 5, "weights must be numbers.*complex"),
    "dates": (np.zeros(5, "M8[D]"), "weights must be numbers.*datetime64"),
    "generator": ((w for w in WEIGHT), "weights must be numbers.*generator"),
    "sparse": (scipy.sparse.csr_array([WEIGHT]), "weights must be numbers"),
}


@pytest.mark.parametrize(("weight", "message"), BAD_WEIGHTS.values(), ids=BAD_WEIGHTS)
def test_weights_that_cannot_be_used_are_named(weight, message):
    with pytest.raises(ValueError, match=message):
        DBSCAN(11, 2).fit(X, sample_weight=weight)


def test_a_failed_fit_leaves_the_model_as_it_was():
    model = DBSCAN(11, 2).fit(X)
    before = snapshot(model)
    for points, weight in ((BAD_INPUTS["NaN"][0], None), (X, [1, 1])):
        with pytest.raises(ValueError, match="nan|weights"):
            model.fit(points, sample_weight=weight)
    assert snapshot(model) == before


def test_shown_with_what_differs_from_the_defaults():
    assert repr(DBSCAN()) == "DBSCAN()"
    assert repr(DBSCAN(7, border="first")) == "DBSCAN(border='first', eps_km=7)"
    assert "DBSCAN" in DBSCAN()._repr_html_()


def test_parameters_are_set_by_name():
    model = DBSCAN().set_params(eps_km=11, min_samples=2)
    assert model.fit_predict(X).tolist() == [0, 0, 1, 1, -1]
    assert model.set_params(border="core").border == "core"  # refused when it fits
    with pytest.raises(ValueError, match="Invalid parameter 'eps'"):
        model.set_params(eps=1)


@pytest.mark.parametrize("border", ["nearest", "first", "noise"])
def test_a_pickled_model_predicts_the_same(border):
    model = DBSCAN(11, 2, border=border).fit(X, sample_weight=WEIGHT)
    again = pickle.loads(pickle.dumps(model))
    assert again.get_params() == model.get_params()
    assert again.predict(X + 0.01).tolist() == model.predict(X + 0.01).tolist()
    unfitted = pickle.loads(pickle.dumps(DBSCAN(11, 2)))
    assert unfitted.fit_predict(X).tolist() == [0, 0, 1, 1, -1]


def test_a_clone_is_not_fitted():
    model = DBSCAN(11, 2, border="first").fit(X)
    assert vars(clone(model)) == vars(DBSCAN(11, 2, border="first"))


def test_the_last_step_of_a_pipeline():
    """Radians to degrees before it, weights by the step's name or by routing."""
    pipeline = make_pipeline(FunctionTransformer(np.degrees), DBSCAN(11, 2))
    assert pipeline.fit_predict(np.radians(X)).tolist() == [0, 0, 1, 1, -1]
    assert pipeline.predict(np.radians(X)).tolist() == [0, 0, 1, 1, -1]
    weighted = pipeline.fit(np.radians(X), dbscan__sample_weight=WEIGHT)
    assert weighted[-1].labels_.tolist() == EXPECTED
    with sklearn.config_context(enable_metadata_routing=True):
        routed = make_pipeline(
            FunctionTransformer(np.degrees), DBSCAN(11, 2).set_fit_request(sample_weight=True)
        )
        assert routed.fit_predict(np.radians(X), sample_weight=WEIGHT).tolist() == EXPECTED


@pytest.mark.parametrize("output", ["default", "pandas"])
def test_in_a_pipeline_of_frames(output):
    """``set_output`` is for transformers; what they hand on is taken."""
    swap = FunctionTransformer(lambda frame: frame[["lat", "lon"]])
    pipeline = make_pipeline(swap.set_output(transform=output), DBSCAN(11, 2))
    assert pipeline.fit_predict(FRAME[["lon", "lat"]]).tolist() == [0, 0, 1, 1, -1]
    assert not hasattr(DBSCAN(), "set_output")
    assert not hasattr(DBSCAN(), "transform")
