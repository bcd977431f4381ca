"""A run that is stopped or killed goes on after its last finished stage, with the same bytes."""

from __future__ import annotations

import errno
import json
import os
import random
import re
import shutil
import stat
import tempfile
import threading
import time
import warnings
from dataclasses import replace

import geopandas as gpd
import numpy as np
import pytest
import shapely
from click.testing import CliRunner

import gclust
from gclust.cli import main
from gclust.errors import GclustWarning, StudyError
from gclust.listings.engines.duckdb import PREFIX, DuckDBEngine
from gclust.pipeline import checkpoint, run_key, stage_files
from gclust.pipeline import run as running
from gclust.pipeline.checkpoint import Checkpoint
from gclust.temporary_folders import (
    KEPT,
    KEPT_DAYS,
    TemporaryFolder,
    abandoned,
    kept_folders,
    remove_abandoned,
)
from tests.fuzz_studies import undrawn
from tests.rasters import write_raster
from tests.resumed_runs import Runs
from tests.worlds import listings, study_folder

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows has no locks of folders")

STAGES = [
    "read listings", "add up records", "fold listings", "cluster locations",
    "merge clusters and count records", "describe clusters", "compute indicators",
    "add up weights of cities", "compare intensities", "divide clusters among cities",
    "count given areas", "add up crosswalks",
]  # fmt: skip
"""The stages that a run of the study keeps, in their order."""
EXTRA = """
[clusters]
eps_km = 10
min_samples = 100
[merge]
max_gap_km = 60
rule = "one-sided"
[members]
on = true
[counting]
unlocated = "keep"
[centroid_geocodes]
on = true
[population]
raster = "pop.tif"
[intensity]
footprints = [{ method = "discs", radius_km = 5 }]
[[indicators]]
name = "growth"
kind = "patent"
first = [2015, 2016]
last = [2018, 2019]
[places]
given = "areas.gpkg"
[outputs]
memberships = true
panel = true
ties = true
"""
KILLS = [6, pytest.param(30, marks=pytest.mark.full_size)]
"""Numbers of kills at random moments; the larger one where tests at full size are asked for."""
CRATE = "ro-crate-metadata.json"
TIMES = re.compile(rb'"(startTime|endTime|datePublished)": "[^"]*"')


def write_study(folder, extra=EXTRA):
    """A study with rejected rows, warnings, a raster, indicators, members and intensities."""
    table = listings()
    table.loc[:7, "lat"] = 91.0
    table.loc[20:30, ["lat", "lon"]] = 0.0
    study = study_folder(folder, table, extra)
    values = np.full((300, 1000), 7.0, dtype=np.float32)
    write_raster(folder / "pop.tif", values)
    halves = [shapely.box(5, 40, 11, 50), shapely.box(11, 40, 18, 50)]
    areas = gpd.GeoDataFrame({"name": ["West", "East"]}, geometry=halves, crs=4326)
    areas.to_file(folder / "areas.gpkg")
    return study


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    return write_study(tmp_path_factory.mktemp("world") / "study")


@pytest.fixture(autouse=True)
def _listings_stay_in_the_engine(monkeypatch):
    """As those of runs that take long do."""
    monkeypatch.setattr("gclust.pipeline.prepare.fit_into_memory", lambda *_: False)


def contents(out):
    """The bytes of every file of a run, without what may differ between two runs."""
    found = {
        path.relative_to(out).as_posix(): path.read_bytes()
        for path in out.rglob("*")
        if path.is_file()
    }
    info = json.loads(found.pop("run.json"))
    del info["execution"]
    return found | {
        "run.json": json.dumps(info).encode(),
        CRATE: TIMES.sub(b"", found[CRATE]),
    }


def resumed_after(out):
    return json.loads((out / "run.json").read_text())["execution"]["resumed_after"]


@pytest.fixture(scope="module")
def whole(study, tmp_path_factory):
    """The files of a run that nobody stops, without figures."""
    out = tmp_path_factory.mktemp("whole") / "run"
    with undrawn():
        gclust.run(study, out)
    assert resumed_after(out) is None
    return contents(out)


@pytest.fixture
def place(tmp_path, monkeypatch):
    """The folder for temporary files, empty at first; every finished stage is kept."""
    found = tmp_path / "place"
    found.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(found))
    monkeypatch.setattr(checkpoint, "AFTER_SECONDS", 0.0)
    return found


def kept(place):
    """The folder that a stopped run has left."""
    (found,) = place.iterdir()
    return found


def run(study, out, **more):
    with undrawn(), warnings.catch_warnings():
        warnings.simplefilter("ignore", GclustWarning)
        return gclust.run(study, out, **more)


def stop_after(monkeypatch, stage, error=KeyboardInterrupt):
    """Let the next run be stopped as soon as a stage is finished."""
    step = Checkpoint.step

    def stopped(self, name, *more):
        result = step(self, name, *more)
        if name == stage:
            raise error
        return result

    monkeypatch.setattr(Checkpoint, "step", stopped)


@pytest.fixture
def stopped(study, tmp_path, place, whole):
    """Stop a run after a stage; return the folder that it leaves."""

    def stop(stage=STAGES[4], named=study, out=tmp_path / "run"):
        with pytest.MonkeyPatch.context() as patch:
            stop_after(patch, stage)
            with pytest.raises(KeyboardInterrupt):
                run(named, out)
        assert not out.exists()
        return kept(place)

    return stop


@pytest.fixture(scope="module")
def runs(study, tmp_path_factory):
    started = Runs(study, tmp_path_factory.mktemp("runs") / "place")
    yield started
    started.close()


def test_killed_in_and_after_every_stage_a_run_goes_on_with_the_same_bytes(runs, study, tmp_path):
    out = tmp_path / "run"
    for number, stage in enumerate(STAGES):
        for kill in ("kill_in", "kill_after"):
            assert runs.start(out, threads=1 + number % 2, **{kill: stage}) == -9
            left = list(runs.place.glob("*/stage-*"))
            assert len(left) == number + (kill == "kill_after"), (stage, kill)
    assert runs.start(out, drawn=True) == 0
    assert resumed_after(out) == STAGES[-1]
    assert not list(runs.place.iterdir())
    assert runs.start(tmp_path / "whole", drawn=True, after=600.0) == 0
    assert contents(out) == contents(tmp_path / "whole")
    assert json.loads((out / "run.json").read_text())["warnings"]


@pytest.mark.parametrize("kills", KILLS)
def test_killed_at_any_moment_a_run_goes_on_with_the_same_bytes(runs, whole, kills, tmp_path):
    start = time.monotonic()
    assert runs.start(tmp_path / "first") == 0
    took = time.monotonic() - start
    rng, killed, resumed = random.Random(15), 0, 0
    while killed < kills:
        out = tmp_path / f"run-{killed}"
        while killed < kills and runs.start(out, seconds=rng.uniform(0, took)) == -9:
            killed += 1
        if not out.exists():
            assert runs.start(out) == 0
        resumed += resumed_after(out) is not None
        assert contents(out) == whole
        shutil.rmtree(out)
        # A process that was killed when all was written has not removed what it kept.
        for left in runs.place.iterdir():
            shutil.rmtree(left)
    assert resumed


def test_a_short_run_keeps_nothing(runs, tmp_path):
    assert runs.start(tmp_path / "run", after=600.0, kill_after=STAGES[4]) == -9
    assert not list(runs.place.glob("*/stage-*"))
    assert runs.start(tmp_path / "run") == 0
    assert resumed_after(tmp_path / "run") is None
    assert not list(runs.place.iterdir())


def test_a_stopped_run_says_where_it_goes_on_from(study, tmp_path, place, whole, monkeypatch):
    with pytest.MonkeyPatch.context() as patch:
        stop_after(patch, STAGES[3])
        with pytest.raises(KeyboardInterrupt) as caught:
            run(study, tmp_path / "run")
    (line,) = caught.value.__notes__
    assert str(kept(place)) in line
    assert "delete that folder" in line
    assert stat.S_IMODE(kept(place).stat().st_mode) == 0o700
    seen = []
    done = run(study, tmp_path / "run", progress=lambda share, stage: seen.append((share, stage)))
    assert (1.0, f"an earlier run goes on after: {STAGES[3]}") in seen
    assert not {"read listings", "fold listings", "cluster locations"} & {s for _, s in seen}
    assert done.info["execution"]["resumed_after"] == STAGES[3]
    assert "read listings" in done.info["execution"]["seconds"]  # of the first process
    assert contents(tmp_path / "run") == whole
    assert not list(place.iterdir())


def test_the_command_line_says_so_too(study, tmp_path, place):
    with undrawn(), pytest.MonkeyPatch.context() as patch:
        stop_after(patch, STAGES[0], StudyError("the disk is gone"))
        done = CliRunner().invoke(main, ["run", str(study), "-o", str(tmp_path / "run")])
    assert done.exit_code == 2
    *_, error, where = done.stderr.splitlines()
    assert error == "gclust: the disk is gone"
    assert where.startswith(f"gclust: the finished stages are kept in {kept(place)}")
    with undrawn(), pytest.MonkeyPatch.context() as patch:
        stop_after(patch, STAGES[1])
        done = CliRunner().invoke(main, ["run", str(study), "-o", str(tmp_path / "run")])
    assert done.exit_code == 130
    assert done.stderr.splitlines()[-1] == where
    with undrawn():
        done = CliRunner().invoke(main, ["run", str(study), "-o", str(tmp_path / "run")])
    assert done.exit_code == 0
    assert f"gclust: went on after: {STAGES[1]}" in done.stderr.splitlines()


def test_warnings_are_given_again(study, tmp_path, stopped):
    def given(out):
        with undrawn(), warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            gclust.run(study, out)
        return [str(each.message) for each in caught if each.category is GclustWarning]

    expected = given(tmp_path / "other")
    assert expected
    stopped(STAGES[-1])
    assert given(tmp_path / "run") == expected


def test_results_that_cannot_be_written_are_not_computed_again(
    study, tmp_path, place, whole, monkeypatch
):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(running, "write_run", lambda *_: (_ for _ in ()).throw(StudyError("full")))
        with pytest.raises(StudyError, match="full"):
            run(study, tmp_path / "run")
    assert len(list(kept(place).glob("stage-*"))) == len(STAGES)
    # Another folder for the results changes no result.
    assert run(study, tmp_path / "other").info["execution"]["resumed_after"] == STAGES[-1]
    assert contents(tmp_path / "other") == whole


def test_a_stage_that_lasts_does_not_keep_those_before_from_being_written(
    study, tmp_path, place, whole, monkeypatch
):
    ten_minutes_later = threading.Event()

    class Timer(threading.Timer):
        def run(self):
            assert self.interval == 600.0
            ten_minutes_later.wait(60)
            if not self.finished.is_set():
                self.function()

    def lasting(*_):
        assert not list(place.glob("*/stage-*"))
        ten_minutes_later.set()
        end = time.monotonic() + 20
        while not list(place.glob("*/stage-2.pickle")) and time.monotonic() < end:
            time.sleep(0.01)
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(checkpoint, "AFTER_SECONDS", 600.0)
        patch.setattr(checkpoint.threading, "Timer", Timer)
        patch.setattr(running, "form", lasting)
        with pytest.raises(KeyboardInterrupt):
            run(study, tmp_path / "run")
    done = run(study, tmp_path / "run")
    assert done.info["execution"]["resumed_after"] == STAGES[2]
    assert contents(tmp_path / "run") == whole


def touch(folder):
    os.utime(folder / "patent.csv")


def other_rows(folder):
    with (folder / "patent.csv").open("a") as file:
        file.write("999999,48.1,11.5,2016\n")


def other_raster(folder):
    write_raster(folder / "pop.tif", np.full((300, 1000), 8.0, dtype=np.float32))


def statistics_of_raster(folder):
    (folder / "pop.tif.aux.xml").write_text("<PAMDataset/>")


def other_study(folder):
    study = folder / "study.toml"
    study.write_text(study.read_text().replace("min_samples = 100", "min_samples = 90"))


@pytest.mark.parametrize(
    "change", [touch, other_rows, other_raster, statistics_of_raster, other_study]
)
def test_a_run_of_other_inputs_starts_from_the_beginning(tmp_path, place, stopped, study, change):
    mine = tmp_path / "mine"
    shutil.copytree(study.parent, mine)
    left = stopped(named=mine / "study.toml")
    change(mine)
    again = stopped("read listings", mine / "study.toml")
    assert again != left  # which is gone, for nobody could use it any more
    assert len(list(again.glob("stage-*"))) == 1
    done = run(mine / "study.toml", tmp_path / "run")
    if change is other_rows:
        whole = run(mine / "study.toml", tmp_path / "other")
        assert done.ranking.equals(whole.ranking)
        assert contents(tmp_path / "run") == contents(tmp_path / "other")


def test_the_key_knows_code_libraries_and_further_files(study, tmp_path, monkeypatch):
    read = gclust.read_study(study)
    key = run_key.run_key(read)
    assert key == run_key.run_key(read)
    assert key == run_key.run_key(replace(read, engine={"threads": 1}))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run_key, "version", lambda name: "0.0")
        assert run_key.run_key(read) != key
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run_key, "_states_below", lambda folder: [])
        assert run_key.run_key(read) != key
    folder = tmp_path / "patents"
    folder.mkdir()
    shutil.copy(study.parent / "patent.csv", folder / "a.csv")
    of_folder = gclust.Study(sources=[{"kind": "patent", "path": "patents"}], folder=tmp_path)
    key = run_key.run_key(of_folder)
    shutil.copy(study.parent / "patent.csv", folder / "b.csv")
    assert run_key.run_key(of_folder) != key
    shutil.rmtree(folder)
    assert run_key.run_key(of_folder) is None


def test_tables_in_memory_and_queries_keep_nothing(study, tmp_path, place, monkeypatch):
    table = listings().query("kind == 'patent'").drop(columns="kind")
    query = "SELECT * FROM 'patent.csv'"
    for source in ({"data": table}, {"sql": query}):
        read = gclust.Study(
            sources=[{"kind": "patent", **source}],
            clusters={"eps_km": 10, "min_samples": 100},
            folder=study.parent,
        )
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(running, "write_run", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
            with pytest.raises(KeyboardInterrupt):
                run(read, tmp_path / "run")
        assert not list(place.iterdir())


def test_without_a_place_for_results_nothing_is_kept(study, place, monkeypatch):
    monkeypatch.setattr(running, "complete", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt) as caught:
        run(study, None)
    assert not list(place.iterdir())
    assert not hasattr(caught.value, "__notes__")


def cut_off(path):
    os.truncate(path, path.stat().st_size - 1)


def flip_a_bit(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))


def of_another_run(path):
    data = path.read_bytes()
    at = data.index(b'"key": "') + 8
    path.write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])


def of_another_stage(path):
    shutil.copy(path.with_name("stage-0.pickle"), path)


def linked(path):
    path.rename(path.with_name("elsewhere"))
    path.symlink_to("elsewhere")


def linked_twice(path):
    os.link(path, path.with_name("elsewhere"))


def a_pipe(path):
    path.unlink()
    os.mkfifo(path)


def of_another_user(path):
    if os.geteuid() != 0:
        pytest.skip("only root can give files away")
    os.chown(path, 12345, 12345)


HARMS = [
    cut_off, flip_a_bit, of_another_run, of_another_stage, linked, linked_twice, a_pipe,
    of_another_user,
]  # fmt: skip


def finished(name):
    log = stage_files.LogPart(["a message"], [0], {name: 1.5})
    result = {"labels": np.arange(1000), "names": ["Lyon"], "readonly": np.frombuffer(b"12345678")}
    return stage_files.FinishedStage(name, result, log, {"listings": 3})


@pytest.mark.parametrize("harm", HARMS)
def test_a_file_that_is_not_as_it_was_written_is_not_used(tmp_path, harm):
    for number in range(4):
        stage_files.write_stage(tmp_path, number, "key", finished(f"stage {number}"))
    found = list(stage_files.read_stages(tmp_path, "key"))
    assert [each.name for each in found] == [f"stage {number}" for number in range(4)]
    assert found[3].log == finished("stage 3").log
    assert found[3].result["labels"].tolist() == list(range(1000))
    found[3].result["labels"][:] = 0  # as in a run that goes through, arrays can be changed
    assert not found[3].result["readonly"].flags.writeable
    harm(tmp_path / "stage-2.pickle")
    again = stage_files.read_stages(tmp_path, "key")
    assert [each.name for each in again] == ["stage 0", "stage 1"]
    assert sorted(path.name for path in tmp_path.glob("stage-*")) == [
        "stage-0.pickle", "stage-1.pickle",
    ]  # fmt: skip


def test_a_run_goes_on_from_the_last_file_before_a_damaged_one(
    study, tmp_path, place, stopped, whole
):
    flip_a_bit(stopped() / "stage-2.pickle")
    assert run(study, tmp_path / "run").info["execution"]["resumed_after"] == STAGES[1]
    assert contents(tmp_path / "run") == whole
    assert not list(place.iterdir())


def test_a_pickle_that_is_not_ours_is_not_run(tmp_path):
    """Not even with the right sha256, if it belongs to somebody else or others may enter."""

    class Evil:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "evil"),)

    log = stage_files.LogPart([], [], {})
    evil = stage_files.FinishedStage("read listings", Evil(), log, {})
    folder = tmp_path / "folder"
    folder.mkdir(mode=0o700)
    stage_files.write_stage(folder, 0, "key", evil)
    for harm in (flip_a_bit, of_another_run, linked_twice):
        path = folder / "stage-0.pickle"
        whole = path.read_bytes()
        harm(path)
        assert not list(stage_files.read_stages(folder, "key"))
        (folder / "elsewhere").unlink(missing_ok=True)
        path.write_bytes(whole)
    assert not (tmp_path / "evil").exists()
    assert not list(stage_files.read_stages(folder, "another key"))
    assert not (tmp_path / "evil").exists()


def damage_database(folder):
    path = folder / "listings.duckdb"
    data = bytearray(path.read_bytes())
    for at in range(3 * 4096 + 100, len(data), 8192):
        data[at] ^= 255
    path.write_bytes(bytes(data))


def no_database(folder):
    (folder / "listings.duckdb").unlink()
    (folder / "listings.duckdb.wal").unlink(missing_ok=True)


def empty_database(folder):
    no_database(folder)
    folder.joinpath("listings.duckdb").touch()


def headless_database(folder):
    path = folder / "listings.duckdb"
    path.write_bytes(b"\0" * 4096 + path.read_bytes()[4096:])


def lost_rows(folder):
    import duckdb

    with duckdb.connect(str(folder / "listings.duckdb")) as own:
        own.execute("CREATE TABLE fewer AS SELECT * FROM located_totals LIMIT 100")
        own.execute("DROP TABLE located_totals; ALTER TABLE fewer RENAME TO located_totals")


def no_record(folder):
    (folder / KEPT).write_text("{}")


def broken_record(folder):
    (folder / KEPT).write_bytes(b"\xff")


def open_to_others(folder):
    folder.chmod(0o755)


def no_stage(folder):
    for path in folder.glob("stage-*"):
        path.unlink()


@pytest.mark.parametrize(
    "harm",
    [damage_database, no_database, empty_database, headless_database, no_record, broken_record,
     open_to_others, no_stage],
)  # fmt: skip
def test_a_folder_that_cannot_be_used_is_not(study, tmp_path, place, stopped, whole, harm):
    left = stopped(STAGES[1])
    harm(left)
    if harm is damage_database:
        done = run(study, tmp_path / "run")
        assert done.info["execution"]["resumed_after"] is None
        assert contents(tmp_path / "run") == whole
        return
    if harm is open_to_others:
        with pytest.MonkeyPatch.context() as patch:
            stop_after(patch, STAGES[0])
            with pytest.raises(KeyboardInterrupt):
                run(study, tmp_path / "run")
        assert len(list(left.glob("stage-*"))) == 2
        assert len(list(place.glob("*/stage-*"))) == 3
        return
    again = stopped(STAGES[0])
    assert again != left
    assert len(list(again.glob("stage-*"))) == 1


def test_tables_that_lack_rows_are_made_again(study, tmp_path, place, stopped, whole):
    lost_rows(stopped())
    done = run(study, tmp_path / "run")
    assert done.info["execution"]["resumed_after"] == STAGES[0]
    assert contents(tmp_path / "run") == whole


def test_two_processes_do_not_share_a_folder(study, tmp_path, place, stopped, whole):
    left = stopped()
    (held,) = kept_folders(place, PREFIX)
    assert held.path == left
    done = run(study, tmp_path / "other")
    assert done.info["execution"]["resumed_after"] is None
    assert contents(tmp_path / "other") == whole
    held.leave()
    assert run(study, tmp_path / "run").info["execution"]["resumed_after"] == STAGES[4]
    assert not list(place.iterdir())


def test_a_kept_folder_is_not_removed_by_others_until_it_is_old(tmp_path):
    folder = TemporaryFolder(tmp_path, PREFIX)
    assert folder.keep(b"mine")
    assert not list(kept_folders(tmp_path, PREFIX))  # this process has it locked
    folder.leave()
    folder.remove()  # it is another's now
    remove_abandoned(tmp_path, PREFIX)
    with DuckDBEngine(tmp_path):
        assert (folder.path / KEPT).read_bytes() == b"mine"
    (adopted,) = kept_folders(tmp_path, PREFIX)
    assert not list(kept_folders(tmp_path, PREFIX))
    adopted.leave()
    old = time.time() - KEPT_DAYS * 86_400 - 10
    os.utime(folder.path / KEPT, (old, old))
    assert not list(kept_folders(tmp_path, PREFIX))
    assert list(abandoned(tmp_path, PREFIX)) == [folder.path]
    remove_abandoned(tmp_path, PREFIX)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("what", ["disk", "share", "pickle", "database"])
def test_a_run_whose_stages_cannot_be_written_goes_on(
    study, tmp_path, place, whole, monkeypatch, what
):
    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def bad(*_):
        raise checkpoint.EngineError("no CHECKPOINT")

    if what == "disk":
        monkeypatch.setattr(stage_files, "_write", full)
    elif what == "share":
        monkeypatch.setattr(stage_files, "LARGEST_SHARE", 0.0)
    elif what == "pickle":
        monkeypatch.setattr(stage_files.pickle, "dumps", bad)
    else:
        monkeypatch.setattr(DuckDBEngine, "sync", bad)
    with undrawn(), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        gclust.run(study, tmp_path / "run")
    assert len([each for each in caught if "cannot all be kept" in str(each.message)]) == 1
    assert contents(tmp_path / "run") == whole
    assert not list(place.iterdir())
    if what == "disk":
        with pytest.MonkeyPatch.context() as patch:
            stop_after(patch, STAGES[1])
            with pytest.raises(KeyboardInterrupt):
                run(study, tmp_path / "other")
        assert not list(place.iterdir())  # nothing that could be gone on with


def test_stages_are_written_once_the_disk_has_room(study, tmp_path, place, whole, monkeypatch):
    write, calls = stage_files._write, []

    def full_at_first(*args):
        calls.append(args)
        if len(calls) < 4:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        write(*args)

    monkeypatch.setattr(stage_files, "_write", full_at_first)
    with pytest.MonkeyPatch.context() as patch:
        stop_after(patch, STAGES[4])
        with pytest.raises(KeyboardInterrupt):
            run(study, tmp_path / "run")
    assert len(list(kept(place).glob("stage-*.pickle"))) == 5
    assert run(study, tmp_path / "run").info["execution"]["resumed_after"] == STAGES[4]
    assert contents(tmp_path / "run") == whole


@pytest.mark.parametrize(
    "clusters",
    [
        'method = "contour"\nbandwidth_km = 5\nthreshold = 5\n[footprint]\nmethod = "contour"\n',
        'method = "hdbscan"\nmin_cluster_size = 50\n[merge]\nrule = "none"\n',
    ],
)
def test_other_methods_and_whole_texts_as_records_go_on_too(tmp_path, place, stopped, clusters):
    table = listings()
    table["record"] = "r" + table["record"].astype(str)
    named = study_folder(tmp_path / "study", table, f"[clusters]\n{clusters}")
    stopped(STAGES[4], named)
    assert run(named, tmp_path / "run").info["execution"]["resumed_after"] == STAGES[4]
    run(named, tmp_path / "whole")
    assert contents(tmp_path / "run") == contents(tmp_path / "whole")


def test_a_run_that_is_stopped_before_it_goes_on_loses_nothing(
    study, tmp_path, place, stopped, monkeypatch
):
    def stop(*_):
        raise KeyboardInterrupt

    left = stopped()
    for owner, name in (
        (checkpoint, "open_engine"), (DuckDBEngine, "check"), (running, "check_found"),
    ):  # fmt: skip
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(owner, name, stop)
            with pytest.raises(KeyboardInterrupt) as caught:
                run(study, tmp_path / "run")
        assert str(left) in caught.value.__notes__[0]
    assert len(list(left.glob("stage-*"))) == 5
    assert run(study, tmp_path / "run").info["execution"]["resumed_after"] == STAGES[4]


def test_what_a_plug_in_computes_is_not_kept(study, tmp_path, place, whole, monkeypatch):
    resolve = running.resolve_indicators

    def foreign(entries):
        return [
            replace(each, indicator=replace(each.indicator, origin="other 1.0"))
            for each in resolve(entries)
        ]

    monkeypatch.setattr(running, "resolve_indicators", foreign)
    with pytest.MonkeyPatch.context() as patch:
        stop_after(patch, STAGES[-1])
        with pytest.raises(KeyboardInterrupt):
            run(study, tmp_path / "run")
    assert run(study, tmp_path / "run").info["execution"]["resumed_after"] == STAGES[5]
    assert contents(tmp_path / "run") == whole


def test_a_damaged_block_of_a_table_is_found(tmp_path):
    with DuckDBEngine(tmp_path) as engine:
        engine.expect(1)
        engine.connection.execute(
            "CREATE TABLE located AS SELECT range AS record FROM range(500000)"
        )
        engine.sync()
        assert engine.home.keep(b"mine")
        home = engine.home
    path = home.path / "listings.duckdb"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))
    with DuckDBEngine(home=home) as again:
        assert again.tables() == {"located": 500_000}
        with pytest.raises(checkpoint.EngineError):
            again.check("located")
    home.remove()
    assert not list(tmp_path.iterdir())
