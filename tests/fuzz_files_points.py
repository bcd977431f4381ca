"""Files with a geometry column: GeoParquet, GeoPackage, GeoJSON."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pyogrio
import shapely

from tests.fuzz_files_parquet import part_of, typed
from tests.fuzz_files_tables import Rows, as_text
from tests.fuzz_files_truth import Case, number_of


def on_grid(rng: random.Random, rows: Rows) -> Rows:
    """Put coordinates where a projection and six decimals do not depend on the last bits."""
    return [
        {**row, "lat": rng.randrange(-120, 120) / 2 + 0.25, "lon": rng.randrange(-359, 359) / 2}
        for row in rows
    ]


def frame_of(
    rng: random.Random, case: Case, rows: Rows, names: dict[str, str], plain: bool = False
) -> tuple[gpd.GeoDataFrame, Rows]:
    """Return rows as a frame of points in some CRS, and as what it holds; some are no points."""
    crs = rng.choice((4326, 4326, 4326, 3857, 2056, "OGC:CRS84"))
    rows = [dict(row) for row in rows]
    for row in rows:
        lat, lon = number_of(row["lat"]), number_of(row["lon"])
        is_point = lat is not None and lon is not None and abs(lat) < 1000 and abs(lon) < 1000
        row["lat"], row["lon"] = (lat, lon) if is_point else (None, None)
    if crs in (3857, 2056):
        rows, case.is_loose = on_grid(rng, rows), True
        case.way.append(f"EPSG:{crs}")
    if crs == 2056:  # Switzerland's
        rows = [{**row, "lat": 46 + row["lat"] / 100, "lon": 8 + row["lon"] / 200} for row in rows]
    attributes = [{k: v for k, v in row.items() if k not in ("lat", "lon")} for row in rows]
    frame, held = plain_frame(attributes), attributes
    if attributes[0] and not plain and rng.random() < 0.4:
        table, held = typed(rng, attributes, [])
        frame = table.to_pandas(types_mapper=pd.ArrowDtype)
    frame = frame.rename(columns=names)
    points = [None if row["lat"] is None else (row["lon"], row["lat"]) for row in rows]
    shapes: list[Any] = [None if at is None else shapely.Point(at) for at in points]
    if rng.random() < 0.1:
        case.way.append("empty points")
        shapes = [shapely.Point() if shape is None else shape for shape in shapes]
    if rng.random() < 0.1:
        case.way.append("multipoints")
        shapes = [shapely.MultiPoint([at]) if at else None for at in points]
        case.doubt("either", "multipoints")
    geo = gpd.GeoDataFrame(frame, geometry=shapes, crs=4326, index=range(len(rows)))
    case.options["columns"] = {
        k: v for k, v in case.options["columns"].items() if k not in ("lat", "lon")
    }
    held = [{**row, **have} for row, have in zip(rows, held, strict=True)]
    return geo if crs == 4326 else geo.to_crs(crs), held


def plain_frame(rows: Rows) -> pd.DataFrame:
    """Return rows as a frame of whole numbers, floats and texts."""
    frame = {}
    for role in rows[0]:
        values = [row[role] for row in rows]
        kinds = {type(value) for value in values if value is not None}
        if kinds == {int}:
            frame[role] = pd.array(values, dtype="Int64")
        elif kinds <= {int, float} and kinds:
            frame[role] = np.array(values, dtype=float)
        else:
            frame[role] = np.array(
                [None if v is None else as_text(v) for v in values], dtype=object
            )
    return pd.DataFrame(frame, index=range(len(rows)))


def beside_geometry(rng: random.Random, case: Case, frame: gpd.GeoDataFrame) -> None:
    """Add columns to a frame's geometry that may be taken for its coordinates."""
    if rng.random() < 0.2:
        case.way.append("LAT and geometry")
        names = rng.choice((("LAT", "LON"), ("Lat", "Lon"), ("latitude", "longitude")))
        for name in names:
            if name not in frame.columns:
                frame[name] = 7.5
        case.doubt("either", "names of coordinates and a geometry")


def geoparquet(rng: random.Random, case: Case, rows: Rows, names: dict, folder: Path) -> None:
    """One or several files by ``GeoDataFrame.to_parquet``."""
    frame, held = frame_of(rng, case, rows, names)
    beside_geometry(rng, case, frame)
    case.way.insert(0, "geoparquet")
    if rng.random() < 0.15:
        frame["hull"] = gpd.GeoSeries([shapely.box(0, 0, 1, 1)] * len(frame), crs=frame.crs)
        case.way.append("two geometries")
        if rng.random() < 0.5:
            frame = frame[["hull", *[c for c in frame.columns if c != "hull"]]]
    if rng.random() < 0.1:
        frame = frame.rename_geometry("geom")
    count = rng.choice((1, 1, 2)) if len(rows) > 1 else 1
    case.path = "parts" if count > 1 else "rows" + rng.choice((".parquet", ".geoparquet"))
    for number in range(count):
        file = f"parts/part-{number}.parquet" if count > 1 else case.path
        (folder / file).parent.mkdir(exist_ok=True)
        frame.iloc[number::count].to_parquet(folder / file)
        case.parts.append(part_of(file, held[number::count]))


def bare_wkb(rng: random.Random, case: Case, rows: Rows, names: dict, folder: Path) -> None:
    """A Parquet file with points as bytes, and nothing that says so."""
    frame, held = frame_of(rng, case, rows, names)
    case.way.insert(0, "bare WKB")
    is_lonlat = not case.is_loose
    table = pa.table({**frame.drop(columns="geometry"), "geometry": frame.geometry.to_wkb()})
    case.path = "rows.parquet"
    pq.write_table(table, folder / case.path)
    case.doubt("either" if is_lonlat else "refused", "points without a word on them")
    case.parts.append(part_of(case.path, held))


def geopackage(rng: random.Random, case: Case, rows: Rows, names: dict, folder: Path) -> None:
    """A layer of a GeoPackage, in some with a table without geometry or another layer."""
    frame, held = frame_of(rng, case, rows[:60], names, plain=True)
    beside_geometry(rng, case, frame)
    case.way.insert(0, "geopackage")
    case.path = "rows.gpkg"
    frame.to_file(folder / case.path, driver="GPKG", layer="listings")
    if rng.random() < 0.3:
        other = pd.DataFrame({"a": [1, 2]})
        pyogrio.write_dataframe(other, folder / case.path, layer="attributes", append=True)
        case.way.append("another table")
        case.doubt("either", "a table in addition to the layer")
    if rng.random() < 0.3:
        case.options["layer"] = "listings"
        case.verdict = "read" if case.why == "a table in addition to the layer" else case.verdict
    case.parts.append(part_of(case.path, held))


def geojson(rng: random.Random, case: Case, rows: Rows, names: dict, folder: Path) -> None:
    """A GeoJSON file, in longitude and latitude as these are by definition."""
    features = []
    held = []
    for row in rows:
        lat, lon = number_of(row["lat"]), number_of(row["lon"])
        is_point = lat is not None and lon is not None and abs(lat) < 1000 and abs(lon) < 1000
        shape = {"type": "Point", "coordinates": [lon, lat]} if is_point else None
        values = {names[k]: v for k, v in row.items() if k not in ("lat", "lon")}
        features.append({"type": "Feature", "properties": values, "geometry": shape})
        where = {"lat": lat, "lon": lon} if is_point else {"lat": None, "lon": None}
        held.append({**row, **where})
    case.options["columns"] = {
        k: v for k, v in case.options["columns"].items() if k not in ("lat", "lon")
    }
    case.path = "rows" + rng.choice((".geojson", ".json"))
    text = json.dumps({"type": "FeatureCollection", "features": features}, ensure_ascii=False)
    (folder / case.path).write_bytes(text.encode("utf-8"))
    case.way.insert(0, "geojson")
    case.doubt("either", "GeoJSON")
    case.parts.append(part_of(case.path, held))


POINTS = {geoparquet: 4, bare_wkb: 1, geopackage: 1, geojson: 1}
