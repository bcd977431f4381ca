"""The writer of a study as TOML, with all defaults."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

from gclust.escapes import escaped
from gclust.places.rasters.files import rebased_path as raster_seen_from
from gclust.study.clustering_methods import FormedOn
from gclust.study.schema import SECTIONS, Study
from gclust.study.sections import Source

OF_EXPERIMENTS = ("null", "localisation")
"""Sections that change no run: they are written if the study has other values than the defaults."""
BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")


def study_toml(study: Study, home: Path) -> str:
    """Return the text of ``study.toml`` with all defaults.

    Paths are relative to ``home``, the folder of the file, so that the study runs from there.
    """
    blocks = ["# Written by gclust: the study of this run, with every default spelled out."]
    for key in SECTIONS:
        if key == "engine":  # it changes no result, and another machine has other means
            continue
        if key in OF_EXPERIMENTS and getattr(study, key) == SECTIONS[key]():
            continue
        blocks.append(_block(f"[{key}]", getattr(study, key), study, home))
    for entry in study.indicators:
        own = {"name": entry.name, "kind": entry.kind, "column": entry.column, **entry.options}
        given = {key: value for key, value in own.items() if value is not None}
        blocks.append(_lines("[[indicators]]", given))
    blocks[2:2] = [_block("[[sources]]", source, study, home) for source in study.sources]
    return "\n\n".join(blocks) + "\n"


def _block(heading: str, section: Any, study: Study, home: Path) -> str:
    return _lines(heading, _entries(section, study, home))


def _lines(heading: str, entries: Mapping[str, Any]) -> str:
    keys = (key if BARE_KEY.fullmatch(key) else toml_value(key) for key in entries)
    lines = zip(keys, entries.values(), strict=True)
    return "\n".join([heading, *(f"{key} = {toml_value(value)}" for key, value in lines)])


def _entries(section: Any, study: Study, home: Path) -> dict[str, Any]:
    """Return the values of a section to write, with paths relative to ``home``."""
    entries = {}
    for item in fields(section):
        value = getattr(section, item.name)
        if item.name in ("path", "sweep", "given") and isinstance(value, str):
            value = rebased_path(home, study.folder / value)
        if isinstance(section, Source) and item.name == "sql_paths" and section.sql is not None:
            value = tuple(rebased_path(home, study.folder / each) for each in value or (".",))
        if item.name == "data" and value is not None:
            value = value if isinstance(value, str) else described_table(value)
        if item.name == "raster" and isinstance(value, str):
            value = raster_seen_from(value, study.folder, home)
        elif item.name == "raster" and value is not None:
            value = tuple(raster_seen_from(each, study.folder, home) for each in value)
        if isinstance(section, FormedOn) and item.name == "run" and value is not None:
            value = rebased_path(home, study.folder / value)
        if isinstance(value, FormedOn):
            value = _entries(value, study, home)
        if isinstance(value, tuple) and value and is_dataclass(value[0]):
            value = tuple(_entries(entry, study, home) for entry in value)
        if is_dataclass(value):
            value = _entries(value, study, home)
        if value is not None and value != {} and not (item.name == "sql_paths" and not value):
            entries[item.name] = value
    return entries


def described_table(data: Any) -> str:
    """Return a description of a table in memory: its library, rows and columns."""
    kind = type(data)
    shape = getattr(data, "shape", None)
    size = f" of {shape[0]} rows and {shape[1]} columns" if shape and len(shape) == 2 else ""
    return f"{kind.__module__.split('.')[0]}.{kind.__qualname__}{size}"


def rebased_path(home: Path, path: str | Path) -> str:
    """Return a path relative to a folder, valid also if the path contains symbolic links.

    The folder ``home`` is absolute and free of links. Links in the path are kept, because their
    names describe the files. But after a link, ``..`` is not the folder that contains the link.
    """
    leads = absolute_path(path)
    try:
        return Path(os.path.relpath(leads, home)).as_posix()
    except ValueError:  # another drive of Windows
        return leads.as_posix()


def absolute_path(path: str | Path) -> Path:
    """Return an absolute path without ``..``; symbolic links are resolved only before a ``..``."""
    whole = Path.cwd() / path
    at = Path(whole.anchor)
    for part in whole.parts[1:]:
        at = Path(os.path.realpath(at)).parent if part == ".." else at / part
    return at


def toml_value(value: Any) -> str:
    """Write a value as TOML."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        # A JSON string is a TOML basic string once DEL is escaped too.
        return escaped(json.dumps(value, ensure_ascii=False))
    if isinstance(value, Mapping):
        # Sorted: run.json, by which a run is verified, keeps no order of keys.
        entries = sorted((str(key), each) for key, each in value.items())
        inside = ", ".join(f"{toml_value(key)} = {toml_value(each)}" for key, each in entries)
        return f"{{ {inside} }}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(toml_value(entry) for entry in value)}]"
    return repr(value)
