"""Counts in messages agree with what they count."""

from __future__ import annotations

import ast
import re
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

import gclust
from gclust.plurals import counted, either


@pytest.mark.parametrize(
    ("number", "expected"),
    [(0, "0 rows have"), (1, "1 row has"), (np.int64(1), "1 row has"), (1200, "1,200 rows have")],
)
def test_a_count_agrees_with_its_noun_and_verb(number, expected):
    assert counted(number, "row has", "rows have") == expected
    assert counted(number, "row").split()[1] == expected.split()[1]
    assert either(number, "has", "have") == expected.split()[2]


NOUNS = (
    "clusters merges rows records listings locations places files pairs ranks footprints cities"
    " fields values bands draws organisations sites shards parts lines differences weights features"
    " geometries plateaus numbers columns layers field-years steps others pixels"
)
COUNTED = re.compile(rf" (?:(?!of\b|in\b|for\b)[a-z-]+ )?(?:{'|'.join(NOUNS.split())})\b")
COUNT = re.compile(
    r"^len\(|^int\(|\.sum\(\)|\.size$|\.shape\[0\]|\.nunique\(|^n_\w+$|\['(?:rows|used)'\]"
)
SEVERAL = {
    "cluster/surface.py": "values: more than fit",
    "experiments/grid.py": "values: more than fit",
    "experiments/sweep/result.py": "clusters: of one name",
    "experiments/verify/files.py": "pixels: of a height",
    "listings/readers/csv/encoding.py": "files: none or several",
    "listings/readers/spark_frame.py": "rows: in a digest",
    "pipeline/listed_merges.py": "cities: of one name",
    "pipeline/rasters.py": "bands: of several one is used",
    "places/rasters/tiles.py": "bands: of several one is used",
}
"""Where a count is never 1, or must stay as it is, and why."""


def test_no_message_puts_a_plural_after_what_may_be_one():
    """What counts by `len`, a sum or a size is written by `counted`."""
    package = Path(gclust.__file__).parent
    found = set()
    for path in package.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.JoinedStr):
                continue
            for number, after in pairwise(node.values):
                if not isinstance(number, ast.FormattedValue) or not isinstance(
                    after, ast.Constant
                ):
                    continue
                if COUNTED.match(str(after.value)) and COUNT.search(ast.unparse(number.value)):
                    found.add(path.relative_to(package).as_posix())
    assert found == SEVERAL.keys()
