"""Figures on axes: what they take and return, journal widths, one style, colours, names, insets."""

from __future__ import annotations

from itertools import combinations

import geopandas as gpd
import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import shapely
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb

import gclust
from gclust import plot
from gclust.places import basemap
from gclust.report import bump, intensity, k_distance
from gclust.report.labels import place_labels
from gclust.report.map import MapOptions, draw_map
from gclust.report.projection import REGIONS, region_degrees, region_frame, world_frame
from gclust.report.style import WIDTHS_MM
from gclust.report.symbols import OCEAN, RANK_COLOURS
from gclust.report.territories import Territories
from tests.test_map import CITIES, _clusters, _locations

EUROPE = {
    "London": (51.5, -0.1),
    "Paris": (48.9, 2.3),
    "Munich": (48.1, 11.6),
    "Eindhoven": (51.4, 5.5),
    "Zürich": (47.4, 8.5),
    "Stockholm": (59.3, 18.1),
}
MORE = """
[intensity]
footprints = [{ method = "discs", radius_km = 3 }, { method = "convex" }]

[uncertainty]
draws = 20
"""


@pytest.fixture(autouse=True)
def no_open_figures():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """A run with several footprints, a sweep, an uncertainty and a comparison of the example."""
    study = gclust.datasets.example_study()
    text = study.read_text(encoding="utf-8")
    own = study.with_name("for-plots.toml")
    own.write_text(text + MORE, encoding="utf-8")
    early = gclust.datasets.example_study(years=(2015, 2019))
    return {
        "run": gclust.run(own),
        "sweep": gclust.sweep(study, eps_km=[3, 5, 8], min_samples=[50, 100]),
        "uncertainty": gclust.uncertainty(own),
        "comparison": gclust.compare(early, study),
    }


FIGURES = {
    "map": (plot.map, "run"),
    "intensity": (plot.intensity, "run"),
    "bump": (plot.bump, "comparison"),
    "rank_sets": (plot.rank_sets, "uncertainty"),
    "heat_map": (plot.heat_map, "sweep"),
    "k_distance": (plot.k_distance, "sweep"),
}


@pytest.mark.parametrize("width", ["single", "middle", "double", 150])
@pytest.mark.parametrize("name", FIGURES)
def test_pages_have_a_journal_s_widths_and_texts_stay_on_them(results, name, width):
    draw, of = FIGURES[name]
    axes = draw(results[of], width=width)
    figure = axes.figure
    assert figure.get_figwidth() * 25.4 == pytest.approx(WIDTHS_MM.get(width, width))
    box = figure.get_tightbbox()  # in inches
    assert box.x0 > -0.01
    assert box.y0 > -0.01
    assert box.x1 < figure.get_figwidth() + 0.01
    assert box.y1 < figure.get_figheight() + 0.01


@pytest.mark.parametrize("name", FIGURES)
def test_axes_that_are_given_are_drawn_on_and_returned(results, name):
    figure, (left, right) = plt.subplots(1, 2, figsize=(7, 3))
    draw, of = FIGURES[name]
    draw_it = {"heat_map": lambda r, ax: draw(r, ax=ax)}.get(name, draw)
    assert draw_it(results[of], ax=right) is right
    assert plt.get_fignums() == [figure.number]
    assert right.collections or right.lines or right.patches
    assert not [*left.collections, *left.lines, *left.patches, *left.texts]


def test_the_legend_of_rank_sets_lies_below_the_label_of_their_axis(results):
    figure, axes = plt.subplots(figsize=(5, 3.5))
    plot.rank_sets(results["uncertainty"], axes)
    figure.canvas.draw()
    legend, label = axes.get_legend(), axes.xaxis.label
    assert legend.get_window_extent().y1 < label.get_window_extent().y0
    plt.close(figure)


def test_score_intervals_and_methods_draw_too(results):
    assert isinstance(plot.score_intervals(results["uncertainty"]), Axes)
    for name in ("run", "uncertainty", "comparison"):
        _, ax = plt.subplots()
        assert results[name].plot(ax) is ax
    _, ax = plt.subplots()
    assert results["sweep"].plot("ari", ax) is ax


def test_wrong_names_are_answered_with_the_right_ones(results):
    with pytest.raises(ValueError, match="no region 'mars'; give one of world, europe"):
        plot.map(results["run"], region="mars")
    with pytest.raises(ValueError, match="west, south, east, north"):
        plot.map(results["run"], region=(1, 2, 3))
    with pytest.raises(ValueError, match="-90 <= south < north"):
        plot.map(results["run"], region=(0, 50, 10, 40))
    with pytest.raises(ValueError, match="width must be one of 'single'"):
        plot.map(results["run"], width="wide")
    with pytest.raises(ValueError, match="between 40 and 1000 mm"):
        plot.map(results["run"], width=3)
    with pytest.raises(ValueError, match="'rand' is not drawn; give one of n_clusters"):
        plot.heat_map(results["sweep"], "rand")
    with pytest.raises(ValueError, match=r"\.pdf, \.png, \.svg"):
        plot.save(plt.subplots()[1], "map.tiff")
    without = gclust.run(gclust.datasets.example_study())
    with pytest.raises(ValueError, match="no intensity to plot"):
        plot.intensity(without)
    assert plt.get_fignums() == [1]  # a page that failed is not left open


def test_saved_figures_have_embedded_fonts_and_the_same_bytes(results, tmp_path):
    for part in ("one", "two"):
        axes = plot.map(results["run"], width="single")
        for ending in ("pdf", "png", "svg"):
            plot.save(axes, tmp_path / part / f"map.{ending}", title="A map")
    for ending in ("pdf", "png", "svg"):
        one, two = (tmp_path / part / f"map.{ending}" for part in ("one", "two"))
        assert one.read_bytes() == two.read_bytes()
    pdf = (tmp_path / "one" / "map.pdf").read_bytes()
    assert b"/FontFile2" in pdf  # TrueType
    assert b"/Type3" not in pdf
    assert b"CreationDate" not in pdf


def test_settings_of_the_user_neither_change_nor_are_changed(results, tmp_path):
    plot.save(plot.map(results["run"], width="single"), tmp_path / "a.png")
    changed = {"font.size": 20, "figure.constrained_layout.use": True, "figure.facecolor": "red"}
    with mpl.rc_context(changed):
        plot.save(plot.map(results["run"], width="single"), tmp_path / "b.png")
        assert mpl.rcParams["font.size"] == 20
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_a_study_without_a_name_is_never_called_study(results):
    source = {"kind": "patent", "path": "patent.csv"}
    other = {"kind": "deal", "path": "deal.csv"}
    assert gclust.Study(sources=[source]).heading == "Clusters of patent listings"
    assert gclust.Study(sources=[source, other]).heading == "Clusters of patent and deal listings"
    named = gclust.Study(study={"name": "towns"}, sources=[source])
    assert named.heading == "towns"
    assert results["run"].study.heading == "Three simulated towns"


# Colours


def seen_by(colour: str, kind: str) -> np.ndarray:
    """CIE Lab of a colour as seen with a colour blindness (Machado, Oliveira, Fernandes 2009)."""
    matrix = {
        "normal": np.eye(3),
        "protan": [
            [0.152286, 1.052583, -0.204868],
            [0.114503, 0.786281, 0.099216],
            [-0.003882, -0.048116, 1.051998],
        ],
        "deutan": [
            [0.367322, 0.860646, -0.227968],
            [0.280085, 0.672501, 0.047413],
            [-0.011820, 0.042940, 0.968881],
        ],
    }[kind]
    rgb = np.array(to_rgb(colour))
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    linear = np.clip(np.array(matrix) @ linear, 0.0, 1.0)
    to_xyz = [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
    xyz = np.array(to_xyz) @ linear / [0.9505, 1.0, 1.089]
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize("kind", ["normal", "protan", "deutan"])
@pytest.mark.parametrize(
    "colours",
    [
        (bump.UP, bump.DOWN, bump.STILL, bump.ALONE),
        intensity.COLOURS,
        k_distance.COLOURS,
        RANK_COLOURS,
    ],
    ids=["bump", "intensity", "k-distance", "ranks"],
)
def test_colours_differ_for_colour_blindness_too(colours, kind):
    for one, two in combinations(colours, 2):
        apart = np.linalg.norm(seen_by(one, kind) - seen_by(two, kind))
        assert apart > 14, (one, two, apart)


def test_the_measure_finds_red_against_green():
    red, green = seen_by("#b5402b", "deutan"), seen_by("#4b7a1b", "deutan")
    assert np.linalg.norm(red - green) < 14


# Names and countries


def test_territories_know_country_sea_and_enclave():
    plane = np.array([shapely.box(0, 0, 50, 100), shapely.box(50, 0, 100, 100)], dtype=object)
    enclave = shapely.box(10, 10, 20, 20)
    found = Territories(np.array([*plane, enclave], dtype=object), (0, 0, 200, 100), 1.0)
    points = np.array([[30.0, 50.0], [70.0, 50.0], [15.5, 15.5], [150.0, 50.0]])
    assert found.at(points).tolist() == [1, 2, 3, 0]
    assert found.near(np.array([103.0, 50.0])) == 2
    assert found.near(np.array([150.0, 50.0])) == 0
    boxes = np.array(
        [[30.0, 50.0, 40.0, 55.0], [60.0, 50.0, 90.0, 55.0], [90.0, 50.0, 120.0, 55.0]]
    )
    assert found.foreign_share(boxes, 1) == pytest.approx([0.0, 1.0, 1 / 3])
    assert found.foreign_share(boxes, 2) == pytest.approx([1.0, 0.0, 0.0])


def test_a_name_at_a_border_goes_to_its_own_side(tmp_path):
    # Two countries side by side, a cluster just west of their border.
    halves = [shapely.box(-130, 30, -100, 50), shapely.box(-100, 30, -70, 50)]
    countries = gpd.GeoDataFrame(geometry=halves, crs="EPSG:4326")
    clusters = _clusters(["Chicago"])
    sides = {}
    for lon in (-100.4, -99.6):
        clusters["geometry"] = [shapely.Point(lon, 40).buffer(0.2)]
        options = MapOptions(title="t", countries=countries, region=(-120, 32, -80, 48))
        drawn = draw_map(clusters, _locations(["Chicago"], 1), [tmp_path / "a.png"], options)
        border = drawn.axes.transData.transform((0, 0))[0]
        ((_, label),) = drawn.labels
        sides[lon] = label.box[2] <= border if lon < -100 else label.box[0] >= border
    assert sides == {-100.4: True, -99.6: True}


def test_names_and_leaders_keep_off_what_is_taken():
    outline = shapely.box(0, 0, 1000, 600)
    symbols = np.array([[500.0, 300.0, 10.0, 1.0], [470.0, 320.0, 10.0, 1.0]])
    taken = np.array([[505.0, 200.0, 900.0, 400.0]])
    for label in place_labels(
        symbols, np.full((2, 2), [120.0, 20.0]), outline, gap=4.0, taken=taken
    ):
        assert label is not None
        assert not shapely.box(*label.box).intersects(shapely.box(*taken[0]))
    free = place_labels(symbols, np.full((2, 2), [120.0, 20.0]), outline, gap=4.0)
    assert any(shapely.box(*each.box).intersects(shapely.box(*taken[0])) for each in free)


# Insets, regions, lakes


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A world map with clusters in Europe, and the same without an inset."""
    everywhere = CITIES | EUROPE
    names = list(everywhere)
    at = np.array(list(everywhere.values()))
    clusters = gpd.GeoDataFrame(
        {
            "rank": pd.array(range(1, len(names) + 1), dtype="Int64"),
            "name": names,
            "score": 14.0 / (np.arange(len(names)) + 1.0),
        },
        geometry=[shapely.Point(lon, lat).buffer(0.2) for lat, lon in at],
        crs="EPSG:4326",
    )
    path = [tmp_path_factory.mktemp("inset") / "map.png"]
    locations = _locations(list(CITIES), 500)
    return [
        draw_map(clusters, locations, path, MapOptions(title="World", inset=inset))
        for inset in ("europe", None)
    ]


def test_a_world_map_has_europe_in_an_inset(world):
    drawn, without = world
    assert without.inset is None
    named = {text.partition(" ")[2] for text, label in drawn.inset.labels if label}
    assert set(EUROPE) <= named
    outside = {text.partition(" ")[2] for text, _ in drawn.labels}
    assert not outside & set(EUROPE)
    assert {"London", "Paris"} <= {text.partition(" ")[2] for text, _ in without.labels}
    # Nothing of the map is named below the inset.
    inset = shapely.box(*drawn.inset.box_px[0])
    for text, label in drawn.labels:
        assert not shapely.box(*label.box).intersects(inset), text
        if label.leader:
            line = shapely.LineString(np.reshape(label.leader, (2, 2)))
            assert not line.intersects(inset), text
    for text, label in drawn.inset.labels:
        assert label is None or inset.contains(shapely.box(*label.box)), text


def test_the_inset_covers_no_cluster(world):
    drawn, _ = world
    centres = drawn.axes.transData.transform(
        np.column_stack(drawn.frame.project(*np.array(list((CITIES | EUROPE).values())).T))
    )
    assert not shapely.contains_xy(shapely.box(*drawn.inset.box_px[0]), *centres.T).any()


def test_few_clusters_have_no_inset(tmp_path):
    names = ["London", "Paris", "Tokyo–Yokohama", "Boston–Cambridge"]
    clusters = _clusters(names)
    drawn = draw_map(
        clusters, _locations(names, 10), [tmp_path / "a.png"], MapOptions(title="t", region="world")
    )
    assert drawn.inset is None


def test_regions_have_names_and_may_cross_180_degrees():
    assert region_degrees((170, -10, -170, 10)) == (170.0, -10.0, 190.0, 10.0)
    for name in REGIONS:
        frame = region_frame(name)
        west, south, east, north = REGIONS[name]
        x, y = frame.project(np.array([(south + north) / 2]), np.array([(west + east) / 2]))
        assert shapely.contains_xy(frame.outline, x, y).all()
        assert not frame.is_world
    assert region_frame("world") == world_frame()


def test_lakes_are_whole_and_drawn_over_land(tmp_path):
    lakes, countries = basemap.lakes(), basemap.countries()
    assert lakes.is_valid.all()
    assert len(lakes) == 178
    for lon, lat in ((-87.0, 44.0), (33.0, -1.0), (31.0, 61.0), (108.2, 53.6), (-114.5, 61.5)):
        point = shapely.Point(lon, lat)
        assert lakes.contains(point).sum() == 1, (lon, lat)
        assert countries.contains(point).sum() <= 1
    names = ["Chicago", "Boston–Cambridge", "Seattle"]
    options = MapOptions(title="t", region="north america", names=0)
    drawn = draw_map(_clusters(names), _locations(names, 1), [tmp_path / "a.png"], options)
    image = plt.imread(tmp_path / "a.png")
    x, y = drawn.frame.project(np.array([44.0]), np.array([-87.0]))
    column, row = drawn.axes.transData.transform((x[0], y[0])).round().astype(int)
    assert image[-row, column, :3] == pytest.approx(to_rgb(OCEAN), abs=1 / 255)
