"""Memory and disk of a run: how they are given, what the machine says, what is refused."""

from __future__ import annotations

import hashlib
import shutil
import tracemalloc
import types
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import gclust
from benchmarks.worst_cases import lattice
from gclust.errors import StudyError
from gclust.listings import rejects
from gclust.listings.engines.duckdb import BYTES_OF_A_THREAD, DuckDBEngine
from gclust.memory import free_memory, machine_memory, parse_amount, shown_amount
from gclust.pipeline import locations, memory_parts
from gclust.pipeline.memory_parts import PART_OF_MACHINE
from gclust.pipeline.open_engine import open_engine
from gclust.pipeline.prepare import prepare_listings
from gclust.pipeline.run_log import RunLog
from gclust.progress import silent
from gclust.study.clustering_methods import Clusters
from gclust.study.sections import EngineOptions, General
from gclust.threads import default_threads
from tests.worlds import study_folder


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("8GB", 8 * 10**9),
        ("8GiB", 8 * 2**30),
        ("500MB", 500 * 10**6),
        (" 1.5 gb ", 1_500_000_000),
        ("2TB", 2 * 10**12),
        ("3KiB", 3072),
    ],
)
def test_amounts_of_memory(text, amount):
    assert parse_amount(text) == amount


@pytest.mark.parametrize("text", ["", "8", "8G", "GB", "-8GB", "8 GB RAM", "0GB", "1e3MB", "٨GB"])
def test_other_texts_are_no_amounts(text):
    with pytest.raises(ValueError, match="expected a text such as '8GB', '8GiB' or '500MB'"):
        parse_amount(text)


def test_amounts_as_text():
    assert shown_amount(999_400_000) == "999 MB"
    assert shown_amount(1_234_000_000_000) == "1,234.0 GB"


def test_a_study_says_what_memory_it_expects(tmp_path):
    study = study_folder(tmp_path, extra='[engine]\nmemory = "much"\n')
    with pytest.raises(StudyError, match=r"\[engine\] memory = 'much'; expected a text such as"):
        gclust.read_study(study)
    with pytest.raises(StudyError, match="memory = '600MB'; expected 700 MB or more"):
        EngineOptions(memory="600MB")
    with pytest.raises(StudyError, match="memory = 8; expected a text"):
        EngineOptions(memory=8)


MEMINFO = "MemTotal:       16000000 kB\nMemFree:  1 kB\nMemAvailable:    9000000 kB\n"


def machine(root, groups, mounts, limits):
    """Write what Linux says of memory and control groups below a folder."""
    for path, text in {
        "proc/meminfo": MEMINFO,
        "proc/self/cgroup": groups,
        "proc/self/mountinfo": mounts,
        **limits,
    }.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    return machine_memory(root)


V2 = "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n"
V1 = (
    "31 23 0:28 / /sys/fs/cgroup ro - tmpfs tmpfs rw,mode=755\n"
    "32 31 0:29 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu,cpuacct\n"
    "35 31 0:32 {top} /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
)


def test_a_machine_without_control_groups(tmp_path):
    assert machine(tmp_path, "", "", {}) == 16_000_000 * 1024


def test_free_memory_is_what_machine_and_groups_have_left(tmp_path):
    assert free_memory(tmp_path) is None
    group = "sys/fs/cgroup/users"
    limits = {
        f"{group}/memory.max": "8000000000\n",
        f"{group}/memory.current": "3000000000\n",
        f"{group}/one/memory.max": "max\n",
    }
    machine(tmp_path, "0::/users/one\n", V2, limits)
    assert free_memory(tmp_path) == 5_000_000_000
    (tmp_path / group / "memory.max").write_text("max\n")
    assert free_memory(tmp_path) == 9_000_000 * 1024
    (tmp_path / group / "memory.max").write_text("2000000000\n")
    assert free_memory(tmp_path) == 0


def test_this_machine_says_what_it_has():
    assert machine_memory() is None or machine_memory() > 100_000_000


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        ({"a/b": "4000000000", "a": "max"}, 4_000_000_000),
        ({"a/b": "max", "a": "3000000000"}, 3_000_000_000),
        ({"a/b": "max", "a": "max"}, 16_000_000 * 1024),
        ({"a/b": "99000000000000"}, 16_000_000 * 1024),
    ],
)
def test_the_least_limit_of_a_group_and_those_above_it(tmp_path, limits, expected):
    files = {f"sys/fs/cgroup/{group}/memory.max": f"{text}\n" for group, text in limits.items()}
    assert machine(tmp_path, "0::/a/b\n", V2, files) == expected


def test_a_container_that_sees_its_own_group_only(tmp_path):
    files = {"sys/fs/cgroup/memory.max": "2000000000\n"}
    assert machine(tmp_path, "0::/\n", V2, files) == 2_000_000_000
    assert machine(tmp_path, "0::/../../elsewhere\n", V2, files) == 2_000_000_000


def test_limits_of_the_first_version_of_control_groups(tmp_path):
    groups = "9:name=systemd:/\n4:memory:/docker/abc\n1:cpu,cpuacct:/docker/abc\n0::/\n"
    of_group = {"sys/fs/cgroup/memory/docker/abc/memory.limit_in_bytes": "5000000000\n"}
    none = {"sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n"}
    assert machine(tmp_path / "1", groups, V1.format(top="/"), of_group | none) == 5_000_000_000
    # Docker mounts the group itself, under the name that its host gives it.
    mounted = {"sys/fs/cgroup/memory/memory.limit_in_bytes": "6000000000\n"}
    top = V1.format(top="/docker/abc")
    assert machine(tmp_path / "2", groups, top, mounted) == 6_000_000_000


def test_memory_is_that_of_the_study_or_a_part_of_the_machine_s(tmp_path, monkeypatch):
    study = gclust.read_study(study_folder(tmp_path))
    monkeypatch.setattr(memory_parts, "machine_memory", lambda: 10_000_000_000)
    assert memory_parts.memory_parts(study).whole == PART_OF_MACHINE * 10_000_000_000
    given = replace(study, engine=EngineOptions(memory="3GB"))
    parts = memory_parts.memory_parts(given)
    assert parts.whole == 3_000_000_000
    assert parts.database + parts.locations == parts.whole - 400_000_000
    own = memory_parts.database_for_arrays
    assert own(study, 1) == memory_parts.MOST_FOR_ARRAYS < memory_parts.memory_parts(study).database
    assert own(study, 11) == 11 * BYTES_OF_A_THREAD
    assert own(study, 100) == memory_parts.memory_parts(study).database
    assert own(given, 1) == parts.database
    monkeypatch.setattr(memory_parts, "machine_memory", lambda: None)
    assert memory_parts.memory_parts(study) is None
    assert own(study, 1) is None


def settings(engine):
    names = ("memory_limit", "threads", "temp_directory", "max_temp_directory_size")
    query = ", ".join(f"current_setting('{name}')" for name in names)
    return dict(zip(names, engine.connection.execute(f"SELECT {query}").fetchall()[0], strict=True))


def test_memory_threads_and_folder_reach_duckdb(tmp_path):
    study = gclust.read_study(study_folder(tmp_path))
    options = EngineOptions(memory="2.4GB", temp_dir="scratch")
    study = replace(study, engine=options)
    with pytest.raises(StudyError, match="scratch.*: cannot be written"):
        open_engine(study)
    (tmp_path / "scratch").mkdir()
    with default_threads(3), open_engine(study) as engine:
        assert settings(engine)["memory_limit"] == "476.8 MiB"  # 25 % of 2 GB
        assert settings(engine)["threads"] == 3
        assert settings(engine)["temp_directory"].startswith(str(tmp_path / "scratch"))
    with open_engine(study, 1) as engine:
        assert settings(engine)["threads"] == 1
    few = replace(study, engine=EngineOptions(memory="1GB"))
    with open_engine(few, 8) as engine:
        assert settings(engine)["threads"] == 1
    assert not list((tmp_path / "scratch").iterdir())


def test_spill_files_leave_a_part_of_the_disk(tmp_path, monkeypatch):
    usage = types.SimpleNamespace(free=100 * 2**30)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    with DuckDBEngine(tmp_path) as engine:
        assert settings(engine)["max_temp_directory_size"] == "95.0 GiB"


@pytest.mark.parametrize("memory", [None, 700_000_123])
def test_freed_memory_of_tables_is_read_again(tmp_path, memory):
    with DuckDBEngine(tmp_path, memory=memory) as engine:
        before = settings(engine)
        columns = "range AS x, hash(range) AS y"
        engine.execute(f"CREATE TABLE numbers AS SELECT {columns} FROM range(30_000_000)")
        engine.execute("SELECT sum(hash(x, y)) FROM numbers")

        def held() -> int:
            query = "SELECT sum(memory_usage_bytes) FROM duckdb_memory()"
            return engine.connection.execute(query).fetchall()[0][0]

        assert held() > 2e8
        engine.free_memory()
        assert held() < 5.1e7
        assert settings(engine) == before
        total = engine.connection.execute("SELECT sum(x) FROM numbers").fetchall()[0][0]
        assert total == 30_000_000 * 29_999_999 // 2


def test_a_query_as_source_has_the_memory_of_the_run(tmp_path):
    sql = "SELECT current_setting('memory_limit') AS record, 46.2 AS lat, 6.1 AS lon"
    source = gclust.Source(kind="patent", sql=sql, sql_paths=(str(tmp_path),))
    study = gclust.read_study(study_folder(tmp_path))
    study = replace(study, sources=(source,), engine=EngineOptions(memory="2.4GB"))

    with open_engine(study) as engine:
        prepared = prepare_listings(study, engine, RunLog(silent, strict=False))
        assert engine.pandas(prepared.located)["record"].tolist() == ["476.7 MiB"]


def test_a_small_disk_is_found_before_listings_are_read(tmp_path, monkeypatch):
    study = study_folder(tmp_path)
    monkeypatch.setattr(DuckDBEngine, "append", lambda *_: pytest.fail("the reading had begun"))
    usage = types.SimpleNamespace(free=1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    with pytest.raises(
        StudyError,
        match=r"1,000 bytes \(0 MB\) free, and the temporary files of [\d,]+ listings need about"
        r" [\d,]+ .*temp_dir.*TMPDIR",
    ):
        gclust.run(study)


def test_too_many_locations_are_counted_and_refused(tmp_path, monkeypatch):
    study = study_folder(tmp_path, extra='[engine]\nmemory = "1GB"\n')
    monkeypatch.setattr(locations, "BYTES_OF_A_LOCATION", 10**7)
    monkeypatch.setattr(DuckDBEngine, "arrow", _without("sort locations", DuckDBEngine.arrow))
    with pytest.raises(
        StudyError,
        match=r"the listings lie at [\d,]+ locations, which take about [\d.,]+ GB of memory to"
        r" cluster; 450 MB of 1.0 GB are theirs\. Round coordinates with fewer \[density\] decimals"
        r" \(now 5; .*memory = \"\d+GB\"",
    ):
        gclust.run(study)


def test_countries_are_codes_of_two_letters_in_any_writing(tmp_path):
    texts = ["FR", " fr", "Fr", "France", "F1", "", None, "it", "IT", "DE", "x" * 30, "\u017ft"]
    many = 40
    table = pd.DataFrame(
        {
            "record": np.arange(many * len(texts)),
            "lat": np.repeat(46.0 + np.arange(len(texts)) / 100, many),
            "lon": 6.1,
            "country": np.repeat(np.array(texts, dtype=object), many),
        }
    )
    both = table[table["country"] == "DE"].assign(lat=46.0)  # as many as of France
    pd.concat([table, both]).to_parquet(tmp_path / "a.parquet", index=False)
    source = gclust.Source(kind="patent", path="a.parquet")
    study = gclust.Study(sources=(source,), folder=tmp_path, clusters=Clusters(min_samples=10))
    with open_engine(study) as engine:
        prepared = prepare_listings(study, engine, RunLog(silent, strict=False))
        tables = engine.connection.execute("SELECT table_name FROM duckdb_tables()").fetchall()
    found = prepared.locations["country"].tolist()
    assert found == ["DE", "FR", "FR", "", "", "", "", "IT", "IT", "DE", "", "ST"]
    assert {name for (name,) in tables} <= {"stored_listings", "located_totals"}


def _without(stage, function):
    def call(engine, frame, named=""):
        assert named != stage, "the locations were fetched"
        return function(engine, frame, named)

    return call


def test_the_memory_that_is_advised_is_enough(tmp_path):
    study = gclust.read_study(study_folder(tmp_path))
    study = replace(study, engine=EngineOptions(memory="2GB"))
    many = 10_000_000
    with pytest.raises(StudyError) as said:
        locations.check_fit(study, many)
    advised = str(said.value).split('memory = "')[1].rstrip('"')
    locations.check_fit(replace(study, engine=EngineOptions(memory=advised)), many)


def test_no_more_rejects_are_listed_than_memory_holds(tmp_path, monkeypatch):
    table = pd.DataFrame({"record": np.arange(100), "lat": 46.2, "lon": 6.1})
    table.loc[::5, "lat"] = 91.0
    table.loc[50, "lat"] = np.nan
    for name in ("a", "b"):
        table.to_csv(tmp_path / f"{name}.csv", index=False)
    sources = tuple(gclust.Source(kind=name, path=f"{name}.csv") for name in ("a", "b"))
    study = gclust.Study(
        sources=sources,
        folder=tmp_path,
        clusters=Clusters(min_samples=10),
        study=General(max_rejects=0.5),
    )
    every = gclust.run(study)
    assert len(every.rejects) == every.info["rejected"] == 40
    monkeypatch.setattr(rejects, "MOST_LISTED", 10)
    some = gclust.run(study)
    assert some.info["rejected"] == 40
    assert some.rejects["source"].value_counts().to_dict() == {"a.csv": 5, "b.csv": 5}
    assert sorted(some.rejects["line"].unique()) == [2, 7, 12, 17, 22]
    assert "rejects.parquet lists the first 10 of 40 rejected rows" in some.info["warnings"]
    with pytest.raises(StudyError, match="Most often in the first 5: latitude is outside"):
        gclust.run(replace(study, study=General(max_rejects=0.1)))


ROWS = 2_000_000


def write_many(folder, rows):
    """Write listings of records of three rows each, in an order without any order."""
    rng = np.random.default_rng(5)
    record = rng.integers(0, rows // 3, rows)
    town = rng.integers(0, 20, rows)
    table = pd.DataFrame(
        {
            "record": record * 1_000_003,
            "lat": np.round(44 + town % 4 + rng.normal(0, 0.1, rows), 2),
            "lon": np.round(town // 4 + rng.normal(0, 0.1, rows), 2),
            "country": np.where(rng.random(rows) < 0.9, "FR", " it"),
        }
    )
    table.to_parquet(folder / "patents.parquet", index=False)
    (folder / "study.toml").write_text(
        '[study]\nname = "many"\n[[sources]]\nkind = "patent"\npath = "patents.parquet"\n'
        "[clusters]\neps_km = 8\nmin_samples = 500\n"
    )
    return folder / "study.toml"


def test_a_run_with_little_memory_spills_and_gives_the_same_bytes(tmp_path, monkeypatch):
    study = gclust.read_study(write_many(tmp_path, ROWS))
    spilled = []
    drop = DuckDBEngine.drop

    def watched_drop(engine, name):
        query = "SELECT sum(size) FROM duckdb_temporary_files()"
        spilled.append(engine.connection.execute(query).fetchall()[0][0] or 0)
        drop(engine, name)

    monkeypatch.setattr(DuckDBEngine, "drop", watched_drop)
    much_memory = lambda study, _: study.engine.memory == "6GB"  # noqa: E731
    monkeypatch.setattr("gclust.pipeline.prepare.fit_into_memory", much_memory)
    for memory, name in (("700MB", "little"), ("6GB", "much")):
        spilled.clear()
        options = EngineOptions(memory=memory, threads=2)
        gclust.run(replace(study, engine=options), tmp_path / name)
        assert (max(spilled) > 0) == (name == "little")
    little, much = (digests(tmp_path / name) for name in ("little", "much"))
    assert little == much
    assert len(little) > 5


def digests(folder):
    varying = ("run.json", "ro-crate-metadata.json")
    files = (path for path in folder.rglob("*") if path.is_file() and path.name not in varying)
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
    }


def test_a_lattice_takes_little_memory():
    """Nearly all are core: their vectors are not copied, and borders are assigned on their own."""
    case = lattice(100_000)
    model = gclust.DBSCAN(case.eps_km, case.min_samples, n_jobs=1)
    model.fit(case.points[:2_000])  # compiles, or loads the kernels
    tracemalloc.start()
    try:
        model.fit(case.points)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert 0 < (~model.core_sample_mask_).sum() < 2_000
    assert peak < 135 * len(case.points)
