"""The map: what it shows, that nothing overlaps, and that its bytes are always the same."""

from __future__ import annotations

import re
import zlib
from io import BytesIO
from itertools import combinations
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pyproj
import pytest
import shapely
from fontTools.ttLib import TTFont
from matplotlib.colors import to_rgb, to_rgba
from matplotlib.image import imread
from matplotlib.text import Text
from shapely import affinity

from gclust.report import labels as labels_module
from gclust.report.boxes import lines_through_box
from gclust.report.labels import Label, place_labels
from gclust.report.layers import METRES_PER_DEGREE, coarser, noise_dots, simplified
from gclust.report.map import DrawnMap, MapOptions, draw_map
from gclust.report.map_inputs import least_noise_weight
from gclust.report.projection import Frame, choose_frame, frame_of_points, world_frame
from gclust.report.style import new_figure
from gclust.report.symbols import LAND, OTHER, RANK_COLOURS, fill, radii_pt, rank_classes

CITIES = {
    "Shenzhen–Hong Kong–Guangzhou": (22.8, 113.9),
    "Tokyo–Yokohama": (35.6, 139.7),
    "San Jose–San Francisco": (37.5, -122.1),
    "Beijing": (39.9, 116.4),
    "Seoul": (37.5, 127.0),
    "Shanghai–Suzhou": (31.2, 121.2),
    "New York City": (40.7, -74.0),
    "London": (51.5, -0.1),
    "Boston–Cambridge": (42.4, -71.1),
    "Los Angeles": (34.0, -118.2),
    "Osaka–Kobe–Kyoto": (34.7, 135.4),
    "Paris": (48.9, 2.3),
    "Hangzhou": (30.3, 120.2),
    "San Diego": (32.8, -117.2),
    "Nanjing": (32.1, 118.8),
    "Seattle": (47.6, -122.3),
    "Wuhan": (30.6, 114.3),
    "Munich": (48.1, 11.6),
    "Hefei": (31.8, 117.3),
    "Chicago": (41.9, -87.7),
    "Bengaluru": (13.0, 77.6),
    "Auckland": (-36.9, 174.8),
    "Xi’an": (34.3, 108.9),
    "Daejeon": (36.4, 127.4),
    "Singapore": (1.35, 103.8),
    "Suva $x_1$": (-18.1, 178.4),
}
US_CITIES = (
    "San Jose–San Francisco",
    "New York City",
    "Boston–Cambridge",
    "Los Angeles",
    "Chicago",
)


def _clusters(names: list[str]) -> gpd.GeoDataFrame:
    at = np.array([CITIES[name] for name in names])
    discs = [shapely.Point(lon, lat).buffer(0.2) for lat, lon in at]
    table = pd.DataFrame({"rank": pd.array(range(1, len(names) + 1), dtype="Int64"), "name": names})
    table["score"] = 14.0 / (np.arange(len(names)) + 1.0)
    return gpd.GeoDataFrame(table, geometry=discs, crs="EPSG:4326")


def _locations(names: list[str], n: int = 4_000) -> pd.DataFrame:
    rng = np.random.default_rng(3)
    at = np.array([CITIES[name] for name in names])[rng.integers(0, len(names), n)]
    at = at + rng.normal(0, 1.5, (n, 2))
    return pd.DataFrame(
        {
            "lat": at[:, 0],
            "lon": (at[:, 1] + 180) % 360 - 180,
            "label": np.where(rng.random(n) < 0.5, -1, 0),
            "weight": rng.integers(1, 20, n).astype(float),
        }
    )


@pytest.fixture(scope="module")
def land() -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame(geometry=[shapely.box(-120, 30, -70, 48)], crs="EPSG:4326")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> tuple[DrawnMap, Path]:
    """A world map with the package's own basemap, drawn once."""
    folder = tmp_path_factory.mktemp("world")
    names = list(CITIES)
    clusters = _clusters(names)
    clusters.loc[25, "rank"] = pd.NA
    paths = [folder / "figures" / "map.png", folder / "figures" / "map.pdf"]
    options = MapOptions(title="World $1$", note="A note. " * 40, top=24)
    drawn = draw_map(clusters, _locations(names), paths, options)
    return drawn, folder / "figures"


# What is shown


def test_files_are_made(world: tuple[DrawnMap, Path]) -> None:
    _, folder = world
    image = imread(folder / "map.png")
    assert image.shape[1] == round(183 / 25.4 * 300)  # two columns of a journal
    assert image[:, :, :3].min() < 0.2
    pdf = (folder / "map.pdf").read_bytes()
    assert pdf.startswith(b"%PDF")
    assert b"/FontFile2" in pdf
    assert b"CreationDate" not in pdf
    assert b"CreationDate" not in (folder / "map.png").read_bytes()[:2000]
    assert b"Software" not in (folder / "map.png").read_bytes()[:2000]


def test_fonts_of_a_pdf_are_embedded_once_and_without_layout(world: tuple[DrawnMap, Path]) -> None:
    """The tables of layout take most of the time to be reduced, and no PDF reader needs them."""
    _, folder = world
    pdf = (folder / "map.pdf").read_bytes()
    names = set(re.findall(rb"/BaseFont /\w+\+([\w-]+)", pdf))
    assert names == {b"DejaVuSans", b"DejaVuSans-Bold"}
    streams = re.findall(rb"/Length1 \d+.*?stream\r?\n(.*?)endstream", pdf, re.DOTALL)
    assert len(streams) == len(names)
    for stream in streams:
        with TTFont(BytesIO(zlib.decompress(stream))) as font:
            assert {"glyf", "loca", "head", "hhea", "hmtx", "maxp"} <= set(font.keys())
            assert not {"GSUB", "GPOS", "GDEF", "kern"} & set(font.keys())


def test_the_fonts_of_others_are_left_alone() -> None:
    file = BytesIO()
    with new_figure() as figure:
        figure.text(0, 0, "Basel")
        figure.savefig(file, format="pdf")
    (stream,) = re.findall(rb"/Length1 \d+.*?stream\r?\n(.*?)endstream", file.getvalue(), re.DOTALL)
    with TTFont(BytesIO(zlib.decompress(stream))) as font:
        assert "GSUB" in font


def test_simplified_land_is_valid_and_near() -> None:
    rng = np.random.default_rng(8)
    angle = np.linspace(0, 2 * np.pi, 400, endpoint=False)
    shapes = []
    for size in np.geomspace(0.05, 50, 60):  # the small ones vanish but for a triangle
        radius = size * (1 + 0.3 * rng.random(len(angle)))
        edge = np.column_stack([radius * np.cos(angle), radius * np.sin(angle)])
        hole = edge[::-1] * rng.uniform(0.2, 0.95)
        shapes.append(shapely.Polygon(edge, [hole]))
    shapes.append(shapely.MultiPolygon([shapes[3], shapely.Polygon(edge + 500.0)]))
    land = shapely.make_valid(np.array(shapes, dtype=object))
    found = simplified(land, 0.4)
    assert len(found) == len(land)
    assert shapely.is_valid(found).all()
    assert not shapely.is_empty(found).any()
    assert shapely.get_num_coordinates(found).sum() < shapely.get_num_coordinates(land).sum() / 4
    assert shapely.hausdorff_distance(found, land).max() < 1.0


def test_footprints_that_overlap_are_filled(tmp_path: Path, land: gpd.GeoDataFrame) -> None:
    """Whichever way their rings turn."""
    clusters = _clusters(["New York City", "Boston–Cambridge"])
    square = shapely.box(-76.0, 40.0, -71.0, 44.0)
    clusters["rank"] = pd.array([pd.NA, pd.NA], dtype="Int64")
    clusters["geometry"] = [square, affinity.translate(square, 0.5)]
    turned = clusters.copy()
    turned.loc[1, "geometry"] = shapely.reverse(clusters.geometry[1])
    options = MapOptions(title="T", countries=land)
    images = []
    for k, each in enumerate((clusters, turned)):
        draw_map(each, _locations(list(US_CITIES)), [tmp_path / f"{k}.png"], options)
        images.append(imread(tmp_path / f"{k}.png"))
    np.testing.assert_array_equal(*images)


def test_all_first_clusters_are_named(world: tuple[DrawnMap, Path]) -> None:
    drawn, _ = world
    # Ranks above `top` and those without a rank have no name.
    names = list(CITIES)[:24]
    assert [text for text, _ in drawn.labels] == [f"{i + 1} {n}" for i, n in enumerate(names)]
    assert drawn.unnamed == ()
    assert drawn.frame.is_world


def _texts(drawn: DrawnMap) -> dict[str, tuple[float, float, float, float]]:
    """Extents of all texts, as matplotlib measures them on the finished figure."""
    found = {}
    for text in drawn.figure.findobj(Text):
        if text.get_text() and not text.get_path_effects() and text.get_visible():
            box = text.get_window_extent()
            if box.width > 0:
                found[f"{text.get_text()}@{len(found)}"] = (box.x0, box.y0, box.x1, box.y1)
    return found


def test_no_text_meets_another_or_the_edge(world: tuple[DrawnMap, Path]) -> None:
    drawn, _ = world
    texts = _texts(drawn)
    assert len(texts) > 24 + 8
    for (one, a), (two, b) in combinations(texts.items(), 2):
        apart = a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1]
        assert apart, (one, two)
    width, height = drawn.figure.get_size_inches() * 300
    for name, (x0, y0, x1, y1) in texts.items():
        assert min(x0, y0, width - x1, height - y1) >= 0, name


def test_names_lie_within_the_outline(world: tuple[DrawnMap, Path]) -> None:
    drawn, _ = world
    axes = drawn.figure.axes[0]
    outline = shapely.transform(drawn.frame.outline, axes.transData.transform)
    for text, label in drawn.labels:
        assert outline.contains(shapely.box(*label.box)), text


def test_leaders_cross_no_name(world: tuple[DrawnMap, Path]) -> None:
    drawn, _ = world
    leaders = [
        (t, shapely.LineString(np.reshape(v.leader, (2, 2)))) for t, v in drawn.labels if v.leader
    ]
    assert leaders
    for owner, line in leaders:
        for text, label in drawn.labels:
            assert text == owner or not line.intersects(shapely.box(*label.box)), (owner, text)
    for (_, one), (_, two) in combinations(leaders, 2):
        assert not one.crosses(two)


def test_same_bytes_for_permuted_rows(tmp_path: Path, land: gpd.GeoDataFrame) -> None:
    clusters, locations = _clusters(list(US_CITIES)), _locations(list(US_CITIES))
    clusters["rank"] = pd.array([1, 2, 2, None, None], dtype="Int64")
    for i, seed in enumerate((None, 5)):
        if seed is not None:
            clusters = clusters.sample(frac=1, random_state=seed)
            locations = locations.sample(frac=1, random_state=seed)
        draw_map(
            clusters,
            locations,
            [tmp_path / f"{i}.png", tmp_path / f"{i}.pdf"],
            MapOptions(title="t", countries=land),
        )
    for ending in ("png", "pdf"):
        assert (tmp_path / f"0.{ending}").read_bytes() == (tmp_path / f"1.{ending}").read_bytes()


def test_settings_of_the_user_change_nothing(tmp_path: Path, land: gpd.GeoDataFrame) -> None:
    import matplotlib as mpl

    clusters, locations = _clusters(list(US_CITIES)), _locations(list(US_CITIES), 200)
    options = MapOptions(title="t", countries=land)
    draw_map(clusters, locations, [tmp_path / "a.png"], options)
    changed = {"font.size": 20, "lines.linewidth": 5, "savefig.bbox": "tight", "figure.dpi": 50}
    with mpl.rc_context(changed):
        draw_map(clusters, locations, [tmp_path / "b.png"], options)
        assert mpl.rcParams["font.size"] == 20
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_nothing_found_is_a_map_too(tmp_path: Path, land: gpd.GeoDataFrame) -> None:
    none = _clusters(list(US_CITIES)).iloc[:0]
    empty = _locations(list(US_CITIES)).iloc[:0]
    options = MapOptions(title="nothing", countries=land)
    drawn = draw_map(none, empty, [tmp_path / "a.png"], options)
    assert drawn.labels == ()
    assert drawn.n_dots == 0
    assert (tmp_path / "a.png").exists()


@pytest.mark.parametrize(
    ("top", "without", "text"),
    [(100, 0, None), (3, 0, "lower rank"), (100, 1, "not ranked"), (3, 1, "lower rank or none")],
)
def test_clusters_past_the_first_have_a_rank_in_the_legend(
    tmp_path: Path, land: gpd.GeoDataFrame, top: int, without: int, text: str | None
) -> None:
    names = list(US_CITIES)
    clusters = _clusters(names)
    clusters.loc[len(names) - without :, "rank"] = pd.NA
    options = MapOptions(title="t", countries=land, top=top)
    drawn = draw_map(clusters, _locations(names, 200), [tmp_path / "a.png"], options)
    known = {"lower rank", "not ranked", "lower rank or none"}
    assert {each.get_text() for each in drawn.figure.findobj(Text)} & known == {text} - {None}


def test_other_endings_are_refused(tmp_path: Path, land: gpd.GeoDataFrame) -> None:
    clusters, options = _clusters(list(US_CITIES)), MapOptions(title="", countries=land)
    with pytest.raises(ValueError, match=r"map\.svg must end in \.png or \.pdf"):
        draw_map(clusters, _locations(["Paris"]), [tmp_path / "map.svg"], options)


# Frame


def _frame(names: list[str], dots: list[tuple[float, float, float]]) -> Frame:
    at = np.array([CITIES[name] for name in names])
    lat, lon, weight = (np.array(v) for v in zip(*dots, strict=True))
    return choose_frame(
        np.concatenate([at[:, 0], lat]),
        np.concatenate([at[:, 1], lon]),
        np.concatenate([np.full(len(at), 1000.0), weight]),
        (at[:, 0], at[:, 1]),
    )


def test_few_dots_far_away_do_not_widen_a_region() -> None:
    seattle, miami, maine = (47.6, -122.3, 50.0), (25.8, -80.2, 200.0), (44.8, -68.8, 20.0)
    anchorage, honolulu = (61.2, -149.9, 5.0), (21.3, -157.9, 20.0)
    near = _frame(list(US_CITIES), [seattle, miami, maine])
    assert _frame(list(US_CITIES), [seattle, miami, maine, anchorage, honolulu]) == near
    assert near.proj.startswith("+proj=laea")
    x, y = near.project(np.array([47.6, 25.8, 44.8]), np.array([-122.3, -80.2, -68.8]))
    assert shapely.contains_xy(near.outline, x[:2], y[:2]).all()
    x, y = near.project(np.array([61.2, 21.3]), np.array([-149.9, -157.9]))
    assert not shapely.contains_xy(near.outline, x, y).any()


def test_much_weight_or_a_cluster_far_away_widens_it() -> None:
    frame = _frame(list(US_CITIES), [(61.2, -149.9, 500.0)])
    x, y = frame.project(np.array([61.2]), np.array([-149.9]))
    assert shapely.contains_xy(frame.outline, x, y).all()
    assert _frame([*US_CITIES, "Auckland"], [(0.0, 0.0, 0.0)]).is_world


def test_region_across_180_degrees() -> None:
    frame = frame_of_points(np.array([-37.0, -18.0, -14.0]), np.array([174.8, 178.4, -170.7]))
    assert (frame.lon_0, frame.lat_0) == (-178.0, -26.0)
    x, y = frame.project(np.array([-37.0, -18.0, -14.0]), np.array([174.8, 178.4, -170.7]))
    assert shapely.contains_xy(frame.outline, x, y).all()
    assert frame.bounds[2] - frame.bounds[0] < 4e6


def test_pole_in_the_frame() -> None:
    frame = frame_of_points(np.full(8, 80.0), np.arange(-180.0, 180.0, 45.0))
    west, _, east, north = frame.degrees
    assert (east - west, north) == (360.0, 90.0)
    ring = frame.shapes(np.array([shapely.box(-180, 70, 180, 90)], dtype=object))[0]
    assert ring.area == pytest.approx(frame.outline.area, rel=1e-6)


@pytest.mark.parametrize(
    "frame", [world_frame(), frame_of_points(np.array([30.0, 45.0]), np.array([-120.0, -75.0]))]
)
def test_areas_are_true(frame: Frame) -> None:
    box = shapely.segmentize(shapely.box(-110, 35, -90, 43), 0.1)
    area, _ = pyproj.Geod(ellps="WGS84").geometry_area_perimeter(box)
    found = frame.shapes(np.array([box], dtype=object))[0].area
    assert found == pytest.approx(area, rel=1e-3)


def test_halves_at_180_degrees_become_one() -> None:
    halves = shapely.MultiPolygon(
        [shapely.box(179, -19, 180, -17), shapely.box(-180, -19, -179, -17)]
    )
    for frame in (
        world_frame(),
        frame_of_points(np.array([-25.0, -10.0]), np.array([170.0, -170.0])),
    ):
        assert frame.shapes(np.array([halves], dtype=object))[0].geom_type == "Polygon"


def test_cut_of_the_world_is_in_the_bering_strait() -> None:
    frame = world_frame()
    strip = shapely.box(-170, 10, -168, 12)
    whole = frame.shapes(np.array([strip], dtype=object))[0]
    left, right = sorted(whole.geoms, key=lambda part: part.centroid.x)
    assert left.bounds[0] < -16e6 < 16e6 < right.bounds[2]


def test_scale_bar_is_true_where_it_says() -> None:
    region = frame_of_points(np.array([25.0, 49.0]), np.array([-125.0, -67.0]))
    # At the centre of Lambert's projection scale is true; 500 km away 0.05 % are lost.
    assert region.bar_metres(1000) == pytest.approx(1e6, rel=2e-3)
    world = world_frame()
    geod = pyproj.Geod(ellps="WGS84")
    lon = np.linspace(0.0, 10.0, 1001)
    _, _, steps = geod.inv(lon[:-1], np.full(1000, 40.0), lon[1:], np.full(1000, 40.0))
    x, _ = world.project(np.full(2, 40.0), lon[[0, -1]])
    assert world.bar_metres(steps.sum() / 1000) == pytest.approx(x[1] - x[0], rel=1e-6)


# Noise


def _noise(lat: list[float], lon: list[float], weight: float = 5.0) -> pd.DataFrame:
    return pd.DataFrame({"lat": lat, "lon": lon, "label": -1, "weight": weight})


def test_noise_is_thinned_to_one_dot_a_cell() -> None:
    frame = world_frame()
    many = _noise([10.0, 10.001, 10.002, 50.0], [20.0, 20.001, 20.002, 20.0])
    x, y = noise_dots(many, frame, 20e3, 5.0)
    assert len(x) == 2
    px, py = frame.project(np.array([10.0, 50.0]), np.array([20.0, 20.0]))
    assert np.hypot(np.sort(x) - np.sort(px), np.sort(y) - np.sort(py)).max() < 30e3


def test_light_and_clustered_locations_are_no_noise() -> None:
    locations = pd.concat([_noise([10.0], [20.0], 4.9), _noise([30.0], [20.0], 5.0)])
    clustered = _noise([50.0], [20.0]).assign(label=3)
    x, _ = noise_dots(pd.concat([locations, clustered]), world_frame(), 20e3, 5.0)
    assert len(x) == 1


@pytest.mark.parametrize(
    ("weights", "least", "written"),
    [
        ([1.0, 3.0], 1 / 9, "all locations"),
        ([1.0, 3.0], 1.67, "locations of weight ≥ 2"),
        ([0.05, 0.25, 1.5], 1 / 9, "locations of weight ≥ 0.111"),
        ([0.25, 1.5], 1 / 9, "all locations"),
        ([4.0, 6.0], 5.0, "locations of weight ≥ 5"),
    ],
)
def test_the_legend_of_noise_suits_its_weights(
    tmp_path: Path, land: gpd.GeoDataFrame, weights: list[float], least: float, written: str
) -> None:
    """The weight of a cluster (0.01 here) has no part in what is said of noise."""
    names = list(US_CITIES)
    noise = pd.concat([_noise([39.0 + at], [-97.0], each) for at, each in enumerate(weights)])
    mine = _noise([40.0], [-90.0], 0.01).assign(label=0)
    locations = pd.concat([noise, mine], ignore_index=True)
    label, weight = locations["label"].to_numpy(), locations["weight"].to_numpy()
    noise_weight = least_noise_weight(label, weight, least)
    assert ((noise["weight"] >= noise_weight) == (noise["weight"] >= least)).all()
    options = MapOptions(title="t", countries=land, noise_weight=noise_weight)
    drawn = draw_map(_clusters(names), locations, [tmp_path / "a.png"], options)
    assert drawn.n_dots == (noise["weight"] >= least).sum()
    assert written in {each.get_text() for each in drawn.figure.findobj(Text)}


def test_a_million_locations_are_thinned_in_no_time() -> None:
    rng = np.random.default_rng(1)
    million = _noise(list(rng.uniform(-50, 70, 10**6)), list(rng.uniform(-180, 180, 10**6)))
    frame = world_frame()
    x, y = noise_dots(million, frame, 100e3, 5.0)
    x_min, y_min, x_max, y_max = frame.bounds
    assert len(x) <= ((x_max - x_min) // 100e3 + 1) * ((y_max - y_min) // 100e3 + 1)
    assert len(np.unique(np.column_stack([x, y]), axis=0)) == len(x)


# Colours and sizes


def _lightness(colour: str | tuple[str, float]) -> float:
    """CIE L* of a colour laid over land."""
    r, g, b, alpha = to_rgba(colour)
    mixed = alpha * np.array([r, g, b]) + (1 - alpha) * np.array(to_rgb(LAND))
    linear = np.where(mixed <= 0.04045, mixed / 12.92, ((mixed + 0.055) / 1.055) ** 2.4)
    y = float(linear @ [0.2126, 0.7152, 0.0722])
    return 116 * np.cbrt(y) - 16 if y > 0.008856 else 903.3 * y


def test_lightness_rises_with_rank() -> None:
    edges = [_lightness(colour) for colour in RANK_COLOURS]
    fills = [_lightness(fill(colour)) for colour in RANK_COLOURS]
    for levels, step in ((edges, 15.0), (fills, 5.0)):
        assert min(np.diff(levels)) > step
        assert _lightness(LAND) - levels[-1] > 5.0
    # Hollow circles differ from all filled ones.
    assert _lightness(fill(OTHER)) > _lightness(LAND) + 4.0


# Deuteranopia and protanopia by Vienot, Brettel and Mollon (1999), in linear RGB.
DICHROMATS = {
    "protanope": [[0.11238, 0.88762, 0.0], [0.11238, 0.88762, 0.0], [0.00401, -0.00401, 1.0]],
    "deuteranope": [[0.29275, 0.70725, 0.0], [0.29275, 0.70725, 0.0], [-0.02234, 0.02234, 1.0]],
}


@pytest.mark.parametrize("vision", DICHROMATS)
def test_lightness_rises_for_dichromats_too(vision: str) -> None:
    levels = []
    for colour in RANK_COLOURS:
        linear = (np.array(to_rgb(colour)) + 0.055) ** 2.4 / 1.055**2.4
        y = float(np.array(DICHROMATS[vision]) @ linear @ [0.2126, 0.7152, 0.0722])
        levels.append(116 * np.cbrt(y) - 16)
    assert min(np.diff(levels)) > 8.0


def test_area_follows_the_score() -> None:
    radii = radii_pt(np.array([16.0, 4.0, 1.0, 0.0, np.nan]), 16.0)
    assert (radii[:3] / radii[0]).tolist() == [1.0, 0.5, 0.25]
    assert radii[3] == radii[4] > 0


@pytest.mark.parametrize("n", [0, 1, 2, 4, 5, 9, 10, 21, 51, 100, 237])
def test_classes_hold_every_rank_once(n: int) -> None:
    held = [rank for c in rank_classes(n) for rank in range(c.first, c.last + 1)]
    assert held == list(range(1, n + 1))


# Names


GAP, SIZE = 2.0, (60.0, 10.0)


def _placed(
    anchors: list[tuple[float, float]],
    sides: tuple[float, float] = (400.0, 400.0),
    radii: float | list[float] = 3.0,
) -> list[Label | None]:
    at = np.array(anchors, dtype=float).reshape(-1, 2)
    symbols = np.column_stack([at, np.broadcast_to(radii, len(at)), np.ones(len(at))])
    return place_labels(symbols, np.tile(SIZE, (len(at), 1)), shapely.box(0, 0, *sides), gap=GAP)


def test_a_lonely_name_stands_right_of_its_symbol() -> None:
    (label,) = _placed([(200, 200)])
    assert label.leader is None
    assert label.box == (205.0, 195.0, 265.0, 205.0)


def test_a_name_at_the_right_edge_stands_left() -> None:
    (label,) = _placed([(390, 200)])
    assert label.box[2] == 385.0


# A large circle over its smaller neighbours, as at the west coast of the United States.
COAST = ([(200, 200), (206, 190), (212, 184)], [14.0, 5.0, 4.0])
ROW = ([(120.0 + 12 * i, 200.0) for i in range(6)], [3.0] * 6)
COLUMN = ([(200.0, 240.0 - 8 * i) for i in range(8)], [3.0] * 8)
NESTED = ([(200.0, 200.0), (203.0, 203.0), (200.0, 200.0)], [20.0, 6.0, 2.0])
CROWD = (
    [(200 + 40 * np.sin(7.0 * i), 200 + 40 * np.cos(3.1 * i)) for i in range(16)],
    [12.0 / np.sqrt(i + 1.0) for i in range(16)],
)
GROUPS = {"coast": COAST, "row": ROW, "column": COLUMN, "nested": NESTED, "crowd": CROWD}


@pytest.mark.parametrize("group", GROUPS)
def test_a_name_is_read_as_that_of_its_own_symbol(group: str) -> None:
    anchors, radii = GROUPS[group]
    labels = _placed(anchors, radii=radii)
    assert all(labels)
    discs = [(shapely.Point(at), r) for at, r in zip(anchors, radii, strict=True)]
    for own, label in enumerate(labels):
        box = shapely.box(*label.box)
        away = [box.distance(middle) - r for middle, r in discs]
        if label.leader is None:
            assert all(d >= 2.0 * away[own] for i, d in enumerate(away) if i != own), own
        else:
            assert label.leader[:2] == tuple(anchors[own])
            assert box.distance(shapely.Point(label.leader[2:])) < 1e-9
            line = shapely.LineString(np.reshape(label.leader, (2, 2)))
            for i, (middle, _) in enumerate(discs):
                distinct = middle.distance(discs[own][0]) > GAP
                assert not distinct or i == own or line.distance(middle) > GAP / 2, (own, i)


@pytest.mark.parametrize("group", GROUPS)
def test_leaders_cross_neither_each_other_nor_names(group: str) -> None:
    anchors, radii = GROUPS[group]
    labels = _placed(anchors, radii=radii)
    lines = [
        shapely.LineString(np.reshape(v.leader, (2, 2))) if v.leader else shapely.LineString()
        for v in labels
    ]
    assert sum(not line.is_empty for line in lines) >= 1
    for i, j in combinations(range(len(labels)), 2):
        assert not lines[i].crosses(lines[j]), (i, j)
        for line, other in ((lines[i], labels[j]), (lines[j], labels[i])):
            assert not line.intersects(shapely.box(*other.box)), (i, j)


@pytest.mark.parametrize("group", GROUPS)
def test_names_are_stacked_in_the_order_of_their_symbols(group: str) -> None:
    anchors, radii = GROUPS[group]
    labels = _placed(anchors, radii=radii)
    stacked = 0
    for (at, a), (to, b) in combinations(zip(anchors, labels, strict=True), 2):
        one, two = a.box, b.box
        side_by_side = one[2] <= two[0] or two[2] <= one[0]
        apart = max(one[1], two[1]) - min(one[3], two[3])
        if side_by_side or apart > SIZE[1] or abs(at[1] - to[1]) <= GAP:
            continue
        stacked += 1
        assert (one[1] > two[1]) == (at[1] > to[1]), (at, to)
    assert stacked or group in ("row", "nested")


def test_a_leader_does_not_end_in_one_middle_and_pass_another() -> None:
    angle = np.radians(np.arange(0.0, 360.0, 45.0))
    ring = np.column_stack([200 + 12 * np.cos(angle), 200 + 12 * np.sin(angle)])
    symbols = np.vstack([[200, 200, 3, 1], np.column_stack([ring, np.tile([4, 1], (8, 1))])])
    (label,) = place_labels(symbols, np.array([SIZE]), shapely.box(0, 0, 400, 400), gap=GAP)
    line = shapely.LineString(np.reshape(label.leader, (2, 2)))
    assert line.length > 12.0
    assert line.distance(shapely.MultiPoint(ring)) > GAP / 2


@pytest.mark.parametrize("turned", [1, -1])
def test_the_first_name_comes_first(turned: int) -> None:
    # There is room for one name, whichever of the two symbols it belongs to.
    first, second = _placed([(10, 10), (12, 40)][::turned], sides=(90.0, 24.0))
    assert first is not None
    assert second is None


@pytest.mark.parametrize(("step", "least"), [(30.0, 24), (12.0, 16), (1.0, 6)])
def test_names_in_a_crowd_do_not_overlap(step: float, least: int) -> None:
    labels = _placed([(200 + step * (i % 6 - 3), 200 + step * (i // 6 - 2)) for i in range(24)])
    boxes = [shapely.box(*label.box) for label in labels if label]
    assert len(boxes) >= least
    assert not any(a.intersects(b) for a, b in combinations(boxes, 2))


def test_no_place_is_no_name() -> None:
    assert _placed([(25, 25)], sides=(50.0, 50.0)) == [None]
    assert _placed([]) == []


# Shortcuts are compared with what they stand for


def _crowded(n: int = 60) -> tuple[np.ndarray, np.ndarray, shapely.Polygon]:
    """Symbols so near each other that names hide, cross and exclude some of them."""
    rng = np.random.default_rng(5)
    at = rng.uniform(100, 900, (n, 2))
    symbols = np.column_stack([at, rng.uniform(2, 30, n), rng.choice([0.25, 1.0, 1.5], n)])
    return symbols, np.column_stack([rng.uniform(40, 200, 12), np.full(12, 22.0)]), _square(1000)


def _square(side: float) -> shapely.Polygon:
    return shapely.box(0, 0, side, side)


def test_costs_are_those_of_every_symbol() -> None:
    symbols, sizes, _ = _crowded()
    boxes, lines = labels_module._around((500.0, 500.0), np.linspace(10, 400, 28), sizes[0])
    crossed = np.zeros(len(lines))
    hidden, middles = np.zeros(len(lines)), np.ones(len(lines), dtype=bool)
    for x, y, r, cost in symbols:
        circle = np.array([x - r, y - r, x + r, y + r])
        crossed += cost * lines_through_box(lines, circle, 0.0)
        wide = np.minimum(boxes[:, 2], x + r) - np.maximum(boxes[:, 0], x - r)
        high = np.minimum(boxes[:, 3], y + r) - np.maximum(boxes[:, 1], y - r)
        area = np.clip(wide, 0, None) * np.clip(high, 0, None)
        hidden += cost * (area / (2 * r) ** 2 + 0.5 * area / 22.0**2)
        if cost >= 1.0:
            there = shapely.Point(x, y)
            middles &= [
                shapely.LineString(line.reshape(2, 2)).distance(there) > 3 for line in lines
            ]
    assert crossed.any()
    assert not middles.all()
    np.testing.assert_array_equal(labels_module._crossed(lines, symbols), crossed)
    np.testing.assert_allclose(labels_module._hidden(boxes, symbols, 22.0), hidden)
    np.testing.assert_array_equal(labels_module._misses_middles(lines, symbols, 6.0), middles)


def test_positions_far_away_exclude_none() -> None:
    symbols, sizes, outline = _crowded()
    gap = 4.0
    page = labels_module._Surroundings(
        outline, labels_module.NOTHING, labels_module.nowhere_foreign
    )
    candidates = [
        labels_module._candidates(i, size, page, symbols, gap) for i, size in enumerate(sizes)
    ]
    assert all((np.diff(each.cost) >= 0).all() for each in candidates)
    search = labels_module._Search(candidates, symbols[: len(sizes), :2], gap)
    every = np.arange(len(search.cost))
    for position in every[::97]:
        excluded = search._excludes(position, every)
        excluded[search.of[search.owner[position]]] = False
        np.testing.assert_array_equal(search._conflicts(position).astype(bool), excluded)


def test_few_and_many_locations_give_the_same_dots(monkeypatch: pytest.MonkeyPatch) -> None:
    locations = _locations(list(CITIES))
    sorted_ones = noise_dots(locations, world_frame(), 40e3, 5.0)
    monkeypatch.setattr("gclust.report.layers.SPARSE", 10**9)
    marked = noise_dots(locations, world_frame(), 40e3, 5.0)
    assert len(marked[0]) > 100
    np.testing.assert_array_equal(sorted_ones, marked)


def test_footprints_lose_no_more_than_can_be_seen() -> None:
    """Those at 180 degrees, whose other half must fit them, lose nothing."""
    angle = np.linspace(0.0, 2.0 * np.pi, 2000)
    rough = np.random.default_rng(4).normal(1.0, 1e-4, angle.size)
    disc = shapely.Polygon(np.column_stack([np.cos(angle) * rough, np.sin(angle) * rough]))
    half = shapely.intersection(
        shapely.transform(disc, lambda at: at + np.array([180.0, 0.0])),
        shapely.box(170, -5, 180, 5),
    )
    found = coarser(np.array([disc, half], dtype=object), 100.0)
    assert shapely.get_num_coordinates(found[0]) < 400
    assert shapely.is_valid(found[0])
    corners = shapely.points(shapely.get_coordinates(disc))
    # GEOS also leaves out where a ring starts, which adds a little.
    assert shapely.distance(corners, found[0].boundary).max() < 110.0 / METRES_PER_DEGREE
    assert found[1].equals_exact(half)
