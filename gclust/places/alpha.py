"""Alpha shapes: what an eraser of one radius leaves of the plane round places."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from scipy.spatial import Delaunay, QhullError

from gclust.places.discs import circumradius

Floats = NDArray[np.float64]
Pairs = NDArray[np.intp]

# Corners of a triangle by position: three sides, and the corner that faces each.
_SIDES = np.array([[0, 1], [1, 2], [2, 0]])
_FACING = np.array([2, 0, 1])


@dataclass(frozen=True)
class AlphaComplex:
    """An alpha shape in a plane.

    Attributes
    ----------
    shape : shapely geometry
        Triangles, united, and lines that border on none.
    alone : ndarray of bool, shape (n,)
        Places that neither touches.
    """

    shape: Any
    alone: NDArray[np.bool_]


def alpha_complex(xy: Floats, vectors: Floats, radius: Floats) -> AlphaComplex:
    """Find the alpha shape of places.

    Parameters
    ----------
    xy : ndarray, shape (n, 2)
        Places in a stereographic plane, in which circles of the sphere are circles.
    vectors : ndarray, shape (n, 3)
        The same as unit vectors, on which lengths are measured.
    radius : ndarray, shape (n,)
        Alpha in radians; varies slowly with the place.

    Returns
    -------
    AlphaComplex

    Notes
    -----
    Edelsbrunner, Kirkpatrick and Seidel 1983, On the shape of a set of points in the plane
    (IEEE Trans. Inf. Theory 29), in the form of the alpha complex: the Delaunay triangles
    whose circle is no wider than alpha, and the pairs of places whose smallest circle is
    neither wider than alpha nor holds another place. Places of which each is within 2
    alpha of the next are always joined.
    """
    try:
        triangles = Delaunay(xy).simplices
    except QhullError:  # fewer than three places, or all in one line
        triangles = np.empty((0, 3), np.intp)
        sides, is_free = _along_line(xy), np.ones(max(len(xy) - 1, 0), bool)
    else:
        sides, is_free = _free_sides(triangles, vectors)
    half_chord = np.linalg.norm(vectors[sides[:, 0]] - vectors[sides[:, 1]], axis=1) / 2.0
    is_short = np.arcsin(np.minimum(half_chord, 1.0)) <= radius[sides].min(axis=1)
    within = circumradius(vectors[triangles]) <= radius[triangles].min(axis=1)
    filled = triangles[within]
    covered = np.zeros(len(xy), bool)
    covered[filled] = True
    lines = sides[is_free & is_short]
    of_triangle = np.isin(_key(lines, len(xy)), _key(filled[:, _SIDES].reshape(-1, 2), len(xy)))
    lines = lines[~of_triangle]
    covered[lines] = True
    united = shapely.coverage_union_all(shapely.polygons(xy[filled]))
    shape = shapely.union_all([united, shapely.multilinestrings(shapely.linestrings(xy[lines]))])
    return AlphaComplex(shape, ~covered)


def _along_line(xy: Floats) -> Pairs:
    """Neighbours of places that lie in one line, shape (n - 1, 2)."""
    away = xy - xy[0]
    far = away[np.argmax((away**2).sum(axis=1))]
    order = np.argsort(away @ far, kind="stable")
    return np.column_stack([order[:-1], order[1:]])


def _free_sides(triangles: Pairs, vectors: Floats) -> tuple[Pairs, NDArray[np.bool_]]:
    """Sides of triangles, each once, and whether their smallest circle holds no place."""
    n = len(vectors)
    pairs = triangles[:, _SIDES].reshape(-1, 2)
    facing = vectors[triangles[:, _FACING].ravel()]
    # A place sees the side under more than a right angle if it lies within that circle.
    to_first, to_second = vectors[pairs[:, 0]] - facing, vectors[pairs[:, 1]] - facing
    is_free = (to_first * to_second).sum(axis=1) >= 0.0
    key, side_of = np.unique(_key(pairs, n), return_inverse=True)
    free = np.ones(len(key), bool)
    np.logical_and.at(free, side_of, is_free)
    return np.column_stack([key // n, key % n]), free


def _key(pairs: Pairs, n: int) -> NDArray[np.int64]:
    """One number for each pair of `n` places, in either direction."""
    ordered = np.sort(pairs, axis=1).astype(np.int64)
    return ordered[:, 0] * n + ordered[:, 1]
