"""What member cities bring to a cluster, against loops over records."""

from __future__ import annotations

import math
from fractions import Fraction

import narwhals as nw
import numpy as np
import pandas as pd
import pytest

import gclust
from gclust.indicators.members import member_counts, member_ties
from gclust.places.cities.location_cells import ClusterCells
from gclust.places.cities.member_cities import member_cities
from gclust.places.cities.names import name_clusters
from gclust.units import UNIT
from tests.builtin_twin import ENGINES, KINDS, Twin, clusters_of, labelled_listings, some_world
from tests.worlds import listings, study_folder


def cities(*rows: tuple) -> pd.DataFrame:
    """A gazetteer: name, country, lat, lon, population."""
    return pd.DataFrame(rows, columns=["name", "country", "lat", "lon", "population"])


def divided(table: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Each cluster's locations by their longitude: up to three members."""
    places = table.loc[table["cluster"] >= 0, ["lat", "lon", "cluster"]].drop_duplicates(
        ["lat", "lon"], ignore_index=True
    )
    places["city"] = places["lon"].map({0.0: "Ash", 0.1: "Birch", 0.2: "Cedar"})
    members = places[["cluster", "city"]].drop_duplicates().sort_values(["cluster", "city"])
    members = members.reset_index(drop=True).rename(columns={"cluster": "cluster_id"})
    keys = pd.MultiIndex.from_frame(members)
    found = keys.get_indexer(pd.MultiIndex.from_frame(places[["cluster", "city"]]))
    return members.assign(country="XX"), places[["lat", "lon"]].assign(member=found)


@pytest.mark.parametrize("engine", ENGINES)
def test_members_are_those_of_the_twin(engine):
    table = some_world(7)
    members, places = divided(table)
    on_engine = nw.from_native(ENGINES[engine](places)).lazy()
    listings, clusters = labelled_listings(table, engine), clusters_of(table)
    actual = member_counts(clusters, listings, members, on_engine)
    twin = Twin(table)
    at = {(row.lat, row.lon): row.member for row in places.itertuples()}
    for row in twin.rows:
        row["member"] = at.get((row["lat"], row["lon"])) if row["cluster"] >= 0 else None
    assert actual[["cluster_id", "city"]].equals(members[["cluster_id", "city"]])
    assert actual["name"].tolist() == clusters["name"].reindex(members["cluster_id"]).tolist()
    for kind in KINDS:
        brought = [
            sum((r["fraction"] for r in twin.of(kind) if r["member"] == m), Fraction(0))
            for m in members.index
        ]
        assert actual[f"{kind}_count"].tolist() == [float(part) for part in brought]
        whole = [twin.count(cluster, kind) for cluster in members["cluster_id"]]
        np.testing.assert_allclose(
            actual[f"{kind}_share"],
            [float(100 * p / w) if w else math.nan for p, w in zip(brought, whole, strict=True)],
            rtol=1e-12,
        )

    strength = {
        (a, b): float(t)
        for (a, b), t in twin.ties(None, "member").items()
        if None not in (a, b) and a < b and members["cluster_id"][a] == members["cluster_id"][b]
    }
    ties = member_ties(listings, members, on_engine)
    row_of = {(c, city): m for m, c, city, _ in members.itertuples()}
    found = {
        (row_of[t.cluster_id, t.city_a], row_of[t.cluster_id, t.city_b]): t.ties
        for t in ties.itertuples()
    }
    assert found.keys() == strength.keys()
    for pair, tie in strength.items():
        assert math.isclose(found[pair], tie, abs_tol=len(table) / UNIT)
    assert ties.equals(
        ties.sort_values(["cluster_id", "ties"], ascending=[True, False], kind="stable")
    )


def test_cities_far_apart_have_their_own_locations_and_their_suburbs():
    """Two cities with a suburb each; the suburbs are too light for members."""
    gazetteer = cities(
        ("North", "AA", 0.3, 0.0, 900_000),
        ("Suburb of North", "AA", 0.4, 0.0, 200_000),
        ("South", "AA", 0.0, 0.0, 800_000),
        ("Suburb of South", "BB", -0.1, 0.0, 200_000),
    )
    lat = [0.3, 0.4, 0.0, -0.1, 5.0]
    weight = [43, 4, 50, 3, 9]
    labels = [0, 0, 0, 0, -1]
    cells = ClusterCells.of(lat, [0.0] * 5, weight, labels, n_clusters=1, numbered=True)
    members, member = member_cities(cells, gazetteer=gazetteer)
    assert members["city"].tolist() == ["South", "North"]
    assert member.tolist() == [1, 1, 0, 0, -1]
    all_four, of_each = member_cities(cells, gazetteer=gazetteer, least_share=0.03)
    assert all_four["city"].tolist() == ["South", "North", "Suburb of North", "Suburb of South"]
    assert all_four["country"].tolist() == ["AA", "AA", "AA", "BB"]
    assert of_each.tolist() == [1, 2, 0, 3, -1]


def test_the_cities_of_a_name_are_members():
    rng = np.random.default_rng(5)
    lat, lon = rng.uniform(22.2, 23.3, 400), rng.uniform(113.1, 114.3, 400)
    weight, labels = rng.integers(1, 9, 400), np.arange(400) % 2
    cells = ClusterCells.of(lat, lon, weight, labels, n_clusters=2, numbered=True)
    named = name_clusters(cells)["name"]
    members, member = member_cities(cells)
    for cluster, name in enumerate(named):
        own = members.loc[members["cluster_id"] == cluster, "city"].tolist()
        assert set(name.split("–")) <= set(own)
    assert (members["cluster_id"].to_numpy()[member] == labels).all()
    order = rng.permutation(400)
    shuffled = (column[order] for column in (lat, lon, weight, labels))
    again, at = member_cities(ClusterCells.of(*shuffled, n_clusters=2, numbered=True))
    assert again.equals(members)
    assert at.tolist() == member[order].tolist()


def test_cities_of_one_name_and_none_near():
    gazetteer = cities(
        ("Twin", "AA", 0.0, 0.0, 100_000),
        ("Twin", "BB", 0.3, 0.0, 90_000),
        ("Far", "CC", 40.0, 40.0, 500_000),
    )
    at = [0.0, 0.3, 30.0], [0.0, 0.0, 30.0], [3, 2, 1], [0, 0, 1]
    cells = ClusterCells.of(*at, n_clusters=2, numbered=True)
    members, member = member_cities(cells, gazetteer=gazetteer)
    assert members.to_numpy().tolist() == [
        [0, "Twin (AA)", "AA"],
        [0, "Twin (BB)", "BB"],
        [1, "Far", "CC"],
    ]
    assert member.tolist() == [0, 1, 2]


@pytest.mark.parametrize("engine", ["duckdb", "pandas"])
def test_no_ties_where_each_cluster_is_one_city(engine):
    table = some_world(8, 60)
    places = table.loc[table["cluster"] >= 0, ["lat", "lon", "cluster"]].drop_duplicates(
        ["lat", "lon"]
    )
    members = pd.DataFrame({"cluster_id": range(4), "city": list("abcd"), "country": "XX"})
    on_engine = nw.from_native(
        ENGINES[engine](places.rename(columns={"cluster": "member"}).reset_index(drop=True))
    ).lazy()
    ties = member_ties(labelled_listings(table, engine), members, on_engine)
    assert ties.columns.tolist() == ["cluster_id", "city_a", "city_b", "ties"]
    assert ties.empty


TWO_TOWNS = "[clusters]\neps_km = 60\nmin_samples = 100\n"


def test_a_study_divides_its_clusters_among_their_cities(tmp_path):
    table = listings()
    path = study_folder(tmp_path / "in", table, TWO_TOWNS + "[members]\non = true\n")
    run = gclust.run(path, tmp_path / "out")
    ranking = run.ranking.set_index("cluster_id")
    first = ranking.index[ranking["name"] == "Munich–Augsburg"][0]
    members = run.members[run.members["cluster_id"] == first]
    assert members["city"].tolist() == ["Munich", "Augsburg"]
    assert members["country"].tolist() == ["DE", "DE"]
    size = table.groupby(["kind", "record"])["town"].transform("size")
    for kind in ("patent", "publication"):
        brought = (1 / size)[table["kind"] == kind].groupby(table["town"]).sum()
        expected = [brought["Munich"], brought["Augsburg"]]
        np.testing.assert_allclose(members[f"{kind}_count"], expected, rtol=1e-9)
        part = [100 * each / sum(expected) for each in expected]
        np.testing.assert_allclose(members[f"{kind}_share"], part, rtol=1e-9)
        summed = run.members.groupby("cluster_id")[f"{kind}_count"].sum()
        np.testing.assert_allclose(summed, ranking[f"{kind}_count"].sort_index(), rtol=1e-12)

    towns = pd.crosstab([table["kind"], table["record"]], table["town"])
    n = towns.sum(axis=1)
    ties = (towns["Munich"] * towns["Augsburg"] / (n * (n - 1) / 2).where(n > 1)).sum()
    ties_of_first = run.member_ties[run.member_ties["cluster_id"] == first]
    assert ties_of_first[["city_a", "city_b"]].to_numpy().tolist() == [["Munich", "Augsburg"]]
    assert ties_of_first["ties"].iloc[0] == pytest.approx(ties, rel=1e-6)

    back = gclust.read_run(tmp_path / "out")
    pd.testing.assert_frame_equal(back.members, run.members, check_dtype=False)
    pd.testing.assert_frame_equal(back.member_ties, run.member_ties, check_dtype=False)
    again = gclust.run(tmp_path / "out" / "study.toml", tmp_path / "again", n_jobs=1)
    assert again.members.equals(run.members)
    for name in ("members.csv", "member_ties.csv"):
        assert (tmp_path / "again" / name).read_bytes() == (tmp_path / "out" / name).read_bytes()


def test_members_are_not_counted_unless_asked_for(tmp_path):
    path = study_folder(tmp_path / "in")
    run = gclust.run(path, tmp_path / "out")
    assert run.members is None
    assert run.member_ties is None
    assert not (tmp_path / "out" / "members.csv").exists()
    assert gclust.read_run(tmp_path / "out").members is None


def test_members_without_records_or_of_a_kind_that_is_not_there(tmp_path):
    """Windhoek's country is NA, which is no missing value; its shares of deals are."""
    rng = np.random.default_rng(1)
    towns = {"Windhoek": (-22.56, 17.08, "patent"), "Graz": (47.067, 15.442, "deal")}
    table = pd.concat(
        pd.DataFrame(
            {
                "kind": kind,
                "record": None,
                "lat": (lat + rng.normal(0, 0.01, 120)).round(4),
                "lon": (lon + rng.normal(0, 0.01, 120)).round(4),
                "year": 2018,
                "town": town,
            }
        )
        for town, (lat, lon, kind) in towns.items()
    )
    path = study_folder(tmp_path / "in", table, "[members]\non = true\n")
    run = gclust.run(path, tmp_path / "out")
    members = gclust.read_run(tmp_path / "out").members.set_index("city")
    assert members.loc["Windhoek", "country"] == "NA"
    assert members.loc["Graz", "deal_share"] == 100.0
    assert np.isnan(members.loc["Windhoek", "deal_share"])
    assert run.member_ties.empty
    assert list(run.member_ties.columns) == ["cluster_id", "city_a", "city_b", "ties"]
