"""Reading of latitudes and longitudes from arrays, data frames and geometries."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import narwhals as nw
import numpy as np
from numpy.typing import NDArray

from gclust.cluster.numbers import numbers
from gclust.kernels.spatial.bucket_sort import normalise
from gclust.parallel import even_chunks, parallel_for, unreported
from gclust.plurals import counted

_CHUNK = 1 << 18
_LATITUDE = {"lat", "latitude", "y"}
_LONGITUDE = {"lon", "lng", "long", "longitude", "x"}


def degrees(
    X: Any, threads: int = 1, report: Callable[[float], None] = unreported
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the latitudes and longitudes of ``X``, checked and normalised, as new arrays.

    Longitudes are wrapped into [-180, 180), a pole has longitude 0, and there is no
    negative zero: equal points have equal numbers.

    Parameters
    ----------
    X : array-like of shape (n, 2), data frame of two columns, GeoSeries or GeoDataFrame
        Degrees, latitude in [-90, 90], then longitude in [-180, 360); or points in any
        coordinate reference system.
    threads : int, default 1
        Number of threads.
    report : callable, optional
        Called with the fraction of work done.

    Returns
    -------
    lat, lon : ndarray of float64, shape (n,)
        New contiguous arrays.

    Raises
    ------
    ValueError
        If X is empty, has another shape or type, has a value that is missing, infinite
        or out of range, or has geometries that are no points or have no reference system.

    Examples
    --------
    >>> degrees([[46.2, 366.1 - 360], [90, 12.5]])
    (array([46.2, 90. ]), array([6.1, 0. ]))
    """
    given = _columns(X)
    n = len(given[0])
    if n == 0:
        raise ValueError("X is empty; expected at least one point")
    lat, lon = np.empty(n), np.empty(n)
    faults: list[int] = []

    def work(first: int, last: int) -> None:
        lat[first:last] = given[0][first:last]
        lon[first:last] = given[1][first:last]
        if not normalise(lat, lon, first, last):
            faults.append(first)

    parallel_for(even_chunks(n, _CHUNK), threads, work, report=report)
    if faults:
        _explain(*(np.array(values, dtype=np.float64) for values in given))
    return lat, lon


def find_places(
    lat: NDArray[np.float64],
    lon: NDArray[np.float64],
    known_lat: NDArray[np.float64],
    known_lon: NDArray[np.float64],
) -> NDArray[np.int64]:
    """Return the index of each point in a list of known points, or -1 if it is not in the list.

    All are degrees, as `degrees` returns them; there is at least one place, and none twice.
    """
    # NumPy orders complex numbers by their real part, then by their imaginary part.
    places, known = lat + 1j * lon, known_lat + 1j * known_lon
    order = np.argsort(known)
    at = order[np.minimum(np.searchsorted(known, places, sorter=order), len(known) - 1)]
    return np.where(known[at] == places, at, -1)


def note_features(estimator: Any, X: Any, *, reset: bool) -> None:
    """Set ``n_features_in_`` and ``feature_names_in_``, or check new input against them.

    ``reset`` sets the two attributes, as in ``fit``; otherwise they are compared, as in
    ``predict``, with a ValueError if feature names differ from those that were fitted. ``X`` is
    already validated. Geometries have no feature names.
    """
    if _is_geometry(X):
        if reset:
            estimator.n_features_in_ = 2
            vars(estimator).pop("feature_names_in_", None)
        return
    from sklearn.utils.validation import validate_data  # loaded, as it is an estimator

    validate_data(estimator, X, reset=reset, skip_check_array=True)


def _is_geometry(X: Any) -> bool:
    if "geopandas" not in sys.modules:
        return False
    import geopandas

    return isinstance(X, geopandas.GeoSeries | geopandas.GeoDataFrame)


def _explain(lat: NDArray[np.float64], lon: NDArray[np.float64]) -> None:
    """Raise ValueError that names the first row that cannot be used."""
    for values, name in ((lat, "latitude"), (lon, "longitude")):
        _refuse(~np.isfinite(values), values, name, "is not a finite number")
    _refuse((lat < -90) | (lat > 90), lat, "latitude", "is outside [-90, 90]")
    _refuse((lon < -180) | (lon >= 360), lon, "longitude", "is outside [-180, 360)")


def _refuse(wrong: NDArray[np.bool_], values: NDArray[np.float64], name: str, why: str) -> None:
    if wrong.any():
        row = int(np.argmax(wrong))
        raise ValueError(
            f"{name} {values[row]} of row {row} {why} ({counted(wrong.sum(), 'such row')})"
        )


def _columns(X: Any) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the two columns of ``X``, of any number type; they may share its memory."""
    if _is_geometry(X):
        return _of_points(X.geometry)
    frame = nw.from_native(X, pass_through=True)
    if isinstance(frame, nw.LazyFrame):
        raise ValueError(
            f"X is not computed yet ({type(X).__name__}); compute it, and pass the data frame"
        )
    if isinstance(frame, nw.DataFrame):
        return _of_frame(frame)
    try:
        values = numbers(X)
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueError(f"X must hold degrees, latitude then longitude: {error}") from error
    if values.ndim != 2 or values.shape[1] != 2:
        raise ValueError(
            "X must have two columns, latitude and longitude in degrees, "
            f"not the shape {values.shape}"
        )
    return values[:, 0], values[:, 1]


def _of_frame(frame: nw.DataFrame[Any]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    names = [str(name) for name in frame.columns]
    if len(names) != 2:
        raise ValueError(
            f"X must have two columns, latitude and longitude in degrees, not {len(names)}: {names}"
        )
    first, second = (name.lower() for name in names)
    if first in _LONGITUDE and second in _LATITUDE:
        raise ValueError(
            f"the columns of X are {names}, but latitude comes first: pass X[{names[::-1]}]"
        )
    columns = [frame[:, 0], frame[:, 1]]  # by place: names may be anything
    for name, column in zip(frame.columns, columns, strict=True):
        if not column.dtype.is_numeric():
            raise ValueError(f"column {name!r} of X must hold degrees, not {column.dtype}")
    lat, lon = (
        np.asarray(column.cast(nw.Float64).to_numpy(), dtype=np.float64) for column in columns
    )
    return lat, lon


def _of_points(points: Any) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    if points.crs is None:
        raise ValueError(
            "the geometries have no coordinate reference system; "
            "set it with set_crs, to EPSG:4326 if they are degrees"
        )
    wrong = ((points.geom_type != "Point") | points.is_empty).to_numpy()
    if wrong.any():
        row = int(np.argmax(wrong))
        raise ValueError(
            f"row {row} is not a point ({points.geom_type.iloc[row] or 'missing'}); "
            "expected points only, but"
            f" {counted(wrong.sum(), 'row is no point', 'rows are no points')}"
        )
    points = points.to_crs("EPSG:4326")
    return np.asarray(points.y, dtype=np.float64), np.asarray(points.x, dtype=np.float64)
