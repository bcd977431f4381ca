"""The report of a run: one file, offline, that shows what the run gave."""

from __future__ import annotations

import dataclasses
import json
import random
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import shapely

import gclust
from gclust.errors import StudyError
from gclust.results import references
from gclust.results.manifest import PREFIX, foreign_entry, remove_written
from gclust.results.web import map_data
from gclust.results.web.choices import choices, meanings
from gclust.results.web.page import page
from gclust.study.clustering_methods import CLUSTERING_METHODS
from gclust.study.schema import SECTIONS
from gclust.study.sections import OtherFootprint, Source
from tests.chromium import Browser, find_chromium

EVIL = "<script>window.pwned = 1</script>"
LARGEST_MB = 8.0


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run of three towns in its folder."""
    return gclust.run(gclust.datasets.example_study(), tmp_path_factory.mktemp("r") / "run")


def with_names(run, name):
    tables = {key: getattr(run, key).assign(name=name) for key in ("ranking", "clusters")}
    return dataclasses.replace(run, **tables)


def large(run, n=300, n_locations=110_000):
    """The run with many clusters, with footprints of many corners, and many locations."""
    rng = np.random.default_rng(1)
    at = rng.uniform([-50, -170], [65, 170], (n, 2))
    clusters = run.clusters.iloc[np.arange(n) % len(run.clusters)].reset_index(drop=True)
    rough = [
        shapely.Polygon(
            (lon + r * np.cos(a), lat + r * np.sin(a))
            for a, r in zip(np.linspace(0, 6.28, 500), rng.uniform(0.2, 0.3, 500), strict=True)
        )
        for lat, lon in at
    ]
    new = {"rank": range(1, n + 1), "cluster_id": range(n), "lat": at[:, 0], "lon": at[:, 1]}
    clusters = clusters.assign(**new).set_geometry(rough)
    where = rng.integers(0, n, n_locations)
    locations = pd.DataFrame(
        at[where] + rng.normal(0, 0.3, (n_locations, 2)), columns=["lat", "lon"]
    ).assign(weight=1.0 + where, cluster_id=np.where(where % 3, where, -1))
    ranking = pd.DataFrame(clusters.drop(columns="geometry"))
    return dataclasses.replace(run, clusters=clusters, ranking=ranking, locations=locations)


def data_of(content):
    found = re.search(rb"<script type='application/json' id='data'>(.*?)</script>", content)
    return json.loads(found[1])


def test_bytes_are_the_same_each_time_and_those_of_the_read_run(run):
    assert page(run) == page(run) == page(gclust.read_run(run.path))


def test_it_is_small_enough_at_the_size_of_the_gii(run):
    content = page(large(run))
    assert len(content) < LARGEST_MB * 1e6
    data = data_of(content)
    assert data["locations"]["shown"] == map_data.MOST_LOCATIONS
    assert b"The 100,000 heaviest locations are drawn" in content
    rings = [len(ring) // 2 for shape in data["footprints"] for part in shape for ring in part]
    assert sum(rings) <= map_data.MOST_CORNERS


def test_the_heaviest_locations_are_drawn(run, monkeypatch):
    monkeypatch.setattr(map_data, "MOST_LOCATIONS", 2)
    table = pd.DataFrame(
        {"lat": [3.0, 1.0, 2.0], "lon": 0.0, "weight": [5, 1, 9], "cluster_id": [0, 0, -1]}
    )
    found = map_data.locations(table)
    assert (found["all"], found["shown"]) == (3, 2)
    assert found["noise"]["y"] != found["clustered"]["y"]
    shuffled = map_data.locations(table.sample(frac=1, random_state=1))
    assert shuffled == found


def test_steps_of_a_ring_lead_round_it():
    (((ring,),),) = map_data.paths(np.array([shapely.box(-1, 0, 1, 0.5)]))
    corners = np.cumsum(np.reshape(ring, (-1, 2)), axis=0) / map_data.STEPS
    assert shapely.Polygon(corners).equals_exact(shapely.box(-1, 0, 1, 0.5), 1e-3, normalize=True)


def test_names_are_text(run):
    content = page(with_names(run, EVIL)).decode()
    assert EVIL not in content
    assert "&lt;script&gt;window.pwned" in content
    assert "\\u003cscript" in content


def test_every_choice_has_a_meaning(run):
    found = choices(run.study, run.info)
    # A run has no null model and no localisation, so that its report has no choices of theirs.
    absent = {"engine", "null", "localisation"}
    assert {each.section.strip("[]").split("]")[0] for each in found} >= {*SECTIONS} - absent
    for options in CLUSTERING_METHODS.values():
        other = dataclasses.replace(run.study, clusters=options())
        found += choices(other, run.info)
    assert [(each.section, each.key) for each in found if not each.meaning] == []
    assert {"name"} == {*meanings(OtherFootprint)}
    eps = next(each for each in found if each.key == "eps_km" and each.section == "[clusters]")
    assert (eps.value, eps.is_default) == ("5.0", False)
    assert eps.meaning.startswith("Radius of the neighbourhood")
    assert meanings(Source)["quote"] == meanings(Source)["encoding"]


def test_the_report_of_a_study_is_in_its_folder_with_the_same_bytes(run, tmp_path):
    study = gclust.read_study(run.study.folder / "study.toml")
    wanted = dataclasses.replace(study.outputs, report=True)
    done = gclust.run(dataclasses.replace(study, outputs=wanted), tmp_path / "run")
    content = (done.path / "report.html").read_bytes()
    assert content == page(done)
    info = json.loads((done.path / "run.json").read_text())
    assert "report.html" in info["files"]
    assert "report.html" in info["outputs"]
    assert gclust.write_report(done.path).read_bytes() == content


def test_a_folder_with_a_report_can_be_replaced_and_read(run, tmp_path):
    folder = tmp_path / "run"
    subprocess.run(["cp", "-r", run.path, folder], check=True)
    assert gclust.write_report(folder) == folder.resolve() / "report.html"
    before = (folder / "report.html").read_bytes()
    assert gclust.read_run(folder).report().read_bytes() == before
    assert foreign_entry(folder, "run") is None


def test_experiments_are_shown(run, tmp_path):
    study = run.study
    uncertainty = dataclasses.replace(study.uncertainty, draws=50)
    found = gclust.uncertainty(dataclasses.replace(study, uncertainty=uncertainty))
    sweep = gclust.sweep(study, eps_km=[3, 5], min_samples=[100], out=tmp_path / "sweep")
    changed = gclust.compare(run.path, run.path, tmp_path / "same", decompose=False)
    path = run.report(tmp_path / "a.html", uncertainty=found, sweep=sweep, comparison=changed)
    content = path.read_text()
    for title in ("Rank uncertainty", "Parameter sweep", "Comparison of"):
        assert title in content
    assert "mogstad2024" in content
    also = [tmp_path / "sweep", tmp_path / "same"]
    assert (
        "Parameter sweep"
        in gclust.write_report(run.path, tmp_path / "b.html", also=also).read_text()
    )
    with pytest.raises(StudyError, match="both hold a result of gclust sweep"):
        gclust.write_report(run.path, tmp_path / "c.html", also=[also[0], also[0]])
    with pytest.raises(StudyError, match="holds no uncertainty, sweep or comparison"):
        gclust.write_report(run.path, also=[tmp_path])


def test_errors_say_what_to_do(run, tmp_path, monkeypatch):
    with pytest.raises(StudyError, match="holds no run"):
        gclust.write_report(tmp_path)
    with pytest.raises(StudyError, match="no such folder"):
        run.report(tmp_path / "no" / "a.html")
    with pytest.raises(StudyError, match="is a folder; name a file"):
        run.report(tmp_path)
    with pytest.raises(StudyError, match="was not written; name a file"):
        dataclasses.replace(run, path=None).report()
    monkeypatch.setitem(sys.modules, "bokeh", None)
    with pytest.raises(StudyError, match="needs Bokeh"):
        run.report(tmp_path / "a.html")


KILLED = """
import sys, gclust
from gclust.results.web import write
gclust.write_report(sys.argv[1])
print("first", flush=True)
while True:
    gclust.read_run(sys.argv[1])
    for _ in range(200):
        write.write_page(__import__("pathlib").Path(sys.argv[1]), b"x" * 3_000_000, None)
"""


@pytest.mark.parametrize("kills", [1, pytest.param(30, marks=pytest.mark.full_size)])
def test_a_killed_report_leaves_nothing_half_written(run, kills, tmp_path):
    folder, rng = tmp_path / "run", random.Random(17)
    subprocess.run(["cp", "-r", run.path, folder], check=True)
    command = [sys.executable, "-c", KILLED, str(folder)]
    for _ in range(kills):
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout.readline() == "first\n"
            time.sleep(rng.uniform(0.0, 0.6))
            process.send_signal(signal.SIGKILL)
        assert len((folder / "report.html").read_bytes()) in (3_000_000, len(page(run)))
        gclust.write_report(folder)
        assert (folder / "report.html").read_bytes() == page(run)
        # Killed just before it was removed, a temporary folder may be left, empty.
        assert not [*folder.glob(f"{PREFIX}*/*")]
    (folder / f"{PREFIX}0").mkdir()
    assert foreign_entry(folder, "run") is None
    assert remove_written(folder, "run")


def test_methods_say_what_was_done(run):
    from click.testing import CliRunner

    from gclust.cli import main

    shown = CliRunner().invoke(main, ["report", str(run.path), "--methods"]).output
    assert "DBSCAN [@ester1996] with a radius of 5 km and a least weight of 100" in shown
    assert r"\cite{ester1996}" in shown
    assert "@inproceedings{ester1996," in shown
    assert "campello2013" not in shown
    assert "version = {0.1.0}" in shown
    wrong = CliRunner().invoke(main, ["report", str(run.path), "--methods", "-o", "x.html"])
    assert wrong.exit_code == 2
    written = CliRunner().invoke(main, ["report", str(run.path), "-o", str(run.path.parent / "r")])
    assert (run.path.parent / "r").read_bytes() == page(run), written.output


@pytest.mark.parametrize("method", CLUSTERING_METHODS)
def test_methods_cite_works_that_are_there(run, method):
    from gclust.results.methods import methods

    study = dataclasses.replace(run.study, clusters=CLUSTERING_METHODS[method]())
    done = methods(dataclasses.replace(run, study=study))
    assert done.keys
    for key in done.keys:
        assert f"{{{key}," in done.bibtex
    assert "⟦" not in done.text + done.markdown + done.latex + done.bibtex
    assert "  " not in done.text


def test_the_software_is_cited_as_the_citation_file_says():
    text = (Path(__file__).parents[1] / "CITATION.cff").read_text()
    assert f'title: "{references.TITLE}"' in text
    for key, work in references.works().items():
        assert work.splitlines()[0].endswith(f"{{{key},")
        assert work.count("{") == work.count("}")


def test_latex(run):
    table = with_names(run, "R&D_50% #1").to_latex(top=2)
    assert r"\toprule" in table
    assert table.count(r"R\&D\_50\% \#1") == 2
    assert r"\begin{tabular}{rllrrr}" in table
    assert r"\caption{Three simulated towns}" in table
    assert r"1 & Grenoble & 381,113 \\" in run.to_latex(["rank", "name", "population"])
    with pytest.raises(StudyError, match="no column 'nothing'"):
        run.to_latex(["nothing"])


class Shown:
    """The report in a browser without a network."""

    def __init__(self, path, folder):
        self.browser = Browser(find_chromium(), folder)
        offline = {"offline": True, "latency": 0, "downloadThroughput": 0, "uploadThroughput": 0}
        self.browser.call("Network.emulateNetworkConditions", **offline)
        self.path = path

    def open(self, width, mode="light"):
        scheme = [{"name": "prefers-color-scheme", "value": mode}]
        self.browser.call("Emulation.setEmulatedMedia", features=scheme)
        self.browser.open(f"file://{self.path}", width, 900)
        self.browser.wait_for("document.documentElement.dataset.ready === 'yes'")

    def __call__(self, script):
        return self.browser.evaluate(script)


@pytest.fixture(scope="module")
def shown(run, tmp_path_factory):
    folder = tmp_path_factory.mktemp("browser")
    named = with_names(run, [EVIL, "Lyon", "Grenoble"])
    row = {column: [EVIL] * 3 for column in run.rejects.columns}
    merges = {column: [1, 2] for column in run.merges.columns}
    named = dataclasses.replace(
        named, rejects=pd.DataFrame(row), merges=pd.DataFrame({**merges, "name_a": EVIL})
    )
    opened = Shown(named.report(folder / "report.html"), folder / "profile")
    yield opened
    opened.browser.close()


def test_it_needs_no_network(shown):
    for width, mode in ((1280, "light"), (800, "dark"), (400, "light")):
        shown.open(width, mode)
        assert shown("document.documentElement.scrollWidth") == width
    assert shown.browser.errors == []
    assert all(each.startswith(("file:", "data:", "blob:")) for each in shown.browser.requested)
    assert shown("window.pwned === undefined")


def test_the_ranking_is_sorted_searched_and_linked(shown):
    shown.open(1280)
    names = "[...body.rows].filter((r) => !r.hidden).map((r) => r.cells[1].textContent)"
    assert shown(names) == [EVIL, "Lyon", "Grenoble"]
    shown("heads[1].firstChild.click()")
    assert shown(names) == [EVIL, "Grenoble", "Lyon"]
    shown("heads[1].firstChild.click()")
    assert shown(names) == ["Lyon", "Grenoble", EVIL]
    assert shown("heads[1].getAttribute('aria-sort')") == "descending"
    shown("byId('search').value = 'LYÓN'; byId('search').dispatchEvent(new Event('input'))")
    assert shown(names) == ["Lyon"]
    assert shown("byId('found').textContent") == "1 of 3 clusters"
    assert shown("[...clusters.data.alpha]") == [0.05, 0.5, 0.05]
    shown("body.querySelector('[data-go=\"1\"]').click()")
    assert shown("Math.abs(view().x - dots.x[1]) < 1e-6")
    assert shown("byId('said').textContent").startswith("Lyon: rank 2, score ")
    shown("clusters.selected.indices = [2]")
    assert shown("body.querySelector('.here').cells[1].textContent") == "Grenoble"
    before = shown("view().scale")
    shown("document.querySelector('[data-do=in]').focus()")
    shown.browser.key("Enter", 13)
    shown("document.activeElement.click()")
    assert shown("view().scale") < before


def test_it_can_be_used_by_all(shown):
    """Checks of axe-core in both modes; its script is given by the environment in CI."""
    axe = find_axe()
    for mode in ("light", "dark"):
        shown.open(1280, mode)
        shown("for (const each of document.querySelectorAll('details')) each.open = true")
        shown(axe.read_text(encoding="utf-8"))
        shown("axe.run().then((found) => { window.found = found; })")
        shown.browser.wait_for("window.found !== undefined")
        wrong = "found.violations.map((v) => v.id + ': ' + v.nodes[0].html.slice(0, 200))"
        assert shown(wrong) == []
        assert shown("found.passes.length") > 20


def find_axe():
    """The script of axe-core; skips the test without it, and fails it in CI."""
    import os

    found = Path(os.environ.get("GCLUST_TESTS_AXE", "node_modules/axe-core/axe.min.js"))
    if not found.is_file():
        reason = "needs axe-core: npm install axe-core, or its axe.min.js in GCLUST_TESTS_AXE"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return found
