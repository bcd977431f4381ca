"""The script that a researcher writes without gclust: the peer of ``whole_run.py``.

    python benchmarks/whole_run_script.py FOLDER 15.0 150 OUT

Reads FOLDER/listings/*.parquet (``record, lat, lon``) and FOLDER/population.tif, clusters with the
package ``dbscan``, draws concave hulls with Shapely, counts records fractionally with pandas, sums
inhabitants with exactextract, and writes a CSV file and a GeoPackage. It merges nothing, names
nothing and draws no map.
"""

from __future__ import annotations

import sys
from pathlib import Path

import dbscan
import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from exactextract import exact_extract

EARTH_RADIUS_KM = 6371.0088
SEAM_DEGREES = 0.05
"""Width by which hulls are widened."""
RATIO = 0.1


def main(folder: Path, eps_km: float, min_samples: int, out: Path) -> None:
    """Cluster, count and measure; write ``ranking.csv`` and ``clusters.gpkg``."""
    listings = pd.read_parquet(folder / "listings", columns=["record", "lat", "lon"])
    lat, lon = np.radians(listings["lat"].to_numpy()), np.radians(listings["lon"].to_numpy())
    vectors = np.column_stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)])
    chord = 2.0 * np.sin(eps_km / EARTH_RADIUS_KM / 2.0)
    labels, _ = dbscan.DBSCAN(vectors, eps=chord, min_samples=min_samples)
    listings["cluster"] = labels
    of_record = listings.groupby("record")["lat"].transform("size")
    counts = (1.0 / of_record).groupby(listings["cluster"]).sum()
    inside = listings[listings["cluster"] >= 0].drop_duplicates(["lat", "lon"])
    hulls = {}
    for cluster, points in inside.groupby("cluster"):
        hull = shapely.concave_hull(shapely.multipoints(points[["lon", "lat"]].to_numpy()), RATIO)
        hulls[cluster] = shapely.buffer(hull, SEAM_DEGREES)
    shapes = gpd.GeoDataFrame({"cluster": list(hulls)}, geometry=list(hulls.values()), crs=4326)
    people = exact_extract(folder / "population.tif", shapes, ["sum"], output="pandas")
    shapes["inhabitants"] = people["sum"].to_numpy()
    shapes["area_km2"] = shapes.to_crs("ESRI:54034").area / 1e6
    shapes["records"] = shapes["cluster"].map(counts)
    shapes["share"] = 100.0 * shapes["records"] / counts.sum()
    shapes["intensity"] = shapes["records"] / shapes["inhabitants"]
    ranking = shapes.sort_values("records", ascending=False)
    ranking.drop(columns="geometry").to_csv(out / "ranking.csv", index=False)
    ranking.to_file(out / "clusters.gpkg")


if __name__ == "__main__":
    main(Path(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4]))
