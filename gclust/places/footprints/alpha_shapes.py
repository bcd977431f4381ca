"""Alpha shapes: the plane minus all discs of radius alpha that contain no location.

These empty discs are called *erasers* here, and locations *places*. A footprint is the alpha shape
of a cluster's places, widened by a radius r. A cluster may have half a million places. Two tests
find places that do not affect the outline and can be left out:

1.  A place that no disc of radius alpha without another place touches is on no eraser
    (:mod:`gclust.kernels.empty_discs`). The erasers are the same without such places if one for
    each cell of a grid is kept.
2.  Let p be a point of the outline, q the point of the alpha shape nearest to p (at the distance
    r), m the point three quarters of the way from q to p, and u the place nearest to m. No place
    is nearer to p than r, so u is at least 0.75 r from m, and the Voronoi cell of u reaches beyond
    a disc of radius 0.75 r: :func:`gclust.places.footprints.discs.at_rim` finds all such places u.
    Some place is within alpha of q, so u is at most 2 alpha from q: it lies in a crescent at q
    with tips ``alpha * sqrt(r / (r - 0.75 r))`` away. So triangles and lines without a place
    within 3 alpha of any u do not contain such a q, and are left out. The same holds for all
    points p of the widened shape that are farther than r from every place, so that openings left
    by those triangles lie in discs around places.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import shapely
from numpy.typing import NDArray
from scipy.spatial import Delaunay, QhullError, cKDTree

from gclust.kernels.empty_discs import thin
from gclust.places.footprints.discs import (
    CIRCUMRADIUS_MARGIN,
    at_rim,
    circumradius,
    thinned_in_plane,
)

Floats = NDArray[np.float64]
Pairs = NDArray[np.intp]

# Corners of a triangle by position: three sides, and the corner that faces each.
_SIDES = np.array([[0, 1], [1, 2], [2, 0]])
_FACING = np.array([2, 0, 1])


NEAR_RIM = 3.3
"""Distance from places at the rim within which triangles and lines matter, in alphas; see above.
It has a margin for the distortion of the plane."""

LOCAL = NEAR_RIM + 3.0
"""Distance from the rim within which such triangles and their circumcircles lie, in alphas."""

MOST_FORMS = 20_000
"""Number of triangles and lines that are united at once."""

RIM = 0.75
"""A place is at the rim if its Voronoi cell extends farther than this part of the radius."""


@dataclass(frozen=True)
class AlphaComplex:
    """An alpha shape in a plane, as triangles, lines and single places.

    Attributes
    ----------
    triangles : ndarray, shape (m, 3)
        Places at the corners.
    lines : ndarray, shape (k, 2)
        Places at the ends of lines that border on no triangle.
    alone : ndarray of bool, shape (n,)
        Places that touch neither.
    """

    triangles: Pairs
    lines: Pairs
    alone: NDArray[np.bool_]

    def touching(self, some: NDArray[np.bool_]) -> AlphaComplex:
        """Return the triangles, lines and single places that touch the given places."""
        return AlphaComplex(
            self.triangles[some[self.triangles].any(axis=1)],
            self.lines[some[self.lines].any(axis=1)],
            self.alone & some,
        )

    def shapes(self, xy: Floats, side: float) -> list[Any]:
        """Unite triangles and lines, those of large shapes in squares; return the unions.

        GEOS takes far longer to widen a large shape at once, and cannot be interrupted. Corners
        on sides of squares are rounded at other places: by up to a few millionths of the area.
        """
        if len(self.triangles) + len(self.lines) <= MOST_FORMS:
            return [_united(self._forms(xy))] if len(self.triangles) + len(self.lines) else []
        where = np.concatenate([xy[self.triangles].mean(axis=1), xy[self.lines].mean(axis=1)])
        square = np.floor((where - where.min(axis=0)) / side).astype(np.int64)
        number = np.unique(square, axis=0, return_inverse=True)[1].ravel()
        forms = self._forms(xy)
        order = np.argsort(number, kind="stable")
        return [
            _united(part)
            for part in np.split(forms[order], np.flatnonzero(np.diff(number[order])) + 1)
        ]

    def _forms(self, xy: Floats) -> NDArray[Any]:
        return np.concatenate(
            [shapely.polygons(xy[self.triangles]), shapely.linestrings(xy[self.lines])]
        )


def _united(forms: NDArray[Any]) -> Any:
    """Return the union of lines and triangles that share whole sides or nothing."""
    flat = shapely.get_type_id(forms) == shapely.GeometryType.POLYGON
    united = shapely.coverage_union_all(forms[flat])
    return shapely.union_all([united, *forms[~flat]])


class Outline(NamedTuple):
    """The places that determine the outline of a widened alpha shape.

    Attributes
    ----------
    rows : ndarray of int
        The places from which to make the complex.
    near : ndarray of bool
        Those of ``rows`` that a triangle or line must touch to affect the outline.
    kept : ndarray of int
        Places that are enough to tell whether a point is within the width of one.
    """

    rows: Pairs
    near: NDArray[np.bool_]
    kept: Pairs


def at_outline(xy: Floats, vectors: Floats, radius: Floats, widening: Floats) -> Outline:
    """Find the places that determine the outline of the widened alpha shape.

    Parameters
    ----------
    xy, vectors, radius
        As for `alpha_complex`.
    widening : ndarray, shape (n,)
        Width by which the shape is widened, radians; varies slowly with the place.
    """
    # The plane stretches, so that circles are never too small.
    alpha = (1.0 - CIRCUMRADIUS_MARGIN) * float(radius.min())
    # What is left out for discs of one radius can be left out for those of a larger one.
    rows = np.arange(len(xy))
    if is_smaller := alpha < RIM * float(widening.min()):
        rows = np.flatnonzero(thin(xy, alpha).kept)
    thinned = thinned_in_plane(xy[rows], RIM * widening[rows])
    kept, may_be = rows[thinned.kept], ~thinned.enclosed[thinned.kept]
    if not is_smaller:
        rows = kept[thin(xy[kept], alpha).kept]
    rim = kept[at_rim(vectors[kept], RIM * widening[kept], may_be)]
    # Chords are shorter than arcs.
    reach = LOCAL * float(radius.max())
    apart, _ = cKDTree(vectors[rim]).query(vectors[rows], distance_upper_bound=reach)
    is_local = apart <= reach
    return Outline(rows[is_local], apart[is_local] <= NEAR_RIM * float(radius.max()), kept)


def alpha_complex(xy: Floats, vectors: Floats, radius: Floats) -> AlphaComplex:
    """Compute the alpha shape of places, as triangles, lines and single places.

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
    neither wider than alpha nor contains another place. Places are always connected if each is
    within 2 alpha of the next.
    """
    try:
        triangles = Delaunay(xy).simplices
    except QhullError:  # fewer than three places, or all in one line
        triangles = np.empty((0, 3), np.intp)
        sides, is_free = _along_line(xy), np.ones(max(len(xy) - 1, 0), bool)
        filled = triangles
    else:
        within = circumradius(vectors[triangles]) <= radius[triangles].min(axis=1)
        filled = triangles[within]
        sides, is_free = _free_sides(triangles[~within], vectors)
    half_chord = np.linalg.norm(vectors[sides[:, 0]] - vectors[sides[:, 1]], axis=1) / 2.0
    is_short = np.arcsin(np.minimum(half_chord, 1.0)) <= radius[sides].min(axis=1)
    covered = np.zeros(len(xy), bool)
    lines = sides[is_free & is_short]
    covered[lines] = True
    beside = filled[np.count_nonzero(covered[filled], axis=1) > 1]
    of_triangle = np.isin(_key(lines, len(xy)), _key(beside[:, _SIDES].reshape(-1, 2), len(xy)))
    lines = lines[~of_triangle]
    covered[lines] = True
    covered[filled] = True
    return AlphaComplex(filled, lines, ~covered)


def _along_line(xy: Floats) -> Pairs:
    """Return the neighbouring pairs of places in one line, shape (n - 1, 2)."""
    away = xy - xy[0]
    far = away[np.argmax((away**2).sum(axis=1))]
    order = np.argsort(away @ far, kind="stable")
    return np.column_stack([order[:-1], order[1:]])


def _free_sides(triangles: Pairs, vectors: Floats) -> tuple[Pairs, NDArray[np.bool_]]:
    """Return each side of the triangles once, and whether its smallest circle holds no place."""
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
    """Return one number for each pair of `n` places, in either order."""
    ordered = np.sort(pairs, axis=1).astype(np.int64)
    return ordered[:, 0] * n + ordered[:, 1]
