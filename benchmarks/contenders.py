"""What is measured: gclust, its peers and the floor, each as one call on prepared input.

A peer's input is prepared outside of the time measured, gclust's is raw degrees. A
contender's packages are imported only where it runs.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.vectors import angle, chord, unit_vectors


class Task(NamedTuple):
    """Parameters of a clustering."""

    eps_km: float
    min_samples: int


class Answer(NamedTuple):
    """What a call found: the label and the core flag of each row of its input."""

    labels: NDArray[np.int64]
    core: NDArray[np.bool_]


@dataclass(frozen=True)
class Contender:
    """One call to be measured.

    ``ready(data, task)`` does what is not measured and returns the call; ``answer``
    takes labels out of what the call returned, None where there are none to compare.
    ``agreement`` names the check of ``benchmarks.agreement`` that they must pass.
    """

    title: str
    package: str
    reads: str
    ready: Callable[[NDArray[Any], Task], Callable[[], Any]]
    answer: Callable[[Any], Answer] | None = None
    agreement: str | None = None
    largest: float = math.inf
    """Most listings that it is given, where more would take hours or all memory."""


def installed(package: str) -> str | None:
    """Return the version of a package, None where it is not installed."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _gclust(**options: Any) -> Callable[[NDArray[Any], Task], Callable[[], Any]]:
    def ready(degrees: NDArray[Any], task: Task) -> Callable[[], Any]:
        import gclust

        return lambda: gclust.DBSCAN(task.eps_km, task.min_samples, **options).fit(degrees)

    return ready


def _gclust_predict(degrees: NDArray[Any], task: Task) -> Callable[[], Any]:
    import gclust

    model = gclust.DBSCAN(task.eps_km, task.min_samples).fit(degrees)
    return lambda: Answer(model.predict(degrees), model.core_sample_mask_)


def _gclust_hdbscan(degrees: NDArray[Any], task: Task) -> Callable[[], Any]:
    import gclust

    return lambda: gclust.HDBSCAN(task.min_samples).fit(degrees)


def _dbscan(vectors: NDArray[Any], task: Task) -> Callable[[], Any]:
    from dbscan import DBSCAN

    return lambda: DBSCAN(vectors, eps=chord(task.eps_km), min_samples=task.min_samples)


def _sklearn(folded: NDArray[Any], task: Task) -> Callable[[], Any]:
    from sklearn.cluster import DBSCAN

    places, weight = np.radians(folded[:, :2]), folded[:, 2].copy()
    model = DBSCAN(
        eps=angle(task.eps_km),
        min_samples=task.min_samples,
        metric="haversine",
        algorithm="ball_tree",
        n_jobs=-1,
    )
    return lambda: model.fit(places, sample_weight=weight)


def _hdbscan(degrees: NDArray[Any], task: Task) -> Callable[[], Any]:
    from hdbscan import HDBSCAN

    radians = np.radians(degrees)
    model = HDBSCAN(min_cluster_size=task.min_samples, metric="haversine", core_dist_n_jobs=1)
    return lambda: model.fit(radians)


def _fast_hdbscan(vectors: NDArray[Any], task: Task) -> Callable[[], Any]:
    from fast_hdbscan import HDBSCAN

    model = HDBSCAN(min_cluster_size=task.min_samples)
    return lambda: model.fit(vectors)


def _hdbscan_rs(vectors: NDArray[Any], task: Task) -> Callable[[], Any]:
    from hdbscan_rs import HDBSCAN

    model = HDBSCAN(min_cluster_size=task.min_samples)
    return lambda: model.fit(vectors)


def _fast_plscan(vectors: NDArray[Any], task: Task) -> Callable[[], Any]:
    from fast_plscan import PLSCAN

    model = PLSCAN(min_samples=task.min_samples)
    return lambda: model.fit(vectors)


def _geos(plane: NDArray[Any], task: Task) -> Callable[[], Any]:
    from benchmarks.geos import prepare_dbscan

    return prepare_dbscan(plane, task.eps_km, task.min_samples)


def _argsort(keys: NDArray[Any], task: Task) -> Callable[[], Any]:  # noqa: ARG001
    return lambda: np.argsort(keys)


def _of_gclust(model: Any) -> Answer:
    return Answer(model.labels_, model.core_sample_mask_)


def _of_dbscan(found: Any) -> Answer:
    labels, core = found
    return Answer(labels.astype(np.int64), core.astype(np.bool_))


def _of_sklearn(model: Any) -> Answer:
    core = np.zeros(len(model.labels_), dtype=np.bool_)
    core[model.core_sample_indices_] = True
    return Answer(model.labels_.astype(np.int64), core)


CONTENDERS: dict[str, Contender] = {
    "gclust": Contender(
        "`gclust.DBSCAN.fit`, degrees to labels",
        "gclust",
        "degrees",
        _gclust(),
        _of_gclust,
    ),
    "gclust-1": Contender(
        "the same on one thread",
        "gclust",
        "degrees",
        _gclust(n_jobs=1),
        _of_gclust,
        "equal",
    ),
    "gclust-wgs84": Contender(
        'the same with `metric="wgs84"`', "gclust", "degrees", _gclust(metric="wgs84")
    ),
    "gclust-predict": Contender(
        "`predict` of the same points",
        "gclust",
        "degrees",
        _gclust_predict,
        lambda answer: answer,
        "equal",
    ),
    "gclust-first": Contender(
        'the same with `border="first"`', "gclust", "degrees", _gclust(border="first"), _of_gclust
    ),
    "argsort": Contender("floor: `np.argsort` of int64 keys", "numpy", "keys", _argsort),
    "dbscan": Contender(
        "`dbscan` (C++), unit vectors prepared",
        "dbscan",
        "vectors",
        _dbscan,
        _of_dbscan,
        "partition",
    ),
    "sklearn": Contender(
        "`sklearn.cluster.DBSCAN`, folded weights prepared",
        "scikit-learn",
        "folded",
        _sklearn,
        _of_sklearn,
        "first",
        largest=1e6,
    ),
    "geos": Contender(
        "GEOS's DBSCAN, points of a plane prepared (‡)", "shapely", "plane", _geos, largest=1e6
    ),
    "gclust-hdbscan": Contender(
        "`gclust.HDBSCAN.fit`, degrees to labels (†)",
        "gclust",
        "degrees",
        _gclust_hdbscan,
        largest=1e6,
    ),
    "hdbscan": Contender(
        "`hdbscan.HDBSCAN`, radians prepared (†)", "hdbscan", "degrees", _hdbscan, largest=1e5
    ),
    "fast_hdbscan": Contender(
        "`fast_hdbscan.HDBSCAN`, unit vectors prepared (†)",
        "fast_hdbscan",
        "vectors",
        _fast_hdbscan,
        largest=1e6,
    ),
    "hdbscan_rs": Contender(
        "`hdbscan_rs.HDBSCAN`, unit vectors prepared (†)",
        "hdbscan-rs",
        "vectors",
        _hdbscan_rs,
        largest=1e6,
    ),
    "fast_plscan": Contender(
        "`fast_plscan.PLSCAN`, unit vectors prepared (†)",
        "fast-plscan",
        "vectors",
        _fast_plscan,
        largest=1e6,
    ),
}
REFERENCE = "gclust-first"
"""What scikit-learn's labels are compared with; not a row of the table."""


def fold_rows(points: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return (lat, lon, weight) of each place, by its first row, and the place of each row.

    In this order scikit-learn numbers clusters of places as it would number rows.
    """
    places, first, place, weight = np.unique(
        points, axis=0, return_index=True, return_inverse=True, return_counts=True
    )
    order = np.argsort(first)
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order))
    return np.column_stack([places, weight])[order], rank[place.ravel()]


def keys_of(points: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return one int64 for each point: latitude, then longitude, in steps of 1e-7 degrees."""
    lat = np.round((points[:, 0] + 90.0) * 1e7).astype(np.int64)
    return (lat << 32) + np.round((points[:, 1] + 180.0) * 1e7).astype(np.int64)


def prepare(reads: str, folder: Path) -> Path:
    """Write what contenders read, made from the degrees in a folder; return its path."""
    path = folder / f"{reads}.npy"
    if path.exists():
        return path
    points = np.load(folder / "degrees.npy")
    if reads == "vectors":
        np.save(path, unit_vectors(points))
    elif reads == "plane":
        from benchmarks.geos import plane_km

        np.save(path, plane_km(points))
    elif reads == "keys":
        np.save(path, keys_of(points))
    elif reads == "folded":
        folded, place = fold_rows(points)
        np.save(folder / "place.npy", place)
        np.save(path, folded)
    else:
        raise ValueError(f"nothing prepares {reads!r}")
    return path
