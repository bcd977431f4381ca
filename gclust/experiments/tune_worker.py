"""Work in the background: what is asked for at once, the rest of the surface while nobody asks."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from typing import Any

from gclust.experiments.pairs import Pair
from gclust.experiments.tune_bench import Bench
from gclust.experiments.tune_outcome import Choice, Outcome

Deliver = Callable[[Outcome | Exception], Any]


class _SetAside(Exception):  # noqa: N818
    """Raised within a piece of work that has to wait for a more urgent one."""


class Worker:
    """One thread that works on a bench.

    What was asked for last comes first. While nothing is asked, pairs are tried that were not,
    those nearest to the last choice first; a question sets them aside at once.

    Parameters
    ----------
    bench : Bench
    tell : callable
        Called in the thread whenever the figures of a further choice are known.
    """

    def __init__(self, bench: Bench, tell: Callable[[Choice], Any]) -> None:
        self._bench, self._tell = bench, tell
        self._changed = threading.Condition()
        self._asked: tuple[Choice, Deliver] | None = None
        self._last = bench.own
        self._ended = False
        self._thread = threading.Thread(target=self._work, name="gclust-tune", daemon=True)

    def start(self) -> None:
        """Begin to work."""
        self._thread.start()

    def ask(self, choice: Choice, deliver: Deliver) -> None:
        """Ask for a choice in place of what was asked before and is not delivered yet.

        ``deliver`` is called in the thread, with the outcome or with what went wrong.
        """
        with self._changed:
            self._asked, self._last = (choice, deliver), choice
            self._changed.notify()

    def end(self) -> None:
        """Stop, and wait until the thread has stopped."""
        with self._changed:
            self._ended = True
            self._changed.notify()
        self._thread.join()

    def _work(self) -> None:
        while True:
            with self._changed:
                while not self._ended and self._asked is None and self._next() is None:
                    self._changed.wait()
                if self._ended:
                    return
                asked, self._asked = self._asked, None
                left = self._next()
            try:
                if asked is not None:
                    self._answer(*asked)
                elif left is not None:
                    self._bench.figures(left, self._yield)
                    self._tell(left)
            except _SetAside:
                continue

    def _answer(self, choice: Choice, deliver: Deliver) -> None:
        try:
            outcome = self._bench.outcome(choice, self._yield)
        except _SetAside:
            raise
        except Exception as error:
            deliver(error)
            return
        deliver(outcome)
        self._tell(choice)

    def _yield(self, fraction: float, stage: str) -> None:  # noqa: ARG002
        if self._ended or self._asked is not None:
            raise _SetAside

    def _next(self) -> Choice | None:
        """The pair nearest to the last choice that was not tried."""
        left = [
            choice
            for choice in map(self._last.at, self._bench.pairs)
            if self._bench.known_figures(choice) is None
        ]
        return min(left, key=self._steps, default=None)

    def _steps(self, choice: Choice) -> tuple[float, Pair]:
        away = math.log(choice.eps_km / self._last.eps_km) ** 2
        away += math.log(choice.min_samples / self._last.min_samples) ** 2
        return away, choice.pair
