"""Disks that are full, or take nothing: said early, and never of the input."""

from __future__ import annotations

import contextlib
import ctypes
import os
import subprocess
import sys
import tempfile

import pytest

import gclust
from gclust.disk import is_full
from gclust.errors import StudyError
from gclust.listings.engines.duckdb import DuckDBEngine
from gclust.results.folders import claim
from tests.worlds import study_folder

pytestmark = pytest.mark.skipif(os.name == "nt", reason="needs mounts and limits of Unix")


@pytest.fixture
def small(tmp_path):
    """A disk of 1 MB; skips where none can be mounted."""
    place = tmp_path / "small"
    place.mkdir()
    libc = ctypes.CDLL(None, use_errno=True)
    if not hasattr(libc, "mount") or libc.mount(
        b"none", os.fsencode(place), b"tmpfs", 0, b"size=1m"
    ):
        pytest.skip("no disk can be mounted here")
    yield place
    libc.umount2(os.fsencode(place), 2)


def test_a_full_disk_under_temporary_files_is_named(small, tmp_path, monkeypatch):
    study = study_folder(tmp_path / "study")
    (small / "ballast").write_bytes(bytes(1_030_000))
    monkeypatch.setattr(tempfile, "tempdir", str(small))
    with pytest.raises(StudyError, match=f"^{small}: has [0-9,]+ bytes .* need about"):
        gclust.run(study, tmp_path / "run")
    # Another process may fill the disk after that.
    monkeypatch.setattr("gclust.pipeline.prepare.check_space", lambda *_: None)
    with pytest.raises(
        StudyError, match=f"^{small}: the disk is full, and temporary files"
    ) as said:
        gclust.run(study, tmp_path / "run")
    assert "patent.csv" not in str(said.value)
    assert [path.name for path in small.iterdir()] == ["ballast"]
    assert not (tmp_path / "run").exists()


def test_a_full_disk_under_the_output_is_named(small, tmp_path):
    study = study_folder(tmp_path / "study")
    (small / "ballast").write_bytes(bytes(900_000))
    with pytest.raises(StudyError, match=f"^{small}.*: the disk is full; make room there"):
        gclust.run(study, small / "deep" / "run")
    assert [path.name for path in small.iterdir()] == ["ballast"]
    assert is_full(small / "deep")
    assert not is_full(tmp_path)


def test_a_query_s_own_errors_are_not_the_disk_s(tmp_path):
    import duckdb

    with pytest.raises(duckdb.Error, match="nothing"), DuckDBEngine(tmp_path) as engine:
        engine.connection.execute("SELECT * FROM nothing")
    assert list(tmp_path.iterdir()) == []


def test_files_that_may_not_become_large(tmp_path):
    """The limit of the shell, as a quota."""
    study = study_folder(tmp_path / "study")
    code = (
        "import resource, sys, gclust\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))\n"
        "try:\n    gclust.run(sys.argv[1], sys.argv[2])\n"
        "except gclust.errors.StudyError as error:\n    print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, study, tmp_path / "run"],
        capture_output=True, text=True, check=True, env={**os.environ, "TMPDIR": str(tmp_path)},
    )  # fmt: skip
    assert done.stdout.startswith(f"{tmp_path}: "), done
    assert "patent.csv" not in done.stdout
    assert sorted(path.name for path in tmp_path.iterdir()) == ["study"]


@contextlib.contextmanager
def read_only(folder):
    """A folder that takes nothing: not even from root, if it can be mounted so."""
    libc = ctypes.CDLL(None, use_errno=True)
    name, none = os.fsencode(folder), b"none"
    bind, remount = 4096, 32 | 4096 | 1
    if os.geteuid() != 0:
        folder.chmod(0o500)
        yield
        folder.chmod(0o700)
        return
    if libc.mount(name, name, none, bind, none) or libc.mount(none, name, none, remount, none):
        pytest.skip("no folder can be made read-only here")
    try:
        yield
    finally:
        libc.umount2(name, 2)


def test_a_folder_that_takes_nothing_is_found_before_the_work(tmp_path, monkeypatch):
    place = tmp_path / "place"
    place.mkdir()
    study = study_folder(tmp_path / "study")
    monkeypatch.setattr(
        "gclust.pipeline.run._compute", lambda *_: pytest.fail("the work had begun")
    )
    with read_only(place):
        for out in (place / "run", place / "new" / "run"):
            with pytest.raises(StudyError, match=f"{place}.*: cannot be written: .*; name another"):
                gclust.run(study, out)
        for make in (
            lambda: DuckDBEngine(place),
            lambda: gclust.datasets.simulate(place / "world", edition=2023, scale=0.01),
        ):
            with pytest.raises(StudyError, match=f"{place}.*: cannot be written: .*; name another"):
                make()


def test_no_temporary_folder_at_all(monkeypatch, tmp_path):
    def none():
        raise FileNotFoundError(2, "No usable temporary directory found in ['/tmp']")

    monkeypatch.setattr(tempfile, "gettempdir", none)
    with pytest.raises(StudyError, match="no temporary folder can be written to.*TMPDIR"):
        gclust.run(study_folder(tmp_path))


def test_the_sweep_s_finished_pairs_meet_a_full_disk(small):
    from gclust.results.folders import write_file

    write_file(small / "pair.json", b"{}")
    (small / "ballast").write_bytes(bytes(990_000))
    with pytest.raises(StudyError, match=f"^{small}: the disk is full"):
        write_file(small / "pair.json", bytes(200_000))
    assert (small / "pair.json").read_bytes() == b"{}"
    assert len(list(small.iterdir())) == 2


def test_a_claim_on_a_full_disk(small):
    (small / "ballast").write_bytes(bytes(1 << 20))
    with (
        pytest.raises(StudyError, match=f"{small}: the disk is full"),
        claim(small / "run", False, "run"),
    ):
        pytest.fail("the work had begun")
    assert [path.name for path in small.iterdir()] == ["ballast"]
