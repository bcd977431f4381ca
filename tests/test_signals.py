"""Signals end commands as Ctrl-C does: at once, in one line, and without a trace."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.worlds import study_folder

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows has no such signals")

LONGEST_CPU_S, LONGEST_S = 6.0, 30.0
"""Seconds of the processor's time, which a busy machine hardly lengthens; and of the clock's. The
longest import, which is waited for, took 4 of them on a slow processor whose cores were shared."""

# Tells when a stage has begun, so that there is something to be interrupted.
CHILD = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored under some shells
signal.signal(signal.SIGHUP, signal.SIG_DFL)  # ignored under nohup
import gclust.progress
class Told:
    def __call__(self, fraction, stage):
        print(stage, flush=True)
gclust.progress.resolve = lambda progress: Told()
import gclust.pipeline.run
gclust.pipeline.run.resolve = gclust.progress.resolve
from gclust.cli import main
main(sys.argv[1:], prog_name="gclust")
"""


def started(folder, words, stage, **env):
    """Start a command, and wait until it has come to a stage."""
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, *words],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **env},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    for line in child.stdout:
        if line.startswith(stage):
            return child  # what else it tells fits into the pipe
    raise AssertionError(child.communicate()[1])


def ended(child, number):
    """Send a signal; return the processor's seconds until the end, the exit code, what was said."""
    before, sent = cpu_seconds(child.pid), time.monotonic()
    child.send_signal(number)
    errors = child.stderr.read()  # to its end, which is that of the process
    _, status, used = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    assert time.monotonic() - sent < LONGEST_S
    return used.ru_utime + used.ru_stime - before, child.returncode, errors


def cpu_seconds(pid):
    """What a process and its children have used of the processors' time; 0 where nobody tells."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return 0.0
    own = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return own + sum(map(cpu_seconds, children))


@pytest.mark.parametrize(
    ("stage", "name"),
    [
        ("read listings", "SIGTERM"),
        ("cluster locations", "SIGHUP"),
        ("draw the map", "SIGTERM"),
        ("draw the map", "SIGINT"),
    ],
)
def test_a_signal_ends_a_run_without_a_trace(tmp_path, stage, name):
    study_folder(tmp_path / "study")
    (tmp_path / "tmp").mkdir()
    before, number = sorted(tmp_path.rglob("*")), signal.Signals[name]
    child = started(
        tmp_path / "study",
        ["run", "study.toml", "-o", "new/run"],
        stage,
        TMPDIR=str(tmp_path / "tmp"),
    )
    took, code, said = ended(child, number)
    by = "Ctrl-C" if name == "SIGINT" else name
    assert (code, said) == (128 + number, f"gclust: stopped by {by}\n")
    assert sorted(tmp_path.rglob("*")) == before
    assert took < LONGEST_CPU_S


def test_a_second_signal_does_not_disturb_what_cleans_up(tmp_path):
    study_folder(tmp_path / "study")
    (tmp_path / "tmp").mkdir()
    before = sorted(tmp_path.rglob("*"))
    child = started(
        tmp_path / "study",
        ["run", "study.toml", "-o", "run"],
        "draw the map",
        TMPDIR=str(tmp_path / "tmp"),
    )
    for _ in range(50):
        child.send_signal(signal.SIGTERM)
    assert child.communicate(timeout=60)[1] == "gclust: stopped by SIGTERM\n"
    assert child.returncode == 128 + signal.SIGTERM
    assert sorted(tmp_path.rglob("*")) == before


def test_what_is_ignored_stays_ignored(tmp_path):
    """As under nohup."""
    study_folder(tmp_path)
    code = CHILD.replace("SIGHUP, signal.SIG_DFL)", "SIGHUP, signal.SIG_IGN)")
    child = subprocess.Popen(
        [sys.executable, "-c", code, "run", "study.toml", "-o", "run"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    for line in child.stdout:
        if line.startswith("draw the map"):
            break
    child.send_signal(signal.SIGHUP)
    assert child.communicate(timeout=60)[1] == ""
    assert child.returncode == 0
    assert (tmp_path / "run" / "run.json").is_file()


def test_signals_are_as_before_when_a_command_has_ended():
    from click.testing import CliRunner

    from gclust.cli import main

    before = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)]
    assert CliRunner().invoke(main, ["indicators", "count"]).exit_code == 0
    assert [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)] == before


def test_ctrl_c_answers_with_a_thousand_sources(tmp_path):
    study_folder(tmp_path / "study")
    (tmp_path / "tmp").mkdir()
    text = "".join(
        f'[[sources]]\nkind = "{kind}"\npath = "{kind}.csv"\n'
        for kind in ["patent", "publication"] * 500
    )
    (tmp_path / "study" / "study.toml").write_text(text)
    for wait in (1.0, 4.0):
        child = subprocess.Popen(
            [sys.executable, "-c", CHILD, "run", "study.toml", "-o", "run"],
            cwd=tmp_path / "study",
            env={
                **os.environ,
                "PYTHONPATH": os.pathsep.join(sys.path),
                "TMPDIR": str(tmp_path / "tmp"),
            },
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        while not any((tmp_path / "tmp").iterdir()):
            time.sleep(0.05)
        time.sleep(wait)
        took, code, said = ended(child, signal.SIGINT)
        assert (code, said) == (130, "gclust: stopped by Ctrl-C\n")
        assert list((tmp_path / "tmp").iterdir()) == []
        assert took < LONGEST_CPU_S
