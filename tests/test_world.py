"""Simulated worlds: exact masses, bounded places, and clusters that density finds again."""

from __future__ import annotations

import csv
import hashlib
import json
import tomllib
from fractions import Fraction
from itertools import combinations

import numpy as np
import pandas as pd
import pyarrow.dataset as ds
import pytest
import rasterio
from rasterio.windows import Window
from scipy.spatial import cKDTree
from sklearn.cluster import DBSCAN

from gclust.datasets import allocation, simulate, teams, world
from gclust.datasets.fields import FIELDS, KNOWN_FOR
from gclust.datasets.geometry import distances_km
from gclust.datasets.inhabitants import _cells_about
from gclust.datasets.layout import EPS_KM, MIN_SAMPLES
from gclust.datasets.modelled import WORLD_TOTALS, YEARS
from gclust.datasets.own_files import NOTE
from gclust.datasets.positions import PositionPools, Shuffle, uniform
from gclust.datasets.records import PRECISIONS
from gclust.sphere import EARTH_RADIUS_KM, chord_of, unit_vectors

SCALE = 0.005
# Positions are gathered in cells of 370 m, which the layout's margins of a kilometre bear:
# scikit-learn lists every neighbour of every point.
CELLS_PER_DEGREE = 300


@pytest.fixture(scope="module", params=[2025, 2023])
def small(request, tmp_path_factory):
    return simulate(tmp_path_factory.mktemp("world"), edition=request.param, scale=SCALE)


@pytest.fixture(scope="module")
def plan():
    return world._Plan.of(2025, seed=1)


@pytest.fixture(scope="module")
def found(small):
    """Listings with the label that plain density gives them."""
    listings = read(small)
    return listings.assign(label=density(listings, small.min_samples, EPS_KM))


def read(small):
    parts = [
        ds.dataset(small.folder / "listings" / kind).to_table().to_pandas() for kind in small.totals
    ]
    return pd.concat(parts, ignore_index=True)


def density(listings, min_samples, eps_km):
    """Cluster listings with scikit-learn, gathered in small cells."""
    cell = np.rint(listings[["lat", "lon"]].to_numpy() * CELLS_PER_DEGREE).astype(np.int64)
    _, row = np.unique(cell, axis=0, return_inverse=True)
    row = row.ravel()
    many = np.bincount(row)
    mean = np.stack([np.bincount(row, listings[axis]) / many for axis in ("lat", "lon")], axis=1)
    labels = DBSCAN(
        eps=eps_km / EARTH_RADIUS_KM, min_samples=min_samples, metric="haversine",
        algorithm="ball_tree",
    ).fit_predict(np.radians(mean), sample_weight=many)  # fmt: skip
    return labels[row]


def label_of_regions(small, found):
    """The label at the main city of each region: every city's centre has listings."""
    labels = found.groupby(["lat", "lon"])["label"].first()
    return np.array([labels[lat, lon] for lat, lon in small.regions[["lat", "lon"]].to_numpy()])


def shares(small, found):
    """Shares of the intended clusters by the labels found, in per cent."""
    label = label_of_regions(small, found)
    cluster = dict(zip(label, small.regions["cluster"], strict=True))
    size = found.groupby(["kind", "record"], observed=True)["lat"].transform("size")
    rows = found.assign(cluster=found["label"].map(cluster), fraction=1.0 / size)
    count = rows.pivot_table("fraction", "cluster", "kind", aggfunc="sum", observed=True)
    return 100.0 * count / pd.Series(small.totals)


def tie_table(found, regions):
    """Ties of all pairs of labels, noise last: one unit a record, over its pairs of listings."""
    label = np.where(found["label"] < 0, regions, found["label"])
    rows = found.assign(label=label).groupby(["kind", "record", "label"], observed=True).size()
    rows = rows.rename("here").reset_index()
    rows["all"] = rows.groupby(["kind", "record"], observed=True)["here"].transform("sum")
    rows = rows[rows["all"] > rows["here"]]
    pairs = rows.merge(rows, on=["kind", "record", "all"])
    pairs = pairs[pairs["label_x"] != pairs["label_y"]]
    tie = pairs["here_x"] * pairs["here_y"] / (pairs["all"] * (pairs["all"] - 1) / 2)
    out = np.zeros((regions + 1, regions + 1))
    np.add.at(out, (pairs["label_x"], pairs["label_y"]), tie)
    return out


def digest(folder):
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


# -- what a world is made of ---------------------------------------------------------------


def test_listings_have_the_fixed_columns_and_nothing_else(small):
    listings = read(small)
    expected = ["record", "kind", "lat", "lon", "year", "organisation", "field", "country"]
    assert listings.columns.tolist() == [*expected, "precision"]
    assert listings.notna().all(axis=None)
    for kind, rows in listings.groupby("kind", observed=True):
        assert len(rows) == small.listings[kind]
        first, last = YEARS[small.edition][kind]
        assert sorted(rows["year"].unique()) == list(range(first, last + 1))
        assert rows["record"].is_monotonic_increasing
    assert listings["precision"].value_counts(normalize=True)["city"] == pytest.approx(
        0.25, abs=0.03
    )
    assert set(listings["precision"]) == set(PRECISIONS)
    at_centre = listings[listings["precision"] == "city"]
    assert len(at_centre[["lat", "lon"]].drop_duplicates()) < 20_000
    organisations = listings.groupby("organisation", observed=True).size()
    assert organisations.max() > 20 * organisations.median()
    assert listings["organisation"].str.endswith("(simulated)").all()


def test_cities_are_known_for_their_fields(small):
    listings = read(small)
    assert len(listings.drop_duplicates(["kind", "record", "field"])) == sum(small.totals.values())
    for kind, fields in FIELDS.items():
        rows = listings[listings["kind"] == kind]
        if len(rows) == 0:
            continue
        parts = rows["field"].value_counts(normalize=True)
        assert set(parts.index) == set(fields)
        # Cities differ, and the world keeps about the parts that were meant for it.
        assert (parts / (pd.Series(fields) / sum(fields.values()))).between(0.5, 2).all()
    every = {field for fields in FIELDS.values() for field in fields}
    assert {field for known in KNOWN_FOR.values() for field in known} <= every
    assert set(KNOWN_FOR) <= set(world._Plan.of(small.edition, small.seed).sites.table["name"])
    patents = listings[listings["kind"] == "patent"]
    world_parts = patents["field"].value_counts(normalize=True)
    for lat, lon, country, field in (
        (35.69, 139.69, "JP", "electrical machinery"),
        (37.34, -121.89, "US", "computer technology"),
        (22.55, 114.07, "CN", "digital communication"),
    ):
        near = np.hypot(patents["lat"] - lat, patents["lon"] - lon) < 0.15
        here = patents[near & (patents["country"] == country)]
        assert len(here) > 200, field
        quotient = (here["field"] == field).mean() / world_parts[field]
        assert 1.3 < quotient < 6, field


def test_totals_are_exact(small):
    listings = read(small)
    records = listings.groupby("kind", observed=True)["record"].nunique().to_dict()
    real = WORLD_TOTALS[small.edition]
    assert records == small.totals == {kind: round(real[kind] * SCALE) for kind in real}


@pytest.mark.parametrize("scale", [0.005, 0.0123, 0.05, 1.0, 2.5])
@pytest.mark.parametrize("kind", ["patent", "publication", "deal"])
def test_masses_are_allocated_to_half_a_record(plan, kind, scale):
    classes = plan.record_classes(kind, scale, seed=1)
    world_total = WORLD_TOTALS[2025][kind]
    assert classes.records == round(world_total * scale)
    units = classes.units(len(plan.layout.regions) + 1)
    assert units.sum() == classes.records * teams.UNIT
    held = np.zeros(len(plan.clusters))
    np.add.at(held, [region["cluster"] for region in plan.layout.regions], units[:-1])
    wanted = plan.clusters[f"{kind}_share"] * world_total * scale / 100
    assert np.abs(held / teams.UNIT - wanted).max() <= 0.5 + 1e-6


def test_fractional_counts_are_those_of_the_classes():
    classes = allocation.RecordClasses(*(np.array(column) for column in zip(
        (0, 1, 3, 1, 5), (1, 2, 22, 7, 2), (0, -1, 30, 30, 4), strict=True
    )))  # fmt: skip
    expected = [5 * Fraction(1, 3) + 4, 5 * Fraction(2, 3) + 2 * Fraction(7, 22), Fraction(15, 11)]
    assert [Fraction(int(u), teams.UNIT) for u in classes.units(3)] == expected
    assert classes.listings(3).tolist() == [5 + 120, 10 + 14, 30]


def test_patterns_sum_to_their_counts():
    for kind in ("patent", "publication"):
        for patterns in (teams.own_patterns(kind), teams.shared_patterns(kind)):
            counts = np.array([0, 1, 2, 7, 1000, 123_456])
            rows = patterns.allocate(counts, uniform(np.arange(6, dtype=np.uint64), 3))
            assert (rows >= 0).all()
            assert rows.sum(axis=1).tolist() == counts.tolist()
            np.testing.assert_allclose(rows[-1] / counts[-1], patterns.frequency, atol=1e-4)
        shared = teams.shared_patterns(kind)
        assert ((shared.here > 0) & (shared.here < shared.size) & (shared.size <= 22)).all()
    assert teams.mean_size("patent") == pytest.approx(2.9, abs=0.1)
    assert teams.mean_size("publication") == pytest.approx(4.3, abs=0.1)
    assert max(teams.TEAM_SIZES["publication"]) > 22


def test_a_shuffle_is_a_permutation():
    for size in (1, 2, 3, 10, 997, 1000, 46_368):
        assert sorted(Shuffle.of(size, 5)(np.arange(size))) == list(range(size))


def test_positions_are_finite_and_near_their_site(plan):
    points = plan.sites.points
    assert points.bound <= 60_000_000
    lone = PositionPools(*(np.array([value]) for value in (60.0, 179.99, 3.0, 200.0)))
    many = 20_000
    site, bits = np.zeros(many, dtype=np.int64), np.arange(many, dtype=np.uint64) << np.uint64(32)
    bits |= np.arange(many, dtype=np.uint64) << np.uint64(16)
    for precision in range(3):
        lat, lon = lone.positions(site, np.full(many, precision), bits, seed=1)
        places = set(zip(lat, lon, strict=True))
        assert len(places) <= (1, lone.postal[0], lone.rooftops[0])[precision]
        km = distances_km(lat[:1000], lon[:1000], lone.lat, lone.lon)
        assert km.max() <= 3.01
        assert (np.abs(lon) <= 180).all()


def test_locations_stay_below_the_bound(small):
    locations = len(read(small)[["lat", "lon"]].drop_duplicates())
    assert locations <= small.most_locations <= 60_000_000


def test_same_seed_same_bytes(small, tmp_path):
    again = simulate(tmp_path / "again", edition=small.edition, scale=SCALE)
    other = simulate(tmp_path / "other", edition=small.edition, scale=SCALE, seed=2)
    assert digest(again.folder) == digest(small.folder)
    assert not set(digest(other.folder).values()) & {
        value for name, value in digest(small.folder).items() if name.startswith("listings")
    }


def test_an_earlier_world_is_replaced(tmp_path):
    stale = tmp_path / "listings" / "deal" / "part-007.parquet"
    stale.parent.mkdir(parents=True)
    stale.write_bytes(b"of an earlier world")
    sums = [hashlib.sha256(b"of an earlier world").hexdigest()]
    (tmp_path / NOTE).write_text(json.dumps({"listings/deal/part-007.parquet": sums}))
    simulate(tmp_path, edition=2023, scale=SCALE)
    assert not stale.exists()


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"edition": 2024}, "edition must be 2025 or 2023, not 2024"),
        ({"scale": 0.001}, "scale must be 0.005 or more, not 0.001"),
        ({"scale": float("nan")}, "scale must be"),
        ({"seed": -1}, "seed must be 0 or more"),
    ],
)
def test_wrong_arguments_are_named(tmp_path, wrong, message):
    with pytest.raises(ValueError, match=message):
        simulate(tmp_path / "none", **wrong)
    assert not (tmp_path / "none").exists()


# -- what density finds in it --------------------------------------------------------------


def test_density_finds_every_region(small, found):
    label = label_of_regions(small, found)
    assert label.min() >= 0
    assert len(set(label)) == len(small.regions) == found["label"].max() + 1
    assert len(small.regions) > len(small.clusters) == 237
    assert 0.3 < (found["label"] < 0).mean() < 0.4


def test_joined_regions_recover_the_shares_and_ranks(small, found):
    table = shares(small, found)
    wanted = small.clusters.set_index("rank")
    for kind in small.totals:
        assert (table[kind] - wanted[f"{kind}_share"]).abs().max() < 0.1
    # At this scale a deal is 0.08 per cent: only totals further apart keep their order.
    total = table.sum(axis=1)
    apart = wanted["total"][:16].diff().abs()[1:] > 0.09
    assert (total[:16].diff()[1:][apart] < 0).all()
    assert apart.sum() >= 8
    two = table["patent"] + table["publication"]
    first = wanted.nsmallest(6, "two_kind_rank").index
    assert two.nlargest(6).index.tolist() == first.tolist()


def test_two_kilometres_do_not_recover_the_clusters(small):
    listings = read(small)
    found = listings.assign(label=density(listings, small.min_samples, 2.0))
    assert found["label"].max() + 1 != len(small.regions)
    table = shares(small, found).reindex(range(1, 38)).fillna(0.0)
    wanted = small.clusters.set_index("rank")
    for kind in ("patent", "publication"):
        assert (table[kind] - wanted[f"{kind}_share"]).abs().max() > 1.0


def test_ties_join_what_belongs_together_and_nothing_else(small, found):
    label = label_of_regions(small, found)
    ties = tie_table(found, len(label))
    strongest = ties.argmax(axis=1)
    cluster = small.regions["cluster"].to_numpy()
    joined = {(a, b) for a, b in combinations(range(len(label)), 2) if cluster[a] == cluster[b]}
    assert len(joined) == 4
    near = near_pairs(found, label)
    assert joined < near
    assert len(near - joined) == 2
    for a, b in near:
        mutual = strongest[label[a]] == label[b] and strongest[label[b]] == label[a]
        assert mutual == ((a, b) in joined)
    # One of the others leans on its neighbour, which the one-sided rule would join.
    assert any(strongest[label[a]] == label[b] or strongest[label[b]] == label[a]
               for a, b in near - joined)  # fmt: skip


def near_pairs(found, label):
    """Pairs of regions with locations within 5 km of each other."""
    rows = found[found["label"] >= 0].drop_duplicates(["lat", "lon"])
    points = unit_vectors(rows["lat"].to_numpy(), rows["lon"].to_numpy())
    region = np.argsort(label)[rows["label"].to_numpy()]
    trees = {one: cKDTree(points[region == one]) for one in range(len(label))}
    centre = np.array([tree.data.mean(axis=0) for tree in trees.values()])
    return {
        (a, b)
        for a, b in cKDTree(centre).query_pairs(chord_of(250.0))
        if trees[a].count_neighbors(trees[b], chord_of(5.0))
    }


def test_noise_never_comes_near_the_threshold(plan):
    for scale in (SCALE, 1.0):
        min_samples = max(1, round(MIN_SAMPLES * scale))
        total = 0
        for kind in WORLD_TOTALS[2025]:
            many = plan.record_classes(kind, scale, seed=1).listings(len(plan.layout.regions) + 1)
            fixed = min_samples if kind == "publication" else 0.0
            total = total + plan.sites.quotas(many, fixed)
        noise = plan.sites.table["region"].to_numpy() == len(plan.layout.regions)
        assert total[noise].max() < 0.95 * min_samples
    places = unit_vectors(plan.noise["lat"].to_numpy(), plan.noise["lon"].to_numpy())
    nearest = cKDTree(places).query(places, k=2)[0][:, 1].min()
    assert nearest > chord_of(EPS_KM + 2 * plan.noise["radius_km"].max())


# -- the files beside the listings ---------------------------------------------------------


def test_the_study_is_ready_to_run(small):
    text = small.study.read_text(encoding="utf-8")
    study = tomllib.loads(text)
    assert "Simulated listings" in text
    assert study["clusters"]["min_samples"] == small.min_samples == round(4500 * SCALE)
    kinds = ["patent", "publication", "deal"][: len(WORLD_TOTALS[small.edition])]
    assert [source["kind"] for source in study["sources"]] == kinds
    for source in study["sources"]:
        assert list(small.folder.glob(source["path"]))
        assert tuple(source["years"]) == YEARS[small.edition][source["kind"]]
    assert (small.folder / study["population"]["raster"]).is_file()


def test_every_figure_is_marked(small):
    with (small.folder / "figures.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        assert row["mark"] in ("published", "modelled")
        assert bool(row["source"]) == (row["mark"] == "published")
        assert np.isfinite(float(row["value"]))
    marks = {(row["cluster"], row["figure"]): row["mark"] for row in rows}
    assert len(marks) == len(rows)
    assert marks["Tokyo–Yokohama", "rank"] == "published"
    assert marks["Tokyo–Yokohama", "population"] == "modelled"
    if small.edition == 2025:
        assert marks["Tokyo–Yokohama", "publication_share"] == "modelled"
        assert marks["Basel", "two_kind_rank"] == "published"
        values = {(row["cluster"], row["figure"]): row["value"] for row in rows}
        assert values["Shenzhen–Hong Kong–Guangzhou", "patent_share"] == "9"


def test_every_inhabitant_of_a_cluster_lives_within_five_km_of_a_centre():
    lat, lon = np.array([52.2, -33.9, 64.0]), np.array([0.12, 151.2, -179.999])
    cells, persons = _cells_about(lat, lon, np.array([1000.0, 500.0, 8.0]))
    assert persons.sum() == pytest.approx(1508.0)
    row, column = np.divmod(cells, 360 * 60)
    for down in (0, 1):
        for right in (0, 1):
            km = distances_km(90 - (row + down) / 60, (column + right) / 60 - 180, lat, lon)
            assert km.min(axis=1).max() < 5.0


def test_the_raster_holds_the_population(small):
    layout = world._Plan.of(small.edition, small.seed).layout
    sites = pd.DataFrame(layout.sites)
    sites["cluster"] = [layout.regions[region]["cluster"] for region in sites["region"]]
    sites = sites[sites["population"] > 0]
    wanted = small.clusters["population"]
    assert small.clusters["cluster"][wanted.idxmax()] == "Shenzhen–Hong Kong–Guangzhou"
    with rasterio.open(small.folder / "population.tif") as raster:
        assert raster.crs.to_epsg() == 4326
        assert raster.shape == (180 * 60, 360 * 60)
        for cluster, rows in sites.groupby("cluster"):
            lat, lon = rows["lat"].to_numpy(), rows["lon"].to_numpy()
            cells, _ = _cells_about(lat, lon, np.ones(len(rows)))
            row, column = np.divmod(np.unique(cells), 360 * 60)
            top, left = row.min(), column.min()
            window = Window(left, top, column.max() - left + 1, row.max() - top + 1)
            persons = raster.read(1, window=window)[row - top, column - left]
            assert persons.sum(dtype=float) == pytest.approx(wanted[cluster], rel=1e-6)


@pytest.mark.full_size
def test_the_whole_world_is_written_in_parts(tmp_path):
    whole = simulate(tmp_path, scale=1.0)
    assert whole.totals == WORLD_TOTALS[2025]
    assert 35_000_000 <= sum(whole.listings.values()) <= 40_000_000
    assert len(list((tmp_path / "listings" / "publication").iterdir())) > 10
