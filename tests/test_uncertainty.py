"""Rank uncertainty: replicates of records, and the coverage of intervals and rank sets."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import narwhals as nw
import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from scipy import stats

import gclust
from gclust.cli import main
from gclust.errors import StudyError
from gclust.experiments.uncertainty.fixed_clusters import (
    RecordGroups,
    bootstrap_groups,
    group_records,
)
from gclust.experiments.uncertainty.run import _of_few_records
from gclust.kernels.resampling.philox import fill_poisson, fill_words
from gclust.listings.engines.duckdb import DuckDBEngine
from gclust.listings.record_profiles import record_profiles
from gclust.pipeline.count_arrays import merge_and_count
from gclust.pipeline.prepare import prepare_listings
from gclust.pipeline.run import form
from gclust.pipeline.run_log import RunLog
from gclust.progress import silent
from gclust.ranking.intervals import intervals
from gclust.ranking.rank_sets import rank_sets
from gclust.units import UNIT
from tests.same_results import assert_same_result
from tests.worlds import listings, study_folder

LEVEL = 0.9


def test_philox_is_that_of_its_authors():
    """Known answers that come with Random123, for ten rounds of four words."""
    ones = 0xFFFFFFFF
    pi = [0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344, 0xA4093822, 0x299F31D0]
    counters = np.array([[0] * 4, [ones] * 4, pi[:4]], dtype=np.uint64)
    keys = np.array([[0] * 2, [ones] * 2, pi[4:]], dtype=np.uint64)
    out = np.empty((3, 4), dtype=np.uint64)
    fill_words(counters, keys, out)
    assert [" ".join(f"{word:08x}" for word in row) for row in out.tolist()] == [
        "6627e8d5 e169c58d bc57ac4c 9b00dbd8",
        "408f276d 41c83b0e a20bc7c6 6d5451fd",
        "d16cfe09 94fdcceb 5001e420 24126ea1",
    ]


@pytest.mark.parametrize("mean", [0.3, 1.0, 9.9, 10.0, 47.0, 1e6])
def test_poisson_numbers_are_poisson(mean):
    out = np.empty(200_000, dtype=np.int64)
    fill_poisson(mean, np.uint64(5), 0, 3, out, 0, len(out))
    low, high = stats.poisson.ppf([1e-3, 1 - 1e-3], mean)
    edges = np.unique(np.linspace(low, high, 20).astype(int))
    expected = np.diff([0, *stats.poisson.cdf(edges, mean), 1])
    found = np.diff([0, *np.searchsorted(np.sort(out), edges, side="right"), len(out)])
    some = expected > 0
    assert stats.chisquare(found[some], expected[some] * len(out)).pvalue > 1e-3


def test_a_number_depends_on_seed_draw_and_item_alone():
    whole, parts = np.empty(100, dtype=np.int64), np.empty(100, dtype=np.int64)
    fill_poisson(50.0, np.uint64(7), 0, 2, whole, 0, 100)
    for first, last in ((60, 100), (0, 60)):
        fill_poisson(50.0, np.uint64(7), 0, 2, parts, first, last)
    assert whole.tolist() == parts.tolist()
    for seed, draw in ((8, 2), (7, 3), (7 + 2**40, 2)):
        fill_poisson(50.0, np.uint64(seed), 0, draw, parts, 0, 100)
        assert (whole != parts).sum() > 80


@pytest.mark.parametrize("constructor", ["pandas", "polars", "pyarrow", "duckdb"])
def test_profiles_are_those_of_a_dictionary(constructor):
    rng = np.random.default_rng(3)
    rows = [
        (kind, f"r{record}", int(label), int(rng.integers(1, 3)) * UNIT // 6)
        for kind in (0, 1)
        for record in range(400)
        for label in rng.choice(np.arange(-1, 6), rng.integers(1, 7), replace=False)
    ]
    table = pd.DataFrame(rows, columns=["kind", "record", "label", "units"])
    wanted = Counter()
    for (kind, _), record in table[table["label"] >= 0].groupby(["kind", "record"]):
        parts = sorted(zip(record["label"], record["units"], strict=True))
        wanted[(kind, *parts)] += 1
    found = Counter()
    with DuckDBEngine() as engine:
        if constructor == "duckdb":
            ways = engine.put(table, "credited"), engine.pandas, engine.put
        else:
            ways = _lazily(constructor, table)
        profiles = record_profiles(*ways)
    for _, rows_of in profiles.groupby("profile"):
        parts = zip(rows_of["label"], rows_of["units"], strict=True)
        found[(rows_of["kind"].iloc[0], *parts)] = rows_of["records"].iloc[0]
    assert found == wanted
    assert max(map(len, found)) > 5


def _lazily(name, table):
    module = __import__(name)
    make = {
        "pandas": lambda t: t,
        "polars": lambda t: module.DataFrame(t.to_dict("list")),
        "pyarrow": lambda t: module.Table.from_pandas(t, preserve_index=False),
    }[name]

    def lazy(frame):
        return nw.from_native(make(frame)).lazy()

    return lazy(table), lambda frame: frame.collect().to_pandas(), lambda t, _: lazy(t)


def _grouped(study):
    with DuckDBEngine() as engine:
        run_log = RunLog(silent, False)
        prepared = prepare_listings(study, engine, run_log)
        formed = form(study, prepared, run_log, 1)
        counted = merge_and_count(study, engine, prepared, formed.labels, run_log)
        clusters = counted.clusters(formed.labels)
        groups = group_records(study, engine, prepared, clusters)
    return groups, counted, prepared.world_totals


def _expected(groups):
    """What the groups add up to if each is drawn as often as it is there."""
    sums = np.zeros((groups.n_clusters + 1) * groups.n_kinds)
    for group, times in enumerate(groups.records):
        entries = slice(groups.start[group], groups.start[group + 1])
        np.add.at(sums, groups.cell[entries], times * groups.units[entries])
    return (sums / UNIT).reshape(-1, groups.n_kinds)


OPTIONS = [
    "",
    '[counting]\nmethod = "whole"\n',
    '[counting]\nunlocated = "keep"\n',
    "[counting]\ntotals = { patent = 9000.5 }\n",
]


@pytest.mark.parametrize("extra", OPTIONS)
def test_groups_add_up_to_the_counts_of_the_study(tmp_path, extra):
    table = listings()
    table.loc[table.index % 97 == 0, "record"] = np.nan
    table.loc[table.index % 101 == 0, "lat"] = np.nan
    study = gclust.read_study(study_folder(tmp_path, table, extra))
    groups, counted, world = _grouped(study)
    found = _expected(groups)
    np.testing.assert_allclose(found[:-1], counted.count.to_numpy(), rtol=1e-12)
    np.testing.assert_allclose(found[-1], [world[kind] for kind in study.kinds], rtol=1e-12)


def test_draws_scatter_as_poisson_records_do(tmp_path):
    """Mean and variance of shares, against those of records drawn one by one."""
    study = gclust.read_study(study_folder(tmp_path))
    groups, counted, _ = _grouped(study)
    shares = bootstrap_groups(groups, np.arange(2000), 3, threads=2, report=silent).shares
    n = groups.records
    random = np.random.default_rng(1)
    ours = np.zeros((2000, (groups.n_clusters + 1) * groups.n_kinds))
    for group, times in enumerate(n):
        entries = slice(groups.start[group], groups.start[group + 1])
        drawn = random.poisson(np.ones((2000, int(times)))).sum(axis=1)
        ours[:, groups.cell[entries]] += drawn[:, None] * groups.units[entries]
    ours = ours.reshape(2000, -1, groups.n_kinds)
    ours = 100 * ours[:, :-1] / ours[:, -1:]
    np.testing.assert_allclose(shares.mean(0), counted.share.to_numpy(), atol=0.2)
    np.testing.assert_allclose(shares.std(0), ours.std(0), rtol=0.1)


def _bytes(folder):
    return {
        path.relative_to(folder): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != "study.toml"
    }


def test_same_bytes_for_threads_and_row_order(tmp_path):
    extra = '[uncertainty]\nsources = ["records", "weights"]\ndraws = 40\n'
    table = listings()
    mixed = table.sample(frac=1, random_state=3)
    found = []
    for name, rows, threads in (("a", table, 1), ("b", mixed, 2)):
        study = study_folder(tmp_path / name, rows, extra)
        gclust.uncertainty(study, tmp_path / name / "out", n_jobs=threads)
        found.append(_bytes(tmp_path / name / "out"))
    assert found[0] == found[1]
    assert {path.name for path in found[0]} == {
        *("uncertainty.csv", "pairs.csv", "uncertainty.json", "rank_sets.png", "rank_sets.pdf"),
        *("uncertainty.parquet", "pairs.parquet", "scores.parquet"),
        *("sources.csv", "sources.parquet", "datapackage.json"),
    }


def test_seeds_differ_and_draws_begin_alike(tmp_path):
    study = gclust.read_study(study_folder(tmp_path))

    def scores(**options):
        drawn = replace(study.uncertainty, **{"draws": 20, **options})
        return gclust.uncertainty(replace(study, uncertainty=drawn)).scores

    base = scores()
    np.testing.assert_array_equal(base[:10], scores(draws=10))
    assert (base != scores(seed=2)).all()


def test_one_cluster_and_a_kind_that_it_lacks(tmp_path):
    table = listings()
    here = (table["town"] == "Munich") & (table["kind"] == "patent")
    far = table["kind"].eq("publication") & table["town"].eq("country")
    extra = "[uncertainty]\ndraws = 50\n"
    found = gclust.uncertainty(study_folder(tmp_path, table[here | far], extra))
    row = found.table.iloc[0]
    assert len(found.table) == 1
    assert (row["publication_share_low"], row["publication_share_high"]) == (0, 0)
    assert (row["rank_set_low"], row["rank_set_high"]) == (1, 1)
    assert (row["marginal_rank_set_low"], row["marginal_rank_set_high"]) == (1, 1)
    assert (row["among_10"], row["among_100"]) == ("yes", "yes")
    assert found.pairs.empty


def test_a_draw_without_records_of_a_kind_has_shares_of_zero():
    groups = RecordGroups(
        records=np.array([5.0, 0.01]),
        start=np.array([0, 2, 4]),
        cell=np.array([0, 2, 1, 3]),
        units=np.full(4, UNIT),
        n_clusters=1,
        n_kinds=2,
    )
    shares = bootstrap_groups(groups, np.arange(200), 1, threads=1, report=silent).shares
    assert np.isfinite(shares).all()
    assert set(shares[:, 0, 1]) <= {0.0, 100.0}
    assert (shares[:, 0, 1] == 0).mean() > 0.9


def test_weights_are_drawn_round_the_studys(tmp_path):
    extra = (
        "[score]\nweights = { patent = 3, publication = 1 }\n"
        '[uncertainty]\nsources = ["weights"]\ndraws = 2000\nconcentration = 50\n'
    )
    found = gclust.uncertainty(study_folder(tmp_path, extra=extra))
    share = found.table[["patent_share", "publication_share"]].to_numpy()
    # Each score is 4 (w a + (1 - w) b): solve for w, which is Beta(37.5, 12.5).
    w = (found.scores / 4 - share[:, 1]) / (share[:, 0] - share[:, 1])
    np.testing.assert_allclose(w, w[:, :1].repeat(3, axis=1), rtol=1e-9)
    assert stats.kstest(w[:, 0], stats.beta(37.5, 12.5).cdf).pvalue > 1e-3
    assert found.table["patent_share_low"].isna().all()  # shares do not vary
    assert "Dirichlet" in found.superpopulation


def test_a_weight_of_zero_stays_zero(tmp_path):
    extra = '[score]\nweights = { patent = 0 }\n[uncertainty]\nsources = ["weights"]\ndraws = 20\n'
    found = gclust.uncertainty(study_folder(tmp_path, extra=extra))
    assert (found.scores == found.table["score"].to_numpy()).all()


def test_listings_without_records_are_warned_of(tmp_path):
    table = listings().drop(columns="record")
    found = gclust.uncertainty(study_folder(tmp_path, table, "[uncertainty]\ndraws = 20\n"))
    assert sum("without a record" in warning for warning in found.warnings) == 2


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        (
            'sources = ["record"]',
            r"expected 'records' or 'addresses' or .* or 'weights'; did you mean 'records'",
        ),
        ("draws = 8", "draws = 8; expected 9 or more at level = 0.9"),
        ("level = 1.0", "level = 1; expected less than 1"),
        ("sources = []", "expected at least one value"),
        ("seed = -1", "expected 0 or more"),
    ],
)
def test_what_cannot_be_drawn_is_refused(tmp_path, extra, message):
    path = study_folder(tmp_path, extra=f"[uncertainty]\n{extra}\n")
    with pytest.raises(StudyError, match=message):
        gclust.uncertainty(path)


def test_the_command_shows_and_writes(tmp_path):
    path = study_folder(tmp_path, extra="[uncertainty]\ndraws = 100\n")
    out = tmp_path / "out"
    done = CliRunner().invoke(main, ["uncertainty", str(path), "-o", str(out)])
    assert done.exit_code == 0, done.output
    assert "Munich" in done.output
    assert "cannot be distinguished" in done.output
    table = pd.read_csv(out / "uncertainty.csv")
    assert table.columns[:4].tolist() == ["rank", "cluster_id", "name", "economies"]
    assert (table["rank_set_low"] <= table["rank"]).all()
    assert (table["rank"] <= table["rank_set_high"]).all()
    assert len(pd.read_csv(out / "pairs.csv")) == 1
    again = gclust.uncertainty(out / "study.toml")
    assert again.table["score_low"].to_numpy() == pytest.approx(table["score_low"], rel=1e-11)
    done = CliRunner().invoke(main, ["uncertainty", str(path), "-o", str(out)])
    assert done.exit_code == 2
    assert "already" in done.output


def test_a_folder_is_read_back(tmp_path):
    path = study_folder(tmp_path, extra="[uncertainty]\ndraws = 30\n")
    written = gclust.uncertainty(path, tmp_path / "out")
    assert_same_result(gclust.read_uncertainty(tmp_path / "out"), written)
    with pytest.raises(StudyError, match="holds no uncertainty"):
        gclust.read_uncertainty(tmp_path)
    content = tmp_path / "out" / "uncertainty.json"
    content.write_text(content.read_text("utf-8").replace('"clusters"', '"formed"'), "utf-8")
    with pytest.raises(StudyError, match=r"uncertainty\.json: formed is called clusters now; run"):
        gclust.read_uncertainty(tmp_path / "out")


def truth(n_clusters, n_kinds, seed):
    """Groups with the rates of a superpopulation: towns of falling size, some of them equal.

    A share of the records of a town has a partner in the next one, and a third of all
    records lie in no cluster.
    """
    random = np.random.default_rng(seed)
    size = 3000.0 / np.arange(1, n_clusters + 1) ** 0.8
    size[1], size[-1] = size[0], size[-2]  # equal leaders, equal ends
    size[5:8] = size[5] * np.array([1.0, 1.01, 1.02])
    times, start, cell, units = [], [0], [], []

    def add(rate, parts):
        times.append(rate)
        for at, part in parts:
            cell.append(at)
            units.append(part)
        start.append(len(cell))

    for kind in range(n_kinds):
        tilt = random.uniform(0.5, 1.5, n_clusters)
        tilt[1], tilt[-1] = tilt[0], tilt[-2]
        world = n_clusters * n_kinds + kind
        for town in range(n_clusters):
            rate = size[town] * tilt[town] / (1 + kind)
            here, there = town * n_kinds + kind, (town + 1) % n_clusters * n_kinds + kind
            for part in (1, 2, 3, 4):
                add(rate * 0.2, [(here, UNIT // part), (world, UNIT)])
            add(rate * 0.2, [(here, UNIT // 2), (there, UNIT // 3), (world, UNIT)])
        add(size.sum() / 3 / (1 + kind), [(world, UNIT)])
    arrays = (np.array(a, dtype=np.int64) for a in (start, cell, units))
    return RecordGroups(np.array(times), *arrays, n_clusters=n_clusters, n_kinds=n_kinds)


def _shares(groups, times):
    sums = _expected(replace(groups, records=times))
    return 100 * sums[:-1] / sums[-1:]


def coverage(n_replicates, n_draws, n_clusters=30, n_kinds=3):
    """How often intervals cover the true shares and scores, and sets all true ranks at once."""
    groups = truth(n_clusters, n_kinds, 1)
    share = _shares(groups, groups.records)
    score = share.sum(axis=1)
    # The equal ones have the same partners' rates but for rounding and their neighbours'.
    true_rank = 1 + (score[None, :] > score[:, None] + 1e-9).sum(axis=1)
    random = np.random.default_rng(7)
    of_share, of_score, jointly, percentile = [], [], [], []
    for replicate in range(n_replicates):
        seen = replace(groups, records=random.poisson(groups.records).astype(np.float64))
        drawn = bootstrap_groups(
            seen, np.arange(n_draws), 1000 + replicate, threads=2, report=silent
        ).shares
        own, scores = _shares(groups, seen.records).sum(axis=1), drawn.sum(axis=2)
        low, high = intervals(drawn, LEVEL)
        of_share.append((low <= share) & (share <= high))
        low, high = intervals(scores, LEVEL)
        of_score.append((low <= score) & (score <= high))
        sets = rank_sets(own, scores, LEVEL)
        jointly.append(((sets.low <= true_rank) & (true_rank <= sets.high)).all())
        percentile.append(sets.high - sets.low)
    return {
        "shares": float(np.mean(of_share)),
        "least share": float(np.mean(of_share, axis=0).min()),
        "most share": float(np.mean(of_share, axis=0).max()),
        "scores": float(np.mean(of_score)),
        "least score": float(np.mean(of_score, axis=0).min()),
        "most score": float(np.mean(of_score, axis=0).max()),
        "rank sets": float(np.mean(jointly)),
        "mean width": float(np.mean(percentile)),
    }


def test_intervals_and_sets_cover():
    """100 replicates: bounds are those of the full test, widened by three standard errors."""
    found = coverage(100, 199)
    assert 0.86 <= found["shares"] <= 0.94
    assert 0.86 <= found["scores"] <= 0.94
    assert found["rank sets"] >= 0.81
    assert found["mean width"] < 6  # that all ranks are possible would cover too


@pytest.mark.full_size
def test_intervals_and_sets_cover_at_full_size():
    found = coverage(1000, 1000)
    print(found)
    for name in ("shares", "least share", "most share", "scores", "least score", "most score"):
        assert 0.87 <= found[name] <= 0.93, found
    assert found["rank sets"] >= 0.9, found


def test_clusters_of_few_records_get_a_caution():
    study = gclust.read_study(gclust.datasets.example_study())
    kind = study.kinds[0]
    count = pd.DataFrame({each: [20.0, 9.0, 3.0, 2.0, 1.0] for each in study.kinds[:1]})
    count = count.reindex(columns=list(study.kinds), fill_value=0.0)
    named = pd.DataFrame({"name": list("abcde")})
    (found,) = _of_few_records(study, named, count)
    assert found.startswith("4 of 5 clusters have fewer than 10 records")
    assert found.endswith("b, c, d and 1 more")
    assert _of_few_records(study, named, count.assign(**{kind: 10.0})) == []
