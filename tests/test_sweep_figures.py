"""The figures of a sweep: labels that can be read, odd grids, same bytes."""

from __future__ import annotations

from itertools import combinations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

import gclust
from gclust.experiments.sweep import plateaus
from gclust.report.k_distance import draw_k_distance
from gclust.report.sweep_heatmaps import (
    PLATEAU,
    QUANTITIES,
    Quantity,
    Surfaces,
    draw_surfaces,
    quantity_of,
    surface_on,
)

EPS, LEAST = np.arange(6.0, 31.0, 2.0), np.array([250, 500, 1000, 2000, 4000, 8000, 16000.0])


def table(eps=EPS, least=LEAST) -> pd.DataFrame:
    """A surface that falls steeply with min_samples, and bends."""
    x, y = (axis.ravel() for axis in np.meshgrid(eps, least, indexing="ij"))
    far = np.abs(np.log(x / 14)) + np.abs(np.log(y / 2000)) / 3
    return pd.DataFrame(
        {
            "eps_km": x,
            "min_samples": y,
            "n_clusters": np.maximum(3e6 / y / x**0.7, 0).round().astype(int),
            "clustered_share": 0.9 / (1 + y / 900 / x),
            "largest_share": 0.04,
            "ari": np.exp(-far),
            "ami": np.where(x > 20, np.nan, np.exp(-far / 3)),
            "jaccard": 1.0,
            "tau_b": np.nan,
            "diagnostics": np.where(y > 9000, "almost no listings core", ""),
            "plateau": np.where((x > 9) & (x < 15) & (y < 2500), "12 km, 1000", ""),
        }
    )


def texts(figure) -> list:
    return [t for t in figure.axes[0].texts if t.get_text()]


def test_labels_of_contours_stand_apart_and_inside(tmp_path):
    shown = [q for q in QUANTITIES if q.column in ("n_clusters", "largest_share", "ami", "tau_b")]
    figures = draw_surfaces(
        table(),
        (14.0, 2000.0),
        [(12.0, 1000.0)],
        tmp_path,
        title="A world",
        target_clusters=237,
        quantities=shown,
    )
    labels = {}
    for figure, quantity in zip(figures, shown, strict=True):
        labels[quantity.column] = [t.get_text() for t in texts(figure)]
        # The number in a circle is no label.
        boxes = [t.get_window_extent() for t in texts(figure) if t.get_text() != "1"]
        assert not [pair for pair in combinations(boxes, 2) if pair[0].overlaps(pair[1])]
        frame = figure.axes[0].get_window_extent()
        for box in boxes:
            assert frame.x0 < box.x0 < box.x1 < frame.x1
            assert frame.y0 < box.y0 < box.y1 < frame.y1
        for ending in ("png", "pdf"):
            assert (tmp_path / f"{quantity.column}.{ending}").is_file()
    assert "237" in labels["n_clusters"]
    assert len(labels["n_clusters"]) > 4
    # Where nothing differs there is nothing to label.
    assert labels["largest_share"] == labels["tau_b"] == ["1"]


@pytest.mark.parametrize(("eps", "least"), [(EPS[:1], LEAST), (EPS, LEAST[:1]), ([9.0], [500.0])])
def test_one_row_of_pairs_has_its_values_written(tmp_path, eps, least):
    rows = table(np.array(eps), np.array(least))
    count = [q for q in QUANTITIES if q.column == "n_clusters"]
    (figure,) = draw_surfaces(
        rows, (eps[0], least[0]), [], tmp_path, title="A world", quantities=count
    )
    assert sorted(t.get_text() for t in texts(figure)) == sorted(map(str, rows["n_clusters"]))


def test_same_bytes_for_permuted_rows(tmp_path):
    count = [Quantity("n_clusters", "Number of clusters", "count")]
    for name, rows in (("a", table()), ("b", table().sample(frac=1, random_state=3))):
        draw_surfaces(rows, (14.0, 2000.0), [], tmp_path / name, title="é", quantities=count)
    for ending in ("png", "pdf"):
        a, b = (tmp_path / name / f"n_clusters.{ending}" for name in "ab")
        assert a.read_bytes() == b.read_bytes()


def test_the_curve_has_the_baseline_and_up_to_four_others(tmp_path):
    share = np.linspace(0.1, 1, 10)
    parts = [
        pd.DataFrame({"min_samples": k, "distance_km": share * k / 100, "weight_share": share})
        for k in LEAST
    ]
    parts[-1].loc[5:, "distance_km"] = np.inf
    figure = draw_k_distance(pd.concat(parts), (14.0, 2000.0), tmp_path, title="A world")
    legend = [t.get_text() for t in figure.axes[0].get_legend().get_texts()]
    assert legend == [f"min_samples {k}" for k in (250, 1000, 2000, 4000, 16000)]
    lines = figure.axes[0].get_lines()
    own = next(line for line in lines if line.get_label() == "min_samples 2000")
    np.testing.assert_allclose(own.get_xdata(), 100 * share)
    np.testing.assert_allclose(own.get_ydata(), share * 20)
    assert own.get_linewidth() > max(line.get_linewidth() for line in lines if line is not own)
    assert lines[-1].get_ydata() == [14.0, 14.0]
    assert (tmp_path / "k_distance.pdf").is_file()


def test_the_curve_of_few_min_samples_has_all_of_them(tmp_path):
    rows = [(k, 1.0, 1.0) for k in LEAST[:5]]
    curve = pd.DataFrame(rows, columns=["min_samples", "distance_km", "weight_share"])
    figure = draw_k_distance(curve, (14.0, 500.0), tmp_path, title="A world")
    legend = [t.get_text() for t in figure.axes[0].get_legend().get_texts()]
    assert legend == [f"min_samples {k:g}" for k in LEAST[:5]]


def test_marks_hatches_and_edges_lie_where_the_table_says(tmp_path):
    count = [q for q in QUANTITIES if q.column == "n_clusters"]
    rows = table()
    (figure,) = draw_surfaces(
        rows, (14.0, 2000.0), [(12.0, 1000.0)], tmp_path, title="A world", quantities=count
    )
    axes = figure.axes[0]
    places = {
        line.get_marker(): (line.get_xdata().item(), line.get_ydata().item())
        for line in axes.get_lines()
        if line.get_marker() in ("s", "o")
    }
    assert places == {"s": (3, 4), "o": (2, 3)}
    hatched = {patch.get_xy() for patch in axes.patches if patch.get_hatch()}
    assert hatched == {(5.5, up - 0.5) for up in range(13)}
    # The plateau holds 10 to 14 km and up to 2,000.
    edges = [
        tuple(map(float, (*line.get_xdata(), *line.get_ydata())))
        for line in axes.get_lines()
        if line.get_color() == PLATEAU
    ]
    assert len(edges) == 2 * (4 + 3)
    x0, x1, y0, y1 = np.array(edges).T
    assert (min(x0), max(x1), min(y0), max(y1)) == (-0.5, 3.5, 1.5, 4.5)
    inside = (np.minimum(x0, x1) > -0.5) & (np.maximum(x0, x1) < 3.5)
    assert set(y0[inside]) == {1.5, 4.5}


def test_heat_maps_on_given_axes_say_what_they_show():
    given = Surfaces(table(), (14.0, 2000.0), [])
    for column, title, unit in (
        ("n_clusters", "Number of clusters", "clusters"),
        ("ari", "Adjusted Rand index with the baseline", "index"),
    ):
        figure, axes = plt.subplots()
        surface_on(axes, given, quantity_of(column), legend=False, heading=True)
        assert axes.get_title(loc="left") == title
        assert [each.get_title(loc="left") for each in axes.child_axes] == [unit]
        plt.close(figure)


def labels_of(rows, column, target=None):
    figure, axes = plt.subplots()
    given = Surfaces(rows, (14.0, 2000.0), [], target)
    surface_on(axes, given, quantity_of(column), legend=True)
    plt.close(figure)
    return [each.get_text() for each in axes.get_legend().get_texts()]


def test_the_legend_says_what_grey_is():
    rows = table()
    assert "no value" in labels_of(rows, "ami")
    assert not {"no value", "no cluster"} & {
        *labels_of(rows, "ari"),
        *labels_of(rows, "n_clusters"),
    }
    none = rows.assign(n_clusters=rows["n_clusters"].where(rows["min_samples"] < 9000, 0))
    assert "no cluster" in labels_of(none, "n_clusters")
    assert "1 cluster" in labels_of(none, "n_clusters", target=1)


def test_heat_maps_outline_no_plateau_that_is_too_small_to_be_suggested(monkeypatch):
    sweep = gclust.sweep(
        gclust.datasets.example_study(), eps_km=[3, 4, 5, 6], min_samples=[50, 100]
    )
    assert sweep.plateaus["area"].max() >= plateaus.LEAST
    assert PLATEAU in {line.get_color() for line in sweep.plot().get_lines()}
    monkeypatch.setattr(plateaus, "LEAST", 100.0)
    assert PLATEAU not in {line.get_color() for line in sweep.plot().get_lines()}
    assert (sweep.table["plateau"] != "").any()
    assert set(sweep.table_drawn["plateau"]) == {""} == set(sweep.table_drawn["plateau_by_number"])
    plt.close("all")
