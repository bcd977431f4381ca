"""The stable sort of whole numbers, against NumPy's."""

from __future__ import annotations

import numpy as np
import pytest

from gclust.kernels.spatial import radix_order as radix


@pytest.mark.parametrize("most", [1, 7, 1 << 11, 1 << 40, (1 << 63) - 1])
def test_equal_keys_keep_their_order(monkeypatch, most):
    monkeypatch.setattr(radix, "CHUNK", 100)
    keys = np.random.default_rng(most % 97).integers(0, most, 1000)
    before = keys.copy()
    assert radix.radix_order(keys).tolist() == np.argsort(keys, kind="stable").tolist()
    assert (keys == before).all()


def test_a_digit_that_all_share_is_passed_over():
    keys = (5 << 33) + np.random.default_rng(0).integers(0, 3, 500)
    assert radix.radix_order(keys).tolist() == np.argsort(keys, kind="stable").tolist()


def test_nothing_is_sorted():
    assert len(radix.radix_order(np.zeros(0, dtype=np.int64))) == 0
