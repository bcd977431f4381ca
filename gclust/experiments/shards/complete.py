"""Checks of parts: all shards of one computation, from the same study, data and versions."""

from __future__ import annotations

import json
from collections.abc import Iterable
from itertools import zip_longest
from pathlib import Path
from typing import Any

from gclust.errors import StudyError
from gclust.experiments.shards.part import Part, read_part
from gclust.plurals import either
from gclust.results.writer import versions

AGAIN = "compute the parts from one study and the same data"
REMEDIES = {
    "tables": "the listings are the same, so processors of different kinds computed them: compute"
    " all parts on machines of one kind",
}
"""What to do where parts differ; `AGAIN` by default."""


def complete_parts(paths: Iterable[str | Path]) -> list[Part]:
    """Read parts, and return one of each shard in the order of shards.

    Raises
    ------
    StudyError
        If a folder is no part, a file is damaged, parts are not of the same computation or of
        this version of gclust and its libraries, or shards are missing or differ.
    """
    parts = [read_part(path) for path in paths]
    if not parts:
        raise StudyError("there are no parts to gather; expected the folders written with --shard")
    first = parts[0]
    _check_environment(first.folder, first.environment, "this machine", versions())
    for part in parts[1:]:
        _check_same(first, part)
    found: dict[int, Part] = {}
    for part in parts:
        other = found.setdefault(part.shard.number, part)
        if other.files != part.files:
            raise StudyError(
                f"{other.folder} and {part.folder} are both shard {part.shard}, but hold different"
                " results; leave out the wrong one, or compute the shard again"
            )
    count = first.shard.count
    missing = [number for number in range(1, count + 1) if number not in found]
    if missing:
        listed = ",".join(map(str, missing))
        raise StudyError(
            f"{len(missing)} of {count} shards {either(len(missing), 'is', 'are')} missing:"
            f" {listed}; compute them with --shard"
            f" {missing[0]}/{count} and so on (in Slurm: --array={listed}), and gather all parts"
        )
    return [found[number] for number in sorted(found)]


def _check_same(one: Part, other: Part) -> None:
    """Refuse two parts that are not of the same computation; the message says how they differ."""
    a, b = one.folder, other.folder
    if one.of != other.of:
        raise StudyError(
            f"{a} is a part of {one.of}, {b} of {other.of}; gather the parts of each separately"
        )
    if one.shard.count != other.shard.count:
        raise StudyError(
            f"{a} is shard {one.shard}, {b} is shard {other.shard}; expected parts with one count"
        )
    _check_environment(a, one.environment, b, other.environment)
    # Other differences may follow from one in the study.
    for name in sorted({**one.common, **other.common}, key=lambda name: name != "study"):
        ours, theirs = one.common.get(name), other.common.get(name)
        if ours != theirs:
            remedy = REMEDIES.get(name, AGAIN)
            raise StudyError(f"{a} and {b} differ in {name}: {_difference(ours, theirs)}; {remedy}")


def _check_environment(a: Any, one: dict[str, Any], b: Any, other: dict[str, Any]) -> None:
    """Refuse two sets of versions that differ, since results may then differ too."""
    if one == other:
        return
    flat = [{"gclust": each["gclust"], **each["libraries"]} for each in (one, other)]
    name = next(name for name in {**flat[0], **flat[1]} if flat[0].get(name) != flat[1].get(name))
    raise StudyError(
        f"{a} and {b} differ in the version of {name}: {flat[0].get(name)} and"
        f" {flat[1].get(name)}; compute and gather all parts with the same versions"
    )


def _difference(one: Any, other: Any) -> str:
    """Return the first two lines, entries or values in which two values differ, as text."""
    if isinstance(one, str) and isinstance(other, str):
        one, other = one.splitlines(), other.splitlines()
    if isinstance(one, dict) and isinstance(other, dict):
        name = next(name for name in {**one, **other} if one.get(name) != other.get(name))
        return f"{name} = {_shown(one.get(name))} and {_shown(other.get(name))}"
    if isinstance(one, list) and isinstance(other, list):
        pairs = zip_longest(one, other)
        one, other = next((a, b) for a, b in pairs if a != b)
    return f"{_shown(one)} and {_shown(other)}"


def _shown(value: Any) -> str:
    if value is None:
        return "nothing"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
