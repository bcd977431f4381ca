"""Output folders: written as a whole or not at all, and nothing of anybody else's lost."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import time
import tomllib
from functools import partial
from pathlib import Path

import pytest

import gclust
from gclust.errors import GclustWarning, StudyError
from gclust.results import folders as atomic
from gclust.results.exchange import exchange
from gclust.results.folders import OLD, PREFIX, claim
from gclust.study.schema import Study
from gclust.study.sections import Source
from gclust.study.write_toml import rebased_path, study_toml
from gclust.temporary_folders import TemporaryFolder
from tests.killed_steps import killed_after

pytestmark = pytest.mark.skipif(os.name == "nt", reason="links, and folders in use")


def fill(text):
    """Return what writes a run of one table."""

    def write(folder):
        (folder / "ranking.csv").write_text(text)
        (folder / "figures").mkdir()
        (folder / "figures" / "map.png").write_bytes(b"png")
        (folder / "run.json").write_text('{"clusters": 3}')

    return write


def write(out, text, overwrite=False):
    with claim(out, overwrite, "run") as place:
        return place.write(fill(text))


def text_of(out):
    return (out / "ranking.csv").read_text()


def names(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture(params=["exchange", "two steps"])
def either_way(request, monkeypatch):
    """With an exchange in one step, and on file systems that have none."""
    if request.param == "two steps":
        monkeypatch.setattr(atomic, "exchange", lambda *_: False)
    return request.param


def test_a_run_is_written_and_replaced(tmp_path, either_way):
    out = tmp_path / "run"
    assert write(out, "first") == out
    assert json.loads((out / "run.json").read_text()) == {
        "clusters": 3,
        "files": ["figures/map.png", "ranking.csv", "run.json"],
    }
    with pytest.raises(FileExistsError, match="holds a run already"):
        write(out, "second")
    write(out, "third", overwrite=True)
    assert text_of(out) == "third"
    assert names(tmp_path) == ["run"]


def test_the_second_of_two_is_refused_at_its_start(tmp_path):
    out = tmp_path / "run"
    code = "import sys; from gclust.results.folders import claim\n"
    code += "with claim(sys.argv[1], True, 'run'):\n    pass\n"
    with claim(out, False, "run") as place:
        for name in (out, tmp_path / "there" / ".." / "run"):
            (tmp_path / "there").mkdir(exist_ok=True)
            done = subprocess.run(
                [sys.executable, "-c", code, name], capture_output=True, text=True, check=False
            )
            assert "is about to be written by another process of gclust" in done.stderr
        with claim(tmp_path / "other", False, "run"):
            pass
        place.write(fill("first"))
    assert text_of(out) == "first"
    assert names(tmp_path) == ["run", "there"]


@pytest.mark.parametrize("overwrite", [False, True])
def test_the_second_of_two_is_refused_at_its_last_step(tmp_path, monkeypatch, overwrite):
    """Where there are no locks, as between machines, nobody is refused before."""
    monkeypatch.setattr(atomic, "_refuse_second", lambda *_: None)
    out = tmp_path / "run"
    with claim(out, overwrite, "run") as slow:
        write(out, "first")
        with pytest.raises(FileExistsError, match="was changed by somebody else while"):
            slow.write(fill("second"))
    assert text_of(out) == "first"
    assert names(tmp_path) == ["run"]


def test_of_two_that_replace_the_second_is_refused(tmp_path, monkeypatch, either_way):
    monkeypatch.setattr(atomic, "_refuse_second", lambda *_: None)
    out = tmp_path / "run"
    write(out, "old")
    with claim(out, True, "run") as slow:
        write(out, "first", overwrite=True)
        with pytest.raises(FileExistsError, match="was changed by somebody else while"):
            slow.write(fill("second"))
    assert text_of(out) == "first"
    assert names(tmp_path) == ["run"]


START = """
import sys, time
from gclust.results.folders import claim
def fill(folder):
    (folder / "run.json").write_text('{"by": "%s"}' % sys.argv[2])
time.sleep(max(0, float(sys.argv[3]) - time.time()))
try:
    with claim(sys.argv[1], False, "run") as place:
        time.sleep(0.3)
        place.write(fill)
except FileExistsError:
    sys.exit(2)
"""


def test_of_many_at_once_one_is_written(tmp_path):
    out, at = tmp_path / "run", str(time.time() + 2.0)
    several = [
        subprocess.Popen([sys.executable, "-c", START, out, str(number), at]) for number in range(4)
    ]
    codes = [each.wait(60) for each in several]
    assert sorted(codes) == [0, 2, 2, 2]
    assert json.loads((out / "run.json").read_text())["by"] == str(codes.index(0))
    assert names(tmp_path) == ["run"]


def put_file(out):
    out.write_text("mine")


def put_folder(out):
    out.mkdir()
    (out / "thesis.docx").write_text("mine")


def put_link(out):
    (out.parent / "mine").mkdir()
    out.symlink_to(out.parent / "mine")


@pytest.mark.parametrize("put", [put_file, put_folder, put_link], ids=lambda put: put.__name__)
@pytest.mark.parametrize("overwrite", [False, True])
def test_what_comes_to_the_place_meanwhile_stays(tmp_path, put, overwrite):
    out = tmp_path / "run"
    with claim(out, overwrite, "run") as place:
        put(out)
        before = os.lstat(out), names(tmp_path)
        with pytest.raises(FileExistsError, match="is left as it is"):
            place.write(fill("mine"))
    after = os.lstat(out)
    assert (after.st_ino, after.st_mode) == (before[0].st_ino, before[0].st_mode)
    assert names(tmp_path) == [name for name in before[1] if not name.startswith(PREFIX)]


def test_a_file_put_into_what_is_being_replaced_stays(tmp_path, either_way):
    out = tmp_path / "run"
    write(out, "old")
    with claim(out, True, "run") as place:
        (out / "notes.txt").write_text("mine")
        with pytest.raises(FileExistsError, match="is left as it is"):
            place.write(fill("new"))
    assert (out / "notes.txt").read_text() == "mine"
    assert text_of(out) == "old"


@pytest.mark.parametrize("foreign", ["notes.txt", "figures/mine.png", "figures/more/", "link"])
def test_a_file_of_the_user_s_keeps_its_folder(tmp_path, foreign):
    out = tmp_path / "run"
    write(out, "old")
    if foreign == "link":
        (out / foreign).symlink_to(tmp_path)
    elif foreign.endswith("/"):
        (out / foreign).mkdir()
    else:
        (out / foreign).write_text("mine")
    with pytest.raises(FileExistsError, match=f"{foreign.rstrip('/')} was not written by gclust"):
        write(out, "new", overwrite=True)
    assert text_of(out) == "old"


def test_what_other_programs_leave_does_not(tmp_path):
    out = tmp_path / "run"
    write(out, "old")
    for name in (".DS_Store", "figures/Thumbs.db", "ranking.csv-wal"):
        (out / name).touch()
    write(out, "new", overwrite=True)
    assert names(tmp_path) == ["run"]
    assert ".DS_Store" not in names(out)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"files": 3}', "{}", "[" * 9000, "\xff"])
def test_a_run_that_does_not_say_what_it_wrote_is_kept(tmp_path, text):
    out = tmp_path / "run"
    write(out, "old")
    (out / "run.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(FileExistsError, match="does not tell which files gclust wrote"):
        write(out, "new", overwrite=True)
    assert text_of(out) == "old"


def test_a_list_of_files_leads_nowhere_else(tmp_path):
    (tmp_path / "thesis.docx").write_text("mine")
    out = tmp_path / "run"
    write(out, "old")
    message = json.loads((out / "run.json").read_text())
    message["files"] += ["../thesis.docx", str(tmp_path / "thesis.docx")]
    (out / "run.json").write_text(json.dumps(message))
    write(out, "new", overwrite=True)
    assert (tmp_path / "thesis.docx").read_text() == "mine"


CALLS = (
    (atomic, "exchange"), (os, "rename"), (os, "mkdir"), (os, "unlink"), (os, "rmdir"),
    (Path, "unlink"), (Path, "mkdir"),
)  # fmt: skip


@pytest.mark.parametrize("way", ["exchange", "two steps"])
def test_a_kill_at_any_step_loses_nothing(tmp_path, way, monkeypatch):
    """After the next start there is the old run or the new one, whole, and nothing else."""
    seen = []
    for step in range(40):
        out = tmp_path / str(step) / "run"
        write(out, "old")
        with monkeypatch.context() as patch:
            if way == "two steps":
                patch.setattr(atomic, "exchange", lambda *_: False)
            code = killed_after(step, CALLS, partial(write, out, "new", overwrite=True))
        assert code in (0, -signal.SIGKILL)
        with pytest.raises(FileExistsError, match="holds a run already"):
            write(out, "never")
        seen.append(text_of(out))
        assert names(out) == ["figures", "ranking.csv", "run.json"]
        assert names(out.parent) == ["run"]
        if code == 0:
            break
    assert {"old", "new"} == set(seen)
    assert seen == sorted(seen, reverse=True)
    assert code == 0


def test_after_a_kill_between_two_renames_a_folder_that_came_stays(tmp_path):
    out = tmp_path / "run"
    write(out, "old")
    beside = TemporaryFolder(tmp_path, PREFIX, lambda f: atomic._prepare(f, out, "run"))
    out.rename(beside.path / OLD)
    put_folder(out)
    os.close(beside._end.peek()[2][1])  # as if its process had ended
    beside._end.detach()
    with (
        pytest.warns(GclustWarning, match="is kept in .*run-replaced"),
        pytest.raises(FileExistsError, match="is not a run of gclust"),
    ):
        write(out, "new", overwrite=True)
    assert text_of(tmp_path / "run-replaced") == "old"
    assert names(out) == ["thesis.docx"]
    assert names(tmp_path) == ["run", "run-replaced"]


def test_an_exchange_is_one_step(tmp_path):
    for name in "ab":
        (tmp_path / name).mkdir()
        (tmp_path / name / name).touch()
    if not exchange(tmp_path / "a", tmp_path / "b"):
        pytest.skip("this file system cannot exchange")
    assert names(tmp_path / "a") == ["b"]
    with pytest.raises(OSError, match="No such file"):
        exchange(tmp_path / "a", tmp_path / "nothing")


def test_links_to_the_place_stay_links(tmp_path):
    (tmp_path / "disk").mkdir()
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "latest").symlink_to(tmp_path / "disk" / "run-1")  # leads nowhere yet
    write(tmp_path / "work" / "latest", "first")
    assert text_of(tmp_path / "disk" / "run-1") == "first"
    write(tmp_path / "work" / "latest", "second", overwrite=True)
    assert (tmp_path / "work" / "latest").is_symlink()
    assert text_of(tmp_path / "disk" / "run-1") == "second"
    (tmp_path / "elsewhere").symlink_to(tmp_path / "not" / "yet")
    write(tmp_path / "elsewhere" / "run", "third")
    assert text_of(tmp_path / "not" / "yet" / "run") == "third"
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    for out in (tmp_path / "loop", tmp_path / "loop" / "run"):
        with pytest.raises((FileExistsError, StudyError)):
            write(out, "never")
    assert names(tmp_path) == ["disk", "elsewhere", "loop", "not", "work"]


def test_odd_names_of_places(tmp_path, monkeypatch):
    for name in ("a\nb", "[ab]*?", "\x1b[31m", "é" * 120, " ", "-o", "..."):
        write(tmp_path / name, "odd")
        assert text_of(tmp_path / name) == "odd"
        write(tmp_path / name, "again", overwrite=True)
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    write("", "in the working folder")
    assert text_of(tmp_path / "empty") == "in the working folder"


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda p: p / ("x" * 300), "File name too long"),
        (lambda p: p / "file" / "run", "Not a directory|exists"),
        (lambda p: p / "file", "is a file"),
        (lambda p: p / "mine", "is not a run of gclust"),
        (lambda _: Path("/"), "is not a run of gclust|mounted"),
        (lambda _: Path("/proc/nothing/run"), "cannot be written"),
        (lambda p: p / "a\0b", "has characters that no folder can have"),
        (lambda p: p / os.fsdecode(b"a\xff"), r"a\\xff: has characters that no folder can have"),
    ],
)
def test_places_that_cannot_be_are_refused_before_the_work(tmp_path, make, message):
    (tmp_path / "file").touch()
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.docx").touch()
    before = names(tmp_path)
    with (
        pytest.raises((FileExistsError, StudyError), match=message),
        claim(make(tmp_path), True, "run"),
    ):
        pytest.fail("the work would have begun")
    assert names(tmp_path) == before


def test_nothing_is_left_of_work_that_fails(tmp_path):
    for error in (StudyError("no cluster found"), KeyboardInterrupt()):
        with (
            pytest.raises(type(error)),
            claim(tmp_path / "new" / "folders" / "run", False, "run"),
        ):
            raise error
        assert names(tmp_path) == []


def test_a_full_disk_is_named(tmp_path):
    def burst(folder):
        (folder / "ranking.csv").write_text("half")
        raise OSError(errno.ENOSPC, "No space left on device", str(folder / "x"))

    with (
        pytest.raises(StudyError, match=f"^{tmp_path}: the disk is full; make room there"),
        claim(tmp_path / "run", False, "run") as place,
    ):
        place.write(burst)
    assert names(tmp_path) == []


def test_paths_lead_to_the_data_whatever_links_are_on_the_way(tmp_path):
    """``..`` from where a link leads is not the folder that the link is in."""
    deep = tmp_path / "disk" / "a" / "b"
    deep.mkdir(parents=True)
    data = tmp_path / "data"
    (data / "parts").mkdir(parents=True)
    (data / "rows.csv").write_text("here")
    (data / "parts" / "blob").write_text("there")
    (data / "linked.csv").symlink_to(data / "parts" / "blob")
    (tmp_path / "link").symlink_to(deep)
    (data / "up").symlink_to(deep)
    (deep.parent / "beside.csv").write_text("beside")
    (tmp_path / "data-link").symlink_to(data)
    for folder in (data, tmp_path / "data-link"):
        for path, text in (
            ("rows.csv", "here"),
            ("linked.csv", "there"),
            ("up/../beside.csv", "beside"),
            ("parts/../rows.csv", "here"),
            (str(data / "rows.csv"), "here"),
        ):
            assert (folder / path).read_text() == text
            study = Study(sources=(Source(kind="patent", path=path),), folder=folder)
            for out in (tmp_path / "run", tmp_path / "link" / "run", data / "up" / "run"):
                home = Path(os.path.realpath(out))
                home.mkdir(exist_ok=True)
                message = tomllib.loads(study_toml(study, home))["sources"][0]["path"]
                assert (home / message).read_text() == text
                assert not os.path.isabs(message)
                # The name says what the file is, so a link to it is not followed.
                assert Path(message).name == Path(path).name
    assert rebased_path(deep, data / "up" / ".." / "p*" / "*.csv") == "../p*/*.csv"


def test_a_run_through_a_link_runs_again(tmp_path):
    from tests.worlds import study_folder

    (tmp_path / "far" / "away" / "disk").mkdir(parents=True)
    (tmp_path / "out").symlink_to(tmp_path / "far" / "away" / "disk")
    study = study_folder(tmp_path / "work")
    done = gclust.run(study, tmp_path / "out" / "run")
    assert done.path == tmp_path / "far" / "away" / "disk" / "run"
    assert gclust.run(done.path / "study.toml").ranking.equals(done.ranking)
    assert gclust.run(tmp_path / "out" / "run" / "study.toml").ranking.equals(done.ranking)
