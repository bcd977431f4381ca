"""Long work in short pieces on several threads, interruptible between them."""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import count
from threading import Thread

import numpy as np
from numpy.typing import NDArray

WAIT_SECONDS = 2e-4
"""Between looks at whether the other threads have ended their last pieces."""


def cut_evenly(ends: NDArray[np.int64], size: int) -> NDArray[np.int64]:
    """Cut a list of items into runs of about ``size`` points.

    Parameters
    ----------
    ends : ndarray of int64, shape (n_items + 1,)
        Point at which each item starts; the last entry is where the last one ends.
    size : int
        Points wanted in a run.

    Returns
    -------
    ndarray of int64
        Increasing item numbers from 0 to n_items; runs lie between neighbours.
    """
    n_items = len(ends) - 1
    if n_items == 0:
        return np.zeros(1, dtype=np.int64)
    marks = np.arange(ends[0], ends[-1], size)
    inner = np.searchsorted(ends[:-1], marks)
    return np.unique(np.concatenate([[0], inner, [n_items]]))


def even_cuts(n: int, size: int) -> NDArray[np.int64]:
    """Cut ``n`` items into runs of ``size``, the last one shorter."""
    return np.append(np.arange(0, n, size), n)


def unreported(share: float) -> None:
    """Take the place of a report of progress."""


def run_pieces(
    work: Callable[[int, int], None],
    cuts: NDArray[np.int64],
    threads: int,
    report: Callable[[float], None],
) -> None:
    """Call ``work(start, stop)`` for every two neighbouring cuts.

    The pieces must not depend on each other unless ``threads`` is 1, which keeps
    their order. The calling thread takes pieces too, reports the share done and, after an exception
    or Ctrl-C, waits only for the pieces that are running.

    Parameters
    ----------
    work : callable
        Releases the GIL, so that threads run side by side.
    cuts : ndarray of int64
        Increasing; neighbours bound one piece.
    threads : int
        Number of threads.
    report : callable
        Called with the share of pieces done.
    """
    pieces = list(zip(cuts[:-1].tolist(), cuts[1:].tolist(), strict=True))
    numbers = count()  # its next() is atomic: each piece is taken once
    done: list[None] = []
    failed: list[BaseException] = []
    begun: list[None] = []
    ended: list[None] = []

    def help_out() -> None:
        begun.append(None)
        try:
            for number in numbers:
                if number >= len(pieces) or failed:
                    return
                work(*pieces[number])
                done.append(None)
        except BaseException as error:
            failed.append(error)
        finally:
            ended.append(None)

    # No locks, pools or joins: a Ctrl-C that meets the calling thread inside of one can
    # leave it held, and the process would hang.
    try:
        for _ in range(min(threads, len(pieces)) - 1):
            Thread(target=help_out, daemon=True).start()
        for number in numbers:
            if number >= len(pieces) or failed:
                break
            work(*pieces[number])
            done.append(None)
            report(len(done) / len(pieces))
        while len(ended) < min(threads, len(pieces)) - 1:
            time.sleep(WAIT_SECONDS)
    except BaseException as error:
        failed.append(error)
        while len(ended) < len(begun):
            time.sleep(WAIT_SECONDS)
        raise
    if failed:
        raise failed[0]
    report(1.0)
