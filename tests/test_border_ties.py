"""Border points exactly as far from cores of different clusters: the southern, then western, one.

A cloud is mirrored in a meridian and in a parallel through a light point: the sphere has both
symmetries if the parallel is the equator, and any cloud ties with its mirror image.
"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import gclust
from gclust import DBSCAN, HDBSCAN
from gclust.testing import EARTH_RADIUS_KM, dbscan_oracle, great_circle_km
from tests.hdbscan_twin import predict_by_twin

pytestmark = pytest.mark.filterwarnings("ignore::gclust.errors.GclustWarning")

DEGREE_KM = EARTH_RADIUS_KM * np.pi / 180


def mirrored(quadrant, meridian, east, north):
    """Return points with their images in a meridian and in the equator, and the middle.

    ``quadrant`` are degrees east and north of the middle, which is the last point.
    """
    images = [quadrant]
    if east:
        images.append(quadrant * [-1, 1])
    if north:
        images += [image * [1, -1] for image in images]
    at = np.concatenate([*images, [[0.0, 0.0]]])
    return np.stack([at[:, 1], (at[:, 0] + meridian + 180) % 360 - 180], axis=1)


EPS = 0.6


@st.composite
def mirrored_clouds(draw):
    """A light point amid two or four clusters that are each other's images.

    Coordinates are whole multiples of a 1/64 degree, so that mirroring rounds nothing. Points
    that the middle reaches are light; those that reach a heavy one are core points.
    """
    number = st.integers(0, 80)
    few = draw(st.lists(st.tuples(number, number), min_size=1, max_size=4, unique=True))
    quadrant = np.array([at for at in few if at != (0, 0)] or [(20, 20)]) / 64
    quadrant = np.concatenate([quadrant, quadrant * 2])
    east, north = draw(st.sampled_from([(True, False), (False, True), (True, True)]))
    if draw(st.booleans()):
        quadrant[:, 1 if east else 0] = 0.0  # on the very meridian or parallel
    X = mirrored(quadrant, draw(st.sampled_from([0.0, 7.0, -180.0, 179.0])), east, north)
    weight = np.where(great_circle_km(*X[-1], *X.T) > EPS * DEGREE_KM, 100.0, 1.0)
    weight[-1] = draw(st.sampled_from([0.0, 1.0]))
    rows = np.random.default_rng(draw(st.integers(0, 2**32 - 1))).permutation(len(X))
    return X[rows], weight[rows], int(rows.argmax())


def on_both_sides(*away):
    """Core points on both sides of a light one, heavy ones behind them, and the light one."""
    first = np.multiply.outer([0.5, 1.0], away)
    return np.concatenate([first, -first, np.zeros((1, 2))])


WEIGHT = np.array([1.0, 100, 1, 100, 1])
EAST_WEST, NORTH_SOUTH = on_both_sides(0, 1), on_both_sides(1, 0)
LEAST = 101


@settings(max_examples=60)
@given(mirrored_clouds())
@example((EAST_WEST, WEIGHT, 4))
@example((NORTH_SOUTH, WEIGHT, 4))
def test_ties_go_south_then_west(cloud):
    X, weight, _ = cloud
    labels, core = dbscan_oracle(*X.T, weight, eps_km=EPS * DEGREE_KM, min_samples=LEAST)
    model = DBSCAN(EPS * DEGREE_KM, LEAST).fit(X, sample_weight=weight)
    assert model.core_sample_mask_.tolist() == core.tolist()
    assert model.labels_.tolist() == labels.tolist()
    assert model.predict(X).tolist() == labels.tolist()
    surface = gclust.parameter_surface(
        X, sample_weight=weight, eps_km=[EPS * DEGREE_KM], min_samples=[LEAST, 1000]
    )
    assert surface.labels(EPS * DEGREE_KM, LEAST).tolist() == labels.tolist()


@pytest.mark.parametrize(
    ("X", "goes_with"),
    [
        (EAST_WEST, 2),
        (EAST_WEST[[2, 3, 0, 1, 4]], 0),
        (NORTH_SOUTH, 2),
        (NORTH_SOUTH[[2, 3, 0, 1, 4]], 0),
        (on_both_sides(-0.7, 0.7), 0),  # south-east before north-west
        (on_both_sides(0.7, -0.7), 2),
        (EAST_WEST + np.array([[0.0, 179.75]]), 0),  # across 180 degrees, east is west
        (EAST_WEST - np.array([[0.0, 180.0]]), 0),
    ],
)
def test_one_tie_of_each_sort(X, goes_with):
    X = np.stack([X[:, 0], (X[:, 1] + 180) % 360 - 180], axis=1)
    labels = DBSCAN(EPS * DEGREE_KM, LEAST).fit_predict(X, sample_weight=WEIGHT)
    assert labels[[0, 1, 2, 3]].tolist() == [0, 0, 1, 1]
    assert labels[4] == labels[goes_with]


@settings(max_examples=30)
@given(mirrored_clouds(), st.sampled_from([2, 101]))
@example((EAST_WEST, WEIGHT, 4), 101)
@example((NORTH_SOUTH, WEIGHT, 4), 101)
def test_ties_of_predictions_of_hdbscan(cloud, samples):
    X, weight, middle = cloud
    others = np.arange(len(X)) != middle
    model = HDBSCAN(100, samples).fit(X[others], sample_weight=weight[others])
    expected = predict_by_twin(model, X[others], weight[others], X[[middle]], 100, samples)
    assert model.predict(X[[middle]]).tolist() == expected.tolist()
