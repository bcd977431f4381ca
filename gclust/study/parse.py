"""The parser of TOML into dataclasses, which checks the type and bounds of each value."""

from __future__ import annotations

import functools
import math
import reprlib
import tomllib
import types
import typing
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import MISSING, field, fields, is_dataclass
from pathlib import Path
from typing import Any

from gclust.errors import StudyError
from gclust.spelling import did_you_mean

LARGEST_WHOLE = 2**63 - 1
"""The largest whole number in TOML and in tables."""
_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = _SHORT.maxlong = 100
_SHORT.maxlevel = 3


def choice(default: str, *options: str) -> Any:
    """Return a dataclass field for a text that must be one of the options."""
    return field(default=default, metadata={"options": options})


def number(
    default: Any,
    *,
    least: float | None = None,
    above: float | None = None,
    most: float | None = None,
) -> Any:
    """Return a dataclass field for a number >= ``least`` or > ``above``, and <= ``most``."""
    return field(default=default, metadata={"least": least, "above": above, "most": most})


def shown(value: Any) -> str:
    """Return a value as text for a message, at most a line or two long."""
    try:
        return _SHORT.repr(value)
    except ValueError:  # Python cannot write a number of thousands of digits
        return "a number of thousands of digits"


def read_toml(path: Path) -> dict[str, Any]:
    """Read a TOML file.

    Raises StudyError if it is not there or not TOML; the message names file and line.
    """
    try:
        text = path.read_bytes().decode("utf-8")
    except OSError as error:
        raise StudyError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise StudyError(
            f"{path}: is not UTF-8 (at byte {error.start}); expected a TOML file in UTF-8"
        ) from error
    try:
        return tomllib.loads(text)
    except RecursionError as error:
        raise StudyError(f"{path}: is not TOML: it is nested too deeply") from error
    except ValueError as error:
        # TOMLDecodeError, or Python's error for a number of thousands of digits.
        raise StudyError(f"{path}: is not TOML: {error}") from error


def parse_section(
    table: Any, target: type | Mapping[str, Any], where: str, *, known: Iterable[str] | None = None
) -> dict[str, Any]:
    """Check the keys and values of a section against a dataclass, and convert them.

    The fields of ``target`` have types and bounds, and the names that keys (``was``) and options
    (``were``) had in earlier versions; it may also map keys to types. ``where`` begins each
    message. ``known`` are the keys that may occur, if not those of ``target``. Raises StudyError
    for an unknown key, a missing one, a wrong type, a value out of bounds.
    """
    if not isinstance(table, Mapping):
        raise StudyError(f"{where} expected keys and values (a table), found {shown(table)}")
    hints: dict[str, Any]
    renamed: dict[str, str] = {}
    if isinstance(target, Mapping):
        hints, required, bounds = dict(target), [], {}
    else:
        hints = _hints(target)
        members = fields(target)
        required = [
            f.name for f in members if f.default is MISSING and f.default_factory is MISSING
        ]
        bounds = {f.name: f.metadata for f in members}
        renamed = {f.metadata["was"]: f.name for f in members if "was" in f.metadata}
    allowed = list(known if known is not None else hints)
    for key in table:
        if key in renamed:
            new = renamed[key]
            value = _present_name(table[key], bounds[new])
            raise StudyError(f"{where} {key} is called {new} now; expected {new} = {shown(value)}")
        if key not in allowed:
            hint = did_you_mean(key, allowed, otherwise=".")
            raise StudyError(f"{where} {shown(key)} is not known{hint} Known: {', '.join(allowed)}")
    for key in required:
        if key not in table:
            raise StudyError(f"{where} {shown(key)} is missing; expected {described(hints[key])}")
    result = {}
    for key, value in table.items():
        if key in hints:
            result[key] = _convert(value, hints[key], f"{where} {key}")
            _check_bounds(result[key], bounds.get(key, {}), f"{where} {key}")
    return result


class Section:
    """The base of all sections of a study, which checks their values.

    Raises StudyError if a value is of a wrong type or out of bounds; the message names the section
    and the key.
    """

    def __post_init__(self) -> None:
        given = {
            item.name: getattr(self, item.name)
            for item in fields(self)  # type: ignore[arg-type]
            if getattr(self, item.name) is not item.default
        }
        checked = parse_section(given, type(self), f"{type(self).__name__}:")
        for key, value in checked.items():
            object.__setattr__(self, key, value)


@functools.cache
def _hints(target: type) -> dict[str, Any]:
    return typing.get_type_hints(target)


def _convert(value: Any, hint: Any, where: str) -> Any:
    if hint is Any:
        return value
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        for option in arguments:
            if option is type(None):
                if value is None:
                    return None
            elif is_dataclass(option) and isinstance(value, Mapping):
                return _convert(value, option, where)
            else:
                try:
                    return _convert(value, option, where)
                except StudyError:
                    continue
    elif isinstance(hint, type) and isinstance(value, hint) and is_dataclass(hint):
        return value
    elif isinstance(hint, type) and is_dataclass(hint) and isinstance(value, Mapping):
        return hint(**parse_section(value, hint, f"{where}:"))
    elif origin is tuple and isinstance(value, list | tuple):
        each = arguments[0]
        if is_dataclass(each) and arguments[-1] is Ellipsis:
            numbered = enumerate(value, start=1)
            return tuple(_convert(entry, each, f"{where} number {at}") for at, entry in numbered)
        if arguments[-1] is Ellipsis or len(value) == len(arguments):
            return tuple(_convert(entry, each, where) for entry in value)
    elif origin is list and isinstance(value, list | tuple):
        return [_convert(entry, arguments[0], where) for entry in value]
    elif origin is typing.Literal:
        for option in arguments:
            if type(option) is type(value) and option == value:
                return value
        near = did_you_mean(value, arguments)
        raise StudyError(f"{where} = {shown(value)}; expected {described(hint)}{near}")
    elif origin is not None and issubclass(origin, Mapping) and isinstance(value, Mapping):
        return {
            key: _convert(entry, arguments[1], f"{where}: {key}") for key, entry in value.items()
        }
    elif hint is float and isinstance(value, int | float) and not isinstance(value, bool):
        # A whole number may be larger than any float.
        with suppress(OverflowError):
            if math.isfinite(value):
                return float(value)
    elif hint is int and type(value) is int:
        if abs(value) > LARGEST_WHOLE:
            raise StudyError(
                f"{where} = {shown(value)}; expected a whole number of at most 64 bits"
            )
        return value
    elif hint in (str, bool) and type(value) is hint:
        return value
    raise StudyError(f"{where} = {shown(value)}; expected {described(hint)}")


def described(hint: Any) -> str:
    """Describe a type in words, for error messages."""
    if is_dataclass(hint):
        return f"a table of {', '.join(entry.name for entry in fields(hint))}"
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return " or ".join(described(a) for a in arguments if a is not type(None))
    if origin is typing.Literal:
        return " or ".join(map(repr, arguments))
    if origin in (tuple, list):
        number = "" if origin is list or arguments[-1] is Ellipsis else f"{len(arguments)} "
        return f"a list of {number}{_several(arguments[0])}"
    if origin is not None:
        return f"a table of names to {_several(arguments[1])}"
    words = {
        Any: "a table",
        str: "a text",
        float: "a number",
        int: "a whole number",
        bool: "true or false",
    }
    return words[hint]


def _several(hint: Any) -> str:
    """Describe several values of a type."""
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        return " or ".join(map(_several, typing.get_args(hint)))
    words = described(hint)
    if typing.get_origin(hint) in (tuple, list):
        return words.replace("a list", "lists", 1)
    return f"{words.removeprefix('a ')}s" if words.startswith("a ") else words


def _present_name(value: Any, bounds: Mapping[str, Any]) -> Any:
    """Return the present name of an option that has been renamed, other values unchanged."""
    return bounds.get("were", {}).get(value, value) if isinstance(value, str) else value


def _check_bounds(value: Any, bounds: Mapping[str, Any], where: str) -> None:
    if isinstance(value, tuple) and bounds:
        if not value:
            raise StudyError(f"{where} = []; expected at least one value")
        for each in value:
            _check_bounds(each, bounds, where)
        return
    options = bounds.get("options")
    if options is not None and value is not None and value not in options:
        hint = did_you_mean(value, options)
        if (new := _present_name(value, bounds)) != value:
            hint = f"; it is called {new!r} now"
        raise StudyError(
            f"{where} = {shown(value)}; expected {' or '.join(map(repr, options))}{hint}"
        )
    if value is None:
        return
    if bounds.get("least") is not None and not value >= bounds["least"]:
        raise StudyError(f"{where} = {shown(value)}; expected {bounds['least']:g} or more")
    if bounds.get("most") is not None and not value <= bounds["most"]:
        raise StudyError(f"{where} = {shown(value)}; expected {bounds['most']:g} or less")
    if bounds.get("above") is not None and not value > bounds["above"]:
        raise StudyError(f"{where} = {shown(value)}; expected more than {bounds['above']:g}")
