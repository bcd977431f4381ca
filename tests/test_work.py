"""How much is left to distances, counted and not timed: bounds that decide nothing would show.

Labels are right with any bounds, since what they leave undecided is compared by distance.
"""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.listings import EPS_KM, listings
from gclust import DBSCAN
from gclust.kernels.dbscan import batch_counts, border_labels, core_levels

N, MIN_SAMPLES = 100_000, 15


@pytest.fixture(scope="module")
def work():
    """Cluster listings of the world, and note what each step leaves to the next."""
    noted: dict[str, list[np.ndarray]] = {}

    def note(name, function):
        def noting(*args, **kwargs):
            out = function(*args, **kwargs)
            noted[name] = [*args, out]
            return out

        return noting

    with pytest.MonkeyPatch.context() as patch:
        for module, name in (
            (core_levels, "count_undecided"),
            (border_labels, "points_reaching"),
            (border_labels, "search_labels"),
        ):
            patch.setattr(module, name, note(name, getattr(module, name)))
        model = DBSCAN(EPS_KM, MIN_SAMPLES).fit(listings(N))
    assert model.labels_.max() > 100
    return noted


def share_of_points(bands, cells):
    """Return the share of the points that are in some cells."""
    return np.diff(bands.cell_start)[cells].sum() / len(bands.lon)


def test_cell_bounds_decide_most_points(work):
    bands, cells, *_ = work["count_undecided"]
    assert 0.05 < share_of_points(bands, cells) < 0.09


def test_few_points_are_compared_by_distance(work):
    bands, cells, *_, counted = work["count_undecided"]
    steps = counted.sum(axis=0) / len(bands.lon)
    by_distance = steps[[batch_counts.BATCH_DISTANCES, batch_counts.POINT_DISTANCES]].sum()
    assert 0.03 < by_distance < 0.065
    assert steps[batch_counts.CANDIDATES] < 1.8  # distances per point
    assert steps[: batch_counts.CANDIDATES].sum() == pytest.approx(share_of_points(bands, cells))


def test_few_border_points_search_for_their_label(work):
    bands, unclear, *_ = work["points_reaching"]
    assert share_of_points(bands, unclear) < 0.02
    _, chosen, *_ = work["search_labels"]
    assert 0 < len(chosen) / len(bands.lon) < 0.001
