"""Footprints: degenerate clusters, 180 degrees, poles, the union of all discs as oracle."""

import itertools

import numpy as np
import pytest
import rasterio
import shapely
from affine import Affine
from pyproj import Geod, Transformer

from gclust.errors import StudyError
from gclust.places.equal_area import EqualAreaGrid
from gclust.places.footprints import discs
from gclust.places.footprints.alpha_shapes import alpha_complex, at_outline
from gclust.places.footprints.discs import outline_places, polar_disc, union_of_discs
from gclust.places.footprints.hulls import ProjectedLocations
from gclust.places.footprints.outlines import METHODS, FootprintOptions, footprints
from gclust.places.geodesic import area_km2, band_km2, conformal_sphere
from gclust.sphere import EARTH_RADIUS_KM, unit_vectors
from gclust.study.sections import OUTLINES

GEOD = {
    "haversine": Geod(a=EARTH_RADIUS_KM * 1000.0, b=EARTH_RADIUS_KM * 1000.0),
    "wgs84": Geod(ellps="WGS84"),
}
WITHOUT_RASTER = [method for method in METHODS if method != "raster"]
METRICS = ["haversine", "wgs84"]

DEGENERATE = {
    "one": [(35.0, 139.0)],
    "one twice": [(35.0, 139.0)] * 2,
    "two": [(35.0, 139.0), (35.02, 139.03)],
    "in a line": [(0.0, 0.01 * i) for i in range(7)],
    "across 180": [(-17.0, 179.98), (-17.02, -179.97), (-16.97, -180.0)],
    "on 180": [(10.0, -180.0)],
    "north pole": [(90.0, 0.0)],
    "south pole": [(-90.0, 0.0)],
    "round the pole": [(89.96, lon) for lon in (-170.0, -50.0, 60.0, 130.0)],
    "beside the pole": [(-89.92, 20.0), (-89.93, 40.0)],
    "rim at the pole": [(90.0 - np.degrees(5.0 / EARTH_RADIUS_KM), 33.0)],
}


def draw(places, method="discs", **options):
    lat, lon = np.array(places, dtype=float).T
    n = len(places)
    options = FootprintOptions(method=method, **options)
    (shape,) = footprints(lat, lon, np.ones(n, bool), np.zeros(n, int), options, n_clusters=1)
    return shape


def inside(shape, lat, lon):
    """Tell which places a footprint covers."""
    return shapely.intersects_xy(shape, np.asarray(lon, float), np.asarray(lat, float))


def ring_of(lat, lon, radius_km, metric):
    azimuth = np.arange(0.0, 360.0, 1.7)
    n = azimuth.size
    lon2, lat2, _ = GEOD[metric].fwd(
        np.full(n, lon), np.full(n, lat), azimuth, np.full(n, 1000.0 * radius_km)
    )
    return lat2, lon2


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("method", WITHOUT_RASTER)
@pytest.mark.parametrize("case", DEGENERATE)
def test_degenerate_clusters_have_valid_footprints(case, method, metric):
    shape = draw(DEGENERATE[case], method, metric=metric)
    assert shape.is_valid
    assert shape.geom_type in ("Polygon", "MultiPolygon")
    west, south, east, north = shape.bounds
    assert -180.0 <= west < east <= 180.0
    assert -90.0 <= south < north <= 90.0
    lat, lon = np.array(DEGENERATE[case], dtype=float).T
    assert inside(shape, lat, lon).all()
    disc_km2 = np.pi * 5.0**2
    least = disc_km2 * 0.99 if method != "cells" else 0.99 * 5.0**2
    assert least <= area_km2([shape])[0] <= disc_km2 + 2 * 5.0 * 12.0 + 60.0


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize(
    ("lat", "lon"),
    [
        (0.0, 0.0),
        (48.1, 11.6),
        (-33.9, 179.99),
        (80.0, -180.0),
        (89.7, 5.0),
        (89.96, 5.0),
        (-89.999, 77.0),
        (90.0, 0.0),
        (90.0 - np.degrees(5.0 / EARTH_RADIUS_KM) - 1e-7, 33.0),
    ],
)
def test_a_disc_is_the_geodesic_one_to_a_thousandth_of_its_radius(lat, lon, metric):
    shape = draw([(lat, lon)], metric=metric)
    assert inside(shape, *ring_of(lat, lon, 5.0 * (1 - 1e-3), metric)).all()
    assert not inside(shape, *ring_of(lat, lon, 5.0 * (1 + 1e-9), metric)).any()


def test_area_of_a_disc_is_that_of_the_geodesic_one():
    cap_km2 = np.pi * 5.0**2
    for lat in (0.0, 52.0, -75.0, 90.0):
        shape = draw([(lat, 20.0)], metric="wgs84")
        # A thousandth of the radius is two of the area.
        assert 0.998 * cap_km2 < area_km2([shape])[0] <= cap_km2


def test_discs_stay_true_300_km_from_the_centre_of_the_cluster():
    spread = [(50.0 + d, 10.0) for d in np.linspace(-2.7, 2.7, 40)]
    shape = draw(spread, radius_km=6.0)
    for lat, lon in (spread[0], spread[-1]):
        alone = draw([(lat, lon)], radius_km=6.0)
        assert shapely.area(alone.difference(shape)) == pytest.approx(0.0, abs=1e-15)
        lat2, lon2 = ring_of(lat, lon, 6.0 * (1 + 1e-9), "haversine")
        outer = lat2 < lat if lat < 50.0 else lat2 > lat
        assert not inside(shape, lat2[outer], lon2[outer]).any()


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("seed", range(12))
def test_union_is_that_of_all_discs(seed, metric):
    random = np.random.default_rng(seed)
    lat0 = random.choice([0.0, 35.0, 60.0, -80.0, 89.95])
    lon0 = random.choice([0.0, 179.97, -180.0, -100.0])
    spread_km = random.choice([3.0, 9.0, 30.0])
    n = int(random.integers(100, 700))
    offsets = random.normal(0.0, spread_km, (n, 2)) / 111.2
    lat = np.clip(lat0 + offsets[:, 0], -90.0, 90.0)
    lon = (lon0 + offsets[:, 1] / max(np.cos(np.radians(lat0)), 0.01) + 180.0) % 360.0 - 180.0
    if seed % 3 == 0:  # a lattice, where circles go through many places at once
        lat, lon = lat.round(2), lon.round(2)
    lat, lon = np.unique(np.column_stack([lat, lon]), axis=0).T
    expected = shapely.union_all(discs.discs(lat, lon, 5.0, metric))
    actual = union_of_discs(lat, lon, 5.0, metric)
    assert actual.is_valid
    km2 = area_km2([expected, actual, expected.symmetric_difference(actual)])
    assert km2[1] == pytest.approx(km2[0], rel=1e-6)
    assert km2[2] < 2e-6 * km2[0]


@pytest.mark.parametrize("metric", METRICS)
def test_only_places_on_the_outline_are_kept(metric):
    random = np.random.default_rng(5)
    lat, lon = 40.0 + random.random(20_000) * 0.5, 20.0 + random.random(20_000) * 0.5
    chi, km_per_radian = conformal_sphere(lat, metric)
    kept = outline_places(unit_vectors(chi, lon), 5.0 / km_per_radian).outline
    assert 50 < kept.sum() < 300
    # With only these the union covers every place again, once its openings are filled.
    shape = union_of_discs(lat, lon, 5.0, metric)
    assert inside(shape, lat, lon).all()
    assert shape.geom_type == "Polygon"
    assert not shape.interiors


def test_a_true_hole_stays_open():
    lat, lon = ring_of(45.0, 7.0, 12.0, "haversine")
    shape = draw(list(zip(lat, lon, strict=True)))
    assert not inside(shape, [45.0], [7.0])[0]
    assert len(shape.interiors) == 1
    closed = draw([*zip(lat, lon, strict=True), (45.0, 7.0), (45.04, 7.0), (44.96, 7.0)])
    assert inside(closed, [45.0], [7.0])[0]


def test_a_hole_across_180_degrees_is_filled_like_any_other():
    here = np.random.default_rng(2).random((4000, 2)) * 0.5 - 0.25
    at_zero = union_of_discs(*np.unique(here, axis=0).T, 5.0, "haversine")
    there = np.unique(np.column_stack([here[:, 0], (here[:, 1] + 360.0) % 360.0 - 180.0]), axis=0)
    at_seam = union_of_discs(*there.T, 5.0, "haversine")
    assert area_km2([at_seam])[0] == pytest.approx(area_km2([at_zero])[0], rel=1e-9)
    assert all(not part.interiors for part in shapely.get_parts(at_seam))


@pytest.mark.parametrize("lat", [0.0, 47.0, 89.9])
def test_discs_of_different_clusters_never_overlap_up_to_half_of_eps(lat):
    eps_km = 10.0
    random = np.random.default_rng(7)
    for azimuth in random.random(20) * 360.0:
        lon2, lat2, _ = GEOD["haversine"].fwd(15.0, lat, azimuth, 1000.0 * eps_km * (1 + 1e-9))
        half = FootprintOptions(radius_km=eps_km / 2)
        first, second = footprints(
            [lat, lat2], [15.0, lon2], [True, True], [0, 1], half, n_clusters=2
        )
        assert first.intersection(second).area < 1e-18


def test_a_polar_disc_is_drawn_with_few_corners():
    assert len(polar_disc(89.96, 10.0, 5.0, "haversine").exterior.coords) < 500


def test_convex_holds_concave_holds_discs():
    random = np.random.default_rng(3)
    angle, distance = random.random(300) * np.pi * 1.4, 0.2 + random.random(300) * 0.03
    places = np.column_stack([48.0 + distance * np.sin(angle), 2.0 + distance * np.cos(angle)])
    convex, concave, union = (
        draw(places, method, radius_km=3.0) for method in ("convex", "concave", "discs")
    )
    sizes = area_km2([convex, concave, union])
    assert sizes[0] > 1.2 * sizes[1] > 1.2 * sizes[2] * 0.999
    assert area_km2([concave.difference(convex)])[0] < 1e-3 * sizes[0]
    assert area_km2([union.difference(concave)])[0] < 1e-3 * sizes[2]
    assert area_km2([draw(places, "concave", radius_km=3.0, ratio=1.0)])[0] == pytest.approx(
        sizes[0], rel=1e-3
    )


def test_one_length_indents_every_concave_hull_alike():
    """A cluster keeps its outline when a far place joins it, as no ratio would let it."""
    random = np.random.default_rng(4)
    angle, reach_km = 0.8 + random.random(500) * 4.7, 20.0 + random.random(500) * 4.0
    bay = np.column_stack([reach_km * np.sin(angle) / 111.19, reach_km * np.cos(angle) / 78.63])
    bay += [45.0, 10.0]
    far = np.vstack([bay, [[45.0, 10.0 - 150.0 / 78.63]]])
    options, window = {"method": "concave", "radius_km": 0.1}, shapely.box(9.8, 44.8, 10.4, 45.2)

    def within(places, **scale):
        return area_km2([draw(places, **scale, **options).intersection(window)])[0]

    indented = within(bay, edge_km=6.0)
    assert indented < 0.6 * within(bay, edge_km=60.0)
    assert within(far, edge_km=6.0) == pytest.approx(indented, rel=0.01)
    assert within(bay, ratio=0.3) < 0.6 * within(far, ratio=0.3)
    assert within(bay, edge_km=60.0) == within(bay, ratio=1.0)


@pytest.mark.parametrize("alpha_km", [0.4, 1.0, 2.0, 6.0])
def test_alpha_shape_is_that_of_all_pairs_and_triples(alpha_km):
    """Every pair and triple whose smallest, or only, circle is empty and narrow enough."""
    random = np.random.default_rng(3)
    xy = random.random((40, 2)) * 12.0
    places = [(y / 111.195, x / 111.195) for x, y in xy]
    flat = []
    for i, j in itertools.combinations(range(40), 2):
        middle, reach = (xy[i] + xy[j]) / 2, np.hypot(*(xy[i] - xy[j])) / 2
        others = np.delete(xy, [i, j], axis=0)
        if reach <= alpha_km and (np.hypot(*(others - middle).T) >= reach).all():
            flat.append(shapely.LineString(xy[[i, j]]))
    for triple in itertools.combinations(range(40), 3):
        corners = xy[list(triple)]
        centre = np.linalg.solve(
            2 * (corners[1:] - corners[0]), (corners[1:] ** 2 - corners[0] ** 2).sum(axis=1)
        )
        reach = np.hypot(*(corners[0] - centre))
        others = np.delete(xy, list(triple), axis=0)
        if reach <= alpha_km and (np.hypot(*(others - centre).T) > reach).all():
            flat.append(shapely.Polygon(corners))
    flat.extend(shapely.points(xy))
    expected = shapely.union_all(flat).buffer(0.2, quad_segs=24)
    actual = draw(places, "alpha", radius_km=0.2, alpha_km=alpha_km)
    there = shapely.transform(actual, lambda degrees: degrees * 111.195)
    assert there.symmetric_difference(expected).area < 2e-3 * expected.area
    assert actual.geom_type == expected.geom_type
    if actual.geom_type == "MultiPolygon":
        assert len(actual.geoms) == len(expected.geoms)


@pytest.mark.parametrize("alpha_km", [0.1, 0.7, 8.0])
def test_alpha_shape_of_many_places_is_that_of_all(alpha_km):
    """Places that are left out as within the others change nothing; a bay and a lake stay open."""
    random = np.random.default_rng(4)
    xy = random.random((6000, 2)) * 60.0
    far = np.hypot(*(xy - [30.0, 22.0]).T)
    xy = xy[((far > 14.0) | (far < 0.6)) & (np.hypot(*(xy - [60.0, 50.0]).T) > 18.0)]
    lat, lon = -17.0 + xy[:, 1] / 111.195, 179.8 + xy[:, 0] / 106.3
    here = ProjectedLocations.of(lat, (lon + 180.0) % 360.0 - 180.0, "haversine")
    reach = alpha_km / here.km_per_radian
    rows, *_ = at_outline(here.xy, here.vectors, reach, 5.0 / here.km_per_radian)
    assert len(rows) < 0.9 * len(xy)
    whole = alpha_complex(here.xy, here.vectors, reach)
    forms = [*here.xy[whole.triangles], *here.xy[whole.lines], *here.xy[whole.alone][:, None]]
    radius = 5.0 * here.plane_per_km
    hulls = [shapely.convex_hull(shapely.multipoints(form)) for form in forms]
    expected = shapely.union_all([hull.buffer(radius, quad_segs=24) for hull in hulls])
    actual = draw(np.column_stack([lat, here.lon]), "alpha", radius_km=5.0, alpha_km=alpha_km)

    def flat(degrees):
        vectors = unit_vectors(degrees[:, 1], degrees[:, 0])
        return here.plane.forward(vectors)

    there = shapely.make_valid(shapely.transform(shapely.segmentize(actual, 0.01), flat))
    assert there.symmetric_difference(expected).area < 2e-4 * expected.area


GRIDS = {
    "degrees": ("EPSG:4326", Affine(0.25, 0, -180, 0, -0.25, 90)),
    "from 0 to 360": ("EPSG:4326", Affine(0.25, 0, 0, 0, -0.25, 90)),
    "south above": ("EPSG:4326", Affine(0.25, 0, -180, 0, 0.25, -90)),
    "metres": ("EPSG:3832", Affine(25_000, 0, -5e6, 0, -25_000, 5e6)),
    "turned": ("EPSG:3832", Affine.rotation(30) @ Affine.scale(25_000, -25_000)),
}


@pytest.mark.parametrize("grid", GRIDS)
def test_cells_of_a_raster_hold_their_places_and_no_more(tmp_path, grid):
    crs, affine = GRIDS[grid]
    path = tmp_path / "raster.tif"
    options = {"width": 4, "height": 4, "count": 1, "dtype": "uint8", "driver": "GTiff"}
    with rasterio.open(path, "w", crs=crs, transform=affine, **options) as file:
        file.write(np.zeros((1, 4, 4), "uint8"))
    random = np.random.default_rng(2)
    lat = random.uniform(-17.5, -16.5, 30)
    lon = (random.uniform(179.3, 180.7, 30) + 180.0) % 360.0 - 180.0
    shape = draw(np.column_stack([lat, lon]), "raster", raster=path)
    assert shape.is_valid
    west, _, east, _ = shape.bounds
    assert -180.0 <= west < east <= 180.0
    to_plane = Transformer.from_crs("EPSG:4326", crs, always_xy=True)

    def cells(lat, lon):
        x, y = to_plane.transform(lon, lat)
        if crs == "EPSG:4326":
            x = affine.c + (x - affine.c) % 360.0
        columns, rows = ~affine @ (np.asarray(x), np.asarray(y))
        return set(zip(np.floor(columns).tolist(), np.floor(rows).tolist(), strict=True))

    expected = cells(lat, lon)
    lat, lon = random.uniform(-18.2, -15.8, 6000), random.uniform(178.6, 181.4, 6000)
    lon = (lon + 180.0) % 360.0 - 180.0
    here = inside(shape, lat, lon)
    assert cells(lat[here], lon[here]) == expected
    assert not cells(lat[~here], lon[~here]) & expected
    km2 = {"degrees": 740.0, "metres": 625.0 * np.cos(np.radians(17.0)) ** 2}
    each = km2["metres" if crs == "EPSG:3832" else "degrees"]
    assert area_km2(np.array([shape]))[0] == pytest.approx(len(expected) * each, rel=0.02)


@pytest.mark.parametrize("cell_km", [1.0, 5.0, 40.0, 700.0])
def test_cells_are_of_one_area_and_cover_the_earth(cell_km):
    grid = EqualAreaGrid.of(cell_km)
    assert grid.km2 == pytest.approx(cell_km**2, rel=0.05 if cell_km > 100 else 1e-3)
    assert grid.km2 * grid.columns.sum() == pytest.approx(510_065_621.7, rel=1e-9)
    band_areas = 360.0 * np.diff(band_km2(grid.limits))
    np.testing.assert_allclose(band_areas, grid.columns * grid.km2, rtol=1e-7)
    lat = np.array([-90.0, -63.2, -1e-9, 0.0, 33.3, 89.99, 90.0])
    lon = np.array([-180.0, 179.9999999, 0.0, 180.0, -0.1, 77.0, 179.0])
    for place in zip(lat, lon, strict=True):
        cell = draw([place], "cells", cell_km=cell_km)
        assert inside(cell, *[[degree] for degree in place]) or place[1] == 180.0
        if cell_km <= 40.0:
            assert area_km2([cell])[0] == pytest.approx(grid.km2, rel=2e-3)


@pytest.mark.parametrize("metric", METRICS)
def test_the_convex_hull_of_two_is_a_strip(metric):
    lon2, lat2, _ = GEOD[metric].fwd(8.0, 50.0, 70.0, 40_000.0)
    shape = draw([(50.0, 8.0), (lat2, lon2)], "convex", radius_km=5.0, metric=metric)
    assert area_km2([shape])[0] == pytest.approx(np.pi * 25.0 + 40.0 * 10.0, rel=4e-3)


def test_a_hull_over_half_the_earth_is_refused():
    with pytest.raises(StudyError, match="cluster 0.*'discs'"):
        draw([(0.0, 0.0), (0.0, 100.0), (0.0, -100.0)], "convex")
    far = draw([(0.0, 0.0), (0.0, 90.0), (0.0, -90.0), (0.0, 180.0), (0.0, 45.0)])
    assert area_km2([far])[0] == pytest.approx(5 * np.pi * 25.0, rel=1e-2)


@pytest.mark.parametrize("method", WITHOUT_RASTER)
def test_rows_in_any_order_and_repeated_give_the_same_bytes(method):
    random = np.random.default_rng(11)
    n = 3000
    labels = random.integers(-1, 4, n)
    lat = random.normal(0.0, 0.1, n) + np.array([35.0, -17.0, 70.0, 89.9, 0.0])[labels]
    lon = random.normal(0.0, 0.1, n) + np.array([139.0, 180.0, 20.0, 5.0, 0.0])[labels]
    lat, lon = np.clip(lat, -90, 90).round(3), ((lon + 180.0) % 360.0 - 180.0).round(3)
    core = random.random(n) < 0.8
    options = FootprintOptions(method=method)
    expected = footprints(lat, lon, core, labels, options, n_clusters=4)
    rows = np.concatenate([random.permutation(n), random.integers(0, n, 500)])
    actual = footprints(lat[rows], lon[rows], core[rows], labels[rows], options, n_clusters=4)
    assert actual.to_wkb().tolist() == expected.to_wkb().tolist()
    assert expected.index.tolist() == [0, 1, 2, 3]
    assert expected.crs.to_epsg() == 4326
    rings = [part.exterior for shape in expected for part in shapely.get_parts(shape)]
    assert all(ring.is_ccw for ring in rings)


def test_border_and_noise_are_not_drawn():
    (shape,) = footprints(
        [10.0, 11.0, 12.0], [0.0, 0.0, 0.0], [True, False, True], [0, 0, -1], n_clusters=1
    )
    assert shape.equals(draw([(10.0, 0.0)]))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"n_clusters": 1}, "label 1"),
        ({"n_clusters": 3}, "cluster 2 has no location"),
        ({"drawn": [True]}, "one length"),
    ],
)
def test_bad_arguments_are_named(change, words):
    arguments = {
        "lat": [0.0, 1.0],
        "lon": [0.0, 1.0],
        "drawn": [True, True],
        "labels": [0, 1],
        "n_clusters": 2,
    }
    with pytest.raises(ValueError, match=words):
        footprints(**{**arguments, **change})


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"method": "circles"}, "method.*'circles'"),
        ({"metric": "euclidean"}, "metric.*'euclidean'"),
        ({"radius_km": 0.0}, "radius_km"),
        ({"radius_km": float("nan")}, "radius_km"),
        ({"ratio": 1.5}, "ratio.*1.5"),
        ({"alpha_km": -1.0}, "alpha_km.*-1.0"),
        ({"method": "raster"}, "needs a raster"),
    ],
)
def test_bad_options_are_named(options, words):
    with pytest.raises(ValueError, match=words):
        FootprintOptions(**options)


def test_a_study_may_name_every_method():
    assert sorted(OUTLINES) == sorted(METHODS)


def test_progress_is_reported():
    told = []
    footprints(
        [0.0, 9.0], [0.0, 9.0], [1, 1], [0, 1], n_clusters=2, progress=lambda *a: told.append(a)
    )
    assert told == [(f, "footprints") for f in (0.0, 0.5, 1.0, 1.0)]
