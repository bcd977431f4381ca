"""
DBSCAN, HDBSCAN or contours
===========================

Three ways to find clusters, all exact and weighted. DBSCAN asks for one density everywhere.
HDBSCAN takes each cluster at its own density, so that a dense centre and a loose region may both
be clusters. Contours draw a line where a smoothed density passes a threshold.
"""

import matplotlib.pyplot as plt
from towns import listings

import gclust

points = listings()[["lat", "lon"]]
models = {
    "DBSCAN": gclust.DBSCAN(eps_km=8, min_samples=300),
    "HDBSCAN": gclust.HDBSCAN(min_cluster_size=150, min_samples=20),
    "contours": gclust.DensityContour(bandwidth_km=4, threshold=150, share=0.7),
}

# %%
# The same points, coloured by their clusters; noise is grey.
figure, axes = plt.subplots(1, 3, figsize=(10, 4), sharey=True, layout="constrained")
for ax, (name, model) in zip(axes, models.items(), strict=True):
    labels = model.fit(points).labels_
    noise = labels < 0
    ax.scatter(points["lon"][noise], points["lat"][noise], s=1, c="0.75")
    ax.scatter(points["lon"][~noise], points["lat"][~noise], s=2, c=labels[~noise], cmap="tab20")
    ax.set(title=f"{name}: {labels.max() + 1} clusters", xlabel="longitude", aspect=1 / 0.66)
axes[0].set_ylabel("latitude")
