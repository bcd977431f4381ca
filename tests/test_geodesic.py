"""Areas, ways and planes against pyproj; rings that cross 180 degrees or a pole."""

import numpy as np
import pytest
import shapely
from pyproj import Geod
from shapely.geometry.polygon import orient

from gclust.places import geodesic
from gclust.places.antimeridian import from_rings, into_rectangle, unwrapped
from gclust.places.geodesic import (
    Stereographic,
    area_km2,
    band_km2,
    conformal_sphere,
    direct,
    latitude_of_conformal,
    square_degree_km2,
)
from gclust.sphere import EARTH_RADIUS_KM, unit_vectors

GEOD = {
    "haversine": Geod(a=EARTH_RADIUS_KM * 1000.0, b=EARTH_RADIUS_KM * 1000.0),
    "wgs84": Geod(ellps="WGS84"),
}


def test_area_is_pyprojs_with_holes_subtracted_and_parts_added():
    hole = shapely.box(10.2, 50.2, 10.4, 50.4)
    square = shapely.box(10.0, 50.0, 11.0, 51.0).difference(hole)
    other = shapely.box(20.0, -1.0, 21.0, 0.0)
    expected = [
        abs(GEOD["wgs84"].geometry_area_perimeter(orient(shape))[0]) / 1e6
        for shape in (shapely.box(10.0, 50.0, 11.0, 51.0), hole, other)
    ]
    rows = [square, shapely.MultiPolygon([square, other]), None, shapely.Polygon()]
    assert area_km2(rows) == pytest.approx(
        [
            expected[0] - expected[1],
            expected[0] - expected[1] + expected[2],
            0.0,
            0.0,
        ],
        rel=1e-12,
    )
    assert area_km2([square.reverse()]) == area_km2([square])


def test_area_of_a_cap_that_holds_the_pole():
    lon = np.linspace(-180.0, 180.0, 3601)
    cap = shapely.Polygon([*zip(lon, np.full(lon.size, 89.0), strict=True), (180, 90), (-180, 90)])
    assert area_km2([cap])[0] == pytest.approx((band_km2(90.0) - band_km2(89.0)) * 360.0, rel=1e-6)


def test_area_measures_polygons_only():
    with pytest.raises(TypeError, match="LineString"):
        area_km2([shapely.LineString([(0, 0), (1, 1)])])


def test_area_of_bands():
    for south, north in ((0.0, 1.0), (45.0, 46.0), (-89.0, -88.0)):
        # Ten thousandths of a degree wide, a parallel and a geodesic are one.
        thin = shapely.box(0.0, south, 1e-3, north)
        assert (band_km2(north) - band_km2(south)) * 1e-3 == pytest.approx(
            area_km2([thin])[0], rel=1e-8
        )
        middle = shapely.box(0.0, south + 0.4995, 1e-3, south + 0.5005)
        assert square_degree_km2(south + 0.5) * 1e-6 == pytest.approx(
            area_km2([middle])[0], rel=1e-6
        )


@pytest.mark.parametrize("metric", ["haversine", "wgs84"])
@pytest.mark.parametrize("lat", [0.0, 35.7, -60.0, 89.99, 90.0])
def test_direct_goes_as_far_as_pyproj(metric, lat):
    azimuth = np.arange(0.0, 360.0, 10.0)
    lat2, lon2 = direct(lat, 179.9, azimuth, 25.0, metric)
    assert np.abs(lon2 - 179.9).max() <= 180.0
    _, _, metres = GEOD[metric].inv(np.full(36, 179.9), np.full(36, lat), lon2, lat2)
    assert metres == pytest.approx(np.full(36, 25_000.0), abs=1e-4)


def test_conformal_sphere_keeps_local_scale_and_inverts():
    lat = np.array([-90.0, -89.99, -45.0, 0.0, 30.0, 60.0, 89.99, 90.0])
    chi, km_per_radian = conformal_sphere(lat, "wgs84")
    assert latitude_of_conformal(chi, "wgs84") == pytest.approx(lat, abs=1e-10)
    # A short way north and a short way east must both be km_per_radian times the sphere's.
    for azimuth in (0.0, 90.0):
        lat2, lon2 = direct(lat[1:-1], 10.0, azimuth, 0.5, "wgs84")
        chi2, _ = conformal_sphere(lat2, "wgs84")
        chord = np.linalg.norm(unit_vectors(chi2, lon2) - unit_vectors(chi[1:-1], 10.0), axis=1)
        assert chord * km_per_radian[1:-1] == pytest.approx(np.full(6, 0.5), rel=1e-4)
    assert conformal_sphere(lat, "haversine")[0].tolist() == lat.tolist()


def test_stereographic_inverts_and_keeps_circles():
    vectors = unit_vectors([10.0, 12.0, 8.0, 11.0], [-179.0, 179.0, 178.0, -178.5])
    plane = Stereographic.at_centre_of(vectors)
    assert plane.inverse(plane.forward(vectors)) == pytest.approx(vectors, abs=1e-15)
    rim_lat, rim_lon = direct(12.0, 170.0, np.arange(0.0, 360.0, 30.0), 500.0, "haversine")
    x, y = plane.forward(unit_vectors(rim_lat, rim_lon)).T
    centre, *_ = np.linalg.lstsq(np.c_[2 * x, 2 * y, np.ones(12)], x**2 + y**2, rcond=None)
    radius = np.hypot(x - centre[0], y - centre[1])
    assert radius == pytest.approx(np.full(12, radius[0]), rel=1e-9)


def test_a_ring_across_180_degrees_is_cut_there():
    ring = (np.array([179.0, -179.0, -179.0, 179.0]), np.array([0.0, 0.0, 2.0, 2.0]))
    shape = from_rings([ring])
    assert shape.equals(
        shapely.union_all([shapely.box(179, 0, 180, 2), shapely.box(-180, 0, -179, 2)])
    )
    assert into_rectangle(unwrapped(np.array([0.0, 2, 2, 0]), np.array([0.0, 0, 1, 1])))[0].equals(
        shapely.box(0, 0, 2, 1)
    )


@pytest.mark.parametrize(("lat", "pole"), [(85.0, 90.0), (-85.0, -90.0)])
@pytest.mark.parametrize("step", [10.0, -10.0])
def test_a_ring_round_a_pole_is_closed_along_it(lat, pole, step):
    lon = np.arange(36) * step
    cap = from_rings([(lon, np.full(36, lat))])
    assert cap.equals(shapely.box(-180.0, min(lat, pole), 180.0, max(lat, pole)))
    inner = (lat + pole) / 2.0
    band = from_rings([(lon, np.full(36, lat)), (lon[::-1], np.full(36, inner))])
    assert band.equals(shapely.box(-180.0, min(lat, inner), 180.0, max(lat, inner)))


def test_many_areas_are_measured_as_each_is_alone(monkeypatch):
    rng = np.random.default_rng(2)
    discs = [shapely.Point(*at).buffer(1.0, quad_segs=60) for at in rng.uniform(-60, 60, (200, 2))]
    shapes = [disc - shapely.Point(disc.centroid).buffer(0.3) for disc in discs]
    shapes += [shapely.MultiPolygon([shapes[0], discs[1]]), None, shapely.Polygon()]
    monkeypatch.setattr(geodesic, "count_threads", lambda: 3)
    assert shapely.get_num_coordinates(shapes).sum() > geodesic.MANY_POINTS
    together = area_km2(shapes)
    assert np.array_equal(together, np.concatenate([area_km2([shape]) for shape in shapes]))
    assert together[:-2].min() > 0.0
    assert together[-2:].tolist() == [0.0, 0.0]
