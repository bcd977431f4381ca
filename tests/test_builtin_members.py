"""What member cities bring to a cluster, against loops over records."""

from __future__ import annotations

import math
from fractions import Fraction

import narwhals as nw
import numpy as np
import pandas as pd
import pytest

from gclust.indicators.members import member_counts, member_ties
from gclust.places.members import member_cities
from gclust.places.names import name_clusters
from gclust.units import UNIT
from tests.builtin_twin import ENGINES, KINDS, Twin, attributed, clusters_of, some_world


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
    listings, clusters = attributed(table, engine), clusters_of(table)
    actual = member_counts(clusters, listings, members, on_engine)
    twin = Twin(table)
    at = {(row.lat, row.lon): row.member for row in places.itertuples()}
    for row in twin.rows:
        row["member"] = at.get((row["lat"], row["lon"])) if row["cluster"] >= 0 else None
    assert actual[["cluster_id", "city"]].equals(members[["cluster_id", "city"]])
    assert actual["name"].tolist() == clusters["name"].reindex(members["cluster_id"]).tolist()
    for kind in KINDS:
        brought = [
            sum((r["credit"] for r in twin.of(kind) if r["member"] == m), Fraction(0))
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
    members, member = member_cities(
        lat, [0.0] * 5, weight, labels, n_clusters=1, gazetteer=gazetteer
    )
    assert members["city"].tolist() == ["South", "North"]
    assert member.tolist() == [1, 1, 0, 0, -1]
    all_four, of_each = member_cities(
        lat, [0.0] * 5, weight, labels, n_clusters=1, gazetteer=gazetteer, least_share=0.03
    )
    assert all_four["city"].tolist() == ["South", "North", "Suburb of North", "Suburb of South"]
    assert all_four["country"].tolist() == ["AA", "AA", "AA", "BB"]
    assert of_each.tolist() == [1, 2, 0, 3, -1]


def test_the_cities_of_a_name_are_members():
    rng = np.random.default_rng(5)
    lat, lon = rng.uniform(22.2, 23.3, 400), rng.uniform(113.1, 114.3, 400)
    weight, labels = rng.integers(1, 9, 400), np.arange(400) % 2
    named = name_clusters(lat, lon, weight, labels, n_clusters=2)["name"]
    members, member = member_cities(lat, lon, weight, labels, n_clusters=2)
    for cluster, name in enumerate(named):
        own = members.loc[members["cluster_id"] == cluster, "city"].tolist()
        assert set(name.split("–")) <= set(own)
    assert (members["cluster_id"].to_numpy()[member] == labels).all()
    order = rng.permutation(400)
    again, at = member_cities(lat[order], lon[order], weight[order], labels[order], n_clusters=2)
    assert again.equals(members)
    assert at.tolist() == member[order].tolist()


def test_cities_of_one_name_and_none_near():
    gazetteer = cities(
        ("Twin", "AA", 0.0, 0.0, 100_000),
        ("Twin", "BB", 0.3, 0.0, 90_000),
        ("Far", "CC", 40.0, 40.0, 500_000),
    )
    members, member = member_cities(
        [0.0, 0.3, 30.0], [0.0, 0.0, 30.0], [3, 2, 1], [0, 0, 1], n_clusters=2, gazetteer=gazetteer
    )
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
    ties = member_ties(attributed(table, engine), members, on_engine)
    assert ties.columns.tolist() == ["cluster_id", "city_a", "city_b", "ties"]
    assert ties.empty
