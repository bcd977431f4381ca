"""Shards: parts from several processes give the bytes of one, and what does not fit is refused."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

import gclust
from gclust.cli import main
from gclust.errors import GclustWarning, StudyError
from gclust.experiments.shards import complete
from gclust.experiments.shards.part import read_part
from gclust.experiments.shards.shard import Shard
from gclust.experiments.sweep.run import _GridPoints
from tests.test_columns import world as columns_study
from tests.test_uncertainty_amounts import OF_LISTINGS, study_of
from tests.test_uncertainty_jitter import addresses
from tests.worlds import listings, study_folder

SLURM = Path(__file__).resolve().parents[1] / "examples" / "slurm"
GRID = (
    '[density]\nkinds = ["patent"]\n[clusters]\neps_km = 10\nmin_samples = 100\n'
    "[sweep]\neps_km = [2, 10, 70]\nmin_samples = [60, 100, 300]\n"
)


@pytest.fixture(autouse=True)
def no_figures(monkeypatch, request):
    """Draw no figures, except where other processes draw them too."""
    if "processes" not in request.node.name:
        for name in ("draw_surfaces", "draw_k_distance"):
            monkeypatch.setattr(f"gclust.experiments.sweep.folder.{name}", lambda *a, **k: [])
        name = "gclust.experiments.uncertainty.folder.draw_rank_sets"
        monkeypatch.setattr(name, lambda *a, **k: None)


def whole(folder: Path) -> dict[str, bytes]:
    """Every file of a folder."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def same(one: Path, two: Path) -> None:
    expected, found = whole(one), whole(two)
    assert sorted(found) == sorted(expected)
    assert [name for name in expected if found[name] != expected[name]] == []


def check(compute, study, folder: Path, count: int = 2) -> list[Path]:
    """Compare one process with the parts of all shards, joined in another order."""
    one = compute(study, out=folder / "one")
    parts = [folder / "parts" / str(number) for number in range(1, count + 1)]
    for number, path in enumerate(parts, 1):
        # Neither threads nor the order of the shards matter.
        compute(study, out=path, shard=(number, count), n_jobs=1 + number % 2)
    joined = gclust.gather([*parts[1:], parts[0], parts[-1]], folder / "joined")
    assert joined.warnings == one.warnings
    same(folder / "one", folder / "joined")
    return parts


@pytest.mark.parametrize("command", ["sweep", "uncertainty"])
def test_two_processes_of_an_array_job_give_the_bytes_of_one(command, tmp_path):
    extra = '[uncertainty]\ndraws = 41\nclusters = "reclustered"\n'
    study = study_folder(tmp_path, extra=GRID + extra)
    run = {
        **os.environ,
        "PATH": os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"])),
        "PYTHONPATH": os.pathsep.join(sys.path),
        "SLURM_CPUS_PER_TASK": "1",
    }
    script = [str(SLURM / "array.sh"), command, str(study), str(tmp_path / "parts"), "2"]
    tasks = [
        subprocess.Popen(
            script,
            env={**run, "SLURM_ARRAY_TASK_ID": str(number)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for number in (1, 2)
    ]
    said = [task.communicate()[0] for task in tasks]
    assert [task.returncode for task in tasks] == [0, 0], said
    assert f"Shard 2/2: {5 if command == 'sweep' else 21} of" in said[1]
    gather = [str(SLURM / "gather.sh"), str(tmp_path / "parts"), str(tmp_path / "joined")]
    (tmp_path / "patent.csv").rename(tmp_path / "away.csv")  # listings are not read
    done = subprocess.run(gather, env=run, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (tmp_path / "away.csv").rename(tmp_path / "patent.csv")
    getattr(gclust, command)(study, out=tmp_path / "one")
    same(tmp_path / "one", tmp_path / "joined")
    assert len(list((tmp_path / "joined" / "figures").iterdir())) >= 2


def test_scripts_say_how_they_are_called():
    for name in ("array.sh", "gather.sh"):
        done = subprocess.run([SLURM / name], capture_output=True, text=True)
        assert done.returncode == 2
        assert done.stderr.startswith("usage: sbatch")
        assert os.access(SLURM / name, os.X_OK)


@pytest.mark.parametrize("count", [2, 9])
def test_a_sweep_has_the_same_bytes_in_any_number_of_shards(tmp_path, count):
    check(gclust.sweep, study_folder(tmp_path, extra=GRID), tmp_path, count)


def test_expensive_columns_have_the_same_bytes_in_shards(tmp_path):
    """Of areas, inhabitants of a raster, and listings."""
    study = columns_study(tmp_path)
    check(gclust.sweep, study, tmp_path / "sweep")
    draws = {"draws": 6, "clusters": "reclustered", "level": 0.5}
    read = replace(gclust.read_study(study), uncertainty=draws)
    check(gclust.uncertainty, read, tmp_path / "draws")


def test_a_sweep_keeps_its_warnings(tmp_path):
    """That no clusters can merge, since they have no border."""
    grid = GRID.replace("60, 100, 300", "100")
    grid = grid.replace("min_samples = 100", 'min_samples = 100\nborder = "noise"', 1)
    study = study_folder(tmp_path, extra=f"{grid}[merge]\nmax_gap_km = 1\n")
    with pytest.warns(GclustWarning, match="no clusters merge"):
        parts = check(gclust.sweep, study, tmp_path)
    assert "no clusters merge" in gclust.gather(parts).warnings[0]


DRAWS = {
    "records": "draws = 40",
    "records, reclustered": 'draws = 13\nclusters = "reclustered"',
    "weights": 'sources = ["records", "weights"]\ndraws = 25',
    "weights alone": 'sources = ["weights"]\ndraws = 25',
    "parameters": 'sources = ["records", "parameters"]\neps_km = [8, 10, 70]\ndraws = 25',
    "parameters, reclustered": 'sources = ["records", "parameters"]\nclusters = "reclustered"\n'
    "eps_km = [8, 10]\nmin_samples = [60, 100]\ndraws = 25",
}


@pytest.mark.parametrize("way", DRAWS)
def test_draws_have_the_same_bytes_in_shards(tmp_path, way):
    study = study_folder(tmp_path, extra=f"[uncertainty]\n{DRAWS[way]}\n")
    check(gclust.uncertainty, study, tmp_path)


@pytest.mark.parametrize(
    ("way", "extra"),
    [
        ("cv", "cv = 0.3"),
        ("cv, reclustered", 'cv = 0.3\nclusters = "reclustered"'),
        ("organisations", 'resample = "organisations"'),
        ("organisations, reclustered", 'resample = "organisations"\nclusters = "reclustered"'),
        ("of listings", f'cv = 0.3\nclusters = "reclustered"\n{OF_LISTINGS}'),
        ("of listings, fixed", f"cv = 0.3\n{OF_LISTINGS}"),
    ],
)
def test_amounts_have_the_same_bytes_in_shards(tmp_path, way, extra):
    study = study_of(tmp_path, f"[uncertainty]\ndraws = 12\n{extra}\n")
    check(gclust.uncertainty, study, tmp_path)


def test_addresses_have_the_same_bytes_in_shards(tmp_path):
    extra = '[uncertainty]\nsources = ["addresses"]\ndraws = 12\nspread_km = { city = 3 }\n'
    parts = check(gclust.uncertainty, study_folder(tmp_path, addresses(), extra), tmp_path)
    assert len(gclust.gather(parts).moved) == 2


def test_tables_in_memory_have_the_same_bytes_in_shards(tmp_path):
    table = listings()
    table = table[table["kind"] == "patent"].drop(columns=["kind", "town", "year"])
    sources = [gclust.Source(kind="patent", data=table)]
    study = gclust.Study(sources=sources, clusters={"eps_km": 10, "min_samples": 100})
    study = replace(study, sweep={"eps_km": [5, 10], "min_samples": [100]}, folder=tmp_path)
    check(gclust.sweep, study, tmp_path)


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A study with the parts of a sweep in two shards, and of draws in three."""
    folder = tmp_path_factory.mktemp("world")
    small = GRID.replace("60, 100, 300", "100")
    study = study_folder(folder, extra=f"{small}[uncertainty]\ndraws = 20\n")
    for number in (1, 2):
        gclust.sweep(study, out=folder / f"s{number}", shard=(number, 2))
    for number in (1, 2, 3):
        gclust.uncertainty(study, folder / f"u{number}", shard=(number, 3))
    return folder


def test_a_part_says_what_it_is(world):
    part = read_part(world / "u2")
    assert isinstance(part, gclust.Part)
    assert (part.of, part.shard, part.n, part.n_whole) == ("uncertainty", Shard(2, 3), 7, 20)
    assert part.study.study.name == "three towns"
    assert [read_part(world / f"u{n}").n for n in (1, 2, 3)] == [6, 7, 7]
    again = gclust.uncertainty(world / "study.toml", world / "again", shard=part.shard)
    assert (again.files, again.common) == (part.files, part.common)
    with pytest.raises(FileExistsError, match="u2 holds a part already"):
        gclust.uncertainty(world / "study.toml", world / "u2", shard=(2, 3))


def test_missing_shards_are_named(world):
    with pytest.raises(StudyError, match=r"2 of 3 shards are missing: 1,3; .* --array=1,3"):
        gclust.gather([world / "u2"])
    with pytest.raises(StudyError, match="1 of 2 shards is missing: 2;"):
        gclust.gather(world / "s1")
    with pytest.raises(StudyError, match="there are no parts to gather"):
        gclust.gather([])


def test_parts_of_several_computations_are_refused(world, tmp_path):
    with pytest.raises(StudyError, match=r"s1 is a part of sweep, .*u2 of uncertainty; gather"):
        gclust.gather([world / "s1", world / "u2"])
    gclust.uncertainty(world / "study.toml", tmp_path / "half", shard=(1, 2))
    with pytest.raises(StudyError, match=r"u1 is shard 1/3, .*half is shard 1/2"):
        gclust.gather([world / "u1", tmp_path / "half"])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("seed = 2\ndraws = 20\n", "differ in study: seed = 1 and seed = 2; compute"),
        ("draws = 21\n", "differ in study: draws = 20 and draws = 21; compute"),
    ],
)
def test_parts_of_another_study_are_refused(world, tmp_path, options, message):
    text = (world / "study.toml").read_text("utf-8")
    shutil.copytree(world, tmp_path / "w")
    study = tmp_path / "w" / "study.toml"
    study.write_text(text.replace("draws = 20\n", options), "utf-8")
    gclust.uncertainty(study, tmp_path / "other", shard=(2, 3))
    with pytest.raises(StudyError, match=message):
        gclust.gather([world / "u1", tmp_path / "other"])


def test_parts_of_other_data_are_refused(world, tmp_path):
    table = listings()
    table.loc[0, "lat"] += 0.0001
    extra = (world / "study.toml").read_text("utf-8").split("[density]")[1]
    study = study_folder(tmp_path, table, f"[density]{extra}")
    gclust.uncertainty(study, tmp_path / "other", shard=(2, 3))
    with pytest.raises(StudyError, match=r"differ in listings: \[\(\d+, \d+\)\] and \[\(\d+, "):
        gclust.gather([world / "u1", tmp_path / "other"])


def test_parts_of_another_grid_are_refused(world, tmp_path):
    grid = {"eps_km": [2, 10, 71], "min_samples": [100]}
    gclust.sweep(world / "study.toml", out=tmp_path / "2", shard=(2, 2), **grid)
    with pytest.raises(StudyError, match=r"differ in grid: eps_km = .*70.0\] and .*71.0\]"):
        gclust.gather([world / "s1", tmp_path / "2"])


def edited(world, tmp_path, name, edit):
    """A copy of a part whose manifest, with its checksum, was changed."""
    from gclust.experiments.shards.part import _checksum

    shutil.copytree(world / name, tmp_path / name)
    path = tmp_path / name / "part.json"
    content = json.loads(path.read_text("utf-8"))
    files, _ = content.pop("files"), content.pop("checksum")
    edit(content)
    content = {**content, "checksum": _checksum(content), "files": files}
    path.write_text(json.dumps(content), "utf-8")
    return tmp_path / name


def test_parts_of_other_versions_are_refused(world, tmp_path, monkeypatch):
    def change(content):
        content["libraries"]["numpy"] = "0.1"

    other = edited(world, tmp_path, "u2", change)
    with pytest.raises(StudyError, match=r"u1 and .*u2 differ in the version of numpy: .* and 0.1"):
        gclust.gather([world / "u1", other])
    with pytest.raises(StudyError, match=r"u2 and this machine differ in the version of numpy"):
        gclust.gather([other, world / "u1"])
    versions = complete.versions()
    monkeypatch.setattr(complete, "versions", lambda: {**versions, "gclust": "99"})
    with pytest.raises(StudyError, match=r"differ in the version of gclust: .* and 99"):
        gclust.gather([world / "u1", world / "u2", world / "u3"])


def test_a_shard_twice_must_be_the_same(world, tmp_path):
    parts = [world / f"u{number}" for number in (1, 2, 3)]
    shutil.copytree(world / "u2", tmp_path / "copy")
    once, twice = gclust.gather(parts), gclust.gather([*parts, tmp_path / "copy", parts[0]])
    pd.testing.assert_frame_equal(once.table, twice.table, check_exact=True)
    np.testing.assert_array_equal(once.scores, twice.scores)

    def change(content):
        content["sha256"]["draws.parquet"] = sha

    shutil.rmtree(tmp_path / "copy")
    shutil.copytree(world, tmp_path / "w")
    rows = pd.read_parquet(tmp_path / "w" / "u2" / "draws.parquet")
    rows.assign(score=rows["score"] + 1).to_parquet(tmp_path / "w" / "u2" / "draws.parquet")
    from gclust.experiments.shards.part import _sha256

    sha = _sha256(tmp_path / "w" / "u2" / "draws.parquet")
    other = edited(tmp_path / "w", tmp_path, "u2", change)
    with pytest.raises(StudyError, match="are both shard 2/3, but hold different results"):
        gclust.gather([*parts, other])


def test_common_tables_that_differ_are_refused(world, tmp_path):
    def change(content):
        content["common"]["tables"]["clusters.parquet"] = "0"

    other = edited(world, tmp_path, "u2", change)
    with pytest.raises(StudyError, match=r"differ in tables: clusters.* processors of different"):
        gclust.gather([world / "u1", other, world / "u3"])


@pytest.mark.parametrize("name", ["draws.parquet", "clusters.parquet", "study.toml", "part.json"])
def test_damaged_files_are_refused(world, tmp_path, name):
    parts = [world / "u1", tmp_path / "u2", world / "u3"]
    shutil.copytree(world / "u2", tmp_path / "u2")
    path = tmp_path / "u2" / name
    content = bytearray(path.read_bytes())
    at = content.index(b"towns") if name in ("study.toml", "part.json") else len(content) // 2
    content[at] ^= 1
    path.write_bytes(content)
    with pytest.raises(StudyError, match=f"{name}: cannot be read .its bytes are not those"):
        gclust.gather(parts)
    path.unlink()
    with pytest.raises(StudyError, match="is missing|holds no part"):
        gclust.gather(parts)


def test_folders_that_are_no_parts_are_refused(world, tmp_path):
    gclust.uncertainty(world / "study.toml", tmp_path / "one")
    for path in (tmp_path / "one", tmp_path / "nothing", world):
        with pytest.raises(StudyError, match="holds no part .*sweep or uncertainty with --shard"):
            gclust.gather([world / "u1", path])
    with pytest.raises(StudyError, match="holds no sweep"):
        gclust.read_sweep(world / "s1")
    parts = [world / "s1", world / "s2"]
    with pytest.raises(FileExistsError, match="is not a sweep of gclust"):
        gclust.gather(parts, world / "s1", overwrite=True)


@pytest.mark.parametrize(
    ("shard", "message"),
    [
        ((0, 2), "shard = 0/2: expected a number and a count, such as 3/16"),
        ((3, 2), "shard = 3/2: expected a number and a count, such as 3/16"),
        ((1, 0), "shard = 1/0: expected a number"),
        ((1.0, 2), "expected a pair such as (3, 16)"),
        (3, "shard = 3: expected a pair such as (3, 16)"),
        ("1/2", "shard = '1/2': expected a pair such as (3, 16)"),
        ((1, 2, 3), "expected a pair such as (3, 16)"),
        ((1, 500), "expected at most as many shards"),
    ],
)
def test_wrong_shards_are_refused(world, tmp_path, shard, message):
    for compute in (gclust.sweep, gclust.uncertainty):
        with pytest.raises(StudyError) as caught:
            compute(world / "study.toml", out=tmp_path / "part", shard=shard)
        assert message in str(caught.value)
        with pytest.raises(StudyError, match="expected out, the folder of the part"):
            compute(world / "study.toml", shard=(1, 2))
    assert not any(tmp_path.iterdir())


def test_a_killed_part_of_a_sweep_resumes(world, tmp_path, monkeypatch):
    tried = []
    real = _GridPoints._evaluate

    def stop(self, pair):
        tried.append(pair)
        if len(tried) == 2:
            raise KeyboardInterrupt
        return real(self, pair)

    monkeypatch.setattr(_GridPoints, "_evaluate", stop)
    study, out = world / "study.toml", tmp_path / "s2"
    with pytest.raises(KeyboardInterrupt):
        gclust.sweep(study, out=out, shard=(2, 2))
    assert not out.exists()
    assert len(list(tmp_path.glob(".s2.sweep-*/eps-*.json"))) == 1
    gclust.sweep(study, out=out, shard=(2, 2))
    assert tried == [(10.0, 100.0), (70.0, 100.0), (70.0, 100.0)]
    assert [path.name for path in tmp_path.iterdir()] == ["s2"]
    assert read_part(out).files["points.jsonl"] == read_part(world / "s2").files["points.jsonl"]


def test_killed_draws_leave_nothing_half_written(world, tmp_path, monkeypatch):
    def stop(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("gclust.experiments.uncertainty.draws.bootstrap_groups", stop)
    with pytest.raises(KeyboardInterrupt):
        gclust.uncertainty(world / "study.toml", tmp_path / "u1", shard=(1, 3))
    assert not any(tmp_path.iterdir())


def test_shards_that_all_make_one_sweep_are_warned_of(tmp_path):
    extra = f'{GRID}[uncertainty]\nsources = ["parameters"]\ndraws = 20\n'
    study = study_folder(tmp_path, extra=extra)
    with pytest.warns(GclustWarning, match=r"run gclust sweep first, and name its folder"):
        gclust.uncertainty(study, tmp_path / "part", shard=(1, 2))


def test_the_commands(world, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    study, run = str(world / "study.toml"), CliRunner().invoke
    for number in (1, 2):
        done = run(main, ["sweep", study, "--shard", f"{number}/2"])
        assert done.exit_code == 0, done.output
        assert f"Shard {number}/2: {number} of 3 pairs of eps_km and min_samples" in done.output
        assert "When all 2 parts are done: gclust gather PART... -o OUT" in done.output
    parts = ["three-towns-sweep-1-of-2", "three-towns-sweep-2-of-2"]
    assert sorted(os.listdir()) == parts
    done = run(main, ["gather", *parts])
    assert done.exit_code == 0, done.output
    assert "3 pairs of eps_km and min_samples; the baseline" in done.output
    assert sorted(os.listdir()) == ["three-towns-sweep", *parts]
    done = run(main, ["gather", *parts])
    assert done.exit_code == 2
    assert "holds a sweep already" in done.output
    done = run(main, ["gather", *(str(world / f"u{n}") for n in (1, 2, 3)), "--top", "1"])
    assert done.exit_code == 0, done.output
    assert "Rank sets hold the true ranks of these" in done.output
    for wrong in ("0/2", "3/2", "3", "a/b", "1/2/3", "-1/2", "¹/2"):
        done = run(main, ["uncertainty", study, f"--shard={wrong}"])
        assert done.exit_code == 2
        assert "expected a number and a count, such as 3/16" in done.output
    assert "third of sixteen" in " ".join(run(main, ["sweep", "--help"]).output.split())
