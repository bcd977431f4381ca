"""Small rasters for tests: cells of 0.01 degrees from 8 E, 50 N; and what mends them."""

from __future__ import annotations

import re
import shlex

import geopandas
import rasterio
import shapely
from click.testing import CliRunner
from rasterio import Affine
from rasterio.rio.main import main_group

WEST, NORTH, SIDE = 8.0, 50.0, 0.01


def write_raster(path, values, *, column=0, row=0, crs="EPSG:4326", transform=None, **options):
    """Write bands (or one) whose first cell is that of a column and row."""
    bands = values if values.ndim == 3 else values[None]
    transform = transform or Affine(SIDE, 0.0, WEST, 0.0, -SIDE, NORTH)
    # As rasterio.windows.transform has it.
    x, y = transform @ (column, row)
    moved = Affine.translation(x - transform.c, y - transform.f) @ transform
    driver = options.pop("driver", "GTiff")
    count, height, width = bands.shape
    with rasterio.open(
        path, "w", driver=driver, count=count, height=height, width=width, dtype=bands.dtype,
        crs=crs, transform=moved, **options,
    ) as file:  # fmt: skip
        file.write(bands)
    return path


def scale(path, factor, offset=0.0):
    """Say that what is stored is to be multiplied and shifted."""
    with rasterio.open(path, "r+") as file:
        file.scales, file.offsets = (factor,) * file.count, (offset,) * file.count
    return path


def box(first_column, first_row, end_column, end_row):
    """The footprint of whole cells."""
    west, east = (WEST + SIDE * column for column in (first_column, end_column))
    north, south = (NORTH - SIDE * row for row in (first_row, end_row))
    return geopandas.GeoSeries([shapely.box(west, south, east, north)], crs="EPSG:4326")


def mend(message):
    """Run what an error advises: ``rio`` and its arguments, at the end of the message."""
    _, *arguments = shlex.split(re.search(r"rio (?:edit-info|calc) .*$", message)[0])
    done = CliRunner().invoke(main_group, arguments)
    assert done.exit_code == 0, done.output
