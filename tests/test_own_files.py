"""Data sets in folders: nothing is replaced that gclust did not make there."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest
from click.testing import CliRunner

import gclust
from gclust.cli import main
from gclust.datasets import own_files
from gclust.datasets.own_files import NOTE, check_replaceable, write_data_set
from gclust.errors import StudyError

NAMES = ("study.toml", "listings", "figures.csv")


def make(text, parts=2):
    def write(folder):
        (folder / "listings" / "patent").mkdir(parents=True)
        for number in range(parts):
            (folder / "listings" / "patent" / f"part-{number}.parquet").write_text(text)
        (folder / "figures.csv").write_text(text)
        (folder / "study.toml").write_text(text)

    return write


def files(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_text()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != NOTE
    }


def world(text, parts=2):
    numbered = {f"listings/patent/part-{number}.parquet": text for number in range(parts)}
    return {"figures.csv": text, **numbered, "study.toml": text}


def test_what_was_made_is_replaced_and_the_rest_stays(tmp_path):
    write_data_set(tmp_path, NAMES, make("old", 3))
    (tmp_path / "mine.toml").write_text("mine")
    write_data_set(tmp_path, NAMES, make("new"))
    assert files(tmp_path) == world("new") | {"mine.toml": "mine"}


@pytest.mark.parametrize(
    "name", ["study.toml", "listings/patent/part-0.parquet", "listings/patent/mine.parquet"]
)
@pytest.mark.parametrize("link", [False, True])
def test_a_file_that_was_not_made_is_not_replaced(tmp_path, name, link):
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / "mine").write_text("mine")
    if link:
        (tmp_path / name).symlink_to(tmp_path / "mine")
    else:
        (tmp_path / name).write_text("mine")
    before = files(tmp_path)
    with pytest.raises(FileExistsError, match=f"{name} was not made by gclust"):
        write_data_set(tmp_path, NAMES, lambda _: pytest.fail("made in vain"))
    assert files(tmp_path) == before


@pytest.mark.parametrize("name", sorted(world("")))
def test_a_file_that_was_changed_is_not_replaced(tmp_path, name):
    write_data_set(tmp_path, NAMES, make("old"))
    (tmp_path / name).write_text("mine")
    with pytest.raises(FileExistsError, match=f"{name} was changed since gclust made it"):
        write_data_set(tmp_path, NAMES, make("new"))
    assert files(tmp_path) == world("old") | {name: "mine"}


def test_a_file_that_comes_meanwhile_is_not_replaced(tmp_path):
    def write(folder):
        make("new")(folder)
        (tmp_path / "study.toml").write_text("mine")

    with pytest.raises(FileExistsError, match="was not made by gclust"):
        write_data_set(tmp_path, NAMES, write)
    assert files(tmp_path) == {"study.toml": "mine"}


def test_a_note_that_cannot_be_read_is_none(tmp_path):
    write_data_set(tmp_path, NAMES, make("old"))
    for text in ("", "[]", '{"study.toml": 3}', "[" * 9000):
        (tmp_path / NOTE).write_text(text)
        with pytest.raises(FileExistsError, match="was not made by gclust"):
            check_replaceable(tmp_path, NAMES)


@pytest.mark.skipif(os.name == "nt", reason="needs a fork")
def test_after_a_kill_at_any_step_it_goes_on(tmp_path):
    for step in range(40):
        folder = tmp_path / str(step)
        write_data_set(folder, NAMES, make("old", 3), last="study.toml")
        child = os.fork()
        if not child:
            steps = iter(range(1000))

            def counted(call, steps=steps, step=step):
                def count(*arguments, **options):
                    done = call(*arguments, **options)
                    if next(steps) == step:
                        os.kill(os.getpid(), signal.SIGKILL)
                    return done

                return count

            for module, name in ((os, "rename"), (os, "replace"), (Path, "unlink")):
                setattr(module, name, counted(getattr(module, name)))
            try:
                write_data_set(folder, NAMES, make("new", 2), last="study.toml")
            finally:
                os._exit(0)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        found = files(folder)
        if "study.toml" in found and not any(".gclust-partial" in name for name in found):
            assert found in (world("old", 3), world("new"))
        write_data_set(folder, NAMES, make("newest"), last="study.toml")
        assert files(folder) == world("newest")
        if code == 0:
            break
    assert code == 0
    assert step > 8


def test_a_full_disk_is_named(tmp_path):
    def burst(folder):
        raise OSError(28, "No space left on device")

    with pytest.raises(StudyError, match=f"^{tmp_path}: the disk is full"):
        write_data_set(tmp_path, NAMES, burst)
    assert files(tmp_path) == {}


@pytest.fixture(scope="module")
def small_world(tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo") / "demo"
    gclust.datasets.simulate(folder / "world", edition=2023, scale=0.01)
    (folder / ".gclust-demo").touch()
    return folder


@pytest.mark.parametrize(
    ("file", "told"),
    [
        ("world/study.toml", "was changed since gclust made it"),
        ("world/listings/patent/mine.parquet", "was not made by gclust"),
        ("published.csv", "was not made by gclust"),
        ("run/notes.txt", "is not a run of gclust"),
    ],
)
def test_a_demo_replaces_nothing_that_it_did_not_make(small_world, file, told):
    path = small_world / file
    path.parent.mkdir(exist_ok=True)
    before = path.read_text() if path.is_file() else None
    path.write_text("mine")
    words = ["demo", "--edition", "2023", "--scale", "0.01", "-o", str(small_world)]
    done = CliRunner().invoke(main, words)
    assert done.exit_code == 2
    assert told in done.output
    assert path.read_text() == "mine"
    path.unlink()
    if before is not None:
        path.write_text(before)
    if file.startswith("run/"):
        path.parent.rmdir()


def test_a_world_that_is_as_it_was_made_is_replaced(small_world):
    (small_world / "world" / "narrow.toml").write_text("mine")
    gclust.datasets.simulate(small_world / "world", edition=2023, scale=0.01, seed=2)
    assert (small_world / "world" / "narrow.toml").read_text() == "mine"
    noted = json.loads((small_world / "world" / NOTE).read_text())
    for name, sums in noted.items():
        assert sums == [own_files._sum(small_world / "world" / name)]
