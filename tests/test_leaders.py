"""Leaders of each kind per head, and the example of the GII's arithmetic as users run it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

import gclust
from gclust.ranking.table import ranking

EXAMPLE = Path(__file__).resolve().parents[1] / "examples" / "gii_arithmetic"


@pytest.fixture
def table() -> pd.DataFrame:
    clusters = pd.DataFrame({"cluster_id": range(5), "name": list("ABCDE"), "economies": "GB"})
    clusters["population"] = [1e7, 1e6, 5e5, 0.0, 1e4]
    clusters["area_km2"] = [100.0, 10.0, 10.0, 1.0, 1.0]
    count = pd.DataFrame(
        {"patent": [1000.0, 200.0, 100.0, 90.0, 10.0], "deal": [50.0, 0.0, 10.0, 8.0, 1.0]}
    )
    return ranking(clusters, count, 100 * count / count.sum())


def found(rows: pd.DataFrame, kind: str) -> list[tuple[str, int, float]]:
    rows = rows[rows["kind"] == kind]
    return list(zip(rows["name"], rows["kind_rank"], rows["value"], strict=True))


def test_leaders_by_hand(table):
    rows = gclust.leaders(table, top=4)
    # E, the first per head, is fifth by score; nobody lives in D; B has no deal.
    assert found(rows, "patent") == [("B", 1, 200.0), ("C", 1, 200.0), ("A", 3, 100.0)]
    assert found(rows, "deal") == [("C", 1, 20.0), ("A", 2, 5.0)]
    assert found(gclust.leaders(table, first=1), "patent") == [("E", 1, 1000.0)]
    # Those that tie with the last one are there too.
    assert len(found(gclust.leaders(table, top=4, first=1), "patent")) == 2
    assert found(gclust.leaders(table, per="km2", first=1), "deal") == [("D", 1, 8.0)]
    assert found(gclust.leaders(table, per="world", first=1), "deal")[0][0] == "A"
    assert rows["rank"].tolist() == [table.set_index("name")["rank"][n] for n in rows["name"]]


def test_what_leaders_refuses(table):
    with pytest.raises(ValueError, match="per must be one of head, km2, world, not 'capita'"):
        gclust.leaders(table, per="capita")
    with pytest.raises(ValueError, match="first must be 1 or more"):
        gclust.leaders(table, first=0)
    with pytest.raises(ValueError, match="raster"):
        gclust.leaders(table.assign(population=float("nan")))


def test_the_example_prints_what_its_readme_says():
    done = subprocess.run(
        [sys.executable, str(EXAMPLE / "arithmetic.py")],
        capture_output=True, text=True, encoding="utf-8", check=True,
        env={**os.environ, "PYTHONIOENCODING": "utf-8"},
    )  # fmt: skip
    assert "102 of 102 printed shares and totals come out" in done.stdout
    assert "34 of 34 ranks" in done.stdout
    assert "One application is worth 5.94 articles" in done.stdout
    text = (EXAMPLE / "README.md").read_text(encoding="utf-8")
    assert done.stdout.strip() in text
