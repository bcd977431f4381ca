"""Whole runs of a small study: numbers against a pandas twin, files, bad input, same bytes."""

from __future__ import annotations

import hashlib
import json
import warnings
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest

import gclust
from gclust import Study
from gclust.cluster.merging import merge
from gclust.errors import GclustWarning, StudyError
from gclust.pipeline.describe import name_merges
from gclust.results.writer import write_csv
from gclust.study.clustering_methods import Clusters
from gclust.study.sections import Source
from tests.worlds import listings, study_folder

VARIES = {"run.json", "ro-crate-metadata.json"}


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    folder = tmp_path_factory.mktemp("a study é with spaces")
    return gclust.run(study_folder(folder), folder / "the run")


def twin(table: pd.DataFrame, labels: pd.Series) -> pd.DataFrame:
    """Fractional shares in per cent, noise in the totals."""
    rows = table.assign(cluster=labels)
    rows["part"] = 1 / rows.groupby(["kind", "record"])["cluster"].transform("size")
    count = rows.pivot_table(index="cluster", columns="kind", values="part", aggfunc="sum")
    return 100 * count / count.sum()


def test_shares_are_those_of_a_pandas_twin(done):
    table = listings()
    at = done.locations.set_index(["lat", "lon"])["cluster_id"]
    keys = pd.MultiIndex.from_frame(table[["lat", "lon"]])
    expected = twin(table, pd.Series(at.loc[keys].to_numpy(), index=table.index))
    ranking = done.ranking.set_index("cluster_id")
    assert len(ranking) == 3
    for kind in ("patent", "publication"):
        np.testing.assert_allclose(
            ranking[f"{kind}_share"], expected[kind].loc[ranking.index], rtol=1e-12
        )
    np.testing.assert_allclose(
        done.ranking["total"], expected.loc[done.ranking["cluster_id"]].sum(axis=1), rtol=1e-12
    )
    assert done.ranking["rank"].tolist() == [1, 2, 3]
    assert done.ranking["total"].is_monotonic_decreasing
    assert done.ranking["name"].tolist() == ["Munich", "Augsburg", "Graz"] or set(
        done.ranking["name"]
    ) == {"Munich", "Augsburg", "Graz"}
    assert set(done.ranking["economies"]) == {"DE", "AT"}


def test_files_of_a_run(done):
    found = {str(p.relative_to(done.path)) for p in done.path.rglob("*") if p.is_file()}
    assert found == {
        "ranking.csv",
        "contributions.csv",
        "clusters.parquet",
        "clusters.gpkg",
        "locations.parquet",
        "merges.csv",
        "rejects.parquet",
        "study.toml",
        "run.json",
        "ro-crate-metadata.json",
        "datapackage.json",
        "figures/map.png",
        "figures/map.pdf",
    }
    again = gclust.read_run(done.path)
    pd.testing.assert_frame_equal(again.ranking, done.ranking, check_dtype=False)
    pd.testing.assert_frame_equal(again.locations, done.locations)
    csv = pd.read_csv(done.path / "ranking.csv")
    assert csv.columns.tolist() == [
        "rank", "cluster_id", "name", "economies", "lat", "lon",
        "patent_count", "patent_share", "patent_rank", "patent_per_million",
        "publication_count", "publication_share", "publication_rank", "publication_per_million",
        "total", "score", "population", "intensity", "intensity_rank", "area_km2", "area_90",
        "outside_share", "foreign_share",
    ]  # fmt: skip
    package = gpd.read_file(done.path / "clusters.gpkg", layer="clusters")
    assert len(package) == 3
    assert package.crs == done.clusters.crs
    assert (done.clusters.geometry.is_valid).all()
    info = json.loads((done.path / "run.json").read_text(encoding="utf-8"))
    assert info["clusters"] == 3
    assert not [p for p in done.path.parent.iterdir() if "partial" in p.name]


def test_a_run_s_study_runs_from_its_folder(done, tmp_path):
    again = gclust.run(done.path / "study.toml")
    pd.testing.assert_frame_equal(again.ranking, done.ranking)
    assert again.path is None


def digests(folder: Path) -> dict[str, str]:
    return {
        str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest()
        for p in sorted(folder.rglob("*"))
        if p.is_file() and p.name not in VARIES
    }


def test_same_bytes_for_threads_and_permuted_rows(tmp_path):
    table = listings()
    table.loc[:3, "lat"] = np.nan
    shuffled = table.sample(frac=1, random_state=5)
    seen = []
    for number, (rows, threads) in enumerate([(table, 1), (table, 2), (shuffled, 2)]):
        folder = tmp_path / str(number)
        run = gclust.run(study_folder(folder, rows), folder / "run", n_jobs=threads)
        # The line of a reject is where it was.
        run.rejects.drop(columns="line").to_parquet(folder / "run" / "rejects.parquet")
        seen.append(digests(folder / "run"))
    assert seen[1] == seen[0]
    assert seen[2] == seen[0]
    stable = [json.loads((tmp_path / n / "run" / "run.json").read_text()) for n in "012"]
    for info in stable:
        del info["execution"], info["inputs"]  # the digests of files with other rows
        del info["outputs"]["rejects.parquet"]  # with the lines of the rejects
    assert stable[0] == stable[1] == stable[2]


def test_a_folder_that_exists_is_not_lost(done, tmp_path):
    study = study_folder(tmp_path)
    other = tmp_path / "mine"
    other.mkdir()
    (other / "thesis.docx").write_text("years of work")
    with pytest.raises(FileExistsError, match="is not a run of gclust"):
        gclust.run(study, other, overwrite=True)
    with pytest.raises(FileExistsError, match="is not a run of gclust"):
        gclust.run(study, other)
    out = tmp_path / "run"
    gclust.run(study, out)
    (out / "mark").touch()
    with pytest.raises(FileExistsError, match="holds a run already"):
        gclust.run(study, out)
    with pytest.raises(FileExistsError, match="mark was not written by gclust"):
        gclust.run(study, out, overwrite=True)
    (out / "mark").unlink()
    before = (out / "run.json").stat().st_ino
    gclust.run(study, out, overwrite=True)
    assert (out / "run.json").stat().st_ino != before


def test_a_run_that_fails_leaves_nothing(tmp_path, monkeypatch):
    study = study_folder(tmp_path / "study")

    def burst(*args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("gclust.report.map.draw_map", burst)
    with pytest.raises(StudyError, match=r"out: the disk is full; make room there"):
        gclust.run(study, tmp_path / "out" / "run")
    assert [path.name for path in tmp_path.iterdir()] == ["study"]


def test_rejects_beyond_the_limit_stop_the_run(tmp_path):
    table = listings()
    table.loc[table.index[:200], "lat"] = 95.0
    message = r"were rejected, more than \[study\] max_rejects = 0\.05"
    with pytest.raises(StudyError, match=message) as caught:
        gclust.run(study_folder(tmp_path, table), tmp_path / "run")
    assert "latitude is outside" in str(caught.value)
    assert "patent.csv line 2" in str(caught.value)
    assert not (tmp_path / "run").exists()


def test_a_few_rejects_do_not(tmp_path):
    table = listings()
    table.loc[table.index[:5], "lat"] = np.nan
    run = gclust.run(study_folder(tmp_path, table), tmp_path / "run")
    assert len(run.rejects) == 5
    assert run.info["rejected"] == 5
    assert len(pd.read_parquet(tmp_path / "run" / "rejects.parquet")) == 5


def change(table, column, value, rows=20):
    table = table.copy()
    table.loc[table.index[:rows], column] = value
    return table


ODD = [
    (
        lambda t: change(change(t, "lat", 0.0), "lon", 0.0),
        "20 rows lie within 1 km of latitude 0, longitude 0",
    ),
    (lambda t: t.assign(lat=np.radians(t["lat"]), lon=np.radians(t["lon"])), "look like radians"),
    (lambda t: t.assign(lat=t["lon"], lon=t["lat"]), "latitude and longitude swapped"),
]


@pytest.mark.parametrize(("spoil", "message"), ODD)
def test_odd_coordinates_are_warned_and_strict_refuses(tmp_path, spoil, message):
    table = spoil(listings())
    loose = "[clusters]\neps_km = 10\nmin_samples = 100\n"
    with pytest.warns(GclustWarning, match=message) as caught:
        run = gclust.run(study_folder(tmp_path, table, loose))
    assert {each.filename for each in caught} == {__file__}
    assert any(message in line for line in run.info["warnings"])
    study = study_folder(tmp_path, table, loose)
    study.write_text(study.read_text().replace("[study]", "[study]\nstrict = true"))
    with pytest.raises(StudyError, match=r"^\[study\] strict = true refuses"):
        gclust.run(study)


def test_swapped_rows_out_of_range_are_warned_of(tmp_path):
    table = listings()
    table.loc[table.index[:4], ["lat", "lon"]] = [120.5, 30.25]
    with pytest.warns(GclustWarning, match="4 rejected rows look as if .* latitude 120.5"):
        gclust.run(study_folder(tmp_path, table))


def test_merges_are_logged_with_the_names_of_clusters_before_the_round():
    # Munich and Augsburg join in round 1, both with Graz in round 2.
    places = pd.DataFrame(
        {
            "lat": [48.137, 48.371, 47.067],
            "lon": [11.575, 10.898, 15.442],
            "density": [5.0, 3.0, 9.0],
            "part": [0, 1, 2],
        }
    )
    ties = {(0, 1): 20.0, (0, 2): 4.0, (1, 2): 4.0, (-1, 2): 6.0}
    merging = merge(3, {(0, 1): 1.0, (1, 2): 2.0}, ties)
    study = gclust.Study(sources=(Source(kind="patent", path="rows.csv"),))
    log = name_merges(study, merging, places, np.zeros(3, dtype=np.int64))
    assert log["name_a"].tolist() == ["Munich", "Munich–Augsburg"]
    assert log["name_b"].tolist() == ["Augsburg", "Graz"]
    assert log["runner_up_a"].tolist() == ["Graz", ""]
    assert log["runner_up_b"].tolist() == ["Graz", "noise"]


def test_products_of_weights_that_are_too_large_are_refused(tmp_path):
    table = listings().assign(weight=1e6)
    extra = (
        '[clusters]\neps_km = 10\nmin_samples = 1e8\n[merge]\nties = "pairs"\nmax_gap_km = 800\n'
    )
    with pytest.raises(StudyError, match="products of weights in one record are too large"):
        gclust.run(study_folder(tmp_path, table, extra))


def test_no_records_no_merging_and_the_run_says_so(tmp_path):
    table = listings().drop(columns="record")
    run = gclust.run(study_folder(tmp_path, table))
    assert run.merges.empty
    assert any("no records" in line for line in run.info["warnings"])
    count = run.ranking.set_index("name")["patent_count"]
    near = listings().query("kind == 'patent' and town == 'Munich'")
    assert count["Munich"] == len(near)


def test_border_noise_with_a_gap_below_eps_is_warned(tmp_path):
    extra = '[clusters]\neps_km = 10\nmin_samples = 100\nborder = "noise"\n'
    with pytest.warns(GclustWarning, match="so no clusters merge"):
        gclust.run(study_folder(tmp_path, extra=extra))


def test_no_cluster_is_an_error_that_helps(tmp_path):
    extra = "[clusters]\neps_km = 10\nmin_samples = 1e6\n"
    with pytest.raises(StudyError, match="no cluster found.*Lower min_samples"):
        gclust.run(study_folder(tmp_path, extra=extra))


def test_a_raster_that_is_not_there(tmp_path):
    study = study_folder(tmp_path, extra='[population]\nraster = "people.tif"\n')
    with pytest.raises(StudyError, match=r"raster: .*people\.tif does not exist"):
        gclust.run(study)


def test_totals_below_what_the_sources_hold(tmp_path):
    study = study_folder(tmp_path, extra="[counting]\ntotals = { patent = 3 }\n")
    with pytest.raises(StudyError, match="patent = 3 is less than the"):
        gclust.run(study)


def test_totals_from_the_study_are_the_denominators(tmp_path):
    study = study_folder(tmp_path, extra="[counting]\ntotals = { patent = 100000 }\n")
    run = gclust.run(study)
    np.testing.assert_allclose(
        run.ranking["patent_share"], run.ranking["patent_count"] / 1000, rtol=1e-12
    )


def test_kinds_outside_the_density_only_count(tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        run = gclust.run(study_folder(tmp_path, extra='[density]\nkinds = ["patent"]\n'))
    assert (run.ranking["publication_count"] > 0).all()
    only = run.locations.query("density == 0")
    assert len(only) > 0
    assert (only["cluster_id"] >= 0).any()
    assert not only["core"].any()


@pytest.mark.parametrize("weight", ["fractional", "equal"])
@pytest.mark.parametrize("method", ["discs", "convex", "concave", "alpha", "cells"])
def test_every_weight_and_footprint_runs(tmp_path, weight, method):
    extra = (
        f'[density]\nweight = "{weight}"\n[footprint]\nmethod = "{method}"\n'
        "[clusters]\neps_km = 10\nmin_samples = 40\n"
    )
    run = gclust.run(study_folder(tmp_path, extra=extra))
    assert (run.ranking["area_km2"] > 0).all()
    assert run.clusters.geometry.is_valid.all()


def test_csv_files_hold_no_formulas_and_no_line_breaks(tmp_path):
    wild = ['=HYPERLINK("http://a")', "+1", "-1", "@SUM(A1)", "two\nlines\r", "<b>x</b>", "Xi'an"]
    table = pd.DataFrame({"name": wild, "total": np.arange(7.0)})
    write_csv(table, tmp_path / "ranking.csv")
    lines = (tmp_path / "ranking.csv").read_text(encoding="utf-8").splitlines()
    assert len(lines) == 8
    back = pd.read_csv(tmp_path / "ranking.csv")
    assert back["name"].tolist() == [
        "'=HYPERLINK(\"http://a\")", "'+1", "'-1", "'@SUM(A1)", "two lines", "<b>x</b>", "Xi'an",
    ]  # fmt: skip
    assert back["total"].tolist() == list(range(7))


def test_progress_is_reported_by_stage(tmp_path):
    message = []
    gclust.run(study_folder(tmp_path), progress=lambda share, name: message.append((name, share)))
    stages = {name for name, _ in message}
    assert {"read listings", "fold listings", "merge clusters", "footprints"} <= stages
    assert all(0 <= fraction <= 1 for _, fraction in message)
    for stage in stages:
        assert [f for s, f in message if s == stage][-1] == 1.0
    with pytest.raises(TypeError, match="progress must be True"):
        gclust.run(study_folder(tmp_path), progress="yes")


def test_economies_are_those_that_the_listings_name(tmp_path):
    """South of San Diego the nearest city is Tijuana, whichever country an address names."""
    rng = np.random.default_rng(2)
    north = pd.DataFrame(
        {"lat": rng.normal(32.72, 0.02, 300), "lon": rng.normal(-117.1, 0.02, 300)}
    )
    south = pd.DataFrame({"lat": rng.normal(32.55, 0.01, 60), "lon": rng.normal(-117.05, 0.01, 60)})
    table = pd.concat([north, south], ignore_index=True)
    found = {}
    for name, country in (
        ("gazetteer", None),
        ("named", "US"),
        ("lower case", "us "),
        ("no code", "United States"),
        ("some", np.where(table.index < 300, "US", "MX")),
        ("one in a place", np.where(table.index < 330, "US", None)),
        ("two in a place", np.where(table.index < 340, "US", "MX")),
    ):
        rows = table if country is None else table.assign(country=country)
        if name == "two in a place":
            rows.loc[300:, ["lat", "lon"]] = 32.55, -117.05
        study = Study(
            sources=(Source(kind="patent", data=rows),),
            clusters=Clusters(eps_km=15, min_samples=50),
        )
        (found[name],) = gclust.run(study).ranking["economies"]
    assert found == {
        "gazetteer": "US/MX",
        "named": "US",
        "lower case": "US",
        "no code": "US/MX",
        "some": "US/MX",
        "one in a place": "US/MX",
        "two in a place": "US",  # 40 of its 60 listings
    }


def test_rejects_are_limited_by_weight_too():
    """Ten of a thousand rows are one per cent of the rows, and half of their weight."""
    rows = pd.DataFrame({"lat": 48.0, "lon": 8.0, "weight": np.ones(1000)})
    rows.loc[:9, ["lat", "weight"]] = np.nan, 99.0
    source = Source(kind="patent", data=rows)
    with pytest.raises(StudyError, match=r"10 of 1,000 rows \(50.0 % of their weight\)"):
        gclust.run(Study(sources=(source,), clusters=Clusters(eps_km=5, min_samples=50)))


@pytest.mark.filterwarnings("ignore::gclust.errors.GclustWarning")
def test_rows_at_null_island_do_not_count_towards_the_limit_of_rejects():
    rows = pd.DataFrame({"lat": 48.0, "lon": 8.0, "weight": np.ones(1000)})
    rows.loc[:19, ["lat", "lon", "weight"]] = 0.0, 0.0, 1000.0
    rows.loc[20:29, "lat"] = np.nan
    source = Source(kind="patent", data=rows)
    run = gclust.run(Study(sources=(source,), clusters=Clusters(eps_km=5, min_samples=50)))
    assert run.ranking["patent_count"].tolist() == [970.0]
