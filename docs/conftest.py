"""The blocks of code in the pages of the site are run, those of each page in order.

``python`` blocks are executed, in a folder of the page's own. Commands of gclust in ``sh``,
``bash`` and ``console`` blocks must be ones that `gclust` takes, ``toml`` blocks must be TOML, and
their sections and keys those of a study. ``<!-- skip: next -->`` leaves out the next block.
"""

from __future__ import annotations

import os
import re
import shlex
import tempfile
import tomllib
import warnings
from pathlib import Path
from typing import Any

import matplotlib
from sybil import Example, Sybil
from sybil.parsers.markdown import CodeBlockParser, PythonCodeBlockParser, SkipParser

from gclust.cli import main
from gclust.study.clustering_methods import CLUSTERING_METHODS
from gclust.study.indicators import read_entries
from gclust.study.parse import parse_section
from gclust.study.schema import SECTIONS
from gclust.study.sections import Source

SHELLS = ("sh", "bash", "console")


def check_commands(example: Example) -> None:
    """Read each command of gclust in a block as the command line does, without running it."""
    text = re.sub(r"\\\n\s*", " ", str(example.parsed))
    for line in text.splitlines():
        for command in re.split(r"&&|\||;", line.removeprefix("$ ")):
            words = shlex.split(command, comments=True)
            if words[:1] != ["gclust"]:
                continue
            name, *arguments = words[1:] or ["--help"]
            if name.startswith("-"):
                continue
            assert name in main.commands, f"gclust {name}: there is no such command"
            if not {"-h", "--help"} & set(arguments):
                # Files need not exist; options and their values must be right.
                main.commands[name].make_context(name, arguments)


def check_study(example: Example) -> None:
    """Read the sections of a study in a block; it need not be a whole one."""
    table = tomllib.loads(str(example.parsed))
    where = "the block:"
    if "project" in table:  # part of a pyproject.toml
        return
    for key, value in table.items():
        if key == "sources":
            for entry in value:
                parse_section(entry, Source, where)
        elif key == "indicators":
            read_entries(value, where)
        elif key == "clusters":
            options = CLUSTERING_METHODS[value.get("method", "dbscan")]
            parse_section(value, options, where)
        elif key in SECTIONS:
            parse_section(value, SECTIONS[key], where)
        else:
            raise AssertionError(f"[{key}] is not a section of a study")


def set_up(namespace: dict[str, Any]) -> None:
    """Give each page a folder of its own, where its code runs."""
    matplotlib.use("agg")
    namespace["_folder"] = tempfile.TemporaryDirectory()
    namespace["_before"] = Path.cwd()
    os.chdir(namespace["_folder"].name)
    warnings.simplefilter("ignore", ResourceWarning)


def tear_down(namespace: dict[str, Any]) -> None:
    """Go back, and remove the page's folder."""
    os.chdir(namespace["_before"])
    namespace["_folder"].cleanup()


pytest_collect_file = Sybil(
    parsers=[
        SkipParser(),
        PythonCodeBlockParser(),
        *(CodeBlockParser(shell, check_commands) for shell in SHELLS),
        CodeBlockParser("toml", check_study),
    ],
    pattern="*.md",
    setup=set_up,
    teardown=tear_down,
).pytest()
