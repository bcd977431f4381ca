"""Replicates that find their own clusters, or those of other parameters."""

from __future__ import annotations

import itertools
from dataclasses import replace
from unittest import mock

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import gclust
from gclust.cluster.fixed_point import threshold_units
from gclust.cluster.reweighted import Reweighed
from gclust.errors import StudyError
from gclust.experiments.uncertainty import bootstrap as bootstrap_module
from gclust.experiments.uncertainty.bootstrap import Bootstrap
from gclust.experiments.uncertainty.parameters import draw_pairs
from gclust.experiments.uncertainty.recluster import FixedLocationReclusterer
from gclust.experiments.uncertainty.record_arrays import gather_listings
from gclust.kernels.resampling.poisson import draw_copies
from gclust.kernels.spatial.cluster_cells import mixed_cells
from gclust.listings.engines.duckdb import DuckDBEngine
from gclust.pipeline.count_arrays import merge_and_count
from gclust.pipeline.form import label_locations
from gclust.pipeline.prepare import prepare_listings
from gclust.pipeline.run_log import RunLog
from gclust.progress import silent
from gclust.study.clustering_methods import Clusters
from gclust.units import UNIT
from tests.test_count_arrays import WAYS, teams
from tests.worlds import listings, study_folder, uncertainty_bytes


@pytest.mark.parametrize("border", ["nearest", "first", "noise"])
@pytest.mark.parametrize("metric", ["haversine", "wgs84"])
def test_reweighed_locations_are_clustered_as_a_study_does(border, metric):
    rng = np.random.default_rng(2)
    lat = np.concatenate((rng.normal(48, 0.2, 400), rng.normal(48.6, 0.2, 300), [89.99, 90]))
    lon = np.concatenate((rng.normal(11, 0.3, 400), rng.normal(12, 0.3, 300), [170, 0]))
    order = np.lexsort((lon, lat))
    lat, lon = lat[order], lon[order]
    options = Clusters(eps_km=5, min_samples=12, border=border, metric=metric)
    ways = {"eps_km": 5.0, "border": border, "metric": metric}
    model = Reweighed(lat, lon, **ways, n_jobs=2)
    # With 2 nearly all are core: their borders are assigned on their own, twice.
    for most, least in ((1, 12), (2, 12), (0, 2), (0, 2), (3, 12), (0, 10_000)):
        units = np.maximum(rng.integers(0, most + 1, len(lat)), most == 0) * UNIT
        options = replace(options, min_samples=least)
        locations = pd.DataFrame({"lat": lat, "lon": lon, "density": units})
        labels, core = label_locations(options, locations, n_jobs=1, report=silent)
        found = model.cluster(units[model.order], threshold_units(least))
        assert found[0].tolist() == labels[model.order].tolist()
        assert found[1].tolist() == core[model.order].tolist()
    assert labels.max() == -1


def _replicate(path, number=0, seed=5):
    """A prepared study, one of its replicates, and the counts of both with its clusters."""
    study = gclust.read_study(path)
    study = replace(study, uncertainty=replace(study.uncertainty, seed=seed))
    run_log = RunLog(silent, False)
    with DuckDBEngine() as engine:
        prepared = prepare_listings(study, engine, run_log)
        reclusterer = FixedLocationReclusterer(study, prepared, [], 2)
        bootstrap = Bootstrap(study, engine, prepared, reclusterer.order, n_jobs=2)
        replicate = bootstrap.draw(number)
        labels, gaps_km, *_ = reclusterer.recluster(0, replicate)
        back = np.argsort(reclusterer.order)
        plain = merge_and_count(study, engine, prepared, labels[back], run_log)
    return (
        prepared,
        replicate,
        replicate.density[back],
        bootstrap.merge_and_count(labels, gaps_km, replicate),
        plain,
    )


@pytest.mark.parametrize("weight", ["listings", "fractional", "equal"])
@pytest.mark.parametrize("records", ["numbers", "negative", "texts"])
def test_records_in_memory_are_those_of_the_engine(tmp_path, weight, records):
    """Whole numbers are sorted in memory, texts by the engine; the engine can do both."""
    table = pd.concat((teams(), teams()[::3]), ignore_index=True)
    if records != "texts":
        table["record"] = table["record"].str[1:].astype("Int64")
    if records == "negative":
        table["record"] -= 700
    path = study_folder(tmp_path, table, f'[density]\nweight = "{weight}"\n')
    for kind, rows in table.groupby("kind"):  # records in a csv file are texts
        rows.to_parquet(tmp_path / f"{kind}.parquet", index=False)
    path.write_text(path.read_text().replace(".csv", ".parquet"))
    study, run_log = gclust.read_study(path), RunLog(silent, False)
    found = []
    with DuckDBEngine() as engine:
        prepared = prepare_listings(study, engine, run_log)
        assert prepared.records is not None
        order = np.random.default_rng(4).permutation(len(prepared.locations))
        found.append(gather_listings(study, engine, prepared, order).rows)
        with mock.patch.object(DuckDBEngine, "keyed", return_value=None):
            found.append(gather_listings(study, engine, prepared, order).rows)
        with mock.patch.object(engine, "put", side_effect=AssertionError):
            if records == "texts":
                with pytest.raises(AssertionError):
                    gather_listings(study, engine, prepared, order)
            else:
                gather_listings(study, engine, prepared, order)
    assert (found[0]["number"] < 0).any()
    for name, values in found[0].items():
        assert values.dtype == found[1][name].dtype
        assert values.tolist() == found[1][name].tolist()


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("weight", ["listings", "fractional", "equal"])
def test_records_that_are_drawn_once_each_are_the_studys_own(tmp_path, way, weight):
    extra = WAYS[way] + f'[density]\nweight = "{weight}"\n'
    once = mock.patch.multiple(
        bootstrap_module,
        draw_copies=lambda n, *_: np.ones(n, dtype=np.uint8),
        draw_poisson=lambda mean, *_: np.rint(mean).astype(np.int64),
    )
    table = teams()
    table["weight"] = np.where(table["record"].isna(), 2.0, table["weight"])
    with once:
        prepared, replicate, density, found, plain = _replicate(
            study_folder(tmp_path, table, extra)
        )
    assert density.tolist() == prepared.locations["density"].tolist()
    assert replicate.world == prepared.world_totals
    pd.testing.assert_frame_equal(found.count, plain.count, check_exact=True)
    pd.testing.assert_frame_equal(found.share, plain.share, check_exact=True)
    pd.testing.assert_frame_equal(found.merging.log, plain.merging.log, check_exact=True)


@pytest.mark.parametrize("way", ["as it comes", "whole", "all merge", "some merge"])
def test_a_draw_is_a_study_of_listings_drawn_by_hand(tmp_path, way):
    """Each record is copied as often as the draw has it, and the study is run on the copies."""
    table = listings()
    team = table[table["kind"] == "patent"].groupby("town").head(11)[:31].assign(record=9001)
    table = pd.concat([table, team], ignore_index=True)
    path = study_folder(tmp_path / "own", table, WAYS[way])
    _, replicate, _, found, _ = _replicate(path, number=3)
    keys = table[["kind", "record"]].drop_duplicates()
    keys = keys.sort_values(["kind", "record"], key=lambda column: column.astype(str))
    keys["times"] = draw_copies(len(keys), 5, 3, 1)
    copies = table.merge(keys, on=["kind", "record"])
    copies = copies.loc[copies.index.repeat(copies["times"])]
    number = copies.groupby(level=0).cumcount()
    copies = copies.assign(record=copies["record"] * 100 + number).drop(columns="times")
    assert number.max() > 2
    by_hand = gclust.run(study_folder(tmp_path / "copies", copies, WAYS[way]))
    wanted = by_hand.ranking.sort_values("cluster_id")
    for kind in ("patent", "publication"):
        assert found.count[kind].tolist() == wanted[f"{kind}_count"].tolist()
        assert replicate.world[kind] == by_hand.info["world_totals"][kind]


def test_places_without_a_listing_in_a_draw_bridge_no_gap(tmp_path):
    """Two towns 13 km apart merge by an outlier of one, in the draws that have its record."""
    rows = [(record, 48.0, lon) for record in range(1, 61) for lon in (11.0, 11.175)]
    table = pd.DataFrame([(0, 48.0, 11.06), *rows], columns=["record", "lat", "lon"])
    table = table.assign(kind="patent", town="", year=2016)
    path = study_folder(
        tmp_path,
        table,
        "[clusters]\neps_km = 5\nmin_samples = 20\n[merge]\nmax_gap_km = 9\n",
    )
    for number, times in ((1, 1), (3, 0)):
        _, replicate, _, found, _ = _replicate(path, number)
        assert replicate.copies[0] == times
        assert len(found.count) == 2 - times


def test_places_whose_weight_is_drawn_zero_times_bridge_no_gap(tmp_path):
    """The same with an outlier that has no record, so that its weight is drawn."""
    rows = [(record, 48.0, lon) for record in range(1, 61) for lon in (11.0, 11.175)]
    table = pd.DataFrame([(np.nan, 48.0, 11.06), *rows], columns=["record", "lat", "lon"])
    table = table.assign(kind="patent", town="", year=2016)
    path = study_folder(
        tmp_path,
        table,
        "[clusters]\neps_km = 5\nmin_samples = 20\n[merge]\nmax_gap_km = 9\n",
    )
    numbers = {}
    for draw in range(8):
        _, replicate, _, found, _ = _replicate(path, draw)
        (weight,) = replicate.weight
        numbers.setdefault(bool(weight), set()).add(len(found.count))
    assert numbers == {True: {1}, False: {2}}


EXTRA = (
    '[uncertainty]\nsources = ["records", "parameters", "weights"]\nclusters = "reclustered"\n'
    "draws = 12\neps_km = [8, 10]\n"
)


def test_same_bytes_for_threads_and_row_order(tmp_path):
    table = listings()
    table.loc[table.index % 97 == 0, "record"] = np.nan
    names = ("uncertainty.csv", "pairs.csv", "uncertainty.json")
    done, found = uncertainty_bytes(tmp_path, table, EXTRA, names)
    assert found[0] == found[1]
    assert done.parameters == ((8.0, 100.0), (10.0, 100.0))
    assert "finds its own clusters" in done.superpopulation


def test_clusters_that_draws_lack_are_counted(tmp_path):
    """Graz has 60 patents' listings: around its own threshold it is there in some draws."""
    table = listings()
    own = table["kind"].eq("patent") & table["town"].eq("Graz")
    weight = int(own.sum())
    extra = (
        f'[density]\nkinds = ["patent"]\n[clusters]\neps_km = 20\nmin_samples = {weight - 2}\n'
        '[uncertainty]\nclusters = "reclustered"\ndraws = 60\n'
    )
    found = gclust.uncertainty(study_folder(tmp_path, table, extra)).table.set_index("name")
    assert 0.2 < found.loc["Graz", "found"] < 0.8
    assert found.loc["Munich", "found"] == 1
    assert found.loc["Graz", "among_10"] == "yes"
    # Where it is found it is large: the interval of all draws reaches lower.
    of_graz = found.loc["Graz"]
    assert of_graz["patent_share_in_own_low"] < 0.97 * of_graz["patent_share_low"]
    certain = found.loc["Munich"]
    assert certain["patent_share_in_own_low"] == pytest.approx(certain["patent_share_low"], 0.03)


def test_fixed_clusters_and_reclustering_agree_where_clusters_are_certain(tmp_path):
    tables = []
    for clusters in ("fixed", "reclustered"):
        extra = f'[uncertainty]\nclusters = "{clusters}"\ndraws = 200\n'
        study = study_folder(tmp_path / clusters, extra=extra)
        tables.append(gclust.uncertainty(study).table)
    fixed, reclustered = tables
    assert (reclustered["found"] == 1).all()
    for name in ("score_low", "score_high"):
        np.testing.assert_allclose(fixed[name], reclustered[name], atol=1.5)
    assert not [name for name in fixed if "in_own" in name]
    for end in ("low", "high"):
        in_own = reclustered[f"patent_share_in_own_{end}"]
        np.testing.assert_allclose(in_own, fixed[f"patent_share_{end}"], rtol=0.15)


def test_other_methods_recluster_too(tmp_path):
    extra = (
        '[clusters]\nmethod = "hdbscan"\nmin_cluster_size = 60\n'
        '[uncertainty]\nclusters = "reclustered"\ndraws = 10\n'
    )
    found = gclust.uncertainty(study_folder(tmp_path, extra=extra))
    assert found.table["found"].max() == 1


def test_parameters_alone_spread_as_runs_do(tmp_path):
    extra = (
        '[uncertainty]\nsources = ["parameters"]\ndraws = 40\neps_km = [2, 10]\n'
        "min_samples = [50, 100]\n"
    )
    path = study_folder(tmp_path, extra=extra)
    found = gclust.uncertainty(path)
    study = gclust.read_study(path)
    scores = set()
    for eps_km, min_samples in found.parameters:
        options = replace(study.clusters, eps_km=eps_km, min_samples=min_samples)
        run = gclust.run(replace(study, clusters=options))
        scores |= set(run.ranking["score"].round(9))
    drawn = found.scores[~np.isnan(found.scores)].round(9)
    assert len(found.parameters) == 4
    assert set(drawn.tolist()) <= scores
    assert len(set(drawn.tolist())) > len(found.table)


def test_parameters_of_a_sweeps_plateau(tmp_path):
    extra = '[uncertainty]\nsources = ["parameters"]\ndraws = 20\nsweep = "swept"\n'
    path = study_folder(tmp_path, extra=extra)
    grid = {"eps_km": [9, 10, 11], "min_samples": [90, 100, 110, 5000]}
    swept = gclust.sweep(path, **grid, out=tmp_path / "swept")
    own = swept.table.set_index(["eps_km", "min_samples"]).loc[(10, 100), "plateau"]
    there = swept.table[swept.table["plateau"] == own]
    found = gclust.uncertainty(path, tmp_path / "deep" / "out")
    assert own
    assert len(there) == 9
    assert list(found.parameters) == sorted(zip(there["eps_km"], there["min_samples"], strict=True))
    again = gclust.read_study(tmp_path / "deep" / "out" / "study.toml")
    assert (again.folder / again.uncertainty.sweep).resolve() == tmp_path / "swept"


def test_a_study_off_all_plateaus_is_refused(tmp_path):
    extra = '[uncertainty]\nsources = ["parameters"]\ndraws = 20\nsweep = "swept"\n'
    path = study_folder(tmp_path, extra=extra)
    gclust.sweep(path, eps_km=[10], min_samples=[100], out=tmp_path / "swept")
    with pytest.raises(StudyError, match="lies on no plateau .there is none.; expected factor"):
        gclust.uncertainty(path)


def test_without_a_plateau_parameters_vary_by_a_factor(tmp_path):
    extra = '[uncertainty]\nsources = ["parameters"]\ndraws = 60\nfactor = 1.25\n'
    found = gclust.uncertainty(study_folder(tmp_path, extra=extra))
    eps, least = (8.0, 10.0, 12.5), (80.0, 100.0, 125.0)
    assert list(found.parameters) == list(itertools.product(eps, least))
    assert "9 pairs of eps_km and min_samples" in found.draws_in_words
    both = '[uncertainty]\nsources = ["parameters"]\nfactor = 1.25\neps_km = [8, 9]\n'
    with pytest.raises(StudyError, match="factor and eps_km.*expected one of them"):
        gclust.uncertainty(study_folder(tmp_path / "both", extra=both))


def test_a_factor_never_leads_below_the_least_threshold(tmp_path):
    extra = "[clusters]\neps_km = 10\nmin_samples = 2\n[uncertainty]\nfactor = 4.0\n"
    study = gclust.read_study(study_folder(tmp_path, extra=extra))
    sources = replace(study.uncertainty, sources=("parameters",))
    drawn = draw_pairs(replace(study, uncertainty=sources), n_jobs=1, report=silent)
    assert sorted({least for _, least in drawn.pairs}) == [1.0, 2.0, 8.0]
    assert sorted({eps for eps, _ in drawn.pairs}) == [2.5, 10.0, 40.0]


def test_single_records_are_poisson():
    times = draw_copies(1_000_003, 9, 4, 2)
    expected = stats.poisson.pmf(np.arange(7), 1)
    found = np.bincount(np.minimum(times, 7), minlength=8)
    assert (
        stats.chisquare(found, len(times) * np.append(expected, 1 - expected.sum())).pvalue > 1e-3
    )
    assert draw_copies(1_000_003, 9, 4, 1).tolist() == times.tolist()
    assert draw_copies(1_000, 9, 4, 1).tolist() == times[:1_000].tolist()
    assert abs(np.corrcoef(times[:-1], times[1:])[0, 1]) < 0.004
    assert abs(np.corrcoef(times, draw_copies(1_000_003, 9, 5, 2))[0, 1]) < 0.004


def test_cubes_with_another_cluster_about_them():
    """Against all pairs, on a grid of cubes with noise."""
    rng = np.random.default_rng(3)
    starts = np.arange(0, 200, 4)
    label = rng.choice(np.array([-1, -1, -1, 0, 1], dtype=np.int32), 200)
    neighbours = np.column_stack((np.arange(50), rng.integers(0, 51, (50, 3))))
    expected = []
    for cube in range(50):
        about = {
            int(each)
            for other in neighbours[cube]
            for each in label[4 * other : 4 * other + 4]
            if other < 50 and each >= 0
        }
        here = (label[4 * cube : 4 * cube + 4] >= 0).any()
        expected.append(bool(here) and len(about) > 1)
    for threads in (1, 2):
        found = mixed_cells(starts, np.full(50, 4), neighbours, label, threads)
        assert found.tolist() == expected
    nothing = np.zeros(0, dtype=np.int64)
    none = mixed_cells(nothing, nothing, neighbours[:0], label[:0], 1)
    assert none.tolist() == []
