"""``parameter_surface`` against ``DBSCAN`` at every pair, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gclust
from gclust import DBSCAN, parameter_surface
from gclust.cluster import latitude_orders
from gclust.cluster import surface_memory as memory
from gclust.cluster.fixed_point import UNIT, to_units
from gclust.cluster.locations import cluster_locations
from gclust.cluster.surface import surface_of_locations
from gclust.parallel import unreported
from tests.test_dbscan import clouds

X = np.array([[46.20, 6.14], [46.21, 6.15], [46.52, 6.63], [46.53, 6.62], [0.0, 0.0]])


def expect_like_dbscan(points, eps_km, min_samples, weight=None, **ways):
    surface = parameter_surface(
        points, eps_km=eps_km, min_samples=min_samples, sample_weight=weight, **ways
    )
    units = np.full(len(points), UNIT) if weight is None else to_units(weight)
    rows = []
    for eps in sorted(eps_km):
        for least in sorted(min_samples):
            model = DBSCAN(eps, least, **ways).fit(points, sample_weight=weight)
            labels = surface.labels(eps, least)
            assert labels.dtype == np.int64
            assert labels.tolist() == model.labels_.tolist(), (eps, least)
            core = surface.core_sample_mask(eps, least)
            assert core.tolist() == model.core_sample_mask_.tolist(), (eps, least)
            clustered = labels >= 0
            of_cluster = np.zeros(labels.max(initial=0) + 1, dtype=np.int64)
            np.add.at(of_cluster, labels[clustered], units[clustered])
            rows.append(
                [
                    *(eps, least, labels.max() + 1, core.sum(), (~clustered).sum()),
                    *(int(of_cluster.sum()) / UNIT, int(of_cluster.max()) / UNIT),
                ]
            )
    assert surface.table.columns.tolist() == [
        *("eps_km", "min_samples", "n_clusters", "n_core", "n_noise"),
        *("clustered_weight", "largest_weight"),
    ]
    assert surface.table.to_numpy().tolist() == rows
    return surface


@settings(max_examples=100)
@given(
    clouds(),
    st.sets(st.integers(1, 25), min_size=1, max_size=6),
    st.booleans(),
    st.sampled_from(["nearest", "first", "noise"]),
    st.sampled_from(["haversine", "wgs84"]),
)
def test_every_pair_is_as_dbscan_clusters_it(cloud, min_samples, weighted, border, metric):
    points, eps_km = cloud
    if metric == "wgs84":
        eps_km = min(eps_km, 500.0)
    weight = np.random.default_rng(len(points)).integers(0, 4, len(points)) / 2
    expect_like_dbscan(
        points,
        [eps_km, 0.6 * eps_km],
        list(min_samples),
        weight if weighted else None,
        border=border,
        metric=metric,
    )


@pytest.mark.parametrize("border", ["nearest", "first"])
def test_real_postal_codes(shared_data, border):
    import pandas as pd

    path = shared_data / "postal_codes" / "geonames_postal_codes.csv.gz"
    codes = pd.read_csv(path, usecols=["lat", "lng"]).dropna().to_numpy()
    rng = np.random.default_rng(4)
    points = codes[rng.permutation(len(codes))[:150_000]]
    weight = rng.integers(1, 5, len(points)) / 2
    surface = expect_like_dbscan(points, [3.0, 15.0], [8, 20.5, 50, 130], weight, border=border)
    assert surface.table["n_clusters"].max() > 100


def test_locations_are_clustered_as_by_their_own_dbscan():
    rng = np.random.default_rng(5)
    lat, lon = np.unique(rng.normal([48, 179.95], 0.2, (400, 2)), axis=0).T
    lon = np.where(lon >= 180, lon - 360, lon)
    order = np.lexsort((lon, lat))
    lat, lon, units = lat[order], lon[order], rng.integers(0, 3 * UNIT, 400)
    ways = {"border": "nearest", "metric": "haversine"}
    surface = surface_of_locations(lat, lon, units, ([8, 3], [20 * UNIT, 5 * UNIT + 1]), **ways)
    assert (surface.eps_km, surface.min_units) == ((3.0, 8.0), (5 * UNIT + 1, 20 * UNIT))
    for eps in surface.eps_km:
        for least in surface.min_units:
            expected = cluster_locations(lat, lon, units, DBSCAN(eps, least / UNIT, **ways))
            for found, wanted in zip(surface.cluster(eps, least), expected, strict=True):
                assert found.tolist() == wanted.tolist()
    none = np.zeros(0)
    empty = surface_of_locations(none, none, none, ([1], [1]), **ways)
    assert [part.tolist() for part in empty.cluster(1, 1)] == [[], []]


def test_results_do_not_depend_on_threads():
    rng = np.random.default_rng(6)
    points = rng.normal([10, 20], 0.3, (30_000, 2))
    one, two = (
        parameter_surface(points, eps_km=[2, 5], min_samples=[20, 40, 60], n_jobs=n) for n in (1, 2)
    )
    assert one.table.equals(two.table)
    assert (one.labels(5, 40) == two.labels(5, 40)).all()


def test_progress_is_reported():
    told = []
    parameter_surface(
        X, eps_km=[5], min_samples=[2], progress=lambda share, stage: told.append((stage, share))
    )
    for name in ("folding onto locations", "clustering for every pair"):
        shares = [share for stage, share in told if stage == name]
        assert shares == sorted(shares)
        assert (shares[0], shares[-1]) == (0.0, 1.0)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"eps_km": []}, "eps_km is empty; expected at least one value"),
        ({"min_samples": ()}, "min_samples is empty"),
        ({"eps_km": 5.0}, "eps_km must be a sequence of numbers, not 5.0"),
        ({"eps_km": "15"}, "eps_km must be a sequence of numbers, not '15'"),
        ({"eps_km": [5, "6"]}, "eps_km must be a sequence of numbers, but holds '6'"),
        ({"eps_km": [5, float("nan")]}, "eps_km must be a sequence of numbers, but holds nan"),
        ({"eps_km": [5, 7, 5.0]}, "eps_km holds 5 twice; expected different values"),
        ({"min_samples": [3, 2, 3]}, "min_samples holds 3 twice"),
        ({"eps_km": [5, 0]}, "eps_km must be a positive number of kilometres, not 0.0"),
        ({"eps_km": [-2.0]}, "not -2.0"),
        ({"min_samples": [0.5]}, "min_samples must be a number from 1 to .*, not 0.5"),
        ({"min_samples": range(1, 301)}, "min_samples has 300 values, .* at most 255"),
        ({"border": "far"}, "border must be one of"),
        ({"sample_weight": [1, 2]}, "sample_weight has 2 weights for the 5 rows of X"),
        ({"sample_weight": [1, 2, 3, 4, -1]}, "weight -1.0 of row 4 is negative"),
    ],
)
def test_what_cannot_be_used_is_named(wrong, told):
    with pytest.raises(ValueError, match=told):
        parameter_surface(X, **{"eps_km": [5], "min_samples": [2], **wrong})


def test_locations_that_cannot_be_used_are_named():
    lat = np.array([1.0, 2.0])
    ways = {"border": "noise", "metric": "haversine"}
    with pytest.raises(ValueError, match="min_units must be at least 1, not 0"):
        surface_of_locations(lat, lat, [1, 1], ([1], [0]), **ways)
    with pytest.raises(ValueError, match="min_units must be a sequence of whole numbers"):
        surface_of_locations(lat, lat, [1, 1], ([1], [1.5]), **ways)
    with pytest.raises(ValueError, match="units must be one whole number per location"):
        surface_of_locations(lat, lat, [1, -1], ([1], [1]), **ways)
    with pytest.raises(ValueError, match="distinct and sorted"):
        surface_of_locations(lat[::-1], lat, [1, 1], ([1], [1]), **ways)


def test_a_pair_that_is_not_there_is_named():
    surface = gclust.parameter_surface(X, eps_km=[60, 5], min_samples=[2, 1])
    assert repr(surface) == "Surface(eps_km=[5.0, 60.0], min_samples=[1.0, 2.0])"
    with pytest.raises(ValueError, match="the surface has no eps_km 6; it has 5, 60"):
        surface.labels(6, 2)
    with pytest.raises(ValueError, match="the surface has no min_samples 3; it has 1, 2"):
        surface.labels(5, 3)


def test_a_surface_that_would_not_fit_is_refused(monkeypatch):
    monkeypatch.setattr(memory, "free_memory", lambda: 3_000)
    with pytest.raises(ValueError, match="a surface of 100 values of eps_km and 5 locations take"):
        parameter_surface(X, eps_km=range(1, 101), min_samples=[2], n_jobs=1)
    with pytest.raises(ValueError, match="65 values of eps_km would fit: pass fewer"):
        parameter_surface(X, eps_km=range(1, 101), min_samples=[2], n_jobs=1)
    with pytest.raises(ValueError, match="40 values of eps_km would fit: pass fewer"):
        parameter_surface(X, eps_km=range(1, 101), min_samples=[2], n_jobs=9)
    monkeypatch.setattr(memory, "free_memory", lambda: 500)
    with pytest.raises(ValueError, match="2 locations would fit: round coordinates"):
        parameter_surface(X, eps_km=[1], min_samples=[2], n_jobs=1)
    monkeypatch.setattr(memory, "free_memory", lambda: None)
    assert len(parameter_surface(X, eps_km=[1], min_samples=[2]).table) == 1


def test_few_radii_at_a_time_where_memory_is_short(monkeypatch):
    monkeypatch.setattr(memory, "free_memory", lambda: 1_000_000)
    assert memory.radii_that_fit(5, 1) == memory.MOST_RADII
    assert memory.radii_that_fit(5_500, 1) == (181 - 165) // memory.RADIUS_BYTES
    assert memory.radii_that_fit(1_000_000, 1) == 1
    monkeypatch.setattr(memory, "free_memory", lambda: None)
    assert memory.radii_that_fit(10**9, 1) == memory.MOST_RADII


@pytest.mark.parametrize("ratio", [1.0, 100.0])
def test_shared_orders_change_nothing(monkeypatch, ratio):
    """Each radius with its own bands, and all with those of one, give what a fit gives."""
    monkeypatch.setattr(latitude_orders, "MOST_RATIO", ratio)
    points = 46 + 0.3 * np.random.default_rng(5).normal(size=(400, 2))
    points[:, 1] = points[:, 1].round(1)  # several of a band have one longitude
    orders = latitude_orders.orders_of_radii(*points.T.copy(), (3.0, 5.0, 8.0, 12.0), 1, unreported)
    assert len({each.eps_km for each in orders}) == (4 if ratio == 1 else 1)
    expect_like_dbscan(points, [3.0, 5.0, 8.0, 12.0], [2.0, 5.0, 20.0], None)


def test_locations_in_any_order_with_their_ranks():
    rng = np.random.default_rng(8)
    lat, lon = 46 + 0.3 * rng.normal(size=(2, 500))
    lat.sort()
    units = rng.integers(1, 4, 500) * UNIT
    grid, ways = ([4.0, 9.0], [5 * UNIT, 20 * UNIT]), {"border": "nearest", "metric": "haversine"}
    surface = surface_of_locations(lat, lon, units, grid, **ways)
    mixed = rng.permutation(500).astype(np.uint32)
    other = surface_of_locations(lat[mixed], lon[mixed], units[mixed], grid, rank=mixed, **ways)
    for eps in grid[0]:
        part = surface.at(eps)
        assert part.eps_km == (eps,)
        for least in grid[1]:
            labels, core = surface.cluster(eps, least)
            assert labels.max() > 0
            assert (part.cluster(eps, least)[0] == labels).all()
            for mine, expected in zip(other.cluster(eps, least), (labels, core), strict=True):
                assert (mine == expected[mixed]).all()


def test_the_benchmark_runs(capsys):
    from benchmarks.surface import main

    main(["--size", "3000", "--rounds", "1", "--pairs", "5", "--without-peer"])
    told = capsys.readouterr().out
    assert "pairs compared with DBSCAN, all the same" in told
    assert "its labels" in told
    assert "peak memory" in told
