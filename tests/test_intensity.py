"""Intensity under several footprints and rasters: by hand, in a study, read back, refused."""

from __future__ import annotations

import warnings

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import rasterio
import shapely
from rasterio import Affine

import gclust
from gclust.errors import GclustWarning, StudyError
from gclust.places.footprints.outlines import FootprintOptions, footprints
from gclust.places.geodesic import area_km2
from gclust.places.rasters.population import population
from gclust.ranking.spread import intensity_spread as jitter_table
from gclust.ranking.spread import rank_intensities
from gclust.report.table import ranking_table
from tests.worlds import TOWNS, study_folder

SECTION = """
[population]
raster = "people.tif"
[intensity]
footprints = [
    { method = "discs", radius_km = 1 },
    { method = "discs", radius_km = 9, name = "wide" },
    { method = "convex" },
    { method = "concave", edge_km = 4 },
    { method = "alpha" },
    { method = "cells", cell_km = 3 },
]
rasters = [{ raster = "density.tif", unit = "per_km2" }]
"""


def write_raster(path, values, *, nodata=None, crs="EPSG:4326", **options):
    """Cells of 0.05 degrees from 8 E, 50 N."""
    options = {"driver": "GTiff", "count": 1, "dtype": "float64", "nodata": nodata} | options
    height, width = values.shape
    transform = Affine(0.05, 0.0, 8.0, 0.0, -0.05, 50.0)
    with rasterio.open(
        path, "w", width=width, height=height, crs=crs, transform=transform, **options
    ) as file:
        file.write(values.astype("float64"), 1)


def clouds():
    """More people the farther east, but none for 20 km round Graz."""
    values = np.full((80, 180), 100.0) * (1.0 + np.arange(180) / 60.0)
    lat, lon = 50.0 - 0.05 * (np.arange(80) + 0.5), 8.0 + 0.05 * (np.arange(180) + 0.5)
    away = np.hypot((lat[:, None] - 47.067) * 111.2, (lon - 15.442) * 75.8)
    values[away < 20.0] = 0.0
    return values


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    folder = tmp_path_factory.mktemp("intensity")
    write_raster(folder / "people.tif", clouds())
    density = np.full((80, 180), 50.0)
    density[:, :64] = -1.0  # no data west of 11.2 E: all of Augsburg, none of Munich
    write_raster(folder / "density.tif", density, nodata=-1.0)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        run = gclust.run(study_folder(folder, extra=SECTION), folder / "run")
    return run, [str(each.message) for each in caught if each.category is GclustWarning]


def test_ranks_and_their_spread_by_hand():
    measured = pd.DataFrame(
        {
            "rank": [1, 2, 3] * 3,
            "cluster_id": [5, 0, 2] * 3,
            "name": ["A", "B", "C"] * 3,
            "economies": "DE",
            "score": [9.0, 6.0, 3.0] * 3,
            "amount": [9.0, 6.0, 3.0] * 3,
            "combination": np.repeat(["own", "wide", "other"], 3),
            "population": [9e6, 3e6, 1e6, 1e6, 1e6, 0.0, np.nan, 6e6, 3e6],
            "uncovered_share": [0, 0, 0, 0, 0.2, 0, 1, 0, 0.1],
        }
    )
    detail = rank_intensities(measured)
    assert detail["intensity"].tolist()[:5] == [1.0, 2.0, 3.0, 9.0, 6.0]
    assert detail["intensity_rank"].tolist() == [3, 2, 1, 1, 2, pd.NA, pd.NA, 1, 1]
    table = jitter_table(detail)
    expected = pd.DataFrame(
        {
            "rank": [1, 2, 3],
            "cluster_id": [5, 0, 2],
            "name": ["A", "B", "C"],
            "economies": "DE",
            "score": [9.0, 6.0, 3.0],
            "intensity_rank": [3, 2, 1],
            "least_intensity_rank": [1, 1, 1],
            "largest_intensity_rank": [3, 2, 1],
            "intensity_rank_range": [2, 1, 0],
            "ranked_under": [2, 3, 2],
            "largest_uncovered_share": [1.0, 0.2, 0.1],
            "own": [3, 2, 1],
            "wide": pd.array([1, 2, pd.NA], dtype="Int64"),
            "other": pd.array([pd.NA, 1, 1], dtype="Int64"),
        }
    )
    pd.testing.assert_frame_equal(table, expected, check_dtype=False)


def test_a_study_measures_each_combination(done):
    run, _ = done
    detail = run.intensity.detail
    names = ["discs 3.33 km", "discs 1 km", "wide", "convex", "concave 4 km", "alpha 5 km",
             "cells 3 km"]  # fmt: skip
    both = [f"{name} on {raster}" for name in names for raster in ("people", "density")]
    assert detail["combination"].unique().tolist() == both
    assert len(detail) == 3 * 14
    own = detail[detail["combination"] == both[0]].set_index("cluster_id")
    ranking = run.ranking.set_index("cluster_id")
    for column in ("area_km2", "population", "intensity", "intensity_rank", "uncovered_share"):
        pd.testing.assert_series_equal(own[column], ranking[column])
    places = run.locations
    shapes = footprints(
        places["lat"], places["lon"], places["core"], places["cluster_id"],
        FootprintOptions(method="alpha", radius_km=10 / 3, alpha_km=5.0), n_clusters=3,
    )  # fmt: skip
    with pytest.warns(GclustWarning):
        people = population(shapes, run.study.folder / "density.tif", unit="per_km2")
    found = detail[detail["combination"] == "alpha 5 km on density"].set_index("cluster_id")
    pd.testing.assert_frame_equal(
        found[["population", "uncovered_share"]],
        people.loc[found.index].rename_axis("cluster_id"),
        check_exact=False,
    )


def test_who_has_no_inhabitants_has_no_rank(done):
    run, told = done
    rows = run.intensity.detail.set_index(["name", "raster"])
    assert (rows.loc[("Graz", "people"), "population"] == 0.0).all()
    assert rows.loc[("Graz", "people"), ["intensity", "intensity_rank"]].isna().all(axis=None)
    assert (rows.loc[("Augsburg", "density"), "uncovered_share"] == 1.0).all()
    table = run.intensity.table.set_index("name")
    assert table["ranked_under"]["Munich"] == 14
    assert table["ranked_under"][["Augsburg", "Graz"]].tolist() == [7, 7]
    assert table["intensity_rank"].isna().tolist() == (table.index == "Graz").tolist()
    assert table["largest_uncovered_share"]["Augsburg"] == 1.0
    assert any("[intensity] wide on density: density.tif has no data" in text for text in told)
    assert run.ranking.columns[-3:].tolist() == [
        "uncovered_share", "outside_share", "foreign_share"
    ]  # fmt: skip


def test_the_terminal_s_table_takes_no_uncovered_share_for_a_kind(done):
    run, _ = done
    told = ranking_table(run.ranking, width=120, top=3)
    assert "uncovered" not in told
    assert "patent" in told


def test_files_and_read_back(done):
    run, _ = done
    for name in ("intensity.csv", "intensity_detail.csv"):
        assert (run.path / name).is_file()
    for ending in ("png", "pdf"):
        assert (run.path / "figures" / f"intensity.{ending}").is_file()
    again = gclust.read_run(run.path)
    pd.testing.assert_frame_equal(again.intensity.table, run.intensity.table, check_dtype=False)
    pd.testing.assert_frame_equal(again.intensity.detail, run.intensity.detail, check_dtype=False)
    assert again.study.sizes(again.study.intensity.footprints[3])["edge_km"] == 4.0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        anew = gclust.intensity_spread(again)
    pd.testing.assert_frame_equal(anew.table, run.intensity.table)
    pd.testing.assert_frame_equal(anew.detail, run.intensity.detail)


def test_a_call_on_a_run_takes_what_a_study_takes(done):
    run, _ = done
    told = []
    found = gclust.intensity_spread(
        run,
        usual=True,
        footprints=[{"method": "concave", "ratio": 0.5}, {"method": "discs", "radius_km": 10 / 3}],
        progress=lambda fraction, stage: told.append((fraction, stage)),
    )
    assert found.table.columns[11:].tolist() == [
        "discs 3.33 km", "discs 1.67 km", "discs 5 km", "convex", "concave 10 km", "alpha 5 km",
        "cells 3.33 km", "concave, ratio 0.5",
    ]  # fmt: skip
    assert told[0] == (0.0, "compare intensities")
    assert told[-1] == (1.0, "compare intensities")
    areas = found.detail.pivot(index="name", columns="footprint", values="area_km2")
    assert (areas["discs 1.67 km"] < areas["discs 3.33 km"]).all()
    assert (areas["alpha 5 km"] <= areas["convex"] * (1 + 1e-9)).all()


def test_shared_ground_counts_once(tmp_path):
    write_raster(tmp_path / "people.tif", clouds())
    extra = (
        '[population]\nraster = "people.tif"\n'
        '[intensity]\nfootprints = [{ method = "discs", radius_km = 40 }]\n'
    )
    run = gclust.run(study_folder(tmp_path, extra=extra))
    places = run.locations
    alone = [
        footprints(
            lat, lon, np.ones(len(lat), bool), np.zeros(len(lat), int),
            FootprintOptions(radius_km=40), n_clusters=1,
        )[0]
        for lat, lon in (
            (places.loc[places["cluster_id"] == each, name].to_numpy() for name in ("lat", "lon"))
            for each in range(3)
        )
    ]  # fmt: skip
    united = gpd.GeoSeries([shapely.union_all(alone)], crs=4326)
    wide = run.intensity.detail[run.intensity.detail["combination"] == "discs 40 km"]
    once = area_km2(united)[0]
    assert area_km2(alone).sum() > 1.1 * once
    assert wide["area_km2"].sum() == pytest.approx(once, rel=1e-5)
    people = population(united, tmp_path / "people.tif")["population"][0]
    assert wide["population"].sum() == pytest.approx(people, rel=1e-4)


def test_cells_of_the_raster_are_counted_whole(tmp_path):
    write_raster(tmp_path / "people.tif", clouds())
    extra = '[population]\nraster = "people.tif"\n[footprint]\nmethod = "raster"\n'
    run = gclust.run(study_folder(tmp_path, extra=extra + "[intensity]\nusual = true\n"))
    places = run.locations[run.locations["core"]]
    cells = pd.DataFrame(
        {
            "row": np.floor((50.0 - places["lat"]) / 0.05).astype(int),
            "column": np.floor((places["lon"] - 8.0) / 0.05).astype(int),
            "cluster_id": places["cluster_id"],
        }
    ).drop_duplicates()
    people = clouds()[cells["row"], cells["column"]]
    expected = pd.Series(people).groupby(cells["cluster_id"].to_numpy()).sum()
    found = run.ranking.set_index("cluster_id")["population"].sort_index()
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-6)
    assert run.intensity.detail["footprint"].iloc[0] == "raster cells"
    with pytest.raises(StudyError, match=r"method = 'raster' takes the cells of the population"):
        gclust.run(study_folder(tmp_path / "b", extra='[footprint]\nmethod = "raster"\n'))


def test_nobody_lives_anywhere(tmp_path):
    write_raster(tmp_path / "people.tif", np.zeros((80, 180)))
    extra = '[population]\nraster = "people.tif"\n[intensity]\nusual = true\n'
    run = gclust.run(study_folder(tmp_path, extra=extra), tmp_path / "run")
    assert run.intensity.table["ranked_under"].tolist() == [0, 0, 0]
    assert run.ranking["intensity_rank"].isna().all()
    again = gclust.read_run(tmp_path / "run").intensity.table
    pd.testing.assert_frame_equal(again, run.intensity.table, check_dtype=False)


WRONG = [
    ("[intensity]\nusual = true\n", "needs inhabitants; expected a raster in .population."),
    (
        '[intensity]\nrasters = [{ raster = "none.tif" }]\n',
        r"\[intensity\] rasters number 1: .*none\.tif does not exist",
    ),
    (
        '[intensity]\nfootprints = [{ method = "disks" }]\n',
        r"footprints number 1: method = 'disks'; expected 'discs' or .*did you mean 'discs'",
    ),
    (
        "[intensity]\nfootprints = [{ radius = 3 }]\n",
        r"number 1: 'radius' is not known; did you mean 'radius_km'",
    ),
    ("[intensity]\nfootprints = ['discs']\n", r"number 1 = 'discs'; expected a table of"),
    (
        "[intensity]\nfootprints = [{ edge_km = 3, ratio = 0.2 }]\n",
        r"\[intensity\] footprints number 1: ratio = 0\.2 and edge_km = 3; expected one",
    ),
    (
        '[population]\nraster = "people.tif"\n[intensity]\nfootprints = [{ method = "convex" },'
        ' { method = "convex", radius_km = 1 }]\n',
        "two footprints are called 'convex'",
    ),
    (
        '[population]\nraster = "people.tif"\n[intensity]\n'
        'rasters = [{ raster = "people.tif", unit = "per_km2" }]\n',
        "two rasters are called 'people'",
    ),
    (
        '[intensity]\nrasters = [{ raster = "nowhere.tif" }]\n',
        r"\[intensity\] rasters number 1: .*nowhere\.tif: the raster has no CRS",
    ),
]


@pytest.mark.parametrize(("extra", "match"), WRONG)
def test_what_cannot_be_compared_is_refused(tmp_path, extra, match):
    write_raster(tmp_path / "people.tif", clouds())
    write_raster(tmp_path / "nowhere.tif", clouds(), crs=None)
    with pytest.raises(StudyError, match=match):
        gclust.run(study_folder(tmp_path, extra=extra), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_nothing_is_compared_without_the_section(tmp_path):
    run = gclust.run(study_folder(tmp_path), tmp_path / "run")
    assert run.intensity is None
    assert gclust.read_run(run.path).intensity is None
    assert "uncovered_share" not in run.ranking
    assert set(run.ranking["name"]) == set(TOWNS)


def test_ctrl_c_in_the_middle_leaves_nothing(tmp_path):
    write_raster(tmp_path / "people.tif", clouds())
    study = study_folder(
        tmp_path, extra='[population]\nraster = "people.tif"\n[intensity]\nusual = true\n'
    )

    def stop(fraction, stage):
        if stage == "compare intensities" and fraction > 0.5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        gclust.run(study, tmp_path / "run", progress=stop)
    assert not (tmp_path / "run").exists()
