"""Work in the background: what is asked for at once, the rest of the surface while nobody asks."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from typing import Any

from gclust.errors import StudyError
from gclust.experiments.grid import Pair
from gclust.experiments.tune.outcome import Outcome, ParameterSet
from gclust.experiments.tune.session import Session

Deliver = Callable[[Outcome | Exception], Any]


class _SetAside(BaseException):
    """Raised within a piece of work that has to wait for a more urgent one.

    No Exception, for what an indicator raises is told as its fault.
    """


class Worker:
    """One thread that works on a bench.

    Of what one asker asked, only the last is answered. While nothing is asked, the figures of all
    pairs are found, then their rankings, those nearest to the last choice first; a question sets
    them aside.

    Parameters
    ----------
    bench : Bench
    tell : callable
        Called in the thread whenever the figures of a further choice are known.
    """

    def __init__(self, session: Session, tell: Callable[[], Any]) -> None:
        self._bench, self._tell = session, tell
        self._changed = threading.Condition()
        self._asked: dict[object, tuple[ParameterSet, Deliver]] = {}
        self._asker: object = None
        self._last = session.own
        self._failed: set[ParameterSet] = set()
        self._ranked: set[ParameterSet] = set()
        self._ended = False
        self._thread = threading.Thread(target=self._work, name="gclust-tune", daemon=True)

    def start(self) -> None:
        """Begin to work."""
        self._thread.start()

    def ask(self, asker: object, choice: ParameterSet, deliver: Deliver) -> None:
        """Ask for a choice in place of what was asked before and is not delivered yet.

        ``deliver`` is called in the thread, with the outcome or with what went wrong.
        """
        with self._changed:
            self._asked[asker], self._last = (choice, deliver), choice
            self._changed.notify()

    def end(self) -> None:
        """Stop, and wait until the thread has stopped."""
        with self._changed:
            self._ended = True
            self._changed.notify()
        self._thread.join()

    def _work(self) -> None:
        while not self._ended:
            with self._changed:
                left = None
                self._asker = next(iter(self._asked), None)
                if self._asker is None:
                    left = self._next()
                    if left is None and not self._ended:
                        self._changed.wait()
                asked = self._asked.pop(self._asker, None)
            try:
                if asked is not None:
                    self._answer(*asked)
                elif left is not None:
                    self._try(left)
            except _SetAside:
                continue

    def _answer(self, choice: ParameterSet, deliver: Deliver) -> None:
        try:
            if self._bench.is_awaited(choice):
                deliver(self._bench.draft(choice, self._yield))
                self._tell()
            outcome = self._bench.outcome(choice, self._yield)
        except _SetAside:
            raise
        except Exception as error:
            deliver(error)
        else:
            deliver(outcome)
            self._tell()

    def _try(self, choice: ParameterSet) -> None:
        try:
            if self._bench.known_figures(choice) is None:
                self._bench.figures(choice, self._yield)
            else:
                self._bench.outcome(choice, self._yield)
                self._ranked.add(choice)  # once: what was forgotten since is not done again
        except StudyError:  # told to whoever asks for this choice
            self._failed.add(choice)
        else:
            self._tell()

    def _yield(self, fraction: float, stage: str) -> None:  # noqa: ARG002
        if self._ended or (self._asked if self._asker is None else self._asker in self._asked):
            raise _SetAside

    def _next(self) -> ParameterSet | None:
        """What is to be tried next: figures first, then rankings, near the last choice first."""
        left = [c for c in map(self._last.at, self._bench.pairs) if c not in self._failed]
        unknown = [c for c in left if self._bench.known_figures(c) is None]
        return min(unknown or filter(self._is_to_rank, left), key=self._steps, default=None)

    def _is_to_rank(self, choice: ParameterSet) -> bool:
        done = choice in self._ranked or self._bench.is_ranked(choice)
        return not done and not self._bench.is_awaited(choice)

    def _steps(self, choice: ParameterSet) -> tuple[float, Pair]:
        away = math.log(choice.eps_km / self._last.eps_km) ** 2
        away += math.log(choice.min_samples / self._last.min_samples) ** 2
        return away, choice.pair
