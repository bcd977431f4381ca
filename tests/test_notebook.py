"""Results in notebooks: text and HTML that they show, a map to move, and an example that runs."""

from __future__ import annotations

import base64
import io
import json
import os
import re
import sys
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.image import imread

import gclust
from gclust.html import points_map, svg, table
from tests.tree import ROOT

NOTEBOOK = ROOT / "examples" / "notebook" / "first_steps.ipynb"
BAD = "<script>alert('x')</script> & Sons\n"


@pytest.fixture(scope="module")
def run():
    return gclust.run(gclust.datasets.example_study())


@pytest.fixture(scope="module")
def results(run):
    study = gclust.datasets.example_study()
    return {
        "Run": run,
        "Sweep": gclust.sweep(study, eps_km=[3, 5], min_samples=[50, 100]),
        "Uncertainty": gclust.uncertainty(study),
        "Comparison": gclust.compare(gclust.datasets.example_study(years=(2015, 2019)), study),
    }


def parsed(html: str) -> ET.Element:
    """HTML that is well-formed XML too; raises for what was not escaped."""
    return ET.fromstring(f"<div>{html}</div>")


def words(element: ET.Element) -> str:
    return " ".join(element.itertext())


@pytest.mark.parametrize("name", ["Run", "Sweep", "Uncertainty", "Comparison"])
def test_results_show_a_head_in_text_and_in_html(results, name):
    result = results[name]
    lines = repr(result).splitlines()
    assert lines[0].startswith(f"{name}: ")
    assert 2 <= len(lines) <= 12
    html = result._repr_html_()
    assert len(html) < 60_000
    shown = parsed(html)
    assert lines[0].partition(": ")[2] in words(shown)
    if name != "Sweep":
        assert "Grenoble" in repr(result)
        assert "Grenoble" in words(shown)


def test_a_run_shows_counts_first_clusters_and_a_map(run):
    assert "3 clusters, 3 ranked" in repr(run)
    assert re.search(r"1 +Grenoble +FR +76\.6", repr(run))
    shown = parsed(run._repr_html_())
    (picture,) = [e for e in shown.iter() if e.tag.endswith("svg")]
    circles = [e for e in picture.iter() if e.tag.endswith("circle")]
    assert len(circles) == 3
    titles = sorted(e.text for e in picture.iter() if e.tag.endswith("title"))
    assert titles == ["1 Grenoble", "2 Lyon", "3 Geneva"]
    width, height = (float(picture.get(side)) for side in ("width", "height"))
    for circle in circles:
        assert 0 < float(circle.get("cx")) < width
        assert 0 < float(circle.get("cy")) < height


def test_names_with_markup_stay_text(run):
    ranking, clusters = run.ranking.copy(), run.clusters.copy()
    ranking.loc[0, "name"] = clusters.loc[0, "name"] = BAD
    odd = replace(run, ranking=ranking, clusters=clusters, path=Path("a<b>"))
    shown = parsed(odd._repr_html_())
    assert not [e for e in shown.iter() if e.tag.endswith("script")]
    assert "a<b>" in words(shown)
    assert "\n" not in repr(odd).splitlines()[3]
    assert parsed(table(["<i>"], [[BAD]])).find(".//i") is None
    assert parsed(svg(1, 1, "", BAD)) is not None


def test_a_run_without_clusters_shows_that(run):
    empty = replace(run, ranking=run.ranking.head(0), clusters=run.clusters.head(0))
    assert "0 clusters, 0 ranked" in repr(empty)
    assert "0 clusters" in words(parsed(empty._repr_html_()))


# Estimators


@pytest.fixture(scope="module")
def towns():
    rng = np.random.default_rng(1)
    centres = [(46.2, 6.1), (45.7, 4.8), (45.2, 5.7)]
    near = [rng.normal(centre, 0.03, (150, 2)) for centre in centres]
    return np.concatenate([*near, rng.uniform((44.5, 4), (47, 7), (100, 2))])


@pytest.mark.parametrize(
    "estimator",
    [
        gclust.DBSCAN(5, 20),
        gclust.HDBSCAN(50),
        gclust.DensityContour(5, 20, resolution_km=1),
    ],
    ids=["dbscan", "hdbscan", "contour"],
)
def test_a_fitted_estimator_shows_what_it_found(estimator, towns):
    name = type(estimator).__name__
    assert "Fitted<" not in estimator._repr_html_().replace("Fitted at", "")
    fitted = estimator.fit(towns)
    assert repr(fitted).startswith(f"{name}(")
    html = fitted._repr_mimebundle_()["text/html"]
    assert fitted._repr_html_().endswith(fitted._fitted_html())
    assert html.endswith(fitted._fitted_html())
    shown = parsed(fitted._fitted_html())
    assert "3 clusters of 550 rows" in words(shown)
    colours = {e.get("fill") for e in shown.iter() if e.tag.endswith("circle")}
    assert len(colours - {"#7f95ad"}) == 3


def test_a_small_map_of_many_points_is_small_and_passes_180_degrees():
    rng = np.random.default_rng(0)
    lat, lon = rng.uniform(-20, -10, 10**6), rng.uniform(175, 185, 10**6)
    picture = points_map(lat, (lon + 180) % 360 - 180, np.full(10**6, -1))
    assert len(picture) < 2_000_000
    assert float(parsed(picture)[0].get("width")) < 300  # not the whole world's width
    assert points_map(lat[:0], lon[:0], np.empty(0, np.int64)) == ""


# A map to move


def test_explore_is_geopandas_map_of_the_footprints(run):
    if "CI" not in os.environ:
        pytest.importorskip("folium")
        pytest.importorskip("mapclassify")
    shown = run.explore(tiles=None)
    html = shown.get_root().render()
    assert "Grenoble" in html
    assert "#20093f" in html


def test_explore_says_what_is_missing(run, monkeypatch):
    monkeypatch.setitem(sys.modules, "folium", None)
    with pytest.raises(ImportError, match="pip install folium mapclassify"):
        run.explore()


# The example


@pytest.fixture(scope="module")
def executed(tmp_path_factory):
    """The example notebook, executed in an empty folder."""
    if "CI" not in os.environ:
        pytest.importorskip("nbclient")
        pytest.importorskip("ipykernel")
    import nbclient
    import nbformat
    from jupyter_client.kernelspec import KernelSpec, KernelSpecManager

    class This(KernelSpecManager):
        """The Python that runs the tests, whatever kernels are installed."""

        def get_kernel_spec(self, kernel_name):
            start = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
            return KernelSpec(argv=start, language="python", display_name=kernel_name)

    from jupyter_client.manager import AsyncKernelManager

    folder = tmp_path_factory.mktemp("notebook")
    book = nbformat.read(NOTEBOOK, 4)
    manager = AsyncKernelManager(kernel_name="python3", kernel_spec_manager=This())
    where = {"metadata": {"path": str(folder)}}
    nbclient.NotebookClient(book, km=manager, timeout=600, resources=where).execute()
    return book, folder


def outputs(book, mime):
    found = []
    for cell in book.cells:
        for output in cell.get("outputs", ()):
            if mime in output.get("data", {}):
                found.append((cell["source"], output["data"][mime]))
    return found


def test_the_example_notebook_runs_and_shows_results_and_figures(executed):
    book, folder = executed
    shown = " ".join(html for _, html in outputs(book, "text/html"))
    for what in ("Run: ", "Sweep: ", "Uncertainty: ", "Comparison: ", "DBSCAN", "Fitted"):
        assert what in shown
    pictures = outputs(book, "image/png")
    assert len(pictures) == 8
    for source, picture in pictures:
        image = imread(io.BytesIO(base64.b64decode(picture)))[..., :3]
        assert image.shape[1] > 400, source
        # Something is drawn, and the edges of the page are empty.
        assert image.std() > 0.02, source
        for edge in (image[0], image[-1], image[:, 0], image[:, -1]):
            assert (edge == 1.0).all(), source
    assert (folder / "ranks.pdf").read_bytes().startswith(b"%PDF")


def test_progress_is_a_bar_below_the_cell(executed):
    book, _ = executed
    first = next(cell for cell in book.cells if "progress=True" in cell["source"])
    streams = [o for o in first["outputs"] if o["output_type"] == "stream"]
    assert not streams  # no lines of a log
    bars = [o["data"] for o in first["outputs"] if o["output_type"] == "display_data"]
    for bar in filter(lambda data: data["text/html"], bars):  # empty if no stage took a second
        assert "<progress" in bar["text/html"]
        assert "100 %" in bar["text/plain"]


def test_the_notebook_is_kept_without_outputs():
    book = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
    code = [cell for cell in book["cells"] if cell["cell_type"] == "code"]
    assert code
    assert not [cell for cell in code if cell["outputs"] or cell["execution_count"]]


def test_ranks_that_are_missing_are_shown_empty(run):
    ranking = run.ranking.copy()
    ranking["rank"] = pd.array([1, None, None], dtype="Int64")
    odd = replace(run, ranking=ranking)
    assert "3 clusters, 1 ranked" in repr(odd)
    assert "nan" not in repr(odd).lower()
