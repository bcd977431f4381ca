"""Contours of the density: clusters, outlines, files, and faults of the input."""

from __future__ import annotations

import pickle
import warnings

import geopandas
import numpy as np
import pandas as pd
import pytest
import rasterio
import shapely
from rasterio.warp import transform
from scipy import ndimage
from sklearn.base import clone
from sklearn.utils import estimator_checks
from sklearn.utils.estimator_checks import parametrize_with_checks
from sklearn.utils.validation import check_is_fitted, validate_data

from gclust import DensityContour
from gclust.cluster.contour_density import find_cells
from gclust.cluster.contour_regions import connect_runs, outline
from gclust.errors import GclustWarning
from gclust.kernels.kde import Raster
from gclust.testing import assert_same_partition, great_circle_km
from tests.test_density_kernels import whole_earth
from tests.test_estimator_checks import into_degrees

TOWNS = {"Munich": (48.137, 11.575), "Suva": (-18.14, 178.44), "Graz": (47.067, 15.442)}


def world(seed, n=300):
    """Places in a few thousand kilometres about 180 degrees, some of them repeated."""
    rng = np.random.default_rng(seed)
    centres = np.column_stack([rng.uniform(-80, 80, 8), rng.uniform(165, 195, 8)])
    X = (centres[rng.integers(0, 8, n)] + rng.normal(0, 1.5, (n, 2))).round(1)
    X[:, 1] = np.where(X[:, 1] < 180, X[:, 1], X[:, 1] - 360)
    return X, rng.integers(0, 4, n)


@pytest.fixture(scope="module")
def fitted():
    X, weight = world(3)
    return DensityContour(100, 12, resolution_km=30.0).fit(X, sample_weight=weight)


def test_two_towns_and_a_stray_point():
    X = [[46.20, 6.14], [0.0, 0.0], [46.52, 6.63], [46.53, 6.62], [46.21, 6.15]]
    model = DensityContour(bandwidth_km=3, threshold=2).fit([*X, X[0]])
    assert model.labels_.tolist() == [0, -1, 1, 1, 0, 0]
    assert model.labels_.dtype == np.int64
    assert list(model.polygons_.index) == [0, 1]


@pytest.mark.filterwarnings("ignore:.* lie beyond:gclust.errors.GclustWarning")
@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("kernel", ["gaussian", "epanechnikov"])
def test_labels_against_a_dense_raster(seed, kernel):
    """Regions of a raster of the whole Earth, joined across 180 degrees by hand."""
    X, weight = world(seed)
    model = DensityContour(
        bandwidth_km=150 if kernel == "gaussian" else 350,
        threshold=9,
        kernel=kernel,
        resolution_km=60.0,
        level=2.5e-5,
    ).fit(X, sample_weight=weight)
    density = whole_earth(model._density)
    regions, n = ndimage.label(density >= 2.5e-5)
    for row in range(len(regions)):
        if regions[row, 0] and regions[row, -1]:
            regions[regions == regions[row, -1]] = regions[row, 0]
    cell = find_cells(X[:, 0], X[:, 1], model._density.raster)
    at = regions.ravel()[cell]
    names = {}
    for region in at[weight > 0]:  # rows of weight 0 number nothing
        if region and weight[at == region].sum() >= 9:
            names.setdefault(region, len(names))
    assert 2 < len(names) < n
    assert model.labels_.tolist() == [names.get(region, -1) for region in at]
    assert model.density_.tolist() == density.ravel()[cell].tolist()
    assert (abs(X[model.labels_ >= 0, 1]) > 179).any()


def test_order_of_rows_threads_and_copies(fitted):
    X, weight = world(3)
    copies = np.repeat(np.arange(len(X)), weight)
    copied = clone(fitted).set_params(n_jobs=1).fit(X[copies])
    first = np.unique(copies, return_index=True)[1]
    assert_same_partition(copied.labels_[first], fitted.labels_[weight > 0])
    assert copied.density_[first].tobytes() == fitted.density_[weight > 0].tobytes()
    rows = np.random.default_rng(1).permutation(len(X))
    permuted = clone(fitted).set_params(n_jobs=3).fit(X[rows], sample_weight=weight[rows])
    assert_same_partition(permuted.labels_, fitted.labels_[rows])
    assert permuted.density_.tobytes() == fitted.density_[rows].tobytes()
    assert set(permuted.polygons_.to_wkb()) == set(fitted.polygons_.to_wkb())


def test_inputs_of_every_kind_give_one_answer(fitted):
    X, weight = world(3)
    frame = pd.DataFrame(X, columns=["lat", "lon"])
    points = geopandas.GeoSeries(geopandas.points_from_xy(X[:, 1], X[:, 0]), crs=4326)
    for given in (frame, points, X.tolist(), X + [0, 360] * (X[:, 1:] < 0)):
        found = clone(fitted).fit(given, sample_weight=weight)
        assert found.labels_.tolist() == fitted.labels_.tolist()


def test_polygons_hold_their_points_and_cells(fitted):
    X, _ = world(3)
    polygons = fitted.polygons_
    assert polygons.crs == "EPSG:4326"
    assert polygons.is_valid.all()
    assert len(polygons) == fitted.labels_.max() + 1 > 2
    west, _, east, _ = polygons.total_bounds
    assert (west, east) == (-180, 180)
    for label, polygon in polygons.items():
        inside = shapely.covers(polygon, shapely.points(X[:, ::-1]))
        assert (inside == (fitted.labels_ == label)).all()
        # The sine of latitude makes the map one of equal areas.
        plane = shapely.transform(
            polygon,
            lambda at: np.column_stack([np.radians(at[:, 0]), np.sin(np.radians(at[:, 1]))]),
        )
        runs = fitted._clusters.runs[fitted._clusters.region == label]
        cells = (np.diff(runs) + 1).sum()
        assert plane.area * 6371.0088**2 == pytest.approx(cells * fitted.cell_km2_)
    assert (polygons.geom_type == "MultiPolygon").any()  # cut at 180 degrees


def test_cells_that_share_a_corner_alone_are_apart():
    raster = Raster(10, 20)
    #  . # # .
    #  # . # .   the hole touches the outside at a corner; the cell at the end of the next
    #  # # # .   row, and the first of the row after, are no neighbours
    runs = np.array([[21, 22], [40, 40], [42, 42], [60, 62], [99, 99], [100, 100], [119, 119]])
    regions = connect_runs(runs, raster)
    assert regions.sheet.tolist() == [0, 0, 0, 0, 1, 2, 1]
    assert regions.region.tolist() == [0, 0, 0, 0, 1, 1, 1]
    ring = outline(regions.runs[:4], regions.sheet[:4], raster)
    assert ring.is_valid
    assert not shapely.covers(ring, shapely.Point(-153, np.degrees(np.arcsin(0.5))))
    cut = outline(regions.runs[4:], regions.sheet[4:], raster)
    assert cut.geom_type == "MultiPolygon"
    assert cut.bounds[::2] == (-180, 180)


def test_one_place_of_just_the_threshold_is_a_cluster():
    X = [TOWNS["Suva"]] * 7
    model = DensityContour(5, 7).fit(X)
    assert model.labels_.tolist() == [0] * 7
    assert clone(model).set_params(threshold=7.001).fit(X).labels_.tolist() == [-1] * 7
    # The density falls to the contour, half of its peak, at 1.18 bandwidths.
    km2 = model.polygons_.to_crs("+proj=cea +R=6371008.8").area.iloc[0] / 1e6
    assert km2 == pytest.approx(np.pi * 2 * np.log(2) * 25, rel=0.05)


def test_no_cluster_gives_noise_and_no_polygons():
    model = DensityContour(5, 100).fit([[48.0, 11.0], [48.0, 11.1]])
    assert model.labels_.tolist() == [-1, -1]
    assert len(model.polygons_) == 0
    assert model.polygons_.crs == "EPSG:4326"
    assert model.predict([[48.0, 11.0]]).tolist() == [-1]
    none = DensityContour(5, 1, share=0.5).fit([[48.0, 11.0]], sample_weight=[0.0])
    assert none.labels_.tolist() == [-1]
    assert none.level_ == np.inf


def test_level_by_default_is_dbscan_s_condition():
    """A wide field of one density is within the contour where its points are core."""
    side = np.linspace(-1.5, 1.5, 101)
    X = np.array([(48 + 0.5 * a, b) for a in side for b in side])
    per_km2 = 1 / (great_circle_km(0, 0, 0.015, 0) * great_circle_km(48, 0, 48, 0.03))
    middle = len(X) // 2
    held = (great_circle_km(*X.T, *X[middle]) <= 15).sum()
    for factor, is_core in ((0.97, True), (1.03, False)):
        least = factor * per_km2 * np.pi * 15**2
        assert (held >= least) == is_core
        assert (DensityContour(7.5, least).fit(X).labels_[middle] == 0) == is_core
    field = DensityContour(15 / 2 * 6**0.5, least, kernel="epanechnikov").fit(X)
    assert field.level_ == pytest.approx(1.03 * per_km2)
    assert field.density_[middle] == pytest.approx(per_km2, rel=0.01)


def test_clusters_near_a_pole_are_found_or_warned_of():
    near, nearer = np.full((7, 2), [84.9, 10.0]), np.full((7, 2), [88.0, 10.0])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert DensityContour(7.5, 7).fit(near).labels_.tolist() == [0] * 7
        fine = DensityContour(7.5, 7, resolution_km=0.5).fit(nearer)
    assert fine.labels_.tolist() == [0] * 7
    assert fine.polygons_.is_valid.all()
    with pytest.warns(GclustWarning, match="1 location lies beyond 85.0 degrees.*below 1.5"):
        assert DensityContour(7.5, 7).fit(nearer).labels_.tolist() == [-1] * 7
    with pytest.warns(GclustWarning, match="beyond"):
        pole = DensityContour(7.5, 7, resolution_km=0.2, level=5e-4).fit([[90.0, 0.0]] * 7)
    assert pole.labels_.tolist() == [0] * 7
    assert pole.polygons_.bounds.iloc[0].tolist()[::2] == [-180, 180]
    assert pole.predict([[89.99, -70.0], [-90.0, 0.0]]).tolist() == [0, -1]


def test_share_gives_the_highest_contour_that_holds_it():
    X, weight = world(5)
    weight = weight / 7
    for share in (0.3, 0.9, 1.0):
        model = DensityContour(100, 1e-9, resolution_km=30, share=share)
        model.fit(X, sample_weight=weight)
        assert weight[model.labels_ >= 0].sum() >= share * weight.sum() * (1 - 1e-12)
        assert weight[model.density_ > model.level_].sum() < share * weight.sum()
        assert ((model.density_ >= model.level_) == (model.labels_ >= 0)).all()


def test_predict_follows_the_contours(fitted):
    X, _ = world(3)
    assert fitted.predict(X).tolist() == fitted.labels_.tolist()
    rng = np.random.default_rng(2)
    new = X[rng.integers(0, len(X), 1000)] + rng.normal(0, 1, (1000, 2))
    new[:, 1] = (new[:, 1] + 180) % 360 - 180
    inside = [
        [label for label, shape in fitted.polygons_.items() if shape.intersects(point)]
        for point in shapely.points(new[:, ::-1])
    ]
    assert 100 < sum(map(len, inside)) < 900
    assert fitted.predict(new).tolist() == [found[0] if found else -1 for found in inside]


def test_pickle_and_clone(fitted, tmp_path):
    X, weight = world(3)
    copy = pickle.loads(pickle.dumps(fitted))
    assert copy.predict(X).tolist() == fitted.labels_.tolist()
    copy.write_density(tmp_path / "a.tif")
    again = clone(fitted).fit(X, sample_weight=weight)
    assert again.labels_.tolist() == fitted.labels_.tolist()
    again.write_density(tmp_path / "b.tif")
    assert (tmp_path / "a.tif").read_bytes() == (tmp_path / "b.tif").read_bytes()


def test_density_as_geotiff(fitted, tmp_path):
    X, weight = world(3)
    path = tmp_path / "density.tif"
    fitted.write_density(path)
    assert [file.name for file in tmp_path.iterdir()] == ["density.tif"]
    with rasterio.open(path) as source:
        values = source.read(1)
        assert (source.nodata, source.dtypes) == (0.0, ("float32",))
        assert source.profile["tiled"]
        assert source.profile["compress"] == "deflate"
        to_degrees = transform(source.crs, "EPSG:4326", [0, 1e7], [0, 5e6])
        x, y = transform("EPSG:4326", source.crs, X[:, 1], X[:, 0])
        sampled = np.array([value[0] for value in source.sample(zip(x, y, strict=True))])
        area_km2 = -source.transform.a * source.transform.e / 1e6
    sine = 5e6 * np.cos(np.pi / 6) / 6371008.8
    assert to_degrees[1] == pytest.approx([0, np.degrees(np.arcsin(sine))], abs=1e-9)
    assert to_degrees[0][1] == pytest.approx(np.degrees(1e7 / np.cos(np.pi / 6) / 6371008.8))
    assert area_km2 == pytest.approx(fitted.cell_km2_, rel=1e-12)
    assert values.sum(dtype=float) * area_km2 == pytest.approx(weight.sum(), rel=1e-3)
    # Tenths of degrees may lie on edges of cells.
    assert (sampled == fitted.density_).mean() > 0.95


def test_a_file_that_cannot_be_written_leaves_nothing(fitted, tmp_path, monkeypatch):
    path = tmp_path / "density.tif"
    path.write_text("before")

    def full(*args, **options):
        raise OSError("no space left on device")

    monkeypatch.setattr(rasterio.io.DatasetWriter, "write", full)
    with pytest.raises(OSError, match="no space"):
        fitted.write_density(path)
    assert path.read_text() == "before"
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize(
    ("parameters", "told"),
    [
        ({"bandwidth_km": 0}, "bandwidth_km must be a positive number of at most 1000, not 0"),
        ({"bandwidth_km": float("nan")}, "bandwidth_km .* not nan"),
        ({"bandwidth_km": 1001}, "at most 1000, not 1001"),
        ({"bandwidth_km": True}, "bandwidth_km .* not True"),
        ({"bandwidth_km": 0.1}, "resolution_km is 0.02, and at least 0.05"),
        ({"threshold": -1}, "threshold .* not -1"),
        ({"threshold": "many"}, "threshold .* not 'many'"),
        ({"threshold": 1e12}, "threshold .* not 1000000000000.0"),
        ({"kernel": "box"}, "kernel must be one of gaussian, epanechnikov, not 'box'"),
        ({"resolution_km": -2}, "resolution_km .* not -2"),
        ({"resolution_km": 8}, "resolution_km must be a positive number of at most 7.5, not 8"),
        ({"resolution_km": 0.01}, "resolution_km is 0.01"),
        ({"level": 0}, "level must be a positive number, not 0"),
        ({"level": float("inf")}, "level .* not inf"),
        ({"share": 1.5}, "share must be a positive number of at most 1, not 1.5"),
        ({"share": 0.5, "level": 2.0}, "level is 2.0 and share is 0.5; give one"),
        ({"n_jobs": 0}, "n_jobs .* not 0"),
    ],
)
def test_parameters_that_cannot_be_used(parameters, told):
    with pytest.raises(ValueError, match=told):
        DensityContour(**parameters).fit([[48.0, 11.0]])


@pytest.mark.parametrize(
    ("X", "weight", "told"),
    [
        ([[91.0, 0.0]], None, "latitude 91.0 of row 0"),
        ([[1.0, 0.0], [1.0, 360.0]], None, "longitude 360.0 of row 1"),
        ([[1.0, np.nan]], None, "longitude nan of row 0"),
        (np.zeros((0, 2)), None, "empty"),
        ([[1.0, 2.0]], [-3.0], "weight -3.0 of row 0 is negative"),
        ([[1.0, 2.0]], [np.nan], "weight nan of row 0"),
        ([[1.0, 2.0]], [1.0, 1.0], "2 weights for the 1 row"),
        ([[1.0, 2.0]], [1e11], "add up to 1e\\+11"),
    ],
)
def test_data_that_cannot_be_used(X, weight, told):
    with pytest.raises(ValueError, match=told):
        DensityContour().fit(X, sample_weight=weight)


def test_progress_names_the_stages():
    told = []
    DensityContour().fit([[48.0, 11.0]], progress=lambda share, stage: told.append((stage, share)))
    stages = list(dict.fromkeys(name for name, _ in told))
    assert stages[0] == "reading coordinates"
    assert stages[-3:] == ["summing the density", "finding contours", "outlining"]
    assert {name for name, share in told if share == 1.0} == set(stages)


class MappedContour(DensityContour):
    """Any finite ``X`` of any number of features, as the checks bring it."""

    def fit(self, X, y=None, sample_weight=None):
        X = validate_data(self, X)
        return super().fit(into_degrees(X.astype(float)), y, sample_weight)

    def predict(self, X):
        check_is_fitted(self)
        return super().predict(into_degrees(validate_data(self, X, reset=False).astype(float)))

    def _note_features(self, X, *, reset):
        """Those of the checks' own ``X`` are noted."""


ESTIMATORS = [
    MappedContour(300, 3, resolution_km=200),
    MappedContour(700, 2.5, kernel="epanechnikov", resolution_km=300, share=0.9, n_jobs=2),
]
EXPECTED_FAILURES = {
    "check_all_zero_sample_weights_error": (
        "rows without weight are no fault: a period without listings is all noise"
    ),
    "check_sample_weight_equivalence_on_dense_data": (
        "compares numbers of clusters, which follow the first row, after shuffling the rows"
    ),
}


@pytest.mark.filterwarnings("ignore:.* lie beyond:gclust.errors.GclustWarning")
@parametrize_with_checks(ESTIMATORS, expected_failed_checks=lambda estimator: EXPECTED_FAILURES)
def test_scikit_learn_s_checks(estimator, check):
    check(estimator)


@pytest.mark.parametrize("name", EXPECTED_FAILURES)
def test_expected_failures_are_failures(name):
    """A reason that has gone goes from the list."""
    with pytest.raises(AssertionError):
        getattr(estimator_checks, name)("MappedContour", clone(ESTIMATORS[0]))
