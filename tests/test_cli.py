"""The commands, as typed: exit codes, what is printed, odd locales, wrong files."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.worlds import study_folder


def gclust(*arguments, cwd, **env):
    return subprocess.run(
        [sys.executable, "-m", "gclust", *map(str, arguments)],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **env},
        capture_output=True,
        check=False,
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("päth with spaces")
    study_folder(folder)
    return folder


def test_run_prints_the_ranking_and_where_the_files_are(folder):
    done = gclust("run", "study.toml", "-o", "my run", cwd=folder)
    assert done.returncode == 0, done.stderr.decode()
    out = done.stdout.decode()
    for word in ("Munich", "Augsburg", "Graz", "3 clusters", "map.png"):
        assert word in out
    # Where there is no terminal, only stages that take seconds are told.
    assert all(line.startswith(b"gclust: ") for line in done.stderr.splitlines())
    assert (folder / "my run" / "ranking.csv").is_file()
    again = gclust("run", "study.toml", "-o", "my run", cwd=folder)
    assert again.returncode == 2
    assert b"holds a run already" in again.stderr
    replaced = gclust("run", "study.toml", "-o", "my run", "--overwrite", cwd=folder)
    assert replaced.returncode == 0


@pytest.mark.parametrize(
    "env",
    [
        {"LC_ALL": "C"},
        {"PYTHONIOENCODING": "latin-1", "COLUMNS": "200"},
        {"PYTHONIOENCODING": "ascii", "COLUMNS": "40", "TZ": "Asia/Kathmandu"},
    ],
)
def test_odd_locales_and_widths(folder, env):
    done = gclust("run", "study.toml", "-o", "again", "--overwrite", cwd=folder, **env)
    assert done.returncode == 0, done.stderr.decode("utf-8", "replace")
    assert b"Munich" in done.stdout
    assert b"Traceback" not in done.stderr


def test_wrong_files_end_with_one_sentence_and_code_2(folder, tmp_path):
    (tmp_path / "bad.toml").write_text("[[sources]]\nkind = 'a'\npath = 'no.csv'\n")
    (tmp_path / "worse.toml").write_text("[sources\n")
    cases = {
        "bad.toml": "nothing found for kind 'a'",
        "worse.toml": "is not TOML",
        "nowhere.toml": "cannot be read: No such file",
    }
    for name, message in cases.items():
        done = gclust("run", name, "-o", "out", cwd=tmp_path)
        assert done.returncode == 2
        text = done.stderr.decode()
        assert text.startswith("gclust: ")
        assert message in text
        assert "Traceback" not in text
        assert not (tmp_path / "out").exists()


def test_help_and_version_are_quick_and_complete(tmp_path):
    done = gclust("--help", cwd=tmp_path)
    for command in ("demo", "run", "fetch"):
        assert command in done.stdout.decode()
    assert b"gclust, version" in gclust("--version", cwd=tmp_path).stdout
    assert gclust("demo", "mars", cwd=tmp_path).returncode == 2
    wrong = gclust("demo", "us", "--scale", "1", cwd=tmp_path)
    assert wrong.returncode == 2
    assert b"demo gii" in wrong.stderr


@pytest.mark.parametrize("scale", ["0", "-1", "nan", "0.0001"])
def test_a_scale_that_cannot_be_is_refused_before_anything_is_made(tmp_path, scale):
    done = gclust("demo", "--scale", scale, "-o", "out", cwd=tmp_path)
    assert done.returncode == 2
    assert b"expected 0.01 or more" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_demo_does_not_touch_a_folder_that_is_not_its_own(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years")
    done = gclust("demo", "-o", "mine", cwd=tmp_path)
    assert done.returncode == 2
    assert b"is not a demo's folder" in done.stderr
    assert [p.name for p in (tmp_path / "mine").iterdir()] == ["thesis.txt"]


def test_a_command_ends_at_once_when_all_is_written(tmp_path):
    """What others do at the end is done, but the memory is not taken apart."""
    code = (
        "import atexit, sys\n"
        "from gclust.__main__ import main\n"
        "class Held:\n"
        "    def __del__(self): print('taken apart')\n"
        "held = Held()\n"
        "def end(*_): print('at the end')\n"
        "import click\n"
        "click.echo = lambda *a, **k: atexit.register(end)\n"
        "main()\n"
    )
    for words, status in ((["indicators"], 0), (["indicators", "none"], 2), (["none"], 2)):
        done = subprocess.run(
            [sys.executable, "-c", code, *words],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            stdout=subprocess.PIPE,
            text=True,
            check=False,
        )
        assert (done.returncode, set(done.stdout.split("\n"))) == (status, {"at the end", ""})
