"""Compiled kernels are kept in files: never those of other sources, never damaged ones."""

from __future__ import annotations

import ast
import importlib
import os
import pickle
import pkgutil
import shutil
import subprocess
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import pytest
from numba import config, njit

import gclust.kernels
from gclust.errors import GclustWarning
from gclust.kernels import _cache
from gclust.kernels._cache import KernelCache, Store, digest_of, remove_stale, usual_roots
from gclust.kernels._jit import kernel
from gclust.kernels.dbscan.warmup import run_dbscan_kernels, run_tree_kernels
from gclust.kernels.surface.node_sums import count_rows
from gclust.parallel import unreported

PACKAGE = Path(gclust.kernels.__file__).parent
pytestmark = pytest.mark.skipif(
    bool(os.environ.get("NUMBA_DISABLE_JIT", "0").strip("0")), reason="nothing is compiled"
)


@pytest.fixture
def sources(tmp_path):
    folder = tmp_path / "sources"
    folder.mkdir()
    (folder / "a.py").write_text("one\n", encoding="utf-8")
    (folder / "b.py").write_text("two\n", encoding="utf-8")
    return (folder,)


@pytest.fixture
def store(tmp_path, sources):
    return Store([tmp_path / "kept"], sources)


def held(store, name="kernel.bin"):
    return [content for _, content in store.contents(name)]


def test_what_is_kept_is_found(store, tmp_path, sources):
    assert held(store) == []
    store.save("kernel.bin", b"code")
    store.save("kernel.bin", b"new code")
    assert held(store) == held(Store([tmp_path / "kept"], sources)) == [b"new code"]
    assert [path.name for path in store.folders[0].iterdir()] == ["kernel.bin"]


@pytest.mark.parametrize(
    "change",
    [
        lambda folder: (folder / "b.py").write_text("two!\n", encoding="utf-8"),
        lambda folder: (folder / "b.py").rename(folder / "c.py"),
        lambda folder: (folder / "c.py").touch(),
        lambda folder: (folder / "deeper").mkdir() or (folder / "deeper" / "d.py").touch(),
        lambda folder: (folder / "a.py").write_text("one\ntwo\n", encoding="utf-8"),
        lambda folder: (folder / "a.py").unlink(),
    ],
)
def test_other_sources_have_another_folder(store, sources, tmp_path, change):
    store.save("kernel.bin", b"code")
    change(sources[0])
    other = Store([tmp_path / "kept"], sources)
    assert held(other) == []
    store.save("late.bin", b"of a process that may have loaded both")
    assert held(store, "late.bin") == held(other, "late.bin") == []
    other.save("kernel.bin", b"other code")
    assert (held(other), held(store)) == ([b"other code"], [b"code"])


def test_times_of_files_do_not_matter(sources):
    before = digest_of(sources)
    os.utime(sources[0] / "a.py", (1, 1))
    assert digest_of(sources) == before


def damages(whole):
    """What a disk, a copy or a killed process can leave of a file."""
    rng = np.random.default_rng(0)
    yield b""
    yield whole[:-1]
    yield whole[: len(whole) // 2]
    yield whole[:20]
    yield whole + b"\0"
    yield rng.bytes(len(whole))
    yield bytes(len(whole))
    yield pickle.dumps("something else")
    for at in (0, 20, 60, len(whole) - 1):
        yield whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :]


def test_damaged_files_are_removed(store):
    store.save("kernel.bin", b"code " * 100)
    path = store.folders[0] / "kernel.bin"
    whole = path.read_bytes()
    for damaged in damages(whole):
        path.write_bytes(damaged)
        assert held(store) == []
        assert not path.exists()
        store.save("kernel.bin", b"code " * 100)
        assert path.read_bytes() == whole


def compiled_with(store):
    """The kernel that counts rows, compiled by or for a store; its result must be right."""
    function = njit(count_rows.py_func, nogil=True)
    function._cache = KernelCache(count_rows.py_func, store)
    out = np.zeros(4, dtype=np.int64)
    rows, units = np.arange(3, dtype=np.uint32), np.array([5, 0, 5])
    weighing = out.copy()
    function(np.array([0, 2, 2], dtype=np.uint32), 1, rows, units, out, weighing)
    assert (out.tolist(), weighing.tolist()) == ([0, 1, 0, 2], [0, 1, 0, 1])
    return sum(function.stats.cache_hits.values())


def test_a_kernel_whose_file_is_damaged_is_compiled_anew(store):
    assert compiled_with(store) == 0
    (path,) = store.folders[0].iterdir()
    whole = path.read_bytes()
    assert compiled_with(store) == 1
    head = _cache._HEAD
    signature, _ = pickle.loads(whole[head:])
    wrong = [
        pickle.dumps((signature, ("no", "parts"))),
        pickle.dumps((("other",), ())),
        pickle.dumps(7),
        b"no pickle",
    ]
    for damaged in [whole[:-5], *wrong]:
        if damaged in wrong:
            store.save(path.name, damaged)  # with a checksum that is right
        else:
            path.write_bytes(damaged)
        assert compiled_with(store) == 0
        assert compiled_with(store) == 1
    function = njit(count_rows.py_func)
    function._cache = KernelCache(count_rows.py_func, store)
    function._cache.flush()
    assert list(store.folders[0].iterdir()) == []
    function._cache.disable()
    assert function._cache.load_overload(signature, None) is None


def test_each_setting_that_changes_code_has_its_own_file(store, monkeypatch):
    assert compiled_with(store) == 0
    monkeypatch.setattr(config, "BOUNDSCHECK", 1)
    assert compiled_with(store) == 0
    assert compiled_with(store) == 1
    assert len(list(store.folders[0].iterdir())) == 2


@pytest.fixture
def nowhere(tmp_path):
    """A folder that nobody can make, root included."""
    (tmp_path / "file").touch()
    return tmp_path / "file" / "folder"


def test_where_nothing_can_be_written_there_is_one_warning(nowhere, sources):
    store = Store([nowhere, nowhere / "deeper"], sources)
    with pytest.warns(GclustWarning, match=r"cannot keep .* set NUMBA_CACHE_DIR") as told:
        [store.save(f"{number}.bin", b"code") for number in range(59)]
    assert len(told) == 1
    assert held(store, "7.bin") == []


def test_sources_that_cannot_be_read_keep_nothing(tmp_path):
    store = Store([tmp_path / "kept"], (tmp_path / "archive.zip" / "kernels",))
    with pytest.warns(GclustWarning, match="sources of the kernels cannot be read") as told:
        [store.save("kernel.bin", b"code") for _ in range(2)]
    assert len(told) == 1
    assert held(store) == []
    assert not (tmp_path / "kept").exists()


def refuse(*_):
    raise OSError(30, "Read-only file system")


def test_a_warm_folder_that_can_only_be_read_is_used(tmp_path, sources, monkeypatch):
    Store([tmp_path / "warm"], sources).save("kernel.bin", b"code")
    monkeypatch.setattr(Path, "mkdir", refuse)
    monkeypatch.setattr(Path, "write_bytes", refuse)
    monkeypatch.setattr(Path, "unlink", refuse)
    monkeypatch.setattr(os, "utime", refuse)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert held(Store([tmp_path / "warm"], sources)) == [b"code"]


def test_what_one_folder_lacks_is_kept_in_the_next(tmp_path, sources, nowhere):
    store = Store([nowhere, tmp_path / "own"], sources)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        store.save("kernel.bin", b"code")
    assert held(store) == [b"code"]
    # A damaged file that cannot be removed does not hide a whole one.
    both = Store([tmp_path / "first", tmp_path / "own"], sources)
    both.folders[0].mkdir(parents=True)
    (both.folders[0] / "kernel.bin").write_bytes(b"damaged")
    assert held(both) == [b"code"]


def test_a_full_disk_leaves_nothing_half_written(store, monkeypatch):
    def fill(path, content):
        with open(path, "wb") as file:
            file.write(content[:10])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", fill)
    with pytest.warns(GclustWarning, match="No space left on device"):
        store.save("kernel.bin", b"code")
    assert list(store.folders[0].iterdir()) == []


def aged(path, hours):
    then = time.time() - 3600 * hours
    os.utime(path, (then, then))


def test_folders_that_have_not_been_used_for_long_go(tmp_path, sources):
    root = tmp_path / "kept"
    ages = {"a": 0, "b": 1, "c": 2, "d": 3, "e": 4, "f": 5, "g": 900, "h": 800}
    hours = {f"sources-{name}": age for name, age in ages.items()}
    for name in hours:
        (root / name).mkdir(parents=True)
        (root / name / "kernel.bin").touch()
    (root / "others").mkdir()
    (root / "sources-file").touch()
    left = Store([root], sources).folders[0]
    left.mkdir()
    (left / "old.tmp").touch()
    (left / "new.tmp").touch()
    aged(left / "old.tmp", 2)
    for name, age in hours.items():
        aged(root / name, age)
    store = Store([root], sources)
    store.save("kernel.bin", b"code")
    kept = {"sources-a", "sources-b", "sources-c", "sources-d", "others", "sources-file", left.name}
    assert {path.name for path in root.iterdir()} == kept
    assert {path.name for path in left.iterdir()} == {"kernel.bin", "new.tmp"}
    # Those that are in use stay, however many there are.
    for number in range(10):
        (root / f"sources-{number}").mkdir()
    remove_stale(left)
    assert sum(path.is_dir() for path in root.iterdir()) == len(kept) - 1 + 10 - 3


def test_use_is_noted(store):
    store.save("kernel.bin", b"code")
    aged(store.folders[0], 1000)
    assert held(store) == [b"code"]
    assert time.time() - store.folders[0].stat().st_mtime < 60


def test_the_user_s_own_directory_is_the_only_one(monkeypatch, tmp_path):
    monkeypatch.setattr(config, "CACHE_DIR", "")
    first, second = usual_roots()
    assert first == PACKAGE / "__pycache__"
    assert "numba" in second.parts
    monkeypatch.setattr(config, "CACHE_DIR", str(tmp_path))
    assert [root.parent for root in usual_roots()] == [tmp_path]
    assert usual_roots()[0].name.startswith("kernels_")


def test_every_kernel_is_kept():
    run_dbscan_kernels(unreported)
    run_tree_kernels(unreported)
    modules = pkgutil.walk_packages([str(PACKAGE)], "gclust.kernels.")
    kernels = {
        value
        for module in modules
        for value in vars(importlib.import_module(module.name)).values()
        if hasattr(value, "py_func") and not value.targetoptions.get("no_cpython_wrapper")
    }
    assert len(kernels) > 50
    used = 0
    for value in kernels:
        assert isinstance(value._cache, KernelCache)
        for signature in value.signatures:
            used += 1
            codegen = value.targetctx.codegen()
            assert list(_cache.STORE.contents(value._cache._file(signature, codegen)))
    assert used > 20


def test_functions_of_others_are_not_kept():
    assert not isinstance(kernel(lambda a: a)._cache, KernelCache)


def test_all_that_is_compiled_is_among_the_sources():
    """Constants of other files are compiled into kernels too."""
    # No kernel holds an error, a thread or a report of progress.
    kept = {"gclust.errors", "gclust.parallel", "gclust.progress", "gclust.sphere"}
    for path in PACKAGE.parent.rglob("*.py"):
        nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
        modules = {node.module for node in nodes if isinstance(node, ast.ImportFrom)}
        modules |= {a.name for node in nodes if isinstance(node, ast.Import) for a in node.names}
        if PACKAGE in path.parents:
            ours = {name for name in modules if name and name.split(".")[0] == "gclust"}
            assert {name for name in ours if not name.startswith("gclust.kernels")} <= kept, path
        else:
            assert not {name for name in modules if name and name.split(".")[0] == "numba"}, path


HELPER = "from gclust.kernels._jit import helper\n\n\n@helper\ndef twice(a):\n    return {} * a\n"
OUTER = (
    "from gclust.kernels._jit import kernel\nfrom gclust.kernels.helper import twice\n"
    "from gclust.sphere import EARTH_RADIUS_KM\n\n\n"
    "@kernel\ndef whole(a):\n    return twice(a) + EARTH_RADIUS_KM\n"
)
OTHER = "from numba import njit\n\n\n@njit(cache=True)\ndef same(a):\n    return a\n"
RUN = (
    "from gclust.kernels.outer import whole; import other; other.same(1);"
    "print(whole(1.0), sum(whole.stats.cache_hits.values()), other.same.stats.cache_path)"
)


@pytest.fixture
def small(tmp_path):
    """A package of the name of gclust with one kernel, its part in another file."""
    kernels = tmp_path / "gclust" / "kernels"
    kernels.mkdir(parents=True)
    for name in ("_cache.py", "_compiler.py", "_jit.py", "first_compilation.py"):
        shutil.copy(PACKAGE / name, kernels)
    for name in ("errors.py", "escapes.py", "progress.py"):
        shutil.copy(PACKAGE.parent / name, kernels.parent)
    (kernels.parent / "__init__.py").touch()
    (kernels.parent / "sphere.py").write_text("EARTH_RADIUS_KM = 10.0\n", encoding="utf-8")
    (kernels / "helper.py").write_text(HELPER.format(2), encoding="utf-8")
    (kernels / "outer.py").write_text(OUTER, encoding="utf-8")
    (tmp_path / "other.py").write_text(OTHER, encoding="utf-8")
    return tmp_path


def start(small, **environment):
    usual = {name: value for name, value in os.environ.items() if name != "NUMBA_CACHE_DIR"}
    return subprocess.Popen(
        [sys.executable, "-W", "error::UserWarning", "-c", RUN],
        cwd=small,
        env={**usual, "PYTHONPATH": str(small), **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def result(process):
    output, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    value, hits, path = output.split()
    return float(value), int(hits), path


def test_processes_at_once_then_a_change_in_what_a_kernel_calls(small):
    """With Numba's own cache the last process has the first ones' result.

    What other libraries keep stays where it was.
    """
    chosen = small / "chosen"
    found = [result(each) for each in [start(small, NUMBA_CACHE_DIR="chosen") for _ in range(2)]]
    assert {value for value, _, _ in found} == {12.0}
    assert result(start(small, NUMBA_CACHE_DIR=str(chosen)))[:2] == (12.0, 1)
    folders = sorted(path.name.split("_")[0] for path in chosen.iterdir())
    assert folders == sorted(["kernels", Path(found[0][2]).name.split("_")[0]])
    (kept,) = chosen.glob("kernels_*/sources-*/*")
    assert kept.name.startswith("outer.whole-")
    assert not list(small.glob("gclust/kernels/__pycache__/sources-*"))
    (small / "gclust" / "kernels" / "helper.py").write_text(HELPER.format(30), encoding="utf-8")
    assert result(start(small, NUMBA_CACHE_DIR=str(chosen)))[:2] == (40.0, 0)
    assert len(list(chosen.glob("kernels_*/sources-*/*"))) == 2
