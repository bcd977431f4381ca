"""Ctrl-C ends a long fit within two seconds and does no harm."""

from __future__ import annotations

import _thread
import os
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

from gclust import DBSCAN

LONGEST_S = 2.0

# Towns and country; fits without end, so that there is one to be interrupted at any moment.
CHILD = """
import signal, sys
import numpy as np
from gclust import DBSCAN

signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored under some shells

n, jobs = int(sys.argv[1]), int(sys.argv[2])
rng = np.random.default_rng(3)
towns = rng.uniform([35, -10], [60, 30], (2000, 2))
X = towns[rng.integers(0, 2000, n)] + rng.normal(0, 0.1, (n, 2))
model = DBSCAN(15, 150e-6 * n, n_jobs=jobs)
model.fit(X[:1000])
print("fitting", flush=True)
while True:
    model.fit(X)
"""


def interrupted_after(n, jobs, delay_s):
    """Return the seconds from a SIGINT to the end of a process that fits ``n`` points."""
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(n), str(jobs)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert child.stdout.readline() == "fitting\n"
        time.sleep(delay_s)
        assert child.poll() is None
        sent = time.monotonic()
        child.send_signal(signal.SIGINT)
        _, errors = child.communicate(timeout=60)
        took = time.monotonic() - sent
    finally:
        child.kill()
    assert errors.rstrip().endswith("KeyboardInterrupt"), errors
    assert child.returncode == -signal.SIGINT
    return took


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT for one process")
@pytest.mark.parametrize(("jobs", "delay_s"), [(1, 0.2), (1, 0.7), (2, 0.45), (2, 1.2)])
def test_ctrl_c_ends_a_process_that_fits_millions(jobs, delay_s):
    assert interrupted_after(3_000_000, jobs, delay_s) < LONGEST_S


@pytest.mark.full_size
@pytest.mark.parametrize("delay_s", [0.5, 1.5, 3.0, 5.0, 8.0])
def test_ctrl_c_ends_a_fit_of_thirty_millions(delay_s):
    assert interrupted_after(30_000_000, 2, delay_s) < LONGEST_S


@pytest.fixture
def heeded():
    """SIGINT raises KeyboardInterrupt, even where the shell has it ignored."""
    held = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, held)


@pytest.mark.parametrize("jobs", [1, 2])
def test_the_same_process_can_fit_again(heeded, jobs):
    rng = np.random.default_rng(4)
    X = rng.normal([48, 8], 0.5, (200_000, 2))
    model = DBSCAN(2, 40, n_jobs=jobs).fit(X)
    expected = model.labels_.copy()
    threads = threading.active_count()

    def refit_until_interrupted():
        end = time.monotonic() + 30
        while time.monotonic() < end:
            model.fit(X)

    for delay_s in (0.02, 0.11, 0.23):
        timer = threading.Timer(delay_s, _thread.interrupt_main)
        timer.start()
        with pytest.raises(KeyboardInterrupt):
            refit_until_interrupted()
        timer.join()
        assert model.labels_.tolist() == expected.tolist()
        end = time.monotonic() + LONGEST_S  # a thread may end the piece that it has begun
        while threading.active_count() > threads and time.monotonic() < end:
            time.sleep(0.01)
        assert threading.active_count() == threads
    assert model.fit(X).labels_.tolist() == expected.tolist()
    assert model.predict(X).tolist() == expected.tolist()
