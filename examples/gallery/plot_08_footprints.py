"""
One cluster, three footprints
=============================

The footprint decides of which ground area and inhabitants are taken. Discs follow the listings
closely, a concave hull closes the gaps, a convex hull takes in what lies between.
"""

import matplotlib.pyplot as plt
from towns import listings

import gclust

table = listings()
figure, axes = plt.subplots(1, 3, figsize=(10, 4), sharey=True, layout="constrained")
for ax, method in zip(axes, ("discs", "concave", "convex"), strict=True):
    run = gclust.run(
        gclust.Study(
            sources=[gclust.Source(kind="patent", data=table)],
            clusters={"eps_km": 8, "min_samples": 300},
            footprint={"method": method},
        )
    )
    first = run.clusters.iloc[[0]]
    name, area = first["name"].item(), first["area_km2"].item()
    inside = run.locations[run.locations["cluster_id"] == first["cluster_id"].item()]
    first.plot(ax=ax, facecolor="#cfe3f7", edgecolor="#24527a")
    ax.scatter(inside["lon"], inside["lat"], s=1, c="0.2")
    ax.set(title=f"{method}: {area:,.0f} km²", xlabel=f"longitude ({name})", ylabel="")
axes[0].set_ylabel("latitude")
