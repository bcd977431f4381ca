"""No function takes more parameters than a reader can hold."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.tree import PACKAGE

MOST, MOST_OF_KERNELS = 8, 9
FILES = sorted(PACKAGE.rglob("*.py"))
OF_OTHERS = {"__init__", "plot"}
"""scikit-learn asks for each parameter of an estimator by its name, and the condensed tree has
the parameters of the ``hdbscan`` library's own plot."""
ENTRY_POINT = {"sweep": 9}
"""`gclust.sweep` takes its grid as three, and the six of every experiment that has shards."""


def too_many(path: Path) -> list[str]:
    is_kernel = "kernels" in path.relative_to(PACKAGE).parts
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef) and node.name not in OF_OTHERS:
            given = node.args.posonlyargs + node.args.args + node.args.kwonlyargs
            names = [each.arg for each in given if each.arg not in ("self", "cls")]
            decorated = is_kernel and node.decorator_list
            most = MOST_OF_KERNELS if decorated else ENTRY_POINT.get(node.name, MOST)
            if len(names) > most:
                found.append(f"line {node.lineno}: {node.name} takes {len(names)}")
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_functions_take_few_parameters(path):
    assert not too_many(path)
