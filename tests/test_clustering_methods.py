"""HDBSCAN and contours in a study: the estimators' labels, the same tables, errors that help."""

from __future__ import annotations

import hashlib
import json
import runpy
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import shapely

import gclust
from gclust.cluster.hdbscan import hierarchical_labels
from gclust.errors import StudyError
from gclust.places.geodesic import area_km2
from gclust.units import UNIT
from tests.test_study import LEAST, read
from tests.worlds import listings, study_folder

PATENTS = '[density]\nkinds = ["patent"]\n'
SECTIONS = {
    "dbscan": "[clusters]\neps_km = 10\nmin_samples = 60\n",
    "hdbscan": '[clusters]\nmethod = "hdbscan"\nmin_cluster_size = 60\nmin_samples = 30\n',
    "contour": '[clusters]\nmethod = "contour"\nbandwidth_km = 5\nthreshold = 60\n'
    '[footprint]\nmethod = "contour"\n',
}
OTHERS = ("hdbscan", "contour")
EXAMPLE = (
    Path(__file__).resolve().parents[1] / "examples" / "compare_clustering_methods" / "compare.py"
)


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """One run of each method; publications only count."""
    done = {}
    for method, section in SECTIONS.items():
        folder = tmp_path_factory.mktemp(method)
        study = study_folder(folder, extra=section + PATENTS)
        done[method] = gclust.run(study, folder / "run", n_jobs=1)
    return done


def forming(run):
    rows = run.locations[run.locations["density"] > 0]
    return rows[["lat", "lon"]].to_numpy(), rows["density"].to_numpy(), rows


def same_partition(a, b):
    """Whether two labellings are the same but for their numbers."""
    pairs = set(zip(a.tolist(), b.tolist(), strict=True))
    return len(pairs) == len({x for x, _ in pairs}) == len({y for _, y in pairs})


@pytest.mark.parametrize("method", OTHERS)
def test_tables_are_those_of_dbscan(runs, method):
    run, dbscan = runs[method], runs["dbscan"]
    assert run.ranking.columns.tolist() == dbscan.ranking.columns.tolist()
    assert run.ranking.dtypes.tolist() == dbscan.ranking.dtypes.tolist()
    assert run.clusters.columns.tolist() == dbscan.clusters.columns.tolist()
    assert run.locations.columns.tolist() == dbscan.locations.columns.tolist()
    assert set(run.ranking["name"]) == set(dbscan.ranking["name"]) == {"Munich", "Augsburg", "Graz"}
    assert shapely.is_valid(run.clusters.geometry.to_numpy()).all()
    np.testing.assert_allclose(run.clusters["area_km2"], area_km2(run.clusters.geometry))


@pytest.mark.parametrize("method", OTHERS)
def test_labels_are_those_of_the_estimator(runs, method):
    points, weight, rows = forming(runs[method])
    if method == "hdbscan":
        model = gclust.HDBSCAN(60, 30).fit(points, sample_weight=weight)
        core = model.probabilities_ > 0
    else:
        model = gclust.DensityContour(5, 60).fit(points, sample_weight=weight)
        core = model.labels_ >= 0
    assert model.labels_.max() == 2
    assert same_partition(rows["cluster_id"].to_numpy(), model.labels_)
    np.testing.assert_array_equal(rows["core"], core)
    assert not runs[method].locations.loc[runs[method].locations["density"] == 0, "core"].any()


def test_others_take_the_label_of_the_contour_they_lie_in(runs):
    run = runs["contour"]
    others = run.locations[run.locations["density"] == 0]
    outlines = run.clusters.set_index("cluster_id").geometry
    inside = shapely.contains_xy(
        outlines.to_numpy()[:, None], others["lon"].to_numpy(), others["lat"].to_numpy()
    )
    ids = np.append(outlines.index.to_numpy(), -1)
    found = ids[np.where(inside.any(axis=0), inside.argmax(axis=0), -1)]
    assert 0 < (found >= 0).sum() < len(found)
    np.testing.assert_array_equal(others["cluster_id"], found)


def kilometres(lat, lon, lat2, lon2):
    """Great circles by the haversine formula, all pairs."""
    a, b = np.radians(lat)[:, None], np.radians(lat2)[None, :]
    half = np.radians(np.asarray(lon2)[None, :] - np.asarray(lon)[:, None]) / 2
    h = np.sin((b - a) / 2) ** 2 + np.cos(a) * np.cos(b) * np.sin(half) ** 2
    return 2 * 6371.0088 * np.arcsin(np.sqrt(h))


def scattered(seed, n=500):
    """Three towns of unequal spread across 180 degrees, and the country between them.

    Every third location has no weight. On an island far off lie ten listings, and one
    location without weight near them.
    """
    rng = np.random.default_rng(seed)
    spread = rng.choice([0.05, 0.2, 0.6], n)
    lat = rng.choice([-17.0, -16.0, -18.2], n) + rng.normal(0, 1, n) * spread
    lon = rng.choice([179.5, -179.3, 178.0], n) + rng.normal(0, 1, n) * spread
    listed = np.where(rng.random(n) < 1 / 3, 0, rng.integers(1, 5, n))
    lat, lon, listed = (
        np.append(lat, [60, 60]),
        np.append(lon, [10, 10.1]),
        np.append(listed, [0, 10]),
    )
    lon = (lon + 180) % 360 - 180
    order = np.lexsort((lon, lat))
    return lat[order], lon[order], UNIT * listed[order]


@pytest.mark.parametrize(("seed", "size", "samples"), [(1, 40, 20), (2, 60, 5), (3, 25, 25)])
def test_others_join_where_they_could_pass_for_a_member(seed, size, samples):
    lat, lon, units = scattered(seed)
    has = units > 0
    model = gclust.HDBSCAN(size, samples)
    labels = np.full(len(lat), -1)
    labels[has], _, until_km = hierarchical_labels(lat[has], lon[has], units[has], model)
    found, _, _ = hierarchical_labels(lat, lon, units, model)
    np.testing.assert_array_equal(found[has], labels[has])
    expected = []
    to_all = kilometres(lat[~has], lon[~has], lat, lon)
    for km in to_all:
        near = np.argsort(km)
        enough = np.searchsorted(np.cumsum(units[near]), samples * UNIT)
        members = near[labels[near] >= 0]
        reach = np.maximum(km[members], km[near[enough]])
        members = members[reach < until_km[labels[members]]]
        expected.append(labels[members[0]] if len(members) else -1)
    np.testing.assert_array_equal(found[~has], expected)
    assert 0 < (found[~has] >= 0).sum() < (~has).sum()


@pytest.mark.parametrize("method", OTHERS)
def test_same_bytes_for_threads_and_for_rows_in_another_order(runs, method, tmp_path):
    shuffled = listings().sample(frac=1, random_state=3)
    study = study_folder(tmp_path, shuffled, extra=SECTIONS[method] + PATENTS)
    again = gclust.run(study, tmp_path / "run", n_jobs=2)

    def digests(folder):
        return {
            str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest()
            for p in sorted(folder.rglob("*"))
            if p.is_file() and p.name not in ("run.json", "ro-crate-metadata.json")
        }

    assert digests(again.path) == digests(runs[method].path)


@pytest.mark.parametrize("method", OTHERS)
def test_a_run_s_study_holds_what_applies_and_runs_again(runs, method):
    run = runs[method]
    text = (run.path / "study.toml").read_text(encoding="utf-8")
    assert f'method = "{method}"' in text
    assert ("bandwidth_km = 5.0" in text) == (method == "contour")
    assert ("min_cluster_size = 60.0" in text) == (method == "hdbscan")
    assert "border" not in text
    assert "min_samples = 60" not in text
    again = gclust.read_run(run.path).study
    assert again.clusters == run.study.clusters
    assert again.footprint == run.study.footprint
    pd.testing.assert_frame_equal(gclust.run(again).ranking, run.ranking)
    message = json.loads((run.path / "run.json").read_text(encoding="utf-8"))
    # 60 listings spread over a disc of 10 km.
    level = message.get("contour_level_per_km2")
    assert level == (pytest.approx(60 / (100 * np.pi)) if method == "contour" else None)


def test_contours_that_merge_are_one_footprint(tmp_path):
    merging = "[merge]\nmax_gap_km = 60\nnoise_partner = false\n"
    table = listings()
    shared = table.groupby("record")["town"].transform(lambda towns: (towns == "country").any())
    table = table[~shared | (table["town"] != "Graz")]  # Munich and Augsburg alone have ties
    run = gclust.run(study_folder(tmp_path, table, SECTIONS["contour"] + PATENTS + merging))
    assert run.info["clusters_before_merging"] == 3
    assert run.ranking["name"].tolist() == ["Munich–Augsburg", "Graz"]
    assert len(run.merges) == 1
    points, weight, rows = forming(run)
    model = gclust.DensityContour(5, 60).fit(points, sample_weight=weight)
    both = run.clusters.geometry.iloc[0]
    of_both = np.unique(model.labels_[rows["cluster_id"] == run.ranking["cluster_id"].iloc[0]])
    assert of_both.size == 2
    assert both.equals(shapely.union_all(model.polygons_.loc[of_both].to_numpy()))
    np.testing.assert_allclose(
        run.ranking["area_km2"].sum(), area_km2(model.polygons_).sum(), rtol=1e-9
    )


def test_wide_discs_share_no_ground(tmp_path):
    wide = "[footprint]\nradius_km = 40\n"
    study = study_folder(tmp_path, extra=SECTIONS["hdbscan"] + PATENTS + wide)
    study.write_text(study.read_text().replace("[study]", "[study]\nstrict = true"))
    shapes = gclust.run(study).clusters.set_index("name").geometry
    munich, augsburg = shapes["Munich"], shapes["Augsburg"]
    assert munich.distance(augsburg) < 1e-9
    assert munich.intersection(augsburg).area < 1e-12


def test_defaults_of_each_method(tmp_path):
    hdbscan = read(tmp_path, LEAST + "[clusters]\nmethod = 'hdbscan'")
    assert (hdbscan.clusters.least_weight, hdbscan.radius_km) == (4500, 5.0)
    assert hdbscan.footprint.method == "discs"
    contour = read(tmp_path, LEAST + "[clusters]\nmethod = 'contour'")
    assert (contour.clusters.bandwidth_km, contour.clusters.least_weight) == (7.5, 4500)
    assert (contour.clusters.metric, contour.radius_km) == ("haversine", 5.0)
    wide = read(tmp_path, LEAST + "[clusters]\nmethod='contour'\n[footprint]\nradius_km=90")
    assert wide.radius_km == 90


OF_HDBSCAN = LEAST + "[clusters]\nmethod = 'hdbscan'\n"
OF_CONTOUR = LEAST + "[clusters]\nmethod = 'contour'\n"
WRONG = [
    (OF_HDBSCAN + "eps_km = 15", "of method = 'hdbscan': 'eps_km' is not known; .*Known: .*method"),
    (OF_HDBSCAN + "min_sample = 5", "'min_sample' is not known; did you mean 'min_samples'"),
    (OF_HDBSCAN + "threshold = 5", "of method = 'hdbscan': 'threshold' is not known"),
    (OF_HDBSCAN + "min_cluster_size = 1", "min_cluster_size = 1.0; expected 2 or more"),
    (OF_HDBSCAN + "selection = 'leafs'", "expected 'eom' or 'leaf'; did you mean 'leaf'"),
    (OF_HDBSCAN + "selection_eps_km = -1", "selection_eps_km = -1.0; expected 0 or more"),
    (OF_HDBSCAN + "max_cluster_size = 1", "max_cluster_size = 1.0; expected 2 or more"),
    (OF_HDBSCAN + "allow_single_cluster = 1", "allow_single_cluster = 1; expected true or false"),
    (OF_CONTOUR + "min_samples = 5", "of method = 'contour': 'min_samples' is not known"),
    (OF_CONTOUR + "bandwith_km = 5", "did you mean 'bandwidth_km'"),
    (OF_CONTOUR + "bandwidth_km = 0", "bandwidth_km = 0.0; expected more than 0"),
    (OF_CONTOUR + "metric = 'wgs84'", "of method = 'contour': 'metric' is not known"),
    (OF_CONTOUR + "resolution_km = 0.01", "resolution_km = 0.01; expected 0.05 or more"),
    (OF_CONTOUR + "resolution_km = 8", "resolution_km = 8; expected at most bandwidth_km = 7.5"),
    (OF_CONTOUR + "share = 2", "share = 2.0; expected 1 or less"),
    (OF_CONTOUR + "share = 0.5\nlevel = 3", "level = 3 and share = 0.5; expected one of them"),
    (LEAST + "[clusters]\nthreshold = 5", r"\[clusters\] 'threshold' is not known"),
    (LEAST + "[clusters]\nmethod = 3", "method = 3; expected a text"),
    (OF_HDBSCAN + "[footprint]\nmethod = 'contour'", "'contour' needs contours"),
    (LEAST + "[footprint]\nmethod = 'contour'", r"needs contours; .*method = 'dbscan'"),
]


@pytest.mark.parametrize(("text", "message"), WRONG)
def test_errors_help(tmp_path, text, message):
    with pytest.raises(StudyError, match=message) as caught:
        read(tmp_path, text)
    assert "study.toml: [" in str(caught.value)


NOT_FOUND = [
    ("method = 'hdbscan'\nmax_cluster_size = 3", "max_cluster_size is 3, less than .* 4500; raise"),
    ("method = 'hdbscan'\nmin_cluster_size = 1e6", "no cluster found.*Lower min_cluster_size"),
    ("method = 'contour'\nthreshold = 1e6", "no cluster found.*Lower threshold"),
    ("method = 'contour'\nbandwidth_km = 0.2\nthreshold = 60", "resolution_km is 0.04, and at"),
]


@pytest.mark.parametrize(("options", "message"), NOT_FOUND)
def test_nothing_found_or_a_raster_too_fine_is_refused(tmp_path, options, message):
    study = study_folder(tmp_path, extra=f"[clusters]\n{options}\n{PATENTS}")
    with pytest.raises(StudyError, match=message):
        gclust.run(study)


def test_keys_of_hdbscan_are_the_estimator_s(tmp_path, runs):
    points, weight, usual = forming(runs["hdbscan"])
    heaviest = pd.Series(weight).groupby(usual["cluster_id"].to_numpy()).sum().drop(-1).max()
    for keys, options in (
        (
            "allow_single_cluster = true\nselection_eps_km = 5000\n",
            {"allow_single_cluster": True, "cluster_selection_epsilon_km": 5000},
        ),
        (f"max_cluster_size = {heaviest - 1}\n", {"max_cluster_size": heaviest - 1}),
    ):
        folder = tmp_path / str(len(options))
        folder.mkdir()
        study = study_folder(folder, extra=SECTIONS["hdbscan"] + keys + PATENTS)
        run = gclust.run(study, n_jobs=1)
        model = gclust.HDBSCAN(60, 30, **options).fit(points, sample_weight=weight)
        assert not same_partition(usual["cluster_id"].to_numpy(), model.labels_)
        others = run.locations[run.locations["density"] == 0]
        labels = model.predict(others[["lat", "lon"]].to_numpy())
        found = np.concatenate([forming(run)[2]["cluster_id"], others["cluster_id"]])
        assert same_partition(found, np.concatenate([model.labels_, labels]))


def test_a_sweep_varies_dbscan_alone(tmp_path):
    study = study_folder(tmp_path, extra=SECTIONS["hdbscan"])
    with pytest.raises(StudyError, match=r"method is 'hdbscan'"):
        gclust.sweep(study)


def test_the_example_compares_clustering_methods(tmp_path, monkeypatch, capsys):
    monkeypatch.syspath_prepend(EXAMPLE.parent)
    monkeypatch.setattr("sys.argv", ["compare.py", "-o", str(tmp_path), "--scale", "0.01"])
    runpy.run_path(str(EXAMPLE), run_name="__main__")
    printed = capsys.readouterr().out
    assert "Tokyo–Yokohama" in printed
    assert (tmp_path / "differences.png").stat().st_size > 50_000
    assert (tmp_path / "differences.pdf").stat().st_size > 10_000
    first = pd.read_csv(tmp_path / "rankings.csv")
    assert first["rank"].tolist() == list(range(1, len(first) + 1))
    for name in ("DBSCAN", "HDBSCAN", "contours"):
        assert first[f"score, {name}"].dropna().is_monotonic_decreasing
    agreement = pd.read_csv(tmp_path / "agreement.csv").set_index(["a", "b"])
    assert len(agreement) == 3
    assert agreement.max().max() < 1
    # The same cities, whoever finds them, though not the same bounds.
    assert agreement["adjusted Rand"].min() > 0.5
    assert agreement["tau-b of their ranks"].min() > 0.8
