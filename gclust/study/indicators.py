"""The indicators of a study: found in the registry, with their options checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from gclust.errors import StudyError
from gclust.indicators.registry import REQUIRED, Registered, registry
from gclust.spelling import did_you_mean
from gclust.study.parse import described, parse_section

KEYS = {"name": str, "kind": str, "column": str}


@dataclass(frozen=True, kw_only=True)
class IndicatorEntry:
    """An entry of ``[[indicators]]``: one indicator as a column of the ranking.

    ``column`` is ``<kind>_<name>`` by default, ``<name>`` without a kind; all other
    keys are the indicator's own options.
    """

    name: str
    kind: str | None = None
    column: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def heading(self) -> str:
        """Name of the indicator's column in the ranking."""
        if self.column is not None:
            return self.column
        return self.name if self.kind is None else f"{self.kind}_{self.name}"


@dataclass(frozen=True)
class ResolvedIndicator:
    """An indicator of a study with its function and all its options."""

    entry: IndicatorEntry  # with all its defaults
    indicator: Registered
    options: dict[str, Any]  # arguments of its function

    @property
    def needs(self) -> tuple[str, ...]:
        """Columns of listings without which the indicator cannot be computed."""
        return self.indicator.needs(self.options)


def read_entries(listed: Any, name: str) -> tuple[IndicatorEntry, ...]:
    """Read ``[[indicators]]`` of a study; options are checked later."""
    if not isinstance(listed, list):
        raise StudyError(
            f"{name}: [indicators] must be written [[indicators]], once for each indicator"
        )
    entries = []
    for position, table in enumerate(listed, start=1):
        where = f"{name}: [[indicators]] number {position}:"
        if callable(table):
            called = getattr(table, "__name__", type(table).__name__)
            raise StudyError(
                f"{where} expected a table such as {{'name': '{called}', 'kind': 'patent'}}, found"
                f" the function {called}; a study names indicators, and a package announces"
                " the function by that name, as examples/custom_indicator does"
            )
        if not isinstance(table, Mapping) or "name" not in table:
            raise StudyError(
                f"{where} 'name' is missing; run 'gclust indicators' for a list of names"
            )
        own = {key: value for key, value in table.items() if key in KEYS}
        options = {key: value for key, value in table.items() if key not in KEYS}
        entries.append(IndicatorEntry(**parse_section(own, KEYS, where), options=options))
    return tuple(entries)


def resolve_indicators(entries: Sequence[IndicatorEntry]) -> tuple[ResolvedIndicator, ...]:
    """Find the indicators of a study in the registry, and check their options.

    Raises StudyError if there is no such indicator, or an option is unknown, missing, or of a
    wrong type.
    """
    return tuple(
        _resolve(entry, f"study: [[indicators]] number {position}:")
        for position, entry in enumerate(entries, start=1)
    )


def _resolve(entry: IndicatorEntry, where: str) -> ResolvedIndicator:
    known = registry()
    if entry.name not in known:
        hint = did_you_mean(entry.name, known, otherwise=".")
        raise StudyError(
            f"{where} name = {entry.name!r} is not a known indicator{hint} Run 'gclust indicators'"
            " for a list"
        )
    indicator = known[entry.name]
    where = f"{where} indicator {entry.name!r}:"
    hints = {option.name: option.hint for option in indicator.options}
    given = dict(entry.options)
    if entry.kind is not None:
        given["kind"] = entry.kind
        if "kind" not in hints:
            raise StudyError(
                f"{where} kind = {entry.kind!r}, but this indicator takes all kinds together;"
                " remove kind from it"
            )
    options = parse_section(given, hints, where)
    for each in indicator.options:
        if each.name not in options and each.default is REQUIRED:
            raise StudyError(f"{where} {each.name!r} is missing; expected {described(each.hint)}")
    options = {each.name: options.get(each.name, each.default) for each in indicator.options}
    given = {key: value for key, value in options.items() if key != "kind" and value is not None}
    spelled = replace(entry, kind=options.get("kind"), options=given)
    # A kind that is the function's default is not part of the column's name.
    return ResolvedIndicator(replace(spelled, column=entry.heading), indicator, options)
