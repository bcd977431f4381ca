"""The field's words: identifiers and prose of the package hold none of the retired ones."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from functools import cache
from pathlib import Path

import pytest

from tests.tree import PACKAGE

IDENTIFIERS = {
    "a message, a warning, a summary or metadata": "told told_ told_before told_after tell",
    "merge and count": "settle settled Settled Settler settler",
    "clustering method, partition": "Former former Formed formed forming",
    "resolved indicator": "ask asked Asked ask_for",
    "run log, captured warnings": "Journal journal overhearing",
    "subset of kinds": "restrict",
    "listings with cluster labels, fractional count": "attributed credit credited credits",
    "join footprints, dissolve": "unite outlined",
    "grid point, checkpoint, diagnostics": "Trial trial trials Ledger ledger caution cautions",
    "scenario result, hybrid study": "Standing standing standings Between",
    "factor, attribution": "player players PLAYERS Followed followed lost_in missing_first",
    "rank uncertainty": "firm firmness",
    "bootstrap, replicate, fixed, reclustered": "Redraw redraw Drawn held anew Ahead ahead",
    "positional jitter": "Spread no_spread put_discs",
    "session, parameter set": "Bench bench Choice",
    "centroid geocode": "heap heaps Heap Heaps",
    "query batch": "crowd crowds Crowd",
    "annulus index ranges, search hints": "rings sure unsure",
    "workspace": "Room room",
    "candidate label, ambiguous": "claims claim_runs claim_cells find_claims SEARCH",
    "chunk, helper": "piece pieces part_ making_part inlined_part run_pieces",
    "union_at, parent, link level, find_at": "hang hung top_of plant planted",
    "component tree": "forest forests Forest",
    "highest core neighbour, tree interval, conflict level": "summit summits torn climb look_round",
    "visit node, staging buffer": "meet Stretch stretch",
    "core distance, nearest foreign neighbour": "nearness look_out",
    "kernel": "make_bump",
    "grid hash cells": "cubes Cubes cube",
    "fixed-eps hierarchy, border overrides": "Slice Exceptions",
}
"""What an identifier is called now: the names that it had."""

PROSE = {
    "says, names, warns of, lists": r"\btold\b|\btells? of\b",
    "again, reclustered": r"\banew\b",
    "next to, in the same folder as, in addition to": r"\bbeside\b",
    "whose, of these": r"\bof which\b",
    "produced": r"\bbrought forth\b",
    "the result of": r"\bwhat [\w ]{1,30} makes? of\b",
    "centroid geocode": r"\bheaps?\b",
    "query batch, dense": r"\bcrowd(s|ed)?\b",
    "highest core neighbour": r"\bsummits?\b",
    "merge and count": r"\bsettl(e|es|ed|ing)\b",
    "ancestor-related": r"\bon one way\b",
    "conflict level": r"\btorn\b",
    "rank uncertainty": r"\b[Hh]ow firm\b|\bfirmness\b",
    "listings with cluster labels": r"\battributed\b",
    "factor": r"\bplayers?\b",
    "run log": r"\b[Jj]ournal\b(?! of\b| \d)",
}
"""A plain phrase: a pattern of what it replaces in docstrings, comments and messages."""


@cache
def tokens(path: Path) -> tuple[tokenize.TokenInfo, ...]:
    return tuple(tokenize.generate_tokens(io.StringIO(path.read_text("utf-8")).readline))


FILES = sorted(PACKAGE.rglob("*.py"))
NAMES = {path: str(path.relative_to(PACKAGE)) for path in FILES}


def prose(path: Path) -> list[tuple[int, str]]:
    """Comments and strings of a file that are sentences, with their lines."""
    found = [(t.start[0], t.string) for t in tokens(path) if t.type == tokenize.COMMENT]
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value:
            # Names of code, and citations, keep their words.
            text = re.sub(r"``?[^`]*``?|'[^']*'|doi:\S+", " ", node.value)
            found.append((node.lineno, text))
    return found


@pytest.mark.parametrize("path", FILES, ids=NAMES.get)
def test_no_identifier_is_retired(path):
    retired = {old: new for new, names in IDENTIFIERS.items() for old in names.split()}
    found = {
        f"line {token.start[0]}: {token.string} is called {retired[token.string]} now"
        for token in tokens(path)
        if token.type == tokenize.NAME and token.string in retired
        if f"click.{token.string}" not in token.line
    }
    assert not found


@pytest.mark.parametrize("path", FILES, ids=NAMES.get)
def test_no_sentence_has_a_retired_word(path):
    found = [
        f"line {line}: {match[0]!r}: say {new}"
        for line, text in prose(path)
        for new, pattern in PROSE.items()
        for match in re.finditer(pattern, text)
    ]
    assert not found


def test_a_retired_name_would_be_found(tmp_path):
    path = tmp_path / "planted.py"
    path.write_text('"""What a run makes of heaps."""\nsummit = 1  # drawn anew\n', "utf-8")
    with pytest.raises(AssertionError, match="summit is called"):
        test_no_identifier_is_retired(path)
    with pytest.raises(AssertionError, match="anew"):
        test_no_sentence_has_a_retired_word(path)
