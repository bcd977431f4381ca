"""Nothing that others have named acts on a terminal, in a table or on a line."""

from __future__ import annotations

import io
import json
import os
import tomllib
import unicodedata
import warnings

import pandas as pd
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from gclust.cli import main
from gclust.errors import GclustWarning, StudyError
from gclust.escapes import cell, escaped, visible
from gclust.experiments.progress_bar import time_left
from gclust.progress import TerminalProgress
from gclust.report.table import ranking_table
from gclust.results.writer import write_csv
from gclust.study.write_toml import toml_value

WILD = "a\x1b[31mred\x1b]0;title\x07\nb\x9b2J\x7f\u202etxt\u2028\udcff[red]x[/red]"
TEXTS = st.text(st.characters(), max_size=30)


def acts(text):
    """Whether a character of a text does something to a terminal or a line."""
    return any(
        unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp") or c in "\u202a\u202e\u2066\u2069"
        for c in text
    )


@given(TEXTS)
def test_visible_texts_act_on_nothing(text):
    for made in (visible(text), cell(text), str(StudyError(text)), str(GclustWarning(text))):
        assert not acts(made)
        made.encode("utf-8")
    assert visible(visible(text)) == visible(text)


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=30))
def test_escaped_texts_read_back_the_same(text):
    made = escaped(json.dumps(text, ensure_ascii=False))
    assert json.loads(made) == text
    assert not acts(made)
    assert tomllib.loads(f"a = {toml_value(text)}") == {"a": text}


@given(st.lists(TEXTS, min_size=1, max_size=5))
def test_cells_of_csv_files(texts):
    import tempfile
    from pathlib import Path

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "t.csv"
        write_csv(pd.DataFrame({"x": range(len(texts)), texts[0]: texts}), path)
        lines = path.read_text(encoding="utf-8").split("\n")
    assert len(lines) == len(texts) + 2
    assert not any(acts(line) for line in lines)


def test_cells_on_the_terminal():
    ranking = pd.DataFrame(
        {
            "rank": [1],
            "name": [WILD.replace("\udcff", "")],
            "economies": ["DE\x1b[2J"],
            "patent_share": [1.0],
            "total": [1.0],
        }
    )
    lines = ranking_table(ranking, width=200).split("\n")
    assert len(lines) == 4
    assert not any(acts(line) for line in lines)
    assert "[red]x[/red]" in lines[3]


def test_stages_on_the_terminal():
    stream = io.StringIO()
    bar = TerminalProgress(stream, least_seconds=0.0)
    bar(0.0, WILD)
    bar(1.0, WILD)
    assert not acts(stream.getvalue().replace("\r\x1b[K", "").replace("\n", ""))
    shown = io.StringIO()
    console = Console(file=shown, force_terminal=True, color_system=None, width=200)
    with time_left(console) as report:
        report(0.5, "[red]" + WILD)
    assert "[red]a\\x1b[31m" in shown.getvalue()


def test_warnings_are_one_line():
    with pytest.warns(GclustWarning) as caught:
        warnings.warn(WILD, GclustWarning, stacklevel=1)
    assert not acts(str(caught[0].message))


@pytest.mark.skipif(os.name == "nt", reason="no such names there")
@pytest.mark.parametrize("name", ["a\x1b[31mb.toml", "a\nb.toml", os.fsdecode(b"a\xffb.toml")])
def test_names_of_files_in_messages(tmp_path, name):
    (tmp_path / name).write_text("[sources\n")
    for words in (["run", str(tmp_path / name)], ["run", str(tmp_path / f"no{name}")],
                  ["compare", str(tmp_path / name), str(tmp_path)],
                  ["run", "x", f"--{name}"], ["run", "x", name], [name],
                  ["indicators", name], ["fetch", name], ["run", "x", "--top", name]):  # fmt: skip
        done = CliRunner().invoke(main, words)
        assert done.exit_code == 2
        assert done.exception is None or isinstance(done.exception, SystemExit)
        assert not acts(done.output.replace("\n", ""))
        lines = done.output.rstrip("\n").split("\n")
        assert len(lines) == 1 or lines[0].startswith("Usage:")
