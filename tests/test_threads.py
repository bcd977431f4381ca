"""What ``n_jobs`` stands for: processors, quotas, variables of the environment, joblib."""

from __future__ import annotations

import ast
import io
import os
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import joblib
import numpy as np
import pytest
from joblib.externals.loky.backend import context

import gclust
from gclust.experiments.tune.worker import Worker
from gclust.listings.engines.duckdb import DuckDBEngine
from gclust.parallel import parallel_for
from gclust.places.cities.centroid_geocodes import GeocodeCriteria, find_centroid_geocodes
from gclust.places.footprints import outlines, overlaps
from gclust.study.sections import EngineOptions
from gclust.threads import LIMITS, count_threads, default_threads

PACKAGE = Path(gclust.__file__).parent


@pytest.fixture(autouse=True)
def free(monkeypatch):
    """No limits of the machine that the tests run on."""
    for name in (*LIMITS, "LOKY_MAX_CPU_COUNT"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def eight(monkeypatch):
    monkeypatch.setattr(joblib, "cpu_count", lambda: 8)
    return monkeypatch


@pytest.mark.parametrize(
    ("n_jobs", "threads"),
    [(None, 8), (1, 1), (3, 3), (20, 20), (-1, 8), (-2, 7), (-8, 1), (-9, 1), (np.int64(2), 2)],
)
def test_numbers_are_those_of_scikit_learn(eight, n_jobs, threads):
    assert count_threads(n_jobs) == threads
    if n_jobs is not None:  # there, None is one thread
        assert joblib.parallel.ThreadingBackend().effective_n_jobs(n_jobs) in (
            threads,
            max(joblib.parallel.cpu_count() + 1 + n_jobs, 1),
        )


@pytest.mark.parametrize("n_jobs", [0, 1.5, "2", True, [1]])
def test_what_is_no_number_of_threads_is_named(n_jobs):
    with pytest.raises(ValueError, match="n_jobs must be None, a positive number of threads"):
        count_threads(n_jobs)


@pytest.mark.parametrize(
    ("variables", "threads"),
    [
        ({"NUMBA_NUM_THREADS": "3"}, 3),
        ({"OMP_NUM_THREADS": "2"}, 2),
        ({"OMP_NUM_THREADS": " 2, 4"}, 2),
        ({"NUMBA_NUM_THREADS": "5", "OMP_NUM_THREADS": "4"}, 4),
        ({"NUMBA_NUM_THREADS": "4", "OMP_NUM_THREADS": "5"}, 4),
        ({"NUMBA_NUM_THREADS": "100"}, 8),
        ({"NUMBA_NUM_THREADS": "", "OMP_NUM_THREADS": "many"}, 8),
        ({"NUMBA_NUM_THREADS": "0"}, 8),
    ],
)
def test_the_environment_bounds_what_is_not_said(eight, variables, threads):
    for name, value in variables.items():
        eight.setenv(name, value)
    assert count_threads() == threads
    assert count_threads(-1) == 8
    assert count_threads(6) == 6


def test_joblib_s_configuration_bounds_what_is_not_said(eight):
    with joblib.parallel_config(n_jobs=3):
        assert count_threads() == 3
        assert count_threads(-1) == 8
        eight.setenv("OMP_NUM_THREADS", "2")
        assert count_threads() == 2
    eight.delenv("OMP_NUM_THREADS")
    with joblib.parallel_config("threading", n_jobs=1):
        assert count_threads() == 1
    with joblib.parallel_config("threading", n_jobs=50):
        assert count_threads() == 8
    with joblib.parallel_config("threading"):  # says nothing of a number
        assert count_threads() == 8


def in_workers(backend, **options):
    with joblib.parallel_config(backend, n_jobs=2, **options):
        return joblib.Parallel()(joblib.delayed(count_threads)() for _ in range(2))


def test_in_a_worker_of_joblib_it_is_what_the_worker_is_given(monkeypatch):
    assert in_workers("threading") == [1, 1]
    assert in_workers("loky", inner_max_num_threads=1) == [1, 1]
    processors = joblib.cpu_count()
    # A worker that may use as many as there are does.
    assert in_workers("loky", inner_max_num_threads=64) == [processors] * 2


def files_of(monkeypatch, files):
    """Let joblib find these files of control groups, on 64 processors."""

    def opened(path, *rest):
        return io.StringIO(files[path]) if path in files else open(path, *rest)

    monkeypatch.setattr(os, "cpu_count", lambda: 64)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(64)), raising=False)
    monkeypatch.setattr(context, "open", opened, raising=False)
    usual = os.path.exists
    monkeypatch.setattr(
        os.path,
        "exists",
        lambda path: path in files if str(path).startswith("/sys/fs/cgroup") else usual(path),
    )


CFS = "/sys/fs/cgroup/cpu/cpu.cfs_{}_us"


@pytest.mark.parametrize(
    ("files", "processors"),
    [
        ({}, 64),
        ({"/sys/fs/cgroup/cpu.max": "max 100000\n"}, 64),
        ({"/sys/fs/cgroup/cpu.max": "400000 100000\n"}, 4),
        ({"/sys/fs/cgroup/cpu.max": "150000 100000\n"}, 2),
        ({CFS.format("quota"): "300000\n", CFS.format("period"): "100000\n"}, 3),
        ({CFS.format("quota"): "-1\n", CFS.format("period"): "100000\n"}, 64),
    ],
)
def test_quotas_of_control_groups_count(monkeypatch, files, processors):
    files_of(monkeypatch, files)
    assert count_threads() == count_threads(-1) == processors
    assert count_threads(-2) == max(processors - 1, 1)


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="no affinity on this system")
def test_affinity_counts():
    usual = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(usual)})
        assert count_threads() == count_threads(-1) == 1
    finally:
        os.sched_setaffinity(0, usual)


X = [[46.20, 6.14], [46.21, 6.15], [46.52, 6.63]]
STUDY = '[[sources]]\nkind = "patent"\npath = "rows.csv"\n[clusters]\nmin_samples = 2\n'
TAKERS = {
    "DBSCAN": lambda n_jobs, _: gclust.DBSCAN(5, 2, n_jobs=n_jobs).fit(X),
    "predict": lambda n_jobs, _: gclust.DBSCAN(5, 2).fit(X).set_params(n_jobs=n_jobs).predict(X),
    "HDBSCAN": lambda n_jobs, _: gclust.HDBSCAN(2, n_jobs=n_jobs).fit(X),
    "DensityContour": lambda n_jobs, _: gclust.DensityContour(5, 2, n_jobs=n_jobs).fit(X),
    "parameter_surface": lambda n_jobs, _: gclust.parameter_surface(
        X, eps_km=[5], min_samples=[2], n_jobs=n_jobs
    ),
    "find_centroid_geocodes": lambda n_jobs, _: find_centroid_geocodes(
        [46.2, 46.5],
        [6.1, 6.6],
        [1, 1],
        GeocodeCriteria(least_weight=0.1),
        n_jobs=n_jobs,
        city_share=[1, 1],
    ),
    "run": lambda n_jobs, folder: gclust.run(folder / "study.toml", n_jobs=n_jobs),
}


@pytest.mark.parametrize("taker", TAKERS)
def test_all_that_take_n_jobs_take_it_alike(taker, tmp_path):
    (tmp_path / "study.toml").write_text(STUDY, encoding="utf-8")
    rows = "".join(f"{k},{lat},{lon}\n" for k, (lat, lon) in enumerate(X))
    (tmp_path / "rows.csv").write_text("record,lat,lon\n" + rows, encoding="utf-8")
    for n_jobs in (0, 1.5):
        with pytest.raises(ValueError, match="n_jobs must be None, a positive number of threads"):
            TAKERS[taker](n_jobs, tmp_path)
    TAKERS[taker](-2, tmp_path)


def test_a_study_names_threads_for_all_of_a_run(eight, monkeypatch, tmp_path):
    seen = []

    def spy(chunks, threads, *args, **keywords):
        seen.append(threads)
        return parallel_for(chunks, threads, *args, **keywords)

    for module in (outlines, overlaps):
        monkeypatch.setattr(module, "parallel_for", spy)
        monkeypatch.setattr(module, "FEW", -1)
    study = gclust.read_study(gclust.datasets.example_study())
    study = replace(study, engine=EngineOptions(threads=3))
    assert gclust.run(study).info["execution"]["threads"] == 3
    assert gclust.run(study, n_jobs=2).info["execution"]["threads"] == 2
    assert sorted(set(seen)) == [2, 3]
    assert count_threads() == 8, "a run's threads are not those of what follows"


def test_threads_of_a_study_reach_the_thread_of_the_tuner(eight, monkeypatch):
    seen = []
    monkeypatch.setattr(Worker, "_work", lambda worker: seen.append(count_threads()))
    with default_threads(5):
        worker = Worker(SimpleNamespace(own=None), None)
    worker.start()
    worker.end()
    assert seen == [5]


def test_the_engine_takes_as_many_threads(eight):
    eight.setenv("OMP_NUM_THREADS", "3")
    for threads, expected in ((None, 3), (2, 2), (-2, 7)):
        with DuckDBEngine(threads=threads) as engine:
            found = engine.connection.execute("SELECT current_setting('threads')").fetchall()
        assert found == [(expected,)]


def test_no_other_file_asks_how_many_processors_there_are():
    asks = {"cpu_count", "sched_getaffinity", "process_cpu_count", "effective_n_jobs"}
    for path in PACKAGE.rglob("*.py"):
        names = {
            getattr(node, "attr", getattr(node, "id", None))
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        }
        assert path.name == "threads.py" or not names & asks, path


def test_asking_for_threads_loads_joblib_alone():
    import subprocess

    code = (
        "import sys; from gclust.threads import count_threads; count_threads();"
        "print(sorted({'sklearn', 'numba', 'scipy'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
