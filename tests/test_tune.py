"""The tuner without its page: outcomes of parameter sets are those of runs, and are written."""

from __future__ import annotations

import errno
import itertools
import os
import re
import socket
import stat
import sys
import threading
import tomllib

import numpy as np
import pandas as pd
import pytest
import shapely
from click.testing import CliRunner

import gclust
from gclust.cli import main
from gclust.cluster.gaps import gaps_km
from gclust.errors import StudyError
from gclust.experiments.tune import session as tune_session
from gclust.experiments.tune.location_grid import LocationGrid
from gclust.experiments.tune.map_data import mercator, names_with_room, polygon_paths
from gclust.experiments.tune.outcome import ParameterSet
from gclust.experiments.tune.session import Session
from gclust.experiments.tune.worker import Worker
from gclust.experiments.tune.write_study import with_parameters, write_study
from gclust.listings.engines.duckdb import DuckDBEngine
from gclust.progress import silent
from gclust.units import UNIT
from tests.worlds import listings, study_folder

GRID = "[sweep]\neps_km = [2, 10, 70]\nmin_samples = [60, 100, 9000]\n"
OWN = "[clusters]\neps_km = 10\nmin_samples = 100\n"


def world() -> pd.DataFrame:
    """The towns, with a team of 31, whose shares are not whole units, and a third kind."""
    table = listings()
    team = table[(table["kind"] == "patent")].groupby("town").head(8)[:31].copy()
    team["record"] = 9001
    deals = table[table["kind"] == "patent"].groupby("town").head(7).assign(kind="deal")
    table = pd.concat([table, team, deals], ignore_index=True)
    # Records that are texts, and rows without one.
    table["record"] = "r" + table["record"].astype(str)
    table.loc[::97, "record"] = None
    return table


CASES = {
    "as it comes": ("", [(10, 100, 5, "mutual", "fractional"), (2, 60, 5, "none", "pairs")]),
    "merging": (
        '[merge]\nmax_gap_km = 500\nrule = "one-sided"\nnoise_partner = false\n',
        [(10, 100, 500, "one-sided", "fractional"), (10, 60, 500, "one-sided", "pairs")],
    ),
    "whole": (
        '[counting]\nmethod = "whole"\n[density]\nkinds = ["patent", "publication"]\n'
        '[merge]\nmax_gap_km = 80\nnoise_partner = false\n[score]\ncombine = "geometric"\n',
        [(10, 100, 80, "mutual", "fractional"), (70, 100, 5, "mutual", "fractional")],
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_the_outcome_of_any_parameter_set_is_that_of_a_run(tmp_path, case):
    extra, parameter_sets = CASES[case]
    study = gclust.read_study(study_folder(tmp_path, world(), OWN + GRID + extra))
    session = Session(study, n_jobs=None, report=silent)
    for values in parameter_sets:
        parameters = ParameterSet(*values)
        run = gclust.run(with_parameters(study, parameters))
        outcome = session.outcome(parameters)
        table = outcome.table.drop(columns="rank_then")
        pd.testing.assert_frame_equal(
            table, run.ranking[table.columns], check_exact=True, check_dtype=False
        )
        figures = outcome.merged.figures
        assert figures["n_clusters"] == len(run.ranking)
        assert figures["clusters_before_merging"] == run.info["clusters_before_merging"]
        at = run.locations
        weight, inside = at["density"].sum(), at["cluster_id"] >= 0
        assert figures["clustered_share"] == at.loc[inside, "density"].sum() / weight
        assert figures["core_share"] == at.loc[at["core"], "density"].sum() / weight


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return study_folder(tmp_path_factory.mktemp("a study é"), extra=OWN + GRID)


@pytest.fixture(scope="module")
def session(path):
    return Session(gclust.read_study(path), n_jobs=None, report=silent)


def test_the_database_is_closed_before_the_surface_is_made(path, monkeypatch):
    closed, real = [], DuckDBEngine.__exit__
    monkeypatch.setattr(DuckDBEngine, "__exit__", lambda *a: closed.append("closed") or real(*a))
    make = tune_session.surface_of_locations
    monkeypatch.setattr(
        tune_session, "surface_of_locations", lambda *a, **k: closed.append("made") or make(*a, **k)
    )
    Session(gclust.read_study(path), n_jobs=None, report=silent).close()
    assert closed == ["closed", "made"]  # and closed only once


def test_changes_against_the_study(session):
    own = session.outcome(session.own)
    assert own.table["rank_then"].tolist() == own.table["rank"].tolist() == [1, 2, 3]
    assert own.gone.empty
    assert own.merged.figures["ari"] == 1.0
    wide = session.outcome(session.own.at((70.0, 100.0)))
    names = wide.table["name"].tolist()
    assert names == ["Munich–Augsburg", "Graz"]
    then = dict(zip(own.table["name"], own.table["rank"], strict=True))
    assert wide.table["rank_then"].tolist() == [then["Munich"], then["Graz"]]
    assert wide.gone.to_dict("records") == [
        {"rank": then["Augsburg"], "name": "Augsburg", "into": "Munich–Augsburg"}
    ]


def test_figures_are_those_of_a_sweep(session, path):
    table = gclust.sweep(path).table
    assert len(table) == 9
    for row in table.itertuples():
        figures, diagnostics = session.figures(session.own.at((row.eps_km, row.min_samples)))
        for name, value in figures.items():
            assert value == getattr(row, name), name
        assert diagnostics == row.diagnostics


def test_a_parameter_set_without_clusters_has_an_outcome(session):
    outcome = session.outcome(session.own.at((10.0, 9000.0)))
    assert outcome.table.empty
    assert (outcome.merged.diagnostics, len(outcome.gone)) == ("no cluster", 3)
    assert outcome.gone["into"].isna().all()


def scattered():
    """Locations round the pole, the 180th meridian and Greenwich, in three labels and noise."""
    rng = np.random.default_rng(5)
    centres = [(89.95, 20), (-17.5, 179.95), (51.5, 0.0), (10.0, 10.0)]
    lat, lon = (np.repeat(values, 60) for values in zip(*centres, strict=True))
    lat = np.clip(lat + rng.normal(0, 0.08, 240), -90, 90).round(4)
    lon = (lon + rng.normal(0, 0.08, 240) + 180) % 360 - 180
    table = pd.DataFrame({"lat": lat, "lon": lon.round(4), "density": UNIT})
    table = table.drop_duplicates(["lat", "lon"]).sort_values(["lat", "lon"], ignore_index=True)
    table["label"] = rng.integers(-1, 3, len(table)).astype(np.int32)
    return table


@pytest.mark.parametrize("most_gap_km", [0.0, 0.5, 4.0, 400.0])
def test_gaps_are_those_of_a_run(most_gap_km):
    table = scattered()
    places = LocationGrid(table, 10.0, most_gap_km)
    expected = gaps_km(
        table["lat"].to_numpy(), table["lon"].to_numpy(), table["label"].to_numpy(), most_gap_km
    )
    assert places.gaps_km(table["label"].to_numpy()[places.order]) == expected


@pytest.mark.parametrize("eps_km", [0.5, 15.0, 120.0])
def test_outlines_hold_the_cores_and_little_else(eps_km):
    table = scattered()
    places = LocationGrid(table, eps_km, 5.0)
    labels = table["label"].to_numpy()[places.order]
    core = labels >= 0
    core[::3] = False
    shapes = places.outlines(labels, core, 3)
    side = places.step / 100
    assert side <= max(eps_km / 4 / 111.2, 0.01) * 1.01
    for label, shape in enumerate(shapes):
        here = core & (labels == label)
        # A square across 180 degrees is drawn on one side.
        away = [
            shapely.distance(shape, shapely.points(places.lon[here] + turn, places.lat[here]))
            for turn in (-360, 0, 360)
        ]
        assert shapely.is_valid(shape)
        assert np.min(away, axis=0).max() < 1e-9
        assert shape.area <= here.sum() * side**2 * 1.001


class FakeSession:
    """A session in which every parameter set takes until the gate opens."""

    def __init__(self):
        self.own = ParameterSet(1.0, 1.0, 0.0, "none", "pairs")
        self.pairs = [(1.0, 1.0), (2.0, 1.0), (8.0, 1.0)]
        self.found, self.begun, self.pending = {}, [], set()
        self.gate, self.free = threading.Event(), False

    def known_figures(self, parameters):
        return self.found.get(parameters)

    def is_ranked(self, parameters):
        return parameters in self.found

    def is_pending(self, parameters):
        return parameters in self.pending

    def draft(self, parameters, report):
        return f"draft of {parameters.eps_km:g}"

    def figures(self, parameters, report):
        self.begun.append(parameters.pair)
        while not self.free and not self.gate.wait(0.005):
            report(0.0, "")
        self.found[parameters] = ({"n_clusters": 1}, "")

    def outcome(self, parameters, report):
        if parameters.eps_km == 99.0:
            raise StudyError("out of reach")
        self.figures(parameters, report)
        return parameters.pair


def test_requests_come_before_the_rest():
    session, notified = FakeSession(), []
    worker = Worker(session, lambda: notified.append(1))
    worker.start()
    answers, arrived = [], threading.Semaphore(0)

    def deliver(found):
        answers.append(found)
        arrived.release()

    try:
        worker.request("page", session.own.at((8.0, 1.0)), deliver)
        worker.request("page", session.own.at((2.0, 1.0)), deliver)
        worker.request("page", session.own.at((99.0, 1.0)), deliver)
        assert arrived.acquire(timeout=10)
        assert str(answers[0]) == "out of reach"
        worker.request("other page", session.own.at((2.0, 1.0)), deliver)
        session.free = True
        assert arrived.acquire(timeout=10)
        assert answers[1:] == [(2.0, 1.0)]
        for _ in range(1000):
            if len(session.found) == 3:
                break
            threading.Event().wait(0.01)
        assert {parameters.pair for parameters in session.found} == set(session.pairs)
        # The nearest to the last request is tried first.
        assert session.begun[-2:] == [(1.0, 1.0), (8.0, 1.0)]
    finally:
        session.free = True
        worker.end()
    assert len(notified) == 3


def test_a_slow_score_is_delivered_after_a_draft_and_only_on_request():
    session, notified = FakeSession(), []
    session.free = True
    session.pending = {session.own.at(pair) for pair in session.pairs}
    # Known figures are no reason to rank parameter sets that nobody requests.
    session.found = dict.fromkeys(session.pending, ({"n_clusters": 1}, ""))
    session.is_ranked = lambda parameters: False
    worker = Worker(session, lambda: notified.append(1))
    answers, arrived = [], threading.Semaphore(0)
    worker.start()
    try:
        worker.request(
            "page", session.own, lambda found: answers.append(found) or arrived.release()
        )
        assert arrived.acquire(timeout=10)
        assert arrived.acquire(timeout=10)
    finally:
        worker.end()
    assert answers == ["draft of 1", (1.0, 1.0)]
    assert session.begun == [(1.0, 1.0)]


def test_parameters_are_written_next_to_the_study_and_never_over_a_file(path, session):
    before = path.read_bytes()
    parameters = ParameterSet(2.0, 60.0, 1.0, "one-sided", "pairs")
    written = [write_study(session.study, parameters, path) for _ in range(3)]
    assert [each.name for each in written] == [
        "study-tuned.toml",
        "study-tuned-2.toml",
        "study-tuned-3.toml",
    ]
    assert path.read_bytes() == before
    texts = {each.read_text(encoding="utf-8") for each in written}
    assert len(texts) == 1
    assert sorted(p.name for p in path.parent.glob(".*")) == []
    expected = tomllib.loads(texts.pop())
    assert expected["merge"]["rule"] == "one-sided"
    read = gclust.read_study(written[0])
    assert ParameterSet.of(read) == parameters
    assert read == with_parameters(session.study, parameters)
    for each in written:
        each.unlink()


@pytest.mark.skipif(os.name == "nt", reason="Windows has no umask")
@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o027, 0o640), (0o077, 0o600)])
def test_a_written_study_has_the_mode_of_any_new_file(path, session, umask, mode):
    before = os.umask(umask)
    try:
        written = write_study(session.study, session.own, path)
    finally:
        os.umask(before)
    assert stat.S_IMODE(written.stat().st_mode) == mode
    written.unlink()


def test_a_study_is_written_whole_or_not_at_all(path, session, monkeypatch):
    there = sorted(path.parent.iterdir())
    seen = []

    def full(_):
        seen.extend(path.parent.glob("*-tuned*.toml"))
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_study(session.study, session.own, path)
    assert seen == []
    assert sorted(path.parent.iterdir()) == there


def test_parameters_that_the_study_forbids_are_not_written(tmp_path):
    path = study_folder(tmp_path, extra=OWN + GRID)
    study = gclust.read_study(path)
    with pytest.raises(StudyError, match="min_samples = 0.5; expected 1 or more"):
        write_study(study, ParameterSet(2.0, 0.5, 5.0, "mutual", "pairs"), path)
    assert [each.name for each in tmp_path.glob("*.toml")] == ["study.toml"]


def test_names_do_not_lie_on_each_other():
    rng = np.random.default_rng(2)
    x, y = rng.uniform(0, 100, 400), rng.uniform(0, 50, 400)
    names = ["Tokyo–Yokohama" if i % 2 else "Ulm" for i in range(400)]
    shown = names_with_room(x, y, names, (0.0, 100.0, 0.0, 50.0), (800.0, 400.0))
    assert 20 < len(shown) <= 60
    for a, b in itertools.combinations(shown, 2):
        apart_up = abs(y[a] - y[b]) * 8 >= 15
        left, right = sorted((a, b), key=lambda i: x[i])
        assert apart_up or (x[right] - x[left]) * 8 >= 6.4 * len(names[left])
    # The more important one stays.
    assert names_with_room(
        np.zeros(2), np.zeros(2), ["one", "two"], (-1.0, 1.0, -1.0, 1.0), (400.0, 400.0)
    ) == [0]


def test_the_plane_of_the_map():
    # Snyder (1987), table 10: the Mercator projection of the sphere, in radii.
    assert np.radians(mercator([0, 45, 60])) == pytest.approx([0, 0.88137, 1.31696], abs=1e-5)
    square = shapely.box(0, 0, 1, 1) - shapely.box(0.4, 0.4, 0.6, 0.6)
    paths = polygon_paths([square])
    assert [len(paths["xs"]), len(paths["xs"][0]), len(paths["xs"][0][0])] == [1, 1, 2]


def test_the_address_that_is_printed_is_the_one_that_is_opened(path, monkeypatch):
    opened = []
    monkeypatch.setattr("webbrowser.open", opened.append)
    monkeypatch.setattr("gclust.experiments.tune.run._until_stopped", lambda server: None)
    done = CliRunner().invoke(main, ["tune", str(path)])
    assert done.exit_code == 0, done.output
    (address,) = opened
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/\?token=[\w-]{43}", address)
    assert f"gclust tune is at {address}\n" in done.output


def test_a_port_that_is_taken_is_refused_before_the_study_is_prepared(tmp_path):
    study = study_folder(tmp_path)
    for each in tmp_path.glob("*.csv"):  # without which it could not be prepared
        each.unlink()
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        done = CliRunner().invoke(main, ["tune", str(study), "--port", str(port)])
    assert (done.exit_code, done.output.count("\n")) == (2, 1)
    assert f"port {port} cannot be opened (" in done.output


def test_faults_end_with_one_sentence(tmp_path, path, monkeypatch):
    done = CliRunner().invoke(main, ["tune", str(tmp_path / "none.toml")])
    assert (done.exit_code, "none.toml: cannot be read" in done.output) == (2, True)
    other = tmp_path / "h.toml"
    other.write_text(
        path.read_text(encoding="utf-8").replace(OWN, '[clusters]\nmethod = "hdbscan"\n'),
        encoding="utf-8",
    )
    done = CliRunner().invoke(main, ["tune", str(other)])
    assert (done.exit_code, "method is 'hdbscan'" in done.output) == (2, True)
    monkeypatch.setitem(sys.modules, "bokeh", None)
    done = CliRunner().invoke(main, ["tune", str(path)])
    assert done.exit_code == 2
    assert 'pip install "bokeh>=3.7"' in done.output
