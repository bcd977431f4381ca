from __future__ import annotations

import geopandas
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from shapely.geometry import LineString, Point

from gclust.cluster.coordinates import degrees

PLACES = [[46.25, 6.125], [-33.5, 151.25], [0.0, -180.0]]
EXPECTED = ([46.25, -33.5, 0.0], [6.125, 151.25, -180.0])


def as_lists(pair):
    lat, lon = pair
    assert lat.dtype == lon.dtype == np.float64
    assert lat.flags["C_CONTIGUOUS"]
    assert lon.flags["C_CONTIGUOUS"]
    return lat.tolist(), lon.tolist()


def read_only(values):
    values.flags.writeable = False
    return values


@pytest.mark.parametrize(
    "X",
    [
        PLACES,
        np.array(PLACES),
        read_only(np.array(PLACES)),
        np.array(PLACES, dtype=np.float32),
        np.asfortranarray(PLACES),
        np.array(PLACES * 2)[::-1][3:][::-1],
        np.array(PLACES, dtype=object),
        pd.DataFrame(PLACES, columns=["lat", "lon"]),
        pd.DataFrame(PLACES, columns=["a", "b"], index=[7, 7, 3]).convert_dtypes(),
        pl.DataFrame(PLACES, schema=["lat", "lon"], orient="row"),
        pa.table({"lat": [p[0] for p in PLACES], "lon": [p[1] for p in PLACES]}),
        geopandas.GeoSeries([Point(lon, lat) for lat, lon in PLACES], crs=4326),
        geopandas.GeoDataFrame(
            {"n": [1, 2, 3]}, geometry=[Point(lon, lat) for lat, lon in PLACES], crs="OGC:CRS84"
        ),
    ],
)
def test_all_kinds_of_input_give_the_same(X):
    assert as_lists(degrees(X)) == EXPECTED


def test_integers():
    assert as_lists(degrees([[1, 359], [2, 180]])) == ([1.0, 2.0], [-1.0, -180.0])


def test_the_input_is_not_changed():
    X = np.array([[90.0, 200.0], [-0.0, 359.0]])
    before = X.copy()
    lat, lon = degrees(X)
    lat += 1
    lon += 1
    assert X.tobytes() == before.tobytes()


def test_equal_places_have_equal_numbers():
    lat, lon = degrees([[90, 10], [-90, 350], [-0.0, -0.0], [1, 180], [1, -180], [1, 359.5]])
    assert lat.tolist() == [90, -90, 0, 1, 1, 1]
    assert lon.tolist() == [0, 0, 0, -180, -180, -0.5]
    assert not np.signbit([lat[2], lon[2], lon[0], lon[1]]).any()


def test_projected_points_are_reprojected():
    geneva = geopandas.GeoSeries([Point(6.1466, 46.2018)], crs=4326)
    lat, lon = degrees(geneva.to_crs(2056))
    assert lat == pytest.approx([46.2018], abs=1e-7)
    assert lon == pytest.approx([6.1466], abs=1e-7)


@pytest.mark.parametrize(
    ("X", "message"),
    [
        ([[91, 0]], r"latitude 91\.0 of row 0 is outside \[-90, 90\]"),
        ([[0, 0], [0, 360]], r"longitude 360\.0 of row 1 is outside \[-180, 360\)"),
        ([[0, -180.5]], r"longitude -180\.5 of row 0"),
        ([[0, 0], [np.nan, 0]], "latitude nan of row 1 is not a finite number"),
        ([[0, np.inf]], "longitude inf of row 0 is not a finite number"),
        (np.zeros((0, 2)), "X is empty"),
        ([], "two columns"),
        ([[1, 2, 3]], r"two columns.*\(1, 3\)"),
        ([1, 2], "two columns"),
        ([["a", "b"]], "X must hold degrees"),
        ([[1 + 2j, 0]], "X must hold degrees"),
        ([[1], [2, 3]], "X must hold degrees"),
        (None, "X must hold degrees|two columns"),
        (pd.DataFrame({"lat": [1.0], "lon": [None]}, dtype="Float64"), "longitude nan of row 0"),
        (pd.DataFrame({"lon": [1.0], "lat": [2.0]}), "latitude comes first"),
        (pd.DataFrame({"lat": ["x"], "lon": [2.0]}), "column 'lat' of X must hold degrees"),
        (pd.DataFrame({"lat": [1.0]}), "two columns"),
        (pl.DataFrame({"lat": [1.0, None], "lon": [2.0, 3.0]}), "latitude nan of row 1"),
        (geopandas.GeoSeries([Point(0, 0)]), "no coordinate reference system"),
        (geopandas.GeoSeries([Point(0, 0), None], crs=4326), "row 1 is not a point"),
        (geopandas.GeoSeries([Point()], crs=4326), "row 0 is not a point"),
        (
            geopandas.GeoSeries([LineString([(0, 0), (1, 1)])], crs=4326),
            r"row 0 is not a point \(LineString\)",
        ),
    ],
)
def test_bad_input_is_named(X, message):
    with pytest.raises(ValueError, match=message):
        degrees(X)
