"""Records outside and inside footprints, against counts by hand and in pandas."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
import shapely

import gclust
from gclust import Counting, Footprint, Score, Source, Study
from gclust.errors import GclustWarning, StudyError
from gclust.pipeline.footprint_counts import LARGEST_OUTSIDE_SHARE
from gclust.study.clustering_methods import Clusters
from gclust.study.sections import Density, General, Merge, Population
from tests.test_intensity import write_raster

KM = 1 / 111.195


def listings(seed=0, n=1500):
    """Two towns with border listings and noise round them, as records of several listings."""
    rng = np.random.default_rng(seed)
    record = rng.integers(0, n // 2, n)
    town = rng.integers(0, 2, n)
    spread = np.where(rng.random(n) < 0.6, 0.8, 5.0) * KM
    lat = 48.0 + spread * rng.normal(size=n)
    lon = 9.0 + 0.75 * town + 1.5 * spread * rng.normal(size=n)
    return pd.DataFrame({"record": record, "lat": lat.round(4), "lon": lon.round(4)})


def study(tables, of="members", folder=".", **sections):
    footprint = sections.pop("footprint", Footprint(of=of))
    return Study(
        folder=folder,
        sources=tuple(Source(kind=kind, data=table) for kind, table in tables.items()),
        clusters=Clusters(eps_km=6, min_samples=500),
        merge=Merge(rule="none"),
        footprint=footprint,
        **sections,
    )


@pytest.fixture(scope="module")
def tables():
    return {"patent": listings(1), "article": listings(2, 4000)}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("people")
    values = np.random.default_rng(5).uniform(50, 900, (80, 60))
    write_raster(folder / "people.tif", values)
    return folder


def expected(run, tables, whole):
    """Count with pandas the records of clusters outside, and others inside, by world shares."""
    shapes = run.clusters.set_index("cluster_id").geometry.sort_index()
    own_part, outside, foreign, inside = 0.0, 0.0, 0.0, {}
    places = run.locations.set_index(["lat", "lon"])["cluster_id"]
    for kind, table in tables.items():
        cluster = places.loc[list(zip(table["lat"], table["lon"], strict=True))].to_numpy()
        points = shapely.points(table["lon"], table["lat"])
        within = np.array([shapely.dwithin(shape, points, 1e-7) for shape in shapes])
        where = np.where(within.any(axis=0), within.argmax(axis=0), -1)
        fraction = 1 / table.groupby("record")["record"].transform("size")
        world = table["record"].nunique()

        def count(chosen, table=table, fraction=fraction):
            rows = table.assign(fraction=fraction, cluster=chosen)[chosen >= 0]
            if whole:
                return rows.groupby("cluster")["record"].nunique().reindex(range(2), fill_value=0)
            return rows.groupby("cluster")["fraction"].sum().reindex(range(2), fill_value=0.0)

        counted, of_own = count(cluster), count(np.where(where == cluster, cluster, -1))
        own_part += counted / world
        outside += (counted - of_own) / world
        foreign += (count(where) - of_own) / world
        inside[kind] = of_own
    return 100 * outside / own_part, 100 * foreign / own_part, inside


@pytest.mark.filterwarnings("ignore::gclust.errors.GclustWarning")
@pytest.mark.parametrize(
    ("counting", "of", "method"),
    [
        ("fractional", "members", "discs"),
        ("fractional", "cores", "convex"),
        ("whole", "members", "cells"),
        ("whole", "cores", "discs"),
    ],
)
def test_shares_equal_counts_in_pandas(tables, counting, of, method):
    run = gclust.run(
        study(tables, footprint=Footprint(method=method, of=of), counting=Counting(method=counting))
    )
    found = run.ranking.set_index("cluster_id").sort_index()
    outside, foreign, inside = expected(run, tables, counting == "whole")
    np.testing.assert_allclose(found["outside_share"], outside, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(found["foreign_share"], foreign, rtol=1e-6, atol=1e-6)
    if of == "members":
        assert (found["outside_share"] < 1e-6).all()
        assert (found["foreign_share"] > 0.01).all()
        assert "patent_inside" not in found
    else:
        assert (found["outside_share"] > 1.0).any()
        for kind, count in inside.items():
            np.testing.assert_allclose(found[f"{kind}_inside"], count, rtol=1e-6)


def test_kinds_weigh_by_their_shares_of_the_world(tables):
    """A thousand times the weight of one kind changes no share."""
    once = study(tables, of="cores", density=Density(kinds=("article",)))
    heavy = tables | {"patent": tables["patent"].drop(columns="record").assign(weight=1000.0)}
    light = tables | {"patent": tables["patent"].drop(columns="record").assign(weight=1.0)}
    shares = [
        gclust.run(study(each, of="cores", density=once.density)).ranking[
            ["outside_share", "foreign_share"]
        ]
        for each in (heavy, light)
    ]
    pd.testing.assert_frame_equal(*shares)


def test_intensities_of_cores_count_the_records_inside(tables, folder):
    population = Population(raster=str(folder / "people.tif"))
    with pytest.warns(GclustWarning, match="intensity counts only the records inside"):
        run = gclust.run(study(tables, of="cores", population=population))
    table = run.ranking
    people = table["population"] / 1e6
    shares = 0.0
    for kind in tables:
        assert (table[f"{kind}_inside"] < table[f"{kind}_count"]).any()
        per_million = (table[f"{kind}_inside"] / people).rename(None)
        pd.testing.assert_series_equal(table[f"{kind}_per_million"].rename(None), per_million)
        shares += table[f"{kind}_share"] * table[f"{kind}_inside"] / table[f"{kind}_count"]
    np.testing.assert_allclose(table["intensity"], shares / people, rtol=1e-12)
    spread = gclust.intensity_spread(run, footprints=[{"method": "discs", "radius_km": 2}])
    own = spread.detail[spread.detail["combination"] == "discs 2 km of cores"]
    np.testing.assert_array_equal(own["intensity"], table["intensity"])
    other = spread.detail[spread.detail["combination"] == "discs 2 km"]
    np.testing.assert_allclose(
        other["intensity"], other["score"].to_numpy() / other["population"] * 1e6
    )


def test_the_total_serves_where_the_score_is_no_amount(tables, folder):
    """The intensities of a z-score are those of the total, in the comparison too."""
    population = Population(raster=str(folder / "people.tif"))
    run = gclust.run(study(tables, population=population, score=Score(combine="zscore")))
    table = run.ranking
    np.testing.assert_allclose(table["intensity"], table["total"] / table["population"] * 1e6)
    detail = gclust.intensity_spread(run, footprints=[{"method": "convex"}]).detail
    for _, rows in detail.groupby("combination"):
        np.testing.assert_allclose(
            rows["intensity"], table["total"].to_numpy() / rows["population"] * 1e6
        )


@pytest.mark.filterwarnings("ignore::gclust.errors.GclustWarning")
def test_scores_per_head_of_cores_are_refused_where_they_are_not_counted(tables, folder):
    own = study(
        tables,
        of="cores",
        folder=folder,
        population=Population(raster="people.tif"),
        score=Score(of=("patent_per_million", "article_share")),
    )
    gclust.run(own)
    with pytest.raises(StudyError, match="of = 'cores'.*expected of = 'members'"):
        gclust.sweep(own, eps_km=[5, 6], min_samples=[500])


def test_contours_are_of_all_listings(tables):
    with pytest.raises(StudyError, match="does not apply to contours"):
        Study(
            sources=tuple(Source(kind=kind, data=table) for kind, table in tables.items()),
            clusters=gclust.study.clustering_methods.ContourClusters(bandwidth_km=3, threshold=1),
            footprint=Footprint(method="contour", of="cores"),
            study=General(name="contours"),
        )


def test_without_inhabitants_no_intensity_is_warned_of(tables):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        run = gclust.run(study(tables, of="cores"))
    assert (run.ranking["outside_share"] > LARGEST_OUTSIDE_SHARE).any()
