"""Progress: what True, None and a callable mean, and what a terminal shows."""

from __future__ import annotations

import io

import pytest

from gclust.progress import TerminalProgress, resolve, silent, stage


def test_what_progress_may_be():
    def mine(fraction, stage):
        pass

    assert resolve(None) is silent
    assert resolve(False) is silent
    assert resolve(mine) is mine
    with pytest.raises(TypeError, match="progress must be"):
        resolve("yes")


def test_true_is_quiet_without_a_terminal(monkeypatch):
    monkeypatch.setattr("sys.stderr", io.StringIO())
    assert resolve(True) is silent


def test_a_stage_begins_at_0_and_ends_at_1():
    told = []
    with stage(lambda fraction, name: told.append((fraction, name)), "fold") as report:
        report(0.5)
        report(7)
    assert told == [(0.0, "fold"), (0.5, "fold"), (1.0, "fold"), (1.0, "fold")]


def test_a_terminal_shows_stage_share_and_time():
    stream = io.StringIO()
    bar = TerminalProgress(stream, least_seconds=0.0)
    bar(0.0, "fold listings")
    bar(1.0, "fold listings")
    shown = stream.getvalue().split("\r\x1b[K")
    assert shown[1].startswith("fold listings")
    assert "  0 %" in shown[1]
    assert "[####################] 100 %" in shown[-1]
    assert shown[-1].endswith(" s\n")


def test_quick_stages_leave_no_line():
    stream = io.StringIO()
    bar = TerminalProgress(stream, least_seconds=60.0)
    bar(0.0, "fold listings")
    bar(1.0, "fold listings")
    assert "\n" not in stream.getvalue()
    assert stream.getvalue().endswith("\x1b[K")
