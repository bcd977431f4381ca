"""Progress: what True, None and a callable mean, and what a terminal shows."""

from __future__ import annotations

import io
from types import SimpleNamespace

import numpy as np
import pytest

from gclust.experiments.uncertainty import draws
from gclust.progress import (
    LogProgress,
    TerminalProgress,
    TimeLeft,
    resolve,
    shown_duration,
    silent,
    stage,
)


def test_what_progress_may_be():
    def mine(fraction, stage):
        pass

    assert resolve(None) is silent
    assert resolve(False) is silent
    assert resolve(mine) is mine
    with pytest.raises(TypeError, match="progress must be"):
        resolve("yes")


def test_true_writes_lines_without_a_terminal(monkeypatch):
    monkeypatch.setattr("sys.stderr", io.StringIO())
    assert isinstance(resolve(True), LogProgress)


def test_a_log_has_a_line_every_few_seconds_of_a_long_stage(monkeypatch):
    stream, clock = io.StringIO(), iter([0, 1, 6, 8, 12, 15, 80, 100, 120, 130, 140])
    monkeypatch.setattr("gclust.progress.time.monotonic", lambda: float(next(clock)))
    log = LogProgress(stream)
    log(0.0, "read\nlistings")
    log(0.1, "read\nlistings")
    log(0.2, "read\nlistings")  # 6 s: the first line
    log(0.3, "read\nlistings")  # 2 s later: none
    log(0.5, "read\nlistings")
    log(1.0, "read\nlistings")
    log(0.0, "cluster")  # 80 s
    log(0.2, "cluster")
    log(0.4, "cluster")
    log(1.0, "cluster")
    log.note("a note")
    assert stream.getvalue().splitlines() == [
        "gclust: read\\nlistings: 20 %, 6 s",
        "gclust: read\\nlistings: 50 %, 12 s, 15 s left",
        "gclust: read\\nlistings: done, 15 s",
        "gclust: cluster: 20 %, 20 s",
        "gclust: cluster: 40 %, 40 s, 1 min left",
        "gclust: cluster: done, 50 s",
        "gclust: a note",
    ]


def test_a_log_has_fewer_lines_later_and_none_of_quick_stages(monkeypatch):
    stream, clock = io.StringIO(), [0.0]
    monkeypatch.setattr("gclust.progress.time.monotonic", lambda: clock[0])
    log = LogProgress(stream)
    for second in range(301):
        clock[0] = float(second)
        log(second / 400, "cluster")
    lines = stream.getvalue().splitlines()
    assert len(lines) == 11 + 8  # every 5 s of the first minute, then every 30 s
    log(1.0, "cluster")
    clock[0] += 1
    log(0.0, "quick")
    clock[0] += 4
    log(1.0, "quick")
    assert "quick" not in stream.getvalue()


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


def test_time_left_is_said_after_ten_seconds_and_two_per_cent():
    left = TimeLeft()
    assert left(0.0, 0.0) is None
    assert left(1.0, 0.01) is None
    assert left(10.9, 0.5) is None
    assert left(12.0, 0.025) is None
    assert left(21.0, 0.21) == pytest.approx(79.0)
    assert left(22.0, 1.0) is None
    slow = TimeLeft()
    assert slow(50.0, 0.001) is None
    assert slow(109.0, 0.002) is None
    assert slow(110.0, 0.002) == pytest.approx(60.0 * 998)


def test_what_is_done_once_does_not_count_for_the_rest():
    """The first of a hundred pieces compiles kernels for a minute; each takes half a second."""
    left = TimeLeft()
    said = {piece: left(60.0 + piece / 2, piece / 100) for piece in range(1, 100)}
    assert not any(said[piece] for piece in range(1, 21))
    for piece in range(21, 100):
        assert said[piece] == pytest.approx((100 - piece) / 2)


def test_an_odd_report_moves_the_time_left_a_little():
    left = TimeLeft()
    assert left(0.5, 0.005) is None
    for second in range(11, 40):
        assert left(second, second / 100) == pytest.approx(100 - second)
    # A stage that seems to go back to 5 % would take 800 s by this report alone.
    assert 61 < left(40.0, 0.05) < 130
    steady = [left(second, second / 100) for second in range(41, 95)]
    assert max(np.abs(np.diff(steady))) < 6
    assert steady[-1] == pytest.approx(6.0, abs=2.0)


def test_time_left_is_never_below_zero():
    left = TimeLeft()
    left(10.0, 0.9)
    assert left(300.0, 0.95) >= 0.0
    assert left(301.0, 0.99) >= 0.0
    assert left(302.0, 0.9) is None  # as if nothing was done


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "5 s"), (52, "55 s"), (56, "1 min"), (61, "2 min"), (3541, "1 h 0 min")],
)
def test_durations_are_as_exact_as_estimates(seconds, text):
    assert shown_duration(seconds) == text


def test_a_terminal_shows_the_time_left_of_a_long_stage(monkeypatch):
    stream, clock = io.StringIO(), iter([100.0, 110.0, 130.0, 160.0])
    monkeypatch.setattr("gclust.progress.time.monotonic", lambda: next(clock))
    bar = TerminalProgress(stream)
    bar(0.0, "read listings")
    bar(0.05, "read listings")
    bar(0.25, "read listings")
    bar(1.0, "read listings")
    shown = stream.getvalue().split("\r\x1b[K")
    assert shown[3].endswith("[##........]  25 %   30.0 s, 2 min left")
    assert len(shown[3]) < 80
    assert "left" not in shown[4]


@pytest.mark.parametrize(("seconds", "warned"), [(2.0, True), (0.5, False)])
def test_slow_draws_are_warned_of_by_what_they_take_and_not_by_the_first(
    monkeypatch, seconds, warned
):
    """The first draw compiles kernels for 100 s; of a hundred others each takes ``seconds``."""
    clock, stages = [0.0], set()
    monkeypatch.setattr(draws.time, "perf_counter", lambda: clock[0])
    said = []
    monkeypatch.setattr(draws, "warn_user", said.append)
    inputs = SimpleNamespace(
        scorer=SimpleNamespace(columns=SimpleNamespace(further=("patent_hhi",))),
        report=lambda fraction, name: stages.add(name),
    )
    for number in draws.BootstrapInputs.with_progress(inputs, list(range(101)), "draw"):
        clock[0] += 100.0 if number == 0 else seconds
    assert stages == {"draw (patent_hhi in each)"}
    whole = "101 draws recompute patent_hhi, which will take about 4 min more; fewer draws take"
    assert [each.startswith(whole) for each in said] == [True] * warned
