"""The log of a run: its warnings, the seconds of its stages, and the rasters that it used."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from gclust.errors import StudyError, Warn, warn_user
from gclust.progress import Report


@dataclass
class RunLog:
    """The log of one run.

    Attributes
    ----------
    report : callable
        Called with ``(fraction, stage)``.
    strict : bool
        Whether what looks wrong is refused instead of warned of.
    give : callable
        Gives a warning to the user.
    messages : list of str
        The warnings so far, and the messages that ``run.json`` alone holds.
    seconds : dict
        Stage -> seconds that it took.
    rasters : list of dict
        What was used of rasters that have several bands or files.
    """

    report: Report
    strict: bool
    give: Warn = warn_user
    messages: list[str] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)
    rasters: list[dict[str, Any]] = field(default_factory=list)

    @contextmanager
    def timed(self, name: str) -> Iterator[None]:
        """Announce a stage, and log the seconds that it takes."""
        start = time.perf_counter()
        self.report(0.0, name)
        yield
        self.report(1.0, name)
        self.seconds[name] = round(time.perf_counter() - start, 3)

    def warn(self, message: str) -> None:
        """Give a warning, and log it."""
        self.messages.append(message)
        self.give(message)

    def warn_or_refuse(self, messages: list[str]) -> None:
        """Warn of what looks wrong in the listings or the study.

        Raises
        ------
        StudyError
            If ``strict``.
        """
        if messages and self.strict:
            raise StudyError("strict = true refuses: " + "; ".join(messages))
        for message in messages:
            self.warn(message)
