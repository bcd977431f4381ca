"""Bounds of the density of simulated listings, whatever their random positions.

A site is a circle in which listings lie, many of them at its centre (`gclust.datasets.layout`).
So the sites alone bound the number of listings within 15 km of a listing, before any is
generated. In a simulated world this number is at least 12 per cent above MIN_SAMPLES at a dense
site, and at least 12 per cent below it at a sparse site.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from gclust.sphere import EARTH_RADIUS_KM, arc_km, chord_of, unit_vectors

EPS_KM = 15.0
MIN_SAMPLES = 4500
"""The GII's parameters at scale 1 (its edition of 2024, by the Korean patent office's release of
2024-08-28); min_samples goes with the scale."""

DENSE, SPARSE = 1.12 * MIN_SAMPLES, 0.88 * MIN_SAMPLES
"""Listings at scale 1 within 15 km: a dense place has at least, a sparse one at most so many."""

AT_CENTRE, INNER, IN_INNER = 0.1, 0.5, 0.65
"""Parts of a place's listings, at least: at its centre, and within half of its radius."""

Floats = NDArray[np.float64]


class Neighbours:
    """Pairs of places that may have listings within 15 km of each other.

    Parameters
    ----------
    lat, lon : ndarray, shape (n,)
        Centres in degrees.
    radius_km : ndarray, shape (n,)
        Radius about each centre within which its listings lie.
    """

    def __init__(self, lat: Floats, lon: Floats, radius_km: Floats) -> None:
        points = unit_vectors(lat, lon)
        reach = float(chord_of(EPS_KM + 2.0 * radius_km.max(initial=0.0)))
        pairs = cKDTree(points).query_pairs(reach, output_type="ndarray")
        self.size = len(points)
        self.one = np.concatenate([pairs[:, 0], pairs[:, 1]])
        self.other = np.concatenate([pairs[:, 1], pairs[:, 0]])
        self.km = arc_km(np.sqrt(((points[self.one] - points[self.other]) ** 2).sum(axis=1)))
        mine, theirs = radius_km[self.one], radius_km[self.other]
        self.may = self.km - mine - theirs <= EPS_KM
        self.all = self.km + mine + theirs <= EPS_KM
        self.inner = self.km + mine + INNER * theirs <= EPS_KM
        self.centre = self.km + mine <= EPS_KM

    def most(self, mass: Floats) -> Floats:
        """Return the most listings that can lie within 15 km of a listing, per simulated place."""
        return mass + np.bincount(self.one, mass[self.other] * self.may, minlength=self.size)

    def least(self, mass: Floats) -> Floats:
        """Return the least listings that can lie within 15 km of a listing, per simulated place."""
        part = np.where(self.centre, AT_CENTRE, 0.0)
        part = np.where(self.all, 1.0, np.where(self.inner, IN_INNER, part))
        return mass + np.bincount(self.one, mass[self.other] * part, minlength=self.size)


def kilometres(points: Floats, to: Floats) -> Floats:
    """Return the distances in km from n to m unit vectors, computed from chords.

    At 130 km a chord is two metres short, at 15 km four millimetres.
    """
    # Not a matrix product, whose last bits depend on the processor and the number of threads.
    cosine = points[:, 0, None] * to[:, 0]
    cosine += points[:, 1, None] * to[:, 1]
    cosine += points[:, 2, None] * to[:, 2]
    return EARTH_RADIUS_KM * np.sqrt(np.maximum(2.0 - 2.0 * cosine, 0.0))
