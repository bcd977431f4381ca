"""What a run notes while it goes on: the stages' times, and what looked wrong."""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from gclust.errors import GclustWarning, StudyError
from gclust.progress import Report


@dataclass
class RunLog:
    """The notes of one run.

    Attributes
    ----------
    report : callable
        Called with ``(fraction, stage)``.
    strict : bool
        Whether what looks wrong is refused instead of warned of.
    told : list of str
        The warnings so far.
    seconds : dict
        Stage -> seconds that it took.
    rasters : list of dict
        What was used of rasters that have several bands or files.
    """

    report: Report
    strict: bool
    told: list[str] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)
    rasters: list[dict[str, Any]] = field(default_factory=list)

    @contextmanager
    def timed(self, name: str) -> Iterator[None]:
        """Announce a stage, and note the seconds that it takes."""
        start = time.perf_counter()
        self.report(0.0, name)
        yield
        self.report(1.0, name)
        self.seconds[name] = round(time.perf_counter() - start, 3)

    def warn(self, messages: list[str]) -> None:
        """Warn of what looks wrong.

        Raises
        ------
        StudyError
            If ``strict``.
        """
        if messages and self.strict:
            raise StudyError("strict = true refuses: " + "; ".join(messages))
        for message in messages:
            self.told.append(message)
            warnings.warn(message, GclustWarning, stacklevel=5)

    @contextmanager
    def capturing_warnings(self) -> Iterator[None]:
        """Note the warnings that lower floors give, and pass them on."""
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", GclustWarning)
            yield
        for warning in caught:
            if issubclass(warning.category, GclustWarning):
                self.told.append(str(warning.message))
            warnings.warn(warning.message, stacklevel=5)
