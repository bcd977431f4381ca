"""The process that draws the map of a run: the same bytes, every error told, no process left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress

import numpy as np
import pandas as pd
import pytest

import gclust
from gclust import datasets
from gclust.errors import StudyError
from gclust.report import map_process as map_process_module
from gclust.report.layers import noise_dots
from gclust.report.map_inputs import degree_cells, fewer_locations
from gclust.report.map_process import MapProcess, map_process, running_map_process
from gclust.report.projection import choose_frame
from gclust.threads import LIMITS, may_use_two
from tests.worlds import study_folder

FIGURES = ("figures/map.png", "figures/map.pdf")
NOTHING = (np.empty(0), np.empty(0))


@pytest.fixture(autouse=True)
def two_processors(monkeypatch):
    for name in LIMITS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1}, raising=False)


@pytest.fixture(scope="module")
def run():
    return gclust.run(datasets.example_study())


def inputs(run):
    return run.clusters, run.locations.rename(columns={"cluster_id": "label"})


def test_a_run_has_the_same_figures(tmp_path):
    study = datasets.example_study()
    gclust.run(study, tmp_path / "here")
    with map_process():
        assert running_map_process() is not None
        gclust.run(study, tmp_path / "there")
        assert running_map_process() is None  # it draws one map
    assert running_map_process() is None
    for name in FIGURES:
        assert (tmp_path / "there" / name).read_bytes() == (tmp_path / "here" / name).read_bytes()


def test_one_thread_draws_by_itself(monkeypatch):
    with map_process(1):
        assert running_map_process() is None
    monkeypatch.setenv("NUMBA_NUM_THREADS", "1")
    assert not may_use_two()
    assert may_use_two(2)
    monkeypatch.delenv("NUMBA_NUM_THREADS")
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0})
    assert not may_use_two()


def test_a_program_that_is_one_file_draws_by_itself(monkeypatch):
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    with map_process():
        assert running_map_process() is None


def test_what_drawing_raises_is_raised_here(run):
    with map_process():
        process = running_map_process()
        with pytest.raises(ValueError, match="there is no region 'atlantis'") as caught:
            process.images(*inputs(run), {"title": "", "region": "atlantis"})
    assert "in region_degrees" in str(caught.value.__cause__)


def test_what_loading_raises_is_raised_here(run, monkeypatch):
    broken = map_process_module.CODE.replace("serve()", "sys.modules['matplotlib'] = None; serve()")
    monkeypatch.setattr(map_process_module, "CODE", broken)
    with map_process():
        process = running_map_process()
        assert process._child.wait() == 0  # before it was asked
        with pytest.raises(ImportError, match="matplotlib"):
            process.images(*inputs(run), {"title": ""})


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such signals")
def test_a_process_that_is_killed_is_an_error(tmp_path):
    study = datasets.example_study()

    def kill():
        os.kill(running_map_process()._child.pid, signal.SIGKILL)

    with map_process():
        kill()
        with pytest.raises(StudyError, match=r"ended \(exit code -9\), perhaps for lack of memory"):
            gclust.run(study, tmp_path / "run")
    assert not list(tmp_path.iterdir())


def test_a_full_disk_is_named(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(MapProcess, "images", full)
    with map_process(), pytest.raises(StudyError, match="the disk is full"):
        gclust.run(datasets.example_study(), tmp_path / "run")


def test_the_process_ends_with_the_block():
    with map_process():
        child = running_map_process()._child
        assert child.poll() is None
    assert child.returncode is not None
    with suppress(KeyboardInterrupt), map_process():
        child = running_map_process()._child
        raise KeyboardInterrupt
    assert child.returncode is not None


PARENT = """
import sys, threading
from gclust.report import map_process
map_process.CODE = map_process.CODE.replace(
    "serve()",
    "import gclust.report.map, pathlib, time;"
    "gclust.report.map.map_images = lambda *_: pathlib.Path('began').touch() or time.sleep(100);"
    "serve()",
)
with map_process.map_process(2):
    process = map_process.running_map_process()
    print(process._child.pid, flush=True)
    if sys.argv[1] == "drawing":
        process.images(None, None, {"title": ""})
    sys.stdin.read()
"""


@pytest.mark.skipif(not os.path.isdir("/proc"), reason="looks for processes in /proc")
@pytest.mark.parametrize("moment", ["loading", "drawing"])
def test_the_process_ends_when_this_one_is_killed(tmp_path, moment):
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, moment],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    child = int(parent.stdout.readline())
    if moment == "drawing":
        assert _becomes((tmp_path / "began").exists)
    parent.kill()
    parent.communicate()
    assert _becomes(lambda: not _runs(child))


def _becomes(true):
    latest = time.monotonic() + 40.0
    while not true() and time.monotonic() < latest:
        time.sleep(0.05)
    return true()


def _runs(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
            return file.read().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def test_the_other_process_is_named_as_this_one_is_not(tmp_path):
    """A folder with modules like those of others is no matter, nor is the main module."""
    study_folder(tmp_path)
    (tmp_path / "pickle.py").write_text("raise SystemExit('not this one')")
    (tmp_path / "go.py").write_text(
        "import sys\n"
        f"sys.path[:] = {[path for path in sys.path if path]!r}\n"
        "print('main')\n"
        "from gclust.cli import main\n"
        "main(['run', 'study.toml', '-o', 'run', '--threads', '2'])\n"
    )
    done = subprocess.run(
        [sys.executable, "go.py"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout.count("main\n") == 1
    assert (tmp_path / "run" / "figures" / "map.png").is_file()


@pytest.mark.parametrize("world", [False, True])
def test_fewer_locations_are_the_same_map(world):
    rng = np.random.default_rng(3)
    n = 5000
    low, high = (-180.0, 180.0) if world else (0.0, 12.0)
    locations = pd.DataFrame(
        {
            "lat": np.append(rng.uniform(40.0, 60.0, n), [90.0, -90.0, 10.0]),
            "lon": np.append(rng.uniform(low, high, n), [-180.0, 180.0, 179.999999]),
            "weight": rng.integers(1, 30, n + 3) / 3.0,
            "label": rng.integers(-1, 3, n + 3),
        }
    )
    fewer = fewer_locations(locations, 2.0)
    assert len(fewer) < len(locations)
    both = [
        [each[name].to_numpy() for name in ("lat", "lon", "weight")] for each in (locations, fewer)
    ]
    assert np.array_equal(degree_cells(*both[0]), degree_cells(*both[1]))
    frames = [choose_frame(*each, NOTHING) for each in both]
    assert frames[0] == frames[1]
    dots = [noise_dots(each, frames[0], 20e3, 2.0) for each in (locations, fewer)]
    assert np.array_equal(dots[0], dots[1])
    assert len(dots[0][0]) > 100
