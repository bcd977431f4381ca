"""The bump chart: who is drawn, where lines lead, and that no label covers another."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from matplotlib.patches import PathPatch

from gclust.report.bump import draw_bump_chart


def comparison(n: int, seed: int = 1) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Clusters with long names, a tenth of them in one run only."""
    rng = np.random.default_rng(seed)
    rank_a, rank_b = np.arange(n), np.argsort(rng.normal(np.arange(n), n / 5))
    table = pd.DataFrame(
        {
            "id": np.arange(n),
            "rank_a": pd.array(rank_a + 1, dtype="Int64"),
            "rank_b": pd.array(rank_b + 1, dtype="Int64"),
        }
    )
    name = [f"Shenzhen–Hong Kong–Guangzhou {i}" + " and so on" * (i % 3) for i in range(n)]
    table["name_a"] = table["name_b"] = name
    table.loc[table["id"] % 10 == 3, "rank_a"] = pd.NA
    table.loc[table["id"] % 10 == 7, "rank_b"] = pd.NA
    table["rank_change"] = table["rank_a"] - table["rank_b"]
    related = pd.DataFrame({"id_a": [7, 17], "id_b": [0, 5000], "continues": [False, False]})
    return table, related.astype({"id_a": "Int64", "id_b": "Int64"})


def texts(figure):
    return [*figure.texts, *(text for axes in figure.axes for text in axes.texts)]


@pytest.mark.parametrize("n", [237, 4, 1])
def test_no_label_covers_another_or_leaves_the_page(n, tmp_path):
    table, related = comparison(n)
    figure = draw_bump_chart(table, related, ("gii-2023", "gii-2025"), tmp_path)
    renderer = figure.canvas.get_renderer()
    boxes = [text.get_window_extent(renderer) for text in texts(figure)]
    page = figure.bbox
    for box in boxes:
        assert page.x0 <= box.x0
        assert box.x1 <= page.x1
        assert page.y0 <= box.y0
        assert box.y1 <= page.y1
    for one, two in combinations(boxes, 2):
        assert not one.overlaps(two)
    lines = [p for axes in figure.axes for p in axes.patches if isinstance(p, PathPatch)]
    first = table[(table["rank_a"] <= 30).fillna(False) | (table["rank_b"] <= 30).fillna(False)]
    both = first[["rank_a", "rank_b"]].notna().all(axis=1).sum()
    # One leads from a cluster that is gone to the one that it went into.
    assert len(lines) == both + (n > 7)
    assert len(boxes) == 3 + first["rank_a"].notna().sum() + first["rank_b"].notna().sum()


def test_texts_of_labels(tmp_path):
    table = pd.DataFrame(
        {
            "id": [0, 1, 2],
            "name_a": ["London", "Tokyo", pd.NA],
            "rank_a": pd.array([21, 1, None], dtype="Int64"),
            "name_b": ["London", "Tokyo", "A\nnew <town>"],
            "rank_b": pd.array([1, 1, 3], dtype="Int64"),
            "rank_change": pd.array([20, 0, None], dtype="Int64"),
        }
    )
    related = pd.DataFrame({"id_a": [0], "id_b": [0], "continues": [True]})
    figure = draw_bump_chart(table, related, ("was", "is"), tmp_path, top=5)
    said = [text.get_text() for text in figure.axes[0].texts]
    assert said == [
        "Tokyo  1",
        "London  21",
        "1  Tokyo",
        "1  London  ▲20",
        "3  A new <town>  new",
        "was",
        "is",
    ]


def test_same_bytes(tmp_path):
    table, related = comparison(60)
    for part in ("one", "two"):
        draw_bump_chart(table, related, ("a", "b"), tmp_path / part)
    for name in ("bump.png", "bump.pdf"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_no_cluster_at_all(tmp_path):
    table, related = comparison(3)
    draw_bump_chart(table.head(0), related.head(0), ("a", "b"), tmp_path)
    assert (tmp_path / "bump.pdf").stat().st_size > 500
