"""Helpers are compiled for kernels alone: nothing of them is executable, and no time is wasted."""

from __future__ import annotations

import gc
import os

import numpy as np
import pytest
from numba.core.compiler import Flags
from numba.core.event import Listener, install_listener

from gclust.kernels._compiler import _Flags
from gclust.kernels._jit import allocating_helper, helper, inlined_helper, kernel

pytestmark = pytest.mark.skipif(
    bool(os.environ.get("NUMBA_DISABLE_JIT", "0").strip("0")), reason="nothing is compiled"
)


@pytest.fixture
def three():
    """A kernel that calls helpers of all three kinds, and the helpers."""

    @inlined_helper
    def plus(a, b):
        return a + b

    @helper
    def twice(a):
        return plus(a, a)

    @allocating_helper
    def filled(n):
        out = np.empty(n, dtype=np.int64)
        for i in range(n):
            out[i] = twice(i)
        return out

    @kernel
    def total(n):
        sums = 0
        for value in filled(n):
            sums = plus(sums, value)
        return sums

    return total, (plus, twice, filled)


def test_a_kernel_calls_helpers_of_all_kinds(three):
    total, helpers = three
    assert total(5) == 20
    plus, twice, filled = helpers
    assert (plus(1, 2), twice(3), filled(3).tolist()) == (3, 6, [0, 2, 4])


def test_no_helper_is_made_executable(three):
    total, helpers = three
    total(5)
    engine = total.overloads[total.signatures[0]].codegen._engine
    results = [result for each in helpers for result in each.overloads.values()]
    assert len(results) >= len(helpers)
    for result in results:
        name = result.fndesc.mangled_name
        assert result.library._final_module.get_function(name)
        assert not engine.is_symbol_defined(name)


class Frozen(Listener):
    """Whether objects are frozen when functions within a kernel are compiled."""

    def __init__(self):
        self.found = []

    def on_start(self, event):
        self.found.append(gc.get_freeze_count() > 0)

    def on_end(self, event):
        pass


def test_objects_that_were_there_are_not_looked_at_while_compiling(three):
    total, _ = three
    heard = Frozen()
    with install_listener("numba:compile", heard):
        total(5)
    assert gc.get_freeze_count() == 0
    assert heard.found[0] is False  # the kernel, from outside
    assert len(heard.found) > 3
    assert all(heard.found[1:])
    gc.freeze()  # by a user
    try:
        total(np.int8(5))
        assert gc.get_freeze_count() > 0
    finally:
        gc.unfreeze()


def test_flags_compare_as_those_of_numba():
    plain, same = Flags(), Flags()
    same.nrt = Flags().nrt  # set to what it is by default
    other = Flags()
    other.nrt = not other.nrt
    assert _Flags(plain) == plain == _Flags(same) == _Flags(plain)
    assert _Flags(other) != _Flags(plain)
    assert plain != _Flags(other)
    assert hash(_Flags(plain)) == hash(plain)
    assert _Flags(plain) != 1
