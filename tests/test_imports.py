"""What is loaded when: by names of modules, not by time, so that start-up cannot become slower."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

import gclust
from gclust import datasets, parallel
from gclust.kernels import _cache, warm_up
from gclust.kernels._jit import kernel
from gclust.kernels.first_compilation import COMPILING, noted
from gclust.parallel import end_if_left, meanwhile, unreported
from gclust.progress import silent

HELP = {"click", "gclust"}
BEFORE_LISTINGS = (
    "PIL exactextract geopandas matplotlib pyogrio rasterio sklearn scipy.stats scipy.optimize"
)
"""Modules that a run needs later, if at all, or that nothing but an estimator needs."""

PACKAGES = """
import sys
owned = {"gclust", *sys.stdlib_module_names, *before}
found = {name.partition(".")[0] for name in sys.modules}
print(sorted(name for name in found - owned if not name.startswith(("_", "cython"))))
"""

RUN = """
import sys
import gclust, gclust.pipeline.run as run
class Stop(Exception): ...
def listings(*_):
    names = %r.split()
    print([name for name in names if name in sys.modules])
    raise Stop
run.load_for_later = lambda _: None
run.prepare_listings = listings
study = gclust.datasets.example_study()
try:
    gclust.run(study)
except Stop:
    pass
"""


def printed(code: str) -> str:
    """Return what a new interpreter prints."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip().splitlines()[-1]


def packages(code: str) -> set[str]:
    """Return the packages that are loaded by some lines of code, without those of Python."""
    # What is loaded before the first line, such as hooks of an editable installation, is no matter.
    start = "import sys\nbefore = {name.partition('.')[0] for name in sys.modules}\n"
    return set(json.loads(printed(start + code + PACKAGES).replace("'", '"')))


def test_gclust_itself_loads_nothing():
    assert packages("import gclust") == set()


def test_help_loads_click_only():
    code = "from gclust.cli import main\nmain(['--help'], standalone_mode=False)\n"
    assert packages(code) <= HELP


def test_the_estimator_loads_what_scikit_learn_loads():
    """Numba, and with it the kernels, is loaded by the first call."""
    theirs = packages("import sklearn.base, sklearn.utils.validation\n")
    assert packages("import gclust\ngclust.DBSCAN()\n") <= {*theirs, "gclust"}


def test_a_run_reads_listings_before_it_loads_maps_and_estimators():
    # The example has a raster of people, which is checked first.
    assert printed(RUN % BEFORE_LISTINGS) == "['rasterio']"


def test_what_later_stages_need_is_loaded_while_listings_are_read():
    names = "scipy.spatial geopandas exactextract gclust.places.footprints.outlines"
    show = f"print([name for name in {names.split()} if name in sys.modules])\n"
    # The example itself needs trees.
    begin = "import sys, gclust, gclust.pipeline.run\n"
    assert printed(begin + show) == "[]"
    load = (
        "from gclust.pipeline.load_for_later import load_for_later\n"
        "load_for_later(gclust.read_study(gclust.datasets.example_study()))\n"
    )
    assert printed(begin + load + show) == str(names.split())


# Work on another thread


def test_an_error_of_the_work_is_raised_when_both_have_ended():
    done = []

    def work():
        time.sleep(0.05)
        raise OSError("no space")

    with pytest.raises(OSError, match="no space"), meanwhile(work):
        done.append("block")
    assert done == ["block"]


def test_an_error_of_the_block_waits_for_the_work():
    done = []

    def work():
        time.sleep(0.05)
        done.append(threading.current_thread())
        raise OSError("no space")

    with pytest.raises(KeyboardInterrupt), meanwhile(work):
        raise KeyboardInterrupt
    assert len(done) == 1
    assert done[0] is not threading.current_thread()


def test_an_error_of_the_block_ends_the_work_at_its_next_step():
    steps = []

    def work():
        for step in range(10_000):
            steps.append(step)
            time.sleep(0.01)
            end_if_left()

    def block():
        with meanwhile(work):
            time.sleep(0.05)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        block()
    assert 1 <= len(steps) < 100
    end_if_left()  # it concerns no other thread


def test_work_that_cannot_end_is_left_behind(monkeypatch):
    """A signal that meets the import system's own code can leave the lock of all imports held."""
    monkeypatch.setattr(parallel, "LEAVE_SECONDS", 0.1)
    lock = threading.Lock()
    with lock, pytest.raises(KeyboardInterrupt), meanwhile(lock.acquire):
        raise KeyboardInterrupt


def test_a_map_is_not_drawn_to_its_end_when_nobody_waits(tmp_path):
    """Wherever it is: before the first layer, at a name, and within the PDF."""
    from gclust.report import labels, pdf_canvas, scene
    from gclust.report.map import MapOptions, draw_map

    study = datasets.example_study()
    run = gclust.run(study)
    locations = run.locations.rename(columns={"cluster_id": "label"})
    targets = [tmp_path / "map.png", tmp_path / "map.pdf"]

    def left_at(module):
        """Draw; leave the block when a step of a module asks for the first time."""
        asked, drawn = threading.Event(), []

        def ask():
            asked.set()
            left.wait()
            end_if_left()

        def work():
            draw_map(run.clusters, locations, targets, MapOptions(title="Left"))
            drawn.append(module)

        def block(work):
            with meanwhile(work):
                asked.wait(20.0)
                threading.Timer(0.2, left.set).start()
                raise KeyboardInterrupt

        left = threading.Event()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(module, "end_if_left", ask)
            with pytest.raises(KeyboardInterrupt):
                block(work)
        assert asked.is_set()
        assert drawn == []

    left_at(scene)
    left_at(labels)
    assert not list(tmp_path.iterdir())
    left_at(pdf_canvas)
    assert [path.name for path in tmp_path.iterdir() if path.suffix == ".png"] == ["map.png"]


def test_waiting_raises_the_error_of_the_work():
    seen = []

    def work():
        raise OSError("no space")

    def both():
        with meanwhile(work) as wait:
            wait()
            seen.append("after")

    with pytest.raises(OSError, match="no space"):
        both()
    assert seen == []


# Kernels that are loaded ahead


@pytest.fixture
def one_kernel(tmp_path, monkeypatch):
    """A kernel with an empty cache, and the function that calls it once."""
    store = _cache.Store([tmp_path], ())
    monkeypatch.setattr(warm_up, "_done", set())

    def fresh():
        compiled = kernel(plus_one)
        compiled._cache = _cache.KernelCache(plus_one, store)
        return compiled, lambda report: compiled(np.int64(1))

    return fresh


def plus_one(n):
    return n + 1


def test_loading_ahead_compiles_nothing(one_kernel):
    compiled, call = one_kernel()
    warm_up.load(call)
    assert compiled.signatures == []
    assert call not in warm_up._done
    told = []
    warm_up.warm_up(lambda share, name: told.append(name), call)
    assert len(compiled.signatures) == 1
    assert set(told) == {"compile kernels (first run only)"}


def test_a_kernel_in_the_cache_is_loaded_ahead_and_not_again(one_kernel):
    _, call = one_kernel()
    call(unreported)
    compiled, call = one_kernel()
    with meanwhile(lambda: warm_up.load(call)):
        pass
    assert len(compiled.signatures) == 1
    assert not compiled.stats.cache_misses
    told = []
    warm_up.warm_up(lambda share, name: told.append(name), call)
    assert told == []


def test_a_compilation_without_progress_is_said_on_stderr(one_kernel, capsys):
    """The first call would seem to hang."""
    _, call = one_kernel()
    warm_up.warm_up(silent, call)
    assert capsys.readouterr().err == f"gclust: {COMPILING}\n"
    _, again = one_kernel()
    warm_up.warm_up(silent, again)  # from the cache
    assert capsys.readouterr().err == ""
    _, shown = one_kernel()
    warm_up.warm_up(lambda share, name: None, shown)
    assert capsys.readouterr().err == ""


def test_kernels_that_no_stage_compiles_are_noted_once(one_kernel):
    told = []
    with noted(lambda share, name: told.append(name)):
        for _ in range(2):
            one_kernel()[1](unreported)  # the second is in the cache
        assert told == [COMPILING]
        assert one_kernel()[0](np.float64(1)) == 2.0  # compiled as well, but told already
    assert told == [COMPILING]
    one_kernel()[0](np.int8(1))  # nobody listens
    assert told == [COMPILING]


def test_kernels_that_a_stage_compiles_are_not_noted_as_well(one_kernel):
    told = []

    def progress(share, name):
        told.append(name)

    with noted(progress):
        warm_up.warm_up(progress, one_kernel()[1])
    assert set(told) == {warm_up.STAGE}


def test_only_the_thread_that_loads_ahead_compiles_nothing(one_kernel):
    compiled, call = one_kernel()
    with _cache.only_cached():
        with meanwhile(lambda: call(unreported)):
            pass
        assert len(compiled.signatures) == 1
