"""Loops over chunks of items on several threads; Ctrl-C can stop them between chunks."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from threading import Thread, local
from typing import Any

import numpy as np
from numpy.typing import NDArray

WAIT_SECONDS = 2e-4
"""Seconds between checks whether the other threads have finished their last chunks."""

LEAVE_SECONDS = 5.0
"""Longest wait for work on another thread whose block was left by an exception. It may wait for
a lock that the exception keeps held: an interrupted import can hold that of all imports."""

_work = local()


def even_chunks(n: int, size: int) -> NDArray[np.int64]:
    """Return the bounds of chunks of ``size`` items out of ``n``; the last may be shorter."""
    return np.append(np.arange(0, n, size), n)


def balanced_chunks(start: NDArray[np.int64], size: int) -> NDArray[np.int64]:
    """Divide items of several points each into chunks of about ``size`` points; return the bounds.

    ``start`` has the first point of each item, and last the end of the last item. The bounds are
    increasing item numbers from 0 to n_items; two consecutive ones bound a chunk.
    """
    n_items = len(start) - 1
    if n_items == 0:
        return np.zeros(1, dtype=np.int64)
    marks = np.arange(start[0], start[-1], size)
    inner = np.searchsorted(start[:-1], marks)
    return np.unique(np.concatenate([[0], inner, [n_items]]))


def unreported(share: float) -> None:
    """Do nothing: the default ``report`` of functions that report progress."""


def parallel_for(
    chunks: NDArray[np.int64],
    threads: int,
    work: Callable[..., None],
    *args: Any,
    report: Callable[[float], None] = unreported,
) -> None:
    """Call ``work(*args, first, last)`` for every chunk of items, on several threads.

    The calling thread also works on chunks and reports the share done. After an exception or
    Ctrl-C it waits only for the chunks that are running.

    ``chunks`` increase; two consecutive ones are ``first`` and ``last`` (excluded) of a chunk. With
    one thread they are done in order; otherwise they must not depend on each other. ``work``
    releases the GIL, so that threads run side by side.

    Examples
    --------
    >>> squares = np.zeros(5)
    >>> def fill(values, first, last):
    ...     values[first:last] = np.arange(first, last) ** 2
    >>> parallel_for(even_chunks(5, 2), 2, fill, squares)
    >>> squares
    array([ 0.,  1.,  4.,  9., 16.])
    """
    bounds = list(zip(chunks[:-1].tolist(), chunks[1:].tolist(), strict=True))
    numbers = count()  # its next() is atomic: each chunk is taken once
    done: list[None] = []
    failed: list[BaseException] = []
    begun: list[None] = []
    ended: list[None] = []

    def help_out() -> None:
        begun.append(None)
        try:
            for number in numbers:
                if number >= len(bounds) or failed:
                    return
                work(*args, *bounds[number])
                done.append(None)
        except BaseException as error:
            failed.append(error)
        finally:
            ended.append(None)

    # No locks, pools or joins: a Ctrl-C that meets the calling thread inside of one can
    # leave it held, and the process would hang.
    try:
        for _ in range(min(threads, len(bounds)) - 1):
            Thread(target=help_out, daemon=True).start()
        for number in numbers:
            if number >= len(bounds) or failed:
                break
            work(*args, *bounds[number])
            done.append(None)
            report(len(done) / len(bounds))
        while len(ended) < min(threads, len(bounds)) - 1:
            time.sleep(WAIT_SECONDS)
    except BaseException as error:
        failed.append(error)
        while len(ended) < len(begun):
            time.sleep(WAIT_SECONDS)
        raise
    if failed:
        raise failed[0]
    report(1.0)


@contextmanager
def meanwhile(work: Callable[[], None]) -> Iterator[Callable[[], None]]:
    """Do ``work`` on another thread while the block runs; the block ends when both have ended.

    Yields a function that waits for the end of the work. It raises the error of the work, as does
    the end of the block unless the block itself raises one. Then the work is ended at its next
    `end_if_left`, and `LEAVE_SECONDS` later the block ends without it.

    Examples
    --------
    >>> done = []
    >>> with meanwhile(lambda: done.append("other thread")) as wait:
    ...     wait()
    >>> done
    ['other thread']
    """
    ended: list[None] = []
    failed: list[BaseException] = []
    left: list[None] = []

    def call() -> None:
        _work.left = left
        try:
            work()
        except BaseException as error:
            failed.append(error)
        finally:
            ended.append(None)

    def wait() -> None:
        while not ended:
            time.sleep(WAIT_SECONDS)
        if failed:
            raise failed[0]

    Thread(target=call, daemon=True).start()
    try:
        yield wait
    except BaseException:
        left.append(None)
        latest = time.monotonic() + LEAVE_SECONDS
        # Not a join: see `parallel_for`.
        while not ended and time.monotonic() < latest:
            time.sleep(WAIT_SECONDS)
        raise
    wait()


class Left(BaseException):
    """End of work whose block was left by an exception."""


def end_if_left() -> None:
    """Raise `Left` in work of `meanwhile` whose block was left by an exception.

    Long work calls it between its steps, so that Ctrl-C need not wait for its end.
    """
    if getattr(_work, "left", None):
        raise Left
