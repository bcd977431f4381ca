"""Reader of layers of GeoPackage and GeoJSON files."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from gclust.errors import StudyError, first_line
from gclust.listings.engines.protocol import FileDatabase
from gclust.listings.readers.points import PointFile, read_points
from gclust.listings.sources.column_names import AXES
from gclust.listings.sources.column_resolver import ColumnResolver
from gclust.listings.sources.inputs import Inputs
from gclust.listings.sources.source import SourceFiles
from gclust.listings.sources.source_part import SourcePart

WKB_NAME = "wkb_geometry"
"""Name that GDAL gives to a geometry column without a name."""


def open_layers(
    engine: FileDatabase,
    source: SourceFiles,
    files: Sequence[str],
    inputs: Inputs,
    resolver: ColumnResolver,
) -> tuple[list[SourcePart], list[str]]:
    """Read one layer of each file: the one that the source names, or the only one with a geometry.

    For parameters and returns see `gclust.listings.readers.csv.read.open_csv`.
    """
    inputs.hash_in_background(files)
    points = {path: _points_of_layer(path, source) for path in files}
    return read_points(engine, source, points, resolver)


def _points_of_layer(path: str, source: SourceFiles) -> PointFile:
    """Find the points of a file's layer: the named one, or the only one with a geometry."""
    import pyogrio

    try:
        layers = {str(name): geometry for name, geometry in pyogrio.list_layers(path)}
    except pyogrio.errors.DataSourceError as error:
        raise StudyError(f"{path}: cannot be read: {first_line(error)}") from error
    layer = source.layer
    messages: tuple[str, ...] = ()
    if layer is not None and layer not in layers:
        raise StudyError(f"{path}: has no layer {layer!r}; it has {', '.join(layers) or 'none'}")
    if layer is None:
        if not layers:
            raise StudyError(f"{path}: has no layer; expected one with the listings")
        spatial = [name for name, geometry in layers.items() if geometry is not None]
        listed = ", ".join(layers)
        if len(layers) > 1 and len(spatial) != 1:
            raise StudyError(
                f'{path}: has the layers {listed}; name one in the source\'s layer = "..."'
            )
        layer = spatial[0] if spatial else next(iter(layers))
        if len(layers) > 1:
            read = f"{path}: the only layer with a geometry is read, {layer!r}"
            messages = (f"{read}; its layers are {listed}",)
    info = pyogrio.read_info(path, layer=layer)
    names = tuple(map(str, info["fields"]))
    by_geometry = layers[layer] is not None and not set(AXES) <= set(source.columns)
    geometry, crs = (WKB_NAME, info["crs"]) if by_geometry else ("", None)

    def load(columns: Sequence[str]) -> tuple[pa.Table, Any]:
        # Read as Arrow, so that whole numbers keep all digits.
        try:
            meta, table = pyogrio.read_arrow(path, layer=layer, columns=list(columns))
        except (pyogrio.errors.DataSourceError, RuntimeError, pa.ArrowException) as error:
            raise StudyError(f"{path}: cannot be read: {first_line(error)}") from error
        if not by_geometry:
            return table, None
        return table, table.column(meta["geometry_name"] or WKB_NAME)

    return PointFile(path, names, geometry, crs, load, messages)
