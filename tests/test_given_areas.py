"""Areas of the user's are counted, scored and ranked exactly as clusters are."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

import gclust
from gclust.errors import StudyError
from gclust.places.given_areas import area_files, read_areas
from tests.digests import _people, full_listings
from tests.fuzz_studies import undrawn
from tests.worlds import TOWNS, study_folder

SECTIONS = """
[clusters]
eps_km = 10
min_samples = 100
[population]
raster = "people.tif"
[[indicators]]
name = "hhi"
kind = "patent"
[[indicators]]
name = "collaboration"
"""


def run(folder, given="", out=None, extra=SECTIONS):
    folder.mkdir(parents=True, exist_ok=True)
    _people(folder / "people.tif")
    with undrawn():
        return gclust.run(study_folder(folder, full_listings(), extra=extra + given), out)


def areas(names=("West", "East"), shapes=None, **columns):
    shapes = shapes or [shapely.box(9, 45, 13, 50), shapely.box(13, 45, 17, 50)]
    return gpd.GeoDataFrame({"name": list(names), **columns}, geometry=shapes, crs=4326)


@pytest.fixture(scope="module")
def clusters(tmp_path_factory):
    folder = tmp_path_factory.mktemp("clusters")
    return run(folder, out=folder / "run")


@pytest.mark.parametrize("file", ["clusters.gpkg", "clusters.parquet"])
def test_the_footprints_of_clusters_have_the_ranking_of_clusters(clusters, file, tmp_path):
    layer = 'layer = "clusters"\n' if file.endswith("gpkg") else ""
    given = f'[places]\ngiven = "{clusters.path / file}"\ncode = "cluster_id"\n{layer}'
    again = run(tmp_path / "study", given, tmp_path / "run")
    found = again.given_areas()
    codes = found["area_code"].astype(int)
    expected = again.ranking.drop(columns=["outside_share", "foreign_share"])
    assert again.ranking["foreign_share"].eq(0).all()
    assert codes.tolist() == expected["cluster_id"].tolist()
    plain = pd.DataFrame(found.drop(columns=["geometry", "area_id", "area_code"]))
    pd.testing.assert_frame_equal(plain, expected.drop(columns="cluster_id"), check_exact=True)
    overlaps = again.given_overlaps()
    assert len(overlaps) == len(expected)
    np.testing.assert_allclose(overlaps[["share_of_cluster", "share_of_area"]], 100)
    by_id = again.ranking.set_index("cluster_id")
    np.testing.assert_allclose(
        overlaps["overlap_km2"], by_id.loc[overlaps["cluster_id"], "area_km2"], rtol=1e-9
    )
    back = gclust.read_run(tmp_path / "run")
    pd.testing.assert_frame_equal(back.given_areas(), found, check_dtype=False)
    pd.testing.assert_frame_equal(back.given_overlaps(), overlaps, check_dtype=False)
    paths = {entry["path"] for entry in again.info["inputs"]}
    assert file in paths


def test_overlaps_add_up_to_clusters_and_areas(tmp_path):
    (tmp_path / "study").mkdir()
    lat, lon = TOWNS["Munich"]
    shapes = [
        shapely.box(lon - 1, lat - 1, lon, lat + 1),
        shapely.box(lon, lat - 1, lon + 1, lat + 1),
        shapely.box(-60, -60, -50, -50),
    ]
    areas(("Left", "Right", "Sea"), shapes).to_file(tmp_path / "study" / "areas.gpkg")
    done = run(tmp_path / "study", '[places]\ngiven = "areas.gpkg"\n')
    found, ranked = done.given_overlaps(), done.given_areas().set_index("area_id")
    assert ranked["name"].sort_index().tolist() == ["Left", "Right", "Sea"]
    sea = ranked[ranked["name"] == "Sea"].iloc[0]
    assert sea["total"] == 0
    assert sea["economies"] == ""
    assert sea["rank"] == 3
    assert np.isnan(sea["lat"])
    by_id = done.ranking.set_index("cluster_id")
    for kind in ("patent", "publication"):
        column = f"{kind}_count"
        for key, whole in (("cluster_id", by_id), ("area_id", ranked)):
            sums = found[found[key] >= 0].groupby(key)[column].sum()
            np.testing.assert_allclose(sums, whole.loc[sums.index, column], rtol=1e-9)
    shares = found[found["cluster_id"] >= 0].groupby("cluster_id")["share_of_cluster"].sum()
    np.testing.assert_allclose(shares, 100)
    munich = found[(found["cluster"] == "Munich") & (found["area_id"] >= 0)]
    assert munich["area"].tolist() == ["Left", "Right"]
    assert munich["share_of_cluster"].between(30, 70).all()
    np.testing.assert_allclose(
        munich["overlap_km2"].sum(), by_id.loc[munich["cluster_id"].iloc[0], "area_km2"], rtol=1e-3
    )


def test_counts_are_those_of_the_locations_inside(tmp_path):
    (tmp_path / "study").mkdir()
    areas().to_file(tmp_path / "study" / "areas.gpkg")
    found = run(tmp_path / "study", '[places]\ngiven = "areas.gpkg"\n').given_areas()
    table = full_listings()
    table["part"] = 1 / table.groupby(["kind", "record"])["lat"].transform("size")
    for name, west in (("West", 9), ("East", 13)):
        inside = table[table["lat"].between(45, 50) & table["lon"].between(west, west + 4)]
        for kind, rows in inside.groupby("kind"):
            count = found.set_index("name").loc[name, f"{kind}_count"]
            np.testing.assert_allclose(count, rows["part"].sum(), rtol=1e-7)


def test_areas_in_any_order_and_crs_are_the_same(tmp_path):
    both = areas(("B", "A"), code=[None, "a"])
    both.to_file(tmp_path / "a.gpkg")
    both.iloc[::-1].to_file(tmp_path / "b.shp")
    both.to_crs(3035).to_file(tmp_path / "c.geojson")
    both.rename_geometry("shape").to_parquet(tmp_path / "d.parquet")
    first = read_areas(tmp_path / "a.gpkg")
    assert first["name"].tolist() == ["A", "B"]
    for name in ("b.shp", "d.parquet"):
        pd.testing.assert_frame_equal(read_areas(tmp_path / name), first)
    assert read_areas(tmp_path / "a.gpkg", code="code")["area_code"].tolist() == ["a", ""]
    projected = read_areas(tmp_path / "c.geojson")
    assert shapely.hausdorff_distance(projected.geometry[0], first.geometry[0]) < 1e-6
    assert [path.rsplit(".")[-1] for path in area_files(tmp_path / "b.shp")] == [
        "dbf", "prj", "shp", "shx",
    ]  # fmt: skip


@pytest.mark.parametrize("east", [182, -178])
def test_areas_beyond_the_180th_meridian(east, tmp_path):
    ring = shapely.Polygon([(177, -20), (east, -20), (east, -15), (177, -15)])
    areas(("Fiji", "Rest"), [ring, shapely.box(0, -20, 1, 1)]).to_file(tmp_path / "a.gpkg")
    fiji = read_areas(tmp_path / "a.gpkg").geometry[0]
    assert fiji.geom_type == "MultiPolygon"
    assert fiji.bounds[0] == -180
    assert fiji.bounds[2] == 180
    assert fiji.contains(shapely.Point(-179, -18))


def test_a_condition_chooses_features(tmp_path):
    table = areas(("Level 1", "Level 2"), [shapely.box(0, 0, 2, 2), shapely.box(0, 0, 1, 1)])
    table["level"] = [1, 2]
    table.to_file(tmp_path / "a.gpkg")
    with pytest.raises(StudyError, match="1 pair of areas overlaps, such as Level 1 and Level 2"):
        read_areas(tmp_path / "a.gpkg")
    assert read_areas(tmp_path / "a.gpkg", where="level = 2")["name"].tolist() == ["Level 2"]


def test_areas_may_touch(tmp_path):
    sliver = [shapely.box(0, 0, 1, 1), shapely.box(0.9999, 0, 2, 1)]
    areas(("A", "B"), sliver).to_file(tmp_path / "a.gpkg")
    assert len(read_areas(tmp_path / "a.gpkg")) == 2


def spoilt(change):
    table = areas()
    return change(table)


BAD = [
    (lambda t: t.drop(columns="name"), {}, "which column has the names.*name = "),
    (lambda t: t, {"name": "nam"}, "has no column 'nam'; did you mean 'name'"),
    (lambda t: t, {"code": "id"}, "has no column 'id'"),
    (lambda t: t.assign(name=["A", None]), {}, "1 feature has no 'name', the first is number 2"),
    (lambda t: t.set_geometry(t.geometry.centroid), {}, "East has a Point|West has a Point"),
    (lambda t: t.iloc[:0], {}, "has no feature"),
    (lambda t: t, {"layer": "x"}, "has no layer 'x' of polygons"),
    (lambda t: t, {"where": "nothing = 1"}, "cannot be read as areas"),
    (lambda t: t.set_crs(None, allow_override=True), {}, "has no CRS"),
]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("change", "options", "message"), BAD)
def test_areas_that_cannot_be_used(change, options, message, tmp_path):
    change(areas()).to_file(tmp_path / "a.gpkg")
    with pytest.raises(StudyError, match=message):
        read_areas(tmp_path / "a.gpkg", **options)


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(StudyError, match=r"given: .*no\.gpkg does not exist"):
        read_areas(tmp_path / "no.gpkg")
    (tmp_path / "text.gpkg").write_text("no areas")
    with pytest.raises(StudyError, match="cannot be read as areas"):
        read_areas(tmp_path / "text.gpkg")
    areas().to_file(tmp_path / "a.gpkg", layer="one")
    areas().to_file(tmp_path / "a.gpkg", layer="two")
    with pytest.raises(StudyError, match="its layers are one, two; name one"):
        read_areas(tmp_path / "a.gpkg")
    areas().to_parquet(tmp_path / "a.parquet")
    with pytest.raises(StudyError, match="where do not apply to GeoParquet"):
        read_areas(tmp_path / "a.parquet", where="name = 'A'")


def test_options_without_areas_and_names_that_are_taken(tmp_path):
    with pytest.raises(StudyError, match=r"\[places\] name belongs to given"):
        run(tmp_path / "a", '[places]\nname = "x"\n')
    (tmp_path / "b").mkdir()
    areas().to_file(tmp_path / "b" / "areas.gpkg")
    taken = '[[indicators]]\nname = "balance"\ncolumn = "area_id"\n'
    with pytest.raises(StudyError, match="has a column 'area_id' of its own"):
        run(tmp_path / "b", '[places]\ngiven = "areas.gpkg"\n', extra=SECTIONS + taken)


def test_the_summary_names_given_areas(clusters, tmp_path):
    from gclust.results.summary import summary_lines

    given = f'[places]\ngiven = "{clusters.path / "clusters.parquet"}"\n'
    lines = summary_lines(run(tmp_path / "study", given), width=100, top=3)
    assert any("3 given areas hold" in line for line in lines)
    with pytest.raises(StudyError, match=r"set given in \[places\]"):
        clusters.given_areas()
