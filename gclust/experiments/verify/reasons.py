"""What may explain that a run gives other results: inputs, versions, the platform, edited files."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from gclust.experiments.verify.folder import RunFolder
from gclust.results.digests import sha256_of

SHORT = 12
"""Characters of a sha256 that are shown."""

OTHER_FORM = re.compile(
    r"(?:[^:]+: )?"
    r"(?:the (?:column|layer) .+ is (?:missing now|new)|the columns have another order)$"
    r"|is not written any more$|is new: it was not written then$"
)
"""A difference in which files, columns or layers there are, which no input and no library makes."""


def reasons(folder: RunFolder, now: Mapping[str, Any], files: pd.DataFrame) -> Iterator[str]:
    """Yield what differs between a run and its repetition, whose ``run.json`` is ``now``.

    ``files`` are those of `gclust.experiments.verify.result.Verification`. Versions under
    development have one number for several states of the code: files or columns that only one of
    them writes tell these apart.
    """
    yield from _edited(folder)
    then = folder.info
    yield from _inputs(*(_digests(each["inputs"]) for each in (then, now)))
    if then["gclust"] != now["gclust"]:
        yield f"gclust {then['gclust']} made the run, this is {now['gclust']}"
    elif found := next(_of_form(folder, files), ""):
        yield (
            f"another state of gclust {now['gclust']} made the run, with other files or columns"
            f" ({found}); run the study again to have those of this one"
        )
    old, new = then["libraries"], now["libraries"]
    for name in sorted({*old, *new}):
        if old.get(name) != new.get(name):
            yield f"{name}: {old.get(name, 'none')} then, {new.get(name, 'none')} now"
    for key, what in (("python", "Python"), ("machine", "platform")):
        old, new = then["execution"].get(key), now["execution"][key]
        if old != new:
            yield f"{what}: {old} then, {new} now"


def _of_form(folder: RunFolder, files: pd.DataFrame) -> Iterator[str]:
    """Yield the differences of form in files that are as the run wrote them."""
    edited = {name for name, _ in _changes(folder)}
    for name, text in zip(files["file"], files["differences"], strict=True):
        if name not in edited:
            lines = text.split("\n")
            yield from (f"{name}: {line}" for line in lines if OTHER_FORM.match(line))


def _edited(folder: RunFolder) -> Iterator[str]:
    """Yield what was done to the files that are not as the run wrote them."""
    yield from (what for _, what in _changes(folder))


def _changes(folder: RunFolder) -> Iterator[tuple[str, str]]:
    """Yield the names of the files that are not as the run wrote them, and what was done."""
    for name, written in sorted(folder.info["outputs"].items()):
        path = folder.path / name
        if not path.is_file():
            yield name, f"{name} was removed from the run's folder"
        elif (digest := sha256_of(path)) != written["sha256"]:
            what = (
                f"{name} was changed after the run: its sha256 is {digest[:SHORT]}..., the run"
                f" wrote {written['sha256'][:SHORT]}..."
            )
            yield name, what


def _inputs(then: dict[str, list[str]], now: dict[str, list[str]]) -> Iterator[str]:
    for name in sorted({*then, *now}):
        old, new = then.get(name, []), now.get(name, [])
        gone, come = ([each for each in a if each not in b] for a, b in ((old, new), (new, old)))
        if gone and come:
            yield (
                f"the input {name} is another one: its sha256 is {come[0][:SHORT]}..., the run"
                f" read {gone[0][:SHORT]}..."
            )
        elif gone:
            yield f"the input {name} (sha256 {gone[0][:SHORT]}...) was read then and is not now"
        elif come:
            yield f"the input {name} (sha256 {come[0][:SHORT]}...) was not read then and is now"


def _digests(inputs: list[dict[str, str]]) -> dict[str, list[str]]:
    """Return the digests of inputs by name, which several files in different folders can have."""
    found: dict[str, list[str]] = {}
    for each in inputs:
        found.setdefault(each["path"], []).append(each.get("sha256", each.get("row_hashes", "")))
    return found
