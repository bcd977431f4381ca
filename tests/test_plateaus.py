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
from gclust.experiments.sweep.plateaus import (
    RULES,
    Suggestion,
    find_plateaus,
    no_plateau,
    suggest,
)
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


def plateaus(table: pd.DataFrame, by: str = "agreement") -> dict[str, int]:
    found, names = find_plateaus(table, by)
    assert names.value_counts().drop("", errors="ignore").to_dict() == dict(
        zip(found["plateau"], found["pairs"], strict=True)
    )
    return dict(zip(found["plateau"], found["pairs"], strict=True))


def test_a_level_surface_is_one_plateau_named_by_its_centre():
    table = surface(LEVEL)
    assert plateaus(table) == plateaus(table, "number") == {"15 km, 200": 12}
    row = find_plateaus(table)[0].iloc[0]
    assert (row["least_ari"], row["least_eps_km"], row["most_min_samples"]) == (0.97, 10, 400)
    # Half-way beyond the first and the last value of each parameter, on logarithmic scales.
    steps = np.log([12 / 10, 15 / 12, 20 / 15])
    assert row["area"] == pytest.approx((1.5 * steps[[0, 2]].sum() + steps[1]) * 3 * math.log(2))


def test_the_area_decides_and_not_the_number_of_pairs():
    """Three values that are near one another are less than two that are far."""
    table = surface(LEVEL[:3], steps_min=[(i, 2) for i in range(3)])
    table["min_samples"] = table["min_samples"].map({100.0: 390.0, 200.0: 395.0, 400.0: 1_000.0})
    table["eps_km"] = table["eps_km"].map({10.0: 10.0, 12.0: 20.0, 15.0: 40.0})
    found, _ = find_plateaus(table)
    assert found["pairs"].tolist() == [3, 6]
    assert found["area"].is_monotonic_decreasing


def test_a_unit_of_the_weights_and_wide_gaps_change_no_area():
    table = surface(LEVEL)
    (area,) = find_plateaus(table)[0]["area"]
    dollars = table.assign(min_samples=1e6 * table["min_samples"])
    assert find_plateaus(dollars)[0]["area"].tolist() == pytest.approx([area])
    alone = table[table["eps_km"] < 20].assign(eps_km=lambda t: t["eps_km"].replace(15.0, 1e4))
    wide = table.assign(eps_km=table["eps_km"].replace(20.0, 1e4))
    (most,) = find_plateaus(wide)[0]["area"]
    assert most < 2 * area  # what lies in the gap is not known
    assert len(find_plateaus(alone)[0]) == 1


def test_edges_are_where_agreement_or_number_change():
    cut = [(2, j) for j in range(3)]
    apart = surface(LEVEL, steps_eps=cut)
    assert plateaus(apart) == {"20 km, 200": 6, "12 km, 200": 6}
    assert plateaus(apart, "number") == {"15 km, 200": 12}
    more = surface([[50, 50, 50], [50, 50, 50], [51, 51, 51], [51, 51, 51]])
    assert plateaus(more) == {"15 km, 200": 12}
    assert plateaus(more, "number") == {"20 km, 200": 6, "12 km, 200": 6}
    # Round an edge that ends, cells hang together.
    assert plateaus(surface(LEVEL, steps_eps=cut[:2])) == {"15 km, 200": 12}


def test_the_limit_of_agreement_is_inclusive():
    table = surface(LEVEL)
    assert find_plateaus(table, least_ari=0.97)[0]["pairs"].tolist() == [12]
    assert find_plateaus(table, least_ari=np.nextafter(0.97, 1))[0]["pairs"].tolist() == [3] * 4


def test_no_cluster_and_one_cluster_are_no_plateau_and_a_cell_alone_is_none():
    all_cells = [(i, j) for i in range(4) for j in range(3)]
    alone = surface(LEVEL, steps_eps=all_cells, steps_min=all_cells)
    assert plateaus(alone) == {}
    for n in (0, 1):
        assert plateaus(surface([[n] * 3] * 4)) == plateaus(surface([[n] * 3] * 4), "number") == {}
    assert plateaus(surface([[1] * 3, [1] * 3, [2] * 3, [2] * 3])) == {"20 km, 200": 6}


def test_diagnostics_exclude_nothing():
    """The capital of a country may well have more than half of it."""
    all_cells = [(i, j) for i in range(4) for j in range(3)]
    assert plateaus(surface(LEVEL, diagnostics=all_cells)) == {"15 km, 200": 12}


def test_rows_may_come_in_any_order_but_not_twice():
    table = surface(LEVEL, steps_eps=[(2, j) for j in range(3)])
    shuffled = table.sample(frac=1, random_state=2)
    found, names = find_plateaus(table)
    again, others = find_plateaus(shuffled)
    pd.testing.assert_frame_equal(again, found)
    pd.testing.assert_series_equal(others.sort_index(), names)
    with pytest.raises(ValueError, match="each pair of eps_km and min_samples once"):
        find_plateaus(table.iloc[1:])


def advised(
    table: pd.DataFrame, target: int | None = None, baseline: tuple[float, float] | None = None
) -> tuple[Suggestion, ...]:
    of_rules = [find_plateaus(table, by) for by in RULES]
    table = table.assign(**{names.name: names for _, names in of_rules})
    found = pd.concat([each for each, _ in of_rules if len(each)] or [of_rules[0][0]])
    return suggest(table, found.reset_index(drop=True), target, baseline)


def suggested(table: pd.DataFrame, target: int | None = None) -> list[tuple[float, float]]:
    suggestions = advised(table, target)
    assert all(isinstance(s, Suggestion) and s.reason for s in suggestions)
    return [(s.eps_km, s.min_samples) for s in suggestions]


def wide(table: pd.DataFrame) -> pd.DataFrame:
    """The surface with radii that are a factor of 2 apart, so that its plateaus are clear."""
    return table.assign(eps_km=table["eps_km"].map(dict(zip(EPS, (10, 20, 40, 80), strict=True))))


def test_the_centre_of_what_both_rules_have_in_common_is_suggested():
    more = wide(surface([[50, 50, 50], [50, 50, 50], [50, 50, 50], [70, 70, 70]]))
    assert suggested(more) == [(20, 200)]
    (found,) = advised(more)
    assert not found.weak
    assert "12 of 12 pairs" in found.reason
    narrow = surface(LEVEL)
    narrow["min_samples"] = narrow["min_samples"].map({100.0: 100.0, 200.0: 130.0, 400.0: 170.0})
    (found,) = advised(narrow)
    assert found.weak
    assert "a weak one" in found.reason


def test_a_suggestion_that_is_the_baseline_says_so():
    """The one of the number wanted and the centre of the plateau alike."""
    same = advised(surface(LEVEL), int(LEVEL[1][1]), (15.0, 200.0))
    assert {(each.eps_km, each.min_samples) for each in same} == {(15.0, 200.0)}
    assert all(each.reason.startswith("the baseline itself; ") for each in same)
    other = advised(surface(LEVEL), int(LEVEL[1][1]), (15.0, 100.0))
    assert not any("baseline" in each.reason for each in other)


def test_two_rules_that_disagree_give_a_suggestion_and_a_runner_up():
    """Numbers are equal where clusters change, and clusters where their number does."""
    table = surface(
        [[90, 80, 70], [90, 80, 70], [50, 50, 50], [50, 50, 50]],
        steps_eps=[(2, j) for j in range(3)] + [(3, j) for j in range(3)],
        steps_min=[(i, j) for i in (2, 3) for j in (1, 2)],
    )
    table.loc[table["eps_km"] < 15, "n_clusters"] += np.arange(6) * 100
    assert suggested(wide(table)) == [(10, 200), (40, 200)]


def test_another_clear_plateau_is_the_runner_up():
    table = surface(LEVEL, steps_eps=[(2, j) for j in range(3)])
    table.loc[table["eps_km"] > 12, "n_clusters"] = 20
    assert len(suggested(wide(table))) == 2
    assert len(suggested(table)) == 1  # the other one is no clear plateau


def test_nothing_is_suggested_without_a_plateau():
    all_cells = [(i, j) for i in range(4) for j in range(3)]
    jumps = surface(np.arange(2, 14).reshape(4, 3), steps_eps=all_cells, steps_min=all_cells)
    assert suggested(jumps) == []
    none, _ = find_plateaus(jumps)
    assert no_plateau(none) == "No clear plateau: no two neighbouring pairs with clusters agree"
    table = surface(
        LEVEL, steps_eps=all_cells, steps_min=[(i, j) for i in (1, 2, 3) for j in (1, 2)]
    )
    table["n_clusters"] = [50, 50, 51, *range(60, 69)]
    small, _ = find_plateaus(table)
    assert small["area"].max() < 0.5
    assert suggested(table) == []
    assert no_plateau(small).startswith("No clear plateau: the largest has an area of 0.38")


def test_a_target_is_calibrated_to_where_it_is_stable():
    n = [[70, 60, 50], [70, 60, 50], [71, 60, 50], [90, 71, 50]]
    every = [(i, j) for i in range(4) for j in (1, 2)]
    # All pairs have as many: the centre.
    assert suggested(surface(LEVEL), 50)[0] == (15, 200)
    # 71 clusters twice: in the plateau of the first column, and in that of the second.
    assert suggested(surface(n, steps_min=every), 71)[0] in {(15, 100), (20, 200)}
    assert suggested(surface(n, steps_min=every), 88)[0] == (20, 100)
    first = advised(surface(n, steps_min=every), 60)[0]
    assert first.reason.startswith("60 clusters, as many as wanted, on the plateau of 4 pairs")


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


def test_a_suggestion_names_its_own_diagnostics():
    every = [(i, j) for i in range(4) for j in range(3)]
    for target in (None, 50):
        (one, *_) = advised(surface(LEVEL, diagnostics=every), target)
        assert one.reason.endswith("; but: one giant cluster")
        (other, *_) = advised(surface(LEVEL), target)
        assert "but:" not in other.reason


def test_a_suggestion_says_that_a_wide_radius_joins_regions():
    table = surface(LEVEL)
    for factor, says in ((5, False), (10, True)):
        (found,) = advised(table.assign(eps_km=table["eps_km"] * factor))
        assert ("restrict eps_km in [sweep]" in found.reason) == says
    assert "; but: such a radius joins regions or continents; for clusters of the" in found.reason
