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

import gclust
from gclust.datasets import allocation, gii, simulate, teams, world
from gclust.datasets.certainty import EPS_KM, MIN_SAMPLES
from gclust.datasets.fields import FIELDS, KNOWN_FOR
from gclust.datasets.figures import INVENTED
from gclust.datasets.geometry import distances_km
from gclust.datasets.inhabitants import _cells_about
from gclust.datasets.modelled import WORLD_TOTALS, YEARS
from gclust.datasets.organisations import organisation_shares
from gclust.datasets.own_files import NOTE
from gclust.datasets.positions import PositionPools, Shuffle, uniform
from gclust.datasets.records import PRECISIONS
from gclust.places.cities.gazetteer import gazetteer
from gclust.sphere import EARTH_RADIUS_KM, chord_of, unit_vectors

SCALE = 0.01
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
        0.33, abs=0.03
    )
    assert set(listings["precision"]) == set(PRECISIONS)
    at_centre = listings[listings["precision"] == "city"]
    # Every place has a listing at its centre, however few it has.
    places = pd.read_csv(small.folder / "places.csv")
    centres = at_centre[["lat", "lon"]].drop_duplicates()
    with_listings = places[places["listings"] > 0]
    assert len(centres) == len(with_listings[["lat", "lon"]].drop_duplicates())
    organisations = listings.groupby("organisation", observed=True).size()
    assert organisations.max() > 20 * organisations.median()


def test_cities_are_known_for_their_fields(small):
    listings = read(small)
    assert len(listings.drop_duplicates(["kind", "record", "field"])) == sum(small.totals.values())
    for kind, fields in FIELDS.items():
        rows = listings[listings["kind"] == kind]
        if len(rows) == 0:
            continue
        assert rows["field"].str.endswith(f" {INVENTED}").all()
        parts = rows["field"].str.removesuffix(f" {INVENTED}").value_counts(normalize=True)
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
        field += f" {INVENTED}"
        quotient = (here["field"] == field).mean() / world_parts[field]
        assert 1.3 < quotient < 6, field


def test_totals_are_exact(small):
    listings = read(small)
    records = listings.groupby("kind", observed=True)["record"].nunique().to_dict()
    real = WORLD_TOTALS[small.edition]
    assert records == small.totals == {kind: round(real[kind] * SCALE) for kind in real}


@pytest.mark.parametrize("scale", [0.01, 0.0123, 0.05, 1.0, 2.5])
def test_masses_are_allocated_to_half_a_record(plan, scale):
    classes_of = plan.classes_of(scale, seed=1)
    for kind, classes in classes_of.items():
        world_total = WORLD_TOTALS[2025][kind]
        assert classes.records == round(world_total * scale)
        units = classes.units(plan.regions)
        assert units.sum() == classes.records * teams.UNIT
        cluster = plan.geography.cluster
        counts = np.zeros(len(plan.clusters))
        np.add.at(counts, cluster[cluster >= 0], units[cluster >= 0] / teams.UNIT)
        wanted = plan.clusters[f"{kind}_share"] * world_total * scale / 100
        # Whole deals keep the order of totals, which may take the next nearest number.
        most = 1.0 if kind == "deal" else 0.5
        assert np.abs(counts - wanted).max() <= most + 1e-6, kind
    # What lies within reach of a place is exact too, whatever the sizes of teams.
    many = sum(classes.listings(plan.regions) for classes in classes_of.values())
    listings = np.bincount(plan.sites.table["region"], plan.sites.table["listings"]) * scale
    inside = plan.geography.cluster >= 0
    assert np.abs(many - listings)[inside].max() <= 1.0 + 1e-6


def test_whole_numbers_keep_the_order_of_totals():
    wanted, none = np.array([3.48, 3.55, 2.0]), np.zeros(3, dtype=bool)
    apart, close = np.array([1.2, 1.0, 0.5]), np.array([1.02, 1.0, 0.5])
    assert allocation.whole_numbers(wanted, apart, 0.1, 0.0, none).tolist() == [3, 4, 2]
    # Rounded, 1.368 and 1.355 would be 1.32 and 1.40: one of them takes its next nearest number.
    for printed, expected in (
        ([False, False, False], [4, 4, 2]),
        ([True, False, False], [3, 3, 2]),
        ([False, True, False], [4, 4, 2]),
        ([True, True, True], [4, 4, 2]),
    ):
        found = allocation.whole_numbers(wanted, close, 0.1, 0.0, np.array(printed))
        assert found.tolist() == expected


def test_fractional_counts_are_those_of_the_classes():
    classes = allocation.RecordClasses(*(np.array(column) for column in zip(
        (0, 1, 3, 1, 5), (1, 2, 22, 7, 2), (0, -1, 30, 30, 4), (2, 2, 4, 1, 3), strict=True
    )))  # fmt: skip
    expected = [
        5 * Fraction(1, 3) + 4,
        5 * Fraction(2, 3) + 2 * Fraction(7, 22),
        3 + Fraction(15, 11),
    ]
    assert [Fraction(int(u), teams.UNIT) for u in classes.units(3)] == expected
    assert classes.listings(3).tolist() == [5 + 120, 10 + 14, 30 + 12]
    both = classes.plus(classes)
    assert both.units(3).tolist() == (2 * classes.units(3)).tolist()


def test_patterns_sum_to_their_counts():
    for kind in ("patent", "publication"):
        shared = teams.shared_patterns(kind)
        counts = np.array([0, 1, 2, 7, 1000, 123_456])
        rows = shared.allocate(counts, uniform(np.arange(6, dtype=np.uint64), 3))
        assert (rows >= 0).all()
        assert rows.sum(axis=1).tolist() == counts.tolist()
        np.testing.assert_allclose(rows[-1] / counts[-1], shared.frequency, atol=1e-4)
        assert ((shared.here > 0) & (shared.here < shared.size) & (shared.size <= 22)).all()
    assert max(teams.TEAM_SIZES["publication"]) > 22


@pytest.mark.parametrize(("records", "listings"), [(1, 1), (7, 30), (1000, 1000), (1000, 4321)])
def test_teams_have_exactly_so_many_listings(records, listings):
    sizes, counts = teams.own_sizes(teams.TEAM_SIZES["publication"], records, listings)
    assert counts.sum() == records
    assert (sizes * counts).sum() == listings
    assert (sizes >= 1).all()
    with pytest.raises(ValueError, match="a record has 1 to 12"):
        teams.own_sizes(teams.TEAM_SIZES["patent"], 10, 9)


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
        ({"scale": 0.001}, "scale must be 0.01 or more, not 0.001"),
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
    assert 0.27 < (found["label"] < 0).mean() < 0.33


def test_joined_regions_recover_the_shares_and_ranks(small, found):
    table = shares(small, found)
    wanted = small.clusters.set_index("rank")
    for kind in small.totals:
        assert (table[kind] - wanted[f"{kind}_share"]).abs().max() < 0.05
    # At this scale a deal is 0.04 per cent: only totals further apart keep their order.
    total = table.sum(axis=1)
    apart = wanted["total"][:16].diff().abs()[1:] > 0.05
    assert (total[:16].diff()[1:][apart] < 0).all()
    assert apart.sum() >= 10
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
    assert len(joined) == 5
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


def test_core_listings_are_those_of_dense_places(small, found):
    """Dense places are core, whatever the draw; towns outside and at the border never are."""
    places = pd.read_csv(small.folder / "places.csv")
    table = world._Plan.of(small.edition, small.seed).sites.table
    assert len(places) == len(table)
    listings = found.groupby(["lat", "lon"], as_index=False).agg(
        many=("label", "size"), label=("label", "first")
    )
    points = unit_vectors(listings["lat"].to_numpy(), listings["lon"].to_numpy())
    tree = cKDTree(points)
    rows = places[(places["listings"] > 0).to_numpy()]
    centres = unit_vectors(rows["lat"].to_numpy(), rows["lon"].to_numpy())
    many = listings["many"].to_numpy()
    around = [many[near].sum() for near in tree.query_ball_point(centres, chord_of(EPS_KM))]
    dense = table["dense"].to_numpy()[rows.index]
    around = np.array(around) / small.min_samples
    assert (around[dense] >= 1.0).all()
    assert (around[~dense] < 1.0).all()
    # Near the threshold, too: not one plateau between none and far too many.
    outside = table["cluster"].to_numpy()[rows.index] < 0
    assert (around[outside] > 0.5).sum() > 100
    assert (around[dense] < 2.0).sum() > 100


def test_concentrations_lie_near_the_threshold_and_near_each_other(plan):
    table = plan.sites.table
    outside = table[(table["cluster"] < 0) & (table["listings"] > 0.25 * MIN_SAMPLES)]
    points = unit_vectors(outside["lat"], outside["lon"])
    near = cKDTree(points).query(points, k=2)[0][:, 1] < chord_of(16.0)
    assert near.sum() >= 20
    assert (outside["listings"] > 0.5 * MIN_SAMPLES).sum() > 200


def test_listings_thin_out_from_the_centre(plan):
    """Suburbs of a cluster have fewer listings than its centres, and border towns fewer still."""
    table = plan.sites.table
    table = table[table["cluster"] >= 0]
    centre = table[table["principal"]].groupby("region")["listings"].max()
    town = table[~table["principal"] & table["dense"]].groupby("region")["listings"].median()
    assert (town < 0.25 * centre[town.index]).mean() > 0.95
    part = table[~table["dense"]]["listings"].sum() / table["listings"].sum()
    assert 0.02 < part < 0.06
    by_cluster = table["listings"].where(~table["dense"], 0.0).groupby(table["cluster"]).sum()
    by_cluster /= table.groupby("cluster")["listings"].sum()
    assert 0.05 < by_cluster.mean() < 0.12
    assert by_cluster.std() > 0.03


def test_a_sweep_does_not_lie_on_one_plateau(small):
    if small.edition != 2025:
        pytest.skip("one edition is enough")
    study = small.folder / "sweep.toml"
    grid = "\n[sweep]\neps_km = [10.0, 15.0, 20.0]\nmin_samples = [25, 45, 80]\n"
    study.write_text(small.study.read_text(encoding="utf-8") + grid, encoding="utf-8")
    table = gclust.sweep(study).table
    plateaus = table.loc[table["plateau"].fillna("") != "", "plateau"].value_counts()
    assert plateaus.max() <= 4
    number = table.set_index(["eps_km", "min_samples"])["n_clusters"]
    assert number[15.0, 45] == 237
    assert number.max() > 2 * number.min()


# -- joint records, years, organisations ---------------------------------------------------


def test_joint_records_are_as_frequent_as_in_the_literature(small):
    """WIPO 2019: about a fifth of articles and a tenth of patents are international."""
    listings = read(small)
    by_record = listings.groupby(["kind", "record"], observed=True)
    part = {
        column: by_record[column].nunique().gt(1).groupby("kind", observed=True).mean()
        for column in ("country", "organisation")
    }
    assert 0.18 < part["country"]["publication"] < 0.22
    assert 0.08 < part["country"]["patent"] < 0.12
    assert 0.5 < part["organisation"]["publication"] < 0.7
    assert 0.03 < part["organisation"]["patent"] < 0.08


def test_years_have_trends_and_shocks(small):
    listings = read(small).drop_duplicates(["kind", "record"])
    of_year = listings.groupby(["kind", "year"], observed=True).size()
    if small.edition == 2025:
        assert of_year["deal"].idxmax() == 2021
        assert of_year["deal"][2023] < of_year["deal"][2022] < of_year["deal"][2021]
    publications = of_year["publication"]
    assert publications.iloc[-1] > 1.05 * publications.iloc[0]
    # Places differ: the last year's part of a country's publications.
    rows = listings[listings["kind"] == "publication"]
    last = (rows["year"] == rows["year"].max()).groupby(rows["country"], observed=True)
    part = last.mean()[last.size() > 500]
    assert len(part) > 20
    assert part.max() - part.min() > 0.05


def test_organisations_are_invented_but_for_those_that_a_source_names(small):
    listings = read(small)
    names = listings.drop_duplicates(["kind", "organisation"])
    named = organisation_shares(small.edition)
    for kind, rows in names.groupby("kind", observed=True):
        known = set(named.loc[named["kind"] == kind, "organisation"])
        plain = rows.loc[~rows["organisation"].str.endswith(INVENTED), "organisation"]
        assert set(plain) <= known  # of few records some have none at this scale
        assert bool(len(plain)) == bool(known)


# -- the files next to the listings ---------------------------------------------------------


def test_the_study_is_ready_to_run(small):
    text = small.study.read_text(encoding="utf-8")
    study = tomllib.loads(text)
    assert "Simulated listings" in text
    assert "validates nothing" in text
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
        assert row["mark"] in ("published", "invented")
        assert row["cluster_mark"] in ("published", "invented")
        assert bool(row["source"]) == (row["mark"] == "published")
        assert np.isfinite(float(row["value"]))
    marks = {(row["cluster"], row["figure"]): row["mark"] for row in rows}
    assert len(marks) == len(rows)
    assert marks["Tokyo–Yokohama", "rank"] == "published"
    assert marks["Tokyo–Yokohama", "population"] == "invented"
    if small.edition == 2025:
        assert marks["Tokyo–Yokohama", "publication_share"] == "invented"
        assert marks["Ningde", "patent_organisation_share: CATL"] == "invented"
        assert marks["São Paulo", "patent_organisation_share: Braskem"] == "published"
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
    sites = world._Plan.of(small.edition, small.seed).sites.table
    sites = sites[(sites["cluster"] >= 0) & sites["dense"] & (sites["population"] > 0)]
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


def test_places_are_marked(small):
    places = pd.read_csv(small.folder / "places.csv")
    assert set(places["mark"]) == {"invented"}
    assert set(places["position"]) == {"GeoNames", "invented"}
    assert places["listings"].sum() == sum(small.listings.values())
    cities = gazetteer()[["lat", "lon"]].round(5).drop_duplicates()
    real = places.loc[places["position"] == "GeoNames", ["lat", "lon"]]
    assert len(real.merge(cities)) == len(real)
    named = places["cluster"].dropna().unique()
    assert set(named) == set(small.clusters["cluster"])


def test_clusters_without_a_published_figure_are_marked(small):
    table = pd.read_csv(small.folder / "figures.csv")
    named = set(gii(small.edition)["cluster"])
    mark = table.drop_duplicates("cluster").set_index("cluster")["cluster_mark"]
    assert len(mark) == 237
    assert (mark == "published").equals(pd.Series(mark.index.isin(named), mark.index))
    assert (mark == "invented").sum() > 100


@pytest.mark.full_size
def test_the_whole_world_is_written_in_parts(tmp_path):
    whole = simulate(tmp_path, scale=1.0)
    assert whole.totals == WORLD_TOTALS[2025]
    assert 35_000_000 <= sum(whole.listings.values()) <= 40_000_000
    assert len(list((tmp_path / "listings" / "publication").iterdir())) > 10
