"""Comparison of two files of a run: byte by byte, and where bytes differ, what differs."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from gclust.errors import first_line
from gclust.experiments.verify.tables import (
    csv_parts,
    layer_parts,
    parquet_parts,
    table_differences,
)
from gclust.plurals import counted
from gclust.results.crate import CRATE, VARYING

MOST_LINES = 8
"""Largest number of differences of one file that are said."""
BLOCK = 1 << 20
RECORD = "run.json"
UNCOMPARED = ("execution", "outputs", "files", "gclust", "libraries")
"""Keys of ``run.json`` that are not compared: times and machine, digests of the files that are
compared themselves, and versions, which explain differences."""
UNCOMPARED_IN_CRATE = VARYING | {"contentSize", "sha256", "mentions"}
"""Keys of the crate that are not compared: times, digests, and the name of the run, which is a
digest of inputs and versions."""
SAME_VALUES = "equal values, other bytes"


def same_bytes(one: Path, two: Path) -> bool:
    """Return whether two files have equal bytes."""
    if one.stat().st_size != two.stat().st_size:
        return False
    with one.open("rb") as a, two.open("rb") as b:
        while block := a.read(BLOCK):
            if block != b.read(BLOCK):
                return False
    return True


def file_differences(name: str, old: Path, new: Path) -> list[str]:
    """Return what differs between two files of a run, in lines; none if they are the same.

    They are the same if their bytes are equal. In ``run.json`` times, machine and versions are not
    compared, in ``ro-crate-metadata.json`` times and versions; see `UNCOMPARED`.
    """
    if name in (RECORD, CRATE):
        found = [_known(name, json.loads(each.read_text(encoding="utf-8"))) for each in (old, new)]
        return _cut([*_json_differences(found[0], found[1])])
    if same_bytes(old, new):
        return []
    try:
        lines = [*_differences(old, new)]
    except Exception as error:  # a file that was changed may hold anything
        lines = [f"other bytes, which cannot be read as {old.suffix} ({first_line(error)})"]
    return _cut(lines) or [SAME_VALUES]


def _cut(lines: list[str]) -> list[str]:
    more = len(lines) - MOST_LINES
    return [*lines[:MOST_LINES], f"and {counted(more, 'more difference')}"] if more > 0 else lines


def _differences(old: Path, new: Path) -> Iterator[str]:
    """Yield what differs in the values of two files; nothing if only their bytes differ."""
    ending = old.suffix
    if ending == ".parquet":
        yield from table_differences(parquet_parts(old), parquet_parts(new))
    elif ending == ".csv":
        yield from table_differences(csv_parts(old), csv_parts(new))
    elif ending == ".gpkg":
        yield from _layer_differences(old, new)
    elif ending == ".png":
        yield from _picture_differences(old, new)
    elif ending == ".json":
        yield from _json_differences(*(json.loads(each.read_bytes()) for each in (old, new)))
    elif ending in (".toml", ".qml", ".html", ".md", ".txt"):
        yield from _text_differences(old, new)
    else:
        yield f"other bytes ({old.stat().st_size:,} then, {new.stat().st_size:,} now)"


def _known(name: str, content: Any) -> Any:
    """Return the part of ``run.json`` or of the crate that is compared."""
    if name == RECORD:
        return {key: value for key, value in content.items() if key not in UNCOMPARED}

    def plain(value: Any) -> Any:
        if isinstance(value, Mapping):
            kept = {k: each for k, each in value.items() if k not in UNCOMPARED_IN_CRATE}
            return {k: plain(each) for k, each in kept.items()}
        return [plain(each) for each in value] if isinstance(value, list) else value

    named = {
        "the run" if entity["@type"] == "CreateAction" else entity["@id"]: plain(entity)
        for entity in content["@graph"]
        if entity["@type"] != "SoftwareApplication"
    }
    named["the run"].pop("@id")
    return named


def _json_differences(old: Any, new: Any, where: str = "") -> Iterator[str]:
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for key in [*old, *(key for key in new if key not in old)]:
            at = f"{where}.{key}" if where else str(key)
            if key not in new:
                yield f"{at} is missing now"
            elif key not in old:
                yield f"{at} is new: {_shown(new[key])}"
            else:
                yield from _json_differences(old[key], new[key], at)
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for number, (one, two) in enumerate(zip(old, new, strict=True), start=1):
            yield from _json_differences(one, two, f"{where} number {number}")
    elif old != new:
        yield f"{where}: {_shown(old)} then, {_shown(new)} now"


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 100 else f"{text[:97]}..."


def _layer_differences(old: Path, new: Path) -> Iterator[str]:
    before, now = layer_parts(old), layer_parts(new)
    yield from (f"the layer {name} is missing now" for name in before if name not in now)
    yield from (f"the layer {name} is new" for name in now if name not in before)
    for name in before:
        if name in now:
            for line in table_differences(before[name], now[name]):
                yield f"{name}: {line}"


def _picture_differences(old: Path, new: Path) -> Iterator[str]:
    from matplotlib.image import imread

    a, b = imread(old), imread(new)
    if a.shape != b.shape:
        yield f"{a.shape[1]} by {a.shape[0]} pixels then, {b.shape[1]} by {b.shape[0]} now"
    elif (differs := np.any(a != b, axis=-1)).any():
        most = float(np.abs(a - b).max())
        yield f"{100 * differs.mean():.2g} % of the pixels differ, by at most {100 * most:.2g} %"


def _text_differences(old: Path, new: Path) -> Iterator[str]:
    before, now = (re.split("\r?\n", each.read_text(encoding="utf-8")) for each in (old, new))
    if len(before) != len(now):
        yield f"{counted(len(before), 'line')} then, {len(now):,} now"
    for number, (one, two) in enumerate(zip(before, now, strict=False), start=1):
        if one != two:
            yield f"line {number:,}: {_shown(one)} then, {_shown(two)} now"
