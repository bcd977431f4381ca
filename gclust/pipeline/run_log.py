"""The log of a run: its warnings, the duration and memory of its stages, and its rasters."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from gclust.errors import StudyError, Warn, warn_user
from gclust.peak_memory import stage_memory
from gclust.progress import Report


@dataclass(frozen=True)
class LogPart:
    """The part of a run log that one stage has added.

    Attributes
    ----------
    messages : list of str
    warned : list of int
        Positions of the messages that were given to the user as warnings.
    seconds : dict
    peaks : dict
    """

    messages: list[str]
    warned: list[int]
    seconds: dict[str, float]
    peaks: dict[str, int | None] = field(default_factory=dict)


@dataclass
class RunLog:
    """The log of one run: warnings, duration of the stages, and rasters.

    Attributes
    ----------
    report : callable
        Called with ``(fraction, stage)``.
    strict : bool
        Whether suspicious input raises an error instead of a warning.
    give : callable
        Gives a warning to the user.
    messages : list of str
        The warnings so far, and messages that are written to ``run.json`` only.
    seconds : dict
        Duration of each stage in seconds.
    peaks : dict
        Peak memory of each stage in MB, None where it is not known; empty without ``measures``.
    measures : bool
        Whether the memory of stages is measured.
    started : datetime
        When this log began, in UTC.
    rasters : list of dict
        The bands and files used of rasters with several.
    resumed_after : str, optional
        The last stage of an earlier, stopped process whose result is used.
    """

    report: Report
    strict: bool
    give: Warn = warn_user
    messages: list[str] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)
    peaks: dict[str, int | None] = field(default_factory=dict)
    measures: bool = False
    started: datetime = field(default_factory=lambda: datetime.now(UTC))
    rasters: list[dict[str, Any]] = field(default_factory=list)
    resumed_after: str | None = None
    _warned: list[int] = field(default_factory=list)  # positions of messages

    @contextmanager
    def timed(self, name: str) -> Iterator[None]:
        """Report the start of a stage, and log its duration in seconds and its peak memory."""
        start = time.perf_counter()
        self.report(0.0, name)
        if self.measures:
            with stage_memory() as peak:
                yield
            self.peaks[name] = peak.mb
        else:
            yield
        self.report(1.0, name)
        self.seconds[name] = round(time.perf_counter() - start, 3)

    def warn(self, message: str) -> None:
        """Give a warning to the user, and log it."""
        self._warned.append(len(self.messages))
        self.messages.append(message)
        self.give(message)

    def warn_or_refuse(self, messages: list[str]) -> None:
        """Warn of suspicious listings or options, or refuse them if ``strict``.

        Raises
        ------
        StudyError
            If ``strict``.
        """
        if messages and self.strict:
            raise StudyError("[study] strict = true refuses: " + "; ".join(messages))
        for message in messages:
            self.warn(message)

    @contextmanager
    def part(self) -> Iterator[LogPart]:
        """Yield the part of the log that is added meanwhile; it is complete afterwards."""
        added, start, before = LogPart([], [], {}), len(self.messages), dict(self.seconds)
        yield added
        added.messages.extend(self.messages[start:])
        added.warned.extend(at - start for at in self._warned if at >= start)
        added.seconds.update(
            (name, took) for name, took in self.seconds.items() if before.get(name) != took
        )
        added.peaks.update((name, self.peaks[name]) for name in added.seconds if name in self.peaks)

    def replay(self, part: LogPart) -> None:
        """Add a part of another process's log, and give its warnings again."""
        for at, message in enumerate(part.messages):
            if at in part.warned:
                self.warn(message)
            else:
                self.messages.append(message)
        self.seconds.update(part.seconds)
        self.peaks.update(part.peaks)
