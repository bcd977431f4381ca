"""Warnings of rasters whose cells are large for footprints, or partly sea."""

import warnings

import geopandas as gpd
import numpy as np
import pytest
import rasterio
import shapely
from rasterio.transform import from_origin

from gclust.errors import GclustWarning
from gclust.places.basemap import countries
from gclust.places.footprints.outlines import FootprintOptions, footprints
from gclust.places.rasters.coarse import Coarseness
from gclust.places.rasters.covered_cells import CellPlane
from gclust.places.rasters.files import RasterFiles
from gclust.places.rasters.population import population
from gclust.places.rasters.tiles import opened

TOWNS = {"Helsinki": (60.17, 24.94), "Munich": (48.14, 11.57), "Suva": (-18.14, 178.44)}


def write(path, side, west, north, shape, crs="EPSG:4326"):
    with rasterio.open(
        path, "w", driver="GTiff", width=shape[1], height=shape[0], count=1, dtype="float32",
        crs=crs, transform=from_origin(west, north, side, side),
    ) as file:  # fmt: skip
        file.write(np.full(shape, 9, "float32"), 1)
    return path


def discs(radius_km, names=TOWNS):
    lat, lon = np.array([TOWNS[name] for name in names]).T
    n = np.arange(len(lat))
    return footprints(
        lat, lon, n >= 0, n, FootprintOptions(radius_km=radius_km), n_clusters=len(lat)
    )


def warnings_of(shapes, path, **options):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        population(shapes, path, names=list(TOWNS)[: len(shapes)], **options)
    return [str(each.message) for each in caught if each.category is GclustWarning]


def test_cells_and_coasts_are_named(tmp_path):
    quarter = write(tmp_path / "quarter.tif", 0.25, -180, 90, (720, 1440))
    (message,) = warnings_of(discs(10), quarter)
    assert "3 of 3 footprints cover fewer than 20 of its cells" in message
    assert "Suva (0.4 cells), Munich (0.6 cells), Helsinki (0.8 cells)" in message
    assert "2 of 3 footprints lie by more than 10 %" in message
    assert "finer rasters exist: GHS-POP and WorldPop (100 m), and GPW" in message
    assert warnings_of(discs(10), quarter, warn_of_coarse=False) == []
    fine = write(tmp_path / "fine.tif", 0.01, 11, 49, (200, 200))
    assert warnings_of(discs(10, ["Munich"]), fine) == []


@pytest.mark.filterwarnings("ignore::gclust.errors.GclustWarning")
@pytest.mark.parametrize(
    ("town", "crs"),
    [
        ("Helsinki", "EPSG:4326"),
        ("Helsinki", "EPSG:3067"),
        ("Suva", "EPSG:4326"),
        ("Suva", "0 to 360"),
        ("Munich", "EPSG:4326"),
    ],
)
def test_coasts_are_those_that_meet_cells(tmp_path, town, crs):
    """Share of the area in cells whose polygon the coast meets, with each cell as a polygon."""
    lat, lon = TOWNS[town]
    if crs == "EPSG:3067":  # a plane of Finland
        path = write(tmp_path / "r.tif", 4000.0, 200_000, 6_800_000, (100, 100), crs)
    else:
        west = lon - 2 if crs == "EPSG:4326" or lon > 90 else 0
        path = write(tmp_path / "r.tif", 0.05, round(west, 1), round(lat + 2, 1), (90, 600))
    (shape,) = discs(25, [town])
    coast = shapely.union_all(countries().geometry.to_numpy()).boundary
    with opened(RasterFiles.of(path), None) as source:
        plane = CellPlane(source)
        fit = Coarseness(plane)
        in_crs = gpd.GeoSeries([shape], crs=4326).segmentize(0.05).to_crs(source.crs)[0]
        area, wet = 0.0, 0.0
        for cells in next(plane.cells([in_crs], true_areas=True)):
            fit.add(cells)
            for column, row, coverage, km2 in zip(
                cells.column, cells.row, cells.coverage, cells.km2, strict=True
            ):
                x, y = source.transform @ (
                    np.array([column, column + 1, column + 1, column]),
                    np.array([row, row, row + 1, row + 1]),
                )
                ring = gpd.GeoSeries([shapely.Polygon(zip(x, y, strict=True))], crs=source.crs)
                cell = ring.to_crs(4326)[0]
                area += coverage * km2
                wet += coverage * km2 * cell.intersects(coast)
        fit.end()
    # The coast is looked up at points, which may miss the corner of a cell.
    assert fit.coast[0] == pytest.approx(wet / area, abs=0.02)
    assert (fit.coast[0] > 0.1) == (town != "Munich")
