"""Progress reports: the argument ``progress=`` takes True or a callable.

The callable is called as ``progress(fraction, stage)`` with the fraction of the
stage that is done, from 0 to 1, and the stage's name.
"""

from __future__ import annotations

import html
import math
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TextIO

from gclust.escapes import visible

Report = Callable[[float, str], None]

ESTIMATED_AFTER = 10.0
"""Seconds that are measured before the time that is left of a stage is estimated."""
LEAST_FRACTION, SURE_AFTER = 0.02, 60.0
"""Part of a stage that must be done in what is measured, unless it is as many seconds."""
LINE_EVERY, SELDOM, OFTEN_SECONDS = 5.0, 30.0, 60.0
"""Seconds between the lines of a stage in a log, in its first `OFTEN_SECONDS` and after them."""
NOTEBOOK_EVERY = 0.25
"""Seconds between two states of a bar in a notebook."""
SMOOTHED_OVER = 15.0
"""Seconds over which the estimated end of a stage is smoothed."""


def silent(fraction: float, stage: str) -> None:
    """Report nothing."""


def resolve(progress: bool | Report | None) -> Report:
    """Return a callable for the user's ``progress=`` argument.

    None and False report nothing; True draws a bar in a terminal and in a notebook, and writes
    lines on stderr elsewhere, such as in a log; a callable is called with ``(fraction, stage)``.
    Raises TypeError for anything else.
    """
    if progress is None or progress is False:
        return silent
    if progress is True:
        if sys.stderr.isatty():
            return TerminalProgress(sys.stderr)
        return NotebookProgress() if in_notebook() else LogProgress(sys.stderr)
    if callable(progress):
        return progress
    raise TypeError(f"progress must be True, False, None or a callable, not {progress!r}")


@contextmanager
def stage(report: Report, name: str) -> Iterator[Callable[[float], None]]:
    """Report the start and end of a stage; yield a function that reports the fraction done."""
    report(0.0, name)
    yield lambda fraction: report(min(max(fraction, 0.0), 1.0), name)
    report(1.0, name)


def note(report: Report, text: str) -> None:
    """Report a line of text that is no stage: it stays shown, a callable gets it at 1.0."""
    if isinstance(report, (TerminalProgress, NotebookProgress, LogProgress)):
        report.note(text)
    else:
        report(1.0, text)


class TimeLeft:
    """Estimate of how long a stage takes yet, from the fractions done that it reports.

    Measured is what comes after the first piece of the work: that piece includes what is done
    once, such as compiled kernels, and would make the rest seem several times as long. What the
    last report alone would say moves the estimate a little, so that it never jumps.
    """

    def __init__(self) -> None:
        self._first: tuple[float, float] | None = None
        self._end: float | None = None
        self._last = 0.0

    def __call__(self, took: float, fraction: float) -> float | None:
        """Return the seconds left, None if it is too early to say.

        ``took`` are the seconds since the stage began, at which ``fraction`` of it is done.
        """
        if not 0.0 < fraction < 1.0:
            return None
        if self._first is None:
            self._first = took, fraction
        measured, done = took - self._first[0], fraction - self._first[1]
        if measured < ESTIMATED_AFTER or done <= 0.0:
            return None
        if done < LEAST_FRACTION and measured < SURE_AFTER:
            return None
        end = took + measured / done * (1.0 - fraction)
        if self._end is None:
            self._end = end
        else:
            self._end += (end - self._end) * (1.0 - math.exp((self._last - took) / SMOOTHED_OVER))
        self._last = took
        return max(self._end - took, 0.0)


def shown_duration(seconds: float) -> str:
    """Return a duration as short text, rounded up, as exact as an estimate is.

    Examples
    --------
    >>> shown_duration(12), shown_duration(200), shown_duration(5000)
    ('15 s', '4 min', '1 h 24 min')
    """
    if seconds <= 55:
        return f"{5 * max(math.ceil(seconds / 5), 1)} s"
    minutes = math.ceil(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def in_notebook() -> bool:
    """Return whether this process is the kernel of a notebook, which shows HTML."""
    if "ipykernel" not in sys.modules or "IPython" not in sys.modules:
        return False
    shell = sys.modules["IPython"].get_ipython()
    return shell is not None and hasattr(shell, "kernel")


class LogProgress:
    """Progress as lines of text, for logs: of stages that take long, every few seconds.

    The first line of a stage comes after ``every`` seconds, further ones at such intervals, which
    grow to `SELDOM` seconds in the course of a minute; a last one at its end. Stages that take
    less time have none.
    """

    def __init__(self, stream: TextIO, every: float = LINE_EVERY) -> None:
        self.stream, self.every = stream, every
        self._stage = ""
        self._start = self._written = 0.0
        self._lines = 0
        self._time_left = TimeLeft()

    def __call__(self, fraction: float, stage: str) -> None:
        """Report ``fraction`` of ``stage`` as done."""
        now = time.monotonic()
        if stage != self._stage:
            self._stage, self._start, self._written, self._lines = stage, now, now, 0
            self._time_left = TimeLeft()
        took = now - self._start
        left = self._time_left(took, fraction)
        if fraction >= 1.0:
            if self._lines:
                self.note(f"{stage}: done, {took:.0f} s")
            self._stage = ""
        elif now - self._written >= (self.every if took < OFTEN_SECONDS else SELDOM):
            self._written = now
            self._lines += 1
            rest = "" if left is None else f", {shown_duration(left)} left"
            self.note(f"{stage}: {100 * fraction:.0f} %, {took:.0f} s{rest}")

    def note(self, text: str) -> None:
        """Write a line of text."""
        self.stream.write(f"gclust: {visible(text)}\n")
        self.stream.flush()


class NotebookProgress:
    """Progress bar below a notebook's cell: a line per stage that takes a second or more.

    It needs no widgets; where a notebook's output is shown as text, so is the bar.
    """

    def __init__(self, least_seconds: float = 1.0) -> None:
        self.least_seconds = least_seconds
        self._done: list[tuple[str, float, float, float | None]] = []
        self._stage = ""
        self._start = self._drawn = 0.0
        self._handle: Any = None
        self._time_left = TimeLeft()

    def __call__(self, fraction: float, stage: str) -> None:
        """Report ``fraction`` of ``stage`` as done."""
        now = time.monotonic()
        if stage != self._stage:
            self._stage, self._start, self._drawn = stage, now, now
            self._time_left = TimeLeft()
        took = now - self._start
        left = self._time_left(took, fraction)
        if fraction >= 1.0:
            if took >= self.least_seconds:
                self._done.append((stage, 1.0, took, None))
                self._show(self._done)
            elif self._handle is not None:
                self._show(self._done)
            self._stage = ""
        elif now - self._drawn >= NOTEBOOK_EVERY:
            self._drawn = now
            self._show([*self._done, (stage, fraction, took, left)])

    def note(self, text: str) -> None:
        """Show a line of text that stays."""
        self._done.append((text, -1.0, 0.0, None))
        self._show(self._done)

    def _show(self, lines: list[tuple[str, float, float, float | None]]) -> None:
        display: Any = sys.modules["IPython"].display
        bundle = {
            "text/plain": "\n".join(_progress_text(*line) for line in lines),
            "text/html": "".join(_progress_html(*line) for line in lines),
        }
        if self._handle is None:
            self._handle = display.DisplayHandle()
            self._handle.display(bundle, raw=True)
        else:
            self._handle.update(bundle, raw=True)


def _progress_text(stage: str, fraction: float, took: float, left: float | None) -> str:
    if fraction < 0.0:
        return visible(stage)
    rest = "" if left is None else f", {shown_duration(left)} left"
    return f"{visible(stage)}: {100 * fraction:.0f} %, {took:.1f} s{rest}"


def _progress_html(stage: str, fraction: float, took: float, left: float | None) -> str:
    text = html.escape(_progress_text(stage, fraction, took, left))
    bar = "" if fraction < 0.0 else f"<progress max='1' value='{fraction:.3f}'></progress> "
    return f"<div style='font-family:sans-serif;font-size:small'>{bar}{text}</div>"


class TerminalProgress:
    """Progress bar in a terminal: a line per stage with name, bar, per cent done and time taken.

    A stage that takes long also shows how long it may take yet. The line of a
    stage that takes less than ``least_seconds`` is erased when the stage ends.
    """

    def __init__(self, stream: TextIO, least_seconds: float = 1.0) -> None:
        self.stream = stream
        self.least_seconds = least_seconds
        self._stage = ""
        self._start = 0.0
        self._drawn = 0.0
        self._time_left = TimeLeft()

    def __call__(self, fraction: float, stage: str) -> None:
        """Report ``fraction`` of ``stage`` as done."""
        now = time.monotonic()
        if stage != self._stage:
            self._stage, self._start, self._drawn = stage, now, 0.0
            self._time_left = TimeLeft()
        took = now - self._start
        if fraction < 1.0 and now - self._drawn < 0.1:
            return
        self._drawn = now
        left = self._time_left(took, fraction)
        width = 20 if left is None else 10  # a line has room for 80 letters
        filled = round(width * fraction)
        bar = "#" * filled + "." * (width - filled)
        line = f"{visible(stage)[:34]:<34} [{bar}] {100 * fraction:3.0f} % {took:6.1f} s"
        if fraction < 1.0:
            self._write(line if left is None else f"{line}, {shown_duration(left)} left")
            return
        self._write(line + "\n" if took >= self.least_seconds else "")
        self._stage = ""

    def note(self, text: str) -> None:
        """Write a line of text that stays."""
        self._write(visible(text) + "\n")
        self._stage = ""

    def _write(self, text: str) -> None:
        self.stream.write("\r\x1b[K" + text)
        self.stream.flush()
