"""The built-in indicators: each says what it is, and its options are such as a study can give."""

from __future__ import annotations

import inspect
import types
import typing

import pytest

from gclust.indicators.builtin import BUILT_IN
from gclust.indicators.protocol import ATTRIBUTE, NEEDS, Indicator

FUNCTIONS = {function.__name__: function for function in BUILT_IN}


def plain(hint: object) -> bool:
    """Whether a study.toml can give a value of this type."""
    origin, inside = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return all(plain(each) for each in inside)
    if origin is typing.Literal:
        return all(isinstance(each, str) for each in inside)
    if origin is tuple:
        return inside[1:] == (Ellipsis,) and plain(inside[0])
    return hint in (str, int, float, bool, type(None))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_each_says_what_it_is(name):
    function = FUNCTIONS[name]
    about = getattr(function, ATTRIBUTE)
    assert isinstance(function, Indicator)
    assert about.name == name
    assert about.source
    assert about.formula
    options = {
        key: value
        for key, value in inspect.signature(function).parameters.items()
        if value.kind is value.KEYWORD_ONLY
    }
    hints = typing.get_type_hints(function)
    assert all(plain(hints[key]) for key in options)
    for need in about.needs:
        if need.startswith("{"):
            named = typing.get_args(hints[need.strip("{}")])
            assert set(named) <= set(NEEDS)
            assert options[need.strip("{}")].default in named
        else:
            assert need in NEEDS
    for heading in ("Parameters\n", "Returns\n"):
        assert heading in function.__doc__


def test_no_name_is_given_twice():
    assert len(FUNCTIONS) == len(BUILT_IN)
