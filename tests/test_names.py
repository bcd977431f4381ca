"""Names and economies on hand-made gazetteers and on the real one."""

from dataclasses import replace
from itertools import permutations

import numpy as np
import pandas as pd
import pytest

from gclust.places.cities import location_cells
from gclust.places.cities.cities import shipped_cities
from gclust.places.cities.gazetteer import gazetteer
from gclust.places.cities.location_cells import ClusterCells
from gclust.places.cities.names import name_clusters

KM = 1.0 / 111.195  # degrees of latitude
UNIT = 232_792_560


def cities(*rows, **columns):
    table = pd.DataFrame(rows, columns=["name", "country", "lat", "lon", "population"])
    return table.assign(geonameid=np.arange(len(table)), **columns)


# On one meridian: a large city at 0, a middling one 40 km and a small one 80 km north.
LINE = cities(
    ("Large", "AA", 0.0, 0.0, 900_000),
    ("Middling", "AA", 40 * KM, 0.0, 400_000),
    ("Small", "BB", 80 * KM, 0.0, 100_000),
)


def name(lat, weight, labels=None, country=None, **options):
    labels = np.zeros(len(lat), int) if labels is None else np.asarray(labels)
    options = {"gazetteer": LINE, **options}
    lon, n_clusters = np.zeros(len(lat)), int(labels.max()) + 1
    return name_clusters(ClusterCells.of(lat, lon, weight, labels, n_clusters, country), **options)


def test_cities_come_in_the_order_of_their_weight():
    named = name([0.0, 40 * KM, 80 * KM], [2 * UNIT, 5 * UNIT, 3 * UNIT])
    assert named.index.tolist() == [0]
    assert named.columns.tolist() == ["name", "economies"]
    assert named.iloc[0].tolist() == ["Middling–Small–Large", "AA/BB"]


def test_equal_weights_go_by_inhabitants():
    assert name([0.0, 40 * KM, 80 * KM], [1, 1, 1])["name"][0] == "Large–Middling–Small"


def test_most_and_least_share_limit_the_cities():
    places, weights = [0.0, 40 * KM, 80 * KM], [60, 30, 10]
    assert name(places, weights)["name"][0] == "Large–Middling–Small"
    assert name(places, weights, most=2)["name"][0] == "Large–Middling"
    assert name(places, weights, least_share=0.11)["name"][0] == "Large–Middling"
    assert name(places, weights, least_share=0.7)["name"][0] == "Large"


def test_a_location_counts_by_inhabitants_over_squared_distance():
    # Between cities of 900,000 and 400,000 at 40 km the break is 40 / (1 + 2/3) = 24 km.
    near, far = 23.0 * KM, 25.0 * KM
    both = [0.0, 40 * KM]
    assert name([*both, near], [0, 0, 1], least_share=0.5)["name"][0] == "Large"
    assert name([*both, far], [0, 0, 1], least_share=0.5)["name"][0] == "Middling"


def test_a_city_is_in_a_cluster_within_15_km_of_a_location():
    # 14 km south of the middling city: Reilly's break is passed, but the city is there.
    assert name([0.0, 25.5 * KM], [1, 9])["name"][0] == "Middling–Large"
    assert name([0.0, 24.5 * KM], [1, 9])["name"][0] == "Large"


def test_a_cluster_far_from_any_city_bears_the_nearest_name():
    named = name([150 * KM, 160 * KM, 20.0], [1, 1, 1])
    assert named.iloc[0].tolist() == ["Small", "BB"]


def test_parts_and_sections_of_a_city_give_no_names():
    # 900,000 at 2,500 inhabitants per km2 fill a circle of 10.7 km.
    table = cities(
        ("Large", "AA", 0.0, 0.0, 900_000),
        ("Part", "AA", 10.5 * KM, 0.0, 149_000),
        ("Too large", "AA", -10.5 * KM, 0.0, 151_000),
        ("Too far", "AA", 11.0 * KM, 0.0, 149_000),
        ("Abroad", "BB", 10.0 * KM, 0.0, 149_000),
        ("Section", "AA", 30.0 * KM, 0.0, 800_000),
        section=[False, False, False, False, False, True],
    )
    eligible = name(table["lat"].to_numpy(), np.ones(6), gazetteer=table, most=9, least_share=0.0)[
        "name"
    ][0]
    assert set(eligible.split("–")) == {"Large", "Too large", "Too far", "Abroad"}


def test_economies_go_by_weight_from_one_per_cent_on():
    places = [0.0, 80 * KM]
    assert name(places, [99, 1])["economies"][0] == "AA/BB"
    assert name(places, [991, 9])["economies"][0] == "AA"
    assert name(places, [1, 2])["economies"][0] == "BB/AA"
    assert name(places, [1, 1])["economies"][0] == "AA/BB"


def test_a_given_country_goes_before_the_nearest_citys():
    places, weights = [0.0, 1 * KM, 2 * KM], [3, 2, 1]
    assert name(places, weights, country=["ZZ", None, "YY"])["economies"][0] == "ZZ/AA/YY"
    assert name(places, weights, country=np.array(["", "", ""]))["economies"][0] == "AA"


def test_same_names_are_told_apart():
    table = cities(
        ("Same", "AA", 0.0, 0.0, 100_000),
        ("Same", "BB", 10.0, 0.0, 100_000),
        ("Same", "BB", 20.0, 0.0, 100_000),
        ("Same", "CC", 30.0, 0.0, 100_000),
        ("Same", "CC", 40.0, 0.0, 100_000),
        ("Other", "CC", 50.0, 0.0, 100_000),
        admin1=["X", "N", "S", "01", "02", "03"],
    )
    named = name(table["lat"].to_numpy(), np.ones(6), labels=np.arange(6), gazetteer=table)
    assert named["name"].tolist() == [
        "Same (AA)",
        "Same (N, BB)",
        "Same (S, BB)",
        "Same (CC)",
        "Same (CC) 2",
        "Other",
    ]
    far = name([0.0, 60 * KM, 0.1 * KM], [1, 1, 1], labels=[0, 1, 2])
    assert far["name"].tolist() == ["Large (AA)", "Small", "Large (AA) 2"]


def test_noise_does_not_count():
    named = name([0.0, 80 * KM], [1, 9], labels=[0, -1])
    assert named.iloc[0].tolist() == ["Large", "AA"]


@pytest.mark.parametrize("dtype", [np.int64, np.float64])
def test_rows_in_any_order_give_the_same_table(dtype):
    random = np.random.default_rng(4)
    n = 4000
    labels = random.integers(-1, 12, n)
    lat = 45.0 + labels + random.normal(0, 0.2, n)
    lon = 8.0 + random.normal(0, 0.5, n)
    weight = (random.random(n) * UNIT).astype(dtype)
    country = random.choice(["FR", "IT", ""], n)
    order = random.permutation(n)
    expected, actual = (
        name_clusters(
            ClusterCells.of(lat[rows], lon[rows], weight[rows], labels[rows], 12, country[rows])
        )
        for rows in (np.arange(n), order)
    )
    pd.testing.assert_frame_equal(actual, expected)
    assert expected["name"].is_unique


def test_sums_of_floats_do_not_depend_on_the_order_of_rows():
    # 1 and 1 are lost when they are added to 1e16 one by one, and then the cities tie.
    places = [40 * KM, 40 * KM, 40 * KM, 0.0]
    names = {
        name(places, [*weights, 1e16])["name"][0] for weights in permutations([1.0, 1.0, 1e16])
    }
    assert len(names) == 1


def test_longitudes_on_either_side_of_180_are_one_place():
    table = cities(("Seam", "FJ", -17.0, 179.99, 50_000), ("Far", "NZ", -17.0, 170.0, 50_000))
    cells = ClusterCells.of([-17.0, -17.0], [-179.995, 180.0], [1, 1], [0, 0], n_clusters=1)
    named = name_clusters(cells, gazetteer=table)
    assert named.iloc[0].tolist() == ["Seam", "FJ"]


def city(name, country, admin1=None):
    table = gazetteer()
    found = table[(table["name"] == name) & (table["country"] == country)]
    if admin1:
        found = found[found["admin1"] == admin1]
    return found.sort_values("population").iloc[-1]


PUBLISHED = {
    "Tokyo–Yokohama": [("Tokyo", "JP"), ("Yokohama", "JP")],
    "Shenzhen–Hong Kong–Guangzhou": [("Shenzhen", "CN"), ("Hong Kong", "HK"), ("Guangzhou", "CN")],
    "San Jose–San Francisco": [("San Jose", "US", "CA"), ("San Francisco", "US", "CA")],
    "Boston–Cambridge": [("Boston", "US", "MA"), ("Cambridge", "US", "MA")],
    "Osaka–Kobe–Kyoto": [("Osaka", "JP"), ("Kobe", "JP"), ("Kyoto", "JP")],
    "Tel Aviv–Jerusalem": [("Tel Aviv", "IL"), ("Jerusalem", "IL")],
    "Washington–Baltimore": [("Washington", "US", "DC"), ("Baltimore", "US", "MD")],
    "Amsterdam–Rotterdam": [("Amsterdam", "NL"), ("Rotterdam", "NL")],
    "New York City": [("New York City", "US")],
    "Paris": [("Paris", "FR")],
    "Cologne": [("Cologne", "DE")],
    "Los Angeles": [("Los Angeles", "US")],
    "Seoul": [("Seoul", "KR")],
    "Xi'an": [("Xi'an", "CN")],
}


@pytest.mark.parametrize("published", PUBLISHED)
def test_names_are_those_that_people_use(published):
    """Rooftops round the published cities, 5 km about each, and a fifth over 25 km."""
    random = np.random.default_rng(0)
    lat, lon, weight = [], [], []
    for rank, key in enumerate(PUBLISHED[published]):
        place = city(*key)
        km = np.concatenate(
            [5.0 * np.abs(random.normal(size=800)), 25.0 * random.random(200) ** 0.5]
        )
        angle = random.random(1000) * 2.0 * np.pi
        lat.append(place["lat"] + km * np.sin(angle) * KM)
        lon.append(place["lon"] + km * np.cos(angle) * KM / np.cos(np.radians(place["lat"])))
        weight.append(np.full(1000, 10 - 2 * rank))
    count = 1000 * len(lat)
    columns = np.concatenate(lat), np.concatenate(lon), np.concatenate(weight)
    named = name_clusters(ClusterCells.of(*columns, np.zeros(count, int), n_clusters=1))
    assert named["name"][0] == published


def test_which_cities_are_parts_of_larger_ones():
    table = shipped_cities()
    eligible = set(zip(table.name[table.eligible], table.country[table.eligible], strict=True))
    parts = [("Jersey City", "US"), ("Shinjuku", "JP"), ("Brooklyn", "US"), ("Kowloon", "HK")]
    whole = [("Hong Kong", "HK"), ("Oakland", "US"), ("Yokohama", "JP"), ("Cambridge", "US")]
    assert not eligible & set(parts)
    assert eligible >= set(whole)
    newark = {table.admin1[row] for row in table.eligible if table.name[row] == "Newark"}
    assert newark == {"OH", "CA", "DE"}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"n_clusters": 1}, "label 1"),
        ({"n_clusters": 3}, "cluster 2"),
        ({"weight": [1]}, "length"),
    ],
)
def test_locations_that_do_not_fit_are_refused(change, words):
    arguments = {
        "lat": [0.0, 1.0],
        "lon": [0.0, 0.0],
        "weight": [1, 1],
        "labels": [0, 1],
        "n_clusters": 2,
    }
    with pytest.raises(ValueError, match=words):
        ClusterCells.of(**{**arguments, **change})


def test_a_gazetteer_without_cities_or_a_column_is_refused():
    for table, words in (
        (LINE.drop(columns="population"), "lacks population"),
        (LINE[:0], "no rows"),
    ):
        with pytest.raises(ValueError, match=words):
            name([0.0, 1.0], [1, 1], [0, 1], gazetteer=table)


def test_naming_reports_the_share_done_and_can_be_ended():
    shares = []
    labels = np.arange(130)
    named = name(np.zeros(130), np.ones(130), labels, report=shares.append)
    assert len(named) == 130
    assert shares == [0, 64 / 130, 128 / 130]

    def end(share):
        if share > 0.4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        name(np.zeros(130), np.ones(130), labels, report=end)


@pytest.mark.parametrize("dtype", [np.int64, np.float64])
def test_cells_of_chunks_and_of_merged_clusters_are_those_of_all_at_once(monkeypatch, dtype):
    rng = np.random.default_rng(4)
    n, ids = 5_000, np.array([0, 2, 1, 1, 0, 2, 2])
    lat, lon = rng.uniform(45, 45.2, n), rng.choice([-180.0, 179.998, 179.99, 7.0, 7.004], n)
    labels = rng.integers(-1, 7, n)
    weight = rng.integers(1, 9, n).astype(dtype)
    country = rng.choice(np.array(["", "CH", "FR", None], dtype=object), n)
    at = lat, lon, weight
    whole = ClusterCells.of(*at, labels, 7, country, numbered=True)
    merged = ClusterCells.of(*at, np.where(labels >= 0, ids[labels], -1), 3, country)
    coded = ClusterCells.of(*at, labels, 7, pd.Categorical(country))
    monkeypatch.setattr(location_cells, "CHUNK", 97)
    pieces = ClusterCells.of(*at, labels, 7, country, numbered=True)
    rejoined = replace(pieces, cell=None).merged(ids, 3)
    with pytest.raises(ValueError, match="cannot be merged"):
        pieces.merged(ids, 3)
    for one, other in ((whole, pieces), (whole, coded), (merged, rejoined)):
        for name in ("lat", "lon", "weight", "country", "starts"):
            assert getattr(one, name).tolist() == getattr(other, name).tolist(), name
    assert whole.cell.tolist() == pieces.cell.tolist()
    twin = pd.DataFrame({"cell": whole.cell, "weight": weight})[labels >= 0]
    assert twin.groupby("cell")["weight"].sum().tolist() == whole.weight.tolist()
