"""Some hundred random studies; ``python -m tests.fuzz_studies`` makes as many as one likes."""

from __future__ import annotations

import time

import pytest

from tests.fuzz_studies import fuzz, judge

CASES, SECONDS = 200, 30.0


def test_random_studies_end_well_or_say_why_not():
    count = fuzz(iter(range(CASES)), time.monotonic() + SECONDS)
    assert count.failures == []
    assert count.cases > 10
    assert 0 < count.accepted < count.cases


@pytest.mark.parametrize(
    ("code", "out", "err"),
    [
        (1, "", "gclust: wrong\n"),
        (2, "", "Traceback (most recent call last):\n"),
        (2, "", "gclust: wrong\nand more\n"),
        (2, "", "wrong\n"),
        (2, "", "gclust: \x1b[31mwrong\n"),
        (0, "\x9b2J", ""),
        (0, "", "noise\n"),
    ],
)
def test_what_is_no_good_end_is_seen(code, out, err):
    with pytest.raises(AssertionError):
        judge(code, out, err)
