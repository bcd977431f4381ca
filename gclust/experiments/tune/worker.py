"""Background thread of the tuner: computes requests first, then the rest of the grid."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from contextvars import copy_context
from typing import Any

from gclust.errors import StudyError
from gclust.experiments.grid import Pair
from gclust.experiments.tune.outcome import Outcome, ParameterSet
from gclust.experiments.tune.session import Session

Deliver = Callable[[Outcome | Exception], Any]


class _Preempted(BaseException):
    """Signal that ends current work because more urgent work has come.

    It is not an Exception, because an Exception is treated as a fault of an indicator.
    """


class Worker:
    """Thread that computes the outcomes of a session.

    Only the last request of each client is answered. While there is no request, the thread
    computes the figures of all pairs, then their rankings, nearest to the last request first; a
    request preempts this. The thread calls ``notify`` whenever new figures are ready.
    """

    def __init__(self, session: Session, notify: Callable[[], Any]) -> None:
        self._session, self._notify = session, notify
        self._changed = threading.Condition()
        self._requests: dict[object, tuple[ParameterSet, Deliver]] = {}
        self._client: object = None
        self._last = session.own
        self._failed: set[ParameterSet] = set()
        self._ranked: set[ParameterSet] = set()
        self._ended = False
        self._thread = threading.Thread(
            target=copy_context().run, args=(self._work,), name="gclust-tune", daemon=True
        )

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def request(self, client: object, parameters: ParameterSet, deliver: Deliver) -> None:
        """Request an outcome, and drop the client's requests that are not answered yet.

        ``deliver`` is called in the thread, with the outcome or with the exception.
        """
        with self._changed:
            self._requests[client], self._last = (parameters, deliver), parameters
            self._changed.notify()

    def end(self) -> None:
        """Stop the thread, and wait until it has stopped."""
        with self._changed:
            self._ended = True
            self._changed.notify()
        self._thread.join()

    def _work(self) -> None:
        while not self._ended:
            with self._changed:
                left = None
                self._client = next(iter(self._requests), None)
                if self._client is None:
                    left = self._next()
                    if left is None and not self._ended:
                        self._changed.wait()
                request = self._requests.pop(self._client, None)
            try:
                if request is not None:
                    self._answer(*request)
                elif left is not None:
                    self._try(left)
            except _Preempted:
                continue

    def _answer(self, parameters: ParameterSet, deliver: Deliver) -> None:
        try:
            if self._session.is_pending(parameters):
                deliver(self._session.draft(parameters, self._check))
                self._notify()
            outcome = self._session.outcome(parameters, self._check)
        except _Preempted:
            raise
        except Exception as error:
            deliver(error)
        else:
            deliver(outcome)
            self._notify()

    def _try(self, parameters: ParameterSet) -> None:
        try:
            if self._session.known_figures(parameters) is None:
                self._session.figures(parameters, self._check)
            else:
                self._session.outcome(parameters, self._check)
                self._ranked.add(parameters)  # once: outcomes dropped since are not recomputed
        except StudyError:  # delivered to whoever requests these parameters
            self._failed.add(parameters)
        else:
            self._notify()

    def _check(self, fraction: float, stage: str) -> None:  # noqa: ARG002
        """Raise _Preempted if there is more urgent work; passed as the progress callback."""
        no_client = self._client is None
        if self._ended or (self._requests if no_client else self._client in self._requests):
            raise _Preempted

    def _next(self) -> ParameterSet | None:
        """Return what to compute next: figures, then rankings, near the last request first."""
        left = [p for p in map(self._last.at, self._session.pairs) if p not in self._failed]
        unknown = [p for p in left if self._session.known_figures(p) is None]
        return min(unknown or filter(self._is_to_rank, left), key=self._steps, default=None)

    def _is_to_rank(self, parameters: ParameterSet) -> bool:
        done = parameters in self._ranked or self._session.is_ranked(parameters)
        return not done and not self._session.is_pending(parameters)

    def _steps(self, parameters: ParameterSet) -> tuple[float, Pair]:
        away = math.log(parameters.eps_km / self._last.eps_km) ** 2
        away += math.log(parameters.min_samples / self._last.min_samples) ** 2
        return away, parameters.pair
