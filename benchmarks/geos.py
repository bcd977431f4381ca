"""DBSCAN of GEOS 3.14, which no Python package exposes, called in the library that Shapely brings.

PostGIS's ``ST_ClusterDBSCAN`` is the same method. Distances are those of a plane.
"""

from __future__ import annotations

import ctypes
import ctypes.util
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.vectors import EARTH_RADIUS_KM

NOISE = ctypes.c_size_t(-1).value
"""What GEOS says in the place of a cluster's number."""

_POINTER, _SIZE = ctypes.c_void_p, ctypes.c_size_t
_FUNCTIONS = {
    "GEOS_init_r": (_POINTER,),
    "GEOSWKBReader_create_r": (_POINTER, _POINTER),
    "GEOSWKBReader_read_r": (_POINTER, _POINTER, _POINTER, ctypes.c_char_p, _SIZE),
    "GEOSClusterDBSCAN_r": (_POINTER, _POINTER, _POINTER, ctypes.c_double, ctypes.c_uint),
    "GEOSClusterInfo_getClustersForInputs_r": (ctypes.POINTER(_SIZE), _POINTER, _POINTER),
    "GEOSClusterInfo_destroy_r": (None, _POINTER, _POINTER),
}
"""What each function returns and takes."""


def plane_km(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return degrees in kilometres of a plane, areas being those of the sphere (sinusoidal)."""
    lat, lon = np.radians(points[:, 0]), np.radians(points[:, 1])
    return EARTH_RADIUS_KM * np.column_stack([lon * np.cos(lat), lat])


def load_geos() -> ctypes.CDLL:
    """Return the library, with the functions of `_FUNCTIONS` declared.

    Raises
    ------
    RuntimeError
        If there is no GEOS of version 3.14 or newer.
    """
    import shapely

    if shapely.geos_version < (3, 14, 0):
        found = ".".join(map(str, shapely.geos_version))
        raise RuntimeError(f"Shapely brings GEOS {found}; expected 3.14 or newer, which has DBSCAN")
    package = Path(shapely.__file__).parent
    folders = (package.with_name("shapely.libs"), package / ".dylibs")
    paths = [str(path) for folder in folders for path in folder.glob("*geos_c*")]
    name = paths[0] if paths else ctypes.util.find_library("geos_c")
    if name is None:
        raise RuntimeError("no library geos_c was found, neither Shapely's own nor the system's")
    library = ctypes.CDLL(name)
    for function, (result, *arguments) in _FUNCTIONS.items():
        getattr(library, function).restype = result
        getattr(library, function).argtypes = arguments
    return library


def prepare_dbscan(
    points: NDArray[np.float64], eps_km: float, min_samples: int
) -> Callable[[], NDArray[np.int64]]:
    """Return the call that clusters points of a plane: labels, -1 for noise.

    ``points`` (n, 2) float64 are kilometres. Points are made into GEOS's own before the call.
    """
    import shapely

    geos = load_geos()
    handle = geos.GEOS_init_r()
    wkb = shapely.to_wkb(shapely.multipoints(points))
    reader = geos.GEOSWKBReader_create_r(handle)
    geometry = geos.GEOSWKBReader_read_r(handle, reader, wkb, len(wkb))

    def call() -> NDArray[np.int64]:
        found = geos.GEOSClusterDBSCAN_r(handle, geometry, eps_km, min_samples)
        if not found:
            raise RuntimeError("GEOSClusterDBSCAN_r returned no clusters")
        numbers = geos.GEOSClusterInfo_getClustersForInputs_r(handle, found)
        number = np.ctypeslib.as_array(numbers, shape=(len(points),))
        labels = np.where(number == NOISE, -1, number.astype(np.int64))
        geos.GEOSClusterInfo_destroy_r(handle, found)
        return labels

    return call
