"""
Given areas beside clusters
===========================

Regions of your own are counted and ranked as clusters are. Here squares of a grid: a border
through a cluster divides its records, which is why rankings by regions and by clusters differ.
"""

import tempfile
from pathlib import Path

import geopandas as gpd
import matplotlib.pyplot as plt
from shapely.geometry import box
from towns import listings

import gclust

squares = gpd.GeoDataFrame(
    {"name": [f"square {x} {y}" for x in range(5) for y in range(4)]},
    geometry=[box(7 + x, 47 + y, 8 + x, 48 + y) for x in range(5) for y in range(4)],
    crs="EPSG:4326",
)
path = Path(tempfile.mkdtemp(), "squares.gpkg")
squares.to_file(path)
run = gclust.run(
    gclust.Study(
        sources=[gclust.Source(kind="patent", data=listings())],
        clusters={"eps_km": 8, "min_samples": 300},
        places={"given": str(path)},
    )
)
areas = run.given_areas()
print(areas[["name", "rank", "patent_count", "score"]].head().to_string(index=False))

# %%
figure, ax = plt.subplots(figsize=(7, 5), layout="constrained")
areas.plot(
    ax=ax,
    column="score",
    cmap="Blues",
    edgecolor="0.6",
    legend=True,
    legend_kwds={"label": "score of the square", "shrink": 0.7},
)
run.clusters.boundary.plot(ax=ax, color="#b8403a", linewidth=1.2)
ax.set(xlabel="longitude", ylabel="latitude")
