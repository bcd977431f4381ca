"""Registry of indicators: gclust's own indicators and those of plug-ins."""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from types import MappingProxyType
from typing import Any, Literal

import pandas as pd

from gclust.errors import warn_user
from gclust.indicators.protocol import ATTRIBUTE, NEEDS, About

GROUP = "gclust.indicators"
"""Name of the entry point group through which packages add indicators."""
OWN = "gclust"
"""Origin of gclust's own indicators."""
TAKEN_OPTIONS = ("name", "column")
"""Keys of ``[[indicators]]``, which are no names of options."""
REQUIRED = inspect.Parameter.empty


@dataclass(frozen=True)
class Option:
    """One option of an indicator."""

    name: str
    hint: Any  # the option's annotation
    default: Any  # REQUIRED if the option has no default


@dataclass(frozen=True)
class Registered:
    """An indicator with its options and metadata."""

    name: str
    function: Callable[..., pd.Series]  # see `gclust.indicators.protocol.Indicator`
    origin: str  # "gclust", or the plug-in's distribution and version
    options: tuple[Option, ...]
    about: About

    @property
    def summary(self) -> str:
        """The first line of the function's docstring."""
        return (inspect.getdoc(self.function) or "").partition("\n")[0].strip()

    def needs(self, options: Mapping[str, Any]) -> tuple[str, ...]:
        """Return the columns of the listings that the indicator needs for the given options."""
        named = (
            str(options[need[1:-1]]) if need.startswith("{") else need for need in self.about.needs
        )
        return tuple(dict.fromkeys(named))


def registry() -> Mapping[str, Registered]:
    """Return all indicators by name: gclust's own, then those of plug-ins.

    Warns
    -----
    GclustWarning
        Once for each plug-in that is broken, or whose name is already used by
        gclust or by a plug-in of a distribution that comes first in the
        alphabet.
    """
    found, messages = _discovered()
    while messages:
        warn_user(messages.pop(0))
    return found


@cache
def _discovered() -> tuple[Mapping[str, Registered], list[str]]:
    """Return all indicators, and warnings that have not been given yet."""
    from gclust.indicators.builtin import BUILT_IN

    found = {}
    for function in BUILT_IN:
        own = registered(function, origin=OWN)
        found[own.name] = own
    messages = []
    points = entry_points(group=GROUP)
    for point in sorted(points, key=lambda point: (point.name, origin_of(point), point.value)):
        label = f"indicator {point.name!r} of {origin_of(point)} ({point.value})"
        if point.name in found:
            taken = found[point.name].origin
            messages.append(f"{label} is left out: {taken} has an indicator of that name")
            continue
        try:
            function = point.load()
        except (Exception, SystemExit) as error:
            messages.append(f"{label} cannot be loaded: {type(error).__name__}: {error}")
            continue
        try:
            found[point.name] = registered(function, origin_of(point), point.name)
        except TypeError as error:
            messages.append(f"{label} is left out: {error}")
    return MappingProxyType(found), messages


def origin_of(point: EntryPoint) -> str:
    """Return the name and version of the package that defines an entry point."""
    return f"{point.dist.name} {point.dist.version}" if point.dist is not None else point.value


def registered(function: Any, origin: str, name: str | None = None) -> Registered:
    """Check a function, and return it as a registered indicator, by default under its name.

    Raises TypeError with the reason if it cannot be an indicator.
    """
    if not callable(function):
        raise TypeError(f"it is of type {type(function).__name__}; expected a function")
    about = getattr(function, ATTRIBUTE, None)
    if about is None:
        about = About(name or str(getattr(function, "__name__", type(function).__name__)))
    elif name is not None and about.name != name:
        raise TypeError(
            f"its function has the name {about.name!r}, but its entry point another name;"
            " use the same name for both"
        )
    options = _options(function)
    for need in about.needs:
        if need.startswith("{") and need[1:-1] not in {option.name for option in options}:
            raise TypeError(f"it needs the column of its option {need!r}, but has no such option")
        if not need.startswith("{") and need not in NEEDS:
            raise TypeError(f"it needs the unknown column {need!r}; known are {', '.join(NEEDS)}")
    return Registered(about.name, function, origin, options, about)


def _options(function: Callable[..., Any]) -> tuple[Option, ...]:
    """Read the options from a function's signature."""
    expected = "expected (clusters, listings, *, options with annotations)"
    try:
        parameters = list(inspect.signature(function).parameters.values())
        is_plain = inspect.isfunction(function) or inspect.ismethod(function)
        hints = typing.get_type_hints(function if is_plain else type(function).__call__)
    except Exception as error:
        raise TypeError(f"its signature cannot be read: {error}; {expected}") from error
    places = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    if len([p for p in parameters if p.kind in places]) != 2:
        raise TypeError(f"its signature is {inspect.signature(function)}; {expected}")
    options = []
    for parameter in parameters[2:]:
        if parameter.kind is not inspect.Parameter.KEYWORD_ONLY:
            raise TypeError(f"its parameter {parameter} is not keyword-only; {expected}")
        if parameter.name in TAKEN_OPTIONS:
            raise TypeError(
                f"its option {parameter.name!r} is a key of [[indicators]] itself; rename it"
            )
        hint = hints.get(parameter.name)
        if not _is_known(hint):
            raise TypeError(
                f"the annotation of its option {parameter.name!r} is {hint}; expected str, int,"
                " float, bool, Literal, a tuple or list of these, or one of these or None"
            )
        options.append(Option(parameter.name, hint, parameter.default))
    return tuple(options)


def _is_known(hint: Any) -> bool:
    """Return whether values of a type can be written in TOML and checked."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return all(argument is types.NoneType or _is_known(argument) for argument in arguments)
    if origin is Literal:
        return all(type(argument) in (str, int) for argument in arguments)
    if origin in (tuple, list):
        return all(argument is Ellipsis or argument in (str, int, float) for argument in arguments)
    return hint in (str, int, float, bool)
