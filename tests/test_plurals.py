"""Counts in messages agree with what they count."""

from __future__ import annotations

import numpy as np
import pytest

from gclust.plurals import counted, either


@pytest.mark.parametrize(
    ("number", "expected"),
    [(0, "0 rows have"), (1, "1 row has"), (np.int64(1), "1 row has"), (1200, "1,200 rows have")],
)
def test_a_count_agrees_with_its_noun_and_verb(number, expected):
    assert counted(number, "row has", "rows have") == expected
    assert counted(number, "row").split()[1] == expected.split()[1]
    assert either(number, "has", "have") == expected.split()[2]
