"""Sweeps of a small study: each pair against a run of its own, resumption, files, bad input."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from sklearn.metrics import adjusted_mutual_info_score, adjusted_rand_score

import gclust
from gclust.cli import main
from gclust.errors import GclustWarning, StudyError
from gclust.experiments.progress_bar import time_left
from gclust.experiments.sweep import label_cache
from gclust.experiments.sweep.summary import summary_lines
from gclust.pipeline.count_arrays import ArrayCounter
from tests.same_results import assert_same_result
from tests.worlds import listings, study_folder

EPS, LEAST = [2, 10, 70], [60, 100, 300]
GRID = (
    '[density]\nkinds = ["patent"]\n[clusters]\neps_km = 10\nmin_samples = 100\n'
    f"[sweep]\neps_km = {EPS}\nmin_samples = {LEAST}\n"
)
COLUMNS = [
    "eps_km", "min_samples", "clusters_before_merging", "n_clusters", "n_core", "n_noise",
    "clustered_share", "largest_share", "core_share", "ari", "ami", "jaccard", "tau_b",
    "ari_to_smaller_eps", "ari_to_smaller_min_samples", "diagnostics", "mean_ari", "plateau",
    "plateau_by_number", "dbcv",
]  # fmt: skip


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    return study_folder(tmp_path_factory.mktemp("a study é"), extra=GRID)


@pytest.fixture(scope="module")
def done(study, tmp_path_factory):
    return gclust.sweep(study, out=tmp_path_factory.mktemp("out") / "the sweep")


@pytest.fixture(scope="module")
def runs(study):
    """A run of its own for some pairs."""
    text = study.read_text(encoding="utf-8").split("[sweep]")[0]
    found = {}
    for eps, least in ((2, 60), (10, 60), (10, 100), (70, 60), (70, 100)):
        own = text.replace("eps_km = 10", f"eps_km = {eps}")
        path = study.with_name("own.toml")
        path.write_text(own.replace("= 100\n", f"= {least}\n"), encoding="utf-8")
        found[eps, least] = gclust.run(path)
    return found


@pytest.fixture
def no_figures(monkeypatch):
    for name in ("draw_surfaces", "draw_k_distance"):
        monkeypatch.setattr(f"gclust.experiments.sweep.folder.{name}", lambda *a, **k: [])


def test_each_pair_is_as_in_a_run_of_its_own(done, runs):
    assert done.table.columns.tolist() == COLUMNS
    assert [*zip(done.table["eps_km"], done.table["min_samples"], strict=True)] == [
        (eps, least) for eps in EPS for least in LEAST
    ]
    ranks = done.ranks.set_index(["eps_km", "min_samples"])
    for row in done.table.itertuples():
        pair = row.eps_km, row.min_samples
        if pair not in runs:
            continue
        run = runs[pair]
        mine = ranks.loc[[pair]].sort_values(["rank", "cluster_id"])
        assert mine["cluster_id"].tolist() == run.ranking["cluster_id"].tolist()
        assert mine["rank"].tolist() == run.ranking["rank"].tolist()
        assert mine["score"].tolist() == run.ranking["score"].tolist()
        at = run.locations
        assert (row.n_clusters, row.clusters_before_merging) == (
            len(run.ranking),
            run.info["clusters_before_merging"],
        )
        assert row.n_core == at["core"].sum()
        assert row.n_noise == ((at["cluster_id"] < 0) & (at["density"] > 0)).sum()
        weight, total = at.groupby("cluster_id")["density"].sum(), at["density"].sum()
        assert row.clustered_share == weight.drop(-1, errors="ignore").sum() / total
        assert row.largest_share == weight.drop(-1, errors="ignore").max() / total
        assert row.core_share == at.loc[at["core"], "density"].sum() / total


def test_a_pair_without_clusters_is_a_pair(study):
    found = gclust.sweep(study, eps_km=[10], min_samples=[100, 9000])
    row = found.table.iloc[1]
    assert row[["n_clusters", "core_share", "largest_share", "jaccard"]].tolist() == [0] * 4
    assert (row["n_core"], row["diagnostics"], np.isnan(row["tau_b"])) == (0, "no cluster", True)
    assert pd.isna(found.rank_of("Munich").loc[10, 9000])
    assert len(found.ranks) == len(found.clusters) == 3


def test_clusters_merge_as_in_a_run(tmp_path):
    extra = '[merge]\nmax_gap_km = 500\nrule = "one-sided"\nnoise_partner = false\n'
    path = study_folder(tmp_path, extra=GRID + extra)
    run = gclust.run(path)
    found = gclust.sweep(path, eps_km=[9, 10], min_samples=[100])
    row = found.table.iloc[1]
    assert row["clusters_before_merging"] == 3
    assert row["n_clusters"] == len(run.ranking) == 3 - len(run.merges) < 3
    assert found.clusters["score"].tolist() == run.ranking["score"].tolist()
    assert found.clusters["name"].tolist() == run.ranking["name"].tolist()


def each_listing(run):
    labels = np.repeat(run.locations["cluster_id"].to_numpy(), run.locations["density"].astype(int))
    alone = np.flatnonzero(labels < 0)
    labels[alone] = 1000 + alone
    return labels


def test_agreement_is_that_of_scikit_learn_on_listings(done, runs):
    table = done.table.set_index(["eps_km", "min_samples"])
    base = each_listing(runs[10, 100])
    for pair, run in runs.items():
        mine = each_listing(run)
        assert table.loc[pair, "ari"] == pytest.approx(adjusted_rand_score(base, mine), rel=1e-9)
        assert table.loc[pair, "ami"] == pytest.approx(
            adjusted_mutual_info_score(base, mine), rel=1e-8, abs=1e-9
        )
    for column, other, pair in (
        ("ari_to_smaller_eps", (10, 100), (70, 100)),
        ("ari_to_smaller_min_samples", (70, 60), (70, 100)),
    ):
        one, two = (np.minimum(each_listing(runs[at]), 1000) for at in (other, pair))
        expected = adjusted_rand_score(one, two)  # all noise is one cluster
        assert table.loc[pair, column] == pytest.approx(expected, rel=1e-9)
    assert np.isnan(table.loc[(2, 60), "ari_to_smaller_eps"])
    base_row = table.loc[(10, 100)]
    assert base_row[["ari", "ami", "jaccard", "tau_b"]].tolist() == [1.0] * 4


def test_a_cluster_s_rank_is_a_surface(done, runs):
    ranks = done.rank_of("Munich")
    assert ranks.index.tolist() == EPS
    assert ranks.columns.tolist() == LEAST
    for (eps, least), run in runs.items():
        names = run.ranking.set_index("rank")["name"]
        rank = ranks.loc[eps, least]
        assert "Munich" in names[rank]
        score = done.score_of("Munich").loc[eps, least]
        assert score == run.ranking.set_index("rank").loc[rank, "score"]
    # Where Augsburg is the lesser part of Munich's cluster it has no rank of its own.
    assert pd.isna(done.rank_of("Augsburg").loc[70, 60])
    by_id = done.clusters.set_index("name").loc["Munich", "cluster_id"]
    pd.testing.assert_frame_equal(done.rank_of(int(by_id)), ranks)
    with pytest.raises(ValueError, match="has the name 'Munick'; did you mean 'Munich'"):
        done.rank_of("Munick")
    with pytest.raises(ValueError, match="has the cluster_id 77"):
        done.rank_of(77)


def test_the_folder_holds_tables_figures_and_the_study(done):
    figures = ["n_clusters", "clustered_share", "largest_share", "ari", "ami", "jaccard", "tau_b"]
    for name in [*figures, "k_distance"]:
        for ending in ("png", "pdf"):
            assert (done.path / "figures" / f"{name}.{ending}").stat().st_size > 5000
    pd.testing.assert_frame_equal(pd.read_parquet(done.path / "sweep.parquet"), done.table)
    pd.testing.assert_frame_equal(pd.read_parquet(done.path / "ranks.parquet"), done.ranks)
    text = pd.read_csv(done.path / "sweep.csv")
    assert text.columns.tolist() == COLUMNS
    assert text["n_clusters"].tolist() == done.table["n_clusters"].tolist()
    again = gclust.read_study(done.path / "study.toml")
    assert again.sweep.eps_km == (2, 10, 70)
    info = json.loads((done.path / "sweep.json").read_text(encoding="utf-8"))
    assert info["baseline"] == {"eps_km": 10, "min_samples": 100}
    assert [p.name for p in done.path.parent.iterdir()] == ["the sweep"]
    lines = "\n".join(summary_lines(done))
    assert "9 pairs of eps_km and min_samples; the baseline (10 km, 100) has 3 clusters" in lines
    assert str(done.path / "sweep.csv") in lines


def test_a_folder_is_read_back(done, tmp_path):
    again = gclust.read_sweep(done.path)
    assert_same_result(again, done)
    assert summary_lines(again) == summary_lines(done)
    pd.testing.assert_frame_equal(again.rank_of("Munich"), done.rank_of("Munich"))
    with pytest.raises(StudyError, match="holds no sweep"):
        gclust.read_sweep(tmp_path)


def test_a_folder_with_an_old_name_names_the_new_one(done, tmp_path):
    shutil.copytree(done.path, tmp_path / "old")
    old = done.table.rename(columns={"diagnostics": "caution"})
    old.to_parquet(tmp_path / "old" / "sweep.parquet")
    with pytest.raises(
        StudyError, match="caution is called diagnostics now; run gclust sweep again"
    ):
        gclust.read_sweep(tmp_path / "old")


def digests(folder: Path) -> dict[str, str]:
    return {
        str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest()
        for p in sorted(folder.rglob("*"))
        if p.is_file()
    }


def test_a_killed_sweep_goes_on_and_gives_the_same_bytes(study, done, tmp_path, monkeypatch):
    out = tmp_path / "the sweep"
    code = "import sys, gclust; gclust.sweep(sys.argv[1], out=sys.argv[2])"
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(study), str(out)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    while process.poll() is None:
        kept = list(tmp_path.glob(".the sweep.sweep-*/eps-*.json"))
        if len(kept) >= 3:
            process.send_signal(signal.SIGKILL)
        time.sleep(0.002)
    assert process.wait() == -signal.SIGKILL
    kept = list(tmp_path.glob(".the sweep.sweep-*/eps-*.json"))
    assert 3 <= len(kept) < 9
    assert not out.exists()
    counted = []
    real = ArrayCounter.merge_and_count
    monkeypatch.setattr(ArrayCounter, "merge_and_count", lambda *a: counted.append(1) or real(*a))
    shares = []
    gclust.sweep(study, out=out, progress=lambda f, s: shares.append(f) if "pairs" in s else None)
    # The baseline, were it not among the three, is not tried twice.
    assert len(counted) == 9 - len(kept)
    assert shares[0] == 0.0
    assert shares[-1] == 1.0
    assert [p.name for p in tmp_path.iterdir()] == ["the sweep"]
    expected = digests(done.path)
    # Paths in study.toml are relative to its folder.
    found = digests(out)
    assert found.pop("study.toml")
    assert expected.pop("study.toml")
    assert found == expected


def test_a_checkpoint_of_another_study_is_not_used(study, tmp_path, monkeypatch, no_figures):
    """A sweep that stops, is changed, and is started again."""
    out = tmp_path / "out"
    tried = []

    def stop(*arguments):
        tried.append(1)
        if len(tried) > 3:
            raise KeyboardInterrupt
        return real(*arguments)

    real = ArrayCounter.merge_and_count
    monkeypatch.setattr(ArrayCounter, "merge_and_count", stop)
    with pytest.raises(KeyboardInterrupt):
        gclust.sweep(study, out=out, min_samples=[60, 100])
    assert len(list(tmp_path.glob(".out.sweep-*/*.json"))) >= 2
    tried.clear()
    with pytest.raises(KeyboardInterrupt):
        gclust.sweep(study, out=out, min_samples=[60, 100], baseline=(10, 60))
    assert len(list(tmp_path.glob(".out.sweep-*"))) == 2
    monkeypatch.setattr(ArrayCounter, "merge_and_count", real)
    changed = listings()
    changed.loc[:200, "lat"] += 0.5
    other = study_folder(tmp_path / "changed", changed, GRID)
    found = gclust.sweep(other, out=out, min_samples=[60, 100])
    pd.testing.assert_frame_equal(found.table, gclust.sweep(other, min_samples=[60, 100]).table)
    assert not list(tmp_path.glob(".out.*"))


def test_one_radius_at_a_time_where_memory_is_short(study, done, monkeypatch):
    computed, real = [], label_cache.surface_of_locations
    monkeypatch.setattr(label_cache, "radii_that_fit", lambda *_: 1)

    def one_radius(*args, **ways):
        computed.append(args[3][0])
        return real(*args, **ways)

    monkeypatch.setattr(label_cache, "surface_of_locations", one_radius)
    again = gclust.sweep(study)
    pd.testing.assert_frame_equal(again.table, done.table)
    pd.testing.assert_frame_equal(again.ranks, done.ranks)
    eps = again.table["eps_km"].unique().tolist()
    assert sorted(computed) == [[each] for each in eps]  # each once


def test_same_tables_for_threads_and_permuted_rows(done, tmp_path):
    shuffled = study_folder(tmp_path, listings().sample(frac=1, random_state=5), GRID)
    again = gclust.sweep(shuffled, n_jobs=1)
    for name in ("table", "clusters", "ranks", "plateaus", "k_distance"):
        pd.testing.assert_frame_equal(getattr(again, name), getattr(done, name), check_exact=True)


def test_sequences_are_sorted_and_the_study_s_own_parameters_surrounded(study, tmp_path):
    found = gclust.sweep(study, eps_km=(e for e in (70, 10)), min_samples=np.array([100]))
    assert found.table["eps_km"].tolist() == [10, 70]


def test_values_that_are_not_given_come_from_the_data(tmp_path):
    """They are the same whatever the study's own are, which are added."""
    plain = gclust.read_study(study_folder(tmp_path))
    grids = []
    for eps, least in ((10, 100), (4.25, 33), (60, 200)):
        found = gclust.sweep(replace(plain, clusters={"eps_km": eps, "min_samples": least}))
        assert found.baseline == (eps, least)
        axes = [sorted(set(found.table[name]) - {own}) for name, own in
                (("eps_km", eps), ("min_samples", least))]  # fmt: skip
        grids.append(axes)
    assert len(grids[0][0]) in (10, 11)
    assert grids[1] == grids[2]
    half = gclust.sweep(plain, eps_km=[8, 10])
    assert half.table["eps_km"].unique().tolist() == [8, 10]
    assert half.table["min_samples"].nunique() >= 11


def test_auto_leaves_the_section_aside(study):
    found = gclust.sweep(study, eps_km="auto", min_samples="auto")
    assert found.baseline == (10, 100)
    assert found.table["eps_km"].nunique() >= 11
    assert found.study.sweep.eps_km == tuple(EPS)


def test_a_first_guess_without_clusters_is_answered(tmp_path):
    own = {"eps_km": 10, "min_samples": 1e6}
    plain = replace(gclust.read_study(study_folder(tmp_path)), clusters=own)
    with pytest.warns(UserWarning, match="own parameters, 10 km, 1000000, find no cluster"):
        found = gclust.sweep(plain)
    assert found.baseline != (10, 1e6)
    assert len(found.clusters) > 0
    assert any("find no cluster" in each for each in found.warnings)
    with pytest.raises(StudyError, match="no cluster found"):
        gclust.sweep(plain, baseline=(10, 1e6))


WRONG = [
    ({"eps_km": []}, "eps_km is empty"),
    ({"min_samples": ()}, "min_samples is empty"),
    ({"eps_km": [10, 15, 10.0]}, "eps_km holds 10 twice"),
    ({"eps_km": [10, -3]}, "eps_km must be a positive number of kilometres, not -3"),
    ({"min_samples": [0.5, 100]}, "min_samples must be a number from 1 to .*, not 0.5"),
    ({"eps_km": [10, float("nan")]}, "eps_km must be a sequence of numbers, but holds nan"),
    ({"eps_km": "10"}, "eps_km must be a sequence of numbers, not '10'"),
    ({"min_samples": 100}, "min_samples must be a sequence of numbers, not 100"),
    ({"baseline": (12, 100)}, "baseline's eps_km = 12 is outside the surface, .* 2, 10, 70"),
    ({"baseline": (10, 99)}, "baseline's min_samples = 99 is outside the surface"),
    ({"eps_km": [2, 3]}, "baseline's eps_km = 10.0 is outside the surface"),
    ({"min_samples": range(100, 400)}, "min_samples has 300 values; expected at most 255"),
    ({"baseline": 10}, r"baseline must be a pair \(eps_km, min_samples\), not 10"),
    ({"min_samples": [1e6], "baseline": (10, 1e6)}, "no cluster found.*Lower min_samples"),
]


@pytest.mark.parametrize(("options", "message"), WRONG)
def test_errors_name_the_value(study, tmp_path, options, message):
    with pytest.raises(StudyError, match=message):
        gclust.sweep(study, out=tmp_path / "out", **options)
    assert not (tmp_path / "out").exists()


def test_a_folder_that_exists_is_not_lost(study, done, tmp_path):
    with pytest.raises(FileExistsError, match="holds a sweep already"):
        gclust.sweep(study, out=done.path)
    (tmp_path / "thesis.txt").write_text("years")
    with pytest.raises(FileExistsError, match="is not a sweep of gclust"):
        gclust.sweep(study, out=tmp_path, overwrite=True)


def test_no_records_no_merging_and_the_sweep_says_so(tmp_path):
    path = study_folder(tmp_path, listings().drop(columns="record"), GRID)
    found = gclust.sweep(path, eps_km=[10], min_samples=[100])
    none = "the listings have no records, so clusters have no ties: none merge"
    assert found.warnings[-1] == none
    assert all("has no record" in line for line in found.warnings[:-1])


def test_border_noise_is_warned_of_once(tmp_path):
    extra = GRID.replace("[sweep]", 'border = "noise"\n[sweep]')
    with pytest.warns(GclustWarning, match="so no clusters merge") as caught:
        gclust.sweep(study_folder(tmp_path, extra=extra), eps_km=[10], min_samples=[100])
    assert len(caught) == 1


def test_the_command_and_its_exit_codes(tmp_path, monkeypatch, no_figures):
    def command(*arguments):
        return CliRunner().invoke(main, ["sweep", *map(str, arguments)])

    monkeypatch.chdir(tmp_path)
    small = study_folder(tmp_path, extra=GRID.replace(str(EPS), "[10]"))
    done = command(small)
    assert done.exit_code == 0, done.output
    assert "3 pairs of eps_km and min_samples" in done.stdout
    assert (tmp_path / "three-towns-sweep" / "sweep.parquet").is_file()
    # On a busy machine stages take long enough for a line in a log.
    assert all(
        re.match(r"gclust: .+: (\d+ %|done), \d+ s", line) for line in done.stderr.splitlines()
    )
    again = command(small)
    assert again.exit_code == 2
    assert "holds a sweep already" in again.stderr
    assert command(small, "--overwrite").exit_code == 0
    small.write_text(small.read_text().replace("[10]", "[11]"))
    wrong = command(small, "-o", "out")
    assert wrong.exit_code == 2
    assert "gclust: the baseline's eps_km = 10.0 is outside the surface" in wrong.stderr
    assert not (tmp_path / "out").exists()


def test_the_bar_shows_the_time_left(capsys):
    from rich.console import Console

    with time_left(Console(stderr=True, force_terminal=True, width=100)) as report:
        report(0.0, "try pairs")
        report(0.0, "quick")
        report(1.0, "quick")
        time.sleep(0.02)
        report(0.25, "try pairs")
    shown = capsys.readouterr().err
    assert "try pairs" in shown
    assert "left" in shown
    with time_left(Console(stderr=True, force_terminal=False)) as report:
        report(0.5, "try pairs")
    assert capsys.readouterr().err == ""
