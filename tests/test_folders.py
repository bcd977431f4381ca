"""Temporary folders: removed with their maker, and nothing else ever."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest

from gclust import temporary_folders as folders
from gclust.listings.engines.duckdb import DuckDBEngine
from gclust.temporary_folders import MARK, TemporaryFolder, abandoned, remove_abandoned
from tests.killed_steps import killed_after

pytestmark = pytest.mark.skipif(os.name == "nt", reason="folders are not marked on Windows")

PREFIX = "gclust-"

LEAVE = """
import os, sys
from pathlib import Path
from gclust.temporary_folders import TemporaryFolder
folder = TemporaryFolder(Path(sys.argv[1]), "gclust-")
(folder.path / "spill").mkdir()
(folder.path / "spill" / "block").write_text("x")
print(folder.path, flush=True)
os.kill(os.getpid(), {signal})
"""


def left(place, by=signal.SIGKILL):
    """Return a folder that a process left when it was killed."""
    code = LEAVE.format(signal=int(by))
    done = subprocess.run(
        [sys.executable, "-c", code, str(place)], capture_output=True, text=True, check=False
    )
    assert done.returncode == -by, done.stderr
    return Path(done.stdout.strip())


def snapshot(place):
    """What there is below a folder, links as links."""
    return sorted(
        (str(path.relative_to(place)), os.lstat(path).st_ino, os.readlink(path))
        if path.is_symlink()
        else (str(path.relative_to(place)), os.lstat(path).st_ino, "")
        for path in place.rglob("*")
    )


def test_what_a_killed_process_left_is_removed(tmp_path):
    folder = left(tmp_path)
    assert sorted(path.name for path in folder.iterdir()) == [MARK, "spill"]
    with DuckDBEngine(tmp_path):
        assert not folder.exists()
    assert list(tmp_path.iterdir()) == []


CALLS = (
    (os, "open"), (os, "mkdir"), (folders.fcntl, "flock"), (os, "write"), (os, "rename"),
    (os, "unlink"), (os, "rmdir"),
)  # fmt: skip


def make_and_remove(place, prepare):
    folder = TemporaryFolder(place, PREFIX, prepare)
    (folder.path / "block").touch()
    folder.remove()


def test_a_kill_at_any_step_leaves_nothing_for_good(tmp_path):
    codes = []
    for step in range(60):
        prepare = (lambda folder: (folder / "new").mkdir()) if step % 2 else None
        codes.append(killed_after(step, CALLS, partial(make_and_remove, tmp_path, prepare)))
        remove_abandoned(tmp_path, PREFIX)
        assert list(tmp_path.iterdir()) == [], step
    assert codes[0] == -signal.SIGKILL
    assert codes[-1] == 0
    assert codes.count(-signal.SIGKILL) > 10


def test_a_folder_in_use_is_not(tmp_path):
    folder = TemporaryFolder(tmp_path, PREFIX)
    code = "import sys; from pathlib import Path; from gclust.temporary_folders import *\n"
    code += "remove_abandoned(Path(sys.argv[1]), 'gclust-')\n"
    code += "print(len(list(abandoned(Path(sys.argv[1]), 'gclust-', locked=True))))"
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert done.stdout == "1\n"
    assert folder.path.is_dir()
    folder.remove()
    assert list(tmp_path.iterdir()) == []


def test_it_goes_with_the_object_and_with_python(tmp_path):
    folder = TemporaryFolder(tmp_path, PREFIX)
    (folder.path / "spill").mkdir()
    del folder
    assert list(tmp_path.iterdir()) == []
    code = "import sys; from pathlib import Path\n"
    code += "from gclust.temporary_folders import TemporaryFolder\n"
    code += "folder = TemporaryFolder(Path(sys.argv[1]), 'gclust-')\n"
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True)
    assert list(tmp_path.iterdir()) == []


def test_the_end_of_a_forked_child_leaves_it(tmp_path):
    code = "import os, sys; from pathlib import Path\n"
    code += "from gclust.temporary_folders import TemporaryFolder\n"
    code += "folder = TemporaryFolder(Path(sys.argv[1]), 'gclust-')\n"
    code += "child = os.fork()\nif child == 0:\n    sys.exit(0)\n"
    code += "os.waitpid(child, 0)\nassert folder.path.is_dir()\n"
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True)


def test_an_error_while_it_is_made_leaves_nothing(tmp_path):
    for error in (OSError, KeyboardInterrupt):

        def fail(folder, error=error):
            raise error

        with pytest.raises(error):
            TemporaryFolder(tmp_path, PREFIX, fail)
    assert list(tmp_path.iterdir()) == []


def results(place):
    """A user's own folder, named as gclust's might be."""
    folder = place / "gclust-2025-results"
    folder.mkdir()
    (folder / "thesis.docx").write_text("years of work")


def number_of_no_process(place):
    (place / "gclust-999999999-abc").mkdir()
    (place / "gclust-999999999-abc" / "notes.txt").write_text("mine")


def copied(place):
    """A copy of what a killed process left: the mark in it names another folder."""
    folder = left(place)
    shutil.copytree(folder, place / "gclust-copy")
    shutil.rmtree(folder)


def link_to_a_folder(place):
    """A link named as a temporary folder, to a user's own folder with a mark moved into it."""
    folder = left(place)
    (place / "home").mkdir()
    (place / "home" / "thesis.docx").write_text("years of work")
    (folder / MARK).rename(place / "home" / MARK)
    shutil.rmtree(folder)
    (place / "gclust-link").symlink_to(place / "home")
    (place / "home" / "thesis.docx").rename(place / "home" / "kept.docx")


def mark_in_a_folder(place):
    """A folder into which somebody has moved the mark of another one."""
    folder = left(place)
    results(place)
    (folder / MARK).rename(place / "gclust-2025-results" / MARK)
    shutil.rmtree(folder)


def linked_mark(place):
    """A mark that is a second name of a file elsewhere, or points to one."""
    for name, link in (("gclust-hard", os.link), ("gclust-soft", os.symlink)):
        (place / name).mkdir()
        text = folders._SAYS.format((place / name).stat().st_ino)
        (place / f"mark of {name}").write_text(text)
        link(place / f"mark of {name}", place / name / MARK)


def pipe(place):
    (place / "gclust-pipe").mkdir()
    os.mkfifo(place / "gclust-pipe" / MARK)


def folder_as_mark(place):
    (place / "gclust-folder" / MARK).mkdir(parents=True)


def odd_names(place):
    for name in ("gclust-[a]*?", "gclust-\n-x", "gclust-\x1b[31m", "gclust-" + "x" * 240):
        (place / name).mkdir()
        (place / name / "mine").touch()
    (place / "gclust-a-file").touch()
    (place / "gclust-loop").symlink_to(place / "gclust-loop")


def bytes_no_name_has(place):
    os.mkdir(os.fsencode(place) + b"/gclust-\xff\xfe")


@pytest.mark.parametrize(
    "make",
    [results, number_of_no_process, copied, link_to_a_folder, mark_in_a_folder, linked_mark, pipe,
     folder_as_mark, odd_names, bytes_no_name_has],
    ids=lambda make: make.__name__,
)  # fmt: skip
def test_what_is_not_a_left_folder_stays_and_stops_nobody(tmp_path, make):
    make(tmp_path)
    before = snapshot(tmp_path)
    start = time.monotonic()
    with DuckDBEngine(tmp_path):
        pass
    assert time.monotonic() - start < 5
    assert snapshot(tmp_path) == before


@pytest.mark.skipif(os.name == "nt" or os.geteuid() != 0, reason="only root can give files away")
@pytest.mark.parametrize("whose", ["folder", "mark"])
def test_what_belongs_to_another_user_stays(tmp_path, whose):
    folder = left(tmp_path)
    os.chown(folder if whose == "folder" else folder / MARK, 12345, 12345)
    remove_abandoned(tmp_path, PREFIX)
    assert folder.is_dir()


def test_a_mark_without_a_lock_yet_is_none(tmp_path, monkeypatch):
    """A cleaner that looks at any moment while a folder is made finds nothing to remove."""
    code = "import sys; from pathlib import Path; from gclust.temporary_folders import *\n"
    code += "remove_abandoned(Path(sys.argv[1]), 'gclust-')"
    clean = [sys.executable, "-c", code, str(tmp_path)]
    for module, name in ((folders.os, "open"), (folders.os, "write"), (folders.os, "rename")):
        once, real = [], getattr(module, name)

        def watched(*arguments, call=real, once=once, **options):
            result = call(*arguments, **options)
            if not once:
                once.append(True)
                monkeypatch.undo()
                subprocess.run(clean, check=True)
            return result

        monkeypatch.setattr(module, name, watched)
        folder = TemporaryFolder(tmp_path, PREFIX)
        assert once
        assert (folder.path / MARK).is_file()
        folder.remove()


MAKER = """
import random, sys, time
from pathlib import Path
from gclust.temporary_folders import TemporaryFolder
place, seed, number = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
lost = 0
for _ in range(number):
    folder = TemporaryFolder(place, "gclust-")
    (folder.path / "block").write_bytes(b"x")
    lost += not (folder.path / "block").is_file()
    folder.remove()
    lost += folder.path.exists()
print(lost)
"""

CLEANER = """
import sys
from pathlib import Path
from gclust.temporary_folders import remove_abandoned
while True:
    remove_abandoned(Path(sys.argv[1]), "gclust-")
"""


def test_makers_and_cleaners_at_once(tmp_path):
    """No folder in use is ever removed, and everything left is."""
    for _ in range(3):
        left(tmp_path)
    (tmp_path / "gclust-2025-results").mkdir()
    cleaners = [subprocess.Popen([sys.executable, "-c", CLEANER, tmp_path]) for _ in range(2)]
    try:
        makers = [
            subprocess.Popen(
                [sys.executable, "-c", MAKER, tmp_path, str(seed), "500"],
                stdout=subprocess.PIPE,
                text=True,
            )
            for seed in range(2)
        ]
        assert [maker.communicate(timeout=100)[0] for maker in makers] == ["0\n", "0\n"]
    finally:
        for cleaner in cleaners:
            cleaner.kill()
            cleaner.wait()
    remove_abandoned(tmp_path, PREFIX)
    assert [path.name for path in tmp_path.iterdir()] == ["gclust-2025-results"]


def test_without_locks_nothing_is_marked_and_nothing_removed(tmp_path, monkeypatch):
    there = left(tmp_path)

    def refuse(*_):
        raise OSError(37, "No locks available")

    monkeypatch.setattr(folders.fcntl, "flock", refuse)
    folder = TemporaryFolder(tmp_path, PREFIX)
    assert not (folder.path / MARK).exists()
    remove_abandoned(tmp_path, PREFIX)
    assert there.is_dir()
    folder.remove()
    assert [*tmp_path.iterdir()] == [there]
    assert not [*abandoned(tmp_path, PREFIX)]
