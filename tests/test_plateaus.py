"""Plateaus, suggestions and diagnostics on made-up surfaces, and the k-distance curve."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from gclust import DBSCAN
from gclust.cluster.locations import cluster_locations
from gclust.experiments.sweep.diagnostics import diagnose
from gclust.experiments.sweep.k_distance import k_distance
from gclust.experiments.sweep.plateaus import Suggestion, find_plateaus, suggest
from gclust.testing import distances_km
from gclust.units import UNIT

EPS, LEAST = (10.0, 12.0, 15.0, 20.0), (100.0, 200.0, 400.0)


def surface(n_clusters, steps_eps=(), steps_min=(), diagnostics=()) -> pd.DataFrame:
    """A surface with rows of equal eps_km; steps are cells that differ from their neighbour."""
    n = np.array(n_clusters)
    rows = []
    for i, j in np.ndindex(n.shape):
        rows.append(
            {
                "eps_km": EPS[i],
                "min_samples": LEAST[j],
                "n_clusters": n[i, j],
                "ari_to_smaller_eps": math.nan if i == 0 else 0.5 if (i, j) in steps_eps else 0.97,
                "ari_to_smaller_min_samples": (
                    math.nan if j == 0 else 0.5 if (i, j) in steps_min else 0.99
                ),
                "diagnostics": "one giant cluster" if (i, j) in diagnostics else "",
            }
        )
    return pd.DataFrame(rows)


LEVEL = [[50, 50, 50], [50, 50, 50], [50, 50, 50], [50, 50, 50]]


def plateaus(table: pd.DataFrame) -> dict[str, int]:
    found, names = find_plateaus(table)
    assert names.value_counts().drop("", errors="ignore").to_dict() == dict(
        zip(found["plateau"], found["pairs"], strict=True)
    )
    return dict(zip(found["plateau"], found["pairs"], strict=True))


def test_a_level_surface_is_one_plateau_named_by_its_centre():
    table = surface(LEVEL)
    # Two cells are the middle of four rows: the smaller one.
    assert plateaus(table) == {"12 km, 200": 12}
    row = find_plateaus(table)[0].iloc[0]
    assert (row["least_ari"], row["least_eps_km"], row["most_min_samples"]) == (0.97, 10, 400)
    # With a tail the middle of its bulk, which is not the middle of its extent.
    tailed = surface(LEVEL, diagnostics=[(2, 1), (2, 2), (3, 1), (3, 2)])
    assert plateaus(tailed) == {"12 km, 200": 8}


def test_edges_are_where_agreement_or_number_change():
    cut = [(2, j) for j in range(3)]
    assert plateaus(surface(LEVEL, steps_eps=cut)) == {"10 km, 200": 6, "15 km, 200": 6}
    more = [[50, 50, 50], [50, 50, 50], [53, 53, 53], [53, 53, 53]]
    assert len(plateaus(surface(more))) == 2  # 3 of 53 are more than 5 %
    assert len(plateaus(surface([[50] * 3, [51] * 3, [52] * 3, [53] * 3]))) == 1
    # Round an edge that ends, cells hang together.
    assert plateaus(surface(LEVEL, steps_eps=cut[:2])) == {"12 km, 200": 12}


def test_both_limits_are_inclusive_and_the_change_is_of_the_larger():
    table = surface(LEVEL)
    assert find_plateaus(table, least_ari=0.97)[0]["pairs"].tolist() == [12]
    assert find_plateaus(table, least_ari=np.nextafter(0.97, 1))[0]["pairs"].tolist() == [3] * 4
    # 5 % of 20 is 1.
    assert plateaus(surface([[20] * 3, [19] * 3, [20] * 3, [20] * 3])) == {"12 km, 200": 12}
    assert len(plateaus(surface([[18] * 3, [17] * 3, [17] * 3, [17] * 3]))) == 2


def test_a_cell_alone_and_a_cell_with_diagnostics_are_no_plateau():
    all_cells = [(i, j) for i in range(4) for j in range(3)]
    assert plateaus(surface(LEVEL, steps_eps=all_cells, steps_min=all_cells)) == {}
    wide = surface(LEVEL, diagnostics=[(i, j) for i in range(3) for j in range(3)])
    assert plateaus(wide) == {"20 km, 200": 3}
    assert plateaus(surface(LEVEL, diagnostics=all_cells)) == {}


def test_rows_may_come_in_any_order_but_not_twice():
    table = surface(LEVEL, steps_eps=[(2, j) for j in range(3)])
    shuffled = table.sample(frac=1, random_state=2)
    found, names = find_plateaus(table)
    again, others = find_plateaus(shuffled)
    pd.testing.assert_frame_equal(again, found)
    pd.testing.assert_series_equal(others.sort_index(), names)
    with pytest.raises(ValueError, match="each pair of eps_km and min_samples once"):
        find_plateaus(table.iloc[1:])


def suggested(table: pd.DataFrame, target: int | None) -> list[tuple[float, float]]:
    found, table["plateau"] = find_plateaus(table)
    suggestions = suggest(table, found, target)
    assert all(isinstance(s, Suggestion) and s.reason for s in suggestions)
    return [(s.eps_km, s.min_samples) for s in suggestions]


def test_the_largest_plateau_s_centre_is_suggested():
    table = surface(LEVEL, steps_eps=[(1, j) for j in range(3)])
    assert suggested(table, None) == [(15, 200)]
    assert suggested(surface(LEVEL, diagnostics=list(np.ndindex(4, 3))), 50) == []


def test_a_target_is_calibrated_to_where_it_is_stable():
    n = [[70, 60, 50], [70, 60, 50], [71, 60, 50], [90, 71, 50]]
    # All pairs have as many: the centre.
    assert suggested(surface(LEVEL), 50)[0] == (12, 200)
    # 71 clusters twice: in the plateau of the first column, and alone in the last row.
    assert suggested(surface(n), 71)[0] == (15, 100)
    assert suggested(surface(n), 72)[0] == (15, 100)
    assert suggested(surface(n), 88)[0] == (20, 100)
    assert suggested(surface(n, diagnostics=[(3, 0)]), 88)[0] == (15, 100)
    table = surface(n)
    found, table["plateau"] = find_plateaus(table)
    assert suggest(table, found, 60)[0].reason == (
        "60 clusters, as many as wanted, on the plateau of 3 pairs about 12 km, 200"
    )
    assert suggest(table, found, 88)[0].reason == (
        "90 clusters, nearest to the 88 wanted, on no plateau: with its neighbours the clusters"
        " change"
    )


DIAGNOSTICS = [
    ((0, 0.0, 0.0, 0.0), "no cluster"),
    ((9, 0.6, 0.7, 0.2), ""),
    ((9, 0.049, 0.7, 0.2), "almost no listings core"),
    ((9, 0.05, 0.7, 0.35), ""),
    ((9, 0.951, 0.96, 0.2), "almost all listings core"),
    ((9, 0.6, 0.7, 0.351), "one giant cluster"),
    ((1, 0.99, 1.0, 1.0), "almost all listings core; one giant cluster"),
]


@pytest.mark.parametrize(("figures", "said"), DIAGNOSTICS)
def test_diagnostics(figures, said):
    names = ("n_clusters", "core_share", "clustered_share", "largest_share")
    assert diagnose(dict(zip(names, figures, strict=True))) == said


def town(seed: int = 4, n: int = 400):
    rng = np.random.default_rng(seed)
    spread = rng.exponential(0.2, n)
    angle = rng.uniform(0, 2 * np.pi, n)
    # Across the 180th meridian.
    lat, lon = 60 + spread * np.sin(angle), (360 + spread * np.cos(angle)) % 360 - 180
    order = np.lexsort((lon, lat))
    return lat[order], lon[order], UNIT * rng.integers(1, 6, n)


def test_k_distance_is_that_of_all_distances():
    lat, lon, units = town()
    apart = distances_km(lat, lon)
    order = np.argsort(apart, axis=1)
    heard = np.cumsum(units[order], axis=1)
    # 1,300 listings need more neighbours than are asked for at first, 2,000 are not there.
    curve = k_distance(lat, lon, units, [5, 60, 1000, 2000])
    for least in (5, 60, 1000, 2000):
        found = (heard < least * UNIT).sum(axis=1)
        missing = found == len(lat)
        place = order[np.arange(len(lat)), np.minimum(found, len(lat) - 1)]
        expected = np.where(missing, np.inf, apart[np.arange(len(lat)), place])
        mine = curve[curve["min_samples"] == least]
        np.testing.assert_allclose(mine["distance_km"], np.sort(expected), rtol=1e-9, atol=1e-6)
    assert math.isinf(curve["distance_km"].iloc[-1]) == (units.sum() < 2000 * UNIT)


def test_the_share_below_eps_is_the_share_that_is_core():
    lat, lon, units = town()
    curve = k_distance(lat, lon, units, [60])
    for eps_km in (2.0, 8.0, 15.0):
        _, core = cluster_locations(lat, lon, units, DBSCAN(eps_km, 60))
        below = curve.loc[curve["distance_km"] <= eps_km, "weight_share"].max()
        assert below == pytest.approx(units[core].sum() / units.sum(), abs=1e-12)
        assert 0 < below < 1


def test_a_sample_is_even_in_the_weight():
    lat, lon, units = town(n=2000)
    units[7] = UNIT * 3000  # a centroid geocode of a third of the weight
    every, some = (k_distance(lat, lon, units, [60], sample=n) for n in (10_000, 200))
    assert len(every) == 2000
    assert 120 < len(some) < 200
    for km in (1.0, 4.0, 10.0):
        shares = [c.loc[c["distance_km"] <= km, "weight_share"].max() for c in (every, some)]
        assert shares[0] == pytest.approx(shares[1], abs=0.02)
    none = np.zeros(0)
    assert k_distance(none, none, none.astype(np.int64), [60]).empty
